package cue

import (
	"fmt"
	"slices"

	"cuelang.org/go/cue"

	"github.com/redis-gitops/redis-gitops/diag"
)

// Schemas checks the resources of one version of an operator against their schema. Making it compiles the whole schema,
// so it is for what reads many resources; it may be used by several goroutines.
type Schemas struct {
	schemas map[Kind]cue.Value
}

// Schemas gives the schemas of a version of the operator; "" is its first version.
func (o *Operator) Schemas(version string) (*Schemas, error) {
	if version == "" {
		version = o.Versions[0]
	}
	if err := o.checkVersion(version); err != nil {
		return nil, &diag.Problem{Message: err.Error()}
	}
	folder := "operator/" + o.Name
	v, err := compile(folder+"/operator.cue", folder+"/schema.cue")
	if err != nil {
		return nil, err
	}
	s := &Schemas{schemas: map[Kind]cue.Value{}}
	for _, k := range o.Kinds {
		schema := v.LookupPath(cue.MakePath(cue.Def("#Resources"), cue.Str(version), cue.Str(k.APIVersion), cue.Str(k.Kind)))
		if err := schema.Err(); err != nil {
			return nil, fmt.Errorf("embedded operator %s: %w", o.Name, err)
		}
		if bounds := v.LookupPath(cue.MakePath(cue.Str("bounds"), cue.Str(k.Kind))); bounds.Exists() {
			schema = schema.Unify(bounds)
		}
		s.schemas[k] = schema
	}
	return s, nil
}

// Check says what is wrong with a resource given as plain data: maps with string keys, slices, strings, bools, nil and
// numbers, whole ones as int or int64. A resource of a kind that the operator does not own has nothing wrong.
func (s *Schemas) Check(resource map[string]any) []Violation {
	apiVersion, _ := resource["apiVersion"].(string)
	kind, _ := resource["kind"].(string)
	schema, ok := s.schemas[Kind{apiVersion, kind}]
	if !ok {
		return nil
	}
	var violations []Violation
	check(schema, resource, nil, func(v Violation) { violations = append(violations, v) })
	slices.SortStableFunc(violations, func(a, b Violation) int { return slices.Compare(a.Path, b.Path) })
	return violations
}
