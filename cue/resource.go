package cue

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/diag"
)

// Schemas checks the resources of one version of an operator against their schema. It may be used by several goroutines.
type Schemas struct {
	shapes    structure
	kinds     map[Kind]int
	misplaced map[string][]misplaced
}

// Schemas gives the schemas of a version of the operator; "" is its first version. An operator without schemas has
// nothing against any resource.
func (o *Operator) Schemas(version string) (*Schemas, error) {
	if version == "" {
		version = o.Versions[0]
	}
	if err := o.checkVersion(version); err != nil {
		return nil, &diag.Problem{Message: err.Error()}
	}
	s := &Schemas{shapes: o.derived.Shapes, kinds: map[Kind]int{}, misplaced: o.derived.Misplaced}
	for _, k := range o.Kinds {
		if n, ok := o.derived.Resources[version][k.APIVersion+" "+k.Kind]; ok {
			s.kinds[k] = n
		}
	}
	return s, nil
}

// Check says what is wrong with a resource given as plain data: maps with string keys, slices, strings, bools, nil and
// numbers, whole ones as int, int64 or uint64. A resource of a kind that has no schema has nothing wrong.
func (s *Schemas) Check(resource map[string]any) []Violation {
	apiVersion, _ := resource["apiVersion"].(string)
	kind, _ := resource["kind"].(string)
	root, ok := s.kinds[Kind{apiVersion, kind}]
	if !ok {
		return nil
	}
	violations := s.shapes.violations(root, resource)
	for i, v := range violations {
		if v.Unknown {
			violations[i].Message = s.unknownKey(root, kind, v)
		}
	}
	return violations
}

// unknownKey says what to do about a key: what is known of that slip, else a neighbour with nearly that name, else the
// place where there is a field of that name.
func (s *Schemas) unknownKey(root int, kind string, v Violation) string {
	path := strings.Join(v.Path, ".")
	best := misplaced{}
	for _, m := range s.misplaced[kind] {
		if (path == m.Key || strings.HasSuffix(path, "."+m.Key)) && len(m.Key) > len(best.Key) {
			best = m
		}
	}
	key := v.Path[len(v.Path)-1]
	if best.Hint != "" {
		return fmt.Sprintf("unknown key %q; %s", key, best.Hint)
	}
	if v.Meant != "" {
		return v.Message
	}
	at := v.Path[:len(v.Path)-1]
	if under := s.nearest(root, at, key); len(under) > 0 {
		return fmt.Sprintf("unknown key %q; it belongs under %s", key, strings.Join(under, " or "))
	}
	names := map[string]bool{}
	s.near(root, at, func(shape *shape, _ []string, _ int) {
		for name := range shape.Fields {
			names[name] = true
		}
	})
	if near := diag.Nearest(key, slices.Collect(maps.Keys(names))); near != "" {
		if under := s.nearest(root, at, near); len(under) > 0 {
			return fmt.Sprintf("unknown key %q; did you mean %q under %s?", key, near, strings.Join(under, " or "))
		}
	}
	return v.Message
}

// maxSteps is how far away a field of the same name may be to be the one that was meant: an `env` among the volumes has
// nothing to do with one of the Redis.
const maxSteps = 3

// nearest gives the paths of the mappings that have a field named key, those that are the fewest steps away from at. It
// gives none when there are more than two of them.
func (s *Schemas) nearest(root int, at []string, key string) []string {
	var found []string
	best := maxSteps
	s.near(root, at, func(shape *shape, path []string, steps int) {
		if _, ok := shape.Fields[key]; !ok || steps > best {
			return
		}
		if steps < best {
			best, found = steps, nil
		}
		found = append(found, strconv.Quote(pathString(path)))
	})
	if len(found) > 2 {
		return nil
	}
	return found
}

// near visits the shapes that are at most maxSteps away from a path, in the order of their paths.
func (s *Schemas) near(root int, at []string, visit func(shape *shape, path []string, steps int)) {
	var walk func(n int, path []string)
	walk = func(n int, path []string) {
		shape := s.shapes[n]
		if d := steps(at, path); d <= maxSteps {
			visit(shape, path, d)
		} else if d > len(at)-len(path) {
			return // off the way, and further down it gets no nearer
		}
		for _, name := range slices.Sorted(maps.Keys(shape.Fields)) {
			walk(shape.Fields[name], append(path, name))
		}
		if shape.Each != nil && shape.Kind&isList != 0 {
			walk(*shape.Each, append(path, "0"))
		}
	}
	walk(root, nil)
}

// steps counts the steps up from a and then down to b.
func steps(a, b []string) int {
	same := 0
	for same < len(a) && same < len(b) && a[same] == b[same] {
		same++
	}
	return len(a) - same + len(b) - same
}
