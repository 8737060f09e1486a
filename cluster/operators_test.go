package cluster

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
)

// shape is the Redis "shop" of an operator as it runs: its resources, and how its operator labels pods and names Services.
type shape struct {
	image    string // of the operator itself; "" for none
	objects  []shaped
	kind     string // of the instance
	pods     string // their labels, without the role
	role     string // the label of the role; "" for none
	roles    [2]string
	services map[string]string // selectors of those that lead to servers; "" selects all
	port     int               // of the servers
	servers  int
	secret   string // "name/key"; "" for no password
	watcher  string // the labels of the sentinels
	at       string // the Service of the sentinels; "" for none
	group    string
}

// shaped is a resource in YAML.
type shaped struct {
	kind Kind
	src  string
}

const (
	family   = "app.kubernetes.io/name: shop, app.kubernetes.io/component: redis, app.kubernetes.io/part-of: redis-failover, app.kubernetes.io/managed-by: redis-operator, redisfailovers.databases.spotahome.com/name: shop"
	watching = "app.kubernetes.io/name: shop, app.kubernetes.io/component: sentinel, app.kubernetes.io/part-of: redis-failover"
)

// ofSpotahome is the shape of its operator and the forks.
func ofSpotahome(image, spec string) shape {
	return shape{
		image: image, kind: "RedisFailover", objects: []shaped{{failoverKind, "metadata: {namespace: default, name: shop, labels: {redis-failover.freshworks.com/operator-group: default}}\n" +
			"spec: {auth: {secretPath: shop-auth}, redis: {replicas: 2}, " + spec + "}"}},
		pods: family, role: "redisfailovers-role", roles: [2]string{"master", "slave"}, services: map[string]string{"rfrm-shop": "master", "rfrs-shop": "slave"},
		servers: 2, port: 6379, secret: "shop-auth/password", watcher: watching, at: "rfs-shop", group: "mymaster",
	}
}

func ofOpsTree(kind string) Kind {
	return Kind{"redis.redis.opstreelabs.in/v1beta2", kind, strings.ToLower(kind) + "s"}
}

// shapes are those of every operator. Sources: cue/operator.
func shapes() map[string]shape {
	alauda := ofSpotahome("ghcr.io/alauda/redis-operator:v3.18.0", "sentinel: {replicas: 3, quorum: 2}")
	alauda.services = nil
	sets := func(name, labels, more string) shaped {
		return shaped{statefulSetKind, "metadata: {namespace: default, name: " + name + ", labels: {" + labels + "}}\nspec: {replicas: 1, selector: {matchLabels: {" + labels + "}}, template: {metadata: {labels: {" + labels + "}}, spec: {containers: [{name: redis, image: 'redis:7.2.16'" + more + "}]}}}"}
	}
	env := ", env: [{name: POD, value: x}, {name: REDISCLI_AUTH, valueFrom: {secretKeyRef: {name: shop-auth, key: password}}}]"
	return map[string]shape{
		"spotahome":  ofSpotahome("quay.io/spotahome/redis-operator:v1.3.0", "sentinel: {replicas: 3}"),
		"freshworks": ofSpotahome("ghcr.io/freshworks-oss/redis-operator:v3.3.5", "sentinel: {replicas: 3}"),
		"saremox":    ofSpotahome("ghcr.io/saremox/redis-operator:4.0.0", "sentinel: {replicas: 3, enabled: true}"),
		"powerhome":  ofSpotahome("powerhome/redis-operator:v4.3.2", "sentinel: {replicas: 3}"),
		"alauda":     alauda,
		"opstree": {
			image: "quay.io/opstree/redis-operator:v0.26.0", kind: "RedisReplication", objects: []shaped{
				{ofOpsTree("RedisReplication"), "metadata: {namespace: default, name: shop}\nspec: {clusterSize: 2, kubernetesConfig: {redisSecret: {name: shop-auth, key: password}}}"},
				{ofOpsTree("RedisSentinel"), "metadata: {namespace: default, name: watch}\nspec: {clusterSize: 3, redisSentinelConfig: {redisReplicationName: shop}}"},
			},
			pods: "app: shop, redis_setup_type: replication, role: replication", role: "redis-role", roles: [2]string{"master", "slave"},
			services: map[string]string{"shop": "", "shop-master": "master", "shop-replica": "slave"},
			servers:  2, port: 6379, secret: "shop-auth/password", watcher: "app: watch-sentinel, redis_setup_type: sentinel, role: sentinel", at: "watch-sentinel", group: "myMaster",
		},
		"kubedb": {
			image: "ghcr.io/kubedb/kubedb-provisioner:v0.67.0", kind: "Redis", objects: []shaped{
				{Kind{"kubedb.com/v1", "Redis", "redises"}, "metadata: {namespace: default, name: shop}\nspec: {mode: Sentinel, replicas: 2, sentinelRef: {name: watch, namespace: default}}"},
				{Kind{"kubedb.com/v1", "RedisSentinel", "redissentinels"}, "metadata: {namespace: default, name: watch}\nspec: {replicas: 3, disableAuth: true}"},
			},
			pods: "app.kubernetes.io/instance: shop, app.kubernetes.io/name: redises.kubedb.com, app.kubernetes.io/managed-by: kubedb.com", role: "kubedb.com/role", roles: [2]string{"primary", "standby"},
			services: map[string]string{"shop": "primary", "shop-standby": "standby", "shop-pods": ""},
			servers:  2, port: 6379, secret: "shop-auth/password", watcher: "app.kubernetes.io/instance: watch, app.kubernetes.io/name: redissentinels.kubedb.com", at: "watch", group: "default/shop",
		},
		"redis-enterprise": {
			image: "redislabs/operator:8.0.20-9", kind: "RedisEnterpriseDatabase", objects: []shaped{{Kind{"app.redislabs.com/v1alpha1", "RedisEnterpriseDatabase", "redisenterprisedatabases"}, "metadata: {namespace: default, name: shop}\nspec: {databasePort: 12000}"}},
			pods: "app: redis-enterprise, redis.io/role: node", services: map[string]string{"shop": ""}, servers: 1, port: 12000, secret: "redb-shop/password",
		},
		"valkey-operator": {
			image: "ghcr.io/valkey-io/valkey-operator:v0.5.0", kind: "ValkeyCluster", objects: []shaped{{Kind{"valkey.io/v1alpha1", "ValkeyCluster", "valkeyclusters"}, "metadata: {namespace: default, name: shop}\nspec: {shards: 1, users: [{name: default, passwordSecret: {name: shop-auth, keys: [password]}}]}"}},
			pods: "valkey.io/cluster: shop", services: map[string]string{"valkey-shop": ""}, servers: 1, port: 6379, secret: "shop-auth/password",
		},
		"hyperspike": {
			image: "ghcr.io/hyperspike/valkey-operator:v0.0.61", kind: "Valkey", objects: []shaped{{Kind{"hyperspike.io/v1", "Valkey", "valkeys"}, "metadata: {namespace: default, name: shop}\nspec: {nodes: 1, servicePassword: {name: shop-auth, key: password}}"}},
			pods: "app.kubernetes.io/name: valkey, app.kubernetes.io/instance: shop", services: map[string]string{"shop": "", "shop-headless": ""}, servers: 1, port: 6379, secret: "shop-auth/password",
		},
		"dragonfly": {
			image: "docker.dragonflydb.io/dragonflydb/operator:v1.6.1", kind: "Dragonfly", objects: []shaped{{Kind{"dragonflydb.io/v1alpha1", "Dragonfly", "dragonflies"}, "metadata: {namespace: default, name: shop}\nspec: {replicas: 2, authentication: {passwordFromSecret: {name: shop-auth, key: password}}}"}},
			pods: "app: shop", role: "role", roles: [2]string{"master", "replica"}, services: map[string]string{"shop": "master"}, servers: 2, port: 6379, secret: "shop-auth/password",
		},
		"workload": {
			kind: "StatefulSet", objects: []shaped{sets("shop", "app: shop", strings.ReplaceAll(env, "REDISCLI_AUTH", "REDIS_PASSWORD"))},
			pods: "app: shop", services: map[string]string{"shop": ""}, servers: 1, port: 6379, secret: "shop-auth/password",
		},
		"statefulset": {
			kind: "StatefulSet", objects: []shaped{
				sets("shop-a", "redis-gitops.io/redis: shop, redis-gitops.io/sentinels: watch", env), sets("shop-b", "redis-gitops.io/redis: shop, redis-gitops.io/sentinels: watch", env),
				sets("watch", "redis-gitops.io/sentinel: watch", ""),
			},
			pods: "redis-gitops.io/redis: shop", role: "redis-gitops.io/role", roles: [2]string{"master", "replica"}, services: map[string]string{"shop": "master"},
			servers: 2, port: 6379, secret: "shop-auth/password", watcher: "redis-gitops.io/sentinel: watch", at: "watch", group: "shop",
		},
		"reclaim": {
			kind: "StatefulSet", objects: []shaped{
				sets("shop-a", "redis.reclaim-the-stack.com/cluster: shop, redis.reclaim-the-stack.com/component: redis", ""),
				sets("shop-b", "redis.reclaim-the-stack.com/cluster: shop, redis.reclaim-the-stack.com/component: redis", ""),
			},
			pods: "redis.reclaim-the-stack.com/cluster: shop, redis.reclaim-the-stack.com/component: redis", role: "redis.reclaim-the-stack.com/role", roles: [2]string{"master", "slave"},
			services: map[string]string{"shop-redis-master": "master"}, servers: 2, port: 6379,
			watcher: "redis.reclaim-the-stack.com/cluster: shop, redis.reclaim-the-stack.com/component: sentinel", at: "shop-sentinel", group: "shop",
		},
	}
}

// run starts the servers and sentinels of a shape.
func (s shape) run(t *testing.T) *shapedBed {
	t.Helper()
	b := &shapedBed{bed: bed{objects: newObjects(), t: t, name: "shop", net: network(), port: s.port}, shape: s}
	b.served = nil
	for _, o := range s.objects {
		b.served = append(b.served, o.kind)
		b.add(t, o.kind, o.src)
	}
	if s.image != "" {
		b.add(t, deploymentKind, "metadata: {namespace: operators, name: o}\nspec: {template: {spec: {containers: [{image: '"+s.image+"'}]}}}\nstatus: {readyReplicas: 1}")
	}
	if name, key, ok := strings.Cut(s.secret, "/"); ok {
		b.password = "s3cret"
		b.add(t, secretKind, fmt.Sprintf("metadata: {namespace: default, name: %s}\ndata: {username: %s, %s: %s}", name,
			base64.StdEncoding.EncodeToString([]byte("default")), key, base64.StdEncoding.EncodeToString([]byte(b.password))))
	}
	owner := fmt.Sprintf(", ownerReferences: [{kind: %s, name: shop, controller: true}]", s.kind)
	service := func(name, labels, role string, port int) {
		if role != "" {
			labels += ", " + s.role + ": " + role
		}
		b.add(t, serviceKind, fmt.Sprintf("metadata: {namespace: default, name: %s%s}\nspec: {selector: {%s}, ports: [{port: %d}]}", name, owner, labels, port))
	}
	for name, role := range s.services {
		service(name, s.pods, role, s.port)
	}
	pod := func(name, labels, ip string) {
		b.add(t, podKind, fmt.Sprintf("metadata: {namespace: default, name: %s, labels: {%s}}\nspec: {containers: [{name: redis}]}\nstatus: {phase: Running, podIP: %s, conditions: [{type: Ready, status: 'True'}]}", name, labels, ip))
	}
	for i := range s.servers {
		ip, labels := fmt.Sprintf("%s.%d", b.net, i+1), s.pods
		var args []string
		if i > 0 {
			args = []string{"--replicaof", fmt.Sprintf("%s.1 %d", b.net, s.port)}
		}
		if s.role != "" {
			labels += ", " + s.role + ": " + s.roles[min(i, 1)]
		}
		b.servers = append(b.servers, redistest.StartAt(t, fmt.Sprintf("%s:%d", ip, s.port), b.password, args...))
		pod(fmt.Sprintf("shop-%d", i), labels, ip)
	}
	if s.at == "" {
		b.settle(s.servers-1, 0)
		return b
	}
	service(s.at, s.watcher, "", 26379)
	for i := range 3 {
		ip := fmt.Sprintf("%s.%d", b.net, 101+i)
		lines := []string{fmt.Sprintf("sentinel monitor %s %s.1 %d 2", s.group, b.net, s.port), "sentinel down-after-milliseconds " + s.group + " 5000", "sentinel failover-timeout " + s.group + " 10000"}
		if b.password != "" {
			lines = append(lines, "sentinel auth-pass "+s.group+" "+b.password)
		}
		b.sentinels = append(b.sentinels, redistest.StartSentinelAt(t, ip+":26379", lines...))
		pod(fmt.Sprintf("watch-%d", i), s.watcher, ip)
	}
	b.meet()
	return b
}

// shapedBed is one that runs.
type shapedBed struct {
	bed
	shape shape
}

// meet waits until everybody knows everybody.
func (b *shapedBed) meet() {
	b.t.Helper()
	b.bed.settleReplicas()
	for _, s := range b.sentinels {
		redistest.Until(b.t, "the sentinels know each other and all replicas", func() bool {
			fields := pairs(s.Do("SENTINEL", "MASTER", b.shape.group))
			if fields["num-slaves"] != fmt.Sprint(b.shape.servers-1) || fields["num-other-sentinels"] != "2" {
				return false
			}
			_, err := s.Try("SENTINEL", "CKQUORUM", b.shape.group)
			return err == nil
		})
	}
}

// relabel does what the operator does some time after a failover, once there is another master.
func (b *shapedBed) relabel() {
	redistest.Until(b.t, "server 1 is the master", func() bool { return b.role(1) == "master" })
	for _, object := range b.all[podKind] {
		labels := at(object, "metadata", "labels").(map[string]any)
		if ip := text(at(object, "status", "podIP")); b.shape.role != "" && strings.HasPrefix(nameOf(object), "shop-") {
			labels[b.shape.role] = b.shape.roles[1]
			if ip == b.servers[1].Host {
				labels[b.shape.role] = b.shape.roles[0]
			}
		}
	}
}

// TestOperators: a running Redis of every operator is found, judged, filled and failed over, as its operator makes it.
func TestOperators(t *testing.T) {
	operators, err := cue.Operators()
	if err != nil {
		t.Fatal(err)
	}
	// Releases of charts run as workloads, and are that in a cluster.
	operators = slices.DeleteFunc(operators, func(o *cue.Operator) bool { return len(o.Charts()) > 0 })
	all := shapes()
	if len(all) != len(operators) {
		t.Errorf("%d operators, and shapes of %d", len(operators), len(all))
	}
	for _, operator := range operators {
		s, ok := all[operator.Name]
		if !ok {
			t.Errorf("no shape of %s", operator.Name)
			continue
		}
		t.Run(operator.Name, func(t *testing.T) {
			t.Parallel()
			b := s.run(t)
			c := b.open(t, Options{Timeout: 5 * time.Second})
			r := find(t, c, "shop")
			if r.Operator != operator.Name || r.Kind != s.kind || len(r.Pods) != s.servers || len(r.Watchers) != len(b.sentinels) {
				t.Fatalf("%s of %s with %d pods and %d sentinels", r, r.Operator, len(r.Pods), len(r.Watchers))
			}
			t.Run("doctor", func(t *testing.T) { b.judge(t, c) })
			t.Run("import", func(t *testing.T) { b.fill(t, c) })
			t.Run("failover", func(t *testing.T) { b.failOver(t, c) })
		})
	}
}

// judge: doctor finds nothing wrong, a wrong password, and a replica that follows what is no pod of it.
func (b *shapedBed) judge(t *testing.T, c *Cluster) {
	wrong := func() (list []*Problem) {
		for _, p := range doctor(t, c, "shop").Problems {
			if p.Severity == finding.Error {
				list = append(list, p)
			}
		}
		return list
	}
	if errs := wrong(); len(errs) > 0 {
		t.Fatalf("a healthy one:\n%s", texts(errs))
	}
	if b.password != "" {
		data := b.all[secretKind][0]["data"].(map[string]any)
		_, key, _ := strings.Cut(b.shape.secret, "/")
		right := data[key]
		data[key] = "d3Jvbmc="
		if got := texts(wrong()); !strings.Contains(got, "is refused by shop-0") {
			t.Errorf("a wrong password:\n%s", got)
		}
		data[key] = right
	}
	if b.shape.servers > 1 {
		b.servers[1].Do("REPLICAOF", b.net+".99", fmt.Sprint(b.port))
		if got := texts(wrong()); !strings.Contains(got, "pod shop-1 follows "+b.net+".99") {
			t.Errorf("a stale master_host:\n%s", got)
		}
		b.servers[1].Do("REPLICAOF", b.servers[0].Host, fmt.Sprint(b.port))
		if b.shape.at != "" {
			b.meet()
		} else {
			b.settle(b.shape.servers-1, 0)
		}
	}
}

// fill: import writes to the master over the API server, and the replica has it.
func (b *shapedBed) fill(t *testing.T, c *Cluster) {
	target, err := c.MasterTarget(t.Context(), find(t, c, "shop"))
	if err != nil {
		t.Fatal(err)
	}
	var dump bytes.Buffer
	w, err := rdb.NewWriter(&dump, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"order", "cart"} {
		if err := w.Write(&rdb.Entry{Key: []byte(key), Type: rdb.TypeString, Raw: rdb.AppendString(nil, []byte("value"))}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	report, err := importer.Import(t.Context(), plan.Source{Name: "dump", Size: int64(dump.Len()), Open: func(_ context.Context, at int64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(dump.Bytes()[at:])), nil
	}}, target, plan.Options{})
	if err != nil || report.Total.Written != 2 {
		t.Fatalf("%v, %+v", err, report)
	}
	for i, s := range b.servers {
		redistest.Until(t, fmt.Sprintf("server %d has it", i), func() bool { return s.Do("GET", "order") == "value" })
	}
}

// failOver: sentinels move the master and the data stays; where there are none, nothing is done.
func (b *shapedBed) failOver(t *testing.T, c *Cluster) {
	r := find(t, c, "shop")
	if b.shape.at == "" {
		want := "it has no sentinels to fail over; use its operator"
		if r.Cluster {
			want = "it is a Redis Cluster, which fails over by CLUSTER FAILOVER"
		}
		if _, err := c.Failover(t.Context(), r, FailoverOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("without sentinels: %v", err)
		}
		return
	}
	var once sync.Once
	f, err := c.Failover(t.Context(), r, FailoverOptions{Force: true, Wait: 30 * time.Second, Progress: func(step string) {
		if strings.HasPrefix(step, "waiting for") && strings.Contains(step, "Service") {
			once.Do(b.relabel)
		}
	}})
	if err != nil || f.New == nil || f.New.Name != "shop-1" {
		t.Fatalf("%+v, %v", f, err)
	}
	redistest.Until(t, "shop-0 is a replica now", func() bool { return b.role(0) == "slave" })
	redistest.Until(t, "the new master has the data", func() bool { // it hangs up on those of before
		value, err := b.servers[1].Try("GET", "order")
		return err == nil && value == "value"
	})
	if pod, err := c.Master(t.Context(), find(t, c, "shop")); err != nil || pod.Name != "shop-1" {
		t.Errorf("%+v, %v", pod, err)
	}
}
