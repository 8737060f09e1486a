package yamledit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const byteOrderMark = "\uFEFF"

// file is a YAML text with its node tree and the places of its lines.
type file struct {
	src   []byte
	doc   *yaml.Node // the document node; nil when the file holds nothing but comments
	lines []int      // lines[i] is the offset at which line i+1 starts
	eol   string     // "\n" or "\r\n": the end of the first line
}

func parse(src []byte) (*file, error) {
	f := &file{src: src}
	f.split()
	decoder := yaml.NewDecoder(bytes.NewReader(src))
	var doc yaml.Node
	if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
		return f, nil
	} else if err != nil {
		return nil, err
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		return nil, fmt.Errorf("line %d: a file with several documents %w", second.Line, ErrUnproven)
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	f.doc = &doc
	return f, nil
}

// split finds the lines.
func (f *file) split() {
	f.eol = "\n"
	src := f.src
	start := 0
	if bytes.HasPrefix(src, []byte(byteOrderMark)) {
		start = len(byteOrderMark)
	}
	f.lines = append(f.lines, start)
	for i := start; i < len(src); {
		n := breakLength(src, i)
		if n == 0 {
			i++
			continue
		}
		if len(f.lines) == 1 && n == 2 && src[i] == '\r' {
			f.eol = "\r\n"
		}
		i += n
		f.lines = append(f.lines, i)
	}
}

// breakLength returns the length of the line break at i, or 0. YAML 1.1 also breaks lines at NEL, LS and PS, and the
// parser's line numbers count them.
func breakLength(src []byte, i int) int {
	switch {
	case src[i] == '\r' && i+1 < len(src) && src[i+1] == '\n':
		return 2
	case src[i] == '\n' || src[i] == '\r':
		return 1
	case bytes.HasPrefix(src[i:], []byte("\u0085")):
		return 2
	case bytes.HasPrefix(src[i:], []byte("\u2028")), bytes.HasPrefix(src[i:], []byte("\u2029")):
		return 3
	}
	return 0
}

func (f *file) root() *yaml.Node {
	if f.doc == nil || len(f.doc.Content) == 0 {
		return nil
	}
	return f.doc.Content[0]
}

// body is the text without a byte order mark.
func (f *file) body() []byte { return f.src[f.lines[0]:] }

// find returns the node at path, or nil when a key is missing. A parent that is no mapping is an error.
func (f *file) find(path []string) (*yaml.Node, error) {
	node := f.root()
	for i, k := range path {
		if node == nil || isNull(node) {
			return nil, nil
		}
		if node.Kind != yaml.MappingNode {
			return nil, f.typeError(path[:i], "mapping", node)
		}
		node = value(node, k)
	}
	return node, nil
}

// keyNode returns the node of the last key of path, or nil.
func (f *file) keyNode(path []string) *yaml.Node {
	parent, err := f.find(path[:len(path)-1])
	if err != nil || parent == nil {
		return nil
	}
	for i := 0; i < len(parent.Content); i += 2 {
		if parent.Content[i].Value == path[len(path)-1] {
			return parent.Content[i]
		}
	}
	return nil
}

func (f *file) keyColumn(path []string) int {
	if k := f.keyNode(path); k != nil {
		return k.Column
	}
	return 1
}

func (f *file) typeError(path []string, want string, node *yaml.Node) error {
	return &TypeError{Path: path, Want: want, Have: kindName(node.Kind), Line: node.Line, Column: node.Column}
}

func kindName(k yaml.Kind) string {
	switch k {
	case yaml.MappingNode:
		return "mapping"
	case yaml.SequenceNode:
		return "sequence"
	case yaml.AliasNode:
		return "alias"
	}
	return "scalar"
}

// --- lines

func (f *file) lineStart(line int) int {
	if line > len(f.lines) {
		return len(f.src)
	}
	return f.lines[line-1]
}

// lineEnd returns the offset of the break that ends the line of offset at, or of the end of the file.
func (f *file) lineEnd(at int) int {
	for at < len(f.src) && breakLength(f.src, at) == 0 {
		at++
	}
	return at
}

// afterBreak returns the offset after the break at at.
func (f *file) afterBreak(at int) int {
	if at >= len(f.src) {
		return at
	}
	return at + breakLength(f.src, at)
}

// breakBefore returns the line break that ends at at.
func (f *file) breakBefore(at int) string {
	for _, b := range []string{"\r\n", "\n", "\r"} {
		if strings.HasSuffix(string(f.src[:at]), b) {
			return b
		}
	}
	return ""
}

func (f *file) line(n int) string {
	start := f.lineStart(n)
	return string(f.src[start:f.lineEnd(start)])
}

func (f *file) isBlank(n int) bool { return strings.TrimSpace(f.line(n)) == "" }

func (f *file) isComment(n int) bool {
	return n <= len(f.lines) && strings.HasPrefix(strings.TrimLeft(f.line(n), " \t"), "#")
}

func (f *file) indent(n int) int {
	l := f.line(n)
	return len(l) - len(strings.TrimLeft(l, " "))
}

// offset turns the parser's line and column (in characters) into an offset in bytes.
func (f *file) offset(line, column int) int {
	at := f.lineStart(line)
	for range column - 1 {
		if at >= len(f.src) {
			break
		}
		_, n := utf8.DecodeRune(f.src[at:])
		at += n
	}
	return at
}

// inComment reports whether a comment starts before at on its line, as far as a look at the line can tell.
func (f *file) inComment(at int) bool {
	start := at
	for start > 0 && f.src[start-1] != '\n' {
		start--
	}
	return strings.Contains(string(f.src[start:at]), " #") || strings.HasPrefix(strings.TrimSpace(string(f.src[start:at])), "#")
}

// step is the width of indentation: that of the first block mapping inside another, else 2.
func (f *file) step() int {
	var find func(n *yaml.Node) int
	find = func(n *yaml.Node) int {
		if n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle == 0 {
			for i := 0; i+1 < len(n.Content); i += 2 {
				k, v := n.Content[i], n.Content[i+1]
				if v.Kind == yaml.MappingNode && v.Style&yaml.FlowStyle == 0 && len(v.Content) > 0 {
					if d := v.Content[0].Column - k.Column; d >= 1 && d <= 8 && v.Content[0].Line > k.Line {
						return d
					}
				}
			}
		}
		for _, c := range n.Content {
			if d := find(c); d > 0 {
				return d
			}
		}
		return 0
	}
	if root := f.root(); root != nil {
		if d := find(root); d > 0 {
			return d
		}
	}
	return 2
}

func (f *file) toEOL(text string) string {
	if f.eol == "\n" {
		return text
	}
	return strings.ReplaceAll(text, "\n", f.eol)
}

// --- the extent of values

// lastLine returns the last line of a block collection that holds something of it.
func (f *file) lastLine(node *yaml.Node) int {
	last := node
	for (last.Kind == yaml.MappingNode || last.Kind == yaml.SequenceNode) && last.Style&yaml.FlowStyle == 0 && len(last.Content) > 0 {
		last = last.Content[len(last.Content)-1]
	}
	least := last.Line
	if end, ok := f.valueEnd(last); ok {
		least = f.lineOf(end)
	}
	line := f.nextLine(node) - 1
	for line > least && (f.isBlank(line) || f.isComment(line)) {
		line--
	}
	return max(line, least)
}

// nextLine returns the line on which the next node after node's subtree starts, or the document ends.
func (f *file) nextLine(node *yaml.Node) int {
	found, next := false, 0
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if next > 0 {
			return
		}
		if found {
			next = n.Line
			return
		}
		if n == node {
			found = true
			return
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(f.root())
	if next > 0 {
		return next
	}
	for line := node.Line + 1; line <= len(f.lines); line++ {
		if l := f.line(line); l == "..." || strings.HasPrefix(l, "... ") {
			return line
		}
	}
	return len(f.lines) + 1
}

func (f *file) lineOf(offset int) int {
	line := 1
	for line < len(f.lines) && f.lines[line] <= offset {
		line++
	}
	return line
}

// valueEnd returns the offset after the last byte of a scalar, alias or flow collection.
func (f *file) valueEnd(node *yaml.Node) (int, bool) {
	switch {
	case node.Kind == yaml.AliasNode:
		return f.offset(node.Line, node.Column) + 1 + len(node.Value), true
	case node.Kind == yaml.ScalarNode && node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return f.blockScalarEnd(node), true
	case node.Kind == yaml.ScalarNode && node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		return f.quotedEnd(f.contentStart(node))
	case node.Kind == yaml.ScalarNode:
		_, end, ok := f.scalarSpan(node)
		return end, ok
	case node.Style&yaml.FlowStyle != 0:
		return f.flowEnd(f.contentStart(node))
	}
	return 0, false
}

// contentStart returns the offset of a value behind its anchor and tag.
func (f *file) contentStart(node *yaml.Node) int {
	at := f.offset(node.Line, node.Column)
	for at < len(f.src) && (f.src[at] == '&' || f.src[at] == '!') {
		for at < len(f.src) && !strings.ContainsRune(" \t\r\n", rune(f.src[at])) {
			at++
		}
		end := at
		for at < len(f.src) && (f.src[at] == ' ' || f.src[at] == '\t') {
			at++
		}
		if at >= len(f.src) || f.src[at] == '#' || breakLength(f.src, at) > 0 {
			return end // nothing behind it
		}
	}
	return at
}

// scalarSpan returns the bytes of a scalar that stands on one line, without anchor and tag.
func (f *file) scalarSpan(node *yaml.Node) (start, end int, ok bool) {
	if node.Kind != yaml.ScalarNode || node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return 0, 0, false
	}
	start = f.contentStart(node)
	if node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
		end, ok = f.quotedEnd(start)
		return start, end, ok && f.lineOf(start) == f.lineOf(end)
	}
	end = start + len(node.Value)
	if end > len(f.src) || string(f.src[start:end]) != node.Value {
		return 0, 0, false
	}
	return start, end, true
}

func (f *file) quotedEnd(start int) (int, bool) {
	if start >= len(f.src) {
		return 0, false
	}
	quote := f.src[start]
	for i := start + 1; i < len(f.src); i++ {
		switch {
		case quote == '"' && f.src[i] == '\\':
			i++
		case f.src[i] != quote:
		case quote == '\'' && i+1 < len(f.src) && f.src[i+1] == '\'':
			i++
		default:
			return i + 1, true
		}
	}
	return 0, false
}

// blockScalarEnd returns the end of the last line of a literal or folded scalar.
func (f *file) blockScalarEnd(node *yaml.Node) int {
	start := f.contentStart(node)
	header := f.src[start:f.lineEnd(start)]
	keep := bytes.ContainsRune(bytes.SplitN(header, []byte("#"), 2)[0], '+')
	depth, last := -1, node.Line
	for line := node.Line + 1; line < f.nextLine(node) && line <= len(f.lines); line++ {
		if f.isBlank(line) {
			if keep && line < len(f.lines) {
				last = line
			}
			continue
		}
		if depth < 0 {
			depth = f.indent(line)
		}
		if f.indent(line) < depth {
			break
		}
		last = line
	}
	return f.lineEnd(f.lineStart(last))
}

// flowEnd returns the offset after the bracket that closes the flow collection at start.
func (f *file) flowEnd(start int) (int, bool) {
	depth, plain := 0, false
	for i := start; i < len(f.src); i++ {
		c := f.src[i]
		switch {
		case c == '[' || c == '{':
			depth, plain = depth+1, false
		case c == ']' || c == '}':
			depth, plain = depth-1, false
			if depth == 0 {
				return i + 1, true
			}
		case c == ',':
			plain = false
		case c == ':' && i+1 < len(f.src) && strings.ContainsRune(" \t\r\n", rune(f.src[i+1])):
			plain = false
		case c == '#' && i > 0 && strings.ContainsRune(" \t\r\n", rune(f.src[i-1])):
			i = f.lineEnd(i) - 1
		case (c == '"' || c == '\'') && !plain:
			end, ok := f.quotedEnd(i)
			if !ok {
				return 0, false
			}
			i = end - 1
		case !strings.ContainsRune(" \t\r\n", rune(c)):
			plain = true
		}
	}
	return 0, false
}
