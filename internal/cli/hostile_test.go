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
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
)

// TestForkRunsNothing is a pull request from a fork: plain files in a directory that Git takes for a bare repository, with a
// filter for every file, and a work tree that CI lints. Nothing of it may run, from whatever directory it is linted.
func TestForkRunsNothing(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	base := t.TempDir()
	outer, inner, sprung := filepath.Join(base, "outer"), filepath.Join(base, "inner"), filepath.Join(base, "sprung")
	trap := "touch " + sprung + "; cat"
	config := fmt.Sprintf("[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n\tfsmonitor = %[1]q\n[filter \"x\"]\n\tclean = %[1]q\n\tprocess = %[1]q\n[diff]\n\texternal = %[1]q\n[log]\n\tshowSignature = true\n[gpg]\n\tprogram = %[1]q\n", trap)
	git := func(dir string, args ...string) {
		t.Helper()
		c := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=tester", "-c", "user.email=tester@example.com"}, args...)...)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	redis := map[string]string{".redis-gitops.yaml": "", ".gitattributes": "* filter=x diff=x\n", "applications/shop/redis.yaml": "apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata:\n  name: shop\nspec: {}\n"}
	git(base, "init", "-q", outer)
	git(base, "init", "-q", inner)
	for _, dir := range []string{inner, filepath.Join(outer, "sub")} {
		writeTree(t, dir, redis)
	}
	git(inner, "add", "-A")
	git(inner, "commit", "-qm", "one")
	for _, name := range []string{"HEAD", "index", "objects", "refs"} {
		if out, err := exec.Command("cp", "-r", filepath.Join(inner, ".git", name), filepath.Join(outer, "sub")).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	writeTree(t, outer, map[string]string{"sub/config": config})
	git(outer, "add", "-A", "-f")
	git(outer, "commit", "-qm", "one")
	writeTree(t, outer, map[string]string{"sub/applications/shop/redis.yaml": redis["applications/shop/redis.yaml"] + "# changed\n"})

	run := func(want int, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		a := newApp()
		a.Out, a.Err = &out, &out
		if code := a.run(context.Background(), args); code != want {
			t.Errorf("%v: exit code %d, %s", args, code, out.String())
		}
		if _, err := os.Stat(sprung); err == nil {
			t.Errorf("%v ran a program of the repository", args)
			os.Remove(sprung)
		}
		return out.String()
	}
	sub := filepath.Join(outer, "sub")
	calls := func(want int) {
		run(want, "-C", sub, "lint", "--no-repo-code", "--new-from-rev", "HEAD", "--fail-on", "never")
		run(want, "lint", "--new-from-rev", "HEAD", "--fail-on", "never", sub)
		t.Chdir(sub)
		run(want, "lint", "--new-from-rev", "HEAD", "--fail-on", "never")
		run(want, "lint", "--new-from-rev", "HEAD", "--fail-on", "never", "applications/shop")
		run(exitcode.Error, "generate", "update", "nosuch")
		run(exitcode.OK, "generate", "update", "shop")
		t.Chdir(base)
	}
	calls(exitcode.OK)
	// The same in the configuration of the repository itself, as an archive may have it.
	writeTree(t, outer, map[string]string{".git/config": strings.Replace(config, "worktree = .", "", 1)})
	calls(exitcode.OK)

	// And the trap works: plain git runs it.
	_ = exec.Command("git", "-C", sub, "diff", "HEAD", "--").Run() // HEAD is a file here, too
	if _, err := os.Stat(sprung); err != nil {
		t.Error("git ran no program, so the test proves nothing")
	}
}

// hostileRepositories are repositories that want all time and memory, or to hang the run.
func hostileRepositories(t *testing.T) map[string]func(dir string) {
	chart := func(template string) map[string]string {
		return map[string]string{".redis-gitops.yaml": "", "applications/a/Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\n", "applications/a/values.yaml": "a: 1\n", "applications/a/templates/redis.yaml": template}
	}
	files := func(all map[string]string) func(string) { return func(dir string) { writeTree(t, dir, all) } }
	redis := func(i int) string {
		return fmt.Sprintf("---\napiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata:\n  name: r%d\n  namespace: n%d\nspec: {}\n", i, i%7)
	}
	var many strings.Builder
	for i := range 2000 {
		many.WriteString(redis(i))
	}
	alias := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 12 {
		alias += fmt.Sprintf("a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i+1, i+1, i, i, i, i, i, i, i, i, i)
	}
	return map[string]func(dir string){
		"endless loop in a template":       files(chart("{{ range until 1000000000 }}{{ range until 1000000000 }}{{ end }}{{ end }}")),
		"endless recursion of templates":   files(chart(`{{ define "a" }}{{ include "a" . }}{{ include "a" . }}{{ end }}{{ include "a" . }}`)),
		"huge output of a template":        files(chart(`{{ range until 100000 }}{{ repeat 100000 "x" }}{{ end }}`)),
		"huge padding in a template":       files(chart(`{{ printf "%0900000000d" 1 }}`)),
		"doubling in a template":           files(chart(`{{ $a := "xxxxxxxxxxxxxxxx" }}{{ range until 60 }}{{ $a = printf "%s%s" $a $a }}{{ end }}{{ len $a }}`)),
		"a template makes many":            files(chart("{{ range until 2000 }}\n---\napiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata:\n  name: r{{ . }}\nspec: {}\n{{ end }}")),
		"a mapping that grows":             files(chart(`{{ $d := dict }}{{ range $i := until 100000 }}{{ $_ := set $d (print $i) (until 100000) }}{{ end }}`)),
		"lists that stay":                  files(chart(`{{ $d := dict }}{{ $s := repeat 100000 "a" }}{{ range $i := until 10000 }}{{ $_ := set $d (print $i) (splitList "" $s) }}{{ end }}`)),
		"a value that is a tree of itself": files(chart(`{{ $d := dict }}{{ range until 18 }}{{ $d = dict "a" $d "b" $d }}{{ end }}{{ range until 1000 }}{{ $_ := toYaml $d }}{{ end }}`)),
		"a value a million deep":           files(chart(`{{ $d := dict }}{{ $e := $d }}{{ range until 25 }}{{ range until 100000 }}{{ $n := dict }}{{ $_ := set $e "a" $n }}{{ $e = $n }}{{ end }}{{ end }}{{ $d }}`)),
		"TOML a million deep":              files(chart(`{{ $a := repeat 100000 "[" }}{{ $a = print $a $a $a $a $a $a $a $a $a $a }}{{ fromToml (print "a = " $a $a $a $a $a $a $a $a $a $a) }}`)),
		"TOML with a million keys in one":  files(chart(`{{ $a := repeat 50000 "a." }}{{ $a = print $a $a $a $a $a $a $a $a $a $a }}{{ fromToml (print $a $a $a $a $a $a $a $a $a $a "a = 1") }}`)),
		"JSON a million deep":              files(chart(`{{ $a := repeat 100000 "[" }}{{ $a = print $a $a $a $a $a $a $a $a $a $a }}{{ fromJsonArray $a }}`)),
		"nested ifs":                       files(chart(strings.Repeat("{{ if 1 }}", 100000) + "x" + strings.Repeat("{{ end }}", 100000))),
		"nested parentheses":               files(chart("{{ " + strings.Repeat("(", 1000000) + "1" + strings.Repeat(")", 1000000) + " }}")),
		"a pattern of braces":              files(chart(`{{ $a := repeat 100000 "{" }}{{ $a = print $a $a $a $a $a $a $a $a $a $a }}{{ .Files.Glob (print $a $a $a $a $a $a $a $a $a $a) }}`)),
		"regular expressions":              files(chart(`{{ regexMatch "((((((((((a{1,10}){1,10}){1,10})*)*)*)*)*)*)*b" (repeat 50000 "a") }}{{ range until 100000 }}{{ $_ := regexFindAll "." (repeat 100000 "a") -1 }}{{ end }}`)),
		"private keys":                     files(chart(`{{ range until 100000 }}{{ genPrivateKey "rsa" }}{{ end }}`)),
		"tpl of tpl":                       files(chart(`{{ define "x" }}{{ tpl "{{ include \"x\" . }}" . }}{{ end }}{{ include "x" . }}`)),
		"many charts": func(dir string) {
			for i := range 4 {
				writeTree(t, dir, map[string]string{".redis-gitops.yaml": "", fmt.Sprintf("applications/a%d/Chart.yaml", i): "apiVersion: v2\nname: a\nversion: 1.0.0\n", fmt.Sprintf("applications/a%d/templates/redis.yaml", i): "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}"})
			}
		},
		"many in one file":   files(map[string]string{".redis-gitops.yaml": "", "applications/a/redis.yaml": many.String()}),
		"aliases of aliases": files(map[string]string{".redis-gitops.yaml": "", "applications/a/redis.yaml": alias}),
		"deep nesting":       files(map[string]string{".redis-gitops.yaml": "", "applications/a/redis.yaml": strings.Repeat("[", 200000)}),
		"endless rules":      files(map[string]string{".redis-gitops.yaml": "policies: [policies]\n", "policies/a.rego": "# METADATA\n# title: A\n# custom:\n#   severity: error\npackage redisgitops.own.a\nimport rego.v1\nviolation contains {\"path\": [], \"message\": \"x\"} if {\n\tsome a in numbers.range(1, 100000)\n\tsome b in numbers.range(1, 100000)\n\ta + b == -1\n}\n", "applications/a/redis.yaml": redis(1)}),
		"what is not a file": func(dir string) {
			writeTree(t, dir, map[string]string{".redis-gitops.yaml": "", "applications/a/redis.yaml": redis(1), "applications/a/kustomization.yaml": "resources: [redis.yaml, pipe.yaml, zero.yaml, loop.yaml, socket]\n"})
			at := func(name string) string { return filepath.Join(dir, "applications", "a", name) }
			for _, err := range []error{syscall.Mkfifo(at("pipe.yaml"), 0o600), os.Symlink("/dev/zero", at("zero.yaml")), os.Symlink("loop.yaml", at("loop.yaml")), os.Symlink("..", at("up")), syscall.Mkfifo(filepath.Join(dir, ".helmignore"), 0o600)} {
				if err != nil {
					t.Fatal(err)
				}
			}
		},
		"a configuration that is a pipe": func(dir string) {
			if err := syscall.Mkfifo(filepath.Join(dir, ".redis-gitops.yaml"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"a huge file": func(dir string) {
			writeTree(t, dir, map[string]string{".redis-gitops.yaml": "", "applications/a/redis.yaml": ""})
			if err := os.Truncate(filepath.Join(dir, "applications", "a", "redis.yaml"), 1<<40); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// TestHostileRepositories lints repositories of strangers as processes: each ends in time, with an exit code of ours, in less
// than 1 GB of memory.
func TestHostileRepositories(t *testing.T) {
	const limit, most = 60 * time.Second, 1 << 30
	for name, make := range hostileRepositories(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			make(dir)
			ctx, cancel := context.WithTimeout(context.Background(), limit+10*time.Second)
			defer cancel()
			c := exec.CommandContext(ctx, builtTool(t), "-C", dir, "lint", "--timeout", limit.String(), "--max-memory", "900Mi", "--jobs", "2")
			var out bytes.Buffer
			c.Stdout, c.Stderr = &out, &out
			c.WaitDelay = time.Second
			peak, err := runPeak(c)
			var exit *exec.ExitError
			switch {
			case ctx.Err() != nil:
				t.Fatal("did not end")
			case errors.As(err, &exit) && (exit.ExitCode() < 0 || exit.ExitCode() > exitcode.Error):
				t.Errorf("exit code %d: %.2000s", exit.ExitCode(), out.String())
			case err != nil && exit == nil:
				t.Error(err)
			}
			if strings.Contains(out.String(), "goroutine ") || strings.Contains(out.String(), "panic:") {
				t.Errorf("crashed: %.2000s", out.String())
			}
			t.Logf("%d MB, %v of processor time", peak>>20, c.ProcessState.UserTime().Round(10*time.Millisecond))
			if peak > most {
				t.Errorf("took %d MB of memory", peak>>20)
			}
		})
	}
}

// runPeak runs a command and returns its peak resident memory in bytes. On Linux that is polled: the maximum that the kernel
// reports for a child includes the memory of the process that started it.
func runPeak(c *exec.Cmd) (int64, error) {
	if err := c.Start(); err != nil {
		return 0, err
	}
	status := fmt.Sprintf("/proc/%d/status", c.Process.Pid)
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	var peak int64
	for {
		select {
		case err := <-done:
			if usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok && runtime.GOOS == "darwin" {
				peak = int64(usage.Maxrss)
			}
			return peak, err
		case <-time.After(5 * time.Millisecond):
			text, err := os.ReadFile(status)
			if _, rest, ok := strings.Cut(string(text), "VmHWM:"); ok && err == nil {
				var kilobytes int64
				if _, err := fmt.Sscan(rest, &kilobytes); err == nil {
					peak = max(peak, kilobytes<<10)
				}
			}
		}
	}
}
