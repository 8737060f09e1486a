package lint_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestOneLocator: findings come from violations in locate.go alone, so that every finding has a position, severity and help page by the
// same rules.
func TestOneLocator(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var made []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if literal, ok := n.(*ast.CompositeLit); ok {
				if of, ok := literal.Type.(*ast.SelectorExpr); ok && of.Sel.Name == "Finding" {
					made = append(made, set.Position(n.Pos()).String())
				}
			}
			return true
		})
	}
	if len(made) != 1 || !strings.HasPrefix(made[0], "locate.go:") {
		t.Errorf("findings are created at %v; create them in locate.go alone", made)
	}
}
