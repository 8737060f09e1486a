package cue

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// A KindSchema is the JSON Schema (draft 7) of a kind of resource.
type KindSchema struct {
	Kind
	Schema []byte
}

// KindSchemas returns the schemas of the resources of a version of an operator; "" is its first version. A kind without a schema is
// left out.
//
// What JSON Schema cannot express is wider there: a schema refuses nothing that [Schemas.Check] accepts.
func KindSchemas(o *Operator, version string) ([]KindSchema, error) {
	s, err := o.Schemas(version)
	if err != nil {
		return nil, err
	}
	var all []KindSchema
	for _, kind := range o.Kinds {
		root, ok := s.kinds[kind]
		if !ok {
			continue
		}
		w := kindWriter{shapes: s.shapes(), uses: map[int]int{}, definitions: map[string]any{}}
		w.count(root)
		schema := w.inline(root).(map[string]any)
		schema["$schema"], schema["title"] = draft07, kind.Kind+" ("+kind.APIVersion+")"
		// What a controller reports is in what the API server prints.
		if properties, ok := schema["properties"].(map[string]any); ok && properties["status"] == nil {
			properties["status"] = map[string]any{}
		}
		if len(w.definitions) > 0 {
			schema["definitions"] = w.definitions
		}
		text, err := encode(schema)
		if err != nil {
			return nil, err
		}
		all = append(all, KindSchema{kind, text})
	}
	return all, nil
}

// A kindWriter writes shapes as JSON Schema: mappings that are used more than once as definitions.
type kindWriter struct {
	shapes      structure
	uses        map[int]int
	definitions map[string]any
}

func (w *kindWriter) count(n int) {
	if w.uses[n]++; w.uses[n] > 1 {
		return
	}
	for _, field := range w.shapes[n].Fields {
		w.count(field)
	}
	if each := w.shapes[n].Each; each != nil {
		w.count(*each)
	}
}

func (w *kindWriter) shape(n int) any {
	if w.uses[n] < 2 || len(w.shapes[n].Fields) == 0 {
		return w.inline(n)
	}
	name := strconv.Itoa(n)
	if w.definitions[name] == nil {
		w.definitions[name] = true // a shape within itself ends here
		w.definitions[name] = w.inline(n)
	}
	return map[string]any{"$ref": "#/definitions/" + name}
}

func (w *kindWriter) inline(n int) any {
	s := w.shapes[n]
	if s.Kind == isAny {
		return map[string]any{}
	}
	schema := map[string]any{}
	if s.Fits != nil {
		schema = s.Fits.jsonSchema()
	}
	if s.Kind&isStruct != 0 {
		w.object(s, schema)
	}
	if s.Kind&isList != 0 && s.Each != nil {
		schema["items"] = w.shape(*s.Each)
	}
	if s.Fits != nil {
		return orNull(schema)
	}
	schema["type"] = (s.Kind | isNull).jsonTypes()
	return schema
}

// withoutNull returns the schema of a field that is required.
func withoutNull(schema map[string]any) map[string]any {
	names, ok := schema["type"].([]string)
	if !ok {
		return map[string]any{"allOf": []any{schema, map[string]any{"not": map[string]any{"type": "null"}}}}
	}
	schema = maps.Clone(schema)
	schema["type"] = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == "null" })
	return schema
}

// orNull returns the schema of a field that may be null, as Kubernetes drops such a field.
func orNull(schema map[string]any) map[string]any {
	if name, ok := schema["type"].(string); ok && schema["not"] == nil && schema["allOf"] == nil && schema["anyOf"] == nil {
		schema["type"] = []string{name, "null"}
		return schema
	}
	if values, ok := schema["enum"].([]any); ok && len(schema) == 1 {
		return map[string]any{"enum": append(slices.Clone(values), nil)}
	}
	return map[string]any{"anyOf": []any{schema, map[string]any{"type": "null"}}}
}

func (w *kindWriter) object(s *shape, schema map[string]any) {
	properties := map[string]any{}
	for name, field := range s.Fields {
		properties[name] = w.shape(field)
	}
	for _, name := range s.Required {
		properties[name] = withoutNull(properties[name].(map[string]any))
	}
	if len(properties) > 0 {
		schema["properties"] = properties
	}
	if len(s.Required) > 0 {
		schema["required"] = slices.Sorted(slices.Values(s.Required))
	}
	switch {
	case s.Each != nil:
		schema["additionalProperties"] = w.shape(*s.Each)
	case !s.Open:
		schema["additionalProperties"] = false
	}
}

// jsonTypes returns the names that JSON Schema has for kinds.
func (k kinds) jsonTypes() []string {
	var names []string
	for i, name := range []string{"null", "boolean", "integer", "number", "string", "array", "object"} {
		if k&(1<<i) != 0 && (name != "integer" || k&isFloat == 0) {
			names = append(names, name)
		}
	}
	return names
}

// shortPattern is a bound of a text's length, as crdgen writes it.
var shortPattern = lazyregexp.New(`^\^\(\?s:\.\{(\d+),(\d*)\}\)\$$`)

// jsonSchema translates what a scalar must fit.
func (c *condition) jsonSchema() map[string]any {
	each := func(parts []*condition) []any {
		var all []any
		for _, part := range parts {
			all = append(all, part.jsonSchema())
		}
		return all
	}
	switch {
	case c.Or != nil:
		return c.alternatives(each)
	case c.And != nil:
		return joined(each(c.And))
	case c.Kind != 0:
		if names := c.Kind.jsonTypes(); len(names) > 1 {
			return map[string]any{"type": names}
		}
		return map[string]any{"type": c.Kind.jsonTypes()[0]}
	case c.Is != nil:
		return map[string]any{"const": c.Is}
	case c.Match != "":
		return c.pattern()
	case c.Not != nil:
		return map[string]any{"type": "string", "not": map[string]any{"const": *c.Not}}
	case c.Date != "":
		schema := map[string]any{"type": "string"}
		if c.Date == time.RFC3339 || c.Date == time.RFC3339Nano {
			schema["format"] = "date-time"
		}
		return schema
	}
	keyword := map[string]string{">=": "minimum", ">": "exclusiveMinimum", "<=": "maximum", "<": "exclusiveMaximum"}[c.Op]
	return map[string]any{"type": "number", keyword: c.Than}
}

// joined joins schemas in one where they do not use the same keyword; an integer is a number.
func joined(parts []any) map[string]any {
	all := map[string]any{}
	for _, part := range parts {
		for keyword, value := range part.(map[string]any) {
			switch old := all[keyword]; {
			case old == nil, keyword == "type" && old == "number" && value == "integer":
				all[keyword] = value
			case reflect.DeepEqual(old, value), keyword == "type" && old == "integer" && value == "number":
			default:
				return map[string]any{"allOf": parts}
			}
		}
	}
	return all
}

// alternatives joins single values in one enumeration.
func (c *condition) alternatives(each func([]*condition) []any) map[string]any {
	var values []any
	var others []*condition
	for _, part := range c.Or {
		if part.Is != nil {
			values = append(values, part.Is)
		} else {
			others = append(others, part)
		}
	}
	if len(values) == 0 {
		return map[string]any{"anyOf": each(others)}
	}
	enum := map[string]any{"enum": values}
	if len(others) == 0 {
		return enum
	}
	return map[string]any{"anyOf": append([]any{enum}, each(others)...)}
}

// pattern leaves out what is not the same in the regular expressions of JavaScript, which JSON Schema has.
func (c *condition) pattern() map[string]any {
	schema := map[string]any{"type": "string"}
	if m := shortPattern.FindStringSubmatch(c.Match); m != nil {
		schema["minLength"] = json.Number(m[1])
		if m[2] != "" {
			schema["maxLength"] = json.Number(m[2])
		}
	} else if !strings.Contains(c.Match, "(?") && !strings.Contains(c.Match, `\A`) && !strings.Contains(c.Match, `\z`) {
		schema["pattern"] = c.Match
	}
	return schema
}

// SchemaFiles returns the CUE sources as a module, by path: one package for the configuration, and one for each operator, with the
// facts about it, the values of its resources and the schemas of their fields.
func SchemaFiles() (map[string]string, error) {
	all := map[string]string{"cue.mod/module.cue": "module: \"github.com/redis-gitops/redis-gitops/schemas@v0\"\nlanguage: version: \"v0.11.0\"\n"}
	add := func(dir, pkg string, names ...string) error {
		for _, name := range names {
			src, err := readWithSchemas(name)
			if err != nil {
				return err
			}
			to := dir + strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(name, "operator/"), strings.TrimSuffix(dir, "/")+"/"), "/", "_")
			all[to] = packageClause.ReplaceAllString(string(src), "package "+pkg)
		}
		return nil
	}
	if err := add("config/", "config", "config.cue", "layout.cue"); err != nil {
		return nil, err
	}
	operators, err := Operators()
	if err != nil {
		return nil, err
	}
	for _, o := range operators {
		names := o.sources()
		if schema := "operator/" + o.Name + "/schema.cue"; len(o.derived.Resources) > 0 {
			names = append(names, schema)
		}
		if err := add(o.Name+"/", strings.ReplaceAll(o.Name, "-", ""), names...); err != nil {
			return nil, err
		}
	}
	return all, nil
}

var packageClause = lazyregexp.New(`(?m)^package \w+$`)

// SchemaVersions returns the versions of an operator whose resources have schemas.
func SchemaVersions(o *Operator) []string {
	return slices.DeleteFunc(slices.Clone(o.Versions), func(version string) bool { return len(o.derived.Resources[version]) == 0 })
}
