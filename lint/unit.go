package lint

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/redact"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// check renders the unit and applies everything that is about single resources.
func (u *unit) check(ctx context.Context, l *linter) error {
	stop := l.clock.measure("render")
	res, err := u.render(ctx, l)
	stop()
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for _, p := range finding.All(err) {
			u.add(l.problemFinding(p), nil)
		}
		u.incomplete = true
		return nil
	}
	u.files = res.Files
	u.notices, u.incomplete = res.Notices, res.Incomplete
	failed := map[*finding.Finding]*finding.Problem{}
	for _, p := range res.Problems {
		f := l.problemFinding(p)
		u.add(f, nil)
		u.incomplete = u.incomplete || render.LeavesOut(p.Code)
		if f != nil && p.Code == render.CodeFails {
			failed[f] = p
		}
	}
	seen := map[string]*render.Resource{}
	u.attached = u.attachments(res.Resources)
	defer func() { u.attached = nil }()
	for _, r := range res.Resources {
		n := len(u.resources)
		if err := u.checkResource(ctx, l, res.Chart, r); err != nil {
			return err
		}
		if len(u.resources) > n {
			u.checkTwice(l, r, u.resources[n], seen)
		}
	}
	if res.Chart != nil {
		u.checkValues(l, res.Chart, failed)
		if u.chart, err = newChartModel(l.pool, res.Chart); err != nil {
			return err
		}
	}
	return nil
}

// checkValues checks what is under resources, or the keys that replace it, against the schema of the operator's values. A template that fails
// because of such a value alone is not reported as well: it is the same mistake, and values.yaml is what has to change.
func (u *unit) checkValues(l *linter, chart *render.Chart, failed map[*finding.Finding]*finding.Problem) {
	operator := l.operator()
	if operator == nil || !l.rules.on("val/invalid-value") {
		return
	}
	var found []*finding.Finding
	for _, set := range chart.Sets {
		if set.Node == nil {
			continue
		}
		for _, key := range cue.ValuesKeys() {
			_, value := findIn(set.Node, []string{key})
			if value == nil {
				continue
			}
			all, _ := plainData(value).(map[string]any)
			for _, name := range slices.Sorted(maps.Keys(all)) {
				values, _ := all[name].(map[string]any)
				for _, v := range operator.CheckValues(values) {
					path := append([]string{key, name}, v.Path...)
					at := inDocument(&repo.Document{File: set.Position.File, Node: set.Node}, path, false)
					f := l.finding(policy.NewViolation("val/invalid-value", finding.Violation{Path: path, Message: v.Message}), at, nil)
					if f != nil {
						found = append(found, f)
					}
				}
			}
		}
	}
	for _, f := range found {
		u.add(f, nil)
	}
	if len(found) == 0 {
		return
	}
	u.findings = slices.DeleteFunc(u.findings, func(f *finding.Finding) bool {
		because := causes(failed[f], found)
		for _, v := range because {
			v.Related = append(v.Related, finding.Related{Position: f.Position, Message: "used here"})
		}
		return len(because) > 0
	})
}

// causes returns the findings about values that are the reason why a template fails. There are none when it depends on any other
// value, which may be the reason too.
func causes(p *finding.Problem, found []*finding.Finding) []*finding.Finding {
	if p == nil {
		return nil
	}
	var because []*finding.Finding
	for _, path := range p.Values {
		below := false
		for _, v := range found {
			if len(v.Path) < len(path) || !slices.Equal(v.Path[:len(path)], path) {
				continue
			}
			below = true
			if len(v.Path) == len(path) && !slices.Contains(because, v) {
				because = append(because, v)
			}
		}
		if !below {
			return nil
		}
	}
	return because
}

// checkTwice reports the second of two documents of one file that are the same object.
func (u *unit) checkTwice(l *linter, r *render.Resource, kept resource, seen map[string]*render.Resource) {
	if kept.Name == "" {
		return
	}
	group, _, _ := strings.Cut(kept.APIVersion, "/")
	id := strings.Join([]string{r.File, group, kept.Kind, kept.Namespace, kept.Name}, "\x00")
	first := seen[id]
	if first == nil {
		seen[id] = r
		return
	}
	path := []string{"metadata", "name"}
	v := policy.NewViolation("yaml/duplicate-document", finding.Violation{Path: path, Message: "duplicate " + kept.Kind + " \"" + kept.Name + "\" in this file (only one is applied); rename or remove it"})
	if f := l.finding(v, inResource(r, path, false), &kept.Resource); f != nil {
		f.Related = append(f.Related, finding.Related{Position: inResource(first, path, false).Position, Message: "first defined here"})
		u.add(f, nil)
	}
}

func (u *unit) checkResource(ctx context.Context, l *linter, chart *render.Chart, r *render.Resource) error {
	plain, ok := plainData(r.Node).(map[string]any)
	if !ok {
		return nil
	}
	kept := resource{file: r.File, Resource: finding.Resource{
		APIVersion: text(plain, "apiVersion"), Kind: text(plain, "kind"),
		Namespace: text(plain, "metadata", "namespace"), Name: text(plain, "metadata", "name"),
	}}
	if kept.Namespace == "" {
		kept.Namespace = u.namespace()
	}
	value, err := l.pool.Value(plain)
	if err != nil {
		return err
	}
	kept.data = &held{pool: l.pool, value: value}
	u.resources = append(u.resources, kept)
	if kept.Kind == "Secret" {
		u.secrets = append(u.secrets, redact.Data(plain)...)
	}
	name := kept.Resource

	var violations []policy.Violation
	if l.evaluator.Wants(kept.Kind) {
		stop := l.clock.measure("rules")
		input := value
		if len(u.attached) > 0 && cue.RunsRedis(kept.Kind) {
			if input, err = u.attach(l, kept.Namespace, plain, input); err != nil {
				return err
			}
		}
		violations, err = l.evaluator.Resource(ctx, input)
		stop()
	}
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		u.failures = append(u.failures, finding.All(err)...)
	}
	u.annotations(l, plain, &name, func(path []string) place { return inResource(r, path, true) })
	said := map[string]bool{} // paths, and whether a rule is about the key there
	for i := range violations {
		v := &violations[i]
		if rule := l.rules.all[v.Rule]; v.Key || rule == nil || rule.Severity == policy.Error {
			path := strings.Join(v.Path, "\x00") // what is no error is not about a value that Kubernetes rejects
			said[path] = said[path] || v.Key
		}
		u.violation(l, chart, r, &name, v)
	}
	last := &u.resources[len(u.resources)-1]
	last.data = &held{pool: l.pool, value: l.pool.Share(value)}
	stop := l.clock.measure("schema")
	structural := l.schemas.check(l, plain)
	stop()
	for _, v := range structural {
		if key, known := said[strings.Join(v.Path, "\x00")]; known && (key || !v.Key) {
			continue // a rule has said what is wrong with that key or value in particular
		}
		u.violation(l, chart, r, &name, &v)
	}
	return nil
}

// violation locates one violation about the resource that was kept last.
func (u *unit) violation(l *linter, chart *render.Chart, r *render.Resource, name *finding.Resource, v *policy.Violation) {
	at := &locatedResource{unit: u, chart: chart, resource: r, index: len(u.resources) - 1, name: *name, parts: true}
	f, fx := at.locate(l, v)
	in, where, path := u.inAttached(l, name.Namespace, v.Path)
	if in == nil {
		in, where, path = l.inOwnText(r, v.Path)
	}
	if in != nil {
		if f, fx = l.finding(v, where, name), nil; f != nil {
			f.Path = path
		}
	}
	if f == nil {
		return
	}
	if u.set > 0 {
		f.Sets = []string{strings.Join(u.values, " ")}
	}
	for _, p := range v.Related {
		at := inResource(r, p.Path, false)
		f.Related = append(f.Related, finding.Related{Position: at.Position, Message: p.Message})
	}
	u.add(f, fx)
}
