package yamledit

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// secretRef matches the name in a secretKeyRef.
func secretRef(path []string, value string) bool {
	return value == "old" && len(path) > 1 && path[len(path)-1] == "name" && path[len(path)-2] == "secretKeyRef"
}

func TestRename(t *testing.T) {
	for _, tt := range []struct{ src, want string }{
		{"env:\n- {name: A, valueFrom: {secretKeyRef: {name: old, key: k}}} # ours\n- name: old\n", "env:\n- {name: A, valueFrom: {secretKeyRef: {name: new-2, key: k}}} # ours\n- name: old\n"},
		{"a: {secretKeyRef: {name: \"old\"}}\r\nb:\r\n  secretKeyRef:\r\n    name: 'old' # old\r\n", "a: {secretKeyRef: {name: \"new-2\"}}\r\nb:\r\n  secretKeyRef:\r\n    name: 'new-2' # old\r\n"},
		{"# é\nä: {secretKeyRef: {name: old}}\n---\n# second\nsecretKeyRef:\n  name: old\n", "# é\nä: {secretKeyRef: {name: new-2}}\n---\n# second\nsecretKeyRef:\n  name: new-2\n"},
		{"a: &x {secretKeyRef: {name: old}}\nb: *x\n", "a: &x {secretKeyRef: {name: new-2}}\nb: *x\n"},
		{"a: {secretKeyRef: {name: !!str old}}", "a: {secretKeyRef: {name: !!str new-2}}"},
		{"a: {secretKeyRef: {name: other}}\n", "a: {secretKeyRef: {name: other}}\n"},
		{"", ""},
		{"# nothing\n", "# nothing\n"},
	} {
		out, edits, err := Rename([]byte(tt.src), "new-2", secretRef)
		if err != nil || string(out) != tt.want {
			t.Errorf("%q: %q, %v", tt.src, out, err)
			continue
		}
		if n := strings.Count(tt.want, "new-2"); len(edits) != n {
			t.Errorf("%q: %d edits", tt.src, len(edits))
		}
		// The edits are about the bytes of the source, in its order.
		back := []byte(tt.src)
		for _, e := range slices.Backward(edits) {
			back = splice(back, e)
		}
		if string(back) != tt.want {
			t.Errorf("%q: edits give %q", tt.src, back)
		}
	}
}

func TestRenameRefuses(t *testing.T) {
	for _, src := range []string{
		"a: {secretKeyRef: {name: &n old}}\nb: *n\n",   // b would change too
		"a: {secretKeyRef: {name: >-\n  old\n}}\n",     // not valid in a flow mapping
		"secretKeyRef:\n  name: >-\n    old\n",         // on more than one line
		"a: [\n", "a: {secretKeyRef: {name: old}}\x00", // no YAML
	} {
		if out, _, err := Rename([]byte(src), "new", secretRef); err == nil {
			t.Errorf("%q: %q", src, out)
		}
	}
	// What would not be a text any more.
	if _, _, err := Rename([]byte("secretKeyRef: {name: old}\n"), "1", secretRef); !errors.Is(err, ErrUnproven) {
		t.Error(err)
	}
}
