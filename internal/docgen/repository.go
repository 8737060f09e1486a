package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/lint/model"
	"github.com/redis-gitops/redis-gitops/policy"
)

// repositorySchema returns the JSON Schema of data.repo: the types of package model, with their comments as descriptions.
func repositorySchema() ([]byte, error) {
	comments, err := commentsOf(model.Source)
	if err != nil {
		return nil, err
	}
	g := schemaOfTypes{comments: comments, defs: map[string]any{}}
	root, err := g.object(reflect.TypeFor[model.Repository]())
	if err != nil {
		return nil, err
	}
	root["$schema"], root["title"] = "https://json-schema.org/draft/2020-12/schema", "data.repo, the input of repository rules"
	root["$defs"] = g.defs
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err = e.Encode(root)
	return b.Bytes(), err
}

// commentsOf returns the comments of the types of a file, and of their fields as Type.Field.
func commentsOf(src string) (map[string]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "model.go", src, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		decl, ok := n.(*ast.GenDecl)
		if !ok || decl.Tok != token.TYPE {
			return true
		}
		spec := decl.Specs[0].(*ast.TypeSpec)
		out[spec.Name.Name] = oneLine(decl.Doc)
		fields, ok := spec.Type.(*ast.StructType)
		if !ok {
			return false
		}
		for _, f := range fields.Fields.List {
			for _, name := range f.Names {
				out[spec.Name.Name+"."+name.Name] = oneLine(f.Doc)
			}
		}
		return false
	})
	return out, nil
}

func oneLine(comment *ast.CommentGroup) string {
	return strings.Join(strings.Fields(comment.Text()), " ")
}

type schemaOfTypes struct {
	comments map[string]string
	defs     map[string]any // of struct types, by name
}

func (g *schemaOfTypes) object(t reflect.Type) (map[string]any, error) {
	properties, required := map[string]any{}, []string{}
	for _, f := range reflect.VisibleFields(t) {
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || name == "" {
			continue
		}
		schema, err := g.typed(f.Type, f.Tag)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", t.Name(), f.Name, err)
		}
		owner, optional := owner(t, f)
		if text := g.comments[owner+"."+f.Name]; text != "" {
			schema["description"] = text
		}
		if option != "omitempty" && !optional {
			required = append(required, name)
		}
		properties[name] = schema
	}
	slices.Sort(required)
	return map[string]any{
		"type": "object", "description": g.comments[t.Name()], "properties": properties, "required": required, "additionalProperties": false,
	}, nil
}

// owner returns the type that a field is written in, and whether it is below an embedded pointer, without which it does not exist.
func owner(t reflect.Type, f reflect.StructField) (name string, optional bool) {
	for _, i := range f.Index[:len(f.Index)-1] {
		t = t.Field(i).Type
		if t.Kind() == reflect.Pointer {
			t, optional = t.Elem(), true
		}
	}
	return t.Name(), optional
}

func (g *schemaOfTypes) typed(t reflect.Type, tag reflect.StructTag) (map[string]any, error) {
	if types := tag.Get("schema"); types != "" && t.Kind() == reflect.Interface {
		if one, others, several := strings.Cut(types, ","); several {
			return map[string]any{"type": []string{one, others}}, nil
		}
		return map[string]any{"type": types}, nil
	}
	switch t.Kind() {
	case reflect.String:
		if values := tag.Get("enum"); values != "" {
			return map[string]any{"enum": strings.Split(values, ",")}, nil
		}
		return map[string]any{"type": "string"}, nil
	case reflect.Int:
		return map[string]any{"type": "integer"}, nil
	case reflect.Bool:
		return map[string]any{"type": "boolean"}, nil
	case reflect.Slice:
		items, err := g.typed(t.Elem(), tag)
		return map[string]any{"type": "array", "items": items}, err
	case reflect.Map:
		each, err := g.typed(t.Elem(), tag)
		return map[string]any{"type": "object", "additionalProperties": each}, err
	case reflect.Pointer:
		each, err := g.typed(t.Elem(), tag)
		if t.Elem().Kind() == reflect.Struct { // null where there is none; other pointers are left out
			each = map[string]any{"anyOf": []any{each, map[string]any{"type": "null"}}}
		}
		return each, err
	case reflect.Interface:
		if t == reflect.TypeFor[policy.Value]() {
			return map[string]any{}, nil // whatever a file holds
		}
	case reflect.Struct:
		if _, known := g.defs[t.Name()]; !known {
			g.defs[t.Name()] = nil // for one that holds itself
			def, err := g.object(t)
			if err != nil {
				return nil, err
			}
			g.defs[t.Name()] = def
		}
		return map[string]any{"$ref": "#/$defs/" + t.Name()}, nil
	}
	return nil, fmt.Errorf("%s has no JSON Schema; use a struct, slice, map, string, int or bool", t)
}
