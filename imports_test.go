package redisgitops_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/redis-gitops/redis-gitops"

// A row of the table in docs/ARCHITECTURE.md says what a package may import, besides the standard library, finding and internal/lazyregexp, and
// what it must never import. Names are import paths; those of our own packages are relative to the module.
type row struct{ may, never []string }

// TestImports holds the table against the code, so that the map cannot rot.
func TestImports(t *testing.T) {
	rows := architecture(t)
	packages := packages(t)
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		r, ok := rows[name]
		if !ok {
			t.Errorf("package %s has no row in docs/ARCHITECTURE.md; add one", name)
			continue
		}
		for _, problem := range forbidden(packages[name], r) {
			t.Errorf("package %s %s", name, problem)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		if _, ok := packages[name]; !ok {
			t.Errorf("docs/ARCHITECTURE.md has a row for %s, which is no package; remove it", name)
		}
	}
}

// A misspelt name in the table would forbid nothing.
func TestTableNames(t *testing.T) {
	known := requires(t)
	for name := range packages(t) {
		known = append(known, name)
	}
	known = append(known, strings.Fields(string(command(t, "go", "list", "std")))...)
	for name, r := range architecture(t) {
		for _, other := range slices.Concat(r.may, r.never) {
			if !slices.Contains(known, other) {
				t.Errorf("the row of %s names %q, which is no package of ours or of the standard library and no module of go.mod", name, other)
			}
		}
	}
}

func TestForbidden(t *testing.T) {
	r := row{may: []string{"repo", "example.org/yaml"}, never: []string{"os", "net"}}
	for _, tt := range []struct {
		path, want string
	}{
		{"strings", ""},
		{"encoding/json", ""},
		{module + "/finding", ""},
		{module + "/internal/lazyregexp", ""},
		{module + "/repo", ""},
		{"example.org/yaml", ""},
		{"example.org/yaml/v3", ""},
		{"osx", ""},
		{"os", "imports os, which its row forbids"},
		{"os/exec", "imports os/exec, which its row forbids"},
		{"net/http", "imports net/http, which its row forbids"},
		{module + "/cue", "imports cue, which its row does not allow"},
		{module + "/repo/rootfs", "imports repo/rootfs, which its row does not allow"},
		{"example.org/yamlx", "imports example.org/yamlx, which its row does not allow"},
	} {
		if got := strings.Join(forbidden([]string{tt.path}, r), "; "); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.path, got, tt.want)
		}
	}
}

// forbidden reports which imports are against a row. A name in never covers what is below it. So does a name in may, unless
// it is ours: repo/rootfs is another package than repo.
func forbidden(imports []string, r row) []string {
	var problems []string
	for _, path := range imports {
		name, ours := strings.CutPrefix(path, module+"/")
		first, _, _ := strings.Cut(name, "/")
		std := !ours && !strings.Contains(first, ".")
		switch {
		case slices.ContainsFunc(r.never, func(n string) bool { return covers(n, name) }):
			problems = append(problems, "imports "+name+", which its row forbids")
		case std, ours && (name == "finding" || name == "internal/lazyregexp" || slices.Contains(r.may, name)):
		case ours, !slices.ContainsFunc(r.may, func(n string) bool { return covers(n, name) }):
			problems = append(problems, "imports "+name+", which its row does not allow")
		}
	}
	return problems
}

func covers(name, path string) bool { return path == name || strings.HasPrefix(path, name+"/") }

var code = regexp.MustCompile("`([^`]+)`")

// architecture reads the table: a row is | `package` | purpose | may import | must never import |.
func architecture(t *testing.T) map[string]row {
	t.Helper()
	text := read(t, "docs/ARCHITECTURE.md")
	_, table, ok := strings.Cut(text, "| package | purpose | may import | must never import |\n")
	if !ok {
		t.Fatal("docs/ARCHITECTURE.md has no table of packages")
	}
	rows := map[string]row{}
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		if strings.HasPrefix(line, "|---") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 4 || len(names(cells[0])) != 1 {
			t.Fatalf("not a row of one package and four cells: %s", line)
		}
		name := names(cells[0])[0]
		if _, ok := rows[name]; ok {
			t.Fatalf("docs/ARCHITECTURE.md has two rows for %s", name)
		}
		rows[name] = row{may: names(cells[2]), never: names(cells[3])}
	}
	return rows
}

// names returns the words in backquotes.
func names(cell string) []string {
	var out []string
	for _, m := range code.FindAllStringSubmatch(cell, -1) {
		out = append(out, m[1])
	}
	return out
}

// packages returns the direct imports of each package of the module, those of tests aside.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(command(t, "go", "list", "-json=ImportPath,GoFiles,Imports", "./..."))))
	out := map[string][]string{}
	for {
		var p struct {
			ImportPath       string
			GoFiles, Imports []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 {
			out[strings.TrimPrefix(p.ImportPath, module+"/")] = p.Imports
		}
	}
}

// TestDependencies wants a reason in docs/dependencies.md for every module that go.mod requires directly, and for no other.
func TestDependencies(t *testing.T) {
	want := requires(t)
	var got []string
	for line := range strings.Lines(read(t, "docs/dependencies.md")) {
		if strings.HasPrefix(line, "| `") {
			got = append(got, names(line)[0])
		}
	}
	for _, m := range want {
		if !slices.Contains(got, m) {
			t.Errorf("docs/dependencies.md does not say why %s is there", m)
		}
	}
	for _, m := range got {
		if !slices.Contains(want, m) {
			t.Errorf("docs/dependencies.md explains %s, which go.mod does not require directly", m)
		}
	}
}

// requires returns the modules that go.mod requires directly.
func requires(t *testing.T) []string {
	t.Helper()
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(command(t, "go", "mod", "edit", "-json"), &mod); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range mod.Require {
		if !r.Indirect {
			out = append(out, r.Path)
		}
	}
	return out
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func command(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	c := exec.Command(name, args...)
	c.Stderr = t.Output()
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v", c, err)
	}
	return out
}
