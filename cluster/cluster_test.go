package cluster

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
)

// objects are an API of resources that stand still. Its pods are at their addresses of loopback, where real servers run.
// The real API is asked in test/e2e.
type objects struct {
	mu      sync.Mutex // guards the Leases
	served  []Kind
	all     map[Kind][]map[string]any
	refuses map[Kind]error
	exec    func(Command) error
	tails   map[string]string // logs, by pod
	events  map[string][]map[string]any
	stopped bool // the leader renews its Lease no more
}

func (o *objects) Served(_ context.Context, versions []string) ([]Kind, error) {
	return slices.DeleteFunc(slices.Clone(o.served), func(k Kind) bool { return !slices.Contains(versions, k.APIVersion) }), nil
}

func (o *objects) List(_ context.Context, k Kind, namespace, selector string) ([]map[string]any, error) {
	if err := o.refuses[k]; err != nil {
		return nil, err
	}
	want, err := labels.Parse(selector)
	if err != nil {
		return nil, err
	}
	var found []map[string]any
	o.renew(k)
	for _, object := range o.all[k] {
		if (namespace == "" || namespaceOf(object) == namespace) && want.Matches(labels.Set(stringMap(at(object, "metadata", "labels")))) {
			found = append(found, object)
		}
	}
	return found, nil
}

func (o *objects) Get(_ context.Context, k Kind, namespace, name string) (map[string]any, error) {
	if err := o.refuses[k]; err != nil {
		return nil, err
	}
	o.renew(k)
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, object := range o.all[k] {
		if namespaceOf(object) == namespace && nameOf(object) == name {
			return object, nil
		}
	}
	return nil, &NotFound{Kind: k.Kind, Namespace: namespace, Name: name}
}

// renew renews each Lease, as the leader does between two looks at it.
func (o *objects) renew(k Kind) {
	if k != leaseKind || o.stopped {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, object := range o.all[k] {
		o.all[k][i] = map[string]any{"metadata": object["metadata"], "spec": map[string]any{"renewTime": time.Now().Format(time.RFC3339Nano)}}
	}
}

func (o *objects) Tail(_ context.Context, _, pod, _ string, _ bool, _ int) (string, error) {
	if err := o.refuses[logKind]; err != nil {
		return "", err
	}
	return o.tails[pod], nil
}

func (o *objects) Events(_ context.Context, _, kind, name string) ([]map[string]any, error) {
	if err := o.refuses[eventKind]; err != nil {
		return nil, err
	}
	return o.events[kind+"/"+name], nil
}

// logKind stands for the logs of pods where they are refused.
var logKind = Kind{"v1", "Log", "log"}

func (o *objects) Dial(ctx context.Context, namespace, pod string, port int) (net.Conn, error) {
	object, err := o.Get(ctx, podKind, namespace, pod)
	if err != nil {
		return nil, err
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", fmt.Sprintf("%s:%d", text(at(object, "status", "podIP")), port))
}

func (o *objects) Exec(_ context.Context, c Command) error {
	if o.exec == nil {
		return errors.New("nothing runs in this pod")
	}
	return o.exec(c)
}

func (o *objects) Create(_ context.Context, k Kind, namespace string, object map[string]any) (map[string]any, error) {
	if err := o.refuses[k]; err != nil {
		return nil, err
	}
	for _, other := range o.all[k] {
		if namespaceOf(other) == namespace && nameOf(other) == nameOf(object) {
			return nil, &Exists{Kind: k.Kind, Namespace: namespace, Name: nameOf(object)}
		}
	}
	o.all[k] = append(o.all[k], object)
	return object, nil
}

func (o *objects) Log(context.Context, string, string, string) (io.ReadCloser, error) {
	return nil, errors.New("nothing runs in this pod")
}

// add takes documents of YAML over.
func (o *objects) add(t testing.TB, k Kind, src string) map[string]any {
	t.Helper()
	var object map[string]any
	if err := yaml.Unmarshal([]byte(src), &object); err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	object["apiVersion"], object["kind"] = k.APIVersion, k.Kind
	o.all[k] = append(o.all[k], object)
	return object
}

var failoverKind = Kind{"databases.spotahome.com/v1", "RedisFailover", "redisfailovers"}

func newObjects() *objects {
	return &objects{served: []Kind{failoverKind}, all: map[Kind][]map[string]any{}, refuses: map[Kind]error{}}
}

// network gives a network of loopback that no other test uses: x.y.z of x.y.z.1 and so on.
func network() string { return fmt.Sprintf("127.%d.%d", 1+rand.IntN(250), 1+rand.IntN(250)) }

// bed is a RedisFailover of Spotahome's operator as it runs: a master, replicas and sentinels, which are real.
type bed struct {
	*objects
	t         testing.TB
	name      string
	password  string
	net       string
	port      int
	servers   []*redistest.Server
	sentinels []*redistest.Server
}

const serverLabels = `{app.kubernetes.io/name: %[1]s, app.kubernetes.io/component: redis, app.kubernetes.io/part-of: redis-failover, app.kubernetes.io/managed-by: redis-operator, redisfailovers.databases.spotahome.com/name: %[1]s, redisfailovers-role: %[2]s}`

// newBed starts one with a number of servers, the first of which is the master, and sentinels.
func newBed(t testing.TB, o *objects, name, password string, servers, sentinels int) *bed {
	t.Helper()
	b := &bed{objects: o, t: t, name: name, password: password, net: network(), port: redistest.FreePort(t)}
	auth := ""
	if password != "" {
		auth = "auth: {secretPath: " + name + "-auth}"
		o.add(t, secretKind, fmt.Sprintf("metadata: {namespace: default, name: %s-auth}\ndata: {password: %s}", name, base64.StdEncoding.EncodeToString([]byte(password))))
	}
	if len(o.all[leaseKind]) == 0 {
		o.add(t, leaseKind, "metadata: {namespace: operators, name: redis-failover-lease}\nspec: {renewTime: '2026-01-01T00:00:00.000000Z'}")
	}
	o.add(t, failoverKind, fmt.Sprintf("metadata: {namespace: default, name: %s}\nspec: {redis: {replicas: %d, port: %d}, sentinel: {replicas: %d}, %s}", name, servers, b.port, sentinels, auth))
	service := func(name, selector string, port int) {
		o.add(t, serviceKind, fmt.Sprintf("metadata: {namespace: default, name: %s}\nspec: {selector: %s, ports: [{port: %d}]}", name, selector, port))
	}
	selector := "{app.kubernetes.io/name: " + name + ", app.kubernetes.io/component: %s, app.kubernetes.io/part-of: redis-failover%s}"
	service("rfrm-"+name, fmt.Sprintf(selector, "redis", ", redisfailovers-role: master"), b.port)
	service("rfrs-"+name, fmt.Sprintf(selector, "redis", ", redisfailovers-role: slave"), b.port)
	service("rfs-"+name, fmt.Sprintf(selector, "sentinel", ""), 26379)
	for i := range servers {
		ip, role := fmt.Sprintf("%s.%d", b.net, i+1), "master"
		var args []string
		if i > 0 {
			args, role = []string{"--replicaof", b.net + ".1 " + fmt.Sprint(b.port)}, "slave"
		}
		b.servers = append(b.servers, redistest.StartAt(t, fmt.Sprintf("%s:%d", ip, b.port), password, args...))
		o.add(t, podKind, fmt.Sprintf("metadata: {namespace: default, name: rfr-%[1]s-%[2]d, labels: "+strings.ReplaceAll(serverLabels, "%[2]s", "%[4]s")+
			"}\nspec: {containers: [{name: redis}, {name: exporter}]}\nstatus: {phase: Running, podIP: %[3]s, conditions: [{type: Ready, status: 'True'}]}", name, i, ip, role))
	}
	for i := range sentinels {
		ip := fmt.Sprintf("%s.%d", b.net, 101+i)
		lines := []string{fmt.Sprintf("sentinel monitor mymaster %s.1 %d %d", b.net, b.port, sentinels/2+1), "sentinel down-after-milliseconds mymaster 5000", "sentinel failover-timeout mymaster 10000"}
		if password != "" {
			lines = append(lines, "sentinel auth-pass mymaster "+password)
		}
		b.sentinels = append(b.sentinels, redistest.StartSentinelAt(t, ip+":26379", lines...))
		o.add(t, podKind, fmt.Sprintf("metadata: {namespace: default, name: rfs-%[1]s-%[2]d, labels: {app.kubernetes.io/name: %[1]s, app.kubernetes.io/component: sentinel, app.kubernetes.io/part-of: redis-failover}}\n"+
			"spec: {containers: [{name: sentinel}]}\nstatus: {phase: Running, podIP: %[3]s, conditions: [{type: Ready, status: 'True'}]}", name, i, ip))
	}
	b.settle(servers-1, sentinels)
	return b
}

// settle waits until replicas are in sync and the sentinels know each other and them.
func (b *bed) settle(replicas, sentinels int) {
	b.t.Helper()
	b.settleReplicas()
	for _, s := range b.sentinels {
		redistest.Until(b.t, "the sentinels know each other and all replicas", func() bool {
			fields := pairs(s.Do("SENTINEL", "MASTER", "mymaster"))
			ok := fields["num-slaves"] == fmt.Sprint(replicas) && fields["num-other-sentinels"] == fmt.Sprint(sentinels-1)
			if ok {
				_, err := s.Try("SENTINEL", "CKQUORUM", "mymaster")
				ok = err == nil
			}
			return ok
		})
	}
}

// settleReplicas waits until they are in sync.
func (b *bed) settleReplicas() {
	b.t.Helper()
	for i, s := range b.servers[1:] {
		redistest.Until(b.t, fmt.Sprintf("replica %d is in sync", i+1), func() bool {
			return strings.Contains(s.Do("INFO", "replication").(string), "master_link_status:up")
		})
	}
}

// role is what a server says it is; one that changes its role hangs up.
func (b *bed) role(server int) string {
	reply, err := b.servers[server].Try("ROLE")
	if list, ok := reply.([]any); err == nil && ok {
		return list[0].(string)
	}
	return ""
}

// label labels the master, as the operator does some time after a failover.
func (b *bed) label(master int) {
	for _, pod := range b.all[podKind] {
		l := at(pod, "metadata", "labels").(map[string]any)
		if l["redisfailovers-role"] != nil && l["app.kubernetes.io/name"] == b.name {
			l["redisfailovers-role"] = "slave"
			if nameOf(pod) == fmt.Sprintf("rfr-%s-%d", b.name, master) {
				l["redisfailovers-role"] = "master"
			}
		}
	}
}

func (o *objects) open(t testing.TB, options Options) *Cluster {
	t.Helper()
	if options.Timeout == 0 {
		options.Timeout = 30 * time.Second
	}
	c, err := New(o, "default", options)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func find(t testing.TB, c *Cluster, name string) *Redis {
	t.Helper()
	r, err := c.Find(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFind(t *testing.T) {
	t.Parallel()
	o := newObjects()
	b := newBed(t, o, "shop", "s3cret", 3, 3)
	c := o.open(t, Options{})
	for _, name := range []string{"shop", "rfrm-shop", "rfs-shop.default.svc"} {
		r := find(t, c, name)
		if r.Name != "shop" || len(r.Pods) != 3 || len(r.Watchers) != 3 || r.Pods[0].Container != "redis" || r.Pods[0].Port != b.port || r.Watchers[0].Port != 26379 {
			t.Errorf("%s: %+v, pods %+v, sentinels %+v", name, r.Instance, r.Pods, r.Watchers)
		}
		if r.Write == nil || r.Write.Service != "rfrm-shop" || r.Sentinel.Service != "rfs-shop" {
			t.Errorf("%s: write %+v, sentinel %+v", name, r.Write, r.Sentinel)
		}
		if pod, err := c.Master(t.Context(), r); err != nil || pod.Name != "rfr-shop-0" {
			t.Errorf("%s: master %+v, %v", name, pod, err)
		}
		if pod, err := c.Replica(t.Context(), r); err != nil || pod.Name != "rfr-shop-1" {
			t.Errorf("%s: replica %+v, %v", name, pod, err)
		}
	}
	// A label is no proof.
	b.label(2)
	if r := find(t, c, "shop"); r.Pods[2].Label != master || r.Pods[0].Label != replica {
		t.Errorf("labels: %+v", r.Pods)
	} else if pod, err := c.Master(t.Context(), r); err != nil || pod.Name != "rfr-shop-0" {
		t.Errorf("master by a wrong label: %+v, %v", pod, err)
	}
	for name, want := range map[string]string{
		"shpo": `no Redis "shpo"; one of "shop"; did you mean "shop"?`,
		"":     `no Redis ""; one of "shop"`,
	} {
		if _, err := c.Find(t.Context(), name); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", name, err, want)
		}
	}
}

func TestReplicaTarget(t *testing.T) {
	t.Parallel()
	o := newObjects()
	newBed(t, o, "shop", "s3cret", 2, 1)
	newBed(t, o, "alone", "", 1, 1)
	c := o.open(t, Options{})
	for name, want := range map[string]string{"shop": "slave", "alone": "master"} {
		target, err := c.ReplicaTarget(t.Context(), find(t, c, name))
		if err != nil {
			t.Fatal(err)
		}
		conn, err := target.Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if role, err := conn.Role(t.Context()); err != nil || role != want || target.Follows() != (want == "master") {
			t.Errorf("%s: role %q, %v, follows %t; want %s", name, role, err, target.Follows(), want)
		}
		conn.Close()
	}
}

// What a real API server answered where only SPDY is left.
func TestUpgradeRefused(t *testing.T) {
	for text, want := range map[string]string{
		`unable to upgrade connection: pods "x-0" is forbidden: User "system:serviceaccount:a:b" cannot create resource "pods/portforward" in API group "" in the namespace "a"`: `not permitted to create pods/portforward in namespace "a" as "system:serviceaccount:a:b"; see docs/rbac.md for the required Role`,
		`unable to upgrade connection: pods "x-0" not found`: `no Pod "x-0" in namespace "a"`,
		`unable to upgrade connection: <html>`:               `cannot ask the API server https://k to create pods/portforward: unable to upgrade connection: <html>`,
	} {
		err := question{"create", "pods/portforward", "Pod", "a", "x-0"}.explain("https://k", upgraded(errors.New(text)))
		if err.Error() != want {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
	}
}

// A client that connects by MasterTarget follows a failover.
func TestMasterTarget(t *testing.T) {
	t.Parallel()
	o := newObjects()
	b := newBed(t, o, "shop", "s3cret", 2, 1)
	c := o.open(t, Options{})
	target, err := c.MasterTarget(t.Context(), find(t, c, "shop"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{0, 1} {
		conn, err := target.Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Do(t.Context(), "SET", "k", fmt.Sprint(want)); err != nil {
			t.Error(err)
		}
		conn.Close()
		if got := b.servers[want].Do("GET", "k"); got != fmt.Sprint(want) {
			t.Errorf("server %d has %v", want, got)
		}
		if want == 0 {
			b.sentinels[0].Do("SENTINEL", "FAILOVER", "mymaster")
			redistest.Until(t, "the failover is over", func() bool { return b.role(1) == "master" && b.role(0) == "slave" })
		}
	}
}
