package cli

import (
	"bytes"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/redact"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

const undoHelp = `Undo the last change that redis-gitops made to the repository: init, generate,
destroy, lint --fix, or a change in the web UI. All files, their modes and their
directories are restored as they were.

Refuses if one of the files has changed since. One change can be undone; an undo
cannot. Git is not used: the change may be committed or not.

The lines that a change replaced are recorded in .git/redis-gitops or, in a
linked work tree or a subdirectory of a Git repository, in .redis-gitops/journal,
which Git ignores. Lines with a secret are never recorded; such a change can only
be undone with Git.

Examples:
  redis-gitops undo
  redis-gitops undo --dry-run`

func (a *app) undoCommand() *cobra.Command {
	var flags planFlags
	c := &cobra.Command{
		Use:   "undo",
		Short: "Undo the last change to the repository",
		Long:  undoHelp,
		Args:  fromUse,
		RunE: func(*cobra.Command, []string) error {
			o, err := a.open(!flags.dryRun)
			if err != nil {
				return err
			}
			defer o.fs.Close()
			p, err := scaffold.PlanUndo(o.Repo)
			return a.finish(o, &flags, p, err)
		},
	}
	flags.addCommon(c)
	return c
}

// secretIn reports whether a part of a file's text, which consists of whole lines, has a secret value in it: one that the file
// itself shows, or one that the other files of the run do.
func (a *app) secretIn(file string, text []byte, from, to int) bool {
	a.secrets.Update()
	sources := []*redact.File{redact.Scan(file, text), a.secrets.File(file)}
	first := bytes.Count(text[:from], []byte("\n")) + 1
	for i, line := range strings.Split(string(text[from:to]), "\n") {
		for _, f := range sources {
			if len(a.secrets.Hide(f, first+i, line)) > 0 {
				return true
			}
		}
	}
	return false
}
