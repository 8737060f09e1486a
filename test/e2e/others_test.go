package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/redis-gitops/redis-gitops/test/e2e/harness"
)

// resource makes one of an operator that does not run here, and gives its reference as an owner.
func (b *bench) resource(kind, name, spec string) string {
	b.Helper()
	i := slices.IndexFunc(harness.Others, func(r schema.GroupVersionResource) bool {
		return r.Resource == strings.ToLower(kind)+"s" || r.Resource == strings.ToLower(kind)+"es"
	})
	r := harness.Others[i]
	b.apply(fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: %s}\nspec: %s\n", r.GroupVersion(), kind, name, spec))
	object, err := cluster.Dynamic.Resource(r).Namespace(b.namespace).Get(b.ctx, name, metav1.GetOptions{})
	b.must(err)
	return fmt.Sprintf("[{apiVersion: %s, kind: %s, name: %s, uid: %s, controller: true}]", r.GroupVersion(), kind, name, object.GetUID())
}

// statefulSet makes one and waits until its pods run, which it gives. All but name and image are YAML; more are lines of the
// specification of the pods.
func (b *bench) statefulSet(name, owner, labels string, replicas int, image, container string, more ...string) []v1.Pod {
	b.Helper()
	b.apply(fmt.Sprintf(`
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: %[1]s, ownerReferences: %[2]s}
spec:
  serviceName: %[1]s-headless
  replicas: %[4]d
  podManagementPolicy: Parallel
  selector: {matchLabels: %[3]s}
  template:
    metadata: {labels: %[3]s}
    spec:
      containers: [{name: %[1]s, image: %[5]q, %[6]s}]
      %[7]s
`, name, owner, labels, replicas, image, container, strings.Join(more, "\n      ")))
	var pods []v1.Pod
	b.until("the pods of "+name+" run", func() (err error) {
		pods, err = cluster.Pods(b.ctx, b.namespace, selector(labels))
		ready := 0
		for _, p := range pods {
			if p.Status.Phase == v1.PodRunning && p.Status.PodIP != "" {
				ready++
			}
		}
		if ready != replicas {
			err = errors.Join(err, fmt.Errorf("%d of %d", ready, replicas))
		}
		return err
	})
	return pods
}

// selector makes one of labels in YAML: {a: b, c: d}.
func selector(labels string) string {
	return strings.NewReplacer("{", "", "}", "", ": ", "=", ", ", ",").Replace(labels)
}

func (b *bench) service(name, selector string, port int) {
	b.Helper()
	b.apply(fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata: {name: %s}\nspec: {selector: %s, ports: [{port: %d}]}\n", name, selector, port))
}

// labelRoles does what an operator does until stop is called: it gives each pod the label of its role.
func (b *bench) labelRoles(pods []v1.Pod, label string) (stop func()) {
	ctx, cancel := context.WithCancel(b.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		have := map[string]string{}
		for ctx.Err() == nil {
			for _, p := range pods {
				role, err := b.client(p.Status.PodIP+":6379", password).Do(ctx, "ROLE").Slice()
				if err != nil || len(role) == 0 || have[p.Name] == role[0] {
					continue
				}
				patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": map[string]any{label: role[0]}}})
				if err == nil {
					_, err = cluster.Client.CoreV1().Pods(b.namespace).Patch(ctx, p.Name, types.MergePatchType, patch, metav1.PatchOptions{})
				}
				if err == nil {
					have[p.Name] = fmt.Sprint(role[0])
				}
			}
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	}()
	return func() { cancel(); <-done }
}

const (
	openServer   = "command: [redis-server]"
	lockedServer = "command: [redis-server, --requirepass, $(REDIS_PASSWORD), --masterauth, $(REDIS_PASSWORD)]"
)

func fromSecret(name string) string {
	return ", env: [{name: REDIS_PASSWORD, valueFrom: {secretKeyRef: {name: " + name + ", key: password}}}]"
}

// TestOtherOperators: the commands find and reach what the operators of OpsTree, KubeDB and Redis Enterprise make, and a
// StatefulSet without an operator, as a user who has the Role of docs/rbac.md and nothing else. The test does what the operator does.
func TestOtherOperators(t *testing.T) {
	b := newBench(t)
	b.secret("repl-secret", "password", password)

	// A replication, and sentinels that are a resource of their own.
	owner := b.resource("RedisReplication", "repl", "{clusterSize: 3, kubernetesConfig: {image: quay.io/opstree/redis:v7.0.15, redisSecret: {name: repl-secret, key: password}}}")
	labels := "{app: repl, redis_setup_type: replication, role: replication}"
	servers := b.statefulSet("repl", owner, labels, 3, "quay.io/opstree/redis:v7.0.15", lockedServer+fromSecret("repl-secret"))
	for _, p := range servers[1:] {
		b.until(p.Name+" follows repl-0", func() error {
			return b.client(p.Status.PodIP+":6379", password).SlaveOf(b.ctx, servers[0].Status.PodIP, "6379").Err()
		})
	}
	stop := b.labelRoles(servers, "redis-role")
	defer stop()
	for name, role := range map[string]string{"repl": "", "repl-master": ", redis-role: master", "repl-replica": ", redis-role: slave"} {
		b.service(name, strings.TrimSuffix(labels, "}")+role+"}", 6379)
	}
	owner = b.resource("RedisSentinel", "watch", "{clusterSize: 3, kubernetesConfig: {image: quay.io/opstree/redis-sentinel:v7.0.15}, redisSentinelConfig: {redisReplicationName: repl}}")
	labels = "{app: watch-sentinel, redis_setup_type: sentinel, role: sentinel}"
	conf := fmt.Sprintf(`sentinel monitor myMaster %s 6379 2\nsentinel auth-pass myMaster $REDIS_PASSWORD\nsentinel down-after-milliseconds myMaster 5000\nsentinel failover-timeout myMaster 10000\n`, servers[0].Status.PodIP)
	b.statefulSet("watch-sentinel", owner, labels, 3, "quay.io/opstree/redis-sentinel:v7.0.15",
		fmt.Sprintf("command: [sh, -c, %q]", `printf "`+conf+`" > /tmp/sentinel.conf && exec redis-sentinel /tmp/sentinel.conf`)+fromSecret("repl-secret"))
	b.service("watch-sentinel", labels, 26379)
	b.service("watch-sentinel-headless", labels+", clusterIP: None", 26379)

	// A Redis Cluster: three leaders that share the slots.
	owner = b.resource("RedisCluster", "ring", "{clusterSize: 3, kubernetesConfig: {image: quay.io/opstree/redis:v7.0.15}}")
	labels = "{app: ring-leader, redis_setup_type: cluster, role: leader}"
	leaders := b.statefulSet("ring-leader", owner, labels, 3, "quay.io/opstree/redis:v7.0.15", "command: [redis-server, --cluster-enabled, 'yes', --cluster-node-timeout, '5000', --dir, /tmp]")
	for _, name := range []string{"ring-leader", "ring-master"} {
		b.service(name, labels, 6379)
	}
	b.service("ring-follower", "{app: ring-follower}", 6379)
	first := b.client(leaders[0].Status.PodIP+":6379", "")
	for i, p := range leaders {
		c := b.client(p.Status.PodIP+":6379", "")
		b.until(p.Name+" takes its slots", func() error {
			err := c.ClusterAddSlotsRange(b.ctx, i*16384/3, (i+1)*16384/3-1).Err()
			if err != nil && strings.Contains(err.Error(), "already busy") {
				err = nil
			}
			return errors.Join(err, first.ClusterMeet(b.ctx, p.Status.PodIP, "6379").Err())
		})
	}
	for _, p := range leaders {
		b.until("the cluster is whole for "+p.Name, func() error {
			info, err := b.client(p.Status.PodIP+":6379", "").ClusterInfo(b.ctx).Result()
			if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_known_nodes:3") {
				err = errors.Join(err, errors.New(info))
			}
			return err
		})
	}

	// KubeDB, whose Secret has the name of the user too.
	b.apply("apiVersion: v1\nkind: Secret\nmetadata: {name: quick-auth}\nstringData: {username: default, password: " + password + "}\n")
	owner = b.resource("Redis", "quick", "{mode: Standalone}")
	labels = "{app.kubernetes.io/instance: quick, app.kubernetes.io/name: redises.kubedb.com, app.kubernetes.io/managed-by: kubedb.com, kubedb.com/role: primary}"
	b.statefulSet("quick", owner, labels, 1, "ghcr.io/kubedb/redis:7.0.15", lockedServer+fromSecret("quick-auth"))
	b.service("quick", labels, 6379)
	// A database of Redis Enterprise, on a port that its operator has chosen.
	b.secret("redb-large", "password", password)
	owner = b.resource("RedisEnterpriseDatabase", "large", "{databasePort: 12000}")
	b.statefulSet("rec", owner, "{app: redis-enterprise, redis.io/role: node}", 1, "redislabs/redis:7.8", strings.Replace(lockedServer, "[redis-server", "[redis-server, --port, '12000'", 1)+fromSecret("redb-large"))
	b.service("large", "{app: redis-enterprise, redis.io/role: node}", 12000)

	// No operator.
	b.statefulSet("plain", "[]", "{app: plain}", 1, "redis:7.2", openServer)
	b.service("plain", "{app: plain}", 6379)

	b.beDeveloper()
	dir := b.TempDir()
	run := func(args ...string) result { return b.tool(dir, args...) }
	host := func(service string) string { return service + "." + b.namespace + ".svc" }

	b.until("the sentinels know each other", func() error { return b.failed(run("sentinel-url", "repl", "--live")) })
	var hosts []string
	for i := range 3 {
		hosts = append(hosts, fmt.Sprintf("watch-sentinel-%d.%s:26379", i, host("watch-sentinel-headless")))
	}
	b.prints(run("sentinel-url", "repl", "--live"), "redis-sentinel://"+strings.Join(hosts, ",")+"/myMaster")
	client := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "myMaster", SentinelAddrs: hosts, Password: password, Protocol: 2, DisableIdentity: true})
	defer client.Close()
	b.until("a client writes by the sentinels", func() error { return client.Set(b.ctx, "by sentinels", 1, 0).Err() })
	b.until("the replicas are in sync", func() error { return b.failed(run("url", "repl", "--live")) })
	b.prints(run("url", "repl", "--live"), "redis://:$(REDIS_PASSWORD)@"+host("repl-master")+":6379")
	b.prints(run("url", "plain", "--live"), "redis://"+host("plain")+":6379")
	b.prints(run("url", "ring", "--live"), "redis://"+host("ring-leader")+":6379")
	b.prints(run("url", "quick", "--live"), "redis://$(REDIS_USERNAME):$(REDIS_PASSWORD)@"+host("quick")+":6379")
	b.prints(run("url", "large", "--live"), "redis://:$(REDIS_PASSWORD)@"+host("large")+":12000")

	primaries := run("primaries", "--output", "json")
	b.ok(primaries)
	var list []struct {
		Name, Kind, Operator, Pod, Role, Version string
		Replicas                                 int
		Sentinels                                *struct{ Agree, All int }
	}
	b.must(json.Unmarshal([]byte(primaries.stdout), &list))
	var got []string
	for _, p := range list {
		line := fmt.Sprintf("%s %s %s %s %s %d", p.Kind, p.Operator, p.Pod, p.Role, p.Version, p.Replicas)
		if p.Sentinels != nil {
			line += fmt.Sprintf(" %d of %d", p.Sentinels.Agree, p.Sentinels.All)
		}
		got = append(got, line)
	}
	want := []string{
		"RedisEnterpriseDatabase redis-enterprise rec-0 master Redis 7.0.15 0",
		"StatefulSet workload plain-0 master Redis 7.0.15 0",
		"Redis kubedb quick-0 master Redis 7.0.15 0",
		"RedisReplication opstree repl-0 master Redis 7.0.15 2 3 of 3",
		"RedisCluster opstree ring-leader-0 master Redis 7.0.15 0", "RedisCluster opstree ring-leader-1 master Redis 7.0.15 0", "RedisCluster opstree ring-leader-2 master Redis 7.0.15 0",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("primaries\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	t.Log(run("primaries"))
	developer := b.kubeconfig
	b.kubeconfig = cluster.Kubeconfig()
	all := run("primaries", "-A", "-o", "json") // of other tests too, of which one may have no master now
	for _, line := range []string{`"namespace": "` + b.namespace + `"`, `"operator": "opstree"`, `"operator": "kubedb"`, `"operator": "redis-enterprise"`, `"operator": "workload"`} {
		if !strings.Contains(all.stdout, line) {
			t.Errorf("primaries -A has no %s\n%s", line, all)
		}
	}
	b.kubeconfig = developer
	b.has(run("primaries", "-A"), 2, "not permitted to list", "all namespaces", "see docs/rbac.md for the required Role")

	for _, name := range []string{"repl", "plain", "ring", "quick", "large"} {
		for _, key := range []string{"a b", "{x}*", "z"} { // in the Cluster each in another slot
			b.prints(run("cli", name, "--", "SET", key, "value of "+key), "OK")
			b.prints(run("cli", name, "--", "GET", key), "value of "+key)
		}
	}
	b.has(run("sentinel-cli", "repl", "--", "SENTINEL", "ckquorum", "myMaster"), 0, "OK 3 usable Sentinels")

	b.has(run("failover", "ring"), 1, "it is a Redis Cluster, which fails over by CLUSTER FAILOVER on a replica")
	b.has(run("failover", "plain"), 1, "it has no sentinels to fail over; use its operator")
	b.has(run("sentinel-url", "ring"), 1, "has no sentinels; use url")
	b.until("the sentinels could fail over", func() error { return b.failed(run("failover", "repl", "--dry-run")) })
	moved := run("failover", "repl")
	b.has(moved, 0, "instead of repl-0", "Service repl-master: points to the new master after")
	t.Log(moved)
	b.prints(run("cli", "repl", "--", "GET", "a b"), "value of a b")
	b.until("doctor finds nothing wrong", func() error { return b.failed(run("doctor", "repl")) })
	for _, name := range []string{"repl", "plain", "ring"} {
		t.Log(run("doctor", name))
	}
}
