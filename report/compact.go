package report

import (
	"bytes"
	"fmt"
)

func init() {
	register("compact", "text/plain", "one finding per line, for editors and scripts: file:line:column: severity: message [rule]", writeCompact)
}

func writeCompact(b *bytes.Buffer, v *view) {
	for _, f := range v.all {
		suffix := ""
		if f.Suppressed != nil {
			if !v.opts.Suppressed {
				continue
			}
			suffix = " (suppressed " + printable(suppression(f.Suppressed)) + ")"
		}
		// An editor's pattern wants all three numbers.
		fmt.Fprintf(b, "%s:%d:%d: %s: %s [%s]%s\n", fileName(f.File), max(f.Line, 1), max(f.Column, 1), f.Severity, printable(sentence(f)), printable(f.Rule), suffix)
	}
}
