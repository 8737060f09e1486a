package instance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/rego"
)

// TestConditions holds the conditions of operator.cue, as names and URLs are derived from them, against those that rules read in
// lib/redis.rego: the same text must mean the same in both.
func TestConditions(t *testing.T) {
	t.Parallel()
	options := []func(*rego.Rego){rego.Query("data.redisgitops.lib.redis.holds_in(input.object, input.condition)")}
	for _, name := range []string{"redis", "fields", "images", "known", "redisfailover"} {
		src, err := os.ReadFile("../policy/lib/" + name + ".rego")
		if err != nil {
			t.Fatal(err)
		}
		options = append(options, rego.Module(name+".rego", string(src)))
	}
	query, err := rego.New(options...).PrepareForEval(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	values := []any{nil, true, false, "", "a", "false", "true", "0", "1", 0, 1, 12, 0.5, []any{}, []any{"a"}, map[string]any{}, map[string]any{"x": 1}}
	forms := []string{"%s", "!%s", "%s=a", "%s=false", "%s=0", "%s=0.5", "%s!=a", "%s!=false", "%s!=0", "%s!="}
	random := rand.New(rand.NewPCG(1, 2))
	for range 4000 {
		object := map[string]any{"spec": map[string]any{}}
		spec := object["spec"].(map[string]any)
		for _, key := range []string{"a", "b"} {
			if v := values[random.IntN(len(values))]; random.IntN(4) > 0 {
				spec[key] = v
			}
		}
		if random.IntN(3) == 0 {
			spec["b"] = map[string]any{"c": values[random.IntN(len(values))]}
		}
		path := []string{"spec.a", "spec.b", "spec.b.c", "spec.missing"}[random.IntN(4)]
		condition := fmt.Sprintf(forms[random.IntN(len(forms))], path)
		s := &scope{object: &Document{Object: object}}
		results, err := query.Eval(t.Context(), rego.EvalInput(map[string]any{"object": object, "condition": forRules(condition)}))
		if err != nil {
			t.Fatal(err)
		}
		inRego := len(results) > 0 && results[0].Expressions[0].Value == true
		if inGo := s.condition(condition); inGo != inRego {
			t.Fatalf("%s of %v: %v, and %v for rules", condition, object, inGo, inRego)
		}
	}
}

// forRules is a condition as the fields of operators have it in lib/fields.rego.
func forRules(condition string) map[string]any {
	path := func(text string) []string { return strings.Split(text, ".") }
	if at, value, ok := strings.Cut(condition, "!="); ok {
		return map[string]any{"path": path(at), "not": value}
	}
	if at, value, ok := strings.Cut(condition, "="); ok {
		return map[string]any{"path": path(at), "is": value}
	}
	at, not := strings.CutPrefix(condition, "!")
	return map[string]any{"path": path(at), "set": !not}
}
