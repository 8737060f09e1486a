package lint_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/policy"
)

// locations returns rule and position of every finding in the examples of all rules, in default and in strict mode.
func locations(t *testing.T) []string {
	t.Helper()
	rules, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, rule := range rules {
		policy.Examples(rule)
		examples := map[string]string{"bad.txtar": rule.Bad, "good.txtar": rule.Good}
		for name, text := range policy.Cases(rule) {
			examples[name] = text
		}
		for name, text := range examples {
			r, config := open(t, repository(txtar.Parse([]byte(text))))
			for _, strict := range []bool{false, true} {
				for _, f := range run(t, r, lint.Options{Config: config, Strict: strict}).Findings {
					all = append(all, fmt.Sprintf("%s/%s strict=%v: %s %s", rule.Name, name, strict, f.Rule, f.Position))
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all) // findings that differ only in their message are one in the other program
}

// wordless are the statements that make the messages of the packages below lint, and what the other program has in their place.
var wordless = []struct{ file, made, instead string }{
	{"finding/problem.go", "Message: fmt.Sprintf(format, args...)", `Message: wordless(format, args)`},
	{"cue/check.go", "Message: schema.complain(data)", `Message: "x"`},
	{"cue/check.go", `Message: unknownName("key", key, known)`, `Message: "x"`},
	{"cue/check.go", `Message: fmt.Sprintf("%q is missing; add it", name)`, `Message: "x"`},
}

// TestMessagesDecideNothing builds this test again with every message below lint replaced by "x", and expects the same rules at
// the same positions: what is reported must not depend on how it is worded.
func TestMessagesDecideNothing(t *testing.T) {
	t.Parallel()
	if os.Getenv("WORDLESS") != "" {
		got, err := json.Marshal(locations(t))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("\nlocations %s\n", got)
		return
	}
	if testing.Short() {
		t.Skip("builds the tests once more")
	}
	overlay := map[string]string{}
	for _, w := range wordless {
		from, err := filepath.Abs(filepath.Join("..", filepath.FromSlash(w.file)))
		if err != nil {
			t.Fatal(err)
		}
		to := overlay[from]
		if to == "" {
			to = filepath.Join(t.TempDir(), filepath.Base(from))
			src, err := os.ReadFile(from)
			if err != nil {
				t.Fatal(err)
			}
			if w.file == "finding/problem.go" {
				src = append(src, "\nfunc wordless(string, []any) string { return \"x\" }\n"...)
			}
			if err := os.WriteFile(to, src, 0o644); err != nil {
				t.Fatal(err)
			}
			overlay[from] = to
		}
		src, err := os.ReadFile(to)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(src, []byte(w.made)) {
			t.Fatalf("%s does not contain %s any more; correct the list above", w.file, w.made)
		}
		if err := os.WriteFile(to, bytes.ReplaceAll(src, []byte(w.made), []byte(w.instead)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "test", "-vet=off", "-count=1", "-overlay", file, "-run", "^TestMessagesDecideNothing$", "-v", ".")
	cmd.Env = append(os.Environ(), "WORDLESS=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go test: %v\n%s", err, out)
	}
	_, after, found := bytes.Cut(out, []byte("\nlocations "))
	if !found {
		t.Fatalf("the other program reports nothing:\n%s", out)
	}
	line, _, _ := bytes.Cut(after, []byte("\n"))
	var got []string
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatal(err)
	}
	want := locations(t)
	if len(want) < 200 {
		t.Fatalf("only %d findings in all examples", len(want))
	}
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("depends on the text of a message: %s", w)
		}
	}
	for _, g := range got {
		if !slices.Contains(want, g) {
			t.Errorf("depends on the text of a message, and is there only without: %s", g)
		}
	}
	if strings.Count(string(text), ".go") == 0 {
		t.Error("nothing was replaced")
	}
}
