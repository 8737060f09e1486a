package clientcheck

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.yaml.in/yaml/v3"
)

// A language runs printed code in a program that writes a counter until it is ended, and prints "ok N" for each number that
// was written, and "error …" for each that was not. The programs are in the folder programs; test/e2e runs them too.
type language struct {
	format  string
	command func(t *testing.T, file string) *exec.Cmd
	ext     string
}

var languages = []language{
	{"go", func(t *testing.T, file string) *exec.Cmd {
		// Built and then run, so that ending the program ends it.
		binary := filepath.Join(t.TempDir(), "client")
		if out, err := exec.Command("go", "build", "-o", binary, file).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return exec.Command(binary)
	}, ".go"},
	{"node", func(t *testing.T, file string) *exec.Cmd {
		c := exec.Command("node", file)
		modules, err := filepath.Abs("node_modules")
		if err != nil {
			t.Fatal(err)
		}
		c.Env = append(os.Environ(), "NODE_PATH="+modules)
		return c
	}, ".js"},
	{"python", func(_ *testing.T, file string) *exec.Cmd { return exec.Command(python(), file) }, ".py"},
	{"rails", func(_ *testing.T, file string) *exec.Cmd { return exec.Command("ruby", file) }, ".rb"},
	{"sidekiq", func(_ *testing.T, file string) *exec.Cmd { return exec.Command("ruby", file) }, ".rb"},
}

// python returns a Python that has redis-py: Debian's package belongs to Debian's Python.
func python() string {
	if exec.Command("python3", "-c", "import redis").Run() == nil {
		return "python3"
	}
	return "/usr/bin/python3"
}

// available reports whether the client library of a format is installed here.
func available(format string) bool {
	switch format {
	case "node":
		if _, err := os.Stat(filepath.Join("node_modules", "ioredis")); err != nil {
			return false
		}
		_, err := exec.LookPath("node")
		return err == nil
	case "python":
		return exec.Command(python(), "-c", "import redis").Run() == nil
	case "rails":
		return exec.Command("ruby", "-e", "require 'redis'").Run() == nil
	case "sidekiq":
		return exec.Command("ruby", "-e", "require 'sidekiq'").Run() == nil
	}
	return true
}

// manifests are a replication with three sentinels of their own, the one kind whose sentinels have hosts each.
const manifests = `apiVersion: redis.redis.opstreelabs.in/v1beta2
kind: RedisReplication
metadata: {name: shop, namespace: default}
spec: {clusterSize: 2, kubernetesConfig: {%s}}
---
apiVersion: redis.redis.opstreelabs.in/v1beta2
kind: RedisSentinel
metadata: {name: shop, namespace: default}
spec: {clusterSize: 3, redisSentinelConfig: {redisReplicationName: shop, masterGroupName: mymaster}, kubernetesConfig: {%s}}
`

// print returns what the tool prints for the group, with the addresses of its processes in the place of those of Services.
func (g *group) print(t *testing.T, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	secret := func(password, name string) string {
		if password == "" {
			return ""
		}
		return "redisSecret: {name: " + name + ", key: password}"
	}
	text := fmt.Sprintf(manifests, secret(g.password, "shop"), secret(g.sentinelPassword, "shop-sentinel"))
	for name, text := range map[string]string{".redis-gitops.yaml": "", "redis.yaml": text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var stderr strings.Builder
	c := exec.Command(tool(t), append([]string{"-q", "-C", dir}, args...)...)
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	printed := local(string(out), "shop-master.default.svc", 6379, g.redises[0])
	for i, port := range g.sentinels {
		printed = local(printed, fmt.Sprintf("shop-sentinel-%d.shop-sentinel-headless.default.svc", i), 26379, port)
	}
	if strings.Contains(printed, ".svc") {
		t.Fatalf("a host is left in\n%s", printed)
	}
	return printed
}

// local puts a process on loopback in the place of a Service: X:26379, "X", 26379, and so on.
func local(text, host string, servicePort, port int) string {
	address := regexp.MustCompile(regexp.QuoteMeta(host) + `("?[:,]\s*(?:port[:=] ?)?)` + strconv.Itoa(servicePort))
	return address.ReplaceAllString(text, fmt.Sprintf("127.0.0.1${1}%d", port))
}

// tool builds the command once. It does not come from a Go import: this module would need all that the tool needs.
func tool(t *testing.T) string {
	t.Helper()
	binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "clientcheck-")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "redis-gitops")
	c := exec.Command("go", "build", "-o", binary, "./cmd/redis-gitops")
	c.Dir = filepath.Join("..", "..")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return binary, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if binary, err := build(); err == nil {
		_ = os.RemoveAll(filepath.Dir(binary))
	}
	os.Exit(code)
}

// Each client connects by the printed code, with and without passwords, and goes on after a failover.
func TestClients(t *testing.T) {
	for _, tt := range []struct{ name, password, sentinelPassword string }{
		{"open", "", ""},
		{"password", "p@ss/w:rd %&+=", ""},
		{"both", "secret", "another: secret"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := startGroup(t, tt.password, tt.sentinelPassword)
			programs := map[string]*program{} // all at once: a failover takes the sentinels ten seconds
			for _, l := range languages {
				if !available(l.format) {
					continue
				}
				code := g.print(t, "sentinel-url", "shop", "--format", l.format)
				programs[l.format] = g.run(t, l, code)
				programs[l.format].written(t, 3)
			}
			before := time.Now()
			g.failover()
			moved := time.Now()
			t.Logf("the failover took %v", moved.Sub(before).Round(10*time.Millisecond))
			for _, l := range languages {
				t.Run(l.format, func(t *testing.T) {
					p := programs[l.format]
					if p == nil {
						t.Skipf("the client library of format %s is not installed", l.format)
					}
					for !p.at.After(moved) {
						p.written(t, 1)
					}
					n := p.written(t, 5)
					// What the client calls written is on the new master.
					var got int
					if _, err := fmt.Sscan(g.do(g.master(), g.password, "GET", "counter-"+l.format), &got); err != nil || got < n {
						t.Errorf("the new master has %d, the client has written %d (%v)", got, n, err)
					}
					t.Logf("%d numbers written, %d errors", p.last, p.errors)
				})
			}
		})
	}
}

// Without sentinels the printed code connects too.
func TestDirect(t *testing.T) {
	g := startGroup(t, "p@ss/w:rd", "")
	for _, l := range languages {
		t.Run(l.format, func(t *testing.T) {
			if !available(l.format) {
				t.Skipf("the client library of format %s is not installed", l.format)
			}
			code := g.print(t, "url", "shop", "--format", l.format)
			g.run(t, l, code).written(t, 3)
		})
	}
}

// line is what a client says, and when.
type line struct {
	text string
	at   time.Time
}

// program is a client that runs.
type program struct {
	lines  chan line
	last   int       // the last number it has written
	at     time.Time // when
	errors int
	seen   []string
}

func (g *group) run(t *testing.T, l language, code string) *program {
	t.Helper()
	dir, err := os.MkdirTemp(".", "client-") // below the module, so that Go finds go-redis
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	file := filepath.Join(dir, "main"+l.ext)
	text, err := os.ReadFile(filepath.Join("programs", l.format+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	source := strings.Replace(strings.Replace(string(text), "KEY", "counter-"+l.format, 1), "CODE", code, 1)
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	c := l.command(t, file)
	if c.Env == nil {
		c.Env = os.Environ()
	}
	c.Env = append(c.Env, "REDIS_PASSWORD="+g.password, "REDIS_SENTINEL_PASSWORD="+g.sentinelPassword)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	p := &program{lines: make(chan line, 10_000)}
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- line{s.Text(), time.Now()}
		}
		close(p.lines)
	}()
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	return p
}

// written waits until the client has written n more numbers and gives the last.
func (p *program) written(t *testing.T, n int) int {
	t.Helper()
	timeout := time.After(deadline)
	for n > 0 {
		select {
		case line, ok := <-p.lines:
			if !ok {
				t.Fatalf("the client ended: %s", strings.Join(p.seen, "\n"))
			}
			if _, err := fmt.Sscanf(line.text, "ok %d", &p.last); err == nil {
				p.at = line.at
				n--
				continue
			}
			p.errors++
			p.seen = append(p.seen, line.text)
		case <-timeout:
			t.Fatalf("after %v the client has not written: %s", deadline, strings.Join(p.seen, "\n"))
		}
	}
	return p.last
}

// The URL with the password of a file, and the one that Kubernetes expands from the env entries, are taken as they are.
func TestURL(t *testing.T) {
	for _, password := range []string{"", "plain", "p@ss/w:rd %&+=#?"} {
		g := startGroup(t, password, "")
		args := []string{"url", "shop"}
		if password != "" {
			file := filepath.Join(t.TempDir(), "password")
			if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			args = append(args, "--password-file", file)
		}
		ping(t, strings.TrimSpace(g.print(t, args...)))
		if strings.ContainsAny(password, "@/") {
			continue // Kubernetes expands a password as it is, which is why the code formats read it for themselves
		}
		env := g.print(t, "url", "shop", "--format", "env")
		ping(t, expand(t, env, password)["REDIS_URL"])
	}
}

// expand does what Kubernetes does with env entries.
func expand(t *testing.T, text, password string) map[string]string {
	t.Helper()
	var entries []struct {
		Name, Value string
		ValueFrom   *struct {
			SecretKeyRef struct{ Name, Key string } `yaml:"secretKeyRef"`
		} `yaml:"valueFrom"`
	}
	if err := yaml.Unmarshal([]byte(text), &entries); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	env := map[string]string{}
	for _, e := range entries {
		if e.ValueFrom != nil {
			if e.ValueFrom.SecretKeyRef.Name != "shop" || e.ValueFrom.SecretKeyRef.Key != "password" {
				t.Errorf("secret %+v", e.ValueFrom)
			}
			env[e.Name] = password
			continue
		}
		for name, value := range env { // only what stands before it
			e.Value = strings.ReplaceAll(e.Value, "$("+name+")", value)
		}
		env[e.Name] = e.Value
	}
	return env
}

func ping(t *testing.T, url string) {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatalf("%v in the URL %s", err, url)
	}
	client := redis.NewClient(options)
	defer client.Close()
	if err := client.Ping(context.Background()).Err(); err != nil {
		t.Errorf("%s: %v", url, err)
	}
}
