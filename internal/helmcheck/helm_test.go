// Package helmcheck holds what the tool writes against real Helm and the real schemas of the operator. It is a module of its
// own, so that Helm and the API server stay out of the tool's dependencies; `go test ./...` at the root does not run it.
package helmcheck

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"helm.sh/helm/v4/pkg/chart/common"
	chartutil "helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	k8syaml "k8s.io/apimachinery/pkg/util/yaml"

	"github.com/redis-gitops/redis-gitops/render"
)

const (
	root    = "../.."
	shared  = "../../../shared"
	corpus  = shared + "/corpus/reclaim-the-stack+get-started"
	release = "shop"
)

func TestHelm(t *testing.T) {
	tool := buildTool(t)

	t.Run("built-in template", func(t *testing.T) {
		repo := t.TempDir()
		run(t, repo, "git", "init", "-q")
		run(t, repo, tool, "generate", "application", "shop")
		run(t, repo, tool, "generate", "resource", "shop", "redis")
		for _, flags := range []string{
			"--suffix cache --profile cache",
			"--suffix dev --profile dev",
			"--suffix store --profile store --set memory=0.3Gi",
			"--suffix sec --auth existing:shop-sec --set memory=1.25Gi --set networkPolicy=redis-operator",
		} {
			run(t, repo, tool, append([]string{"generate", "resource", "shop", "redis"}, strings.Fields(flags)...)...)
		}
		chart := load(t, repo)
		rendered := helmRender(t, chart, true)
		wantFiles(t, rendered, "redis.yaml", "redis-cache.yaml", "redis-dev.yaml", "redis-sec.yaml", "redis-store.yaml")
		redises := redisFailovers(t, rendered)
		var names []string
		for _, r := range redises {
			names = append(names, r.GetName())
		}
		slices.Sort(names)
		if want := []string{"shop", "shop-cache", "shop-dev", "shop-sec", "shop-store"}; !slices.Equal(names, want) {
			t.Fatalf("got RedisFailovers %v, want %v", names, want)
		}

		t.Run("maxmemory", func(t *testing.T) {
			for _, r := range redises {
				checkMaxmemory(t, r)
			}
		})
		t.Run("schema of the values", func(t *testing.T) { checkValuesSchema(t, chart, "redis") })
		t.Run("own renderer", func(t *testing.T) { checkOwnRenderer(t, chart, rendered) })
		for _, version := range []string{"1.2.4", "1.3.0"} {
			t.Run("operator "+version, func(t *testing.T) {
				crd := readCRD(t, shared+"/crds/spotahome-"+version+"_redisfailovers.yaml")
				for _, r := range redises {
					for _, problem := range crd.check(r) {
						t.Errorf("%s: %s", r.GetName(), problem)
					}
				}
				crd.checkRefuses(t, redises[0])
			})
		}
	})

	t.Run("generator of Reclaim the Stack", func(t *testing.T) {
		needShared(t, corpus)
		repo := t.TempDir()
		if err := os.CopyFS(repo, os.DirFS(corpus)); err != nil {
			t.Fatal(err)
		}
		run(t, repo, "git", "init", "-q")
		run(t, repo, tool, "generate", "application", "shop")
		run(t, repo, tool, "generate", "resource", "shop", "redis")
		run(t, repo, tool, "generate", "resource", "shop", "redis", "--suffix", "cache")
		run(t, repo, tool, "generate", "deployment", "shop", "web")

		generator := readFile(t, filepath.Join(repo, "generators/resources/redis.yaml"))
		for file, replaced := range map[string]*strings.Replacer{
			"redis.yaml":       strings.NewReplacer("%{application}", "shop", "%{camelName}", "redis", "%{name}", "redis", "%{suffix}", ""),
			"redis-cache.yaml": strings.NewReplacer("%{application}", "shop", "%{camelName}", "redisCache", "%{name}", "redis-cache", "%{suffix}", "-cache"),
		} {
			got := readFile(t, filepath.Join(repo, "applications/shop/templates", file))
			if want := replaced.Replace(generator); got != want {
				t.Errorf("%s is not the generator with its placeholders replaced:\n%s", file, got)
			}
		}
		chart := load(t, repo)
		checkEnvNames(t, chart)
		// Not strict: their generator of a web deployment reads values that its own example leaves out.
		rendered := helmRender(t, chart, false)
		wantFiles(t, rendered, "redis.yaml", "redis-cache.yaml", "deployment-web.yaml")
		redises := redisFailovers(t, rendered)
		if len(redises) != 2 {
			t.Errorf("got %d RedisFailovers, want 2", len(redises))
		}
		crd := readCRD(t, shared+"/crds/spotahome-1.2.4_redisfailovers.yaml")
		for _, r := range redises {
			for _, problem := range crd.check(r) {
				t.Errorf("%s: %s", r.GetName(), problem)
			}
		}
		checkOwnRenderer(t, chart, rendered)
	})
}

// buildTool compiles the command line from the work tree.
func buildTool(t *testing.T) string {
	t.Helper()
	tool := filepath.Join(t.TempDir(), "redis-gitops")
	run(t, root, "go", "build", "-o", tool, "./cmd/redis-gitops")
	return tool
}

func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir = dir
	// The user's own Git configuration must not matter.
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
}

func needShared(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is not here: the test data that lies beside the repository", path)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func load(t *testing.T, repo string) *chart.Chart {
	t.Helper()
	c, err := loader.LoadDir(filepath.Join(repo, "applications/shop"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return c
}

// helmRender returns the output of each template by its path in the chart. Helm checks the values against the schema first.
// Strict refuses a template that reads a value which is not there.
func helmRender(t *testing.T, c *chart.Chart, strict bool) map[string]string {
	t.Helper()
	options := common.ReleaseOptions{Name: release, Namespace: "default", Revision: 1, IsInstall: true}
	values, err := chartutil.ToRenderValues(c, nil, options, nil)
	if err != nil {
		t.Fatal(err)
	}
	engine := engine.Engine{Strict: strict}
	out, err := engine.RenderWithContext(t.Context(), c, values)
	if err != nil {
		t.Fatal(err)
	}
	byFile := map[string]string{}
	for name, text := range out {
		byFile[strings.TrimPrefix(name, c.Name()+"/")] = text
	}
	return byFile
}

func wantFiles(t *testing.T, rendered map[string]string, names ...string) {
	t.Helper()
	for _, n := range names {
		if strings.TrimSpace(rendered["templates/"+n]) == "" {
			t.Errorf("Helm renders nothing from templates/%s", n)
		}
	}
}

// redisFailovers decodes what Helm rendered as Kubernetes does: whole numbers are int64. Files are in the order of their names.
func redisFailovers(t *testing.T, rendered map[string]string) []*unstructured.Unstructured {
	t.Helper()
	return ofKinds(t, rendered, "RedisFailover")
}

// ofKinds returns the resources of some kinds that a chart renders to.
func ofKinds(t *testing.T, rendered map[string]string, kinds ...string) []*unstructured.Unstructured {
	t.Helper()
	var names []string
	for name := range rendered {
		if strings.HasSuffix(name, ".yaml") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var out []*unstructured.Unstructured
	for _, name := range names {
		d := k8syaml.NewYAMLToJSONDecoder(strings.NewReader(rendered[name]))
		for {
			var raw runtime.RawExtension
			if err := d.Decode(&raw); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if len(raw.Raw) == 0 || bytes.Equal(raw.Raw, []byte("null")) {
				continue
			}
			u := &unstructured.Unstructured{}
			if err := u.UnmarshalJSON(raw.Raw); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if slices.Contains(kinds, u.GetKind()) {
				out = append(out, u)
			}
		}
	}
	return out
}

var maxmemoryLine = regexp.MustCompile(`^maxmemory ([0-9]+)mb$`)

// checkMaxmemory wants a whole number of Redis' mb (MiB) below the memory that the container asks for.
func checkMaxmemory(t *testing.T, r *unstructured.Unstructured) {
	t.Helper()
	lines, _, err := unstructured.NestedStringSlice(r.Object, "spec", "redis", "customConfig")
	if err != nil {
		t.Fatal(err)
	}
	text, _, err := unstructured.NestedString(r.Object, "spec", "redis", "resources", "requests", "memory")
	if err != nil {
		t.Fatal(err)
	}
	request, err := resource.ParseQuantity(text)
	if err != nil {
		t.Fatalf("%s: memory request %q: %v", r.GetName(), text, err)
	}
	found := 0
	for _, line := range lines {
		if !strings.HasPrefix(line, "maxmemory ") {
			continue
		}
		found++
		m := maxmemoryLine.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("%s: %q is not a whole number of mb", r.GetName(), line)
			continue
		}
		mb, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil || mb < 1 || mb<<20 >= request.Value() {
			t.Errorf("%s: %q is not between 1mb and the memory request %s", r.GetName(), line, text)
		}
	}
	if found != 1 {
		t.Errorf("%s: got %d lines of maxmemory, want 1: %q", r.GetName(), found, lines)
	}
}

// checkValuesSchema wants Helm to take the values as they are and to refuse a wrong one, so that it is known to look.
func checkValuesSchema(t *testing.T, c *chart.Chart, name string) {
	t.Helper()
	if len(c.Schema) == 0 {
		t.Fatal("the chart has no values.schema.json")
	}
	if err := chartutil.ValidateAgainstSchema(c, c.Values); err != nil {
		t.Error(err)
	}
	wrong := chartutil.CoalesceTables(map[string]any{
		"resources": map[string]any{name: map[string]any{"memory": "256MB"}},
	}, c.Values)
	if err := chartutil.ValidateAgainstSchema(c, wrong); err == nil || !strings.Contains(err.Error(), "memory") {
		t.Errorf("memory 256MB: got %v, want it refused", err)
	}
}

// checkEnvNames wants every name in env of values.yaml once: Kubernetes silently takes the last.
func checkEnvNames(t *testing.T, c *chart.Chart) {
	t.Helper()
	var names []string
	for _, e := range c.Values["env"].([]any) {
		name, _ := e.(map[string]any)["name"].(string)
		if name == "" || slices.Contains(names, name) {
			t.Errorf("env name %q is empty or there twice", name)
		}
		names = append(names, name)
	}
	if len(names) < 2 {
		t.Errorf("got env names %v, want those of two Redis instances", names)
	}
}

// checkOwnRenderer wants of package render the bytes that Helm gives, from values.yaml as our own YAML package reads it.
func checkOwnRenderer(t *testing.T, c *chart.Chart, rendered map[string]string) {
	t.Helper()
	var values map[string]any
	for _, f := range c.Raw {
		if f.Name == "values.yaml" {
			if err := yaml.Unmarshal(f.Data, &values); err != nil {
				t.Fatal(err)
			}
		}
	}
	compared := 0
	for _, f := range c.Templates {
		if !strings.HasSuffix(f.Name, ".yaml") {
			continue
		}
		got, err := render.Template(t.Context(), f.Name, string(f.Data), render.Input{Chart: c.Name(), Namespace: "default", Values: values})
		if err != nil {
			t.Error(err)
			continue
		}
		if want := rendered[f.Name]; got != want {
			t.Errorf("%s: got\n%s\nwant as Helm\n%s", f.Name, got, want)
		}
		compared++
	}
	if compared == 0 {
		t.Error("the chart has no templates to compare")
	}
}

// crd is the schema of a version of a CustomResourceDefinition, in the two forms in which the API server uses it.
type crd struct {
	validator  validation.SchemaValidator
	structural *schema.Structural
}

func readCRD(t *testing.T, file string) *crd { return readCRDVersion(t, file, "v1") }

func readCRDVersion(t *testing.T, file, version string) *crd {
	t.Helper()
	needShared(t, file)
	var definition apiextensionsv1.CustomResourceDefinition
	if err := k8syaml.Unmarshal([]byte(readFile(t, file)), &definition); err != nil {
		t.Fatal(err)
	}
	for _, v := range definition.Spec.Versions {
		if v.Name != version || v.Schema == nil {
			continue
		}
		var props apiextensions.JSONSchemaProps
		if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(v.Schema.OpenAPIV3Schema, &props, nil); err != nil {
			t.Fatal(err)
		}
		validator, _, err := validation.NewSchemaValidator(&props)
		if err != nil {
			t.Fatal(err)
		}
		structural, err := schema.NewStructural(&props)
		if err != nil {
			t.Fatal(err)
		}
		return &crd{validator, structural}
	}
	t.Fatalf("%s has no version %s with a schema", file, version)
	return nil
}

// check returns what the API server would refuse, and the fields that it would silently drop.
func (c *crd) check(r *unstructured.Unstructured) []string {
	var problems []string
	for _, err := range validation.ValidateCustomResource(nil, r.Object, c.validator) {
		problems = append(problems, err.Error())
	}
	options := schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	for _, path := range pruning.PruneWithOptions(r.DeepCopy().Object, c.structural, true, options) {
		problems = append(problems, path+": unknown field")
	}
	return problems
}

// checkRefuses proves that check sees a wrong type and an unknown field.
func (c *crd) checkRefuses(t *testing.T, r *unstructured.Unstructured) {
	t.Helper()
	for field, value := range map[string]any{"replicas": "three", "replcas": int64(3)} {
		wrong := r.DeepCopy()
		if err := unstructured.SetNestedField(wrong.Object, value, "spec", "redis", field); err != nil {
			t.Fatal(err)
		}
		if problems := c.check(wrong); len(problems) != 1 || !strings.Contains(problems[0], "spec.redis."+field) {
			t.Errorf("spec.redis.%s: %v: got %q, want one problem with it", field, value, problems)
		}
	}
}
