package importer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// checkTarget asks the target, and each of its masters, what it is, and says whether more can be asked.
func (im *importer) checkTarget(ctx context.Context, conn *redis.Conn, add func(error)) bool {
	first, err := im.Describe(ctx, conn)
	if err != nil {
		add(err)
		return false
	}
	s := &im.Server
	s.Info, s.Cluster = first, first["cluster_enabled"] == "1"
	problem := false
	im.EveryMaster(ctx, func(err error) { problem = true; add(err) }, func(ctx context.Context, add func(error)) {
		info := first
		if s.Cluster {
			if info, err = im.Describe(ctx, im.Control); err != nil {
				add(err)
				return
			}
		}
		dbs, err := im.UsedDatabases(ctx, im.Control, info)
		if err != nil {
			add(err)
			return
		}
		s.DBs = append(s.DBs, dbs...)
		can, err := im.learnVersion(ctx, info)
		if err != nil {
			add(err)
			return
		}
		s.Abilities = s.Abilities.And(can)
	})
	slices.Sort(s.DBs)
	s.DBs = slices.Compact(s.DBs)
	return !problem
}

// learnVersion tries which RDB versions RESTORE takes, the newest first. A key whose time is over is checked and not made.
func (im *importer) learnVersion(ctx context.Context, info map[string]string) (can server.Abilities, err error) {
	can.Name, can.Release = server.ReleaseOf(info)
	value := &rdb.Entry{Type: rdb.TypeString, Raw: []byte("\x01x"), Key: []byte("x")}
	if im.survey != nil {
		value.Key = im.survey.LikeKey() // a user may be kept to some names
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
			can.Version, can.AbsTTL = v, true
			return can, nil
		case strings.Contains(string(reply), "syntax error") && im.Options.Method == plan.Restore:
			return can, fmt.Errorf("%s does not support RESTORE with ABSTTL, so expiring keys would live too long; remove --method restore", can.Name)
		case strings.Contains(string(reply), "syntax error"):
			return im.oldVersion(ctx, can)
		case reply.Code() == "NOPERM" && (im.Options.Method == plan.Commands || im.Options.Method == plan.Replication):
			can.NoRestore = true
			return im.oldVersion(ctx, can)
		case server.UnknownCommand(reply) && im.Options.Method == plan.Restore:
			return can, fmt.Errorf("%s has no RESTORE command (renamed or disabled); remove --method restore to use plain commands", can.Name)
		case server.UnknownCommand(reply):
			can.NoRestore = true
			if im.Options.Method == plan.Auto {
				im.Ledger.Note("the target has no RESTORE command (renamed or disabled); keys were written with plain commands, which is slower")
			}
			return im.oldVersion(ctx, can)
		case server.ClassifyReply(reply) != server.KeyFailed:
			return can, server.Advise(reply)
		}
	}
	return can, fmt.Errorf("%s accepts no supported RDB version; check that it is Redis or Valkey", can.Name)
}

// tryRestore asks whether the target takes a payload, and returns the reply that refuses it. The key's time is over, so that
// it is checked and not made. Redis 5.0.8 and 6.0.0 make it all the same (redis src/cluster.c, restoreCommand), and count it
// among their keys until somebody looks for it; version is what is known of the server.
func (im *importer) tryRestore(ctx context.Context, like, payload []byte, version int) (redis.Error, error) {
	key := im.ProbeKey(like)
	_, err := im.Ask(ctx, "RESTORE", key, "1", string(payload), "ABSTTL")
	var refused redis.Error
	if errors.As(err, &refused) {
		return refused, nil
	}
	if err != nil || version >= 10 {
		return "", err
	}
	_, err = im.Ask(ctx, "EXISTS", key)
	return "", server.UnlessRefused(err)
}

// oldVersion goes by the number of the server's version, where RESTORE cannot be asked.
func (im *importer) oldVersion(ctx context.Context, can server.Abilities) (server.Abilities, error) {
	if can.Release == "" {
		return im.versionOfCommands(ctx, can)
	}
	number, valkey := strings.CutPrefix(can.Release, "valkey-")
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
		can.Version = v
	case valkey && n < 9:
		can.Version = 11
	case valkey:
		can.Version = 80
	default: // newer than what is known here
		can.Version = 12
	}
	return can, nil
}

func tooOld(can server.Abilities) error {
	return fmt.Errorf("%s is too old; the oldest supported target is Redis 4.0", can.Name)
}

// commandsSince are commands that are new in an RDB version, the newest first.
var commandsSince = []struct {
	name    string
	version int
}{{"HPEXPIREAT", 12}, {"PEXPIRETIME", 10}, {"XADD", 9}, {"UNLINK", 8}}

// versionOfCommands goes by the commands that a server has, where it does not say its version.
func (im *importer) versionOfCommands(ctx context.Context, can server.Abilities) (server.Abilities, error) {
	ask := []string{"COMMAND", "INFO"}
	for _, c := range commandsSince {
		ask = append(ask, c.name)
	}
	list, err := im.List(ctx, ask...)
	if server.UnlessRefused(err) != nil {
		return can, err
	}
	if err != nil || len(list) != len(commandsSince) {
		return can, errors.New("cannot find out the version of the target, because RESTORE, INFO, HELLO and COMMAND are all refused; grant one of them")
	}
	for i, c := range commandsSince {
		if known, ok := list[i].([]any); ok && len(known) > 0 {
			can.Version = c.version
			return can, nil
		}
	}
	return can, tooOld(can)
}
