package report

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
)

func init() {
	register("github", "text/plain", "GitHub Actions annotations: the ten most severe of each kind, since GitHub drops the rest", writeGitHub)
}

// githubLimit is how many annotations of each kind GitHub takes from a step; it drops further ones without a word
// (actions/toolkit, docs/problem-matchers.md, "Limitations").
const githubLimit = 10

func writeGitHub(b *bytes.Buffer, v *view) {
	commands := []string{"error", "warning", "notice"}
	left := []int{githubLimit, githubLimit, githubLimit - 1} // one notice says what was left out
	omitted := 0
	for _, f := range worst(v.active()) {
		kind := min(int(f.Severity), 2)
		if left[kind] == 0 {
			omitted++
			continue
		}
		left[kind]--
		properties := []string{}
		if f.File != "" {
			properties = append(properties, "file="+githubProperty(printable(f.File)))
			if f.Line > 0 {
				properties = append(properties, fmt.Sprintf("line=%d", f.Line))
				if f.EndLine > f.Line {
					properties = append(properties, fmt.Sprintf("endLine=%d", f.EndLine)) // columns count on one line only
				} else if f.Column > 0 {
					properties = append(properties, fmt.Sprintf("col=%d", f.Column))
					if f.EndColumn > f.Column {
						properties = append(properties, fmt.Sprintf("endColumn=%d", f.EndColumn))
					}
				}
			}
		}
		properties = append(properties, "title="+githubProperty(printable(f.Rule)))
		text := printable(sentence(f))
		for _, r := range f.Related {
			text += fmt.Sprintf("\n%s: %s", where(r.Position), printable(r.Message))
		}
		fmt.Fprintf(b, "::%s %s::%s\n", commands[kind], strings.Join(properties, ","), githubData(text))
	}
	var notes []string
	if omitted > 0 {
		notes = append(notes, fmt.Sprintf("%s not shown: GitHub accepts %d annotations of each level per step; see the job summary for all", number(omitted, "finding"), githubLimit))
	}
	for _, n := range v.notices {
		notes = append(notes, printable(n.Error()))
	}
	if len(notes) > 0 {
		fmt.Fprintf(b, "::notice title=%s::%s\n", githubProperty(v.tool), githubData(strings.Join(notes, "\n")))
	}
}

// githubData escapes the message of a workflow command (actions/toolkit, packages/core/src/command.ts).
func githubData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

// githubProperty escapes a property of a workflow command.
func githubProperty(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(githubData(s))
}

// asSeverity returns the word that a format has for a severity.
func asSeverity(s finding.Severity, errors, warnings, infos string) string {
	return []string{errors, warnings, infos}[min(int(s), 2)]
}
