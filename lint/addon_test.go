package lint_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

// TestAddons: what addons make passes the linter in strict mode, whichever operator runs the Redis, in charts and in kustomizations.
func TestAddons(t *testing.T) {
	t.Parallel()
	for i, operator := range cue.GeneratedNames() {
		for _, kustomize := range []bool{false, true} {
			if kustomize && testing.Short() && i > 0 {
				continue
			}
			t.Run(fmt.Sprint(operator, kustomize), func(t *testing.T) {
				t.Parallel()
				testAddons(t, operator, kustomize)
			})
		}
	}
}

func testAddons(t *testing.T, operator string, kustomize bool) {
	r, config := open(t, []txtar.File{
		{Name: cue.ConfigFile, Data: []byte("strict: true\noperator:\n  name: " + operator + "\n  namespace: redis-operator\n")},
		{Name: "platform/shop.yaml", Data: []byte("apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: shop\nspec:\n  destination:\n    namespace: blue\n  source:\n    path: applications/shop\n")},
	})
	apply := func(p *scaffold.Plan, err error) {
		t.Helper()
		if err == nil {
			err = p.Apply(r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	apply(scaffold.PlanApplication(r, scaffold.ApplicationRequest{App: "shop", Kustomize: kustomize}))
	o, err := cue.OperatorNamed(operator)
	if err != nil {
		t.Fatal(err)
	}
	req := scaffold.ResourceRequest{App: "shop", Auth: scaffold.Auth{Method: scaffold.External, Store: "vault"}, Set: map[string]cue.LayerValue{}}
	if o.Without["networkPolicy"] == "" {
		req.Set["networkPolicy"] = cue.LayerValue{Value: ""}
	}
	apply(scaffold.PlanResource(t.Context(), r, config, scaffold.Deps{Random: rand.Reader, Now: today}, req))
	before := map[string]bool{}
	for _, f := range run(t, r, lint.Options{Config: config}).Findings {
		before[f.Rule+f.Message] = true
	}
	for _, kind := range cue.Addons() {
		if o.WithoutAddon(kind.Name) != "" {
			continue
		}
		apply(scaffold.PlanAddon(t.Context(), r, config, scaffold.AddonRequest{App: "shop", Redis: "redis", Kind: kind.Name}))
	}
	for _, f := range run(t, r, lint.Options{Config: config}).Findings {
		if f.Suppressed == nil && (f.Severity != finding.Info || strings.Contains(f.Message, "addon")) && !before[f.Rule+f.Message] {
			t.Error(print(t, r, "compact", []*finding.Finding{f}))
		}
	}
}
