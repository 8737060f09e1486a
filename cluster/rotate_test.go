package cluster

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A tenant writes to the master all the time with one password.
type tenant struct {
	mu      sync.Mutex
	writes  int
	refused []string // by a server that should accept the password
}

// newTenant starts one, until the returned function is called.
func newTenant(t *testing.T, b *bed, password string) (*tenant, func()) {
	w := &tenant{}
	ctx, cancel := context.WithCancel(t.Context())
	var addrs []string
	for _, s := range b.servers {
		addrs = append(addrs, s.Addr())
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			conn, err := (&redis.Target{Addrs: addrs[i%len(addrs) : i%len(addrs)+1], Password: password, Timeout: time.Second}).Connect(ctx)
			for err == nil && ctx.Err() == nil {
				if _, err = conn.Do(ctx, "SET", "tenant", password); err == nil {
					w.mu.Lock()
					w.writes++
					w.mu.Unlock()
					time.Sleep(20 * time.Millisecond)
				}
			}
			if conn != nil {
				conn.Close()
			}
			if code := redis.Code(err); errors.Is(err, redis.ErrWrongPassword) || code == "NOAUTH" || code == "WRONGPASS" {
				w.mu.Lock()
				w.refused = append(w.refused, err.Error())
				w.mu.Unlock()
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	return w, func() { cancel(); <-done }
}

// check wants writes since the last time, and no refusal.
func (w *tenant) check(t *testing.T, when string) {
	t.Helper()
	w.mu.Lock()
	before := w.writes
	w.mu.Unlock()
	redistest.Until(t, "the client writes "+when, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.writes > before+3
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.refused) > 0 {
		t.Fatalf("%s: %d refusals: %s", when, len(w.refused), w.refused[0])
	}
}

// healthy waits for one master, which all replicas and sentinels know, and returns it.
func (b *bed) healthy(t *testing.T) (master int) {
	t.Helper()
	redistest.Until(t, "one master with all replicas", func() bool {
		master = -1
		for i, s := range b.servers {
			reply, err := s.Try("INFO", "replication")
			info, _ := reply.(string)
			switch {
			case err != nil:
				return false
			case strings.Contains(info, "role:master") && master >= 0:
				return false
			case strings.Contains(info, "role:master"):
				master = i
			case !strings.Contains(info, "master_link_status:up"):
				return false
			}
		}
		for _, s := range b.sentinels {
			fields := pairs(s.Do("SENTINEL", "MASTER", "mymaster"))
			_, err := s.Try("SENTINEL", "CKQUORUM", "mymaster")
			if master < 0 || err != nil || fields["ip"] != b.servers[master].Host || fields["flags"] != "master" || fields["num-slaves"] != fmt.Sprint(len(b.servers)-1) {
				return false
			}
			list, _ := s.Do("SENTINEL", "REPLICAS", "mymaster").([]any)
			if slices.ContainsFunc(list, func(item any) bool { return pairs(item)["flags"] != "slave" }) {
				return false
			}
		}
		return true
	})
	return master
}

// moves makes the sentinels fail over, and waits until all is well.
func (b *bed) moves(t *testing.T) {
	t.Helper()
	was := b.healthy(t)
	redistest.Until(t, "the sentinels start a failover", func() bool {
		_, err := b.sentinels[0].Try("SENTINEL", "FAILOVER", "mymaster")
		return err == nil
	})
	now := -1
	redistest.Until(t, "another server is the master", func() bool {
		now = slices.IndexFunc(b.servers, func(s *redistest.Server) bool {
			return s != b.servers[was] && b.role(slices.Index(b.servers, s)) == "master"
		})
		return now >= 0
	})
	b.servers[was].Do("REPLICAOF", b.servers[now].Host, fmt.Sprint(b.port)) // as failover does; the sentinels wait for 8 seconds
	b.healthy(t)
}

const secondPassword = "n3w-s3cret"

func (o *objects) secret(t *testing.T, name, password string) {
	o.add(t, secretKind, fmt.Sprintf("metadata: {namespace: default, name: %s}\ndata: {password: %s}", name, base64.StdEncoding.EncodeToString([]byte(password))))
}

// TestRotate takes real servers and sentinels through all stages, with a failover in each of them. No client with a password that is valid
// then is ever refused.
func TestRotate(t *testing.T) {
	t.Parallel()
	o := newObjects()
	b := newBed(t, o, "shop", "s3cret", 3, 3)
	c := o.open(t, Options{})
	o.secret(t, "shop-auth-2", secondPassword)
	for _, s := range b.sentinels { // which wait for twice the timeout before they try again
		s.Do("SENTINEL", "SET", "mymaster", "failover-timeout", "2000", "down-after-milliseconds", "2000")
	}
	ask := func() *Rotation {
		t.Helper()
		ro, err := c.Rotation(t.Context(), find(t, c, "shop"), "shop-auth", "shop-auth-2")
		if err != nil {
			t.Fatal(err)
		}
		return ro
	}
	var steps []string
	step := RotateOptions{Progress: func(text string) { steps = append(steps, text) }}
	older, stopOlder := newTenant(t, b, "s3cret")
	older.check(t, "before the rotation")

	if ro := ask(); len(ro.Obstacles(2)) != 0 || len(ro.Obstacles(3)) != 3 || ro.Servers[0].Accepts() != "the old password" {
		t.Fatalf("at first: %v, then %v", ro.Obstacles(2), ro.Obstacles(3))
	}
	after, err := c.AcceptBoth(t.Context(), ask(), step)
	if err != nil || after.Servers[2].Accepts() != "both passwords" || len(steps) != 9 {
		t.Fatalf("%v\n%s", err, strings.Join(steps, "\n"))
	}
	newer, stopNewer := newTenant(t, b, secondPassword)
	b.moves(t)
	older.check(t, "with both passwords, after a failover")
	newer.check(t, "with both passwords, after a failover")

	// A pod restarts with the old password: the stage is run again.
	m := b.healthy(t)
	lost := (m + 1) % 3
	b.restart(t, lost, m, "s3cret")
	if errs := errors.Join(ask().Obstacles(3)...); errs == nil || !strings.Contains(errs.Error(), fmt.Sprintf("pod rfr-shop-%d does not accept the new password; run stage 2 again", lost)) {
		t.Fatal(errs)
	}
	steps = nil
	if _, err := c.AcceptBoth(t.Context(), ask(), step); err != nil || len(steps) != 5 { // one pod, and the sentinels
		t.Fatalf("%v\n%s", err, strings.Join(steps, "\n"))
	}
	newer.mu.Lock()
	newer.refused = nil // by the pod that restarted, in between
	newer.mu.Unlock()
	newer.check(t, "again")

	// A client that has not restarted.
	pod := o.add(t, podKind, "metadata: {namespace: default, name: web-1}\nspec: {containers: [{name: web, env: [{name: REDIS_PASSWORD, valueFrom: {secretKeyRef: {name: shop-auth, key: password}}}]}]}\nstatus: {phase: Running}")
	if errs := errors.Join(ask().Obstacles(4)...); errs == nil || errs.Error() != `the old Secret "shop-auth" is still in pod web-1; wait until they have restarted, or change what creates them` {
		t.Fatal(errs)
	}
	at(pod, "status").(map[string]any)["phase"] = "Succeeded"
	if errs := ask().Obstacles(4); len(errs) > 0 {
		t.Fatal(errs)
	}
	older.check(t, "until the clients have moved")
	stopOlder()

	// The operator restarts the pods with the new password, replicas first, and a failover happens in between.
	at(o.all[failoverKind][0], "spec", "auth").(map[string]any)["secretPath"] = "shop-auth-2"
	order := []int{(m + 1) % 3, (m + 2) % 3, m}
	for n, i := range order {
		m = b.healthy(t)
		if i == m {
			b.moves(t)
			m = b.healthy(t)
		}
		b.restart(t, i, m, secondPassword)
		b.healthy(t)
		if n == 1 {
			b.moves(t)
		}
		newer.check(t, fmt.Sprintf("after %d restarts", n+1))
	}
	if after, err = c.RefuseOld(t.Context(), ask(), step); err != nil || after.Servers[0].Accepts() != "the new password" {
		t.Fatal(err)
	}
	b.moves(t)
	newer.check(t, "with the new password alone")
	stopNewer()
	if conn, err := (&redis.Target{Addrs: []string{b.servers[0].Addr()}, Password: "s3cret"}).Connect(t.Context()); !errors.Is(err, redis.ErrWrongPassword) {
		t.Error(conn, err)
	}
	// Once the Secret is gone.
	o.all[secretKind] = slices.DeleteFunc(o.all[secretKind], func(s map[string]any) bool { return nameOf(s) == "shop-auth" })
	if errs := ask().Obstacles(6); len(errs) > 0 {
		t.Error(errs)
	}
}

// restart starts a pod anew with a password of its own.
func (b *bed) restart(t *testing.T, server, master int, password string) {
	t.Helper()
	s := b.servers[server]
	s.Kill()
	b.servers[server] = redistest.StartAt(t, s.Addr(), password, "--replicaof", b.servers[master].Host+" "+fmt.Sprint(b.port))
}

// TestRotateStill removes the old password from servers that did not restart, and from sentinels that ask for it.
func TestRotateStill(t *testing.T) {
	t.Parallel()
	o := newObjects()
	b := newBed(t, o, "shop", "s3cret", 2, 1)
	c := o.open(t, Options{})
	r := find(t, c, "shop")
	o.secret(t, "shop-auth-2", secondPassword)
	b.sentinels[0].Do("ACL", "SETUSER", "default", "resetpass", ">s3cret")
	b.sentinels[0].Password = "s3cret"
	r.Sentinel.Auth = r.Auth
	ask := func() *Rotation {
		t.Helper()
		ro, err := c.Rotation(t.Context(), r, "shop-auth", "shop-auth-2")
		if err != nil {
			t.Fatal(err)
		}
		return ro
	}
	if after, err := c.AcceptBoth(t.Context(), ask(), RotateOptions{}); err != nil || after.Sentinels[0].Accepts() != "both passwords" {
		t.Fatal(err)
	}
	b.servers[1].Do("ACL", "SETUSER", "default", ">third")
	after, err := c.RefuseOld(t.Context(), ask(), RotateOptions{})
	if err != nil || after.Sentinels[0].Accepts() != "the new password" || after.Servers[1].Accepts() != "the new password" || after.Servers[1].Other {
		t.Fatalf("%+v, %v", after, err)
	}
	b.sentinels[0].Password = secondPassword
	for _, s := range b.servers {
		s.Password = secondPassword
	}
}

// TestRotateRefused has a reason for each stage that is not begun.
func TestRotateRefused(t *testing.T) {
	t.Parallel()
	o := newObjects()
	b := newBed(t, o, "shop", "s3cret", 1, 0)
	c := o.open(t, Options{})
	r := find(t, c, "shop")
	for name, password := range map[string]string{"same": "s3cret", "quote": `a"b`, "good": secondPassword} {
		o.secret(t, name, password)
	}
	for to, want := range map[string]string{
		"none":  `the new password is not known: `,
		"same":  `the Secrets "shop-auth" and "same" have the same password`,
		"quote": `has a space, quote or line end`,
	} {
		ro, err := c.Rotation(t.Context(), r, "shop-auth", to)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.AcceptBoth(t.Context(), ro, RotateOptions{}); !errors.Is(err, ErrNotRotated) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", to, err)
		}
	}
	ro, err := c.Rotation(t.Context(), r, "shop-auth", "good")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.RefuseOld(t.Context(), ro, RotateOptions{}); !errors.Is(err, ErrNotRotated) || !strings.Contains(err.Error(), "pod rfr-shop-0 does not accept the new password") {
		t.Error(err)
	}
	for want, cr := range map[string]*Credentials{
		"runs Redis 5.0.14, which has one password at a time": {Version: "5.0.14", Old: true, server: true},
		"requires no password":                                {Version: "7.0.0", Open: true, server: true},
		"accepts neither password":                            {Version: "7.0.0", server: true},
	} {
		if errs := cr.obstacles(rotateAccept); len(errs) != 1 || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("%s: %v", want, errs)
		}
	}
	// An answer with the password in it.
	if err := ro.hidden(fmt.Errorf("ERR bad modifier '>%s'", secondPassword)); strings.Contains(err.Error(), secondPassword) {
		t.Error(err)
	}
	b.servers[0].Do("ACL", "SETUSER", "default", "-config|set")
	if _, err := c.AcceptBoth(t.Context(), ro, RotateOptions{}); err == nil || !strings.Contains(err.Error(), "pod rfr-shop-0 keeps authenticating to its master with the old password: ") || strings.Contains(err.Error(), secondPassword) {
		t.Error(err)
	}
}
