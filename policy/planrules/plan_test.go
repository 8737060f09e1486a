package planrules

import (
	"context"
	"errors"
	"math/rand"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/redis-gitops/redis-gitops/policy"
)

// TestPlan holds the plan against the rules. UPDATE=1 writes it.
func TestPlan(t *testing.T) {
	t.Parallel()
	modules, entries, metadata, err := allRules()
	if err != nil {
		t.Fatal(err)
	}
	code, err := makePlan(modules, entries, metadata)
	if err != nil {
		t.Fatal(err)
	}
	if file == string(code) {
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Fatal("the plan of the rules is older than they are; run UPDATE=1 go test ./policy/planrules")
	}
	if err := os.WriteFile("plan.bin", code, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readPlan(string(code)); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", len(code))
}

// TestBroken: a plan that is not what was written is an error.
func TestBroken(t *testing.T) {
	t.Parallel()
	raw := file
	for _, n := range []int{0, 1, 100, len(raw) / 2, len(raw) - 1} {
		if _, err := readPlan(raw[:n]); err == nil {
			t.Errorf("the first %d bytes pass", n)
		}
	}
	random := rand.New(rand.NewSource(3))
	refused := 0
	for range 150 {
		broken := []byte(raw)
		if random.Intn(2) == 0 {
			broken = broken[:random.Intn(len(broken))]
		}
		for range 1 + random.Intn(20) {
			broken[random.Intn(len(broken))] = byte(random.Intn(256))
		}
		p, err := readPlan(string(broken))
		for i := 0; err == nil && i < len(p.functions); i++ {
			_, err = p.blocks(&p.functions[i])
		}
		if err != nil {
			refused++
		}
	}
	if refused < 75 {
		t.Errorf("%d of 150 broken plans were refused", refused)
	}
}

// needsCurrent skips a test of the plan in this program where UPDATE=1 writes another one.
func needsCurrent(t *testing.T) {
	t.Helper()
	if os.Getenv("UPDATE") != "" {
		t.Skip("this program may have the former plan")
	}
}

// TestWhole: the code of all functions can be read, and is small enough.
func TestWhole(t *testing.T) {
	t.Parallel()
	needsCurrent(t)
	p, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.functions {
		if _, err := p.blocks(&p.functions[i]); err != nil {
			t.Errorf("%s: %v", p.functions[i].name, err)
		}
	}
	if len(file) > 600_000 {
		t.Errorf("the plan takes %d bytes", len(file))
	}
}

// snippets are what Rego has, and what the optimizer looks for, some of which no rule has today. x is what they are asked for.
var snippets = map[string]string{
	"with input":       "x := [y, input] if y := low with input.a.b as 3\nlow := input.a",
	"with new input":   "x := y if y := low with input as {\"k\": [1, 2]}\nlow := input",
	"with deep input":  "x := y if y := low with input.n.m.o as 1 with input.q as 2\nlow := input",
	"with data":        "x := y if y := low with data.settings.s as 7\nlow := data.settings",
	"with undefined":   "default x := \"none\"\nx := y if y := low with input.zz as 3\nlow := input.missing",
	"with and memo":    "x := [a, b, c] if {\n\ta := low\n\tb := low with input.a as 1\n\tc := low\n}\nlow := [input.a, data.settings]",
	"every":            "x if every k, v in input.o { v > 0; k != \"z\" }",
	"every of none":    "x if every v in input.none { v > 0 }",
	"some":             "x contains [k, v] if some k, v in input.o",
	"not":              "x if not input.missing",
	"else":             "x := 1 if input.missing\nelse := 2 if input.a == 0\nelse := 3",
	"default":          "default x := 5\nx := 6 if input.missing",
	"partial object":   "x[k] := v if some k, v in input.o",
	"object of sets":   "x[k] contains v if { some v in input.list; k := v % 2 }",
	"object conflict":  "x[\"k\"] := v if some v in input.list",
	"conflict":         "x := v if some v in input.list",
	"function":         "x := [f(1), f(\"a\"), f(null)]\nf(v) := \"text\" if is_string(v)\nf(v) := v + 1 if is_number(v)\nf(null) := false",
	"same outputs":     "x := 1 if input.a\nx := 1 if input.o",
	"comprehensions":   "x := [[v | some v in input.list], {v | some v in input.list}, {k: v | some k, v in input.o}, [n | n := numbers.range(1, 3)[_]]]",
	"keys conflict":    "x := {1: v | some v in input.list}",
	"else in turn":     "x := [f(v) | some v in input.list]\nf(v) := \"one\" if v == 1\nelse := w if { w := v * 2; w > 4 }\nelse := \"other\"",
	"else of a loop":   "x := [f(v) | some v in [1, 2, 9]]\nf(v) := w if { some w in input.list; w == v }\nelse := \"none\"",
	"else conflict":    "x := [f(v) | some v in [1, 2, 9]]\nf(v) := w if { some w in input.list; w > v }\nelse := \"none\"",
	"else in two":      "x := [f(v) | some v in [1, 2, 9]]\nf(v) := 1 if v == 1\nelse := 2 if v == 2\nf(v) := 3 if v > 2\nelse := 2 if v == 2",
	"one of constants": "x := [f(v) | some v in [1, 2, 9]]\nf(v) := 1 if v == 1\nf(v) := 2 if v < 9\nf(v) := 2 if v == 9",
	"any of":           "x := {v | some v in [1, 2, 4, 9]; f(v)}\nf(v) if { some w in input.list; w == v }\nf(v) if { not input.none[v]; v > 8 }\nf(4) if not f2(3)\nf2(v) if v in input.list",
	"false of":         "x := [v | some v in [1, 2, 4]; not f(v)]\nf(v) := false if v == 2\nf(v) := false if v == 1",
	"inlined":          "x := [[f(v, w), g(f(w, v))] | some v in input.list; some w in input.list]\nf(a, b) := c if { c := input.o[g(a)] + b }\ng(a) := [\"k\", \"l\", \"m\"][a - 1]",
	"inlined with":     "x := [f(1), y] if y := f(2) with input.a as 7\nf(b) := [input.a, b, two]\ntwo := 2",
	"inlined array":    "x := [a | some v in input.list; a := f(v, [])]\nf(a, b) := array.concat(b, [a, {a}, {\"k\": a}])",
	"inlined failing":  "x := [v | some v in input.list; not f(v)]\nf(v) := w if w := input.o[[\"k\", \"z\", \"y\"][v - 1]]",
	"copy of a copy":   "x := [c | some v in input.list; a := v; b := a; d := b + 1; c := [a, b, d]]",
	"constant copies":  "x := [a, b, c] if { a := {}; b := a; c := object.union(b, {\"k\": a}) }",
	"pairs of pairs":   "x := [[a, b, c] | some [[a, b], c] in [[[1, 2], 3], [[4, 5], 6], [7, 8]]]",
	"arrays in turn":   "x := [[a, b] | some v in input.list; a := [v, {v: [v, v + 1]}]; b := {v, v + 1, [v, a]}]",
	"walk":             "x contains [path, v] if walk(input, [path, v])",
	"walk to a value":  "x contains path if walk(input, [path, 2])",
	"dynamic":          "x := [v | some name in [\"one\", \"two\", \"three\"]; v := data.t.sub[name]]",
	"set of data":      "x := data.settings[input.key]",
	"compare":          "x := [1 == 1.0, \"a\" < \"b\", [1] < [1, 0], {1} == {1, 1}, null < false, {\"a\": 1} < {\"a\": 2}]",
	"arithmetic":       "x := [1 + 2, 7 / 2, 7 % 3, 3 - 5, 1e3 * 2, {1, 2} - {2}, {1} | {2}, {1, 2} & {2}]",
	"undefined":        "x := input.list[9]",
	"errors":           "x := 1 / input.a",
	"texts":            "x := sprintf(\"%v %s %d\", [input.o, {\"s\"}, 3])",
	"destructure":      "x contains [a, b] if some [a, b] in [[1, 2], [3, 4], [5]]",
	"in":               "x := [2 in input.list, 9 in input.list, 1 in input.o]",
	"template":         "x := concat(\",\", [s | some v in input.list; s := format_int(v, 10)])",
}

// TestSnippets: OPA's interpreter and ours say the same about all that Rego has; the words of errors are our own.
func TestSnippets(t *testing.T) {
	t.Parallel()
	input := ast.MustParseTerm(`{"a": 0, "o": {"k": 1, "l": 2, "m": 1}, "list": [3, 1, 2, 1], "key": "s", "none": [], "n": {"m": 1, "x": 2}}`)
	data := ast.MustParseTerm(`{"settings": {"s": "value", "t": {"u": 1}}}`)
	sub := policy.Module{File: "sub.rego", Source: "package t.sub\n\none := 1\n\ntwo := input.a if input.a > 0\n\nthree := [3]\n"}
	for name, text := range snippets {
		module := policy.Module{File: "t.rego", Source: "package t\n\n" + text + "\n"}
		raw, err := makePlan([]policy.Module{module, sub}, []string{"t/x"}, noMetadata)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p, err := readPlan(string(raw))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m := newMachine(p)
		m.begin(t.Context())
		v, err := m.eval(p.byName["g0/t/x"], ofOPA(input.Value), ofOPA(data.Value))
		got := same(v)
		if err != nil {
			got = "an error"
		}
		if want := interpreted(t, module, sub, input, data); want != got {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

// interpreted evaluates data.t.x with OPA's interpreter.
func interpreted(t *testing.T, module, sub policy.Module, input, data *ast.Term) string {
	t.Helper()
	c := ast.MustCompileModules(map[string]string{module.File: module.Source, sub.File: sub.Source})
	store := inmem.NewFromASTObject(data.Value.(ast.Object))
	txn, err := store.NewTransaction(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Abort(t.Context(), txn)
	out := "undefined"
	err = topdown.NewQuery(ast.MustParseBody("x = data.t.x")).WithCompiler(c).WithStore(store).WithTransaction(txn).WithInput(input).
		Iter(t.Context(), func(r topdown.QueryResult) error {
			out = same(ofOPA(r["x"].Value))
			return nil
		})
	var failed *topdown.Error
	if errors.As(err, &failed) {
		return "an error"
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// machineOf returns a machine for a module of package t with the rule x.
func machineOf(t *testing.T, text string) *machine {
	t.Helper()
	raw, err := makePlan([]policy.Module{{File: "t.rego", Source: text}}, []string{"t/x"}, noMetadata)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	p, err := readPlan(string(raw))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return newMachine(p)
}

// TestCancelled: a rule that takes long ends with its context, and the machine can be used again.
func TestCancelled(t *testing.T) {
	t.Parallel()
	text := "package t\n\nx := count([1 | some _ in input; some _ in input; some _ in input; some _ in input])\n"
	m := machineOf(t, text)
	p := m.plan
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	end := m.begin(ctx)
	large := &array{make([]any, 1000)}
	for i := range large.elems {
		large.elems[i] = int64(i)
	}
	start := time.Now()
	_, err := m.eval(p.byName["g0/t/x"], large, &object{})
	end()
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 20*time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
	m.begin(t.Context())
	large.elems = large.elems[:2]
	if v, err := m.eval(p.byName["g0/t/x"], large, &object{}); err != nil || v != int64(16) {
		t.Errorf("afterwards: %v, %v", v, err)
	}
}

// TestEngine: what the engine refuses, and that an error of one rule leaves the others.
func TestEngine(t *testing.T) {
	t.Parallel()
	needsCurrent(t)
	if _, err := (Engine{}).Compile(policy.Options{Modules: []policy.Module{{}}}); !errors.Is(err, policy.ErrModules) {
		t.Errorf("modules: %v", err)
	}
	rules, err := Engine{}.Rules()
	if err != nil {
		t.Fatal(err)
	}
	unknown := *rules[0]
	unknown.Name, unknown.Scope = "none/such", policy.ScopeResource
	if _, err := (Engine{}).Compile(policy.Options{Rules: []*policy.Rule{&unknown}}); err == nil || !strings.Contains(err.Error(), "none/such") {
		t.Errorf("an unknown rule: %v", err)
	}
	want, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	for i := range max(len(rules), len(want)) {
		if !reflect.DeepEqual(rules[i], want[i]) {
			t.Errorf("rule %d is %+v, want %+v", i, rules[i], want[i])
		}
	}
}
