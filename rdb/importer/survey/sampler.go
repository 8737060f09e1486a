package survey

import (
	"bytes"
	"math"
	"math/rand/v2"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
)

const (
	sampleKeys  = 1000
	sampleBytes = 16 << 10 // of values up to this size
	sampleLarge = 48       // and so many of larger ones, up to what a window holds
	sampleHuge  = 8        // and of those that are read in pieces
)

// A Sampler keeps some of the keys that were sent, each of a size with the same chance.
type Sampler struct {
	random       *rand.Rand
	small, large reservoir[rdb.Entry]
	huge         reservoir[HugeKey]
}

// A reservoir keeps some of many, each with the same chance (Li's algorithm L, which asks for a random number only for those that it
// keeps).
type reservoir[T any] struct {
	kept  []T
	skip  int     // so many more are passed over
	least float64 // the chance of each is that its random number is below this one, the largest of those kept
}

func (r *reservoir[T]) offer(random *rand.Rand, size int, item func() T) {
	switch {
	case len(r.kept) < size:
		r.kept = append(r.kept, item())
		if r.least = 1; len(r.kept) < size {
			return
		}
	case r.skip > 0:
		r.skip--
		return
	default:
		r.kept[random.IntN(size)] = item()
	}
	r.least *= math.Exp(math.Log(1-random.Float64()) / float64(size))
	r.skip = int(min(math.Log(1-random.Float64())/math.Log1p(-r.least), math.MaxInt32))
}

// A HugeKey is a key whose value is larger than the window, to be read again.
type HugeKey struct {
	At  rdb.Position
	Key rdb.Entry // without its value
}

// NewSampler returns a sampler that keeps other keys each time.
func NewSampler() *Sampler {
	return &Sampler{random: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))}
}

// Values returns the keys that were kept with their values, the small ones first.
func (s *Sampler) Values() [][]rdb.Entry { return [][]rdb.Entry{s.small.kept, s.large.kept} }

// Huge returns the keys that were kept without their values.
func (s *Sampler) Huge() []HugeKey { return s.huge.kept }

// Offer may keep an entry; from is its database in the dump, and version the dump's.
func (s *Sampler) Offer(e *rdb.Entry, from, version int) {
	clone := func() rdb.Entry {
		c := rdb.Entry{DB: e.DB, Key: bytes.Clone(e.Key), Type: e.Type, Expiry: e.Expiry, Offset: e.Offset, Module: e.Module}
		if e.Raw != nil {
			c.Raw = bytes.Clone(e.Raw)
		}
		return c
	}
	switch {
	case e.Raw == nil:
		s.huge.offer(s.random, sampleHuge, func() HugeKey { return HugeKey{rdb.Position{Offset: e.Offset, DB: from, Version: version}, clone()} })
	case len(e.Raw) > sampleBytes:
		s.large.offer(s.random, sampleLarge, clone)
	default:
		s.small.offer(s.random, sampleKeys, clone)
	}
}
