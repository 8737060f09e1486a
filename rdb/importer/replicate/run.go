package replicate

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis-gitops/redis-gitops/rdb/importer/checkpoint"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/importer/verify"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// Run has the target load the dump by itself, as our replica, and makes it a master again, whatever happens.
func (rep *Replication) Run(ctx context.Context) (err error) {
	if rep.Options.Existing == plan.Flush && !rep.Keeper.Resumed() {
		if rep.Options.Confirm == nil {
			return errors.New("--flush was not confirmed")
		}
		if err := rep.Options.Confirm(fmt.Sprintf("all keys of all databases of %s will be deleted", rep.Target)); err != nil {
			return err
		}
	}
	d := &debt{Format: checkpoint.Format, Replication: true, Target: rep.Target.String(), Settings: map[string]string{}}
	const diskless = "repl-diskless-load" // without it the target would write the dump to its disk and read it again
	old, err := rep.setting(ctx, diskless)
	if err != nil {
		return server.Advise(err)
	}
	if old != "" {
		d.Settings[diskless] = old
	}
	if err := rep.Keeper.Write(d); err != nil {
		return err
	}
	defer func() {
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), rep.Options.Patience)
		defer cancel()
		if e := rep.pay(after, d); e != nil {
			err = errors.Join(err, e)
		} else if err != nil {
			err = errors.Join(err, rep.Keeper.Remove())
		}
	}()
	if old != "" {
		if _, err := rep.Ask(ctx, "CONFIG", "SET", diskless, "on-empty-db"); err != nil && redis.Code(err) == "" {
			return err
		}
	}
	before, err := rep.counters(ctx)
	if err != nil {
		return server.Advise(err)
	}
	if err := rep.replicateFromDump(ctx, d); err != nil {
		return err
	}
	replayed, err := rep.counters(ctx) // as long as nothing can expire or be evicted
	if err != nil {
		return server.Advise(err)
	}
	names, err := rep.keyNames(ctx, replayed)
	if err != nil {
		return server.Advise(err)
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), rep.Options.Patience)
	defer cancel()
	if err := rep.pay(after, d); err != nil {
		return err
	}
	if rep.Dump.Tail != nil {
		return rep.afterReplay(ctx, before, replayed, names)
	}
	return rep.afterLoad(ctx)
}

// afterLoad takes account of what the target has loaded.
func (rep *Replication) afterLoad(ctx context.Context) error {
	rows := rep.Dump.Rows
	for i := range rows {
		r := &rows[i]
		r.Written = r.Read - r.Expired - r.Skipped
	}
	rep.Ledger.SetRows(rows, rep.Server.RunID)
	for _, lib := range rep.Dump.Libraries {
		rep.Ledger.AddLibrary(lib.Name)
	}
	rep.Options.Existing = plan.Flush // the target has what the dump has
	if err := rep.Identify(ctx); err != nil {
		return err
	}
	v := &verify.Verifier{Link: rep.Link, Plan: rep.Plan, Dump: rep.Dump}
	if rep.Options.Verify == plan.VerifySample {
		v.Sampler = rep.Dump.Sampler
	}
	return v.Check(ctx)
}
