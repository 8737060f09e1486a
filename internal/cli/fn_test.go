package cli

import (
	"fmt"
	"os/exec"
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
