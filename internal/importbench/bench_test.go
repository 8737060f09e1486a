//go:build bench

package importbench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/rdbmix"
	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// Ratios of RedisShake 4.2 and HDT3213/rdb to ready-made RESTORE commands; see the package comment.
const (
	shakeRatio = 9.7
	hdtRatio   = 4.3
)

// A run is one measurement.
type run struct {
	wall, client, server time.Duration // client and server: CPU time
	rss                  int64         // of the client, in bytes, at its peak
}

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A way is a row of the table.
type way struct {
	name    string
	against string // the row that its wall time is divided by
	server  *redistest.Server
	run     func() run
}

// The rows that aims are about.
const (
	limit1      = "the server loads the file (limit 1)"
	limit2      = "ready RESTORE commands, 2 connections (limit 2)"
	pipe        = "the same by redis-cli --pipe"
	plain       = "import"
	verifyOff   = "import --verify off"
	verifyFull  = "import --verify full"
	commands    = "import --method commands"
	replication = "import --method replication"
	near        = "import, through a proxy"
	far         = "import, through a proxy with 20 ms of round trip"
)

// TestImport is a benchmark with a table. BENCH_ROUNDS (3), BENCH_KEYS (1000000) and BENCH_LARGE_KEYS (10000000, 0 for none)
// change its size. The methods take turns, so that another load on the machine hits all alike; medians are told.
func TestImport(t *testing.T) {
	rounds, keys, many := number(t, "BENCH_ROUNDS", 3), number(t, "BENCH_KEYS", 1_000_000), number(t, "BENCH_LARGE_KEYS", 10_000_000)
	dir := t.TempDir()
	tool := filepath.Join(dir, "redis-gitops")
	if out, err := exec.Command("go", "build", "-o", tool, "../../cmd/redis-gitops").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	file, size := generate(t, dir, keys)
	scan(t, file, size)
	s := redistest.Start(t)
	ways := waysOf(t, s, tool, file, keys)
	aims := []aim{
		{"CPU of client and server / redis-cli --pipe", cpu, plain, pipe, 1.15},
		{"the same with --verify off", cpu, verifyOff, pipe, 1.05},
		{"import / limit 2", wall, plain, limit2, 1.05},
		{"import --verify full / limit 2", wall, verifyFull, limit2, 2},
		{"replication / limit 1", wall, replication, limit1, 1.15},
		{"commands / RedisShake (by its ratio)", func(r run) float64 { return r.wall.Seconds() / shakeRatio }, commands, "", 0.5},
		{"20 ms of round trip / none", wall, far, near, 1.3},
	}
	for _, o := range olderTargets(t, s, file) {
		w, a := o.ways(t, tool, keys)
		ways, aims = append(ways, w...), append(aims, a)
	}
	results := map[string][]run{}
	for range rounds {
		for _, w := range ways {
			w.server.Do("FLUSHALL")
			results[w.name] = append(results[w.name], w.run())
		}
	}
	s.Do("FLUSHALL")
	title := fmt.Sprintf("%d keys, %d bytes; medians of %d rounds in turn\n", keys, size, rounds)
	t.Log("\n" + title + table(ways, keys, results) + verdicts(aims, results))

	if many > 0 {
		large, size := generate(t, dir, many)
		r := measure(t, s, many, tool, "import", large, s.URL(), "--checkpoint", filepath.Join(dir, "checkpoint.json"), "--progress", "none")
		t.Logf("%d keys, %d bytes: %.1f s, client CPU %.1f s, server CPU %.1f s, memory %.1f MB", many, size, r.wall.Seconds(), r.client.Seconds(), r.server.Seconds(), float64(r.rss)/(1<<20))
	}
}

// waysOf are the rows for one server and a file of its own version.
func waysOf(t *testing.T, s *redistest.Server, tool, file string, keys int) []way {
	ready, count := bake(t, file)
	stream := filepath.Join(filepath.Dir(file), "ready.resp")
	writeReady(t, stream, ready)
	direct, slow := redistest.StartProxy(t, s.Addr()), redistest.StartProxy(t, s.Addr())
	slow.Set(redistest.Toxic{Delay: 10 * time.Millisecond})
	ours := func(name, url string, flags ...string) way {
		return importWay(t, s, name, limit2, tool, file, url, keys, flags...)
	}
	return []way{
		{limit1, limit1, s, func() run { return load(t, file) }},
		{limit2, limit2, s, func() run { return blast(t, s, ready, count, keys) }},
		{pipe, limit2, s, func() run { return pipeReady(t, s, stream, keys) }},
		ours(plain, s.URL()),
		ours(verifyOff, s.URL(), "--verify", "off"),
		ours("import, 1 connection", s.URL(), "--connections", "1"),
		ours("import, 2 connections", s.URL(), "--connections", "2"),
		ours(verifyFull, s.URL(), "--verify", "full"),
		ours(commands, s.URL(), "--method", "commands"),
		ours(replication, s.URL(), "--method", "replication"),
		ours(near, "redis://"+direct.Addr),
		ours(far, "redis://"+slow.Addr),
	}
}

func importWay(t *testing.T, s *redistest.Server, name, against, tool, file, url string, keys int, flags ...string) way {
	args := []string{"import", file, url, "--checkpoint", filepath.Join(filepath.Dir(file), "checkpoint.json"), "--progress", "none"}
	args = append(args, flags...)
	return way{name, against, s, func() run { return measure(t, s, keys, tool, args...) }}
}

// An aim bounds what is measured of one row, relative to another one; "" for [limit2].
type aim struct {
	name      string
	of        func(run) float64
	row, base string
	limit     float64
}

func wall(r run) float64 { return r.wall.Seconds() }
func cpu(r run) float64  { return (r.client + r.server).Seconds() }

func table(ways []way, keys int, results map[string][]run) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%-50s %8s %10s %9s %11s %11s %7s %9s  %s\n", "", "wall s", "keys/s", "/limit", "client CPU", "server CPU", "/pipe", "memory MB", "all runs")
	pipeCPU := median(results[pipe], cpu)
	for _, w := range ways {
		r := results[w.name]
		var all []string
		for _, one := range r {
			all = append(all, fmt.Sprintf("%.2f", wall(one)))
		}
		of := func(what func(run) float64) float64 { return median(r, what) }
		fmt.Fprintf(&out, "%-50s %8.2f %10.0f %9.2f %11.2f %11.2f %7.2f %9.1f  %s\n", w.name, of(wall), float64(keys)/of(wall), of(wall)/median(results[w.against], wall),
			of(clientCPU), of(func(r run) float64 { return r.server.Seconds() }), of(cpu)/pipeCPU, of(memory), strings.Join(all, " "))
	}
	base := median(results[limit2], wall)
	fmt.Fprintf(&out, "RedisShake 4.2, by its ratio: %.1f s; HDT3213/rdb: %.1f s\n", shakeRatio*base, hdtRatio*base)
	return out.String()
}

func clientCPU(r run) float64 { return r.client.Seconds() }
func memory(r run) float64    { return float64(r.rss) / (1 << 20) }

func verdicts(aims []aim, results map[string][]run) string {
	var out strings.Builder
	tell := func(name string, got, limit float64) {
		verdict := "ok"
		if got > limit {
			verdict = "MISSED"
		}
		fmt.Fprintf(&out, "%-50s %6.2f, aim %5.2f: %s\n", name, got, limit, verdict)
	}
	for _, a := range aims {
		of := a.of
		if a.base == "" {
			a.base, of = limit2, wall
		}
		tell(a.name, median(results[a.row], a.of)/median(results[a.base], of), a.limit)
	}
	tell("CPU of client / of server", median(results[plain], func(r run) float64 { return clientCPU(r) / r.server.Seconds() }), 0.35)
	tell("memory in MB", median(results[plain], memory), 64)
	return out.String()
}

func median(runs []run, of func(run) float64) float64 {
	var all []float64
	for _, r := range runs {
		all = append(all, of(r))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func generate(t *testing.T, dir string, keys int) (string, int64) {
	t.Helper()
	name := filepath.Join(dir, fmt.Sprintf("%d.rdb", keys))
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	if err := errors.Join(rdbmix.Write(w, keys), w.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return name, info.Size()
}

// bake makes the RESTORE commands beforehand, for two connections.
func bake(t *testing.T, file string) (ready [2][]byte, count [2]int) {
	t.Helper()
	n := 0
	scanFile(t, file, rdb.Options{SkipChecksum: true}, func(e *rdb.Entry) {
		if e.Kind != rdb.KeyEntry {
			return
		}
		payload, err := rdb.AppendDump(nil, e, rdbmix.Version)
		if err != nil {
			t.Fatal(err)
		}
		args := [][]byte{[]byte("RESTORE"), e.Key, strconv.AppendInt(nil, e.Expiry, 10), payload}
		if e.Expiry != 0 {
			args = append(args, []byte("ABSTTL"))
		}
		ready[n%2] = redis.AppendCommand(ready[n%2], args...)
		count[n%2]++
		n++
	})
	return ready, count
}

func scanFile(t *testing.T, file string, opts rdb.Options, fn func(*rdb.Entry)) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := rdb.NewScanner(f, opts)
	for {
		e, err := s.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		fn(e)
	}
}

// scan measures reading alone, the best of five.
func scan(t *testing.T, file string, size int64) {
	t.Helper()
	for _, opts := range []rdb.Options{{SkipChecksum: true}, {}} {
		best := time.Hour
		for range 5 {
			began := time.Now()
			scanFile(t, file, opts, func(*rdb.Entry) {})
			best = min(best, time.Since(began))
		}
		t.Logf("scan, checksum %v: %.3f s, %.2f GB/s", !opts.SkipChecksum, best.Seconds(), float64(size)/1e9/best.Seconds())
	}
}

// load is the time that a server needs longer to answer with the file than without one.
func load(t *testing.T, file string) run {
	t.Helper()
	start := func(dump bool) run {
		dir := t.TempDir()
		if dump {
			if err := os.Link(file, filepath.Join(dir, "dump.rdb")); err != nil {
				t.Fatal(err)
			}
		}
		port := redistest.FreePort(t)
		c := exec.Command("redis-server", "--port", strconv.Itoa(port), "--save", "", "--dir", dir, "--bind", "127.0.0.1")
		began := time.Now()
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		target := &redis.Target{Addrs: []string{net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}}
		for {
			conn, err := target.Connect(t.Context())
			if err == nil {
				_, err = conn.Do(t.Context(), "PING")
				conn.Close()
			}
			if err == nil {
				break
			}
			time.Sleep(2 * time.Millisecond)
		}
		wall := time.Since(began)
		c.Process.Kill()
		c.Wait()
		return run{wall: wall, server: c.ProcessState.UserTime() + c.ProcessState.SystemTime()}
	}
	with, without := start(true), start(false)
	return run{wall: with.wall - without.wall, server: with.server}
}

// blast sends the ready commands and reads the replies.
func blast(t *testing.T, s *redistest.Server, ready [2][]byte, count [2]int, keys int) run {
	t.Helper()
	cpu := serverCPU(s)
	var before, after syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	began := time.Now()
	var both sync.WaitGroup
	for i := range ready {
		conn, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		both.Go(func() {
			if _, err := conn.Write(ready[i]); err != nil {
				t.Error(err)
			}
		})
		both.Go(func() {
			buf, left := make([]byte, 64<<10), count[i]*len("+OK\r\n")
			for left > 0 {
				n, err := conn.Read(buf)
				if err != nil || n > 0 && slices.Contains(buf[:n], '-') {
					t.Errorf("%v: %.200s", err, buf[:n])
					return
				}
				left -= n
			}
		})
	}
	both.Wait()
	wall := time.Since(began)
	syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	if n := s.Do("DBSIZE"); n != int64(keys) {
		t.Fatalf("%v keys", n)
	}
	return run{wall: wall, client: usage(after) - usage(before), server: serverCPU(s) - cpu}
}

func usage(r syscall.Rusage) time.Duration {
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func serverCPU(s *redistest.Server) time.Duration {
	text, _ := s.Do("INFO", "cpu").(string)
	var sum float64
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_user" || name == "used_cpu_sys" {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				s.TB.Fatal(err)
			}
			sum += n
		}
	}
	return time.Duration(sum * float64(time.Second))
}

// measure runs the command.
func measure(t *testing.T, s *redistest.Server, keys int, tool string, args ...string) run {
	t.Helper()
	cpu := serverCPU(s)
	c := exec.Command(tool, args...)
	var text bytes.Buffer
	c.Stdout, c.Stderr = &text, &text
	began := time.Now()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended, peak := make(chan struct{}), make(chan int64, 1)
	go func() { peak <- peakMemory(c.Process.Pid, ended) }()
	err := c.Wait()
	wall := time.Since(began)
	close(ended)
	rss, out := <-peak, text.Bytes()
	if n := s.Do("DBSIZE"); err != nil || n != int64(keys) {
		t.Fatalf("%v: %v, %v keys: %s", args, err, n, out)
	}
	return run{wall: wall, client: c.ProcessState.UserTime() + c.ProcessState.SystemTime(), server: serverCPU(s) - cpu, rss: rss}
}

// peakMemory watches the memory of a process until it has ended: that of its own, without the pages of the program's file, of
// which the commands of all of the tool take 45 MB. The kernel's own account at the end (ru_maxrss) has in it what this
// process had when it made the other.
func peakMemory(pid int, ended <-chan struct{}) (peak int64) {
	for {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if _, after, ok := bytes.Cut(status, []byte("RssAnon:")); ok && !bytes.Contains(status, []byte("Name:\timportbench")) {
			fields := bytes.Fields(after)
			if kb, err := strconv.ParseInt(string(fields[0]), 10, 64); err == nil {
				peak = max(peak, kb<<10)
			}
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ended:
			return peak
		}
	}
}
