package checkpoint

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/importer/survey"
)

// A Keeper reads and writes the checkpoint of one import.
type Keeper struct {
	link *server.Link
	plan *plan.Plan
	dump *survey.Survey // set by Begin

	sum     string      // of the options that must not change between runs
	id      string      // of the import
	resumed *checkpoint // what was loaded
	begun   bool        // the ledger has what the checkpoint had
	saved   bool        // a checkpoint was written, by this run or the one before

	saving    sync.Mutex
	limit     atomic.Int64               // no key from here on may be sent before a checkpoint says so
	confirmed map[string]server.Identity // of the processes that confirmed all before the frontier, under the ledger's lock
}

// New returns the keeper of the checkpoint in the store of the options, which may be nil.
func New(l *server.Link, p *plan.Plan) *Keeper {
	return &Keeper{link: l, plan: p, sum: optionsSum(p)}
}

// Resumed reports that the import goes on from a checkpoint.
func (k *Keeper) Resumed() bool { return k.resumed != nil }

// Saved reports that a checkpoint was written, by this run or the one before.
func (k *Keeper) Saved() bool { return k.saved }

// ID returns the name of the import, the same in each of its runs. It is known after [Keeper.Begin].
func (k *Keeper) ID() string { return k.id }

// Binds reports whether keys may be sent only up to [Keeper.Limit].
func (k *Keeper) Binds() bool { return k.plan.Options.Checkpoint != nil && !k.plan.Source.Once }

// Limit returns the offset of the dump from which on no key may be sent before the next [Keeper.Save].
func (k *Keeper) Limit() int64 { return k.limit.Load() }

// Read returns what the store has. It is an error where there is no store or nothing in it.
func (k *Keeper) Read() ([]byte, error) {
	if k.plan.Options.Checkpoint == nil {
		return nil, errNone
	}
	text, err := k.plan.Options.Checkpoint.Load()
	if err != nil {
		return nil, fmt.Errorf("cannot read the checkpoint: %w", err)
	}
	if text == nil {
		return nil, errNone
	}
	return text, nil
}

// Write replaces what the store has, as JSON. Without a store it does nothing.
func (k *Keeper) Write(state any) error {
	if k.plan.Options.Checkpoint == nil {
		return nil
	}
	text, err := json.Marshal(state)
	if err != nil {
		return err
	}
	if err := k.plan.Options.Checkpoint.Save(text); err != nil {
		return fmt.Errorf("cannot write the checkpoint: %w; free some space, or choose another file with --checkpoint", err)
	}
	k.saved = true
	return nil
}

// Remove empties the store. Without a store it does nothing.
func (k *Keeper) Remove() error {
	if k.plan.Options.Checkpoint == nil {
		return nil
	}
	return k.plan.Options.Checkpoint.Remove()
}

// Load reads the checkpoint of the run before.
func (k *Keeper) Load() error {
	text, err := k.Read()
	if err != nil {
		return err
	}
	var c checkpoint
	if err := json.Unmarshal(text, &c); err != nil {
		return fmt.Errorf("the checkpoint is damaged: %w; remove it and restart the import", err)
	}
	if c.Format != Format {
		return fmt.Errorf("the checkpoint was written by another version of redis-gitops (format %d); resume with that version, or remove it and restart the import", c.Format)
	}
	k.resumed = &c
	return nil
}

// Fits describes what keeps the checkpoint from being of this import and its dump.
func (k *Keeper) Fits(dump *survey.Survey) error {
	c := k.resumed
	switch {
	case c.Size != dump.Size || c.Checksum != dump.Checksum():
		return fmt.Errorf("the checkpoint belongs to another dump (%s, %d bytes); resume with that dump, or remove the checkpoint", c.Source, c.Size)
	case c.Options != k.sum:
		return errors.New("the checkpoint belongs to an import with other filters or another policy for existing keys; resume with the same options")
	case c.Target != "" && c.Target != k.link.Target.String():
		return fmt.Errorf("the checkpoint belongs to an import into %s; resume with that target, or remove the checkpoint and restart the import", c.Target)
	case c.Offset < 0 || c.Offset > c.Size || c.Limit < c.Offset:
		return errors.New("the checkpoint is damaged; remove it and restart the import")
	}
	return nil
}

// optionsSum covers what decides which keys are written and how.
func optionsSum(p *plan.Plan) string {
	f := p.Options.Filter
	f.Now = time.Time{}
	text, err := json.Marshal(struct {
		Filter   rdb.Filter
		Existing plan.Existing
	}{f, p.Options.Existing})
	if err != nil {
		panic(err) // plain data
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// Begin takes over the state of the checkpoint, or writes the first one. It does so once.
func (k *Keeper) Begin(dump *survey.Survey) error {
	if k.begun {
		return nil
	}
	k.dump = dump
	l, p := &k.link.Ledger, k.plan
	ids := k.link.Server.Identities()
	k.confirmed = ids
	looked := func() { // under the lock of the ledger
		k.confirmed = k.link.Server.Identities()
	}
	if c := k.resumed; c != nil {
		if c.RunID != k.link.Server.RunID {
			k.confirmed = c.Nodes
		}
		k.id, p.Began, p.Options.Filter.Now, p.Shift = c.ID, c.Began, c.Now, c.Shift
		if c.Now.IsZero() { // of an earlier version
			p.Options.Filter.Now = c.Began
		}
		repair := ""
		if c.RunID != k.link.Server.RunID || c.RunID == "" || len(c.Nodes) > 0 && !server.Descends(c.Nodes, ids) {
			c.Notes = append(c.Notes, "the target was restarted or replaced since the import stopped; all confirmed keys were checked again")
			repair = k.link.Server.RunID
			if !server.Descends(c.Nodes, k.link.Server.Identities()) {
				k.link.Foreign.Store(true)
			}
		}
		l.Restore(account.State{
			Rows: c.Rows, Failures: c.Failures, Repaired: c.Repaired, Notes: c.Notes,
			Frontier: rdb.Position{Offset: c.Offset, DB: c.DB, Version: c.Version}, Sent: c.Limit, RunID: c.RunID,
		}, repair, looked)
		k.saved = true
	} else {
		var id [6]byte
		if _, err := rand.Read(id[:]); err != nil {
			return err
		}
		k.id = hex.EncodeToString(id[:])
		l.Restore(account.State{RunID: k.link.Server.RunID}, "", looked)
	}
	if err := k.Save(); err != nil {
		return err
	}
	k.begun = true
	return nil
}

// Save writes the checkpoint and allows sending up to its limit.
func (k *Keeper) Save() error {
	if !k.Binds() {
		return nil
	}
	k.saving.Lock()
	defer k.saving.Unlock()
	p := k.plan
	var nodes map[string]server.Identity
	s := k.link.Ledger.State(func() { nodes = k.confirmed })
	c := checkpoint{
		Format: Format, ID: k.id, Began: p.Began, Source: p.Source.Name, Size: k.dump.Size, Checksum: k.dump.Checksum(),
		Options: k.sum, Target: k.link.Target.String(), RunID: s.RunID, Nodes: nodes, Now: p.Options.Filter.Now, Shift: p.Shift,
		Offset: s.Frontier.Offset, DB: s.Frontier.DB, Version: s.Frontier.Version,
		Limit: max(s.Frontier.Offset+ahead, s.Sent), Rows: s.Rows, Failures: s.Failures, Repaired: s.Repaired, Notes: s.Notes,
	}
	if err := k.Write(c); err != nil {
		return err
	}
	k.limit.Store(c.Limit)
	return nil
}

const saveEvery = 500 * time.Millisecond

// SaveRegularly writes the checkpoint now and then, where keys were answered since, until ctx ends or the store fails.
func (k *Keeper) SaveRegularly(ctx context.Context) error {
	if !k.Binds() {
		return nil
	}
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	last, _, _ := k.link.Ledger.Position()
	for {
		select {
		case <-tick.C:
			if at, _, _ := k.link.Ledger.Position(); at != last {
				last = at
				if err := k.Save(); err != nil {
					return err
				}
			}
		case <-ctx.Done():
			return nil
		}
	}
}
