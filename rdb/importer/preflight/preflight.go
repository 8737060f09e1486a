package preflight

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/capability"
	"github.com/redis-gitops/redis-gitops/rdb/importer/checkpoint"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/replicate"
	"github.com/redis-gitops/redis-gitops/rdb/importer/rights"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/importer/survey"
)

// A check is one question of the preflight. Every method has all of them asked; each knows whom it concerns, and asks every
// master that is concerned.
type check struct {
	code string
	ask  func(ctx context.Context, add func(error))
}

func (ch *checker) checks() []check {
	asked := &rights.Rights{Link: ch.Link, Plan: ch.Plan, Dump: ch.dump, Ways: ch.ways, Resumed: ch.keeper.Resumed()}
	replication := ch.replication()
	return []check{
		{"databases", ch.checkDatabases},
		{"memory", ch.checkRoom},
		{"live-source", ch.checkLive},
		{"types", ch.checkTypes},
		{"modules", ch.checkModules},
		{"functions", ch.checkFunctions},
		{"rights", asked.Check},
		{"replication", replication.Check},
		{"commands", replication.CheckCommands},
	}
}

func (ch *checker) replication() *replicate.Replication {
	return &replicate.Replication{Link: ch.Link, Plan: ch.Plan, Dump: ch.dump, Keeper: ch.keeper}
}

// Run checks the dump and the target of an import. It returns what is in the dump and, of one that is read once, what is left of it,
// which must be closed, with an error too.
func Run(ctx context.Context, l *server.Link, p *plan.Plan, ways *capability.Ways, keeper *checkpoint.Keeper) (*survey.Survey, *survey.Head, error) {
	ch := &checker{Link: l, Plan: p, ways: ways, keeper: keeper}
	err := ch.run(ctx)
	return ch.dump, ch.head, err
}

func (ch *checker) run(ctx context.Context) error {
	ch.Progress.Stage("reading", ch.Source.Size)
	ch.measureClock(ctx)
	var problems finding.Problems
	under := func(code string) func(error) {
		return func(err error) {
			if err == nil {
				return
			}
			for _, p := range finding.All(err) {
				problems = append(problems, p)
				ch.Ledger.Report.Refusals = append(ch.Ledger.Report.Refusals, account.Refusal{Code: code, Message: p.Error()})
			}
		}
	}
	add := under("dump")
	var err error
	if ch.Source.Once {
		ch.dump, ch.head, err = survey.ReadHead(ctx, ch.Plan)
	} else {
		ch.dump, err = survey.Scan(ctx, ch.Plan, &ch.Account)
		if err == nil && ch.dump.Tail != nil && ch.Options.Method == plan.Auto {
			// The target loads the dump itself, before the commands, which asks more of the dump.
			ch.Options.Method, ch.Lifetimes = plan.Replication, account.Lifetimes{}
			ch.dump, err = survey.Scan(ctx, ch.Plan, &ch.Account)
		}
	}
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		add(fmt.Errorf("%s: %w", ch.Source.Name, err))
	} else {
		ch.Ledger.Report.Version, ch.Ledger.Report.Size = ch.dump.Version, ch.dump.Size
		add(ch.forCommands())
		if e := ch.dump.Duplicates.Err(len(ch.Options.Filter.MapDB) > 0); e != nil {
			add(fmt.Errorf("%s: %w", ch.Source.Name, e))
		}
		if ch.dump.Duplicates.Full {
			ch.Ledger.Note("only the first 16 million keys were checked for duplicates")
		}
	}
	if ch.Options.Resume && err == nil {
		if ch.Options.Method == plan.Replication {
			return ch.replication().Resume(ctx)
		}
		add = under("checkpoint")
		if ch.Source.Once {
			add(errors.New("a live snapshot cannot be resumed; empty the target and restart the import"))
		} else if e := ch.keeper.Load(); e != nil {
			add(e)
		} else {
			add(ch.keeper.Fits(ch.dump))
		}
	}
	add = under("target")
	conn, connErr := ch.TryConnect(ctx, "")
	if connErr != nil {
		add(server.Advise(connErr))
		return problems.Err()
	}
	ch.Control = conn
	ready := ch.ways.Learn(ctx, conn, ch.dump.LikeKey(), add)
	for _, c := range ch.checks() {
		if ready && err == nil {
			c.ask(ctx, under(c.code))
		}
	}
	if len(problems) > 0 {
		return problems.Err()
	}
	if err := ch.Identify(ctx); err != nil {
		return err
	}
	return ch.notItself()
}
