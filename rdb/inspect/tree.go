package inspect

import (
	"cmp"
	"slices"
	"strings"
)

// Node is a prefix with the prefixes that it is split into.
type Node struct {
	Prefix
	Children []Node `json:"children,omitempty"`
}

// tree nests the heaviest prefixes of each depth, Options.Top below each.
func (in *inspector) tree() []Node { return in.nodes(0, "") }

func (in *inspector) nodes(depth int, below string) []Node {
	if depth == len(in.prefixes) {
		return nil
	}
	var list []*counter
	for name, c := range in.prefixes[depth].byName {
		if strings.HasPrefix(name, below) && c.atMost < c.memory/2 {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *counter) int { return cmp.Or(cmp.Compare(b.memory, a.memory), cmp.Compare(a.name, b.name)) })
	var out []Node
	for _, c := range list[:min(len(list), in.opts.Top)] {
		n := Node{Prefix: Prefix{printable([]byte(c.name)), c.keys, c.memory, c.atMost}}
		if c.name != "" { // keys without a separator have no parts
			n.Children = in.nodes(depth+1, c.name)
		}
		out = append(out, n)
	}
	return out
}
