package cel

import (
	"slices"
	"strings"
)

// op is what a formula says.
type op byte

const (
	opAtom op = iota
	opAnd     // true without parts
	opOr      // false without parts
	opNot
	opExists // some element of a list
)

// formula is a condition in CEL. The functions that make one simplify it.
type formula struct {
	op       op
	text     string     // of an atom
	inverse  string     // the negation of an atom, if there is a shorter one than !(…)
	path     []string   // of an atom that says that a field is set: its steps, the first of which is a variable
	parts    []*formula // of and, or, not, exists
	variable string     // of exists
	list     string     // of exists

	id      string   // see key
	negated *formula // see not
}

var (
	yes = &formula{op: opAnd}
	no  = &formula{op: opOr}
)

func (f *formula) is(other *formula) bool { return f == other || f.key() == other.key() }

func truth(b bool) *formula {
	if b {
		return yes
	}
	return no
}

func atom(text string) *formula { return &formula{text: text} }

// comparison is an atom that reads better with another operator than with a negation.
func comparison(left, operator, right string) *formula {
	inverse := map[string]string{"==": "!=", "!=": "=="}[operator]
	f := &formula{text: left + " " + operator + " " + right}
	if inverse != "" {
		f.inverse = left + " " + inverse + " " + right
	}
	return f
}

// isSet says that a field is set.
func isSet(path []string) *formula {
	text := path[0]
	for _, step := range path[1:] {
		text += optional(step)
	}
	return &formula{text: text + ".hasValue()", path: path}
}

// key identifies a formula.
func (f *formula) key() string {
	if f.id != "" {
		return f.id
	}
	if f.op == opAtom {
		return f.text
	}
	var b strings.Builder
	b.WriteByte("a&|!e"[f.op])
	b.WriteString(f.variable + "\x01" + f.list + "(")
	for _, p := range f.parts {
		b.WriteString(p.key() + "\x00")
	}
	b.WriteByte(')')
	f.id = b.String()
	return f.id
}

func and(parts ...*formula) *formula {
	var flat []*formula
	for _, p := range parts {
		switch {
		case p.is(no):
			return no
		case p.op == opAnd:
			flat = append(flat, p.parts...)
		default:
			flat = append(flat, p)
		}
	}
	flat = distinct(flat)
	known := keys(flat)
	for i, p := range flat {
		if known[not(p).key()] {
			return no
		}
		if p.op == opOr { // what holds anyway satisfies an alternative, or drops out of it
			if less := or(relieved(p.parts, flat, i)...); !less.is(p) {
				flat[i] = less
				return and(flat...)
			}
		}
	}
	flat = slices.DeleteFunc(flat, func(p *formula) bool { return implied(p, flat) })
	if len(flat) == 1 {
		return flat[0]
	}
	return &formula{op: opAnd, parts: flat}
}

func keys(parts []*formula) map[string]bool {
	known := make(map[string]bool, len(parts))
	for _, p := range parts {
		known[p.key()] = true
	}
	return known
}

// relieved returns alternatives without what the other parts of a conjunction decide.
func relieved(alternatives, all []*formula, self int) []*formula {
	others := slices.Delete(slices.Clone(all), self, self+1)
	known := keys(others)
	holds := func(p *formula) bool { return known[p.key()] || implied(p, others) }
	fails := func(p *formula) bool { return known[not(p).key()] || p.op == opNot && implied(p.parts[0], others) }
	out := make([]*formula, len(alternatives))
	for i, a := range alternatives {
		out[i] = a
		switch {
		case holds(a):
			out[i] = yes
		case fails(a):
			out[i] = no
		case a.op == opAnd && slices.ContainsFunc(a.parts, fails):
			out[i] = no
		case a.op == opAnd:
			out[i] = and(slices.DeleteFunc(slices.Clone(a.parts), holds)...)
		}
	}
	return out
}

// implied says whether another part of a conjunction makes a field be set: one below it is.
func implied(p *formula, all []*formula) bool {
	if p.path == nil {
		return false
	}
	return slices.ContainsFunc(all, func(q *formula) bool {
		return q != p && len(q.path) > len(p.path) && slices.Equal(q.path[:len(p.path)], p.path)
	})
}

func or(parts ...*formula) *formula {
	var flat []*formula
	for _, p := range parts {
		switch {
		case p.is(yes):
			return yes
		case p.op == opOr:
			flat = append(flat, p.parts...)
		default:
			flat = append(flat, p)
		}
	}
	flat = distinct(flat)
	known := keys(flat)
	for _, p := range flat {
		if known[not(p).key()] {
			return yes
		}
	}
	for i, p := range flat { // !a || a && b = !a || b
		if p.op != opAnd {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(p.parts), func(f *formula) bool { return known[not(f).key()] })
		if len(rest) < len(p.parts) {
			flat[i] = and(rest...)
			return or(flat...)
		}
		if slices.ContainsFunc(p.parts, func(f *formula) bool { return known[f.key()] }) { // a || a && b = a
			return or(slices.Delete(flat, i, i+1)...)
		}
	}
	if len(flat) <= 60 {
		for i, p := range flat {
			for j := i + 1; j < len(flat); j++ {
				if united := unite(p, flat[j]); united != nil {
					flat[i] = united
					return or(slices.Delete(flat, j, j+1)...)
				}
			}
		}
	}
	if len(flat) == 1 {
		return flat[0]
	}
	return &formula{op: opOr, parts: flat}
}

func conjuncts(f *formula) []*formula {
	if f.op == opAnd {
		return f.parts
	}
	return []*formula{f}
}

// unite writes a && b || a && c as a && (b || c), or returns nil if two alternatives have nothing in common.
func unite(p, q *formula) *formula {
	left, right := conjuncts(p), conjuncts(q)
	split := func(of, other []*formula) (common, rest []*formula) {
		known := keys(other)
		for _, f := range of {
			if known[f.key()] || implied(f, other) {
				common = append(common, f)
			} else {
				rest = append(rest, f)
			}
		}
		return common, rest
	}
	common, b := split(left, right)
	fromRight, c := split(right, left)
	if len(common)+len(fromRight) == 0 {
		return nil
	}
	return and(append(append(common, fromRight...), or(and(b...), and(c...)))...)
}

func distinct(parts []*formula) []*formula {
	var out []*formula
	seen := map[string]bool{}
	for _, p := range parts {
		if key := p.key(); !seen[key] {
			seen[key] = true
			out = append(out, p)
		}
	}
	return out
}

func not(f *formula) *formula {
	if f.negated == nil {
		f.negated = negation(f)
	}
	return f.negated
}

func negation(f *formula) *formula {
	switch f.op {
	case opNot:
		return f.parts[0]
	case opAnd:
		if len(f.parts) == 0 {
			return no
		}
		if slices.ContainsFunc(f.parts, func(p *formula) bool { return p.op == opNot || p.inverse != "" }) {
			return or(each(f.parts, not)...)
		}
	case opOr:
		return and(each(f.parts, not)...)
	case opAtom:
		if f.inverse != "" {
			return &formula{text: f.inverse, inverse: f.text}
		}
	}
	return &formula{op: opNot, parts: []*formula{f}}
}

func each(parts []*formula, change func(*formula) *formula) []*formula {
	out := make([]*formula, len(parts))
	for i, p := range parts {
		out[i] = change(p)
	}
	return out
}

// exists says that a condition holds for an element of a list. What does not mention the element stays outside.
func exists(variable, list string, f *formula) *formula {
	if f.is(no) {
		return no
	}
	if f.is(yes) {
		return comparison("size("+list+")", "!=", "0")
	}
	parts := []*formula{f}
	if f.op == opAnd {
		parts = f.parts
	}
	var inside, outside []*formula
	for _, p := range parts {
		if mentions(p, variable) {
			inside = append(inside, p)
		} else {
			outside = append(outside, p)
		}
	}
	if len(outside) > 0 {
		return and(append(outside, exists(variable, list, and(inside...)))...)
	}
	return &formula{op: opExists, variable: variable, list: list, parts: []*formula{f}}
}

func mentions(f *formula, variable string) bool {
	if f.op == opAtom {
		return hasWord(f.text, variable)
	}
	return f.op == opExists && hasWord(f.list, variable) || slices.ContainsFunc(f.parts, func(p *formula) bool { return mentions(p, variable) })
}

// hasWord finds a variable in an expression. Their names are in no text of a rule.
func hasWord(text, variable string) bool {
	for rest := text; ; {
		_, after, found := strings.Cut(rest, variable)
		if !found {
			return false
		}
		if after == "" || !isDigit(after[0]) {
			return true
		}
		rest = after
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// String writes the formula in CEL.
func (f *formula) String() string {
	switch f.op {
	case opAnd, opOr:
		if len(f.parts) == 0 {
			return map[op]string{opAnd: "true", opOr: "false"}[f.op]
		}
		texts := make([]string, len(f.parts))
		for i, p := range ranked(f.parts) {
			texts[i] = p.String()
			if f.op == opAnd && p.op == opOr {
				texts[i] = "(" + texts[i] + ")"
			}
		}
		return strings.Join(texts, map[op]string{opAnd: " && ", opOr: " || "}[f.op])
	case opNot:
		if p := f.parts[0]; p.op == opExists || p.op == opAtom && !strings.ContainsAny(p.text, " ") {
			return "!" + p.String()
		}
		return "!(" + f.parts[0].String() + ")"
	case opExists:
		if inside := not(f.parts[0]); inside.op != opNot && inside.op != opOr && f.parts[0].op == opNot {
			return "!" + f.list + ".all(" + f.variable + ", " + inside.String() + ")"
		}
		return f.list + ".exists(" + f.variable + ", " + f.parts[0].String() + ")"
	}
	return f.text
}

// ranked puts what says that a field is set first, as whoever reads or evaluates the rest needs it.
func ranked(parts []*formula) []*formula {
	rank := func(f *formula) int {
		if f.path != nil || f.op == opNot && f.parts[0].path != nil {
			return 0
		}
		return 1
	}
	return slices.SortedStableFunc(slices.Values(parts), func(a, b *formula) int { return rank(a) - rank(b) })
}

// lines writes a formula with a line for each of its parts, if it is a long one.
func (f *formula) lines() string {
	text := f.String()
	if len(text) < 100 || f.op != opAnd && f.op != opOr {
		return text
	}
	joint := map[op]string{opAnd: " &&\n", opOr: " ||\n"}[f.op]
	parts := ranked(f.parts)
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = p.String()
		if p.op == opOr || p.op == opAnd && f.op == opOr && len(texts[i]) > 100 {
			texts[i] = "(\n  " + strings.ReplaceAll(p.lines(), "\n", "\n  ") + "\n)"
		}
	}
	return strings.Join(texts, joint)
}
