package cue

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"

	"github.com/redis-gitops/redis-gitops/finding"
)

// schemaFiles are only read to derive the structures, so a program that does not leaves them out.
//
//go:embed operator/*/schema.cue
var schemaFiles embed.FS

func readWithSchemas(name string) ([]byte, error) {
	if path.Base(name) == "schema.cue" {
		return schemaFiles.ReadFile(name)
	}
	return files.ReadFile(name)
}

// A deriver turns CUE values into shapes, equal ones into one.
type deriver struct {
	shapes structure
	known  map[string]int // by their JSON
}

func newDeriver() *deriver {
	d := &deriver{known: map[string]int{}}
	d.add(&shape{Kind: isAny})
	return d
}

func (d *deriver) add(s *shape) int {
	id, err := json.Marshal(s)
	if err != nil {
		panic(err) // a shape is plain data
	}
	if n, ok := d.known[string(id)]; ok {
		return n
	}
	d.known[string(id)] = len(d.shapes)
	d.shapes = append(d.shapes, s)
	return len(d.shapes) - 1
}

// derive returns the number of the shape of a value. What a shape cannot say is an error, never a wider shape.
func (d *deriver) derive(v cue.Value) (int, error) {
	kind, err := kindsOf(v.IncompleteKind())
	if err != nil {
		return 0, fmt.Errorf("%s: %w", v.Path(), err)
	}
	if kind == isAny {
		return 0, nil
	}
	s := &shape{Kind: kind, Enum: enum(v)}
	attribute := v.Attribute("problem")
	s.Problem, _ = attribute.String(0)
	if value, ok := v.Default(); ok && kind&isStruct == 0 {
		if err := decodeInto(value, &s.Default); err != nil {
			return 0, fmt.Errorf("%s: %w", v.Path(), err)
		}
	}
	if kind&(isStruct|isList) != 0 && hasValidator(v) {
		return 0, fmt.Errorf("%s: %v cannot be checked without CUE; check it elsewhere", v.Path(), v)
	}
	switch {
	case kind&isStruct != 0 && kind&isList != 0:
		s.Each = new(int) // whatever it holds
	case kind&isStruct != 0:
		err = d.deriveStruct(withoutDefault(v), s)
	case kind&isList != 0:
		err = d.deriveEach(element(v), s)
	}
	if err != nil {
		return 0, err
	}
	if kind&^(isStruct|isList) != 0 {
		if s.Fits, err = scalarCondition(v); err != nil {
			return 0, fmt.Errorf("%s: %w", v.Path(), err)
		}
	}
	return d.add(s), nil
}

func (d *deriver) deriveStruct(v cue.Value, s *shape) error {
	fields, err := v.Fields(cue.Optional(true))
	if err != nil {
		return err
	}
	s.Fields = map[string]int{}
	for fields.Next() {
		name := fields.Selector().Unquoted()
		switch fields.Selector().ConstraintType() {
		case cue.RequiredConstraint:
			s.Required = append(s.Required, name)
		case cue.OptionalConstraint:
			s.Optional = true
		}
		if s.Fields[name], err = d.derive(fields.Value()); err != nil {
			return err
		}
	}
	if each := v.LookupPath(cue.MakePath(cue.AnyString)); each.Exists() {
		return d.deriveEach(each, s)
	}
	s.Open = v.Allows(cue.AnyString)
	return nil
}

func (d *deriver) deriveEach(each cue.Value, s *shape) error {
	n := 0
	if each.Exists() {
		var err error
		if n, err = d.derive(each); err != nil {
			return err
		}
	}
	s.Each = &n
	return nil
}

// hasValidator reports whether a struct or list is restricted by a function such as list.MaxItems.
func hasValidator(v cue.Value) bool {
	op, args := withoutDefault(v).Expr()
	return op == cue.CallOp || op == cue.AndOp && slices.ContainsFunc(args, hasValidator)
}

func kindsOf(kind cue.Kind) (kinds, error) {
	kind &^= cue.BytesKind
	var all kinds
	for _, k := range []struct {
		cue  cue.Kind
		kind kinds
	}{{cue.NullKind, isNull}, {cue.BoolKind, isBool}, {cue.IntKind, isInt}, {cue.FloatKind, isFloat}, {cue.StringKind, isString}, {cue.ListKind, isList}, {cue.StructKind, isStruct}} {
		if kind&k.cue != 0 {
			all |= k.kind
		}
	}
	if all == 0 {
		return 0, errors.New("a value of no kind")
	}
	return all, nil
}

// scalarCondition takes a value's expression apart.
func scalarCondition(v cue.Value) (*condition, error) {
	v = withoutDefault(v)
	if v.IsConcrete() {
		var is any
		if err := decodeInto(v, &is); err != nil {
			return nil, err
		}
		return &condition{Is: is}, nil
	}
	op, args := v.Expr()
	switch op {
	case cue.OrOp, cue.AndOp:
		c := &condition{}
		for _, arg := range args {
			if arg.IncompleteKind()&^(cue.StructKind|cue.ListKind) == 0 {
				continue // checked by its fields or elements
			}
			part, err := scalarCondition(arg)
			if err != nil {
				return nil, err
			}
			if op == cue.OrOp {
				c.Or = append(c.Or, part)
			} else {
				c.And = append(c.And, part)
			}
		}
		return c, nil
	case cue.RegexMatchOp:
		pattern, err := args[0].String()
		return &condition{Match: pattern}, err
	case cue.NotEqualOp:
		text, err := args[0].String()
		return &condition{Not: &text}, err
	case cue.GreaterThanEqualOp, cue.GreaterThanOp, cue.LessThanEqualOp, cue.LessThanOp:
		number, err := args[0].MarshalJSON()
		return &condition{Op: op.String(), Than: json.Number(number)}, err
	case cue.CallOp:
		if fmt.Sprint(args[0]) == "time.Format" {
			layout, err := args[1].String()
			return &condition{Date: layout}, err
		}
	case cue.NoOp:
		kind, err := kindsOf(v.IncompleteKind())
		if err == nil && len(args) == 1 && kind&(isList|isStruct) == 0 {
			return &condition{Kind: kind}, nil
		}
	}
	return nil, fmt.Errorf("%v cannot be checked without CUE; extend condition", v)
}

// decodeInto decodes numbers as json.Number, as they are read back.
func decodeInto(v cue.Value, into any) error {
	src, err := v.MarshalJSON()
	if err != nil {
		return err
	}
	return decodeNumbers(src, into)
}

// element returns the schema of a list's elements, also where the list has a default such as *["a"] | [...string].
func element(list cue.Value) cue.Value {
	list = withoutDefault(list)
	if op, parts := list.Expr(); op == cue.OrOp {
		for _, part := range parts {
			if e := part.LookupPath(cue.MakePath(cue.AnyIndex)); e.Exists() {
				return e
			}
		}
	}
	return list.LookupPath(cue.MakePath(cue.AnyIndex))
}

// withoutDefault follows references and drops a default that the other alternative includes, as in *3 | int.
func withoutDefault(schema cue.Value) cue.Value {
	schema = cue.Dereference(schema)
	if _, hasDefault := schema.Default(); hasDefault {
		if op, parts := schema.Expr(); op == cue.NoOp && len(parts) == 1 {
			return cue.Dereference(parts[0])
		}
	}
	return schema
}

// enum returns the texts that a field is restricted to, without "", or nothing when it is not an enumeration.
func enum(schema cue.Value) []string {
	op, parts := schema.Expr()
	if op != cue.OrOp {
		return nil
	}
	var allowed []string
	for _, part := range parts {
		s, err := part.String()
		if err != nil {
			return nil
		}
		if s != "" {
			allowed = append(allowed, s)
		}
	}
	return allowed
}

// deriveConfig derives the structure of the configuration.
func deriveConfig() (*derived, error) {
	v, err := compile("config.cue", "layout.cue")
	if err != nil {
		return nil, err
	}
	deriver, d := newDeriver(), &derived{}
	if d.Config, err = deriver.derive(lookup(v, "#Config")); err != nil {
		return nil, err
	}
	d.Shapes = deriver.shapes
	return d, nil
}

// deriveOperator derives what is needed of an operator's CUE files.
func deriveOperator(name string) (*derived, error) {
	folder := "operator/" + name + "/"
	v, err := compile(folder + "operator.cue")
	if err != nil {
		return nil, err
	}
	deriver, d := newDeriver(), &derived{Operator: &Operator{}}
	about := lookup(v, "operator")
	if err := about.Decode(d.Operator); err != nil {
		return nil, err
	}
	d.Operator.Name, d.Operator.Doc = name, doc(about)
	sources := d.Operator.sources()
	hasSchema := false
	if _, err := fs.Stat(schemaFiles, folder+"schema.cue"); err == nil {
		hasSchema, sources = true, append(sources, folder+"schema.cue")
	}
	if v, err = compileFrom(readWithSchemas, sources...); err != nil {
		return nil, err
	}
	if hints := lookup(v, "misplaced"); hints.Exists() {
		var byKind map[string][]misplaced
		if err := hints.Decode(&byKind); err != nil {
			return nil, err
		}
		for _, kind := range slices.Sorted(maps.Keys(byKind)) {
			if err := d.Misplaced.add(kind, byKind[kind]...); err != nil {
				return nil, err
			}
		}
	}
	if err := d.deriveInstances(v); err != nil {
		return nil, err
	}
	own, err := deriver.typed(v)
	if err != nil {
		return nil, err
	}
	d.Values, d.Operator.Without, d.Operator.WithoutProfiles = own.Values, own.Without, own.WithoutProfiles
	d.Operator.Engines, d.Operator.WithoutEngines = own.Engines, own.WithoutEngines
	if hasSchema {
		d.Resources = map[string]map[string]int{}
		for _, version := range d.Operator.Versions {
			d.Resources[version] = map[string]int{}
			for _, k := range d.Operator.Kinds {
				schema, err := resourceSchema(v, version, k)
				if err != nil {
					return nil, err
				}
				if !schema.Exists() { // the version has no such kind
					continue
				}
				if d.Resources[version][k.APIVersion+" "+k.Kind], err = deriver.derive(schema); err != nil {
					return nil, err
				}
			}
		}
	}
	if err := errors.Join(d.deriveTypes(deriver), d.deriveMade()); err != nil {
		return nil, err
	}
	if len(deriver.shapes) > 1 {
		d.Shapes = deriver.shapes
	}
	return d, nil
}

// typed derives what generate asks for a resource of a type.
func (d *deriver) typed(v cue.Value) (t typed, err error) {
	for name, into := range map[string]any{
		"without": &t.Without, "withoutProfiles": &t.WithoutProfiles, "withoutEngines": &t.WithoutEngines, "engines": &t.Engines,
	} {
		if without := lookup(v, name); without.Exists() {
			if err := without.Decode(into); err != nil {
				return t, err
			}
		}
	}
	for engine, values := range t.Engines {
		maps.DeleteFunc(values, func(key, _ string) bool { return t.Without[key] != "" })
		if t.WithoutEngines[engine] != "" {
			delete(t.Engines, engine)
		}
	}
	if key := lookup(v, "valuesKey"); key.Exists() {
		if t.ValuesKey, err = key.String(); err != nil {
			return t, err
		}
	}
	if values := lookup(v, "#Values"); values.Exists() {
		if t.Values, err = d.derive(values); err != nil {
			return t, err
		}
		for key := range t.Without {
			delete(d.shapes[t.Values].Fields, key)
		}
	}
	return t, nil
}

// deriveTypes adds the resource types that have a directory of their own.
func (d *derived) deriveTypes(deriver *deriver) error {
	for _, typ := range d.Operator.Types {
		of := *d.Operator
		of.typ = typ
		if _, err := fs.Stat(files, of.dir()+"/resource.yaml"); err != nil {
			continue
		}
		v, err := compile(of.sources()...)
		if err != nil {
			return err
		}
		t, err := deriver.typed(v)
		if err != nil {
			return err
		}
		if d.Of == nil {
			d.Of = map[string]typed{}
		}
		d.Of[typ] = t
	}
	return nil
}

// anyName stands for the name of a Redis in the names of what operators make.
const anyName = "any-name"

// deriveMade adds what the operator makes for a Redis, so that nobody compiles CUE who only looks for these names.
func (d *derived) deriveMade() error {
	if len(d.Operator.Types) == 0 {
		return nil
	}
	for _, version := range d.Operator.Versions {
		names, err := d.Operator.Names(Request{Chart: anyName, Version: version})
		if refused := (finding.Problems{}); errors.As(err, &refused) { // a version that generate has no template for
			continue
		}
		if err != nil {
			return err
		}
		if err := d.Made.add(version, names.Objects...); err != nil {
			return err
		}
	}
	return nil
}

// resourceSchema returns the schema of a kind of resource, narrowed by what the operator itself refuses.
func resourceSchema(v cue.Value, version string, k Kind) (cue.Value, error) {
	schema := v.LookupPath(cue.MakePath(cue.Def("#Resources"), cue.Str(version), cue.Str(k.APIVersion), cue.Str(k.Kind)))
	if !schema.Exists() {
		return schema, nil
	}
	if bounds := v.LookupPath(cue.MakePath(cue.Str("bounds"), cue.Str(k.Kind))); bounds.Exists() {
		schema = schema.Unify(bounds)
	}
	return schema, schema.Err()
}

// encode writes a structure with one shape a line, so that a change of it can be read; the shapes of an operator are left out.
func (d *derived) encode() ([]byte, error) {
	fields := map[string]json.RawMessage{}
	all, err := json.Marshal(d)
	if err == nil {
		err = json.Unmarshal(all, &fields)
	}
	if err == nil && d.Operator == nil {
		fields["shapes"], err = d.Shapes.encode()
	} else {
		delete(fields, "shapes")
	}
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString("{")
	for i, name := range slices.Sorted(maps.Keys(fields)) {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n" + strconv.Quote(name) + ": ")
		b.Write(bytes.TrimSpace(fields[name]))
	}
	b.WriteString("\n}\n")
	return b.Bytes(), nil
}

// encode writes shapes, one a line.
func (all structure) encode() ([]byte, error) {
	lines := make([]string, len(all))
	for i, s := range all {
		var line bytes.Buffer
		encoder := json.NewEncoder(&line)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(s); err != nil {
			return nil, err
		}
		lines[i] = strings.TrimSpace(line.String())
	}
	return []byte("[\n" + strings.Join(lines, ",\n") + "\n]\n"), nil
}
