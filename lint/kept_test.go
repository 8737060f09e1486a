package lint_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/internal/patch"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/policy/engine"
	"github.com/redis-gitops/redis-gitops/repo"
)

// counting counts how often the rules about the repository are evaluated.
type counting struct {
	policy.Engine
	n *int
}

type countingEvaluator struct {
	policy.Evaluator
	n *int
}

func (c counting) Compile(opts policy.Options) (policy.Evaluator, error) {
	e, err := c.Engine.Compile(opts)
	return countingEvaluator{e, c.n}, err
}

func (c countingEvaluator) Repository(ctx context.Context, value policy.Value) ([]policy.Violation, error) {
	*c.n++
	return c.Evaluator.Repository(ctx, value)
}

// opens counts how often files are opened.
type opens struct {
	afero.Fs
	mu sync.Mutex
	of map[string]int
}

func (o *opens) Open(name string) (afero.File, error) {
	o.mu.Lock()
	o.of[name]++
	o.mu.Unlock()
	return o.Fs.Open(name)
}

// TestKeeperOneChanged changes a comment and then a value of one of several charts: the other files are read once, and the rules about the
// repository run again only where they see something else.
func TestKeeperOneChanged(t *testing.T) {
	t.Parallel()
	r, config := open(t, charts(t, 5))
	files, err := r.Files("applications")
	if err != nil {
		t.Fatal(err)
	}
	values := ""
	for _, f := range files {
		if strings.HasSuffix(f, "/values.yaml") {
			values = f
			break
		}
	}
	src, err := r.ReadFile(values)
	if err != nil {
		t.Fatal(err)
	}
	store := memoryStore{}
	for _, c := range []struct {
		what, text string
		evaluated  int
	}{
		{"the first run", string(src), 1},
		{"nothing changed", string(src), 0},
		{"a comment", string(src) + "# a comment\n", 0},
		{"a value", string(src) + "other: value\n", 1},
		{"the same value", string(src) + "other: value\n", 0},
		{"another value", string(src) + "other: values\n", 1},
		{"as it was", string(src), 1},
	} {
		seen := &opens{Fs: lint.Overlay(r.Fs(), map[string][]byte{values: []byte(c.text)}), of: map[string]int{}}
		changed, err := repo.Open(seen, repo.Options{})
		if err != nil {
			t.Fatal(err)
		}
		// A rule that finds nothing here, as what is found is rendered again.
		opts := lint.Options{Config: config, Only: []string{"name/duplicate-object"}, Today: today}
		n := 0
		opts.Compiled = &lint.Compiled{Engine: counting{engine.Default(), &n}}
		opts.Keeper = lint.NewKeeper(store, "test")
		res, err := lint.Run(t.Context(), changed, opts)
		if err != nil {
			t.Fatal(err)
		}
		if len(res.Findings) > 0 {
			t.Errorf("%s: got %s", c.what, print(t, changed, "json", res.Findings))
		}
		if n != c.evaluated {
			t.Errorf("%s: the rules about the repository ran %d times, want %d", c.what, n, c.evaluated)
		}
		if n := len(seen.of); n < len(files) {
			t.Errorf("%s: only %d names were opened", c.what, n)
		}
		if c.what == "the first run" {
			continue
		}
		for _, file := range files {
			if n := seen.of[file]; n > 1 && strings.Split(file, "/")[1] != strings.Split(values, "/")[1] {
				t.Errorf("%s: %s was opened %d times", c.what, file, n)
			}
		}
	}
}

// TestEdited has the changes that fixes are: those of findings that an earlier run has kept are the ones that a run without a Keeper plans.
func TestEdited(t *testing.T) {
	t.Parallel()
	r, config := open(t, charts(t, 3))
	files, err := r.Files("applications")
	if err != nil {
		t.Fatal(err)
	}
	changed := map[string][]byte{}
	for _, f := range files {
		if strings.HasSuffix(f, "/values.yaml") {
			src, err := r.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			changed[f] = bytes.ReplaceAll(src, []byte("keepAfterDeletion: true"), []byte("keepAfterDeletion: false"))
		}
	}
	if r, err = repo.Open(lint.Overlay(r.Fs(), changed), repo.Options{Layout: r.Layout()}); err != nil {
		t.Fatal(err)
	}
	edits := func(k lint.Keeper) string {
		res, err := lint.Run(t.Context(), r, lint.Options{Config: config, Keeper: k})
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, f := range res.Findings {
			c, ok := lint.Edited(t.Context(), res, f)
			if ok != f.Fixable() {
				t.Errorf("%s: %v for a finding with the fix %q", f.Position, ok, f.Fix)
			}
			if ok {
				fmt.Fprintf(&b, "%s %s %s\n%s", f.Position, f.Rule, f.Fix, patch.Unified(c.Path, c.Path, string(c.Old), string(c.New)))
			}
		}
		return b.String()
	}
	want := edits(nil)
	if n := strings.Count(want, "\n+    keepAfterDeletion: true"); n != len(changed) {
		t.Errorf("%d changes of %d files:\n%s", n, len(changed), want)
	}
	store := memoryStore{}
	for _, run := range []string{"first", "second", "third"} {
		if got := edits(lint.NewKeeper(store, "x")); got != want {
			t.Errorf("the %s run: got\n%s\nwant\n%s", run, got, want)
		}
	}
}
