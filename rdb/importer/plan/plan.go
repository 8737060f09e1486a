package plan

import (
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
)

// ClockTolerance is how much two clocks may differ before that is reported: more than what a slow answer to TIME explains.
const ClockTolerance = 2 * time.Second

// A Plan is one import as it was decided on before the first write: its source, its options and the clocks. What is decided later,
// such as the method of [Auto], is entered here.
type Plan struct {
	Source  Source
	Options Options
	Began   time.Time
	Clock
}

// New returns the plan of an import that begins now.
func New(source Source, opts Options) *Plan {
	return &Plan{Source: source, Options: opts.withDefaults(), Began: time.Now()}
}

// SetClocks decides by which time keys of the dump have expired, and by how much expiry times have to be moved so that keys
// live as long in the target as they would have in their source. An expiry is a time of the source's clock:
//
//   - A running source was asked for its time. What differs from the target's is made up for, whichever of the two is wrong.
//   - A dump in a file is taken to be right, unless SourceClock says how far its server's clock was ahead.
//
// ahead is how far the clock of the target is ahead of the one here.
func (p *Plan) SetClocks(ahead time.Duration, note func(format string, args ...any)) {
	p.Ahead, p.hold = ahead, p.Options.Hold
	taken := p.Began
	if !p.Options.Taken.IsZero() {
		taken = p.Options.Taken
	}
	offset, known := p.Options.SourceClock, p.Options.SourceClock != 0
	from := p.Ahead // whose "now" judges the dump
	if live := p.Source.Live; live != nil && !known {
		offset, known = live.Clock, true
		if (offset - p.Ahead).Abs() <= ClockTolerance {
			offset = p.Ahead
		}
	}
	if known {
		from = offset
		p.Shift = (p.Ahead - offset).Round(time.Millisecond).Milliseconds()
	}
	p.Options.Filter.Now = taken.Add(from)
	if p.Shift != 0 {
		note("the clock of the source differs from the target by %v; expiry times were adjusted to preserve TTLs", time.Duration(p.Shift)*time.Millisecond)
	}
}

// A Clock relates the clocks of source and target to the one here.
type Clock struct {
	Ahead time.Duration // how far the clock of the target is ahead
	Shift int64         // milliseconds to add to each expiry of the dump
	hold  int64         // and to those of keys
}

// Now returns the time by the target's clock, in Unix milliseconds.
func (c *Clock) Now() int64 { return time.Now().Add(c.Ahead).UnixMilli() }

// ShiftExpiry turns the expiry of a key from the source's clock into one of the target's.
func (c *Clock) ShiftExpiry(e *rdb.Entry) {
	if e.Expiry != 0 {
		e.Expiry = max(e.Expiry+c.Shift, 1) + c.hold
	}
}

// FieldExpiry turns the expiry of a hash field, in Unix milliseconds, from the source's clock into one of the target's; 0 is for none.
func (c *Clock) FieldExpiry(at int64) int64 {
	if at == 0 {
		return 0
	}
	return max(at+c.Shift, 1)
}

// IsGone reports whether a key with an expiry in Unix milliseconds has expired in the target, or will within a second; 0 is for none.
func (c *Clock) IsGone(expiry int64) bool { return expiry != 0 && expiry <= c.Now()+1000 }

// TemporaryPrefix begins the names under which keys are made, before they are renamed.
const TemporaryPrefix = "redis-gitops:import:"
