package redisgitops_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// ofOneOperator matches the names of one operator and of its resources. What is true of one operator belongs into its operator.cue.
var ofOneOperator = regexp.MustCompile(`(?i)redis-?failover|spotahome`)

// TestOperatorsAreData keeps what holds for one operator out of the code.
func TestOperatorsAreData(t *testing.T) {
	found := map[string][]string{}
	for file := range strings.Lines(string(command(t, "git", "ls-files", "*.go"))) {
		file = strings.TrimSpace(file)
		if strings.HasSuffix(file, "_test.go") || strings.Contains(file, "testdata/") ||
			slices.ContainsFunc([]string{"cue/", "test/", "internal/benchlint/", "internal/crdgen/", "internal/importbench/"}, func(dir string) bool { return strings.HasPrefix(file, dir) }) {
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				if n.Kind == token.STRING && ofOneOperator.MatchString(n.Value) {
					found[file] = append(found[file], set.Position(n.Pos()).String()+": "+n.Value)
				}
			case *ast.Ident:
				if ofOneOperator.MatchString(n.Name) {
					found[file] = append(found[file], set.Position(n.Pos()).String()+": "+n.Name)
				}
			}
			return true
		})
	}
	for _, file := range slices.Sorted(maps.Keys(found)) {
		t.Errorf("%s names one operator; move what holds for it to operator.cue:\n%s", file, strings.Join(found[file], "\n"))
	}
}
