// Package export writes the rules about single resources for other engines: conftest, OPA and Gatekeeper in Rego, and admission policies
// of Kubernetes and Kyverno in CEL.
package export

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/policy"
)

// Options say what [Rules] writes.
type Options struct {
	Format   string // one of [Formats]
	Rules    []*policy.Rule
	Strict   bool           // levels of strict mode
	Settings map[string]any // data.settings, as for [policy.Options]
	Ignore   []Ignored      // of the configuration; annotations of resources always count
	Frozen   []string       // rules, or categories as "auth/*", that nothing suppresses

	ExcludedNamespaces []string // objects in these are accepted as they are

	Kinds []Kind // that rules in CEL are translated for
}

// format is an engine that rules can be exported for. Each has a file of its own.
type format struct {
	name, title string
	cel         bool   // has the rules in CEL, in place of Rego
	usage       string // of the README, in Markdown
	export      func(*exporter) ([]policy.Module, error)
}

var formats = []format{conftestFormat, gatekeeperFormat, kyvernoFormat, opaFormat, vapFormat}

// Formats are the names of the engines that rules can be exported for, sorted.
func Formats() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.name
	}
	return names
}

// InCEL says whether the rules of a format are in CEL, for which it needs to know [Kinds].
func InCEL(name string) bool {
	return slices.ContainsFunc(formats, func(f format) bool { return f.name == name && f.cel })
}

// Rules returns the rules about single resources as files for another engine, so that a cluster or another tool holds resources
// against the same Rego. Rules about the repository, and native ones, need what only lint knows and are left out.
//
//   - conftest: policies with deny and warn in package main, for conftest test --policy DIR/policy --data DIR/data
//   - opa: a bundle whose entry point data.redisgitops.main.resource holds pairs of a rule and a violation
//   - gatekeeper: a ConstraintTemplate and a constraint a rule, for Gatekeeper 3.11 or newer with Rego v1
//   - vap: a ValidatingAdmissionPolicy and its binding a rule, for Kubernetes itself; those that CEL can express
//   - kyverno: a ValidatingPolicy a rule, for Kyverno 1.17 or newer; those that CEL can express
func Rules(opts Options) ([]policy.Module, error) {
	at := slices.Index(Formats(), opts.Format)
	if at < 0 {
		return nil, fmt.Errorf("unknown format %q; %s%s", opts.Format, finding.OneOf(Formats()), finding.DidYouMean(opts.Format, Formats()))
	}
	if opts.Settings == nil {
		opts.Settings = map[string]any{}
	}
	x, err := newExporter(opts, formats[at])
	if err != nil {
		return nil, err
	}
	files, err := x.format.export(x)
	if err != nil {
		return nil, err
	}
	return append(files, module("README.md", x.readme())), nil
}

type exporter struct {
	Options
	format  format
	rules   []*policy.Rule
	modules map[string]*ast.Module
	sources map[string]string
	omitted map[string]string // rules that the format cannot express, and why
}

func newExporter(opts Options, format format) (*exporter, error) {
	x := &exporter{Options: opts, format: format, modules: map[string]*ast.Module{}, sources: map[string]string{}}
	for _, r := range opts.Rules {
		ofCharts := len(r.Kinds) > 0 && len(manifestKinds(r)) == 0
		if r.Scope == policy.ScopeResource && !r.User && !ofCharts && x.level(r) != policy.Off {
			x.rules = append(x.rules, r)
		}
	}
	for _, r := range x.rules {
		if err := x.read(r.File); err != nil {
			return nil, err
		}
	}
	return x, nil
}

func (x *exporter) level(r *policy.Rule) policy.Level {
	if x.Strict {
		return r.Strict
	}
	return r.Severity
}

// read takes a file, and the libraries that it imports.
func (x *exporter) read(file string) error {
	if x.modules[file] != nil {
		return nil
	}
	src, err := policy.Source(file)
	if err != nil {
		return err
	}
	m, err := ast.ParseModuleWithOpts(file, src, ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err != nil {
		return err
	}
	x.modules[file], x.sources[file] = m, src
	for _, lib := range librariesOf(m) {
		if err := x.read(lib); err != nil {
			return err
		}
	}
	return nil
}

func librariesOf(m *ast.Module) []string {
	var libs []string
	prefix := ast.MustParseRef("data." + policy.Package + ".lib")
	for _, i := range m.Imports {
		if ref, ok := i.Path.Value.(ast.Ref); ok && ref.HasPrefix(prefix) {
			libs = append(libs, "lib/"+strings.Trim(ref[len(ref)-1].String(), `"`)+".rego")
		}
	}
	return libs
}

// A need is a rule of a module.
type need struct{ file, name string }

// needed returns what a rule's file needs of the libraries, and of itself.
func (x *exporter) needed(file string) map[need]bool {
	found := map[need]bool{}
	var add func(n need)
	follow := func(file string, rule *ast.Rule) {
		libs := map[ast.Var]string{}
		for _, lib := range librariesOf(x.modules[file]) {
			libs[ast.Var(strings.TrimSuffix(path.Base(lib), ".rego"))] = lib
		}
		ast.WalkTerms(rule, func(t *ast.Term) bool {
			switch v := t.Value.(type) {
			case ast.Var:
				add(need{file, string(v)})
			case ast.Ref:
				head, ok := v[0].Value.(ast.Var)
				if lib := libs[head]; ok && lib != "" && len(v) > 1 {
					if name, ok := v[1].Value.(ast.String); ok {
						add(need{lib, string(name)})
					}
				}
			}
			return false
		})
	}
	add = func(n need) {
		if found[n] {
			return
		}
		for _, rule := range x.modules[n.file].Rules {
			if nameOf(rule) == n.name {
				found[n] = true
				follow(n.file, rule)
			}
		}
	}
	add(need{file, "deny"})
	return found
}

func nameOf(rule *ast.Rule) string {
	name, _ := rule.Head.Ref()[0].Value.(ast.Var)
	return string(name)
}

// only returns the text of the rules of a file that are needed; others may read data that is not there.
func (x *exporter) only(file string, needed map[need]bool) string {
	m := x.modules[file]
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", m.Package)
	for _, i := range m.Imports {
		fmt.Fprintf(&b, "\n%s", i)
	}
	b.WriteString("\n")
	lines := strings.Split(x.sources[file], "\n")
	for i, rule := range m.Rules {
		if !needed[need{file, nameOf(rule)}] {
			continue
		}
		end := len(lines)
		if i+1 < len(m.Rules) {
			end = m.Rules[i+1].Location.Row - 1
		}
		text := lines[rule.Location.Row-1 : end]
		for len(text) > 0 && (text[len(text)-1] == "" || strings.HasPrefix(text[len(text)-1], "#")) {
			text = text[:len(text)-1] // what stands above the next rule
		}
		fmt.Fprintf(&b, "\n%s\n", strings.Join(text, "\n"))
	}
	return b.String()
}

// dashed is the name of a rule as one of a Kubernetes object.
func dashed(r *policy.Rule) string { return strings.ReplaceAll(r.Name, "/", "-") }

// fileOf is the file with the object of a rule.
func fileOf(r *policy.Rule) string { return dashed(r) + ".yaml" }

func module(file, source string) policy.Module { return policy.Module{File: file, Source: source} }

func (x *exporter) policies(dir string) []policy.Module {
	var out []policy.Module
	for file, src := range x.sources {
		out = append(out, policy.Module{File: path.Join(dir, policy.Package, strings.Replace(file, "/rule.rego", ".rego", 1)), Source: src})
	}
	slices.SortFunc(out, func(a, b policy.Module) int { return strings.Compare(a.File, b.File) })
	return out
}

func (x *exporter) settings() (string, error) {
	text, err := json.MarshalIndent(map[string]any{"settings": x.Settings}, "", "  ")
	return string(text) + "\n", err
}

// guard is the condition on the kind of a rule.
func guard(r *policy.Rule, kind string) string {
	if len(r.Kinds) == 0 {
		return ""
	}
	kinds := manifestKinds(r)
	quoted := make([]string, len(kinds))
	for i, k := range kinds {
		quoted[i] = fmt.Sprintf("%q", k)
	}
	return fmt.Sprintf("\t%s in {%s}\n", kind, strings.Join(quoted, ", "))
}

// manifestKinds returns the kinds of a rule without that of releases of charts, which lint makes of their values and no manifest or cluster has.
func manifestKinds(r *policy.Rule) []string {
	return slices.DeleteFunc(slices.Clone(r.Kinds), func(kind string) bool { return kind == cue.KindOfCharts })
}

// strictly leaves out the violations that count in strict mode only.
func (x *exporter) strictly() string {
	if x.Strict {
		return ""
	}
	return "\tobject.get(violation, \"strict\", false) != true\n"
}

// elsewhere leaves out objects of excluded namespaces, also those of Secrets and of Namespaces themselves.
func (x *exporter) elsewhere(object string) string {
	if len(x.ExcludedNamespaces) == 0 {
		return ""
	}
	quoted := make([]string, len(x.ExcludedNamespaces))
	for i, namespace := range x.ExcludedNamespaces {
		quoted[i] = fmt.Sprintf("%q", namespace)
	}
	return fmt.Sprintf("\tnot object.get(%s, [\"metadata\", \"namespace\"], \"\") in {%s}\n", object, strings.Join(quoted, ", "))
}

// message is the message of a violation with the rule and its page.
func message(r *policy.Rule) string {
	return fmt.Sprintf("sprintf(\"%%s [%s]\\n%s\", [violation.message])", r.Name, finding.HelpURL("", r.HelpPage()))
}

// unsuppressed leaves out what a suppression covers.
func unsuppressed(r *policy.Rule, object string) string {
	return fmt.Sprintf("\tnot data.%s.suppressed.finding(%q, %s)\n", policy.Package, r.Name, object)
}
