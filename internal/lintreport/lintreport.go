// Package lintreport turns what package lint found into what package report writes. Neither imports the other.
package lintreport

import (
	"context"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/patch"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/redact"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/report"
)

// Of makes a report of a result. Excerpts are read from r, whose secrets are masked; version is that of the tool.
func Of(res *lint.Result, r *repo.Repo, version string, secrets *redact.Secrets) *report.Run {
	run := &report.Run{
		Version: version, Findings: res.Findings, Rules: map[string]finding.RuleInfo{}, Files: res.Files, Resources: res.Resources,
		Notices: res.Notices, Secrets: secrets,
		Source: func(file string) ([]byte, bool) {
			src, err := r.ReadFile(file)
			return src, err == nil
		},
	}
	for name, rule := range res.Rules {
		run.Rules[name] = rule.RuleInfo
	}
	return run
}

// Patches returns the changes that the fixes of a result are, for the Patch of a report.
func Patches(ctx context.Context, res *lint.Result) func(*finding.Finding) (file, text string) {
	return func(f *finding.Finding) (string, string) {
		change, ok := lint.Edited(ctx, res, f)
		if !ok {
			return "", ""
		}
		name := redact.Printable(change.Path)
		return change.Path, patch.Unified("a/"+name, "b/"+name, string(change.Old), string(change.New))
	}
}

// Stats sums up which rules ran and how long everything took.
func Stats(res *lint.Result) *report.Stats {
	fired := map[string]bool{}
	for _, f := range res.Findings {
		fired[f.Rule] = true
	}
	s := &report.Stats{Run: len(res.Ran)}
	for _, name := range res.Ran {
		if !fired[name] {
			s.Passed++
		}
	}
	for _, name := range res.Off {
		s.Skipped = append(s.Skipped, report.Skip{Rule: name, Reason: "off"})
	}
	for _, p := range res.Phases {
		s.Phases = append(s.Phases, report.Phase(p))
	}
	return s
}
