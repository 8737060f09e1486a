package connectcmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cluster"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
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

// doctorOptions are those of doctor.
type doctorOptions struct {
	*env.Env
	flags.Cluster
	output string
}

func newDoctor(e *env.Env) *cobra.Command {
	o := &doctorOptions{Env: e}
	c := &cobra.Command{
		Use:               "doctor [NAME]",
		Aliases:           []string{"redis:doctor"},
		Short:             "Diagnose a running Redis",
		Long:              clusterLong(doctorHelp, doctorExamples),
		Args:              flags.FromUse,
		ValidArgsFunction: e.CompleteArgs(e.AppNames),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) == 0 && o.All:
				return o.runAll(c.Context())
			case len(args) == 0:
				return errors.New("NAME is missing; name a Redis, or use --all-namespaces")
			case o.All:
				return errors.New("--all-namespaces checks every Redis; leave out NAME, or choose its namespace with --namespace")
			}
			return o.run(c.Context(), args[0])
		},
	}
	o.AddAll(c)
	flags.AddOutput(c, &o.output, "text", "json")
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

func (o *doctorOptions) run(ctx context.Context, name string) error {
	c, r, err := resolve.Live(ctx, o.Env, name, &o.Cluster)
	if err != nil {
		return err
	}
	report, err := c.Doctor(ctx, r)
	if err != nil {
		return err
	}
	if o.output == "json" {
		if err := o.JSON(reportJSON(report)); err != nil {
			return err
		}
	} else {
		o.print(report)
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

// runAll checks every Redis of the cluster. The exit code is the worst one.
func (o *doctorOptions) runAll(ctx context.Context) error {
	c, err := resolve.Cluster(&o.Cluster, nil)
	if err != nil {
		return err
	}
	all, err := c.All(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 && o.output == "text" {
		o.Infof("no Redis in %s", c.Where())
		return nil
	}
	reports := []doctorJSON{}
	worst := exitcode.Code(exitcode.OK)
	for i, r := range all {
		report, err := c.Doctor(ctx, r)
		if err != nil {
			return fmt.Errorf("%s: %w", r, err)
		}
		if o.output == "json" {
			reports = append(reports, reportJSON(report))
		} else {
			if i > 0 {
				o.Infof("")
			}
			o.print(report)
		}
		var code exitcode.Code
		if errors.As(verdict(report), &code) {
			worst = max(worst, code)
		}
	}
	if o.output == "json" {
		if err := o.JSON(reports); err != nil {
			return err
		}
	}
	if worst > exitcode.OK {
		return worst
	}
	return nil
}

func (o *doctorOptions) print(report *cluster.Report) {
	failed := 0
	help := ""
	end := func() {
		if help != "" {
			o.Printf("  help: %s\n", help)
		}
		help = ""
	}
	for _, p := range report.Problems {
		if p.Severity == finding.Error {
			failed++
		}
		message := p.Message + " [" + p.Check + "]"
		if p.CausedBy != "" {
			o.Printf("  - %s\n", message)
			printDetails(o.Env, o.Out, p, "      ")
			continue
		}
		end()
		printProblem(o.Env, o.Out, p, message, false)
		printDetails(o.Env, o.Out, p, "    ")
		help = p.Help
	}
	end()
	for _, n := range report.Notes {
		o.PrintErrf("%s not checked: %s\n", o.Paint(ui.Yellow, "note:"), n)
	}
	if report.Blocked != nil {
		o.PrintErrf("%s cannot query the pods of %s: %v\n", o.Paint(ui.Red, "error:"), report.Redis, report.Blocked)
	} else if len(report.Problems) == 0 {
		for _, fact := range report.Facts(false) {
			o.Infof("%s", fact)
		}
	}
	o.Infof("%s: %s, %s; errors: %d, other problems: %d", report.Redis, finding.Count(len(report.Redis.Pods), "pod"), finding.Count(len(report.Watchers), "sentinel"), failed, len(report.Problems)-failed)
}
