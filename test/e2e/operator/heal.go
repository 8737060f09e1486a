package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

type operator struct{ client kubernetes.Interface }

// timeToPrepare is how long Redises may be without a master before the operator takes one.
const timeToPrepare = 2 * time.Minute

// reconcile looks at a RedisFailover once. As with the real operator, what is wrong shows in the log alone.
func (o *operator) reconcile(ctx context.Context, key string, object runtime.Object) {
	err := func() error {
		rf, err := decode(object)
		if err != nil {
			return err
		}
		if name := rf.Spec.Auth.SecretPath; name != "" {
			s, err := o.client.CoreV1().Secrets(rf.Namespace).Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			password, ok := s.Data["password"]
			if !ok {
				return fmt.Errorf("secret %q does not have a password field", name)
			}
			rf.password = string(password)
		}
		if err := o.ensure(ctx, rf); err != nil {
			return err
		}
		return o.heal(ctx, rf)
	}()
	if err != nil && ctx.Err() == nil {
		slog.Error("reconcile", "redisfailover", key, "error", err)
	}
}

// node is a pod with a Redis or a Sentinel that answers.
type node struct {
	pod    v1.Pod
	client *redis.Client
	info   map[string]string
}

func (n node) close() {
	if n.client != nil {
		_ = n.client.Close()
	}
}

func (n node) follows() string { return n.info["master_host"] }

// pods gives the pods of a component that run and are not to end.
func (o *operator) pods(ctx context.Context, rf *redisFailover, kind string) ([]v1.Pod, error) {
	list, err := o.client.CoreV1().Pods(rf.Namespace).List(ctx, metav1.ListOptions{LabelSelector: labels.SelectorFromSet(rf.selector(kind)).String()})
	if err != nil {
		return nil, err
	}
	var out []v1.Pod
	for _, p := range list.Items {
		if p.Status.Phase == v1.PodRunning && p.DeletionTimestamp == nil {
			out = append(out, p)
		}
	}
	return out, nil
}

func dial(ip string, port int32, password string) *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: net.JoinHostPort(ip, strconv.Itoa(int(port))), Password: password, Protocol: 2, DisableIdentity: true,
		DialTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, MaxRetries: -1, PoolSize: 1,
	})
}

// info reads a section of INFO.
func info(ctx context.Context, c *redis.Client, section string) (map[string]string, error) {
	text, err := c.Info(ctx, section).Result()
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for line := range strings.SplitSeq(text, "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			out[name] = value
		}
	}
	return out, nil
}

// heal takes one step towards one master that all follow and all sentinels watch.
func (o *operator) heal(ctx context.Context, rf *redisFailover) error {
	pods, err := o.pods(ctx, rf, "redis")
	if err != nil {
		return err
	}
	if len(pods) != int(rf.Spec.Redis.Replicas) {
		return nil // the next resync finds them, or the StatefulSet is at work
	}
	var nodes []node
	defer func() {
		for _, n := range nodes {
			n.close()
		}
	}()
	var masters []node
	for _, p := range pods {
		n := node{pod: p, client: dial(p.Status.PodIP, rf.Spec.Redis.Port, rf.password)}
		nodes = append(nodes, n)
		last := &nodes[len(nodes)-1]
		if last.info, err = info(ctx, n.client, "replication"); err != nil {
			return fmt.Errorf("redis %s: %w", p.Name, err)
		}
		if last.info["role"] == master {
			masters = append(masters, *last)
		}
	}
	if rf.bootstrapping() {
		return o.bootstrap(ctx, rf, nodes)
	}
	switch len(masters) {
	case 0:
		return o.choose(ctx, rf, nodes)
	case 1:
	default:
		return errors.New("more than one master, fix manually")
	}
	current := masters[0]
	for _, n := range nodes {
		if n.pod.UID != current.pod.UID && n.follows() != current.pod.Status.PodIP {
			slog.Info("a replica follows another master", "pod", n.pod.Name, "follows", n.follows())
			if err := n.client.SlaveOf(ctx, current.pod.Status.PodIP, strconv.Itoa(int(rf.Spec.Redis.Port))).Err(); err != nil {
				return err
			}
		}
	}
	if err := o.label(ctx, nodes, current); err != nil {
		return err
	}
	if done, err := o.update(ctx, rf, nodes, current); !done || err != nil {
		return err
	}
	for _, n := range nodes {
		for _, line := range rf.Spec.Redis.CustomConfig {
			if err := configSet(ctx, n.client, line); err != nil {
				return fmt.Errorf("redis %s: customConfig %q: %w", n.pod.Name, line, err)
			}
		}
	}
	return o.healSentinels(ctx, rf, current.pod.Status.PodIP)
}

func configSet(ctx context.Context, c *redis.Client, line string) error {
	name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
	if !ok {
		return errors.New("configuration malformed")
	}
	return c.ConfigSet(ctx, name, strings.Trim(strings.TrimSpace(value), `"`)).Err()
}

// choose makes the oldest Redis the master: at once when all are new, later when the sentinels do not find one.
func (o *operator) choose(ctx context.Context, rf *redisFailover, nodes []node) error {
	oldest := nodes[0]
	fresh := true
	youngest := time.Duration(1<<63 - 1)
	for _, n := range nodes {
		if n.pod.CreationTimestamp.Before(&oldest.pod.CreationTimestamp) {
			oldest = n
		}
		fresh = fresh && n.follows() == "127.0.0.1"
		youngest = min(youngest, time.Since(n.pod.CreationTimestamp.Time))
	}
	if !fresh && youngest < timeToPrepare {
		slog.Info("no master found, wait until failover", "redisfailover", rf.Namespace+"/"+rf.Name)
		return nil
	}
	if err := oldest.client.SlaveOf(ctx, "no", "one").Err(); err != nil {
		return err
	}
	for _, n := range nodes {
		if n.pod.UID != oldest.pod.UID {
			if err := n.client.SlaveOf(ctx, oldest.pod.Status.PodIP, strconv.Itoa(int(rf.Spec.Redis.Port))).Err(); err != nil {
				return err
			}
		}
	}
	if err := o.label(ctx, nodes, oldest); err != nil {
		return err
	}
	return o.healSentinels(ctx, rf, oldest.pod.Status.PodIP)
}

// bootstrap makes all Redises follow the one outside.
func (o *operator) bootstrap(ctx context.Context, rf *redisFailover, nodes []node) error {
	b := rf.Spec.BootstrapNode
	port := b.Port
	if port == "" {
		port = "6379"
	}
	for _, n := range nodes {
		if n.follows() != b.Host {
			if err := n.client.SlaveOf(ctx, b.Host, port).Err(); err != nil {
				return err
			}
		}
	}
	if rf.sentinels() {
		return o.healSentinels(ctx, rf, b.Host)
	}
	return nil
}

func (o *operator) label(ctx context.Context, nodes []node, current node) error {
	for _, n := range nodes {
		role := slave
		if n.pod.UID == current.pod.UID {
			role = master
		}
		if n.pod.Labels[roleLabel] == role {
			continue
		}
		patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:%q}}}`, roleLabel, role)
		if _, err := o.client.CoreV1().Pods(n.pod.Namespace).Patch(ctx, n.pod.Name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// update deletes one pod of an old revision, the master last, once all replicas are in sync. It says whether none is left.
func (o *operator) update(ctx context.Context, rf *redisFailover, nodes []node, current node) (bool, error) {
	set, err := o.client.AppsV1().StatefulSets(rf.Namespace).Get(ctx, "rfr-"+rf.Name, metav1.GetOptions{})
	if err != nil {
		return false, err
	}
	var old *v1.Pod
	for _, n := range nodes {
		if n.pod.UID != current.pod.UID && n.info["master_link_status"] != "up" {
			return true, nil
		}
		if n.pod.Labels["controller-revision-hash"] == set.Status.UpdateRevision {
			continue
		}
		if old == nil || old.UID == current.pod.UID {
			old = &n.pod
		}
	}
	if old == nil || set.Status.UpdateRevision == "" {
		return true, nil
	}
	slog.Info("the pod is of an old revision", "pod", old.Name)
	err = o.client.CoreV1().Pods(old.Namespace).Delete(ctx, old.Name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		err = nil
	}
	return false, err
}

// healSentinels makes every sentinel watch the master, and forget what is not there any more.
func (o *operator) healSentinels(ctx context.Context, rf *redisFailover, ip string) error {
	pods, err := o.pods(ctx, rf, "sentinel")
	if err != nil {
		return err
	}
	if len(pods) != int(rf.Spec.Sentinel.Replicas) {
		return nil
	}
	port := strconv.Itoa(int(rf.Spec.Redis.Port))
	for _, p := range pods {
		c := dial(p.Status.PodIP, sentinelPort, "")
		err := healSentinel(ctx, c, rf, ip, port)
		_ = c.Close()
		if err != nil {
			return fmt.Errorf("sentinel %s: %w", p.Name, err)
		}
	}
	return nil
}

// settled is how long after a change the number of what a sentinel knows says something.
const settled = 30 * time.Second

func healSentinel(ctx context.Context, c *redis.Client, rf *redisFailover, ip, port string) error {
	do := func(args ...any) error { return c.Do(ctx, args...).Err() }
	state, err := c.Do(ctx, "SENTINEL", "MASTER", "mymaster").StringSlice()
	if err != nil {
		return err
	}
	known := map[string]string{}
	for i := 0; i+1 < len(state); i += 2 {
		known[state[i]] = state[i+1]
	}
	switch {
	case known["ip"] != ip || known["port"] != port:
		slog.Info("a sentinel watches another master", "sentinel", c.Options().Addr, "watches", known["ip"])
		if err := do("SENTINEL", "REMOVE", "mymaster"); err != nil {
			return err
		}
		if err := do("SENTINEL", "MONITOR", "mymaster", ip, port, int(rf.Spec.Sentinel.Replicas)/2+1); err != nil {
			return err
		}
		if rf.password != "" {
			if err := do("SENTINEL", "SET", "mymaster", "auth-pass", rf.password); err != nil {
				return err
			}
		}
	case stale(known, rf):
		if err := do("SENTINEL", "RESET", "mymaster"); err != nil {
			return err
		}
	}
	for _, line := range rf.Spec.Sentinel.CustomConfig {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if err := do("SENTINEL", "SET", "mymaster", name, strings.TrimSpace(value)); err != nil {
			return fmt.Errorf("customConfig %q: %w", line, err)
		}
	}
	return nil
}

// stale says that a sentinel has known too many or too few sentinels or replicas for long.
func stale(known map[string]string, rf *redisFailover) bool {
	since, err := strconv.Atoi(known["role-reported-time"])
	if err != nil || time.Duration(since)*time.Millisecond < settled {
		return false
	}
	return known["num-other-sentinels"] != strconv.Itoa(int(rf.Spec.Sentinel.Replicas)-1) || known["num-slaves"] != strconv.Itoa(int(rf.Spec.Redis.Replicas)-1)
}
