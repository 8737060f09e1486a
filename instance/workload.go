package instance

import (
	"cmp"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
)

const redisPort, sentinelPort = 6379, 26379

// clientCommand uses Redis, serverCommand runs it.
var clientCommand, serverCommand = regexp.MustCompile(`(redis|valkey)-cli`), regexp.MustCompile(`(redis|valkey)-server`)

// redisContainer returns the container of a workload that has one of the images and is neither a sentinel nor a client.
func redisContainer(d *Document, images []string) map[string]any {
	for _, c := range list(at(d.Object, "spec", "template", "spec", "containers")) {
		container, _ := c.(map[string]any)
		if !slices.Contains(images, imageName(text(container["image"]))) {
			continue
		}
		var command []string
		for _, word := range slices.Concat(list(container["command"]), list(container["args"])) {
			command = append(command, text(word))
		}
		all := strings.Join(command, " ")
		if !strings.Contains(all, "sentinel") && (!clientCommand.MatchString(all) || serverCommand.MatchString(all)) {
			return container
		}
	}
	return nil
}

// containerPort returns the port of Redis: the one that is named so, or the only one; 6379 when that is not clear.
func containerPort(container map[string]any) int {
	ports := list(container["ports"])
	for _, p := range ports {
		if strings.Contains(text(at(p, "name")), "redis") || len(ports) == 1 {
			return number(text(at(p, "containerPort")))
		}
	}
	return redisPort
}

// envAuth returns the Secret of one of the variables of a container: that of its value, or, with _FILE behind its name, that of the volume
// that has the file.
func envAuth(d *Document, container map[string]any, names []string) *Auth {
	for _, e := range list(container["env"]) {
		name := text(at(e, "name"))
		if slices.Contains(names, name) {
			if secret := text(at(e, "valueFrom", "secretKeyRef", "name")); secret != "" {
				return &Auth{Secret: secret, Key: text(at(e, "valueFrom", "secretKeyRef", "key"))}
			}
		}
		if of, ok := strings.CutSuffix(name, "_FILE"); ok && slices.Contains(names, of) {
			if a := fileAuth(d, container, path.Clean(text(at(e, "value")))); a != nil {
				return a
			}
		}
	}
	return nil
}

// fileAuth returns the Secret that a container has in a file; nil if it is none.
func fileAuth(d *Document, container map[string]any, file string) *Auth {
	for _, m := range list(container["volumeMounts"]) {
		dir, sub := text(at(m, "mountPath")), text(at(m, "subPath"))
		if dir == "" {
			continue
		}
		inside, ok := strings.CutPrefix(file, path.Clean(dir)+"/")
		if sub != "" {
			inside, ok = sub, file == path.Clean(dir)
		}
		if !ok {
			continue
		}
		for _, v := range list(at(d.Object, "spec", "template", "spec", "volumes")) {
			secret := text(at(v, "secret", "secretName"))
			if secret == "" || text(at(v, "name")) != text(at(m, "name")) {
				continue
			}
			items := list(at(v, "secret", "items"))
			for _, item := range items {
				if text(at(item, "path")) == inside {
					return &Auth{Secret: secret, Key: text(at(item, "key"))}
				}
			}
			if len(items) == 0 {
				return &Auth{Secret: secret, Key: inside}
			}
		}
	}
	return nil
}

// selector is a Service of the repository with its selector and its place among all.
type selector struct {
	*Document
	selector map[string]string
	index    int
}

// file puts the Services of a namespace in order: each under the label of its selector that the fewest others ask for. In a
// repository of many applications that is the name of its own, so that nobody has to go through all.
func (f *finder) file(namespace string) map[string][]selector {
	if filed, done := f.filed[namespace]; done {
		return filed
	}
	count := map[string]int{}
	var all []selector
	for i, d := range f.services[namespace] {
		s := selector{d, stringMap(at(d.Object, "spec", "selector")), i}
		for key, value := range s.selector {
			count[key+"="+value]++
		}
		all = append(all, s)
		if text(at(d.Object, "spec", "clusterIP")) == "None" {
			f.headless[namespace+"/"+d.name()] = true
		}
	}
	filed := map[string][]selector{}
	for _, s := range all {
		rarest := ""
		for key, value := range s.selector {
			pair := key + "=" + value
			if rarest == "" || count[pair] < count[rarest] || count[pair] == count[rarest] && pair < rarest {
				rarest = pair
			}
		}
		filed[rarest] = append(filed[rarest], s)
	}
	f.filed[namespace] = filed
	return filed
}

// selecting returns the Services of a namespace that can select pods with these labels, in the order of the documents.
func (f *finder) selecting(namespace string, labels map[string]string, pods cue.Pods) []selector {
	filed := f.file(namespace)
	var found []selector
	seen := map[string]bool{}
	for _, m := range []map[string]string{labels, pods.Master, pods.Replica} {
		for key, value := range m {
			if pair := key + "=" + value; !seen[pair] {
				seen[pair] = true
				found = append(found, filed[pair]...)
			}
		}
	}
	slices.SortFunc(found, func(a, b selector) int { return cmp.Compare(a.index, b.index) })
	return found
}

// pods returns the labels of the pods: those that the operator sets, else those of the template.
func (m *match) pods() Pods {
	pods := Pods{Labels: map[string]string{}}
	if m.scheme.Pods != nil {
		pods.Master, pods.Replica = m.scheme.Pods.Master, m.scheme.Pods.Replica
		for key, value := range m.scheme.Pods.Labels {
			pods.Labels[key] = m.expand(value)
		}
	}
	if len(pods.Labels) == 0 {
		pods.Labels = stringMap(at(m.object.Object, "spec", "template", "metadata", "labels"))
	}
	return pods
}

// ownServices adds the Services of the repository that select the pods of a Redis. One that selects the master is what
// clients use for writes, whatever the operator makes, because it is there on purpose.
func (f *finder) ownServices(m *match, in *Instance, of Pods) {
	var pods cue.Pods
	if m.scheme.Pods != nil {
		pods = *m.scheme.Pods
	}
	labels := of.Labels
	var write, read []*Service
	for _, d := range f.selecting(in.Namespace, labels, pods) {
		role := roleOf(d.selector, labels, pods)
		if role == "" || slices.ContainsFunc(in.Services, func(s Service) bool { return s.Name == d.name() }) {
			continue
		}
		for _, p := range list(at(d.Object, "spec", "ports")) {
			s := &Service{Name: d.name(), Namespace: in.Namespace, Port: number(text(at(p, "port"))), Role: m.portRole(p, role, pods), By: "repository"}
			in.Services = append(in.Services, *s)
			switch s.Role {
			case Write:
				write = append(write, s)
			case Read:
				read = append(read, s)
			case Sentinels:
				f.foundSentinel(m, in, s)
			case All:
				// Without labels of roles any pod is as good as the other, unless sentinels beside each choose the master.
				if len(pods.Master) == 0 && len(pods.Labels) == 0 && (in.Replicas < 2 || !m.sentinelsBeside()) {
					if m.scheme.Is == "replica" {
						read = append(read, s)
					} else {
						write = append(write, s)
					}
				}
			}
		}
	}
	headless := func(s *Service) int {
		if f.headless[in.Namespace+"/"+s.Name] {
			return 1
		}
		return 0
	}
	best := func(services []*Service) *Endpoint {
		if len(services) == 0 {
			return nil
		}
		s := slices.MinFunc(services, func(a, b *Service) int {
			return cmp.Or(cmp.Compare(headless(a), headless(b)), cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name))
		})
		for i := range in.Services {
			if in.Services[i].Name == s.Name && in.Services[i].Port == s.Port && s.Role == All && m.scheme.Is == "" {
				in.Services[i].Role = Write
			}
		}
		return &Endpoint{Service: s.Name, Host: host(s.Name, s.Namespace), Port: s.Port}
	}
	if e := best(write); e != nil {
		in.Write = e
	}
	if e := best(read); e != nil {
		in.Read = e
	}
}

// roleOf describes what a selector leads to among pods with labels; "" when to none of them.
func roleOf(selector, labels map[string]string, pods cue.Pods) Role {
	if len(selector) == 0 {
		return ""
	}
	rest := maps.Clone(selector)
	for key, value := range rest {
		if labels[key] == value {
			delete(rest, key)
		}
	}
	switch {
	case len(rest) == len(selector) && len(pods.Labels) > 0:
		return "" // a role alone does not say whose
	case len(rest) == 0:
		return All
	case maps.Equal(rest, pods.Master):
		return Write
	case maps.Equal(rest, pods.Replica):
		return Read
	}
	return ""
}

// portRole describes what a port of a Service leads to: Redis, the exporter or the sentinels.
func (m *match) portRole(port any, role Role, pods cue.Pods) Role {
	target := text(at(port, "targetPort"))
	if target == "" {
		target = text(at(port, "port"))
	}
	if n := number(target); n != 0 {
		switch n {
		case number(m.vars["port"]):
			return role
		case sentinelPort:
			return Sentinels
		case redisPort:
			if len(pods.Labels) > 0 {
				return role
			}
		}
		return Metrics
	}
	switch {
	case strings.Contains(target, "sentinel"):
		return Sentinels
	case strings.Contains(target, "metrics") || strings.Contains(target, "exporter"):
		return Metrics
	}
	return role
}

// sentinelsBeside reports whether each pod runs a sentinel besides Redis, as those of Bitnami's charts do
// (bitnami/redis/templates/sentinel/statefulset.yaml).
func (m *match) sentinelsBeside() bool {
	return slices.ContainsFunc(m.scheme.Sentinel, func(s cue.Service) bool { return s.Service == "" && s.Master != "" && m.holds(s.If) })
}

// foundSentinel takes a Service before sentinels that run beside the Redis.
func (f *finder) foundSentinel(m *match, in *Instance, s *Service) {
	if in.Sentinel != nil {
		return
	}
	for _, scheme := range m.scheme.Sentinel {
		if m.holds(scheme.If) && scheme.Service == "" && scheme.Master != "" {
			in.Sentinel = m.newSentinel(scheme, &Endpoint{Service: s.Name, Host: host(s.Name, s.Namespace), Port: s.Port})
		}
	}
}
