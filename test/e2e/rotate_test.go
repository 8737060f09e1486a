package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/redis/go-redis/v9"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/redis-gitops/redis-gitops/test/e2e/harness"
)

// nextPassword is the one that a rotation moves to. No command may print it.
const nextPassword = "an0ther-of-the-suite"

// A rotation takes the Redis of a repository from one password to another, while clients log in.
type rotation struct {
	*changed
	logins *logins
	log    string // the folder with what the workers write
}

// TestRotate takes a Redis through all stages of docs/rotating.md, with a failover and a lost pod in between: no client is refused, the
// sentinels keep their master, and in the end no server accepts the old password.
func TestRotate(t *testing.T) {
	b := newBench(t)
	b.secret("shop-auth", "password", password)
	dir := b.devopsRepo("--profile", "queue", "--auth", "existing:shop-auth")
	r := &rotation{changed: &changed{bench: b, dir: dir, name: "shop"}, log: b.TempDir()}
	r.employ()
	b.deploy(dir)
	r.logins = b.logIn(harness.Labels("shop", "redis"))
	b.beDeveloper()
	r.steady()
	r.goesOn("before the rotation")

	r.add()
	r.refusesToAccept()
	r.accept()
	r.failOver()
	r.losePod()
	r.moveClients()
	r.moveRedis()
	r.refuseOld()
	r.remove()

	r.logins.stop()
	b.moved(b.pods("shop"))
	b.until("doctor finds nothing", func() error { return b.failed(b.tool(dir, "doctor", "shop")) })
}

// moved wants servers to accept the new password alone.
func (b *bench) moved(pods []v1.Pod) {
	b.Helper()
	if len(pods) != 3 {
		b.Errorf("%d pods", len(pods))
	}
	for _, p := range pods {
		for _, tt := range []struct{ password, want string }{{password, "-WRONGPASS"}, {nextPassword, "+OK"}} {
			if answer, err := login(b.ctx, p.Status.PodIP, tt.password); err != nil || !strings.HasPrefix(answer, tt.want) {
				b.Errorf("%s answers %q, %v; want %s", p.Name, answer, err, tt.want)
			}
		}
	}
}

// TestRotateStatefulSet is a rotation without an operator: Kubernetes restarts servers and sentinels at the same time in stage 4, and those
// that wait for their turn have the old password, those that have restarted the new one.
func TestRotateStatefulSet(t *testing.T) {
	b := newBench(t)
	b.secret("shop-secret", "password", password)
	dir := b.withoutOperator("--profile", "queue", "--auth", "existing:shop-secret")
	rotate := func(args ...string) result {
		t.Helper()
		r := b.tool(dir, append([]string{"rotate", "shop", "redis"}, args...)...)
		b.noPassword(r)
		return r
	}
	master := b.settled(password, "shop-redis", "a", "b", "c")
	const servers = "redis-gitops.io/redis=shop-redis"
	logins := b.logIn(servers)
	b.until("the sentinels know each other", func() error { return b.failed(b.tool(dir, "sentinel-url", "shop-redis", "--live")) })
	w := b.write(password)
	b.kept(w, master, password, 0)
	w.stop()

	b.has(rotate("--stage", "1"), 0, `create the Secret "shop-secret-2"`)
	b.secret("shop-secret-2", "password", nextPassword)
	b.has(rotate("--stage", "2", "--yes"), 0, "pod shop-redis-a-0 accepts the new password too", "sentinel shop-redis-sentinel-2 accepts the new password too", "sentinel shop-redis-sentinel-0 uses the new password")
	logins.use(password, nextPassword)
	w = b.write(nextPassword)
	n := b.kept(w, master, nextPassword, 0)
	b.has(rotate("--stage", "3"), 0)
	logins.use(nextPassword)
	b.has(rotate("--verify-stage", "4"), 0)
	b.has(rotate("--stage", "4"), 0)
	began := time.Now()
	b.render(dir)
	master = b.settled(nextPassword, "shop-redis", "a", "b", "c")
	t.Logf("a rolling restart of three takes %s", time.Since(began).Round(time.Second))
	b.until("stage 5 may begin", func() error { return b.failed(rotate("--verify-stage", "5")) })
	t.Logf("all sentinels have restarted after %s", time.Since(began).Round(time.Second))
	t.Log(rotate("--verify-stage", "5").stdout)
	n = b.kept(w, master, nextPassword, n)

	b.has(rotate("--stage", "5", "--yes"), 0, "pod shop-redis-b-0 refuses the old password", "sentinel shop-redis-sentinel-1 refuses the old password")
	b.has(rotate("--verify-stage", "6"), 0, "stage 6 may begin")
	b.has(rotate("--stage", "6"), 0, "the rotation is complete")
	b.render(dir)
	b.must(cluster.Client.CoreV1().Secrets(b.namespace).Delete(b.ctx, "shop-secret", metav1.DeleteOptions{}))
	b.kept(w, master, nextPassword, n)
	w.stop()
	logins.stop()
	if count, refused := logins.read(); refused != "" || count < 100 {
		t.Errorf("%d logins, refused: %s", count, refused)
	}
	list, err := cluster.Pods(b.ctx, b.namespace, servers)
	b.must(err)
	b.moved(list)
	b.until("doctor finds nothing wrong", func() error { return b.failed(b.tool(dir, "doctor", "shop-redis", "-n", b.namespace)) })
}

// add is stage 1: the new Secret, which a person creates.
func (r *rotation) add() {
	r.Helper()
	r.has(r.rotate(), 0, "STAGE", "live", `add the Secret "shop-auth-2" with a new password`, "clients that use the old Secret: applications/shop/values.yaml", "- redis-gitops rotate shop redis --stage 1")
	r.stages("next pending pending pending pending pending")
	for _, args := range [][]string{{"--stage", "2", "--yes"}, {"--verify-stage", "4"}} {
		r.has(r.rotate(args...), 2, "stage 1 comes first")
	}
	r.has(r.rotate("--stage", "1", "--dry-run"), 0, "+  to: shop-auth-2")
	r.stages("next pending pending pending pending pending")
	r.has(r.rotate("--stage", "1"), 0, `create the Secret "shop-auth-2" with a new password under the key "password" in namespace "`+r.namespace+`"`)
	r.merge("stage 1")
	r.stages("done next pending pending pending pending")
	// Before it is there.
	r.has(r.rotate("--stage", "2", "--yes"), 1, "the new password is not known")
	r.secret("shop-auth-2", "password", nextPassword)
}

// refusesToAccept is all that stage 2 and those after it say before they change anything.
func (r *rotation) refusesToAccept() {
	r.Helper()
	untouched := map[string]int{"rfr the old password": 3, "rfs no password": 3}
	early := r.rotate("--verify-stage", "4")
	r.has(early, 1, "pod rfr-shop-0 does not accept the new password; run stage 2 again", "pod rfr-shop-2 does not accept", `the old Secret "shop-auth" is still in pods worker-`)
	r.table(early, untouched)
	if now := r.accepted(r.rotate("--verify-stage", "4", "-o", "json"), 1); !now.all(true, false) {
		r.Fatalf("before stage 2, %+v", now)
	}
	r.has(r.rotate("--stage", "5", "--yes"), 1, "pod rfr-shop-1 does not accept the new password", `the old Secret "shop-auth" is still in pods rfr-shop-0, rfr-shop-1, rfr-shop-2 of this Redis`)

	for _, args := range [][]string{{"--verify-stage", "2"}, {"--stage", "2", "--dry-run"}} {
		out := r.rotate(args...)
		r.has(out, 0, "make the servers and sentinels accept both passwords", "pods with the old Secret: worker-")
		r.table(out, untouched)
	}
	r.has(r.rotate("--stage", "2"), 2, "would make the servers and sentinels accept both passwords; add --yes to confirm (no terminal to prompt)")
	said := r.answer("n", "rotate", "shop", "redis", "--stage", "2")
	r.has(said, 2, "This will make the servers and sentinels accept both passwords. Continue? [y/N] ", "canceled; nothing was changed")
	r.table(said, untouched)
	now := r.accepted(r.rotate("--verify-stage", "2", "-o", "json"), 0)
	if len(now.Users) != 2 || !now.all(true, false) {
		r.Fatalf("after all that was refused, %+v", now)
	}
}

// accept is stage 2, which may be run again.
func (r *rotation) accept() {
	r.Helper()
	out := r.rotate("--stage", "2", "--yes")
	r.has(out, 0, "pod rfr-shop-0 accepts the new password too", "pod rfr-shop-2 authenticates to its master with the new password", "uses the new password", "- at once: redis-gitops rotate shop redis --stage 3")
	r.table(out, map[string]int{"rfr the old password": 3, "rfr both passwords": 3, "rfs no password": 6})
	r.steps(out, 3, 3)
	r.logins.use(password, nextPassword)
	again := r.rotate("--stage", "2", "--yes", "-o", "json")
	if now := r.accepted(again, 0); !now.all(true, true) || len(now.Users) != 2 {
		r.Fatalf("after stage 2, %+v", now)
	}
	r.steps(again, 0, 3)
	r.goesOn("after stage 2")
}

// failOver changes the master between two stages. The operator gives sentinels that it finds behind the old password.
func (r *rotation) failOver() {
	r.Helper()
	before, err := cluster.Master(r.ctx, r.namespace, "shop")
	r.must(err)
	r.until("it can fail over", func() error { return r.failed(r.tool(r.dir, "failover", "shop", "--dry-run")) })
	stop := r.poking("shop")
	moved := r.tool(r.dir, "failover", "shop")
	stop()
	r.has(moved, 0, before.Name)
	r.steady()
	out := r.rotate("--stage", "2", "--yes")
	r.has(out, 0)
	r.steps(out, 0, 3)
	r.goesOn("after a failover")
}

// losePod restarts a replica: it starts with the old password alone, and stage 2 is run again.
func (r *rotation) losePod() {
	r.Helper()
	r.logins.use(password) // until then
	lost := r.replica("shop")
	r.must(cluster.Client.CoreV1().Pods(r.namespace).Delete(r.ctx, lost.Name, metav1.DeleteOptions{}))
	r.until(lost.Name+" is there again", func() error {
		if uid := r.pods("redis")[lost.Name]; uid == "" || uid == string(lost.UID) {
			return errors.New("it is not yet")
		}
		// Not the sentinels, which have the new password.
		return errors.Join(r.gently(), cluster.Ready(r.ctx, r.namespace, "shop"), r.replicated())
	})
	early := r.rotate("--verify-stage", "3")
	r.has(early, 1, "pod "+lost.Name+" does not accept the new password; run stage 2 again")
	r.table(early, map[string]int{"rfr the old password": 1, "rfr both passwords": 2, "rfs no password": 3})
	out := r.rotate("--stage", "2", "--yes")
	r.has(out, 0, "pod "+lost.Name+" accepts the new password too")
	r.steps(out, 1, 3)
	r.steady()
	r.has(r.rotate("--verify-stage", "3"), 0, "stage 3 may begin: point the clients to the new Secret")
	r.logins.use(password, nextPassword)
	r.goesOn("after the loss of " + lost.Name)
}

// moveClients is stage 3: the workers restart, and have the new Secret.
func (r *rotation) moveClients() {
	r.Helper()
	r.has(r.rotate("--verify-stage", "4"), 1, `the old Secret "shop-auth" is still in pods worker-`)
	r.has(r.rotate("--stage", "4"), 2, "stage 3 comes first: point the clients to the new Secret")
	r.has(r.rotate("--stage", "3"), 0, "update applications/shop/values.yaml")
	r.merge("stage 3")
	r.stages("done done done next pending pending")
	r.until("the workers have the new Secret", func() error { return r.failed(r.rotate("--verify-stage", "4")) })
	r.goesOn("after stage 3")
}

// moveRedis is stage 4: the operator uses the new password, and all pods restart with it.
func (r *rotation) moveRedis() {
	r.Helper()
	r.has(r.rotate("--verify-stage", "4"), 0, "stage 4 may begin: point the Redis to the new Secret")
	r.has(r.rotate("--stage", "4"), 0, "update applications/shop/values.yaml")
	r.logins.use(nextPassword) // which clients alone use by now
	before, began := r.pods("redis"), time.Now()
	// In Git, and not in the cluster.
	r.has(r.rotate("--verify-stage", "5"), 1, `the old Secret "shop-auth" is still in pods rfr-shop-0, rfr-shop-1, rfr-shop-2 of this Redis; wait until they have restarted`)
	r.merge("stage 4")
	r.has(r.tool(r.dir, "diff", "HEAD~1", "HEAD"), 0, "auth/rotation-needs-plan")
	r.until("all pods restart", func() error {
		return errors.Join(r.gently(), cluster.Ready(r.ctx, r.namespace, "shop"), replaced(before, r.pods("redis")))
	})
	r.Logf("all pods have restarted after %s", time.Since(began).Round(time.Second))
	r.steady()
	r.stages("done done done done next pending")
	r.goesOn("after stage 4")
}

// refuseOld is stage 5. The operator restarted all pods, so it has nothing to change but verifies.
func (r *rotation) refuseOld() {
	r.Helper()
	r.until("stage 5 may begin", func() error { return r.failed(r.rotate("--verify-stage", "5")) })
	out := r.rotate("--stage", "5", "--yes", "-o", "json")
	if now := r.accepted(out, 0); !now.all(false, true) || len(now.Users) != 0 {
		r.Fatalf("after stage 5, %+v", now)
	}
	r.has(out, 0, "pod rfr-shop-0 refuses the old password", "pod rfr-shop-1 refuses the old password", "pod rfr-shop-2 refuses the old password")
	r.table(r.rotate("--verify-stage", "6"), map[string]int{"rfr the new password": 3, "rfs no password": 3})
}

// remove is stage 6.
func (r *rotation) remove() {
	r.Helper()
	r.has(r.rotate("--verify-stage", "6"), 0, `stage 6 may begin: remove the Secret "shop-auth"`)
	r.has(r.rotate("--stage", "6"), 0, "the rotation is complete")
	r.merge("stage 6")
	r.stages("next pending pending pending pending pending")
	r.must(cluster.Client.CoreV1().Secrets(r.namespace).Delete(r.ctx, "shop-auth", metav1.DeleteOptions{}))
	r.must(cluster.Poke(r.ctx, r.namespace, "shop"))
	r.has(r.tool(r.dir, "url", "shop", "--live"), 0, "password: accepted (Secret shop-auth-2)")
	r.steady()
	r.goesOn("after stage 6")
}

// rotate runs the command.
func (r *rotation) rotate(args ...string) result {
	r.Helper()
	return r.tool(r.dir, append([]string{"rotate", "shop", "redis"}, args...)...)
}

// merge commits a stage and applies it, as Argo CD does.
func (r *rotation) merge(message string) {
	r.Helper()
	r.git(r.dir, "add", "-A")
	r.git(r.dir, "commit", "-q", "-m", message)
	r.render(r.dir)
}

// stages wants the stages to be in these states, by the files.
func (r *rotation) stages(want string) {
	r.Helper()
	out := r.ok(r.rotate("-o", "json"))
	r.noPassword(out)
	var list struct{ Stages []struct{ State string } }
	r.must(json.Unmarshal([]byte(out.stdout), &list))
	var states []string
	for _, s := range list.Stages {
		states = append(states, s.State)
	}
	if got := strings.Join(states, " "); got != want {
		r.Fatalf("the stages are %q, want %q", got, want)
	}
}

// table wants rows about servers and sentinels, by what they accept.
func (r *rotation) table(out result, want map[string]int) {
	r.Helper()
	got := map[string]int{}
	for line := range strings.Lines(out.stdout) {
		if f := strings.Fields(line); len(f) > 3 && (strings.HasPrefix(f[0], "rfr-shop-") || strings.HasPrefix(f[0], "rfs-shop-")) {
			got[f[0][:3]+" "+strings.Join(f[2:], " ")]++
		}
	}
	if !maps.Equal(got, want) {
		r.Fatalf("the tables have %v, want %v\n%s", got, want, out)
	}
}

// steps wants so many servers to have been changed, and sentinels.
func (r *rotation) steps(out result, servers, sentinels int) {
	r.Helper()
	for text, want := range map[string]int{
		" accepts the new password too\n": servers, " authenticates to its master with the new password\n": servers, " uses the new password\n": sentinels,
	} {
		if n := strings.Count(out.stderr, text); n != want {
			r.Errorf("%d times %q, want %d\n%s", n, strings.TrimSpace(text), want, out)
		}
	}
}

// acceptance is the JSON of what servers and sentinels accept.
type acceptance struct {
	Servers, Sentinels []struct {
		Pod, Version string
		Old, New     bool
	}
	Users []string
}

// accepted reads the one document that a command has printed.
func (r *rotation) accepted(out result, code int) (a acceptance) {
	r.Helper()
	r.has(out, code)
	if err := json.Unmarshal([]byte(out.stdout), &a); err != nil {
		r.Fatal(err, out)
	}
	return a
}

// all reports whether there are three servers which accept these passwords, and three sentinels without one.
func (a acceptance) all(before, after bool) bool {
	for _, s := range a.Servers {
		if s.Old != before || s.New != after || s.Version == "" {
			return false
		}
	}
	for _, s := range a.Sentinels {
		if s.Old || s.New {
			return false
		}
	}
	return len(a.Servers) == 3 && len(a.Sentinels) == 3
}

// answer runs a command on a terminal, and answers its question.
func (r *rotation) answer(text string, args ...string) result {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(cluster.Bin, "redis-gitops"), args...)
	cmd.Dir, cmd.Env = r.dir, append(os.Environ(), "KUBECONFIG="+r.kubeconfig, "NO_COLOR=1")
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 50, Cols: 200})
	r.must(err)
	defer terminal.Close()
	var shown screen
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(&shown, terminal) // until the program ends
	}()
	r.until("it asks", func() error { return shown.shows("[y/N] ") })
	_, err = io.WriteString(terminal, text+"\r")
	r.must(err)
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		r.Fatal(err)
	}
	<-copied
	return result{stdout: shown.text.String(), code: cmd.ProcessState.ExitCode()}
}

// steady waits until servers and sentinels are well.
func (r *rotation) steady() {
	r.Helper()
	r.until("the sentinels know the master and its replicas", func() error {
		err := errors.Join(r.known(), r.replicated(), cluster.Ready(r.ctx, r.namespace, "shop"))
		if err != nil {
			err = errors.Join(err, r.gently()) // the operator makes sentinels forget the addresses of before
		}
		return err
	})
}

// replicated wants two replicas in sync, which have logged in to the master.
func (r *rotation) replicated() error {
	master, err := cluster.Master(r.ctx, r.namespace, "shop")
	if err != nil {
		return err
	}
	for _, word := range []string{password, nextPassword} {
		c := r.client(master.Status.PodIP+":6379", word)
		var info string
		info, err = c.Info(r.ctx, "replication").Result()
		_ = c.Close()
		if err == nil {
			if n := strings.Count(info, "state=online"); n != 2 {
				err = fmt.Errorf("%s has %d replicas in sync", master.Name, n)
			}
			return err
		}
	}
	return err
}

// known wants each sentinel to see the master and its replicas, for which it has to log in to them.
func (r *rotation) known() error {
	master, err := cluster.Master(r.ctx, r.namespace, "shop")
	if err != nil {
		return err
	}
	list, err := cluster.Pods(r.ctx, r.namespace, harness.Labels("shop", "sentinel"))
	if err != nil {
		return err
	}
	for _, p := range list {
		if err := r.watches(p, master); err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	return nil
}

func (r *rotation) watches(p v1.Pod, master *v1.Pod) error {
	c := redis.NewSentinelClient(&redis.Options{Addr: p.Status.PodIP + ":26379", DialTimeout: 2 * time.Second})
	defer c.Close()
	of, err := c.Master(r.ctx, "mymaster").Result()
	if err != nil {
		return err
	}
	replicas, err := c.Replicas(r.ctx, "mymaster").Result()
	if err != nil {
		return err
	}
	if of["ip"] != master.Status.PodIP || of["flags"] != "master" || len(replicas) != 2 {
		return fmt.Errorf("it has the master %s (%s) with %d replicas, not %s", of["ip"], of["flags"], len(replicas), master.Status.PodIP)
	}
	for _, replica := range replicas {
		if replica["flags"] != "slave" || replica["master-link-status"] != "ok" {
			return fmt.Errorf("the replica %s is %s, its link %s", replica["ip"], replica["flags"], replica["master-link-status"])
		}
	}
	return nil
}

// employ adds clients to the chart: pods that write through the Service with the password of their environment, a connection for each number.
func (r *rotation) employ() {
	r.Helper()
	text := fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: { name: worker }
spec:
  replicas: 2
  selector: { matchLabels: { app: worker } }
  template:
    metadata: { labels: { app: worker } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: worker
          image: worker:test
          command: ["sh", "-c", "exec > /log/$HOSTNAME 2>&1; export REDISCLI_AUTH=$REDIS_PASSWORD; while sleep 0.3; do timeout 5 redis-cli -h shop-redis-master.%s.svc incr worker; done"]
          env: {{ toJson .Values.env }}
          volumeMounts: [{ name: log, mountPath: /log }]
      volumes: [{ name: log, hostPath: { path: %s } }]
`, r.namespace, r.log)
	r.must(os.WriteFile(filepath.Join(r.dir, "applications", "shop", "templates", "worker.yaml"), []byte(text), 0o644))
	r.git(r.dir, "add", "-A")
	r.git(r.dir, "commit", "-q", "-m", "shop has workers")
}

// worked returns how many numbers all workers have written, and the first time that one was refused.
func (r *rotation) worked() (numbers int, refused string) {
	r.Helper()
	files, err := filepath.Glob(filepath.Join(r.log, "*"))
	r.must(err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		r.must(err)
		for line := range strings.Lines(string(text)) {
			if _, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
				numbers++
			}
			if refused == "" && slices.ContainsFunc([]string{"AUTH failed", "WRONGPASS", "NOAUTH"}, func(word string) bool { return strings.Contains(line, word) }) {
				refused = filepath.Base(file) + ": " + line
			}
		}
	}
	return numbers, refused
}

// goesOn waits until workers write and logins succeed, and wants that none was refused so far.
func (r *rotation) goesOn(when string) {
	r.Helper()
	was, _ := r.worked()
	logins, _ := r.logins.read()
	r.until("the clients go on "+when, func() error {
		numbers, refused := r.worked()
		n, other := r.logins.read()
		if refused += other; refused != "" {
			r.Fatalf("%s, a client was refused: %s", when, refused)
		}
		if numbers < was+5 || n < logins+5 {
			return fmt.Errorf("%d numbers, were %d; %d logins, were %d", numbers, was, n, logins)
		}
		return nil
	})
	numbers, _ := r.worked()
	n, _ := r.logins.read()
	r.Logf("%s: %d numbers and %d logins, none refused", when, numbers, n)
}

// logins go to all running servers all the time, and count those that are refused.
type logins struct {
	mu        sync.Mutex
	passwords []string // that all must accept
	count     int
	refused   string // the first time
	stop      func()
}

func (l *logins) read() (count int, refused string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count, l.refused
}

// use changes the passwords, when the login with one of them has ended.
func (l *logins) use(passwords ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.passwords = passwords
}

func (l *logins) try(ctx context.Context, p v1.Pod) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, password := range l.passwords {
		switch answer, err := login(ctx, p.Status.PodIP, password); {
		case err != nil: // it is starting, or has ended
		case answer == "+OK":
			l.count++
		case l.refused == "":
			l.refused = fmt.Sprintf("%s answers %q to password %d of %d", p.Name, answer, 1+slices.Index(l.passwords, password), len(l.passwords))
		}
	}
}

// logIn begins to log in with the old password, to the pods with these labels.
func (b *bench) logIn(selector string) *logins {
	b.Helper()
	ctx, cancel := context.WithCancel(b.ctx)
	done := make(chan struct{})
	l := &logins{passwords: []string{password}, stop: sync.OnceFunc(func() { cancel(); <-done })}
	b.Cleanup(l.stop)
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			list, err := cluster.Pods(ctx, b.namespace, selector)
			if err != nil && ctx.Err() == nil {
				b.Error(err)
				return
			}
			for _, p := range list {
				if p.Status.Phase == v1.PodRunning && p.Status.PodIP != "" {
					l.try(ctx, p)
				}
			}
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	}()
	return l
}

// login returns the answer of a server to AUTH, on a connection of its own.
func login(ctx context.Context, ip, password string) (string, error) {
	conn, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "tcp", net.JoinHostPort(ip, "6379"))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(conn, "AUTH %s\r\n", password); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(answer), err
}
