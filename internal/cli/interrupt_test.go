//go:build unix

package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
)

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
		if c.ProcessState.ExitCode() != exitcode.Error || errs.String() != "error: interrupted; nothing was changed\n" {
			t.Errorf("%q: %v: %s", args, c.ProcessState, errs.String())
		}
		if _, err := os.Stat(pipe + ".out"); err == nil {
			t.Error("an output is there")
		}
	}
}
