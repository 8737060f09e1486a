package lint_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/lint"
)

// directives of a configuration file, right and wrong ones.
var directives = []string{
	"maxmemory 100mb", "maxmemory 100MB", `maxmemory "100mb"`, "maxmemory 100Mi", "maxmemory 0.5gb", "maxmemory 1e9", "maxmemory -1", "maxmemory",
	"maxmemory 100mb # the limit", "maxmemory 100mb 200mb", "maxmemory-clients 5%", "maxmemroy 100mb", "MAXMEMORY 100mb",
	"maxmemory-policy allkeys-lru", "maxmemory-policy ALLKEYS-LRU", "maxmemory-policy lru", "maxmemory-policy allkeys-lrm",
	"appendonly yes", "appendonly YES", `appendonly "yes"`, "appendonly true", "appendonly no # only a cache", "appendfsync never",
	"save 900 1 300 10", `save ""`, `save "900 1"`, "save 900", "save 0 1", "save 900 1 # often", `save "900 1`,
	"client-output-buffer-limit replica 256mb 64mb 60", "client-output-buffer-limit slave 256mb 64mb 60",
	"client-output-buffer-limit replica 256mb 64mb 60 pubsub 32mb 8mb 60", "client-output-buffer-limit replica 256mb 64mb",
	"client-output-buffer-limit master 1 1 1", "loglevel info", "loglevel notice", "hz abc", "hz 10", "tcp-keepalive 60s", "tcp-keepalive 60",
	"repl-backlog-size 1Gi", "repl-backlog-size 1gb", "protected-mode off", "protected-mode no", "stop-writes-on-bgsave-error true",
	`notify-keyspace-events "Ex`, `notify-keyspace-events "Ex"`, "notify-keyspace-events Ex", "requirepass", `requirepass ""`, "logfile", `logfile ""`,
	"sentinel monitor shop 127.0.0.1 6379 2", "gopher-enabled no", "enable-protected-configs no", "list-max-listpack-size -2",
	"list-max-ziplist-size -2", "locale-collate C", "hide-user-data-from-log yes", "repl-rdb-channel yes", "server-cpulist 0", "server_cpulist 0",
	"cluster-ping-interval 100", "key-load-delay 0", "slave-priority 10", "replicaof no one", "slaveof no one", "bind 127.0.0.1 -::1",
	"timeout 300", "databases 16", "lua-time-limit 5000", "# a comment", "min-slaves-to-write 0", "bf.error-rate 0.01", "user default on nopass ~* +@all",
	`rename-command KEYS ""`, "dynamic-hz yes", "latency-tracking yes", "io-threads 2", "primaryauth secret", "slowlog-log-slower-then 1000",
}

// silent are lines that keep some version of Redis from starting, on which the rule says nothing.
var silent = []string{
	"cluster-ping-interval 100", // CONFIG GET does not list it, so the version that it came with is not known
	"bf.error-rate 0.01",        // of a module, which the image may load
}

// TestRejected holds config/rejected against redis-server: what it reports keeps the server from starting, and what keeps the server from
// starting is reported.
func TestRejected(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed")
	}
	about, err := exec.Command(program, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`v=(\d+\.\d+\.\d+)`).FindSubmatch(about)
	if version == nil || version[1][0] < '7' {
		t.Skipf("the lines are for Redis 7.0 and later, and this is %q", about)
	}
	for _, line := range directives {
		want, said := starts(t, program, line)
		got := !reported(t, string(version[1]), line)
		switch {
		case got == want:
		case got && slices.Contains(silent, line):
		default:
			t.Errorf("%s: starts is %v, and the rule says %v\n%s", line, want, got, said)
		}
	}
}

// reported runs the rule on a StatefulSet that starts Redis with a configuration file of one line.
func reported(t *testing.T, version, line string) bool {
	t.Helper()
	r, _ := open(t, files("applications/shop/redis.yaml", fmt.Sprintf(`apiVersion: v1
kind: ConfigMap
metadata: {name: cache}
data:
  redis.conf: |
    %s
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: cache}
spec:
  selector: {matchLabels: {app: cache}}
  template:
    metadata: {labels: {app: cache}}
    spec:
      containers:
        - {name: redis, image: "redis:%s", args: [/etc/redis/redis.conf], volumeMounts: [{name: config, mountPath: /etc/redis}]}
      volumes: [{name: config, configMap: {name: cache}}]
`, line, version)))
	return slices.ContainsFunc(run(t, r, lint.Options{}).Findings, func(f *finding.Finding) bool { return f.Rule == "config/rejected" })
}

// starts reports whether a server starts with a line in its configuration file, and what it printed if not.
func starts(t *testing.T, program, line string) (bool, string) {
	t.Helper()
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	file := filepath.Join(dir, "redis.conf")
	text := fmt.Sprintf("port 0\nunixsocket %s\ndir %s\n%s\n", socket, dir, line)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command(program, file)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	up := false
	for range 3000 {
		select {
		case <-ended:
			return false, strings.TrimSpace(out.String())
		case <-time.After(10 * time.Millisecond):
			up = answers(socket) // it listens before it has checked everything
		}
		if up {
			break
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	<-ended
	if !up {
		t.Fatalf("%s: neither started nor exited", line)
	}
	return true, ""
}

// answers reports whether a server replies on a socket, which it does once it has started.
func answers(socket string) bool {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return false
	}
	defer c.Close()
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return false
	}
	n, _ := c.Read(make([]byte, 16))
	return n > 0
}
