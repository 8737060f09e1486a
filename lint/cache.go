package lint

import (
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/afero"
	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/redact"
	"github.com/redis-gitops/redis-gitops/render"
)

// cachedUnit is a unit that was checked, and what it had read for that.
type cachedUnit struct {
	unit     *unit
	rendered *render.Result // nil in a repository of many
	reads    map[string]uint64
	used     bool // in this run
}

type cachedFile[T any] struct {
	value T
	hash  uint64 // of the file
	used  bool   // in this run
}

// get returns what read gave before when the file still says the same.
func (f cachedFiles[T]) get(k *Cache, l *linter, file, key string, read func() T) T {
	hash := state(l.repo.Fs(), file)
	k.mu.Lock()
	cached := f[key]
	k.mu.Unlock()
	if cached == nil || cached.hash != hash {
		cached = &cachedFile[T]{value: read(), hash: hash}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	f[key], cached.used = cached, true
	return cached.value
}

// forget leaves out what was not asked for since the last time.
func (f cachedFiles[T]) forget() {
	maps.DeleteFunc(f, func(_ string, cached *cachedFile[T]) bool { return !cached.used })
	for _, cached := range f {
		cached.used = false
	}
}

// maxKeptRendered is the number of targets up to which the rendered resources are cached too, of some 100 KB each.
const maxKeptRendered = 1000

// open makes it ready to take what is read before begin.
func (k *Cache) open() {
	if k != nil && k.installs == nil {
		k.installs, k.secrets = cachedFiles[[]instance.Document]{}, cachedFiles[*redact.File]{}
	}
}

// begin forgets everything when something else than files is different from the last run.
func (k *Cache) begin(l *linter) {
	if k == nil {
		return
	}
	o := l.opts
	setting := fmt.Sprint(o.Strict, o.Only, o.Enable, o.Disable, o.Values, l.beside())
	if k.config != l.config || k.setting != setting || k.targets == nil {
		*k = Cache{setting: setting, config: l.config, installs: k.installs, secrets: k.secrets, targets: map[string]*cachedUnit{}, sources: cachedFiles[source]{}, generators: cachedFiles[generator]{}}
	}
}

// end forgets what is no part of the repository any more.
func (k *Cache) end() {
	if k == nil {
		return
	}
	maps.DeleteFunc(k.targets, func(_ string, u *cachedUnit) bool { return !u.used })
	for _, u := range k.targets {
		u.used = false
	}
	k.sources.forget()
	k.generators.forget()
	k.installs.forget()
	k.secrets.forget()
}

// check is [unit.check], or what it gave before.
func (k *Cache) check(l *linter, u *unit, check func() error) error {
	if k == nil {
		return check()
	}
	key := u.key()
	k.mu.Lock()
	cached := k.targets[key]
	k.mu.Unlock()
	if cached != nil && unchanged(l.repo.Fs(), cached.reads) {
		k.mu.Lock()
		cached.used = true
		k.mu.Unlock()
		u.take(cached.unit)
		u.rendered = cached.rendered
		return nil
	}
	seen := &recorder{Fs: l.repo.Fs(), names: map[string]bool{}}
	u.repo = l.repo.On(seen)
	u.keep = len(l.units) <= maxKeptRendered
	err := check()
	u.repo = nil
	if err != nil {
		return err
	}
	u.sources(seen)
	cached = &cachedUnit{unit: &unit{}, reads: map[string]uint64{}, used: true, rendered: u.rendered}
	for name := range seen.names {
		cached.reads[name] = state(l.repo.Fs(), name)
	}
	cached.unit.take(u)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.targets[key] = cached
	return nil
}

// key identifies a unit among all others of a repository, and among the ways in which it is deployed.
func (u *unit) key() string {
	var b strings.Builder
	t := u.target
	fmt.Fprintf(&b, "%q %d %q %q %d %q", t.Dir, t.Kind, t.ValueFiles, t.Files, u.set, u.values)
	if d := t.Deployment; d != nil {
		fmt.Fprintf(&b, " %+v %q %q %q %q %v %q %v %v %+v", d.Source, d.Kind, d.Name, d.Path, d.Namespace, d.NoChartValues, d.ValueFiles, d.IgnoreMissingValueFiles, d.ValuesErr, d.Parameters)
		fmt.Fprintf(&b, " %q %+v %q %q", d.ReleaseName, d.NamespaceAt, d.Substitute.Key(), d.ValuesSubstitute.Key())
		fmt.Fprintf(&b, " %v %v", d.ValueFilesAt, d.Missing)
		for _, from := range d.ValuesFrom {
			fmt.Fprintf(&b, " %v %q %q %v", from.At, from.Unknown, from.File, from.Err)
		}
		if d.Values != nil { // a generator of an ApplicationSet may have them from other files
			text, err := yaml.Marshal(d.Values)
			fmt.Fprintf(&b, " %q %v", text, err)
		}
	}
	return b.String()
}

// take makes a unit what another one is, with findings and suppressions of its own, since these are changed later.
func (u *unit) take(from *unit) {
	u.resources, u.files, u.chart, u.secrets = from.resources, from.files, from.chart, from.secrets
	u.notices, u.failures, u.incomplete = from.notices, from.failures, from.incomplete
	u.suppressions = copySuppressions(from.suppressions)
	u.located = map[*finding.Finding]*fix{}
	u.findings = make([]*finding.Finding, len(from.findings))
	for i, f := range from.findings {
		u.findings[i] = copyFinding(f)
		if fx := from.located[f]; fx != nil {
			u.located[u.findings[i]] = fx
		}
	}
}

func copyFinding(f *finding.Finding) *finding.Finding {
	c := *f
	c.Related, c.Sets = slices.Clone(f.Related), slices.Clone(f.Sets)
	return &c
}

// sources notes the files that say how the unit is deployed.
func (u *unit) sources(seen *recorder) {
	d := u.target.Deployment
	if d == nil {
		return
	}
	seen.saw(d.Source.File) // inline values
	for _, from := range d.ValuesFrom {
		if from.File != "" {
			seen.saw(from.File)
		}
	}
}

// source is [linter.readSource], or what it gave before.
func (k *Cache) source(l *linter, name string, rendered bool) source {
	if k == nil {
		return l.readSource(name, rendered)
	}
	key := fmt.Sprint(name, " ", rendered, l.isTemplate(name), l.documentKind(name))
	s := k.sources.get(k, l, name, key, func() source { return l.readSource(name, rendered) })
	s.suppressions = copySuppressions(s.suppressions)
	s.findings = slices.Clone(s.findings)
	for i, f := range s.findings {
		s.findings[i] = copyFinding(f)
	}
	return s
}

// generator is [linter.readGenerator], or what it gave before.
func (k *Cache) generator(l *linter, file, group string) generator {
	if k == nil {
		return l.readGenerator(file, group)
	}
	return k.generators.get(k, l, file, file, func() generator { return l.readGenerator(file, group) })
}

// installing is [instance.ReadSource], or what it gave before.
func (k *Cache) installing(l *linter, file string) []instance.Document {
	if k == nil {
		return instance.ReadSource(l.repo, file)
	}
	return k.installs.get(k, l, file, file, func() []instance.Document { return instance.ReadSource(l.repo, file) })
}

// secretsOf is what [redact.Scan] finds in a file, or what it gave before.
func (k *Cache) secretsOf(l *linter, file string, scan func() *redact.File) *redact.File {
	if k == nil {
		return scan()
	}
	return k.secrets.get(k, l, file, file, scan)
}

// recorder takes down which names are asked for.
type recorder struct {
	afero.Fs
	mu    sync.Mutex
	names map[string]bool
}

func (r *recorder) saw(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names[name] = true
}

// Stat implements [afero.Fs].
func (r *recorder) Stat(name string) (fs.FileInfo, error) {
	r.saw(name)
	return r.Fs.Stat(name)
}

// LstatIfPossible implements [afero.Lstater].
func (r *recorder) LstatIfPossible(name string) (fs.FileInfo, bool, error) {
	r.saw(name)
	if l, ok := r.Fs.(afero.Lstater); ok {
		return l.LstatIfPossible(name)
	}
	info, err := r.Fs.Stat(name)
	return info, false, err
}

// Open implements [afero.Fs].
func (r *recorder) Open(name string) (afero.File, error) {
	r.saw(name)
	return r.Fs.Open(name)
}

// seed makes hashes that nobody outside can foresee, so that no file can be made that passes for another one.
var seed = maphash.MakeSeed()

// state sums up what a name is.
func state(fsys afero.Fs, name string) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	if err := describe(&h, fsys, name); err != nil {
		_, _ = h.WriteString("error " + err.Error())
	}
	return h.Sum64()
}

// describe writes what a name is: its text, the names and types in a folder, or that there is nothing, which is the error.
func describe(w io.Writer, fsys afero.Fs, name string) error {
	f, err := fsys.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case info.IsDir():
		var names []string
		if typed, ok := f.(fs.ReadDirFile); ok { // of which package repo takes the types too
			var entries []fs.DirEntry
			if entries, err = typed.ReadDir(-1); err == nil {
				for _, e := range entries {
					names = append(names, e.Type().String()+e.Name())
				}
			}
		} else {
			names, err = f.Readdirnames(-1)
		}
		slices.Sort(names)
		_, _ = fmt.Fprintf(w, "folder %q %v", names, err)
		return nil
	}
	_, _ = fmt.Fprintf(w, "file %v ", info.Mode())
	buf := texts32.Get().(*[32 << 10]byte)
	defer texts32.Put(buf)
	for {
		n, err := f.Read(buf[:])
		_, _ = w.Write(buf[:n])
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return err
		}
	}
}

// texts32 are for parts of files, which nobody keeps.
var texts32 = sync.Pool{New: func() any { return new([32 << 10]byte) }}

func unchanged(fsys afero.Fs, reads map[string]uint64) bool {
	for name, was := range reads {
		if state(fsys, name) != was {
			return false
		}
	}
	return true
}
