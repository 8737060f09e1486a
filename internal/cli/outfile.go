package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/redis-gitops/redis-gitops/rdb"
)

// writeOutput writes a file whole or not at all: until fill is done, it is nowhere under its name, and where the system can
// (Linux), under no other name either, so that not even a killed run leaves a piece. A name that ends with .gz or .zst
// packs it; "-" is standard output. Files of data are for their owner's eyes only.
func (a *app) writeOutput(name string, fill func(io.Writer) error) error {
	if name == "-" {
		if a.terminal {
			return errors.New("refusing to write a dump to a terminal; pass a file, or pipe it into another program")
		}
		return packed(a.raw(a.out), rdb.Uncompressed, fill)
	}
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
		return errors.Join(packed(f, rdb.CompressionOf(name), fill), f.Close())
	case err == nil: // where a link leads, so that the link stays
		if at, err = filepath.EvalSymlinks(name); err != nil {
			return wrong(err)
		}
	}
	f, err := newHidden(at)
	if err != nil {
		return wrong(err)
	}
	defer f.discard()
	failed := &failedWrite{w: f}
	if err := packed(failed, rdb.CompressionOf(name), fill); err != nil {
		if failed.err != nil { // the disk, and not what fill reads
			return wrong(failed.err)
		}
		return err
	}
	if err := f.publish(at); err != nil {
		return wrong(err)
	}
	return nil
}

// packed runs fill on a writer that packs.
func packed(w io.Writer, c rdb.Compression, fill func(io.Writer) error) error {
	z, err := rdb.Compress(w, c)
	if err != nil {
		return err
	}
	if err := fill(z); err != nil {
		z.Close()
		return err
	}
	return z.Close()
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

// hidden is a file that is not there under its final name yet.
type hidden struct {
	*os.File
	name string // under which it is meanwhile; empty: under none
	done bool
}

const hiddenMode = 0o600

// newHidden makes a file in the folder of another.
func newHidden(at string) (*hidden, error) {
	if f, err := openUnnamed(filepath.Dir(at)); err == nil {
		return &hidden{File: f}, nil
	}
	f, err := os.CreateTemp(filepath.Dir(at), "."+filepath.Base(at)+".*.tmp") // for the owner only
	if err != nil {
		return nil, err
	}
	return &hidden{File: f, name: f.Name()}, nil
}

// publish renames the file to its name, replacing what has it, once all of it is on disk.
func (h *hidden) publish(at string) error {
	if err := h.Sync(); err != nil {
		return err
	}
	if h.name == "" {
		name := fmt.Sprintf("%s.%d.tmp", filepath.Join(filepath.Dir(at), "."+filepath.Base(at)), os.Getpid())
		if err := nameUnnamed(h.File, name); err != nil {
			return err
		}
		h.name = name
	}
	if err := os.Rename(h.name, at); err != nil {
		return err
	}
	h.done = true
	if err := h.Close(); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(at))
	if err != nil {
		return err
	}
	defer dir.Close()
	// Some file systems cannot do this; the file is there all the same.
	if err := dir.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	return nil
}

// discard removes the file where publish has not been done.
func (h *hidden) discard() {
	if h.done {
		return
	}
	h.Close()
	if h.name != "" {
		os.Remove(h.name)
	}
}
