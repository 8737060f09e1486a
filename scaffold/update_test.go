package scaffold

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/repo"
)

func TestMerge3(t *testing.T) {
	base := "a\nb\nc\nd\ne\nf\n"
	for _, tt := range []struct {
		name, ours, theirs, want string
		ok                       bool
	}{
		{"neither", base, base, base, true},
		{"theirs only", base, "a\nB\nc\nd\ne\nf\n", "a\nB\nc\nd\ne\nf\n", true},
		{"ours only", "a\nB\nc\nd\ne\nf\n", base, "a\nB\nc\nd\ne\nf\n", true},
		{"apart", "A\nb\nc\nd\ne\nf\n", "a\nb\nc\nd\ne\nF\n", "A\nb\nc\nd\ne\nF\n", true},
		{"the same", "a\nB\nc\nd\ne\nf\n", "a\nB\nc\nd\ne\nf\n", "a\nB\nc\nd\ne\nf\n", true},
		{"the same and apart", "a\nB\nc\nd\ne\nF\n", "a\nB\nc\nD\ne\nf\n", "a\nB\nc\nD\ne\nF\n", true},
		{"one line", "a\nX\nc\nd\ne\nf\n", "a\nY\nc\nd\ne\nf\n", "", false},
		{"two insertions at one place", "a\nX\nb\nc\nd\ne\nf\n", "a\nY\nb\nc\nd\ne\nf\n", "", false},
		{"removed and changed", "a\nc\nd\ne\nf\n", "a\nY\nc\nd\ne\nf\n", "", false},
	} {
		if got, ok := merge3(base, tt.ours, tt.theirs); got != tt.want || ok != tt.ok {
			t.Errorf("%s: got %q, %v, want %q, %v", tt.name, got, ok, tt.want, tt.ok)
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
			"it is not in Git history, so your changes cannot be told apart; run `redis-gitops generate resource shop thing --suffix two --keep` to record it as is"},
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
