package account

import (
	"slices"
	"sync"

	"github.com/redis-gitops/redis-gitops/rdb"
)

// A Ledger keeps account of every key. Keys are sent in epochs, which end in the order of the dump: the frontier stands
// before the first epoch of which a key has not been answered.
type Ledger struct {
	mu       sync.Mutex
	Report   *Report
	rows     []Row // an index of it stands for a database and type
	index    map[RowName]int
	failures []Failure
	repaired uint64
	MaxFail  int

	frontier rdb.Position // all before it is accounted for in rows
	sent     int64        // no key from here on was ever sent; what is before may be there already
	epochs   []*Epoch
	runID    string   // of the server that has confirmed all before the frontier
	repair   string   // run ID of a server that has to be looked at from the beginning; "" for none
	looked   func()   // called under the lock when that has been done
	loaded   []string // names of libraries of functions
}

// A RowName is the database of the target and the type that a row counts.
type RowName struct {
	DB   int
	Kind string
}

// An Epoch is a stretch of the dump.
type Epoch struct {
	end    rdb.Position
	closed bool
	open   int      // batches that are not done
	counts []Counts // by row
	stuck  bool     // a key in it could not be written for a reason that ends the import
	Repair bool     // keys of it were accounted for before
}

// Row returns the index of the row of a database and type, which is made where there is none.
func (l *Ledger) Row(db int, kind string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := RowName{db, kind}
	i, ok := l.index[name]
	if !ok {
		if l.index == nil {
			l.index = map[RowName]int{}
		}
		i = len(l.rows)
		l.index[name] = i
		l.rows = append(l.rows, Row{DB: db, Type: kind})
	}
	return i
}

// count returns the counts of a row in an epoch.
func (e *Epoch) count(row int) *Counts {
	for len(e.counts) <= row {
		e.counts = append(e.counts, Counts{})
	}
	return &e.counts[row]
}

// Begin begins an epoch. repair reports that its keys were accounted for before.
func (l *Ledger) Begin(repair bool) *Epoch {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := &Epoch{Repair: repair}
	l.epochs = append(l.epochs, e)
	return e
}

// Close reports that no more batches come.
func (l *Ledger) Close(e *Epoch, end rdb.Position, counts []Counts) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.end, e.closed = end, true
	e.merge(counts)
	l.retire()
}

func (e *Epoch) merge(counts []Counts) {
	for row := range counts {
		e.count(row).Add(counts[row])
	}
}

// Opened reports that a batch belongs to the epoch.
func (l *Ledger) Opened(e *Epoch) {
	l.mu.Lock()
	e.open++
	l.mu.Unlock()
}

// Done reports that a batch has been answered. It is stuck where a key of it was not written for a reason that has nothing to
// do with the key.
func (l *Ledger) Done(e *Epoch, counts []Counts, stuck bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.open--
	e.stuck = e.stuck || stuck
	e.merge(counts)
	l.retire()
}

// retire moves the frontier.
func (l *Ledger) retire() {
	for len(l.epochs) > 0 {
		e := l.epochs[0]
		if !e.closed || e.open > 0 || e.stuck {
			return
		}
		l.epochs = l.epochs[1:]
		if e.Repair {
			for _, c := range e.counts {
				l.repaired += c.Written
			}
			continue
		}
		for row, c := range e.counts {
			l.rows[row].Counts.Add(c)
		}
		l.frontier = e.end
		if l.repair != "" { // everything before it has been looked at by now
			l.runID, l.repair = l.repair, ""
			l.looked()
		}
	}
}

// Fail names a key that failed, as long as there is room.
func (l *Ledger) Fail(f Failure) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.failures) < l.MaxFail {
		l.failures = append(l.failures, f)
	}
}

// Note adds a line to the report, once.
func (l *Ledger) Note(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Report.Note(format, args...)
}

// Position returns the frontier, the end of what was sent, and whether the part before the frontier must be repaired.
func (l *Ledger) Position() (at, sent int64, repair bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.frontier.Offset, l.sent, l.repair != ""
}

// RepairFrom has the next pass begin at the beginning, for another server.
func (l *Ledger) RepairFrom(runID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.repair = runID
}

// Start returns where a pass begins, and forgets what the one before has left open.
func (l *Ledger) Start() (from, until rdb.Position, uncertain int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epochs = nil
	if l.repair != "" {
		return rdb.Position{}, l.frontier, l.sent
	}
	return l.frontier, l.frontier, l.sent
}

// Sending reports that keys up to an offset are about to be sent.
func (l *Ledger) Sending(to int64) {
	l.mu.Lock()
	l.sent = max(l.sent, to)
	l.mu.Unlock()
}

// A State is what a ledger has to keep to go on in another run.
type State struct {
	Rows     []Row
	Failures []Failure
	Repaired uint64
	Notes    []string
	Frontier rdb.Position
	Sent     int64
	RunID    string
}

// Restore takes over the state of an earlier run, or that of a new one. repair is the run ID of a server that has to be looked at
// from the beginning, or ""; looked is called when that has been done.
func (l *Ledger) Restore(s State, repair string, looked func()) {
	for _, n := range s.Notes {
		l.Note("%s", n)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rows, l.failures, l.repaired = s.Rows, s.Failures, s.Repaired
	l.index = map[RowName]int{}
	for i, r := range l.rows {
		l.index[RowName{r.DB, r.Type}] = i
	}
	l.frontier, l.sent, l.runID, l.repair, l.looked = s.Frontier, s.Sent, s.RunID, repair, looked
}

// State returns what has to be kept. with is called at that moment.
func (l *Ledger) State(with func()) State {
	l.mu.Lock()
	defer l.mu.Unlock()
	with()
	return State{
		Rows: slices.Clone(l.rows), Failures: slices.Clone(l.failures), Repaired: l.repaired, Notes: slices.Clone(l.Report.Notes),
		Frontier: l.frontier, Sent: l.sent, RunID: l.runID,
	}
}

// SetRows replaces the rows by what was counted elsewhere, on a server.
func (l *Ledger) SetRows(rows []Row, runID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rows, l.runID = rows, runID
}

// Databases returns the numbers of the databases of the rows.
func (l *Ledger) Databases() (dbs []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.rows {
		dbs = append(dbs, r.DB)
	}
	return dbs
}

// FailedAt returns the offsets of the keys that failed, as far as they are named.
func (l *Ledger) FailedAt() map[int64]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	failed := map[int64]bool{}
	for _, f := range l.failures {
		failed[f.Offset] = true
	}
	return failed
}

// AddLibrary reports that a library of functions was loaded.
func (l *Ledger) AddLibrary(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loaded = append(l.loaded, name)
}

// Libraries returns the names of the libraries that were loaded.
func (l *Ledger) Libraries() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.loaded)
}

// Fill writes what is accounted for into the report, open epochs too: they were counted when a key was answered.
func (l *Ledger) Fill(r *Report) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rows := slices.Clone(l.rows)
	for _, e := range l.epochs {
		if e.Repair {
			continue
		}
		for row, c := range e.counts {
			rows[row].Counts.Add(c)
		}
	}
	r.setRows(rows)
	r.Failures = append(r.Failures[:0:0], l.failures...)
	r.Repaired = l.repaired
}

// ReadTo counts the keys of the dump before a position, which is the frontier or the beginning.
func (l *Ledger) ReadTo(at rdb.Position) (n uint64) {
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

// A Span is a stretch of the dump from the first to the last offset that was added.
type Span struct {
	mu       sync.Mutex
	from, to int64
	any      bool
}

// Add takes in an offset.
func (s *Span) Add(offset int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.any {
		s.from, s.to, s.any = offset, offset, true
		return
	}
	s.from, s.to = min(s.from, offset), max(s.to, offset)
}

// Has reports whether an offset is within.
func (s *Span) Has(offset int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.any && offset >= s.from && offset <= s.to
}

// Empty reports whether nothing was added.
func (s *Span) Empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.any
}
