package cluster

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// FailoverOptions say how to fail over. The zero value does it, and waits as long as it takes within two minutes.
type FailoverOptions struct {
	DryRun   bool
	Wait     time.Duration         // for the new master, and then once more for the Service; 0 is 2 min
	Progress func(text string)     // called with each step, from one goroutine
	MaxLag   int64                 // bytes that the best replica may be behind; 0 is 1 MiB
	To       string                // the pod to promote; "" lets the sentinels choose, and Promote take the one with the most data
	Force    bool                  // also while the operator is not running
	Confirm  func(*Failover) error // of Promote: called before anything is changed; an error ends it

	operator []error // what speaks against it on the operator's side
}

func (o FailoverOptions) defaults() FailoverOptions {
	o.Wait, o.MaxLag = cmp.Or(o.Wait, failoverWait), cmp.Or(o.MaxLag, failoverLag)
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	return o
}

// A Failover is what became of one.
type Failover struct {
	Before, After *State
	Old, New      *Pod          // Old is nil after Promote
	Promoted      time.Duration // from the command to the new master
	Writes        Writes
	Service       string        // that leads to the master; "" without one that goes by a label
	Moved         time.Duration // from the command until that led to the new master; 0: it does not yet
	Killed        int64         // connections to the old master that were closed
	Warnings      []string      // what a user should know before it begins
}

// Writes describes how writes went meanwhile: what the servers themselves answered to a write command that changes nothing, sent
// to each of them every 20 ms. Times are from the command. A client sees more: it has to find the new master first.
type Writes struct {
	Known  bool          // false: the probe was refused
	Why    string        // why not
	Until  time.Duration // the last write that the old master took
	From   time.Duration // the first one that the new master took
	Longer time.Duration // how long the old master took writes beside the new one: those are lost; 0 for none
}

// Gap is how long no server took writes.
func (w Writes) Gap() time.Duration { return max(0, w.From-w.Until) }

const (
	failoverWait = 2 * time.Minute
	failoverLag  = 1 << 20
	probeEvery   = 20 * time.Millisecond
	pollEvery    = 200 * time.Millisecond
	evictEvery   = time.Second
)

// ErrNotReady is the error of a failover that was not begun. It says all that stands in the way.
var ErrNotReady = errors.New("no failover")

func notReady(r *Redis, obstacles []error) error {
	return fmt.Errorf("%w of %s:\n  %s", ErrNotReady, r, strings.ReplaceAll(errors.Join(obstacles...).Error(), "\n", "\n  "))
}

// Failover makes the sentinels choose another master, or the one of o.To, when all speaks for it that it works. It makes the old
// master follow the new one at once, and closes the connections of clients to the old one, which would go on reading from it, until
// the Service leads to the new one.
func (c *Cluster) Failover(ctx context.Context, r *Redis, o FailoverOptions) (*Failover, error) {
	o = o.defaults()
	before, err := c.State(ctx, r)
	if err != nil {
		return nil, err
	}
	f := &Failover{Before: before}
	if masters := before.Masters(); len(masters) == 1 && o.To == masters[0].Pod.Name {
		f.Old, f.New = masters[0].Pod, masters[0].Pod // nothing to do, whether it could fail over or not
		return f, nil
	}
	obstacles := before.obstacles(o)
	if len(obstacles) == 0 || len(before.Masters()) == 1 {
		f.Warnings = c.operatorWarning(ctx, r, &o)
		obstacles = append(obstacles, o.operator...)
	}
	if len(obstacles) > 0 {
		return f, notReady(r, obstacles)
	}
	f.Old = before.Masters()[0].Pod
	if r.Write != nil && r.roleLabels() {
		f.Service = r.Write.Service
	}
	if o.DryRun {
		return f, nil
	}
	return f, c.failover(ctx, f, o)
}

func (c *Cluster) failover(ctx context.Context, f *Failover, o FailoverOptions) error {
	before, r := f.Before, f.Before.Redis
	login, err := c.Login(ctx, r.Namespace, r.Auth)
	if err != nil {
		return err
	}
	for _, warning := range f.Warnings {
		o.Progress("warning: " + warning)
	}
	start := func() (time.Time, error) { return time.Now(), c.command(ctx, before) }
	if o.To != "" {
		to, err := before.named(o.To)
		if err != nil {
			return err
		}
		preference, err := c.prefer(before, to, login)
		if err != nil {
			return err
		}
		o.Progress(fmt.Sprintf("waiting for the sentinels to see that pod %s comes first (replica-priority 1)", o.To))
		defer preference.restore(ctx)
		if err := preference.seen(ctx, o); err != nil {
			return err
		}
		start = func() (time.Time, error) {
			err := preference.seen(ctx, o, "SENTINEL", "FAILOVER", before.Sentinel.Master)
			return preference.began, err
		}
	}
	watch, err := c.probe(ctx, before, login)
	if err != nil {
		return err
	}
	defer watch.stop()
	old, _, err := c.connect(ctx, r, f.Old, login) // now: later every millisecond counts
	if err != nil {
		return err
	}
	defer old.Close()
	begin, err := start()
	if err != nil {
		return err
	}
	o.Progress("the sentinels have started")
	if err := c.promoted(ctx, f, login, o, begin, watch); err != nil {
		return err
	}
	f.demote(ctx, old)
	if err := c.agreed(ctx, f, login, o); err != nil {
		return err
	}
	f.Writes = watch.result(ctx, begin, f)
	watch.stop() // before its own connections would be closed and counted
	err = c.evict(ctx, f, login, o, begin)
	var after error
	if f.After, after = c.State(ctx, r); after == nil {
		after = c.pods(ctx, r)
	}
	if o.To != "" && f.New.Name != o.To {
		err = errors.Join(err, fmt.Errorf("the sentinels promoted pod %s instead of %s; run it again", f.New.Name, o.To))
	}
	return errors.Join(err, after)
}

// obstacles describes all that speaks against a failover.
func (s *State) obstacles(o FailoverOptions) []error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch {
	case s.Cluster:
		add("it is a Redis Cluster, which fails over by CLUSTER FAILOVER on a replica: redis-gitops cli %s --replica -- CLUSTER FAILOVER", s.Name)
		return errs
	case s.Sentinel == nil:
		add("it has no sentinels to fail over; use its operator")
		return errs
	}
	var p problems
	p.login(s)
	p.podsUp(s.Servers, nil)
	p.roles(s)
	p.sentinels(s)
	p.joined(s)
	for _, problem := range p {
		if problem.ID != passwordBlank {
			add("%s", problem.Message)
		}
	}
	if o.To != "" {
		if _, err := s.named(o.To); err != nil {
			errs = append(errs, err)
			return errs
		}
	}
	m := s.Masters()
	if len(m) != 1 {
		return errs
	}
	best := int64(-1)
	var why []string
	for _, server := range s.Servers {
		if server.Role != replica || o.To != "" && server.Pod.Name != o.To {
			continue
		}
		lag, known := s.Lag(server)
		switch {
		case !known:
			why = append(why, fmt.Sprintf("%s does not follow pod %s", server.Pod.Name, m[0].Pod.Name))
		case server.Info["master_link_status"] != "up":
			why = append(why, server.Pod.Name+" has lost its link to the master")
		case server.Info["slave_priority"] == "0":
			why = append(why, server.Pod.Name+" has replica-priority 0")
		case lag > o.MaxLag:
			why = append(why, fmt.Sprintf("%s is %s behind", server.Pod.Name, rdb.FormatBytes(uint64(lag))))
		case !server.Pod.Ready:
			why = append(why, fmt.Sprintf("%s is not ready: %s", server.Pod.Name, server.Pod.Why))
		case best < 0 || lag < best:
			best = lag
		}
	}
	switch {
	case best >= 0 || o.To == m[0].Pod.Name:
	case len(why) == 0:
		add("it has no replica to promote")
	default:
		add("no replica can take over: %s", strings.Join(why, ", "))
	}
	if best >= 0 && slices.ContainsFunc(s.Sentinels, answered) && !slices.ContainsFunc(s.Sentinels, promotes) {
		add("no sentinel knows a replica to promote; they query the master every 10 seconds, so try again")
	}
	for _, sentinel := range s.Sentinels {
		if strings.Contains(sentinel.Fields["flags"], "failover_in_progress") {
			add("a failover is already in progress; wait for it")
			break
		}
	}
	return errs
}

func answered(s *Sentinel) bool { return s.Err == nil }

// promotes reports whether a sentinel knows a replica that it would promote: sentinelSelectSlave in sentinel.c, as far as it shows.
func promotes(s *Sentinel) bool { return slices.ContainsFunc(s.Replicas, usable) }

// usable reports whether a sentinel would promote a replica, as its fields in SENTINEL REPLICAS show it.
func usable(known map[string]string) bool {
	flags := known["flags"]
	return known["info-refresh"] != "0" && known["slave-priority"] != "0" && !strings.Contains(flags, "down") && !strings.Contains(flags, "disconnected")
}

// command starts a failover by the first sentinel that accepts it.
func (c *Cluster) command(ctx context.Context, s *State) error {
	login, err := c.Login(ctx, s.Namespace, s.Sentinel.Auth)
	if err != nil {
		return err
	}
	var errs []error
	for _, sentinel := range s.Sentinels {
		err := func() error {
			ctx, cancel := c.bounded(ctx)
			defer cancel()
			conn, _, err := c.connect(ctx, s.Redis, sentinel.Pod, login)
			if err != nil {
				return err
			}
			defer conn.Close()
			_, err = conn.Do(ctx, "SENTINEL", "FAILOVER", sentinel.Name)
			return err
		}()
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("sentinel %s: %w", sentinel.Pod.Name, err))
		if redis.Code(err) == "INPROG" {
			break
		}
	}
	return fmt.Errorf("the sentinels refused: %w", errors.Join(errs...))
}

// promoted waits until another pod is the master.
func (c *Cluster) promoted(ctx context.Context, f *Failover, login Login, o FailoverOptions, start time.Time, watch *probes) error {
	o.Progress("waiting for a new master")
	return c.until(ctx, begun, o.Wait, probeEvery, func(round int) (string, error) {
		name := watch.takes(f.Old.Name)
		if name == "" && round%int(pollEvery/probeEvery) != 0 {
			return "only the old master accepts writes", nil
		}
		servers := c.askServers(ctx, f.Before.Redis, login)
		for _, s := range masters(servers) {
			if s.Pod.Name != f.Old.Name {
				f.New, f.Promoted = s.Pod, time.Since(start)
				o.Progress(fmt.Sprintf("pod %s is the master, after %v", s.Pod.Name, f.Promoted.Round(time.Millisecond)))
				return "", nil
			}
		}
		return answers(servers), nil
	})
}

// demote makes the old master follow the new one, with the commands of a sentinel. Those do it too, but let 8 seconds pass
// (SENTINEL_PUBLISH_PERIOD*4 in sentinel.c), in which the old master takes writes that are lost. When it fails they do it.
func (f *Failover) demote(ctx context.Context, old *redis.Conn) {
	replies, err := old.Pipeline(ctx, []string{"MULTI"}, []string{"REPLICAOF", f.New.IP, strconv.Itoa(f.New.Port)}, []string{"CONFIG", "REWRITE"},
		[]string{"CLIENT", "KILL", "TYPE", "normal"}, []string{"EXEC"})
	if err != nil {
		return
	}
	if done, _ := replies[len(replies)-1].([]any); len(done) == 3 {
		if n, _ := done[2].(int64); n > 1 {
			f.Killed += n - 1 // without the probe
		}
	}
}

// agreed waits until there is one master again and all sentinels that answer name it.
func (c *Cluster) agreed(ctx context.Context, f *Failover, login Login, o FailoverOptions) error {
	o.Progress("waiting for the sentinels to agree, and the old master to follow it")
	return c.until(ctx, begun, o.Wait, pollEvery, func(int) (string, error) {
		servers := c.askServers(ctx, f.Before.Redis, login)
		if m := masters(servers); len(m) != 1 || m[0].Pod.Name != f.New.Name {
			return answers(servers), nil
		}
		sentinels, err := c.askSentinels(ctx, f.Before.Redis)
		if err != nil {
			return "", err
		}
		for _, s := range sentinels {
			if s.Err == nil && !f.New.at(s.Master, f.New.Port) {
				return fmt.Sprintf("sentinel %s still reports %s", s.Pod.Name, s.Master), nil
			}
		}
		return "", nil
	})
}

// begun is what an error says of a failover that cannot be taken back.
const begun = "the failover has started"

// until asks again and again until there is nothing to wait for. An error begins with what was done so far.
func (c *Cluster) until(ctx context.Context, done string, wait, every time.Duration, waitsFor func(round int) (string, error)) error {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for round := 1; ; round++ {
		what, err := waitsFor(round)
		if what == "" || err != nil {
			return err
		}
		if !pause(waiting, every) {
			if ctx.Err() != nil {
				return fmt.Errorf("%s: %w", done, context.Cause(ctx))
			}
			return fmt.Errorf("%s and is not complete after %v: %s", done, wait, what)
		}
	}
}

// evict closes the connections of clients to the old master once a second until the Service leads to the new one: clients
// that come by the Service before come to the old one again.
func (c *Cluster) evict(ctx context.Context, f *Failover, login Login, o FailoverOptions, start time.Time) error {
	kill := func() error {
		conn, _, err := c.connect(ctx, f.Before.Redis, f.Old, login)
		if err != nil {
			return nil // it has no connections then
		}
		defer conn.Close()
		n, err := conn.Int(ctx, "CLIENT", "KILL", "TYPE", "normal")
		f.Killed += n
		if redis.Code(err) != "" {
			return fmt.Errorf("the failover is done, but the connections to the old master, pod %s, cannot be closed: %w", f.Old.Name, err)
		}
		return nil
	}
	if f.Service == "" {
		return kill()
	}
	return c.serviceMoves(ctx, f, o, start, kill)
}

// serviceMoves waits until the Service leads to the new master, and calls kill once a second meanwhile, and once after.
func (c *Cluster) serviceMoves(ctx context.Context, f *Failover, o FailoverOptions, start time.Time, kill func() error) error {
	leadsTo := ""
	if f.Old != nil {
		leadsTo = fmt.Sprintf(" the old master, pod %s, which rejects writes", f.Old.Name)
	}
	err := c.until(ctx, begun, o.Wait, evictEvery, func(round int) (string, error) {
		if err := kill(); err != nil {
			return "", err
		}
		again := *f.Before.Redis
		if err := c.pods(ctx, &again); err == nil && leads(&again, f.New) {
			return "", nil
		}
		if round == 1 {
			o.Progress(fmt.Sprintf("waiting for the operator to point Service %s at it", f.Service))
		}
		if leadsTo == "" {
			return fmt.Sprintf("Service %q does not point to the new master, pod %s; see the log of the operator", f.Service, f.New.Name), nil
		}
		return fmt.Sprintf("Service %q still points to%s; see the log of the operator", f.Service, leadsTo), nil
	})
	if err != nil {
		return err
	}
	f.Moved = time.Since(start)
	o.Progress(fmt.Sprintf("Service %s points to it after %v", f.Service, f.Moved.Round(100*time.Millisecond)))
	return kill()
}

// leads reports whether the Service of writes selects a pod, and no other.
func leads(r *Redis, to *Pod) bool {
	service := r.Services[r.Write.Service]
	if service == nil {
		return false
	}
	behind := selectedOf(r.Pods, stringMap(at(service, "spec", "selector")))
	return len(behind) == 1 && behind[0].Name == to.Name && behind[0].Ready
}

// probes send a write that changes nothing to every server: SET with XX, of a key that does not exist, is refused by a
// replica and by a master that is full as any write is, and is no change for a master that takes it.
type probes struct {
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu    sync.Mutex
	first map[string]time.Time // the first one that was taken since the last refusal, by pod
	last  map[string]time.Time // the last one that was taken
	why   string               // the probe itself is not allowed
}

func (c *Cluster) probe(ctx context.Context, s *State, l Login) (*probes, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &probes{cancel: cancel, first: map[string]time.Time{}, last: map[string]time.Time{}}
	key := "redis-gitops:probe:" + rand.Text()
	ready := make(chan struct{}, len(s.Redis.Pods))
	for _, pod := range s.Redis.Pods {
		p.group.Go(func() {
			told := false
			tell := func() {
				if !told {
					told = true
					ready <- struct{}{}
				}
			}
			defer tell()
			for ctx.Err() == nil {
				conn, _, err := c.connect(ctx, s.Redis, pod, l)
				if err == nil {
					p.watch(ctx, conn, pod.Name, key, tell)
					conn.Close()
				}
				tell() // a connection that breaks is no refusal: sentinels close all on promotion
				pause(ctx, probeEvery)
			}
		})
	}
	for range s.Redis.Pods { // everybody was asked once
		select {
		case <-ready:
		case <-ctx.Done():
			p.stop()
			return nil, context.Cause(ctx)
		}
	}
	return p, nil
}

// watch asks over one connection until it breaks.
func (p *probes) watch(ctx context.Context, conn *redis.Conn, pod, key string, tell func()) {
	const slow = time.Second // no answer for so long is no
	for {
		answer, cancel := context.WithTimeout(ctx, slow)
		_, err := conn.Do(answer, "SET", key, "", "XX")
		cancel()
		switch code := redis.Code(err); {
		case err == nil:
			p.taken(pod)
		case code == "NOPERM" || code == "ERR":
			p.mu.Lock()
			p.why = err.Error()
			p.mu.Unlock()
			fallthrough
		case code != "":
			p.refused(pod)
		default:
			return
		}
		tell()
		if !pause(ctx, probeEvery) {
			return
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (p *probes) taken(pod string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.first[pod].IsZero() {
		p.first[pod] = now
	}
	p.last[pod] = now
}

func (p *probes) refused(pod string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.first[pod] = time.Time{}
}

// takes returns a pod that took the last write, other than one; "" for none.
func (p *probes) takes(other string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for pod, first := range p.first {
		if pod != other && !first.IsZero() {
			return pod
		}
	}
	return ""
}

func (p *probes) stop() {
	p.cancel()
	p.group.Wait()
}

// result describes what was seen, once the new master has taken a write.
func (p *probes) result(ctx context.Context, start time.Time, f *Failover) Writes {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	taken := func() (from, until time.Time, why string) {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.first[f.New.Name], p.last[f.Old.Name], p.why
	}
	from, until, why := taken()
	for from.IsZero() && why == "" && pause(ctx, probeEvery) {
		from, until, why = taken()
	}
	switch {
	case why != "":
		return Writes{Why: "the probe was rejected: " + why}
	case until.IsZero():
		return Writes{Why: "the old master did not accept writes before the failover either"}
	case from.IsZero():
		return Writes{Why: "the new master has not accepted a write yet"}
	}
	w := Writes{Known: true, Until: until.Sub(start), From: from.Sub(start)}
	if w.Longer = until.Sub(from); w.Longer < 0 {
		w.Longer = 0
	}
	return w
}
