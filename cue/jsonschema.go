package cue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"cuelang.org/go/cue"
)

// The JSON Schemas are made by a walk of our own: jsonschema.Generate of CUE v0.17.1 loses defaults, and bounds beside
// a default, and can write draft 2020-12 only, which Helm 3 does not read.

const draft07 = "http://json-schema.org/draft-07/schema#"

// ConfigJSONSchema returns the JSON Schema (draft 7) of the configuration, for editors.
func ConfigJSONSchema() ([]byte, error) {
	v, err := compile("config.cue", "layout.cue")
	if err != nil {
		return nil, err
	}
	schema := jsonSchema(lookup(v, "#Config"))
	schema["$schema"] = draft07
	return encode(schema)
}

// ValuesJSONSchema returns the JSON Schema (draft 7) of an application's values.yaml, for Helm and editors. What stands
// under resources is checked where it is ours; every unknown key is allowed.
func ValuesJSONSchema() ([]byte, error) {
	v, err := compile("values.cue")
	if err != nil {
		return nil, err
	}
	schema := jsonSchema(lookup(v, "#Values"))
	schema["$schema"] = draft07
	operators, err := Operators()
	if err != nil {
		return nil, err
	}
	var ours []any
	for _, o := range eachOf(operators) {
		if o.ValuesKey == "" {
			continue
		}
		value, done := o.schema()
		then := jsonSchema(lookup(value, "#Values"))
		done()
		o.withoutAbsent(then)
		delete(then, "additionalProperties") // a template of one's own may read more keys
		if err := withoutShared(then, o.Fork); err != nil {
			return nil, err
		}
		delete(then, "description")
		ours = append(ours, map[string]any{"if": map[string]any{"type": "object", "required": []string{o.ValuesKey}}, "then": then})
	}
	resources := schema["properties"].(map[string]any)["resources"].(map[string]any)
	resources["additionalProperties"] = map[string]any{"allOf": ours}
	return encode(schema)
}

// eachOf returns the operators for each of their resource types.
func eachOf(operators []*Operator) (out []*Operator) {
	for _, o := range operators {
		out = append(out, o.each()...)
	}
	return out
}

// withoutShared removes the properties that the schema of a fork's values shares with the operator it comes from, whose own are
// checked anyway.
func withoutShared(schema map[string]any, fork string) error {
	if fork == "" {
		return nil
	}
	from, err := OperatorNamed(fork)
	if err != nil {
		return err
	}
	value, done := from.schema()
	defer done()
	properties := schema["properties"].(map[string]any)
	maps.DeleteFunc(properties, func(key string, _ any) bool { return field(value, key).Exists() })
	return nil
}

// ResourceJSONSchema returns the JSON Schema (draft 7) of the values of a new resource, for forms.
func (o *Operator) ResourceJSONSchema() ([]byte, error) {
	value, done := o.schema()
	defer done()
	schema := jsonSchema(lookup(value, "#Values"))
	o.withoutAbsent(schema)
	schema["$schema"] = draft07
	return encode(schema)
}

// withoutAbsent removes the properties of the values that the operator has nothing for.
func (o *Operator) withoutAbsent(schema map[string]any) {
	properties := schema["properties"].(map[string]any)
	maps.DeleteFunc(properties, func(key string, _ any) bool { return o.Without[key] != "" })
	if required, ok := schema["required"].([]string); ok {
		schema["required"] = slices.DeleteFunc(required, func(key string) bool { return o.Without[key] != "" })
	}
}

func encode(schema map[string]any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(schema); err != nil {
		return nil, fmt.Errorf("embedded schema: %w", err)
	}
	return b.Bytes(), nil
}

// jsonSchema translates a value with its comment and its default. What JSON Schema cannot say becomes wider, never
// narrower: the schema must not refuse what CUE takes.
func jsonSchema(v cue.Value) map[string]any {
	schema := constraint(v)
	if text := doc(v); text != "" {
		schema["description"] = text
	}
	if d, ok := v.Default(); ok && d.IncompleteKind() != cue.StructKind {
		var value any
		if d.Decode(&value) == nil && value != nil {
			schema["default"] = value
		}
	}
	return schema
}

func constraint(v cue.Value) map[string]any {
	v = withoutDefault(v)
	switch v.IncompleteKind() {
	case cue.TopKind:
		return map[string]any{}
	case cue.StructKind:
		return structSchema(v)
	case cue.ListKind:
		s := map[string]any{"type": "array"}
		if element := element(v); element.Exists() {
			s["items"] = jsonSchema(element)
		}
		return s
	}
	if v.IsConcrete() {
		var value any
		if v.Decode(&value) == nil {
			return map[string]any{"enum": []any{value}}
		}
	}
	op, args := v.Expr()
	switch op {
	case cue.OrOp:
		return anyOf(args)
	case cue.AndOp:
		return allOf(args)
	case cue.RegexMatchOp:
		pattern, _ := args[0].String()
		return map[string]any{"type": "string", "pattern": pattern}
	case cue.NotEqualOp:
		if s, err := args[0].String(); err == nil && s == "" {
			return map[string]any{"type": "string", "minLength": 1}
		}
	case cue.GreaterThanEqualOp, cue.GreaterThanOp, cue.LessThanEqualOp, cue.LessThanOp:
		keyword := map[cue.Op]string{
			cue.GreaterThanEqualOp: "minimum", cue.GreaterThanOp: "exclusiveMinimum",
			cue.LessThanEqualOp: "maximum", cue.LessThanOp: "exclusiveMaximum",
		}[op]
		if n, err := args[0].Float64(); err == nil {
			return map[string]any{"type": "number", keyword: n}
		}
	}
	return map[string]any{"type": types(v.IncompleteKind())}
}

func structSchema(v cue.Value) map[string]any {
	properties := map[string]any{}
	var required []string
	fields, _ := v.Fields(cue.Optional(true))
	for fields.Next() {
		name := fields.Selector().Unquoted()
		properties[name] = jsonSchema(fields.Value())
		if fields.Selector().ConstraintType() == cue.RequiredConstraint {
			required = append(required, name)
		}
	}
	s := map[string]any{"type": "object"}
	if len(properties) > 0 {
		s["properties"] = properties
	}
	if len(required) > 0 {
		s["required"] = required
	}
	if each := v.LookupPath(cue.MakePath(cue.AnyString)); each.Exists() {
		if schema := jsonSchema(each); len(schema) > 0 {
			s["additionalProperties"] = schema
		}
	} else if !v.Allows(cue.AnyString) {
		s["additionalProperties"] = false
	}
	return s
}

// anyOf joins alternatives. Single values become one enumeration, and null becomes a further type.
func anyOf(args []cue.Value) map[string]any {
	var values, alternatives []any
	null := false
	for _, arg := range args {
		switch {
		case arg.IncompleteKind() == cue.NullKind:
			null = true
		case arg.IsConcrete() && arg.IncompleteKind()&(cue.StructKind|cue.ListKind) == 0:
			var value any
			if arg.Decode(&value) == nil {
				values = append(values, value)
			}
		default:
			alternatives = append(alternatives, constraint(arg))
		}
	}
	if len(values) > 0 {
		alternatives = append([]any{map[string]any{"enum": values}}, alternatives...)
	}
	if len(alternatives) == 1 {
		only := alternatives[0].(map[string]any)
		if name, ok := only["type"].(string); null && ok {
			only["type"] = []string{name, "null"}
			return only
		} else if !null {
			return only
		}
	}
	if null {
		alternatives = append(alternatives, map[string]any{"type": "null"})
	}
	return map[string]any{"anyOf": alternatives}
}

// allOf joins constraints in one schema where they do not use the same keyword.
func allOf(args []cue.Value) map[string]any {
	joined := map[string]any{}
	var rest []any
	for _, arg := range args {
		s := constraint(arg)
		if s["type"] == "number" && joined["type"] == "integer" || s["type"] == joined["type"] {
			delete(s, "type")
		}
		clash := false
		for keyword := range s {
			_, taken := joined[keyword]
			clash = clash || taken
		}
		if clash {
			rest = append(rest, s)
			continue
		}
		for keyword, value := range s {
			joined[keyword] = value
		}
	}
	if len(rest) > 0 {
		joined["allOf"] = rest
	}
	return joined
}

// types returns the type or types of a kind.
func types(kind cue.Kind) any {
	var names []string
	for _, k := range []struct {
		kind cue.Kind
		name string
	}{{cue.NullKind, "null"}, {cue.BoolKind, "boolean"}, {cue.StringKind, "string"}, {cue.FloatKind, "number"}, {cue.IntKind, "integer"}, {cue.ListKind, "array"}, {cue.StructKind, "object"}} {
		if kind&k.kind != 0 && (k.kind != cue.IntKind || kind&cue.FloatKind == 0) {
			names = append(names, k.name)
		}
	}
	if len(names) == 1 {
		return names[0]
	}
	return names
}
