package lint

import (
	"io/fs"
	"path"
	"slices"

	"github.com/spf13/afero"
)

// Overlay returns a file system in which some files have other contents; nil takes a file away. Nothing is written below it.
func Overlay(fsys afero.Fs, files map[string][]byte) afero.Fs {
	o := newOverlay(fsys)
	for name, src := range files {
		if src == nil {
			o.gone[path.Clean(name)] = true
			continue
		}
		_ = o.set(name, src) // in memory
	}
	return o
}

type overlay struct {
	afero.Fs
	changed afero.Fs
	names   map[string]bool // files of changed
	gone    map[string]bool
}

func newOverlay(fsys afero.Fs) *overlay {
	return &overlay{Fs: fsys, changed: afero.NewMemMapFs(), names: map[string]bool{}, gone: map[string]bool{}}
}

func (o *overlay) set(name string, src []byte) error {
	o.names[path.Clean(name)] = true
	return afero.WriteFile(o.changed, path.Clean(name), src, 0o644)
}

// missing is the error for a file that is gone.
func missing(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist} }

// Open implements [afero.Fs].
func (o *overlay) Open(name string) (afero.File, error) {
	name = path.Clean(name)
	switch {
	case o.gone[name]:
		return nil, missing("open", name)
	case o.names[name]:
		return o.changed.Open(name)
	}
	f, err := o.Fs.Open(name)
	if err != nil {
		if folder, ferr := o.changed.Open(name); ferr == nil {
			return folder, nil
		}
		return nil, err
	}
	info, err := f.Stat()
	if err != nil || !info.IsDir() {
		return f, nil
	}
	return &overlayFolder{f, o, name}, nil
}

// Stat implements [afero.Fs].
func (o *overlay) Stat(name string) (fs.FileInfo, error) {
	name = path.Clean(name)
	switch {
	case o.gone[name]:
		return nil, missing("stat", name)
	case o.names[name]:
		return o.changed.Stat(name)
	}
	info, err := o.Fs.Stat(name)
	if err != nil {
		if folder, ferr := o.changed.Stat(name); ferr == nil {
			return folder, nil
		}
	}
	return info, err
}

// LstatIfPossible implements [afero.Lstater].
func (o *overlay) LstatIfPossible(name string) (fs.FileInfo, bool, error) {
	clean := path.Clean(name)
	if l, ok := o.Fs.(afero.Lstater); ok && !o.names[clean] && !o.gone[clean] {
		if info, was, err := l.LstatIfPossible(name); err == nil {
			return info, was, nil
		}
	}
	info, err := o.Stat(name)
	return info, false, err
}

// overlayFolder lists a folder with what was added and without what is gone.
type overlayFolder struct {
	afero.File
	o    *overlay
	name string
}

// Readdirnames implements [afero.File]; n is always -1 here, as package repo asks.
func (f *overlayFolder) Readdirnames(n int) ([]string, error) {
	names, err := f.File.Readdirnames(n)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(base string) bool { return f.o.gone[path.Join(f.name, base)] })
	added, err := f.o.changed.Open(f.name)
	if err != nil {
		return names, nil
	}
	defer added.Close()
	more, err := added.Readdirnames(-1)
	for _, base := range more {
		if !slices.Contains(names, base) {
			names = append(names, base)
		}
	}
	return names, err
}
