package report

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/redact"
)

func init() {
	register("markdown", "text/markdown", "Markdown for a pull request comment (at most 65,536 characters) or job summary", writeMarkdown)
}

const (
	// commentLimit is how long a comment may be at GitHub; it counts characters, we count bytes, which are no fewer.
	commentLimit = 65_536
	// patchesLimit is how long a report may be before fixes are named rather than shown: findings and what a change does come first.
	patchesLimit = commentLimit / 2
	// closing is kept free for the end of a comment that is cut.
	closing = 512
	// marker is how a bot finds its comment of the last run.
	marker = "<!-- redis-gitops -->\n"
)

func writeMarkdown(b *bytes.Buffer, v *view) {
	s := v.summary
	title := "no findings"
	if s.Findings() > 0 {
		title = s.found()
	}
	fmt.Fprintf(b, "%s## %s: %s\n\n", marker, markdownText(v.tool), title)
	fmt.Fprintf(b, "| errors | warnings | infos | suppressed | files | resources |\n|---:|---:|---:|---:|---:|---:|\n| %d | %d | %d | %d | %d | %d |\n",
		s.Errors, s.Warnings, s.Infos, s.Suppressed, s.Files, s.Resources)
	left := 0
	for _, group := range byFile(v.active()) {
		left += v.markdownFile(b, group)
	}
	if len(v.notices) > 0 {
		fmt.Fprintf(b, "\n<details><summary>%s</summary>\n\n", number(len(v.notices), "note"))
		for i, n := range v.notices {
			line := "- note: " + markdownText(n.Error()) + "\n" // no text begins a line, where it would be markup
			if b.Len()+len(line) > commentLimit-closing {
				fmt.Fprintf(b, "- and %d more\n", len(v.notices)-i)
				break
			}
			b.WriteString(line)
		}
		b.WriteString("\n</details>\n")
	}
	if left > 0 {
		fmt.Fprintf(b, "\n%s not shown, because comments are limited to %d characters; see the log for all.\n", number(left, "finding"), commentLimit)
	}
}

// markdownFile writes the findings of a file and says how many found no room.
func (v *view) markdownFile(b *bytes.Buffer, group []*finding.Finding) (left int) {
	count := (&Run{Findings: group}).Summary()
	unfolded := ""
	if count.Errors > 0 {
		unfolded = " open"
	}
	name := group[0].File
	if name == "" {
		name = "the repository"
	}
	head := fmt.Sprintf("\n<details%s><summary>%s: %s</summary>\n\n", unfolded, htmlCode(name), count.found())
	const foot = "\n</details>\n"
	var body strings.Builder
	for _, f := range group {
		item := v.markdownFinding(f, b.Len()+body.Len() < patchesLimit)
		if b.Len()+len(head)+body.Len()+len(item)+len(foot) > commentLimit-closing {
			left++ // a shorter one behind it may still fit
			continue
		}
		body.WriteString(item)
	}
	if body.Len() > 0 {
		b.WriteString(head + strings.TrimSuffix(body.String(), "\n") + foot)
	}
	return left
}

func (v *view) markdownFinding(f *finding.Finding, patched bool) string {
	var b strings.Builder
	line := ""
	if f.Line > 0 {
		line = fmt.Sprintf(" line %d", f.Line)
	}
	rule := htmlCode(f.Rule)
	if page := v.page(f); page != "" {
		rule = fmt.Sprintf("<a href=\"%s\">%s</a>", htmlText(page), rule)
	}
	fmt.Fprintf(&b, "- **%s**%s: %s %s\n", f.Severity, line, markdownText(sentence(f)), rule)
	if f.Resource != nil {
		fmt.Fprintf(&b, "  <br>in %s\n", htmlCode(resource(f.Resource)))
	}
	for _, r := range f.Related {
		fmt.Fprintf(&b, "  <br>%s: %s\n", htmlCode(where(r.Position)), markdownText(r.Message))
	}
	patch := ""
	if patched {
		patch = v.patch(f)
	}
	if f.Fixable() && patch == "" {
		fmt.Fprintf(&b, "  <br><code>%s</code>: %s\n", fixFlag(f), markdownText(fixWords(f)))
	}
	if e, ok := v.excerptOf(f.Position, f.EndLine, f.EndColumn); ok {
		fence := fenceFor(e.text)
		fmt.Fprintf(&b, "\n  %s\n  %s | %s\n", fence, e.number, e.text)
		if e.marker != "" {
			fmt.Fprintf(&b, "  %s | %s\n", strings.Repeat(" ", len(e.number)), e.marker)
		}
		fmt.Fprintf(&b, "  %s\n\n", fence)
	}
	if patch != "" {
		fence := fenceFor(patch)
		fmt.Fprintf(&b, "  <details><summary><code>%s</code>: %s</summary>\n\n  %sdiff\n", fixFlag(f), markdownText(fixWords(f)), fence)
		for line := range strings.Lines(patch) {
			b.WriteString("  " + strings.TrimSuffix(line, "\n") + "\n")
		}
		fmt.Fprintf(&b, "  %s\n\n  </details>\n\n", fence)
	}
	return b.String()
}

// fenceFor returns a fence that the text of a code block does not close.
func fenceFor(text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence
}

// maxPatch is how large the patch of a fix may be, in bytes, to be shown beside its finding.
const maxPatch = 2_000

// patch returns the change of a finding's fix if it is one hunk. It is a diff, and no suggestion that a button applies: GitHub and GitLab
// have those only in reviews of lines that the pull request changes, one comment each, and most fixes are in a values file beside them.
//
// Source: docs.github.com, "Commenting on a pull request"; docs.gitlab.com, "Suggest changes".
func (v *view) patch(f *finding.Finding) string {
	if v.run.Patch == nil || !f.Fixable() {
		return ""
	}
	file, text := v.run.Patch(v.of[f])
	if len(text) > maxPatch || len(hunks.FindAllStringIndex(text, 2)) != 1 {
		return ""
	}
	v.file(file) // what is secret in it
	text, _ = v.secrets.Patch(text)
	text = strings.ReplaceAll(v.secrets.Text(text), "\r\n", "\n")
	return strings.ReplaceAll(redact.Lines(text), "\t", "    ")
}

// hunks are the headers of the parts of a patch.
var hunks = lazyregexp.New(`(?m)^@@ `)

var (
	// markup is what Markdown or HTML would read in plain text.
	markup = lazyregexp.New("[\\\\`*_{}\\[\\]<>|~&$]")
	// autolink is what GitHub and GitLab would make a link or a mention of.
	autolink = lazyregexp.New(`[@#!&~$%^]\w|://|www\.|\bGH-|:[a-z+-][a-z0-9+_-]*:`)
)

// markdownText escapes text so that nothing in it is markup, a link or a mention.
func markdownText(s string) string {
	s = printable(s)
	var b strings.Builder
	for s != "" {
		at := autolink.FindStringIndex(s)
		if at == nil {
			b.WriteString(markdownEscape(s))
			break
		}
		b.WriteString(markdownEscape(s[:at[0]]))
		b.WriteString(markdownEscape(s[at[0] : at[0]+1]))
		b.WriteString("<!-- -->") // breaks it and shows nothing
		s = s[at[0]+1:]
	}
	return b.String()
}

// MarkdownText escapes text for Markdown, so that nothing in it is markup, a link or a mention. It may stand in a table.
func MarkdownText(s string) string { return markdownText(s) }

// MarkdownLimit is how long a comment may be at GitHub, in bytes.
const MarkdownLimit = commentLimit

// markdownEscape writes markup as character references, which also hold inside tables and HTML.
func markdownEscape(s string) string {
	return markup.ReplaceAllStringFunc(s, func(c string) string { return fmt.Sprintf("&#%d;", c[0]) })
}

// htmlText escapes text for HTML.
func htmlText(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace(printable(s))
}

// htmlCode gives text as inline code. Code by backquotes could not hold backquotes.
func htmlCode(s string) string { return "<code>" + markdownText(s) + "</code>" }
