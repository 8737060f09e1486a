package lint_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/repo"
)

const corpus = "../../shared/corpus"

// corpusRepos opens every folder of the corpus as a repository.
func corpusRepos(t testing.TB) map[string]*repo.Repo {
	t.Helper()
	entries, err := os.ReadDir(corpus)
	if err != nil {
		t.Skip("there is no corpus beside the project")
	}
	repos := map[string]*repo.Repo{}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		r, err := repo.Open(afero.NewReadOnlyFs(afero.NewBasePathFs(afero.NewOsFs(), filepath.Join(corpus, e.Name()))), repo.Options{})
		if err != nil {
			t.Fatal(err)
		}
		repos[e.Name()] = r
	}
	return repos
}

// sample returns every fourth of the repositories and the named ones in short mode, and else all.
func sample(t testing.TB, repos map[string]*repo.Repo, always ...string) map[string]*repo.Repo {
	t.Helper()
	if !testing.Short() {
		return repos
	}
	some := map[string]*repo.Repo{}
	for i, name := range slices.Sorted(maps.Keys(repos)) {
		if i%4 == 0 || slices.Contains(always, name) {
			some[name] = repos[name]
		}
	}
	return some
}

type key struct {
	file, rule string
	line       int
}

// movedRows are rows of the answer key whose line holds a comment; the line that the row is about is another.
var movedRows = map[key]int{
	{"eco2-team+backend/workloads/redis/base/pubsub-redis-failover.yaml", "data/ephemeral", 77}: 79, // emptyDir: {} stands two lines below the comment
}

// renamedRules are rules of the answer key that another one covers, "" for one that is yet to come.
var renamedRules = map[string]string{
	"ops/auth-missing":           "",
	"ops/security-context-place": "op/unknown-field",
	"ops/unknown-field":          "op/unknown-field",
}

// narrowedRules are rules that claimed too much when the answer key was written, and why they are silent on some of its rows.
var narrowedRules = map[string]string{
	"auth/password-unsafe-characters": "Redis, its scripts and the operator take #, $, \\ and backticks; only quotes and white space break them",
	"ha/grace-shorter-than-shutdown":  "kubelet waits 2 s at least after SIGTERM and Redis saves on it; only what is on a PVC can be lost",
}

// TestAnswerKey holds the findings against what people found in the corpus by reading it.
func TestAnswerKey(t *testing.T) {
	t.Parallel()
	repos := corpusRepos(t)
	src, err := os.ReadFile(corpus + "/answer-key.tsv")
	if err != nil {
		t.Skip("there is no answer key beside the project")
	}
	reader := csv.NewReader(bytes.NewReader(src))
	reader.Comma, reader.LazyQuotes = '\t', true
	rows, err := reader.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	normal, strict := map[key]bool{}, map[key]bool{}
	rules := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(repos)) {
		for _, mode := range []struct {
			strict bool
			into   map[key]bool
		}{{false, normal}, {true, strict}} {
			for _, f := range run(t, repos[name], lint.Options{Strict: mode.strict}).Findings {
				mode.into[key{name + "/" + f.File, f.Rule, f.Line}] = true
				for _, r := range f.Related {
					if strings.HasPrefix(r.Message, "also here") {
						mode.into[key{name + "/" + r.File, f.Rule, r.Line}] = true
					}
				}
				if mode.strict {
					rules[f.Rule] += max(1, f.Count)
				}
			}
		}
	}
	found, missed := map[string]int{}, map[string]int{}
	for _, row := range rows[1:] {
		line, err := strconv.Atoi(row[2])
		if err != nil {
			t.Fatal(err)
		}
		k := key{row[0], row[1], line}
		if rule, renamed := renamedRules[k.rule]; renamed {
			k.rule = rule
		}
		if k.rule == "" {
			continue
		}
		in := normal
		if strings.Contains(row[3], "[strict") {
			in = strict
			if normal[k] && !strict[k] {
				t.Errorf("%s:%d: %s is told without strict mode and not with it", k.file, k.line, k.rule)
			}
		}
		if line, moved := movedRows[k]; moved {
			k.line = line
		}
		if in[k] {
			found[k.rule]++
			continue
		}
		if why, narrowed := narrowedRules[k.rule]; narrowed {
			t.Logf("%s:%d: %s is silent on purpose: %s", k.file, k.line, k.rule, why)
			continue
		}
		missed[k.rule]++
		t.Errorf("%s:%d: %s is missed: %s", k.file, k.line, k.rule, row[3])
	}
	var b strings.Builder
	for _, rule := range slices.Sorted(maps.Keys(rules)) {
		fmt.Fprintf(&b, "%-44s found %2d  missed %2d  extra %3d\n", rule, found[rule], missed[rule], rules[rule]-found[rule])
	}
	t.Logf("findings in strict mode, against the answer key:\n%s", b.String())
}

// TestCorpus: every repository can be checked, nothing fails to run, the bytes are the same on any number of cores, and no resource is
// taken for that of another operator.
func TestCorpus(t *testing.T) {
	t.Parallel()
	for name, r := range corpusRepos(t) {
		t.Run(name, func(t *testing.T) {
			var first string
			for i, jobs := range []int{1, 8, 8} {
				res := run(t, r, lint.Options{Strict: true, Jobs: jobs})
				got := print(t, r, "json", res.Findings) + notices(res.Notices)
				if i == 0 {
					first = got
					checkOneOperator(t, res.Findings)
				} else if got != first {
					t.Fatalf("run %d differs from the first one: %s", i, unlike(first, got))
				}
			}
		})
	}
}

// groupsOf are the API groups of the resources that rules about one operator are for.
var groupsOf = map[string][]string{
	"ops": {"redis.redis.opstreelabs.in", "redis.opstreelabs.in"},
	"re":  {"app.redislabs.com"},
	"kdb": {"kubedb.com", "gitops.kubedb.com"},
}

// contradicting are rules of which only one can be right about a resource: it belongs to one operator or to another, and a field that its
// operator does not know is that of another one or a mistake.
var contradicting = [][2]string{{"op/dialect-mismatch", "op/group-label-missing"}, {"op/dialect-mismatch", "op/unknown-field"}}

// checkOneOperator: no resource is taken for that of another operator, and no two findings contradict each other.
func checkOneOperator(t *testing.T, findings []*finding.Finding) {
	t.Helper()
	told := map[string]*finding.Finding{}
	for _, f := range findings {
		if f.Resource == nil {
			continue
		}
		category, _, _ := strings.Cut(f.Rule, "/")
		group, _, _ := strings.Cut(f.Resource.APIVersion, "/")
		if groups := groupsOf[category]; groups != nil && !slices.Contains(groups, group) {
			t.Errorf("%s:%d: %s is about a resource of %s", f.File, f.Line, f.Rule, group)
		}
		at := fmt.Sprintf("%s %+v ", f.File, *f.Resource)
		told[at+f.Rule], told[fmt.Sprint(at, f.Rule, f.Line)] = f, f
	}
	for _, f := range findings {
		for _, pair := range contradicting {
			if f.Resource == nil || f.Rule != pair[0] {
				continue
			}
			at := fmt.Sprintf("%s %+v ", f.File, *f.Resource) + pair[1]
			if pair[1] == "op/unknown-field" {
				at += fmt.Sprint(f.Line) // others of its fields may be mistakes
			}
			if other := told[at]; other != nil {
				t.Errorf("%s:%d: %s: %s, and %s: %s", f.File, f.Line, f.Rule, f.Message, other.Rule, other.Message)
			}
		}
	}
}

// unlike returns the first lines of two texts that differ.
func unlike(a, b string) string {
	was, is := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(was), len(is)) {
		if was[i] != is[i] {
			return fmt.Sprintf("line %d\n%s\n%s", i+1, was[i], is[i])
		}
	}
	return fmt.Sprintf("%d and %d lines", len(was), len(is))
}

func notices(ps []*finding.Problem) string {
	var b strings.Builder
	for _, p := range ps {
		fmt.Fprintln(&b, p)
	}
	return b.String()
}

// TestFixCorpus: on every repository of the corpus, fixes change nothing but lines of fixable findings, leave every file as readable
// as it was, and a second run finds nothing more to fix.
func TestFixCorpus(t *testing.T) {
	t.Parallel()
	total := 0
	for name, r := range sample(t, corpusRepos(t)) {
		t.Run(name, func(t *testing.T) {
			opts := lint.Options{Strict: true, Today: today, Compiled: &compiled, Cache: &lint.Cache{}}
			before := run(t, r, opts)
			fixed, err := lint.Fix(t.Context(), r, opts)
			if err != nil {
				t.Fatal(err)
			}
			total += len(fixed.Done)
			if len(fixed.Changes) == 0 {
				return
			}
			overlay := map[string][]byte{}
			for _, c := range fixed.Changes {
				overlay[c.Path] = c.New
				_, was := repo.ParseDocuments(c.Path, c.Old)
				_, is := repo.ParseDocuments(c.Path, c.New)
				if was == nil && is != nil {
					t.Errorf("%s could be read before: %v", c.Path, is)
				}
				lines := strings.Split(string(c.Old), "\n")
				mayGo := map[string]int{}
				for _, f := range fixed.Done {
					if f.File == c.Path && f.Line > 0 {
						mayGo[lines[f.Line-1]]++
					}
					for _, r := range f.Related { // where a value is set or used
						if r.File == c.Path && r.Line > 0 {
							mayGo[lines[r.Line-1]]++
						}
					}
				}
				if slices.ContainsFunc(fixed.Done, func(f *finding.Finding) bool { return f.File == c.Path && f.Rule == "data/save-lines-overwrite" }) {
					for _, line := range lines {
						if strings.Contains(line, "save ") { // the joined line replaces the others
							mayGo[line]++
						}
					}
				}
				for _, gone := range missing(c.Old, c.New) {
					if mayGo[gone] == 0 {
						t.Errorf("%s: a line that no finding is about was changed: %q", c.Path, gone)
					}
				}
			}
			after, err := repo.Open(lint.Overlay(r.Fs(), overlay), repo.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if bad := complaints(t, r, after, nil, fixed.Done); len(bad) > 0 {
				t.Errorf("after %s:\n%s", print(t, r, "compact", fixed.Done), strings.Join(bad, "\n"))
			}
			opts.Cache = &lint.Cache{}
			again, err := lint.Fix(t.Context(), after, opts)
			if err != nil {
				t.Fatal(err)
			}
			if len(again.Changes) > 0 {
				t.Errorf("a second run fixes more: %s", print(t, r, "compact", again.Done))
			}
			left := map[string]int{}
			remaining := run(t, after, opts).Findings
			for _, f := range remaining {
				left[f.Rule+f.File+f.Resource.String()+strings.Join(f.Path, ".")]++
			}
			for _, f := range fixed.Done {
				if left[f.Rule+f.File+f.Resource.String()+strings.Join(f.Path, ".")] > 0 && f.Count == 0 {
					t.Errorf("claims to have fixed %s", print(t, r, "compact", []*finding.Finding{f}))
				}
			}
			if len(remaining) > len(before.Findings) {
				t.Error("there are more findings than before")
			}
		})
	}
	t.Logf("%d findings fixed", total)
}

// missing returns the lines of a that b has not, or not as often.
func missing(a, b []byte) []string {
	count := map[string]int{}
	for _, l := range strings.Split(string(b), "\n") {
		count[l]++
	}
	var gone []string
	for _, l := range strings.Split(string(a), "\n") {
		if count[l]--; count[l] < 0 {
			gone = append(gone, l)
		}
	}
	return gone
}
