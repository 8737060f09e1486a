package cue

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v3"
)

// render renders an operator's template of a Redis for the chart shop, as Helm would.
func render(o *Operator, suffix string, values map[string]any) (string, error) {
	t, err := template.New("redis.yaml").Funcs(sprig.TxtFuncMap()).Parse(string(expand(string(o.Template("redis")), suffix)))
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]any{"Chart": map[string]any{"Name": "shop"}, "Values": values})
	return b.String(), err
}

func redisValues(values map[string]any) map[string]any {
	return map[string]any{"resources": map[string]any{"redis": values}}
}

// Each file of testdata holds values.yaml and what the template makes of it; UPDATE=1 rewrites the latter.
func TestTemplate(t *testing.T) {
	operators, err := Operators()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range operators {
		if len(o.Types) == 0 {
			continue
		}
		files, err := filepath.Glob("operator/" + o.Name + "/testdata/*.txtar")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s has no testdata: %v", o.Name, err)
		}
		for _, file := range files {
			t.Run(o.Name+"/"+filepath.Base(file), func(t *testing.T) {
				archive, err := txtar.ParseFile(file)
				if err != nil {
					t.Fatal(err)
				}
				var values map[string]any
				if err := yaml.Unmarshal(archive.Files[0].Data, &values); err != nil {
					t.Fatal(err)
				}
				got, err := render(o, "", values)
				if err != nil {
					t.Fatal(err)
				}
				got = got[strings.Index(got, "apiVersion:"):] // the head is for TestTemplateExample
				if os.Getenv("UPDATE") != "" {
					archive.Files = append(archive.Files[:1], txtar.File{Name: "redis.yaml", Data: []byte(got)})
					if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				if len(archive.Files) != 2 || got != string(archive.Files[1].Data) {
					t.Errorf("got\n%s", got)
				}
				for _, version := range o.Versions {
					s, err := o.Schemas(version)
					if err != nil {
						t.Fatal(err)
					}
					found := 0
					for _, r := range resources(t, []byte(got)) {
						if r["kind"] == o.Kinds[0].Kind {
							found++
						}
						for _, v := range s.Check(r) {
							t.Errorf("%s: %s: %s", version, pathString(v.Path), v.Message)
						}
					}
					if found != 1 {
						t.Errorf("%d of %s", found, o.Kinds[0].Kind)
					}
				}
			})
		}
	}
}

// The example in the template's head must be the defaults of the schema, and its URLs those of the names.
func TestTemplateExample(t *testing.T) {
	o := operator(t)
	var example struct {
		Resources map[string]map[string]any
		Env       []struct{ Name, Value string }
	}
	if err := yaml.Unmarshal(exampleValues(t, o.Template("redis")), &example); err != nil {
		t.Fatal(err)
	}
	defaults, err := o.Resolve("", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := example.Resources["redisCache"]
	if len(got) != len(defaults) {
		t.Errorf("the example has %d values, the schema %d", len(got), len(defaults))
	}
	for _, v := range defaults {
		if fmt.Sprint(got[v.Key]) != fmt.Sprint(v.Value) {
			t.Errorf("%s is %v in the example, %v in the schema", v.Key, got[v.Key], v.Value)
		}
	}
	names, err := o.Names(Request{Chart: "shop", Suffix: "-cache", Namespace: "default"})
	if err != nil {
		t.Fatal(err)
	}
	if e := example.Env; len(e) != 2 || e[0].Name != "REDIS_URL" || e[0].Value != names.URL || e[1].Name != "SENTINEL_URL" || e[1].Value != names.SentinelURL {
		t.Errorf("env %+v, names %+v", e, names)
	}
}

// The Service and the RedisFailover must be called as the names say.
func TestTemplateNames(t *testing.T) {
	o := operator(t)
	text, err := render(o, "-cache", map[string]any{"resources": map[string]any{"redisCache": map[string]any{"memory": "1Gi"}}})
	if err != nil {
		t.Fatal(err)
	}
	names, err := o.Names(Request{Chart: "shop", Suffix: "-cache"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range resources(t, []byte(text)) {
		got = append(got, r["metadata"].(map[string]any)["name"].(string))
	}
	if want := []string{names.Resource, names.MasterService}; strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Ruby's format, which k expands generators with, fails at any other percent sign.
func TestTemplatePlaceholders(t *testing.T) {
	rest := regexp.MustCompile(`%\{(application|name|camelName|suffix)\}`).ReplaceAll(operator(t).Template("redis"), nil)
	if bytes.Contains(rest, []byte("%")) {
		t.Error("a percent sign is no placeholder")
	}
}

func TestTemplateMaxmemory(t *testing.T) {
	o := operator(t)
	for memory, want := range map[string]string{
		"100Mi": "75mb", "64Mi": "48mb", "1Mi": "1mb", "0.3Gi": "230mb", "0.7Gi": "537mb", "1Gi": "768mb", "1.25Gi": "960mb", "2.2Gi": "1689mb", "8Gi": "6144mb",
		"99.9Mi": "74mb", "0.001Gi": "1mb",
	} {
		text, err := render(o, "", redisValues(map[string]any{"memory": memory}))
		if err != nil {
			t.Fatal(err)
		}
		if got := regexp.MustCompile(`- maxmemory (.*)`).FindStringSubmatch(text); got == nil || got[1] != want {
			t.Errorf("%s: got %v, want %s", memory, got, want)
		}
	}
	for memory, shown := range map[any]string{"100MB": `"100MB"`, "Gi": `"Gi"`, 512: `"512"`, nil: `""`, "1Gi\nx": `"1Gi\nx"`} {
		_, err := render(o, "", redisValues(map[string]any{"memory": memory}))
		want := "resources.redis.memory is " + shown + "; use a Mi or Gi quantity such as 256Mi"
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%v: got %v, want %s", memory, err, want)
		}
	}
}

// What Resolve gives, for every profile and size, must render to what the schema takes.
func TestTemplateProfiles(t *testing.T) {
	o := operator(t)
	s := schemas(t, "1.2.4")
	for _, p := range o.Profiles() {
		for _, size := range o.Profiles() {
			values, err := o.Resolve("", []Layer{p.Layer(), size.Layer()}, nil)
			if err != nil {
				continue // two profiles that do not go together
			}
			given := map[string]any{}
			for _, v := range values {
				given[v.Key] = v.Value
			}
			text, err := render(o, "", redisValues(given))
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range resources(t, []byte(text)) {
				for _, v := range s.Check(r) {
					t.Errorf("%s %s: %s: %s", p.Name, size.Name, pathString(v.Path), v.Message)
				}
			}
		}
	}
}
