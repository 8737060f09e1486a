package planrules

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/policy/internal/shape"
)

// hosted returns a built-in function of OPA's interpreter.
func hosted(name string) (builtin, error) {
	call := topdown.GetBuiltin(name)
	if call == nil {
		return nil, fmt.Errorf("policy: the plan of the rules calls %q, which OPA does not have", name)
	}
	return func(m *machine, args []any) any {
		terms := make([]*ast.Term, len(args))
		for i, a := range args {
			terms[i] = toTerm(a)
		}
		var out any
		err := call(topdown.BuiltinContext{Context: m.ctx}, terms, func(t *ast.Term) error {
			out = ofOPA(t.Value)
			return nil
		})
		if err != nil {
			return nil
		}
		return out
	}, nil
}

// toTerm returns a value in the form of OPA.
func toTerm(v any) *ast.Term {
	switch v := v.(type) {
	case null:
		return ast.InternedNullTerm
	case bool:
		return ast.InternedTerm(v)
	case int64:
		return ast.NewTerm(ast.Number(strconv.FormatInt(v, 10)))
	case number:
		return ast.NewTerm(ast.Number(v))
	case string:
		return ast.StringTerm(v)
	case *array:
		return ast.ArrayTerm(toTerms(v.elems)...)
	case *object:
		pairs := make([][2]*ast.Term, len(v.pairs))
		for i, p := range v.pairs {
			pairs[i] = [2]*ast.Term{toTerm(p.key), toTerm(p.value)}
		}
		return ast.ObjectTerm(pairs...)
	case *set:
		return ast.SetTerm(toTerms(v.elems)...)
	}
	panic(fmt.Sprintf("policy: %T is not a value", v))
}

func toTerms(list []any) []*ast.Term {
	terms := make([]*ast.Term, len(list))
	for i, e := range list {
		terms[i] = toTerm(e)
	}
	return terms
}

// ofOPA is the other way around.
func ofOPA(v ast.Value) any {
	switch v := v.(type) {
	case ast.Boolean:
		return bool(v)
	case ast.Number:
		return numberOf(string(v))
	case ast.String:
		return string(v)
	case *ast.Array:
		out := &array{make([]any, 0, v.Len())}
		v.Foreach(func(t *ast.Term) { out.elems = append(out.elems, ofOPA(t.Value)) })
		return out
	case ast.Object:
		out := &object{pairs: make([]pair, 0, v.Len())}
		for _, k := range v.Keys() { // sorted
			out.put(ofOPA(k.Value), ofOPA(v.Get(k).Value))
		}
		return out
	case ast.Set:
		out := &set{}
		for _, t := range v.Slice() {
			out.add(ofOPA(t.Value))
		}
		return out
	}
	return null{}
}

// value is plain data as the rules see it.
type value struct{ v any }

// of returns a value of this engine.
func of(v policy.Value) any {
	if v == nil {
		return null{}
	}
	return v.(*value).v
}

// Equal reports whether two values are the same.
func (v *value) Equal(other policy.Value) bool {
	o, ok := other.(*value)
	return ok && (v == o || equal(v.v, o.v))
}

func (v *value) Plain() (any, error) { return plain(v.v) }

// plain returns a value as plain data. Sets are sorted arrays there, and keys that are not texts are written in JSON.
func plain(v any) (any, error) {
	switch v := v.(type) {
	case null:
		return nil, nil
	case number:
		return policy.Numbers(json.Number(v)), nil
	case *array:
		return plainList(v.elems)
	case *set:
		return plainList(v.inOrder())
	case *object:
		out := make(map[string]any, len(v.pairs))
		for _, p := range v.inOrder() {
			key, ok := p.key.(string)
			if !ok {
				k, err := plain(p.key)
				if err != nil {
					return nil, err
				}
				text, err := json.Marshal(k)
				if err != nil {
					return nil, fmt.Errorf("policy: %w", err)
				}
				key = string(text)
			}
			var err error
			if out[key], err = plain(p.value); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return v, nil
}

func plainList(list []any) (any, error) {
	out := make([]any, len(list))
	for i, e := range list {
		var err error
		if out[i], err = plain(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// pool makes values that share their texts and, in data with Go types, equal small parts: of what a repository is made of, most occurs in
// each of its applications.
type pool struct {
	mu    sync.Mutex
	texts map[string]any
	parts map[uint64]any // arrays and objects by their elements, which are shared themselves
}

// maxShared is how many elements a part has at most that is shared.
const maxShared = 64

// shared returns the part with these elements that there is already, or this one.
func (p *pool) shared(part any, elements int) any {
	if elements > maxShared {
		return part
	}
	var h maphash.Hash
	h.SetSeed(seed)
	_ = h.WriteByte(byte(order(part))) // an empty list is no empty object
	eachElement(part, func(e any) { maphash.WriteComparable(&h, e) })
	key := h.Sum64()
	known := p.parts[key]
	if known == nil {
		if p.parts == nil {
			p.parts = map[uint64]any{}
		}
		p.parts[key] = part
		return part
	}
	if sameElements(known, part) {
		return known
	}
	return part
}

// eachElement gives the elements of an array, and the keys and values of an object.
func eachElement(part any, take func(e any)) {
	switch part := part.(type) {
	case *array:
		for _, e := range part.elems {
			take(e)
		}
	case *object:
		for _, each := range part.pairs {
			take(each.key)
			take(each.value)
		}
	}
}

// sameElements reports whether two parts consist of the very same elements.
func sameElements(a, b any) bool {
	switch a := a.(type) {
	case *array:
		b, ok := b.(*array)
		return ok && slices.Equal(a.elems, b.elems)
	case *object:
		b, ok := b.(*object)
		return ok && slices.Equal(a.pairs, b.pairs)
	}
	return false
}

// Value makes a value of plain data.
func (p *pool) Value(data any) (policy.Value, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.texts == nil {
		p.texts = map[string]any{}
	}
	v, err := p.of(data)
	if err != nil {
		return nil, err
	}
	return &value{v}, nil
}

func (p *pool) text(s string) any {
	t := p.texts[s]
	if t == nil {
		t = s
		p.texts[s] = t
	}
	return t
}

func (p *pool) of(data any) (any, error) {
	switch data := data.(type) {
	case nil:
		return null{}, nil
	case bool, int64:
		return data, nil
	case string:
		return p.text(data), nil
	case json.Number:
		return checked(string(data))
	case float64:
		return numberOf(strconv.FormatFloat(data, 'g', -1, 64)), nil
	case map[string]any:
		o := &object{pairs: make([]pair, 0, len(data)), sorted: true}
		for key, each := range data {
			v, err := p.of(each)
			if err != nil {
				return nil, err
			}
			o.pairs = append(o.pairs, pair{p.text(key), v})
		}
		o.sort()
		return o, nil
	case []any:
		a := &array{make([]any, len(data))}
		for i, each := range data {
			var err error
			if a.elems[i], err = p.of(each); err != nil {
				return nil, err
			}
		}
		return a, nil
	case *value:
		return data.v, nil
	}
	return p.typed(reflect.ValueOf(data))
}

func (o *object) sort() {
	slices.SortFunc(o.pairs, func(a, b pair) int { return strings.Compare(a.key.(string), b.key.(string)) })
}

func checked(text string) (any, error) {
	n, err := ast.NumberChecked(text)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	return numberOf(string(n)), nil
}

// typed makes a value of data with Go types.
func (p *pool) typed(v reflect.Value) (any, error) {
	if shape.IsValue(v.Type()) {
		given, _ := v.Interface().(policy.Value)
		return of(given), nil
	}
	switch v.Kind() {
	case reflect.String:
		return p.text(v.String()), nil
	case reflect.Bool:
		return v.Bool(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return numberOf(strconv.FormatUint(v.Uint(), 10)), nil
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return null{}, nil
		}
		if v.Kind() == reflect.Interface {
			return p.of(v.Interface())
		}
		return p.typed(v.Elem())
	case reflect.Slice:
		a := &array{make([]any, v.Len())}
		for i := range a.elems {
			var err error
			if a.elems[i], err = p.typed(v.Index(i)); err != nil {
				return nil, err
			}
		}
		return p.shared(a, len(a.elems)), nil
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String {
			return p.mapOf(v)
		}
	case reflect.Struct:
		return p.fields(v)
	}
	return nil, fmt.Errorf("policy: %s is not plain data", v.Type())
}

func (p *pool) mapOf(v reflect.Value) (any, error) {
	o := &object{pairs: make([]pair, 0, v.Len()), sorted: true}
	for i := v.MapRange(); i.Next(); {
		each, err := p.typed(i.Value())
		if err != nil {
			return nil, err
		}
		o.pairs = append(o.pairs, pair{p.text(i.Key().String()), each})
	}
	o.sort()
	return p.shared(o, len(o.pairs)), nil
}

// fields makes an object of a struct.
func (p *pool) fields(v reflect.Value) (any, error) {
	fields := shape.Of(v.Type()).Fields // sorted
	o := &object{pairs: make([]pair, 0, len(fields)), sorted: true}
	for _, f := range fields {
		field, there := f.Of(v)
		if !there {
			continue
		}
		each, err := p.typed(field)
		if err != nil {
			return nil, err
		}
		o.pairs = append(o.pairs, pair{p.text(f.Name), each})
	}
	return p.shared(o, len(o.pairs)), nil
}
