package patch

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
	got := Unified("a/x", "b/x", before+"env: []\n", before+added+"env: []\n")
	if !strings.Contains(got, "     networkPolicy: b\n+  redisJobs:\n") {
		t.Errorf("added:\n%s", got)
	}
	if got = Unified("a/x", "b/x", before+added+"env: []\n", before+"env: []\n"); !strings.Contains(got, "     networkPolicy: b\n-  redisJobs:\n") {
		t.Errorf("removed:\n%s", got)
	}
	if got = Unified("a/x", "b/x", before, before+added); !strings.Contains(got, "     networkPolicy: b\n+  redisJobs:\n") {
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

// Every hunk begins where its lines are, in the old text and in the new one.
func TestNumbers(t *testing.T) {
	random := rand.New(rand.NewPCG(29, 11))
	hunks := 0
	for range 3000 {
		var old, new strings.Builder
		for range random.IntN(80) {
			line := fmt.Sprintf("%s%c\n", strings.Repeat(" ", 2*random.IntN(3)), 'a'+rune(random.IntN(9)))
			old.WriteString(line)
			switch random.IntN(20) {
			case 0:
			case 1:
				new.WriteString(line + "added\n")
			case 2:
				new.WriteString("@@ -1,2 +3,4 @@\n")
			default:
				new.WriteString(line)
			}
		}
		text := Unified("a", "b", old.String(), new.String())
		lines := [2][]string{strings.SplitAfter(old.String(), "\n"), strings.SplitAfter(new.String(), "\n")}
		var at [2]int
		for _, line := range strings.SplitAfter(text, "\n")[min(2, strings.Count(text, "\n")):] {
			if m := header.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil {
				hunks++
				at = [2]int{number(m[1]) - 1, number(m[3]) - 1}
				continue
			}
			for side, mark := range []string{"-", "+"} {
				if !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, mark) {
					continue
				}
				if lines[side][at[side]] != line[1:] {
					t.Fatalf("line %d of side %d is %q, not %q\n%s", at[side]+1, side, lines[side][at[side]], line[1:], text)
				}
				at[side]++
			}
		}
	}
	if hunks < 3000 {
		t.Errorf("only %d hunks", hunks)
	}
}
