package spool

import (
	"io"
	"os"
	"runtime"
	"testing"
)

// TestFile reads what was written twice, also at the same time, and leaves nothing behind.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir)
	f, err := Create("redis-gitops-*.rdb")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"one, ", "two"} {
		if _, err := io.WriteString(f, text); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := f.Size(); err != nil || n != 8 {
		t.Errorf("%d bytes, %v", n, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v", entries, err)
	}
	if info, err := entries[0].Info(); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	first, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	second, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []io.ReadCloser{first, second} {
		if text, err := io.ReadAll(r); err != nil || string(text) != "one, two" {
			t.Errorf("%q, %v", text, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	f.Remove()
	f.Remove()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}
