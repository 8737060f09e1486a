// Package wasmrules is the engine of rules that internal/rulec has compiled to WebAssembly, so that the program for the browser needs no
// OPA. It answers as package opa does; make test-wasm compares the two on the examples of all rules, and TestParity on public
// repositories.
package wasmrules

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/policy"
)

//go:embed compiled
var program embed.FS

// compiledFile reads what internal/rulec has made.
func compiledFile(name string) ([]byte, error) {
	text, err := program.ReadFile("compiled/" + name)
	if err != nil {
		return nil, fmt.Errorf("policy: the rules are not in this program: %w; build it with the overlay of internal/rulec", err)
	}
	return text, nil
}

// Engine evaluates the compiled rules, and no others.
type Engine struct{}

// Rules returns the embedded rules, sorted by name. They are shared, and the slice is the caller's.
func (Engine) Rules() ([]*policy.Rule, error) {
	rules, err := embeddedRules()
	return slices.Clone(rules), err
}

var embeddedRules = sync.OnceValues(func() ([]*policy.Rule, error) {
	text, err := compiledFile("rules.json")
	if err != nil {
		return nil, err
	}
	var rules []*policy.Rule
	err = json.Unmarshal(text, &rules)
	return rules, err
})

// Values returns what makes values.
func (Engine) Values() policy.Values { return values{} }

type evaluator struct {
	settings   []byte // data, without its end
	resource   bool   // some rule is about single resources
	categories []string
	kinds      map[string]bool // that some resource rule looks at
	allKinds   bool
	options    policy.Options

	mu         sync.Mutex // a machine does one thing at a time
	machine    *machine   // with the settings as its data
	repository *machine   // with those and data.repo; made when it is first needed
}

// Compile makes rules ready. It takes no modules.
func (engine Engine) Compile(opts policy.Options) (policy.Evaluator, error) {
	if len(opts.Modules) > 0 {
		return nil, policy.ErrModules
	}
	e := &evaluator{kinds: map[string]bool{}, options: opts}
	on := map[string]any{}
	for _, r := range opts.Rules {
		on[r.Name] = true
		if r.Scope == policy.ScopeRepository {
			if entry := r.EntryPoint(); !slices.Contains(e.categories, entry) {
				e.categories = append(e.categories, entry)
			}
			continue
		}
		e.resource = true
		e.allKinds = e.allKinds || len(r.Kinds) == 0
		for _, kind := range r.Kinds {
			e.kinds[kind] = true
		}
	}
	settings, err := json.Marshal(map[string]any{"on": on, "settings": opts.Settings})
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	e.settings = settings[:len(settings)-1]
	if e.machine, err = newMachine(settings); err != nil {
		return nil, err
	}
	return e, nil
}

// With returns an evaluator of the same rules with other settings.
func (e *evaluator) With(settings map[string]any) (policy.Evaluator, error) {
	options := e.options
	options.Settings = settings
	return Engine{}.Compile(options)
}

// Wants reports whether any rule that is on looks at resources of a kind.
func (e *evaluator) Wants(kind string) bool { return e.resource && (e.allKinds || e.kinds[kind]) }

// Resource evaluates the rules about single resources on one.
func (e *evaluator) Resource(ctx context.Context, resource policy.Value) ([]policy.Violation, error) {
	if !e.resource {
		return nil, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.eval(ctx, e.machine, policy.ScopeResource, of(resource))
}

// Repository evaluates the rules about the whole repository, once, on data.repo.
func (e *evaluator) Repository(ctx context.Context, repo policy.Value) ([]policy.Violation, error) {
	if len(e.categories) == 0 {
		return nil, nil
	}
	model := of(repo)
	data := make([]byte, 0, len(e.settings)+len(model)+10)
	data = append(append(append(append(data, e.settings...), `,"repo":`...), model...), '}')
	e.mu.Lock()
	defer e.mu.Unlock()
	var err error
	if e.repository == nil {
		e.repository, err = newMachine(data)
	} else {
		err = e.repository.setData(data)
	}
	if err != nil {
		e.repository = nil
		return nil, err
	}
	var out []policy.Violation
	var problems finding.Problems
	for _, category := range e.categories {
		found, err := e.eval(ctx, e.repository, category, nil)
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		out = append(out, found...)
		problems = append(problems, finding.All(err)...)
	}
	return out, problems.Err()
}

func (e *evaluator) eval(ctx context.Context, m *machine, entry string, input []byte) ([]policy.Violation, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	text, err := m.eval(entry, input)
	if err != nil {
		return nil, finding.Errorf(finding.Position{}, "", "the rule failed: %v; fix or disable it", err)
	}
	var results []struct {
		Result [][2]any `json:"result"`
	}
	if bytes.Equal(text, noViolation) {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&results); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	var out []policy.Violation
	for _, r := range results {
		// OPA's set is sorted, that of WebAssembly is not.
		slices.SortFunc(r.Result, func(a, b [2]any) int { return compare(a[:], b[:]) })
		for _, pair := range r.Result {
			rule, _ := pair[0].(string)
			v, err := policy.ReadViolation(rule, pair[1])
			if err != nil {
				return out, err
			}
			out = append(out, v)
		}
	}
	return out, nil
}

var noViolation = []byte(`[{"result":[]}]`)
