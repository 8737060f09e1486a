package lintcmd

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/redact"
	"github.com/redis-gitops/redis-gitops/report"
)

// TestParseFormats reads --format and reports all mistakes together.
func TestParseFormats(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		formats []string
		want    []output
		wrong   []string
	}{
		{nil, []output{{"text", ""}}, nil},
		{[]string{"json"}, []output{{"json", ""}}, nil},
		{[]string{"text", "sarif=a=b.sarif", "json=out.json"}, []output{{"text", ""}, {"sarif", "a=b.sarif"}, {"json", "out.json"}}, nil},
		{[]string{"text", "json", "sarf=x", "sarif="}, nil, []string{"only one format can be written to standard output", `"sarf"`, `"sarif=" has no file`}},
	} {
		got, err := parseFormats(tt.formats)
		if tt.wrong == nil && (err != nil || len(got) != len(tt.want)) {
			t.Errorf("%q: %v, %v", tt.formats, got, err)
			continue
		}
		for i, want := range tt.want {
			if got[i] != want {
				t.Errorf("%q: %v, not %v", tt.formats, got[i], want)
			}
		}
		for _, part := range tt.wrong {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%q: %q is not in %v", tt.formats, part, err)
			}
		}
	}
}

// TestFails compares what was found with --fail-on: higher severities count too.
func TestFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		found report.Summary
		want  string // the thresholds at which a run fails
	}{
		{report.Summary{}, ""},
		{report.Summary{Infos: 1}, "info"},
		{report.Summary{Warnings: 1}, "info warning"},
		{report.Summary{Errors: 1}, "info warning error"},
	} {
		var failed []string
		for _, threshold := range []string{"info", "warning", "error", "never"} {
			if fails(tt.found, threshold) {
				failed = append(failed, threshold)
			}
		}
		if got := strings.Join(failed, " "); got != tt.want {
			t.Errorf("%+v fails at %q, not %q", tt.found, got, tt.want)
		}
	}
}

// TestQuoteMasks wants a manifest to be YAML with the same structure after secret values in it are masked.
func TestQuoteMasks(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"a: SECRET\n", "a: SECRET # a comment\n", "a: [SECRET, SECRET, b]\n", "a: {b: SECRET, c: SECRET}\n", "- SECRET\n- - SECRET\n",
		"a: \"SECRET\"\n", "a: 'x SECRET'\n", "a: redis://:SECRET@host\n", "SECRET\n", "a:\n  b: SECRET\n  c: 1\n",
	} {
		shape := func(text string) string {
			var n yaml.Node
			if err := yaml.Unmarshal([]byte(text), &n); err != nil {
				t.Errorf("%q: %v", text, err)
				return ""
			}
			var b strings.Builder
			var walk func(n *yaml.Node)
			walk = func(n *yaml.Node) {
				b.WriteString(strings.ReplaceAll(n.Value, redact.Mask, "SECRET") + "(")
				for _, c := range n.Content {
					walk(c)
				}
				b.WriteString(")")
			}
			walk(&n)
			return b.String()
		}
		masked := strings.ReplaceAll(text, "SECRET", redact.Mask)
		if quoted := quoteMasks(masked); shape(quoted) != shape(text) {
			t.Errorf("%q becomes %q: %s, not %s", masked, quoted, shape(quoted), shape(text))
		} else if quoteMasks(quoted) != quoted {
			t.Errorf("%q changes again", quoted)
		}
	}
}
