package scaffold

import (
	"context"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/repo"
)

func TestCollisions(t *testing.T) {
	for _, tt := range []struct {
		name  string
		setup func(*repo.Repo)
		req   ResourceRequest
		want  string // "" for none
	}{
		{"two suffixes, one key", func(r *repo.Repo) { generate(t, r, ResourceRequest{App: "shop", Suffix: "a-1"}) },
			ResourceRequest{App: "shop", Suffix: "a1"}, `"redis-a1" and "redis-a-1" would both use resources.redisA1 in values.yaml; choose another suffix`},
		{"one object twice", func(r *repo.Repo) {
			write(t, r, "applications/shop/templates/other.yaml", "# x\nkind: X\nmetadata:\n  name: x\n---\nkind: Service\nmetadata:\n  labels: {}\n  # the master\n  name: '{{ $.Chart.Name }}-redis-master' # why\n")
		}, ResourceRequest{App: "shop"}, "applications/shop/templates/other.yaml:10: makes the Service shop-redis-master, and so would redis.yaml"},
		{"in a folder below", func(r *repo.Repo) {
			write(t, r, "applications/shop/templates/more/other.yml", "kind: RedisFailover\nmetadata:\n  name: shop\n")
		}, ResourceRequest{App: "shop"}, "applications/shop/templates/more/other.yml:3: makes the RedisFailover shop"},
		{"another suffix", func(r *repo.Repo) {
			write(t, r, "applications/shop/templates/other.yaml", "kind: Service\nmetadata:\n  name: {{ .Chart.Name }}-redis-master\n")
		}, ResourceRequest{App: "shop", Suffix: "cache"}, ""},
		{"a computed name", func(r *repo.Repo) {
			write(t, r, "applications/shop/templates/other.yaml", "kind: Service\nmetadata:\n  name: {{ .Values.name }}\n")
		}, ResourceRequest{App: "shop"}, ""},
		{"another application", func(r *repo.Repo) {
			write(t, r, "applications/shop-cache/Chart.yaml", "name: shop-cache\n")
			write(t, r, "applications/shop-cache/templates/redis.yaml", "kind: RedisFailover\n")
		}, ResourceRequest{App: "shop", Suffix: "cache"}, "applications/shop-cache/templates/redis.yaml: makes the RedisFailover shop-cache in the same namespace; choose another suffix"},
		{"another application, the other way round", func(r *repo.Repo) {
			generate(t, r, ResourceRequest{App: "shop", Suffix: "cache-two"})
			write(t, r, "applications/shop-cache/Chart.yaml", "name: shop-cache\n")
		}, ResourceRequest{App: "shop-cache", Suffix: "two"}, "applications/shop/templates/redis-cache-two.yaml: makes the RedisFailover shop-cache-two"},
		{"another namespace", func(r *repo.Repo) {
			write(t, r, "applications/shop-cache/Chart.yaml", "name: shop-cache\n")
			write(t, r, "applications/shop-cache/templates/redis.yaml", "kind: RedisFailover\n")
		}, ResourceRequest{App: "shop", Suffix: "cache", Namespace: "other"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := shop(t, valuesFiles["fresh"])
			tt.setup(r)
			_, err := PlanResource(context.Background(), r, config(t, ""), deps, tt.req)
			switch {
			case tt.want == "":
				if err != nil {
					t.Error(err)
				}
			case err == nil || !strings.Contains(err.Error(), tt.want):
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	// --keep lets both be, and says so.
	r := shop(t, valuesFiles["fresh"])
	write(t, r, "applications/shop/templates/other.yaml", "kind: Service\nmetadata:\n  name: {{ .Chart.Name }}-redis-master\n")
	p := generate(t, r, ResourceRequest{App: "shop", Namespace: "prod", Conflicts: Keep})
	if len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "makes the Service shop-redis-master") {
		t.Errorf("notes: %q", p.Notes)
	}
}

func TestEnvNames(t *testing.T) {
	for _, tt := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"REDIS_ULR": "X"}, `--env: the generator has no environment variable "REDIS_ULR"; one of "REDIS_URL", "SENTINEL_URL"; did you mean "REDIS_URL"?`},
		{map[string]string{"REDIS_URL": "a b"}, `--env: invalid environment variable name "a b"; use letters, digits and _`},
		{map[string]string{"REDIS_URL": ""}, `--env: invalid environment variable name ""`},
		{map[string]string{"REDIS_URL": "SENTINEL_URL"}, `--env: REDIS_URL and SENTINEL_URL would both be named SENTINEL_URL; rename one of them`},
		{map[string]string{"REDIS_PASSWORD": "X"}, `has no environment variable "REDIS_PASSWORD"`}, // there is no password
	} {
		r := shop(t, valuesFiles["fresh"])
		if _, err := PlanResource(context.Background(), r, config(t, ""), deps, ResourceRequest{App: "shop", Env: tt.env}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: got %v, want %s", tt.env, err, tt.want)
		}
	}
	r := shop(t, valuesFiles["fresh"])
	generate(t, r, ResourceRequest{App: "shop", Auth: Auth{Method: Existing, Secret: "a"}, Env: map[string]string{"REDIS_PASSWORD": "CACHE_PASSWORD", "REDIS_URL": "CACHE_URL"}})
	if got := read(t, r, values); envNames(t, r) != "CACHE_PASSWORD CACHE_URL SENTINEL_URL" || !strings.Contains(got, "redis://:$(CACHE_PASSWORD)@") {
		t.Errorf("got\n%s", got)
	}
}
