package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/redis-gitops/redis-gitops/test/e2e/harness"
)

const storage = "storage: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 2Gi}}}}}"

// TestOpsTreeNames: the objects that the facts in cue/operator/opstree name are those that the operator makes.
func TestOpsTreeNames(t *testing.T) {
	o := newOpsTree(t, inInit)
	o.secret("key", "password", password)
	o.claim("Redis", func(o *opsTree) {
		o.make("Redis", "solo", "{kubernetesConfig: {service: {additional: {enabled: false}}}, redisExporter: {enabled: true, image: x/e, port: 9200}}")
		o.wantServices("solo", "solo 6379 9200", "solo-headless 6379 headless", "solo-metrics 9200")
		// ops/exporter-port: the Services lead to a port that the exporter does not have.
		for _, c := range o.set("solo").Spec.Template.Spec.Containers {
			if c.Name == "redis-exporter" && c.Ports[0].ContainerPort != 9121 {
				o.Errorf("the exporter has port %d", c.Ports[0].ContainerPort)
			}
		}
	})
	o.claim("RedisReplication", func(o *opsTree) {
		// The flag of the additional Service is not read.
		o.make("RedisReplication", "repl", "{clusterSize: 3, kubernetesConfig: {redisSecret: {name: key, key: password}, service: {additional: {enabled: false}}}, pdb: {enabled: true}}")
		o.wantServices("repl", "repl 6379", "repl-additional 6379", "repl-headless 6379 headless", "repl-master 6379 master", "repl-replica 6379 slave")
		var minimum string
		o.until("PDB repl-replication", func() error {
			p, err := cluster.Client.PolicyV1().PodDisruptionBudgets(o.namespace).Get(o.ctx, "repl-replication", metav1.GetOptions{})
			if err == nil {
				minimum = p.Spec.MinAvailable.String()
			}
			return err
		})
		if minimum != "2" {
			o.Errorf("minAvailable is %s, not the half of 3 and one more", minimum)
		}
		master := o.master("RedisReplication", "repl")
		o.make("RedisSentinel", "watch", "{clusterSize: 2, kubernetesConfig: {redisSecret: {name: key, key: password}}, pdb: {enabled: true}, redisSentinelConfig: {redisReplicationName: repl, redisReplicationPassword: {secretKeyRef: {name: key, key: password}}}}")
		o.wantServices("watch", "watch-sentinel 26379", "watch-sentinel-additional 26379", "watch-sentinel-headless 26379 headless")
		sentinels := o.ready("watch-sentinel")
		if len(sentinels) != 2 {
			o.Errorf("%d sentinels; nothing refuses an even number by default", len(sentinels))
		}
		o.must(o.getBudget("watch-sentinel"))
		o.until("the sentinels know the master", func() error {
			address, err := o.sentinelOf(sentinels[0], password).GetMasterAddrByName(o.ctx, "myMaster").Result()
			if err == nil && address[0] != master.Status.PodIP {
				err = fmt.Errorf("%s", address)
			}
			return err
		})
		if err := o.sentinelOf(sentinels[0], "").Ping(o.ctx).Err(); err == nil || !strings.Contains(err.Error(), "NOAUTH") {
			o.Errorf("a sentinel with redisSecret answers without a password: %v", err)
		}
	})
	o.claim("RedisCluster", func(o *opsTree) {
		// ops/persistence-off-cluster and ops/cluster-field-ignored.
		o.make("RedisCluster", "ring", "{clusterSize: 3, clusterVersion: v7, "+storage+", redisConfig: {additionalRedisConfig: nowhere}}")
		set := o.set("ring-leader")
		if v := o.volumes(set); len(v) != 0 {
			o.Errorf("storage without persistenceEnabled claims %q", v)
		}
		for _, v := range set.Spec.Template.Spec.Volumes {
			if v.ConfigMap != nil {
				o.Errorf("spec.redisConfig.additionalRedisConfig is read: %s", v.ConfigMap.Name)
			}
		}
		o.wantServices("ring", "ring-leader 6379", "ring-leader-additional 6379", "ring-leader-headless 6379 headless", "ring-master 6379 master")
		o.make("RedisCluster", "kept", "{clusterSize: 3, clusterVersion: v7, persistenceEnabled: true, "+strings.Replace(storage, "{", "{nodeConfVolume: true, nodeConfVolumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}, ", 1)+"}")
		if v := o.volumes(o.set("kept-leader")); !slices.Equal(v, []string{"node-conf", "kept-leader"}) {
			o.Errorf("the claims are %q", v)
		}
		for _, name := range []string{"ring", "kept"} {
			o.must(cluster.Dynamic.Resource(ofOpsTree("RedisCluster")).Namespace(o.namespace).Delete(o.ctx, name, metav1.DeleteOptions{}))
		}
	})
}

// TestOpsTreeClaims: what rules and facts say about what a RedisReplication and a RedisSentinel do.
func TestOpsTreeClaims(t *testing.T) {
	o := newOpsTree(t, inInit)
	o.secret("key", "password", password)
	o.secret("line", "password", password+"\n")
	claimConfig(o)
	claimPods(o)
	claimStorage(o)
}

func claimConfig(o *opsTree) {
	o.claim("ops/additional-config-is-a-name", func(o *opsTree) {
		for name, config := range map[string]string{"inline": `"maxmemory 100mb\nmaxmemory-policy allkeys-lru\n"`, "lost": "nowhere"} {
			o.make("RedisReplication", name, "{clusterSize: 1, redisConfig: {additionalRedisConfig: "+config+"}}")
			o.set(name)
			o.until(name+" cannot start", func() error {
				pods, err := cluster.Pods(o.ctx, o.namespace, "app="+name)
				if err == nil && (len(pods) != 1 || !strings.Contains(pods[0].Status.Message, "not found") && !strings.Contains(pods[0].Status.Message, "invalid")) {
					err = fmt.Errorf("%d pods, %v", len(pods), pods)
				}
				return err
			})
		}
	})
	o.claim("ops/maxmemory-gate", func(o *opsTree) {
		o.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf}\ndata: {redis-additional.conf: \"maxmemory 10mb\\n\", other.conf: \"timeout 9\\n\"}\n")
		limit := "kubernetesConfig: {resources: {limits: {memory: 100Mi}}}"
		o.make("Redis", "percent", "{"+limit+", redisConfig: {maxMemoryPercentOfLimit: 50}}")
		o.make("Redis", "both", "{"+limit+", redisConfig: {maxMemoryPercentOfLimit: 50, additionalRedisConfig: conf}}")
		for name, want := range map[string]string{"percent": "52428800", "both": "10485760"} {
			if got := o.config(o.ready(name)[0], "", "maxmemory"); got != want {
				o.Errorf("maxmemory of %s is %s, want %s", name, got, want)
			}
		}
		if got := o.config(o.ready("both")[0], "", "timeout"); got != "0" {
			o.Errorf("another key of the ConfigMap is read: timeout %s", got)
		}
	})
	o.claim("ops/sentinel-target-missing", func(o *opsTree) {
		o.make("RedisSentinel", "astray", "{clusterSize: 3, redisSentinelConfig: {redisReplicationName: nobody}}")
		o.make("RedisSentinel", "aimless", "{clusterSize: 1}") // made later, and by the same operator
		pods := o.ready("aimless-sentinel")
		o.absent("StatefulSet astray-sentinel", o.getSet("astray-sentinel"))
		o.absent("Service astray-sentinel", o.getService("astray-sentinel"))
		address, err := o.sentinelOf(pods[0], "").GetMasterAddrByName(o.ctx, "mymaster").Result()
		if err != nil || address[0] != "0.0.0.0" {
			o.Errorf("a sentinel without redisSentinelConfig watches %s, %v", address, err)
		}
	})
	o.claim("dynamicConfig", func(o *opsTree) {
		o.make("RedisReplication", "refused", `{clusterSize: 2, redisConfig: {dynamicConfig: ["maxmemory-policy allkeys-lru", "databases 3"]}}`)
		o.make("RedisReplication", "taken", `{clusterSize: 2, redisConfig: {dynamicConfig: ["maxmemory-policy allkeys-lru"]}}`)
		if got := o.config(o.master("RedisReplication", "taken"), "", "maxmemory-policy"); got != "allkeys-lru" {
			o.Errorf("maxmemory-policy is %s", got)
		}
		pods := o.ready("refused")
		o.logged(`"name":"refused"`, "databases")
		// Roles are set while the pods are not all ready, and the configuration after that.
		for _, p := range pods {
			o.must(o.client(p.Status.PodIP+":6379", "").SlaveOf(o.ctx, "NO", "ONE").Err())
		}
		o.looks("RedisReplication", "refused", 2)
		for _, p := range pods {
			if role := o.replication(p, "", "role"); role != "master" {
				o.Errorf("%s is a %s again, though the operator fails before it looks at roles", p.Name, role)
			}
		}
	})
	o.claim("acl with two sources", func(o *opsTree) {
		o.make("RedisReplication", "users", "{clusterSize: 1, acl: {secret: {secretName: key}, persistentVolumeClaim: users}}")
		o.logged(`"name":"users"`, "acl-pvc", "Not found")
		o.absent("StatefulSet users", o.getSet("users"))
	})
	o.claim("required fields", func(o *opsTree) {
		for field, spec := range map[string]string{"clusterSize": "{}", "redisExporter.image": "{clusterSize: 1, redisExporter: {enabled: true}}", "sentinel.image": "{clusterSize: 1, sentinel: {size: 3}}"} {
			if err := o.tryMake("RedisReplication", "partial", spec); err == nil || !strings.Contains(err.Error(), field) {
				o.Errorf("without %s: %v", field, err)
			}
		}
	})
}

func claimPods(o *opsTree) {
	o.claim("a trailing newline of the password", func(o *opsTree) {
		o.make("RedisReplication", "newline", "{clusterSize: 2, kubernetesConfig: {redisSecret: {name: line, key: password}}}")
		p := o.master("RedisReplication", "newline")
		o.must(o.client(p.Status.PodIP+":6379", password).Ping(o.ctx).Err())
	})
	o.claim("ops/label-shadows-selector", func(o *opsTree) {
		o.make("RedisReplication", "shadow", "{clusterSize: 1, pdb: {enabled: true}}", "labels: {app: shop}")
		o.ready2("shadow", "shop")
		o.until("PDB shadow-replication", func() error { return o.getBudget("shadow-replication") })
		budget, err := cluster.Client.PolicyV1().PodDisruptionBudgets(o.namespace).Get(o.ctx, "shadow-replication", metav1.GetOptions{})
		o.must(err)
		if pods, err := cluster.Pods(o.ctx, o.namespace, metav1.FormatLabelSelector(budget.Spec.Selector)); err != nil || len(pods) != 0 {
			o.Errorf("the PDB selects %d pods, %v", len(pods), err)
		}
	})
	o.claim("annotations restart pods", func(o *opsTree) {
		o.make("RedisReplication", "noted", "{clusterSize: 1}")
		o.ready("noted")
		o.looks("RedisReplication", "noted", 2)
		before := o.set("noted").Status.UpdateRevision
		o.patch("RedisReplication", "noted", `{"metadata":{"annotations":{"team":"shop"}}}`)
		o.until("the annotation is at the pods", func() error {
			s := o.set("noted")
			if s.Spec.Template.Annotations["team"] != "shop" || s.Status.UpdateRevision == before {
				return fmt.Errorf("%v", s.Spec.Template.Annotations)
			}
			return nil
		})
		if a := o.set("noted").Spec.Template.Annotations; a["poke"] != "" {
			o.Errorf("an ignored annotation is there: %v", a)
		}
	})
	o.claim("a master that returns empty", func(o *opsTree) {
		o.make("RedisReplication", "empty", "{clusterSize: 2}")
		master := o.master("RedisReplication", "empty")
		o.must(o.client(master.Status.PodIP+":6379", "").Set(o.ctx, "order", 1, 0).Err())
		o.until("the replica has it", func() error {
			for _, p := range o.podsOf("empty") {
				if err := o.client(p.Status.PodIP+":6379", "").Get(o.ctx, "order").Err(); err != nil {
					return err
				}
			}
			return nil
		})
		o.must(cluster.Client.CoreV1().Pods(o.namespace).Delete(o.ctx, master.Name, metav1.DeleteOptions{}))
		o.until("the pod of the master is another", func() error {
			p, err := cluster.Client.CoreV1().Pods(o.namespace).Get(o.ctx, master.Name, metav1.GetOptions{})
			if err == nil && p.UID == master.UID {
				err = fmt.Errorf("it is not")
			}
			return err
		})
		// Nobody promotes the replica, which has the data: it is made to follow the empty one.
		if again := o.master("RedisReplication", "empty"); again.Name != master.Name {
			o.Errorf("%s was promoted", again.Name)
		}
		o.until("the data is gone everywhere", func() error {
			for _, p := range o.podsOf("empty") {
				if n, err := o.client(p.Status.PodIP+":6379", "").DBSize(o.ctx).Result(); err != nil || n != 0 {
					return fmt.Errorf("%s has %d keys, %v", p.Name, n, err)
				}
			}
			return nil
		})
	})
	o.claim("a replica with a stale master_host is repaired without spec.sentinel", func(o *opsTree) {
		o.make("RedisReplication", "stale", "{clusterSize: 2}")
		master := o.master("RedisReplication", "stale")
		for _, p := range o.podsOf("stale") {
			if p.Name != master.Name {
				o.must(o.client(p.Status.PodIP+":6379", "").SlaveOf(o.ctx, harness254, "6379").Err())
				o.until("it follows the master again", func() error {
					o.poke("RedisReplication", "stale")
					if host := o.replication(p, "", "master_host"); host != master.Status.PodIP {
						return fmt.Errorf("it follows %s", host)
					}
					return nil
				})
			}
		}
	})
	o.claim("ops/skip-reconcile-key", func(o *opsTree) {
		for key, want := range map[string]bool{"redis.opstreelabs.in/skip-reconcile": true, "redisreplication.opstreelabs.in/skip-reconcile": false} {
			name := map[bool]string{true: "wrong-key", false: "right-key"}[want]
			o.make("RedisReplication", name, "{clusterSize: 1}", `annotations: {`+key+`: "true"}`)
		}
		o.set("wrong-key")
		o.absent("StatefulSet right-key", o.getSet("right-key"))
	})
}

func claimStorage(o *opsTree) {
	claim := func(name string) *v1.PersistentVolumeClaim {
		c, err := cluster.Client.CoreV1().PersistentVolumeClaims(o.namespace).Get(o.ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil
		}
		return c
	}
	resize := func(to string) string {
		return `{"spec":{"storage":{"volumeClaimTemplate":{"spec":{"resources":{"requests":{"storage":"` + to + `"}}}}}}}`
	}
	o.apply("apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: grows}\nprovisioner: e2e\nallowVolumeExpansion: true\n")
	o.claim("data/storage-shrunk", func(o *opsTree) {
		o.make("RedisReplication", "shrink", "{clusterSize: 1, "+strings.Replace(storage, "spec: {", "spec: {storageClassName: grows, ", 1)+"}")
		o.ready("shrink")
		o.patch("RedisReplication", "shrink", resize("1Gi"))
		o.logged("sts:shrink resize pvc", "less than")
		// The operator has not got to what comes after the volumes since.
		o.patch("RedisReplication", "shrink", `{"spec":{"clusterSize":2}}`)
		o.looks("RedisReplication", "shrink", 1)
		if n := *o.set("shrink").Spec.Replicas; n != 1 {
			o.Errorf("the operator goes on, to %d replicas", n)
		}
		o.patch("RedisReplication", "shrink", resize("3Gi"))
		o.logged("sts:shrink resized pvc [shrink-shrink-0]")
		o.patch("RedisReplication", "shrink", resize("1Gi"))
		o.logged("sts:shrink skipping PVC resize")
		if c := claim("shrink-shrink-0"); c == nil || c.Spec.Resources.Requests.Storage().String() != "3Gi" {
			o.Errorf("the claim is %v", c)
		}
	})
	o.claim("data/storage-change-ignored", func(o *opsTree) {
		o.make("RedisReplication", "class", "{clusterSize: 1, "+storage+"}")
		o.ready("class")
		o.patch("RedisReplication", "class", `{"spec":{"clusterSize":2,"storage":{"volumeClaimTemplate":{"spec":{"storageClassName":"other"}}}}}`)
		o.until("the other change is applied", func() error {
			if n := *o.set("class").Spec.Replicas; n != 2 {
				return fmt.Errorf("%d replicas", n)
			}
			return nil
		})
		if c := o.set("class").Spec.VolumeClaimTemplates[0].Spec.StorageClassName; c != nil {
			o.Errorf("the class is %s", *c)
		}
	})
	o.claim("storage that is added later", func(o *opsTree) {
		o.make("RedisReplication", "later", "{clusterSize: 1}")
		o.ready("later")
		o.make("RedisReplication", "later", "{clusterSize: 2, "+storage+", pdb: {enabled: true}}")
		o.logged(`"name":"later"`, "spec.volumeClaimTemplates")
		o.looks("RedisReplication", "later", 1)
		if n := *o.set("later").Spec.Replicas; n != 1 {
			o.Errorf("the operator goes on, to %d replicas", n)
		}
		o.absent("PDB later-replication", o.getBudget("later-replication"))
	})
	o.claim("data/pvc-dies-with-cr", func(o *opsTree) {
		for name, keep := range map[string]string{"gone": "false", "stays": "true"} {
			o.make("RedisReplication", name, "{clusterSize: 1, "+strings.Replace(storage, "{", "{keepAfterDelete: "+keep+", ", 1)+"}")
			o.ready(name)
			o.must(cluster.Dynamic.Resource(ofOpsTree("RedisReplication")).Namespace(o.namespace).Delete(o.ctx, name, metav1.DeleteOptions{}))
		}
		o.until("the claim of gone is gone", func() error {
			if c := claim("gone-gone-0"); c != nil && c.DeletionTimestamp == nil {
				return fmt.Errorf("it is not")
			}
			return nil
		})
		o.until("stays is gone", func() error {
			_, err := cluster.Dynamic.Resource(ofOpsTree("RedisReplication")).Namespace(o.namespace).Get(o.ctx, "stays", metav1.GetOptions{})
			if err == nil {
				return fmt.Errorf("it is not")
			}
			return nil
		})
		if c := claim("stays-stays-0"); c == nil || c.DeletionTimestamp != nil {
			o.Errorf("the claim of stays is %v", c)
		}
	})
}

// harness254 is an address of a pod that never was.
const harness254 = "10.244.0.254"

// ready2 waits for a StatefulSet whose pods have another label app.
func (o *opsTree) ready2(name, app string) {
	o.Helper()
	if got := o.set(name).Spec.Selector.MatchLabels["app"]; got != app {
		o.Errorf("the StatefulSet selects app=%s", got)
	}
	o.until("the pod of "+name, func() error {
		pods, err := cluster.Pods(o.ctx, o.namespace, "app="+app)
		if err == nil && len(pods) != 1 {
			err = fmt.Errorf("%d pods", len(pods))
		}
		return err
	})
}

// TestOpsTreePanics: auth/secret-not-found of a reference without a key is more than one instance: the whole operator ends.
func TestOpsTreePanics(t *testing.T) {
	o := newOpsTree(t, "")
	o.secret("key", "password", password)
	o.make("RedisReplication", "partial", "{clusterSize: 1, kubernetesConfig: {redisSecret: {name: key}}}")
	o.must(o.program.Ended(o.ctx))
	o.logged("nil pointer dereference")
}

// TestOpsTreeSentinel: spec.sentinel of a RedisReplication, whose containers run the entry point of OpsTree's images.
func TestOpsTreeSentinel(t *testing.T) {
	o := newOpsTree(t, inInit)
	o.secret("key", "password", password)
	o.secret("line", "password", password+"\n")
	embedded := func(auth, sentinel string) string {
		return "{clusterSize: 2, " + auth + "sentinel: {image: quay.io/opstree/redis-sentinel:v7.0.15, " + sentinel + "}}"
	}
	auth := "kubernetesConfig: {redisSecret: {name: key, key: password}}, "
	o.claim("names, quorum and password", func(o *opsTree) {
		o.make("RedisReplication", "watched", embedded(auth+"pdb: {enabled: true}, ", `size: 2, quorum: "5", additionalSentinelConfig: nowhere`))
		pods := o.ready("watched-s")
		if len(pods) != 2 {
			o.Errorf("%d sentinels; nothing refuses an even number", len(pods))
		}
		o.wantServices("watched", "watched 6379", "watched-additional 6379", "watched-headless 6379 headless", "watched-master 6379 master", "watched-replica 6379 slave", "watched-s-hl 26379 headless")
		set := o.set("watched-s")
		if q := env(set, "sentinel")["QUORUM"]; q != "2" {
			o.Errorf("QUORUM is %s; spec.sentinel.quorum is not read", q)
		}
		if v := set.Spec.Template.Spec.Volumes; len(v) != 0 {
			o.Errorf("the sentinels have volumes: %v", v)
		}
		o.absent("PDB watched-s", o.getBudget("watched-s"))
		master := o.master("RedisReplication", "watched")
		s := o.sentinelOf(pods[0], "")
		o.until("the sentinels know the master by the name mymaster, without a password of their own", func() error {
			address, err := s.GetMasterAddrByName(o.ctx, "mymaster").Result()
			if err == nil && address[0] != master.Status.PodIP {
				err = fmt.Errorf("%s", address)
			}
			return err
		})
		if err := o.client(pods[0].Status.PodIP+":26379", "").Do(o.ctx, "AUTH", password).Err(); err == nil {
			o.Errorf("a sentinel accepts AUTH")
		}
		o.until("status.connectionInfo names the sentinels", func() error {
			r, err := cluster.Dynamic.Resource(ofOpsTree("RedisReplication")).Namespace(o.namespace).Get(o.ctx, "watched", metav1.GetOptions{})
			if err != nil {
				return err
			}
			if got, want := fmt.Sprint(r.Object["status"]), "map[connectionInfo:map[host:watched-s-hl."+o.namespace+".svc.cluster.local masterName:mymaster port:26379] masterNode:"+master.Name+"]"; got != want {
				return fmt.Errorf("%s, want %s", got, want)
			}
			return nil
		})
		o.patch("RedisReplication", "watched", `{"metadata":{"labels":{"team":"shop"}}}`)
		o.logged(`"name":"watched"`, "spec.selector")
		o.patch("RedisReplication", "watched", `{"metadata":{"labels":{"team":null}},"spec":{"sentinel":null}}`)
		o.looks("RedisReplication", "watched", 2)
		o.must(o.getSet("watched-s"))
		o.must(o.getService("watched-s-hl"))
	})
	o.claim("a trailing newline of the password", func(o *opsTree) {
		o.make("RedisReplication", "newline", embedded(strings.Replace(auth, "key,", "line,", 1), "size: 1"))
		s := o.sentinelOf(o.ready("newline-s")[0], "")
		o.master("RedisReplication", "newline")
		o.until("the sentinel takes the master for down, since it cannot log in", func() error {
			o.poke("RedisReplication", "newline")
			m, err := s.Master(o.ctx, "mymaster").Result()
			if err == nil && !strings.Contains(m["flags"], "down") && !strings.Contains(m["flags"], "disconnected") {
				err = fmt.Errorf("%s", m["flags"])
			}
			return err
		})
	})
	o.claim("resolveHostnames", func(o *opsTree) {
		o.make("RedisReplication", "resolves", embedded("", `size: 1, resolveHostnames: "yes"`))
		o.logged(`"name":"resolves"`, "failed to configure sentinel pod")
	})
	o.claim("OT#1779: a stale master_host is not repaired", func(o *opsTree) {
		o.make("RedisReplication", "stale", embedded("", "size: 3"))
		sentinels := o.ready("stale-s")
		master := o.master("RedisReplication", "stale")
		for _, p := range o.podsOf("stale") {
			if p.Name == master.Name {
				continue
			}
			o.until("the sentinels know the replica no more", func() error {
				if err := o.client(p.Status.PodIP+":6379", "").SlaveOf(o.ctx, harness254, "6379").Err(); err != nil {
					return err
				}
				for _, s := range sentinels {
					c := o.sentinelOf(s, "")
					if err := c.Reset(o.ctx, "mymaster").Err(); err != nil {
						return err
					}
					if known, err := c.Replicas(o.ctx, "mymaster").Result(); err != nil || len(known) > 0 {
						return fmt.Errorf("%d replicas, %v", len(known), err)
					}
				}
				return nil
			})
			o.looks("RedisReplication", "stale", 3)
			if host := o.replication(p, "", "master_host"); host != harness254 {
				o.Errorf("it follows %s again", host)
			}
		}
	})
}

// TestOpsTreeImages: what depends on the image when no init container writes the configuration, which is the default.
func TestOpsTreeImages(t *testing.T) {
	o := newOpsTree(t, "")
	o.secret("key", "password", password)
	auth := "kubernetesConfig: {redisSecret: {name: key, key: password}, resources: {limits: {memory: 100Mi}}}"
	o.claim("ops/upstream-image", func(o *opsTree) {
		o.make("Redis", "plain", "{"+auth+"}")
		o.must(o.tryMake("Redis", "open", "{kubernetesConfig: {redisSecret: {name: key, key: password}}}"))
		o.patch("Redis", "open", `{"spec":{"kubernetesConfig":{"image":"redis:7.0.15"}}}`)
		p := o.ready("plain")[0]
		if err := o.client(p.Status.PodIP+":6379", "").Ping(o.ctx).Err(); err == nil {
			o.Errorf("the image of OpsTree does not apply the password")
		}
		o.until("the upstream image starts without a password", func() error {
			pods := o.podsOf("open")
			if len(pods) != 1 || pods[0].Spec.Containers[0].Image != "redis:7.0.15" {
				return fmt.Errorf("%d pods", len(pods))
			}
			return o.client(pods[0].Status.PodIP+":6379", "").Ping(o.ctx).Err()
		})
	})
	o.claim("ops/maxmemory-gate", func(o *opsTree) {
		o.make("Redis", "limit", "{"+auth+", redisConfig: {maxMemoryPercentOfLimit: 50}}")
		p := o.ready("limit")[0]
		if got := o.config(p, password, "maxmemory"); got != "0" {
			o.Errorf("maxmemory is %s", got)
		}
		if got := env(o.set("limit"), "limit")["REDIS_MAX_MEMORY"]; got != "52428800" {
			o.Errorf("REDIS_MAX_MEMORY is %s", got)
		}
	})
	o.claim("a sentinel that restarts", func(o *opsTree) {
		o.make("RedisSentinel", "again", "{clusterSize: 1}")
		p := o.ready("again-sentinel")[0]
		pid, err := harness.PID(&p, "again-sentinel")
		o.must(err)
		o.must(harness.Kill(pid))
		o.until("it does not start again", func() error {
			p := o.podsOf("again-sentinel")[0]
			if s := p.Status.ContainerStatuses[0]; s.RestartCount < 3 || s.Ready {
				return fmt.Errorf("%d restarts", s.RestartCount)
			}
			return nil
		})
	})
}
