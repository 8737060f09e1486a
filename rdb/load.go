package rdb

import (
	"errors"
	"fmt"
	"hash/maphash"
)

// ErrLoad is the reason of an [Error] about an entry at which a server that loads the dump ends its process.
var ErrLoad = errors.New("a server that loads the dump exits there")

// A LoadCheck judges the entries of a dump as a server does that loads it, from its directory or its master: a value that is
// damaged and a key that is in the dump twice end the server (redis src/rdb.c, rdbLoadRioWithLoadingCtx: "Internal error in
// RDB reading offset", "RDB has duplicated key"). The zero value is for a dump of which nothing was read.
type LoadCheck struct{ keys KeySet }

// Key judges the key of an entry, which is remembered by its database.
func (c *LoadCheck) Key(e *Entry) error {
	if e.Kind != KeyEntry || c.keys.Add(e.DB, e.Key) {
		return nil
	}
	return &Error{e.Offset, fmt.Sprintf("duplicate key %q in database %d; %v", shorten(e.Key), e.DB, ErrLoad), ErrLoad}
}

// Value judges the value of an entry, which is read for that where it is larger than the window. What a module wrote only the module
// can judge.
func (c *LoadCheck) Value(e *Entry) error {
	if e.Kind != KeyEntry || e.Type == TypeModule2 {
		return nil
	}
	err := Decode(e, func(*Element) error { return nil })
	if err == nil {
		return nil
	}
	return &Error{e.Offset, fmt.Sprintf("key %q in database %d: %v; %v", shorten(e.Key), e.DB, err, ErrLoad), errors.Join(ErrLoad, err)}
}

// Entry judges key and value.
func (c *LoadCheck) Entry(e *Entry) error {
	if err := c.Value(e); err != nil {
		return err
	}
	return c.Key(e)
}

// Expect makes room for as many keys as a dump says that it has.
func (c *LoadCheck) Expect(keys uint64) { c.keys.Expect(keys) }

// Full reports whether there were more keys than can be remembered, so that duplicates among the later ones may be missed.
func (c *LoadCheck) Full() bool { return c.keys.Full() }

// A KeySet remembers the keys of a dump by 64 bits of a hash each: of 16 million keys, two have the same bits in one of 100,000
// dumps. Its memory is bounded.
type KeySet struct {
	seed  maphash.Seed
	table []uint64 // open addressing; 0 for none
	used  int
}

// maxKeySet is how many keys are remembered, in at most 256 MB.
const maxKeySet = 16 << 20

// Add reports whether a key of a database is new.
func (s *KeySet) Add(db int, key []byte) bool {
	if s.table == nil {
		s.seed, s.table = maphash.MakeSeed(), make([]uint64, 1024)
	}
	const odd = 0x9e3779b97f4a7c15                         // sets the databases apart
	sum := maphash.Bytes(s.seed, key) ^ uint64(db)*odd | 1 // which is never 0
	at := s.find(sum)
	if s.table[at] == sum {
		return false
	}
	if s.Full() {
		return true
	}
	s.table[at] = sum
	if s.used++; s.used > len(s.table)/8*7 {
		s.grow()
	}
	return true
}

// Expect makes room for so many keys, up to a bound: a dump may say what it likes.
func (s *KeySet) Expect(keys uint64) {
	const most = 1 << 20
	size := 1024
	for uint64(size/8*7) <= min(keys, most) {
		size *= 2
	}
	if s.table == nil {
		s.seed, s.table = maphash.MakeSeed(), make([]uint64, size)
	}
}

func (s *KeySet) find(sum uint64) int {
	at := int(sum >> 1 & uint64(len(s.table)-1))
	for s.table[at] != 0 && s.table[at] != sum {
		at = (at + 1) & (len(s.table) - 1)
	}
	return at
}

func (s *KeySet) grow() {
	old := s.table
	s.table = make([]uint64, 2*len(old))
	for _, sum := range old {
		if sum != 0 {
			s.table[s.find(sum)] = sum
		}
	}
}

// Full reports whether no more keys are remembered.
func (s *KeySet) Full() bool { return s.used >= maxKeySet }
