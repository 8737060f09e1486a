// Package ui is what a person or program sees of a command: text in colors, tables, JSON, questions and progress. Whatever it prints
// is escaped, and secrets in it are masked.
package ui

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"golang.org/x/term"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/redact"
)

// UI has the streams of a command.
type UI struct {
	In       io.Reader
	Out, Err io.Writer
	Terminal bool            // a person is at both ends
	Secrets  *redact.Secrets // that nothing may print

	Color          string // auto, always or never
	Quiet, Verbose bool

	colored bool          // what Color comes to
	door    *door         // to standard output
	lines   *bufio.Reader // of In, once somebody was asked
}

// New returns the streams of the process.
func New() *UI {
	return &UI{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Terminal: term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd())),
		Secrets:  &redact.Secrets{},
	}
}

// Guard has everything that is written from now on escaped.
func (u *UI) Guard() {
	u.door = newDoor(u.Out, u.Secrets, &u.colored)
	u.Out, u.Err = u.door, newDoor(u.Err, u.Secrets, &u.colored)
}

// WriteError returns the first error of writing to standard output: half of a patch must not look like a whole one.
func (u *UI) WriteError() error { return u.door.err }

// Raw returns the stream behind a door, for data and for what has been made harmless: reports, and control of the cursor.
func (u *UI) Raw(w io.Writer) io.Writer {
	if d, ok := w.(*door); ok {
		return &d.data
	}
	return w
}

// Trusted is text that was written here, or made printable: an argument of a format that is not escaped.
type Trusted string

// Block makes a text of ours of several lines printable, in which names and values may be somebody else's.
func (u *UI) Block(text string) Trusted { return Trusted(redact.Lines(u.Secrets.Text(text))) }

// clearLine puts the cursor at the beginning of its line, which is then empty.
const clearLine Trusted = "\r\x1b[K"

// Printf prints to standard output. Arguments that are text or errors are made printable, and secrets in them masked.
func (u *UI) Printf(format string, args ...any) { u.Fprintf(u.Out, format, args...) }

// PrintErrf is [UI.Printf] to standard error.
func (u *UI) PrintErrf(format string, args ...any) { u.Fprintf(u.Err, format, args...) }

// PrintErrOwn prints text of ours to standard error without asking what is secret, which may take long: no name or value of anybody else may
// be in it.
func (u *UI) PrintErrOwn(text Trusted) { _, _ = io.WriteString(u.Raw(u.Err), string(text)) }

// Infof prints a line for people, unless --quiet is given.
func (u *UI) Infof(format string, args ...any) {
	if !u.Quiet {
		u.Printf(format+"\n", args...)
	}
}

// Debugf prints a line to standard error for people who gave --verbose.
func (u *UI) Debugf(format string, args ...any) {
	if u.Verbose {
		u.PrintErrf(format+"\n", args...)
	}
}

// Step prints a step of something that takes a while to standard error.
func (u *UI) Step(text string) {
	if !u.Quiet {
		u.PrintErrf("%s\n", text)
	}
}

// Fprintf is [UI.Printf] to one of the streams.
func (u *UI) Fprintf(w io.Writer, format string, args ...any) {
	text := redact.Inert(u.Secrets.Text(u.Sprintf(format, args...))) // values that an argument is a part of too
	_, _ = io.WriteString(u.Raw(w), text)                            // the door remembers what fails
}

// Sprintf returns what [UI.Printf] prints.
func (u *UI) Sprintf(format string, args ...any) string {
	clean := make([]any, len(args))
	for i, arg := range args {
		clean[i] = u.printable(arg)
	}
	return fmt.Sprintf(format, clean...)
}

func (u *UI) printable(arg any) any {
	switch arg := arg.(type) {
	case Trusted:
		return string(arg)
	case error:
		return strings.Join(u.sentences(arg), "\n")
	case fmt.Stringer:
		return foreign(u.Secrets.Text(arg.String()))
	case []byte:
		return foreign(u.Secrets.Text(string(arg)))
	case []string:
		out := make([]foreign, len(arg))
		for i, s := range arg {
			out[i] = foreign(u.Secrets.Text(s))
		}
		return out
	}
	if v := reflect.ValueOf(arg); v.Kind() == reflect.String {
		return foreign(u.Secrets.Text(v.String()))
	}
	return arg
}

// foreign is text of any origin as an argument: escaped once, by %q in its way.
type foreign string

// Format implements [fmt.Formatter].
func (s foreign) Format(f fmt.State, verb rune) {
	text := string(s)
	if verb != 'q' {
		text, verb = redact.Printable(text), 's'
	}
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), text)
}

// sentences returns the lines of an error: one for each error that was joined to it.
func (u *UI) sentences(err error) []string {
	if all, ok := err.(finding.Problems); ok {
		var out []string
		for _, p := range all {
			out = append(out, u.sentences(p)...)
		}
		return out
	}
	if joined := finding.Joined(err); joined != nil {
		var out []string
		for _, each := range joined {
			out = append(out, u.sentences(each)...)
		}
		return out
	}
	// Lines that are indented are a list of ours; no CI system takes them for commands once the door has looked at them.
	lines := strings.Split(u.Secrets.Foreign(err.Error()), "\n  ")
	for i := range lines {
		lines[i] = redact.Printable(lines[i])
	}
	return []string{strings.Join(lines, "\n  ")}
}
