package repo

import (
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/spf13/afero"
)

// memory makes a repository of a txtar archive.
func memory(t testing.TB, archive string) afero.Fs {
	t.Helper()
	fsys := afero.NewMemMapFs()
	for _, f := range txtar.Parse([]byte(archive)).Files {
		if err := afero.WriteFile(fsys, f.Name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return fsys
}

func open(t testing.TB, archive string) *Repo {
	t.Helper()
	r, err := Open(memory(t, archive), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}
