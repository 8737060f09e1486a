package yamledit

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const redis = "redis:\n  memory: 1Gi # note\n  env:\n    - name: A\n      value: b\n"
const item = "# why\n- { name: A, value: \"b\" }\n"

func TestAddEntry(t *testing.T) {
	for _, tt := range []struct{ name, src, want string }{
		{"empty file", "", "resources:\n  redis:\n    memory: 1Gi # note\n    env:\n      - name: A\n        value: b\n"},
		{"empty map", "a: 1\nresources: {}\nenv: []\n", "a: 1\nresources:\n  redis:\n    memory: 1Gi # note\n    env:\n      - name: A\n        value: b\nenv: []\n"},
		{"empty map with comment", "resources: {} # none yet\n", "resources: # none yet\n  redis:\n    memory: 1Gi # note\n    env:\n      - name: A\n        value: b\n"},
		{"empty map with anchor", "resources: &r {}\n", "resources: &r\n  redis:\n    memory: 1Gi # note\n    env:\n      - name: A\n        value: b\n"},
		{"null", "resources:\nenv: []\n", "resources:\n  redis:\n    memory: 1Gi # note\n    env:\n      - name: A\n        value: b\nenv: []\n"},
		{"tilde", "resources: ~ # x\n", "resources: # x\n  redis:\n    memory: 1Gi # note\n    env:\n      - name: A\n        value: b\n"},
		{"missing", "# top\na: 1\n", "# top\na: 1\nresources:\n  redis:\n    memory: 1Gi # note\n    env:\n      - name: A\n        value: b\n"},
		{"missing, no final newline", "a: 1", "a: 1\nresources:\n  redis:\n    memory: 1Gi # note\n    env:\n      - name: A\n        value: b"},
		{"block", "resources:\n  postgres:\n    disk: 1Gi\n  # one more comment\n\n# about env\nenv: []\n", "resources:\n  postgres:\n    disk: 1Gi\n  # one more comment\n  redis:\n    memory: 1Gi # note\n    env:\n      - name: A\n        value: b\n\n# about env\nenv: []\n"},
		{"4 spaces", "resources:\n    postgres:\n        disk: 1Gi\n", "resources:\n    postgres:\n        disk: 1Gi\n    redis:\n        memory: 1Gi # note\n        env:\n            - name: A\n              value: b\n"},
		{"flow", "resources: { postgres: { disk: 1Gi } } # x\n", "resources: { postgres: { disk: 1Gi }, redis: {memory: 1Gi, env: [{name: A, value: b}]} } # x\n"},
		{"flow of several lines", "resources: {\n  postgres: { disk: \"}\" },\n}\n", "resources: {\n  postgres: { disk: \"}\" }, redis: {memory: 1Gi, env: [{name: A, value: b}]}\n}\n"},
		{"CRLF", "resources:\r\n  a: 1\r\nb: 2\r\n", "resources:\r\n  a: 1\r\n  redis:\r\n    memory: 1Gi # note\r\n    env:\r\n      - name: A\r\n        value: b\r\nb: 2\r\n"},
		{"byte order mark", byteOrderMark + "resources: {}\n", byteOrderMark + "resources:\n  redis:\n    memory: 1Gi # note\n    env:\n      - name: A\n        value: b\n"},
		{"after a literal with a hash", "resources:\n  a: |\n    x\n    # no comment\nb: 1\n", "resources:\n  a: |\n    x\n    # no comment\n  redis:\n    memory: 1Gi # note\n    env:\n      - name: A\n        value: b\nb: 1\n"},
		{"file ends in a literal", "resources:\n  a: |\n    x", "resources:\n  redis:\n    memory: 1Gi # note\n    env:\n      - name: A\n        value: b\n  a: |\n    x"},
		{"anchored block", "resources: &r\n  a: 1\nb: 2\n", "resources: &r\n  a: 1\n  redis:\n    memory: 1Gi # note\n    env:\n      - name: A\n        value: b\nb: 2\n"},
		{"comments only", "# nothing here", "# nothing here\nresources:\n  redis:\n    memory: 1Gi # note\n    env:\n      - name: A\n        value: b"},
		{"document marks", "---\nresources: {}\n...\n", "---\nresources:\n  redis:\n    memory: 1Gi # note\n    env:\n      - name: A\n        value: b\n...\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, edit, err := AddEntry([]byte(tt.src), []string{"resources"}, redis)
			if err != nil {
				t.Fatal(err)
			}
			if string(out) != tt.want {
				t.Errorf("got\n%q\nwant\n%q", out, tt.want)
			}
			back := splice(out, Edit{edit.Offset, edit.Inserted, edit.Removed})
			if string(back) != tt.src {
				t.Errorf("undone gives %q", back)
			}
		})
	}
}

func TestAddItems(t *testing.T) {
	for _, tt := range []struct{ name, src, want string }{
		{"empty", "env: []\n", "env:\n  # why\n  - { name: A, value: \"b\" }\n"},
		{"missing", "a: 1\n", "a: 1\nenv:\n  # why\n  - { name: A, value: \"b\" }\n"},
		{"block", "env:\n  - name: X\n    value: y\n  # - { name: Z }\nb: 1\n", "env:\n  - name: X\n    value: y\n  # - { name: Z }\n  # why\n  - { name: A, value: \"b\" }\nb: 1\n"},
		{"compact", "env:\n- name: X\n# about b\nb: 1\n", "env:\n- name: X\n# why\n- { name: A, value: \"b\" }\n# about b\nb: 1\n"},
		{"4 spaces", "env:\n    - name: X\n", "env:\n    - name: X\n    # why\n    - { name: A, value: \"b\" }\n"},
		{"flow", "env: [ { name: X } ]\n", "env: [ { name: X }, {name: A, value: \"b\"} ]\n"},
		{"anchor", "env: &e\n  - name: X\nb: 1\n", "env: &e\n  - name: X\n  # why\n  - { name: A, value: \"b\" }\nb: 1\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, edit, err := AddItems([]byte(tt.src), []string{"env"}, item)
			if err != nil {
				t.Fatal(err)
			}
			if string(out) != tt.want {
				t.Errorf("got\n%q\nwant\n%q", out, tt.want)
			}
			back := splice(out, Edit{edit.Offset, edit.Inserted, edit.Removed})
			if string(back) != tt.src {
				t.Errorf("undone gives %q", back)
			}
		})
	}
}

func TestPrepend(t *testing.T) {
	out, _, err := PrependItems([]byte("a:\n  # first\n  - x: 1\n  - y\n"), []string{"a"}, "- n: 1\n  m: 2\n")
	if want := "a:\n  # first\n  - n: 1\n    m: 2\n  - x: 1\n  - y\n"; err != nil || string(out) != want {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
	out, _, err = PrependItems([]byte("a: []\n"), []string{"a"}, "- n\n")
	if err != nil || string(out) != "a:\n  - n\n" {
		t.Errorf("got %q, %v", out, err)
	}
	out, _, err = PrependEntry([]byte("# top\na: 1\n"), "image: x\n")
	if err != nil || string(out) != "# top\nimage: x\na: 1\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestRefusals(t *testing.T) {
	var typed *TypeError
	_, _, err := AddEntry([]byte("a: 1\nresources: [x]\n"), []string{"resources"}, redis)
	if !errors.As(err, &typed) || typed.Line != 2 || typed.Column != 12 || typed.Error() != "expected a mapping, found a sequence" {
		t.Errorf("a list for a mapping: %v", err)
	}
	_, _, err = AddItems([]byte("env: {}\n"), []string{"env"}, item)
	if !errors.As(err, &typed) || typed.Error() != "expected a sequence, found a mapping" {
		t.Errorf("an empty mapping for a list: %v", err)
	}
	_, _, err = AddEntry([]byte("- x\n"), []string{"resources"}, redis)
	if !errors.As(err, &typed) || typed.Line != 1 {
		t.Errorf("a list for the file: %v", err)
	}
	_, _, err = AddEntry([]byte("base: &b {}\nresources: *b\n"), []string{"resources"}, redis)
	if !errors.As(err, &typed) || typed.Have != "alias" || typed.Error() != "expected a mapping, found an alias" {
		t.Errorf("an alias: %v", err)
	}
	for name, src := range map[string]string{
		"an anchor that is used elsewhere": "resources: &r\n  a: 1\nother: *r\n",
		"two documents":                    "resources: {}\n---\nb: 1\n",
		"key is there":                     "resources:\n  redis: {}\n",
	} {
		if out, _, err := AddEntry([]byte(src), []string{"resources"}, redis); !errors.Is(err, ErrUnproven) || out != nil {
			t.Errorf("%s: %q, %v", name, out, err)
		}
	}
	if _, _, err := AddEntry([]byte("a: 1\n"), nil, "no mapping"); !errors.Is(err, ErrUnproven) {
		t.Errorf("a text that is no entry: %v", err)
	}
	if _, _, err := AddEntry([]byte("a: [\n"), nil, redis); err == nil {
		t.Error("a broken file was edited")
	}
}

func TestSetScalar(t *testing.T) {
	for _, tt := range []struct{ src, text, want string }{
		{"a:\n  b: 1 # n\n", "2", "a:\n  b: 2 # n\n"},
		{"a:\n  b: \"x # y\" # n\n", "z", "a:\n  b: z # n\n"},
		{"a:\n  b: 'it''s'\n", `""`, "a:\n  b: \"\"\n"},
		{"a:\n  b: # n\n", "2", "a:\n  b: 2 # n\n"},
		{"a:\n  b: &x 1\n", "2", "a:\n  b: &x 2\n"},
		{"a: { b: 1, c: 2 }\n", "3", "a: { b: 3, c: 2 }\n"},
		{"a:\n  é: ü\n  b: ö # n\n", "x", "a:\n  é: ü\n  b: x # n\n"},
	} {
		out, _, err := SetScalar([]byte(tt.src), []string{"a", "b"}, tt.text)
		if err != nil || string(out) != tt.want {
			t.Errorf("%q: got %q, %v, want %q", tt.src, out, err, tt.want)
		}
	}
	for _, src := range []string{"a: &x 1\nb: *x\n", "a: |\n  x\n", "b: 1\n", "a: [1]\n", "a: x\n  y\n"} {
		if out, _, err := SetScalar([]byte(src), []string{"a"}, "2"); err == nil {
			t.Errorf("%q became %q", src, out)
		}
	}
}

func TestRemove(t *testing.T) {
	for _, tt := range []struct{ src, want string }{
		{"a:\n  x: 1\n  # about b\n  b:\n    c: 1\n  d: 2\n", "a:\n  x: 1\n  # about b\n  d: 2\n"},
		{"a:\n  b: 1 # n\nz: 1\n", "a: {}\nz: 1\n"},
		{"a: # note\n  b: 1\n", "a: {} # note\n"},
		{"a: &x\n  b: 1\n", "a: &x {}\n"},
		{"a: { x: 1, b: { c: 1 }, d: 2 }\n", "a: { x: 1, d: 2 }\n"},
		{"a: { b: 1, d: 2 }\n", "a: { d: 2 }\n"},
		{"a:\n  x: 1\n  b: 2", "a:\n  x: 1"},
		{"a:\r\n  b: 2\r\n  x: 1\r\n", "a:\r\n  x: 1\r\n"},
		{"a:\n  b: |\n    text\n    # text\n  x: 1\n", "a:\n  x: 1\n"},
	} {
		out, _, err := RemoveEntry([]byte(tt.src), []string{"a", "b"})
		if err != nil || string(out) != tt.want {
			t.Errorf("%q: got %q, %v, want %q", tt.src, out, err, tt.want)
		}
	}
	for _, tt := range []struct {
		src   string
		index int
		want  string
	}{
		{"e:\n  - a\n  # b\n  - b: 1\n    c: 2\n  - d\n", 1, "e:\n  - a\n  # b\n  - d\n"},
		{"e:\n- a\nz: 1\n", 0, "e: []\nz: 1\n"},
		{"e: [ a, b ]\n", 1, "e: [ a ]\n"},
	} {
		out, _, err := RemoveItem([]byte(tt.src), []string{"e"}, tt.index)
		if err != nil || string(out) != tt.want {
			t.Errorf("%q: got %q, %v, want %q", tt.src, out, err, tt.want)
		}
	}
	if _, _, err := RemoveEntry([]byte("a: {}\n"), []string{"a", "b"}); err == nil {
		t.Error("a missing entry was removed")
	}
}

func TestReplace(t *testing.T) {
	src := "a: 1\nb: {}\n"
	out, err := Replace([]byte(src), Edit{5, "b: {}\n", "b:\n  c: 1\n"}, []string{"b"})
	if err != nil || string(out) != "a: 1\nb:\n  c: 1\n" {
		t.Errorf("got %q, %v", out, err)
	}
	if _, err := Replace([]byte(src), Edit{0, "a: 1\n", "a: 2\n"}, []string{"b"}); !errors.Is(err, ErrUnproven) {
		t.Errorf("a change outside of the paths: %v", err)
	}
	if _, err := Replace([]byte(src), Edit{0, "x", "y"}); !errors.Is(err, ErrUnproven) {
		t.Errorf("another text than was seen: %v", err)
	}
}

// TestCorpus edits every collection of every real file: all that is not refused must only add lines and undo to the byte.
func TestCorpus(t *testing.T) {
	root := filepath.Join("..", "..", "..", "shared", "corpus")
	if _, err := os.Stat(root); err != nil {
		t.Skip("the corpus of public manifests is not here")
	}
	var files, tried, refused, renamed int
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" && filepath.Ext(path) != ".yml" {
			return err
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := parse(src)
		if err != nil || f.root() == nil || f.root().Kind != yaml.MappingNode {
			return nil
		}
		files++
		all, edits, err := Rename(src, "zz-renamed", func(path []string, value string) bool { return value != "" && path[len(path)-1] == "name" })
		if err == nil {
			renamed++
			for _, e := range slices.Backward(edits) {
				at := bytes.LastIndex(all, []byte("zz-renamed"))
				for all[at] != e.Inserted[0] { // quotes
					at--
				}
				all = splice(all, Edit{at, e.Inserted, e.Removed})
			}
			if string(all) != string(src) {
				t.Errorf("%s: renamed back it is not the original", path)
			}
		}
		var walk func(n *yaml.Node, path []string)
		walk = func(n *yaml.Node, at []string) {
			var out []byte
			var edit Edit
			var err error
			switch {
			case n.Kind == yaml.MappingNode:
				out, edit, err = AddEntry(src, at, "zzRedis:\n  # note\n  memory: 1Gi\n  disk: \"\"\n")
			case n.Kind == yaml.SequenceNode:
				out, edit, err = AddItems(src, at, "- { name: ZZ, value: \"y\" }\n")
			default:
				return
			}
			tried++
			if err != nil {
				refused++
				t.Logf("%s: %v: %v", path, at, err)
			} else {
				if back := splice(out, Edit{edit.Offset, edit.Inserted, edit.Removed}); string(back) != string(src) {
					t.Errorf("%s: %v: undone it is not the original", path, at)
				}
				if block := n.Style&yaml.FlowStyle == 0; block && !isSubsequence(lines(src), lines(out)) {
					t.Errorf("%s: %v: lines changed: %+v", path, at, edit)
				}
				if n.Kind == yaml.MappingNode {
					removed, _, err := RemoveEntry(out, append(at, "zzRedis"))
					if err != nil {
						t.Errorf("%s: %v: not removed: %v", path, at, err)
					} else if len(n.Content) > 0 && string(removed) != string(src) {
						t.Errorf("%s: %v: removed it is not the original", path, at)
					}
				}
			}
			if n.Kind == yaml.MappingNode {
				for i := 0; i < len(n.Content); i += 2 {
					walk(n.Content[i+1], append(at[:len(at):len(at)], n.Content[i].Value))
				}
			}
		}
		walk(f.root(), nil)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d files, %d edits, %d refused, %d renamed", files, tried, refused, renamed)
	if renamed < files*9/10 {
		t.Errorf("names of %d files renamed, of %d", renamed, files)
	}
	if refused*100 > tried {
		t.Errorf("%d of %d edits refused", refused, tried)
	}
}

func lines(src []byte) []string {
	return strings.Split(strings.TrimRight(strings.ReplaceAll(string(src), "\r\n", "\n"), "\n"), "\n")
}

func isSubsequence(short, long []string) bool {
	i := 0
	for _, l := range long {
		if i < len(short) && short[i] == l {
			i++
		}
	}
	return i == len(short)
}

func FuzzAddEntry(f *testing.F) {
	for _, s := range []string{"resources: {}\n", "a: &x\n  - b\nresources: { c: *x }", "resources:\r\n    a: |+\r\n     x\r\n\r\n", "? x\n: y\n", "\"\\\"\": 'a''b'\n", "a: \"b\n  c\"\n", "- a\n", "%YAML 1.2\n---\na: 1\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		out, edit, err := AddEntry([]byte(src), []string{"resources"}, redis)
		if err != nil {
			return
		}
		if back := splice(out, Edit{edit.Offset, edit.Inserted, edit.Removed}); string(back) != src {
			t.Errorf("%q: undone it is %q", src, back)
		}
		after, err := parse(out)
		if err != nil {
			t.Fatalf("%q became %q: %v", src, out, err)
		}
		if n, _ := after.find([]string{"resources", "redis", "memory"}); n == nil || n.Value != "1Gi" {
			t.Errorf("%q became %q", src, out)
		}
		if _, edits, err := Rename(out, "2Gi", func(path []string, value string) bool { return value == "1Gi" }); err == nil && len(edits) == 0 {
			t.Errorf("%q: nothing renamed", out)
		}
		_, _, _ = RemoveEntry(out, []string{"resources", "redis"})
		_, _, _ = SetScalar(out, []string{"resources", "redis", "memory"}, "2Gi")
	})
}
