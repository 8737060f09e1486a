package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cluster"
	"github.com/redis-gitops/redis-gitops/diag"
)

const doctorHelp = `Check everything about a running Redis in Kubernetes: Services and what they lead to, password, roles and labels, replication,
sentinels, strangers among replicas and sentinels (two Redises that have joined), whether the operator has done what the
resource asks for and customConfig is in force, memory, disks, saving and the time to shut down. Each problem names the page of
the rule that prevents it, where there is one.

Exit code: 0 no errors (there may be warnings); 1 errors; 2 the cluster could not be asked.`

const doctorExamples = `
  redis-gitops doctor shop
  redis-gitops doctor shop --output json`

func (a *app) doctorCommand() *cobra.Command {
	var f clusterFlags
	var output string
	c := &cobra.Command{
		Use:               "doctor NAME",
		Aliases:           []string{"redis:doctor"},
		Short:             "Check everything about a running Redis",
		Long:              clusterLong(doctorHelp, doctorExamples),
		Args:              fromUse,
		ValidArgsFunction: a.completeArgs(a.appNames),
		RunE:              func(c *cobra.Command, args []string) error { return a.doctor(c.Context(), args[0], &f, output) },
	}
	f.add(c)
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	complete(c, "output", []string{"text", "json"})
	return c
}

func (a *app) doctor(ctx context.Context, name string, f *clusterFlags, output string) error {
	if err := textOrJSON(output); err != nil {
		return err
	}
	c, r, err := a.findLive(ctx, name, f)
	if err != nil {
		return err
	}
	report, err := c.Doctor(ctx, r)
	if err != nil {
		return err
	}
	if output == "json" {
		err := a.printJSON(map[string]any{"name": r.Name, "namespace": r.Namespace, "kind": r.Kind, "operator": r.Operator,
			"problems": append([]*cluster.Problem{}, report.Problems...), "notes": append([]string{}, report.Notes...)})
		if err != nil {
			return err
		}
	} else {
		a.printReport(report)
	}
	if cluster.Failed(report.Problems) {
		return errCode(exitFindings)
	}
	return nil
}

func (a *app) printReport(report *cluster.Report) {
	errors := 0
	for _, p := range report.Problems {
		if p.Severity == diag.Error {
			errors++
		}
		a.printProblem(a.out, p, p.Message+" ["+p.Check+"]", true)
	}
	for _, n := range report.Notes {
		fmt.Fprintf(a.err, "%s not checked: %s\n", a.paint(yellow, "note:"), n)
	}
	if len(report.Problems) == 0 {
		for _, fact := range report.Facts(false) {
			a.say("%s", fact)
		}
	}
	a.say("%s: %d pods, %d sentinels; errors: %d, other problems: %d", report.Redis, len(report.Redis.Pods), len(report.Watchers), errors, len(report.Problems)-errors)
}
