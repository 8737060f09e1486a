//go:build integration

// Package citest runs what other people's machines run: the hooks with the real pre-commit, and the scripts of the GitHub
// Action and of the GitLab component with the environment that they have there.
package citest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// result is what a command printed and how it ended.
type result struct {
	out  string // both streams
	code int
}

// run runs a command to its end; env comes on top of the environment.
func run(t *testing.T, dir string, env []string, name string, args ...string) result {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), env...)
	var b bytes.Buffer
	c.Stdout, c.Stderr = &b, &b
	err := c.Run()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatalf("%s: %v", name, err)
	}
	return result{b.String(), c.ProcessState.ExitCode()}
}

// must runs a command that has to end well, and gives what it printed without the last line end.
func must(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	r := run(t, dir, env, name, args...)
	if r.code != 0 {
		t.Fatalf("%s %s: exit code %d\n%s", name, strings.Join(args, " "), r.code, r.out)
	}
	return strings.TrimRight(r.out, "\n")
}

// world is a machine with a home of its own, but with Go's caches, so that nothing is downloaded twice.
func world(t *testing.T) []string {
	t.Helper()
	home := t.TempDir()
	env := []string{
		"HOME=" + home, "XDG_CACHE_HOME=" + filepath.Join(home, "cache"), "GOPATH=" + filepath.Join(home, "go"),
		"GOMODCACHE=" + must(t, ".", nil, "go", "env", "GOMODCACHE"), "GOCACHE=" + must(t, ".", nil, "go", "env", "GOCACHE"),
		"GOFLAGS=-buildvcs=false",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
	}
	for _, kept := range os.Environ() {
		// The hook of a commit of this repository must not lead Git elsewhere.
		if name, _, _ := strings.Cut(kept, "="); strings.HasPrefix(name, "GIT_") && !slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") }) {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	return env
}

// machine is what all tests share, because a build in another folder compiles the project anew.
type machine struct{ clone, commit, bin, tool string }

var prepared machine

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "redis-gitops-citest-*")
	if err != nil {
		panic(err)
	}
	prepared.clone, prepared.bin = filepath.Join(dir, "redis-gitops"), filepath.Join(dir, "bin")
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// source returns a clone of this repository at the last commit, as other machines get it, and the tool built of it.
func source(t *testing.T, env []string) machine {
	t.Helper()
	if prepared.tool != "" {
		return prepared
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if r := run(t, root, env, "git", "rev-parse", "--git-dir"); r.code != 0 {
		t.Skipf("not a Git checkout: %s", r.out)
	}
	must(t, ".", env, "git", "clone", "--quiet", "--no-hardlinks", root, prepared.clone)
	prepared.commit = must(t, prepared.clone, env, "git", "rev-parse", "HEAD")
	tool := filepath.Join(prepared.bin, "redis-gitops")
	must(t, prepared.clone, env, "go", "build", "-o", tool, "./cmd/redis-gitops")
	prepared.tool = tool
	return prepared
}

// devops makes a repository with a Redis, as users have them, with one commit.
func devops(t *testing.T, env []string, tool string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "devops")
	must(t, ".", env, tool, "init", dir)
	must(t, dir, env, tool, "generate", "application", "shop")
	must(t, dir, env, tool, "generate", "resource", "shop", "redis", "--profile", "store")
	must(t, dir, env, "git", "init", "--quiet", "--initial-branch=main")
	must(t, dir, env, "git", "add", "--all")
	must(t, dir, env, "git", "commit", "--quiet", "--no-verify", "--message=first")
	return dir
}

const valuesFile = "applications/shop/values.yaml"

// spoil sets a value that is an error by itself, and says in which line.
func spoil(t *testing.T, dir string) (line int) {
	t.Helper()
	const good, bad = "sentinels: 3", "sentinels: 2"
	src, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(valuesFile)))
	if err != nil {
		t.Fatal(err)
	}
	before, _, ok := strings.Cut(string(src), good)
	if !ok {
		t.Fatalf("%s has no %q:\n%s", valuesFile, good, src)
	}
	write(t, dir, valuesFile, strings.Replace(string(src), good, bad, 1))
	return 1 + strings.Count(before, "\n")
}

// write writes a file of a repository.
func write(t *testing.T, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
