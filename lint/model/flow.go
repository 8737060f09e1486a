package model

import (
	"cmp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// depthOfRead is how many steps of a path a rule can ask for.
const depthOfRead = 3

// NewFlow compares what templates read with what values files set.
func NewFlow(reads []render.Read, sets ...*yaml.Node) Flow {
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
	var f Flow
	f.readPaths(reads)
	f.unsetPaths(reads, paths, set)
	f.unreadPaths(reads, paths)
	return f
}

// Partial is the flow of a chart of which some values or templates are unknown: any value may be set, and any may be read.
func (f Flow) Partial() Flow {
	return Flow{Read: append([][]string{{}}, f.Read...), skipped: map[string]bool{}}
}

// KeptFlow is a Flow that can be written and read again.
type KeptFlow struct {
	Read    [][]string
	Unset   []Unset
	Unread  [][]string
	Skipped map[string]bool
}

// Keep returns the flow as it can be written.
func (f Flow) Keep() KeptFlow { return KeptFlow{f.Read, f.Unset, f.Unread, f.skipped} }

// FlowOf returns the flow that [Flow.Keep] gave.
func FlowOf(k KeptFlow) Flow { return Flow{k.Read, k.Unset, k.Unread, k.Skipped} }

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

func (f *Flow) readPaths(reads []render.Read) {
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
	f.Read = paths
}

func (f *Flow) unsetPaths(reads []render.Read, paths [][]string, set map[string]bool) {
	var found []*Unset
	f.skipped = map[string]bool{}
	at := map[string]*Unset{}
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
			p = &Unset{Path: missing, Siblings: []string{}}
			at[joined(missing)] = p
			found = append(found, p)
		}
		p.Reads = append(p.Reads, Location(r.At))
	}
	slices.SortFunc(found, func(a, b *Unset) int { return slices.Compare(a.Path, b.Path) })
	for _, p := range found {
		slices.SortStableFunc(p.Reads, func(a, b Location) int {
			return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		parent := p.Path[:len(p.Path)-1]
		for _, other := range paths {
			if len(other) == len(p.Path) && slices.Equal(other[:len(other)-1], parent) {
				p.Siblings = append(p.Siblings, other[len(other)-1])
			}
		}
		f.Unset = append(f.Unset, *p)
	}
}

// unreadPaths leaves out what stands below a path that nobody reads either.
func (f *Flow) unreadPaths(reads []render.Read, paths [][]string) {
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
			f.Unread = append(f.Unread, p)
		}
	}
}

// And adds what another way to render the same chart reads and sets: a value is unset or unread only when it is so in every way, and
// unset where it is not read does not count against it.
func (f Flow) And(other Flow) Flow {
	out := Flow{Read: union(f.Read, other.Read, joined), Unread: common(f.Unread, other.Unread, joined), skipped: map[string]bool{}}
	out.Unset = union(missingIn(f.Unset, other), missingIn(other.Unset, f), pathOf)
	for path := range f.skipped {
		if other.skipped[path] {
			out.skipped[path] = true
		}
	}
	return out
}

func pathOf(u Unset) string { return joined(u.Path) }

// missingIn returns the entries of unset that are unset in another flow too, or that it never reads.
func missingIn(unset []Unset, other Flow) []Unset {
	both := keys(other.Unset, pathOf)
	return slices.DeleteFunc(slices.Clone(unset), func(u Unset) bool { return !other.skipped[pathOf(u)] && !both[pathOf(u)] })
}

// union returns the elements of a, and those of b whose key a does not have.
func union[E any](a, b []E, key func(E) string) []E {
	out, seen := slices.Clone(a), keys(a, key)
	for _, e := range b {
		if k := key(e); !seen[k] {
			seen[k] = true
			out = append(out, e)
		}
	}
	return out
}

// common returns the elements of a whose key b has too.
func common[E any](a, b []E, key func(E) string) []E {
	both := keys(b, key)
	return slices.DeleteFunc(slices.Clone(a), func(e E) bool { return !both[key(e)] })
}

func keys[E any](list []E, key func(E) string) map[string]bool {
	out := make(map[string]bool, len(list))
	for _, e := range list {
		out[key(e)] = true
	}
	return out
}
