// Package celcheck holds the rules in CEL against the same rules in Rego, in the environment in which the API server evaluates admission
// policies. It is a module of its own, because that environment brings the API server with it.
package celcheck

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	celgo "github.com/google/cel-go/cel"
	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v3"
	"k8s.io/apiserver/pkg/cel/environment"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/policy/export"
	"github.com/redis-gitops/redis-gitops/policy/opa"
)

// kubernetes is the environment of admission policies.
func kubernetes(t *testing.T) *celgo.Env {
	t.Helper()
	set, err := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()).Extend(environment.VersionedOptions{
		IntroducedVersion: environment.DefaultCompatibilityVersion(),
		EnvOptions:        []celgo.EnvOption{celgo.Variable("object", celgo.DynType), celgo.Variable("variables", celgo.DynType)},
	})
	if err != nil {
		t.Fatal(err)
	}
	env, err := set.Env(environment.NewExpressions)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func program(t *testing.T, env *celgo.Env, expression string) celgo.Program {
	t.Helper()
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		t.Fatalf("%v\n%s", issues.Err(), expression)
	}
	p, err := env.Program(ast)
	if err != nil {
		t.Fatalf("%v\n%s", err, expression)
	}
	return p
}

// holds evaluates a condition. What cannot be evaluated is an error.
func holds(p celgo.Program, object map[string]any, variables map[string]any) (bool, error) {
	out, _, err := p.Eval(map[string]any{"object": object, "variables": variables})
	if err != nil {
		return false, err
	}
	held, ok := out.Value().(bool)
	if !ok {
		return false, fmt.Errorf("the result is %v", out)
	}
	return held, nil
}

// examples are the custom resources of the examples of all rules.
func examples(t *testing.T, rules []*policy.Rule, kinds []export.Kind) []map[string]any {
	t.Helper()
	var out []map[string]any
	seen := map[string]bool{}
	for _, r := range rules {
		policy.Examples(r)
		for _, archive := range append([]string{r.Bad, r.Good}, slices.Collect(maps.Values(policy.Cases(r)))...) {
			for _, f := range txtar.Parse([]byte(archive)).Files {
				if !strings.HasSuffix(f.Name, ".yaml") || bytes.Contains(f.Data, []byte("{{")) {
					continue
				}
				for _, object := range documents(f.Data) {
					if kindOf(object, kinds) == nil {
						continue
					}
					if text := shown(object); !seen[text] {
						seen[text] = true
						out = append(out, object)
					}
				}
			}
		}
	}
	return out
}

func documents(src []byte) (out []map[string]any) {
	decoder := yaml.NewDecoder(bytes.NewReader(src))
	for {
		var object map[string]any
		if err := decoder.Decode(&object); err != nil {
			if !errors.Is(err, io.EOF) {
				return nil // some examples are no YAML
			}
			return out
		}
		if plain, ok := whole(object).(map[string]any); ok && plain != nil {
			out = append(out, plain)
		}
	}
}

// whole has the numbers of an object as the API server has them.
func whole(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, x := range v {
			if v[key] = whole(x); v[key] == nil {
				delete(v, key) // as the API server does
			}
		}
	case []any:
		for i, x := range v {
			v[i] = whole(x)
		}
	case int:
		return int64(v)
	}
	return v
}

func shown(object any) string {
	text, err := json.Marshal(object)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func kindOf(object map[string]any, kinds []export.Kind) *export.Kind {
	for i, k := range kinds {
		if object["kind"] == k.Kind && object["apiVersion"] == k.APIVersion {
			return &kinds[i]
		}
	}
	return nil
}

// accepted says whether an object has the types of a schema, without which the API server does not admit it.
func accepted(v any, schema any) bool {
	s, _ := schema.(map[string]any)
	if all, ok := s["allOf"].([]any); ok && slices.ContainsFunc(all, func(a any) bool { return !accepted(v, a) }) {
		return false
	}
	if any_, ok := s["anyOf"].([]any); ok && !slices.ContainsFunc(any_, func(a any) bool { return accepted(v, a) }) {
		return false
	}
	if values, ok := s["enum"].([]any); ok && !slices.ContainsFunc(values, func(a any) bool { return fmt.Sprint(a) == fmt.Sprint(v) }) {
		return false
	}
	var names []any
	switch types := s["type"].(type) {
	case string:
		names = []any{types}
	case []any:
		names = types
	}
	is := "null"
	switch x := v.(type) {
	case map[string]any:
		is = "object"
		properties, _ := s["properties"].(map[string]any)
		for key, element := range x {
			known, ok := properties[key]
			if !ok {
				if s["additionalProperties"] == false {
					return false
				}
				known = s["additionalProperties"]
			}
			if !accepted(element, known) {
				return false
			}
		}
	case []any:
		is = "array"
		for _, element := range x {
			if !accepted(element, s["items"]) {
				return false
			}
		}
	case string:
		is = "string"
	case bool:
		is = "boolean"
	case int64:
		is = "integer"
	case float64:
		is = "number"
	}
	return len(names) == 0 || slices.Contains(names, any(is)) || is == "integer" && slices.Contains(names, any("number"))
}

// mutated returns an object with a few fields changed, removed or replaced.
func mutated(random *rand.Rand, object map[string]any, pool map[string][]any) map[string]any {
	out := documents([]byte(shown(object)))[0]
	for range 1 + random.IntN(3) {
		mutate(random, out, "", pool)
	}
	return out
}

func mutate(random *rand.Rand, object map[string]any, at string, pool map[string][]any) {
	keys := slices.Sorted(maps.Keys(object))
	if at == "" {
		keys = []string{"spec", "spec", "spec", "metadata"}
	}
	if len(keys) == 0 {
		return
	}
	key := keys[random.IntN(len(keys))]
	here := at + "/" + key
	if inner, ok := object[key].(map[string]any); ok && random.IntN(5) > 0 {
		mutate(random, inner, here, pool)
		return
	}
	if at == "" || here == "/metadata/name" {
		return
	}
	switch known := pool[at+"/"]; {
	case random.IntN(3) == 0:
		delete(object, key)
	case random.IntN(2) == 0 && len(known) > 0: // a field that others have here
		other := known[random.IntN(len(known))].([2]any)
		object[other[0].(string)] = documents([]byte(shown(map[string]any{"x": other[1]})))[0]["x"]
	default:
		object[key] = changed(random, object[key])
	}
}

func changed(random *rand.Rand, v any) any {
	switch v := v.(type) {
	case bool:
		return !v
	case int64:
		return []int64{-1, 0, 1, 2, 3, 4, 5, 6, 8, 9121, 6379}[random.IntN(11)]
	case string:
		return []string{"", "x", v + "-x", "Upper.Case", "10.0.0.1", "1Gi", "100m", "cache", "yes", "false"}[random.IntN(10)]
	case []any:
		if len(v) > 0 && random.IntN(2) == 0 {
			return v[:len(v)-1]
		}
		return []any{}
	case map[string]any:
		return map[string]any{}
	}
	return v
}

// fieldsOf collects the fields that objects have, by the path of the object that has them.
func fieldsOf(v any, at string, pool map[string][]any) {
	if object, ok := v.(map[string]any); ok {
		for _, key := range slices.Sorted(maps.Keys(object)) {
			pool[at+"/"] = append(pool[at+"/"], [2]any{key, object[key]})
			fieldsOf(object[key], at+"/"+key, pool)
		}
	}
}

// settingsOf are those that the commands pass.
func settingsOf(strict bool) map[string]any {
	return map[string]any{
		"strict": strict, "options": map[string]any{}, "foreignFields": map[string]any{"spec.haproxy": "freshworks"},
		"operator": map[string]any{"name": "spotahome", "version": "1.2.4", "namespace": "", "title": "Spotahome", "named": false},
	}
}

// TestSameAsRego: of every example and of many objects like them, CEL finds what Rego finds.
func TestSameAsRego(t *testing.T) {
	operators, err := cue.Operators()
	if err != nil {
		t.Fatal(err)
	}
	kinds, err := export.Kinds(operators, "spotahome", "1.2.4")
	if err != nil {
		t.Fatal(err)
	}
	all, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	objects := examples(t, all, kinds)
	pool := map[string][]any{}
	for _, object := range objects {
		fieldsOf(object, "", pool)
	}
	random := rand.New(rand.NewPCG(1, 2))
	rounds := 40
	if testing.Short() {
		rounds = 4
	}
	for _, object := range slices.Clone(objects) {
		for range rounds {
			objects = append(objects, mutated(random, object, pool))
		}
	}
	env := kubernetes(t)
	for _, strict := range []bool{false, true} {
		t.Run(fmt.Sprintf("strict=%v", strict), func(t *testing.T) { compare(t, env, all, kinds, objects, strict) })
	}
}

func compare(t *testing.T, env *celgo.Env, all []*policy.Rule, kinds []export.Kind, objects []map[string]any, strict bool) {
	settings := settingsOf(strict)
	translations, err := export.Translate(export.Options{Rules: all, Kinds: kinds, Settings: settings, Strict: strict})
	if err != nil {
		t.Fatal(err)
	}
	type translated struct {
		export.Translation
		programs [][]celgo.Program
	}
	var rules []translated
	var on []*policy.Rule
	for _, tr := range translations {
		if len(tr.Conditions) == 0 && len(tr.Reasons) > 0 {
			continue
		}
		r := translated{Translation: tr}
		for _, c := range tr.Conditions {
			r.programs = append(r.programs, []celgo.Program{program(t, env, c.CEL)})
		}
		rules, on = append(rules, r), append(on, tr.Rule)
	}
	engine, err := opa.Engine{}.Compile(policy.Options{Rules: on, Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	compared, violated, rejected := 0, map[string]int{}, 0
	for _, object := range objects {
		kind := kindOf(object, kinds)
		if kind == nil || !accepted(object, kind.Schema) {
			rejected++
			continue
		}
		value, err := opa.Engine{}.Values().Value(object)
		if err != nil {
			t.Fatal(err)
		}
		violations, err := engine.Resource(t.Context(), value)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rules {
			if !slices.Contains(r.Rule.Kinds, kind.Kind) || r.Reasons[kind.ID()] != "" {
				continue
			}
			want := slices.ContainsFunc(violations, func(v policy.Violation) bool { return v.Rule == r.Rule.Name && (strict || !v.Strict) })
			got := false
			for i, c := range r.Conditions {
				if slices.ContainsFunc(c.Kinds, func(k export.Kind) bool { return k.ID() == kind.ID() }) {
					if got, err = holds(r.programs[i][0], object, nil); err != nil {
						t.Errorf("%s: %v\n%s\n%s", r.Rule.Name, err, shown(object), c.CEL)
					}
					if got != want {
						t.Errorf("%s: CEL %v, Rego %v\n%s\n%s", r.Rule.Name, got, want, shown(object), c.CEL)
					}
				}
			}
			if compared++; got {
				violated[r.Rule.Name]++
			}
			if got != want && len(r.Conditions) == 0 {
				t.Errorf("%s: no condition, Rego %v\n%s", r.Rule.Name, want, shown(object))
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d rules, %d objects (%d more are rejected by their schema), %d comparisons; %d rules are violated by some object", len(rules), len(objects)-rejected, rejected, compared, len(violated))
	for _, r := range rules {
		if violated[r.Rule.Name] == 0 && len(r.Conditions) > 0 {
			t.Logf("%s is never violated", r.Rule.Name)
		}
	}
	if len(rules) < 40 {
		t.Errorf("only %d rules have a form in CEL", len(rules))
	}
}
