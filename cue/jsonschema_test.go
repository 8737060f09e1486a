package cue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

func compileJSONSchema(t *testing.T, src []byte, err error) *jsonschema.Schema {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(src))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// candidates are right and wrong values for every field.
var candidates = []any{
	"", "a", "A b", "x/y.z", "noeviction", "allkeys-random", "error", "off", "sealed", "never", "2027-01-31", "2027-13-01", "yes", "true",
	"100Mi", "0.3Gi", "2Ti", "1G", "100MB", "Mi", "1.Gi", " 1Gi", "250m", "0m", "1.5", "1.2345", "-1", strings.Repeat("a", 63), strings.Repeat("a", 64),
	int64(-1), int64(0), int64(1), int64(2), int64(3), int64(4), int64(9), int64(11), 0.5, -0.5, true, false,
	[]any{}, []any{"a"}, []any{int64(1)}, []any{[]any{"a"}}, map[string]any{}, map[string]any{"a": "b"}, map[string]any{"severity": "off"},
}

// The JSON Schema must refuse what CUE refuses and take what CUE takes, in each field.
func TestValuesJSONSchema(t *testing.T) {
	t.Parallel()
	src, err := ValuesJSONSchema()
	schema := compileJSONSchema(t, src, err)
	o := operator(t)
	value, done := o.schema()
	defer done()
	fields, err := lookup(value, "#Values").Fields()
	if err != nil {
		t.Fatal(err)
	}
	for fields.Next() {
		key := fields.Selector().Unquoted()
		for _, candidate := range candidates {
			refused := false
			checkInCUE(field(value, key), candidate, nil, func(Violation) { refused = true })
			entry := map[string]any{"sentinels": int64(3), "unknown": "is allowed"}
			entry[key] = candidate
			err := schema.Validate(map[string]any{"resources": map[string]any{"redis": entry}})
			if (err != nil) != refused {
				t.Errorf("%s: %v: CUE refuses it: %v, JSON Schema: %v", key, candidate, refused, err)
			}
		}
	}
	for _, values := range []string{
		"resources:\nenv:\nimage:\n", "resources: {postgres: {replicas: 0, memory: 100MB}}", "anything: [goes]", "env: [{name: A, value: b}, {name: C, valueFrom: {secretKeyRef: {name: d, key: e}}}]",
	} {
		if err := schema.Validate(parseTestYAML(t, []byte(values))); err != nil {
			t.Errorf("%s: %v", values, err)
		}
	}
	for _, values := range []string{"env: [{value: b}]", "env: [{name: A, value: 1}]", "resources: []", "resources: {redis: {sentinels: 2}}"} {
		if schema.Validate(parseTestYAML(t, []byte(values))) == nil {
			t.Errorf("%s is accepted", values)
		}
	}
}

func TestConfigJSONSchema(t *testing.T) {
	t.Parallel()
	src, err := ConfigJSONSchema()
	schema := compileJSONSchema(t, src, err)
	config, err := compile("config.cue", "layout.cue")
	if err != nil {
		t.Fatal(err)
	}
	config = lookup(config, "#Config")
	paths := []string{
		"strict", "layout", "layout.applications", "layout.generators", "layout.platform", "layout.colour", "operator.name", "operator.version", "operator.namespace",
		"defaults.profile", "defaults.auth.method", "defaults.auth.secret", "defaults.auth.store", "defaults.values", "defaults.values.memory", "defaults.profiles.a",
		"defaults.profiles.a.memory", "rules", "rules.a", "rules.a.severity", "rules.a.options", "rules.a.paths", "frozen", "ignore", "values", "scope", "policies", "schemas", "failOn", "colour",
	}
	for _, path := range paths {
		for _, value := range candidates {
			if path == "defaults.auth.method" && value == "" || value == "2027-13-01" { // JSON Schema knows no months
				continue
			}
			data := value
			for _, key := range reversed(strings.Split(path, ".")) {
				data = map[string]any{key: data}
			}
			compareConfig(t, schema, data, func(report func(Violation)) { checkInCUE(config, data, nil, report) })
		}
	}
	for _, key := range []string{"rule", "path", "resource", "reason", "until"} {
		for _, value := range candidates {
			entry := map[string]any{"rule": "a/b", "reason": "c"}
			entry[key] = value
			data := map[string]any{"ignore": []any{entry}}
			if value != "2027-13-01" {
				compareConfig(t, schema, data, func(report func(Violation)) { checkInCUE(config, data, nil, report) })
			}
		}
	}
}

func compareConfig(t *testing.T, schema *jsonschema.Schema, data any, check func(func(Violation))) {
	t.Helper()
	refused := false
	check(func(Violation) { refused = true })
	if err := schema.Validate(data); (err != nil) != refused {
		t.Errorf("%v: CUE refuses it: %v, JSON Schema: %v", data, refused, err)
	}
}

func reversed(list []string) []string {
	var out []string
	for _, s := range list {
		out = append([]string{s}, out...)
	}
	return out
}

func parseTestYAML(t *testing.T, src []byte) any {
	t.Helper()
	var data any
	if err := yaml.Unmarshal(src, &data); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// What Reclaim the Stack's own generators write must pass. They come from ../shared/corpus; without it there is nothing
// to test.
func TestValuesJSONSchemaTakesReclaimTheStack(t *testing.T) {
	t.Parallel()
	src, err := ValuesJSONSchema()
	schema := compileJSONSchema(t, src, err)
	generators, _ := filepath.Glob(corpus + "/reclaim-the-stack+get-started/generators/*/*.yaml")
	snapshot := corpus + "/reclaim-the-stack+k/spec/fixtures/generated-values-snapshot.yaml"
	if len(generators) == 0 {
		t.Skip("no ../shared/corpus beside the repository")
	}
	for _, file := range append(generators, snapshot) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if file != snapshot {
			text = exampleValues(t, DefaultType, text)
		}
		if err := schema.Validate(parseTestYAML(t, text)); err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
	}
}

// exampleValues returns the example values in a generator's head, as k reads them.
func exampleValues(t *testing.T, typ string, generator []byte) []byte {
	t.Helper()
	_, text, ok := strings.Cut(string(generator), "# Example values.yaml:\n")
	text, _, end := strings.Cut(text, "\n\n")
	if !ok || !end {
		t.Fatal("no example values")
	}
	var b bytes.Buffer
	for line := range strings.Lines(text) {
		fmt.Fprint(&b, strings.TrimPrefix(line, "# "))
	}
	return expand(typ, b.String(), "-cache")
}

// expand fills in the placeholders of a generator for the application shop.
func expand(typ, text, suffix string) []byte {
	camel := typ
	for part := range strings.SplitSeq(strings.TrimPrefix(suffix, "-"), "-") {
		if part != "" {
			camel += strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return []byte(strings.NewReplacer("%{application}", "shop", "%{name}", typ+suffix, "%{camelName}", camel, "%{suffix}", suffix, "%{image}", "shop:1", "%%", "%").Replace(text))
}
