package lintcmd

import (
	"fmt"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/diff"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/internal/patch"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/redact"
	"github.com/redis-gitops/redis-gitops/report"
)

// diffOptions are those of diff.
type diffOptions struct {
	*env.Env
	output, version string
	failOn          []string
}

// comparison is what was compared.
type comparison struct {
	*diff.Result
	Base, Head string // for people
	Problems   []*finding.Problem
	repo       *env.Repository
}

func (o *diffOptions) print(c *comparison) error {
	switch o.output {
	case "json":
		return o.JSON(o.json(c))
	case "sarif":
		run, err := o.sarif(c)
		if err != nil {
			return err
		}
		return report.Write(o.Raw(o.Out), "sarif", run, report.Options{})
	case "markdown":
		_, err := o.Out.Write([]byte(o.markdown(c)))
		return err
	}
	o.text(c)
	return nil
}

// unchanged is what a person reads where no Redis changes.
func (c *comparison) unchanged() string {
	return fmt.Sprintf("nothing changes for any Redis between %s and %s", c.Base, c.Head)
}

// colors of the severities.
var colors = map[finding.Severity]string{finding.Error: ui.Red, finding.Warning: ui.Yellow, finding.Info: ui.Green}

func (o *diffOptions) text(c *comparison) {
	if len(c.Changes) == 0 {
		o.Infof("%s", c.unchanged())
		return
	}
	// By Redis, the one with the gravest change first.
	seen := map[string]bool{}
	for _, of := range c.Changes {
		if seen[of.Redis] {
			continue
		}
		if seen[of.Redis] = true; len(seen) > 1 {
			o.Printf("\n")
		}
		o.Printf("%s\n", of.Redis)
		for _, change := range c.Changes {
			if change.Redis == of.Redis {
				o.change(change)
			}
		}
	}
	o.Printf("\n%s between %s and %s: %s\n", finding.Count(len(c.Changes), "change"), c.Base, c.Head, diff.Count(c.Changes))
}

func (o *diffOptions) change(c diff.Change) {
	rule := ""
	if c.Rule != "" {
		rule = " [" + c.Rule + "]"
	}
	o.Printf("  %s  %s%s\n", o.Paint(colors[c.Severity], fmt.Sprintf("%-14s", c.Class)), c.Field(), rule)
	o.Printf("%18s%s\n", "", o.Secrets.Foreign(c.Text))
	if c.Do != "" {
		o.Printf("%18s%s\n", "", "advice: "+c.Do)
	}
	if at := c.At.String(); at != "" {
		o.Printf("%18s%s\n", "", at)
	}
}

// changed is a change in JSON.
type changed struct {
	diff.Change
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

func (o *diffOptions) json(c *comparison) any {
	out := struct {
		Base    string    `json:"base"`
		Head    string    `json:"head"`
		Changes []changed `json:"changes"`
	}{c.Base, c.Head, []changed{}}
	for _, change := range c.Changes {
		out.Changes = append(out.Changes, changed{change, change.At.File, change.At.Line, change.At.Column})
	}
	return out
}

// titles explain the classes.
var titles = map[string]string{
	"live": "A change applies without a restart", "roll": "A change restarts the pods of Redis", "roll-sentinels": "A change restarts the sentinels",
	"ignored": "A change has no effect", "later": "A change waits for the next start of a pod", "stuck": "A change stops the operator or a rollout",
	"rejected": "The API server refuses a change", "recreate": "A change deletes all pods at once", "destroy": "A change deletes data",
	"orphan": "A change leaves something behind", "clients": "A change affects clients",
}

func (o *diffOptions) sarif(c *comparison) (*report.Run, error) {
	rules, err := policy.Rules()
	if err != nil {
		return nil, err
	}
	run := &report.Run{Version: o.version, Rules: map[string]finding.RuleInfo{}, Secrets: o.Secrets}
	for _, class := range cue.ChangeClasses() {
		run.Rules["diff/"+class] = finding.RuleInfo{Name: "diff/" + class, Category: "diff", Title: titles[class], Description: titles[class] + ".", User: true, References: []string{}}
	}
	for _, rule := range rules {
		if rule.Compares {
			run.Rules[rule.Name] = rule.RuleInfo
		}
	}
	for _, change := range c.Changes {
		f := &finding.Finding{
			Rule: "diff/" + change.Class, Severity: change.Severity, Message: o.Secrets.Foreign(change.Redis + ": " + change.Message()), Position: change.At.Position, EndLine: change.At.EndLine, EndColumn: change.At.EndColumn,
			Resource: &change.Resource, Help: "docs/diff.md",
		}
		if change.Rule != "" {
			f.Rule, f.Help = change.Rule, finding.HelpPage(change.Rule)
		}
		run.Findings = append(run.Findings, f)
	}
	return run, nil
}

// closing is kept free for the end of a comment whose patch is cut.
const closing = 256

// markdown is the table of consequences, and folded what is rendered.
func (o *diffOptions) markdown(c *comparison) string {
	text := func(s string) string { return report.MarkdownText(o.Secrets.Foreign(s)) }
	var b strings.Builder
	b.WriteString("<!-- redis-gitops diff -->\n")
	if len(c.Changes) == 0 {
		return b.String() + "## Redis: no changes\n\n" + text(c.unchanged()) + ".\n"
	}
	fmt.Fprintf(&b, "## Redis: %s\n\n%s → %s\n\n", text(diff.Count(c.Changes)), text(c.Base), text(c.Head))
	b.WriteString("| | change, and what happens |\n|---|---|\n")
	marks := map[finding.Severity]string{finding.Error: "🔴", finding.Warning: "🟡", finding.Info: "🟢"}
	for i, change := range c.Changes {
		line := fmt.Sprintf("| %s&nbsp;%s | **%s**: %s<br>%s", marks[change.Severity], text(change.Class), text(change.Redis), text(change.Field()), text(change.Text))
		if change.Do != "" {
			line += "<br>→ " + text(change.Do)
		}
		var more []string
		if at := change.At.String(); at != "" {
			more = append(more, text(at))
		}
		if change.Rule != "" {
			more = append(more, fmt.Sprintf("[%s](%s)", change.Rule, finding.HelpURL("", finding.HelpPage(change.Rule))))
		}
		if len(more) > 0 {
			line += "<br><sub>" + strings.Join(more, " · ") + "</sub>"
		}
		if line += " |\n"; b.Len()+len(line) > report.MarkdownLimit-closing {
			fmt.Fprintf(&b, "\nand %d more, which have no room in a comment\n", len(c.Changes)-i)
			return b.String()
		}
		b.WriteString(line)
	}
	rendered := o.rendered(c)
	fence := "```"
	for strings.Contains(rendered, fence) {
		fence += "`"
	}
	head, foot := "\n<details><summary>Rendered manifests</summary>\n\n"+fence+"diff\n", fence+"\n\n</details>\n"
	if room := report.MarkdownLimit - closing - b.Len() - len(head) - len(foot); len(rendered) > room {
		rendered = rendered[:max(strings.LastIndexByte(rendered[:max(room, 0)], '\n')+1, 0)] + "…\n"
	}
	return b.String() + head + rendered + foot
}

// rendered is the difference of what is rendered, without secrets.
func (o *diffOptions) rendered(c *comparison) string {
	var b strings.Builder
	for _, t := range c.Texts() {
		name := redact.Printable(t.Name)
		b.WriteString(patch.Unified("a/"+name, "b/"+name, t.Old, t.New))
	}
	text, _ := o.Secrets.Patch(b.String())
	return redact.Lines(o.Secrets.Text(text))
}
