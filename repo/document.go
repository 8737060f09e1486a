package repo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"go.yaml.in/yaml/v3"
)

// Codes of problems with files. A [finding.Problem] of this package with another code, or none, is not about the text of a file.
const (
	CodeUnreadable   finding.Code = "unreadable"    // the file as a whole cannot be read
	CodeSyntax       finding.Code = "syntax"        // not YAML; Subject is the reason of the parser
	CodeDuplicateKey finding.Code = "duplicate-key" // Subject is the key, Related where it is set first
	CodeTab          finding.Code = "tab"           // a tab in the indentation
	CodeName         finding.Code = "name"          // not a name that Kubernetes accepts; Subject is what has it
)

// The limits of a YAML document. Beyond them kustomize and CUE hang, or overflow the stack.
const (
	MaxDepth = 200    // mappings and sequences inside each other, aliases followed
	MaxNodes = 50_000 // nodes of one document, an alias counted as all it stands for

	maxProblems = 100 // that are reported of one document
)

// Document is one YAML document of a file.
type Document struct {
	File  string
	Index int        // number of the document in its file, from 0; empty documents do not count
	Node  *yaml.Node // the content, never a yaml.DocumentNode; its lines are those of the file

	src []byte // the whole file
}

// Documents reads the YAML documents of a file. With an error it still gives the documents before the broken one.
func (r *Repo) Documents(name string) ([]*Document, error) {
	src, err := r.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return ParseDocuments(name, src)
}

// ParseDocuments takes a YAML stream apart. It refuses, as [finding.Problems] with line and column, what is no YAML and what
// is dangerous or ambiguous to those who read it next: more than [MaxFileSize], [MaxDepth] or [MaxNodes], an alias that
// contains itself, a key that is set twice. With an error it still gives the good documents.
func ParseDocuments(file string, src []byte) ([]*Document, error) {
	return parseDocuments(file, src, false)
}

// ParseLastWins is [ParseDocuments] for what Helm reads next, to which the last of two equal keys counts: a document that sets a key
// twice is given too, without the earlier one. The error reports it all the same, with [CodeDuplicateKey].
func ParseLastWins(file string, src []byte) ([]*Document, error) {
	return parseDocuments(file, src, true)
}

func parseDocuments(file string, src []byte, lastWins bool) ([]*Document, error) {
	if p := checkText(file, src); p != nil {
		return nil, p
	}
	var docs []*Document
	var problems finding.Problems
	// Not kio.ByteReader: it splits the stream first, and lines restart in each document.
	decoder := yaml.NewDecoder(bytes.NewReader(src))
	for {
		var root yaml.Node
		if err := decoder.Decode(&root); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			problems = append(problems, syntaxProblem(file, src, err))
			break // the decoder cannot find the next document
		}
		if len(root.Content) == 0 || isEmpty(root.Content[0]) {
			continue
		}
		doc := &Document{File: file, Index: len(docs), Node: root.Content[0], src: src}
		if found := checkNode(doc); len(found) > 0 {
			problems = append(problems, found...)
			if !lastWins || slices.ContainsFunc(found, func(p *finding.Problem) bool { return p.Code != CodeDuplicateKey }) {
				continue
			}
			keepLast(doc.Node)
			if more := checkNode(doc); len(more) > 0 { // the limits, which are behind the first problem
				problems = append(problems, more...)
				continue
			}
		}
		docs = append(docs, doc)
	}
	return docs, problems.Err()
}

// keepLast takes out the keys of mappings that are set again further down.
func keepLast(n *yaml.Node) {
	if n.Kind == yaml.MappingNode {
		seen := map[string]bool{}
		var kept []*yaml.Node
		for i := len(n.Content) - 2; i >= 0; i -= 2 {
			if key := deref(n.Content[i]); key.Kind == yaml.ScalarNode {
				if seen[key.Value] {
					continue
				}
				seen[key.Value] = true
			}
			kept = append(kept, n.Content[i+1], n.Content[i])
		}
		slices.Reverse(kept)
		n.Content = kept
	}
	for _, c := range n.Content {
		keepLast(c)
	}
}

// isEmpty distinguishes an empty document between two "---" from an explicit null.
func isEmpty(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null" && n.Value == ""
}

// checkText finds what yaml would report without a position.
func checkText(file string, src []byte) *finding.Problem {
	if len(src) > MaxFileSize {
		return unreadable(file, "file is %s, limit %d MiB; split or exclude it", mebibytes(int64(len(src))), MaxFileSize>>20)
	}
	line, column := 1, 0
	for i := 0; i < len(src); {
		c, size := utf8.DecodeRune(src[i:])
		column++
		at := finding.Position{File: file, Line: line, Column: column}
		switch {
		case c == utf8.RuneError && size == 1 || c == 0:
			return finding.Errorf(at, "", "not UTF-8 text; save it as UTF-8 or exclude it")
		case c == '\n':
			line, column = line+1, 0
		case !printable(c) && (c != '\uFEFF' || i > 0):
			return finding.Errorf(at, "", "character %U is not allowed in YAML; remove it, or escape it in double quotes", c)
		}
		i += size
	}
	return nil
}

// printable is c-printable of YAML 1.2 §5.1.
func printable(c rune) bool {
	return c == '\t' || c == '\n' || c == '\r' || c == 0x85 ||
		c >= 0x20 && c <= 0x7E || c >= 0xA0 && c <= 0xD7FF || c >= 0xE000 && c <= 0xFFFD && c != 0xFEFF || c >= 0x10000
}

// The yaml package has no error type for these.
var (
	yamlLine   = lazyregexp.New(`^line (\d+): (.*)`)
	yamlAnchor = lazyregexp.New(`^unknown anchor '(.*)' referenced`)
	// Of these the yaml package reports the line counted from 0, of all others from 1.
	yamlParser = lazyregexp.New(`^(did not find expected (<|node content|'-' indicator|key$|',' or)|found (undefined tag handle|duplicate %|incompatible YAML))`)
)

// syntaxProblem puts an error of the yaml package into our words and finds its place.
func syntaxProblem(file string, src []byte, err error) *finding.Problem {
	at := finding.Position{File: file}
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		at.Line, _ = strconv.Atoi(m[1])
		message = m[2]
	}
	if at.Line == 0 || yamlParser.MatchString(message) {
		at.Line++ // line 0 is left out of the message
	}
	if m := yamlAnchor.FindStringSubmatch(message); m != nil {
		if i := bytes.Index(src, []byte("*"+m[1])); i >= 0 {
			at = position(file, src, i)
		}
		return finding.Errorf(at, "", "alias %q has no preceding anchor; add &%s or remove the alias", m[1], m[1])
	}
	if strings.Contains(message, "cannot start any token") || strings.Contains(message, "tab character") {
		// The reported line can be one off, so look around it.
		lines := bytes.Split(src, []byte("\n"))
		for _, n := range []int{at.Line, at.Line + 1, at.Line - 1} {
			if n < 1 || n > len(lines) {
				continue
			}
			indent := lines[n-1][:len(lines[n-1])-len(bytes.TrimLeft(lines[n-1], " \t"))]
			if i := bytes.IndexByte(indent, '\t'); i >= 0 {
				return finding.Errorf(finding.Position{File: file, Line: n, Column: i + 1}, "", "tab used for indentation; use spaces").WithCode(CodeTab)
			}
		}
	}
	problem := finding.Errorf(at, "", "invalid YAML: %s; fix the syntax here or just before", message)
	problem.Code, problem.Subject = CodeSyntax, message
	return problem
}

// position turns an offset into a line and column.
func position(file string, src []byte, offset int) finding.Position {
	before := src[:offset]
	start := bytes.LastIndexByte(before, '\n') + 1
	return finding.Position{File: file, Line: bytes.Count(before, []byte("\n")) + 1, Column: utf8.RuneCount(before[start:]) + 1}
}

// checkNode applies the limits to a parsed document.
func checkNode(doc *Document) finding.Problems {
	c := nodeChecker{doc: doc, anchors: map[*yaml.Node]*extent{}}
	total := c.measure(doc.Node, 1)
	if len(c.problems) == 0 && total.nodes > MaxNodes {
		c.add(doc.Node, "document has more than %d nodes after alias expansion; split it or use fewer aliases", MaxNodes)
	}
	if len(c.problems) == 0 && total.depth > MaxDepth {
		c.add(doc.Node, "nesting is deeper than %d after alias expansion; flatten it", MaxDepth)
	}
	return c.problems
}

type nodeChecker struct {
	doc      *Document
	anchors  map[*yaml.Node]*extent // nil: still being measured
	problems finding.Problems
}

// extent is the size of a node with its aliases followed.
type extent struct{ nodes, depth int }

func (c *nodeChecker) add(n *yaml.Node, format string, args ...any) {
	c.report(finding.Errorf(c.doc.At(n), "", format, args...))
}

func (c *nodeChecker) report(p *finding.Problem) {
	if len(c.problems) < maxProblems {
		c.problems = append(c.problems, p)
	}
}

// measure visits every node once, whatever the aliases multiply it to.
func (c *nodeChecker) measure(n *yaml.Node, level int) extent {
	if level > MaxDepth {
		if level == MaxDepth+1 && len(c.problems) == 0 {
			c.add(n, "nesting is deeper than %d; flatten it", MaxDepth)
		}
		return extent{1, 1}
	}
	if n.Kind == yaml.AliasNode {
		known, seen := c.anchors[n.Alias]
		if !seen {
			return extent{1, 1} // its anchor is in a part that was not visited
		}
		if known == nil {
			c.add(n, "alias %q contains itself; remove the alias", n.Value)
			return extent{1, 1}
		}
		return *known
	}
	if n.Anchor != "" {
		c.anchors[n] = nil
	}
	if n.Kind == yaml.MappingNode {
		c.checkKeys(n)
	}
	sum := extent{1, 0}
	for _, child := range n.Content {
		e := c.measure(child, level+1)
		sum.nodes = min(sum.nodes+e.nodes, MaxNodes+1)
		sum.depth = max(sum.depth, e.depth)
	}
	sum.depth++
	if n.Anchor != "" {
		c.anchors[n] = &sum
	}
	return sum
}

// checkKeys compares the text of keys, since 1 and "1" become one key in JSON.
func (c *nodeChecker) checkKeys(mapping *yaml.Node) {
	seen := make(map[string]*yaml.Node, len(mapping.Content)/2)
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key := deref(mapping.Content[i])
		if key.Kind != yaml.ScalarNode {
			continue
		}
		if first := seen[key.Value]; first != nil {
			p := finding.Errorf(c.doc.At(mapping.Content[i]), "", "key %q is already set at line %d; remove one of the two", key.Value, first.Line)
			p.Code, p.Subject, p.Other = CodeDuplicateKey, key.Value, c.doc.At(first)
			c.report(p)
			continue
		}
		seen[key.Value] = mapping.Content[i]
	}
}

// At returns the place of one of the document's nodes.
func (d *Document) At(n *yaml.Node) finding.Position {
	return finding.Position{File: d.File, Line: n.Line, Column: n.Column}
}

// Get gives the value at a path of keys and decimal indexes, or nil. See [Lookup].
func (d *Document) Get(path ...string) *yaml.Node { return Lookup(d.Node, path...) }

// APIVersion gives the text of apiVersion, or "".
func (d *Document) APIVersion() string { return text(d.Get("apiVersion")) }

// Kind gives the text of kind, or "".
func (d *Document) Kind() string { return text(d.Get("kind")) }

// Name gives the text of metadata.name, or "".
func (d *Document) Name() string { return text(d.Get("metadata", "name")) }

// Namespace gives the text of metadata.namespace, or "".
func (d *Document) Namespace() string { return text(d.Get("metadata", "namespace")) }

// Lookup returns the value at a path of keys and decimal indexes below a node that passed [ParseDocuments], or nil. It
// follows aliases and merge keys (<<), as those do who read the document next.
func Lookup(n *yaml.Node, path ...string) *yaml.Node {
	n = deref(n)
	for _, step := range path {
		n = deref(child(n, step))
	}
	return n
}

func child(n *yaml.Node, step string) *yaml.Node {
	if n == nil {
		return nil
	}
	switch n.Kind {
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(n.Content) {
			return n.Content[i]
		}
	case yaml.MappingNode:
		var merged *yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			switch key := deref(n.Content[i]); {
			case key.Tag == "!!merge":
				merged = deref(n.Content[i+1])
			case key.Kind == yaml.ScalarNode && key.Value == step:
				return n.Content[i+1]
			}
		}
		if merged == nil {
			return nil
		}
		if merged.Kind != yaml.SequenceNode {
			return child(merged, step)
		}
		for _, m := range merged.Content {
			if found := child(deref(m), step); found != nil {
				return found
			}
		}
	}
	return nil
}

// deref returns the node that an alias stands for.
func deref(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// text returns the value of a scalar, or "".
func text(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return ""
	}
	return n.Value
}

// kindName names a node's kind in a message.
func kindName(n *yaml.Node) string {
	switch {
	case n == nil || n.Tag == "!!null":
		return "nothing"
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	}
	return fmt.Sprintf("%q", n.Value)
}
