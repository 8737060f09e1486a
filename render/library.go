package render

import (
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

var (
	includedName = lazyregexp.New(`\b(?:include|template)\s+"([^"]+)"`)
	definedName  = lazyregexp.New(`\{\{-?\s*(?:define|block)\s+"([^"]+)"`)
)

// LibraryReads returns what the chart's templates read by way of named templates that are not their own: those of subcharts,
// which see the chart's values when they are handed its context, and those that are nowhere in the repository. What the
// latter read is unknown, so each is a read of all values: its Path is empty.
func (r *Result) LibraryReads() []Read {
	if r.library == nil {
		return nil
	}
	return r.library()
}

func (r *Result) libraryReads() []Read {
	defined := map[string]*source{}
	var queue []*source
	for _, s := range r.run.sources {
		for _, m := range definedName.FindAllStringSubmatch(s.text, -1) {
			defined[m[1]] = s
		}
		if s.chart == r.run.root {
			queue = append(queue, s)
		}
	}
	slices.SortFunc(queue, func(a, b *source) int { return strings.Compare(a.file, b.file) })
	seen := map[*source]bool{}
	var reads []Read
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		if seen[s] {
			continue
		}
		seen[s] = true
		if s.chart != r.run.root {
			for _, read := range s.facts.reads {
				reads = append(reads, Read{Path: read.path, At: s.position(read.offset), Guarded: read.guarded, Dynamic: read.dynamic})
			}
		}
		for _, m := range includedName.FindAllStringSubmatchIndex(s.text, -1) {
			to := defined[s.text[m[2]:m[3]]]
			if to == nil {
				reads = append(reads, Read{At: s.position(m[0]), Guarded: true, Dynamic: true})
				continue
			}
			queue = append(queue, to)
		}
	}
	return reads
}
