package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/redact"
)

func write(t testing.TB, format string, run *Run, opts Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, format, run, opts); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestGolden compares each format, of a run with everything and of one without findings, with a file; a format that looks at options has
// a file with them too. UPDATE=1 writes the files.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, f := range Formats() {
		for _, tt := range []struct {
			name string
			run  *Run
			opts Options
		}{
			{"full." + f.Name, fullRun(), Options{}},
			{"clean." + f.Name, &Run{Files: 1, Resources: 1}, Options{}},
			{"suppressed." + f.Name, fullRun(), Options{Suppressed: true, Color: true}},
		} {
			if tt.opts != (Options{}) && write(t, f.Name, tt.run, tt.opts) == write(t, f.Name, tt.run, Options{}) {
				continue
			}
			t.Run(tt.name, func(t *testing.T) {
				got := write(t, f.Name, tt.run, tt.opts)
				slices.Reverse(tt.run.Findings)
				if again := write(t, f.Name, tt.run, tt.opts); again != got {
					t.Error("the order of the findings shows")
				}
				golden := filepath.Join("testdata", tt.name)
				if os.Getenv("UPDATE") != "" {
					if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatalf("%v; run UPDATE=1 go test ./report -run TestGolden, and review the file", err)
				}
				if got != string(want) {
					t.Errorf("differs from %s; run UPDATE=1 go test ./report -run TestGolden and review the diff; got\n%s", golden, got)
				}
			})
		}
	}
}

// TestSecrets looks for the canary, and for what would be read as a command, in every format.
func TestSecrets(t *testing.T) {
	t.Parallel()
	for _, f := range Formats() {
		for _, opts := range []Options{{}, {Suppressed: true}} {
			got := write(t, f.Name, fullRun(), opts)
			if strings.Contains(got, canary) {
				t.Errorf("%s prints a secret", f.Name)
			}
			if err := harmless(f.Name, got); err != nil {
				t.Errorf("%s: %v", f.Name, err)
			}
		}
	}
}

// harmless describes what in a report could do more than be read.
func harmless(format, report string) error {
	if !utf8.ValidString(report) {
		return errors.New("not UTF-8")
	}
	for i, line := range strings.Split(report, "\n") {
		for _, r := range line {
			if hidden(r) {
				return fmt.Errorf("line %d has the character %U", i+1, r)
			}
		}
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "::") && (format != "github" || !strings.HasPrefix(line, "::error ") && !strings.HasPrefix(line, "::warning ") && !strings.HasPrefix(line, "::notice ")) {
			return fmt.Errorf("line %d is a workflow command: %s", i+1, line)
		}
		if format == "github" && !strings.HasPrefix(line, "::") && line != "" {
			return fmt.Errorf("line %d is no annotation: %s", i+1, line)
		}
		if strings.Contains(line, "##[") {
			return fmt.Errorf("line %d is an old workflow command: %s", i+1, line)
		}
	}
	media := format
	for _, f := range Formats() {
		if f.Name == format {
			media = f.Media
		}
	}
	switch {
	case media == "text/plain":
		return nil // what is wrong in a line is all there is
	case strings.HasSuffix(media, "json"):
		return harmlessJSON(report)
	case strings.HasSuffix(media, "xml"):
		return harmlessXML(format, report)
	case media == "text/markdown":
		return harmlessMarkdown(report)
	}
	return fmt.Errorf("harmless in report_test.go cannot read %s; let it refuse a report in which text of the repository became more than text", media)
}

func harmlessJSON(report string) error {
	if !json.Valid([]byte(report)) {
		return errors.New("not JSON")
	}
	return nil
}

// harmlessXML refuses elements that the format does not have.
func harmlessXML(format, report string) error {
	var plain bytes.Buffer
	for _, opts := range []Options{{}, {Suppressed: true}} {
		for severity := range uint8(3) {
			if err := Write(&plain, format, textRun("x", severity, 1, 1), opts); err != nil {
				return err
			}
		}
	}
	for d := xml.NewDecoder(strings.NewReader(report)); ; {
		token, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if e, ok := token.(xml.StartElement); ok && !regexp.MustCompile("<"+regexp.QuoteMeta(e.Name.Local)+"[ />]").MatchString(plain.String()) {
			return fmt.Errorf("element %s came from the data", e.Name.Local)
		}
	}
}

// harmlessMarkdown takes our own markup away; what is left may have none.
func harmlessMarkdown(report string) error {
	var fence string
	open := 0 // details
	for _, line := range strings.Split(report, "\n") {
		trimmed := strings.TrimSpace(line)
		if fence != "" {
			if trimmed == fence {
				fence = ""
			}
			continue
		}
		open += strings.Count(line, "<details") - strings.Count(line, "</details>")
		if strings.HasPrefix(trimmed, "```") && slices.Contains([]string{"", "diff"}, strings.Trim(trimmed, "`")) {
			fence = strings.TrimSuffix(trimmed, "diff")
			continue
		}
		if strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "|-") || strings.HasPrefix(line, "## ") || line == strings.TrimSpace(marker) {
			continue
		}
		rest := strings.ReplaceAll(line, "@<!-- -->", " ")
		for _, ours := range []string{"<!-- -->", "<details open>", "<details>", "</details>", "<summary>", "</summary>", "<br>", "<code>", "</code>", "</a>", "**error**", "**warning**", "**info**"} {
			rest = strings.ReplaceAll(rest, ours, "")
		}
		if i := strings.Index(rest, `<a href="`+finding.Docs); i >= 0 {
			j := strings.Index(rest[i:], ">")
			rest = rest[:i] + rest[i+j+1:]
		}
		rest = strings.TrimPrefix(strings.TrimSpace(rest), "- ")
		for i := 0; i < len(rest); i++ {
			switch rest[i] {
			case '@':
				if i+1 < len(rest) && regexp.MustCompile(`\w`).MatchString(rest[i+1:i+2]) {
					return fmt.Errorf("a mention in %q", line)
				}
			case '<', '>', '[', ']', '`', '*', '|', '_', '\\':
				return fmt.Errorf("markup in %q", line)
			}
		}
		if strings.Contains(line, "://evil") {
			return fmt.Errorf("a link in %q", line)
		}
	}
	if fence != "" {
		return errors.New("a fence is left open")
	}
	if open != 0 {
		return errors.New("details are left open")
	}
	return nil
}

// textRun has a text everywhere a text may be.
func textRun(text string, severity uint8, line, column uint16) *Run {
	return &Run{
		Tool: "redis-gitops",
		Findings: []*finding.Finding{{
			Rule: "a/" + text, Severity: finding.Severity(severity % 3), Message: text, Position: at(text, int(line), int(column)), EndLine: int(line), EndColumn: int(column) + len(text),
			Resource: &finding.Resource{APIVersion: text, Kind: text, Namespace: text, Name: text}, Path: []string{text}, Sets: []string{text}, Fix: text,
			Related: []finding.Related{{Position: at(text, 1, 1), Message: text}}, Suppressed: nil,
		}, {Rule: "a/b", Message: text, Suppressed: &finding.Suppression{Kind: text, Reason: text, Until: text, Position: at(text, 1, 1)}}},
		Notices: []*finding.Problem{{Position: at(text, 1, 1), Path: text, Message: text}},
		Stats:   &Stats{Skipped: []Skip{{text, text}}, Phases: []Phase{{Name: text}}},
		Source:  func(string) ([]byte, bool) { return []byte(text), true },
		Patch: func(*finding.Finding) (string, string) {
			return text, "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-" + text + "\n+" + text + "\n"
		},
	}
}

// FuzzEscape puts any text everywhere a text may be.
func FuzzEscape(f *testing.F) {
	for _, seed := range []string{hostile, canary, "", "x", "```", "a: b # c", "|\n|", "\ufeff", "\xf0\x9f", "</code>", "--> <!--", "]]>"} {
		f.Add(seed, uint8(0), uint16(1), uint16(3))
	}
	f.Fuzz(func(t *testing.T, text string, severity uint8, line, column uint16) {
		if text == "" {
			text = "x"
		}
		run := textRun(text, severity, line, column)
		for _, format := range Formats() {
			for _, opts := range []Options{{}, {Suppressed: true}} {
				if err := harmless(format.Name, write(t, format.Name, run, opts)); err != nil {
					t.Errorf("%s: %v", format.Name, err)
				}
			}
		}
	})
}

// FuzzSecret hides a secret in a Secret, in a value of any shape.
func FuzzSecret(f *testing.F) {
	for _, seed := range []string{"%s # x", "|\n    %s\n  b: [%s, {c: %s}]", "password: %s", "  - token: \"%s\" # it", "{a: 1, password: '%s'}", "x=%s", "- %s", "%s", "value: [%s, b]", "args: [--requirepass, %s]", "a: \"b: c\" %s", "\"pass word\": %s", "? %s"} {
		f.Add(seed, uint16(3))
	}
	f.Fuzz(func(t *testing.T, shape string, column uint16) {
		if strings.Contains(shape, "%s:") || strings.Contains(shape, "?") || strings.Contains(shape, "---") {
			return // a key is shown
		}
		text := "kind: Secret\nstringData:\n  a: " + strings.ReplaceAll(shape, "%s", canary)
		run := &Run{
			Findings: []*finding.Finding{{Rule: "auth/plain", Message: "no", Position: at("x.yaml", 3, int(column)), Related: []finding.Related{{Position: at("x.yaml", 4, 1), Message: "no"}}}},
			Source:   func(string) ([]byte, bool) { return []byte(text), true },
		}
		for _, format := range Formats() {
			if got := write(t, format.Name, run, Options{}); strings.Contains(got, canary) {
				t.Errorf("%s of %q prints the secret:\n%s", format.Name, text, got)
			}
		}
	})
}

func TestSummary(t *testing.T) {
	t.Parallel()
	run := fullRun()
	want := Summary{Files: 12, Resources: 5, Errors: 7, Warnings: 5, Infos: 4, Suppressed: 2}
	if got := run.Summary(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, tt := range []struct {
		summary Summary
		want    string
	}{
		{Summary{}, "no findings in 0 files and 0 resources"},
		{Summary{Files: 1, Resources: 1, Errors: 1, Suppressed: 3}, "1 error in 1 file and 1 resource, 3 suppressed"},
		{Summary{Files: 2, Resources: 2, Errors: 2, Warnings: 1, Infos: 2}, "2 errors, 1 warning, 2 infos in 2 files and 2 resources"},
	} {
		if got := tt.summary.String(); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

// TestFindingsAreUntouched makes sure that masking works on copies.
func TestFindingsAreUntouched(t *testing.T) {
	t.Parallel()
	run := fullRun()
	for _, f := range Formats() {
		write(t, f.Name, run, Options{})
	}
	if !reflect.DeepEqual(run.Findings, fullRun().Findings) {
		t.Error("writing a report changed the findings")
	}
}

func TestJSONSchema(t *testing.T) {
	t.Parallel()
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join("..", "docs", "schema", "findings.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	validate := func(text string) error {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(doc)
	}
	text := write(t, "json", fullRun(), Options{})
	for _, run := range []*Run{fullRun(), {}, manyRun(5)} {
		if err := validate(write(t, "json", run, Options{})); err != nil {
			t.Error(err)
		}
	}
	// The schema can say no.
	for _, change := range []struct{ old, new string }{
		{`"version": 1`, `"version": 2`},
		{`"severity": "error"`, `"severity": "fatal"`},
		{`"column": 15`, `"column": "15"`},
		{`"fixable": true`, `"fixable": false`},
		{`"help": "docs/rules/ha/replicas.md"`, `"helpp": ""`},
		{`"file": "applications/shop/values.yaml"`, `"file": "/applications/shop/values.yaml"`},
		{`"kind": "baseline"`, `"kind": "mood"`},
		{`"errors": 7`, `"errors": -1`},
	} {
		changed := strings.Replace(text, change.old, change.new, 1)
		if changed == text {
			t.Fatalf("the report has no %s", change.old)
		}
		if validate(changed) == nil {
			t.Errorf("the schema takes %s", change.new)
		}
	}
}

func TestGitHubLimits(t *testing.T) {
	t.Parallel()
	got := write(t, "github", manyRun(30), Options{})
	for prefix, want := range map[string]int{"::error ": 10, "::warning ": 10, "::notice ": 10} {
		if n := strings.Count("\n"+got, "\n"+prefix); n != want {
			t.Errorf("%d of %q, want %d", n, prefix, want)
		}
	}
	if !strings.Contains(got, "61 findings not shown") {
		t.Errorf("what is left out is not told:\n%s", got)
	}
	if got := write(t, "github", manyRun(9), Options{}); strings.Contains(got, "not shown") || strings.Count(got, "\n") != 27 {
		t.Errorf("27 findings fit:\n%s", got)
	}
}

func TestGitLabFingerprints(t *testing.T) {
	t.Parallel()
	var issues []gitlabIssue
	run := fullRun()
	run.Findings = append(run.Findings, run.Findings[0], run.Findings[0])
	if err := json.Unmarshal([]byte(write(t, "gitlab", run, Options{})), &issues); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, i := range issues {
		if seen[i.Fingerprint] {
			t.Errorf("fingerprint %s is there twice", i.Fingerprint)
		}
		seen[i.Fingerprint] = true
		if i.Location.Path == "" || i.Location.Lines.Begin < 1 {
			t.Errorf("no place: %+v", i)
		}
	}
	if len(issues) != 18 {
		t.Errorf("%d issues", len(issues))
	}
	// Lines and wording may change.
	moved := fullRun()
	for _, f := range moved.Findings {
		if f.Line > 0 {
			f.Line += 100
		}
		f.Message += " indeed"
	}
	var after []gitlabIssue
	if err := json.Unmarshal([]byte(write(t, "gitlab", moved, Options{})), &after); err != nil {
		t.Fatal(err)
	}
	for _, i := range after {
		if !seen[i.Fingerprint] {
			t.Errorf("fingerprint of %s changed with the line", i.CheckName)
		}
	}
}

func TestMarkdownLimit(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 100, 200, 1000, 5000} {
		run := manyRun(n)
		run.Patch = fixes
		for _, f := range run.Findings {
			f.Fix = "set replicas to 3"
		}
		for range n {
			run.Notices = append(run.Notices, &finding.Problem{Message: hostile})
		}
		got := write(t, "markdown", run, Options{})
		if len(got) > commentLimit {
			t.Errorf("%d findings: %d bytes", 3*n, len(got))
		}
		patches, named := strings.Count(got, "```diff\n"), strings.Contains(got, "<br><code>--fix")
		if patches == 0 || named != (len(got) > patchesLimit+2*maxPatch) {
			t.Errorf("%d findings: %d bytes with %d patches; other fixes are named: %v", 3*n, len(got), patches, named)
		}
		shown := strings.Count(got, "\n- **")
		told := 0
		if i := strings.Index(got, " findings not shown"); i >= 0 {
			fmt.Sscan(got[strings.LastIndex(got[:i], "\n")+1:i], &told)
		}
		if shown+told != 3*n {
			t.Errorf("%d findings: %d shown and %d told of", 3*n, shown, told)
		}
		if err := harmlessMarkdown(got); err != nil {
			t.Error(err)
		}
	}
	huge := &Run{Findings: []*finding.Finding{{Rule: "a/b", Message: strings.Repeat("x", 2*commentLimit)}, {Rule: "a/b", Message: "short"}}}
	if got := write(t, "markdown", huge, Options{}); len(got) > commentLimit || !strings.Contains(got, "1 finding not shown") || !strings.Contains(got, "short") {
		t.Errorf("%d bytes", len(got))
	}
}

// TestMarkdownPatch: a patch is shown if it is one hunk and short, masked and inside of its fence; else the fix is named.
func TestMarkdownPatch(t *testing.T) {
	t.Parallel()
	const head, named = "--- a/x\n+++ b/x\n", "  <br><code>--fix</code>: set 3\n"
	for _, tt := range []struct{ patch, want string }{
		{"", named},
		{head + "@@ -1 +1 @@\n-a: 2\n+a: 3\n@@ -9 +9 @@\n-a: 2\n+a: 3\n", named},
		{head + "@@ -1 +1 @@\n-a: 2\n+a: " + strings.Repeat("3", maxPatch) + "\n", named},
		{head + "@@ -1 +1 @@\n-a: 2\n+a: 3\n", "  <details><summary><code>--fix</code>: set 3</summary>\n\n  ```diff\n  --- a/x\n  +++ b/x\n  @@ -1 +1 @@\n  -a: 2\n  +a: 3\n  ```\n\n  </details>\n"},
		{head + "@@ -1 +1 @@\n-a: ```\n+a: 3\n", "  ````diff\n  --- a/x\n  +++ b/x\n  @@ -1 +1 @@\n  -a: ```\n  +a: 3\n  ````\n"},
		{head + "@@ -1,2 +1,2 @@\n password: " + canary + "\n-a: 2\n+a: 3\n", "   password: ***\n  -a: 2\n"},
		{head + "@@ -1 +1 @@\n-a: 2\r\n+a: \x1b[31m\r\n", "  -a: 2\n  +a: \\x1b[31m\n"},
	} {
		run := &Run{
			Findings: []*finding.Finding{{Rule: "a/b", Message: "no", Position: at("x", 1, 1), Fix: "set 3"}},
			Patch:    func(*finding.Finding) (string, string) { return "x", tt.patch },
		}
		got := write(t, "markdown", run, Options{})
		if !strings.Contains(got, tt.want) || strings.Contains(got, named) != (tt.want == named) || strings.Contains(got, canary) {
			t.Errorf("%q is shown as\n%s\nwant\n%s", tt.patch, got, tt.want)
		}
		if err := harmlessMarkdown(got); err != nil {
			t.Error(err)
		}
	}
}

func TestSARIFLimits(t *testing.T) {
	t.Parallel()
	run := manyRun(9000)
	for i := range 1500 {
		run.Findings[0].Related = append(run.Findings[0].Related, finding.Related{Position: at("x.yaml", i+1, 1), Message: "here"})
	}
	var log sarifLog
	if err := json.Unmarshal([]byte(write(t, "sarif", run, Options{})), &log); err != nil {
		t.Fatal(err)
	}
	r := log.Runs[0]
	levels := make(map[string]int)
	prints := make(map[string]bool)
	for _, result := range r.Results {
		levels[result.Level]++
		prints[result.PartialFingerprints["redisGitopsFinding/v1"]] = true
		if len(result.RelatedLocations) > sarifLocations {
			t.Errorf("%d related locations", len(result.RelatedLocations))
		}
	}
	if len(r.Results) != sarifResults || levels["error"] != 9000 || levels["warning"] != 9000 || len(prints) != sarifResults {
		t.Errorf("%d results, %v, %d fingerprints", len(r.Results), levels, len(prints))
	}
	if notes := r.Invocations[0].ToolExecutionNotifications; len(notes) != 1 || !strings.HasPrefix(notes[0].Message.Text, "2000 findings omitted") {
		t.Errorf("what is left out is not told: %v", notes)
	}
}

func TestExcerpt(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 30)
	for _, tt := range []struct {
		source          string
		line, column    int
		endLine, endCol int
		text, marker    string
	}{
		{"a: b\n", 1, 4, 1, 5, "a: b", "   ^"},
		{"a: b\n", 1, 4, 0, 0, "a: b", "   ^"},
		{"a: b\n", 1, 0, 0, 0, "a: b", ""},
		{"a: b\n", 1, 99, 1, 120, "a: b", "    ^"},
		{"a: b\r\nc: d\r\n", 2, 1, 2, 2, "c: d", "^"},
		{"\ufeffa: b\n", 1, 1, 1, 2, "a: b", "^"},
		{"a:\n  - b  \n  - c\n", 2, 3, 3, 6, "  - b", "  ^^^"},
		{"\ta:\tb\n", 1, 5, 1, 6, "    a:    b", "          ^"},
		{"日本: x\n", 1, 5, 1, 6, "日本: x", "      ^"},
		{"e\u0301: x\n", 1, 5, 1, 6, "e\u0301: x", "   ^"},
		{"a: \x1b[31m\n", 1, 4, 1, 5, `a: \x1b[31m`, "   ^^^^"},
		{"a: \xff\n", 1, 4, 1, 5, `a: \xff`, "   ^^^^"},
		{"a: " + long + "\n", 1, 1, 1, 2, "a: " + long[:117] + "…", "^"},
		{"a: " + long + "\n", 1, 203, 1, 205, "…" + long[179:298] + "…", strings.Repeat(" ", 21) + "^^"},
		{"last", 1, 1, 1, 5, "last", "^^^^"},
		{"\n", 1, 1, 0, 0, "", "^"},
		{"password: x\n", 1, 11, 1, 12, "password: ***", "          ^^^"},
		{"password: x\n", 1, 1, 1, 9, "password: ***", "^^^^^^^^"},
	} {
		v := newView(&Run{Source: func(string) ([]byte, bool) { return []byte(tt.source), true }}, Options{})
		e, ok := v.excerptOf(at("a.yaml", tt.line, tt.column), tt.endLine, tt.endCol)
		if !ok || e.text != tt.text || e.marker != tt.marker {
			t.Errorf("%q at %d:%d:\ngot  %q\n     %q\nwant %q\n     %q", tt.source, tt.line, tt.column, e.text, e.marker, tt.text, tt.marker)
		}
	}
	v := newView(&Run{Source: source}, Options{})
	for _, none := range []finding.Position{at("gone.yaml", 1, 1), at("applications/shop/values.yaml", 0, 1), at("applications/shop/values.yaml", 999, 1), {}} {
		if _, ok := v.excerptOf(none, 0, 0); ok {
			t.Errorf("an excerpt of %v", none)
		}
	}
}

// TestMasked describes what of a line is shown: names and keys are, values that may be secret are not.
func TestMasked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ line, shown string }{
		{"replicas: 3", "replicas: 3"},
		{"password: hunter2 # it", "password: *** ***"},
		{`"requirepass": "hunter2"`, `"requirepass": ***`},
		{"- TOKEN=hunter2", "- TOKEN=***"},
		{"a: {password: hunter2, b: 1}", "a: {password: ***, b: 1}"},
		{"url: redis://:hunter2@redis", "url: redis://***@redis"},
		{"url: redis://:$(REDIS_PASSWORD)@redis", "url: redis://:$(REDIS_PASSWORD)@redis"},
		{"image: docker://redis@sha256:0123", "image: docker://redis@sha256:0123"},
		{"secretPath: redis-auth", "secretPath: redis-auth"},
		{"secretPath: Hunter2/x", "secretPath: ***"},
		{"password: {{ .Values.password | default \"hunter2\" }}", "password: {{ .Values.password | default \"***\" }}"},
		{"auth:", "auth:"},
		{"kind: Secret", "kind: Secret"},
		{"", ""},
		{"enabled: true", "enabled: true"},
	} {
		v := newView(&Run{Source: func(string) ([]byte, bool) { return []byte(tt.line), true }}, Options{})
		if got := redact.Without(tt.line, v.hide(at("a.yaml", 1, 1), tt.line)); got != tt.shown {
			t.Errorf("%q is shown as %q, want %q", tt.line, got, tt.shown)
		}
	}
}

func TestRelativeURI(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ file, want string }{
		{"applications/shop/values.yaml", "applications/shop/values.yaml"},
		{"", "."},
		{"a:b/c.yaml", "./a:b/c.yaml"},
		{"a/b:c.yaml", "a/b:c.yaml"},
		{"a b/ü#?%.yaml", "a%20b/%C3%BC%23%3F%25.yaml"},
		{"a\\b\n", "a%5Cb%0A"},
	} {
		if got := relativeURI(tt.file); got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.file, got, tt.want)
		}
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ in, want string }{
		{"plain äöü 日本", "plain äöü 日本"},
		{"a\x1b[31m\tb\r\n", `a\x1b[31m\tb\r\n`},
		{"\u202egnp.exe", `\u202egnp.exe`},
		{"\xff\x80", `\xff\x80`},
		{"\ufffd", "\ufffd"},
		{"\u2028\u200b\ufeff", `\u2028\u200b\ufeff`},
		{"\U000e0041\x7f\u0085", `\U000e0041\x7f\u0085`},
	} {
		if got := printable(tt.in); got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   string
		n    int
		want string
	}{
		{"abc", 3, "abc"},
		{"abcd", 3, "…"},
		{"abcdef", 5, "ab…"},
		{"aäöü", 6, "aä…"},
	} {
		if got := cut(tt.in, tt.n); got != tt.want || len(got) > tt.n {
			t.Errorf("cut(%q, %d) = %q", tt.in, tt.n, got)
		}
	}
}

func TestUnknownFormat(t *testing.T) {
	t.Parallel()
	err := Write(&bytes.Buffer{}, "sarf", &Run{}, Options{})
	if err == nil || !strings.Contains(err.Error(), `unknown format "sarf"; one of "text", `) || !strings.HasSuffix(err.Error(), `; did you mean "sarif"?`) {
		t.Error(err)
	}
	if err := Check("kafka"); err == nil || strings.Contains(err.Error(), "did you mean") {
		t.Error(err)
	}
	for _, f := range Formats() {
		if err := Check(f.Name); err != nil {
			t.Error(err)
		}
		if f.Title == "" {
			t.Errorf("%s says nothing about itself", f.Name)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriteError(t *testing.T) {
	t.Parallel()
	for _, f := range Formats() {
		if err := Write(full{}, f.Name, &Run{}, Options{}); err == nil || err.Error() != "cannot write the "+f.Name+" report: disk full" {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}
