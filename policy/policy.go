// Package policy holds the rules, which are written in Rego, and evaluates them on plain data.
//
// A rule is a folder category/rule with rule.rego and testdata/{bad,good}.txtar, found by iteration. It says which path of
// which resource is wrong and never which line. Rego can call nothing outside: what rules may use is a list (capabilities.go).
package policy

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/redis-gitops/redis-gitops/diag"
)

//go:embed lib/*.rego */*/rule.rego */*/testdata/*.txtar
var files embed.FS

// Violation is one thing that a rule has against something.
type Violation struct {
	Rule    string
	Message string
	// One of these says what it is about: of a resource rule neither.
	Resource int    // the id of a resource of data.repo; -1 for none
	File     string // a document of data.repo.documents, or any file
	Document int    // its number in File
	Line     int    // of File, when there is no path to point at
	Path     []string
	Key      bool  // the key that ends Path is wrong, not its value
	Strict   bool  // counts in strict mode only
	Severity Level // in the place of the rule's own; "" keeps that
	Fix      *Fix  // nil when there is none
	Related  []Place
}

// Fix changes one place of a document.
type Fix struct {
	Path  []string
	Op    string // "set", "add" or "remove"; add makes missing parents, and appends to a list with the last step "-"
	Value any
}

// Place is another place that has a part in a violation.
type Place struct {
	Resource int
	File     string
	Document int
	Line     int
	Path     []string
	Message  string
}

// Value is plain data as rules see it. The zero value is none.
type Value struct{ v ast.Value }

// NewValue makes a value of maps with string keys, slices, strings, numbers, bools and nil. It keeps no reference to them.
func NewValue(data any) (Value, error) {
	v, err := ast.InterfaceToValue(data)
	if err != nil {
		return Value{}, fmt.Errorf("policy: %w", err)
	}
	return Value{v}, nil
}

// With gives an object with one more field.
func (v Value) With(key string, field Value) Value {
	o, ok := v.v.(ast.Object)
	if !ok {
		return v
	}
	terms := make([][2]*ast.Term, 0, o.Len()+1)
	o.Foreach(func(k, f *ast.Term) { terms = append(terms, [2]*ast.Term{k, f}) })
	return Value{ast.NewObject(append(terms, [2]*ast.Term{ast.StringTerm(key), ast.NewTerm(field.v)})...)}
}

// Plain gives the value as plain data again, whole numbers as int64.
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

// Options says what to evaluate. Rules holds the rules that are on; the modules of all others are not even parsed.
type Options struct {
	Rules    []*Rule
	Settings map[string]any // data.settings: strict, operator, options by rule
	Modules  []Module       // the user's own rules, and what these import
	Cover    *Cover         // takes down what is evaluated; nil for nothing
}

// Module is a file of Rego that is not embedded.
type Module struct{ File, Source string }

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

const root = "redisgitops"

// checks are the stages of the compiler that find mistakes and change nothing. Rules of our own went through them in our tests,
// which saves a third of the time to compile them.
var checks = []ast.StageID{
	ast.StageCheckUnusedImports, ast.StageCheckKeywordOverrides, ast.StageCheckDuplicateImports, ast.StageCheckVoidCalls,
	ast.StageParseMetadataBlocks, ast.StageSetAnnotationSet, ast.StageRewriteRegoMetadataCalls, ast.StageCheckRuleConflicts,
	ast.StageCheckUndefinedFuncs, ast.StageCheckSafetyRuleHeads, ast.StageCheckRecursion, ast.StageCheckTypes,
	ast.StageCheckUnsafeBuiltins, ast.StageCheckDeprecatedBuiltins, ast.StageBuildRequiredCapabilities,
}

// New compiles the rules. The error is diag.Problems: what is wrong with the user's modules and where.
func New(opts Options) (*Engine, error) {
	modules := map[string]*ast.Module{}
	var problems diag.Problems
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
	libs, err := fs.Glob(files, "lib/*.rego")
	if err != nil {
		return nil, err
	}
	for _, file := range libs {
		src, err := files.ReadFile(file)
		if err != nil {
			return nil, err
		}
		parse(file, string(src))
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
		maps.Copy(e.cover.modules, e.compiler.Modules)
	}
	if e.compiler.Failed() {
		return nil, explain("", e.compiler.Errors).Err()
	}
	if opts.Settings == nil {
		opts.Settings = map[string]any{}
	}
	if e.settings, err = ast.InterfaceToValue(opts.Settings); err != nil {
		return nil, err
	}
	e.store = inmem.NewFromASTObject(ast.NewObject([2]*ast.Term{ast.StringTerm("settings"), ast.NewTerm(e.settings)}))
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

// Wants says whether any rule that is on looks at resources of a kind.
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
	var problems diag.Problems
	for _, query := range e.repo {
		found, err := e.eval(ctx, query, store, nil)
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		out = append(out, found...)
		problems = append(problems, diag.All(err)...)
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
		q = q.WithQueryTracer(e.cover.tracer)
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
	v := Violation{Rule: string(rule)}
	switch plain := plain.(type) {
	case string: // as conftest takes it
		v.Message, v.Resource = plain, -1
		return v, nil
	case map[string]any:
		if err := v.read(plain); err != nil {
			return v, fmt.Errorf("rule %s: %w", rule, err)
		}
		return v, nil
	}
	return v, fmt.Errorf("rule %s: deny holds %v, which is neither an object nor a text; give {\"message\": …, \"path\": […]}", rule, plain)
}

func (v *Violation) read(m map[string]any) error {
	v.Message, _ = m["message"].(string)
	if v.Message == "" {
		v.Message, _ = m["msg"].(string) // as conftest and Gatekeeper have it
	}
	if v.Message == "" {
		return errors.New("a violation has no message; add \"message\"")
	}
	p, err := place(m)
	if err != nil {
		return err
	}
	v.Resource, v.File, v.Document, v.Line, v.Path = p.Resource, p.File, p.Document, p.Line, p.Path
	v.Key, _ = m["key"].(bool)
	v.Strict, _ = m["strict"].(bool)
	if s, ok := m["severity"].(string); ok {
		v.Severity = Level(s)
		if !slices.Contains([]Level{Info, Warning, Error}, v.Severity) {
			return fmt.Errorf("severity %q is not allowed; %s", s, diag.OneOf([]string{"error", "info", "warning"}))
		}
	}
	if f, ok := m["fix"].(map[string]any); ok {
		path, err := steps(f["path"])
		if err != nil {
			return err
		}
		op, _ := f["op"].(string)
		if !slices.Contains([]string{"add", "remove", "set"}, op) {
			return fmt.Errorf("fix.op %q is not allowed; %s", op, diag.OneOf([]string{"add", "remove", "set"}))
		}
		v.Fix = &Fix{Path: path, Op: op, Value: numbers(f["value"])}
	}
	related, _ := m["related"].([]any)
	for _, r := range related {
		each, ok := r.(map[string]any)
		if !ok {
			return errors.New("an element of related is no object")
		}
		p, err := place(each)
		if err != nil {
			return err
		}
		p.Message, _ = each["message"].(string)
		v.Related = append(v.Related, p)
	}
	return nil
}

// numbers makes the numbers of JSON whole ones where they are, and else floats.
func numbers(data any) any {
	switch data := data.(type) {
	case map[string]any:
		for k, v := range data {
			data[k] = numbers(v)
		}
	case []any:
		for i, v := range data {
			data[i] = numbers(v)
		}
	case json.Number:
		if n, err := data.Int64(); err == nil {
			return n
		}
		f, _ := data.Float64() // a number of Rego is one of JSON
		return f
	}
	return data
}

func place(m map[string]any) (Place, error) {
	p := Place{Resource: -1}
	if id, ok := m["resource"]; ok {
		n, err := strconv.Atoi(fmt.Sprint(id))
		if err != nil {
			return p, fmt.Errorf("resource %v is no id of data.repo.resources", id)
		}
		p.Resource = n
	}
	p.File, _ = m["file"].(string)
	if d, ok := m["document"]; ok {
		p.Document, _ = strconv.Atoi(fmt.Sprint(d))
	}
	if l, ok := m["line"]; ok {
		p.Line, _ = strconv.Atoi(fmt.Sprint(l))
	}
	var err error
	p.Path, err = steps(m["path"])
	return p, err
}

func steps(path any) ([]string, error) {
	if path == nil {
		return nil, nil
	}
	list, ok := path.([]any)
	if !ok {
		return nil, fmt.Errorf("path %v is no array; write it like [\"spec\", \"redis\"]", path)
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = fmt.Sprint(s)
	}
	return out, nil
}
