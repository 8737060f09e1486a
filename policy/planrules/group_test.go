package planrules

import (
	"math/rand"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/policy"
)

// TestGroup: the function in Go gives what the one in Rego gives.
func TestGroup(t *testing.T) {
	t.Parallel()
	library, err := policy.Library()
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(library["group"], "package redisgitops.lib.group", "package t", 1) + "\nx := by(input)\n"
	m := machineOf(t, text)
	p := m.plan
	r := random{rand.New(rand.NewSource(9))}
	for range 500 {
		pairs := &array{}
		for range r.Intn(60) {
			pairs.elems = append(pairs.elems, &array{[]any{r.value(1), r.value(2)}})
			if r.Intn(20) == 0 {
				pairs.elems = append(pairs.elems, r.value(2))
			}
		}
		var input any = pairs
		switch r.Intn(6) {
		case 0:
			s := &set{}
			for _, e := range pairs.elems {
				s.add(e)
			}
			input = s
		case 1:
			o := &object{}
			for _, e := range pairs.elems {
				o.put(r.value(1), e)
			}
			input = o
		case 2:
			input = r.value(1)
		}
		m.begin(t.Context())
		want, err := m.eval(p.byName["g0/t/x"], input, &object{})
		if err != nil {
			t.Fatal(err)
		}
		if got := groupBy(m, []any{input}); same(got) != same(want) {
			t.Fatalf("%s: %s, want %s", same(input), same(got), same(want))
		}
	}
}
