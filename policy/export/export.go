// Package export writes the rules about single resources for other engines: conftest, OPA and Gatekeeper.
package export

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"go.yaml.in/yaml/v3"

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
}

var exporters = map[string]func(*exporter) ([]policy.Module, error){"conftest": exportConftest, "gatekeeper": exportGatekeeper, "opa": exportOPA}

// Formats are the engines that rules can be exported for, sorted.
func Formats() []string { return []string{"conftest", "gatekeeper", "opa"} }

// Rules returns the rules about single resources as files for another engine, so that a cluster or another tool holds resources
// against the same Rego. Rules about the repository, and native ones, need what only lint knows and are left out.
//
//   - conftest: policies with deny and warn in package main, for conftest test --policy DIR/policy --data DIR/data
//   - opa: a bundle whose entry point data.redisgitops.main.resource holds pairs of a rule and a violation
//   - gatekeeper: a ConstraintTemplate and a constraint a rule, for Gatekeeper 3.11 or newer with Rego v1
func Rules(opts Options) ([]policy.Module, error) {
	export := exporters[opts.Format]
	if export == nil {
		return nil, fmt.Errorf("unknown format %q; %s%s", opts.Format, finding.OneOf(Formats()), finding.DidYouMean(opts.Format, Formats()))
	}
	if opts.Settings == nil {
		opts.Settings = map[string]any{}
	}
	x := &exporter{Options: opts, modules: map[string]*ast.Module{}, sources: map[string]string{}}
	for _, r := range opts.Rules {
		if r.Scope == policy.ScopeResource && !r.User && x.level(r) != policy.Off {
			x.rules = append(x.rules, r)
		}
	}
	for _, r := range x.rules {
		if err := x.read(r.File); err != nil {
			return nil, err
		}
	}
	files, err := export(x)
	if err != nil {
		return nil, err
	}
	return append(files, module("README.md", x.readme())), nil
}

type exporter struct {
	Options
	rules   []*policy.Rule
	modules map[string]*ast.Module
	sources map[string]string
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
	quoted := make([]string, len(r.Kinds))
	for i, k := range r.Kinds {
		quoted[i] = fmt.Sprintf("%q", k)
	}
	return fmt.Sprintf("\t%s in {%s}\n", kind, strings.Join(quoted, ", "))
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

func exportConftest(x *exporter) ([]policy.Module, error) {
	var b strings.Builder
	b.WriteString("# Generated by redis-gitops policy export.\npackage main\n")
	for _, r := range x.rules {
		set := "warn"
		if x.level(r) == policy.Error {
			set = "deny"
		}
		fmt.Fprintf(&b, "\n%s contains {\"msg\": %s, \"path\": object.get(violation, \"path\", []), \"rule\": %q} if {\n%s%s\tsome violation in %s\n%s%s}\n",
			set, message(r), r.Name, guard(r, "input.kind"), x.elsewhere("input"), r.Reference(), x.strictly(), unsuppressed(r, "input"))
	}
	settings, err := x.settings()
	if err != nil {
		return nil, err
	}
	suppressions, err := x.suppressions()
	return append(x.policies("policy"), module("data/settings.json", settings), module("policy/main.rego", b.String()),
		module(path.Join("policy", policy.Package, suppressedFile), suppressions)), err
}

func exportOPA(x *exporter) ([]policy.Module, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "# Generated by redis-gitops policy export.\npackage %s.main\n", policy.Package)
	for _, r := range x.rules {
		fmt.Fprintf(&b, "\nresource contains [%q, violation] if {\n%s%s\tsome violation in %s\n%s%s}\n", r.Name, guard(r, "input.kind"), x.elsewhere("input"), r.Reference(), x.strictly(), unsuppressed(r, "input"))
	}
	settings, err := x.settings()
	if err != nil {
		return nil, err
	}
	suppressions, err := x.suppressions()
	manifest := "{\n  \"roots\": [\"" + policy.Package + "\", \"settings\"],\n  \"rego_version\": 1\n}\n"
	return append(x.policies(""), module(".manifest", manifest), module("data.json", settings), module(policy.Package+"/main.rego", b.String()),
		module(path.Join(policy.Package, suppressedFile), suppressions)), err
}

var (
	ownRefs      = regexp.MustCompile(`\bdata\.` + policy.Package + `\b`)
	settingsRefs = regexp.MustCompile(`\bdata\.settings\b`)
	ownPackage   = regexp.MustCompile(`(?m)^package ` + policy.Package + `\b`)
)

func underLib(src string) string {
	return settingsRefs.ReplaceAllString(ownRefs.ReplaceAllString(src, "data.lib."+policy.Package), "data.lib."+policy.Package+".settings")
}

// exportGatekeeper writes templates that stand alone: Gatekeeper lets a template read its own libraries, which have to be in
// packages below lib, and no other data.
func exportGatekeeper(x *exporter) ([]policy.Module, error) {
	settings, err := json.Marshal(x.Settings)
	if err != nil {
		return nil, err
	}
	suppressions, err := x.suppressions()
	if err != nil {
		return nil, err
	}
	var out []policy.Module
	for _, r := range x.rules {
		kind := "RedisGitops"
		for word := range strings.FieldsFuncSeq(r.Name, func(c rune) bool { return c == '/' || c == '-' }) {
			kind += strings.ToUpper(word[:1]) + word[1:]
		}
		libs := []string{"package lib." + policy.Package + "\n\nsettings := " + string(settings) + "\n", ownPackage.ReplaceAllString(suppressions, "package lib."+policy.Package)}
		needed := x.needed(r.File)
		var used []string
		for n := range needed {
			if !slices.Contains(used, n.file) {
				used = append(used, n.file)
			}
		}
		slices.Sort(used)
		for _, file := range used {
			libs = append(libs, ownPackage.ReplaceAllString(underLib(x.only(file, needed)), "package lib."+policy.Package))
		}
		adapter := fmt.Sprintf("package %s\n\nviolation contains {\"msg\": %s, \"details\": {\"path\": object.get(violation, \"path\", []), \"rule\": %q}} if {\n%s\tsome violation in %s with input as input.review.object\n%s%s}\n",
			strings.ToLower(kind), message(r), r.Name, guard(r, "input.review.object.kind"), underLib(r.Reference()), x.strictly(), underLib(unsuppressed(r, "input.review.object")))
		action := map[policy.Level]string{policy.Error: "deny", policy.Warning: "warn", policy.Info: "dryrun"}[x.level(r)]
		kinds := r.Kinds
		if len(kinds) == 0 {
			kinds = []string{"*"}
		}
		match := map[string]any{"kinds": []any{map[string]any{"apiGroups": []string{"*"}, "kinds": kinds}}}
		if len(x.ExcludedNamespaces) > 0 {
			match["excludedNamespaces"] = x.ExcludedNamespaces
		}
		for _, object := range []struct {
			file string
			data map[string]any
		}{
			{"templates", map[string]any{
				"apiVersion": "templates.gatekeeper.sh/v1", "kind": "ConstraintTemplate",
				"metadata": map[string]any{"name": strings.ToLower(kind), "annotations": map[string]any{"description": r.Title}},
				"spec": map[string]any{
					"crd": map[string]any{"spec": map[string]any{"names": map[string]any{"kind": kind}}},
					"targets": []any{map[string]any{
						"target": "admission.k8s.gatekeeper.sh",
						"code": []any{map[string]any{
							"engine": "Rego",
							"source": map[string]any{"version": "v1", "rego": adapter, "libs": libs},
						}},
					}},
				},
			}},
			{"constraints", map[string]any{
				"apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": kind,
				"metadata": map[string]any{"name": strings.ReplaceAll(r.Name, "/", "-")},
				"spec": map[string]any{
					"enforcementAction": action,
					"match":             match,
				},
			}},
		} {
			text, err := yaml.Marshal(object.data)
			if err != nil {
				return nil, err
			}
			out = append(out, module(path.Join(object.file, strings.ReplaceAll(r.Name, "/", "-")+".yaml"), string(text)))
		}
	}
	return out, nil
}
