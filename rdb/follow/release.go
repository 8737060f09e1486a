package follow

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/rdb/importer/capability"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// release gives all keys of the target their true expiry, while the stream goes on; from now on its commands have theirs. again
// reports that a key may have been missed, because the stream moved it in a way that cannot be followed.
func (f *Follower) release(ctx context.Context) (again bool, err error) {
	w := &f.applier.write
	w.hold, w.moved, w.unknown = 0, nil, false
	dbs, err := f.expiring(ctx)
	if err != nil {
		return false, err
	}
	for _, db := range dbs {
		for cursor := "0"; ; {
			var keys []string
			if keys, cursor, err = f.page(ctx, f.applier.conn, db, cursor, scanKeys); err == nil {
				err = f.releaseKeys(ctx, db, keys)
			}
			if err != nil {
				return false, err
			}
			if cursor == "0" {
				break
			}
			if err := f.step(ctx, 0); err != nil {
				return false, err
			}
			f.showLag("restoring expiry times")
		}
	}
	// Keys that were copied or renamed meanwhile may have gone behind the cursor.
	for len(w.moved) > 0 {
		moved := w.moved
		w.moved = nil
		for _, k := range moved {
			if err := f.releaseKeys(ctx, k.db, []string{k.key}); err != nil {
				return false, err
			}
		}
	}
	return w.unknown, nil
}

// expiring returns the databases of the target that have keys with an expiry.
func (f *Follower) expiring(ctx context.Context) (dbs []int, err error) {
	if err := f.connect(ctx); err != nil {
		return nil, err
	}
	info, err := f.applier.conn.Info(ctx, "keyspace")
	if err != nil {
		return nil, err
	}
	for db, n := range keyspace(info) {
		if n.expires > 0 {
			dbs = append(dbs, db)
		}
	}
	slices.Sort(dbs)
	return dbs, nil
}

// A count is what INFO keyspace says of a database.
type count struct{ keys, expires int64 }

// keyspace reads INFO keyspace.
func keyspace(info map[string]string) map[int]count {
	out := map[int]count{}
	for name, value := range info {
		text, isDB := strings.CutPrefix(name, "db")
		db, err := strconv.Atoi(text)
		if !isDB || err != nil {
			continue
		}
		var c count
		for field := range strings.SplitSeq(value, ",") {
			name, number, _ := strings.Cut(field, "=")
			n, _ := strconv.ParseInt(number, 10, 64)
			switch name {
			case "keys":
				c.keys = n
			case "expires":
				c.expires = n
			}
		}
		out[db] = c
	}
	return out
}

// scanKeys are about as many keys as a page has.
const scanKeys = 1000

// page returns keys of a database and the next cursor, which is "0" at the end. It selects the database.
func (f *Follower) page(ctx context.Context, conn *redis.Conn, db int, cursor string, count int) (keys []string, next string, err error) {
	replies, err := ask(ctx, conn, []string{"SELECT", strconv.Itoa(db)}, []string{"SCAN", cursor, "COUNT", strconv.Itoa(count)})
	if err != nil {
		return nil, "", err
	}
	page, _ := replies[1].([]any)
	if len(page) != 2 {
		return nil, "", fmt.Errorf("%s: unexpected reply to SCAN; check that it is a Redis server", conn.Addr())
	}
	next, _ = page[0].(string)
	list, _ := page[1].([]any)
	for _, k := range list {
		if key, ok := k.(string); ok && (db != 0 || key != markKey) {
			keys = append(keys, key)
		}
	}
	return keys, next, nil
}

// ask sends commands at once. A reply that refuses is an error.
func ask(ctx context.Context, conn *redis.Conn, commands ...[]string) ([]any, error) {
	limited, cancel := context.WithTimeout(ctx, 2*server.ReplyTimeout)
	defer cancel()
	replies, err := conn.Pipeline(limited, commands...)
	for i, reply := range replies {
		if refused, ok := reply.(redis.Error); ok && err == nil {
			err = fmt.Errorf("%s: %s: %w", conn.Addr(), commands[i][0], refused)
		}
	}
	return replies, err
}

// releaseKeys gives keys of the target their true expiry.
func (f *Follower) releaseKeys(ctx context.Context, db int, keys []string) error {
	if err := f.connect(ctx); err != nil {
		return err
	}
	conn := f.applier.conn
	at, err := f.expiries(ctx, conn, f.link.Server.Version >= capability.ExpireAtSince, db, keys)
	if err != nil {
		return err
	}
	var fix [][]string
	for i, key := range keys {
		if at[i] >= held {
			fix = append(fix, []string{"PEXPIREAT", key, strconv.FormatInt(at[i]-held, 10)})
		}
	}
	_, err = ask(ctx, conn, append(fix, []string{"SELECT", "0"})...)
	return err
}

// expiries asks for the expiry of keys in Unix milliseconds by the server's clock; below 0 for none and for keys that are not there.
func (f *Follower) expiries(ctx context.Context, conn *redis.Conn, absolute bool, db int, keys []string) ([]int64, error) {
	name := "PTTL"
	if absolute { // Redis 7.0
		name = "PEXPIRETIME"
	}
	commands := [][]string{{"SELECT", strconv.Itoa(db)}, {"TIME"}}
	for _, key := range keys {
		commands = append(commands, []string{name, key})
	}
	replies, err := ask(ctx, conn, commands...)
	if err != nil {
		return nil, err
	}
	now := int64(0)
	if parts, ok := replies[1].([]any); ok && len(parts) == 2 && !absolute {
		seconds, _ := parts[0].(string)
		micros, _ := parts[1].(string)
		s, _ := strconv.ParseInt(seconds, 10, 64)
		us, _ := strconv.ParseInt(micros, 10, 64)
		now = s*1000 + us/1000
	}
	at := make([]int64, len(keys))
	for i := range keys {
		n, _ := replies[i+2].(int64)
		if n >= 0 {
			n += now
		}
		at[i] = n
	}
	return at, nil
}
