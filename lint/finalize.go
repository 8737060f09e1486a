package lint

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
)

// finalize makes the one sorted list of what all parts have found.
func (l *linter) finalize(ctx context.Context) error {
	l.suppress()
	l.dropMoot()
	l.dedupe()
	hidden := l.dropOutOfScope()
	if len(l.opts.Paths) > 0 {
		l.findings = slices.DeleteFunc(l.findings, func(f *finding.Finding) bool { return !l.inPaths(f) })
	}
	if l.opts.Base != nil {
		if err := l.onlyChanged(ctx); err != nil {
			return err
		}
	}
	if !l.opts.unfolded {
		l.group()
	}
	if b := l.opts.Baseline; b != nil {
		gone := b.apply(slices.Concat(l.findings, hidden))
		if len(l.missing().dirs) == 0 {
			l.notices = append(l.notices, gone...)
		}
	}
	finding.SortFindings(l.findings)
	return nil
}

// dedupe makes one of findings that differ in the value set only: a finding that the chart's own values have too stands for all.
func (l *linter) dedupe() {
	finding.SortFindings(l.findings)
	key := func(f *finding.Finding) string {
		return strings.Join([]string{f.Rule, f.Position.String(), f.Message}, "\x01") // one line of two overlays is one mistake
	}
	kept := map[string]*finding.Finding{}
	l.findings = slices.DeleteFunc(l.findings, func(f *finding.Finding) bool {
		first, seen := kept[key(f)]
		if !seen {
			kept[key(f)] = f
			return false
		}
		if len(first.Sets) == 0 || len(f.Sets) == 0 {
			first.Sets = nil
		} else if !slices.Contains(first.Sets, f.Sets[0]) {
			first.Sets = append(first.Sets, f.Sets[0])
		}
		switch one, other := l.located[first], l.located[f]; {
		case other == nil:
		case one == nil || len(one.edits) == 0 && len(other.edits) > 0:
			l.located[first] = other
			other.tell(first)
		case one.id() == other.id():
			l.located[first] = one.and(other)
		}
		return true
	})
}

// maxAlso is how many places a finding that stands for many lists.
const maxAlso = 50

// group makes one finding of many, for rules that say so: the first one, with the others as related places.
func (l *linter) group() {
	finding.SortFindings(l.findings)
	first := map[string]*finding.Finding{}
	l.findings = slices.DeleteFunc(l.findings, func(f *finding.Finding) bool {
		rule := l.rules.all[f.Rule]
		if rule == nil || rule.Once == "" || f.Suppressed != nil {
			return false
		}
		key := f.Rule + "\x00" + fmt.Sprint(f.Severity)
		if rule.Once == "application" {
			key += "\x00" + l.folder(f.File)
		}
		one := first[key]
		if one == nil {
			first[key] = f
			f.Count = 1
			return false
		}
		one.Count++
		if one.Count <= maxAlso {
			one.Related = append(one.Related, finding.Related{Position: f.Position, Message: "also here: " + f.Resource.String()})
		}
		return true
	})
	for _, f := range first {
		if f.Count == 1 {
			f.Count = 0
		}
	}
}

// folder returns the folder of the unit that a file belongs to.
func (l *linter) folder(file string) string {
	best := path.Dir(file)
	for d := best; d != "."; d = path.Dir(d) {
		if l.has(d+"/Chart.yaml") || l.has(d+"/kustomization.yaml") {
			best = d
		}
	}
	return best
}

// inPaths reports whether a finding is in one of the paths that were asked for.
func (l *linter) inPaths(f *finding.Finding) bool {
	return slices.ContainsFunc(l.opts.Paths, func(p string) bool {
		return p == "." || f.File == p || strings.HasPrefix(f.File, p+"/")
	})
}
