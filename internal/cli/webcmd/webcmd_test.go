package webcmd

import (
	"errors"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/repo"
)

func TestUndo(t *testing.T) {
	written := []repo.Change{{Path: "applications/shop/values.yaml", Old: []byte("a: 1\n"), New: []byte("a: 2\n")}, {Path: "applications/shop/new/a.yaml", New: []byte("a: 1\n")}}
	other := []repo.Change{{Path: "README.md", New: []byte("The shop.\n")}}
	for _, tt := range []struct {
		name  string
		then  func(r *repo.Repo, fsys afero.Fs) error
		want  string
		value string
	}{
		{name: "back to the byte", value: "a: 1\n"},
		{"twice", func(r *repo.Repo, _ afero.Fs) error { return undo(r, "generate", written) }, `there is no record of "generate"; it was undone already, or use git restore`, "a: 1\n"},
		{"another change later", func(r *repo.Repo, _ afero.Fs) error { return r.Apply("lint --fix", other) },
			"\"generate\" is not the last change, which is \"lint --fix\"; undo that one first with `redis-gitops undo`, or use git restore", "a: 2\n"},
		{"edited", func(_ *repo.Repo, fsys afero.Fs) error {
			return afero.WriteFile(fsys, "applications/shop/new/a.yaml", []byte("mine\n"), 0o644)
		}, "applications/shop/new/a.yaml: has changed since; take back that change first, or undo both with git restore; nothing was changed", "a: 2\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fsys := afero.NewMemMapFs()
			r, err := repo.Open(fsys, repo.Options{Secret: func(string, []byte, int, int) bool { return false }})
			err = errors.Join(err, afero.WriteFile(fsys, "applications/shop/values.yaml", []byte("a: 1\n"), 0o644), r.Apply("generate", written))
			if tt.then != nil {
				err = errors.Join(err, tt.then(r, fsys))
			}
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := undo(r, "generate", written); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if src, _ := afero.ReadFile(fsys, "applications/shop/values.yaml"); string(src) != tt.value {
				t.Errorf("values.yaml has %q", src)
			}
			if there, _ := afero.Exists(fsys, "applications/shop/new"); there != (tt.value == "a: 2\n") {
				t.Errorf("the directory that was made is there: %v", there)
			}
		})
	}
}
