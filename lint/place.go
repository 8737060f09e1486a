package lint

import (
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// findIn returns key and value at a path; the key of a list's item is nil.
func findIn(n *yaml.Node, path []string) (key, value *yaml.Node) {
	for i := range path {
		parent := repo.Lookup(n, path[:i]...)
		value = repo.Lookup(n, path[:i+1]...)
		if value == nil {
			return nil, nil
		}
		key = nil
		if parent.Kind == yaml.MappingNode {
			for j := 0; j+1 < len(parent.Content); j += 2 {
				if parent.Content[j].Value == path[i] {
					key, value = parent.Content[j], parent.Content[j+1]
				}
			}
		}
	}
	return key, value
}

// atValue is the location of a value that a template uses.
func atValue(origin render.Origin, at finding.Position, width int) place {
	p := place{Position: at, endLine: at.Line, endColumn: at.Column + max(1, width)}
	if origin.Source.Line > 0 {
		p.related = append(p.related, finding.Related{Position: origin.Source, Message: "used here"})
	}
	return p
}

// inResource turns a path of a rendered resource into the line to change: that of the value in values.yaml when the value alone
// makes it or it is a part of one that the template passes on, else that of the template or manifest. What is not there is at its
// nearest parent.
func inResource(r *render.Resource, path []string, atKey bool) place {
	key, value, found := nearest(r.Find, path)
	node := key
	if found && !atKey && value != nil && value.Kind == yaml.ScalarNode || node == nil {
		node = value
	}
	if node == nil {
		node = firstKey(r.Node)
	}
	origin := r.Origin(node)
	if found && node == value && origin.Alone && len(origin.Values) == 1 && origin.Values[0].At.Line > 0 {
		return atValue(origin, origin.Values[0].At, width(value))
	}
	if origin.Passed && origin.Values[0].Key.Line > 0 {
		if node == key {
			return atValue(origin, origin.Values[0].Key, width(key))
		}
		return atValue(origin, origin.Values[0].At, width(value))
	}
	// The template has the key, and the values have what is, or is missing, below it.
	if node == key && !atKey && value != nil && len(value.Content) > 0 {
		if below := r.Origin(value); below.Passed && below.Values[0].Key.Line > 0 {
			path := below.Values[0].Path
			return atValue(below, below.Values[0].Key, len(path[len(path)-1]))
		}
	}
	if len(path) == 1 && path[0] == "kind" && !atKey { // the resource as a whole
		if entry, ok := r.Entry(cue.ValuesKeys()); ok {
			return atValue(origin, entry.Key, len(entry.Path[1]))
		}
	}
	p := place{Position: origin.Source, endLine: origin.EndLine, endColumn: origin.EndColumn}
	if p.File == "" {
		p.File = r.File
	}
	for _, v := range origin.Values {
		if v.At.Line > 0 {
			p.related = append(p.related, finding.Related{Position: v.At, Message: "value set here"})
		}
	}
	return p
}

// inDocument does the same for a source document.
func inDocument(doc *repo.Document, path []string, atKey bool) place {
	key, value, found := nearest(func(path ...string) (*yaml.Node, *yaml.Node) { return findIn(doc.Node, path) }, path)
	node := key
	if found && !atKey && value != nil && value.Kind == yaml.ScalarNode || node == nil {
		node = value
	}
	if node == nil {
		node = firstKey(doc.Node)
	}
	return place{Position: doc.At(node), endLine: node.Line, endColumn: node.Column + max(1, width(node))}
}

// nearest looks a path up, and then its parents until one is there.
func nearest(find func(path ...string) (*yaml.Node, *yaml.Node), path []string) (key, value *yaml.Node, found bool) {
	for n := len(path); n > 0; n-- {
		if key, value := find(path[:n]...); value != nil {
			return key, value, n == len(path)
		}
	}
	return nil, nil, false
}

// width is how many columns a scalar takes in its first line.
func width(n *yaml.Node) int {
	if n == nil || n.Kind != yaml.ScalarNode {
		return 1
	}
	first, _, _ := strings.Cut(n.Value, "\n")
	w := utf8.RuneCountInString(first)
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		w += 2
	}
	return w
}

// mappings leaves out what was not kept as a resource.
func mappings(all []*render.Resource) []*render.Resource {
	return slices.DeleteFunc(slices.Clone(all), func(r *render.Resource) bool { return r.Node == nil || r.Node.Kind != yaml.MappingNode })
}

// documentsOf parses a file; the last one stays parsed, since violations come sorted by file.
func (l *linter) documentsOf(file string) []*repo.Document {
	if l.lastFile != file {
		l.lastFile = file
		l.lastDocuments, _ = l.repo.Documents(file) // readSource has reported what is wrong with it
	}
	return l.lastDocuments
}

// firstKey returns the first key of a mapping, else the node itself.
func firstKey(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.MappingNode && len(n.Content) > 0 {
		return n.Content[0]
	}
	return n
}
