package e2e

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/redis-gitops/redis-gitops/test/e2e/harness"
)

// patch changes a RedisFailover by a merge patch.
func (b *bench) patch(name, patch string) {
	b.Helper()
	_, err := cluster.Dynamic.Resource(harness.RedisFailovers).Namespace(b.namespace).Patch(b.ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	b.must(err)
}

// doctorSays waits until doctor ends with code and prints all texts.
func (b *bench) doctorSays(name string, code int, texts ...string) result {
	b.Helper()
	var last result
	dir := b.TempDir()
	b.until("doctor reports it", func() error {
		last = b.tool(dir, "doctor", name, "-n", b.namespace)
		b.noPassword(last)
		for _, text := range texts {
			if last.code != code || !strings.Contains(last.stdout+last.stderr, text) {
				return exitError("want " + text + "\n" + last.String())
			}
		}
		return nil
	})
	b.Log(last)
	return last
}

// roots are the causes that doctor prints, without what follows from them.
func roots(r result) (list []string) {
	for line := range strings.Lines(r.stdout) {
		if strings.HasPrefix(line, "error:") {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}

// reset makes every sentinel of a RedisFailover forget all replicas and sentinels.
func (b *bench) reset(name string) error {
	pods, err := cluster.Pods(b.ctx, b.namespace, harness.Labels(name, "sentinel"))
	for _, p := range pods {
		if failed := b.client(p.Status.PodIP+":26379", "").Do(b.ctx, "SENTINEL", "RESET", "*").Err(); err == nil {
			err = failed
		}
	}
	return err
}

// TestDeadlock: the master is lost just after SENTINEL RESET. The sentinels know no replica, and the operator waits for them.
func TestDeadlock(t *testing.T) {
	b := newBench(t)
	b.secret("x-auth", "password", password)
	b.apply(failover("x", "x-auth"))
	b.must(cluster.WaitReady(b.ctx, b.namespace, "x"))
	dir := b.TempDir()
	b.until("it is healthy", func() error { return b.failed(b.tool(dir, "doctor", "x", "-n", b.namespace)) })
	before, err := cluster.Master(b.ctx, b.namespace, "x")
	b.must(err)
	write := b.client(before.Status.PodIP+":6379", password)
	b.must(write.Set(b.ctx, "k", "v", 0).Err())
	b.must(write.Wait(b.ctx, 2, 0).Err())
	pid, err := harness.PID(before, "redis")
	b.must(err)
	b.must(harness.Kill(pid))
	b.must(b.reset("x"))
	doctor := b.doctorSays("x", 1, "has no master and will not get one: the sentinels know no replica to promote", "and the operator waits for them",
		"redis-gitops failover x --promote", " has 1 key at replication offset ")
	if list := roots(doctor); len(list) != 1 {
		t.Errorf("%d causes: %q", len(list), list)
	}
	for range 3 { // the operator does not help
		b.must(cluster.Nudge(b.ctx, b.namespace, "x"))
		time.Sleep(time.Second)
	}
	b.doctorSays("x", 1, "has no master and will not get one")
	run := func(args ...string) result { return b.tool(dir, append(args, "-n", b.namespace)...) }
	b.has(run("failover", "x"), 1, "no failover of", "redis-gitops failover x --promote")
	b.has(run("failover", "x", "--promote", "--dry-run"), 0, "would promote pod rfr-x-", "(1 key, ")
	b.has(run("failover", "x", "--promote"), 2, "add --yes to confirm")
	if servers := b.tool(dir, "primaries", "-n", b.namespace); servers.code != 1 {
		t.Errorf("something was promoted: %s", servers)
	}
	stop := b.poking("x")
	promoted := run("failover", "x", "--promote", "--yes")
	stop()
	b.has(promoted, 0, "promoted", "Service rfrm-x: points to the new master")
	t.Log(promoted)
	after, err := cluster.Master(b.ctx, b.namespace, "x")
	b.must(err)
	if text, err := b.client(after.Status.PodIP+":6379", password).Get(b.ctx, "k").Result(); err != nil || text != "v" {
		t.Errorf("k is %q: %v", text, err)
	}
	b.until("it is healthy again", func() error {
		b.must(cluster.Nudge(b.ctx, b.namespace, "x"))
		return b.failed(run("doctor", "x"))
	})
	b.has(run("failover", "x", "--promote", "--yes"), 1, "it has a master, pod "+after.Name)
}

// TestOperatorDown: a failover without an operator leaves the Service with the old master.
func TestOperatorDown(t *testing.T) {
	b := newBenchAlone(t)
	b.apply(failover("x", ""))
	b.must(cluster.WaitReady(b.ctx, b.namespace, "x"))
	dir := b.TempDir()
	b.until("it can fail over", func() error { return b.failed(b.tool(dir, "failover", "x", "-n", b.namespace, "--dry-run")) })
	cluster.StopOperator()
	start := sync.OnceFunc(func() {
		if err := cluster.StartOperator(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(start)
	run := func(args ...string) result { return b.tool(dir, append(args, "-n", b.namespace)...) }
	before, err := cluster.Master(b.ctx, b.namespace, "x")
	b.must(err)
	b.has(run("failover", "x"), 1, "the operator is not running: Lease default/redis-failover-lease was not renewed for", `so Service "rfrm-x" would not follow the new master`, "--force")
	if again, err := cluster.Master(b.ctx, b.namespace, "x"); err != nil || again.Name != before.Name {
		t.Errorf("a failover happened: %v", err)
	}
	b.doctorSays("x", 1, "the operator is not running: Lease default/redis-failover-lease was not renewed for", "its last change to this Redis was")
	b.has(run("failover", "x", "--force", "--wait", "20s"), 2, "warning: the operator is not running", `Service "rfrm-x" still points to the old master`)
	doctor := b.doctorSays("x", 1, "the operator is not running", `- Service "rfrm-x" points to pod `+before.Name)
	if list := roots(doctor); len(list) != 1 {
		t.Errorf("%d causes: %q", len(list), list)
	}
	start()
	b.until("it is healthy", func() error {
		b.must(cluster.Nudge(b.ctx, b.namespace, "x"))
		return b.failed(run("doctor", "x"))
	})
}

// TestFailoverTo: a person chooses the new master.
func TestFailoverTo(t *testing.T) {
	b := newBench(t)
	b.secret("x-auth", "password", "pa$$w#rd1")
	b.apply(failover("x", "x-auth"))
	b.must(cluster.WaitReady(b.ctx, b.namespace, "x"))
	dir := b.TempDir()
	run := func(args ...string) result { return b.tool(dir, append(args, "-n", b.namespace)...) }
	b.until("doctor finds nothing in a password with # and $", func() error { return b.failed(run("doctor", "x")) })
	b.until("it can fail over", func() error { return b.failed(run("failover", "x", "--dry-run")) })
	b.has(run("failover", "x", "--to", "rfr-x-9"), 1, `has no pod "rfr-x-9"; its pods are rfr-x-0, rfr-x-1, rfr-x-2`)
	for range 2 {
		to := b.replica("x")
		stop := b.poking("x")
		r := run("failover", "x", "--to", to.Name)
		// The sentinels skip a replica that did not answer them for a moment, as on a busy machine, and the command reports it.
		for again := 0; again < 2 && strings.Contains(r.stderr, "instead of "+to.Name+"; run it again"); again++ {
			t.Log(r)
			b.until("it can fail over again", func() error { return b.failed(run("failover", "x", "--dry-run")) })
			r = run("failover", "x", "--to", to.Name)
		}
		stop()
		b.has(r, 0, "master: pod "+to.Name+" instead of ")
		if now, err := cluster.Master(b.ctx, b.namespace, "x"); err != nil || now.Name != to.Name {
			t.Errorf("the master is %s: %v", now.Name, err)
		}
		b.has(run("failover", "x", "--to", to.Name), 0, "pod "+to.Name+" is already the master")
		b.until("it can fail over again", func() error { return b.failed(run("failover", "x", "--dry-run")) })
	}
}

// TestBringUp: whenever doctor is asked while a Redis starts, it reports one cause.
func TestBringUp(t *testing.T) {
	b := newBench(t)
	b.secret("x-auth", "password", password)
	b.apply(failover("x", "x-auth"))
	dir := b.TempDir()
	ctx, cancel := context.WithTimeout(b.ctx, 3*time.Minute)
	defer cancel()
	seen := map[string]bool{}
	for ctx.Err() == nil {
		r := b.tool(dir, "doctor", "x", "-n", b.namespace)
		if list := roots(r); len(list) > 1 {
			t.Errorf("%d causes:\n%s", len(list), r)
		} else if len(list) == 1 {
			seen[regexp.MustCompile(`[0-9]+`).ReplaceAllString(list[0], "N")] = true
		}
		if r.code == 0 {
			break
		}
	}
	for text := range seen {
		t.Log(text)
	}
	if len(seen) == 0 {
		t.Error("it was never seen starting")
	}
}

// TestStuckConfig: a line that Redis refuses stops the operator before it replaces pods and repairs sentinels.
func TestStuckConfig(t *testing.T) {
	b := newBench(t)
	b.apply(failover("x", ""))
	b.must(cluster.WaitReady(b.ctx, b.namespace, "x"))
	dir := b.TempDir()
	b.until("it is healthy", func() error { return b.failed(b.tool(dir, "doctor", "x", "-n", b.namespace)) })
	b.patch("x", `{"spec":{"redis":{"customConfig":["timeout 7","appendonly","maxclients 99"],"podAnnotations":{"new":"1"}}}}`)
	doctor := b.doctorSays("x", 1, `error: spec.redis.customConfig line 2, "appendonly", stops the operator: it has no value; until it is fixed, the operator does not apply the lines after it ("maxclients 99"), replace outdated pods or repair the sentinels`,
		"- rfr-x-0, rfr-x-1, rfr-x-2 are older than the last change of StatefulSet rfr-x")
	if list := roots(doctor); len(list) != 1 {
		t.Errorf("%d causes: %q", len(list), list)
	}
	for _, p := range b.pods("x") {
		if got, err := b.client(p.Status.PodIP+":6379", "").ConfigGet(b.ctx, "maxclients").Result(); err != nil || got["maxclients"] == "99" {
			t.Errorf("%s: maxclients is %v: %v", p.Name, got, err)
		}
	}
	b.patch("x", `{"spec":{"redis":{"customConfig":["timeout 7","maxclients 99"]}}}`)
	b.until("the pods are replaced, and it is healthy", func() error {
		b.must(cluster.Nudge(b.ctx, b.namespace, "x"))
		r := b.tool(dir, "doctor", "x", "-n", b.namespace)
		if r.code == 0 && strings.Contains(r.stdout, "older than") {
			return exitError(r.String())
		}
		return b.failed(r)
	})
}

// TestBootstrapPort: the source listens on another port, so the operator dials its own pods there and nothing is copied.
func TestBootstrapPort(t *testing.T) {
	b := newBench(t)
	b.apply(failover("source", ""))
	b.must(cluster.WaitReady(b.ctx, b.namespace, "source"))
	source, err := cluster.Master(b.ctx, b.namespace, "source")
	b.must(err)
	bootstrap := func(name, host, port string) string {
		return strings.Replace(failover(name, ""), "spec:", fmt.Sprintf("spec:\n  bootstrapNode: { host: %q, port: %q }", host, port), 1)
	}
	b.apply(bootstrap("a", source.Status.PodIP, "6388") + "---" + bootstrap("b", harness.TestAddress, "6379") + "---" + bootstrap("c", source.Status.PodIP, "6379"))
	a := b.doctorSays("a", 1, "spec.bootstrapNode.port is 6388 and spec.redis.port 6379: the operator connects to its own pods on the port of the source, so nothing is copied")
	c := b.doctorSays("b", 1, "has no connection to "+harness.TestAddress+":6379 of spec.bootstrapNode, and its data is incomplete: it has never been connected")
	for _, r := range []result{a, c} {
		if strings.Contains(r.stdout, "remove bootstrapNode") {
			t.Errorf("bootstrapNode is to be removed, and nothing was copied: %s", r)
		}
	}
	b.doctorSays("c", 1, "all pods are in sync", "then remove bootstrapNode")
}

// TestShutdownConfigMap: a hook that is missing, and two names that share a ConfigMap.
func TestShutdownConfigMap(t *testing.T) {
	b := newBench(t)
	b.apply(strings.Replace(failover("x", ""), "redis: {", "redis: { shutdownConfigMap: hook,", 1) + "---" + failover("s-x", ""))
	r := b.doctorSays("x", 1, `ConfigMap "hook" of spec.redis.shutdownConfigMap does not exist in namespace "`+b.namespace+`"`, `RedisFailovers "x" and "s-x" share ConfigMap "rfr-s-x"`)
	if !strings.Contains(r.stdout, "has no pods") {
		t.Error(r)
	}
}

// TestGrace: a container gets SIGTERM and at least 2 seconds after its hook, however short the grace period is.
func TestGrace(t *testing.T) {
	b := newBench(t)
	one := int64(1)
	pods := cluster.Client.CoreV1().Pods(b.namespace)
	_, err := pods.Create(b.ctx, &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: v1.PodSpec{
		TerminationGracePeriodSeconds: &one,
		Volumes:                       []v1.Volume{{Name: "out", VolumeSource: v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: "out"}}}},
		Containers: []v1.Container{{
			Name: "c", Image: "redis:7.0.15", Command: []string{"sh", "-c", `trap 'sleep 1; echo saved >/out/end; exit 0' TERM; echo up >/out/start; while :; do sleep 0.1; done`},
			VolumeMounts: []v1.VolumeMount{{Name: "out", MountPath: "/out"}},
			Lifecycle:    &v1.Lifecycle{PreStop: &v1.LifecycleHandler{Exec: &v1.ExecAction{Command: []string{"sleep", "30"}}}},
		}, {Name: "reader", Image: "redis:7.0.15", Command: []string{"sleep", "1000"}}},
	}}, metav1.CreateOptions{})
	b.must(err)
	b.apply(`{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: out}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}}`)
	b.until("it runs", func() error {
		p, err := pods.Get(b.ctx, "p", metav1.GetOptions{})
		if err == nil && p.Status.Phase != v1.PodRunning {
			err = exitError(string(p.Status.Phase))
		}
		return err
	})
	began := time.Now()
	b.must(pods.Delete(b.ctx, "p", metav1.DeleteOptions{}))
	b.until("it is gone", func() error {
		if _, err := pods.Get(b.ctx, "p", metav1.GetOptions{}); err == nil {
			return exitError("it is there")
		}
		return nil
	})
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("the pod ended after %v", took)
	}
	events, err := cluster.Client.CoreV1().Events(b.namespace).List(b.ctx, metav1.ListOptions{})
	b.must(err)
	reasons := map[string]bool{}
	for _, e := range events.Items {
		reasons[e.Reason] = true
	}
	if !reasons["Started"] || !reasons["Killing"] {
		t.Errorf("events: %v", reasons)
	}
	_, err = pods.Create(b.ctx, &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "q"}, Spec: v1.PodSpec{
		RestartPolicy: v1.RestartPolicyNever,
		Volumes:       []v1.Volume{{Name: "out", VolumeSource: v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: "out"}}}},
		Containers:    []v1.Container{{Name: "c", Image: "redis:7.0.15", Command: []string{"grep", "saved", "/out/end"}, VolumeMounts: []v1.VolumeMount{{Name: "out", MountPath: "/out"}}}},
	}}, metav1.CreateOptions{})
	b.must(err)
	b.until("SIGTERM was handled to its end", func() error {
		q, err := pods.Get(b.ctx, "q", metav1.GetOptions{})
		if err == nil && q.Status.Phase != v1.PodSucceeded {
			err = exitError(string(q.Status.Phase))
		}
		return err
	})
}
