package scaffoldcmd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/diff"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

// consequences adds to the notes of a plan what it does to the Redis instances that run: all that diff reports except for what applies at once
// and restarts nothing. Fields with the same consequence are named together.
func consequences(ctx context.Context, r *env.Repository, p *scaffold.Plan) error {
	after, err := p.After(r.Repo)
	if err != nil {
		return err
	}
	old, new := diff.Source{Repo: r.Repo}, diff.Source{Repo: after}
	for _, side := range []*diff.Source{&old, &new} {
		if side.Files, err = side.Repo.Files("."); err != nil {
			return err
		}
	}
	var changed []string
	for _, f := range p.Files {
		changed = append(changed, f.Path)
	}
	sides, err := diff.Collect(ctx, old, new, changed, r.Config)
	if err != nil {
		return err
	}
	operators, err := cue.Operators()
	if err != nil {
		return err
	}
	result, err := diff.Compare(sides.Old, sides.New, operators)
	if err != nil {
		return err
	}
	type consequence struct{ class, resource, text string }
	fields := map[consequence][]string{}
	var order []consequence
	for _, c := range result.Changes {
		if c.Class == "live" {
			continue
		}
		of := consequence{c.Class, c.Resource.Kind + " " + c.Resource.Name, c.Text}
		if fields[of] == nil {
			order = append(order, of)
		}
		if !slices.Contains(fields[of], c.Path) {
			fields[of] = append(fields[of], c.Path)
		}
	}
	for _, of := range order {
		p.Notes = append(p.Notes, fmt.Sprintf("%s: %s (%s): %s", of.class, of.resource, strings.Join(fields[of], ", "), of.text))
	}
	return nil
}
