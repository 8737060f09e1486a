package lint

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
)

// Fixed is what Fix did.
type Fixed struct {
	Result  *Result            // of the repository after the fixes
	Done    []*finding.Finding // that are gone
	Changes []repo.Change      // to apply, sorted by file
	Refused []Refused          // fixes that were not made, in the order of the findings
}

// Refused is a finding with a fix that was not made.
type Refused struct {
	Finding *finding.Finding
	Reason  string
}

// maxRounds is how often the repository is checked again after fixes, which may make others possible.
const maxRounds = 20

// Fix makes the safe fixes of all findings that count, checks again, and goes on until nothing changes. A fix is safe when the
// repository that it leaves is proven: see [world]. What a rule itself calls a suggestion is made only with opts.Suggested, and then
// only if it renders as meant and brings no error. A fix of which the proof has found harm is not made at all, and one that is not made
// never stops another one. Nothing is written: Changes is for [repo.Repo.Apply].
func Fix(ctx context.Context, r *repo.Repo, opts Options) (*Fixed, error) {
	fsys := newOverlay(r.Fs())
	on, err := repo.Open(fsys, repo.Options{Layout: r.Layout()})
	if err != nil {
		return nil, err
	}
	if opts.Compiled == nil {
		opts.Compiled = &Compiled{}
	}
	if opts.Cache == nil {
		opts.Cache = &Cache{} // the checks between fixes look only at what the fixes changed
	}
	f := &fixer{repo: on, fsys: fsys, opts: opts, cache: &Cache{}}
	f.opts.unfolded = true
	if err := f.all(ctx); err != nil {
		return nil, err
	}
	out := &Fixed{Done: f.done}
	if out.Result, err = Run(ctx, on, opts); err != nil {
		return nil, err
	}
	f.explain(out)
	finding.SortFindings(out.Done)
	for name := range fsys.names {
		old, err := r.ReadFile(name)
		if err != nil {
			return nil, err
		}
		fixed, err := on.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(old, fixed) {
			out.Changes = append(out.Changes, repo.Change{Path: name, Old: old, New: fixed})
		}
	}
	slices.SortFunc(out.Changes, func(a, b repo.Change) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// fixer makes fixes in an overlay.
type fixer struct {
	repo  *repo.Repo
	fsys  *overlay
	opts  Options // of the user
	cache *Cache  // of the proof

	last    *Result           // what the user's options find now; nil when that has to be asked
	world   *world            // the repository as it is now
	refused map[string]string // why, by the id of the fix
	done    []*finding.Finding
}

// all makes fixes until there are no more, and suggestions when there is nothing left that is safe.
func (f *fixer) all(ctx context.Context) error {
	f.refused = map[string]string{}
	suggested := false
	for range maxRounds {
		made, err := f.round(ctx, suggested)
		switch {
		case err != nil:
			return err
		case made > 0:
			clear(f.refused) // another fix may have made it possible
			suggested = false
		case suggested || !f.opts.Suggested:
			return nil
		default:
			suggested = true
		}
	}
	return nil
}

// round tries all fixes that are safe, or all that are suggestions, and gives how many it made.
func (f *fixer) round(ctx context.Context, suggested bool) (int, error) {
	if f.last == nil {
		var err error
		if f.last, err = Run(ctx, f.repo, f.opts); err != nil {
			return 0, err
		}
	}
	candidates := f.candidates(suggested)
	if len(candidates) == 0 {
		return 0, nil
	}
	if f.world == nil {
		var err error
		if f.world, err = f.look(ctx); err != nil {
			return 0, err
		}
	}
	return f.try(ctx, candidates)
}

func (f *fixer) candidates(suggested bool) []*candidate {
	byID := map[string]*candidate{}
	var out []*candidate
	for _, found := range f.last.Findings {
		fx := f.last.fixes[found]
		if fx == nil || found.Suppressed != nil {
			continue
		}
		id := fx.id()
		switch {
		case len(fx.edits) == 0:
			continue
		case (fx.suggested != "") != suggested:
			continue
		}
		if c := byID[id]; c != nil {
			c.findings = append(c.findings, found)
			continue
		}
		byID[id] = &candidate{fix: fx, findings: []*finding.Finding{found}}
		out = append(out, byID[id])
	}
	return out
}

// try makes as many of the candidates as can be made together: all, those that are not to blame for an objection, or those of each
// half.
func (f *fixer) try(ctx context.Context, candidates []*candidate) (int, error) {
	before := map[string][]byte{}
	made, err := f.apply(candidates, before)
	if err != nil || len(made) == 0 {
		return 0, err
	}
	after, err := f.look(ctx)
	if err != nil {
		return 0, err
	}
	objections := f.world.judge(after, made)
	if len(objections) == 0 {
		f.world, f.last = after, nil
		for _, c := range made {
			f.done = append(f.done, c.findings...)
		}
		return len(made), nil
	}
	for name, src := range before {
		if err := f.fsys.set(name, src); err != nil {
			return 0, err
		}
	}
	if len(made) == 1 {
		f.refused[made[0].id()] = objections[0].reason
		return 0, nil
	}
	if blamed := f.world.blame(objections, made); len(blamed) > 0 {
		for c, reason := range blamed {
			f.refused[c.id()] = reason
		}
		rest := slices.DeleteFunc(made, func(c *candidate) bool { return blamed[c] != "" })
		if len(rest) == 0 {
			return 0, nil
		}
		return f.try(ctx, rest)
	}
	first, err := f.try(ctx, made[:len(made)/2])
	if err != nil {
		return 0, err
	}
	second, err := f.try(ctx, made[len(made)/2:])
	return first + second, err
}

// apply changes the files of the overlay. It leaves out fixes that cannot be made, with the reason, and those of lines that
// another one changes, which have their turn in the next round.
func (f *fixer) apply(candidates []*candidate, before map[string][]byte) ([]*candidate, error) {
	type work struct {
		*edit
		of *candidate
	}
	taken := map[finding.Position]bool{}
	files := map[string][]work{}
	var made []*candidate
	for _, c := range candidates {
		clash := func(e *edit) bool { return taken[finding.Position{File: e.file, Line: e.line}] }
		if slices.ContainsFunc(c.edits, clash) {
			continue
		}
		if err := f.rehearse(c); err != nil {
			f.refused[c.id()] = err.Error()
			continue
		}
		for _, e := range c.edits {
			taken[finding.Position{File: e.file, Line: e.line}] = true
			files[e.file] = append(files[e.file], work{e, c})
		}
		made = append(made, c)
	}
	for name, edits := range files {
		src, err := f.repo.ReadFile(name)
		if err != nil {
			return nil, err
		}
		// From the end to the beginning, so that lines stay where they were found.
		slices.SortStableFunc(edits, func(a, b work) int { return cmp.Compare(b.line, a.line) })
		lines := strings.SplitAfter(string(src), "\n")
		for _, e := range edits {
			if lines, err = e.do(lines); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", name, e.line, err) // it was rehearsed
			}
		}
		before[name] = src
		if err := f.fsys.set(name, []byte(strings.Join(lines, ""))); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// rehearse makes a fix on copies, so that one that cannot be made spoils nothing.
func (f *fixer) rehearse(c *candidate) error {
	_, err := c.made(f.repo)
	return err
}

// made returns the lines of the files that a fix changes, as they would be.
func (f *fix) made(r *repo.Repo) (map[string][]string, error) {
	files := map[string][]string{}
	edits := slices.Clone(f.edits)
	slices.SortStableFunc(edits, func(a, b *edit) int { return cmp.Compare(b.line, a.line) })
	seen := map[finding.Position]bool{}
	for _, e := range edits {
		at := finding.Position{File: e.file, Line: e.line}
		if seen[at] {
			return nil, errInline
		}
		seen[at] = true
		if files[e.file] == nil {
			src, err := r.ReadFile(e.file)
			if err != nil {
				return nil, err
			}
			files[e.file] = strings.SplitAfter(string(src), "\n")
		}
		changed, err := e.do(files[e.file])
		if err != nil {
			return nil, err
		}
		files[e.file] = changed
	}
	return files, nil
}

// explain reports of every finding that is left and has a fix why it was not made.
func (f *fixer) explain(out *Fixed) {
	for _, found := range out.Result.Findings {
		fx := out.Result.fixes[found]
		if fx == nil || found.Suppressed != nil {
			continue
		}
		refused := f.refused[fx.id()]
		reason := cmp.Or(refused, fx.suggested)
		switch {
		case len(fx.edits) == 0:
			reason = fx.why
		case reason == "":
			continue // folded into another finding, or a round too late
		case refused != "":
			found.Fix, found.Suggested = "", "" // it does harm
		}
		out.Refused = append(out.Refused, Refused{found, reason})
	}
}

// look checks the repository as it is now in every way that is known: with all rules, in strict mode, with all value files.
func (f *fixer) look(ctx context.Context) (*world, error) {
	o := f.opts
	o.Strict, o.everyValues, o.Cache = true, true, f.cache
	o.Paths, o.Only, o.Enable, o.Base, o.Baseline, o.Progress, o.Found = nil, nil, nil, nil, nil, nil, nil
	l, err := run(ctx, f.repo, o)
	if err != nil {
		return nil, err
	}
	return newWorld(l)
}
