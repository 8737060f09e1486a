package repo

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/spf13/afero"
)

// counting counts the questions about files.
type counting struct {
	afero.Fs
	asked map[string]int
}

func (c *counting) Stat(name string) (fs.FileInfo, error) {
	c.asked[name]++
	return c.Fs.Stat(name)
}

func TestStill(t *testing.T) {
	mem := afero.NewMemMapFs()
	if err := afero.WriteFile(mem, "applications/shop/Chart.yaml", []byte("name: shop\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	fsys := &counting{Fs: mem, asked: map[string]int{}}
	r, err := Open(fsys, Options{})
	if err != nil {
		t.Fatal(err)
	}
	still := r.Snapshot()
	for range 3 {
		if src, err := still.ReadFile("applications/shop/Chart.yaml"); err != nil || string(src) != "name: shop\n" {
			t.Fatalf("%q, %v", src, err)
		}
		if _, err := still.ReadFile("applications/shop/values.yaml"); !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if apps, err := still.Apps(); err != nil || len(apps) != 1 {
			t.Fatalf("%v, %v", apps, err)
		}
	}
	for name, n := range fsys.asked {
		if n > 1 && name != "." {
			t.Errorf("%s: asked %d times", name, n)
		}
	}
	if len(fsys.asked) < 2 {
		t.Errorf("asked for %v only", fsys.asked)
	}
}
