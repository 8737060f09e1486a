package ui

import (
	"fmt"
	"os"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/redact"
)

// The SGR codes of the colors in use.
const (
	Red    = "31"
	Green  = "32"
	Yellow = "33"
	Cyan   = "36"
)

// ColorModes are the values of --color.
var ColorModes = []string{"auto", "always", "never"}

// SetColor applies --color: auto is for a terminal that is not dumb and whose user has not set NO_COLOR (no-color.org).
func (u *UI) SetColor() error {
	switch u.Color {
	case "always":
		u.colored = true
	case "never":
		u.colored = false
	case "auto":
		u.colored = u.Terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	default:
		return fmt.Errorf("unknown value %q of --color; %s%s", u.Color, finding.OneOf(ColorModes), finding.DidYouMean(u.Color, ColorModes))
	}
	return nil
}

// Colored reports whether colors are printed.
func (u *UI) Colored() bool { return u.colored }

// Paint returns a printable text in a color.
func (u *UI) Paint(code, text string) Trusted {
	text = redact.Printable(text)
	if !u.colored || text == "" {
		return Trusted(text)
	}
	return Trusted(colored(code, text))
}

func colored(code, text string) string { return "\x1b[" + code + "m" + text + "\x1b[0m" }

// paintDiff colors the lines of a patch.
func (u *UI) paintDiff(diff string) string {
	if !u.colored {
		return diff
	}
	var b strings.Builder
	for line := range strings.Lines(diff) {
		text, end := strings.TrimSuffix(line, "\n"), ""
		if text != line {
			end = "\n"
		}
		switch {
		case strings.HasPrefix(text, "+++"), strings.HasPrefix(text, "---"), strings.HasPrefix(text, "diff "):
		case strings.HasPrefix(text, "+"):
			text = colored(Green, text)
		case strings.HasPrefix(text, "-"):
			text = colored(Red, text)
		case strings.HasPrefix(text, "@@"):
			text = colored(Cyan, text)
		}
		b.WriteString(text + end)
	}
	return b.String()
}
