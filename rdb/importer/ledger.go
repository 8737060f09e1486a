package importer

import (
	"slices"
	"sync"

	"github.com/redis-gitops/redis-gitops/rdb"
)

// A ledger keeps account of every key. Keys are sent in epochs, which end in the order of the dump: the frontier stands
// before the first epoch of which a key has not been answered.
type ledger struct {
	mu       sync.Mutex
	report   *Report
	rows     []Row // an index of it stands for a database and type
	index    map[rowName]int
	failures []Failure
	repaired uint64
	maxFail  int

	frontier rdb.Position // all before it is accounted for in rows
	sent     int64        // no key from here on was ever sent; what is before may be there already
	epochs   []*epoch
	runID    string // of the server that has confirmed all before the frontier
	repair   string // run ID of a server that has to be looked at from the beginning; "" for none
	looked   func() // called under the lock when that has been done
}

type rowName struct {
	db   int
	kind string
}

// An epoch is a stretch of the dump.
type epoch struct {
	end    rdb.Position
	closed bool
	open   int      // batches that are not done
	counts []Counts // by row
	stuck  bool     // a key in it could not be written for a reason that ends the import
	repair bool     // keys of it were accounted for before
}

func (l *ledger) row(db int, kind string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := rowName{db, kind}
	i, ok := l.index[name]
	if !ok {
		if l.index == nil {
			l.index = map[rowName]int{}
		}
		i = len(l.rows)
		l.index[name] = i
		l.rows = append(l.rows, Row{DB: db, Type: kind})
	}
	return i
}

// count returns the counts of a row in an epoch.
func (e *epoch) count(row int) *Counts {
	for len(e.counts) <= row {
		e.counts = append(e.counts, Counts{})
	}
	return &e.counts[row]
}

func (l *ledger) begin(repair bool) *epoch {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := &epoch{repair: repair}
	l.epochs = append(l.epochs, e)
	return e
}

// close reports that no more batches come.
func (l *ledger) close(e *epoch, end rdb.Position, counts []Counts) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.end, e.closed = end, true
	e.merge(counts)
	l.retire()
}

func (e *epoch) merge(counts []Counts) {
	for row := range counts {
		e.count(row).add(counts[row])
	}
}

// opened reports that a batch belongs to the epoch.
func (l *ledger) opened(e *epoch) {
	l.mu.Lock()
	e.open++
	l.mu.Unlock()
}

// done reports that a batch has been answered. It is stuck where a key of it was not written for a reason that has nothing to
// do with the key.
func (l *ledger) done(e *epoch, counts []Counts, stuck bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.open--
	e.stuck = e.stuck || stuck
	e.merge(counts)
	l.retire()
}

// retire moves the frontier.
func (l *ledger) retire() {
	for len(l.epochs) > 0 {
		e := l.epochs[0]
		if !e.closed || e.open > 0 || e.stuck {
			return
		}
		l.epochs = l.epochs[1:]
		if e.repair {
			for _, c := range e.counts {
				l.repaired += c.Written
			}
			continue
		}
		for row, c := range e.counts {
			l.rows[row].Counts.add(c)
		}
		l.frontier = e.end
		if l.repair != "" { // everything before it has been looked at by now
			l.runID, l.repair = l.repair, ""
			l.looked()
		}
	}
}

func (l *ledger) fail(f Failure) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.failures) < l.maxFail {
		l.failures = append(l.failures, f)
	}
}

func (l *ledger) note(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report.note(format, args...)
}

// position returns the frontier, the end of what was sent, and whether the part before the frontier must be repaired.
func (l *ledger) position() (at, sent int64, repair bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.frontier.Offset, l.sent, l.repair != ""
}

// repairFrom has the next pass begin at the beginning, for another server.
func (l *ledger) repairFrom(runID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.repair = runID
}

// start returns where a pass begins, and forgets what the one before has left open.
func (l *ledger) start() (from, until rdb.Position, uncertain int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epochs = nil
	if l.repair != "" {
		return rdb.Position{}, l.frontier, l.sent
	}
	return l.frontier, l.frontier, l.sent
}

// sending reports that keys up to an offset are about to be sent.
func (l *ledger) sending(to int64) {
	l.mu.Lock()
	l.sent = max(l.sent, to)
	l.mu.Unlock()
}

// fill writes what is accounted for into the report, open epochs too: they were counted when a key was answered.
func (l *ledger) fill(r *Report) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rows := slices.Clone(l.rows)
	for _, e := range l.epochs {
		if e.repair {
			continue
		}
		for row, c := range e.counts {
			rows[row].Counts.add(c)
		}
	}
	r.setRows(rows)
	r.Failures = append(r.Failures[:0:0], l.failures...)
	r.Repaired = l.repaired
}

// readTo counts the keys of the dump before a position, which is the frontier or the beginning.
func (l *ledger) readTo(at rdb.Position) (n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at.Offset == 0 {
		return 0
	}
	for _, r := range l.rows {
		n += r.Read
	}
	return n
}

// A span is a stretch of the dump from the first to the last offset that was added.
type span struct {
	mu       sync.Mutex
	from, to int64
	any      bool
}

func (s *span) add(offset int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.any {
		s.from, s.to, s.any = offset, offset, true
		return
	}
	s.from, s.to = min(s.from, offset), max(s.to, offset)
}

func (s *span) has(offset int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.any && offset >= s.from && offset <= s.to
}

func (s *span) empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.any
}
