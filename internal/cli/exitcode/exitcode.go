// Package exitcode has the exit codes of the tool. Other tools rely on them.
package exitcode

import "fmt"

// A Code is an error that ends a command with an exit code when everything has been reported.
type Code int

// The exit codes of commands, apart from those that cli passes on.
const (
	OK       = 0 // nothing found, or done
	Findings = 1 // a check said no
	Error    = 2 // bad usage, or could not run
)

// Error implements error.
func (c Code) Error() string { return fmt.Sprintf("exit code %d", int(c)) }
