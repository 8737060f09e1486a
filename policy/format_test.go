package policy

import (
	"bytes"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/format"
)

// TestFormatted holds rules and their library to opa fmt. UPDATE=1 formats them. What the tests of package cue derive is left as
// JSON, which redisKinds reads.
func TestFormatted(t *testing.T) {
	t.Parallel()
	seen := 0
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".rego") || path == "lib/fields.rego" || path == "lib/known.rego" {
			return err
		}
		seen++
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		want, err := format.Source(path, src)
		if err != nil {
			return err
		}
		if bytes.Equal(src, want) {
			return nil
		}
		if os.Getenv("UPDATE") != "" {
			return os.WriteFile(path, want, 0o644)
		}
		t.Errorf("%s is not formatted; run UPDATE=1 go test ./policy -run TestFormatted", path)
		return nil
	})
	if err != nil || seen < 200 {
		t.Errorf("%d files: %v", seen, err)
	}
}
