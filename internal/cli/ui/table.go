package ui

import (
	"fmt"
	"text/tabwriter"
)

// A Table writes rows whose cells stand below each other.
type Table struct {
	*tabwriter.Writer
	ui *UI
}

// Table returns one on standard output, with the flags of a [tabwriter.Writer].
func (u *UI) Table(flags uint) *Table {
	return &Table{tabwriter.NewWriter(u.Out, 0, 0, 2, ' ', flags), u}
}

// Row writes cells by a format of ours; what is in the arguments stays in its cell.
func (t *Table) Row(format string, args ...any) {
	_, _ = fmt.Fprint(t.Writer, t.ui.Sprintf(format+"\n", args...))
}
