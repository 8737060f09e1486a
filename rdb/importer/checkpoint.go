package importer

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
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

const checkpointFormat = 1

// ahead is how far beyond the frontier keys may be sent before the checkpoint says so.
const ahead = 256 << 20

var errNoCheckpoint = errors.New("no checkpoint to resume from; import without --resume")

// load reads the checkpoint, and checks that it is of this dump and these options.
func (im *importer) load() error {
	if im.Options.Checkpoint == nil {
		return errNoCheckpoint
	}
	text, err := im.Options.Checkpoint.Load()
	if err != nil {
		return fmt.Errorf("cannot read the checkpoint: %w", err)
	}
	if text == nil {
		return errNoCheckpoint
	}
	var c checkpoint
	if err := json.Unmarshal(text, &c); err != nil {
		return fmt.Errorf("the checkpoint is damaged: %w; remove it and restart the import", err)
	}
	if c.Format != checkpointFormat {
		return fmt.Errorf("the checkpoint was written by another version of redis-gitops (format %d); resume with that version, or remove it and restart the import", c.Format)
	}
	im.resumed = &c
	return nil
}

// fits describes what keeps the checkpoint from being of this import.
func (im *importer) fits() error {
	c := im.resumed
	switch {
	case c.Size != im.survey.Size || c.Checksum != im.survey.Checksum():
		return fmt.Errorf("the checkpoint belongs to another dump (%s, %d bytes); resume with that dump, or remove the checkpoint", c.Source, c.Size)
	case c.Options != im.sum:
		return errors.New("the checkpoint belongs to an import with other filters or another policy for existing keys; resume with the same options")
	case c.Target != "" && c.Target != im.Target.String():
		return fmt.Errorf("the checkpoint belongs to an import into %s; resume with that target, or remove the checkpoint and restart the import", c.Target)
	case c.Offset < 0 || c.Offset > c.Size || c.Limit < c.Offset:
		return errors.New("the checkpoint is damaged; remove it and restart the import")
	}
	return nil
}

// optionsSum covers what decides which keys are written and how.
func (im *importer) optionsSum() string {
	f := im.Options.Filter
	f.Now = time.Time{}
	existing := im.Options.Existing
	text, err := json.Marshal(struct {
		Filter   rdb.Filter
		Existing plan.Existing
	}{f, existing})
	if err != nil {
		panic(err) // plain data
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// begin takes the state of the checkpoint over, or writes the first one.
func (im *importer) begin() error {
	l := &im.Ledger
	ids := im.Server.Identities()
	im.confirmed = ids
	looked := func() { // under the lock of the ledger
		im.confirmed = im.Server.Identities()
	}
	if c := im.resumed; c != nil {
		if c.RunID != im.Server.RunID {
			im.confirmed = c.Nodes
		}
		im.id, im.Began, im.Options.Filter.Now, im.Shift = c.ID, c.Began, c.Now, c.Shift
		if c.Now.IsZero() { // of an earlier version
			im.Options.Filter.Now = c.Began
		}
		repair := ""
		if c.RunID != im.Server.RunID || c.RunID == "" || len(c.Nodes) > 0 && !server.Descends(c.Nodes, ids) {
			c.Notes = append(c.Notes, "the target was restarted or replaced since the import stopped; all confirmed keys were checked again")
			repair = im.Server.RunID
			if !server.Descends(c.Nodes, im.Server.Identities()) {
				im.Foreign.Store(true)
			}
		}
		l.Restore(account.State{
			Rows: c.Rows, Failures: c.Failures, Repaired: c.Repaired, Notes: c.Notes,
			Frontier: rdb.Position{Offset: c.Offset, DB: c.DB, Version: c.Version}, Sent: c.Limit, RunID: c.RunID,
		}, repair, looked)
		im.saved = true
	} else {
		var id [6]byte
		if _, err := rand.Read(id[:]); err != nil {
			return err
		}
		im.id = hex.EncodeToString(id[:])
		l.Restore(account.State{RunID: im.Server.RunID}, "", looked)
	}
	return im.save()
}

// save writes the checkpoint and allows sending up to its limit.
func (im *importer) save() error {
	if im.Options.Checkpoint == nil || im.Source.Once {
		return nil
	}
	im.saving.Lock()
	defer im.saving.Unlock()
	var nodes map[string]server.Identity
	s := im.Ledger.State(func() { nodes = im.confirmed })
	c := checkpoint{
		Format: checkpointFormat, ID: im.id, Began: im.Began, Source: im.Source.Name, Size: im.survey.Size, Checksum: im.survey.Checksum(),
		Options: im.sum, Target: im.Target.String(), RunID: s.RunID, Nodes: nodes, Now: im.Options.Filter.Now, Shift: im.Shift,
		Offset: s.Frontier.Offset, DB: s.Frontier.DB, Version: s.Frontier.Version,
		Limit: max(s.Frontier.Offset+ahead, s.Sent), Rows: s.Rows, Failures: s.Failures, Repaired: s.Repaired, Notes: s.Notes,
	}
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := im.Options.Checkpoint.Save(text); err != nil {
		return fmt.Errorf("cannot write the checkpoint: %w; free some space, or choose another file with --checkpoint", err)
	}
	im.saved = true
	im.limit.Store(c.Limit)
	return nil
}
