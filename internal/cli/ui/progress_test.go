package ui

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/redact"
)

// TestProgressIsBounded never shows more than there is, and no negative time, whatever the counters say.
func TestProgressIsBounded(t *testing.T) {
	for _, mode := range []string{"json", "bar", "lines"} {
		for _, now := range []Status{
			{Stage: "importing", Bytes: 400000, Total: 200000, Elapsed: 2 * time.Second},
			{Stage: "importing", Bytes: 200000, Total: 200000, Elapsed: 2 * time.Second},
			{Stage: "importing", Bytes: 0, Total: 200000, Elapsed: 2 * time.Second},
			{Stage: "importing", Bytes: 400000, Elapsed: 2 * time.Second},
		} {
			var out bytes.Buffer
			u := &UI{Out: &out, Err: &out, Secrets: &redact.Secrets{}}
			p := Progress{ui: u, mode: mode}
			p.Print(now)
			text := out.String()
			if text == "" || strings.Contains(text, "200 %") || strings.Contains(text, ", -") || strings.Contains(text, `:-`) || now.Total > 0 && strings.Contains(text, "400000") {
				t.Errorf("%s, %d of %d: %q", mode, now.Bytes, now.Total, text)
			}
		}
	}
}
