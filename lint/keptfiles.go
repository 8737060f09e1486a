package lint

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/lint/model"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/redact"
)

// keptTemplate is what is kept of the facts of a template.
type keptTemplate struct {
	Header *model.Header   `json:",omitempty"`
	Chance *model.Template `json:",omitempty"`
}

// file returns what is known of a file, which may be nothing.
func (d *disk) file(l *linter, name string) keptFile {
	d.load(l)
	old, known := d.old.files[name]
	if !known || d.hash(l.repo.Fs(), name) != old.sum {
		old = &keptFile{}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := d.fresh.files[name]; now != nil {
		if now.sum == "" {
			return keptFile{}
		}
		return *now
	}
	if old.sum != "" {
		now := *old
		d.fresh.files[name] = &now
	}
	return *old
}

// read returns the text of a file and its hash.
func (d *disk) read(l *linter, name string) (src []byte, sum string, err error) {
	seen := d.hasher(l)
	src, err = l.repo.On(seen).ReadFile(name)
	return src, seen.sums[name], err
}

// note adds to what is kept of a file with a text.
func (d *disk) note(name, sum string, add func(f *keptFile)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.fresh.files[name]
	if f == nil {
		f = &keptFile{sum: sum}
		d.fresh.files[name] = f
	}
	if f.sum != sum || sum == "" { // it has changed in between
		f.sum = ""
		return
	}
	add(f)
	f.anew, d.dirty = true, true
}

func (d *disk) secretsOf(l *linter, name string, scan func(src []byte) *redact.File) *redact.File {
	if known := d.file(l, name); known.scan != nil {
		if kept, ok := d.scanned(known.scan); ok {
			return kept.File(name)
		}
	}
	src, sum, err := d.read(l, name)
	if err != nil {
		return &redact.File{Name: name}
	}
	f := scan(src)
	kept, ok := f.Keep()
	if !ok {
		return f
	}
	text := []byte{}
	if !kept.Quiet() {
		text, _ = json.Marshal(kept) // texts alone
	}
	d.note(name, sum, func(f *keptFile) { f.scan = text })
	return f
}

// scanned reads a redact.Kept, of which many files have the same.
func (d *disk) scanned(text []byte) (kept *redact.Kept, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if kept = d.scans[string(text)]; kept != nil {
		return kept, true
	}
	kept = &redact.Kept{}
	if len(text) > 0 && json.Unmarshal(text, kept) != nil {
		return nil, false
	}
	d.scans[string(text)] = kept
	return kept, true
}

func (d *disk) mentions(l *linter, name string, chains []string) bool {
	hash := sha256.Sum256([]byte(strings.Join(chains, "\x00")))
	if bytes.Equal(d.file(l, name).silent, hash[:]) {
		return false
	}
	src, sum, err := d.read(l, name)
	if err != nil || redact.Mentions(src, chains) {
		return err == nil
	}
	d.note(name, sum, func(f *keptFile) { f.silent = hash[:] })
	return false
}

func (d *disk) source(l *linter, name string, rendered bool) source {
	if !mayHoldSource(name) {
		return source{}
	}
	as := fmt.Sprint(rendered, l.isTemplate(name), l.documentKind(name))
	if known := d.file(l, name); known.as == as {
		if s, ok := known.restore(l.pool, name); ok {
			return s
		}
	}
	src, sum, err := d.read(l, name)
	s := l.sourceOf(name, rendered, src, err)
	if err != nil || len(s.findings)+len(s.failures)+len(s.suppressions) > 0 {
		return s
	}
	text, err := s.keep()
	if err != nil {
		return s
	}
	d.note(name, sum, func(f *keptFile) { f.as, f.source = as, text })
	return s
}

// keep writes a source without findings, failures and suppressions.
func (s *source) keep() ([]byte, error) {
	if len(s.documents) == 0 && !s.template.any() {
		return nil, nil
	}
	var w writing
	w.number(len(s.documents))
	for _, doc := range s.documents {
		text, err := doc.data.pack()
		if err != nil {
			return nil, err
		}
		w.number(doc.index)
		w.text([]byte(doc.kind))
		w.text(text)
	}
	if s.template.any() {
		text, err := json.Marshal(keptTemplate{s.template.header, s.template.chance})
		if err != nil {
			return nil, err
		}
		w.text(text)
	}
	return w.all, nil
}

func (f *keptFile) restore(pool policy.Values, name string) (s source, ok bool) {
	if len(f.source) == 0 {
		return source{}, true
	}
	r := reading{rest: f.source}
	for n := r.number(); n > 0 && !r.broken; n-- {
		s.documents = append(s.documents, sourceDocument{file: name, index: r.number(), kind: string(r.text()), data: &held{pool: pool, packed: r.text()}})
	}
	if len(r.rest) > 0 {
		s.template.text = r.text()
	}
	return s, !r.broken
}

// templateFacts returns the facts of a template, which it reads once.
func (l *linter) templateFacts(file string) (templateFacts, error) {
	f := l.templates[file]
	if f.text == nil {
		return f, nil
	}
	var kept keptTemplate
	if err := json.Unmarshal(f.text, &kept); err != nil {
		return f, err
	}
	f = templateFacts{header: kept.Header, chance: kept.Chance}
	l.templates[file] = f
	return f, nil
}

// repository is what evaluate gives, or what it gave when the rules saw the same.
func (d *disk) repository(l *linter, evaluate func() ([]policy.Violation, error)) ([]policy.Violation, error) {
	sum := d.seen(l)
	if sum != "" && sum == d.old.repository.sum {
		var kept []policy.Violation
		if fromJSON(d.old.repository.text, &kept) == nil {
			for i := range kept {
				if f := kept[i].Fix; f != nil {
					f.Value = policy.Numbers(f.Value)
					for j := range f.Also {
						f.Also[j].Value = policy.Numbers(f.Also[j].Value)
					}
				}
			}
			d.fresh.repository = d.old.repository
			l.later = true
			return kept, nil
		}
	}
	found, err := evaluate()
	if err != nil || sum == "" {
		return found, err
	}
	if text, err := json.Marshal(found); err == nil && mayKeep(text, l.secrets()) {
		d.fresh.repository, d.dirty = keptViolations{sum, text}, true
	}
	return found, nil
}

// seen is a hash of all that the rules about the repository see, as [linter.model] makes it; "" if something of it is not kept.
func (d *disk) seen(l *linter) string {
	if len(l.missing().dirs) > 0 {
		return ""
	}
	sum := sha256.New()
	write := func(texts ...string) {
		for _, text := range texts {
			_, _ = fmt.Fprintf(sum, "%d ", len(text))
			_, _ = sum.Write([]byte(text))
		}
	}
	for _, u := range l.units {
		if u.sum == "" {
			return ""
		}
		write(u.sum, fmt.Sprint(l.notDeployed[u.spot()]))
	}
	write("files")
	write(l.files...)
	for _, doc := range l.documents {
		text, err := doc.data.pack()
		if err != nil || doc.data.packed == nil && !l.secrets().File(doc.file).Empty() {
			return ""
		}
		write("document", doc.file, fmt.Sprint(doc.index), doc.kind, string(text), fmt.Sprint(l.idleFile(doc.file)))
	}
	apps, err := l.repo.AppFolders()
	if err != nil {
		return ""
	}
	for _, file := range l.filesBelow(l.repo.Layout().Generators) {
		write("generator", file, d.hash(l.repo.Fs(), file))
	}
	for _, file := range slices.Sorted(maps.Keys(l.templates)) {
		facts := l.templates[file]
		text := facts.text
		if text == nil {
			var err error
			if text, err = json.Marshal(keptTemplate{facts.header, facts.chance}); err != nil || !l.secrets().File(file).Empty() {
				return ""
			}
		}
		write("template", file, string(text), fmt.Sprint(l.idleFile(file)))
	}
	rest, err := json.Marshal([]any{apps, l.installations()})
	if err != nil {
		return ""
	}
	write(string(rest))
	return string(sum.Sum(nil)[:hashSize])
}
