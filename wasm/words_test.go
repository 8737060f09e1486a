package wasm

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// flagName matches a flag of a command line in a text.
var flagName = regexp.MustCompile("(^|[ (`\"])--[a-z]")

// words returns what the page shows of an answer in words: not the commands, which are there to be copied.
func words(p planned, wrong []Problem) []string {
	out := slices.Concat(p.Notes, p.Next)
	for _, c := range p.Conflicts {
		wrong = append(wrong, c.Problem)
	}
	for _, w := range wrong {
		out = append(out, w.File+": "+w.Path+": "+w.Message)
	}
	return out
}

// wordsOfThePage fails for a text with a flag, which somebody at a form has not.
func wordsOfThePage(t *testing.T, p planned, wrong []Problem) {
	t.Helper()
	for _, text := range words(p, wrong) {
		if flagName.MatchString(text) {
			t.Errorf("the page says %q", text)
		}
	}
}

// TestWords asks for what the command line answers with flags. The page gets the fault, and the field that it is about.
func TestWords(t *testing.T) {
	const own = "# Example:\n#\n#   resources:\n#     redisNAME: {}\nkind: ConfigMap\n"
	strict := File{Path: ".redis-gitops.yaml", Text: "strict: true\noperator:\n  namespace: redis\n"}
	for _, tt := range []struct {
		name  string
		files []File // in the place of those of the example, or beside them
		ask   planRequest
		want  string // a part of what is said
		field string // of the problem
	}{
		{"sealed without a certificate", nil, planRequest{Auth: "sealed"}, "requires the certificate", "cert"},
		{"a certificate that is none", nil, planRequest{Auth: "sealed", Cert: "x"}, "is not PEM-encoded", "cert"},
		{"a certificate that is broken", nil, planRequest{Auth: "sealed", Cert: "-----BEGIN CERTIFICATE-----\nMQ==\n-----END CERTIFICATE-----\n"}, "cannot parse the certificate", "cert"},
		{"no store", nil, planRequest{Auth: "external"}, "requires a secret store", "store"},
		{"an unknown kind of store", nil, planRequest{Auth: "external", Store: "Vault/x"}, `unknown store kind "Vault"`, "store"},
		{"a key that is none", nil, planRequest{Auth: "external", Store: "vault", Key: "#"}, `invalid key "#"`, "key"},
		{"a value of the wrong form", nil, planRequest{Set: map[string]string{"memory": "100MB"}}, "100MB", "set.memory"},
		{"a value that there is not", nil, planRequest{Set: map[string]string{"memry": "1Gi"}}, "memry", "set.memry"},
		{"a suffix that is none", nil, planRequest{Suffix: "A_B"}, "suffix", "suffix"},
		{"a namespace that is none", nil, planRequest{Namespace: "A_B"}, "namespace", "namespace"},
		{"exists", nil, planRequest{}, "already exists", ""},
		{"other values", nil, planRequest{Set: map[string]string{"memory": "3Gi"}, Profile: "queue"}, "already exists", ""},
		{"strict", []File{strict}, planRequest{Suffix: "x", Set: map[string]string{"networkPolicy": ""}}, "strict mode requires a NetworkPolicy; set networkPolicy to redis", ""},
		{"no profiles", []File{{Path: "generators/resources/redis.yaml", Text: own}}, planRequest{Suffix: "x", Profile: "cache"}, "so it has no profiles", ""},
		{"a host name without an ingress", nil, planRequest{Kind: "deployment", Type: "web", Name: "x", Hostname: "shop.example.com"}, "so a host name has no effect", "hostname"},
		{"an image that is there", nil, planRequest{Kind: "deployment", Type: "web", Name: "x", Image: "shop/x:1"}, "image is kept, so shop/x:1 has no effect", ""},
		{"an update of nothing", nil, planRequest{Kind: "update", Name: "redis-none"}, `has no generated resource "redis-none"`, "name"},
		{"an update without a history", []File{{Path: "applications/shop/templates/redis-hand.yaml", Text: "kind: RedisFailover\n"}}, planRequest{Kind: "update", Name: "redis-hand"}, "", ""},
		{"a broken record", []File{{Path: ".redis-gitops/generated/shop/redis.yaml", Text: "version: 1\nversion: 1\n"}}, planRequest{Suffix: "x"}, "restore the file from Git", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := session()
			files := slices.DeleteFunc(folder(t, exampleDir), func(f File) bool {
				return slices.ContainsFunc(tt.files, func(g File) bool { return f.Path == g.Path })
			})
			must[opened](t, s, "open", openRequest{Files: append(files, tt.files...)})
			if tt.ask.Kind == "" {
				tt.ask.Kind = "resource"
			}
			if tt.ask.App == "" {
				tt.ask.App = "shop"
			}
			p, wrong := ask[planned](t, s, "plan", tt.ask)
			wordsOfThePage(t, p, wrong)
			if said := strings.Join(words(p, wrong), "\n"); !strings.Contains(said, tt.want) || said == "" {
				t.Errorf("said %q, want %q", said, tt.want)
			}
			if tt.field != "" && !slices.ContainsFunc(wrong, func(p Problem) bool { return p.Field == tt.field }) {
				t.Errorf("no problem is about %s: %+v", tt.field, wrong)
			}
		})
	}
}

// place matches a flag that stands for a file, as where a value comes from. The page has fields for it.
var place = regexp.MustCompile("^--[a-z]+$")

// TestFlagsAreWays reads the source of what plans: a flag is named in what [finding.Problem.Flags] or a conflict is given as the way
// out, never in the fault, which is what the page shows.
func TestFlagsAreWays(t *testing.T) {
	// Commands that the page does not have, and commands that are there to be copied.
	without := map[string]bool{"init.go": true, "destroy.go": true, "destroyapp.go": true, "restore.go": true, "referindex.go": true, "rotate.go": true, "size.go": true, "stages.go": true}
	ways := map[string]bool{"Flags": true, "conflict": true, "inTheWay": true}
	files, err := filepath.Glob("../scaffold/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	seen := 0
	for _, name := range files {
		if base := filepath.Base(name); strings.HasSuffix(base, "_test.go") || without[base] || strings.HasPrefix(base, "migrate") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, src, 0)
		if err != nil {
			t.Fatal(err)
		}
		var inside []ast.Node
		ast.Inspect(file, func(n ast.Node) bool {
			if n == nil {
				inside = inside[:len(inside)-1]
				return true
			}
			inside = append(inside, n)
			text, ok := n.(*ast.BasicLit)
			if !ok || text.Kind != token.STRING {
				return true
			}
			value, err := strconv.Unquote(text.Value)
			if err != nil || !flagName.MatchString(value) || place.MatchString(value) || strings.HasPrefix(value, "diff --git ") {
				return true
			}
			seen++
			if !slices.ContainsFunc(inside, func(n ast.Node) bool { return isWay(n, text, ways) }) {
				t.Errorf("%s: %s names a flag to everybody; put it into Flags", set.Position(text.Pos()), text.Value)
			}
			return true
		})
	}
	if seen < 10 {
		t.Errorf("only %d texts with flags were found", seen)
	}
}

// isWay reports whether a node makes a text one of the command line: it is an argument of one of the calls, or a part of a command.
func isWay(n ast.Node, text *ast.BasicLit, calls map[string]bool) bool {
	switch n := n.(type) {
	case *ast.CallExpr:
		f, ok := n.Fun.(*ast.SelectorExpr)
		return ok && calls[f.Sel.Name] && text.Pos() > n.Lparen // not the receiver, which has the fault
	case *ast.AssignStmt:
		for _, to := range n.Lhs {
			name, ok := to.(*ast.Ident)
			if field, is := to.(*ast.SelectorExpr); is {
				name, ok = field.Sel, true
			}
			if ok && (name.Name == "way" || name.Name == "c" || name.Name == "Command") {
				return true
			}
		}
	case *ast.FuncDecl:
		return n.Name.Name == "suffixFlag"
	}
	return false
}
