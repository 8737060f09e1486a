package lint

import (
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

func (l *linter) has(name string) bool {
	_, found := slices.BinarySearch(l.files, strings.TrimPrefix(name, "./"))
	return found
}

// filesBelow returns the files of the repository in a folder; l.files is sorted.
func (l *linter) filesBelow(dir string) []string {
	from, _ := slices.BinarySearch(l.files, dir+"/")
	to, _ := slices.BinarySearch(l.files, dir+"0") // "0" is the character after "/"
	return l.files[from:to]
}

// isTemplate reports whether a file is text that becomes YAML: in the templates of a chart, or a generator.
func (l *linter) isTemplate(name string) bool {
	if g := l.repo.Layout().Generators; strings.HasPrefix(name, g+"/") {
		return true
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if path.Base(dir) == "templates" && l.has(path.Dir(dir)+"/Chart.yaml") {
			return true
		}
	}
	return false
}

// valueFiles returns the value files of the target, beside those of its chart.
func valueFiles(t *render.Target) []string {
	if t.Deployment == nil {
		return t.ValueFiles
	}
	return slices.Concat(t.Deployment.ValueFiles, t.ValueFiles)
}

func name(d *repo.Deployment) string {
	if d == nil {
		return ""
	}
	return d.Name
}
