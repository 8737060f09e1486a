package scaffold

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/repo"
)

// TestOperators: whichever operator a Redis is for, its URLs are those that url finds, a second run and an update change nothing, and
// destroy gives the bytes back.
func TestOperators(t *testing.T) {
	const values = "image: shop:1\nresources: {}\nenv: []\n"
	for _, name := range cue.GeneratedNames() {
		t.Run(name, func(t *testing.T) {
			r := shop(t, values)
			c := config(t, "")
			requests := []ResourceRequest{
				{App: "shop", Operator: name, Auth: Auth{Method: Existing}},
				{App: "shop", Operator: name, Suffix: "cache", Profile: "cache", Namespace: "blue", Set: map[string]cue.LayerValue{"sentinels": {Value: int64(5)}}},
			}
			for i, req := range requests {
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
			for _, name := range []string{"redis", "redis-cache"} {
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
	text := read(t, r, "applications/"+app+"/values.yaml")
	for _, sentinel := range []bool{false, true} {
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
