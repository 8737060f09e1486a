package cue

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"cuelang.org/go/cue"

	"github.com/redis-gitops/redis-gitops/finding"
)

// A Layer sets some values of a new resource, on top of the layers before it.
type Layer struct {
	Name    string // where the values come from: "profile cache", ".redis-gitops.yaml", "--set"
	Profile string // the embedded profile whose constraints hold, or ""
	Values  map[string]LayerValue
}

// Value is one value of a new resource.
type Value struct {
	Key   string
	Value any    // string, int64, float64 or bool; of an optional one also a mapping or list
	Layer string // the name of the layer that set it, or "default"
	Doc   string

	// Optional values are only written where they are asked for; a template without them has the behavior of their default.
	Optional bool
}

// A Profile is an embedded set of values for a purpose, or, as a size, to go on top of one.
type Profile struct {
	Name   string
	Doc    string
	Size   bool
	Values []Value
}

// Layer returns the profile as a layer.
func (p Profile) Layer() Layer {
	layer := Layer{Name: "profile " + p.Name, Profile: p.Name, Values: map[string]LayerValue{}}
	for _, v := range p.Values {
		layer.Values[v.Key] = LayerValue{Value: v.Value, Optional: v.Optional}
	}
	return layer
}

// Engine returns the values that choose a server, such as valkey, as a layer. The error is a [finding.Problem].
func (o *Operator) Engine(name string) (Layer, error) {
	values, ok := o.Engines[name]
	if !ok {
		if why := o.WithoutEngines[name]; why != "" {
			return Layer{}, &finding.Problem{Message: fmt.Sprintf("operator %q does not run engine %q: %s", o.Name, name, why)}
		}
		names := slices.Sorted(maps.Keys(o.Engines))
		return Layer{}, &finding.Problem{Message: fmt.Sprintf("unknown engine %q; %s%s", name, finding.OneOf(names), finding.DidYouMean(name, names))}
	}
	layer := Layer{Name: "engine " + name, Values: map[string]LayerValue{}}
	for key, value := range values {
		layer.Values[key] = LayerValue{Value: value}
	}
	return layer, nil
}

// Profiles returns the embedded profiles and then the sizes, each in the order of operator.cue.
func (o *Operator) Profiles() []Profile {
	if kept, ok := knownProfiles.Load(o.dir()); ok {
		return slices.Clone(kept.([]Profile))
	}
	profiles := o.computeProfiles()
	knownProfiles.Store(o.dir(), profiles)
	return slices.Clone(profiles)
}

// Accepted is what lint reports about a deliberate choice.
type Accepted struct {
	Value  string   // the key of the value that the findings are about
	Rules  []string // their rules, in order
	Reason string
	Kind   string // of the resource that they are about, "" for the first one of the template
}

// Accepts returns what lint reports about a choice: the name of a size, or "existing" for a Secret that is created elsewhere.
func (o *Operator) Accepts(choice string) (out []Accepted) {
	schema, done := o.schema()
	defer done()
	values, err := lookup(lookup(schema, "accepts"), choice).Fields()
	if err != nil {
		return nil
	}
	for values.Next() {
		a := Accepted{Value: values.Selector().Unquoted()}
		a.Reason, _ = lookup(values.Value(), "reason").String()
		a.Kind, _ = lookup(values.Value(), "kind").String()
		rules, err := lookup(values.Value(), "rules").Fields()
		for err == nil && rules.Next() {
			a.Rules = append(a.Rules, rules.Selector().Unquoted())
		}
		slices.Sort(a.Rules)
		if len(a.Rules) > 0 {
			out = append(out, a)
		}
	}
	return out
}

// knownProfiles are those of operators, by directory; nobody changes their values.
var knownProfiles sync.Map

func (o *Operator) computeProfiles() []Profile {
	schema, done := o.schema()
	defer done()
	var profiles []Profile
	for _, list := range []string{"profiles", "sizes"} {
		fields, err := lookup(schema, list).Fields()
		if err != nil {
			continue // an operator without them
		}
		for fields.Next() {
			p := Profile{Name: fields.Selector().Unquoted(), Size: list == "sizes"}
			if o.WithoutProfiles[p.Name] != "" {
				continue
			}
			p.Doc, _ = lookup(fields.Value(), "doc").String()
			layer := "profile " + p.Name
			values, _ := lookup(fields.Value(), "values").Fields()
			for values.Next() {
				key := values.Selector().Unquoted()
				if o.Without[key] != "" {
					continue
				}
				p.Values = append(p.Values, Value{
					Key: key, Value: plain(values.Value()), Layer: layer, Doc: doc(field(schema, key)), Optional: isOptional(schema, key),
				})
			}
			profiles = append(profiles, p)
		}
	}
	return profiles
}

// Resolve returns the values of a new resource: for each key the last layer's value, else the default, in the order of
// the schema, and then the keys that only the template knows. Optional values are left out unless a layer sets them; a profile does
// with another value than the default. known are the keys that the template offers; a key that
// is neither among them nor in #Values is refused, and so are values out of bounds and values that do not go together.
// The error is [finding.Problems], where the user wrote the value, with the path prefix.key.
func (o *Operator) Resolve(prefix string, layers []Layer, known []string) ([]Value, error) {
	set := map[string]layered{}
	var order, profiles []string
	schema, done := o.schema()
	defer done()
	fields, err := lookup(schema, "#Values").Fields(cue.Optional(true))
	if err != nil {
		return nil, fmt.Errorf("embedded operator %s: %w", o.Name, err)
	}
	for fields.Next() {
		if key := fields.Selector().Unquoted(); o.Without[key] == "" {
			order = append(order, key)
		}
	}
	own := len(order)
	var problems finding.Problems
	report := func(at finding.Position, key, message, suggestion string) {
		problems = append(problems, &finding.Problem{Position: at, Path: strings.TrimPrefix(prefix+"."+key, "."), Message: message, Suggestion: suggestion})
	}
	for _, layer := range layers {
		profiles = append(profiles, layer.Profile)
		for key, value := range layer.Values {
			switch {
			case slices.Contains(order, key):
			case slices.Contains(known, key):
				order = append(order, key)
			case o.Without[key] != "":
				report(value.At, key, o.Without[key], "")
			default:
				report(value.At, key, unknownName("value", key, slices.Concat(order[:own], known)), "")
			}
			set[key] = layered{value, layer.Name}
		}
	}
	slices.Sort(order[own:])
	given, shapes := map[string]any{}, o.derived.shapes()
	for _, key := range order[:own] {
		if s, ok := set[key]; ok {
			shape := shapes[o.derived.Values].Fields[key]
			if text, ok := s.Value.(string); ok && shapes[shape].Kind&isString == 0 {
				s.Value = fromText(shapes[shape].Kind, text)
			}
			given[key] = s.Value
			for _, v := range shapes.violations(shape, s.Value) {
				report(s.At, pathString(append([]string{key}, v.Path...)), v.Message, v.Suggestion)
			}
		}
	}
	if len(problems) > 0 {
		return nil, problems.Err()
	}
	whole := lookup(schema, "#Problems").Unify(asValue(map[string]any{"values": given, "profiles": profiles}))
	var wrong []struct {
		Keys    []string `json:"keys"`
		Message string   `json:"message"`
	}
	if err := lookup(whole, "out").Decode(&wrong); err != nil {
		return nil, fmt.Errorf("embedded operator %s: %w", o.Name, err)
	}
	for _, w := range wrong {
		key := w.Keys[0]
		for _, k := range w.Keys {
			if _, ok := set[k]; ok {
				key = k
				break
			}
		}
		report(set[key].At, key, w.Message, "")
	}
	return resolvedValues(schema, lookup(whole, "values"), order, own, set), problems.Err()
}

// layered is a value with the name of the layer that set it.
type layered struct {
	LayerValue
	layer string
}

// resolvedValues returns the values of the keys in their order, of which the first own ones are in the schema.
func resolvedValues(schema, resolved cue.Value, order []string, own int, set map[string]layered) (values []Value) {
	for i, key := range order {
		from, isSet := set[key]
		value := Value{Key: key, Value: from.Value, Layer: from.layer}
		if !isSet {
			value.Layer = "default"
		}
		if i < own {
			of := field(schema, key)
			value.Value, value.Doc = plain(resolved.LookupPath(cue.MakePath(cue.Str(key)))), doc(of)
			value.Optional = isOptional(schema, key)
			if value.Optional && (value.Value == nil || from.Optional && reflect.DeepEqual(value.Value, plain(of))) {
				continue
			}
		}
		values = append(values, value)
	}
	return values
}

// field returns the schema of a value of a new resource.
func field(schema cue.Value, key string) cue.Value {
	if v := schema.LookupPath(cue.MakePath(cue.Def("#Values"), cue.Str(key))); v.Exists() {
		return v
	}
	return schema.LookupPath(cue.MakePath(cue.Def("#Values"), cue.Str(key).Optional()))
}

// isOptional reports whether a value of a new resource is an optional one.
func isOptional(schema cue.Value, key string) bool {
	return !schema.LookupPath(cue.MakePath(cue.Def("#Values"), cue.Str(key))).Exists()
}

// fromText returns the mapping or list that a text stands for: YAML in flow style, or as on a command line key=value,… for a mapping,
// and key[=value][:effect],… for tolerations, as kubectl taint has it. Another text stays as it is, for the schema to reject.
func fromText(kind kinds, text string) any {
	if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
		if doc, problems := parseYAML("", []byte(text)); len(problems) == 0 {
			return doc.data
		}
		return text
	}
	pairs, list := map[string]any{}, []any{}
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if kind&isList == 0 {
			key, value, ok := strings.Cut(part, "=")
			if !ok || key == "" {
				return text
			}
			pairs[key] = value
			continue
		}
		taint, effect, _ := strings.Cut(part, ":")
		key, value, equal := strings.Cut(taint, "=")
		if key == "" {
			return text
		}
		toleration := map[string]any{"key": key, "operator": "Exists"}
		if equal {
			toleration["operator"], toleration["value"] = "Equal", value
		}
		if effect != "" {
			toleration["effect"] = effect
		}
		list = append(list, toleration)
	}
	switch {
	case kind&isList != 0:
		return list
	case kind&isStruct != 0:
		return pairs
	}
	return text
}

// plain returns a scalar, or its default, as string, int64, float64 or bool, and a mapping or list as plain data.
func plain(v cue.Value) any {
	v, _ = v.Default()
	switch v.Kind() {
	case cue.StringKind:
		s, _ := v.String()
		return s
	case cue.IntKind:
		i, _ := v.Int64()
		return i
	case cue.FloatKind:
		f, _ := v.Float64()
		return f
	case cue.BoolKind:
		b, _ := v.Bool()
		return b
	case cue.StructKind, cue.ListKind:
		var data any
		if v.Decode(&data) == nil {
			return data
		}
	}
	return nil
}

// doc returns the comment on a field as one line of text.
func doc(v cue.Value) string {
	var lines []string
	for _, group := range v.Doc() {
		lines = append(lines, strings.TrimSpace(group.Text()))
	}
	return strings.ReplaceAll(strings.Join(lines, "\n"), "\n", " ")
}

// CheckValues describes what is wrong with single values under resources.NAME of a values.yaml, given as plain data. Keys that only the
// template knows are fine, and so is a mapping without the key [Operator.ValuesKey], which is another operator's.
func (o *Operator) CheckValues(values map[string]any) []Violation {
	if o.derived == nil {
		return nil
	}
	all := o.each()
	at := slices.IndexFunc(all, func(o *Operator) bool {
		_, ours := values[o.ValuesKey]
		return ours && o.ValuesKey != ""
	})
	if at < 0 {
		return nil
	}
	shapes := o.derived.shapes()
	if len(shapes) == 0 {
		return nil
	}
	fields := shapes[all[at].derived.Values].Fields
	var out []Violation
	for _, key := range slices.Sorted(maps.Keys(values)) {
		shape, known := fields[key]
		if !known || values[key] == nil {
			continue
		}
		for _, v := range shapes.violations(shape, values[key]) {
			out = append(out, Violation{Violation: finding.Violation{Path: append([]string{key}, v.Path...), Message: v.Message}})
		}
	}
	return out
}

// ValuesKeys are the keys of values.yaml under which a resource may have its values, best first. The first one is also the
// name that `helm create` gives to the resources of a container, which its templates render as a whole; the others take its
// place there.
func ValuesKeys() []string { return []string{"resources", "databases", "datastores"} }

// Sizes is what follows from the memory of a pod, in MiB and seconds.
type Sizes struct {
	Maxmemory         float64 `json:"maxmemory"`
	ReplicaBuffer     float64 `json:"replicaBuffer"`
	SoftReplicaBuffer float64 `json:"softReplicaBuffer"`
	Backlog           float64 `json:"backlog"`
	LoadSeconds       float64 `json:"loadSeconds"`
	GraceSeconds      float64 `json:"graceSeconds"`
}

// Sizes returns what the templates of the operator compute for pods with so many MiB and a maxmemoryPercent.
func (o *Operator) Sizes(mebi float64, percent int) (sizes Sizes, err error) {
	schema, done := o.schema()
	defer done()
	err = lookup(schema, "#Sizes").Unify(asValue(map[string]any{"mebi": mebi, "percent": percent})).Decode(&sizes)
	if err != nil {
		err = fmt.Errorf("embedded operator %s: %w", o.Name, err)
	}
	return sizes, err
}
