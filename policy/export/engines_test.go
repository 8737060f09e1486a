//go:build integration

package export

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/policy/opa"
)

// numbered is the annotation by which an engine's answer says which object it is about.
const numbered = "example.redis-gitops.io/number"

// built returns the directory of the engines, and the rules.
func built(t *testing.T) (engines string, rules []*policy.Rule) {
	t.Helper()
	if engines = os.Getenv("ENGINES"); engines == "" {
		t.Skip("ENGINES is not set; use make engines")
	}
	rules, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	return engines, rules
}

// TestEngines holds the exports against the engines themselves, which `make engines` builds into ENGINES: on every example of every rule they
// find what lint finds. With a suppression that has a reason they find less, and with one that has none the same.
func TestEngines(t *testing.T) {
	engines, rules := built(t)
	settings := map[string]any{"strict": true, "operator": map[string]any{"name": "spotahome", "version": "1.2.4", "namespace": "operator", "title": "spotahome"},
		"options": map[string]any{}, "foreignFields": map[string]any{"spec.haproxy": "freshworks-oss"}}
	var on []*policy.Rule
	for _, r := range rules {
		if r.Scope == policy.ScopeResource && r.Strict != policy.Off {
			on = append(on, r)
		}
	}
	engine, err := opa.Engine{}.Compile(policy.Options{Rules: on, Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	manifests := filepath.Join(dir, "manifests")
	var want []map[string]bool
	total, suppressed := 0, 0
	objects := exampleResources(t, rules)
	for i := 0; i < len(objects); i++ {
		object := objects[i]
		metadata, ok := object["metadata"].(map[string]any)
		if !ok || metadata["name"] == nil {
			objects = slices.Delete(objects, i, i+1) // no cluster has such an object
			i--
			continue
		}
		metadata["namespace"] = fmt.Sprintf("example-%d", i) // Gatekeeper takes one object of a name
		annotations, _ := metadata["annotations"].(map[string]any)
		if annotations == nil {
			annotations = map[string]any{}
			metadata["annotations"] = annotations
		}
		value, err := opa.Engine{}.Values().Value(object)
		if err != nil {
			t.Fatal(err)
		}
		violations, err := engine.Resource(t.Context(), value)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for n, v := range violations {
			category, name, _ := strings.Cut(v.Rule, "/")
			switch (i + n) % 4 {
			case 0:
				annotations["ignore.redis-gitops.io/"+category+"."+name] = "accepted here; until=2999-01-31"
			case 1:
				annotations["ignore.redis-gitops.io/"+category+"."+name] = "until=2999-01-31" // without a reason
			}
		}
		for _, v := range violations {
			key := "ignore.redis-gitops.io/" + strings.Replace(v.Rule, "/", ".", 1)
			if text, _ := annotations[key].(string); strings.HasPrefix(text, "accepted") {
				suppressed++
				continue
			}
			found[v.Rule+" "+v.Message] = true
		}
		total += len(found)
		annotations[numbered] = strconv.Itoa(i)
		want = append(want, found)
		text, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		writeTest(t, filepath.Join(manifests, strconv.Itoa(i)+".yaml"), string(text))
	}
	t.Logf("%d objects, %d findings, %d more are suppressed", len(objects), total, suppressed)
	for _, format := range []string{"conftest", "opa", "gatekeeper"} {
		files, err := Rules(Options{Format: format, Rules: rules, Strict: true, Settings: settings})
		if err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(dir, format)
		for _, f := range files {
			writeTest(t, filepath.Join(out, f.File), f.Source)
		}
		got := map[string]func(*testing.T, string, string, string, int) []map[string]bool{"conftest": runConftest, "opa": runOPA, "gatekeeper": runGator}[format](t, engines, out, manifests, len(objects))
		differ := 0
		for i := range want {
			if !sameKeys(got[i], want[i]) {
				if differ++; differ < 4 {
					t.Errorf("%s: %v: got\n%v\nwant\n%v", format, objects[i]["metadata"], keysOfTest(got[i]), keysOfTest(want[i]))
				}
			}
		}
		t.Logf("%s: %d objects, %d differences", format, len(want), differ)
	}
}

func sameKeys(a, b map[string]bool) bool { return slices.Equal(keysOfTest(a), keysOfTest(b)) }

func keysOfTest(m map[string]bool) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func writeTest(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// output runs an engine. It fails where it finds something, so that only what it prints tells.
func output(t *testing.T, program string, args ...string) []byte {
	t.Helper()
	c := exec.CommandContext(t.Context(), program, args...)
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if len(out) == 0 {
		t.Fatalf("%s: %v\n%s", program, err, stderr.String())
	}
	return out
}

func blank(n int) []map[string]bool {
	out := make([]map[string]bool, n)
	for i := range out {
		out[i] = map[string]bool{}
	}
	return out
}

// line is a message of an export as the rule and the message of the violation.
func line(message string) string {
	message, _, _ = strings.Cut(message, "\n")
	i := strings.LastIndex(message, " [")
	return strings.TrimSuffix(message[i+2:], "]") + " " + message[:i]
}

func number(t *testing.T, file string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(file), ".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func runConftest(t *testing.T, engines, dir, manifests string, n int) []map[string]bool {
	type result struct{ Msg string }
	var files []struct {
		Filename           string
		Failures, Warnings []result
	}
	text := output(t, filepath.Join(engines, "conftest"), "test", "--policy", dir+"/policy", "--data", dir+"/data", "--output", "json", manifests)
	if err := json.Unmarshal(text, &files); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	got := blank(n)
	for _, f := range files {
		for _, r := range append(f.Failures, f.Warnings...) {
			got[number(t, f.Filename)][line(r.Msg)] = true
		}
	}
	return got
}

func runOPA(t *testing.T, engines, dir, manifests string, n int) []map[string]bool {
	var answer struct {
		Result []struct {
			Path   string
			Error  any
			Result [][]any
		}
	}
	text := output(t, filepath.Join(engines, "opa"), "exec", "--bundle", dir, "--decision", "redisgitops/main/resource", manifests)
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	got := blank(n)
	for _, f := range answer.Result {
		if f.Error != nil {
			t.Fatalf("%s: %v", f.Path, f.Error)
		}
		for _, pair := range f.Result {
			got[number(t, f.Path)][fmt.Sprint(pair[0], " ", pair[1].(map[string]any)["message"])] = true
		}
	}
	return got
}

func runGator(t *testing.T, engines, dir, manifests string, n int) []map[string]bool {
	var results []struct {
		Msg             string
		ViolatingObject struct {
			Metadata struct{ Annotations map[string]string }
		}
	}
	text := output(t, filepath.Join(engines, "gator"), "test", "--filename", dir+"/templates", "--filename", dir+"/constraints", "--filename", manifests, "--output", "json")
	if err := json.Unmarshal(text, &results); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	got := blank(n)
	for _, r := range results {
		message := strings.ReplaceAll(r.Msg, "1e+09", "1000000000") // Gatekeeper reads numbers as floats
		got[number(t, r.ViolatingObject.Metadata.Annotations[numbered])][line(message)] = true
	}
	return got
}

// TestPull pulls the OCI layouts from a registry: conftest its files, and OPA its bundle.
func TestPull(t *testing.T) {
	engines, rules := built(t)
	settings := map[string]any{"strict": true, "options": map[string]any{}, "foreignFields": map[string]any{}, "operator": map[string]any{"name": "spotahome", "version": "1.2.4", "title": "spotahome"}}
	manifest := filepath.Join(t.TempDir(), "manifest.yaml")
	writeTest(t, manifest, "apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata: {name: shop}\nspec: {redis: {replicas: 1}}\n")
	registry := func(format string) string {
		files, err := Rules(Options{Format: format, Rules: rules, Strict: true, Settings: settings})
		if err != nil {
			t.Fatal(err)
		}
		if files, err = OCI(format, files); err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(serving(t, files))
		t.Cleanup(server.Close)
		return strings.TrimPrefix(server.URL, "http://")
	}

	dir := t.TempDir()
	c := exec.CommandContext(t.Context(), filepath.Join(engines, "conftest"), "pull", "--policy", "pulled", "oci://"+registry("conftest")+"/policies:latest")
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("conftest pull: %v\n%s", err, out)
	}
	text := output(t, filepath.Join(engines, "conftest"), "test", "--policy", dir+"/pulled/policy", "--data", dir+"/pulled/data", manifest)
	if !strings.Contains(string(text), "[ha/single-redis]") {
		t.Errorf("conftest: %s", text)
	}

	config := filepath.Join(t.TempDir(), "opa.yaml")
	address := registry("opa")
	writeTest(t, config, "services: {registry: {url: \"http://"+address+"\", type: oci}}\nbundles: {redis: {service: registry, resource: \""+address+"/policies:latest\"}}\npersistence_directory: "+t.TempDir()+"\n")
	text = output(t, filepath.Join(engines, "opa"), "exec", "--config-file", config, "--decision", "redisgitops/main/resource", manifest)
	if !strings.Contains(string(text), "ha/single-redis") {
		t.Errorf("opa: %s", text)
	}
}

// serving is a registry with the artifact of a layout.
func serving(t *testing.T, files []policy.Module) http.Handler {
	t.Helper()
	content := map[string]string{}
	var index struct{ Manifests []descriptor }
	for _, f := range files {
		content["sha256:"+filepath.Base(f.File)] = f.Source
		if f.File == "index.json" {
			if err := json.Unmarshal([]byte(f.Source), &index); err != nil {
				t.Fatal(err)
			}
		}
	}
	manifest := index.Manifests[0].Digest
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		digest := filepath.Base(r.URL.Path)
		if strings.Contains(r.URL.Path, "/manifests/") {
			if digest == "latest" {
				digest = manifest
			}
			w.Header().Set("Content-Type", mediaManifest)
		}
		body, ok := content[digest]
		if !ok && r.URL.Path != "/v2/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Docker-Content-Digest", digest)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(body))
	})
}
