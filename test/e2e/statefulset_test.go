package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/redis-gitops/redis-gitops/test/e2e/harness"
)

// withoutOperator deploys a repository with a Redis of three named replicas that no operator runs.
func (b *bench) withoutOperator(args ...string) string {
	b.Helper()
	dir := b.TempDir()
	b.git(dir, "init", "-q", ".")
	b.must(os.WriteFile(filepath.Join(dir, ".redis-gitops.yaml"), []byte("operator:\n  name: statefulset\n"), 0o644))
	b.must(os.WriteFile(filepath.Join(dir, "argocd.yaml"), fmt.Appendf(nil, `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: shop
spec:
  destination:
    namespace: %s
  source:
    path: applications/shop
`, b.namespace), 0o644))
	b.ok(b.tool(dir, "generate", "application", "shop"))
	b.ok(b.tool(dir, append([]string{"generate", "resource", "shop", "redis", "--set", "namedReplicas=[a, b, c]", "--set", "memory=64Mi"}, args...)...))
	b.ok(b.tool(dir, "lint"))
	b.render(dir)
	return dir
}

// render applies what is in the files of shop.
func (b *bench) render(dir string) {
	b.Helper()
	b.apply(b.ok(b.run(exec.Command(filepath.Join(cluster.Bin, "template"), filepath.Join(dir, "applications", "shop"), "shop", b.namespace), dir)).stdout)
}

// edit replaces texts in the values of shop.
func (b *bench) edit(dir string, oldnew ...string) {
	b.Helper()
	file := filepath.Join(dir, "applications", "shop", "values.yaml")
	text, err := os.ReadFile(file)
	b.must(err)
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(string(text), oldnew[i]) {
			b.Fatalf("no %s in\n%s", oldnew[i], text)
		}
	}
	b.must(os.WriteFile(file, []byte(strings.NewReplacer(oldnew...).Replace(string(text))), 0o644))
}

// labeled returns the one pod with the label of a master, when all replicas are ready and run what their StatefulSets say.
func (b *bench) labeled(of string, names ...string) (*v1.Pod, error) {
	for _, name := range names {
		set, err := cluster.Client.AppsV1().StatefulSets(b.namespace).Get(b.ctx, of+"-"+name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		if s := set.Status; s.ObservedGeneration != set.Generation || s.ReadyReplicas != 1 || s.UpdateRevision != s.CurrentRevision {
			return nil, fmt.Errorf("%s has %d ready replicas, of revision %s, and wants %s", set.Name, s.ReadyReplicas, s.CurrentRevision, s.UpdateRevision)
		}
	}
	pods, err := cluster.Pods(b.ctx, b.namespace, "redis-gitops.io/redis="+of)
	if err != nil {
		return nil, err
	}
	masters, err := cluster.Pods(b.ctx, b.namespace, "redis-gitops.io/redis="+of+",redis-gitops.io/role=master")
	if err != nil {
		return nil, err
	}
	if len(pods) != len(names) || len(masters) != 1 {
		return nil, fmt.Errorf("%d pods, %d with the label of a master", len(pods), len(masters))
	}
	return &masters[0], nil
}

// settled waits for a master and its replicas in sync.
func (b *bench) settled(password, of string, names ...string) *v1.Pod {
	b.Helper()
	var master *v1.Pod
	b.until("the replicas of "+of+", "+strings.Join(names, ", ")+", are up", func() error {
		var err error
		if master, err = b.labeled(of, names...); err != nil {
			return err
		}
		info, err := b.client(master.Status.PodIP+":6379", password).Info(b.ctx, "replication").Result()
		if online := strings.Count(info, "state=online"); err != nil || online != len(names)-1 {
			return errors.Join(err, fmt.Errorf("%s has %d replicas in sync", master.Name, online))
		}
		return nil
	})
	return master
}

// writer writes numbers by the sentinels, and remembers those that two replicas have acknowledged.
type writer struct {
	mu    sync.Mutex
	acked []string
	stop  func()
}

func (w *writer) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acked)
}

func (b *bench) write(password string) *writer {
	var hosts []string
	for i := range 3 {
		hosts = append(hosts, fmt.Sprintf("shop-redis-sentinel-%d.shop-redis-sentinel.%s.svc:26379", i, b.namespace))
	}
	client := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: "shop-redis", SentinelAddrs: hosts, Password: password, SentinelPassword: password, Protocol: 2, DisableIdentity: true,
		MaxRetries: -1, DialTimeout: 2 * time.Second, ReadTimeout: 2 * time.Second,
	})
	ctx, cancel := context.WithCancel(b.ctx)
	w, done := &writer{}, make(chan struct{})
	w.stop = sync.OnceFunc(func() { cancel(); <-done; _ = client.Close() })
	go func() {
		defer close(done)
		for n := 0; ctx.Err() == nil; n++ {
			key := "n:" + strconv.Itoa(n)
			conn := client.Conn() // WAIT is about the writes of its connection
			err := conn.Set(ctx, key, n, 0).Err()
			if err == nil {
				var have int64
				if have, err = conn.Wait(ctx, 2, time.Second).Result(); err == nil && have >= 2 {
					w.mu.Lock()
					w.acked = append(w.acked, key)
					w.mu.Unlock()
				}
			}
			_ = conn.Close()
			if err != nil {
				time.Sleep(50 * time.Millisecond)
			}
		}
	}()
	b.Cleanup(w.stop)
	return w
}

// kept wants every acknowledged write on the master, and some since the last time.
func (b *bench) kept(w *writer, master *v1.Pod, password string, since int) int {
	b.Helper()
	b.until("writes go on", func() error {
		if n := w.count(); n <= since {
			return fmt.Errorf("%d are acknowledged", n)
		}
		return nil
	})
	w.mu.Lock()
	acked := slices.Clone(w.acked)
	w.mu.Unlock()
	c, lost := b.client(master.Status.PodIP+":6379", password), 0
	for chunk := range slices.Chunk(acked, 500) {
		n, err := c.Exists(b.ctx, chunk...).Result()
		b.must(err)
		lost += len(chunk) - int(n)
	}
	if lost > 0 {
		b.Fatalf("%d of %d acknowledged writes are lost", lost, len(acked))
	}
	b.Logf("%s has %d acknowledged writes", master.Name, len(acked))
	return len(acked)
}

// TestStatefulSet is a Redis that no operator runs: brought up, failed over on request and by a crash, restarted, and one replica less,
// while a client writes.
func TestStatefulSet(t *testing.T) {
	b := newBench(t)
	b.secret("shop-secret", "password", password)
	dir := b.withoutOperator("--profile", "queue", "--auth", "existing:shop-secret")
	run := func(args ...string) result { return b.tool(dir, append(args, "-n", b.namespace)...) }
	master := b.settled(password, "shop-redis", "a", "b", "c")
	if master.Name != "shop-redis-a-0" {
		t.Errorf("the first master is %s", master.Name)
	}
	host := func(service string) string { return service + "." + b.namespace + ".svc" }
	write := b.client(host("shop-redis-master")+":6379", password)
	b.until("the Service takes writes", func() error { return write.Set(b.ctx, "greeting", "good morning", 0).Err() })
	b.until("the sentinels know each other", func() error { return b.failed(b.tool(dir, "sentinel-url", "shop-redis", "--live")) })
	b.prints(b.tool(dir, "url", "shop-redis", "--live"), "redis://:$(REDIS_PASSWORD)@"+host("shop-redis-master")+":6379")
	b.until("doctor finds nothing wrong", func() error { return b.failed(run("doctor", "shop-redis")) })
	w := b.write(password)
	n := b.kept(w, master, password, 0)

	b.until("it can fail over", func() error { return b.failed(run("failover", "shop-redis", "--dry-run")) })
	b.has(run("failover", "shop-redis"), 0, "instead of "+master.Name)
	moved := b.settled(password, "shop-redis", "a", "b", "c")
	if moved.Name == master.Name {
		t.Fatalf("%s is still the master", moved.Name)
	}
	n = b.kept(w, moved, password, n)

	began := time.Now()
	pid, err := harness.PID(moved, "redis")
	b.must(err)
	b.must(harness.Kill(pid))
	b.until("another pod is the master", func() error {
		after, err := b.labeled("shop-redis", "a", "b", "c")
		if err == nil && after.Name == moved.Name {
			err = errors.New("it is still " + after.Name)
		}
		return err
	})
	t.Logf("another master, and all ready, after %s", time.Since(began).Round(time.Second))
	crashed := b.settled(password, "shop-redis", "a", "b", "c")
	n = b.kept(w, crashed, password, n)

	// All three StatefulSets change at once.
	began = time.Now()
	b.edit(dir, "memory: 64Mi", "memory: 96Mi")
	b.render(dir)
	restarted := b.settled(password, "shop-redis", "a", "b", "c")
	t.Logf("a rolling restart of three takes %s", time.Since(began).Round(time.Second))
	if got := b.client(restarted.Status.PodIP+":6379", password).ConfigGet(b.ctx, "maxmemory").Val(); got["maxmemory"] != strconv.Itoa(72<<20) {
		t.Errorf("after the restart, maxmemory is %v", got)
	}
	b.kept(w, restarted, password, n)
	w.stop()

	// The master goes, of all.
	gone := strings.TrimSuffix(strings.TrimPrefix(restarted.Name, "shop-redis-"), "-0")
	left := slices.DeleteFunc([]string{"a", "b", "c"}, func(name string) bool { return name == gone })
	b.edit(dir, "replicas: 3", "replicas: 2", "[a, b, c]", "["+strings.Join(left, ", ")+"]")
	b.render(dir)
	b.must(cluster.Client.AppsV1().StatefulSets(b.namespace).Delete(b.ctx, "shop-redis-"+gone, metav1.DeleteOptions{})) // as Argo CD prunes it
	n = w.count()
	rest := b.settled(password, "shop-redis", left...)
	w.mu.Lock()
	for _, key := range []string{w.acked[0], w.acked[n-1]} {
		if err := b.client(rest.Status.PodIP+":6379", password).Get(b.ctx, key).Err(); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	w.mu.Unlock()
	b.until("the sentinels forget the replica", func() error { return b.failed(run("doctor", "shop-redis")) })
	b.until("a client of the Service still writes", func() error {
		return b.client(host("shop-redis-master")+":6379", password).Set(b.ctx, "greeting", "good night", 0).Err()
	})
}

// TestSharedSentinels is a second Redis without a volume, which the sentinels of the first watch too: the failover of one is not one of the
// other, and a master whose data is gone does not come back as the master.
func TestSharedSentinels(t *testing.T) {
	b := newBench(t)
	dir := b.withoutOperator()
	b.ok(b.tool(dir, "generate", "resource", "shop", "redis", "--suffix", "cache", "--profile", "cache", "--set", "sentinelsOf=shop-redis", "--set", "memory=64Mi"))
	b.ok(b.tool(dir, "lint"))
	b.render(dir)
	store, cache := b.settled("", "shop-redis", "a", "b", "c"), b.settled("", "shop-cache-redis", "0", "1")
	var hosts []string
	for i := range 3 {
		hosts = append(hosts, fmt.Sprintf("shop-redis-sentinel-%d.shop-redis-sentinel.%s.svc:26379", i, b.namespace))
	}
	for _, name := range []string{"shop-redis", "shop-cache-redis"} {
		b.until("the sentinels of "+name+" know each other", func() error { return b.failed(b.tool(dir, "sentinel-url", name, "--live")) })
		b.prints(b.tool(dir, "sentinel-url", name, "--live"), "redis-sentinel://"+strings.Join(hosts, ",")+"/"+name)
		b.until("doctor finds nothing wrong with "+name, func() error { return b.failed(b.tool(dir, "doctor", name, "-n", b.namespace)) })
	}
	c := b.client(cache.Status.PodIP+":6379", "")
	b.must(c.Set(b.ctx, "k", "v", 0).Err())
	b.must(c.Wait(b.ctx, 1, 0).Err())
	pid, err := harness.PID(cache, "redis")
	b.must(err)
	b.must(harness.Kill(pid))
	b.until("the replica is the master, and has the data", func() error {
		after, err := b.labeled("shop-cache-redis", "0", "1")
		if err != nil {
			return err
		}
		if after.Name == cache.Name {
			return errors.New("it is still " + after.Name)
		}
		return b.client(after.Status.PodIP+":6379", "").Get(b.ctx, "k").Err()
	})
	b.settled("", "shop-cache-redis", "0", "1")
	if after := b.settled("", "shop-redis", "a", "b", "c"); after.Name != store.Name {
		t.Errorf("the master of the other Redis was %s, and is %s", store.Name, after.Name)
	}
}

// TestSentinelSet moves a Redis with data from its own sentinels to a set, which a second one uses from the start, and then removes the
// first: the set goes on, and the second one fails over.
func TestSentinelSet(t *testing.T) {
	b := newBench(t)
	dir := b.withoutOperator()
	store := b.settled("", "shop-redis", "a", "b", "c")
	b.must(b.client(store.Status.PodIP+":6379", "").Set(b.ctx, "k", "v", 0).Err())
	b.must(b.client(store.Status.PodIP+":6379", "").Wait(b.ctx, 2, 0).Err())
	b.ok(b.tool(dir, "generate", "addon", "shop", "redis", "sentinel-set"))
	b.ok(b.tool(dir, "generate", "resource", "shop", "redis", "--suffix", "cache", "--profile", "cache", "--set", "sentinelsOf=shop-redis-set", "--set", "memory=64Mi"))
	b.ok(b.tool(dir, "generate", "resource", "shop", "redis", "--set", "namedReplicas=[a, b, c]", "--set", "memory=64Mi", "--set", "sentinelsOf=shop-redis-set", "--force"))
	b.ok(b.tool(dir, "lint"))
	b.render(dir)
	b.must(cluster.Client.AppsV1().StatefulSets(b.namespace).Delete(b.ctx, "shop-redis-sentinel", metav1.DeleteOptions{})) // as Argo CD prunes it
	store, cache := b.settled("", "shop-redis", "a", "b", "c"), b.settled("", "shop-cache-redis", "0", "1")
	if got := b.client(store.Status.PodIP+":6379", "").Get(b.ctx, "k").Val(); got != "v" {
		t.Errorf("after the move, the key is %q", got)
	}
	var hosts []string
	for i := range 3 {
		hosts = append(hosts, fmt.Sprintf("shop-redis-set-sentinel-%d.shop-redis-set-sentinel.%s.svc:26379", i, b.namespace))
	}
	for _, name := range []string{"shop-redis", "shop-cache-redis"} {
		b.until("the set watches "+name, func() error { return b.failed(b.tool(dir, "sentinel-url", name, "--live")) })
		b.prints(b.tool(dir, "sentinel-url", name, "--live"), "redis-sentinel://"+strings.Join(hosts, ",")+"/"+name)
		b.until("doctor finds nothing wrong with "+name, func() error { return b.failed(b.tool(dir, "doctor", name, "-n", b.namespace)) })
	}

	// The one that the set was made for goes, with its objects.
	b.ok(b.tool(dir, "destroy", "resource", "shop", "redis"))
	b.render(dir)
	for _, name := range []string{"a", "b", "c"} {
		b.must(cluster.Client.AppsV1().StatefulSets(b.namespace).Delete(b.ctx, "shop-redis-"+name, metav1.DeleteOptions{}))
	}
	c := b.client(cache.Status.PodIP+":6379", "")
	b.must(c.Set(b.ctx, "k", "w", 0).Err())
	b.must(c.Wait(b.ctx, 1, 0).Err())
	pid, err := harness.PID(cache, "redis")
	b.must(err)
	b.must(harness.Kill(pid))
	b.until("the replica of the other one is the master, and has the data", func() error {
		after, err := b.labeled("shop-cache-redis", "0", "1")
		if err != nil {
			return err
		}
		if after.Name == cache.Name {
			return errors.New("it is still " + after.Name)
		}
		return b.client(after.Status.PodIP+":6379", "").Get(b.ctx, "k").Err()
	})
	b.settled("", "shop-cache-redis", "0", "1")
}

// TestUsers: the addon acl on pods that no operator runs. They have its users when they start, without its pods, which take over changed rules.
func TestUsers(t *testing.T) {
	b := newBench(t)
	b.secret("shop-secret", "password", password)
	b.secret("shop-redis-acl", "shop", "of the shop")
	dir := b.withoutOperator("--auth", "existing:shop-secret")
	b.settled(password, "shop-redis", "a", "b", "c")
	b.has(b.tool(dir, "generate", "addon", "shop", "redis", "acl"), 0, "create")
	b.ok(b.tool(dir, "lint"))
	b.render(dir)
	as := func(pod *v1.Pod) *redis.Client {
		c := redis.NewClient(&redis.Options{Addr: pod.Status.PodIP + ":6379", Username: "shop", Password: "of the shop", Protocol: 2, DisableIdentity: true, MaxRetries: -1})
		b.Cleanup(func() { _ = c.Close() })
		return c
	}
	master := b.settled(password, "shop-redis", "a", "b", "c")
	b.until("the pods of the addon set the user on all", func() error {
		pods, err := cluster.Pods(b.ctx, b.namespace, "redis-gitops.io/redis=shop-redis")
		for i := range pods {
			err = errors.Join(err, as(&pods[i]).Get(b.ctx, "shop:1").Err())
		}
		if errors.Is(err, redis.Nil) && !strings.Contains(err.Error(), "WRONGPASS") {
			err = as(master).Set(b.ctx, "shop:1", "x", 0).Err()
		}
		return err
	})

	// Without those pods, it comes with the start alone.
	b.must(cluster.Client.AppsV1().Deployments(b.namespace).Delete(b.ctx, "shop-redis-acl", metav1.DeleteOptions{}))
	b.until("they are gone", func() error {
		pods, err := cluster.Pods(b.ctx, b.namespace, "redis-gitops.io/acl=shop-redis")
		if err == nil && len(pods) > 0 {
			err = fmt.Errorf("%d are there", len(pods))
		}
		return err
	})
	b.must(cluster.Client.CoreV1().Pods(b.namespace).Delete(b.ctx, master.Name, metav1.DeleteOptions{}))
	b.until("the new pod has the user with its first answer", func() error {
		pod, err := cluster.Client.CoreV1().Pods(b.namespace).Get(b.ctx, master.Name, metav1.GetOptions{})
		if err != nil || pod.UID == master.UID || pod.Status.PodIP == "" {
			return errors.Join(err, errors.New("the old pod is there"))
		}
		err = as(pod).Get(b.ctx, "other").Err()
		if err != nil && strings.Contains(err.Error(), "WRONGPASS") {
			t.Fatal(err)
		}
		if err == nil || !strings.Contains(err.Error(), "NOPERM") {
			return errors.Join(err, errors.New("not up"))
		}
		return nil
	})
	after := b.settled(password, "shop-redis", "a", "b", "c")
	if got := as(after).Get(b.ctx, "shop:1").Val(); got != "x" || after.Name == master.Name {
		t.Errorf("the master is %s; the user reads %q", after.Name, got)
	}

	b.edit(dir, `clients: {shop: ""}`, `clients: {shop: "~shop:* +@read"}`)
	b.render(dir)
	b.until("the changed rule counts", func() error {
		if err := as(after).Set(b.ctx, "shop:1", "y", 0).Err(); err == nil || !strings.Contains(err.Error(), "NOPERM") {
			return fmt.Errorf("a write: %v", err)
		}
		return as(after).Get(b.ctx, "shop:1").Err()
	})
}
