package importer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A server is what is known of the target.
type server struct {
	name    string // such as "Redis 7.0.15"
	version int    // the newest RDB version that it reads
	release string // such as "7.0.15" or "valkey-8.1.1"
	absTTL  bool   // RESTORE knows ABSTTL: Redis 5.0
	cluster bool
	dbs     []int // that had keys before
	info    map[string]string

	mu    sync.Mutex
	known bool
	ids   map[string]identity // by node, "" for a server alone
	runID string              // of all of them
}

// A Refusal is one reason not to begin, with a code that does not change when its words do.
type Refusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// A check is one question of the preflight. Every method has all of them asked; each knows whom it concerns.
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
	im.methods, im.modules = map[rdb.Type]way{}, map[string]bool{}
	im.sum = im.optionsSum()
	im.ledger.maxFail = im.opts.MaxFailures
	im.progress.stage("reading", im.source.Size)
	im.measureClock(ctx)
	var problems finding.Problems
	under := func(code string) func(error) {
		return func(err error) {
			if err == nil {
				return
			}
			for _, p := range finding.All(err) {
				problems = append(problems, p)
				im.ledger.report.Refusals = append(im.ledger.report.Refusals, Refusal{code, p.Error()})
			}
		}
	}
	add := under("dump")
	var err error
	if im.source.Once {
		err = im.readHead(ctx)
	} else {
		im.survey, err = im.scanDump(ctx)
		if err == nil && im.survey.tail != nil && im.opts.Method == Auto {
			// The target will load the dump before the commands by itself, which asks more of the dump.
			im.opts.Method, im.lifetimes = Replication, lifetimes{}
			im.survey, err = im.scanDump(ctx)
		}
	}
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		add(fmt.Errorf("%s: %w", im.source.Name, err))
	} else {
		im.ledger.report.Version, im.ledger.report.Size = im.survey.version, im.survey.size
		add(im.forCommands())
	}
	if im.opts.Resume && err == nil {
		if im.opts.Method == Replication {
			return im.resumeReplication(ctx)
		}
		add = under("checkpoint")
		if im.source.Once {
			add(errors.New("a live snapshot cannot be resumed; empty the target and restart the import"))
		} else if e := im.load(); e != nil {
			add(e)
		} else {
			add(im.fits())
		}
	}
	add = under("target")
	conn, connErr := im.tryConnect(ctx, "")
	if connErr != nil {
		add(advise(connErr))
		return problems.Err()
	}
	im.control = conn
	ready := im.checkTarget(ctx, conn, add)
	for _, c := range im.checks() {
		if ready && err == nil {
			c.ask(ctx, under(c.code))
		}
	}
	if len(problems) > 0 {
		return problems.Err()
	}
	if err := im.identify(ctx); err != nil {
		return err
	}
	return im.notItself()
}

// notItself refuses a target that is the source, or replicates it or from it: emptying the one would empty the other.
func (im *importer) notItself() error {
	if im.source.Live == nil {
		return nil
	}
	for _, id := range im.server.ids {
		if slices.Contains(im.source.Live.IDs, id.Run) || slices.Contains(im.source.Live.IDs, id.Repl) {
			return errors.New("source and target are the same server, or a master and its replica; pass two different servers")
		}
	}
	return nil
}

// checkTarget asks the target what it is, and says whether more can be asked.
func (im *importer) checkTarget(ctx context.Context, conn *redis.Conn, add func(error)) bool {
	info, err := conn.Info(ctx, "")
	if err != nil && im.opts.Anonymous && redis.Code(err) != "" {
		info, err = map[string]string{}, nil
	}
	switch {
	case err != nil:
		add(advise(err))
		return false
	case info["redis_mode"] == "sentinel":
		add(fmt.Errorf("%s is a Sentinel; use redis+sentinel://%s/NAME for the master it monitors", conn.Addr(), conn.Addr()))
		return false
	case identityOf(info).Run == "" && !im.opts.Anonymous:
		add(fmt.Errorf("%s does not report a run_id (INFO server), so a restart would go unnoticed; pass the server behind the proxy, or use --no-run-id to look up every key at the end", conn.Addr()))
		return false
	case info["loading"] == "1":
		add(advise(redis.Error("LOADING the target is loading its data")))
		return false
	}
	s := &im.server
	s.info = info
	s.cluster = info["cluster_enabled"] == "1"
	s.name, s.release = "Redis "+info["redis_version"], info["redis_version"]
	if v := info["valkey_version"]; v != "" {
		s.name, s.release = "Valkey "+v, "valkey-"+v
	}
	for name := range info {
		if n, err := strconv.Atoi(strings.TrimPrefix(name, "db")); err == nil && strings.HasPrefix(name, "db") {
			s.dbs = append(s.dbs, n)
		}
	}
	slices.Sort(s.dbs)
	if err := im.learnVersion(ctx); err != nil {
		add(err)
		return false
	}
	return true
}

// learnVersion tries which RDB versions RESTORE takes, the newest first. A key whose time is over is checked and not made.
func (im *importer) learnVersion(ctx context.Context) error {
	value := &rdb.Entry{Type: rdb.TypeString, Raw: []byte("\x01x"), Key: []byte("x")}
	if im.survey != nil {
		for _, sample := range im.survey.samples { // a user may be kept to some names
			value.Key = sample.Key
			break
		}
	}
	versions := []int{81, 80, 15, 14, 13, 12, 11, 10, 9}
	var probes [][]string
	for _, v := range versions {
		payload, err := rdb.AppendDump(nil, value, v)
		if err != nil {
			return err
		}
		probes = append(probes, []string{"RESTORE", im.probeKey(value.Key), "1", string(payload), "ABSTTL"})
	}
	if im.server.cluster { // so that the control connection leads to the node that has the slot of this key
		if _, err := im.ask(ctx, "EXISTS", probes[0][1]); err != nil {
			return advise(err)
		}
	}
	limited, cancel := context.WithTimeout(ctx, replyTimeout)
	replies, err := im.control.Pipeline(limited, probes...)
	cancel()
	if err != nil {
		return err
	}
	for i, reply := range replies {
		refused, ok := reply.(redis.Error)
		switch {
		case !ok:
			im.server.version, im.server.absTTL = versions[i], true
			return nil
		case strings.Contains(string(refused), "syntax error") && im.opts.Method == Restore:
			return fmt.Errorf("%s does not support RESTORE with ABSTTL, so expiring keys would live too long; remove --method restore", im.server.name)
		case strings.Contains(string(refused), "syntax error"):
			return im.oldVersion()
		case refused.Code() == "NOPERM" && (im.opts.Method == Commands || im.opts.Method == Replication):
			im.noRestore = true
			return im.oldVersion()
		case unknownCommand(refused) && im.opts.Method == Restore:
			return fmt.Errorf("%s has no RESTORE command (renamed or disabled); remove --method restore to use plain commands", im.server.name)
		case unknownCommand(refused):
			im.noRestore = true
			if im.opts.Method == Auto {
				im.ledger.note("the target has no RESTORE command (renamed or disabled); keys were written with plain commands, which is slower")
			}
			return im.oldVersion()
		case classifyReply(refused) != keyFailed:
			return advise(refused)
		}
	}
	return fmt.Errorf("%s accepts no supported RDB version; check that it is Redis or Valkey", im.server.name)
}

// unknownCommand reports that a server does not have a command, or has it under another name.
func unknownCommand(err error) bool {
	return redis.Code(err) == "ERR" && strings.Contains(strings.ToLower(err.Error()), "unknown command")
}

// oldVersion goes by the number of the server's version, where RESTORE cannot be asked.
func (im *importer) oldVersion() error {
	number, valkey := strings.CutPrefix(im.server.release, "valkey-")
	major, rest, _ := strings.Cut(number, ".")
	minor, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(major)
	m, err2 := strconv.Atoi(minor)
	if err != nil || err2 != nil || n < 4 {
		return fmt.Errorf("%s is too old; the oldest supported target is Redis 4.0", im.server.name)
	}
	name := fmt.Sprintf("%d.%d", n, m)
	if valkey {
		name = "valkey-" + name
	}
	switch v := rdb.VersionFor(name); {
	case v > 0:
		im.server.version = v
	case valkey && n < 9:
		im.server.version = 11
	case valkey:
		im.server.version = 80
	default: // newer than what is known here
		im.server.version = 12
	}
	return nil
}

// databases returns those that keys go to, in order. Of a dump that is read once that is not known beforehand: then all that
// have keys are in the way, and those that got some.
func (im *importer) databases() []int {
	if !im.source.Once {
		return im.survey.databases()
	}
	dbs := slices.Clone(im.server.dbs)
	im.ledger.mu.Lock()
	for _, r := range im.ledger.rows {
		dbs = append(dbs, r.DB)
	}
	im.ledger.mu.Unlock()
	slices.Sort(dbs)
	return slices.Compact(dbs)
}

// checkDatabases looks whether keys are there already, and whether all databases exist.
func (im *importer) checkDatabases(ctx context.Context, add func(error)) {
	dbs := im.databases()
	if im.server.cluster {
		if len(dbs) > 0 && (len(dbs) > 1 || dbs[0] != 0) {
			add(fmt.Errorf("keys are in databases %v, but a cluster only has database 0; choose one with --db, and use --map-db N:0", dbs))
			return
		}
		im.checkNodes(ctx, add)
		return
	}
	conn := im.control
	for _, db := range dbs {
		if _, err := conn.Do(ctx, "SELECT", strconv.Itoa(db)); err != nil {
			switch {
			case unknownCommand(err):
				add(lacks("SELECT"))
				return
			case redis.Code(err) == "ERR":
				add(fmt.Errorf("the target has no database %d; raise its databases setting, or use --map-db %d:0", db, db))
			default:
				add(advise(err))
			}
			continue
		}
		n, err := conn.Int(ctx, "DBSIZE")
		if unknownCommand(err) {
			add(lacks("DBSIZE"))
			return
		}
		if err != nil {
			add(advise(err))
			continue
		}
		add(im.occupied(fmt.Sprintf("database %d of the target", db), n))
	}
	if _, err := conn.Do(ctx, "SELECT", strconv.Itoa(im.target.DB)); err != nil {
		add(advise(err))
	}
}

// lacks reports that the target does not have a command without which there is no import.
func lacks(name string) error {
	return fmt.Errorf("the target has no %s command (renamed or disabled), which the import requires; enable it", name)
}

func (im *importer) checkNodes(ctx context.Context, add func(error)) {
	m, err := im.slots(ctx)
	if err != nil {
		add(err)
		return
	}
	for _, node := range m.routes {
		c, err := im.tryConnect(ctx, node)
		if err != nil {
			add(fmt.Errorf("node of the cluster: %w", advise(err)))
			continue
		}
		n, err := c.Int(ctx, "DBSIZE")
		c.Close()
		if err != nil {
			add(advise(err))
			continue
		}
		add(im.occupied("node "+node, n))
	}
}

// occupied reports that keys are in the way.
func (im *importer) occupied(where string, keys int64) error {
	if keys == 0 || im.opts.Existing != Refuse || im.resumed != nil || im.opts.Method == Replication {
		return nil
	}
	err := fmt.Errorf("%s already contains %s; use --replace, --skip-existing or --flush", where, finding.Count(keys, "key"))
	if im.opts.Checkpoint != nil {
		if text, loadErr := im.opts.Checkpoint.Load(); loadErr == nil && text != nil {
			err = fmt.Errorf("%w, or --resume to continue an interrupted import", err)
		}
	}
	return err
}

// checkRoom compares the estimate of memory with what the target may use. A node of a cluster gets as much as it has slots.
func (im *importer) checkRoom(ctx context.Context, add func(error)) {
	estimate := im.survey.memory()
	if im.source.Once {
		estimate, _ = strconv.ParseInt(im.survey.aux["used-mem"], 10, 64)
	}
	im.ledger.report.Estimate = estimate
	if im.opts.IgnoreRoom || im.resumed != nil {
		return
	}
	if !im.server.cluster {
		add(im.room("the target", im.server.info, estimate))
		return
	}
	m, err := im.slots(ctx)
	if err != nil {
		return // checkDatabases says why
	}
	share := make([]int64, len(m.routes))
	for _, i := range m.of {
		share[i]++
	}
	for i, node := range m.routes {
		c, err := im.tryConnect(ctx, node)
		if err != nil {
			continue
		}
		info, err := c.Info(ctx, "memory")
		c.Close()
		if err != nil {
			add(advise(err))
			continue
		}
		add(im.room("node "+node, info, estimate*share[i]/slotCount))
	}
}

// room reports that one server has not enough memory for what it gets.
func (im *importer) room(who string, info map[string]string, estimate int64) error {
	number := func(name string) int64 { n, _ := strconv.ParseInt(info[name], 10, 64); return n }
	limit, used := number("maxmemory"), number("used_memory")
	free := limit - used
	if im.opts.Existing == Flush || im.opts.Existing == Replace {
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
