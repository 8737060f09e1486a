package importer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// The commands of an append-only file are replayed by replication and not by an ordinary connection. A master would delete
// keys at once whose expiry has passed by now, and with them what later commands do to them: SET with an expiry of
// yesterday, then PERSIST. A replica carries out what its master sends as it is, like a server that loads the file (redis
// src/expire.c, checkAlreadyExpired; src/db.c, keyIsExpired). It also evicts nothing meanwhile.

// forCommands chooses the method for an append-only file.
func (im *importer) forCommands() error {
	for _, n := range im.Source.Notes {
		im.Ledger.Note("%s", n)
	}
	t := im.survey.Tail
	if t == nil {
		return nil
	}
	if t.Cut != nil {
		im.Ledger.Note("%s", t.Cut)
	}
	if im.Options.Method != plan.Auto && im.Options.Method != plan.Replication {
		return fmt.Errorf("%s has %s, which can only be replayed with --method replication; remove --method %s", im.Source.Name, t.Describe(), im.Options.Method)
	}
	im.Options.Method = plan.Replication
	im.Ledger.Report.Method = plan.Replication.String()
	return nil
}

// checkCommands asks the target whether it knows all commands of the append-only file.
func (im *importer) checkCommands(ctx context.Context, add func(error)) {
	t := im.survey.Tail
	if t == nil {
		return
	}
	names := t.NamesInOrder()
	reply, err := im.Ask(ctx, append([]string{"COMMAND", "INFO"}, names...)...)
	if err != nil {
		if redis.Code(err) == "" {
			add(server.Advise(err))
		}
		im.Ledger.Note("the target does not describe its commands (COMMAND INFO: %v), so unsupported ones are only detected afterwards", err)
		return
	}
	list, _ := reply.([]any)
	var unknown []string
	for i, name := range names {
		if i < len(list) {
			if known, ok := list[i].([]any); ok && len(known) > 0 {
				continue
			}
		}
		unknown = append(unknown, fmt.Sprintf("%s (%d)", strings.ToUpper(name), t.Names[name]))
	}
	if len(unknown) > 0 {
		add(fmt.Errorf("%s does not support %s of the append-only file; import into a server with the version and modules of the one that wrote it", im.Server.Name, strings.Join(unknown, ", ")))
	}
}

// counters are what INFO counts. They are read for an append-only file only.
func (im *importer) counters(ctx context.Context) (map[string]string, error) {
	if im.survey.Tail == nil {
		return nil, nil
	}
	reply, err := im.askLoading(ctx, "INFO", "all")
	text, _ := reply.(string)
	return redis.ParseInfo(text), err
}

// afterReplay takes account of what the target has replayed: each command was carried out and none answered with an error
// (INFO before and after), and the keys are still there now that it is a master, unless they have expired.
func (im *importer) afterReplay(ctx context.Context, before, replayed map[string]string, names []keyName) error {
	if err := im.Identify(ctx); err != nil { // it has another history of replication now
		return err
	}
	if err := im.settle(ctx); err != nil { // it evicts, where maxmemory is exceeded
		return err
	}
	if err := im.nameLost(ctx, names); err != nil {
		return err
	}
	if err := im.settle(ctx); err != nil { // near its limit it evicts with every command
		return err
	}
	after, err := im.counters(ctx)
	if err != nil {
		return err
	}
	if before["run_id"] != after["run_id"] || replayed["run_id"] != after["run_id"] {
		return errors.New("the target was restarted while replaying the append-only file; restart the import with --flush")
	}
	t, l := im.survey.Tail, &im.Ledger
	r := &account.Replay{Commands: t.Commands, Refused: im.refused(before, replayed)}
	l.Report.Replay = r

	gone := delta(replayed, after, "expired_keys")
	evicted := delta(replayed, after, "evicted_keys")
	lost := uint64(0)
	var rows []account.Row
	for name := range replayed {
		keys, ok := keyspace(replayed, name)
		if !ok {
			continue
		}
		now, _ := keyspace(after, name)
		db, _ := strconv.Atoi(strings.TrimPrefix(name, "db"))
		row := account.Row{DB: db, Type: "any", Counts: account.Counts{Read: keys, Written: min(keys, now)}}
		missing := keys - row.Written
		row.Expired = min(missing, gone)
		gone -= row.Expired
		row.Failed = missing - row.Expired
		rows = append(rows, row)
		lost += row.Failed
	}
	l.SetRows(rows, "")
	if lost > 0 {
		l.Report.Doubt("%s lost after the replay (%d evicted, maxmemory-policy %s); raise maxmemory and restart the import with --flush", account.Were(lost, "key"), evicted, after["maxmemory_policy"])
	}
	if overLimit(after) && evicted == 0 {
		l.Note("the target uses more memory (%s) than its maxmemory allows (%s), so it rejects writes until maxmemory is raised", after["used_memory_human"], after["maxmemory_human"])
	}
	if im.Options.Verify != plan.VerifyOff {
		l.Note("the result of an append-only file is not compared key by key: every command was counted as executed, and the keys were counted")
	}
	return nil
}

// overLimit reports that a server has more in memory than it may.
func overLimit(info map[string]string) bool {
	limit, used := field("n="+info["maxmemory"], "n"), field("n="+info["used_memory"], "n")
	return limit > 0 && used > limit
}

// A keyName is a key of a database of the target.
type keyName struct {
	db   int
	name string
}

// maxKeyNames bounds the names that are held to tell which keys were evicted.
const maxKeyNames = 1 << 20

// keyNames lists the keys that the target has after it has replayed all commands, where it will evict some of them as soon as it is a
// master again. While it is a replica it evicts nothing.
func (im *importer) keyNames(ctx context.Context, replayed map[string]string) (names []keyName, err error) {
	if policy := replayed["maxmemory_policy"]; policy == "noeviction" || !overLimit(replayed) {
		return nil, nil
	}
	for name := range replayed {
		if _, ok := keyspace(replayed, name); !ok {
			continue
		}
		db, _ := strconv.Atoi(strings.TrimPrefix(name, "db"))
		if _, err := im.askLoading(ctx, "SELECT", strconv.Itoa(db)); err != nil {
			return names, server.UnlessRefused(err)
		}
		for cursor := "0"; len(names) < maxKeyNames; {
			reply, err := im.askLoading(ctx, "SCAN", cursor, "COUNT", "1000")
			list, ok := reply.([]any)
			if err != nil || !ok || len(list) != 2 {
				return names, server.UnlessRefused(err)
			}
			found, _ := list[1].([]any)
			for _, key := range found {
				names = append(names, keyName{db, fmt.Sprint(key)})
			}
			if cursor, _ = list[0].(string); cursor == "0" {
				break
			}
		}
	}
	_, err = im.askLoading(ctx, "SELECT", strconv.Itoa(im.Target.DB))
	return names, server.UnlessRefused(err)
}

// nameLost reports keys that are gone, as many as a report has room for.
func (im *importer) nameLost(ctx context.Context, names []keyName) error {
	named := 0
	for batch := range slices.Chunk(names, verifyBatch) {
		if named >= im.Options.MaxFailures {
			break
		}
		conn, err := im.Connect(ctx, "")
		if err != nil {
			return err
		}
		var ask [][]string
		for i, k := range batch {
			if i == 0 || batch[i-1].db != k.db {
				ask = append(ask, []string{"SELECT", strconv.Itoa(k.db)})
			}
			ask = append(ask, []string{"EXISTS", k.name})
		}
		limited, cancel := context.WithTimeout(ctx, server.ReplyTimeout)
		replies, err := conn.Pipeline(limited, ask...)
		cancel()
		conn.Close()
		if err != nil {
			return err
		}
		at := 0
		for i, reply := range replies {
			if ask[i][0] == "SELECT" {
				continue
			}
			if k := batch[at]; reply == int64(0) && named < im.Options.MaxFailures {
				named++
				im.Ledger.Fail(account.Failure{DB: k.db, Key: k.name, Type: "any", Reply: "the key was evicted, or has expired, after the replay"})
			}
			at++
		}
	}
	return nil
}

// refused counts the commands that were not carried out, or were answered with an error. Before Redis 6.2 a server does not
// count errors.
func (im *importer) refused(before, after map[string]string) uint64 {
	var n uint64
	for name, sent := range im.survey.Tail.Names {
		if name == "select" || name == "multi" || name == "exec" || name == "ping" {
			continue
		}
		done := calls(after, name, "calls") - calls(before, name, "calls")
		if missing := sent - done; missing > 0 {
			n += uint64(missing)
			im.Ledger.Note("%d of %s %s not executed", missing, finding.Count(sent, "command", strings.ToUpper(name)), finding.Verb(sent, "was", "were"))
		}
	}
	const unexpected = "unexpected_error_replies" // of a master's or an append-only file's commands, since 7.0
	if _, ok := after[unexpected]; ok {
		if errs := delta(before, after, unexpected); errs > 0 {
			n = max(n, errs)
			im.Ledger.Note("%s failed: %s; see the log of the target for the first ones", finding.Count(errs, "command"), errorKinds(before, after))
		}
		return n
	}
	failed, counted := int64(0), false
	for name := range im.survey.Tail.Names {
		failed += calls(after, name, "failed_calls") - calls(before, name, "failed_calls")
		counted = counted || strings.Contains(after["cmdstat_"+name], "failed_calls=")
	}
	if failed > 0 {
		n = max(n, uint64(failed))
		im.Ledger.Note("%s failed: %s; see the log of the target for the first ones", finding.Count(failed, "command"), errorKinds(before, after))
	}
	if !counted {
		im.Ledger.Note("%s does not count failed commands, so only the number of commands was checked", im.Server.Name)
	}
	return n
}

// errorKinds lists the errors that were answered between two INFO, such as WRONGTYPE (3).
func errorKinds(before, after map[string]string) string {
	var kinds []string
	for _, name := range slices.Sorted(maps.Keys(after)) {
		kind, ok := strings.CutPrefix(name, "errorstat_")
		if !ok {
			continue
		}
		if n := field(after[name], "count") - field(before[name], "count"); n > 0 {
			kinds = append(kinds, fmt.Sprintf("%s (%d)", kind, n))
		}
	}
	if len(kinds) == 0 {
		return "of a kind it does not count"
	}
	return strings.Join(kinds, ", ")
}

// calls adds up what commandstats says of a command and its subcommands.
func calls(info map[string]string, name, what string) int64 {
	n := field(info["cmdstat_"+name], what)
	for key, value := range info {
		if strings.HasPrefix(key, "cmdstat_"+name+"|") {
			n += field(value, what)
		}
	}
	return n
}

// field reads one number of a line such as calls=3,usec=12.
func field(line, name string) int64 {
	for pair := range strings.SplitSeq(line, ",") {
		if text, ok := strings.CutPrefix(pair, name+"="); ok {
			n, _ := strconv.ParseInt(text, 10, 64)
			return n
		}
	}
	return 0
}

func delta(before, after map[string]string, name string) uint64 {
	a, _ := strconv.ParseUint(after[name], 10, 64)
	b, _ := strconv.ParseUint(before[name], 10, 64)
	return a - min(a, b)
}

// keyspace returns the number of keys of a line such as db0:keys=3,expires=1.
func keyspace(info map[string]string, name string) (uint64, bool) {
	if _, err := strconv.Atoi(strings.TrimPrefix(name, "db")); err != nil || !strings.HasPrefix(name, "db") {
		return 0, false
	}
	return uint64(max(field(info[name], "keys"), 0)), strings.HasPrefix(info[name], "keys=")
}
