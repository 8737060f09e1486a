package git

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxHashed is the size in bytes above which a file of the work tree counts as changed without a look at its content.
const maxHashed = 64 << 20

// Changed returns the files that differ between a commit and the work tree, sorted: what was committed since, what is not
// committed, and what Git does not track and does not ignore.
//
// A file is unchanged when its blob has the same identifier as in the commit, as it is or with LF for each CRLF: that is what
// core.autocrlf and the attributes text and eol make of it. A file that a filter has rewritten (Git LFS, git-crypt) is
// unchanged when the index has the commit's blob for it and the size and time that the file has; the filter is not run. The
// executable bit does not count, and neither do submodules, which are repositories of their own. A file that a sparse checkout
// leaves out is unchanged.
func (r *Repo) Changed(ctx context.Context, commit string) ([]string, error) {
	t, err := r.Tree(ctx, commit)
	if err != nil {
		return nil, err
	}
	return t.Changed(ctx)
}

// Changed is [Repo.Changed] of the commit of the tree.
func (t *Tree) Changed(ctx context.Context) ([]string, error) {
	r := t.repo
	index, err := r.index(ctx)
	if err != nil {
		return nil, err
	}
	visited, untracked := make(map[string]bool, len(t.entries)), false // in visited are files of the tree, and whether they are those of the index
	empty := r.private.blob(nil)                                       // the index does not tell an empty file from one that it has not compared yet
	if err := r.private.workTree(ctx, func(name string, size, mtime int64) {
		in, inTree := t.entries[name]
		e := index[name]
		if inTree {
			visited[name] = in.mode != link && size <= maxHashed && (size == 0 && in.object == empty || mtime < r.private.indexed && e != nil && e.is(in.object, size, mtime))
		}
		untracked = untracked || !inTree && e == nil
	}); err != nil {
		return nil, err
	}
	var files []string
	known, links := make(map[string]bool, len(t.entries)), map[string]bool{}
	for name, in := range t.entries {
		known[name] = true
		if in.mode == submodule {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		unchanged, found := visited[name]
		if unchanged {
			continue // as Git does; a file that is as new as the index may have changed since (gitformat-index, "racy")
		}
		if !found && r.beyondLink(name, links) {
			files = append(files, name)
			continue
		}
		same, err := r.same(ctx, name, in.mode, in.object, index[name])
		if err != nil {
			return nil, err
		}
		if !same {
			files = append(files, name)
		}
	}
	var added []string
	if untracked { // whether Git ignores them, only Git can say
		others, err := r.run(ctx, maxList, append(r.private.excludes(ctx), "ls-files", "-z", "--others", "--exclude-standard")...)
		if err != nil {
			return nil, err
		}
		added = strings.Split(string(others), "\x00")
	}
	for name := range index {
		added = append(added, name)
	}
	for _, name := range added {
		if name == "" || known[name] || strings.HasSuffix(name, "/") { // the last is a repository inside this one
			continue
		}
		known[name] = true
		if e, ok := index[name]; ok && (e.mode == submodule || e.absent && !r.exists(name)) {
			continue
		}
		files = append(files, name)
	}
	slices.Sort(files)
	return files, nil
}

// entry is what the index says of a file.
type entry struct {
	mode, blob  string
	size, mtime int64 // of the file when it was compared last; mtime is in nanoseconds
	absent      bool  // left out by a sparse checkout
	hasStat     bool
	odd         bool // it does not tell what a commit of the index would have: a conflict, or a name without content yet
}

// noContent is the flag of an entry that git add --intent-to-add made (git, read-cache-ll.h, CE_INTENT_TO_ADD).
const noContent = 1 << 29

// stat reads what ls-files --debug prints behind an entry: five lines, of which mtime, size and flags count. Regular expressions take half
// of the time of a comparison for it.
func (e *entry) stat(out string) (after string) {
	rest := out
	var mtime, size, flags string
	for _, prefix := range [...]string{"  ctime: ", "  mtime: ", "  dev: ", "  uid: ", "  size: "} {
		line, after, ended := strings.Cut(rest, "\n")
		value, ok := strings.CutPrefix(line, prefix)
		if !ended || !ok {
			return out
		}
		switch prefix {
		case "  mtime: ":
			mtime = value
		case "  size: ":
			size, flags, _ = strings.Cut(value, "\tflags: ")
		}
		rest = after
	}
	seconds, nanoseconds, _ := strings.Cut(mtime, ":")
	s, err := strconv.ParseInt(seconds, 10, 64)
	n, nerr := strconv.ParseInt(nanoseconds, 10, 64)
	bytes, serr := strconv.ParseInt(size, 10, 64)
	if err == nil && nerr == nil && serr == nil && bytes >= 0 {
		e.mtime, e.size, e.hasStat = s*1e9+n, bytes, true
	}
	f, err := strconv.ParseUint(flags, 16, 64)
	e.odd = e.odd || err != nil || f&noContent != 0
	return rest
}

// index returns the entries of the index, which is read once.
func (r *Repo) index(ctx context.Context) (map[string]*entry, error) {
	if r.entries == nil {
		out, err := r.run(ctx, maxList, "ls-files", "-z", "-t", "--stage", "--debug")
		if err != nil {
			return nil, err
		}
		if r.entries, err = parseIndex(string(out)); err != nil {
			return nil, err
		}
	}
	return r.entries, nil
}

// parseIndex reads what ls-files prints of the index, by name.
func parseIndex(rest string) (map[string]*entry, error) {
	n := strings.Count(rest, "\x00")
	entries := make(map[string]*entry, n)
	all := make([]entry, 0, n)
	for rest != "" {
		// "H 100644 BLOB 0\tNAME\x00", then the lines of stat.
		meta, after, ok := strings.Cut(rest, "\t")
		name, after, ended := strings.Cut(after, "\x00")
		tag, meta, tagged := strings.Cut(meta, " ")
		mode, meta, moded := strings.Cut(meta, " ")
		blob, stage, staged := strings.Cut(meta, " ")
		if !ok || !ended || !tagged || !moded || !staged || blob == "" || stage == "" || strings.Contains(stage, " ") {
			return nil, errors.New("git ls-files: unexpected output")
		}
		all = append(all, entry{mode: mode, blob: blob, absent: tag == "S", odd: stage != "0"})
		e := &all[len(all)-1]
		rest = e.stat(after)
		entries[name] = e
	}
	return entries, nil
}

func (r *Repo) exists(name string) bool {
	_, err := os.Lstat(filepath.Join(r.private.cwd, filepath.FromSlash(name)))
	return err == nil
}

// beyondLink reports whether a directory of a name is a symbolic link: then the work tree has no file of that name. links keeps
// the answers.
func (r *Repo) beyondLink(name string, links map[string]bool) bool {
	dir := path.Dir(name)
	if dir == "." {
		return false
	}
	is, ok := links[dir]
	if !ok {
		info, err := os.Lstat(filepath.Join(r.private.cwd, filepath.FromSlash(dir)))
		is = r.beyondLink(dir, links) || err == nil && info.Mode()&fs.ModeSymlink != 0
		links[dir] = is
	}
	return is
}

// same reports whether a file of the work tree is what a tree has under its name.
func (r *Repo) same(ctx context.Context, name, mode, blob string, e *entry) (bool, error) {
	full := filepath.Join(r.private.cwd, filepath.FromSlash(name))
	info, err := os.Lstat(full)
	if err != nil {
		// A name that this system cannot have is as good as one that does not exist.
		return e != nil && e.absent && e.blob == blob, nil
	}
	switch {
	case mode == "120000" && info.Mode()&fs.ModeSymlink != 0:
		to, err := os.Readlink(full)
		if err != nil {
			return false, nil
		}
		return r.private.blob([]byte(filepath.ToSlash(to))) == blob, nil
	case mode == "120000" && filepath.Separator == '/', !info.Mode().IsRegular():
		return false, nil
	case info.Size() > maxHashed:
		return e != nil && e.fits(info, blob), nil
	}
	f, err := os.OpenFile(full, os.O_RDONLY|nonblock, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil || !info.Mode().IsRegular() {
		return false, err
	}
	src, err := io.ReadAll(io.LimitReader(untilDone{ctx, f}, maxHashed+1))
	if err != nil || len(src) > maxHashed {
		return false, err
	}
	if r.private.blob(src) == blob {
		return true, nil
	}
	if bytes.Contains(src, []byte("\r\n")) && r.private.blob(bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n"))) == blob {
		return true, nil
	}
	return e != nil && e.fits(info, blob), nil
}

// fits reports whether a file is the one that the index has, with a blob.
func (e *entry) fits(info fs.FileInfo, blob string) bool {
	return e.is(blob, info.Size(), info.ModTime().UnixNano())
}

func (e *entry) is(blob string, size, mtime int64) bool {
	return e.blob == blob && e.hasStat && e.size == int64(uint32(size)) && e.mtime == mtime && e.size > 0
}

// blob returns the identifier of a content (gitformat: "blob SIZE\0" and the content, hashed).
func (p *private) blob(content []byte) string {
	var h hash.Hash = sha1.New()
	if p.sha256 {
		h = sha256.New()
	}
	fmt.Fprintf(h, "blob %d\x00", len(content))
	h.Write(content)
	return fmt.Sprintf("%x", h.Sum(nil))
}

// untilDone reads until a context ends.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}
