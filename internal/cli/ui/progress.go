package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer"
)

// linesEvery is how often a line of progress is printed where nobody watches.
const linesEvery = 5 * time.Second

// A progressPrinter shows how far an import is, on standard error.
type progressPrinter struct {
	app  *app
	mode string // bar, lines, json or none

	mu    sync.Mutex
	last  time.Time
	stage string
	drawn bool // a bar is on the line of the cursor
}

func (a *app) progressPrinter(mode string) (*progressPrinter, error) {
	modes := []string{"auto", "json", "none"}
	p := &progressPrinter{app: a, mode: mode, last: time.Now()}
	switch {
	case mode == "auto" && a.quiet:
		p.mode = "none"
	case mode == "auto" && a.terminal:
		p.mode = "bar"
	case mode == "auto":
		p.mode = "lines"
	case mode != "json" && mode != "none":
		return nil, fmt.Errorf("--progress: unknown value %q; %s%s", mode, finding.OneOf(modes), finding.DidYouMean(mode, modes))
	}
	return p, nil
}

func (p *progressPrinter) print(now importer.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Total > 0 {
		now.Bytes = min(now.Bytes, now.Total) // a file may grow meanwhile, and what was read ahead counts
	}
	seconds := now.Elapsed.Seconds()
	left := -1.0
	if now.Total > 0 && now.Bytes > 0 {
		left = seconds / float64(now.Bytes) * float64(now.Total-now.Bytes)
	}
	switch p.mode {
	case "json":
		line, err := json.Marshal(struct {
			Stage   string  `json:"stage"`
			DB      int     `json:"db"`
			Bytes   int64   `json:"bytes"`
			Total   int64   `json:"total,omitempty"`
			Keys    uint64  `json:"keys"`
			Seconds float64 `json:"seconds"`
			Left    float64 `json:"secondsLeft,omitempty"`
			Note    string  `json:"note,omitempty"`
		}{now.Stage, now.DB, now.Bytes, now.Total, now.Keys, seconds, max(left, 0), now.Note})
		if err == nil {
			_, _ = p.app.raw(p.app.err).Write([]byte(asciiControls(p.app.secrets.Text(string(line))) + "\n"))
		}
	case "bar":
		p.app.errf("%s%s", clearLine, p.line(now, seconds, left, true))
		p.drawn = true
	case "lines":
		if now.Stage == p.stage && time.Since(p.last) < linesEvery {
			return
		}
		if p.stage != "" || seconds > 1 {
			p.app.errf("%s\n", p.line(now, seconds, left, false))
		}
		p.stage, p.last = now.Stage, time.Now()
	}
}

func (p *progressPrinter) line(now importer.Progress, seconds, left float64, bar bool) string {
	var b strings.Builder
	b.WriteString(now.Stage)
	if now.Total > 0 {
		share := float64(now.Bytes) / float64(now.Total)
		if bar {
			const width = 24
			full := int(share * width)
			b.WriteString(" [" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "]")
		}
		fmt.Fprintf(&b, " %3.0f %% of %s", share*100, rdb.FormatBytes(uint64(now.Total)))
	} else {
		fmt.Fprintf(&b, " %s", rdb.FormatBytes(uint64(now.Bytes)))
	}
	if now.Keys > 0 {
		fmt.Fprintf(&b, ", db %d, %s, %.0f/s", now.DB, finding.Count(now.Keys, "key"), float64(now.Keys)/max(seconds, 0.1))
	}
	if left >= 0 && seconds > 1 {
		fmt.Fprintf(&b, ", %v left", time.Duration(left*float64(time.Second)).Round(time.Second))
	}
	if now.Note != "" {
		fmt.Fprintf(&b, " (%s)", now.Note)
	}
	return b.String()
}

// end leaves the line of the bar.
func (p *progressPrinter) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn {
		p.app.errf("%s", clearLine)
		p.drawn = false
	}
}
