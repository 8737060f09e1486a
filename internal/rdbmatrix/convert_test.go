//go:build integration

package rdbmatrix

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
)

// convertCell converts a dump for a release and has a server of it load the file at its start.
func convertCell(t *testing.T, tool string, d *dataset, to release) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.rdb")
	version := strings.TrimPrefix(to.name, "redis-")
	run := func(args ...string) (string, int) {
		c := exec.Command(tool, append([]string{"rdb", "convert", d.dump, out, "--to-version", version}, args...)...)
		var errs bytes.Buffer
		c.Stderr = &errs
		err := c.Run()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return errs.String(), c.ProcessState.ExitCode()
	}
	text, code := run()
	cell := ""
	if code != 0 {
		if _, err := os.Stat(out); err == nil {
			return "REFUSED, BUT WRITTEN"
		}
		cell = "refused: convert: " + lastLine(text)
		if text, code = run("--lossy"); code != 1 {
			return fmt.Sprintf("LOSSY ENDS WITH %d: %s", code, text)
		}
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	s := redistest.StartProgram(t, to.program, data, "--maxmemory-policy", "allkeys-lru")
	defer s.Kill()
	got := readState(s, to, d.from)
	if cell == "" {
		return compareStates(d.state, got, []string{text}, d.from, to)
	}
	want := d.state
	if d.name == " field-ttl" { // the hashes stay
		for fact := range want {
			if strings.HasPrefix(fact, "value ") && got[fact] == "" {
				return "LOST " + fact
			}
		}
		return cell
	}
	for fact, value := range got { // nothing else than what was there
		if want[fact] != value && !strings.HasPrefix(fact, "idle ") {
			return fmt.Sprintf("SILENT: %s is %.200q, not %.200q", fact, value, want[fact])
		}
	}
	return cell
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
