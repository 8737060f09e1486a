package cue

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"

	"cuelang.org/go/cue"
	"github.com/Masterminds/sprig/v3"
	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v3"
)

// render renders an operator's template of a Redis for the chart shop, as Helm would.
func render(o *Operator, suffix string, values map[string]any) (string, error) {
	toYAML := func(v any) (string, error) {
		src, err := yaml.Marshal(v)
		return strings.TrimSuffix(string(src), "\n"), err
	}
	t, err := template.New("redis.yaml").Funcs(sprig.TxtFuncMap()).Funcs(template.FuncMap{"toYaml": toYAML}).Parse(string(expand(o.Type(), string(o.Template(o.Type())), suffix)))
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]any{"Chart": map[string]any{"Name": "shop"}, "Release": map[string]any{"Namespace": "default"}, "Values": values})
	return b.String(), err
}

func redisValues(o *Operator, values map[string]any) map[string]any {
	return map[string]any{"resources": map[string]any{o.Type(): values}}
}

// generated are the operators that generate can create resources for, for each type of resource with a template of its own.
func generated(t *testing.T) []*Operator {
	t.Helper()
	var out []*Operator
	for _, name := range GeneratedNames() {
		o, err := OperatorNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, o.each()...)
	}
	return out
}

// checkGenerated checks what a template of an operator renders to against the schema of each version. A fork has that of the operator it
// comes from, and fields of its own.
func checkGenerated(t *testing.T, o *Operator, text string) {
	t.Helper()
	schemas := o
	if o.Fork != "" && len(o.derived.Resources) == 0 {
		var err error
		if schemas, err = OperatorNamed(o.Fork); err != nil {
			t.Fatal(err)
		}
	}
	versions := schemas.Versions
	if schemas != o {
		versions = versions[len(versions)-1:] // the newest, from which it comes
	}
	for _, version := range versions {
		if _, err := schemas.Names(Request{Chart: "shop", Version: version}); err != nil {
			continue // generate refuses it
		}
		s, err := schemas.Schemas(version)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, r := range resources(t, []byte(text)) {
			if o.Owns(r["apiVersion"].(string), r["kind"].(string)) {
				found++
			}
			for _, v := range s.Check(r) {
				if _, own := o.Recognise().Dialect[pathString(v.Path)]; !own {
					t.Errorf("%s: %s: %s", version, pathString(v.Path), v.Message)
				}
			}
		}
		if found == 0 && len(o.Kinds) > 0 {
			t.Errorf("nothing of %s", o.Name)
		}
	}
}

// Each file of testdata holds values.yaml and what the template makes of it; UPDATE=1 rewrites the latter.
func TestTemplate(t *testing.T) {
	t.Parallel()
	for _, o := range generated(t) {
		files, err := filepath.Glob(o.dir() + "/testdata/*.txtar")
		if err != nil || len(files) == 0 {
			t.Fatalf("cue/%s/testdata needs a file with values.yaml, such as defaults.txtar; UPDATE=1 go test ./cue -run TestTemplate adds what is rendered: %v", o.dir(), err)
		}
		for _, file := range files {
			t.Run(o.Name+"/"+o.Type()+"/"+filepath.Base(file), func(t *testing.T) {
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
					archive.Files = append(archive.Files[:1], txtar.File{Name: o.Type() + ".yaml", Data: []byte(got)})
					if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				if len(archive.Files) != 2 || got != string(archive.Files[1].Data) {
					t.Errorf("run UPDATE=1 go test ./cue -run TestTemplate and review the diff; got\n%s", got)
				}
				checkGenerated(t, o, got)
			})
		}
	}
}

// Each difference of a fork's template must be found in that of the operator it comes from, once.
func TestTemplateDifferences(t *testing.T) {
	t.Parallel()
	for _, o := range generated(t) {
		if len(o.derived.Template) == 0 {
			continue
		}
		from, err := files.ReadFile("operator/" + o.Fork + "/resource.yaml")
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range o.derived.Template {
			if n := bytes.Count(from, []byte(d.Find)); n != 1 {
				t.Errorf("%s: %d times in the template of %s: %q", o.Name, n, o.Fork, d.Find)
			}
			if !bytes.Contains(o.Template(o.Type()), []byte(d.Put)) {
				t.Errorf("%s: the template has no %q", o.Name, d.Put)
			}
		}
	}
}

// Every field of what the template of freshworks-oss creates is one of its CustomResourceDefinition, which is not embedded.
func TestTemplateOfFork(t *testing.T) {
	t.Parallel()
	schemas := map[Kind]any{}
	readCRD(t, filepath.Join("../../shared/crds", "freshworks-oss_redisfailovers.yaml"), schemas)
	archive, err := txtar.ParseFile("operator/freshworks/testdata/everything.txtar")
	if err != nil || len(archive.Files) != 2 {
		t.Fatal("no resources to check; run UPDATE=1 go test ./cue", err)
	}
	found := resources(t, archive.Files[1].Data)[0]
	var walk func(value any, path []string)
	walk = func(value any, path []string) {
		if m, ok := value.(map[string]any); ok && At(schemas[Kind{"databases.spotahome.com/v1", "RedisFailover"}], properties(path)...) != nil {
			for key, v := range m {
				below := append(path[:len(path):len(path)], key)
				if !inSchema(schemas[Kind{"databases.spotahome.com/v1", "RedisFailover"}], below) {
					t.Errorf("no field %s", strings.Join(below, "."))
				}
				walk(v, below)
			}
		}
	}
	walk(found["spec"], []string{"spec"})
}

// properties returns where the schema at a path has its fields.
func properties(path []string) []string {
	var out []string
	for _, step := range path {
		out = append(out, "properties", step)
	}
	return append(out, "properties")
}

type exampleVariable struct {
	Name, Value string
	ValueFrom   struct {
		SecretKeyRef struct{ Name, Key string } `yaml:"secretKeyRef"`
	} `yaml:"valueFrom"`
}

// The example in the template's head must be the defaults of the schema, and its URLs those of the names.
func TestTemplateExample(t *testing.T) {
	t.Parallel()
	for _, o := range generated(t) {
		var example struct {
			Resources map[string]map[string]any
			Env       []exampleVariable
		}
		if err := yaml.Unmarshal(exampleValues(t, o.Type(), o.Template(o.Type())), &example); err != nil {
			t.Fatal(err)
		}
		defaults, err := o.Resolve("", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := example.Resources[o.Type()+"Cache"]
		if len(got) != len(defaults) {
			t.Errorf("%s: the example has %d values, the schema %d", o.Name, len(got), len(defaults))
		}
		for _, v := range defaults {
			if fmt.Sprint(got[v.Key]) != fmt.Sprint(v.Value) {
				t.Errorf("%s: %s is %v in the example, %v in the schema", o.Name, v.Key, got[v.Key], v.Value)
			}
		}
		names, err := o.Names(Request{Chart: "shop", Suffix: "-cache", Namespace: "default"})
		if err != nil {
			t.Fatal(err)
		}
		e := slices.DeleteFunc(slices.Clone(example.Env), func(e exampleVariable) bool { return e.Value == "" })
		if len(e) == 0 || e[0].Name != strings.Replace(names.PasswordEnv, "PASSWORD", "URL", 1) || e[0].Value != names.URL || (len(e) > 1) != (names.SentinelURL != "") || len(e) > 1 && (e[1].Name != "SENTINEL_URL" || e[1].Value != names.SentinelURL) {
			t.Errorf("%s: env %+v, names %+v", o.Name, e, names)
		}
		asks := map[string]string{"REDIS_SENTINEL_PASSWORD": names.SentinelSecret}
		for _, name := range []string{"USERNAME", "PASSWORD"} {
			asks[strings.Replace(names.PasswordEnv, "PASSWORD", name, 1)] = names.OwnSecret
		}
		for _, e := range example.Env {
			if e.Value == "" && (asks[e.Name] == "" || e.ValueFrom.SecretKeyRef.Name != asks[e.Name]) {
				t.Errorf("%s: %+v, names %+v", o.Name, e, names)
			}
		}
	}
}

// The optional values in the template's head are those of the schema, and each of them is read.
func TestTemplateOptional(t *testing.T) {
	t.Parallel()
	for _, o := range generated(t) {
		text := string(o.Template(o.Type()))
		var head map[string]any
		found := regexp.MustCompile(`(?m)^# Optional values:\n((?:#   .*\n)+)`).FindStringSubmatch(text)
		if found == nil {
			t.Fatalf("%s: no optional values", o.Name)
		}
		if err := yaml.Unmarshal([]byte(strings.ReplaceAll(found[1], "#   ", "")), &head); err != nil {
			t.Fatal(err)
		}
		schema, done := o.schema()
		fields, err := lookup(schema, "#Values").Fields(cue.Optional(true))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for fields.Next() {
			if key := fields.Selector().Unquoted(); fields.IsOptional() && o.Without[key] == "" {
				n++
				if _, ok := head[key]; !ok || !strings.Contains(text, "$redis."+key) && !strings.Contains(text, `$redis "`+key) {
					t.Errorf("%s: %s is not in the head or not read", o.Name, key)
				}
			}
		}
		done()
		if n != len(head) {
			t.Errorf("%s: %d optional values in the head, %d in the schema", o.Name, len(head), n)
		}
		given := map[string]LayerValue{}
		for key, value := range head {
			given[key] = LayerValue{Value: value}
		}
		if _, err := o.Resolve("", []Layer{{Values: given}}, nil); err != nil {
			t.Errorf("%s: %v", o.Name, err)
		}
	}
}

// What templates compute from the memory is what #Sizes says, for any memory and percentage.
func TestTemplateSizes(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(14, 2))
	for _, o := range generated(t) {
		schema, done := o.schema()
		sizes := lookup(schema, "#Sizes")
		for range 40 {
			memory, mebi := fmt.Sprintf("%dMi", 32+random.IntN(4000)), 0.0
			if random.IntN(2) == 0 {
				memory = fmt.Sprintf("%d.%dGi", random.IntN(60), 1+random.IntN(99))
			}
			fmt.Sscanf(memory, "%f", &mebi)
			if strings.HasSuffix(memory, "Gi") {
				mebi *= 1024
			}
			percent := 25 + random.IntN(56)
			text, err := render(o, "", redisValues(o, map[string]any{"memory": memory, "maxmemoryPercent": percent, "disk": ""}))
			if err != nil {
				t.Fatal(err)
			}
			var want struct{ Maxmemory, ReplicaBuffer, SoftReplicaBuffer, Backlog, LoadSeconds, GraceSeconds, EmptyDir float64 }
			if err := sizes.Unify(asValue(map[string]any{"mebi": mebi, "percent": percent})).Decode(&want); err != nil {
				t.Fatal(err)
			}
			lines := []string{
				fmt.Sprintf(" maxmemory %vmb\n", want.Maxmemory),
				fmt.Sprintf(" client-output-buffer-limit replica %vmb %vmb 60\n", want.ReplicaBuffer, want.SoftReplicaBuffer),
				fmt.Sprintf(" repl-backlog-size %vmb\n", want.Backlog),
			}
			switch o.Name {
			case "statefulset":
				text = strings.ReplaceAll(text, "- --", "- ") // arguments of redis-server
				lines = append(lines, fmt.Sprintf("PeriodSeconds: %v\n", 3*want.GraceSeconds), fmt.Sprintf("failureThreshold: %v\n", 60+math.Ceil(want.LoadSeconds/5)), fmt.Sprintf("sizeLimit: %vMi\n", want.EmptyDir))
			case "kubedb":
				lines = append(lines, fmt.Sprintf("PeriodSeconds: %v\n", want.GraceSeconds))
			case "redis-enterprise":
				lines = []string{fmt.Sprintf(" memorySize: %vMB\n", max(100, math.Ceil(2*mebi)))}
			case "opstree":
				lines = append(lines, fmt.Sprintf("PeriodSeconds: %v\n", max(120, want.GraceSeconds)), fmt.Sprintf("failureThreshold: %v\n", 6+math.Ceil(want.LoadSeconds/10)))
			case "freshworks":
				if want.LoadSeconds > 75 {
					lines = append(lines, fmt.Sprintf("failureThreshold: %v\n", 6+math.Ceil(want.LoadSeconds/15)))
				}
				fallthrough
			default:
				lines = append(lines, fmt.Sprintf("Period: %v\n", want.GraceSeconds), fmt.Sprintf("sizeLimit: %vMi\n", want.EmptyDir))
			}
			for _, line := range lines {
				if !strings.Contains(text, line) {
					t.Errorf("%s: %s, %d percent: no %q in\n%s", o.Name, memory, percent, line, text)
				}
			}
		}
		done()
	}
}

// What the template creates must be called as the names say.
func TestTemplateNames(t *testing.T) {
	t.Parallel()
	for _, o := range generated(t) {
		text, err := render(o, "-cache", map[string]any{"resources": map[string]any{o.Type() + "Cache": map[string]any{"memory": "1Gi"}}})
		if err != nil {
			t.Fatal(err)
		}
		names, err := o.Names(Request{Chart: "shop", Suffix: "-cache"})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range resources(t, []byte(text)) {
			got := r["metadata"].(map[string]any)["name"].(string)
			want := names.Resource
			switch r["kind"] {
			case "Service":
				want = names.MasterService
			case "RedisSentinel":
				if o.Name == "kubedb" { // whose sentinels have Services of their own name
					want = names.SentinelService
				}
			case "ConfigMap":
				want += "-config"
			}
			if made := (Object{r["kind"].(string), got}); len(o.Kinds) == 0 && slices.Contains(names.Objects, made) {
				continue // what a template without an operator makes is all there is
			}
			if len(o.Kinds) == 0 && r["kind"] == "StatefulSet" && strings.HasPrefix(got, want+"-") {
				continue // one for each replica
			}
			if got != want {
				t.Errorf("%s: %s %s, want %s", o.Name, r["kind"], got, want)
			}
		}
	}
}

// Ruby's format, which k expands generators with, fails at any other percent sign.
func TestTemplatePlaceholders(t *testing.T) {
	t.Parallel()
	for _, o := range generated(t) {
		rest := regexp.MustCompile(`%\{(application|name|camelName|suffix)\}`).ReplaceAll(bytes.ReplaceAll(o.Template(o.Type()), []byte("%%"), nil), nil)
		if bytes.Contains(rest, []byte("%")) {
			t.Errorf("%s: a percent sign is no placeholder", o.Name)
		}
	}
}

func TestTemplateMaxmemory(t *testing.T) {
	t.Parallel()
	for _, o := range generated(t) {
		for memory, want := range map[string]string{
			"100Mi": "75mb", "64Mi": "48mb", "1Mi": "1mb", "0.3Gi": "230mb", "0.7Gi": "537mb", "1Gi": "768mb", "1.25Gi": "960mb", "2.2Gi": "1689mb", "8Gi": "6144mb",
			"99.9Mi": "74mb", "0.001Gi": "1mb",
		} {
			text, err := render(o, "", redisValues(o, map[string]any{"memory": memory}))
			if err != nil {
				t.Fatal(err)
			}
			if o.Without["maxmemoryPercent"] != "" {
				break // it has another limit
			}
			found := regexp.MustCompile(`(?m)^ +(?:- (?:--)?)?maxmemory (.*)`).FindAllStringSubmatch(text, -1)
			for _, got := range found {
				if got[1] != want {
					t.Errorf("%s: %s: got %v, want %s", o.Name, memory, got, want)
				}
			}
			if len(found) == 0 {
				t.Errorf("%s: no maxmemory", o.Name)
			}
		}
		for memory, shown := range map[any]string{"100MB": `"100MB"`, "Gi": `"Gi"`, 512: `"512"`, nil: `""`, "1Gi\nx": `"1Gi\nx"`} {
			_, err := render(o, "", redisValues(o, map[string]any{"memory": memory}))
			want := "resources." + o.Type() + ".memory is " + shown + "; use a Mi or Gi quantity such as 256Mi"
			if err == nil || !strings.HasSuffix(err.Error(), want) {
				t.Errorf("%s: %v: got %v, want %s", o.Name, memory, err, want)
			}
		}
	}
}

// What Resolve gives, for every profile and size, must render to what the schema takes.
func TestTemplateProfiles(t *testing.T) {
	t.Parallel()
	for _, o := range generated(t) {
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
				text, err := render(o, "", redisValues(o, given))
				if err != nil {
					t.Fatal(err)
				}
				checkGenerated(t, o, text)
			}
		}
	}
}

// What to do for a new Redis follows from its values, and needs none.
func TestNext(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		operator string
		values   map[string]any
		want     string
	}{
		{"spotahome", nil, ""},
		{"freshworks", nil, `OPERATOR_GROUP_ID of the operator is "default"`},
		{"freshworks", map[string]any{"group": "blue", "sentinels": 3, "of": "the template"}, `OPERATOR_GROUP_ID of the operator is "blue"`},
		{"kubedb", map[string]any{"version": "valkey-8.1.1"}, `the catalog has the version "valkey-8.1.1"`},
		{"redis-enterprise", map[string]any{"redisEnterpriseCluster": "main"}, `RedisEnterpriseCluster "main" exists`},
		{"opstree", map[string]any{"cpu": 0.5}, "featureGates.GenerateConfigInInitContainer"},
	} {
		o, err := OperatorNamed(tt.operator)
		if err != nil {
			t.Fatal(err)
		}
		next, err := o.Next(tt.values)
		if got := strings.Join(next, "\n"); err != nil || !strings.Contains(got, tt.want) || (got == "") != (tt.want == "") {
			t.Errorf("%s %v: got %q, %v, want %q", tt.operator, tt.values, got, err, tt.want)
		}
	}
}

// Each operator runs an engine or says why not, and what an engine sets renders to what the schema takes.
func TestTemplateEngines(t *testing.T) {
	t.Parallel()
	for _, o := range generated(t) {
		for _, name := range []string{"redis", "valkey"} {
			layer, err := o.Engine(name)
			if why := o.WithoutEngines[name]; why != "" {
				if err == nil || !strings.HasSuffix(err.Error(), why) || o.Engines[name] != nil {
					t.Errorf("%s: %s: got %v, want %s", o.Name, name, err, why)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			values, err := o.Resolve("", []Layer{layer}, nil)
			if err != nil {
				t.Fatal(err)
			}
			given := map[string]any{}
			for _, v := range values {
				given[v.Key] = v.Value
			}
			if o.Engines["valkey"] != nil && len(layer.Values) == 0 {
				t.Errorf("%s: nothing chooses engine %s", o.Name, name)
			}
			text, err := render(o, "", redisValues(o, given))
			if err != nil {
				t.Fatal(err)
			}
			checkGenerated(t, o, text)
		}
		if _, err := o.Engine("valky"); err == nil || o.Engines["valkey"] != nil && !strings.Contains(err.Error(), `did you mean "valkey"`) {
			t.Errorf("%s: %v", o.Name, err)
		}
	}
}
