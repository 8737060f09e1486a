package s3test

import (
	"os"
	"path/filepath"
	"testing"
)

// TestProgram: the server is found from the folder of each package, whatever the compiler knows of the sources.
func TestProgram(t *testing.T) {
	root := t.TempDir()
	below := filepath.Join(root, "internal", "cli")
	if err := os.MkdirAll(below, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(below)
	if got := program(); got != "" {
		t.Errorf("got %s, which nobody built", got)
	}
	if err := os.MkdirAll(filepath.Join(root, ".cache", "s3"), 0o755); err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(root, ".cache", "s3", "versitygw")
	if err := os.WriteFile(want, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if got := program(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
