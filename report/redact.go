package report

import (
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/redact"
)

// clean returns a copy of f without secret values in its texts.
func (v *view) clean(f *finding.Finding) *finding.Finding {
	clean := *f
	foreign := v.run.Foreign || isForeign(f.Rule) || v.rule(f.Rule).User
	places := []finding.Position{f.Position}
	for _, r := range f.Related {
		places = append(places, r.Position)
	}
	var secrets [][]string
	for _, at := range places {
		if line, ok := v.line(at); ok {
			if on := v.file(at.File).Line(at.Line, line); len(on) > 0 {
				secrets = append(secrets, on)
			}
		}
	}
	text := func(s string) string { return v.secrets.At(s, foreign, secrets...) }
	clean.Message, clean.Fix, clean.Suggested = text(f.Message), text(f.Fix), text(f.Suggested)
	clean.Related = slices.Clone(f.Related)
	for i := range clean.Related {
		clean.Related[i].Message = text(clean.Related[i].Message)
	}
	if f.Suppressed != nil {
		s := *f.Suppressed
		s.Reason = v.secrets.Foreign(s.Reason)
		clean.Suppressed = &s
	}
	return &clean
}

// isForeign reports whether messages of a rule carry text of a library or a template.
func isForeign(rule string) bool {
	return strings.HasPrefix(rule, "yaml/") || rule == "val/render-fails" || rule == "val/not-yaml"
}

// file returns what is secret in a file.
func (v *view) file(name string) *redact.File {
	if f := v.secrets.File(name); f != nil {
		return f
	}
	if v.run.Source == nil || name == "" {
		return nil
	}
	f := &redact.File{Name: name}
	if data, ok := v.run.Source(name); ok {
		f = redact.Scan(name, data)
	}
	v.secrets.AddFile(f)
	return f
}

// hide returns the parts of a source line that must not be shown.
func (v *view) hide(at finding.Position, line string) []redact.Span {
	return v.secrets.Hide(v.file(at.File), at.Line, line)
}
