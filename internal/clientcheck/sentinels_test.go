package clientcheck

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const deadline = 60 * time.Second

// group is a master, a replica and three sentinels.
type group struct {
	t                          *testing.T
	password, sentinelPassword string
	redises, sentinels         []int // ports
}

func startGroup(t *testing.T, password, sentinelPassword string) *group {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("no redis-server")
	}
	g := &group{t: t, password: password, sentinelPassword: sentinelPassword}
	for i := range 2 {
		port := freePort(t)
		config := fmt.Sprintf("port %d\nbind 127.0.0.1\nsave \"\"\nappendonly no\nrepl-diskless-sync-delay 0\n", port)
		if password != "" {
			config += fmt.Sprintf("requirepass %q\nmasterauth %q\n", password, password)
		}
		if i > 0 {
			config += fmt.Sprintf("replicaof 127.0.0.1 %d\n", g.redises[0])
		}
		g.start(port, config)
		g.redises = append(g.redises, port)
	}
	g.wait("the replica follows", func() bool {
		return strings.Contains(g.do(g.redises[0], password, "INFO", "replication"), "state=online")
	})
	for range 3 {
		port := freePort(t)
		config := fmt.Sprintf("port %d\nbind 127.0.0.1\nsentinel monitor mymaster 127.0.0.1 %d 2\nsentinel down-after-milliseconds mymaster 2000\nsentinel failover-timeout mymaster 4000\n", port, g.redises[0])
		if password != "" {
			config += fmt.Sprintf("sentinel auth-pass mymaster %q\n", password)
		}
		if sentinelPassword != "" {
			config += fmt.Sprintf("requirepass %q\nsentinel sentinel-pass %q\n", sentinelPassword, sentinelPassword)
		}
		g.start(port, config, "--sentinel")
		g.sentinels = append(g.sentinels, port)
	}
	for _, port := range g.sentinels {
		g.wait("the sentinels know each other and the replica", func() bool {
			info := g.do(port, sentinelPassword, "INFO", "sentinel")
			return strings.Contains(info, "slaves=1,sentinels=3")
		})
	}
	return g
}

func (g *group) start(port int, config string, args ...string) {
	g.t.Helper()
	dir := g.t.TempDir()
	file := filepath.Join(dir, "redis.conf")
	if err := os.WriteFile(file, []byte(config+"dir "+dir+"\n"), 0o600); err != nil {
		g.t.Fatal(err)
	}
	c := exec.Command("redis-server", append([]string{file}, args...)...)
	if err := c.Start(); err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	g.wait(fmt.Sprintf("port %d listens", port), func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// do returns the answer to a command, or the error, as text.
func (g *group) do(port int, password string, args ...any) string {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + strconv.Itoa(port), Password: password, DisableIndentity: true, Protocol: 2})
	defer client.Close()
	answer, err := client.Do(context.Background(), args...).Result()
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(answer)
}

// master returns the port that the sentinels say is the master's.
func (g *group) master() int {
	port := 0
	_, _ = fmt.Sscanf(g.do(g.sentinels[0], g.sentinelPassword, "SENTINEL", "get-master-addr-by-name", "mymaster"), "[127.0.0.1 %d]", &port)
	return port
}

// failover makes the replica the master and waits until both know it: until then the old one takes writes that are lost.
func (g *group) failover() {
	g.t.Helper()
	before := g.master()
	g.wait("SENTINEL FAILOVER is taken", func() bool {
		return g.do(g.sentinels[0], g.sentinelPassword, "SENTINEL", "FAILOVER", "mymaster") == "OK"
	})
	g.wait("the other one is master", func() bool {
		now := g.master()
		return now != 0 && now != before && strings.Contains(g.do(now, g.password, "ROLE"), "master") &&
			strings.Contains(g.do(before, g.password, "ROLE"), "slave")
	})
}

func (g *group) wait(what string, done func() bool) {
	g.t.Helper()
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if done() {
			return
		}
	}
	g.t.Fatalf("after %v not: %s", deadline, what)
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
