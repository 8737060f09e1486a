package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// TestKustomizeFunctions builds a kustomization with both functions, by kustomize itself.
func TestKustomizeFunctions(t *testing.T) {
	tool, err := exec.LookPath("redis-gitops")
	if err != nil {
		t.Fatal(err)
	}
	function := func(kind, name, command, spec string) string {
		return fmt.Sprintf("apiVersion: example.com/v1\nkind: %s\nmetadata:\n  name: %s\n  namespace: mail\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: %s, args: [fn, %s]}\nspec: %s\n", kind, name, tool, command, spec)
	}
	for redis, want := range map[string]string{"{memory: 512Mi, networkPolicy: redis-system}": "", "{memory: 512Mi}": "exit status 1"} {
		dir := t.TempDir()
		writeTree(t, dir, map[string]string{
			"kustomization.yaml": "resources: [other.yaml]\ngenerators: [redis.yaml]\ntransformers: [lint.yaml]\n",
			"other.yaml":         "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n",
			"redis.yaml":         function("Redis", "mail", "generate", "{suffix: jobs, values: "+redis+"}"),
			"lint.yaml":          function("Lint", "lint", "lint", "{failOn: info, only: [sec/network-policy], strict: true}"),
		})
		opts := krusty.MakeDefaultOptions()
		opts.PluginConfig = types.EnabledPluginConfig(types.BploUseStaticallyLinked)
		opts.PluginConfig.FnpLoadingOptions.EnableExec = true
		opts.PluginConfig.FnpLoadingOptions.WorkingDir = dir
		built, err := krusty.MakeKustomizer(opts).Run(filesys.MakeFsOnDisk(), dir)
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", redis, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := built.AsYaml()
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"kind: RedisFailover", "name: mail-jobs\n  namespace: mail", "kind: ConfigMap", "maxmemory 384mb"} {
			if !strings.Contains(string(text), part) {
				t.Errorf("no %q in\n%s", part, text)
			}
		}
		if strings.Contains(string(text), "annotations") && strings.Contains(string(text), "config.kubernetes.io") {
			t.Errorf("annotations of functions are left:\n%s", text)
		}
	}
}

// TestKptFunctions evaluates both functions by kpt itself, where it is installed.
func TestKptFunctions(t *testing.T) {
	if _, err := exec.LookPath("kpt"); err != nil {
		t.Skip("kpt is not installed")
	}
	dir := t.TempDir()
	writeTree(t, dir, map[string]string{
		"fn.yaml":            "apiVersion: redis-gitops/v1\nkind: Redis\nmetadata: {name: mail, namespace: mail}\nspec: {suffix: jobs, values: {memory: 512Mi, networkPolicy: redis-system}}\n",
		"package/other.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other} # stays\n",
	})
	eval := func(args ...string) (string, error) {
		c := exec.CommandContext(t.Context(), "kpt", append([]string{"fn", "eval", "package", "--results-dir", "results"}, args...)...)
		c.Dir = dir
		out, err := c.CombinedOutput()
		return string(out), err
	}
	read := func(name string) string {
		src, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(src)
	}
	for range 2 { // the second time replaces what the first has made
		if out, err := eval("--fn-config", "fn.yaml", "--exec", "redis-gitops fn generate"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	redis := read("package/redis-mail-jobs.yaml")
	for _, part := range []string{"kind: RedisFailover", "name: mail-jobs\n  namespace: mail", "maxmemory 384mb"} {
		if strings.Count(redis, part) == 0 || strings.Count(redis, "kind: RedisFailover\n") != 1 {
			t.Errorf("not one %q in\n%s", part, redis)
		}
	}
	if out, err := eval("--exec", "redis-gitops fn lint", "--", "failOn=info", "only=sec/network-policy", "strict=true"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	writeTree(t, dir, map[string]string{"package/redis-mail-jobs.yaml": strings.Replace(redis, "kind: NetworkPolicy", "kind: Other", 1)})
	if out, err := eval("--exec", "redis-gitops fn lint", "--", "failOn=info", "only=sec/network-policy", "strict=true"); err == nil || !strings.Contains(out, "no NetworkPolicy") {
		t.Errorf("%v\n%s", err, out)
	}
	if results := read("results/results.yaml"); !strings.Contains(results, "rule: sec/network-policy") || !strings.Contains(results, "path: redis-mail-jobs.yaml") {
		t.Errorf("the results are\n%s", results)
	}
	if got := read("package/other.yaml"); !strings.Contains(got, "metadata: {name: other} # stays") {
		t.Errorf("another resource is now\n%s", got)
	}
}
