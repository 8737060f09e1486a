package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/creack/pty"
	appsv1 "k8s.io/api/apps/v1"
	authv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
)

// RedisFailovers are the operator's resource.
var RedisFailovers = schema.GroupVersionResource{Group: "databases.spotahome.com", Version: "v1", Resource: "redisfailovers"}

// Others are resources of other operators, of which none runs: tests do what they do.
var Others = []schema.GroupVersionResource{
	{Group: "redis.redis.opstreelabs.in", Version: "v1beta2", Resource: "redisreplications"},
	{Group: "redis.redis.opstreelabs.in", Version: "v1beta2", Resource: "redissentinels"},
	{Group: "redis.redis.opstreelabs.in", Version: "v1beta2", Resource: "redisclusters"},
	{Group: "kubedb.com", Version: "v1", Resource: "redises"},
	{Group: "app.redislabs.com", Version: "v1alpha1", Resource: "redisenterprisedatabases"},
}

// Apply applies every document of a YAML text; those without a namespace go into namespace.
func (c *Cluster) Apply(ctx context.Context, namespace, text string) error {
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(object.Object) == 0 {
			continue
		}
		if err := c.applyOne(ctx, namespace, object); err != nil {
			return fmt.Errorf("apply %s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
}

func (c *Cluster) applyOne(ctx context.Context, namespace string, object *unstructured.Unstructured) error {
	kind := object.GroupVersionKind()
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		c.mapper.Reset()
		mapping, err = c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	}
	if err != nil {
		return err
	}
	var client dynamic.ResourceInterface = c.Dynamic.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		if object.GetNamespace() == "" {
			object.SetNamespace(namespace)
		}
		client = c.Dynamic.Resource(mapping.Resource).Namespace(object.GetNamespace())
	}
	// As kubectl does by default, an unknown field is an error.
	_, err = client.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: "e2e", Force: true})
	return err
}

// MakeNamespace makes a namespace of Kubernetes with a name that begins with prefix.
func (c *Cluster) MakeNamespace(ctx context.Context, prefix string) (string, error) {
	n, err := c.Client.CoreV1().Namespaces().Create(ctx, &v1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix + "-"}}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return n.Name, nil
}

// DeleteNamespace deletes a namespace and ends its pods at once, without their hooks.
func (c *Cluster) DeleteNamespace(ctx context.Context, name string) error {
	if err := c.Client.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	zero := int64(0)
	return c.Client.CoreV1().Pods(name).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &zero}, metav1.ListOptions{})
}

// MakeUser makes a user who may do what rules say in a namespace, and nothing else. It gives the user's kubeconfig.
func (c *Cluster) MakeUser(ctx context.Context, namespace, name string, rules []rbacv1.PolicyRule) (string, error) {
	object := metav1.ObjectMeta{Namespace: namespace, Name: name}
	if _, err := c.Client.CoreV1().ServiceAccounts(namespace).Create(ctx, &v1.ServiceAccount{ObjectMeta: object}, metav1.CreateOptions{}); err != nil {
		return "", err
	}
	if _, err := c.Client.RbacV1().Roles(namespace).Create(ctx, &rbacv1.Role{ObjectMeta: object, Rules: rules}, metav1.CreateOptions{}); err != nil {
		return "", err
	}
	_, err := c.Client.RbacV1().RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: object,
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: namespace, Name: name}},
		RoleRef:    rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "Role", Name: name},
	}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	token, err := c.Client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, &authv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	file := filepath.Join(c.Dir, "kubeconfig-"+namespace+"-"+name)
	return file, writeKubeconfig(file, namespace, token.Status.Token)
}

// Poke changes an annotation of a RedisFailover, at which the operator looks at it without waiting for its resync.
func (c *Cluster) Poke(ctx context.Context, namespace, name string) error {
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"poke":%q}}}`, strconv.FormatUint(c.pokes.Add(1), 10))
	_, err := c.Dynamic.Resource(RedisFailovers).Namespace(namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}

// nudgeEvery is how often Nudge pokes: a look of the operator takes a moment, and has to show before the next.
const nudgeEvery = 2 * time.Second

// Nudge is Poke for a condition that is tried often: what comes too soon after the last one does nothing.
func (c *Cluster) Nudge(ctx context.Context, namespace, name string) error {
	now := time.Now()
	c.mu.Lock()
	key := namespace + "/" + name
	due := now.Sub(c.nudged[key]) >= nudgeEvery
	if due {
		if c.nudged == nil {
			c.nudged = map[string]time.Time{}
		}
		c.nudged[key] = now
	}
	c.mu.Unlock()
	if !due {
		return nil
	}
	return c.Poke(ctx, namespace, name)
}

// Labels of the pods of a RedisFailover; component is "redis" or "sentinel".
func Labels(name, component string) string {
	return labels.SelectorFromSet(labels.Set{
		"app.kubernetes.io/name": name, "app.kubernetes.io/component": component, "app.kubernetes.io/part-of": "redis-failover",
	}).String()
}

// Pods returns the pods with labels, in the order of their names.
func (c *Cluster) Pods(ctx context.Context, namespace, selector string) ([]v1.Pod, error) {
	list, err := c.Client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// Master returns the one pod of a RedisFailover that has the role master by its label.
func (c *Cluster) Master(ctx context.Context, namespace, name string) (*v1.Pod, error) {
	pods, err := c.Pods(ctx, namespace, Labels(name, "redis")+",redisfailovers-role=master")
	if err != nil {
		return nil, err
	}
	if len(pods) != 1 {
		return nil, fmt.Errorf("%d pods have the label of a master", len(pods))
	}
	return &pods[0], nil
}

// PID returns the number of a container's first process on this machine.
func PID(pod *v1.Pod, container string) (int, error) {
	for _, s := range pod.Status.ContainerStatuses {
		if s.Name == container && s.State.Running != nil {
			return strconv.Atoi(strings.TrimPrefix(s.ContainerID, "process://"))
		}
	}
	return 0, fmt.Errorf("container %s of pod %s is not running", container, pod.Name)
}

// TerminalOf returns the rows and columns of the terminal that a program in a container has, as "31 101".
func TerminalOf(pod *v1.Pod, container, program string) (string, error) {
	pid, err := PID(pod, container)
	if err != nil {
		return "", err
	}
	namespace, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
	if err != nil {
		return "", err
	}
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return "", err
	}
	for _, p := range processes {
		its, err := os.Readlink(p + "/ns/pid")
		if err != nil || its != namespace {
			continue
		}
		if exe, err := os.ReadFile(p + "/comm"); err != nil || strings.TrimSpace(string(exe)) != program {
			continue
		}
		terminal, err := os.Open(p + "/fd/0")
		if err != nil {
			return "", err
		}
		defer terminal.Close()
		rows, columns, err := pty.Getsize(terminal)
		return fmt.Sprintf("%d %d", rows, columns), err
	}
	return "", fmt.Errorf("no %s runs in container %s of pod %s", program, container, pod.Name)
}

// Ready fails while a RedisFailover is not up: all pods are ready, and one is the master by its label.
func (c *Cluster) Ready(ctx context.Context, namespace, name string) error {
	set, err := c.Client.AppsV1().StatefulSets(namespace).Get(ctx, "rfr-"+name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if want := *set.Spec.Replicas; set.Status.ReadyReplicas != want {
		return fmt.Errorf("%d of %d redises are ready", set.Status.ReadyReplicas, want)
	}
	if _, err := c.Master(ctx, namespace, name); err != nil {
		return err
	}
	d, err := c.Client.AppsV1().Deployments(namespace).Get(ctx, "rfs-"+name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if !available(d) {
		return fmt.Errorf("%d of %d sentinels are ready", d.Status.ReadyReplicas, *d.Spec.Replicas)
	}
	return nil
}

func available(d *appsv1.Deployment) bool {
	return d.Status.ObservedGeneration >= d.Generation && d.Status.ReadyReplicas == *d.Spec.Replicas
}

// WaitReady waits for Ready, and nudges the operator meanwhile, so that a test does not last as long as its resync.
func (c *Cluster) WaitReady(ctx context.Context, namespace, name string) error {
	return c.Until(ctx, "RedisFailover "+namespace+"/"+name+" is ready", func(ctx context.Context) error {
		if err := c.Ready(ctx, namespace, name); err != nil {
			return errors.Join(err, c.Nudge(ctx, namespace, name))
		}
		return nil
	})
}
