package repo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	udiff "github.com/aymanbagabas/go-udiff"

	"github.com/redis-gitops/redis-gitops/finding"
)

// The record of the last change is beside the journal.
const (
	nextFile   = "next.json"  // of a change that is being made
	lastFile   = "last.json"  // of the last change
	ignoreFile = ".gitignore" // keeps it out of Git where that tracks the folder of the journal
	ignoreAll  = "*\n"

	maxRecorded = 8 << 20  // bytes of old content that a record holds
	maxRecord   = 16 << 20 // bytes of a record
)

// lastRecord is what the last change replaced: not whole files, but the lines that are not in the new ones.
type lastRecord struct {
	Version int
	Command string
	Folders []string        `json:",omitempty"` // that the change made
	Emptied []journalFolder `json:",omitempty"` // that it removed, children first
	Files   []lastFileRecord
}

// lastFileRecord says how to make the old content of a file of the new one.
type lastFileRecord struct {
	Path     string
	Old, New string      // sums, as in the journal
	Mode     fs.FileMode `json:",omitempty"` // of the old file, where the change gave it another one or removed it
	Hunks    []hunk      `json:",omitempty"` // by their offsets
	Withheld withheld    `json:",omitempty"`
}

// hunk replaces Length bytes of the new content by Was.
type hunk struct {
	Offset, Length int
	Was            []byte `json:",omitempty"`
}

// withheld is why the old content of a file was not recorded.
type withheld string

const (
	isSecret withheld = "secret"
	isLarge  withheld = "size"
)

// record makes the record of a planned change.
func (t *transaction) record(secret func(file string, text []byte, from, to int) bool) {
	last := lastRecord{Version: journalVersion, Command: t.Command, Folders: t.Folders, Emptied: t.Emptied}
	left := maxRecorded
	for i, c := range t.changes {
		f := lastFileRecord{Path: c.Path, Old: t.Files[i].Old, New: t.Files[i].New}
		if c.Old != nil {
			f.Hunks, f.Withheld = hunks(c, secret, &left)
			if c.New == nil || c.Mode != 0 && c.Mode != t.modes[i] {
				f.Mode = t.modes[i]
			}
		}
		last.Files = append(last.Files, f)
	}
	t.next, _ = json.Marshal(last) // has nothing that JSON cannot hold
	t.Keep = len(t.next) <= maxRecord
}

// hunks returns what a change replaced. A part with a secret is not kept, and then nothing of the file is.
// An insertion replaced nothing.
func hunks(c Change, secret func(file string, text []byte, from, to int) bool, left *int) ([]hunk, withheld) {
	if c.New == nil {
		if secret(c.Path, c.Old, 0, len(c.Old)) {
			return nil, isSecret
		}
		if *left -= len(c.Old); *left < 0 {
			return nil, isLarge
		}
		return []hunk{{Was: c.Old}}, ""
	}
	var out []hunk
	shift := 0 // of the old content against the new one
	for _, e := range udiff.Lines(string(c.New), string(c.Old)) {
		from := e.Start + shift
		if e.New != "" && secret(c.Path, c.Old, from, from+len(e.New)) {
			return nil, isSecret
		}
		if *left -= len(e.New); *left < 0 {
			return nil, isLarge
		}
		out = append(out, hunk{e.Start, e.End - e.Start, []byte(e.New)})
		shift += len(e.New) - (e.End - e.Start)
	}
	return out, ""
}

// before makes the old content of the new one; not ok when the record does not fit.
func (f *lastFileRecord) before(now []byte) (old []byte, ok bool) {
	var b bytes.Buffer
	at := 0
	for _, h := range f.Hunks {
		if h.Offset < at || h.Length < 0 || h.Offset > len(now) || h.Length > len(now)-h.Offset {
			return nil, false
		}
		b.Write(now[at:h.Offset])
		b.Write(h.Was)
		at = h.Offset + h.Length
	}
	b.Write(now[at:])
	old = append([]byte{}, b.Bytes()...) // not nil, which is no file
	return old, sum(old) == f.Old
}

// prepareRecord writes the record of the change that is being prepared. In the work tree it also tells Git to look away.
func (t *transaction) prepareRecord() error {
	if t.dir == workTreeJournal && !t.ignores() {
		if err := t.write(t.file(ignoreFile), []byte(ignoreAll), 0); err != nil {
			return explain(t.dir, "write", err)
		}
	}
	if err := t.write(t.file(nextFile), t.next, sealed); err != nil {
		return explain(t.dir, "write", err)
	}
	return nil
}

// ignores reports whether Git ignores the folder of the journal by a file of ours.
func (t *transaction) ignores() bool {
	src, err := readRegular(t.fs, t.file(ignoreFile))
	return err == nil && string(src) == ignoreAll
}

// finish ends a change that was made: its record takes the place of the one before. If that fails, there is no record, since an old
// one would undo something else than the last change; and if that fails too, the next command tries again.
func (t *transaction) finish() {
	next, last := t.file(nextFile), t.file(lastFile)
	if t.Keep && t.exists(next) && t.fs.Rename(next, last) != nil || !t.Keep && t.exists(last) {
		if t.fs.Remove(last) != nil && t.exists(last) {
			return
		}
	}
	if s := t.stray(); s != nil {
		if s.fs.Remove(s.file(lastFile)) != nil {
			return
		}
		s.tidy()
	}
	t.sync(t.dir)
	t.clean()
}

// stray finds the record that a change left in the work tree before it became one of Git: by init before git init.
func (t *transaction) stray() *transaction {
	if t.dir != gitJournal {
		return nil
	}
	s := &transaction{fs: t.fs, dir: workTreeJournal}
	if info, err := lstat(s.fs, s.file(lastFile)); err != nil || !isSealed(info) {
		return nil
	}
	return s
}

// LastChange is the last change that Apply made.
type LastChange struct {
	Command string
	Files   []LastFile

	record *lastRecord
}

// LastFile is a file of the last change. Old and New are nil where the file was not there before or is not there now.
type LastFile struct {
	Path     string
	Old, New []byte
	Mode     fs.FileMode // of the old file, where it is not that of the new one
	Problem  error       // why it cannot be undone; nil means that it can
}

// LastChange returns what Apply did last, nil when there is no record of it. The error is about a record that cannot be read or
// trusted.
func (r *Repo) LastChange() (*LastChange, error) {
	t := newTransaction(r.fs)
	if !t.exists(t.file(lastFile)) {
		if t = t.stray(); t == nil {
			return nil, nil
		}
	}
	record, err := t.loadRecord()
	if err != nil {
		return nil, outcome(err, fmt.Sprintf("delete the file %q", t.file(lastFile)))
	}
	last := &LastChange{Command: record.Command, record: record}
	for i := range record.Files {
		last.Files = append(last.Files, t.lastFile(&record.Files[i]))
	}
	return last, nil
}

// Matches reports whether it is the change that Apply made of these. Where the old content of a file was not recorded, it is then that of
// the change: its checksum is recorded.
func (l *LastChange) Matches(changes []Change) bool {
	known := map[string]Change{}
	for _, c := range changes {
		if sum(c.Old) != sum(c.New) {
			known[c.Path] = c
		}
	}
	if len(known) != len(l.record.Files) {
		return false
	}
	for _, f := range l.record.Files {
		if c, ok := known[f.Path]; !ok || sum(c.Old) != f.Old || sum(c.New) != f.New {
			return false
		}
	}
	for i, f := range l.record.Files {
		if f.Withheld != "" && sum(l.Files[i].New) == f.New {
			l.Files[i].Old, l.Files[i].Problem = known[f.Path].Old, nil
		}
	}
	return true
}

// lastFile compares a file of the record with what is there now.
func (t *transaction) lastFile(f *lastFileRecord) LastFile {
	at := finding.Position{File: f.Path}
	out := LastFile{Path: f.Path, Mode: f.Mode}
	now, err := readRegular(t.fs, f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		now = nil
	case err != nil:
		out.Problem = err
		return out
	case now == nil:
		now = []byte{}
	}
	out.New = now
	fits := true
	switch {
	case sum(now) != f.New && now == nil:
		out.Problem = finding.Errorf(at, "", "was removed since; restore it first, or undo the change with git restore")
	case sum(now) != f.New:
		out.Problem = finding.Errorf(at, "", "has changed since; take back that change first, or undo both with git restore")
	case f.Withheld == isSecret:
		out.Problem = finding.Errorf(at, "", "the replaced lines contained a secret, which is not recorded; undo the change with git restore")
	case f.Withheld != "":
		out.Problem = finding.Errorf(at, "", "the replaced content was too large to be recorded; undo the change with git restore")
	case f.Old != "":
		if out.Old, fits = f.before(now); !fits {
			out.Problem = finding.Errorf(at, "", "does not match the record of the change; undo it with git restore")
		}
	}
	return out
}

// loadRecord reads the record and trusts nothing in it, as [transaction.load] does.
func (t *transaction) loadRecord() (*lastRecord, error) {
	file := t.file(lastFile)
	at := finding.Position{File: file}
	src, err := t.readSealed(file, maxRecord)
	if err != nil {
		return nil, err
	}
	var last lastRecord
	if err := json.Unmarshal(src, &last); err != nil || last.Version != journalVersion || len(last.Files) == 0 {
		return nil, finding.Errorf(at, "", "was written by an incompatible version of redis-gitops")
	}
	targets := slices.Clone(last.Folders)
	for _, dir := range last.Emptied {
		targets = append(targets, dir.Path)
	}
	for _, f := range last.Files {
		targets = append(targets, f.Path)
	}
	for _, name := range targets {
		if err := checkTarget(t.fs, name); err != nil {
			return nil, err
		}
	}
	return &last, nil
}

// Undo takes the last change back, with the guarantees of [Repo.Apply]: all of it or nothing, also when the process is killed, and only
// if nobody has touched its files since. Afterwards there is no change to undo any more.
func (r *Repo) Undo(last *LastChange) error {
	var changes []Change
	var problems finding.Problems
	for _, f := range last.Files {
		if f.Problem != nil {
			problems = append(problems, finding.All(f.Problem)...)
			continue
		}
		changes = append(changes, Change{Path: f.Path, Old: f.New, New: f.Old, Mode: f.Mode, Prune: last.made(path.Dir(f.Path))})
	}
	if err := problems.Err(); err != nil {
		return outcome(err, "nothing was changed")
	}
	t, err := r.plan("undo "+last.Command, changes)
	if err != nil {
		return outcome(err, "nothing was changed")
	}
	for _, dir := range slices.Backward(last.record.Emptied) {
		if t.addFolders(dir.Path); slices.Contains(t.Folders, dir.Path) {
			t.Modes = append(t.Modes, dir)
		}
	}
	return r.run(t)
}

// made returns the topmost folder that the change made, of a folder and those above it; "" when it made none of them.
func (l *LastChange) made(dir string) string {
	top := ""
	for ; dir != "." && slices.Contains(l.record.Folders, dir); dir = path.Dir(dir) {
		top = dir
	}
	return top
}
