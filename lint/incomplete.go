package lint

import (
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/repo"
)

var (
	nameWord      = lazyregexp.New(`[a-z0-9][a-z0-9-]*[a-z0-9]`)
	deployment    = lazyregexp.New(`(?m)^[ \t{-]*(?:apiVersion:.*, )?kind:[ \t]*["']?(Application|ApplicationSet|HelmRelease|Kustomization)\b`)
	namespaceWord = lazyregexp.New(`(?i)namespace["']?:[ \t]*["']?([a-z0-9][a-z0-9-]*)`)
)

// readIncomplete reads what the files of the units that failed speak of.
func (l *linter) readIncomplete() *incomplete {
	in := &incomplete{namespaces: map[string]bool{}, names: map[string]bool{}, words: map[string]bool{}}
	seen := map[string]bool{}
	for _, u := range l.units {
		if !u.incomplete {
			continue
		}
		dir := u.target.Dir
		in.dirs = append(in.dirs, dir)
		in.namespaces[u.namespace()] = true
		in.unplaced = in.unplaced || u.namespace() == ""
		files := u.files
		if u.target.Kind != repo.Plain {
			in.names[path.Base(dir)] = true
			files = slices.Concat(files, valueFiles(&u.target), l.filesBelow(dir))
		}
		if u.chart != nil {
			in.names[u.chart.name] = true
		}
		if d := u.target.Deployment; d != nil {
			in.names[d.ReleaseName], in.names[d.Name] = true, true
		}
		for _, file := range files {
			if seen[file] {
				continue
			}
			seen[file] = true
			src, err := l.repo.ReadFile(file)
			if err != nil {
				continue // which rendering has reported
			}
			in.deploys = in.deploys || deployment.Match(src)
			for _, w := range nameWord.FindAllString(string(src), -1) {
				in.words[w] = true
			}
			for _, m := range namespaceWord.FindAllStringSubmatch(string(src), -1) {
				in.namespaces[m[1]] = true
			}
		}
	}
	delete(in.namespaces, "")
	return in
}

// mayHold reports whether an object that a rule found nowhere may be one that could not be rendered.
func (in *incomplete) mayHold(a *policy.Absent) bool {
	switch {
	case a == nil || len(in.dirs) == 0:
		return false
	case a.Namespace != "" && in.namespaces[a.Namespace]:
		return true
	case a.Name == "":
		return a.Namespace == "" || in.unplaced
	}
	return (a.Namespace == "" || in.unplaced) && in.related(a.Name)
}

// maxNameWords is how many words a name has at most; longer ones are not searched.
const maxNameWords = 16

// madePrefix begins the names of what the operators of RedisFailovers make.
var madePrefix = lazyregexp.New(`^(rf(s|r|rm|rs)|redis)-`)

// related reports whether a name can come from the files of the units: it, or the resource that an operator makes it of, is written
// there, or the name of a chart, release or directory is part of it.
func (in *incomplete) related(name string) bool {
	for _, n := range []string{name, madePrefix.ReplaceAllString(name, "")} {
		before := n[:max(0, strings.LastIndexByte(n, '-'))] // as of "shop-master"
		if in.words[n] || in.words[before] {
			return true
		}
	}
	words := strings.Split(name, "-")
	if len(words) > maxNameWords {
		return true
	}
	for from := range words {
		for to := from + 1; to <= len(words); to++ {
			if in.names[strings.Join(words[from:to], "-")] {
				return true
			}
		}
	}
	return false
}

// below reports whether a file belongs to one of the units.
func (in *incomplete) below(file string) bool {
	return slices.ContainsFunc(in.dirs, func(dir string) bool { return dir == "." || strings.HasPrefix(file, dir+"/") })
}

// unsure reports whether a rule would find more about a file if everything could be rendered.
func (l *linter) unsure(rule, file string) bool {
	in := l.missing()
	if len(in.dirs) == 0 {
		return false
	}
	scope := ""
	if r := l.rules.all[rule]; r != nil {
		scope = r.Scope
	}
	return scope == policy.ScopeRepository || in.below(file) || file == cueConfigFile
}

// asDeployed returns the chart of a unit. One that nothing deploys may get values from a deployment that cannot be read.
func (l *linter) asDeployed(u *unit, chart *chartModel) *chartModel {
	if u.target.Deployment != nil || !l.missing().deploys {
		return chart
	}
	c := *chart
	c.flow = c.flow.Partial()
	return &c
}
