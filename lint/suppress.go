package lint

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/policy"
)

// annotations finds the suppressions that a resource's annotations hold, and those that stand where nobody reads them.
func (u *unit) annotations(l *linter, plain map[string]any, name *finding.Resource, at func(path []string) place) {
	metadata, _ := plain["metadata"].(map[string]any)
	own, _ := metadata["annotations"].(map[string]any)
	for key, value := range own {
		rest, ok := strings.CutPrefix(key, finding.SuppressionPrefix)
		if !ok {
			continue
		}
		s := &suppression{resource: name, rule: strings.Replace(rest, ".", "/", 1)}
		s.Position, s.Kind = at([]string{"metadata", "annotations", key}).Position, "annotation"
		text, _ := value.(string)
		for i, part := range strings.Split(text, ";") {
			if m := untilPattern.FindStringSubmatch(strings.TrimSpace(part)); m != nil {
				s.Until = m[1]
			} else if i == 0 || s.Reason == "" {
				s.Reason = strings.TrimSpace(part)
			}
		}
		u.suppressions = append(u.suppressions, s)
	}
	var walk func(data any, path []string)
	walk = func(data any, path []string) {
		switch data := data.(type) {
		case map[string]any:
			for k, v := range data {
				step := append(slices.Clip(path), k)
				if strings.HasPrefix(k, finding.SuppressionPrefix) && !slices.Equal(path, []string{"metadata", "annotations"}) {
					p := at(step)
					u.add(l.finding(policy.NewViolation("suppression/misplaced", finding.Violation{
						Path: step, Message: fmt.Sprintf("annotation %q has no effect here; move it to metadata.annotations of the resource", k),
					}), p, name), nil)
				}
				walk(v, step)
			}
		case []any:
			for i, v := range data {
				walk(v, append(slices.Clip(path), fmt.Sprint(i)))
			}
		}
	}
	walk(plain, nil)
}

// configSuppressions are the ignore entries of the configuration.
func (l *linter) configSuppressions() []*suppression {
	var out []*suppression
	for i, e := range l.config.Ignore {
		s := &suppression{rule: e.Rule, glob: e.Path, kindName: e.Resource}
		s.Position = l.config.Position("ignore", fmt.Sprint(i))
		s.Kind, s.Reason, s.Until = "config", e.Reason, e.Until
		out = append(out, s)
	}
	return out
}

// checkSuppressions reports invalid suppressions.
func (l *linter) checkSuppressions(all []*suppression) {
	for _, s := range all {
		tell := func(rule, format string, args ...any) {
			s.broken = true
			l.add(l.fileFinding(rule, finding.Errorf(s.Position, "", format, args...)))
		}
		if s.rule == "" {
			tell("suppression/unknown-rule", "the suppression does not name a rule; use `redis-gitops:ignore auth/missing -- reason`")
			continue
		}
		if _, err := l.rules.match(s.rule); err != nil {
			tell("suppression/unknown-rule", "%v", err)
			continue
		}
		if s.Reason == "" {
			tell("suppression/no-reason", "the suppression of %q has no reason; add `-- ` and the reason", s.rule)
			continue
		}
		if frozen(l.config, s.rule) {
			tell("suppression/frozen", "rule %q is frozen by the configuration and cannot be suppressed; fix the finding, or ask the owners of %s", s.rule, cueConfigFile)
			continue
		}
		if s.Until == "" {
			continue
		}
		day, err := time.Parse(time.DateOnly, s.Until)
		if err != nil {
			tell("suppression/expired", "invalid date until=%s; use the form until=2027-01-31", s.Until)
			continue
		}
		if !l.opts.Today.IsZero() && l.opts.Today.After(day.AddDate(0, 0, 1)) {
			tell("suppression/expired", "the suppression of %q expired on %s; fix the finding or set a new date", s.rule, s.Until)
		}
	}
}

// covers reports whether a suppression is about a finding.
func (s *suppression) covers(f *finding.Finding) bool {
	if s.broken || !ruleMatches(s.rule, f.Rule) {
		return false
	}
	switch s.Kind {
	case "comment":
		at := func(p finding.Position) bool {
			return p.File == s.File && (s.wholly || p.Line >= s.from && p.Line <= s.to)
		}
		// A value that is wrong may be excused where it is set or where it is used.
		return at(f.Position) || slices.ContainsFunc(f.Related, func(r finding.Related) bool {
			return (r.Message == "used here" || r.Message == "value set here") && at(r.Position)
		})
	case "annotation":
		return f.Resource != nil && *f.Resource == *s.resource
	}
	return (s.glob == "" || matchGlob(s.glob, f.File)) && (s.kindName == "" || s.kindName == f.Resource.String() || f.Resource != nil && s.kindName == f.Resource.Name)
}

func ruleMatches(pattern, rule string) bool {
	category, wild := strings.CutSuffix(pattern, "/*")
	return pattern == rule || wild && path.Dir(rule) == category
}

// suppress marks what is suppressed and reports unused suppressions.
func (l *linter) suppress() {
	all := slices.Concat(l.suppressions, l.configSuppressions())
	for _, u := range l.units {
		all = append(all, u.suppressions...)
	}
	slices.SortStableFunc(all, func(a, b *suppression) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.rule, b.rule))
	})
	l.checkSuppressions(all)
	if l.opts.NoSuppressions {
		return
	}
	for _, f := range l.findings {
		if strings.HasPrefix(f.Rule, "suppression/") || frozen(l.config, f.Rule) { // frozen also when its category is suppressed
			continue
		}
		for _, s := range all {
			if s.covers(f) {
				s.used = true
				if f.Suppressed == nil {
					f.Suppressed = &s.Suppression
				}
			}
		}
	}
	for _, s := range all {
		if s.used || s.broken {
			continue
		}
		names, _ := l.rules.match(s.rule)
		if !slices.ContainsFunc(names, func(name string) bool {
			return l.rules.on(name) && !l.rules.all[name].Compares && !l.unsure(name, s.File)
		}) {
			continue // the rule is off in this run, or about another change, or what it would find is not rendered
		}
		if s.rule != notDeployed && l.aboutIdle(s) {
			continue // what it is about is not checked
		}
		l.add(l.fileFinding("suppression/unused", finding.Errorf(s.Position, "", "the suppression of %q is unused; remove it", s.rule)))
	}
}
