package export

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/policy/export/cel"
)

// Kinds returns the kinds of custom resources of all operators. Where several have one of the same name, as forks do, it is that of the
// operator in charge, in its version.
func Kinds(operators []*cue.Operator, inCharge, version string) ([]Kind, error) {
	operators = slices.Clone(operators)
	slices.SortStableFunc(operators, func(a, b *cue.Operator) int {
		return map[bool]int{true: 1}[b.Name == inCharge] - map[bool]int{true: 1}[a.Name == inCharge]
	})
	var out []Kind
	for _, o := range operators {
		versions := slices.Clone(o.Versions)
		slices.Reverse(versions) // newer ones know more
		if o.Name == inCharge && slices.Contains(versions, version) {
			versions = append([]string{version}, versions...)
		}
		for _, v := range versions {
			schemas, err := cue.KindSchemas(o, v)
			if err != nil {
				return nil, err
			}
			for _, s := range schemas {
				if slices.ContainsFunc(out, func(k Kind) bool { return k.APIVersion == s.APIVersion && k.Kind == s.Kind.Kind }) {
					continue
				}
				var schema map[string]any
				if err := json.Unmarshal(s.Schema, &schema); err != nil {
					return nil, fmt.Errorf("%s: %w", s.Kind.Kind, err)
				}
				out = append(out, Kind{s.APIVersion, s.Kind.Kind, cel.Resolve(schema)})
			}
		}
	}
	return out, nil
}
