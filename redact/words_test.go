package redact

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// TestWords: a text that has none of the words of a pattern does not match it. The texts are put together from the parts of the patterns.
func TestWords(t *testing.T) {
	t.Parallel()
	patterns := []*lazyregexp.Regexp{passwordKey, secretKey, reference, ownSecret, directive, argument, assignment, aclLine, flag}
	parts := []string{" ", "-", "--", "_", ".", "=", ": ", `"`, "'", ",", "x", "-a", "1", "S3cr3t"}
	for _, p := range patterns {
		parts = append(parts, regexp.MustCompile(`[A-Za-z]+`).FindAllString(p.String(), -1)...)
	}
	slices.Sort(parts)
	parts = slices.Compact(parts)
	random := rand.New(rand.NewPCG(5, 6))
	matched := make([]int, len(patterns))
	for range 15_000 {
		var b strings.Builder
		for range 1 + random.IntN(6) {
			part := parts[random.IntN(len(parts))]
			if random.IntN(4) == 0 {
				part = strings.ToUpper(part)
			}
			b.WriteString(part)
		}
		for i, p := range patterns {
			want := p.Get().MatchString(b.String())
			if want {
				matched[i]++
			}
			if p.MatchString(b.String()) != want {
				t.Fatalf("%q matches %s, and has none of its words", b.String(), p)
			}
		}
	}
	for i, n := range matched {
		if n == 0 {
			t.Errorf("nothing matched %s", patterns[i])
		}
	}
}
