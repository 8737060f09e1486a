package yamledit

import (
	"errors"
	"testing"
)

func TestReplaceEntryAndItem(t *testing.T) {
	for _, tt := range []struct{ name, src, want string }{
		{"middle", "a:\n  x: 1\n  # about b\n  b:\n    c: 1 # old\n  d: 2\n", "a:\n  x: 1\n  # about b\n  # why\n  b:\n    c: 2 # new\n  d: 2\n"},
		{"its comment is there", "a:\n  # why\n  b: 1\n  d: 2\n", "a:\n  # why\n  b:\n    c: 2 # new\n  d: 2\n"},
		{"the only one", "a: # note\n  b: 1\nz: 1\n", "a: # note\n  # why\n  b:\n    c: 2 # new\nz: 1\n"},
		{"4 spaces", "a:\n    b:\n        c: 1\n    d: 2\n", "a:\n    # why\n    b:\n        c: 2 # new\n    d: 2\n"},
		{"flow", "a: { x: 1, b: { c: 1 }, d: 2 }\n", "a: { x: 1, b: {c: 2}, d: 2 }\n"},
		{"CRLF, no end", "a:\r\n  x: 1\r\n  b: 1", "a:\r\n  x: 1\r\n  # why\r\n  b:\r\n    c: 2 # new"},
	} {
		out, e, err := ReplaceEntry([]byte(tt.src), []string{"a", "b"}, "# why\nb:\n  c: 2 # new\n")
		if err != nil || string(out) != tt.want {
			t.Errorf("%s: got %q, %v, want %q", tt.name, out, err, tt.want)
		} else if back := splice(out, Edit{e.Offset, e.Inserted, e.Removed}); string(back) != tt.src {
			t.Errorf("%s: undone gives %q", tt.name, back)
		}
	}
	for _, tt := range []struct {
		name, src string
		index     int
		want      string
	}{
		{"middle", "env:\n  - name: X\n  # about Y\n  - name: Y\n    value: y\n  - name: Z\n", 1, "env:\n  - name: X\n  # about Y\n  # why\n  - { name: A, value: \"b\" }\n  - name: Z\n"},
		{"compact", "env:\n- name: X\nz: 1\n", 0, "env:\n# why\n- { name: A, value: \"b\" }\nz: 1\n"},
		{"flow", "env: [ { name: X }, { name: Y } ]\n", 1, "env: [ { name: X }, {name: A, value: \"b\"} ]\n"},
	} {
		out, e, err := ReplaceItem([]byte(tt.src), []string{"env"}, tt.index, item)
		if err != nil || string(out) != tt.want {
			t.Errorf("%s: got %q, %v, want %q", tt.name, out, err, tt.want)
		} else if back := splice(out, Edit{e.Offset, e.Inserted, e.Removed}); string(back) != tt.src {
			t.Errorf("%s: undone gives %q", tt.name, back)
		}
	}
}

func TestInsertItems(t *testing.T) {
	for _, tt := range []struct {
		name, src string
		index     int
		want      string
	}{
		{"before a comment", "env:\n  - name: X\n  # about Y\n  - name: Y\n", 1, "env:\n  - name: X\n  # why\n  - { name: A, value: \"b\" }\n  # about Y\n  - name: Y\n"},
		{"first", "env:\n- name: X\n", 0, "env:\n# why\n- { name: A, value: \"b\" }\n- name: X\n"},
		{"flow", "env: [ { name: X }, { name: Y } ]\n", 1, "env: [ { name: X }, {name: A, value: \"b\"}, { name: Y } ]\n"},
		{"no end", "env:\r\n  - name: X", 0, "env:\r\n  # why\r\n  - { name: A, value: \"b\" }\r\n  - name: X"},
	} {
		out, e, err := InsertItems([]byte(tt.src), []string{"env"}, tt.index, item)
		if err != nil || string(out) != tt.want {
			t.Errorf("%s: got %q, %v, want %q", tt.name, out, err, tt.want)
		} else if back := splice(out, Edit{e.Offset, e.Inserted, e.Removed}); string(back) != tt.src {
			t.Errorf("%s: undone gives %q", tt.name, back)
		}
	}
}

func TestReplaceRefusals(t *testing.T) {
	for name, edit := range map[string]func() ([]byte, Edit, error){
		"missing entry":  func() ([]byte, Edit, error) { return ReplaceEntry([]byte("a: {}\n"), []string{"a", "b"}, "b: 1\n") },
		"missing parent": func() ([]byte, Edit, error) { return ReplaceEntry([]byte("x: 1\n"), []string{"a", "b"}, "b: 1\n") },
		"another key":    func() ([]byte, Edit, error) { return ReplaceEntry([]byte("a: {b: 1}\n"), []string{"a", "b"}, "c: 1\n") },
		"two entries": func() ([]byte, Edit, error) {
			return ReplaceEntry([]byte("a: {b: 1}\n"), []string{"a", "b"}, "b: 1\nc: 1\n")
		},
		"no such item": func() ([]byte, Edit, error) { return ReplaceItem([]byte("e: [a]\n"), []string{"e"}, 1, "- b\n") },
		"no list":      func() ([]byte, Edit, error) { return InsertItems([]byte("e: {}\n"), []string{"e"}, 0, "- b\n") },
		"shared by an alias": func() ([]byte, Edit, error) {
			return ReplaceItem([]byte("e: &e\n  - a\nf: *e\n"), []string{"e"}, 0, "- b\n")
		},
	} {
		if out, _, err := edit(); !errors.Is(err, ErrUnproven) {
			t.Errorf("%s: got %q, %v", name, out, err)
		}
	}
}
