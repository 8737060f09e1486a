package cli

import (
	"runtime/debug"
	"strings"
	"testing"
)

func TestVersionText(t *testing.T) {
	settings := []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.time", Value: "2026-11-25T01:02:03Z"}, {Key: "vcs.modified", Value: "true"}}
	for _, tt := range []struct {
		name  string
		info  *debug.BuildInfo
		short bool
		want  string
	}{
		{"nothing known", nil, false, "redis-gitops " + version + " go"},
		{"a work tree", &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: settings}, false,
			"redis-gitops " + version + " (commit 0123456789ab, 2026-11-25, changed since) go"},
		{"go install", &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, false, "redis-gitops v1.2.3 go"},
		{"short", &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: settings}, true, "v1.2.3"},
	} {
		if got := versionText(tt.info, tt.short); !strings.HasPrefix(got, tt.want) || tt.short && got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
