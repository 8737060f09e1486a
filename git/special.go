package git

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A special looks for pipes, devices and sockets among the files that git opens: it would wait for a pipe until its time is up.
// They cannot be committed, but an archive or another program can have put them there.
type special struct {
	ctx  context.Context
	seen map[string]bool // directories behind links
}

// check returns an error that names a file that is neither a directory nor a regular file: name, or one below it. What is
// missing or cannot be opened is left to git.
func (s *special) check(name string) error {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil
	case info.IsDir():
		return s.below(name)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file; remove it", name)
	}
	return nil
}

func (s *special) below(dir string) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	entries, _ := os.ReadDir(dir) // those that could be read
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		if e.Type() == fs.ModeSymlink {
			to, err := filepath.EvalSymlinks(name)
			if err != nil || s.seen[to] {
				continue
			}
			s.seen[to] = true
		}
		if !e.Type().IsRegular() {
			if err := s.check(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// gitDir checks what git reads of a repository. Its objects may be in further directories (gitrepository-layout(5)).
func (s *special) gitDir(real, common string) error {
	for _, dir := range slices.Compact([]string{real, common}) {
		for _, name := range []string{"refs", "reftable", "logs", "index"} {
			if err := s.check(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return s.objects(filepath.Join(common, "objects"))
}

// maxAlternates bounds the directories of objects that others name, as git does (object-file.c, link_alt_odb_entries).
const maxAlternates = 5

func (s *special) objects(dir string) error {
	next := []string{dir}
	for range maxAlternates + 1 {
		var found []string
		for _, dir := range next {
			if s.seen[dir] {
				continue
			}
			s.seen[dir] = true
			if err := s.check(dir); err != nil {
				return err
			}
			src, err := readSmall(filepath.Join(dir, "info", "alternates"))
			if err != nil {
				continue
			}
			for line := range strings.Lines(string(src)) {
				to := strings.TrimRight(line, "\r\n")
				if to == "" || strings.HasPrefix(to, "#") {
					continue
				}
				if !filepath.IsAbs(to) {
					to = filepath.Join(dir, to)
				}
				found = append(found, filepath.Clean(to))
			}
		}
		next = found
	}
	return nil
}

// workTree visits the files of the work tree, those behind links to directories excepted, with the size and time of a regular one; -1 for
// others. It checks what git reads when it lists the files that it does not track: .gitignore of each directory, and what tells a repository
// in a subdirectory (setup.c, is_git_directory).
func (p *private) workTree(ctx context.Context, visit func(name string, size, mtime int64)) error {
	s := &special{ctx: ctx, seen: map[string]bool{}}
	for dir := p.cwd; dir != p.top && dir != filepath.Dir(dir); {
		dir = filepath.Dir(dir)
		if err := s.check(filepath.Join(dir, ".gitignore")); err != nil {
			return err
		}
	}
	w := &walk{special: s, visit: visit}
	return w.dir(p.cwd, "")
}

// walk is a walk through a work tree.
type walk struct {
	special *special
	visit   func(name string, size, mtime int64)
}

// found is what a directory has. size and mtime are of a regular file, in bytes and nanoseconds.
type found struct {
	name         string
	dir, regular bool
	size, mtime  int64
}

// dir visits what is in a directory; prefix is its name in the work tree, which is empty or ends in "/".
func (w *walk) dir(full, prefix string) error {
	if err := w.special.ctx.Err(); err != nil {
		return err
	}
	for _, f := range w.list(full) { // what cannot be opened git reports
		name := full + string(filepath.Separator) + f.name
		switch {
		case f.name == ".git" && f.dir:
			for _, file := range []string{"HEAD", "commondir", "config"} {
				if err := w.special.check(filepath.Join(name, file)); err != nil {
					return err
				}
			}
			continue
		case f.name == ".git", f.name == ".gitignore" && !f.regular:
			if err := w.special.check(name); err != nil {
				return err
			}
		}
		if f.name == ".git" {
			continue
		}
		if f.dir {
			if err := w.dir(name, prefix+f.name+"/"); err != nil {
				return err
			}
			continue
		}
		size, mtime := int64(-1), int64(-1)
		if f.regular {
			size, mtime = f.size, f.mtime
		}
		w.visit(prefix+f.name, size, mtime)
	}
	return nil
}
