// Package reads takes down which files and folders are read, and tells later whether they would still be read as they were.
package reads

import (
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"github.com/spf13/afero"
)

// Recorder is a file system that takes down which names are asked for. It may be used by several goroutines.
type Recorder struct {
	afero.Fs
	mu    sync.Mutex
	names map[string]bool
}

// Record takes down what is read of a file system.
func Record(fsys afero.Fs) *Recorder { return &Recorder{Fs: fsys, names: map[string]bool{}} }

// Saw notes names that were read in another way.
func (r *Recorder) Saw(names ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range names {
		r.names[name] = true
	}
}

// Names returns the names that were asked for, in any order.
func (r *Recorder) Names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.names))
}

// States returns what each name that was asked for is now.
func (r *Recorder) States(fsys afero.Fs) States {
	s := States{}
	for _, name := range r.Names() {
		s[name] = State(fsys, name)
	}
	return s
}

// Stat implements [afero.Fs].
func (r *Recorder) Stat(name string) (fs.FileInfo, error) {
	r.Saw(name)
	return r.Fs.Stat(name)
}

// LstatIfPossible implements [afero.Lstater].
func (r *Recorder) LstatIfPossible(name string) (fs.FileInfo, bool, error) {
	r.Saw(name)
	if l, ok := r.Fs.(afero.Lstater); ok {
		return l.LstatIfPossible(name)
	}
	info, err := r.Fs.Stat(name)
	return info, false, err
}

// Open implements [afero.Fs].
func (r *Recorder) Open(name string) (afero.File, error) {
	r.Saw(name)
	return r.Fs.Open(name)
}

// seed makes hashes that nobody outside can foresee, so that no file can be made that passes for another one.
var seed = maphash.MakeSeed()

// State sums up what a name is: its text, the names and types in a folder, or that there is nothing. It is good for this process.
func State(fsys afero.Fs, name string) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	if err := Describe(&h, fsys, name); err != nil {
		_, _ = h.WriteString("error " + err.Error())
	}
	return h.Sum64()
}

// Describe writes what a name is: its text, the names and types in a folder, or that there is nothing, which is the error.
func Describe(w io.Writer, fsys afero.Fs, name string) error {
	f, err := fsys.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case info.IsDir():
		var names []string
		if typed, ok := f.(fs.ReadDirFile); ok { // of which package repo takes the types too
			var entries []fs.DirEntry
			if entries, err = typed.ReadDir(-1); err == nil {
				for _, e := range entries {
					names = append(names, e.Type().String()+e.Name())
				}
			}
		} else {
			names, err = f.Readdirnames(-1)
		}
		slices.Sort(names)
		_, _ = fmt.Fprintf(w, "folder %q %v", names, err)
		return nil
	}
	_, _ = fmt.Fprintf(w, "file %v ", info.Mode())
	buf := texts32.Get().(*[32 << 10]byte)
	defer texts32.Put(buf)
	for {
		n, err := f.Read(buf[:])
		_, _ = w.Write(buf[:n])
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return err
		}
	}
}

// texts32 are for parts of files, which nobody keeps.
var texts32 = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// States is what names were, as [State] sums it up.
type States map[string]uint64

// Unchanged reports whether all names are still what they were.
func (s States) Unchanged(fsys afero.Fs) bool {
	for name, was := range s {
		if State(fsys, name) != was {
			return false
		}
	}
	return true
}
