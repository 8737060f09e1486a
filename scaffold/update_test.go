package scaffold

import (
	"context"
	"errors"
	"io/fs"
	mathrand "math/rand/v2"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/repo"
)

func TestMerge3(t *testing.T) {
	base := "a\nb\nc\nd\ne\nf\n"
	for _, tt := range []struct {
		name, ours, theirs string
		want               string // without conflicts
		replace, keep      string // with some
	}{
		{"neither", base, base, base, "", ""},
		{"theirs only", base, "a\nB\nc\nd\ne\nf\n", "a\nB\nc\nd\ne\nf\n", "", ""},
		{"ours only", "a\nB\nc\nd\ne\nf\n", base, "a\nB\nc\nd\ne\nf\n", "", ""},
		{"apart", "A\nb\nc\nd\ne\nf\n", "a\nb\nc\nd\ne\nF\n", "A\nb\nc\nd\ne\nF\n", "", ""},
		{"the same", "a\nB\nc\nd\ne\nf\n", "a\nB\nc\nd\ne\nf\n", "a\nB\nc\nd\ne\nf\n", "", ""},
		{"the same and apart", "a\nB\nc\nd\ne\nF\n", "a\nB\nc\nD\ne\nf\n", "", "a\nB\nc\nD\ne\nF\n", ""},
		{"one line", "a\nX\nc\nd\ne\nf\n", "a\nY\nc\nd\ne\nf\n", "", "a\nY\nc\nd\ne\nf\n", "a\nX\nc\nd\ne\nf\n"},
		{"one line, and one apart", "a\nX\nc\nd\ne\nF\n", "a\nY\nc\nD\ne\nf\n", "", "a\nY\nc\nD\ne\nF\n", "a\nX\nc\nD\ne\nF\n"},
		{"two insertions at one place", "a\nX\nb\nc\nd\ne\nf\n", "a\nY\nb\nc\nd\ne\nf\n", "", "a\nY\nb\nc\nd\ne\nf\n", "a\nX\nb\nc\nd\ne\nf\n"},
		{"removed and changed", "a\nc\nd\ne\nf\n", "a\nY\nc\nd\ne\nf\n", "", "a\nY\nc\nd\ne\nf\n", "a\nc\nd\ne\nf\n"},
	} {
		got, n := merge3(base, tt.ours, tt.theirs, Refuse)
		if tt.want != "" && (got != tt.want || n != 0) {
			t.Errorf("%s: got %q with %d conflicts, want %q", tt.name, got, n, tt.want)
		}
		if tt.keep != "" && n != 1 {
			t.Errorf("%s: %d conflicts", tt.name, n)
		}
		if got, _ := merge3(base, tt.ours, tt.theirs, Replace); tt.replace != "" && got != tt.replace {
			t.Errorf("%s: replaced %q, want %q", tt.name, got, tt.replace)
		}
		if got, _ := merge3(base, tt.ours, tt.theirs, Keep); tt.keep != "" && got != tt.keep {
			t.Errorf("%s: kept %q, want %q", tt.name, got, tt.keep)
		}
	}
	const want = "a\r\n<<<<<<< file\r\nx\r\n=======\r\nY\r\n>>>>>>> generator\r\n"
	if got, _ := merge3("a\r\nb", "a\r\nx", "a\r\nY", Mark); got != want {
		t.Errorf("marked %q, want %q", got, want)
	}
}

// TestMerge3Laws: both sides of random texts. Without a conflict the sides can be exchanged; a merge keeps every line that one side added
// alone, and a resolved one has none of the markers.
func TestMerge3Laws(t *testing.T) {
	random := mathrand.New(mathrand.NewPCG(14, 3))
	edit := func(text string) string {
		lines := strings.SplitAfter(text, "\n")
		for range random.IntN(3) {
			i := random.IntN(len(lines))
			lines[i] = []string{"", "x\n", lines[i] + "y\n", "z\n" + lines[i]}[random.IntN(4)]
		}
		return strings.Join(lines, "")
	}
	for range 3000 {
		var b strings.Builder
		for range random.IntN(8) {
			b.WriteString(string(rune('a'+random.IntN(4))) + "\n")
		}
		base := b.String()
		ours, theirs := edit(base), edit(base)
		got, n := merge3(base, ours, theirs, Refuse)
		turned, m := merge3(base, theirs, ours, Refuse)
		if n != m || n == 0 && got != turned {
			t.Fatalf("%q, %q, %q: %q with %d conflicts and %q with %d", base, ours, theirs, got, n, turned, m)
		}
		kept, _ := merge3(base, ours, theirs, Keep)
		forced, _ := merge3(base, theirs, ours, Replace)
		if kept != forced || strings.Contains(kept, "<<<") {
			t.Fatalf("%q, %q, %q: ours are %q and %q", base, ours, theirs, kept, forced)
		}
		marked, k := merge3(base, ours, theirs, Mark)
		if k != n || strings.Count(marked, markOurs) != n || strings.Count(marked, markTheirs) != n {
			t.Fatalf("%q, %q, %q: %d conflicts in %q", base, ours, theirs, n, marked)
		}
	}
}

const oldGenerator = `# Example values.yaml:
# resources:
#   %{camelName}:
#     memory: 100Mi

kind: Thing
name: {{ .Chart.Name }}%{suffix}
memory: {{ .Values.resources.%{camelName}.memory }}
size: 1
color: red
`

func TestUpdate(t *testing.T) {
	values := "resources: {}\n"
	r := shop(t, values)
	c := config(t, "")
	write := func(file, text string) {
		t.Helper()
		if err := afero.WriteFile(r.Fs(), file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const template = "applications/shop/templates/thing.yaml"
	write("generators/resources/thing.yaml", oldGenerator)
	p, err := PlanResource(context.Background(), r, c, deps, ResourceRequest{App: "shop", Type: "thing"})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(r); err != nil {
		t.Fatal(err)
	}
	update := func() (*Plan, error) {
		return PlanUpdate(context.Background(), r, c, UpdateRequest{})
	}
	if p, err := update(); err != nil || p.Changed() {
		t.Fatalf("up to date, and yet: %v\n%s", err, p.Diff())
	}
	// The user changes one line, the generator another and gains a value.
	write(template, strings.Replace(read(t, r, template), "color: red", "color: blue", 1))
	grown := strings.Replace(oldGenerator, "size: 1", "size: 2\ndisk: {{ .Values.resources.%{camelName}.disk }}", 1)
	grown = strings.Replace(grown, "#     memory: 100Mi\n", "#     memory: 200Mi\n#     disk: 1Gi # new\n", 1)
	write("generators/resources/thing.yaml", grown)
	if p, err = update(); err == nil {
		err = p.Apply(r)
	}
	var conflict *ConflictError
	if !errors.As(err, &conflict) {
		t.Fatalf("neighbouring lines were merged: %v\n%s", err, read(t, r, template))
	}
	grown = strings.Replace(grown, "size: 2\ndisk: {{ .Values.resources.%{camelName}.disk }}\n", "size: 1\n", 1)
	grown = strings.Replace(grown, "kind: Thing", "kind: Thing\ndisk: {{ .Values.resources.%{camelName}.disk }}", 1)
	write("generators/resources/thing.yaml", grown)
	if p, err = update(); err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(r); err != nil {
		t.Fatal(err)
	}
	got := read(t, r, template)
	if !strings.Contains(got, "color: blue") || !strings.Contains(got, "disk: {{ .Values.resources.thing.disk }}") {
		t.Errorf("merged:\n%s", got)
	}
	if got, want := read(t, r, "applications/shop/values.yaml"), "resources:\n  thing:\n    memory: 100Mi\n    disk: 1Gi # new\n"; got != want {
		t.Errorf("values:\n%s", got)
	}
	if p, err := update(); err != nil || p.Changed() {
		t.Errorf("a second update: %v\n%s", err, p.Diff())
	}
	// What the update added goes with the resource.
	write(template, strings.Replace(got, "color: blue", "color: red", 1))
	p, err = PlanDestroy(context.Background(), r, DestroyRequest{App: "shop", Name: "thing"})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(r); err != nil {
		t.Fatal(err)
	}
	if got := read(t, r, "applications/shop/values.yaml"); got != values {
		t.Errorf("after destroy: %q", got)
	}
	if _, err := PlanUpdate(context.Background(), r, c, UpdateRequest{App: "shop", Name: "thing"}); err == nil {
		t.Error("an update of nothing is no error")
	}
}

// TestUpdateConflicts: what does not conflict is merged, and the request says which of the other lines count.
func TestUpdateConflicts(t *testing.T) {
	const template = "applications/shop/templates/thing.yaml"
	for _, tt := range []struct {
		on   OnConflict
		want string // instead of size: 1
	}{
		{Replace, "size: 3\n"},
		{Keep, "size: 2 # ours\n"},
		{Mark, "<<<<<<< file\nsize: 2 # ours\n=======\nsize: 3\n>>>>>>> generator\n"},
	} {
		r := shop(t, "resources: {}\n")
		c := config(t, "")
		write(t, r, "generators/resources/thing.yaml", oldGenerator)
		generate(t, r, ResourceRequest{App: "shop", Type: "thing"})
		made := read(t, r, template)
		write(t, r, template, strings.NewReplacer("size: 1", "size: 2 # ours", "kind: Thing", "kind: Thing # ours").Replace(made))
		write(t, r, "generators/resources/thing.yaml", strings.NewReplacer("size: 1", "size: 3", "    memory: 100Mi", "    memory: 100Mi # new").Replace(oldGenerator))
		_, err := PlanUpdate(t.Context(), r, c, UpdateRequest{})
		var conflict *ConflictError
		if !errors.As(err, &conflict) || !strings.Contains(conflict.Conflicts[0].Diff, "+>>>>>>> generator\n") || !strings.Contains(err.Error(), "--merge") {
			t.Fatalf("got %v", err)
		}
		p := apply(t, r)(PlanUpdate(t.Context(), r, c, UpdateRequest{Conflicts: tt.on}))
		want := strings.NewReplacer("size: 1\n", tt.want, "kind: Thing", "kind: Thing # ours", "    memory: 100Mi", "    memory: 100Mi # new").Replace(made)
		if got := read(t, r, template); got != want {
			t.Errorf("%v: got\n%s\nwant\n%s", tt.on, got, want)
		}
		if marked := strings.Contains(strings.Join(p.Notes, "\n"), "conflicts marked"); marked != (tt.on == Mark) {
			t.Errorf("%v: notes %q", tt.on, p.Notes)
		}
		if p, err := PlanUpdate(t.Context(), r, c, UpdateRequest{}); err != nil || p.Changed() {
			t.Errorf("%v: a second update: %v\n%s", tt.on, err, p.Diff())
		}
		// One that was removed comes back by force only.
		if err := r.Fs().Remove(template); err != nil {
			t.Fatal(err)
		}
		write(t, r, "generators/resources/thing.yaml", oldGenerator)
		apply(t, r)(PlanUpdate(t.Context(), r, c, UpdateRequest{Conflicts: tt.on}))
		if src, _ := readIfThere(r, template); (string(src) == made) != (tt.on == Replace) {
			t.Errorf("%v: restored is\n%s", tt.on, src)
		}
	}
}

// TestUpdateFromHistory updates what k made: there is no record, and the base comes from Git's history.
func TestUpdateFromHistory(t *testing.T) {
	const template, generatorFile = "applications/shop/templates/thing-two.yaml", "generators/resources/thing.yaml"
	made := strings.NewReplacer("%{camelName}", "thingTwo", "%{suffix}", "-two").Replace(oldGenerator)
	grown := strings.Replace(oldGenerator, "kind: Thing", "kind: Thing\ndisk: {{ .Values.resources.%{camelName}.disk }}", 1)
	grown = strings.Replace(grown, "#     memory: 100Mi\n", "#     memory: 100Mi\n#     disk: 1Gi # new\n", 1)
	mine := strings.Replace(made, "color: red", "color: blue", 1)
	original := "resources:\n  postgres:\n    disk: 1Gi\n"
	setup := func() *repo.Repo {
		r := shop(t, original+"  thingTwo:\n    memory: 200Mi\n")
		write(t, r, generatorFile, grown)
		write(t, r, template, mine)
		return r
	}
	type history = func(ctx context.Context, file, beside string) ([]byte, []byte, error)
	gave := func(first, other string) history {
		return func(_ context.Context, file, beside string) ([]byte, []byte, error) {
			if file != template || beside != generatorFile {
				t.Errorf("asked for %s and %s", file, beside)
			}
			if other == "" {
				return []byte(first), nil, nil
			}
			return []byte(first), []byte(other), nil
		}
	}
	fails := func(err error) history {
		return func(context.Context, string, string) ([]byte, []byte, error) { return nil, nil, err }
	}
	for _, tt := range []struct {
		name string
		req  UpdateRequest
		want string // a part of the error; "" for the merge, "-" for nothing to do
	}{
		{"as generated", UpdateRequest{App: "shop", Past: gave(made, oldGenerator)}, ""},
		{"as generated, named", UpdateRequest{App: "shop", Name: "thing-two", Past: gave(made, oldGenerator)}, ""},
		{"changed before it was committed", UpdateRequest{App: "shop", Past: gave(mine, oldGenerator)}, "-"},
		{"changed before it was committed, named", UpdateRequest{App: "shop", Name: "thing-two", Past: gave(mine, oldGenerator)}, ""},
		{"no generator then", UpdateRequest{App: "shop", Past: gave(made, "")}, "-"},
		{"no generator then, named", UpdateRequest{App: "shop", Name: "thing-two", Past: gave(made, "")}, ""},
		{"not committed", UpdateRequest{App: "shop", Past: fails(fs.ErrNotExist)}, "-"},
		{"not committed, named", UpdateRequest{App: "shop", Name: "thing-two", Past: fails(fs.ErrNotExist)},
			"it is not in Git history, so your changes cannot be distinguished; run `redis-gitops generate resource shop thing --suffix two --keep` to record it as is"},
		{"no history", UpdateRequest{App: "shop"}, "-"},
		{"no history, named", UpdateRequest{App: "shop", Name: "thing-two"}, "there is no Git history"},
		{"no Git", UpdateRequest{App: "shop", Past: fails(errors.New("there is no git command; install Git"))}, "its history cannot be read: there is no git command; install Git"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := setup()
			p, err := PlanUpdate(context.Background(), r, config(t, ""), tt.req)
			if tt.want != "" && tt.want != "-" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %s", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Apply(r); err != nil {
				t.Fatal(err)
			}
			if tt.want == "-" {
				if p.Changed() {
					t.Errorf("changed\n%s", p.Diff())
				}
				return
			}
			if got := read(t, r, template); !strings.Contains(got, "color: blue") || !strings.Contains(got, "disk: {{ .Values.resources.thingTwo.disk }}") {
				t.Errorf("merged:\n%s", got)
			}
			if got, want := read(t, r, values), original+"  thingTwo:\n    memory: 200Mi\n    disk: 1Gi # new\n"; got != want {
				t.Errorf("values:\n%s", got)
			}
			// Now there is a record: the next update needs no history, and destroy knows what belongs to the resource.
			if p, err := PlanUpdate(context.Background(), r, config(t, ""), UpdateRequest{}); err != nil || p.Changed() || len(p.Notes) > 0 {
				t.Errorf("a second update: %v\n%s", err, p.Diff())
			}
			p, err = PlanDestroy(context.Background(), r, DestroyRequest{App: "shop", Name: "thing-two", Force: true})
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Apply(r); err != nil {
				t.Fatal(err)
			}
			if got := read(t, r, values); got != original {
				t.Errorf("after destroy:\n%s", got)
			}
		})
	}
	p, err := PlanUpdate(context.Background(), setup(), config(t, ""), UpdateRequest{Past: fails(errors.New("asked"))})
	if err != nil || len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "files that look generated but have no record: 1; ") {
		t.Errorf("of everything: %v, %q", err, p.Notes)
	}
}

// TestUpdateReleaseValues: a new value of the generator comes into every file that has values of the resource.
func TestUpdateReleaseValues(t *testing.T) {
	a := openArchetype(t, "testdata/archetypes/flux-values-files.txtar")
	const generator = "# Example values.yaml:\n# resources:\n#   %{camelName}:\n#     memory: 256Mi\n\nkind: {{ .Values.resources.%{camelName}.memory }}\n"
	write(t, a.repo, "generators/resources/thing.yaml", generator)
	apply(t, a.repo)(PlanResource(t.Context(), a.repo, a.config, deps, ResourceRequest{App: "api", Type: "thing"}))
	write(t, a.repo, "generators/resources/thing.yaml", strings.Replace(generator, "#     memory: 256Mi\n", "#     memory: 256Mi\n#     cpu: 100m # new\n", 1))
	apply(t, a.repo)(PlanUpdate(t.Context(), a.repo, a.config, UpdateRequest{}))
	for _, file := range []string{"apps/api/values.yaml", "apps/api/values-prod.yaml"} {
		if got := read(t, a.repo, file); !strings.Contains(got, "    memory: 256Mi\n    cpu: 100m # new\n") {
			t.Errorf("%s:\n%s", file, got)
		}
	}
	apply(t, a.repo)(PlanDestroy(t.Context(), a.repo, DestroyRequest{App: "api", Name: "thing"}))
	for _, file := range []string{"apps/api/values.yaml", "apps/api/values-prod.yaml"} {
		if got := read(t, a.repo, file); got != a.files[file] {
			t.Errorf("after destroy, %s:\n%s", file, got)
		}
	}
}
