package inspect

import (
	"cmp"
	"container/heap"
	"slices"
)

// top keeps the n heaviest keys in a heap whose root is the lightest of them. Of equals, the first in the dump stays.
type top struct {
	n    int
	keys []weighed
}

type weighed struct {
	weight uint64
	Key
}

func (t *top) Len() int           { return len(t.keys) }
func (t *top) Less(i, j int) bool { return t.keys[i].weight < t.keys[j].weight }
func (t *top) Swap(i, j int)      { t.keys[i], t.keys[j] = t.keys[j], t.keys[i] }
func (t *top) Push(x any)         { t.keys = append(t.keys, x.(weighed)) }
func (t *top) Pop() any {
	last := t.keys[len(t.keys)-1]
	t.keys = t.keys[:len(t.keys)-1]
	return last
}

func (t *top) add(k *measured, weight uint64) {
	full := len(t.keys) == t.n
	if full && weight <= t.keys[0].weight {
		return
	}
	w := weighed{weight, Key{
		DB: k.DB, Key: shownKey(k.Key), Type: k.Type.Kind(), Encoding: k.Type.Encoding(),
		Elements: k.size.Elements, Bytes: k.bytes, Memory: k.memory, Expiry: k.expiry,
	}}
	if !full {
		heap.Push(t, w)
		return
	}
	t.keys[0] = w
	heap.Fix(t, 0)
}

// sorted returns the keys, the heaviest first.
func (t *top) sorted() []Key {
	slices.SortFunc(t.keys, func(a, b weighed) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.DB, b.DB), cmp.Compare(a.Key.Key, b.Key.Key))
	})
	list := []Key{}
	for _, w := range t.keys {
		list = append(list, w.Key)
	}
	return list
}
