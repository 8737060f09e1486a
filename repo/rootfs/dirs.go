package rootfs

import (
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	// maxDirs is how many directories are kept open: those that a run on several cores is reading, with those above them.
	maxDirs = 16
	// dirAge is how long a directory is kept, since another one may take its name while a server runs.
	dirAge = time.Second
)

// dirs keeps directories open in which files are read. An [os.Root] opens each directory of a path anew, which takes most of the calls of
// a run that reads a whole repository.
type dirs struct {
	mu   sync.Mutex
	open []dir // the latest last
}

type dir struct {
	name  string
	root  *os.Root
	since time.Time
}

// of returns a directory as a root of its own; nil when it cannot be opened.
func (d *dirs) of(from *os.Root, name string) *os.Root {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, known := range d.open {
		if known.name != name {
			continue
		}
		if time.Since(known.since) < dirAge {
			return known.root
		}
		_ = known.root.Close()
		d.open = append(d.open[:i], d.open[i+1:]...)
		break
	}
	root, err := from.OpenRoot(name)
	if err != nil {
		return nil
	}
	if len(d.open) == maxDirs {
		_ = d.open[0].root.Close() // whoever reads in it finishes or tries again
		d.open = append(d.open[:0], d.open[1:]...)
	}
	d.open = append(d.open, dir{name, root, time.Now()})
	return root
}

// forget closes all of them, before something is written.
func (d *dirs) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, known := range d.open {
		_ = known.root.Close()
	}
	d.open = nil
}

// reading does something with a name that only reads. What fails in the kept directory is done again from the top, as links may lead out
// of the directory but not out of the repository, and as the error must be that of the whole path.
func reading[T any](f *FS, name string, do func(in *os.Root, name string) (T, error)) (T, error) {
	name = clean(name)
	if parent, base := filepath.Split(name); parent != "" && filepath.IsLocal(name) {
		if in := f.dirs.of(f.root, filepath.Clean(parent)); in != nil {
			if out, err := do(in, base); err == nil {
				return out, nil
			}
		}
	}
	return do(f.root, name)
}
