// Package jsonschema checks values against a JSON Schema of draft 4 to 2020-12, as Helm does with values.schema.json. It opens no file and
// no connection: what a $ref outside of the schema demands is unknown, and said to be.
package jsonschema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
)

// Schema is one schema document. It may be used by several goroutines.
type Schema struct {
	root     any
	draft    int
	ids      map[string]resource // by $id as it is written
	patterns map[string]*pattern
	skipped  []string
}

// pattern is a regular expression of the schema, compiled when a text is held against it: of those in a schema few are.
type pattern struct{ compiled func() *regexp.Regexp }

func (p *pattern) matches(text string) bool { return p.compiled().MatchString(text) }

// newPattern is a regular expression. The error is the parser's.
func newPattern(text string) (*pattern, error) {
	if _, err := syntax.Parse(text, syntax.Perl); err != nil {
		return nil, err
	}
	return &pattern{sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })}, nil
}

// resource is a part of the document that references inside of it are relative to.
type resource struct{ node any }

// drafts by $schema, without the scheme, "#" and what follows.
var drafts = map[string]int{
	"json-schema.org/schema": 2020, "json-schema.org/draft/2020-12/schema": 2020, "json-schema.org/draft/2019-09/schema": 2019,
	"json-schema.org/draft-07/schema": 7, "json-schema.org/draft-06/schema": 6, "json-schema.org/draft-04/schema": 4,
}

// unknown are keywords whose demands are not checked.
var unknownKeywords = []string{"$dynamicRef", "$recursiveRef"}

// maxDepth bounds how deep a schema is nested.
const maxDepth = 200

// Parse reads a schema. Without $schema it is of draft 2020-12, as for Helm (santhosh-tekuri/jsonschema v6, draft.go).
func Parse(src []byte) (*Schema, error) {
	decoder := json.NewDecoder(bytes.NewReader(src))
	s := &Schema{ids: map[string]resource{}, patterns: map[string]*pattern{}}
	if err := decoder.Decode(&s.root); err != nil {
		return nil, fmt.Errorf("is not valid JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("has trailing text after the schema; remove it")
	}
	s.draft = 2020
	if object, ok := s.root.(map[string]any); ok {
		if uri, ok := object["$schema"].(string); ok {
			_, uri, _ = strings.Cut(uri, "://")
			uri, _, _ = strings.Cut(uri, "#")
			if s.draft = drafts[uri]; s.draft == 0 {
				s.skip("$schema is not a known draft")
				return s, nil
			}
		}
	} else if _, ok := s.root.(bool); !ok {
		return nil, errors.New("is not a schema; use a mapping")
	}
	if err := s.look(s.root, "", 0); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Schema) skip(what string) {
	if !slices.Contains(s.skipped, what) {
		s.skipped = append(s.skipped, what)
	}
}

// Keywords with a schema, with a list of them, and with a mapping of them.
var (
	withSchema = []string{"not", "additionalProperties", "additionalItems", "items", "contains", "propertyNames", "if", "then", "else", "unevaluatedItems",
		"unevaluatedProperties"}
	withSchemas  = []string{"allOf", "anyOf", "oneOf", "prefixItems"}
	withMappings = []string{"properties", "patternProperties", "dependentSchemas", "dependencies", "definitions", "$defs"}
)

// look visits every schema of the document, notes its ids and patterns, and refuses what Helm refuses to compile.
func (s *Schema) look(node any, at string, depth int) error {
	if depth > maxDepth {
		return errors.New("is nested too deeply; make it flatter")
	}
	object, ok := node.(map[string]any)
	if !ok {
		if _, ok := node.(bool); ok && (s.draft >= 6 || at == "" || strings.HasSuffix(at, "/additionalProperties") || strings.HasSuffix(at, "/additionalItems")) {
			return nil
		}
		return fmt.Errorf("%s is not a schema; use a mapping", pointer(at))
	}
	if err := s.keywords(object, at); err != nil {
		return err
	}
	for _, k := range withSchema {
		v, has := object[k]
		if list, ok := v.([]any); ok && k == "items" && s.draft < 2020 {
			for i, each := range list {
				if err := s.look(each, fmt.Sprintf("%s/items/%d", at, i), depth+1); err != nil {
					return err
				}
			}
		} else if has {
			if err := s.look(v, at+"/"+k, depth+1); err != nil {
				return err
			}
		}
	}
	for _, k := range withSchemas {
		v, has := object[k]
		list, ok := v.([]any)
		if has && (!ok || len(list) == 0) {
			return fmt.Errorf("%s is not a list of schemas", pointer(at+"/"+k))
		}
		for i, each := range list {
			if err := s.look(each, fmt.Sprintf("%s/%s/%d", at, k, i), depth+1); err != nil {
				return err
			}
		}
	}
	for _, k := range withMappings {
		v, has := object[k]
		all, ok := v.(map[string]any)
		if has && !ok {
			return fmt.Errorf("%s is not a mapping", pointer(at+"/"+k))
		}
		for name, each := range all {
			if _, isList := each.([]any); isList && k == "dependencies" {
				continue
			}
			if err := s.look(each, at+"/"+k+"/"+name, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// keywords looks at those that hold no schema.
func (s *Schema) keywords(object map[string]any, at string) error {
	for _, k := range []string{"$id", "id"} {
		if id, ok := object[k].(string); ok && (k == "$id") == (s.draft > 4) {
			s.ids[strings.TrimSuffix(id, "#")] = resource{object}
		}
	}
	if anchor, ok := object["$anchor"].(string); ok {
		s.ids["#"+anchor] = resource{object}
	}
	for _, k := range unknownKeywords {
		if _, has := object[k]; has && s.draft >= 2019 {
			s.skip(k + " is not checked")
		}
	}
	expressions := []any{object["pattern"]}
	if all, ok := object["patternProperties"].(map[string]any); ok {
		for p := range all {
			expressions = append(expressions, p)
		}
	}
	for _, e := range expressions {
		text, ok := e.(string)
		if !ok {
			continue
		}
		if s.patterns[text] != nil {
			continue
		}
		re, err := newPattern(text)
		if err != nil {
			return fmt.Errorf("%s is not a valid regular expression: %w", pointer(at), err)
		}
		s.patterns[text] = re
	}
	names, isList := object["type"].([]any)
	if name, ok := object["type"].(string); ok {
		names, isList = []any{name}, true
	}
	if _, has := object["type"]; has && !isList {
		return fmt.Errorf("%s is not a type; use a name such as \"string\"", pointer(at+"/type"))
	}
	for _, name := range names {
		if text, ok := name.(string); !ok || !slices.Contains(typeNames, text) {
			return fmt.Errorf("%s has an unknown type; use one of \"%s\"", pointer(at+"/type"), strings.Join(typeNames, `", "`))
		}
	}
	for _, k := range []string{"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "multipleOf"} {
		if v, has := object[k]; has {
			if _, ok := v.(float64); !ok {
				return fmt.Errorf("%s is not a number", pointer(at+"/"+k))
			}
		}
	}
	return nil
}

var typeNames = []string{"array", "boolean", "integer", "null", "number", "object", "string"}

func pointer(at string) string {
	if at == "" {
		return "the schema"
	}
	return fmt.Sprintf("%q", "#"+at)
}

// resolve returns the schema that a reference leads to, and what references in it are relative to.
func (s *Schema) resolve(ref string, within any) (node, base any, ok bool) {
	if found, ok := s.ids[strings.TrimSuffix(ref, "#")]; ok && ref != "#" {
		return found.node, found.node, true
	}
	id, fragment, _ := strings.Cut(ref, "#")
	base = within
	if id != "" {
		found, known := s.ids[id]
		if !known {
			return nil, nil, false
		}
		base = found.node
	}
	if fragment != "" && !strings.HasPrefix(fragment, "/") {
		return nil, nil, false
	}
	node = base
	for i, step := range strings.Split(fragment, "/") {
		if i == 0 {
			continue
		}
		step = unescape(step)
		switch v := node.(type) {
		case map[string]any:
			if node, ok = v[step]; !ok {
				return nil, nil, false
			}
			if inner, isObject := node.(map[string]any); isObject && isResource(inner) {
				base = node
			}
		case []any:
			n := -1
			if _, err := fmt.Sscanf(step, "%d", &n); err != nil || n < 0 || n >= len(v) {
				return nil, nil, false
			}
			node = v[n]
		default:
			return nil, nil, false
		}
	}
	return node, base, true
}

// isResource reports whether a schema has an id of its own, which references inside of it are relative to.
func isResource(object map[string]any) bool {
	for _, k := range []string{"$id", "id"} {
		if id, ok := object[k].(string); ok && id != "" && !strings.HasPrefix(id, "#") {
			return true
		}
	}
	return false
}

var unescape = strings.NewReplacer("~1", "/", "~0", "~", "%25", "%", "%7B", "{", "%7D", "}", "%20", " ").Replace
