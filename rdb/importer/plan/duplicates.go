package plan

import (
	"errors"
	"fmt"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/rdb"
)

// Duplicates are keys that would be written to one database of the target twice: a dump that no server loads has one twice, or
// two databases are mapped to one. Only one of the values can be there at the end, so such a dump is refused, whatever is to
// become of existing keys.
type Duplicates struct {
	seen  rdb.KeySet
	Full  bool // there were more keys than are remembered
	count uint64
	first struct {
		key    string
		db     int
		offset int64
	}
}

// Add takes account of a key that will be written, by its database in the target, and reports whether it is new.
func (d *Duplicates) Add(e *rdb.Entry) bool {
	if d.seen.Add(e.DB, e.Key) {
		d.Full = d.Full || d.seen.Full()
		return true
	}
	if d.count++; d.count == 1 {
		d.first.key, d.first.db, d.first.offset = string(e.Key), e.DB, e.Offset
	}
	return false
}

// Expect makes room for as many keys as the dump says that a database has.
func (d *Duplicates) Expect(keys uint64) { d.seen.Expect(keys) }

// Forget frees the memory of the keys, which is large. What was found stays.
func (d *Duplicates) Forget() { d.seen = rdb.KeySet{} }

// Err reports what was found in a dump; mapped reports that keys go to other databases than in the dump.
func (d *Duplicates) Err(mapped bool) error {
	if d.count == 0 {
		return nil
	}
	what := fmt.Sprintf("duplicate key %.100q in database %d", d.first.key, d.first.db)
	if d.count > 1 {
		what = fmt.Sprintf("%s, the first is %.100q in database %d", finding.Count(d.count, "duplicate key"), d.first.key, d.first.db)
	}
	way := "keep the first value of each with rdb convert --lossy, or exclude them with --exclude"
	if mapped {
		way = "map each database to another one (--map-db)"
	}
	return &rdb.Error{Offset: d.first.offset, Message: what + ": only one of the values can be imported; " + way}
}

// ErrTwice is the reason for a key of a source that is read once.
var ErrTwice = errors.New("duplicate key of the source; its first value was written")
