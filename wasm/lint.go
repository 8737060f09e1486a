package wasm

import (
	"bytes"
	"context"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lintreport"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/redact"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/report"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

type lintRequest struct {
	Strict        bool     `json:"strict"`
	Paths         []string `json:"paths,omitempty"`
	Only          []string `json:"only,omitempty"`
	NoSuppression bool     `json:"noSuppressions,omitempty"`
	NoRepoCode    bool     `json:"noRepoCode,omitempty"` // leave out rules that the repository brings
}

// linted is a report, as `lint --format json` prints it.
type linted struct {
	Report   string    `json:"report"`
	Failures []Problem `json:"failures"`
}

// lintOptions are the options of a call. Rules of the repository run here: a program that takes too long, or all memory, is
// ended from outside with its Web Worker.
func (s *Session) lintOptions(r lintRequest, on *repo.Repo) (lint.Options, error) {
	o := lint.Options{
		Config: s.config, Strict: r.Strict, Paths: r.Paths, Only: r.Only, NoSuppressions: r.NoSuppression,
		Compiled: &s.compiled, Cache: &s.cache, Today: s.today(),
		Progress: func(done, total int) { s.tell(Progress{Phase: "lint", Done: done, Total: total}) },
	}
	if r.NoRepoCode {
		return o, nil
	}
	modules, schemas, err := lint.RepoCode(on, s.config)
	if err != nil {
		return o, err
	}
	o.UserRules, err = lint.OwnRules(modules, schemas, lint.Evaluate)
	return o, err
}

func (s *Session) tell(p Progress) {
	if s.progress != nil {
		s.progress(p)
	}
}

// lint checks the repository.
func (s *Session) lint(ctx context.Context, r lintRequest) (any, error) {
	opts, err := s.lintOptions(r, s.repo)
	if err != nil {
		return nil, err
	}
	s.partial(&opts)
	res, err := lint.Run(ctx, s.repo, opts)
	if err != nil {
		return nil, err
	}
	s.last = s.reportOf(ctx, res)
	return s.linted(s.last, res)
}

// reportOf makes the report that is exported later, after the request of ctx.
func (s *Session) reportOf(ctx context.Context, res *lint.Result) *report.Run {
	run := lintreport.Of(res, s.repo, s.options.Version, res.Secrets)
	run.Patch = lintreport.Patches(context.WithoutCancel(ctx), res)
	return run
}

// partial lets a run tell what it has found so far together with how far it is.
func (s *Session) partial(o *lint.Options) {
	if s.progress == nil {
		return
	}
	var waiting []*finding.Finding
	told := false
	var secrets *redact.Secrets
	o.Found = func(f []*finding.Finding, known *redact.Secrets) { waiting, secrets = append(waiting, f...), known }
	o.Progress = func(done, total int) {
		p := Progress{Phase: "lint", Done: done, Total: total}
		// Each report is read by the page, so that many small ones would hold up both; the first comes at once.
		if len(waiting) >= 100 || len(waiting) > 0 && !told {
			p.Found, _ = written(&report.Run{Findings: waiting, Secrets: secrets}, "json") // no more than a first sight
			waiting, told = nil, true
		}
		s.tell(p)
	}
}

func (s *Session) linted(run *report.Run, res *lint.Result) (*linted, error) {
	text, err := written(run, "json")
	if err != nil {
		return nil, err
	}
	failures := problems(res.Failures)
	for i := range failures {
		failures[i].Message = res.Secrets.Foreign(failures[i].Message)
	}
	return &linted{text, failures}, nil
}

func written(run *report.Run, format string) (string, error) {
	var b bytes.Buffer
	err := report.Write(&b, format, run, report.Options{})
	return b.String(), err
}

type reportRequest struct {
	Format string `json:"format"`
}

// report returns the findings of the last lint in a format.
func (s *Session) report(_ context.Context, r reportRequest) (any, error) {
	if err := report.Check(r.Format); err != nil {
		return nil, err
	}
	if s.last == nil {
		return nil, errNoReport
	}
	return written(s.last, r.Format)
}

type fixRequest struct {
	lintRequest
	Apply     bool   `json:"apply"`
	Plan      string `json:"plan,omitempty"`      // with apply: the ID of the fixes that were shown
	Suggested bool   `json:"suggested,omitempty"` // make fixes without a proof too
}

type fixed struct {
	linted
	ID    string        `json:"id"`   // names exactly these changes; apply requires it
	Done  int           `json:"done"` // findings that are gone
	Left  []notFixed    `json:"left"` // those whose fix was not made
	Files []changedFile `json:"files"`
	Diff  string        `json:"diff"`
}

type notFixed struct {
	Rule   string `json:"rule"`
	File   string `json:"file"`
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

// fix makes the safe fixes of the findings that count, in memory and only with apply.
func (s *Session) fix(ctx context.Context, r fixRequest) (any, error) {
	opts, err := s.lintOptions(r.lintRequest, s.repo)
	if err != nil {
		return nil, err
	}
	opts.Suggested = r.Suggested
	done, err := lint.Fix(ctx, s.repo, opts)
	if err != nil {
		return nil, err
	}
	plan := &scaffold.Plan{Command: "lint --fix"}
	for _, c := range done.Changes {
		plan.Files = append(plan.Files, scaffold.FileChange{Path: c.Path, Action: scaffold.Update, Old: c.Old, New: c.New})
	}
	if r.Apply && planID(plan) != r.Plan {
		return nil, errOtherPlan
	}
	out := &fixed{ID: planID(plan), Done: len(done.Done), Left: []notFixed{}, Files: changedFiles(plan), Diff: s.show(plan.Diff())}
	shown(out.Files, s.show)
	for _, left := range done.Refused {
		out.Left = append(out.Left, notFixed{left.Finding.Rule, left.Finding.File, left.Finding.Line, s.known().Foreign(left.Reason)})
	}
	run := s.reportOf(ctx, done.Result)
	after, err := s.linted(run, done.Result)
	if err != nil {
		return nil, err
	}
	out.linted = *after
	if r.Apply {
		if err := s.set(plan.Command, out.Files); err != nil {
			return nil, err
		}
		s.last = run
	}
	return out, nil
}
