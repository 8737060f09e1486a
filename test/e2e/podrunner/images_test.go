package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/test/e2e/spawn"
)

// TestMain makes the program of the tests the first process of a container, as podrunner is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == initArg {
		main()
	}
	os.Exit(m.Run())
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// TestCheckValkey: a container finds the folder of the program wherever it is, even below /tmp, and nothing else of there.
func TestCheckValkey(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: containers need namespaces")
	}
	servers, elsewhere, state := t.TempDir(), t.TempDir(), t.TempDir()
	if !hidden(servers) {
		t.Skipf("%s is not where a container has folders of its own", servers)
	}
	if _, err := writeShims(filepath.Join(state, "bin")); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{servers, elsewhere} {
		write(t, filepath.Join(dir, "root", "server"), "#!/bin/sh\necho v=8.1.0\n")
	}
	program := filepath.Join(servers, "valkey-8.1")
	launch := func(of string) error {
		write(t, program, "#!/bin/sh\nexec "+filepath.Join(of, "root", "server")+" \"$@\"\n")
		return checkValkey(program, state, spawn.Starter())
	}
	if err := launch(servers); err != nil {
		t.Error(err)
	}
	err := launch(elsewhere)
	if err == nil || !strings.Contains(err.Error(), program+" does not run in a container") || !strings.Contains(err.Error(), "not found") {
		t.Errorf("a launcher of another folder: %v", err)
	}
}

// TestCheckImages: what an image would not find in a container is refused by its name.
func TestCheckImages(t *testing.T) {
	below, own := t.TempDir(), t.TempDir()
	if !hidden(below) {
		t.Skipf("%s is not where a container has folders of its own", below)
	}
	write(t, filepath.Join(below, "server"), "")
	write(t, filepath.Join(own, "usr", "bin", "server"), "")
	if err := os.Symlink("server", filepath.Join(own, "usr", "bin", "redis-server")); err != nil {
		t.Fatal(err)
	}
	if err := checkLinks(own); err != nil {
		t.Errorf("a link in the image: %v", err)
	}
	if err := checkCommand([]string{"env", "A=1", "/usr/bin/env", "/tmp"}); err != nil {
		t.Errorf("a command of the machine: %v", err)
	}
	if err := checkCommand([]string{filepath.Join(below, "server"), "--port", "1"}); err == nil || !strings.Contains(err.Error(), filepath.Join(below, "server")) {
		t.Errorf("a command below /tmp: %v", err)
	}
	if err := os.Symlink(filepath.Join(below, "server"), filepath.Join(own, "server")); err != nil {
		t.Fatal(err)
	}
	if err := checkLinks(own); err == nil || !strings.Contains(err.Error(), filepath.Join(own, "server")) {
		t.Errorf("a link out of the image: %v", err)
	}
}
