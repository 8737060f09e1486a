package planrules

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

type place struct {
	Path   []any          `json:"path"`
	Labels map[string]any `json:"labels"`
	Port   int            `json:"port"`
	Texts  []string       `json:"texts"`
}

// TestShared: equal parts of data with Go types become one value, and nothing else does.
func TestShared(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	text := func() string { return fmt.Sprint("t", random.IntN(3)) }
	var places []place
	for range 2000 {
		p := place{Port: random.IntN(2)}
		for range random.IntN(3) {
			p.Path = append(p.Path, []any{text(), int64(random.IntN(2)), true, nil, map[string]any{"a": text()}}[random.IntN(5)])
			p.Texts = append(p.Texts, text())
		}
		if random.IntN(2) == 0 {
			p.Labels = map[string]any{text(): text()}
		}
		places = append(places, p)
	}
	pool := &pool{}
	got, err := pool.Value(places)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]any{}
	for i, e := range of(got).(*array).elems {
		one, err := newUnshared(places[i])
		if err != nil || !equal(e, one) {
			t.Fatalf("%+v became %v, %v", places[i], e, err)
		}
		for _, field := range []string{"texts", "path"} {
			part := dot(e, field)
			data, err := plain(part)
			if err != nil {
				t.Fatal(err)
			}
			key := fmt.Sprintf("%#v", data)
			if known, there := kinds[key]; there && known != part && field == "texts" {
				t.Errorf("%s is there twice", key)
			}
			kinds[key] = part
		}
	}
}

// newUnshared makes a value in a pool of its own.
func newUnshared(data any) (any, error) {
	v, err := (&pool{}).Value(data)
	return of(v), err
}
