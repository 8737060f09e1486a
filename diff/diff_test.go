package diff

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/instance"
)

// manifests are what the planted changes start from, by name.
func manifests(t *testing.T, name string) string {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}

func operators(t testing.TB) []*cue.Operator {
	t.Helper()
	all, err := cue.Operators()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// sideOf reads a stream of manifests.
func sideOf(t testing.TB, text string, o instance.Options) *Side {
	t.Helper()
	s := &Side{Options: o}
	for _, document := range strings.Split("\n"+text, "\n---\n") {
		var object map[string]any
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			t.Fatalf("%v in %s", err, document)
		}
		if object != nil {
			s.Resources = append(s.Resources, Resource{Object: object, Application: "shop", Namespace: "web"})
		}
	}
	return s
}

func compared(t testing.TB, old, new string, before, after instance.Options) []Change {
	t.Helper()
	r, err := Compare(sideOf(t, old, before), sideOf(t, new, after), operators(t))
	if err != nil {
		t.Fatal(err)
	}
	return r.Changes
}

// TestPlanted plants changes, each of which is one line with the right consequence.
func TestPlanted(t *testing.T) {
	for i, tt := range planted {
		name := strings.Fields(tt.where)
		o := instance.Options{Operator: name[1], Version: name[2]}
		old := manifests(t, name[0])
		if tt.before != "" {
			old = edited(t, old, tt.before)
		}
		new := edited(t, old, tt.edit)
		got := compared(t, old, new, o, o)
		if len(got) != 1 {
			t.Errorf("%d %s: %d changes, want one: %+v", i, tt.edit, len(got), got)
			continue
		}
		if line := strings.TrimSuffix(fmt.Sprintf("%s %s %s [%s]", got[0].Severity, got[0].Class, got[0].Path, got[0].Rule), " []"); line != tt.want {
			t.Errorf("%d %s:\ngot  %s\nwant %s\n%+v", i, tt.edit, line, tt.want, got[0])
		}
		if got[0].Text == "" || got[0].Source == "" || strings.ContainsAny(got[0].Text, "{}") && !strings.Contains(got[0].Text, `{"`) {
			t.Errorf("%d: %+v", i, got[0])
		}
	}
	if len(planted) < 60 {
		t.Errorf("only %d changes are planted", len(planted))
	}
}

// edited replaces text: "old => new"; several edits are separated by " ;; ". What is replaced must be there once.
func edited(t *testing.T, text, edits string) string {
	t.Helper()
	for edit := range strings.SplitSeq(edits, " ;; ") {
		old, new, found := strings.Cut(edit, " => ")
		old, new = strings.ReplaceAll(old, `\n`, "\n"), strings.ReplaceAll(new, `\n`, "\n")
		if !found || strings.Count(text, old) != 1 {
			t.Fatalf("%q is there %d times", old, strings.Count(text, old))
		}
		text = strings.Replace(text, old, new, 1)
	}
	return text
}

// TestClasses plants each class, and uses each predicate.
func TestClasses(t *testing.T) {
	for _, class := range cue.ChangeClasses() {
		if !slices.ContainsFunc(planted, func(p plant) bool { return strings.Fields(p.want)[1] == class }) {
			t.Errorf("no planted change is %s", class)
		}
	}
	facts, err := cue.KnownChanges()
	if err != nil {
		t.Fatal(err)
	}
	all := slices.Clone(facts.General)
	for _, o := range facts.Operators {
		all = append(all, o.Changes...)
		for _, s := range o.Stateful {
			all = append(all, cue.ChangeRule{If: slices.Concat(s.Kept, s.Retained)})
		}
	}
	used := map[string]bool{}
	for _, r := range all {
		for _, c := range r.If {
			if name, ok := strings.CutPrefix(strings.TrimPrefix(c, "!"), "@"); ok {
				used[name] = true
				if !slices.Contains(predicates, name) {
					t.Errorf("a fact names the predicate %q, which does not exist", name)
				}
			}
		}
		for _, class := range []string{r.Path} {
			if strings.HasPrefix(class, "@") && class != "@env" {
				t.Errorf("path %q", class)
			}
		}
	}
	for _, name := range predicates {
		if !used[name] {
			t.Errorf("no fact uses the predicate %q", name)
		}
	}
}

type plant struct {
	where  string // file of testdata, operator and version
	before string // edits of the old side
	edit   string
	want   string // severity, class, path, and the rule in brackets where there is one
}

const spotahome, later, ot, plain = "spotahome spotahome 1.2.4", "spotahome spotahome 1.3.0", "opstree opstree 0.26.0", "workload workload 1"

const al, kube, re = "alauda alauda 3.18.0", "kubedb kubedb 2026.7.10", "redis-enterprise redis-enterprise 7.22.0"

const chart = "charts bitnami 1"

var planted = []plant{
	// RedisFailover
	{later, "", "replicas: 3 # redis => replicas: 5", "info live spec.redis.replicas"},
	{spotahome, "", "replicas: 3 # redis => replicas: 5", "error stuck spec.redis.replicas"},
	{spotahome, "", "replicas: 3 # sentinel => replicas: 1", "error stuck spec.sentinel.replicas [ha/quorum-lowered]"},
	{later, "", "replicas: 3 # sentinel => replicas: 1", "info live spec.sentinel.replicas [ha/quorum-lowered]"},
	{spotahome, "", "replicas: 3 # sentinel => replicas: 5", "info live spec.sentinel.replicas"},
	{spotahome, "", "replicas: 3 # redis => replicas: 2", "warning live spec.redis.replicas"},
	{spotahome, "", "replicas: 3 # redis => replicas: 1", "warning live spec.redis.replicas"},
	{spotahome, "", "replicas: 3 # redis => replicas: 0", "info live spec.redis.replicas"},
	{spotahome, "", "image: redis:7.2.4 => image: redis:7.2.7", "warning roll spec.redis.image"},
	{spotahome, "replicas: 3 # redis => replicas: 1 # redis", "image: redis:7.2.4 => image: redis:7.2.7", "warning roll spec.redis.image"},
	{spotahome, "", "image: redis:7.2.4 => image: redis:8.2.1", "warning roll spec.redis.image"},
	{spotahome, "", "image: redis:7.2.4 => image: redis:7.2.3", "warning roll spec.redis.image [op/image-downgrade]"},
	{spotahome, "image: redis:7.2.4 => image: redis:8.4.0", "image: redis:8.4.0 => image: redis:8.2.1", "warning roll spec.redis.image [op/image-downgrade]"},
	{spotahome, "", "image: redis:7.2.4 => image: redis:6.2.14", "error stuck spec.redis.image [op/rdb-unreadable]"},
	{spotahome, "image: redis:7.2.4 => image: redis:7.4.1", "image: redis:7.4.1 => image: valkey/valkey:8.1.1", "error stuck spec.redis.image [op/rdb-unreadable]"},
	{spotahome, "", "image: redis:7.2.4 => image: valkey/valkey:8.1.1", "warning roll spec.redis.image"},
	{spotahome, "", "    image: redis:7.2.4\n => ", "error stuck spec.redis.image [op/rdb-unreadable]"},
	{spotahome, "", "image: redis:7.2.5 => image: redis:7.2.6", "warning roll-sentinels spec.sentinel.image"},
	{later, "", "limits: {memory: 64Mi} => limits: {memory: 96Mi}", "warning roll-sentinels spec.sentinel.resources.limits.memory"},
	{spotahome, "", "- maxmemory 200mb => - maxmemory 220mb", "info live spec.redis.customConfig.maxmemory"},
	{spotahome, "", "- maxmemory 200mb => - maxmemory 100mb", "warning live spec.redis.customConfig.maxmemory"},
	{spotahome, "", "      - maxmemory 200mb\n => ", "warning later spec.redis.customConfig.maxmemory"},
	{spotahome, "", "- maxmemory 200mb => - maxmemory 200mb\n      - hz 20", "info live spec.redis.customConfig.hz"},
	{spotahome, "", "maxmemory-policy noeviction => maxmemory-policy allkeys-lru", "warning live spec.redis.customConfig.maxmemory-policy"},
	{spotahome, "", "- maxmemory 200mb => - maxmemory 200mb\n      - appendonly yes", "error live spec.redis.customConfig.appendonly"},
	{spotahome, "", "- maxmemory 200mb => - maxmemory 200mb\n      - save \"\"", "warning live spec.redis.customConfig.save"},
	{spotahome, "", "down-after-milliseconds 2000 => down-after-milliseconds 5000", "info live spec.sentinel.customConfig.down-after-milliseconds"},
	{spotahome, "", "down-after-milliseconds 2000,  => ", "warning later spec.sentinel.customConfig.down-after-milliseconds"},
	{spotahome, "", "    customConfig: [down-after-milliseconds 2000, failover-timeout 3000]\n => ", "info live spec.sentinel.customConfig"},
	{spotahome, "", "terminationGracePeriod: 90 => terminationGracePeriod: 90\n    customCommandRenames: [{from: KEYS, to: \"\"}]", "warning later spec.redis.customCommandRenames"},
	{spotahome, "", "terminationGracePeriod: 90 => terminationGracePeriod: 90\n    command: [redis-server]", "error stuck spec.redis.command"},
	{spotahome, "", "limits: {memory: 256Mi} => limits: {memory: 128Mi}", "warning roll spec.redis.resources.limits.memory"},
	{spotahome, "", "storage: 2Gi => storage: 4Gi", "info live spec.redis.storage.persistentVolumeClaim.spec.resources.requests.storage"},
	{spotahome, "", "storage: 2Gi => storage: 1Gi", "warning ignored spec.redis.storage.persistentVolumeClaim.spec.resources.requests.storage [data/storage-shrunk]"},
	{spotahome, "", "storageClassName: fast => storageClassName: slow", "warning ignored spec.redis.storage.persistentVolumeClaim.spec.storageClassName [data/storage-change-ignored]"},
	{spotahome, "", "name: shop-data => name: data", "error stuck spec.redis.storage.persistentVolumeClaim.metadata.name [data/storage-change-ignored]"},
	{spotahome, "", "keepAfterDeletion: false => keepAfterDeletion: true", "error ignored spec.redis.storage.keepAfterDeletion [data/storage-change-ignored]"},
	{spotahome, "keepAfterDeletion: false => keepAfterDeletion: true", "keepAfterDeletion: true => keepAfterDeletion: false", "warning ignored spec.redis.storage.keepAfterDeletion [data/storage-change-ignored]"},
	{spotahome, "", claim + " => ", "error roll spec.redis.storage.persistentVolumeClaim [data/renamed-or-removed]"},
	{spotahome, claim + " => ", "keepAfterDeletion: false\n => keepAfterDeletion: false\n" + claim, "error stuck spec.redis.storage.persistentVolumeClaim [data/storage-change-ignored]"},
	{spotahome, "", "  auth: {secretPath: shop-password}\n => ", "error stuck spec.auth.secretPath [auth/rotation-needs-plan]"},
	{spotahome, "", "terminationGracePeriod: 90 => terminationGracePeriod: 90\n    port: 6380", "error stuck spec.redis.port"},
	{spotahome, "", "labels: {app: shop} => labels: {app: shop, team: a}", "warning roll metadata.labels.team"},
	{spotahome, "spec:\n  sentinel: => spec:\n  labelWhitelist: [\"^$\"]\n  sentinel:", "labels: {app: shop} => labels: {app: shop, team: a}", "info live metadata.labels.team"},
	{spotahome, "labels: {app: shop} => labels: {helm.sh/chart: shop-1.0}", "shop-1.0 => shop-1.1", "warning roll metadata.labels[helm.sh/chart]"},
	{spotahome, "", "annotations: {note: a} => annotations: {note: b}", "info live metadata.annotations.note"},
	{spotahome, "", "checksum/config: abc => checksum/config: abd", "warning roll spec.redis.podAnnotations.checksum/config"},
	{spotahome, "", "exporter: {enabled: true => exporter: {enabled: false", "warning roll spec.redis.exporter.enabled"},
	{spotahome, "", "terminationGracePeriod: 90 => terminationGracePeriod: 120", "warning roll spec.redis.terminationGracePeriod"},
	{spotahome, "", "spec:\n  sentinel: => spec:\n  bootstrapNode: {host: other, port: \"6379\"}\n  sentinel:", "error destroy spec.bootstrapNode"},
	{spotahome, "", "kind: RedisFailover\nmetadata:\n  name: shop\n => kind: RedisFailover\nmetadata:\n  name: store\n", "error destroy metadata.name [data/renamed-or-removed]"},
	{spotahome, "keepAfterDeletion: false => keepAfterDeletion: true", "kind: RedisFailover\nmetadata:\n  name: shop\n => kind: RedisFailover\nmetadata:\n  name: store\n", "warning orphan metadata.name [data/renamed-or-removed]"},
	{"freshworks freshworks 3.3.5", "", "engine: Redis => engine: Valkey", "warning roll spec.engine"},
	{"freshworks freshworks 3.3.5", "", "disableMyMaster: false => disableMyMaster: true", "warning clients spec.sentinel.disableMyMaster"},
	{"freshworks freshworks 3.3.5", "", "operator-group: a => operator-group: b", "error stuck metadata.labels[redis-failover.freshworks.com/operator-group]"},
	{"freshworks freshworks 3.3.5", "", "disableMasterRollout: false => disableMasterRollout: true", "warning later spec.redis.disableMasterRollout"},

	// Around it.
	{spotahome, "", "stringData: {password: first} => stringData: {password: second}", "warning later stringData.password [auth/rotation-needs-plan]"},
	{spotahome, "", ", redisfailovers-role: master => ", "warning clients spec.selector.redisfailovers-role"},
	{spotahome, "", "port: 6379, targetPort => port: 6380, targetPort", "warning clients spec.ports.redis.port"},
	{spotahome, "", "type: ClusterIP => type: LoadBalancer", "info live spec.type"},
	{spotahome, "", "from: [{podSelector: {}}] => from: [{podSelector: {matchLabels: {a: b}}}]", "warning clients spec.ingress"},
	{spotahome, "", "redis://shop-master:6379/0 => redis://shop-master:6379/1", "warning clients spec.template.spec.containers.web.env.REDIS_URL.value"},
	{spotahome, "", "redis://shop-master:6379/0 => redis://shop-mastr:6379/0", "warning clients spec.template.spec.containers.web.env.REDIS_URL.value"},
	{spotahome, "", "            - {name: REDIS_URL, value: \"redis://shop-master:6379/0\"}\n => ", "warning clients spec.template.spec.containers.web.env.REDIS_URL"},

	{spotahome, "", service + " => ", "warning clients "},
	{spotahome, service + " => ", "kind: ConfigMap => kind: ConfigMap\nx: y\n" + service + "---\napiVersion: v1\nkind: ConfigMap", "info live "},
	{spotahome, "", "stringData: {password: first} => stringData: {password: first}\ntype: x", "error rejected type"},
	{spotahome, "kind: ConfigMap\nmetadata: {name: other} => kind: CustomResourceDefinition\nspec: {group: databases.spotahome.com, names: {kind: RedisFailover}}\nmetadata: {name: other}", "---\napiVersion: v1\nkind: CustomResourceDefinition\nspec: {group: databases.spotahome.com, names: {kind: RedisFailover}}\nmetadata: {name: other}\ndata: {a: b}\n => ", "error destroy  [data/renamed-or-removed]"},

	// OpsTree
	{ot, "", "note: a => note: b", "warning roll metadata.annotations.note"},
	{ot, "", "team: a => team: b", "warning roll metadata.labels.team"},
	{"opstree opstree 0.20.0", "", "team: a => team: b", "error rejected metadata.labels.team"},
	{ot, "", "redis:v7.0.15 => redis:v7.2.7", "warning roll spec.kubernetesConfig.image"},
	{ot, "", "redis:v7.0.15 => redis:v6.2.14", "error stuck spec.kubernetesConfig.image [op/rdb-unreadable]"},
	{ot, "", "storage: 2Gi => storage: 3Gi", "info live spec.storage.volumeClaimTemplate.spec.resources.requests.storage"},
	{ot, "", "storage: 2Gi => storage: 1Gi", "error stuck spec.storage.volumeClaimTemplate.spec.resources.requests.storage [data/storage-shrunk]"},
	{ot, "", "storageClassName: fast => storageClassName: slow", "warning ignored spec.storage.volumeClaimTemplate.spec.storageClassName [data/storage-change-ignored]"},
	{ot, "note: a => redis.opstreelabs.in/recreate-statefulset: \"true\"", "storageClassName: fast => storageClassName: slow", "error recreate spec.storage.volumeClaimTemplate.spec.storageClassName"},
	{ot, "", "    volumeClaimTemplate:\n      spec: {accessModes: [ReadWriteOnce], storageClassName: fast, resources: {requests: {storage: 2Gi}}}\n => ", "error rejected spec.storage.volumeClaimTemplate.spec [data/storage-change-ignored]"},
	{ot, "", "keepAfterDelete: true => keepAfterDelete: false", "warning live spec.storage.keepAfterDelete"},
	{ot, "", "clusterSize: 3\n => clusterSize: 2\n", "warning live spec.clusterSize"},
	{ot, "", "clusterSize: 3 # sentinel => clusterSize: 5", "warning roll-sentinels spec.clusterSize"},
	{ot, "", "clusterSize: 3 # sentinel => clusterSize: 1", "warning roll-sentinels spec.clusterSize [ha/quorum-lowered]"},
	{ot, "", "quorum: \"2\" => quorum: \"1\"", "warning roll-sentinels spec.redisSentinelConfig.quorum [ha/quorum-lowered]"},
	{ot, "", "redis:v7.0.15 => redis:v7.0.12", "warning roll spec.kubernetesConfig.image [op/image-downgrade]"},
	{ot, "", "clusterSize: 4 => clusterSize: 5", "warning live spec.clusterSize"},
	{ot, "", "persistenceEnabled: true => persistenceEnabled: false", "error roll spec.persistenceEnabled"},
	{ot, "", ", maxmemory 200mb => ", "warning later spec.redisConfig.dynamicConfig.maxmemory"},
	{ot, "", "save 60 1 => save 90 1", "warning later data[redis-additional.conf]"},
	{ot, "", "redisSecret: {name: shop-password => redisSecret: {name: other", "warning roll spec.kubernetesConfig.redisSecret.name [auth/rotation-needs-plan]"},

	{ot, "", "kind: RedisReplication\nmetadata: {name: shop => kind: RedisReplication\nmetadata: {name: store", "warning orphan metadata.name [data/renamed-or-removed]"},
	{ot, "", "kind: RedisCluster\nmetadata: {name: wide} => kind: RedisCluster\nmetadata: {name: broad}", "error destroy metadata.name [data/renamed-or-removed]"},
	{ot, "keepAfterDelete: true => keepAfterDelete: false", "metadata: {name: shop, labels => metadata: {name: shop, namespace: other, labels", "error destroy metadata.namespace [data/renamed-or-removed]"},
	{"freshworks freshworks 3.3.5", "", "kind: RedisFailover\nmetadata:\n  name: shop\n => kind: RedisFailover\nmetadata:\n  name: store\n", "error destroy metadata.name [data/renamed-or-removed]"},

	// Alauda
	{al, "", "image: redis:7.2.4 => image: redis:6.2.14", "error stuck spec.redis.image [op/rdb-unreadable]"},
	{al, "", "image: redis:7.2.4 => image: redis:7.2.3", "warning roll spec.redis.image [op/image-downgrade]"},
	{al, "", "replicas: 3 # sentinel => replicas: 1", "warning roll-sentinels spec.sentinel.replicas [ha/quorum-lowered]"},
	{al, "", "quorum: 2 => quorum: 1", "info live spec.sentinel.quorum [ha/quorum-lowered]"},
	{al, "", "replicas: 5 => replicas: 3", "warning roll-sentinels spec.replicas [ha/quorum-lowered]"},
	{al, "", "maxmemory: 200mb => maxmemory: 100mb", "warning live spec.redis.customConfig.maxmemory"},
	{al, "", "maxmemory: 200mb => maxmemory: 300mb", "info live spec.redis.customConfig.maxmemory"},
	{al, "", "maxmemory: 200mb,  => ", "warning later spec.redis.customConfig.maxmemory"},
	{al, "", "databases: \"16\" => databases: \"32\"", "warning roll spec.redis.customConfig.databases"},
	{al, "", "storage: 2Gi => storage: 1Gi", "warning ignored spec.redis.storage.persistentVolumeClaim.spec.resources.requests.storage [data/storage-shrunk]"},
	{al, "", "storage: 2Gi => storage: 4Gi", "warning ignored spec.redis.storage.persistentVolumeClaim.spec.resources.requests.storage [data/storage-change-ignored]"},
	{al, "", "storageClassName: fast => storageClassName: slow", "warning ignored spec.redis.storage.persistentVolumeClaim.spec.storageClassName [data/storage-change-ignored]"},
	{al, "", "secretPath: shop-password => secretPath: other", "warning live spec.auth.secretPath [auth/rotation-needs-plan]"},
	{al, "", "kind: RedisFailover\nmetadata: {name: shop} => kind: RedisFailover\nmetadata: {name: store}", "error destroy metadata.name [data/renamed-or-removed]"},

	// KubeDB
	{kube, "", "version: 7.2.4\n  mode => version: 6.2.14\n  mode", "error stuck spec.version [op/rdb-unreadable]"},
	{kube, "", "version: 7.2.4\n  mode => version: 7.2.3\n  mode", "warning roll spec.version [op/image-downgrade]"},
	{kube, "version: 7.2.4\n  mode => version: 7.4.1\n  mode", "version: 7.4.1 => version: valkey-8.1.1", "error stuck spec.version [op/rdb-unreadable]"},
	{kube, "", "storage: 2Gi => storage: 1Gi", "warning ignored spec.storage.resources.requests.storage [data/storage-shrunk]"},
	{kube, "", "storage: 1Gi => storage: 2Gi", "info live spec.storage.resources.requests.storage"},
	{kube, "", "storageClassName: fast => storageClassName: slow", "warning ignored spec.storage.storageClassName [data/storage-change-ignored]"},
	{kube, "", "authSecret: {name: shop-password} => authSecret: {name: other}", "warning roll spec.authSecret.name [auth/rotation-needs-plan]"},
	{kube, "", "replicas: 5 => replicas: 3", "warning roll-sentinels spec.replicas [ha/quorum-lowered]"},
	{kube, "", "deletionPolicy: Halt => deletionPolicy: WipeOut", "warning live spec.deletionPolicy"},
	{kube, "", "kind: Redis\nmetadata: {name: shop} => kind: Redis\nmetadata: {name: store}", "warning orphan metadata.name [data/renamed-or-removed]"},

	// Redis Enterprise
	{re, "", "databaseSecretName: shop-password => databaseSecretName: other", "warning clients spec.databaseSecretName [auth/rotation-needs-plan]"},
	{re, "", "databasePort: 12000 => databasePort: 12001", "warning ignored spec.databasePort"},
	{re, "", "persistence: aofEverySecond => persistence: disabled", "error live spec.persistence"},
	{re, "", "replication: true => replication: false", "warning live spec.replication"},
	{re, "", "memorySize: 1GB => memorySize: 2GB", "warning roll spec.memorySize"},

	// Releases of charts
	{chart, "", "version: 20.1.0 => version: 18.1.0", "error stuck version [op/rdb-unreadable]"},
	{chart, "version: 20.1.0 => version: 18.1.0", "version: 18.1.0 => version: 19.1.0", "warning roll version"},
	{chart, "version: 20.1.0 => version: 18.1.0", "version: 18.1.0 => version: 20.x.x", "warning roll version"},
	{chart, "", "version: 20.1.0 => version: 20.2.0", "warning roll version"},
	{chart, "", "version: 4.0.2 => version: 5.0.0", "warning roll version"},
	{chart, "", "chart: redis, version: 20.1.0 => chart: cache, version: 20.1.0", "error rejected chart"},
	{chart, "", "release: shop => release: store", "error rejected release"},
	{chart, "", "installer: HelmRelease => installer: Application", "warning live installer"},
	{chart, "", "apiVersion: bitnami/redis => apiVersion: bitnami/valkey", "error recreate apiVersion [data/renamed-or-removed]"},
	{chart, "", "existingSecret: shop-password} => existingSecret: shop-password}\n  image: {tag: 6.2.14}", "error stuck image.tag [op/rdb-unreadable]"},
	{chart, "", "existingSecret: shop-password} => existingSecret: shop-password}\n  image: {tag: 7.4.1-debian-12-r0}", "warning roll image.tag"},
	{chart, "", "name: shop-redis => name: store-redis", "warning orphan name [data/renamed-or-removed]"},
	{chart, "", "architecture: replication # bitnami => architecture: standalone", "error recreate architecture [data/renamed-or-removed]"},
	{chart, "", "{enabled: true, quorum: 2} => {enabled: false, quorum: 2}", "error recreate sentinel.enabled [data/renamed-or-removed]"},
	{chart, "", "{enabled: true, quorum: 2} => {enabled: true, quorum: 1}", "warning roll sentinel.quorum [ha/quorum-lowered]"},
	{chart, "", "replicaCount: 3, => replicaCount: 2,", "warning live replica.replicaCount [ha/quorum-lowered]"},
	{chart, "", "replicaCount: 3, => replicaCount: 5,", "info live replica.replicaCount"},
	{chart, "", "size: 8Gi => size: 16Gi", "error rejected replica.persistence.size [data/storage-change-ignored]"},
	{chart, "", "size: 4Gi => size: 16Gi", "warning ignored master.persistence.size"},
	{chart, "", "size: 2Gi => size: 16Gi", "error rejected primary.persistence.size [data/storage-change-ignored]"},
	{chart, "", "architecture: standalone # valkey => architecture: replication", "info live architecture"},
	{chart, "", "auth: {existingSecret: shop-password} => auth: {enabled: false, existingSecret: shop-password}", "warning roll auth.enabled [auth/rotation-needs-plan]"},
	{chart, "", "existingSecret: shop-password => existingSecret: other", "warning roll auth.existingSecret [auth/rotation-needs-plan]"},
	{chart, "", "appendonly yes => maxmemory 100mb", "warning roll commonConfiguration"},
	{chart, "", "commonConfiguration: => tolerations: [{key: a}]\n  commonConfiguration:", "warning roll tolerations"},
	{chart, "", "replicas: 3 # redis-ha => replicas: 1", "warning live replicas [ha/quorum-lowered]"},
	{chart, "", "size: 3Gi => size: 4Gi", "error rejected persistentVolume.size [data/storage-change-ignored]"},
	{chart, "", "auth: true => auth: false", "warning roll auth [auth/rotation-needs-plan]"},
	{chart, "", "existingSecret: cart-password => existingSecret: other", "warning roll existingSecret [auth/rotation-needs-plan]"},
	{chart, "", "haproxy: {enabled: true} => haproxy: {enabled: false}", "warning clients haproxy.enabled"},
	{chart, "", "version: 4.38.0 => version: 4.30.0", "error stuck version [op/rdb-unreadable]"},
	{chart, "", "requestedSize: 5Gi => requestedSize: 6Gi", "info live dataStorage.requestedSize"},
	{chart, "", "requestedSize: 5Gi => requestedSize: 4Gi", "error rejected dataStorage.requestedSize [data/storage-shrunk]"},
	{chart, "", "dataStorage: {enabled: true => dataStorage: {enabled: false", "error destroy dataStorage.enabled [data/renamed-or-removed]"},
	{chart, "", "enabled: false} # feed => enabled: true} # feed", "warning roll auth.enabled [auth/rotation-needs-plan]"},
	{chart, "{enabled: false} # feed => {enabled: false}\n  replica: {persistence: {size: 5Gi}}", "replica: {persistence => replica: {enabled: true, persistence", "error recreate replica.enabled [data/renamed-or-removed]"},
	{chart, "", "replicas: 2, persistence => replicas: 2, sentinel: {enabled: true}, persistence", "warning ignored replica.sentinel.enabled"},
	{chart, "", "replicas: 2, persistence => replicas: 1, persistence", "info live replica.replicas"},
	{chart, "", "size: 6Gi => size: 9Gi", "error rejected replica.persistence.size [data/storage-change-ignored]"},
	{chart, "", "tag: 8.6.4 => tag: 8.4.0", "error stuck image.tag [op/rdb-unreadable]"},
	{chart, "", "tag: 8.6.4 => tag: 8.6.3", "warning roll image.tag [op/image-downgrade]"},
	{chart, "", "masterName: mail => masterName: post", "warning clients sentinel.masterName"},
	{chart, "", "replicaCount: 3 # cloudpirates => replicaCount: 2", "warning live replicaCount [ha/quorum-lowered]"},
	{chart, "", "architecture: replication # cloudpirates => architecture: cluster", "error recreate architecture [data/renamed-or-removed]"},
	{chart, "", "password: hunter22 => password: hunter23", "warning roll auth.password [auth/rotation-needs-plan]"},
	{chart, "", "size: 7Gi => size: 8Gi", "error rejected persistence.size [data/storage-change-ignored]"},

	// Plain StatefulSets
	{plain, "", "redis:7.4.1 => redis:7.4.2", "error roll spec.template.spec.containers.redis.image"},
	{plain, "", "redis:7.4.1 => redis:7.2.5", "error stuck spec.template.spec.containers.redis.image [op/rdb-unreadable]"},
	{plain, "", "valkey:8.1.1 => valkey:9.0.0", "warning roll spec.template.spec.containers.valkey.image"},
	{plain, "", "storage: 1Gi => storage: 2Gi", "error rejected spec.volumeClaimTemplates [data/storage-change-ignored]"},
	{plain, "", "serviceName: cache => serviceName: other", "error rejected spec.serviceName"},
	{plain, "", "labels: {app: store, version: a} => labels: {app: shop, version: a}", "error rejected spec.template.metadata.labels.app"},
	{plain, "", "replicas: 2 # store => replicas: 1", "warning live spec.replicas"},
	{plain, "", "replicas: 2 # store => replicas: 2\n  persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete}", "error live spec.persistentVolumeClaimRetentionPolicy.whenDeleted"},
	{plain, "", "maxmemory 100mb => maxmemory 90mb", "warning later data[redis.conf]"},
	{plain, "", "clusterIP: None => clusterIP: \"\"", "error rejected spec.clusterIP"},
	{plain, "", "minAvailable: 1 => minAvailable: 2", "info live spec.minAvailable"},
	{plain, "", "metadata: {name: store}\nspec:\n  serviceName => metadata: {name: shelf}\nspec:\n  serviceName", "warning orphan metadata.name [data/renamed-or-removed]"},
}

const service = `---
apiVersion: v1
kind: Service
metadata: {name: shop-master}
spec:
  type: ClusterIP
  ports: [{name: redis, port: 6379, targetPort: redis}]
  selector: {app.kubernetes.io/name: shop, app.kubernetes.io/component: redis, redisfailovers-role: master}
`

const claim = `      persistentVolumeClaim:
        metadata: {name: shop-data}
        spec:
          accessModes: [ReadWriteOnce]
          storageClassName: fast
          resources: {requests: {storage: 2Gi}}
`

// TestOfVariable: a variable is about the Redis that it names, not about all that its containers know.
func TestOfVariable(t *testing.T) {
	const second = `
---
apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata: {name: cache}
spec: {redis: {replicas: 2}}
---
apiVersion: v1
kind: Service
metadata: {name: cache-master}
spec:
  selector: {app.kubernetes.io/name: cache, app.kubernetes.io/component: redis, redisfailovers-role: master}
  ports: [{port: 6379}]
`
	const variable = `            - {name: REDIS_URL, value: "redis://shop-master:6379/0"}` + "\n"
	old := strings.Replace(manifests(t, "spotahome"), variable, variable+strings.NewReplacer("REDIS", "CACHE", "shop", "cache").Replace(variable), 1) + second
	o := instance.Options{Operator: "spotahome", Version: "1.2.4"}
	for edit, want := range map[string][2]string{
		"redis://shop-master:6379/0 => redis://shop-master:6379/1":  {"RedisFailover web/shop", "use another Redis or database"},
		"redis://cache-master:6379/0 => redis://cache-mastr:6379/0": {"RedisFailover web/cache", "names no Redis of this repository"},
		"redis://shop-master:6379/0 => redis://cache-master:6379/3": {"RedisFailover web/cache, RedisFailover web/shop", "use another Redis or database"},
	} {
		got := compared(t, old, edited(t, old, edit), o, o)
		if len(got) != 1 || got[0].Redis != want[0] || !strings.Contains(got[0].Text, want[1]) {
			t.Errorf("%s: got %+v, want %v", edit, got, want)
		}
	}
}
