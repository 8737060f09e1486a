package render

import (
	"strings"
	"unicode/utf8"

	"github.com/redis-gitops/redis-gitops/finding"
)

// source is a file of templates.
type source struct {
	name   string // as Helm calls it: chart/templates/file
	file   string // in the repository
	text   string
	starts []int // offsets of the lines
	chart  *chart
	facts  *facts
	loops  int32 // number of the first of its ranges among those of all sources
}

// newSource finds the lines of a text.
func newSource(name, file, text string) *source {
	s := &source{name: name, file: file, text: text, starts: make([]int, 1, strings.Count(text, "\n")+2)}
	for i := 0; ; {
		n := strings.IndexByte(text[i:], '\n')
		if n < 0 {
			return s
		}
		i += n + 1
		s.starts = append(s.starts, i)
	}
}

// line returns the number, from 1, of the line that has an offset.
func (s *source) line(offset int) int {
	low, high := 0, len(s.starts)
	for high-low > 1 {
		if mid := (low + high) / 2; s.starts[mid] <= offset {
			low = mid
		} else {
			high = mid
		}
	}
	return low + 1
}

// lineText returns a line without its end.
func (s *source) lineText(line int) string {
	if line < 1 || line > len(s.starts) {
		return ""
	}
	text := s.text[s.starts[line-1]:]
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		text = text[:i]
	}
	return strings.TrimSuffix(text, "\r")
}

type pieceKind uint8

// position returns the place of an offset in a file of templates. The parser gives a chain of fields the place of its second
// one; this gives that of the first.
func (s *source) position(offset int) finding.Position {
	for offset > 0 && offset < len(s.text) && s.text[offset] == '.' && isNameByte(s.text[offset-1]) {
		for offset--; offset > 0 && s.text[offset] != '.' && isNameByte(s.text[offset-1]); offset-- {
		}
		if offset > 0 && (s.text[offset-1] == '.' || s.text[offset-1] == '$') {
			offset--
		}
	}
	line := s.line(offset)
	return finding.Position{File: s.file, Line: line, Column: utf8.RuneCountInString(s.text[s.starts[line-1]:offset]) + 1}
}

func isNameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80 || c == '$'
}
