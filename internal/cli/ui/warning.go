package ui

import (
	"fmt"
	"io"
)

// Warnf prints a warning to standard error.
func (u *UI) Warnf(format string, args ...any) {
	u.PrintErrf("%s %s\n", u.Paint(Yellow, "warning:"), fmt.Sprintf(format, args...))
}

// Patch writes a patch or a conflict, and says when it is not as git would have it.
func (u *UI) Patch(w io.Writer, diff string) {
	text, changed := u.Secrets.Patch(diff)
	_, _ = io.WriteString(u.Raw(w), u.paintDiff(text))
	for _, file := range changed {
		u.PrintErrf("%s %s: the patch masks secret values or control characters, so git apply rejects it; run the command without --dry-run or --diff to write the file\n", u.Paint(Yellow, "note:"), file)
	}
}
