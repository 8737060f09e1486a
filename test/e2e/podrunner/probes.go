package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// startProbes probes a container until ctx ends.
func (w *worker) startProbes(ctx context.Context, s *state, pid int, exited <-chan struct{}, helpers *sync.WaitGroup) {
	begin := func(p *v1.Probe, result func(ok bool, why string)) {
		if p != nil {
			helpers.Go(func() { w.probe(ctx, s, pid, p, result) })
		}
	}
	if p := s.spec.StartupProbe; p != nil {
		starting, started := context.WithCancel(ctx)
		helpers.Go(func() {
			defer started()
			w.probe(starting, s, pid, p, func(ok bool, why string) {
				if ok {
					started()
				} else {
					w.restart(s, pid, exited, why)
				}
			})
			if ctx.Err() == nil {
				w.startOthers(s, pid, exited, begin)
			}
		})
		return
	}
	w.startOthers(s, pid, exited, begin)
}

// startOthers starts the probes of a container that has started.
func (w *worker) startOthers(s *state, pid int, exited <-chan struct{}, begin func(*v1.Probe, func(bool, string))) {
	begin(s.spec.ReadinessProbe, func(ok bool, why string) {
		if !ok {
			w.event(v1.EventTypeWarning, "Unhealthy", "Readiness probe failed: "+why)
		}
		w.mu.Lock()
		changed := s.status.Ready != ok && s.pid == pid
		w.mu.Unlock()
		if changed {
			slog.Info("readiness", "pod", w.name(), "container", s.spec.Name, "ready", ok, "output", why)
			w.update(func() { s.status.Ready = ok })
		}
	})
	begin(s.spec.LivenessProbe, func(ok bool, why string) {
		if !ok {
			w.restart(s, pid, exited, why)
		}
	})
}

// restart ends a container that a probe has found dead.
func (w *worker) restart(s *state, pid int, exited <-chan struct{}, why string) {
	slog.Info("liveness: the container is restarted", "pod", w.name(), "container", s.spec.Name, "output", why)
	w.event(v1.EventTypeWarning, "Unhealthy", "Liveness probe failed: "+why)
	over := make(chan struct{})
	close(over)
	w.shut(pid, exited, over)
}

// A probe that succeeded waits for some periods: the scripts of thirty pods take a core otherwise.
const calm = 4

// probe calls result when the thresholds are reached, and each time after.
func (w *worker) probe(ctx context.Context, s *state, pid int, p *v1.Probe, result func(ok bool, why string)) {
	seconds := func(n int32, other int32) time.Duration {
		if n == 0 {
			n = other
		}
		return time.Duration(n) * time.Second
	}
	speedup := time.Duration(max(w.k.speedup, 1))
	sleep(ctx, seconds(p.InitialDelaySeconds, 0)/speedup)
	// Never shortened: the machine may be busy.
	timeout := max(seconds(p.TimeoutSeconds, 1), 5*time.Second)
	period := max(seconds(p.PeriodSeconds, 10)/speedup, 500*time.Millisecond)
	good, bad := 0, 0
	for ctx.Err() == nil {
		limited, cancel := context.WithTimeout(ctx, timeout)
		why, err := w.check(limited, s, pid, p)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			good, bad = good+1, 0
		} else {
			good, bad = 0, bad+1
			why = strings.TrimSpace(why + " " + err.Error())
		}
		switch {
		case good >= int(max(p.SuccessThreshold, 1)):
			result(true, why)
			sleep(ctx, min(calm*period, seconds(p.PeriodSeconds, 10))-period)
		case bad >= int(or(p.FailureThreshold, 3)):
			result(false, why)
		}
		sleep(ctx, period)
	}
}

func or(n, other int32) int32 {
	if n == 0 {
		return other
	}
	return n
}

func (w *worker) check(ctx context.Context, s *state, pid int, p *v1.Probe) (string, error) {
	switch {
	case p.Exec != nil:
		return w.exec(ctx, s, pid, p.Exec.Command)
	case p.TCPSocket != nil:
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", w.address(s, p.TCPSocket.Host, p.TCPSocket.Port))
		if err != nil {
			return "", err
		}
		return "", c.Close()
	case p.HTTPGet != nil:
		g := p.HTTPGet
		url := fmt.Sprintf("%s://%s/%s", strings.ToLower(string(g.Scheme)), w.address(s, g.Host, g.Port), strings.TrimPrefix(g.Path, "/"))
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return "", err
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return "", err
		}
		defer answer.Body.Close()
		if answer.StatusCode >= 400 {
			return "", fmt.Errorf("HTTP probe failed with statuscode: %d", answer.StatusCode)
		}
		return "", nil
	}
	return "", errUnsupported
}

func (w *worker) address(s *state, host string, port intstr.IntOrString) string {
	if host == "" {
		host = w.ip
	}
	if n, ok := portNumber([]v1.Container{s.spec}, port); ok {
		return net.JoinHostPort(host, strconv.Itoa(n))
	}
	return net.JoinHostPort(host, port.String())
}

// portNumber resolves the name of a container's port.
func portNumber(containers []v1.Container, port intstr.IntOrString) (int, bool) {
	if port.Type == intstr.Int {
		return port.IntValue(), true
	}
	for _, c := range containers {
		for _, p := range c.Ports {
			if p.Name == port.StrVal {
				return int(p.ContainerPort), true
			}
		}
	}
	return 0, false
}
