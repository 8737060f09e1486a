package server

import (
	"context"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// NodeFacts is what the nodes of the target said, by run ID.
type NodeFacts struct {
	Before, Now map[string]Facts
}

// Since returns how much a number of all nodes has grown.
func (f *NodeFacts) Since(number func(Facts) int64) (grown int64) {
	for run, now := range f.Now {
		grown += max(number(now)-number(f.Before[run]), 0)
	}
	return grown
}

// Keys counts the keys of a database in all nodes.
func (f *NodeFacts) Keys(of map[string]Facts, db int) (n uint64) {
	for _, node := range of {
		n += uint64(node.keys[db])
	}
	return n
}

// Facts are what a node says about its data at one time, from INFO.
type Facts struct {
	known            bool // it has answered
	Evicted, expired int64
	Used, Limit      int64
	Policy           string
	keys             map[int]int64 // by database
	Removals         map[string]int64
}

// readFacts asks a node. What it does not tell is 0.
func readFacts(ctx context.Context, conn *redis.Conn) (Facts, error) {
	ctx, cancel := context.WithTimeout(ctx, ReplyTimeout)
	defer cancel()
	replies, err := conn.Pipeline(ctx, []string{"INFO", "stats"}, []string{"INFO", "memory"}, []string{"INFO", "keyspace"}, []string{"INFO", "commandstats"})
	if err != nil {
		return Facts{}, err
	}
	info, known := map[string]string{}, true
	for _, reply := range replies {
		text, ok := reply.(string)
		known = known && ok
		for name, value := range redis.ParseInfo(text) {
			info[name] = value
		}
	}
	number := func(name string) int64 { n, _ := strconv.ParseInt(info[name], 10, 64); return n }
	f := Facts{
		known: known, Evicted: number("evicted_keys"), expired: number("expired_keys"), Used: number("used_memory"), Limit: number("maxmemory"),
		Policy: info["maxmemory_policy"], keys: map[int]int64{}, Removals: map[string]int64{},
	}
	for name, value := range info {
		db, ok := strings.CutPrefix(name, "db")
		n, err := strconv.Atoi(db)
		if !ok || err != nil {
			continue
		}
		text, _, _ := strings.Cut(strings.TrimPrefix(value, "keys="), ",")
		f.keys[n], _ = strconv.ParseInt(text, 10, 64)
	}
	for _, name := range account.Removing {
		text, _, _ := strings.Cut(strings.TrimPrefix(info["cmdstat_"+name], "calls="), ",")
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			f.Removals[name] = n
		}
	}
	return f, nil
}
