package scaffoldcmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

// maxReplies bounds how often one question is repeated after a reply that is not among its choices.
const maxReplies = 3

// choice is one reply to a question: its first letter or all of it.
type choice struct {
	word, means string // keep, "keep existing"
}

// String marks the letter: "[k]eep existing".
func (c choice) String() string { return "[" + c.means[:1] + "]" + c.means[1:] }

var quit = choice{"quit", "quit"}

// pick asks which of several to take, the last of which is quit. An empty reply is none.
func (o *planOptions) pick(ctx context.Context, choices []choice) (string, error) {
	var shown, letters []string
	for _, c := range choices {
		shown = append(shown, c.String())
		letters = append(letters, c.word[:1])
	}
	question := strings.Join(shown, ", ") + "? "
	for range maxReplies {
		reply, err := o.Ask(ctx, question)
		if err != nil {
			return "", err
		}
		reply = strings.ToLower(reply)
		for _, c := range choices {
			if reply == c.word || reply == c.word[:1] {
				return c.word, nil
			}
		}
		question = fmt.Sprintf("Enter %s or %s: ", strings.Join(letters[:len(letters)-1], ", "), letters[len(letters)-1])
	}
	return "", errors.New("no valid reply; nothing was changed")
}

// printConflicts shows what exists with other content.
func (o *planOptions) printConflicts(conflict *scaffold.ConflictError) {
	for _, c := range conflict.Conflicts {
		o.PrintErrf("%s %v\n", o.Paint(ui.Red, "error:"), &c.Problem)
		o.Patch(o.Err, c.Diff)
	}
}

// resolve plans, and lets a person at the terminal decide about conflicts, which are shown first. The choices are those besides keep,
// replace and quit; another one is passed to other, which changes what is planned or returns how to meet conflicts.
func (o *planOptions) resolve(ctx context.Context, plan func(scaffold.OnConflict) (*scaffold.Plan, error), more []choice, other func(string) (scaffold.OnConflict, error)) (*scaffold.Plan, error) {
	on := o.plan.Conflicts()
	p, err := plan(on)
	for {
		var conflict *scaffold.ConflictError
		if !errors.As(err, &conflict) || on != scaffold.Refuse || !o.interactive() || o.plan.DryRun {
			return p, err
		}
		o.printConflicts(conflict)
		reply, err2 := o.pick(ctx, slices.Concat([]choice{{"keep", "keep existing"}, {"replace", "replace"}}, more, []choice{quit}))
		if err2 != nil {
			return nil, err2
		}
		switch reply {
		case "keep":
			on = scaffold.Keep
		case "replace":
			on = scaffold.Replace
		case "quit":
			o.PrintErrf("nothing was changed\n")
			return nil, exitcode.Code(exitcode.Error)
		default:
			if on, err = other(reply); err != nil {
				return nil, err
			}
		}
		p, err = plan(on)
	}
}

// confirmRemoval asks before files are changed or removed.
func (o *planOptions) confirmRemoval(ctx context.Context, p *scaffold.Plan) error {
	if !o.interactive() || o.plan.DryRun || !p.Changed() {
		return nil
	}
	for _, f := range p.Files {
		if f.Action != scaffold.Unchanged {
			o.PrintErrf("%-6s %s\n", f.Action, f.Path)
		}
	}
	return o.Confirm(ctx, "Continue?")
}
