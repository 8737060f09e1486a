package finding

import (
	"fmt"
	"strings"
)

// Count returns a number with its noun: "1 key", "2 keys", "3 entries". More words may follow:
// Count(1, "key", "of type hash").
func Count[N ~int | ~int32 | ~int64 | ~uint32 | ~uint64](n N, noun string, more ...string) string {
	stem, y := strings.CutSuffix(noun, "y")
	switch {
	case n == 1:
	case y && !strings.HasSuffix(stem, "a") && !strings.HasSuffix(stem, "e"):
		noun = stem + "ies"
	default:
		noun += "s"
	}
	return strings.Join(append([]string{fmt.Sprint(n), noun}, more...), " ")
}

// Verb returns the form of a verb that goes with a number: Verb(n, "was", "were").
func Verb[N ~int | ~int32 | ~int64 | ~uint32 | ~uint64](n N, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
