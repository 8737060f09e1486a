package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redis-gitops/redis-gitops/test/e2e/harness"
)

// keys in the dump that is imported.
const keys = 100_000

// aServer starts a server of its own, without a network.
func (b *bench) aServer() (server struct {
	*redis.Client
	dir string
}) {
	b.Helper()
	server.dir = b.TempDir()
	socket := filepath.Join(server.dir, "redis.sock")
	process := exec.Command("redis-server", "--port", "0", "--unixsocket", socket, "--dir", server.dir, "--save", "", "--loglevel", "warning")
	b.must(process.Start())
	b.Cleanup(func() { _ = process.Process.Kill(); _ = process.Wait() })
	server.Client = redis.NewClient(&redis.Options{Network: "unix", Addr: socket, Protocol: 2, DisableIdentity: true, ReadTimeout: time.Minute})
	b.Cleanup(func() { _ = server.Close() })
	b.until("the server of the dump answers", func() error { return server.Ping(b.ctx).Err() })
	return server
}

// aDump makes a dump with keys of each type, by a server of its own. Every tenth has a time to live.
func (b *bench) aDump() string {
	b.Helper()
	c := b.aServer()
	padding := strings.Repeat("p", 200)
	for i := 0; i < keys; i += 1000 {
		_, err := c.Pipelined(b.ctx, func(p redis.Pipeliner) error {
			for n := i; n < i+1000; n++ {
				key := fmt.Sprintf("key:%d", n)
				switch n % 5 {
				case 0:
					p.Set(b.ctx, key, padding+key, 0)
				case 1:
					p.HSet(b.ctx, key, "name", key, "padding", padding)
				case 2:
					p.RPush(b.ctx, key, 1, "two", padding)
				case 3:
					p.ZAdd(b.ctx, key, redis.Z{Score: float64(n), Member: "a"}, redis.Z{Score: 0.5, Member: padding})
				case 4:
					p.SAdd(b.ctx, key, n, n+1, n+2)
				}
				if n%10 == 0 {
					p.Expire(b.ctx, key, 24*time.Hour)
				}
			}
			return nil
		})
		b.must(err)
	}
	b.must(c.Save(b.ctx).Err())
	return filepath.Join(c.dir, "dump.rdb")
}

// TestImport: the master is killed in the middle of an import through the API server, which then is complete all the same.
func TestImport(t *testing.T) {
	b := newBench(t)
	dir := b.shop()
	b.beDeveloper()
	dump := b.aDump()
	// A master that is lost just after SENTINEL RESET is TestDeadlock's.
	b.until("doctor finds nothing", func() error { return b.failed(b.tool(dir, "doctor", "shop")) })

	killed := ""
	imported := b.watched(dir, func(keys uint64) error {
		if keys < 20_000 || killed != "" {
			return nil
		}
		master, err := cluster.Master(b.ctx, b.namespace, "shop")
		if err != nil {
			return err
		}
		pid, err := harness.PID(master, "redis")
		if err != nil {
			return err
		}
		killed = fmt.Sprintf("%s at key %d", master.Name, keys)
		return harness.Kill(pid)
	}, "import", dump, "shop", "--verify", "full", "--rate", "2MB", "--progress", "json", "--output", "json", "--checkpoint", filepath.Join(t.TempDir(), "checkpoint.json"))
	b.noPassword(imported)
	if killed == "" {
		t.Fatalf("the import ended before the master could be killed\n%s", imported)
	}
	var report struct {
		Total     struct{ Read, Written, Failed uint64 }
		Repaired  uint64
		Verified  uint64
		Differing uint64
	}
	b.ok(imported)
	b.must(json.Unmarshal([]byte(imported.stdout), &report))
	t.Logf("killed %s; %+v after %s", killed, report, imported.took.Round(time.Second))
	if report.Total.Read != keys || report.Total.Written != keys || report.Total.Failed != 0 || report.Verified != keys || report.Differing != 0 {
		t.Errorf("the import is not whole: %+v", report)
	}
	// Asked of the Service, not of the tool.
	b.until("the Service leads to all keys", func() error {
		if err := cluster.Nudge(b.ctx, b.namespace, "shop"); err != nil {
			return err
		}
		n, err := b.client("shop-redis-master."+b.namespace+".svc:6379", password).DBSize(b.ctx).Result()
		if err == nil && n != keys {
			err = fmt.Errorf("%d keys", n)
		}
		return err
	})

	b.until("a replica is in sync", func() error { return b.failed(b.tool(dir, "cli", "shop", "--replica", "--", "PING")) })
	out := filepath.Join(t.TempDir(), "out.rdb")
	dumped := b.tool(dir, "dump", "shop", out)
	b.has(dumped, 0, fmt.Sprintf("%d keys", keys), "checksum OK", "from replica")
	if info, err := os.Stat(out); err != nil || info.Size() == 0 {
		t.Errorf("there is no dump: %v", err)
	}
	b.has(b.tool(dir, "import", dump, "shop", "--password-file", out), 2, `the credentials of "shop" come from its resource and Secret`)
	b.has(b.tool(dir, "import", dump, "shopp"), 2, `"shopp"`)
}

// watched runs redis-gitops and calls at with the number of keys of each line of progress.
func (b *bench) watched(dir string, at func(keys uint64) error, args ...string) result {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 8*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(cluster.Bin, "redis-gitops"), args...)
	r, w := io.Pipe()
	cmd.Stderr = w
	lines := make(chan string, 1)
	var failed error
	go func() {
		var text strings.Builder
		s := bufio.NewScanner(r)
		for s.Scan() {
			var progress struct {
				Stage string
				Keys  uint64
			}
			if json.Unmarshal(s.Bytes(), &progress) == nil && progress.Stage == "writing" {
				if failed = errors.Join(failed, at(progress.Keys)); failed != nil {
					cancel()
				}
			}
			text.WriteString(s.Text() + "\n")
		}
		lines <- text.String()
	}()
	var stdout strings.Builder
	cmd.Dir, cmd.Stdout = dir, &stdout
	cmd.Env = append(os.Environ(), "KUBECONFIG="+b.kubeconfig, "NO_COLOR=1")
	began := time.Now()
	err := cmd.Run()
	w.Close()
	res := result{stdout.String(), <-lines, cmd.ProcessState.ExitCode(), time.Since(began)}
	b.must(failed)
	if err != nil && res.code < 0 {
		b.Fatalf("%v\n%s", err, res)
	}
	return res
}
