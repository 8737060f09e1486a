package lint_test

import (
	"os"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/lint"
)

// TestOpsTree: a file with several mistakes has a finding for each, at the line to edit, and no mistake has two. UPDATE=1 writes want.txt.
func TestOpsTree(t *testing.T) { golden(t, "testdata/opstree.txtar") }

// TestConfigurationFiles does the same for the configuration files of Redis, wherever a repository has them.
func TestConfigurationFiles(t *testing.T) { golden(t, "testdata/files.txtar") }

func golden(t *testing.T, file string) {
	t.Helper()
	t.Parallel()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	archive := txtar.Parse(src)
	r, config := open(t, repository(archive))
	got := print(t, r, "compact", run(t, r, lint.Options{Config: config}).Findings)
	if os.Getenv("UPDATE") != "" {
		archive.Files = append(repository(archive), txtar.File{Name: "want.txt", Data: []byte(got)})
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want.txt" })
	if i < 0 || got != string(archive.Files[i].Data) {
		t.Errorf("got\n%s", got)
	}
}
