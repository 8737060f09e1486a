package e2e

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const opsTreeRedis = `"quay.io/opstree/redis:v7.0.15"`

// opsTreeConfigurations are those of its operator, with its images and without feature gates.
func opsTreeConfigurations() []configuration {
	claim := "volumeClaimTemplate: { spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } } } }"
	kept := "  storage: { keepAfterDelete: true, " + claim + "\n"
	budget := "  pdb: { enabled: true, maxUnavailable: 1 }\n"
	maxmemory := `  redisConfig: { dynamicConfig: ["maxmemory 24mb"] }` + "\n"
	timing := `downAfterMilliseconds: "2000", failoverTimeout: "3000", parallelSyncs: "1"`
	apart := func(app string) string {
		put := strings.NewReplacer("app.kubernetes.io/name: shop, app.kubernetes.io/component: COMPONENT", "app: "+app)
		return "affinity: " + put.Replace(spreadOut) + ", topologySpreadConstraints: " + put.Replace(byZones)
	}
	block := func(text string) string { return "  " + strings.Replace(text, ", topology", "\n  topology", 1) + "\n" }
	resource := func(kind, image, size, spec string) string {
		return fmt.Sprintf("apiVersion: redis.redis.opstreelabs.in/v1beta2\nkind: %s\nmetadata: { name: shop, namespace: NAMESPACE }\nspec:\n%s"+
			"  kubernetesConfig: { ignoreAnnotations: [poke], image: %s, %s }\n%s", kind, size, image, limits, spec)
	}
	replication := func(name, spec string) configuration {
		return configuration{
			name: "OpsTree, " + name, kinds: []string{"RedisReplication"}, redisPods: 3, selector: "app=shop", host: "shop-master", masterName: "mymaster", limit: 48 << 10,
			manifest: resource("RedisReplication", opsTreeRedis, "  clusterSize: 3\n", spec),
		}
	}
	watched := replication("RedisReplication and RedisSentinel, 3 pods apart, kept volume", kept+budget+maxmemory+block(apart("shop")))
	watched.kinds = append(watched.kinds, "RedisSentinel")
	watched.watchers, watched.masterName = "app=shop-sentinel", "shop"
	watched.manifest += "---\n" + resource("RedisSentinel", `"quay.io/opstree/redis-sentinel:v7.0.15"`, "  clusterSize: 3\n",
		budget+block(apart("shop-sentinel"))+`  redisSentinelConfig: { redisReplicationName: shop, masterGroupName: shop, quorum: "2", `+timing+" }\n")
	embedded := replication("RedisReplication with spec.sentinel, 3 pods apart, kept volume", kept+budget+block(apart("shop"))+
		`  sentinel: { size: 3, image: "quay.io/opstree/redis-sentinel:v7.0.15", `+timing+", "+apart("shop-s")+" }\n")
	embedded.watchers, embedded.may = "app=shop-s", []string{"drain"}
	plain := replication("RedisReplication, 3 pods, kept volume", kept+budget)
	plain.may = embedded.may
	single := configuration{
		name: "OpsTree, Redis, kept volume", kinds: []string{"Redis"}, redisPods: 1, selector: "app=shop", host: "shop", limit: 48 << 10,
		manifest: resource("Redis", opsTreeRedis, "", kept),
	}
	return []configuration{
		replication("RedisReplication, 3 pods, no volume", ""), plain, watched, embedded, single,
	}
}

func (s *store) startOpsTree() {
	s.Helper()
	if s.kinds == nil || s.opsTree != nil {
		return
	}
	p, err := cluster.StartOpsTree(s.namespace, "")
	s.must(err)
	s.opsTree = p
	s.Cleanup(s.stopOpsTree)
}

func (s *store) stopOpsTree() {
	if s.opsTree != nil {
		s.opsTree.Stop()
		s.opsTree = nil
	}
}

// pokeOpsTree makes the operator look, at most every 8 seconds: a change of the resource while it looks fails the update of
// the status, and with it that of the labels; and with each change of a RedisReplication its RedisSentinel has the sentinels forget all replicas.
func (s *store) pokeOpsTree() {
	s.poke.Lock()
	defer s.poke.Unlock()
	if time.Since(s.poked) < 8*time.Second {
		return
	}
	s.poked = time.Now()
	s.pokes++
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"poke":"%d"}}}`, s.pokes)
	_, _ = cluster.Dynamic.Resource(ofOpsTree(s.kinds[0])).Namespace(s.namespace).Patch(s.ctx, "shop", types.MergePatchType, patch, metav1.PatchOptions{})
}

// split tells of pods that the operator of OpsTree leaves masters side by side, and makes all but the first follow it.
func (s *store) split() string {
	s.Helper()
	if s.kinds == nil || s.redisPods == 1 {
		return ""
	}
	var masters []string
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(time.Second) {
		s.nudge()
		if _, err := s.masterPod(); err == nil {
			return ""
		}
	}
	pods := s.list(s.selector)
	for _, p := range pods {
		if answer, err := s.ask(s.server(p), "ROLE"); err == nil && answer.([]any)[0] == "master" {
			masters = append(masters, p.Name)
		}
	}
	for _, p := range pods[1:] {
		_, err := s.ask(s.server(p), "REPLICAOF", pods[0].Status.PodIP, "6379")
		s.must(err)
	}
	return fmt.Sprintf("after a minute %d pods are masters: %s", len(masters), strings.Join(masters, " "))
}
