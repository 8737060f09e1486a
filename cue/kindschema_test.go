package cue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestKindSchemas holds the JSON Schemas against the check of lint, on documents made at random and then damaged: a schema refuses
// nothing that lint accepts, and accepts of what lint refuses only what it cannot express.
func TestKindSchemas(t *testing.T) {
	t.Parallel()
	operators, err := Operators()
	if err != nil {
		t.Fatal(err)
	}
	kinds := 0
	for _, o := range operators {
		for _, version := range SchemaVersions(o) {
			all, err := KindSchemas(o, version)
			if err != nil || len(all) == 0 {
				t.Fatalf("%s %s: %d schemas, %v", o.Name, version, len(all), err)
			}
			kinds += len(all)
			for _, k := range all {
				t.Run(o.Name+" "+version+" "+k.APIVersion+" "+k.Kind.Kind, func(t *testing.T) {
					t.Parallel()
					compareKindSchema(t, o, version, k)
				})
			}
		}
	}
	if kinds < 40 {
		t.Errorf("only %d schemas", kinds)
	}
}

// TestTypos: the violation about a misspelled key suggests the right one, for each kind of every operator.
func TestTypos(t *testing.T) {
	t.Parallel()
	operators, err := Operators()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range operators {
		for _, version := range SchemaVersions(o) {
			s, err := o.Schemas(version)
			if err != nil {
				t.Fatal(err)
			}
			all, err := KindSchemas(o, version)
			if err != nil {
				t.Fatal(err)
			}
			tried := 0
			for _, k := range all {
				var schema map[string]any
				if err := json.Unmarshal(k.Schema, &schema); err != nil {
					t.Fatal(err)
				}
				keys, _ := At(schema, "properties", "spec", "properties").(map[string]any)
				i := slices.IndexFunc(slices.Sorted(maps.Keys(keys)), func(key string) bool { return len(key) > 4 })
				if i < 0 {
					continue
				}
				tried++
				key := slices.Sorted(maps.Keys(keys))[i]
				found := s.Check(map[string]any{"apiVersion": k.APIVersion, "kind": k.Kind.Kind, "metadata": map[string]any{"name": "shop"}, "spec": map[string]any{key + "x": "1"}})
				want := fmt.Sprintf("unknown key %q; did you mean %q?", key+"x", key)
				if !slices.ContainsFunc(found, func(v Violation) bool { return v.Message == want }) {
					t.Errorf("%s %s %s: %v, want %s", o.Name, version, k.Kind.Kind, found, want)
				}
			}
			if tried == 0 {
				t.Errorf("%s %s: no kind with a key", o.Name, version)
			}
		}
	}
}

func compareKindSchema(t *testing.T, o *Operator, version string, k KindSchema) {
	s, err := o.Schemas(version)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(k.Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("kind.json", decoded); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("kind.json")
	if err != nil {
		t.Fatal(err)
	}
	cases := 2000
	if testing.Short() {
		cases = 200
	}
	m := mutator{rand.New(rand.NewPCG(3, 4)), s.shapes()}
	accepted, refused := 0, 0
	for i := range cases {
		doc := m.make(s.kinds[k.Kind], 0).(map[string]any)
		for range m.IntN(3) {
			m.damage(doc)
		}
		doc["apiVersion"], doc["kind"] = k.APIVersion, k.Kind.Kind
		if i%10 == 0 {
			doc["status"] = map[string]any{"phase": "Running"}
		}
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		found, failure := s.Check(doc), schema.Validate(instance)
		switch {
		case len(found) == 0 && failure != nil:
			t.Fatalf("the schema refuses what lint accepts: %v\n%s", failure, text)
		case len(found) == 0:
			accepted++
		case failure != nil:
			refused++
		default:
			for _, v := range found {
				if !inexpressible(At(doc, v.Path...)) {
					t.Fatalf("the schema accepts %v %v: %s\n%s", v.Path, At(doc, v.Path...), v.Message, text)
				}
			}
		}
	}
	if accepted < cases/20 || refused < cases/20 {
		t.Errorf("%d accepted and %d refused of %d are too few", accepted, refused, cases)
	}
}

// inexpressible reports whether a value may be refused by what JSON Schema does not have: it knows no difference between 1 and 1.0, and
// some patterns and dates are not those of JavaScript.
func inexpressible(value any) bool {
	switch value := value.(type) {
	case string:
		return true
	case float64:
		return value == math.Trunc(value)
	}
	return false
}

// TestSchemaFiles compiles each package of the exported CUE by itself, and checks a resource with one.
func TestSchemaFiles(t *testing.T) {
	t.Parallel()
	files, err := SchemaFiles()
	if err != nil {
		t.Fatal(err)
	}
	packages := map[string]*build.Instance{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		dir := path.Dir(name)
		if dir == "cue.mod" {
			continue
		}
		if packages[dir] == nil {
			packages[dir] = build.NewContext().NewInstance(dir, nil)
		}
		file, err := parser.ParseFile(name, files[name])
		if err != nil {
			t.Fatal(err)
		}
		if err := packages[dir].AddSyntax(file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	for dir, instance := range packages {
		ctx := cuecontext.New()
		v := ctx.BuildInstance(instance)
		if err := v.Err(); err != nil {
			t.Errorf("%s: %v", dir, err)
			continue
		}
		if dir != "spotahome" {
			continue
		}
		schema := v.LookupPath(cue.MakePath(cue.Def("#Resources"), cue.Str("1.3.0"), cue.Str("databases.spotahome.com/v1"), cue.Str("RedisFailover")))
		for text, fits := range map[string]bool{"spec: redis: replicas: 3": true, "spec: redis: replica: 3": false} {
			doc := ctx.CompileString("apiVersion: \"databases.spotahome.com/v1\"\nkind: \"RedisFailover\"\n" + text)
			if err := schema.Unify(doc).Validate(); (err == nil) != fits {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
	for _, want := range []string{"config", "freshworks", "kubedb", "opstree", "redis-enterprise", "spotahome"} {
		if packages[want] == nil {
			t.Errorf("no package %s", want)
		}
	}
	if !strings.Contains(files["cue.mod/module.cue"], "module:") {
		t.Error("no module")
	}
}
