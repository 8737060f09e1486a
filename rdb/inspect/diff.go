package inspect

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/redis-gitops/redis-gitops/rdb"
)

// Change is a key that is not the same in two dumps. Its JSON names are stable.
type Change struct {
	Change string `json:"change"` // "added", "removed" or "changed"
	DB     int    `json:"db"`
	Key    string `json:"key"`
	Type   string `json:"type"`
	// What differs, of a changed key: "type", "value" or "expiry".
	What      []string `json:"what,omitempty"`
	OldType   string   `json:"oldType,omitempty"`
	Expiry    int64    `json:"expiry,omitempty"` // Unix milliseconds
	OldExpiry int64    `json:"oldExpiry,omitempty"`
}

// DiffOptions of [Diff].
type DiffOptions struct {
	Filter    rdb.Filter
	IgnoreTTL bool
	// Room is how many keys are remembered at a time, about 100 bytes each; 0 stands for 2 million. With more keys, the dumps are
	// read several times.
	Room int
}

const defaultRoom = 2 << 20

// Differences counts what [Diff] found.
type Differences struct {
	Old     uint64 `json:"old"` // keys
	New     uint64 `json:"new"`
	Added   uint64 `json:"added"`
	Removed uint64 `json:"removed"`
	Changed uint64 `json:"changed"`
}

// Any reports whether the dumps differ.
func (d *Differences) Any() bool { return d.Added+d.Removed+d.Changed > 0 }

// Diff compares the keys of two dumps: their values, however they are encoded, and their expiry. Each opener gives the dump from
// its beginning, again and again; memory is bounded by DiffOptions.Room. fn gets each change; libraries of functions are not
// compared.
func Diff(before, after func() (*rdb.Scanner, func() error, error), opts DiffOptions, fn func(*Change) error) (Differences, error) {
	d := differ{opts: opts, fn: fn}
	if d.opts.Room <= 0 {
		d.opts.Room = defaultRoom
	}
	if err := d.each(before, func(*rdb.Entry) error { d.found.Old++; return nil }); err != nil {
		return d.found, err
	}
	d.parts = d.found.Old/uint64(d.opts.Room) + 1
	for d.part = range d.parts {
		if err := d.compare(before, after); err != nil {
			return d.found, err
		}
	}
	return d.found, nil
}

type keySum [16]byte

// known is what is remembered of a key of the old dump.
type known struct {
	value  keySum
	expiry int64
	kind   rdb.Type
	seen   bool
}

type differ struct {
	opts        DiffOptions
	fn          func(*Change) error
	found       Differences
	part, parts uint64 // keys by their sum, so that one part has room in memory
	keys        map[keySum]*known
}

// each returns the keys of a dump that the filter keeps.
func (d *differ) each(open func() (*rdb.Scanner, func() error, error), fn func(*rdb.Entry) error) (err error) {
	s, closeDump, err := open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeDump()) }()
	return keptKeys(s, &d.opts.Filter, fn)
}

// sumOf hashes database and key, and says whether it is of the part that is compared.
func (d *differ) sumOf(e *rdb.Entry) (sum keySum, mine bool) {
	buf := binary.AppendUvarint(make([]byte, 0, 64), uint64(e.DB))
	whole := sha256.Sum256(append(buf, e.Key...))
	copy(sum[:], whole[:])
	return sum, binary.LittleEndian.Uint64(whole[16:])%d.parts == d.part
}

func (d *differ) compare(before, after func() (*rdb.Scanner, func() error, error)) error {
	d.keys = map[keySum]*known{}
	err := d.each(before, func(e *rdb.Entry) error {
		sum, mine := d.sumOf(e)
		if !mine {
			return nil
		}
		value, err := rdb.Digest(e)
		d.keys[sum] = &known{value: value, expiry: e.Expiry, kind: e.Type}
		return err
	})
	if err != nil {
		return err
	}
	err = d.each(after, func(e *rdb.Entry) error {
		if d.part == 0 {
			d.found.New++
		}
		sum, mine := d.sumOf(e)
		if !mine {
			return nil
		}
		value, err := rdb.Digest(e)
		if err != nil {
			return err
		}
		return d.key(e, d.keys[sum], value)
	})
	if err != nil {
		return err
	}
	return d.each(before, func(e *rdb.Entry) error { // for the names of what is gone
		sum, mine := d.sumOf(e)
		if !mine || d.keys[sum].seen {
			return nil
		}
		d.found.Removed++
		return d.fn(&Change{Change: "removed", DB: e.DB, Key: printable(e.Key), Type: e.Type.Kind(), OldExpiry: e.Expiry})
	})
}

func (d *differ) key(e *rdb.Entry, old *known, value keySum) error {
	c := Change{Change: "changed", DB: e.DB, Key: printable(e.Key), Type: e.Type.Kind(), Expiry: e.Expiry}
	if old == nil {
		c.Change = "added"
		d.found.Added++
		return d.fn(&c)
	}
	old.seen = true
	switch {
	case old.kind.Kind() != e.Type.Kind():
		c.What, c.OldType = append(c.What, "type"), old.kind.Kind()
	case old.value != value:
		c.What = append(c.What, "value")
	}
	if old.expiry != e.Expiry && !d.opts.IgnoreTTL {
		c.What, c.OldExpiry = append(c.What, "expiry"), old.expiry
	}
	if len(c.What) == 0 {
		return nil
	}
	d.found.Changed++
	return d.fn(&c)
}
