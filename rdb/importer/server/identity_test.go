package server

import "testing"

// A process is the one that was known where its data goes on from that one.
func TestGoesOn(t *testing.T) {
	old := map[string]Identity{"": {Run: "a", Repl: "1"}}
	for _, tt := range []struct {
		now  Identity
		want bool
	}{
		{Identity{Run: "a", Repl: "1"}, true},
		{Identity{Run: "b", Repl: "1"}, true},               // a replica that is asked
		{Identity{Run: "b", Repl: "2", Before: "1"}, true},  // a failover
		{Identity{Run: "b", Repl: "2"}, false},              // a restart without what it had
		{Identity{Run: "a", Repl: "3", Before: "2"}, false}, // it was another's replica
	} {
		if got := Descends(old, map[string]Identity{"x": tt.now}); got != tt.want {
			t.Errorf("%+v: %v", tt.now, got)
		}
	}
}
