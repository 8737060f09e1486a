package instance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/cue"
)

func operators(t testing.TB) []*cue.Operator {
	t.Helper()
	all, err := cue.Operators()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func documents(t testing.TB, file, namespace string, src []byte) []Document {
	t.Helper()
	var all []Document
	decoder := yaml.NewDecoder(bytes.NewReader(src))
	for {
		var object map[string]any
		if err := decoder.Decode(&object); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if object != nil {
			all = append(all, Document{Object: object, Namespace: namespace, Where: file})
		}
	}
}

// examples are the files of testdata, about several operators, and those of the directory of each operator.
func examples(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"testdata/*.txtar", "../cue/operator/*/testdata/instances/*.txtar"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(found), err)
		}
		files = append(files, found...)
	}
	return files
}

// Each example has manifests, and the Redis instances in them; the line "namespace NAME" of its comment gives where they
// go, and "operator NAME VERSION" what the configuration says. UPDATE=1 writes what is found.
func TestFind(t *testing.T) {
	for _, file := range examples(t) {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(file), "../cue/operator/"), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var o Options
			namespace := ""
			for line := range strings.Lines(string(archive.Comment)) {
				switch words := strings.Fields(line); {
				case len(words) == 2 && words[0] == "namespace":
					namespace = words[1]
				case len(words) == 3 && words[0] == "operator":
					o.Operator, o.Version = words[1], words[2]
				}
			}
			var docs []Document
			want := -1
			for i, f := range archive.Files {
				if f.Name == "want.json" {
					want = i
					continue
				}
				docs = append(docs, documents(t, f.Name, namespace, f.Data)...)
			}
			o.Found = Recognise(docs, operators(t))
			found, pods, references := FindAll(docs, operators(t), o)
			if onlyPods, onlyReferences := References(docs, operators(t), o); !reflect.DeepEqual(pods, onlyPods) || !reflect.DeepEqual(references, onlyReferences) {
				t.Errorf("FindAll gave %+v and %+v, References %+v and %+v", pods, references, onlyPods, onlyReferences)
			}
			if instances := Find(docs, operators(t), o); !reflect.DeepEqual(found, instances) {
				t.Errorf("FindAll gave %+v, Find %+v", found, instances)
			}
			got, err := json.MarshalIndent(map[string]any{"running": o.Found, "instances": found}, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			if os.Getenv("UPDATE") != "" {
				if want < 0 {
					archive.Files = append(archive.Files, txtar.File{Name: "want.json"})
					want = len(archive.Files) - 1
				}
				archive.Files[want].Data = got
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want < 0 || !bytes.Equal(archive.Files[want].Data, got) {
				t.Errorf("run UPDATE=1 go test ./instance -run TestFind and review want.json of %s; got\n%s", file, got)
			}
		})
	}
}

func TestRecognise(t *testing.T) {
	for _, tt := range []struct{ name, src, want string }{
		{"kustomize", "kind: Kustomization\nnamespace: redis-operator\nresources: ['github.com/spotahome/redis-operator/manifests/kustomize/overlays/full?ref=v1.2.4']", "spotahome 1.2.4 (v1.2.4) in redis-operator"},
		{"kustomize, https and //", "resources: ['https://github.com/Spotahome/redis-operator//manifests/kustomize/base?ref=v1.3.0-rc1&timeout=10s']", "spotahome 1.3.0 (v1.3.0-rc1) in "},
		{"kustomize, a branch", "kind: Kustomization\nresources: ['git@github.com:spotahome/redis-operator.git?ref=master']", "spotahome  (master) in "},
		{"kustomize, another image", "kind: Kustomization\nresources: ['github.com/spotahome/redis-operator/manifests?ref=v1.2.4']\nimages: [{name: quay.io/spotahome/redis-operator, newTag: v1.3.0}]", "spotahome 1.3.0 (v1.3.0) in "},
		{"raw file", "kind: Kustomization\nresources: ['https://raw.githubusercontent.com/spotahome/redis-operator/v1.2.4/example/operator/all-redis-operator-resources.yaml']", "spotahome 1.2.4 (v1.2.4) in "},
		{"a name that only begins like it", "kind: Kustomization\nresources: ['github.com/spotahome/redis-operator-fork?ref=v1.2.4']", ""},
		{"argo chart", "kind: Application\nspec: {destination: {namespace: x}, source: {chart: redis-operator, repoURL: 'https://spotahome.github.io/redis-operator', targetRevision: 3.2.9}}", "spotahome 1.2.4 (3.2.9) in x"},
		{"argo chart, newer", "kind: Application\nspec: {source: {chart: redis-operator, repoURL: 'https://spotahome.github.io/redis-operator/', targetRevision: 3.3.0}}", "spotahome 1.3.0 (3.3.0) in "},
		{"argo chart with an image", "kind: Application\nspec: {sources: [{chart: redis-operator, repoURL: 'https://spotahome.github.io/redis-operator', targetRevision: 3.3.0, helm: {values: \"image:\\n  tag: v1.2.4\\n\"}}]}", "spotahome 1.2.4 (v1.2.4) in "},
		{"argo chart with a parameter", "kind: Application\nspec: {source: {chart: redis-operator, repoURL: 'https://spotahome.github.io/redis-operator', targetRevision: 3.2.9, helm: {parameters: [{name: image.tag, value: v1.3.0}]}}}", "spotahome 1.3.0 (v1.3.0) in "},
		{"argo chart with broken values", "kind: Application\nspec: {source: {chart: redis-operator, repoURL: 'https://spotahome.github.io/redis-operator', targetRevision: 3.2.9, helm: {values: \"a: [\"}}}", "spotahome 1.2.4 (3.2.9) in "},
		{"the chart of a fork that installs Spotahome's image", "kind: Application\nspec: {source: {chart: redis-operator, repoURL: 'https://powerhome.github.io/redis-operator', targetRevision: 3.3.0}}", "spotahome 1.3.0 (3.3.0) in "},
		{"the chart of a fork with its image", "kind: Application\nspec: {source: {chart: redis-operator, repoURL: 'https://powerhome.github.io/redis-operator', targetRevision: 3.3.0, helm: {valuesObject: {image: {repository: powerhome/redis-operator, tag: v4.3.2}}}}}", "powerhome 4.3.2 (v4.3.2) in "},
		{"the provisioner of KubeDB", "kind: Application\nspec: {source: {chart: kubedb, repoURL: 'oci://ghcr.io/appscode-charts', targetRevision: v2026.7.10}}", "kubedb 2026.7.10 (v2026.7.10) in "},
		{"Redis Enterprise on OpenShift", "kind: Deployment\nspec: {template: {spec: {containers: [{image: 'registry.connect.redhat.com/redislabs/redis-enterprise-operator:8.0.20-23'}]}}}", "redis-enterprise 8.0.20 (8.0.20-23) in "},
		{"argo git", "kind: Application\nspec: {source: {path: manifests, repoURL: 'https://github.com/freshworks-oss/redis-operator.git', targetRevision: v3.3.1}}", "freshworks 3.3.0 (v3.3.1) in "},
		{"another chart of that name", "kind: Application\nspec: {source: {chart: redis-operator, repoURL: 'https://ot-container-kit.github.io/helm-charts', targetRevision: 0.20.3}}", "opstree 0.20.0 (0.20.3) in "},
		{"a chart of that name from elsewhere", "kind: Application\nspec: {source: {chart: redis-operator, repoURL: 'https://example.com/charts', targetRevision: 0.20.3}}", ""},
		{"flux", "kind: HelmRepository\nmetadata: {name: r}\nspec: {url: 'https://spotahome.github.io/redis-operator'}\n---\nkind: HelmRelease\nmetadata: {namespace: flux}\nspec: {targetNamespace: ops, chart: {spec: {chart: redis-operator, version: 3.2.7, sourceRef: {kind: HelmRepository, name: r}}}}", "spotahome 1.2.4 (3.2.7) in ops"},
		{"flux oci", "kind: HelmRepository\nmetadata: {name: r}\nspec: {url: 'oci://ghcr.io/saremox/redis-operator/charts'}\n---\nkind: HelmRelease\nspec: {chart: {spec: {chart: redis-operator, version: 4.1.0, sourceRef: {kind: HelmRepository, name: r}}}}", "saremox 4.0.0 (4.1.0) in "},
		{"a version before the first", "kind: Deployment\nspec: {template: {spec: {containers: [{image: 'ghcr.io/buildio/redis-operator:1.7.0'}]}}}", "saremox 1.4.0 (1.7.0) in "},
		{"a version before all", "kind: Deployment\nspec: {template: {spec: {containers: [{image: 'quay.io/spotahome/redis-operator:v1.0.0'}]}}}", "spotahome 1.2.4 (v1.0.0) in "},
		{"flux git", "kind: GitRepository\nmetadata: {name: r}\nspec: {url: 'ssh://git@github.com/powerhome/redis-operator'}\n---\nkind: Kustomization\napiVersion: kustomize.toolkit.fluxcd.io/v1\nspec: {sourceRef: {kind: GitRepository, name: r}, targetNamespace: ops}", "powerhome  () in ops"},
		{"deployment", "kind: Deployment\nmetadata: {namespace: ops}\nspec: {template: {spec: {containers: [{image: 'quay.io/spotahome/redis-operator:v1.2.4@sha256:00'}]}}}", "spotahome 1.2.4 (v1.2.4) in ops"},
		{"deployment on docker hub", "kind: Deployment\nspec: {template: {spec: {containers: [{image: 'docker.io/powerhome/redis-operator:v4.3.2'}]}}}", "powerhome 4.3.2 (v4.3.2) in "},
		{"nonsense", "kind: Application\nspec: [x]\n---\nkind: Deployment\nspec: {template: 7}\n---\nkind: Kustomization\nresources: {a: b}", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, r := range Recognise(documents(t, "x.yaml", "", []byte(tt.src)), operators(t)) {
				got = append(got, fmt.Sprintf("%s %s (%s) in %s", r.Operator, r.Version, r.Raw, r.Namespace))
			}
			if got := strings.Join(got, "; "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// Whatever the documents are, the answer is instances, and texts that hold nothing of theirs but names.
func TestNonsense(t *testing.T) {
	var docs []Document
	for _, file := range examples(t) {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if f.Name != "want.json" {
				docs = append(docs, documents(t, f.Name, "default", f.Data)...)
			}
		}
	}
	r := rand.New(rand.NewPCG(5, 6))
	junk := []any{nil, true, 7, -1, int64(1) << 40, 0.5, "", "x", "${IFS}`id`\"'\n", strings.Repeat("a", 300), []any{}, []any{map[string]any{"name": 1}}, map[string]any{}, map[string]any{"name": []any{}}}
	all := operators(t)
	found, texts := 0, 0
	for range 2000 {
		var damaged []Document
		for range 4 {
			d := docs[r.IntN(len(docs))]
			d.Object = clone(d.Object).(map[string]any)
			for range 1 + r.IntN(3) {
				damage(r, d.Object, junk)
			}
			damaged = append(damaged, d)
		}
		for _, in := range Find(damaged, all, Options{Found: Recognise(damaged, all)}) {
			found++
			for _, format := range Formats() {
				text, err := in.Client(format, ClientOptions{Sentinel: r.IntN(2) == 0})
				if err != nil {
					continue
				}
				texts++
				if format != "json" && (strings.Contains(text, "IFS") || strings.Contains(text, "`id`")) {
					t.Fatalf("%s of %+v:\n%s", format, in, text)
				}
			}
		}
	}
	if found < 500 || texts < 500 {
		t.Errorf("%d instances and %d texts are too few to tell", found, texts)
	}
}

func clone(data any) any {
	switch data := data.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range data {
			out[key] = clone(value)
		}
		return out
	case []any:
		out := make([]any, len(data))
		for i := range data {
			out[i] = clone(data[i])
		}
		return out
	}
	return data
}

// damage puts junk somewhere below a mapping.
func damage(r *rand.Rand, at map[string]any, junk []any) {
	keys := slices.Sorted(maps.Keys(at))
	if len(keys) == 0 {
		at["name"] = clone(junk[r.IntN(len(junk))])
		return
	}
	key := keys[r.IntN(len(keys))]
	switch child := at[key].(type) {
	case map[string]any:
		if r.IntN(5) > 0 {
			damage(r, child, junk)
			return
		}
	case []any:
		if len(child) > 0 {
			if sub, ok := child[r.IntN(len(child))].(map[string]any); ok && r.IntN(5) > 0 {
				damage(r, sub, junk)
				return
			}
		}
	}
	if key != "kind" && key != "apiVersion" {
		at[key] = clone(junk[r.IntN(len(junk))])
	}
}
