package report

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/redis-gitops/redis-gitops/redact"
)

func printable(s string) string { return redact.Printable(s) }

func hidden(r rune) bool { return redact.Hidden(r) }

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

// fileName returns a path that cannot be read as an order to GitHub's runner at the start of a line, such as ::error::x.yaml.
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
