package inspect

import (
	"bytes"
	"cmp"
	"container/heap"
	"slices"
	"strings"
)

const (
	prefixDepth     = 3   // how many parts of a key are looked at
	maxPrefixLength = 128 // bytes; what is longer is no prefix that a person gave
)

// A sketch counts the heaviest prefixes in bounded memory: Space-Saving (Metwally, Agrawal, El Abbadi, "Efficient
// Computation of Frequent and Top-k Elements in Data Streams", 2005), by memory instead of by number. While there is room
// it is exact. Then the lightest prefix makes place for a new one, which takes over its weight as an error; no
// prefix heavier than the total divided by room can be missing.
type sketch struct {
	room     int
	byName   map[string]*counter
	lightest []*counter // a heap, made when there is no more room
	full     bool
}

type counter struct {
	name   string
	keys   uint64
	memory uint64
	atMost uint64 // of memory that may be others'
	at     int    // in the heap
}

func (s *sketch) Len() int           { return len(s.lightest) }
func (s *sketch) Less(i, j int) bool { return s.lightest[i].memory < s.lightest[j].memory }
func (s *sketch) Swap(i, j int) {
	h := s.lightest
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}
func (s *sketch) Push(any) { panic("a sketch never grows as a heap") }
func (s *sketch) Pop() any { panic("a sketch never shrinks") }

func (s *sketch) add(prefix []byte, memory uint64) {
	if c := s.byName[string(prefix)]; c != nil {
		c.keys++
		c.memory += memory
		if s.full {
			heap.Fix(s, c.at)
		}
		return
	}
	if s.byName == nil {
		s.byName = map[string]*counter{}
	}
	name := string(prefix)
	if len(s.lightest) < s.room {
		c := &counter{name: name, keys: 1, memory: memory, at: len(s.lightest)}
		s.byName[name] = c
		s.lightest = append(s.lightest, c)
		return
	}
	if !s.full {
		s.full = true
		heap.Init(s)
	}
	c := s.lightest[0]
	delete(s.byName, c.name)
	c.name, c.keys, c.atMost, c.memory = name, 1, c.memory, c.memory+memory
	s.byName[name] = c
	heap.Fix(s, 0)
}

// prefix counts the parts of a key that end with a separator: of user:7:cart, user: and user:7:.
func (in *inspector) prefix(k *measured) {
	sep := []byte(in.opts.Separator)
	end := 0
	for depth := range in.prefixes {
		i := bytes.Index(k.Key[end:], sep)
		if i < 0 || end+i+len(sep) > maxPrefixLength {
			if depth == 0 {
				in.prefixes[0].add(nil, k.memory)
			}
			return
		}
		end += i + len(sep)
		in.prefixes[depth].add(k.Key[:end], k.memory)
	}
}

// A prefix with less than a thousandth of the memory is not worth a line.
const worthShowing = 1000

// topPrefixes returns the heaviest prefixes of several keys. One that says the same as a longer one is left out.
func (in *inspector) topPrefixes() {
	in.out.PrefixesExact = true
	var list []Prefix
	for i := range in.prefixes {
		s := &in.prefixes[i]
		in.out.PrefixesExact = in.out.PrefixesExact && !s.full
		for _, c := range s.byName {
			if c.keys > 1 && c.atMost < c.memory/2 && c.memory > in.out.Total.Memory/worthShowing {
				list = append(list, Prefix{printable([]byte(c.name)), c.keys, c.memory, c.atMost})
			}
		}
	}
	slices.SortFunc(list, func(a, b Prefix) int {
		return cmp.Or(cmp.Compare(b.Memory, a.Memory), cmp.Compare(len(a.Prefix), len(b.Prefix)), cmp.Compare(a.Prefix, b.Prefix))
	})
	kept := []Prefix{}
	for _, p := range list {
		same := func(longer Prefix) bool {
			return p.Prefix != "" && len(longer.Prefix) > len(p.Prefix) && strings.HasPrefix(longer.Prefix, p.Prefix) && longer.Keys == p.Keys
		}
		if len(kept) < in.opts.Top && !slices.ContainsFunc(list, same) {
			kept = append(kept, p)
		}
	}
	in.out.Prefixes = kept
}
