package redisgitops_test

import (
	"errors"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// circles are packages with arrows between their files that still run in circles, and how many. A number may only go down. The packages
// at and below the roots have none where no number is given.
var (
	circles = map[string]int{}
	roots   = []string{"internal/cli", "lint", "rdb/importer", "render"}
)

// TestFileOrder holds the order of the files of a package: an arrow leads from a file to another whose functions, types or values its
// own functions and values use, and no arrows make a circle. So each file can be read with only those below it in mind.
func TestFileOrder(t *testing.T) {
	allowed := map[string]int{}
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && d.Name() == "testdata" {
				return fs.SkipDir
			}
			if err == nil && d.IsDir() {
				allowed[filepath.ToSlash(path)] = circles[filepath.ToSlash(path)]
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(allowed) < 20 {
		t.Fatalf("only %d packages", len(allowed))
	}
	for dir, most := range allowed {
		p, err := build.ImportDir(filepath.FromSlash(dir), 0)
		if err != nil {
			t.Fatal(err)
		}
		sources := map[string]string{}
		for _, name := range p.GoFiles {
			src, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			sources[name] = string(src)
		}
		switch found := circling(arrows(t, sources)); {
		case len(found) > most:
			t.Errorf("%s: %d arrows between files run in circles, %d allowed; move what several files use into a file below them:\n%s", dir, len(found), most, strings.Join(found, "\n"))
		case len(found) < most:
			t.Errorf("%s: %d arrows between files run in circles, fewer than the %d allowed; lower the number in circles", dir, len(found), most)
		}
	}
}

// TestArrows finds circles, however they come about, and none where there is none.
func TestArrows(t *testing.T) {
	for _, tt := range []struct {
		name    string
		sources map[string]string
		want    string
	}{
		{"downwards", map[string]string{"a.go": "func a() { b(); c() }", "b.go": "func b() { c() }", "c.go": "func c() {}"}, ""},
		{"a signature", map[string]string{"a.go": "type T struct{}\nfunc a() { b(T{}) }", "b.go": "func b(T) {}"}, ""},
		{"a call back", map[string]string{"a.go": "func a() { b() }\nfunc up() {}", "b.go": "func b() { up() }"}, "a.go -> b.go (b); b.go -> a.go (up)"},
		{"over a third", map[string]string{"a.go": "func a() { b() }", "b.go": "func b() { c() }", "c.go": "func c() { a() }", "d.go": "func d() { a() }"}, "a.go -> b.go (b); b.go -> c.go (c); c.go -> a.go (a)"},
		{"a method and a field", map[string]string{"a.go": "type T struct{ n int }\nfunc a(t *T) { t.add() }", "b.go": "func (t *T) add() { t.n++ }"}, "a.go -> b.go (add); b.go -> a.go (n)"},
		{"a method of what is imported", map[string]string{"a.go": "import \"example.org/x\"\nfunc a() { x.New().b() }", "b.go": "func b() { a() }"}, ""},
		{"a table", map[string]string{"a.go": "var all = []func(){b}\nfunc up() {}", "b.go": "func b() { up() }"}, "a.go -> b.go (b); b.go -> a.go (up)"},
		{"what a function has itself", map[string]string{"a.go": "func a() { b() }\nfunc up() {}", "b.go": "func b() { up := 1; _ = up }"}, ""},
	} {
		for name, src := range tt.sources {
			tt.sources[name] = "package p\n" + src
		}
		if got := strings.Join(circling(arrows(t, tt.sources)), "; "); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// noImporter imports nothing: what a package declares itself is known without.
type noImporter struct{}

func (noImporter) Import(path string) (*types.Package, error) {
	return nil, errors.New(path + " is not looked at")
}

// arrows returns which files of a package use what another one declares, with the first name that they use.
func arrows(t *testing.T, sources map[string]string) map[string]map[string]string {
	t.Helper()
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		f, err := parser.ParseFile(fset, name, sources[name], parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: noImporter{}, Error: func(error) {}}
	p, _ := config.Check("p", fset, files, info) // with errors about all that is imported
	out := map[string]map[string]string{}
	for _, f := range files {
		from := fset.Position(f.Pos()).Filename
		out[from] = map[string]string{}
		use := func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			o := info.Uses[id]
			if o == nil || o.Pkg() != p || o.Parent() != nil && o.Parent() != p.Scope() {
				return true
			}
			if to := fset.Position(o.Pos()).Filename; to != from && to != "" && out[from][to] == "" {
				out[from][to] = id.Name
			}
			return true
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Body != nil {
					ast.Inspect(d.Body, use)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if v, ok := s.(*ast.ValueSpec); ok {
						for _, value := range v.Values {
							ast.Inspect(value, use)
						}
					}
				}
			}
		}
	}
	return out
}

// circling returns the arrows from which other arrows lead back.
func circling(arrows map[string]map[string]string) []string {
	var out []string
	for _, from := range slices.Sorted(maps.Keys(arrows)) {
		for _, to := range slices.Sorted(maps.Keys(arrows[from])) {
			if leads(arrows, to, from, map[string]bool{}) {
				out = append(out, from+" -> "+to+" ("+arrows[from][to]+")")
			}
		}
	}
	return out
}

// leads reports whether arrows lead from a file to another.
func leads(arrows map[string]map[string]string, from, to string, seen map[string]bool) bool {
	if from == to {
		return true
	}
	if seen[from] {
		return false
	}
	seen[from] = true
	for next := range arrows[from] {
		if leads(arrows, next, to, seen) {
			return true
		}
	}
	return false
}
