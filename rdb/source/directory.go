package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/rdb/aof"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
)

// Directory reads the append-only file of a directory: that of a server (dir), or the one in it with the files and their
// manifest (appenddirname, since Redis 7.0). The files of fsys must be seekable. name is for messages.
func Directory(fsys fs.FS, name string) (plan.Source, error) {
	found, err := manifests(fsys)
	if err != nil {
		return plan.Source{}, err
	}
	switch len(found) {
	case 1:
		s, err := Manifest(fsys, found[0], name)
		if dir := path.Dir(found[0]); err == nil && dir != "." {
			for _, other := range dumps(fsys) {
				s.Notes = append(s.Notes, fmt.Sprintf("%s contains %s and %s; using the append-only file, like a server with appendonly yes", name, dir, other))
			}
		}
		return s, err
	case 0:
		advice := "pass a dump.rdb, or the appendonlydir of a server"
		if list := dumps(fsys); len(list) > 0 {
			advice = "pass a file in it: " + strings.Join(list, ", ")
		}
		return plan.Source{}, fmt.Errorf("%s is a directory without an append-only file manifest; %s", name, advice)
	}
	return plan.Source{}, fmt.Errorf("%s contains several append-only files; pass the manifest of one: %s", name, strings.Join(found, ", "))
}

const maxEntries = 10_000 // of a directory

// manifests finds the manifests of a directory and, where it has none, those of its directories.
func manifests(fsys fs.FS) ([]string, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, err
	}
	var found []string
	for _, e := range entries {
		if isManifest(e) {
			found = append(found, e.Name())
		}
	}
	if len(found) > 0 || len(entries) > maxEntries {
		return found, nil
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		inner, err := fs.ReadDir(fsys, e.Name())
		if err != nil {
			continue // such as lost+found
		}
		for _, e2 := range inner {
			if isManifest(e2) {
				found = append(found, path.Join(e.Name(), e2.Name()))
			}
		}
	}
	return found, nil
}

func isManifest(e fs.DirEntry) bool {
	return !e.IsDir() && strings.HasSuffix(e.Name(), aof.ManifestSuffix) && !strings.HasPrefix(e.Name(), temporary)
}

// temporary begins the names of files that a server has not finished.
const temporary = "temp-"

// dumps lists the files of a directory that may be meant.
func dumps(fsys fs.FS) []string {
	entries, _ := fs.ReadDir(fsys, ".")
	var list []string
	for _, e := range entries {
		ext := path.Ext(strings.TrimSuffix(strings.TrimSuffix(e.Name(), ".gz"), ".zst"))
		if !e.IsDir() && (ext == ".rdb" || ext == ".aof") && !strings.HasPrefix(e.Name(), temporary) && len(list) < 5 {
			list = append(list, e.Name())
		}
	}
	return list
}

// Manifest reads the append-only file that a manifest of fsys describes. name is for messages.
func Manifest(fsys fs.FS, manifest, name string) (plan.Source, error) {
	m, err := parse(fsys, manifest)
	if err != nil {
		return plan.Source{}, err
	}
	dir := path.Dir(manifest)
	var files []*file
	for _, n := range m.Files() {
		f, err := member(fsys, path.Join(dir, n))
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%s lists %q, which does not exist; copy the whole directory while no rewrite is running", manifest, n)
		}
		if err != nil {
			return plan.Source{}, err
		}
		files = append(files, f)
	}
	s, err := join(files, m, name)
	if err != nil {
		return s, err
	}
	s.Notes = extra(fsys, dir, manifest, m)
	return s, nil
}

// join makes one source of the files.
func join(files []*file, m *aof.Manifest, name string) (plan.Source, error) {
	s := plan.Source{Name: name}
	var err error
	if m.Base != "" && !files[0].commands && !files[0].empty {
		if s, err = files[0].source(name); err != nil {
			return s, err
		}
		s.Base = files[0].name
		files = files[1:]
	} else if s, err = empty(s); err != nil {
		return s, err
	}
	for _, f := range files {
		s.Parts = append(s.Parts, f.part())
	}
	return s, nil
}

func parse(fsys fs.FS, manifest string) (*aof.Manifest, error) {
	f, err := regular(fsys, manifest)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, aof.MaxManifest+1))
	if err != nil {
		return nil, err
	}
	m, err := aof.ParseManifest(text)
	if err != nil {
		err = fmt.Errorf("%s: %w", manifest, err)
	}
	return m, err
}

// regular opens a file, but nothing that could block or never end.
func regular(fsys fs.FS, name string) (fs.File, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	return fsys.Open(name)
}

// member is one file of an append-only file.
func member(fsys fs.FS, name string) (*file, error) {
	open := func() (io.ReadSeekCloser, error) {
		f, err := regular(fsys, name)
		if err != nil {
			return nil, err
		}
		seeker, ok := f.(io.ReadSeekCloser)
		if !ok {
			f.Close()
			return nil, fmt.Errorf("%s: not seekable", name)
		}
		return seeker, nil
	}
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	return newFile(name, info.Size(), open)
}

// extra names the files of an append-only file that its manifest does not list. A server does not load them.
func extra(fsys fs.FS, dir, manifest string, m *aof.Manifest) []string {
	entries, _ := fs.ReadDir(fsys, dir)
	own := strings.TrimSuffix(path.Base(manifest), aof.ManifestSuffix)
	known := slices.Concat(m.Files(), m.History, []string{path.Base(manifest)})
	var notes []string
	for _, e := range entries {
		n := e.Name()
		if !e.IsDir() && strings.HasPrefix(n, own) && !slices.Contains(known, n) && len(notes) < 10 {
			notes = append(notes, fmt.Sprintf("%s was skipped: it is not in the manifest, so servers do not load it either", path.Join(dir, n)))
		}
	}
	return notes
}

var increment = regexp.MustCompile(`\.[0-9]+\.incr\.aof(\.gz|\.zst)?$`)

// Alone refuses a file of an append-only file that makes no sense without the others. name is beside its manifest in fsys.
func Alone(fsys fs.FS, name string) error {
	entries, _ := fs.ReadDir(fsys, ".")
	for _, e := range entries {
		if !isManifest(e) {
			continue
		}
		m, err := parse(fsys, e.Name())
		if err != nil {
			continue
		}
		if files := m.Files(); slices.Contains(files, name) && len(files) > 1 {
			return fmt.Errorf("%s is one of %d files of an append-only file (%s); pass the directory with all of them", name, len(files), e.Name())
		}
	}
	if increment.MatchString(name) {
		return fmt.Errorf("%s only contains the last commands of an append-only file; pass the directory with the manifest and all files", name)
	}
	return nil
}
