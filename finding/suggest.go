package finding

import (
	"fmt"
	"slices"
	"strings"
)

// DidYouMean returns `; did you mean "opstree"?` for the known name nearest to name, or "" when none is near.
func DidYouMean(name string, known []string) string {
	if near := Nearest(name, known); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// Nearest returns the known name that name is most likely a slip of, or "". A slip is at most one edit in three letters
// (a swap of neighbours counts as one), another case, or a known name that differs only in "-", "_" and ".".
func Nearest(name string, known []string) string {
	plain := strings.NewReplacer("-", "", "_", "", ".", "")
	best, bestDistance := "", 1+max(1, len(name)/3)
	for _, k := range slices.Sorted(slices.Values(known)) {
		if k == name {
			continue
		}
		d := distance(strings.ToLower(name), strings.ToLower(k))
		if plain.Replace(strings.ToLower(name)) == plain.Replace(strings.ToLower(k)) {
			d = 0
		}
		if d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance is the number of edits between a and b, where swapping two neighbours is one edit (optimal string alignment).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := [3][]int{make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(x); i++ {
		before, last, row := rows[0], rows[1], rows[2]
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		rows[0], rows[1], rows[2] = last, row, before
	}
	return rows[1][len(y)]
}

// OneOf lists names for a message: `one of "a", "b"`.
func OneOf(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = fmt.Sprintf("%q", n)
	}
	return "one of " + strings.Join(quoted, ", ")
}
