package redisgitops_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// libraries are documented for other programs, so that somebody else may use what we do not.
var libraries = []string{"finding", "lint", "rdb", "report", "scaffold"}

// answered are methods that the standard library or a dependency calls.
var answered = []string{
	"AsConfig", "AsSecrets", "Chown", "Error", "GetBytes", "GitVersion", "Less", "MarshalJSON", "MarshalText", "Network", "Pop", "Push", "ReadAt", "Readdir", "ServeHTTP",
	"String", "UnmarshalJSON", "UnmarshalText", "Unwrap", "WriteAt",
}

// kept are exported all the same, with the reason.
var kept = map[string]string{
	"cluster.New":  "the way in for another API than a kubeconfig's",
	"wasm.File":    "a part of the calls in JSON",
	"wasm.Problem": "a part of the calls in JSON",
}

// TestExported: what only its own package uses has a small first letter. Types and constants that come with something used elsewhere,
// as a field, a parameter or the other values of an enumeration, count as used, and so do types of errors, which documentation names.
func TestExported(t *testing.T) {
	used, selected, packages := uses(t)
	for dir, files := range packages {
		if slices.Contains(libraries, dir) || strings.HasPrefix(dir, "test/") {
			continue
		}
		with := map[string]bool{} // names in what is exported itself
		constants := map[string]bool{}
		for _, f := range files {
			for _, d := range f.Decls {
				mentioned(d, with)
				enumerations(d, func(typ, name string) {
					if used[dir+"."+name] {
						constants[typ] = true
					}
				})
			}
		}
		for _, f := range files {
			for _, d := range f.Decls {
				enumeration := map[string]string{}
				enumerations(d, func(typ, name string) { enumeration[name] = typ })
				for _, name := range declared(d) {
					if kept[dir+"."+name] == "" && !used[dir+"."+name] && !with[name] && !constants[enumeration[name]] {
						t.Errorf("%s.%s is used by no other package; do not export it", dir, name)
					}
				}
				m, ok := d.(*ast.FuncDecl)
				if ok && m.Recv != nil && m.Name.IsExported() && !slices.Contains(answered, m.Name.Name) && !with[m.Name.Name] && !elsewhere(selected[m.Name.Name], dir) {
					t.Errorf("method %s of %s is called by no other package; do not export it", m.Name.Name, dir)
				}
			}
		}
	}
}

func elsewhere(where map[string]bool, dir string) bool {
	for other := range where {
		if other != dir {
			return true
		}
	}
	return false
}

// uses returns which names of our packages other packages use as "dir.name", where names are selected of anything, and the files of
// our packages without those of tests.
func uses(t *testing.T) (used map[string]bool, selected map[string]map[string]bool, packages map[string][]*ast.File) {
	t.Helper()
	used, selected, packages = map[string]bool{}, map[string]map[string]bool{}, map[string][]*ast.File{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		who := dir
		if strings.HasSuffix(f.Name.Name, "_test") {
			who += "_test"
		}
		imports := map[string]string{}
		for _, i := range f.Imports {
			if ours, ok := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), module+"/"); ok {
				name := filepath.Base(ours)
				if i.Name != nil {
					name = i.Name.Name
				}
				imports[name] = ours
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if selected[s.Sel.Name] == nil {
				selected[s.Sel.Name] = map[string]bool{}
			}
			selected[s.Sel.Name][who] = true
			if x, ok := s.X.(*ast.Ident); ok && imports[x.Name] != "" && imports[x.Name] != who {
				used[imports[x.Name]+"."+s.Sel.Name] = true
			}
			return true
		})
		if !strings.HasSuffix(path, "_test.go") && f.Name.Name != "main" {
			packages[dir] = append(packages[dir], f)
		}
		return nil
	})
	if err != nil || len(packages) < 30 {
		t.Fatalf("%d packages: %v", len(packages), err)
	}
	return used, selected, packages
}

// declared returns the exported names of the package that a declaration makes.
func declared(d ast.Decl) []string {
	var names []*ast.Ident
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			names = append(names, d.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				names = append(names, s.Name)
			case *ast.ValueSpec:
				names = append(names, s.Names...)
			}
		}
	}
	var out []string
	for _, n := range names {
		if n.IsExported() {
			out = append(out, n.Name)
		}
	}
	return out
}

// enumerations visits the constants of a block that has a type, with "block NAME" for one without.
func enumerations(d ast.Decl, visit func(typ, name string)) {
	g, ok := d.(*ast.GenDecl)
	if !ok || (g.Tok != token.CONST && g.Tok != token.VAR) || len(g.Specs) < 2 {
		return
	}
	typ := ""
	for _, s := range g.Specs {
		v := s.(*ast.ValueSpec)
		if t, ok := v.Type.(*ast.Ident); ok {
			typ = t.Name
		}
		for _, n := range v.Names {
			name := typ
			if name == "" {
				name = "block " + g.Specs[0].(*ast.ValueSpec).Names[0].Name
			}
			visit(name, n.Name)
		}
	}
}

// mentioned adds the names in the types of what a declaration exports: parameters and results, fields and methods, values. What has
// a method Error is mentioned as well.
func mentioned(d ast.Decl, with map[string]bool) {
	add := func(n ast.Node) {
		if n == nil {
			return
		}
		ast.Inspect(n, func(n ast.Node) bool {
			if f, ok := n.(*ast.StructType); ok {
				for _, f := range f.Fields.List {
					if len(f.Names) == 0 || slices.ContainsFunc(f.Names, (*ast.Ident).IsExported) {
						ast.Inspect(f.Type, func(n ast.Node) bool { mention(n, with); return true })
					}
				}
				return false
			}
			mention(n, with)
			return true
		})
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		switch {
		case d.Name.Name == "Error" && d.Recv != nil:
			add(d.Recv)
		case d.Name.IsExported():
			add(d.Type)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			if s, ok := s.(*ast.TypeSpec); ok && s.Name.IsExported() {
				add(s.Type)
			}
			if s, ok := s.(*ast.ValueSpec); ok && s.Type != nil && slices.ContainsFunc(s.Names, (*ast.Ident).IsExported) {
				add(s.Type)
			}
		}
	}
}

func mention(n ast.Node, with map[string]bool) {
	if id, ok := n.(*ast.Ident); ok {
		with[id.Name] = true
	}
}
