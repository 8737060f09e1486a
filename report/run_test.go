package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/finding"
)

// canary is a secret; no format may print it.
const canary = "hunter2-correct-horse"

// hostile is what a stranger may put into a name, a message or a file.
const hostile = "<img src=x onerror=alert(1)> ![x](http://evil.example/?a=1) @octocat #1 | `rm` ]]> \x1b[31mred\x1b[0m \u202egnp\r\n::error file=x::injected\n##[error]injected %0A \x00\xff {0} [a](1) &amp; :smile:"

// sources are the files of the run, for excerpts.
var sources = map[string]string{
	"applications/shop/values.yaml": "# the shop\nresources:\n  redis:\n    replicas: 2\n    memory: 100MB\r\n" +
		"\tcpu: 1\n    umlaut: \"äöü\" # 日本語 x\n    url: redis://:" + canary + "@redis:6379\n    auth:\n      password: " + canary + "\n" +
		"      secretPath: redis-auth\n    env:\n      - name: REDIS_PASSWORD\n        value: \"" + canary + "\"\n    flow: {password: " + canary + ", memory: 1Gi}\n" +
		"    long: " + strings.Repeat("x", 300) + " end\n",
	"applications/shop/templates/redis.yaml":  "apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata:\n  name: shop\nspec:\n  redis:\n    replicas: {{ .Values.resources.redis.replicas }}\n    resources:\n      limits:\n        memory: 1Gi",
	"applications/shop/templates/secret.yaml": "apiVersion: v1\nkind: Secret\nmetadata:\n  name: redis-auth\nstringData:\n  dsn: " + canary + "\n  block: |\n    " + canary + "\n",
	"a:b, c/ü %20#?.yaml":                     "x: <b>```~~~</b>\n",
}

func source(file string) ([]byte, bool) {
	text, ok := sources[file]
	return []byte(text), ok
}

func at(file string, line, column int) finding.Position {
	return finding.Position{File: file, Line: line, Column: column}
}

// fixes are the patches of fixes by what these do: one that can be shown, one with a secret, and one that would close its fence.
func fixes(f *finding.Finding) (file, patch string) {
	switch file = f.File; f.Fix {
	case "set replicas to 3":
		return file, "--- a/" + file + "\n+++ b/" + file + "\n@@ -2,4 +2,4 @@\n resources:\n   redis:\n-    replicas: 2\n+    replicas: 3\n     memory: 100MB\r\n"
	case "remove " + canary:
		return file, "--- a/" + file + "\n+++ b/" + file + "\n@@ -8,4 +8,3 @@\n     url: redis://:" + canary + "@redis:6379\n     auth:\n-      password: " + canary + "\n       secretPath: redis-auth\n"
	case hostile:
		return file, "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-x: <b>```~~~</b>\n+  ````\n+\t</details>" + strings.ReplaceAll(hostile, "\n", " ") + "\n"
	}
	return "", ""
}

// fullRun has everything that a run can have.
func fullRun() *Run {
	const values, template, secret = "applications/shop/values.yaml", "applications/shop/templates/redis.yaml", "applications/shop/templates/secret.yaml"
	failover := &finding.Resource{APIVersion: "databases.spotahome.com/v1", Kind: "RedisFailover", Namespace: "default", Name: "shop"}
	run := &Run{
		Version: "1.2.3",
		Files:   12, Resources: 5,
		Source: source,
		Patch:  fixes,
		Rules: map[string]finding.RuleInfo{
			"auth/missing": {Severity: finding.LevelError, Category: "auth", Title: "no password", Description: "Anyone in the cluster can *read* and write.", Remediation: "Set `spec.auth.secretPath`.", References: []string{"https://redis.io/docs/latest/operate/oss_and_stack/management/security/", "spotahome/redis-operator <service/k8s/util.go>"}},
			"ha/replicas":  {Severity: finding.LevelError, Category: "ha", Title: "too few replicas", Description: "Two are no majority."},
			"mem/unit":     {Severity: finding.LevelWarning, Category: "mem", Title: "not a quantity", Description: "Kubernetes knows Mi and Gi."},
			"sec/fires-no": {Severity: finding.LevelWarning, Category: "sec", Title: "did not fire"},
			"sec/policy":   {Severity: finding.LevelWarning, Category: "sec", Title: "no NetworkPolicy"},
		},
		Findings: []*finding.Finding{
			{Rule: "ha/replicas", Severity: finding.Error, Message: "2 replicas have no majority; set 3", Position: at(values, 4, 15), EndLine: 4, EndColumn: 16,
				Resource: failover, Path: []string{"spec", "redis", "replicas"}, Sets: []string{"values.yaml", "values-prod.yaml"},
				Related: []finding.Related{{Position: at(template, 7, 15), Message: "read here"}}, Fix: "set replicas to 3", Help: "docs/rules/ha/replicas.md"},
			{Rule: "mem/unit", Severity: finding.Warning, Message: `"100MB" is not a Mi or Gi quantity; write 100Mi`, Position: at(values, 5, 13), EndLine: 5, EndColumn: 18,
				Path: []string{"resources", "redis", "memory"}, Help: "docs/rules/mem/unit.md"},
			{Rule: "yaml/tab", Severity: finding.Error, Message: "tab used for indentation; use spaces", Position: at(values, 6, 1), EndLine: 6, EndColumn: 2},
			{Rule: "mem/unit", Severity: finding.Info, Message: "äöü", Position: at(values, 7, 20), EndLine: 7, EndColumn: 23},
			{Rule: "url/plain-password", Severity: finding.Error, Message: "redis://:" + canary + "@redis:6379 has a password; use a Secret", Position: at(values, 8, 10), EndLine: 8, EndColumn: 40},
			{Rule: "auth/plain", Severity: finding.Error, Message: `"` + canary + `" is a password in plain text; seal it`, Position: at(values, 10, 17), EndLine: 10, EndColumn: 38,
				Related: []finding.Related{{Position: at(values, 14, 16), Message: canary + " again"}}, Fix: "remove " + canary},
			{Rule: "val/env", Severity: finding.Warning, Message: "env is a list", Position: at(values, 14, 9)},
			{Rule: "val/flow", Severity: finding.Info, Message: "flow with " + canary, Position: at(values, 15, 11), EndLine: 15, EndColumn: 60},
			{Rule: "val/long", Severity: finding.Info, Message: "too long", Position: at(values, 16, 311), EndLine: 16, EndColumn: 314},
			{Rule: "auth/missing", Severity: finding.Error, Message: "no password: anyone in the cluster can read and write; set spec.auth.secretPath", Position: at(template, 5, 1), EndLine: 5, EndColumn: 5,
				Resource: failover, Path: []string{"spec"}, Help: "docs/rules/auth/missing.md"},
			{Rule: "mem/limit", Severity: finding.Warning, Message: "two lines", Position: at(template, 8, 5), EndLine: 10, EndColumn: 20, Resource: failover, Path: []string{"spec", "redis", "resources"}, Count: 7},
			{Rule: "mem/limit", Severity: finding.Warning, Message: "end of file; add a line end", Position: at(template, 10, 20), Resource: failover, Path: []string{"spec", "redis", "resources"}},
			{Rule: "sec/policy", Severity: finding.Warning, Message: "no NetworkPolicy lets only clients in", Position: at(template, 0, 0), Resource: failover, Help: "docs/rules/sec/policy.md",
				Suppressed: &finding.Suppression{Position: at(template, 2, 1), Kind: "annotation", Reason: "the mesh does it", Until: "2027-01-31"}},
			{Rule: "sec/policy", Severity: finding.Warning, Message: "no NetworkPolicy for the other", Position: at(template, 1, 1), Help: "docs/rules/sec/policy.md",
				Suppressed: &finding.Suppression{Kind: "baseline", Reason: hostile}},
			{Rule: "sec/dsn", Severity: finding.Error, Message: "dsn is " + canary, Position: at(secret, 6, 8), Resource: &finding.Resource{APIVersion: "v1", Kind: "Secret", Name: "redis-auth"}, Path: []string{"stringData", "dsn"}},
			{Rule: "sec/dsn", Severity: finding.Error, Message: "block is " + canary, Position: at(secret, 8, 5), Resource: &finding.Resource{APIVersion: "v1", Kind: "Secret", Name: "redis-auth"}, Path: []string{"stringData", "block"}},
			{Rule: "layout/name", Severity: finding.Warning, Message: hostile, Position: at("a:b, c/ü %20#?.yaml", 1, 4), EndLine: 1, EndColumn: 9,
				Resource: &finding.Resource{APIVersion: "v1", Kind: "ConfigMap", Namespace: hostile, Name: hostile}, Path: []string{"metadata", hostile},
				Related: []finding.Related{{Position: at("gone.yaml", 99, 1), Message: hostile}}, Fix: hostile},
			{Rule: "layout/root", Severity: finding.Info, Message: "no README"},
		},
		Notices: []*finding.Problem{
			finding.Errorf(at("applications/blog/kustomization.yaml", 3, 5), "resources.0", `"https://example.org/base" is remote and was not fetched; vendor it`),
			{Message: hostile},
		},
		Stats: &Stats{Run: 90, Passed: 80, Skipped: []Skip{{"ha/pdb", "off"}}, Phases: []Phase{{"read", 1500 * time.Microsecond}, {"rego", 2 * time.Second}}},
	}
	return run
}

// manyRun has n findings of each severity.
func manyRun(n int) *Run {
	run := &Run{Files: n, Resources: n}
	for i := range 3 * n {
		run.Findings = append(run.Findings, &finding.Finding{
			Rule: "ha/replicas", Severity: finding.Severity(i % 3), Message: fmt.Sprintf("finding %d", i),
			Position: at(fmt.Sprintf("applications/app%04d/values.yaml", i/7), i%7+1, 1),
		})
	}
	return run
}
