package importer

import (
	"context"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
)

// ClockTolerance is how much two clocks may differ before that is worth a word: more than what a slow answer to TIME explains.
const ClockTolerance = 2 * time.Second

// measureClock asks the target for its time, because the target decides when keys expire. Where it cannot be asked now, the
// preflight explains why.
func (im *importer) measureClock(ctx context.Context) {
	conn, err := im.Target.Connect(ctx)
	if err == nil {
		limited, cancel := context.WithTimeout(ctx, server.ReplyTimeout)
		ahead, took, err := conn.Clock(limited)
		cancel()
		conn.Close()
		if err == nil && ahead.Abs() > ClockTolerance+took {
			im.clock = ahead
			im.Ledger.Note("the clock of the target differs from the local clock by %v; it determines when keys expire", ahead.Round(time.Second))
		}
	}
	im.setClocks()
}

// setClocks decides by which time keys of the dump have expired, and by how much expiry times have to be moved so that keys
// live as long in the target as they would have in their source. An expiry is a time of the source's clock:
//
//   - A running source was asked for its time. What differs from the target's is made up for, whichever of the two is wrong.
//   - A dump in a file is taken to be right, unless SourceClock says how far its server's clock was ahead.
func (im *importer) setClocks() {
	offset, known := im.opts.SourceClock, im.opts.SourceClock != 0
	from := im.clock // whose "now" judges the dump
	if live := im.source.Live; live != nil && !known {
		offset, known = live.Clock, true
		if (offset - im.clock).Abs() <= ClockTolerance {
			offset = im.clock
		}
	}
	if known {
		from = offset
		im.shift = (im.clock - offset).Round(time.Millisecond).Milliseconds()
	}
	im.opts.Filter.Now = im.began.Add(from)
	if im.shift != 0 {
		im.Ledger.Note("the clock of the source differs from the target by %v; expiry times were adjusted to preserve TTLs", time.Duration(im.shift)*time.Millisecond)
	}
}

// now is the time by the target's clock, in Unix milliseconds.
func (im *importer) now() int64 { return time.Now().Add(im.clock).UnixMilli() }

// shiftExpiry turns an expiry of the source's clock into one of the target's.
func (im *importer) shiftExpiry(e *rdb.Entry) {
	if e.Expiry != 0 {
		e.Expiry = max(e.Expiry+im.shift, 1)
	}
}

// fieldExpiry turns an expiry of a hash field of the source's clock into one of the target's.
func (im *importer) fieldExpiry(at int64) int64 {
	if at == 0 {
		return 0
	}
	return max(at+im.shift, 1)
}

// isGone reports whether a key's time is over in the target, or so nearly that it may be gone.
func (im *importer) isGone(expiry int64) bool { return expiry != 0 && expiry <= im.now()+1000 }
