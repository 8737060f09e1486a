package report

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/finding"
)

func init() { register("text", "text/plain", "source lines, causes and fixes (for people)", writeText) }

// The SGR codes of the text format.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	yellow = "33"
	cyan   = "36"
)

func writeText(b *bytes.Buffer, v *view) {
	paint := func(code, text string) string {
		if !v.opts.Color || text == "" {
			return text
		}
		return "\x1b[" + code + "m" + text + "\x1b[0m"
	}
	color := func(s finding.Severity) string { return []string{red, yellow, cyan}[min(int(s), 2)] }
	show := func(e excerpt, color string) {
		fmt.Fprintf(b, "%s %s\n", paint(dim, e.number+" |"), e.text)
		if e.marker != "" {
			indent := len(e.marker) - len(strings.TrimLeft(e.marker, " "))
			fmt.Fprintf(b, "%s %s%s\n", paint(dim, strings.Repeat(" ", len(e.number))+" |"), e.marker[:indent], paint(color, e.marker[indent:]))
		}
	}
	for _, f := range v.all {
		if f.Suppressed != nil && !v.opts.Suppressed {
			continue
		}
		b.WriteString(paint(bold, where(f.Position)) + ": " + paint(color(f.Severity), f.Severity.String()) + ": " +
			printable(sentence(f)) + " " + paint(dim, "["+printable(f.Rule)+"]") + "\n")
		if e, ok := v.excerptOf(f.Position, f.EndLine, f.EndColumn); ok {
			show(e, color(f.Severity))
		}
		if f.Resource != nil {
			fmt.Fprintf(b, "  in %s\n", printable(resource(f.Resource)))
		}
		for _, r := range f.Related {
			fmt.Fprintf(b, "  %s: %s\n", where(r.Position), printable(r.Message))
			if e, ok := v.excerptOf(r.Position, 0, 0); ok {
				show(e, cyan)
			}
		}
		if f.Fixable() {
			fmt.Fprintf(b, "  %s: %s\n", fixFlag(f), printable(fixWords(f)))
		}
		if f.Suppressed != nil {
			fmt.Fprintf(b, "  suppressed: %s\n", printable(suppression(f.Suppressed)))
		}
		b.WriteString("\n")
	}
	for _, n := range v.notices {
		fmt.Fprintf(b, "note: %s\n", printable(n.Error()))
	}
	writeStats(b, v.run.Stats)
	fmt.Fprintf(b, "%s\n", v.summary)
	if v.summary.Findings() > 0 {
		fmt.Fprintf(b, "run %s rules show RULE for details\n", v.tool)
	}
}

// fixFlag is the flag of lint that makes the fix of a finding.
func fixFlag(f *finding.Finding) string {
	if f.Suggested != "" {
		return "--fix=suggested"
	}
	return "--fix"
}

// fixWords returns what a fix does, and why it is only suggested.
func fixWords(f *finding.Finding) string {
	if f.Suggested != "" {
		return f.Fix + " (" + f.Suggested + ")"
	}
	return f.Fix
}

func writeStats(b *bytes.Buffer, s *Stats) {
	if s == nil {
		return
	}
	fmt.Fprintf(b, "%s run, %d without findings, %d skipped\n", number(s.Run, "rule"), s.Passed, len(s.Skipped))
	for _, skip := range s.Skipped {
		fmt.Fprintf(b, "  skipped %s: %s\n", printable(skip.Rule), printable(skip.Reason))
	}
	for _, p := range s.Phases {
		fmt.Fprintf(b, "  %9s %s\n", p.Duration.Round(10*time.Microsecond), printable(p.Name))
	}
}

// where returns a position for one line of text.
func where(at finding.Position) string {
	at.File = fileName(at.File)
	return at.String()
}

// resource returns `RedisFailover/shop in namespace default`.
func resource(r *finding.Resource) string {
	if r.Namespace == "" {
		return r.String()
	}
	return r.String() + " in namespace " + r.Namespace
}

// suppression returns `by a comment until 2027-01-31: reason`.
func suppression(s *finding.Suppression) string {
	text := "by " + map[string]string{"comment": "a comment", "annotation": "an annotation", "config": "the configuration", "baseline": "the baseline"}[s.Kind]
	if text == "by " {
		text += s.Kind
	}
	if s.Until != "" {
		text += " until " + s.Until
	}
	if at := s.Position.String(); at != "" {
		text += " (" + at + ")"
	}
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	return text
}
