package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cluster"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/resolve"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
)

const doctorHelp = `Diagnose a running Redis in Kubernetes: its operator, Services and their
endpoints, password, roles and labels, replication, sentinels, foreign replicas
and sentinels (two deployments that merged), customConfig as the operator
applies it, memory, volumes, persistence, and shutdown.

Problems are ordered by cause: problems that follow from another one are listed
below it. Pod events, exit codes, last log lines and the operator's last error
for this Redis are included if you may read them (docs/rbac.md); checks that
could not run are listed. Each problem links to the rule that prevents it, if
one exists.

With --all-namespaces instead of NAME, checks all Redis instances of the
cluster.

Exit codes: 0 no errors (warnings are possible); 1 errors; 2 the cluster or an
instance could not be queried.`

const doctorExamples = `
  redis-gitops doctor shop
  redis-gitops doctor shop --output json
  redis-gitops doctor -A`

func (a *app) doctorCommand() *cobra.Command {
	var f flags.Cluster
	var output string
	c := &cobra.Command{
		Use:               "doctor [NAME]",
		Aliases:           []string{"redis:doctor"},
		Short:             "Diagnose a running Redis",
		Long:              clusterLong(doctorHelp, doctorExamples),
		Args:              flags.FromUse,
		ValidArgsFunction: a.CompleteArgs(a.AppNames),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) == 0 && f.All:
				return a.doctorAll(c.Context(), &f, output)
			case len(args) == 0:
				return errors.New("NAME is missing; name a Redis, or use --all-namespaces")
			case f.All:
				return errors.New("--all-namespaces checks every Redis; leave out NAME, or choose its namespace with --namespace")
			}
			return a.doctor(c.Context(), args[0], &f, output)
		},
	}
	f.AddAll(c)
	flags.AddOutput(c, &output, "text", "json")
	return c
}

// doctorJSON is the report of one Redis as data.
type doctorJSON struct {
	Name      string             `json:"name"`
	Namespace string             `json:"namespace"`
	Kind      string             `json:"kind"`
	Operator  string             `json:"operator"`
	Problems  []*cluster.Problem `json:"problems"`
	Notes     []string           `json:"notes"`
	Error     string             `json:"error,omitempty"` // why it could not be asked
}

func reportJSON(r *cluster.Report) doctorJSON {
	j := doctorJSON{r.Name, r.Namespace, r.Kind, r.Redis.Operator, append([]*cluster.Problem{}, r.Problems...), append([]string{}, r.Notes...), ""}
	if r.Blocked != nil {
		j.Error = r.Blocked.Error()
	}
	return j
}

func (a *app) doctor(ctx context.Context, name string, f *flags.Cluster, output string) error {
	c, r, err := resolve.Live(ctx, a.Env, name, f)
	if err != nil {
		return err
	}
	report, err := c.Doctor(ctx, r)
	if err != nil {
		return err
	}
	if output == "json" {
		if err := a.JSON(reportJSON(report)); err != nil {
			return err
		}
	} else {
		a.printReport(report)
	}
	return verdict(report)
}

// verdict is the exit code of a report.
func verdict(report *cluster.Report) error {
	switch {
	case report.Blocked != nil:
		return exitcode.Code(exitcode.Error)
	case cluster.Failed(report.Problems):
		return exitcode.Code(exitcode.Findings)
	}
	return nil
}

// doctorAll checks every Redis of the cluster. The exit code is the worst one.
func (a *app) doctorAll(ctx context.Context, f *flags.Cluster, output string) error {
	c, err := resolve.Cluster(f, nil)
	if err != nil {
		return err
	}
	all, err := c.All(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 && output == "text" {
		a.Infof("no Redis in %s", c.Where())
		return nil
	}
	reports := []doctorJSON{}
	worst := exitcode.Code(exitcode.OK)
	for i, r := range all {
		report, err := c.Doctor(ctx, r)
		if err != nil {
			return fmt.Errorf("%s: %w", r, err)
		}
		if output == "json" {
			reports = append(reports, reportJSON(report))
		} else {
			if i > 0 {
				a.Infof("")
			}
			a.printReport(report)
		}
		var code exitcode.Code
		if errors.As(verdict(report), &code) {
			worst = max(worst, code)
		}
	}
	if output == "json" {
		if err := a.JSON(reports); err != nil {
			return err
		}
	}
	if worst > exitcode.OK {
		return worst
	}
	return nil
}

func (a *app) printReport(report *cluster.Report) {
	failed := 0
	help := ""
	end := func() {
		if help != "" {
			a.Printf("  help: %s\n", help)
		}
		help = ""
	}
	for _, p := range report.Problems {
		if p.Severity == finding.Error {
			failed++
		}
		message := p.Message + " [" + p.Check + "]"
		if p.CausedBy != "" {
			a.Printf("  - %s\n", message)
			a.printDetails(a.Out, p, "      ")
			continue
		}
		end()
		a.printProblem(a.Out, p, message, false)
		a.printDetails(a.Out, p, "    ")
		help = p.Help
	}
	end()
	for _, n := range report.Notes {
		a.PrintErrf("%s not checked: %s\n", a.Paint(ui.Yellow, "note:"), n)
	}
	if report.Blocked != nil {
		a.PrintErrf("%s cannot query the pods of %s: %v\n", a.Paint(ui.Red, "error:"), report.Redis, report.Blocked)
	} else if len(report.Problems) == 0 {
		for _, fact := range report.Facts(false) {
			a.Infof("%s", fact)
		}
	}
	a.Infof("%s: %s, %s; errors: %d, other problems: %d", report.Redis, finding.Count(len(report.Redis.Pods), "pod"), finding.Count(len(report.Watchers), "sentinel"), failed, len(report.Problems)-failed)
}

func (a *app) printDetails(w io.Writer, p *cluster.Problem, indent string) {
	for _, line := range p.Details {
		a.Fprintf(w, "%s%s\n", ui.Trusted(indent), line)
	}
}
