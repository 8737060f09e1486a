package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestWriteOutput(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	text := func(s string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
	}
	a := &app{}
	read := func(name, want string) {
		t.Helper()
		if data, err := os.ReadFile(at(name)); err != nil || string(data) != want {
			t.Errorf("%s has %q, %v", name, data, err)
		}
	}

	// A new file, and one in place of another.
	for _, s := range []string{"one", "two"} {
		if err := a.writeOutput(at("file"), text(s)); err != nil {
			t.Fatal(err)
		}
		read("file", s)
	}
	// What fill fails of is its own error, and the file stays.
	broken := errors.New("broken")
	if err := a.writeOutput(at("file"), func(w io.Writer) error { io.WriteString(w, "three"); return broken }); err != broken {
		t.Error(err)
	}
	read("file", "two")

	// Links stay, also those that lead nowhere yet.
	if err := os.Symlink("file", at("link")); err != nil {
		t.Fatal(err)
	}
	if err := a.writeOutput(at("link"), text("four")); err != nil {
		t.Fatal(err)
	}
	read("file", "four")
	if to, err := os.Readlink(at("link")); err != nil || to != "file" {
		t.Errorf("the link is %q, %v", to, err)
	}

	// A pipe is written to, not replaced.
	if err := syscall.Mkfifo(at("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	go func() {
		data, _ := os.ReadFile(at("pipe"))
		got <- string(data)
	}()
	if err := a.writeOutput(at("pipe"), text("five")); err != nil {
		t.Fatal(err)
	}
	if s := <-got; s != "five" {
		t.Errorf("the pipe gives %q", s)
	}

	// Without files that have no name, it is a hidden one meanwhile.
	f, err := os.CreateTemp(dir, ".named.*.tmp")
	if err != nil {
		t.Fatal(err)
	}
	h := &hidden{File: f, name: f.Name()}
	io.WriteString(h, "six")
	if err := h.publish(at("named")); err != nil {
		t.Fatal(err)
	}
	h.discard()
	read("named", "six")
	if f, err = os.CreateTemp(dir, ".named.*.tmp"); err != nil {
		t.Fatal(err)
	}
	(&hidden{File: f, name: f.Name()}).discard()

	if names := strings.Join(files(t, dir), " "); names != "file link named pipe" {
		t.Errorf("files: %s", names)
	}
	out := &strings.Builder{}
	a.out = out
	if err := a.writeOutput("-", text("seven")); err != nil || out.String() != "seven" {
		t.Error(out, err)
	}
	a.terminal = true
	if err := a.writeOutput("-", text("x")); err == nil || !strings.Contains(err.Error(), "refusing to write a dump to a terminal; pass a file, or") {
		t.Error(err)
	}
}

// A dump that never ends can be interrupted.
func TestInterrupted(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "dump.rdb")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"rdb", "verify", pipe}, {"rdb", "info", pipe}, {"rdb", "filter", pipe, pipe + ".out"}} {
		ctx, cancel := context.WithCancel(t.Context())
		c := exec.CommandContext(ctx, "redis-gitops", args...)
		var errs strings.Builder
		c.Stderr = &errs
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		w, err := os.OpenFile(pipe, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, "REDIS0010"); err != nil {
			t.Fatal(err)
		}
		if err := c.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		// Until it reads no more. Every key is another, so that a dump read before the signal arrives is a sound one.
		for n := 0; ; n++ {
			if _, err := fmt.Fprintf(w, "\x00\x08%08d\x01v", n); err != nil {
				break
			}
		}
		w.Close()
		_ = c.Wait()
		cancel()
		if c.ProcessState.ExitCode() != exitError || errs.String() != "error: interrupted; nothing was changed\n" {
			t.Errorf("%q: %v: %s", args, c.ProcessState, errs.String())
		}
		if _, err := os.Stat(pipe + ".out"); err == nil {
			t.Error("an output is there")
		}
	}
}
