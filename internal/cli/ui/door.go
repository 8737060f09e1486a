package ui

import (
	"io"
	"strings"

	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/redact"
)

// A door is the only way to standard output and standard error. Formats are ours and go through as they are; arguments of formats, and
// everything that is written to it as a stream, may be somebody else's: secret values are masked, and control characters and
// commands of CI systems are escaped. Only data that was asked for as such, a dump or what redis-cli prints, passes by [UI.Raw].
type door struct {
	w       io.Writer
	secrets *redact.Secrets
	colored *bool // whether colors go through
	err     error // of the first write that failed: half of a patch must not look like a whole one
	data    rawDoor
}

func newDoor(w io.Writer, secrets *redact.Secrets, colored *bool) *door {
	d := &door{w: w, secrets: secrets, colored: colored}
	d.data.door = d
	return d
}

// sgr is a color of ours.
var sgr = lazyregexp.New(`\x1b\[(?:0|1|2|31|32|33|36)m`)

// Write takes text of any origin. Lines and tabs stay, and colors where there are any.
func (d *door) Write(p []byte) (int, error) {
	text := d.secrets.Text(string(p))
	if *d.colored && strings.Contains(text, "\x1b") {
		var b strings.Builder
		at := 0
		for _, m := range sgr.FindAllStringIndex(text, -1) {
			b.WriteString(redact.Lines(text[at:m[0]]) + text[m[0]:m[1]])
			at = m[1]
		}
		text = b.String() + redact.Lines(text[at:])
	} else {
		text = redact.Lines(text)
	}
	if _, err := d.data.Write([]byte(text)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// rawDoor writes as it is.
type rawDoor struct{ door *door }

func (r *rawDoor) Write(p []byte) (int, error) {
	n, err := r.door.w.Write(p)
	if err != nil && r.door.err == nil {
		r.door.err = err
	}
	return n, err
}
