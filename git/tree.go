package git

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/afero"
)

// Tree is the tree of a commit below the directory of its repository. Files are read when they are asked for, from one git process;
// filters are not run. Close it after use.
type Tree struct {
	Commit string

	repo    *Repo
	entries map[string]treeEntry
	dirs    map[string][]string // the names in each directory
	ctx     context.Context

	mu       sync.Mutex
	batch    *batch
	pointers map[string]bool // files of Git LFS that were read
}

// treeEntry is a file, link or submodule.
type treeEntry struct{ mode, object string }

// Tree reads which files a commit has.
func (r *Repo) Tree(ctx context.Context, commit string) (*Tree, error) {
	entries, err := r.besideIndex(ctx, commit)
	if err == nil && entries == nil {
		entries, err = r.listed(ctx, commit)
	}
	if err != nil {
		return nil, err
	}
	t := &Tree{Commit: commit, repo: r, entries: entries, dirs: map[string][]string{".": nil}, ctx: ctx, pointers: map[string]bool{}}
	for name := range entries {
		t.list(name)
	}
	return t, nil
}

// listed returns what a commit has, for which git reads the trees of all directories.
func (r *Repo) listed(ctx context.Context, commit string) (map[string]treeEntry, error) {
	out, err := r.run(ctx, maxList, "ls-tree", "-r", "-z", "--end-of-options", commit)
	if err != nil {
		return nil, err
	}
	entries := map[string]treeEntry{}
	for line := range strings.SplitSeq(string(out), "\x00") {
		meta, name, ok := strings.Cut(line, "\t")
		fields := strings.Fields(meta)
		if ok && len(fields) == 3 && fs.ValidPath(name) { // a tree can be made with any names
			entries[name] = treeEntry{fields[0], fields[2]}
		}
	}
	return entries, nil
}

// besideIndex returns what a commit has as the index with what differs, for which git reads only the trees of directories that differ: in a
// repository of loose objects, each tree is a file. It returns nil if the index cannot be held against a commit.
func (r *Repo) besideIndex(ctx context.Context, commit string) (map[string]treeEntry, error) {
	index, err := r.index(ctx)
	if err != nil || len(index) == 0 {
		return nil, err
	}
	entries := make(map[string]treeEntry, len(index))
	for name, e := range index {
		if e.odd || !e.hasStat {
			return nil, nil
		}
		if fs.ValidPath(name) {
			entries[name] = treeEntry{e.mode, e.blob}
		}
	}
	// Without the work tree, .gitmodules and renames.
	out, err := r.run(ctx, maxList, "diff-index", "--cached", "--raw", "-z", "--no-abbrev", "--no-renames", "--relative", "--ignore-submodules=none", "--end-of-options", commit)
	if err != nil {
		return nil, err
	}
	rest := string(out)
	for rest != "" {
		// ":MODE MODE OBJECT OBJECT STATUS\x00NAME\x00", the commit's first.
		meta, after, ok := strings.Cut(rest, "\x00")
		name, after, ended := strings.Cut(after, "\x00")
		fields := strings.Fields(strings.TrimPrefix(meta, ":"))
		if !ok || !ended || len(fields) != 5 {
			return nil, errors.New("git diff-index: unexpected output")
		}
		rest = after
		switch {
		case fields[4] == "A":
			delete(entries, name)
		case fs.ValidPath(name):
			entries[name] = treeEntry{fields[0], fields[2]}
		}
	}
	return entries, nil
}

// list notes the name of an entry in its directory, and those of the directories above it.
func (t *Tree) list(name string) {
	for at := name; at != "."; at = path.Dir(at) {
		dir := path.Dir(at)
		_, known := t.dirs[dir]
		t.dirs[dir] = append(t.dirs[dir], path.Base(at))
		if known {
			return
		}
	}
}

// Files returns the names of all files, sorted; links to files are among them.
func (t *Tree) Files() []string {
	return slices.Sorted(func(yield func(string) bool) {
		for name, e := range t.entries {
			if e.mode != submodule && !yield(name) {
				return
			}
		}
	})
}

// The modes of entries that are not regular files.
const (
	link      = "120000"
	submodule = "160000"
)

// Submodules returns the directories that are repositories of their own, which are empty here.
func (t *Tree) Submodules() []string {
	return slices.Sorted(func(yield func(string) bool) {
		for name, e := range t.entries {
			if e.mode == submodule && !yield(name) {
				return
			}
		}
	})
}

// Pointers returns the files of Git LFS that were read: their content is not in the repository.
func (t *Tree) Pointers() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(maps.Keys(t.pointers))
}

// Differ returns the files that differ between two trees, sorted.
func (t *Tree) Differ(other *Tree) []string {
	var files []string
	for name, e := range t.entries {
		if other.entries[name] != e {
			files = append(files, name)
		}
	}
	for name := range other.entries {
		if _, both := t.entries[name]; !both {
			files = append(files, name)
		}
	}
	slices.Sort(files)
	return files
}

// Close ends the git process.
func (t *Tree) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.batch.end()
	t.batch = nil
	return nil
}

// maxLinks is how many symbolic links a name may lead through.
const maxLinks = 40

// resolve follows links in a name, but for the last one unless last is set. A link that leaves the tree leads to nothing.
func (t *Tree) resolve(name string, last bool) (string, error) {
	missing := &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	name = path.Clean(name)
	for range maxLinks {
		if !fs.ValidPath(name) {
			return "", missing
		}
		at, followed := "", false
		parts := strings.Split(name, "/")
		for i, part := range parts {
			at = path.Join(at, part)
			e, ok := t.entries[at]
			if !ok || e.mode != link || i == len(parts)-1 && !last {
				continue
			}
			to, err := t.object(at, e)
			if err != nil {
				return "", err
			}
			if path.IsAbs(string(to)) {
				return "", missing
			}
			name, followed = path.Join(append([]string{path.Dir(at), string(to)}, parts[i+1:]...)...), true
			break
		}
		if !followed {
			return name, nil
		}
	}
	return "", &fs.PathError{Op: "open", Path: name, Err: errors.New("too many symbolic links")}
}

// pointer is how a file of Git LFS begins.
var pointer = []byte("version https://git-lfs.github.com/spec/")

// object reads a blob. One over 4 MiB is as many zero bytes, which whoever reads files refuses by their size.
func (t *Tree) object(name string, e treeEntry) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.batch == nil {
		b, err := t.repo.startBatch(t.ctx)
		if err != nil {
			return nil, err
		}
		t.batch = b
	}
	src, err := t.batch.read(e.object)
	switch {
	case errors.Is(err, errTooLarge):
		t.batch.end() // rather than to read all of it
		t.batch = nil
		return make([]byte, maxFile+1), nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%[2]s of commit %.7[1]s is missing in this partial clone; clone without --filter", t.Commit, name)
	case err != nil:
		t.batch.end()
		t.batch = nil
		return nil, err
	}
	if bytes.HasPrefix(src, pointer) {
		t.pointers[name] = true
	}
	return src, nil
}

// batch is a running git cat-file --batch.
type batch struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	kill    context.CancelFunc
}

func (r *Repo) startBatch(ctx context.Context) (*batch, error) {
	p, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	ctx, kill := context.WithCancel(ctx)
	c := exec.CommandContext(ctx, "git", "--no-optional-locks", "--no-pager", "cat-file", "--batch")
	c.Dir, c.Env, c.WaitDelay = p.cwd, p.env(), time.Second
	in, err := c.StdinPipe()
	if err != nil {
		kill()
		return nil, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		kill()
		return nil, err
	}
	if err := c.Start(); err != nil {
		kill()
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	return &batch{c, in, bufio.NewReader(out), kill}, nil
}

func (b *batch) end() {
	if b != nil {
		b.kill()
		_ = b.in.Close()
		_ = b.command.Wait() // it was killed
	}
}

// read returns an object: "ID TYPE SIZE", then its content and a line end (git-cat-file(1), "Batch output").
func (b *batch) read(object string) ([]byte, error) {
	stop := time.AfterFunc(timeout, b.kill)
	defer stop.Stop()
	if _, err := io.WriteString(b.in, object+"\n"); err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	header, err := b.out.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	fields := strings.Fields(header)
	if len(fields) == 2 && fields[1] == "missing" {
		return nil, fs.ErrNotExist
	}
	if len(fields) != 3 || fields[1] != "blob" {
		return nil, fmt.Errorf("git cat-file: unexpected output %q", strings.TrimSpace(header))
	}
	size, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("git cat-file: unexpected size %q", fields[2])
	}
	if size > maxFile {
		return nil, errTooLarge
	}
	src := make([]byte, size+1)
	if _, err := io.ReadFull(b.out, src); err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	return src[:size], nil
}

// Fs returns the files of the tree as a file system that cannot be written.
func (t *Tree) Fs() afero.Fs { return &treeFs{afero.NewReadOnlyFs(afero.NewMemMapFs()), t} }

type treeFs struct {
	afero.Fs // refuses all that writes
	tree     *Tree
}

// Name implements [afero.Fs].
func (f *treeFs) Name() string { return "git" }

// Open implements [afero.Fs].
func (f *treeFs) Open(name string) (afero.File, error) {
	at, err := f.tree.resolve(name, true)
	if err != nil {
		return nil, err
	}
	memory := afero.NewMemMapFs()
	if e, ok := f.tree.entries[at]; ok && e.mode != submodule {
		src, err := f.tree.object(at, e)
		if err == nil {
			err = afero.WriteFile(memory, at, src, 0o644)
		}
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
		return memory.Open(at)
	}
	names, isDir := f.tree.names(at)
	if !isDir {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if err := memory.MkdirAll(at, 0o755); err != nil {
		return nil, err
	}
	folder, err := memory.Open(at)
	return &treeFolder{folder, names}, err
}

// names returns what is in a directory; that of a submodule is empty.
func (t *Tree) names(dir string) ([]string, bool) {
	if names, ok := t.dirs[dir]; ok {
		return names, true
	}
	return nil, t.entries[dir].mode == submodule
}

// OpenFile implements [afero.Fs].
func (f *treeFs) OpenFile(name string, flag int, _ fs.FileMode) (afero.File, error) {
	if flag&(os.O_WRONLY|os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_TRUNC) != 0 {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return f.Open(name)
}

// Stat implements [afero.Fs]. The size of a file is only known once it is open.
func (f *treeFs) Stat(name string) (fs.FileInfo, error) {
	at, err := f.tree.resolve(name, true)
	if err != nil {
		return nil, err
	}
	return f.tree.info(at)
}

// LstatIfPossible implements [afero.Lstater].
func (f *treeFs) LstatIfPossible(name string) (fs.FileInfo, bool, error) {
	at, err := f.tree.resolve(name, false)
	if err != nil {
		return nil, true, err
	}
	info, err := f.tree.info(at)
	return info, true, err
}

func (t *Tree) info(name string) (fs.FileInfo, error) {
	e, ok := t.entries[name]
	switch _, isDir := t.names(name); {
	case isDir:
		return treeInfo{path.Base(name), fs.ModeDir | 0o755}, nil
	case !ok:
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	case e.mode == link:
		return treeInfo{path.Base(name), fs.ModeSymlink | 0o777}, nil
	}
	return treeInfo{path.Base(name), 0o644}, nil
}

type treeInfo struct {
	name string
	mode fs.FileMode
}

func (i treeInfo) Name() string       { return i.name }
func (i treeInfo) Size() int64        { return 0 }
func (i treeInfo) Mode() fs.FileMode  { return i.mode }
func (i treeInfo) ModTime() time.Time { return time.Time{} }
func (i treeInfo) IsDir() bool        { return i.mode.IsDir() }
func (i treeInfo) Sys() any           { return nil }

// treeFolder is an open directory.
type treeFolder struct {
	afero.File
	names []string
}

// Readdirnames implements [afero.File]; n is always -1 here, as package repo asks.
func (f *treeFolder) Readdirnames(int) ([]string, error) { return slices.Clone(f.names), nil }
