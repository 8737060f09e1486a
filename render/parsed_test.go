package render

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/repo"
)

// TestParsed renders charts of few texts with and without what was parsed before, several at once: nothing but the number of parses may
// differ.
func TestParsed(t *testing.T) {
	t.Parallel()
	texts := []string{
		"{{ define \"shop.name\" }}{{ .Chart.Name }}-{{ .Values.suffix }}{{ end }}kind: A\nname: {{ include \"shop.name\" . }}\nfile: {{ .Template.Name }}\n",
		"{{ range $i, $e := .Values.list }}\n---\nkind: B\nname: {{ $e }}\n{{ range until 2 }}x{{ . }}: {{ $e | quote }}\n{{ end }}{{ end }}",
		"kind: C\nname: {{ .Values.none.name }}\n",                                   // fails
		"kind: D\nname: {{ include \"missing\" . }}\n",                               // fails
		"kind: E\nname: {{ fail \"no\" }}\n",                                         // fails
		"kind: F\nname: {{ .Values.suffix \n",                                        // is not parsed
		"{{ define \"app1/templates/a.yaml\" }}kind: G\nname: g\n{{ end }}",          // of the name of a file
		"{{ define \"app2/templates/a.yaml\" }}kind: H\nname: h\n{{ end }}kind: I\n", // the same, twice
		"kind: J\nname: {{ tpl \"{{ .Values.suffix }}\" . }}\nempty: {{ range until 0 }}{{ end }}\n",
	}
	const schema = `{"type": "object", "properties": {"suffix": {"type": "string", "pattern": "^[a-f0-9]*$"}}}`
	fsys := afero.NewMemMapFs()
	write := func(name, text string) {
		if err := afero.WriteFile(fsys, name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const apps = 40
	for i := range apps {
		dir := fmt.Sprintf("applications/app%d/", i)
		write(dir+"Chart.yaml", fmt.Sprintf("apiVersion: v2\nname: app%d\nversion: 0.1.0\n", i))
		write(dir+"values.yaml", fmt.Sprintf("suffix: %q\nlist: [a%d, b]\n", fmt.Sprintf("%x%s", i, strings.Repeat("g", i%2)), i))
		write(dir+"values.schema.json", schema)
		write(dir+"templates/a.yaml", texts[i%len(texts)])
		write(dir+"templates/b.yaml", texts[0])
		// What a generator writes names the application before the first action.
		write(dir+"templates/c.yaml", fmt.Sprintf("# redis://app%d\n# shop\n\n", i)+texts[i%6])
		write(dir+"templates/d.yaml", fmt.Sprintf("kind: K\nname: app%d-x\nother: y\n%s", i, []string{"", "suffix: {{ .Values.suffix }}\n", "\n  {{- if .Values.list }}\nz: {{ .Values.list }}\n{{ end }}"}[i%3]))
		write(dir+"templates/e.yaml", strings.Repeat("\n", i%4)+fmt.Sprintf("kind: L # %d\n", i/7)+"name: {{ .Values.suffix }}{{ range .Values.list }}\n{{ . }}: a{{ end }}\n")
		write(dir+"templates/f.yaml", fmt.Sprintf("# %d\n\t {{- fail .Values.suffix }}", i))
		if i%3 == 0 {
			write(dir+"charts/sub/Chart.yaml", "apiVersion: v2\nname: sub\nversion: 0.1.0\n")
			write(dir+"charts/sub/templates/a.yaml", texts[i%2])
		}
	}
	r, err := repo.Open(fsys, repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	show := func(parsed *Parsed, i int) string {
		res, err := Render(context.Background(), r, Target{Dir: fmt.Sprintf("applications/app%d", i), Kind: repo.Chart}, Options{Parsed: parsed})
		if err != nil {
			return err.Error()
		}
		var b strings.Builder
		for _, p := range res.Problems {
			fmt.Fprintln(&b, p.Position, p.Message, p.Values, p.Related)
		}
		for _, each := range res.Resources {
			_, kind := each.Find("kind")
			if _, name := each.Find("name"); name != nil {
				fmt.Fprintf(&b, "%s %s %+v\n", kind.Value, name.Value, each.Origin(name))
			}
		}
		fmt.Fprintf(&b, "%+v\n%q\n", res.Chart.Reads, res.Files)
		return b.String()
	}
	for _, parsed := range []*Parsed{{}, {First: true}} {
		got := make([]string, 2*apps)
		var wg sync.WaitGroup
		for i := range got {
			wg.Go(func() { got[i] = show(parsed, i%apps) })
		}
		wg.Wait()
		for i := range got {
			if want := show(nil, i%apps); got[i] != want {
				t.Errorf("app%d, First %t: got\n%swithout what was parsed before\n%s", i%apps, parsed.First, got[i], want)
			}
		}
	}
}

// TestParsedOnce counts: a text that many charts have is parsed when it is seen first and, without First, when it is seen again, and never
// more often.
func TestParsedOnce(t *testing.T) {
	t.Parallel()
	fsys := afero.NewMemMapFs()
	for i := range 100 {
		dir := fmt.Sprintf("applications/app%d/", i)
		for name, text := range map[string]string{
			"Chart.yaml": fmt.Sprintf("apiVersion: v2\nname: app%d\nversion: 0.1.0\n", i), "values.yaml": fmt.Sprintf("n: %d\n", i),
			"values.schema.json": `{"type": "object"}`, "templates/a.yaml": "kind: A\nn: {{ .Values.n }}\n",
		} {
			if err := afero.WriteFile(fsys, dir+name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	r, err := repo.Open(fsys, repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for parsed, want := range map[*Parsed]int{{}: 4, {First: true}: 2} {
		for i := range 100 {
			res, err := Render(context.Background(), r, Target{Dir: fmt.Sprintf("applications/app%d", i), Kind: repo.Chart}, Options{Parsed: parsed})
			if err != nil || len(res.Problems) > 0 || len(res.Resources) != 1 {
				t.Fatal(err, res)
			}
		}
		if parsed.parses != want {
			t.Errorf("two texts of 100 charts were parsed %d times with First %t, want %d", parsed.parses, parsed.First, want)
		}
	}
}

// TestParsedForgets fills it with more than it keeps.
func TestParsedForgets(t *testing.T) {
	t.Parallel()
	p := &Parsed{}
	for i := range 40 {
		text := fmt.Sprintf(`{"title": "%d%s"}`, i%20, strings.Repeat("x", maxParsed/10))
		if _, err := p.schema([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if p.size > maxParsed || len(p.schemas) > 10 {
			t.Fatalf("%d bytes and %d schemas are kept", p.size, len(p.schemas))
		}
	}
	if len(p.schemas) == 0 {
		t.Error("nothing is kept")
	}
}
