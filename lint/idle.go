package lint

import (
	"path"
	"slices"

	"github.com/redis-gitops/redis-gitops/repo"
)

// idleFile reports whether a file is part of a unit that nothing deploys and of no other.
func (l *linter) idleFile(file string) bool {
	if len(l.notDeployed) == 0 {
		return false
	}
	for dir := path.Dir(file); ; dir = path.Dir(dir) {
		for _, u := range l.unitsAt(dir) {
			if u.target.Kind == repo.Plain && !slices.Contains(u.target.Files, file) {
				continue
			}
			return l.notDeployed[u.spot()]
		}
		if dir == "." {
			return false
		}
	}
}

func (l *linter) unitsAt(dir string) []*unit {
	if l.byDir == nil {
		l.byDir = map[string][]*unit{}
		for _, u := range l.units {
			l.byDir[u.target.Dir] = append(l.byDir[u.target.Dir], u)
		}
	}
	return l.byDir[dir]
}

// spot is what a unit deploys from: its directory, or the manifests there.
func (u *unit) spot() string {
	if u.target.Kind == repo.Plain {
		return u.target.Dir + looseFiles
	}
	return u.target.Dir
}

const looseFiles = "/*"
