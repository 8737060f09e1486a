package lint_test

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/scaffold"
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

// TestScaffolded: whatever the scaffolder makes passes the linter, in strict mode too when it is made with a password.
func TestScaffolded(t *testing.T) {
	t.Parallel()
	random := mathrand.New(mathrand.NewPCG(3, 4))
	machine := scaffold.Deps{Random: rand.Reader, Now: today}
	optional := map[string]any{
		"maxmemoryPercent": int64(60), "minReplicasToWrite": int64(1), "storageClass": "fast", "zones": true, "priorityClass": "database",
		"nodeSelector": "disktype=ssd", "tolerations": "role=database:NoSchedule,spot", "seccompProfile": "localhost/redis.json",
		"podMonitor": true, "podMonitorLabels": "release=prometheus",
	}
	memories := []string{"0.3Gi", "0.7Gi", "1.25Gi", "1500Mi", "2.2Gi", "64Mi", "100Mi", "8Gi"}
	all := generatedTypes(t)
	for i := range 12 * len(all) {
		o := all[i/2%len(all)]
		strict, operator := i%2 == 0, o.Name
		archive := []txtar.File{{Name: cue.ConfigFile, Data: []byte(fmt.Sprintf("strict: %v\noperator:\n  name: %s\n  namespace: redis-operator\n", strict, operator))}}
		r, config := open(t, archive)
		app := fmt.Sprintf("app%d", i)
		plan, err := scaffold.PlanApplication(r, scaffold.ApplicationRequest{App: app, Kustomize: i%5 == 4})
		if err != nil {
			t.Fatal(err)
		}
		if err := plan.Apply(r); err != nil {
			t.Fatal(err)
		}
		for _, suffix := range []string{"", "cache"} {
			req := scaffold.ResourceRequest{
				App: app, Type: o.Type(), Suffix: suffix, Profile: []string{"", "cache", "queue", "store"}[random.IntN(4)],
				Set: map[string]cue.LayerValue{"memory": {Value: memories[random.IntN(len(memories))]}},
			}
			for key, value := range optional {
				if o.Without[key] != "" {
					continue
				}
				if i%3 == 2 && random.IntN(2) == 0 {
					req.Set[key] = cue.LayerValue{Value: value}
				}
			}
			if suffix == "cache" {
				url, password := "REDIS_URL", "REDIS_PASSWORD"
				if o.Type() != cue.DefaultType {
					url, password = "REDIS_CLUSTER_URL", "REDIS_CLUSTER_PASSWORD"
				}
				req.Env = map[string]string{url: "CACHE_URL", "SENTINEL_URL": "CACHE_SENTINEL_URL"}
				if o.Without["sentinels"] != "" {
					delete(req.Env, "SENTINEL_URL")
				}
				if strict {
					req.Env[password] = "CACHE_PASSWORD"
				}
			}
			if random.IntN(4) == 0 {
				req.Size, req.Profile = "dev", ""
			}
			if strict {
				req.Auth = scaffold.Auth{Method: scaffold.External, Store: "vault"}
			}
			if random.IntN(3) == 0 {
				req.Auth = scaffold.Auth{Method: scaffold.Existing, Secret: "password" + suffix}
			}
			if i%3 == 1 && o.Engines["valkey"] != nil {
				req.Engine = "valkey"
			}
			if o.WithoutProfiles[req.Profile] != "" {
				req.Profile = "store"
			}
			plan, err := scaffold.PlanResource(context.Background(), r, config, machine, req)
			if err != nil {
				t.Fatalf("%+v: %v", req, err)
			}
			if err := plan.Apply(r); err != nil {
				t.Fatal(err)
			}
		}
		for _, f := range run(t, r, lint.Options{Config: config}).Findings {
			reported := f.Severity == finding.Error || !strict && f.Severity == finding.Warning || strings.HasPrefix(f.Rule, "suppression/")
			if reported && f.Suppressed == nil {
				t.Errorf("strict %v, %s, %s: %s", strict, operator, app, print(t, r, "compact", []*finding.Finding{f}))
			}
		}
	}
}

// TestScaffoldedArchetypes: what generate makes in applications of other people adds no finding, with the URL where containers read it.
func TestScaffoldedArchetypes(t *testing.T) {
	files, err := filepath.Glob("../scaffold/testdata/archetypes/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			head := map[string]string{}
			for line := range strings.Lines(string(archive.Comment)) {
				if key, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
					head[key] = value
				}
			}
			if head["refuse"] != "" {
				t.Skip("nothing is made")
			}
			r, config := open(t, archive.Files)
			before := map[string]bool{}
			for _, f := range run(t, r, lint.Options{Config: config}).Findings {
				before[f.Rule+f.Message] = true
			}
			plan, err := scaffold.PlanResource(context.Background(), r, config, scaffold.Deps{Random: rand.Reader, Now: today}, scaffold.ResourceRequest{
				App: head["app"], Suffix: head["suffix"], Namespace: head["namespace"], Auth: scaffold.Auth{Method: scaffold.AuthMethod(head["auth"])},
			})
			if err == nil {
				err = plan.Apply(r)
			}
			if err != nil {
				t.Fatal(err)
			}
			fine := map[string]bool{
				"auth/secret-not-found":             head["auth"] == "existing", // somebody makes it
				"ha/operator-missing":               true,                       // nor does the archetype install one
				"name/chart-differs-from-directory": true,                       // the URLs are made of the chart's name
			}
			for _, f := range run(t, r, lint.Options{Config: config}).Findings {
				if fine[f.Rule] {
					continue
				}
				if f.Severity != finding.Info && f.Suppressed == nil && !before[f.Rule+f.Message] {
					t.Error(print(t, r, "compact", []*finding.Finding{f}))
				}
			}
		})
	}
}
