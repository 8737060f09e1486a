package instance

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/cue"
)

func TestReferences(t *testing.T) {
	operators, err := cue.Operators()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, operator, manifest, pods, references string }{
		{
			"labels that the whitelist lets through", "spotahome", `
apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata: {name: shop, labels: {team: web, purpose: cache}}
spec:
  labelWhitelist: ["^team$", "("]
  auth: {secretPath: shop-redis}
  redis: {replicas: 5, startupConfigMap: hooks}
`,
			"redis 5 6379 true purpose= team=web; sentinel 3 26379 false purpose= team=web",
			"spec.auth.secretPath Secret shop-redis; spec.redis.startupConfigMap ConfigMap hooks",
		}, {
			"a fork has the facts of its origin", "saremox", `
apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata: {name: shop}
spec:
  sentinel: {enabled: false}
  auth: {secretPath: shop-redis}
`,
			"redis 3 6379 true purpose= team=", "spec.auth.secretPath Secret shop-redis",
		}, {
			"replication with sentinels of its own", "", `
apiVersion: redis.redis.opstreelabs.in/v1beta2
kind: RedisReplication
metadata: {name: shop, labels: {team: web}}
spec:
  clusterSize: 2
  sentinel: {size: 3, redisSecret: {name: a, key: b}}
  storage: {volumeClaimTemplate: {spec: {storageClassName: fast}}}
`,
			"redis 2 6379 true purpose= team=web; sentinel 3 26379 false purpose= team=web",
			"spec.storage.volumeClaimTemplate.spec.storageClassName StorageClass fast; spec.sentinel.redisSecret.name Secret a",
		}, {
			"sentinels of another resource", "", `
apiVersion: redis.redis.opstreelabs.in/v1beta2
kind: RedisSentinel
metadata: {name: shop}
spec:
  redisSentinelConfig: {redisReplicationName: shop, additionalSentinelConfig: extra}
`,
			"sentinel 3 26379 false purpose= team=", "spec.redisSentinelConfig.additionalSentinelConfig ConfigMap extra",
		}, {
			"elements of a list", "", `
apiVersion: app.redislabs.com/v1alpha1
kind: RedisEnterpriseActiveActiveDatabase
metadata: {name: shop}
spec: {globalConfigurations: {replicaSources: [{clientKeySecret: a}, {}, {clientKeySecret: b}]}}
`,
			"", "spec.globalConfigurations.replicaSources.0.clientKeySecret Secret a; spec.globalConfigurations.replicaSources.2.clientKeySecret Secret b",
		}, {
			"a StatefulSet of Redis", "", `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: shop}
spec:
  replicas: 2
  template: {metadata: {labels: {team: web}}, spec: {containers: [{name: redis, image: "redis:7.4.11"}]}}
`,
			"redis 2 0 false purpose= team=web", "",
		}, {
			"a StatefulSet of another program", "", `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: shop}
spec: {template: {spec: {containers: [{name: db, image: "postgres:17.2"}]}}}
`, "", "",
		}, {
			"fields of the wrong type", "", `
apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata: {name: shop, labels: [a]}
spec: {labelWhitelist: {}, auth: {secretPath: 3}, redis: [], sentinel: x}
`, "redis 3 6379 true purpose= team=; sentinel 3 26379 false purpose= team=", "",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var object map[string]any
			if err := yaml.Unmarshal([]byte(tt.manifest), &object); err != nil {
				t.Fatal(err)
			}
			pods, references := References([]Document{{Object: object, Where: "x"}}, operators, Options{Operator: tt.operator})
			var gotPods, gotReferences []string
			for _, p := range pods {
				gotPods = append(gotPods, fmt.Sprintf("%s %d %d %v purpose=%s team=%s", p.Part, p.Replicas, p.Port, p.PeerAddress, p.Labels["purpose"], p.Labels["team"]))
			}
			for _, r := range references {
				gotReferences = append(gotReferences, strings.Join(r.Path, ".")+" "+r.Kind+" "+r.Name)
			}
			slices.Sort(gotReferences)
			want := strings.Split(tt.references, "; ")
			slices.Sort(want)
			if got := strings.Join(gotPods, "; "); got != tt.pods {
				t.Errorf("pods %q, want %q", got, tt.pods)
			}
			if got := strings.Join(gotReferences, "; "); got != strings.Join(want, "; ") {
				t.Errorf("references %q, want %q", got, tt.references)
			}
		})
	}
}

// TestForks: a fork has every kind of pod, every reference and the traits of the operator it comes from; no other operator has them.
func TestForks(t *testing.T) {
	operators, err := cue.Operators()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*cue.Operator{}
	for _, o := range operators {
		byName[o.Name] = o
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		o := byName[name]
		if o.Fork == "" {
			if traits := o.Traits(); name != "spotahome" && traits.Appoints {
				t.Errorf("%s has the traits of another operator: %+v", name, traits)
			}
			continue
		}
		from := byName[o.Fork]
		if from == nil || !o.Traits().Appoints || o.Traits().MaxName != from.Traits().MaxName || len(from.PodSpecs()) == 0 || len(o.PodSpecs()) < len(from.PodSpecs()) || len(o.References()) < len(from.References()) {
			t.Errorf("%s is a fork of %q and lacks its facts", name, o.Fork)
		}
	}
}
