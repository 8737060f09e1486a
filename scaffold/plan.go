// Package scaffold plans the edits that add, change or remove a Redis in a devops repository, and shows or applies them.
//
// Every function named Plan… reads the repository and gives a [Plan]; nothing is written before [Plan.Apply]. Files that
// exist are changed by splices of bytes (package yamledit), never written anew.
package scaffold

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/patch"
	"github.com/redis-gitops/redis-gitops/repo"
)

// Action is what a plan does to a file.
type Action string

// The actions.
const (
	Create    Action = "create"
	Update    Action = "update"
	Remove    Action = "remove"
	Unchanged Action = "unchanged"
)

// FileChange is one file of a plan.
type FileChange struct {
	Path     string
	Action   Action
	Old, New []byte      // nil where the file is not there before or after
	Mode     fs.FileMode // of a new file; 0 is that of any other
	Prune    string      // of a removal: the topmost directory that goes with it when nothing is left in it; "" keeps all
}

// prune adds the tool's own directories to those that go with a file.
func (f *FileChange) prune() string {
	if f.Prune == "" && strings.HasPrefix(f.Path, recordFolder+"/") {
		return path.Dir(recordFolder)
	}
	return f.Prune
}

// A Conflict is something that stands in the repository and differs from what the plan would write.
type Conflict struct {
	finding.Problem
	Diff string // from what stands there to what was asked for
}

// A Plan is what a command would do. It is the same for --dry-run, --output json, the page and the real run.
type Plan struct {
	Command   string // for messages and the journal: "generate resource shop redis"
	Generator string // the generator in use, if the plan has one
	Files     []FileChange
	Conflicts []Conflict
	Notes     []string // what a person should know about the plan
	Next      []string // what to do after it
	URL       string   // how clients reach what was made; "" when there is nothing to reach

	// Running: the plan changes the resource of a Redis that runs, so that whoever shows it should say what that does.
	Running bool

	last *repo.LastChange // that the plan undoes
}

// OnConflict describes what to do where the repository differs from what would be written.
type OnConflict int

// The ways to meet a conflict.
const (
	Refuse  OnConflict = iota // give a [ConflictError]
	Keep                      // leave what stands there
	Replace                   // write over it
	Mark                      // write both with conflict markers; of an update only
)

// A ConflictError refuses a plan because of what stands in the repository already.
type ConflictError struct{ Conflicts []Conflict }

func (e *ConflictError) Error() string {
	lines := make([]string, len(e.Conflicts))
	for i, c := range e.Conflicts {
		lines[i] = c.Problem.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the conflicts as problems.
func (e *ConflictError) Unwrap() []error {
	out := make([]error, len(e.Conflicts))
	for i := range e.Conflicts {
		out[i] = &e.Conflicts[i].Problem
	}
	return out
}

// reviewAndCommit is the first thing to do after a change.
const reviewAndCommit = "review and commit the changes; Argo CD or Flux applies them to the cluster"

// Changed reports whether the plan changes anything.
func (p *Plan) Changed() bool {
	return slices.ContainsFunc(p.Files, func(f FileChange) bool { return f.Action != Unchanged })
}

// Diff returns the plan as one patch that `git apply` accepts.
func (p *Plan) Diff() string {
	var b strings.Builder
	for _, f := range p.Files {
		b.WriteString(f.Diff())
	}
	return b.String()
}

// Diff returns the change as a patch of one file, "" for none.
func (f *FileChange) Diff() string {
	if f.Action == Unchanged {
		return ""
	}
	head := "diff --git a/" + f.Path + " b/" + f.Path + "\n"
	from, to := "a/"+f.Path, "b/"+f.Path
	switch f.Action {
	case Create:
		mode := "100644"
		if f.Mode&0o100 != 0 {
			mode = "100755"
		}
		head += "new file mode " + mode + "\n"
		from = "/dev/null"
	case Remove:
		head += "deleted file mode 100644\n"
		to = "/dev/null"
	}
	return head + patch.Unified(from, to, string(f.Old), string(f.New))
}

// Apply writes the plan: all of it or nothing, also when the process is killed in between.
func (p *Plan) Apply(r *repo.Repo) error {
	if p.last != nil {
		return r.Undo(p.last)
	}
	var changes []repo.Change
	for _, f := range p.Files {
		if f.Action != Unchanged {
			changes = append(changes, repo.Change{Path: f.Path, Old: f.Old, New: f.New, Mode: f.Mode, Prune: f.prune()})
		}
	}
	if len(changes) == 0 {
		return nil
	}
	return r.Apply(p.Command, changes)
}

// JSON returns the plan for machines. Field names are stable. show, which may be nil, makes a diff one that may be printed.
func (p *Plan) JSON(show func(diff string) string) ([]byte, error) {
	if show == nil {
		show = func(diff string) string { return diff }
	}
	type file struct {
		Path   string `json:"path"`
		Action Action `json:"action"`
	}
	type conflict struct {
		File    string `json:"file"`
		Line    int    `json:"line"`
		Column  int    `json:"column"`
		Path    string `json:"path,omitempty"`
		Message string `json:"message"`
		Diff    string `json:"diff,omitempty"`
	}
	out := struct {
		Version   int        `json:"version"`
		Command   string     `json:"command"`
		Changed   bool       `json:"changed"`
		Files     []file     `json:"files"`
		Conflicts []conflict `json:"conflicts"`
		Notes     []string   `json:"notes"`
		Next      []string   `json:"next"`
		URL       string     `json:"url,omitempty"`
		Diff      string     `json:"diff"`
	}{1, p.Command, p.Changed(), []file{}, []conflict{}, append([]string{}, p.Notes...), append([]string{}, p.Next...), p.URL, ""}
	for _, f := range p.Files {
		out.Diff += show(f.Diff())
		out.Files = append(out.Files, file{f.Path, f.Action})
	}
	for _, c := range p.Conflicts {
		out.Conflicts = append(out.Conflicts, conflict{c.File, c.Line, c.Column, c.Path, c.Message, show(c.Diff)})
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(out)
	return b.Bytes(), err
}

// Changed returns the change from one content of a file to another; nil where the file does not exist.
func Changed(path string, old, new []byte) FileChange {
	action := Update
	switch {
	case (old == nil) == (new == nil) && bytes.Equal(old, new):
		action = Unchanged
	case old == nil:
		action = Create
	case new == nil:
		action = Remove
	}
	return FileChange{Path: path, Action: action, Old: old, New: new}
}

// write puts a file into the plan; old nil means that it is not there yet.
func (p *Plan) write(path string, old, new []byte) {
	if new == nil {
		new = []byte{}
	}
	p.put(Changed(path, old, new))
}

// remove puts the removal of a file into the plan.
func (p *Plan) remove(path string, old []byte) {
	p.put(FileChange{Path: path, Action: Remove, Old: old})
}

// put adds a change, or replaces the one that the plan has for the same file.
func (p *Plan) put(f FileChange) {
	for i := range p.Files {
		if p.Files[i].Path == f.Path {
			p.Files[i] = f
			return
		}
	}
	p.Files = append(p.Files, f)
}

// current returns a file as it is after the plan so far: nil when it is not there.
func (p *Plan) current(r *repo.Repo, path string) (old, now []byte, err error) {
	for _, f := range p.Files {
		if f.Path == path {
			return f.Old, f.New, nil
		}
	}
	src, err := readIfThere(r, path)
	return src, src, err
}

// conflict notes a conflict. way is how the command line resolves it; "" is not at all.
func (p *Plan) conflict(at finding.Position, path, fault, way, old, new string) {
	problem := finding.Errorf(at, path, "%s", fault)
	if way != "" {
		problem.Flags("; %s", way)
	}
	p.Conflicts = append(p.Conflicts, Conflict{
		Problem: *problem,
		Diff:    patch.Unified(at.File, at.File+" (on request)", old, new),
	})
}

// err returns the conflicts as an error when there are any.
func (p *Plan) err() error {
	if len(p.Conflicts) == 0 {
		return nil
	}
	return &ConflictError{p.Conflicts}
}

// readIfThere reads a file; nil without an error when it does not exist.
func readIfThere(r *repo.Repo, path string) ([]byte, error) {
	src, err := r.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if src == nil {
		src = []byte{}
	}
	return src, nil
}
