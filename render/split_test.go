package render

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// helmSplit is what Helm documents and does (pkg/release/v1/util/manifest.go of v4.3.1), written with Split.
func helmSplit(text string) []string {
	var docs []string
	for _, d := range regexp.MustCompile(`(?:^|\s*\n)---\s*`).Split(strings.TrimLeftFunc(text, unicode.IsSpace), -1) {
		if d = strings.TrimLeftFunc(d, unicode.IsSpace); d != "" {
			docs = append(docs, d)
		}
	}
	return docs
}

func FuzzSplitManifests(f *testing.F) {
	for _, text := range []string{"", "---", "a: 1", "---\na: 1\n---\nb: 2\n", "---apiVersion: v1", "a: 1\n--- # comment\nb: 2", "a: 1\r\n---\r\nb: 2\r\n",
		"\n\n---\n# comment\n---\n\n", "a: |\n  x\n---\n  y\n", "a: |\n  ---\n  y\n", "----BEGIN", "a\n\n \n---\t\nb", "a: 1\n---", "\u2003---\na: 1\n\u2003\n---b: 1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got []string
		for _, s := range splitManifests([]byte(text)) {
			got = append(got, text[s.from:s.to])
		}
		if want := helmSplit(text); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, Helm %q", text, got, want)
		}
	})
}

// TestSplitPositions: every key and value of a rendered text is at its own line and column, wherever Helm splits the text.
func TestSplitPositions(t *testing.T) {
	for _, text := range []string{
		"---apiVersion: v1\nkind: A\n---kind: B\nname: {é: x, y: z}\n",
		"# only a comment\n---\n--- # comment\na: 1\n\n\n---\r\nb:\r\n- c\r\n- d: &x e\r\n  f: *x\r\n",
		"a: |\n  one\n---\ntwo: 2\n",
	} {
		f := &renderedFile{source: newSource("c/templates/t.yaml", "c/templates/t.yaml", text), text: []byte(text)}
		docs, problems := f.documents()
		if len(problems) > 0 || len(docs) == 0 {
			t.Errorf("%q: %d documents, %v", text, len(docs), problems)
		}
		nodes := 0
		var check func(n *yaml.Node)
		check = func(n *yaml.Node) {
			if n.Kind == yaml.ScalarNode && n.Style == 0 && n.Anchor == "" {
				nodes++
				if at := f.offset(n.Line, n.Column); !strings.HasPrefix(text[at:], n.Value) {
					t.Errorf("%q: %q is at %d:%d, where the text is %.10q", text, n.Value, n.Line, n.Column, text[at:])
				}
			}
			for _, c := range n.Content {
				check(c)
			}
		}
		for _, doc := range docs {
			check(doc.Node)
		}
		if nodes == 0 {
			t.Errorf("%q: nothing was compared", text)
		}
	}
}

// TestSplitProblem: the position of a mistake behind a separator is that of the template.
func TestSplitProblem(t *testing.T) {
	const text = "a: 1\n---b: 1\nc: [\n---\nd: 1\nd: 2\n"
	f := &renderedFile{source: newSource("c/templates/t.yaml", "c/templates/t.yaml", text), text: []byte(text)}
	docs, problems := f.documents()
	if len(docs) != 1 || len(problems) != 2 || problems[0].Line != 4 || problems[1].Line != 6 || problems[1].Other.Line != 5 {
		t.Errorf("%d documents, %v", len(docs), problems)
	}
}
