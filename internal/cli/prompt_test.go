package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
)

// TestPrompts answers the questions as a person at a terminal would.
func TestPrompts(t *testing.T) {
	dir := t.TempDir()
	run := func(terminal bool, answers string, args ...string) (string, int) {
		var out bytes.Buffer
		a := newApp()
		a.In, a.Out, a.Err, a.Terminal = strings.NewReader(answers), &out, &out, terminal
		code := a.run(context.Background(), append([]string{"-C", dir}, args...))
		return out.String(), code
	}
	must := func(out string, code int) {
		t.Helper()
		if code != exitcode.OK {
			t.Fatal(out)
		}
	}
	must(run(false, "", "init", dir))
	must(run(false, "", "generate", "application", "shop"))
	if err := os.WriteFile(filepath.Join(dir, "generators", "resources", "queue.yaml"), []byte("kind: Queue\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	exists := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, "applications", "shop", "templates", name))
		return err == nil
	}
	out, code := run(true, "2\n\n\n", "generate", "resource", "shop")
	if code != exitcode.OK || !exists("redis.yaml") || !strings.Contains(out, " 1. queue\n 2. redis\n") {
		t.Errorf("choosing the second type: %d, %s", code, out)
	}
	if out, code := run(true, "queue\n", "generate", "resource", "shop"); code != exitcode.OK || !exists("queue.yaml") {
		t.Errorf("choosing by name: %d, %s", code, out)
	}
	if out, code := run(true, "7\n", "generate", "resource", "shop"); code != exitcode.Error || !strings.Contains(out, `invalid choice "7"; enter a number from 1 to 2`) {
		t.Errorf("a bad choice: %d, %s", code, out)
	}
	if out, code := run(true, "", "generate", "resource", "shop"); code != exitcode.Error || !strings.Contains(out, "no reply") {
		t.Errorf("no answer: %d, %s", code, out)
	}
	if out, code := run(true, "s\ncache\n\n", "generate", "resource", "shop", "redis", "--profile", "cache"); code != exitcode.OK || !exists("redis-cache.yaml") {
		t.Errorf("a suffix on request: %d, %s", code, out)
	}
	if out, code := run(true, "suffix\n\n", "generate", "resource", "shop", "redis", "--profile", "cache"); code != exitcode.Error || !strings.Contains(out, "nothing was changed") {
		t.Errorf("no suffix: %d, %s", code, out)
	}
	// Nobody is asked with --yes, or without a terminal.
	for _, terminal := range []bool{true, false} {
		out, code := run(terminal, "x\n", "generate", "resource", "shop", "redis", "--profile", "cache", "--yes")
		if code != exitcode.Error || strings.Contains(out, "[k]eep") {
			t.Errorf("--yes: %d, %s", code, out)
		}
	}
}
