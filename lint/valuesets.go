package lint

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// valueFile finds a value file of a set for the chart in dir: relative to the chart, else from the repository's root. A file that is
// inside another chart belongs to that one, unless its name begins with "/". "" when the chart has no such file.
func (l *linter) valueFile(dir, name string) string { return render.ValuesFile(l.repo, dir, name) }

// valueFiles returns the files of a set that the chart in dir has.
func (l *linter) valueFiles(dir string, set []string) []string {
	var files []string
	for _, name := range set {
		if file := l.valueFile(dir, name); file != "" && !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	return files
}

// missingValues reports every file of a set that no chart has, as a mistyped name would otherwise leave a set unchecked.
func (l *linter) missingValues(targets []render.Target) error {
	var problems finding.Problems
	look := func(sets [][]string, at func(set, file int) finding.Position) {
		for i, set := range sets {
			for j, name := range set {
				if !slices.ContainsFunc(targets, func(t render.Target) bool {
					return t.Kind == repo.Chart && l.valueFile(t.Dir, name) != ""
				}) {
					problems = append(problems, l.missingValue(targets, name, at(i, j)))
				}
			}
		}
	}
	look(l.config.Values, func(set, file int) finding.Position {
		return l.config.Position("values", fmt.Sprint(set), fmt.Sprint(file))
	})
	look(l.opts.Values, func(int, int) finding.Position { return finding.Position{File: "--values"} })
	return problems.Err()
}

func (l *linter) missingValue(targets []render.Target, name string, at finding.Position) *finding.Problem {
	if info, err := l.repo.Fs().Stat(path.Clean(strings.TrimPrefix(name, "/"))); err == nil && info.IsDir() {
		return finding.Errorf(at, "", "%q is a directory; pass a values file", name)
	}
	if render.ValuesFile(l.repo, ".", "/"+strings.TrimPrefix(name, "/")) != "" {
		return finding.Errorf(at, "", "%q does not belong to a chart in the repository; pass a values file of a chart", name)
	}
	var near []string
	for _, t := range targets {
		if t.Kind != repo.Chart {
			continue
		}
		for _, file := range l.filesBelow(t.Dir) {
			if rel := strings.TrimPrefix(file, t.Dir+"/"); strings.HasPrefix(path.Base(rel), "values") && !slices.Contains(near, rel) {
				near = append(near, rel)
			}
		}
	}
	return finding.Errorf(at, "", "%q does not exist in any chart or in the repository root; fix the path%s", name, finding.DidYouMean(name, near))
}
