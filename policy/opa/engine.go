// Package opa is the engine of rules on OPA, which takes any Rego.
package opa

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/policy"
)

// Engine compiles rules with OPA's compiler and evaluates them with its interpreter.
type Engine struct {
	Cover *Cover // records what is evaluated, for tests; nil records nothing
}

// Rules returns the embedded rules, as [policy.Rules].
func (Engine) Rules() ([]*policy.Rule, error) { return policy.Rules() }

// Values returns a new [pool].
func (Engine) Values() policy.Values { return &pool{} }

// value is plain data in the form of OPA.
type value struct{ v ast.Value }

func newValue(data any) (policy.Value, error) {
	v, err := ast.InterfaceToValue(data)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	return value{v}, nil
}

// of returns a value of this engine in the form of OPA.
func of(v policy.Value) ast.Value {
	if v == nil {
		return ast.InternedNullValue
	}
	return v.(value).v
}

func (v value) Equal(other policy.Value) bool {
	o, ok := other.(value)
	return ok && (v == o || v.v.Compare(o.v) == 0)
}

func (v value) Plain() (any, error) {
	plain, err := ast.JSON(v.v)
	return policy.Numbers(plain), err
}

type evaluator struct {
	compiler *ast.Compiler
	resource ast.Body        // nil when no rule is about single resources
	repo     []ast.Body      // one for each category, because what OPA keeps of a query lasts as long as the query
	kinds    map[string]bool // that some resource rule looks at
	allKinds bool
	settings ast.Value
	store    storage.Store
	cover    *Cover
}

// checks are the stages of the compiler that find mistakes and change nothing. Rules of our own went through them in our tests,
// which saves a third of the time to compile them.
var checks = []ast.StageID{
	ast.StageCheckUnusedImports, ast.StageCheckKeywordOverrides, ast.StageCheckDuplicateImports, ast.StageCheckVoidCalls,
	ast.StageParseMetadataBlocks, ast.StageSetAnnotationSet, ast.StageRewriteRegoMetadataCalls, ast.StageCheckRuleConflicts,
	ast.StageCheckUndefinedFuncs, ast.StageCheckSafetyRuleHeads, ast.StageCheckRecursion, ast.StageCheckTypes,
	ast.StageCheckUnsafeBuiltins, ast.StageCheckDeprecatedBuiltins, ast.StageBuildRequiredCapabilities,
}

// Compile compiles the rules. The error is finding.Problems: what is wrong with the user's modules and where.
func (engine Engine) Compile(opts policy.Options) (policy.Evaluator, error) {
	modules := map[string]*ast.Module{}
	var problems finding.Problems
	parse := func(file, src string) {
		m, err := ast.ParseModuleWithOpts(file, src, ast.ParserOptions{RegoVersion: ast.RegoV1, Capabilities: Capabilities()})
		if err != nil {
			problems = append(problems, explain(file, err)...)
			return
		}
		if m != nil {
			modules[file] = m
		}
	}
	library, err := policy.Library()
	if err != nil {
		return nil, err
	}
	for name, src := range library {
		parse("lib/"+name+".rego", src)
	}
	for _, r := range opts.Rules {
		if r.User || r.Scope == policy.ScopeNative {
			continue
		}
		src, err := policy.Source(r.File)
		if err != nil {
			return nil, err
		}
		parse(r.File, src)
	}
	for _, m := range opts.Modules {
		parse(m.File, m.Source)
	}
	e := &evaluator{kinds: map[string]bool{}, cover: engine.Cover}
	parse("main.rego", e.main(opts.Rules))
	if len(problems) > 0 {
		return nil, problems.Err()
	}
	e.compiler = ast.NewCompiler().WithCapabilities(Capabilities()).WithDefaultRegoVersion(ast.RegoV1).SetErrorLimit(50)
	if len(opts.Modules) == 0 {
		e.compiler.WithSkipStages(checks...)
	}
	e.compiler.Compile(modules)
	if e.cover != nil {
		maps.Copy(e.cover.Modules, e.compiler.Modules)
	}
	if e.compiler.Failed() {
		return nil, explain("", e.compiler.Errors).Err()
	}
	if err = e.set(opts.Settings); err != nil {
		return nil, err
	}
	if e.resource, err = e.query(policy.ScopeResource); err != nil {
		return nil, err
	}
	var categories []string
	for _, r := range opts.Rules {
		if category, _, _ := strings.Cut(r.Name, "/"); r.Scope == policy.ScopeRepository && !slices.Contains(categories, category) {
			categories = append(categories, category)
		}
	}
	for _, category := range categories {
		q, err := e.query(fmt.Sprintf("%s[%q]", policy.ScopeRepository, category))
		if err != nil {
			return nil, err
		}
		e.repo = append(e.repo, q)
	}
	return e, nil
}

// With returns an evaluator of the same compiled rules with other settings.
func (e *evaluator) With(settings map[string]any) (policy.Evaluator, error) {
	other := *e
	return &other, other.set(settings)
}

func (e *evaluator) set(settings map[string]any) error {
	if settings == nil {
		settings = map[string]any{}
	}
	value, err := ast.InterfaceToValue(settings)
	if err != nil {
		return err
	}
	e.settings = value
	e.store = inmem.NewFromASTObject(ast.NewObject([2]*ast.Term{ast.StringTerm("settings"), ast.NewTerm(value)}))
	return nil
}

// main is the entry point: one rule for each rule that is on, so that those that are off cost nothing, and those about other
// kinds are left out by OPA's index.
func (e *evaluator) main(rules []*policy.Rule) string {
	var b strings.Builder
	b.WriteString("package " + policy.Package + ".main\n\n")
	for _, r := range rules {
		ref := r.Reference()
		if r.Scope == policy.ScopeRepository {
			category, _, _ := strings.Cut(r.Name, "/")
			fmt.Fprintf(&b, "%s[%q] contains [%q, violation] if some violation in %s\n", policy.ScopeRepository, category, r.Name, ref)
			continue
		}
		if len(r.Kinds) == 0 {
			e.allKinds = true
			fmt.Fprintf(&b, "%s contains [%q, violation] if some violation in %s\n", policy.ScopeResource, r.Name, ref)
		}
		for _, kind := range r.Kinds {
			e.kinds[kind] = true
			fmt.Fprintf(&b, "%s contains [%q, violation] if {\n\tinput.kind == %q\n\tsome violation in %s\n}\n", policy.ScopeResource, r.Name, kind, ref)
		}
	}
	return b.String()
}

func (e *evaluator) query(scope string) (ast.Body, error) {
	ref, err := ast.ParseRef("data." + policy.Package + ".main." + scope)
	if err != nil {
		return nil, err
	}
	if len(e.compiler.GetRules(ref)) == 0 {
		return nil, nil
	}
	return e.compiler.QueryCompiler().Compile(ast.MustParseBody("x = data." + policy.Package + ".main." + scope))
}

// Wants reports whether any rule that is on looks at resources of a kind.
func (e *evaluator) Wants(kind string) bool {
	return e.resource != nil && (e.allKinds || e.kinds[kind])
}

// Resource evaluates the rules about single resources on one.
func (e *evaluator) Resource(ctx context.Context, resource policy.Value) ([]policy.Violation, error) {
	if e.resource == nil {
		return nil, nil
	}
	return e.eval(ctx, e.resource, e.store, ast.NewTerm(of(resource)))
}

// Repository evaluates the rules about the whole repository, once, on data.repo.
func (e *evaluator) Repository(ctx context.Context, repo policy.Value) ([]policy.Violation, error) {
	if len(e.repo) == 0 {
		return nil, nil
	}
	store := inmem.NewFromASTObject(ast.NewObject(
		[2]*ast.Term{ast.StringTerm("settings"), ast.NewTerm(e.settings)},
		[2]*ast.Term{ast.StringTerm("repo"), ast.NewTerm(of(repo))},
	))
	var out []policy.Violation
	var problems finding.Problems
	for _, query := range e.repo {
		found, err := e.eval(ctx, query, store, nil)
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		out = append(out, found...)
		problems = append(problems, finding.All(err)...)
	}
	return out, problems.Err()
}

func (e *evaluator) eval(ctx context.Context, query ast.Body, store storage.Store, input *ast.Term) ([]policy.Violation, error) {
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return nil, err
	}
	defer store.Abort(ctx, txn)
	cancel := topdown.NewCancel()
	stop := context.AfterFunc(ctx, cancel.Cancel)
	defer stop()
	q := topdown.NewQuery(query).WithCompiler(e.compiler).WithStore(store).WithTransaction(txn).WithCancel(cancel)
	if input != nil {
		q = q.WithInput(input)
	}
	if e.cover != nil {
		q = q.WithQueryTracer(e.cover.Tracer)
	}
	var out []policy.Violation
	err = q.Iter(ctx, func(r topdown.QueryResult) error {
		set, ok := r["x"].Value.(ast.Set)
		if !ok {
			return errors.New("policy: the entry point is not a set")
		}
		return set.Iter(func(t *ast.Term) error {
			v, err := violation(t)
			if err != nil {
				return err
			}
			out = append(out, v)
			return nil
		})
	})
	if err != nil {
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		return out, explain("", err).Err()
	}
	return out, nil
}

// violation reads one element of an entry point, [rule, violation].
func violation(t *ast.Term) (policy.Violation, error) {
	pair, ok := t.Value.(*ast.Array)
	if !ok || pair.Len() != 2 {
		return policy.Violation{}, errors.New("policy: the entry point holds no pairs")
	}
	plain, err := ast.JSON(pair.Elem(1).Value)
	if err != nil {
		return policy.Violation{}, err
	}
	rule, _ := pair.Elem(0).Value.(ast.String)
	return policy.ReadViolation(string(rule), plain)
}
