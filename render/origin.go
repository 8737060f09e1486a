package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
)

// places knows where the nodes of a resource come from.
type places interface {
	origin(r *Resource, n *yaml.Node) Origin
}

// Find gives the key and the value at a path of keys and decimal indexes, nil and nil where there is nothing. The
// elements of lists have no key.
func (r *Resource) Find(path ...string) (key, value *yaml.Node) { return find(r.Node, path...) }

// Origin reports where a node of the resource comes from. It is looked up when it is asked for, since most never are.
func (r *Resource) Origin(n *yaml.Node) Origin {
	if n == nil || r.from == nil {
		return Origin{Source: finding.Position{File: r.File}}
	}
	return r.from.origin(r, n)
}

// LineOrigin reports where the last word of a line of a text in a literal block comes from; line counts from 0. The zero value is unknown.
func (r *Resource) LineOrigin(text *yaml.Node, line int) Origin {
	lines := strings.Split(text.Value, "\n")
	if text.Style&yaml.LiteralStyle == 0 || line < 0 || line >= len(lines) {
		return Origin{}
	}
	at := text.Line + 1 + line
	switch f := r.from.(type) {
	case *manifestFile:
		src := lineOf(f.src, at)
		value := strings.TrimSpace(lines[line])
		i := strings.Index(src, value)
		if i < 0 {
			return Origin{}
		}
		return f.origin(r, &yaml.Node{Kind: yaml.ScalarNode, Value: value, Line: at, Column: utf8.RuneCountInString(src[:i]) + 1})
	case *renderedFile:
		words := strings.Fields(lines[line])
		if len(words) == 0 {
			return Origin{}
		}
		last := words[len(words)-1]
		src := lineOf(f.text, at)
		i := strings.LastIndex(src, last)
		if i < 0 {
			return Origin{}
		}
		return f.origin(r, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: last, Line: at, Column: utf8.RuneCountInString(src[:i]) + 1})
	}
	return Origin{}
}

// manifestFile is a file whose nodes are in their place.
type manifestFile struct {
	file string
	src  []byte
}

func (f *manifestFile) origin(_ *Resource, n *yaml.Node) Origin {
	o := Origin{Source: finding.Position{File: f.file, Line: n.Line, Column: n.Column}, Literal: true}
	o.EndLine, o.EndColumn = endOf(f.src, n)
	return o
}

// firstColumn returns the column of the first character of a line that is no blank.
func (f *renderedFile) firstColumn(line int) int {
	at := f.offset(line, 1)
	column := 1
	for at < len(f.text) && (f.text[at] == ' ' || f.text[at] == '\t') {
		at, column = at+1, column+1
	}
	return column
}

// position gives the origin of a node as far as it is known without the resource.
func (f *renderedFile) position(n *yaml.Node) Origin { return f.origin(nil, n) }

func (f *renderedFile) origin(r *Resource, n *yaml.Node) Origin {
	offset := f.offset(n.Line, n.Column)
	at := f.markAt(offset)
	if at < 0 {
		return Origin{Source: finding.Position{File: f.source.file}}
	}
	m := f.marks[at]
	s := f.run.sources[m.piece.source]
	where := int(m.piece.offset)
	if m.piece.kind == textPiece {
		where += offset - int(m.offset)
	}
	line := s.line(min(where, max(len(s.text)-1, 0)))
	text := s.lineText(line)
	o := Origin{
		Source:    finding.Position{File: s.file, Line: line, Column: utf8.RuneCountInString(text) - utf8.RuneCountInString(strings.TrimLeft(text, " \t")) + 1},
		EndLine:   line,
		EndColumn: utf8.RuneCountInString(strings.TrimRight(text, " \t")) + 1,
		Literal:   m.piece.kind == textPiece && s.facts.plainText(line),
	}
	if o.Literal && n.Kind == yaml.ScalarNode && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		for i := range strings.Count(n.Value, "\n") + 1 {
			o.Literal = o.Literal && s.facts.plainText(line+i)
		}
	}
	var shown []candidate
	for _, each := range s.facts.on(line) {
		path := f.elements(s, m, each.path)
		if !slices.ContainsFunc(shown, func(c candidate) bool { return slices.Equal(c.path, path) }) {
			shown = append(shown, candidate{path, each.plain})
		}
	}
	if m.piece.kind == actionPiece && r != nil {
		if path, ok := f.passedOn(r, n, at, s, shown); ok {
			o.Passed, shown = true, []candidate{{path: path}}
		} else if given := f.given(s.chart, n, shown); len(given) == 1 {
			shown = given
		}
	}
	for _, c := range shown {
		if len(c.path) == 0 {
			continue
		}
		v := ValueOrigin{Path: c.path}
		if file, key, value := f.run.whereIs(s.chart, c.path); value != nil {
			v.At = finding.Position{File: file, Line: value.Line, Column: value.Column}
			v.Key = v.At
			if key != nil {
				v.Key.Line, v.Key.Column = key.Line, key.Column
			}
		}
		o.Values = append(o.Values, v)
	}
	o.Alone = len(o.Values) == 1 && o.Values[0].At.File != "" && n.Kind == yaml.ScalarNode && f.inAction(at, offset) && f.is(s.chart, o.Values[0].Path, n)
	return o
}

// given returns those of the values that a line reads which are what a scalar is.
func (f *renderedFile) given(c *chart, n *yaml.Node, shown []candidate) []candidate {
	return slices.DeleteFunc(slices.Clone(shown), func(each candidate) bool {
		return !each.plain || n.Kind != yaml.ScalarNode || !f.is(c, each.path, n)
	})
}

// inAction reports whether what begins at an offset is what an action gave, in quotes or without.
func (f *renderedFile) inAction(at, offset int) bool {
	if f.marks[at].piece.kind == actionPiece {
		return true
	}
	return at+1 < len(f.marks) && int(f.marks[at+1].offset) == offset+1 && f.marks[at+1].piece.kind == actionPiece
}

// is reports whether a scalar is what a value is.
func (f *renderedFile) is(c *chart, path []string, n *yaml.Node) bool {
	v, ok := lookupValue(c.scope, path)
	if !ok {
		return false
	}
	switch v.(type) {
	case nil, map[string]any, []any:
		return false
	}
	return fmt.Sprint(v) == n.Value
}

// elements puts the element that a range was at into the place of the step that stands for it.
func (f *renderedFile) elements(s *source, m mark, path []string) []string {
	if !slices.ContainsFunc(path, isElement) {
		return path
	}
	path = slices.Clone(path)
	for i, step := range path {
		if !isElement(step) {
			continue
		}
		loop, _ := strconv.Atoi(step[len(elementStep):])
		loop += int(s.loops)
		round := -1
		if m.rounds >= 0 && loop < int(f.saved[m.rounds]) {
			round = int(f.saved[int(m.rounds)+1+loop])
		}
		v, _ := lookupValue(s.chart.scope, path[:i])
		switch v := v.(type) {
		case []any:
			if round >= 0 && round < len(v) {
				path[i] = strconv.Itoa(round)
				continue
			}
		case map[string]any:
			if keys := sortedKeys(v); round >= 0 && round < len(keys) {
				path[i] = keys[round]
				continue
			}
		}
		return path[:i]
	}
	return path
}

// Entry returns the mapping in the values that a generated template makes its resources of, such as resources.redis: the one below one
// of the given keys that the template reads. A template that no generator wrote has none.
func (r *Resource) Entry(keys []string) (ValueOrigin, bool) {
	f, ok := r.from.(*renderedFile)
	if !ok || !strings.Contains(f.source.text, exampleHeader) {
		return ValueOrigin{}, false
	}
	var entry []string
	for _, read := range f.source.facts.reads {
		if len(read.path) < 2 || !slices.Contains(keys, read.path[0]) {
			continue
		}
		if entry != nil && !slices.Equal(entry, read.path[:2]) {
			return ValueOrigin{}, false
		}
		entry = read.path[:2]
	}
	file, key, value := f.run.whereIs(f.source.chart, entry)
	if key == nil {
		return ValueOrigin{}, false
	}
	return ValueOrigin{
		Path: entry, At: finding.Position{File: file, Line: value.Line, Column: value.Column},
		Key: finding.Position{File: file, Line: key.Line, Column: key.Column},
	}, true
}

// whereIs returns the file and the nodes that set a value of a chart: of the strongest of those that do.
func (cr *chartRun) whereIs(c *chart, path []string) (file string, key, value *yaml.Node) {
	if len(path) == 0 {
		return "", nil, nil
	}
	if c.parent == nil {
		if file, key, value = lastOf(cr.given, path); value != nil {
			return file, key, value
		}
	} else {
		if path[0] == "global" {
			if file, key, value = cr.whereIs(c.parent, path); value != nil {
				return file, key, value
			}
		}
		if file, key, value = cr.whereIs(c.parent, append([]string{c.name}, path...)); value != nil {
			return file, key, value
		}
	}
	if file, key, value = c.ownValue(path); value != nil {
		return file, key, value
	}
	for _, i := range slices.Backward(c.imports) {
		if len(path) > len(i.at) && slices.Equal(path[:len(i.at)], i.at) {
			if file, key, value = lastOf(i.child.own, append(slices.Clip(i.from), path[len(i.at):]...)); value != nil {
				return file, key, value
			}
		}
	}
	return "", nil, nil
}

// ownValue returns what a chart, or the subchart whose values the path leads to, sets by itself.
func (c *chart) ownValue(path []string) (file string, key, value *yaml.Node) {
	if file, key, value = lastOf(c.own, path); value != nil || len(path) < 2 {
		return file, key, value
	}
	for _, d := range c.deps {
		if d.name == path[0] {
			return d.ownValue(path[1:])
		}
	}
	return "", nil, nil
}

func lastOf(files []ValueFile, path []string) (string, *yaml.Node, *yaml.Node) {
	for _, f := range slices.Backward(files) {
		if key, value := find(f.Node, path...); value != nil {
			return f.Position.File, key, value
		}
	}
	return "", nil, nil
}

// setAt names the file in which a value can be set: where what is around it is set, or else the chart's values.yaml.
func (cr *chartRun) setAt(c *chart, path []string) string {
	for n := len(path); n > 0; n-- {
		if file, _, value := cr.whereIs(c, path[:n]); value != nil {
			return file
		}
	}
	return c.root().dir + "/values.yaml"
}

// source returns a template file by the name that Helm calls it.
func (cr *chartRun) source(name string) *source {
	for _, s := range cr.sources {
		if s.name == name {
			return s
		}
	}
	return nil
}

// Texts returns what each file of templates of a chart gave, by the name that Helm has for it: chart/templates/file.
func (r *Result) Texts() map[string]string {
	texts := make(map[string]string, len(r.texts))
	for _, f := range r.texts {
		texts[f.source.name] = string(f.text)
	}
	return texts
}

// exampleHeader begins the values that a generator's comment shows (generators/resources/redis.yaml of Reclaim the Stack).
const exampleHeader = "# Example values.yaml:"
