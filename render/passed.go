package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// passed finds the value that a node of an action's output is a part of, such as by toYaml: each node of the output stands below the
// same keys as in the values, whatever functions, variables and named templates the value went through.
type passed struct {
	file   *renderedFile
	source *source
	node   *yaml.Node
	key    bool     // node is a key
	steps  []string // to node in the output of the action
	text   string   // of the action
}

// passedOn returns the path of the value that a node is, among those that its line reads.
func (f *renderedFile) passedOn(r *Resource, n *yaml.Node, at int, s *source, shown []candidate) ([]string, bool) {
	if !f.wholly(n, at) {
		return nil, false
	}
	p := passed{file: f, source: s, node: n}
	var ok bool
	if p.steps, p.key, ok = f.inOutput(r.Node, n, at); !ok {
		return nil, false
	}
	p.text, _, _ = strings.Cut(s.text[min(int(f.marks[at].piece.offset), len(s.text)):], "}}")
	if path, ok := p.best(shown, false); ok {
		return path, true
	}
	included := p.included(p.text, 0)
	if path, ok := p.best(included, true); ok {
		return path, true
	}
	return p.best(p.inside(append(slices.Clip(shown), included...)), true)
}

// wholly reports whether all entries of a mapping or list are from one action, and not some from the template.
func (f *renderedFile) wholly(n *yaml.Node, at int) bool {
	for i, child := range n.Content {
		if (n.Kind == yaml.SequenceNode || i%2 == 0) && f.markAt(f.offset(child.Line, child.Column)) != at {
			return false
		}
	}
	return true
}

// inOutput returns the keys and indexes that lead to a node through what one action gave.
func (f *renderedFile) inOutput(root, n *yaml.Node, at int) (steps []string, key, ok bool) {
	inside := func(n *yaml.Node) bool { return f.markAt(f.offset(n.Line, n.Column)) == at }
	var walk func(c *yaml.Node, steps []string) bool
	walk = func(c *yaml.Node, before []string) bool {
		if c == n {
			steps = before
			return true
		}
		first := -1
		for i, child := range c.Content {
			next := before
			switch {
			case c.Kind == yaml.MappingNode && i%2 == 0:
				if child == n {
					steps, key = append(slices.Clip(before), child.Value), true
					return true
				}
				continue
			case c.Kind == yaml.MappingNode:
				if inside(c.Content[i-1]) {
					next = append(slices.Clip(before), c.Content[i-1].Value)
				}
			case inside(child):
				if first < 0 {
					first = i
				}
				next = append(slices.Clip(before), strconv.Itoa(i-first))
			}
			if walk(child, next) {
				return true
			}
		}
		return false
	}
	ok = walk(root, nil)
	return steps, key, ok
}

// best returns the candidate below which most of the steps are, and the node itself. Of two that fit alike it is the one that the
// functions take: the first, or the last of mergeOverwrite. With alone two that fit alike are none, because either is a guess.
func (p *passed) best(candidates []candidate, alone bool) ([]string, bool) {
	var found []string
	length, plain, several := -1, false, false
	for _, c := range candidates {
		sub, ok := p.suffix(c)
		if !ok {
			continue
		}
		path := append(slices.Clip(c.path), p.steps[len(p.steps)-sub:]...)
		several = sub == length && (several || !slices.Equal(path, found))
		better := sub > length || sub == length && c.plain && !plain ||
			sub == length && c.plain == plain && strings.Contains(p.text, "mergeOverwrite")
		if better {
			found, length, plain = path, sub, c.plain
		}
	}
	return found, length >= 0 && !(alone && several)
}

// suffix returns how many of the last steps lead from a candidate to a value that the node is.
func (p *passed) suffix(c candidate) (int, bool) {
	scope := p.source.chart.scope
	for from := range len(p.steps) {
		if v, ok := lookupValue(scope, append(slices.Clip(c.path), p.steps[from:]...)); ok && (p.key || alike(v, p.node)) {
			return len(p.steps) - from, true
		}
	}
	v, ok := lookupValue(scope, c.path)
	if !ok || p.key || p.node.Kind == yaml.ScalarNode {
		return 0, false
	}
	if c.plain && len(p.steps) == 0 {
		return 0, alike(v, p.node)
	}
	return 0, equals(v, p.node)
}

// alike reports whether a node may be what became of a value: text that tpl evaluates, and mappings that were merged, differ inside.
func alike(v any, n *yaml.Node) bool {
	switch v := v.(type) {
	case map[string]any:
		return n.Kind == yaml.MappingNode
	case []any:
		return n.Kind == yaml.SequenceNode
	case nil:
		return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
	case string:
		return n.Kind == yaml.ScalarNode && (v == n.Value || strings.Contains(v, "{{"))
	}
	return n.Kind == yaml.ScalarNode && fmt.Sprint(v) == n.Value
}

// equals reports whether a node is a value as a whole.
func equals(v any, n *yaml.Node) bool {
	if !alike(v, n) {
		return false
	}
	switch v := v.(type) {
	case map[string]any:
		if 2*len(v) != len(n.Content) {
			return false
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if child, ok := v[n.Content[i].Value]; !ok || !equals(child, n.Content[i+1]) {
				return false
			}
		}
	case []any:
		if len(v) != len(n.Content) {
			return false
		}
		for i, child := range v {
			if !equals(child, n.Content[i]) {
				return false
			}
		}
	}
	return true
}

// maxIncluded is how deep named templates that include others are followed.
const maxIncluded = 4

// included returns the values that the named templates which a text includes read.
func (p *passed) included(text string, depth int) []candidate {
	if depth > maxIncluded {
		return nil
	}
	var all []candidate
	for _, m := range includedName.FindAllStringSubmatch(text, -1) {
		for _, s := range p.file.run.sources {
			for _, part := range defined(s.text) {
				if part.name != m[1] {
					continue
				}
				for _, r := range s.facts.reads {
					if r.offset >= part.from && r.offset < part.to {
						all = append(all, candidate{path: r.path})
					}
				}
				all = append(all, p.included(s.text[part.from:part.to], depth+1)...)
			}
		}
	}
	return all
}

type namedPart struct {
	name     string
	from, to int
}

// defined returns the named templates of a text, each up to the next one.
func defined(text string) []namedPart {
	var parts []namedPart
	for _, m := range definedName.FindAllStringSubmatchIndex(text, -1) {
		if n := len(parts); n > 0 {
			parts[n-1].to = m[0]
		}
		parts = append(parts, namedPart{text[m[2]:m[3]], m[0], len(text)})
	}
	return parts
}

// maxInside is how many mappings and lists inside the candidates are tried.
const maxInside = 500

// inside returns the mappings and lists inside the values of candidates: a variable that holds a merged mapping, and a named template
// that is given a whole one, read a part of it.
func (p *passed) inside(candidates []candidate) []candidate {
	var all []candidate
	seen := map[string]bool{}
	var add func(v any, path []string)
	add = func(v any, path []string) {
		key := strings.Join(path, "\x00")
		if len(all) >= maxInside || seen[key] {
			return
		}
		seen[key] = true
		switch v := v.(type) {
		case map[string]any:
			all = append(all, candidate{path: path})
			for _, k := range sortedKeys(v) {
				add(v[k], append(slices.Clip(path), k))
			}
		case []any:
			all = append(all, candidate{path: path})
			for i, child := range v {
				add(child, append(slices.Clip(path), strconv.Itoa(i)))
			}
		}
	}
	for _, c := range candidates {
		if v, ok := lookupValue(p.source.chart.scope, c.path); ok {
			add(v, c.path)
		}
	}
	return all
}
