package cue

import (
	"bytes"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"

	"cuelang.org/go/cue"
)

// TestChanges keeps what is derived from changes.cue current. UPDATE=1 writes it; run it twice then.
func TestChanges(t *testing.T) {
	t.Parallel()
	facts := Changes{General: changesOf(t, "changes/schema.cue", "changes/general.cue").Changes, Operators: map[string]OperatorChanges{}}
	found, err := filepath.Glob("operator/*/changes.cue")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range found {
		dir := path.Dir(filepath.ToSlash(file))
		facts.Operators[path.Base(dir)] = changesOf(t, "changes/schema.cue", dir+"/operator.cue", file)
	}
	src, err := json.MarshalIndent(facts, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	isCurrent(t, "changes/changes.json", append(src, '\n'))
	embedded, err := KnownChanges()
	if err != nil {
		t.Fatal(err)
	}
	if len(embedded.General) != len(facts.General) || len(embedded.Operators) != len(facts.Operators) {
		t.Error("changes.json is older than the CUE files")
	}
	spotahome, err := OperatorNamed("spotahome")
	if err != nil {
		t.Fatal(err)
	}
	fork, err := OperatorNamed("freshworks")
	if err != nil {
		t.Fatal(err)
	}
	template, err := OperatorNamed("reclaim")
	if err != nil {
		t.Fatal(err)
	}
	if len(embedded.Of(template).Changes) != len(embedded.Operators["workload"].Changes) {
		t.Error("the StatefulSets of Reclaim the Stack have other facts than any")
	}
	if own, all := len(embedded.Operators["freshworks"].Changes), len(embedded.Of(fork).Changes); own == 0 || all != own+len(embedded.Of(spotahome).Changes) {
		t.Errorf("a fork has %d facts of its own and %d in all", own, all)
	}
}

// changesOf evaluates the facts of files against their schema.
func changesOf(t *testing.T, files ...string) OperatorChanges {
	t.Helper()
	v, err := compileFrom(os.ReadFile, files...)
	if err != nil {
		t.Fatal(err)
	}
	facts := OperatorChanges{}
	for name, into := range map[string]any{"like": &facts.Like, "stateful": &facts.Stateful, "changes": &facts.Changes} {
		part := lookup(v, name)
		if !part.Exists() {
			continue
		}
		part = lookup(lookup(v, "#Facts").FillPath(cue.ParsePath(name), part), name)
		if err := part.Validate(cue.Concrete(true)); err != nil {
			t.Fatalf("%v: %v", files, err)
		}
		src, err := part.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		decoder := json.NewDecoder(bytes.NewReader(src))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(into); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range facts.Changes {
		if !slices.Contains(ChangeClasses(), c.Class) {
			t.Errorf("%v: class %q", files, c.Class)
		}
	}
	return facts
}
