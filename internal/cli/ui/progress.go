package ui

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/rdb"
)

// linesEvery is how often a line of progress is printed where nobody watches.
const linesEvery = 5 * time.Second

// A Status is how far something is.
type Status struct {
	Stage   string
	DB      int
	Bytes   int64
	Total   int64 // 0: not known
	Keys    uint64
	Elapsed time.Duration
	Note    string
	Lag     *int64 // bytes of a stream that are still to be carried out; nil for none or not known
}

// A Progress shows how far an import or dump is, on standard error.
type Progress struct {
	ui   *UI
	mode string // bar, lines, json or none

	mu    sync.Mutex
	last  time.Time
	stage string
	drawn bool // a bar is on the line of the cursor
}

// ProgressModes are the values of --progress.
var ProgressModes = []string{"auto", "json", "none"}

// NewProgress returns one in the form that --progress names.
func (u *UI) NewProgress(mode string) (*Progress, error) {
	p := &Progress{ui: u, mode: mode, last: time.Now()}
	switch {
	case mode == "auto" && u.Quiet:
		p.mode = "none"
	case mode == "auto" && u.Terminal:
		p.mode = "bar"
	case mode == "auto":
		p.mode = "lines"
	case mode != "json" && mode != "none":
		return nil, fmt.Errorf("--progress: unknown value %q; %s%s", mode, finding.OneOf(ProgressModes), finding.DidYouMean(mode, ProgressModes))
	}
	return p, nil
}

// Print shows a status.
func (p *Progress) Print(now Status) {
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
			Lag     *int64  `json:"lag,omitempty"`
		}{now.Stage, now.DB, now.Bytes, now.Total, now.Keys, seconds, max(left, 0), now.Note, now.Lag})
		if err == nil {
			_, _ = p.ui.Raw(p.ui.Err).Write([]byte(asciiControls(p.ui.Secrets.Text(string(line))) + "\n"))
		}
	case "bar":
		p.ui.PrintErrf("%s%s", clearLine, p.line(now, seconds, left, true))
		p.drawn = true
	case "lines":
		if now.Stage == p.stage && time.Since(p.last) < linesEvery {
			return
		}
		if p.stage != "" || seconds > 1 {
			p.ui.PrintErrf("%s\n", p.line(now, seconds, left, false))
		}
		p.stage, p.last = now.Stage, time.Now()
	}
}

func (p *Progress) line(now Status, seconds, left float64, bar bool) string {
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

// End leaves the line of the bar.
func (p *Progress) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn {
		p.ui.PrintErrf("%s", clearLine)
		p.drawn = false
	}
}
