package scaffold

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/repo/yamledit"
)

// What somebody asks for by a flag is deliberate, and lint need not report it again: the finding is suppressed where it would be, with
// the reason. In a chart that is a comment on the value, elsewhere an annotation of the resource.

// existingSecret names in accepts of the operators what follows from a Secret that exists.
const existingSecret = "existing"

// suppress writes into an entry of the example what suppresses, and notes it for a manifest.
func (s *resource) suppress(target *entry, values []cue.Value) error {
	accepted, err := s.accepted(values)
	s.accepts = nil
	for _, a := range accepted {
		target.above(a.Value, suppression(a))
		for _, rule := range a.Rules {
			s.accepts = append(s.accepts, recordAccepts{rule, a.Reason, a.Kind})
		}
	}
	slices.SortFunc(s.accepts, func(a, b recordAccepts) int { return strings.Compare(a.Rule, b.Rule) })
	return err
}

// accepted returns what lint would report about what the request asks for, as long as values are what the choice made them.
func (s *resource) accepted(values []cue.Value) ([]cue.Accepted, error) {
	var out []cue.Accepted
	for _, profile := range s.operator.Profiles() {
		if !profile.Size || profile.Name != s.req.Size && profile.Name != s.req.Profile {
			continue
		}
		for _, a := range s.operator.Accepts(profile.Name) {
			if slices.ContainsFunc(values, func(v cue.Value) bool { return v.Key == a.Value && v.Layer == profile.Layer().Name }) {
				out = append(out, a)
			}
		}
	}
	if s.req.Auth.Method != Existing {
		return out, nil
	}
	existing := s.operator.Accepts(existingSecret)
	if len(existing) == 0 {
		return out, nil
	}
	made, err := makesSecret(s.repo, s.secret, s.chart)
	if err == nil && s.app.Kind != repo.Chart {
		var last *record
		if last, err = s.former(); last != nil {
			made = !slices.ContainsFunc(last.Accepts, func(a recordAccepts) bool { return a.Rule == existing[0].Rules[0] })
		}
	}
	if err != nil || made {
		return out, err
	}
	return append(out, existing...), nil
}

// secretLine matches a line from which a controller, kustomize or the API server makes a Secret of a name, together with secretKind.
var (
	secretKind = lazyregexp.New(`(?m)^(?:\s*-?\s*kind:\s*["']?(?:[A-Za-z]*Secrets?[A-Za-z]*|Certificate|OnePasswordItem)["']?\s*(?:#.*)?|secretGenerator:.*)$`)
	secretLine = `(?mi)^[\s-]*(?:[a-z]*name|target|destination):\s*["']?%s["']?\s*(?:#.*)?$`
)

// makesSecret reports whether a file of the repository makes a Secret of a name.
func makesSecret(r *repo.Repo, name, chart string) (bool, error) {
	files, err := r.Files(".")
	if err != nil {
		return false, err
	}
	line := regexp.MustCompile(fmt.Sprintf(secretLine, regexp.QuoteMeta(name)))
	found := false
	for _, file := range files {
		if found || !mayRefer(file) {
			continue
		}
		r.Search(file, func(src []byte) {
			if !secretKind.Match(src) {
				return
			}
			found = line.Match(src) || bytes.Contains(src, []byte("{{")) && line.Match(chartInName.Get().ReplaceAllLiteral(src, []byte(chart)))
		})
	}
	return found, nil
}

// suppression is the comment that suppresses rules for the line below.
func suppression(a cue.Accepted) string {
	return "# redis-gitops:ignore " + strings.Join(a.Rules, ", ") + " -- " + a.Reason
}

// above writes a comment above a key of the entry.
func (e *entry) above(key, comment string) {
	values := e.value()
	for i := 0; i+1 < len(values.Content); i += 2 {
		if k := values.Content[i]; k.Value == key && values.Style&yaml.FlowStyle == 0 {
			lines := strings.SplitAfter(e.text, "\n")
			lines = slices.Insert(lines, k.Line-1, strings.Repeat(" ", k.Column-1)+comment+"\n")
			e.text = strings.Join(lines, "")
		}
	}
}

// annotate writes the suppressions as annotations of the operator's resource in a manifest.
func annotate(manifest, kind string, accepts []recordAccepts) (string, error) {
	if len(accepts) == 0 {
		return manifest, nil
	}
	var b strings.Builder
	from := 0
	ends := documentEnd.FindAllStringIndex(manifest, -1)
	for _, end := range append(ends, []int{len(manifest), len(manifest)}) {
		text := manifest[from:end[0]]
		var here []recordAccepts
		if m := kindLine.FindStringSubmatch(text); m != nil {
			here = acceptsOf(m[1], kind, accepts)
		}
		if len(here) > 0 {
			var entries strings.Builder
			for _, a := range here {
				entries.WriteString(finding.SuppressionPrefix + strings.ReplaceAll(a.Rule, "/", ".") + ": " + valueText(a.Reason) + "\n")
			}
			out, _, err := yamledit.AddEntry([]byte(text), []string{"metadata", "annotations"}, yamledit.Entry(entries.String()))
			if err != nil {
				return "", err
			}
			text = string(out)
		}
		b.WriteString(text + manifest[end[0]:end[1]])
		from = end[1]
	}
	return b.String(), nil
}

// acceptsOf returns those about resources of a kind; they are about the first kind unless they name one.
func acceptsOf(kind, first string, accepts []recordAccepts) (out []recordAccepts) {
	for _, a := range accepts {
		if cmp.Or(a.Kind, first) == kind {
			out = append(out, a)
		}
	}
	return out
}
