package planrules

import "slices"

// What the optimizer does besides: OPA copies arguments, collects the value of a function in one local after another, and does not inline.

// shorter makes fewer instructions of a function in ways that look further than one instruction ahead.
func shorter(fn *translated) {
	fn.blocks = withoutNothing(fn.blocks)
	distinct(fn)
	copies(fn)
	returns(fn)
	eachBlock(fn.blocks, makeLater)
}

// withoutNothing leaves out blocks that do nothing: what they break out of is in them.
func withoutNothing(blocks [][]instr) [][]instr {
	out := make([][]instr, len(blocks))
	for i, b := range blocks {
		for _, in := range b {
			if in.x != nil && len(in.x.blocks) > 0 {
				in.x = &extra{fn: in.x.fn, args: in.x.args, blocks: withoutNothing(in.x.blocks)}
			}
			if !breaksItself(in) {
				out[i] = append(out[i], in)
			}
		}
	}
	return out
}

func breaksItself(in instr) bool {
	if in.op != opBlock || len(in.x.blocks) != 1 {
		return false
	}
	b := in.x.blocks[0]
	return len(b) > 0 && b[0].op == opBlock && len(b[0].x.blocks) == 1 && len(b[0].x.blocks[0]) == 1 &&
		b[0].x.blocks[0][0].op == opBreak && b[0].x.blocks[0][0].a == 1
}

// distinct gives a local that a block uses for one value after another a name for each of them.
func distinct(fn *translated) {
	u := usageOf(fn)
	total, next := countLocals(fn)
	eachBlock(fn.blocks, func(b []instr) {
		here, writtenFirst := map[int32]int{}, map[int32]bool{}
		for i := range b {
			b[i].locals(func(o *int32, write bool) {
				if here[*o]++; here[*o] == 1 {
					writtenFirst[*o] = write
				}
			})
		}
		names := map[int32]int32{}
		for i := range b {
			b[i].locals(func(o *int32, write bool) {
				if !writtenFirst[*o] || here[*o] != total[*o] || u.writes[*o] < 2 || u.tested[*o] || u.changed[*o] {
					return
				}
				if write {
					names[*o], next = next, next+1
				}
				*o = names[*o]
			})
		}
	})
}

// eachBlock calls f with all blocks, the inner ones first.
func eachBlock(blocks [][]instr, f func(b []instr)) {
	for _, b := range blocks {
		for i := range b {
			if b[i].x != nil {
				eachBlock(b[i].x.blocks, f)
			}
		}
		f(b)
	}
}

// copies has instructions read what a local is a copy of, where all of them follow in the block of the copy.
func copies(fn *translated) {
	u := usageOf(fn)
	eachBlock(fn.blocks, func(b []instr) {
		for i := range b {
			from, to := b[i].a, b[i].c
			if b[i].op != opAssign || from == to || u.writes[to] != 1 || u.changed[to] || slices.Contains(fn.params, to) {
				continue
			}
			reads, stable := 0, true
			rest := [][]instr{b[i+1:]}
			each(rest, func(in *instr) {
				in.operands(func(o *int32) {
					if *o == to {
						reads++
					}
				})
				in.writes(func(o *int32) { stable = stable && *o != from })
			})
			if !stable || reads != u.reads[to] {
				continue
			}
			each(rest, func(in *instr) {
				in.operands(func(o *int32) {
					if *o == to {
						*o = from
					}
				})
			})
			u.reads[from] += reads
			u.reads[to] = 0
		}
	})
}

// makeLater makes arrays, objects and sets where something is added to them, so that they are made with it.
func makeLater(b []instr) {
	for i := range b {
		if b[i].op != opArray && b[i].op != opObject && b[i].op != opSet {
			continue
		}
		for j := i + 1; j < len(b) && (b[j].x == nil || len(b[j].x.blocks) == 0); j++ {
			adds := (b[j].op == opAppend || b[j].op == opInsert || b[j].op == opAdd) && b[j].c == b[i].c
			if adds && j > i+1 {
				made := b[i]
				copy(b[i:], b[i+1:j])
				b[j-1] = made
			}
			touches := adds
			b[j].locals(func(o *int32, write bool) {
				touches = touches || *o == b[i].c || write && b[i].reads(*o)
			})
			if touches {
				break
			}
		}
	}
}

// returns has a function return its value where that is known. OPA collects it in a local for each definition, and compares these.
func returns(fn *translated) {
	n := len(fn.blocks)
	if n < 2 || len(fn.blocks[n-1]) != 1 || fn.blocks[n-1][0].op != opReturn {
		return
	}
	result := fn.blocks[n-1][0].a
	var values []int32 // of the definitions
	var end []instr
	eachBlock(fn.blocks, func(b []instr) {
		if len(b) == 2 && b[0].op == opIsDefined && b[1].op == opOnce && b[1].c == result && b[1].a == b[0].a {
			values, end = append(values, b[0].a), b
		}
	})
	if len(values) == 0 || len(values) != usageOf(fn).writes[result] {
		return
	}
	if c, ok := onlyConstant(fn.blocks, values, false, 0); ok && c < 0 {
		each(fn.blocks, func(in *instr) {
			if in.op == opOnce && slices.Contains(values, in.c) {
				*in = instr{op: opReturn, a: c}
			}
		})
		fn.blocks = withoutTests(fn.blocks[:n-1], values)
		return
	}
	if len(values) > 1 {
		return // which may be different
	}
	fn.blocks = fn.blocks[:n-1]
	end[1] = instr{op: opReturn, a: values[0]}
	definitions := fn.blocks
	if last := fn.blocks[n-2]; len(last) == 1 && last[0].op == opBlock {
		definitions = last[0].x.blocks
	}
	returnFirst(fn, definitions, values[0])
}

// onlyConstant returns the constant that is the only one that locals are ever set to, if there is one.
func onlyConstant(blocks [][]instr, locals []int32, inside bool, c int32) (int32, bool) {
	ok := true
	for _, b := range blocks {
		for i := range b {
			in := &b[i]
			if in.op == opOnce && slices.Contains(locals, in.c) {
				ok = ok && !inside && in.a < 0 && (c == 0 || c == in.a)
				c = in.a
			}
			if in.x != nil && ok {
				c, ok = onlyConstant(in.x.blocks, locals, inside || in.op == opNot || in.op == opWith, c)
			}
		}
	}
	return c, ok
}

// returnFirst is returns for definitions of which only the first one counts: the others begin with a test whether there is a value.
func returnFirst(fn *translated, definitions [][]instr, value int32) {
	maybe := map[int32]bool{} // undefined
	each(fn.blocks, func(in *instr) {
		if in.op == opReset || in.op == opOnce {
			maybe[in.c] = true
		}
	})
	left := 0
	each(fn.blocks, func(in *instr) {
		if in.op == opOnce && in.c == value {
			left++
		}
	})
	for k := len(definitions) - 2; k >= 0; k-- {
		b := definitions[k]
		if n := len(b); n > 0 && b[n-1].op == opOnce && b[n-1].c == value && !maybe[b[n-1].a] && (b[n-1].a < 0 || b[n-1].a > localData) {
			b[n-1] = instr{op: opReturn, a: b[n-1].a}
			left--
		}
		if len(b) == 0 || b[0].op != opIsUndefined || b[0].a != value {
			break
		}
	}
	if left == 0 {
		fn.blocks = withoutTests(fn.blocks, []int32{value})
	}
}

// withoutTests leaves out the tests whether locals are defined that nothing sets.
func withoutTests(blocks [][]instr, locals []int32) [][]instr {
	var out [][]instr
	for _, b := range blocks {
		var rest []instr
		dead := false
		for _, in := range b {
			if in.op == opBlock {
				in.x = &extra{blocks: withoutTests(in.x.blocks, locals)}
			}
			switch {
			case in.op == opIsDefined && slices.Contains(locals, in.a):
				dead = true
			case in.op == opReset && slices.Contains(locals, in.c), in.op == opIsUndefined && slices.Contains(locals, in.a):
				continue
			}
			if dead {
				break
			}
			rest = append(rest, in)
		}
		if !dead || len(rest) > 0 {
			out = append(out, rest)
		}
	}
	return out
}

// maxInlined is how many instructions a function has at most that takes the place of its calls.
const maxInlined = 8

// inline puts short functions without inner blocks in the place of their calls, and constants in that of rules that are one.
func (t *translator) inline() {
	for changed := true; changed; {
		changed = false
		for _, fn := range t.translated {
			next := int32(fn.locals)
			blocks, found := t.inlined(fn.blocks, &next)
			if found {
				fn.blocks, changed = blocks, true
				t.simplify(fn)
				renumber(fn)
			}
		}
	}
}

func (t *translator) inlined(blocks [][]instr, next *int32) (out [][]instr, found bool) {
	for _, b := range blocks {
		var to []instr
		for _, in := range b {
			if in.x != nil && len(in.x.blocks) > 0 {
				inner, below := t.inlined(in.x.blocks, next)
				in.x, found = &extra{fn: in.x.fn, args: in.x.args, blocks: inner}, found || below
			}
			if in.op == opCall {
				if body := t.bodyOf(&in, next); body != nil {
					to, found = append(to, body...), true
					continue
				}
			}
			to = append(to, in)
		}
		out = append(out, to)
	}
	return out, found
}

// bodyOf returns what a call does, with locals from next on; nil if it stays a call.
func (t *translator) bodyOf(call *instr, next *int32) []instr {
	fn := t.translated[call.x.fn]
	if len(fn.blocks) != 1 || len(fn.blocks[0]) > maxInlined || fn.memoized && len(fn.blocks[0]) > 1 {
		return nil
	}
	names := map[int32]int32{}
	for i, p := range fn.params {
		names[p] = call.x.args[i]
	}
	var out []instr
	ok := false
	for i, in := range fn.blocks[0] {
		switch in.op {
		case opReturn:
			if ok = i == len(fn.blocks[0])-1 && (!fn.memoized || in.a < 0); ok {
				in = instr{op: opAssign, a: in.a, c: call.c}
			}
		case opBlock, opScan, opNot, opWith, opBreak, opReset, opOnce, opIsDefined, opIsUndefined, opDynamic:
			return nil
		}
		if in.x != nil {
			in.x = &extra{fn: in.x.fn, args: slices.Clone(in.x.args)}
		}
		known := true
		in.operands(func(o *int32) {
			if *o >= 0 {
				n, there := names[*o]
				known = known && there
				*o = n
			}
		})
		if !known {
			return nil
		}
		if !ok {
			in.writes(func(o *int32) {
				n, there := names[*o]
				if !there {
					n = *next
					*next++
					names[*o] = n
				}
				known = known && !slices.Contains(fn.params, *o)
				*o = n
			})
		}
		if !known {
			return nil
		}
		out = append(out, in)
	}
	if !ok {
		return nil
	}
	return out
}

// keepCalled leaves out the functions with arguments that nothing calls any more.
func (t *translator) keepCalled() {
	for {
		called := map[int32]bool{}
		for _, f := range t.translated {
			each(f.blocks, func(in *instr) {
				if in.op == opCall {
					called[in.x.fn] = true
				}
			})
		}
		numbers := map[int32]int32{}
		var kept []*translated
		for i, f := range t.translated {
			if f.memoized || called[int32(i)] {
				numbers[int32(i)] = int32(len(kept))
				kept = append(kept, f)
			}
		}
		if len(kept) == len(t.translated) {
			return
		}
		t.translated = kept
		for _, f := range kept {
			each(f.blocks, func(in *instr) {
				if in.op == opCall {
					in.x.fn = numbers[in.x.fn]
				}
			})
		}
	}
}
