// Package repo opens a devops repository and gives its apps, files and documents with true lines; writes whole or not
// at all.
//
// Every path is relative to the repository and uses "/". Nothing outside the given [afero.Fs] is read or written: on
// disk, package rootfs is that border.
package repo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/spf13/afero"
)

// MaxFileSize is the size in bytes above which a file is refused.
const MaxFileSize = 4 << 20

// maxFiles and maxFolderDepth bound a walk through a repository, so that a hostile one cannot make it endless.
const (
	maxFiles       = 200_000
	maxFolderDepth = 24
)

// Options describes how to open a repository. The zero value fits a Reclaim-the-Stack repository.
type Options struct {
	Layout Layout
	// Secret reports whether a part of a file's text, from and to in bytes, has a secret value in it. With it, Apply records what
	// [Repo.Undo] needs, but for such parts. Without it, nothing is recorded.
	Secret func(file string, text []byte, from, to int) bool
}

// Layout reports where things are. An empty field has the default of Reclaim the Stack.
type Layout struct {
	Applications         []string // folders that hold one application each; globs; default applications/*
	Generators           string   // default generators
	Platform             []string // folders of platform components; default platform
	PlatformApplications []string // folders of Argo CD Applications, not recursed; default platform-applications
}

func (l Layout) withDefaults() Layout {
	if len(l.Applications) == 0 {
		l.Applications = []string{"applications/*"}
	}
	if l.Generators == "" {
		l.Generators = "generators"
	}
	if len(l.Platform) == 0 {
		l.Platform = []string{"platform"}
	}
	if len(l.PlatformApplications) == 0 {
		l.PlatformApplications = []string{"platform-applications"}
	}
	return l
}

// check refuses what is no path inside the repository, or no glob.
func (l Layout) check() error {
	var problems finding.Problems
	check := func(key string, values ...string) {
		for _, v := range values {
			switch _, err := path.Match(v, ""); {
			case !fs.ValidPath(v) || v == ".":
				problems = append(problems, finding.Errorf(finding.Position{}, key,
					"%q is not a directory in the repository; use a relative path such as \"applications\", without \"..\"", v))
			case err != nil || strings.Contains(v, "**"):
				problems = append(problems, finding.Errorf(finding.Position{}, key, "invalid glob %q; use \"*\", \"?\" and \"[a-z]\" in directory names", v))
			}
		}
	}
	check("layout.applications", l.Applications...)
	check("layout.generators", l.Generators)
	check("layout.platform", l.Platform...)
	check("layout.platformApplications", l.PlatformApplications...)
	return problems.Err()
}

// Repo is an open repository. It is safe for use by several goroutines.
type Repo struct {
	fs     afero.Fs
	layout Layout
	whole  *Repo                                             // see [Repo.On]; nil for one that stands for itself
	secret func(file string, text []byte, from, to int) bool // see [Options]

	mu          sync.Mutex
	deployers   *deployers  // what deploys applications; nil until asked for
	fluxSources []*Document // of charts, once deployers is there
	configMaps  []*Document // nil until asked for
}

// Open opens the repository that is the root of fsys. It reads nothing but that folder's type: the cost does not
// depend on the number of applications.
func Open(fsys afero.Fs, opts Options) (*Repo, error) {
	layout := opts.Layout.withDefaults()
	if err := layout.check(); err != nil {
		return nil, err
	}
	info, err := fsys.Stat(".")
	if err != nil {
		return nil, explain(".", "read", err)
	}
	if !info.IsDir() {
		return nil, finding.Errorf(finding.Position{}, "", "the repository is not a directory")
	}
	return &Repo{fs: fsys, layout: layout, secret: opts.Secret}, nil
}

// Fs gives the file system that the repository was opened on.
func (r *Repo) Fs() afero.Fs { return r.fs }

// Layout gives the layout with every default filled in.
func (r *Repo) Layout() Layout { return r.layout }

// ReadFile returns the text of a file: at most [MaxFileSize] bytes of UTF-8. The error is a [finding.Problem] that names the
// file; for a missing one it also is [fs.ErrNotExist].
func (r *Repo) ReadFile(name string) ([]byte, error) {
	src, err := readRegular(r.fs, name)
	if err != nil {
		return nil, err
	}
	if !isText(src) {
		return nil, unreadable(name, "not UTF-8 text; save it as UTF-8 or exclude it")
	}
	return src, nil
}

// Search calls found with the text of a file, which is only valid until it returns. Nothing of the text may be shown: a file system that
// keeps account of what was read, for the secrets in it, leaves this out. Of a file in which something is found, call ReadFile. What
// cannot be read as text is passed over.
func (r *Repo) Search(name string, found func(src []byte)) {
	fsys := r.fs
	if w, ok := fsys.(interface{ Unwatched() afero.Fs }); ok {
		fsys = w.Unwatched()
	}
	if w, ok := fsys.(interface{ NeverWaits() bool }); !ok || !w.NeverWaits() {
		if src, err := readRegular(fsys, name); err == nil && isText(src) {
			found(src)
		}
		return
	}
	f, err := fsys.Open(name)
	if err != nil {
		return
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > MaxFileSize {
		return
	}
	buf := searched.Get().(*bytes.Buffer)
	defer searched.Put(buf)
	buf.Reset()
	if _, err := buf.ReadFrom(io.LimitReader(f, MaxFileSize+1)); err == nil && buf.Len() <= MaxFileSize && isText(buf.Bytes()) {
		found(buf.Bytes())
	}
}

// searched are the texts of files that were searched, for the next ones.
var searched = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func isText(src []byte) bool { return utf8.Valid(src) && bytes.IndexByte(src, 0) < 0 }

// readRegular reads a file that is not a device, pipe or directory, and not larger than [MaxFileSize].
func readRegular(fsys afero.Fs, name string) ([]byte, error) {
	return ReadBytes(fsys, name, MaxFileSize)
}

// ReadBytes reads a regular file of at most limit bytes, text or not: the one way in which the content of a repository's file
// is read. The error is a [finding.Problem] that names the file; for a missing one it also is [fs.ErrNotExist], for one that is
// larger [ErrTooLarge].
func ReadBytes(fsys afero.Fs, name string, limit int64) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, unreadable(name, "not a path inside the repository; use a relative path with \"/\" and without \"..\"")
	}
	// Before Open, because a file system that is not package rootfs may wait for the other end of a named pipe.
	info, err := fsys.Stat(name)
	if err != nil {
		return nil, explain(name, "read", err)
	}
	if err := regular(name, info); err != nil {
		return nil, err
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, explain(name, "read", err)
	}
	defer f.Close()
	// And after it, because the name may lead to something else by now.
	if info, err = f.Stat(); err != nil {
		return nil, explain(name, "read", err)
	}
	if err := regular(name, info); err != nil {
		return nil, err
	}
	buf := bytes.NewBuffer(make([]byte, 0, min(info.Size(), limit)+bytes.MinRead))
	if _, err := buf.ReadFrom(io.LimitReader(f, limit+1)); err != nil {
		return nil, explain(name, "read", err)
	}
	src := buf.Bytes()
	if int64(len(src)) > limit {
		p := unreadable(name, "file is %s, limit %s; split or exclude it", mebibytes(max(info.Size(), int64(len(src)))), mebibytes(limit))
		return nil, &fileError{p, ErrTooLarge}
	}
	return src, nil
}

// ErrTooLarge is the cause inside the error for a file over the limit.
var ErrTooLarge = errors.New("file is too large")

// regular refuses directories, pipes, devices and sockets.
func regular(name string, info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return unreadable(name, "is a directory, not a file")
	case !info.Mode().IsRegular():
		return unreadable(name, "is not a regular file; skipped")
	}
	return nil
}

// unreadable makes a problem of a file that cannot be read as a whole.
func unreadable(name, format string, args ...any) *finding.Problem {
	return finding.Errorf(finding.Position{File: name}, "", format, args...).WithCode(CodeUnreadable)
}

// mebibytes rounds up, so that what is over a limit looks like it.
func mebibytes(n int64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", math.Ceil(float64(n)/(1<<20)*10)/10), ".0") + " MiB"
}

// fileError is a problem that still knows its cause, for errors.Is(err, fs.ErrNotExist) and the like.
type fileError struct {
	problem *finding.Problem
	cause   error
}

func (e *fileError) Error() string   { return e.problem.Error() }
func (e *fileError) Unwrap() []error { return []error{e.problem, e.cause} }

// explain describes why a file could not be read or written, without the machine's path that err may hold.
func explain(name, verb string, err error) error {
	message := fmt.Sprintf("cannot %s it: %v", verb, cause(err))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		message = "does not exist"
	case errors.Is(err, fs.ErrPermission):
		message = fmt.Sprintf("permission denied; cannot %s it", verb)
	}
	return &fileError{unreadable(name, "%s", message), err}
}

// cause returns the reason inside the error of a file operation.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// lstat does not follow a link, where the file system has links.
func lstat(fsys afero.Fs, name string) (fs.FileInfo, error) {
	if l, ok := fsys.(afero.Lstater); ok {
		info, _, err := l.LstatIfPossible(name)
		return info, err
	}
	return fsys.Stat(name)
}

func isFolder(fsys afero.Fs, name string) bool {
	info, err := fsys.Stat(name)
	return err == nil && info.IsDir()
}

func isFile(fsys afero.Fs, name string) bool {
	info, err := fsys.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// Files returns the files below a folder, sorted: what is in .git, node_modules and .redis-gitops left out, links to
// files in, links to folders not followed.
func (r *Repo) Files(dir string) ([]string, error) {
	var files []string
	none := func(string) bool { return false }
	err := r.walk(dir, none, func(name string, folder bool) (bool, error) {
		if !folder {
			files = append(files, name)
		}
		if len(files) > maxFiles {
			return false, finding.Errorf(finding.Position{File: dir}, "", "contains more than %d files; exclude some", maxFiles)
		}
		return true, nil
	})
	slices.Sort(files)
	return files, err
}

// walk visits what is below a folder, parents first. visit says for a folder whether to go into it. What skip names is
// passed over without looking at it.
func (r *Repo) walk(dir string, skip func(name string) bool, visit func(name string, folder bool) (bool, error)) error {
	if strings.Count(dir, "/") >= maxFolderDepth {
		return finding.Errorf(finding.Position{File: dir}, "", "directories are nested deeper than %d", maxFolderDepth)
	}
	entries, err := entriesOf(r.fs, dir)
	if err != nil {
		return err
	}
	below := path.Clean(dir) + "/"
	if below == "./" {
		below = ""
	}
	for _, e := range entries {
		name := below + e.base
		if skip(name) {
			continue
		}
		mode := e.mode
		if !e.known {
			info, err := lstat(r.fs, name)
			if err != nil {
				return explain(name, "read", err)
			}
			mode = info.Mode()
		}
		if mode.IsDir() && slices.Contains([]string{".git", "node_modules", ".redis-gitops"}, e.base) {
			continue
		}
		if mode&fs.ModeSymlink != 0 && isFolder(r.fs, name) {
			continue
		}
		enter, err := visit(name, mode.IsDir())
		if err != nil {
			return err
		}
		if mode.IsDir() && enter {
			if err := r.walk(name, skip, visit); err != nil {
				return err
			}
		}
	}
	return nil
}
