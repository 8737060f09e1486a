package opa

import (
	"math"
	"reflect"
	"sync"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/redis-gitops/redis-gitops/policy"
)

// Values out of a pool are equal to those of their own, whatever else is in it, and share what is alike.
func TestPool(t *testing.T) {
	samples := []any{
		nil, true, false, "", "text", int64(0), int64(-1), int64(5), int64(math.MaxInt64), int64(math.MinInt64), 1.5, -0.25, uint64(math.MaxUint64),
		[]any{}, map[string]any{}, []any{nil, "text", int64(5), []any{"text"}},
		map[string]any{"a": map[string]any{"b": []any{int64(1), 2.5, "x"}}, "c": map[string]any{"b": []any{int64(1), 2.5, "x"}}},
		map[string]any{"a": map[string]any{"b": []any{int64(1), 2.5, "y"}}, "list": []any{map[string]any{"name": "a"}, map[string]any{"name": "b"}}},
	}
	var pool pool
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i, sample := range samples {
				want, err := newValue(sample)
				if err != nil {
					t.Error(err)
				}
				got, err := pool.Value(sample)
				if err != nil || ast.Compare(of(got), of(want)) != 0 {
					t.Errorf("sample %d: %v, %v; want %v", i, got, err, want)
				}
				plain, err := got.Plain()
				expected, _ := want.Plain()
				if err != nil || !reflect.DeepEqual(plain, expected) {
					t.Errorf("sample %d: as plain data %v, %v; want %v", i, plain, err, expected)
				}
			}
		})
	}
	group.Wait()
	part := func() *ast.Term {
		v, err := pool.Value(map[string]any{"name": "x", "same": map[string]any{"deep": []any{"text", int64(5)}}})
		if err != nil {
			t.Fatal(err)
		}
		return of(v).(ast.Object).Get(ast.StringTerm("same"))
	}
	if first, second := part(), part(); first != second {
		t.Error("equal parts of two values are not shared")
	}
	if _, err := pool.Value(map[string]any{"not": map[string]any{"json": make(chan int)}}); err == nil {
		t.Error("a channel became a value")
	}
	if v, err := pool.Value(map[string]any{"a": "b"}); err != nil || v == nil {
		t.Errorf("after an error: %v", err)
	}
}

// What goes out to users without the checks of the compiler has passed them all.
func TestChecked(t *testing.T) {
	rules, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (Engine{}).Compile(policy.Options{Rules: rules, Modules: []policy.Module{{File: "none.rego", Source: "package none\n"}}}); err != nil {
		t.Error(err)
	}
	broken := policy.Module{File: "broken.rego", Source: "package broken\n\nx := count(1, 2, 3)\n"}
	if _, err := (Engine{}).Compile(policy.Options{Rules: rules, Modules: []policy.Module{broken}}); err == nil {
		t.Error("a mistake of a module that is not ours passed")
	}
}
