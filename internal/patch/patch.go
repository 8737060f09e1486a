// Package patch writes the difference of two texts for people and for git apply.
package patch

import (
	"fmt"
	"strconv"
	"strings"

	udiff "github.com/aymanbagabas/go-udiff"

	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// Unified returns the difference of two texts in the unified format. Lines that are only added or only removed are moved, as git does,
// to where they begin with what is least indented: a new block of YAML that ends like the one before it would otherwise seem to begin
// inside of that.
func Unified(from, to, old, new string) string {
	edits := slide(old, udiff.Lines(old, new))
	text, err := udiff.ToUnified(from, to, old, edits, udiff.DefaultContextLines)
	if err != nil {
		text = udiff.Unified(from, to, old, new)
	}
	return numbered(text)
}

var header = lazyregexp.New(`^@@ -(\d+)(?:,(\d+))? \+(\d+)((?:,(\d+))?) @@$`)

// numbered corrects the lines of the new text in the headers: go-udiff 0.4.1 forgets the lines between the edits of one hunk in those
// after it, which git apply makes up for and people do not.
func numbered(text string) string {
	added := 0
	var b strings.Builder
	for line := range strings.Lines(text) {
		var m []string
		if strings.HasPrefix(line, "@@ ") {
			m = header.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		}
		if m == nil || number(m[2]) == 0 || number(m[5]) == 0 { // all of a file, whose start is odd and right
			b.WriteString(line)
			continue
		}
		old, _, _ := strings.Cut(line, " +")
		fmt.Fprintf(&b, "%s +%d%s @@\n", old, number(m[1])+added, m[4])
		added += number(m[5]) - number(m[2])
	}
	return b.String()
}

// number reads a number of a header; one that is left out is 1.
func number(text string) int {
	if text == "" {
		return 1
	}
	n, _ := strconv.Atoi(text) // digits
	return n
}

// slide moves edits of whole lines, none across another one.
func slide(old string, edits []udiff.Edit) []udiff.Edit {
	out := make([]udiff.Edit, len(edits))
	for i, e := range edits {
		out[i] = e
		if e.New != "" && e.Start != e.End {
			continue
		}
		low, high := 0, len(old)
		if i > 0 {
			low = out[i-1].End
		}
		if i+1 < len(edits) {
			high = edits[i+1].Start
		}
		out[i] = best(old, e, low, high)
	}
	return out
}

// best returns the same edit at the location between two offsets of the old text that reads best: the lowest of those whose first line
// is least indented.
func best(old string, e udiff.Edit, low, high int) udiff.Edit {
	for next, ok := up(old, e, low); ok; next, ok = up(old, e, low) {
		e = next
	}
	found := e
	for next, ok := down(old, e, high); ok; next, ok = down(old, next, high) {
		if indentOf(block(old, next)) <= indentOf(block(old, found)) {
			found = next
		}
	}
	return found
}

// block is what an edit adds or removes.
func block(old string, e udiff.Edit) string {
	if e.New != "" {
		return e.New
	}
	return old[e.Start:e.End]
}

// up moves an edit up by a line, if the line before it is its last one.
func up(old string, e udiff.Edit, low int) (udiff.Edit, bool) {
	text := block(old, e)
	last := lastLine(text)
	if e.Start-len(last) < low || !strings.HasSuffix(last, "\n") || !strings.HasSuffix(old[:e.Start], last) || lastLine(old[:e.Start]) != last {
		return e, false
	}
	e.Start, e.End = e.Start-len(last), e.End-len(last)
	if e.New != "" {
		e.New = last + strings.TrimSuffix(text, last)
	}
	return e, true
}

// down moves an edit down by a line, if the line after it is its first one.
func down(old string, e udiff.Edit, high int) (udiff.Edit, bool) {
	text := block(old, e)
	first, _, ok := strings.Cut(text, "\n")
	first += "\n"
	if !ok || e.End+len(first) > high || !strings.HasPrefix(old[e.End:], first) || !strings.HasSuffix(text, "\n") {
		return e, false
	}
	e.Start, e.End = e.Start+len(first), e.End+len(first)
	if e.New != "" {
		e.New = strings.TrimPrefix(text, first) + first
	}
	return e, true
}

func lastLine(text string) string {
	return text[strings.LastIndexByte(strings.TrimSuffix(text, "\n"), '\n')+1:]
}

func indentOf(text string) int { return len(text) - len(strings.TrimLeft(text, " ")) }
