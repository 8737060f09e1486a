package render

import (
	"bytes"
	"slices"
	"strings"
	"text/template/parse"
)

// Shapes describes which names can be in what the templates of a chart render to, for a search that must not render each chart. It knows
// what a name is put together from: text, the names of the chart and the release, and values, whose text is in their files.
type Shapes struct {
	open bool     // any name
	all  []string // patterns: see piece
}

// What stands in a pattern for what is not text of a template. A pattern is a name or, around values, a part of one.
const (
	chartPiece     = "\x01"
	releasePiece   = "\x02"
	namespacePiece = "\x03"
	valuePiece     = "\x04" // a part of a value
)

// maxShapes is the number of patterns at one place of a template above which any name is possible.
const maxShapes = 100

// Escaped reports whether a text of YAML or of a template may stand for names that it does not have: by escapes, all but those of blanks and
// quotes, or by tags that may decode it.
func Escaped(text []byte) bool {
	for _, tag := range []string{"!!", "!binary", "tag:yaml", "%TAG"} {
		if bytes.Contains(text, []byte(tag)) {
			return true
		}
	}
	for {
		i := bytes.IndexByte(text, '\\')
		if i < 0 {
			return false
		}
		if i+1 == len(text) || bytes.IndexByte([]byte(`nrt" `), text[i+1]) < 0 {
			return true
		}
		text = text[i+2:]
	}
}

// ShapesKey returns the part of a template's text that [NewShapes] depends on. What is above it are lines without actions: the names in
// them are in the text.
func ShapesKey(text []byte) []byte {
	at := bytes.Index(text, []byte("{{"))
	if at < 0 {
		return text
	}
	head := string(text[:at+2])
	return text[len(head)-len(bodyOf(head).text):]
}

// NewShapes looks at the templates of a chart, all files of them.
func NewShapes(texts []string) *Shapes {
	s := &shaper{trees: map[string]*parse.Tree{}, vars: map[*parse.Tree]map[string]class{}, done: map[string]*shape{}}
	var mains []*parse.Tree
	for _, text := range texts {
		if Escaped([]byte(text)) {
			return &Shapes{open: true}
		}
		tree := parse.New("main")
		tree.Mode = parse.SkipFuncCheck
		trees := map[string]*parse.Tree{}
		if _, err := tree.Parse(text, "", "", trees); err != nil {
			return &Shapes{open: true}
		}
		for name, t := range trees {
			switch {
			case name == "main":
				mains = append(mains, t)
			case s.trees[name] != nil:
				return &Shapes{open: true} // which of the two counts depends on the names of files
			default:
				s.trees[name] = t
			}
		}
	}
	out := &Shapes{}
	for _, t := range mains {
		out.all = append(out.all, s.closed(s.tree(t))...)
	}
	slices.Sort(out.all)
	out.all = slices.DeleteFunc(slices.Compact(out.all), func(p string) bool { return p == "" || p == valuePiece || !strings.ContainsAny(p, "\x01\x02\x03\x04") })
	if out.open = s.open; out.open {
		out.all = nil
	}
	return out
}

// May reports whether a chart can render a name that neither a text of its files nor the names given have: made of parts.
func (s *Shapes) May(name, chart, release, namespace string) bool {
	return s.open || slices.ContainsFunc(s.all, func(p string) bool { return fits(p, name, chart, release, namespace) })
}

// fits reports whether a name is a pattern in which any text can be at each value.
func fits(pattern, name, chart, release, namespace string) bool {
	for i := range len(pattern) {
		text := pattern[i : i+1]
		switch text {
		case valuePiece:
			for n := range len(name) + 1 {
				if fits(pattern[i+1:], name[n:], chart, release, namespace) {
					return true
				}
			}
			return false
		case chartPiece:
			text = chart
		case releasePiece:
			text = release
		case namespacePiece:
			text = namespace
		}
		rest, ok := strings.CutPrefix(name, text)
		if !ok {
			return false
		}
		name = rest
	}
	return name == ""
}

// class describes where an expression has its texts from.
type class int

const (
	values  class = iota + 1 // from values, or constants: each name in it is in a file of the chart
	rooted                   // the data of the chart
	chartOf                  // .Chart
	releaseOf
	chartName
	releaseName
	namespaceName
	anything
)

// shape describes the names in a text, as patterns.
type shape struct {
	whole  []string // the text, where all of it is a part of one name
	before []string // up to the first character that is none of a name, where there is one
	after  []string // from the last such character on
	inside []string // between these
}

func textShape(text string) *shape {
	runs := strings.FieldsFunc(" "+text+" ", func(r rune) bool { return !nameRune(r) })
	if !strings.ContainsFunc(text, func(r rune) bool { return !nameRune(r) }) {
		return &shape{whole: []string{text}}
	}
	s := &shape{before: []string{""}, after: []string{""}}
	if len(text) > 0 && nameRune(rune(text[0])) {
		s.before, runs = runs[:1], runs[1:]
	}
	if len(text) > 0 && nameRune(rune(text[len(text)-1])) {
		s.after, runs = runs[len(runs)-1:], runs[:len(runs)-1]
	}
	s.inside = runs
	return s
}

func nameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' || r == '_'
}

// apart is the same with or without something around it that is not part of a name, such as quotes.
func (s *shape) apart() *shape {
	return (&shape{whole: s.whole, before: []string{""}, after: []string{""}, inside: slices.Concat(s.whole, s.before, s.after)}).or(s)
}

func (s *shape) or(o *shape) *shape {
	return &shape{union(s.whole, o.whole), union(s.before, o.before), union(s.after, o.after), union(s.inside, o.inside)}
}

func (s *shape) then(o *shape) *shape {
	return &shape{
		whole: joined(s.whole, o.whole), before: union(s.before, joined(s.whole, o.before)), after: union(o.after, joined(s.after, o.whole)),
		inside: union(union(s.inside, o.inside), joined(s.after, o.before)),
	}
}

func (s *shape) tooMany() bool {
	return max(len(s.whole), len(s.before), len(s.after)) > maxShapes || len(s.inside) > 50*maxShapes
}

func union(a, b []string) []string {
	out := slices.Concat(a, b)
	slices.Sort(out)
	return slices.Compact(out)
}

func joined(a, b []string) []string {
	var out []string
	for _, x := range a {
		for _, y := range b {
			out = append(out, x+y)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// shaper finds the shapes of a chart's templates.
type shaper struct {
	trees map[string]*parse.Tree // of named templates
	vars  map[*parse.Tree]map[string]class
	done  map[string]*shape // of named templates with the data of the chart; nil while they are looked at
	at    *parse.Tree
	open  bool
}

// closed returns the names of a whole text.
func (s *shaper) closed(of *shape) []string {
	return slices.Concat(of.whole, of.before, of.after, of.inside)
}

func (s *shaper) any() *shape {
	s.open = true
	return &shape{}
}

func (s *shaper) tree(t *parse.Tree) *shape {
	outer := s.at
	defer func() { s.at = outer }()
	s.at = t
	vars := map[string]class{"$": rooted}
	s.vars[t] = vars
	for round := 0; ; round++ { // until nothing is assigned that was not known
		before := len(vars)
		sum := 0
		for _, c := range vars {
			sum += int(c)
		}
		s.assigned(t.Root, rooted)
		for _, c := range vars {
			sum -= int(c)
		}
		if len(vars) == before && sum == 0 {
			break
		}
		if round > 10 {
			return s.any()
		}
	}
	return s.list(t.Root, rooted)
}

// assigned notes what variables hold, wherever they are assigned.
func (s *shaper) assigned(n parse.Node, dot class) {
	branch := func(b *parse.BranchNode, inner class) {
		s.declare(b.Pipe, dot)
		s.assigned(b.List, inner)
		if b.ElseList != nil {
			s.assigned(b.ElseList, dot)
		}
	}
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, each := range n.Nodes {
				s.assigned(each, dot)
			}
		}
	case *parse.ActionNode:
		s.declare(n.Pipe, dot)
	case *parse.IfNode:
		branch(&n.BranchNode, dot)
	case *parse.WithNode:
		branch(&n.BranchNode, s.pipe(n.Pipe, dot).class)
	case *parse.RangeNode:
		branch(&n.BranchNode, elementOf(s.pipe(n.Pipe, dot).class))
	}
}

// elementOf is what an element of something is.
func elementOf(c class) class {
	if c == values {
		return values
	}
	return anything
}

func (s *shaper) declare(p *parse.PipeNode, dot class) {
	if p == nil || len(p.Decl) == 0 {
		return
	}
	c := s.pipe(p, dot).class
	if len(p.Decl) > 1 {
		c = elementOf(c)
	}
	for _, v := range p.Decl {
		name := v.Ident[0]
		if known := s.vars[s.at][name]; known != 0 && known != c {
			c = anything
		}
		s.vars[s.at][name] = c
	}
}

func (s *shaper) list(l *parse.ListNode, dot class) *shape {
	out := &shape{whole: []string{""}}
	if l == nil {
		return out
	}
	for _, n := range l.Nodes {
		if s.open {
			break
		}
		switch n := n.(type) {
		case *parse.TextNode:
			out = out.then(textShape(string(n.Text)))
		case *parse.ActionNode:
			if len(n.Pipe.Decl) == 0 {
				out = out.then(s.printed(s.pipe(n.Pipe, dot)))
			}
		case *parse.IfNode:
			out = out.then(s.list(n.List, dot).or(s.list(n.ElseList, dot)))
		case *parse.WithNode:
			out = out.then(s.list(n.List, s.pipe(n.Pipe, dot).class).or(s.list(n.ElseList, dot)))
		case *parse.RangeNode:
			once := s.list(n.List, elementOf(s.pipe(n.Pipe, dot).class))
			if slices.ContainsFunc(once.whole, func(w string) bool { return w != "" }) {
				return s.any() // may be repeated without end
			}
			out = out.then(once.then(once).or(once).or(s.list(n.ElseList, dot)).or(&shape{whole: []string{""}}))
		case *parse.TemplateNode:
			given := anything
			if n.Pipe != nil {
				given = s.pipe(n.Pipe, dot).class
			}
			out = out.then(s.named(n.Name, given))
		case *parse.CommentNode:
		default:
			return s.any()
		}
		if out.tooMany() {
			return s.any()
		}
	}
	return out
}

// named is what a named template gives.
func (s *shaper) named(name string, data class) *shape {
	t := s.trees[name]
	if t == nil || data != rooted {
		return s.any()
	}
	known, seen := s.done[name]
	if seen {
		if known == nil {
			return s.any() // it is in itself
		}
		return known
	}
	s.done[name] = nil
	s.done[name] = s.tree(t)
	return s.done[name]
}

// A shapedValue is that of an expression; shape is set for text that is put together.
type shapedValue struct {
	class class
	shape *shape
}

// printed is what an expression writes.
func (s *shaper) printed(v shapedValue) *shape {
	piece := func(p string) *shape { return &shape{whole: []string{p}} }
	switch {
	case v.shape != nil:
		return v.shape
	case v.class == chartName:
		return piece(chartPiece)
	case v.class == releaseName:
		return piece(releasePiece)
	case v.class == namespaceName:
		return piece(namespacePiece)
	case v.class == values:
		parts := []string{"", valuePiece}
		return &shape{whole: parts, before: parts, after: parts}
	}
	return s.any()
}

func (s *shaper) pipe(p *parse.PipeNode, dot class) shapedValue {
	v := shapedValue{class: anything}
	for i, c := range p.Cmds {
		var last []shapedValue
		if i > 0 {
			last = []shapedValue{v}
		}
		v = s.command(c, dot, last)
	}
	return v
}

func (s *shaper) command(c *parse.CommandNode, dot class, last []shapedValue) shapedValue {
	f, ok := c.Args[0].(*parse.IdentifierNode)
	if !ok {
		if len(c.Args) > 1 || len(last) > 0 {
			return shapedValue{class: anything}
		}
		return s.argument(c.Args[0], dot)
	}
	args := make([]shapedValue, 0, len(c.Args))
	for _, a := range c.Args[1:] {
		args = append(args, s.argument(a, dot))
	}
	args = append(args, last...)
	plain := func(v shapedValue) bool {
		return v.shape == nil && (v.class == values || v.class == chartName || v.class == releaseName || v.class == namespaceName)
	}
	switch {
	case f.Ident == "include" && len(args) == 2 && len(c.Args) > 1:
		if name, ok := c.Args[1].(*parse.StringNode); ok && args[1].class == rooted {
			return shapedValue{class: anything, shape: s.included(name.Text)}
		}
	case f.Ident == "printf" && len(c.Args) > 1:
		if format, ok := c.Args[1].(*parse.StringNode); ok {
			return s.formatted(format.Text, args[1:])
		}
	case answersOnly[f.Ident]:
		return shapedValue{class: values}
	case wrapping[f.Ident] && len(args) > 0 && args[len(args)-1].shape != nil:
		if !slices.ContainsFunc(args[:len(args)-1], func(v shapedValue) bool { return v.class != values }) {
			return shapedValue{class: anything, shape: args[len(args)-1].shape.apart()}
		}
	case wrapping[f.Ident] && len(args) == 1 && plain(args[0]) && args[0].class != values:
		return shapedValue{class: anything, shape: s.printed(args[0]).apart()}
	case taking[f.Ident] || wrapping[f.Ident]:
		if !slices.ContainsFunc(args, func(v shapedValue) bool { return !plain(v) }) {
			return shapedValue{class: values}
		}
	}
	return shapedValue{class: anything}
}

// included is what a named template gives to an expression, which may never print it.
func (s *shaper) included(name string) *shape {
	if s.open {
		return nil
	}
	out := s.named(name, rooted)
	if s.open {
		return nil
	}
	return out
}

func (s *shaper) argument(n parse.Node, dot class) shapedValue {
	of := func(c class, fields []string) shapedValue {
		for _, f := range fields {
			c = fieldOf(c, f)
		}
		return shapedValue{class: c}
	}
	switch n := n.(type) {
	case *parse.DotNode:
		return of(dot, nil)
	case *parse.FieldNode:
		return of(dot, n.Ident)
	case *parse.VariableNode:
		c := s.vars[s.at][n.Ident[0]]
		if c == 0 {
			c = anything
		}
		return of(c, n.Ident[1:])
	case *parse.ChainNode:
		v := s.argument(n.Node, dot)
		if v.shape != nil {
			return shapedValue{class: anything}
		}
		return of(v.class, n.Field)
	case *parse.StringNode, *parse.NumberNode, *parse.BoolNode, *parse.NilNode:
		return of(values, nil)
	case *parse.PipeNode:
		return s.pipe(n, dot)
	case *parse.IdentifierNode:
		return s.command(&parse.CommandNode{Args: []parse.Node{n}}, dot, nil)
	}
	return of(anything, nil)
}

func fieldOf(c class, field string) class {
	switch {
	case c == values:
		return values
	case c == rooted && field == "Values":
		return values
	case c == rooted && field == "Chart":
		return chartOf
	case c == rooted && field == "Release":
		return releaseOf
	case c == chartOf && field == "Name":
		return chartName
	case c == chartOf:
		return values // of Chart.yaml
	case c == releaseOf && field == "Name":
		return releaseName
	case c == releaseOf && field == "Namespace":
		return namespaceName
	}
	return anything
}

// formatted is what printf gives.
func (s *shaper) formatted(format string, args []shapedValue) shapedValue {
	out := &shape{whole: []string{""}}
	for format != "" {
		text, rest, verb := strings.Cut(format, "%")
		out = out.then(textShape(text))
		if !verb {
			break
		}
		if rest == "" || !strings.Contains("sv", rest[:1]) || len(args) == 0 {
			return shapedValue{class: anything}
		}
		if args[0].shape == nil && (args[0].class == anything || args[0].class == rooted || args[0].class == chartOf || args[0].class == releaseOf) {
			return shapedValue{class: anything}
		}
		out = out.then(s.printed(args[0]))
		format, args = rest[1:], args[1:]
	}
	if len(args) > 0 || out.tooMany() {
		return shapedValue{class: anything}
	}
	return shapedValue{class: anything, shape: out}
}

func names(list string) map[string]bool {
	m := map[string]bool{}
	for _, name := range strings.Fields(list) {
		m[name] = true
	}
	return m
}

var (
	// answersOnly gives numbers and booleans, or nothing.
	answersOnly = names(`add add1 ceil div empty eq fail float64 floor ge gt has hasKey hasPrefix hasSuffix contains int int64 kindIs le len lt max maxf min minf mod
		mul mulf ne not regexMatch round semverCompare sub typeIs atoi`)
	// taking gives what its arguments hold, or parts of it.
	taking = names(`and coalesce compact concat default dict dig first get index initial keys last list omit or pick pluck regexFind required rest reverse
		slice sortAlpha ternary trimAll trimPrefix trimSuffix trunc tuple uniq until values without`)
	// wrapping gives its last argument, with something around it or not.
	wrapping = names(`indent nindent quote squote toString toYaml trim`)
)
