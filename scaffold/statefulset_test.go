//go:build linux

package scaffold

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/internal/redistest"
)

// TestWithoutKubernetes runs the scripts of the template without an operator, and the commands of its containers, with real servers on
// loopback: they come up, fail over, take the restart of each, hand over at a stop, and label the pods with their roles. What a cluster gives
// them is replaced: names of pods are addresses, and the request to its API goes to a file.
func TestWithoutKubernetes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	needsRedis(t)
	for network, tls := range map[int]bool{1: false, 2: true} {
		t.Run(map[bool]string{false: "plain", true: "TLS"}[tls], func(t *testing.T) {
			t.Parallel()
			newBench(t, network, tls).run()
		})
	}
}

func needsRedis(t *testing.T) {
	t.Helper()
	for _, name := range []string{"redis-server", "redis-sentinel", "redis-cli"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(name + " is not installed")
		}
	}
}

// TestSentinelPassword: a sentinel that starts again with another password, or with the first one or none, accepts that alone, and knows its
// master. What it has written has its default user with the passwords of before, also those of ACL SETUSER.
func TestSentinelPassword(t *testing.T) {
	needsRedis(t)
	b := newBench(t, 3, false)
	const pod = "shop-redis-sentinel-0"
	b.prepare(pod)
	passwords := []string{"", benchPassword, "another"}
	for i, password := range []string{"", benchPassword, "another", benchPassword, ""} {
		b.password = password
		c := b.start(pod, "sentinel.sh")
		b.until("the sentinel is up", func() bool { return b.cli(pod, "-p", "26379", "ping") == "PONG" })
		for _, other := range passwords {
			b.password = other
			// One that asks for no password takes a command after a refused AUTH.
			if answers := b.cli(pod, "-p", "26379", "ping") == "PONG"; answers != (other == password || password == "") {
				t.Errorf("start %d with the password %q: it answers with %q: %t", i, password, other, answers)
			}
		}
		b.password = password
		if i == 0 {
			b.cli(pod, "-p", "26379", "sentinel", "monitor", "shop-redis", b.address("shop-redis-a-0"), "6379", "2")
		}
		if master := b.cli(pod, "-p", "26379", "sentinel", "get-master-addr-by-name", "shop-redis"); !strings.HasPrefix(master, b.address("shop-redis-a-0")) {
			t.Errorf("start %d: the master is %q", i, master)
		}
		b.cli(pod, "-p", "26379", "acl", "setuser", "default", ">third", ">another")
		b.password = "third"
		b.cli(pod, "-p", "26379", "sentinel", "set", "shop-redis", "quorum", "2") // writes the file
		if text, err := os.ReadFile(filepath.Join(b.dir, pod, "data", "sentinel.conf")); err != nil || !strings.Contains(string(text), "\nuser default on ") || strings.Contains(string(text), "nopass") {
			t.Errorf("start %d: no default user with a third password in %v\n%s", i, err, text)
		}
		c.kill()
	}

	// While a password is rotated, another one that starts again accepts both, as this one does, and in the end the new one.
	b.password = benchPassword
	b.start(pod, "sentinel.sh")
	b.accepts(pod, true, benchPassword)
	b.cli(pod, "-p", "26379", "acl", "setuser", "default", ">another")
	const beside = "shop-redis-sentinel-1"
	b.prepare(beside)
	for _, both := range []bool{true, false} {
		b.password = "another"
		c := b.start(beside, "sentinel.sh")
		b.accepts(beside, true, "another")
		b.accepts(beside, both, benchPassword)
		b.accepts(beside, false, "third")
		c.kill()
		b.password = "another"
		b.cli(pod, "-p", "26379", "acl", "setuser", "default", "resetpass", ">another")
	}
}

// accepts waits until a sentinel accepts a password or refuses it.
func (b *bench) accepts(sentinel string, accepts bool, password string) {
	b.Helper()
	b.password = password
	b.until(fmt.Sprintf("%s accepts %q: %t", sentinel, password, accepts), func() bool {
		c := exec.CommandContext(b.Context(), filepath.Join(b.dir, sentinel, "bin", "redis-cli"), "-p", "26379", "ping")
		c.Env = []string{"PATH=" + os.Getenv("PATH"), "REDISCLI_AUTH=" + password}
		out, _ := c.CombinedOutput()
		return strings.TrimSpace(string(out)) == "PONG" == accepts && (accepts || strings.Contains(string(out), "WRONGPASS"))
	})
}

const benchPassword = `a "quoted\ password`

// A bench runs the containers of a rendered template.
type bench struct {
	*testing.T
	dir      string
	network  int // 127.N.0.0, so that benches side by side do not meet
	tls      bool
	password string
	scripts  map[string]string
	args     []string // of the container redis
	pods     map[string]*podProcess
}

// A podProcess is one process of a pod, which the kubelet starts again.
type podProcess struct {
	process *exec.Cmd
	output  redistest.Screen
	done    chan struct{}
}

func newBench(t *testing.T, network int, tls bool) *bench {
	t.Helper()
	b := &bench{T: t, dir: t.TempDir(), network: 60 + network, tls: tls, password: benchPassword, scripts: map[string]string{}, pods: map[string]*podProcess{}}
	set := setOf("namedReplicas=[a, b, c]", "memory=64Mi", "disk=1Gi")
	if tls {
		set["tlsSecret"] = cue.LayerValue{Value: "shop-tls"}
	}
	r := openFiles(t, map[string]string{"applications/shop/kustomization.yaml": "resources: []\n"})
	apply(t, r)(PlanResource(t.Context(), r, config(t, ""), deps, ResourceRequest{
		App: "shop", Operator: "statefulset", Namespace: "blue", Set: set, Auth: Auth{Method: Existing},
	}))
	for document := range strings.SplitSeq(read(t, r, "applications/shop/redis.yaml"), "\n---\n") {
		var object map[string]any
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			t.Fatal(err)
		}
		if object["kind"] == "ConfigMap" {
			for name, text := range object["data"].(map[string]any) {
				b.scripts[name] = text.(string)
			}
		}
		if list, _ := cue.At(object, "spec", "template", "spec", "containers", "0", "args").([]any); object["kind"] == "StatefulSet" && b.args == nil {
			for _, arg := range list {
				b.args = append(b.args, arg.(string))
			}
		}
	}
	if len(b.scripts) < 5 || len(b.args) == 0 {
		t.Fatalf("scripts %v, arguments %q", b.scripts, b.args)
	}
	cert, key := redistest.Certificate(t)
	for name, text := range map[string][]byte{"tls.crt": cert, "ca.crt": cert, "tls.key": key} {
		b.file(name, string(text), 0o600)
	}
	return b
}

func (b *bench) file(name, text string, mode os.FileMode) {
	b.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		b.Fatal(err)
	}
}

// address returns that of a pod.
func (b *bench) address(pod string) string {
	all := []string{"shop-redis-a-0", "shop-redis-b-0", "shop-redis-c-0", "shop-redis-sentinel-0", "shop-redis-sentinel-1", "shop-redis-sentinel-2"}
	return fmt.Sprintf("127.%d.0.%d", b.network, slices.Index(all, pod)+1)
}

// prepare writes what a pod has: its scripts, with paths and names of this machine, and commands that know its address.
func (b *bench) prepare(pod string) {
	b.Helper()
	address := b.address(pod)
	dir := filepath.Join(b.dir, pod)
	replaced := map[string]string{
		"$(hostname).shop-redis-sentinel.$POD_NAMESPACE.svc": address, "$(hostname).shop-redis.$POD_NAMESPACE.svc": address,
		"$name-$replica-0.$name.$POD_NAMESPACE.svc": "$(address $name-$replica-0)",
	}
	var pairs []string
	for from, to := range replaced {
		pairs = append(pairs, from, to)
	}
	for i := range 3 {
		name := fmt.Sprintf("shop-redis-sentinel-%d", i)
		pairs = append(pairs, name+".shop-redis-sentinel.blue.svc", b.address(name), name+".shop-redis-sentinel", b.address(name))
	}
	pairs = append(pairs, "/scripts/", dir+"/scripts/", "/data", dir+"/data", "/run/redis", dir+"/run", "/api/token", dir+"/api/token", "/podinfo/", dir+"/podinfo/", "/tls/", b.dir+"/", "/users/", dir+"/users/", "/passwords/", dir+"/passwords/")
	for name, text := range b.scripts {
		b.file(pod+"/scripts/"+name, strings.NewReplacer(pairs...).Replace(text), 0o644)
	}
	for _, folder := range []string{"data", "run"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			b.Fatal(err)
		}
	}
	b.file(pod+"/api/token", "token", 0o600)
	b.file(pod+"/podinfo/labels", "", 0o600)
	find := func(name string) string {
		path, err := exec.LookPath(name)
		if err != nil {
			b.Fatal(err)
		}
		return path
	}
	command := func(name, text string) { b.file(pod+"/bin/"+name, "#!/bin/sh\n"+text, 0o755) }
	command("hostname", "echo "+pod+"\n")
	var lookup strings.Builder
	for _, other := range []string{"shop-redis-a-0", "shop-redis-b-0", "shop-redis-c-0"} {
		fmt.Fprintf(&lookup, "[ \"$1\" = %s ] && echo %s\n", other, b.address(other))
	}
	command("address", lookup.String()+"exit 0\n")
	command("redis-server", "exec "+find("redis-server")+` "$@" --bind `+address+"\n")
	command("redis-sentinel", "exec "+find("redis-sentinel")+` "$@" --bind `+address+"\n")
	command("redis-cli", `case " $* " in
*" kubernetes.default.svc "*)
  cat >> `+dir+`/requests
  [ -e `+dir+`/silent ] || echo "Error reading replies from server" >&2
  exit 1
  ;;
*" -h "*) exec `+find("redis-cli")+` "$@" ;;
*) exec `+find("redis-cli")+` -h `+address+` "$@" ;;
esac
`)
}

// start runs a script in a pod until it is killed.
func (b *bench) start(pod, script string, args ...string) *podProcess {
	b.Helper()
	c := &podProcess{done: make(chan struct{})}
	c.process = b.command(pod, script, args...)
	c.process.Stdout, c.process.Stderr = &c.output, &c.output
	// Dies with the test process; what it starts is of its group.
	c.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := c.process.Start(); err != nil {
		b.Fatal(err)
	}
	go func() { _ = c.process.Wait(); close(c.done) }()
	b.Cleanup(c.kill)
	b.pods[pod+"/"+script] = c
	return c
}

// kill ends a container as a crash would.
func (c *podProcess) kill() {
	_ = syscall.Kill(-c.process.Process.Pid, syscall.SIGKILL)
	<-c.done
}

func (b *bench) command(pod, script string, args ...string) *exec.Cmd {
	dir := filepath.Join(b.dir, pod)
	c := exec.CommandContext(b.Context(), "sh", append([]string{filepath.Join(dir, "scripts", script)}, args...)...)
	c.Dir = filepath.Join(dir, "data")
	c.Env = []string{"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH"), "POD_NAMESPACE=blue", "REDISCLI_AUTH=" + b.password}
	return c
}

// cli asks a server as its probes do.
func (b *bench) cli(pod string, args ...string) string {
	if b.tls {
		args = append([]string{"--tls", "--cacert", filepath.Join(b.dir, "ca.crt")}, args...)
	}
	c := exec.CommandContext(b.Context(), filepath.Join(b.dir, pod, "bin", "redis-cli"), args...)
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "REDISCLI_AUTH=" + b.password}
	out, _ := c.Output()
	return strings.TrimSpace(string(out))
}

func (b *bench) until(what string, ready func() bool) {
	b.Helper()
	for range 400 {
		if ready() {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	var text strings.Builder
	for name, c := range b.pods {
		fmt.Fprintf(&text, "== %s\n%s\n", name, tail(c.output.String()))
	}
	b.Fatalf("never: %s\n%s", what, text.String())
}

func tail(text string) string { return text[max(0, len(text)-1500):] }

// master waits until the sentinels and two replicas in sync, which can be promoted, have one master, and returns its pod.
func (b *bench) master(other string) (master string) {
	b.Helper()
	b.until("a master other than "+other, func() bool {
		answer := strings.Fields(b.cli("shop-redis-sentinel-0", "-p", "26379", "sentinel", "get-master-addr-by-name", "shop-redis"))
		if len(answer) != 2 {
			return false
		}
		for _, pod := range []string{"shop-redis-a-0", "shop-redis-b-0", "shop-redis-c-0"} {
			if b.address(pod) == answer[0] {
				master = pod
			}
		}
		// Sentinels read every 10 seconds whether a replica may be promoted, which an empty one may not.
		known := b.cli("shop-redis-sentinel-0", "-p", "26379", "sentinel", "replicas", "shop-redis")
		return master != other && strings.Count(known, "slave-priority\n100") == 2 && strings.Count(b.cli(master, "info", "replication"), "state=online") == 2
	})
	return master
}

// labeled waits until the last request about a pod gives it a role.
func (b *bench) labeled(pod, role string) {
	b.Helper()
	b.until(pod+" has the label "+role, func() bool {
		var last string
		for _, other := range []string{"shop-redis-a-0", "shop-redis-b-0", "shop-redis-c-0"} {
			text, _ := os.ReadFile(filepath.Join(b.dir, other, "requests"))
			for request := range strings.SplitSeq(string(text), "PATCH ") {
				if strings.HasPrefix(request, "/api/v1/namespaces/blue/pods/"+pod+" ") && other == pod {
					last = request
				}
			}
		}
		return strings.HasSuffix(strings.TrimSpace(last), `{"metadata":{"labels":{"redis-gitops.io/role":"`+role+`"}}}`)
	})
}

func (b *bench) startSentinels() {
	b.Helper()
	for i := range 3 {
		pod := fmt.Sprintf("shop-redis-sentinel-%d", i)
		b.prepare(pod)
		b.start(pod, "sentinel.sh")
	}
}

func (b *bench) startRedis(pods []string) {
	b.Helper()
	for _, pod := range pods {
		b.prepare(pod)
		b.start(pod, "redis.sh", b.args...)
		b.start(pod, "role.sh")
	}
}

// ends waits for the end of a container.
func (b *bench) ends(what string, c *podProcess) {
	b.Helper()
	b.until(what+" ends", func() bool {
		select {
		case <-c.done:
			return true
		default:
			return false
		}
	})
}

func (b *bench) run() {
	b.Helper()
	redisPods := []string{"shop-redis-a-0", "shop-redis-b-0", "shop-redis-c-0"}
	b.startSentinels()
	b.startRedis(redisPods)
	first := b.master("")
	if first != redisPods[0] {
		b.Errorf("the first master is %s", first)
	}
	b.labeled(first, "master")
	b.labeled(redisPods[1], "replica")
	if got := b.cli(first, "config", "get", "maxmemory"); !strings.Contains(got, "50331648") {
		b.Errorf("maxmemory %s", got)
	}
	if out, err := b.command(redisPods[1], "ready.sh").CombinedOutput(); err != nil {
		b.Errorf("a replica in sync is not ready: %v %s", err, out)
	}
	if b.tls {
		b.refusesPlain(first)
	}
	b.cli(first, "set", "key", "value")
	if got := b.cli(first, "wait", "2", "5000"); got != "2" {
		b.Fatalf("%s replicas have the write", got)
	}

	// The master crashes, and its container starts again at once: it must wait for the failover, and follow.
	b.pods[first+"/redis.sh"].kill()
	b.start(first, "redis.sh", b.args...)
	second := b.master(first)
	if got := b.cli(second, "get", "key"); got != "value" {
		b.Errorf("after the failover %q", got)
	}
	b.labeled(second, "master")
	b.labeled(first, "replica")

	// Sentinels that start again know the master.
	for i := range 3 {
		pod := fmt.Sprintf("shop-redis-sentinel-%d", i)
		b.pods[pod+"/sentinel.sh"].kill()
		b.start(pod, "sentinel.sh")
		b.until(pod+" knows the master", func() bool {
			return strings.HasPrefix(b.cli(pod, "-p", "26379", "sentinel", "get-master-addr-by-name", "shop-redis"), b.address(second))
		})
	}

	// A master that is stopped hands over first, then stops. It starts again with the new password of a rotation, and answers the others, whose
	// scripts have the old one.
	b.rotate(redisPods)
	b.until("the sentinels know each other", func() bool {
		return strings.HasPrefix(b.cli("shop-redis-sentinel-0", "-p", "26379", "sentinel", "ckquorum", "shop-redis"), "OK 3 usable")
	})
	stop := b.start(second, "stop.sh", "60")
	// Meanwhile the first sentinel restarts, as when all images change.
	b.until("it waits for its turn", func() bool {
		return strings.Contains(b.cli("shop-redis-sentinel-0", "-p", "26379", "client", "list"), "name=stop:")
	})
	b.pods["shop-redis-sentinel-0/sentinel.sh"].kill()
	b.start("shop-redis-sentinel-0", "sentinel.sh")
	b.ends("the stop", stop)
	stop.kill() // what it has left ends with the pod
	select {
	case <-b.pods[second+"/redis.sh"].done:
	case <-time.After(10 * time.Second):
		b.Error("Redis runs on after the stop")
	}
	b.password = rotatedPassword
	b.start(second, "redis.sh", b.args...)
	b.password = benchPassword
	third := b.master(second)
	for _, password := range []string{benchPassword, rotatedPassword} {
		b.password = password
		if got := b.cli(second, "role"); !strings.HasPrefix(got, "slave") {
			b.Errorf("with the password %q, %s answers %q", password, second, got)
		}
	}
	b.password = benchPassword
	if got := b.cli(third, "get", "key"); got != "value" {
		b.Errorf("after the stop %q", got)
	}
	b.labeled(third, "master")
	b.removed(third)
}

// removed: a stop does not wait for a turn, or for another master, that sentinels would have to give it and that are gone for good.
func (b *bench) removed(pod string) {
	b.Helper()
	stop := b.start(pod, "stop.sh", "300")
	b.until("it waits for its turn", func() bool {
		return strings.Contains(b.cli("shop-redis-sentinel-0", "-p", "26379", "client", "list"), "name=stop:")
	})
	for i := range 3 {
		b.pods[fmt.Sprintf("shop-redis-sentinel-%d/sentinel.sh", i)].kill()
	}
	select {
	case <-stop.done:
	case <-time.After(time.Minute):
		b.Error("a stop waits for sentinels that are gone")
	}
	stop.kill()
}

const rotatedPassword = "n3xt"

// rotate makes servers and sentinels accept both passwords, and use the new one, as stage 2 of a rotation.
func (b *bench) rotate(redisPods []string) {
	b.Helper()
	do := func(pod string, args ...string) {
		if got := b.cli(pod, args...); got != "OK" {
			b.Fatalf("%s: %q", pod, got)
		}
	}
	for _, pod := range redisPods {
		do(pod, "acl", "setuser", "default", ">"+rotatedPassword)
		do(pod, "config", "set", "masterauth", rotatedPassword)
	}
	for i := range 3 {
		pod := fmt.Sprintf("shop-redis-sentinel-%d", i)
		do(pod, "-p", "26379", "acl", "setuser", "default", ">"+rotatedPassword)
		do(pod, "-p", "26379", "sentinel", "set", "shop-redis", "auth-pass", rotatedPassword)
		do(pod, "-p", "26379", "sentinel", "config", "set", "sentinel-pass", rotatedPassword)
	}
}

// refusesPlain: no port answers without TLS.
func (b *bench) refusesPlain(pod string) {
	b.Helper()
	for address, port := range map[string]string{b.address(pod): "6379", b.address("shop-redis-sentinel-0"): "26379"} {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(address, port), 5*time.Second)
		if err != nil {
			b.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = conn.Write([]byte("PING\r\n"))
		answer := make([]byte, 16)
		if n, err := conn.Read(answer); err == nil && n > 0 && (answer[0] == '+' || answer[0] == '-') {
			b.Errorf("%s:%s answers in plain text: %q", address, port, answer[:n])
		}
		conn.Close()
	}
}
