// Package planrules is the engine of the built-in rules, which OPA has planned when they were written: the plan is a part of the program,
// so that nothing is compiled when it runs. It answers as package opa does, which stays the engine of all other rules.
package planrules

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/policy"
)

// Engine evaluates the embedded rules, and no others.
type Engine struct{}

// Rules returns the embedded rules, sorted by name. They are shared, and the slice is the caller's.
func (Engine) Rules() ([]*policy.Rule, error) {
	p, err := embedded()
	if err != nil {
		return nil, err
	}
	return slices.Clone(p.rules), nil
}

// Values returns a new [pool].
func (Engine) Values() policy.Values { return &pool{} }

// entry is the function that holds the violations of a rule.
type entry struct {
	rule *policy.Rule
	fn   int32
}

type evaluator struct {
	plan       *plan
	any        []entry            // about single resources of any kind
	kinds      map[string][]entry // the same, and those of a kind
	repository []entry            // by category, in the order of their first rules
	data       any                // what rules about single resources see
	settings   any

	mu    sync.Mutex
	spare []*machine // with data
}

// Compile makes rules ready. It takes no modules.
func (Engine) Compile(opts policy.Options) (policy.Evaluator, error) {
	if len(opts.Modules) > 0 {
		return nil, policy.ErrModules
	}
	p, err := embedded()
	if err != nil {
		return nil, err
	}
	e := &evaluator{plan: p, kinds: map[string][]entry{}}
	categories := map[string][]entry{}
	var order []string
	for _, r := range opts.Rules {
		if r.Scope == policy.ScopeNative {
			continue
		}
		category, name, _ := strings.Cut(r.Name, "/")
		fn, known := p.byName[functionName(category, name)]
		if !known {
			return nil, fmt.Errorf("policy: rule %s is not in the plan of the rules", r.Name)
		}
		if entry := (entry{r, fn}); r.Scope == policy.ScopeRepository {
			if categories[category] == nil {
				order = append(order, category)
			}
			categories[category] = append(categories[category], entry)
		} else if len(r.Kinds) == 0 {
			e.any = append(e.any, entry)
		} else {
			for _, kind := range r.Kinds {
				e.kinds[kind] = append(e.kinds[kind], entry)
			}
		}
	}
	for _, kind := range slices.Collect(maps.Keys(e.kinds)) {
		e.kinds[kind] = byName(slices.Concat(e.kinds[kind], e.any))
	}
	e.any = byName(e.any)
	for _, category := range order {
		e.repository = append(e.repository, byName(categories[category])...)
	}
	return e, e.set(opts.Settings)
}

func functionName(category, name string) string {
	return "g0/" + policy.Package + "/" + category + "/" + name + "/deny"
}

// byName sorts rules as OPA sorts their violations.
func byName(entries []entry) []entry {
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.rule.Name, b.rule.Name) })
	return slices.CompactFunc(entries, func(a, b entry) bool { return a.fn == b.fn })
}

// With returns an evaluator of the same rules with other settings.
func (e *evaluator) With(settings map[string]any) (policy.Evaluator, error) {
	other := &evaluator{plan: e.plan, any: e.any, kinds: e.kinds, repository: e.repository}
	return other, other.set(settings)
}

func (e *evaluator) set(settings map[string]any) error {
	if settings == nil {
		settings = map[string]any{}
	}
	v, err := (&pool{}).Value(settings)
	if err != nil {
		return err
	}
	e.settings = of(v)
	e.data = &object{pairs: []pair{{"settings", e.settings}}, sorted: true}
	return nil
}

func (e *evaluator) of(kind string) []entry {
	if entries, ok := e.kinds[kind]; ok {
		return entries
	}
	return e.any
}

// Wants reports whether any rule that is on looks at resources of a kind.
func (e *evaluator) Wants(kind string) bool { return len(e.of(kind)) > 0 }

// machine returns one that nobody else uses, which knows what does not depend on input.
func (e *evaluator) machine() *machine {
	e.mu.Lock()
	defer e.mu.Unlock()
	if n := len(e.spare); n > 0 {
		m := e.spare[n-1]
		e.spare = e.spare[:n-1]
		return m
	}
	return newMachine(e.plan)
}

func (e *evaluator) release(m *machine) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.spare = append(e.spare, m)
}

// Resource evaluates the rules about single resources on one.
func (e *evaluator) Resource(ctx context.Context, resource policy.Value) ([]policy.Violation, error) {
	input := of(resource)
	kind, _ := dot(input, "kind").(string)
	entries := e.of(kind)
	if len(entries) == 0 {
		return nil, nil
	}
	m := e.machine()
	defer e.release(m)
	return m.run(ctx, entries, input, e.data)
}

// Repository evaluates the rules about the whole repository, once, on data.repo.
func (e *evaluator) Repository(ctx context.Context, repo policy.Value) ([]policy.Violation, error) {
	if len(e.repository) == 0 {
		return nil, nil
	}
	data := &object{pairs: []pair{{"repo", of(repo)}, {"settings", e.settings}}, sorted: true}
	m := newMachine(e.plan)
	m.lists = lists(of(repo))
	return m.run(ctx, e.repository, nil, data)
}

// run evaluates rules. What one of them fails with does not keep the others from it.
func (m *machine) run(ctx context.Context, entries []entry, input, data any) ([]policy.Violation, error) {
	defer m.begin(ctx)()
	resource, single := input.(*object)
	if single = single && !m.forgetful; single {
		m.learned.begin(m.inputs, resource)
	}
	var out []policy.Violation
	var problems finding.Problems
	for _, each := range entries {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		eval := m.eval
		if single {
			if m.learned.findsNothing(each.fn) {
				continue
			}
			if m.learned.worth(each.fn) {
				eval = m.watch
			}
		}
		v, err := eval(each.fn, input, data)
		if err == nil {
			err = take(&out, each.rule.Name, v)
		}
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		if err != nil {
			problems = append(problems, finding.Errorf(finding.Position{File: each.rule.File}, "", "the rule failed: %v; fix or disable it", err))
		}
	}
	return out, problems.Err()
}

// take reads the violations of a rule.
func take(out *[]policy.Violation, rule string, v any) error {
	violations, ok := v.(*set)
	if !ok {
		return errors.New("deny is not a set")
	}
	for _, each := range violations.inOrder() {
		data, err := plain(each)
		if err != nil {
			return err
		}
		violation, err := policy.ReadViolation(rule, data)
		if err != nil {
			return err
		}
		*out = append(*out, violation)
	}
	return nil
}
