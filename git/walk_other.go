//go:build !linux

package git

import "os"

// list returns what is in a directory, as far as it can be read.
func (w *walk) list(dir string) []found {
	entries, _ := os.ReadDir(dir)
	all := make([]found, 0, len(entries))
	for _, e := range entries {
		f := found{name: e.Name(), dir: e.IsDir()}
		if e.Type().IsRegular() {
			info, err := e.Info()
			if err != nil {
				continue // it is gone
			}
			f.regular, f.size, f.mtime = info.Mode().IsRegular(), info.Size(), info.ModTime().UnixNano()
		}
		all = append(all, f)
	}
	return all
}
