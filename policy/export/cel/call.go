package cel

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// call evaluates a call of a function, ours or a built-in one. The compiler has taken calls out of terms, so that the last argument
// is what the function returns.
func (t *evaluator) call(terms []*ast.Term, e *env, steps []step, k next) error {
	operator := terms[0].Value.(ast.Ref)
	name := operator.String()
	if name == "eq" || name == "assign" || name == "equal" && len(terms) == 3 {
		return t.unify2(terms[1], terms[2], e, steps, k)
	}
	rules := t.compiler.GetRulesExact(operator)
	arity := 0
	if len(rules) > 0 {
		arity = len(rules[0].Head.Args)
	} else {
		b := ast.BuiltinMap[name]
		if b == nil {
			return because("calls %s", name)
		}
		arity = b.Decl.Arity()
	}
	return t.arguments(terms[1:1+arity], nil, e, steps, func(args []value, e *env, steps []step) error {
		var out []result
		var err error
		if len(rules) > 0 {
			out, err = t.rules(name, rules, args)
		} else {
			out, err = t.builtin(name, args)
		}
		if err != nil {
			return err
		}
		for _, r := range out {
			after := slices.Concat(steps, r.steps)
			if len(terms) > 1+arity {
				err = t.unify(terms[1+arity], r.value, e, after, k)
			} else {
				var f *formula
				if f, err = holding(r.value); err == nil {
					err = when(f, e, after, k)
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *evaluator) arguments(terms []*ast.Term, args []value, e *env, steps []step, k func([]value, *env, []step) error) error {
	if len(terms) == 0 {
		return k(args, e, steps)
	}
	return t.term(terms[0], e, steps, func(v value, e *env, steps []step) error {
		return t.arguments(terms[1:], append(slices.Clip(args), v), e, steps, k)
	})
}

// unify2 makes two terms equal, of which one may set variables.
func (t *evaluator) unify2(a, b *ast.Term, e *env, steps []step, k next) error {
	if open(a, e) {
		a, b = b, a
	}
	if open(a, e) {
		return because("matches two patterns")
	}
	return t.term(a, e, steps, func(v value, e *env, steps []step) error { return t.unify(b, v, e, steps, k) })
}

// open says whether a term has a variable that is not set, other than in a reference.
func open(x *ast.Term, e *env) bool {
	switch v := x.Value.(type) {
	case ast.Var:
		_, ok := e.get(v)
		return !ok && !v.Equal(ast.InputRootDocument.Value)
	case *ast.Array:
		for i := range v.Len() {
			if open(v.Elem(i), e) {
				return true
			}
		}
	case ast.Object:
		return v.Until(func(_, value *ast.Term) bool { return open(value, e) })
	}
	return false
}

// unify makes a term equal to a value.
func (t *evaluator) unify(x *ast.Term, v value, e *env, steps []step, k next) error {
	if name, ok := x.Value.(ast.Var); ok {
		if _, bound := e.get(name); !bound {
			return k(e.with(name, v), steps)
		}
	}
	if pattern, ok := x.Value.(*ast.Array); ok && open(x, e) {
		if c, ok := v.constant.(*ast.Array); ok {
			v = value{shape: "list"}
			for i := range c.Len() {
				v.list = append(v.list, constant(c.Elem(i).Value))
			}
		}
		switch {
		case v.shape == "list" && len(v.list) == pattern.Len():
			return t.elements(pattern, 0, v.list, e, steps, k)
		case v.shape == "list" || v.constant != nil:
			return nil
		case v.hidden != "":
			return because("%s", v.hidden)
		}
		return because("matches a pattern")
	}
	return t.term(x, e, steps, func(other value, e *env, steps []step) error {
		f, err := equal(other, v)
		if err != nil {
			return err
		}
		return when(f, e, steps, k)
	})
}

func (t *evaluator) elements(pattern *ast.Array, i int, list []value, e *env, steps []step, k next) error {
	if i == pattern.Len() {
		return k(e, steps)
	}
	return t.unify(pattern.Elem(i), list[i], e, steps, func(e *env, steps []step) error {
		return t.elements(pattern, i+1, list, e, steps, k)
	})
}

// equal is the condition that two values are the same.
func equal(a, b value) (*formula, error) {
	x, knownX := a.known()
	y, knownY := b.known()
	switch {
	case knownX && knownY:
		return truth(x.Compare(y) == 0), nil
	case a.kind == "position" && b.kind == "position":
		return truth(a.expr == b.expr), nil
	case a.hidden != "":
		return nil, because("%s", a.hidden)
	case b.hidden != "":
		return nil, because("%s", b.hidden)
	case knownX:
		return equal(b, a)
	case knownY && a.shape == "" && a.kind != "" && !fits(y, a.kind):
		return no, nil
	case knownY && a.shape == "" && a.kind == "bool":
		return map[bool]*formula{true: atom(a.expr), false: not(atom(a.expr))}[y.Compare(ast.Boolean(true)) == 0], nil
	case a.shape == "list" && knownY:
		array, ok := y.(*ast.Array)
		if !ok || array.Len() != len(a.list) {
			return no, nil
		}
		parts := []*formula{}
		for i, element := range a.list {
			f, err := equal(element, constant(array.Elem(i).Value))
			if err != nil {
				return nil, err
			}
			parts = append(parts, f)
		}
		return and(parts...), nil
	case a.shape == "object" && knownY:
		return nil, because("compares an object")
	case a.shape == "items" && knownY:
		if size, ok := empty(y); ok && size {
			f, err := counted(a)
			return not(f), err
		}
	}
	left, err := a.text()
	if err != nil {
		return nil, err
	}
	right, err := b.text()
	if err != nil {
		return nil, err
	}
	return comparison(left, "==", right), nil
}

func empty(v ast.Value) (bool, bool) {
	switch v := v.(type) {
	case *ast.Array:
		return v.Len() == 0, true
	case ast.Object:
		return v.Len() == 0, true
	case ast.Set:
		return v.Len() == 0, true
	}
	return false, false
}

func fits(v ast.Value, kind string) bool {
	switch v.(type) {
	case ast.String:
		return kind == "string"
	case ast.Number:
		return kind == "int" || kind == "double" || kind == "number"
	case ast.Boolean:
		return kind == "bool"
	case *ast.Array:
		return kind == "list"
	case ast.Object:
		return kind == "map"
	}
	return false
}

// counted is the condition that a collection is not empty.
func counted(v value) (*formula, error) {
	var any []*formula
	for _, it := range v.items {
		any = append(any, closed(it.steps))
	}
	return or(any...), nil
}
