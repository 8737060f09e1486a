package inspect

import (
	"cmp"
	"container/heap"
	"slices"
)

// top keeps the n largest keys in a heap whose root is the smallest of them. Of equals, the first in the dump stays.
type top struct {
	n    int
	by   func(*Key) uint64
	keys []Key
}

func (t *top) Len() int           { return len(t.keys) }
func (t *top) Less(i, j int) bool { return t.by(&t.keys[i]) < t.by(&t.keys[j]) }
func (t *top) Swap(i, j int)      { t.keys[i], t.keys[j] = t.keys[j], t.keys[i] }
func (t *top) Push(x any)         { t.keys = append(t.keys, x.(Key)) }
func (t *top) Pop() any {
	last := t.keys[len(t.keys)-1]
	t.keys = t.keys[:len(t.keys)-1]
	return last
}

func (t *top) add(k *measured) {
	key := Key{
		DB: k.DB, Type: k.Type.Kind(), Encoding: k.Type.Encoding(),
		Elements: k.size.Elements, Bytes: k.bytes, Memory: k.memory, Expiry: k.expiry,
	}
	if len(t.keys) < t.n {
		key.Key = shownKey(k.Key)
		heap.Push(t, key)
		return
	}
	if t.by(&key) > t.by(&t.keys[0]) {
		key.Key = shownKey(k.Key)
		t.keys[0] = key
		heap.Fix(t, 0)
	}
}

// sorted gives the keys, the largest first.
func (t *top) sorted() []Key {
	list := append([]Key{}, t.keys...)
	slices.SortFunc(list, func(a, b Key) int {
		return cmp.Or(cmp.Compare(t.by(&b), t.by(&a)), cmp.Compare(a.DB, b.DB), cmp.Compare(a.Key, b.Key))
	})
	return list
}
