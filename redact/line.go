package redact

import (
	"strconv"
	"strings"
)

// splitKey parts a line behind the colon of the key at a place of it.
func splitKey(line string, at int) (key string, value int, ok bool) {
	if at >= len(line) {
		return "", 0, false
	}
	if q := line[at]; q == '"' || q == '\'' {
		after := quotedEnd(line, at)
		if after < 0 {
			return "", 0, false
		}
		colon := after
		for colon < len(line) && line[colon] == ' ' {
			colon++
		}
		if colon < len(line) && line[colon] == ':' {
			return unquote(line[at:after]), colon + 1, true
		}
		return "", 0, false
	}
	if strings.IndexByte("{[|>*&#%@`", line[at]) >= 0 {
		return "", 0, false
	}
	for i := at; i < len(line); i++ {
		if line[i] == ':' && (i+1 == len(line) || line[i+1] == ' ' || line[i+1] == '\t') {
			return strings.TrimSpace(line[at:i]), i + 1, true
		}
		if line[i] == ' ' && i+1 < len(line) && line[i+1] == '#' {
			break
		}
	}
	return "", 0, false
}

// comment returns where the comment behind a value begins, or to.
func comment(line string, from, to int) int {
	for i := from; i < to; i++ {
		c := line[i]
		switch {
		case (c == '"' || c == '\'') && (i == from || strings.IndexByte(" \t[{,:", line[i-1]) >= 0):
			end := quotedEnd(line[:to], i)
			if end < 0 {
				return to
			}
			i = end - 1
		case c == '#' && i > from && (line[i-1] == ' ' || line[i-1] == '\t'):
			_, end := trim(line, from, i)
			return end
		}
	}
	return to
}

// quotedEnd returns the place behind the scalar in quotes that begins at a place, or -1 if it goes on in the next line.
func quotedEnd(line string, at int) int {
	q := line[at]
	for i := at + 1; i < len(line); i++ {
		switch {
		case q == '"' && line[i] == '\\', q == '\'' && strings.HasPrefix(line[i:], "''"):
			i++
		case line[i] == q:
			return i + 1
		}
	}
	return -1
}

func trim(line string, from, to int) (int, int) {
	for from < to && (line[from] == ' ' || line[from] == '\t') {
		from++
	}
	for to > from && (line[to-1] == ' ' || line[to-1] == '\t' || line[to-1] == '\r') {
		to--
	}
	return from, to
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

// unquote returns the text of a scalar as YAML reads it, as far as one line says.
func unquote(text string) string {
	if len(text) < 2 {
		return text
	}
	switch q := text[0]; {
	case q == '\'' && text[len(text)-1] == '\'':
		return strings.ReplaceAll(text[1:len(text)-1], "''", "'")
	case q == '"' && text[len(text)-1] == '"':
		return unescapeQuoted(text[1 : len(text)-1])
	case q == '"' || q == '\'': // goes on in the next line
		return text[1:]
	}
	if last := text[len(text)-1]; last == '"' || last == '\'' {
		return text[:len(text)-1]
	}
	return text
}

// escapes are the characters behind a backslash in double quotes of YAML; others stand for themselves.
var escapes = map[byte]string{
	'0': "\x00", 'a': "\a", 'b': "\b", 't': "\t", 'n': "\n", 'v': "\v", 'f': "\f", 'r': "\r", 'e': "\x1b",
	'N': "\u0085", '_': "\u00a0", 'L': "\u2028", 'P': "\u2029",
}

// unescapeQuoted returns the text between double quotes as YAML reads it.
func unescapeQuoted(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[text[i]]
		if digits > 0 && i+digits < len(text) {
			if r, err := strconv.ParseUint(text[i+1:i+1+digits], 16, 32); err == nil {
				b.WriteRune(rune(r))
				i += digits
				continue
			}
		}
		if plain, ok := escapes[text[i]]; ok {
			b.WriteString(plain)
		} else {
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

// escaped returns what YAML reads of a scalar in quotes, and whether that is written in another way.
func escaped(text string) (string, bool) {
	if len(text) < 2 || text[0] != '"' && text[0] != '\'' || quotedEnd(text, 0) != len(text) {
		return "", false
	}
	plain := unquote(text)
	return plain, plain != text[1:len(text)-1]
}
