package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestExample makes the example repository anew: what is in Git must be what the tool makes. UPDATE=1 writes it.
func TestExample(t *testing.T) {
	example := filepath.Join("..", "..", "examples", "devops-repo")
	dir := t.TempDir()
	tool := filepath.Join(dir, "redis-gitops")
	if out, err := exec.Command("go", "build", "-o", tool, "../../cmd/redis-gitops").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	made := filepath.Join(dir, "made")
	if out, err := exec.Command("sh", filepath.Join("..", "..", "scripts", "make-example.sh"), tool, made).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.RemoveAll(example); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(example, os.DirFS(made)); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := tree(t, made), tree(t, example); got != want {
		out, _ := exec.Command("diff", "-r", "-u", example, made).CombinedOutput()
		t.Errorf("the example is not what the tool makes; run UPDATE=1 go test ./internal/cli -run TestExample\n%s", out)
	}
}
