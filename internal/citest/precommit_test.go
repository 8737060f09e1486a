//go:build integration

package citest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPreCommit installs each hook from a clone of this repository into a repository of a user, and commits there.
func TestPreCommit(t *testing.T) {
	if _, err := exec.LookPath("pre-commit"); err != nil {
		t.Skip("pre-commit is not installed; make integration installs it")
	}
	env := world(t)
	m := source(t, env)
	must(t, m.clone, env, "pre-commit", "validate-manifest", ".pre-commit-hooks.yaml")
	for _, hook := range []string{"redis-gitops-lint", "redis-gitops-lint-system"} {
		t.Run(hook, func(t *testing.T) {
			env := env
			if strings.HasSuffix(hook, "-system") {
				env = append(env, "PATH="+m.bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			}
			dir := devops(t, env, m.tool)
			write(t, dir, ".pre-commit-config.yaml", fmt.Sprintf("repos:\n  - repo: %s\n    rev: %s\n    hooks:\n      - id: %s\n", m.clone, m.commit, hook))
			must(t, dir, env, "git", "add", "--all")
			must(t, dir, env, "pre-commit", "install", "--install-hooks")

			if out := must(t, dir, env, "git", "commit", "--message=clean"); !strings.Contains(out, "Passed") {
				t.Errorf("a clean commit: the hook did not run\n%s", out)
			}

			line := spoil(t, dir)
			r := run(t, dir, env, "git", "commit", "--all", "--message=bad")
			if want := fmt.Sprintf("%s:%d:", valuesFile, line); r.code == 0 || !strings.Contains(r.out, "Failed") || !strings.Contains(r.out, want) {
				t.Errorf("a bad value: exit code %d, want %s in\n%s", r.code, want, r.out)
			}
			must(t, dir, env, "git", "checkout", "--quiet", "HEAD", "--", ".")

			// Without its values the template does not render. pre-commit has no file to pass here.
			must(t, dir, env, "git", "rm", "--quiet", valuesFile)
			r = run(t, dir, env, "git", "commit", "--message=deletion")
			if r.code == 0 || strings.Contains(r.out, "Skipped") || !strings.Contains(r.out, "applications/shop/") {
				t.Errorf("a commit that deletes: exit code %d\n%s", r.code, r.out)
			}
			must(t, dir, env, "git", "checkout", "--quiet", "HEAD", "--", ".")

			// As a hook, Git gives the process an index of its own; --new-from-rev has to work there.
			write(t, dir, ".pre-commit-config.yaml", fmt.Sprintf("repos:\n  - repo: %s\n    rev: %s\n    hooks:\n      - id: %s\n        args: [--new-from-rev, HEAD]\n", m.clone, m.commit, hook))
			spoil(t, dir)
			r = run(t, dir, env, "git", "commit", "--all", "--message=new")
			if r.code == 0 || !strings.Contains(r.out, fmt.Sprintf("%s:%d:", valuesFile, line)) {
				t.Errorf("--new-from-rev: exit code %d\n%s", r.code, r.out)
			}
		})
	}
}

// TestSkeletonHook commits in a repository of init with the hook that init wrote.
func TestSkeletonHook(t *testing.T) {
	if _, err := exec.LookPath("pre-commit"); err != nil {
		t.Skip("pre-commit is not installed; make integration installs it")
	}
	env := world(t)
	m := source(t, env)
	env = append(env, "PATH="+m.bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	dir := devops(t, env, m.tool)
	if _, err := os.Stat(filepath.Join(dir, ".pre-commit-config.yaml")); err != nil {
		t.Fatal(err)
	}
	must(t, dir, env, "pre-commit", "validate-config", ".pre-commit-config.yaml")
	must(t, dir, env, "pre-commit", "install", "--install-hooks")
	write(t, dir, "note.txt", "x\n")
	must(t, dir, env, "git", "add", "--all")
	if out := must(t, dir, env, "git", "commit", "--message=clean"); strings.Count(out, "Passed") < 2 {
		t.Errorf("want lint and update to pass\n%s", out)
	}
	line := spoil(t, dir)
	if r := run(t, dir, env, "git", "commit", "--all", "--message=bad"); r.code == 0 || !strings.Contains(r.out, fmt.Sprintf("%s:%d:", valuesFile, line)) {
		t.Errorf("a bad value: exit code %d\n%s", r.code, r.out)
	}
}
