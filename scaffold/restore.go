package scaffold

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo/yamledit"
)

// recordRestore describes what a file was like before the first run, as the difference from the file that the last run left. Where that file
// was not touched since, destroy gives the first one back to the byte, whatever the runs in between replaced.
type recordRestore struct {
	File   string `yaml:"file"`
	Sum    string `yaml:"sum"`    // SHA-256 of the file that the last run left, in hexadecimal
	Offset int    `yaml:"offset"` // in bytes; up to there both files are the same
	Length int    `yaml:"length"` // of what stands there now, in bytes; behind it both are the same again
	Was    string `yaml:"was"`    // what stood there
}

// newRestore compares a file before and after.
func newRestore(file string, before, after []byte) recordRestore {
	shorter := min(len(before), len(after))
	from := 0
	for from < shorter && before[from] == after[from] {
		from++
	}
	// Whole lines, so that the text in the record can be read and is no part of a character.
	from = bytes.LastIndexByte(after[:from], '\n') + 1
	to := 0
	for to < shorter-from && before[len(before)-1-to] == after[len(after)-1-to] {
		to++
	}
	if i := bytes.IndexByte(after[len(after)-to:], '\n'); i >= 0 {
		to -= i + 1
	} else {
		to = 0
	}
	return recordRestore{File: file, Sum: sumOf(after), Offset: from, Length: len(after) - to - from, Was: string(before[from : len(before)-to])}
}

func sumOf(src []byte) string {
	sum := sha256.Sum256(src)
	return hex.EncodeToString(sum[:])
}

// before returns the first file; nil when src is not the file that the last run left.
func (s *recordRestore) before(src []byte) []byte {
	if s.Sum != sumOf(src) || s.Offset < 0 || s.Length < 0 || s.Offset > len(src) || s.Length > len(src)-s.Offset {
		return nil
	}
	return append([]byte{}, slices.Concat(src[:s.Offset], []byte(s.Was), src[s.Offset+s.Length:])...) // not nil, which is no file
}

// remember notes what the plan's edits replace. A file that somebody changed between two runs has no such note: there the edits are taken
// back one by one.
func (rec *record) remember(p *Plan, last *record) {
	var restore []recordRestore
	if last != nil {
		restore = slices.Clone(last.Restore)
	}
	for _, f := range p.Files {
		if f.Action != Update || !slices.ContainsFunc(rec.Edits, func(e recordEdit) bool { return e.File == f.Path }) {
			continue
		}
		before := f.Old
		i := slices.IndexFunc(restore, func(s recordRestore) bool { return s.File == f.Path })
		edited := last != nil && slices.ContainsFunc(last.Edits, func(e recordEdit) bool { return e.File == f.Path && !e.Shared })
		switch {
		case i >= 0:
			before = restore[i].before(f.Old)
			restore = slices.Delete(restore, i, i+1)
		case edited:
			before = nil
		}
		if before != nil {
			restore = append(restore, newRestore(f.Path, before, f.New))
		}
	}
	rec.Restore = restore
}

// restored returns files as they were before the first run, where all of the edits in them go and nothing was changed since. It gives
// the edits that are left.
func (d *destroyer) restored(removed []recordEdit) ([]recordEdit, error) {
	for _, s := range d.rec.Restore {
		of := func(e recordEdit) bool { return e.File == s.File }
		keys := func(edits []recordEdit) (n int) {
			for _, e := range edits {
				if of(e) && !e.Shared {
					n += len(e.Keys)
				}
			}
			return n
		}
		if keys(removed) != keys(d.rec.Edits) || slices.ContainsFunc(removed, func(e recordEdit) bool { return of(e) && (e.Found || e.Created) }) {
			continue
		}
		old, src, err := d.plan.current(d.repo, s.File)
		if err != nil {
			return nil, err
		}
		if before := s.before(src); src != nil && before != nil {
			d.plan.write(s.File, old, before)
			removed = slices.DeleteFunc(slices.Clone(removed), of)
		}
	}
	return removed, nil
}

// putBack puts what an edit replaced into its place again.
func (d *destroyer) putBack(src []byte, e recordEdit) ([]byte, error) {
	key := e.Keys[0]
	path := append(slices.Clone(e.Path), key)
	v, at := lookup(e.File, src, path...)
	replace := func() ([]byte, yamledit.Edit, error) {
		return yamledit.ReplaceEntry(src, path, yamledit.Entry(e.Replaced))
	}
	if isList(e.File, src, e.Path) {
		items, place := lookup(e.File, src, e.Path...)
		i := named(asList(items), key)
		if i < 0 {
			return src, nil // gone already
		}
		v, at = asList(items)[i], place
		replace = func() ([]byte, yamledit.Edit, error) {
			return yamledit.ReplaceItem(src, e.Path, i, yamledit.Entry(e.Replaced))
		}
	}
	if v == nil {
		return src, nil
	}
	if out := asWritten(src, e); out != nil {
		return out, nil
	}
	out, _, err := replace()
	if err != nil {
		return nil, finding.Errorf(at, strings.Join(path, "."), "cannot be replaced without changing something else; replace it manually")
	}
	if !d.force && !same(v, e.wants(isList(e.File, src, e.Path))[key]) {
		d.plan.conflict(at, strings.Join(path, "."), "has changed since it was generated", "use --force to overwrite it", string(src), string(out))
		return src, nil
	}
	return out, nil
}

// asWritten puts what an edit replaced back as it was written, if what the edit wrote is there unchanged; nil if not.
func asWritten(src []byte, e recordEdit) []byte {
	if e.Removed == "" || e.Text == "" {
		return nil
	}
	path := append(slices.Clone(e.Path), e.Keys[0])
	list := isList(e.File, src, e.Path)
	if list {
		path = e.Path
	}
	for from := 0; ; {
		i := bytes.Index(src[from:], []byte(e.Text))
		if i < 0 {
			return nil
		}
		at := from + i
		out, err := yamledit.Replace(src, yamledit.Edit{Offset: at, Removed: e.Text, Inserted: e.Removed}, path)
		if err == nil && e.isBack(src, out, list) {
			return out
		}
		from = at + 1
	}
}

// isBack reports whether the entry or item that an edit replaced is there again, and beside it what was there before.
func (e *recordEdit) isBack(before, after []byte, list bool) bool {
	key := e.Keys[0]
	if !list {
		var was map[string]any
		v, _ := lookup(e.File, after, append(slices.Clone(e.Path), key)...)
		return yaml.Unmarshal([]byte(e.Replaced), &was) == nil && v != nil && same(v, was[key])
	}
	var was []any
	b, _ := lookup(e.File, before, e.Path...)
	a, _ := lookup(e.File, after, e.Path...)
	i := named(asList(b), key)
	if yaml.Unmarshal([]byte(e.Replaced), &was) != nil || i < 0 {
		return false
	}
	return same(slices.Concat(asList(b)[:i], was, asList(b)[i+1:]), asList(a))
}

// wants returns the values that an edit wrote, by their keys.
func (e *recordEdit) wants(list bool) map[string]any {
	text := strings.TrimLeft(strings.ReplaceAll(e.Text, "\r\n", "\n"), "\n")
	text = dedent(strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n"), indentOf(firstContent(text)))
	text = strings.ReplaceAll(text, "\n\n", "\n")
	flow := strings.Trim(text, ", \n") // what was put into a flow collection brings its commas along
	wants := map[string]any{}
	if !list {
		if yaml.Unmarshal([]byte(text), &wants) == nil {
			return wants
		}
		wants = map[string]any{}
		if yaml.Unmarshal([]byte("{"+flow+"}"), &wants) == nil {
			return wants
		}
		return nil
	}
	var items []any
	if yaml.Unmarshal([]byte(text), &items) == nil || yaml.Unmarshal([]byte("["+flow+"]"), &items) == nil {
		for _, v := range slices.Backward(items) { // the first of two wins
			wants[keyOf(v)] = v
		}
	}
	return wants
}
