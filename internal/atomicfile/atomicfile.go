// Package atomicfile writes files and directories whole or not at all.
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/redis-gitops/redis-gitops/internal/inputfile"
)

// Private is the mode of files of data: for their owner's eyes only.
const Private fs.FileMode = 0o600

// Write has fill write a file of the mode [Private]. Until fill is done, the file is nowhere under its name. A link stays, and the
// file that it leads to is replaced; a device or pipe is written to. Errors that fill returns are returned as they are.
func Write(name string, fill func(io.Writer) error) error {
	wrong := func(err error) error {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return fmt.Errorf("cannot write %s: %w; nothing was changed", name, err)
	}
	at := name
	switch info, err := os.Stat(name); {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return wrong(err)
	case err == nil && info.IsDir():
		return fmt.Errorf("cannot write %s: it is a directory; pass the name of a file in it", name)
	case err == nil && !info.Mode().IsRegular(): // a device or pipe, which must not be replaced by a file
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return wrong(err)
		}
		return errors.Join(fill(f), f.Close())
	case err == nil: // where a link leads, so that the link stays
		if at, err = filepath.EvalSymlinks(name); err != nil {
			return wrong(err)
		}
	}
	f, err := Create(at, Private)
	if err != nil {
		return wrong(err)
	}
	defer f.Discard()
	failed := &failedWrite{w: f}
	if err := fill(failed); err != nil {
		if failed.err != nil { // the disk, and not what fill reads
			return wrong(failed.err)
		}
		return err
	}
	if err := f.Publish(); err != nil {
		return wrong(err)
	}
	return nil
}

// failedWrite remembers the error of writing.
type failedWrite struct {
	w   io.Writer
	err error
}

func (f *failedWrite) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err != nil && f.err == nil {
		f.err = err
	}
	return n, err
}

// A File is one that is not there under its final name yet: where the system can (Linux), it has no name at all, so that not even
// a killed process leaves a piece of it.
type File struct {
	at string // its final name
	f  *os.File

	mu   sync.Mutex // Discard may be called while the process ends
	name string     // under which it is meanwhile; empty: under none
	done bool
}

// Create creates a file that [File.Publish] puts in the place of what has the name then.
func Create(name string, mode fs.FileMode) (*File, error) {
	dir, base := filepath.Dir(name), filepath.Base(name)
	out := &File{at: name}
	var err error
	if out.f, err = openUnnamed(dir); err != nil {
		if out.f, err = os.CreateTemp(dir, "."+base+".*.tmp"); err != nil { // for the owner only
			return nil, err
		}
		out.name = out.f.Name()
	}
	if mode != Private {
		if err := out.f.Chmod(mode); err != nil {
			out.Discard()
			return nil, err
		}
	}
	return out, nil
}

// Write implements [io.Writer].
func (f *File) Write(p []byte) (int, error) { return f.f.Write(p) }

// Publish renames the file to its name, replacing what has it, once all of it is on disk.
func (f *File) Publish() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.f.Sync(); err != nil {
		return err
	}
	if f.name == "" {
		name := fmt.Sprintf("%s.%d.tmp", filepath.Join(filepath.Dir(f.at), "."+filepath.Base(f.at)), os.Getpid())
		if err := nameUnnamed(f.f, name); err != nil {
			return err
		}
		f.name = name
	}
	if err := f.f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.name, f.at); err != nil {
		return err
	}
	f.done = true
	return syncDirectory(filepath.Dir(f.at))
}

// Discard removes the file unless it was published.
func (f *File) Discard() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done {
		return
	}
	f.done = true
	f.f.Close()
	if f.name != "" {
		os.Remove(f.name)
	}
}

// syncDirectory puts new names on disk. Some file systems cannot do this; the file is there all the same.
func syncDirectory(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	return nil
}

// WriteDirectory has fill write files into a directory, which appears under its name once all of them are there. What has the name
// must be an empty directory. Errors name the directory.
func WriteDirectory(name string, fill func(dir string) error) (err error) {
	if entries, err := os.ReadDir(name); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty; pass a new directory", name)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return inputfile.Cause(name, err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return inputfile.Cause(name, err)
	}
	made, err := os.MkdirTemp(filepath.Dir(name), ".redis-gitops-*")
	if err != nil {
		return inputfile.Cause(name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(inputfile.Cause(name, err), os.RemoveAll(made))
		}
	}()
	if err := fill(made); err != nil {
		return err
	}
	if err := os.Chmod(made, 0o755); err != nil {
		return err
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) { // the empty one, which [os.Rename] does not replace
		return err
	}
	return os.Rename(made, name)
}
