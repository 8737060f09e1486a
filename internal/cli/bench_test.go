package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/cue"
)

// BenchmarkGenerate runs the built tool as a user does and gives the CPU time of the whole process: its start alone (the
// runtime, the embedded files, the flags), what CUE costs of a generate (it compiles the embedded schemas anew in every
// process), and `generate resource` in repositories of 1, 10 and 1,000 applications. The limit is 100 ms, and it must not
// grow: TestDoesNotGrow counts the calls.
func BenchmarkGenerate(b *testing.B) {
	tool := buildTool(b)
	measure := func(b *testing.B, reset func(), args ...string) { measureTool(b, tool, reset, args...) }
	b.Run("start", func(b *testing.B) { measure(b, func() {}, "version") })
	b.Run("cue", func(b *testing.B) {
		before := cpuTime(b)
		for b.Loop() {
			config, err := cue.LoadConfig(cue.ConfigFile, nil)
			if err != nil {
				b.Fatal(err)
			}
			operator, err := cue.OperatorNamed(config.Operator.Name)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := operator.Resolve("resources.redis", nil, nil); err != nil {
				b.Fatal(err)
			}
			if _, err := operator.Names(cue.Request{Chart: "app-0", Namespace: "default"}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
	})
	for _, n := range []int{1, 10, 1000} {
		b.Run(fmt.Sprintf("apps=%d", n), func(b *testing.B) {
			dir := b.TempDir()
			run := func(args ...string) {
				if out, err := exec.Command(tool, append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil {
					b.Fatalf("%v: %s", err, out)
				}
			}
			run("init", dir)
			run("generate", "application", "app-0")
			app := filepath.Join(dir, "applications", "app-0")
			for i := 1; i < n; i++ {
				if err := os.CopyFS(filepath.Join(dir, "applications", fmt.Sprintf("app-%d", i)), os.DirFS(app)); err != nil {
					b.Fatal(err)
				}
			}
			values := filepath.Join(app, "values.yaml")
			fresh, err := os.ReadFile(values)
			if err != nil {
				b.Fatal(err)
			}
			measure(b, func() {
				if err := os.WriteFile(values, fresh, 0o644); err != nil {
					b.Fatal(err)
				}
				for _, made := range []string{filepath.Join(app, "templates", "redis.yaml"), filepath.Join(dir, ".redis-gitops", "generated", "app-0", "redis.yaml")} {
					if err := os.RemoveAll(made); err != nil {
						b.Fatal(err)
					}
				}
			}, "-C", dir, "generate", "resource", "app-0", "redis", "--profile", "queue")
		})
	}
}

// cpuTime returns the CPU time of this process so far.
func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func buildTool(b *testing.B) string {
	b.Helper()
	tool := filepath.Join(b.TempDir(), "redis-gitops")
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", tool, "../../cmd/redis-gitops").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return tool
}

// measureTool gives the CPU time of the whole process.
func measureTool(b *testing.B, tool string, reset func(), args ...string) {
	b.Helper()
	var cpu time.Duration
	for b.Loop() {
		b.StopTimer()
		reset()
		b.StartTimer()
		c := exec.Command(tool, args...)
		if out, err := c.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		cpu += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	}
	b.ReportMetric(float64(cpu.Microseconds())/1000/float64(b.N), "cpu-ms/op")
}

// BenchmarkURL asks for one Redis in repositories of 1 and 1,000 applications, each a chart with a Redis: by its
// application, and by a Service, for which the applications whose name is in it are rendered. The limit is 50 ms.
func BenchmarkURL(b *testing.B) {
	tool := buildTool(b)
	for _, n := range []int{1, 1000} {
		dir := b.TempDir()
		for _, args := range [][]string{{"init", dir}, {"-C", dir, "generate", "application", "app-0"}, {"-C", dir, "generate", "resource", "app-0", "redis", "--profile", "queue"}} {
			if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
				b.Fatalf("%v: %s", err, out)
			}
		}
		first := filepath.Join(dir, "applications", "app-0")
		for i := 1; i < n; i++ {
			name := fmt.Sprintf("app-%d", i)
			app := filepath.Join(dir, "applications", name)
			if err := os.CopyFS(app, os.DirFS(first)); err != nil {
				b.Fatal(err)
			}
			for _, file := range []string{"Chart.yaml", "values.yaml"} {
				src, err := os.ReadFile(filepath.Join(app, file))
				if err == nil {
					err = os.WriteFile(filepath.Join(app, file), bytes.ReplaceAll(src, []byte("app-0"), []byte(name)), 0o644)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		}
		name := fmt.Sprintf("app-%d", n/2)
		b.Run(fmt.Sprintf("apps=%d/application", n), func(b *testing.B) { measureTool(b, tool, func() {}, "-C", dir, "url", name) })
		b.Run(fmt.Sprintf("apps=%d/service", n), func(b *testing.B) { measureTool(b, tool, func() {}, "-C", dir, "url", name+"-redis-master") })
	}
}
