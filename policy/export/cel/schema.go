package cel

import (
	"slices"
	"strings"
)

// typedBy gives a value the type that its schema has.
func typedBy(v value, schema any) value {
	v.schema, v.kind = schema, kindOf(schema)
	switch {
	case v.kind != "" || len(v.path) < 2 || v.path[0] != "object" || v.path[1] != "metadata":
	case len(v.path) == 2:
		v.kind = "map"
	case slices.Contains([]string{"name", "namespace"}, v.path[2]) && len(v.path) == 3:
		v.kind = "string"
	case slices.Contains([]string{"labels", "annotations"}, v.path[2]):
		v.kind = map[bool]string{true: "map", false: "string"}[len(v.path) == 3]
	}
	return v
}

// kindOf is the one type that a schema allows, other than null, which the API server drops.
func kindOf(schema any) string {
	s, _ := schema.(map[string]any)
	var names []string
	switch types := s["type"].(type) {
	case string:
		names = []string{types}
	case []any:
		for _, t := range types {
			if name, _ := t.(string); name != "null" {
				names = append(names, name)
			}
		}
	}
	if values, ok := s["enum"].([]any); ok && len(names) == 0 && !slices.ContainsFunc(values, func(v any) bool {
		_, text := v.(string)
		return !text && v != nil
	}) {
		return "string"
	}
	if all, ok := s["allOf"].([]any); ok && len(names) == 0 && len(all) > 0 {
		return kindOf(all[0])
	}
	if some, ok := s["anyOf"].([]any); ok && len(names) == 0 {
		some = slices.DeleteFunc(slices.Clone(some), func(a any) bool {
			alternative, _ := a.(map[string]any)
			return alternative["type"] == "null"
		})
		if len(some) == 1 {
			return kindOf(some[0])
		}
	}
	if len(names) != 1 {
		return ""
	}
	return map[string]string{"string": "string", "integer": "int", "number": "number", "boolean": "bool", "array": "list", "object": "map"}[names[0]]
}

// property is the schema of a field of an object, of any other one for "*", or of the elements of a list.
func property(schema any, step string) any {
	s, _ := schema.(map[string]any)
	if s == nil {
		return nil
	}
	if strings.HasPrefix(step, "#") {
		return s["items"]
	}
	properties, _ := s["properties"].(map[string]any)
	if found, ok := properties[step]; ok && step != "*" {
		return found
	}
	if step == "*" && len(properties) > 0 {
		return nil
	}
	return s["additionalProperties"]
}

// Resolve returns a schema without references to its definitions; what is within itself is left open.
func Resolve(schema map[string]any) map[string]any {
	definitions, _ := schema["definitions"].(map[string]any)
	return resolve(schema, definitions, nil).(map[string]any)
}

func resolve(schema any, definitions map[string]any, within []string) any {
	switch s := schema.(type) {
	case map[string]any:
		if ref, ok := s["$ref"].(string); ok {
			name := strings.TrimPrefix(ref, "#/definitions/")
			if slices.Contains(within, name) {
				return map[string]any{}
			}
			return resolve(definitions[name], definitions, append(slices.Clip(within), name))
		}
		out := make(map[string]any, len(s))
		for key, v := range s {
			if key != "definitions" {
				out[key] = resolve(v, definitions, within)
			}
		}
		return out
	case []any:
		out := make([]any, len(s))
		for i, v := range s {
			out[i] = resolve(v, definitions, within)
		}
		return out
	}
	return schema
}
