package render

import (
	"fmt"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/repo"
)

// TestKept renders a chart before and after each kind of change: with what is kept it gives what it gives without, and the same result
// again only where nothing that it reads has changed.
func TestKept(t *testing.T) {
	fsys := afero.NewMemMapFs()
	write := func(name, text string) {
		if err := afero.WriteFile(fsys, name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const dir = "applications/a/"
	write(dir+"Chart.yaml", "apiVersion: v2\nname: a\nversion: 0.1.0\n")
	write(dir+"values.yaml", "x: 1\n")
	write(dir+"templates/a.yaml", "kind: A\nx: {{ .Values.x }}\n")
	kept := NewKept()
	render := func(target Target, fresh bool) *Result {
		t.Helper()
		r, err := repo.Open(fsys, repo.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		if !fresh {
			ctx = Keep(ctx, kept)
		}
		result, err := Render(ctx, r, target, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	text := func(result *Result) string {
		out := fmt.Sprint(result.Problems, result.Files)
		for _, r := range result.Resources {
			var v any
			err := r.Node.Decode(&v)
			out += fmt.Sprint(r.File, err, v)
		}
		return out
	}
	plain := Target{Dir: "applications/a", Kind: repo.Chart}
	before := render(plain, false)
	if len(before.Resources) != 1 {
		t.Fatal(text(before))
	}
	for i, change := range []struct {
		name, text string
		target     Target
		same       bool
	}{
		{"README.md", "beside it", plain, true},
		{dir + "values.yaml", "x: 2\n", plain, false},
		{dir + "templates/b.yaml", "kind: B\n", plain, false},
		{dir + "values.schema.json", `{"properties": {"x": {"type": "string"}}}`, plain, false},
		{dir + "templates/a.yaml", "kind: A\nx: {{ .Values.x | quote }}\n", plain, false},
		{"more.yaml", "x: 5\n", Target{Dir: plain.Dir, Kind: plain.Kind, ValueFiles: []string{"more.yaml"}}, false},
		{"other.yaml", "x: 6\n", Target{Dir: plain.Dir, Kind: plain.Kind, ValueFiles: []string{"more.yaml"}}, true},
	} {
		write(change.name, change.text)
		result := render(change.target, false)
		if want := text(render(change.target, true)); text(result) != want {
			t.Errorf("%d: %s, not %s", i, text(result), want)
		}
		if (result == before) != change.same {
			t.Errorf("%d: kept: %v", i, result == before)
		}
		before = result
	}
	for i := range 2 * maxKept {
		write(dir+"values.yaml", fmt.Sprintf("x: %d\n", i))
		render(plain, false)
	}
	if len(kept.results) != maxKept {
		t.Errorf("%d results", len(kept.results))
	}
}
