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
		end := strings.IndexByte(line[at+1:], q)
		if end < 0 {
			return "", 0, false
		}
		after := at + 1 + end + 1
		colon := after
		for colon < len(line) && line[colon] == ' ' {
			colon++
		}
		if colon < len(line) && line[colon] == ':' {
			return line[at+1 : at+1+end], colon + 1, true
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
	quote := byte(0)
	for i := from; i < to; i++ {
		c := line[i]
		switch {
		case quote == '"' && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case (c == '"' || c == '\'') && (i == from || strings.IndexByte(" \t[{,:", line[i-1]) >= 0):
			quote = c
		case c == '#' && i > from && (line[i-1] == ' ' || line[i-1] == '\t'):
			_, end := trim(line, from, i)
			return end
		}
	}
	return to
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
		if s, err := strconv.Unquote(text); err == nil {
			return s
		}
		return text[1 : len(text)-1]
	case q == '"' || q == '\'': // goes on in the next line
		return text[1:]
	}
	if last := text[len(text)-1]; last == '"' || last == '\'' {
		return text[:len(text)-1]
	}
	return text
}
