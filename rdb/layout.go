package rdb

import (
	"math"
	"math/bits"
)

// A Layout is how a server keeps data in memory, right after it has loaded a dump. The zero value is Redis 7.0 with the
// jemalloc of its own source, as in the images of Docker's library.
type Layout struct {
	Release   Release
	Allocator Allocator
}

// A Release is the first release of Redis with a layout.
type Release int

// The releases whose layouts differ.
const (
	Redis70 Release = iota // listpacks for ziplists
	Redis60
	Redis72 // sets and short lists in listpacks, sets without a value in their entries
	Redis80 // also that of 7.4
)

// LayoutOf is the layout of the first release that writes an RDB version, with its own allocator.
func LayoutOf(version int) Layout {
	switch {
	case version < 10:
		return Layout{Release: Redis60}
	case version == 10:
		return Layout{Release: Redis70}
	case version == 11:
		return Layout{Release: Redis72}
	}
	return Layout{Release: Redis80}
}

// An Allocator rounds what a server asks for.
type Allocator int

// The allocators that servers are built with.
const (
	OwnJemalloc    Allocator = iota // of the source of Redis, with lg-quantum 3: sizes in steps of 8 bytes
	SystemJemalloc                  // of a distribution, such as Debian: in steps of 16
	Glibc
)

// size is what the allocator takes for n bytes, as used_memory counts it.
func (a Allocator) size(n uint64) uint64 {
	if a == Glibc { // malloc_usable_size: the chunk without the length before it
		return max(24, (n+8+15)&^15-8)
	}
	quantum := uint64(8)
	if a == SystemJemalloc && n > 8 {
		quantum = 16
	}
	if n <= 8*quantum {
		return max(quantum, (n+quantum-1)&^(quantum-1))
	}
	step := uint64(1) << (bits.Len64(n-1) - 3) // four classes in each doubling
	return (n + step - 1) &^ (step - 1)
}

// What things take in memory (redis src at tag 7.0.15, for 64 bits).
const (
	objectSize      = 16             // server.h:854 redisObject
	dictEntrySize   = 24             // dict.h:47 dictEntry: key, value, next
	keyEntrySize    = 16             // dict.c:77 at 7.2.6: an entry without a value: key, next
	dictSize        = 56             // dict.h:79 dict
	dictSize60      = 96             // dict.h:79 at 6.0.16, with two dictht of 32
	tableMin        = 4              // dict.h:110 DICT_HT_INITIAL_SIZE
	zsetSize        = 16             // server.h:1267 zset: dict, zsl
	skiplistSize    = 32             // server.h:1261 zskiplist
	skipNodeSize    = 24             // server.h:1251 zskiplistNode: ele, score, backward
	skipLevelSize   = 16             // and for each level a pointer and a span
	skipLevels      = 32             // server.h:482 ZSKIPLIST_MAXLEVEL, of the header
	listSize        = 40             // quicklist.h:106 quicklist
	listNodeSize    = 40             // quicklist.h:46 quicklistNode
	listNodeSize60  = 32             // quicklist.h:46 at 6.0.16, with a size of 32 bits
	streamSize      = 80             // stream.h:16 stream
	streamSize60    = 40             // stream.h:16 at 6.0.16, without the first and the deleted ID and the entries added
	raxSize         = 24             // rax.h:133 rax
	groupSize       = 40             // stream.h:55 streamCG
	groupSize60     = 32             // stream.h:51 at 6.0.16, without the entries read
	consumerSize    = 24             // stream.h:76 streamConsumer
	consumerSize72  = 32             // stream.h:76 at 7.2.6, with the time when it was active
	pendingSize     = 24             // stream.h:91 streamNACK
	fieldExpirySize = 16             // of a field's time to live, in the trees of its hash
	embedded        = 44             // object.c:119 OBJ_ENCODING_EMBSTR_SIZE_LIMIT
	sharedIntegers  = 10_000         // server.h:111 OBJ_SHARED_INTEGERS
	listpackValue   = 64             // config.c:3126: hash-, zset- and set-max-listpack-value
	listpackHash    = 512            // hash-max-listpack-entries
	listpackZSet    = 128            // zset-max-listpack-entries
	listpackSet     = 128            // set-max-listpack-entries, since 7.2
	listpackNode    = 8 << 10        // list-max-listpack-size -2
	skipP           = 0.25           // server.h:483 ZSKIPLIST_P
	listpackFixed   = packHeader + 1 // of a listpack
	listpackEntry   = 2              // an encoding and a length, around a short string
)

// string is the size of an sds with its header and its final zero (sds.c:60 sdsReqType).
func (l Layout) string(n uint64) uint64 {
	switch {
	case n < 32 && n > 0:
		return l.Allocator.size(n + 2)
	case n < 1<<8:
		return l.Allocator.size(n + 4)
	case n < 1<<16:
		return l.Allocator.size(n + 6)
	case n < 1<<32:
		return l.Allocator.size(n + 10)
	}
	return l.Allocator.size(n + 18)
}

// buckets is the number of buckets of a hash table with n entries: powers of two (dict.c:1035 _dictNextExp).
func buckets(n uint64) uint64 {
	if n <= tableMin {
		return tableMin
	}
	return 1 << bits.Len64(n-1)
}

// table is the array of buckets of a hash table with n entries.
func (l Layout) table(n uint64) uint64 {
	if n == 0 {
		return 0
	}
	return l.Allocator.size(8 * buckets(n))
}

// dict is a hash table with n entries, without what they point to.
func (l Layout) dict(n uint64) uint64 {
	fixed := uint64(dictSize)
	if l.Release == Redis60 {
		fixed = dictSize60
	}
	return l.Allocator.size(fixed) + l.table(n) + n*l.Allocator.size(dictEntrySize)
}

// keyDict is a hash table of n keys without values: since 7.2 a bucket has its first key itself (dict.c:333 at
// 7.2.6), so that only keys that share a bucket have an entry.
func (l Layout) keyDict(n uint64) uint64 {
	if l.Release == Redis60 || l.Release == Redis70 {
		return l.dict(n)
	}
	m := float64(buckets(n))
	used := m * -math.Expm1(-float64(n)/m)
	return l.Allocator.size(dictSize) + l.table(n) + uint64(max(0, float64(n)-used))*l.Allocator.size(keyEntrySize)
}

// skiplist is a zset of n elements, without their strings. A node has one level more with a chance of skipP.
func (l Layout) skiplist(n uint64) uint64 {
	node, chance := 0.0, 1-skipP
	for level := uint64(1); level <= skipLevels; level++ {
		node += chance * float64(l.Allocator.size(skipNodeSize+level*skipLevelSize))
		chance *= skipP
	}
	a := l.Allocator
	return a.size(zsetSize) + a.size(skiplistSize) + a.size(skipNodeSize+skipLevels*skipLevelSize) + l.dict(n) + uint64(node*float64(n))
}

// listNode is a node of a quicklist that holds n bytes.
func (l Layout) listNode(n uint64) uint64 {
	fixed := uint64(listNodeSize)
	if l.Release == Redis60 {
		fixed = listNodeSize60
	}
	return l.Allocator.size(fixed) + l.Allocator.size(n)
}

// Key is what a server needs for a key beside its value and its object: the key, its entry in the database, and in the table of
// expiries. The tables themselves are in [Layout.Database].
func (l Layout) Key(e *Entry) uint64 {
	n := l.string(uint64(len(e.Key))) + l.Allocator.size(dictEntrySize)
	if e.Expiry != 0 {
		n += l.Allocator.size(dictEntrySize)
	}
	return n
}

// Database is what the hash tables of a database need.
func (l Layout) Database(keys, expires uint64) uint64 { return l.table(keys) + l.table(expires) }

// Server is the used_memory of an empty server with its default configuration and one connection: Redis 6.0.16, 7.0.15 and 8.0.2
// were measured at 0.90 to 0.96 MB. The replication backlog, which a server with replicas has, comes on top.
func (l Layout) Server() uint64 { return 920_000 }

// rax is what a radix tree takes whose keys are added in order, all of them of the same length. Its nodes are those that the
// server has: chains of characters that no other key shares, branches, and an end with the value (rax.c:177
// raxNodeCurrentLength).
type rax struct {
	alloc    Allocator
	memory   uint64
	keys     uint64
	last     []byte
	branches []raxBranch // on the way to the last key
}

type raxBranch struct{ depth, children int }

// node is a node with n characters and p pointers.
func (r *rax) node(n, p int) uint64 {
	padded := (4 + n + 7) &^ 7
	return r.alloc.size(uint64(padded + 8*p))
}

// chain is the characters between two branches.
func (r *rax) chain(n int) uint64 {
	if n <= 0 {
		return 0
	}
	return r.node(n, 1)
}

func (r *rax) add(key []byte) {
	if r.keys++; r.keys == 1 {
		r.last = append(r.last[:0], key...)
		return
	}
	same := 0
	for same < len(key) && same < len(r.last) && key[same] == r.last[same] {
		same++
	}
	r.close(same)
	if n := len(r.branches); n > 0 && r.branches[n-1].depth == same {
		r.branches[n-1].children++
	} else {
		r.branches = append(r.branches, raxBranch{same, 2})
	}
	r.last = append(r.last[:0], key...)
}

// close counts what no further key changes: all below a depth.
func (r *rax) close(depth int) {
	below := depth // of what the last one hangs on
	if n := len(r.branches); n > 0 {
		below = max(below, r.branches[n-1].depth)
	}
	r.memory += r.chain(len(r.last)-below-1) + r.node(0, 1)
	for n := len(r.branches); n > 0 && r.branches[n-1].depth > depth; n-- {
		b := r.branches[n-1]
		r.branches = r.branches[:n-1]
		parent := depth
		if n > 1 {
			parent = max(parent, r.branches[n-2].depth)
		}
		r.memory += r.chain(b.depth-parent-1) + r.node(b.children, b.children)
	}
}

// size is what the tree takes, once all keys have been added.
func (r *rax) size() uint64 {
	fixed := r.alloc.size(raxSize)
	if r.keys == 0 {
		return fixed + r.node(0, 0)
	}
	r.close(-1)
	return fixed + r.memory
}
