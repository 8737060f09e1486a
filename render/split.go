package render

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
)

// separators returns where Helm splits what a template renders: at `(?:^|\s*\n)---\s*`. It also splits where YAML does not, such as before
// "---apiVersion: v1", and at a line of a block scalar that begins with "---" (helm v4.3.1, pkg/release/v1/util/manifest.go:39 and
// SplitManifests).
func separators(text []byte) []span {
	blank := func(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' && c != '\v' }
	var found []span
	at := 0
	add := func(from, dashes int) {
		for from > at && blank(text[from-1]) {
			from--
		}
		for at = dashes + len("---"); at < len(text) && blank(text[at]); {
			at++
		}
		found = append(found, span{from, at})
	}
	if bytes.HasPrefix(text, []byte("---")) {
		add(0, 0)
	}
	for {
		i := bytes.Index(text[at:], []byte("\n---"))
		if i < 0 {
			return found
		}
		add(at+i, at+i+1)
	}
}

// span is a part of a text, in bytes.
type span struct{ from, to int }

// splitManifests returns the documents of a rendered text as Helm splits it, without those that are empty.
func splitManifests(text []byte) []span {
	var spans []span
	add := func(from, to int) {
		from = to - len(bytes.TrimLeftFunc(text[from:to], unicode.IsSpace))
		if from < to {
			spans = append(spans, span{from, to})
		}
	}
	begin := len(text) - len(bytes.TrimLeftFunc(text, unicode.IsSpace))
	at := begin
	for _, m := range separators(text[begin:]) {
		add(at, begin+m.from)
		at = begin + m.to
	}
	add(at, len(text))
	return spans
}

// documents parses what the templates of a file render, document by document; positions are those of the whole text.
func (f *renderedFile) documents() ([]*repo.Document, finding.Problems) {
	var docs []*repo.Document
	var problems finding.Problems
	for _, s := range splitManifests(f.text) {
		found, err := repo.ParseDocuments(f.source.file, f.text[s.from:s.to])
		lines, columns := f.lineAt(s.from)-1, 0
		columns = utf8.RuneCount(f.text[f.lines()[lines]:s.from])
		move := func(line, column *int) {
			if *line == 1 && *column > 0 { // the separator may be on the same line
				*column += columns
			}
			if *line > 0 {
				*line += lines
			}
		}
		for _, p := range finding.All(err) {
			move(&p.Line, &p.Column)
			move(&p.Other.Line, &p.Other.Column)
			problems = append(problems, p)
		}
		for _, doc := range found {
			moveNodes(doc.Node, move)
		}
		docs = append(docs, found...)
	}
	return docs, problems
}

// moveNodes changes the position of a node and of all below it.
func moveNodes(n *yaml.Node, move func(line, column *int)) {
	move(&n.Line, &n.Column)
	for _, c := range n.Content {
		moveNodes(c, move)
	}
}
