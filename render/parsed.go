package render

import (
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"text/template/parse"

	"github.com/redis-gitops/redis-gitops/render/jsonschema"
)

// maxParsed is how much text is kept parsed, in bytes. What a parser makes of it is some twenty times as large.
const maxParsed = 1 << 20

// Parsed keeps templates and schemas that were parsed, by their text: in a repository of many charts, most have those of one generator.
// A text that occurs once is not kept. The zero value is empty; it may be used by several goroutines.
type Parsed struct {
	mu        sync.Mutex
	seed      maphash.Seed
	name      string // under which templates are parsed
	seen      map[uint64]bool
	size      int // of the texts that are kept, as often as they are
	templates map[string][]*parsedTemplate
	schemas   map[string]*jsonschema.Schema
	parses    int // how often something was parsed, for tests
}

// parsedTemplate is what is known of a file of templates apart from its name. It belongs to one engine at a time, since errors have the name
// from the trees.
type parsedTemplate struct {
	text      string
	starts    []int // offsets of the lines
	trees     map[string]*parse.Tree
	main      string   // the name of the tree of the file itself
	facts     *facts   // read-only
	pieces    []piece  // of source 0, loops counted from 0
	texts     []*byte  // the first byte of each piece
	functions []string // that it calls
	kept      bool     // to be given back
}

// again reports whether a text was seen before.
func (p *Parsed) again(text string) bool {
	if p.seen == nil {
		p.seen, p.seed = map[uint64]bool{}, maphash.MakeSeed()
		p.templates, p.schemas = map[string][]*parsedTemplate{}, map[string]*jsonschema.Schema{}
		// No text defines a template of a name that it cannot know.
		p.name = fmt.Sprintf("text-%x%x", rand.Uint64(), rand.Uint64())
	}
	hash := maphash.String(p.seed, text)
	known := p.seen[hash]
	p.seen[hash] = true
	return known
}

// room makes room for a text, if there can be any.
func (p *Parsed) room(text string) bool {
	if len(text) > maxParsed/4 {
		return false
	}
	if p.size += len(text); p.size > maxParsed {
		p.size = len(text)
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
	text := string(src)
	p.mu.Lock()
	again, known := p.again(text), p.schemas[text]
	p.mu.Unlock()
	if known != nil {
		return known, nil
	}
	s, err := jsonschema.Parse(src)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.parses++
	if err == nil && again && p.schemas[text] == nil && p.room(text) {
		p.schemas[text] = s
	}
	return s, err
}

// template parses a file of templates. Whoever asks gives it back, if it is kept.
func (p *Parsed) template(s *source, functions map[string]any) (*parsedTemplate, error) {
	if p == nil {
		return parseTemplate(s.name, s, functions)
	}
	p.mu.Lock()
	again := p.again(s.text)
	name, free := p.name, p.templates[s.text]
	if n := len(free); n > 0 && free[n-1].renamed(s.name) {
		t := free[n-1]
		p.templates[s.text] = free[:n-1]
		p.size -= len(s.text)
		p.mu.Unlock()
		return t, nil
	}
	p.parses++
	p.mu.Unlock()
	if again {
		if t, err := parseTemplate(name, s, functions); err == nil && t.renamed(s.name) {
			t.kept = true
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
		if t.kept && p.room(t.text) {
			p.templates[t.text] = append(p.templates[t.text], t)
		}
	}
}

// renamed makes it that of a file. It cannot be when a template of that name is defined in it: which of the two counts depends on what is in
// them.
func (t *parsedTemplate) renamed(name string) bool {
	if _, defined := t.trees[name]; defined {
		return false
	}
	for _, tree := range t.trees {
		tree.ParseName = name
	}
	return true
}

// parseTemplate parses a file of templates under a name. The error is of the parser.
func parseTemplate(name string, s *source, functions map[string]any) (*parsedTemplate, error) {
	trees, err := parse.Parse(name, s.text, "", "", functions)
	if err != nil {
		return nil, err
	}
	t := &parsedTemplate{text: s.text, starts: s.starts, trees: trees, main: name, facts: analyse(s, trees, trees[name])}
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
