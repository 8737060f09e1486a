package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/redact"
)

// The SGR codes of the colours in use.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

var colorModes = []string{"auto", "always", "never"}

// setColor settles --color: auto is for a terminal whose user has not set NO_COLOR (no-color.org).
func (a *app) setColor() error {
	switch a.color {
	case "always":
		a.colored = true
	case "never":
		a.colored = false
	case "auto":
		a.colored = a.terminal && os.Getenv("NO_COLOR") == ""
	default:
		return fmt.Errorf("unknown value %q of --color; %s%s", a.color, finding.OneOf(colorModes), finding.DidYouMean(a.color, colorModes))
	}
	return nil
}

func (a *app) paint(code, text string) trusted {
	text = redact.Printable(text)
	if !a.colored || text == "" {
		return trusted(text)
	}
	return trusted(colored(code, text))
}

func colored(code, text string) string { return "\x1b[" + code + "m" + text + "\x1b[0m" }

// paintDiff colours the lines of a patch.
func (a *app) paintDiff(diff string) string {
	if !a.colored {
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
			text = colored(green, text)
		case strings.HasPrefix(text, "-"):
			text = colored(red, text)
		case strings.HasPrefix(text, "@@"):
			text = colored(cyan, text)
		}
		b.WriteString(text + end)
	}
	return b.String()
}
