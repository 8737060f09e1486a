package yamledit

import (
	"slices"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds a tree after its aliases are expanded. The files that get here have passed the same limit in repo.
const maxNodes = 50_000

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// value returns the value of key in a mapping, or nil. Merge keys are not followed: what they bring is not there to edit.
func value(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key && mapping.Content[i].Kind == yaml.ScalarNode {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// get returns the node at path in an expanded tree where every key is known to be there.
func get(root *yaml.Node, path []string) *yaml.Node {
	for _, k := range path {
		root = value(root, k)
	}
	return root
}

// expand copies a tree, with a copy of its target in the place of every alias, so that a change at one place cannot
// hide behind the same change at another.
func expand(root *yaml.Node) *yaml.Node {
	budget := maxNodes
	var dup func(n *yaml.Node, depth int) *yaml.Node
	dup = func(n *yaml.Node, depth int) *yaml.Node {
		budget--
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		c := *n
		c.Content = nil
		if budget < 0 || depth > 200 {
			return &c
		}
		for _, child := range n.Content {
			c.Content = append(c.Content, dup(child, depth+1))
		}
		return &c
	}
	if root == nil {
		return nil
	}
	return dup(root, 0)
}

// equal compares what two expanded trees say: kinds, tags and values, the order of items but not that of keys.
func equal(a, b *yaml.Node) bool {
	if a == nil || b == nil {
		return (a == nil || isNull(a)) && (b == nil || isNull(b))
	}
	if a.Kind != b.Kind || len(a.Content) != len(b.Content) {
		return false
	}
	switch a.Kind {
	case yaml.ScalarNode:
		return a.ShortTag() == b.ShortTag() && a.Value == b.Value
	case yaml.MappingNode:
		for i := 0; i+1 < len(a.Content); i += 2 {
			j := i
			if !equal(a.Content[i], b.Content[i]) {
				j = slices.IndexFunc(b.Content, func(n *yaml.Node) bool { return equal(a.Content[i], n) })
				if j < 0 || j%2 != 0 {
					return false
				}
			}
			if !equal(a.Content[i+1], b.Content[j+1]) {
				return false
			}
		}
		return true
	}
	for i := range a.Content {
		if !equal(a.Content[i], b.Content[i]) {
			return false
		}
	}
	return true
}

// without returns an expanded tree less the entry at path. A collection that this empties counts as null.
func without(root *yaml.Node, path []string) *yaml.Node {
	if root == nil || len(path) == 0 {
		return nil
	}
	if root.Kind != yaml.MappingNode {
		return root
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value != path[0] {
			continue
		}
		if len(path) > 1 {
			if rest := without(root.Content[i+1], path[1:]); rest != nil && len(rest.Content) > 0 {
				root.Content[i+1] = rest
				return root
			}
		}
		root.Content = slices.Delete(root.Content, i, i+2)
		return root
	}
	return root
}
