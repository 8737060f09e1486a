package datacmd

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
)

// TestWriteOutput compresses by the name of a file, and writes to standard output as it is, unless that is a terminal.
func TestWriteOutput(t *testing.T) {
	text := func(w io.Writer) error { _, err := io.WriteString(w, "data"); return err }
	t.Parallel()
	e := env.New()
	for name, want := range map[string]string{"file": "data", "file.gz": "\x1f\x8b", "file.zst": "\x28\xb5\x2f\xfd"} {
		name = filepath.Join(t.TempDir(), name)
		if err := writeOutput(e, name, text); err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(name); err != nil || !strings.HasPrefix(string(data), want) {
			t.Errorf("%s has %q, %v", name, data, err)
		}
	}
	out := &strings.Builder{}
	e.Out, e.Terminal = out, false
	if err := writeOutput(e, "-", text); err != nil || out.String() != "data" {
		t.Error(out, err)
	}
	e.Terminal = true
	if err := writeOutput(e, "-", text); err == nil || !strings.Contains(err.Error(), "refusing to write a dump to a terminal; pass a file, or") {
		t.Error(err)
	}
}
