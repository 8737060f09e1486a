package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/redis-gitops/redis-gitops/test/e2e/harness"
)

// password of the Redis instances that have one. No command may print it.
const password = "s3cret-of-the-suite"

// has wants texts in the output of a command, which ended with code.
func (b *bench) has(r result, code int, texts ...string) {
	b.Helper()
	b.noPassword(r)
	for _, text := range texts {
		if !strings.Contains(r.stdout+r.stderr, text) {
			b.Errorf("there is no %q", text)
		}
	}
	if r.code != code {
		b.Errorf("exit code %d, want %d", r.code, code)
	}
	if b.Failed() {
		b.Fatal(r)
	}
}

func (b *bench) noPassword(r result) {
	b.Helper()
	for _, secret := range []string{password, nextPassword} {
		if strings.Contains(r.stdout+r.stderr, secret) {
			b.Errorf("the password was printed:\n%s", r)
		}
	}
}

// prints wants a command to end well and print a text, and nothing else, on standard output.
func (b *bench) prints(r result, want string) {
	b.Helper()
	b.noPassword(r)
	if b.ok(r); r.stdout != want+"\n" {
		b.Fatalf("want %q\n%s", want, r)
	}
}

// pokeEvery leaves the sentinels the time to find each other again (they greet every 2 s) before the next check of the operator
// resets those that have not, as the 30 s of a real one do.
const pokeEvery = 4 * time.Second

// poking makes the operator reconcile until stop is called: its own resync is as rare as that of the real one.
func (b *bench) poking(name string) (stop func()) {
	ctx, cancel := context.WithCancel(b.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(pokeEvery):
				if err := cluster.Nudge(ctx, b.namespace, name); err != nil && ctx.Err() == nil {
					b.Error(err)
				}
			}
		}
	}()
	return func() { cancel(); <-done }
}

// documentedRole gives the rules of the Role in docs/rbac.md that all commands need.
func (b *bench) documentedRole() []rbacv1.PolicyRule { return b.documentedRoleOf("redis-gitops") }

// documentedRoleOf returns the rules of a Role in docs/rbac.md, by its name.
func (b *bench) documentedRoleOf(name string) []rbacv1.PolicyRule {
	b.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "rbac.md"))
	b.must(err)
	for _, rest := range strings.Split(string(text), "```yaml\n")[1:] {
		block, _, _ := strings.Cut(rest, "```")
		var role rbacv1.Role
		b.must(yaml.UnmarshalStrict([]byte(block), &role))
		if role.Name == name {
			return role.Rules
		}
	}
	b.Fatalf("docs/rbac.md has no Role %s", name)
	return nil
}

// shop makes a repository whose Redis has a password, and deploys it.
func (b *bench) shop() (dir string) {
	b.Helper()
	b.secret("shop-auth", "password", password)
	dir = b.devopsRepo("--profile", "queue", "--auth", "existing:shop-auth")
	b.deploy(dir)
	return dir
}

// beDeveloper makes all further commands those of a user who has the Role of docs/rbac.md and nothing else.
func (b *bench) beDeveloper() {
	b.Helper()
	user, err := cluster.MakeUser(b.ctx, b.namespace, "developer", b.documentedRole())
	b.must(err)
	b.kubeconfig = user
}

// TestCommands runs every command on a Redis with a password, as a user who has the Role of docs/rbac.md and nothing else.
func TestCommands(t *testing.T) {
	b := newBench(t)
	dir := b.shop()
	b.beDeveloper()
	url := "redis://:$(REDIS_PASSWORD)@shop-redis-master." + b.namespace + ".svc:6379"

	b.prints(b.tool(dir, "url", "shop"), url)
	b.until("the sentinels know each other", func() error { return b.failed(b.tool(dir, "sentinel-url", "shop", "--live")) })
	live := b.tool(dir, "url", "shop", "--live")
	b.prints(live, url)
	b.has(live, 0, "live: master: pod rfr-shop-", "live: sentinels: 3 of 3 report it as master, quorum 2", "live: password: accepted (Secret shop-auth)")
	live = b.tool(dir, "sentinel-url", "shop", "--live")
	b.prints(live, "redis-sentinel://rfs-shop."+b.namespace+".svc:26379/mymaster")
	// Outside of a repository the answer is the same: the context of the kubeconfig has the namespace.
	b.prints(b.tool(b.TempDir(), "url", "shop"), url)

	// Arguments arrive as they are: no shell sees them, and no file matches them.
	files := b.TempDir()
	b.must(os.WriteFile(filepath.Join(files, "a-file"), nil, 0o644))
	for _, key := range []string{"a b", "*", `it's "quoted"`, "$HOME", "`id`;exit", "-x", "Ключ"} {
		value := "value of " + key
		b.prints(b.tool(dir, "cli", "shop", "--", "SET", key, value), "OK")
		b.prints(b.tool(dir, "cli", "shop", "--", "GET", key), value)
	}
	b.prints(b.tool(files, "cli", "shop", "--", "DEL", "*"), "1")
	if keys := b.ok(b.tool(files, "cli", "shop", "--", "KEYS", "*")); len(strings.Fields(keys.stdout)) < 6 || strings.Contains(keys.stdout, "a-file") {
		t.Error(keys)
	}
	b.prints(b.tool(dir, "cli", "shop", "--local", "--", "GET", "a b"), "value of a b")
	b.until("doctor finds nothing", func() error { return b.failed(b.tool(dir, "doctor", "shop")) })
	b.prints(b.tool(dir, "cli", "shop", "--replica", "--", "GET", "a b"), "value of a b")
	b.has(b.tool(dir, "cli", "shop", "--replica", "--", "SET", "a b", "x"), 0, "READONLY")
	b.has(b.tool(dir, "sentinel-cli", "shop", "--", "SENTINEL", "ckquorum", "mymaster"), 0, "OK 3 usable Sentinels")

	primaries := b.tool(b.TempDir(), "primaries")
	b.has(primaries, 0, "shop", "rfr-shop-", "master", "7.0.15", "3 of 3")

	before, err := cluster.Master(b.ctx, b.namespace, "shop")
	b.must(err)
	b.has(b.tool(dir, "failover", "shop", "--dry-run"), 0)
	if now, err := cluster.Master(b.ctx, b.namespace, "shop"); err != nil || now.Name != before.Name {
		t.Errorf("--dry-run has moved the master: %v", err)
	}
	stop := b.poking("shop")
	failover := b.tool(dir, "failover", "shop")
	stop()
	b.has(failover, 0, before.Name)
	t.Log(failover)
	after, err := cluster.Master(b.ctx, b.namespace, "shop")
	b.must(err)
	if after.Name == before.Name {
		t.Error("the master has not changed")
	}
	b.prints(b.tool(dir, "cli", "shop", "--", "GET", "a b"), "value of a b")
	b.until("doctor finds nothing after the failover", func() error { return b.failed(b.tool(dir, "doctor", "shop")) })
}

// failed is an error when a command ended with one.
func (b *bench) failed(r result) error {
	b.noPassword(r)
	if r.code != 0 {
		return exitError(r.String())
	}
	return nil
}

type exitError string

func (e exitError) Error() string { return string(e) }

// TestDenied: who lacks a right reads which.
func TestDenied(t *testing.T) {
	b := newBench(t)
	b.secret("x-auth", "password", password)
	b.apply(failover("x", "x-auth"))
	b.must(cluster.WaitReady(b.ctx, b.namespace, "x"))
	dir := b.TempDir()
	for _, tt := range []struct {
		name, without string
		code          int
		want          string
	}{
		{"nobody", "*", 2, `not permitted to list`},
		{"noports", "pods/portforward", 2, `not permitted to create pods/portforward in namespace "` + b.namespace + `"`},
		{"nosecrets", "secrets", 2, `not permitted to get secrets in namespace "` + b.namespace + `"`},
	} {
		var rules []rbacv1.PolicyRule
		for _, rule := range b.documentedRole() {
			rule.Resources = slices.DeleteFunc(rule.Resources, func(r string) bool { return tt.without == "*" || r == tt.without })
			if len(rule.Resources) > 0 {
				rules = append(rules, rule)
			}
		}
		user, err := cluster.MakeUser(b.ctx, b.namespace, tt.name, rules)
		b.must(err)
		b.kubeconfig = user
		b.has(b.tool(dir, "url", "x", "--live"), tt.code, tt.want, "system:serviceaccount:"+b.namespace+":"+tt.name)
	}
	b.kubeconfig = filepath.Join(dir, "absent")
	b.has(b.tool(dir, "url", "x", "--live"), 2, "no kubeconfig")
	b.kubeconfig = cluster.Kubeconfig()
	b.has(b.tool(dir, "url", "y", "--live", "-n", b.namespace), 2, `no Redis "y"; one of "x"`)
}

// TestFaults makes one fault after the other, with no operator that would heal it meanwhile, and wants the text of each.
func TestFaults(t *testing.T) {
	b := newBenchAlone(t)
	dir := b.shop()
	b.apply(failover("other", "shop-auth"))
	b.must(cluster.WaitReady(b.ctx, b.namespace, "other"))
	run := func(args ...string) result { return b.tool(dir, args...) }
	healthy := func() {
		t.Helper()
		// Not doctor, which reports that the operator is stopped.
		b.until("it can be reached", func() error { return b.failed(run("url", "shop", "--live")) })
	}
	healthy()
	cluster.StopOperator()
	t.Cleanup(func() {
		if err := cluster.StartOperator(); err != nil {
			t.Error(err)
		}
	})
	// says waits until doctor and url --live say what is wrong, which make runs before each try.
	says := func(what string, makeFault func() error, texts ...string) {
		t.Helper()
		b.until(what, func() error {
			if err := makeFault(); err != nil {
				return err
			}
			doctor, live := run("doctor", "shop"), run("url", "shop", "--live")
			for _, r := range []result{doctor, live} {
				b.noPassword(r)
				for _, text := range texts {
					if r.code != 1 || !strings.Contains(r.stdout+r.stderr, text) {
						return exitError("want " + text + "\n" + r.String())
					}
				}
			}
			t.Logf("%s\ndoctor:\n%s\nurl --live:\n%s", what, doctor.stdout, live.stderr)
			return nil
		})
	}
	nothing := func() error { return nil }

	b.setSecret("shop-auth", "another")
	says("a wrong password is told", nothing, `the password in Secret "shop-auth" is refused by rfr-shop-0, rfr-shop-1, rfr-shop-2`)
	b.setSecret("shop-auth", password)
	healthy()

	service := b.takeService("shop-redis-master")
	says("a missing Service is told", nothing, `Service "shop-redis-master" does not exist in namespace "`+b.namespace+`"`)
	b.has(run("cli", "shop", "--", "PING"), 0, "PONG")
	b.putService(service)
	healthy()

	replica := b.replica("shop")
	says("two masters are told", func() error {
		// Sentinel demotes it after a while.
		return b.client(replica.Status.PodIP+":6379", password).SlaveOf(b.ctx, "no", "one").Err()
	}, "masters", replica.Name)
	b.until("sentinels demote the second master", func() error { return b.failed(run("url", "shop", "--live")) })

	foreign, err := cluster.Master(b.ctx, b.namespace, "other")
	b.must(err)
	b.pointSentinels("shop", foreign.Status.PodIP)
	says("sentinels of another Redis are told", nothing, "the sentinels take "+foreign.Status.PodIP+":6379 for the master, which is not a pod of")
	own, err := cluster.Master(b.ctx, b.namespace, "shop")
	b.must(err)
	// The sentinels of both have met at the foreign master and greet each other from then on, so that all have to forget.
	b.pointSentinels("shop", own.Status.PodIP)
	b.pointSentinels("other", foreign.Status.PodIP)
	b.pointSentinels("shop", own.Status.PodIP)
	healthy()

	pid, err := harness.PID(own, "redis")
	b.must(err)
	b.must(harness.Kill(pid))
	says("a killed master is told", nothing, own.Name)

	// The last one: the sentinels of both instances find each other through the replica, and stay together.
	b.until("a replica of another Redis is told", func() error {
		// Sentinels that see it bring it back.
		if err := b.client(replica.Status.PodIP+":6379", password).SlaveOf(b.ctx, foreign.Status.PodIP, "6379").Err(); err != nil {
			return err
		}
		want := fmt.Sprintf("pod %s is a replica of %s:6379, which is not a pod of", replica.Name, foreign.Status.PodIP)
		if r := run("doctor", "shop"); r.code != 1 || !strings.Contains(r.stdout, want) {
			return exitError("want " + want + "\n" + r.String())
		}
		return nil
	})
}

// TestAuthOn: the servers ask for a password that the resource knows nothing of, as after somebody's CONFIG SET.
func TestAuthOn(t *testing.T) {
	b := newBench(t)
	b.apply(failover("x", ""))
	b.must(cluster.WaitReady(b.ctx, b.namespace, "x"))
	b.beDeveloper()
	dir := b.TempDir()
	b.until("it is well", func() error { return b.failed(b.tool(dir, "url", "x", "--live")) })
	for _, p := range b.pods("x") {
		c := b.client(p.Status.PodIP+":6379", "")
		b.must(c.ConfigSet(b.ctx, "requirepass", password).Err())
	}
	for _, args := range [][]string{{"doctor", "x"}, {"url", "x", "--live"}, {"sentinel-url", "x", "--live"}} {
		r := b.tool(dir, args...)
		b.has(r, 1, "a password is required by rfr-x-0, rfr-x-1, rfr-x-2, but RedisFailover "+b.namespace+"/x names no Secret with it")
		if strings.Contains(r.stdout, "it has no password") {
			t.Error(r)
		}
		t.Log(args, r)
	}
	b.has(b.tool(dir, "failover", "x"), 1, "no failover of", "a password is required by")
	b.has(b.tool(dir, "cli", "x", "--", "PING"), 2, "the master of RedisFailover "+b.namespace+"/x is not known: rfr-x-0: it requires a password, and none is known")
}

// TestSwappedAddresses is issue 550 of the operator: a replica of each of two Redis instances without passwords is lost at once, and the
// new pods have each other's address. The sentinels of each take the pod of the other for their replica.
func TestSwappedAddresses(t *testing.T) {
	b := newBenchAlone(t)
	b.apply(failover("aa", "") + "---" + failover("bb", ""))
	ip := map[string]string{}
	var lost []v1.Pod
	for _, name := range []string{"aa", "bb"} {
		b.must(cluster.WaitReady(b.ctx, b.namespace, name))
		lost = append(lost, b.replica(name))
	}
	ip[lost[0].Name], ip[lost[1].Name] = lost[1].Status.PodIP, lost[0].Status.PodIP
	for _, name := range []string{"aa", "bb"} {
		b.until("the sentinels know the replicas of "+name, func() error {
			// Of each pod behind the Service, since each goes by what it knows.
			pods, err := cluster.Pods(b.ctx, b.namespace, harness.Labels(name, "sentinel"))
			for _, p := range pods {
				replicas, failed := b.client(p.Status.PodIP+":26379", "").Do(b.ctx, "SENTINEL", "REPLICAS", "mymaster").Slice()
				if err = errors.Join(err, failed); len(replicas) != 2 {
					err = errors.Join(err, fmt.Errorf("%d replicas", len(replicas)))
				}
			}
			return err
		})
	}
	// It would reset the sentinels, and on a slow machine before anybody has looked.
	cluster.StopOperator()
	t.Cleanup(func() {
		if err := cluster.StartOperator(); err != nil {
			t.Error(err)
		}
	})
	addresses, err := json.Marshal(ip)
	b.must(err)
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{"podrunner/addresses": string(addresses)}}})
	b.must(err)
	_, err = cluster.Client.CoreV1().Namespaces().Patch(b.ctx, b.namespace, types.MergePatchType, patch, metav1.PatchOptions{})
	b.must(err)
	now := int64(0)
	for _, p := range lost {
		b.must(cluster.Client.CoreV1().Pods(b.namespace).Delete(b.ctx, p.Name, metav1.DeleteOptions{GracePeriodSeconds: &now}))
	}
	dir := b.TempDir()
	whole := "RedisFailover " + b.namespace + "/aa"
	says := func(text string, args ...string) {
		t.Helper()
		b.until(args[0]+" says "+text, func() error {
			r := b.tool(dir, append(args, "-n", b.namespace)...)
			if r.code != 1 || !strings.Contains(r.stdout+r.stderr, text) {
				return exitError(r.String())
			}
			return nil
		})
	}
	master, err := cluster.Master(b.ctx, b.namespace, "bb")
	b.must(err)
	counted := "the sentinels count " + lost[0].Status.PodIP + ":6379 as a replica, which is not a pod of " + whole + ": they make the pod of another Redis follow this one; give each Redis its own password"
	says(counted, "doctor", "aa")
	says(counted, "url", "aa", "--live")
	follows := "pod " + lost[0].Name + " is a replica of " + master.Status.PodIP + ":6379, which is not a pod of " + whole + ": its data is that of another Redis; give each Redis its own password"
	says(follows, "doctor", "aa")
	says(follows, "url", "aa", "--live")
	says("no failover of "+whole+":\n", "failover", "aa", "--dry-run")
	says(follows, "failover", "aa", "--dry-run")
}
