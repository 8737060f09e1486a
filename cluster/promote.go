package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// waitsFor is the master of a pod that has not been given one: slaveof in the operator's redis.conf.
const waitsFor = "127.0.0.1"

func (s *State) bootstrapping() bool { return at(s.Object, "spec", "bootstrapNode") != nil }

// waiting reports whether a replica follows itself, as it does from its start until the operator says whom to follow.
func waiting(server *Server) bool {
	return server.Role == replica && server.Info["master_host"] == waitsFor
}

// allWait reports whether all servers that answer wait for a first master.
func (s *State) allWait() bool {
	some := false
	for _, server := range s.Servers {
		if server.Err != nil {
			continue
		}
		if !waiting(server) {
			return false
		}
		some = true
	}
	return some
}

// needed is the quorum of the sentinels: getQuorum in service/generator.go.
func (s *State) needed() int {
	for _, sentinel := range s.Sentinels {
		if q, err := strconv.Atoi(sentinel.Fields["quorum"]); err == nil {
			return q
		}
	}
	return cmp.Or(number(at(s.Object, "spec", "sentinel", "replicas")), len(s.Watchers), 3)/2 + 1
}

// withoutQuorum reports whether the operator takes over from the sentinels: CheckSentinelQuorum in service/check.go.
func (s *State) withoutQuorum() bool {
	without := 0
	for _, sentinel := range s.Sentinels {
		if sentinel.Err != nil || sentinel.Quorum != nil {
			without++
		}
	}
	return len(s.Sentinels) < s.needed() || without >= s.needed()
}

// deadlocked reports that there is no master, and that neither the sentinels nor the operator will make one. The sentinels know no
// replica that they could promote: after SENTINEL RESET they learn replicas from the master alone. The operator does nothing while
// the sentinels have their quorum and one pod follows another address than its own: "no master found, wait until failover or fix
// manually" in operator/redisfailover/checker.go of Spotahome's operator.
func (s *State) deadlocked() bool {
	if s.Cluster || s.Sentinel == nil || s.bootstrapping() || len(s.Masters()) > 0 || s.allWait() || len(s.candidates()) == 0 {
		return false
	}
	if !slices.ContainsFunc(s.Sentinels, answered) || slices.ContainsFunc(s.Sentinels, promotes) {
		return false
	}
	return !s.traits().Appoints || s.Replicas != 1 && !s.withoutQuorum()
}

func (s *State) deadlockReason() string {
	known := 0
	for _, sentinel := range s.Sentinels {
		known = max(known, len(sentinel.Replicas))
	}
	reason := "the sentinels know no replica to promote (SENTINEL RESET removed the replicas, and only a master reports them)"
	if known > 0 {
		reason = "the sentinels know no replica that they may promote"
	}
	if s.traits().Appoints {
		reason += ", and the operator waits for them"
	}
	return reason
}

func promoteHint(r *Redis) string {
	return fmt.Sprintf("promote the replica with the most data: redis-gitops failover %s --promote", r.Name)
}

// candidates are the servers that answer and are replicas.
func (s *State) candidates() []*Server {
	return slices.DeleteFunc(slices.Clone(s.Servers), func(server *Server) bool { return server.Err != nil || server.Role != replica })
}

// holdings describes what each replica has of the data.
func (s *State) holdings() (lines []string) {
	for _, server := range s.candidates() {
		line := fmt.Sprintf("%s has %s at replication offset %d", server.Pod.Name, plural(int(server.Keys()), "key"), server.Offset())
		if down := server.int("master_link_down_since_seconds"); down > 0 {
			line += fmt.Sprintf(", %s after it lost its master", time.Duration(down)*time.Second)
		}
		lines = append(lines, line)
	}
	return lines
}

// best returns the replica with the most data: the one with the highest offset in the same history. Histories that differ cannot be
// compared.
func (s *State) best() (*Server, error) {
	all := s.candidates()
	if len(all) == 0 {
		return nil, errors.New("no replica answers")
	}
	with := slices.DeleteFunc(slices.Clone(all), func(server *Server) bool { return server.Keys() == 0 })
	if len(with) == 0 {
		with = all
	}
	top := slices.MaxFunc(with, func(a, b *Server) int { return cmp.Compare(a.Offset(), b.Offset()) })
	for _, server := range with {
		if id := server.Info["master_replid"]; id != top.Info["master_replid"] && id != top.Info["master_replid2"] && server.Info["master_replid2"] != top.Info["master_replid"] {
			return nil, fmt.Errorf("the replicas have data of different masters, so their offsets do not say which has more: %s; choose one with --to", strings.Join(s.holdings(), "; "))
		}
	}
	return top, nil
}

// unpromotable describes all that speaks against a promotion without the sentinels.
func (s *State) unpromotable(o FailoverOptions) (*Server, []error) {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch m := s.Masters(); {
	case s.Cluster:
		add("it is a Redis Cluster, which fails over by CLUSTER FAILOVER TAKEOVER on a replica")
		return nil, errs
	case s.bootstrapping():
		add("it follows another Redis by spec.bootstrapNode; remove bootstrapNode to make it a master")
	case len(m) > 0:
		add("it has a master, pod %s; leave out --promote", m[0].Pod.Name)
	case !o.Force && s.traits().Appoints && s.allWait():
		add("the operator appoints the first master in its next round; use --force if it does not")
	case !o.Force && !s.deadlocked() && slices.ContainsFunc(s.Sentinels, promotes):
		add("the sentinels elect one of the replicas%s; use --force if they do not", s.timing())
	}
	var p problems
	p.login(s)
	for _, problem := range p {
		if problem.ID != passwordBlank {
			add("%s", problem.Message)
		}
	}
	for _, server := range s.Servers {
		if server.Err != nil && !locked(server) && !o.Force {
			add("pod %s does not answer, and may have more data: %v; use --force to go without it", server.Pod.Name, server.Err)
		}
	}
	var chosen *Server
	var err error
	if o.To == "" {
		chosen, err = s.best()
	} else {
		chosen, err = s.named(o.To)
	}
	if err != nil {
		add("%w", err)
	}
	return chosen, errs
}

// named returns the server in a pod that a user named.
func (s *State) named(pod string) (*Server, error) {
	for _, server := range s.Servers {
		if server.Pod.Name == pod {
			if server.Err != nil {
				return nil, fmt.Errorf("pod %s does not answer: %w", pod, server.Err)
			}
			return server, nil
		}
	}
	return nil, fmt.Errorf("%s has no pod %q; its pods are %s", s, pod, strings.Join(podNames(s.Redis.Pods), ", "))
}

// Promote makes a replica the master without the sentinels, where there is no master and they cannot elect one. Then the others
// follow it, and the sentinels watch it.
func (c *Cluster) Promote(ctx context.Context, r *Redis, o FailoverOptions) (*Failover, error) {
	o = o.defaults()
	before, err := c.State(ctx, r)
	if err != nil {
		return nil, err
	}
	f := &Failover{Before: before, Warnings: c.operatorWarning(ctx, r, &o)}
	chosen, obstacles := before.unpromotable(o)
	if obstacles = append(obstacles, o.operator...); len(obstacles) > 0 {
		return f, notReady(r, obstacles)
	}
	f.New = chosen.Pod
	if r.Write != nil && r.roleLabels() {
		f.Service = r.Write.Service
	}
	if o.DryRun {
		return f, nil
	}
	if o.Confirm != nil {
		if err := o.Confirm(f); err != nil {
			return f, err
		}
		// A person takes his time.
		if again, err := c.State(ctx, r); err != nil {
			return f, err
		} else if m := again.Masters(); len(m) > 0 {
			return f, notReady(r, []error{fmt.Errorf("it has a master by now, pod %s", m[0].Pod.Name)})
		}
	}
	login, err := c.Login(ctx, r.Namespace, r.Auth)
	if err != nil {
		return f, err
	}
	start := time.Now()
	if err := c.order(ctx, r, f.New, login, "REPLICAOF", "NO", "ONE"); err != nil {
		return f, fmt.Errorf("pod %s cannot be promoted: %w", f.New.Name, err)
	}
	f.Promoted = time.Since(start)
	o.Progress(fmt.Sprintf("pod %s is the master", f.New.Name))
	var late []error
	for _, server := range before.Servers {
		if server.Pod.Name != f.New.Name && server.Err == nil {
			if err := c.order(ctx, r, server.Pod, login, "REPLICAOF", f.New.IP, strconv.Itoa(f.New.Port)); err != nil {
				late = append(late, fmt.Errorf("pod %s does not follow the new master: %w", server.Pod.Name, err))
			}
		}
	}
	late = append(late, c.rewatch(ctx, before, f.New, login)...)
	if err := c.agreed(ctx, f, login, o); err != nil {
		late = append(late, err)
	}
	if f.Service != "" && len(late) == 0 {
		late = append(late, c.serviceMoves(ctx, f, o, start, func() error { return nil }))
	}
	after, err := c.State(ctx, r)
	f.After = after
	return f, errors.Join(errors.Join(late...), err)
}

// order sends one command to the server in a pod.
func (c *Cluster) order(ctx context.Context, r *Redis, pod *Pod, login Login, command ...string) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	conn, _, err := c.connect(ctx, r, pod, login)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Do(ctx, command...)
	return err
}

// rewatch makes the sentinels watch a new master with the settings that they had, as the operator does: MonitorRedisWithPort in
// service/redis/client.go.
func (c *Cluster) rewatch(ctx context.Context, s *State, pod *Pod, servers Login) (errs []error) {
	if s.Sentinel == nil {
		return nil
	}
	login, err := c.Login(ctx, s.Namespace, s.Sentinel.Auth)
	if err != nil {
		return []error{err}
	}
	for _, sentinel := range s.Sentinels {
		if sentinel.Err != nil || pod.at(sentinel.Master, pod.Port) {
			continue
		}
		name := sentinel.Name
		commands := [][]string{{"SENTINEL", "REMOVE", name}, {"SENTINEL", "MONITOR", name, pod.IP, strconv.Itoa(pod.Port), cmp.Or(sentinel.Fields["quorum"], strconv.Itoa(s.needed()))}}
		if servers.Username != "" {
			commands = append(commands, []string{"SENTINEL", "SET", name, "auth-user", servers.Username})
		}
		if servers.Password != "" {
			commands = append(commands, []string{"SENTINEL", "SET", name, "auth-pass", servers.Password})
		}
		for _, field := range []string{"down-after-milliseconds", "failover-timeout", "parallel-syncs"} {
			if value := sentinel.Fields[field]; value != "" {
				commands = append(commands, []string{"SENTINEL", "SET", name, field, value})
			}
		}
		for _, command := range commands {
			err := c.order(ctx, s.Redis, sentinel.Pod, login, command...)
			if command[1] == "REMOVE" && redis.Code(err) != "" {
				continue // the operator has just removed it, and is about to do the rest too
			}
			if err != nil && strings.Contains(err.Error(), "Duplicate master name") {
				break // the operator was faster; agreed looks what it did
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("sentinel %s does not watch the new master: %s: %w", sentinel.Pod.Name, strings.Join(command[:2], " "), err))
				break
			}
		}
	}
	return errs
}

// A preference makes the sentinels choose one replica: they take the lowest replica-priority first (compareSlavesForPromotion in
// sentinel.c).
type preference struct {
	*Cluster
	state *State
	to    *Server
	login Login     // of the servers
	began time.Time // when the command of seen was given
}

// prefer returns the preference for a replica, unless another one comes first anyway.
func (c *Cluster) prefer(s *State, to *Server, login Login) (*preference, error) {
	for _, server := range s.candidates() {
		if n, err := strconv.Atoi(server.Info["slave_priority"]); err == nil && n == 1 && server != to {
			return nil, fmt.Errorf("pod %s has replica-priority 1, so the sentinels would prefer it to pod %s; raise it", server.Pod.Name, to.Pod.Name)
		}
	}
	return &preference{Cluster: c, state: s, to: to, login: login}, nil
}

func (p *preference) set(ctx context.Context, priority string) error {
	return p.order(ctx, p.state.Redis, p.to.Pod, p.login, "CONFIG", "SET", "replica-priority", priority)
}

// restore puts the old priority back.
func (p *preference) restore(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.Timeout())
	defer cancel()
	_ = p.set(ctx, cmp.Or(p.to.Config["replica-priority"], p.to.Info["slave_priority"], "100")) // the operator sets it anyway
}

// seen waits until a sentinel would promote the replica, and gives it a command over the same connection, if any: between two
// connections to a busy cluster the operator may reset the sentinel or set the priority back.
func (p *preference) seen(ctx context.Context, o FailoverOptions, command ...string) error {
	login, err := p.Login(ctx, p.state.Namespace, p.state.Sentinel.Auth)
	if err != nil {
		return err
	}
	return p.until(ctx, "the failover has not begun", o.Wait, pollEvery, func(round int) (string, error) {
		// The operator sets the one of the resource every 30 s.
		if round%5 == 1 {
			if err := p.set(ctx, "1"); err != nil {
				return "", fmt.Errorf("replica-priority of pod %s cannot be set: %w", p.to.Pod.Name, err)
			}
		}
		refused := ""
		for _, pod := range p.state.Redis.Watchers {
			did, err := p.ask(ctx, pod, login, command)
			switch {
			case redis.Code(err) == "INPROG":
				return "", fmt.Errorf("the sentinels refused: sentinel %s: %w", pod.Name, err)
			case redis.Code(err) != "":
				refused = fmt.Sprintf("; sentinel %s: %v", pod.Name, err)
			case did:
				return "", nil
			}
		}
		return fmt.Sprintf("no sentinel has seen replica-priority 1 of pod %s%s", p.to.Pod.Name, refused), nil
	})
}

// ask reports whether a sentinel would promote the replica, and has taken the command.
func (p *preference) ask(ctx context.Context, pod *Pod, login Login, command []string) (bool, error) {
	ctx, cancel := p.bounded(ctx)
	defer cancel()
	conn, _, err := p.connect(ctx, p.state.Redis, pod, login)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	list, err := conn.List(ctx, "SENTINEL", "SLAVES", p.state.Sentinel.Master)
	if err != nil {
		return false, err
	}
	sentinel := &Sentinel{Pod: pod}
	for _, item := range list {
		sentinel.Replicas = append(sentinel.Replicas, pairs(item))
	}
	if comes := first(sentinel, p.to); !comes || len(command) == 0 {
		return comes, nil
	}
	p.began = time.Now()
	_, err = conn.Do(ctx, command...)
	return err == nil, err
}

// first reports whether a sentinel would promote one replica before all others.
func first(sentinel *Sentinel, to *Server) bool {
	ok := false
	for _, known := range sentinel.Replicas {
		n, err := strconv.Atoi(known["slave-priority"])
		switch {
		case err != nil:
			return false
		case to.Pod.at(known["ip"]+":"+known["port"], to.Pod.Port):
			ok = n == 1 && usable(known)
		case n == 1:
			return false
		}
	}
	return ok
}

// operatorWarning checks that the operator runs: without it, the Service stays with the old master. What it finds is an obstacle, or
// with Force a warning.
func (c *Cluster) operatorWarning(ctx context.Context, r *Redis, o *FailoverOptions) (warnings []string) {
	operator := c.operatorOf(ctx, r)
	if operator == nil || operator.Running || r.Write == nil || !r.roleLabels() {
		return nil
	}
	stays := fmt.Sprintf("Service %q would not follow the new master", r.Write.Service)
	switch {
	case operator.Down != "" && !o.Force:
		o.operator = append(o.operator, fmt.Errorf("the operator is not running: %s, so %s; start it, or use --force", operator.Down, stays))
	case operator.Down != "":
		return []string{fmt.Sprintf("the operator is not running: %s, so %s", operator.Down, stays)}
	case operator.Absent && !o.Force && r.traits().HoldsLease:
		o.operator = append(o.operator, fmt.Errorf("no %s operator was found in the cluster, neither its Deployment nor its Lease, so %s; start it, or use --force", r.Operator, stays))
	case operator.Absent:
		return []string{fmt.Sprintf("no %s operator was found in the cluster, so %s", r.Operator, stays)}
	case operator.Unseen != nil:
		return []string{fmt.Sprintf("cannot check that the operator is running; without it, %s: %v", stays, joined(operator.Unseen)[0])}
	}
	return nil
}

// describe is a replica as a person who is asked sees it.
func (s *State) describe(pod *Pod) string {
	server := s.of(pod)
	if server == nil {
		return pod.Name
	}
	return fmt.Sprintf("pod %s (%s, %s, offset %d)", pod.Name, plural(int(server.Keys()), "key"), rdb.FormatBytes(uint64(max(0, server.Used()))), server.Offset())
}

// Plan describes what Promote is about to do.
func (f *Failover) Plan() string {
	return fmt.Sprintf("promote %s; the other pods follow it and lose what only they have", f.Before.describe(f.New))
}
