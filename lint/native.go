package lint

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/lint/model"
	"github.com/redis-gitops/redis-gitops/policy"
)

type operatorSchemas struct {
	operator *cue.Operator
	schemas  *cue.Schemas
}

func (s *schemas) load(l *linter) {
	charge := l.charge()
	s.charge = operatorSchema(charge.Operator, charge.Version)
	s.others = map[cue.Kind]*operatorSchemas{}
	owners := map[cue.Kind]int{}
	for _, o := range l.known {
		for _, k := range o.Kinds {
			owners[k]++
		}
	}
	for _, o := range l.known {
		if o.Name == charge.Operator {
			continue
		}
		version := ""
		for _, r := range l.running() {
			if r.Operator == o.Name && version == "" {
				version = r.Version
			}
		}
		own := operatorSchema(o.Name, version)
		for _, k := range o.Kinds {
			if owners[k] == 1 && own != nil {
				s.others[k] = own
			}
		}
	}
}

// operatorSchema returns nil for a version that is not known; the configuration has been checked.
func operatorSchema(name, version string) *operatorSchemas {
	operator, err := cue.OperatorNamed(name)
	if err != nil {
		return nil
	}
	schemas, err := operator.Schemas(version)
	if err != nil {
		return nil
	}
	return &operatorSchemas{operator, schemas}
}

// check describes what the schema of its operator has against a resource.
func (s *schemas) check(l *linter, resource map[string]any) []policy.Violation {
	kind, apiVersion := text(resource, "kind"), text(resource, "apiVersion")
	if !cue.RunsRedis(kind) || resource["sops"] != nil {
		return nil
	}
	s.once.Do(func() { s.load(l) })
	if other := s.others[cue.Kind{APIVersion: apiVersion, Kind: kind}]; other != nil {
		return violations(other.schemas.Check(resource))
	}
	if s.charge == nil {
		return nil
	}
	operator := s.charge.operator
	own := slices.IndexFunc(operator.Kinds, func(k cue.Kind) bool { return k.Kind == kind })
	if own < 0 {
		return nil
	}
	k := operator.Kinds[own]
	if !operator.Owns(apiVersion, kind) {
		if group, _, _ := strings.Cut(apiVersion, "/"); !slices.Contains(operator.FormerGroups, group) { // op/api-version reports it
			return nil
		}
		resource = maps.Clone(resource)
		resource["apiVersion"] = k.APIVersion
	}
	return violations(slices.DeleteFunc(s.charge.schemas.Check(resource), func(v cue.Violation) bool {
		return v.Key && l.charge().Has(l.known, v.Path) // another operator that may run here has the field
	}))
}

func violations(found []cue.Violation) []policy.Violation {
	var out []policy.Violation
	for _, v := range found {
		rule := "op/invalid-value"
		if v.Key || v.NoMapping {
			rule = "op/unknown-field" // what is expected below a mapping is lost, as an unknown field is
		}
		out = append(out, *policy.NewViolation(rule, v.Violation))
	}
	return out
}

// recognise reads what installs operators.
func (l *linter) recognise() []instance.Installation {
	read := func(file string) []instance.Document { return l.opts.Cache.installing(l, file) }
	documents, err := instance.Sources(context.Background(), l.repo, read)
	if err != nil {
		return nil // of a repository that is too large, which reading it has said
	}
	return instance.Installations(documents, l.known)
}

// installations returns what installs operators as data.repo.operators has it.
func (l *linter) installations() []model.Installation {
	type object struct{ file, kind, name string }
	ids := map[object]int{}
	id := 0
	for _, u := range l.live {
		for _, r := range u.resources {
			o := object{r.file, r.Kind, r.Name}
			if _, known := ids[o]; !known {
				ids[o] = id
			}
			id++
		}
	}
	var out []model.Installation
	for _, in := range l.installed() {
		if l.idleFile(in.Document.File) {
			continue
		}
		d := in.Document
		i := model.Installation{
			Operator: in.Operator, Owner: in.Publisher, Perhaps: in.Perhaps, Version: strings.TrimPrefix(in.Raw, "v"), Namespace: in.Namespace,
			Chart: in.Chart, SkipsCRDs: in.SkipsCRDs, Path: in.Path,
		}
		for _, o := range l.known {
			if o.Name == in.Operator {
				for _, k := range o.Kinds {
					i.Kinds = append(i.Kinds, k.Kind)
				}
			}
		}
		if group := in.NeedsGroup(l.known); group != nil {
			i.Group = group.Label
		}
		kind, _ := d.Object["kind"].(string)
		if id, rendered := ids[object{d.File, kind, text(d.Object, "metadata", "name")}]; rendered {
			i.Resource = &id
		} else {
			i.File, i.Document = d.File, &d.Index
			if !d.Broken { // otherwise whatever it says of the directory is unknown
				i.Dir = path.Dir(d.File)
			}
		}
		out = append(out, i)
	}
	return out
}
