package cue

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
)

// Schemas checks the resources of one version of an operator against their schema. It may be used by several goroutines.
type Schemas struct {
	shapes    func() structure
	kinds     map[Kind]int
	misplaced kinded[misplaced]
}

// Schemas returns the schemas of a version of the operator; "" is its first version. An operator without schemas has
// nothing against any resource.
func (o *Operator) Schemas(version string) (*Schemas, error) {
	if version == "" {
		version = o.Versions[0]
	}
	if err := o.checkVersion(version); err != nil {
		return nil, &finding.Problem{Message: err.Error()}
	}
	s := &Schemas{shapes: o.derived.shapes, kinds: map[Kind]int{}, misplaced: o.derived.Misplaced}
	for _, k := range o.Kinds {
		if n, ok := o.derived.Resources[version][k.APIVersion+" "+k.Kind]; ok {
			s.kinds[k] = n
		}
	}
	return s, nil
}

// Check describes what is wrong with a resource given as plain data: maps with string keys, slices, strings, bools, nil and
// numbers, whole ones as int, int64 or uint64. A resource of a kind that has no schema has nothing wrong.
func (s *Schemas) Check(resource map[string]any) []Violation {
	apiVersion, _ := resource["apiVersion"].(string)
	kind, _ := resource["kind"].(string)
	root, ok := s.kinds[Kind{apiVersion, kind}]
	if !ok {
		return nil
	}
	// What a controller reports is in what the API server prints, and is dropped on the way back.
	reported := func(v Violation) bool { return v.Key && slices.Equal(v.Path, []string{"status"}) }
	violations := slices.DeleteFunc(s.shapes().violations(root, resource), reported)
	for i, v := range violations {
		if v.Key {
			violations[i].Message = s.unknownKey(root, kind, v)
		}
	}
	return violations
}

// unknownKey describes what to do about a key: what is known of that slip, else a neighbour with nearly that name, else the
// place where there is a field of that name.
func (s *Schemas) unknownKey(root int, kind string, v Violation) string {
	path := strings.Join(v.Path, ".")
	best := misplaced{}
	for _, m := range s.misplaced.of(kind) {
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
	if near := finding.Nearest(key, slices.Collect(maps.Keys(names))); near != "" {
		if under := s.nearest(root, at, near); len(under) > 0 {
			return fmt.Sprintf("unknown key %q; did you mean %q under %s?", key, near, strings.Join(under, " or "))
		}
	}
	return v.Message
}

// maxSteps is how far away a field of the same name may be to be the one that was meant.
const maxSteps = 3

// nearest returns the paths of the mappings that have a field named key and where it means the same, those that are the fewest steps
// away from at. It gives none when there are more than two of them.
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
		where := "the top level"
		if len(path) > 0 {
			where = strconv.Quote(pathString(path))
		}
		found = append(found, where)
	})
	if len(found) > 2 {
		return nil
	}
	return found
}

// near visits the shapes that are at most maxSteps away from a path and about the same thing, in the order of their paths.
func (s *Schemas) near(root int, at []string, visit func(shape *shape, path []string, steps int)) {
	var walk func(n int, path []string, from part)
	walk = func(n int, path []string, from part) {
		shape := s.shapes()[n]
		above := isPrefix(path, at)
		if kind := shape.part(); kind != samePart && len(path) > 0 && !above {
			from = part{kind, path, from.outer || s.inPart(root, at)}
		}
		if d := steps(at, path); d > maxSteps {
			if d > len(at)-len(path) {
				return // off the way, and further down it gets no nearer
			}
		} else if from.reaches(at, path) && !farAway(at, path, from) {
			visit(shape, path, d)
		}
		for _, name := range slices.Sorted(maps.Keys(shape.Fields)) {
			below := append(slices.Clip(path), name)
			if name == "status" && !isPrefix(below, at) {
				continue // written by a controller
			}
			walk(shape.Fields[name], below, from)
		}
		if shape.Each != nil && shape.Kind&isList != 0 && above && len(at) > len(path) {
			walk(*shape.Each, append(slices.Clip(path), at[len(path)]), from) // an element of its own is nothing to move a key into
		}
	}
	walk(root, nil, part{})
}

// part is a mapping that is about something else than what is around it, such as a container or another server.
type part struct {
	kind  partKind
	path  []string
	outer bool // what is around it is such a part too
}

type partKind int

const (
	samePart  partKind = iota
	container          // a program that runs with an image of its own: Redis, its sentinels, an exporter
	object             // an embedded object, such as a PersistentVolumeClaim
	server             // another server that is only named
)

func (s *shape) part() partKind {
	has := func(names ...string) bool {
		for _, name := range names {
			if _, ok := s.Fields[name]; !ok {
				return false
			}
		}
		return true
	}
	switch {
	case has("image"):
		return container
	case has("metadata", "spec"):
		return object
	case has("host", "port"):
		return server
	}
	return samePart
}

// reaches reports whether a key at one path can have been meant for another one that is inside of the part: an env of Redis is not one of
// its exporter, and a host of Redis is not that of the server it is filled from.
func (p part) reaches(at, path []string) bool {
	switch p.kind {
	case container:
		return !p.outer && len(path) == len(p.path) && isPrefix(at, path) && len(path) == len(at)+1
	case object:
		return isPrefix(at, p.path) && len(p.path) == len(at)+1
	case server:
		return false
	}
	return true
}

// inPart reports whether a path is inside of a container.
func (s *Schemas) inPart(root int, path []string) bool {
	n := root
	for _, step := range path {
		shape := s.shapes()[n]
		next, ok := shape.Fields[step]
		if !ok {
			if shape.Each == nil {
				return false
			}
			next = *shape.Each
		}
		if n = next; s.shapes()[n].part() == container {
			return true
		}
	}
	return false
}

// farAway reports whether a mapping is deep below the one with the key, or at the top level or in the metadata of a key deep below: a user
// of Redis is not one of SELinux, and a name of its port not the resource's own.
func farAway(at, path []string, in part) bool {
	if len(at) > 1 && (len(path) == 0 || path[0] != at[0]) {
		return true
	}
	return in.kind == samePart && isPrefix(at, path) && len(path) > len(at)+1
}

func isPrefix(a, b []string) bool { return len(a) <= len(b) && slices.Equal(a, b[:len(a)]) }

// steps counts the steps up from a and then down to b.
func steps(a, b []string) int {
	same := 0
	for same < len(a) && same < len(b) && a[same] == b[same] {
		same++
	}
	return len(a) - same + len(b) - same
}
