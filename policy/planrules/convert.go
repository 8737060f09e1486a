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

// Plains implements [policy.Values].
func (p *pool) Plains() func(policy.Value) (any, error) {
	known := plains{}
	return func(v policy.Value) (any, error) { return known.of(of(v)) }
}

// plain returns a value as plain data. Sets are sorted arrays there, and keys that are not texts are written in JSON.
func plain(v any) (any, error) { return plains(nil).of(v) }

// plains are arrays and objects as plain data; nil remembers none.
type plains map[any]any

func (p plains) of(v any) (any, error) {
	switch v := v.(type) {
	case null:
		return nil, nil
	case number:
		return policy.Numbers(json.Number(v)), nil
	case *set:
		return p.list(v.inOrder())
	case *array, *object:
		if out, known := p[v]; known {
			return out, nil
		}
		out, err := p.part(v)
		if p != nil && err == nil {
			p[v] = out
		}
		return out, err
	}
	return v, nil
}

// part makes plain data of an array or object.
func (p plains) part(v any) (any, error) {
	if a, ok := v.(*array); ok {
		return p.list(a.elems)
	}
	o := v.(*object)
	out := make(map[string]any, len(o.pairs))
	for _, pair := range o.inOrder() {
		key, ok := pair.key.(string)
		if !ok {
			k, err := p.of(pair.key)
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
		if out[key], err = p.of(pair.value); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (p plains) list(list []any) (any, error) {
	out := make([]any, len(list))
	for i, e := range list {
		var err error
		if out[i], err = p.of(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// pool makes values that share their texts and, in data with Go types and in what [pool.Share] gave, equal small parts: of what a
// repository is made of, most occurs in each of its applications.
type pool struct {
	mu      sync.Mutex
	texts   map[string]any
	parts   map[uint64]any // arrays and objects by their elements, which are shared themselves
	hash    maphash.Hash   // of those
	arrays  slab[array]
	objects slab[object]
	elems   slab[any]
	pairs   slab[pair]

	made  []pair // of the objects that are being made
	items []any  // of the arrays

	again map[typedList]any // of the value that is being made: what Go values come to that others have too
}

// typedList is a slice of slices, or a map.
type typedList struct {
	of  reflect.Type
	at  uintptr
	len int
}

// slab is room for many values that live as long: one by one, they would leave holes among what is soon garbage.
type slab[E any] struct{ free []E }

// slabSize is how many there are in one.
const slabSize = 512

// take copies a list into a slab. A large one has room of its own.
func (s *slab[E]) take(list []E) []E {
	n := len(list)
	if n > slabSize/4 {
		return slices.Clone(list)
	}
	if n > len(s.free) {
		s.free = make([]E, slabSize)
	}
	out := s.free[:n:n]
	s.free = s.free[n:]
	copy(out, list)
	return out
}

func (s *slab[E]) one(e E) *E {
	if len(s.free) == 0 {
		s.free = make([]E, slabSize)
	}
	out := &s.free[0]
	*out, s.free = e, s.free[1:]
	return out
}

// maxShared is how many elements a part has at most that is shared.
const maxShared = 64

// array returns the array with these elements that there is already, or one with a copy of them.
func (p *pool) array(elems []any) any {
	key, known := p.known(order((*array)(nil)), len(elems), func(take func(any)) {
		for _, e := range elems {
			take(e)
		}
	})
	if a, ok := known.(*array); ok && slices.Equal(a.elems, elems) {
		return a
	}
	return p.add(key, known, p.newArray(elems))
}

func (p *pool) newArray(elems []any) *array { return p.arrays.one(array{p.elems.take(elems)}) }

// object is array for the pairs of an object, sorted by their keys.
func (p *pool) object(pairs []pair) any {
	key, known := p.known(order((*object)(nil)), len(pairs), func(take func(any)) {
		for i := range pairs {
			take(pairs[i].key)
			take(pairs[i].value)
		}
	})
	if o, ok := known.(*object); ok && slices.Equal(o.pairs, pairs) {
		return o
	}
	return p.add(key, known, p.newObject(pairs))
}

func (p *pool) newObject(pairs []pair) *object {
	return p.objects.one(object{pairs: p.pairs.take(pairs), sorted: true})
}

// known returns the part with a hash, and the hash: 0 for one that is too large to be shared. An empty list is no empty object.
func (p *pool) known(order, elements int, each func(take func(any))) (key uint64, part any) {
	if elements > maxShared {
		return 0, nil
	}
	p.hash.Reset()
	_ = p.hash.WriteByte(byte(order))
	each(func(e any) { maphash.WriteComparable(&p.hash, e) })
	key = max(p.hash.Sum64(), 1)
	return key, p.parts[key]
}

// add keeps a new part, unless there is another one with its hash.
func (p *pool) add(key uint64, known, part any) any {
	if key != 0 && known == nil {
		if p.parts == nil {
			p.parts = map[uint64]any{}
		}
		p.parts[key] = part
	}
	return part
}

// Value makes a value of plain data.
func (p *pool) Value(data any) (policy.Value, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.texts == nil {
		p.texts = map[string]any{}
	}
	v, err := p.of(data)
	clear(p.again) // what is at these addresses may be something else soon
	if err != nil {
		return nil, err
	}
	return &value{v}, nil
}

// Share implements [policy.Values].
func (p *pool) Share(v policy.Value) policy.Value {
	p.mu.Lock()
	defer p.mu.Unlock()
	return &value{p.share(of(v))}
}

// share returns what is shared in the place of a value, the parts of which it replaces so too.
func (p *pool) share(v any) any {
	switch v := v.(type) {
	case *array:
		for i, e := range v.elems {
			v.elems[i] = p.share(e)
		}
		return p.array(v.elems)
	case *object:
		for i := range v.pairs {
			v.pairs[i].value = p.share(v.pairs[i].value)
		}
		return p.object(v.inOrder())
	}
	return v
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
		if k := v.Type().Elem().Kind(); k == reflect.Slice {
			return p.once(v, p.slice)
		}
		return p.slice(v)
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String {
			return p.once(v, p.mapOf)
		}
	case reflect.Struct:
		return p.fields(v)
	}
	return nil, fmt.Errorf("policy: %s is not plain data", v.Type())
}

// once makes a value of a list unless it has been made of the same one.
func (p *pool) once(v reflect.Value, list func(reflect.Value) (any, error)) (any, error) {
	key := typedList{v.Type(), v.Pointer(), v.Len()}
	if known, ok := p.again[key]; ok {
		return known, nil
	}
	made, err := list(v)
	if err == nil {
		if p.again == nil {
			p.again = map[typedList]any{}
		}
		p.again[key] = made
	}
	return made, err
}

func (p *pool) slice(v reflect.Value) (any, error) {
	from := len(p.items)
	defer func() { p.items = p.items[:from] }()
	for i := range v.Len() {
		each, err := p.typed(v.Index(i))
		if err != nil {
			return nil, err
		}
		p.items = append(p.items, each)
	}
	if shape.Unique(v.Type()) {
		return p.newArray(p.items[from:]), nil
	}
	return p.array(p.items[from:]), nil
}

func (p *pool) mapOf(v reflect.Value) (any, error) {
	from := len(p.made)
	defer func() { p.made = p.made[:from] }()
	for i := v.MapRange(); i.Next(); {
		each, err := p.typed(i.Value())
		if err != nil {
			return nil, err
		}
		p.made = append(p.made, pair{p.text(i.Key().String()), each})
	}
	pairs := p.made[from:]
	slices.SortFunc(pairs, func(a, b pair) int { return strings.Compare(a.key.(string), b.key.(string)) })
	return p.object(pairs), nil
}

// fields makes an object of a struct.
func (p *pool) fields(v reflect.Value) (any, error) {
	from := len(p.made)
	defer func() { p.made = p.made[:from] }()
	for _, f := range shape.Of(v.Type()).Fields { // sorted
		field, there := f.Of(v)
		if !there {
			continue
		}
		each, err := p.typed(field)
		if err != nil {
			return nil, err
		}
		p.made = append(p.made, pair{f.Key, each})
	}
	if shape.Unique(v.Type()) {
		return p.newObject(p.made[from:]), nil
	}
	return p.object(p.made[from:]), nil
}
