package aof

import (
	"hash/maphash"
	"strconv"
)

// An estimator follows what commands add to and take from keys, to know about how much memory is left in use at the end. It knows
// the commands that write most, holds hashes and no names, and counts a value that is not seen again with the size that it was
// written with.
type estimator struct {
	seed  maphash.Seed
	db    uint64
	keys  map[uint64]*keySize
	units map[uint64]int64 // bytes of fields and members, which are replaced when they are written again
	total int64
	gen   uint64
	extra int64 // of keys beyond maxEstimated
}

// keySize is what the commands have made of one key.
type keySize struct {
	bytes, items int64
	gen          uint64 // differs for a key that was deleted in between
}

const (
	// maxEstimated bounds the keys and elements that are followed, in about 400 MB.
	maxEstimated = 4 << 20
	// Around a key and around an element a server spends about this much.
	keyOverhead  = 90
	itemOverhead = 16
)

func newEstimator() *estimator {
	e := &estimator{seed: maphash.MakeSeed()}
	e.reset()
	return e
}

func (e *estimator) reset() {
	e.keys, e.units, e.total = map[uint64]*keySize{}, map[uint64]int64{}, 0
}

func (e *estimator) hash(parts ...uint64) uint64 {
	var h maphash.Hash
	h.SetSeed(e.seed)
	for _, p := range parts {
		_, _ = h.Write(strconv.AppendUint(nil, p, 36))
		_ = h.WriteByte(' ')
	}
	return h.Sum64()
}

// memory is about what the commands leave in use.
func (e *estimator) memory() int64 { return e.total + e.extra + int64(len(e.keys))*keyOverhead }

func (e *estimator) drop(key uint64) {
	if k := e.keys[key]; k != nil {
		e.total -= k.bytes
		delete(e.keys, key)
	}
}

func (e *estimator) key(key uint64) *keySize {
	k := e.keys[key]
	if k == nil {
		e.gen++
		k = &keySize{gen: e.gen}
		if len(e.keys) < maxEstimated {
			e.keys[key] = k
		}
	}
	return k
}

func (e *estimator) grow(k *keySize, n int64) {
	n = max(n, -k.bytes)
	k.bytes += n
	e.total += n
}

// element sets the size of a field or member.
func (e *estimator) element(k *keySize, name uint64, size int64) {
	unit := e.hash(k.gen, name)
	old, ok := e.units[unit]
	switch {
	case size == 0:
		delete(e.units, unit)
	case ok || len(e.units) < maxEstimated:
		e.units[unit] = size
	}
	e.grow(k, size-old)
}

// add follows one command.
func (e *estimator) add(c *command) {
	if c.name == "select" && len(c.hashes) > 0 {
		e.db = c.hashes[0]
		return
	}
	if c.name == "flushdb" || c.name == "flushall" {
		e.reset()
		return
	}
	if len(c.hashes) == 0 {
		return
	}
	args, key, size := c.hashes, e.hash(e.db, c.hashes[0]), c.size
	switch c.name {
	case "set", "setex", "psetex", "setnx", "getset", "restore", "mset":
		e.drop(key)
		e.grow(e.key(key), size)
	case "incr", "decr", "incrby", "decrby", "incrbyfloat", "setbit", "pfadd":
		if e.keys[key] == nil {
			e.grow(e.key(key), size)
		}
	case "append", "xadd", "rpush", "lpush", "rpushx", "lpushx", "linsert", "geoadd":
		k := e.key(key)
		k.items += int64(max(len(args)-1, 1))
		e.grow(k, size+itemOverhead)
	case "lpop", "rpop", "xdel":
		if k := e.keys[key]; k != nil && k.items > 0 {
			e.grow(k, -(k.bytes / k.items))
			k.items--
		}
	case "hset", "hmset", "hsetnx", "hincrby", "hincrbyfloat", "sadd":
		if len(args) > 1 {
			e.element(e.key(key), args[1], size+itemOverhead)
		}
	case "zadd", "zincrby":
		if len(args) > 2 {
			e.element(e.key(key), args[2], size+itemOverhead)
		}
	case "hdel", "srem", "zrem":
		if k := e.keys[key]; k != nil {
			for _, name := range args[1:] {
				e.element(k, name, 0)
			}
		}
	case "del", "unlink":
		for _, name := range args {
			e.drop(e.hash(e.db, name))
		}
	case "rename":
		if k := e.keys[key]; k != nil && len(args) > 1 {
			to := e.hash(e.db, args[1])
			e.drop(to)
			delete(e.keys, key)
			e.keys[to] = k
		}
	}
}
