package cue

import (
	"slices"
	"testing"
)

// TestFieldsByKind keeps the fields that rules read the same as those of the operators. UPDATE=1 writes them.
func TestFieldsByKind(t *testing.T) {
	t.Parallel()
	const file = "../policy/lib/fields.rego"
	want, err := fieldsByKind()
	if err != nil {
		t.Fatal(err)
	}
	isCurrent(t, file, want)
}

// TestStatus asks each operator for its status, and each way out for an operator.
func TestStatus(t *testing.T) {
	t.Parallel()
	for _, name := range operatorNames() {
		o, err := OperatorNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		s := o.Status()
		if !slices.Contains([]string{"maintained", "archived", "commercial", "none"}, s.State) || s.Seen == "" || s.Note == "" || s.Failover == "" {
			t.Errorf("status in cue/operator/%s/operator.cue needs state (maintained, archived, commercial or none), seen, note and failover; it is %+v", name, s)
		}
		if (s.State == "archived") != (s.Since != "" && len(s.Ways) > 0) {
			t.Errorf("%s: an archived operator has a day and ways out, and no other one", name)
		}
		for _, way := range s.Ways {
			if !slices.Contains(operatorNames(), way.To) || way.To == name || way.Work == "" {
				t.Errorf("%s: a way out leads to %q", name, way.To)
			}
		}
	}
}
