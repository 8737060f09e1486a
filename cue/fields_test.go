package cue

import (
	"bytes"
	"os"
	"testing"
)

// TestFieldsByKind keeps the fields that rules read the same as those of the operators. UPDATE=1 writes them.
func TestFieldsByKind(t *testing.T) {
	const file = "../policy/lib/fields.rego"
	want, err := FieldsByKind()
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not current; run UPDATE=1 go test ./cue", file)
	}
}
