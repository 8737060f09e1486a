// Package importer replays a dump into a running server: a Redis or Valkey, alone, behind Sentinels, or a cluster.
//
// [Import] reads the dump twice. The first pass, before anything is written, checks its checksum and counts what is in it,
// and the target is asked whether it can take that; all problems are reported at once. The second pass sends the values as
// they stand, by RESTORE, re-encoded where the target is older, or as plain commands where it has no RESTORE, over several connections with
// many commands under way. Every key is accounted for: its reply is read, and the checkpoint moves on only when all keys
// before it have been answered. A connection that breaks is made anew and what was not answered is sent again; a key that
// was written by then answers BUSYKEY, which is how nothing is written twice (docs/adr/0003-import-resume.md).
package importer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/capability"
	"github.com/redis-gitops/redis-gitops/rdb/importer/checkpoint"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/preflight"
	"github.com/redis-gitops/redis-gitops/rdb/importer/replicate"
	"github.com/redis-gitops/redis-gitops/rdb/importer/send"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/importer/survey"
	"github.com/redis-gitops/redis-gitops/rdb/importer/verify"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// Import writes the dump into the target. The report is as complete as it could be made also where there is an error.
//
// An error that stopped the import half way is an *[Interrupted], which says where it stopped and whether it can be gone on
// with; what was wrong before the first write comes as finding.Problems, all at once. Single keys that failed are in the
// report and no error.
func Import(ctx context.Context, source plan.Source, target *redis.Target, opts plan.Options) (*account.Report, error) {
	im := newImporter(source, target, opts)
	report := &account.Report{Source: source.Name, Target: target.String(), Method: im.Options.Method.String(), DryRun: opts.DryRun, Rows: []account.Row{}}
	im.Ledger.Report, im.Ledger.MaxFail = report, im.Options.MaxFailures
	stop := im.Progress.Report(im.Options.Progress)
	defer stop()
	err := im.all(ctx)
	report.Took = time.Since(im.Began)
	im.Ledger.Fill(report)
	if err == nil && im.keeper.Saved() && report.Failed() == 0 {
		err = im.keeper.Remove()
	}
	return report, err
}

func newImporter(source plan.Source, target *redis.Target, opts plan.Options) *importer {
	im := &importer{Plan: plan.New(source, opts)}
	im.Target, im.Patience, im.Anonymous = target, im.Options.Patience, im.Options.Anonymous
	im.Sent = account.NewOwnCommands()
	im.ways = capability.New(&im.Link, im.Plan)
	im.keeper = checkpoint.New(&im.Link, im.Plan)
	return im
}

// Interrupted reports that an import stopped half way.
type Interrupted struct {
	Offset int64 // all keys before it are written; 0 for none
	Size   int64
	Resume bool // whether Options.Resume goes on from there
	Err    error
}

// Error explains why and where.
func (e *Interrupted) Error() string {
	at := fmt.Sprintf("stopped at byte %d", e.Offset)
	if e.Size > 0 {
		at += fmt.Sprintf(" of %d (%d %%)", e.Size, e.Offset*100/e.Size)
	}
	if e.Resume {
		at += "; use --resume to continue"
	}
	return fmt.Sprintf("%v\n%s", e.Err, at)
}

// Unwrap gives the reason.
func (e *Interrupted) Unwrap() error { return e.Err }

// An importer is one import under way.
type importer struct {
	server.Link
	*plan.Plan

	dump   *survey.Survey
	ways   *capability.Ways
	keeper *checkpoint.Keeper
	sender *send.Sender
}

func (im *importer) all(ctx context.Context) error {
	dump, head, err := preflight.Run(ctx, &im.Link, im.Plan, im.ways, im.keeper)
	defer func() {
		if im.Control != nil {
			im.Control.Close()
		}
		head.Close()
	}()
	if err != nil {
		return err
	}
	im.dump = dump
	if im.Options.DryRun {
		im.Ledger.SetRows(im.dump.Rows, "")
		if t := im.dump.Tail; t != nil {
			im.Ledger.Report.Replay = &account.Replay{Commands: t.Commands}
		}
		return nil
	}
	if im.Options.Method == plan.Replication {
		rep := &replicate.Replication{Link: &im.Link, Plan: im.Plan, Dump: dump, Keeper: im.keeper}
		return rep.Run(ctx)
	}
	im.sender = &send.Sender{Link: &im.Link, Plan: im.Plan, Dump: dump, Head: head, Ways: im.ways, Keeper: im.keeper}
	if err := im.sender.Flush(ctx); err != nil {
		return err
	}
	for {
		err := im.write(ctx)
		if e := im.sender.Tidy(ctx, err != nil); e != nil && err == nil {
			err = fmt.Errorf("cannot remove temporary keys: %w", e)
		}
		if err != nil {
			at, _, _ := im.Ledger.Position()
			return &Interrupted{Offset: at, Size: im.dump.Size, Resume: im.keeper.Saved() && !im.Source.Once, Err: err}
		}
		im.Losses.Note(im.Server.Name, im.Server.Version, im.Ledger.Note)
		v := &verify.Verifier{Link: &im.Link, Plan: im.Plan, Dump: dump, Sampler: im.sender.Sampler, Resumed: im.keeper.Resumed()}
		err = v.Check(ctx)
		var restarted *server.RestartedError
		if errors.As(err, &restarted) && !im.Source.Once { // after the last key, but before all of them were found
			err = im.repair(ctx, restarted)
			if err == nil {
				continue
			}
		}
		if err != nil {
			return fmt.Errorf("verification: %w", err)
		}
		return nil
	}
}

// repair has everything that was confirmed looked at again, because another process answers.
func (im *importer) repair(ctx context.Context, why error) error {
	im.Restarted = true
	im.Ledger.Note("%v; all confirmed keys were checked again", why)
	old := im.Server.Identities()
	if err := im.Identify(ctx); err != nil {
		return err
	}
	if !server.Descends(old, im.Server.Identities()) {
		im.Foreign.Store(true)
	}
	im.Ledger.RepairFrom(im.Server.RunID)
	return nil
}

// write makes passes over the dump until one comes to its end.
func (im *importer) write(ctx context.Context) error {
	if err := im.keeper.Begin(im.dump); err != nil {
		return err
	}
	if im.sender.Sampler == nil && im.Options.Verify != plan.VerifyOff && (im.Options.Verify == plan.VerifySample || im.Source.Once) {
		im.sender.Sampler = survey.NewSampler()
	}
	im.Progress.Stage("writing", im.dump.Size)
	for {
		err := im.sender.Pass(ctx)
		if err == nil {
			if err = im.SameServer(ctx); err == nil {
				return im.keeper.Save()
			}
		}
		var restarted *server.RestartedError
		if !errors.As(err, &restarted) {
			return errors.Join(err, im.keeper.Save())
		}
		if im.Source.Once {
			im.Restarted = true
			return errors.Join(fmt.Errorf("%w; a live snapshot cannot be read again: empty the target and restart the import", err), im.keeper.Save())
		}
		if err := im.repair(ctx, err); err != nil {
			return errors.Join(err, im.keeper.Save())
		}
	}
}
