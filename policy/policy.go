//go:build !compiled

package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/redis-gitops/redis-gitops/finding"
)

// TakesModules reports whether [New] takes rules that are not embedded.
const TakesModules = true

// Rules returns the embedded rules, sorted by name. They are shared, and the slice is the caller's.
func Rules() ([]*Rule, error) {
	rules, err := embeddedRules()
	return slices.Clone(rules), err
}

var embeddedRules = sync.OnceValues(func() ([]*Rule, error) { return readRules(files, "rule.rego") })

// readRules reads the METADATA of every rule file below fsys.
func readRules(fsys fs.FS, base string) ([]*Rule, error) {
	names, err := fs.Glob(fsys, "*/*/"+base)
	if err != nil {
		return nil, err
	}
	rules := make([]*Rule, 0, len(names))
	for _, file := range names {
		src, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, err
		}
		rule, err := parseRule(file, string(src), strings.TrimSuffix(file, "/"+base))
		if err != nil {
			return nil, err
		}
		rules = append(rules, rule)
	}
	slices.SortFunc(rules, func(a, b *Rule) int { return strings.Compare(a.Name, b.Name) })
	return rules, nil
}

// Value is plain data as rules see it. The zero value is none.
type Value struct{ v ast.Value }

// NewValue makes a value of maps with string keys, slices, strings, numbers, bools, nil, other values, and structs with the names of
// their json tags. It keeps no reference to them.
func NewValue(data any) (Value, error) {
	if reflect.ValueOf(data).Kind() == reflect.Struct {
		return new(Pool).Value(data)
	}
	v, err := ast.InterfaceToValue(data)
	if err != nil {
		return Value{}, fmt.Errorf("policy: %w", err)
	}
	return Value{v}, nil
}

// With returns an object with one more field.
func (v Value) With(key string, field Value) Value {
	o, ok := v.v.(ast.Object)
	if !ok {
		return v
	}
	terms := make([][2]*ast.Term, 0, o.Len()+1)
	o.Foreach(func(k, f *ast.Term) { terms = append(terms, [2]*ast.Term{k, f}) })
	return Value{ast.NewObject(append(terms, [2]*ast.Term{ast.StringTerm(key), ast.NewTerm(field.v)})...)}
}

// Equal reports whether two values are the same.
func (v Value) Equal(other Value) bool {
	return v.v == other.v || v.v != nil && other.v != nil && v.v.Compare(other.v) == 0
}

// Plain returns the value as plain data again, whole numbers as int64.
func (v Value) Plain() (any, error) {
	plain, err := ast.JSON(v.v)
	return numbers(plain), err
}

// Array makes a value of elements.
func Array(elements []Value) Value {
	terms := make([]*ast.Term, len(elements))
	for i, e := range elements {
		terms[i] = ast.NewTerm(e.v)
	}
	return Value{ast.NewArray(terms...)}
}

// Engine evaluates rules. It may be used by several goroutines.
type Engine struct {
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

// New compiles the rules. The error is finding.Problems: what is wrong with the user's modules and where.
func New(opts Options) (*Engine, error) {
	modules := map[string]*ast.Module{}
	var problems finding.Problems
	parse := func(file, src string) {
		m, err := ast.ParseModuleWithOpts(file, src, ast.ParserOptions{RegoVersion: ast.RegoV1, Capabilities: capabilities()})
		if err != nil {
			problems = append(problems, explain(file, err)...)
			return
		}
		if m != nil {
			modules[file] = m
		}
	}
	library, err := Library()
	if err != nil {
		return nil, err
	}
	for name, src := range library {
		parse("lib/"+name+".rego", src)
	}
	for _, r := range opts.Rules {
		if r.User || r.Scope == ScopeNative {
			continue
		}
		src, err := files.ReadFile(r.File)
		if err != nil {
			return nil, err
		}
		parse(r.File, string(src))
	}
	for _, m := range opts.Modules {
		parse(m.File, m.Source)
	}
	e := &Engine{kinds: map[string]bool{}, cover: opts.Cover}
	parse("main.rego", e.main(opts.Rules))
	if len(problems) > 0 {
		return nil, problems.Err()
	}
	e.compiler = ast.NewCompiler().WithCapabilities(capabilities()).WithDefaultRegoVersion(ast.RegoV1).SetErrorLimit(50)
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
	if e, err = e.With(opts.Settings); err != nil {
		return nil, err
	}
	if e.resource, err = e.query(ScopeResource); err != nil {
		return nil, err
	}
	var categories []string
	for _, r := range opts.Rules {
		if category, _, _ := strings.Cut(r.Name, "/"); r.Scope == ScopeRepository && !slices.Contains(categories, category) {
			categories = append(categories, category)
		}
	}
	for _, category := range categories {
		q, err := e.query(fmt.Sprintf("%s[%q]", ScopeRepository, category))
		if err != nil {
			return nil, err
		}
		e.repo = append(e.repo, q)
	}
	return e, nil
}

// With returns an engine of the same compiled rules with other settings.
func (e *Engine) With(settings map[string]any) (*Engine, error) {
	if settings == nil {
		settings = map[string]any{}
	}
	value, err := ast.InterfaceToValue(settings)
	if err != nil {
		return nil, err
	}
	other := *e
	other.settings = value
	other.store = inmem.NewFromASTObject(ast.NewObject([2]*ast.Term{ast.StringTerm("settings"), ast.NewTerm(value)}))
	return &other, nil
}

// main is the entry point: one rule for each rule that is on, so that those that are off cost nothing, and those about other
// kinds are left out by OPA's index.
func (e *Engine) main(rules []*Rule) string {
	var b strings.Builder
	b.WriteString("package " + root + ".main\n\n")
	for _, r := range rules {
		ref := denyOf(r)
		if r.Scope == ScopeRepository {
			category, _, _ := strings.Cut(r.Name, "/")
			fmt.Fprintf(&b, "%s[%q] contains [%q, violation] if some violation in %s\n", ScopeRepository, category, r.Name, ref)
			continue
		}
		if len(r.Kinds) == 0 {
			e.allKinds = true
			fmt.Fprintf(&b, "%s contains [%q, violation] if some violation in %s\n", ScopeResource, r.Name, ref)
		}
		for _, kind := range r.Kinds {
			e.kinds[kind] = true
			fmt.Fprintf(&b, "%s contains [%q, violation] if {\n\tinput.kind == %q\n\tsome violation in %s\n}\n", ScopeResource, r.Name, kind, ref)
		}
	}
	return b.String()
}

// denyOf is the reference of what a rule answers.
func denyOf(r *Rule) string {
	category, name, _ := strings.Cut(r.Name, "/")
	return fmt.Sprintf("data.%s[%q][%q].deny", root, category, name)
}

func (e *Engine) query(scope string) (ast.Body, error) {
	ref, err := ast.ParseRef("data." + root + ".main." + scope)
	if err != nil {
		return nil, err
	}
	if len(e.compiler.GetRules(ref)) == 0 {
		return nil, nil
	}
	return e.compiler.QueryCompiler().Compile(ast.MustParseBody("x = data." + root + ".main." + scope))
}

// Wants reports whether any rule that is on looks at resources of a kind.
func (e *Engine) Wants(kind string) bool { return e.resource != nil && (e.allKinds || e.kinds[kind]) }

// Resource evaluates the rules about single resources on one.
func (e *Engine) Resource(ctx context.Context, resource Value) ([]Violation, error) {
	if e.resource == nil {
		return nil, nil
	}
	return e.eval(ctx, e.resource, e.store, ast.NewTerm(resource.v))
}

// Repository evaluates the rules about the whole repository, once, on data.repo.
func (e *Engine) Repository(ctx context.Context, repo Value) ([]Violation, error) {
	if len(e.repo) == 0 {
		return nil, nil
	}
	store := inmem.NewFromASTObject(ast.NewObject(
		[2]*ast.Term{ast.StringTerm("settings"), ast.NewTerm(e.settings)},
		[2]*ast.Term{ast.StringTerm("repo"), ast.NewTerm(repo.v)},
	))
	var out []Violation
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

func (e *Engine) eval(ctx context.Context, query ast.Body, store storage.Store, input *ast.Term) ([]Violation, error) {
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
	var out []Violation
	err = q.Iter(ctx, func(r topdown.QueryResult) error {
		set, ok := r["x"].Value.(ast.Set)
		if !ok {
			return errors.New("policy: the entry point is no set")
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
func violation(t *ast.Term) (Violation, error) {
	pair, ok := t.Value.(*ast.Array)
	if !ok || pair.Len() != 2 {
		return Violation{}, errors.New("policy: the entry point holds no pairs")
	}
	plain, err := ast.JSON(pair.Elem(1).Value)
	if err != nil {
		return Violation{}, err
	}
	rule, _ := pair.Elem(0).Value.(ast.String)
	return read(string(rule), plain)
}
