package render

import (
	"context"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/repo"
)

// GeneratorResult is what is known of a generator: a file with the placeholders of Reclaim the Stack's k, such as
// %{suffix}, which is a template but no YAML until they are filled in.
type GeneratorResult struct {
	File     string
	Reads    []Read     // as of a chart
	Example  *yaml.Node // the values of its header, lines and columns as in the file; nil when it has none
	Problems finding.Problems
}

// placeholders of a generator keep their length, so that every place stays where it is.
var placeholders = lazyregexp.New(`%\{[a-zA-Z]+\}`)

// Generator checks a generator as a template, with every placeholder taken for a name. A file that cannot be read is a
// problem too.
func Generator(r *repo.Repo, file string) *GeneratorResult {
	g := &GeneratorResult{File: file}
	src, err := r.ReadFile(file)
	if err != nil {
		g.Problems = append(g.Problems, finding.All(err)...)
		return g
	}
	text := placeholders.ReplaceAllStringFunc(string(src), func(found string) string {
		return "X" + strings.Repeat("x", len(found)-1)
	})
	e := startEngine(context.Background(), 0, nil)
	defer e.stop()
	s := newSource(file, file, text)
	s.chart = &chart{dir: file, scope: map[string]any{}}
	if err := e.parse(s); err != nil {
		cr := &chartRun{engine: e, root: s.chart, sources: []*source{s}}
		g.Problems = append(g.Problems, cr.explain(s, err, nil))
	} else {
		for _, read := range s.facts.reads {
			for i, step := range read.path {
				read.path[i] = g.original(string(src), step, s, read.offset)
			}
			g.Reads = append(g.Reads, Read{Path: read.path, At: s.position(read.offset), Guarded: read.guarded, Dynamic: read.dynamic})
		}
	}
	g.example(file, src)
	return g
}

// original returns a step as the file has it: with its placeholder.
func (g *GeneratorResult) original(src, step string, s *source, offset int) string {
	if !strings.Contains(step, "Xx") {
		return step
	}
	for _, m := range placeholders.FindAllString(src, -1) {
		step = strings.ReplaceAll(step, "X"+strings.Repeat("x", len(m)-1), m)
	}
	return step
}

// example reads the values in the header: the comment lines behind its first line.
func (g *GeneratorResult) example(file string, src []byte) {
	lines := strings.Split(string(src), "\n")
	begin := -1
	for i, line := range lines {
		if strings.TrimSpace(line) == exampleHeader {
			begin = i + 1
			break
		}
	}
	if begin < 0 {
		return
	}
	// "# " gives way to nothing, and the columns are moved back behind it.
	var b strings.Builder
	b.WriteString(strings.Repeat("\n", begin))
	for _, line := range lines[begin:] {
		line, ok := strings.CutPrefix(strings.TrimRight(line, "\r"), "#")
		if !ok {
			break
		}
		line = strings.TrimPrefix(line, " ")
		// A placeholder is no key that YAML takes unquoted: "%" cannot begin a token.
		b.WriteString(placeholders.ReplaceAllStringFunc(line, func(m string) string { return "X" + strings.Repeat("x", len(m)-1) }) + "\n")
	}
	docs, err := repo.ParseDocuments(file, []byte(b.String()))
	for _, p := range finding.All(err) {
		if p.Column > 0 {
			p.Column += 2
		}
		g.Problems = append(g.Problems, p)
	}
	if len(docs) == 0 {
		return
	}
	g.Example = docs[0].Node
	var move func(n *yaml.Node)
	move = func(n *yaml.Node) {
		n.Column += 2
		if n.Kind == yaml.ScalarNode {
			n.Value = g.original(string(src), n.Value, nil, 0)
		}
		for _, c := range n.Content {
			move(c)
		}
	}
	move(g.Example)
}
