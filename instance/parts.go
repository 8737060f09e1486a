package instance

import (
	"context"
	"slices"

	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// Part is one kind of pods of a Redis; see [cue.Part].
type Part struct {
	Name     string
	Labels   map[string]string
	Port     int
	Replicas int // 0 is unknown
	API      bool
	Users    map[string]string // labels of all pods that use these; none if only those of this Redis do

	MetricsName string // of the port of the exporter; "" if it has none
	MetricsPort int
}

// parts returns the pods that a resource makes, one of each name.
func (m *match) parts() []Part {
	var parts []Part
	for _, p := range m.scheme.Parts {
		if !m.holds(p.If) || slices.ContainsFunc(parts, func(known Part) bool { return known.Name == p.Name }) {
			continue
		}
		part := Part{Name: p.Name, Labels: map[string]string{}, Port: number(m.expand(p.Port)), Replicas: number(m.expand(p.Replicas)), API: p.API}
		for key, value := range p.Labels {
			part.Labels[key] = m.expand(value)
		}
		for key, value := range p.Users {
			if part.Users == nil {
				part.Users = map[string]string{}
			}
			part.Users[key] = m.expand(value)
		}
		if p.Metrics != nil && m.holds(p.Metrics.If) {
			part.MetricsName, part.MetricsPort = p.Metrics.Name, number(m.expand(p.Metrics.Port))
		}
		parts = append(parts, part)
	}
	return parts
}

// Application renders an application in the first way in which it is deployed, and returns its resources and its Redis instances.
func (r *Repository) Application(ctx context.Context, app *repo.App) ([]Document, []*Instance, error) {
	targets, problems, err := render.TargetsIn(r.repo, app.Dir)
	if err != nil {
		return nil, nil, err
	}
	r.Problems = append(r.Problems, problems...)
	targets = slices.DeleteFunc(targets, func(t render.Target) bool { return t.Dir != app.Dir })
	if len(targets) == 0 {
		targets = []render.Target{{Dir: app.Dir, Kind: app.Kind}}
	}
	result, err := render.Render(ctx, r.repo, targets[0], render.Options{Parsed: &r.parsed})
	if err != nil {
		return nil, nil, err
	}
	r.Problems = append(r.Problems, result.Problems...)
	documents := r.documents(targets[0], result)
	return documents, Find(documents, r.operators, r.options), nil
}
