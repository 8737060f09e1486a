package datacmd

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// oneLine escapes line ends and tabs, so that a key is one line of text and one row of CSV.
func oneLine(key string) string {
	quoted := strconv.Quote(key)
	if quoted = quoted[1 : len(quoted)-1]; bytes.ContainsAny([]byte(key), "\n\r\t") {
		return quoted
	}
	return key
}

const linesBuffer = 32 << 10

// lines gathers whole lines, because what is printed is searched for secrets and escapes, in which it must not be cut.
type lines struct {
	text  bytes.Buffer
	write func([]byte) error
}

// flush writes what has been gathered, if it is at least so many bytes.
func (l *lines) flush(least int) error {
	if l.text.Len() == 0 || l.text.Len() < least {
		return nil
	}
	err := l.write(l.text.Bytes())
	l.text.Reset()
	return err
}

// json adds a value as a line of JSON.
func (l *lines) json(v any) error {
	enc := json.NewEncoder(&l.text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	return l.flush(linesBuffer)
}
