package lint

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/lint/model"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

func (l *linter) readSource(name string, rendered bool) source {
	if !mayHoldSource(name) {
		return source{}
	}
	src, err := l.repo.ReadFile(name)
	return l.sourceOf(name, rendered, src, err)
}

func mayHoldSource(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".tpl"}, path.Ext(name))
}

// sourceOf returns what is in the text of a file, or why it cannot be read.
func (l *linter) sourceOf(name string, rendered bool, src []byte, err error) source {
	var s source
	if err != nil {
		for _, p := range finding.All(err) {
			s.add(l.problemFinding(p))
			if errors.Is(err, fs.ErrPermission) {
				s.failures = append(s.failures, p)
			}
		}
		return s
	}
	s.suppressions = readSuppressions(name, src)
	kind := l.documentKind(name)
	if l.isTemplate(name) && kind == "" {
		s.template = readTemplate(name, src)
	}
	if path.Ext(name) == ".tpl" || kind == "" && rendered || l.isTemplate(name) {
		return s
	}
	docs, err := repo.ParseDocuments(name, src)
	for _, p := range finding.All(err) {
		s.add(l.problemFinding(p))
	}
	if kind != "" {
		for _, d := range docs {
			s.documents = append(s.documents, sourceDocument{file: d.File, index: d.Index, kind: kind, data: holding(l.pool, plainData(d.Node))})
		}
	}
	return s
}

// documentKind describes what kind of source document a file holds, "" for resources and templates.
func (l *linter) documentKind(name string) string {
	base := path.Base(name)
	switch {
	case l.isTemplate(name):
		return ""
	case base == "Chart.yaml":
		return "chart"
	case base == "kustomization.yaml" || base == "kustomization.yml":
		return "kustomization"
	case strings.HasPrefix(base, "values") && l.has(path.Dir(name)+"/Chart.yaml"):
		return "values"
	}
	return ""
}

// sourceDocument is a document that is no resource.
type sourceDocument struct {
	file  string
	index int
	kind  string // "chart", "values", "kustomization"
	data  *held
}

func (f *templateFacts) any() bool { return f.header != nil || f.chance != nil || len(f.text) > 0 }

// readTemplate finds the example values in the comment on top, which a generator wrote, and calls of functions of chance.
func readTemplate(file string, src []byte) templateFacts {
	var f templateFacts
	text := string(src)
	if strings.Contains(text, "rand") || strings.Contains(text, "uuidv4") {
		f.chance = &model.Template{File: file, Text: text}
	}
	before, below, found := strings.Cut(text, "# Example values.yaml:")
	if !found || strings.Contains(before, "\n\n") {
		return f
	}
	f.header = &model.Header{File: file, Line: strings.Count(before, "\n") + 2}
	for i, line := range strings.Split(below, "\n") {
		text, comment := strings.CutPrefix(line, "#")
		if i > 0 && !comment {
			break
		}
		if i > 0 {
			f.header.Lines = append(f.header.Lines, strings.Clone(strings.TrimRight(strings.TrimPrefix(text, " "), "\r"))) // without the whole file behind it
		}
	}
	return f
}

func (s *source) add(f *finding.Finding) {
	if f != nil {
		s.findings = append(s.findings, f)
	}
}

func (l *linter) readGenerator(file, group string) generator {
	g := render.Generator(l.repo, file)
	m := model.Generator{File: file, Group: group, Type: strings.TrimSuffix(path.Base(file), path.Ext(file)), Flow: model.NewFlow(g.Reads, g.Example)}
	var example any = map[string]any{}
	if g.Example != nil {
		example = plainData(g.Example)
	}
	var err error
	m.Example, err = l.pool.Value(example)
	return generator{m, g.Problems, err}
}
