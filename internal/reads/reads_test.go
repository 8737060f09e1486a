package reads

import (
	"io"
	"testing"

	"github.com/spf13/afero"
)

// TestUnchanged changes everything that can be read of a name, and finds each change, but none in what nobody read.
func TestUnchanged(t *testing.T) {
	write := func(name, text string) func(afero.Fs) error {
		return func(fsys afero.Fs) error { return afero.WriteFile(fsys, name, []byte(text), 0o644) }
	}
	for name, c := range map[string]struct {
		change  func(afero.Fs) error
		differs bool
	}{
		"nothing":                    {func(afero.Fs) error { return nil }, false},
		"a file that was read":       {write("d/a", "2"), true},
		"the same text":              {write("d/a", "1"), false},
		"a file that was not read":   {write("e/b", "2"), false},
		"another file in a folder":   {write("d/c", "1"), true},
		"a file that was missing":    {write("gone", ""), true},
		"a file that was asked for":  {func(fsys afero.Fs) error { return fsys.Remove("d/asked") }, true},
		"a file that is a directory": {func(fsys afero.Fs) error { _ = fsys.Remove("d/a"); return fsys.Mkdir("d/a", 0o755) }, true},
		"a file that somebody named": {write("named", "2"), true},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := afero.NewMemMapFs()
			for file, text := range map[string]string{"d/a": "1", "d/asked": "1", "e/b": "1", "named": "1"} {
				if err := write(file, text)(fsys); err != nil {
					t.Fatal(err)
				}
			}
			seen := Record(fsys)
			f, err := seen.Open("d/a")
			if err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(f); err != nil || string(text) != "1" {
				t.Fatal(text, err)
			}
			if _, err := afero.ReadDir(seen, "d"); err != nil {
				t.Fatal(err)
			}
			if _, err := seen.Stat("d/asked"); err != nil {
				t.Fatal(err)
			}
			if _, err := seen.Open("gone"); err == nil {
				t.Fatal("it is there")
			}
			seen.Saw("named")
			states := seen.States(fsys)
			if len(states) != 5 {
				t.Error(seen.Names())
			}
			if err := c.change(fsys); err != nil {
				t.Fatal(err)
			}
			if states.Unchanged(fsys) == c.differs {
				t.Error("not noticed, or noticed for nothing")
			}
		})
	}
}
