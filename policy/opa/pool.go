package opa

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/policy/internal/shape"
)

// pool makes values that share what is alike. The documents of a repository are much alike, so that they take a fraction of the
// memory that values of their own take. It may be used by several goroutines.
type pool struct {
	mu    sync.Mutex
	texts map[string]*ast.Term
	terms map[int][]*ast.Term // arrays and objects by hash
	err   error               // of the value that is being made
}

// Share returns the value as it is.
func (p *pool) Share(value policy.Value) policy.Value { return value }

// Plains shares nothing.
func (p *pool) Plains() func(policy.Value) (any, error) { return policy.Value.Plain }

// Value makes a value of plain data.
func (p *pool) Value(data any) (policy.Value, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.texts == nil {
		p.texts, p.terms = map[string]*ast.Term{}, map[int][]*ast.Term{}
	}
	p.err = nil
	switch data := data.(type) {
	case map[string]any: // one of its kind, most likely
		v := p.object(data)
		return value{v}, p.err
	case []any:
		v := p.array(data)
		return value{v}, p.err
	case value:
		return data, nil
	}
	if v := reflect.ValueOf(data); v.Kind() == reflect.Struct {
		v := p.fields(v)
		return value{v}, p.err
	}
	return newValue(data)
}

func (p *pool) object(data map[string]any) ast.Value {
	pairs := make([][2]*ast.Term, 0, len(data))
	for key, value := range data {
		pairs = append(pairs, [2]*ast.Term{p.text(key), p.term(value)})
	}
	return ast.NewObject(pairs...)
}

func (p *pool) array(data []any) ast.Value {
	terms := make([]*ast.Term, len(data))
	for i, element := range data {
		terms[i] = p.term(element)
	}
	return ast.NewArray(terms...)
}

func (p *pool) text(s string) *ast.Term {
	t := p.texts[s]
	if t == nil {
		t = ast.StringTerm(s)
		p.texts[s] = t
	}
	return t
}

func (p *pool) term(data any) *ast.Term {
	switch data := data.(type) {
	case nil:
		return ast.InternedNullTerm
	case bool:
		return ast.InternedTerm(data)
	case int64:
		return ast.InternedTerm(int(data))
	case string:
		return p.text(data)
	case map[string]any:
		return p.shared(p.object(data))
	case []any:
		return p.shared(p.array(data))
	case value:
		return ast.NewTerm(data.v)
	case json.Number, float64:
	default:
		if t := p.typed(reflect.ValueOf(data)); t != nil {
			return t
		}
	}
	v, err := ast.InterfaceToValue(data)
	if err != nil {
		p.err = fmt.Errorf("policy: %w", err)
		return ast.InternedNullTerm
	}
	return ast.NewTerm(v)
}

// typed makes a term of data with Go types; nil for what is no plain data.
func (p *pool) typed(v reflect.Value) *ast.Term {
	if shape.IsValue(v.Type()) {
		given, _ := v.Interface().(policy.Value)
		return ast.NewTerm(of(given))
	}
	switch v.Kind() {
	case reflect.String:
		return p.text(v.String())
	case reflect.Bool:
		return ast.InternedTerm(v.Bool())
	case reflect.Int, reflect.Int64:
		return ast.InternedTerm(int(v.Int()))
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return ast.InternedNullTerm
		}
		if v.Kind() == reflect.Interface {
			return p.term(v.Interface())
		}
		return p.typed(v.Elem())
	case reflect.Slice:
		terms := make([]*ast.Term, v.Len())
		for i := range terms {
			if terms[i] = p.typed(v.Index(i)); terms[i] == nil {
				return nil
			}
		}
		if array := ast.NewArray(terms...); !shape.Unique(v.Type().Elem()) {
			return p.shared(array)
		} else {
			return ast.NewTerm(array)
		}
	case reflect.Map:
		return p.typedMap(v)
	case reflect.Struct:
		if object := p.fields(v); !shape.Unique(v.Type()) {
			return p.shared(object)
		} else {
			return ast.NewTerm(object)
		}
	}
	return nil
}

func (p *pool) typedMap(v reflect.Value) *ast.Term {
	if v.Type().Key().Kind() != reflect.String {
		return nil
	}
	pairs := make([][2]*ast.Term, 0, v.Len())
	for i := v.MapRange(); i.Next(); {
		value := p.typed(i.Value())
		if value == nil {
			return nil
		}
		pairs = append(pairs, [2]*ast.Term{p.text(i.Key().String()), value})
	}
	return p.shared(ast.NewObject(pairs...))
}

// fields makes an object of a struct.
func (p *pool) fields(v reflect.Value) ast.Value {
	fields := shape.Of(v.Type()).Fields
	pairs := make([][2]*ast.Term, 0, len(fields))
	for _, f := range fields {
		field, there := f.Of(v)
		if !there {
			continue
		}
		value := p.typed(field)
		if value == nil {
			p.err = fmt.Errorf("policy: %s.%s is not plain data", v.Type(), f.Name)
			value = ast.InternedNullTerm
		}
		pairs = append(pairs, [2]*ast.Term{p.text(f.Name), value})
	}
	return ast.NewObject(pairs...)
}

func (p *pool) shared(v ast.Value) *ast.Term {
	hash := v.Hash()
	for _, t := range p.terms[hash] {
		if ast.Compare(t.Value, v) == 0 {
			return t
		}
	}
	t := ast.NewTerm(v)
	p.terms[hash] = append(p.terms[hash], t)
	return t
}
