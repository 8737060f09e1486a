package render

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"time"
)

// Limits of rendering one target.
const (
	// maxTime is the longest time that a target may take.
	maxTime = 10 * time.Second

	maxCalls = 1_000 // include inside each other; Helm allows as many of each name
	maxTpl   = 100   // tpl inside each other
)

func (e errStopped) Error() string { return string(e) }

// parse adds a file's templates. The error is of the parser.
func (e *engine) parse(s *source) error {
	t, err := e.parsed.template(s, e.known)
	if err != nil {
		return err
	}
	e.taken = append(e.taken, t)
	s.facts = t.facts.moved(t.shift)
	e.sources = append(e.sources, s)
	file := e.set.New(s.name)
	for name, tree := range t.trees {
		if name == t.main {
			name = s.name
		}
		if _, err := file.AddParseTree(name, tree); err != nil {
			return err
		}
	}
	s.loops = e.loops
	e.loops += int32(len(s.facts.loop))
	source, first := int32(len(e.sources)-1), int32(len(e.pieces))
	for i, p := range t.pieces {
		p.source = source
		if i != t.headPiece || t.head == nil {
			p.offset += int32(t.shift)
		}
		if p.kind == loopPiece || p.kind == roundPiece {
			p.loop += s.loops
		}
		e.texts[t.texts[i]] = first + int32(i)
		e.pieces = append(e.pieces, p)
	}
	e.set.Funcs(e.use(t.functions))
	return nil
}

// use notes functions that are called, and returns them. A set of templates is given these alone: copying all two hundred for each chart
// would cost more than running its templates.
func (e *engine) use(names []string) template.FuncMap {
	called := make(template.FuncMap, len(names))
	for _, name := range names {
		if f, ok := e.functions[name]; ok {
			called[name], e.used[name] = f, f
		}
	}
	return called
}

// spend counts what is written.
func (e *engine) spend(size int) error {
	if e.written += size; e.written > maxOutput {
		return errStopped(fmt.Sprintf("stopped: the output exceeds %d MiB", maxOutput>>20))
	}
	return nil
}

// tick ends what takes too long. It is called for every text, action and round of a loop.
func (e *engine) tick() error {
	if e.ticks++; e.ticks&31 != 1 {
		return nil
	}
	if e.ctx.Err() != nil || time.Now().After(e.deadline) {
		return errTooLong
	}
	return nil
}

// spent reports that there is no time or room left for another file.
func (e *engine) spent() bool {
	return e.written > maxOutput || e.made > maxMade || e.ctx.Err() != nil || time.Now().After(e.deadline)
}

var noValue = []byte("<no value>")

// output is what a file's templates write, and where each part of it comes from.
type output struct {
	engine *engine
	text   []byte
	marks  []mark
	last   int32   // the piece that was written last
	rounds []int32 // by range: how many elements came before
	saved  []int32 // what rounds were at marks
}

func (o *output) Write(p []byte) (int, error) {
	if err := o.engine.tick(); err != nil || len(p) == 0 {
		return 0, err
	}
	if n, ok := o.engine.texts[&p[0]]; ok {
		o.last = n
		piece := &o.engine.pieces[n]
		piece.ran = true
		switch piece.kind {
		case loopPiece:
			o.round(piece.loop, -1)
		case roundPiece:
			o.round(piece.loop, o.rounds[piece.loop]+1)
		case actionPiece:
			o.mark(piece)
		case textPiece:
			o.mark(piece)
			return len(p), o.add(p)
		}
		return len(p), nil
	}
	return len(p), o.add(p)
}

// add writes without what Helm takes out: text/template prints it for a missing key.
func (o *output) add(p []byte) error {
	if bytes.IndexByte(p, '<') >= 0 {
		p = bytes.ReplaceAll(p, noValue, nil)
	}
	o.text = append(o.text, p...)
	return o.engine.spend(len(p))
}

func (o *output) round(loop, n int32) {
	for int(loop) >= len(o.rounds) {
		o.rounds = append(o.rounds, 0)
	}
	o.rounds[loop] = n
}

func (o *output) mark(p *piece) {
	m := mark{int32(len(o.text)), -1, *p}
	if len(o.rounds) > 0 {
		m.rounds = int32(len(o.saved))
		o.saved = append(o.saved, int32(len(o.rounds)))
		o.saved = append(o.saved, o.rounds...)
	}
	if last := len(o.marks) - 1; last >= 0 && o.marks[last].offset == m.offset {
		o.marks[last] = m // nothing was written since
		return
	}
	o.marks = append(o.marks, m)
}

// inner collects what include and tpl give.
type inner struct {
	engine *engine
	text   strings.Builder
}

func (w *inner) Write(p []byte) (int, error) {
	if err := w.engine.tick(); err != nil {
		return 0, err
	}
	if len(p) == 1 { // as all markers are
		if n, ok := w.engine.texts[&p[0]]; ok && w.engine.pieces[n].kind != textPiece {
			w.engine.pieces[n].ran = true
			return 1, nil
		}
	}
	w.text.Write(p)
	return len(p), w.engine.spend(len(p))
}

func (e *engine) include(name string, data any) (string, error) {
	if e.calls >= maxCalls {
		return "", errStopped(fmt.Sprintf("stopped: include is nested deeper than %d; template %q includes itself endlessly", maxCalls, name))
	}
	if e.lenient && e.set.Lookup(name) == nil {
		return "", nil
	}
	e.calls++
	defer func() { e.calls-- }()
	w := inner{engine: e}
	err := e.set.ExecuteTemplate(&w, name, data)
	return w.text.String(), err
}

func (e *engine) tpl(text string, data any) (string, error) {
	if !strings.Contains(text, "{{") {
		return strings.ReplaceAll(text, "<no value>", ""), nil
	}
	if e.tpls >= maxTpl {
		return "", errStopped(fmt.Sprintf("stopped: tpl is nested deeper than %d; a string evaluates itself endlessly", maxTpl))
	}
	e.tpls++
	defer func() { e.tpls-- }()
	outer := e.set
	defer func() { e.set = outer }()
	trees, err := parse.Parse("tpl", text, "", "", e.known)
	if err != nil {
		return "", fmt.Errorf("in %q: %w", shorten(text), err)
	}
	if len(trees) > 1 { // what it defines is for itself alone
		if e.set, err = outer.Clone(); err != nil {
			return "", err
		}
		e.set.Option("missingkey=zero")
	}
	t := e.set.New("tpl")
	called := map[string]bool{}
	for name, tree := range trees {
		calls(tree.Root, called)
		guard(tree.Root)
		if _, err := t.AddParseTree(name, tree); err != nil {
			return "", err
		}
	}
	e.use(slices.Collect(maps.Keys(called)))
	t.Funcs(e.used)
	w := inner{engine: e}
	if err := t.Execute(&w, data); err != nil {
		return "", fmt.Errorf("in %q: %w", shorten(text), err)
	}
	return strings.ReplaceAll(w.text.String(), "<no value>", ""), nil
}

// guard makes the loops of a text given to tpl write, so that they can be stopped.
func guard(list *parse.ListNode) {
	if list == nil {
		return
	}
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.IfNode:
			guard(n.List)
			guard(n.ElseList)
		case *parse.WithNode:
			guard(n.List)
			guard(n.ElseList)
		case *parse.RangeNode:
			guard(n.List)
			guard(n.ElseList)
			n.List.Nodes = append(n.List.Nodes, &parse.ActionNode{NodeType: parse.NodeAction, Pos: n.Pos, Pipe: &parse.PipeNode{
				NodeType: parse.NodePipe, Pos: n.Pos, Cmds: []*parse.CommandNode{{NodeType: parse.NodeCommand, Pos: n.Pos,
					Args: []parse.Node{&parse.StringNode{NodeType: parse.NodeString, Pos: n.Pos, Quoted: `""`}}}}}})
		}
	}
}

// execute runs a file's templates.
func (e *engine) execute(s *source, data any) (out *output, err error) {
	out = &output{engine: e, last: -1, text: make([]byte, 0, len(s.text)+len(s.text)/4), marks: make([]mark, 0, len(s.starts))}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the template failed: %v", r)
		}
	}()
	return out, e.set.ExecuteTemplate(out, s.name, data)
}

func shorten(s string) string {
	const limit = 60
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

// names returns the names of the functions.
func (e *engine) names() []string {
	names := make([]string, 0, len(e.known))
	for name := range e.known {
		names = append(names, name)
	}
	return names
}
