package wasm

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/report"
)

// TestCanary asks everything about a repository with a secret in each location. Only the texts of files may have one: the page
// shows and writes them.
func TestCanary(t *testing.T) {
	archive, err := txtar.ParseFile(filepath.Join("..", "redact", "testdata", "canary.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range []bool{false, true} {
		var files []File
		for _, f := range archive.Files {
			if f.Name != ".redis-gitops.yaml" || broken {
				files = append(files, File{Path: f.Name, Text: string(f.Data)})
			}
		}
		s := session()
		type call struct {
			name    string
			request any
		}
		calls := []call{{"open", openRequest{Files: files}}, {"lint", lintRequest{Strict: true}}, {"lint", lintRequest{Paths: []string{"applications/kust"}}}}
		for _, f := range report.Formats() {
			calls = append(calls, call{"report", reportRequest{f.Name}})
		}
		calls = append(calls, call{"fix", fixRequest{}}, call{"instances", empty{}}, call{"assess", empty{}}, call{"rules", empty{}})
		for _, app := range []string{"shop", "fails", "tpl", "kust", "files", "broken", "plain", "nosuch"} {
			for _, kind := range []string{"redis", "vault"} {
				for _, on := range []string{"", "keep", "replace"} {
					r := planRequest{Kind: "resource", App: app, Type: kind, OnConflict: on}
					calls = append(calls, call{"plan", r}, call{"check", r}, call{"form", r})
				}
			}
		}
		calls = append(calls, call{"plan", planRequest{Kind: "CaNaRy"[:2], App: "shop"}}, call{"nosuch", empty{}})
		found := 0
		for _, c := range calls {
			in, err := json.Marshal(c.request)
			if err != nil {
				t.Fatal(err)
			}
			var early strings.Builder
			out := s.Run(t.Context(), c.name, in, func(p Progress) { early.WriteString(p.Found) })
			var answer any
			if err := json.Unmarshal(out, &answer); err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(withoutFiles(answer))
			if err != nil {
				t.Fatal(err)
			}
			all := string(text) + early.String()
			found += strings.Count(all, "***")
			for _, form := range []string{"CaNaRy", "Q2FOYVJ5", "NhTmFSe", "DYU5hUn"} {
				if i := strings.Index(all, form); i >= 0 {
					t.Errorf("%s %s tells a secret: %q", c.name, in, all[max(0, i-150):min(len(all), i+50)])
				}
			}
		}
		if found == 0 {
			t.Error("nothing was masked: no answer was about a secret")
		}
	}
}

// withoutFiles leaves out the texts of files that a plan changes.
func withoutFiles(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if _, file := v["action"]; file {
			delete(v, "old")
			delete(v, "new")
		}
		for k := range v {
			v[k] = withoutFiles(v[k])
		}
	case []any:
		for i := range v {
			v[i] = withoutFiles(v[i])
		}
	}
	return v
}
