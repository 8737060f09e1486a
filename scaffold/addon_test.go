package scaffold

import (
	"errors"
	"path"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
)

// addonShop is a shop with a deployment, a Redis of an operator and, beside it, a second one with a password.
func addonShop(t *testing.T, operator string) (*repo.Repo, *cue.Config) {
	t.Helper()
	r := shop(t, "image: shop:1\nresources: {}\nenv: []\n")
	web := "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  selector:\n    matchLabels: { app: web }\n  template:\n    metadata:\n      labels: { app: web }\n    spec:\n      containers: [{ name: web, image: shop:1 }]\n"
	if err := afero.WriteFile(r.Fs(), "applications/shop/templates/web.yaml", []byte(web), 0o644); err != nil {
		t.Fatal(err)
	}
	argo := "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: shop\nspec:\n  destination:\n    namespace: blue\n  source:\n    path: applications/shop\n"
	if err := afero.WriteFile(r.Fs(), "platform/shop.yaml", []byte(argo), 0o644); err != nil {
		t.Fatal(err)
	}
	c := config(t, "operator: {name: "+operator+", namespace: redis}\n")
	for _, req := range []ResourceRequest{
		{App: "shop", Namespace: "blue", Set: map[string]cue.LayerValue{"networkPolicy": {Value: ""}}},
		{App: "shop", Namespace: "blue", Suffix: "cache", Auth: Auth{Method: Existing}, Set: map[string]cue.LayerValue{"networkPolicy": {Value: ""}}},
	} {
		o, err := cue.OperatorNamed(operator)
		if err != nil {
			t.Fatal(err)
		}
		for key := range req.Set {
			if o.Without[key] != "" {
				delete(req.Set, key)
			}
		}
		apply(t, r)(PlanResource(t.Context(), r, c, deps, req))
	}
	return r, c
}

// snapshot returns all files of a repository.
func snapshot(t *testing.T, r *repo.Repo) map[string]string {
	t.Helper()
	files, err := r.Files(".")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range files {
		out[f] = read(t, r, f)
	}
	return out
}

// addonText returns what an addon of the shop renders to.
func addonText(t *testing.T, r *repo.Repo, name string) string {
	t.Helper()
	for file, text := range rendered(t, r, "applications/shop") {
		if path.Base(file) == name+".yaml" {
			return text
		}
	}
	return ""
}

// TestAddons: every addon of every operator is refused with a reason of the operator's facts, or renders, does not change in a second run
// and an update, and goes to the byte.
func TestAddons(t *testing.T) {
	t.Parallel()
	for _, operator := range cue.GeneratedNames() {
		t.Run(operator, func(t *testing.T) {
			t.Parallel()
			o, err := cue.OperatorNamed(operator)
			if err != nil {
				t.Fatal(err)
			}
			r, c := addonShop(t, operator)
			for _, kind := range cue.Addons() {
				for _, redis := range []string{"redis", "redis-cache"} {
					before := snapshot(t, r)
					req := AddonRequest{App: "shop", Redis: redis, Kind: kind.Name}
					p, err := PlanAddon(t.Context(), r, c, req)
					if reason := o.WithoutAddon(kind.Name); reason != "" {
						if err == nil || !strings.Contains(err.Error(), reason) {
							t.Errorf("%s: %v, want %q", kind.Name, err, reason)
						}
						continue
					}
					if err != nil && kind.Name == "acl" && redis == "redis" && strings.Contains(err.Error(), "it has no password") {
						continue
					}
					apply(t, r)(p, err)
					name := redis + "-" + kind.Name
					if text := addonText(t, r, name); !strings.Contains(text, "kind:") {
						t.Errorf("%s renders to %q", name, text)
					}
					if p, err := PlanAddon(t.Context(), r, c, req); err != nil || p.Changed() {
						t.Errorf("%s, a second run: %v\n%s", name, err, p.Diff())
					}
					if p, err := PlanUpdate(t.Context(), r, c, UpdateRequest{}); err != nil || p.Changed() {
						t.Errorf("%s, an update: %v\n%s", name, err, p.Diff())
					}
					entries, _, err := List(t.Context(), r, c, "shop")
					if err != nil {
						t.Fatal(err)
					}
					for _, e := range entries {
						switch {
						case e.Name == name && (e.State != Current || e.Kind != "addon"):
							t.Errorf("list: %+v", e)
						case e.Name == redis && len(e.References) == 0 && !kind.Outlives():
							t.Errorf("%s has no reference to %s", name, redis)
						}
					}
					apply(t, r)(PlanDestroy(t.Context(), r, DestroyRequest{App: "shop", Name: name}))
					sameFiles(t, snapshot(t, r), before)
				}
			}
		})
	}
}

// TestAddonRefuses: everything that is wrong with a request is reported together, and nothing is written.
func TestAddonRefuses(t *testing.T) {
	t.Parallel()
	r, c := addonShop(t, "spotahome")
	before := snapshot(t, r)
	for name, tt := range map[string]struct {
		req  AddonRequest
		want string
	}{
		"no application": {AddonRequest{App: "none", Redis: "redis", Kind: "network-policy"}, "none"},
		"no kind":        {AddonRequest{App: "shop", Redis: "redis", Kind: "network-polcy"}, `did you mean "network-policy"?`},
		"no Redis":       {AddonRequest{App: "shop", Redis: "redis-cash", Kind: "network-policy"}, `no Redis "redis-cash"`},
		"a bad name":     {AddonRequest{App: "shop", Redis: "../x", Kind: "network-policy"}, "name of a Redis"},
		"no such value":  {AddonRequest{App: "shop", Redis: "redis", Kind: "network-policy", Set: map[string]cue.LayerValue{"egres": {Value: true}}}, `did you mean "egress"?`},
		"a bad value":    {AddonRequest{App: "shop", Redis: "redis", Kind: "network-policy", Set: map[string]cue.LayerValue{"egress": {Value: "maybe"}}}, `"maybe" is not true or false`},
		"a bad namespace": {AddonRequest{App: "shop", Redis: "redis", Kind: "network-policy", Set: map[string]cue.LayerValue{"namespaces": {Value: "[A_B]"}}},
			"A_B"},
		"no operator": {AddonRequest{App: "shop", Redis: "redis", Kind: "network-policy", Set: map[string]cue.LayerValue{"operatorNamespace": {Value: ""}}},
			"the operator could not reach the Redis"},
	} {
		p, err := PlanAddon(t.Context(), r, c, tt.req)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, %v", name, p, err)
		}
		if err != nil && len(finding.All(err)) == 0 {
			t.Errorf("%s: %v is not a problem", name, err)
		}
	}
	sameFiles(t, snapshot(t, r), before)
}

// TestAddonConflicts: what somebody changed is a conflict, an edited template stays in an update, and the Redis is not destroyed under an
// addon.
func TestAddonConflicts(t *testing.T) {
	t.Parallel()
	r, c := addonShop(t, "spotahome")
	req := AddonRequest{App: "shop", Redis: "redis", Kind: "network-policy"}
	apply(t, r)(PlanAddon(t.Context(), r, c, req))
	req.Set = map[string]cue.LayerValue{"egress": {Value: false}}
	var conflict *ConflictError
	if _, err := PlanAddon(t.Context(), r, c, req); !errors.As(err, &conflict) {
		t.Errorf("other values: %v", err)
	}
	if _, err := PlanDestroy(t.Context(), r, DestroyRequest{App: "shop", Name: "redis"}); !errors.As(err, &conflict) || !strings.Contains(err.Error(), "network-policy") {
		t.Errorf("destroying the Redis: %v", err)
	}
	// A new workload is a client.
	file := "applications/shop/templates/worker.yaml"
	if err := afero.WriteFile(r.Fs(), file, []byte("apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: worker\nspec:\n  selector:\n    matchLabels: { app: worker }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	apply(t, r)(PlanUpdate(t.Context(), r, c, UpdateRequest{App: "shop"}))
	if text := addonText(t, r, "redis-network-policy"); strings.Count(text, "app: worker") != 2 {
		t.Errorf("after the update\n%s", text)
	}
	// Without its Redis, an addon stays as it is.
	apply(t, r)(PlanDestroy(t.Context(), r, DestroyRequest{App: "shop", Name: "redis", Force: true}))
	if p, err := PlanUpdate(t.Context(), r, c, UpdateRequest{App: "shop"}); err != nil || p.Changed() {
		t.Errorf("without its Redis: %v\n%s", err, p.Diff())
	}
}

// TestAddonByHand: an addon of a Redis that nobody generated, in plain manifests, has the facts of its operator.
func TestAddonByHand(t *testing.T) {
	t.Parallel()
	r := shop(t, "")
	for name, text := range map[string]string{
		"applications/mail/sessions.yaml": "apiVersion: redis.redis.opstreelabs.in/v1beta2\nkind: RedisReplication\nmetadata:\n  name: sessions\nspec:\n  clusterSize: 3\n  redisExporter:\n    enabled: true\n" +
			"---\napiVersion: redis.redis.opstreelabs.in/v1beta2\nkind: RedisSentinel\nmetadata:\n  name: guard\nspec:\n  redisSentinelConfig:\n    redisReplicationName: sessions\n",
		"applications/mail/kustomization.yaml": "namespace: mail\nresources:\n- sessions.yaml\n",
	} {
		if err := afero.WriteFile(r.Fs(), name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := config(t, "")
	before := snapshot(t, r)
	if _, err := PlanAddon(t.Context(), r, c, AddonRequest{App: "mail", Redis: "sessions", Kind: "network-policy"}); err == nil || !strings.Contains(err.Error(), "operatorNamespace") {
		t.Errorf("without the namespace of the operator: %v", err)
	}
	set := map[string]cue.LayerValue{"operatorNamespace": {Value: "ot-operators"}, "clients": {Value: "app=mail"}}
	apply(t, r)(PlanAddon(t.Context(), r, c, AddonRequest{App: "mail", Redis: "sessions", Kind: "network-policy", Set: set}))
	policies := ofKind(documentsOf(read(t, r, "applications/mail/sessions-network-policy.yaml")), "NetworkPolicy")
	if len(policies) != 2 || cue.At(policies[0], "spec", "podSelector", "matchLabels", "app") != "sessions" || cue.At(policies[1], "spec", "podSelector", "matchLabels", "app") != "guard-sentinel" {
		t.Errorf("%v", policies)
	}
	if !strings.Contains(read(t, r, "applications/mail/kustomization.yaml"), "sessions-network-policy.yaml") {
		t.Error("the kustomization does not list it")
	}
	apply(t, r)(PlanAddon(t.Context(), r, c, AddonRequest{App: "mail", Redis: "sessions", Kind: "monitoring"}))
	documents := documentsOf(read(t, r, "applications/mail/sessions-monitoring.yaml"))
	monitors := ofKind(documents, "PodMonitor")
	if len(monitors) != 1 || len(ofKind(documents, "PrometheusRule")) != 1 || strings.Contains(read(t, r, "applications/mail/sessions-monitoring.yaml"), "RedisSentinelQuorum") {
		t.Errorf("%v", documents) // of sentinels without an exporter
	}
	if p, err := PlanUpdate(t.Context(), r, c, UpdateRequest{}); err != nil || p.Changed() {
		t.Errorf("an update: %v\n%s", err, p.Diff())
	}
	for _, name := range []string{"sessions-monitoring", "sessions-network-policy"} {
		apply(t, r)(PlanDestroy(t.Context(), r, DestroyRequest{App: "mail", Name: name}))
	}
	sameFiles(t, snapshot(t, r), before)
}

// TestSharedSentinels: the policies of a Redis admit the pods of all that share its sentinels, those of other applications too; each of them
// may have policies, which add up.
func TestSharedSentinels(t *testing.T) {
	t.Parallel()
	r, c := addonShop(t, "statefulset")
	apply(t, r)(PlanResource(t.Context(), r, c, deps, ResourceRequest{App: "shop", Suffix: "jobs", Namespace: "blue", Set: map[string]cue.LayerValue{"sentinelsOf": {Value: "shop-redis"}, "networkPolicy": {Value: ""}}}))
	for _, name := range []string{"redis", "redis-jobs"} {
		apply(t, r)(PlanAddon(t.Context(), r, c, AddonRequest{App: "shop", Redis: name, Kind: "network-policy"}))
		if text := addonText(t, r, name+"-network-policy"); strings.Count(text, "redis-gitops.io/sentinels: shop-redis-sentinel") != 4 { // in and out, of Redis and of sentinels
			t.Errorf("%s", text)
		}
	}
	if p, err := PlanUpdate(t.Context(), r, c, UpdateRequest{}); err != nil || p.Changed() {
		t.Errorf("an update: %v\n%s", err, p.Diff())
	}
	// One of somebody else admits what it admits.
	policy := "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: open\nspec:\n  podSelector:\n    matchLabels: { redis-gitops.io/sentinel: shop-redis-sentinel }\n  ingress: [{}]\n"
	if err := afero.WriteFile(r.Fs(), "applications/shop/templates/open.yaml", []byte(policy), 0o644); err != nil {
		t.Fatal(err)
	}
	apply(t, r)(PlanDestroy(t.Context(), r, DestroyRequest{App: "shop", Name: "redis-network-policy"}))
	if _, err := PlanAddon(t.Context(), r, c, AddonRequest{App: "shop", Redis: "redis", Kind: "network-policy"}); err == nil || !strings.Contains(err.Error(), `the NetworkPolicy "open" admits more`) {
		t.Errorf("beside another policy: %v", err)
	}
}

// TestAddonCluster: a Redis Cluster has the ports of its bus, no alert about one master, and no proxy.
func TestAddonCluster(t *testing.T) {
	t.Parallel()
	r, c := addonShop(t, "opstree")
	apply(t, r)(PlanResource(t.Context(), r, c, deps, ResourceRequest{App: "shop", Type: "cluster", Namespace: "blue", Set: map[string]cue.LayerValue{"networkPolicy": {Value: ""}}}))
	for _, kind := range []string{"network-policy", "monitoring"} {
		apply(t, r)(PlanAddon(t.Context(), r, c, AddonRequest{App: "shop", Redis: "cluster", Kind: kind}))
	}
	if text := addonText(t, r, "cluster-network-policy"); strings.Count(text, "port: 16379") != 6 || len(ofKind(documentsOf(text), "NetworkPolicy")) != 2 {
		t.Errorf("%s", text)
	}
	monitoring := addonText(t, r, "cluster-monitoring")
	if strings.Contains(monitoring, "RedisMasterCount") || strings.Contains(monitoring, "RedisReplicasMissing") || len(ofKind(documentsOf(monitoring), "PodMonitor")) != 2 {
		t.Errorf("%s", monitoring)
	}
	if _, err := PlanAddon(t.Context(), r, c, AddonRequest{App: "shop", Redis: "cluster", Kind: "proxy"}); err == nil || !strings.Contains(err.Error(), "it is a Redis Cluster") {
		t.Errorf("a proxy: %v", err)
	}
	if p, err := PlanUpdate(t.Context(), r, c, UpdateRequest{}); err != nil || p.Changed() {
		t.Errorf("an update: %v\n%s", err, p.Diff())
	}
}
