package lintcmd

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/afero"
	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/diff"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/git"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/internal/memlimit"
	"github.com/redis-gitops/redis-gitops/redact"
	"github.com/redis-gitops/redis-gitops/repo"
)

const diffHelp = `Report what a change does to each Redis: which pods restart, what the operator
ignores, which data is lost. Both sides are rendered like Argo CD or Flux would,
where changed files have a part in it. No cluster is asked.

BASE and HEAD are revisions. Without BASE, it is the main branch; without HEAD,
the working tree is compared with the commit that it and BASE have in common.
- is a stream of manifests on standard input, whose resources alone are compared.

Each change has one of these classes:
  live            no pod restarts
  roll            the pods of Redis restart one after another
  roll-sentinels  the sentinels restart
  ignored         the operator or Kubernetes does nothing
  later           takes effect when a pod starts
  stuck           the operator stops reconciling, or a rollout stops
  rejected        the API server refuses it
  recreate        all pods are deleted and created again
  destroy         the data is deleted
  orphan          something stays in the cluster that Git does not have
  clients         clients fail, or reach other data

The name in brackets is the rule by which lint --new-from-rev reports it.

Exit codes: 0 compared; 1 a change is at or above --fail-on; 2 something could
not be rendered, the rest is printed.

Examples:
  redis-gitops diff
  redis-gitops diff origin/main --fail-on error
  redis-gitops diff v1.4.0 v1.5.0 --output markdown
  helm template shop ./chart | redis-gitops diff -`

func newDiff(e *env.Env, version string) *cobra.Command {
	o := &diffOptions{Env: e, version: version}
	c := &cobra.Command{
		Use:               "diff [BASE] [HEAD]",
		Short:             "Report what a change does to each Redis",
		Long:              diffHelp,
		Args:              flags.FromUse,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c.Context(), args) },
	}
	c.Flags().StringSliceVar(&o.failOn, "fail-on", nil, "exit with 1 on changes of this class, or of this severity or higher: error, warning or info; may be repeated")
	flags.Complete(c, "fail-on", failures())
	flags.AddOutput(c, &o.output, "text", "json", "markdown", "sarif")
	return c
}

// failures are the values of --fail-on.
func failures() []string { return append([]string{"error", "warning", "info"}, cue.ChangeClasses()...) }

func (o *diffOptions) run(ctx context.Context, args []string) (err error) {
	for _, f := range o.failOn {
		if !slices.Contains(failures(), f) {
			return finding.Errorf(finding.Position{File: "--fail-on"}, "", "unknown class or severity %q; %s%s", f, finding.OneOf(failures()), finding.DidYouMean(f, failures()))
		}
	}
	ctx, end := o.LimitReading(ctx)
	defer end()
	defer func() { err = env.StopCause(ctx, err) }()
	r, err := o.Open(ctx, false)
	if err != nil {
		return err
	}
	if o.Exit != nil { // else it is a process of tests, which goes on
		memlimit.CollectSeldom(o.Memory)
	}
	var manifests *diff.Side
	if slices.Contains(args, env.Stdin) {
		if err := r.FS.Close(); err != nil {
			return err
		}
		if manifests, err = o.manifests(ctx, args); err != nil {
			return err
		}
		if r, err = o.Open(ctx, false); err != nil {
			return err
		}
	}
	defer r.FS.Close()
	c := &comparison{repo: r}
	if manifests != nil {
		err = o.stream(ctx, c, args, manifests)
	} else {
		err = o.revisions(ctx, c, args)
	}
	if err != nil {
		return err
	}
	if err := o.print(c); err != nil {
		return err
	}
	if err := finding.Problems(c.Problems).Err(); err != nil {
		return err
	}
	if slices.ContainsFunc(c.Changes, o.fails) {
		return exitcode.Code(exitcode.Findings)
	}
	return nil
}

func (o *diffOptions) fails(c diff.Change) bool {
	return slices.ContainsFunc(o.failOn, func(f string) bool {
		var s finding.Severity
		return f == c.Class || s.UnmarshalText([]byte(f)) == nil && c.Severity <= s
	})
}

// revisions compares two revisions, or one with the working tree.
func (o *diffOptions) revisions(ctx context.Context, c *comparison, args []string) error {
	g, end := history(o.Env, c.repo)
	defer end()
	var err error
	rev := ""
	if len(args) > 0 {
		rev = args[0]
	} else if rev, err = g.Main(ctx); err != nil {
		return fmt.Errorf("BASE: %w", err)
	}
	find := g.Base
	if len(args) == 2 {
		find = g.Commit
	}
	base, err := tree(ctx, g, "BASE", rev, find)
	if err != nil {
		return err
	}
	defer base.Close()
	c.Base = named(rev, base.Commit)
	var old, new diff.Source
	var changed []string
	if len(args) == 2 {
		head, err := tree(ctx, g, "HEAD", args[1], g.Commit)
		if err != nil {
			return err
		}
		defer head.Close()
		c.Head, changed = named(args[1], head.Commit), base.Differ(head)
		if old, err = o.source(c.repo, base); err != nil {
			return err
		}
		if new, err = o.source(c.repo, head); err != nil {
			return err
		}
		defer o.report(head)
	} else {
		c.Head = "the working tree"
		if changed, err = base.Changed(ctx); err != nil {
			return err
		}
		if old, new, err = workTree(o.Env, c.repo, base, changed); err != nil {
			return err
		}
	}
	defer o.report(base)
	sides, err := diff.Collect(ctx, old, new, changed, c.repo.Config)
	if err != nil {
		return err
	}
	for _, n := range sides.Notices {
		o.PrintErrf("%s %v\n", o.Paint(ui.Yellow, "note:"), n)
	}
	c.Problems = slices.Concat(sides.Problems, sides.Before)
	return o.compare(c, sides.Old, sides.New)
}

func named(rev, commit string) string {
	for _, prefix := range []string{"refs/remotes/", "refs/heads/"} {
		rev = strings.TrimPrefix(rev, prefix)
	}
	return fmt.Sprintf("%s (%.7s)", rev, commit)
}

// report says what of a commit Git does not have.
func (o *diffOptions) report(t *git.Tree) {
	for _, dir := range t.Submodules() {
		o.Debugf("%s is a submodule, which is not compared", dir)
	}
	for _, file := range t.Pointers() {
		o.PrintErrf("%s %s of commit %.7s is in Git LFS; its content is not compared\n", o.Paint(ui.Yellow, "note:"), file, t.Commit)
	}
}

// source is a commit as one side.
func (o *diffOptions) source(r *env.Repository, t *git.Tree) (diff.Source, error) {
	opened, err := repo.Open(&scannedFs{Fs: t.Fs(), secrets: o.Secrets}, repo.Options{Layout: r.Layout()})
	return diff.Source{Repo: opened, Files: t.Files()}, err
}

// manifests reads standard input while the repository is closed: what is secret is looked for in one of them at a time.
func (o *diffOptions) manifests(ctx context.Context, args []string) (*diff.Side, error) {
	if len(args) == 2 && args[0] == args[1] {
		return nil, finding.Errorf(finding.Position{File: env.Stdin}, "", "cannot be both sides; pass a revision for the other one")
	}
	in, err := o.OpenStdin()
	if err != nil {
		return nil, err
	}
	defer in.FS.Close()
	side, err := diff.Manifests(ctx, in.Repo, env.StdinFile, in.Config)
	o.Secrets.Update()
	return side, err
}

// stream compares the manifests on standard input with the working tree, or a revision.
func (o *diffOptions) stream(ctx context.Context, c *comparison, args []string, manifests *diff.Side) error {
	other, name := c.repo.Repo, "the working tree"
	if i := slices.IndexFunc(args, func(arg string) bool { return arg != env.Stdin }); i >= 0 {
		g, end := history(o.Env, c.repo)
		defer end()
		t, err := tree(ctx, g, []string{"BASE", "HEAD"}[i], args[i], g.Commit)
		if err != nil {
			return err
		}
		defer t.Close()
		defer o.report(t)
		source, err := o.source(c.repo, t)
		if err != nil {
			return err
		}
		other, name = source.Repo, named(args[i], t.Commit)
	}
	all, problems, err := diff.Everything(ctx, other, c.repo.Config)
	if err != nil {
		return err
	}
	c.Problems = problems
	old, new := manifests, all
	c.Base, c.Head = "standard input", name
	if args[0] != env.Stdin {
		old, new = new, old
		c.Base, c.Head = c.Head, c.Base
	}
	return o.compare(c, old, new)
}

func (o *diffOptions) compare(c *comparison, old, new *diff.Side) error {
	operators, err := cue.Operators()
	if err != nil {
		return err
	}
	for _, side := range []*diff.Side{old, new} {
		for _, r := range side.Resources {
			o.Secrets.Add(redact.Data(r.Object)...)
		}
	}
	c.Result, err = diff.Compare(old, new, operators)
	return err
}

// scannedFs takes down what is secret in the files that are read.
type scannedFs struct {
	afero.Fs
	secrets *redact.Secrets
}

// Open implements [afero.Fs].
func (s *scannedFs) Open(name string) (afero.File, error) {
	f, err := s.Fs.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Size() <= repo.MaxFileSize {
		if src, err := afero.ReadAll(f); err == nil {
			s.secrets.AddFile(redact.Scan(name, src))
		}
		if _, err := f.Seek(0, 0); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// LstatIfPossible implements [afero.Lstater].
func (s *scannedFs) LstatIfPossible(name string) (fs.FileInfo, bool, error) {
	if l, ok := s.Fs.(afero.Lstater); ok {
		return l.LstatIfPossible(name)
	}
	info, err := s.Fs.Stat(name)
	return info, false, err
}
