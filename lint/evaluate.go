package lint

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/policy/engine"
	"github.com/redis-gitops/redis-gitops/repo"
)

// Job is rules that are not ours and the data to apply them to, as it goes to the process that does so.
type Job struct {
	Modules    []policy.Module
	Schemas    []cue.OwnFile
	Rules      []*policy.Rule
	Settings   map[string]any
	Resources  []any
	Repository any
}

// Evaluate applies the rules of a job. With an error it still gives what it found before.
func Evaluate(ctx context.Context, job *Job) ([]UserViolation, error) {
	if len(job.Schemas) > 0 {
		return evaluateSchemas(job)
	}
	rules := engine.ForModules()
	values := rules.Values()
	evaluator, err := rules.Compile(policy.Options{Rules: job.Rules, Settings: job.Settings, Modules: job.Modules})
	if err != nil {
		return nil, err
	}
	var out []UserViolation
	var problems finding.Problems
	take := func(input int, violations []policy.Violation, err error) {
		problems = append(problems, finding.All(err)...)
		for _, v := range violations {
			out = append(out, UserViolation{input, v})
		}
	}
	for i, r := range job.Resources {
		if kind := text(r, "kind"); !evaluator.Wants(kind) {
			continue
		}
		value, err := values.Value(r)
		if err != nil {
			return out, err
		}
		violations, err := evaluator.Resource(ctx, value)
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		take(i, violations, err)
	}
	value, err := values.Value(job.Repository)
	if err != nil {
		return out, err
	}
	violations, err := evaluator.Repository(ctx, value)
	if ctx.Err() != nil {
		return out, ctx.Err()
	}
	take(-1, violations, err)
	return out, problems.Err()
}

// IsRule reports whether a file of a folder of rules is one; tests of rules are not.
func IsRule(file string) bool {
	return strings.HasSuffix(file, ".rego") && !strings.HasSuffix(file, "_test.rego")
}

// RepoCode reads the rules and schemas that the configuration names (policies, schemas).
func RepoCode(r *repo.Repo, config *cue.Config) ([]policy.Module, []cue.OwnFile, error) {
	var modules []policy.Module
	var schemas []cue.OwnFile
	err := repoFiles(r, config, "policies", config.Policies, IsRule, func(file, src string) {
		modules = append(modules, policy.Module{File: file, Source: src})
	})
	if err != nil {
		return nil, nil, err
	}
	isSchema := func(file string) bool { return strings.HasSuffix(file, ".cue") }
	err = repoFiles(r, config, "schemas", config.Schemas, isSchema, func(file, src string) {
		schemas = append(schemas, cue.OwnFile{File: file, Source: src})
	})
	return modules, schemas, err
}

// repoFiles reads the files of the folders that a key of the configuration names.
func repoFiles(r *repo.Repo, config *cue.Config, key string, dirs []string, wanted func(file string) bool, take func(file, src string)) error {
	for i, dir := range dirs {
		files, err := r.Files(path.Clean(dir))
		if err != nil {
			return finding.Errorf(config.Position(key, fmt.Sprint(i)), key, "%q: %v", dir, err)
		}
		for _, file := range files {
			if !wanted(file) {
				continue
			}
			src, err := r.ReadFile(file)
			if err != nil {
				return err
			}
			take(file, string(src))
		}
	}
	return nil
}

// OwnRules makes sets of rules of what a user or a repository brings. evaluate applies a job: [Evaluate], or something that does
// so elsewhere, because both languages can take all time and memory.
func OwnRules(modules []policy.Module, schemas []cue.OwnFile, evaluate func(ctx context.Context, job *Job) ([]UserViolation, error)) ([]UserRules, error) {
	set := func(job Job) UserRules {
		return UserRules{
			Rules: job.Rules,
			Evaluate: func(ctx context.Context, rules []*policy.Rule, settings map[string]any, resources []any, repository any) ([]UserViolation, error) {
				job := job
				job.Rules, job.Settings, job.Resources, job.Repository = rules, settings, resources, repository
				return evaluate(ctx, &job)
			},
		}
	}
	var sets []UserRules
	if len(modules) > 0 {
		if !engine.TakesModules { // a constant, so that the sources of the rules are left out of the browser's program
			return nil, policy.ErrModules
		}
		rules, err := policy.UserRules(modules)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set(Job{Modules: modules, Rules: rules}))
	}
	if len(schemas) > 0 {
		rules, err := schemaRules(schemas)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set(Job{Schemas: schemas, Rules: rules}))
	}
	return sets, nil
}

// schemaRules are the rules that schemas of a user stand for, one for each package: what fails is schema/PACKAGE.
func schemaRules(files []cue.OwnFile) ([]*policy.Rule, error) {
	packages, err := cue.OwnPackages(files)
	if err != nil {
		return nil, err
	}
	var rules []*policy.Rule
	for i, name := range packages {
		if slices.ContainsFunc(rules, func(r *policy.Rule) bool { return r.Name == schemaCategory+"/"+name }) {
			continue
		}
		rules = append(rules, &policy.Rule{
			RuleInfo: finding.RuleInfo{
				Name: schemaCategory + "/" + name, Category: schemaCategory, Title: "A resource does not match the schema " + name + " of this repository",
				Remediation: "Fix the resource or the schema.", User: true, Severity: policy.Error, Strict: policy.Error,
			},
			Scope: policy.ScopeResource, File: files[i].File,
		})
	}
	return rules, nil
}

const schemaCategory = "schema"

func evaluateSchemas(job *Job) ([]UserViolation, error) {
	value, err := engine.Default().Values().Value(job.Resources)
	if err != nil {
		return nil, err
	}
	plain, err := value.Plain() // without the numbers of JSON, which CUE would take for texts
	if err != nil {
		return nil, err
	}
	resources, _ := plain.([]any)
	found, err := cue.CheckOwn(job.Schemas, resources)
	var out []UserViolation
	for _, v := range found {
		rule := schemaCategory + "/" + v.Package
		if !slices.ContainsFunc(job.Rules, func(r *policy.Rule) bool { return r.Name == rule }) {
			continue // it is off
		}
		schema := policy.Place{Violation: finding.Violation{Message: "the schema"}, Resource: -1, File: v.File, Line: v.Line}
		found := policy.NewViolation(rule, v.Violation)
		found.Related = []policy.Place{schema}
		out = append(out, UserViolation{v.Resource, *found})
	}
	return out, err
}
