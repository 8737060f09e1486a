package instance

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"testing"
)

// TestExpand: what is replaced is what a regular expression finds.
func TestExpand(t *testing.T) {
	t.Parallel()
	placeholder := regexp.MustCompile(`\{[^{}]*\}`)
	random := rand.New(rand.NewPCG(1, 2))
	s := &scope{object: &Document{}, vars: map[string]string{"a": "A", "b": "{a}"}}
	for range 20000 {
		text := ""
		for range random.IntN(12) {
			text += []string{"{", "}", "a", "b", "|", "-"}[random.IntN(6)]
		}
		want := placeholder.ReplaceAllStringFunc(text, func(hole string) string {
			inside := hole[1 : len(hole)-1]
			for i := 0; i <= len(inside); i++ {
				if i == len(inside) || inside[i] == '|' {
					if value := s.value(inside[:i]); value != "" || i == len(inside) {
						return value
					}
					return s.expand("{" + inside[i+1:] + "}")
				}
			}
			return ""
		})
		if got := s.expand(text); got != want {
			t.Fatalf("%q became %q, want %q", text, got, want)
		}
	}
}

// TestAt: a path is that of fields and of indexes of lists, in the resource or beside it.
func TestAt(t *testing.T) {
	t.Parallel()
	s := &scope{object: &Document{Object: map[string]any{"spec": map[string]any{"list": []any{"x"}}}}, with: map[string]any{"spec": "beside"}}
	for path, want := range map[string]any{"spec.list.0": "x", "spec.list.1": nil, "spec.list.x.y": nil, "with.spec": "beside", "with.none.x": nil, "": nil} {
		if got := s.at(path); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	}
}
