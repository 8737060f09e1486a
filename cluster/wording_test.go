package cluster

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// TestLinkState has no lengths of time below zero and no sizes of nothing: Redis reports -1 for what it does not know.
func TestLinkState(t *testing.T) {
	for want, info := range map[string]map[string]string{
		"it has never been connected":                 {"master_link_down_since_seconds": "-1"},
		"the connection has been down for 1m30s":      {"master_link_down_since_seconds": "90"},
		"it is loading a full copy":                   {"master_sync_in_progress": "1", "master_sync_total_bytes": "0", "master_sync_read_bytes": "-1"},
		"it is loading a full copy, 0 B of 2.0 KiB":   {"master_sync_in_progress": "1", "master_sync_total_bytes": "2048", "master_sync_read_bytes": "-1"},
		"it is loading a full copy, 512 B of 2.0 KiB": {"master_sync_in_progress": "1", "master_sync_total_bytes": "2048", "master_sync_read_bytes": "512"},
	} {
		if got := linkState(&Server{Info: info}); got != want {
			t.Errorf("%v: %q, want %q", info, got, want)
		}
	}
}

// TestPlainEnd has words for a sentinel that hangs or hangs up, whichever layer noticed.
func TestPlainEnd(t *testing.T) {
	c := newObjects().open(t, Options{Timeout: 3 * time.Second})
	for _, err := range []error{io.EOF, io.ErrUnexpectedEOF, fmt.Errorf("reading: %w", io.ErrUnexpectedEOF), context.DeadlineExceeded, fmt.Errorf("dial: %w", context.DeadlineExceeded)} {
		if got := c.plainEnd(err).Error(); strings.Contains(got, "EOF") || strings.Contains(got, "context") {
			t.Errorf("%v: %q", err, got)
		}
	}
}

// TestPlural counts one of each noun.
func TestPlural(t *testing.T) {
	for n, want := range map[int]string{0: "0 pods", 1: "1 pod", 2: "2 pods"} {
		if got := plural(n, "pod"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	var p problems
	s := &State{Redis: find(t, bringUpCluster(t), "shop")}
	s.Replicas = 3
	p.reconciled(s, nil)
	if all := texts(p); !strings.Contains(all, "asks for 3 replicas, but there is 1 pod;") {
		t.Error(all)
	}
}

// bringUpCluster has a Redis with one pod.
func bringUpCluster(t *testing.T) *Cluster {
	o := newObjects()
	o.add(t, failoverKind, "metadata: {namespace: default, name: shop}\nspec: {redis: {replicas: 3}, sentinel: {replicas: 3}}")
	o.add(t, podKind, "metadata: {namespace: default, name: rfr-shop-0, labels: {app.kubernetes.io/name: shop, app.kubernetes.io/component: redis, app.kubernetes.io/part-of: redis-failover, app.kubernetes.io/managed-by: redis-operator, redisfailovers.databases.spotahome.com/name: shop}}\nspec: {containers: [{name: redis}]}\nstatus: {phase: Running, podIP: 10.0.0.1}")
	return o.open(t, Options{})
}
