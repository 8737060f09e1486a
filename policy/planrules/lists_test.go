package planrules

import (
	"math/rand"
	"testing"
)

// TestLists: scans that skip elements find what scans of all of them do.
func TestLists(t *testing.T) {
	t.Parallel()
	loops := map[string]bool{ // which skip
		`some i, e in data.repo.list; e.kind == "a"`:                             true,
		`some i, e in data.repo.list; "b" == e.kind`:                             true,
		`some i, e in data.repo.list; e.kind in {"a", "c", "none"}`:              true,
		`some i, e in data.repo.list; e.kind in {"a", 1}`:                        false,
		`some i, e in data.repo.list; at := {"b": 1, "c": {2}}[e.kind]; at`:      true,
		`some i, e in data.repo.list; e.kind == "a"; e.name != "b"; e.n`:         true,
		`some i, e in data.repo.list; e.name == "b"; some e.kind in ["a", "b"]`:  true,
		`some i, e in data.repo.list; not e.kind in {"a", "c"}`:                  false,
		`some i, e in data.repo.list; e.kind == 1`:                               false,
		`some i, e in data.repo.list; e.kind != "a"`:                             false,
		`some i, e in data.repo.none; e.kind == "a"`:                             true,
		`some i, e in data.repo.list; not other(e.kind)`:                         false,
		`some i, e in data.repo.list; e.kind == "c"; every k, v in e { k != v }`: true,
	}
	r := random{rand.New(rand.NewSource(4))}
	for loop, skips := range loops {
		text := "package t\n\nx := [[i, e] | " + loop + "]\nother(v) if { some e in data.repo.list; e.kind == v; e.name == \"b\" }\n"
		p := machineOf(t, text).plan
		blocks, err := p.blocks(&p.functions[p.byName["g0/t/x"]])
		if err != nil {
			t.Fatal(err)
		}
		filters := 0
		each(blocks, func(in *instr) {
			if in.op == opScan && in.x.filter != nil {
				filters++
			}
		})
		if filters > 0 != skips {
			t.Errorf("%s: %d scans skip", loop, filters)
		}
		m := newMachine(p)
		for range 100 {
			list := &array{}
			for range r.Intn(12) {
				o := r.object(1)
				for _, key := range []string{"kind", "name"} {
					o.put(key, []any{"a", "b", "c", "d", int64(1), null{}, &array{}}[r.Intn(7)])
				}
				o.inOrder()
				list.elems = append(list.elems, []any{o, o, o, o, r.value(1)}[r.Intn(5)])
			}
			repo := &object{pairs: []pair{{"list", list}, {"none", &array{}}}, sorted: true}
			data := &object{pairs: []pair{{"repo", repo}}, sorted: true}
			var found [2]string
			for i := range found {
				m.begin(t.Context())
				m.data = m.state()
				m.lists = nil
				if i == 1 {
					m.lists = lists(repo)
				}
				v, err := m.eval(p.byName["g0/t/x"], null{}, data)
				if err != nil {
					t.Fatal(err)
				}
				found[i] = same(v)
			}
			if found[0] != found[1] {
				t.Fatalf("%s of %s: %s, want %s", loop, same(list), found[1], found[0])
			}
		}
	}
}
