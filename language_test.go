package redisgitops_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// habits are phrases of the list in CONTRIBUTING ("Language") that no text for users may have.
var habits = regexp.MustCompile(`(?i)\b(is|are) told\b|\btells (which|whether|what)\b|(?-i:\bRedises\b)|leads? nowhere|stands? in the way|\bstands? (in|inside|before|beside)\b|` +
	`\bof no use\b|\bis no (name|port|value|number|host|list|mapping|text|folder|file|Redis)\b|there is no \w+ for\b|\bby itself\b|\bset of authorities\b|` +
	`what is there\b|is there already|exists? already and|give (it|one|a|the) by --|leave (it|them) out|\bas the operator has it\b|nobody minds|so that (no|nobody|everybody)\b`)

// TestLanguage keeps the habits of the list out of what users read: string literals of Go, messages and METADATA of rules, the page,
// and the documentation. Comments are for readers of the source, and texts of tests quote others.
func TestLanguage(t *testing.T) {
	read := 0
	tool := toolDirectories(t)
	check := func(file string, line int, text string) {
		if found := habits.FindString(text); found != "" {
			t.Errorf("%s:%d: %q is on the list of CONTRIBUTING; say it with the words of the field: %.120q", file, line, found, text)
		}
		read++
	}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case "testdata", "node_modules", "dist", ".git", ".cache", "adr", "harness":
				return fs.SkipDir
			}
			return nil
		}
		switch name := filepath.ToSlash(path); {
		case strings.HasSuffix(name, "_test.go"), strings.HasPrefix(name, "test/"), strings.HasPrefix(name, "internal/") && !tool[filepath.ToSlash(filepath.Dir(path))]:
		case strings.HasSuffix(name, ".go"):
			goTexts(t, path, check)
		case strings.HasPrefix(name, "policy/") && strings.HasSuffix(name, ".rego"), strings.HasPrefix(name, "wasm/web/src/"), strings.HasPrefix(name, "cue/") && strings.HasSuffix(name, ".cue"):
			for i, line := range lines(t, path) {
				for _, m := range quoted.FindAllString(line, -1) {
					check(name, i+1, m)
				}
				if strings.HasPrefix(line, "#   ") || strings.HasPrefix(line, "# title:") {
					check(name, i+1, line)
				}
			}
		case name == "README.md", name == "SECURITY.md", strings.HasPrefix(name, "docs/") && strings.HasSuffix(name, ".md"), name == "action.yml", strings.HasPrefix(name, "templates/"):
			for i, line := range lines(t, path) {
				check(name, i+1, line)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if read < 5000 {
		t.Fatalf("only %d texts were read", read)
	}
	if !habits.MatchString("the master is told by a Redis that stands in the way") {
		t.Error("the list finds nothing")
	}
}

var quoted = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`")

func lines(t *testing.T, path string) []string {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(src), "\n")
}

// goTexts gives the string literals of a file that have words, without those of imports and tags.
func goTexts(t *testing.T, path string, check func(file string, line int, text string)) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil && strings.Contains(text, " ") {
				check(filepath.ToSlash(path), set.Position(n.Pos()).Line, text)
			}
		}
		return true
	})
}
