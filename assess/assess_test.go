package assess

import (
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/diff"
	"github.com/redis-gitops/redis-gitops/repo"
)

// failover is a RedisFailover with lines of its spec.
func failover(spec string) string {
	return "apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata: {name: shop, namespace: web}\nspec:\n" + spec
}

const (
	volume = "    storage: {persistentVolumeClaim: {metadata: {name: data}}}\n"
	kept   = "    storage: {keepAfterDeletion: true, persistentVolumeClaim: {metadata: {name: data}}}\n"
	byNode = "{podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname}]}}"
	byZone = "[{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule}]"
	aof    = "    command: [redis-server, /redis/redis.conf, --appendonly, \"yes\"]\n"
)

// opsTree is one of its resources called shop, with lines of its spec.
func opsTree(kind, spec string) string {
	return "apiVersion: redis.redis.opstreelabs.in/v1beta2\nkind: " + kind + "\nmetadata: {name: shop, namespace: web}\nspec:\n  kubernetesConfig: {image: \"quay.io/opstree/redis:v7.0.15\"}\n" + spec
}

const opsTreeVolume = "  storage: {keepAfterDelete: true, volumeClaimTemplate: {spec: {resources: {requests: {storage: 1Gi}}}}}\n"

// assessed returns the tables of manifests.
func assessed(t testing.TB, manifests string) []*Table {
	t.Helper()
	memory := afero.NewMemMapFs()
	if err := afero.WriteFile(memory, "applications/shop/all.yaml", []byte(manifests), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := repo.Open(memory, repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	config, err := cue.LoadConfig(cue.ConfigFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	side, problems, err := diff.Everything(t.Context(), r, config)
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	operators, err := cue.Operators()
	if err != nil {
		t.Fatal(err)
	}
	tables, err := Of(side, operators)
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

// TestTables has ten configurations and their verdicts, with the line of the field that decides where that is one.
func TestTables(t *testing.T) {
	t.Parallel()
	workload := func(kind string, replicas int, more string) string {
		return "apiVersion: apps/v1\nkind: " + kind + "\nmetadata: {name: shop, namespace: web, labels: {app: shop}}\nspec:\n  replicas: " + string(rune('0'+replicas)) +
			"\n  selector: {matchLabels: {app: shop}}\n  template:\n    metadata: {labels: {app: shop}}\n    spec:\n      containers:\n        - {name: redis, image: \"redis:7.4.11\", ports: [{containerPort: 6379}]}\n" + more
	}
	for _, tt := range []struct{ name, manifests, want, texts string }{
		{
			"three pods with a volume", failover("  sentinel: {replicas: 3}\n  redis:\n    replicas: 3\n" + volume),
			"pod=yes node=partly zone=no drain=partly restart=partly deletion=no memory=no operator=partly image=yes",
			"one of 2 replicas; save 900 1 300 10; set spec.redis.storage.keepAfterDeletion: true; nothing: no CronJob",
		},
		{
			"three pods, each with its node and zone", failover("  sentinel:\n    replicas: 3\n    affinity: " + byNode + "\n    topologySpreadConstraints: " + byZone +
				"\n  redis:\n    replicas: 3\n    affinity: " + byNode + "\n    topologySpreadConstraints: " + byZone + "\n    customConfig: [maxmemory 100mb, min-replicas-to-write 1]\n" + kept + aof),
			"pod=yes node=partly zone=partly drain=partly restart=yes deletion=partly memory=partly operator=partly image=yes",
			"those of the Service of the master may wait; append-only file; up to 10 s (min-replicas-max-lag); writes fail from 100mb",
		},
		{
			"sentinels that may share a node", failover("  sentinel: {replicas: 3}\n  redis:\n    replicas: 2\n    affinity: " + byNode + "\n"),
			"pod=yes node=partly zone=no drain=partly restart=no deletion=no memory=no operator=partly image=yes", "the replica takes over; everything",
		},
		{
			"two sentinels", failover("  sentinel: {replicas: 2}\n  redis:\n    replicas: 2\n" + volume),
			"pod=yes node=partly zone=no drain=partly restart=partly deletion=no memory=no operator=partly image=yes", "the replica takes over",
		},
		{
			"two sentinels for three pods", failover("  sentinel: {replicas: 2}\n  redis:\n    replicas: 3\n" + volume),
			"pod=yes node=partly zone=no drain=no restart=partly deletion=no memory=no operator=partly image=yes", "the sentinels keeps all 2 of them; set spec.sentinel.replicas to 3",
		},
		{
			"one pod with a volume", failover("  sentinel: {replicas: 3}\n  redis:\n    replicas: 1\n" + volume),
			"pod=partly node=partly zone=no drain=no restart=partly deletion=no memory=no operator=no image=no", "the drain hangs; set spec.redis.replicas to 3",
		},
		{
			"one pod with nothing", failover("  sentinel: {replicas: 3}\n  redis:\n    replicas: 1\n"),
			"pod=no node=no zone=no drain=no restart=no deletion=no memory=no operator=no image=no", "all data is lost; only the operator makes a pod",
		},
		{
			"an append-only file that is not loaded", failover("  redis:\n    replicas: 3\n    customConfig: [appendonly yes, save \"\", maxmemory 1gb, maxmemory-policy allkeys-lru]\n" + volume),
			"pod=yes node=partly zone=no drain=partly restart=no deletion=no memory=partly operator=partly image=yes", "neither snapshots nor; keys are evicted (allkeys-lru)",
		},
		{
			"guarded and backed up", strings.Replace(failover("  redis:\n    replicas: 3\n"+volume), "namespace: web}", "namespace: web, annotations: {argocd.argoproj.io/sync-options: \"Prune=false,Delete=false\"}}", 1) +
				"---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: backup, namespace: web}\nspec:\n  schedule: \"0 */6 * * *\"\n  jobTemplate: {spec: {template: {spec: {containers: [{name: dump, image: x, args: [dump, shop]}]}}}}\n",
			"pod=yes node=partly zone=no drain=partly restart=partly deletion=yes memory=no operator=partly image=yes", "Argo CD does not prune it; CronJob/backup, up to 6 hours old",
		},
		{
			"OpsTree: nothing promotes a replica", opsTree("RedisReplication", "  clusterSize: 3\n  pdb: {enabled: true}\n"+opsTreeVolume),
			"pod=partly node=partly zone=no drain=no restart=yes deletion=partly memory=no operator=no image=partly", "masters side by side; until the master runs again from its volume; run sentinels; append-only file; 1 s (appendfsync everysec)",
		},
		{
			"OpsTree without a volume", opsTree("RedisReplication", "  clusterSize: 3\n"),
			"pod=no node=no zone=no drain=no restart=no deletion=no memory=no operator=no image=partly", "it comes back empty, and the replicas copy that",
		},
		{
			"OpsTree with sentinels of their own, which may share a node", opsTree("RedisReplication", "  clusterSize: 3\n  pdb: {enabled: true}\n  affinity: "+byNode+"\n"+opsTreeVolume) +
				"---\n" + opsTree("RedisSentinel", "  clusterSize: 3\n  redisSentinelConfig: {redisReplicationName: shop}\n"),
			"pod=yes node=partly zone=no drain=yes restart=yes deletion=partly memory=no operator=partly image=partly", "promoted by the sentinels",
		},
		{
			"OpsTree with sentinels apart, without the append-only file", opsTree("RedisReplication", "  clusterSize: 3\n  pdb: {enabled: true}\n  redisConfig: {additionalRedisConfig: conf}\n  affinity: "+byNode+"\n"+opsTreeVolume) +
				"---\n" + opsTree("RedisSentinel", "  clusterSize: 3\n  redisSentinelConfig: {redisReplicationName: shop}\n  affinity: "+byNode+"\n") +
				"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf, namespace: web}\ndata: {redis-additional.conf: \"appendonly no\\n\"}\n",
			"pod=yes node=yes zone=no drain=yes restart=partly deletion=partly memory=no operator=partly image=partly", "save 900 1 300 10 60 10000",
		},
		{
			"OpsTree with spec.sentinel", opsTree("RedisReplication", "  clusterSize: 3\n  pdb: {enabled: true}\n  sentinel: {size: 3, image: x, affinity: "+byNode+"}\n  affinity: "+byNode+"\n"+opsTreeVolume),
			"pod=yes node=partly zone=no drain=partly restart=yes deletion=partly memory=no operator=partly image=partly", "those of the Service of the master may wait",
		},
		{
			"OpsTree with an image of Redis itself", strings.Replace(opsTree("Redis", opsTreeVolume), "quay.io/opstree/redis:v7.0.15", "redis:7.4.11", 1),
			"pod=partly node=partly zone=no drain=partly restart=partly deletion=partly memory=no operator=yes image=no", "the last snapshot is loaded",
		},
		{
			"our StatefulSets, whose sentinels are another one", strings.NewReplacer("labels: {app: shop}}\nspec", "labels: {app: shop, redis-gitops.io/redis: shop, redis-gitops.io/sentinels: shop-sentinel}}\nspec", "metadata: {labels: {app: shop}}", "metadata: {labels: {app: shop, redis-gitops.io/redis: shop, redis-gitops.io/sentinels: shop-sentinel}}").Replace(workload("StatefulSet", 3, "")) +
				"---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: shop-sentinel, namespace: web, labels: {redis-gitops.io/sentinel: shop-sentinel}}\nspec:\n  replicas: 3\n  template: {metadata: {labels: {redis-gitops.io/sentinel: shop-sentinel}}}\n",
			"pod=yes node=no zone=no drain=partly restart=no deletion=no memory=no operator=yes image=yes", "promoted by the sentinels; without a PodDisruptionBudget",
		},
		{
			"a StatefulSet of one's own", workload("StatefulSet", 1, "  volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce]}}]\n"),
			"pod=partly node=partly zone=no drain=partly restart=partly deletion=partly memory=no operator=yes image=no", "it has no operator; save 3600 1",
		},
		{
			"a Deployment", workload("Deployment", 1, ""),
			"pod=no node=no zone=no drain=no restart=no deletion=no memory=no operator=yes image=yes", "the old pod runs until",
		},
	} {
		tables := assessed(t, tt.manifests)
		if len(tables) != 1 || !strings.HasSuffix(tables[0].String(), " web/shop") {
			t.Errorf("%s: %v", tt.name, tables)
			continue
		}
		var verdicts []string
		all := ""
		for i, a := range tables[0].Answers {
			if q := Questions()[i]; q.Name != a.Question || q.Loss == (a.Verdict == "") || a.Text == "" {
				t.Errorf("%s: answer %+v to %s", tt.name, a, q.Name)
			}
			if a.Verdict != "" {
				verdicts = append(verdicts, a.Question+"="+string(a.Verdict))
			}
			all += a.Text + "\n" + a.Improve + "\n"
			if a.Field != "" && (a.At.File != "applications/shop/all.yaml" || a.At.Line < 1 || a.At.Line > strings.Count(tt.manifests, "\n")) {
				t.Errorf("%s: %s is decided by %s at %s", tt.name, a.Question, a.Field, a.At)
			}
		}
		if got := strings.Join(verdicts, " "); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
		for _, text := range strings.Split(tt.texts, "; ") {
			if !strings.Contains(all, text) {
				t.Errorf("%s: nothing says %q:\n%s", tt.name, text, all)
			}
		}
	}
}

// TestBudget tells PodDisruptionBudgets of the repository that hold the pods of Redis from others.
func TestBudget(t *testing.T) {
	t.Parallel()
	for selector, want := range map[string]bool{
		"{matchLabels: {app.kubernetes.io/name: shop, app.kubernetes.io/component: redis}}":                                                    true,
		"{matchLabels: {app.kubernetes.io/name: shop}, matchExpressions: [{key: app.kubernetes.io/component, operator: In, values: [redis]}]}": true,
		"{}": true,
		"{matchLabels: {app.kubernetes.io/name: shop, app.kubernetes.io/component: sentinel}}": false,
		"{matchLabels: {app.kubernetes.io/name: cart}}":                                        false,
	} {
		tables := assessed(t, failover("  sentinel: {replicas: 3}\n  redis:\n    replicas: 3\n    disablePodDisruptionBudget: true\n")+
			"---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: shop, namespace: web}\nspec:\n  maxUnavailable: 1\n  selector: "+selector+"\n")
		if got := tables[0].Answers[3]; got.Question != "drain" || strings.Contains(got.Text, "lets one pod go") != want {
			t.Errorf("%s: %+v", selector, got)
		}
	}
}

// TestAge has schedules.
func TestAge(t *testing.T) {
	t.Parallel()
	for schedule, want := range map[string]string{
		"@daily": "up to 1 day old", "17 3 * * *": "up to 1 day old", "0 * * * *": "up to 1 hour old", "*/15 * * * *": "up to 15 minutes old",
		"0 */6 * * *": "up to 6 hours old", "0 3 * * 0": "up to 7 days old (0 3 * * 0)", "0 3 1 * *": "up to 31 days old, or older (0 3 1 * *)", "": "as old as its schedule allows",
	} {
		if got := age(schedule); got != want {
			t.Errorf("%q: %s, want %s", schedule, got, want)
		}
	}
}

// TestKebab is the way back from keys in values.yaml.
func TestKebab(t *testing.T) {
	t.Parallel()
	for camel, want := range map[string]string{"Cache": "cache", "RateLimits": "rate-limits"} {
		if got := kebab(camel); got != want {
			t.Errorf("%s: %s", camel, got)
		}
	}
}

// TestDumps tells a CronJob that backs a Redis up from others that name it.
func TestDumps(t *testing.T) {
	r := &redis{State: &diff.State{Name: "shop"}}
	for command, want := range map[string]bool{
		"redis-gitops backup create redis+sentinel://rfs-shop.web.svc:26379/mymaster /backups/shop": true,
		"redis-gitops restore redis://127.0.0.1:6379 /backups/shop":                                 false,
		"redis-gitops dump redis://rfrm-shop /data/shop.rdb":                                        true,
		"redis-gitops backup create redis://rfrm-cart /backups/cart":                                false,
		"redis-cli -h rfrm-shop ping":                                                               false,
	} {
		var words []any
		for _, w := range strings.Fields(command) {
			words = append(words, w)
		}
		if got := r.dumps(map[string]any{"command": words}); got != want {
			t.Errorf("%s: %v", command, got)
		}
	}
}
