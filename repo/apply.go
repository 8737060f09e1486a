package repo

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/spf13/afero"
)

// Change is the new content of one file.
type Change struct {
	Path string
	Old  []byte      // what the plan was made from; nil: the file must not exist
	New  []byte      // nil: delete the file
	Mode fs.FileMode // permission bits; 0: as they are, or 0644 less the umask for a new file
	// Of a deletion: the topmost of the directories above the file that go with it when they become empty. Git knows no empty
	// directories, and one below applications/ still counts as an application. "" keeps them.
	Prune string
}

// Apply makes all the changes or none, also when the process is killed: then [Recover] completes or undoes them.
// command names the change to whoever recovers it. Nothing is written when a file is no longer what Old says, or a path
// is not one that may be written. docs/adr/0001-atomic-apply.md has the order of the steps.
//
// The caller keeps two Apply apart: see rootfs.FS.Lock.
func (r *Repo) Apply(command string, changes []Change) error {
	t, err := r.plan(command, changes)
	if err != nil {
		return outcome(err, "nothing was changed")
	}
	if len(t.Files) == 0 {
		return nil
	}
	if r.secret != nil {
		t.record(r.secret)
	}
	return r.run(t)
}

// run makes a planned change.
func (r *Repo) run(t *transaction) error {
	defer r.forget()
	if err := t.prepare(); err != nil {
		t.clean()
		return outcome(err, "nothing was changed")
	}
	if err := t.redo(); err != nil {
		if undoErr := t.rollBack(); undoErr != nil {
			problems := append(finding.All(err), finding.All(undoErr)...)
			return outcome(problems, fmt.Sprintf("the change is incomplete; run redis-gitops again to recover from %q", t.dir))
		}
		t.clean()
		return outcome(err, "nothing was changed")
	}
	t.finish()
	return nil
}

// forget drops what was read before a change.
func (r *Repo) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deployers, r.configMaps = nil, nil
}

// outcome adds to each problem how things are left.
func outcome(err error, result string) error {
	var problems finding.Problems
	for _, p := range finding.All(err) {
		problems = append(problems, finding.Errorf(p.Position, p.Path, "%s; %s", p.Message, result))
	}
	if len(problems) == 1 {
		return &fileError{problems[0], err}
	}
	return problems.Err()
}

// plan checks the changes against the repository as it is, and reports everything that is wrong.
func (r *Repo) plan(command string, changes []Change) (*transaction, error) {
	t := newTransaction(r.fs)
	t.Command = command
	if t.pending() != "" {
		return nil, finding.Errorf(finding.Position{File: t.dir}, "", "an earlier change was interrupted and must be recovered first")
	}
	var problems finding.Problems
	seen := map[string]bool{}
	for _, c := range changes {
		mode, err := checkChange(r.fs, c)
		if err == nil && seen[c.Path] {
			err = finding.Errorf(finding.Position{File: c.Path}, "", "is changed twice in one operation")
		}
		seen[c.Path] = true
		if err != nil {
			problems = append(problems, finding.All(err)...)
		} else if sum(c.Old) != sum(c.New) {
			t.add(c, mode)
		}
	}
	t.addEmptied()
	return t, problems.Err()
}

// checkChange returns the mode of the file that is there, or why the change cannot be made.
func checkChange(fsys afero.Fs, c Change) (fs.FileMode, error) {
	at := finding.Position{File: c.Path}
	if err := checkTarget(fsys, c.Path); err != nil {
		return 0, err
	}
	if len(c.New) > MaxFileSize {
		return 0, finding.Errorf(at, "", "would become %s, limit %d MiB", mebibytes(int64(len(c.New))), MaxFileSize>>20)
	}
	now, err := currentSum(fsys, c.Path)
	switch {
	case err != nil:
		return 0, err
	case now == "" && c.Old == nil:
		return 0, nil
	case c.Old == nil:
		return 0, finding.Errorf(at, "", "already exists")
	case now != sum(c.Old):
		return 0, finding.Errorf(at, "", "has changed since it was read; run the command again")
	}
	info, err := fsys.Stat(c.Path)
	if err != nil {
		return 0, explain(c.Path, "write", err)
	}
	return info.Mode().Perm(), nil
}

// checkTarget refuses a path that a change may not write: outside the repository, Git's own, our own journal, or
// through a link.
func checkTarget(fsys afero.Fs, name string) error {
	at := finding.Position{File: name}
	if !fs.ValidPath(name) || name == "." || strings.ContainsFunc(name, func(c rune) bool { return c == '\\' || c == ':' || unicode.IsControl(c) }) {
		return finding.Errorf(finding.Position{}, "", "%q is not a path inside the repository; use a relative path with \"/\" and without \"..\"", shorten(name))
	}
	segments := strings.Split(name, "/")
	for _, segment := range segments {
		if reason := unsafeSegment(segment); reason != "" {
			return finding.Errorf(at, "", "%s; refusing to write it", reason)
		}
	}
	if name == workTreeJournal || inside(name, workTreeJournal) {
		return finding.Errorf(at, "", "is reserved for interrupted changes; refusing to write it")
	}
	for i := range segments {
		part := path.Join(segments[:i+1]...)
		info, err := lstat(fsys, part)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return explain(name, "write", err)
		case info.Mode()&fs.ModeSymlink != 0:
			return finding.Errorf(at, "", "%q is a symbolic link; refusing to write through it", part)
		case i < len(segments)-1 && !info.IsDir():
			return finding.Errorf(at, "", "%q is not a directory", part)
		}
	}
	return nil
}

// currentSum returns the sum of a file's content; "" when it does not exist.
func currentSum(fsys afero.Fs, name string) (string, error) {
	data, err := readRegular(fsys, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	}
	return sum(data), nil
}

// sum is "" for no file, and never "" for an empty one.
func sum(data []byte) string {
	if data == nil {
		return ""
	}
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}
