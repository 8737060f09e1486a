package report

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/redact"
)

// widest is how many columns of a source line are shown.
const widest = 120

// line returns a line of a source file without its end.
func (v *view) line(at finding.Position) (string, bool) {
	if at.Line <= 0 || at.File == "" || v.run.Source == nil {
		return "", false
	}
	lines, ok := v.sources[at.File]
	if !ok {
		if data, found := v.run.Source(at.File); found {
			text := strings.TrimPrefix(string(data), "\ufeff")
			lines = strings.Split(text, "\n")
			for i := range lines {
				lines[i] = strings.TrimSuffix(lines[i], "\r")
			}
		}
		v.sources[at.File] = lines
	}
	if at.Line > len(lines) {
		return "", false
	}
	return lines[at.Line-1], true
}

// excerpt is a source line with a marker under it.
type excerpt struct {
	number string // the line's number, padded
	text   string
	marker string // spaces and carets; "" where the column is unknown
}

// excerptOf returns the line at a position, marked up to the end (0 is unknown). Columns count characters, from 1.
func (v *view) excerptOf(at finding.Position, endLine, endColumn int) (excerpt, bool) {
	line, ok := v.line(at)
	if !ok {
		return excerpt{}, false
	}
	e := excerpt{number: fmt.Sprintf("%5d", at.Line)}
	from, to := at.Column-1, at.Column
	chars, column := v.characters(at, line)
	switch {
	case endLine == at.Line && endColumn > at.Column:
		to = endColumn - 1
	case endLine > at.Line:
		to = len(characters(strings.TrimRight(line, " \t")))
	}
	if at.Column > 0 {
		from, to = column(from), max(column(from)+1, column(to))
	}
	from = min(from, len(chars))
	to = max(from+1, min(to, len(chars)))
	var text, marker strings.Builder
	columns, start := 0, 0
	if from > widest-20 {
		start = from - 20
		text.WriteString("…")
		marker.WriteString(" ")
		columns++
	}
	for i := start; i < len(chars); i++ {
		shown := printable(chars[i])
		if chars[i] == "\t" {
			shown = "    "
		}
		w := width(shown)
		if columns+w > widest {
			text.WriteString("…")
			break
		}
		columns += w
		text.WriteString(shown)
		switch {
		case i < from:
			marker.WriteString(strings.Repeat(" ", w))
		case i < to:
			marker.WriteString(strings.Repeat("^", w))
		}
	}
	if from >= len(chars) { // behind the end, where something is missing
		marker.WriteString("^")
	}
	e.text = strings.TrimRight(text.String(), " ")
	if at.Column > 0 {
		e.marker = strings.TrimRight(marker.String(), " ")
	}
	return e, true
}

// characters takes a line of the source apart, with one mask for each secret part, and gives the function that finds a column of the
// line, from 0, in that.
func (v *view) characters(at finding.Position, line string) ([]string, func(int) int) {
	line = strings.ReplaceAll(line, "##[", "##(") // as in printable, but of the same width
	var chars []string
	var columns []int // of each character of the line
	add := func(text string, masked bool) {
		for i, c := range characters(text) {
			if !masked || i == 0 {
				chars = append(chars, c)
			}
			if masked {
				chars[len(chars)-1] = redact.Mask
			}
			columns = append(columns, len(chars)-1)
		}
	}
	done := 0
	for _, s := range v.hide(at, line) {
		add(line[done:s.From], false)
		add(line[s.From:s.To], true)
		done = s.To
	}
	add(line[done:], false)
	return chars, func(i int) int {
		if i < 0 || i >= len(columns) {
			return len(chars) + max(0, i-len(columns))
		}
		return columns[i]
	}
}

// characters takes a line apart; a byte that is no UTF-8 stands for itself.
func characters(s string) []string { return strings.Split(s, "") }

// width is how many columns of a terminal a text takes.
func width(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me):
		case unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana) || r >= 0xff01 && r <= 0xff60 || r >= 0x1f300 && r <= 0x1faff:
			n += 2
		default:
			n++
		}
	}
	return n
}
