package planrules

import (
	"math/rand"
	"reflect"
	"slices"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// random makes values of all types, nested up to a depth.
type random struct{ *rand.Rand }

func (r random) text() string {
	letters := []rune("abASs0 19.-/:\n&\"ü𝄞%d,")
	out := make([]rune, r.Intn(7))
	for i := range out {
		out[i] = letters[r.Intn(len(letters))]
	}
	return string(out)
}

func (r random) number() any {
	others := []string{"1.5", "-0.25", "1e30", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "99999999999999999999", "2147483648", "0.1"}
	if r.Intn(3) == 0 {
		return numberOf(others[r.Intn(len(others))])
	}
	return int64(r.Intn(12) - 3)
}

func (r random) value(depth int) any {
	kind := r.Intn(9)
	if depth == 0 {
		kind = r.Intn(6)
	}
	switch kind {
	case 0:
		return null{}
	case 1:
		return r.Intn(2) == 0
	case 2, 3:
		return r.number()
	case 4, 5:
		return r.text()
	case 6:
		return r.array(depth)
	case 7:
		return r.object(depth)
	}
	s := &set{}
	for range r.Intn(14) {
		s.add(r.value(depth - 1))
	}
	return s
}

func (r random) array(depth int) *array {
	a := &array{[]any{}}
	for range r.Intn(6) {
		a.elems = append(a.elems, r.value(depth-1))
	}
	return a
}

func (r random) object(depth int) *object {
	o := &object{}
	for range r.Intn(14) {
		var key any = r.text()
		if r.Intn(6) == 0 {
			key = r.value(depth - 1)
		}
		o.put(key, r.value(depth-1))
	}
	return o
}

// TestBuiltins: our functions answer as OPA's do, on arguments of all types, and on such as rules give them.
func TestBuiltins(t *testing.T) {
	t.Parallel()
	r := random{rand.New(rand.NewSource(5))}
	text := func() any { return r.text() }
	list := func() any { return r.array(2) }
	dict := func() any { return r.object(2) }
	num := func() any { return r.number() }
	pick := func(from ...any) func() any { return func() any { return from[r.Intn(len(from))] } }
	pattern := pick("a", "[0-9]+", "(a)(b)?", "", "^a*", `[./]`, "b|ü", "(", `^\s*(.)`, "(?i)a", "(?i)ab", "(?i)s", "(?i)ü", "(?i)", "(?i)a|b")
	texts := func() any {
		a := &array{[]any{}}
		for range r.Intn(5) {
			a.elems = append(a.elems, r.text())
		}
		return a
	}
	sets := func() any {
		s := &set{}
		for range r.Intn(20) {
			s.add(r.value(1))
		}
		return s
	}
	keys := func() any {
		switch r.Intn(3) {
		case 0:
			return texts()
		case 1:
			return dict()
		}
		return sets()
	}
	arguments := map[string][]func() any{
		"array.concat": {list, list}, "array.slice": {list, num, num}, "concat": {text, texts}, "contains": {text, text}, "count": {keys},
		"and": {sets, sets}, "or": {sets, sets}, "minus": {pick(num(), sets(), num()), pick(num(), sets(), num())},
		"endswith": {text, text}, "startswith": {text, text}, "indexof": {text, text}, "internal.member_2": {text, keys},
		"max": {list}, "min": {list}, "sort": {keys}, "lower": {text}, "upper": {text}, "plus": {num, num}, "mul": {num, num}, "rem": {num, num},
		"object.get": {dict, pick("a", "b", &array{[]any{"a", "b"}}, &array{[]any{}}), text}, "object.keys": {dict}, "object.remove": {dict, keys},
		"object.filter": {dict, keys}, "object.union": {dict, dict}, "object.union_n": {func() any { return &array{[]any{dict(), dict(), dict(), dict()}} }}, "regex.find_n": {pattern, text, pick(int64(-1), int64(0), int64(1), int64(2))},
		"regex.find_all_string_submatch_n": {pattern, text, pick(int64(-1), int64(1))}, "regex.match": {pattern, text},
		"regex.replace": {text, pattern, pick("", "x", "$1", "${1}y")}, "regex.split": {pattern, text}, "replace": {text, text, text},
		"split": {text, text}, "sprintf": {pick("%s", "%d", "%v", "%q", "%s and %s", "%5.1f", "%%", "plain", "%d%%", "%s=%v"), list},
		"substring": {text, num, num}, "to_number": {pick("1", "1.5", "x", "inf", "", " 1", "1e5", "0x10", "007", "+1", null{}, true)},
		"trim": {text, text}, "trim_left": {text, text}, "trim_prefix": {text, text}, "trim_right": {text, text}, "trim_suffix": {text, text},
		"trim_space": {text}, "equal": {num, num}, "neq": {num, num}, "gt": {num, num}, "gte": {num, num}, "lt": {num, num}, "lte": {num, num},
		"json.marshal": {func() any { return r.value(3) }}, "is_array": {list}, "is_null": {pick(null{})}, "is_number": {num}, "is_object": {dict}, "is_string": {text},
	}
	rounds := 3000
	if testing.Short() {
		rounds = 500
	}
	m := newMachine(&plan{})
	m.ctx = t.Context()
	for name, own := range builtins {
		if name == "walk" { // gives one pair after another in OPA
			continue
		}
		makers := arguments[name]
		if makers == nil {
			t.Errorf("%s: add its arguments here", name)
			continue
		}
		opas, err := hosted(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rounds {
			args := make([]any, len(makers))
			for j, make := range makers {
				if args[j] = make(); i%3 == 0 {
					args[j] = r.value(2)
				}
			}
			got, want := own(m, slices.Clone(args)), opas(m, slices.Clone(args))
			if same(got) != same(want) {
				t.Fatalf("%s%s: got %s, want %s", name, same(&array{args}), same(got), same(want))
			}
		}
	}
}

// same writes a value as OPA does, with its type.
func same(v any) string {
	if v == nil {
		return "undefined"
	}
	return toTerm(v).String()
}

// TestWalk: the pairs of walk are those of OPA in the same order.
func TestWalk(t *testing.T) {
	t.Parallel()
	r := random{rand.New(rand.NewSource(6))}
	call := walkOfOPA(t)
	for range 500 {
		v := r.value(4)
		var want []string
		call(v, func(pair string) { want = append(want, pair) })
		var got []string
		for _, e := range walk(nil, []any{v}).(*array).elems {
			got = append(got, same(e))
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: got\n%q\nwant\n%q", same(v), got, want)
		}
	}
}

// TestOrder: values are equal, ordered, hashed and found as in OPA.
func TestOrder(t *testing.T) {
	t.Parallel()
	r := random{rand.New(rand.NewSource(7))}
	for range 20000 {
		a, b := r.value(2), r.value(2)
		if r.Intn(4) == 0 { // made in another order
			b = ofOPA(toTerm(a).Value)
		}
		want := ast.Compare(toTerm(a), toTerm(b))
		if got := compare(a, b); sign(got) != sign(want) {
			t.Fatalf("compare %s with %s: got %d, want %d", same(a), same(b), got, want)
		}
		if equal(a, b) != (want == 0) {
			t.Fatalf("%s equals %s: %v", same(a), same(b), equal(a, b))
		}
		if want == 0 && hash(a) != hash(b) {
			t.Fatalf("%s and %s have different hashes", same(a), same(b))
		}
		if back := ofOPA(toTerm(a).Value); !equal(back, a) || same(back) != same(a) {
			t.Fatalf("%s came back as %s", same(a), same(back))
		}
	}
}

func sign(n int) int { return min(max(n, -1), 1) }

// TestCollections: objects and sets hold what was put into them, whatever their size and the order.
func TestCollections(t *testing.T) {
	t.Parallel()
	r := random{rand.New(rand.NewSource(8))}
	for range 300 {
		o, s := &object{}, &set{}
		want := map[string]any{}
		for i := range r.Intn(200) {
			var key any = int64(r.Intn(150))
			switch r.Intn(3) {
			case 0:
				key = r.value(1)
			case 1:
				key = int64(i)
			}
			o.put(key, int64(i))
			s.add(key)
			want[same(key)] = int64(i)
			if r.Intn(20) == 0 {
				o.inOrder()
				s.inOrder()
			}
			if probe := r.value(1); o.get(probe) != want[same(probe)] || s.has(probe) != (want[same(probe)] != nil) {
				t.Fatalf("%s is looked up wrongly", same(probe))
			}
		}
		if len(o.pairs) != len(want) || len(s.elems) != len(want) {
			t.Fatalf("%d and %d of %d", len(o.pairs), len(s.elems), len(want))
		}
		for i, p := range o.inOrder() {
			if want[same(p.key)] != p.value || !equal(s.inOrder()[i], p.key) || i > 0 && compare(o.pairs[i-1].key, p.key) >= 0 {
				t.Fatalf("%s has the wrong value or place", same(p.key))
			}
		}
	}
}

// walkOfOPA calls a function with the pairs that OPA walks over.
func walkOfOPA(t *testing.T) func(v any, take func(pair string)) {
	return func(v any, take func(string)) {
		err := topdown.GetBuiltin("walk")(topdown.BuiltinContext{}, []*ast.Term{toTerm(v)}, func(pair *ast.Term) error {
			take(pair.String())
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestPlaces: where a key was in one object says nothing about another one.
func TestPlaces(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewSource(7))
	keys := []any{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", int64(1), null{}}
	p := &plan{constants: keys}
	m := newMachine(p)
	for range 2000 {
		o := &object{}
		for range r.Intn(14) {
			o.put(keys[r.Intn(len(keys))], int64(r.Intn(100)))
		}
		if r.Intn(2) == 0 {
			o.inOrder()
		}
		in := &instr{b: ^int32(r.Intn(12)), site: uint16(r.Intn(3)) | 1<<15}
		if got, want := m.dot(in, []any{o}), dot(o, keys[^in.b]); got != want {
			t.Fatalf("%v of %v is %v, want %v", keys[^in.b], o.pairs, got, want)
		}
	}
}
