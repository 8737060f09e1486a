package lint

import (
	"fmt"
	"maps"
	"slices"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/internal/reads"
	"github.com/redis-gitops/redis-gitops/redact"
	"github.com/redis-gitops/redis-gitops/render"
)

// cachedUnit is a unit that was checked, and what it had read for that.
type cachedUnit struct {
	unit     *unit
	rendered *render.Result // nil in a repository of many
	reads    reads.States
	used     bool // in this run
}

type cachedFile[T any] struct {
	value T
	hash  uint64 // of the file
	used  bool   // in this run
}

// get returns what read gave before when the file still says the same.
func (f cachedFiles[T]) get(k *Cache, l *linter, file, key string, read func() T) T {
	hash := reads.State(l.repo.Fs(), file)
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

// maxOther is the number of targets up to which what was found with other settings is kept beside.
const maxOther = 100

// open makes it ready to take what is read before begin.
func (k *Cache) open() {
	if k != nil && k.installs == nil {
		k.installs, k.secrets = cachedFiles[[]instance.Document]{}, cachedFiles[*redact.File]{}
	}
}

// parsed is for what is parsed of charts: a cache is used for another run soon.
func (k *Cache) parsed() *render.Parsed {
	if k == nil {
		return &render.Parsed{}
	}
	k.charts.First = true
	return &k.charts
}

// fits reports whether nothing but files may be different.
func (c *cachedRun) fits(l *linter, setting string) bool {
	return c.config == l.config && c.setting == setting && c.targets != nil
}

// begin forgets what is of other settings than this run, beside that of one.
func (k *Cache) begin(l *linter) {
	if k == nil {
		return
	}
	o := l.opts
	setting := fmt.Sprint(o.Strict, o.Only, o.Enable, o.Disable, o.Values, l.beside())
	if k.fits(l, setting) {
		return
	}
	k.cachedRun, k.other = k.other, k.cachedRun
	if len(k.other.targets) > maxOther {
		k.other = cachedRun{}
	}
	if !k.fits(l, setting) {
		k.cachedRun = cachedRun{setting: setting, config: l.config, targets: map[string]*cachedUnit{}, sources: cachedFiles[source]{}, generators: cachedFiles[generator]{}}
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
	if cached != nil && cached.reads.Unchanged(l.repo.Fs()) {
		k.mu.Lock()
		cached.used = true
		k.mu.Unlock()
		u.take(cached.unit)
		u.rendered = cached.rendered
		return nil
	}
	seen := reads.Record(l.repo.Fs())
	u.repo = l.repo.On(seen)
	u.keep = len(l.units) <= maxKeptRendered
	err := check()
	u.repo = nil
	if err != nil {
		return err
	}
	seen.Saw(u.target.Sources()...)
	cached = &cachedUnit{unit: &unit{}, reads: seen.States(l.repo.Fs()), used: true, rendered: u.rendered}
	cached.unit.take(u)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.targets[key] = cached
	return nil
}

// key identifies a unit among all others of a repository, and among the ways in which it is deployed.
func (u *unit) key() string { return fmt.Sprintf("%s %v %q", u.target.Key(), u.set, u.values) }

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
