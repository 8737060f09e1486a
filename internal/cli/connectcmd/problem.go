package connectcmd

import (
	"io"

	"github.com/redis-gitops/redis-gitops/cluster"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
)

// printProblem prints what a check found, and where there is help.
func printProblem(e *env.Env, w io.Writer, p *cluster.Problem, message string, help bool) {
	color := ui.Yellow
	if p.Severity == finding.Error {
		color = ui.Red
	}
	e.Fprintf(w, "%s %s\n", e.Paint(color, p.Severity.String()+":"), message)
	if p.Help != "" && help {
		e.Fprintf(w, "  help: %s\n", p.Help)
	}
}

// printDetails prints the lines below a problem.
func printDetails(e *env.Env, w io.Writer, p *cluster.Problem, indent string) {
	for _, line := range p.Details {
		e.Fprintf(w, "%s%s\n", ui.Trusted(indent), line)
	}
}
