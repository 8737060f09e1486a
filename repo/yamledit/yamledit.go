// Package yamledit changes YAML text by splicing bytes, and proves that only the meant value changed.
//
// Nothing is ever serialised anew: every library that does so changes comments, blank lines, quoting or line endings of
// lines that nobody meant to change. An edit takes positions from the parsed nodes, replaces or inserts bytes there, parses
// the result again and compares it with what the edit was meant to give. Where the two differ (an anchor that is used
// elsewhere, say) the edit is refused with [ErrUnproven] and nothing is changed.
//
// All functions take and give whole files. A path names mapping keys from the root of the file's only document.
package yamledit

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ErrUnproven reports that an edit would have changed something that it was not meant to change, or that its place cannot be
// found for certain. The file must then be edited by hand.
var ErrUnproven = errors.New("cannot be changed without changing something else")

// A TypeError says that the value at a path is not of the kind that the edit needs.
type TypeError struct {
	Path         []string
	Want, Have   string // "mapping", "sequence", "scalar", "alias"
	Line, Column int
}

func (e *TypeError) Error() string {
	return fmt.Sprintf("expected a %s, found %s %s", e.Want, article(e.Have), e.Have)
}

func article(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an"
	}
	return "a"
}

// An Edit says what a function did to the bytes: at Offset it replaced Removed by Inserted. Undo is the same edit turned round.
type Edit struct {
	Offset            int
	Removed, Inserted string
}

// Entry is a mapping entry or list items as text: lines that stand at the left margin, with LF ends and the last one
// complete. Comments among the lines come along.
type Entry string

// AddEntry adds the entries of text (one mapping entry or several, with their comments) at the end of the mapping at path.
// A mapping that is missing, null or {} becomes a block mapping; a flow mapping gets flow entries and loses the comments of
// text. Line ends and the width of indentation follow the file.
func AddEntry(src []byte, path []string, text Entry) ([]byte, Edit, error) {
	return add(src, path, text, yaml.MappingNode)
}

// AddItems adds the list items of text at the end of the list at path, as AddEntry does for mappings.
func AddItems(src []byte, path []string, text Entry) ([]byte, Edit, error) {
	return add(src, path, text, yaml.SequenceNode)
}

// PrependEntry adds entries before the first entry of the file's root mapping, after the comments at its top.
func PrependEntry(src []byte, text Entry) ([]byte, Edit, error) {
	f, err := parse(src)
	if err != nil {
		return nil, Edit{}, err
	}
	root := f.root()
	if root == nil || isNull(root) || root.Style&yaml.FlowStyle != 0 || len(root.Content) == 0 {
		return AddEntry(src, nil, text)
	}
	at := f.offset(root.Content[0].Line, 1)
	e := Edit{Offset: at, Inserted: f.toEOL(string(text))}
	want := expand(root)
	addition := contentOf(text, yaml.MappingNode)
	want.Content = append(append([]*yaml.Node{}, addition...), want.Content...)
	return f.prove(e, want)
}

// PrependItems adds list items before the first item of a block list that has some.
func PrependItems(src []byte, path []string, text Entry) ([]byte, Edit, error) {
	f, node, err := parseAt(src, path)
	if err != nil {
		return nil, Edit{}, err
	}
	if node == nil || isNull(node) || node.Style&yaml.FlowStyle != 0 || len(node.Content) == 0 {
		return AddItems(src, path, text)
	}
	if node.Kind != yaml.SequenceNode {
		return nil, Edit{}, f.typeError(path, "sequence", node)
	}
	line := node.Content[0].Line
	want := expand(f.root())
	list := get(want, path)
	list.Content = append(contentOf(text, yaml.SequenceNode), list.Content...)
	margin := strings.Repeat(" ", f.indent(line))
	return f.prove(Edit{Offset: f.lineStart(line), Inserted: f.toEOL(indent(string(text), margin))}, want)
}

// SetScalar replaces the scalar at path by text, which is written as it stands. Comments on the line stay.
func SetScalar(src []byte, path []string, text string) ([]byte, Edit, error) {
	f, node, err := parseAt(src, path)
	if err != nil {
		return nil, Edit{}, err
	}
	if node == nil {
		return nil, Edit{}, fmt.Errorf("%s: not found: %w", strings.Join(path, "."), ErrUnproven)
	}
	if node.Kind != yaml.ScalarNode {
		return nil, Edit{}, f.typeError(path, "scalar", node)
	}
	start, end, ok := f.scalarSpan(node)
	if !ok {
		return nil, Edit{}, fmt.Errorf("line %d: a multi-line scalar %w", node.Line, ErrUnproven)
	}
	inserted := text
	if start == end && start > 0 && src[start-1] == ':' {
		inserted = " " + text
	}
	var value yaml.Node
	if err := yaml.Unmarshal([]byte(text), &value); err != nil || len(value.Content) != 1 {
		return nil, Edit{}, fmt.Errorf("%q is not a scalar: %w", text, ErrUnproven)
	}
	want := expand(f.root())
	*get(want, path) = *value.Content[0]
	return f.prove(Edit{Offset: start, Removed: string(f.src[start:end]), Inserted: inserted}, want)
}

// RemoveEntry removes the lines of the mapping entry at path. The last entry of a mapping leaves {}. Comments above the entry
// stay: they may belong to the entry before.
func RemoveEntry(src []byte, path []string) ([]byte, Edit, error) {
	f, parent, err := parseAt(src, path[:len(path)-1])
	if err != nil {
		return nil, Edit{}, err
	}
	if parent == nil || parent.Kind != yaml.MappingNode {
		return nil, Edit{}, fmt.Errorf("%s: not found: %w", strings.Join(path, "."), ErrUnproven)
	}
	for i := 0; i < len(parent.Content); i += 2 {
		if parent.Content[i].Value == path[len(path)-1] {
			return f.remove(parent, path[:len(path)-1], i, 2)
		}
	}
	return nil, Edit{}, fmt.Errorf("%s: not found: %w", strings.Join(path, "."), ErrUnproven)
}

// RemoveItem removes the lines of the list item with the given index from the list at path, as RemoveEntry does.
// The last item of a list leaves [].
func RemoveItem(src []byte, path []string, index int) ([]byte, Edit, error) {
	f, parent, err := parseAt(src, path)
	if err != nil {
		return nil, Edit{}, err
	}
	if parent == nil || parent.Kind != yaml.SequenceNode || index >= len(parent.Content) {
		return nil, Edit{}, fmt.Errorf("%s: item %d not found: %w", strings.Join(path, "."), index, ErrUnproven)
	}
	return f.remove(parent, path, index, 1)
}

// Replace makes one edit of bytes and proves that the file still parses and that nothing differs outside of paths.
func Replace(src []byte, e Edit, paths ...[]string) ([]byte, error) {
	if e.Offset+len(e.Removed) > len(src) || string(src[e.Offset:e.Offset+len(e.Removed)]) != e.Removed {
		return nil, ErrUnproven
	}
	out := splice(src, e)
	before, err := parse(src)
	if err != nil {
		return nil, err
	}
	after, err := parse(out)
	if err != nil {
		return nil, ErrUnproven
	}
	a, b := expand(before.root()), expand(after.root())
	for _, p := range paths {
		a, b = without(a, p), without(b, p)
	}
	// A file that holds nothing but what may differ says the same as an empty one.
	for _, root := range []**yaml.Node{&a, &b} {
		if *root != nil && (*root).Kind == yaml.MappingNode && len((*root).Content) == 0 {
			*root = nil
		}
	}
	if !equal(a, b) {
		return nil, ErrUnproven
	}
	return out, nil
}

func splice(src []byte, e Edit) []byte {
	out := make([]byte, 0, len(src)-len(e.Removed)+len(e.Inserted))
	out = append(out, src[:e.Offset]...)
	out = append(out, e.Inserted...)
	return append(out, src[e.Offset+len(e.Removed):]...)
}

// add finds the form in which the collection at path stands in the file and adds text to it in that form.
func add(src []byte, path []string, text Entry, kind yaml.Kind) ([]byte, Edit, error) {
	f, err := parse(src)
	if err != nil {
		return nil, Edit{}, err
	}
	addition := contentOf(text, kind)
	want := expand(f.root())
	if want == nil {
		want = &yaml.Node{Kind: yaml.MappingNode}
	}
	if isNull(want) {
		*want = yaml.Node{Kind: yaml.MappingNode}
	}
	grown, err := f.grow(want, path, kind)
	if err != nil {
		return nil, Edit{}, err
	}
	if len(addition) == 0 {
		return nil, Edit{}, fmt.Errorf("the text to add is not a %s: %w", kindName(kind), ErrUnproven)
	}
	for i := 0; kind == yaml.MappingNode && i < len(addition); i += 2 {
		if value(grown, addition[i].Value) != nil {
			return nil, Edit{}, fmt.Errorf("%s already exists: %w", strings.Join(append(path, addition[i].Value), "."), ErrUnproven)
		}
	}
	grown.Content = append(grown.Content, addition...)

	node, err := f.find(path)
	if err != nil {
		return nil, Edit{}, err
	}
	var edits []Edit
	switch {
	case node == nil:
		return f.addMissing(path, text, kind, want)
	case node.Kind == yaml.AliasNode:
		return nil, Edit{}, f.typeError(path, kindName(kind), node)
	case isNull(node) && len(path) == 0:
		edits = []Edit{f.atEnd(string(text))}
	case isNull(node):
		edits = f.intoNull(node, path, text)
	case node.Kind != kind:
		return nil, Edit{}, f.typeError(path, kindName(kind), node)
	case node.Style&yaml.FlowStyle != 0 && len(node.Content) == 0:
		edits = f.intoEmptyFlow(node, path, text)
	case node.Style&yaml.FlowStyle != 0:
		edits = f.intoFlow(node, addition)
	default:
		edits = f.intoBlock(node, path, text, kind)
	}
	// The first text that proves right is taken: the one that follows the file's indentation, then the one as it came.
	for _, e := range edits {
		if out, done, err := f.prove(e, want); err == nil {
			return out, done, nil
		}
	}
	return nil, Edit{}, f.unproven(path, node)
}

func (f *file) unproven(path []string, node *yaml.Node) error {
	where := strings.Join(path, ".")
	if where == "" {
		where = "the file"
	}
	if node != nil {
		return fmt.Errorf("line %d: %s %w", node.Line, where, ErrUnproven)
	}
	return fmt.Errorf("%s %w", where, ErrUnproven)
}

// grow returns the collection at path of the expanded tree, made where it is missing or null.
func (f *file) grow(root *yaml.Node, path []string, kind yaml.Kind) (*yaml.Node, error) {
	node := root
	for i, key := range path {
		if node.Kind != yaml.MappingNode {
			return nil, f.typeError(path[:i], "mapping", node)
		}
		child := value(node, key)
		if child == nil {
			child = &yaml.Node{Kind: yaml.MappingNode}
			node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, child)
		}
		if isNull(child) {
			*child = yaml.Node{Kind: yaml.MappingNode, Line: child.Line, Column: child.Column}
		}
		if i == len(path)-1 && len(child.Content) == 0 && child.Kind != yaml.ScalarNode {
			// An empty collection of the other kind is still the wrong kind: {} is no list.
			if orig, err := f.find(path); err == nil && orig != nil && !isNull(orig) && orig.Kind != kind && orig.Kind != yaml.AliasNode {
				return nil, f.typeError(path, kindName(kind), orig)
			}
			child.Kind = kind
		}
		node = child
	}
	if node.Kind != kind {
		return nil, f.typeError(path, kindName(kind), node)
	}
	return node, nil
}

// addMissing adds the collection at path, none of which is there, to the nearest parent that is.
func (f *file) addMissing(path []string, text Entry, kind yaml.Kind, want *yaml.Node) ([]byte, Edit, error) {
	n := 0 // how many keys of path are there
	for n < len(path) {
		node, err := f.find(path[:n+1])
		if err != nil {
			return nil, Edit{}, err
		}
		if node == nil {
			break
		}
		n++
	}
	step := strings.Repeat(" ", f.step())
	block := string(text)
	for i := len(path) - 1; i >= n; i-- {
		block = key(path[i]) + ":\n" + indent(block, step)
	}
	if n == 0 && f.root() == nil {
		return f.prove(f.atEnd(block), want)
	}
	out, e, err := add(f.src, path[:n], Entry(block), yaml.MappingNode)
	if err != nil {
		return nil, Edit{}, err
	}
	return out, e, nil
}

// atEnd adds text after the last line of the file, which gets an end when it has none.
func (f *file) atEnd(text string) Edit {
	text = f.toEOL(text)
	if n := len(f.src); n > 0 && f.src[n-1] != '\n' && f.src[n-1] != '\r' && len(f.body()) > 0 {
		text = f.eol + strings.TrimSuffix(text, f.eol)
	}
	return Edit{Offset: len(f.src), Inserted: text}
}

// intoBlock adds text as lines after the last line of a block collection.
func (f *file) intoBlock(node *yaml.Node, path []string, text Entry, kind yaml.Kind) []Edit {
	margin := strings.Repeat(" ", node.Column-1)
	switch first := node.Content[0]; {
	case kind == yaml.MappingNode:
		margin = strings.Repeat(" ", first.Column-1)
	case node.Line < first.Line: // the position is that of an anchor or tag on the key's line
		margin = strings.Repeat(" ", f.indent(first.Line))
	}
	line := f.lastLine(node)
	// Comments at the depth of the entries belong to them; at the parent's depth they may belong to what follows.
	if len(path) == 0 || len(margin) > f.keyColumn(path)-1 {
		for line < len(f.lines) && f.isComment(line+1) && f.indent(line+1) >= len(margin) && len(margin) > 0 {
			line++
		}
	}
	var edits []Edit
	if len(path) == 0 && margin == "" {
		edits = append(edits, f.atEnd(string(text)))
	}
	edits = append(edits, f.linesAfter(line, margin, text)...)
	if kind == yaml.MappingNode {
		// A file that ends inside a literal scalar without a line end takes nothing after it: its text would change.
		first := f.lineStart(node.Content[0].Line)
		edits = append(edits, Edit{Offset: first, Inserted: f.toEOL(indent(string(text), margin))})
	}
	return edits
}

// intoNull adds text below a key whose value is null: nothing, ~ or null.
func (f *file) intoNull(node *yaml.Node, path []string, text Entry) []Edit {
	start, end, ok := f.scalarSpan(node)
	if !ok {
		return nil
	}
	return f.below(path, start, end, text)
}

// intoEmptyFlow adds text below a key whose value is {} or [].
func (f *file) intoEmptyFlow(node *yaml.Node, path []string, text Entry) []Edit {
	start := f.offset(node.Line, node.Column)
	// The position is that of an anchor or tag where there is one; they stay.
	for start < len(f.src) && f.src[start] != '{' && f.src[start] != '[' {
		start++
	}
	end, ok := f.flowEnd(start)
	if !ok || strings.ContainsAny(string(f.src[start:end]), "#\n\r") {
		return nil
	}
	if len(path) == 0 {
		return []Edit{{Offset: start, Removed: string(f.src[start:end]), Inserted: strings.TrimSuffix(f.toEOL(string(text)), f.eol)}}
	}
	return f.below(path, start, end, text)
}

// below takes the value src[start:end] away and adds text as lines below, deeper than the key of path.
func (f *file) below(path []string, start, end int, text Entry) []Edit {
	lineEnd := f.lineEnd(end)
	rest := string(f.src[end:lineEnd])
	from := start
	if strings.TrimSpace(rest) == "" {
		// The value was the last thing on its line: the blanks before it go too.
		for from > 0 && (f.src[from-1] == ' ' || f.src[from-1] == '\t') {
			from--
		}
		rest = ""
	} else if start != end {
		rest = strings.TrimPrefix(rest, " ")
	}
	margin := strings.Repeat(" ", f.keyColumn(path)-1+f.step())
	var edits []Edit
	for _, block := range f.variants(text) {
		inserted := rest + f.eol + f.toEOL(indent(block, margin))
		if after := f.afterBreak(lineEnd); after > lineEnd {
			edits = append(edits, Edit{Offset: from, Removed: string(f.src[from:after]), Inserted: inserted})
		} else {
			edits = append(edits, Edit{Offset: from, Removed: string(f.src[from:]), Inserted: strings.TrimSuffix(inserted, f.eol)})
		}
	}
	return edits
}

// intoFlow adds entries after the last entry of a flow collection.
func (f *file) intoFlow(node *yaml.Node, addition []*yaml.Node) []Edit {
	start := f.offset(node.Line, node.Column)
	for start < len(f.src) && f.src[start] != '{' && f.src[start] != '[' {
		start++
	}
	end, ok := f.flowEnd(start)
	if !ok {
		return nil
	}
	at := end - 1 // the closing bracket
	for at > start && strings.ContainsRune(" \t\r\n", rune(f.src[at-1])) {
		at--
	}
	if f.inComment(at) {
		return nil
	}
	sep := ", "
	if f.src[at-1] == ',' {
		sep = " "
	}
	text, err := flowText(addition, node.Kind)
	if err != nil {
		return nil
	}
	return []Edit{{Offset: at, Inserted: sep + text}}
}

// linesAfter adds text as whole lines after the given line.
func (f *file) linesAfter(line int, margin string, text Entry) []Edit {
	at := f.afterBreak(f.lineEnd(f.lineStart(line)))
	var edits []Edit
	for _, block := range f.variants(text) {
		inserted := f.toEOL(indent(block, margin))
		if at == f.lineEnd(f.lineStart(line)) { // the last line of the file has no end, and keeps none
			inserted = f.eol + strings.TrimSuffix(inserted, f.eol)
		}
		edits = append(edits, Edit{Offset: at, Inserted: inserted})
	}
	return edits
}

// variants returns text with the file's own width of indentation, and text as it is.
func (f *file) variants(text Entry) []string {
	own := f.step()
	if own == 2 {
		return []string{string(text)}
	}
	return []string{widen(string(text), own), string(text)}
}

// remove takes n nodes from index on out of a collection, a whole entry or item.
func (f *file) remove(parent *yaml.Node, path []string, index, n int) ([]byte, Edit, error) {
	want := expand(f.root())
	target := get(want, path)
	target.Content = append(append([]*yaml.Node{}, target.Content[:index]...), target.Content[index+n:]...)
	first := parent.Content[index]
	last := parent.Content[index+n-1]
	if parent.Style&yaml.FlowStyle != 0 {
		return f.removeFlow(parent, index, n, want)
	}
	if len(parent.Content) == n {
		return f.removeLast(parent, path, want)
	}
	start, end := f.lineStart(first.Line), f.afterBreak(f.lineEnd(f.lineStart(f.lastLine(last))))
	e := Edit{Offset: start, Removed: string(f.src[start:end])}
	if end == len(f.src) && start > 0 && !strings.HasSuffix(e.Removed, "\n") {
		// The last line had no end: neither has the new last line.
		cut := start - len(f.breakBefore(start))
		e = Edit{Offset: cut, Removed: string(f.src[cut:end])}
	}
	return f.prove(e, want)
}

// removeLast empties a block collection: its lines go, and the key above gets {} or [].
func (f *file) removeLast(parent *yaml.Node, path []string, want *yaml.Node) ([]byte, Edit, error) {
	if len(path) == 0 {
		return nil, Edit{}, f.unproven(path, parent)
	}
	empty := " {}"
	if parent.Kind == yaml.SequenceNode {
		empty = " []"
	}
	k := f.keyNode(path)
	if k == nil || k.Line >= parent.Content[0].Line {
		return nil, Edit{}, f.unproven(path, parent)
	}
	keyEnd := f.offset(k.Line, k.Column)
	colon := strings.IndexByte(string(f.src[keyEnd:f.lineEnd(keyEnd)]), ':')
	if colon < 0 {
		return nil, Edit{}, f.unproven(path, parent)
	}
	from := keyEnd + colon + 1
	keyLineEnd := f.lineEnd(from)
	// What stands on the key's line (an anchor, a comment) stays, in front of or behind the new value.
	rest := string(f.src[from:keyLineEnd])
	head, comment := rest, ""
	if i := strings.Index(rest, "#"); i >= 0 {
		head, comment = rest[:i], rest[i:]
	}
	head = strings.TrimRight(head, " \t")
	if comment != "" {
		comment = " " + comment
	}
	bodyStart := f.lineStart(parent.Content[0].Line)
	bodyEnd := f.lineEnd(f.lineStart(f.lastLine(parent)))
	between := string(f.src[keyLineEnd:bodyStart]) // comments between the key and its first entry stay
	e := Edit{Offset: from, Removed: string(f.src[from:bodyEnd]), Inserted: head + empty + comment + strings.TrimSuffix(between, f.eol)}
	return f.prove(e, want)
}

// removeFlow removes an entry of a flow collection with the comma before it, or after it when it is the first.
func (f *file) removeFlow(parent *yaml.Node, index, n int, want *yaml.Node) ([]byte, Edit, error) {
	first, last := parent.Content[index], parent.Content[index+n-1]
	start := f.offset(first.Line, first.Column)
	end, ok := f.valueEnd(last)
	if !ok {
		return nil, Edit{}, f.unproven(nil, parent)
	}
	if index > 0 {
		for start > 0 && f.src[start-1] != ',' {
			start--
		}
		start--
	} else if index+n < len(parent.Content) {
		next := parent.Content[index+n]
		end = f.offset(next.Line, next.Column)
	}
	return f.prove(Edit{Offset: start, Removed: string(f.src[start:end])}, want)
}

// prove makes the edit and checks that the file then says what want says, and nothing else.
func (f *file) prove(e Edit, want *yaml.Node) ([]byte, Edit, error) {
	out := splice(f.src, e)
	after, err := parse(out)
	if err != nil || !equal(want, expand(after.root())) {
		return nil, Edit{}, ErrUnproven
	}
	return out, e, nil
}
