package cluster

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/redistest"
)

// local runs commands of pods on this machine.
func local(c Command) error { return localEnv(c, nil) }

func localEnv(c Command, env []string) error {
	command := exec.Command(c.Args[0], c.Args[1:]...)
	command.Env = append(command.Environ(), env...)
	command.Stdin, command.Stdout, command.Stderr = c.In, c.Out, c.Err
	err := command.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return &ExitError{Code: exit.ExitCode()}
	}
	return err
}

func doctor(t *testing.T, c *Cluster, name string) *Report {
	t.Helper()
	report, err := c.Doctor(t.Context(), find(t, c, name))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func texts(problems []*Problem) string {
	var list []string
	for _, p := range problems {
		list = append(list, p.Severity.String()+" "+p.Check+": "+p.Message)
	}
	return strings.Join(list, "\n")
}

// One RedisFailover goes through the faults of a life. Each is told in one place, and when it is over nothing is.
func TestDoctor(t *testing.T) {
	t.Parallel()
	o := newObjects()
	b := newBed(t, o, "shop", "s3cret", 3, 3)
	c := o.open(t, Options{Timeout: 5 * time.Second})
	if report := doctor(t, c, "shop"); len(report.Problems) > 0 || len(report.Notes) > 0 {
		t.Fatalf("a healthy one: %s\n%q", texts(report.Problems), report.Notes)
	}
	r := find(t, c, "shop")
	state, err := c.State(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	for sentinel, want := range map[bool]string{false: "Service rfrm-shop: port", true: "Service rfs-shop: port 26379"} {
		if p := state.CheckURL(sentinel); len(p) > 0 {
			t.Errorf("a healthy one: %s", texts(p))
		}
		if facts := strings.Join(state.Facts(sentinel), "\n"); !strings.Contains(facts, want) || !strings.Contains(facts, "3 of 3 report it as master, quorum 2") || strings.Contains(facts, b.password) {
			t.Errorf("facts: %s", facts)
		}
	}
	resource, pods, services := o.all[failoverKind][0], o.all[podKind], o.all[serviceKind]
	spec := resource["spec"].(map[string]any)
	for _, tt := range []struct {
		name string
		do   func() (undo func())
		want []string // texts that must come, and no other errors
		live bool     // url --live tells it too
	}{
		{"no Service", func() func() {
			o.all[serviceKind] = services[1:]
			return func() { o.all[serviceKind] = services }
		}, []string{`no Service selects the master`}, true},
		{"labels lag behind", func() func() { b.label(1); return func() { b.label(0) } }, []string{
			"pod rfr-shop-0 is labeled as replica but is a master", "pod rfr-shop-1 is labeled as master but is a replica",
			`Service "rfrm-shop" points to pod rfr-shop-1, a read-only replica; the master is pod rfr-shop-0`}, true},
		{"no Secret", func() func() {
			o.all[secretKind] = nil
			return func() {
				o.add(t, secretKind, "metadata: {namespace: default, name: shop-auth}\ndata: {password: czNjcmV0}")
			}
		}, []string{`the Secret with the password is missing: no Secret "shop-auth" in namespace "default"`}, true},
		{"no key", func() func() {
			data := o.all[secretKind][0]
			old := data["data"]
			data["data"] = map[string]any{"pass": "czNjcmV0"}
			return func() { data["data"] = old }
		}, []string{`the Secret "shop-auth" in namespace "default" has no key "password"; it has "pass"`}, true},
		{"wrong password", func() func() {
			data := o.all[secretKind][0]["data"].(map[string]any)
			data["password"] = "d3Jvbmc="
			return func() { data["password"] = "czNjcmV0" }
		}, []string{`the password in Secret "shop-auth" is refused by rfr-shop-0, rfr-shop-1, rfr-shop-2`}, true},
		{"no password any more", func() func() {
			for _, s := range b.servers {
				s.Do("CONFIG", "SET", "requirepass", "")
			}
			return func() {
				for _, s := range b.servers {
					s.Do("CONFIG", "SET", "requirepass", b.password)
				}
			}
		}, []string{`Secret "shop-auth" has a password, but rfr-shop-0, rfr-shop-1, rfr-shop-2 require none`}, true},
		{"two masters", func() func() {
			b.servers[2].Do("REPLICAOF", "NO", "ONE")
			return func() {
				b.servers[2].Do("REPLICAOF", b.servers[0].Host, fmt.Sprint(b.port))
				b.settle(2, 3)
			}
		}, []string{"has several masters: rfr-shop-0: master; rfr-shop-1: replica of", "pod rfr-shop-2 is labeled as replica but is a master"}, true},
		{"too few pods", func() func() {
			o.all[podKind] = slices.Delete(slices.Clone(pods), 2, 3)
			return func() { o.all[podKind] = pods }
		}, []string{"asks for 3 replicas, but there are 2 pods", "replicates from pod rfr-shop-0 and is not a pod of", "count"}, true},
		{"a setting that is not in force", func() func() {
			redis := spec["redis"].(map[string]any)
			redis["customConfig"] = []any{"maxmemory 100mb", "maxmemory-policy noeviction", "save 900 1"}
			b.servers[1].Do("CONFIG", "SET", "maxmemory", "104857600", "save", "900 1")
			return func() {
				delete(redis, "customConfig")
				b.servers[1].Do("CONFIG", "SET", "maxmemory", "0", "save", "")
			}
		}, []string{`pod rfr-shop-0, rfr-shop-2: customConfig "maxmemory 100mb" is not in force, the value is "maxmemory 0"`}, false},
		{"a pod that crashes", func() func() {
			status := pods[0]["status"].(map[string]any)
			old := status["conditions"]
			status["conditions"] = []any{map[string]any{"type": "Ready", "status": "False"}}
			status["containerStatuses"] = []any{map[string]any{"name": "redis", "state": map[string]any{"waiting": map[string]any{"reason": "CrashLoopBackOff"}}}}
			return func() { status["conditions"] = old; delete(status, "containerStatuses") }
		}, []string{`no pod behind Service "rfrm-shop" is ready: rfr-shop-0 (container "redis": CrashLoopBackOff)`, `pod rfr-shop-0 does not run: container "redis": CrashLoopBackOff`}, true},
		{"nobody answers", func() func() {
			b.servers[0].Signal(syscall.SIGSTOP)
			for _, s := range b.sentinels {
				s.Signal(syscall.SIGSTOP)
			}
			return func() {
				b.servers[0].Signal(syscall.SIGCONT)
				for _, s := range b.sentinels {
					s.Signal(syscall.SIGCONT)
				}
				b.settle(2, 3)
			}
		}, []string{"pod rfr-shop-0 is ready, but does not answer", "has no master: rfr-shop-0", "sentinels rfs-shop-0, rfs-shop-1, rfs-shop-2: no response within 5s"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			undo := tt.do()
			report := doctor(t, c, "shop")
			live := Failed(report.CheckURL(false))
			undo()
			var errs []*Problem
			for _, p := range report.Problems {
				if p.Severity == finding.Error {
					errs = append(errs, p)
				}
			}
			for _, want := range tt.want {
				if !strings.Contains(texts(report.Problems), want) {
					t.Errorf("%q is missing in\n%s", want, texts(report.Problems))
				}
			}
			if len(errs) > len(tt.want) {
				t.Errorf("more errors than %q:\n%s", tt.want, texts(errs))
			}
			if live != tt.live {
				t.Errorf("url --live fails: %v, not %v, with\n%s", live, tt.live, texts(report.Problems))
			}
			if strings.Contains(texts(report.Problems), b.password) {
				t.Errorf("the password is told:\n%s", texts(report.Problems))
			}
			redistest.Until(t, "all is well again", func() bool { return !Failed(doctor(t, c, "shop").Problems) })
		})
	}
}

// Issue 550 of the operator: the sentinels of one Redis take the pod of another over.
func TestDoctorForeign(t *testing.T) {
	t.Parallel()
	o := newObjects()
	one, two := newBed(t, o, "one", "", 2, 1), newBed(t, o, "two", "", 2, 1)
	c := o.open(t, Options{})
	_ = one
	two.servers[1].Do("REPLICAOF", one.servers[0].Host, fmt.Sprint(one.port))
	redistest.Until(t, "the replica of two follows one", func() bool {
		return strings.Contains(two.servers[1].Do("INFO", "replication").(string), "master_link_status:up")
	})
	for name, want := range map[string]string{
		"one": fmt.Sprintf("%s replicates from pod rfr-one-0 and is not a pod of RedisFailover default/one", two.servers[1].Host),
		"two": fmt.Sprintf("pod rfr-two-1 is a replica of %s, which is not a pod of RedisFailover default/two", one.servers[0].Addr()),
	} {
		report := doctor(t, c, name)
		i := slices.IndexFunc(report.Problems, func(p *Problem) bool {
			return (p.Check == "foreign" || p.Check == "copied") && strings.HasPrefix(p.Message, want[:10])
		})
		if i < 0 || !strings.Contains(texts(report.Problems), want) && name == "two" || report.Problems[i].Help != "docs/rules/ha/clusters-can-join.md" {
			t.Errorf("%s: %q is missing in\n%s", name, want, texts(report.Problems))
		}
	}
	// A sentinel that watches the Redis of somebody else.
	two.sentinels[0].Do("SENTINEL", "REMOVE", "mymaster")
	two.sentinels[0].Do("SENTINEL", "MONITOR", "mymaster", one.servers[0].Host, fmt.Sprint(one.port), "1")
	redistest.Until(t, "the sentinels meet", func() bool {
		return strings.Contains(texts(doctor(t, c, "one").Problems), "votes with those of RedisFailover default/one")
	})
	state, err := c.State(t.Context(), find(t, c, "two"))
	if err != nil {
		t.Fatal(err)
	}
	if p := texts(state.CheckURL(true)); !strings.Contains(p, "the sentinels take "+one.servers[0].Addr()+" for the master, which is not a pod of RedisFailover default/two") {
		t.Errorf("sentinel-url --live: %s", p)
	}
}

// What Kubernetes knows of pods and disks.
func TestDoctorPods(t *testing.T) {
	t.Parallel()
	o := newObjects()
	b := newBed(t, o, "shop", "", 2, 1)
	for _, s := range b.servers {
		s.Do("CONFIG", "SET", "maxmemory", "2mb")
	}
	b.servers[0].Do("DEBUG", "POPULATE", "2000", "k", "400")
	for i, pod := range o.all[podKind][:2] {
		spec := pod["spec"].(map[string]any)
		spec["terminationGracePeriodSeconds"] = 30
		spec["nodeName"] = "node-1"
		spec["volumes"] = []any{map[string]any{"name": "data", "persistentVolumeClaim": map[string]any{"claimName": "data-" + nameOf(pod)}}}
		spec["containers"] = []any{map[string]any{"name": "redis", "lifecycle": map[string]any{"preStop": map[string]any{}},
			"volumeMounts": []any{map[string]any{"name": "data", "mountPath": b.servers[i].Dir}}, "resources": map[string]any{"limits": map[string]any{"memory": "2Mi"}}}}
		pod["metadata"].(map[string]any)["ownerReferences"] = []any{map[string]any{"kind": "StatefulSet", "name": "rfr-shop", "controller": true}}
		pod["metadata"].(map[string]any)["labels"].(map[string]any)["controller-revision-hash"] = "rfr-shop-1"
	}
	o.add(t, statefulSetKind, "metadata: {namespace: default, name: rfr-shop, generation: 2, ownerReferences: [{kind: RedisFailover, name: shop, controller: true}]}\n"+
		"spec: {template: {spec: {containers: [{name: redis, image: 'redis:7.0'}]}}}\nstatus: {observedGeneration: 2, updateRevision: rfr-shop-2}")
	o.all[failoverKind][0]["spec"].(map[string]any)["redis"].(map[string]any)["image"] = "redis:7.2"
	full := "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sdb 1000 970 30 97% /data\n"
	o.exec = func(c Command) error {
		if !slices.Contains([]string{b.servers[0].Dir, b.servers[1].Dir}, c.Args[2]) || c.Args[0] != "df" || c.Container != "redis" {
			return fmt.Errorf("unexpected command %q", c.Args)
		}
		_, err := c.Out.Write([]byte(full))
		return err
	}
	c := o.open(t, Options{})
	report := doctor(t, c, "shop")
	for _, want := range []string{
		"error disk: PVC data-rfr-shop-0 of pod rfr-shop-0 is 97% full, 970 KiB of 1000 KiB",
		"error reconciled: RedisFailover default/shop asks for image redis:7.2, but StatefulSet rfr-shop has redis:7.0",
		"warning reconciled: rfr-shop-0, rfr-shop-1 are older than the last change of StatefulSet rfr-shop",
		"warning shutdown: terminationGracePeriod is 30 s, but the shutdown script of a master waits 31 s before it saves, and Redis has no save points",
		"warning memory: pod rfr-shop-0 has maxmemory 2.0 MiB at a memory limit of 2.0 MiB",
		"warning memory: pod rfr-shop-0 uses 1",
		"info pods: all pods run on node node-1",
		"warning password: it has no password",
	} {
		if !strings.Contains(texts(report.Problems), want) {
			t.Errorf("%q is missing in\n%s", want, texts(report.Problems))
		}
	}
	// The real df.
	o.exec = local
	if report = doctor(t, c, "shop"); len(report.Notes) > 0 {
		t.Errorf("df: %q", report.Notes)
	}
	// What may not be looked at is no silence.
	o.exec = func(Command) error {
		return &Forbidden{Verb: "create", Resource: "pods/exec", Namespace: "default", User: "me"}
	}
	if report = doctor(t, c, "shop"); !slices.Contains(report.Notes, `how full the volumes are: not permitted to create pods/exec in namespace "default" as "me"; see docs/rbac.md for the required Role`) {
		t.Errorf("notes: %q", report.Notes)
	}
}

func TestUnlike(t *testing.T) {
	for _, tt := range []struct {
		want any
		have map[string]string
		diff string
	}{
		{[]any{"maxmemory 100mb", "appendonly YES", `save ""`}, map[string]string{"maxmemory": "104857600", "appendonly": "yes", "save": ""}, ""},
		// CONFIG SET replaces all save points: the last line counts, and of equal ones the first.
		{[]any{"save 900 1", "save 300 10"}, map[string]string{"save": "300 10"}, ""},
		{[]any{"save 900 1", "save 300 10"}, map[string]string{"save": "900 1 300 10"}, "[{save 300 10 save 900 1 300 10}]"},
		{[]any{"save 900 1", "save 300 10", "save 900 1"}, map[string]string{"save": "300 10"}, ""},
		{[]any{"maxmemory 1k", "maxmemory 1kb"}, map[string]string{"maxmemory": "1024"}, ""},
		// In the unit that a person wrote.
		{[]any{"maxmemory 100mb"}, map[string]string{"maxmemory": "209715200"}, "[{maxmemory 100mb maxmemory 200mb}]"},
		{[]any{"maxmemory 1gb"}, map[string]string{"maxmemory": "209715200"}, "[{maxmemory 1gb maxmemory 200mb}]"},
		{[]any{"maxmemory 1g"}, map[string]string{"maxmemory": "209715200"}, "[{maxmemory 1g maxmemory 209715200}]"},
		{map[string]any{"maxmemory": "1g", "timeout": 10}, map[string]string{"maxmemory": "1000000000", "timeout": "0"}, "[{timeout 10 timeout 0}]"},
		{[]any{"requirepass secret", "unknown 1", "client-output-buffer-limit pubsub 1 1 1"}, map[string]string{"requirepass": "other", "client-output-buffer-limit": "x"}, ""},
		{[]any{"", "word", 3, nil}, nil, ""},
		// What comes after a line that stops the operator is never set.
		{[]any{"timeout 1", "appendonly", "maxclients 5"}, map[string]string{"timeout": "0", "maxclients": "10000", "appendonly": "no"}, "[{timeout 1 timeout 0}]"},
	} {
		lines := judgeConfig(tt.want, nil, "")
		if m, ok := tt.want.(map[string]any); ok {
			lines = mappedConfig(m)
		}
		if got := fmt.Sprint(unlike(lines, tt.have)); strings.Trim(got, "[]") != strings.Trim(tt.diff, "[]") {
			t.Errorf("%v: got %s, want %s", tt.want, got, tt.diff)
		}
	}
}

// Redis itself says what a value comes to.
func TestNormal(t *testing.T) {
	s := redistest.Start(t)
	for _, value := range []string{"0", "1", "1b", "1k", "1kb", "3m", "3mb", "1g", "1GB", "104857600"} {
		s.Do("CONFIG", "SET", "maxmemory", value)
		if got := pairs(s.Do("CONFIG", "GET", "maxmemory"))["maxmemory"]; got != normal(value) {
			t.Errorf("%s: Redis has %s, we %s", value, got, normal(value))
		}
	}
}
