package render

import "reflect"

// errDeep stops a template whose values would overflow the stack of whoever prints them.
const errDeep = errStopped("stopped: list or mapping is too large, too deep or contains itself")

// holds refuses a value that is put into a list or mapping when it is too large, when it holds what it is put into, or when the
// two together are nested too deep: printing such a value would not end, or overflow the stack, which nothing can recover from.
func (e *engine) holds(v any, into map[string]any) error {
	left, level := maxParts, int32(0)
	var forbidden uintptr
	if into != nil {
		forbidden = reflect.ValueOf(into).Pointer()
		level = e.levels[forbidden] + 1
	}
	if !e.measure(v, level, &left, forbidden) {
		return errDeep
	}
	return nil
}

// measure walks a value and notes how deep its mappings are nested: set may put something into them later.
func (e *engine) measure(v any, level int32, left *int, forbidden uintptr) bool {
	if *left--; *left < 0 || level > maxNesting {
		return false
	}
	switch v := v.(type) {
	case nil, string, bool, float64, int, int64:
	case map[string]any:
		at := reflect.ValueOf(v).Pointer()
		if forbidden != 0 && at == forbidden {
			return false
		}
		if e.levels[at] < level {
			e.levels[at] = level
		}
		for _, c := range v {
			switch c.(type) {
			case string, bool, float64, nil, int, int64:
				*left--
				continue
			}
			if !e.measure(c, level+1, left, forbidden) {
				return false
			}
		}
	case []any:
		for _, c := range v {
			if !e.measure(c, level+1, left, forbidden) {
				return false
			}
		}
	case [][]any: // of chunk
		for _, c := range v {
			if !e.measure(c, level+1, left, forbidden) {
				return false
			}
		}
	}
	return *left >= 0
}

// deepTOML reports that a text nests lists, tables or keys too deep for its parser, which has no limit. Strings and comments do not
// count.
func deepTOML(s string) bool {
	depth, dots := 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '#':
			for i+1 < len(s) && s[i+1] != '\n' {
				i++
			}
		case '"', '\'':
			i = endOfTOMLString(s, i)
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(depth-1, 0)
		case '.':
			dots++
		case '\n', '=', ',':
			dots = 0
		}
		if depth > maxNesting || dots > maxNesting {
			return true
		}
	}
	return false
}

// endOfTOMLString returns the offset of the last byte of the string that begins at i.
func endOfTOMLString(s string, i int) int {
	quote, long := s[i], len(s) >= i+3 && s[i+1] == s[i] && s[i+2] == s[i]
	if long {
		i += 2
	}
	for i++; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quote == '"':
			i++
		case s[i] == '\n' && !long:
			return i // not a string: its line is broken
		case s[i] == quote && !long, s[i] == quote && len(s) >= i+3 && s[i+1] == quote && s[i+2] == quote:
			if long {
				i += 2
			}
			return i
		}
	}
	return i
}
