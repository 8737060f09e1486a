package cluster

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// Roles of servers, in the words of people; Redis itself says "slave".
const (
	master  = "master"
	replica = "replica"
)

// A Login is a user name and a password; without a password nobody logs in.
type Login struct {
	Username, Password string
	Stripped           bool // the Secret has white space around the password, which its operator strips
}

// Login reads the Secret with the password of a Redis; nil auth is none.
func (c *Cluster) Login(ctx context.Context, namespace string, auth *instance.Auth) (Login, error) {
	if auth == nil {
		return Login{}, nil
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	object, err := c.api.Get(ctx, secretKind, namespace, auth.Secret)
	if err != nil {
		return Login{}, err
	}
	read := func(key string) (string, error) {
		encoded, ok := at(object, "data", key).(string)
		if !ok {
			var keys []string
			if data, _ := object["data"].(map[string]any); data != nil {
				for k := range data {
					keys = append(keys, strconv.Quote(k))
				}
			}
			slices.Sort(keys)
			return "", fmt.Errorf("the Secret %q in namespace %q has no key %q; it has %s", auth.Secret, namespace, key, orNone(keys))
		}
		plain, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return "", fmt.Errorf("the Secret %q in namespace %q: key %q is not valid base64", auth.Secret, namespace, key)
		}
		return string(plain), nil
	}
	var l Login
	if l.Password, err = read(auth.Key); err != nil {
		return Login{}, err
	}
	if auth.Trim {
		l.Stripped = strings.TrimSpace(l.Password) != l.Password
		l.Password = strings.TrimSpace(l.Password)
	}
	if l.Password == "" {
		return Login{}, fmt.Errorf("the Secret %q in namespace %q: key %q is empty", auth.Secret, namespace, auth.Key)
	}
	if auth.UsernameKey != "" {
		l.Username, err = read(auth.UsernameKey)
	}
	return l, err
}

func orNone(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

// Dial connects to a port of a pod, through the API server.
func (c *Cluster) Dial(ctx context.Context, pod *Pod, port int) (net.Conn, error) {
	return c.api.Dial(ctx, pod.Namespace, pod.Name, port)
}

// Target returns the server in a pod, for a client over the API server.
func (c *Cluster) Target(r *Redis, pod *Pod, l Login) *redis.Target {
	t := &redis.Target{
		Addrs:    []string{net.JoinHostPort(pod.Name+"."+pod.Namespace, strconv.Itoa(pod.Port))},
		Username: l.Username, Password: l.Password, Timeout: c.Timeout(),
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) { return c.Dial(ctx, pod, pod.Port) },
	}
	if r.TLS {
		t.TLS = c.tls(r, pod)
	}
	return t
}

// tls describes how a server or a sentinel is verified.
func (c *Cluster) tls(r *Redis, pod *Pod) *tls.Config {
	if c.options.TLS == nil {
		return &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}
	}
	config := c.options.TLS.Clone()
	if config.ServerName == "" {
		config.ServerName = r.serverName(slices.Contains(r.Watchers, pod))
	}
	return config
}

// serverName is the name by which clients in the cluster reach the master, or the sentinels.
func (r *Redis) serverName(sentinel bool) string {
	switch {
	case sentinel && r.Sentinel != nil:
		return r.Sentinel.Host
	case r.Write != nil:
		return r.Write.Host
	case r.Read != nil:
		return r.Read.Host
	}
	return r.Name + "." + r.Namespace + ".svc"
}

// MasterTarget returns the master of a Redis, for a client over the API server: it is looked for anew at each connection, by
// asking the pods for their role, so that a failover is followed.
func (c *Cluster) MasterTarget(ctx context.Context, r *Redis) (*redis.Target, error) {
	l, err := c.Login(ctx, r.Namespace, r.Auth)
	if err != nil {
		return nil, err
	}
	m, err := c.masterWith(ctx, r, l)
	if err != nil {
		return nil, err
	}
	t := c.Target(r, m, l)
	t.Moves = true
	t.Addrs = []string{net.JoinHostPort(r.Name+"."+r.Namespace, strconv.Itoa(m.Port))}
	var found atomic.Pointer[Pod] // a moment ago: the first connection takes it
	found.Store(m)
	t.Dial = func(ctx context.Context, _, addr string) (net.Conn, error) {
		// A node of a Redis Cluster, by the address that the others know.
		for _, pod := range r.Pods {
			if pod.at(addr, pod.Port) {
				return c.Dial(ctx, pod, pod.Port)
			}
		}
		m := found.Swap(nil)
		if m == nil {
			again := *r
			if err := c.pods(ctx, &again); err != nil {
				return nil, err
			}
			if m, err = c.masterWith(ctx, &again, l); err != nil {
				return nil, err
			}
		}
		return c.Dial(ctx, m, m.Port)
	}
	return t, nil
}

// ReplicaTarget returns a replica that is in sync, which spares the master, or the master where there is none.
func (c *Cluster) ReplicaTarget(ctx context.Context, r *Redis) (*redis.Target, error) {
	l, err := c.Login(ctx, r.Namespace, r.Auth)
	if err != nil {
		return nil, err
	}
	if pod, err := oneReplica(r, c.askServers(ctx, r, l)); err == nil {
		return c.Target(r, pod, l), nil
	}
	return c.MasterTarget(ctx, r)
}

// Master returns the pod of the master: the one that says so when it is asked, and of several the one that most sentinels
// name. None, and more than one that they do not choose from, are errors that say what each pod answers. The master of a Redis
// Cluster is the first one.
func (c *Cluster) Master(ctx context.Context, r *Redis) (*Pod, error) {
	l, err := c.Login(ctx, r.Namespace, r.Auth)
	if err != nil {
		return nil, err
	}
	return c.masterWith(ctx, r, l)
}

// masterWith takes the word of the sentinels where there are several masters: after SENTINEL FAILOVER the old one says for 8
// seconds that it still is one.
func (c *Cluster) masterWith(ctx context.Context, r *Redis, l Login) (*Pod, error) {
	servers := c.askServers(ctx, r, l)
	pod, err := oneMaster(r, servers)
	if err == nil {
		return pod, nil
	}
	if len(masters(servers)) < 2 {
		return nil, cmp.Or(c.blocked(ctx, &State{Redis: r, Servers: servers}), err)
	}
	sentinels, sentinelErr := c.askSentinels(ctx, r)
	if sentinelErr != nil {
		return nil, err
	}
	s := State{Redis: r, Servers: servers, Sentinels: sentinels}
	for _, m := range s.Masters() {
		if agree, all := s.Agreement(m); agree > 0 && agree > all/2 {
			return m.Pod, nil
		}
	}
	return nil, err
}

// Replica returns the pod of a replica whose link to its master is up.
func (c *Cluster) Replica(ctx context.Context, r *Redis) (*Pod, error) {
	l, err := c.Login(ctx, r.Namespace, r.Auth)
	if err != nil {
		return nil, err
	}
	servers := c.askServers(ctx, r, l)
	pod, err := oneReplica(r, servers)
	if err != nil {
		return nil, cmp.Or(c.blocked(ctx, &State{Redis: r, Servers: servers}), err)
	}
	return pod, nil
}

func oneReplica(r *Redis, servers []*Server) (*Pod, error) {
	for _, s := range servers {
		if s.Role == replica && s.Info["master_link_status"] == "up" {
			return s.Pod, nil
		}
	}
	if len(servers) == 0 {
		return nil, fmt.Errorf("%s has no pods: %s", r, podless(r))
	}
	return nil, fmt.Errorf("no replica of %s is in sync: %s", r, answers(servers))
}

func oneMaster(r *Redis, servers []*Server) (*Pod, error) {
	masters := masters(servers)
	switch {
	case len(servers) == 0:
		return nil, fmt.Errorf("%s has no pods: %s", r, podless(r))
	case len(masters) == 1, len(masters) > 1 && r.Cluster:
		return masters[0].Pod, nil
	case len(masters) == 0 && !slices.ContainsFunc(servers, func(s *Server) bool { return !locked(s) }):
		return nil, fmt.Errorf("the master of %s is not known: %s", r, answers(servers))
	case len(masters) == 0:
		return nil, fmt.Errorf("%s has no master: %s", r, answers(servers))
	}
	return nil, fmt.Errorf("%s has several masters: %s; wait for the end of a failover, or see redis-gitops doctor %s", r, answers(servers), r.Name)
}

func podless(r *Redis) string {
	if r.Instance.Pods == nil && len(r.Services) == 0 {
		return "their labels are not known, and no Service selects them"
	}
	return "its operator has not created any"
}

// answers describes what each pod answers.
func answers(servers []*Server) string {
	var list []string
	for _, s := range servers {
		switch {
		case s.Err != nil && !locked(s) && !s.Pod.Ready && s.Pod.Why != "":
			list = append(list, fmt.Sprintf("%s: not ready (%s)", s.Pod.Name, s.Pod.Why))
		case s.Err != nil:
			list = append(list, fmt.Sprintf("%s: %v", s.Pod.Name, s.Err))
		case s.Role == replica:
			list = append(list, fmt.Sprintf("%s: replica of %s", s.Pod.Name, s.Master))
		default:
			list = append(list, s.Pod.Name+": "+s.Role)
		}
	}
	return strings.Join(list, "; ")
}

func masters(servers []*Server) []*Server {
	return slices.DeleteFunc(slices.Clone(servers), func(s *Server) bool { return s.Role != master })
}

// A Server is what the Redis in a pod says of itself.
type Server struct {
	Pod    *Pod
	Err    error             // it could not be asked
	NoAuth bool              // it takes commands without the password that it should ask for
	Role   string            // master, replica
	Master string            // of a replica: host:port
	Info   map[string]string // INFO
	Config map[string]string // CONFIG GET, what it may be asked for
}

// Offset is the place in the stream of replication.
func (s *Server) Offset() int64 {
	if s.Role == replica {
		return s.int("slave_repl_offset")
	}
	return s.int("master_repl_offset")
}

func (s *Server) int(field string) int64 {
	n, _ := strconv.ParseInt(s.Info[field], 10, 64)
	return n
}

// askServers asks all servers at once.
func (c *Cluster) askServers(ctx context.Context, r *Redis, l Login) []*Server {
	servers := make([]*Server, len(r.Pods))
	each(len(servers), func(i int) {
		servers[i] = &Server{Pod: r.Pods[i]}
		servers[i].Err = c.askServer(ctx, r, servers[i], l)
	})
	return servers
}

// connect logs in where the server wants it. noAuth says that it does not, though there is a password.
func (c *Cluster) connect(ctx context.Context, r *Redis, pod *Pod, l Login) (conn *redis.Conn, noAuth bool, err error) {
	if pod.IP == "" {
		return nil, false, fmt.Errorf("pod %s does not run: %s", pod.Name, pod.Why)
	}
	if conn, err = c.Target(r, pod, l).Connect(ctx); err == nil || !errors.Is(err, redis.ErrNoPassword) {
		return conn, false, err
	}
	conn, err = c.Target(r, pod, Login{}).Connect(ctx)
	return conn, true, err
}

func (c *Cluster) askServer(ctx context.Context, r *Redis, s *Server, l Login) error {
	err := c.plainEnd(c.ask(ctx, r, s, l))
	// A server that wants a certificate says so, or just hangs up, when the handshake is over for the client.
	without := c.options.TLS == nil || len(c.options.TLS.Certificates) == 0
	if err != nil && r.TLS && without && (errors.Is(err, errEnded) || strings.Contains(err.Error(), "certificate required")) {
		return fmt.Errorf("%w; it may require a client certificate: use --tls-cert and --tls-key", err)
	}
	return err
}

var errEnded = errors.New("the connection was closed before a reply arrived")

// plainEnd describes that a connection ended, or that its time was over.
func (c *Cluster) plainEnd(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errEnded
	case errors.Is(err, context.DeadlineExceeded):
		return &timeoutError{after: c.Timeout()}
	}
	return err
}

func (c *Cluster) ask(ctx context.Context, r *Redis, s *Server, l Login) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	conn, noAuth, err := c.connect(ctx, r, s.Pod, l)
	if err != nil {
		return err
	}
	defer conn.Close()
	s.NoAuth = noAuth
	replies, err := conn.Pipeline(ctx, []string{"INFO"}, []string{"CONFIG", "GET", "*"})
	if err != nil {
		return err
	}
	switch info := replies[0].(type) {
	case string:
		s.Info = redis.ParseInfo(info)
	case redis.Error:
		return refusedBy(info, l)
	}
	s.Role = s.Info["role"]
	if s.Role == "slave" {
		s.Role, s.Master = replica, net.JoinHostPort(s.Info["master_host"], s.Info["master_port"])
	}
	if s.Role == "" {
		return errors.New("INFO has no role; check that it is a Redis server")
	}
	s.Config = pairs(replies[1]) // empty where it is renamed or not allowed
	return nil
}

// refusedBy describes what an answer means for the login.
func refusedBy(answer redis.Error, l Login) error {
	if answer.Code() == "NOAUTH" && l.Password == "" {
		return errAsks
	}
	return answer
}

var errAsks = errors.New("it requires a password, and none is known")

// locked reports whether a server was not asked anything, for want of the right password.
func locked(s *Server) bool {
	return errors.Is(s.Err, errAsks) || errors.Is(s.Err, redis.ErrWrongPassword)
}

func pairs(reply any) map[string]string {
	list, _ := reply.([]any)
	m := make(map[string]string, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		name, _ := list[i].(string)
		m[name], _ = list[i+1].(string)
	}
	return m
}

// A Sentinel is what one of them says.
type Sentinel struct {
	Pod       *Pod
	Err       error             // it could not be asked, or does not know the master
	Name      string            // under which it knows the master
	Master    string            // host:port
	Fields    map[string]string // SENTINEL MASTER
	Replicas  []map[string]string
	Sentinels []map[string]string // the others that it knows
	Quorum    error               // what CKQUORUM complains about
	Others    []string            // names of further masters that it watches
}

// askSentinels asks all sentinels at once.
func (c *Cluster) askSentinels(ctx context.Context, r *Redis) ([]*Sentinel, error) {
	if r.Sentinel == nil {
		return nil, nil
	}
	l, err := c.Login(ctx, r.Namespace, r.Sentinel.Auth)
	sentinels := make([]*Sentinel, len(r.Watchers))
	each(len(sentinels), func(i int) {
		sentinels[i] = &Sentinel{Pod: r.Watchers[i], Name: r.Sentinel.Master}
		sentinels[i].Err = c.plainEnd(c.askSentinel(ctx, r, sentinels[i], l))
	})
	return sentinels, err
}

func (c *Cluster) askSentinel(ctx context.Context, r *Redis, s *Sentinel, l Login) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	conn, _, err := c.connect(ctx, r, s.Pod, l)
	if err != nil {
		return err
	}
	defer conn.Close()
	all, err := conn.List(ctx, "SENTINEL", "MASTERS")
	if err != nil {
		return err
	}
	for _, item := range all {
		fields := pairs(item)
		if fields["name"] != s.Name {
			s.Others = append(s.Others, fields["name"])
			continue
		}
		s.Fields, s.Master = fields, net.JoinHostPort(fields["ip"], fields["port"])
	}
	if s.Fields == nil {
		return fmt.Errorf("it monitors %[2]s instead of %[1]q", s.Name, orNone(s.Others))
	}
	replies, err := conn.Pipeline(ctx, []string{"SENTINEL", "SLAVES", s.Name}, []string{"SENTINEL", "SENTINELS", s.Name}, []string{"SENTINEL", "CKQUORUM", s.Name})
	if err != nil {
		return err
	}
	for i, into := range []*[]map[string]string{&s.Replicas, &s.Sentinels} {
		list, _ := replies[i].([]any)
		for _, item := range list {
			*into = append(*into, pairs(item))
		}
	}
	if refused, ok := replies[2].(redis.Error); ok {
		s.Quorum = refused
	}
	return nil
}

// A State is what all servers and sentinels of a Redis said at one time.
type State struct {
	*Redis
	Err       error // of [Cluster.States]: why nothing of the rest is known
	Login     error // why the password is not known
	Servers   []*Server
	Sentinels []*Sentinel

	unsafe   bool   // the password has characters that the operator does not quote
	trimmed  bool   // it has white space around it, which the operator strips and clients do not
	password string // to keep it out of what is printed
}

// State asks everybody. Where the pods may not be asked, or the API server does not answer, that is the error.
func (c *Cluster) State(ctx context.Context, r *Redis) (*State, error) {
	s, err := c.askAll(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := c.blocked(ctx, s); err != nil {
		return nil, err
	}
	return s, nil
}

// askAll asks everybody, and takes every refusal for an answer.
func (c *Cluster) askAll(ctx context.Context, r *Redis) (*State, error) {
	s := &State{Redis: r}
	var l Login
	l, s.Login = c.Login(ctx, r.Namespace, r.Auth)
	s.password, s.trimmed = l.Password, l.Stripped
	s.unsafe = r.traits().BarePassword && strings.ContainsAny(l.Password, unsafeCharacters)
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	s.Servers = c.askServers(ctx, r, l)
	sentinels, err := c.askSentinels(ctx, r)
	s.Sentinels = sentinels
	if err != nil {
		s.Login = errors.Join(s.Login, err)
	}
	return s, context.Cause(ctx)
}

// unsafeCharacters end or change an unquoted word of redis.conf: sdssplitargs in sds.c. Others, such as # and $, do not.
const unsafeCharacters = " \t\r\n\v\f\x00\"'"

// blocked explains why nothing can be said of a Redis: a right is missing, or the API server is gone.
func (c *Cluster) blocked(ctx context.Context, s *State) error {
	var forbidden *Forbidden
	if errors.As(s.Login, &forbidden) {
		return forbidden
	}
	var lost *Unreachable
	unreachable := false
	for _, err := range s.errors() {
		if errors.As(err, &forbidden) {
			return forbidden
		}
		unreachable = unreachable || errors.As(err, &lost)
	}
	if !unreachable {
		return nil
	}
	// One node that is gone looks alike: is the API server there?
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	_, err := c.api.List(ctx, podKind, s.Namespace, "")
	if errors.As(err, &lost) {
		return lost
	}
	return nil
}

// errors returns what kept servers and sentinels from being asked.
func (s *State) errors() (errs []error) {
	for _, server := range s.Servers {
		errs = append(errs, server.Err)
	}
	for _, sentinel := range s.Sentinels {
		errs = append(errs, sentinel.Err)
	}
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

// Masters gives the servers that say they are masters.
func (s *State) Masters() []*Server { return masters(s.Servers) }

// byAddr returns the server with an address as sentinels and replicas know it, or nil.
func (s *State) byAddr(addr string) *Server {
	for _, server := range s.Servers {
		if server.Pod.at(addr, server.Pod.Port) {
			return server
		}
	}
	return nil
}

// Lag is how many bytes of replication a replica is behind its master, and whether that is known.
func (s *State) Lag(server *Server) (int64, bool) {
	m := s.byAddr(server.Master)
	if server.Role != replica || m == nil || m.Err != nil || m.Role != master {
		return 0, false
	}
	return max(0, m.Offset()-server.Offset()), true
}

// Agreement describes how many sentinels name a server as the master, of how many there should be.
func (s *State) Agreement(m *Server) (agree, all int) {
	for _, sentinel := range s.Sentinels {
		if sentinel.Err == nil && m.Pod.at(sentinel.Master, m.Pod.Port) {
			agree++
		}
	}
	return agree, len(s.Sentinels)
}

// States asks everybody in the place that is looked into, sorted by namespace and name.
func (c *Cluster) States(ctx context.Context) ([]*State, error) {
	all, err := c.All(ctx)
	if err != nil {
		return nil, err
	}
	states := make([]*State, len(all))
	each(len(all), func(i int) {
		var err error
		if states[i], err = c.State(ctx, all[i]); err != nil {
			states[i] = &State{Redis: all[i], Err: err}
		}
	})
	return states, context.Cause(ctx)
}

// NotOneMaster describes what is so instead of one master; nil where there is one, or several of a Redis Cluster.
func (s *State) NotOneMaster() error {
	_, err := oneMaster(s.Redis, s.Servers)
	if err != nil && s.Login != nil {
		return fmt.Errorf("%w (the password is not known: %w)", err, s.Login)
	}
	return err
}

// Connected is the number of replicas that a master serves.
func (s *Server) Connected() int { return int(s.int("connected_slaves")) }

// Follows reports whether a server is a replica of another.
func (s *Server) Follows(m *Server) bool {
	return s.Role == replica && m.Pod.at(s.Master, m.Pod.Port)
}
