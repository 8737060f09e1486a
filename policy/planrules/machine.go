package planrules

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"unicode/utf8"
)

// machine runs functions of a plan. It serves one goroutine at a time.
type machine struct {
	plan  *plan
	stack []any // of locals, from sp on free
	sp    int
	memo  []memo // by function

	inputs, data uint64 // which input and data these are, of all that there were
	states       uint64 // how many inputs and data there were

	places [places]uint8      // of the keys of opDot, by its site
	lists  map[*array]*listed // of data.repo

	json      []byte  // room for it
	marshal   builtin // of OPA; nil until it is needed
	learned   *learned
	watching  bool // what is evaluated is taken down in learned
	forgetful bool // nothing is, for tests

	ctx   context.Context
	stop  *atomic.Bool // ctx is done
	steps uint32
	err   error
	ret   any          // of the function that returns
	args  [maxArgs]any // of a built-in function
}

// memo is the value of a function for an input, or for data if it does not read input.
type memo struct {
	state uint64
	value any
	reads *reads // of the input, if that is known
}

// maxArgs is the number of arguments that a built-in function may have.
const maxArgs = 8

// places is how many a machine remembers.
const places = 4096

// What is left of a block, besides the number of blocks to leave.
const (
	goOn     = 0
	returned = -1
	failed   = -2
)

func newMachine(p *plan) *machine {
	m := &machine{plan: p, memo: make([]memo, len(p.functions)), stack: make([]any, 1024), learned: newLearned()}
	m.data = m.state()
	return m
}

func (m *machine) state() uint64 {
	m.states++
	return m.states
}

// begin gets the machine ready for another input, which may be evaluated until ctx is done, and gives the function that ends it.
func (m *machine) begin(ctx context.Context) (end func() bool) {
	done := new(atomic.Bool) // and not one of the machine, which another input may have by the time that it is set
	m.ctx, m.inputs, m.stop = ctx, m.state(), done
	return context.AfterFunc(ctx, func() { done.Store(true) })
}

// eval gives the value of a function of input and data; nil is undefined.
func (m *machine) eval(fn int32, input, data any) (any, error) {
	frame := []any{input, data}
	v := m.call(fn, entryArgs, frame)
	err := m.err
	m.err = nil
	return v, err
}

var entryArgs = []int32{localInput, localData}

func (m *machine) call(fn int32, args []int32, caller []any) any {
	f := &m.plan.functions[fn]
	state := m.data
	if f.memoized {
		if f.input {
			state = m.inputs
		}
		if known := &m.memo[fn]; known.state == state && (!m.watching || !f.input || m.learned.take(known.reads)) {
			return known.value
		}
	}
	blocks, err := m.plan.blocks(f)
	if err == nil && m.steps&255 == 0 && m.stop.Load() {
		err = m.ctx.Err()
	}
	m.steps++
	if err != nil {
		m.err = err
		return nil
	}
	stack, sp := m.stack, m.sp
	if sp+f.locals > len(stack) {
		m.stack, m.sp = make([]any, max(2*len(stack), f.locals)), 0
	}
	frame := m.stack[m.sp : m.sp+f.locals : m.sp+f.locals]
	m.sp += f.locals
	for i, param := range f.params {
		frame[param] = m.operand(args[i], caller)
	}
	var read *reads
	if f.memoized && m.watching {
		read = m.learned.enter()
	}
	v := m.body(blocks, frame)
	clear(frame)
	m.stack, m.sp = stack, sp
	if m.watching {
		m.learned.leave(read, frame)
	}
	if f.memoized && m.err == nil {
		m.memo[fn] = memo{state, v, read}
	}
	return v
}

func (m *machine) body(blocks [][]instr, frame []any) any {
	for _, b := range blocks {
		switch m.exec(b, frame) {
		case returned:
			return m.ret
		case failed:
			return nil
		}
	}
	return nil
}

func (m *machine) operand(o int32, frame []any) any {
	if o >= 0 {
		return frame[o]
	}
	return m.plan.constants[^o]
}

// exec runs a block, and gives how many blocks to leave, goOn, returned or failed.
func (m *machine) exec(code []instr, frame []any) int {
	for i := range code {
		in := &code[i]
		if m.watching {
			m.observe(in, frame)
		}
		left := goOn
		switch in.op {
		case opDot:
			v := m.dot(in, frame)
			if v == nil {
				return 1
			}
			frame[in.c] = v
		case opAssign:
			frame[in.c] = m.operand(in.a, frame)
		case opCall:
			v := m.call(in.x.fn, in.x.args, frame)
			if v == nil {
				return m.undefined(1)
			}
			frame[in.c] = v
		case opBuiltin:
			args := m.args[:len(in.x.args)]
			for i, o := range in.x.args {
				args[i] = m.operand(o, frame)
			}
			v := m.plan.builtins[in.x.fn](m, args)
			if v == nil {
				return m.undefined(1)
			}
			if m.watching && in.x.fn == m.plan.walk {
				m.learned.walk(args[0], v.(*array))
			}
			frame[in.c] = v
		case opEqual:
			if !equal(m.operand(in.a, frame), m.operand(in.b, frame)) {
				return 1
			}
		case opNotEqual:
			if equal(m.operand(in.a, frame), m.operand(in.b, frame)) {
				return 1
			}
		case opIsDefined:
			if m.operand(in.a, frame) == nil {
				return 1
			}
		case opIsUndefined:
			if m.operand(in.a, frame) != nil {
				return 1
			}
		case opReset:
			frame[in.c] = nil
		case opReturn:
			m.ret = m.operand(in.a, frame)
			return returned
		case opBreak:
			return int(in.a) + 1
		case opBlock:
			left = m.sequence(in.x.blocks, frame)
		case opScan:
			left = m.scan(in, frame)
		case opNot:
			switch left = m.exec(in.x.blocks[0], frame); {
			case left == goOn:
				return 1
			case left > 0:
				left--
			}
		default:
			left = m.rare(in, frame)
		}
		if left != goOn {
			return left
		}
	}
	return goOn
}

// undefined is what follows a call without a value: leave blocks, or fail.
func (m *machine) undefined(leave int) int {
	if m.err != nil {
		return failed
	}
	return leave
}

// sequence runs blocks one after another.
func (m *machine) sequence(blocks [][]instr, frame []any) int {
	for _, b := range blocks {
		if left := m.exec(b, frame); left < 0 {
			return left
		} else if left > 1 {
			return left - 1
		}
	}
	return goOn
}

// rare runs the instructions that make values, and those that are seldom.
func (m *machine) rare(in *instr, frame []any) int {
	switch in.op {
	case opArray:
		elems := make([]any, len(in.x.args), len(in.x.args)+int(in.a))
		for i, o := range in.x.args {
			elems[i] = m.operand(o, frame)
		}
		frame[in.c] = &array{elems}
	case opObject:
		o := &object{pairs: make([]pair, 0, len(in.x.args)/2)}
		for i := 0; i+1 < len(in.x.args); i += 2 {
			o.put(m.operand(in.x.args[i], frame), m.operand(in.x.args[i+1], frame))
		}
		frame[in.c] = o
	case opSet:
		s := &set{}
		for _, o := range in.x.args {
			s.add(m.operand(o, frame))
		}
		frame[in.c] = s
	case opAppend:
		a, ok := frame[in.c].(*array)
		if !ok {
			return m.wrong(in)
		}
		a.elems = append(a.elems, m.operand(in.a, frame))
	case opInsert, opInsertOnce:
		o, ok := frame[in.c].(*object)
		if !ok {
			return m.wrong(in)
		}
		key, value := m.operand(in.a, frame), m.operand(in.b, frame)
		if in.op == opInsertOnce {
			if known := o.get(key); known != nil && !equal(known, value) {
				return m.fail(errKeys)
			}
		}
		o.put(key, value)
	case opAdd:
		s, ok := frame[in.c].(*set)
		if !ok {
			return m.wrong(in)
		}
		s.add(m.operand(in.a, frame))
	case opOnce:
		v := m.operand(in.a, frame)
		if known := frame[in.c]; known != nil && !equal(known, v) {
			return m.fail(errOutputs)
		}
		frame[in.c] = v
	case opLen:
		frame[in.c] = length(m.operand(in.a, frame))
	case opIsArray:
		if _, ok := m.operand(in.a, frame).(*array); !ok {
			return 1
		}
	case opIsObject:
		if _, ok := m.operand(in.a, frame).(*object); !ok {
			return 1
		}
	case opIsSet:
		if _, ok := m.operand(in.a, frame).(*set); !ok {
			return 1
		}
	case opDynamic:
		return m.dynamic(in, frame)
	case opWith:
		return m.with(in, frame)
	}
	return goOn
}

var (
	errOutputs = errors.New("a definition in Rego has two different values")
	errKeys    = errors.New("an object in Rego has two different values for a key")
)

func (m *machine) fail(err error) int {
	m.err = err
	return failed
}

func (m *machine) wrong(in *instr) int {
	return m.fail(fmt.Errorf("instruction %d of the plan has a value of a wrong type", in.op))
}

// dot gives a[b]. What an instruction looks at mostly has the same keys as what it looked at before.
func (m *machine) dot(in *instr, frame []any) any {
	a := m.operand(in.a, frame)
	o, ok := a.(*object)
	if !ok || in.site == 0 {
		return dot(a, m.operand(in.b, frame))
	}
	key := m.plan.constants[^in.b]
	place := &m.places[in.site%places]
	if i := int(*place); i < len(o.pairs) {
		if p := &o.pairs[i]; isText(p.key, key) {
			return p.value
		}
	}
	i := o.index(key)
	if i < 0 {
		return nil
	}
	*place = uint8(i)
	return o.pairs[i].value
}

func isText(key, text any) bool {
	s, ok := key.(string)
	return ok && s == text.(string)
}

// dot gives a[key].
func dot(a, key any) any {
	switch a := a.(type) {
	case *object:
		return a.get(key)
	case *array:
		if i, ok := key.(int64); ok && i >= 0 && i < int64(len(a.elems)) {
			return a.elems[i]
		}
		if n, ok := key.(number); ok {
			if i, ok := whole(n); ok && i >= 0 && i < int64(len(a.elems)) {
				return a.elems[i]
			}
		}
	case *set:
		if a.has(key) {
			return key
		}
	}
	return nil
}

func length(v any) any {
	switch v := v.(type) {
	case *array:
		return int64(len(v.elems))
	case *object:
		return int64(len(v.pairs))
	case *set:
		return int64(len(v.elems))
	case string:
		return int64(utf8.RuneCountInString(v))
	}
	return nil
}

// scan runs a block for each element of a collection, in the order of OPA.
func (m *machine) scan(in *instr, frame []any) int {
	block := in.x.blocks[0]
	switch v := m.operand(in.a, frame).(type) {
	case *array:
		if l := m.lists[v]; l != nil && in.x.filter != nil {
			return m.some(in, v, l.those(v, in.x.filter), frame)
		}
		for i, e := range v.elems {
			if in.b >= 0 {
				frame[in.b] = int64(i)
			}
			if left := m.each(in, e, block, frame); left != goOn {
				return max(left-2, min(left, 0))
			}
		}
	case *object:
		for _, p := range v.inOrder() {
			if in.b >= 0 {
				frame[in.b] = p.key
			}
			if left := m.each(in, p.value, block, frame); left != goOn {
				return max(left-2, min(left, 0))
			}
		}
	case *set:
		for _, e := range v.inOrder() {
			if in.b >= 0 {
				frame[in.b] = e
			}
			if left := m.each(in, e, block, frame); left != goOn {
				return max(left-2, min(left, 0))
			}
		}
	}
	return goOn
}

// some is scan for some elements of an array.
func (m *machine) some(in *instr, a *array, which []int32, frame []any) int {
	for _, i := range which {
		if in.b >= 0 {
			frame[in.b] = int64(i)
		}
		if left := m.each(in, a.elems[i], in.x.blocks[0], frame); left != goOn {
			return max(left-2, min(left, 0))
		}
	}
	return goOn
}

// each runs the block of a scan once. The loop is one block to leave, and the scan another one.
func (m *machine) each(in *instr, value any, block []instr, frame []any) int {
	if m.watching {
		m.learned.drop(in.b, frame)
		m.learned.drop(in.c, frame)
	}
	if in.c >= 0 {
		frame[in.c] = value
	}
	if m.steps++; m.steps&255 == 0 && m.stop.Load() {
		return m.fail(m.ctx.Err())
	}
	left := m.exec(block, frame)
	if left == 1 {
		return goOn
	}
	return left
}

// dynamic calls a function whose path is known now. One that is there decides, with a value or not, and what is in data does not count.
func (m *machine) dynamic(in *instr, frame []any) int {
	name := ""
	for i, o := range in.x.args {
		step, ok := m.operand(o, frame).(string)
		if !ok {
			return 1
		}
		if i > 0 {
			name += "/"
		}
		name += step
	}
	fn, known := m.plan.byName[name]
	if !known || !m.plan.functions[fn].memoized {
		return 1
	}
	v := m.call(fn, entryArgs, frame)
	if v == nil {
		return m.undefined(4)
	}
	frame[in.c] = v
	return goOn
}

// with runs a block with another input or data.
func (m *machine) with(in *instr, frame []any) int {
	before, inputs, data := frame[in.c], m.inputs, m.data
	frame[in.c] = m.upsert(before, in.x.args, m.operand(in.a, frame), frame)
	m.inputs = m.state()
	if in.c == localData {
		m.data = m.state()
	}
	left := m.exec(in.x.blocks[0], frame)
	frame[in.c], m.inputs, m.data = before, inputs, data
	switch {
	case left == goOn:
		return goOn
	case left == 1:
		return 1
	case left > 0:
		return left - 1
	}
	return left
}

// upsert gives a value with another one at a path, whose objects are made where there are none.
func (m *machine) upsert(v any, path []int32, value any, frame []any) any {
	if len(path) == 0 {
		return value
	}
	o, ok := v.(*object)
	if ok {
		o = o.copied()
	} else {
		o = &object{}
	}
	key := m.operand(path[0], frame)
	o.put(key, m.upsert(o.get(key), path[1:], value, frame))
	return o
}
