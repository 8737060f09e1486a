package planrules

import "slices"

// Most rules about a repository look for the resources of a kind among all of them: [filter] is what a scan begins with, and [listed] knows
// where these are.

// filter is what the block of a scan asks each element first: whether the value of a field is one of some texts.
type filter struct {
	field string
	texts []string // sorted, as keys of an object or a set are
}

// filterOf returns that of a scan; nil if its block begins otherwise.
func (p *plan) filterOf(scan *instr) *filter {
	block := scan.x.blocks[0]
	if len(block) < 2 || block[0].op != opDot || block[0].a != scan.c || block[0].b >= 0 {
		return nil
	}
	field, ok := p.constants[^block[0].b].(string)
	if !ok {
		return nil
	}
	value, test := block[0].c, &block[1]
	var allowed any // the texts, or the keys of an object
	switch {
	case test.op == opEqual && test.a == value && test.b < 0:
		allowed = &array{[]any{p.constants[^test.b]}}
	case test.op == opEqual && test.b == value && test.a < 0:
		allowed = &array{[]any{p.constants[^test.a]}}
	case test.op == opDot && test.b == value && test.a < 0:
		allowed = p.constants[^test.a]
	case test.op == opBuiltin && test.x.fn == p.member && test.x.args[0] == value && test.x.args[1] < 0 && len(block) > 2 && p.isTrue(&block[2], test.c):
		allowed, ok = p.constants[^test.x.args[1]].(*set)
		if !ok {
			return nil
		}
	default:
		return nil
	}
	texts, ok := textsOf(allowed)
	if !ok {
		return nil
	}
	return &filter{field, texts}
}

// isTrue reports whether an instruction tests that a local, which is a truth value, is true.
func (p *plan) isTrue(in *instr, local int32) bool {
	return in.op == opNotEqual && in.a == local && in.b < 0 && p.constants[^in.b] == any(false)
}

// textsOf returns the elements of an array or set, or the keys of an object, if all of them are texts.
func textsOf(v any) (texts []string, ok bool) {
	var list []any
	switch v := v.(type) {
	case *array:
		list = v.elems
	case *set:
		list = v.inOrder()
	case *object:
		for _, p := range v.inOrder() {
			list = append(list, p.key)
		}
	default:
		return nil, false
	}
	for _, each := range list {
		text, ok := each.(string)
		if !ok {
			return nil, false
		}
		texts = append(texts, text)
	}
	return texts, true
}

// listed is what a machine knows of an array of data.
type listed struct {
	byField  map[string]map[string][]int32 // where the elements with a text in a field are
	filtered map[*filter][]int32
}

// lists returns those of data.repo.
func lists(repo any) map[*array]*listed {
	o, ok := repo.(*object)
	if !ok {
		return nil
	}
	out := map[*array]*listed{}
	for _, p := range o.pairs {
		if a, ok := p.value.(*array); ok {
			out[a] = &listed{map[string]map[string][]int32{}, map[*filter][]int32{}}
		}
	}
	return out
}

// those returns where the elements of an array are that pass a filter, in order.
func (l *listed) those(a *array, f *filter) []int32 {
	if found, known := l.filtered[f]; known {
		return found
	}
	of := l.byField[f.field]
	if of == nil {
		of = map[string][]int32{}
		for i, e := range a.elems {
			if text, ok := dot(e, f.field).(string); ok {
				of[text] = append(of[text], int32(i))
			}
		}
		l.byField[f.field] = of
	}
	var found []int32
	for _, text := range f.texts {
		found = append(found, of[text]...)
	}
	slices.Sort(found)
	l.filtered[f] = found
	return found
}
