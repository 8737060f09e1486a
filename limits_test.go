package redisgitops_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Longer than these, a function or file has more than one job.
const (
	maxFunction = 80
	maxFile     = 800
)

// TestLimits holds the length of functions and files, those of test/e2e and of the page included. Biome holds that of functions in
// TypeScript; that its modules have no variables is held here.
func TestLimits(t *testing.T) {
	walk(t, func(path string, src []byte) {
		generated := bytes.HasPrefix(src, []byte("// Code generated"))
		if n := bytes.Count(src, []byte("\n")); n > maxFile && !generated {
			t.Errorf("%s has %d lines, %d allowed; split it by what its parts do", path, n, maxFile)
		}
		if strings.HasSuffix(path, ".ts") {
			if bytes.Contains(src, []byte("\nlet ")) || bytes.Contains(src, []byte("\nexport let ")) {
				t.Errorf("%s has a variable of the module; keep it in the state of a view, or of the program in app.ts", path)
			}
			return
		}
		if !strings.HasSuffix(path, ".go") {
			return
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, src, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				if n := fset.Position(f.End()).Line - fset.Position(f.Pos()).Line + 1; n > maxFunction {
					t.Errorf("%s: %s has %d lines, %d allowed; split it", fset.Position(f.Pos()), f.Name.Name, n, maxFunction)
				}
			}
		}
	})
}

// walk visits the sources that people read: no tests, and nothing that a build made.
func walk(t *testing.T, visit func(path string, src []byte)) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != "." && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "dist" || name == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || strings.HasSuffix(name, "_test.go") || !strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, ".ts") && !strings.HasSuffix(name, ".rego") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen++
		visit(path, src)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 300 {
		t.Errorf("only %d sources were found", seen)
	}
}
