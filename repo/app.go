package repo

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/spf13/afero"
)

// AppKind describes what an application's folder is.
type AppKind int

// The kinds of applications, recognised in this order as Argo CD does
// (argo-cd docs/user-guide/tool_detection.md).
const (
	Plain     AppKind = iota // manifests
	Chart                    // a Helm chart: has Chart.yaml
	Kustomize                // has a kustomization, in its folder or, as base and overlays, below
)

// String returns the kind's name for messages.
func (k AppKind) String() string {
	return [...]string{"plain", "chart", "kustomize"}[k]
}

// App is one application of the repository.
type App struct {
	Name string
	Dir  string
	Kind AppKind

	repo *Repo
}

// App returns one application without looking at the others.
func (r *Repo) App(name string) (*App, error) {
	if err := CheckName("application name", name); err != nil {
		return nil, err
	}
	var dirs []string
	for _, glob := range r.layout.Applications {
		before, segment, after := splitGlob(glob)
		if ok, _ := path.Match(segment, name); !ok {
			continue
		}
		for _, parent := range r.glob(before) {
			if dir := path.Join(parent, name, after); isFolder(r.fs, dir) && !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
		}
	}
	switch len(dirs) {
	case 0:
		return nil, r.unknownApp(name)
	case 1:
		return r.newApp(name, dirs[0]), nil
	}
	return nil, finding.Errorf(finding.Position{}, "", "application %q is in %d directories: %s; narrow layout.applications", name, len(dirs), strings.Join(dirs, ", "))
}

func (r *Repo) unknownApp(name string) error {
	apps, err := r.AppFolders()
	if err != nil {
		return err
	}
	names := make([]string, len(apps))
	for i, a := range apps {
		names[i] = a.Name
	}
	hint := finding.DidYouMean(name, names)
	switch {
	case hint != "":
	case len(names) == 0:
		hint = "; found no applications in " + strings.Join(r.layout.Applications, ", ")
	case len(names) > 10:
		hint = "; " + finding.OneOf(names[:10]) + ", …"
	default:
		hint = "; " + finding.OneOf(names)
	}
	return finding.Errorf(finding.Position{}, "", "application %q does not exist%s", name, hint)
}

// Apps returns all applications, sorted by name and then folder. A folder is listed whatever its name is.
func (r *Repo) Apps() ([]*App, error) {
	folders, err := r.AppFolders()
	if err != nil {
		return nil, err
	}
	apps := make([]*App, len(folders))
	for i, f := range folders {
		apps[i] = r.newApp(f.Name, f.Dir)
	}
	return apps, nil
}

// AppFolder is the folder of an application.
type AppFolder struct{ Name, Dir string }

// AppFolders is Apps without a look at what is in the folders.
func (r *Repo) AppFolders() ([]AppFolder, error) {
	var apps []AppFolder
	seen := map[string]bool{}
	for _, glob := range r.layout.Applications {
		before, segment, after := splitGlob(glob)
		for _, parent := range r.glob(before) {
			entries, err := entriesOf(r.fs, parent)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			for _, e := range entries {
				dir := path.Join(parent, e.base, after)
				if ok, _ := path.Match(segment, e.base); !ok || hidden(e.base) || seen[dir] {
					continue
				}
				if is := e.known && e.mode.IsDir() && after == ""; !is && !isFolder(r.fs, dir) {
					continue
				}
				seen[dir] = true
				apps = append(apps, AppFolder{e.base, dir})
			}
		}
	}
	slices.SortFunc(apps, func(a, b AppFolder) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Dir, b.Dir)
	})
	return apps, nil
}

// AppOf returns the application that a folder is, or is part of; nil when the layout has none there.
func (r *Repo) AppOf(dir string) *App {
	if name, at := r.appAt(dir); name != "" {
		return r.newApp(name, at)
	}
	return nil
}

// AppName returns the name of the application that a folder is, or is part of, without a look at it; "" when the layout has none there.
func (r *Repo) AppName(dir string) string {
	name, _ := r.appAt(dir)
	return name
}

func (r *Repo) appAt(dir string) (name, at string) {
	for at := dir; at != "."; at = path.Dir(at) {
		for _, glob := range r.layout.Applications {
			if ok, _ := path.Match(glob, at); ok {
				before, _, _ := splitGlob(glob)
				return strings.Split(at, "/")[strings.Count(path.Join(before, "x"), "/")], at
			}
		}
	}
	return "", ""
}

func (r *Repo) newApp(name, dir string) *App {
	a := &App{Name: name, Dir: dir, repo: r}
	switch {
	case isFile(r.fs, path.Join(dir, "Chart.yaml")):
		a.Kind = Chart
	case r.hasKustomization(dir):
		a.Kind = Kustomize
	}
	return a
}

// hasKustomization looks in the folder, in those below, and in overlays/*.
func (r *Repo) hasKustomization(dir string) bool {
	if r.kustomization(dir) != "" {
		return true
	}
	subs, _ := list(r.fs, dir)
	overlays, _ := list(r.fs, path.Join(dir, "overlays"))
	for _, name := range overlays {
		subs = append(subs, path.Join("overlays", name))
	}
	return slices.ContainsFunc(subs, func(sub string) bool { return r.kustomization(path.Join(dir, sub)) != "" })
}

// kustomization returns the kustomization file of a folder, or "". The three names are those of kustomize's
// api/konfig/general.go.
func (r *Repo) kustomization(dir string) string {
	for _, base := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
		if name := path.Join(dir, base); isFile(r.fs, name) {
			return name
		}
	}
	return ""
}

// Path joins names to the application's folder.
func (a *App) Path(names ...string) string { return path.Join(append([]string{a.Dir}, names...)...) }

// ChartName returns the name that Chart.yaml has, which is what .Chart.Name and most resource names are made of.
func (a *App) ChartName() (string, error) {
	file := a.Path("Chart.yaml")
	docs, err := a.repo.Documents(file)
	if err != nil {
		return "", err
	}
	if len(docs) == 0 {
		return "", finding.Errorf(finding.Position{File: file}, "name", "the file is empty; add \"name: %s\"", a.Name)
	}
	name := docs[0].Get("name")
	if name == nil {
		return "", finding.Errorf(docs[0].At(docs[0].Node), "name", "is missing; add \"name: %s\"", a.Name)
	}
	if name.Tag != "!!str" || name.Value == "" {
		return "", finding.Errorf(docs[0].At(name), "name", "expected a string, found %s; write \"name: %s\"", kindName(name), a.Name)
	}
	return name.Value, nil
}

// splitGlob cuts a glob of application folders at the segment that is the application's name: the last one with a
// wildcard, or else the last one.
func splitGlob(glob string) (before, name, after string) {
	segments := strings.Split(glob, "/")
	at := len(segments) - 1
	for i, s := range segments {
		if hasMeta(s) {
			at = i
		}
	}
	return path.Join(segments[:at]...), segments[at], path.Join(segments[at+1:]...)
}

// isAppFolder reports whether a folder is one that the layout calls an application.
func (r *Repo) isAppFolder(dir string) bool {
	return slices.ContainsFunc(r.layout.Applications, func(glob string) bool {
		ok, _ := path.Match(glob, dir)
		return ok
	})
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") }

// list returns the names in a folder without asking for each entry's type.
func list(fsys afero.Fs, dir string) ([]string, error) {
	f, err := fsys.Open(dir)
	if err != nil {
		return nil, explain(dir, "read", err)
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, explain(dir, "read", err)
	}
	slices.Sort(names)
	return names, nil
}

// entry is a name in a folder, with its type where the file system says it.
type entry struct {
	base  string
	mode  fs.FileMode
	known bool
}

// entriesOf returns what is in a folder, sorted by name. Most file systems say the types too, which saves a question for each name.
func entriesOf(fsys afero.Fs, dir string) ([]entry, error) {
	f, err := fsys.Open(dir)
	if err != nil {
		return nil, explain(dir, "read", err)
	}
	defer f.Close()
	var entries []entry
	if typed, ok := f.(fs.ReadDirFile); ok {
		list, err := typed.ReadDir(-1)
		if err != nil {
			return nil, explain(dir, "read", err)
		}
		for _, e := range list {
			entries = append(entries, entry{e.Name(), e.Type(), true})
		}
	} else {
		names, err := f.Readdirnames(-1)
		if err != nil {
			return nil, explain(dir, "read", err)
		}
		for _, name := range names {
			entries = append(entries, entry{base: name})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.base, b.base) })
	return entries, nil
}
