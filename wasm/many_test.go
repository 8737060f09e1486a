package wasm

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkThousand checks a thousand charts in memory.
func BenchmarkThousand(b *testing.B) {
	var files []File
	for _, name := range []string{"Chart.yaml", "values.yaml", "templates/redis.yaml"} {
		src, err := os.ReadFile(filepath.Join(exampleDir, "applications", "payments", filepath.FromSlash(name)))
		if err != nil {
			b.Fatal(err)
		}
		for i := range 1000 {
			app := fmt.Sprint("app", i)
			files = append(files, File{Path: "applications/" + app + "/" + name, Text: strings.ReplaceAll(string(src), "payments", app)})
		}
	}
	s := session()
	in, err := json.Marshal(openRequest{Files: files})
	if err != nil {
		b.Fatal(err)
	}
	s.Run(context.Background(), "open", in, nil)
	for b.Loop() {
		s.Run(context.Background(), "lint", []byte("{}"), nil)
	}
}
