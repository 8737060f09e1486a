//go:build linux

package scaffold

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
	"github.com/redis-gitops/redis-gitops/repo"
)

// haproxyProgram is that of Debian's package, which is not in every PATH.
func haproxyProgram(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"haproxy", "/usr/sbin/haproxy"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no haproxy: install the package haproxy")
	return ""
}

// serveNames answers every question for an IPv4 address with those of the pods, as the DNS of a cluster does for a headless Service.
func serveNames(t *testing.T, addresses ...string) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buffer)
			if err != nil {
				return
			}
			if n < 17 {
				continue
			}
			end := 12 // of the question: labels, type and class
			for end < n && buffer[end] != 0 {
				end += int(buffer[end]) + 1
			}
			end += 5
			if end > n {
				continue
			}
			reply := append([]byte{}, buffer[:end]...)
			reply[2], reply[3] = 0x81, 0x80
			answers := 0
			if binary.BigEndian.Uint16(reply[end-4:]) == 1 { // A
				for _, a := range addresses {
					reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4)
					reply = append(reply, net.ParseIP(a).To4()...)
					answers++
				}
			}
			binary.BigEndian.PutUint16(reply[6:], uint16(answers))
			binary.BigEndian.PutUint16(reply[8:], 0)
			binary.BigEndian.PutUint16(reply[10:], 0)
			_, _ = c.WriteTo(reply, from)
		}
	}()
	return c.LocalAddr().String()
}

// proxyConfig returns the configuration that the addon generates for a Redis with a password.
func proxyConfig(t *testing.T, operator string) string {
	t.Helper()
	r, c := addonShop(t, operator)
	return proxyConfigOf(t, r, c, AddonRequest{App: "shop", Redis: "redis-cache", Kind: "proxy"})
}

func proxyConfigOf(t *testing.T, r *repo.Repo, c *cue.Config, req AddonRequest) string {
	t.Helper()
	apply(t, r)(PlanAddon(t.Context(), r, c, req))
	maps := ofKind(documentsOf(addonText(t, r, req.Redis+"-proxy")), "ConfigMap")
	if len(maps) != 1 {
		t.Fatalf("%d ConfigMaps", len(maps))
	}
	text, _ := cue.At(maps[0], "data", "haproxy.cfg").(string)
	return text
}

// startHAProxy runs it with a configuration on loopback, and returns its address.
func startHAProxy(t *testing.T, program, config string, env ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	run := exec.Command(program, "-db", "-f", file)
	run.Env = env
	run.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	output := &redistest.Screen{}
	run.Stdout, run.Stderr = output, output
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = run.Process.Kill()
		_ = run.Wait()
		if t.Failed() {
			t.Logf("haproxy:\n%s", output)
		}
	})
	_, rest, _ := strings.Cut(config, "bind ")
	addr, _, _ := strings.Cut(rest, "\n")
	redistest.Until(t, "haproxy listens", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return addr
}

// replacedOnce replaces what stands there exactly once.
func replacedOnce(t *testing.T, text, old, new string) string {
	t.Helper()
	if strings.Count(text, old) != 1 {
		t.Fatalf("%q stands %d times in\n%s", old, strings.Count(text, old), text)
	}
	return strings.Replace(text, old, new, 1)
}

// TestProxy: the proxy that is generated follows the master through failovers: sentinels that are asked for one, masters that are killed and
// come back. The password is one that no configuration file takes without quotes.
func TestProxy(t *testing.T) {
	t.Parallel()
	program := haproxyProgram(t)
	const password = `a b"$%[x]{y}\`
	port := redistest.FreePort(t)
	at := func(i, port int) string { return fmt.Sprintf("127.77.0.%d:%d", i, port) }
	var servers, sentinels []*redistest.Server
	for i := 1; i <= 3; i++ {
		s := redistest.StartAt(t, at(i, port), password, "--repl-diskless-sync-delay", "0")
		servers = append(servers, s)
		if i > 1 {
			s.Do("REPLICAOF", servers[0].Host, strconv.Itoa(port))
		}
	}
	for i := 1; i <= 3; i++ {
		sentinels = append(sentinels, redistest.StartSentinelAt(t, at(i, redistest.FreePort(t)),
			fmt.Sprintf("sentinel monitor shop %s %d 2", servers[0].Host, port), "sentinel auth-pass shop "+strconv.Quote(password),
			"sentinel down-after-milliseconds shop 500", "sentinel failover-timeout shop 1000"))
	}
	config := proxyConfig(t, "statefulset")
	config = replacedOnce(t, config, "bind :6379", "bind 127.0.0.1:"+strconv.Itoa(redistest.FreePort(t)))
	config = replacedOnce(t, config, "bind :8404", "bind 127.0.0.1:"+strconv.Itoa(redistest.FreePort(t)))
	config = replacedOnce(t, config, "parse-resolv-conf", "nameserver test "+serveNames(t, servers[0].Host, servers[1].Host, servers[2].Host))
	config = replacedOnce(t, config, `cluster.local:6379"`, `cluster.local:`+strconv.Itoa(port)+`"`)
	addr := startHAProxy(t, program, config, "REDIS_PASSWORD="+password, "POD_NAMESPACE=blue")

	w := &writer{target: redis.Target{Addrs: []string{addr}, Password: password}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); w.run(ctx) }()
	defer func() { cancel(); <-ended }()
	master := func() *redistest.Server {
		for _, s := range sentinels {
			reply, err := s.Try("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "shop")
			if list, ok := reply.([]any); err == nil && ok && len(list) == 2 {
				for _, s := range servers {
					if s.Host == list[0] {
						return s
					}
				}
			}
		}
		return nil
	}
	// settled waits until the master of the sentinels has new writes and both replicas.
	settled := func(what string) *redistest.Server {
		var m *redistest.Server
		since := w.last.Load()
		redistest.Until(t, what, func() bool {
			if m = master(); m == nil {
				return false
			}
			info, _ := m.Try("INFO", "replication")
			value, _ := m.Try("GET", "n")
			n, _ := strconv.ParseInt(fmt.Sprint(value), 10, 64)
			text := fmt.Sprint(info)
			return strings.Contains(text, "role:master") && strings.Count(text, "state=online") == 2 && n > since && w.last.Load() > since
		})
		return m
	}
	old := settled("the proxy finds the first master")
	w.restart()
	failovers := 20
	if testing.Short() {
		failovers = 2 // nearly all of the time is that of sentinels
	}
	for i := range failovers {
		killed := i%2 == 1
		if killed {
			old.Kill()
		} else {
			redistest.Until(t, "a sentinel starts a failover", func() bool {
				_, err := sentinels[i%3].Try("SENTINEL", "FAILOVER", "shop")
				return err == nil
			})
		}
		redistest.Until(t, "another master", func() bool { m := master(); return m != nil && m != old })
		if killed {
			old.Run() // it says that it is the master, until a sentinel tells it
		}
		now := settled(fmt.Sprintf("writes reach the master after failover %d", i+1))
		if now == old {
			t.Fatalf("failover %d changed nothing", i+1)
		}
		old = now
	}
	t.Logf("%d failovers, %d writes, longest gap %v", failovers, w.last.Load(), time.Duration(w.gap.Load()).Round(time.Millisecond))
	if gap := time.Duration(w.gap.Load()); gap > 30*time.Second {
		t.Errorf("a gap of %v", gap)
	}
	// Nobody gets in without the password, which is the client's to send.
	anybody := &redis.Target{Addrs: []string{addr}}
	if c, err := anybody.Connect(t.Context()); err == nil {
		defer c.Close()
		if _, err := c.Do(t.Context(), "GET", "n"); redis.Code(err) != "NOAUTH" {
			t.Errorf("without a password: %v", err)
		}
	}
}

// writer counts up through a target, and reconnects after each error as clients do that know nothing of Sentinel.
type writer struct {
	target redis.Target
	last   atomic.Int64 // that was acknowledged
	gap    atomic.Int64 // the longest time without an acknowledgment, in nanoseconds
	since  atomic.Int64
}

func (w *writer) restart() {
	w.since.Store(time.Now().UnixNano())
	w.gap.Store(0)
}

func (w *writer) run(ctx context.Context) {
	w.restart()
	for ctx.Err() == nil {
		c, err := w.target.Connect(ctx)
		if err != nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		for n := w.last.Load() + 1; ctx.Err() == nil; n++ {
			attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
			_, err := c.Do(attempt, "SET", "n", strconv.FormatInt(n, 10))
			cancel()
			if err != nil {
				break
			}
			now := time.Now().UnixNano()
			w.gap.Store(max(w.gap.Load(), now-w.since.Swap(now)))
			w.last.Store(n)
			time.Sleep(5 * time.Millisecond)
		}
		c.Close()
		time.Sleep(20 * time.Millisecond)
	}
}

// TestProxyTLS: the checks verify the certificates of Redis, and the connections of clients are passed through.
func TestProxyTLS(t *testing.T) {
	t.Parallel()
	program := haproxyProgram(t)
	server, authority := redistest.StartTLS(t)
	r, c := addonShop(t, "statefulset")
	apply(t, r)(PlanResource(t.Context(), r, c, deps, ResourceRequest{App: "shop", Suffix: "tls", Namespace: "blue", Set: map[string]cue.LayerValue{"tlsSecret": {Value: "shop-tls"}}}))
	req := AddonRequest{App: "shop", Redis: "redis-tls", Kind: "proxy"}
	if _, err := PlanAddon(t.Context(), r, c, req); err == nil || !strings.Contains(err.Error(), "requires TLS") {
		t.Errorf("without a CA: %v", err)
	}
	req.Set = map[string]cue.LayerValue{"caSecret": {Value: "shop-tls"}}
	config := proxyConfigOf(t, r, c, req)
	config = replacedOnce(t, config, "parse-resolv-conf", "nameserver test "+serveNames(t, server.Host))
	config = replacedOnce(t, config, `cluster.local:6379"`, `cluster.local:`+strconv.Itoa(server.Port)+`"`)
	stranger, _ := redistest.Certificate(t)
	for name, ca := range map[string][]byte{"its authority": authority, "another authority": stranger} {
		file := filepath.Join(t.TempDir(), "ca.crt")
		if err := os.WriteFile(file, ca, 0o600); err != nil {
			t.Fatal(err)
		}
		own := replacedOnce(t, config, "/tls/ca.crt", file)
		own = replacedOnce(t, own, "bind :6379", "bind 127.0.0.1:"+strconv.Itoa(redistest.FreePort(t)))
		own = replacedOnce(t, own, "bind :8404", "bind 127.0.0.1:"+strconv.Itoa(redistest.FreePort(t)))
		client := redis.Target{Addrs: []string{startHAProxy(t, program, own, "POD_NAMESPACE=blue")}}
		var err error
		if client.TLS, err = redis.TLSConfig(authority, nil, nil, "redis.test", false); err != nil {
			t.Fatal(err)
		}
		ping := func() error {
			conn, err := client.Connect(t.Context())
			if err == nil {
				defer conn.Close()
				_, err = conn.Do(t.Context(), "PING")
			}
			return err
		}
		if name == "its authority" {
			redistest.Until(t, "the proxy trusts the server", func() bool { return ping() == nil })
			continue
		}
		// A pod that is new in DNS counts until its checks have failed.
		redistest.Until(t, "the proxy does not trust "+name, func() bool {
			for range 6 {
				if ping() == nil {
					return false
				}
				time.Sleep(300 * time.Millisecond)
			}
			return true
		})
	}
}

// TestProxyConfig: HAProxy accepts the configuration for every operator, with and without a user name.
func TestProxyConfig(t *testing.T) {
	t.Parallel()
	program := haproxyProgram(t)
	kind, err := cue.AddonNamed("proxy")
	if err != nil {
		t.Fatal(err)
	}
	for _, operator := range cue.GeneratedNames() {
		o, err := cue.OperatorNamed(operator)
		if err != nil {
			t.Fatal(err)
		}
		if o.WithoutAddon(kind.Name) != "" {
			continue
		}
		file := filepath.Join(t.TempDir(), "haproxy.cfg")
		if err := os.WriteFile(file, []byte(proxyConfig(t, operator)), 0o600); err != nil {
			t.Fatal(err)
		}
		check := exec.Command(program, "-c", "-f", file)
		check.Env = []string{"POD_NAMESPACE=blue"}
		if out, err := check.CombinedOutput(); err != nil || strings.Contains(string(out), "[WARNING]") {
			t.Errorf("%s: %v\n%s", operator, err, out)
		}
	}
}
