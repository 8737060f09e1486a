package lint

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// maxRendered is how many rendered units locate keeps at once.
const maxRendered = 16

// locate turns violations with resource ids and files into findings. It renders the units they are about once more.
func (l *linter) locate(ctx context.Context, violations []UserViolation) error {
	// The nodes of all units would fill the memory; violations come sorted by unit, so that a few are enough.
	slices.SortStableFunc(violations, func(a, b UserViolation) int {
		return cmp.Or(cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.File, b.File))
	})
	r := &locator{l, map[*unit]*render.Result{}}
	for i := range violations {
		v := &violations[i].Violation
		if !l.rules.on(v.Rule) || v.Strict && !l.rules.strict || l.missing().mayHold(v.Absent) { // before its unit is rendered
			continue
		}
		related, err := r.related(ctx, v)
		if err != nil {
			return err
		}
		f, fx, err := r.finding(ctx, v)
		if err != nil {
			return err
		}
		if f == nil {
			continue
		}
		f.Related = append(f.Related, related...)
		l.add(f)
		if fx != nil {
			l.located[f] = fx
			fx.tell(f)
		}
	}
	return nil
}

// resource returns the resource with an id, or nil and a failure of the rule that named it.
func (r *locator) resource(ctx context.Context, rule string, id int) (*locatedResource, error) {
	u, i, ok := r.resourceID(id)
	if !ok {
		r.failures = append(r.failures, unknownResource(rule, id))
		return nil, nil
	}
	res := r.rendered[u]
	if res == nil {
		var err error
		if res, err = u.render(ctx, r.linter); err != nil {
			return nil, err
		}
		if len(r.rendered) >= maxRendered {
			clear(r.rendered)
		}
		r.rendered[u] = res
	}
	return &locatedResource{u, res.Chart, mappings(res.Resources)[i], i, u.resources[i].Resource, false}, nil
}

// related returns the other places of a violation.
func (r *locator) related(ctx context.Context, v *policy.Violation) ([]finding.Related, error) {
	var related []finding.Related
	for _, p := range v.Related {
		if p.Resource >= 0 {
			at, err := r.resource(ctx, v.Rule, p.Resource)
			if err != nil {
				return nil, err
			}
			if at != nil {
				related = append(related, finding.Related{Position: inResource(at.resource, p.Path, false).Position, Message: p.Message})
			}
		} else if p.File != "" {
			related = append(related, finding.Related{Position: r.inFile(p.File, p.Document, p.Line, p.Path, false).Position, Message: p.Message})
		}
	}
	return related, nil
}

// finding returns the finding of a violation at its place, with its fix; nil if it is dropped.
func (r *locator) finding(ctx context.Context, v *policy.Violation) (*finding.Finding, *fix, error) {
	switch {
	case v.Resource >= 0:
		at, err := r.resource(ctx, v.Rule, v.Resource)
		if at == nil || err != nil {
			return nil, nil, err
		}
		f, fx := at.locate(r.linter, v)
		return f, fx, nil
	case v.File != "":
		f := r.linter.finding(v, r.inFile(v.File, v.Document, v.Line, v.Path, v.Key), nil)
		if f == nil || v.Fix == nil {
			return f, nil, nil
		}
		return f, r.planFileFix(v.File, v.Document, v.Fix), nil
	}
	return r.linter.finding(v, place{Position: finding.Position{File: cueConfigFile}}, nil), nil, nil
}

// locate returns the finding of a violation about the resource, with its fix; nil if it is dropped.
func (at *locatedResource) locate(l *linter, v *policy.Violation) (*finding.Finding, *fix) {
	if at.resource.Unknown(v.Path...) {
		return nil, nil // what Flux puts there the repository does not say
	}
	where := inResource(at.resource, v.Path, v.Key)
	var fx *fix
	if v.Fix != nil {
		fx = at.planFix(l, at.chart, at.resource, at.index, v.Fix)
		if at.parts && len(fx.edits) == 1 && fx.edits[0].part != nil {
			where = *fx.edits[0].part
		}
	}
	name := at.name // and not a pointer into at, with which the finding would keep all that its unit renders
	f := l.finding(v, where, &name)
	if f == nil {
		return nil, nil
	}
	return f, fx
}

// finding returns the finding of a violation at a place, or nil if the rule is off for that file. No other function creates findings.
func (l *linter) finding(v *policy.Violation, at place, resource *finding.Resource) *finding.Finding {
	level := l.rules.levels[v.Rule]
	if v.Strict && !l.rules.strict || !l.rules.on(v.Rule) || !l.rules.appliesTo(v.Rule, at.File) {
		return nil
	}
	if set := l.config.Rules[v.Rule].Severity; v.Severity != "" && set == "" {
		level = v.Severity
		if l.rules.strict && v.Severity == policy.Warning && l.rules.all[v.Rule].Strict == policy.Error {
			level = policy.Error
		}
	}
	severity, _ := level.Severity()
	return &finding.Finding{
		Rule: v.Rule, Severity: severity, Message: v.Message, Position: at.Position, EndLine: at.endLine, EndColumn: at.endColumn,
		Resource: resource, Path: v.Path, Related: at.related, Help: finding.HelpPage(v.Rule),
	}
}

// problemFinding returns the finding of a problem with a file or with rendering.
func (l *linter) problemFinding(p *finding.Problem) *finding.Finding {
	return l.fileFinding(ruleOf(p.Code), p)
}

// fileFinding returns the finding of a rule's problem with a file.
func (l *linter) fileFinding(rule string, p *finding.Problem) *finding.Finding {
	f := l.finding(policy.NewViolation(rule, finding.Violation{Message: p.Message}), place{Position: p.Position, related: slices.Clone(p.Related)}, nil)
	if f != nil && p.Path != "" {
		f.Path = strings.Split(p.Path, ".")
	}
	return f
}

// inFile locates a path in a source document, or a line of a file.
func (l *linter) inFile(file string, document, line int, path []string, atKey bool) place {
	if line > 0 {
		return place{Position: finding.Position{File: file, Line: line}}
	}
	if path != nil {
		for _, d := range l.documentsOf(file) {
			if d.Index == document {
				return inDocument(d, path, atKey)
			}
		}
	}
	return place{Position: finding.Position{File: file, Line: 1, Column: 1}}
}

// ruleOf returns the rule that reports a kind of problem with a file or with rendering.
func ruleOf(code finding.Code) string {
	switch code {
	case repo.CodeUnreadable:
		return "yaml/unreadable"
	case repo.CodeDuplicateKey:
		return "yaml/duplicate-key"
	case repo.CodeTab:
		return "yaml/tab"
	case render.CodeFails:
		return "val/render-fails"
	case render.CodeNotYAML:
		return "val/not-yaml"
	case render.CodeSchema:
		return "val/schema"
	}
	return "yaml/invalid"
}
