package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A ledger is a client that writes numbers, and remembers those that were acknowledged and by which server.
type ledger struct {
	mu   sync.Mutex
	keys map[string][]string // by address
	last map[string]time.Time
}

// newLedger writes to whichever server of several takes it, until the returned function is called.
func newLedger(t *testing.T, password string, beds ...*bed) (*ledger, func()) {
	l := &ledger{keys: map[string][]string{}, last: map[string]time.Time{}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ctx.Err() == nil; n++ {
			for _, b := range beds {
				for _, s := range b.servers {
					conn, err := (&redis.Target{Addrs: []string{s.Addr()}, Password: password, Timeout: time.Second}).Connect(ctx)
					if err != nil {
						continue
					}
					for i := 0; err == nil && ctx.Err() == nil && i < 50; i++ {
						key := fmt.Sprintf("%s:%d:%d", s.Addr(), n, i)
						time.Sleep(time.Millisecond)
						if _, err = conn.Do(ctx, "SET", key, "1"); err == nil {
							l.mu.Lock()
							l.keys[s.Addr()], l.last[s.Addr()] = append(l.keys[s.Addr()], key), time.Now()
							l.mu.Unlock()
						}
					}
					conn.Close()
				}
			}
		}
	}()
	return l, func() { cancel(); <-done }
}

func (l *ledger) count(b *bed) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range b.servers {
		n += len(l.keys[s.Addr()])
	}
	return n
}

// kept wants every acknowledged write on a server.
func (l *ledger) kept(t *testing.T, s *redistest.Server) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	lost, all := 0, 0
	for _, keys := range l.keys {
		for chunk := range slices.Chunk(keys, 500) {
			n, _ := s.Do(append([]string{"EXISTS"}, chunk...)...).(int64)
			all, lost = all+len(chunk), lost+len(chunk)-int(n)
		}
	}
	if lost > 0 || all == 0 {
		t.Fatalf("%d of %d acknowledged writes are lost", lost, all)
	}
	t.Logf("%d acknowledged writes", all)
}

// sides returns the servers and sentinels of both, as they are now.
func sides(t *testing.T, c *Cluster, imports bool) *Migration {
	t.Helper()
	old, now := find(t, c, "shop"), find(t, c, "next")
	old.Write, old.Read = nil, nil // no Service leads anywhere here
	m, err := c.Migration(t.Context(), old, now, imports)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestMigrate moves a Redis with real servers and sentinels, while a client writes to whichever takes it: no write that was acknowledged is
// lost, however often the old one fails over, and the new one is promoted by nobody but the switch.
func TestMigrate(t *testing.T) {
	t.Parallel()
	o := newObjects()
	b, next := newBed(t, o, "shop", "s3cret", 2, 3), newBed(t, o, "next", "s3cret", 2, 3)
	c := o.open(t, Options{})
	for _, s := range slices.Concat(b.sentinels, next.sentinels) {
		s.Do("SENTINEL", "SET", "mymaster", "failover-timeout", "2000", "down-after-milliseconds", "2000")
	}
	_, stop := newLedger(t, "s3cret", b)
	var steps []string
	step := MigrateOptions{Wait: 30 * time.Second, Progress: func(text string) { steps = append(steps, text) }}

	// As the operator has it, for probes; then one who may write.
	b.servers[0].Do("ACL", "SETUSER", "pinger", "on", ">pingpass", "-@all", "+ping")
	b.servers[0].Do("ACL", "SETUSER", "other", "on", ">pass", "-@all", "+@read", "+set")
	if errs := errors.Join(sides(t, c, false).Obstacles(2)...); errs == nil || !strings.Contains(errs.Error(), `the user "other" may write by rules of its own`) {
		t.Fatal(errs)
	}
	b.servers[0].Do("ACL", "DELUSER", "other")
	next.servers[0].Do("SET", "own", "1")
	if errs := sides(t, c, false).Obstacles(2); len(errs) != 1 || !strings.Contains(errs[0].Error(), "has 1 key, which the copy would replace; empty it first") {
		t.Fatal(errs)
	}
	next.servers[0].Do("FLUSHALL")
	if _, err := c.Switch(t.Context(), sides(t, c, false), step); !errors.Is(err, ErrNotMigrated) || !strings.Contains(err.Error(), "run stage 2 first") {
		t.Fatal(err)
	}
	if err := c.Follow(t.Context(), sides(t, c, false), step); err != nil {
		t.Fatal(err)
	}
	redistest.Until(t, "the copy has caught up", func() bool { return len(sides(t, c, false).Obstacles(3)) == 0 })
	if errs := sides(t, c, false).Obstacles(4); len(errs) == 0 {
		t.Fatal("stage 4 may begin before the switch")
	}
	// A failover of the old one, whose new master the copy follows: the old sentinels learn of it and find nobody. Stage 2 sets it right.
	m := b.healthy(t)
	redistest.Until(t, "the sentinels start a failover", func() bool {
		_, err := b.sentinels[0].Try("SENTINEL", "FAILOVER", "mymaster")
		return err == nil
	})
	redistest.Until(t, "another server is the master", func() bool { return b.role(1-m) == "master" })
	b.servers[m].Do("REPLICAOF", b.servers[1-m].Host, fmt.Sprint(b.port))
	redistest.Until(t, "it is seen that the copy follows the master", func() bool {
		return strings.Contains(fmt.Sprint(sides(t, c, false).Obstacles(3)), "follows the master of RedisFailover default/shop since it failed over; run stage 2 again")
	})
	redistest.Until(t, "the old sentinels know a replica that is down", func() bool {
		return slices.ContainsFunc(b.sentinels[0].Do("SENTINEL", "REPLICAS", "mymaster").([]any), func(item any) bool {
			return pairs(item)["port"] == noPort && strings.Contains(pairs(item)["flags"], "s_down")
		})
	})
	if err := c.Follow(t.Context(), sides(t, c, false), step); err != nil {
		t.Fatal(err)
	}
	for _, s := range b.sentinels { // as operators do
		s.Do("SENTINEL", "RESET", "mymaster")
	}
	b.healthy(t)
	redistest.Until(t, "the copy has caught up again", func() bool { return len(sides(t, c, false).Obstacles(3)) == 0 })

	stop() // what the failover has lost is not ours
	both, stop := newLedger(t, "s3cret", b, next)
	redistest.Until(t, "the client writes", func() bool { return both.count(b) > 100 })
	if n := both.count(next); n > 0 {
		t.Fatalf("%d writes to the copy", n)
	}
	inform := next.informs(t)
	s, err := c.Switch(t.Context(), sides(t, c, false), step)
	inform()
	if err != nil || s.Master.Name != "rfr-next-0" || s.Gap <= 0 {
		t.Fatalf("%+v, %v\n%s", s, err, strings.Join(steps, "\n"))
	}
	t.Logf("no server accepted writes for %s", s.Gap)
	if errs := sides(t, c, false).Obstacles(4); len(errs) > 0 {
		t.Fatal(errs)
	}
	redistest.Until(t, "the client writes to the new one", func() bool { return both.count(next) > 100 })
	frozen := both.count(b)
	b.moves(t) // which does not let the old one accept writes
	redistest.Until(t, "the client goes on", func() bool { return both.count(next) > 1000 })
	if n := both.count(b); n != frozen {
		t.Fatalf("%d writes to the old one after the switch", n-frozen)
	}
	// An old pod restarts, and is made to refuse writes again.
	m = b.healthy(t)
	b.restart(t, 1-m, m, "s3cret")
	b.healthy(t)
	if errs := errors.Join(sides(t, c, false).Obstacles(4)...); errs == nil || !strings.Contains(errs.Error(), fmt.Sprintf("pod rfr-shop-%d accepts writes, also such as nobody would copy; run stage 3 again", 1-m)) {
		t.Fatal(errs)
	}
	if again, err := c.Switch(t.Context(), sides(t, c, false), step); err != nil || again.Gap != 0 || len(sides(t, c, false).Obstacles(4)) > 0 {
		t.Fatal(again, err)
	}
	stop()
	both.kept(t, next.servers[0])
	redistest.Until(t, "no client is connected to the old one", func() bool { return len(sides(t, c, false).Obstacles(5)) == 0 })
	// Back, as if no client had written.
	users := b.servers[m].Do("ACL", "LIST")
	if err := c.AcceptWrites(t.Context(), sides(t, c, false), step); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(b.servers[m].Do("ACL", "LIST")); got != strings.ReplaceAll(fmt.Sprint(users), " -@write", "") {
		t.Errorf("users %s, before the end %s", got, users)
	}
	b.servers[m].Do("SET", "back", "1")
}

// informs tells the sentinels of a master that they do not know, as role.sh of the plain StatefulSet does, until the returned function is
// called.
func (b *bed) informs(t *testing.T) func() {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			time.Sleep(100 * time.Millisecond)
			for i, s := range b.servers {
				if b.role(i) != "master" {
					continue
				}
				for _, sentinel := range b.sentinels {
					if _, err := sentinel.Try("SENTINEL", "MONITOR", "mymaster", s.Host, strconv.Itoa(b.port), "2"); err == nil {
						_, _ = sentinel.Try("SENTINEL", "SET", "mymaster", "auth-pass", b.password)
					}
				}
			}
		}
	}()
	return func() { cancel(); <-done }
}
