package replicate

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/verify"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// The commands of an append-only file are replayed by replication and not by an ordinary connection. A master would delete
// keys at once whose expiry has passed by now, and with them what later commands do to them: SET with an expiry of
// yesterday, then PERSIST. A replica carries out what its master sends as it is, like a server that loads the file (redis
// src/expire.c, checkAlreadyExpired; src/db.c, keyIsExpired). It also evicts nothing meanwhile.

// counters are what INFO counts. They are read for an append-only file only.
func (rep *Replication) counters(ctx context.Context) (map[string]string, error) {
	if rep.Dump.Tail == nil {
		return nil, nil
	}
	reply, err := rep.askLoading(ctx, "INFO", "all")
	text, _ := reply.(string)
	return redis.ParseInfo(text), err
}

// refused counts the commands that were not carried out, or were answered with an error. Before Redis 6.2 a server does not
// count errors.
func (rep *Replication) refused(before, after map[string]string) uint64 {
	var n uint64
	for name, sent := range rep.Dump.Tail.Names {
		if name == "select" || name == "multi" || name == "exec" || name == "ping" {
			continue
		}
		done := calls(after, name, "calls") - calls(before, name, "calls")
		if missing := sent - done; missing > 0 {
			n += uint64(missing)
			rep.Ledger.Note("%d of %s %s not executed", missing, finding.Count(sent, "command", strings.ToUpper(name)), finding.Verb(sent, "was", "were"))
		}
	}
	const unexpected = "unexpected_error_replies" // of a master's or an append-only file's commands, since 7.0
	if _, ok := after[unexpected]; ok {
		if errs := delta(before, after, unexpected); errs > 0 {
			n = max(n, errs)
			rep.Ledger.Note("%s failed: %s; see the log of the target for the first ones", finding.Count(errs, "command"), errorKinds(before, after))
		}
		return n
	}
	failed, counted := int64(0), false
	for name := range rep.Dump.Tail.Names {
		failed += calls(after, name, "failed_calls") - calls(before, name, "failed_calls")
		counted = counted || strings.Contains(after["cmdstat_"+name], "failed_calls=")
	}
	if failed > 0 {
		n = max(n, uint64(failed))
		rep.Ledger.Note("%s failed: %s; see the log of the target for the first ones", finding.Count(failed, "command"), errorKinds(before, after))
	}
	if !counted {
		rep.Ledger.Note("%s does not count failed commands, so only the number of commands was checked", rep.Server.Name)
	}
	return n
}

// afterReplay takes account of what the target has replayed: each command was carried out and none answered with an error
// (INFO before and after), and the keys are still there now that it is a master, unless they have expired.
func (rep *Replication) afterReplay(ctx context.Context, before, replayed map[string]string, names []keyName) error {
	if err := rep.Identify(ctx); err != nil { // it has another history of replication now
		return err
	}
	if err := verify.Settle(ctx, rep.Link); err != nil { // it evicts, where maxmemory is exceeded
		return err
	}
	if err := rep.nameLost(ctx, names); err != nil {
		return err
	}
	if err := verify.Settle(ctx, rep.Link); err != nil { // near its limit it evicts with every command
		return err
	}
	after, err := rep.counters(ctx)
	if err != nil {
		return err
	}
	if before["run_id"] != after["run_id"] || replayed["run_id"] != after["run_id"] {
		return errors.New("the target was restarted while replaying the append-only file; restart the import with --flush")
	}
	t, l := rep.Dump.Tail, &rep.Ledger
	r := &account.Replay{Commands: t.Commands, Refused: rep.refused(before, replayed)}
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
	if rep.Options.Verify != plan.VerifyOff {
		l.Note("the result of an append-only file is not compared key by key: every command was counted as executed, and the keys were counted")
	}
	return nil
}
