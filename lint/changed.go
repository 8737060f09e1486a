package lint

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// compare applies the rules that compare with the base.
func (l *linter) compare(ctx context.Context) error {
	if !l.opts.compares() || !slices.ContainsFunc(slices.Collect(maps.Values(l.rules.all)), func(r *policy.Rule) bool { return r.Compares && l.rules.on(r.Name) }) {
		return nil
	}
	defer l.clock.measure("compare")()
	found, notices, err := l.opts.Base.Compare(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		l.failures = append(l.failures, finding.All(err)...)
	}
	l.notices = append(l.notices, notices...)
	for _, f := range found {
		l.add(l.finding(policy.NewViolation(f.Rule, finding.Violation{Message: f.Message}), place{Position: f.Position, endLine: f.EndLine, endColumn: f.EndColumn}, f.Resource))
	}
	return nil
}

// onlyChanged keeps the findings about what differs from the base: resources that are rendered differently, and files that
// changed, when a finding is about no resource.
func (l *linter) onlyChanged(ctx context.Context) error {
	base := l.opts.Base
	before := &linter{repo: base.Repo, opts: &Options{Config: l.config}, config: l.config, clock: newClock()}
	targets, _, err := render.Targets(base.Repo)
	if err != nil {
		return err
	}
	// A changed Application renders its chart anew, so what deploys counts as changed for every unit.
	deploying := slices.ContainsFunc(base.Changed, func(file string) bool { return !l.insideUnit(file) })
	changed := map[finding.Resource]bool{}
	var affected []string // folders of units that a changed file has a part in
	for _, u := range l.units {
		if !deploying && !slices.ContainsFunc(base.Changed, func(file string) bool {
			return slices.Contains(u.files, file) || strings.HasPrefix(file, u.target.Dir+"/")
		}) {
			continue
		}
		affected = append(affected, u.target.Dir+"/")
		old := map[finding.Resource][]string{}
		for _, t := range targets {
			if t.Dir != u.target.Dir || t.Kind != u.target.Kind || name(t.Deployment) != name(u.target.Deployment) {
				continue
			}
			was := newUnit(t, u.set, u.values, u.setFiles)
			res, err := was.render(ctx, before)
			if err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				continue
			}
			for _, r := range mappings(res.Resources) {
				id := identity(r, was)
				old[id] = append(old[id], encode(r.Node))
			}
		}
		res, err := u.render(ctx, l)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			continue
		}
		for _, r := range mappings(res.Resources) {
			id := identity(r, u)
			if !slices.Contains(old[id], encode(r.Node)) {
				changed[id] = true
			}
		}
	}
	l.findings = slices.DeleteFunc(l.findings, func(f *finding.Finding) bool {
		if rule := l.rules.all[f.Rule]; rule != nil && rule.Compares {
			return false
		}
		if f.Resource != nil {
			return !changed[*f.Resource]
		}
		if slices.Contains(base.Changed, f.File) {
			return false
		}
		// A changed value can break a template that did not change.
		return !strings.HasPrefix(f.Rule, "val/") || !slices.ContainsFunc(affected, func(dir string) bool { return strings.HasPrefix(f.File, dir) })
	})
	return nil
}

// insideUnit reports whether a file is below a folder that is rendered and is no plain manifest, which may deploy others.
func (l *linter) insideUnit(file string) bool {
	return slices.ContainsFunc(l.units, func(u *unit) bool {
		return u.target.Kind != repo.Plain && strings.HasPrefix(path.Dir(file)+"/", u.target.Dir+"/")
	})
}

func identity(r *render.Resource, u *unit) finding.Resource {
	get := func(path ...string) string {
		if _, v := r.Find(path...); v != nil {
			return v.Value
		}
		return ""
	}
	id := finding.Resource{APIVersion: get("apiVersion"), Kind: get("kind"), Namespace: get("metadata", "namespace"), Name: get("metadata", "name")}
	if id.Namespace == "" {
		id.Namespace = u.namespace()
	}
	return id
}

func encode(n *yaml.Node) string {
	out, _ := yaml.Marshal(plainData(n)) // plain data of a parsed document can be written
	return string(out)
}
