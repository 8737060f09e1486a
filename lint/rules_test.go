package lint_test

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/diff"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/report"
)

var today = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

// open makes a repository of an archive in memory; its .redis-gitops.yaml counts.
func open(t testing.TB, files []txtar.File) (*repo.Repo, *cue.Config) {
	t.Helper()
	fs := afero.NewMemMapFs()
	var config []byte
	for _, f := range files {
		if err := afero.WriteFile(fs, f.Name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
		if f.Name == cue.ConfigFile {
			config = f.Data
		}
	}
	c, err := cue.LoadConfig(cue.ConfigFile, config)
	if err != nil {
		t.Fatal(err)
	}
	r, err := repo.Open(fs, repo.Options{Layout: repo.Layout(c.Layout)})
	if err != nil {
		t.Fatal(err)
	}
	return r, c
}

// compiled is shared by all tests: compiling the rules takes longer than checking a small repository.
var compiled lint.Compiled

func run(t testing.TB, r *repo.Repo, opts lint.Options) *lint.Result {
	t.Helper()
	opts.Today, opts.Compiled = today, &compiled
	res, err := lint.Run(context.Background(), r, opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Failures) > 0 {
		t.Fatalf("could not be run:\n%v", res.Failures)
	}
	return res
}

// print returns findings as a user sees them.
func print(t testing.TB, r *repo.Repo, format string, findings []*finding.Finding) string {
	t.Helper()
	var b bytes.Buffer
	err := report.Write(&b, format, &report.Run{Findings: findings, Source: func(file string) ([]byte, bool) {
		src, err := r.ReadFile(file)
		return src, err == nil
	}}, report.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// excerpt is the findings in text format without the summary below them.
func excerpt(t *testing.T, r *repo.Repo, findings []*finding.Finding) string {
	text := print(t, r, "text", findings)
	if i := strings.LastIndex(text, "\n\n"); i >= 0 {
		text = text[:i+1]
	}
	return text
}

// TestRules holds every rule against its examples: bad.txtar makes this rule fire and no other, with the text that want.txt has,
// good.txtar makes none fire. UPDATE=1 writes want.txt. RULE=category/name runs one.
func TestRules(t *testing.T) {
	t.Parallel()
	rules, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range rules {
		if only := os.Getenv("RULE"); only != "" && only != rule.Name {
			continue
		}
		t.Run(rule.Name, func(t *testing.T) {
			policy.Examples(rule)
			if rule.Bad == "" || rule.Good == "" {
				t.Fatalf("policy/%s/testdata needs bad.txtar, a repository in which the rule fires, and good.txtar, the same one fixed", rule.Name)
			}
			if rule.Title == "" || rule.Description == "" || rule.Since == "" || rule.Remediation == "" {
				t.Error("METADATA of rule.rego lacks title, description, since or remediation; docs/policies.md describes them")
			}
			bad(t, rule)
			good(t, rule)
			for name, text := range policy.Cases(rule) {
				t.Run(name, func(t *testing.T) { oneCase(t, rule, name, text) })
			}
		})
	}
}

func bad(t *testing.T, rule *policy.Rule) {
	archive := txtar.Parse([]byte(rule.Bad))
	r, config := open(t, repository(archive))
	opts := options(t, archive, r, config)
	if rule.Compares != (opts.Base != nil) {
		t.Error("a rule has files below base/ in bad.txtar if, and only if, METADATA has compares: true")
	}
	res := run(t, r, opts)
	var mine, others []*finding.Finding
	for _, f := range res.Findings {
		switch {
		case f.Rule == rule.Name:
			mine = append(mine, f)
		case f.Suppressed == nil:
			others = append(others, f)
		}
	}
	if len(others) > 0 {
		t.Errorf("bad.txtar makes other rules fire; fix what they report in it, or turn them off in its .redis-gitops.yaml:\n%s", print(t, r, "compact", others))
	}
	if rule.Severity == policy.Off || len(mine) == 0 {
		opts.Strict, opts.Only = true, []string{rule.Name}
		mine = run(t, r, opts).Findings
	}
	if len(mine) == 0 {
		t.Fatal("bad.txtar does not make the rule fire")
	}
	compare(t, rule, "bad.txtar", archive, excerpt(t, r, mine))
}

// compare holds what was said against want.txt of an archive. UPDATE=1 writes it.
func compare(t *testing.T, rule *policy.Rule, name string, archive *txtar.Archive, got string) {
	t.Helper()
	want := ""
	for _, f := range archive.Files {
		if f.Name == "want.txt" {
			want = string(f.Data)
		}
	}
	if got == want {
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Errorf("%s: run UPDATE=1 RULE=%s go test ./lint -run TestRules and review the diff; got\n%s\nwant\n%s", name, rule.Name, got, want)
		return
	}
	archive.Files = append(slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want.txt" }), txtar.File{Name: "want.txt", Data: []byte(got)})
	file := filepath.Join("..", "policy", filepath.FromSlash(rule.Name), "testdata", name)
	if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// repository returns the files of an archive without want.txt and those before a change.
func repository(archive *txtar.Archive) []txtar.File {
	return slices.DeleteFunc(slices.Clone(archive.Files), func(f txtar.File) bool {
		return f.Name == "want.txt" || strings.HasPrefix(f.Name, "base/")
	})
}

// options are those of an example: one with files below base/ has them as the state before the change, without those that are empty there.
func options(t testing.TB, archive *txtar.Archive, r *repo.Repo, config *cue.Config) lint.Options {
	t.Helper()
	opts := lint.Options{Config: config}
	head, before := map[string]string{}, map[string]string{}
	for _, f := range repository(archive) {
		head[f.Name], before[f.Name] = string(f.Data), string(f.Data)
	}
	var changed []string
	for _, f := range archive.Files {
		name, ok := strings.CutPrefix(f.Name, "base/")
		if !ok {
			continue
		}
		changed = append(changed, name)
		before[name] = string(f.Data)
		if len(f.Data) == 0 {
			delete(before, name)
		}
	}
	if changed == nil {
		return opts
	}
	slices.Sort(changed)
	var files []txtar.File
	for name, text := range before {
		files = append(files, txtar.File{Name: name, Data: []byte(text)})
	}
	old, _ := open(t, files)
	opts.Base = &lint.Base{Repo: old, Changed: changed, Compare: func(ctx context.Context) ([]*finding.Finding, []*finding.Problem, error) {
		sides := [2]diff.Source{{Repo: old, Files: slices.Sorted(maps.Keys(before))}, {Repo: r, Files: slices.Sorted(maps.Keys(head))}}
		found, collected, err := diff.Findings(ctx, sides[0], sides[1], changed, config)
		if err == nil && len(collected.Before) > 0 {
			t.Error(collected.Before)
		}
		return found, nil, err
	}}
	return opts
}

// oneCase checks with this rule alone, in strict mode: an archive with want.txt makes it say that, one without makes it silent.
func oneCase(t *testing.T, rule *policy.Rule, name, text string) {
	archive := txtar.Parse([]byte(text))
	r, config := open(t, repository(archive))
	opts := options(t, archive, r, config)
	opts.Strict, opts.Only = true, []string{rule.Name}
	found := slices.DeleteFunc(run(t, r, opts).Findings, func(f *finding.Finding) bool { return f.Suppressed != nil })
	if !slices.ContainsFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want.txt" }) {
		if len(found) > 0 {
			t.Errorf("%s has no want.txt, so the rule must be silent:\n%s", name, print(t, r, "compact", found))
		}
		return
	}
	if len(found) == 0 {
		t.Fatalf("%s does not make the rule fire", name)
	}
	compare(t, rule, name, archive, excerpt(t, r, found))
}

func good(t *testing.T, rule *policy.Rule) {
	archive := txtar.Parse([]byte(rule.Good))
	r, config := open(t, repository(archive))
	opts := options(t, archive, r, config)
	var found []*finding.Finding
	for _, f := range run(t, r, opts).Findings {
		if f.Suppressed == nil {
			found = append(found, f)
		}
	}
	opts.Strict, opts.Only = true, []string{rule.Name}
	for _, f := range run(t, r, opts).Findings {
		if f.Suppressed == nil {
			found = append(found, f)
		}
	}
	if len(found) > 0 {
		t.Errorf("good.txtar is not clean:\n%s", print(t, r, "compact", found))
	}
}

// TestFixes: what bad.txtar says can be fixed is fixed, and then the rule is silent and no other fires.
func TestFixes(t *testing.T) {
	t.Parallel()
	rules, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range rules {
		if rule.Fix == "" {
			continue
		}
		t.Run(rule.Name, func(t *testing.T) {
			policy.Examples(rule)
			archive := txtar.Parse([]byte(rule.Bad))
			r, config := open(t, repository(archive))
			opts := lint.Options{Config: config, Strict: true, Only: []string{rule.Name}, Today: today, Compiled: &compiled}
			safe, err := lint.Fix(context.Background(), r, opts)
			if err != nil {
				t.Fatal(err)
			}
			if suggested := strings.HasPrefix(rule.Fix, "suggested: "); suggested != (len(safe.Done) == 0) {
				t.Errorf("METADATA says %q, and --fix fixes %d findings of bad.txtar", rule.Fix, len(safe.Done))
			}
			opts.Suggested = true
			fixed, err := lint.Fix(context.Background(), r, opts)
			if err != nil {
				t.Fatal(err)
			}
			if len(fixed.Done) == 0 {
				t.Fatalf("METADATA has a fix, and nothing of bad.txtar was fixed: %v", fixed.Refused)
			}
			if len(fixed.Result.Findings) > 0 {
				t.Errorf("left after the fix:\n%s", print(t, r, "compact", fixed.Result.Findings))
			}
			if err := r.Apply("test", fixed.Changes); err != nil {
				t.Fatal(err)
			}
			if rest := run(t, r, lint.Options{Config: config}).Findings; len(rest) > 0 {
				t.Errorf("the fix brought:\n%s", print(t, r, "compact", rest))
			}
		})
	}
}

// TestCleanExample: what the scaffolder makes passes, in strict mode too where it is made for it.
func TestCleanExample(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "examples", "devops-repo")
	fs := afero.NewBasePathFs(afero.NewOsFs(), root)
	src, err := os.ReadFile(filepath.Join(root, cue.ConfigFile))
	if err != nil {
		t.Fatal(err)
	}
	config, err := cue.LoadConfig(cue.ConfigFile, src)
	if err != nil {
		t.Fatal(err)
	}
	r, err := repo.Open(fs, repo.Options{Layout: repo.Layout(config.Layout)})
	if err != nil {
		t.Fatal(err)
	}
	if found := run(t, r, lint.Options{Config: config}).Findings; len(found) > 0 {
		t.Errorf("examples/devops-repo is not clean:\n%s", print(t, r, "text", found))
	}
	got := print(t, r, "compact", run(t, r, lint.Options{Config: config, Strict: true}).Findings)
	golden := filepath.Join("testdata", "example-strict.txt")
	want, _ := os.ReadFile(golden)
	if got == string(want) {
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Errorf("strict: run UPDATE=1 go test ./lint -run TestCleanExample and review the diff; got\n%s\nwant\n%s", got, want)
		return
	}
	if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
		t.Fatal(err)
	}
}
