package follow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/importer/verify"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

const (
	sampleKeys = 1000
	askKeys    = 100  // at once for their values
	lookUpKeys = 5000 // at once for whether they are there
	maxPages   = 50   // of random keys of a database, which may be empty
	maxNamed   = 100  // differences
	soon       = 2000 // milliseconds before its expiry in which a key need not be in both
)

// compare makes sure that source and target have the same, while neither takes writes: functions, the number of keys, and the values of
// some keys or all. Where the numbers differ, which they may for keys that have expired, every key is looked up.
func (f *Follower) compare(ctx context.Context, conn *redis.Conn) error {
	f.showLag("comparing")
	f.report.Compared, f.report.Differing, f.report.Differences = 0, 0, nil
	if err := f.connect(ctx); err != nil {
		return err
	}
	c := &comparison{Follower: f, source: conn, target: f.applier.conn}
	if err := c.functions(ctx); err != nil {
		return err
	}
	if err := c.counts(ctx); err != nil {
		return err
	}
	if err := c.values(ctx); err != nil {
		return err
	}
	if f.report.Differing > 0 {
		return errDiffers
	}
	return nil
}

// A comparison is one of source and target.
type comparison struct {
	*Follower
	source, target *redis.Conn
	dbs            map[int]count // of the source
}

func (c *comparison) differ(d account.Difference) {
	c.report.Differing++
	if len(c.report.Differences) < maxNamed {
		c.report.Differences = append(c.report.Differences, d)
	}
}

// functions compares the libraries.
func (c *comparison) functions(ctx context.Context) error {
	want, err := libraries(ctx, c.source)
	if err != nil || want == nil {
		return err
	}
	have, err := libraries(ctx, c.target)
	if err != nil {
		return err
	}
	for name, code := range want {
		if other, ok := have[name]; !ok {
			c.differ(account.Difference{Key: name, Type: server.FunctionRow, Reason: "missing"})
		} else if other != code {
			c.differ(account.Difference{Key: name, Type: server.FunctionRow, Reason: "has a different value"})
		}
	}
	for name := range have {
		if _, ok := want[name]; !ok {
			c.differ(account.Difference{Key: name, Type: server.FunctionRow, Reason: "is not in the source"})
		}
	}
	return nil
}

// libraries returns the code of the libraries by name; nil where the server has no functions or does not show them.
func libraries(ctx context.Context, conn *redis.Conn) (map[string]string, error) {
	list, err := conn.List(ctx, "FUNCTION", "LIST", "WITHCODE")
	if err != nil {
		return nil, server.UnlessRefused(err)
	}
	out := map[string]string{}
	for _, item := range list {
		fields, _ := item.([]any)
		var name, code string
		for i := 0; i+1 < len(fields); i += 2 {
			switch fields[i] {
			case "library_name":
				name, _ = fields[i+1].(string)
			case "library_code":
				code, _ = fields[i+1].(string)
			}
		}
		out[name] = code
	}
	return out, nil
}

// counts compares the number of keys of each database.
func (c *comparison) counts(ctx context.Context) error {
	info, err := c.source.Info(ctx, "keyspace")
	if err != nil {
		return err
	}
	c.dbs = keyspace(info)
	if info, err = c.target.Info(ctx, "keyspace"); err != nil {
		return err
	}
	have := keyspace(info)
	if n, ok := have[0]; ok { // the mark
		n.keys--
		have[0] = n
	}
	all := maps.Clone(c.dbs)
	maps.Copy(all, have)
	var differ []int
	for _, db := range slices.Sorted(maps.Keys(all)) {
		if c.dbs[db].keys != have[db].keys {
			differ = append(differ, db)
		}
	}
	if len(differ) == 0 {
		return nil
	}
	var looking sync.WaitGroup
	var missing, more []account.Difference
	var err1, err2 error
	looking.Go(func() { missing, err1 = c.absent(ctx, differ, c.source, c.target, "missing") })
	looking.Go(func() {
		var from, in *redis.Conn
		if from, err2 = c.link.Connect(ctx, ""); err2 != nil {
			return
		}
		defer from.Close()
		if in, err2 = c.Follower.source.Connect(ctx); err2 != nil {
			return
		}
		defer in.Close()
		more, err2 = c.absent(ctx, differ, from, in, "is not in the source")
	})
	looking.Wait()
	for _, d := range append(missing, more...) {
		c.differ(d)
	}
	return errors.Join(err1, err2)
}

// absent looks for keys of one server that the other does not have. It leaves the second with database 0.
func (c *comparison) absent(ctx context.Context, dbs []int, from, in *redis.Conn, reason string) (out []account.Difference, err error) {
	for _, db := range dbs {
		for cursor := "0"; ; {
			keys, next, err := c.page(ctx, from, db, cursor, lookUpKeys)
			if err != nil {
				return nil, err
			}
			gone, err := missing(ctx, in, db, keys)
			if err != nil {
				return nil, err
			}
			for _, key := range gone {
				ttl, err := from.Int(ctx, "PTTL", key)
				if err != nil {
					return nil, err
				}
				if ttl == -1 || ttl > soon {
					out = append(out, account.Difference{DB: db, Key: key, Type: "any", Reason: reason})
				}
			}
			if cursor = next; cursor == "0" {
				break
			}
		}
	}
	_, err = in.Do(ctx, "SELECT", "0")
	return out, err
}

// missing returns those keys that a server does not have. It asks for each only where some are.
func missing(ctx context.Context, conn *redis.Conn, db int, keys []string) (out []string, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	replies, err := ask(ctx, conn, []string{"SELECT", strconv.Itoa(db)}, append([]string{"EXISTS"}, keys...))
	if err != nil || replies[1] == int64(len(keys)) {
		return nil, err
	}
	commands := make([][]string, len(keys))
	for i, key := range keys {
		commands[i] = []string{"EXISTS", key}
	}
	if replies, err = ask(ctx, conn, commands...); err != nil {
		return nil, err
	}
	for i, key := range keys {
		if replies[i] == int64(0) {
			out = append(out, key)
		}
	}
	return out, nil
}

// values compares the values of a sample or of every key.
func (c *comparison) values(ctx context.Context) error {
	if c.opts.Import.Verify == plan.VerifyOff {
		return nil
	}
	report := &account.Report{}
	c.link.Ledger.Report = report
	p := *c.plan
	p.Options.Existing = plan.Refuse
	p.Options.MaxFailures = maxNamed
	v := &verify.Verifier{Link: &c.link, Plan: &p}
	next := c.sample(ctx)
	if c.opts.Import.Verify == plan.VerifyFull {
		next = c.every(ctx)
	}
	seen := map[string]bool{}
	for _, d := range c.report.Differences {
		seen[fmt.Sprint(d.DB, " ", d.Key)] = true
	}
	err := v.Compare(ctx, next)
	c.report.Compared = report.Verified
	for _, d := range report.Differences {
		if !seen[fmt.Sprint(d.DB, " ", d.Key)] {
			seen[fmt.Sprint(d.DB, " ", d.Key)] = true
			c.differ(d)
		}
	}
	return err
}

// every returns all keys of the source, some at a time.
func (c *comparison) every(ctx context.Context) func() ([]rdb.Entry, bool, error) {
	dbs := slices.Sorted(maps.Keys(c.dbs))
	cursor := "0"
	var keys []string
	return func() ([]rdb.Entry, bool, error) {
		for len(keys) == 0 {
			if len(dbs) == 0 {
				return nil, false, nil
			}
			var err error
			if keys, cursor, err = c.page(ctx, c.source, dbs[0], cursor, scanKeys); err != nil {
				return nil, false, err
			}
			if cursor == "0" && len(keys) == 0 {
				dbs = dbs[1:]
			}
		}
		n := min(len(keys), askKeys)
		some, db := keys[:n], dbs[0]
		if keys = keys[n:]; len(keys) == 0 && cursor == "0" {
			dbs = dbs[1:]
		}
		out, err := c.entries(ctx, db, some)
		return out, true, err
	}
}

// sample returns some keys of the source, of each database as many as it has a share in all: those at random places of its table. Not
// by RANDOMKEY: a paused source of which all keys have expired looks for another one for ever (github.com/redis/redis/issues/13862).
func (c *comparison) sample(ctx context.Context) func() ([]rdb.Entry, bool, error) {
	dbs := slices.Sorted(maps.Keys(c.dbs))
	all := int64(0)
	for _, n := range c.dbs {
		all += n.keys
	}
	left, pages := int64(-1), 0 // below 0: not begun
	return func() ([]rdb.Entry, bool, error) {
		for ; len(dbs) > 0; dbs, left = dbs[1:], -1 {
			has := c.dbs[dbs[0]].keys
			if left < 0 {
				left, pages = min(sampleKeys*has/max(all, 1)+1, has), 0
			}
			if pages++; left <= 0 || pages > maxPages {
				continue
			}
			cursor := "0"
			if has > askKeys {
				cursor = strconv.FormatUint(uint64(rand.Uint32()), 10)
			}
			keys, _, err := c.page(ctx, c.source, dbs[0], cursor, askKeys)
			if err != nil {
				return nil, false, err
			}
			if left = max(left-int64(len(keys)), 0); has <= askKeys {
				left = 0
			}
			out, err := c.entries(ctx, dbs[0], keys)
			return out, true, err
		}
		return nil, false, nil
	}
}

// entries asks the source for values. A key that is gone or about to expire is left out.
func (c *comparison) entries(ctx context.Context, db int, keys []string) ([]rdb.Entry, error) {
	at, err := c.expiries(ctx, c.source, c.absolute, db, keys)
	if err != nil {
		return nil, err
	}
	commands := make([][]string, len(keys))
	for i, key := range keys {
		commands[i] = []string{"DUMP", key}
	}
	replies, err := ask(ctx, c.source, commands...)
	if err != nil {
		return nil, err
	}
	out := make([]rdb.Entry, 0, len(keys))
	for i, key := range keys {
		payload, ok := replies[i].(string)
		if !ok {
			continue
		}
		e, _, err := rdb.ParseDump([]byte(payload))
		if err != nil {
			if errors.Is(err, rdb.ErrUnsupported) {
				c.note("values of a type that is not known here were not compared")
				continue
			}
			return nil, fmt.Errorf("key %q of the source: %w", key, err)
		}
		e.DB, e.Key = db, []byte(key)
		if at[i] > 0 {
			e.Expiry = max(at[i]+c.plan.Shift, 1)
		}
		if e.Expiry == 0 || e.Expiry > c.plan.Now()+soon {
			out = append(out, *e)
		}
	}
	return out, nil
}
