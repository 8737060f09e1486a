package lintcmd

import (
	"strings"
	"testing"
)

func TestCommentBody(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 500)
	for _, tt := range []struct {
		texts []string
		limit int
		want  string
	}{
		{[]string{"<!-- redis-gitops -->\n## a\n", "## b"}, 1000, "<!-- redis-gitops -->\n## a\n\n## b\n"},
		{[]string{"a", long}, 300, "<!-- redis-gitops -->\na\n" + tooLong},
		{[]string{long, "a"}, 300, "<!-- redis-gitops -->\n" + tooLong},
		{[]string{"ask @team, not @<!-- -->me\n```yaml\na@b\n```\n@x"}, 1000, "<!-- redis-gitops -->\nask @<!-- -->team, not @<!-- -->me\n```yaml\na@b\n```\n@<!-- -->x\n"},
		{[]string{"````\n```\n@a\n````\n@b"}, 1000, "<!-- redis-gitops -->\n````\n```\n@a\n````\n@<!-- -->b\n"},
	} {
		got := commentBody(tt.texts, tt.limit)
		if got != tt.want || len(got) > tt.limit {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
