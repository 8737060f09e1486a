package scaffold

import (
	"errors"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/cue"
)

// TestSentinelSet: the set has the sentinels of the template of the operator, and outlives the Redis that it was made for: it goes with the last
// one that uses it, and so does the manifest of their Secret.
func TestSentinelSet(t *testing.T) {
	t.Parallel()
	r := shop(t, "image: shop:1\nresources: {}\nenv: []\n")
	before := snapshot(t, r)
	c := config(t, "operator: {name: statefulset}\n")
	uses := func(suffix string, auth Auth) {
		t.Helper()
		apply(t, r)(PlanResource(t.Context(), r, c, deps, ResourceRequest{
			App: "shop", Suffix: suffix, Auth: auth, Set: map[string]cue.LayerValue{"sentinelsOf": {Value: "shop-redis-set"}},
		}))
	}
	uses("", Auth{Method: External, Store: "vault"})
	secret := "shop-redis-auth"
	apply(t, r)(PlanAddon(t.Context(), r, c, AddonRequest{App: "shop", Redis: "redis", Kind: "sentinel-set"}))
	uses("cache", Auth{Method: Existing, Secret: secret})

	// Of a Redis with sentinels of its own.
	own := shop(t, "resources: {}\n")
	apply(t, own)(PlanResource(t.Context(), own, c, deps, ResourceRequest{App: "shop", Auth: Auth{Method: External, Store: "vault"}}))
	want := strings.NewReplacer("shop-redis-sentinel", "shop-redis-set-sentinel", "shop-redis-config", "shop-redis-set-config").Replace
	script := func(text, object, name string) string {
		t.Helper()
		for _, d := range ofKind(documentsOf(text), "ConfigMap") {
			if cue.At(d, "metadata", "name") == object {
				text, _ := cue.At(d, "data", name).(string)
				return text
			}
		}
		t.Fatalf("no %s in %s", name, object)
		return ""
	}
	set, theirs := addonText(t, r, "redis-sentinel-set"), addonText(t, own, "redis")
	if a, b := script(set, "shop-redis-set-config", "sentinel.sh"), want(script(theirs, "shop-redis-config", "sentinel.sh")); a != b || a == "" {
		t.Errorf("the script of the set\n%s\nof the Redis\n%s", a, b)
	}
	for _, name := range []string{"exec redis-sentinel", "cli()", "user()"} {
		if text := script(set, "shop-redis-set-config", "lib.sh") + script(set, "shop-redis-set-config", "sentinel.sh"); !strings.Contains(text, name) {
			t.Errorf("no %q in\n%s", name, text)
		}
	}

	// The first Redis goes, and leaves the Secret.
	apply(t, r)(PlanDestroy(t.Context(), r, DestroyRequest{App: "shop", Name: "redis"}))
	if text := addonText(t, r, "redis-sentinel-set"); text != set {
		t.Errorf("without its Redis\n%s", text)
	}
	if p, err := PlanUpdate(t.Context(), r, c, UpdateRequest{}); err != nil || p.Changed() {
		t.Errorf("an update: %v\n%s", err, p.Diff())
	}
	if text := addonText(t, r, "redis-auth"); !strings.Contains(text, "ExternalSecret") {
		t.Errorf("the Secret: %q", text)
	}
	var conflict *ConflictError
	if _, err := PlanDestroy(t.Context(), r, DestroyRequest{App: "shop", Name: "redis-sentinel-set"}); !errors.As(err, &conflict) || !strings.Contains(err.Error(), "still refers to shop-redis-set;") {
		t.Errorf("destroying the set: %v", err)
	}
	if _, err := PlanRotate(t.Context(), r, c, deps, RotateRequest{App: "shop", Name: "redis-cache", Stage: RotateAdd}); err == nil {
		t.Error("one password of several is rotated")
	}
	apply(t, r)(PlanDestroy(t.Context(), r, DestroyRequest{App: "shop", Name: "redis-cache"}))
	apply(t, r)(PlanDestroy(t.Context(), r, DestroyRequest{App: "shop", Name: "redis-sentinel-set"}))
	sameFiles(t, snapshot(t, r), before)
}
