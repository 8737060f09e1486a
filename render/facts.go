package render

import (
	"slices"
	"strconv"
	"strings"
	"text/template/parse"
)

// valueRead is a place that reads a value.
type valueRead struct {
	path             []string
	offset           int // in the source
	guarded, dynamic bool
	under            [][]string // values that are tested around it
	node             int32      // offset of the action, condition or loop that reads it
	inside           [][]string // values without which no template gets there
}

// decision is an action that fails on purpose, and the values that the innermost condition around it tests.
type decision struct {
	line   int
	values [][]string
}

// shownRead is a value that has a part in what a line gives, directly or by way of a variable.
type shownRead struct {
	line  int
	path  []string
	plain bool // what is read is what the action gives, if quoted or indented
}

// reference is what an expression is, as far as that can be known from the text.
type reference struct {
	kind refKind
	path []string // of a value; a step that begins with elementStep is the element of a range
}

type refKind uint8

const (
	unknownRef refKind = iota
	contextRef         // the root: what has .Values
	valueRef
)

// elementStep begins a step that stands for the current element of the range whose number follows.
const elementStep = "\x00"

func (r reference) valued() bool { return r.kind == valueRef && len(r.path) > 0 }

// field follows the names of a chain of fields.
func (r reference) field(names []string) reference {
	if len(names) == 0 {
		return r
	}
	switch r.kind {
	case valueRef:
		return reference{valueRef, append(slices.Clip(r.path), names...)}
	case contextRef:
		if names[0] == "Values" {
			return reference{valueRef, names[1:]}
		}
	}
	// A context that was handed on under some name, such as .root or .context.
	if at := slices.Index(names, "Values"); at == 0 || at > 0 && names[0] != "Subcharts" {
		return reference{valueRef, names[at+1:]}
	}
	return reference{}
}

// on returns the values that a line shows.
func (f *facts) on(line int) []shownRead {
	from, _ := slices.BinarySearchFunc(f.shown, line, func(s shownRead, line int) int { return s.line - line })
	to := from
	for to < len(f.shown) && f.shown[to].line == line {
		to++
	}
	return f.shown[from:to]
}

// plainText reports whether a line is nothing but text.
func (f *facts) plainText(line int) bool {
	_, found := slices.BinarySearch(f.busy, line)
	return !found
}

type variable struct {
	name  string
	ref   reference
	flows [][]string // the values that have a part in it
	soft  []int      // the reads of its value, which fail only where the variable is used without a guard
}

// result is what an expression gives.
type result struct {
	ref   reference
	flows [][]string
	plain bool
}

type analyser struct {
	*facts
	source *source
	vars   []variable
	guards [][]string
	inner  int // where the guards of the innermost condition begin
	line   int // of the action that is being looked at
	node   int32
	inside [][]string // values that the conditions around it need
}

// analyse looks at all templates of a file. In each, dot is taken for the root, as most are called.
func analyse(s *source, trees map[string]*parse.Tree, main *parse.Tree) *facts {
	a := &analyser{facts: &facts{}, source: s}
	a.template(main)
	for _, tree := range trees {
		if tree != main {
			a.template(tree)
		}
	}
	slices.SortStableFunc(a.reads, func(x, y valueRead) int { return x.offset - y.offset })
	slices.SortStableFunc(a.shown, func(x, y shownRead) int { return x.line - y.line })
	slices.Sort(a.busy)
	return a.facts
}

func (a *analyser) template(tree *parse.Tree) {
	root := reference{kind: contextRef}
	a.vars = append(a.vars[:0], variable{name: "$", ref: root})
	a.list(tree.Root, root)
}

func (a *analyser) list(list *parse.ListNode, dot reference) {
	if list == nil {
		return
	}
	for _, n := range list.Nodes {
		a.node = int32(n.Position())
		switch n := n.(type) {
		case *parse.ActionNode:
			a.at(n.Pos)
			known := len(a.reads)
			soft := declaresValue(n.Pipe)
			r := a.pipe(n.Pipe, dot, soft)
			if len(n.Pipe.Decl) > 0 {
				a.assign(n.Pipe, r)
				for i := known; soft && i < len(a.reads); i++ {
					v := &a.vars[len(a.vars)-1]
					v.soft = append(v.soft, i)
				}
			} else {
				a.show(r)
			}
		case *parse.IfNode:
			a.branch(n.Pipe, n.List, n.ElseList, dot, false)
		case *parse.WithNode:
			a.branch(n.Pipe, n.List, n.ElseList, dot, true)
		case *parse.RangeNode:
			a.loopOver(n, dot)
		case *parse.TemplateNode:
			a.at(n.Pos)
			if n.Pipe != nil {
				r := a.pipe(n.Pipe, dot, false)
				a.whole(r.ref, n.Pos)
				a.show(r)
			}
		}
	}
}

// declaresValue reports whether a pipe is $x := followed by one value.
func declaresValue(p *parse.PipeNode) bool {
	if len(p.Decl) != 1 || p.IsAssign || len(p.Cmds) != 1 || len(p.Cmds[0].Args) != 1 {
		return false
	}
	switch p.Cmds[0].Args[0].(type) {
	case *parse.FieldNode, *parse.VariableNode, *parse.ChainNode:
		return true
	}
	return false
}

// at notes the line of an action.
func (a *analyser) at(pos parse.Pos) {
	a.line = a.source.line(int(pos))
	a.busy = append(a.busy, a.line)
}

func (a *analyser) show(r result) {
	for _, path := range r.flows {
		a.shown = append(a.shown, shownRead{a.line, path, r.plain && r.ref.kind == valueRef && slices.Equal(path, r.ref.path)})
	}
}

func (a *analyser) assign(p *parse.PipeNode, r result) {
	for _, v := range p.Decl {
		if p.IsAssign {
			for i := len(a.vars) - 1; i >= 0; i-- {
				if a.vars[i].name == v.Ident[0] {
					a.vars[i].flows = append(slices.Clip(a.vars[i].flows), r.flows...)
					a.vars[i].ref = reference{} // one of several
					break
				}
			}
			continue
		}
		flows := r.flows
		if r.ref.valued() && r.plain {
			flows = nil // named where the variable is read
		}
		ref := r.ref
		if !r.plain {
			ref = reference{}
		}
		a.vars = append(a.vars, variable{name: v.Ident[0], ref: ref, flows: flows})
	}
}

func (a *analyser) branch(p *parse.PipeNode, list, orElse *parse.ListNode, dot reference, with bool) {
	a.at(p.Position())
	depth, guards := len(a.vars), len(a.guards)
	r := a.pipe(p, dot, true)
	a.show(result{flows: r.flows})
	if len(p.Decl) > 0 {
		a.assign(p, r)
	}
	outer := a.inner
	defer func() { a.inner = outer }()
	a.inner = len(a.guards)
	a.guards = append(a.guards, r.flows...)
	inside := dot
	if with {
		inside = r.ref
		if !r.plain {
			inside = reference{}
		}
	}
	inner, needs := len(a.vars), len(a.inside)
	a.inside = append(a.inside, a.needs(p, r, dot)...)
	a.list(list, inside)
	a.vars, a.inside = a.vars[:inner], a.inside[:needs]
	a.list(orElse, dot)
	a.vars, a.guards = a.vars[:depth], a.guards[:guards]
}

func (a *analyser) loopOver(n *parse.RangeNode, dot reference) {
	a.at(n.Pos)
	depth, guards := len(a.vars), len(a.guards)
	r := a.pipe(n.Pipe, dot, true)
	a.whole(r.ref, n.Pipe.Pos)
	a.show(result{flows: r.flows})
	number := int32(len(a.loop))
	if a.ranges == nil {
		a.ranges = map[*parse.RangeNode]int32{}
	}
	a.ranges[n] = number
	var element reference
	if r.ref.kind == valueRef && r.plain {
		element = r.ref.field([]string{elementStep + strconv.Itoa(int(number))})
		a.loop = append(a.loop, r.ref)
	} else {
		a.loop = append(a.loop, reference{})
	}
	flows := r.flows
	if element.kind == valueRef {
		flows = nil
	}
	switch len(n.Pipe.Decl) {
	case 1:
		a.vars = append(a.vars, variable{name: n.Pipe.Decl[0].Ident[0], ref: element, flows: flows})
	case 2:
		a.vars = append(a.vars, variable{name: n.Pipe.Decl[0].Ident[0], flows: r.flows}, variable{name: n.Pipe.Decl[1].Ident[0], ref: element, flows: flows})
	}
	outer := a.inner
	defer func() { a.inner = outer }()
	a.inner = len(a.guards)
	a.guards = append(a.guards, r.flows...)
	inner, needs := len(a.vars), len(a.inside)
	a.inside = append(a.inside, a.needs(n.Pipe, r, dot)...)
	a.list(n.List, element)
	a.vars, a.inside = a.vars[:inner], a.inside[:needs]
	a.list(n.ElseList, dot)
	a.vars, a.guards = a.vars[:depth], a.guards[:guards]
}

// needs returns the values that a condition needs to hold: the one that it is, or those that it joins by and.
func (a *analyser) needs(p *parse.PipeNode, r result, dot reference) [][]string {
	if r.plain && r.ref.valued() && !slices.ContainsFunc(r.ref.path, isElement) && len(p.Cmds) == 1 && len(p.Cmds[0].Args) == 1 {
		return [][]string{r.ref.path}
	}
	if id, ok := p.Cmds[0].Args[0].(*parse.IdentifierNode); !ok || id.Ident != "and" || len(p.Cmds) != 1 {
		return nil
	}
	var paths [][]string
	known := len(a.reads)
	for _, arg := range p.Cmds[0].Args[1:] {
		switch arg.(type) {
		case *parse.FieldNode, *parse.VariableNode:
			if part := a.term(arg, dot, true); part.plain && part.ref.valued() && !slices.ContainsFunc(part.ref.path, isElement) {
				paths = append(paths, part.ref.path)
			}
		}
	}
	a.reads = a.reads[:known]
	return paths
}

// dependsOn returns the values that decide what a line does: those that it reads, or, where it fails on purpose, those of the
// condition that leads there.
func (f *facts) dependsOn(s *source, line int) [][]string {
	var values [][]string
	add := func(path []string) {
		if at := slices.IndexFunc(path, isElement); at >= 0 {
			path = path[:at]
		}
		if !slices.ContainsFunc(values, func(p []string) bool { return slices.Equal(p, path) }) {
			values = append(values, path)
		}
	}
	purpose := false
	for _, d := range f.fails {
		if d.line == line {
			purpose = true
			for _, path := range d.values {
				add(path)
			}
		}
	}
	if purpose {
		return values
	}
	for _, r := range f.reads {
		if s.line(r.offset) == line {
			add(r.path)
		}
	}
	for _, shown := range f.on(line) {
		add(shown.path)
	}
	return values
}

// pipe evaluates commands, each of which has the one before as its last argument.
func (a *analyser) pipe(p *parse.PipeNode, dot reference, guarded bool) result {
	var r result
	for i, c := range p.Cmds {
		var last *result
		if i > 0 {
			last = &r
		}
		// What a later command makes harmless is harmless here.
		soft := guarded
		for _, later := range p.Cmds[i+1:] {
			if id, ok := later.Args[0].(*parse.IdentifierNode); ok && guarding(id.Ident) {
				soft = true
			}
		}
		r = a.command(c, dot, last, soft)
	}
	return r
}

func (a *analyser) command(c *parse.CommandNode, dot reference, last *result, guarded bool) result {
	id, ok := c.Args[0].(*parse.IdentifierNode)
	if !ok {
		r := a.term(c.Args[0], dot, guarded)
		for _, arg := range c.Args[1:] { // of a method, such as .Files.Get
			r.flows = append(slices.Clip(r.flows), a.term(arg, dot, guarded).flows...)
			r.plain, r.ref = false, reference{}
		}
		if last != nil {
			r.flows = append(slices.Clip(r.flows), last.flows...)
		}
		return r
	}
	name := id.Ident
	guarded = guarded || guarding(name)
	if name == "fail" {
		a.fails = append(a.fails, decision{a.line, slices.Clone(a.guards[a.inner:])})
	}
	switch name {
	case "index", "get", "hasKey", "dig":
		if r, ok := a.lookup(name, c, dot, last, guarded); ok {
			return r
		}
		name = "" // by a key that is computed it reads any part of its object
	}
	args := make([]result, 0, len(c.Args))
	var flows [][]string
	for _, arg := range c.Args[1:] {
		r := a.term(arg, dot, guarded)
		if !scalar(name) {
			a.whole(r.ref, arg.Position())
		}
		args = append(args, r)
		flows = append(flows, r.flows...)
	}
	if last != nil {
		if !scalar(name) {
			a.whole(last.ref, c.Pos)
		}
		args = append(args, *last)
		flows = append(flows, last.flows...)
	}
	r := result{flows: flows}
	if len(args) == 0 {
		return r
	}
	switch name {
	case "quote", "squote", "toString", "int", "int64", "float64", "trim", "toYaml", "mustToYaml", "toYamlPretty", "toJson", "toRawJson", "mustToJson",
		"nindent", "indent", "default", "required", "deepCopy", "mustDeepCopy":
		r.ref, r.plain = args[len(args)-1].ref, args[len(args)-1].plain
	case "ternary":
		r.ref, r.plain = args[0].ref, args[0].plain
	case "or", "coalesce":
		for _, arg := range args {
			if arg.ref.valued() && arg.plain {
				r.ref, r.plain = arg.ref, true
				break
			}
		}
	}
	return r
}

// lookup evaluates the functions that go on by a name that is written out.
func (a *analyser) lookup(name string, c *parse.CommandNode, dot reference, last *result, guarded bool) (result, bool) {
	args := c.Args[1:]
	var object parse.Node
	var keys []parse.Node
	switch {
	case name == "dig" && len(args) >= 2 && last != nil:
		keys = args[:len(args)-1]
	case name == "dig" && len(args) >= 3:
		keys, object = args[:len(args)-2], args[len(args)-1]
	case name == "dig" || len(args) < 2:
		return result{}, false
	default:
		object, keys = args[0], args[1:]
	}
	steps := make([]string, 0, len(keys))
	for _, k := range keys {
		switch k := k.(type) {
		case *parse.StringNode:
			steps = append(steps, k.Text)
		case *parse.NumberNode:
			if !k.IsInt {
				return result{}, false
			}
			steps = append(steps, strconv.FormatInt(k.Int64, 10))
		default:
			return result{}, false
		}
	}
	var of result
	if object != nil {
		mark := len(a.reads)
		of = a.term(object, dot, guarded)
		a.reads = a.reads[:min(mark, len(a.reads))] // read as a part of the longer path
	} else {
		of = *last
	}
	if of.ref.kind != valueRef || !of.plain {
		return result{flows: of.flows}, true
	}
	ref := of.ref.field(steps)
	a.read(ref, c.Pos, guarded)
	return result{ref: ref, flows: [][]string{ref.path}, plain: true}, true
}

// term evaluates an argument.
func (a *analyser) term(n parse.Node, dot reference, guarded bool) result {
	var ref reference
	switch n := n.(type) {
	case *parse.DotNode:
		ref = dot
	case *parse.FieldNode:
		ref = dot.field(n.Ident)
	case *parse.VariableNode:
		for i := len(a.vars) - 1; i >= 0; i-- {
			if v := a.vars[i]; v.name == n.Ident[0] {
				tested := slices.ContainsFunc(a.guards, func(path []string) bool { return slices.Equal(path, v.ref.path) })
				if !guarded && !tested {
					for _, read := range v.soft {
						a.reads[read].guarded = false
					}
				}
				if ref = v.ref.field(n.Ident[1:]); ref.kind == unknownRef {
					return result{flows: v.flows}
				}
				// The variable's own value was read where it was set.
				r := a.use(ref, n.Pos, guarded || len(n.Ident) == 1)
				r.flows = append(slices.Clip(v.flows), r.flows...)
				return r
			}
		}
	case *parse.ChainNode:
		r := a.term(n.Node, dot, guarded)
		if r.plain || r.ref.kind == contextRef {
			ref = r.ref.field(n.Field)
		} else {
			ref = reference{}.field(n.Field)
		}
		if ref.kind == unknownRef {
			return result{flows: r.flows}
		}
	case *parse.PipeNode:
		return a.pipe(n, dot, guarded)
	case *parse.IdentifierNode:
		return a.command(&parse.CommandNode{Pos: n.Pos, Args: []parse.Node{n}}, dot, nil, guarded)
	}
	return a.use(ref, n.Position(), guarded)
}

func (a *analyser) use(ref reference, pos parse.Pos, guarded bool) result {
	if ref.kind == valueRef && len(ref.path) == 0 {
		return result{ref: ref, flows: [][]string{{}}, plain: true} // all values
	}
	if !ref.valued() {
		return result{ref: ref, plain: ref.kind != unknownRef}
	}
	a.read(ref, pos, guarded)
	return result{ref: ref, flows: [][]string{ref.path}, plain: true}
}

// read notes that a value is read.
func (a *analyser) read(ref reference, pos parse.Pos, guarded bool) {
	if !ref.valued() {
		return
	}
	r := valueRead{path: ref.path, offset: int(pos), guarded: guarded, node: a.node, inside: slices.Clone(a.inside)}
	if at := slices.IndexFunc(r.path, isElement); at >= 0 {
		r.path, r.guarded, r.dynamic = r.path[:at], true, true
	}
	for _, g := range a.guards {
		if len(g) <= len(ref.path) && slices.Equal(g, ref.path[:len(g)]) {
			if len(g) == len(ref.path) {
				r.guarded = true
			}
			r.under = append(r.under, g)
		}
	}
	if len(r.path) > 0 {
		a.reads = append(a.reads, r)
	}
}

// whole notes that everything below a value is used, or in a way that cannot be known.
func (a *analyser) whole(ref reference, pos parse.Pos) {
	if ref.kind != valueRef {
		return
	}
	for i := len(a.reads) - 1; i >= 0 && i >= len(a.reads)-3; i-- {
		if slices.Equal(a.reads[i].path, ref.path) {
			a.reads[i].dynamic = true
			return
		}
	}
	if len(ref.path) == 0 {
		a.reads = append(a.reads, valueRead{offset: int(pos), guarded: true, dynamic: true, node: a.node})
	}
}

func isElement(step string) bool { return strings.HasPrefix(step, elementStep) }

// guarding reports whether a function takes a missing value in its stride.
func guarding(name string) bool {
	switch name {
	case "default", "and", "or", "not", "empty", "coalesce", "hasKey", "required", "ternary", "get", "dig", "kindIs", "kindOf", "typeIs", "typeOf",
		"any", "all", "compact":
		return true
	}
	return false
}

// scalar reports whether a function reads nothing below its arguments.
func scalar(name string) bool {
	switch name {
	case "quote", "squote", "toString", "int", "int64", "float64", "atoi", "trim", "trimAll", "trimSuffix", "trimPrefix", "upper", "lower", "title", "untitle",
		"printf", "print", "println", "cat", "hasPrefix", "hasSuffix", "contains", "replace", "regexMatch", "mustRegexMatch", "regexFind", "regexReplaceAll",
		"regexReplaceAllLiteral", "eq", "ne", "lt", "le", "gt", "ge", "add", "add1", "addf", "sub", "subf", "mul", "mulf", "div", "divf", "mod", "floor", "ceil",
		"round", "max", "maxf", "min", "minf", "trunc", "abbrev", "substr", "nospace", "b64enc", "b64dec", "sha1sum", "sha256sum", "adler32sum", "snakecase",
		"camelcase", "kebabcase", "default", "required", "ternary", "empty", "not", "and", "or", "hasKey", "kindIs", "kindOf", "typeIs", "typeOf", "len",
		"semver", "semverCompare", "until", "untilStep", "repeat", "indent", "nindent", "split", "splitList", "splitn", "urlquery", "lookup", "fail",
		"index", "get", "dig", "date", "htpasswd", "bcrypt":
		return true
	}
	return false
}
