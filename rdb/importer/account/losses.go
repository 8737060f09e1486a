package account

import (
	"sync/atomic"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/rdb"
)

// Losses count what was lost by the way keys were written.
type Losses struct {
	Idle, Freq, Streams uint64 // by plain commands
	reencoded           map[rdb.Loss]uint64
	Unclaimed           atomic.Int64 // pending items of deleted stream entries
	Known               bool         // some keys have an idle time or frequency
}

// Lose counts what a key has lost in an older encoding.
func (u *Losses) Lose(lost rdb.Loss) {
	for _, l := range rdb.Losses() {
		if lost&l == 0 {
			continue
		}
		if u.reencoded == nil {
			u.reencoded = map[rdb.Loss]uint64{}
		}
		u.reencoded[l]++
	}
}

// Were counts with a verb, such as "2 keys were".
func Were(n uint64, noun string) string {
	return finding.Count(n, noun, finding.Verb(n, "was", "were"))
}

// Note describes what was lost by writing with plain commands, or in an older encoding, into a server.
func (u *Losses) Note(server string, version int, note func(format string, args ...any)) {
	if n := u.Freq; n > 0 {
		note("%s written with plain commands, which cannot set the use frequency (LFU); it starts from zero", Were(n, "key"))
	}
	if n := u.Idle; n > 0 {
		note("%s written with plain commands, which cannot set the idle time (LRU); it starts from now", Were(n, "key"))
	}
	if n := u.Streams; n > 0 {
		also := ""
		if version < 10 {
			also = "; consumers without pending entries and stream counters (entries added, entries read, largest deleted ID) were lost"
		}
		note("%s written with plain commands, which cannot set when consumers were last seen or active%s", Were(n, "stream"), also)
	}
	if n := u.Unclaimed.Load(); n > 0 {
		note("%s lost, because XCLAIM rejects deleted stream entries", Were(uint64(n), "pending entry"))
	}
	for _, l := range rdb.Losses() {
		if n := u.reencoded[l]; n > 0 {
			note("%s re-encoded without %s, which %s does not support", Were(n, "key"), l, server)
		}
	}
}
