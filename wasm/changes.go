package wasm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/scaffold"
)

// step is one change of the repository in this session: a plan, fixes, or files that were edited.
type step struct {
	what   string
	before map[string][]byte // contents of the files before it; nil where a file did not exist
}

// openStep is a step of an earlier program, which a new one repeats.
type openStep struct {
	What  string        `json:"what"`
	Files []changedFile `json:"files"`
}

type changesRequest struct {
	// Over are files of a plan or of fixes that are not applied yet; the answer is as if they were.
	Over []changedFile `json:"over,omitempty"`
}

// changes is how far the session is ahead of what was opened, or written last.
type changes struct {
	Files  []changedFile `json:"files"`
	Patch  string        `json:"patch"`  // all of them, as --dry-run prints a plan
	Masked []string      `json:"masked"` // files in whose part of the patch a secret is masked, so that git apply rejects it
	Steps  []string      `json:"steps"`  // what undo takes back, the last one last
}

// changes compares the session with what was opened, or written last.
func (s *Session) changes(_ context.Context, r changesRequest) (any, error) {
	over := map[string][]byte{}
	for _, f := range r.Over {
		if !local(f.Path) {
			return nil, fmt.Errorf("%q is outside the repository; remove it", f.Path)
		}
		if f.Action != scaffold.Unchanged {
			over[f.Path] = f.content()
		}
	}
	paths := map[string]bool{}
	for name := range s.base {
		paths[name] = true
	}
	for name := range over {
		paths[name] = true
	}
	plan := &scaffold.Plan{}
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		now, err := s.content(name)
		if err != nil {
			return nil, err
		}
		old, ahead := s.base[name]
		if !ahead {
			old = now
		}
		if content, ok := over[name]; ok {
			now = content
		}
		if f := scaffold.Changed(name, old, now); f.Action != scaffold.Unchanged {
			plan.Files = append(plan.Files, f)
		}
	}
	out := &changes{Files: changedFiles(plan), Masked: []string{}, Steps: []string{}}
	secrets := s.knownSince()
	shown(out.Files, func(diff string) string {
		text, _ := secrets.Patch(diff)
		return text
	})
	patch, masked := secrets.Patch(plan.Diff())
	out.Patch, out.Masked = patch, append(out.Masked, masked...)
	for _, st := range s.steps {
		out.Steps = append(out.Steps, st.what)
	}
	return out, nil
}

// content returns what the file will have; nil if it will not exist.
func (f changedFile) content() []byte {
	if f.Action == scaffold.Remove {
		return nil
	}
	return []byte(f.New)
}

// content reads a file of the session; nil without an error if it does not exist.
func (s *Session) content(name string) ([]byte, error) {
	src, err := afero.ReadFile(s.fs, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && src == nil {
		src = []byte{}
	}
	return src, err
}

// put writes a file of the session, or removes it together with the directories that it leaves empty: Git knows none.
func (s *Session) put(name string, content []byte) error {
	if content != nil {
		return afero.WriteFile(s.fs, name, content, 0o644)
	}
	if err := s.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if left, err := afero.ReadDir(s.fs, dir); err != nil || len(left) > 0 || s.fs.Remove(dir) != nil {
			break
		}
	}
	return nil
}

// set changes files, all or none, as one step.
func (s *Session) set(what string, files []changedFile) error {
	st := step{what, map[string][]byte{}}
	for _, f := range files {
		old, err := s.content(f.Path)
		if err != nil {
			return err
		}
		if _, ok := st.before[f.Path]; !ok {
			st.before[f.Path] = old
		}
	}
	for _, f := range files {
		if err := s.put(f.Path, f.content()); err != nil {
			return errors.Join(err, s.putAll(st.before))
		}
	}
	if len(files) > 0 {
		s.steps = append(s.steps, st)
	}
	for name, old := range st.before {
		if _, ok := s.base[name]; !ok {
			s.base[name] = old
		}
	}
	return s.use(s.fs)
}

func (s *Session) putAll(files map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := s.put(name, files[name]); err != nil {
			return err
		}
	}
	return nil
}

// undo takes back the last step.
func (s *Session) undo(ctx context.Context, _ empty) (any, error) {
	if len(s.steps) == 0 {
		return nil, errors.New("nothing to undo")
	}
	last := s.steps[len(s.steps)-1]
	if err := s.putAll(last.before); err != nil {
		return nil, err
	}
	s.steps = s.steps[:len(s.steps)-1]
	if err := s.use(s.fs); err != nil {
		return nil, err
	}
	return s.changes(ctx, changesRequest{})
}

// discard takes back all steps.
func (s *Session) discard(ctx context.Context, _ empty) (any, error) {
	if err := s.putAll(s.base); err != nil {
		return nil, err
	}
	s.base, s.steps = map[string][]byte{}, nil
	if err := s.use(s.fs); err != nil {
		return nil, err
	}
	return s.changes(ctx, changesRequest{})
}

// written makes the session as it is the base of further changes: the files have been written.
func (s *Session) written(context.Context, empty) (any, error) {
	s.base, s.steps = map[string][]byte{}, nil
	return empty{}, nil
}
