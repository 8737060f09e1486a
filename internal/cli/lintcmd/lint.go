package lintcmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/diff"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/internal/inputfile"
	"github.com/redis-gitops/redis-gitops/internal/lintreport"
	"github.com/redis-gitops/redis-gitops/internal/memlimit"
	"github.com/redis-gitops/redis-gitops/isolate"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/redact"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/report"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

const lintHelp = `Lint the repository: render every chart and kustomization like Argo CD or Flux
would, and report the exact file and line to fix.

PATH limits the findings to a directory or file; - checks the manifests on
standard input, with the repository's configuration but not its custom rules.
Exits with 1 if any finding is at or above --fail-on, and with 2 if something
could not be checked.

--fix applies only fixes that are proven safe: it renders the repository with
every known set of values before and after, and reverts a fix that causes
another finding, changes the pods that a selector matches or the target of a
URL, or changes anything else. Other fixes are suggestions, which
--fix=suggested applies too; review the patch of --fix=suggested --diff before
you commit it.

What is found in a chart or kustomization is cached for the next run, in
$XDG_CACHE_HOME/redis-gitops or ~/.cache/redis-gitops. Nothing with a secret in
it is cached.

Examples:
  redis-gitops lint
  redis-gitops lint --strict --format text --format sarif=redis.sarif
  redis-gitops lint --new-from-rev origin/main --format github
  redis-gitops lint --fix --diff
  helm template shop ./chart | redis-gitops lint -
  redis-gitops lint --create-baseline --baseline .redis-gitops-baseline.json`

// Limits of files that flags name, in bytes.
const (
	maxBaseline = 64 << 20 // 200,000 findings take about half of it
	maxRules    = 64 << 20 // all files of a directory of rules
)

// The values of --fix.
const (
	fixSafe      = "safe"
	fixSuggested = "suggested"
)

// lintOptions are those of lint.
type lintOptions struct {
	*env.Env
	strict, diff, noSuppressions, allowEmpty, stats, createBaseline, noRepoCode, noCache bool
	formats, only, enable, disable, policies, values                                     []string
	failOn, scope, fix, newFromRev, baseline                                             string
	jobs                                                                                 int
	version                                                                              string // of the tool, for reports
}

var scopes = []string{cue.ScopeRedis, cue.ScopeAll}

func newLint(e *env.Env, version string) *cobra.Command {
	o := &lintOptions{Env: e, version: version}
	c := &cobra.Command{
		Use:   "lint [PATH…]",
		Short: "Lint the repository and report the lines to fix",
		Long:  lintHelp,
		RunE:  func(c *cobra.Command, args []string) error { return o.run(c.Context(), args) },
	}
	p := c.Flags()
	p.BoolVar(&o.strict, "strict", false, "also apply the strict security rules, and treat advice as errors")
	p.StringArrayVar(&o.formats, "format", nil, "NAME or NAME=FILE; may be repeated: "+strings.Join(formatNames(), ", ")+" (default text)")
	p.StringVar(&o.failOn, "fail-on", "", "exit with 1 on findings of this severity or higher: error, warning, info or never (default from the configuration: error)")
	p.StringVar(&o.scope, "scope", "", "where general rules such as yaml/invalid apply: redis (where Redis is involved) or all (default from the configuration: redis)")
	flags.Complete(c, "scope", scopes)
	flags.Complete(c, "fail-on", levels)
	flags.Complete(c, "format", formatNames())
	p.StringArrayVar(&o.enable, "enable", nil, "enable a rule, or a category such as sec/*; may be repeated")
	p.StringArrayVar(&o.disable, "disable", nil, "disable a rule or category; may be repeated")
	p.StringArrayVar(&o.only, "only", nil, "only run this rule; may be repeated")
	p.StringVar(&o.newFromRev, "new-from-rev", "", "only report findings in changes since this Git revision")
	p.StringVar(&o.fix, "fix", "", "apply fixes that are proven safe, then report the remaining findings; =suggested also applies fixes without proof")
	p.Lookup("fix").NoOptDefVal = fixSafe
	flags.Complete(c, "fix", []string{fixSafe, fixSuggested})
	p.BoolVar(&o.diff, "diff", false, "with --fix: print the changes as a patch, write nothing")
	flags.File(p, &o.baseline, "baseline", "baseline file: ignore the findings it lists")
	p.BoolVar(&o.createBaseline, "create-baseline", false, "write the current findings to the --baseline file")
	flags.Directories(p, &o.policies, "policy", "directory with custom Rego rules; may be repeated")
	p.BoolVar(&o.noRepoCode, "no-repo-code", false, "do not run rules from the repository (for untrusted pull requests)")
	p.StringArrayVar(&o.values, "values", nil, "also render with these values files, comma-separated, relative to each chart or to the repository; may be repeated")
	p.BoolVar(&o.noSuppressions, "no-suppressions", false, "ignore all suppressions")
	p.BoolVar(&o.allowEmpty, "allow-empty", false, "exit with 0 if there is nothing to check")
	p.BoolVar(&o.stats, "stats", false, "print which rules ran and how long each took")
	p.BoolVar(&o.noCache, "no-cache", false, "do not use or keep results of other runs")
	p.IntVarP(&o.jobs, "jobs", "j", runtime.GOMAXPROCS(0), "number of applications to lint in parallel")
	return c
}

func (o *lintOptions) run(ctx context.Context, args []string) error {
	outs, err := parseFormats(o.formats)
	if err != nil {
		return err
	}
	if err := o.validate(); err != nil {
		return err
	}
	r, paths, err := o.open(ctx, args)
	if err != nil {
		return err
	}
	defer r.FS.Close()
	if o.Exit != nil { // else it is a process of tests, which goes on
		memlimit.CollectSeldom(o.Memory)
	}
	opts, err := o.options(ctx, r, paths)
	if err != nil {
		return err
	}
	if o.cached(args) {
		defer keep(o.Env, r, opts)()
	}
	res, plan, refused, err := o.check(ctx, r, opts)
	if err != nil {
		return err
	}
	if o.createBaseline {
		return o.writeBaseline(res)
	}
	o.Secrets.From(nil) // lint has read the whole repository
	o.Secrets.Merge(res.Secrets)
	run := o.report(ctx, r, res)
	if plan != nil {
		run.Source = fixedSource(plan, run.Source)
	}
	for _, out := range outs {
		if err := writeReport(o.Env, run, out); err != nil {
			return err
		}
	}
	if plan != nil {
		if o.diff {
			o.Patch(o.Out, plan.Diff())
		}
		verb := "fixed"
		if o.diff {
			verb = "can fix"
		}
		for _, not := range refused {
			o.PrintErrf("not fixed: %s: %s [%s]\n", not.Finding.Position, ui.Trusted(redact.Printable(o.Secrets.Foreign(not.Reason))), not.Finding.Rule)
		}
		o.PrintErrf("%s %s\n", verb, finding.Count(len(plan.Files), "file"))
	}
	for _, p := range res.Failures {
		o.PrintErrf("%s %v\n", o.Paint(ui.Red, "error:"), p)
	}
	switch {
	case len(res.Failures) > 0:
		return exitcode.Code(exitcode.Error)
	case res.Resources == 0 && len(res.Findings) == 0 && o.newFromRev == "" && !o.allowEmpty:
		return fmt.Errorf("no Kubernetes resources found in %s; pass a repository directory, or use --allow-empty", where(paths))
	case fails(run.Summary(), o.threshold(r)):
		return exitcode.Code(exitcode.Findings)
	}
	return nil
}

// cached reports whether the run can use what earlier ones kept: --fix needs more than that, the state before a change is looked at once, and
// standard input is no repository.
func (o *lintOptions) cached(args []string) bool {
	return !o.noCache && o.Exit != nil && o.fix == "" && o.newFromRev == "" && !slices.Contains(args, env.Stdin)
}

func where(paths []string) string {
	if slices.Equal(paths, []string{env.StdinFile}) {
		return "standard input"
	}
	if len(paths) > 0 {
		return strings.Join(paths, ", ")
	}
	return "the repository"
}

// levels are the values of --fail-on.
var levels = []string{"error", "warning", "info", "never"}

func (o *lintOptions) validate() error {
	var problems finding.Problems
	wrong := func(flag, format string, args ...any) {
		problems = append(problems, finding.Errorf(finding.Position{File: flag}, "", format, args...))
	}
	if o.failOn != "" && !slices.Contains(levels, o.failOn) {
		wrong("--fail-on", "invalid severity %q; %s%s", o.failOn, finding.OneOf(levels), finding.DidYouMean(o.failOn, levels))
	}
	if o.scope != "" && !slices.Contains(scopes, o.scope) {
		wrong("--scope", "invalid scope %q; %s%s", o.scope, finding.OneOf(scopes), finding.DidYouMean(o.scope, scopes))
	}
	if fixes := []string{fixSafe, fixSuggested}; o.fix != "" && !slices.Contains(fixes, o.fix) {
		wrong("--fix", "invalid kind of fix %q; %s%s", o.fix, finding.OneOf(fixes), finding.DidYouMean(o.fix, fixes))
	}
	if o.diff && o.fix == "" {
		wrong("--diff", "only valid with --fix")
	}
	if o.createBaseline && o.baseline == "" {
		wrong("--create-baseline", "requires --baseline FILE")
	}
	if o.createBaseline && (o.fix != "" || o.newFromRev != "") {
		wrong("--create-baseline", "covers the whole repository; remove --fix and --new-from-rev")
	}
	if o.jobs < 1 {
		wrong("--jobs", "%d is not valid; use 1 or more", o.jobs)
	}
	return problems.Err()
}

// open opens what is to be checked: a repository, or the manifests on standard input.
func (o *lintOptions) open(ctx context.Context, args []string) (*env.Repository, []string, error) {
	if !slices.Contains(args, env.Stdin) {
		paths, err := o.paths(args)
		if err != nil {
			return nil, nil, err
		}
		r, err := o.Open(ctx, o.fix != "" && !o.diff)
		return r, paths, err
	}
	var problems finding.Problems
	for _, other := range []struct {
		given        bool
		flag, advice string
	}{
		{len(args) > 1, env.Stdin, "cannot be combined with other paths; lint them separately"},
		{o.fix != "", "--fix", "cannot change standard input; pass a directory or file"},
		{o.newFromRev != "", "--new-from-rev", "needs a repository, not standard input"},
		{len(o.values) > 0, "--values", "has no effect on standard input, which is rendered already"},
	} {
		if other.given {
			problems = append(problems, finding.Errorf(finding.Position{File: other.flag}, "", "%s", other.advice))
		}
	}
	if err := problems.Err(); err != nil {
		return nil, nil, err
	}
	o.noRepoCode = true // its files are not here
	r, err := o.OpenStdin()
	return r, []string{env.StdinFile}, err
}

// paths makes PATH arguments relative to the repository, which is the one that holds the first.
func (o *lintOptions) paths(args []string) ([]string, error) {
	if len(args) == 0 {
		return nil, nil
	}
	var problems finding.Problems
	var full []string
	for _, arg := range args {
		p := arg
		if !filepath.IsAbs(p) {
			p = filepath.Join(o.Dir, p)
		}
		p, err := filepath.Abs(p)
		if err != nil {
			return nil, err
		}
		switch info, err := os.Stat(p); {
		case err != nil:
			problems = append(problems, finding.Errorf(finding.Position{File: arg}, "", "does not exist; pass a directory or file in the repository"))
			continue
		case !info.IsDir() && !info.Mode().IsRegular():
			problems = append(problems, finding.Errorf(finding.Position{File: arg}, "", "%v; pass a directory or file in the repository", inputfile.ErrNotRegular))
			continue
		}
		full = append(full, p)
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	o.Dir = full[0]
	if info, err := os.Stat(o.Dir); err == nil && !info.IsDir() {
		o.Dir = filepath.Dir(o.Dir)
	}
	root, err := env.FindRoot(o.Dir)
	if err != nil {
		root = o.Dir // a folder of manifests that is no repository can be checked all the same
		o.Bare = root
	}
	var paths []string
	for i, p := range full {
		rel, err := filepath.Rel(root, p)
		if err != nil || !filepath.IsLocal(rel) {
			problems = append(problems, finding.Errorf(finding.Position{File: args[i]}, "", "is in a different repository than %s; lint them separately", args[0]))
			continue
		}
		paths = append(paths, filepath.ToSlash(rel))
	}
	if slices.Contains(paths, ".") {
		paths = nil
	}
	return paths, problems.Err()
}

func (o *lintOptions) options(ctx context.Context, r *env.Repository, paths []string) (*lint.Options, error) {
	opts := &lint.Options{
		Config: r.Config, Strict: o.strict, Paths: paths, Only: o.only, Enable: o.enable, Disable: o.disable,
		Scope: o.scope, NoSuppressions: o.noSuppressions, Jobs: o.jobs, Today: o.Now,
	}
	for _, set := range o.values {
		opts.Values = append(opts.Values, strings.Split(set, ","))
	}
	if o.baseline != "" && !o.createBaseline {
		src, err := inputfile.Read(o.baseline, maxBaseline)
		if err != nil {
			return nil, fmt.Errorf("--baseline: %w", err)
		}
		if opts.Baseline, err = lint.ParseBaseline(o.baseline, src); err != nil {
			return nil, err
		}
	}
	var err error
	if o.newFromRev != "" {
		if opts.Base, err = o.base(ctx, r); err != nil {
			return nil, err
		}
	}
	opts.UserRules, err = o.userRules(r)
	return opts, err
}

// userRules reads the folders of rules of --policy and of the configuration.
func (o *lintOptions) userRules(r *env.Repository) ([]lint.UserRules, error) {
	var modules []policy.Module
	for _, dir := range o.policies {
		found, err := readModules(dir)
		if err != nil {
			return nil, err
		}
		modules = append(modules, found...)
	}
	var schemas []cue.OwnFile
	if o.noRepoCode {
		if own := slices.Concat(r.Config.Policies, r.Config.Schemas); len(own) > 0 {
			o.Debugf("rules in %s are skipped (--no-repo-code)", strings.Join(own, ", "))
		}
	} else {
		own, found, err := lint.RepoCode(r.Repo, r.Config)
		if err != nil {
			return nil, err
		}
		modules, schemas = append(modules, own...), found
	}
	return lint.OwnRules(modules, schemas, func(ctx context.Context, job *lint.Job) ([]lint.UserViolation, error) {
		return isolate.Evaluate(ctx, evaluateName, job)
	})
}

func readModules(dir string) ([]policy.Module, error) {
	var modules []policy.Module
	err := inputfile.ReadTree(dir, repo.MaxFileSize, maxRules, lint.IsRule, func(name string, src []byte) {
		modules = append(modules, policy.Module{File: path.Join(filepath.ToSlash(dir), name), Source: string(src)})
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("--policy: %w", inputfile.Cause(dir, err))
	case len(modules) == 0:
		return nil, fmt.Errorf("--policy: no .rego files in %s", dir)
	}
	return modules, nil
}

// check lints, and with --fix fixes.
func (o *lintOptions) check(ctx context.Context, r *env.Repository, opts *lint.Options) (*lint.Result, *scaffold.Plan, []lint.Refused, error) {
	if o.fix == "" {
		if !o.createBaseline {
			opts.Partial = func(cause error) (string, bool) { return cause.Error(), errors.Is(cause, env.ErrLimit) }
		}
		res, err := lint.Run(ctx, r.Repo, *opts)
		return res, nil, nil, err
	}
	opts.Suggested = o.fix == fixSuggested
	fixed, err := lint.Fix(ctx, r.Repo, *opts)
	if err != nil {
		return nil, nil, nil, err
	}
	plan := &scaffold.Plan{Command: "lint --fix"}
	for _, c := range fixed.Changes {
		plan.Files = append(plan.Files, scaffold.FileChange{Path: c.Path, Action: scaffold.Update, Old: c.Old, New: c.New})
	}
	if !o.diff {
		if err := plan.Apply(r.Repo); err != nil {
			return nil, nil, nil, err
		}
	}
	return fixed.Result, plan, fixed.Refused, nil
}

func (o *lintOptions) writeBaseline(res *lint.Result) error {
	baseline := lint.NewBaseline(res.Findings)
	out, err := baseline.JSON()
	if err != nil {
		return err
	}
	if err := writeWhole(o.Env, o.baseline, out); err != nil {
		return fmt.Errorf("--baseline: %w", inputfile.Cause(o.baseline, err))
	}
	o.Infof("%s holds %s", o.baseline, finding.Count(len(baseline.Known), "finding"))
	return nil
}

// report makes the result a report.
func (o *lintOptions) report(ctx context.Context, r *env.Repository, res *lint.Result) *report.Run {
	run := lintreport.Of(res, r.Repo, o.version, o.Secrets)
	run.Patch = lintreport.Patches(ctx, res)
	if o.stats {
		run.Stats = lintreport.Stats(res)
	}
	return run
}

// fixedSource reads files as they are after the fixes, whether those are written or not: that is the text which the findings are about.
func fixedSource(plan *scaffold.Plan, read func(string) ([]byte, bool)) func(string) ([]byte, bool) {
	return func(file string) ([]byte, bool) {
		for _, c := range plan.Files {
			if c.Path == file {
				return c.New, true
			}
		}
		return read(file)
	}
}

func (o *lintOptions) threshold(r *env.Repository) string {
	if o.failOn != "" {
		return o.failOn
	}
	return r.Config.FailOn
}

func fails(s report.Summary, threshold string) bool {
	switch threshold {
	case "never":
		return false
	case "info":
		return s.Findings() > 0
	case "warning":
		return s.Errors+s.Warnings > 0
	}
	return s.Errors > 0
}

// base opens the repository as it was in a revision.
func (o *lintOptions) base(ctx context.Context, r *env.Repository) (*lint.Base, error) {
	g, end := history(o.Env, r)
	defer end()
	t, err := tree(ctx, g, "--new-from-rev", o.newFromRev, g.Base)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	changed, err := t.Changed(ctx)
	if err != nil {
		return nil, fmt.Errorf("--new-from-rev: %w", err)
	}
	old, new, err := workTree(o.Env, r, t, changed)
	if err != nil {
		return nil, fmt.Errorf("--new-from-rev: %w", err)
	}
	return &lint.Base{Repo: old.Repo, Changed: changed, Compare: func(ctx context.Context) ([]*finding.Finding, []*finding.Problem, error) {
		found, sides, err := diff.Findings(ctx, old, new, changed, r.Config)
		if err != nil {
			return nil, nil, err
		}
		for _, resource := range sides.Old.Resources {
			o.Secrets.Add(redact.Data(resource.Object)...)
		}
		return found, sides.Before, nil
	}}, nil
}
