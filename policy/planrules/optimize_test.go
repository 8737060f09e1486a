package planrules

import (
	"bytes"
	"errors"
	"slices"
)

// The optimizer makes fewer instructions of a function, which do the same. OPA assigns each result to a second local, writes constants
// out where they are used, and makes arrays and objects of constants anew each time.

// operands calls f with each operand that an instruction reads, which may change it.
func (in *instr) operands(f func(o *int32)) {
	for _, field := range shapes[in.op] {
		switch field {
		case 'a':
			if in.op != opBreak && in.op != opArray {
				f(&in.a)
			}
		case 'b':
			if in.op != opScan {
				f(&in.b)
			}
		case 'c':
			if in.op == opAppend || in.op == opInsert || in.op == opInsertOnce || in.op == opAdd || in.op == opOnce || in.op == opWith {
				f(&in.c)
			}
		case 'x':
			for i := range in.x.args {
				f(&in.x.args[i])
			}
		}
	}
}

func (in *instr) reads(local int32) bool {
	found := false
	in.operands(func(o *int32) { found = found || *o == local })
	return found
}

// writes calls f with each local that an instruction sets.
func (in *instr) writes(f func(o *int32)) {
	switch {
	case in.op == opScan:
		if in.b >= 0 {
			f(&in.b)
		}
		if in.c >= 0 {
			f(&in.c)
		}
	case in.op == opAppend || in.op == opInsert || in.op == opInsertOnce || in.op == opAdd: // what a local holds, and not the local
	case slices.Contains([]byte(shapes[in.op]), 'c'):
		f(&in.c)
	}
}

// each calls f for all instructions, those of inner blocks included.
func each(blocks [][]instr, f func(in *instr)) {
	for _, b := range blocks {
		for i := range b {
			f(&b[i])
			if b[i].x != nil {
				each(b[i].x.blocks, f)
			}
		}
	}
}

// usage is what a function does with its locals.
type usage struct {
	reads, writes map[int32]int
	tested        map[int32]bool  // whether it is defined matters, or it is a parameter
	constant      map[int32]int32 // of those that are only ever assigned one constant
	changed       map[int32]bool  // something is added to what they hold
}

func usageOf(fn *translated) *usage {
	u := &usage{map[int32]int{}, map[int32]int{}, map[int32]bool{}, map[int32]int32{}, map[int32]bool{}}
	for _, p := range fn.params {
		u.tested[p] = true
	}
	different := map[int32]bool{}
	each(fn.blocks, func(in *instr) {
		in.operands(func(o *int32) { u.reads[*o]++ })
		in.writes(func(o *int32) {
			u.writes[*o]++
			if known, ok := u.constant[*o]; in.op != opAssign || in.a >= 0 || ok && known != in.a {
				different[*o] = true
			}
			u.constant[*o] = in.a
		})
		switch in.op {
		case opIsDefined, opIsUndefined, opReturn:
			u.tested[in.a] = true
		case opReset, opOnce:
			u.tested[in.c] = true
		case opAppend, opInsert, opInsertOnce, opAdd:
			u.changed[in.c] = true
		}
	})
	for local := range different {
		delete(u.constant, local)
	}
	for local := range u.tested {
		delete(u.constant, local)
	}
	return u
}

// countLocals returns how often each local is named, and the first number that none has.
func countLocals(fn *translated) (total map[int32]int, next int32) {
	total = map[int32]int{}
	each(fn.blocks, func(in *instr) {
		in.locals(func(o *int32, _ bool) {
			total[*o]++
			next = max(next, *o+1)
		})
	})
	return total, next
}

// separate gives blocks that follow one another locals of their own. OPA counts locals anew in each.
func separate(fn *translated) {
	total, next := countLocals(fn)
	siblings := func(blocks [][]instr) {
		counts := map[int32]int{}
		writtenFirst := map[int32]bool{}
		for _, b := range blocks {
			seen := map[int32]bool{}
			each([][]instr{b}, func(in *instr) {
				in.locals(func(o *int32, write bool) {
					counts[*o]++
					if !seen[*o] {
						seen[*o] = true
						if before, known := writtenFirst[*o]; !known || before {
							writtenFirst[*o] = write
						}
					}
				})
			})
		}
		for _, b := range blocks {
			names := map[int32]int32{}
			each([][]instr{b}, func(in *instr) {
				in.locals(func(o *int32, _ bool) {
					if counts[*o] != total[*o] || !writtenFirst[*o] || slices.Contains(fn.params, *o) {
						return
					}
					if _, known := names[*o]; !known {
						names[*o] = next
						next++
					}
					*o = names[*o]
					total[*o]++
				})
			})
		}
	}
	siblings(fn.blocks)
	each(fn.blocks, func(in *instr) {
		if in.op == opBlock {
			siblings(in.x.blocks)
		}
	})
}

// locals calls f with each local that an instruction reads or writes, in this order.
func (in *instr) locals(f func(o *int32, write bool)) {
	in.operands(func(o *int32) {
		if *o >= 0 {
			f(o, false)
		}
	})
	if in.op != opOnce {
		in.writes(func(o *int32) { f(o, true) })
	}
}

// changesOwn makes sure that a function only changes values that it makes, or that are in one that it makes: all others are shared.
func changesOwn(fn *translated) error {
	made, other := map[int32]bool{}, map[int32]bool{}
	each(fn.blocks, func(in *instr) {
		if in.op == opArray || in.op == opObject || in.op == opSet {
			made[in.c] = true
		}
	})
	each(fn.blocks, func(in *instr) {
		in.writes(func(o *int32) {
			own := in.op == opArray || in.op == opObject || in.op == opSet || in.op == opReset || in.op == opDot && made[in.a]
			other[*o] = other[*o] || !own
		})
	})
	var err error
	each(fn.blocks, func(in *instr) {
		if in.op == opAppend || in.op == opInsert || in.op == opInsertOnce || in.op == opAdd {
			if !made[in.c] || other[in.c] {
				err = errors.New("an instruction changes a value that it did not make; the evaluator shares those")
			}
		}
	})
	return err
}

func (t *translator) optimize(fn *translated) error {
	separate(fn)
	err := changesOwn(fn)
	t.simplify(fn)
	return err
}

func (t *translator) simplify(fn *translated) {
	for before := []byte(nil); ; {
		now := appendBlocks(nil, fn.blocks)
		if bytes.Equal(now, before) {
			return
		}
		before = now
		shorter(fn)
		u := usageOf(fn)
		each(fn.blocks, func(in *instr) {
			in.operands(func(o *int32) {
				if c, ok := u.constant[*o]; ok {
					*o = c
				}
			})
		})
		u = usageOf(fn)
		fn.blocks = t.shrinkAll(fn.blocks, u)
	}
}

func (t *translator) shrinkAll(blocks [][]instr, u *usage) [][]instr {
	out := make([][]instr, len(blocks))
	for i, b := range blocks {
		out[i] = t.shrink(b, u)
	}
	return out
}

// shrink leaves out what nobody needs in a block.
func (t *translator) shrink(block []instr, u *usage) []instr {
	var out []instr
	for i := range block {
		in := block[i]
		if in.x != nil {
			in.x = &extra{fn: in.x.fn, args: in.x.args, blocks: t.shrinkAll(in.x.blocks, u)}
		}
		if in.op == opScan {
			scanInto(&in, u)
		}
		if in.op == opAssign && u.reads[in.c] == 0 && !u.tested[in.c] {
			continue
		}
		if n := len(out); n > 0 && joined(t, &out[n-1], &in, u) {
			continue
		}
		out = append(out, in)
	}
	for i := range out {
		t.fold(&out[i], u)
	}
	return out
}

// fold makes a constant of an array, object or set of constants that nothing is added to.
func (t *translator) fold(in *instr, u *usage) {
	if in.op != opArray && in.op != opObject && in.op != opSet || u.changed[in.c] {
		return
	}
	values := make([]any, len(in.x.args))
	for i, o := range in.x.args {
		if o >= 0 {
			return
		}
		values[i] = t.values[^o]
	}
	var v any
	switch in.op {
	case opArray:
		v = &array{values}
	case opObject:
		o := &object{}
		for i := 0; i < len(values); i += 2 {
			o.put(values[i], values[i+1])
		}
		v = o
	case opSet:
		s := &set{}
		for _, e := range values {
			s.add(e)
		}
		v = s
	}
	*in = instr{op: opAssign, a: t.constant(v), c: in.c}
}

// scanInto has a scan set what its block assigns the key and value to first.
func scanInto(in *instr, u *usage) {
	block := in.x.blocks[0]
	for len(block) > 0 && block[0].op == opAssign && u.writes[block[0].c] == 1 && !u.tested[block[0].c] {
		first := &block[0]
		switch {
		case first.a == in.b && first.a >= 0 && u.reads[first.a] == 1 && !u.tested[first.a]:
			in.b = first.c
		case first.a == in.c && first.a >= 0 && u.reads[first.a] == 1 && !u.tested[first.a]:
			in.c = first.c
		default:
			in.x.blocks[0] = block
			return
		}
		block = block[1:]
	}
	in.x.blocks[0] = block
	if in.b >= 0 && u.reads[in.b] == 0 && !u.tested[in.b] {
		in.b = noLocal
	}
	if in.c >= 0 && u.reads[in.c] == 0 && !u.tested[in.c] {
		in.c = noLocal
	}
}

// joined makes one instruction of two, the first of which it changes.
func joined(t *translator, first, second *instr, u *usage) bool {
	switch first.op {
	case opArray:
		if second.op == opAppend && second.c == first.c && second.a != first.c {
			first.x.args = append(slices.Clone(first.x.args), second.a)
			first.a = max(first.a-1, 0)
			return true
		}
	case opObject:
		if second.op == opInsert && second.c == first.c && second.a != first.c && second.b != first.c {
			first.x.args = append(slices.Clone(first.x.args), second.a, second.b)
			return true
		}
	case opSet:
		if second.op == opAdd && second.c == first.c && second.a != first.c {
			first.x.args = append(slices.Clone(first.x.args), second.a)
			return true
		}
	}
	return intoTarget(first, second, u)
}

// intoTarget has an instruction set what the next one assigns its result to.
func intoTarget(first, second *instr, u *usage) bool {
	switch first.op {
	case opCall, opBuiltin, opDot, opLen, opArray, opObject, opSet, opAssign, opDynamic:
	default:
		return false
	}
	if (second.op != opAssign && second.op != opOnce) || second.a != first.c || u.reads[first.c] != 1 || u.writes[first.c] != 1 || u.tested[first.c] {
		return false
	}
	if second.op == opOnce || first.reads(second.c) {
		return false
	}
	first.c = second.c
	return true
}

// renumber gives the locals of a function the lowest numbers.
func renumber(fn *translated) {
	numbers := map[int32]int32{localInput: localInput, localData: localData}
	give := func(o *int32) {
		if *o < 0 {
			return
		}
		n, known := numbers[*o]
		if !known {
			n = int32(len(numbers))
			numbers[*o] = n
		}
		*o = n
	}
	for i := range fn.params {
		give(&fn.params[i])
	}
	each(fn.blocks, func(in *instr) {
		for _, field := range shapes[in.op] {
			switch field {
			case 'a':
				if in.op != opBreak && in.op != opArray {
					give(&in.a)
				}
			case 'b':
				give(&in.b)
			case 'c':
				give(&in.c)
			case 'x':
				for i := range in.x.args {
					give(&in.x.args[i])
				}
			}
		}
	})
	fn.locals = len(numbers)
}
