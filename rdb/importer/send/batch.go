package send

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
)

// A batch is some commands that go to one server in one piece. It stays in memory until all are answered.
type batch struct {
	epoch  *account.Epoch
	route  *route
	db     int
	buf    []byte
	keys   []keyRef
	counts []account.Counts // by row
	size   int              // of the window that it takes
	resent bool             // a part of it may have been carried out
	stuck  bool
}

// A keyRef is one key of a batch: its commands are buf[start:end].
type keyRef struct {
	start, end            int
	nameAt, nameLen       int
	offset                int64
	row                   int32
	replies               int32
	raw                   int32 // bytes of the value
	kind                  rdb.Type
	how                   how
	done, lasting         bool // answered; does not expire
	uncertain             bool // it may have been written by an earlier run
	payloadAt, payloadEnd int  // of RESTORE
	// removes are the counters of commands in a transaction that take something away, apart from those that give the key
	// its name.
	removes []*atomic.Int64
}

// how describes what the replies of a key mean.
type how uint8

const (
	byRestore     how = iota
	bySet             // SET … NX: nil where the key exists
	byTransaction     // the reply before the last of EXEC is that of RENAMENX: 0 where the key exists
)

func (b *batch) name(k *keyRef) string { return string(b.buf[k.nameAt : k.nameAt+k.nameLen]) }

// pending returns the commands that have not been answered.
func (b *batch) pending() []byte {
	from := 0
	for from < len(b.keys) && b.keys[from].done {
		from++
	}
	if from == len(b.keys) {
		return nil
	}
	whole := true
	for i := range b.keys[from:] {
		whole = whole && !b.keys[from+i].done
	}
	if whole {
		return b.buf[b.keys[from].start:]
	}
	var out []byte
	for i := range b.keys {
		if k := &b.keys[i]; !k.done {
			out = append(out, b.buf[k.start:k.end]...)
		}
	}
	return out
}

// leastReply returns how many bytes the replies that are due have at least: no reply of RESTORE is shorter than +OK.
func (b *batch) leastReply() (n int) {
	for i := range b.keys {
		if k := &b.keys[i]; !k.done && k.how == byRestore {
			n += len("+OK\r\n")
		}
	}
	return n
}

func (b *batch) count(row int32) *account.Counts {
	for len(b.counts) <= int(row) {
		b.counts = append(b.counts, account.Counts{})
	}
	return &b.counts[row]
}

// A route leads to one server: the target, or a node of its cluster. Its workers share the batches.
type route struct {
	addr string // of a node; "" for the target itself

	mu      sync.Mutex
	batches []*batch      // to be sent
	more    chan struct{} // has an element where batches may have one
}

func newRoute(addr string) *route { return &route{addr: addr, more: make(chan struct{}, 1)} }

// push has a batch sent. It never waits: the window bounds how many there are.
func (r *route) push(b *batch) {
	r.mu.Lock()
	r.batches = append(r.batches, b)
	r.mu.Unlock()
	r.wake()
}

// pushFirst has batches sent again, before all others.
func (r *route) pushFirst(batches []*batch) {
	r.mu.Lock()
	r.batches = slices.Concat(batches, r.batches)
	r.mu.Unlock()
	r.wake()
}

func (r *route) wake() {
	select {
	case r.more <- struct{}{}:
	default:
	}
}

func (r *route) pop() *batch {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.batches) == 0 {
		return nil
	}
	b := r.batches[0]
	r.batches[0] = nil
	r.batches = r.batches[1:]
	if len(r.batches) > 0 {
		r.wake() // another worker
	}
	return b
}
