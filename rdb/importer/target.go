package importer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// abilities are what a target can do; of a cluster, what all of its masters can.
type abilities struct {
	name      string // such as "Redis 7.0.15"
	release   string // such as "7.0.15" or "valkey-8.1.1"; "" where it is not known
	version   int    // the newest RDB version that it reads
	absTTL    bool   // RESTORE knows ABSTTL: Redis 5.0
	noRestore bool   // it has no RESTORE that we may use
}

// and returns what both can do. The older one names both.
func (a abilities) and(b abilities) abilities {
	if a.version != 0 && a.version <= b.version {
		a, b = b, a
	}
	b.absTTL, b.noRestore = (a.absTTL || a.version == 0) && b.absTTL, a.noRestore || b.noRestore
	return b
}

// checkTarget asks the target, and each of its masters, what it is, and says whether more can be asked.
func (im *importer) checkTarget(ctx context.Context, conn *redis.Conn, add func(error)) bool {
	first, err := im.describe(ctx, conn)
	if err != nil {
		add(err)
		return false
	}
	s := &im.server
	s.info, s.cluster = first, first["cluster_enabled"] == "1"
	problem := false
	im.everyMaster(ctx, func(err error) { problem = true; add(err) }, func(ctx context.Context, add func(error)) {
		info := first
		if s.cluster {
			if info, err = im.describe(ctx, im.control); err != nil {
				add(err)
				return
			}
		}
		dbs, err := im.usedDatabases(ctx, im.control, info)
		if err != nil {
			add(err)
			return
		}
		s.dbs = append(s.dbs, dbs...)
		can, err := im.learnVersion(ctx, info)
		if err != nil {
			add(err)
			return
		}
		s.abilities = s.abilities.and(can)
	})
	slices.Sort(s.dbs)
	s.dbs = slices.Compact(s.dbs)
	return !problem
}

// describe returns what a server says of itself (INFO), and refuses one that is no target.
func (im *importer) describe(ctx context.Context, conn *redis.Conn) (map[string]string, error) {
	limited, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	info, err := conn.Info(limited, "")
	if err != nil && im.opts.Anonymous && redis.Code(err) != "" {
		info, err = withoutInfo(limited, conn)
	}
	switch {
	case err != nil:
		return nil, noInfo(err)
	case info["redis_mode"] == "sentinel":
		return nil, fmt.Errorf("%s is a Sentinel; use redis+sentinel://%s/NAME for the master it monitors", conn.Addr(), conn.Addr())
	case identityOf(info).Run == "" && !im.opts.Anonymous:
		return nil, fmt.Errorf("%s does not report a run_id (INFO server), so a restart would go unnoticed; pass the server behind the proxy, or use --no-run-id to look up every key at the end", conn.Addr())
	case info["loading"] == "1":
		return nil, advise(redis.Error("LOADING the target is loading its data"))
	case info["role"] == "slave":
		return nil, advise(redis.Error("READONLY You can't write against a read only replica."))
	}
	return info, nil
}

// noInfo adds to the refusal of INFO what to do about it.
func noInfo(err error) error {
	const without = "the import requires INFO to notice restarts"
	switch {
	case unknownCommand(err):
		return fmt.Errorf("the target has no INFO command (renamed or disabled); %s: enable it, or use --no-run-id to look up every key at the end", without)
	case redis.Code(err) == "NOPERM":
		return fmt.Errorf("%v: %s; grant +info, or use --no-run-id to look up every key at the end", err, without)
	}
	return advise(err)
}

// withoutInfo returns what a server that refuses INFO says elsewhere, by the names of INFO: HELLO (Redis 6.0) has version, mode
// and role, and only a cluster has slots.
func withoutInfo(ctx context.Context, conn *redis.Conn) (map[string]string, error) {
	list, err := conn.List(ctx, "HELLO", "2")
	if unlessRefused(err) != nil {
		return nil, err
	}
	hello, info := map[string]string{}, map[string]string{}
	for i := 0; i+1 < len(list); i += 2 {
		name, _ := list[i].(string)
		hello[name], _ = list[i+1].(string)
	}
	info["redis_mode"] = hello["mode"]
	info[map[bool]string{true: "valkey_version", false: "redis_version"}[hello["server"] == "valkey"]] = hello["version"]
	if hello["role"] == "replica" {
		info["role"] = "slave"
	}
	cluster := hello["mode"] == "cluster"
	if hello["mode"] == "" {
		slots, err := conn.List(ctx, "CLUSTER", "SLOTS")
		if unlessRefused(err) != nil {
			return nil, err
		}
		cluster = len(slots) > 0
	}
	if cluster {
		info["cluster_enabled"] = "1"
	}
	return info, nil
}

// usedDatabases returns the numbers of the databases that have keys.
func (im *importer) usedDatabases(ctx context.Context, conn *redis.Conn, info map[string]string) (dbs []int, err error) {
	if info["run_id"] == "" && info["used_memory"] == "" { // INFO is refused
		keys, err := im.countEach(ctx, conn)
		if err == nil && !im.server.cluster {
			_, err = conn.Do(ctx, "SELECT", strconv.Itoa(im.target.DB))
		}
		return slices.Collect(maps.Keys(keys)), unlessRefused(err)
	}
	for name := range info {
		if n, err := strconv.Atoi(strings.TrimPrefix(name, "db")); err == nil && strings.HasPrefix(name, "db") {
			dbs = append(dbs, n)
		}
	}
	return dbs, nil
}

// maxDatabases bounds the search for databases that have keys.
const maxDatabases = 1024

// countEach counts the keys of each database that has some, without INFO.
func (im *importer) countEach(ctx context.Context, conn *redis.Conn) (map[int]int64, error) {
	limited, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	keys := map[int]int64{}
	for db := range maxDatabases {
		if !im.server.cluster {
			if _, err := conn.Do(limited, "SELECT", strconv.Itoa(db)); err != nil {
				return keys, unlessRefused(err) // there are no more
			}
		}
		n, err := conn.Int(limited, "DBSIZE")
		if unlessRefused(err) != nil {
			return nil, err
		}
		if n > 0 {
			keys[db] = n
		}
		if im.server.cluster {
			break
		}
	}
	return keys, nil
}

// releaseOf returns how a server calls itself, and its version.
func releaseOf(info map[string]string) (name, release string) {
	if v := info["valkey_version"]; v != "" {
		return "Valkey " + v, "valkey-" + v
	}
	if v := info["redis_version"]; v != "" {
		return "Redis " + v, v
	}
	return "the target", ""
}

// learnVersion tries which RDB versions RESTORE takes, the newest first. A key whose time is over is checked and not made.
func (im *importer) learnVersion(ctx context.Context, info map[string]string) (can abilities, err error) {
	can.name, can.release = releaseOf(info)
	value := &rdb.Entry{Type: rdb.TypeString, Raw: []byte("\x01x"), Key: []byte("x")}
	if im.survey != nil {
		value.Key = im.likeKey() // a user may be kept to some names
	}
	for _, v := range []int{81, 80, 15, 14, 13, 12, 11, 10, 9} {
		payload, err := rdb.AppendDump(nil, value, v)
		if err != nil {
			return can, err
		}
		reply, err := im.tryRestore(ctx, value.Key, payload, v)
		switch {
		case err != nil:
			return can, err
		case reply == "":
			can.version, can.absTTL = v, true
			return can, nil
		case strings.Contains(string(reply), "syntax error") && im.opts.Method == Restore:
			return can, fmt.Errorf("%s does not support RESTORE with ABSTTL, so expiring keys would live too long; remove --method restore", can.name)
		case strings.Contains(string(reply), "syntax error"):
			return im.oldVersion(ctx, can)
		case reply.Code() == "NOPERM" && (im.opts.Method == Commands || im.opts.Method == Replication):
			can.noRestore = true
			return im.oldVersion(ctx, can)
		case unknownCommand(reply) && im.opts.Method == Restore:
			return can, fmt.Errorf("%s has no RESTORE command (renamed or disabled); remove --method restore to use plain commands", can.name)
		case unknownCommand(reply):
			can.noRestore = true
			if im.opts.Method == Auto {
				im.ledger.Note("the target has no RESTORE command (renamed or disabled); keys were written with plain commands, which is slower")
			}
			return im.oldVersion(ctx, can)
		case classifyReply(reply) != keyFailed:
			return can, advise(reply)
		}
	}
	return can, fmt.Errorf("%s accepts no supported RDB version; check that it is Redis or Valkey", can.name)
}

// tryRestore asks whether the target takes a payload, and returns the reply that refuses it. The key's time is over, so that
// it is checked and not made. Redis 5.0.8 and 6.0.0 make it all the same (redis src/cluster.c, restoreCommand), and count it
// among their keys until somebody looks for it; version is what is known of the server.
func (im *importer) tryRestore(ctx context.Context, like, payload []byte, version int) (redis.Error, error) {
	key := im.probeKey(like)
	_, err := im.ask(ctx, "RESTORE", key, "1", string(payload), "ABSTTL")
	var refused redis.Error
	if errors.As(err, &refused) {
		return refused, nil
	}
	if err != nil || version >= 10 {
		return "", err
	}
	_, err = im.ask(ctx, "EXISTS", key)
	return "", unlessRefused(err)
}

// unknownCommand reports that a server does not have a command, or has it under another name.
func unknownCommand(err error) bool {
	return redis.Code(err) == "ERR" && strings.Contains(strings.ToLower(err.Error()), "unknown command")
}

// oldVersion goes by the number of the server's version, where RESTORE cannot be asked.
func (im *importer) oldVersion(ctx context.Context, can abilities) (abilities, error) {
	if can.release == "" {
		return im.versionOfCommands(ctx, can)
	}
	number, valkey := strings.CutPrefix(can.release, "valkey-")
	major, rest, _ := strings.Cut(number, ".")
	minor, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(major)
	m, err2 := strconv.Atoi(minor)
	if err != nil || err2 != nil || n < 4 {
		return can, tooOld(can)
	}
	name := fmt.Sprintf("%d.%d", n, m)
	if valkey {
		name = "valkey-" + name
	}
	switch v := rdb.VersionFor(name); {
	case v > 0:
		can.version = v
	case valkey && n < 9:
		can.version = 11
	case valkey:
		can.version = 80
	default: // newer than what is known here
		can.version = 12
	}
	return can, nil
}

func tooOld(can abilities) error {
	return fmt.Errorf("%s is too old; the oldest supported target is Redis 4.0", can.name)
}

// commandsSince are commands that are new in an RDB version, the newest first.
var commandsSince = []struct {
	name    string
	version int
}{{"HPEXPIREAT", 12}, {"PEXPIRETIME", 10}, {"XADD", 9}, {"UNLINK", 8}}

// versionOfCommands goes by the commands that a server has, where it does not say its version.
func (im *importer) versionOfCommands(ctx context.Context, can abilities) (abilities, error) {
	ask := []string{"COMMAND", "INFO"}
	for _, c := range commandsSince {
		ask = append(ask, c.name)
	}
	list, err := im.list(ctx, ask...)
	if unlessRefused(err) != nil {
		return can, err
	}
	if err != nil || len(list) != len(commandsSince) {
		return can, errors.New("cannot find out the version of the target, because RESTORE, INFO, HELLO and COMMAND are all refused; grant one of them")
	}
	for i, c := range commandsSince {
		if known, ok := list[i].([]any); ok && len(known) > 0 {
			can.version = c.version
			return can, nil
		}
	}
	return can, tooOld(can)
}
