package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/redistest"
)

// dialogue is what a person at a terminal sees and types.
type dialogue struct {
	name  string
	args  string
	steps [][2]string // what the terminal shows, and then what is typed
	code  int
	shows string // at the end
	files string // below applications/shop, that must exist afterwards; with ! that must not
	same  bool   // nothing was changed
}

const (
	question = "[q]uit? "
	again    = "generate resource shop redis --profile cache"
	ctrlC    = "\x03"
)

var dialogues = []dialogue{
	{name: "type, profile and authentication", args: "generate resource new", steps: [][2]string{{"Resource type? ", "redis\r"}, {"Profile (empty for none)? ", "cache\r"}, {"Authentication: ", "existing:auth\r"}}, files: "../new/templates/redis.yaml", shows: "URL: "},
	{name: "defaults", args: "generate resource new redis", steps: [][2]string{{"Profile (empty for none)? ", "\r"}, {"Authentication: ", "\r"}}, files: "../new/templates/redis.yaml"},
	{name: "a profile with a typo", args: "generate resource new redis --auth none", steps: [][2]string{{"Profile (empty for none)? ", "cahce\r"}, {"did you mean \"cache\"?", "cache\r"}}, files: "../new/templates/redis.yaml"},
	{name: "no such profile", args: "generate resource new redis --auth none", steps: [][2]string{{"Profile (empty for none)? ", "a\r"}, {"or nothing: ", "b\r"}, {"Unknown \"b\"", "c\r"}}, code: exitcode.Error, shows: "no valid reply; nothing was changed", same: true},
	{name: "no such method", args: "generate resource new redis --profile cache", steps: [][2]string{{"Authentication: ", "magic\r"}}, code: exitcode.Error, shows: "magic", same: true},
	{name: "Ctrl-C at the type", args: "generate resource new", steps: [][2]string{{"Resource type? ", ctrlC}}, code: exitcode.Error, shows: "nothing was changed", same: true},
	{name: "Ctrl-C at the profile", args: "generate resource new redis", steps: [][2]string{{"Profile (empty for none)? ", ctrlC}}, code: exitcode.Error, shows: "nothing was changed", same: true},
	{name: "Ctrl-C at the authentication", args: "generate resource new redis --profile cache", steps: [][2]string{{"Authentication: ", ctrlC}}, code: exitcode.Error, shows: "nothing was changed", same: true},
	{name: "end of input at the profile", args: "generate resource new redis", steps: [][2]string{{"Profile (empty for none)? ", "\x04"}}, code: exitcode.Error, shows: "no reply", same: true},
	{name: "keep", args: again, steps: [][2]string{{question, "k\r"}}},
	{name: "replace", args: again, steps: [][2]string{{question, "REPLACE\r"}}, shows: "update"},
	{name: "suffix", args: again, steps: [][2]string{{question, "s\r"}, {"Suffix, such as cache: ", "jobs\r"}, {"Authentication: ", "\r"}}, files: "templates/redis-jobs.yaml"},
	{name: "a word that is no choice", args: again, steps: [][2]string{{question, "y\r"}, {"Enter k, r, s or q: ", "q\r"}}, code: exitcode.Error, shows: "nothing was changed", files: "!templates/redis-y.yaml", same: true},
	{name: "three words that are no choice", args: again, steps: [][2]string{{question, "y\r"}, {"Enter k, r, s or q: ", "1\r"}, {"q: ", "\r"}}, code: exitcode.Error, shows: "no valid reply; nothing was changed", same: true},
	{name: "quit", args: again, steps: [][2]string{{question, "q\r"}}, code: exitcode.Error, shows: "nothing was changed", same: true},
	{name: "Ctrl-C at the conflict", args: again, steps: [][2]string{{question, ctrlC}}, code: exitcode.Error, shows: "nothing was changed", same: true},
	{name: "Ctrl-C at the suffix", args: again, steps: [][2]string{{question, "s\r"}, {"Suffix, such as cache: ", ctrlC}}, code: exitcode.Error, shows: "nothing was changed", same: true},
	{name: "the suffix of another one", args: again, steps: [][2]string{{question, "s\r"}, {"Suffix, such as cache: ", "second\r"}, {question, "q\r"}}, code: exitcode.Error, same: true},
	{name: "dry run", args: again + " --dry-run", code: exitcode.Error, shows: "nothing was changed", same: true},
	{name: "--yes", args: again + " --yes", code: exitcode.Error, shows: "nothing was changed", same: true},
	{name: "destroy", args: "destroy resource shop redis", steps: [][2]string{{"Continue? [y/N] ", "y\r"}}, files: "!templates/redis.yaml"},
	{name: "destroy nothing", args: "destroy resource shop redis", steps: [][2]string{{"Continue? [y/N] ", "\r"}}, code: exitcode.Error, shows: "canceled; nothing was changed", same: true},
	{name: "Ctrl-C at destroy", args: "destroy resource shop redis", steps: [][2]string{{"Continue? [y/N] ", ctrlC}}, code: exitcode.Error, shows: "nothing was changed", same: true},
	{name: "destroy --yes", args: "destroy resource shop redis --yes", files: "!templates/redis.yaml"},
}

// TestDialogues: on a real terminal every question, every reply, and Ctrl-C at each.
func TestDialogues(t *testing.T) {
	t.Parallel()
	made := t.TempDir()
	for _, args := range [][]string{{"init", made}, {"generate", "application", "shop"}, {"generate", "application", "new"}, {"generate", "resource", "shop", "redis", "--profile", "store"}, {"generate", "resource", "shop", "redis", "--suffix", "second", "--profile", "store"}} {
		var out bytes.Buffer
		a := newApp()
		a.In, a.Out, a.Err = strings.NewReader(""), &out, &out
		if code := a.run(context.Background(), append([]string{"-C", made}, args...)); code != exitcode.OK {
			t.Fatalf("%v: %s", args, &out)
		}
	}
	if err := os.WriteFile(filepath.Join(made, "generators", "resources", "queue.yaml"), []byte("kind: Queue\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, d := range dialogues {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(made)); err != nil {
				t.Fatal(err)
			}
			before := tree(t, dir)
			out, code := d.run(t, dir)
			if code != d.code || !strings.Contains(out, d.shows) {
				t.Errorf("exit code %d, want %d and %q\n%s", code, d.code, d.shows, out)
			}
			if name, gone := strings.CutPrefix(d.files, "!"); d.files != "" {
				if _, err := os.Stat(filepath.Join(dir, "applications", "shop", name)); errors.Is(err, fs.ErrNotExist) != gone {
					t.Errorf("%s: %v\n%s", d.files, err, out)
				}
			}
			if after := tree(t, dir); d.same && after != before {
				t.Errorf("files were changed\n%s", out)
			}
		})
	}
}

// run starts the program on a terminal of its own, and types.
func (d *dialogue) run(t *testing.T, dir string) (string, int) {
	near, far := redistest.Terminal(t)
	c := exec.Command(builtTool(t), append([]string{"-C", dir}, strings.Fields(d.args)...)...)
	c.Env = append(os.Environ(), "TERM=dumb", "NO_COLOR=1")
	c.Stdin, c.Stdout, c.Stderr = far, far, far
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	far.Close()
	var shown redistest.Screen
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(&shown, near) }) // ends with an error when the other end closes
	seen := 0
	for _, step := range d.steps {
		redistest.Until(t, "the terminal shows "+step[0], func() bool {
			at := strings.Index(shown.String()[seen:], step[0])
			if at >= 0 {
				seen += at + len(step[0])
			}
			return at >= 0
		})
		if _, err := io.WriteString(near, step[1]); err != nil {
			t.Fatal(err)
		}
	}
	err := c.Wait()
	reading.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return shown.String(), c.ProcessState.ExitCode()
}
