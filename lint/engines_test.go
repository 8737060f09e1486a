//go:build !compiled

package lint_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/policy/opa"
	"github.com/redis-gitops/redis-gitops/policy/planrules"
)

// both is the engine of the plan that asks OPA the same each time, and reports what is different.
type both struct {
	planrules.Engine
	t       testing.TB
	asked   *atomic.Int64
	answers *atomic.Int64
}

type bothEvaluator struct {
	policy.Evaluator
	opa  policy.Evaluator
	both both
	mu   *sync.Mutex
}

func (b both) Compile(opts policy.Options) (policy.Evaluator, error) {
	plan, err := b.Engine.Compile(opts)
	if err != nil {
		return nil, err
	}
	other, err := opa.Engine{}.Compile(opts)
	return bothEvaluator{plan, other, b, &sync.Mutex{}}, err
}

func (e bothEvaluator) With(settings map[string]any) (policy.Evaluator, error) {
	plan, err := e.Evaluator.With(settings)
	if err != nil {
		return nil, err
	}
	other, err := e.opa.With(settings)
	return bothEvaluator{plan, other, e.both, e.mu}, err
}

func (e bothEvaluator) Wants(kind string) bool {
	if e.Evaluator.Wants(kind) != e.opa.Wants(kind) {
		e.both.t.Errorf("kind %q: the plan wants it: %v", kind, e.Evaluator.Wants(kind))
	}
	return e.Evaluator.Wants(kind)
}

func (e bothEvaluator) Resource(ctx context.Context, resource policy.Value) ([]policy.Violation, error) {
	got, err := e.Evaluator.Resource(ctx, resource)
	return e.compare(resource, got, err, func(v policy.Value) ([]policy.Violation, error) { return e.opa.Resource(ctx, v) })
}

func (e bothEvaluator) Repository(ctx context.Context, repo policy.Value) ([]policy.Violation, error) {
	got, err := e.Evaluator.Repository(ctx, repo)
	return e.compare(repo, got, err, func(v policy.Value) ([]policy.Violation, error) { return e.opa.Repository(ctx, v) })
}

func (e bothEvaluator) compare(given policy.Value, got []policy.Violation, err error, ask func(policy.Value) ([]policy.Violation, error)) ([]policy.Violation, error) {
	plain, broken := given.Plain()
	if broken != nil {
		return got, broken
	}
	v, broken := opa.Engine{}.Values().Value(plain)
	if broken != nil {
		return got, broken
	}
	want, wantErr := ask(v)
	e.both.asked.Add(1)
	e.both.answers.Add(int64(len(want)))
	if fmt.Sprint(err) != fmt.Sprint(wantErr) {
		e.both.t.Errorf("the plan fails with %v, OPA with %v", err, wantErr)
	}
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			e.both.t.Errorf("only OPA gives %+v", want[i])
		case i >= len(want):
			e.both.t.Errorf("only the plan gives %+v", got[i])
		case !reflect.DeepEqual(got[i], want[i]):
			e.both.t.Errorf("violation %d of the plan\n%+v\nof OPA\n%+v", i, got[i], want[i])
		}
	}
	return got, err
}

func newBoth(t testing.TB) (*lint.Compiled, both) {
	b := both{t: t, asked: &atomic.Int64{}, answers: &atomic.Int64{}}
	return &lint.Compiled{Engine: b}, b
}

// TestEngines: the plan of the rules gives the same violations in the same order as OPA, on all examples and on changed ones.
func TestEngines(t *testing.T) {
	t.Parallel()
	rules, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	rounds := 8
	if testing.Short() {
		rounds = 1
	}
	compiled, b := newBoth(t)
	random := rand.New(rand.NewSource(23))
	for _, rule := range rules {
		policy.Examples(rule)
		texts := append([]string{rule.Bad, rule.Good}, slices.Collect(maps.Values(policy.Cases(rule)))...)
		slices.Sort(texts)
		for _, text := range texts {
			files := repository(txtar.Parse([]byte(text)))
			for round := range rounds + 1 {
				if round > 0 {
					files = repository(txtar.Parse([]byte(text)))
					for range round {
						retype(random, files)
					}
				}
				r, config := open(t, files)
				if _, err := lint.Run(t.Context(), r, lint.Options{Config: config, Strict: true, Today: today, Compiled: compiled}); err != nil {
					t.Fatalf("%s: %v", rule.Name, err)
				}
			}
		}
		if t.Failed() {
			t.Fatalf("on examples of %s", rule.Name)
		}
	}
	t.Logf("%d evaluations, %d violations", b.asked.Load(), b.answers.Load())
	if b.asked.Load() < 4000 || b.answers.Load() < 1500 {
		t.Error("there are fewer examples than that")
	}
}

// TestEnginesCorpus is TestEngines on the corpus.
func TestEnginesCorpus(t *testing.T) {
	t.Parallel()
	compiled, b := newBoth(t)
	repos := sample(t, corpusRepos(t))
	for _, name := range slices.Sorted(maps.Keys(repos)) {
		for _, strict := range []bool{false, true} {
			if _, err := lint.Run(t.Context(), repos[name], lint.Options{Strict: strict, Today: today, Compiled: compiled}); err != nil {
				t.Fatal(err)
			}
			if t.Failed() {
				t.Fatalf("on %s", name)
			}
		}
	}
	t.Logf("%d evaluations, %d violations", b.asked.Load(), b.answers.Load())
}

// recorder is a test that keeps its errors.
type recorder struct {
	testing.TB
	mu     sync.Mutex
	errors []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

// FuzzRules: whatever is in a manifest, no rule fails, and the plan of the rules and OPA report the same.
func FuzzRules(f *testing.F) {
	rules, err := policy.Rules()
	if err != nil {
		f.Fatal(err)
	}
	for i, rule := range rules {
		policy.Examples(rule)
		for _, file := range repository(txtar.Parse([]byte(rule.Bad))) {
			if i%20 == 0 && file.Name != ".redis-gitops.yaml" {
				f.Add(string(file.Data))
			}
		}
	}
	seen := &recorder{TB: f}
	compiled, _ := newBoth(seen)
	f.Fuzz(func(t *testing.T, manifest string) {
		r, _ := open(t, files("applications/shop/redis.yaml", manifest))
		res, err := lint.Run(t.Context(), r, lint.Options{Strict: true, Today: today, Compiled: compiled})
		if err != nil {
			t.Fatal(err)
		}
		for _, failure := range res.Failures {
			t.Error(failure)
		}
		for _, e := range seen.errors {
			t.Error(e)
		}
	})
}
