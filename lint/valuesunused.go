package lint

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/repo"
)

const valuesUnused = "layout/values-unused"

var (
	valuesName = lazyregexp.New(`(?i)(^|[-_.])values([-_.]|$)`)
	// notForClusters are value files of tests, examples and local machines.
	notForClusters = lazyregexp.New(`(?i)(^|[-_./])(ci|tests?|testing|unittests?|lint|examples?|samples?|templates?|tpl|defaults?|dist|docs|local|minikube|kind|k3d|bak|backup|old|schema|charts|crds|files)([-_./]|$)`)
)

// unusedValues reports the value files that no run looks at: those of deployed charts that no deployment uses, and in a repository
// without deployments those that the configuration does not name.
func (l *linter) unusedValues() {
	if !l.rules.on(valuesUnused) {
		return
	}
	done := map[string]bool{}
	for _, u := range l.live {
		dir := u.target.Dir
		if u.target.Kind != repo.Chart || done[dir] || u.chart == nil {
			continue
		}
		if l.coverage != nil && (!l.coverage.Names(dir) || l.coverage.DeploysChart(u.chart.name)) {
			continue
		}
		done[dir] = true
		for _, file := range l.filesBelow(dir) {
			if l.isValues(dir, file) && !l.usesValues(u, file) {
				l.tellUnused(u, file)
			}
		}
	}
}

func (l *linter) tellUnused(u *unit, file string) {
	rel := strings.TrimPrefix(file, u.target.Dir+"/")
	where := "the value files of what deploys the chart"
	var related []finding.Related
	if d := u.target.Deployment; d != nil {
		key := "helm.valueFiles"
		if d.Kind == "HelmRelease" {
			key = "spec.chart.spec.valuesFiles"
		}
		where = fmt.Sprintf("%s of the %s", key, d.Kind)
		if d.Kind != "ApplicationSet" && d.Name != "" {
			where += fmt.Sprintf(" %q", d.Name)
		}
		related = []finding.Related{{Position: d.Source, Message: "deploys the chart without it"}}
	}
	at := finding.Position{File: file, Line: 1, Column: 1}
	p := finding.Errorf(at, "", "no deployment in this repository uses this value file, so it is not checked; add it to %s, delete it, or add [%s] to values in %s to check it", where, rel, cueConfigFile)
	if l.coverage == nil {
		p = finding.Errorf(at, "", "nothing in this repository deploys the chart, so lint renders it without this value file; add [%s] to values in %s to check it", rel, cueConfigFile)
	}
	p.Related = related
	l.add(l.fileFinding(valuesUnused, p))
}

// isValues reports whether a file below a chart holds values of a cluster beside values.yaml.
func (l *linter) isValues(dir, file string) bool {
	rel := strings.TrimPrefix(file, dir+"/")
	ext := path.Ext(rel)
	if ext != ".yaml" && ext != ".yml" || rel == "values.yaml" || rel == "Chart.yaml" || notForClusters.MatchString(rel) {
		return false
	}
	if path.Dir(rel) != "." && l.has(path.Dir(file)+"/Chart.yaml") {
		return false
	}
	if keys := l.topKeys(file); valuesName.MatchString(path.Base(rel)) {
		return len(keys) > 0
	} else if parent := path.Base(path.Dir(rel)); !slices.Contains([]string{"env", "envs", "environments", "values"}, parent) {
		return false
	} else {
		own := l.topKeys(dir + "/values.yaml")
		return slices.ContainsFunc(keys, func(key string) bool { return slices.Contains(own, key) })
	}
}

// usesValues reports whether anything renders the chart of a unit with a value file, or may.
func (l *linter) usesValues(u *unit, file string) bool {
	dir := u.target.Dir
	if l.coverage != nil && l.coverage.UsesValues(dir, file) || slices.ContainsFunc(l.units, func(o *unit) bool {
		return o.target.Dir == dir && (names(o.target, file) || slices.Contains(o.setFiles, file))
	}) {
		return true
	}
	base := path.Base(file)
	return slices.ContainsFunc(l.files, func(other string) bool {
		name := path.Base(other)
		in := strings.HasPrefix(other, dir+"/")
		switch {
		case in && strings.HasPrefix(other, dir+"/templates/"), in && strings.HasPrefix(name, ".argocd-source"), scriptName.MatchString(other),
			strings.HasPrefix(strings.ToLower(name), "kustomization"), in && name == "Chart.yaml", name == "ct.yaml":
			src, err := l.repo.ReadFile(other)
			return err == nil && strings.Contains(string(src), base)
		}
		return false
	})
}
