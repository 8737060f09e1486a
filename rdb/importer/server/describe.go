package server

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// Describe returns what a server says of itself (INFO), and refuses one that is no target.
func (l *Link) Describe(ctx context.Context, conn *redis.Conn) (map[string]string, error) {
	limited, cancel := context.WithTimeout(ctx, ReplyTimeout)
	defer cancel()
	info, err := conn.Info(limited, "")
	if err != nil && l.Anonymous && redis.Code(err) != "" {
		info, err = withoutInfo(limited, conn)
	}
	switch {
	case err != nil:
		return nil, noInfo(err)
	case info["redis_mode"] == "sentinel":
		return nil, fmt.Errorf("%s is a Sentinel; use redis+sentinel://%s/NAME for the master it monitors", conn.Addr(), conn.Addr())
	case identityOf(info).Run == "" && !l.Anonymous:
		return nil, fmt.Errorf("%s does not report a run_id (INFO server), so a restart would go unnoticed; pass the server behind the proxy, or use --no-run-id to look up every key at the end", conn.Addr())
	case info["loading"] == "1":
		return nil, Advise(redis.Error("LOADING the target is loading its data"))
	case info["role"] == "slave":
		return nil, Advise(redis.Error("READONLY You can't write against a read only replica."))
	}
	return info, nil
}

// withoutInfo returns what a server that refuses INFO says elsewhere, by the names of INFO: HELLO (Redis 6.0) has version, mode
// and role, and only a cluster has slots.
func withoutInfo(ctx context.Context, conn *redis.Conn) (map[string]string, error) {
	list, err := conn.List(ctx, "HELLO", "2")
	if UnlessRefused(err) != nil {
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
		if UnlessRefused(err) != nil {
			return nil, err
		}
		cluster = len(slots) > 0
	}
	if cluster {
		info["cluster_enabled"] = "1"
	}
	return info, nil
}

// UsedDatabases returns the numbers of the databases that have keys.
func (l *Link) UsedDatabases(ctx context.Context, conn *redis.Conn, info map[string]string) (dbs []int, err error) {
	if info["run_id"] == "" && info["used_memory"] == "" { // INFO is refused
		keys, err := l.countEach(ctx, conn)
		if err == nil && !l.Server.Cluster {
			_, err = conn.Do(ctx, "SELECT", strconv.Itoa(l.Target.DB))
		}
		return slices.Collect(maps.Keys(keys)), UnlessRefused(err)
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
func (l *Link) countEach(ctx context.Context, conn *redis.Conn) (map[int]int64, error) {
	limited, cancel := context.WithTimeout(ctx, ReplyTimeout)
	defer cancel()
	keys := map[int]int64{}
	for db := range maxDatabases {
		if !l.Server.Cluster {
			if _, err := conn.Do(limited, "SELECT", strconv.Itoa(db)); err != nil {
				return keys, UnlessRefused(err) // there are no more
			}
		}
		n, err := conn.Int(limited, "DBSIZE")
		if UnlessRefused(err) != nil {
			return nil, err
		}
		if n > 0 {
			keys[db] = n
		}
		if l.Server.Cluster {
			break
		}
	}
	return keys, nil
}

// ReleaseOf returns how a server calls itself, and its version.
func ReleaseOf(info map[string]string) (name, release string) {
	if v := info["valkey_version"]; v != "" {
		return "Valkey " + v, "valkey-" + v
	}
	if v := info["redis_version"]; v != "" {
		return "Redis " + v, v
	}
	return "the target", ""
}
