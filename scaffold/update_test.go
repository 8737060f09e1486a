package scaffold

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/spf13/afero"
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
	p, err := PlanResource(context.Background(), r, c, machine, ResourceRequest{App: "shop", Type: "thing"})
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
	p, err = PlanDestroy(r, DestroyRequest{App: "shop", Name: "thing"})
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
