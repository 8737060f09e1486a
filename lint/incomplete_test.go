package lint_test

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/policy"
)

// breakage is a way to break a file so that something of its unit cannot be rendered.
type breakage struct {
	name  string
	files func(name string) bool
	do    func(src string) string
}

func isTemplate(name string) bool {
	return path.Base(path.Dir(name)) == "templates" && path.Ext(name) == ".yaml"
}

func isKustomization(name string) bool { return path.Base(name) == "kustomization.yaml" }

var breakages = []breakage{
	{"fail", isTemplate, func(src string) string { return "{{ fail \"no\" }}\n" + src }},
	{"template syntax", isTemplate, func(src string) string { return src + "\n{{ if }}\n" }},
	{"rendered YAML", isTemplate, func(src string) string { return "a: b: c\n" + src }},
	{"values", func(name string) bool { return path.Base(name) == "values.yaml" }, func(src string) string { return "a: b: c\n" + src }},
	{"chart", func(name string) bool { return path.Base(name) == "Chart.yaml" }, func(src string) string { return "version: [\n" + src }},
	{"missing resource", isKustomization, func(src string) string { return src + "\ncomponents: [not-there]\n" }},
	{"kustomization", isKustomization, func(src string) string { return "a: b: c\n" + src }},
	{"manifest", func(name string) bool {
		return path.Ext(name) == ".yaml" && !isTemplate(name) && !isKustomization(name) && !strings.HasPrefix(path.Base(name), "values") && path.Base(name) != "Chart.yaml" && name[0] != '.'
	}, func(src string) string { return "a: b: c\n" + src }},
}

// where names a finding without its text, which may offer other names when less is known.
func where(f *finding.Finding) string { return fmt.Sprintf("%s %s", f.Rule, f.File) }

// ofBreak are the rules that report what a breakage did.
func ofBreak(f *finding.Finding) bool {
	return strings.HasPrefix(f.Rule, "yaml/") || slices.Contains([]string{"val/render-fails", "val/not-yaml"}, f.Rule)
}

// TestBrokenUnit: whatever cannot be rendered, nothing but that is reported that was not reported before. It breaks each file of
// some examples of rules; ALL=1 takes all of them.
func TestBrokenUnit(t *testing.T) {
	t.Parallel()
	rules, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for i, rule := range rules {
		policy.Examples(rule)
		for j, text := range []string{rule.Good, rule.Bad} {
			if os.Getenv("ALL") == "" && (i+j)%9 > 0 {
				continue
			}
			files := repository(txtar.Parse([]byte(text)))
			r, config := open(t, files)
			before := map[string]bool{}
			for _, f := range run(t, r, lint.Options{Config: config}).Findings {
				before[where(f)] = true
			}
			for n, file := range files {
				for _, b := range breakages {
					if !b.files(file.Name) {
						continue
					}
					broken := slices.Clone(files)
					broken[n].Data = []byte(b.do(string(file.Data)))
					r, config := open(t, broken)
					for _, f := range run(t, r, lint.Options{Config: config}).Findings {
						if !before[where(f)] && !ofBreak(f) {
							t.Errorf("%s, example %d, %s of %s: new finding %s: %s", rule.Name, j, b.name, file.Name, where(f), f.Message)
						}
					}
					tried++
				}
			}
		}
	}
	if tried < 20 {
		t.Errorf("only %d repositories", tried)
	}
}

const (
	deployed = `-- platform/apps.yaml --
{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: shop}, spec: {source: {path: applications/shop}, destination: {namespace: shop}}}
---
{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: keys}, spec: {source: {path: applications/keys}, destination: {namespace: shop}}}
---
{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: far}, spec: {source: {path: applications/far}, destination: {namespace: far}}}
---
{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: monitoring}, spec: {source: {chart: prometheus, repoURL: "https://charts.example.com"}, destination: {namespace: monitoring}}}
-- applications/far/far.yaml --
{apiVersion: v1, kind: ConfigMap, metadata: {name: far}}
`
	shopRedis = `-- applications/shop/redis.yaml --
apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata: {name: shop}
spec:
  auth: {secretPath: shop-redis}
  sentinel: {replicas: 3, exporter: {enabled: true}}
  redis:
    replicas: 3
    shutdownConfigMap: hooks
    storage: {persistentVolumeClaim: {metadata: {name: shop}, spec: {accessModes: [ReadWriteOnce]}}}
-- applications/shop/web.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: shop:1
          env:
            - {name: SENTINEL_URL, value: "redis-sentinel://rfs-jobs:26379/mymaster"}
            - {name: OTHER_URL, value: "redis-sentinel://rfs-jobs.shop.svc:26379/mymaster"}
---
apiVersion: v1
kind: Service
metadata: {name: jobs-redis}
spec:
  selector: {app.kubernetes.io/name: jobs, app.kubernetes.io/part-of: redis-failover, redisfailovers-role: master}
  ports: [{port: 6379}]
`
	jobsRedis = "apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata: {name: jobs}\nspec: {sentinel: {replicas: 3}, redis: {replicas: 3}}\n"
)

// TestAbsent: a rule that concludes from an object that is nowhere is silent when the object is there, and when the file that has it
// cannot be read, and reports it otherwise, also while something is broken that cannot have it.
func TestAbsent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule, held, more string
		anywhere         bool // what is broken in another namespace counts too
	}{
		{rule: "auth/secret-not-found", held: "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: shop-redis}\nspec: {}\n"},
		{rule: "data/hook-config-map", held: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: hooks}\ndata: {shutdown.sh: exit 0}\n"},
		{rule: "data/no-backup", held: "apiVersion: velero.io/v1\nkind: Schedule\nmetadata: {name: all}\n", anywhere: true},
		{rule: "ha/operator-missing", held: "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: redisfailovers.databases.spotahome.com}\n", anywhere: true},
		{rule: "op/reference-not-found", held: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\n", more: "-- applications/shop/ot.yaml --\napiVersion: redis.redis.opstreelabs.in/v1beta2\nkind: Redis\nmetadata: {name: ot}\nspec: {redisConfig: {additionalRedisConfig: config}}\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: other}}\n"},
		{rule: "op/sentinel-exporter-unreachable", held: "apiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: {name: m}\nspec: {selector: {matchLabels: {app.kubernetes.io/component: sentinel}}}\n"},
		{rule: "sec/network-policy", held: "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n}\nspec: {podSelector: {}, ingress: [{}]}\n"},
		{rule: "svc/selector-or-port-wrong", held: jobsRedis},
		{rule: "url/unknown-host", held: jobsRedis},
		{rule: "url/short-name", held: jobsRedis, more: "-- applications/far/redis.yaml --\n" + jobsRedis},
		{rule: "url/wrong-namespace", held: jobsRedis, more: "-- applications/far/redis.yaml --\n" + jobsRedis},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			reported := func(held, far string) bool {
				files := txtar.Parse([]byte(deployed + shopRedis + "-- applications/keys/held.yaml --\n" + held + tt.more + "-- applications/far/broken.yaml --\n" + far)).Files
				r, config := open(t, files)
				return len(run(t, r, lint.Options{Config: config, Strict: true, Only: []string{tt.rule}}).Findings) > 0
			}
			if reported(tt.held, "") {
				t.Error("reported although the object is there")
			}
			if !reported("", "") {
				t.Error("not reported without the object")
			}
			if reported("a: b: c\n"+tt.held, "") {
				t.Error("reported while the file of the object is broken")
			}
			if reported("", "a: b: c\n") == tt.anywhere {
				t.Errorf("something is broken in another namespace; reported: %v", !tt.anywhere)
			}
		})
	}
}

// TestBrokenByOneValue: a value that keeps a generated Redis from being rendered is one finding, and so is a template that calls fail.
func TestBrokenByOneValue(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ values, template, rule string }{
		"a wrong value": {"100MB", "", "val/invalid-value"},
		"fail":          {"100Mi", "{{ fail \"not yet\" }}\n", "val/render-fails"},
	} {
		t.Run(name, func(t *testing.T) {
			files := "-- applications/shop/Chart.yaml --\napiVersion: v2\nname: shop\nversion: 0.1.0\n" +
				"-- applications/shop/values.yaml --\nresources:\n  redis:\n    sentinels: 3\n    memory: " + tt.values + "\n" +
				"-- applications/shop/templates/redis.yaml --\n" + tt.template + "{{- if not (hasSuffix \"Mi\" .Values.resources.redis.memory) }}{{ fail \"memory\" }}{{ end }}\n" +
				"apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata:\n  name: {{ .Chart.Name }}-redis\nspec: {sentinel: {replicas: {{ .Values.resources.redis.sentinels }}}}\n---\n" +
				"apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ .Chart.Name }}-redis-master\nspec: {}\n" +
				"-- applications/shop/templates/web.yaml --\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers:\n        - name: web\n          env:\n" +
				"            - {name: REDIS_URL, value: 'redis://shop-redis-master:6379'}\n            - {name: SENTINEL_URL, value: 'redis-sentinel://rfs-shop-redis:26379/mymaster'} # redis-gitops:ignore url/unknown-host -- ours\n" +
				"-- applications/jobs/redis.yaml --\n" + jobsRedis
			r, config := open(t, txtar.Parse([]byte(files)).Files)
			var rules []string
			baseline := &lint.Baseline{File: "baseline", Version: 1, Known: []lint.BaselineEntry{{Rule: "url/unknown-host", File: "applications/shop/templates/web.yaml", Count: 1}}}
			res := run(t, r, lint.Options{Config: config, Baseline: baseline})
			for _, f := range res.Findings {
				if !strings.HasPrefix(f.File, "applications/jobs/") {
					rules = append(rules, f.Rule)
				}
			}
			if !slices.Equal(rules, []string{tt.rule}) {
				t.Errorf("got %q, want %s alone", rules, tt.rule)
			}
			for _, n := range res.Notices {
				t.Errorf("notice: %v", n)
			}
		})
	}
}

// TestBrokenDeployment: values that only a deployment which cannot be read adds to a chart are not reported as missing.
func TestBrokenDeployment(t *testing.T) {
	t.Parallel()
	for _, platform := range []string{
		"apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop}\nspec: {source: {path: applications/shop, helm: {valueFiles: [values.yaml, prod.yaml]}}, destination: {namespace: shop}}\n",
		"{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: shop}, spec: {source: {path: applications/shop, helm: {valueFiles: [values.yaml, prod.yaml]}}, destination: {namespace: shop}}}\n",
	} {
		for _, before := range []string{"", "a: b: c\n"} {
			files := "-- platform/shop.yaml --\n" + before + platform +
				"-- applications/shop/Chart.yaml --\napiVersion: v2\nname: shop\nversion: 0.1.0\n-- applications/shop/values.yaml --\na: {b: 1}\n-- applications/shop/prod.yaml --\na: {c: 2}\n" +
				"-- applications/shop/templates/c.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {b: \"{{ .Values.a.b }}\", c: \"{{ .Values.a.c }}\"}\n"
			r, config := open(t, txtar.Parse([]byte(files)).Files)
			for _, f := range run(t, r, lint.Options{Config: config}).Findings {
				if !ofBreak(f) {
					t.Errorf("%q before %q: %s: %s", before, platform, where(f), f.Message)
				}
			}
		}
	}
}
