package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/redis-gitops/redis-gitops/test/e2e/harness"
)

// changed is a RedisFailover whose changes are committed, judged by diff, applied, and watched.
type changed struct {
	*bench
	dir    string
	name   string
	spec   map[string]any
	meta   map[string]any
	marker int // the last value of hz, by which the operator shows that it has looked at all before it
}

// changing starts a RedisFailover with these parts of its spec, in JSON.
func (b *bench) changing(name, redis, sentinel string) *changed {
	b.Helper()
	c := &changed{bench: b, dir: b.TempDir(), name: name, meta: map[string]any{"name": name, "namespace": b.namespace}, marker: 20}
	c.spec = map[string]any{
		"labelWhitelist": []any{"^$"},
		"redis":          map[string]any{"replicas": 3, "image": "redis:7.0.15-alpine", "customConfig": []any{"maxmemory 100mb"}},
		"sentinel":       map[string]any{"replicas": 3, "image": "redis:7.0.15-alpine", "customConfig": []any{"down-after-milliseconds 2000", "failover-timeout 3000"}},
	}
	c.set("redis", redis)
	c.set("sentinel", sentinel)
	b.git(c.dir, "init", "-q", ".")
	b.must(os.MkdirAll(filepath.Join(c.dir, "applications", "shop"), 0o755))
	b.must(os.WriteFile(filepath.Join(c.dir, "applications", "shop", "kustomization.yaml"), []byte("resources: [redis.yaml]\n"), 0o644))
	b.must(os.WriteFile(filepath.Join(c.dir, ".redis-gitops.yaml"), []byte("operator:\n  name: spotahome\n  version: 1.3.0\n"), 0o644))
	c.commit()
	c.apply(c.manifest())
	b.must(cluster.WaitReady(b.ctx, b.namespace, name))
	return c
}

// set merges JSON into a part of the spec, or into all of it with "". null removes a field.
func (c *changed) set(part, text string) {
	c.Helper()
	if text == "" {
		return
	}
	into := c.spec
	switch part {
	case "redis", "sentinel":
		into = c.spec[part].(map[string]any)
	case "metadata":
		into = c.meta
	}
	var patch map[string]any
	c.must(json.Unmarshal([]byte(text), &patch))
	merge(into, patch)
}

func merge(into, patch map[string]any) {
	for key, value := range patch {
		below, isMap := value.(map[string]any)
		have, was := into[key].(map[string]any)
		switch {
		case value == nil:
			delete(into, key)
		case isMap && was:
			merge(have, below)
		default:
			into[key] = value
		}
	}
}

func (c *changed) manifest() string {
	text, err := json.MarshalIndent(map[string]any{"apiVersion": "databases.spotahome.com/v1", "kind": "RedisFailover", "metadata": c.meta, "spec": c.spec}, "", "  ")
	c.must(err)
	return string(text) + "\n"
}

func (c *changed) commit() {
	c.Helper()
	c.must(os.WriteFile(filepath.Join(c.dir, "applications", "shop", "redis.yaml"), []byte(c.manifest()), 0o644))
	c.git(c.dir, "add", "-A")
	c.git(c.dir, "commit", "-q", "-m", "change")
}

// said returns the classes that diff has for the last commit.
func (c *changed) said() string {
	c.Helper()
	var report struct {
		Changes []struct{ Class, Path string }
	}
	r := c.ok(c.tool(c.dir, "diff", "HEAD~1", "HEAD", "--output", "json"))
	c.must(json.Unmarshal([]byte(r.stdout), &report))
	var classes []string
	for _, change := range report.Changes {
		classes = append(classes, change.Class)
	}
	slices.Sort(classes)
	return strings.Join(slices.Compact(classes), " ")
}

// pods are the UIDs of those of a component that are not about to end, by name.
func (c *changed) pods(component string) map[string]string {
	c.Helper()
	list, err := cluster.Pods(c.ctx, c.namespace, harness.Labels(c.name, component))
	c.must(err)
	out := map[string]string{}
	for _, p := range list {
		if p.DeletionTimestamp == nil {
			out[p.Name] = string(p.UID)
		}
	}
	return out
}

// looked makes a change that takes effect without a restart, and waits until all pods have it: then the operator has seen what came before.
func (c *changed) looked(limit time.Duration) error {
	c.Helper()
	c.marker++
	redis := c.spec["redis"].(map[string]any)
	list := slices.DeleteFunc(slices.Clone(redis["customConfig"].([]any)), func(v any) bool { return strings.HasPrefix(v.(string), "hz ") })
	redis["customConfig"] = append(list, fmt.Sprintf("hz %d", c.marker))
	c.commit()
	c.apply(c.manifest())
	try := func() error {
		if err := cluster.Nudge(c.ctx, c.namespace, c.name); err != nil {
			return err
		}
		return c.everyRedis("hz", fmt.Sprint(c.marker))
	}
	if limit == 0 {
		c.until("the operator has set hz", try)
		return nil
	}
	var err error
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if err = try(); err == nil {
			return nil
		}
	}
	return err
}

// everyRedis asks all running Redis for a value of their configuration.
func (c *changed) everyRedis(name, want string) error {
	list, err := cluster.Pods(c.ctx, c.namespace, harness.Labels(c.name, "redis"))
	if err != nil {
		return err
	}
	for _, p := range list {
		got, err := c.client(p.Status.PodIP+":6379", "").ConfigGet(c.ctx, name).Result()
		if err != nil || got[name] != want {
			return fmt.Errorf("%s: %s is %q, want %s: %w", p.Name, name, got[name], want, err)
		}
	}
	return nil
}

// claims are the sizes of the volumes by their names.
func (c *changed) claims() map[string]string {
	c.Helper()
	list, err := cluster.Client.CoreV1().PersistentVolumeClaims(c.namespace).List(c.ctx, metav1.ListOptions{})
	c.must(err)
	out := map[string]string{}
	for _, claim := range list.Items {
		if claim.DeletionTimestamp == nil {
			size := claim.Spec.Resources.Requests[v1.ResourceStorage]
			out[claim.Name] = size.String()
		}
	}
	return out
}

// same reports pods that were there before and are not the same now.
func same(before, now map[string]string) error {
	for name, uid := range before {
		if id, ok := now[name]; ok && id != uid {
			return fmt.Errorf("%s has restarted", name)
		}
	}
	return nil
}

// replaced reports pods that are still those of before.
func replaced(before, now map[string]string) error {
	if len(now) < len(before) {
		return fmt.Errorf("%d of %d pods", len(now), len(before))
	}
	old := slices.Collect(maps.Values(before))
	for name, uid := range now {
		if slices.Contains(old, uid) {
			return fmt.Errorf("%s has not restarted", name)
		}
	}
	return nil
}

// A step is a change, what diff says about it, and what can be seen of it besides pods that restart.
type step struct {
	name, part, patch, class string
	seen                     func(c *changed, claims map[string]string) error
}

// play makes a change and compares what happens with what diff says.
func (c *changed) play(s step) {
	c.Helper()
	redis, sentinels, claims := c.pods("redis"), c.pods("sentinel"), c.claims()
	c.set(s.part, s.patch)
	c.commit()
	if got := c.said(); got != s.class {
		c.Errorf("%s: diff says %q, want %q", s.name, got, s.class)
	}
	began := time.Now()
	c.apply(c.manifest())
	seen := func() error {
		if s.seen == nil {
			return nil
		}
		return s.seen(c, claims)
	}
	switch s.class {
	case "roll", "roll-sentinels", "roll roll-sentinels":
		c.until(s.name+": all pods restart", func() error {
			errs := []error{c.gently(), cluster.Ready(c.ctx, c.namespace, c.name), seen()}
			if s.class != "roll-sentinels" {
				errs = append(errs, replaced(redis, c.pods("redis")))
			}
			if s.class != "roll" {
				errs = append(errs, replaced(sentinels, c.pods("sentinel")))
			}
			return errors.Join(errs...)
		})
		if s.class == "roll-sentinels" {
			if err := same(redis, c.pods("redis")); err != nil {
				c.Errorf("%s: %v", s.name, err)
			}
		}
	case "live", "ignored", "later":
		c.must(c.looked(0))
		c.until(s.name+": it has its effect", func() error { return errors.Join(seen(), cluster.Nudge(c.ctx, c.namespace, c.name)) })
		if err := errors.Join(same(redis, c.pods("redis")), same(sentinels, c.pods("sentinel"))); err != nil {
			c.Errorf("%s: %v, but diff says %s", s.name, err, s.class)
		}
	default:
		c.Fatalf("%s: no way to look at %s", s.name, s.class)
	}
	c.Logf("%-40s %-16s as diff says, %s", s.name, s.class, time.Since(began).Round(time.Second))
}

// gently nudges the operator while all sentinels know the replicas: it deletes the master whether they do or not, and one that is lost
// while they do not stays lost, which is TestDeadlock's.
func (c *changed) gently() error {
	list, err := cluster.Pods(c.ctx, c.namespace, harness.Labels(c.name, "sentinel"))
	if err != nil {
		return err
	}
	for _, p := range list {
		facts, err := c.client(p.Status.PodIP+":26379", "").Do(c.ctx, "SENTINEL", "REPLICAS", "mymaster").Slice()
		if err != nil || len(facts) < 2 {
			return fmt.Errorf("%s knows %d replicas: %w", p.Name, len(facts), err)
		}
	}
	return cluster.Nudge(c.ctx, c.namespace, c.name)
}

func config(name, want string) func(*changed, map[string]string) error {
	return func(c *changed, _ map[string]string) error { return c.everyRedis(name, want) }
}

// claimsStay wants the volumes of before, as they were.
func claimsStay(c *changed, before map[string]string) error {
	if now := c.claims(); !maps.Equal(before, now) {
		return fmt.Errorf("volumes are %v, were %v", now, before)
	}
	return nil
}

const claim = `"storage": {"persistentVolumeClaim": {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}}}`

func claimOf(spec string) string {
	return `{"storage": {"persistentVolumeClaim": {"spec": ` + spec + `}}}`
}

// TestConsequencesLive: what diff calls live, later or ignored restarts no pod.
func TestConsequencesLive(t *testing.T) {
	b := newBench(t)
	c := b.changing("x", "{"+claim+"}", "")
	for _, s := range []step{
		{name: "maxmemory", part: "redis", patch: `{"customConfig": ["maxmemory 200mb"]}`, class: "live", seen: config("maxmemory", "209715200")},
		{name: "a directive is removed", part: "redis", patch: `{"customConfig": []}`, class: "later", seen: config("maxmemory", "209715200")},
		{name: "one more replica", part: "redis", patch: `{"replicas": 4}`, class: "live", seen: func(c *changed, before map[string]string) error {
			if len(c.pods("redis")) != 4 || len(c.claims()) != 4 {
				return errors.New("not 4 pods with volumes")
			}
			return cluster.Ready(c.ctx, c.namespace, c.name)
		}},
		{name: "one less", part: "redis", patch: `{"replicas": 3}`, class: "live", seen: func(c *changed, before map[string]string) error {
			if len(c.pods("redis")) != 3 {
				return errors.New("not 3 pods")
			}
			return claimsStay(c, before)
		}},
		{name: "replicas: 0", part: "redis", patch: `{"replicas": 0}`, class: "live", seen: func(c *changed, _ map[string]string) error {
			if len(c.pods("redis")) != 3 {
				return errors.New("not 3 pods")
			}
			return nil
		}},
		{name: "replicas written again", part: "redis", patch: `{"replicas": 3}`, class: "live"},
		{name: "configuration of the sentinels", part: "sentinel", patch: `{"customConfig": ["down-after-milliseconds 3000", "failover-timeout 3000"]}`, class: "live", seen: func(c *changed, _ map[string]string) error {
			list, err := cluster.Pods(c.ctx, c.namespace, harness.Labels(c.name, "sentinel"))
			for _, p := range list {
				facts, e := c.client(p.Status.PodIP+":26379", "").Do(c.ctx, "SENTINEL", "MASTER", "mymaster").Result()
				if e != nil || !strings.Contains(fmt.Sprint(facts), "down-after-milliseconds:3000") && !strings.Contains(fmt.Sprint(facts), "down-after-milliseconds 3000") {
					err = errors.Join(err, e, fmt.Errorf("%s has %.80v", p.Name, facts))
				}
			}
			return err
		}},
		{name: "an annotation", part: "metadata", patch: `{"annotations": {"team": "shop"}}`, class: "live"},
		{name: "a label, kept from the pods", part: "metadata", patch: `{"labels": {"team": "shop"}}`, class: "live"},
		{name: "renamed commands", part: "redis", patch: `{"customCommandRenames": [{"from": "debug", "to": "gubed"}]}`, class: "later"},
		{name: "a smaller volume", part: "redis", patch: claimOf(`{"resources": {"requests": {"storage": "1Gi"}}}`), class: "ignored", seen: claimsStay},
		{name: "another access mode", part: "redis", patch: claimOf(`{"accessModes": ["ReadWriteMany"]}`), class: "ignored", seen: claimsStay},
		{name: "keepAfterDeletion, too late", part: "redis", patch: `{"storage": {"keepAfterDeletion": true}}`, class: "ignored", seen: claimsStay},
	} {
		c.play(s)
	}
	// The last change was ignored: the volumes go with the StatefulSet, as it was created.
	c.remove("", func() error {
		if n := len(c.claims()); n > 0 {
			return fmt.Errorf("%d volumes", n)
		}
		return nil
	})
}

// remove takes the resource out of the repository and the cluster.
func (c *changed) remove(class string, seen func() error) {
	c.Helper()
	c.must(os.WriteFile(filepath.Join(c.dir, "applications", "shop", "kustomization.yaml"), []byte("resources: []\n"), 0o644))
	c.git(c.dir, "rm", "-q", "applications/shop/redis.yaml")
	c.git(c.dir, "add", "-A")
	c.git(c.dir, "commit", "-q", "-m", "removed")
	if got := c.said(); got != class && class != "" {
		c.Errorf("removed: diff says %q, want %q", got, class)
	}
	c.must(cluster.Dynamic.Resource(harness.RedisFailovers).Namespace(c.namespace).Delete(c.ctx, c.name, metav1.DeleteOptions{}))
	c.until("no pod is left", func() error {
		if n := len(c.pods("redis")) + len(c.pods("sentinel")); n > 0 {
			return fmt.Errorf("%d pods", n)
		}
		return seen()
	})
}

// TestConsequencesRoll: what diff calls roll restarts all pods of Redis, roll-sentinels those of the sentinels.
func TestConsequencesRoll(t *testing.T) {
	b := newBench(t)
	c := b.changing("x", "", "")
	for _, s := range []step{
		{name: "resources", part: "redis", patch: `{"resources": {"requests": {"cpu": "20m"}}}`, class: "roll"},
		{name: "resources of the sentinels", part: "sentinel", patch: `{"resources": {"requests": {"cpu": "20m"}}}`, class: "roll-sentinels"},
		{name: "exporter", part: "redis", patch: `{"exporter": {"enabled": true, "image": "oliver006/redis_exporter:v1.62.0"}}`, class: "roll"},
	} {
		c.play(s)
	}
}

// TestConsequencesStuck: after what diff calls stuck, the operator does nothing more for a Redis.
func TestConsequencesStuck(t *testing.T) {
	for _, s := range []step{
		{name: "auth", part: "", patch: `{"auth": {"secretPath": "x-auth"}}`},
		{name: "port", part: "redis", patch: `{"port": 6380}`},
	} {
		t.Run(s.name, func(t *testing.T) {
			b := newBench(t)
			b.secret("x-auth", "password", password)
			c := b.changing("x", "", "")
			c.must(c.looked(0))
			before := c.pods("redis")
			c.set(s.part, s.patch)
			c.commit()
			if got := c.said(); got != "stuck" {
				t.Errorf("diff says %q", got)
			}
			c.apply(c.manifest())
			if err := c.looked(40 * time.Second); err == nil {
				t.Error("the operator goes on")
			}
			if err := replaced(before, c.pods("redis")); err == nil {
				t.Error("all pods have restarted")
			}
		})
	}
}

// TestConsequencesRemoved: volumes go with the resource unless they were to be kept from the start; a new name is a new Redis.
func TestConsequencesRemoved(t *testing.T) {
	for _, tt := range []struct {
		name, storage, class string
		left                 int
	}{
		{"deleted", claim, "destroy", 0},
		{"kept", strings.Replace(claim, `{"persistent`, `{"keepAfterDeletion": true, "persistent`, 1), "orphan", 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			c := b.changing("x", "{"+tt.storage+"}", "")
			c.remove(tt.class, func() error {
				if n := len(c.claims()); n != tt.left {
					return fmt.Errorf("%d volumes, want %d", n, tt.left)
				}
				return nil
			})
		})
	}
}
