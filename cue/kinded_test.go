package cue

import (
	"reflect"
	"testing"
)

// TestKinded reads all facts of all operators, of each kind for itself and together.
func TestKinded(t *testing.T) {
	t.Parallel()
	for _, name := range operatorNames() {
		o, err := OperatorNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		d := o.derived
		readsKinded(t, name+" instances", d.Instances)
		readsKinded(t, name+" podSpecs", d.PodSpecs)
		readsKinded(t, name+" references", d.References)
		readsKinded(t, name+" misplaced", d.Misplaced)
		readsKinded(t, name+" made", d.Made)
		readsKinded(t, name+" moves", d.Moves)
	}
	if k := (kinded[Scheme]{}); k.of("Redis") != nil || k.all() != nil {
		t.Error("facts where there are none")
	}
}

func readsKinded[T any](t *testing.T, what string, facts kinded[T]) {
	t.Helper()
	var all []T
	seen := map[string]bool{}
	for _, each := range facts {
		list := facts.of(each.Kind)
		if seen[each.Kind] || len(list) == 0 {
			t.Errorf("%s of %s: twice, or nothing", what, each.Kind)
		}
		seen[each.Kind] = true
		all = append(all, list...)
	}
	if got := facts.all(); !reflect.DeepEqual(got, all) {
		t.Errorf("%s: all are %v, by kind %v", what, got, all)
	}
}
