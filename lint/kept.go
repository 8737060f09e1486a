package lint

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"slices"
	"sync"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/lint/model"
)

// A Store keeps bytes from one process to the next. What it returns may be missing, old or broken, and what it is given may be lost.
type Store interface {
	Load(key string) []byte
	Save(key string, data []byte)
}

// Keeper keeps what was found in targets from one process to the next.
type Keeper interface {
	check(l *linter, u *unit, check func() error) error
	end(l *linter)
}

// NewKeeper returns one for a repository: id stands for everything beside its files that findings depend on, the program among it. It may
// be used for one run.
//
// An entry has the hashes of all files that a target reads. A target is not kept if anything secret is in these files or in what they
// render to, or if it could not be checked as a whole.
func NewKeeper(store Store, id string) Keeper {
	return &disk{store: store, id: id, old: map[string]record{}, fresh: map[string]record{}, hashes: map[string]*hashed{}}
}

// maxKept is the size of all entries of a repository, in bytes, above which no more are kept.
const maxKept = 64 << 20

// hashSize is how much of a hash is kept, in bytes: enough against two texts that somebody makes for that.
const hashSize = 32

type disk struct {
	store Store
	id    string

	begin sync.Once
	key   string

	mu     sync.Mutex
	old    map[string]record // by the hash of the unit's key
	fresh  map[string]record // of this run
	size   int
	dirty  bool
	hashes map[string]*hashed
}

// record is an entry: the hashes of what the unit read, and a keptUnit as JSON.
type record struct {
	reads map[string]string
	unit  []byte
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
	Data any
}

type keptChart struct {
	Name  string
	Flow  model.KeptFlow
	Files []keptValues
}

type keptValues struct {
	File string
	Data any
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
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%v", d.id, []any{o.Strict, o.Only, o.Enable, o.Disable, o.Values, o.NoSuppressions, l.charge(), l.running(), l.repo.Layout()}))
		d.key = hex.EncodeToString(sum[:])
		if old, ok := decodeRecords(d.store.Load(d.key)); ok {
			d.old = old
		}
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
		h.sum = hashOf(fsys, name)
	})
	return h.sum
}

func hashOf(fsys afero.Fs, name string) string {
	h := sha256.New()
	if err := describe(h, fsys, name); err != nil {
		h.Reset()
		_, _ = fmt.Fprintf(h, "error %v", err)
	}
	return string(h.Sum(nil)[:hashSize])
}

func (d *disk) check(l *linter, u *unit, check func() error) error {
	d.load(l)
	sum := sha256.Sum256([]byte(u.key()))
	key := string(sum[:])
	if old, ok := d.old[key]; ok && d.unchanged(l.repo.Fs(), old.reads) && u.restore(l, old.unit) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.fresh[key] = old
		d.size += len(old.unit)
		return nil
	}
	seen := &hasher{recorder: recorder{Fs: l.repo.Fs(), names: map[string]bool{}}, sums: map[string]string{}}
	u.repo = l.repo.On(seen)
	err := check()
	u.repo = nil
	d.mu.Lock()
	d.dirty = true
	full := d.size > maxKept
	d.mu.Unlock()
	if err != nil || full {
		return err
	}
	u.sources(&seen.recorder)
	if r, ok := d.record(l, u, seen); ok {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.fresh[key] = r
		d.size += len(r.unit)
	}
	return nil
}

// hasher is a recorder that hashes the text of files as they are read: a file may be another one by the end of the run.
type hasher struct {
	recorder
	sums    map[string]string
	changed bool // between two readings
}

// Open implements [afero.Fs].
func (h *hasher) Open(name string) (afero.File, error) {
	f, err := h.recorder.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		return f, err
	}
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "file %v ", info.Mode())
	return &hashedFile{File: f, hash: sum, done: func(sum string) {
		h.mu.Lock()
		defer h.mu.Unlock()
		was, read := h.sums[name]
		h.sums[name], h.changed = sum, h.changed || read && was != sum
	}}, nil
}

type hashedFile struct {
	afero.File
	hash hash.Hash
	done func(sum string)
}

// Read implements [io.Reader].
func (f *hashedFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	_, _ = f.hash.Write(p[:n])
	if err == io.EOF && f.done != nil {
		f.done(string(f.hash.Sum(nil)[:hashSize]))
		f.done = nil
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
	for name := range seen.names {
		if !secrets.File(name).Empty() {
			return record{}, false
		}
	}
	kept := keptUnit{Files: u.files, Notices: u.notices}
	for _, r := range u.resources {
		data, err := r.value.Plain()
		if err != nil || r.Kind == "Secret" {
			return record{}, false
		}
		kept.Resources = append(kept.Resources, keptResource{r.Resource, r.file, data})
	}
	if u.chart != nil {
		kept.Chart = &keptChart{Name: u.chart.name, Flow: u.chart.flow.Keep()}
		for _, f := range u.chart.files {
			data, err := f.Data.Plain()
			if err != nil {
				return record{}, false
			}
			kept.Chart.Files = append(kept.Chart.Files, keptValues{f.File, data})
		}
	}
	for _, f := range u.findings {
		kept.Findings = append(kept.Findings, keepFinding(f, u.located[f]))
	}
	text, err := json.Marshal(kept)
	if err != nil || bytes.Contains(text, []byte(`\ufffd`)) || secrets.Foreign(string(text)) != string(text) {
		return record{}, false
	}
	r := record{map[string]string{}, text}
	for name := range seen.names {
		if r.reads[name] = seen.sums[name]; r.reads[name] == "" { // a folder, or nothing
			r.reads[name] = d.hash(l.repo.Fs(), name)
		}
	}
	return r, true
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
func (u *unit) restore(l *linter, text []byte) bool {
	var kept keptUnit
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&kept) != nil {
		return false
	}
	var resources []resource
	for _, r := range kept.Resources {
		value, err := l.pool.Value(numbered(r.Data))
		if err != nil {
			return false
		}
		resources = append(resources, resource{r.Resource, r.File, value})
	}
	var chart *chartModel
	if c := kept.Chart; c != nil {
		chart = &chartModel{name: c.Name, flow: model.FlowOf(c.Flow)}
		for _, f := range c.Files {
			data, err := l.pool.Value(numbered(f.Data))
			if err != nil {
				return false
			}
			chart.files = append(chart.files, model.ValuesFile{File: f.File, Data: data})
		}
	}
	for _, k := range kept.Findings {
		f := new(finding.Finding) // that locate has made in an earlier run
		f.Rule, f.Severity, f.Message, f.Help = k.Rule, finding.Severity(k.Severity), k.Message, k.Help
		f.Position, f.EndLine, f.EndColumn = k.At, k.EndLine, k.EndColumn
		f.Resource, f.Path, f.Related, f.Sets, f.Count = k.Resource, k.Path, k.Related, k.Sets, k.Count
		f.Fix, f.Suggested = k.Fix, k.Suggested
		u.findings = append(u.findings, f)
		if k.Located != nil {
			fx := &fix{words: k.Located.Words, suggested: k.Located.Suggested, why: k.Located.Why}
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

// numbered gives data that was read as JSON the numbers that it had.
func numbered(data any) any {
	switch data := data.(type) {
	case map[string]any:
		for k, v := range data {
			data[k] = numbered(v)
		}
	case []any:
		for i, v := range data {
			data[i] = numbered(v)
		}
	case json.Number:
		if n, err := data.Int64(); err == nil {
			return n
		}
		f, _ := data.Float64()
		return f
	}
	return data
}

// end saves the entries of a run if there are other ones than before.
func (d *disk) end(l *linter) {
	d.load(l)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dirty || len(d.fresh) != len(d.old) {
		d.store.Save(d.key, encodeRecords(d.fresh))
	}
}

// encodeRecords writes the number of entries, and of each its key, the names and hashes that it read, and the unit.
func encodeRecords(all map[string]record) []byte {
	var b []byte
	text := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	b = binary.AppendUvarint(b, uint64(len(all)))
	keys := make([]string, 0, len(all))
	for key := range all {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		r := all[key]
		text(key)
		b = binary.AppendUvarint(b, uint64(len(r.reads)))
		for name, hash := range r.reads {
			text(name)
			text(hash)
		}
		text(string(r.unit))
	}
	return b
}

func decodeRecords(b []byte) (all map[string]record, ok bool) {
	broken := false
	number := func() int {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)) { // nothing is larger than the rest
			broken, b = true, nil
			return 0
		}
		b = b[size:]
		return int(n)
	}
	text := func() []byte {
		n := number()
		if n > len(b) {
			broken, b = true, nil
			return nil
		}
		s := b[:n:n]
		b = b[n:]
		return s
	}
	all = map[string]record{}
	for n := number(); n > 0 && !broken; n-- {
		key := string(text())
		r := record{reads: map[string]string{}}
		for m := number(); m > 0 && !broken; m-- {
			name := string(text())
			r.reads[name] = string(text())
		}
		r.unit = text()
		all[key] = r
	}
	return all, !broken && len(b) == 0
}
