package diff

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
)

// Findings returns what rules have against the change from one side of a repository to the other, at lines of the new side. The
// severities are for the caller, who knows the levels of the rules.
func Findings(ctx context.Context, old, new Source, changed []string, config *cue.Config) ([]*finding.Finding, *Collected, error) {
	sides, err := Collect(ctx, old, new, changed, config)
	if err != nil {
		return nil, nil, err
	}
	operators, err := cue.Operators()
	if err != nil {
		return nil, nil, err
	}
	r, err := Compare(sides.Old, sides.New, operators)
	if err != nil {
		return nil, nil, err
	}
	var out []*finding.Finding
	for _, c := range r.Changes {
		if c.Rule != "" {
			at := c.head(new.Files, changed)
			out = append(out, &finding.Finding{
				Rule: c.Rule, Message: c.Message(), Position: at.Position, EndLine: at.EndLine, EndColumn: at.EndColumn, Resource: resourceOf(&c),
			})
		}
	}
	return out, sides, nil
}

// resourceOf returns the resource that a change is of; nil for an operator, which is none.
func resourceOf(c *Change) *finding.Resource {
	if c.Resource.APIVersion == "" {
		return nil
	}
	return &c.Resource
}

// Message returns the change with what happens and what to do, as findings have it.
func (c *Change) Message() string {
	text := c.Field()
	if c.Resource.APIVersion != "" && !strings.HasPrefix(c.Redis, c.Resource.Kind+" ") {
		text += " (" + c.Redis + ")"
	}
	text += ": " + c.Text
	if c.Do != "" {
		text += "; " + c.Do
	}
	return text
}

// left notes where the new side has the field of a change, or what it was in.
func (c *comparer) left(change *Change, m match, real []string) {
	if m.new < 0 {
		if d := c.old.Resources[m.old].Deployer; d != nil && !d.Gone {
			change.deployer = d.At
		}
		return
	}
	at := c.new.Resources[m.new].At
	for n := len(real); at != nil && n >= 0; n-- {
		if change.left = at(real[:n]); change.left.File != "" {
			return
		}
	}
}

// head returns a line of the new side: that of the field, of what it was in, or of the file, chart or object of Argo CD or Flux that
// brought what is gone.
func (c *Change) head(files, changed []string) Span {
	if c.left.File != "" {
		return c.left
	}
	has := map[string]bool{}
	for _, name := range files {
		has[name] = true
	}
	start := func(file string) Span { return Span{Position: finding.Position{File: file, Line: 1}} }
	for _, at := range []Span{c.At, {Position: c.deployer}} {
		switch {
		case !has[at.File]:
		case slices.Contains(changed, at.File): // the line may have another number
			return start(at.File)
		default:
			return at
		}
		if dir := path.Dir(at.File); at.Position == c.At.Position {
			for ; dir != "."; dir = path.Dir(dir) {
				for _, name := range []string{"values.yaml", "Chart.yaml", "kustomization.yaml", "kustomization.yml", "Kustomization"} {
					if file := path.Join(dir, name); has[file] {
						return start(file)
					}
				}
			}
		}
	}
	for _, name := range files { // beside it
		if isYAML(name) && path.Dir(name) == path.Dir(c.At.File) {
			return start(name)
		}
	}
	return Span{Position: finding.Position{File: "."}}
}
