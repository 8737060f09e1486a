package plan

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
)

// Keys live as long in the target as they would have in the source, whichever clock is wrong.
func TestSetClocks(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name        string
		live        *Live
		option      time.Duration // SourceClock
		ahead       time.Duration // the target's clock
		now, shift  time.Duration // what the dump is judged by, and what expiry times are moved by
		wantsNoting bool
	}{
		{"a file", nil, 0, 0, 0, 0, false},
		{"a file, the target ahead", nil, 0, day, day, 0, false},
		{"a file of a server a day behind", nil, -day, 0, -day, day, true},
		{"a file of a server a day behind, the target ahead", nil, -day, day, -day, 2 * day, true},
		{"a source as far ahead as the target", &Live{Clock: day}, 0, day, day, 0, false},
		{"a source within the tolerance", &Live{Clock: day + ClockTolerance}, 0, day, day, 0, false},
		{"a source beyond the tolerance", &Live{Clock: day + 2*ClockTolerance}, 0, day, day + 2*ClockTolerance, -2 * ClockTolerance, true},
		{"a source that the option contradicts", &Live{Clock: day}, -day, 0, -day, day, true},
	} {
		p := New(Source{Live: tt.live}, Options{SourceClock: tt.option})
		var notes []string
		p.SetClocks(tt.ahead, func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) })
		if got := p.Options.Filter.Now.Sub(p.Began); got != tt.now {
			t.Errorf("%s: the dump is judged by a time %v ahead, want %v", tt.name, got, tt.now)
		}
		if got := time.Duration(p.Shift) * time.Millisecond; got != tt.shift {
			t.Errorf("%s: expiry times are moved by %v, want %v", tt.name, got, tt.shift)
		}
		if (len(notes) > 0) != tt.wantsNoting {
			t.Errorf("%s: notes %q", tt.name, notes)
		}
	}
}

func TestClock(t *testing.T) {
	now := time.Now().UnixMilli()
	c := Clock{Ahead: time.Hour, Shift: -5000}
	if got := c.Now() - now - time.Hour.Milliseconds(); got < 0 || got > 1000 {
		t.Errorf("the target's time is off by %d ms", got)
	}
	for _, tt := range []struct{ expiry, want int64 }{{0, 0}, {4000, 1}, {5001, 1}, {6000, 1000}} {
		e := rdb.Entry{Expiry: tt.expiry}
		if c.ShiftExpiry(&e); e.Expiry != tt.want || c.FieldExpiry(tt.expiry) != tt.want {
			t.Errorf("%d became %d for a key and %d for a field, want %d", tt.expiry, e.Expiry, c.FieldExpiry(tt.expiry), tt.want)
		}
	}
	for _, tt := range []struct {
		expiry int64
		want   bool
	}{{0, false}, {1, true}, {c.Now() + 500, true}, {c.Now() + 60_000, false}} {
		if got := c.IsGone(tt.expiry); got != tt.want {
			t.Errorf("%d: %v", tt.expiry, got)
		}
	}
}

func TestIsEmpty(t *testing.T) {
	for _, tt := range []struct {
		name string
		e    rdb.Entry
		want bool
	}{
		{"a string of no bytes", rdb.Entry{Type: rdb.TypeString, Raw: []byte{0}}, false},
		{"a list of no items", rdb.Entry{Type: rdb.TypeList, Raw: []byte{0}}, true},
		{"a set of one member", rdb.Entry{Type: rdb.TypeSet, Raw: []byte{1, 1, 'a'}}, false},
		{"a damaged set", rdb.Entry{Type: rdb.TypeSet, Raw: []byte{1}}, false},
	} {
		if got := IsEmpty(&tt.e); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestWants(t *testing.T) {
	all, some := Options{}, Options{Filter: rdb.Filter{Types: []string{"hash"}}}
	if !all.Wants("set") || !some.Wants("hash") || some.Wants("set") {
		t.Error("types are not told apart")
	}
}

// Of a dump that is read later, keys are kept that had not expired when it was taken. Only keys are held, not fields.
func TestHold(t *testing.T) {
	taken := time.Now().Add(-time.Hour)
	p := New(Source{Live: &Live{Clock: time.Minute}}, Options{Hold: 1 << 50, Taken: taken})
	p.SetClocks(0, func(string, ...any) {})
	if got := p.Options.Filter.Now.Sub(taken); got != time.Minute {
		t.Errorf("the dump is judged by %v after it was taken", got)
	}
	e := rdb.Entry{Expiry: taken.UnixMilli()}
	p.ShiftExpiry(&e)
	if e.Expiry != taken.UnixMilli()-60_000+1<<50 || p.IsGone(e.Expiry) {
		t.Errorf("expiry %d", e.Expiry)
	}
	if got := p.FieldExpiry(taken.UnixMilli()); got != taken.UnixMilli()-60_000 {
		t.Errorf("expiry %d of a field", got)
	}
	e = rdb.Entry{}
	if p.ShiftExpiry(&e); e.Expiry != 0 {
		t.Errorf("a key that does not expire has %d", e.Expiry)
	}
}
