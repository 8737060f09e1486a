package finding

import "strings"

// RuleInfo is what people read about a rule, wherever it is shown. Package policy adds how it is evaluated.
type RuleInfo struct {
	Name        string   `json:"rule"` // category/rule, such as auth/missing
	Category    string   `json:"category"`
	Title       string   `json:"title"`          // one line: what is wrong
	Description string   `json:"description"`    // Markdown: why, and what happens
	Remediation string   `json:"remediation"`    // Markdown: what to do
	Fix         string   `json:"fix"`            // what lint --fix does; "" when it does nothing
	Since       string   `json:"since"`          // the version of the tool that has it first
	References  []string `json:"references"`     // where the facts are from; empty rather than null
	User        bool     `json:"user,omitempty"` // the user or the repository brought it
	Severity    Level    `json:"severity"`       // by default
	Strict      Level    `json:"strict"`         // in strict mode
}

// HelpPage returns the page of the rule, relative to the tool's documentation; "" for a rule of a user.
func (r *RuleInfo) HelpPage() string {
	if r.User {
		return ""
	}
	return HelpPage(r.Name)
}

// HelpPage returns the page of one of the tool's rules, relative to its documentation.
func HelpPage(rule string) string { return "docs/rules/" + rule + ".md" }

// Docs is where the documentation is on the web.
const Docs = "https://github.com/redis-gitops/redis-gitops/blob/main/"

// HelpURL returns the web address of a page that is relative to docs, or [Docs] if that is "". A page that is an address stays as it
// is, and so does "".
func HelpURL(docs, page string) string {
	switch {
	case page == "" || strings.Contains(page, "://"):
		return page
	case docs == "":
		return Docs + page
	}
	return docs + page
}

// Level is how grave a rule's findings are, or "off", as METADATA and the configuration write it.
type Level string

// The levels.
const (
	LevelOff     Level = "off"
	LevelInfo    Level = "info"
	LevelWarning Level = "warning"
	LevelError   Level = "error"
)

// LevelOf returns the level of a severity.
func LevelOf(s Severity) Level { return Level(s.String()) }

// Severity returns the level as a severity; false for "off".
func (l Level) Severity() (Severity, bool) {
	switch l {
	case LevelError:
		return Error, true
	case LevelWarning:
		return Warning, true
	case LevelInfo:
		return Info, true
	}
	return 0, false
}
