// Package sarifcheck holds SARIF reports against the schema of OASIS. It is a module of its own, because the schema comes
// with a module that the tool does not need.
package sarifcheck

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/report"
)

// officialSchema takes the schema out of go-sarif's source, where it is a constant that is not exported. Its own Validate
// looks at its structs and not at the file: it never sees an unknown property, and refuses zero values that it filled in.
func officialSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3").Output()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(strings.TrimSpace(string(dir)), "pkg", "report", "v210", "sarif", "schema.go")
	source, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var text string
	ast.Inspect(source, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && spec.Names[0].Name == "schema" {
			text, err = strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		}
		return true
	})
	if err != nil || text == "" {
		t.Fatalf("%s has no schema: %v", file, err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	const id = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat() // uri-reference and the like
	if err := compiler.AddResource(id, doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile(id)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func validate(t *testing.T, schema *jsonschema.Schema, text []byte) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(doc)
}

func TestReports(t *testing.T) {
	schema := officialSchema(t)
	// The golden files, which a test of report holds against what it writes, have every feature.
	files, err := filepath.Glob(filepath.Join("..", "..", "report", "testdata", "*.sarif"))
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, schema, text); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		parsed, err := sarif.FromBytes(text)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, result := range parsed.Runs[0].Results {
			if rule := parsed.Runs[0].Tool.Driver.Rules[result.RuleIndex]; *rule.ID != *result.RuleID {
				t.Errorf("%s: the index of %s is that of %s", file, *result.RuleID, *rule.ID)
			}
		}
	}
	var b bytes.Buffer
	bare := &report.Run{Findings: []*finding.Finding{{Rule: "a/b", Message: "x"}}}
	if err := report.Write(&b, "sarif", bare, report.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := validate(t, schema, b.Bytes()); err != nil {
		t.Errorf("a finding without anything: %v", err)
	}
}

// TestSchemaSaysNo makes sure that the schema is really asked.
func TestSchemaSaysNo(t *testing.T) {
	schema := officialSchema(t)
	text, err := os.ReadFile(filepath.Join("..", "..", "report", "testdata", "full.sarif"))
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []struct{ old, new string }{
		{`"level": "error"`, `"level": "fatal"`},
		{`"startLine": 5`, `"startLine": 0`},
		{`"ruleIndex"`, `"ruleNumber"`},
		{`"kind": "inSource"`, `"kind": "somewhere"`},
		{`"uri": "applications/`, `"uri": "applications %zz/`},
	} {
		changed := bytes.Replace(text, []byte(change.old), []byte(change.new), 1)
		if bytes.Equal(changed, text) {
			t.Fatalf("the report has no %s", change.old)
		}
		if validate(t, schema, changed) == nil {
			t.Errorf("the schema takes %s", change.new)
		}
	}
}
