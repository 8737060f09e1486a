package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
)

// TestMigratePairs takes a Redis of each application of the example from each operator to all that migrate --list offers. Each stage in Git
// has no finding in strict mode that was not there before, and git revert gives back the bytes. In short mode each operator has one
// pair.
func TestMigratePairs(t *testing.T) {
	t.Parallel()
	for i, app := range []string{"shop", "reports", "payments"} { // charts, and a kustomization
		for k, from := range []string{"spotahome", "freshworks", "statefulset", "opstree"} {
			if testing.Short() && k%3 != i {
				continue
			}
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "examples", "devops-repo"))); err != nil {
				t.Fatal(err)
			}
			m := &pairs{t, dir}
			m.forget("  - rule: op/upstream-archived\n    reason: the version is pinned, and the move to a fork is planned\n    until: 2027-12-31\n") // which the adoption makes unused
			m.git("init", "-q")
			m.run("generate", "resource", app, "redis", "--suffix", "m", "--operator", from, "--auth", "external", "--store", "vault")
			m.run("lint", "--strict", "--create-baseline", "--baseline", filepath.Join(m.dir, ".redis-gitops-baseline.json"))
			m.commit("before")
			type target struct{ Name, Reason, Way string }
			var targets []target
			if err := json.Unmarshal(m.run("migrate", app, "redis-m", "--list", "--output", "json"), &targets); err != nil {
				t.Fatal(err)
			}
			targets = slices.DeleteFunc(targets, func(to target) bool { return to.Reason != "" })
			if len(targets) < 2 {
				t.Errorf("%s: from %s to %v", app, from, targets)
			}
			if testing.Short() {
				targets = targets[len(targets)-1:]
			}
			for _, to := range targets {
				t.Logf("%s: %s to %s", app, from, to.Name)
				m.play(app, "redis-m", to.Name, to.Way)
			}
		}
	}
}

// pairs is a repository.
type pairs struct {
	*testing.T
	dir string
}

// forget removes a text from the configuration.
func (m *pairs) forget(text string) {
	m.Helper()
	file := filepath.Join(m.dir, ".redis-gitops.yaml")
	src, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(src, []byte(text)) {
		m.Fatalf("%s has no %q: %v", file, text, err)
	}
	if err := os.WriteFile(file, bytes.Replace(src, []byte(text), nil, 1), 0o644); err != nil {
		m.Fatal(err)
	}
}

func (m *pairs) git(args ...string) []byte {
	m.Helper()
	out, err := exec.Command("git", append([]string{"-C", m.dir, "-c", "user.name=x", "-c", "user.email=x@example.org"}, args...)...).CombinedOutput()
	if err != nil {
		m.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return out
}

func (m *pairs) commit(what string) {
	m.Helper()
	m.git("add", "-A")
	m.git("commit", "-q", "-m", what)
}

func (m *pairs) run(args ...string) []byte {
	m.Helper()
	var out, errs bytes.Buffer
	a := newApp()
	a.In, a.Out, a.Err, a.Terminal = strings.NewReader(""), &out, &errs, false
	if code := a.run(m.Context(), append([]string{"-C", m.dir}, args...)); code != exitcode.OK {
		m.Fatalf("%v: exit code %d\n%s\n%s", args, code, &out, &errs)
	}
	return out.Bytes()
}

// play makes all stages in Git with more flags, each as a commit that is reverted and made again, and returns what they would change.
func (m *pairs) play(app, name, to, way string, more ...string) (said [][]byte) {
	m.Helper()
	stages := []string{"1", "4", "5"}
	if way == "adoption" {
		stages = stages[:1]
	}
	first := inside(m.T, m.dir)
	for _, stage := range stages {
		before := inside(m.T, m.dir)
		args := append([]string{"migrate", app, name, "--to", to, "--stage", stage}, more...)
		said = append(said, m.run(append(args, "--dry-run")...))
		m.run(args...)
		m.commit("stage " + stage)
		if bytes.Equal(m.git("rev-parse", "HEAD^{tree}"), m.git("rev-parse", "HEAD~1^{tree}")) {
			m.Fatalf("stage %s of %s to %s changes nothing", stage, app, to)
		}
		m.run("lint", "--strict", "--baseline", filepath.Join(m.dir, ".redis-gitops-baseline.json"))
		m.git("revert", "--no-edit", "HEAD")
		if d := differ(inside(m.T, m.dir), before); d != "" {
			m.Fatalf("reverting stage %s of %s to %s: %s", stage, app, to, d)
		}
		m.git("revert", "--no-edit", "HEAD")
	}
	m.git("revert", "--no-edit", "-n", "HEAD~"+map[int]string{1: "3", 3: "9"}[len(stages)]+"..HEAD")
	m.commit("back")
	if d := differ(inside(m.T, m.dir), first); d != "" {
		m.Fatalf("reverting all of %s to %s: %s", app, to, d)
	}
	return said
}
