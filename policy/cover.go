//go:build !compiled

package policy

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
)

// Cover takes down which lines of the rules are evaluated, for tests. It serves one goroutine at a time.
type Cover struct {
	tracer  *cover.Cover
	modules map[string]*ast.Module
}

// NewCover makes one that has seen nothing.
func NewCover() *Cover { return &Cover{tracer: cover.New(), modules: map[string]*ast.Module{}} }

// FileCover is how much of a file was evaluated.
type FileCover struct {
	Covered int   // lines
	Missed  []int // numbers of lines
}

// Files gives the coverage of each file.
func (c *Cover) Files() map[string]FileCover {
	report := c.tracer.Report(c.modules)
	out := map[string]FileCover{}
	for file, r := range report.Files {
		var f FileCover
		for _, part := range r.NotCovered {
			for line := part.Start.Row; line <= part.End.Row; line++ {
				f.Missed = append(f.Missed, line)
			}
		}
		slices.Sort(f.Missed)
		f.Missed = slices.Compact(f.Missed)
		covered := map[int]bool{}
		for _, part := range r.Covered {
			for line := part.Start.Row; line <= part.End.Row; line++ {
				covered[line] = true
			}
		}
		f.Missed = slices.DeleteFunc(f.Missed, func(line int) bool { return covered[line] })
		f.Covered = len(covered)
		out[file] = f
	}
	return out
}
