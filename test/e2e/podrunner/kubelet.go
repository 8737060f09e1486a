package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// podKey is a pod of one life: StatefulSets give the next one the same name.
type podKey struct {
	namespace, name string
	uid             types.UID
}

func keyOf(p *v1.Pod) podKey { return podKey{p.Namespace, p.Name, p.UID} }

// kubelet runs every pod of the cluster, and binds those without a node to its own.
type kubelet struct {
	options
	client    kubernetes.Interface
	start     func(*exec.Cmd) error
	bin       string
	known     map[string]image // by imageName
	addresses *addresses

	mu       sync.Mutex
	pods     map[podKey]*worker
	services cache.SharedIndexInformer
}

// register makes the node that the API server asks for exec, logs and port-forward.
func (k *kubelet) register(ctx context.Context) error {
	host, port, err := net.SplitHostPort(k.listen)
	if err != nil {
		return err
	}
	number, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		return err
	}
	node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: k.node, Labels: map[string]string{v1.LabelHostname: k.node}}}
	node, err = k.client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		node, err = k.client.CoreV1().Nodes().Get(ctx, k.node, metav1.GetOptions{})
	}
	if err != nil {
		return err
	}
	capacity := v1.ResourceList{v1.ResourceCPU: resource.MustParse("64"), v1.ResourceMemory: resource.MustParse("256Gi"), v1.ResourcePods: resource.MustParse("250")}
	node.Status = v1.NodeStatus{
		Capacity:        capacity,
		Allocatable:     capacity,
		Addresses:       []v1.NodeAddress{{Type: v1.NodeInternalIP, Address: host}, {Type: v1.NodeHostName, Address: k.node}},
		DaemonEndpoints: v1.NodeDaemonEndpoints{KubeletEndpoint: v1.DaemonEndpoint{Port: int32(number)}},
		Conditions: []v1.NodeCondition{{
			Type: v1.NodeReady, Status: v1.ConditionTrue, Reason: "KubeletReady",
			LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now(),
		}},
		NodeInfo: v1.NodeSystemInfo{KubeletVersion: "v1.36.3", ContainerRuntimeVersion: "process://1", OperatingSystem: "linux", Architecture: "amd64"},
	}
	_, err = k.client.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{})
	return err
}

// run follows the pods until ctx ends.
func (k *kubelet) run(ctx context.Context) error {
	factory := informers.NewSharedInformerFactory(k.client, 0)
	k.services = factory.Core().V1().Services().Informer()
	pods := factory.Core().V1().Pods().Informer()
	_, err := pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { k.changed(ctx, o.(*v1.Pod)) },
		UpdateFunc: func(_, o any) { k.changed(ctx, o.(*v1.Pod)) },
		DeleteFunc: func(o any) {
			if d, ok := o.(cache.DeletedFinalStateUnknown); ok {
				o = d.Obj
			}
			k.gone(o.(*v1.Pod))
		},
	})
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	<-ctx.Done()
	factory.Shutdown()
	return ctx.Err()
}

func (k *kubelet) changed(ctx context.Context, pod *v1.Pod) {
	if pod.Spec.NodeName == "" {
		if pod.DeletionTimestamp == nil {
			go k.bind(ctx, pod)
		}
		return
	}
	if pod.Spec.NodeName != k.node {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	w, ok := k.pods[keyOf(pod)]
	if !ok {
		if finished(pod) && pod.DeletionTimestamp == nil {
			return
		}
		w = newWorker(k, pod)
		k.pods[keyOf(pod)] = w
		go w.run(ctx)
	}
	if pod.DeletionTimestamp != nil {
		grace := int64(30)
		if pod.DeletionGracePeriodSeconds != nil {
			grace = *pod.DeletionGracePeriodSeconds
		}
		w.terminate(time.Duration(grace) * time.Second)
	}
}

// gone ends a pod that was deleted without grace.
func (k *kubelet) gone(pod *v1.Pod) {
	k.mu.Lock()
	w := k.pods[keyOf(pod)]
	delete(k.pods, keyOf(pod))
	k.mu.Unlock()
	if w != nil {
		w.terminate(0)
	}
}

// bind is the scheduler.
func (k *kubelet) bind(ctx context.Context, pod *v1.Pod) {
	err := k.client.CoreV1().Pods(pod.Namespace).Bind(ctx, &v1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Target:     v1.ObjectReference{Kind: "Node", Name: k.node},
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) && ctx.Err() == nil {
		slog.Error("bind", "pod", pod.Namespace+"/"+pod.Name, "error", err)
	}
}

// find returns the worker of a pod, also of one that has ended and is not deleted yet.
func (k *kubelet) find(namespace, name string) (*worker, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var found *worker
	for key, w := range k.pods {
		if key.namespace == namespace && key.name == name && (found == nil || found.ended()) {
			found = w
		}
	}
	if found == nil {
		return nil, fmt.Errorf("pod %q not found", name)
	}
	return found, nil
}

func (k *kubelet) killAll() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, w := range k.pods {
		w.terminate(0)
	}
}

func finished(pod *v1.Pod) bool {
	return pod.Status.Phase == v1.PodSucceeded || pod.Status.Phase == v1.PodFailed
}

// addresses gives each pod its address: the next one, as a network does whose addresses are many.
type addresses struct {
	prefix string

	mu       sync.Mutex
	next     int
	used     map[int]bool
	released map[int]time.Time
}

// The first addresses are left to what a test itself listens on.
const firstAddress = 10

// restAddress is how long an address that was released is left to those who want it.
const restAddress = 30 * time.Second

func newAddresses(prefix string) *addresses {
	return &addresses{prefix: prefix, next: firstAddress, used: map[int]bool{}, released: map[int]time.Time{}}
}

// take returns the address that is wanted, or a free one where that is "".
func (a *addresses) take(wanted string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if wanted != "" {
		n, err := strconv.Atoi(strings.TrimPrefix(wanted, a.prefix))
		if err != nil || n < firstAddress || n > 254 {
			return "", fmt.Errorf("%q is not a pod IP", wanted)
		}
		if a.used[n] {
			return "", fmt.Errorf("address %s is taken", wanted)
		}
		a.used[n] = true
		return wanted, nil
	}
	for range 256 {
		n := a.next
		if a.next++; a.next > 254 {
			a.next = firstAddress
		}
		if !a.used[n] && time.Since(a.released[n]) > restAddress {
			a.used[n] = true
			return a.prefix + strconv.Itoa(n), nil
		}
	}
	return "", errors.New("no address is left for the pod")
}

func (a *addresses) release(ip string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n, err := strconv.Atoi(ip[len(a.prefix):]); err == nil {
		delete(a.used, n)
		a.released[n] = time.Now()
	}
}
