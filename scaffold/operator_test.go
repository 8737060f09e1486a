package scaffold

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/repo"
)

// generatedTypes are the operators for each resource type that generate can create.
func generatedTypes(t *testing.T) (out []*cue.Operator) {
	t.Helper()
	for _, name := range cue.GeneratedNames() {
		o, err := cue.OperatorNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, typ := range o.Types {
			out = append(out, o.Of(typ))
		}
	}
	return out
}

// TestOperators: whichever operator a Redis is for, its URLs are those that url finds, a second run and an update change nothing, and
// destroy gives the bytes back.
func TestOperators(t *testing.T) {
	const values = "image: shop:1\nresources: {}\nenv: []\n"
	for _, o := range generatedTypes(t) {
		name, typ := o.Name, o.Type()
		t.Run(name+"/"+typ, func(t *testing.T) {
			r := shop(t, values)
			c := config(t, "")
			requests := []ResourceRequest{
				{App: "shop", Type: typ, Operator: name, Auth: Auth{Method: Existing}},
				{App: "shop", Type: typ, Operator: name, Suffix: "cache", Profile: "cache", Namespace: "blue", Set: map[string]cue.LayerValue{"sentinels": {Value: int64(5)}}},
			}
			for i, req := range requests {
				maps.DeleteFunc(req.Set, func(key string, _ cue.LayerValue) bool { return o.Without[key] != "" })
				p := apply(t, r)(PlanResource(t.Context(), r, c, deps, req))
				if name != cue.DefaultOperator() && !strings.Contains(p.Command, "--operator "+name) {
					t.Errorf("command %q", p.Command)
				}
				if i == 0 {
					sameURLs(t, r, c, "shop")
				}
				if p, err := PlanResource(t.Context(), r, c, deps, req); err != nil || p.Changed() {
					t.Errorf("a second run: %v\n%s", err, p.Diff())
				}
			}
			if p, err := PlanUpdate(t.Context(), r, c, UpdateRequest{}); err != nil || p.Changed() {
				t.Errorf("an update: %v\n%s", err, p.Diff())
			}
			for _, name := range []string{typ, typ + "-cache"} {
				apply(t, r)(PlanDestroy(t.Context(), r, DestroyRequest{App: "shop", Name: name}))
			}
			if got := read(t, r, "applications/shop/values.yaml"); got != values {
				t.Errorf("after destroy:\n%s", got)
			}
		})
	}
}

// sameURLs compares the env entries of an application with what url and sentinel-url print for its Redis.
func sameURLs(t *testing.T, r *repo.Repo, c *cue.Config, app string) {
	t.Helper()
	all, err := instance.Open(context.Background(), r, c)
	if err != nil {
		t.Fatal(err)
	}
	found, err := all.Named(context.Background(), app)
	if err != nil || len(found) != 1 {
		t.Fatalf("%d instances: %v", len(found), err)
	}
	text := strings.ReplaceAll(read(t, r, "applications/"+app+"/values.yaml"), "REDIS_CLUSTER_", "REDIS_") // url knows no application
	for _, sentinel := range []bool{false, true} {
		if sentinel && found[0].Sentinel == nil {
			continue
		}
		url, err := found[0].Client("url", instance.ClientOptions{Sentinel: sentinel})
		if err != nil {
			t.Fatal(err)
		}
		// The namespace is not known from the deployments: generate assumes default, and then that is the answer everywhere.
		url = strings.TrimSpace(url)
		if !strings.Contains(text, `value: "`+url+`"`) {
			t.Errorf("no %s in\n%s", url, text)
		}
	}
	if found[0].Sentinel == nil {
		return
	}
	if s := found[0].Sentinel.Auth; s != nil && !strings.Contains(text, "REDIS_SENTINEL_PASSWORD, valueFrom: { secretKeyRef: { name: "+s.Secret+", key: "+s.Key+" } }") {
		t.Errorf("no password of the sentinels, from %+v, in\n%s", s, text)
	}
}

// TestSentinelURL: it lists as many sentinels as there are.
func TestSentinelURL(t *testing.T) {
	for sentinels, want := range map[int64]string{
		1: "redis-sentinel://shop-redis-sentinel-0.shop-redis-sentinel-headless.blue.svc:26379/shop-redis",
		3: "redis-sentinel://shop-redis-sentinel-0.shop-redis-sentinel-headless.blue.svc:26379,shop-redis-sentinel-1.shop-redis-sentinel-headless.blue.svc:26379,shop-redis-sentinel-2.shop-redis-sentinel-headless.blue.svc:26379/shop-redis",
	} {
		r := shop(t, "resources: {}\n")
		apply(t, r)(PlanResource(t.Context(), r, config(t, ""), deps, ResourceRequest{
			App: "shop", Operator: "opstree", Namespace: "blue", Set: map[string]cue.LayerValue{"sentinels": {Value: sentinels}},
		}))
		if got := read(t, r, "applications/shop/values.yaml"); !strings.Contains(got, `"`+want+`"`) {
			t.Errorf("%d: no %s in\n%s", sentinels, want, got)
		}
	}
}

// TestGeneratorOfAnotherOperator: a generator of the repository that creates a Redis of another operator does not count for one that
// somebody asks for, and the update stays with the built-in one.
func TestGeneratorOfAnotherOperator(t *testing.T) {
	for name, tt := range map[string]struct{ generator, operator, configuration, want, note string }{
		"the same":           {"kind: RedisFailover\n", "spotahome", "", "generators/resources/redis.yaml", ""},
		"another kind":       {"kind: RedisFailover\n", "opstree", "", "built-in redis.yaml", "creates a RedisFailover of another operator"},
		"of an operator":     {"kind: RedisFailover\n", "statefulset", "", "built-in redis.yaml", "creates a RedisFailover of another operator"},
		"workloads":          {"kind: StatefulSet\n", "statefulset", "", "generators/resources/redis.yaml", ""},
		"in configuration":   {"kind: RedisFailover\n", "", "operator: {name: opstree}\n", "built-in redis.yaml", "creates a RedisFailover of another operator"},
		"no group":           {"kind: RedisFailover\n", "freshworks", "", "built-in redis.yaml", "does not set the label redis-failover.freshworks.com/operator-group"},
		"no operator's kind": {"kind: StatefulSet\n", "opstree", "", "generators/resources/redis.yaml", ""},
		"nobody chose":       {"kind: Redis\n", "", "", "generators/resources/redis.yaml", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := shop(t, "resources: {}\n")
			if err := afero.WriteFile(r.Fs(), "generators/resources/redis.yaml", []byte(tt.generator), 0o644); err != nil {
				t.Fatal(err)
			}
			c := config(t, tt.configuration)
			p := apply(t, r)(PlanResource(t.Context(), r, c, deps, ResourceRequest{App: "shop", Operator: tt.operator}))
			noted := slices.ContainsFunc(p.Notes, func(n string) bool { return strings.Contains(n, "generators/resources/redis.yaml "+tt.note) })
			if p.Generator != tt.want || noted != (tt.note != "") {
				t.Errorf("generator %s, notes %q", p.Generator, p.Notes)
			}
			if p, err := PlanUpdate(t.Context(), r, c, UpdateRequest{}); err != nil || p.Changed() {
				t.Errorf("an update: %v\n%s", err, p.Diff())
			}
		})
	}
}

// TestGroup: the group of a new Redis is that of the operator which the repository installs.
func TestGroup(t *testing.T) {
	for name, tt := range map[string]struct{ file, want string }{
		"unknown":     {"kind: Deployment\n", "default"},
		"block style": {"env:\n  - name: OPERATOR_GROUP_ID\n    value: blue\n", "blue"},
		"flow style":  {"env: [{name: OPERATOR_GROUP_ID, value: \"blue-2\"}]\n", "blue-2"},
		"a patch":     {"patches:\n  - patch: |\n      - {op: add, path: /env/0, value: {\"name\": \"OPERATOR_GROUP_ID\", \"value\": \"blue\"}}\n", "blue"},
		"a reference": {"env:\n  - name: OPERATOR_GROUP_ID\n    valueFrom: {configMapKeyRef: {name: a, key: b}}\n", "default"},
	} {
		t.Run(name, func(t *testing.T) {
			r := shop(t, "resources: {}\n")
			if err := afero.WriteFile(r.Fs(), "platform/redis-operator/deployment.yaml", []byte(tt.file), 0o644); err != nil {
				t.Fatal(err)
			}
			p := apply(t, r)(PlanResource(t.Context(), r, config(t, ""), deps, ResourceRequest{App: "shop", Operator: "freshworks"}))
			if got := read(t, r, "applications/shop/values.yaml"); !strings.Contains(got, "group: "+tt.want+" #") {
				t.Errorf("no group %s in\n%s", tt.want, got)
			}
			if next := strings.Join(p.Next, "\n"); !strings.Contains(next, `OPERATOR_GROUP_ID of the operator is "`+tt.want+`"`) {
				t.Errorf("next: %s", next)
			}
		})
	}
}

// TestWithout: what an operator has nothing for is refused with what to do instead, its own password cannot be left out, and a profile leaves
// out what it sets of that.
func TestWithout(t *testing.T) {
	const two = "---\napiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: %s, namespace: argocd}\nspec: {source: {path: applications/shop}, destination: {namespace: %s}}\n"
	for name, tt := range map[string]struct {
		operator string
		req      ResourceRequest
		files    map[string]string
		want     string // of the error; "" for none
	}{
		"a value of others":     {"redis-enterprise", ResourceRequest{Set: setOf("sentinels=5")}, nil, `operator "redis-enterprise" has no such value: Redis Enterprise has no sentinels`},
		"a priority class":      {"redis-enterprise", ResourceRequest{Set: setOf("priorityClass=a")}, nil, `the pods are those of the RedisEnterpriseCluster; set it there`},
		"an eviction policy":    {"redis-enterprise", ResourceRequest{Set: setOf("policy=allkeys-lrm")}, nil, `Redis Enterprise has no policy "allkeys-lrm"; use an LRU or LFU policy`},
		"a queue without disk":  {"redis-enterprise", ResourceRequest{Profile: "queue", Set: setOf("persistence=disabled")}, nil, `persistence "disabled" loses the data of a queue`},
		"a policy of Redis 8.6": {"kubedb", ResourceRequest{Set: setOf("policy=allkeys-lrm")}, nil, `needs Redis 8.6`},
		"an image":              {"kubedb", ResourceRequest{Set: setOf("image=redis:8.2.9")}, nil, `set version to a RedisVersion`},
		"no password":           {"kubedb", ResourceRequest{Auth: Auth{Method: NoAuth}}, nil, `operator "kubedb" creates a password for each Redis, in the Secret "shop-redis-auth"`},
		"no password either":    {"redis-enterprise", ResourceRequest{Auth: Auth{Method: NoAuth}}, nil, `in the Secret "redb-shop-redis"`},
		"two namespaces": {"kubedb", ResourceRequest{}, map[string]string{"platform-applications/shop.yaml": fmt.Sprintf(two+two, "a", "blue", "b", "green")},
			`the sentinels of operator "kubedb" name the master after its namespace, and "shop" is deployed to several`},
		"profiles": {"redis-enterprise", ResourceRequest{Profile: "cache", Size: "dev"}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := shop(t, "resources: {}\nenv: []\n")
			for file, text := range tt.files {
				write(t, r, file, text)
			}
			tt.req.App, tt.req.Operator = "shop", tt.operator
			_, err := PlanResource(t.Context(), r, config(t, ""), deps, tt.req)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// TestOwnSecret: without a Secret the URL uses the one that the operator creates, in strict mode too; with another one it uses that, which has
// the user that the operator looks for.
func TestOwnSecret(t *testing.T) {
	for name, tt := range map[string]struct {
		operator, configuration string
		auth                    Auth
		want                    []string
	}{
		"kubedb": {"kubedb", "", Auth{}, []string{
			"REDIS_USERNAME, valueFrom: { secretKeyRef: { name: shop-redis-auth, key: username } }", "REDIS_PASSWORD, valueFrom: { secretKeyRef: { name: shop-redis-auth, key: password } }",
			"REDIS_SENTINEL_PASSWORD, valueFrom: { secretKeyRef: { name: shop-redis-sentinel-auth, key: password } }", `auth: ""`,
			`"redis://$(REDIS_USERNAME):$(REDIS_PASSWORD)@shop-redis.blue.svc:6379"`, `"redis-sentinel://shop-redis-sentinel.blue.svc:26379/blue%2Fshop-redis"`,
		}},
		"strict":     {"kubedb", "strict: true\n", Auth{}, []string{"name: shop-redis-auth, key: password", `auth: ""`}},
		"another":    {"kubedb", "", Auth{Method: Existing, Secret: "mine"}, []string{"name: mine, key: username", "name: mine, key: password", "name: shop-redis-sentinel-auth", "auth: mine"}},
		"external":   {"kubedb", "", Auth{Method: External, Store: "vault"}, []string{"template:\n      mergePolicy: Merge\n      type: kubernetes.io/basic-auth\n      data:\n        username: default\n"}},
		"enterprise": {"redis-enterprise", "", Auth{}, []string{"name: redb-shop-redis, key: password", `"redis://:$(REDIS_PASSWORD)@shop-redis.blue.svc:6379"`}},
		"no user":    {"redis-enterprise", "", Auth{Method: External, Store: "vault"}, []string{"name: shop-redis-auth, key: password"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := shop(t, "resources: {}\nenv: []\n")
			p := apply(t, r)(PlanResource(t.Context(), r, config(t, tt.configuration), deps, ResourceRequest{App: "shop", Operator: tt.operator, Namespace: "blue", Auth: tt.auth}))
			text := read(t, r, "applications/shop/values.yaml")
			if tt.auth.Method == External {
				text += read(t, r, "applications/shop/templates/redis-auth.yaml")
			}
			for _, want := range tt.want {
				if !strings.Contains(text, want) {
					t.Errorf("no %s in\n%s", want, text)
				}
			}
			if n := strings.Count(text, "name: REDIS_PASSWORD"); n != 1 || p.URL == "" {
				t.Errorf("%d times REDIS_PASSWORD in\n%s", n, text)
			}
		})
	}
}

// TestTLS: an operator whose clients connect with TLS has it in the URL.
func TestTLS(t *testing.T) {
	for operator, set := range map[string]string{"redis-enterprise": "tls=true", "statefulset": "tlsSecret=shop-tls"} {
		r := shop(t, "resources: {}\nenv: []\n")
		p := apply(t, r)(PlanResource(t.Context(), r, config(t, ""), deps, ResourceRequest{App: "shop", Operator: operator, Set: setOf(set), Auth: Auth{Method: Existing}}))
		if got := read(t, r, "applications/shop/values.yaml"); !strings.HasPrefix(p.URL, "rediss://:$(REDIS_PASSWORD)@") || !strings.Contains(got, `"`+p.URL+`"`) {
			t.Errorf("%s: URL %s in\n%s", operator, p.URL, got)
		}
		sameURLs(t, r, config(t, ""), "shop")
	}
}

// TestClusterOfShards: a cluster and a Redis share an application, and what follows from one data set is refused for several.
func TestClusterOfShards(t *testing.T) {
	for operator, names := range map[string][]string{
		"opstree": {"REDIS_PASSWORD", "REDIS_URL", "REDIS_CLUSTER_PASSWORD", "REDIS_CLUSTER_URL"},
		"kubedb": {
			"REDIS_USERNAME", "REDIS_PASSWORD", "REDIS_URL", "SENTINEL_URL", "REDIS_CLUSTER_USERNAME", "REDIS_CLUSTER_PASSWORD", "REDIS_CLUSTER_URL",
		},
	} {
		t.Run(operator, func(t *testing.T) { clusterOfShards(t, operator, names) })
	}
}

func clusterOfShards(t *testing.T, operator string, names []string) {
	r := shop(t, "resources: {}\nenv: []\n")
	c := config(t, "operator: {name: "+operator+"}\ndefaults: {auth: {method: existing}}\n")
	for _, typ := range []string{"redis", "cluster"} {
		apply(t, r)(PlanResource(t.Context(), r, c, deps, ResourceRequest{App: "shop", Type: typ}))
	}
	text := read(t, r, "applications/shop/values.yaml")
	for _, name := range names {
		if strings.Count(text, "{ name: "+name+",") != 1 {
			t.Errorf("not one %s in\n%s", name, text)
		}
	}
	size := func(o *cue.Operator, _ map[string]any) ([]SizeValue, []string, error) {
		return []SizeValue{{"memory", "1Gi"}}, nil, nil
	}
	for _, name := range []string{"cluster", "cluster-new"} {
		_, err := PlanSize(t.Context(), r, c, deps, SizeRequest{App: "shop", Name: name, Size: size})
		if err == nil || !strings.Contains(err.Error(), "several shards") {
			t.Errorf("size of %s: %v", name, err)
		}
	}
	_, err := PlanResource(t.Context(), r, c, deps, ResourceRequest{App: "shop", Type: "cluster", Profile: "queue"})
	if err == nil || !strings.Contains(err.Error(), "CROSSSLOT") {
		t.Errorf("a queue: %v", err)
	}
}

// TestEngine: a server has the values that each operator needs for it; the configuration can choose it, and a flag counts more.
func TestEngine(t *testing.T) {
	const configured = "defaults: {engine: valkey}\n"
	for _, tt := range []struct{ operator, engine, configuration, set, want string }{
		{"spotahome", "valkey", "", "", "image: valkey/valkey:8.1.10-alpine"},
		{"spotahome", "", configured, "", "image: valkey/valkey:8.1.10-alpine"},
		{"spotahome", "redis", configured, "", "image: redis:7.4.11-alpine"},
		{"spotahome", "valkey", "defaults: {image: \"registry.example.com/redis:7.4.11\"}\n", "", "image: valkey/valkey:8.1.10-alpine"},
		{"spotahome", "", "defaults: {engine: valkey, image: \"registry.example.com/valkey:8.1.10\"}\n", "", "image: registry.example.com/valkey:8.1.10"},
		{"freshworks", "valkey", "", "image=registry.example.com/valkey:8.1.10", "engine: Valkey"},
		{"freshworks", "valkey", "", "image=redis:7.4.11-alpine", "does not contain valkey-server"},
		{"kubedb", "valkey", "", "", "version: valkey-8.1.1"},
		{"statefulset", "valkey", "", "", "image: valkey/valkey:8.1.10-alpine"},
		{"opstree", "valkey", "", "", `operator "opstree" does not run engine "valkey": its images have no Valkey`},
		{"redis-enterprise", "", configured, "", `operator "redis-enterprise" does not run engine "valkey": the nodes`},
		{"spotahome", "keydb", "", "", `unknown engine "keydb"; one of "redis", "valkey"`},
	} {
		r := shop(t, "resources: {}\nenv: []\n")
		req := ResourceRequest{App: "shop", Operator: tt.operator, Engine: tt.engine, Set: map[string]cue.LayerValue{}}
		if tt.set != "" {
			req.Set = setOf(tt.set)
		}
		p, err := PlanResource(t.Context(), r, config(t, tt.configuration), deps, req)
		if err != nil {
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%+v: %v", tt, err)
			}
			continue
		}
		if err := p.Apply(r); err != nil {
			t.Fatal(err)
		}
		if got := read(t, r, "applications/shop/values.yaml"); !strings.Contains(got, tt.want) {
			t.Errorf("%+v:\n%s", tt, got)
		}
		if p, err := PlanResource(t.Context(), r, config(t, tt.configuration), deps, req); err != nil || p.Changed() {
			t.Errorf("%+v: a second run: %v", tt, err)
		}
	}
}
