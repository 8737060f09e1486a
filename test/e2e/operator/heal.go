package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"

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

// reconcile looks at a RedisFailover once. As with the real operator, what is wrong shows in the log alone.
func (o *operator) reconcile(ctx context.Context, key string, object runtime.Object) {
	err := func() error {
		rf, err := decode(object)
		if err != nil {
			return err
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

// pods returns the pods of a component, of any phase.
func (o *operator) pods(ctx context.Context, rf *redisFailover, kind string) ([]v1.Pod, error) {
	list, err := o.client.CoreV1().Pods(rf.Namespace).List(ctx, metav1.ListOptions{LabelSelector: labels.SelectorFromSet(rf.selector(kind)).String()})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// running returns those that run and are not to end.
func running(pods []v1.Pod) []v1.Pod {
	return slices.DeleteFunc(slices.Clone(pods), func(p v1.Pod) bool { return p.Status.Phase != v1.PodRunning || p.DeletionTimestamp != nil })
}

// allRunning reports whether no pod is pending or to end, and there are enough of the others: AreAllRunning in service/check.go.
func allRunning(pods []v1.Pod, want int32) bool {
	n := int32(0)
	for _, p := range pods {
		switch {
		case p.DeletionTimestamp != nil || p.Status.Phase == v1.PodPending:
			return false
		case p.Status.Phase != v1.PodFailed && p.Status.Phase != v1.PodSucceeded:
			n++
		}
	}
	return n >= want
}

// dial logs in itself: go-redis 9 goes on where a server without a password refuses one; the operator's version does not.
func dial(ip, port, password string) *redis.Client {
	login := func(ctx context.Context, c *redis.Conn) error {
		if password == "" {
			return nil
		}
		return c.Auth(ctx, password).Err()
	}
	return redis.NewClient(&redis.Options{Addr: net.JoinHostPort(ip, port), OnConnect: login, Protocol: 2, DisableIdentity: true, PoolSize: 1})
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

// replication asks the Redis of a pod for its replication.
func (rf *redisFailover) replication(ctx context.Context, p v1.Pod) (map[string]string, error) {
	c := dial(p.Status.PodIP, rf.port(), rf.password)
	defer c.Close()
	return info(ctx, c, "replication")
}

// heal is CheckAndHeal in checker.go: what fails ends the round, and what comes after waits for the next one.
func (o *operator) heal(ctx context.Context, rf *redisFailover) error {
	all, err := o.pods(ctx, rf, "redis")
	if err != nil {
		return err
	}
	if !allRunning(all, rf.Spec.Redis.Replicas) {
		return nil
	}
	pods := running(all)
	if rf.bootstrapping() {
		return o.bootstrap(ctx, rf, pods)
	}
	watchers, err := o.pods(ctx, rf, "sentinel")
	if err != nil {
		return err
	}
	if !allRunning(watchers, rf.Spec.Sentinel.Replicas) {
		return nil
	}
	masters := rf.masters(ctx, pods)
	switch len(masters) {
	case 0:
		if on, err := o.choose(ctx, rf, pods, running(watchers)); !on || err != nil {
			return err
		}
		if masters = rf.masters(ctx, pods); len(masters) != 1 {
			return errors.New("number of redis nodes known as master is different than 1")
		}
	case 1:
	default:
		return errors.New("more than one master, fix manually")
	}
	current := masters[0]
	if err := o.follow(ctx, rf, pods, current); err != nil {
		return err
	}
	if err := customConfig(ctx, rf, pods); err != nil {
		return err
	}
	if err := o.update(ctx, rf, pods, current); err != nil {
		return err
	}
	return healSentinels(ctx, rf, running(watchers), current.Status.PodIP, rf.port())
}

// masters returns the pods that say they are one. Those that do not answer are none.
func (rf *redisFailover) masters(ctx context.Context, pods []v1.Pod) []v1.Pod {
	return slices.DeleteFunc(slices.Clone(pods), func(p v1.Pod) bool {
		fields, err := rf.replication(ctx, p)
		if err != nil {
			slog.Error("Get redis info failed, maybe this node is not ready", "pod", p.Name, "error", err)
		}
		return fields["role"] != master
	})
}

// follow labels the pods, and makes all replicas follow the master where one does not: CheckAllSlavesFromMaster and SetMasterOnAll.
func (o *operator) follow(ctx context.Context, rf *redisFailover, pods []v1.Pod, current v1.Pod) error {
	wrong := false
	for _, p := range pods {
		role := slave
		if p.UID == current.UID {
			role = master
		}
		if err := o.label(ctx, p, role); err != nil {
			return err
		}
		fields, err := rf.replication(ctx, p)
		if err != nil || fields["master_host"] != "" && fields["master_host"] != current.Status.PodIP {
			slog.Warn("Slave not associated to master", "pod", p.Name, "follows", fields["master_host"], "error", err)
			wrong = true
			break
		}
	}
	if !wrong {
		return nil
	}
	for _, p := range pods {
		if p.UID == current.UID {
			continue
		}
		if fields, err := rf.replication(ctx, current); err != nil || fields["role"] != master {
			return err
		}
		if err := slaveOf(ctx, p, rf.port(), current.Status.PodIP, rf.port(), rf.password); err != nil {
			return err
		}
		if err := o.label(ctx, p, slave); err != nil {
			return err
		}
	}
	return nil
}

// slaveOf makes the Redis at a port of a pod follow another one; "no" and "one" make it a master.
func slaveOf(ctx context.Context, p v1.Pod, at, host, port, password string) error {
	c := dial(p.Status.PodIP, at, password)
	defer c.Close()
	return c.SlaveOf(ctx, host, port).Err()
}

// customConfig sends every line to every Redis. The first one that is refused ends the round.
func customConfig(ctx context.Context, rf *redisFailover, pods []v1.Pod) error {
	for _, p := range pods {
		c := dial(p.Status.PodIP, rf.port(), rf.password)
		err := func() error {
			for _, line := range rf.Spec.Redis.CustomConfig {
				name, value, err := parameter(line)
				if err != nil {
					return err
				}
				if strings.TrimSpace(name) == "" {
					continue
				}
				if err := c.ConfigSet(ctx, name, value).Err(); err != nil {
					return err
				}
			}
			return nil
		}()
		_ = c.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// parameter takes a line apart as getConfigParameters in service/redis/client.go does: at each single blank.
func parameter(line string) (name, value string, err error) {
	parts := strings.Split(line, " ")
	switch {
	case len(parts) < 2:
		return "", "", fmt.Errorf("configuration '%s' malformed", line)
	case len(parts) == 2 && parts[1] == `""`:
		return parts[0], "", nil
	}
	return parts[0], strings.Join(parts[1:], " "), nil
}

// choose decides what to do without a master. It says whether the round goes on, which needs one.
func (o *operator) choose(ctx context.Context, rf *redisFailover, pods, watchers []v1.Pod) (bool, error) {
	if rf.Spec.Redis.Replicas == 1 {
		return false, o.oldest(ctx, rf, pods)
	}
	if !quorum(ctx, rf, watchers) {
		slog.Warn("Quorum not available for sentinel to choose master, Operator to step-in", "redisfailover", rf.Name)
		return true, o.oldest(ctx, rf, pods)
	}
	for _, p := range pods {
		fields, err := rf.replication(ctx, p)
		switch host := fields["master_host"]; {
		case err != nil:
			return false, err
		case host == "":
			return false, errors.New("unexpected master state, fix manually")
		case host != "127.0.0.1":
			slog.Info("no master found, wait until failover or fix manually", "redisfailover", rf.Name, "namespace", rf.Namespace)
			return false, nil
		}
	}
	return true, o.oldest(ctx, rf, pods)
}

// quorum reports whether fewer sentinels than a quorum are without one: CheckSentinelQuorum.
func quorum(ctx context.Context, rf *redisFailover, watchers []v1.Pod) bool {
	need := int(rf.quorum())
	if len(watchers) < need {
		return false
	}
	without := 0
	for _, p := range watchers {
		c := dial(p.Status.PodIP, strconv.Itoa(sentinelPort), "")
		if err := c.Do(ctx, "SENTINEL", "CKQUORUM", "mymaster").Err(); err != nil {
			without++
		}
		_ = c.Close()
	}
	return without < need
}

// oldest makes the oldest pod that takes it the master, and the others follow it: SetOldestAsMaster.
func (o *operator) oldest(ctx context.Context, rf *redisFailover, pods []v1.Pod) error {
	pods = slices.SortedStableFunc(slices.Values(pods), func(a, b v1.Pod) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	current := ""
	for _, p := range pods {
		role := slave
		if current == "" {
			slog.Info("New master is", "pod", p.Name)
			if err := slaveOf(ctx, p, rf.port(), "no", "one", rf.password); err != nil {
				slog.Error("Make new master failed", "pod", p.Name, "error", err)
				continue
			}
			current, role = p.Status.PodIP, master
		} else if err := slaveOf(ctx, p, rf.port(), current, rf.port(), rf.password); err != nil {
			slog.Error("Make slave failed", "pod", p.Name, "error", err)
		}
		if err := o.label(ctx, p, role); err != nil {
			return err
		}
	}
	if current == "" {
		return errors.New("SetOldestAsMaster- unable to set master")
	}
	return nil
}

// bootstrap makes all pods follow the Redis outside. It dials them on the port of that one: MakeSlaveOfWithPort takes one port for both.
func (o *operator) bootstrap(ctx context.Context, rf *redisFailover, pods []v1.Pod) error {
	if err := o.update(ctx, rf, pods, v1.Pod{}); err != nil {
		return err
	}
	if err := customConfig(ctx, rf, pods); err != nil {
		return err
	}
	b := rf.Spec.BootstrapNode
	for _, p := range pods {
		if err := slaveOf(ctx, p, b.Port, b.Host, b.Port, rf.password); err != nil {
			return err
		}
	}
	if !rf.sentinels() {
		return nil
	}
	watchers, err := o.pods(ctx, rf, "sentinel")
	if err != nil || !allRunning(watchers, rf.Spec.Sentinel.Replicas) {
		return err
	}
	return healSentinels(ctx, rf, running(watchers), b.Host, b.Port)
}

func (o *operator) label(ctx context.Context, p v1.Pod, role string) error {
	if p.Labels[roleLabel] == role {
		return nil
	}
	patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:%q}}}`, roleLabel, role)
	_, err := o.client.CoreV1().Pods(p.Namespace).Patch(ctx, p.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}

// update deletes one pod of an old revision, the master last, once all replicas are in sync: UpdateRedisesPods.
func (o *operator) update(ctx context.Context, rf *redisFailover, pods []v1.Pod, current v1.Pod) error {
	var replicas []v1.Pod
	for _, p := range pods {
		if p.UID == current.UID {
			continue
		}
		fields, err := rf.replication(ctx, p)
		if err != nil {
			return err
		}
		if fields["master_sync_in_progress"] == "1" || fields["master_host"] == "127.0.0.1" || fields["master_link_status"] != "up" {
			return nil
		}
		replicas = append(replicas, p)
	}
	set, err := o.client.AppsV1().StatefulSets(rf.Namespace).Get(ctx, "rfr-"+rf.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if current.Name != "" {
		replicas = append(replicas, current)
	}
	for _, p := range replicas {
		if p.Labels["controller-revision-hash"] == set.Status.UpdateRevision {
			continue
		}
		slog.Info("Deleting pods", "pod", p.Name)
		if err := o.client.CoreV1().Pods(p.Namespace).Delete(ctx, p.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
		return nil
	}
	return nil
}

// healSentinels makes every sentinel watch the master, resets those that know a wrong number of others, and sends customConfig.
// Each step is made with all sentinels before the next one.
func healSentinels(ctx context.Context, rf *redisFailover, pods []v1.Pod, ip, port string) error {
	clients := make([]*redis.Client, len(pods))
	for i, p := range pods {
		clients[i] = dial(p.Status.PodIP, strconv.Itoa(sentinelPort), "")
		defer clients[i].Close()
	}
	for _, c := range clients {
		if err := watch(ctx, c, rf, ip, port); err != nil {
			return err
		}
	}
	replicas := rf.Spec.Redis.Replicas - 1
	if rf.bootstrapping() {
		replicas++
	}
	for _, known := range []struct {
		field string
		want  int32
	}{{"sentinels", rf.Spec.Sentinel.Replicas}, {"slaves", replicas}} {
		for _, c := range clients {
			if err := knows(ctx, c, known.field, known.want); err != nil {
				slog.Warn("Sentinel mismatch. resetting", "sentinel", c.Options().Addr, "error", err)
				if err := c.Do(ctx, "SENTINEL", "reset", "*").Err(); err != nil {
					return err
				}
			}
		}
	}
	for _, c := range clients {
		for _, line := range rf.Spec.Sentinel.CustomConfig {
			name, value, err := parameter(line)
			if err == nil {
				err = c.Do(ctx, "SENTINEL", "set", "mymaster", name, value).Err()
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// watch makes a sentinel watch a master: CheckSentinelMonitor and NewSentinelMonitor.
func watch(ctx context.Context, c *redis.Client, rf *redisFailover, ip, port string) error {
	state, err := c.Do(ctx, "SENTINEL", "master", "mymaster").StringSlice()
	if err == nil && len(state) > 5 && state[3] == ip && state[5] == port {
		return nil
	}
	slog.Warn("Fixing sentinel not monitoring expected master", "sentinel", c.Options().Addr, "error", err)
	_ = c.Do(ctx, "SENTINEL", "REMOVE", "mymaster").Err()
	if err := c.Do(ctx, "SENTINEL", "MONITOR", "mymaster", ip, port, int(rf.quorum())).Err(); err != nil {
		return err
	}
	if rf.password == "" {
		return nil
	}
	return c.Do(ctx, "SENTINEL", "SET", "mymaster", "auth-pass", rf.password).Err()
}

// knows reports that a sentinel counts what it should. A master that is down counts as a wrong number, as with the operator.
func knows(ctx context.Context, c *redis.Client, field string, want int32) error {
	text, err := c.Info(ctx, "sentinel").Result()
	if err != nil {
		return err
	}
	if !strings.Contains(text, "status=ok") {
		return errors.New("sentinels not ready")
	}
	_, rest, _ := strings.Cut(text, field+"=")
	number, _, _ := strings.Cut(rest, ",")
	if n, err := strconv.Atoi(strings.TrimSpace(number)); err != nil || int32(n) != want {
		return fmt.Errorf("%s in memory mismatch: %q", field, number)
	}
	return nil
}
