package lint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"sync"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/reads"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/redact"
)

// A Store keeps bytes from one process to the next. What it returns may be missing, old or broken, and what it is given may be lost.
type Store interface {
	Load(key string) []byte
	Save(key string, data []byte)
}

// Keeper keeps what was found in targets and files, and by the rules about the repository, from one process to the next.
type Keeper interface {
	check(l *linter, u *unit, check func() error) error
	source(l *linter, name string, rendered bool) source
	secretsOf(l *linter, name string, scan func(src []byte) *redact.File) *redact.File
	mentions(l *linter, name string, chains []string) bool
	repository(l *linter, evaluate func() ([]policy.Violation, error)) ([]policy.Violation, error)
	end(l *linter)
}

// NewKeeper returns one for a repository: id stands for everything beside its files that findings depend on, the program among it. It may
// be used for one run.
//
// An entry has the hashes of all files that a target reads. A target is not kept if anything secret is in these files or in what they
// render to, or if it could not be checked as a whole.
func NewKeeper(store Store, id string) Keeper {
	return &disk{store: store, id: id, fresh: newEntries(), hashes: map[string]*hashed{}, scans: map[string]*redact.Kept{}}
}

// maxKept is the size of all entries of a repository, in bytes, above which no more are kept.
const maxKept = 64 << 20

type disk struct {
	store Store
	id    string

	begin sync.Once
	key   string

	mu     sync.Mutex
	old    entries
	fresh  entries // of this run
	size   int
	dirty  bool
	hashes map[string]*hashed
	sums   sums
	scans  map[string]*redact.Kept
}

type hashed struct {
	once sync.Once
	sum  string
}

// keptUnit is what is kept of a unit.
type keptUnit struct {
	Resources []keptResource
	Files     []string
	Chart     *keptChart
	Notices   []*finding.Problem
	Findings  []keptFinding
}

type keptResource struct {
	finding.Resource
	File string
}

type keptChart struct {
	Name  string
	Files []string // with values
}

type keptFinding struct {
	Rule               string
	Severity           int
	Message            string
	At                 finding.Position
	EndLine, EndColumn int
	Resource           *finding.Resource
	Path               []string
	Related            []finding.Related
	Fix, Suggested     string
	Help               string
	Count              int
	Sets               []string
	Located            *keptFix
}

// keptFix is a fix that can be compared and told, but not made.
type keptFix struct {
	Edits                 []string
	Words, Suggested, Why string
	Nil                   bool // no edits, not even an empty list
}

// load reads the entries, once it is known what they depend on.
func (d *disk) load(l *linter) {
	d.begin.Do(func() {
		o := l.opts
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%v", d.id, []any{o.Strict, o.Only, o.Enable, o.Disable, o.Values, o.NoSuppressions, l.beside(), l.repo.Layout()}))
		d.key = hex.EncodeToString(sum[:])
		d.old = decodeEntries(d.store.Load(d.key))
	})
}

// hash sums up what a name is: its text, the names and types in a folder, or that there is nothing.
func (d *disk) hash(fsys afero.Fs, name string) string {
	d.mu.Lock()
	h := d.hashes[name]
	if h == nil {
		h = &hashed{}
		d.hashes[name] = h
	}
	d.mu.Unlock()
	h.once.Do(func() {
		h.sum = d.sums.hashOf(fsys, name)
	})
	return h.sum
}

func (s *sums) hashOf(fsys afero.Fs, name string) string {
	h := summings.Get().(*summing)
	defer summings.Put(h)
	h.reset()
	if err := reads.Describe(h, fsys, name); err != nil {
		h.reset()
		_, _ = fmt.Fprintf(h, "error %v", err)
	}
	return h.sum(s)
}

func (d *disk) check(l *linter, u *unit, check func() error) error {
	d.load(l)
	key := sumOf([]byte(u.key()))
	if old, ok := d.old.units[key]; ok && d.unchanged(l.repo.Fs(), old.reads) && u.restore(l, old) {
		u.sum = key + old.sum
		d.mu.Lock()
		defer d.mu.Unlock()
		d.fresh.units[key] = old
		d.size += old.size()
		return nil
	}
	seen := d.hasher(l)
	u.repo = l.repo.On(seen)
	err := check()
	u.repo = nil
	d.mu.Lock()
	full := d.size > maxKept
	d.mu.Unlock()
	if err != nil || full {
		return err
	}
	seen.Saw(u.target.Sources()...)
	if r, ok := d.record(l, u, seen); ok {
		u.sum = key + r.sum
		d.mu.Lock()
		defer d.mu.Unlock()
		d.fresh.units[key] = r
		d.size += r.size()
		d.dirty = true
	}
	return nil
}

// hasher is a [reads.Recorder] that hashes the text of files as they are read: a file may be another one by the end of the run.
type hasher struct {
	*reads.Recorder
	mu      sync.Mutex
	among   *sums
	sums    map[string]string
	changed bool // between two readings
}

func (d *disk) hasher(l *linter) *hasher {
	return &hasher{Recorder: reads.Record(l.repo.Fs()), among: &d.sums, sums: map[string]string{}}
}

// Open implements [afero.Fs].
func (h *hasher) Open(name string) (afero.File, error) {
	f, err := h.Recorder.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		return f, err
	}
	sum := summings.Get().(*summing)
	sum.reset()
	_, _ = fmt.Fprintf(sum, "file %v ", info.Mode())
	return &hashedFile{File: f, hash: sum, among: h.among, done: func(sum string) {
		h.mu.Lock()
		defer h.mu.Unlock()
		was, read := h.sums[name]
		h.sums[name], h.changed = sum, h.changed || read && was != sum
	}}, nil
}

type hashedFile struct {
	afero.File
	hash  *summing
	among *sums
	done  func(sum string) // nil once it was called
}

// Read implements [io.Reader].
func (f *hashedFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	if f.done == nil {
		return n, err
	}
	_, _ = f.hash.Write(p[:n])
	if err == io.EOF {
		f.done(f.hash.sum(f.among))
		f.done = nil
		summings.Put(f.hash)
	}
	return n, err
}

func (d *disk) unchanged(fsys afero.Fs, reads map[string]string) bool {
	for name, was := range reads {
		if d.hash(fsys, name) != was {
			return false
		}
	}
	return true
}

// record makes an entry of a unit that was checked; not ok if it is not to be kept.
func (d *disk) record(l *linter, u *unit, seen *hasher) (record, bool) {
	if seen.changed || u.incomplete || len(u.secrets) > 0 || len(u.suppressions) > 0 || len(u.failures) > 0 {
		return record{}, false
	}
	secrets := l.secrets()
	for _, name := range seen.Names() {
		if !secrets.File(name).Empty() {
			return record{}, false
		}
	}
	kept := keptUnit{Files: u.files, Notices: u.notices}
	r := record{reads: map[string]string{}}
	sum := sha256.New()
	part := func(text []byte, err error) (ok bool) {
		_, _ = fmt.Fprintf(sum, "%d ", len(text))
		_, _ = sum.Write(text)
		return err == nil && mayKeep(text, secrets)
	}
	for _, each := range u.resources {
		packed, err := each.data.pack()
		if each.Kind == "Secret" || !part(packed, err) {
			return record{}, false
		}
		r.parts = append(r.parts, packed)
		kept.Resources = append(kept.Resources, keptResource{each.Resource, each.file})
	}
	if u.chart != nil {
		kept.Chart = &keptChart{Name: u.chart.name}
		for _, f := range u.chart.files {
			packed, err := packing(l.pool).Pack(f.Data)
			if !part(packed, err) {
				return record{}, false
			}
			r.parts = append(r.parts, packed)
			kept.Chart.Files = append(kept.Chart.Files, f.File)
		}
		var err error
		if r.flow, err = json.Marshal(u.chart.flow.Keep()); !part(r.flow, err) {
			return record{}, false
		}
	}
	_ = json.NewEncoder(sum).Encode([]any{kept.Resources, kept.Chart})
	r.sum = string(sum.Sum(nil)[:hashSize])
	for _, f := range u.findings {
		kept.Findings = append(kept.Findings, keepFinding(f, u.located[f]))
	}
	var err error
	if r.unit, err = json.Marshal(kept); err != nil || !mayKeep(r.unit, secrets) {
		return record{}, false
	}
	for _, name := range seen.Names() {
		if r.reads[name] = seen.sums[name]; r.reads[name] == "" { // a folder, or nothing
			r.reads[name] = d.hash(l.repo.Fs(), name)
		}
	}
	return r, true
}

// mayKeep reports whether a text has nothing secret, and nothing that JSON cannot hold.
func mayKeep(text []byte, secrets *redact.Secrets) bool {
	return !bytes.Contains(text, []byte(`\ufffd`)) && secrets.Foreign(string(text)) == string(text)
}

func keepFinding(f *finding.Finding, fx *fix) keptFinding {
	k := keptFinding{f.Rule, int(f.Severity), f.Message, f.Position, f.EndLine, f.EndColumn, f.Resource, f.Path, f.Related, f.Fix, f.Suggested, f.Help, f.Count, f.Sets, nil}
	if fx != nil {
		k.Located = &keptFix{Words: fx.words, Suggested: fx.suggested, Why: fx.why, Nil: fx.edits == nil}
		for _, e := range fx.edits {
			k.Located.Edits = append(k.Located.Edits, e.id)
		}
	}
	return k
}

// restore makes the unit what an entry says; it is left as it was if the entry is broken.
func (u *unit) restore(l *linter, r record) bool {
	var kept keptUnit
	if json.Unmarshal(r.unit, &kept) != nil {
		return false
	}
	parts, values := r.parts, len(r.parts)-len(kept.Resources)
	if kept.Chart != nil {
		values -= len(kept.Chart.Files)
	}
	if values != 0 {
		return false
	}
	resources := make([]resource, len(kept.Resources))
	for i, r := range kept.Resources {
		resources[i] = resource{r.Resource, r.File, &held{pool: l.pool, packed: parts[i]}}
	}
	var chart *chartModel
	if kept.Chart != nil {
		chart = &chartModel{name: kept.Chart.Name, kept: &keptValues{r.flow, kept.Chart.Files, parts[len(resources):]}}
	}
	for _, k := range kept.Findings {
		f := new(finding.Finding) // that locate has made in an earlier run
		f.Rule, f.Severity, f.Message, f.Help = k.Rule, finding.Severity(k.Severity), k.Message, k.Help
		f.Position, f.EndLine, f.EndColumn = k.At, k.EndLine, k.EndColumn
		f.Resource, f.Path, f.Related, f.Sets, f.Count = k.Resource, k.Path, k.Related, k.Sets, k.Count
		f.Fix, f.Suggested = k.Fix, k.Suggested
		u.findings = append(u.findings, f)
		if k.Located != nil {
			fx := &fix{words: k.Located.Words, suggested: k.Located.Suggested, why: k.Located.Why, kept: u}
			if !k.Located.Nil {
				fx.edits = []*edit{}
			}
			for _, id := range k.Located.Edits {
				fx.edits = append(fx.edits, &edit{id: id})
			}
			u.located[f] = fx
		}
	}
	u.resources, u.files, u.chart, u.notices = resources, kept.Files, chart, kept.Notices
	return true
}

// end saves the entries of a run if there are other ones than before.
func (d *disk) end(l *linter) {
	d.load(l)
	secrets := l.secrets()
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.fresh.files, func(name string, f *keptFile) bool {
		return f.sum == "" || !secrets.File(name).Empty() || f.anew && !(mayKeep(f.scan, secrets) && mayKeep(f.source, secrets))
	})
	if d.dirty || len(d.fresh.units) != len(d.old.units) || len(d.fresh.files) != len(d.old.files) {
		d.fresh.size = d.old.size
		d.store.Save(d.key, encodeEntries(d.fresh))
	}
}
