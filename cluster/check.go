package cluster

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/diag"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A Problem is something that is wrong with a running Redis.
type Problem struct {
	Check    string        `json:"check"`
	Severity diag.Severity `json:"severity"`
	Message  string        `json:"message"`        // what is wrong, and what to do
	Help     string        `json:"help,omitempty"` // the page of the rule that prevents it, where there is one
}

// The names of the checks.
const (
	checkService   = "service"
	checkPods      = "pods"
	checkLogin     = "password"
	checkRoles     = "roles"
	checkLabels    = "labels"
	checkForeign   = "foreign"
	checkCopied    = "copied" // by a stranger, or by a dump that is being taken
	checkSync      = "replication"
	checkSentinel  = "sentinels"
	checkReconcile = "reconciled"
	checkConfig    = "config"
	checkMemory    = "memory"
	checkDisk      = "disk"
	checkSaving    = "persistence"
	checkGrace     = "shutdown"
)

// problems collects what checks find.
type problems []*Problem

func (p *problems) add(severity diag.Severity, check, help, format string, args ...any) {
	if help != "" {
		help = "docs/rules/" + help + ".md"
	}
	*p = append(*p, &Problem{check, severity, fmt.Sprintf(format, args...), help})
}

func (p *problems) error(check, help, format string, args ...any) {
	p.add(diag.Error, check, help, format, args...)
}

func (p *problems) warn(check, help, format string, args ...any) {
	p.add(diag.Warning, check, help, format, args...)
}

// Failed says whether one of the problems is an error.
func Failed(all []*Problem) bool {
	return slices.ContainsFunc(all, func(p *Problem) bool { return p.Severity == diag.Error })
}

// CheckURL says what keeps clients from reaching a Redis by its URL, or by its sentinels: the Service, a ready pod behind it
// that is the master, the Secret and its password, sentinels that agree on the master and have their quorum.
func (s *State) CheckURL(sentinel bool) []*Problem {
	var p problems
	if sentinel {
		if s.Sentinel == nil {
			p.error(checkSentinel, "", "%s has no sentinels; use url", s)
			return p
		}
		p.service(s, s.Sentinel.Service, instance.Sentinels)
	} else if s.Write == nil {
		p.error(checkService, "svc/master-selector-no-role", "no Service leads to the master of %s; add one that selects it, or let clients ask the sentinels", s)
	} else {
		p.service(s, s.Write.Service, instance.Write)
	}
	p.login(s)
	p.roles(s)
	p.sentinels(s)
	p.joined(s)
	return p
}

// joined checks that neither the replicas nor the sentinels are mixed up with another Redis: what clients read, and what they
// find after the next failover, is its data then.
func (p *problems) joined(s *State) {
	var all problems
	all.replication(s)
	all.strangers(s)
	for _, problem := range all {
		if problem.Check == checkForeign && problem.Severity == diag.Error {
			*p = append(*p, problem)
		}
	}
}

// service checks a Service and what it leads to.
func (p *problems) service(s *State, name string, role instance.Role) {
	object := s.Services[name]
	if object == nil {
		help := ""
		if strings.HasPrefix(name, "rfrm-") {
			help = "url/rfrm-not-in-version"
		}
		p.error(checkService, help, "there is no Service %q in namespace %q; is its operator at work, and of a version that makes it?", name, s.Namespace)
		return
	}
	selector := stringMap(at(object, "spec", "selector"))
	if len(selector) == 0 {
		p.error(checkService, "svc/selector-or-port-wrong", "the Service %q selects no pods; give it a selector", name)
		return
	}
	among := s.Redis.Pods
	if role == instance.Sentinels {
		among = s.Watchers
	}
	behind := selectedOf(among, selector)
	ready := slices.DeleteFunc(slices.Clone(behind), func(pod *Pod) bool { return !pod.Ready })
	switch {
	case len(behind) == 0:
		p.error(checkService, "svc/selector-or-port-wrong", "the Service %q selects none of the pods of %s; its selector is %s%s", name, s, terms(selector), mastersHint(s, role))
		return
	case len(ready) == 0:
		p.error(checkService, "", "no pod behind the Service %q is ready: %s", name, unready(behind))
		return
	}
	if role != instance.Write {
		return
	}
	if port := targetPort(object, s.Write.Port, ready[0]); port != ready[0].Port {
		p.error(checkService, "svc/selector-or-port-wrong", "port %d of the Service %q leads to port %d of the pods, where no Redis listens; it is %d", s.Write.Port, name, port, ready[0].Port)
	}
	if s.Cluster {
		return
	}
	for _, pod := range ready {
		if server := s.of(pod); server != nil && server.Err == nil && server.Role != master {
			where := ""
			if m := s.Masters(); len(m) == 1 {
				where = fmt.Sprintf(", the master is pod %s", m[0].Pod.Name)
			}
			p.error(checkService, "svc/master-selector-no-role", "the Service %q leads to pod %s, which is a replica and refuses writes%s; after a failover the operator moves it within a minute", name, pod.Name, where)
		}
	}
}

func mastersHint(s *State, role instance.Role) string {
	if role == instance.Write && s.RoleLabels() {
		return "; no pod has the label of a master"
	}
	return ""
}

func selects(selector map[string]string, pod *Pod) bool {
	have := stringMap(at(pod.Object, "metadata", "labels"))
	for key, value := range selector {
		if have[key] != value {
			return false
		}
	}
	return true
}

// selectedOf gives those of some pods that a selector selects.
func selectedOf(pods []*Pod, selector map[string]string) []*Pod {
	return slices.DeleteFunc(slices.Clone(pods), func(pod *Pod) bool { return !selects(selector, pod) })
}

func unready(pods []*Pod) string {
	var list []string
	for _, p := range pods {
		if !p.Ready {
			list = append(list, p.Name+" ("+p.Why+")")
		}
	}
	return strings.Join(list, ", ")
}

func (s *State) of(pod *Pod) *Server {
	for _, server := range s.Servers {
		if server.Pod.Name == pod.Name {
			return server
		}
	}
	return nil
}

// login checks the Secret and whether its password is the one that is asked for.
func (p *problems) login(s *State) {
	if s.Login != nil {
		for _, err := range joined(s.Login) {
			var missing *NotFound
			if errors.As(err, &missing) {
				p.error(checkLogin, "auth/secret-not-found", "the Secret with the password is missing: %v", err)
			} else {
				p.error(checkLogin, "", "the password is not known: %v", err)
			}
		}
	}
	var open, wrong, asking []string
	for _, server := range s.Servers {
		switch {
		case server.NoAuth:
			open = append(open, server.Pod.Name)
		case errors.Is(server.Err, errAsks):
			asking = append(asking, server.Pod.Name)
		case errors.Is(server.Err, redis.ErrWrongPassword):
			wrong = append(wrong, server.Pod.Name)
		}
	}
	if s.unsafe {
		p.error(checkLogin, "auth/password-unsafe-characters", "the password of the Secret %q has blanks, quotes or other characters that the operator writes into redis.conf as they are, so that Redis does not start or has another password; take letters and digits", s.Auth.Secret)
	}
	if len(asking) > 0 && s.Auth == nil {
		p.error(checkLogin, "auth/missing", "a password is asked for by %s, but %s names no Secret with it: clients by its URL are refused; give it one, or look who has set requirepass", strings.Join(asking, ", "), s)
	}
	if len(wrong) > 0 {
		p.error(checkLogin, "", "the password of the Secret %q is refused by %s; was it changed without a restart of the pods?", s.Auth.Secret, strings.Join(wrong, ", "))
	}
	if len(open) > 0 {
		p.error(checkLogin, "auth/client-sends-one-to-open-redis", "the Secret %q has a password, but %s asks for none: everybody can connect, and clients that send it are refused", s.Auth.Secret, strings.Join(open, ", "))
	}
}

// joined takes errors.Join apart.
func joined(err error) []error {
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		return list.Unwrap()
	}
	return []error{err}
}

// roles checks that there is one master that answers.
func (p *problems) roles(s *State) {
	if len(s.Servers) == 0 {
		p.error(checkPods, "ha/operator-missing", "%s has no pods: %s", s, podless(s.Redis))
		return
	}
	for _, server := range s.Servers {
		if server.Err != nil && !locked(server) {
			if server.Pod.Ready {
				p.error(checkPods, "", "pod %s is ready, but does not answer: %v", server.Pod.Name, server.Err)
			} else {
				p.error(checkPods, "", "pod %s is not ready: %s", server.Pod.Name, server.Pod.Why)
			}
		}
	}
	if s.Cluster || !slices.ContainsFunc(s.Servers, func(server *Server) bool { return !locked(server) }) {
		return // the password was told, and who is the master is not known
	}
	if m := s.Masters(); len(m) != 1 {
		_, err := oneMaster(s.Redis, s.Servers)
		p.error(checkRoles, "", "%v", err)
	}
}

// sentinels checks that they answer, agree on the master and can fail over.
func (p *problems) sentinels(s *State) {
	if s.Sentinel == nil {
		return
	}
	if len(s.Sentinels) == 0 {
		p.error(checkSentinel, "url/no-sentinel-running", "no sentinel of %s runs", s)
		return
	}
	named := map[string][]string{}
	var order []string
	without := map[string][]string{} // quorum, by what they say
	for _, sentinel := range s.Sentinels {
		if sentinel.Err != nil {
			p.error(checkSentinel, "", "sentinel %s: %v", sentinel.Pod.Name, sentinel.Err)
			continue
		}
		if named[sentinel.Master] == nil {
			order = append(order, sentinel.Master)
		}
		named[sentinel.Master] = append(named[sentinel.Master], sentinel.Pod.Name)
		if sentinel.Quorum != nil {
			text := strings.TrimPrefix(sentinel.Quorum.Error(), "NOQUORUM ")
			without[text] = append(without[text], sentinel.Pod.Name)
		}
	}
	for _, text := range slices.Sorted(maps.Keys(without)) {
		p.error(checkSentinel, "", "%s cannot fail over: %s", strings.Join(without[text], ", "), text)
	}
	if len(order) > 1 {
		var list []string
		for _, addr := range order {
			list = append(list, fmt.Sprintf("%s say %s%s", strings.Join(named[addr], ", "), addr, s.whose(addr)))
		}
		p.error(checkSentinel, "", "the sentinels do not agree on the master: %s", strings.Join(list, "; "))
	}
	m := s.Masters()
	for _, addr := range order {
		host, _, _ := net.SplitHostPort(addr)
		switch server := s.ByAddr(addr); {
		case server == nil && host == "127.0.0.1":
			p.error(checkSentinel, "", "%s have not been told the master yet; the operator does it when there is one", strings.Join(named[addr], ", "))
		case server == nil:
			p.error(checkForeign, "ha/clusters-can-join", "the sentinels take %s for the master, which is no pod of %s: clients get the data of another Redis; give each Redis a password of its own", addr, s)
		case server.Err == nil && server.Role != master && len(m) == 1:
			p.error(checkSentinel, "", "%s take pod %s for the master, which is a replica; the master is pod %s", strings.Join(named[addr], ", "), server.Pod.Name, m[0].Pod.Name)
		}
	}
}

// whose says which pod an address is.
func (s *State) whose(addr string) string {
	if server := s.ByAddr(addr); server != nil {
		return " (" + server.Pod.Name + ")"
	}
	return ""
}

// terms writes a selector as the API server takes it.
func terms(selector map[string]string) string {
	var list []string
	for key, value := range selector {
		list = append(list, key+"="+value)
	}
	slices.Sort(list)
	return strings.Join(list, ",")
}

// Facts says what was seen when there is nothing wrong, a line each.
func (s *State) Facts(sentinel bool) []string {
	var facts []string
	endpoint := s.Write
	if sentinel && s.Sentinel != nil {
		endpoint = &s.Sentinel.Endpoint
	}
	if endpoint != nil {
		facts = append(facts, fmt.Sprintf("Service %s: port %d leads to a ready pod", endpoint.Service, endpoint.Port))
	}
	for _, m := range s.Masters() {
		facts = append(facts, fmt.Sprintf("master: pod %s, %s %s, %d replicas connected", m.Pod.Name, m.Name(), m.Version(), m.int("connected_slaves")))
		if agree, all := s.Agreement(m); all > 0 {
			facts = append(facts, fmt.Sprintf("sentinels: %d of %d name it, quorum %s", agree, all, s.quorum()))
		}
	}
	if s.Auth != nil {
		facts = append(facts, fmt.Sprintf("password: that of the Secret %s is accepted", s.Auth.Secret))
	}
	return facts
}

func (s *State) quorum() string {
	for _, sentinel := range s.Sentinels {
		if q := sentinel.Fields["quorum"]; q != "" {
			return q
		}
	}
	return "unknown"
}

// Name is Redis or Valkey.
func (s *Server) Name() string {
	if s.Info["server_name"] == "valkey" || s.Info["valkey_version"] != "" {
		return "Valkey"
	}
	return "Redis"
}

// Version is that of the server.
func (s *Server) Version() string {
	if v := s.Info["valkey_version"]; v != "" {
		return v
	}
	return s.Info["redis_version"]
}

// Used and Max are bytes of memory; Max is 0 where there is no limit.
func (s *Server) Used() int64 { return s.int("used_memory") }

// Max is the limit of memory.
func (s *Server) Max() int64 { return s.int("maxmemory") }

func percent(part, whole int64) string {
	return strconv.FormatInt(part*100/max(whole, 1), 10) + " %"
}
