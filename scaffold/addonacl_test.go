//go:build linux

package scaffold

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/internal/redistest"
)

// aclConfig returns the ConfigMap of the addon for some clients.
func aclConfig(t *testing.T, clients map[string]any) map[string]string {
	t.Helper()
	r, c := addonShop(t, "spotahome")
	apply(t, r)(PlanAddon(t.Context(), r, c, AddonRequest{App: "shop", Redis: "redis-cache", Kind: "acl", Set: map[string]cue.LayerValue{"clients": {Value: clients}}}))
	maps := ofKind(documentsOf(addonText(t, r, "redis-cache-acl")), "ConfigMap")
	if len(maps) != 1 {
		t.Fatalf("%d ConfigMaps", len(maps))
	}
	return instance.Texts(maps[0]["data"])
}

// aclSetter runs the script of the addon for two servers, with the files that its pods have.
type aclSetter struct {
	dir string
	out redistest.Screen
}

func startACL(t *testing.T, password string, config map[string]string, servers ...*redistest.Server) *aclSetter {
	t.Helper()
	s := &aclSetter{dir: t.TempDir()}
	var hosts []string
	for _, server := range servers {
		hosts = append(hosts, fmt.Sprint("redis:", server.Port))
	}
	script := strings.NewReplacer("/config/", s.dir+"/", "/passwords/", s.dir+"/password-", "/tmp/applied", s.dir+"/applied", "shop-cache-acl-redis:6379", strings.Join(hosts, " ")).Replace(config["redis-cli.sh"])
	if script == config["redis-cli.sh"] || !strings.Contains(script, hosts[0]) {
		t.Fatalf("the script has other names:\n%s", script)
	}
	s.write(t, "set.sh", script)
	s.write(t, "users", config["users"])
	s.write(t, "getent", "#!/bin/sh\necho '127.0.0.1 STREAM redis'\necho '127.0.0.1 DGRAM'\n")
	if err := os.Chmod(filepath.Join(s.dir, "getent"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("sh", filepath.Join(s.dir, "set.sh"))
	c.Env = append(os.Environ(), "PATH="+s.dir+":"+os.Getenv("PATH"), "REDISCLI_AUTH="+password)
	c.Stdout, c.Stderr = &s.out, &s.out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait() // killed
	})
	return s
}

func (s *aclSetter) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestACLUsers runs the script of the addon against a real master and its replica: clients have their commands and keys and no others, on
// both; a new password, a user that is removed, and a server that has forgotten all of them are dealt with; replication goes on, and users of others stay.
func TestACLUsers(t *testing.T) {
	t.Parallel()
	config := aclConfig(t, map[string]any{"shop": "", "report": "%R~shop:* +@read"})
	const password = "of the $default 'user'"
	at := func() string { return fmt.Sprint("127.0.0.1:", redistest.FreePort(t)) }
	master := redistest.StartAt(t, at(), password)
	replica := redistest.StartAt(t, at(), password, "--replicaof", fmt.Sprint("127.0.0.1 ", master.Port))
	do := func(server *redistest.Server, user, login string, args ...string) string {
		c := exec.Command("redis-cli", append([]string{"-p", fmt.Sprint(server.Port), "--user", user, "--no-auth-warning", "--pass", login}, args...)...)
		out, _ := c.CombinedOutput() // an error is in the output
		return strings.TrimSpace(string(out))
	}
	s := startACL(t, password, config, master, replica)
	until := func(what string, holds func() bool) { t.Helper(); redistest.Until(t, what, holds) }
	if got := do(master, "default", password, "ACL", "SETUSER", "pinger", "on", ">ping", "+ping"); got != "OK" {
		t.Fatal(got)
	}
	time.Sleep(300 * time.Millisecond)
	if got := do(master, "default", password, "ACL", "USERS"); strings.Contains(got, "shop") {
		t.Errorf("users without a password: %s", got)
	}
	s.write(t, "password-report", "r3port")
	s.write(t, "password-shop", "first \" one")
	for _, server := range []*redistest.Server{master, replica} {
		until("the users are set", func() bool { return do(server, "shop", "first \" one", "PING") == "PONG" })
	}
	until("applied", func() bool { _, err := os.Stat(filepath.Join(s.dir, "applied")); return err == nil })
	for _, tt := range []struct{ user, login, command, want string }{
		{"shop", "first \" one", "SET shop:1 x", "OK"},
		{"shop", "first \" one", "EVAL return(redis.call('get',KEYS[1])) 1 shop:1", "x"},
		{"shop", "first \" one", "SET other:1 x", "NOPERM"},
		{"shop", "first \" one", "FLUSHALL", "NOPERM"},
		{"shop", "first \" one", "CONFIG GET requirepass", "NOPERM"},
		{"shop", "first \" one", "ACL LIST", "NOPERM"},
		{"shop", "first \" one", "PUBLISH other x", "NOPERM"},
		{"shop", "first \" one", "PUBLISH shop:events x", "0"},
		{"report", "r3port", "GET shop:1", "x"},
		{"report", "r3port", "SET shop:1 y", "NOPERM"},
		{"report", "first \" one", "GET shop:1", "WRONGPASS"},
		{"pinger", "ping", "PING", "PONG"},
	} {
		if got := do(master, tt.user, tt.login, strings.Fields(tt.command)...); got != tt.want && !strings.Contains(got, tt.want) {
			t.Errorf("%s, as %s: %q, want %q", tt.command, tt.user, got, tt.want)
		}
	}
	until("replicated", func() bool { return do(replica, "report", "r3port", "GET", "shop:1") == "x" })
	if got := do(replica, "default", password, "INFO", "replication"); !strings.Contains(got, "master_link_status:up") {
		t.Errorf("replication: %s", got)
	}
	s.write(t, "password-shop", "second")
	until("the password has changed", func() bool {
		return do(replica, "shop", "second", "PING") == "PONG" && strings.Contains(do(master, "shop", "first \" one", "PING"), "WRONGPASS")
	})
	do(master, "default", password, "ACL", "DELUSER", "shop", "report") // as after a restart
	until("they are there again", func() bool {
		return do(master, "report", "r3port", "PING") != "" && do(master, "shop", "second", "PING") == "PONG"
	})
	s.write(t, "users", "shop ~shop:* +get\n")
	until("the user is deleted", func() bool { return strings.Contains(do(master, "report", "r3port", "GET", "shop:1"), "WRONGPASS") })
	if got := do(master, "pinger", "ping", "PING"); got != "PONG" {
		t.Errorf("the user of others: %s", got)
	}
	s.write(t, "users", "shop ~shop:* +nonsense\n")
	time.Sleep(2500 * time.Millisecond)
	if got := do(master, "shop", "second", "GET", "shop:1"); got != "x" {
		t.Errorf("a wrong rule has changed the user: %s", got)
	}
	if out := s.out.String(); !strings.Contains(out, "the Secret has no password of shop") || !strings.Contains(out, "all pods have the users") || !strings.Contains(out, "Unknown command or category name in ACL") ||
		strings.Contains(out, "second") || strings.Contains(out, "r3port") {
		t.Errorf("it printed\n%s", out)
	}
}

// TestACLValues refuses what is no rule, and everything that could hold a password.
func TestACLValues(t *testing.T) {
	t.Parallel()
	r, c := addonShop(t, "spotahome")
	for user, tt := range map[string]struct{ rules, want string }{
		"default": {"", `"default" is not a user`},
		"Web":     {"", `"Web" is not a user`},
		"a":       {"~* >secret +get", `the rules of "a" are not key patterns`},
		"b":       {"nopass ~*", `the rules of "b" are not`},
		"c":       {"~* #0123", `the rules of "c" are not`},
		"d":       {"~* $(id)", `the rules of "d" are not`},
		"e":       {"~* (+get ~x)", `the rules of "e" are not`},
		"f":       {"%RW~web:* %R~conf:* &web:* resetkeys ~x:{1}:* +@all -@dangerous +client|setname", ""},
	} {
		req := AddonRequest{App: "shop", Redis: "redis-cache", Kind: "acl", Set: map[string]cue.LayerValue{"clients": {Value: map[string]any{user: tt.rules}}}}
		if _, err := PlanAddon(t.Context(), r, c, req); tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s %q: %v", user, tt.rules, err)
		}
	}
	req := AddonRequest{App: "shop", Redis: "redis-cache", Kind: "acl", Set: map[string]cue.LayerValue{"clients": {Value: map[string]any{}}, "caSecret": {Value: "ca"}}}
	if _, err := PlanAddon(t.Context(), r, c, req); err == nil || !strings.Contains(err.Error(), "clients: is empty") || !strings.Contains(err.Error(), "caSecret: is set, but the Redis has no TLS") {
		t.Errorf("%v", err)
	}
}

// TestACLNotes: whoever adds users reads when pods that start have them, and what the form of the operator itself lacks.
func TestACLNotes(t *testing.T) {
	t.Parallel()
	later := "has the users about two seconds later"
	for _, tt := range []struct {
		operator, secret string
		want             []string
	}{
		{"statefulset", "", []string{"before it accepts clients"}},
		{"statefulset", "other", []string{`read the Secret "shop-cache-redis-acl" when they start, and not "other"`}},
		{"spotahome", "", []string{later}},
		{"opstree", "", []string{later, "spec.acl.secret of OpsTree is not used"}},
		{"kubedb", "", []string{later, "spec.configuration.acl of KubeDB"}},
	} {
		r, c := addonShop(t, tt.operator)
		req := AddonRequest{App: "shop", Redis: "redis-cache", Kind: "acl"}
		if tt.secret != "" {
			req.Set = map[string]cue.LayerValue{"secret": {Value: tt.secret}}
		}
		p, err := PlanAddon(t.Context(), r, c, req)
		if err != nil {
			t.Fatal(err)
		}
		notes := strings.Join(p.Notes, "\n")
		for _, want := range tt.want {
			if !strings.Contains(notes, want) {
				t.Errorf("%s %q: no %q in\n%s", tt.operator, tt.secret, want, notes)
			}
		}
		if early := strings.Contains(notes, "before it accepts"); early != (tt.operator == "statefulset" && tt.secret == "") {
			t.Errorf("%s %q:\n%s", tt.operator, tt.secret, notes)
		}
	}
}

// TestUsersAtStart: a pod of the template without an operator has the users of the addon with its first answer, also a restarted one with
// other rules, and the master after a failover. A user that Redis refuses does not keep it from starting.
func TestUsersAtStart(t *testing.T) {
	t.Parallel()
	needsRedis(t)
	b := newBench(t, 4, false)
	redisPods := []string{"shop-redis-a-0", "shop-redis-b-0", "shop-redis-c-0"}
	const password = "of the 'web'"
	b.startSentinels()
	users := aclConfig(t, map[string]any{"web": "", "gone": ""})["users"]
	for _, pod := range redisPods {
		b.prepare(pod)
		b.file(pod+"/users/users", users, 0o600)
		b.file(pod+"/passwords/web", password, 0o600)
		answer := b.firstAnswer(pod, password)
		b.start(pod, "redis.sh", b.args...)
		b.start(pod, "role.sh")
		if got := <-answer; got != "+OK" {
			t.Errorf("the first answer of %s: %q", pod, got)
		}
	}
	as := func(pod, command string) string {
		c := exec.Command(filepath.Join(b.dir, pod, "bin", "redis-cli"), append([]string{"--user", "web", "--no-auth-warning", "--pass", password}, strings.Fields(command)...)...)
		out, _ := c.CombinedOutput() // an error is in the output
		return strings.TrimSpace(string(out))
	}
	first := b.master("")
	for command, want := range map[string]string{"SET web:1 x": "OK", "SET other x": "NOPERM", "ACL LIST": "NOPERM"} {
		if got := as(first, command); got != want && !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
	if got := b.cli(first, "wait", "2", "5000"); got != "2" {
		t.Fatalf("%s replicas have the write", got)
	}

	// The master crashes, and starts again with other rules.
	b.file(first+"/users/users", "bad ~* +nonsense\nweb ~web:* +get\ndefault nopass ~*\n", 0o600)
	b.file(first+"/passwords/bad", "p", 0o600)
	b.file(first+"/passwords/default", "p", 0o600)
	b.pods[first+"/redis.sh"].kill()
	answer := b.firstAnswer(first, password)
	again := b.start(first, "redis.sh", b.args...)
	if got := <-answer; got != "+OK" {
		t.Errorf("the first answer after the restart: %q", got)
	}
	second := b.master(first)
	if got := as(second, "SET web:1 y"); got != "OK" {
		t.Errorf("on the new master: %q", got)
	}
	if got := as(first, "GET web:1"); got != "x" && got != "y" {
		t.Errorf("with the new rules: %q", got)
	}
	if got := as(first, "STRLEN web:1"); !strings.Contains(got, "NOPERM") {
		t.Errorf("beyond the new rules: %q", got)
	}
	if got := b.cli(first, "acl", "list"); strings.Contains(got, "user bad ") || strings.Contains(got, "nopass") || strings.Count(got, "\n") != 1 {
		t.Errorf("users after the restart:\n%s", got)
	}
	if out := again.output.String(); !strings.Contains(out, "bad: ERR ") || regexp.MustCompile("[0-9a-f]{40}.*reset").MatchString(out) || strings.Contains(out, password) {
		t.Errorf("it printed\n%s", out)
	}
}

// firstAnswer sends what a Redis answers first, once it does, to a client that logs in as web.
func (b *bench) firstAnswer(pod, password string) <-chan string {
	answer := make(chan string, 1)
	go func() {
		for range 6000 {
			conn, err := net.Dial("tcp", b.address(pod)+":6379")
			if err != nil {
				time.Sleep(10 * time.Millisecond)
				continue
			}
			_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
			_, _ = fmt.Fprintf(conn, "AUTH web %q\r\n", password)
			line, _ := bufio.NewReader(conn).ReadString('\n')
			conn.Close()
			answer <- strings.TrimSpace(line)
			return
		}
		answer <- "none within a minute"
	}()
	return answer
}
