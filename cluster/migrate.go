package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A Migration is what the servers of an old and a new Redis say while the new one takes the place of the old one; see scaffold.Migrate.
type Migration struct {
	Old, New *State
	Import   bool      // the data is imported; else the new one follows the old one
	Writers  []*Writer // the old servers
	Pods     []string  // of the namespace, beside those of the Redis, whose environment names the old one

	oldLogin, newLogin Login
	podsErr            error
}

// A Writer is an old server, which must refuse writes before the new Redis accepts any.
type Writer struct {
	Pod     *Pod
	Err     error
	Refuses bool     // writes of every user, so that none is acknowledged
	Clients []string // addresses with commands of clients, or the names of their pods

	users []aclUser
}

// aclUser is a line of ACL LIST.
type aclUser struct {
	name  string
	rules []string
}

// noWrites is the last rule of a user who may not write. Redis checks it before anything else, also in scripts and transactions, and also
// after a failover, but not after a restart.
const noWrites = "-@write"

func (u aclUser) on() bool { return slices.Contains(u.rules, "on") }

// all reports whether the user may do everything but what later rules forbid. Only then can a rule be added and taken back: Redis leaves
// out of the others what it makes superfluous.
func (u aclUser) all() bool     { return slices.Contains(u.rules, "+@all") }
func (u aclUser) refuses() bool { return !u.all() || u.rules[len(u.rules)-1] == noWrites }

// harmless are categories without commands that write keys.
var harmless = []string{"+@read", "+@connection", "+@pubsub", "+@admin", "+@scripting", "+@transaction"}

// writes reports whether a user who may do only what rules allow is allowed to write; commands are those that do.
func (u aclUser) writes(commands []any) bool {
	return u.on() && !u.all() && slices.ContainsFunc(u.rules, func(rule string) bool {
		name, _, _ := strings.Cut(strings.TrimPrefix(rule, "+"), "|")
		return strings.HasPrefix(rule, "+@") && !slices.Contains(harmless, rule) || strings.HasPrefix(rule, "+") && slices.Contains(commands, any(name))
	})
}

// The stages of a migration that the servers know of; see scaffold.Migrate.
const (
	migrateFollow  = 2
	migrateSwitch  = 3
	migrateClients = 4
	migrateRemove  = 5
)

// Migration asks the servers of both.
func (c *Cluster) Migration(ctx context.Context, old, new *Redis, imports bool) (*Migration, error) {
	m := &Migration{Import: imports}
	var err error
	if m.Old, err = c.State(ctx, old); err != nil {
		return nil, err
	}
	if m.New, err = c.State(ctx, new); err != nil {
		return nil, err
	}
	if m.oldLogin, err = c.Login(ctx, old.Namespace, old.Auth); err != nil {
		return nil, err
	}
	if m.newLogin, err = c.Login(ctx, new.Namespace, new.Auth); err != nil {
		return nil, err
	}
	pods, err := c.podsOf(ctx, m)
	m.podsErr = err
	m.Writers = make([]*Writer, len(old.Pods))
	each(len(old.Pods), func(i int) {
		m.Writers[i] = &Writer{Pod: old.Pods[i]}
		m.Writers[i].Err = c.plainEnd(c.writer(ctx, m, m.Writers[i], pods))
	})
	return m, context.Cause(ctx)
}

// podsOf finds the pods that name the old Redis, and returns the names of all pods by address.
func (c *Cluster) podsOf(ctx context.Context, m *Migration) (map[string]string, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	all, err := c.api.List(ctx, podKind, m.Old.Namespace, "")
	if err != nil {
		return nil, err
	}
	var words []string
	if m.Old.Write != nil {
		words = append(words, m.Old.Write.Service)
	}
	if m.Old.Sentinel != nil && m.Old.Sentinel.Service != "" {
		words = append(words, m.Old.Sentinel.Service)
	}
	names := map[string]string{}
	own := slices.Concat(podNames(m.Old.Redis.Pods), podNames(m.Old.Watchers), podNames(m.New.Redis.Pods), podNames(m.New.Watchers))
	for _, pod := range all {
		names[text(at(pod, "status", "podIP"))] = nameOf(pod)
		if phase := at(pod, "status", "phase"); phase == "Succeeded" || phase == "Failed" || slices.Contains(own, nameOf(pod)) {
			continue
		}
		if slices.ContainsFunc(words, func(word string) bool { return environmentNames(at(pod, "spec"), word) }) {
			m.Pods = append(m.Pods, nameOf(pod))
		}
	}
	slices.Sort(m.Pods)
	return names, nil
}

// environmentNames looks for a host in the values of environment variables.
func environmentNames(v any, host string) bool {
	switch v := v.(type) {
	case map[string]any:
		for key, field := range v {
			if value, ok := field.(string); ok && key == "value" && namesHost(value, host) || environmentNames(field, host) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(item any) bool { return environmentNames(item, host) })
	}
	return false
}

// namesHost reports whether a text has the name of a Service, and not as a part of another name.
func namesHost(text, service string) bool {
	part := func(b byte) bool { return b == '-' || b >= 'a' && b <= 'z' || b >= '0' && b <= '9' }
	for at := 0; ; {
		i := strings.Index(text[at:], service)
		if i < 0 {
			return false
		}
		start, end := at+i, at+i+len(service)
		if (start == 0 || !part(text[start-1]) && text[start-1] != '.') && (end == len(text) || !part(text[end])) {
			return true
		}
		at = end
	}
}

// writer asks an old server who may write, and who does.
func (c *Cluster) writer(ctx context.Context, m *Migration, w *Writer, pods map[string]string) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	conn, _, err := c.connect(ctx, m.Old.Redis, w.Pod, m.oldLogin)
	if err != nil {
		return err
	}
	defer conn.Close()
	if w.users, err = aclUsers(ctx, conn); err != nil {
		return err
	}
	commands, err := conn.List(ctx, "ACL", "CAT", "write")
	if err != nil {
		return err
	}
	for _, u := range w.users {
		if u.writes(commands) {
			return fmt.Errorf("the user %q may write by rules of its own, which cannot be taken away and given back; disable it first", u.name)
		}
	}
	w.Refuses = !slices.ContainsFunc(w.users, func(u aclUser) bool { return u.on() && !u.refuses() })
	list, err := conn.Text(ctx, "CLIENT", "LIST", "TYPE", "NORMAL")
	if err != nil {
		return fmt.Errorf("its clients are not known: %w", err)
	}
	var own []string
	for _, pod := range slices.Concat(m.Old.Redis.Pods, m.Old.Watchers, m.New.Redis.Pods, m.New.Watchers) {
		own = append(own, pod.IP)
	}
	for line := range strings.Lines(list) {
		fields := map[string]string{}
		for _, field := range strings.Fields(line) {
			key, value, _ := strings.Cut(field, "=")
			fields[key] = value
		}
		host, _, err := net.SplitHostPort(fields["addr"])
		command, _, _ := strings.Cut(fields["cmd"], "|")
		if err != nil || slices.Contains(own, host) || host == "127.0.0.1" || host == "::1" || slices.Contains(administrative, command) {
			continue
		}
		name := cmp.Or(pods[host], host)
		if !slices.Contains(w.Clients, name) {
			w.Clients = append(w.Clients, name)
		}
	}
	slices.Sort(w.Clients)
	return nil
}

// administrative are commands of operators, sentinels, exporters and people, not of clients.
var administrative = []string{"acl", "auth", "client", "config", "info", "latency", "memory", "monitor", "NULL", "ping", "replconf", "role", "sentinel", "slaveof", "replicaof", "slowlog", "cluster", "command", "hello", "select"}

// aclUsers reads ACL LIST.
func aclUsers(ctx context.Context, conn *redis.Conn) ([]aclUser, error) {
	list, err := conn.List(ctx, "ACL", "LIST")
	if err != nil {
		return nil, fmt.Errorf("its users are not known, so it cannot be made to refuse writes (Redis 6 and later): %w", err)
	}
	var users []aclUser
	for _, item := range list {
		line, _ := item.(string)
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != "user" {
			return nil, errors.New("ACL LIST has an unexpected line")
		}
		users = append(users, aclUser{words[1], words[2:]})
	}
	return users, nil
}

// follower returns the new server that follows one outside of the new Redis, nil if none does.
func (m *Migration) follower() *Server {
	for _, s := range m.New.Servers {
		if s.Err == nil && s.Role == replica && m.New.byAddr(s.Master) == nil {
			return s
		}
	}
	return nil
}

// Follows describes how far the new Redis has followed the old one.
func (m *Migration) Follows() string {
	f := m.follower()
	switch {
	case f == nil:
		return "it follows no other Redis"
	case f.Info["master_link_status"] != "up" && f.Info["master_sync_in_progress"] == "1":
		return fmt.Sprintf("%s copies from %s, %s bytes left", f.Pod.Name, f.Master, f.Info["master_sync_left_bytes"])
	case f.Info["master_link_status"] != "up":
		return fmt.Sprintf("%s has no connection to %s", f.Pod.Name, f.Master)
	}
	return fmt.Sprintf("%s follows %s", f.Pod.Name, f.Master)
}

// maxBehind is how many bytes the new Redis may be behind when the old one stops.
const maxBehind = 1 << 20

// Obstacles describes all that speaks against beginning a stage.
func (m *Migration) Obstacles(stage int) (errs []error) {
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if stage < migrateFollow {
		return nil
	}
	for _, w := range m.Writers {
		switch {
		case w.Err != nil:
			add("pod %s: %w", w.Pod.Name, w.Err)
		case slices.ContainsFunc(w.users, func(u aclUser) bool { return u.on() && strings.Contains(strings.Join(u.rules, " "), "(") }):
			add("pod %s has a user with selectors, which would still allow writes; remove them first", w.Pod.Name)
		case !w.Refuses && (stage >= migrateClients || stage == migrateSwitch && m.Import):
			add("pod %s accepts writes, also such as nobody would copy; run stage %d again", w.Pod.Name, map[bool]int{true: migrateFollow, false: migrateSwitch}[m.Import])
		}
	}
	for _, s := range m.New.Servers {
		switch {
		case s.Err != nil:
			add("pod %s does not answer: %w", s.Pod.Name, s.Err)
		case !s.Pod.Ready && stage <= migrateSwitch && m.follower() == nil:
			add("pod %s is not ready: %s", s.Pod.Name, cmp.Or(s.Pod.Why, "no reason given"))
		}
	}
	if len(m.New.Servers) == 0 {
		add("%s has no pods", m.New)
	}
	if stage <= migrateSwitch || m.Import {
		if err := m.Old.NotOneMaster(); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return errs
	}
	return m.obstacles(stage)
}

// obstacles are those when all servers answer.
func (m *Migration) obstacles(stage int) (errs []error) {
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	f := m.follower()
	if m.Import || stage >= migrateClients || stage == migrateFollow && f == nil {
		if err := m.New.NotOneMaster(); err != nil {
			return []error{err}
		}
	}
	switch {
	case m.Import && stage >= migrateClients:
		errs = append(errs, m.missing()...)
	case m.Import:
	case stage == migrateFollow && f == nil:
		if n := m.New.Masters()[0].Keys(); n > 0 {
			add("%s has %s, which the copy would replace; empty it first", m.New, plural(int(n), "key"))
		}
	case stage == migrateSwitch && f == nil:
		add("%s follows no other Redis; run stage 2 again", m.New)
	case stage == migrateSwitch && f.Info["master_link_status"] != "up":
		add("%s; wait until it follows", m.Follows())
	case stage == migrateSwitch && f.Follows(m.Old.Masters()[0]) && len(m.Old.Servers) > 1:
		add("%s follows the master of %s since it failed over; run stage 2 again", f.Pod.Name, m.Old)
	case stage == migrateSwitch:
		if behind := m.Old.Masters()[0].Offset() - f.Offset(); f.Info["master_replid"] != m.Old.Masters()[0].Info["master_replid"] || behind > maxBehind {
			add("%s has not caught up with %s; wait", f.Pod.Name, m.Old)
		}
	}
	if stage < migrateClients || len(errs) > 0 {
		return errs
	}
	if agree, all := m.New.Agreement(m.New.Masters()[0]); all > 0 && agree <= all/2 {
		add("%d of %d sentinels of %s know the master %s; wait", agree, all, m.New, m.New.Masters()[0].Pod.Name)
	}
	for _, s := range m.New.Servers {
		if s.Config["replica-announce-port"] == noPort {
			add("pod %s announces a wrong port; run stage 3 again", s.Pod.Name)
		}
	}
	if stage < migrateRemove {
		return errs
	}
	if m.podsErr != nil {
		add("the pods that use it are not known: %w", m.podsErr)
	}
	if len(m.Pods) > 0 {
		add("the environment of %s names %s; wait until they have restarted, or change what creates them", podList(m.Pods), m.Old)
	}
	for _, w := range m.Writers {
		if len(w.Clients) > 0 {
			add("pod %s has connections of clients: %s", w.Pod.Name, strings.Join(w.Clients[:min(5, len(w.Clients))], ", "))
		}
	}
	return errs
}

// missing compares the number of keys. Those with a time to live may be gone by now.
func (m *Migration) missing() (errs []error) {
	old, now := m.Old.Masters()[0], m.New.Masters()[0]
	for key, value := range old.Info {
		if !strings.HasPrefix(key, "db") {
			continue
		}
		var keys, expires, have, skip int
		if _, err := fmt.Sscanf(value, "keys=%d,expires=%d", &keys, &expires); err != nil {
			continue
		}
		_, _ = fmt.Sscanf(now.Info[key], "keys=%d,expires=%d", &have, &skip)
		if have < keys-expires || keys > 0 && have == 0 {
			errs = append(errs, fmt.Errorf("%s has %d of %d keys of %s; import them", m.New, have, keys, key))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errs
}

// MigrateOptions are those of the stages of running servers.
type MigrateOptions struct {
	Wait     time.Duration     // for one step; 0 is 2 min
	Progress func(text string) // called with each step, from one goroutine
}

func (o MigrateOptions) step(format string, args ...any) {
	if o.Progress != nil {
		o.Progress(fmt.Sprintf(format, args...))
	}
}

func (o MigrateOptions) wait() time.Duration { return cmp.Or(o.Wait, failoverWait) }

// ErrNotMigrated is the error of a stage that was not begun.
var ErrNotMigrated = errors.New("no change")

func (m *Migration) refused(stage int) error {
	obstacles := m.Obstacles(stage)
	if len(obstacles) == 0 {
		return nil
	}
	return fmt.Errorf("%w of %s:\n  %s", ErrNotMigrated, m.New, strings.ReplaceAll(errors.Join(obstacles...).Error(), "\n", "\n  "))
}

// Follow makes the master of the new Redis a replica of the old one; the other new servers stay its replicas. Its sentinels forget it until
// the switch, or they would fail over from a master that is a replica (sentinelRefreshInstanceInfo in sentinel.c).
func (c *Cluster) Follow(ctx context.Context, m *Migration, o MigrateOptions) error {
	if err := m.refused(migrateFollow); err != nil {
		return err
	}
	first := m.follower()
	if first == nil {
		first = m.New.Masters()[0]
	}
	host, port := m.upstream()
	if m.oldLogin.Password != m.newLogin.Password {
		if err := c.order(ctx, m.New.Redis, first.Pod, m.newLogin, "CONFIG", "SET", "masterauth", m.oldLogin.Password); err != nil {
			return m.hidden(fmt.Errorf("pod %s cannot authenticate to the old Redis: %w", first.Pod.Name, c.plainEnd(err)))
		}
	}
	if err := c.order(ctx, m.New.Redis, first.Pod, m.newLogin, "CONFIG", "SET", "replica-announce-port", noPort); err != nil {
		return fmt.Errorf("pod %s cannot be hidden from the old sentinels: %w", first.Pod.Name, c.plainEnd(err))
	}
	if first.Info["master_host"] != host || first.Role == master {
		if err := c.order(ctx, m.New.Redis, first.Pod, m.newLogin, "REPLICAOF", host, port); err != nil {
			return fmt.Errorf("pod %s does not follow the old Redis: %w", first.Pod.Name, c.plainEnd(err))
		}
	}
	o.step("pod %s follows %s", first.Pod.Name, net.JoinHostPort(host, port))
	if err := c.forget(ctx, m, o); err != nil {
		return err
	}
	return c.until(ctx, "the copy goes on", o.wait(), pollEvery, func(int) (string, error) {
		s := &Server{Pod: first.Pod}
		if s.Err = c.askServer(ctx, m.New.Redis, s, m.newLogin); s.Err != nil {
			return s.Err.Error(), nil
		}
		if s.Info["master_link_status"] == "up" {
			o.step("pod %s has a copy of the data and follows", first.Pod.Name)
			return "", nil
		}
		return "pod " + first.Pod.Name + " is still copying; --verify-stage 3 shows when it is done", nil
	})
}

// noPort is what a new server announces while it follows. Sentinels of the old Redis that learn of it find nobody there; else they could
// promote it in a failover, or make it a replica again after the switch ("+convert-to-slave" in sentinel.c).
const noPort = "1"

// upstream is the address to follow: of a replica, because only those of the master become known to its sentinels, and to operators that
// reset sentinels with a wrong number of replicas.
func (m *Migration) upstream() (host, port string) {
	source := m.Old.Masters()[0]
	for _, s := range m.Old.Servers {
		if s.Err == nil && s.Follows(m.Old.Masters()[0]) && s.Info["master_link_status"] == "up" {
			source = s
		}
	}
	endpoint := m.Old.Read // which leads to the next one too
	if source.Role == master {
		endpoint = m.Old.Write
	}
	if endpoint != nil && endpoint.Port > 0 {
		return endpoint.Host, strconv.Itoa(endpoint.Port)
	}
	return source.Pod.IP, strconv.Itoa(source.Pod.Port)
}

// forget takes the master away from the sentinels of the new Redis until none knows it for some rounds: whoever informs them may have
// been about to do so.
func (c *Cluster) forget(ctx context.Context, m *Migration, o MigrateOptions) error {
	if m.New.Sentinel == nil {
		return nil
	}
	login, err := c.Login(ctx, m.New.Namespace, m.New.Sentinel.Auth)
	if err != nil {
		return err
	}
	const rounds = 3
	quiet := 0
	err = c.until(ctx, "the sentinels still watch the new Redis", o.wait(), time.Second, func(int) (string, error) {
		quiet++
		for _, pod := range m.New.Watchers {
			err := c.order(ctx, m.New.Redis, pod, login, "SENTINEL", "REMOVE", m.New.Sentinel.Master)
			switch {
			case err == nil:
				quiet = 0
			case redis.Code(err) == "": // it does not answer
				return "", fmt.Errorf("sentinel %s: %w", pod.Name, c.plainEnd(err))
			}
		}
		if quiet < rounds {
			return "one of them knew it a moment ago", nil
		}
		return "", nil
	})
	if err == nil {
		o.step("the sentinels of %s wait for its master", m.New.Name)
	}
	return err
}

// hidden is an error without the passwords.
func (m *Migration) hidden(err error) error {
	ro := Rotation{old: m.oldLogin, new: m.newLogin}
	return ro.hidden(err)
}

// RefuseWrites makes the old servers refuse writes, replicas first: a failover meanwhile promotes one that refuses them too. On an error
// those that were changed accept them again.
func (c *Cluster) RefuseWrites(ctx context.Context, m *Migration, o MigrateOptions) error {
	if m.Import {
		if err := m.refused(migrateFollow); err != nil {
			return err
		}
	}
	writers := slices.Clone(m.Writers)
	isMaster := func(w *Writer) int {
		if s := m.Old.of(w.Pod); s != nil && s.Role == master {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(writers, func(a, b *Writer) int { return isMaster(a) - isMaster(b) })
	for i, w := range writers {
		if err := c.refuseWrites(ctx, m, w); err != nil {
			return errors.Join(fmt.Errorf("pod %s does not refuse writes: %w", w.Pod.Name, c.plainEnd(err)), c.acceptWrites(ctx, m, writers[:i+1]))
		}
		o.step("pod %s refuses writes", w.Pod.Name)
	}
	return nil
}

func (c *Cluster) refuseWrites(ctx context.Context, m *Migration, w *Writer) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	conn, _, err := c.connect(ctx, m.Old.Redis, w.Pod, m.oldLogin)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, u := range w.users {
		if !u.on() || u.refuses() {
			continue
		}
		if _, err := conn.Do(ctx, "ACL", "SETUSER", u.name, noWrites); err != nil {
			return err
		}
	}
	// A write that changes nothing, of this user at least.
	if _, err := conn.Do(ctx, "DEL", "redis-gitops:no-such-key"); redis.Code(err) != "NOPERM" {
		return fmt.Errorf("it still accepts a write: %w", cmp.Or(err, errors.New("no error")))
	}
	return nil
}

// AcceptWrites makes the old servers accept writes again, as long as no client has moved.
func (c *Cluster) AcceptWrites(ctx context.Context, m *Migration, o MigrateOptions) error {
	if err := c.acceptWrites(ctx, m, m.Writers); err != nil {
		return err
	}
	o.step("%s accepts writes again", m.Old.Name)
	return nil
}

// acceptWrites also works when the command was interrupted.
func (c *Cluster) acceptWrites(ctx context.Context, m *Migration, writers []*Writer) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.Timeout())
	defer cancel()
	var errs []error
	for _, w := range writers {
		if err := c.accept(ctx, m, w); err != nil {
			errs = append(errs, fmt.Errorf("pod %s still refuses writes: %w; restart it", w.Pod.Name, c.plainEnd(err)))
		}
	}
	return errors.Join(errs...)
}

func (c *Cluster) accept(ctx context.Context, m *Migration, w *Writer) error {
	conn, _, err := c.connect(ctx, m.Old.Redis, w.Pod, m.oldLogin)
	if err != nil {
		return err
	}
	defer conn.Close()
	users, err := aclUsers(ctx, conn)
	if err != nil {
		return err
	}
	for _, u := range users {
		if u.on() && u.all() && u.refuses() {
			// The rules about commands, the first of which is for all of them.
			rules := slices.DeleteFunc(slices.Clone(u.rules[:len(u.rules)-1]), func(rule string) bool { return rule[0] != '+' && rule[0] != '-' })
			if _, err := conn.Do(ctx, slices.Concat([]string{"ACL", "SETUSER", u.name}, rules)...); err != nil {
				return err
			}
		}
	}
	return nil
}

// A Switch is what became of one.
type Switch struct {
	Master *Pod          // of the new Redis
	Gap    time.Duration // from the last write that the old Redis may have accepted to the first that the new one could
}

// Switch makes the old Redis refuse writes, waits until the new one has all that was acknowledged, and then promotes it: between the two no
// server accepts a write, and none is lost. If the new one does not catch up, the old one accepts writes again.
func (c *Cluster) Switch(ctx context.Context, m *Migration, o MigrateOptions) (*Switch, error) {
	f := m.follower()
	if f == nil && m.New.NotOneMaster() == nil {
		return &Switch{Master: m.New.Masters()[0].Pod}, c.again(ctx, m, o)
	}
	if err := m.refused(migrateSwitch); err != nil {
		return nil, err
	}
	start := time.Now()
	if err := c.RefuseWrites(ctx, m, o); err != nil {
		return nil, err
	}
	s := &Switch{Master: f.Pod}
	if err := c.promote(ctx, m, f); errors.Is(err, errUnclear) {
		return nil, err
	} else if err != nil {
		return nil, errors.Join(err, c.acceptWrites(ctx, m, m.Writers))
	}
	s.Gap = time.Since(start)
	o.step("pod %s is the master; no server accepted writes for %s", f.Pod.Name, s.Gap.Round(time.Millisecond))
	if m.oldLogin.Password != m.newLogin.Password {
		if err := c.order(ctx, m.New.Redis, f.Pod, m.newLogin, "CONFIG", "SET", "masterauth", m.newLogin.Password); err != nil {
			return s, m.hidden(fmt.Errorf("pod %s keeps the old password for its master; restart it: %w", f.Pod.Name, c.plainEnd(err)))
		}
	}
	return s, c.until(ctx, "the new Redis has a master", o.wait(), pollEvery, func(int) (string, error) {
		state, err := c.State(ctx, m.New.Redis)
		if err != nil {
			return "", err
		}
		masters := state.Masters()
		if len(masters) != 1 {
			return "it has another one too", nil
		}
		if agree, all := state.Agreement(masters[0]); all > 0 && agree <= all/2 {
			return fmt.Sprintf("%d of %d sentinels know it", agree, all), nil
		}
		return "", nil
	})
}

// again makes old servers refuse writes that have restarted since the switch.
func (c *Cluster) again(ctx context.Context, m *Migration, o MigrateOptions) error {
	if len(m.Obstacles(migrateClients)) == 0 {
		return nil // it is done
	}
	for _, s := range m.New.Servers {
		if s.Config["replica-announce-port"] == noPort {
			if err := c.order(ctx, m.New.Redis, s.Pod, m.newLogin, "CONFIG", "SET", "replica-announce-port", "0"); err != nil {
				return fmt.Errorf("pod %s announces a wrong port: %w", s.Pod.Name, c.plainEnd(err))
			}
		}
	}
	if slices.ContainsFunc(m.Writers, func(w *Writer) bool { return w.Err == nil && w.Refuses }) {
		return c.RefuseWrites(ctx, m, o)
	}
	return fmt.Errorf("%w of %s:\n  it follows no other Redis; run stage 2 first", ErrNotMigrated, m.New)
}

// catchUp is how long the old Redis refuses writes before the switch is given up.
const catchUp = 10 * time.Second

// promote waits until a new server has all of the old master's stream, and makes it the master.
func (c *Cluster) promote(ctx context.Context, m *Migration, f *Server) error {
	was := m.Old.Masters()[0]
	old := &Server{Pod: was.Pod}
	if err := c.askServer(ctx, m.Old.Redis, old, m.oldLogin); err != nil {
		return fmt.Errorf("pod %s does not answer any more: %w", old.Pod.Name, err)
	}
	if old.Role != master || old.Info["master_replid"] != was.Info["master_replid"] {
		return errors.New("the old Redis has failed over meanwhile; it accepts writes again, run stage 3 again when the new one follows it")
	}
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	conn, _, err := c.connect(ctx, m.New.Redis, f.Pod, m.newLogin)
	if err != nil {
		return fmt.Errorf("pod %s: %w", f.Pod.Name, c.plainEnd(err))
	}
	defer conn.Close()
	for {
		info, err := conn.Info(ctx, "replication")
		if err != nil {
			return fmt.Errorf("pod %s has not caught up after %s; the old Redis accepts writes again: %w", f.Pod.Name, catchUp, c.plainEnd(err))
		}
		now := &Server{Role: replica, Info: info}
		if info["master_link_status"] == "up" && info["master_replid"] == old.Info["master_replid"] && now.Offset() >= old.Offset() {
			break
		}
		if !pause(ctx, probeEvery) {
			return fmt.Errorf("pod %s has not caught up; the old Redis accepts writes again: %w", f.Pod.Name, context.Cause(ctx))
		}
	}
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), catchUp) // no interruption between the two
	defer cancel()
	// It holds from the next connection to a master on, which is not this one.
	if _, err := conn.Do(ctx, "CONFIG", "SET", "replica-announce-port", "0"); err != nil {
		return fmt.Errorf("pod %s announces a wrong port: %w", f.Pod.Name, c.plainEnd(err))
	}
	if _, err := conn.Do(ctx, "REPLICAOF", "NO", "ONE"); err != nil {
		return c.wasPromoted(ctx, m, f, err)
	}
	return nil
}

// errUnclear is the error of a switch that may have happened: neither Redis may be told to accept writes then.
var errUnclear = errors.New("it is not known whether the new Redis was promoted, and the old one still refuses writes; run stage 3 again")

// wasPromoted looks what became of a promotion whose answer did not arrive.
func (c *Cluster) wasPromoted(ctx context.Context, m *Migration, f *Server, why error) error {
	if redis.Code(why) != "" {
		return fmt.Errorf("pod %s cannot be promoted: %w", f.Pod.Name, why)
	}
	now := &Server{Pod: f.Pod}
	if err := c.askServer(ctx, m.New.Redis, now, m.newLogin); err != nil || now.Role != master {
		return fmt.Errorf("%w: %w", errUnclear, c.plainEnd(why))
	}
	return nil
}

// Sides describes both for a table: the old servers, then the new ones.
func (m *Migration) Sides() (rows [][4]string) {
	for i, s := range m.Old.Servers {
		writes := "accepted"
		if m.Writers[i].Refuses {
			writes = "refused"
		}
		rows = append(rows, side(s, writes))
	}
	for _, s := range m.New.Servers {
		writes := "accepted"
		if s.Role == replica {
			writes = "refused"
		}
		rows = append(rows, side(s, writes))
	}
	return rows
}

func side(s *Server, writes string) [4]string {
	if s.Err != nil {
		return [4]string{s.Pod.Name, "", "", "no response"}
	}
	role := s.Role
	if role == replica {
		role = "replica of " + s.Master
	}
	return [4]string{s.Pod.Name, s.Version(), role, writes}
}
