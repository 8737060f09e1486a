// Package checkpoint keeps what an import needs to go on after the importer, the machine or the target was lost
// (docs/adr/0003-import-resume.md).
package checkpoint

import (
	"errors"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
)

// A checkpoint is what Store keeps: enough to go on after the importer, the machine or the target was lost, and nothing
// secret.
type checkpoint struct {
	Format   int       `json:"format"`
	ID       string    `json:"id"`
	Began    time.Time `json:"began"`
	Source   string    `json:"source"`
	Size     int64     `json:"size"`
	Checksum string    `json:"checksum"` // of the dump
	Options  string    `json:"options"`  // sum of those that must not change
	Target   string    `json:"target"`
	RunID    string    `json:"runID"` // of the server that confirmed all before Offset
	// Nodes are the processes that RunID stands for, by address, with the history of their data.
	Nodes map[string]server.Identity `json:"nodes,omitempty"`
	// Now is the time of which expiries are judged, and Shift the milliseconds that they are moved by.
	Now     time.Time `json:"now,omitzero"`
	Shift   int64     `json:"shift,omitempty"`
	Offset  int64     `json:"offset"`
	DB      int       `json:"db"`
	Version int       `json:"rdbVersion"`
	// Limit is an offset from which on no key was sent. Those between Offset and Limit may be there already.
	Limit    int64             `json:"limit"`
	Rows     []account.Row     `json:"rows"`
	Failures []account.Failure `json:"failures,omitempty"`
	Repaired uint64            `json:"repaired,omitempty"`
	Notes    []string          `json:"notes,omitempty"`
}

// Format is the version of all that a store keeps.
const Format = 1

// ahead is how far beyond the frontier keys may be sent before the checkpoint says so.
const ahead = 256 << 20 // bytes of the dump

// errNone reports that the store has nothing to go on from.
var errNone = errors.New("no checkpoint to resume from; import without --resume")
