package replicate

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
)

// A keyName is a key of a database of the target.
type keyName struct {
	db   int
	name string
}

// maxKeyNames bounds the names that are held to tell which keys were evicted.
const maxKeyNames = 1 << 20

// askKeys is how many keys are asked for at once.
const askKeys = 128

// keyNames lists the keys that the target has after it has replayed all commands, where it will evict some of them as soon as it is a
// master again. While it is a replica it evicts nothing.
func (rep *Replication) keyNames(ctx context.Context, replayed map[string]string) (names []keyName, err error) {
	if policy := replayed["maxmemory_policy"]; policy == "noeviction" || !overLimit(replayed) {
		return nil, nil
	}
	for name := range replayed {
		if _, ok := keyspace(replayed, name); !ok {
			continue
		}
		db, _ := strconv.Atoi(strings.TrimPrefix(name, "db"))
		if _, err := rep.askLoading(ctx, "SELECT", strconv.Itoa(db)); err != nil {
			return names, server.UnlessRefused(err)
		}
		for cursor := "0"; len(names) < maxKeyNames; {
			reply, err := rep.askLoading(ctx, "SCAN", cursor, "COUNT", "1000")
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
	_, err = rep.askLoading(ctx, "SELECT", strconv.Itoa(rep.Target.DB))
	return names, server.UnlessRefused(err)
}

// nameLost reports keys that are gone, as many as a report has room for.
func (rep *Replication) nameLost(ctx context.Context, names []keyName) error {
	named := 0
	for batch := range slices.Chunk(names, askKeys) {
		if named >= rep.Options.MaxFailures {
			break
		}
		conn, err := rep.Connect(ctx, "")
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
			if k := batch[at]; reply == int64(0) && named < rep.Options.MaxFailures {
				named++
				rep.Ledger.Fail(account.Failure{DB: k.db, Key: k.name, Type: "any", Reply: "the key was evicted, or has expired, after the replay"})
			}
			at++
		}
	}
	return nil
}
