// Package diskcache keeps bytes by name in the user's cache directory, from one process to the next.
//
// It is of no use to anybody else: the directory belongs to the user alone, and what does not, is refused. What it returns was written as a
// whole by a process of the same user. Nothing in it is needed: any failure to read is an entry that is not there, and any failure to
// write is one that is lost.
package diskcache

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

const (
	// maxEntry and maxAll bound the size of one entry and of all, in bytes.
	maxEntry = 128 << 20
	maxAll   = 256 << 20
	// abandoned is the age of a temporary file that nobody finishes any more.
	abandoned = time.Hour

	temporary = "tmp-"
)

// Dir is the directory of a cache.
type Dir struct {
	root *os.Root
	all  int64 // maxAll, but for tests
}

// errNotPrivate is about a directory that others can write to or read.
var errNotPrivate = errors.New("is not a directory of this user alone")

// Open opens the directory of a name in the user's cache directory, which it makes if needed.
func Open(name string) (*Dir, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	if !filepath.IsAbs(base) {
		return nil, fmt.Errorf("%s: not an absolute path", base)
	}
	return open(filepath.Join(base, name))
}

func open(dir string) (*Dir, error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	// Before it is opened, as a link may lead anywhere, and after that, as it may have been replaced.
	if info, err := os.Lstat(dir); err != nil || !private(info) {
		return nil, errors.Join(err, fmt.Errorf("%s %w", dir, errNotPrivate))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	if info, err := root.Stat("."); err != nil || !private(info) {
		return nil, errors.Join(err, fmt.Errorf("%s %w", dir, errNotPrivate), root.Close())
	}
	return &Dir{root, maxAll}, nil
}

func private(info fs.FileInfo) bool {
	return info.IsDir() && info.Mode().Perm()&0o077 == 0 && owned(info)
}

// Close gives the directory back.
func (d *Dir) Close() error { return d.root.Close() }

var entryName = lazyregexp.New(`^[0-9a-f]{16,64}$`)

// Load returns what was saved under a key, which consists of hexadecimal digits; nil for nothing.
func (d *Dir) Load(key string) []byte {
	if !entryName.MatchString(key) {
		return nil
	}
	f, err := d.root.OpenFile(key, os.O_RDONLY|noWait, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if link, linkErr := d.root.Lstat(key); err != nil || linkErr != nil || !link.Mode().IsRegular() || !info.Mode().IsRegular() || !owned(info) || info.Size() > maxEntry {
		return nil
	}
	text := make([]byte, info.Size())
	if _, err := io.ReadFull(f, text); err != nil || len(text) < sha256.Size {
		return nil
	}
	data, sum := text[:len(text)-sha256.Size], text[len(text)-sha256.Size:]
	if !bytes.Equal(sum, sumOf(key, data)) {
		return nil
	}
	now := time.Now()
	_ = d.root.Chtimes(key, now, now) // it was used
	return data
}

// sumOf tells an entry from one that is cut off, or that was saved under another key.
func sumOf(key string, data []byte) []byte {
	h := sha256.New()
	_, _ = h.Write(append([]byte(key), 0))
	_, _ = h.Write(data)
	return h.Sum(nil)
}

// Save keeps data under a key, and removes what was not used for the longest time if there is too much.
func (d *Dir) Save(key string, data []byte) {
	if !entryName.MatchString(key) || int64(len(data)) > min(maxEntry, d.all)-sha256.Size {
		return
	}
	d.clean(key, int64(len(data)))
	name := temporary + rand.Text()
	if err := d.write(name, data, sumOf(key, data)); err != nil {
		_ = d.root.Remove(name)
		return
	}
	if d.root.Rename(name, key) != nil {
		_ = d.root.Remove(name)
	}
}

func (d *Dir) write(name string, parts ...[]byte) (err error) {
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for _, p := range parts {
		if _, err := f.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// clean makes room for an entry.
func (d *Dir) clean(key string, size int64) {
	f, err := d.root.Open(".")
	if err != nil {
		return
	}
	defer f.Close()
	list, err := f.ReadDir(-1)
	if err != nil {
		return
	}
	now := time.Now()
	var entries []fs.FileInfo
	for _, e := range list {
		info, err := e.Info()
		switch {
		case err != nil || e.Name() == key:
		case strings.HasPrefix(e.Name(), temporary):
			if age := now.Sub(info.ModTime()); age > abandoned || age < -abandoned {
				_ = d.root.Remove(e.Name())
			} else {
				size += info.Size()
			}
		case info.Mode().IsRegular():
			entries = append(entries, info)
			size += info.Size()
		}
	}
	// What is of tomorrow was written before the clock was put right.
	used := func(info fs.FileInfo) time.Time {
		if info.ModTime().After(now.Add(abandoned)) {
			return time.Time{}
		}
		return info.ModTime()
	}
	slices.SortFunc(entries, func(a, b fs.FileInfo) int { return used(a).Compare(used(b)) })
	for _, info := range entries {
		if size <= d.all {
			return
		}
		if d.root.Remove(info.Name()) == nil {
			size -= info.Size()
		}
	}
}

// Program identifies the program that runs: by what the linker wrote into it, or else by all of it. Another build, also of the same version, is
// another program. It is "" when that is not known.
func Program() string {
	name, err := os.Executable()
	if err != nil {
		return ""
	}
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	head := make([]byte, 64<<10)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return ""
	}
	if id := buildID(head[:n]); id != "" {
		return id
	}
	h := sha256.New()
	_, _ = h.Write(head[:n])
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// buildID finds the build ID in the beginning of a program, where Go's linker puts it (cmd/internal/buildid): in a note of ELF, or before the
// text. Its last part is a hash of the program.
func buildID(head []byte) string {
	note := []byte("\x04\x00\x00\x00Go\x00\x00") // its type and owner, after the sizes of both parts
	id := []byte{}
	if at := bytes.Index(head, note); at >= 4 {
		if size := binary.LittleEndian.Uint32(head[at-4:]); size < 500 && at+len(note)+int(size) <= len(head) {
			id = head[at+len(note):][:size]
		}
	} else if _, rest, found := bytes.Cut(head, []byte("\xff Go build ID: \"")); found {
		id, _, _ = bytes.Cut(rest, []byte("\"\n \xff"))
	}
	if len(id) > 500 || bytes.Count(id, []byte("/")) != 3 {
		return ""
	}
	return string(id)
}
