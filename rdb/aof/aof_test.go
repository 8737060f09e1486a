package aof

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
)

// text returns parts that hold texts.
func text(texts ...string) []Part {
	var parts []Part
	for i, s := range texts {
		parts = append(parts, Part{Name: string(rune('a' + i)), Open: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(s)), nil
		}})
	}
	return parts
}

// cmd writes a command.
func cmd(args ...string) string {
	var b strings.Builder
	write := func(kind byte, n int) {
		b.WriteByte(kind)
		b.WriteString(strconv.Itoa(n))
		b.WriteString("\r\n")
	}
	write('*', len(args))
	for _, a := range args {
		write('$', len(a))
		b.WriteString(a + "\r\n")
	}
	return b.String()
}

func TestScan(t *testing.T) {
	set, sel := cmd("SET", "k", "a\r\n*1\x00"), cmd("SELECT", "3")
	for _, tt := range []struct {
		name  string
		parts []Part
		count int64
		want  string // that is written
		cut   string
	}{
		{name: "empty", parts: text("")},
		{name: "no file"},
		{name: "one", parts: text(set), count: 1, want: selectZero + set},
		{name: "database", parts: text(sel + set), count: 1, want: selectZero + sel + set},
		{name: "files begin with database 0", parts: text(sel+set, "", set), count: 2, want: selectZero + sel + set + selectZero + set},
		{name: "annotations", parts: text("#TS:1700000000\r\n" + set + "#TS:1700000001\r\n#\r\n" + set + "#x\r\n"), count: 2, want: selectZero + set + set},
		{name: "transaction", parts: text(cmd("multi") + set + set + cmd("EXEC")), count: 2, want: selectZero + cmd("multi") + set + set + cmd("EXEC")},
		{name: "cut in an argument", parts: text(set + set[:len(set)-3]), count: 1, want: selectZero + set, cut: "a: offset 32: the file ends within a command"},
		{name: "cut in a length", parts: text(set, set+"*3\r\n$"), count: 2, want: selectZero + set + selectZero + set, cut: "b: offset 32: the file ends within a command"},
		{name: "cut after a return", parts: text(set + "*3\r"), count: 1, want: selectZero + set, cut: "offset 32"},
		{name: "cut in an annotation", parts: text(set + "#TS:17"), count: 1, want: selectZero + set, cut: "offset 32"},
		{name: "cut in a transaction", parts: text(set + cmd("MULTI") + set + set[:9]), count: 1, want: selectZero + set, cut: "a: offset 32: the file ends within a transaction (MULTI without EXEC, 1 complete command)"},
		{name: "transaction without end", parts: text(set + cmd("MULTI") + set), count: 1, want: selectZero + set, cut: "1 complete command"},
		{name: "large argument", parts: text(cmd("SET", "k", strings.Repeat("x", 200_000))[:20] + "x"), cut: "offset 0"},
	} {
		got, err := Scan(t.Context(), tt.parts)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		cut := ""
		if got.Cut != nil {
			cut = got.Cut.String()
		}
		if got.Commands != tt.count || !strings.Contains(cut, tt.cut) || tt.cut == "" && cut != "" {
			t.Errorf("%s: %d commands, %q", tt.name, got.Commands, cut)
		}
		var b bytes.Buffer
		if err := got.WriteTo(t.Context(), &b); err != nil || b.String() != tt.want || int64(b.Len()) != got.Bytes {
			t.Errorf("%s: wrote %q (%d of %d bytes), %v", tt.name, b.String(), b.Len(), got.Bytes, err)
		}
	}
}

func TestDamage(t *testing.T) {
	set := cmd("SET", "k", "v")
	for _, tt := range []struct {
		name  string
		parts []Part
		want  string
	}{
		{"no command", text(set + "hello"), `a: offset 27: unexpected "hello" at the start of a command`},
		{"zero bytes", text(set + "\x00\x00"), "offset 27: unexpected zero bytes"},
		{"dump in the middle", text(set, "REDIS0009"), "b: offset 0: unexpected RDB preamble"},
		{"no arguments", text("*0\r\n"), "command without arguments"},
		{"negative", text("*-1\r\n"), `invalid length "-1"`},
		{"plus", text("*+1\r\n"), `invalid length "+1"`},
		{"2^63", text("*1\r\n$9223372036854775808\r\n"), "invalid length"},
		{"2^63-1", text("*1\r\n$9223372036854775807\r\n"), "invalid length"},
		{"2^63-1 arguments", text("*9223372036854775807\r\n"), "invalid length"},
		{"nil", text("*1\r\n$-1\r\n"), "invalid length"},
		{"no bulk", text("*1\r\n:1\r\n"), `unexpected ":1", expected a line that starts with "$"`},
		{"no name", text("*1\r\n$0\r\n\r\n"), "command name of 0 bytes"},
		{"long name", text("*1\r\n$99\r\n" + strings.Repeat("x", 99) + "\r\n"), "command name of 99 bytes"},
		{"binary name", text("*1\r\n$3\r\nS\x00T\r\n"), "invalid command name"},
		{"length too small", text("*1\r\n$3\r\nPING\r\n"), "expected CRLF"},
		{"LF", text("*1\n$4\nPING\n"), "does not end with CRLF"},
		{"endless line", text("*" + strings.Repeat("1", 5000)), "exceeds 32 bytes"},
		{"endless annotation", text("#" + strings.Repeat("1", 5000)), "exceeds 1024 bytes"},
		{"cut in the middle", text(set[:9], set), "a: offset 0: the file ends within a command or transaction, but b follows it"},
		{"damaged length over commands", text("*3\r\n$3\r\nSET\r\n$99999\r\nk\r\n$1\r\nv\r\n" + set), "damaged length in this command"},
		{"transaction in a transaction", text(cmd("MULTI") + cmd("MULTI")), "offset 15: MULTI inside the transaction that starts at offset 0"},
		{"EXEC alone", text(cmd("EXEC")), "EXEC without MULTI"},
		{"command for the server", text(cmd("ShutDown", "NOSAVE")), `command "shutdown", which servers never write`},
		{"command for the server in a transaction", text(cmd("MULTI") + cmd("SLAVEOF", "a", "1") + cmd("EXEC")), `command "slaveof"`},
	} {
		_, err := Scan(t.Context(), tt.parts)
		var wrong *Error
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// Files that are written to between the two passes are noticed.
func TestChanged(t *testing.T) {
	set := cmd("SET", "k", "v")
	for _, later := range []string{"", set[:9], cmd("SET", "k", "w"), cmd("PING") + "#1\r\n", "x"} {
		first := true
		tail, err := Scan(t.Context(), []Part{{Name: "a", Open: func(context.Context) (io.ReadCloser, error) {
			data := later
			if first {
				data = set
			}
			first = false
			return io.NopCloser(strings.NewReader(data)), nil
		}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := tail.WriteTo(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), "a changed while being read") {
			t.Errorf("%q: %v", later, err)
		}
	}
}

func TestManifest(t *testing.T) {
	m, err := ParseManifest([]byte("# made by hand\n" +
		"file \"a b\\x41\\\".base.rdb\" seq 2 type b\nfile 'it\\'s' seq 1 type h\n" +
		"seq 2 file a.2.incr.aof type i startoffset 12 endoffset 99\nFILE a.4.incr.aof SEQ 4 TYPE i future x\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(m.Files(), "|"); got != `a bA".base.rdb|a.2.incr.aof|a.4.incr.aof` || len(m.History) != 1 || m.History[0] != "it's" {
		t.Errorf("%q, %q", got, m.History)
	}
	for _, tt := range []struct{ text, want string }{
		{"", "no files listed"},
		{"# only a comment\n", "no files listed"},
		{"file a seq 1 type h\n", "no files listed"},
		{"file a seq 1 type b", "line 1: does not end with a newline"},
		{"file a seq 1 type b\nfile b seq 1 type b\n", `line 2: "b" is a second base file`},
		{"file a seq 2 type i\nfile b seq 2 type i\n", "line 2: sequence number 2"},
		{"file a seq 2 type i\nfile b seq 1 type i\n", "line 2: sequence number 1"},
		{"file ../a seq 1 type b\n", `invalid file name "../a"`},
		{"file \"a\\\\b\" seq 1 type b\n", "invalid file name"},
		{"file .. seq 1 type b\n", "invalid file name"},
		{"file /etc/passwd seq 1 type b\n", "invalid file name"},
		{"file \"a\\x2fb\" seq 1 type b\n", "invalid file name"},
		{"file \"\" seq 1 type b\n", "invalid file name"},
		{"file a seq 0 type b\n", "invalid sequence number"},
		{"file a seq x type b\n", "invalid sequence number"},
		{"file a seq 1 type x\n", `unknown file type "x"`},
		{"file a seq 1\n", "expected: file NAME"},
		{"file a seq 1 type b x\n", "expected: file NAME"},
		{"seq 1 type b startoffset 1\n", "file, seq or type is missing"},
		{"file \"a seq 1 type b\n", "unbalanced quotes"},
		{"file \"a\"b seq 1 type b\n", "unbalanced quotes"},
		{"file 'a seq 1 type b\n", "unbalanced quotes"},
		{"file a\x00 seq 1 type b\n", "unexpected zero byte"},
		{"file " + strings.Repeat("a", 2000) + " seq 1 type b\n", "longer than 1024 bytes"},
		{strings.Repeat("#\n", MaxManifest), "larger than"},
	} {
		if _, err := ParseManifest([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.40q: %v, want %q", tt.text, err, tt.want)
		}
	}
}

func TestGroup(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := group(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}

// What is accepted is written again and accepted then, with the same commands.
func FuzzScan(f *testing.F) {
	f.Add([]byte(cmd("SELECT", "0") + cmd("MULTI") + cmd("SET", "k", "v") + cmd("EXEC")))
	f.Add([]byte("#TS:1\r\n" + cmd("SET", "k", "v") + "*3\r\n$3\r\nSET\r\n$9\r\n"))
	f.Add([]byte("*1\r\n$9223372036854775807\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		tail, err := Scan(t.Context(), text(string(data)))
		if err != nil {
			var wrong *Error
			if !errors.As(err, &wrong) || wrong.Offset < 0 || wrong.Offset > int64(len(data)) {
				t.Fatal(err)
			}
			return
		}
		var b bytes.Buffer
		if err := tail.WriteTo(t.Context(), &b); err != nil || int64(b.Len()) != tail.Bytes {
			t.Fatalf("%d of %d bytes, %v", b.Len(), tail.Bytes, err)
		}
		again, err := Scan(t.Context(), text(b.String()))
		if err != nil || again.Commands != tail.Commands || again.Cut != nil {
			t.Fatalf("%+v, %v", again, err)
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte("file \"a\\x41\" seq 2 type b\nfile 'b' seq 1 type i\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseManifest(data)
		if err != nil {
			return
		}
		for _, name := range m.Files() {
			if name == "" || name == ".." || strings.ContainsAny(name, "/\x00") {
				t.Errorf("the name %q", name)
			}
		}
	})
}
