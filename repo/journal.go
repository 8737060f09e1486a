package repo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/spf13/afero"
)

// The journal is one file, and its name says which way an interrupted change goes.
const (
	prepareFile = "prepare.json" // no file of the repository is touched yet
	redoFile    = "redo.json"    // everything is staged: the change will be made
	undoFile    = "undo.json"    // the change is being rolled back

	journalVersion  = 1
	gitJournal      = ".git/redis-gitops"
	workTreeJournal = ".redis-gitops/journal"
)

// sealed is the mode of a journal. Git checks files out as writable by their owner, so a journal that somebody committed
// is not sealed.
const sealed fs.FileMode = 0o400

// stagedName matches the files beside the journal: the number of a file, and which content it is; and the record of a change that
// is not made yet.
var stagedName = lazyregexp.New(`^([0-9]+\.(old|new)|next\.json)$`)

// transaction is one change on its way into the repository.
type transaction struct {
	journal
	fs      afero.Fs
	dir     string // where the journal and the staged contents are
	changes []Change
	modes   []fs.FileMode // of the files as they were
	next    []byte        // the record of the change
}

// journal is what the file holds.
type journal struct {
	Version int
	Command string
	Folders []string        // that the change makes, parents first
	Modes   []journalFolder `json:",omitempty"` // of those of them that do not have the mode of a new one
	Files   []journalFile
	Emptied []journalFolder `json:",omitempty"` // that the change leaves empty and removes, children first
	Keep    bool            `json:",omitempty"` // the change leaves a record of itself; otherwise it removes the one before
}

// journalFolder is a folder with its permission bits.
type journalFolder struct {
	Path string
	Mode fs.FileMode
}

// journalFile has the sums of the content before and after; "" is no file.
type journalFile struct{ Path, Old, New string }

// newTransaction puts the journal where nobody can commit one: into .git, if that is a folder here. It is none in a
// linked work tree, a submodule, a repository's subfolder, and the browser.
func newTransaction(fsys afero.Fs) *transaction {
	t := &transaction{fs: fsys, dir: workTreeJournal, journal: journal{Version: journalVersion}}
	if info, err := lstat(fsys, ".git"); err == nil && info.IsDir() {
		t.dir = gitJournal
	}
	return t
}

// add takes a change in; deletions go last.
func (t *transaction) add(c Change, mode fs.FileMode) {
	at := len(t.changes)
	if c.New != nil {
		t.addFolders(path.Dir(c.Path))
		if i := slices.IndexFunc(t.changes, func(c Change) bool { return c.New == nil }); i >= 0 {
			at = i
		}
	}
	t.Files = slices.Insert(t.Files, at, journalFile{c.Path, sum(c.Old), sum(c.New)})
	t.changes = slices.Insert(t.changes, at, c)
	t.modes = slices.Insert(t.modes, at, mode)
}

func (t *transaction) addFolders(dir string) {
	if dir == "." || slices.Contains(t.Folders, dir) || isFolder(t.fs, dir) {
		return
	}
	t.addFolders(path.Dir(dir))
	t.Folders = append(t.Folders, dir)
}

// addEmptied notes which folders the deletions leave empty, of those that they may take along.
func (t *transaction) addEmptied() {
	gone, filled, above := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, c := range t.changes {
		if gone[c.Path] = c.New == nil; gone[c.Path] {
			for dir := path.Dir(c.Path); c.Prune != "" && (dir == c.Prune || inside(dir, c.Prune)); dir = path.Dir(dir) {
				above[dir] = true
			}
			continue
		}
		for dir := path.Dir(c.Path); dir != "."; dir = path.Dir(dir) {
			filled[dir] = true
		}
	}
	for _, dir := range slices.Backward(slices.Sorted(maps.Keys(above))) { // children come before their parents
		t.empties(dir, gone, filled)
	}
}

// empties reports whether nothing is left in a folder but folders in which nothing is left, and notes all of them.
func (t *transaction) empties(dir string, gone, filled map[string]bool) bool {
	names, err := list(t.fs, dir)
	if err != nil || filled[dir] || strings.Count(dir, "/") > maxFolderDepth {
		return false
	}
	noted := len(t.Emptied)
	for _, name := range names {
		if name = path.Join(dir, name); gone[name] {
			continue
		}
		if info, err := lstat(t.fs, name); err != nil || !info.IsDir() || !t.empties(name, gone, filled) {
			for _, f := range t.Emptied[noted:] {
				delete(gone, f.Path)
			}
			t.Emptied = t.Emptied[:noted]
			return false
		}
	}
	info, err := lstat(t.fs, dir)
	if err != nil || !info.IsDir() {
		return false
	}
	gone[dir] = true
	t.Emptied = append(t.Emptied, journalFolder{dir, info.Mode().Perm()})
	return true
}

func (t *transaction) file(name string) string { return path.Join(t.dir, name) }

func (t *transaction) staged(i int, content string) string {
	return t.file(fmt.Sprintf("%d.%s", i, content))
}

func (t *transaction) exists(name string) bool {
	_, err := lstat(t.fs, name)
	return err == nil
}

// pending returns the name of the journal of an interrupted change, or "".
func (t *transaction) pending() string {
	for _, name := range []string{redoFile, undoFile, prepareFile} {
		if t.exists(t.file(name)) {
			return name
		}
	}
	return ""
}

// prepare writes all that the change and its undoing need, so that afterwards there are only renames, which need no
// space, and then commits.
func (t *transaction) prepare() error {
	t.clean() // what a killed process may have left beside a finished journal
	if err := t.fs.MkdirAll(t.dir, 0o755); err != nil {
		return explain(t.dir, "write", err)
	}
	src, err := json.Marshal(t.journal)
	if err != nil {
		return err
	}
	// Before the staged files: whoever finds one of them finds the list.
	if err := t.write(t.file(prepareFile), src, sealed); err != nil {
		return explain(t.dir, "write", err)
	}
	if t.Keep {
		if err := t.prepareRecord(); err != nil {
			return err
		}
	}
	t.sync(t.dir)
	for i, c := range t.changes {
		mode := t.modes[i]
		if c.Mode != 0 {
			mode = c.Mode
		}
		if c.Old != nil {
			if err := t.write(t.staged(i, "old"), c.Old, t.modes[i]); err != nil {
				return explain(c.Path, "write", err)
			}
		}
		if c.New != nil {
			if err := t.write(t.staged(i, "new"), c.New, mode); err != nil {
				return explain(c.Path, "write", err)
			}
		}
	}
	t.sync(t.dir)
	if err := t.fs.Rename(t.file(prepareFile), t.file(redoFile)); err != nil {
		return explain(t.dir, "write", err)
	}
	t.sync(t.dir)
	return nil
}

// write makes a new file and waits until it is on the disk. Mode 0 is that of a new file.
func (t *transaction) write(name string, data []byte, mode fs.FileMode) error {
	create := mode
	if mode == 0 {
		create = 0o644
	}
	if err := afero.WriteFile(t.fs, name, data, create); err != nil {
		return err
	}
	if mode != 0 { // whatever the umask is
		if err := t.fs.Chmod(name, mode); err != nil {
			return err
		}
	}
	return t.sync(name)
}

// sync brings a file or folder to the disk. Where folders or files opened for reading cannot be synced, as on Windows,
// a power cut may undo the last steps, but no kill.
func (t *transaction) sync(name string) error {
	f, err := t.fs.Open(name)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

// redo makes what is left of the change. It may be called again after having been killed at any point.
func (t *transaction) redo() error {
	for _, dir := range t.Folders {
		if err := t.fs.Mkdir(dir, 0o755); err != nil && !isFolder(t.fs, dir) {
			return explain(dir, "write", err)
		}
	}
	for _, dir := range t.Modes {
		if err := t.fs.Chmod(dir.Path, dir.Mode); err != nil {
			return explain(dir.Path, "write", err)
		}
	}
	for i, f := range t.Files {
		todo, err := t.todo(i)
		switch {
		case err != nil:
			return err
		case !todo:
			continue
		case f.New == "":
			err = t.fs.Remove(f.Path)
		default:
			err = t.fs.Rename(t.staged(i, "new"), f.Path)
		}
		if err != nil {
			return explain(f.Path, "write", err)
		}
	}
	for _, dir := range t.Emptied {
		if err := t.removeEmpty(dir.Path); err != nil && t.isEmpty(dir.Path) { // else somebody has put a file there
			return explain(dir.Path, "remove", err)
		}
	}
	t.syncFolders()
	return nil
}

// todo reports whether a file is still as it was before the change. The error says who else wrote to it.
func (t *transaction) todo(i int) (bool, error) {
	f := t.Files[i]
	at := finding.Position{File: f.Path}
	if err := checkTarget(t.fs, f.Path); err != nil {
		return false, err
	}
	now, err := currentSum(t.fs, f.Path)
	switch {
	case err != nil:
		return false, err
	case now == f.New:
		return false, nil
	case f.New != "" && !t.exists(t.staged(i, "new")):
		if now != f.Old {
			return false, nil // was done, and edited since
		}
		return false, finding.Errorf(at, "", "its new content is missing in %q", t.dir)
	case now != f.Old:
		return false, finding.Errorf(at, "", "was changed by another process")
	case f.New == "":
		return true, nil
	}
	return true, t.checkStaged(i, "new", f.New)
}

func (t *transaction) checkStaged(i int, content, want string) error {
	name := t.staged(i, content)
	got, err := currentSum(t.fs, name)
	if err == nil && got != want {
		err = finding.Errorf(finding.Position{File: name}, "", "does not match the journal")
	}
	return err
}

// rollBack turns back to the state before the change.
func (t *transaction) rollBack() error {
	// From here on a killed process is one that was undoing: the new contents get lost on the way.
	if err := t.fs.Rename(t.file(redoFile), t.file(undoFile)); err != nil {
		return explain(t.dir, "write", err)
	}
	t.sync(t.dir)
	return t.undo()
}

// undo is the reverse of redo, and may be called again as well. It leaves alone what somebody else wrote.
func (t *transaction) undo() error {
	for _, dir := range slices.Backward(t.Emptied) {
		if err := t.makeFolder(dir); err != nil {
			return err
		}
	}
	for i, f := range slices.Backward(t.Files) {
		if f.New != "" && t.exists(t.staged(i, "new")) {
			continue // was not reached
		}
		if err := checkTarget(t.fs, f.Path); err != nil {
			return err
		}
		now, err := currentSum(t.fs, f.Path)
		switch {
		case err != nil:
			return err
		case now != f.New:
			continue
		case f.Old == "":
			err = t.fs.Remove(f.Path)
		default:
			if err = t.checkStaged(i, "old", f.Old); err == nil {
				err = t.fs.Rename(t.staged(i, "old"), f.Path)
			}
		}
		if err != nil {
			return explain(f.Path, "write", err)
		}
	}
	for _, dir := range slices.Backward(t.Folders) {
		t.removeEmpty(dir)
	}
	t.syncFolders()
	return nil
}

// makeFolder makes a folder that was removed, with the mode that it had.
func (t *transaction) makeFolder(dir journalFolder) error {
	if isFolder(t.fs, dir.Path) {
		return nil
	}
	if err := t.fs.Mkdir(dir.Path, 0o755); err != nil {
		return explain(dir.Path, "write", err)
	}
	if err := t.fs.Chmod(dir.Path, dir.Mode); err != nil {
		return explain(dir.Path, "write", err)
	}
	return nil
}

func (t *transaction) syncFolders() {
	synced := map[string]bool{}
	for _, f := range t.Files {
		if dir := path.Dir(f.Path); !synced[dir] {
			synced[dir] = true
			t.sync(dir)
		}
	}
}

// clean removes the journal, which ends the change, and then what is staged. A failure costs nothing: without a journal
// the next change removes the rest, and a journal that is done does nothing again.
func (t *transaction) clean() {
	if name := t.pending(); name != "" && t.fs.Remove(t.file(name)) != nil {
		return
	}
	t.sync(t.dir)
	names, _ := list(t.fs, t.dir)
	for _, name := range names {
		if stagedName.MatchString(name) {
			t.fs.Remove(t.file(name))
		}
	}
	t.tidy()
}

// tidy removes the folder of the journal when nothing is in it any more.
func (t *transaction) tidy() {
	if t.ignores() && !t.exists(t.file(lastFile)) {
		t.fs.Remove(t.file(ignoreFile))
	}
	t.removeEmpty(t.dir)
	if t.dir == workTreeJournal {
		t.removeEmpty(path.Dir(t.dir))
	}
}

// removeEmpty asks first: in memory a full folder can be removed.
func (t *transaction) removeEmpty(dir string) error {
	if !t.isEmpty(dir) {
		return nil
	}
	return t.fs.Remove(dir)
}

func (t *transaction) isEmpty(dir string) bool {
	names, err := list(t.fs, dir)
	return err == nil && len(names) == 0
}

// Recovery describes what became of an interrupted change.
type Recovery struct {
	Command  string // as given to Apply
	Finished bool   // the change is made; otherwise nothing of it is
	Files    []string
}

// Recover completes or undoes the change of an Apply that was killed; nil when there is none. When somebody has changed
// one of the files meanwhile it does nothing, and the error names all of them.
func Recover(fsys afero.Fs) (*Recovery, error) {
	t := newTransaction(fsys)
	switch t.pending() {
	case "":
		t.clean()
		return nil, nil
	case prepareFile:
		t.load(prepareFile) // may be half written: then nobody knows what was meant
		t.clean()
		return t.recovery(false), nil
	case undoFile:
		if err := t.load(undoFile); err != nil {
			return nil, outcome(err, fmt.Sprintf("delete the directory %q", t.dir))
		}
		if err := t.undo(); err != nil {
			return nil, outcome(err, fmt.Sprintf("cannot roll back the interrupted change %q", t.Command))
		}
		t.clean()
		return t.recovery(false), nil
	}
	if err := t.load(redoFile); err != nil {
		return nil, outcome(err, fmt.Sprintf("delete the directory %q", t.dir))
	}
	var problems finding.Problems
	for i := range t.Files {
		_, err := t.todo(i)
		problems = append(problems, finding.All(err)...)
	}
	if err := problems.Err(); err != nil {
		return nil, outcome(err, fmt.Sprintf("to discard the interrupted change %q and keep all files as they are, delete the directory %q", t.Command, t.dir))
	}
	if err := t.redo(); err != nil {
		return nil, outcome(err, fmt.Sprintf("cannot complete the interrupted change %q", t.Command))
	}
	t.finish()
	return t.recovery(true), nil
}

func (t *transaction) recovery(finished bool) *Recovery {
	r := &Recovery{Command: t.Command, Finished: finished}
	for _, f := range t.Files {
		r.Files = append(r.Files, f.Path)
	}
	return r
}

// load reads a journal and trusts nothing in it: the repository may bring one along.
func (t *transaction) load(name string) error {
	file := t.file(name)
	at := finding.Position{File: file}
	src, err := t.readSealed(file, MaxFileSize)
	if err != nil {
		return err
	}
	var j journal
	if err := json.Unmarshal(src, &j); err != nil || j.Version != journalVersion {
		return finding.Errorf(at, "", "was written by an incompatible version of redis-gitops")
	}
	for _, dir := range j.Folders {
		if err := checkTarget(t.fs, dir); err != nil {
			return err
		}
	}
	for _, dir := range slices.Concat(j.Emptied, j.Modes) {
		if err := checkTarget(t.fs, dir.Path); err != nil {
			return err
		}
	}
	for _, f := range j.Files {
		if err := checkTarget(t.fs, f.Path); err != nil {
			return err
		}
	}
	t.journal = j
	return nil
}

// readSealed reads a file of the journal, which in the work tree may be one that somebody committed.
func (t *transaction) readSealed(file string, limit int64) ([]byte, error) {
	info, err := lstat(t.fs, file)
	if err != nil {
		return nil, explain(file, "read", err)
	}
	if t.dir == workTreeJournal && !isSealed(info) {
		return nil, finding.Errorf(finding.Position{File: file}, "", "was not written by redis-gitops in this directory")
	}
	return ReadBytes(t.fs, file, limit)
}

func isSealed(info fs.FileInfo) bool { return info.Mode().IsRegular() && info.Mode()&0o222 == 0 }
