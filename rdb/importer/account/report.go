package account

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Counts of keys.
type Counts struct {
	Read     uint64 `json:"read"`     // in the dump
	Written  uint64 `json:"written"`  // confirmed by the target
	Skipped  uint64 `json:"skipped"`  // were there already, or are empty, which servers leave out too
	Expired  uint64 `json:"expired"`  // had expired by the time of the import
	Filtered uint64 `json:"filtered"` // left out by choice of database, key or type
	Failed   uint64 `json:"failed"`   // refused by the target; see Report.Failures
	Bytes    uint64 `json:"bytes"`    // of the values written, as they stand in the dump
	Lasting  uint64 `json:"lasting"`  // those written that do not expire
}

// Add adds other counts.
func (c *Counts) Add(o Counts) {
	c.Read += o.Read
	c.Written += o.Written
	c.Skipped += o.Skipped
	c.Expired += o.Expired
	c.Filtered += o.Filtered
	c.Failed += o.Failed
	c.Bytes += o.Bytes
	c.Lasting += o.Lasting
}

// A Row counts the keys of one database and type. DB is that of the target.
type Row struct {
	DB   int    `json:"db"`
	Type string `json:"type"`
	Counts
}

// A Failure is one key that the target refused.
type Failure struct {
	DB     int    `json:"db"`
	Key    string `json:"key"`
	Type   string `json:"type"`
	Offset int64  `json:"offset"` // in the dump
	Reply  string `json:"reply"`
}

// A Difference is one key that is not in the target as it is in the dump.
type Difference struct {
	DB     int    `json:"db"`
	Key    string `json:"key"`
	Type   string `json:"type"`
	Reason string `json:"reason"`
}

// Report is what came of an import.
type Report struct {
	Source   string        `json:"source"`
	Target   string        `json:"target"`
	Method   string        `json:"method"`
	DryRun   bool          `json:"dryRun,omitempty"`
	Version  int           `json:"rdbVersion"`
	Size     int64         `json:"bytes"`
	Took     time.Duration `json:"-"`
	Rows     []Row         `json:"rows"`
	Total    Counts        `json:"total"`
	Repaired uint64        `json:"repaired,omitempty"` // keys written again, because the target had lost what it had confirmed

	// Replay accounts for the commands of an append-only file; nil where there were none. The rows then count the keys that
	// the target has afterwards.
	Replay *Replay `json:"commands,omitempty"`

	Failures    []Failure    `json:"failures,omitempty"`
	Verified    uint64       `json:"verified"` // keys compared
	Differences []Difference `json:"differences,omitempty"`
	Differing   uint64       `json:"differing"` // all of them, also those that Differences has no room for

	Refusals []Refusal `json:"refusals,omitempty"` // why it did not begin
	Doubts   []string  `json:"doubts,omitempty"`   // why keys that were written are not, or may not be, in the target

	Estimate int64    `json:"estimatedMemory,omitempty"` // bytes that the keys will take
	Notes    []string `json:"notes,omitempty"`           // what somebody should know
}

// A Replay accounts for the commands of an append-only file that the target has carried out.
type Replay struct {
	Commands int64  `json:"sent"`
	Refused  uint64 `json:"refused"` // answered with an error, or not carried out
}

// Failed counts the keys that failed or differ, the commands that were refused, and the reasons to doubt the rest. Only at 0 is
// everything there.
func (r *Report) Failed() uint64 {
	n := r.Total.Failed + r.Differing + uint64(len(r.Doubts))
	if r.Replay != nil {
		n += r.Replay.Refused
	}
	return n
}

// A Refusal is one reason not to begin, with a code that does not change when its words do.
type Refusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Doubt adds a reason.
func (r *Report) Doubt(format string, args ...any) {
	r.Doubts = append(r.Doubts, fmt.Sprintf(format, args...))
}

// Note adds a line, once.
func (r *Report) Note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(r.Notes, text) {
		r.Notes = append(r.Notes, text)
	}
}

// setRows sorts the rows and sums them up.
func (r *Report) setRows(rows []Row) {
	r.Rows, r.Total = slices.Clone(rows), Counts{}
	slices.SortFunc(r.Rows, func(a, b Row) int { return cmp.Or(cmp.Compare(a.DB, b.DB), cmp.Compare(a.Type, b.Type)) })
	for _, row := range r.Rows {
		r.Total.Add(row.Counts)
	}
}
