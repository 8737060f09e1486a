package cluster

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/instance"
)

// Redis instances of several operators in one namespace, and the objects they created, which are no instances themselves.
func TestFindOperators(t *testing.T) {
	o := newObjects()
	replication := Kind{"redis.redis.opstreelabs.in/v1beta2", "RedisReplication", "redisreplications"}
	sentinel := Kind{"redis.redis.opstreelabs.in/v1beta2", "RedisSentinel", "redissentinels"}
	old := Kind{"redis.redis.opstreelabs.in/v1beta1", "RedisReplication", "redisreplications"}
	o.served = []Kind{failoverKind, replication, sentinel, old}
	o.add(t, replication, "metadata: {namespace: default, name: queue}\nspec: {clusterSize: 2, kubernetesConfig: {redisSecret: {name: queue-auth, key: pass}}}")
	o.add(t, old, "metadata: {namespace: default, name: queue}\nspec: {clusterSize: 2}")
	o.add(t, sentinel, "metadata: {namespace: default, name: watch}\nspec: {clusterSize: 3, redisSentinelConfig: {redisReplicationName: queue}}")
	o.add(t, statefulSetKind, "metadata: {namespace: default, name: queue, ownerReferences: [{kind: RedisReplication, name: queue, controller: true}]}\n"+
		"spec: {template: {metadata: {labels: {app: queue}}, spec: {containers: [{name: queue, image: 'quay.io/opstree/redis:v7'}]}}}")
	for i, role := range []string{"slave", "master"} {
		o.add(t, podKind, fmt.Sprintf("metadata: {namespace: default, name: queue-%d, labels: {app: queue, redis_setup_type: replication, role: replication, redis-role: %s}}\n"+
			"spec: {containers: [{name: exporter, ports: [{containerPort: 9121}]}, {name: queue, ports: [{name: redis, containerPort: 6379}]}]}\nstatus: {phase: Running, podIP: 10.0.0.%d}", i, role, i+1))
	}
	o.add(t, podKind, "metadata: {namespace: default, name: watch-0, labels: {app: watch-sentinel}}\nspec: {containers: [{name: s, ports: [{name: sentinel, containerPort: 26380}]}]}\nstatus: {phase: Running}")
	o.add(t, serviceKind, "metadata: {namespace: default, name: watch-sentinel}\nspec: {selector: {app: watch-sentinel}, ports: [{port: 26379, targetPort: sentinel}]}")
	o.add(t, statefulSetKind, "metadata: {namespace: default, name: plain, labels: {app.kubernetes.io/instance: web}}\nspec: {template: {metadata: {labels: {app: plain}}, spec: {containers: [{name: a, image: nginx}, {name: r, image: 'redis:7', ports: [{containerPort: 6400}],"+
		" env: [{name: REDIS_PASSWORD, valueFrom: {secretKeyRef: {name: plain-auth, key: p}}}]}]}}}")
	o.add(t, podKind, "metadata: {namespace: default, name: plain-0, labels: {app: plain}}\nspec: {containers: [{name: a}, {name: r, ports: [{containerPort: 6400}]}]}\nstatus: {phase: Running, podIP: 10.0.0.9}")
	o.add(t, podKind, "metadata: {namespace: default, name: plain-old, labels: {app: plain}}\nstatus: {phase: Failed}")
	o.add(t, serviceKind, "metadata: {namespace: default, name: web-redis}\nspec: {selector: {app: plain}, ports: [{port: 6379, targetPort: 6400}]}")
	o.add(t, failoverKind, "metadata: {namespace: other, name: shop}\nspec: {}")
	c := o.open(t, Options{})
	var got []string
	for _, name := range []string{"queue", "plain", "web", "web-redis.default.svc.cluster.local"} {
		r := find(t, c, name)
		line := fmt.Sprintf("%s of %s: secret %s/%s", r, r.Operator, r.Auth.Secret, r.Auth.Key)
		for _, p := range slices.Concat(r.Pods, r.Watchers) {
			line += fmt.Sprintf(", %s/%s:%d %s", p.Name, p.Container, p.Port, p.Label)
		}
		got = append(got, strings.TrimRight(line, " "))
	}
	plain := "StatefulSet default/plain of workload: secret plain-auth/p, plain-0/r:6400"
	want := []string{"RedisReplication default/queue of opstree: secret queue-auth/pass, queue-0/queue:6379 replica, queue-1/queue:6379 master, watch-0/s:26380", plain, plain, plain}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if _, err := c.Find(t.Context(), "shop"); err == nil || !strings.Contains(err.Error(), `no Redis "shop"; one of "plain", "queue"`) {
		t.Errorf("of another namespace: %v", err)
	}
	everywhere := o.open(t, Options{AllNamespaces: true})
	o.add(t, failoverKind, "metadata: {namespace: default, name: shop}\nspec: {}")
	if _, err := everywhere.Find(t.Context(), "shop"); err == nil || !strings.Contains(err.Error(), "\"shop\" matches 2 Redis instances; pass one of these names, and --namespace if needed:\n  RedisFailover default/shop\n  RedisFailover other/shop") {
		t.Errorf("two of a name: %v", err)
	}
}

// An instance of a repository is looked for where the files say.
func TestLive(t *testing.T) {
	o := newObjects()
	o.add(t, failoverKind, "metadata: {namespace: other, name: shop}\nspec: {}")
	c := o.open(t, Options{})
	in := &instance.Instance{Name: "shop", Namespace: "other", Kind: "RedisFailover", Where: "apps/shop.yaml:1"}
	if r, err := c.Live(t.Context(), in); err != nil || r.String() != "RedisFailover other/shop" {
		t.Error(r, err)
	}
	in.Namespace = ""
	if _, err := c.Live(t.Context(), in); err == nil || err.Error() != `apps/shop.yaml:1 not found in namespace "default" (no RedisFailover "shop"); check that it is committed, and that Argo CD or Flux has applied it` {
		t.Error(err)
	}
	o.refuses[failoverKind] = &Forbidden{Verb: "list", Resource: "redisfailovers.databases.spotahome.com", Namespace: "default", User: "eve"}
	for _, err := range []error{second(c.Live(t.Context(), in)), second(c.Find(t.Context(), "shop")), second(c.All(t.Context()))} {
		if err == nil || !strings.Contains(err.Error(), `not permitted to list redisfailovers.databases.spotahome.com in namespace "default" as "eve"`) {
			t.Error(err)
		}
	}
	// With access to one kind, its Redis instances are found.
	o.refuses = map[Kind]error{statefulSetKind: &Forbidden{Verb: "list", Resource: "statefulsets.apps"}}
	in.Namespace = "other"
	if r, err := c.Live(t.Context(), in); err != nil {
		t.Error(r, err)
	}
	o.served = nil
	o.refuses = map[Kind]error{}
	if _, err := c.Find(t.Context(), "shop"); err == nil || !strings.Contains(err.Error(), "no operator CRD is installed") {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

// The version that nothing says is that of the Services which the operator has made, and unknown before it has made any.
func TestLiveVersion(t *testing.T) {
	service := func(o *objects, name, role string) {
		o.add(t, serviceKind, "metadata: {namespace: default, name: "+name+", ownerReferences: [{kind: RedisFailover, name: shop, controller: true}]}\n"+
			"spec: {selector: {app.kubernetes.io/name: shop, app.kubernetes.io/component: redis, app.kubernetes.io/part-of: redis-failover, redisfailovers-role: "+role+"}, ports: [{port: 6379}]}")
	}
	for _, tt := range []struct {
		services []string
		version  string
		absent   int
	}{
		{nil, "", 0},
		{[]string{"rfs-shop"}, "1.2.4", 3},
		{[]string{"rfs-shop", "rfrm-shop", "rfrs-shop"}, "1.3.0", 1}, // rfr-shop, with the exporter
	} {
		o := newObjects()
		o.add(t, failoverKind, "metadata: {namespace: default, name: shop}\nspec: {}")
		for _, name := range tt.services {
			service(o, name, map[string]string{"rfrm-shop": "master", "rfrs-shop": "slave", "rfs-shop": "none"}[name])
		}
		in := find(t, o.open(t, Options{}), "shop").Instance
		if in.Version != tt.version || len(in.Absent) != tt.absent {
			t.Errorf("%v: version %q, absent %+v", tt.services, in.Version, in.Absent)
		}
		for _, made := range in.Services {
			for _, absent := range in.Absent {
				if made.Name == absent.Name {
					t.Errorf("%v: %s is made and absent", tt.services, made.Name)
				}
			}
		}
	}
	// The Deployment of the operator knows best.
	o := newObjects()
	o.add(t, failoverKind, "metadata: {namespace: default, name: shop}\nspec: {}")
	o.add(t, deploymentKind, "metadata: {namespace: operators, name: o}\nspec: {template: {spec: {containers: [{image: 'quay.io/spotahome/redis-operator:v1.2.4'}]}}}")
	if in := find(t, o.open(t, Options{}), "shop").Instance; in.Version != "1.2.4" {
		t.Errorf("version %q", in.Version)
	}
}
