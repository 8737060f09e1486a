package scaffold

import (
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/repo"
)

// TestAddonClients: the proxy takes the clients over and gives them back to the byte, whichever operator made the Redis, and what else
// generate does keeps them where they are.
func TestAddonClients(t *testing.T) {
	t.Parallel()
	for _, operator := range []string{"spotahome", "statefulset", "opstree"} {
		t.Run(operator, func(t *testing.T) {
			t.Parallel()
			r, c := addonShop(t, operator)
			in, err := addonInstance(t, r, c)
			if err != nil {
				t.Fatal(err)
			}
			service, proxy := in.Write.Service, in.Name+"-proxy"
			production := "env:\n  - name: REDIS_CACHE_URL\n    value: 'redis://:$(REDIS_CACHE_PASSWORD)@" + service + ":6379/2' # another database\n  - { name: CACHE_HOST, value: " + service + ".blue.svc.cluster.local }\n" +
				"  - { name: FAR_URL, value: redis://" + service + ".red.svc:6379 }\n  - { name: OTHER_PORT, value: redis://" + service + ":6380 }\n  - { name: LONGER, value: redis://my-" + service + ":6379 }\n"
			if err := afero.WriteFile(r.Fs(), "applications/shop/values-production.yaml", []byte(production), 0o644); err != nil {
				t.Fatal(err)
			}
			before := snapshot(t, r)
			req := AddonRequest{App: "shop", Redis: "redis-cache", Kind: "proxy"}
			p, err := PlanAddon(t.Context(), r, c, req)
			if err != nil || !strings.Contains(strings.Join(p.Next, "\n"), "generate addon shop redis-cache proxy --clients") {
				t.Fatalf("%v, next: %q", err, p.Next)
			}
			req.Clients = true
			apply(t, r)(PlanAddon(t.Context(), r, c, req))
			values := read(t, r, "applications/shop/values.yaml")
			if strings.Contains(values, "@"+service+".") || !strings.Contains(values, "redis://:$(REDIS_CACHE_PASSWORD)@"+proxy+".blue.svc:6379") {
				t.Errorf("values.yaml:\n%s", values)
			}
			if strings.Count(values, "-proxy.blue.svc:6379") != 1 {
				t.Errorf("the clients of the other Redis moved:\n%s", values)
			}
			want := strings.NewReplacer("@"+service+":6379/2", "@"+proxy+":6379/2", "value: "+service+".blue", "value: "+proxy+".blue").Replace(production)
			if got := read(t, r, "applications/shop/values-production.yaml"); got != want {
				t.Errorf("values-production.yaml:\n%s\nwant\n%s", got, want)
			}
			again := ResourceRequest{App: "shop", Namespace: "blue", Suffix: "cache", Auth: Auth{Method: Existing}, Set: map[string]cue.LayerValue{"networkPolicy": {Value: ""}}}
			for what, plan := range map[string]func() (*Plan, error){
				"a second run": func() (*Plan, error) { return PlanAddon(t.Context(), r, c, req) },
				"one without the flag": func() (*Plan, error) {
					return PlanAddon(t.Context(), r, c, AddonRequest{App: "shop", Redis: "redis-cache", Kind: "proxy"})
				},
				"an update":         func() (*Plan, error) { return PlanUpdate(t.Context(), r, c, UpdateRequest{}) },
				"generate resource": func() (*Plan, error) { return PlanResource(t.Context(), r, c, deps, again) },
			} {
				if p, err := plan(); err != nil || p.Changed() {
					t.Errorf("%s: %v\n%s", what, err, p.Diff())
				}
			}
			apply(t, r)(PlanDestroy(t.Context(), r, DestroyRequest{App: "shop", Name: "redis-cache-proxy"}))
			after := snapshot(t, r)
			for file, text := range before {
				if after[file] != text {
					t.Errorf("%s is not as before:\n%s\nwant\n%s", file, after[file], text)
				}
			}
			if len(after) != len(before) {
				t.Errorf("%d files, want %d", len(after), len(before))
			}
		})
	}
}

// TestAddonClientsChanged: what somebody changed while the proxy had the clients stays, and the clients still go back.
func TestAddonClientsChanged(t *testing.T) {
	t.Parallel()
	r, c := addonShop(t, "statefulset")
	apply(t, r)(PlanAddon(t.Context(), r, c, AddonRequest{App: "shop", Redis: "redis", Kind: "proxy", Clients: true}))
	file := "applications/shop/values.yaml"
	edited := strings.Replace(read(t, r, file), "image: shop:1", "image: shop:2 # newer", 1)
	if err := afero.WriteFile(r.Fs(), file, []byte(edited), 0o644); err != nil {
		t.Fatal(err)
	}
	apply(t, r)(PlanDestroy(t.Context(), r, DestroyRequest{App: "shop", Name: "redis-proxy"}))
	got := read(t, r, file)
	if strings.Contains(got, "proxy") || !strings.Contains(got, "shop:2 # newer") || !strings.Contains(got, "redis://shop-redis-master.blue.svc:6379") {
		t.Error(got)
	}
	for _, name := range []string{"redis", "redis-cache"} {
		apply(t, r)(PlanDestroy(t.Context(), r, DestroyRequest{App: "shop", Name: name}))
	}
	if got, want := read(t, r, file), "image: shop:2 # newer\nresources: {}\nenv: []\n"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestAddonClientsRefused: an addon without a URL has no clients.
func TestAddonClientsRefused(t *testing.T) {
	t.Parallel()
	r, c := addonShop(t, "statefulset")
	_, err := PlanAddon(t.Context(), r, c, AddonRequest{App: "shop", Redis: "redis", Kind: "network-policy", Clients: true})
	if err == nil || !strings.Contains(err.Error(), "the addon network-policy has no URL of its own") {
		t.Error(err)
	}
}

// addonInstance is the Redis with a password of addonShop.
func addonInstance(t *testing.T, r *repo.Repo, c *cue.Config) (*instance.Instance, error) {
	t.Helper()
	s, err := newAddon(t.Context(), r, c, AddonRequest{App: "shop", Redis: "redis-cache", Kind: "proxy"})
	if err != nil {
		return nil, err
	}
	return s.instance, nil
}
