package isolate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/policy"
)

// serve is the argument with which this test is the other process.
const serve = "serve"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == serve {
		if err := Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
			os.Exit(2)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// job is one of rules written in Rego, for a ConfigMap that they find.
func job(t *testing.T, rego string) *lint.Job {
	t.Helper()
	modules := []policy.Module{{File: "rules/own.rego", Source: "# METADATA\n# title: A rule\n# custom:\n#   scope: resource\npackage redisgitops.team.own\n\nimport rego.v1\n\n" + rego}}
	rules, err := policy.UserRules(modules)
	if err != nil {
		t.Fatal(err)
	}
	return &lint.Job{Modules: modules, Rules: rules, Resources: []any{map[string]any{"kind": "ConfigMap", "data": map[string]any{"n": "1", "size": 1 << 40}}}, Repository: map[string]any{}}
}

// TestSame: the other process answers as this one would.
func TestSame(t *testing.T) {
	for name, rego := range map[string]string{
		"nothing":   "deny contains \"x\" if input.kind == \"Secret\"\n",
		"a finding": "deny contains {\"message\": sprintf(\"%v\", [input.data.size]), \"path\": [\"data\", \"n\"], \"fix\": {\"path\": [\"data\", \"n\"], \"op\": \"set\", \"value\": 9007199254740993, \"also\": [{\"path\": [\"data\", \"m\"], \"op\": \"add\", \"value\": {\"a\": [1, 1.5]}}]}} if input.data.n == \"1\"\n",
		"an error":  "deny contains 5 if true\n",
		"a fault":   "f(x) := 1 if x\n\nf(x) := 2 if x\n\ndeny contains \"x\" if f(true) > 0\n",
		"no Rego":   "deny contains {\n",
	} {
		t.Run(name, func(t *testing.T) {
			j := job(t, rego)
			want, wantErr := lint.Evaluate(t.Context(), j)
			got, err := Evaluate(t.Context(), serve, j)
			if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(texts(err), texts(wantErr)) {
				t.Errorf("got %+v, %v\nwant %+v, %v", got, err, want, wantErr)
			}
		})
	}
}

func texts(err error) (out []string) {
	for _, p := range finding.All(err) {
		out = append(out, p.Error())
	}
	return out
}

// doubled returns rules s0 to sN: a text of 32 bytes, and each twice the one before.
func doubled(n int) string {
	var b strings.Builder
	b.WriteString("s0 := \"0123456789abcdef0123456789abcdef\"\n\n")
	for i := range n {
		fmt.Fprintf(&b, "s%d := concat(\"\", [s%d, s%d])\n\n", i+1, i, i)
	}
	return b.String()
}

// TestLimits: rules that take all memory, or all time, end as a problem that says so, and this process lives on.
func TestLimits(t *testing.T) {
	_, err := Evaluate(t.Context(), serve, job(t, doubled(30)+"deny contains s30 if true\n"))
	if err == nil || !strings.Contains(err.Error(), "memory limit of 512 MiB") {
		t.Errorf("memory: %v", err)
	}

	forever := job(t, "deny contains \"x\" if {\n\tsome a in numbers.range(1, 10000)\n\tsome b in numbers.range(1, 10000)\n\tsome c in numbers.range(1, 10000)\n\ta * b * c == -1\n}\n")
	_, err = evaluate(t.Context(), serve, forever, time.Second)
	if err == nil || !strings.Contains(err.Error(), "exceeded the time limit of 1s") {
		t.Errorf("time: %v", err)
	}

	ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, errors.New("ended"))
	defer cancel()
	begun := time.Now()
	if _, err := Evaluate(ctx, serve, forever); err == nil {
		t.Error("a canceled evaluation has no error")
	}
	if took := time.Since(begun); took > maxTime/2 {
		t.Errorf("ended after %v", took)
	}
}

// TestAnswers: what is no answer, or too much of one, is an error.
func TestAnswers(t *testing.T) {
	long := job(t, doubled(12)+"deny contains sprintf(\"%d %s\", [x, s12]) if some x in numbers.range(1, 600)\n") // 128 KiB each
	if _, err := Evaluate(t.Context(), serve, long); err == nil || !strings.Contains(err.Error(), "custom rules returned more than 64 MiB of findings") {
		t.Errorf("too long: %v", err)
	}
	if _, err := Evaluate(t.Context(), "-test.run=^$", job(t, "deny contains \"x\" if false\n")); err == nil || !strings.Contains(err.Error(), "cannot evaluate custom rules") {
		t.Errorf("no answer: %v", err)
	}
}
