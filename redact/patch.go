package redact

import (
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

var hunk = lazyregexp.New(`^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@`)

// Patch returns a patch in which no line shows a secret or does anything to a terminal or CI log, and the files whose lines had to be
// changed for that. The hunks of those files have no line numbers, so that git apply refuses them: applied, they would write the
// masks. All other files are as they were, to the byte.
func (s *Secrets) Patch(diff string) (text string, changed []string) {
	var b strings.Builder
	lines := strings.SplitAfter(diff, "\n")
	for from := 0; from < len(lines); {
		to := from + 1
		for to < len(lines) && !beginsFile(lines, to) {
			to++
		}
		part := lines[from:to]
		name := patchName(part)
		clean, same := s.patchFile(name, part)
		if !same {
			changed = append(changed, name)
		}
		b.WriteString(clean)
		from = to
	}
	return b.String(), changed
}

// beginsFile reports whether the part of a file begins at a line: with git's line, or with the names where there is none.
func beginsFile(lines []string, at int) bool {
	if strings.HasPrefix(lines[at], "diff --git ") {
		return true
	}
	return strings.HasPrefix(lines[at], "--- ") && at+1 < len(lines) && strings.HasPrefix(lines[at+1], "+++ ") &&
		at+2 < len(lines) && strings.HasPrefix(lines[at+2], "@@ ") && !header(lines, at)
}

// header reports whether the line before belongs to git's lines about the same file.
func header(lines []string, at int) bool {
	for at--; at >= 0; at-- {
		switch {
		case strings.HasPrefix(lines[at], "diff --git "):
			return true
		case strings.HasPrefix(lines[at], "new file mode "), strings.HasPrefix(lines[at], "deleted file mode "), strings.HasPrefix(lines[at], "index "):
		default:
			return false
		}
	}
	return false
}

// patchName returns the file that a part is about.
func patchName(part []string) string {
	name := ""
	for _, line := range part {
		line = strings.TrimRight(line, "\r\n")
		if n, ok := strings.CutPrefix(line, "--- "); ok && n != "/dev/null" {
			name = strings.TrimPrefix(n, "a/")
		}
		if n, ok := strings.CutPrefix(line, "+++ "); ok {
			if n, ok := strings.CutPrefix(n, "b/"); ok {
				name = n
			}
			break
		}
	}
	return name
}

func (s *Secrets) patchFile(name string, part []string) (string, bool) {
	// What the part shows of the file before and after it is read too: text that is not written yet is in no file.
	var before, after []string
	body := false
	for _, line := range part {
		if body = body || strings.HasPrefix(line, "@@ "); !body || line == "" || line[0] == '@' {
			continue
		}
		if line[0] != '+' {
			before = append(before, line[1:])
		}
		if line[0] != '-' {
			after = append(after, line[1:])
		}
	}
	was, will := Scan(name, []byte(strings.Join(before, ""))), Scan(name, []byte(strings.Join(after, "")))
	known := &Secrets{}
	known.AddFile(was)
	known.Add(will.Values...)
	for _, n := range will.names {
		known.name(n)
	}
	file := s.File(name)
	same := true
	out := make([]string, len(part))
	old, inBefore, inAfter := 0, 0, 0
	body = false
	for i, line := range part {
		text := strings.TrimSuffix(line, "\n")
		end := line[len(text):]
		if m := hunk.FindStringSubmatch(text); m != nil {
			old, _ = strconv.Atoi(m[1])
			body = true
			out[i] = line
			continue
		}
		if !body || text == "" {
			out[i] = inert(text, false) + end
			same = same && out[i] == line
			continue
		}
		sign, content := text[:1], text[1:]
		var spans []Span
		if sign != "+" {
			inBefore++
			spans = append(known.Hide(was, inBefore, content), s.Hide(file, old, content)...)
			old++
		}
		if sign != "-" {
			inAfter++
			spans = append(spans, known.Hide(will, inAfter, content)...)
			spans = append(spans, s.Hide(nil, 0, content)...)
		}
		if sign == `\` {
			spans = nil
		}
		out[i] = sign + inert(Without(content, join(spans, len(content))), sign == " ") + end
		same = same && out[i] == line
	}
	if same {
		return strings.Join(part, ""), true
	}
	for i, line := range out {
		if hunk.MatchString(line) {
			out[i] = "@@ -shown only" + line[2:] // a corrupt hunk to git, also of a file that is new or deleted
		}
	}
	return strings.Join(out, ""), false
}

// inert escapes what a terminal or log would act on in a line of a patch, and nothing else: writing systems need some format
// characters. start is true where only blanks stand before the text, in front of which runners look for their commands.
func inert(line string, start bool) string {
	body := strings.TrimSuffix(line, "\r")
	clean := !strings.ContainsFunc(body, acts) && !order.MatchString(body) && !(start && strings.HasPrefix(strings.TrimSpace(body), "::"))
	if clean {
		return line
	}
	var b strings.Builder
	for _, r := range body {
		if acts(r) {
			b.WriteString(Printable(string(r)))
		} else {
			b.WriteRune(r)
		}
	}
	return Inert(b.String()) + line[len(body):]
}

// acts is true for control characters but the tab, for those that change the direction of text, and for the ends of lines that
// only some programs know.
func acts(r rune) bool {
	return r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 ||
		r == 0x200e || r == 0x200f || r == 0x61c || r == 0x2028 || r == 0x2029 || r >= 0xe0000 && r <= 0xe007f
}

// order is a command to the runners of GitHub, Azure Pipelines and TeamCity, which they look for anywhere in a line.
var order = lazyregexp.New(`##(?:vso|teamcity)?\[`)

// Inert keeps the lines of a printable text from being read as commands by CI: of GitHub, Azure Pipelines and TeamCity. GitLab's
// markers need control characters.
func Inert(text string) string {
	if strings.Contains(text, "##") {
		text = order.ReplaceAllStringFunc(text, func(s string) string { return s[:len(s)-1] + `\x5b` })
	}
	if !strings.Contains(text, "::") {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if blank := line[:len(line)-len(strings.TrimLeft(line, " \t"))]; strings.HasPrefix(line[len(blank):], "::") {
			lines[i] = blank + `\x3a:` + line[len(blank)+2:]
		}
	}
	return strings.Join(lines, "\n")
}

// Lines is [Printable] for a text of several lines, whose ends and tabs stay.
func Lines(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && (Hidden(r) || r == '\ufffd') }) {
		return Inert(text)
	}
	var b strings.Builder
	for part := range strings.SplitAfterSeq(text, "\n") {
		line, end := strings.CutSuffix(part, "\n")
		for i, cell := range strings.Split(line, "\t") {
			if i > 0 {
				b.WriteByte('\t')
			}
			b.WriteString(Printable(cell))
		}
		if end {
			b.WriteByte('\n')
		}
	}
	return Inert(b.String())
}

// loose is a login before an @ in an argument that is no whole URL, and port what stands where a port should.
var (
	loose = lazyregexp.New(`(?:^|[/:=,])[^/:@\s]*:([^\s]*)@`)
	port  = lazyregexp.New(`://[^/@\s\[]*?:([^@\s/,]*[^0-9/@\s,:\]][^@\s]*)`)
)

// Argument returns what is secret in an argument of the command line, which may be a URL that is not well formed.
func Argument(arg string) []string {
	out := Scan("argument", []byte(arg)).Values
	for _, re := range []*lazyregexp.Regexp{loose, port} {
		if re == loose && strings.Contains(arg, "@sha256:") {
			continue // the digest of an image
		}
		for _, m := range re.FindAllStringSubmatch(arg, -1) {
			out = append(out, m[1])
		}
	}
	for _, v := range out[:len(out):len(out)] {
		out = append(out, secretParts(v)...)
		if plain, ok := unescaped(v); ok {
			out = append(out, plain)
			out = append(out, secretParts(plain)...)
		}
	}
	return out
}
