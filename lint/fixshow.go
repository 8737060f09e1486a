package lint

import (
	"context"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
)

// Edited returns the change that the fix of a finding is, if it changes one file. Nothing is written, and whether the fix is safe is for
// [Fix] to prove. ok is false if the finding has no fix, the fix changes several files, or it cannot be made.
func Edited(ctx context.Context, res *Result, f *finding.Finding) (change repo.Change, ok bool) {
	fx := res.fixes[f]
	if fx != nil && fx.kept != nil {
		fx = fx.kept.again(ctx, res.linter, fx)
	}
	if fx == nil || len(fx.edits) == 0 {
		return change, false
	}
	files, err := fx.made(res.repo)
	if err != nil || len(files) != 1 {
		return change, false
	}
	for name, lines := range files {
		old, err := res.repo.ReadFile(name)
		if err != nil {
			return change, false
		}
		change = repo.Change{Path: name, Old: old, New: []byte(strings.Join(lines, ""))}
	}
	return change, true
}

// again returns a fix of a unit that an earlier run has kept, with edits that can be made: the unit is checked once more.
func (u *unit) again(ctx context.Context, l *linter, kept *fix) *fix {
	if !u.checkedAgain {
		u.checkedAgain = true
		fresh := &unit{target: u.target, set: u.set, values: u.values, setFiles: u.setFiles, id: u.id, located: map[*finding.Finding]*fix{}}
		if fresh.check(ctx, l) != nil {
			return nil
		}
		u.located = fresh.located
	}
	for _, fx := range u.located {
		if fx.kept == nil && fx.id() == kept.id() {
			return fx
		}
	}
	return nil
}
