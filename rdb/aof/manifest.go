package aof

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Manifest says which files an append-only file consists of (since Redis 7.0; redis src/aof.c, aofLoadManifestFromFile).
type Manifest struct {
	Base    string   // "" where there is none
	Incr    []string // commands, in order
	History []string // not needed any more: a server removes them
}

// Bounds of a manifest: that of a line is Redis's (MANIFEST_MAX_LINE).
const (
	maxManifestLine = 1024
	// MaxManifest is the largest size of a manifest in bytes.
	MaxManifest = 1 << 20
)

// ManifestSuffix ends the name of a manifest.
const ManifestSuffix = ".manifest"

// Files returns the files that hold data, in the order in which a server loads them.
func (m *Manifest) Files() []string {
	if m.Base == "" {
		return m.Incr
	}
	return append([]string{m.Base}, m.Incr...)
}

// ParseManifest reads lines such as
//
//	file appendonly.aof.2.incr.aof seq 2 type i
//
// Other pairs of a line, such as startoffset and endoffset, which are offsets of replication and not of the file, have no effect on what is loaded.
func ParseManifest(text []byte) (*Manifest, error) {
	if len(text) > MaxManifest {
		return nil, fmt.Errorf("larger than %d bytes, so this is not a manifest", MaxManifest)
	}
	m := &Manifest{}
	last := int64(0)
	n := 0
	for line := range bytes.Lines(text) {
		n++
		if len(line) > maxManifestLine {
			return nil, fmt.Errorf("line %d: longer than %d bytes, so this is not a manifest", n, maxManifestLine)
		}
		if line[len(line)-1] != '\n' {
			return nil, fmt.Errorf("line %d: does not end with a newline; the manifest is truncated", n)
		}
		if line[0] == '#' {
			continue
		}
		if err := m.add(string(line), &last); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if m.Base == "" && len(m.Incr) == 0 {
		return nil, errors.New("no files listed; the manifest is empty or damaged")
	}
	return m, nil
}

func (m *Manifest) add(line string, last *int64) error {
	words, err := splitArgs(line)
	if err != nil {
		return err
	}
	if len(words) < 6 || len(words)%2 != 0 {
		return fmt.Errorf("invalid line %q; expected: file NAME seq N type b|i|h", strings.TrimSpace(line))
	}
	var name, kind string
	seq := int64(0)
	for i := 0; i < len(words); i += 2 {
		switch value := words[i+1]; strings.ToLower(words[i]) {
		case "file":
			if name = value; name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00") {
				return fmt.Errorf("invalid file name %q; files must be in the directory of the manifest", name)
			}
		case "seq":
			if seq, err = strconv.ParseInt(value, 10, 64); err != nil || seq < 1 {
				return fmt.Errorf("invalid sequence number %q", value)
			}
		case "type":
			kind = value
		}
	}
	switch {
	case name == "" || seq == 0:
		return errors.New("file, seq or type is missing")
	case kind == "b" && m.Base != "":
		return fmt.Errorf("%q is a second base file, after %q", name, m.Base)
	case kind == "b":
		m.Base = name
	case kind == "i" && seq <= *last:
		return fmt.Errorf("sequence number %d of %q is not greater than the previous one, %d; the manifest is damaged", seq, name, *last)
	case kind == "i":
		m.Incr, *last = append(m.Incr, name), seq
	case kind == "h":
		m.History = append(m.History, name)
	default:
		return fmt.Errorf("unknown file type %q of %q; use b, i or h", kind, name)
	}
	return nil
}

var errQuotes = errors.New("unbalanced quotes")

// splitArgs splits a line like redis-server does (redis src/sds.c, sdssplitargs): a name with spaces or control characters is
// quoted.
func splitArgs(line string) ([]string, error) {
	var words []string
	for {
		line = strings.TrimLeft(line, " \t\r\n\v\f")
		if line == "" {
			return words, nil
		}
		var word []byte
		for line != "" && !strings.ContainsRune(" \t\r\n\v\f\x00", rune(line[0])) {
			if line[0] != '"' && line[0] != '\'' {
				word, line = append(word, line[0]), line[1:]
				continue
			}
			text, rest, err := quoted(line)
			if err != nil {
				return nil, err
			}
			word, line = append(word, text...), rest
		}
		if line != "" && line[0] == 0 {
			return nil, errors.New("unexpected zero byte; the manifest is damaged")
		}
		words = append(words, string(word))
	}
}

// quoted reads a text in quotes, after which a space or the end has to come.
func quoted(line string) (text []byte, rest string, err error) {
	quote := line[0]
	for i := 1; i < len(line); i++ {
		c := line[i]
		switch {
		case c == quote:
			rest = line[i+1:]
			if rest != "" && !strings.ContainsRune(" \t\r\n\v\f", rune(rest[0])) {
				return nil, "", errQuotes
			}
			return text, rest, nil
		case c == '\\' && quote == '"' && i+3 < len(line) && line[i+1] == 'x':
			if n, err := strconv.ParseUint(line[i+2:i+4], 16, 8); err == nil {
				text = append(text, byte(n))
				i += 3
				continue
			}
			text = append(text, 'x')
			i++
		case c == '\\' && quote == '"' && i+1 < len(line):
			i++
			switch c := line[i]; c {
			case 'n':
				text = append(text, '\n')
			case 'r':
				text = append(text, '\r')
			case 't':
				text = append(text, '\t')
			case 'b':
				text = append(text, '\b')
			case 'a':
				text = append(text, '\a')
			default:
				text = append(text, c)
			}
		case c == '\\' && quote == '\'' && i+1 < len(line) && line[i+1] == '\'':
			text = append(text, '\'')
			i++
		default:
			text = append(text, c)
		}
	}
	return nil, "", errQuotes
}
