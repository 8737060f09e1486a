package cli

import (
	"io"
	"strings"

	"github.com/redis-gitops/redis-gitops/cluster"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
)

// clusterHelp is part of the help of every command that asks a cluster.
const clusterHelp = `NAME is a custom resource or StatefulSet of a Redis, an application, or a Service
that selects it. In a repository, the namespace is read from the files unless
--namespace is given; elsewhere it is the namespace of the current context.
docs/rbac.md lists the required permissions.`

// printProblem prints what a check found, and where there is help.
func (a *app) printProblem(w io.Writer, p *cluster.Problem, message string, help bool) {
	color := ui.Yellow
	if p.Severity == finding.Error {
		color = ui.Red
	}
	a.Fprintf(w, "%s %s\n", a.Paint(color, p.Severity.String()+":"), message)
	if p.Help != "" && help {
		a.Fprintf(w, "  help: %s\n", p.Help)
	}
}

// clusterLong joins a help, the common part and examples.
func clusterLong(help, examples string) string {
	return help + "\n\n" + clusterHelp + "\n\nExamples:\n" + strings.TrimPrefix(examples, "\n")
}
