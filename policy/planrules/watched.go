package planrules

// watch evaluates a rule and takes down what it reads.
func (m *machine) watch(fn int32, input, data any) (any, error) {
	l := m.learned
	k := l.rules[fn]
	if k == nil {
		k = &known{}
		l.rules[fn] = k
	}
	k.watched++
	read := &reads{has: map[int32]bool{}}
	clear(l.held)
	l.reads, l.unsure, m.watching = append(l.reads[:0], read), false, true
	v, err := m.eval(fn, input, data)
	m.watching = false
	if found, ok := v.(*set); ok && err == nil && len(found.elems) == 0 && !l.unsure {
		k.nothing(l, read.list)
	}
	return v, err
}

// enter begins a function whose value is kept for this input, with what it reads.
func (l *learned) enter() *reads {
	r := &reads{has: map[int32]bool{}}
	l.reads = append(l.reads, r)
	return r
}

// leave ends a function, of which r is what enter has given, if it was called.
func (l *learned) leave(r *reads, frame []any) {
	if len(l.held) > 0 {
		for i := range frame {
			delete(l.held, &frame[i])
		}
	}
	if r != nil {
		l.reads = l.reads[:len(l.reads)-1]
		l.take(r)
	}
}

// drop forgets what was held in a local, if it is one.
func (l *learned) drop(local int32, frame []any) {
	if local >= 0 && len(l.held) > 0 {
		delete(l.held, &frame[local])
	}
}

// take adds what a function has read that is not evaluated again. Not ok if that is not known.
func (l *learned) take(r *reads) bool {
	if r == nil {
		return false
	}
	for _, p := range r.list {
		l.read(p)
	}
	return true
}

func (l *learned) read(p int32) { l.reads[len(l.reads)-1].add(p) }

// get takes down that a rule gets hold of the value of a key.
func (l *learned) get(parent int32, key, v any) {
	p := l.numberOf(point{child, parent, key})
	l.read(p)
	l.holds(p, v)
}

// holds notes where an array or object is from.
func (l *learned) holds(p int32, v any) {
	switch v.(type) {
	case *array, *object:
		if at, there := l.at[v]; there && at != p {
			l.unsure, l.shared = true, l.state // the same one in two places
		}
		l.at[v] = p
	}
}

// all takes down that a rule gets hold of everything in an array or object.
func (l *learned) all(v any) {
	l.pair(v)
	p, there := l.at[v]
	if !there {
		return
	}
	l.read(l.numberOf(point{flat, p, nil}))
	switch v := v.(type) {
	case *array:
		for i, e := range v.elems {
			l.each(p, int64(i), e)
		}
	case *object:
		for _, each := range v.inOrder() {
			l.each(p, each.key, each.value)
		}
	}
}

// each is get of what is read already.
func (l *learned) each(parent int32, key, v any) {
	switch v.(type) {
	case *array, *object:
		l.holds(l.numberOf(point{child, parent, key}), v)
	}
}

// deep takes down that a rule reads all of a value, which may be made of parts of the input.
func (l *learned) deep(v any) {
	switch v := v.(type) {
	case *array:
		if l.pair(v); !l.entire(v) {
			for _, e := range v.elems {
				l.deep(e)
			}
		}
	case *object:
		if !l.entire(v) {
			for _, p := range v.pairs { // keys are when they are put
				l.deep(p.value)
			}
		}
	}
}

// pair takes down that the value of a walked pair is read.
func (l *learned) pair(v any) {
	if a, ok := v.(*array); ok {
		if p, there := l.walked[a]; there {
			l.read(p)
		}
	}
}

// walk takes down that a rule gets hold of the pairs of a path and a value of something, which are found in it.
func (l *learned) walk(v any, found *array) {
	from, there := l.at[v]
	if !there {
		l.deep(v)
		return
	}
	l.read(l.numberOf(point{outline, from, nil}))
	for _, e := range found.elems {
		pair := e.(*array)
		p := from
		for _, key := range pair.elems[0].(*array).elems {
			p = l.numberOf(point{child, p, key})
		}
		l.walked[pair] = p
		l.holds(p, pair.elems[1])
	}
}

// touch takes down that an instruction looks at scalars that were only held so far, and that it puts something else into a local.
func (m *machine) touch(in *instr, frame []any) {
	l := m.learned
	look := func(o int32) {
		if o >= 0 {
			if p, there := l.held[&frame[o]]; there {
				l.read(p)
			}
		}
	}
	target := in.c >= 0
	switch in.op {
	case opIsDefined, opIsUndefined, opIsArray, opIsObject, opIsSet, opScan, opBlock, opNot, opBreak:
		return // that it is there, and of which type, is known
	case opAssign:
		if in.a >= 0 {
			if p, there := l.held[&frame[in.a]]; there {
				l.held[&frame[in.c]] = p
				return
			}
		}
	case opBuiltin:
		if !m.plan.typesOnly[in.x.fn] {
			for _, o := range in.x.args {
				look(o)
			}
		}
	case opDot:
		look(in.b)
	case opEqual, opNotEqual, opReturn, opAppend, opInsert, opInsertOnce, opAdd, opOnce, opLen, opWith:
		look(in.a)
		if in.op == opEqual || in.op == opNotEqual || in.op == opInsert || in.op == opInsertOnce {
			look(in.b)
		}
		if in.op == opOnce {
			look(in.c)
		}
		target = in.op == opOnce || in.op == opLen
	case opArray, opObject, opSet, opCall, opDynamic:
		for _, o := range in.x.args {
			look(o)
		}
	}
	if target {
		delete(l.held, &frame[in.c])
	}
}

func (l *learned) entire(v any) bool {
	p, there := l.at[v]
	if there {
		l.read(l.numberOf(point{entirely, p, nil}))
	}
	return there
}

// both are compared, which reads more than their types only where these are the same.
func (l *learned) both(a, b any) {
	switch {
	case !large(a) || order(a) != order(b):
	case length(a) == any(int64(0)) || length(b) == any(int64(0)):
		l.count(a)
		l.count(b)
	default:
		l.deep(a)
		l.deep(b)
	}
}

// in takes down that a value is looked for in a set.
func (l *learned) in(s *set, v any) {
	if large(v) {
		for _, e := range s.elems {
			l.both(e, v)
		}
	}
}

func large(v any) bool { return order(v) >= 4 }

// observe takes down what an instruction is about to read.
func (m *machine) observe(in *instr, frame []any) {
	l := m.learned
	if len(l.held) > 0 {
		m.touch(in, frame)
	}
	switch in.op {
	case opDot:
		a, key := m.operand(in.a, frame), m.operand(in.b, frame)
		if pair, ok := a.(*array); ok {
			if p, there := l.walked[pair]; there {
				if key == any(int64(1)) && !large(pair.elems[1]) {
					l.held[&frame[in.c]] = p
				}
				return
			}
		}
		l.dot(a, key)
	case opScan:
		l.all(m.operand(in.a, frame))
	case opEqual, opNotEqual:
		l.both(m.operand(in.a, frame), m.operand(in.b, frame))
	case opBuiltin:
		args := make([]any, len(in.x.args))
		for i, o := range in.x.args {
			args[i] = m.operand(o, frame)
		}
		m.plan.watchers[in.x.fn](l, args)
	case opLen:
		l.count(m.operand(in.a, frame))
	case opOnce:
		l.both(frame[in.c], m.operand(in.a, frame))
	case opInsert, opInsertOnce:
		key := m.operand(in.a, frame)
		l.deep(key)
		if o, ok := frame[in.c].(*object); ok && in.op == opInsertOnce {
			l.both(o.get(key), m.operand(in.b, frame))
		}
	case opAdd:
		l.deep(m.operand(in.a, frame))
	case opSet:
		for _, o := range in.x.args {
			l.deep(m.operand(o, frame))
		}
	case opObject:
		for i := 0; i < len(in.x.args); i += 2 {
			l.deep(m.operand(in.x.args[i], frame))
		}
	case opWith:
		l.unsure = true
	}
}

func (l *learned) dot(a, key any) {
	p, there := l.at[a]
	switch key.(type) {
	case string, int64:
		if there {
			l.get(p, key, dot(a, key))
		}
	default:
		if s, ok := a.(*set); ok {
			l.in(s, key)
			return
		}
		l.deep(key)
		l.deep(a)
	}
}

func (l *learned) count(v any) {
	if p, there := l.at[v]; there {
		l.read(l.numberOf(point{size, p, nil}))
	}
}

// watcher takes down what a built-in function is about to read of its arguments.
type watcher func(l *learned, args []any)

// watchers are those of functions that read less than all of their arguments.
var watchers = map[string]watcher{
	"object.get": readPath, "internal.member_2": readMembers, "count": func(l *learned, args []any) { l.count(args[0]) },
	"equal": readBoth, "neq": readBoth, "gt": readBoth, "gte": readBoth, "lt": readBoth, "lte": readBoth,
	"array.concat": readElements, "array.slice": readElements, "object.keys": readElements, "object.filter": readFirst, "object.remove": readFirst,
	"is_array": readTypes, "is_null": readTypes, "is_number": readTypes, "is_object": readTypes, "is_string": readTypes, "type_name": readTypes,
}

func watcherOf(name string) watcher {
	if name == "walk" {
		return readTypes // until it is known what is found
	}
	if r := watchers[name]; r != nil {
		return r
	}
	return func(l *learned, args []any) {
		for _, a := range args {
			l.deep(a)
		}
	}
}

func readTypes(*learned, []any) {}

func readBoth(l *learned, args []any) { l.both(args[0], args[1]) }

func readElements(l *learned, args []any) {
	for _, a := range args {
		l.all(a)
	}
}

func readFirst(l *learned, args []any) {
	l.all(args[0])
	l.deep(args[1])
}

func readPath(l *learned, args []any) {
	path, ok := args[1].(*array)
	if !ok {
		l.dot(args[0], args[1])
		return
	}
	v := args[0]
	for _, key := range path.elems {
		l.dot(v, key)
		v = dot(v, key)
	}
}

func readMembers(l *learned, args []any) {
	if s, ok := args[1].(*set); ok {
		l.in(s, args[0])
		return
	}
	l.all(args[1])
	if large(args[0]) {
		l.deep(args[0])
		l.deep(args[1])
	}
}
