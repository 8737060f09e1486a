package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/git"
	"github.com/redis-gitops/redis-gitops/internal/atomicfile"
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

// lintFlags are the flags of lint.
type lintFlags struct {
	strict, diff, noSuppressions, allowEmpty, stats, createBaseline, noRepoCode bool
	formats, only, enable, disable, policies, values                            []string
	failOn, scope, fix, newFromRev, baseline                                    string
	jobs                                                                        int
}

var scopes = []string{cue.ScopeRedis, cue.ScopeAll}

func (a *app) lintCommand() *cobra.Command {
	var f lintFlags
	c := &cobra.Command{
		Use:   "lint [PATH…]",
		Short: "Lint the repository and report the lines to fix",
		Long:  lintHelp,
		RunE:  func(c *cobra.Command, args []string) error { return a.lint(c.Context(), &f, args) },
	}
	p := c.Flags()
	p.BoolVar(&f.strict, "strict", false, "also apply the strict security rules, and treat advice as errors")
	p.StringArrayVar(&f.formats, "format", nil, "NAME or NAME=FILE; may be repeated: "+strings.Join(formatNames(), ", ")+" (default text)")
	p.StringVar(&f.failOn, "fail-on", "", "exit with 1 on findings of this severity or higher: error, warning, info or never (default from the configuration: error)")
	p.StringVar(&f.scope, "scope", "", "where general rules such as yaml/invalid apply: redis (where Redis is involved) or all (default from the configuration: redis)")
	flags.Complete(c, "scope", scopes)
	p.StringArrayVar(&f.enable, "enable", nil, "enable a rule, or a category such as sec/*; may be repeated")
	p.StringArrayVar(&f.disable, "disable", nil, "disable a rule or category; may be repeated")
	p.StringArrayVar(&f.only, "only", nil, "only run this rule; may be repeated")
	p.StringVar(&f.newFromRev, "new-from-rev", "", "only report findings in changes since this Git revision")
	p.StringVar(&f.fix, "fix", "", "apply fixes that are proven safe, then report the remaining findings; =suggested also applies fixes without proof")
	p.Lookup("fix").NoOptDefVal = fixSafe
	flags.Complete(c, "fix", []string{fixSafe, fixSuggested})
	p.BoolVar(&f.diff, "diff", false, "with --fix: print the changes as a patch, write nothing")
	p.StringVar(&f.baseline, "baseline", "", "baseline file: ignore the findings it lists")
	p.BoolVar(&f.createBaseline, "create-baseline", false, "write the current findings to the --baseline file")
	p.StringArrayVar(&f.policies, "policy", nil, "directory with custom Rego rules; may be repeated")
	p.BoolVar(&f.noRepoCode, "no-repo-code", false, "do not run rules from the repository (for untrusted pull requests)")
	p.StringArrayVar(&f.values, "values", nil, "also render with these values files, comma-separated, relative to each chart or to the repository; may be repeated")
	p.BoolVar(&f.noSuppressions, "no-suppressions", false, "ignore all suppressions")
	p.BoolVar(&f.allowEmpty, "allow-empty", false, "exit with 0 if there is nothing to check")
	p.BoolVar(&f.stats, "stats", false, "print which rules ran and how long each took")
	p.IntVarP(&f.jobs, "jobs", "j", runtime.GOMAXPROCS(0), "number of applications to lint in parallel")
	return c
}

func formatNames() []string {
	var names []string
	for _, f := range report.Formats() {
		names = append(names, f.Name)
	}
	return names
}

// output is one report: a format and the file it goes to, "" for the terminal.
type output struct{ format, file string }

// parseFormats reads --format.
func parseFormats(formats []string) ([]output, error) {
	if len(formats) == 0 {
		formats = []string{"text"}
	}
	var out []output
	var problems finding.Problems
	for _, text := range formats {
		name, file, toFile := strings.Cut(text, "=")
		if err := report.Check(name); err != nil {
			problems = append(problems, finding.Errorf(finding.Position{File: "--format"}, "", "%v", err))
		}
		if toFile && file == "" {
			problems = append(problems, finding.Errorf(finding.Position{File: "--format"}, "", "%q has no file; use %s=FILE", text, name))
		}
		if !toFile && slices.ContainsFunc(out, func(o output) bool { return o.file == "" }) {
			problems = append(problems, finding.Errorf(finding.Position{File: "--format"}, "", "only one format can be written to standard output; use %s=FILE for the others", name))
		}
		out = append(out, output{name, file})
	}
	return out, problems.Err()
}

func (a *app) lint(ctx context.Context, f *lintFlags, args []string) error {
	outs, err := parseFormats(f.formats)
	if err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	o, paths, err := a.lintOpen(ctx, f, args)
	if err != nil {
		return err
	}
	defer o.FS.Close()
	if a.Exit != nil { // else it is a process of tests, which goes on
		memlimit.CollectSeldom(a.Memory)
	}
	opts, err := a.lintOptions(ctx, f, o, paths)
	if err != nil {
		return err
	}
	res, plan, refused, err := a.runLint(ctx, f, o, opts)
	if err != nil {
		return err
	}
	if f.createBaseline {
		return a.writeBaseline(f, res)
	}
	a.Secrets.From(nil) // lint has read the whole repository
	a.Secrets.Merge(res.Secrets)
	run := a.lintReport(f, o, res)
	if plan != nil {
		run.Source = fixedSource(plan, run.Source)
	}
	for _, out := range outs {
		if err := a.writeReport(run, out); err != nil {
			return err
		}
	}
	if plan != nil {
		if f.diff {
			a.Patch(a.Out, plan.Diff())
		}
		verb := "fixed"
		if f.diff {
			verb = "can fix"
		}
		for _, r := range refused {
			a.PrintErrf("not fixed: %s: %s [%s]\n", r.Finding.Position, ui.Trusted(redact.Printable(a.Secrets.Foreign(r.Reason))), r.Finding.Rule)
		}
		a.PrintErrf("%s %s\n", verb, finding.Count(len(plan.Files), "file"))
	}
	for _, p := range res.Failures {
		a.PrintErrf("%s %v\n", a.Paint(ui.Red, "error:"), p)
	}
	switch {
	case len(res.Failures) > 0:
		return exitcode.Code(exitcode.Error)
	case res.Resources == 0 && len(res.Findings) == 0 && f.newFromRev == "" && !f.allowEmpty:
		return fmt.Errorf("no Kubernetes resources found in %s; pass a repository directory, or use --allow-empty", a.where(paths))
	case fails(run.Summary(), f.threshold(o)):
		return exitcode.Code(exitcode.Findings)
	}
	return nil
}

func (a *app) where(paths []string) string {
	if slices.Equal(paths, []string{env.StdinFile}) {
		return "standard input"
	}
	if len(paths) > 0 {
		return strings.Join(paths, ", ")
	}
	return "the repository"
}

func (f *lintFlags) check() error {
	var problems finding.Problems
	wrong := func(flag, format string, args ...any) {
		problems = append(problems, finding.Errorf(finding.Position{File: flag}, "", format, args...))
	}
	levels := []string{"error", "warning", "info", "never"}
	if f.failOn != "" && !slices.Contains(levels, f.failOn) {
		wrong("--fail-on", "invalid severity %q; %s%s", f.failOn, finding.OneOf(levels), finding.DidYouMean(f.failOn, levels))
	}
	if f.scope != "" && !slices.Contains(scopes, f.scope) {
		wrong("--scope", "invalid scope %q; %s%s", f.scope, finding.OneOf(scopes), finding.DidYouMean(f.scope, scopes))
	}
	if fixes := []string{fixSafe, fixSuggested}; f.fix != "" && !slices.Contains(fixes, f.fix) {
		wrong("--fix", "invalid kind of fix %q; %s%s", f.fix, finding.OneOf(fixes), finding.DidYouMean(f.fix, fixes))
	}
	if f.diff && f.fix == "" {
		wrong("--diff", "only valid with --fix")
	}
	if f.createBaseline && f.baseline == "" {
		wrong("--create-baseline", "requires --baseline FILE")
	}
	if f.createBaseline && (f.fix != "" || f.newFromRev != "") {
		wrong("--create-baseline", "covers the whole repository; remove --fix and --new-from-rev")
	}
	if f.jobs < 1 {
		wrong("--jobs", "%d is not valid; use 1 or more", f.jobs)
	}
	return problems.Err()
}

// lintOpen opens what is to be checked: a repository, or the manifests on standard input.
func (a *app) lintOpen(ctx context.Context, f *lintFlags, args []string) (*env.Repository, []string, error) {
	if !slices.Contains(args, env.Stdin) {
		paths, err := a.lintPaths(args)
		if err != nil {
			return nil, nil, err
		}
		o, err := a.Open(ctx, f.fix != "" && !f.diff)
		return o, paths, err
	}
	var problems finding.Problems
	for _, other := range []struct {
		given        bool
		flag, advice string
	}{
		{len(args) > 1, env.Stdin, "cannot be combined with other paths; lint them separately"},
		{f.fix != "", "--fix", "cannot change standard input; pass a directory or file"},
		{f.newFromRev != "", "--new-from-rev", "needs a repository, not standard input"},
		{len(f.values) > 0, "--values", "has no effect on standard input, which is rendered already"},
	} {
		if other.given {
			problems = append(problems, finding.Errorf(finding.Position{File: other.flag}, "", "%s", other.advice))
		}
	}
	if err := problems.Err(); err != nil {
		return nil, nil, err
	}
	f.noRepoCode = true // its files are not here
	o, err := a.OpenStdin()
	return o, []string{env.StdinFile}, err
}

// lintPaths makes PATH arguments relative to the repository, which is the one that holds the first.
func (a *app) lintPaths(args []string) ([]string, error) {
	if len(args) == 0 {
		return nil, nil
	}
	var problems finding.Problems
	var full []string
	for _, arg := range args {
		p := arg
		if !filepath.IsAbs(p) {
			p = filepath.Join(a.Dir, p)
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
	a.Dir = full[0]
	if info, err := os.Stat(a.Dir); err == nil && !info.IsDir() {
		a.Dir = filepath.Dir(a.Dir)
	}
	root, err := env.FindRoot(a.Dir)
	if err != nil {
		root = a.Dir // a folder of manifests that is no repository can be checked all the same
		a.Bare = root
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

func (a *app) lintOptions(ctx context.Context, f *lintFlags, o *env.Repository, paths []string) (*lint.Options, error) {
	opts := &lint.Options{
		Config: o.Config, Strict: f.strict, Paths: paths, Only: f.only, Enable: f.enable, Disable: f.disable,
		Scope: f.scope, NoSuppressions: f.noSuppressions, Jobs: f.jobs, Today: a.Now,
	}
	for _, set := range f.values {
		opts.Values = append(opts.Values, strings.Split(set, ","))
	}
	if f.baseline != "" && !f.createBaseline {
		src, err := inputfile.Read(f.baseline, maxBaseline)
		if err != nil {
			return nil, fmt.Errorf("--baseline: %w", err)
		}
		if opts.Baseline, err = lint.ParseBaseline(f.baseline, src); err != nil {
			return nil, err
		}
	}
	var err error
	if f.newFromRev != "" {
		if opts.Base, err = a.base(ctx, o, f.newFromRev); err != nil {
			return nil, err
		}
	}
	opts.UserRules, err = a.userRules(f, o)
	return opts, err
}

// userRules reads the folders of rules of --policy and of the configuration.
func (a *app) userRules(f *lintFlags, o *env.Repository) ([]lint.UserRules, error) {
	var modules []policy.Module
	for _, dir := range f.policies {
		found, err := readModules(dir)
		if err != nil {
			return nil, err
		}
		modules = append(modules, found...)
	}
	var schemas []cue.OwnFile
	if f.noRepoCode {
		if own := slices.Concat(o.Config.Policies, o.Config.Schemas); len(own) > 0 {
			a.Debugf("rules in %s are skipped (--no-repo-code)", strings.Join(own, ", "))
		}
	} else {
		own, found, err := lint.RepoCode(o.Repo, o.Config)
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

// evaluateName is the hidden command that applies a user's rules in a process of its own.
const evaluateName = "evaluate-rules"

func (a *app) evaluateCommand() *cobra.Command {
	return &cobra.Command{
		Use: evaluateName, Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return isolate.Serve(c.Context(), a.In, a.Raw(a.Out)) },
	}
}

// runLint checks, and with --fix fixes.
func (a *app) runLint(ctx context.Context, f *lintFlags, o *env.Repository, opts *lint.Options) (*lint.Result, *scaffold.Plan, []lint.Refused, error) {
	if f.fix == "" {
		if !f.createBaseline {
			opts.Partial = func(cause error) (string, bool) { return cause.Error(), errors.Is(cause, env.ErrLimit) }
		}
		res, err := lint.Run(ctx, o.Repo, *opts)
		return res, nil, nil, err
	}
	opts.Suggested = f.fix == fixSuggested
	fixed, err := lint.Fix(ctx, o.Repo, *opts)
	if err != nil {
		return nil, nil, nil, err
	}
	plan := &scaffold.Plan{Command: "lint --fix"}
	for _, c := range fixed.Changes {
		plan.Files = append(plan.Files, scaffold.FileChange{Path: c.Path, Action: scaffold.Update, Old: c.Old, New: c.New})
	}
	if !f.diff {
		if err := plan.Apply(o.Repo); err != nil {
			return nil, nil, nil, err
		}
	}
	return fixed.Result, plan, fixed.Refused, nil
}

func (a *app) writeBaseline(f *lintFlags, res *lint.Result) error {
	baseline := lint.NewBaseline(res.Findings)
	out, err := baseline.JSON()
	if err != nil {
		return err
	}
	if err := a.writeWhole(f.baseline, out); err != nil {
		return fmt.Errorf("--baseline: %w", inputfile.Cause(f.baseline, err))
	}
	a.Infof("%s holds %s", f.baseline, finding.Count(len(baseline.Known), "finding"))
	return nil
}

// writeWhole writes a file outside the repository's edits whole or not at all, and never in the place of a device or pipe.
func (a *app) writeWhole(name string, data []byte) error {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %w", name, inputfile.ErrNotRegular)
	}
	f, err := atomicfile.Create(name, 0o644)
	if err != nil {
		return err
	}
	defer f.Discard()
	defer a.AtExit(f.Discard)()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Publish()
}

// lintReport makes the result a report.
func (a *app) lintReport(f *lintFlags, o *env.Repository, res *lint.Result) *report.Run {
	run := lintreport.Of(res, o.Repo, version, a.Secrets)
	if f.stats {
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

func (a *app) writeReport(run *report.Run, out output) error {
	if out.file == "" {
		if a.Quiet && len(run.Findings) == 0 {
			return nil
		}
		return report.Write(a.Raw(a.Out), out.format, run, report.Options{Color: a.Colored()})
	}
	var b bytes.Buffer
	if err := report.Write(&b, out.format, run, report.Options{}); err != nil {
		return err
	}
	if err := a.writeWhole(out.file, b.Bytes()); err != nil {
		return fmt.Errorf("--format %s: %w", out.format, inputfile.Cause(out.file, err))
	}
	return nil
}

func (f *lintFlags) threshold(o *env.Repository) string {
	if f.failOn != "" {
		return f.failOn
	}
	return o.Config.FailOn
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
func (a *app) base(ctx context.Context, o *env.Repository, rev string) (*lint.Base, error) {
	g := &git.Repo{Dir: o.Dir}
	defer a.AtExit(func() { g.Close() })()
	defer g.Close()
	rev, err := g.Base(ctx, rev)
	if err != nil {
		return nil, fmt.Errorf("--new-from-rev: %w", err)
	}
	changed, err := g.Changed(ctx, rev)
	if err != nil {
		return nil, fmt.Errorf("--new-from-rev: %w", err)
	}
	old := map[string][]byte{}
	for _, file := range changed {
		src, err := g.File(ctx, rev, file)
		switch {
		case err == nil:
			old[file] = src
		case errors.Is(err, fs.ErrNotExist):
			old[file] = nil
		case errors.Is(err, git.ErrTooLarge): // so large that it is refused, as it was then
			old[file] = make([]byte, repo.MaxFileSize+1)
		default:
			return nil, fmt.Errorf("--new-from-rev: %w", err)
		}
	}
	base, err := repo.Open(lint.Overlay(o.FS, old), repo.Options{Layout: o.Layout()})
	if err != nil {
		return nil, err
	}
	return &lint.Base{Repo: base, Changed: changed}, nil
}
