package finding

import (
	"cmp"
	"slices"
	"strings"
)

// Finding is one thing that a rule has against the repository. Reports print it; its JSON is in the design's contract.
type Finding struct {
	Rule     string // category/name
	Severity Severity
	Message  string // as in [Problem]: lower case, no full stop, what is wrong and then what to do
	Position        // of what the user has to change
	// EndLine and EndColumn are just behind the last character; 0 means unknown.
	EndLine, EndColumn int
	Resource           *Resource // what it is about; nil when it is about a file
	Path               []string  // inside the resource or file, list indexes as decimal numbers
	Related            []Related // the way from what was rendered to Position, or other places that have a part in it
	Fix                string    // what its fix does, in a few words; "" when there is none
	Suggested          string    // why lint makes the fix only with --fix=suggested; "" when --fix makes it, or there is none
	Help               string    // the rule's page, relative to the tool's documentation: docs/rules/auth/missing.md
	Count              int       // how many places a rule that reports once stands for; 0 and 1 are the one
	Sets               []string  // the value sets in which it was found; empty when it is in all, or when there is one
	Suppressed         *Suppression
}

// SuppressionPrefix begins the annotations of a resource that suppress a rule; the rule follows, with a dot in place of the slash.
const SuppressionPrefix = "ignore.redis-gitops.io/"

// Fixable reports whether there is a fix, one that --fix makes or one that --fix=suggested makes.
func (f *Finding) Fixable() bool { return f.Fix != "" }

// Resource names a Kubernetes object.
type Resource struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`
}

// String returns Kind/name, which is what suppressions in the configuration are written with.
func (r *Resource) String() string {
	if r == nil {
		return ""
	}
	return r.Kind + "/" + r.Name
}

// Related is another place that has a part in a finding, with what it does there, such as "value set here".
type Related struct {
	Position
	Message string
}

// Suppression explains why a finding does not count.
type Suppression struct {
	Position        // of the comment, annotation, or entry of the configuration or baseline
	Kind     string // "comment", "annotation", "config" or "baseline"
	Reason   string
	Until    string // the last day, as 2027-01-31; "" is for ever
}

// SortFindings orders findings by file, line, column, rule, resource, path and message, so that every run prints the same.
func SortFindings(fs []*Finding) {
	slices.SortStableFunc(fs, CompareFindings)
}

// CompareFindings is the order of SortFindings.
func CompareFindings(a, b *Finding) int {
	return cmp.Or(
		cmp.Compare(a.File, b.File),
		cmp.Compare(a.Line, b.Line),
		cmp.Compare(a.Column, b.Column),
		cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(a.Resource.String(), b.Resource.String()),
		cmp.Compare(strings.Join(a.Path, "\x00"), strings.Join(b.Path, "\x00")),
		cmp.Compare(a.Message, b.Message),
	)
}
