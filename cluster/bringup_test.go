package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/finding"
)

// scene is a RedisFailover of three pods and three sentinels as it was seen at one moment, made up: no server runs.
type scene struct {
	config     string // lines of customConfig
	age        string // since everything was created
	redis      []string
	sentinel   []string
	services   bool
	servers    []Server   // what pods answer, in their order; none: none answers
	sentinels  []Sentinel // likewise
	operator   Operator
	secretGone bool
}

// Conditions of pods, as Kubernetes writes them.
const (
	podReady         = "phase: Running, podIP: 10.0.0.%d, conditions: [{type: Ready, status: 'True'}], containerStatuses: [{name: main, ready: true, state: {running: {}}}]"
	podRunning       = "phase: Running, podIP: 10.0.0.%d, conditions: [{type: Ready, status: 'False', reason: ContainersNotReady}], containerStatuses: [{name: main, ready: false, state: {running: {}}}]"
	podCreating      = "phase: Pending, conditions: [{type: Ready, status: 'False'}], containerStatuses: [{name: main, state: {waiting: {reason: ContainerCreating}}}]"
	podInit          = "phase: Pending, conditions: [{type: Ready, status: 'False'}], containerStatuses: [{name: main, state: {waiting: {reason: PodInitializing}}}]"
	podPull          = "phase: Pending, conditions: [{type: Ready, status: 'False'}], containerStatuses: [{name: main, state: {waiting: {reason: ImagePullBackOff, message: 'Back-off pulling image'}}}]"
	podUnschedulable = "phase: Pending, conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: '0/3 nodes are available: 3 Insufficient memory.'}]"
	podCrashing      = "phase: Running, podIP: 10.0.0.%d, conditions: [{type: Ready, status: 'False'}], containerStatuses: [{name: main, restartCount: 6, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 1}}}]"
)

var (
	waits        = Server{Role: replica, Master: "127.0.0.1:6379", Info: map[string]string{"master_host": waitsFor, "master_link_status": "down"}}
	leading      = Server{Role: master, Info: map[string]string{"connected_slaves": "2"}}
	leadingAlone = Server{Role: master, Info: map[string]string{"connected_slaves": "0"}}
	follows      = Server{Role: replica, Master: "10.0.0.1:6379", Info: map[string]string{"master_host": "10.0.0.1", "master_link_status": "up", "slave_repl_offset": "7"}}
	syncs        = Server{Role: replica, Master: "10.0.0.1:6379", Info: map[string]string{"master_host": "10.0.0.1", "master_link_status": "down", "master_sync_in_progress": "1"}}
	connects     = Server{Role: replica, Master: "10.0.0.1:6379", Info: map[string]string{"master_host": "10.0.0.1", "master_link_status": "down", "master_link_down_since_seconds": "-1"}}
	orphan       = Server{Role: replica, Master: "10.0.0.1:6379", Info: map[string]string{"master_host": "10.0.0.1", "master_link_status": "down", "master_link_down_since_seconds": "40", "slave_repl_offset": "7", "db0": "keys=3"}}

	untold = Sentinel{Master: "127.0.0.1:6379", Fields: map[string]string{"flags": "master,s_down", "quorum": "2"}, Quorum: errors.New("NOQUORUM 1 usable Sentinels")}
	told   = Sentinel{Master: "10.0.0.1:6379", Fields: map[string]string{"flags": "master", "quorum": "2"}, Replicas: []map[string]string{{"ip": "10.0.0.2", "port": "6379", "flags": "slave"}, {"ip": "10.0.0.3", "port": "6379", "flags": "slave"}}}
	lost   = Sentinel{Master: "10.0.0.1:6379", Fields: map[string]string{"flags": "master,s_down,o_down", "quorum": "2"}}
)

func three[T any](v T) []T { return []T{v, v, v} }

// judged returns what doctor finds in a scene.
func (sc *scene) judged(t *testing.T) []*Problem {
	t.Helper()
	o := newObjects()
	age, err := time.ParseDuration(sc.age)
	if err != nil {
		t.Fatal(err)
	}
	since := time.Now().Add(-age).UTC().Format(time.RFC3339)
	o.add(t, failoverKind, "metadata: {namespace: default, name: shop, creationTimestamp: '"+since+"'}\nspec: {redis: {replicas: 3, customConfig: ["+sc.config+"]}, sentinel: {replicas: 3}, auth: {secretPath: pw}}")
	if !sc.secretGone {
		o.add(t, secretKind, "metadata: {namespace: default, name: pw}\ndata: {password: czNjcmV0}")
	}
	add := func(name, component, role, status string, i int) {
		if strings.Contains(status, "%d") {
			status = fmt.Sprintf(status, i+1)
		}
		labels := "app.kubernetes.io/name: shop, app.kubernetes.io/component: " + component + ", app.kubernetes.io/part-of: redis-failover, app.kubernetes.io/managed-by: redis-operator, redisfailovers.databases.spotahome.com/name: shop"
		if role != "" {
			labels += ", redisfailovers-role: " + role
		}
		o.add(t, podKind, fmt.Sprintf("metadata: {namespace: default, name: %s-%d, creationTimestamp: '%s', labels: {%s}}\nspec: {containers: [{name: main}]}\nstatus: {startTime: '%s', %s}", name, i, since, labels, since, status))
	}
	for i, status := range sc.redis {
		role := "" // the operator labels what has a role
		if i < len(sc.servers) && sc.servers[i].Err == nil && sc.servers[i].Info != nil && !waiting(&sc.servers[i]) {
			role = map[string]string{master: "master", replica: "slave"}[sc.servers[i].Role]
		}
		add("rfr-shop", "redis", role, status, i)
	}
	for i, status := range sc.sentinel {
		add("rfs-shop", "sentinel", "", status, i+100)
	}
	if sc.services {
		for name, selector := range map[string]string{"rfrm-shop": "redis, redisfailovers-role: master", "rfrs-shop": "redis, redisfailovers-role: slave", "rfs-shop": "sentinel"} {
			o.add(t, serviceKind, "metadata: {namespace: default, name: "+name+"}\nspec: {selector: {app.kubernetes.io/name: shop, app.kubernetes.io/part-of: redis-failover, app.kubernetes.io/component: "+selector+"}, ports: [{port: 6379}]}")
		}
	}
	c := o.open(t, Options{})
	r := find(t, c, "shop")
	s := &State{Redis: r}
	_, s.Login = c.Login(t.Context(), r.Namespace, r.Auth)
	for i, pod := range r.Pods {
		server := Server{Err: fmt.Errorf("pod %s does not run: %s", pod.Name, pod.Why)}
		if i < len(sc.servers) {
			server = sc.servers[i]
		}
		server.Pod = pod
		s.Servers = append(s.Servers, &server)
	}
	for i, pod := range r.Watchers {
		sentinel := Sentinel{Err: fmt.Errorf("pod %s does not run: %s", pod.Name, pod.Why)}
		if i < len(sc.sentinels) {
			sentinel = sc.sentinels[i]
		}
		sentinel.Pod, sentinel.Name = pod, "mymaster"
		s.Sentinels = append(s.Sentinels, &sentinel)
	}
	var p problems
	p.judge(&Report{State: s, Operator: &sc.operator}, nil, time.Time{}, nil)
	return ordered(p)
}

// TestBringUpPhases goes through the phases of a bring-up, and the ways in which each may end: the first line is the cause, it is
// the only one that is an error, and what follows from it is below it.
func TestBringUpPhases(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		phase string
		scene scene
		cause string // the ID
		first string // in the message
	}{
		{"the operator has not seen it", scene{age: "3s"}, starting, "ago and has no pods yet; wait for the operator"},
		{"the operator makes nothing", scene{age: "20m"}, noPods, "has no pods: its operator has not created any"},
		{"there is no operator", scene{age: "20m", operator: Operator{Down: "Deployment operators/redisoperator is scaled to 0"}}, operatorDown, "the operator is not running: Deployment operators/redisoperator is scaled to 0"},
		{"no Secret", scene{age: "20m", secretGone: true}, secretMissing, "the Secret with the password is missing"},
		{"containers are created", scene{age: "5s", redis: three(podCreating), sentinel: three(podCreating), services: true}, starting, "0 of 6 pods are ready; wait until the pods run"},
		{"containers are initialized", scene{age: "5s", redis: three(podInit), sentinel: three(podInit), services: true}, starting, "0 of 6 pods are ready"},
		{"images cannot be pulled", scene{age: "5m", redis: three(podPull), sentinel: three(podPull), services: true}, podDown, "ImagePullBackOff"},
		{"one image cannot be pulled", scene{age: "1m", redis: []string{podReady, podReady, podPull}, sentinel: three(podReady), services: true, servers: []Server{waits, waits}, sentinels: three(untold)}, podDown, "pod rfr-shop-2 does not run"},
		{"pods cannot be scheduled", scene{age: "5m", redis: three(podUnschedulable), sentinel: three(podReady), services: true, sentinels: three(untold)}, podDown, "Insufficient memory"},
		{"Redis crashes", scene{age: "5m", redis: three(podCrashing), sentinel: three(podReady), services: true, sentinels: three(untold)}, podDown, "CrashLoopBackOff"},
		{"sentinels crash", scene{age: "5m", redis: three(podReady), sentinel: three(podCrashing), services: true, servers: []Server{leading, follows, follows}}, podDown, "rfs-shop-100"},
		{"all wait for a first master", scene{age: "40s", redis: three(podRunning), sentinel: three(podRunning), services: true, servers: three(waits), sentinels: three(untold)}, starting, "the operator appoints the master in its next round"},
		{"all wait, and sentinels are not up", scene{age: "20s", redis: three(podRunning), sentinel: three(podCreating), services: true, servers: three(waits)}, starting, "the operator appoints the master in its next round"},
		{"all wait for ever", scene{age: "20m", redis: three(podRunning), sentinel: three(podRunning), services: true, servers: three(waits), sentinels: three(untold)}, unappointed, "the pods wait for the operator to appoint one"},
		{"all wait, and the operator is gone", scene{age: "20m", redis: three(podRunning), sentinel: three(podRunning), services: true, servers: three(waits), sentinels: three(untold), operator: Operator{Down: "Lease x was not renewed for 5m"}}, operatorDown, "the operator is not running"},
		{"the operator is gone early", scene{age: "30s", redis: three(podRunning), sentinel: three(podRunning), services: true, servers: three(waits), sentinels: three(untold), operator: Operator{Down: "Lease x was not renewed for 5m"}}, operatorDown, "the operator is not running"},
		{"a master, and replicas copy", scene{age: "50s", redis: []string{podReady, podRunning, podRunning}, sentinel: three(podRunning), services: true, servers: []Server{leadingAlone, syncs, syncs}, sentinels: three(untold)}, starting, "pod rfr-shop-0 is the master; wait until replicas are in sync"},
		{"a master, and sentinels are not told", scene{age: "60s", redis: three(podReady), sentinel: three(podRunning), services: true, servers: []Server{leading, follows, follows}, sentinels: three(untold)}, starting, "3 of 6 pods are ready"},
		{"all are ready, and replicas connect", scene{age: "40s", redis: three(podReady), sentinel: three(podReady), services: true, servers: []Server{leading, connects, connects}, sentinels: three(told)}, starting, "6 of 6 pods are ready; pod rfr-shop-0 is the master; wait until replicas are in sync"},
		{"a replica never connects", scene{age: "20m", redis: three(podReady), sentinel: three(podReady), services: true, servers: []Server{leading, follows, connects}, sentinels: three(told)}, linkDown, "is not in sync with its master: it has never been connected"},
		{"sentinels are never told", scene{age: "20m", redis: three(podReady), sentinel: three(podReady), services: true, servers: []Server{leading, follows, follows}, sentinels: three(untold)}, sentinelUntold, "know no master yet"},
		{"a line of customConfig is refused", scene{age: "20m", config: "appendonly", redis: three(podReady), sentinel: three(podReady), services: true, servers: []Server{leading, follows, follows}, sentinels: three(untold)}, configStopped, `"appendonly", stops the operator`},
		{"the master dies at once", scene{age: "20m", redis: []string{podCrashing, podRunning, podRunning}, sentinel: three(podReady), services: true, servers: []Server{{Err: errors.New("pod rfr-shop-0 does not run")}, orphan, orphan}, sentinels: three(lost)}, podDown, "pod rfr-shop-0 does not run"},
		{"the master comes back with no role", scene{age: "20m", redis: three(podRunning), sentinel: three(podReady), services: true, servers: []Server{waits, orphan, orphan}, sentinels: three(lost)}, deadlock, "has no master and will not get one"},
		{"it is up", scene{age: "2m", redis: three(podReady), sentinel: three(podReady), services: true, servers: []Server{leading, follows, follows}, sentinels: three(told)}, "", ""},
	} {
		t.Run(tt.phase, func(t *testing.T) {
			all := tt.scene.judged(t)
			causes := top(all)
			if tt.cause == "" {
				if len(causes) > 0 {
					t.Errorf("problems of a healthy one:\n%s", texts(all))
				}
				return
			}
			if len(causes) != 1 || causes[0] != all[0] || causes[0].ID != tt.cause || !strings.Contains(causes[0].Message, tt.first) {
				t.Errorf("want the one cause %s: %q\n%s", tt.cause, tt.first, shown(all))
			}
			for _, p := range all {
				if p.Severity == finding.Error && p.CausedBy == "" && p != causes[0] {
					t.Errorf("%s is not below %s", p.ID, tt.cause)
				}
			}
			if i := slices.IndexFunc(all, func(p *Problem) bool { return p.CausedBy != "" && p.CausedBy != all[0].ID }); i >= 0 && len(causes) == 1 {
				t.Errorf("%s follows from %s", all[i].ID, all[i].CausedBy)
			}
		})
	}
}

// shown returns problems as doctor prints them: consequences indented.
func shown(all []*Problem) string {
	var b strings.Builder
	for _, p := range all {
		indent := ""
		if p.CausedBy != "" {
			indent = "  - "
		}
		fmt.Fprintf(&b, "%s%s %s: %s\n", indent, p.Severity, p.ID, p.Message)
	}
	return b.String()
}
