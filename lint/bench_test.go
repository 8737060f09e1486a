package lint_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/lint"
)

// BenchmarkRun checks repositories of many charts, each with the template and values of the example's shop.
func BenchmarkRun(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r, config := open(b, charts(b, n))
			b.ReportAllocs()
			for b.Loop() {
				run(b, r, lint.Options{Config: config, Strict: false})
			}
		})
	}
}

func charts(b testing.TB, n int) []txtar.File {
	b.Helper()
	dir := filepath.Join("..", "examples", "devops-repo", "applications", "payments")
	var files []txtar.File
	for _, name := range []string{"Chart.yaml", "values.yaml", "templates/redis.yaml"} {
		src, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			b.Fatal(err)
		}
		for i := range n {
			app := fmt.Sprintf("app%d", i)
			files = append(files, txtar.File{Name: "applications/" + app + "/" + name, Data: []byte(strings.ReplaceAll(string(src), "payments", app))})
		}
	}
	return files
}
