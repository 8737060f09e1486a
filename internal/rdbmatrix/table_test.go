//go:build integration

package rdbmatrix

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

// keysOf returns the keys of two maps.
func keysOf(a, b map[string]string) iter.Seq[string] {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return maps.Keys(all)
}

// A table is what is printed: a row for each source and target, and the reasons of refusals below it.
type table struct {
	text    strings.Builder
	reasons map[string]int
}

// shorten replaces each reason by its number.
func (t *table) shorten(cell string) string {
	reason, refused := strings.CutPrefix(cell, "refused: ")
	if !refused {
		text, _, _ := strings.Cut(cell, ":")
		if strings.HasPrefix(cell, "ok") {
			text = cell
		}
		return text
	}
	reason, _, _ = strings.Cut(reason, "\n")
	if t.reasons[reason] == 0 {
		t.reasons[reason] = len(t.reasons) + 1
	}
	return fmt.Sprintf("refused [%d]", t.reasons[reason])
}

func (t *table) row(from, to string, cells []string) {
	if t.text.Len() == 0 {
		fmt.Fprintf(&t.text, "%-22s %-11s", "source", "target")
		for _, m := range methods {
			fmt.Fprintf(&t.text, " %-24s", m.name)
		}
		t.text.WriteByte('\n')
	}
	fmt.Fprintf(&t.text, "%-22s %-11s", from, to)
	for _, c := range cells {
		fmt.Fprintf(&t.text, " %-24s", t.shorten(c))
	}
	t.text.WriteByte('\n')
}

func (t *table) String() string {
	numbers := slices.SortedFunc(maps.Keys(t.reasons), func(a, b string) int { return t.reasons[a] - t.reasons[b] })
	for _, reason := range numbers {
		fmt.Fprintf(&t.text, "[%d] %s\n", t.reasons[reason], reason)
	}
	return t.text.String()
}
