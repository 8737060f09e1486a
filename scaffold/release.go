package scaffold

import (
	"slices"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
)

// planReleases writes the values for releases of Flux that do not read values.yaml, because their valuesFiles are without it, into the first
// of these files in the application. Where none is, the release would no longer render.
func (s *resource) planReleases(p *Plan, rec *record, ex example) error {
	targets, err := chartTargets(s.repo, s.app)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, t := range targets {
		d := t.Deployment
		if d == nil || !d.NoChartValues || slices.Contains(d.ValueFiles, s.app.Path("values.yaml")) {
			continue
		}
		var own string
		for _, file := range d.ValueFiles {
			if src, err := readIfThere(s.repo, file); err != nil {
				return err
			} else if own == "" && src != nil && inApplication(file, s.app.Name) {
				own = file
			}
		}
		if own == "" {
			if repo.Lookup(d.Values, s.key, s.placeholders["camelName"]) == nil {
				err := finding.Errorf(d.Source, "spec.chart.spec.valuesFiles", "has no file of application %q, so the release would have no values for the resource; add %s to it, or %s.%s to spec.values",
					s.app.Name, s.app.Path("values.yaml"), s.key, s.placeholders["camelName"])
				if s.req.Conflicts == Refuse {
					return err
				}
				p.Notes = append(p.Notes, err.Error())
			}
			continue
		}
		if seen[own] {
			continue
		}
		seen[own] = true
		// The variables are there already if the file has a list that would replace that of values.yaml.
		var rest example
		for _, k := range ex {
			if !slices.ContainsFunc(rec.Edits, func(e recordEdit) bool { return e.File == own && slices.Equal(e.Path, k.path()) }) {
				rest = append(rest, k)
			}
		}
		edits, err := p.merge(s.repo, own, rest, s.req.Conflicts)
		if err != nil {
			return err
		}
		rec.Edits = append(rec.Edits, edits...)
		p.Notes = append(p.Notes, d.Source.String()+" does not read "+s.app.Path("values.yaml")+", so the values are in "+own+" too")
	}
	return nil
}
