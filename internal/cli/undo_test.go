package cli

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
)

// inside returns every file with its content and mode, and every directory, without what the tool keeps for itself.
func inside(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil || rel == ".git" || rel == filepath.Join(".redis-gitops", "journal") {
			return errOr(err, fs.SkipDir)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		all[rel] = info.Mode().String()
		if info.Mode().IsRegular() {
			src, err := os.ReadFile(name)
			all[rel] += " " + string(src)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func errOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// differ names the files that differ, but for the tool's own directory, which the record keeps where it is in the work tree.
func differ(got, want map[string]string) string {
	var b strings.Builder
	for name, text := range got {
		if was, ok := want[name]; (!ok || was != text) && name != ".redis-gitops" {
			fmt.Fprintf(&b, "%s: got %q, want %q\n", name, text, was)
		}
	}
	for name := range want {
		if _, ok := got[name]; !ok && name != ".redis-gitops" {
			fmt.Fprintf(&b, "%s is missing\n", name)
		}
	}
	return b.String()
}

// inProcess runs a command and returns its exit code and output.
func inProcess(args ...string) (int, string) {
	var out bytes.Buffer
	a := newApp()
	a.In, a.Out, a.Err, a.Terminal = strings.NewReader(""), &out, &out, false
	code := a.run(context.Background(), args)
	return code, out.String()
}

// TestUndoCommands runs random commands and undoes some: bytes, modes and directories are as they were before.
func TestUndoCommands(t *testing.T) {
	t.Parallel()
	random := mathrand.New(mathrand.NewPCG(41, 42))
	commands := [][]string{
		{"init"}, {"generate", "application", "shop"}, {"generate", "application", "mail", "--kustomize"}, {"generate", "resource", "shop", "redis"}, {"lint", "--fix", "--fail-on", "never"},
		{"generate", "resource", "shop", "redis", "--suffix", "cache", "--auth", "existing:shop-auth"}, {"generate", "resource", "mail", "redis"},
		{"generate", "resource", "shop", "redis", "--profile", "queue", "--force"}, {"generate", "deployment", "shop", "web"},
		{"generate", "update", "--force"}, {"lint", "--fix", "--fail-on", "never"}, {"destroy", "resource", "shop", "redis", "--force"},
		{"destroy", "resource", "shop", "redis-cache", "--force"}, {"destroy", "resource", "mail", "redis", "--force"},
		{"destroy", "deployment", "shop", "web", "--force"}, {"destroy", "application", "shop", "--force"}, {"destroy", "application", "mail", "--force"},
	}
	undone := map[string]int{}
	for round := range 2 {
		dir := t.TempDir()
		if round%2 == 0 {
			if err := os.Mkdir(filepath.Join(dir, ".git"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if code, out := inProcess("-C", dir, "init", dir); code != exitcode.OK {
			t.Fatal(out)
		}
		var log []string
		for range 60 {
			if err := os.Chmod(filepath.Join(dir, "README.md"), []fs.FileMode{0o644, 0o600}[random.IntN(2)]); err != nil {
				t.Fatal(err)
			}
			if file := filepath.Join(dir, "applications/shop/values.yaml"); random.IntN(4) == 0 {
				if src, err := os.ReadFile(file); err == nil {
					if err := os.WriteFile(file, bytes.Replace(src, []byte("    sentinels: 3"), []byte("    sentinels: 2"), 1), 0o644); err != nil {
						t.Fatal(err)
					}
					if err := os.Chmod(file, 0o640); err != nil {
						t.Fatal(err)
					}
				}
			}
			args := commands[random.IntN(len(commands))]
			before := inside(t, dir)
			code, _ := inProcess(append([]string{"-C", dir}, args...)...)
			if args[0] == "init" {
				code, _ = inProcess("-C", dir, "init", dir)
			}
			log = append(log, strings.Join(args, " "))
			after := inside(t, dir)
			if code == exitcode.Error || differ(after, before) == "" {
				continue // refused, or nothing to do
			}
			if random.IntN(3) == 0 {
				continue // goes on from there
			}
			undone[args[0]+" "+args[1%len(args)]]++
			code, out := inProcess("-C", dir, "undo")
			if code != exitcode.OK {
				t.Fatalf("%q: %s", log, out)
			}
			if d := differ(inside(t, dir), before); d != "" {
				t.Fatalf("%q: after undo %s", log, d)
			}
			if code, out = inProcess("-C", dir, "undo"); code != exitcode.Error || !strings.Contains(out, "there is no change to undo") {
				t.Fatalf("%q: a second undo: exit code %d, %s", log, code, out)
			}
			log = append(log, "undo")
		}
	}
	t.Log(undone)
	for _, command := range []string{"generate application", "generate resource", "destroy resource", "destroy application", "lint --fix"} {
		if undone[command] == 0 {
			t.Errorf("%s was never undone", command)
		}
	}
}

// TestUndoKilled kills undo before every change it makes to the disk. The next undo does what is left, or finds nothing to do.
func TestUndoKilled(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"generate", "application", "shop"}, {"generate", "resource", "shop", "redis"}} {
		if code, out := inProcess(append([]string{"-C", dir}, args...)...); code != exitcode.OK {
			t.Fatal(out)
		}
	}
	before := inside(t, dir)
	killed := 0
	for kill := 0; ; kill++ {
		if code, out := inProcess("-C", dir, "generate", "resource", "shop", "redis", "--suffix", "cache"); code != exitcode.OK {
			t.Fatal(out)
		}
		after := inside(t, dir)
		c := exec.Command(self, "-C", dir, "undo")
		c.Env = append(os.Environ(), killAt+"="+strconv.Itoa(kill))
		out, _ := c.CombinedOutput()
		if ws, ok := c.ProcessState.Sys().(syscall.WaitStatus); !c.ProcessState.Success() && (!ok || ws.Signal() != syscall.SIGKILL) {
			t.Fatalf("step %d: not killed: %s", kill, out)
		}
		code, text := inProcess("-C", dir, "undo")
		if code != exitcode.OK && !strings.Contains(text, "there is no change to undo") {
			t.Fatalf("step %d: %s", kill, text)
		}
		if d := differ(inside(t, dir), before); d != "" {
			t.Fatalf("step %d: %s", kill, d)
		}
		if differ(after, before) == "" {
			t.Fatal("nothing was generated")
		}
		if c.ProcessState.Success() {
			break
		}
		killed++
	}
	if killed < 10 {
		t.Errorf("killed only %d times", killed)
	}
}

// TestUndoRecordsNoSecret replaces lines with passwords by every means: none is in the record.
func TestUndoRecordsNoSecret(t *testing.T) {
	dir := canaryRepository(t, false)
	for _, args := range [][]string{
		{"init", dir}, {"lint", "--fix=suggested"}, {"generate", "resource", "shop", "redis", "--force"}, {"destroy", "resource", "shop", "redis", "--force"},
	} {
		inProcess(append([]string{"-C", dir}, args...)...)
		for _, name := range []string{".git/redis-gitops", ".redis-gitops/journal"} {
			err := filepath.WalkDir(filepath.Join(dir, name), func(file string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return nil
				}
				src, err := os.ReadFile(file)
				if leak := leaks(string(src)); leak != "" {
					t.Errorf("%v: %s: %s", args, file, leak)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		code, out := inProcess("-C", dir, "undo")
		if code != exitcode.OK && code != exitcode.Error || leaks(out) != "" {
			t.Errorf("%v: exit code %d, %s", args, code, out)
		}
	}
}
