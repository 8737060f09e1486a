package lint

import (
	"cmp"
	"context"
	"slices"
	"sort"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// unit is one way to render one folder, and what came of it. It does not keep the rendered nodes, so that memory does not grow
// with the repository; what is needed again is rendered again.
type unit struct {
	target render.Target
	set    int      // 0: no value files on top
	values []string // the names of the set's files, as they were given

	setFiles []string // those that are there
	id       string   // unique in a run, and the same in the next one

	resources []resource
	files     []string
	chart     *chartModel
	secrets   []string // of rendered Secrets

	repo     *repo.Repo     // to read through while it is checked; nil for the linter's
	keep     bool           // keep what is rendered
	rendered *render.Result // nil unless it is kept

	suppressions []*suppression
	attached     attachments // while it is checked
	checked      bool        // to its end
	sum          string      // of what rules about the repository see of it; "" if it is not kept
	incomplete   bool        // something of it could not be rendered
	checkedAgain bool        // for fixes of an earlier run

	findings []*finding.Finding
	located  map[*finding.Finding]*fix
	notices  []*finding.Problem
	failures finding.Problems
}

// namespace is where resources of the unit go that name none.
func (u *unit) namespace() string {
	if u.target.Deployment != nil {
		return u.target.Deployment.Namespace
	}
	return ""
}

// render renders the unit, the value files of its set that are there on top.
func (u *unit) render(ctx context.Context, l *linter) (*render.Result, error) {
	if u.rendered != nil {
		return u.rendered, nil
	}
	r := cmp.Or(u.repo, l.repo)
	t := u.target
	t.ValueFiles = slices.DeleteFunc(slices.Clone(t.ValueFiles), func(name string) bool {
		info, err := r.Fs().Stat(name)
		return err != nil || !info.Mode().IsRegular()
	})
	res, err := render.Render(ctx, r, t, render.Options{Parsed: l.charts})
	if err == nil {
		res.AddReleases(r, t, cue.ChartValues)
	}
	if u.keep && err == nil {
		u.rendered = res
	}
	return res, err
}

func (u *unit) add(f *finding.Finding, fx *fix) {
	if f == nil {
		return
	}
	u.findings = append(u.findings, f)
	if fx != nil {
		u.located[f] = fx
		fx.tell(f)
	}
}

// newUnit makes a unit with the files of a set that its chart has.
func newUnit(t render.Target, set int, values, files []string) *unit {
	u := &unit{target: t, set: set, values: values, setFiles: files, located: map[*finding.Finding]*fix{}}
	u.target.ValueFiles = slices.Concat(t.ValueFiles, files)
	return u
}

// resourceID finds the unit of an id of data.repo.resources, and the index in that unit.
func (l *linter) resourceID(id int) (*unit, int, bool) {
	if l.ends == nil {
		end := 0
		for _, u := range l.units {
			end += len(u.resources)
			l.ends = append(l.ends, end)
		}
	}
	i := sort.SearchInts(l.ends, id+1) // the first unit that ends behind it
	if id < 0 || i == len(l.ends) {
		return nil, 0, false
	}
	u := l.units[i]
	return u, id - (l.ends[i] - len(u.resources)), true
}

// aboutRedis names the kinds of resources that say something about a Redis: its own, and those around it.
func aboutRedis(kind string) bool {
	switch kind {
	case "Service", "Application", "HelmRelease", "GitRepository", "OCIRepository", "HelmRepository":
		return true
	}
	return cue.RunsRedis(kind)
}
