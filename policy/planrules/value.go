package planrules

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// The values of Rego. nil is undefined; the others are null, bool, int64, number, string, *array, *object and *set. What came into being
// is not changed any more once another value, a local of another function or another goroutine has it.
type (
	null   struct{}
	number string // one that is not an int64 as Go writes it
	array  struct{ elems []any }
	object struct {
		pairs  []pair
		sorted bool    // by key
		table  []int32 // of a large one that is not sorted: where a key is in pairs, plus 1
	}
	pair struct{ key, value any }
	set  struct {
		elems  []any
		sorted bool
		table  []int32
	}
)

// maxScanned is the size up to which an object or a set is scanned for a key.
const maxScanned = 8

// numberOf returns a number of JSON: an int64, where that is written the same.
func numberOf(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && (len(text) < 2 || text[0] != '0' && text[0] != '+' && text[:2] != "-0") {
		return n
	}
	return number(text)
}

// text returns a number as OPA writes it.
func text(v any) string {
	if n, ok := v.(int64); ok {
		return strconv.FormatInt(n, 10)
	}
	return string(v.(number))
}

// order is that of types in OPA.
func order(v any) int {
	switch v.(type) {
	case null:
		return 0
	case bool:
		return 1
	case int64, number:
		return 2
	case string:
		return 3
	case *array:
		return 4
	case *object:
		return 5
	case *set:
		return 6
	}
	return -1
}

// compare orders values as OPA does.
func compare(a, b any) int {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return cmp.Compare(x, y)
		}
	case int64:
		if y, ok := b.(int64); ok {
			return cmp.Compare(x, y)
		}
	}
	if c := cmp.Compare(order(a), order(b)); c != 0 {
		return c
	}
	switch a := a.(type) {
	case bool:
		if a == b.(bool) {
			return 0
		}
		if a {
			return 1
		}
		return -1
	case int64, number:
		return ast.NumberCompare(ast.Number(text(a)), ast.Number(text(b)))
	case *array:
		return slices.CompareFunc(a.elems, b.(*array).elems, compare)
	case *object:
		return slices.CompareFunc(a.inOrder(), b.(*object).inOrder(), func(x, y pair) int {
			return cmp.Or(compare(x.key, y.key), compare(x.value, y.value))
		})
	case *set:
		return slices.CompareFunc(a.inOrder(), b.(*set).inOrder(), compare)
	}
	return 0
}

// equal is compare(a, b) == 0.
func equal(a, b any) bool {
	switch x := a.(type) {
	case string:
		y, ok := b.(string)
		return ok && x == y
	case bool:
		y, ok := b.(bool)
		return ok && x == y
	case int64:
		if y, ok := b.(int64); ok {
			return x == y
		}
	case *array:
		y, ok := b.(*array)
		return ok && (x == y || slices.EqualFunc(x.elems, y.elems, equal))
	case *object:
		y, ok := b.(*object)
		return ok && (x == y || x.equal(y))
	case *set:
		y, ok := b.(*set)
		return ok && (x == y || x.equal(y))
	}
	return compare(a, b) == 0
}

var seed = maphash.MakeSeed()

// hash is the same for what is equal.
func hash(v any) uint64 {
	const prime = 0x9E3779B97F4A7C15
	switch v := v.(type) {
	case string:
		return maphash.String(seed, v)
	case bool:
		if v {
			return 3
		}
		return 2
	case int64:
		return maphash.Comparable(seed, float64(v))
	case number:
		f, _ := strconv.ParseFloat(string(v), 64)
		if f == 0 {
			f = 0 // and not -0
		}
		return maphash.Comparable(seed, f)
	case *array:
		h := uint64(4)
		for _, e := range v.elems {
			h = h*prime + hash(e)
		}
		return h
	case *object: // whatever the order
		h := uint64(5)
		for _, p := range v.pairs {
			h += (hash(p.key)*prime ^ hash(p.value)) * prime
		}
		return h
	case *set:
		h := uint64(6)
		for _, e := range v.elems {
			h += hash(e) * prime
		}
		return h
	}
	return 1
}

// find returns where a key is in a table, or where there is room for it.
func find(table []int32, key any, at func(i int32) any) (slot uint64, found bool) {
	mask := uint64(len(table) - 1)
	for slot = hash(key) & mask; table[slot] != 0; slot = (slot + 1) & mask {
		if equal(at(table[slot]-1), key) {
			return slot, true
		}
	}
	return slot, false
}

// tableSize is a power of 2 with room for more than n keys.
func tableSize(n int) int {
	size := 32
	for size < 2*n+2 {
		size *= 2
	}
	return size
}

// index returns the place of a key in pairs; -1 for none.
func (o *object) index(key any) int {
	if len(o.pairs) <= maxScanned {
		if s, ok := key.(string); ok {
			for i := range o.pairs {
				if k, ok := o.pairs[i].key.(string); ok && k == s {
					return i
				}
			}
			return -1
		}
		return slices.IndexFunc(o.pairs, func(p pair) bool { return equal(p.key, key) })
	}
	if o.table == nil && o.sorted {
		if s, ok := key.(string); ok {
			return o.indexOfText(s)
		}
		if i, found := slices.BinarySearchFunc(o.pairs, key, func(p pair, key any) int { return compare(p.key, key) }); found {
			return i
		}
		return -1
	}
	if o.table == nil {
		o.table = make([]int32, tableSize(len(o.pairs)))
		for i := range o.pairs {
			slot, _ := find(o.table, o.pairs[i].key, o.key)
			o.table[slot] = int32(i + 1)
		}
	}
	if slot, found := find(o.table, key, o.key); found {
		return int(o.table[slot] - 1)
	}
	return -1
}

// indexOfText is index of a text where pairs are sorted.
func (o *object) indexOfText(key string) int {
	from, to := 0, len(o.pairs)
	for from < to {
		at := int(uint(from+to) >> 1)
		k, ok := o.pairs[at].key.(string)
		if !ok {
			if order(o.pairs[at].key) < order(key) {
				from = at + 1
			} else {
				to = at
			}
			continue
		}
		switch strings.Compare(k, key) {
		case 0:
			return at
		case -1:
			from = at + 1
		default:
			to = at
		}
	}
	return -1
}

func (o *object) key(i int32) any { return o.pairs[i].key }

// get returns nil for a key that is not there.
func (o *object) get(key any) any {
	if i := o.index(key); i >= 0 {
		return o.pairs[i].value
	}
	return nil
}

// put adds a pair, or replaces the value of a key.
func (o *object) put(key, value any) {
	if i := o.index(key); i >= 0 {
		o.pairs[i].value = value
		return
	}
	n := len(o.pairs)
	o.sorted = n == 0 || o.sorted && compare(o.pairs[n-1].key, key) < 0
	o.pairs = append(o.pairs, pair{key, value})
	if o.sorted || o.table == nil || len(o.table) < 2*n+2 {
		o.table = nil
		return
	}
	slot, _ := find(o.table, key, o.key)
	o.table[slot] = int32(n + 1)
}

// inOrder returns the pairs sorted by key.
func (o *object) inOrder() []pair {
	if !o.sorted {
		slices.SortFunc(o.pairs, func(a, b pair) int { return compare(a.key, b.key) })
		o.sorted, o.table = true, nil
	}
	return o.pairs
}

func (o *object) equal(other *object) bool {
	if len(o.pairs) != len(other.pairs) {
		return false
	}
	for i := range o.pairs {
		value := other.get(o.pairs[i].key)
		if value == nil || !equal(o.pairs[i].value, value) {
			return false
		}
	}
	return true
}

// copied returns an object that may be changed.
func (o *object) copied() *object { return &object{pairs: slices.Clone(o.pairs), sorted: o.sorted} }

func (s *set) elem(i int32) any { return s.elems[i] }

func (s *set) has(key any) bool {
	if len(s.elems) <= maxScanned {
		for _, e := range s.elems {
			if equal(e, key) {
				return true
			}
		}
		return false
	}
	if s.table == nil && s.sorted {
		_, found := slices.BinarySearchFunc(s.elems, key, compare)
		return found
	}
	if s.table == nil {
		s.table = make([]int32, tableSize(len(s.elems)))
		for i, e := range s.elems {
			slot, _ := find(s.table, e, s.elem)
			s.table[slot] = int32(i + 1)
		}
	}
	_, found := find(s.table, key, s.elem)
	return found
}

func (s *set) add(key any) {
	if s.has(key) {
		return
	}
	n := len(s.elems)
	s.sorted = n == 0 || s.sorted && compare(s.elems[n-1], key) < 0
	s.elems = append(s.elems, key)
	if s.sorted || s.table == nil || len(s.table) < 2*n+2 {
		s.table = nil
		return
	}
	slot, _ := find(s.table, key, s.elem)
	s.table[slot] = int32(n + 1)
}

func (s *set) inOrder() []any {
	if !s.sorted {
		slices.SortFunc(s.elems, compare)
		s.sorted, s.table = true, nil
	}
	return s.elems
}

func (s *set) equal(other *set) bool {
	if len(s.elems) != len(other.elems) {
		return false
	}
	for _, e := range s.elems {
		if !other.has(e) {
			return false
		}
	}
	return true
}
