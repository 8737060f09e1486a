package lint

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/cue"
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

// A locator finds the places of violations in the resources of units, of which it keeps a few rendered.
type locator struct {
	*linter
	rendered map[*unit]*render.Result
}

// A locatedResource is a rendered resource with the nodes of its file.
type locatedResource struct {
	*unit
	chart    *render.Chart
	resource *render.Resource
	index    int
	name     finding.Resource
	parts    bool // a finding whose fix changes a part of a text is at that part
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
	f := l.finding(v, where, &at.name)
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

// place is where a path of a resource or document is in the source that a user edits.
type place struct {
	finding.Position
	endLine, endColumn int
	related            []finding.Related
}

// inResource turns a path of a rendered resource into the line to change: that of the value in values.yaml when the value alone
// makes it or it is a part of one that the template passes on, else that of the template or manifest. What is not there is at its
// nearest parent.
func inResource(r *render.Resource, path []string, atKey bool) place {
	key, value, found := nearest(r.Find, path)
	node := key
	if found && !atKey && value != nil && value.Kind == yaml.ScalarNode || node == nil {
		node = value
	}
	if node == nil {
		node = firstKey(r.Node)
	}
	origin := r.Origin(node)
	if found && node == value && origin.Alone && len(origin.Values) == 1 && origin.Values[0].At.Line > 0 {
		return atValue(origin, origin.Values[0].At, width(value))
	}
	if origin.Passed && origin.Values[0].Key.Line > 0 {
		if node == key {
			return atValue(origin, origin.Values[0].Key, width(key))
		}
		return atValue(origin, origin.Values[0].At, width(value))
	}
	// The template has the key, and the values have what is, or is missing, below it.
	if node == key && !atKey && value != nil && len(value.Content) > 0 {
		if below := r.Origin(value); below.Passed && below.Values[0].Key.Line > 0 {
			path := below.Values[0].Path
			return atValue(below, below.Values[0].Key, len(path[len(path)-1]))
		}
	}
	if len(path) == 1 && path[0] == "kind" && !atKey { // the resource as a whole
		if entry, ok := r.Entry(cue.ValuesKeys()); ok {
			return atValue(origin, entry.Key, len(entry.Path[1]))
		}
	}
	p := place{Position: origin.Source, endLine: origin.EndLine, endColumn: origin.EndColumn}
	if p.File == "" {
		p.File = r.File
	}
	for _, v := range origin.Values {
		if v.At.Line > 0 {
			p.related = append(p.related, finding.Related{Position: v.At, Message: "value set here"})
		}
	}
	return p
}

// atValue is the location of a value that a template uses.
func atValue(origin render.Origin, at finding.Position, width int) place {
	p := place{Position: at, endLine: at.Line, endColumn: at.Column + max(1, width)}
	if origin.Source.Line > 0 {
		p.related = append(p.related, finding.Related{Position: origin.Source, Message: "used here"})
	}
	return p
}

// inDocument does the same for a source document.
func inDocument(doc *repo.Document, path []string, atKey bool) place {
	key, value, found := nearest(func(path ...string) (*yaml.Node, *yaml.Node) { return findIn(doc.Node, path) }, path)
	node := key
	if found && !atKey && value != nil && value.Kind == yaml.ScalarNode || node == nil {
		node = value
	}
	if node == nil {
		node = firstKey(doc.Node)
	}
	return place{Position: doc.At(node), endLine: node.Line, endColumn: node.Column + max(1, width(node))}
}

// nearest looks a path up, and then its parents until one is there.
func nearest(find func(path ...string) (*yaml.Node, *yaml.Node), path []string) (key, value *yaml.Node, found bool) {
	for n := len(path); n > 0; n-- {
		if key, value := find(path[:n]...); value != nil {
			return key, value, n == len(path)
		}
	}
	return nil, nil, false
}

// findIn returns key and value at a path; the key of a list's item is nil.
func findIn(n *yaml.Node, path []string) (key, value *yaml.Node) {
	for i := range path {
		parent := repo.Lookup(n, path[:i]...)
		value = repo.Lookup(n, path[:i+1]...)
		if value == nil {
			return nil, nil
		}
		key = nil
		if parent.Kind == yaml.MappingNode {
			for j := 0; j+1 < len(parent.Content); j += 2 {
				if parent.Content[j].Value == path[i] {
					key, value = parent.Content[j], parent.Content[j+1]
				}
			}
		}
	}
	return key, value
}

// firstKey returns the first key of a mapping, else the node itself.
func firstKey(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.MappingNode && len(n.Content) > 0 {
		return n.Content[0]
	}
	return n
}

// width is how many columns a scalar takes in its first line.
func width(n *yaml.Node) int {
	if n == nil || n.Kind != yaml.ScalarNode {
		return 1
	}
	first, _, _ := strings.Cut(n.Value, "\n")
	w := utf8.RuneCountInString(first)
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		w += 2
	}
	return w
}

// mappings leaves out what was not kept as a resource.
func mappings(all []*render.Resource) []*render.Resource {
	return slices.DeleteFunc(slices.Clone(all), func(r *render.Resource) bool { return r.Node == nil || r.Node.Kind != yaml.MappingNode })
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

// documentsOf parses a file; the last one stays parsed, since violations come sorted by file.
func (l *linter) documentsOf(file string) []*repo.Document {
	if l.lastFile != file {
		l.lastFile = file
		l.lastDocuments, _ = l.repo.Documents(file) // readSource has reported what is wrong with it
	}
	return l.lastDocuments
}
