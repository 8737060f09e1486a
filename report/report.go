// Package report writes findings in a format.
//
// One file holds one format and registers it. No format writes text of the repository as it stands: control
// characters, markup and workflow commands are escaped, and values that may be secret are masked.
package report

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/redact"
)

// Run is what one run of the linter found.
type Run struct {
	Tool     string // the command's name; "" is redis-gitops
	Version  string
	Docs     string                      // the address that the help of rules and findings is relative to, ending in "/"; "" is [finding.Docs]
	Findings []*finding.Finding          // the suppressed ones included
	Rules    map[string]finding.RuleInfo // by name; findings of a rule that is missing here are reported all the same
	Files    int                         // files that were looked at
	// Resources is how many rendered or plain Kubernetes objects were looked at.
	Resources int
	Notices   []*finding.Problem // what was not looked at, and why
	Stats     *Stats             // nil leaves statistics out; their times differ from run to run
	// Source gives a file of the repository for excerpts; nil leaves excerpts out.
	Source func(file string) ([]byte, bool)
	// Patch returns the change that the fix of a finding is, in the unified format, and the file that it changes; "" is none that can be
	// shown. nil leaves patches out.
	Patch func(f *finding.Finding) (file, patch string)
	// Secrets are the secret values of the repository, which no format shows. What is secret in files that findings are about is
	// masked in any case.
	Secrets *redact.Secrets
	Foreign bool // all messages carry text that is not ours
}

// Stats is what --stats prints.
type Stats struct {
	Run     int // rules that were evaluated
	Passed  int // of those, without a finding
	Skipped []Skip
	Phases  []Phase
}

// Skip is a rule that was not evaluated.
type Skip struct {
	Rule   string `json:"rule"`
	Reason string `json:"reason"`
}

// Phase is a part of the work and how long it took.
type Phase struct {
	Name     string
	Duration time.Duration
}

// Summary counts. Suppressed findings are in Suppressed alone.
type Summary struct {
	Files      int `json:"files"`
	Resources  int `json:"resources"`
	Errors     int `json:"errors"`
	Warnings   int `json:"warnings"`
	Infos      int `json:"infos"`
	Suppressed int `json:"suppressed"`
}

// Summary counts the findings.
func (r *Run) Summary() Summary {
	s := Summary{Files: r.Files, Resources: r.Resources}
	for _, f := range r.Findings {
		switch {
		case f.Suppressed != nil:
			s.Suppressed++
		case f.Severity == finding.Error:
			s.Errors++
		case f.Severity == finding.Warning:
			s.Warnings++
		default:
			s.Infos++
		}
	}
	return s
}

// Findings is how many findings count.
func (s Summary) Findings() int { return s.Errors + s.Warnings + s.Infos }

// String returns `2 errors, 1 warning in 12 files and 5 resources, 1 suppressed`.
func (s Summary) String() string {
	found := "no findings"
	if s.Findings() > 0 {
		found = s.found()
	}
	text := fmt.Sprintf("%s in %s and %s", found, number(s.Files, "file"), number(s.Resources, "resource"))
	if s.Suppressed > 0 {
		text += fmt.Sprintf(", %d suppressed", s.Suppressed)
	}
	return text
}

// found returns the counts that are not 0.
func (s Summary) found() string {
	var parts []string
	for _, c := range []struct {
		n    int
		noun string
	}{{s.Errors, "error"}, {s.Warnings, "warning"}, {s.Infos, "info"}} {
		if c.n > 0 {
			parts = append(parts, number(c.n, c.noun))
		}
	}
	return strings.Join(parts, ", ")
}

func number(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Options describes how a report looks.
type Options struct {
	Color      bool // text: SGR colours. Whether the reader can see them, and wants to, is for the caller to know.
	Suppressed bool // text, compact: suppressed findings too, with their reasons
}

// Format is one way to write findings.
type Format struct {
	Name  string
	Media string // media type (IANA), such as text/plain
	Title string // what it is for, in half a sentence
	write func(*bytes.Buffer, *view)
}

// formats are the formats by name: the file of each registers it.
var formats = map[string]Format{}

// register adds a format. The title, half a sentence, follows its name in the documentation; tests read the report as its media type.
func register(name, media, title string, write func(*bytes.Buffer, *view)) {
	if _, ok := formats[name]; ok {
		panic("two files register the format " + name)
	}
	formats[name] = Format{name, media, title, write}
}

// Formats lists the formats in the order of the help text: the default one, then the others by name.
func Formats() []Format {
	all := slices.Collect(maps.Values(formats))
	slices.SortFunc(all, func(a, b Format) int {
		switch {
		case a.Name == "text":
			return -1
		case b.Name == "text":
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all
}

// Check returns an error that lists the formats if there is none of that name.
func Check(format string) error {
	_, err := find(format)
	return err
}

func find(format string) (Format, error) {
	if f, ok := formats[format]; ok {
		return f, nil
	}
	var names []string
	for _, f := range Formats() {
		names = append(names, f.Name)
	}
	return Format{}, fmt.Errorf("unknown format %q; %s%s", format, finding.OneOf(names), finding.DidYouMean(format, names))
}

// Write writes the run in a format. Its errors are those of w, and an unknown format.
func Write(w io.Writer, format string, run *Run, opts Options) error {
	f, err := find(format)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	f.write(&b, newView(run, opts))
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("cannot write the %s report: %w", format, err)
	}
	return nil
}

// view is a run made ready: findings sorted and without secrets, sources split into lines.
type view struct {
	run     *Run
	opts    Options
	tool    string
	docs    string
	summary Summary
	all     []*finding.Finding
	notices []*finding.Problem
	sources map[string][]string
	secrets *redact.Secrets
	of      map[*finding.Finding]*finding.Finding // what the finding of the run is, by that of all
}

func newView(run *Run, opts Options) *view {
	v := &view{
		run: run, opts: opts, tool: run.Tool, docs: run.Docs, summary: run.Summary(),
		sources: make(map[string][]string), secrets: run.Secrets, of: make(map[*finding.Finding]*finding.Finding),
	}
	if v.secrets == nil {
		v.secrets = &redact.Secrets{}
	}
	if v.tool == "" {
		v.tool = "redis-gitops"
	}
	if v.docs == "" {
		v.docs = finding.Docs
	}
	for _, f := range run.Findings { // all files first, so that what is in one is masked in findings about others
		v.file(f.File)
		for _, r := range f.Related {
			v.file(r.File)
		}
	}
	for _, f := range run.Findings {
		clean := v.clean(f)
		v.all, v.of[clean] = append(v.all, clean), f
	}
	finding.SortFindings(v.all)
	for _, n := range run.Notices {
		v.notices = append(v.notices, &finding.Problem{Position: n.Position, Path: n.Path, Message: v.secrets.Foreign(n.Message)})
	}
	return v
}

// active returns the findings that are not suppressed.
func (v *view) active() []*finding.Finding {
	return slices.DeleteFunc(slices.Clone(v.all), func(f *finding.Finding) bool { return f.Suppressed != nil })
}

// worst returns fs with the worst first, and in their order among equals.
func worst(fs []*finding.Finding) []*finding.Finding {
	fs = slices.Clone(fs)
	slices.SortStableFunc(fs, func(a, b *finding.Finding) int { return int(a.Severity) - int(b.Severity) })
	return fs
}

// byFile groups sorted findings.
func byFile(fs []*finding.Finding) [][]*finding.Finding {
	var groups [][]*finding.Finding
	for i, f := range fs {
		if i == 0 || f.File != fs[i-1].File {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], f)
	}
	return groups
}

// rule returns what is known of a rule.
func (v *view) rule(name string) finding.RuleInfo {
	r := v.run.Rules[name]
	if r.Category == "" {
		r.Category, _, _ = strings.Cut(name, "/")
	}
	if r.Title == "" {
		r.Title = name
	}
	return r
}

// page returns the web address of a finding's help, or "".
func (v *view) page(f *finding.Finding) string {
	help := f.Help
	if r, known := v.run.Rules[f.Rule]; known && help == "" {
		r.Name = f.Rule
		help = r.HelpPage()
	}
	return finding.HelpURL(v.docs, help)
}

// sentence is the message with what Count and Sets add to it.
func sentence(f *finding.Finding) string {
	text := f.Message
	if f.Count > 1 {
		text += fmt.Sprintf(" (%d locations)", f.Count)
	}
	if len(f.Sets) > 0 {
		text += " (with values from " + strings.Join(f.Sets, ", ") + ")"
	}
	return text
}
