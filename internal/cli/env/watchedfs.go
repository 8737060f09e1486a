package env

import (
	"io/fs"
	"sync"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/redact"
)

// FS is a file system that can be locked against other runs.
type FS interface {
	afero.Fs
	Lock() error
	Close() error
}

// watchedFs remembers which files were opened: only what was read can be in a message.
type watchedFs struct {
	FS
	to    *redact.Secrets
	mu    sync.Mutex
	fresh []string
	known map[string]bool

	scanning sync.Mutex // guards scanned
	scanned  map[string]*redact.File
	scans    redact.Scans
}

// watch adds what is secret in the files that are opened to a set.
func watch(on FS, to *redact.Secrets) *watchedFs {
	w := &watchedFs{FS: on, to: to, known: map[string]bool{}, scanned: map[string]*redact.File{}}
	to.From(w.secrets)
	return w
}

// Close implements [FS]. An error is printed after it, and may quote what was read last.
func (w *watchedFs) Close() error {
	w.to.Update()
	return w.FS.Close()
}

// Open implements [afero.Fs].
func (w *watchedFs) Open(name string) (afero.File, error) {
	f, err := w.FS.Open(name)
	if err == nil {
		if info, err := f.Stat(); err == nil && info.IsDir() { // which has no text
			return f, nil
		}
	}
	w.saw(name)
	return f, err
}

// LstatIfPossible implements [afero.Lstater].
func (w *watchedFs) LstatIfPossible(name string) (fs.FileInfo, bool, error) {
	if l, ok := w.FS.(afero.Lstater); ok {
		return l.LstatIfPossible(name)
	}
	info, err := w.FS.Stat(name)
	return info, false, err
}

// Unwatched returns the file system for what only searches the files: see [repo.Repo.Search].
func (w *watchedFs) Unwatched() afero.Fs { return w.FS }

// OpenFile implements [afero.Fs].
func (w *watchedFs) OpenFile(name string, flag int, perm fs.FileMode) (afero.File, error) {
	w.saw(name)
	return w.FS.OpenFile(name, flag, perm)
}

func (w *watchedFs) saw(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.known[name] {
		w.known[name] = true
		w.fresh = append(w.fresh, name)
	}
}

// secrets returns what is secret in the files that were opened since the last time, and in those that they belong to.
func (w *watchedFs) secrets() []*redact.File {
	w.scanning.Lock()
	defer w.scanning.Unlock()
	w.mu.Lock()
	fresh := w.fresh
	w.fresh = nil
	w.mu.Unlock()
	if len(fresh) == 0 {
		return nil
	}
	read := func(name string) ([]byte, bool) {
		info, err := w.FS.Stat(name)
		if err != nil || !info.Mode().IsRegular() || info.Size() > maxScanned {
			return nil, false
		}
		text, err := afero.ReadFile(w.FS, name)
		return text, err == nil
	}
	for _, name := range fresh {
		if text, ok := read(name); ok {
			w.scanned[name] = w.scans.Scan(name, text)
		}
	}
	files := make([]*redact.File, 0, len(w.scanned))
	for _, f := range w.scanned {
		files = append(files, f)
	}
	return redact.Link(files, read)
}

// maxScanned is the size of the largest file that is read for secrets, in bytes: larger ones are refused when a command reads them.
const maxScanned = 16 << 20
