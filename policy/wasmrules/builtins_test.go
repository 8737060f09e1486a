package wasmrules

import (
	"context"
	"encoding/json"
	"math/rand"
	"reflect"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/redis-gitops/redis-gitops/policy"
)

// TestHosted: functions that OPA's WebAssembly lacks answer as OPA does, on random arguments of the kind that rules give them.
func TestHosted(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	pick := func(from ...any) func() any { return func() any { return from[random.Intn(len(from))] } }
	text := func() any {
		const letters = "ab0 19.-/:\n\"ü%d"
		runes := []rune(letters)
		out := make([]rune, random.Intn(9))
		for i := range out {
			out[i] = runes[random.Intn(len(runes))]
		}
		return string(out)
	}
	pattern := pick("a", "[0-9]+", "(a)(b)?", "", "^a*", `[./]`, "b|ü", "(")
	scalar := func() any {
		return pick(text(), random.Intn(2000)-1000, 1.5, true, false, nil, []any{text(), 1, nil}, map[string]any{"b": 1, "a": text()}, json.Number("9223372036854775808"), json.Number("1e30"))()
	}
	list := func() any {
		out := make([]any, random.Intn(4))
		for i := range out {
			out[i] = scalar()
		}
		return out
	}
	arguments := map[string][]func() any{
		"regex.find_n":  {pattern, text, pick(-1, 0, 1, 2)},
		"regex.replace": {text, pattern, pick("", "x", "$1", "${1}y")},
		"regex.split":   {pattern, text},
		"sprintf":       {pick("%s", "%d", "%v", "%q", "%s and %s", "%5.1f", "%%", "plain", "%d%%", "%s=%v"), list},
		"units.parse":   {pick("1", "100Mi", "1.5Gi", "250m", "2k", "0.5", "3E", "7Ei", "12Ti", ".5M", "", "Mi", "10Xi", "1.25Ki")},
	}
	for name, f := range hosted {
		makers := arguments[name]
		if makers == nil {
			t.Errorf("%s: add its arguments here", name)
			continue
		}
		for range 2000 {
			args := make([]any, len(makers))
			operands := make([]*ast.Term, len(makers))
			for i, make := range makers {
				args[i] = make()
				v, err := ast.InterfaceToValue(args[i])
				if err != nil {
					t.Fatal(err)
				}
				operands[i] = ast.NewTerm(v)
			}
			if got, want := answer(t, f, args), asked(t, name, operands); !reflect.DeepEqual(got, want) {
				t.Errorf("%s%q: got %#v, want %#v", name, args, got, want)
			}
		}
	}
}

// answer calls a hosted function with arguments as they come out of JSON.
func answer(t *testing.T, f func([]any) any, args []any) any {
	t.Helper()
	read := make([]any, len(args))
	for i, arg := range args {
		text, err := plainJSON(nil, arg)
		if err != nil {
			text, err = json.Marshal(arg)
		}
		if err != nil {
			t.Fatal(err)
		}
		if read[i], err = decode(text); err != nil {
			t.Fatal(err)
		}
	}
	text, err := plainJSON(nil, f(read))
	if err != nil {
		t.Fatal(err)
	}
	out, err := value(text).Plain()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// asked calls a function of OPA; nil for undefined.
func asked(t *testing.T, name string, operands []*ast.Term) any {
	t.Helper()
	var out any
	err := topdown.GetBuiltin(name)(topdown.BuiltinContext{Context: context.Background()}, operands, func(term *ast.Term) error {
		plain, err := ast.JSON(term.Value)
		out = policy.Numbers(plain)
		return err
	})
	if err != nil {
		return nil
	}
	return out
}
