package scaffold

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	udiff "github.com/aymanbagabas/go-udiff"
)

// A block that ends like the one before it is added as a whole, not from the end of that one.
func TestDiffSlides(t *testing.T) {
	const before = "resources:\n  redis:\n    memory: 1Gi\n    auth: a\n    networkPolicy: b\n"
	const added = "  redisJobs:\n    memory: 2Gi\n    auth: a\n    networkPolicy: b\n"
	got := unified("a/x", "b/x", before+"env: []\n", before+added+"env: []\n")
	if !strings.Contains(got, "     networkPolicy: b\n+  redisJobs:\n") {
		t.Errorf("added:\n%s", got)
	}
	if got = unified("a/x", "b/x", before+added+"env: []\n", before+"env: []\n"); !strings.Contains(got, "     networkPolicy: b\n-  redisJobs:\n") {
		t.Errorf("removed:\n%s", got)
	}
	if got = unified("a/x", "b/x", before, before+added); !strings.Contains(got, "     networkPolicy: b\n+  redisJobs:\n") {
		t.Errorf("at the end:\n%s", got)
	}
}

// Wherever edits are moved to, they make the same text.
func TestDiffSlidesKeepText(t *testing.T) {
	random := rand.New(rand.NewPCG(14, 28))
	text := func() string {
		var b strings.Builder
		for range random.IntN(12) {
			fmt.Fprintf(&b, "%s%c\n", strings.Repeat(" ", 2*random.IntN(3)), 'a'+rune(random.IntN(3)))
		}
		if s := b.String(); random.IntN(4) > 0 {
			return s
		}
		return strings.TrimSuffix(b.String(), "\n")
	}
	moved := 0
	for range 20_000 {
		old, new := text(), text()
		edits := udiff.Lines(old, new)
		slid := slide(old, edits)
		got, err := udiff.Apply(old, slid)
		if err != nil || got != new {
			t.Fatalf("%q to %q: %v gives %q, %v", old, new, slid, got, err)
		}
		if fmt.Sprint(edits) != fmt.Sprint(slid) {
			moved++
		}
	}
	if moved == 0 {
		t.Error("nothing was moved")
	}
}
