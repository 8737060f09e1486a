package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/test/e2e/harness"
	"github.com/redis/go-redis/v9"
	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// opsTree is a namespace of the real operator of OpsTree.
type opsTree struct {
	*bench
	program *harness.Program
	pokes   int
	poked   time.Time
}

const inInit = "GenerateConfigInInitContainer=true"

// newOpsTree starts the operator with feature gates, for the namespace of the test alone.
func newOpsTree(t *testing.T, gates string) *opsTree {
	t.Helper()
	if why := harness.OpsTreeMissing(); why != "" {
		t.Skip(why)
	}
	b := newBench(t)
	p, err := cluster.StartOpsTree(b.namespace, gates)
	b.must(err)
	t.Cleanup(func() {
		if log, err := p.Log(); t.Failed() && err == nil {
			lines := strings.Split(log, "\n")
			t.Log(strings.Join(lines[max(0, len(lines)-30):], "\n"))
		}
		p.Stop()
	})
	return &opsTree{bench: b, program: p}
}

// claim runs one beside the others, on the same operator.
func (o *opsTree) claim(name string, try func(*opsTree)) {
	o.Helper()
	o.Run(name, func(t *testing.T) {
		t.Parallel()
		b := *o.bench
		b.T = t
		t.Cleanup(func() {
			if t.Failed() {
				t.Log(b.state())
			}
		})
		try(&opsTree{bench: &b, program: o.program})
	})
}

// make applies a resource of OpsTree with an image; spec is YAML in braces. The annotation poke makes the operator look, and restarts nothing.
func (o *opsTree) make(kind, name, spec string, metadata ...string) {
	o.Helper()
	o.must(o.tryMake(kind, name, spec, metadata...))
}

func (o *opsTree) tryMake(kind, name, spec string, metadata ...string) error {
	image := "quay.io/opstree/redis:v7.0.15"
	if kind == "RedisSentinel" {
		image = "quay.io/opstree/redis-sentinel:v7.0.15"
	}
	spec = strings.Replace(spec, "kubernetesConfig: {", "kubernetesConfig: {ignoreAnnotations: [poke], image: "+image+", ", 1)
	if !strings.Contains(spec, "kubernetesConfig:") {
		spec = strings.Replace(spec, "{", "{kubernetesConfig: {ignoreAnnotations: [poke], image: "+image+"}, ", 1)
	}
	return cluster.Apply(o.ctx, o.namespace, fmt.Sprintf("apiVersion: redis.redis.opstreelabs.in/v1beta2\nkind: %s\nmetadata: {name: %s%s}\nspec: %s\n",
		kind, name, strings.Join(append([]string{""}, metadata...), ", "), spec))
}

func ofOpsTree(kind string) schema.GroupVersionResource {
	plural := map[string]string{"Redis": "redis"}[kind]
	if plural == "" {
		plural = strings.ToLower(kind) + "s"
	}
	return schema.GroupVersionResource{Group: "redis.redis.opstreelabs.in", Version: "v1beta2", Resource: plural}
}

func (o *opsTree) patch(kind, name, patch string) {
	o.Helper()
	_, err := cluster.Dynamic.Resource(ofOpsTree(kind)).Namespace(o.namespace).Patch(o.ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	o.must(err)
}

// poke makes the operator look at a resource now, not at its next round. Each look updates the Services, so one too soon is in the way of
// the last.
func (o *opsTree) poke(kind, name string) {
	o.Helper()
	if time.Since(o.poked) < 3*time.Second {
		return
	}
	o.poked = time.Now()
	o.pokes++
	o.patch(kind, name, fmt.Sprintf(`{"metadata":{"annotations":{"poke":"%d"}}}`, o.pokes))
}

// set returns a StatefulSet, which it waits for.
func (o *opsTree) set(name string) *appsv1.StatefulSet {
	o.Helper()
	var s *appsv1.StatefulSet
	o.until("StatefulSet "+name, func() (err error) {
		s, err = cluster.Client.AppsV1().StatefulSets(o.namespace).Get(o.ctx, name, metav1.GetOptions{})
		return err
	})
	return s
}

// ready waits until all pods of a StatefulSet are ready, and returns them.
func (o *opsTree) ready(name string) []v1.Pod {
	o.Helper()
	o.until(name+" is ready", func() error {
		s, err := cluster.Client.AppsV1().StatefulSets(o.namespace).Get(o.ctx, name, metav1.GetOptions{})
		if err == nil && (s.Status.ReadyReplicas != *s.Spec.Replicas || s.Status.ObservedGeneration != s.Generation) {
			err = fmt.Errorf("%d of %d", s.Status.ReadyReplicas, *s.Spec.Replicas)
		}
		return err
	})
	return o.podsOf(name)
}

func (o *opsTree) podsOf(set string) []v1.Pod {
	o.Helper()
	pods, err := cluster.Pods(o.ctx, o.namespace, "app="+set)
	o.must(err)
	return pods
}

// master waits until the operator has made one of the pods the master and the others its replicas, by their labels, and returns it.
func (o *opsTree) master(kind, name string) v1.Pod {
	o.Helper()
	o.ready(name)
	var out v1.Pod
	o.until(name+" has a master and replicas", func() error {
		o.poke(kind, name)
		masters, replicas := 0, 0
		pods := o.podsOf(name)
		for _, p := range pods {
			switch p.Labels["redis-role"] {
			case "master":
				masters, out = masters+1, p
			case "slave":
				replicas++
			}
		}
		if masters != 1 || replicas != len(pods)-1 {
			return fmt.Errorf("%d masters, %d replicas of %d pods", masters, replicas, len(pods))
		}
		return nil
	})
	return out
}

// looks waits until the operator has handled a resource n times more, by its log.
func (o *opsTree) looks(kind, name string, n int) {
	o.Helper()
	seen := func() int {
		log, err := o.program.Log()
		o.must(err)
		count := 0
		for line := range strings.Lines(log) {
			if strings.Contains(line, `"controller":"`+strings.ToLower(kind)+`"`) && strings.Contains(line, `"name":"`+name+`"`) && strings.Contains(line, "reconcileID") {
				count++
			}
		}
		return count
	}
	for range n {
		before := seen()
		o.until("the operator looks at "+name, func() error {
			o.poke(kind, name)
			if seen() == before {
				return errors.New("it does not")
			}
			return nil
		})
		o.poked = time.Time{}
	}
}

// logged waits for a line of the operator that has all these parts.
func (o *opsTree) logged(parts ...string) {
	o.Helper()
	o.until("the operator logs "+strings.Join(parts, ", "), func() error {
		log, err := o.program.Log()
		if err != nil {
			return err
		}
		for line := range strings.Lines(log) {
			if !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(line, p) }) {
				return nil
			}
		}
		return errors.New("it does not")
	})
}

// absent fails if something is there.
func (o *opsTree) absent(what string, err error) {
	o.Helper()
	if !apierrors.IsNotFound(err) {
		o.Errorf("%s: %v; want none", what, err)
	}
}

func (o *opsTree) getSet(name string) error {
	_, err := cluster.Client.AppsV1().StatefulSets(o.namespace).Get(o.ctx, name, metav1.GetOptions{})
	return err
}

func (o *opsTree) getService(name string) error {
	_, err := cluster.Client.CoreV1().Services(o.namespace).Get(o.ctx, name, metav1.GetOptions{})
	return err
}

func (o *opsTree) getBudget(name string) error {
	_, err := cluster.Client.PolicyV1().PodDisruptionBudgets(o.namespace).Get(o.ctx, name, metav1.GetOptions{})
	return err
}

// env is what a container of a StatefulSet gets.
func env(set *appsv1.StatefulSet, container string) map[string]string {
	out := map[string]string{}
	for _, c := range set.Spec.Template.Spec.Containers {
		if c.Name == container {
			for _, e := range c.Env {
				out[e.Name] = e.Value
			}
		}
	}
	return out
}

// services are the Services of a resource: name, port, and role if it selects by one.
func (o *opsTree) services(owner string) []string {
	o.Helper()
	list, err := cluster.Client.CoreV1().Services(o.namespace).List(o.ctx, metav1.ListOptions{})
	o.must(err)
	var out []string
	for _, s := range list.Items {
		if len(s.OwnerReferences) == 0 || s.OwnerReferences[0].Name != owner {
			continue
		}
		line := s.Name
		for _, p := range s.Spec.Ports {
			line += fmt.Sprintf(" %d", p.Port)
		}
		if role := s.Spec.Selector["redis-role"]; role != "" {
			line += " " + role
		}
		if s.Spec.ClusterIP == "None" {
			line += " headless"
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

func (o *opsTree) wantServices(owner string, want ...string) {
	o.Helper()
	slices.Sort(want)
	var got []string
	o.until("the Services of "+owner, func() error {
		if got = o.services(owner); len(got) < len(want) {
			return fmt.Errorf("%q", got)
		}
		return nil
	})
	if !slices.Equal(got, want) {
		o.Errorf("the Services of %s are\n%q\nwant\n%q", owner, got, want)
	}
}

// config is CONFIG GET of a pod.
func (o *opsTree) config(p v1.Pod, password, name string) string {
	o.Helper()
	var out map[string]string
	o.until("CONFIG GET of "+p.Name, func() (err error) {
		out, err = o.client(p.Status.PodIP+":6379", password).ConfigGet(o.ctx, name).Result()
		return err
	})
	return out[name]
}

// replication is a section of INFO of a pod.
func (o *opsTree) replication(p v1.Pod, password, field string) string {
	text, err := o.client(p.Status.PodIP+":6379", password).Info(o.ctx, "replication").Result()
	if err != nil {
		return err.Error()
	}
	for line := range strings.Lines(text) {
		if name, value, _ := strings.Cut(strings.TrimSpace(line), ":"); name == field {
			return value
		}
	}
	return ""
}

func (o *opsTree) volumes(set *appsv1.StatefulSet) (out []string) {
	for _, v := range set.Spec.VolumeClaimTemplates {
		out = append(out, v.Name)
	}
	return out
}

func (o *opsTree) sentinelOf(p v1.Pod, password string) *redis.SentinelClient {
	c := redis.NewSentinelClient(&redis.Options{Addr: p.Status.PodIP + ":26379", Password: password, Protocol: 2, DisableIdentity: true, MaxRetries: -1})
	o.Cleanup(func() { _ = c.Close() })
	return c
}
