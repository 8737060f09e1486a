package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
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
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/redis-gitops/redis-gitops/test/e2e/harness"
)

// A tenant is a client of a URL, as a container has it: it writes numbers, remembers those that were acknowledged, and moves to another
// URL when it is restarted.
type tenant struct {
	mu       sync.Mutex
	address  string
	password string
	acked    []string
	errs     map[string]int
	last     time.Time
	gap      time.Duration // the longest time between two acknowledged writes
	stop     func()
}

func (b *bench) employTenant(address, password string) *tenant {
	w := &tenant{address: address, password: password, errs: map[string]int{}}
	ctx, cancel := context.WithCancel(b.ctx)
	done := make(chan struct{})
	w.stop = sync.OnceFunc(func() { cancel(); <-done })
	b.Cleanup(w.stop)
	go func() {
		defer close(done)
		for n := 0; ctx.Err() == nil; {
			w.mu.Lock()
			address := w.address
			w.mu.Unlock()
			c := redis.NewClient(&redis.Options{Addr: address, Password: password, Protocol: 2, DisableIdentity: true, MaxRetries: -1, DialTimeout: time.Second, ReadTimeout: time.Second})
			for ctx.Err() == nil {
				key := "n:" + strconv.Itoa(n)
				n++
				err := c.Set(ctx, key, n, 0).Err()
				w.mu.Lock()
				moved := w.address != address
				if err == nil {
					if now := time.Now(); !w.last.IsZero() {
						w.gap = max(w.gap, now.Sub(w.last))
						w.last = now
					} else {
						w.last = now
					}
					w.acked = append(w.acked, key)
				} else {
					code, _, _ := strings.Cut(err.Error(), " ")
					w.errs[code]++
				}
				w.mu.Unlock()
				if moved || err != nil {
					time.Sleep(20 * time.Millisecond)
					break
				}
				time.Sleep(time.Millisecond)
			}
			_ = c.Close()
		}
	}()
	return w
}

func (w *tenant) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acked)
}

func (w *tenant) restart(address string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.address = address
}

// has wants all acknowledged writes on a server.
func (b *bench) hasAll(w *tenant, address string) {
	b.Helper()
	w.mu.Lock()
	acked := slices.Clone(w.acked)
	w.mu.Unlock()
	lost, c := 0, b.client(address, w.password)
	for chunk := range slices.Chunk(acked, 500) {
		n, err := c.Exists(b.ctx, chunk...).Result()
		b.must(err)
		lost += len(chunk) - int(n)
	}
	if lost > 0 || len(acked) == 0 {
		b.Fatalf("%d of %d acknowledged writes are lost", lost, len(acked))
	}
	b.Logf("%d acknowledged writes, all there; refused: %v", len(acked), w.errs)
}

// migration is one of the Redis of shop.
type migration struct {
	*bench
	dir string
}

func (m *migration) migrate(args ...string) result {
	m.Helper()
	r := m.tool(m.dir, append([]string{"migrate", "shop", "redis"}, args...)...)
	m.noPassword(r)
	return r
}

// merge commits a stage and applies it.
func (m *migration) merge(what string) {
	m.Helper()
	m.git(m.dir, "add", "-A")
	m.git(m.dir, "commit", "-q", "-m", what)
	m.render(m.dir)
}

// url returns the address of REDIS_URL in the values.
func (m *migration) url() string {
	m.Helper()
	text, err := os.ReadFile(filepath.Join(m.dir, "applications", "shop", "values.yaml"))
	m.must(err)
	_, after, ok := strings.Cut(string(text), "name: REDIS_URL, value: \"redis://:$(REDIS_PASSWORD)@")
	address, _, end := strings.Cut(after, "\"")
	if !ok || !end {
		m.Fatalf("no REDIS_URL in\n%s", text)
	}
	return address
}

// run takes the Redis through all stages while a client writes: old are the names of its replicas without an operator.
func (m *migration) run(to string, replicas ...string) {
	m.Helper()
	address := m.url()
	w := m.employTenant(address, password)
	m.until("the client writes", func() error {
		if w.count() < 100 {
			return fmt.Errorf("%d writes, %v", w.count(), w.errs)
		}
		return nil
	})
	m.has(m.migrate("--to", to, "--stage", "1"), 0)
	m.merge("stage 1")
	m.settled(password, "shop-v2-redis", replicas...)
	m.beDeveloper()
	m.until("stage 2 may begin", func() error { return m.failed(m.migrate("--verify-stage", "2")) })
	m.has(m.migrate("--stage", "3", "--yes"), 1, "run stage 2 first")
	m.has(m.migrate("--stage", "2", "--yes"), 0, "has a copy of the data and follows")
	m.until("stage 3 may begin", func() error { return m.failed(m.migrate("--verify-stage", "3")) })
	time.Sleep(35 * time.Second) // the sentinels and the operator of the old one look again, and do not mind
	m.until("stage 3 may still begin", func() error { return m.failed(m.migrate("--verify-stage", "3")) })
	m.has(m.migrate("--verify-stage", "4"), 1, "accepts writes")

	m.has(m.migrate("--stage", "4"), 0) // in a branch
	w.mu.Lock()
	w.gap = 0
	w.mu.Unlock()
	began := time.Now()
	r := m.migrate("--stage", "3", "--yes")
	m.has(r, 0, "no server accepted writes for ")
	m.Logf("stage 3 takes %s: %s", time.Since(began).Round(time.Millisecond), strings.TrimSpace(r.stderr))
	refused := w.count()
	m.merge("stage 4")
	if m.url() == address {
		m.Fatal("the URL is the same")
	}
	w.restart(m.url())
	m.until("the client writes again", func() error {
		if n := w.count(); n < refused+100 {
			return fmt.Errorf("%d writes more, %v", n-refused, w.errs)
		}
		return nil
	})
	w.mu.Lock()
	m.Logf("the client could not write for %s, from stage 3 until it used the new URL", w.gap.Round(time.Millisecond))
	w.mu.Unlock()
	m.has(m.migrate("--verify-stage", "4"), 0)
	m.hasAll(w, m.url())
	time.Sleep(15 * time.Second) // sentinels of the old one would make the new one a replica by now
	m.until("stage 5 may begin", func() error { return m.failed(m.migrate("--verify-stage", "5")) })
	m.has(m.migrate("--stage", "5"), 0, "the migration is complete")
	m.merge("stage 5")
	m.hasAll(w, m.url())
	w.stop()
}

// volumes wants the PersistentVolumeClaims of the old Redis to stay.
func (m *migration) volumes(names ...string) {
	m.Helper()
	list, err := cluster.Client.CoreV1().PersistentVolumeClaims(m.namespace).List(m.ctx, metav1.ListOptions{})
	m.must(err)
	for _, name := range names {
		if !slices.ContainsFunc(list.Items, func(c v1.PersistentVolumeClaim) bool { return c.Name == name && c.DeletionTimestamp == nil }) {
			m.Errorf("the volume %s is gone", name)
		}
	}
}

// TestMigrate moves a Redis away from the operator while a client writes, as docs/migrating.md says: no acknowledged write is lost.
func TestMigrate(t *testing.T) {
	b := newBench(t)
	b.secret("shop-auth", "password", password)
	dir := b.devopsRepo("--profile", "queue", "--auth", "existing:shop-auth", "--set", "memory=64Mi")
	b.deploy(dir)
	b.until("it can fail over", func() error { return b.failed(b.tool(dir, "failover", "shop", "--dry-run")) })
	m := &migration{b, dir}
	m.run("statefulset", "0", "1", "2")
	kind := schema.GroupVersionResource{Group: "databases.spotahome.com", Version: "v1", Resource: "redisfailovers"}
	b.must(cluster.Dynamic.Resource(kind).Namespace(b.namespace).Delete(b.ctx, "shop", metav1.DeleteOptions{})) // as Argo CD prunes it
	b.until("the old pods are gone", func() error {
		pods, err := cluster.Pods(b.ctx, b.namespace, harness.Labels("shop", "redis"))
		if err == nil && len(pods) > 0 {
			err = fmt.Errorf("%d pods", len(pods))
		}
		return err
	})
	m.volumes("shop-rfr-shop-0", "shop-rfr-shop-1", "shop-rfr-shop-2")
	b.until("doctor finds nothing wrong", func() error { return b.failed(b.tool(dir, "doctor", "shop-v2-redis", "-n", b.namespace)) })
}

// valkey is where scripts/rdb-servers.sh puts Valkey 8.1, for the pod runner.
const valkey = "../../.cache/servers/valkey-8.1"

// TestMigrateToValkey moves a Redis 7.0 without an operator to Valkey 8.1 while a client writes.
func TestMigrateToValkey(t *testing.T) {
	if _, err := os.Stat(valkey); errors.Is(err, os.ErrNotExist) {
		t.Skip("no Valkey; run scripts/rdb-servers.sh .cache/servers")
	}
	b := newBench(t)
	b.secret("shop-auth", "password", password)
	dir := b.withoutOperator("--profile", "queue", "--auth", "existing:shop-auth", "--set", "image=redis:7.0.15-alpine")
	b.git(dir, "add", "-A")
	b.git(dir, "commit", "-q", "-m", "shop has a Redis")
	b.settled(password, "shop-redis", "a", "b", "c")
	m := &migration{b, dir}
	m.run("valkey", "a", "b", "c")
	out, err := b.client(m.url(), password).Info(b.ctx, "server").Result()
	if err != nil || !strings.Contains(out, "valkey_version:8.1") {
		t.Errorf("%v\n%s", err, out)
	}
	m.volumes("data-shop-redis-a-0", "data-shop-redis-b-0", "data-shop-redis-c-0")
}
