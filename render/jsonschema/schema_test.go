package jsonschema

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	santhosh "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/redis-gitops/redis-gitops/finding"
)

func messages(found []finding.Violation) string {
	var lines []string
	for _, v := range found {
		lines = append(lines, strings.Join(v.Path, ".")+": "+v.Message)
	}
	return strings.Join(lines, "\n")
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct{ name, schema, value, want, skipped string }{
		{"right", `{"type": "object", "properties": {"a": {"type": "integer"}}}`, `{"a": 1, "b": 2}`, "", ""},
		{"types", `{"properties": {"a": {"type": "integer"}, "b": {"type": ["string", "null"]}, "c": {"type": "number"}}}`, `{"a": "x", "b": 1, "c": 1}`,
			"a: is a string; use an integer\nb: is an integer; use a string or null", ""},
		{"missing", `{"required": ["a"], "properties": {"b": {"required": ["c"]}}}`, `{"b": {}}`, "a: is missing; add it\nb.c: is missing; add it", ""},
		{"unknown key", `{"additionalProperties": false, "properties": {"memory": {}}, "patternProperties": {"^x-": {}}}`, `{"memry": 1, "x-a": 1}`,
			`memry: is not a key of the schema; remove or rename it; did you mean "memory"?`, ""},
		{"enum", `{"properties": {"a": {"enum": ["x", "y", 1]}, "b": {"const": true}}}`, `{"a": "z", "b": 1}`,
			"a: is not one of the allowed values; use one of \"x\", \"y\", 1\nb: is not the allowed value; use true", ""},
		{"limits", `{"items": {"minimum": 2, "exclusiveMaximum": 5, "multipleOf": 0.1}}`, `[1, 2, 5, 2.05]`,
			"0: is less than 2; use another number\n2: is not less than 5; use another number\n3: is not a multiple of 0.1; use one", ""},
		{"draft 4", `{"$schema": "http://json-schema.org/draft-04/schema#", "items": {"minimum": 2, "exclusiveMinimum": true}}`, `[2, 3]`, "0: is less than 2; use another number", ""},
		{"references", `{"$defs": {"n": {"type": "integer"}, "list": {"items": {"$ref": "#/$defs/list"}, "type": ["array", "integer"]}}, "properties": {"a": {"$ref": "#/$defs/n"}, "b": {"$ref": "#/$defs/list"}}}`,
			`{"a": true, "b": [1, ["x"]]}`, "a: is a boolean; use an integer\nb.1.0: is a string; use a list or an integer", ""},
		{"id", `{"$schema": "http://json-schema.org/draft-07/schema#", "$id": "https://a.example/s.json", "definitions": {"n": {"$id": "#n", "type": "integer"}}, "properties": {"a": {"$ref": "https://a.example/s.json#/definitions/n"}, "b": {"$ref": "#n"}}}`,
			`{"a": "x", "b": "x"}`, "a: is a string; use an integer\nb: is a string; use an integer", ""},
		{"alternatives", `{"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "object", "properties": {"b": {"type": "integer"}}}]}, "c": {"oneOf": [{"type": "integer"}, {"type": "string"}]}}}`,
			`{"a": {"b": "x"}, "c": null}`, "a.b: is a string; use an integer\nc: matches none of the alternatives; use one of them", ""},
		{"conditions", `{"if": {"properties": {"a": {"const": 1}}}, "then": {"required": ["b"]}, "else": {"required": ["c"]}, "not": {"required": ["d"]}}`, `{"a": 1, "d": 1}`,
			": is excluded by the schema; use another value\nb: is missing; add it", ""},
		{"remote", `{"properties": {"a": {"$ref": "https://a.example/x.json#/y"}, "b": {"$ref": "file:///etc/passwd"}, "c": {"$ref": "../other.json"}, "d": {"type": "integer"}}}`, `{"a": 1, "b": 1, "c": 1, "d": "x"}`,
			"d: is a string; use an integer", `$ref "https://a.example/x.json#/y" points outside the schema|$ref "file:///etc/passwd" points outside the schema|$ref "../other.json" points outside the schema`},
		{"remote in not", `{"not": {"$ref": "https://a.example/x.json"}}`, `1`, "", `$ref "https://a.example/x.json" points outside the schema`},
		{"reference to itself", `{"$ref": "#"}`, `1`, "", "the validation takes too long"},
		{"another dialect", `{"$schema": "https://a.example/dialect", "type": "string"}`, `1`, "", "$schema is not a known draft"},
		{"unevaluated", `{"allOf": [{"properties": {"a": {"type": "object", "unevaluatedProperties": {"type": "string"}}}}], "anyOf": [{"properties": {"b": {}}}, {"required": ["c"]}], "unevaluatedProperties": false}`,
			`{"a": {"x": 1}, "b": 1, "c": 1}`, "a.x: is an integer; use a string", ""},
		{"unevaluated key", `{"allOf": [{"properties": {"a": {}}}], "if": {"properties": {"b": {"const": 1}}}, "unevaluatedProperties": false}`, `{"a": 1, "b": 1, "c": 1}`,
			"c: is not a key of the schema; remove or rename it", ""},
		{"unevaluated beside a reference", `{"allOf": [{"$ref": "other.json"}], "unevaluatedProperties": false}`, `{"a": 1}`, "", `$ref "other.json" points outside the schema`},
		{"unevaluated elements", `{"prefixItems": [{}], "contains": {"type": "string"}, "unevaluatedItems": {"type": "integer"}}`, `[null, "a", 1, null]`, "3: is null; use an integer", ""},
		{"dynamic", `{"$dynamicRef": "#x", "type": "string"}`, `{}`, ": is a mapping; use a string", "$dynamicRef is not checked"},
		{"formats", `{"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"a": {"format": "ipv4"}, "b": {"format": "uri"}, "c": {"format": "unheard-of"}}}`, `{"a": "1.2.3", "b": "x", "c": "x"}`,
			"a: is not a valid ipv4; use for example \"192.0.2.1\"\nb: is not a valid uri; use for example \"https://example.com/\"", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Parse([]byte(tt.schema))
			if err != nil {
				t.Fatal(err)
			}
			var value any
			if err := json.Unmarshal([]byte(tt.value), &value); err != nil {
				t.Fatal(err)
			}
			found, skipped := s.Check(value)
			if got := messages(found); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
			if got := strings.Join(skipped, "|"); got != tt.skipped {
				t.Errorf("skipped %q, want %q", got, tt.skipped)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for schema, want := range map[string]string{
		`{`:                                   "is not valid JSON: unexpected EOF",
		`{} {}`:                               "has trailing text after the schema; remove it",
		`1`:                                   "is not a schema; use a mapping",
		`{"type": "text"}`:                    `"#/type" has an unknown type; use one of "array", "boolean", "integer", "null", "number", "object", "string"`,
		`{"properties": {"a": 1}}`:            `"#/properties/a" is not a schema; use a mapping`,
		`{"items": [{}]}`:                     `"#/items" is not a schema; use a mapping`,
		`{"pattern": "("}`:                    "the schema is not a valid regular expression: error parsing regexp: missing closing ): `(`",
		`{"minimum": "1"}`:                    `"#/minimum" is not a number`,
		`{"allOf": []}`:                       `"#/allOf" is not a list of schemas`,
		`{"$defs": 1}`:                        `"#/$defs" is not a mapping`,
		strings.Repeat(`{"not":`, 300) + `{}`: "is not valid JSON: unexpected EOF",
		strings.Repeat(`{"not":`, 300) + `{}` + strings.Repeat("}", 300): "is nested too deeply; make it flatter",
	} {
		if _, err := Parse([]byte(schema)); err == nil || err.Error() != want {
			t.Errorf("%.40s: %v, want %s", schema, err, want)
		}
	}
}

// A check ends soon, however the schema multiplies its own work.
func TestCheckIsBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"$ref": "#/$defs/d0", "$defs": {"d40": {}`)
	for i := range 40 {
		fmt.Fprintf(&b, `, "d%d": {"allOf": [{"$ref": "#/$defs/d%d"}, {"$ref": "#/$defs/d%d"}]}`, i, i+1, i+1)
	}
	b.WriteString("}}")
	s, err := Parse([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	if found, skipped := s.Check(map[string]any{}); len(found) > 0 || len(skipped) != 1 {
		t.Errorf("%v, %v", found, skipped)
	}
}

// random makes schemas and values of few names, so that they meet.
type random struct{ *rand.Rand }

func (r random) pick(of ...any) any { return of[r.IntN(len(of))] }

func (r random) value(depth int) any {
	switch n := r.IntN(9); {
	case n < 2 && depth > 0:
		m := map[string]any{}
		for range r.IntN(4) {
			m[r.pick("a", "b", "c").(string)] = r.value(depth - 1)
		}
		return m
	case n < 4 && depth > 0:
		list := []any{}
		for range r.IntN(4) {
			list = append(list, r.value(depth-1))
		}
		return list
	}
	return r.pick(nil, true, false, 0.0, 1.0, 2.0, -3.0, 0.3, 1.5, "a", "ab", "abc", "")
}

func (r random) schema(depth, draft int) any {
	if depth == 0 || draft >= 6 && r.IntN(15) == 0 {
		if draft >= 6 {
			return r.pick(true, false, map[string]any{})
		}
		return map[string]any{"type": r.pick("string", "number")}
	}
	s := map[string]any{}
	sub := func() any { return r.schema(depth-1, draft) }
	subs := func() []any { return []any{sub(), sub()} }
	named := func() map[string]any { return map[string]any{r.pick("a", "b", "c").(string): sub(), "b": sub()} }
	for range 1 + r.IntN(3) {
		switch r.IntN(24) {
		case 0, 1:
			s["type"] = r.pick("string", "number", "integer", "array", "object", "boolean", "null", []any{"string", "integer"})
		case 2:
			s["enum"] = []any{"a", r.pick(1.0, true, nil, []any{"a"})}
		case 3:
			if draft >= 6 {
				s["const"] = r.value(1)
			}
		case 4:
			s[r.pick("minimum", "maximum").(string)] = r.pick(0.0, 1.0, 1.5)
			if draft == 4 {
				s["minimum"], s["exclusiveMinimum"] = 1.0, true
			}
		case 5:
			if draft >= 6 {
				s[r.pick("exclusiveMinimum", "exclusiveMaximum").(string)] = 1.0
			}
			s["multipleOf"] = r.pick(0.1, 2.0, 0.5)
		case 6:
			s[r.pick("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties").(string)] = r.pick(0.0, 1.0, 2.0)
		case 7:
			s["pattern"] = r.pick("^a", "b", "c$")
		case 8, 9:
			s["properties"] = named()
		case 10:
			s["additionalProperties"] = r.pick(false, true, sub())
		case 11:
			s["patternProperties"] = map[string]any{"^[ab]": sub()}
		case 12:
			s["required"] = []any{r.pick("a", "b", "c")}
		case 13:
			if draft < 2020 {
				s["items"] = r.pick(subs(), sub())
				s["additionalItems"] = sub()
			} else {
				s["items"], s["prefixItems"] = sub(), subs()
			}
		case 14:
			s["uniqueItems"] = true
		case 15:
			s["allOf"] = subs()
		case 16:
			s["anyOf"] = subs()
		case 17:
			s["oneOf"] = subs()
		case 18:
			s["not"] = sub()
		case 19:
			if draft >= 7 {
				s["if"], s["then"], s["else"] = sub(), sub(), sub()
			}
		case 20:
			if draft >= 6 {
				s["contains"], s["propertyNames"] = sub(), sub()
				if draft >= 2019 {
					s["minContains"] = r.pick(0.0, 2.0)
					s["maxContains"] = r.pick(1.0, 3.0)
				}
			}
		case 21:
			s["dependencies"] = map[string]any{"a": r.pick([]any{"b"}, sub())}
			if draft >= 2019 {
				s["dependentRequired"] = map[string]any{"b": []any{"c"}}
				s["dependentSchemas"] = map[string]any{"c": sub()}
			}
			s["$ref"] = "#/$defs/x"
		case 22:
			if draft >= 2019 {
				s["unevaluatedProperties"] = r.pick(false, sub())
			}
		case 23:
			if draft >= 2019 {
				s["unevaluatedItems"] = r.pick(false, sub())
			}
		}
	}
	return s
}

// TestAgrees holds the checks against the library that Helm uses, with random schemas of each draft and random values.
func TestAgrees(t *testing.T) {
	uris := map[int]string{4: "http://json-schema.org/draft-04/schema#", 6: "http://json-schema.org/draft-06/schema#", 7: "http://json-schema.org/draft-07/schema#",
		2019: "https://json-schema.org/draft/2019-09/schema", 2020: "https://json-schema.org/draft/2020-12/schema"}
	r := random{rand.New(rand.NewPCG(1, 2))}
	right, wrong := 0, 0
	for draft, uri := range uris {
		for range 1500 {
			schema := map[string]any{"$schema": uri, "$defs": map[string]any{"x": map[string]any{"type": r.pick("object", "string", "number"), "minProperties": 1.0}}, "allOf": []any{r.schema(3, draft)}}
			src, err := json.Marshal(schema)
			if err != nil {
				t.Fatal(err)
			}
			doc, err := santhosh.UnmarshalJSON(strings.NewReader(string(src)))
			if err != nil {
				t.Fatal(err)
			}
			c := santhosh.NewCompiler()
			if err := c.AddResource("file:///values.schema.json", doc); err != nil {
				t.Fatal(err)
			}
			theirs, theirErr := c.Compile("file:///values.schema.json")
			ours, err := Parse(src)
			if (err != nil) != (theirErr != nil) {
				t.Fatalf("%s\nours: %v\ntheirs: %v", src, err, theirErr)
			}
			if err != nil {
				continue
			}
			for range 8 {
				value := r.value(3)
				want := theirs.Validate(value) == nil
				found, skipped := ours.Check(value)
				if len(skipped) > 0 {
					t.Fatalf("%s: skipped %v", src, skipped)
				}
				if got := len(found) == 0; got != want {
					t.Fatalf("%s\nvalue %v: valid %v, theirs %v\n%s", src, value, got, want, messages(found))
				}
				if want {
					right++
				} else {
					wrong++
				}
			}
		}
	}
	if right < 5000 || wrong < 5000 {
		t.Errorf("%d values are right and %d wrong; the schemas test little", right, wrong)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"$ref": "#/a~1b", "a/b": {"type": "string"}}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		if s, err := Parse(src); err == nil {
			s.Check(map[string]any{"a": []any{"b", 1.0}, "b": nil})
		}
	})
}
