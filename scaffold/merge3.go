package scaffold

import (
	"strings"

	udiff "github.com/aymanbagabas/go-udiff"
)

// The markers are those of git, so that editors know them.
const (
	markOurs   = "<<<<<<< file\n"
	markMiddle = "=======\n"
	markTheirs = ">>>>>>> generator\n"
)

// merge3 merges two texts that come from one base, and counts the places where both changed the same lines. There, Replace takes theirs,
// Keep takes ours, Mark writes both; with Refuse only the count has a meaning.
func merge3(base, ours, theirs string, on OnConflict) (text string, conflicts int) {
	switch {
	case ours == base, ours == theirs:
		return theirs, 0
	case theirs == base:
		return ours, 0
	}
	mine, other := udiff.Lines(base, ours), udiff.Lines(base, theirs)
	var b strings.Builder
	at := 0
	for len(mine) > 0 || len(other) > 0 {
		start, end := nextRegion(mine, other)
		var here, there []udiff.Edit
		here, mine = within(mine, end)
		there, other = within(other, end)
		b.WriteString(base[at:start])
		at = end
		x, y := applied(base, here, start, end), applied(base, there, start, end)
		switch {
		case len(there) == 0 || x == y:
			b.WriteString(x)
		case len(here) == 0:
			b.WriteString(y)
		default:
			conflicts++
			b.WriteString(resolve(x, y, on, strings.Contains(ours, "\r\n")))
		}
	}
	b.WriteString(base[at:])
	return b.String(), conflicts
}

// nextRegion returns the part of the base that the next edits of both sides change, as far as they touch: two insertions at one place
// would otherwise both be taken, in an order that nobody chose.
func nextRegion(a, b []udiff.Edit) (start, end int) {
	if len(a) == 0 || len(b) > 0 && b[0].Start < a[0].Start {
		a, b = b, a
	}
	start, end = a[0].Start, a[0].End
	for grown := true; grown; {
		grown = false
		for _, edits := range [][]udiff.Edit{a, b} {
			for _, e := range edits {
				if e.Start <= end && e.End > end {
					end, grown = e.End, true
				}
			}
		}
	}
	return start, end
}

// within divides edits into those that begin up to an offset and the rest.
func within(edits []udiff.Edit, end int) (in, rest []udiff.Edit) {
	i := 0
	for i < len(edits) && edits[i].Start <= end {
		i++
	}
	return edits[:i], edits[i:]
}

// applied returns a part of the base after edits.
func applied(base string, edits []udiff.Edit, start, end int) string {
	var b strings.Builder
	for _, e := range edits {
		b.WriteString(base[start:e.Start] + e.New)
		start = e.End
	}
	return b.String() + base[start:end]
}

// resolve writes a conflict in the way that was asked for.
func resolve(ours, theirs string, on OnConflict, crlf bool) string {
	switch on {
	case Replace:
		return theirs
	case Keep:
		return ours
	}
	text := markOurs + ended(ours) + markMiddle + ended(theirs) + markTheirs
	if crlf {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	}
	return text
}

// ended returns a text whose last line, if any, has an end.
func ended(text string) string {
	if text == "" || strings.HasSuffix(text, "\n") {
		return text
	}
	return text + "\n"
}
