package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// Bounds of what is shown of a pod that is in trouble.
const (
	logTail    = 3               // lines
	eventTail  = 3               // events
	startTime  = 3 * time.Minute // in which a Redis may be on its way
	restartAge = time.Hour       // since when a restart is no news
)

// starting reports that a Redis is on its way, where it is young: everything that it lacks follows from that.
func (p *problems) starting(s *State) {
	if s.Cluster || s.bootstrapping() {
		return
	}
	if len(s.Redis.Pods) == 0 {
		if age := time.Since(created(s.Object)); !created(s.Object).IsZero() && age < startTime {
			*p = slices.DeleteFunc(*p, func(problem *Problem) bool { return problem.ID == noPods })
			p.error(starting, "", "%s was created %s ago and has no pods yet; wait for the operator to create them", s, ago(created(s.Object)))
		}
		return
	}
	all := slices.Concat(s.Redis.Pods, s.Watchers)
	ready := 0
	for _, pod := range all {
		if pod.Ready {
			ready++
		} else if pod.Down && !pod.Creating {
			return // it is not on its way, but in trouble
		}
	}
	total := max(s.Replicas, len(s.Redis.Pods)) + max(number(at(s.Object, "spec", "sentinel", "replicas")), len(s.Watchers))
	if ready == total && len(s.Masters()) == 1 && !s.connecting() || youngest(all) > startTime {
		return
	}
	for _, m := range s.Masters() {
		if m.Pod.Ready && youngest([]*Pod{m.Pod}) > startTime {
			return // a part of it is new, not the whole
		}
	}
	*p = slices.DeleteFunc(*p, func(problem *Problem) bool { return problem.ID == podDown })
	next := "wait until the pods run"
	switch m := s.Masters(); {
	case len(m) == 1:
		next = fmt.Sprintf("pod %s is the master; wait until replicas are in sync and readiness probes succeed, which begin 30 s after a pod starts", m[0].Pod.Name)
	case s.allWait():
		next = "the operator appoints the master in its next round, at most 30 s after all pods run; wait for it"
	case len(m) == 0 && slices.ContainsFunc(s.Servers, func(server *Server) bool { return server.Err == nil }):
		return // it had a master
	}
	p.error(starting, "", "%s is starting: %d of %d pods are ready; %s", s, ready, total, next)
}

// connecting reports that a replica has not been in sync yet: Redis answers the readiness probe before the operator names a master.
func (s *State) connecting() bool {
	return slices.ContainsFunc(s.Servers, func(server *Server) bool {
		return server.Err == nil && server.Role == replica && server.Info["master_link_status"] != "up" && server.int("master_link_down_since_seconds") <= 0
	})
}

// restarts reports containers that have restarted, with how they ended.
func (p *problems) restarts(pod *Pod) {
	statuses, _ := at(pod.Object, "status", "containerStatuses").([]any)
	for _, status := range statuses {
		last := at(status, "lastState", "terminated")
		if last == nil {
			continue
		}
		finished, err := time.Parse(time.RFC3339, text(at(last, "finishedAt")))
		when := text(at(last, "finishedAt"))
		if err == nil {
			when = ago(finished) + " ago"
		}
		name, count := text(at(status, "name")), number(at(status, "restartCount"))
		if text(at(last, "reason")) == "OOMKilled" {
			p.warn(memoryKilled, "mem/headroom", "container %q of pod %s was killed for exceeding its memory limit %s; it has restarted %s; raise the limit or lower maxmemory", name, pod.Name, when, times(count)).about(pod.Name)
			continue
		}
		if err == nil && time.Since(finished) > restartAge || !pod.Ready && pod.Down {
			continue // old, or what podDown says
		}
		code := text(at(last, "exitCode"))
		p.warn(podRestarted, "", "container %q of pod %s restarted %s, last %s: exit code %s%s", name, pod.Name, times(count), when, code, signalOf(code)).about(pod.Name)
	}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// evidence adds what events, logs and the operator say about what is wrong, where they may be read.
func (c *Cluster) evidence(ctx context.Context, r *Report) {
	for _, p := range r.Problems {
		if p.ID != podDown && p.ID != podUnready && p.ID != noPods && p.ID != podCount && p.ID != starting && p.ID != podRestarted {
			continue
		}
		objects := map[string]string{} // kind, by name
		for _, pod := range p.pods {
			objects[pod] = podKind.Kind
		}
		if set := r.traits().StatefulSet; set != "" && (p.ID == noPods || p.ID == podCount || p.ID == starting) {
			objects[strings.ReplaceAll(set, "{name}", r.Name)] = statefulSetKind.Kind
		}
		for _, name := range sortedKeys(objects) {
			lines, err := c.lastEvents(ctx, r.Namespace, objects[name], name)
			if err != nil {
				r.skip("events of pods", err)
				break
			}
			p.saw(lines...)
		}
		for _, name := range p.pods {
			lines, err := c.lastWords(ctx, r, name)
			if err != nil {
				r.skip("logs of pods", err)
				break
			}
			p.saw(lines...)
		}
		p.Details = unique(p.Details)
	}
	if len(r.Problems) > 0 && r.Operator != nil && len(r.Operator.pods) > 0 {
		r.Operator.Error = c.complaint(ctx, r.Operator, r.Redis)
	}
	if o := r.Operator; o != nil && o.Error != nil {
		o.Error.Text = r.mask(o.Error.Text)
		if top := r.Problems[0]; top.Severity == finding.Error {
			top.saw(fmt.Sprintf("log of the operator (%s): %s", o.Error.Pod, o.Error.Text))
		} else {
			var p problems
			p.warn(operatorError, "", "last error of the operator for it (%s): %s", o.Error.Pod, o.Error.Text)
			r.Problems = append(r.Problems, p...)
		}
	}
	for _, p := range r.Problems {
		for i := range p.Details {
			p.Details[i] = r.mask(p.Details[i])
		}
	}
}

func unique(lines []string) (kept []string) {
	for _, line := range lines {
		if !slices.Contains(kept, line) {
			kept = append(kept, line)
		}
	}
	return kept
}

// lastEvents returns the last warnings about a resource, each as a line.
func (c *Cluster) lastEvents(ctx context.Context, namespace, kind, name string) ([]string, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	events, err := c.api.Events(ctx, namespace, kind, name)
	if err != nil {
		return nil, err
	}
	events = slices.DeleteFunc(events, func(e map[string]any) bool { return text(e["type"]) != "Warning" })
	when := func(e map[string]any) string {
		return cmp.Or(text(e["lastTimestamp"]), text(e["eventTime"]), text(at(e, "metadata", "creationTimestamp")))
	}
	slices.SortStableFunc(events, func(a, b map[string]any) int { return cmp.Compare(when(a), when(b)) })
	events = events[max(0, len(events)-eventTail):]
	var lines []string
	for _, e := range events {
		count := ""
		if n := number(e["count"]); n > 1 {
			count = fmt.Sprintf(" (%d times)", n)
		}
		lines = append(lines, fmt.Sprintf("event of %s: %s%s: %s", name, text(e["reason"]), count, shorten(text(e["message"]))))
	}
	return lines, nil
}

// lastWords returns the last lines of the log of a container that does not run.
func (c *Cluster) lastWords(ctx context.Context, r *Report, name string) ([]string, error) {
	all := slices.Concat(r.Redis.Pods, r.Watchers)
	i := slices.IndexFunc(all, func(p *Pod) bool { return p.Name == name })
	if i < 0 {
		return nil, nil
	}
	var lines []string
	for _, list := range []string{"initContainerStatuses", "containerStatuses"} {
		statuses, _ := at(all[i].Object, "status", list).([]any)
		for _, status := range statuses {
			current, last := at(status, "state", "terminated"), at(status, "lastState", "terminated")
			if current == nil && last == nil || list == "initContainerStatuses" && text(at(current, "exitCode")) == "0" {
				continue
			}
			container := text(at(status, "name"))
			bounded, cancel := c.bounded(ctx)
			log, err := c.api.Tail(bounded, r.Namespace, name, container, current == nil, logTail)
			cancel()
			var forbidden *Forbidden
			if errors.As(err, &forbidden) {
				return nil, err
			}
			for line := range strings.SplitSeq(strings.TrimSpace(log), "\n") {
				if line = shorten(line); line != "" && err == nil {
					lines = append(lines, fmt.Sprintf("log of %s: %s", name, line))
				}
			}
		}
	}
	return lines, nil
}

// A line of a configuration that Redis complains about holds the password.
var secretLine = lazyregexp.New(`(?i)((?:requirepass|masterauth|masteruser|auth-pass|auth-user|--pass|--user|user)['"]?\s+).*`)

// mask keeps passwords out of what somebody else has written.
func (s *State) mask(line string) string {
	line = secretLine.ReplaceAllString(line, "$1***")
	for _, part := range append([]string{s.password}, strings.Fields(s.password)...) {
		if part != "" {
			line = strings.ReplaceAll(line, part, "***")
		}
	}
	return line
}

// claims matches the names of volumes of a StatefulSet, CLAIM-NAME-ORDINAL; its second group is the name of the resource.
func claims(statefulSet string) *regexp.Regexp {
	return regexp.MustCompile(`^(.+)-` + strings.ReplaceAll(regexp.QuoteMeta(statefulSet), regexp.QuoteMeta("{name}"), "(.+)") + `-([0-9]+)$`)
}

// surroundings checks what else of the namespace touches a Redis: ConfigMaps that it names or shares with another one, and
// volumes of one that is gone.
func (c *Cluster) surroundings(ctx context.Context, report *Report, p *problems) {
	r, traits := report.Redis, report.traits()
	if traits.MaxName > 0 && len(r.Name) > traits.MaxName {
		p.error(nameTooLong, "name/too-long", "the name %q has %d characters, and the operator ignores %ss with more than %d; choose a shorter one", r.Name, len(r.Name), r.Kind, traits.MaxName)
	}
	if traits.StatefulSet == "" {
		return
	}
	if name := text(at(r.Object, "spec", "redis", "shutdownConfigMap")); name != "" {
		bounded, cancel := c.bounded(ctx)
		_, err := c.api.Get(bounded, configMapKind, r.Namespace, name)
		cancel()
		var missing *NotFound
		if errors.As(err, &missing) {
			p.error(hookMissing, "data/hook-config-map", "ConfigMap %q of spec.redis.shutdownConfigMap does not exist in namespace %q, and the operator stops before it creates or changes pods; create it", name, r.Namespace)
		} else if err != nil {
			report.skip("ConfigMap "+name, err)
		}
	}
	names, err := c.named(ctx, r)
	if err != nil {
		report.skip("other "+r.Kind+"s of the namespace", err)
		return
	}
	for _, other := range names {
		if shared := sharedConfigMap(traits.ConfigMaps, r.Name, other); shared != "" {
			p.error(nameClash, "name/config-map-cross", "%ss %q and %q share ConfigMap %q: the operator overwrites it for one with that of the other in each round; rename one of them", r.Kind, r.Name, other, shared)
		}
	}
	c.leftVolumes(ctx, report, p, names)
}

// sharedConfigMap returns the name of a ConfigMap that the operator creates for both of two resources; "" for none.
func sharedConfigMap(patterns []string, a, b string) string {
	for _, first := range patterns {
		for _, second := range patterns {
			name := strings.ReplaceAll(first, "{name}", a)
			if a != b && name == strings.ReplaceAll(second, "{name}", b) {
				return name
			}
		}
	}
	return ""
}

// named returns the names of all resources of its kind in a namespace.
func (c *Cluster) named(ctx context.Context, r *Redis) ([]string, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	kinds, err := c.kinds(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, k := range kinds {
		if k.Kind != r.Kind {
			continue
		}
		objects, err := c.api.List(ctx, k, r.Namespace, "")
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			names = append(names, nameOf(o))
		}
	}
	return names, nil
}

// leftVolumes reports the volumes of resources that are gone: after a change of the name the data is in them.
func (c *Cluster) leftVolumes(ctx context.Context, report *Report, p *problems, names []string) {
	bounded, cancel := c.bounded(ctx)
	objects, err := c.api.List(bounded, claimKind, report.Namespace, "")
	cancel()
	if err != nil {
		report.skip("PVCs that no Redis uses", err)
		return
	}
	left, pattern := map[string][]string{}, claims(report.traits().StatefulSet)
	for _, o := range objects {
		m := pattern.FindStringSubmatch(nameOf(o))
		if m == nil {
			continue
		}
		ordinal, _ := strconv.Atoi(m[3])
		if !slices.Contains(names, m[2]) || m[2] == report.Name && ordinal >= max(report.Replicas, len(report.Redis.Pods)) {
			left[m[2]] = append(left[m[2]], nameOf(o))
		}
	}
	empty := len(report.Masters()) > 0 && report.Masters()[0].Keys() == 0
	for _, name := range sortedKeys(left) {
		slices.Sort(left[name])
		list := strings.Join(left[name], ", ")
		switch {
		case name == report.Name:
			p.add(finding.Info, volumesLeft, "", "PVC %s belonged to replicas that %s no longer has; delete it if the data is not needed", list, report)
		case empty:
			p.warn(volumesLeft, "", "%s is empty, and PVC %s of %s %q, which no longer exists, remains: if the Redis was renamed, its data is there; rename it back, or copy the data", report, list, report.Kind, name)
		default:
			p.add(finding.Info, volumesLeft, "", "PVC %s of %s %q, which no longer exists, remains; delete it if the data is not needed", list, report.Kind, name)
		}
	}
}

// renamed checks for commands that the operator needs under their names.
func (p *problems) renamed(s *State) {
	list, _ := at(s.Object, "spec", "redis", "customCommandRenames").([]any)
	for _, item := range list {
		from := strings.ToUpper(text(at(item, "from")))
		// The commands that service/redis/client.go sends to Redis.
		if slices.Contains([]string{"CONFIG", "INFO", "SLAVEOF", "AUTH"}, from) {
			p.error(renamedCommand, "sec/rename-breaks-operator", "spec.redis.customCommandRenames renames %s, which the operator sends by its own name: it stops in each round; remove the entry", from)
		}
	}
}
