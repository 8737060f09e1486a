package replicate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A debt is what the target's settings were before. It is kept in the checkpoint, so that --resume can pay it after a loss of
// power.
type debt struct {
	Format      int               `json:"format"`
	Replication bool              `json:"replication"`
	Target      string            `json:"target"`
	Settings    map[string]string `json:"settings"`

	refused bool // the target has not become a replica
}

// loadDebt takes over what a run that was killed has left undone.
func (rep *Replication) loadDebt() (*debt, error) {
	text, err := rep.Keeper.Read()
	if err != nil {
		return nil, err
	}
	var d debt
	if err := json.Unmarshal(text, &d); err != nil || !d.Replication || d.Target != rep.Target.String() {
		return nil, errors.New("the checkpoint does not belong to an import into this target with --method replication")
	}
	return &d, nil
}

// Resume ends what a run that was killed has begun. Whether the dump was loaded as a whole is not known, so that
// the import has to be made anew.
func (rep *Replication) Resume(ctx context.Context) error {
	d, err := rep.loadDebt()
	if err != nil {
		return err
	}
	if err := rep.pay(ctx, d); err != nil {
		return err
	}
	if err := rep.Keeper.Remove(); err != nil {
		return err
	}
	return errors.New("the target is a master again with its original settings, but it is unknown whether it had loaded the dump; restart the import, with --flush if it has keys")
}

// pay makes the target a master again, with the settings that it had.
func (rep *Replication) pay(ctx context.Context, d *debt) error {
	var errs []error
	for !d.refused {
		err := rep.replicaOf(ctx, "NO", "ONE")
		if err == nil {
			break
		}
		if redis.Code(err) != "LOADING" || ctx.Err() != nil {
			errs = append(errs, fmt.Errorf("cannot turn the target into a master again: %w; run REPLICAOF NO ONE", server.Advise(err)))
			break
		}
		select {
		case <-time.After(server.FirstBackoff):
		case <-ctx.Done():
		}
	}
	for name, value := range d.Settings {
		if _, err := rep.askLoading(ctx, "CONFIG", "SET", name, value); err != nil {
			errs = append(errs, fmt.Errorf("cannot restore %s: %w; run CONFIG SET %s %s", name, server.Advise(err), name, value))
		}
	}
	return errors.Join(errs...)
}
