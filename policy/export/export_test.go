package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/policy/opa"
)

// exampleResources are the manifests of the examples of all rules.
func exampleResources(t *testing.T, rules []*policy.Rule) []map[string]any {
	t.Helper()
	var out []map[string]any
	for _, r := range rules {
		policy.Examples(r)
		archives := []string{r.Bad, r.Good}
		for _, a := range policy.Cases(r) {
			archives = append(archives, a)
		}
		for _, archive := range archives {
			for _, f := range txtar.Parse([]byte(archive)).Files {
				if !strings.HasSuffix(f.Name, ".yaml") || bytes.Contains(f.Data, []byte("{{")) {
					continue
				}
				decoder := yaml.NewDecoder(bytes.NewReader(f.Data))
				for {
					var object map[string]any
					err := decoder.Decode(&object)
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil {
						break // some examples are no YAML
					}
					if object["kind"] != nil && object["apiVersion"] != nil && !strings.Contains(string(f.Data), "ignore.redis-gitops.io") {
						out = append(out, object)
					}
				}
			}
		}
	}
	return out
}

// asked evaluates a query on modules and data, and gives what it is.
func asked(t *testing.T, compiler *ast.Compiler, data map[string]any, query string, input any) any {
	t.Helper()
	body, err := compiler.QueryCompiler().Compile(ast.MustParseBody("x = " + query))
	if err != nil {
		t.Fatal(err)
	}
	store := inmem.NewFromObject(data)
	txn, err := store.NewTransaction(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Abort(t.Context(), txn)
	value, err := ast.InterfaceToValue(input)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	err = topdown.NewQuery(body).WithCompiler(compiler).WithStore(store).WithTransaction(txn).WithInput(ast.NewTerm(value)).Iter(t.Context(), func(r topdown.QueryResult) error {
		out, err = ast.JSON(r["x"].Value)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func compiled(t *testing.T, files []policy.Module) *ast.Compiler {
	t.Helper()
	modules := map[string]*ast.Module{}
	for _, f := range files {
		m, err := ast.ParseModuleWithOpts(f.File, f.Source, ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil {
			t.Fatalf("%v\n%s", err, f.Source)
		}
		modules[f.File] = m
	}
	c := ast.NewCompiler().WithDefaultRegoVersion(ast.RegoV1)
	if c.Compile(modules); c.Failed() {
		t.Fatal(c.Errors)
	}
	return c
}

// Every form of the rules says of every example what lint says.
func TestExport(t *testing.T) {
	rules, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	resources := exampleResources(t, rules)
	settings := map[string]any{"operator": map[string]any{"name": "spotahome", "version": "1.2.4", "namespace": "operator", "title": "spotahome"}, "options": map[string]any{},
		"foreignFields": map[string]any{"spec.haproxy": "freshworks-oss"}}
	for _, strict := range []bool{false, true} {
		settings["strict"] = strict
		var on []*policy.Rule
		for _, r := range rules {
			if level := map[bool]policy.Level{false: r.Severity, true: r.Strict}[strict]; r.Scope == policy.ScopeResource && level != policy.Off {
				on = append(on, r)
			}
		}
		engine, err := opa.Engine{}.Compile(policy.Options{Rules: on, Settings: settings})
		if err != nil {
			t.Fatal(err)
		}
		exported := func(format string) []policy.Module {
			files, err := Rules(Options{Format: format, Rules: rules, Strict: strict, Settings: settings})
			if err != nil {
				t.Fatal(err)
			}
			return files
		}
		regoAndData := func(files []policy.Module, dataFile string) (*ast.Compiler, map[string]any) {
			var rego []policy.Module
			var data map[string]any
			for _, f := range files {
				switch {
				case strings.HasSuffix(f.File, ".rego"):
					rego = append(rego, f)
				case f.File == dataFile:
					if err := json.Unmarshal([]byte(f.Source), &data); err != nil {
						t.Fatal(err)
					}
				}
			}
			return compiled(t, rego), data
		}
		conftest, conftestData := regoAndData(exported("conftest"), "data/settings.json")
		bundle, opaData := regoAndData(exported("opa"), "data.json")
		gatekeeper := templates(t, exported("gatekeeper"))
		if len(gatekeeper) != len(on) {
			t.Errorf("%d templates for %d rules", len(gatekeeper), len(on))
		}
		found := 0
		for i, object := range resources {
			if testing.Short() && i%3 > 0 {
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
			var want, bare []string
			for _, v := range violations {
				if strict || !v.Strict {
					want = append(want, v.Message+tail(v.Rule))
					bare = append(bare, v.Rule+" "+v.Message)
				}
			}
			found += len(want)
			var fromConftest []string
			for _, set := range []string{"deny", "warn"} {
				for _, v := range asked(t, conftest, conftestData, "data.main."+set, object).([]any) {
					fromConftest = append(fromConftest, v.(map[string]any)["msg"].(string))
				}
			}
			compare(t, "conftest", object, fromConftest, want)
			var fromOPA []string
			for _, v := range asked(t, bundle, opaData, "data.redisgitops.main.resource", object).([]any) {
				pair := v.([]any)
				fromOPA = append(fromOPA, pair[0].(string)+" "+pair[1].(map[string]any)["message"].(string))
			}
			compare(t, "opa", object, fromOPA, bare)
			var fromGatekeeper []string
			for _, template := range gatekeeper {
				said := slices.ContainsFunc(bare, func(line string) bool { return strings.HasPrefix(line, template.rule+" ") })
				if !said && i%20 > 0 { // most say nothing of most
					continue
				}
				for _, v := range asked(t, template.compiler, map[string]any{}, "data."+template.name+".violation", map[string]any{"review": map[string]any{"object": object}}).([]any) {
					fromGatekeeper = append(fromGatekeeper, template.rule+" "+strings.TrimSuffix(v.(map[string]any)["msg"].(string), tail(template.rule)))
				}
			}
			compare(t, "gatekeeper", object, fromGatekeeper, bare)
		}
		if found < 100 {
			t.Errorf("only %d violations in %d resources", found, len(resources))
		}
	}
}

// tail is what an export adds to a message.
func tail(rule string) string {
	return fmt.Sprintf(" [%s]\nhttps://github.com/redis-gitops/redis-gitops/blob/main/docs/rules/%s.md", rule, rule)
}

func compare(t *testing.T, form string, object map[string]any, got, want []string) {
	t.Helper()
	set := func(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) } // two places of one message are one there
	if got, want := set(got), set(want); !slices.Equal(got, want) {
		t.Errorf("%s: %v: got\n%s\nwant\n%s", form, object["metadata"], strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

type template struct {
	name, rule string
	compiler   *ast.Compiler
}

// templates reads ConstraintTemplates as Gatekeeper does: libraries below data.lib, and no other data.
func templates(t *testing.T, files []policy.Module) []template {
	t.Helper()
	var out []template
	for _, f := range files {
		if !strings.HasPrefix(f.File, "templates/") {
			continue
		}
		var object struct {
			Metadata struct{ Name string }
			Spec     struct {
				CRD struct {
					Spec struct{ Names struct{ Kind string } }
				}
				Targets []struct {
					Target string
					Code   []struct {
						Engine string
						Source struct {
							Version, Rego string
							Libs          []string
						}
					}
				}
			}
		}
		if err := yaml.Unmarshal([]byte(f.Source), &object); err != nil {
			t.Fatal(err)
		}
		if object.Metadata.Name != strings.ToLower(object.Spec.CRD.Spec.Names.Kind) {
			t.Errorf("%s: the name is not the kind in lower case", f.File)
		}
		source := object.Spec.Targets[0].Code[0].Source
		for _, rego := range append(slices.Clone(source.Libs), source.Rego) {
			if regexp.MustCompile(`(some|every) [^\n]* in data\.`).MatchString(rego) {
				t.Errorf("%s: goes through data directly, which Gatekeeper does not rename, so that it is undefined:\n%s", f.File, rego)
			}
		}
		modules := []policy.Module{module("template.rego", source.Rego)}
		for i, lib := range source.Libs {
			modules = append(modules, module(fmt.Sprintf("lib%d.rego", i), lib))
			if !strings.Contains(lib, "package lib.redisgitops") {
				t.Errorf("%s: a library is not below lib", f.File)
			}
		}
		c := compiled(t, modules)
		for _, m := range c.Modules {
			ast.WalkRefs(m, func(ref ast.Ref) bool {
				if ref.HasPrefix(ast.MustParseRef("data")) && len(ref) > 1 && !ref.HasPrefix(ast.MustParseRef("data.lib")) && !ref.HasPrefix(m.Package.Path) {
					t.Errorf("%s: reads %v, which Gatekeeper refuses", f.File, ref)
				}
				return false
			})
		}
		name := strings.TrimSuffix(strings.TrimPrefix(f.File, "templates/"), ".yaml")
		out = append(out, template{object.Metadata.Name, strings.Replace(name, "-", "/", 1), c})
	}
	return out
}

// What lint suppresses by an annotation or the configuration, an export suppresses too, and nothing more.
func TestExportSuppressions(t *testing.T) {
	rules, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	const rule = "ha/single-redis"
	var only []*policy.Rule
	for _, r := range rules {
		if r.Name == rule {
			only = append(only, r)
		}
	}
	tomorrow, past := time.Now().AddDate(0, 0, 1).Format(time.DateOnly), time.Now().AddDate(0, 0, -2).Format(time.DateOnly)
	for _, tt := range []struct {
		name, key string
		value     any
		ignore    []Ignored
		frozen    []string
		found     bool
	}{
		{"none", "", "", nil, nil, true},
		{"with a reason", "ha.single-redis", "a test cluster", nil, nil, false},
		{"category", "ha.*", "a test cluster", nil, nil, false},
		{"without a reason", "ha.single-redis", " ", nil, nil, true},
		{"no text", "ha.single-redis", true, nil, nil, true},
		{"of another rule", "ha.host-network", "a test cluster", nil, nil, true},
		{"of another category", "sec.*", "a test cluster", nil, nil, true},
		{"until tomorrow", "ha.single-redis", "a test cluster; until=" + tomorrow, nil, nil, false},
		{"until a year that OPA cannot parse", "ha.single-redis", "a test cluster; until=2999-01-31", nil, nil, false},
		{"until a leap day", "ha.single-redis", "a test cluster; until=2096-02-29", nil, nil, false},
		{"until a leap day that does not exist", "ha.single-redis", "a test cluster; until=2100-02-29", nil, nil, true},
		{"expired", "ha.single-redis", "a test cluster; until=" + past, nil, nil, true},
		{"expired, then extended", "ha.single-redis", "until=" + past + ";a test cluster;until=" + tomorrow, nil, nil, false},
		{"no date", "ha.single-redis", "a test cluster; until=soon", nil, nil, true},
		{"a date that does not exist", "ha.single-redis", "a test cluster; until=2999-13-40", nil, nil, true},
		{"only a date", "ha.single-redis", "until=" + tomorrow, nil, nil, true},
		{"frozen", "ha.single-redis", "a test cluster", nil, []string{rule}, true},
		{"frozen category", "ha.single-redis", "a test cluster", nil, []string{"ha/*"}, true},
		{"frozen in a suppressed category", "ha.*", "a test cluster", nil, []string{rule}, true},
		{"another frozen", "ha.single-redis", "a test cluster", nil, []string{"sec/*"}, false},
		{"configured", "", "", []Ignored{{Rule: rule}}, nil, false},
		{"configured for the resource", "", "", []Ignored{{Rule: "ha/*", Resource: "RedisFailover/shop"}}, nil, false},
		{"configured for another one", "", "", []Ignored{{Rule: "ha/*", Resource: "RedisFailover/other"}}, nil, true},
		{"configured and expired", "", "", []Ignored{{Rule: rule, Until: past}}, nil, true},
		{"configured and frozen", "", "", []Ignored{{Rule: rule}}, []string{rule}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			metadata := map[string]any{"name": "shop"}
			if tt.key != "" {
				metadata["annotations"] = map[string]any{"ignore.redis-gitops.io/" + tt.key: tt.value, "other": "x"}
			}
			object := map[string]any{"apiVersion": "databases.spotahome.com/v1", "kind": "RedisFailover", "metadata": metadata,
				"spec": map[string]any{"redis": map[string]any{"replicas": 1}, "sentinel": map[string]any{"replicas": 3}}}
			for format, query := range map[string]string{"conftest": "data.main.warn", "opa": "data.redisgitops.main.resource", "gatekeeper": "data.redisgitopshasingleredis.violation"} {
				files, err := Rules(Options{Format: format, Rules: only, Ignore: tt.ignore, Frozen: tt.frozen, Settings: map[string]any{"strict": false, "options": map[string]any{}}})
				if err != nil {
					t.Fatal(err)
				}
				var input any = object
				var compiler *ast.Compiler
				if format == "gatekeeper" {
					input, compiler = map[string]any{"review": map[string]any{"object": object}}, templates(t, files)[0].compiler
				} else {
					compiler = compiled(t, slices.DeleteFunc(files, func(f policy.Module) bool { return !strings.HasSuffix(f.File, ".rego") }))
				}
				data := map[string]any{"settings": map[string]any{"strict": false, "options": map[string]any{}}}
				if found := asked(t, compiler, data, query, input).([]any); len(found) > 0 != tt.found {
					t.Errorf("%s: %v", format, found)
				}
			}
		})
	}
}

// TestExcludedNamespaces: objects in them are accepted, and the README names them.
func TestExcludedNamespaces(t *testing.T) {
	t.Parallel()
	rules, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	only := slices.DeleteFunc(rules, func(r *policy.Rule) bool { return r.Name != "ha/single-redis" })
	for format, query := range map[string]string{"conftest": "data.main.warn", "opa": "data.redisgitops.main.resource"} {
		files, err := Rules(Options{Format: format, Rules: only, ExcludedNamespaces: []string{"legacy", "test"}})
		if err != nil {
			t.Fatal(err)
		}
		readme := files[slices.IndexFunc(files, func(f policy.Module) bool { return f.File == "README.md" })].Source
		if !strings.Contains(readme, "Excluded namespaces: legacy, test.") || !strings.Contains(readme, "| [ha/single-redis](https://") {
			t.Errorf("%s: %s", format, readme)
		}
		compiler := compiled(t, slices.DeleteFunc(files, func(f policy.Module) bool { return !strings.HasSuffix(f.File, ".rego") }))
		for namespace, want := range map[string]int{"legacy": 0, "test": 0, "shop": 1, "": 1} {
			object := map[string]any{"apiVersion": "databases.spotahome.com/v1", "kind": "RedisFailover", "metadata": map[string]any{"name": "shop", "namespace": namespace},
				"spec": map[string]any{"redis": map[string]any{"replicas": 1}, "sentinel": map[string]any{"replicas": 3}}}
			data := map[string]any{"settings": map[string]any{"strict": false, "options": map[string]any{}}}
			if found := asked(t, compiler, data, query, object).([]any); len(found) != want {
				t.Errorf("%s, namespace %q: %v", format, namespace, found)
			}
		}
	}
	files, err := Rules(Options{Format: "gatekeeper", Rules: only, ExcludedNamespaces: []string{"legacy"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasPrefix(f.File, "constraints/") && !strings.Contains(f.Source, "excludedNamespaces:") {
			t.Errorf("%s: %s", f.File, f.Source)
		}
	}
}

func TestExportUnknown(t *testing.T) {
	if _, err := Rules(Options{Format: "gatekeper"}); err == nil || err.Error() != `unknown format "gatekeper"; one of "conftest", "gatekeeper", "kyverno", "opa", "vap"; did you mean "gatekeeper"?` {
		t.Errorf("error %v", err)
	}
}

// TestReleasesStayHere: the resources that lint makes of releases of charts are in no cluster and no manifest, so that no exported rule is about
// their kind, and one about them alone is not exported; a rule about any kind still is.
func TestReleasesStayHere(t *testing.T) {
	t.Parallel()
	rules, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	of := slices.DeleteFunc(rules, func(r *policy.Rule) bool { return r.Name != "data/ephemeral" && r.Name != "op/exporter-off" })
	if len(of) != 2 || !slices.Contains(of[0].Kinds, cue.KindOfCharts) {
		t.Fatalf("%v are not about charts", of)
	}
	alone, any := *of[0], *of[1]
	alone.Kinds, any.Kinds = []string{cue.KindOfCharts}, nil
	for name, tt := range map[string]struct {
		rule     *policy.Rule
		exported bool
	}{"kinds": {of[0], true}, "charts": {&alone, false}, "any": {&any, true}} {
		for _, format := range []string{"conftest", "gatekeeper", "opa"} {
			files, err := Rules(Options{Format: format, Rules: []*policy.Rule{tt.rule}})
			if err != nil {
				t.Fatal(err)
			}
			seen, everything := false, false
			for _, f := range files {
				seen = seen || f.File == "README.md" && strings.Contains(f.Source, "["+tt.rule.Name+"](https://")
				everything = everything || strings.HasPrefix(f.File, "constraints/") && strings.Contains(f.Source, `- '*'`) && !strings.Contains(f.Source, "- RedisFailover")
				if strings.Contains(f.Source, "- Chart\n") || regexp.MustCompile(`kind in \{[^}]*"Chart"`).MatchString(f.Source) {
					t.Errorf("%s, %s: %s is about releases of charts:\n%s", name, format, f.File, f.Source)
				}
			}
			if seen != tt.exported {
				t.Errorf("%s, %s: exported is %v", name, format, seen)
			}
			if format == "gatekeeper" && everything != (name == "any") {
				t.Errorf("%s: the constraint is about every kind: %v", name, everything)
			}
		}
	}
}
