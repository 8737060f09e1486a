package cue

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"
)

// corpus holds real manifests beside the repository; it is not part of it.
const corpus = "../../shared/corpus"

func schemas(t testing.TB, version string) *Schemas {
	t.Helper()
	s, err := operator(t).Schemas(version)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func resources(t testing.TB, src []byte) []map[string]any {
	t.Helper()
	var all []map[string]any
	decoder := yaml.NewDecoder(bytes.NewReader(src))
	for {
		var r map[string]any
		if err := decoder.Decode(&r); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const head = "apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata: {name: shop}\n"
	for _, tt := range []struct{ name, version, src, want string }{
		{"right", "1.2.4", head + "spec: {redis: {replicas: 3, port: 6380}, sentinel: {replicas: 3}}", ""},
		{"typos", "1.2.4", head + "spec: {redis: {replica: 3, customConfg: []}, storage: {}}",
			`spec.redis.customConfg: unknown key "customConfg"; did you mean "customConfig"?
spec.redis.replica: unknown key "replica"; did you mean "replicas"?
spec.storage: unknown key "storage"; it belongs under "spec.redis"`},
		{"hints", "1.2.4", head + `spec:
  customConfig: []
  bootstrap: {}
  thing: 1
  redis:
    config: {}
    bootstrapNode: {}
    topologyKey: x
    storage: {size: 1Gi, persistentVolumeClaim: {claimName: x, storageClassName: x, accessMode: [x]}}
  sentinel: {hardAntiAffinity: true}
`, `spec.bootstrap: unknown key "bootstrap"; did you mean "bootstrapNode"?
spec.customConfig: unknown key "customConfig"; it belongs under "spec.redis" or "spec.sentinel"
spec.redis.bootstrapNode: unknown key "bootstrapNode"; it belongs under "spec"
spec.redis.config: unknown key "config"; write customConfig, a list of lines such as "maxmemory 192mb"
spec.redis.storage.persistentVolumeClaim.accessMode: unknown key "accessMode"; did you mean "accessModes" under "spec.redis.storage.persistentVolumeClaim.spec"?
spec.redis.storage.persistentVolumeClaim.claimName: unknown key "claimName"; the operator makes the claim; name it with metadata.name
spec.redis.storage.persistentVolumeClaim.storageClassName: unknown key "storageClassName"; it belongs under "spec.redis.storage.persistentVolumeClaim.spec"
spec.redis.storage.size: unknown key "size"; write persistentVolumeClaim.spec.resources.requests.storage
spec.redis.topologyKey: unknown key "topologyKey"; remove or rename it
spec.sentinel.hardAntiAffinity: unknown key "hardAntiAffinity"; it was a field of the v1alpha2 API; write affinity.podAntiAffinity
spec.thing: unknown key "thing"; one of "auth", "bootstrapNode", "labelWhitelist", "redis", "sentinel"`},
		{"fields of another part", "1.2.4", head + `spec:
  env: []
  host: 10.0.0.1
  redis:
    env: []
    labels: {a: b}
    livenessProbe: {}
    volumes: []
    user: shop
    limits: {}
    auth: {}
  sentinel:
    env: []
    storage: {}
    port: 26380
    customCommandRenames: []
    storageClassName: x
`, `spec.env: unknown key "env"; the operator takes no env for Redis or its sentinels; write settings into customConfig of one
spec.host: unknown key "host"; one of "auth", "bootstrapNode", "labelWhitelist", "redis", "sentinel"
spec.redis.auth: unknown key "auth"; it belongs under "spec"
spec.redis.env: unknown key "env"; the operator takes no env for Redis; write settings into customConfig
spec.redis.labels: unknown key "labels"; pods have the labels of the RedisFailover; write metadata.labels
spec.redis.limits: unknown key "limits"; it belongs under "spec.redis.resources"
spec.redis.livenessProbe: unknown key "livenessProbe"; write customLivenessProbe
spec.redis.user: unknown key "user"; remove or rename it
spec.redis.volumes: unknown key "volumes"; write extraVolumes
spec.sentinel.customCommandRenames: unknown key "customCommandRenames"; remove or rename it
spec.sentinel.env: unknown key "env"; the operator takes no env for the sentinels; write settings into customConfig
spec.sentinel.port: unknown key "port"; sentinels always listen on 26379; remove it
spec.sentinel.storage: unknown key "storage"; sentinels keep no data; remove it
spec.sentinel.storageClassName: unknown key "storageClassName"; remove or rename it`},
		{"range", "1.2.4", head + "spec: {redis: {port: 4294967296}}", `spec.redis.port: 4294967296 is out of range; use a number from -2147483648 to 2147483647`},
		{"types", "1.2.4", head + "spec: {redis: {replicas: three, resources: {requests: {cpu: 0.5, memory: 100MB}}, customConfig: {a: b}}, bootstrapNode: {port: 6379}, labelWhitelist: [1]}",
			`spec.bootstrapNode.port: 6379 is not a string; put it in quotes
spec.labelWhitelist[0]: 1 is not a string; put it in quotes
spec.redis.customConfig: a mapping is not a list; write each element on its own line, after "- "
spec.redis.replicas: "three" is not a number of 1 or more; the operator treats 0 as 3
spec.redis.resources.requests.cpu: 0.5 is not a string; put it in quotes
spec.redis.resources.requests.memory: invalid quantity "100MB"; use 100Mi`},
		{"bounds", "1.2.4", "apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata: {name: Shop.x, labels: {a: b}}\nspec: {redis: {replicas: 0}, sentinel: {replicas: -1}}",
			`metadata.name: "Shop.x" is not a DNS label of at most 48 characters; use lowercase letters, digits and -
spec.redis.replicas: 0 is not a number of 1 or more; the operator treats 0 as 3
spec.sentinel.replicas: -1 is not a number of 1 or more; the operator treats 0 as 3`},
		{"missing", "1.2.4", "apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\n", `: "spec" is missing; add it`},
		{"empty", "1.2.4", head + "spec:\n", `: "spec" is missing; add it`},
		{"newer field", "1.2.4", head + "spec: {redis: {disablePodDisruptionBudget: true}}", `spec.redis.disablePodDisruptionBudget: unknown key "disablePodDisruptionBudget"; remove or rename it`},
		{"newer field in the newer version", "1.3.0", head + "spec: {redis: {disablePodDisruptionBudget: true}}", ""},
		{"another kind", "", "apiVersion: v1\nkind: Service\nspec: {x: y}", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, v := range schemas(t, tt.version).Check(resources(t, []byte(tt.src))[0]) {
				got = append(got, pathString(v.Path)+": "+v.Message)
			}
			if got := strings.Join(got, "\n"); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// No advice moves a key from one part of a Redis into another, whatever the key: from Redis to its exporter, its sentinels, the server
// it is filled from, an element of a list or the object that a controller writes.
func TestNearestStaysInPart(t *testing.T) {
	t.Parallel()
	versions := []string{"1.2.4", "1.3.0"}
	if testing.Short() {
		versions = versions[1:]
	}
	for _, version := range versions {
		s := schemas(t, version)
		root := s.kinds[Kind{"databases.spotahome.com/v1", "RedisFailover"}]
		mappings, keys := map[string][]string{}, map[string]bool{}
		var walk func(n int, path []string)
		walk = func(n int, path []string) {
			if len(path) > 5 {
				return
			}
			mappings[pathString(path)] = path
			for name, field := range s.shapes()[n].Fields {
				keys[name] = true
				walk(field, append(slices.Clip(path), name))
			}
			if each := s.shapes()[n].Each; each != nil {
				walk(*each, append(slices.Clip(path), "0"))
			}
		}
		walk(root, nil)
		asked, told := 0, 0
		for _, at := range mappings {
			for key := range keys {
				if asked++; testing.Short() && asked%4 != 0 {
					continue
				}
				for _, found := range s.nearest(root, at, key) {
					told++
					to := strings.Trim(found, `"`)
					for _, part := range []string{"redis", "sentinel", "exporter", "bootstrapNode", "status", "[0]"} {
						into := strings.Count(to, part) > strings.Count(pathString(at), part)
						if into && !(pathString(at) == "spec" && (to == "spec.redis" || to == "spec.sentinel")) {
							t.Errorf("%s: %s.%s is moved to %s", version, pathString(at), key, to)
						}
					}
				}
			}
		}
		if told < 1000 || told > asked/2 {
			t.Errorf("%s: %d of %d keys are moved", version, told, asked)
		}
	}
}

func TestSchemasVersion(t *testing.T) {
	t.Parallel()
	if _, err := operator(t).Schemas("9"); err == nil || err.Error() != `unknown version "9" of operator "spotahome"; one of "1.2.4", "1.3.0"` {
		t.Error(err)
	}
}

// Several goroutines may check with the same schemas, and say the same.
func TestCheckConcurrently(t *testing.T) {
	t.Parallel()
	s := schemas(t, "")
	r := resources(t, []byte("apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nspec: {redis: {replica: 1, affinity: {nodeAffinty: {}}}}"))[0]
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				if got := s.Check(r); len(got) != 2 {
					t.Errorf("%d violations: %v", len(got), got)
				}
			}
		})
	}
	wg.Wait()
}

// The operator's own examples must pass, but for the mistakes that are known to be in them. They come from
// ../shared/corpus; without it there is nothing to test.
func TestCheckCorpus(t *testing.T) {
	t.Parallel()
	dir := os.DirFS(corpus + "/spotahome+redis-operator/example/redisfailover")
	names, err := fs.Glob(dir, "*.yaml")
	if err != nil || len(names) == 0 {
		t.Skip("no ../shared/corpus beside the repository")
	}
	s := schemas(t, "1.3.0")
	var got []string
	for _, name := range names {
		src, err := fs.ReadFile(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range resources(t, src) {
			for _, v := range s.Check(r) {
				got = append(got, name+": "+pathString(v.Path)+": "+v.Message)
			}
		}
	}
	want := `bootstrapping-with-port.yaml: spec.bootstrapNode.port: 6388 is not a string; put it in quotes
minimum.yaml: : "spec" is missing; add it
pmem.yaml: spec.redis.version: unknown key "version"; the version is the tag of image`
	if got := strings.Join(got, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func BenchmarkCheck(b *testing.B) {
	s := schemas(b, "")
	r := resources(b, []byte("apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata: {name: shop}\nspec:\n  redis:\n    replicas: 3\n    customConfig: [maxmemory 192mb]\n    resources: {requests: {cpu: 100m, memory: 256Mi}, limits: {memory: 256Mi}}\n    storage: {keepAfterDeletion: true, persistentVolumeClaim: {metadata: {name: x}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}\n  sentinel: {replicas: 3}\n"))[0]
	for b.Loop() {
		if v := s.Check(r); v != nil {
			b.Fatal(v)
		}
	}
}

func BenchmarkSchemas(b *testing.B) {
	for b.Loop() {
		schemas(b, "")
	}
}

// A typo is what costs most: all fields are looked at for the place that was meant.
func BenchmarkCheckUnknownKey(b *testing.B) {
	s := schemas(b, "")
	r := resources(b, []byte("apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nspec: {redis: {storage: {persistentVolumeClaim: {acessMode: []}}}}"))[0]
	for b.Loop() {
		if v := s.Check(r); len(v) != 1 {
			b.Fatal(v)
		}
	}
}

func BenchmarkOperatorNamed(b *testing.B) {
	for b.Loop() {
		if _, err := OperatorNamed("spotahome"); err != nil {
			b.Fatal(err)
		}
	}
}
