package git

import "testing"

// FuzzIndex: any output of ls-files is entries or an error.
func FuzzIndex(f *testing.F) {
	f.Add("H 100644 e69de29bb2d1d6434b8b29ae775ad8c2e48c5391 0\ta\x00  ctime: 1:2\n  mtime: 3:4\n  dev: 5\tino: 6\n  uid: 7\tgid: 8\n  size: 9\tflags: 0\nS 160000 e69de29bb2d1d6434b8b29ae775ad8c2e48c5391 0\tb\tc\n\x00")
	f.Add("H 100644 x 0\tname")
	f.Add("\t\x00")
	f.Fuzz(func(t *testing.T, out string) {
		entries, err := parseIndex(out)
		if err != nil && entries != nil {
			t.Error("both entries and an error")
		}
		for name, e := range entries {
			if e == nil || e.blob == "" || e.size < 0 {
				t.Errorf("%q: %+v", name, e)
			}
		}
	})
}
