package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/instance"
)

// A Redis is one that runs: what its resources say, and its pods.
type Redis struct {
	*instance.Instance
	Object   map[string]any            // the resource that it comes from
	Services map[string]map[string]any // those of its namespace, by name, and the one of its sentinels
	Pods     []*Pod                    // of the servers, sorted by name
	Watchers []*Pod                    // of the sentinels
}

// String is how people call it.
func (r *Redis) String() string { return fmt.Sprintf("%s %s/%s", r.Kind, r.Namespace, r.Name) }

// traits returns how its operator treats it.
func (r *Redis) traits() cue.Traits {
	operator, err := cue.OperatorNamed(r.Operator)
	if err != nil {
		return cue.Traits{} // of nobody that we know
	}
	return operator.Traits()
}

// roleLabels reports whether a label of the pods marks the master.
func (r *Redis) roleLabels() bool {
	return len(r.Instance.Pods) > 0 && len(r.Instance.Pods[0].Master) > 0
}

// As returns the Redis as an instance of a repository describes it: with the Services, the Secret and the sentinels of the files.
func (r *Redis) As(in *instance.Instance) *Redis {
	as, described := *r, *r.Instance
	described.Write, described.Read, described.Auth = in.Write, in.Read, in.Auth
	if in.Sentinel != nil {
		described.Sentinel = in.Sentinel
	}
	as.Instance = &described
	return &as
}

// A Pod is one of a Redis or of its sentinels.
type Pod struct {
	Namespace, Name string
	IP              string
	Container       string // in which the server runs
	Port            int
	Ready           bool
	Why             string // why it is not ready
	Down            bool   // a container of it does not run, or it has no node
	Creating        bool   // it is about to start
	Label           string // the role that its labels say: "master", "replica" or ""
	Object          map[string]any
}

// Find returns the one Redis that a name means: of its resource, of its application, or of a Service before it.
func (c *Cluster) Find(ctx context.Context, name string) (*Redis, error) {
	all, err := c.look(ctx)
	if err != nil {
		return nil, err
	}
	found := matching(all.redises, func(r *Redis) bool { return r.Name == name })
	if len(found) == 0 {
		found = matching(all.redises, func(r *Redis) bool { return name != "" && r.Application == name })
	}
	if len(found) == 0 {
		found = matching(all.redises, func(r *Redis) bool { return r.Named(name) })
	}
	switch len(found) {
	case 0:
		return nil, c.unknown(name, all)
	case 1:
		return found[0], c.pods(ctx, found[0])
	}
	var lines []string
	for _, r := range found {
		lines = append(lines, "  "+r.String())
	}
	return nil, fmt.Errorf("%q matches %d Redis instances; pass one of these names, and --namespace if needed:\n%s", name, len(found), strings.Join(lines, "\n"))
}

// Live returns the Redis that an instance of a repository is in the cluster. Where the files do not say its namespace, it is
// that of the context.
func (c *Cluster) Live(ctx context.Context, in *instance.Instance) (*Redis, error) {
	at := *c
	if at.namespace = cmp.Or(in.Namespace, c.namespace); at.namespace == "" {
		at.namespace = "default"
	}
	at.where = fmt.Sprintf("namespace %q", at.namespace)
	all, err := at.look(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range all.redises {
		if r.Name == in.Name && r.Kind == in.Kind || in.Kind == cue.KindOfCharts && sharesService(r.Instance, in) {
			return r, at.pods(ctx, r)
		}
	}
	if err := all.refused(); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%s not found in %s (no %s %q); check that it is committed, and that Argo CD or Flux has applied it", in.Where, at.where, in.Kind, in.Name)
}

// sharesService reports whether a running Redis is the one of a chart, whose workloads only the cluster has.
func sharesService(running, of *instance.Instance) bool {
	return slices.ContainsFunc(of.Services, func(s instance.Service) bool {
		return slices.ContainsFunc(running.Services, func(r instance.Service) bool { return r.Name == s.Name })
	})
}

// All returns all Redis instances with their pods, sorted by namespace and name.
func (c *Cluster) All(ctx context.Context) ([]*Redis, error) {
	all, err := c.look(ctx)
	if err != nil {
		return nil, err
	}
	if len(all.redises) == 0 {
		if err := all.refused(); err != nil {
			return nil, err
		}
	}
	errs := make([]error, len(all.redises))
	each(len(errs), func(i int) { errs[i] = c.pods(ctx, all.redises[i]) })
	return all.redises, errors.Join(errs...)
}

// Pods reads the pods of a Redis again.
func (c *Cluster) Pods(ctx context.Context, r *Redis) error { return c.pods(ctx, r) }

func matching(all []*Redis, ok func(*Redis) bool) []*Redis {
	return slices.DeleteFunc(slices.Clone(all), func(r *Redis) bool { return !ok(r) })
}

// sight is what a look at a place shows.
type sight struct {
	redises   []*Redis
	forbidden []error // what may not be looked at
	operators bool    // a CRD of a Redis operator is installed
}

func (s *sight) refused() error { return errors.Join(s.forbidden...) }

func (c *Cluster) unknown(name string, all *sight) error {
	if err := all.refused(); err != nil {
		return fmt.Errorf("no accessible Redis %q in %s: %w", name, c.where, err)
	}
	var instances []*instance.Instance
	for _, r := range all.redises {
		instances = append(instances, r.Instance)
	}
	err := instance.Unknown("no Redis", name, instances, c.where)
	switch {
	case len(instances) == 0 && !all.operators:
		return fmt.Errorf("%w, and no operator CRD is installed; check --context", err)
	case len(instances) == 0 && c.namespace != "":
		return fmt.Errorf("%w; choose another with --namespace", err)
	}
	return err
}

// look lists the resources of all known operators, the workloads and the Services.
func (c *Cluster) look(ctx context.Context) (*sight, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	kinds, err := c.kinds(ctx)
	if err != nil {
		return nil, err
	}
	seen := &sight{operators: len(kinds) > 0}
	kinds = append(kinds, statefulSetKind, deploymentKind, serviceKind)
	lists := make([][]map[string]any, len(kinds))
	errs := make([]error, len(kinds))
	each(len(kinds), func(i int) { lists[i], errs[i] = c.api.List(ctx, kinds[i], c.namespace, "") })
	var documents []instance.Document
	objects := map[string]map[string]any{}
	services := map[string]map[string]map[string]any{} // by namespace and name
	for i, kind := range kinds {
		var forbidden *Forbidden
		if errors.As(errs[i], &forbidden) {
			seen.forbidden = append(seen.forbidden, errs[i])
			continue
		}
		if errs[i] != nil {
			return nil, errs[i]
		}
		for _, object := range lists[i] {
			d := document(object)
			if kind == serviceKind {
				namespace := namespaceOf(object)
				if services[namespace] == nil {
					services[namespace] = map[string]map[string]any{}
				}
				services[namespace][nameOf(object)] = object
			} else if controlled(object) { // by the resource that says more
				continue
			}
			objects[d.Where] = object
			documents = append(documents, d)
		}
	}
	options := instance.Options{Operator: c.options.Operator, Version: c.options.Version}
	if options.Operator == "" && (c.ambiguous(documents) || c.versioned(documents)) {
		options.Found = c.running(ctx)
	}
	for _, in := range c.instances(documents, services, options) {
		r := &Redis{Instance: in, Object: objects[in.Where], Services: services[in.Namespace]}
		for _, s := range in.Services { // KubeDB's sentinels may be elsewhere
			if object := services[s.Namespace][s.Name]; object != nil && s.Namespace != in.Namespace {
				r.Services = maps.Clone(r.Services)
				maps.Copy(r.Services, map[string]map[string]any{s.Name: object})
			}
		}
		seen.redises = append(seen.redises, r)
	}
	slices.SortFunc(seen.redises, func(a, b *Redis) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
	return seen, nil
}

// kinds returns those of the operators that the cluster has, each in one version.
func (c *Cluster) kinds(ctx context.Context) ([]Kind, error) {
	var versions []string
	wanted := map[string]bool{}
	want := func(kind string, apiVersions []string) {
		for _, v := range apiVersions {
			wanted[v+"/"+kind] = true
			if v != "apps/v1" && !slices.Contains(versions, v) {
				versions = append(versions, v)
			}
		}
	}
	for _, o := range c.operators {
		for _, s := range o.Schemes() {
			if s.Is == "ignored" || s.Kind == cue.KindOfCharts { // of which a cluster has what the chart renders
				continue
			}
			want(s.Kind, s.APIVersions)
			if s.With != nil { // whose fields count too
				want(s.With.Kind, s.With.APIVersions)
			}
		}
	}
	served, err := c.api.Served(ctx, versions)
	if err != nil {
		return nil, err
	}
	var kinds []Kind
	for _, k := range served {
		group, _, _ := strings.Cut(k.APIVersion, "/")
		if wanted[k.APIVersion+"/"+k.Kind] && !slices.ContainsFunc(kinds, func(other Kind) bool {
			return other.Kind == k.Kind && strings.HasPrefix(other.APIVersion, group+"/")
		}) {
			kinds = append(kinds, k)
		}
	}
	return kinds, nil
}

// ambiguous reports whether there are resources of a kind that several operators own.
func (c *Cluster) ambiguous(documents []instance.Document) bool {
	owners := map[string]int{}
	for _, o := range c.operators {
		for _, k := range o.Kinds {
			owners[k.Kind]++
		}
	}
	return slices.ContainsFunc(documents, func(d instance.Document) bool { return owners[text(d.Object["kind"])] > 1 })
}

// versioned reports whether there are resources whose Services depend on the version of their operator.
func (c *Cluster) versioned(documents []instance.Document) bool {
	return slices.ContainsFunc(documents, func(d instance.Document) bool {
		return slices.ContainsFunc(c.operators, func(o *cue.Operator) bool {
			return len(o.Versions) > 1 && slices.ContainsFunc(o.Kinds, func(k cue.Kind) bool { return k.Kind == text(d.Object["kind"]) })
		})
	})
}

// instances finds the instances. The version of an operator that nothing says is that of the Services which it has made; where it
// has made none yet, it stays unknown.
func (c *Cluster) instances(documents []instance.Document, services map[string]map[string]map[string]any, options instance.Options) []*instance.Instance {
	made := func(in *instance.Instance, s instance.Service) bool {
		owners, _ := at(services[s.Namespace][s.Name], "metadata", "ownerReferences").([]any)
		return slices.ContainsFunc(owners, func(o any) bool { return text(at(o, "kind")) == in.Kind && text(at(o, "name")) == in.Name })
	}
	found := instance.Find(documents, c.operators, options)
	for _, o := range c.operators {
		said := o.Name == options.Operator && options.Version != "" ||
			slices.ContainsFunc(options.Found, func(r instance.Running) bool { return r.Operator == o.Name && r.Version != "" })
		if said || len(o.Versions) < 2 {
			continue
		}
		newer := func(in *instance.Instance) bool {
			return in.Operator == o.Name && (slices.ContainsFunc(in.Absent, func(s instance.Service) bool { return made(in, s) }) ||
				slices.ContainsFunc(in.Services, func(s instance.Service) bool { return s.By != "operator" && made(in, s) }))
		}
		guess := options
		for _, version := range o.Versions[1:] {
			if !slices.ContainsFunc(found, newer) {
				break
			}
			guess.Found = append(slices.Clone(options.Found), instance.Running{Operator: o.Name, Version: version})
			found = instance.Find(documents, c.operators, guess)
		}
		options = guess
		for _, in := range found {
			if in.Operator == o.Name && !slices.ContainsFunc(in.Services, func(s instance.Service) bool { return s.By == "operator" && made(in, s) }) {
				in.Version, in.Absent = "", nil
			}
		}
	}
	return found
}

// running looks for the operators themselves, in all namespaces. It is a help only: who may not look does without.
func (c *Cluster) running(ctx context.Context) []instance.Running {
	objects, err := c.api.List(ctx, deploymentKind, "", "")
	if err != nil {
		return nil
	}
	var documents []instance.Document
	for _, object := range objects {
		documents = append(documents, document(object))
	}
	return instance.Recognise(documents, c.operators)
}

func document(object map[string]any) instance.Document {
	application, _, ok := strings.Cut(text(at(object, "metadata", "annotations", "argocd.argoproj.io/tracking-id")), ":")
	if !ok {
		application = cmp.Or(text(at(object, "metadata", "labels", "argocd.argoproj.io/instance")), text(at(object, "metadata", "annotations", "meta.helm.sh/release-name")),
			text(at(object, "metadata", "labels", "kustomize.toolkit.fluxcd.io/name")), text(at(object, "metadata", "labels", "app.kubernetes.io/instance")))
	}
	return instance.Document{Object: object, Namespace: namespaceOf(object), Application: application,
		Where: fmt.Sprintf("%s %s/%s", text(object["kind"]), namespaceOf(object), nameOf(object))}
}

func controlled(object map[string]any) bool {
	owners, _ := at(object, "metadata", "ownerReferences").([]any)
	return slices.ContainsFunc(owners, func(o any) bool { return text(at(o, "controller")) == "true" })
}

// pods fills in the pods of the servers and of the sentinels.
func (c *Cluster) pods(ctx context.Context, r *Redis) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	r.Pods, r.Watchers = nil, nil
	var selectors []map[string]string
	for _, p := range r.Instance.Pods {
		selectors = append(selectors, p.Labels)
	}
	if len(selectors) == 0 { // the scheme does not know: what the Services of data lead to
		for _, s := range r.Instance.Services {
			if object := r.Services[s.Name]; object != nil && s.Role != instance.Sentinels && s.Role != instance.Metrics {
				if selector := stringMap(at(object, "spec", "selector")); len(selector) > 0 {
					selectors = append(selectors, selector)
				}
			}
		}
	}
	var err error
	if r.Pods, err = c.selected(ctx, r.Namespace, selectors); err != nil {
		return err
	}
	port := r.port()
	for _, p := range r.Pods {
		p.Label = r.label(p)
		p.place(port, "redis")
	}
	if r.Sentinel == nil {
		return nil
	}
	if service := r.Services[r.Sentinel.Service]; service != nil {
		namespace := namespaceOf(service)
		if r.Watchers, err = c.selected(ctx, namespace, []map[string]string{stringMap(at(service, "spec", "selector"))}); err != nil {
			return err
		}
		for _, p := range r.Watchers {
			p.place(targetPort(service, r.Sentinel.Port, p), "sentinel")
		}
	}
	return nil
}

// port returns the port of the servers inside their pods.
func (r *Redis) port() int {
	for _, e := range []*instance.Endpoint{r.Write, r.Read} {
		if e == nil {
			continue
		}
		if service := r.Services[e.Service]; service != nil && len(r.Pods) > 0 {
			if p := targetPort(service, e.Port, r.Pods[0]); p > 0 {
				return p
			}
		}
		if e.Port > 0 {
			return e.Port
		}
	}
	for _, s := range r.Instance.Services {
		if s.Role == instance.All && s.Port > 0 {
			return s.Port
		}
	}
	return cmp.Or(number(at(r.Object, "spec", "redis", "port")), 6379)
}

// targetPort returns the port of a pod that a port of a Service leads to; the same one where the Service does not say.
func targetPort(service map[string]any, port int, pod *Pod) int {
	ports, _ := at(service, "spec", "ports").([]any)
	for _, p := range ports {
		if number(at(p, "port")) != port {
			continue
		}
		target := text(at(p, "targetPort"))
		if target == "" {
			return port
		}
		if n, err := strconv.Atoi(target); err == nil {
			return n
		}
		for _, container := range pod.containers() {
			ports, _ := at(container, "ports").([]any)
			for _, cp := range ports {
				if text(at(cp, "name")) == target {
					return number(at(cp, "containerPort"))
				}
			}
		}
	}
	return port
}

// label returns the role that the labels of a pod say.
func (r *Redis) label(p *Pod) string {
	has := func(labels map[string]string) bool { return len(labels) > 0 && selects(labels, p) }
	for _, of := range r.Instance.Pods {
		switch {
		case has(of.Master):
			return master
		case has(of.Replica):
			return replica
		}
	}
	return ""
}

// selected returns the pods that one of several selectors selects.
func (c *Cluster) selected(ctx context.Context, namespace string, selectors []map[string]string) ([]*Pod, error) {
	var pods []*Pod
	for _, s := range selectors {
		if len(s) == 0 {
			continue
		}
		objects, err := c.api.List(ctx, podKind, namespace, terms(s))
		if err != nil {
			return nil, err
		}
		for _, object := range objects {
			phase := text(at(object, "status", "phase"))
			if phase == "Succeeded" || phase == "Failed" || slices.ContainsFunc(pods, func(p *Pod) bool { return p.Name == nameOf(object) }) {
				continue
			}
			p := &Pod{Namespace: namespace, Name: nameOf(object), IP: text(at(object, "status", "podIP")), Object: object}
			p.readiness()
			pods = append(pods, p)
		}
	}
	slices.SortFunc(pods, func(a, b *Pod) int { return cmp.Compare(a.Name, b.Name) })
	return pods, nil
}

// readiness reports whether a pod is ready, and if not, why.
func (p *Pod) readiness() {
	pod := p.Object
	if text(at(pod, "metadata", "deletionTimestamp")) != "" {
		p.Why, p.Down = "it is being deleted", true
		return
	}
	why := ""
	p.Down = text(at(pod, "status", "phase")) == "Pending"
	p.Creating = p.Down
	for _, list := range []string{"initContainerStatuses", "containerStatuses"} {
		statuses, _ := at(pod, "status", list).([]any)
		for _, s := range statuses {
			for _, state := range []string{"waiting", "terminated"} {
				reason := text(at(s, "state", state, "reason"))
				if reason == "" || list == "initContainerStatuses" && (reason == "Completed" || reason == "PodInitializing") {
					continue
				}
				p.Down = true
				if reason != "ContainerCreating" && reason != "PodInitializing" {
					p.Creating = false
				}
				if why == "" || strings.HasSuffix(why, "PodInitializing") {
					why = fmt.Sprintf("container %q: %s%s", text(at(s, "name")), reason, ended(s))
				}
			}
		}
	}
	conditions, _ := at(pod, "status", "conditions").([]any)
	for _, condition := range conditions {
		kind, message := text(at(condition, "type")), text(at(condition, "message"))
		switch {
		case text(at(condition, "status")) == "True":
			if kind == "Ready" {
				p.Ready, p.Down, p.Creating = true, false, false
				return
			}
		case kind == "PodScheduled":
			p.Creating = false
			why = cmp.Or(why, message)
		case kind == "Ready":
			why = cmp.Or(why, message)
		}
	}
	if why == "" && !p.Down {
		why = "its readiness probe has not succeeded"
	}
	p.Why = cmp.Or(why, "phase "+cmp.Or(text(at(pod, "status", "phase")), "unknown"))
}

// ended describes how a container ended that does not run: its exit code and how often it was restarted.
func ended(status any) string {
	last := at(status, "state", "terminated")
	if last == nil {
		last = at(status, "lastState", "terminated")
	}
	var parts []string
	if code := text(at(last, "exitCode")); code != "" {
		parts = append(parts, "exit code "+code+signalOf(code))
	}
	if n := number(at(status, "restartCount")); n > 0 {
		parts = append(parts, plural(n, "restart"))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// signalOf names the signal of an exit code above 128.
func signalOf(code string) string {
	names := map[string]string{"134": "SIGABRT", "137": "SIGKILL", "139": "SIGSEGV", "143": "SIGTERM"}
	if name := names[code]; name != "" {
		return " " + name
	}
	return ""
}

// at reports whether an address is a port of the pod, by its IP or by a host name such as POD.SERVICE.NAMESPACE.svc.
func (p *Pod) at(addr string, port int) bool {
	host, number, err := net.SplitHostPort(addr)
	return err == nil && number == strconv.Itoa(port) && (host == p.IP || strings.HasPrefix(host, p.Name+"."))
}

func (p *Pod) containers() []any {
	containers, _ := at(p.Object, "spec", "containers").([]any)
	return containers
}

// place reports where in a pod the server is: the container with its port, with its name, else the first one.
func (p *Pod) place(port int, name string) {
	p.Port = port
	containers := p.containers()
	if len(containers) == 0 {
		return
	}
	best := containers[0]
	for _, want := range []func(c any) bool{
		func(c any) bool { return text(at(c, "name")) == name },
		func(c any) bool {
			ports, _ := at(c, "ports").([]any)
			return slices.ContainsFunc(ports, func(cp any) bool { return number(at(cp, "containerPort")) == port })
		},
	} {
		if i := slices.IndexFunc(containers, want); i >= 0 {
			best = containers[i]
		}
	}
	p.Container = text(at(best, "name"))
}

// each calls f for 0 to n-1, a few at once.
func each(n int, f func(i int)) {
	const atOnce = 8
	var group sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range n {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			f(i)
		})
	}
	group.Wait()
}
