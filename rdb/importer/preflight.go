package importer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis-gitops/redis-gitops/diag"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A server is what is known of the target.
type server struct {
	name    string // such as "Redis 7.0.15"
	version int    // the newest RDB version that it reads
	absTTL  bool   // RESTORE knows ABSTTL: Redis 5.0
	cluster bool
	dbs     []int // that had keys before

	mu     sync.Mutex
	known  bool
	runIDs map[string]string // by node, "" for a server alone
	runID  string            // of all of them
}

// same compares the server at the other end with the one that was there before.
func (s *server) same(node, runID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cluster && node == "" {
		return nil // any node
	}
	old, ok := s.runIDs[node]
	switch {
	case !s.known:
		if s.runIDs == nil {
			s.runIDs = map[string]string{}
		}
		s.runIDs[node] = runID
	case !ok || old != runID:
		return &restartedError{}
	}
	return nil
}

// identify learns which processes the target is made of.
func (im *importer) identify(ctx context.Context) error {
	s := &im.server
	s.mu.Lock()
	s.known, s.runIDs = false, nil
	s.mu.Unlock()
	nodes, err := im.nodes(ctx)
	if err != nil {
		return err
	}
	for _, node := range nodes {
		conn, err := im.connect(ctx, node)
		if err != nil {
			return err
		}
		conn.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = true
	s.runID = s.runIDs[""]
	if s.cluster {
		sum := sha256.New()
		for _, node := range slices.Sorted(maps.Keys(s.runIDs)) {
			fmt.Fprintln(sum, node, s.runIDs[node])
		}
		s.runID = hex.EncodeToString(sum.Sum(nil)[:20])
	}
	return nil
}

// sameServer makes sure that what has confirmed all keys is still what answers: a master that was cut off from its Sentinels
// goes on answering, until it is made a replica and forgets.
func (im *importer) sameServer(ctx context.Context) error {
	before := im.server.runID
	if err := im.identify(ctx); err != nil {
		return err
	}
	if im.server.runID != before {
		return &restartedError{}
	}
	return nil
}

// preflight checks dump and target, and reports all that is wrong at once.
func (im *importer) preflight(ctx context.Context) error {
	im.methods = map[rdb.Type]bool{}
	im.sum = im.optionsSum()
	im.ledger.maxFail = im.opts.MaxFailures
	im.progress.stage("reading", im.source.Size)
	var problems diag.Problems
	add := func(err error) {
		if err != nil {
			problems = append(problems, diag.All(err)...)
		}
	}
	var err error
	if im.source.Once {
		err = im.readHead(ctx)
	} else {
		im.survey, err = im.takeSurvey(ctx)
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
		if im.source.Once {
			add(errors.New("a live snapshot cannot be resumed; empty the target and import anew"))
		} else if e := im.load(); e != nil {
			add(e)
		} else {
			add(im.fits())
		}
	}
	conn, connErr := im.tryConnect(ctx, "")
	if connErr != nil {
		add(advise(connErr))
		return problems.Err()
	}
	im.control = conn
	im.checkTarget(ctx, conn, err == nil, add)
	if len(problems) > 0 {
		return problems.Err()
	}
	return im.identify(ctx)
}

// checkTarget asks the target all that can be asked without writing.
func (im *importer) checkTarget(ctx context.Context, conn *redis.Conn, haveDump bool, add func(error)) {
	info, err := conn.Info(ctx, "")
	if err != nil {
		add(advise(err))
		return
	}
	if info["redis_mode"] == "sentinel" {
		add(fmt.Errorf("%s is a Sentinel; write redis+sentinel://%s/NAME for the master that it watches", conn.Addr(), conn.Addr()))
		return
	}
	if info["run_id"] == "" {
		add(fmt.Errorf("%s does not say which process it is (INFO server, run_id); a proxy cannot be imported into, give the server behind it", conn.Addr()))
		return
	}
	if info["run_id"] == im.source.RunID {
		add(errors.New("source and target are the same server; give two"))
		return
	}
	s := &im.server
	s.cluster = info["cluster_enabled"] == "1"
	s.name = "Redis " + info["redis_version"]
	if v := info["valkey_version"]; v != "" {
		s.name = "Valkey " + v
	}
	for name := range info {
		if n, err := strconv.Atoi(strings.TrimPrefix(name, "db")); err == nil && strings.HasPrefix(name, "db") {
			s.dbs = append(s.dbs, n)
		}
	}
	slices.Sort(s.dbs)
	if info["loading"] == "1" {
		add(advise(redis.Error("LOADING the target is loading its data")))
		return
	}
	if err := im.learnVersion(ctx, info["redis_version"]); err != nil {
		add(err)
		return
	}
	if !haveDump {
		return
	}
	im.checkDatabases(ctx, conn, add)
	im.checkRoom(info, add)
	im.checkTypes(ctx, add)
	if im.opts.Verify != VerifyOff {
		if _, err := im.ask(ctx, "DUMP", im.probeKey([]byte("none"))); redis.Code(err) == "NOPERM" {
			add(fmt.Errorf("%w: verifying needs the right to DUMP; grant it, or --verify off", err))
		}
	}
	if im.opts.Method == Replication {
		im.checkReplication(ctx, info, add)
	}
	im.checkCommands(ctx, add)
}

// learnVersion tries which RDB versions RESTORE takes, the newest first. A key whose time is over is checked and not made.
func (im *importer) learnVersion(ctx context.Context, redisVersion string) error {
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
		case strings.Contains(string(refused), "syntax error"):
			return im.oldVersion(redisVersion)
		case refused.Code() == "NOPERM" && im.opts.Method == Commands:
			return im.oldVersion(redisVersion)
		case judge(refused) != keyFailed:
			return advise(refused)
		}
	}
	return fmt.Errorf("%s takes no RDB version that is known here; is it Redis or Valkey?", im.server.name)
}

// oldVersion goes by the number of the server's version, where RESTORE cannot be asked.
func (im *importer) oldVersion(redisVersion string) error {
	major, rest, _ := strings.Cut(redisVersion, ".")
	minor, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(major)
	m, err2 := strconv.Atoi(minor)
	if err != nil || err2 != nil || n < 4 {
		return fmt.Errorf("%s is too old; Redis 4.0 is the oldest that can be imported into", im.server.name)
	}
	switch {
	case n == 4:
		im.server.version = 8
	case n < 7:
		im.server.version = 9
	case n == 7 && m < 2:
		im.server.version = 10
	case n == 7 && m < 4:
		im.server.version = 11
	default:
		im.server.version = 12
	}
	return nil
}

// databases gives those that keys go to, in order. Of a dump that is read once that is not known beforehand: then all that
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
func (im *importer) checkDatabases(ctx context.Context, conn *redis.Conn, add func(error)) {
	dbs := im.databases()
	if im.server.cluster {
		if len(dbs) > 0 && (len(dbs) > 1 || dbs[0] != 0) {
			add(fmt.Errorf("keys go to the databases %v, but a cluster has database 0 only; choose one by --db, and --map-db N:0", dbs))
			return
		}
		im.checkNodes(ctx, add)
		return
	}
	for _, db := range dbs {
		if _, err := conn.Do(ctx, "SELECT", strconv.Itoa(db)); err != nil {
			if redis.Code(err) == "ERR" {
				add(fmt.Errorf("the target has no database %d; give it more (databases), or --map-db %d:0", db, db))
			} else {
				add(advise(err))
			}
			continue
		}
		n, err := conn.Int(ctx, "DBSIZE")
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

// occupied says that keys are in the way.
func (im *importer) occupied(where string, keys int64) error {
	if keys == 0 || im.opts.Existing != Refuse || im.resumed != nil || im.opts.Method == Replication {
		return nil
	}
	err := fmt.Errorf("%s has %d keys; say --replace, --skip-existing or --flush", where, keys)
	if im.opts.Checkpoint != nil {
		if text, loadErr := im.opts.Checkpoint.Load(); loadErr == nil && text != nil {
			err = fmt.Errorf("%w, or --resume to go on with the import that was interrupted", err)
		}
	}
	return err
}

// checkRoom compares the estimate of memory with what the target may use.
func (im *importer) checkRoom(info map[string]string, add func(error)) {
	estimate := im.survey.memory()
	if im.source.Once {
		estimate, _ = strconv.ParseInt(im.survey.aux["used-mem"], 10, 64)
	}
	im.ledger.report.Estimate = estimate
	number := func(name string) int64 { n, _ := strconv.ParseInt(info[name], 10, 64); return n }
	limit, used := number("maxmemory"), number("used_memory")
	if limit == 0 || im.opts.IgnoreRoom || im.server.cluster || im.resumed != nil {
		return
	}
	free := limit - used
	if im.opts.Existing == Flush || im.opts.Existing == Replace {
		free = limit - number("used_memory_startup")
	}
	if estimate <= free {
		return
	}
	what := "writes would fail"
	if policy := info["maxmemory_policy"]; policy != "noeviction" {
		what = fmt.Sprintf("keys would be evicted (maxmemory-policy %s)", policy)
	}
	add(fmt.Errorf("the keys will take about %s, but the target has %s left of its maxmemory of %s, so that %s; raise maxmemory, leave keys out, or say --ignore-memory if the estimate is wrong",
		rdb.FormatBytes(uint64(estimate)), rdb.FormatBytes(uint64(max(free, 0))), rdb.FormatBytes(uint64(limit)), what))
}

// checkTypes tries each type of the dump on the target.
func (im *importer) checkTypes(ctx context.Context, add func(error)) {
	if im.opts.Method == Replication {
		return
	}
	if im.survey.functions > 0 && im.server.version < 10 {
		add(fmt.Errorf("the dump has %d libraries of functions, which %s does not know; leave them out by --type", im.survey.functions, im.server.name))
	}
	for _, t := range slices.Sorted(maps.Keys(im.survey.samples)) {
		sample := im.survey.samples[t]
		commands, err := im.byCommands(ctx, sample)
		if err == nil && t == rdb.TypeModule2 {
			_, err = im.probeModule(ctx, sample)
		} else if err == nil && !commands && im.opts.Method == Restore {
			if commands, err = im.probe(ctx, sample); commands && err == nil {
				err = fmt.Errorf("%s does not take the encoding %q of %d keys by RESTORE; leave --method restore out", im.server.name, t, im.survey.types[t])
			}
		}
		if err == nil && commands {
			err = rdb.Commands(sample, rdb.CommandOptions{RDBVersion: im.server.version}, func([][]byte) error { return nil })
			if errors.Is(err, rdb.ErrTarget) {
				err = fmt.Errorf("%d keys are of type %s: %w; import into a newer server, or leave them out by --type", im.survey.types[t], t, err)
			}
		}
		add(err)
	}
}

// probeModule asks whether the target has the module of a value.
func (im *importer) probeModule(ctx context.Context, e *rdb.Entry) (any, error) {
	payload, err := rdb.AppendDump(nil, e, payloadVersion(e.Type))
	if err != nil {
		return nil, err
	}
	reply, err := im.ask(ctx, "RESTORE", im.probeKey(e.Key), "1", string(payload), "ABSTTL")
	var refused redis.Error
	if errors.As(err, &refused) && judge(refused) == keyFailed {
		return nil, fmt.Errorf("%d keys are of module %q, which the target lacks; load the module there, or leave them out by --type", im.survey.modules[e.Module], e.Module)
	}
	return reply, err
}
