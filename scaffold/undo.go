package scaffold

import (
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
)

// PlanUndo plans to take back the last change that the tool made to the repository, by its record. A file that was changed since, or
// whose old content was not recorded because of a secret in it, is a conflict; nothing can force it.
func PlanUndo(r *repo.Repo) (*Plan, error) {
	last, err := r.LastChange()
	if err != nil {
		return nil, err
	}
	if last == nil {
		return nil, finding.Errorf(finding.Position{}, "",
			"there is no change to undo: the last one was undone already, or redis-gitops has not changed this repository; use git restore for earlier changes")
	}
	p := &Plan{Command: "undo " + last.Command, Notes: []string{"undoes the last change: redis-gitops " + last.Command}, last: last}
	for _, f := range last.Files {
		change := FileChange{Path: f.Path, Action: Update, Old: f.New, New: f.Old}
		switch {
		case f.Problem != nil:
			for _, problem := range finding.All(f.Problem) {
				p.conflict(problem.Position, problem.Path, problem.Message, "", "", "")
			}
			continue
		case f.New == nil:
			change.Action, change.Mode = Create, f.Mode
		case f.Old == nil:
			change.Action = Remove
		}
		p.put(change)
	}
	return p, p.err()
}
