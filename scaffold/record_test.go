package scaffold

import (
	"context"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/afero"
	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/repo"
)

const values = "applications/shop/values.yaml"

// generate plans and applies a resource.
func generate(t *testing.T, r *repo.Repo, req ResourceRequest) *Plan {
	t.Helper()
	p, err := PlanResource(context.Background(), r, config(t, ""), deps, req)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(r); err != nil {
		t.Fatal(err)
	}
	return p
}

func destroy(t *testing.T, r *repo.Repo, name string) *Plan {
	t.Helper()
	return apply(t, r)(PlanDestroy(context.Background(), r, DestroyRequest{App: "shop", Name: name}))
}

// envNames returns the names of the env entries in their order.
func envNames(t *testing.T, r *repo.Repo) string {
	t.Helper()
	list, _ := lookup(values, []byte(read(t, r, values)), "env")
	var names []string
	for _, item := range asList(list) {
		names = append(names, keyOf(item))
	}
	return strings.Join(names, " ")
}

// TestForce puts a password into what had none: its entry must stand before the URL that uses it, in whatever form the list
// is, a second run must change nothing, and destroy must take away all of it.
func TestForce(t *testing.T) {
	for name, before := range map[string]string{
		"fresh":    valuesFiles["fresh"],
		"missing":  valuesFiles["missing keys"],
		"flow":     "resources: { postgres: { disk: 1Gi } }\nenv: [ { name: A, value: b } ]\n",
		"comments": "resources:\n  # the database\n  postgres:\n    disk: 1Gi\n\nenv:\n  # the mode\n  - name: A\n    value: b\n# end\n",
		"CRLF":     valuesFiles["CRLF"],
		"no end":   "env:\n  - name: A\n    value: b\nresources: {}",
	} {
		t.Run(name, func(t *testing.T) {
			r := shop(t, before)
			generate(t, r, ResourceRequest{App: "shop"})
			auth := ResourceRequest{App: "shop", Auth: Auth{Method: Existing, Secret: "a"}, Conflicts: Replace}
			for _, secret := range []string{"a", "b"} { // without a password, then with another one
				auth.Auth.Secret = secret
				generate(t, r, auth)
				names := strings.TrimPrefix(envNames(t, r), "A ")
				if names != "REDIS_PASSWORD REDIS_URL SENTINEL_URL" {
					t.Errorf("secret %s: env has %q:\n%s", secret, names, read(t, r, values))
				}
				again := auth
				again.Conflicts = Refuse
				if p := generate(t, r, again); p.Changed() {
					t.Errorf("a second run changes\n%s", p.Diff())
				}
			}
			if got := read(t, r, values); !strings.Contains(got, "name: b,") || strings.Contains(got, "name: a,") {
				t.Errorf("the Secret was not replaced:\n%s", got)
			}
			destroy(t, r, "redis")
			if got := read(t, r, values); got != before {
				t.Errorf("after destroy\n%q\nwant\n%q", got, before)
			}
		})
	}
}

// TestForceOrder has the password where Kubernetes does not expand it: after the URL. What --force replaced was the user's, so destroy
// brings it back.
func TestForceOrder(t *testing.T) {
	before := "env:\n  - name: REDIS_URL\n    value: redis://old:6379\n  - name: X\n  - name: REDIS_PASSWORD\n    value: old\n"
	r := shop(t, before)
	generate(t, r, ResourceRequest{App: "shop", Auth: Auth{Method: Existing, Secret: "a"}, Conflicts: Replace})
	if got := envNames(t, r); got != "X REDIS_PASSWORD SENTINEL_URL REDIS_URL" {
		t.Errorf("env has %q:\n%s", got, read(t, r, values))
	}
	destroy(t, r, "redis")
	if got := read(t, r, values); got != before {
		t.Errorf("after destroy\n%s", got)
	}
}

// TestForcedSequences runs generate again and again with other requests and --force. Destroying what was made, last first, gives the file
// back to the byte; in another order, or after an edit elsewhere in the file, at least what it says.
func TestForcedSequences(t *testing.T) {
	random := mathrand.New(mathrand.NewPCG(3, 4))
	own := map[string]string{
		"empty":          "",
		"no end":         "replicas: 2",
		"trailing comma": "resources: {\n  postgres: { size: 1Gi },\n}\n",
		"own addresses":  "# ours\nenv:\n  # the old cache\n  - name: REDIS_URL\n    value: redis://old:6379 # keep\n  - name: X\n    value: x\n\nreplicas: 2\n",
		"own values":     "resources:\n  redis:\n    memory: 2Gi # big\nenv: []\n",
		"windows":        "env:\r\n  - name: REDIS_URL\r\n    value: redis://old:6379\r\n",
		"flow":           "env: [{ name: REDIS_URL, value: 'redis://old:6379' }, { name: X, value: x }]\n",
	}
	for i := range 56 {
		name := slices.Sorted(maps.Keys(own))[i%len(own)]
		before := own[name]
		r := shop(t, before)
		var made []string
		var steps []string
		for range 1 + random.IntN(4) {
			req := ResourceRequest{App: "shop", Suffix: []string{"", "", "cache"}[random.IntN(3)], Profile: []string{"", "cache", "queue"}[random.IntN(3)],
				Conflicts: Replace, Namespace: []string{"", "prod"}[random.IntN(2)]}
			if random.IntN(3) == 0 {
				req.Auth = Auth{Method: Existing, Secret: "a"}
			}
			file := strings.TrimSuffix("redis-"+req.Suffix, "-")
			made = append(slices.DeleteFunc(made, func(n string) bool { return n == file }), file)
			steps = append(steps, fmt.Sprintf("%s %s %s %s", file, req.Profile, req.Namespace, req.Auth.Secret))
			p, err := PlanResource(context.Background(), r, config(t, ""), deps, req)
			if err != nil {
				t.Fatalf("%s %q: %v", name, steps, err)
			}
			if err := p.Apply(r); err != nil {
				t.Fatal(err)
			}
		}
		// One that ran between two runs of the other is not the last to have changed the file.
		exact := len(made) == 1
		if random.IntN(3) == 0 {
			exact = false
			write(t, r, values, "# an edit\n"+read(t, r, values))
			before = "# an edit\n" + before
		}
		for _, name := range slices.Backward(made) {
			p, err := PlanDestroy(context.Background(), r, DestroyRequest{App: "shop", Name: name, Force: true})
			if err != nil {
				t.Fatalf("%s %q: %v", name, steps, err)
			}
			if err := p.Apply(r); err != nil {
				t.Fatal(err)
			}
		}
		after := read(t, r, values)
		if exact && after != before {
			t.Errorf("%s %q: after destroy\n%q\nwant\n%q", name, steps, after, before)
		}
		var got, want map[string]any
		if err := errors.Join(yaml.Unmarshal([]byte(after), &got), yaml.Unmarshal([]byte(before), &want)); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"env", "resources"} { // an empty collection is nothing
			for _, m := range []map[string]any{got, want} {
				if isEmpty(m[key]) || m[key] == nil {
					delete(m, key)
				}
			}
		}
		if !same(got, want) && len(got)+len(want) > 0 {
			t.Errorf("%s %q: after destroy\n%s\nwant\n%s", name, steps, after, before)
		}
	}
}

// TestForceTwins has one name twice: Kubernetes takes the last.
func TestForceTwins(t *testing.T) {
	twins := "env:\n  - name: REDIS_URL\n    value: redis://shop-redis-master.default.svc:6379\n  - name: REDIS_URL\n    value: redis://old:6379\n"
	r := shop(t, twins)
	if _, err := PlanResource(context.Background(), r, config(t, ""), deps, ResourceRequest{App: "shop"}); err == nil || !strings.Contains(err.Error(), values+":4:5: env.REDIS_URL: already exists") {
		t.Errorf("got %v", err)
	}
	generate(t, r, ResourceRequest{App: "shop", Conflicts: Replace})
	if got := envNames(t, r); got != "REDIS_URL SENTINEL_URL" {
		t.Errorf("env has %q", got)
	}
}

// TestPasswordBeforeItsUser adds a password that an entry of the user's uses already.
func TestPasswordBeforeItsUser(t *testing.T) {
	before := "env:\n  - name: A\n  # ours\n  - name: OURS\n    value: x$(REDIS_PASSWORD)\n"
	r := shop(t, before)
	generate(t, r, ResourceRequest{App: "shop", Auth: Auth{Method: Existing, Secret: "a"}})
	if got := envNames(t, r); got != "A REDIS_PASSWORD OURS REDIS_URL SENTINEL_URL" {
		t.Errorf("env has %q", got)
	}
	again, err := PlanResource(context.Background(), r, config(t, ""), deps, ResourceRequest{App: "shop", Auth: Auth{Method: Existing, Secret: "a"}})
	if err != nil || again.Changed() {
		t.Errorf("a second run: %v", err)
	}
	p, err := PlanDestroy(context.Background(), r, DestroyRequest{App: "shop", Name: "redis", Force: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(r); err != nil {
		t.Fatal(err)
	}
	if got := read(t, r, values); got != before {
		t.Errorf("after destroy\n%q", got)
	}
}

// TestRecordOfSeveralRuns changes what generate made between and by its runs; destroy must leave nothing behind.
func TestRecordOfSeveralRuns(t *testing.T) {
	before := valuesFiles["comments"]
	for name, between := range map[string]func(*repo.Repo){
		"an entry was deleted": func(r *repo.Repo) {
			write(t, r, values, strings.Replace(read(t, r, values), "  - { name: REDIS_URL, value: \"redis://shop-redis-master.default.svc:6379\" }\n", "", 1))
			generate(t, r, ResourceRequest{App: "shop"})
		},
		"everything was deleted": func(r *repo.Repo) {
			write(t, r, values, before)
			generate(t, r, ResourceRequest{App: "shop"})
		},
		"another name": func(r *repo.Repo) {
			generate(t, r, ResourceRequest{App: "shop", Env: map[string]string{"REDIS_URL": "CACHE_URL"}})
		},
		"other values": func(r *repo.Repo) {
			generate(t, r, ResourceRequest{App: "shop", Profile: "cache", Conflicts: Replace})
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := shop(t, before)
			generate(t, r, ResourceRequest{App: "shop"})
			between(r)
			destroy(t, r, "redis")
			if got := read(t, r, values); got != before {
				t.Errorf("after destroy\n%s\nwant\n%s", got, before)
			}
		})
	}
}

func write(t *testing.T, r *repo.Repo, name, text string) {
	t.Helper()
	if err := afero.WriteFile(r.Fs(), name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestCreatedValues makes the values file itself: it goes with the last resource.
func TestCreatedValues(t *testing.T) {
	for _, order := range [][]string{{"redis", "redis-cache"}, {"redis-cache", "redis"}} {
		r := shop(t, "")
		if err := r.Fs().Remove(values); err != nil {
			t.Fatal(err)
		}
		generate(t, r, ResourceRequest{App: "shop"})
		generate(t, r, ResourceRequest{App: "shop", Suffix: "cache"})
		destroy(t, r, order[0])
		if got := read(t, r, values); !strings.Contains(got, "sentinels: 3") {
			t.Errorf("%v: after the first, %q", order, got)
		}
		destroy(t, r, order[1])
		if there, err := afero.Exists(r.Fs(), values); err != nil || there {
			t.Errorf("%v: values.yaml is left: %q", order, read(t, r, values))
		}
	}
}

// TestAdopt records what k made, so that destroy knows what belongs to it.
func TestAdopt(t *testing.T) {
	before := "resources:\n  postgres:\n    disk: 1Gi\nenv:\n  - name: A\n    value: b\n"
	r := shop(t, before)
	generate(t, r, ResourceRequest{App: "shop"})
	if err := r.Fs().RemoveAll(".redis-gitops"); err != nil {
		t.Fatal(err)
	}
	write(t, r, values, strings.Replace(read(t, r, values), "memory: 256Mi", "memory: 1Gi", 1))
	if _, err := PlanDestroy(context.Background(), r, DestroyRequest{App: "shop", Name: "redis"}); err == nil || !strings.Contains(err.Error(), "so what belongs to it is unknown") {
		t.Errorf("without a record: %v", err)
	}
	generate(t, r, ResourceRequest{App: "shop", Conflicts: Keep})
	if got := read(t, r, values); !strings.Contains(got, "memory: 1Gi") {
		t.Errorf("--keep changed\n%s", got)
	}
	destroy(t, r, "redis")
	if got := read(t, r, values); got != before {
		t.Errorf("after destroy\n%s", got)
	}
	// What the user wrote before the first run is not the tool's, though it says the same.
	own := "env:\n  - { name: REDIS_URL, value: \"redis://shop-redis-master.default.svc:6379\" }\n"
	r = shop(t, own)
	generate(t, r, ResourceRequest{App: "shop"})
	p, err := PlanDestroy(context.Background(), r, DestroyRequest{App: "shop", Name: "redis", Force: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(r); err != nil {
		t.Fatal(err)
	}
	if got := read(t, r, values); got != own {
		t.Errorf("after destroy\n%s", got)
	}
}
