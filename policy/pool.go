//go:build !compiled

package policy

import (
	"fmt"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Pool makes values that share what is alike. The documents of a repository are much alike, so that they take a fraction of the
// memory that values of their own take. A nil Pool shares nothing. It may be used by several goroutines.
type Pool struct {
	mu    sync.Mutex
	texts map[string]*ast.Term
	terms map[int][]*ast.Term // arrays and objects by hash
	err   error               // of the value that is being made
}

// Value is [NewValue], out of the pool.
func (p *Pool) Value(data any) (Value, error) {
	if p == nil {
		return NewValue(data)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.texts == nil {
		p.texts, p.terms = map[string]*ast.Term{}, map[int][]*ast.Term{}
	}
	p.err = nil
	switch data := data.(type) {
	case map[string]any: // one of its kind, most likely
		v := p.object(data)
		return Value{v}, p.err
	case []any:
		v := p.array(data)
		return Value{v}, p.err
	}
	return NewValue(data)
}

func (p *Pool) object(data map[string]any) ast.Value {
	pairs := make([][2]*ast.Term, 0, len(data))
	for key, value := range data {
		pairs = append(pairs, [2]*ast.Term{p.text(key), p.term(value)})
	}
	return ast.NewObject(pairs...)
}

func (p *Pool) array(data []any) ast.Value {
	terms := make([]*ast.Term, len(data))
	for i, element := range data {
		terms[i] = p.term(element)
	}
	return ast.NewArray(terms...)
}

func (p *Pool) text(s string) *ast.Term {
	t := p.texts[s]
	if t == nil {
		t = ast.StringTerm(s)
		p.texts[s] = t
	}
	return t
}

func (p *Pool) term(data any) *ast.Term {
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
	}
	v, err := ast.InterfaceToValue(data)
	if err != nil {
		p.err = fmt.Errorf("policy: %w", err)
		return ast.InternedNullTerm
	}
	return ast.NewTerm(v)
}

func (p *Pool) shared(v ast.Value) *ast.Term {
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
