package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/redistest"
)

// What follows from what has no circles, and names kinds that exist; every rule page that a problem names exists.
func TestEffects(t *testing.T) {
	for _, cause := range sortedKeys(effects) {
		if rank(cause) < 0 {
			t.Errorf("%s is not among the kinds", cause)
		}
		for _, effect := range effects[cause] {
			if rank(effect) < 0 {
				t.Errorf("%s, which follows from %s, is not among the kinds", effect, cause)
			}
			if effect == cause {
				t.Errorf("%s follows from itself", cause)
			}
		}
	}
	for i, kind := range kinds {
		if slices.Contains(kinds[:i], kind) || strings.Count(kind, "/") != 1 {
			t.Errorf("kind %q", kind)
		}
	}
}

func TestOrdered(t *testing.T) {
	var p problems
	p.warn(memoryNoMax, "", "memory")
	p.error(serviceUnready, "", "service")
	p.error(podDown, "", "a").about("a")
	p.error(linkDown, "", "link of b").about("b")
	p.error(podUnready, "", "unready a").about("a")
	p.warn(operatorMissing, "", "operator")
	p.error(labelWrong, "", "label")
	var got []string
	for _, problem := range ordered(p) {
		got = append(got, fmt.Sprintf("%s<%s:%s", problem.ID, problem.CausedBy, problem.Severity))
	}
	want := "[operator/not-found<:error labels/wrong<operator/not-found:error pods/down<:error pods/unready<pods/down:error service/not-ready<pods/down:error replication/link<:error memory/no-max<:warning]"
	if fmt.Sprint(got) != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
}

// top returns the causes among problems that are errors.
func top(all []*Problem) (list []*Problem) {
	return slices.DeleteFunc(slices.Clone(all), func(p *Problem) bool { return p.CausedBy != "" || p.Severity != finding.Error })
}

// The operator, by its Lease and its Deployment.
func TestOperator(t *testing.T) {
	t.Parallel()
	o := newObjects()
	b := newBed(t, o, "shop", "", 2, 1)
	c := o.open(t, Options{})
	says := func(want string, severity finding.Severity) {
		t.Helper()
		all := doctor(t, c, "shop").Problems
		i := slices.IndexFunc(all, func(p *Problem) bool { return strings.Contains(p.Message, want) })
		if want == "" {
			i = slices.IndexFunc(all, func(p *Problem) bool { return p.Check == "operator" })
			if i >= 0 {
				t.Errorf("the operator runs: %s", texts(all))
			}
		} else if i < 0 || all[i].Severity != severity {
			t.Errorf("%q is missing in\n%s", want, texts(all))
		}
	}
	says("", 0)
	o.stopped = true
	o.all[leaseKind] = nil
	lease := o.add(t, leaseKind, "metadata: {namespace: operators, name: redis-failover-lease}\nspec: {renewTime: '2026-01-01T00:00:00.000000Z'}")
	says("the operator is not running: Lease operators/redis-failover-lease was not renewed for", finding.Error)
	if _, err := c.Failover(t.Context(), find(t, c, "shop"), FailoverOptions{DryRun: true}); !errors.Is(err, ErrNotReady) || !strings.Contains(err.Error(), "the operator is not running") {
		t.Errorf("failover: %v", err)
	}
	if f, err := c.Failover(t.Context(), find(t, c, "shop"), FailoverOptions{DryRun: true, Force: true}); err != nil || len(f.Warnings) != 1 {
		t.Errorf("failover with force: %v", err)
	}
	_ = lease
	o.all[leaseKind] = nil
	says("no spotahome operator was found in the cluster", finding.Warning)
	d := o.add(t, deploymentKind, "metadata: {namespace: operators, name: redisoperator}\nspec: {replicas: 1, selector: {matchLabels: {app: operator}}, template: {spec: {containers: [{name: operator, image: 'quay.io/spotahome/redis-operator:v1.2.4', args: ['--supported-namespaces-regex=^other$']}]}}}\nstatus: {readyReplicas: 1}")
	says(`Deployment operators/redisoperator only watches namespaces that match "^other$"`, finding.Error)
	container := at(d, "spec", "template", "spec", "containers").([]any)[0].(map[string]any)
	container["args"] = []any{"--supported-namespaces-regex", "def"}
	says("", 0)
	d["status"] = map[string]any{}
	o.add(t, podKind, "metadata: {namespace: operators, name: redisoperator-1, labels: {app: operator}}\nspec: {containers: [{name: operator}]}\nstatus: {phase: Running, containerStatuses: [{name: operator, restartCount: 7, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 137}}}]}")
	says(`Deployment operators/redisoperator has no ready pod: redisoperator-1 (container "operator": CrashLoopBackOff (exit code 137 SIGKILL, 7 restarts))`, finding.Error)
	d["spec"].(map[string]any)["replicas"] = 0
	says("Deployment operators/redisoperator is scaled to 0", finding.Error)
	// Who may not look reads that, and is not refused.
	refused := &Forbidden{Verb: "list", Resource: "deployments.apps", User: "me"}
	o.refuses[deploymentKind], o.refuses[leaseKind] = refused, refused
	report := doctor(t, c, "shop")
	if len(report.Problems) > 1 || !slices.ContainsFunc(report.Notes, func(n string) bool { return strings.HasPrefix(n, "whether the operator is running: not permitted") }) {
		t.Errorf("%s\n%q", texts(report.Problems), report.Notes)
	}
	if f, err := c.Failover(t.Context(), find(t, c, "shop"), FailoverOptions{DryRun: true}); err != nil || !strings.Contains(strings.Join(f.Warnings, ""), "cannot check that the operator is running") {
		t.Errorf("failover: %v", err)
	}
	_ = b
}

func TestLastComplaint(t *testing.T) {
	for log, want := range map[string]string{
		`time="x" level=info msg="fine" redisfailover=shop namespace=default
time="2026" level=warning msg="item requeued due to processing error: secrets \"absent\" not found" object-key=default/shop src=x
time="x" level=error msg="other" object-key=default/other`: `item requeued due to processing error: secrets "absent" not found`,
		`{"level":"error","ts":"x","msg":"Reconciler error","namespace":"default","name":"shop","error":"no"}`: "Reconciler error: no",
		`level=error msg="shopping" namespace=default`:                                                         "",
		"": "",
	} {
		if got := lastComplaint(log, "default", "shop"); got != want {
			t.Errorf("%s\ngot  %q\nwant %q", log, got, want)
		}
	}
}

// The state after SENTINEL RESET and the loss of the master is named, and promoted out of.
func TestPromote(t *testing.T) {
	t.Parallel()
	o := newObjects()
	b := newBed(t, o, "shop", `pa$$w#rd1`, 3, 3)
	c := o.open(t, Options{Timeout: 5 * time.Second})
	if report := doctor(t, c, "shop"); len(report.Problems) > 0 {
		t.Fatalf("a password with # and $: %s", texts(report.Problems))
	}
	if _, err := c.Promote(t.Context(), find(t, c, "shop"), FailoverOptions{}); !errors.Is(err, ErrNotReady) || !strings.Contains(err.Error(), "it has a master, pod rfr-shop-0") {
		t.Fatalf("a healthy one: %v", err)
	}
	b.servers[0].Do("SET", "k", "v")
	b.servers[0].Do("WAIT", "2", "5000")
	b.servers[2].Signal(syscall.SIGSTOP) // it misses the last write
	b.servers[0].Do("SET", "last", "v")
	b.servers[0].Do("WAIT", "1", "1000")
	b.servers[0].Kill()
	for _, s := range b.sentinels {
		s.Do("SENTINEL", "RESET", "mymaster")
	}
	b.servers[2].Signal(syscall.SIGCONT)
	// Its pod is started again by Kubernetes, and waits for a master.
	b.servers[0] = redistest.StartAt(t, b.servers[0].Addr(), b.password, "--replicaof", "127.0.0.1 "+fmt.Sprint(b.port))
	var report *Report
	redistest.Until(t, "the deadlock is reported", func() bool {
		report = doctor(t, c, "shop")
		return strings.Contains(texts(report.Problems), "has no master and will not get one")
	})
	causes := top(report.Problems)
	if len(causes) != 1 || causes[0].ID != deadlock || !strings.Contains(causes[0].Message, "redis-gitops failover shop --promote") || len(causes[0].Details) != 3 {
		t.Errorf("causes: %s\nall: %s", texts(causes), texts(report.Problems))
	}
	if _, err := c.Failover(t.Context(), find(t, c, "shop"), FailoverOptions{}); !errors.Is(err, ErrNotReady) {
		t.Errorf("failover: %v", err)
	}
	no := errors.New("no")
	if f, err := c.Promote(t.Context(), find(t, c, "shop"), FailoverOptions{Confirm: func(*Failover) error { return no }}); !errors.Is(err, no) || f.New.Name != "rfr-shop-1" || b.role(1) != "slave" {
		t.Fatalf("%v", err)
	}
	f, err := c.Promote(t.Context(), find(t, c, "shop"), FailoverOptions{Progress: func(step string) {
		if strings.HasPrefix(step, "waiting for the operator") {
			b.label(1)
		}
	}})
	if err != nil || f.New.Name != "rfr-shop-1" || f.Old != nil || f.Moved == 0 {
		t.Fatalf("%+v, %v", f, err)
	}
	b.servers[0], b.servers[1] = b.servers[1], b.servers[0] // settle takes the first for the master
	b.settle(2, 3)
	if report := doctor(t, c, "shop"); Failed(report.Problems) {
		t.Errorf("after: %s", texts(report.Problems))
	}
	for _, s := range b.servers[1:] {
		if s.Do("GET", "last") != "v" {
			t.Error("the last write is lost")
		}
	}
}

// The replica with the most data is the one that is furthest in the same history.
func TestBest(t *testing.T) {
	server := func(name, id, offset, keys string) *Server {
		s := &Server{Pod: &Pod{Name: name}, Role: replica, Info: map[string]string{"master_replid": id, "slave_repl_offset": offset}}
		if keys != "" {
			s.Info["db0"] = "keys=" + keys + ",expires=0"
		}
		return s
	}
	for _, tt := range []struct {
		servers []*Server
		want    string
	}{
		{[]*Server{server("a", "x", "5", "1"), server("b", "x", "7", "1"), server("c", "y", "0", "")}, "b"},
		{[]*Server{server("a", "x", "5", "1"), server("b", "y", "7", "1")}, "choose one with --to"},
		{[]*Server{server("a", "x", "0", ""), server("b", "y", "0", "")}, "choose one with --to"},
		{nil, "no replica answers"},
	} {
		s := &State{Servers: tt.servers}
		best, err := s.best()
		if best != nil && best.Pod.Name != tt.want || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, %v, want %s", best, err, tt.want)
		}
	}
}

// Failover to a pod that a person names.
func TestFailoverTo(t *testing.T) {
	t.Parallel()
	o := newObjects()
	b := newBed(t, o, "shop", "", 3, 3)
	c := o.open(t, Options{})
	for _, to := range []int{2, 1} {
		name := fmt.Sprintf("rfr-shop-%d", to)
		f, err := c.Failover(t.Context(), find(t, c, "shop"), FailoverOptions{To: name, Progress: func(step string) {
			if strings.HasPrefix(step, "waiting for the operator") {
				b.label(to)
			}
		}})
		if err != nil || f.New.Name != name {
			t.Fatalf("%s: %+v, %v", name, f, err)
		}
		redistest.Until(t, name+" says that it is the master", func() bool { return b.role(to) == "master" })
		if got := pairs(b.servers[to].Do("CONFIG", "GET", "replica-priority"))["replica-priority"]; got != "100" {
			t.Errorf("replica-priority is %s", got)
		}
		redistest.Until(t, "all is well again", func() bool {
			_, err := c.Failover(t.Context(), find(t, c, "shop"), FailoverOptions{DryRun: true})
			return err == nil
		})
	}
	if _, err := c.Failover(t.Context(), find(t, c, "shop"), FailoverOptions{To: "rfr-shop-9"}); !errors.Is(err, ErrNotReady) || !strings.Contains(err.Error(), "its pods are rfr-shop-0, rfr-shop-1, rfr-shop-2") {
		t.Errorf("no such pod: %v", err)
	}
	if f, err := c.Failover(t.Context(), find(t, c, "shop"), FailoverOptions{To: "rfr-shop-1"}); err != nil || f.New != f.Old {
		t.Errorf("the master: %v", err)
	}
}

// A missing right, or an API server that is gone, is no fault of the Redis.
func TestBlocked(t *testing.T) {
	t.Parallel()
	o := newObjects()
	newBed(t, o, "shop", "s3cret", 2, 1)
	forbidden := &Forbidden{Verb: "create", Resource: "pods/portforward", Namespace: "default"}
	api := &noDial{objects: o, err: fmt.Errorf("connecting: %w", forbidden)}
	c, err := New(api, "default", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.State(t.Context(), find(t, c, "shop")); !errors.As(err, &forbidden) {
		t.Errorf("state: %v", err)
	}
	for what, ask := range map[string]func(context.Context, *Redis) (*Pod, error){"master": c.Master, "replica": c.Replica} {
		if _, err := ask(t.Context(), find(t, c, "shop")); !errors.As(err, &forbidden) || strings.Contains(err.Error(), "no "+what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	report := doctor(t, c, "shop")
	if report.Blocked == nil || len(report.Problems) > 0 {
		t.Errorf("doctor: %v, %s", report.Blocked, texts(report.Problems))
	}
	o.refuses[secretKind] = &Forbidden{Verb: "get", Resource: "secrets", Namespace: "default"}
	api.err = nil
	if _, err := c.State(t.Context(), find(t, c, "shop")); !errors.As(err, &forbidden) {
		t.Errorf("state without the Secret: %v", err)
	}
	delete(o.refuses, secretKind)
	r := find(t, c, "shop")
	api.err = &Unreachable{errors.New("connection refused")}
	o.refuses[podKind] = api.err
	var lost *Unreachable
	if _, err := c.Doctor(t.Context(), r); !errors.As(err, &lost) {
		t.Errorf("doctor without an API server: %v", err)
	}
	// A node that is gone is none.
	delete(o.refuses, podKind)
	if s, err := c.State(t.Context(), r); err != nil || len(s.Masters()) != 0 {
		t.Errorf("state: %v", err)
	}
}

type noDial struct {
	*objects
	err error
}

func (n *noDial) Dial(ctx context.Context, namespace, pod string, port int) (net.Conn, error) {
	if n.err != nil {
		return nil, n.err
	}
	return n.objects.Dial(ctx, namespace, pod, port)
}

// Names that share a ConfigMap, hooks that are missing, volumes that remain, and what pods in trouble have said.
func TestSurroundings(t *testing.T) {
	t.Parallel()
	o := newObjects()
	b := newBed(t, o, "shop", "s3cret", 1, 1)
	c := o.open(t, Options{})
	redis := o.all[failoverKind][0]["spec"].(map[string]any)["redis"].(map[string]any)
	redis["shutdownConfigMap"] = "hook"
	redis["customCommandRenames"] = []any{map[string]any{"from": "config", "to": "x"}, map[string]any{"from": "FLUSHALL", "to": ""}}
	for _, name := range []string{"s-shop", "readiness-shop", "shop-s"} {
		o.add(t, failoverKind, "metadata: {namespace: default, name: "+name+"}\nspec: {}")
	}
	for _, name := range []string{"data-rfr-old-0", "data-rfr-old-1", "data-rfr-shop-0", "data-rfr-shop-3", "other"} {
		o.add(t, claimKind, "metadata: {namespace: default, name: "+name+"}")
	}
	pod := o.all[podKind][0]
	pod["status"].(map[string]any)["conditions"] = []any{map[string]any{"type": "Ready", "status": "False"}}
	pod["status"].(map[string]any)["containerStatuses"] = []any{map[string]any{"name": "redis", "restartCount": 4, "state": map[string]any{"waiting": map[string]any{"reason": "CrashLoopBackOff"}},
		"lastState": map[string]any{"terminated": map[string]any{"exitCode": 1, "finishedAt": time.Now().Format(time.RFC3339)}}}}
	o.tails = map[string]string{"rfr-shop-0": "*** FATAL CONFIG FILE ERROR ***\n>>> 'requirepass s3cret x'\nwrong number of arguments, not s3cret"}
	o.events = map[string][]map[string]any{"Pod/rfr-shop-0": {{"type": "Warning", "reason": "BackOff", "count": 9, "message": "Back-off restarting failed container", "lastTimestamp": "2"}, {"type": "Normal", "reason": "Pulled"}}}
	report := doctor(t, c, "shop")
	all := texts(report.Problems)
	for _, want := range []string{
		`ConfigMap "hook" of spec.redis.shutdownConfigMap does not exist in namespace "default"`,
		`RedisFailovers "shop" and "s-shop" share ConfigMap "rfr-s-shop"`,
		`RedisFailovers "shop" and "readiness-shop" share ConfigMap "rfr-readiness-shop"`,
		`spec.redis.customCommandRenames renames CONFIG`,
		`is empty, and PVC data-rfr-old-0, data-rfr-old-1 of RedisFailover "old", which no longer exists, remains`,
		`PVC data-rfr-shop-3 belonged to replicas`,
		`pod rfr-shop-0 does not run: container "redis": CrashLoopBackOff (exit code 1, 4 restarts)`,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing in\n%s", want, all)
		}
	}
	if strings.Contains(all, "shop-s") || strings.Contains(all, "FLUSHALL") {
		t.Error(all)
	}
	var details []string
	for _, p := range report.Problems {
		details = append(details, p.Details...)
	}
	seen := strings.Join(details, "\n")
	for _, want := range []string{"event of rfr-shop-0: BackOff (9 times): Back-off restarting", "log of rfr-shop-0: *** FATAL CONFIG FILE ERROR ***", ">>> 'requirepass ***"} {
		if !strings.Contains(seen, want) {
			t.Errorf("%q is missing in\n%s", want, seen)
		}
	}
	if strings.Contains(seen, b.password) {
		t.Errorf("the password is shown:\n%s", seen)
	}
	// Without those rights the rest is still told.
	for _, k := range []Kind{eventKind, logKind, claimKind, configMapKind} {
		o.refuses[k] = &Forbidden{Verb: "list", Resource: k.Plural, Namespace: "default"}
	}
	if report = doctor(t, c, "shop"); len(report.Notes) < 3 || !strings.Contains(texts(report.Problems), "CrashLoopBackOff") {
		t.Errorf("%q\n%s", report.Notes, texts(report.Problems))
	}
}

// A Redis that copies another one: never a word of removing bootstrapNode while something is missing.
func TestDoctorBootstrap(t *testing.T) {
	t.Parallel()
	o := newObjects()
	b := newBed(t, o, "shop", "", 2, 0)
	source := redistest.StartAt(t, fmt.Sprintf("%s.77:%d", b.net, b.port), "")
	c := o.open(t, Options{})
	spec := o.all[failoverKind][0]["spec"].(map[string]any)
	report := func(host string, port int) string {
		spec["bootstrapNode"] = map[string]any{"host": host, "port": fmt.Sprint(port)}
		return texts(doctor(t, c, "shop").Problems)
	}
	for _, s := range b.servers {
		s.Do("REPLICAOF", b.net+".78", fmt.Sprint(b.port))
	}
	if all := report(b.net+".79", b.port); !strings.Contains(all, "instead of "+b.net+".79:") {
		t.Error(all)
	}
	for _, want := range []string{"pod rfr-shop-0 has no connection to " + b.net + ".78:", "keep bootstrapNode until all pods are in sync"} {
		if all := report(b.net+".78", b.port); !strings.Contains(all, want) || strings.Contains(all, "then remove bootstrapNode") {
			t.Errorf("%q is missing in\n%s", want, all)
		}
	}
	if all := report(source.Host, 6388); !strings.Contains(all, fmt.Sprintf("spec.bootstrapNode.port is 6388 and spec.redis.port %d", b.port)) || strings.Contains(all, "then remove bootstrapNode") {
		t.Error(all)
	}
	source.Do("SET", "k", "v")
	for _, s := range b.servers {
		s.Do("REPLICAOF", source.Host, fmt.Sprint(source.Port))
	}
	redistest.Until(t, "it is copied", func() bool {
		return strings.Contains(report(source.Host, source.Port), "all pods are in sync: rfr-shop-0 (1 key, offset ")
	})
}

// The operator of OpsTree strips what an editor leaves behind the password.
func TestTrimmedPassword(t *testing.T) {
	t.Parallel()
	s := redistest.StartAt(t, fmt.Sprintf("%s.1:%d", network(), 6379), "s3cret")
	o := newObjects()
	kind := Kind{"redis.redis.opstreelabs.in/v1beta2", "RedisReplication", "redisreplications"}
	o.served = []Kind{kind}
	o.add(t, kind, "metadata: {namespace: default, name: shop}\nspec: {clusterSize: 1, kubernetesConfig: {redisSecret: {name: pw, key: password}}}")
	o.add(t, secretKind, "metadata: {namespace: default, name: pw}\ndata: {password: czNjcmV0Cg==}")
	o.add(t, serviceKind, "metadata: {namespace: default, name: shop-master}\nspec: {selector: {app: shop, redis_setup_type: replication, role: replication}, ports: [{port: 6379}]}")
	o.add(t, podKind, "metadata: {namespace: default, name: shop-0, labels: {app: shop, redis_setup_type: replication, role: replication, redis-role: master}}\nspec: {containers: [{name: redis}]}\nstatus: {phase: Running, podIP: "+s.Host+", conditions: [{type: Ready, status: 'True'}]}")
	c := o.open(t, Options{})
	all := texts(doctor(t, c, "shop").Problems)
	if strings.Contains(all, "refused by") || !strings.Contains(all, `the password in Secret "pw" begins or ends with white space`) {
		t.Error(all)
	}
}

// Every page that a message names exists.
func TestHelpPages(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		src, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range helpPage.FindAllStringSubmatch(string(src), -1) {
			n++
			if _, err := os.Stat("../docs/rules/" + m[1] + ".md"); err != nil {
				t.Errorf("%s: %v", f.Name(), err)
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d pages are named", n)
	}
}

var helpPage = regexp.MustCompile(`p\.(?:error|warn|add)\([^"\n]*"([a-z]+/[a-z-]+)"`)
