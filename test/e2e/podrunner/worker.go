package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// worker runs one pod.
type worker struct {
	k       *kubelet
	pod     *v1.Pod
	ip      string
	dir     string
	started metav1.Time

	stop  chan struct{} // closed by the first terminate
	kill  chan struct{} // closed when the grace period is over
	done  chan struct{}
	dirty chan struct{} // a change of state to publish

	mu     sync.Mutex
	grace  time.Duration
	graced bool
	killed bool
	init   []*state
	main   []*state
	reason string // why nothing runs yet
}

// state is a container and what has become of it.
type state struct {
	spec      v1.Container
	container container
	pid       int
	status    v1.ContainerStatus
	failures  int           // in a row
	over      chan struct{} // of a sidecar: the other containers have ended
}

func newWorker(k *kubelet, pod *v1.Pod) *worker {
	w := &worker{
		k: k, pod: pod, dir: filepath.Join(k.state, "pods", string(pod.UID)), started: metav1.Now(),
		stop: make(chan struct{}), kill: make(chan struct{}), done: make(chan struct{}), dirty: make(chan struct{}, 1),
	}
	states := func(specs []v1.Container) []*state {
		var out []*state
		for _, c := range specs {
			no := false
			out = append(out, &state{spec: c, status: v1.ContainerStatus{
				Name: c.Name, Image: c.Image, ImageID: c.Image, Started: &no,
				State: v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: "ContainerCreating"}},
			}})
		}
		return out
	}
	w.init, w.main = states(pod.Spec.InitContainers), states(pod.Spec.Containers)
	return w
}

func (w *worker) name() string { return w.pod.Namespace + "/" + w.pod.Name }

func (w *worker) ended() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

// terminate ends the pod within grace. A later call can only shorten it.
func (w *worker) terminate(grace time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.graced || grace < w.grace {
		w.grace = grace
		time.AfterFunc(grace, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			if !w.killed {
				w.killed = true
				close(w.kill)
			}
		})
	}
	if !w.graced {
		w.graced = true
		close(w.stop)
	}
}

// stopping is a context that ends when the pod is to end.
func (w *worker) stopping(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-w.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

func (w *worker) run(ctx context.Context) {
	publishing, stopPublishing := context.WithCancel(ctx)
	var publisher sync.WaitGroup
	publisher.Go(func() { w.publish(publishing) })
	running, cancel := w.stopping(ctx)
	err := w.runContainers(running)
	cancel()
	if err != nil && running.Err() == nil {
		slog.Error("pod", "pod", w.name(), "error", err)
	}
	stopPublishing()
	publisher.Wait()
	close(w.done)
	if w.ip != "" {
		w.k.addresses.release(w.ip)
	}
	if ctx.Err() != nil {
		return
	}
	// What ended by itself, a Job's pod, stays until somebody deletes it.
	if err := w.writeStatus(ctx); err != nil && !apierrors.IsNotFound(err) {
		slog.Error("status", "pod", w.name(), "error", err)
	}
	select {
	case <-w.stop:
	case <-ctx.Done():
		return
	}
	zero := int64(0)
	err = w.k.client.CoreV1().Pods(w.pod.Namespace).Delete(ctx, w.pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &zero, Preconditions: &metav1.Preconditions{UID: &w.pod.UID},
	})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) && ctx.Err() == nil {
		slog.Error("delete", "pod", w.name(), "error", err)
	}
	if err := os.RemoveAll(w.dir); err != nil {
		slog.Error("remove volumes", "pod", w.name(), "error", err)
	}
}

// runContainers ends when all containers have ended for good.
func (w *worker) runContainers(ctx context.Context) error {
	ip := ""
	err := w.until(ctx, func() error {
		wanted, err := w.wantedAddress(ctx)
		if err == nil && w.lost(ctx) {
			err = errors.New("the node is lost")
		}
		if err == nil {
			ip, err = w.k.addresses.take(wanted)
		}
		return err
	})
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.ip = ip
	w.mu.Unlock()
	volumes, err := w.volumes(ctx)
	if err != nil {
		return err
	}
	// Sidecars run from their turn among the init containers until all others have ended.
	var sidecars sync.WaitGroup
	over := make(chan struct{})
	defer sidecars.Wait()
	defer close(over)
	for _, s := range w.init {
		if err := w.prepare(ctx, s, volumes); err != nil {
			return err
		}
		if isSidecar(s) {
			s.over = over
			sidecars.Go(func() { w.beside(ctx, s) })
			if err := w.startedUp(ctx, s); err != nil {
				return err
			}
			continue
		}
		for {
			code := w.runOnce(ctx, s)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if code == 0 {
				break
			}
			if w.pod.Spec.RestartPolicy == v1.RestartPolicyNever {
				return fmt.Errorf("init container %s ended with %d", s.spec.Name, code)
			}
			w.backOff(ctx, s)
		}
	}
	var all sync.WaitGroup
	for _, s := range w.main {
		all.Go(func() {
			if w.prepare(ctx, s, volumes) == nil {
				w.supervise(ctx, s)
			}
		})
	}
	all.Wait()
	return nil
}

// isSidecar reports whether an init container runs beside the others (Kubernetes 1.29, KEP-753).
func isSidecar(s *state) bool {
	return s.spec.RestartPolicy != nil && *s.spec.RestartPolicy == v1.ContainerRestartPolicyAlways
}

// beside runs a sidecar until the other containers have ended.
func (w *worker) beside(ctx context.Context, s *state) {
	for ctx.Err() == nil {
		w.runOnce(ctx, s)
		select {
		case <-s.over:
			return
		default:
			w.backOff(ctx, s)
		}
	}
}

// startedUp waits until a sidecar runs and its startup probe, a command, succeeds once.
func (w *worker) startedUp(ctx context.Context, s *state) error {
	for ctx.Err() == nil {
		w.mu.Lock()
		pid, running := s.pid, s.status.State.Running != nil
		w.mu.Unlock()
		if running {
			p := s.spec.StartupProbe
			if p == nil || p.Exec == nil {
				return nil
			}
			if _, err := w.exec(ctx, s, pid, p.Exec.Command); err == nil {
				return nil
			}
		}
		sleep(ctx, 200*time.Millisecond)
	}
	return ctx.Err()
}

// addressesAnnotation of a namespace has the addresses of pods that are made from then on, by name: for tests in which two pods
// swap theirs.
const addressesAnnotation = "podrunner/addresses"

func (w *worker) wantedAddress(ctx context.Context) (string, error) {
	n, err := w.k.client.CoreV1().Namespaces().Get(ctx, w.pod.Namespace, metav1.GetOptions{})
	if err != nil || n.Annotations[addressesAnnotation] == "" {
		return "", err
	}
	var wanted map[string]string
	err = json.Unmarshal([]byte(n.Annotations[addressesAnnotation]), &wanted)
	return wanted[w.pod.Name], err
}

// lostAnnotation of a namespace has patterns of the names of pods, as of path.Match and separated by blanks: their containers do not start,
// as those of a node that is lost.
const lostAnnotation = "podrunner/lost"

func (w *worker) lost(ctx context.Context) bool {
	n, err := w.k.client.CoreV1().Namespaces().Get(ctx, w.pod.Namespace, metav1.GetOptions{})
	return err == nil && slices.ContainsFunc(strings.Fields(n.Annotations[lostAnnotation]), func(pattern string) bool {
		is, err := path.Match(pattern, w.pod.Name)
		return is && err == nil
	})
}

// supervise runs a container again and again, as far as the pod's policy goes.
func (w *worker) supervise(ctx context.Context, s *state) {
	for ctx.Err() == nil {
		if w.lost(ctx) {
			sleep(ctx, 300*time.Millisecond)
			continue
		}
		code := w.runOnce(ctx, s)
		switch policy := w.pod.Spec.RestartPolicy; {
		case ctx.Err() != nil, policy == v1.RestartPolicyNever, policy == v1.RestartPolicyOnFailure && code == 0:
			return
		}
		w.backOff(ctx, s)
	}
}

// backOff waits before a restart: 0.2 s at first, then twice as long each time, and never over 10 s.
func (w *worker) backOff(ctx context.Context, s *state) {
	wait := min(200*time.Millisecond<<min(s.failures, 10), 10*time.Second)
	w.update(func() {
		s.failures++
		s.status.RestartCount++
		s.status.LastTerminationState = s.status.State
		s.status.State = v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off " + wait.String()}}
	})
	w.event(v1.EventTypeWarning, "BackOff", "Back-off restarting failed container "+s.spec.Name)
	sleep(ctx, wait)
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// update changes what mu guards and has it published.
func (w *worker) update(change func()) {
	w.mu.Lock()
	change()
	w.mu.Unlock()
	select {
	case w.dirty <- struct{}{}:
	default:
	}
}

func (w *worker) logFile(s *state, previous bool) string {
	n := int(s.status.RestartCount)
	if previous {
		n--
	}
	return filepath.Join(w.dir, "logs", s.spec.Name, strconv.Itoa(n)+".log")
}

// runOnce runs a container to its end and gives its exit code.
func (w *worker) runOnce(ctx context.Context, s *state) int {
	began := metav1.Now()
	cmd, err := w.startContainer(s)
	if err != nil {
		slog.Error("start", "pod", w.name(), "container", s.spec.Name, "error", err)
		w.update(func() {
			s.status.State = v1.ContainerState{Terminated: &v1.ContainerStateTerminated{ExitCode: 128, Reason: "StartError", Message: err.Error(), StartedAt: began, FinishedAt: metav1.Now()}}
		})
		return 128
	}
	pid := cmd.Process.Pid
	id := "process://" + strconv.Itoa(pid)
	yes, no := true, false
	w.update(func() {
		s.pid = pid
		s.status.ContainerID = id
		s.status.State = v1.ContainerState{Running: &v1.ContainerStateRunning{StartedAt: began}}
		s.status.Started = &yes
		s.status.Ready = s.spec.ReadinessProbe == nil
	})
	w.event(v1.EventTypeNormal, "Started", "Started container "+s.spec.Name)
	exited := make(chan struct{})
	probing, stopProbing := context.WithCancel(ctx)
	var helpers sync.WaitGroup
	w.startProbes(probing, s, pid, exited, &helpers)
	helpers.Go(func() { w.end(s, pid, exited) })
	err = cmd.Wait()
	close(exited)
	stopProbing()
	code, signal := exitCode(cmd, err)
	w.update(func() {
		s.pid = 0
		s.status.Ready = false
		s.status.Started = &no
		reason := "Completed"
		if code != 0 {
			reason = "Error"
		}
		s.status.State = v1.ContainerState{Terminated: &v1.ContainerStateTerminated{
			ExitCode: int32(code), Signal: int32(signal), Reason: reason, StartedAt: began, FinishedAt: metav1.Now(), ContainerID: id,
		}}
		if time.Since(began.Time) > time.Minute {
			s.failures = 0
		}
	})
	helpers.Wait()
	return code
}

func exitCode(cmd *exec.Cmd, err error) (code, signal int) {
	if err == nil {
		return 0, 0
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), int(status.Signal())
	}
	return cmd.ProcessState.ExitCode(), 0
}

func (w *worker) startContainer(s *state) (*exec.Cmd, error) {
	file := w.logFile(s, false)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if err := os.MkdirAll(s.container.Scratch, 0o755); err != nil {
		return nil, err
	}
	return s.container.run(w.k.start, log)
}

// minimumGrace is what kubelet leaves a container between SIGTERM and SIGKILL, however long the preStop hook took: kubernetes
// 1.36.3 pkg/kubelet/kuberuntime/kuberuntime_container.go:905, minimumGracePeriodInSeconds.
const minimumGrace = 2 * time.Second

// end ends a running container when the pod ends: the preStop hook, SIGTERM, and SIGKILL when the grace period is over.
func (w *worker) end(s *state, pid int, exited chan struct{}) {
	select {
	case <-exited:
		return
	case <-w.stop:
	case <-s.over:
	}
	w.event(v1.EventTypeNormal, "Killing", "Stopping container "+s.spec.Name)
	hook, cancel := context.WithCancel(context.Background())
	hooked := make(chan struct{})
	go func() {
		defer close(hooked)
		if l := s.spec.Lifecycle; l != nil && l.PreStop != nil && l.PreStop.Exec != nil {
			if out, err := w.exec(hook, s, pid, l.PreStop.Exec.Command); err != nil {
				slog.Info("preStop", "pod", w.name(), "container", s.spec.Name, "error", err, "output", out)
				w.event(v1.EventTypeWarning, "FailedPreStopHook", "PreStopHook failed")
			}
		}
	}()
	defer func() { cancel(); <-hooked }()
	select {
	case <-exited:
		return
	case <-hooked:
	case <-w.kill: // the hook goes on beside what follows
	}
	w.shut(pid, exited, w.kill)
}

// shut sends SIGTERM, and SIGKILL when over is closed, but not before the minimum has passed.
func (w *worker) shut(pid int, exited, over <-chan struct{}) {
	_ = syscall.Kill(pid, syscall.SIGTERM)
	least := time.NewTimer(minimumGrace)
	defer least.Stop()
	for _, wait := range []func() bool{
		func() bool {
			select {
			case <-exited:
				return true
			case <-least.C:
				return false
			}
		},
		func() bool {
			select {
			case <-exited:
				return true
			case <-over:
				return false
			}
		},
	} {
		if wait() {
			return
		}
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	<-exited
}

// exec runs a command in a container to its end. The error has its output.
func (w *worker) exec(ctx context.Context, s *state, pid int, args []string) (string, error) {
	var out strings.Builder
	var cmd *exec.Cmd
	err := s.container.enter(pid, args, func(c *exec.Cmd) error {
		c.Stdout, c.Stderr = &out, &out
		// A child of the command that keeps the output open is not waited for.
		c.WaitDelay = time.Second
		cmd = c
		return c.Start()
	})
	if err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = errors.Join(ctx.Err(), syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL))
		<-ended
	}
	return strings.TrimSpace(out.String()), err
}

// publish writes the status after each change, and again while that fails.
func (w *worker) publish(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.dirty:
		}
		for ctx.Err() == nil {
			err := w.writeStatus(ctx)
			if err == nil || apierrors.IsNotFound(err) {
				break
			}
			sleep(ctx, 200*time.Millisecond)
		}
	}
}

func (w *worker) writeStatus(ctx context.Context) error {
	pods := w.k.client.CoreV1().Pods(w.pod.Namespace)
	pod, err := pods.Get(ctx, w.pod.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if pod.UID != w.pod.UID {
		return nil
	}
	w.fill(&pod.Status)
	_, err = pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	return err
}

func (w *worker) fill(status *v1.PodStatus) {
	w.mu.Lock()
	defer w.mu.Unlock()
	statuses := func(states []*state) (out []v1.ContainerStatus, ended, failed, ready int) {
		for _, s := range states {
			out = append(out, *s.status.DeepCopy())
			if t := s.status.State.Terminated; t != nil {
				ended++
				if t.ExitCode != 0 {
					failed++
				}
			}
			if s.status.Ready {
				ready++
			}
		}
		return
	}
	var initEnded, initFailed, ended, failed, ready int
	status.InitContainerStatuses, initEnded, initFailed, _ = statuses(w.init)
	status.ContainerStatuses, ended, failed, ready = statuses(w.main)
	steps := 0 // init containers that end
	for _, s := range w.init {
		if !isSidecar(s) {
			steps++
		} else if s.status.State.Terminated != nil { // with the pod: what it ends with does not count
			initEnded--
			if s.status.State.Terminated.ExitCode != 0 {
				initFailed--
			}
		}
	}
	initialized := initEnded == steps && initFailed == 0
	never := w.pod.Spec.RestartPolicy == v1.RestartPolicyNever
	over := ended == len(w.main) && (w.graced || never || w.pod.Spec.RestartPolicy == v1.RestartPolicyOnFailure && failed == 0)
	switch {
	case over && failed == 0:
		status.Phase = v1.PodSucceeded
	case over, never && initFailed > 0:
		status.Phase = v1.PodFailed
	case initialized && anyStarted(w.main):
		status.Phase = v1.PodRunning
	default:
		status.Phase = v1.PodPending
	}
	status.StartTime = &w.started
	status.HostIP, status.HostIPs = "127.0.0.1", []v1.HostIP{{IP: "127.0.0.1"}}
	if w.ip != "" {
		status.PodIP, status.PodIPs = w.ip, []v1.PodIP{{IP: w.ip}}
	}
	status.Message = w.reason
	allReady := ready == len(w.main) && !over
	for kind, ok := range map[v1.PodConditionType]bool{
		v1.PodScheduled: true, v1.PodInitialized: initialized, v1.ContainersReady: allReady, v1.PodReady: allReady,
	} {
		setCondition(status, kind, ok)
	}
}

func anyStarted(states []*state) bool {
	for _, s := range states {
		if s.status.State.Waiting == nil || s.status.RestartCount > 0 {
			return true
		}
	}
	return false
}

func setCondition(status *v1.PodStatus, kind v1.PodConditionType, ok bool) {
	value := v1.ConditionFalse
	if ok {
		value = v1.ConditionTrue
	}
	for i := range status.Conditions {
		if c := &status.Conditions[i]; c.Type == kind {
			if c.Status != value {
				c.Status, c.LastTransitionTime = value, metav1.Now()
			}
			return
		}
	}
	status.Conditions = append(status.Conditions, v1.PodCondition{Type: kind, Status: value, LastTransitionTime: metav1.Now()})
}
