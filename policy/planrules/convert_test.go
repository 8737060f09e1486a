package planrules

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/redis-gitops/redis-gitops/policy"
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

// TestShare: what is kept of values is equal to them, and to each other the same; nothing of it changes with what is shared later.
func TestShare(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 7))
	var data func(depth int) any
	data = func(depth int) any {
		switch n := random.IntN(8); {
		case n < 3 && depth > 0:
			out := map[string]any{}
			for range random.IntN(4) + random.IntN(2)*random.IntN(100)*depth/4 {
				out[fmt.Sprint("key", random.IntN(80))] = data(depth - 1)
			}
			return out
		case n < 5 && depth > 0:
			out := make([]any, random.IntN(3))
			for i := range out {
				out[i] = data(depth - 1)
			}
			return out
		case n == 5:
			return int64(random.IntN(2))
		case n == 6:
			return []any{nil, true, 1.5}[random.IntN(3)]
		}
		return fmt.Sprint("text", random.IntN(3))
	}
	pool := &pool{}
	toPlain := pool.Plains()
	var given []any
	var kept []policy.Value
	for range 3000 {
		d := data(4)
		value, err := pool.Value(d)
		if err != nil {
			t.Fatal(err)
		}
		given, kept = append(given, d), append(kept, pool.Share(value))
	}
	same := map[string]string{}
	for i, value := range kept {
		want, err := newUnshared(given[i])
		if err != nil || !equal(of(value), want) {
			t.Fatalf("%v became %v, %v", given[i], of(value), err)
		}
		alone, err := value.Plain()
		together, err2 := toPlain(value)
		if err != nil || err2 != nil || !reflect.DeepEqual(alone, together) {
			t.Fatalf("%v as plain data is %v, and %v with others: %v, %v", given[i], alone, together, err, err2)
		}
		text := fmt.Sprintf("%#v", alone)
		if known, there := same[text]; there && large(of(value)) && known != fmt.Sprintf("%p", of(value)) && length(of(value)).(int64) <= maxShared {
			t.Fatalf("%v is there twice", alone)
		}
		same[text] = fmt.Sprintf("%p", of(value))
	}
}
