package lint

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
)

// Baseline is the findings that a repository had when it began to be checked. It holds no line numbers, so that it stays right
// when lines move.
type Baseline struct {
	File    string          `json:"-"`
	Version int             `json:"version"`
	Known   []BaselineEntry `json:"findings"`
}

// BaselineEntry stands for Count findings that differ in their lines only.
type BaselineEntry struct {
	Rule     string `json:"rule"`
	File     string `json:"file"`
	Resource string `json:"resource,omitempty"`
	Path     string `json:"path,omitempty"`
	Count    int    `json:"count"`
}

// ParseBaseline reads what [Baseline.JSON] wrote.
func ParseBaseline(file string, src []byte) (*Baseline, error) {
	b := &Baseline{File: file}
	at := finding.Position{File: file}
	decoder := json.NewDecoder(strings.NewReader(string(src)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(b); err != nil {
		return nil, finding.Errorf(at, "", "is not a valid baseline: %v; recreate it with --create-baseline", err)
	}
	if b.Version != 1 {
		return nil, finding.Errorf(at, "version", "unknown version %d; recreate the baseline with --create-baseline", b.Version)
	}
	for i, e := range b.Known {
		if e.Rule == "" || e.Count < 1 {
			return nil, finding.Errorf(at, fmt.Sprintf("findings.%d", i), "has no rule or a count below 1; recreate the baseline with --create-baseline")
		}
	}
	return b, nil
}

// NewBaseline takes down the findings that count.
func NewBaseline(findings []*finding.Finding) *Baseline {
	b := &Baseline{Version: 1, Known: []BaselineEntry{}}
	at := map[BaselineEntry]int{}
	for _, f := range findings {
		if f.Suppressed != nil && f.Suppressed.Kind != "baseline" {
			continue
		}
		e := entry(f)
		i, known := at[e]
		if !known {
			i = len(b.Known)
			at[e] = i
			b.Known = append(b.Known, e)
		}
		b.Known[i].Count += max(1, f.Count)
	}
	slices.SortFunc(b.Known, func(x, y BaselineEntry) int {
		return strings.Compare(x.Rule+"\x00"+x.File+"\x00"+x.Resource+"\x00"+x.Path, y.Rule+"\x00"+y.File+"\x00"+y.Resource+"\x00"+y.Path)
	})
	return b
}

func entry(f *finding.Finding) BaselineEntry {
	return BaselineEntry{Rule: f.Rule, File: f.File, Resource: f.Resource.String(), Path: strings.Join(f.Path, ".")}
}

// JSON returns the baseline as a file.
func (b *Baseline) JSON() ([]byte, error) {
	out, err := json.MarshalIndent(b, "", "  ")
	return append(out, '\n'), err
}

// apply suppresses what the baseline knows, and says which entries nothing answers to any more.
func (b *Baseline) apply(findings []*finding.Finding) []*finding.Problem {
	left := map[BaselineEntry]int{}
	for _, e := range b.Known {
		count := e.Count
		e.Count = 0
		left[e] += count
	}
	for _, f := range findings {
		if f.Suppressed != nil || strings.HasPrefix(f.Rule, "suppression/") {
			continue
		}
		e := entry(f)
		if n := max(1, f.Count); left[e] >= n {
			left[e] -= n
			f.Suppressed = &finding.Suppression{Position: finding.Position{File: b.File}, Kind: "baseline", Reason: "existed before"}
		}
	}
	gone := 0
	for _, e := range b.Known {
		e.Count = 0
		if left[e] > 0 {
			gone++
			left[e] = 0
		}
	}
	if gone == 0 {
		return nil
	}
	return []*finding.Problem{finding.Errorf(finding.Position{File: b.File}, "", "%d entries are no longer needed; recreate the baseline with --create-baseline", gone)}
}
