package lint

import (
	"cmp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// flow is how values and the templates that read them fit: what rules ask of it, and not every read, of which a repository of many
// charts has too many.
type flow struct {
	read   []any // the first three steps of every path that is read, once each
	unset  []any // paths that are read as if they were there, and that no values set
	unread []any // paths that values set and no template reads

	skipped map[string]bool // paths that no values set and that would be read with other ones
}

// depthOfRead is how many steps of a path a rule can ask for.
const depthOfRead = 3

func newFlow(reads []render.Read, sets ...*yaml.Node) flow {
	set := map[string]bool{}
	var paths [][]string
	for _, n := range sets {
		if n != nil {
			collectPaths(n, nil, func(path []string) {
				if k := joined(path); !set[k] {
					set[k] = true
					paths = append(paths, path)
				}
			})
		}
	}
	var f flow
	f.readPaths(reads)
	f.unsetPaths(reads, paths, set)
	f.unreadPaths(reads, paths)
	return f
}

// partial is the flow of a chart of which some values or templates are unknown: any value may be set, and any may be read.
func (f flow) partial() flow {
	return flow{read: append([]any{[]any{}}, f.read...), skipped: map[string]bool{}}
}

// joined makes a path a key of a map.
func joined(path []string) string {
	var b strings.Builder
	for _, step := range path {
		b.WriteString(step + "\x00")
	}
	return b.String()
}

// collectPaths visits every path that is set, parents first.
func collectPaths(n *yaml.Node, at []string, visit func([]string)) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode || len(at) > repo.MaxDepth {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		step := append(slices.Clip(at), n.Content[i].Value)
		visit(step)
		collectPaths(n.Content[i+1], step, visit)
	}
}

func (f *flow) readPaths(reads []render.Read) {
	seen := map[string]bool{}
	var paths [][]string
	for _, r := range reads {
		p := r.Path[:min(len(r.Path), depthOfRead)]
		if k := joined(p); !seen[k] {
			seen[k] = true
			paths = append(paths, p)
		}
	}
	slices.SortFunc(paths, slices.Compare[[]string])
	for _, p := range paths {
		f.read = append(f.read, anyList(p))
	}
}

func (f *flow) unsetPaths(reads []render.Read, paths [][]string, set map[string]bool) {
	type place struct {
		path []string
		at   []any
	}
	var found []*place
	f.skipped = map[string]bool{}
	at := map[string]*place{}
	for _, r := range reads {
		if r.Guarded || r.Dynamic || len(r.Path) == 0 || r.Path[0] == "global" || set[joined(r.Path)] {
			continue
		}
		n := 1
		for n < len(r.Path) && set[joined(r.Path[:n])] {
			n++
		}
		missing := r.Path[:n]
		if r.Skipped {
			f.skipped[joined(missing)] = true
			continue
		}
		p := at[joined(missing)]
		if p == nil {
			p = &place{path: missing}
			at[joined(missing)] = p
			found = append(found, p)
		}
		p.at = append(p.at, map[string]any{"file": r.At.File, "line": int64(r.At.Line), "column": int64(r.At.Column)})
	}
	slices.SortFunc(found, func(a, b *place) int { return slices.Compare(a.path, b.path) })
	for _, p := range found {
		slices.SortStableFunc(p.at, func(a, b any) int {
			x, y := a.(map[string]any), b.(map[string]any)
			return cmp.Or(cmp.Compare(x["file"].(string), y["file"].(string)), cmp.Compare(x["line"].(int64), y["line"].(int64)), cmp.Compare(x["column"].(int64), y["column"].(int64)))
		})
		parent := p.path[:len(p.path)-1]
		siblings := []any{}
		for _, other := range paths {
			if len(other) == len(p.path) && slices.Equal(other[:len(other)-1], parent) {
				siblings = append(siblings, other[len(other)-1])
			}
		}
		f.unset = append(f.unset, map[string]any{"path": anyList(p.path), "reads": p.at, "siblings": siblings})
	}
}

// unreadPaths leaves out what stands below a path that nobody reads either.
func (f *flow) unreadPaths(reads []render.Read, paths [][]string) {
	whole, parents := map[string]bool{}, map[string]bool{}
	all := false // the values as a whole are read
	for _, r := range reads {
		all = all || len(r.Path) == 0
		whole[joined(r.Path)] = true
		for n := 1; n <= len(r.Path); n++ {
			parents[joined(r.Path[:n])] = true
		}
	}
	unread := func(path []string) bool {
		if len(path) == 0 || parents[joined(path)] {
			return false
		}
		for n := 1; n <= len(path); n++ {
			if whole[joined(path[:n])] {
				return false
			}
		}
		return !all
	}
	for _, p := range paths {
		if unread(p) && !unread(p[:len(p)-1]) {
			f.unread = append(f.unread, anyList(p))
		}
	}
}

// and adds what another way to render the same chart reads and sets: a value is unset or unread only when it is so in every way, and
// unset where it is not read does not count against it.
func (f flow) and(other flow) flow {
	out := flow{read: union(f.read, other.read), unread: common(f.unread, other.unread), skipped: map[string]bool{}}
	out.unset = union(missingIn(f.unset, other), missingIn(other.unset, f))
	for path := range f.skipped {
		if other.skipped[path] {
			out.skipped[path] = true
		}
	}
	return out
}

// missingIn returns the entries of unset that are unset in another flow too, or that it never reads.
func missingIn(unset []any, other flow) []any {
	return slices.DeleteFunc(slices.Clone(unset), func(e any) bool {
		return !other.skipped[pathOf(e)] && !slices.ContainsFunc(other.unset, func(o any) bool { return pathOf(o) == pathOf(e) })
	})
}

// pathOf returns the path of an entry of read, unset or unread as a key.
func pathOf(entry any) string {
	if m, ok := entry.(map[string]any); ok {
		entry = m["path"]
	}
	list, _ := entry.([]any)
	steps := make([]string, len(list))
	for i, s := range list {
		steps[i], _ = s.(string)
	}
	return joined(steps)
}

func union(a, b []any) []any {
	out := slices.Clone(a)
	for _, e := range b {
		if !slices.ContainsFunc(out, func(o any) bool { return pathOf(o) == pathOf(e) }) {
			out = append(out, e)
		}
	}
	return out
}

func common(a, b []any) []any {
	return slices.DeleteFunc(slices.Clone(a), func(e any) bool {
		return !slices.ContainsFunc(b, func(o any) bool { return pathOf(o) == pathOf(e) })
	})
}
