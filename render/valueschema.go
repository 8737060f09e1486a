package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
)

// schemas holds the values of a chart, and of its subcharts, against their values.schema.json, after all value files are put together and
// before anything is rendered (helm.sh/helm/v3 v3.18 pkg/chartutil/jsonschema.go, ValidateAgainstSchema).
func (l *loader) schemas(cr *chartRun, c *chart) {
	if c.schema != "" {
		l.schema(cr, c)
	}
	for _, d := range c.deps {
		l.schemas(cr, d)
	}
}

func (l *loader) schema(cr *chartRun, c *chart) {
	src, err := l.repo.ReadFile(c.schema)
	if err != nil {
		for _, p := range finding.All(err) {
			l.add(p.WithCode(CodeSchema))
		}
		return
	}
	l.result.Files = append(l.result.Files, c.schema)
	s, err := l.parsed.schema(src)
	if err != nil {
		l.add(finding.Errorf(finding.Position{File: c.schema, Line: 1, Column: 1}, "", "%s", err).WithCode(CodeSchema))
		return
	}
	found, skipped := s.Check(c.scope)
	for _, v := range found {
		l.add(cr.schemaProblem(c, v))
	}
	for _, what := range skipped {
		l.result.Notices = append(l.result.Notices, finding.Errorf(finding.Position{File: c.schema}, "", "%s; the schema is not checked", what))
	}
}

func (cr *chartRun) schemaProblem(c *chart, v finding.Violation) *finding.Problem {
	path := strings.Join(v.Path, ".")
	name := fmt.Sprintf("%q", path)
	if len(v.Path) == 0 {
		name = "the whole"
	}
	p := finding.Errorf(cr.valuePosition(c, v), path, "%s %s (values.schema.json)", name, v.Message).WithCode(CodeSchema)
	p.Values = [][]string{slices.Clone(v.Path)}
	return p
}

// valuePosition is the value that a person edits, or where its mapping is set when it is missing.
func (cr *chartRun) valuePosition(c *chart, v finding.Violation) finding.Position {
	for n := len(v.Path); n > 0; n-- {
		file, key, value := cr.whereIs(c, v.Path[:n])
		if value == nil {
			continue
		}
		if key != nil && (v.Key || n < len(v.Path)) {
			value = key
		}
		return finding.Position{File: file, Line: value.Line, Column: value.Column}
	}
	return finding.Position{File: cr.setAt(c, v.Path), Line: 1, Column: 1}
}
