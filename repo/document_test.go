package repo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/finding"
	"go.yaml.in/yaml/v3"
)

func TestParseDocuments(t *testing.T) {
	for _, tt := range []struct {
		name, src string
		documents string // kind@line:column of each
		problems  string
	}{
		{"empty", "", "", ""},
		{"only comments", "# nothing\n", "", ""},
		{"one", "kind: A\n", "A@1:1", ""},
		{"empty ones do not count", "---\n---\n# c\n---\nkind: A\n---\n", "A@5:1", ""},
		{"lines go on", "# c\nkind: A\n---\n\nkind: B\n--- # c\nkind: C\n", "A@2:1 B@5:1 C@7:1", ""},
		{"separator in a block", "a: |\n  ---\n  b\nkind: A\n---\nkind: B\n", "A@1:1 B@6:1", ""},
		{"CRLF", "kind: A\r\n---\r\nkind: B\r\n", "A@1:1 B@3:1", ""},
		{"byte order mark", "\uFEFFkind: A\n", "A@1:1", ""},
		{"explicit null", "--- null\n---\nkind: A\n", "@1:5 A@3:1", ""},
		{"Argo CD placeholders in quotes", "kind: A\npath: '{{path}}'\n", "A@1:1", ""},

		{"good before broken", "kind: A\n---\nkind: B\n---\nc: [\n---\nkind: D\n", "A@1:1 B@3:1",
			"f.yaml:6: invalid YAML: did not find expected node content; fix the syntax here or just before"},
		{"scanner's line", "a: 1\nb: c: d\n", "", "f.yaml:2: invalid YAML: mapping values are not allowed in this context; fix the syntax here or just before"},
		{"scanner's first line", "a: b: c\n", "", "f.yaml:1: invalid YAML: mapping values are not allowed in this context; fix the syntax here or just before"},
		{"parser's line", "a: 1\nkey: value\n- item\n", "", "f.yaml:3: invalid YAML: did not find expected key; fix the syntax here or just before"},
		{"parser's first line", "a: }\n", "", "f.yaml:1: invalid YAML: did not find expected node content; fix the syntax here or just before"},
		{"tab", "a: 1\nb:\n\t- c\n", "", "f.yaml:3:1: tab used for indentation; use spaces"},
		{"tab after spaces", "a:\n  b: 1\n  \tc: 2\n", "", "f.yaml:3:3: tab used for indentation; use spaces"},
		{"tab in the first line", "\ta: 1\n", "", "f.yaml:1:1: tab used for indentation; use spaces"},
		{"duplicate key", "a:\n  auth: 1\n  b: 2\n  auth: 3\n", "", `f.yaml:4:3: key "auth" is already set at line 2; remove one of the two`},
		{"duplicate in JSON", "a: {1: x, \"1\": y}\n", "", `f.yaml:1:11: key "1" is already set at line 1; remove one of the two`},
		{"duplicate in one of two", "a: 1\na: 2\n---\nkind: B\n", "B@4:1", `f.yaml:2:1: key "a" is already set at line 1; remove one of the two`},
		{"alias", "kind: &k A\nb: *k\n", "A@1:1", ""},
		{"alias of itself", "a: &a\n  b: *a\n", "", `f.yaml:2:6: alias "a" contains itself; remove the alias`},
		{"alias of nothing", "a: 1\nb: *x\n", "", `f.yaml:2:4: alias "x" has no preceding anchor; add &x or remove the alias`},
		{"not UTF-8", "a: 1\nb: \xff\n", "", "f.yaml:2:4: not UTF-8 text; save it as UTF-8 or exclude it"},
		{"UTF-16", "k\x00i\x00", "", "f.yaml:1:2: not UTF-8 text; save it as UTF-8 or exclude it"},
		{"control character", "a: ü\x1b\n", "", "f.yaml:1:5: character U+001B is not allowed in YAML; remove it, or escape it in double quotes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			docs, err := ParseDocuments("f.yaml", []byte(tt.src))
			var got []string
			for i, d := range docs {
				if d.Index != i {
					t.Errorf("document %d has index %d", i, d.Index)
				}
				got = append(got, fmt.Sprintf("%s@%d:%d", d.Kind(), d.At(d.Node).Line, d.At(d.Node).Column))
			}
			if s := strings.Join(got, " "); s != tt.documents {
				t.Errorf("got documents %s, want %s", s, tt.documents)
			}
			checkError(t, err, tt.problems)
		})
	}
}

// checkError compares the whole text of an error; "" is none.
func checkError(t testing.TB, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("got error\n%s\nwant\n%s", got, want)
	}
}

// bomb is a billion laughs of the given number of levels, ten aliases each.
func bomb(levels int, reference string) string {
	var b strings.Builder
	b.WriteString("a0: &a0 {k: v}\n")
	for i := 1; i <= levels; i++ {
		alias := fmt.Sprintf("*a%d", i-1)
		fmt.Fprintf(&b, "a%d: &a%d %s\n", i, i, strings.ReplaceAll(reference, "*", alias))
	}
	return b.String()
}

func TestLimits(t *testing.T) {
	for _, tt := range []struct{ name, src, problem string }{
		{"depth 200", strings.Repeat("[", 199) + "a" + strings.Repeat("]", 199), ""},
		{"depth 201", strings.Repeat("[", 200) + "a" + strings.Repeat("]", 200), "f.yaml:1:201: nesting is deeper than 200; flatten it"},
		{"depth 9000", strings.Repeat("{a: ", 9000) + strings.Repeat("}", 9000), "f.yaml:1:798: nesting is deeper than 200; flatten it"},
		{"depth by aliases", "a: &a " + strings.Repeat("[", 150) + strings.Repeat("]", 150) + "\nb: " + strings.Repeat("[", 60) + "*a" + strings.Repeat("]", 60),
			"f.yaml:1:1: nesting is deeper than 200 after alias expansion; flatten it"},
		{"50,000 nodes", strings.Repeat("- a\n", MaxNodes-1), ""},
		{"50,001 nodes", strings.Repeat("- a\n", MaxNodes), "f.yaml:1:1: document has more than 50000 nodes after alias expansion; split it or use fewer aliases"},
		{"alias bomb", bomb(9, "[*, *, *, *, *, *, *, *, *, *]"), "f.yaml:1:1: document has more than 50000 nodes after alias expansion; split it or use fewer aliases"},
		{"merge bomb", bomb(30, "{<<: [*, *]}"), "f.yaml:1:1: document has more than 50000 nodes after alias expansion; split it or use fewer aliases"},
		{"4 MiB", "#" + strings.Repeat("x", MaxFileSize-1), ""},
		{"more", "#" + strings.Repeat("x", MaxFileSize), "f.yaml: file is 4.1 MiB, limit 4 MiB; split or exclude it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseDocuments("f.yaml", []byte(tt.src))
			checkError(t, err, tt.problem)
		})
	}
	_, err := ParseDocuments("f.yaml", []byte(strings.Repeat("a: b\n", 10_000)))
	if got := len(finding.All(err)); got != maxProblems {
		t.Errorf("%d problems of one document, want %d", got, maxProblems)
	}
}

func TestLookup(t *testing.T) {
	docs, err := ParseDocuments("f.yaml", []byte(`
base: &base {memory: 100Mi, cpu: 1}
more: &more {memory: 200Mi, disk: 1Gi}
one: {<<: *base, cpu: 2}
two:
  <<: [*base, *more]
alias: *base
list:
  - name: redis
  - 12
nothing: ~
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ path, want string }{
		{"one.cpu", "2"},
		{"one.memory", "100Mi"},
		{"two.memory", "100Mi"},
		{"two.disk", "1Gi"},
		{"alias.cpu", "1"},
		{"list.0.name", "redis"},
		{"list.1", "12"},
		{"list.2", ""},
		{"list.-1", ""},
		{"list.x", ""},
		{"list.1.x", ""},
		{"nothing", ""},
		{"none.at.all", ""},
		{"base", ""},
	} {
		if got := text(docs[0].Get(strings.Split(tt.path, ".")...)); got != tt.want {
			t.Errorf("%s is %q, want %q", tt.path, got, tt.want)
		}
	}
	if at := docs[0].At(docs[0].Get("list", "0", "name")).String(); at != "f.yaml:9:11" {
		t.Errorf("the name is at %s", at)
	}
}

func FuzzParseDocuments(f *testing.F) {
	for _, seed := range []string{
		"kind: A\n---\nkind: B\n", "a: &a [*a]\n", "a: {b: [c]}\n<<: *x\n", "\uFEFFa: |\n  ---\r\n", "a: 'x\n", "? [a]\n: b\n# c\n",
		"a:\n\t- b\n", "%YAML 1.1\n--- !!map\na: !!binary eA==\n...\n", bomb(3, "[*, *]"),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		docs, err := ParseDocuments("f.yaml", src)
		lines := strings.Count(string(src), "\n") + strings.Count(string(src), "\r") + strings.Count(string(src), "\u0085") +
			strings.Count(string(src), "\u2028") + strings.Count(string(src), "\u2029") + 2
		for _, p := range finding.All(err) {
			if p.File != "f.yaml" || p.Line < 1 || p.Line > lines {
				t.Errorf("problem at %s of %d lines: %s", p.Position, lines, p.Message)
			}
		}
		for _, d := range docs {
			if nodes := expanded(d.Node); nodes > MaxNodes {
				t.Errorf("%d nodes were let through", nodes)
			}
			d.Get("metadata", "name")
		}
	})
}

// expanded counts nodes the plain way, which ends only for a document that passed.
func expanded(n *yaml.Node) int {
	sum := 1
	if n.Kind == yaml.AliasNode {
		return expanded(n.Alias)
	}
	for _, c := range n.Content {
		sum += expanded(c)
	}
	return sum
}

// Every file of the corpus is either read or refused with a line, and what a plain decoder takes is not refused.
func TestCorpusDocuments(t *testing.T) {
	root := filepath.Join("..", "..", "shared", "corpus")
	if _, err := os.Stat(root); err != nil {
		t.Skip("../shared/corpus is not here; CI has it")
	}
	read, refused := 0, 0
	err := filepath.WalkDir(root, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".yaml") && !strings.HasSuffix(name, ".yml") {
			return err
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		docs, err := ParseDocuments(name, src)
		for _, p := range finding.All(err) {
			refused++
			if p.Line == 0 {
				t.Errorf("no line: %v", p)
			}
			if !strings.Contains(p.Message, "invalid YAML") && !strings.Contains(p.Message, "is already set") && !strings.Contains(p.Message, "tab used") {
				t.Errorf("a real file beyond a limit: %v", p)
			}
		}
		lines := strings.Split(string(src), "\n")
		for _, d := range docs {
			read++
			if kind := d.Get("kind"); kind != nil && !strings.Contains(lines[kind.Line-1], kind.Value) {
				t.Errorf("%s: kind %s is not in that line", d.At(kind), kind.Value)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if read < 700 || refused > read/5 {
		t.Errorf("%d documents read, %d problems", read, refused)
	}
	t.Logf("%d documents read, %d problems", read, refused)
}
