package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable escapes what a terminal, a log or a reviewer must not be given: control characters, line ends, invisible
// format characters (which can reverse what is read) and bytes that are no UTF-8. It gives one line.
func printable(s string) string {
	// GitHub's runner takes ##[command] for an order wherever it stands in a line of the log.
	s = strings.ReplaceAll(s, "##[", `##\x5b`)
	clean := true
	for _, r := range s {
		if hidden(r) || r == utf8.RuneError {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case hidden(r) && r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case hidden(r) && r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		case hidden(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

// hidden is true for control and format characters, the separators of lines and paragraphs, private use and noncharacters.
func hidden(r rune) bool {
	return unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) || r&0xfffe == 0xfffe || r >= 0xfdd0 && r <= 0xfdef
}

// cut shortens s to at most n bytes and never inside a character.
func cut(s string, n int) string {
	const more = "…"
	if len(s) <= n {
		return s
	}
	n -= len(more)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:max(n, 0)] + more
}

// fileName gives a path that cannot be read as an order to GitHub's runner at the start of a line, such as ::error::x.yaml.
func fileName(file string) string {
	if file == "" {
		return "." // the repository as a whole
	}
	file = printable(file)
	if r, _ := utf8.DecodeRuneInString(file); !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-%", r) {
		return "./" + file
	}
	return file
}
