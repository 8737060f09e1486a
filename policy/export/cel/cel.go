// Package cel translates rules about single resources from Rego to the Common Expression Language of Kubernetes.
//
// A translation follows the compiled rules for one kind of resource, of which it knows the kind and its version and nothing else. All
// that follows from these, the operator's facts among it, is computed; what remains is a condition on fields of the object. So the
// Rego stays the only form of a rule, and what CEL cannot say has no translation: then there is a reason in place of it.
package cel

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Target is a kind of resource in one version.
type Target struct {
	APIVersion, Kind string
	Schema           map[string]any // in JSON Schema; nil knows no types. Objects have to satisfy it
}

// Translation is a condition in CEL on the variable object.
type Translation struct {
	Condition string // that the rule is violated; "" if it never is
}

// Translate returns the condition under which a set of violations is not empty for a kind of resource. rule is its reference, as
// data.redisgitops.ha["single-redis"].deny. The error is a [Reason] if it has none.
func Translate(compiler *ast.Compiler, rule ast.Ref, target Target, settings map[string]any, strict bool) (*Translation, error) {
	data, err := ast.InterfaceToValue(settings)
	if err != nil {
		return nil, err
	}
	t := &evaluator{compiler: compiler, settings: data, target: target, strict: strict, cache: map[string][]result{}}
	var all []*formula
	for _, r := range compiler.GetRulesExact(rule) {
		t.messages = t.messagesOf(r)
		found, err := t.rule(r, nil)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			counts, err := t.counts(f.value)
			if err != nil {
				return nil, err
			}
			all = append(all, closed(append(slices.Clip(f.steps), step{condition: counts})))
		}
	}
	f := or(all...)
	if f.is(no) {
		return &Translation{}, nil
	}
	text := f.lines()
	if len(text) > longest {
		return nil, because("depends on too many fields")
	}
	return &Translation{Condition: text}, nil
}

// counts is the condition that a violation counts: those with "strict": true do so in strict mode only.
func (t *evaluator) counts(v value) (*formula, error) {
	if t.strict {
		return yes, nil
	}
	for _, f := range unfolded(v).fields {
		if f.key.Compare(ast.String("strict")) == 0 {
			strict, err := equal(f.value, constant(ast.Boolean(true)))
			return not(strict), err
		}
	}
	return yes, nil
}
