package cluster

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// CheckURL describes what keeps clients from reaching a Redis by its URL, or by its sentinels: the Service, a ready pod behind it
// that is the master, the Secret and its password, sentinels that agree on the master and have their quorum.
func (s *State) CheckURL(sentinel bool) []*Problem {
	var p problems
	if sentinel {
		if s.Sentinel == nil {
			p.error(sentinelNone, "", "%s has no sentinels; use url", s)
			return p
		}
		p.service(s, s.Sentinel.Service, instance.Sentinels)
	} else if s.Write == nil {
		p.error(serviceNone, "svc/master-selector-no-role", "no Service selects the master of %s; add one, or use Sentinel in clients", s)
	} else {
		p.service(s, s.Write.Service, instance.Write)
	}
	p.login(s)
	p.podsUp(s.Servers, nil)
	p.roles(s)
	p.sentinels(s)
	p.joined(s)
	return ordered(p)
}

// joined checks that neither the replicas nor the sentinels are mixed up with another Redis: what clients read, and what they
// find after the next failover, is its data then.
func (p *problems) joined(s *State) {
	var all problems
	all.replication(s)
	all.strangers(s)
	for _, problem := range all {
		if problem.Check == "foreign" && problem.ID != foreignName {
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
		p.error(serviceMissing, help, "Service %q does not exist in namespace %q; check that the operator is running, and that its version creates this Service", name, s.Namespace)
		return
	}
	selector := stringMap(at(object, "spec", "selector"))
	if len(selector) == 0 {
		p.error(serviceSelector, "svc/selector-or-port-wrong", "Service %q has no selector; add one", name)
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
		p.error(serviceSelector, "svc/selector-or-port-wrong", "Service %q selects none of the pods of %s; its selector is %s%s", name, s, terms(selector), mastersHint(s, role))
		return
	case len(ready) == 0:
		p.error(serviceUnready, "", "no pod behind Service %q is ready: %s", name, unready(behind)).about(podNames(behind)...)
		return
	}
	if role != instance.Write {
		return
	}
	if port := targetPort(object, s.Write.Port, ready[0]); port != ready[0].Port {
		p.error(servicePort, "svc/selector-or-port-wrong", "Service %q forwards port %d to port %d of the pods, but Redis listens on %d; change targetPort", name, s.Write.Port, port, ready[0].Port)
	}
	if s.Cluster {
		return
	}
	for _, pod := range ready {
		if server := s.of(pod); server != nil && server.Err == nil && server.Role != master {
			where := ""
			if m := s.Masters(); len(m) == 1 {
				where = fmt.Sprintf("; the master is pod %s", m[0].Pod.Name)
			}
			p.error(serviceWrong, "svc/master-selector-no-role", "Service %q points to pod %s, a read-only replica%s; after a failover the operator updates the Service within a minute", name, pod.Name, where)
		}
	}
}

func mastersHint(s *State, role instance.Role) string {
	if role == instance.Write && s.roleLabels() {
		return "; no pod has the label of a master"
	}
	return ""
}

func podNames(pods []*Pod) (names []string) {
	for _, p := range pods {
		names = append(names, p.Name)
	}
	return names
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

// selectedOf returns those of some pods that a selector selects.
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
				p.error(secretMissing, "auth/secret-not-found", "the Secret with the password is missing: %v; create it", err)
			} else {
				p.error(secretMissing, "", "the password cannot be read: %v", err)
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
		p.error(passwordUnsafe, "auth/password-unsafe-characters", "the password in Secret %q contains white space or quotes, which the operator writes into redis.conf unquoted: Redis does not start, or has another password; use other characters", s.Auth.Secret)
	}
	if s.trimmed {
		p.warn(passwordBlank, "auth/password-unsafe-characters", "the password in Secret %q begins or ends with white space, such as a line end; the operator strips it, but clients that read the Secret send it and are refused; store it without (printf, not echo)", s.Auth.Secret)
	}
	if len(asking) > 0 && s.Auth == nil {
		p.error(passwordUnknown, "auth/missing", "a password is required by %s, but %s names no Secret with it: clients that use its URL are refused; name the Secret, or find out who set requirepass", strings.Join(asking, ", "), s)
	}
	if len(wrong) > 0 {
		p.error(passwordWrong, "", "the password in Secret %q is refused by %s; if the Secret was changed, restart the pods one at a time, the master last", s.Auth.Secret, strings.Join(wrong, ", ")).about(wrong...)
	}
	if len(open) > 0 {
		p.error(passwordOpen, "auth/client-sends-one-to-open-redis", "Secret %q has a password, but %s %s none: anyone can connect, and clients that send it are refused", s.Auth.Secret, strings.Join(open, ", "), verb(len(open), "requires", "require")).about(open...)
	}
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// joined takes errors.Join apart.
func joined(err error) []error {
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		return list.Unwrap()
	}
	return []error{err}
}

// podsUp checks that pods run and answer: those of servers that could not be asked, and all of others.
func (p *problems) podsUp(servers []*Server, others []*Pod) {
	type group struct {
		id, why string
	}
	var order []group
	pods := map[group][]string{}
	put := func(id, why, pod string) {
		g := group{id, why}
		if pods[g] == nil {
			order = append(order, g)
		}
		pods[g] = append(pods[g], pod)
	}
	notReady := func(pod *Pod) {
		id := podUnready
		if pod.Down {
			id = podDown
		}
		put(id, pod.Why, pod.Name)
	}
	for _, server := range servers {
		switch {
		case server.Err == nil || locked(server):
		case !server.Pod.Ready:
			notReady(server.Pod)
		default:
			put(podSilent, server.Err.Error(), server.Pod.Name)
		}
	}
	for _, pod := range others {
		if s := slices.IndexFunc(servers, func(server *Server) bool { return server.Pod == pod && server.Err != nil && !locked(server) }); s < 0 && !pod.Ready {
			notReady(pod)
		}
	}
	for _, g := range order {
		list := strings.Join(pods[g], ", ")
		noun := verb(len(pods[g]), "pod", "pods")
		switch g.id {
		case podSilent:
			p.error(g.id, "", "%s %s %s ready, but %s not answer: %s", noun, list, verb(len(pods[g]), "is", "are"), verb(len(pods[g]), "does", "do"), g.why).about(pods[g]...)
		case podDown:
			p.error(g.id, "", "%s %s %s: %s", noun, list, verb(len(pods[g]), "does not run", "do not run"), g.why).about(pods[g]...)
		default:
			p.error(g.id, "", "%s %s %s not ready: %s", noun, list, verb(len(pods[g]), "is", "are"), g.why).about(pods[g]...)
		}
	}
}

// roles checks that there is one master that answers.
func (p *problems) roles(s *State) {
	if len(s.Servers) == 0 {
		p.error(noPods, "ha/operator-missing", "%s has no pods: %s", s, podless(s.Redis))
		return
	}
	if s.Cluster || !slices.ContainsFunc(s.Servers, func(server *Server) bool { return !locked(server) }) {
		return // without the password, nobody says who is the master
	}
	switch m := s.Masters(); {
	case len(m) == 1:
	case len(m) > 1:
		p.error(severalMasters, "", "%s has several masters: %s; %s", s, answers(s.Servers), s.oneOf(m))
	case s.deadlocked():
		p.error(deadlock, "", "%s has no master and will not get one: %s; %s", s, s.deadlockReason(), promoteHint(s.Redis)).saw(s.holdings()...)
	default:
		id := noMaster
		if s.traits().Appoints && s.allWait() {
			id = unappointed
		}
		p.error(id, "", "%s has no master: %s; %s", s, answers(s.Servers), s.nextMaster())
	}
}

// oneOf describes what becomes of several masters.
func (s *State) oneOf(m []*Server) string {
	const wait = "sentinels demote the old master within seconds after a failover, so wait for that; until one is left, the operator changes nothing"
	for _, server := range m {
		if agree, all := s.Agreement(server); agree > all/2 {
			return fmt.Sprintf("%s. The sentinels name pod %s: if the other stays, make it follow that one (REPLICAOF), which discards the writes it took", wait, server.Pod.Name)
		}
	}
	return wait
}

// nextMaster describes who appoints a master, when there is none.
func (s *State) nextMaster() string {
	appoints := s.traits().Appoints
	switch {
	case s.bootstrapping():
		return "it follows another Redis by spec.bootstrapNode"
	case appoints && s.allWait():
		return "the pods wait for the operator to appoint one, which it does in a round (every 30 s) in which all pods run"
	case appoints && s.Replicas == 1:
		return "the operator promotes the only pod in its next round (every 30 s)"
	case appoints && s.Sentinel != nil && s.withoutQuorum():
		return "the sentinels have no quorum, so the operator promotes the oldest pod in its next round (every 30 s)"
	case slices.ContainsFunc(s.Sentinels, promotes):
		return "the sentinels elect one of the replicas, so wait for that" + s.timing()
	}
	return "see the log of the operator"
}

// timing describes how long sentinels take for a failover.
func (s *State) timing() string {
	for _, sentinel := range s.Sentinels {
		down, err := strconv.Atoi(sentinel.Fields["down-after-milliseconds"])
		timeout, failed := strconv.Atoi(sentinel.Fields["failover-timeout"])
		if err == nil && failed == nil {
			ms := func(n int) string { return (time.Duration(n) * time.Millisecond).String() }
			return fmt.Sprintf(" (they begin when the master has been down for %s, and try again every %s)", ms(down), ms(2*timeout))
		}
	}
	return ""
}

// sentinels checks that they answer, agree on the master and can fail over.
func (p *problems) sentinels(s *State) {
	if s.Sentinel == nil {
		return
	}
	if len(s.Sentinels) == 0 {
		p.error(sentinelNone, "url/no-sentinel-running", "%s has no sentinel pods", s)
		return
	}
	named := map[string][]*Sentinel{}
	var order []string
	without := map[string][]string{} // quorum, by the answer
	broken := map[string][]string{}
	for _, sentinel := range s.Sentinels {
		if sentinel.Err != nil {
			broken[sentinel.Err.Error()] = append(broken[sentinel.Err.Error()], sentinel.Pod.Name)
			continue
		}
		if named[sentinel.Master] == nil {
			order = append(order, sentinel.Master)
		}
		named[sentinel.Master] = append(named[sentinel.Master], sentinel)
		if host, _, _ := net.SplitHostPort(sentinel.Master); sentinel.Quorum != nil && host != waitsFor { // else nobody could have one
			text := strings.TrimPrefix(sentinel.Quorum.Error(), "NOQUORUM ")
			without[text] = append(without[text], sentinel.Pod.Name)
		}
	}
	for _, text := range sortedKeys(broken) {
		p.error(sentinelDown, "", "%s %s: %s", verb(len(broken[text]), "sentinel", "sentinels"), strings.Join(broken[text], ", "), text).about(broken[text]...)
	}
	for _, text := range sortedKeys(without) {
		p.error(sentinelQuorum, "", "%s cannot fail over: %s", strings.Join(without[text], ", "), text)
	}
	if len(order) > 1 {
		var list []string
		for _, addr := range order {
			list = append(list, fmt.Sprintf("%s %s %s%s", watchers(named[addr]), verb(len(named[addr]), "names", "name"), addr, s.whose(addr)))
		}
		p.error(sentinelSplit, "", "the sentinels do not agree on the master: %s", strings.Join(list, "; "))
	}
	m := s.Masters()
	for _, addr := range order {
		host, _, _ := net.SplitHostPort(addr)
		down := slices.ContainsFunc(named[addr], func(sentinel *Sentinel) bool { return strings.Contains(sentinel.Fields["flags"], "down") })
		switch server := s.byAddr(addr); {
		case server == nil && host == "127.0.0.1":
			p.error(sentinelUntold, "", "%s %s no master yet; the operator configures them once a master exists", watchers(named[addr]), verb(len(named[addr]), "knows", "know"))
		case server == nil && s.bootstrapping():
		case server == nil && down:
			p.error(sentinelGone, "", "%s %s %s as the master, which is down and not a pod of %s; they fail over, or the operator points them to the new master", watchers(named[addr]), verb(len(named[addr]), "watches", "watch"), addr, s)
		case server == nil:
			p.error(foreignWatched, "ha/clusters-can-join", "the sentinels take %s for the master, which is not a pod of %s: clients get the data of another Redis; give each Redis its own password", addr, s)
		case server.Err == nil && server.Role != master && len(m) == 1:
			p.error(sentinelWrong, "", "%s %s pod %s for the master, which is a replica; the master is pod %s", watchers(named[addr]), verb(len(named[addr]), "takes", "take"), server.Pod.Name, m[0].Pod.Name)
		}
	}
}

func watchers(sentinels []*Sentinel) string {
	var names []string
	for _, s := range sentinels {
		names = append(names, s.Pod.Name)
	}
	return strings.Join(names, ", ")
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// whose reports which pod an address is.
func (s *State) whose(addr string) string {
	if server := s.byAddr(addr); server != nil {
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

// Facts describes what was seen when there is nothing wrong, a line each.
func (s *State) Facts(sentinel bool) []string {
	var facts []string
	endpoint := s.Write
	if sentinel && s.Sentinel != nil {
		endpoint = &s.Sentinel.Endpoint
	}
	if endpoint != nil {
		facts = append(facts, fmt.Sprintf("Service %s: port %d has a ready pod", endpoint.Service, endpoint.Port))
	}
	for _, m := range s.Masters() {
		facts = append(facts, fmt.Sprintf("master: pod %s, %s %s, %s connected", m.Pod.Name, m.Name(), m.Version(), plural(int(m.int("connected_slaves")), "replica")))
		if agree, all := s.Agreement(m); all > 0 {
			facts = append(facts, fmt.Sprintf("sentinels: %d of %d report it as master, quorum %s", agree, all, s.quorum()))
		}
	}
	if s.Auth != nil {
		facts = append(facts, fmt.Sprintf("password: accepted (Secret %s)", s.Auth.Secret))
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

// Keys is the number of keys in all databases.
func (s *Server) Keys() int64 {
	total := int64(0)
	for name, value := range s.Info {
		if rest, ok := strings.CutPrefix(name, "db"); ok {
			if _, err := strconv.Atoi(rest); err == nil {
				n, _ := strconv.ParseInt(commaFields(value)["keys"], 10, 64)
				total += n
			}
		}
	}
	return total
}

func percent(part, whole int64) string {
	return strconv.FormatInt(part*100/max(whole, 1), 10) + " %"
}
