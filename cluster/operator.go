package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// An Operator is what can be seen of the operator of a Redis.
type Operator struct {
	Running bool   // it was seen at work
	Down    string // why it does not reconcile the Redis; "" where nothing says so
	Unseen  error  // why it is not known whether it runs; nil where it is
	Where   string // its Deployment or Lease
	Absent  bool   // everything could be listed, and it is not there
	Error   *LogLine

	pods []*Pod
}

// LogLine is a line of a log.
type LogLine struct {
	Pod, Text string
}

var (
	leaseKind = Kind{"coordination.k8s.io/v1", "Lease", "leases"}
	// Leaders of kooper v2.4.0 (Spotahome and its forks) and of controller-runtime renew their Lease every 2 s, and end after 10 s
	// in which they could not.
	leaseRenewal = 11 * time.Second
	// A Lease that is so old by this machine's clock is looked at for a shorter time.
	leaseAncient      = 5 * time.Minute
	leaseRenewalShort = 3 * time.Second
)

// operatorOf looks for the operator of a Redis: its Deployment, whose pods must be ready, and its Lease, which must be renewed.
// nil is a Redis without an operator.
func (c *Cluster) operatorOf(ctx context.Context, r *Redis) *Operator {
	i := slices.IndexFunc(c.operators, func(o *cue.Operator) bool { return o.Name == r.Operator })
	if i < 0 || len(c.operators[i].Kinds) == 0 {
		return nil
	}
	known := c.operators[i]
	o := &Operator{}
	deployments, deploymentErr := c.operatorDeployments(ctx, known)
	lease := known.Recognise().Lease
	var leases []map[string]any
	var leaseErr error
	if lease != "" {
		leases, leaseErr = c.operatorLeases(ctx, lease)
	}
	if len(leases) > 0 {
		o.Where = fmt.Sprintf("Lease %s/%s", namespaceOf(leases[0]), nameOf(leases[0]))
		if old := c.notRenewed(ctx, leases); old == "" {
			o.Running = true
		} else {
			o.Down = fmt.Sprintf("%s was not renewed for %s", o.Where, old)
		}
	}
	for _, d := range deployments {
		where := fmt.Sprintf("Deployment %s/%s", namespaceOf(d), nameOf(d))
		o.pods = append(o.pods, c.operatorPods(ctx, d)...)
		o.Where = where
		ready, want := number(at(d, "status", "readyReplicas")), 1
		if n := text(at(d, "spec", "replicas")); n != "" {
			want = number(n)
		}
		switch {
		case o.Running:
		case want == 0:
			o.Down = where + " is scaled to 0"
		case ready == 0:
			o.Down = fmt.Sprintf("%s has no ready pod%s", where, unreadyOperator(o.pods))
		case len(leases) == 0:
			o.Running, o.Down = true, ""
		}
		if pattern := unwatched(d, r.Namespace); pattern != "" {
			o.Running, o.Down = false, fmt.Sprintf("%s only watches namespaces that match %q", where, pattern)
		}
	}
	if o.Running {
		o.Down = ""
	}
	if !o.Running && o.Down == "" {
		o.Unseen = errors.Join(deploymentErr, leaseErr)
		o.Absent = o.Unseen == nil
	}
	return o
}

// operatorDeployments lists the Deployments of an operator, in all namespaces.
func (c *Cluster) operatorDeployments(ctx context.Context, known *cue.Operator) ([]map[string]any, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	objects, err := c.api.List(ctx, deploymentKind, "", "")
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(objects, func(object map[string]any) bool {
		return len(instance.Recognise([]instance.Document{document(object)}, []*cue.Operator{known})) == 0
	}), nil
}

func (c *Cluster) operatorLeases(ctx context.Context, name string) ([]map[string]any, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	objects, err := c.api.List(ctx, leaseKind, "", "")
	if err != nil {
		return nil, err
	}
	prefix, open := strings.CutSuffix(name, "*")
	return slices.DeleteFunc(objects, func(object map[string]any) bool {
		return nameOf(object) != name && (!open || !strings.HasPrefix(nameOf(object), prefix))
	}), nil
}

// notRenewed waits until one of several Leases is renewed, and says how old the newest is when none is: "" is renewed. The
// clocks of this machine and of the cluster need not agree.
func (c *Cluster) notRenewed(ctx context.Context, leases []map[string]any) string {
	const every = 500 * time.Millisecond
	renewals := func() (all []string, newest time.Time) {
		for _, l := range leases {
			renewal := text(at(l, "spec", "renewTime"))
			all = append(all, renewal)
			if t, err := time.Parse(time.RFC3339Nano, renewal); err == nil && t.After(newest) {
				newest = t
			}
		}
		return all, newest
	}
	first, newest := renewals()
	patience := leaseRenewal
	if time.Since(newest) > leaseAncient {
		patience = leaseRenewalShort
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline) && pause(ctx, every); {
		for i, l := range leases {
			bounded, cancel := c.bounded(ctx)
			again, err := c.api.Get(bounded, leaseKind, namespaceOf(l), nameOf(l))
			cancel()
			if err != nil {
				continue
			}
			leases[i] = again
		}
		if now, _ := renewals(); !slices.Equal(now, first) {
			return ""
		}
	}
	return max(patience, time.Since(newest)).Round(time.Second).String()
}

// operatorPods lists the pods of a Deployment; none where that is not allowed.
func (c *Cluster) operatorPods(ctx context.Context, deployment map[string]any) []*Pod {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	pods, err := c.selected(ctx, namespaceOf(deployment), []map[string]string{stringMap(at(deployment, "spec", "selector", "matchLabels"))})
	if err != nil {
		return nil
	}
	for _, p := range pods {
		p.place(0, "")
	}
	return pods
}

func unreadyOperator(pods []*Pod) string {
	if list := unready(pods); list != "" {
		return ": " + list
	}
	return ""
}

// unwatched returns the pattern of namespaces to which an operator of Spotahome's family is limited, when a namespace does not
// match: --supported-namespaces-regex in cmd/utils/flags.go.
func unwatched(deployment map[string]any, namespace string) string {
	containers, _ := at(deployment, "spec", "template", "spec", "containers").([]any)
	for _, container := range containers {
		var words []any
		for _, field := range []string{"command", "args"} {
			list, _ := at(container, field).([]any)
			words = append(words, list...)
		}
		for i, word := range words {
			flag, pattern, ok := strings.Cut(strings.TrimLeft(text(word), "-"), "=")
			if flag != "supported-namespaces-regex" {
				continue
			}
			if !ok && i+1 < len(words) {
				pattern = text(words[i+1])
			}
			if re, err := regexp.Compile(pattern); err == nil && !re.MatchString(namespace) {
				return pattern
			}
		}
	}
	return ""
}

// logLines is how much of the operator's log is looked at.
const logLines = 2000

// complaint finds the last error about a Redis in the log of its operator; nil where there is none, or the log may not be read.
func (c *Cluster) complaint(ctx context.Context, o *Operator, r *Redis) *LogLine {
	for _, p := range o.pods {
		bounded, cancel := c.bounded(ctx)
		log, err := c.api.Tail(bounded, p.Namespace, p.Name, p.Container, false, logLines)
		cancel()
		if err != nil {
			continue
		}
		if line := lastComplaint(log, r.Namespace, r.Name); line != "" {
			return &LogLine{Pod: p.Name, Text: line}
		}
	}
	return nil
}

var (
	// logrus as text and as JSON, and zap.
	graveLevel = lazyregexp.New(`(?i)\blevel"?[=:] ?"?(error|warn|warning|fatal|panic)\b|\t(ERROR|WARN)\t`)
	logMessage = lazyregexp.New(`\bmsg"?[=:] ?"((?:[^"\\]|\\.)*)"`)
	logError   = lazyregexp.New(`\berr(?:or)?"?[=:] ?"((?:[^"\\]|\\.)*)"`)
	word       = lazyregexp.New(`[A-Za-z0-9.-]+`)
)

// lastComplaint returns the last line of a log that is an error or a warning and names a resource, as its message.
func lastComplaint(log, namespace, name string) string {
	lines := strings.Split(log, "\n")
	for _, line := range slices.Backward(lines) {
		if !graveLevel.MatchString(line) {
			continue
		}
		words := word.FindAllString(line, -1)
		if !slices.Contains(words, name) || !slices.Contains(words, namespace) {
			continue
		}
		message := line
		if m := logMessage.FindStringSubmatch(line); m != nil {
			message = unescape(m[1])
			if e := logError.FindStringSubmatch(line); e != nil {
				message += ": " + unescape(e[1])
			}
		}
		return shorten(message)
	}
	return ""
}

func unescape(text string) string {
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\n`, " ", `\t`, " ").Replace(text)
}

// shorten keeps a line of somebody else readable.
func shorten(line string) string {
	const most = 300
	line = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, line))
	if len(line) > most {
		line = strings.ToValidUTF8(line[:most], "") + "…"
	}
	return line
}

// lastChange is when something that is no part of Kubernetes last changed a resource that the operator owns, by managedFields.
func lastChange(objects ...map[string]any) (when time.Time, by string) {
	for _, object := range objects {
		fields, _ := at(object, "metadata", "managedFields").([]any)
		for _, f := range fields {
			manager := text(at(f, "manager"))
			if !strings.Contains(manager, "operator") && manager != "manager" {
				continue
			}
			if t, err := time.Parse(time.RFC3339, text(at(f, "time"))); err == nil && t.After(when) {
				when, by = t, manager
			}
		}
	}
	return when, by
}

// operator checks that it runs.
func (p *problems) operator(s *State, o *Operator, changed time.Time) {
	if o == nil {
		return
	}
	last := ""
	if !changed.IsZero() {
		last = fmt.Sprintf("; its last change to this Redis was %s ago", ago(changed))
	}
	switch {
	case o.Down != "":
		p.error(operatorDown, "ha/operator-missing", "the operator is not running: %s%s; nothing is repaired, and after a failover Services keep selecting the old master; start it", o.Down, last)
	case o.Absent:
		severity := finding.Warning
		if !s.traits().HoldsLease {
			severity = finding.Info // it may run without a Lease, and from an image of another name
		}
		p.add(severity, operatorMissing, "ha/operator-missing", "no %s operator was found in the cluster, neither its Deployment nor its Lease%s; check that it is installed and running", s.Redis.Operator, last)
	}
}

// ago describes how long ago something was, to a unit that people compare.
func ago(t time.Time) string {
	switch d := time.Since(t); {
	case d < 2*time.Minute:
		return d.Round(time.Second).String()
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
}

// created is when a resource was made; the zero time where it does not say.
func created(object map[string]any) time.Time {
	t, _ := time.Parse(time.RFC3339, text(at(object, "metadata", "creationTimestamp")))
	return t
}

// youngest returns the age of the youngest of some pods; a day where they do not say.
func youngest(pods []*Pod) time.Duration {
	age := 24 * time.Hour
	for _, p := range pods {
		started, err := time.Parse(time.RFC3339, cmp.Or(text(at(p.Object, "status", "startTime")), text(at(p.Object, "metadata", "creationTimestamp"))))
		if err == nil {
			age = min(age, time.Since(started))
		}
	}
	return age
}
