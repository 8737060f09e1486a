package rootfs

import (
	"io/fs"
	"testing"
)

// TestUntyped asks for the types where the file system does not say them with the names.
func TestUntyped(t *testing.T) {
	fsys, _, _ := setup(t)
	if fsys.by == nil {
		t.Skip("nothing resolves paths here")
	}
	f, err := fsys.Open("folder")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := f.(*folder)
	d.listed = true
	for _, name := range []string{"inner", "gone", "out"} {
		d.entries = append(d.entries, entry{name, typeOf(0), d})
	}
	entries, err := d.ReadDir(-1)
	if err != nil || len(entries) != 2 || entries[0].Type() != 0 || entries[1].Type() != fs.ModeSymlink {
		t.Errorf("got %v, %v", entries, err)
	}
}
