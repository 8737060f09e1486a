package cluster

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

var (
	jobKind   = Kind{"batch/v1", "Job", "jobs"}
	claimKind = Kind{"v1", "PersistentVolumeClaim", "persistentvolumeclaims"}
)

// A Job is one that [Cluster.StartJob] has made, or has found at work.
type Job struct {
	Namespace, Name string
	Found           bool // it was at work already, with the same command

	uid, container string
	limit          string // of the container's memory
}

// String is how people call it.
func (j *Job) String() string { return fmt.Sprintf("Job %s/%s", j.Namespace, j.Name) }

// JobOptions say how a Job is followed. The zero value does it quietly.
type JobOptions struct {
	Log io.Writer // gets what its container prints, as it is printed
	Say func(text string)

	starting, asking time.Duration // 0 is startWait, and askWait
}

// A JobEnd is how a Job has ended.
type JobEnd struct {
	Code int    // the exit code of its container; -1 when there was none
	Why  string // in words; "" when it went well
	Last string // the last lines that it printed
}

const (
	startWait   = 5 * time.Minute // for a pod that cannot start yet: a cluster may be getting another node
	askWait     = 2 * time.Minute // for an API server that does not answer
	jobEvery    = 500 * time.Millisecond
	lastLines   = 10
	lastBytes   = 8 << 10
	memoryKills = "OOMKilled"
)

// StartJob creates a Job, given as its manifest, after a look at whether the claim and the Secrets that it names are there. One
// of the same name that is at work with the same command is given instead. That is all that this package ever writes to
// Kubernetes.
func (c *Cluster) StartJob(ctx context.Context, manifest map[string]any) (*Job, error) {
	namespace := cmp.Or(namespaceOf(manifest), c.namespace, "default")
	j := &Job{Namespace: namespace, Name: nameOf(manifest)}
	if err := c.needs(ctx, namespace, manifest); err != nil {
		return nil, err
	}
	asking, cancel := c.bounded(ctx)
	defer cancel()
	object, err := c.api.Create(asking, jobKind, namespace, manifest)
	var exists *Exists
	if errors.As(err, &exists) {
		if object, err = c.api.Get(asking, jobKind, namespace, j.Name); err == nil {
			j.Found, err = true, j.again(object, manifest)
		}
	}
	if err != nil {
		return nil, err
	}
	j.uid = text(at(object, "metadata", "uid"))
	container := firstContainer(object)
	j.container, j.limit = text(at(container, "name")), text(at(container, "resources", "limits", "memory"))
	return j, nil
}

func firstContainer(job map[string]any) any {
	containers, _ := at(job, "spec", "template", "spec", "containers").([]any)
	if len(containers) == 0 {
		return nil
	}
	return containers[0]
}

// again explains why a Job that is there cannot be followed instead of a new one.
func (j *Job) again(object, manifest map[string]any) error {
	remove := fmt.Sprintf("kubectl delete job %s -n %s", j.Name, j.Namespace)
	if done, ok, _ := finished(object); done {
		how := "failed"
		if ok {
			how = "succeeded"
		}
		return fmt.Errorf("%s already exists and has %s; %s, then run this command again", j, how, remove)
	}
	if text(at(object, "metadata", "deletionTimestamp")) != "" {
		return fmt.Errorf("the previous %s is being deleted; try again in a moment", j)
	}
	for _, key := range []string{"command", "image"} {
		is, _ := json.Marshal(at(firstContainer(object), key))
		want, _ := json.Marshal(at(firstContainer(manifest), key))
		if !bytes.Equal(is, want) {
			return fmt.Errorf("%s is already running with another %s: %s; wait for it to finish, or stop it: %s", j, key, is, remove)
		}
	}
	return nil
}

// needs looks for the claim and the Secrets of a Job. Who may not look does without: its pod will not start, which is reported.
func (c *Cluster) needs(ctx context.Context, namespace string, manifest map[string]any) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	var errs []error
	object := func(k Kind, name string) map[string]any {
		found, err := c.api.Get(ctx, k, namespace, name)
		var missing *NotFound
		if errors.As(err, &missing) && !slices.ContainsFunc(errs, func(e error) bool { return e.Error() == err.Error() }) {
			errs = append(errs, err)
		}
		return found
	}
	key := func(name, key string) {
		secret := object(secretKind, name)
		if data, _ := at(secret, "data").(map[string]any); secret != nil && data[key] == nil {
			errs = append(errs, fmt.Errorf("the Secret %q in namespace %q has no key %q", name, namespace, key))
		}
	}
	spec := at(manifest, "spec", "template", "spec")
	volumes, _ := at(spec, "volumes").([]any)
	for _, v := range volumes {
		if name := text(at(v, "persistentVolumeClaim", "claimName")); name != "" {
			if claim := object(claimKind, name); text(at(claim, "status", "phase")) == "Lost" {
				errs = append(errs, fmt.Errorf("the PersistentVolumeClaim %q in namespace %q has lost its volume", name, namespace))
			}
		}
		items, _ := at(v, "secret", "items").([]any)
		for _, item := range items {
			key(text(at(v, "secret", "secretName")), text(at(item, "key")))
		}
		if name := text(at(v, "secret", "secretName")); name != "" && len(items) == 0 && at(v, "secret", "optional") != true {
			object(secretKind, name)
		}
	}
	env, _ := at(firstContainer(manifest), "env").([]any)
	for _, e := range env {
		if ref := at(e, "valueFrom", "secretKeyRef"); ref != nil {
			key(text(at(ref, "name")), text(at(ref, "key")))
		}
	}
	from, _ := at(firstContainer(manifest), "envFrom").([]any)
	for _, f := range from {
		if name := text(at(f, "secretRef", "name")); name != "" && at(f, "secretRef", "optional") != true {
			object(secretKind, name)
		}
	}
	return errors.Join(errs...)
}

// finished reports whether a Job has ended, how, and what its controller says of that.
func finished(job map[string]any) (done, ok bool, why string) {
	conditions, _ := at(job, "status", "conditions").([]any)
	for _, condition := range conditions {
		kind := text(at(condition, "type"))
		if text(at(condition, "status")) == "True" && (kind == "Complete" || kind == "Failed") {
			return true, kind == "Complete", cmp.Or(text(at(condition, "message")), text(at(condition, "reason")))
		}
	}
	return false, false, ""
}

// FollowJob passes on what a Job prints until it ends. An error leaves the Job as it is, and says how to go on.
func (c *Cluster) FollowJob(ctx context.Context, j *Job, o JobOptions) (*JobEnd, error) {
	f := &follower{c: c, j: j, o: o}
	f.o.starting, f.o.asking = cmp.Or(o.starting, startWait), cmp.Or(o.asking, askWait)
	end, err := f.run(ctx)
	if err != nil {
		err = fmt.Errorf("%w; %s is still running: run this command again or kubectl logs -f job/%s -n %s to follow it, kubectl delete job %s -n %s to stop it",
			err, j, j.Name, j.Namespace, j.Name, j.Namespace)
	}
	return end, err
}

type follower struct {
	c *Cluster
	j *Job
	o JobOptions

	pod    string    // of which the log is
	seen   int64     // bytes of that
	closed bool      // all of it was seen
	last   []byte    // the end of that
	said   string    // the last step
	mute   error     // the log cannot be read
	failed time.Time // since when questions fail; zero when they do not
	stuck  time.Time // since when the pod cannot start
}

func (f *follower) say(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); text != f.said && f.o.Say != nil {
		f.said = text
		f.o.Say(text)
	}
}

func (f *follower) run(ctx context.Context) (*JobEnd, error) {
	for {
		end, err := f.look(ctx)
		var missing *NotFound
		var forbidden *Forbidden
		switch {
		case ctx.Err() != nil:
			return nil, errors.New("interrupted")
		case end != nil:
			return end, nil
		case errors.As(err, &missing):
			return nil, fmt.Errorf("it was deleted: %w", err)
		case errors.As(err, &forbidden), errors.As(err, new(*startError)):
			return nil, err
		case err == nil:
			f.failed = time.Time{}
		case f.failed.IsZero():
			f.failed = time.Now()
			f.say("%v; trying again", err)
		case time.Since(f.failed) > f.o.asking:
			return nil, err
		}
		pause(ctx, jobEvery)
	}
}

// look looks once, and stays while a container prints.
func (f *follower) look(ctx context.Context) (*JobEnd, error) {
	asking, cancel := f.c.bounded(ctx)
	defer cancel()
	job, err := f.c.api.Get(asking, jobKind, f.j.Namespace, f.j.Name)
	if err != nil {
		return nil, err
	}
	if text(at(job, "metadata", "uid")) != f.j.uid {
		return nil, &NotFound{Kind: jobKind.Kind, Namespace: f.j.Namespace, Name: f.j.Name}
	}
	pods, err := f.c.api.List(asking, podKind, f.j.Namespace, "controller-uid="+f.j.uid)
	if err != nil {
		return nil, err
	}
	done, ok, why := finished(job)
	if len(pods) == 0 {
		if done {
			return &JobEnd{Code: -1, Why: why}, nil
		}
		f.say("waiting for the pod of %s", f.j)
		return nil, nil
	}
	pod := slices.MaxFunc(pods, func(a, b map[string]any) int {
		return cmp.Compare(text(at(a, "metadata", "creationTimestamp")), text(at(b, "metadata", "creationTimestamp")))
	})
	state := f.state(pod)
	if at(state, "running") != nil || at(state, "terminated") != nil {
		f.stuck = time.Time{}
		f.log(ctx, nameOf(pod), at(state, "terminated") != nil)
	} else if !done {
		if err := f.starts(pod, state); err != nil {
			return nil, err
		}
	}
	if !done {
		return nil, nil
	}
	end := &JobEnd{Code: -1, Why: why, Last: f.lines()}
	if t := at(state, "terminated"); t != nil {
		end.Code = number(at(t, "exitCode"))
		if reason := text(at(t, "reason")); reason == memoryKills {
			limit := ""
			if q, err := resource.ParseQuantity(f.j.limit); err == nil {
				limit = ", limit " + q.String()
			}
			end.Why = fmt.Sprintf("container %q was killed for exceeding its memory%s", f.j.container, limit)
		} else if end.Code != 0 {
			end.Why = fmt.Sprintf("exit code %d", end.Code)
		}
	}
	if ok {
		end.Code, end.Why = 0, ""
	}
	if f.mute != nil && f.o.Say != nil {
		f.o.Say(fmt.Sprintf("cannot read its log: %v", f.mute))
	}
	return end, nil
}

// state is that of the container.
func (f *follower) state(pod map[string]any) any {
	statuses, _ := at(pod, "status", "containerStatuses").([]any)
	for _, s := range statuses {
		if text(at(s, "name")) == f.j.container {
			return at(s, "state")
		}
	}
	return nil
}

// startError reports that a pod does not start, and will not by waiting.
type startError struct{ text string }

func (e *startError) Error() string { return e.text }

// hopeless are reasons that no waiting helps with; k8s.io/kubernetes pkg/kubelet/images/types.go.
var hopeless = []string{"InvalidImageName", "ErrImageNeverPull"}

// starts returns why a pod has not started yet, and an error if it never will.
func (f *follower) starts(pod map[string]any, state any) error {
	reason, message := text(at(state, "waiting", "reason")), text(at(state, "waiting", "message"))
	conditions, _ := at(pod, "status", "conditions").([]any)
	for _, condition := range conditions {
		if text(at(condition, "type")) == "PodScheduled" && text(at(condition, "status")) == "False" {
			reason, message = cmp.Or(text(at(condition, "reason")), "Unschedulable"), text(at(condition, "message"))
		}
	}
	switch reason {
	case "", "ContainerCreating", "PodInitializing":
		f.say("waiting for pod %s to start", nameOf(pod))
		return nil
	}
	why := fmt.Sprintf("pod %s does not start: %s", nameOf(pod), reason)
	if message != "" {
		why += ": " + message
	}
	if f.stuck.IsZero() {
		f.stuck = time.Now()
	}
	if slices.Contains(hopeless, reason) || time.Since(f.stuck) > f.o.starting {
		return &startError{why}
	}
	f.say("%s", why)
	return nil
}

// log passes on what the container has printed since the last time. A connection that breaks is no error: the next look goes on.
func (f *follower) log(ctx context.Context, pod string, ended bool) {
	if f.pod != pod {
		f.pod, f.seen, f.closed, f.last = pod, 0, false, nil
		f.say("pod %s is running", pod)
	}
	if f.closed {
		return
	}
	r, err := f.c.api.Log(ctx, f.j.Namespace, pod, f.j.container)
	if err == nil {
		_, err = io.CopyN(io.Discard, r, f.seen)
		if err == nil {
			_, err = io.Copy(f, r)
		}
		r.Close()
	}
	f.mute = err
	f.closed = err == nil && ended
}

// Write takes a piece of the log.
func (f *follower) Write(p []byte) (int, error) {
	f.seen += int64(len(p))
	f.last = append(f.last, p...)
	if n := len(f.last) - lastBytes; n > 0 {
		f.last = slices.Delete(f.last, 0, n)
	}
	if f.o.Log == nil {
		return len(p), nil
	}
	return f.o.Log.Write(p)
}

// lines returns the last lines of the log.
func (f *follower) lines() string {
	lines := strings.Split(strings.TrimRight(string(f.last), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-lastLines):], "\n")
}
