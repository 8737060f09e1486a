package finding

// RuleInfo is what people read about a rule, wherever it is shown. Package policy adds how it is evaluated, package report how its
// findings count.
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
}

// HelpPage gives the page of a rule, relative to the tool's documentation. A rule of a user has none there.
func HelpPage(rule string) string { return "docs/rules/" + rule + ".md" }
