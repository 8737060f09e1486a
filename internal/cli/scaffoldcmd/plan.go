package scaffoldcmd

import (
	"context"
	"errors"
	"strings"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

// finish shows a plan and, unless it is a dry run, applies it.
func (o *planOptions) finish(ctx context.Context, r *env.Repository, p *scaffold.Plan, err error) error {
	var conflict *scaffold.ConflictError
	if err != nil && !errors.As(err, &conflict) {
		return err
	}
	if p.Generator != "" {
		o.Debugf("generator %s", p.Generator)
	}
	if conflict == nil && !o.plan.DryRun {
		if ctx.Err() != nil {
			return ui.ErrInterrupted
		}
		if err := p.Apply(r.Repo); err != nil {
			return err
		}
	}
	if o.plan.Output == "json" {
		out, err := p.JSON(func(diff string) string {
			text, _ := o.Secrets.Patch(diff)
			return text
		})
		if err != nil {
			return err
		}
		if err := o.JSONText(out); err != nil {
			return err
		}
		if conflict != nil {
			return exitcode.Code(exitcode.Error)
		}
		return nil
	}
	if conflict != nil {
		o.printConflicts(conflict)
		o.PrintErrf("%s\n", "nothing was changed")
		return exitcode.Code(exitcode.Error)
	}
	for _, n := range p.Notes {
		if o.Quiet {
			break
		}
		o.PrintErrf("%s %s\n", o.Paint(ui.Yellow, "note:"), n)
	}
	if o.plan.DryRun {
		o.Patch(o.Out, p.Diff())
		return nil
	}
	if !p.Changed() {
		o.Infof("nothing to do: already up to date")
		return nil
	}
	for _, file := range p.Files {
		if file.Action != scaffold.Unchanged {
			o.Infof("%-6s %s", file.Action, file.Path)
		}
	}
	if p.URL != "" {
		o.Infof("\nURL: %s", p.URL)
	}
	if len(p.Next) > 0 {
		o.Infof("\nNext:")
		for _, n := range p.Next {
			o.Infof("- %s", o.Block(strings.ReplaceAll(n, "\n", "\n  ")))
		}
	}
	return nil
}
