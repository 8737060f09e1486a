package cluster

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/internal/redistest"
)

// newRelease starts what Bitnami's chart makes of a release without sentinels: a master, and replicas that nothing promotes. The instance is
// what a repository says of it, which has its values and not its templates.
func newRelease(t *testing.T, o *objects, name, password string, replicas int) (*bed, *instance.Instance) {
	t.Helper()
	b := &bed{objects: o, t: t, name: name, password: password, net: network(), port: 6379}
	o.add(t, secretKind, fmt.Sprintf("metadata: {namespace: default, name: %s-redis}\ndata: {redis-password: %s}", name, base64.StdEncoding.EncodeToString([]byte(password))))
	for i := range 1 + replicas {
		set, component, pod := "master", "master", 0
		var args []string
		if i > 0 {
			set, component, pod = "replicas", "replica", i-1
			args = []string{"--replicaof", b.net + ".1 6379"}
		}
		ip := fmt.Sprintf("%s.%d", b.net, i+1)
		b.servers = append(b.servers, redistest.StartAt(t, ip+":6379", password, append(args, "--rename-command", "FLUSHALL", "", "--appendonly", "yes")...))
		labels := fmt.Sprintf("{app.kubernetes.io/instance: %s, app.kubernetes.io/name: redis, app.kubernetes.io/managed-by: Helm, app.kubernetes.io/component: %s}", name, component)
		container := fmt.Sprintf("{name: redis, image: docker.io/bitnamilegacy/redis:7.4.2-debian-12-r0, ports: [{name: redis, containerPort: 6379}], env: [{name: REDIS_PASSWORD, valueFrom: {secretKeyRef: {name: %s-redis, key: redis-password}}}]}", name)
		if pod == 0 {
			o.add(t, statefulSetKind, fmt.Sprintf("metadata: {namespace: default, name: %s-redis-%s}\nspec: {replicas: %d, serviceName: %[1]s-redis-headless, selector: {matchLabels: %[4]s}, template: {metadata: {labels: %[4]s}, spec: {containers: [%s]}}}",
				name, set, map[bool]int{true: 1, false: replicas}[i == 0], labels, container))
			o.add(t, serviceKind, fmt.Sprintf("metadata: {namespace: default, name: %s-redis-%s}\nspec: {selector: %s, ports: [{name: tcp-redis, port: 6379, targetPort: redis}]}", name, set, labels))
		}
		o.add(t, podKind, fmt.Sprintf("metadata: {namespace: default, name: %s-redis-%s-%d, labels: %s}\nspec: {containers: [%s]}\nstatus: {phase: Running, podIP: %s, conditions: [{type: Ready, status: 'True'}]}", name, set, pod, labels, container, ip))
	}
	b.settleReplicas()
	operators, err := cue.Operators()
	if err != nil {
		t.Fatal(err)
	}
	found := instance.Find([]instance.Document{{Namespace: "default", Object: map[string]any{
		"apiVersion": "bitnami/redis", "kind": cue.KindOfCharts,
		"metadata": map[string]any{"name": name + "-redis", "namespace": "default", "release": name, "chart": "redis", "version": "20.6.1"}, "spec": map[string]any{},
	}}}, operators, instance.Options{})
	if len(found) != 1 {
		t.Fatalf("%d instances", len(found))
	}
	return b, found[0]
}

// TestMigrateRelease moves a release of Bitnami's chart, with another password than the new Redis has, while a client writes to whichever takes
// it: no write that was acknowledged is lost.
func TestMigrateRelease(t *testing.T) {
	t.Parallel()
	o := newObjects()
	o.served = append(o.served, statefulSetKind)
	b, declared := newRelease(t, o, "cache", "old-secret", 1)
	next := newBed(t, o, "next", "s3cret", 2, 3)
	c := o.open(t, Options{})
	sides := func() *Migration {
		t.Helper()
		old, err := c.Live(t.Context(), declared)
		if err != nil {
			t.Fatal(err)
		}
		old = old.As(declared)
		old.Write, old.Read = nil, nil // no Service leads anywhere here
		m, err := c.Migration(t.Context(), old, find(t, c, "next"), false)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	if pods := podNames(sides().Old.Redis.Pods); strings.Join(pods, " ") != "cache-redis-master-0 cache-redis-replicas-0" {
		t.Fatalf("pods of the release: %v", pods)
	}
	both, stop := newLedger(t, "old-secret", b)
	redistest.Until(t, "the client writes", func() bool { return both.count(b) > 100 })
	step := MigrateOptions{Wait: 30 * time.Second}
	if errs := sides().Obstacles(migrateFollow); len(errs) > 0 {
		t.Fatal(errs)
	}
	if err := c.Follow(t.Context(), sides(), step); err != nil {
		t.Fatal(err)
	}
	redistest.Until(t, "the copy has caught up", func() bool { return len(sides().Obstacles(migrateSwitch)) == 0 })
	inform := next.informs(t)
	s, err := c.Switch(t.Context(), sides(), step)
	inform()
	if err != nil || s.Gap <= 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	t.Logf("no server accepted writes for %s", s.Gap)
	if errs := sides().Obstacles(migrateClients); len(errs) > 0 {
		t.Fatal(errs)
	}
	frozen := both.count(b)
	moved, stopMoved := newLedger(t, "s3cret", next) // the client after its restart
	redistest.Until(t, "the client writes to the new one", func() bool { return moved.count(next) > 100 })
	if n := both.count(b); n != frozen {
		t.Fatalf("%d writes to the old one after the switch", n-frozen)
	}
	stop()
	stopMoved()
	both.kept(t, next.servers[0])
	moved.kept(t, next.servers[0])
	redistest.Until(t, "the other new server follows with its own password", func() bool {
		return strings.Contains(next.servers[1].Do("INFO", "replication").(string), "master_link_status:up")
	})
	redistest.Until(t, "no client is connected to the old one", func() bool { return len(sides().Obstacles(migrateRemove)) == 0 })
}
