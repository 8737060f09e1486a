// Package spool keeps a stream in a temporary file, so that it can be read more than once.
package spool

import (
	"io"
	"os"
)

// A File is a temporary file that only its owner can read.
type File struct{ f *os.File }

// Create creates an empty one. The last * of the pattern is replaced by a random text.
func Create(pattern string) (*File, error) {
	f, err := os.CreateTemp("", pattern)
	if err != nil {
		return nil, err
	}
	return &File{f}, nil
}

// Write implements [io.Writer].
func (f *File) Write(p []byte) (int, error) { return f.f.Write(p) }

// Size is how many bytes were written.
func (f *File) Size() (int64, error) {
	info, err := f.f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Open opens what was written, from its beginning.
func (f *File) Open() (io.ReadSeekCloser, error) { return os.Open(f.f.Name()) }

// Remove removes the file. It may be called more than once, also while the process ends.
func (f *File) Remove() {
	f.f.Close()
	os.Remove(f.f.Name())
}
