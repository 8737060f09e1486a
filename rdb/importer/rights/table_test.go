package rights

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
)

// No source of an import sends a command that the table does not have. Which words are commands, a server knows.
func TestCommandTableIsComplete(t *testing.T) {
	s := redistest.Start(t)
	list, _ := s.Do("COMMAND", "LIST").([]any)
	commands := map[string]bool{"HPEXPIREAT": true}
	for _, name := range list {
		commands[strings.ToUpper(fmt.Sprint(name))] = true
	}
	delete(commands, "READONLY") // an error, too
	delete(commands, "GET")      // of CONFIG GET
	table := map[string]bool{}
	for _, name := range Commands() {
		word, _, _ := strings.Cut(name, " ")
		table[word] = true
	}
	files, err := filepath.Glob("../*.go")
	if err != nil {
		t.Fatal(err)
	}
	below, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, below...)
	named := map[string]bool{}
	for _, file := range append(files, "../../commands.go") {
		if strings.HasSuffix(file, "_test.go") || strings.HasSuffix(filepath.ToSlash(file), "rights/table.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			if word, err := strconv.Unquote(lit.Value); err == nil && commands[word] {
				named[word] = true
				if !table[word] {
					t.Errorf("%s: %s is not in the table", file, word)
				}
			}
			return true
		})
	}
	for _, word := range []string{"EXEC", "RENAMENX", "XDEL", "REPLICAOF", "FLUSHDB"} {
		if !named[word] {
			t.Errorf("%s was not found in the sources", word)
		}
	}
}
