package lint

import (
	"context"

	"github.com/redis-gitops/redis-gitops/diag"
	"github.com/redis-gitops/redis-gitops/policy"
)

// Job is rules that are not ours and the data to apply them to, as it goes to the process that does so.
type Job struct {
	Modules    []policy.Module
	Rules      []*policy.Rule
	Settings   map[string]any
	Resources  []any
	Repository any
}

// Evaluate applies the rules of a job. With an error it still gives what it found before.
func Evaluate(ctx context.Context, job *Job) ([]UserViolation, error) {
	engine, err := policy.New(policy.Options{Rules: job.Rules, Settings: job.Settings, Modules: job.Modules})
	if err != nil {
		return nil, err
	}
	var out []UserViolation
	var problems diag.Problems
	take := func(input int, violations []policy.Violation, err error) {
		problems = append(problems, diag.All(err)...)
		for _, v := range violations {
			out = append(out, UserViolation{input, v})
		}
	}
	for i, r := range job.Resources {
		if kind := text(r, "kind"); !engine.Wants(kind) {
			continue
		}
		value, err := policy.NewValue(r)
		if err != nil {
			return out, err
		}
		violations, err := engine.Resource(ctx, value)
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		take(i, violations, err)
	}
	value, err := policy.NewValue(job.Repository)
	if err != nil {
		return out, err
	}
	violations, err := engine.Repository(ctx, value)
	if ctx.Err() != nil {
		return out, ctx.Err()
	}
	take(-1, violations, err)
	return out, problems.Err()
}
