//go:build unix

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
)

// TestTimeout ends a run that renders for too long.
func TestTimeout(t *testing.T) {
	dir := t.TempDir()
	writeTree(t, dir, slowChart)
	writeTree(t, dir, map[string]string{"platform/redis.yaml": "apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata: {name: shop}\nspec: {redis: {replicas: 0}}\n"})
	for command, advice := range map[string]string{"lint": "check a part of the repository", "url slow": "make that render less"} {
		ended := func(limit time.Duration) string {
			var out bytes.Buffer
			a := newApp()
			a.Out, a.Err = &out, &out
			began := time.Now()
			args := append([]string{"-C", dir, "--timeout", limit.String()}, strings.Fields(command)...)
			report := filepath.Join(t.TempDir(), "report.json")
			if command == "lint" {
				args = append(args, "--format", "compact", "--format", "json="+report)
			}
			code := a.run(context.Background(), args)
			why := fmt.Sprintf("error: the run was stopped after %v while it rendered applications/slow; raise --timeout, or %s", limit, advice)
			if took := time.Since(began); code != exitcode.Error || !strings.HasSuffix(out.String(), why+"\n") || took > limit+6*time.Second {
				return fmt.Sprintf("%s: exit code %d after %v, %s", command, code, took, out.String())
			}
			if command != "lint" {
				if out.String() != why+"\n" {
					return out.String()
				}
				return ""
			}
			// What was found until then is reported, and that there is more.
			src, err := os.ReadFile(report)
			for _, part := range []string{"applications/slow/Chart.yaml:1:1: " + why + " [val/render-fails]", "[ha/zero-means-three]"} {
				if !strings.Contains(out.String(), part) {
					return fmt.Sprintf("no %q in %s", part, out.String())
				}
			}
			if err != nil || !bytes.Contains(src, []byte("val/render-fails")) || !bytes.Contains(src, []byte("ha/zero-means-three")) {
				return fmt.Sprintf("%v: %s", err, src)
			}
			return ""
		}
		// A busy machine begins to render late, and the limit of one template is 10 s.
		if ended(3*time.Second) != "" {
			if wrong := ended(9 * time.Second); wrong != "" {
				t.Error(wrong)
			}
		}
	}
	var out bytes.Buffer
	a := newApp()
	a.Out, a.Err = &out, &out
	if code := a.run(context.Background(), []string{"-C", dir, "lint", "--timeout", "-1s"}); code != exitcode.Error || !strings.Contains(out.String(), `invalid value "-1s" for --timeout`) {
		t.Errorf("exit code %d, %s", code, out.String())
	}
}

// greedyChart keeps more in memory than it may.
var greedyChart = map[string]string{
	".redis-gitops.yaml":                        "",
	"applications/greedy/Chart.yaml":            "apiVersion: v2\nname: greedy\nversion: 1.0.0\n",
	"applications/greedy/values.yaml":           "a: 1\n",
	"applications/greedy/templates/redis.yaml":  `{{ $d := dict }}{{ $s := repeat 100000 "a" }}{{ range $i := until 800 }}{{ $_ := set $d (print $i) (splitList "" $s) }}{{ end }}`,
	"applications/greedy/templates/config.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: greedy\n", // a run that ends has a resource
}

// TestMaxMemory ends every kind of command that renders a repository when it takes too much memory, by name of what it rendered,
// and not far over the limit.
func TestMaxMemory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeTree(t, dir, greedyChart)
	const small = "error: the run was stopped at 256Mi of memory while it rendered applications/greedy; raise --max-memory, or "
	for _, c := range []struct{ command, want string }{
		{"lint --max-memory 256Mi", small + "check a part of the repository\n"},
		{"url greedy --max-memory 256Mi", small + "make that render less\n"},
		{"sentinel-url greedy --max-memory 256Mi", small + "make that render less\n"},
		{"generate resource greedy redis --max-memory 256Mi", small + "make that render less\n"},
		{"destroy resource greedy redis --max-memory 256Mi", ""}, // it renders once there is something to destroy
	} {
		t.Run(strings.Fields(c.command)[0], func(t *testing.T) {
			var out bytes.Buffer
			var peak int64
			var err error
			// A busy machine may not know in time whether the name is secret, and leaves it out: not each time.
			for range 3 {
				run := exec.Command(builtTool(t), append([]string{"-C", dir}, strings.Fields(c.command)...)...)
				run.Dir = dir
				out.Reset()
				run.Stdout, run.Stderr = &out, &out
				if peak, err = runPeak(run); !strings.HasSuffix(out.String(), strings.Replace(c.want, " while it rendered applications/greedy", "", 1)) || c.want == "" {
					break
				}
			}
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != exitcode.Error || c.want != "" && !strings.HasSuffix(out.String(), c.want) {
				t.Errorf("%v: %.500s", err, out.String())
			}
			if peak>>20 > 256+256/4+150 { // the program's own file and what the poll of the limit misses
				t.Errorf("took %d MB", peak>>20)
			}
		})
	}
	// The same repository passes with more.
	if out, err := exec.Command(builtTool(t), "-C", dir, "lint", "--max-memory", "0", "--fail-on", "never").CombinedOutput(); err != nil {
		t.Errorf("%v: %.500s", err, out)
	}
}

// TestReadingIsBounded bounds commands without the flags while they look up a name in the repository.
func TestReadingIsBounded(t *testing.T) {
	dir := t.TempDir()
	writeTree(t, dir, greedyChart)
	kubeconfig := filepath.Join(dir, "kubeconfig")
	writeTree(t, dir, map[string]string{"kubeconfig": "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters:\n- name: a\n  cluster: {server: 'http://127.0.0.1:1'}\ncontexts:\n- name: a\n  context: {cluster: a, user: a}\nusers:\n- name: a\n  user: {}\n"})
	for _, command := range []string{"cli greedy", "doctor greedy", "port-forward greedy", "dump greedy out.rdb", "import pvc://claim/dump.rdb greedy --job"} {
		debug.FreeOSMemory() // what other tests have left counts too
		var out bytes.Buffer
		a := newApp()
		a.Out, a.Err, a.Memory = &out, &out, 400<<20
		code := a.run(context.Background(), append(append([]string{"-C", dir}, strings.Fields(command)...), "--kubeconfig", kubeconfig))
		if want := "the run was stopped at 400Mi of memory while it rendered applications/greedy; run redis-gitops lint there with a higher --max-memory to see why\n"; code != exitcode.Error || !strings.HasSuffix(out.String(), want) {
			t.Errorf("%s: exit code %d, %s", command, code, out.String())
		}
	}
}
