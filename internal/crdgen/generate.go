package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// A property is a schema as Kubernetes writes it. Texts, examples and defaults are left out: a default belongs to the
// API server, and the schema says what may be written.
type property struct {
	Type                 string
	Format               string
	Enum                 []any
	Pattern              string
	Minimum, Maximum     *float64
	MinLength            *int `yaml:"minLength"`
	MaxLength            *int `yaml:"maxLength"`
	Nullable             bool
	Required             []string
	Properties           map[string]*property
	Items                *property
	AdditionalProperties *additional `yaml:"additionalProperties"`
	IntOrString          bool        `yaml:"x-kubernetes-int-or-string"`
	PreserveUnknown      bool        `yaml:"x-kubernetes-preserve-unknown-fields"`
	EmbeddedResource     bool        `yaml:"x-kubernetes-embedded-resource"`
}

// additional is true, false or a schema.
type additional struct {
	allowed bool
	schema  *property
}

func (a *additional) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return n.Decode(&a.allowed)
	}
	a.allowed = true
	return n.Decode(&a.schema)
}

type definition struct {
	Kind string
	Spec struct {
		Group    string
		Names    struct{ Kind string }
		Versions []struct {
			Name   string
			Schema struct {
				OpenAPI *property `yaml:"openAPIV3Schema"`
			}
		}
	}
}

// A node is a schema in CUE. Equal schemas are one node, so that what Kubernetes repeats (a container, an affinity) is
// written and compiled once.
type node struct {
	scalar string           // the whole expression, when it is not a struct, list or map
	fields map[string]*node // by name with its ! or ?
	each   *node            // of a list or map
	list   bool
	open   bool

	name string // the field it was first seen in
	uses int
	def  string // its definition, when it is used more than once
}

type generator struct {
	optional []string         // paths of fields
	nodes    map[string]*node // by structure
	ids      map[*node]string
	read     map[[3]string]*property                // by operator version, apiVersion and kind
	roots    map[string]map[string]map[string]*node // the same
}

func newGenerator() *generator {
	return &generator{nodes: map[string]*node{}, ids: map[*node]string{}, read: map[[3]string]*property{}, roots: map[string]map[string]map[string]*node{}}
}

// add reads the CustomResourceDefinitions in src for a version of the operator.
func (g *generator) add(version string, src []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(src))
	for {
		var crd definition
		if err := decoder.Decode(&crd); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if crd.Kind != "CustomResourceDefinition" {
			continue
		}
		for _, v := range crd.Spec.Versions {
			if v.Schema.OpenAPI == nil {
				return fmt.Errorf("%s %s has no schema", crd.Spec.Names.Kind, v.Name)
			}
			apiVersion := crd.Spec.Group + "/" + v.Name
			root := v.Schema.OpenAPI
			root.Required = append(root.Required, "apiVersion", "kind")
			root.Properties["apiVersion"] = &property{Enum: []any{apiVersion}}
			root.Properties["kind"] = &property{Enum: []any{crd.Spec.Names.Kind}}
			root.Properties["metadata"] = &property{Type: "object", PreserveUnknown: true}
			if root.Properties["status"] != nil { // written by a controller
				root.Properties["status"] = &property{Type: "object", PreserveUnknown: true}
			}
			for _, path := range g.optional {
				root.makeOptional(strings.Split(path, "."))
			}
			key := [3]string{version, apiVersion, crd.Spec.Names.Kind}
			g.read[key] = union(g.read[key], root)
		}
	}
}

// makeOptional takes a field out of those that are required.
func (p *property) makeOptional(path []string) {
	switch {
	case p == nil:
	case len(path) == 1:
		p.Required = slices.DeleteFunc(p.Required, func(name string) bool { return name == path[0] })
	default:
		p.Properties[path[0]].makeOptional(path[1:])
	}
}

// union returns the schema of what one of two schemas accepts: two publishers of an operator have definitions of their own.
func union(a, b *property) *property {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	u := *a
	if a.Type != b.Type {
		return &property{PreserveUnknown: true, Type: "object"}
	}
	if !reflect.DeepEqual(a.Enum, b.Enum) {
		u.Enum = nil
	}
	if a.Format != b.Format || a.Pattern != b.Pattern {
		u.Format, u.Pattern = "", ""
	}
	if !reflect.DeepEqual([]any{a.Minimum, a.Maximum, a.MinLength, a.MaxLength}, []any{b.Minimum, b.Maximum, b.MinLength, b.MaxLength}) {
		u.Minimum, u.Maximum, u.MinLength, u.MaxLength = nil, nil, nil, nil
	}
	u.Required = slices.DeleteFunc(slices.Clone(a.Required), func(name string) bool { return !slices.Contains(b.Required, name) })
	u.Nullable, u.IntOrString = a.Nullable || b.Nullable, a.IntOrString || b.IntOrString
	u.PreserveUnknown, u.EmbeddedResource = a.PreserveUnknown || b.PreserveUnknown, a.EmbeddedResource || b.EmbeddedResource
	u.Items = union(a.Items, b.Items)
	if u.Properties = maps.Clone(a.Properties); u.Properties == nil {
		u.Properties = b.Properties
	}
	for name, p := range b.Properties {
		u.Properties[name] = union(a.Properties[name], p)
	}
	if u.AdditionalProperties == nil {
		u.AdditionalProperties = b.AdditionalProperties
	} else if b.AdditionalProperties != nil {
		u.AdditionalProperties = &additional{a.AdditionalProperties.allowed || b.AdditionalProperties.allowed, union(a.AdditionalProperties.schema, b.AdditionalProperties.schema)}
	}
	return &u
}

// node returns the one node of a schema.
func (g *generator) node(name string, p *property) *node {
	n := &node{name: name}
	switch {
	case p.Type == "array":
		n.list, n.each = true, g.node(strings.TrimSuffix(name, "s"), orAnything(p.Items))
	case p.Type == "object" && (p.PreserveUnknown || p.EmbeddedResource):
		n.open = true
	case p.Type == "object" && len(p.Properties) == 0 && p.AdditionalProperties != nil && p.AdditionalProperties.allowed:
		n.each = g.node(name, orAnything(p.AdditionalProperties.schema))
	case p.Type == "object":
		n.fields = map[string]*node{}
		for key, child := range p.Properties {
			mark := "?"
			if slices.Contains(p.Required, key) {
				mark = "!"
			}
			n.fields[key+mark] = g.node(key, child)
		}
	default:
		n.scalar = scalar(p)
	}
	id := g.structure(n)
	known, ok := g.nodes[id]
	if !ok {
		g.nodes[id], known = n, n
		g.ids[n] = strconv.Itoa(len(g.ids))
	} else if known.name > name {
		known.name = name // whatever the order of the walk
	}
	return known
}

func orAnything(p *property) *property {
	if p == nil {
		return &property{}
	}
	return p
}

func (g *generator) structure(n *node) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %v %v", n.scalar, n.list, n.open)
	if n.each != nil {
		b.WriteString(" each " + g.ids[n.each])
	}
	for _, key := range slices.Sorted(maps.Keys(n.fields)) {
		b.WriteString(" " + key + g.ids[n.fields[key]])
	}
	return b.String()
}

func scalar(p *property) string {
	if p.PreserveUnknown || p.Type == "" && !p.IntOrString && len(p.Enum) == 0 {
		return "_"
	}
	var s string
	switch {
	case len(p.Enum) > 0:
		var values []string
		for _, v := range p.Enum {
			if text, ok := v.(string); ok {
				v = strconv.Quote(text)
			}
			values = append(values, fmt.Sprint(v))
		}
		s = strings.Join(values, " | ")
	case p.IntOrString && p.Pattern != "":
		s = "int | =~" + strconv.Quote(p.Pattern)
	case p.IntOrString:
		s = "int | string"
	case p.Type == "integer":
		s = map[string]string{"int32": "int32", "int64": "int64"}[p.Format]
		if s == "" {
			s = "int"
		}
	case p.Type == "boolean":
		s = "bool"
	case p.Type == "string" && p.Pattern != "":
		s = "=~" + strconv.Quote(p.Pattern)
	default:
		s = p.Type
	}
	if p.Minimum != nil {
		s += fmt.Sprintf(" & >=%v", *p.Minimum)
	}
	if p.Maximum != nil {
		s += fmt.Sprintf(" & <=%v", *p.Maximum)
	}
	if p.MinLength != nil && *p.MinLength > 0 {
		s += fmt.Sprintf(` & =~"^(?s:.{%d,})$"`, *p.MinLength)
	}
	if p.MaxLength != nil {
		s += fmt.Sprintf(` & =~"^(?s:.{0,%d})$"`, *p.MaxLength)
	}
	if p.Nullable {
		s = "null | " + s
	}
	return s
}

// write writes the schema: #Resources by operator version, apiVersion and kind, and the definitions it uses.
func (g *generator) write(b *bytes.Buffer, operator string) {
	var flags strings.Builder
	for _, path := range g.optional {
		flags.WriteString(" -optional " + path)
	}
	fmt.Fprintf(b, "// Code generated by internal/crdgen%s. DO NOT EDIT.\n\npackage %s\n\n#Resources: {\n", flags.String(), strings.ReplaceAll(operator, "-", ""))
	for _, key := range slices.SortedFunc(maps.Keys(g.read), func(a, b [3]string) int { return slices.Compare(a[:], b[:]) }) {
		version, apiVersion, kind := key[0], key[1], key[2]
		if g.roots[version] == nil {
			g.roots[version] = map[string]map[string]*node{}
		}
		if g.roots[version][apiVersion] == nil {
			g.roots[version][apiVersion] = map[string]*node{}
		}
		g.roots[version][apiVersion][kind] = g.node(kind, g.read[key])
	}
	for _, n := range g.nodes {
		for _, child := range n.fields {
			child.use()
		}
	}
	var defs []*node
	taken := map[string]bool{"Resources": true}
	// By structure, which no order of a map changes: the names of definitions must not change from run to run.
	var name func(n *node)
	name = func(n *node) {
		for _, key := range slices.Sorted(maps.Keys(n.fields)) {
			name(n.fields[key])
		}
		if n.each != nil {
			name(n.each)
		}
		if n.def != "" || n.uses < 2 || len(n.scalar) < 40 && len(n.fields) < 2 {
			return
		}
		base := string(unicode.ToUpper(rune(n.name[0]))) + n.name[1:]
		if strings.HasPrefix(n.scalar, "int | =~") {
			base = "Quantity"
		}
		n.def = base
		for i := 2; taken[n.def]; i++ {
			n.def = base + strconv.Itoa(i)
		}
		taken[n.def] = true
		defs = append(defs, n)
	}
	for _, version := range slices.Sorted(maps.Keys(g.roots)) {
		for _, apiVersion := range slices.Sorted(maps.Keys(g.roots[version])) {
			for _, kind := range slices.Sorted(maps.Keys(g.roots[version][apiVersion])) {
				n := g.roots[version][apiVersion][kind]
				name(n)
				fmt.Fprintf(b, "\t%q: %q: %s: ", version, apiVersion, kind)
				n.writeBody(b, 1)
				b.WriteByte('\n')
			}
		}
	}
	b.WriteString("}\n")
	for _, n := range defs {
		fmt.Fprintf(b, "\n#%s: ", n.def)
		n.writeBody(b, 0)
		b.WriteByte('\n')
	}
}

// use counts a place where the node is written. A list or map is written out at each of them.
func (n *node) use() {
	n.uses++
	if n.each != nil {
		n.each.use()
	}
}

func (n *node) write(b *bytes.Buffer, indent int) {
	if n.def != "" {
		b.WriteString("#" + n.def)
		return
	}
	n.writeBody(b, indent)
}

func (n *node) writeBody(b *bytes.Buffer, indent int) {
	switch {
	case n.list:
		b.WriteString("[...")
		n.each.write(b, indent)
		b.WriteString("]")
	case n.each != nil:
		b.WriteString("{[string]: ")
		n.each.write(b, indent)
		b.WriteString("}")
	case n.open:
		b.WriteString("{...}")
	case n.fields != nil:
		n.writeStruct(b, indent)
	default:
		b.WriteString(n.scalar)
	}
}

// writeStruct writes a struct on one line where that is short.
func (n *node) writeStruct(b *bytes.Buffer, indent int) {
	var fields []string
	length := 0
	for _, key := range slices.Sorted(maps.Keys(n.fields)) {
		name, mark := key[:len(key)-1], key[len(key)-1:]
		if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			name = strconv.Quote(name)
		}
		var field bytes.Buffer
		n.fields[key].write(&field, indent+1)
		fields = append(fields, name+mark+": "+field.String())
		length += len(fields[len(fields)-1]) + 2
	}
	if length < 100 && !strings.Contains(strings.Join(fields, ""), "\n") {
		b.WriteString("{" + strings.Join(fields, ", ") + "}")
		return
	}
	tabs := "\n" + strings.Repeat("\t", indent)
	b.WriteString("{" + tabs + "\t" + strings.Join(fields, tabs+"\t") + tabs + "}")
}
