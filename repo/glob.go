package repo

import (
	"path"
	"slices"
	"strings"
)

// hasMeta reports whether a part of a glob is more than a name.
func hasMeta(segment string) bool { return strings.ContainsAny(segment, `*?[\`) }

// maxWork bounds what the globs of one question may look at: "**" and the generators of an ApplicationSet multiply.
const maxWork = 1_000_000

// glob returns the files and folders that match, in order; "" is the repository itself, "**" any number of folders, as
// in Argo CD. What cannot be read has no matches.
func (r *Repo) glob(pattern string) []string {
	g := globber{repo: r, left: maxWork}
	return g.glob(pattern)
}

type globber struct {
	repo    *Repo
	only    *App // if not nil, the folders of other applications are not looked at
	left    int  // of maxWork
	matches []string
}

func (g *globber) glob(pattern string) []string {
	if pattern = path.Clean(pattern); pattern == "." {
		return []string{"."}
	}
	g.matches = nil
	g.expand(".", strings.Split(pattern, "/"), 0)
	return g.matches
}

func (g *globber) expand(dir string, segments []string, depth int) {
	if g.left--; g.left < 0 || depth > maxFolderDepth {
		return
	}
	segment, rest := segments[0], segments[1:]
	if segment == "**" {
		if len(rest) > 0 {
			g.expand(dir, rest, depth+1)
		}
		for _, name := range g.list(dir) {
			sub := path.Join(dir, name)
			if len(rest) == 0 {
				g.matches = append(g.matches, sub)
			}
			if info, err := lstat(g.repo.fs, sub); err == nil && info.IsDir() {
				g.expand(sub, segments, depth+1)
			}
		}
		return
	}
	names := []string{segment}
	if hasMeta(segment) {
		names = g.list(dir)
	}
	for _, name := range names {
		sub := path.Join(dir, name)
		if ok, _ := path.Match(segment, name); hasMeta(segment) && !ok || g.skip(sub) {
			continue
		}
		if len(rest) > 0 {
			g.expand(sub, rest, depth+1)
		} else if _, err := lstat(g.repo.fs, sub); err == nil {
			g.matches = append(g.matches, sub)
		}
	}
}

// skip leaves out the other applications, so that a question about one does not cost more the more there are.
func (g *globber) skip(dir string) bool {
	return g.only != nil && dir != g.only.Dir && g.repo.isAppFolder(dir)
}

// list returns the names in a folder that a wildcard may match: not the hidden ones.
func (g *globber) list(dir string) []string {
	if g.only != nil && dir == path.Dir(g.only.Dir) && slices.Contains(g.repo.layout.Applications, dir+"/*") {
		return []string{path.Base(g.only.Dir)} // all others would be skipped
	}
	names, err := list(g.repo.fs, dir)
	if err != nil {
		return nil
	}
	g.left -= len(names)
	visible := names[:0]
	for _, name := range names {
		if !hidden(name) && !g.skip(path.Join(dir, name)) {
			visible = append(visible, name)
		}
	}
	return visible
}
