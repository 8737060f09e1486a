package cel

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Reason is why something has no translation.
type Reason struct{ text string }

func (r *Reason) Error() string { return r.text }

func because(format string, args ...any) error { return &Reason{fmt.Sprintf(format, args...)} }

// result is a value that a term has if steps hold.
type result struct {
	steps []step
	value value
}

// evaluator follows the compiled rules with an object of which only the kind is known.
type evaluator struct {
	compiler *ast.Compiler
	settings ast.Value
	target   Target
	strict   bool
	names    int                 // of variables
	messages map[ast.Var]bool    // variables of which only messages are made
	cache    map[string][]result // of rules and functions
	work     int
}

// most bounds a translation: a rule with more has no form that a person would read.
const most = 60_000

// env has the values of the variables of a rule.
type env struct {
	name  ast.Var
	value value
	next  *env
}

func (e *env) get(name ast.Var) (value, bool) {
	for ; e != nil; e = e.next {
		if e.name == name {
			return e.value, true
		}
	}
	return value{}, false
}

func (e *env) with(name ast.Var, v value) *env { return &env{name, v, e} }

// next is what follows when an expression holds.
type next func(*env, []step) error

func add(steps []step, s step) []step { return append(slices.Clip(steps), s) }

// when goes on under a condition.
func when(f *formula, e *env, steps []step, k next) error {
	if f.is(no) {
		return nil
	}
	if !f.is(yes) {
		steps = add(steps, step{condition: f})
	}
	return k(e, steps)
}

func (t *evaluator) body(b ast.Body, e *env, steps []step, k next) error {
	if t.work++; t.work > most {
		return because("depends on too many fields")
	}
	if len(b) == 0 {
		return k(e, steps)
	}
	if name, ok := t.unused(b[0], e); ok {
		f, err := t.holds(func(e *env, k next) error { return t.positive(b[0], e, nil, k) }, e)
		if err != nil {
			return err
		}
		return when(f, e.with(name, hidden("is part of a message")), steps, func(e *env, steps []step) error { return t.body(b[1:], e, steps, k) })
	}
	return t.expr(b[0], e, steps, func(e *env, steps []step) error { return t.body(b[1:], e, steps, k) })
}

func (t *evaluator) expr(x *ast.Expr, e *env, steps []step, k next) error {
	if len(x.With) > 0 {
		return because("uses with")
	}
	if x.Negated {
		f, err := t.holds(func(e *env, k next) error { return t.positive(x, e, nil, k) }, e)
		if err != nil {
			return err
		}
		return when(not(f), e, steps, k)
	}
	return t.positive(x, e, steps, k)
}

// holds is the condition that something has a solution.
func (t *evaluator) holds(of func(*env, next) error, e *env) (*formula, error) {
	var all []*formula
	err := of(e, func(_ *env, steps []step) error {
		all = append(all, closed(steps))
		return nil
	})
	return or(all...), err
}

func (t *evaluator) positive(x *ast.Expr, e *env, steps []step, k next) error {
	switch terms := x.Terms.(type) {
	case *ast.Every:
		return t.every(terms, e, steps, k)
	case *ast.Term:
		return t.term(terms, e, steps, func(v value, e *env, steps []step) error {
			f, err := holding(v)
			if err != nil {
				return err
			}
			return when(f, e, steps, k)
		})
	case []*ast.Term:
		return t.call(terms, e, steps, k)
	}
	return because("uses an expression that is not known")
}

// holding is the condition that a value alone makes an expression hold: it is not false.
func holding(v value) (*formula, error) {
	if c, ok := v.known(); ok {
		return truth(c.Compare(ast.Boolean(false)) != 0), nil
	}
	switch {
	case v.hidden != "" || v.shape != "" || v.kind != "" && v.kind != "bool":
		return yes, nil
	case v.kind == "bool":
		return atom(v.expr), nil
	}
	return comparison(v.expr, "!=", "false"), nil
}

func (t *evaluator) every(x *ast.Every, e *env, steps []step, k next) error {
	return t.term(x.Domain, e, steps, func(domain value, e *env, steps []step) error {
		var all []*formula
		err := t.iterate(domain, func(key, v value, among []step) error {
			inner := e
			if name, ok := variable(x.Key); ok {
				inner = inner.with(name, key)
			}
			if name, ok := variable(x.Value); ok {
				inner = inner.with(name, v)
			}
			f, err := t.holds(func(e *env, k next) error { return t.body(x.Body, e, nil, k) }, inner)
			if err != nil {
				return err
			}
			all = append(all, not(closed(append(slices.Clip(among), step{condition: not(f)}))))
			return nil
		})
		if err != nil {
			return err
		}
		return when(and(all...), e, steps, k)
	})
}

func variable(t *ast.Term) (ast.Var, bool) {
	if t == nil {
		return "", false
	}
	name, ok := t.Value.(ast.Var)
	return name, ok
}

// term goes on with each value that a term has.
func (t *evaluator) term(x *ast.Term, e *env, steps []step, k func(value, *env, []step) error) error {
	switch v := x.Value.(type) {
	case ast.Var:
		if bound, ok := e.get(v); ok {
			return k(bound, e, steps)
		}
		if v.Equal(ast.InputRootDocument.Value) {
			return k(t.object(), e, steps)
		}
		return because("reads a variable before it is set")
	case ast.Ref:
		return t.ref(v, e, steps, k)
	case *ast.Array:
		return t.array(v, 0, nil, e, steps, k)
	case ast.Object:
		return t.fields(v.Keys(), v, nil, e, steps, k)
	case ast.Set:
		if v.IsGround() {
			return k(constant(v), e, steps)
		}
		return because("compares a set of fields")
	case *ast.ArrayComprehension:
		return t.comprehension(nil, v.Term, v.Body, "list", e, steps, k)
	case *ast.SetComprehension:
		return t.comprehension(nil, v.Term, v.Body, "set", e, steps, k)
	case *ast.ObjectComprehension:
		return t.comprehension(v.Key, v.Value, v.Body, "object", e, steps, k)
	case ast.Null, ast.Boolean, ast.Number, ast.String:
		return k(constant(v), e, steps)
	}
	return because("has a term of another kind")
}

func (t *evaluator) object() value {
	return typedBy(value{expr: "object", path: []string{"object"}}, t.target.Schema)
}

func (t *evaluator) array(a *ast.Array, i int, made []value, e *env, steps []step, k func(value, *env, []step) error) error {
	if i == a.Len() {
		return k(value{shape: "list", list: made}.folded(), e, steps)
	}
	return t.term(a.Elem(i), e, steps, func(v value, e *env, steps []step) error {
		return t.array(a, i+1, append(slices.Clip(made), v), e, steps, k)
	})
}

func (t *evaluator) fields(keys []*ast.Term, o ast.Object, made []field, e *env, steps []step, k func(value, *env, []step) error) error {
	if len(keys) == 0 {
		return k(value{shape: "object", fields: made}.folded(), e, steps)
	}
	return t.term(keys[0], e, steps, func(key value, e *env, steps []step) error {
		name, ok := key.known()
		if !ok {
			return k(hidden("makes an object whose keys are fields"), e, steps)
		}
		return t.term(o.Get(keys[0]), e, steps, func(v value, e *env, steps []step) error {
			return t.fields(keys[1:], o, append(slices.Clip(made), field{name, v}), e, steps, k)
		})
	})
}

// comprehension collects. If nothing depends on the object, what it makes is as plain as in Rego.
func (t *evaluator) comprehension(key, of *ast.Term, body ast.Body, shape string, e *env, steps []step, k func(value, *env, []step) error) error {
	var items []item
	certain := true
	err := t.body(body, e, nil, func(e *env, inner []step) error {
		collect := func(key value, e *env, inner []step) error {
			return t.term(of, e, inner, func(v value, _ *env, inner []step) error {
				certain = certain && len(inner) == 0
				items = append(items, item{steps: inner, key: key, value: v, set: shape == "set"})
				return nil
			})
		}
		if key == nil {
			return collect(value{}, e, inner)
		}
		return t.term(key, e, inner, func(v value, e *env, inner []step) error { return collect(v, e, inner) })
	})
	if err != nil {
		return err
	}
	return k(collected(items, shape, certain), e, steps)
}

// united joins elements that are one: the same value under conditions that exclude each other.
func united(items []item) []item {
	var out []item
	for _, it := range items {
		if last := len(out) - 1; last >= 0 && !chooses(it.steps) && !chooses(out[last].steps) &&
			it.value.key() == out[last].value.key() && it.key.key() == out[last].key.key() {
			if a, b := closed(out[last].steps), closed(it.steps); and(a, b).is(no) {
				out[last].steps = conditions(or(a, b))
				continue
			}
		}
		out = append(out, it)
	}
	return out
}

func collected(items []item, shape string, certain bool) value {
	if !certain {
		items = united(items)
		certain = !slices.ContainsFunc(items, func(i item) bool { return len(i.steps) > 0 })
	}
	if certain && shape == "object" {
		out := value{shape: "object"}
		for _, i := range items {
			name, ok := i.key.known()
			if !ok {
				return value{shape: "items", items: items}
			}
			out.fields = append(out.fields, field{name, i.value})
		}
		return out.folded()
	}
	if certain && shape != "object" {
		out := value{shape: "list"}
		for _, i := range items {
			out.list = append(out.list, i.value)
		}
		if c, ok := out.known(); ok && shape == "set" {
			set := ast.NewSet()
			c.(*ast.Array).Foreach(set.Add)
			return constant(set)
		}
		if shape == "list" {
			return out.folded()
		}
	}
	return value{shape: "items", items: items}
}

// ref goes on with each value of a reference.
func (t *evaluator) ref(r ast.Ref, e *env, steps []step, k func(value, *env, []step) error) error {
	head, _ := r[0].Value.(ast.Var)
	switch {
	case head.Equal(ast.InputRootDocument.Value):
		return t.walk(t.object(), r[1:], e, steps, k)
	case head.Equal(ast.DefaultRootDocument.Value):
		return t.data(r, e, steps, k)
	}
	v, ok := e.get(head)
	if !ok {
		return because("reads a variable before it is set")
	}
	return t.walk(v, r[1:], e, steps, k)
}

func (t *evaluator) data(r ast.Ref, e *env, steps []step, k func(value, *env, []step) error) error {
	if len(r) > 1 && r[1].Value.Compare(ast.String("settings")) == 0 {
		return t.walk(constant(t.settings), r[2:], e, steps, k)
	}
	for n := len(r); n > 1; n-- {
		rules := t.compiler.GetRulesExact(r[:n].GroundPrefix())
		if len(rules) == 0 || len(r[:n].GroundPrefix()) != n {
			continue
		}
		results, err := t.rules(r[:n].String(), rules, nil)
		if err != nil {
			return err
		}
		for _, out := range results {
			if err := t.walk(out.value, r[n:], e, slices.Concat(steps, out.steps), k); err != nil {
				return err
			}
		}
		return nil
	}
	if len(r) > 1 && r[1].Value.Compare(ast.String("repo")) == 0 {
		return because("reads the repository")
	}
	return nil // of a library that is not there: undefined
}

// walk goes down a value by the rest of a reference.
func (t *evaluator) walk(v value, rest ast.Ref, e *env, steps []step, k func(value, *env, []step) error) error {
	if t.work++; t.work > most {
		return because("depends on too many fields")
	}
	if len(rest) == 0 {
		return k(v, e, steps)
	}
	if name, ok := rest[0].Value.(ast.Var); ok {
		if _, bound := e.get(name); !bound {
			return t.iterate(v, func(key, element value, among []step) error {
				return t.walk(element, rest[1:], e.with(name, key), slices.Concat(steps, among), k)
			})
		}
	}
	return t.term(rest[0], e, steps, func(key value, e *env, steps []step) error {
		found, err := t.at(v, key)
		if err != nil {
			return err
		}
		for _, f := range found {
			if err := t.walk(f.value, rest[1:], e, slices.Concat(steps, f.steps), k); err != nil {
				return err
			}
		}
		return nil
	})
}

// iterate calls with the keys and elements of a collection, and the steps that choose them.
func (t *evaluator) iterate(v value, call func(key, element value, among []step) error) error {
	if c, ok := v.known(); ok {
		return eachOf(c, func(key, element ast.Value) error { return call(constant(key), constant(element), nil) })
	}
	switch {
	case v.hidden != "":
		return because("%s", v.hidden)
	case v.shape == "list":
		for i, element := range v.list {
			if err := call(constant(ast.Number(strconv.Itoa(i))), element, nil); err != nil {
				return err
			}
		}
		return nil
	case v.shape == "object":
		for _, f := range v.fields {
			if err := call(constant(f.key), f.value, nil); err != nil {
				return err
			}
		}
		return nil
	case v.shape == "items":
		for i, it := range v.items {
			key := it.key
			if key.key() == "e" {
				key = value{kind: "position", hidden: "depends on the order of entries", expr: strconv.Itoa(i)}
			}
			if err := call(key, it.value, it.steps); err != nil {
				return err
			}
		}
		return nil
	case v.kind == "keys":
		return because("lists keys")
	case v.kind != "" && v.kind != "list" && v.kind != "map":
		return nil
	}
	t.names++
	name := "e" + strconv.Itoa(t.names)
	if v.kind == "map" || v.kind == "" && isMap(v.path) {
		key := value{expr: name, path: []string{name}, kind: "string"}
		element := value{expr: v.expr + "[" + name + "]", path: append(slices.Clip(v.path), "#"+name)}
		element = typedBy(element, property(v.schema, "*"))
		return call(key, element, []step{{variable: name, list: v.expr}})
	}
	return call(hidden("depends on the order of entries"), typedBy(value{expr: name, path: []string{name}}, property(v.schema, "#")), []step{{variable: name, list: v.expr}})
}

// isMap says whether a field holds a mapping of names that users choose. All others that rules go through are lists.
func isMap(path []string) bool {
	return len(path) > 0 && slices.Contains([]string{"annotations", "labels", "nodeSelector", "matchLabels", "data", "stringData", "serviceAnnotations", "podAnnotations"}, path[len(path)-1])
}

func eachOf(v ast.Value, call func(key, element ast.Value) error) error {
	switch v := v.(type) {
	case *ast.Array:
		for i := range v.Len() {
			if err := call(ast.Number(strconv.Itoa(i)), v.Elem(i).Value); err != nil {
				return err
			}
		}
	case ast.Object:
		return v.Iter(func(key, element *ast.Term) error { return call(key.Value, element.Value) })
	case ast.Set:
		return v.Iter(func(element *ast.Term) error { return call(element.Value, element.Value) })
	}
	return nil
}

// at returns what a value has under a key.
func (t *evaluator) at(v, key value) ([]result, error) {
	if v.hidden != "" {
		return nil, because("%s", v.hidden)
	}
	if key.hidden != "" {
		return nil, because("%s", key.hidden)
	}
	name, ground := key.known()
	if ground && v.constant == nil && v.shape == "" {
		step, ok := stepOf(name)
		if !ok {
			return nil, because("has a key that is not text")
		}
		if wanted := map[bool]string{true: "list", false: "map"}[strings.HasPrefix(step, "#")]; v.kind != "" && v.kind != wanted {
			return nil, nil
		}
		if len(v.path) == 1 && v.path[0] == "object" && (step == "kind" || step == "apiVersion") {
			return one(constant(ast.String(map[string]string{"kind": t.target.Kind, "apiVersion": t.target.APIVersion}[step]))), nil
		}
		below := v.below(step)
		return []result{{conditions(isSet(below.path)), below}}, nil
	}
	if v.shape == "items" {
		return first(v.items, key)
	}
	if !ground && v.constant == nil && v.shape == "" {
		return nil, because("looks up a field by the value of another")
	}
	var out []result
	err := t.iterate(v, func(k, element value, _ []step) error {
		f, err := equal(k, key)
		if err != nil || f.is(no) {
			return err
		}
		var steps []step
		if !f.is(yes) {
			steps = []step{{condition: f}}
		}
		out = append(out, result{steps, element})
		return nil
	})
	if len(out) > 40 {
		return nil, because("looks up a long list")
	}
	return out, err
}

func stepOf(name ast.Value) (string, bool) {
	if s, ok := name.(ast.String); ok {
		return string(s), true
	}
	if i, ok := whole(name); ok && i >= 0 {
		return "#" + strconv.Itoa(i), true
	}
	return "", false
}

// first is the element of a collection under a key. Of a list, it can only be the first one: the one before which no other is.
func first(items []item, key value) ([]result, error) {
	name, ok := key.known()
	if !ok {
		return nil, because("looks up a field by the value of another")
	}
	var out []result
	before := no
	for _, it := range items {
		switch {
		case it.set:
			return nil, because("looks up an element of a set")
		case it.key.key() != "e":
			f, err := equal(it.key, key)
			if err != nil {
				return nil, err
			}
			out = append(out, result{add(it.steps, step{condition: f}), it.value})
		case name.Compare(ast.Number("0")) == 0 && !chooses(it.steps):
			there := closed(it.steps)
			out = append(out, result{[]step{{condition: and(not(before), there)}}, it.value})
			before = or(before, there)
		default:
			return nil, because("depends on the order of entries")
		}
	}
	return out, nil
}

// rules returns the values of a complete rule, a set or a function.
func (t *evaluator) rules(name string, rules []*ast.Rule, args []value) ([]result, error) {
	key := name
	for _, a := range args {
		key += "\x02" + a.key()
	}
	if out, ok := t.cache[key]; ok {
		return out, nil
	}
	var out []result
	var items []item
	set := false
	for _, r := range rules {
		if r.Default {
			return nil, because("has a default")
		}
		found, err := t.rule(r, args)
		if err != nil {
			return nil, err
		}
		if r.Head.RuleKind() == ast.MultiValue {
			set = true
			for _, f := range found {
				items = append(items, item{steps: f.steps, value: f.value, set: true})
			}
			continue
		}
		out = append(out, found...)
	}
	if set {
		out = []result{{nil, value{shape: "items", items: items}}}
	}
	out = merged(out)
	if !slices.ContainsFunc(out, func(r result) bool { return chooses(r.steps) }) {
		t.cache[key] = out
	}
	return out, nil
}

// rule returns the values of one definition and of what it says otherwise.
func (t *evaluator) rule(r *ast.Rule, args []value) ([]result, error) {
	var out []result
	otherwise := yes
	for ; r != nil; r = r.Else {
		before := otherwise
		err := t.parameters(r.Head.Args, args, nil, nil, func(e *env, steps []step) error {
			return t.body(r.Body, e, steps, func(e *env, steps []step) error {
				head := r.Head.Value
				if r.Head.RuleKind() == ast.MultiValue {
					head = r.Head.Key
				}
				if head == nil {
					head = ast.BooleanTerm(true)
				}
				return t.term(head, e, steps, func(v value, _ *env, steps []step) error {
					otherwise = and(otherwise, not(closed(steps)))
					if !before.is(yes) {
						steps = append([]step{{condition: before}}, steps...)
					}
					out = append(out, result{steps, v.folded()})
					return nil
				})
			})
		})
		if err != nil {
			return nil, err
		}
		if otherwise.is(no) {
			break
		}
	}
	return out, nil
}

func (t *evaluator) parameters(params []*ast.Term, args []value, e *env, steps []step, k next) error {
	if len(params) == 0 {
		return k(e, steps)
	}
	return t.unify(params[0], args[0], e, steps, func(e *env, steps []step) error {
		return t.parameters(params[1:], args[1:], e, steps, k)
	})
}

// merged unites results of one value, if it does not depend on a chosen element.
func merged(all []result) []result {
	var out []result
	at := map[string]int{}
	for _, r := range all {
		f := closed(r.steps)
		if f.is(no) {
			continue
		}
		if chooses(r.steps) && r.value.constant == nil {
			out = append(out, r)
			continue
		}
		key := r.value.key()
		if i, ok := at[key]; ok {
			out[i].steps = conditions(or(closed(out[i].steps), f))
			continue
		}
		at[key] = len(out)
		out = append(out, result{conditions(f), r.value})
	}
	return out
}

func conditions(f *formula) []step {
	if f.is(yes) {
		return nil
	}
	return []step{{condition: f}}
}
