package yamledit

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ReplaceEntry puts the one mapping entry of text in the place of the entry at path, which has the same key.
// Comments of text that stand above the old entry already are not written twice.
func ReplaceEntry(src []byte, path []string, text Entry) ([]byte, Edit, error) {
	parentPath, name := path[:len(path)-1], path[len(path)-1]
	f, parent, err := parseAt(src, parentPath)
	if err != nil {
		return nil, Edit{}, err
	}
	addition := contentOf(text, yaml.MappingNode)
	if parent == nil || parent.Kind != yaml.MappingNode || len(addition) != 2 || addition[0].Value != name {
		return nil, Edit{}, fmt.Errorf("%s: not found: %w", strings.Join(path, "."), ErrUnproven)
	}
	for i := 0; i < len(parent.Content); i += 2 {
		if parent.Content[i].Value == name {
			return f.replace(parent, parentPath, i, addition, text)
		}
	}
	return nil, Edit{}, fmt.Errorf("%s: not found: %w", strings.Join(path, "."), ErrUnproven)
}

// ReplaceItem puts the one item of text in the place of the list item with the given index, as ReplaceEntry does.
func ReplaceItem(src []byte, path []string, index int, text Entry) ([]byte, Edit, error) {
	f, list, err := parseAt(src, path)
	if err != nil {
		return nil, Edit{}, err
	}
	addition := contentOf(text, yaml.SequenceNode)
	if list == nil || list.Kind != yaml.SequenceNode || index < 0 || index >= len(list.Content) || len(addition) != 1 {
		return nil, Edit{}, fmt.Errorf("%s: item %d not found: %w", strings.Join(path, "."), index, ErrUnproven)
	}
	return f.replace(list, path, index, addition, text)
}

// InsertItems adds list items before the item with the given index, and before the comments that belong to that item.
func InsertItems(src []byte, path []string, index int, text Entry) ([]byte, Edit, error) {
	f, list, err := parseAt(src, path)
	if err != nil {
		return nil, Edit{}, err
	}
	if list == nil || list.Kind != yaml.SequenceNode || index < 0 || index >= len(list.Content) {
		return nil, Edit{}, fmt.Errorf("%s: item %d not found: %w", strings.Join(path, "."), index, ErrUnproven)
	}
	addition := contentOf(text, yaml.SequenceNode)
	want := expand(f.root())
	target := get(want, path)
	target.Content = slices.Insert(target.Content, index, addition...)
	item := list.Content[index]
	if list.Style&yaml.FlowStyle != 0 {
		inside, err := flowText(addition, yaml.SequenceNode)
		if err != nil {
			return nil, Edit{}, f.unproven(path, list)
		}
		return f.prove(Edit{Offset: f.offset(item.Line, item.Column), Inserted: inside + ", "}, want)
	}
	line := item.Line
	for line > 1 && f.isComment(line-1) && f.indent(line-1) == f.indent(item.Line) {
		line--
	}
	at := f.lineStart(line)
	margin := strings.Repeat(" ", f.indent(item.Line))
	return f.first(at, at, margin, text, want, path, list)
}

// replace puts addition, which is what text says, in the place of the entry or item that begins at parent.Content[index].
func (f *file) replace(parent *yaml.Node, path []string, index int, addition []*yaml.Node, text Entry) ([]byte, Edit, error) {
	want := expand(f.root())
	target := get(want, path)
	copy(target.Content[index:], addition)
	first, last := parent.Content[index], parent.Content[index+len(addition)-1]
	if parent.Style&yaml.FlowStyle != 0 {
		start := f.offset(first.Line, first.Column)
		end, ok := f.valueEnd(last)
		inside, err := flowText(addition, parent.Kind)
		if !ok || err != nil {
			return nil, Edit{}, f.unproven(path, parent)
		}
		return f.prove(Edit{Offset: start, Removed: string(f.src[start:end]), Inserted: inside}, want)
	}
	margin := strings.Repeat(" ", f.indent(first.Line))
	lines := strings.SplitAfter(string(text), "\n")
	comments := 0
	for comments < len(lines) && strings.HasPrefix(lines[comments], "#") {
		comments++
	}
	// Those right above the entry, counted from below.
	for line := first.Line - 1; comments > 0 && line > 0 && strings.TrimSpace(f.line(line)) == strings.TrimSpace(lines[comments-1]); line-- {
		lines = slices.Delete(lines, comments-1, comments)
		comments--
	}
	start := f.lineStart(first.Line)
	end := f.afterBreak(f.lineEnd(f.lineStart(f.lastLine(last))))
	return f.first(start, end, margin, Entry(strings.Join(lines, "")), want, path, parent)
}

// first puts text as whole lines in the place of src[start:end], in the first of its variants that proves right.
func (f *file) first(start, end int, margin string, text Entry, want *yaml.Node, path []string, node *yaml.Node) ([]byte, Edit, error) {
	removed := string(f.src[start:end])
	for _, block := range f.variants(text) {
		inserted := f.toEOL(indent(block, margin))
		if removed != "" && end == len(f.src) && f.breakBefore(end) == "" { // the last line of the file has no end, and keeps none
			inserted = strings.TrimSuffix(inserted, f.eol)
		}
		if out, e, err := f.prove(Edit{Offset: start, Removed: removed, Inserted: inserted}, want); err == nil {
			return out, e, nil
		}
	}
	return nil, Edit{}, f.unproven(path, node)
}

// parseAt parses a file and finds the node at a path; nil where there is none.
func parseAt(src []byte, path []string) (*file, *yaml.Node, error) {
	f, err := parse(src)
	if err != nil {
		return nil, nil, err
	}
	node, err := f.find(path)
	return f, node, err
}
