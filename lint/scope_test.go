package lint_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/lint"
)

const (
	brokenMap   = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\ndata:\n\tA: b\n"
	plainSecret = "apiVersion: v1\nkind: Secret\nmetadata: {name: app-secrets}\nstringData: {password: hunter22}\n"
	deployApp   = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\nspec:\n  template:\n    spec:\n      containers:\n        - name: app\n          image: app:1.0.0\n          env:\n"
	chartOnly   = "apiVersion: v2\nname: app\nversion: 0.1.0\n"
)

// generals returns the findings of general rules, as "rule file".
func generals(res *lint.Result) (found []string) {
	for _, f := range res.Findings {
		if res.Rules[f.Rule].General && f.Suppressed == nil {
			found = append(found, f.Rule+" "+f.File)
		}
	}
	return found
}

// A finding of a general rule counts where Redis is involved, in each way that it can be, and with scope: all everywhere.
func TestScope(t *testing.T) {
	t.Parallel()
	const tab, secret = "yaml/tab ", "auth/secret-in-plain-text "
	for name, tt := range map[string]struct {
		files []txtar.File
		all   string // found with scope: all
		in    bool   // and with scope: redis
	}{
		"a manifest without Redis":            {files("app/a.yaml", brokenMap), tab + "app/a.yaml", false},
		"a manifest beside a Redis":           {files("app/a.yaml", brokenMap, "app/", ""), tab + "app/a.yaml", true},
		"a manifest that mentions it":         {files("app/a.yaml", brokenMap+"\tB: redis://x\n"), tab + "app/a.yaml", true},
		"a file in its name":                  {files("app/valkey.yaml", brokenMap), tab + "app/valkey.yaml", true},
		"another directory with a Redis":      {files("app/a.yaml", brokenMap, "other/", ""), tab + "app/a.yaml", false},
		"the port of a server":                {files("app/a.yaml", brokenMap+"\tB: cache:6379\n"), tab + "app/a.yaml", true},
		"a number that holds its digits":      {files("app/a.yaml", brokenMap+"\tB: \"163794\"\n"), tab + "app/a.yaml", false},
		"a generator":                         {files("generators/resources/a.yaml", "a: {{ .Values.x }\n"), "val/render-fails generators/resources/a.yaml", true},
		"a Secret of nobody":                  {files("app/a.yaml", plainSecret), secret + "app/a.yaml", false},
		"a Secret of a Redis elsewhere":       {files("app/a.yaml", plainSecret, "other/r.yaml", strings.Replace(failover("x"), "{}", "{auth: {secretPath: app-secrets}}", 1)), secret + "app/a.yaml", true},
		"a Secret of a client":                {files("app/a.yaml", plainSecret, "other/d.yaml", deployApp+"            - {name: REDIS_PASSWORD, valueFrom: {secretKeyRef: {name: app-secrets, key: password}}}\n"), secret + "app/a.yaml", true},
		"a Secret of another client":          {files("app/a.yaml", plainSecret, "other/d.yaml", deployApp+"            - {name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: app-secrets, key: password}}}\n"), secret + "app/a.yaml", false},
		"a Secret beside a client's URL":      {files("app/a.yaml", plainSecret, "app/d.yaml", deployApp+"            - {name: REDIS_URL, value: \"redis://cache:6379\"}\n"), secret + "app/a.yaml", false},
		"a Secret with its own key":           {files("app/a.yaml", strings.Replace(plainSecret, "password:", "redis-password:", 1)), secret + "app/a.yaml", true},
		"a Secret of a kustomization with it": {files("app/kustomization.yaml", "resources: [s.yaml, r.yaml]\n", "app/s.yaml", plainSecret, "app/r.yaml", failover("x")), secret + "app/s.yaml", true},
		"a chart without Redis":               {files("app/Chart.yml", "", "app/values.yaml", "{}\n", "app/templates/a.yaml", "a: {{ fail \"no\" }}\n"), "", false},
		"a template of a chart with URLs":     {[]txtar.File{{Name: "app/Chart.yaml", Data: []byte(chartOnly)}, {Name: "app/values.yaml", Data: []byte("cache: redis://x\n")}, {Name: "app/templates/a.yaml", Data: []byte("a: {{ fail \"no\" }}\n")}}, "val/render-fails app/templates/a.yaml", true},
		"a template of a chart":               {[]txtar.File{{Name: "app/Chart.yaml", Data: []byte(chartOnly)}, {Name: "app/values.yaml", Data: []byte("{}\n")}, {Name: "app/templates/a.yaml", Data: []byte("a: {{ fail \"no\" }}\n")}}, "val/render-fails app/templates/a.yaml", false},
		"values elsewhere of a chart with a Redis": {
			files("app/Chart.yaml", "", "env/prod.yaml", "a: 1\na: 2\n", "argo/app.yaml", argoApplication("app", "path: app, helm: {valueFiles: [../env/prod.yaml]}")), "yaml/duplicate-key env/prod.yaml", true},
		"a kustomization without Redis":               {files("app/kustomization.yaml", "resources: [gone.yaml]\n"), "val/render-fails app/kustomization.yaml", false},
		"a kustomization that lists a Redis":          {files("app/kustomization.yaml", "resources: [gone.yaml, r.yaml]\n", "app/r.yaml", failover("x")), "val/render-fails app/kustomization.yaml", true},
		"a kustomization of a kustomization":          {files("app/kustomization.yaml", "resources: [gone.yaml, ../base]\n", "base/kustomization.yaml", "resources: [r.yaml]\n", "base/r.yaml", failover("x")), "val/render-fails app/kustomization.yaml", true},
		"a kustomization that a Redis's lists":        {files("all/kustomization.yaml", "resources: [../app, ../base]\n", "app/kustomization.yaml", "resources: [gone.yaml]\n", "base/kustomization.yaml", "resources: [r.yaml]\n", "base/r.yaml", failover("x")), "val/render-fails app/kustomization.yaml", false},
		"kustomizations that list each other":         {files("a/kustomization.yaml", "resources: [../b, gone.yaml]\n", "b/kustomization.yaml", "resources: [../a]\n"), "val/render-fails a/kustomization.yaml", false},
		"a broken kustomization that lists a Redis":   {files("app/kustomization.yaml", "resources: [x]\npatches: x\n", "app/x/kustomization.yaml", "resources: [r.yaml]\n", "app/x/r.yaml", failover("x")), "val/render-fails app/kustomization.yaml", true},
		"a value file nobody uses of a chart with it": {files("app/Chart.yaml", "", "app/values-b.yaml", "a: 1\n", "argo/app.yaml", argoApplication("app", "path: app")), "layout/values-unused app/values-b.yaml", true},
		"a Redis that nothing deploys":                {files("app/Chart.yaml", "", "other/", "", "argo/app.yaml", argoApplication("other", "path: other")), "layout/not-deployed app/Chart.yaml", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := func(scope string) []string {
				r, config := open(t, append(tt.files, txtar.File{Name: ".redis-gitops.yaml", Data: []byte("scope: " + scope + "\n")}))
				return generals(run(t, r, lint.Options{Config: config}))
			}
			all, redis := found(cue.ScopeAll), found(cue.ScopeRedis)
			if tt.all != "" && !slices.Contains(all, tt.all) {
				t.Fatalf("with scope: all there is no %q:\n%s", tt.all, strings.Join(all, "\n"))
			}
			if slices.Contains(redis, tt.all) != tt.in {
				t.Errorf("with scope: redis:\n%s", strings.Join(redis, "\n"))
			}
			for _, f := range redis {
				if !slices.Contains(all, f) {
					t.Errorf("only with scope: redis: %s", f)
				}
			}
		})
	}
}

// What is out of scope still answers to suppressions and to the baseline, and the option beats the configuration.
func TestScopeHides(t *testing.T) {
	t.Parallel()
	archive := []txtar.File{
		{Name: "app/a.yaml", Data: []byte(strings.Replace(plainSecret, "stringData", "# redis-gitops:ignore auth/secret-in-plain-text -- of a test\nstringData", 1))},
		{Name: "app/b.yaml", Data: []byte(strings.ReplaceAll(plainSecret, "app-secrets", "b"))},
		{Name: "other/r.yaml", Data: []byte(failover("x"))},
	}
	r, config := open(t, archive)
	all := run(t, r, lint.Options{Config: config, Scope: cue.ScopeAll})
	if found := generals(all); fmt.Sprint(found) != "[auth/secret-in-plain-text app/b.yaml]" {
		t.Fatalf("with Scope all: %q", found)
	}
	res := run(t, r, lint.Options{Config: config, Baseline: lint.NewBaseline(all.Findings)})
	for _, f := range res.Findings {
		if f.Suppressed == nil {
			t.Errorf("%s %s", f.Position, f.Rule)
		}
	}
	if len(res.Notices) > 0 {
		t.Errorf("notices: %v", res.Notices)
	}
}
