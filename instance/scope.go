package instance

import (
	"slices"
	"strconv"
	"strings"
)

// scope is what the texts and conditions of a scheme are read against.
type scope struct {
	object    *Document
	version   string            // of the operator
	vars      map[string]string // name, namespace, port, i
	container map[string]any    // of a workload: the one that is a Redis
	with      map[string]any    // the other resource of the scheme; nil if it is not in the repository
}

// A Reader reads texts and conditions of an operator's facts against the release of a chart.
type Reader struct{ scope scope }

// Reader returns one for an instance that has a Release; for others every path is empty.
func (in *Instance) Reader() Reader {
	d := &Document{Object: map[string]any{}}
	if in.Release != nil {
		_ = in.Release.Node.Decode(&d.Object) // it was decoded before
	}
	return Reader{scope{object: d, vars: map[string]string{"name": in.Name, "namespace": in.Namespace}}}
}

// Holds reports whether all conditions hold.
func (r Reader) Holds(conditions []string) bool { return r.scope.holds(conditions) }

// Expand fills in {name} and paths with their alternatives, such as {spec.replica.replicaCount|3}.
func (r Reader) Expand(text string) string { return r.scope.expand(text) }

// At returns the field at a path such as spec.image; nil if there is none.
func (r Reader) At(path string) any { return r.scope.at(path) }

// hole returns where the first {placeholder} of a text is, with its braces; none if to is 0. There are no braces in one.
func hole(text string) (from, to int) {
	for {
		end := strings.IndexByte(text[to:], '}')
		if end < 0 {
			return 0, 0
		}
		end += to
		if from = strings.LastIndexByte(text[to:end], '{'); from >= 0 {
			return to + from, end + 1
		}
		to = end + 1
	}
}

// expand fills in {name}, {label:KEY} and paths with their alternatives, such as {spec.redis.port|6379}.
func (s *scope) expand(template string) string {
	out := ""
	for {
		from, to := hole(template)
		if to == 0 {
			return out + template
		}
		value := ""
		for alternative := range strings.SplitSeq(template[from+1:to-1], "|") {
			if value = s.value(alternative); value != "" {
				break
			}
		}
		out, template = out+template[:from]+value, template[to:]
	}
}

func (s *scope) value(name string) string {
	if label, ok := strings.CutPrefix(name, "label:"); ok {
		return text(at(s.object.Object, "spec", "template", "metadata", "labels", label))
	}
	if value, ok := s.vars[name]; ok {
		return value
	}
	if strings.HasPrefix(name, "spec.") || strings.HasPrefix(name, "metadata.") || strings.HasPrefix(name, "with.") {
		return text(s.at(name))
	}
	return name // a literal default
}

// at returns the field at a path of the resource, or of the other one of the scheme.
func (s *scope) at(path string) any {
	from := s.object.Object
	if other, ok := strings.CutPrefix(path, "with."); ok {
		from, path = s.with, other
	}
	var value any = from
	for step := range strings.SplitSeq(path, ".") {
		value = at(value, step)
	}
	return value
}

// holds reports whether all conditions hold.
func (s *scope) holds(conditions []string) bool {
	return !slices.ContainsFunc(conditions, func(c string) bool { return !s.condition(c) })
}

func (s *scope) condition(c string) bool {
	if v, ok := strings.CutPrefix(c, "version>="); ok {
		return compareVersions(s.version, v) >= 0
	}
	if v, ok := strings.CutPrefix(c, "version<"); ok {
		return compareVersions(s.version, v) < 0
	}
	if path, want, ok := strings.Cut(c, "!="); ok {
		return s.lookup(path) != want
	}
	if path, want, ok := strings.Cut(c, "="); ok {
		return s.lookup(path) == want
	}
	if path, ok := strings.CutPrefix(c, "!"); ok {
		return !s.present(path)
	}
	if path, ok := strings.CutSuffix(c, ":map"); ok {
		_, isMap := s.at(path).(map[string]any)
		return isMap
	}
	return s.present(c)
}

func (s *scope) lookup(path string) string {
	if strings.HasPrefix(path, "label:") {
		return s.value(path)
	}
	return text(s.at(path))
}

func (s *scope) present(path string) bool {
	if strings.HasPrefix(path, "label:") {
		return s.value(path) != ""
	}
	return Present(s.at(path))
}

// Present reports whether a value counts as set in a condition of an operator's facts: null, false, "" and an empty list do not.
func Present(value any) bool {
	switch value := value.(type) {
	case nil:
		return false
	case bool:
		return value
	case string:
		return value != ""
	case []any:
		return len(value) > 0
	}
	return true
}

// compareVersions compares by numbers: v1.2.4 is before 1.3.0-rc1, which is 1.3.0 here.
func compareVersions(a, b string) int {
	return slices.Compare(versionNumbers(a), versionNumbers(b))
}

func versionNumbers(version string) []int {
	numbers := make([]int, 3)
	version = strings.TrimPrefix(version, "v")
	if i := strings.IndexAny(version, "-+"); i >= 0 {
		version = version[:i]
	}
	for i, part := range strings.SplitN(version, ".", 4) {
		if i < 3 {
			numbers[i], _ = strconv.Atoi(part)
		}
	}
	return numbers
}
