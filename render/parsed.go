package render

import (
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"text/template/parse"

	"github.com/redis-gitops/redis-gitops/render/jsonschema"
)

// maxParsed is how much text is kept parsed, in bytes. What a parser makes of it is some twenty times as large.
const maxParsed = 1 << 20

// Parsed keeps templates and schemas that were parsed, by their text: in a repository of many charts, most have those of one generator.
// A text that occurs once is not kept, unless First says so. The zero value is empty; it may be used by several goroutines.
type Parsed struct {
	First bool // keeps a text when it occurs first: most occur once more, as those of two revisions do

	mu        sync.Mutex
	seed      maphash.Seed
	name      string // under which templates are parsed
	seen      map[uint64]bool
	size      int // of the texts that are kept, as often as they are
	templates map[body][]*parsedTemplate
	schemas   map[string]*jsonschema.Schema
	parses    int // how often something was parsed, for tests
}

// body is a file of templates without the text of the lines before its first action: that is where a generator names the application, as in
// an example of values.
type body struct {
	lines int // before it
	text  string
	lead  bool // something is in those lines
}

// bodyOf takes a file of templates apart.
func bodyOf(text string) body {
	at := strings.Index(text, "{{")
	if at < 0 {
		return body{text: text}
	}
	at = strings.LastIndexByte(text[:at], '\n') + 1
	if strings.TrimSpace(text[:at]) == "" {
		return body{text: text}
	}
	return body{strings.Count(text[:at], "\n"), text[at:], true}
}

// parsedTemplate is what is known of a file of templates apart from its name and the text before the first action. It belongs to one engine at
// a time, since errors have the name from the trees.
type parsedTemplate struct {
	key       body
	size      int // of the text that was parsed
	shift     int // how far offsets are from those in that text
	trees     map[string]*parse.Tree
	main      string          // the name of the tree of the file itself
	facts     *facts          // read-only
	pieces    []piece         // of source 0, loops counted from 0
	texts     []*byte         // the first byte of each piece
	head      *parse.TextNode // the text before the first action; nil for none
	headPiece int             // its number
	trimmed   bool            // blanks at its end are cut
	functions []string        // that it calls
	kept      bool            // to be given back
}

// begin makes it ready.
func (p *Parsed) begin() {
	if p.seen == nil {
		p.seen, p.seed = map[uint64]bool{}, maphash.MakeSeed()
		p.templates, p.schemas = map[body][]*parsedTemplate{}, map[string]*jsonschema.Schema{}
		// No text defines a template of a name that it cannot know.
		p.name = fmt.Sprintf("text-%x%x", rand.Uint64(), rand.Uint64())
	}
}

// again reports whether a text is worth keeping, of which this is the hash: it was seen before.
func (p *Parsed) again(hash uint64) bool {
	known := p.seen[hash]
	p.seen[hash] = true
	return known || p.First
}

// room makes room for a text, if there can be any.
func (p *Parsed) room(size int) bool {
	if size > maxParsed/4 {
		return false
	}
	if p.size += size; p.size > maxParsed {
		p.size = size
		clear(p.templates)
		clear(p.schemas)
	}
	return true
}

// schema parses a values.schema.json.
func (p *Parsed) schema(src []byte) (*jsonschema.Schema, error) {
	if p == nil {
		return jsonschema.Parse(src)
	}
	p.mu.Lock()
	p.begin()
	again, known := p.again(maphash.Bytes(p.seed, src)), p.schemas[string(src)] // which copies nothing
	p.mu.Unlock()
	if known != nil {
		return known, nil
	}
	s, err := jsonschema.Parse(src)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.parses++
	if err == nil && again && p.schemas[string(src)] == nil && p.room(len(src)) {
		p.schemas[string(src)] = s
	}
	return s, err
}

// template parses a file of templates. Whoever asks gives it back, if it is kept.
func (p *Parsed) template(s *source, functions map[string]any) (*parsedTemplate, error) {
	if p == nil {
		return parseTemplate(s.name, s, functions)
	}
	key := bodyOf(s.text)
	p.mu.Lock()
	p.begin()
	again := p.again(maphash.String(p.seed, key.text))
	name, free := p.name, p.templates[key]
	if n := len(free); n > 0 && free[n-1].becomes(s) {
		t := free[n-1]
		p.templates[key] = free[:n-1]
		p.size -= t.size
		p.mu.Unlock()
		return t, nil
	}
	p.parses++
	p.mu.Unlock()
	if again {
		if t, err := parseTemplate(name, s, functions); err == nil && t.becomes(s) {
			t.key, t.kept = key, true
			return t, nil
		}
	}
	return parseTemplate(s.name, s, functions)
}

// giveBack takes templates that are no longer in use.
func (p *Parsed) giveBack(all []*parsedTemplate) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range all {
		if t.kept && p.room(t.size) {
			p.templates[t.key] = append(p.templates[t.key], t)
		}
	}
}

// becomes makes it that of a file of the same body. It cannot be when a template of that name is defined in it: which of the two counts
// depends on what is in them.
func (t *parsedTemplate) becomes(s *source) bool {
	if _, defined := t.trees[s.name]; defined {
		return false
	}
	for _, tree := range t.trees {
		tree.ParseName = s.name
	}
	key := bodyOf(s.text)
	t.shift = len(s.text) - t.size
	if t.head == nil || !key.lead {
		return !key.lead
	}
	text := s.text[:strings.Index(s.text, "{{")]
	if t.trimmed {
		text = strings.TrimRight(text, " \t\r\n")
	}
	t.head.Text = []byte(text)
	t.texts[t.headPiece] = &t.head.Text[0]
	return true
}

// parseTemplate parses a file of templates under a name. The error is of the parser.
func parseTemplate(name string, s *source, functions map[string]any) (*parsedTemplate, error) {
	trees, err := parse.Parse(name, s.text, "", "", functions)
	if err != nil {
		return nil, err
	}
	t := &parsedTemplate{size: len(s.text), trees: trees, main: name, facts: analyse(s, trees, trees[name])}
	if nodes := trees[name].Root.Nodes; len(nodes) > 0 {
		if text, ok := nodes[0].(*parse.TextNode); ok && text.Pos == 0 && len(text.Text) > 0 {
			t.head, t.trimmed = text, len(text.Text) < strings.Index(s.text, "{{")
		}
	}
	called := map[string]bool{}
	for _, tree := range trees {
		calls(tree.Root, called)
		t.mark(tree.Root)
	}
	t.functions = slices.Collect(maps.Keys(called))
	t.facts.ranges = nil
	for i := range t.facts.reads {
		t.facts.reads[i].path = slices.Clip(t.facts.reads[i].path) // so that nobody appends to what others have as well
	}
	return t, nil
}

// calls notes the names of the functions that a node calls.
func calls(n parse.Node, into map[string]bool) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, each := range n.Nodes {
				calls(each, into)
			}
		}
	case *parse.ActionNode:
		calls(n.Pipe, into)
	case *parse.IfNode:
		callsInBranch(&n.BranchNode, into)
	case *parse.WithNode:
		callsInBranch(&n.BranchNode, into)
	case *parse.RangeNode:
		callsInBranch(&n.BranchNode, into)
	case *parse.TemplateNode:
		calls(n.Pipe, into)
	case *parse.PipeNode:
		if n != nil {
			for _, c := range n.Cmds {
				for _, arg := range c.Args {
					calls(arg, into)
				}
			}
		}
	case *parse.ChainNode:
		calls(n.Node, into)
	case *parse.IdentifierNode:
		into[n.Ident] = true
	}
}

func callsInBranch(n *parse.BranchNode, into map[string]bool) {
	calls(n.Pipe, into)
	calls(n.List, into)
	calls(n.ElseList, into)
}

// marker makes a text that is a signal for the writer and is not written.
func (t *parsedTemplate) marker(pos parse.Pos, kind pieceKind, loop int32) parse.Node {
	text := []byte{' '}
	t.add(text, piece{offset: int32(pos), kind: kind, loop: loop})
	return &parse.TextNode{NodeType: parse.NodeText, Pos: pos, Text: text}
}

func (t *parsedTemplate) add(text []byte, p piece) {
	t.texts = append(t.texts, &text[0])
	t.pieces = append(t.pieces, p)
}

// mark puts markers into a list of nodes, and notes its texts.
func (t *parsedTemplate) mark(list *parse.ListNode) {
	if list == nil {
		return
	}
	nodes := make([]parse.Node, 0, 2*len(list.Nodes)+1)
	if len(list.Nodes) == 0 {
		nodes = append(nodes, t.marker(list.Pos, guardPiece, 0)) // an empty loop has to end too
	}
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			if n == t.head {
				t.headPiece = len(t.pieces)
			}
			if len(n.Text) > 0 {
				t.add(n.Text, piece{offset: int32(n.Pos), kind: textPiece})
			}
		case *parse.ActionNode:
			nodes = append(nodes, t.marker(n.Pos, actionPiece, 0))
		case *parse.IfNode:
			t.mark(n.List)
			t.mark(n.ElseList)
		case *parse.WithNode:
			t.mark(n.List)
			t.mark(n.ElseList)
		case *parse.RangeNode:
			loop := t.facts.ranges[n]
			nodes = append(nodes, t.marker(n.Pos, loopPiece, loop))
			t.mark(n.List)
			n.List.Nodes = append([]parse.Node{t.marker(n.Pos, roundPiece, loop)}, n.List.Nodes...)
			t.mark(n.ElseList)
		default:
			nodes = append(nodes, t.marker(n.Position(), guardPiece, 0))
		}
		nodes = append(nodes, n)
	}
	list.Nodes = nodes
}

// moved returns facts with offsets that are further behind.
func (f *facts) moved(by int) *facts {
	if by == 0 {
		return f
	}
	out := *f
	out.reads = slices.Clone(f.reads)
	for i := range out.reads {
		out.reads[i].offset += by
		out.reads[i].node += int32(by)
	}
	return &out
}
