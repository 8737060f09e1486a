package instance

import "github.com/redis-gitops/redis-gitops/cue"

// Owner is who acts on a resource: the operator of a custom resource, or what is known of workloads without one.
type Owner struct {
	Operator *cue.Operator
	Version  string
	Name     string // of the Redis that it is, or is a part of
}

// Owners returns the owner of each document, nil for one that is neither a Redis nor a resource of an operator.
func Owners(documents []Document, operators []*cue.Operator, o Options) []*Owner {
	f := newFinder(documents, operators, o)
	owners := make([]*Owner, len(documents))
	for i := range documents {
		d := &documents[i]
		if !cue.RunsRedis(d.kind()) {
			continue
		}
		m := f.match(d)
		if m == nil || m.scheme.Is == "ignored" {
			if m = f.owner(d); m == nil {
				continue
			}
		}
		owners[i] = &Owner{m.operator, m.version, m.vars["name"]}
	}
	return owners
}

// AtLeast reports whether a version, as it is written, is not before another one.
func AtLeast(version, other string) bool { return compareVersions(version, other) >= 0 }

// Since returns the value of the latest of some versions that is not after a version, as [AtLeast] orders them; "" if there is none, and for "".
func Since(values map[string]string, version string) string {
	since := ""
	for first := range values {
		if version != "" && AtLeast(version, first) && (since == "" || AtLeast(first, since)) {
			since = first
		}
	}
	return values[since]
}

// RunningOf returns the operators that installations are of.
func RunningOf(installed []Installation) []Running { return runningOf(installed) }
