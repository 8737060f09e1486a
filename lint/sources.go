package lint

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
)

// source is what is found in one file, whatever is rendered from it.
type source struct {
	findings     []*finding.Finding
	failures     finding.Problems
	documents    []sourceDocument
	template     templateFacts
	suppressions []*suppression
}

// readSources looks at every text that may hold YAML or a suppression, whether it is rendered or not.
func (l *linter) readSources(ctx context.Context) error {
	defer l.clock.measure("files")()
	rendered := map[string]bool{}
	for _, u := range l.units {
		for _, f := range u.files {
			rendered[f] = true
		}
	}
	sources := make([]source, len(l.files))
	err := l.parallel(ctx, len(l.files), func(_ context.Context, i int) error {
		sources[i] = l.opts.Cache.source(l, l.files[i], rendered[l.files[i]])
		return nil
	})
	l.templates = map[string]templateFacts{}
	for i, s := range sources {
		if s.template.header != nil || s.template.chance != nil {
			l.templates[l.files[i]] = s.template
		}
		l.findings = append(l.findings, s.findings...)
		l.failures = append(l.failures, s.failures...)
		l.documents = append(l.documents, s.documents...)
		l.suppressions = append(l.suppressions, s.suppressions...)
	}
	return err
}

func (l *linter) readSource(name string, rendered bool) source {
	var s source
	ext := path.Ext(name)
	if ext != ".yaml" && ext != ".yml" && ext != ".tpl" {
		return s
	}
	src, err := l.repo.ReadFile(name)
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
	if ext == ".tpl" || kind == "" && rendered || l.isTemplate(name) {
		return s
	}
	docs, err := repo.ParseDocuments(name, src)
	for _, p := range finding.All(err) {
		s.add(l.problemFinding(p))
	}
	if kind != "" {
		for _, d := range docs {
			s.documents = append(s.documents, sourceDocument{d.File, d.Index, kind, plainData(d.Node)})
		}
	}
	return s
}

func (s *source) add(f *finding.Finding) {
	if f != nil {
		s.findings = append(s.findings, f)
	}
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

// isTemplate reports whether a file is text that becomes YAML: in the templates of a chart, or a generator.
func (l *linter) isTemplate(name string) bool {
	if g := l.repo.Layout().Generators; strings.HasPrefix(name, g+"/") {
		return true
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if path.Base(dir) == "templates" && l.has(path.Dir(dir)+"/Chart.yaml") {
			return true
		}
	}
	return false
}

func (l *linter) has(name string) bool {
	_, found := slices.BinarySearch(l.files, strings.TrimPrefix(name, "./"))
	return found
}
