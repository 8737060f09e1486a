package shape_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/policy/opa"
	"github.com/redis-gitops/redis-gitops/policy/planrules"
	"github.com/redis-gitops/redis-gitops/policy/wasmrules"
)

// TestTyped: rules see a struct as they see the same data in maps, with each engine.
func TestTyped(t *testing.T) {
	for name, engine := range map[string]policy.Engine{"opa": opa.Engine{}, "planrules": planrules.Engine{}, "wasmrules": wasmrules.Engine{}} {
		t.Run(name, func(t *testing.T) { typed(t, engine.Values()) })
	}
}

func typed(t *testing.T, values policy.Values) {
	type name string
	type inner struct {
		Text  string   `json:"text"`
		Paths [][]any  `json:"paths"`
		None  []string `json:"none"`
	}
	type extra struct {
		Extra bool `json:"extra"`
		inner
	}
	type outer struct {
		Zero     int               `json:"zero"`
		Named    name              `json:"named"`
		Labels   map[name]string   `json:"labels"`
		Any      any               `json:"any"`
		Nil      any               `json:"nil"`
		Value    policy.Value      `json:"value"`
		Unset    policy.Value      `json:"unset"`
		List     []inner           `json:"list"`
		Same     []inner           `json:"same"`
		Pointer  *inner            `json:"pointer"`
		Left     *int              `json:"left,omitempty"`
		There    *int              `json:"there,omitempty"`
		Float    map[string]any    `json:"float"`
		Empty    map[string]string `json:"empty"`
		Ignored  string            `json:"-"`
		Untagged string
		private  string
		*extra
	}
	zero := 0
	in := inner{Text: "x", Paths: [][]any{{"a", int64(1)}, nil}}
	text, paths, none := "x", []any{[]any{"a", int64(1)}, []any{}}, []any{}
	inMap := map[string]any{"text": text, "paths": paths, "none": none}
	value, err := values.Value(map[string]any{"k": "v"})
	if err != nil {
		t.Fatal(err)
	}
	typed := outer{
		Named: "n", Labels: map[name]string{"a": "b"}, Any: []string{"y"}, Value: value, List: []inner{in}, Same: []inner{in}, There: &zero,
		Float: map[string]any{"f": 1.5, "n": json.Number("2"), "v": value, "u": 7}, Untagged: "u", private: "p", Ignored: "i",
	}
	plain := map[string]any{
		"zero": int64(0), "named": "n", "labels": map[string]any{"a": "b"}, "any": []any{"y"}, "nil": nil, "value": map[string]any{"k": "v"},
		"unset": nil, "list": []any{inMap}, "same": []any{inMap}, "pointer": nil, "there": int64(0),
		"float": map[string]any{"f": 1.5, "n": int64(2), "v": map[string]any{"k": "v"}, "u": int64(7)}, "empty": map[string]any{},
	}
	equal := func() {
		t.Helper()
		got, err := values.Value(typed)
		if err != nil {
			t.Fatal(err)
		}
		want, err := values.Value(plain)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Equal(want) {
			a, _ := got.Plain()
			t.Errorf("got\n%v\nwant\n%v", a, plain)
		}
	}
	equal()
	typed.extra = &extra{Extra: true, inner: in}
	plain["extra"], plain["text"], plain["paths"], plain["none"] = true, text, paths, none
	equal()
	for _, wrong := range []any{
		struct {
			A chan int `json:"a"`
		}{},
		struct {
			A []func() `json:"a"`
		}{A: make([]func(), 1)},
		struct {
			A map[int]string `json:"a"`
		}{},
	} {
		if _, err := values.Value(wrong); err == nil || !strings.Contains(err.Error(), "is not plain data") {
			t.Errorf("%T: %v", wrong, err)
		}
	}
}
