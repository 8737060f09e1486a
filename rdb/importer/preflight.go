package importer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/importer/survey"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A check is one question of the preflight. Every method has all of them asked; each knows whom it concerns, and asks every
// master that is concerned.
type check struct {
	code string
	ask  func(ctx context.Context, add func(error))
}

func (im *importer) checks() []check {
	return []check{
		{"databases", im.checkDatabases},
		{"memory", im.checkRoom},
		{"live-source", im.checkLive},
		{"types", im.checkTypes},
		{"modules", im.checkModules},
		{"functions", im.checkFunctions},
		{"rights", im.checkRights},
		{"replication", im.checkReplication},
		{"commands", im.checkCommands},
	}
}

// preflight checks dump and target, and reports all that is wrong at once.
func (im *importer) preflight(ctx context.Context) error {
	im.Progress.Stage("reading", im.Source.Size)
	im.measureClock(ctx)
	var problems finding.Problems
	under := func(code string) func(error) {
		return func(err error) {
			if err == nil {
				return
			}
			for _, p := range finding.All(err) {
				problems = append(problems, p)
				im.Ledger.Report.Refusals = append(im.Ledger.Report.Refusals, account.Refusal{Code: code, Message: p.Error()})
			}
		}
	}
	add := under("dump")
	var err error
	if im.Source.Once {
		im.survey, im.head, err = survey.ReadHead(ctx, im.Plan)
	} else {
		im.survey, err = survey.Scan(ctx, im.Plan, &im.Account)
		if err == nil && im.survey.Tail != nil && im.Options.Method == plan.Auto {
			// The target will load the dump before the commands by itself, which asks more of the dump.
			im.Options.Method, im.Lifetimes = plan.Replication, account.Lifetimes{}
			im.survey, err = survey.Scan(ctx, im.Plan, &im.Account)
		}
	}
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		add(fmt.Errorf("%s: %w", im.Source.Name, err))
	} else {
		im.Ledger.Report.Version, im.Ledger.Report.Size = im.survey.Version, im.survey.Size
		add(im.forCommands())
		if e := im.survey.Duplicates.Err(len(im.Options.Filter.MapDB) > 0); e != nil {
			add(fmt.Errorf("%s: %w", im.Source.Name, e))
		}
		if im.survey.Duplicates.Full {
			im.Ledger.Note("only the first 16 million keys were checked for duplicates")
		}
	}
	if im.Options.Resume && err == nil {
		if im.Options.Method == plan.Replication {
			return im.resumeReplication(ctx)
		}
		add = under("checkpoint")
		if im.Source.Once {
			add(errors.New("a live snapshot cannot be resumed; empty the target and restart the import"))
		} else if e := im.keeper.Load(); e != nil {
			add(e)
		} else {
			add(im.keeper.Fits(im.survey))
		}
	}
	add = under("target")
	conn, connErr := im.TryConnect(ctx, "")
	if connErr != nil {
		add(server.Advise(connErr))
		return problems.Err()
	}
	im.Control = conn
	ready := im.checkTarget(ctx, conn, add)
	for _, c := range im.checks() {
		if ready && err == nil {
			c.ask(ctx, under(c.code))
		}
	}
	if len(problems) > 0 {
		return problems.Err()
	}
	if err := im.Identify(ctx); err != nil {
		return err
	}
	return im.notItself()
}

// notItself refuses a target that is the source, or replicates it or from it: emptying the one would empty the other.
func (im *importer) notItself() error {
	if im.Source.Live == nil {
		return nil
	}
	for _, id := range im.Server.Identities() {
		if slices.Contains(im.Source.Live.IDs, id.Run) || slices.Contains(im.Source.Live.IDs, id.Repl) {
			return errors.New("source and target are the same server, or a master and its replica; pass two different servers")
		}
	}
	return nil
}

// checkDatabases looks whether keys are there already, and whether all databases exist.
func (im *importer) checkDatabases(ctx context.Context, add func(error)) {
	dbs := im.survey.Databases(&im.Link)
	if im.Server.Cluster {
		if len(dbs) > 0 && (len(dbs) > 1 || dbs[0] != 0) {
			add(fmt.Errorf("keys are in databases %v, but a cluster only has database 0; choose one with --db, and use --map-db N:0", dbs))
			return
		}
		im.checkNodes(ctx, add)
		return
	}
	conn := im.Control
	for _, db := range dbs {
		if _, err := conn.Do(ctx, "SELECT", strconv.Itoa(db)); err != nil {
			switch {
			case server.UnknownCommand(err):
				add(lacks("SELECT"))
				return
			case redis.Code(err) == "ERR":
				add(fmt.Errorf("the target has no database %d; raise its databases setting, or use --map-db %d:0", db, db))
			default:
				add(server.Advise(err))
			}
			continue
		}
		n, err := conn.Int(ctx, "DBSIZE")
		if server.UnknownCommand(err) {
			add(lacks("DBSIZE"))
			return
		}
		if err != nil {
			add(server.Advise(err))
			continue
		}
		add(im.occupied(fmt.Sprintf("database %d of the target", db), n))
	}
	if _, err := conn.Do(ctx, "SELECT", strconv.Itoa(im.Target.DB)); err != nil {
		add(server.Advise(err))
	}
}

// lacks reports that the target does not have a command without which there is no import.
func lacks(name string) error {
	return fmt.Errorf("the target has no %s command (renamed or disabled), which the import requires; enable it", name)
}

func (im *importer) checkNodes(ctx context.Context, add func(error)) {
	m, err := im.Slots(ctx)
	if err != nil {
		add(err)
		return
	}
	for _, node := range m.Routes {
		c, err := im.TryConnect(ctx, node)
		if err != nil {
			add(fmt.Errorf("node of the cluster: %w", server.Advise(err)))
			continue
		}
		n, err := c.Int(ctx, "DBSIZE")
		c.Close()
		if err != nil {
			add(server.Advise(err))
			continue
		}
		add(im.occupied("node "+node, n))
	}
}

// occupied reports that keys are in the way.
func (im *importer) occupied(where string, keys int64) error {
	if keys == 0 || im.Options.Existing != plan.Refuse || im.keeper.Resumed() || im.Options.Method == plan.Replication {
		return nil
	}
	err := fmt.Errorf("%s already contains %s; use --replace, --skip-existing or --flush", where, finding.Count(keys, "key"))
	if _, none := im.keeper.Read(); none == nil {
		err = fmt.Errorf("%w, or --resume to continue an interrupted import", err)
	}
	return err
}

// checkRoom compares the estimate of memory with what the target may use. A node of a cluster gets as much as it has slots.
func (im *importer) checkRoom(ctx context.Context, add func(error)) {
	estimate := im.survey.Memory()
	im.Ledger.Report.Estimate = estimate
	if im.Options.IgnoreRoom || im.keeper.Resumed() {
		return
	}
	if !im.Server.Cluster {
		add(im.room("the target", im.Server.Info, estimate))
		return
	}
	m, err := im.Slots(ctx)
	if err != nil {
		return // checkDatabases says why
	}
	share := make([]int64, len(m.Routes))
	for _, i := range m.Of {
		share[i]++
	}
	for i, node := range m.Routes {
		c, err := im.TryConnect(ctx, node)
		if err != nil {
			continue
		}
		info, err := c.Info(ctx, "memory")
		c.Close()
		if im.Options.Anonymous && redis.Code(err) != "" {
			info, err = nil, nil
		}
		if err != nil {
			add(server.Advise(err))
			continue
		}
		add(im.room("node "+node, info, estimate*share[i]/server.SlotCount))
	}
}

// room reports that one server has not enough memory for what it gets.
func (im *importer) room(who string, info map[string]string, estimate int64) error {
	if info["used_memory"] == "" {
		im.Ledger.Note("%s does not report its memory (INFO), so it was not compared with what the keys need", who)
	}
	number := func(name string) int64 { n, _ := strconv.ParseInt(info[name], 10, 64); return n }
	limit, used := number("maxmemory"), number("used_memory")
	free := limit - used
	if im.Options.Existing == plan.Flush || im.Options.Existing == plan.Replace {
		free = limit - number("used_memory_startup")
	}
	if limit == 0 || estimate <= free {
		return nil
	}
	what := "writes would fail"
	if policy := info["maxmemory_policy"]; policy != "noeviction" {
		what = fmt.Sprintf("keys would be evicted (maxmemory-policy %s)", policy)
	}
	return fmt.Errorf("the keys need about %s, but %s has %s left of its maxmemory of %s, so %s; raise maxmemory, exclude keys, or use --ignore-memory if the estimate is wrong",
		rdb.FormatBytes(uint64(estimate)), who, rdb.FormatBytes(uint64(max(free, 0))), rdb.FormatBytes(uint64(limit)), what)
}
