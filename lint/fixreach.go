package lint

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// reached looks at the world before and after a fix.
func (w *world) reached(after *world) (before, now *reach, err error) {
	if w.reach == nil {
		if w.reach, err = w.lint.newReach(); err != nil {
			return nil, nil, err
		}
	}
	if after.reach == nil {
		if after.reach, err = after.lint.newReach(); err != nil {
			return nil, nil, err
		}
	}
	return w.reach, after.reach, nil
}

// sameTargets reports whether selectors and addresses that are not known find the same, too.
func (r *reach) sameTargets(after *reach) bool { return slices.Equal(r.targets, after.targets) }

// keptBy describes what is lost: a selector whose pods are others, or an address that no longer leads where it led.
func (r *reach) keptBy(after *reach) string {
	for _, key := range slices.Sorted(maps.Keys(r.selected)) {
		was, is := r.selected[key], after.selected[key]
		if slices.Equal(was, is) {
			continue
		}
		lost := without(was, is)
		if len(lost) > 0 {
			return fmt.Sprintf("%s would no longer select %s", r.names[key], strings.Join(lost, ", "))
		}
		return fmt.Sprintf("%s would also select %s", r.names[key], strings.Join(without(is, was), ", "))
	}
	for _, key := range slices.Sorted(maps.Keys(r.leads)) {
		if lost := without(r.leads[key], after.leads[key]); len(lost) > 0 {
			return fmt.Sprintf("%s would no longer reach %s", r.holders[key], strings.Join(lost, ", "))
		}
	}
	return ""
}

// without returns the elements of a that b has not, or not as often.
func without(a, b []string) []string {
	left := map[string]int{}
	for _, s := range b {
		left[s]++
	}
	var out []string
	for _, s := range a {
		if left[s]--; left[s] < 0 {
			out = append(out, s)
		}
	}
	return slices.Compact(out)
}

// pod is the labels of some pods of a namespace.
type pod struct {
	name, namespace string
	labels          map[string]string
}

// service is where a name leads.
type service struct {
	namespace, to string
	ports         []int // nil: not known
}

// reaching builds a reach.
type reaching struct {
	*reach
	pods     []pod
	byLabel  map[string][]int // pods by a label: key=value
	services map[string][]service
}

func (l *linter) newReach() (*reach, error) {
	b := &reaching{
		reach:   &reach{selected: map[string][]string{}, names: map[string]string{}, leads: map[string][]string{}, holders: map[string]string{}},
		byLabel: map[string][]int{}, services: map[string][]service{},
	}
	objects := make([][]map[string]any, len(l.units))
	for i, u := range l.units {
		for _, r := range u.resources {
			plain, err := r.data.plain()
			if err != nil {
				return nil, err
			}
			object, _ := plain.(map[string]any)
			objects[i] = append(objects[i], object)
		}
	}
	if err := l.reachable(b, objects); err != nil {
		return nil, err
	}
	for i, u := range l.units {
		for j, r := range u.resources {
			b.selectors(u, j, r, objects[i][j], nil)
			b.addService(r, objects[i][j])
		}
	}
	for i, u := range l.units {
		for j, r := range u.resources {
			b.addresses(u, j, r, objects[i][j])
		}
	}
	for _, p := range b.pods {
		b.targets = append(b.targets, fmt.Sprint(p)) // maps are printed in the order of their keys
	}
	for name, services := range b.services {
		for _, s := range services {
			b.targets = append(b.targets, fmt.Sprint(name, s))
		}
	}
	slices.Sort(b.targets)
	return b.reach, nil
}

// reachable collects the pods of workloads and of every Redis, and the Services that operators make.
func (l *linter) reachable(b *reaching, objects [][]map[string]any) error {
	operators, err := cue.Operators()
	if err != nil {
		return err
	}
	var documents []instance.Document
	for i, u := range l.units {
		for j, r := range u.resources {
			object := objects[i][j]
			if labels := podLabels(r.Kind, object); labels != nil {
				b.addPod(pod{r.Kind + "/" + r.Name, r.Namespace, labels})
			}
			if aboutRedis(r.Kind) {
				documents = append(documents, instance.Document{Object: object, Namespace: r.Namespace, Where: fmt.Sprintf("%d %d", i, j)})
			}
		}
	}
	for _, in := range instance.Find(documents, operators, l.instanceOptions()) {
		var i, j int
		if _, err := fmt.Sscanf(in.Where, "%d %d", &i, &j); err != nil {
			return err
		}
		for _, p := range in.Pods {
			for _, q := range podsOf(in, p, objects[i][j]) {
				b.addPod(q)
			}
		}
		for _, s := range in.Services {
			if s.By != "operator" {
				continue // its pods say it
			}
			to := service{namespace: s.Namespace, to: fmt.Sprintf("%s %s/%s", s.Role, in.Kind, in.Name)}
			if s.Port != 0 {
				to.ports = []int{s.Port}
			}
			b.services[s.Name] = append(b.services[s.Name], to)
		}
	}
	return nil
}

// podsOf returns the pods of a Redis, those of each role for themselves, and of its sentinels. Labels of the resource count as far
// as its labelWhitelist lets them through: operators without one hand on all or none, which a fix cannot change.
func podsOf(in *instance.Instance, p instance.Pods, object map[string]any) []pod {
	handed := map[string]string{}
	metadata, _ := object["metadata"].(map[string]any)
	for key, value := range stringsOf(metadata["labels"]) {
		if passes(object, key) {
			handed[key] = value
		}
	}
	with := func(role string, more map[string]string) pod {
		labels := maps.Clone(handed)
		maps.Copy(labels, p.Labels)
		maps.Copy(labels, more)
		return pod{strings.TrimSpace(in.Kind + "/" + in.Name + " " + role), in.Namespace, labels}
	}
	if len(p.Master) == 0 {
		return []pod{with("", nil)}
	}
	pods := []pod{with("(master)", p.Master), with("(replicas)", p.Replica)}
	const component = "app.kubernetes.io/component"
	if p.Labels[component] != "" && in.Sentinel != nil {
		pods = append(pods, with("(sentinels)", map[string]string{component: "sentinel"}))
	}
	return pods
}

// passes reports whether a label of a resource goes to its pods.
func passes(object map[string]any, key string) bool {
	spec, _ := object["spec"].(map[string]any)
	patterns, _ := spec["labelWhitelist"].([]any)
	for _, p := range patterns {
		if re, err := regexp.Compile(fmt.Sprint(p)); err == nil && re.MatchString(key) {
			return true
		}
	}
	return len(patterns) == 0
}

// podLabels returns the labels of the pods of a workload; nil for everything else.
func podLabels(kind string, object map[string]any) map[string]string {
	var path []string
	switch kind {
	case "Pod":
		path = []string{"metadata", "labels"}
	case "CronJob":
		path = []string{"spec", "jobTemplate", "spec", "template", "metadata", "labels"}
	case "DaemonSet", "Deployment", "Job", "ReplicaSet", "Rollout", "StatefulSet":
		path = []string{"spec", "template", "metadata", "labels"}
	default:
		return nil
	}
	var data any = object
	for _, step := range path {
		m, _ := data.(map[string]any)
		data = m[step]
	}
	return stringsOf(data)
}

func stringsOf(data any) map[string]string {
	m, _ := data.(map[string]any)
	out := map[string]string{}
	for key, value := range m {
		out[key] = fmt.Sprint(value)
	}
	return out
}

func (b *reaching) addPod(p pod) {
	for key, value := range p.labels {
		b.byLabel[key+"="+value] = append(b.byLabel[key+"="+value], len(b.pods))
	}
	b.pods = append(b.pods, p)
}

// matching returns the pods that labels and expressions select, in a namespace or in all; sorted, each once.
func (b *reaching) matching(namespace string, anywhere bool, labels map[string]string, expressions []any) []string {
	pool := []int(nil)
	for key, value := range labels {
		if with := b.byLabel[key+"="+value]; pool == nil || len(with) < len(pool) {
			if pool = with; len(pool) == 0 {
				return nil
			}
		}
	}
	if len(labels) == 0 {
		if len(expressions) == 0 {
			return []string{"every pod"}
		}
		pool = make([]int, len(b.pods))
		for i := range pool {
			pool[i] = i
		}
	}
	var names []string
	for _, i := range pool {
		p := b.pods[i]
		if !anywhere && p.namespace != namespace && p.namespace != "" && namespace != "" {
			continue
		}
		all := true
		for key, value := range labels {
			all = all && p.labels[key] == value
		}
		if all && instance.Hold(expressions, p.labels) {
			names = append(names, p.name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// selectors collects every label selector of a resource: that of a Service, and whatever has matchLabels or matchExpressions
// below selector, podSelector or labelSelector, as policies, budgets, monitors, affinities and spread constraints have.
func (b *reaching) selectors(u *unit, index int, r resource, data any, path []string) {
	switch data := data.(type) {
	case map[string]any:
		for key, value := range data {
			at := append(slices.Clip(path), key)
			m, isMap := value.(map[string]any)
			if isMap && strings.HasSuffix(strings.ToLower(key), "selector") && key != "nodeSelector" && key != "namespaceSelector" {
				b.selector(u, index, r, at, data, m)
			}
			b.selectors(u, index, r, value, at)
		}
	case []any:
		for i, value := range data {
			b.selectors(u, index, r, value, append(slices.Clip(path), strconv.Itoa(i)))
		}
	}
}

func (b *reaching) selector(u *unit, index int, r resource, path []string, parent, selector map[string]any) {
	labels := stringsOf(selector["matchLabels"])
	expressions, _ := selector["matchExpressions"].([]any)
	plain := selector["matchLabels"] == nil && selector["matchExpressions"] == nil && len(selector) > 0
	if plain {
		if r.Kind != "Service" {
			return
		}
		labels = stringsOf(selector)
	}
	_, anywhere := parent["namespaceSelector"]
	key := fmt.Sprintf("%s\x00%06d\x00%s", u.id, index, strings.Join(path, "."))
	b.selected[key] = b.matching(r.Namespace, anywhere, labels, expressions)
	b.names[key] = r.Resource.String()
	if r.Kind != "Service" {
		b.names[key] += " (" + strings.Join(path, ".") + ")"
	}
}

// addService adds a Service that is written in the repository, and what its selector leads to.
func (b *reaching) addService(r resource, object map[string]any) {
	if r.Kind != "Service" {
		return
	}
	spec, _ := object["spec"].(map[string]any)
	to := "a Service"
	if selector := stringsOf(spec["selector"]); len(selector) > 0 {
		to = strings.Join(b.matching(r.Namespace, false, selector, nil), " and ")
	}
	s := service{namespace: r.Namespace, to: to}
	ports, _ := spec["ports"].([]any)
	for _, p := range ports {
		port, _ := p.(map[string]any)
		if n, err := strconv.Atoi(fmt.Sprint(port["port"])); err == nil {
			s.ports = append(s.ports, n)
		}
	}
	b.services[r.Name] = append(b.services[r.Name], s)
}

var hostToken = lazyregexp.New(`[a-z0-9][a-z0-9-]*(?:\.[a-z0-9][a-z0-9-]*)*(?::[0-9]{1,5})?`)

// addresses takes down where the hosts in the texts of a resource lead.
func (b *reaching) addresses(u *unit, index int, r resource, object map[string]any) {
	key := fmt.Sprintf("%s\x00%06d", u.id, index)
	var walk func(data any)
	walk = func(data any) {
		switch data := data.(type) {
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(data)) {
				walk(data[k])
			}
		case []any:
			for _, v := range data {
				walk(v)
			}
		case string:
			for _, token := range hostToken.FindAllString(data, 64) {
				b.leads[key] = append(b.leads[key], b.resolve(token, r.Namespace)...)
			}
		}
	}
	for _, field := range []string{"spec", "data", "stringData"} {
		walk(object[field])
	}
	if len(b.leads[key]) > 0 {
		slices.Sort(b.leads[key])
		b.holders[key] = r.Resource.String()
	}
}

// resolve reports where a host leads from a namespace: SERVICE, SERVICE.NAMESPACE[.svc…] or POD.SERVICE….
func (b *reaching) resolve(token, namespace string) []string {
	host, portText, _ := strings.Cut(token, ":")
	labels := strings.Split(host, ".")
	port, _ := strconv.Atoi(portText)
	try := func(name, namespace string) []string {
		var out []string
		for _, s := range b.services[name] {
			if s.namespace != namespace && s.namespace != "" && namespace != "" || port != 0 && s.ports != nil && !slices.Contains(s.ports, port) {
				continue
			}
			out = append(out, fmt.Sprintf("%s by %q", cmp.Or(s.to, "nothing"), name))
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	switch {
	case len(labels) == 1:
		return try(labels[0], namespace)
	case len(labels) == 2 || labels[2] == "svc":
		if found := try(labels[0], labels[1]); len(found) > 0 {
			return found
		}
		return try(labels[1], namespace)
	case len(labels) > 3 && labels[3] == "svc":
		return try(labels[1], labels[2])
	}
	return nil
}
