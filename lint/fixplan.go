package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// meant is a change of what is rendered that a fix is for.
type meant struct {
	unit     string // as unit.id
	resource int    // of that unit
	edits    []policy.Edit
}

// makeFix plans every edit of a fix, or none.
func makeFix(f *policy.Fix, plan func(e policy.Edit) (*edit, error)) *fix {
	out := &fix{suggested: f.Suggested}
	var words []string
	for _, e := range f.Edits() {
		made, err := plan(e)
		if err != nil {
			return &fix{why: err.Error(), suggested: f.Suggested}
		}
		out.edits = append(out.edits, made)
		if !slices.Contains(words, made.words) {
			words = append(words, made.words)
		}
	}
	out.words = strings.Join(words, ", ")
	return out
}

// planFix finds the source lines that a fix of a resource changes.
func (u *unit) planFix(l *linter, chart *render.Chart, r *render.Resource, index int, f *policy.Fix) *fix {
	p := &planner{lint: l, chart: chart, resource: r}
	fx := makeFix(f, p.edit)
	fx.meant = []meant{{u.id, index, f.Edits()}}
	return fx
}

// planner finds the lines behind paths of one rendered resource.
type planner struct {
	lint     *linter
	chart    *render.Chart // nil for what is no chart
	resource *render.Resource
}

func isEmptyNode(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null" || n.Kind != yaml.ScalarNode && len(n.Content) == 0
}

// edit plans one edit. Whether it gives what is meant is not decided here but by rendering.
func (p *planner) edit(e policy.Edit) (*edit, error) {
	key, value, found := nearest(p.resource.Find, e.Path)
	switch {
	case value == nil || !found && e.Op != "add":
		return nil, errNothing
	case e.Op == "remove":
		return p.remove(key, value)
	case isEmptyNode(value):
		return p.fill(key, value, e.Path[depth(p.resource.Find, e.Path):], e.Value)
	case found && value.Kind == yaml.ScalarNode:
		return p.set(value, e.Value)
	case found || value.Kind == yaml.ScalarNode:
		return nil, fmt.Errorf("%s already has another value", strings.Join(e.Path, "."))
	}
	rest := e.Path[depth(p.resource.Find, e.Path):]
	if value.Kind == yaml.SequenceNode {
		if len(rest) != 1 || rest[0] != "-" {
			return nil, errNothing
		}
		return p.append(value.Content[len(value.Content)-1], e.Value)
	}
	if slices.Contains(rest, "-") {
		return nil, errNothing
	}
	return p.add(value.Content[0], rest, e.Value)
}

// byTemplate is the reason for text that a template makes of values in a way that cannot be followed.
func byTemplate(o render.Origin) error {
	return fmt.Errorf("%s computes this text from values in a way that cannot be traced; change it manually", o.Source)
}

// value returns the one value that a line is made of.
func (p *planner) value(o render.Origin) ([]string, *yaml.Node, bool) {
	if p.chart == nil || p.chart.Values == nil || len(o.Values) != 1 {
		return nil, nil, false
	}
	_, n := findIn(p.chart.Values, o.Values[0].Path)
	return o.Values[0].Path, n, true
}

func (p *planner) set(node *yaml.Node, to any) (*edit, error) {
	o := p.resource.Origin(node)
	if o.Alone && len(o.Values) == 1 && o.Values[0].At.Line > 0 {
		return setAt(o.Values[0].At, node, to), nil
	}
	if o.Literal && o.Source.Line > 0 {
		return setAt(o.Source, node, to), nil
	}
	if e := p.setPart(o, node, to); e != nil {
		return e, nil
	}
	path, was, ok := p.value(o)
	if !ok || was != nil && was.Kind == yaml.ScalarNode && was.Tag != "!!null" && was.Value != node.Value {
		return nil, byTemplate(o) // the value is a part of the text, or it is computed
	}
	return p.setValue(path, nil, to)
}

// setPart plans a change of the one value that is the part of a text to change, as in "maxmemory {{ .Values.maxmemory }}" and in
// "{{ .Values.image.repository }}:{{ .Values.image.tag }}"; nil if there is none.
func (p *planner) setPart(o render.Origin, node *yaml.Node, to any) *edit {
	text, isText := to.(string)
	if !isText || p.chart == nil || p.chart.Values == nil {
		return nil
	}
	var found *edit
	for _, v := range o.Values {
		_, was := findIn(p.chart.Values, v.Path)
		if was == nil || was.Kind != yaml.ScalarNode || was.Tag == "!!null" {
			continue
		}
		before, after, once := cutOnce(node.Value, was.Value)
		if !once || len(text) < len(before)+len(after) || !strings.HasPrefix(text, before) || !strings.HasSuffix(text, after) {
			continue
		}
		if found != nil {
			return nil
		}
		at := p.chart.ValueAt(was)
		found = setAt(at, was, likeNumber(was, strings.TrimSuffix(strings.TrimPrefix(text, before), after)))
		if len(o.Values) > 1 {
			value := atValue(o, at, width(was))
			found.part = &value
		}
	}
	return found
}

// likeNumber returns a text as a number, where the node that it replaces is one.
func likeNumber(was *yaml.Node, text string) any {
	if was.Tag != "!!int" || was.Style != 0 {
		return text
	}
	if n, err := strconv.Atoi(text); err == nil && strconv.Itoa(n) == text {
		return n
	}
	return text
}

// cutOnce cuts a text around a part that is in it once.
func cutOnce(text, part string) (before, after string, once bool) {
	if part == "" || strings.Count(text, part) != 1 {
		return "", "", false
	}
	before, after, _ = strings.Cut(text, part)
	return before, after, true
}

func (p *planner) remove(key, value *yaml.Node) (*edit, error) {
	node := key
	if node == nil {
		node = value
	}
	if value.Kind != yaml.ScalarNode {
		return nil, errInline
	}
	o := p.resource.Origin(node)
	if o.Literal && o.Source.Line > 0 {
		return removeLine(o.Source, value.Value), nil
	}
	if _, was, ok := p.value(o); ok && was != nil && was.Kind == yaml.ScalarNode && was.Value == value.Value {
		at := o.Values[0].At
		if key != nil {
			at = o.Values[0].Key
		}
		return removeLine(at, value.Value), nil
	}
	return nil, byTemplate(o)
}

// fill sets a value where there is null, [] or {}.
func (p *planner) fill(key, value *yaml.Node, rest []string, to any) (*edit, error) {
	if key == nil {
		return nil, errNothing
	}
	o := p.resource.Origin(key)
	if o.Literal && o.Source.Line > 0 && len(o.Values) == 0 {
		return fill(o.Source, key.Value, value.Value, p.resource.Origin(value).Source.Column, rest, to), nil
	}
	if path, _, ok := p.value(o); ok {
		return p.setValue(path, rest, to)
	}
	return nil, byTemplate(o)
}

func (p *planner) append(last *yaml.Node, item any) (*edit, error) {
	o := p.resource.Origin(last)
	if last.Kind != yaml.ScalarNode {
		return nil, errInline
	}
	if o.Literal && o.Source.Line > 0 {
		return appendItem(o.Source, item), nil
	}
	if path, was, ok := p.value(o); ok && was != nil && was.Kind == yaml.ScalarNode && len(path) > 0 {
		return appendItem(p.chart.ValueAt(was), item), nil
	}
	return nil, byTemplate(o)
}

// add puts an entry into the mapping whose first key is given.
func (p *planner) add(first *yaml.Node, rest []string, to any) (*edit, error) {
	o := p.resource.Origin(first)
	if !o.Literal || o.Source.Line == 0 {
		path, was, ok := p.value(o)
		if !ok || was == nil || len(path) == 0 || path[len(path)-1] != first.Value {
			return nil, byTemplate(o)
		}
		return p.setValue(path[:len(path)-1], rest, to)
	}
	if p.chart != nil {
		src, err := p.lint.repo.ReadFile(o.Source.File)
		if err != nil {
			return nil, err
		}
		if c := conditional(strings.Split(string(src), "\n"), o.Source.Line-1, rest[0]); c != nil {
			return p.satisfy(o, c, rest, to)
		}
	}
	return insertEntry(o.Source, first.Value, rest, to), nil
}

// satisfy sets the value that a template asks for before it writes an entry by itself.
func (p *planner) satisfy(o render.Origin, c *condition, rest []string, to any) (*edit, error) {
	why := fmt.Errorf("%s:%d renders %s under a condition; make the condition true", o.Source.File, c.line, rest[0])
	if c.path == nil || p.chart.Values == nil {
		return nil, why
	}
	switch text := strings.TrimSpace(c.text); {
	case len(rest) == 1 && text == scalar(to): // the template has the text, the value is a switch
		return p.setValue(c.path, nil, true)
	case c.read != nil:
		return p.setValue(c.read, rest[1:], to)
	case text == "" || strings.HasPrefix(text, "{{"): // the dot of with, or the value itself
		return p.setValue(c.path, rest[1:], to)
	}
	return nil, why
}

// setValue plans a change of a value of the chart, in the strongest file that sets it or a parent.
func (p *planner) setValue(path, rest []string, to any) (*edit, error) {
	full := slices.Concat(path, rest)
	find := func(path ...string) (*yaml.Node, *yaml.Node) { return findIn(p.chart.Values, path) }
	key, value, found := nearest(find, full)
	left := full[depth(find, full):]
	switch {
	case value == nil:
		root := p.chart.Values
		if root == nil || root.Kind != yaml.MappingNode || len(root.Content) == 0 {
			return nil, fmt.Errorf("no values file of the chart sets a value yet; add %s: %s to its values.yaml", strings.Join(full, "."), scalar(to))
		}
		return insertEntry(p.chart.ValueAt(root.Content[0]), root.Content[0].Value, full, to), nil
	case isEmptyNode(value) && key != nil:
		return fill(p.chart.ValueAt(key), key.Value, value.Value, p.chart.ValueAt(value).Column, left, to), nil
	case found && value.Kind == yaml.ScalarNode:
		return setAt(p.chart.ValueAt(value), value, to), nil
	case !found && value.Kind == yaml.MappingNode:
		return insertEntry(p.chart.ValueAt(value.Content[0]), value.Content[0].Value, left, to), nil
	}
	return nil, fmt.Errorf("the value %s has another form", strings.Join(full, "."))
}

// condition is what a template asks before it writes an entry.
type condition struct {
	line int      // of the entry
	path []string // the value that is asked for; nil when it is not one value alone
	text string   // behind the key
	read []string // the value that the text reads
}

var (
	control    = lazyregexp.New(`\{\{-?\s*(if|with|range|define|block|else|end)\b([^}]*)\}\}`)
	wholeValue = lazyregexp.New(`^\s*\$?\.Values\.([A-Za-z0-9_.]+)\s*-?$`)
	readsValue = lazyregexp.New(`^\{\{-?\s*(?:toYaml\s+)?\$?\.Values\.([A-Za-z0-9_.]+)\b`)
)

// conditional looks in a template for an entry beside the one at a line that is written under a condition which does not hold:
// what is there in the text and not in what is rendered. Inserting it would give the key twice where the condition holds.
func conditional(lines []string, at int, key string) *condition {
	indent := indentation(lines[at])
	entry := regexp.MustCompile(`(?:^\s*|\}\}\s*)["']?` + regexp.QuoteMeta(key) + `["']?\s*:(.*)$`)
	inside := func(i int) bool {
		text := strings.TrimSpace(lines[i])
		return text == "" || strings.HasPrefix(text, "#") || strings.HasPrefix(text, "{{") || indentation(lines[i]) >= indent
	}
	from, to := at, at
	for from > 0 && inside(from-1) {
		from--
	}
	for to+1 < len(lines) && inside(to+1) {
		to++
	}
	for i := from; i <= to; i++ {
		m := entry.FindStringSubmatch(lines[i])
		if i == at || m == nil || !strings.HasPrefix(strings.TrimSpace(lines[i]), "{{") && indentation(lines[i]) != indent {
			continue
		}
		c := &condition{line: i + 1, text: strings.TrimRight(m[1], " \t\r")}
		if end := control.FindStringIndex(c.text); end != nil {
			c.text = c.text[:end[0]]
		}
		if m := readsValue.FindStringSubmatch(strings.TrimSpace(c.text)); m != nil {
			c.read = strings.Split(m[1], ".")
		}
		c.path = innermost(lines, i, strings.Index(lines[i], key))
		return c
	}
	return nil
}

func indentation(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// innermost returns the value that the innermost if or with around a place asks for.
func innermost(lines []string, line, column int) []string {
	type open struct {
		kind, what string
		turned     bool // behind its else
	}
	var stack []open
	for i := 0; i <= line; i++ {
		for _, m := range control.FindAllStringSubmatchIndex(lines[i], -1) {
			if i == line && m[0] > column {
				break
			}
			switch kind := lines[i][m[2]:m[3]]; kind {
			case "end":
				if len(stack) > 0 {
					stack = stack[:len(stack)-1]
				}
			case "else":
				if len(stack) > 0 {
					stack[len(stack)-1].turned = true
				}
			default:
				stack = append(stack, open{kind: kind, what: lines[i][m[4]:m[5]]})
			}
		}
	}
	if len(stack) == 0 {
		return nil
	}
	o := stack[len(stack)-1]
	m := wholeValue.FindStringSubmatch(o.what)
	if o.turned || o.kind != "if" && o.kind != "with" || m == nil {
		return nil
	}
	return strings.Split(m[1], ".")
}

// depth is how many steps of a path are there.
func depth(find func(path ...string) (*yaml.Node, *yaml.Node), path []string) int {
	for n := len(path); n > 0; n-- {
		if _, value := find(path[:n]...); value != nil {
			return n
		}
	}
	return 0
}

// planFileFix is planFix for a source document.
func (l *linter) planFileFix(file string, document int, f *policy.Fix) *fix {
	for _, d := range l.documentsOf(file) {
		if d.Index == document {
			return makeFix(f, func(e policy.Edit) (*edit, error) { return documentEdit(d, e) })
		}
	}
	return &fix{why: errNothing.Error()}
}

func documentEdit(d *repo.Document, e policy.Edit) (*edit, error) {
	find := func(path ...string) (*yaml.Node, *yaml.Node) { return findIn(d.Node, path) }
	key, value, found := nearest(find, e.Path)
	rest := e.Path[depth(find, e.Path):]
	switch {
	case value == nil && e.Op == "add" && d.Node.Kind == yaml.MappingNode && len(d.Node.Content) > 0:
		return insertEntry(d.At(d.Node.Content[0]), d.Node.Content[0].Value, e.Path, e.Value), nil
	case value == nil || !found && e.Op != "add":
		return nil, errNothing
	case e.Op == "remove" && value.Kind == yaml.ScalarNode:
		if key == nil {
			key = value
		}
		return removeLine(d.At(key), value.Value), nil
	case e.Op != "remove" && isEmptyNode(value) && key != nil:
		return fill(d.At(key), key.Value, value.Value, d.At(value).Column, rest, e.Value), nil
	case found && value.Kind == yaml.ScalarNode:
		return setAt(d.At(value), value, e.Value), nil
	case e.Op == "add" && !found && value.Kind == yaml.MappingNode:
		return insertEntry(d.At(value.Content[0]), value.Content[0].Value, rest, e.Value), nil
	}
	return nil, errInline
}
