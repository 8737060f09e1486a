package render

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
)

// kustomized is a resource that a kustomization gave. Kustomize says which file an object is from and nothing of its parts,
// so that those are looked for where they can be set: in the patches, in the object as it was, and in what the
// kustomizations set by themselves, the last to be applied first.
type kustomized struct {
	run       *kustomizeRun
	kind      string
	name      string     // as it is now
	original  string     // before prefixes and suffixes
	base      *yaml.Node // the object as it was; nil when it was generated
	generator *yaml.Node // the entry that generated it
	file      string     // of base or generator
}

// step is a part of a path: a key, or an element of a list with what names it there.
type step struct {
	key   string
	index int // -1 for a key
	node  *yaml.Node
}

// pathTo returns the way to a node, and whether it is the key there; false when the node is not below root.
func pathTo(root, n *yaml.Node) (way []step, isKey, ok bool) {
	if root == n {
		return nil, false, true
	}
	for i, c := range root.Content {
		s := step{index: i, node: c}
		if root.Kind == yaml.MappingNode {
			if i%2 == 0 {
				if c == n {
					return []step{{c.Value, -1, root.Content[i+1]}}, true, true
				}
				continue
			}
			s = step{root.Content[i-1].Value, -1, c}
		}
		if rest, isKey, ok := pathTo(c, n); ok {
			return append([]step{s}, rest...), isKey, true
		}
	}
	return nil, false, false
}

// walk follows a way in another tree: an element of a list is the one with the same name there, or else the same text, or
// else in the same place. depth is how far it came.
func walk(root *yaml.Node, way []step) (key, value *yaml.Node, depth int) {
	value = root
	for i, s := range way {
		var k, v *yaml.Node
		switch {
		case value.Kind == yaml.MappingNode && s.index < 0:
			k, v = child(value, s.key)
		case value.Kind == yaml.SequenceNode && s.index >= 0:
			v = element(value, s)
		}
		if v == nil {
			return key, value, i
		}
		key, value = k, v
	}
	return key, value, len(way)
}

// nameKeys are the keys that identify elements of lists (kubernetes' patchMergeKey).
var nameKeys = []string{"name", "mountPath", "containerPort", "port", "key", "topologyKey", "ip", "devicePath"}

func element(list *yaml.Node, s step) *yaml.Node {
	if s.node.Kind == yaml.MappingNode {
		for _, field := range nameKeys {
			_, want := find(s.node, field)
			if want == nil {
				continue
			}
			for _, c := range list.Content {
				if _, got := find(c, field); got != nil && got.Value == want.Value {
					return c
				}
			}
			return nil
		}
	}
	if s.node.Kind == yaml.ScalarNode {
		for _, c := range list.Content {
			if c.Kind == yaml.ScalarNode && c.Value == s.node.Value {
				return c
			}
		}
	}
	if s.index < len(list.Content) {
		return list.Content[s.index]
	}
	return nil
}

// equalNodes compares what is written, not how.
func equalNodes(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || len(a.Content) != len(b.Content) {
		return false
	}
	if a.Kind == yaml.ScalarNode {
		return a.Value == b.Value
	}
	if a.Kind != yaml.MappingNode {
		for i := range a.Content {
			if !equalNodes(a.Content[i], b.Content[i]) {
				return false
			}
		}
		return true
	}
	for i := 0; i+1 < len(a.Content); i += 2 {
		_, v := child(b, a.Content[i].Value)
		if v == nil || !equalNodes(a.Content[i+1], v) {
			return false
		}
	}
	return true
}

func (kr *kustomized) origin(r *Resource, n *yaml.Node) Origin {
	way, isKey, ok := pathTo(r.Node, n)
	if !ok {
		return Origin{Source: finding.Position{File: kr.file}}
	}
	value := n
	if isKey {
		value = way[len(way)-1].node
	}
	file, at, literal := kr.find(way, value, isKey)
	if at == nil {
		return Origin{Source: finding.Position{File: file}}
	}
	o := Origin{Source: finding.Position{File: file, Line: at.Line, Column: at.Column}}
	o.EndLine, o.EndColumn = endOf(kr.run.sources[file], at)
	o.Literal = literal && (n.Kind != yaml.ScalarNode || at.Kind == yaml.ScalarNode && at.Value == n.Value)
	return o
}

// find returns the file and the node where something is set, and whether it stands there as it is.
func (kr *kustomized) find(way []step, value *yaml.Node, isKey bool) (file string, at *yaml.Node, literal bool) {
	for _, l := range slices.Backward(kr.run.layers) {
		if at := kr.set(l, way, value); at != nil {
			return l.file, at, true
		}
		for _, p := range slices.Backward(l.patches) {
			if !kr.patchedBy(p) {
				continue
			}
			if key, v := p.find(way, value); v != nil {
				if isKey && key != nil {
					v = key
				}
				return p.file, v, p.literal
			}
		}
	}
	if kr.base != nil {
		key, v, depth := walk(kr.base, way)
		switch {
		case depth == len(way) && isKey && key != nil:
			return kr.file, key, true
		case depth == len(way):
			return kr.file, v, true
		}
		// What nobody wrote is at what is around it, if that is more than the object.
		if depth > 0 {
			if key != nil {
				v = key
			}
			return kr.file, v, false
		}
	}
	if kr.generator != nil {
		return kr.file, kr.generated(way), true
	}
	if kr.base != nil {
		return kr.file, kr.base, false
	}
	return kr.file, nil, false
}

// generated returns the part of a generator's entry that a node is from: the literal or file with its key.
func (kr *kustomized) generated(way []step) *yaml.Node {
	if len(way) == 2 && way[0].key == "metadata" {
		if _, v := find(kr.generator, way[1].key); v != nil {
			return v
		}
	}
	if len(way) > 1 && (way[0].key == "data" || way[0].key == "binaryData" || way[0].key == "stringData") {
		for _, field := range []string{"literals", "files"} {
			_, list := find(kr.generator, field)
			if list == nil {
				continue
			}
			for _, n := range list.Content {
				key, _, found := strings.Cut(n.Value, "=")
				if !found {
					key = key[strings.LastIndexByte(key, '/')+1:]
				}
				if key == way[1].key {
					return n
				}
			}
		}
	}
	return kr.generator
}

// patchedBy reports whether a patch is for the resource. Labels and annotations are not looked at, since what a patch has is
// compared with what came out anyway.
func (kr *kustomized) patchedBy(p *patch) bool {
	matches := func(pattern, name string) bool {
		if pattern == "" {
			return true
		}
		re, err := regexp.Compile("^(?:" + pattern + ")$")
		return err == nil && re.MatchString(name)
	}
	if p.target != nil {
		return matches(textAt(p.target, "kind"), kr.kind) && (matches(textAt(p.target, "name"), kr.name) || matches(textAt(p.target, "name"), kr.original))
	}
	if p.doc == nil {
		return false
	}
	name := textAt(p.doc, "metadata", "name")
	return textAt(p.doc, "kind") == kr.kind && (name == kr.original || name == kr.name || name != "" && strings.Contains(kr.name, name) && strings.Contains(name, kr.original))
}

func textAt(n *yaml.Node, path ...string) string {
	if _, v := find(n, path...); v != nil && v.Kind == yaml.ScalarNode {
		return v.Value
	}
	return ""
}

// find returns what a patch sets at a path, if that is what came out.
func (p *patch) find(way []step, value *yaml.Node) (key, found *yaml.Node) {
	if p.doc != nil {
		if len(way) > 0 && (way[0].key == "kind" || way[0].key == "apiVersion") || len(way) == 2 && way[0].key == "metadata" && way[1].key == "name" {
			return nil, nil // what it is for, not what it changes
		}
		key, v, depth := walk(p.doc, way)
		if depth == len(way) && equalNodes(v, value) {
			return key, v
		}
		return nil, nil
	}
	for _, op := range slices.Backward(p.ops.Content) {
		do := textAt(op, "op")
		_, v := find(op, "value")
		if do != "add" && do != "replace" || v == nil {
			continue
		}
		steps := strings.Split(strings.TrimPrefix(textAt(op, "path"), "/"), "/")
		if len(steps) > len(way) || !pointsTo(steps, way) {
			continue
		}
		key, inner, depth := walk(v, way[len(steps):])
		if depth == len(way)-len(steps) && equalNodes(inner, value) {
			if depth == 0 {
				key = nil
			}
			return key, inner
		}
	}
	return nil, nil
}

var pointerEscapes = strings.NewReplacer("~1", "/", "~0", "~")

// pointsTo compares a JSON pointer with the beginning of a way.
func pointsTo(steps []string, way []step) bool {
	for i, s := range steps {
		if way[i].index >= 0 {
			if s != "-" && s != strconv.Itoa(way[i].index) {
				return false
			}
		} else if pointerEscapes.Replace(s) != way[i].key {
			return false
		}
	}
	return true
}

// set returns the part of a kustomization that sets a value by itself: images, replicas, names, namespaces, labels.
func (kr *kustomized) set(l *layer, way []step, value *yaml.Node) *yaml.Node {
	if len(way) == 0 {
		return nil
	}
	root := l.doc.Node
	was := func() *yaml.Node {
		if kr.base == nil {
			return nil
		}
		if _, v, depth := walk(kr.base, way); depth == len(way) {
			return v
		}
		return nil
	}
	last := way[len(way)-1]
	before := was()
	changed := before == nil || !equalNodes(before, value)
	switch {
	case last.key == "image" && value.Kind == yaml.ScalarNode && changed:
		_, images := find(root, "images")
		return entry(images, func(e *yaml.Node) *yaml.Node {
			name, digest, tag, newName := textAt(e, "name"), textAt(e, "digest"), textAt(e, "newTag"), textAt(e, "newName")
			if before != nil && before.Value != name && !strings.HasPrefix(before.Value, name+":") && !strings.HasPrefix(before.Value, name+"@") {
				return nil
			}
			for _, c := range []struct{ field, text string }{{"digest", digest}, {"newTag", tag}, {"newName", newName}} {
				if c.text != "" && strings.Contains(value.Value, c.text) && (before == nil || !strings.Contains(before.Value, c.text)) {
					_, v := find(e, c.field)
					return v
				}
			}
			return nil
		})
	case last.key == "replicas" && changed:
		_, replicas := find(root, "replicas")
		return entry(replicas, func(e *yaml.Node) *yaml.Node {
			if name := textAt(e, "name"); (name == kr.original || name == kr.name) && textAt(e, "count") == value.Value {
				_, v := find(e, "count")
				return v
			}
			return nil
		})
	case len(way) == 2 && way[0].key == "metadata" && last.key == "namespace" && changed:
		if _, v := find(root, "namespace"); v != nil && v.Value == value.Value {
			return v
		}
	case len(way) == 2 && way[0].key == "metadata" && last.key == "name" && changed:
		for _, field := range []string{"namePrefix", "nameSuffix"} {
			if _, v := find(root, field); v != nil && v.Value != "" && strings.Contains(value.Value, v.Value) {
				return v
			}
		}
	case value.Kind == yaml.ScalarNode && changed && len(way) >= 2:
		around := way[len(way)-2].key
		var fields []*yaml.Node
		switch around {
		case "annotations":
			_, v := find(root, "commonAnnotations")
			fields = append(fields, v)
		case "labels", "matchLabels", "selector":
			_, v := find(root, "commonLabels")
			fields = append(fields, v)
			if _, list := find(root, "labels"); list != nil {
				for _, e := range list.Content {
					_, v := find(e, "pairs")
					fields = append(fields, v)
				}
			}
		}
		for _, f := range fields {
			if _, v := child(f, last.key); v != nil && v.Value == value.Value {
				return v
			}
		}
	}
	return nil
}

func entry(list *yaml.Node, use func(*yaml.Node) *yaml.Node) *yaml.Node {
	if list == nil {
		return nil
	}
	for _, e := range slices.Backward(list.Content) {
		if v := use(e); v != nil {
			return v
		}
	}
	return nil
}
