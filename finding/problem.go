// Package finding says what a finding is and where it is.
//
// It is a leaf: every other package may use it, and it uses none of them.
package finding

import (
	"errors"
	"fmt"
	"sort"
	"strings"
)

// Severity ranks a finding. The zero value is [Error], so that a finding nobody graded is never waved through.
type Severity int

// The severities, worst first.
const (
	Error Severity = iota
	Warning
	Info
)

// String returns the word that reports and the configuration use.
func (s Severity) String() string {
	switch s {
	case Error:
		return "error"
	case Warning:
		return "warning"
	case Info:
		return "info"
	}
	return fmt.Sprintf("severity(%d)", int(s))
}

// MarshalText makes the word appear in JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the word back.
func (s *Severity) UnmarshalText(text []byte) error {
	for _, c := range []Severity{Error, Warning, Info} {
		if string(text) == c.String() {
			*s = c
			return nil
		}
	}
	return fmt.Errorf("unknown severity %q; one of \"error\", \"warning\", \"info\"", text)
}

// Position is a place in a file of the repository. Line and Column are 1-based; 0 means unknown.
type Position struct {
	File   string // relative to the repository, with "/"
	Line   int
	Column int
}

// String returns file:line:col, leaving out what is unknown.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Code names a kind of problem. Code decides by it, never by the text of a message; the package that reports a problem
// defines its codes, and "" is a kind that nothing depends on.
type Code string

// Problem is one thing that is wrong, where it is, and what to do about it. It is an error.
//
// Message is lower case, has no full stop, quotes values, and says what is wrong and then, after a semicolon, what to
// do: `"100MB" is not a Mi or Gi quantity; write 100Mi`.
type Problem struct {
	Position
	Path    string // the path of the value inside the file, such as resources.redis.memory; may be empty
	Message string

	Fault string // what Message says before the flags of the command line, where it names some; else ""

	Suggestion string // a value to use in place of the one that is wrong; "" when none is known

	Code    Code
	Subject string     // what Code is about, such as the key that is set twice; "" for most
	Values  [][]string // the paths in .Values that it depends on, of a template that fails
	Other   Position   // that Code is about too, such as that of the first of two equal keys
	Related []Related  // the way from what was rendered to Position
}

// Error returns `file:line:col: path: message`.
func (p *Problem) Error() string {
	var b strings.Builder
	if at := p.Position.String(); at != "" {
		b.WriteString(at + ": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// Problems is several problems found at once. It is an error that prints one problem a line.
type Problems []*Problem

// Error returns the problems in the order of their positions, one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Sort orders the problems by file, line, column and message, so that every run prints the same bytes.
func (ps Problems) Sort() {
	sort.SliceStable(ps, func(i, j int) bool {
		a, b := ps[i], ps[j]
		if a.File != b.File {
			return a.File < b.File
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		if a.Column != b.Column {
			return a.Column < b.Column
		}
		return a.Error() < b.Error()
	})
}

// Err returns nil for no problems, so that a caller can return it as an error.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	ps.Sort()
	return ps
}

// Errorf makes a problem at a position.
func Errorf(at Position, path, format string, args ...any) *Problem {
	return &Problem{Position: at, Path: path, Message: fmt.Sprintf(format, args...)}
}

// Flags adds what to do on the command line, with what separates it from the fault. Others, such as the page, have their own words.
func (p *Problem) Flags(format string, args ...any) *Problem {
	p.Fault = p.Message
	p.Message += fmt.Sprintf(format, args...)
	return p
}

// About says what kind of problem it is, and what of.
func (p *Problem) About(code Code, subject string) *Problem {
	p.Code, p.Subject = code, subject
	return p
}

// Same reports whether two problems are equal in what a user sees of them.
func (p *Problem) Same(other *Problem) bool {
	return p.Code == other.Code && p.Position == other.Position && p.Path == other.Path && p.Message == other.Message
}

// WithCode returns the problem with another code, for a caller to whom it is of another kind.
func (p *Problem) WithCode(code Code) *Problem {
	other := *p
	other.Code = code
	return &other
}

// Joined returns the errors that [errors.Join] has joined, whose text is a line for each; nil for any other error.
func Joined(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	var texts []string
	for _, each := range joined.Unwrap() {
		texts = append(texts, each.Error())
	}
	if strings.Join(texts, "\n") != err.Error() {
		return nil
	}
	return joined.Unwrap()
}

// All takes err apart into its problems; an error that is none of ours becomes a problem without a position.
func All(err error) Problems {
	if err == nil {
		return nil
	}
	if each := Joined(err); each != nil {
		var all Problems
		for _, err := range each {
			all = append(all, All(err)...)
		}
		return all
	}
	var ps Problems
	if errors.As(err, &ps) {
		return ps
	}
	var p *Problem
	if errors.As(err, &p) {
		return Problems{p}
	}
	return Problems{{Message: err.Error()}}
}
