package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/redis-gitops/redis-gitops/test/e2e/harness"
)

// A store is a Redis that is to lose something.
type store struct {
	*bench
	configuration
	dir     string
	rounds  int
	opsTree *harness.Program // its operator; nil while there is none
	poke    sync.Mutex
	poked   time.Time
	pokes   int
}

// operated reports whether an operator runs it.
func (s *store) operated() bool { return s.failover || s.kinds != nil }

// nudge makes the operator look at it, which it does every 30 seconds by itself.
func (s *store) nudge() {
	if s.failover {
		_ = cluster.Nudge(s.ctx, s.namespace, "shop")
	}
	if s.kinds != nil {
		s.pokeOpsTree()
	}
}

func (s *store) list(selector string) []v1.Pod {
	s.Helper()
	if selector == "" {
		return nil
	}
	var pods []v1.Pod
	s.until("pods are listed", func() (err error) { pods, err = cluster.Pods(s.ctx, s.namespace, selector); return err })
	return slices.DeleteFunc(pods, func(p v1.Pod) bool { return p.DeletionTimestamp != nil })
}

func ready(p v1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c v1.PodCondition) bool { return c.Type == v1.PodReady && c.Status == v1.ConditionTrue })
}

// ask sends a command to an address, through a connection of its own.
func (s *store) ask(address string, args ...any) (any, error) {
	ctx, cancel := context.WithTimeout(s.ctx, 2*time.Second)
	defer cancel()
	c := redis.NewClient(&redis.Options{Addr: address, Protocol: 2, DisableIdentity: true, MaxRetries: -1, DialTimeout: time.Second, ReadTimeout: 2 * time.Second})
	defer c.Close()
	return c.Do(ctx, args...).Result()
}

func (s *store) server(p v1.Pod) string { return p.Status.PodIP + ":6379" }

// primary is where clients write, by the Service.
func (s *store) primary() string { return s.host + "." + s.namespace + ".svc:6379" }

// watched is where clients of Sentinel write.
func (s *store) watched() (string, error) {
	for _, p := range s.list(s.watchers) {
		answer, err := s.ask(p.Status.PodIP+":26379", "SENTINEL", "GET-MASTER-ADDR-BY-NAME", s.masterName)
		if list, ok := answer.([]any); err == nil && ok && len(list) == 2 {
			return fmt.Sprint(list[0]) + ":" + fmt.Sprint(list[1]), nil
		}
	}
	return "", errors.New("no sentinel names a master")
}

func (s *store) writes(address string) error {
	_, err := s.ask(address, "SET", "probe", time.Now().String())
	return err
}

// master is the pod whose server clients write to.
func (s *store) masterPod() (*v1.Pod, error) {
	for _, p := range s.list(s.selector) {
		answer, err := s.ask(s.server(p), "ROLE")
		if list, ok := answer.([]any); err == nil && ok && len(list) == 3 && list[0] == "master" && len(list[2].([]any)) == s.redisPods-1 {
			return &p, nil
		}
	}
	return nil, fmt.Errorf("no master with %d replicas", s.redisPods-1)
}

// settle waits until all of it is up.
func (s *store) settle() *v1.Pod {
	s.Helper()
	var master *v1.Pod
	repaired := func() (err error) {
		if n := len(slices.DeleteFunc(s.list(s.selector), func(p v1.Pod) bool { return !ready(p) })); n != s.redisPods {
			return fmt.Errorf("%d of %d pods are ready", n, s.redisPods)
		}
		if master, err = s.masterPod(); err != nil {
			return err
		}
		return s.writes(s.primary())
	}
	s.until(s.name+" is up", func() error {
		if s.failover {
			s.nudge()
		}
		if err := repaired(); err != nil {
			s.nudge()
			return err
		}
		for _, p := range s.list(s.watchers) {
			known, err := s.ask(p.Status.PodIP+":26379", "SENTINEL", "REPLICAS", s.masterName)
			if list, ok := known.([]any); err != nil || !ok || len(list) != s.redisPods-1 {
				return fmt.Errorf("%s knows %d replicas: %w", p.Name, len(list), err)
			}
			others, err := s.ask(p.Status.PodIP+":26379", "SENTINEL", "SENTINELS", s.masterName)
			if list, ok := others.([]any); err != nil || !ok || len(list) != len(s.list(s.watchers))-1 {
				return fmt.Errorf("%s knows %d sentinels: %w", p.Name, len(list), err)
			}
		}
		return nil
	})
	return master
}

// lowest makes the first pod of a RedisFailover the master: where it is lost, the operator comes to its address before those of others.
func (s *store) lowest() *v1.Pod {
	s.Helper()
	master := s.settle()
	if !s.failover || s.redisPods == 1 {
		return master
	}
	first := s.list(s.selector)[0]
	priority := func(n int) {
		for _, p := range s.list(s.selector) {
			if p.Name != first.Name {
				_, err := s.ask(s.server(p), "CONFIG", "SET", "replica-priority", n)
				s.must(err)
			}
		}
	}
	for tries := 0; master.Name != first.Name && tries < 3; tries++ {
		priority(0)
		time.Sleep(12 * time.Second) // sentinels read it every 10 s
		for _, p := range s.list(s.watchers) {
			if _, err := s.ask(p.Status.PodIP+":26379", "SENTINEL", "FAILOVER", s.masterName); err == nil {
				break
			}
		}
		time.Sleep(5 * time.Second)
		master = s.settle()
	}
	priority(100)
	return master
}

// mark writes what is looked for after the loss: kept is in a snapshot and on all replicas, late on the replicas alone.
func (s *store) mark() {
	s.Helper()
	s.rounds++
	write := func(key string) {
		s.until(key+" is written", func() error {
			c := s.client(s.primary(), "")
			if err := c.Set(s.ctx, key, "v", 0).Err(); err != nil {
				return err
			}
			if n := c.Wait(s.ctx, s.redisPods-1, 2*time.Second).Val(); int(n) < s.redisPods-1 {
				return fmt.Errorf("%d replicas have it", n)
			}
			return nil
		})
	}
	write(s.key("kept"))
	for _, p := range s.list(s.selector) {
		s.until("a snapshot of "+p.Name, func() error { _, err := s.ask(s.server(p), "SAVE"); return err })
	}
	write(s.key("late"))
}

func (s *store) key(what string) string { return fmt.Sprintf("%s:%d", what, s.rounds) }

// data is what is left: "all", "snapshot" or "none".
func (s *store) data(address string) (string, error) {
	for _, k := range [][2]string{{"late", "all"}, {"kept", "snapshot"}} {
		answer, err := s.ask(address, "GET", s.key(k[0]))
		if err != nil && !errors.Is(err, redis.Nil) {
			return "", err
		}
		if answer == "v" {
			return k[1], nil
		}
	}
	return "none", nil
}

// hold keeps pods from starting, by patterns of their names; "" lets them.
func (s *store) hold(patterns string) {
	s.Helper()
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"podrunner/lost":%q}}}`, patterns)
	_, err := cluster.Client.CoreV1().Namespaces().Patch(s.ctx, s.namespace, types.MergePatchType, patch, metav1.PatchOptions{})
	s.must(err)
}

// kill ends the containers of pods as the loss of their node does, and holds them.
func (s *store) kill(pods []v1.Pod) {
	s.Helper()
	var names []string
	for _, p := range pods {
		names = append(names, p.Name)
	}
	s.hold(strings.Join(names, " "))
	s.until("the pods are down", func() error {
		left := 0
		for _, name := range names {
			p, err := cluster.Client.CoreV1().Pods(s.namespace).Get(s.ctx, name, metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				continue
			}
			s.must(err)
			for _, c := range p.Status.ContainerStatuses {
				if pid, err := harness.PID(p, c.Name); err == nil {
					left++
					_ = harness.Kill(pid)
				}
			}
		}
		if left > 0 {
			return fmt.Errorf("%d containers run", left)
		}
		return nil
	})
}

// forget deletes pods at once, which are made again elsewhere, and lets them start.
func (s *store) forget(pods []v1.Pod) {
	s.Helper()
	zero := int64(0)
	for _, p := range pods {
		err := cluster.Client.CoreV1().Pods(s.namespace).Delete(s.ctx, p.Name, metav1.DeleteOptions{GracePeriodSeconds: &zero})
		if err != nil && !apierrors.IsNotFound(err) {
			s.Fatal(err)
		}
	}
	s.hold("")
}

// resumes waits until an address accepts writes.
func (s *store) resumes(address func() (string, error), limit time.Duration) (time.Duration, bool) {
	began := time.Now()
	for time.Since(began) < limit {
		s.nudge()
		at, err := address()
		if err == nil {
			err = s.writes(at)
		}
		if err == nil {
			return time.Since(began), true
		}
		time.Sleep(200 * time.Millisecond)
	}
	return limit, false
}

func (s *store) byService() (string, error) { return s.primary(), nil }

// domains places pods as a scheduler may do that packs: each into the first node or zone that the rules allow. What is only preferred is
// kept if preferred is set, as where there is room.
func domains(pods []v1.Pod, key string, preferred bool) []int {
	const count = 3
	var at []int
	for i, p := range pods {
		d := 0
		for d < count-1 && !allowed(pods[:i], at, p, d, count, key, preferred) {
			d++
		}
		at = append(at, d)
	}
	return at
}

func allowed(placed []v1.Pod, at []int, p v1.Pod, d, count int, key string, preferred bool) bool {
	matches := func(selector *metav1.LabelSelector, domain int) int {
		is, err := metav1.LabelSelectorAsSelector(selector)
		n := 0
		for i, other := range placed {
			if err == nil && at[i] == domain && is.Matches(labels.Set(other.Labels)) {
				n++
			}
		}
		return n
	}
	if a := p.Spec.Affinity; a != nil && a.PodAntiAffinity != nil {
		terms := slices.Clone(a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution)
		for _, t := range a.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution {
			if preferred {
				terms = append(terms, t.PodAffinityTerm)
			}
		}
		for _, t := range terms {
			if t.TopologyKey == key && matches(t.LabelSelector, d) > 0 {
				return false
			}
		}
	}
	for _, c := range p.Spec.TopologySpreadConstraints {
		if c.TopologyKey != key || c.WhenUnsatisfiable != v1.DoNotSchedule && !preferred {
			continue
		}
		least := matches(c.LabelSelector, d)
		for other := range count {
			least = min(least, matches(c.LabelSelector, other))
		}
		if matches(c.LabelSelector, d)+1-least > int(c.MaxSkew) {
			return false
		}
	}
	return true
}

// beside returns the pods that may be where the master is.
func (s *store) beside(master *v1.Pod, key string, preferred bool) []v1.Pod {
	s.Helper()
	pods := []v1.Pod{*master}
	for _, p := range append(s.list(s.selector), s.list(s.watchers)...) {
		if p.Name != master.Name {
			pods = append(pods, p)
		}
	}
	var out []v1.Pod
	for i, d := range domains(pods, key, preferred) {
		if d == 0 {
			out = append(out, pods[i])
		}
	}
	return out
}

// evict drains pods as kubectl drain does: all at once, and again where a PodDisruptionBudget holds one.
func (s *store) evict(pods []v1.Pod, limit time.Duration) (held []string) {
	ctx, cancel := context.WithTimeout(s.ctx, limit)
	defer cancel()
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, p := range pods {
		all.Go(func() {
			for ctx.Err() == nil {
				s.nudge()
				err := cluster.Client.CoreV1().Pods(s.namespace).EvictV1(ctx, &policyv1.Eviction{
					ObjectMeta: metav1.ObjectMeta{Name: p.Name}, DeleteOptions: &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &p.UID}},
				})
				if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
					now, err := cluster.Client.CoreV1().Pods(s.namespace).Get(ctx, p.Name, metav1.GetOptions{})
					if apierrors.IsNotFound(err) || err == nil && now.UID != p.UID {
						return
					}
				}
				time.Sleep(500 * time.Millisecond)
			}
			mu.Lock()
			held = append(held, p.Name)
			mu.Unlock()
		})
	}
	all.Wait()
	return held
}

// watch samples until stop is called: how long no write was accepted at most, how few servers answered, and the keys that were written.
func (s *store) watch() (stop func() (gap time.Duration, least int, written []string)) {
	ctx, cancel := context.WithCancel(s.ctx)
	least, gap := s.redisPods, time.Duration(0)
	var written []string
	var both sync.WaitGroup
	both.Go(func() {
		for last := time.Now(); ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
			key := fmt.Sprintf("watched:%d:%d", s.rounds, len(written))
			if _, err := s.ask(s.primary(), "SET", key, "v"); err == nil {
				written, last = append(written, key), time.Now()
			}
			gap = max(gap, time.Since(last))
		}
	})
	both.Go(func() {
		for ; ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
			if pods, err := cluster.Pods(ctx, s.namespace, s.selector); err == nil {
				least = min(least, len(slices.DeleteFunc(pods, func(p v1.Pod) bool { _, err := s.ask(s.server(p), "PING"); return err != nil })))
			}
		}
	})
	return func() (time.Duration, int, []string) { cancel(); both.Wait(); return gap, least, written }
}

// missing is how many of some keys the master does not have.
func (s *store) missing(keys []string) int {
	s.Helper()
	n := len(keys)
	for chunk := range slices.Chunk(keys, 500) {
		args := []any{"EXISTS"}
		for _, k := range chunk {
			args = append(args, k)
		}
		s.until("the master answers", func() error {
			there, err := s.ask(s.primary(), args...)
			if err == nil {
				n -= int(there.(int64))
			}
			return err
		})
	}
	return n
}

// limited kills servers that need more than their limit, as the kernel does, until stop is called.
func (s *store) limited(limit int) (stop func() (kills int)) {
	ctx, cancel := context.WithCancel(s.ctx)
	kills := 0
	var one sync.WaitGroup
	one.Go(func() {
		for ; ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
			pods, _ := cluster.Pods(ctx, s.namespace, s.selector)
			for _, p := range pods {
				for _, c := range p.Status.ContainerStatuses {
					if pid, err := harness.PID(&p, c.Name); err == nil && resident(pid) > limit {
						kills++
						_ = harness.Kill(pid)
					}
				}
			}
		}
	})
	return func() int { cancel(); one.Wait(); return kills }
}

// resident is the memory of a process in KiB.
func resident(pid int) int {
	text, _ := os.ReadFile(filepath.Join("/proc", fmt.Sprint(pid), "status"))
	_, after, _ := strings.Cut(string(text), "VmRSS:")
	n := 0
	_, _ = fmt.Sscan(after, &n)
	return n
}
