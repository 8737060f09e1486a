package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/redact"
)

// A door is the only way to standard output and standard error. Formats are ours and go through as they are; arguments of formats, and
// everything that is written to it as a stream, may be somebody else's: secret values are masked, and control characters and
// commands of CI systems are escaped. Only data that was asked for as such, a dump or what redis-cli prints, passes by [app.raw].
type door struct {
	w    io.Writer
	app  *app
	err  error // of the first write that failed: half of a patch must not look like a whole one
	data rawDoor
}

func (a *app) newDoor(w io.Writer) *door {
	d := &door{w: w, app: a}
	d.data.door = d
	return d
}

// sgr is a color of ours.
var sgr = regexp.MustCompile(`\x1b\[(?:0|1|2|31|32|33|36)m`)

// Write takes text of any origin. Lines and tabs stay, and colors where there are any.
func (d *door) Write(p []byte) (int, error) {
	text := d.app.secrets.Text(string(p))
	if d.app.colored && strings.Contains(text, "\x1b") {
		var b strings.Builder
		at := 0
		for _, m := range sgr.FindAllStringIndex(text, -1) {
			b.WriteString(redact.Lines(text[at:m[0]]) + text[m[0]:m[1]])
			at = m[1]
		}
		text = b.String() + redact.Lines(text[at:])
	} else {
		text = redact.Lines(text)
	}
	if _, err := d.data.Write([]byte(text)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// rawDoor writes as it is.
type rawDoor struct{ door *door }

func (r *rawDoor) Write(p []byte) (int, error) {
	n, err := r.door.w.Write(p)
	if err != nil && r.door.err == nil {
		r.door.err = err
	}
	return n, err
}

// raw returns the stream behind a door, for data and for what has been made harmless: reports, and control of the cursor.
func (a *app) raw(w io.Writer) io.Writer {
	if d, ok := w.(*door); ok {
		return &d.data
	}
	return w
}

// trusted is text that was written here, or made printable: an argument of a format that is not escaped.
type trusted string

// block makes a text of ours of several lines printable, in which names and values may be somebody else's.
func (a *app) block(text string) trusted { return trusted(redact.Lines(a.secrets.Text(text))) }

// clearLine puts the cursor at the beginning of its line, which is then empty.
const clearLine trusted = "\r\x1b[K"

// outf and errf print by a format of ours. Arguments that are text or errors are made printable, and secrets in them masked.
func (a *app) outf(format string, args ...any) { a.printf(a.out, format, args...) }
func (a *app) errf(format string, args ...any) { a.printf(a.err, format, args...) }

func (a *app) printf(w io.Writer, format string, args ...any) {
	text := redact.Inert(a.secrets.Text(a.sprintf(format, args...))) // values that an argument is a part of too
	_, _ = io.WriteString(a.raw(w), text)                            // the door remembers what fails
}

func (a *app) sprintf(format string, args ...any) string {
	clean := make([]any, len(args))
	for i, arg := range args {
		clean[i] = a.printable(arg)
	}
	return fmt.Sprintf(format, clean...)
}

func (a *app) printable(arg any) any {
	switch arg := arg.(type) {
	case trusted:
		return string(arg)
	case error:
		return strings.Join(a.sentences(arg), "\n")
	case fmt.Stringer:
		return foreign(a.secrets.Text(arg.String()))
	case []byte:
		return foreign(a.secrets.Text(string(arg)))
	case []string:
		out := make([]foreign, len(arg))
		for i, s := range arg {
			out[i] = foreign(a.secrets.Text(s))
		}
		return out
	}
	if v := reflect.ValueOf(arg); v.Kind() == reflect.String {
		return foreign(a.secrets.Text(v.String()))
	}
	return arg
}

// foreign is text of any origin as an argument: escaped once, by %q in its way.
type foreign string

// Format implements [fmt.Formatter].
func (s foreign) Format(f fmt.State, verb rune) {
	text := string(s)
	if verb != 'q' {
		text, verb = redact.Printable(text), 's'
	}
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), text)
}

// sentences returns the lines of an error: one for each error that was joined to it.
func (a *app) sentences(err error) []string {
	if all, ok := err.(finding.Problems); ok {
		var out []string
		for _, p := range all {
			out = append(out, a.sentences(p)...)
		}
		return out
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var whole, out []string
		for _, each := range joined.Unwrap() {
			whole = append(whole, each.Error())
			out = append(out, a.sentences(each)...)
		}
		if strings.Join(whole, "\n") == err.Error() {
			return out
		}
	}
	// Lines that are indented are a list of ours; no CI system takes them for commands once the door has looked at them.
	lines := strings.Split(a.secrets.Foreign(err.Error()), "\n  ")
	for i := range lines {
		lines[i] = redact.Printable(lines[i])
	}
	return []string{strings.Join(lines, "\n  ")}
}

// json writes a value for programs.
func (a *app) json(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	return a.jsonText(b.Bytes())
}

// jsonText writes JSON. Its strings escape what would act on a terminal, as JSON does.
func (a *app) jsonText(text []byte) error {
	_, err := a.raw(a.out).Write([]byte(asciiControls(a.secrets.Text(string(text)))))
	return err
}

// asciiControls escapes characters that json.Marshal leaves as they are: they stand in strings only.
func asciiControls(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r == '\n' || !redact.Hidden(r) {
			b.WriteRune(r)
			continue
		}
		if r > 0xffff {
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
			continue
		}
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return b.String()
}

// patch writes a patch or a conflict, and says when it is not as git would have it.
func (a *app) patch(w io.Writer, diff string) {
	text, changed := a.secrets.Patch(diff)
	_, _ = io.WriteString(a.raw(w), a.paintDiff(text))
	for _, file := range changed {
		a.errf("%s %s: the patch masks secret values or control characters, so git apply rejects it; run the command without --dry-run or --diff to write the file\n", a.paint(yellow, "note:"), file)
	}
}

// table writes rows whose cells stand below each other.
type table struct {
	*tabwriter.Writer
	app *app
}

func (a *app) table(flags uint) *table {
	return &table{tabwriter.NewWriter(a.out, 0, 0, 2, ' ', flags), a}
}

// row writes cells by a format of ours; what is in the arguments stays in its cell.
func (t *table) row(format string, args ...any) {
	_, _ = fmt.Fprint(t.Writer, t.app.sprintf(format+"\n", args...))
}

// watchedFs remembers which files were opened: only what was read can be in a message.
type watchedFs struct {
	lockedFs
	to    *redact.Secrets
	mu    sync.Mutex
	fresh []string
	known map[string]bool

	scanning sync.Mutex // guards scanned
	scanned  map[string]*redact.File
}

// watch adds what is secret in the files that are opened to a set.
func watch(on lockedFs, to *redact.Secrets) *watchedFs {
	w := &watchedFs{lockedFs: on, to: to, known: map[string]bool{}, scanned: map[string]*redact.File{}}
	to.From(w.secrets)
	return w
}

// Close implements [lockedFs]. An error is printed after it, and may quote what was read last.
func (w *watchedFs) Close() error {
	w.to.Update()
	return w.lockedFs.Close()
}

// Open implements [afero.Fs].
func (w *watchedFs) Open(name string) (afero.File, error) {
	w.saw(name)
	return w.lockedFs.Open(name)
}

// LstatIfPossible implements [afero.Lstater].
func (w *watchedFs) LstatIfPossible(name string) (fs.FileInfo, bool, error) {
	if l, ok := w.lockedFs.(afero.Lstater); ok {
		return l.LstatIfPossible(name)
	}
	info, err := w.lockedFs.Stat(name)
	return info, false, err
}

// OpenFile implements [afero.Fs].
func (w *watchedFs) OpenFile(name string, flag int, perm fs.FileMode) (afero.File, error) {
	w.saw(name)
	return w.lockedFs.OpenFile(name, flag, perm)
}

func (w *watchedFs) saw(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.known[name] {
		w.known[name] = true
		w.fresh = append(w.fresh, name)
	}
}

// secrets returns what is secret in the files that were opened since the last time, and in those that they belong to.
func (w *watchedFs) secrets() []*redact.File {
	w.scanning.Lock()
	defer w.scanning.Unlock()
	w.mu.Lock()
	fresh := w.fresh
	w.fresh = nil
	w.mu.Unlock()
	if len(fresh) == 0 {
		return nil
	}
	read := func(name string) ([]byte, bool) {
		info, err := w.lockedFs.Stat(name)
		if err != nil || !info.Mode().IsRegular() || info.Size() > maxScanned {
			return nil, false
		}
		text, err := afero.ReadFile(w.lockedFs, name)
		return text, err == nil
	}
	for _, name := range fresh {
		if text, ok := read(name); ok {
			w.scanned[name] = redact.Scan(name, text)
		}
	}
	files := make([]*redact.File, 0, len(w.scanned))
	for _, f := range w.scanned {
		files = append(files, f)
	}
	return redact.Link(files, read)
}

// maxScanned is the size of the largest file that is read for secrets, in bytes: larger ones are refused when a command reads them.
const maxScanned = 16 << 20
