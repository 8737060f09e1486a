package planrules

import (
	"encoding/binary"
	"hash/maphash"
)

// learned is what a machine knows of rules that found nothing: what they had read of the input. Another input that says the same there
// has nothing for them either. In a repository of many applications from one template, that is most of what there is to evaluate.
type learned struct {
	points []point
	number map[point]int32 // of points, by what they are
	values []map[any]int32 // by point, the values seen there, counted from 1
	rules  map[int32]*known

	tireless bool // rules are watched however seldom that helps, for tests

	state  uint64   // which input this is
	shared uint64   // the last input with an object in two places, of which it is not clear what is read
	asked  []uint64 // by point, the input that the following is of
	here   []any    // the value of a child
	is     []int32  // the number of its value; 0 if that has none

	// While a rule is watched.
	at     map[any]int32    // where the objects and arrays of the input are that it has got hold of
	walked map[*array]int32 // where the values are of the pairs of a path and a value that it walks over
	held   map[*any]int32   // locals with such a value, a scalar that nothing has looked at yet
	reads  []*reads         // of the functions being evaluated, the innermost last
	unsure bool             // it has read something that no point stands for
}

// point is a question about an input.
type point struct {
	what   question
	parent int32
	key    any
}

type question uint8

const (
	child    question = iota // the value of a key of the parent: a scalar, or the type of what is larger
	size                     // how many there are in the parent
	flat                     // the keys of the parent, with their values as those of a child
	entirely                 // all of the parent
	outline                  // all of the parent, of scalars only their types
)

const rootPoint, noPoint = int32(0), int32(-1)

// reads are points in the order in which they were first asked about.
type reads struct {
	list []int32
	has  map[int32]bool
}

func (r *reads) add(p int32) {
	if !r.has[p] {
		r.has[p] = true
		r.list = append(r.list, p)
	}
}

// known is what is known of a rule.
type known struct {
	first          *answers
	watched, paths int
	lookups, hits  int
}

// answers are those to a question. Behind the last one the rule finds nothing.
type answers struct {
	point int32
	then  []then
}

type then struct {
	value int32
	next  *answers
}

// Bounds of what is learned, and of the patience with a rule that reads what is different in each input.
const (
	maxPoints  = 4096
	maxValues  = 64 // at a point
	maxPaths   = 48 // of a rule
	maxInVain  = 3
	maxLookups = 64
	leastHits  = 4 // one in so many lookups
)

func newLearned() *learned {
	l := &learned{number: map[point]int32{}, rules: map[int32]*known{}, at: map[any]int32{}, walked: map[*array]int32{}, held: map[*any]int32{}}
	l.numberOf(point{parent: noPoint})
	return l
}

func (l *learned) numberOf(p point) int32 {
	n, there := l.number[p]
	if !there {
		n = int32(len(l.points))
		l.number[p], l.points, l.values = n, append(l.points, p), append(l.values, nil)
		l.asked, l.here, l.is = append(l.asked, 0), append(l.here, nil), append(l.is, 0)
	}
	return n
}

// begin takes another input.
func (l *learned) begin(state uint64, input *object) {
	l.state = state
	clear(l.at)
	clear(l.walked)
	l.at[input] = rootPoint
	l.asked[rootPoint], l.here[rootPoint], l.is[rootPoint] = state, input, 1
}

// findsNothing reports whether a rule is known to find nothing in this input.
func (l *learned) findsNothing(fn int32) bool {
	k := l.rules[fn]
	if k == nil || k.first == nil || !l.tireless && k.lookups >= maxLookups && k.hits*leastHits < k.lookups {
		return false
	}
	k.lookups++
	a := k.first
	for a.point != noPoint {
		if a = a.after(l.value(a.point)); a == nil {
			return false
		}
	}
	k.hits++
	return true
}

func (a *answers) after(value int32) *answers {
	if value != 0 {
		for i := range a.then {
			if a.then[i].value == value {
				return a.then[i].next
			}
		}
	}
	return nil
}

// worth reports whether a rule is to be watched.
func (l *learned) worth(fn int32) bool {
	k := l.rules[fn]
	return len(l.points) < maxPoints && l.shared != l.state && (k == nil || k.paths < maxPaths && (l.tireless || k.watched < maxInVain || k.hits >= k.watched))
}

// nothing takes down what a rule has read that found nothing.
func (k *known) nothing(l *learned, points []int32) {
	where := &k.first
	for _, p := range points {
		value := l.value(p)
		if value == 0 {
			return
		}
		if *where == nil {
			*where = &answers{point: p}
		}
		a := *where
		if a.point != p {
			return
		}
		at := 0
		for at < len(a.then) && a.then[at].value != value {
			at++
		}
		if at == len(a.then) {
			a.then = append(a.then, then{value: value})
		}
		where = &a.then[at].next
	}
	if *where == nil {
		*where = &answers{point: noPoint}
		k.paths++
	}
}

type (
	absent struct{} // in the place of undefined
	digest uint64   // of what is larger than a scalar
)

// value gives the number of the answer to a question about this input; 0 if there are too many different ones.
func (l *learned) value(p int32) int32 {
	if l.asked[p] == l.state {
		return l.is[p]
	}
	q := l.points[p]
	l.value(q.parent)
	parent := l.here[q.parent]
	var v any
	switch q.what {
	case child:
		l.here[p] = dot(parent, q.key)
		v = shallow(l.here[p])
	case size:
		if v = length(parent); v == nil {
			v = absent{}
		}
	default:
		var h maphash.Hash
		h.SetSeed(seed)
		write(&h, parent, q.what)
		v = digest(h.Sum64())
	}
	seen := l.values[p]
	n := seen[v]
	if n == 0 && len(seen) < maxValues {
		if seen == nil {
			seen = map[any]int32{}
			l.values[p] = seen
		}
		n = int32(len(seen) + 1)
		seen[v] = n
	}
	l.asked[p], l.is[p] = l.state, n
	return n
}

// shallow gives a scalar, or what stands for something else of its type.
func shallow(v any) any {
	switch v.(type) {
	case nil:
		return absent{}
	case *array, *object, *set:
		return digest(order(v))
	}
	return v
}

// write writes what a question is about an array or object.
func write(h *maphash.Hash, v any, what question) {
	each := func(v any) {
		switch {
		case large(v) && what != flat:
			write(h, v, what)
		case what == outline:
			writeNumber(h, order(v), 0)
		default:
			writeScalar(h, v)
		}
	}
	switch v := v.(type) {
	case *array:
		writeNumber(h, order(v), uint64(len(v.elems)))
		for _, e := range v.elems {
			each(e)
		}
	case *object:
		writeNumber(h, order(v), uint64(len(v.pairs)))
		for _, p := range v.inOrder() {
			writeScalar(h, p.key)
			each(p.value)
		}
	default:
		writeScalar(h, v)
	}
}

// writeScalar writes a scalar, and of anything else its type.
func writeScalar(h *maphash.Hash, v any) {
	switch v := v.(type) {
	case bool:
		n := uint64(0)
		if v {
			n = 1
		}
		writeNumber(h, order(v), n)
	case int64:
		writeNumber(h, order(v), uint64(v))
	case number:
		writeNumber(h, -int(order(v)), uint64(len(v)))
		_, _ = h.WriteString(string(v))
	case string:
		writeNumber(h, order(v), uint64(len(v)))
		_, _ = h.WriteString(v)
	default:
		writeNumber(h, order(v), 0)
	}
}

func writeNumber(h *maphash.Hash, kind int, n uint64) {
	var b [9]byte
	b[0] = byte(kind)
	binary.LittleEndian.PutUint64(b[1:], n)
	_, _ = h.Write(b[:])
}
