package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/lint/model"
	"github.com/redis-gitops/redis-gitops/policy"
)

// TestUpToDate fails when a source changed and its page did not.
func TestUpToDate(t *testing.T) {
	dir := filepath.Join("..", "..", "docs")
	if os.Getenv("UPDATE") != "" {
		if err := run(dir); err != nil {
			t.Fatal(err)
		}
	}
	pages, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	const update = "UPDATE=1 go test ./internal/docgen writes it anew"
	for name, text := range pages {
		got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		switch {
		case err != nil:
			t.Errorf("%v; %s", err, update)
		case string(got) != text:
			t.Errorf("docs/%s is behind its source; %s", name, update)
		}
	}
	written, err := rulePages(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range written {
		if _, ok := pages[name]; !ok {
			t.Errorf("docs/%s is about no rule; UPDATE=1 go test ./internal/docgen removes it", name)
		}
	}
}

func TestPage(t *testing.T) {
	rule := &policy.Rule{
		RuleInfo: finding.RuleInfo{
			Name: "ha/x", Category: "ha", Title: "Too | few", Description: "Why.", Remediation: "Do.", Fix: "sets a|b", Since: "0.1.0", References: []string{"https://example.org/a", "k generate"},
			Severity: policy.Warning, Strict: policy.Error,
		},
		Kinds: []string{"A", "B"}, Once: "repository",
		Bad:  "One is few.\n-- a.yaml --\nn: 1\nm: 1\n-- gone.json --\n{}\n-- want.txt --\na.yaml:1:4: warning: few [ha/x]\n",
		Good: "Three.\n-- a.yaml --\nn: 3\nm: 1\n-- new.md --\n```\n",
	}
	got := page(rule)
	for _, part := range []string{
		"# ha/x\n\n**Too | few**\n",
		"| warning | error | A, B | sets a\\|b | 0.1.0 |\n",
		"\n## Why it matters\n\nWhy.\n\n## How to fix\n\nDo.\n",
		"Reported once per repository",
		"\n## Example\n\n`a.yaml`\n\n```yaml\nn: 1\nm: 1\n```\n\n`gone.json`\n\n```json\n{}\n```\n",
		"reports:\n\n```text\na.yaml:1:4: warning: few [ha/x]\n```\n",
		"\nFixed:\n\n````diff\n--- a.yaml\n+++ a.yaml\n@@ -1,2 +1,2 @@\n-n: 1\n+n: 3\n m: 1\n--- /dev/null\n+++ new.md\n",
		"--- gone.json\n+++ /dev/null\n@@ -1 +0,0 @@\n-{}\n````\n",
		"# redis-gitops:ignore ha/x -- ",
		"- <https://example.org/a>\n- k generate\n",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("no %q in\n%s", part, got)
		}
	}
	if strings.Contains(got, "`want.txt`") {
		t.Error("what lint should say is shown as a file")
	}
}

func TestIndex(t *testing.T) {
	got := index([]*policy.Rule{
		{RuleInfo: finding.RuleInfo{Name: "auth/b", Category: "auth", Title: "B", Fix: "x", Severity: policy.Off, Strict: policy.Error}},
		{RuleInfo: finding.RuleInfo{Name: "mine/a", Category: "mine", Title: "A", Severity: policy.Info, Strict: policy.Info}},
		{RuleInfo: finding.RuleInfo{Name: "yaml/c", Category: "yaml", Title: "C", Severity: policy.Error, Strict: policy.Error}},
	})
	last := -1
	for _, part := range []string{"3 rules", "## yaml", "[c](yaml/c.md)", "## auth", "| [b](auth/b.md) | B | off | error | yes |", "## mine", "| [a](mine/a.md) | A | info | info |  |"} {
		at := strings.Index(got, part)
		if at <= last {
			t.Errorf("%q is missing or in the wrong place:\n%s", part, got)
		}
		last = at
	}
}

// TestCategories asks for a line about each category that has a rule.
func TestCategories(t *testing.T) {
	rules, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, c := range categories() {
		known = append(known, c.name)
	}
	for _, r := range rules {
		if !slices.Contains(known, r.Category) {
			t.Errorf("nothing says what the rules of %s are about; add a line to categories in internal/docgen/rules.go", r.Category)
		}
	}
}

// TestTitles holds the titles of rules to the style of CONTRIBUTING.md.
func TestTitles(t *testing.T) {
	rules, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	dialect := regexp.MustCompile(`^(A|An|The) |Redises|\b(stands?|told|is no|leads?)\b|\.$`)
	for _, r := range rules {
		if len(r.Title) > 60 || dialect.MatchString(r.Title) {
			t.Errorf("%s: the title %q is longer than 60 characters or does not follow CONTRIBUTING.md", r.Name, r.Title)
		}
	}
}

// TestRunRemoves makes sure that the page of a rule that is gone goes too, and nothing else.
func TestRunRemoves(t *testing.T) {
	dir := t.TempDir()
	for name, gone := range map[string]bool{"rules/ha/none.md": true, "rules/ha/note.txt": false, "ci.md": false} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if _, err := os.Stat(file); os.IsNotExist(err) != gone {
				t.Errorf("%s: %v", name, err)
			}
		}()
	}
	if err := run(dir); err != nil {
		t.Fatal(err)
	}
}

// TestPoliciesPage asks for a line of docs/policies.md about each field of data.repo.
func TestPoliciesPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "policies.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[model.Repository]()) {
		if name := f.Tag.Get("json"); !strings.Contains(string(page), "\n| `"+name+"` |") {
			t.Errorf("docs/policies.md has no row for data.repo.%s; add one", name)
		}
	}
}

func TestRepositorySchema(t *testing.T) {
	comments, err := commentsOf("package p\n\n// A is one.\ntype A struct {\n\t// Its name,\n\t// in full.\n\tName, Other string\n\tOf int // beside\n}\n")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"A": "A is one.", "A.Name": "Its name, in full.", "A.Other": "Its name, in full.", "A.Of": ""} {
		if got := comments[name]; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	type inner struct {
		B int `json:"b"`
	}
	type sample struct {
		A     []string       `json:"a"`
		C     *int           `json:"c,omitempty"`
		D     *inner         `json:"d"`
		E     map[string]any `json:"e" schema:"string,integer"`
		F     string         `json:"f" enum:"x,y"`
		Plain string
		*inner
	}
	g := schemaOfTypes{defs: map[string]any{}}
	got, err := g.object(reflect.TypeFor[sample]())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{"properties": got["properties"], "required": got["required"], "defs": g.defs})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"defs":{"inner":{"additionalProperties":false,"description":"","properties":{"b":{"type":"integer"}},"required":["b"],"type":"object"}},` +
		`"properties":{"a":{"items":{"type":"string"},"type":"array"},"b":{"type":"integer"},"c":{"type":"integer"},` +
		`"d":{"anyOf":[{"$ref":"#/$defs/inner"},{"type":"null"}]},"e":{"additionalProperties":{"type":["string","integer"]},"type":"object"},` +
		`"f":{"enum":["x","y"]}},"required":["a","d","e","f"]}`
	if string(text) != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	for _, wrong := range []reflect.Type{reflect.TypeFor[struct {
		A chan int `json:"a"`
	}](), reflect.TypeFor[struct {
		A []float64 `json:"a"`
	}]()} {
		if _, err := g.object(wrong); err == nil || !strings.Contains(err.Error(), "has no JSON Schema") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}
