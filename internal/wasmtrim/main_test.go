package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A pinned version that moves, or a cut that does not fit, fails here and not only when the page is built.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	if err := run(dir); err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(dir, "trim.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range modules {
		if !strings.Contains(string(mod), m.path+" => ") {
			t.Errorf("%s is not replaced", m.path)
		}
	}
	for file, gone := range map[string]string{
		"cuelang.org_go/pkg/register.go":                                       "cuelang.org/go/pkg/tool/http",
		"github.com_open-policy-agent_opa/v1/topdown/http.go":                  "net/http",
		"github.com_open-policy-agent_opa/capabilities/capabilities.go":        "go:embed",
		"sigs.k8s.io_kustomize_api/internal/loader/fileloader.go":              `"net/http"`,
		"github.com_open-policy-agent_opa/internal/gojsonschema/jsonLoader.go": `"net/http"`,
	} {
		src, err := os.ReadFile(filepath.Join(dir, "trim", filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(src), gone) {
			t.Errorf("%s still has %s", file, gone)
		}
	}
}

func TestCutsThatDoNotFit(t *testing.T) {
	from := t.TempDir()
	if err := os.WriteFile(filepath.Join(from, "a.go"), []byte("package a\n\nvar x, y = 1, 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, want string
		module     module
	}{
		{"missing", "0 times", module{edits: []edit{{"a.go", "z", ""}}}},
		{"twice", "2 times", module{edits: []edit{{"a.go", "1", ""}}}},
		{"no file", "no such file", module{edits: []edit{{"b.go", "x", ""}}}},
		{"nothing to remove", "no b.go", module{remove: []string{"b.go"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.module.trim(from, filepath.Join(t.TempDir(), "out")); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
