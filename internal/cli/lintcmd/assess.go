package lintcmd

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/assess"
	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/diff"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/redact"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/report"
)

const assessHelp = `Report what each Redis survives, from the files of the repository: the loss of a
pod, node or zone, a node drain, a restart of all pods, its deletion from Git,
full memory, the loss of the operator and a bad image; how many writes are lost,
and which backup it is restored from. Each answer has the field that decides it
and the change that would improve it. No cluster is asked.

NAME limits the report to Redis instances of that name.

--fail-on node exits with 1 if a Redis does not survive the loss of a node;
--fail-on node=partly also if it survives only in part, or if that is unknown.

Exit codes: 0 assessed; 1 a Redis fails --fail-on; 2 something could not be
rendered that may have a Redis, the rest is printed. Anything else that could
not be rendered is a note.

Examples:
  redis-gitops assess
  redis-gitops assess shop --output markdown
  redis-gitops assess --fail-on node,restart`

// assessOptions are those of assess.
type assessOptions struct {
	*env.Env
	output string
	failOn []string
}

func newAssess(e *env.Env) *cobra.Command {
	o := &assessOptions{Env: e}
	c := &cobra.Command{
		Use: "assess [NAME]", Short: "Report what each Redis survives", Long: assessHelp, Args: flags.FromUse,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c.Context(), args) },
	}
	c.Flags().StringSliceVar(&o.failOn, "fail-on", nil, "exit with 1 if a Redis does not survive this loss: "+strings.Join(losses(), ", ")+"; may be repeated")
	flags.Complete(c, "fail-on", losses())
	flags.AddOutput(c, &o.output, "text", "json", "markdown")
	return c
}

// losses are the values of --fail-on.
func losses() []string {
	var names []string
	for _, q := range assess.Questions() {
		if q.Loss {
			names = append(names, q.Name)
		}
	}
	return names
}

func (o *assessOptions) run(ctx context.Context, args []string) (err error) {
	for _, f := range o.failOn {
		name, verdict, _ := strings.Cut(f, "=")
		if !slices.Contains(losses(), name) {
			return finding.Errorf(finding.Position{File: "--fail-on"}, "", "unknown loss %q; %s%s", name, finding.OneOf(losses()), finding.DidYouMean(name, losses()))
		}
		if verdict != "" && verdict != string(assess.Partly) && verdict != string(assess.No) {
			return finding.Errorf(finding.Position{File: "--fail-on"}, "", "invalid verdict %q; use %s or %s", verdict, assess.No, assess.Partly)
		}
	}
	ctx, end := o.LimitReading(ctx)
	defer end()
	defer func() { err = env.StopCause(ctx, err) }()
	r, err := o.Open(ctx, false)
	if err != nil {
		return err
	}
	defer r.FS.Close()
	side, problems, err := diff.Everything(ctx, r.Repo, r.Config)
	if err != nil {
		return err
	}
	for _, resource := range side.Resources {
		o.Secrets.Add(redact.Data(resource.Object)...)
	}
	operators, err := cue.Operators()
	if err != nil {
		return err
	}
	tables, err := assess.Of(side, operators)
	if err != nil {
		return err
	}
	if len(args) > 0 {
		tables = slices.DeleteFunc(tables, func(t *assess.Table) bool { return t.Name != args[0] })
		if len(tables) == 0 {
			return fmt.Errorf("no Redis named %q; redis-gitops assess has all", args[0])
		}
	}
	if err := o.print(tables); err != nil {
		return err
	}
	problems = slices.DeleteFunc(problems, func(p *finding.Problem) bool {
		if mayHaveRedis(r.Repo, p.File) {
			return false
		}
		o.PrintErrf("%s %v\n", o.Paint(ui.Yellow, "note:"), p)
		return true
	})
	if err := finding.Problems(problems).Err(); err != nil {
		return err
	}
	if slices.ContainsFunc(tables, o.fails) {
		return exitcode.Code(exitcode.Findings)
	}
	return nil
}

// mayHaveRedis reports whether a file that could not be read or rendered, or what is beside and below it, says anything about Redis. Files at
// the root of the repository count one by one.
func mayHaveRedis(r *repo.Repo, file string) bool {
	files := []string{file}
	if dir := path.Dir(file); dir != "." {
		below, err := r.Files(dir)
		if err != nil {
			return true
		}
		files = append(files, below...)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		src, err := r.ReadFile(file)
		return lint.MentionsRedis(file) || err == nil && lint.MentionsRedis(string(src))
	})
}

// fails reports whether a Redis fails the policy of --fail-on.
func (o *assessOptions) fails(t *assess.Table) bool {
	return slices.ContainsFunc(t.Answers, func(a assess.Answer) bool {
		return slices.ContainsFunc(o.failOn, func(f string) bool {
			name, verdict, _ := strings.Cut(f, "=")
			return a.Question == name && (a.Verdict == assess.No || a.Verdict != assess.Yes && verdict == string(assess.Partly))
		})
	})
}

func (o *assessOptions) print(tables []*assess.Table) error {
	switch o.output {
	case "json":
		return o.JSON(struct {
			Instances []assess.Located `json:"instances"`
		}{assess.Locate(tables)})
	case "markdown":
		_, err := o.Out.Write([]byte(o.assessMarkdown(tables)))
		return err
	}
	if len(tables) == 0 {
		o.Infof("no Redis in this repository")
	}
	for i, t := range tables {
		if i > 0 {
			o.Printf("\n")
		}
		o.Printf("%s (%s)\n", t, t.Operator)
		if !t.Assessed {
			o.Printf("  %s\n", o.Paint(ui.Yellow, unassessed(t)))
			continue
		}
		for k, q := range assess.Questions() {
			a := t.Answers[k]
			o.Printf("  %s %s %s\n", fmt.Sprintf("%-21s", q.Title), o.Paint(verdictColors[a.Verdict], fmt.Sprintf("%-7s", string(a.Verdict))), o.Secrets.Foreign(a.Text))
			if at := strings.TrimSpace(a.Field + "  " + a.At.String()); at != "" {
				o.Printf("%32s%s\n", "", at)
			}
			if a.Improve != "" {
				o.Printf("%32s%s\n", "", "improve: "+a.Improve)
			}
		}
	}
	return nil
}

func unassessed(t *assess.Table) string {
	return "unknown: what " + t.Operator + " does about a loss is not known to redis-gitops"
}

var verdictColors = map[assess.Verdict]string{assess.Yes: ui.Green, assess.Partly: ui.Yellow, assess.No: ui.Red}

func (o *assessOptions) assessMarkdown(tables []*assess.Table) string {
	text := func(s string) string { return report.MarkdownText(o.Secrets.Foreign(s)) }
	marks := map[assess.Verdict]string{assess.Yes: "🟢&nbsp;yes", assess.Partly: "🟡&nbsp;partly", assess.No: "🔴&nbsp;no"}
	var b strings.Builder
	b.WriteString("<!-- redis-gitops assess -->\n## What each Redis survives\n")
	for i, t := range tables {
		var part strings.Builder
		fmt.Fprintf(&part, "\n### %s\n\n| | | why, and what would improve it |\n|---|---|---|\n", text(t.String()))
		questions := assess.Questions()
		if !t.Assessed {
			fmt.Fprintf(&part, "| | 🟡&nbsp;unknown | %s |\n", text(unassessed(t)))
			questions = nil // one line is enough
		}
		for k, q := range questions {
			a := t.Answers[k]
			fmt.Fprintf(&part, "| %s | %s | %s", q.Title, marks[a.Verdict], text(a.Text))
			if a.Improve != "" {
				part.WriteString("<br>→ " + text(a.Improve))
			}
			if at := strings.TrimSpace(a.Field + " " + a.At.String()); at != "" {
				part.WriteString("<br><sub>" + text(at) + "</sub>")
			}
			part.WriteString(" |\n")
		}
		if b.Len()+part.Len() > report.MarkdownLimit-closing {
			fmt.Fprintf(&b, "\nand %d more, which have no room in a comment\n", len(tables)-i)
			break
		}
		b.WriteString(part.String())
	}
	return b.String()
}
