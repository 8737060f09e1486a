package datacmd

import (
	"errors"
	"strconv"
	"strings"
	"testing"
)

// FuzzOneLine wants any key to be one line and one cell of a table, and a quoted one to be read back.
func FuzzOneLine(f *testing.F) {
	for _, key := range []string{"", "user:1", "a\tb", "a\nb", "\x00", "\xff\xfe", `a"b`, "a\\n", "\r"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if line := oneLine(key); strings.ContainsAny(line, "\n\r\t") {
			t.Errorf("%q: %q", key, line)
		}
		text := quote([]byte(key))
		if strings.ContainsAny(text, "\n\r\t") || text == "" {
			t.Errorf("%q: %q", key, text)
		}
		if text != key {
			if back, err := strconv.Unquote(text); err != nil || back != key {
				t.Errorf("%q: %q is read as %q, %v", key, text, back, err)
			}
		}
	})
}

// TestLines writes whole lines only, each once, and in order.
func TestLines(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	writes := 0
	l := &lines{write: func(p []byte) error {
		if writes++; len(p) == 0 || p[len(p)-1] != '\n' {
			t.Errorf("write %d has %d bytes and ends within a line", writes, len(p))
		}
		all.Write(p)
		return nil
	}}
	var want strings.Builder
	for i := range 20_000 {
		if err := l.json(i); err != nil {
			t.Fatal(err)
		}
		want.WriteString(strconv.Itoa(i) + "\n")
	}
	if err := l.flush(0); err != nil {
		t.Fatal(err)
	}
	if all.String() != want.String() || writes < 2 || writes > 100 {
		t.Errorf("%d bytes in %d writes, not %d bytes", all.Len(), writes, want.Len())
	}
	full := errors.New("no space left on device")
	l.write = func([]byte) error { return full }
	l.text.WriteString("x\n")
	if err := l.flush(0); !errors.Is(err, full) {
		t.Errorf("a write that fails: %v", err)
	}
	if err := l.json(func() {}); err == nil {
		t.Error("a value that JSON does not have")
	}
}
