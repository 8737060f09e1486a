package redisgitops_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// starting are the files of the tool that start a program, with the reason why nothing of a repository decides which one.
// docs/security.md promises it.
var starting = map[string]string{
	"git/git.go":         "git, in a Git directory of our own (private.go)",
	"git/tree.go":        "the same",
	"isolate/isolate.go": "the tool itself",
	"cluster/cli.go":     "redis-cli of the PATH, for cli --local",
	"wasm/host/host.go":  "the user's browser, for web --open",
}

// TestPrograms finds every call that starts a program, so that a new one is looked at.
func TestPrograms(t *testing.T) {
	start := regexp.MustCompile(`exec\.Command|os\.StartProcess|syscall\.(Exec|ForkExec)|unix\.Exec`)
	found := map[string]bool{}
	tool := toolDirectories(t)
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		name = filepath.ToSlash(name)
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{"test", "node_modules", ".git", ".cache", "testdata"}, d.Name()) {
			return fs.SkipDir // test has programs for development alone
		}
		if d.IsDir() || strings.HasPrefix(name, "internal/") && !tool[path.Dir(name)] || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		src, err := os.ReadFile(name)
		if err == nil && start.Match(src) {
			found[name] = true
			if starting[name] == "" {
				t.Errorf("%s starts a program; see that no repository decides which, and add it to this test", name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range starting {
		if !found[name] {
			t.Errorf("%s starts no program any more; take it out of this test", name)
		}
	}
}

// toolDirectories returns the directories below internal that are part of the tool; the others are for development alone.
func toolDirectories(t *testing.T) map[string]bool {
	t.Helper()
	dirs := map[string]bool{}
	for _, path := range strings.Fields(string(command(t, "go", "list", "-deps", "./cmd/redis-gitops"))) {
		if dir, ours := strings.CutPrefix(path, module+"/"); ours && strings.HasPrefix(dir, "internal/") {
			dirs[dir] = true
		}
	}
	if !dirs["internal/cli"] {
		t.Error("internal/cli is not part of the tool")
	}
	return dirs
}

// TestNoGitInCI holds the scripts that run in somebody's CI or hook: none of them calls git in the repository that is linted.
func TestNoGitInCI(t *testing.T) {
	call := regexp.MustCompile(`(^|[\s;&|("'$])git\s+(-|[a-z]+)`)
	for _, name := range []string{"action.yml", "templates/redis-gitops.yml", "scaffold/skeleton/gitlab-ci.yml", ".pre-commit-hooks.yaml"} {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(src), "\n") {
			code, _, _ := strings.Cut(strings.TrimSpace(line), " #")
			if strings.HasPrefix(code, "#") || strings.HasPrefix(code, "description:") {
				continue
			}
			if call.MatchString(code) {
				t.Errorf("%s:%d calls git in the repository: %s", name, i+1, code)
			}
		}
	}
	if !call.MatchString("cd x && git diff") || !call.MatchString("git -C x log") {
		t.Error("the pattern finds nothing")
	}
}

// TestPinnedActions has every action of a workflow named by a commit, which nobody can move.
func TestPinnedActions(t *testing.T) {
	files, err := filepath.Glob(".github/workflows/*.y*ml")
	if err != nil || len(files) == 0 {
		t.Fatal("no workflows", err)
	}
	uses := regexp.MustCompile(`uses:\s*(\S+)`)
	pinned := regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)
	count := 0
	for _, name := range append(files, "action.yml") {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range uses.FindAllStringSubmatch(string(src), -1) {
			if count++; !pinned.MatchString(m[1]) && !strings.HasPrefix(m[1], "./") {
				t.Errorf("%s: %s is not pinned to a commit", name, m[1])
			}
		}
	}
	if count == 0 {
		t.Error("no action was found")
	}
}
