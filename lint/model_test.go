package lint_test

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/render/jsonschema"
)

// dataRepo returns data.repo of a repository, as a custom rule sees it.
func dataRepo(t testing.TB, files []txtar.File) any {
	t.Helper()
	r, config := open(t, files)
	var seen any
	rule := &policy.Rule{RuleInfo: finding.RuleInfo{Name: "mine/look", User: true, Severity: policy.Error, Strict: policy.Error}, Scope: policy.ScopeRepository}
	run(t, r, lint.Options{Config: config, Only: []string{rule.Name}, UserRules: []lint.UserRules{{
		Rules: []*policy.Rule{rule},
		Evaluate: func(_ context.Context, _ []*policy.Rule, _ map[string]any, _ []any, repository any) ([]lint.UserViolation, error) {
			seen = repository
			return nil, nil
		},
	}}})
	if seen == nil {
		t.Fatal("the rule was not evaluated")
	}
	return seen
}

// TestRepositoryModel holds data.repo of a small repository against a golden file. UPDATE=1 writes it.
func TestRepositoryModel(t *testing.T) {
	t.Parallel()
	file := filepath.Join("testdata", "repository.txtar")
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	files := slices.DeleteFunc(slices.Clone(archive.Files), func(f txtar.File) bool { return f.Name == "want.json" })
	got, err := json.MarshalIndent(dataRepo(t, files), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	var want []byte
	for _, f := range archive.Files {
		if f.Name == "want.json" {
			want = f.Data
		}
	}
	if bytes.Equal(got, want) {
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Fatalf("data.repo is\n%s\nwant\n%s", got, want)
	}
	archive.Files = append(files, txtar.File{Name: "want.json", Data: got})
	if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestRepositorySchema checks data.repo of every rule's examples against the schema that authors of rules read: it has every field that is
// there, and every field that it has is in an example.
func TestRepositorySchema(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile(filepath.Join("..", "docs", "schema", "repository.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.Parse(src)
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(src, &root); err != nil {
		t.Fatal(err)
	}
	rules, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	unseen := unseenFields{root: root, fields: map[string]bool{}}
	for _, rule := range rules {
		policy.Examples(rule)
		examples := map[string]string{"bad.txtar": rule.Bad, "good.txtar": rule.Good}
		maps.Copy(examples, policy.Cases(rule))
		for name, text := range examples {
			data := dataRepo(t, repository(txtar.Parse([]byte(text))))
			found, skipped := schema.Check(data)
			for _, v := range found {
				t.Errorf("%s/%s: %s: %s", rule.Name, name, strings.Join(v.Path, "."), v.Message)
			}
			if len(skipped) > 0 {
				t.Fatalf("the schema is not checked completely: %v", skipped)
			}
			unseen.visit(root, "Repository", data)
		}
	}
	for field, seen := range unseen.fields {
		if !seen {
			t.Errorf("%s of the schema is in no example of a rule", field)
		}
	}
	object := dataRepo(t, []txtar.File{{Name: "a.yaml", Data: []byte("a: 1\n")}}).(map[string]any)
	object["resource"] = []any{}
	if found, _ := schema.Check(object); len(found) != 1 {
		t.Errorf("a field that the schema does not have: %v", found)
	}
}

// unseenFields are the fields of a schema, and whether a value had them.
type unseenFields struct {
	root   map[string]any
	fields map[string]bool
}

func (u *unseenFields) visit(schema map[string]any, name string, value any) {
	if ref, ok := schema["$ref"].(string); ok {
		name = strings.TrimPrefix(ref, "#/$defs/")
		schema = u.root["$defs"].(map[string]any)[name].(map[string]any)
	}
	if either, ok := schema["anyOf"].([]any); ok && value != nil {
		u.visit(either[0].(map[string]any), name, value)
	}
	switch value := value.(type) {
	case []any:
		items, _ := schema["items"].(map[string]any)
		for _, each := range value {
			u.visit(items, name, each)
		}
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		for key, property := range properties {
			field := name + "." + key
			u.fields[field] = u.fields[field] || value[key] != nil
			u.visit(property.(map[string]any), field, value[key])
		}
	}
}
