package render

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
)

// Target is one way to render a folder.
type Target struct {
	Dir        string           // of the chart, the kustomization or the manifests
	Kind       repo.AppKind     //
	Deployment *repo.Deployment // gives the release, namespace and values; nil when nothing deploys it
	ValueFiles []string         // on top of the deployment's, relative to the repository (--values and the configuration)
	Parameters []repo.Parameter // on top of those (--set)
	Files      []string         // of plain manifests: those that belong to it; nil is every YAML file in the folder itself
}

// Result is what a target gives. What is broken is in Problems and the rest is still there.
type Result struct {
	Resources []*Resource        // in the order of the output: templates by name, documents as they stand
	Problems  finding.Problems   // each with how to get from what is rendered to its position
	Notices   []*finding.Problem // what was left out on purpose, such as a remote base, once each
	Files     []string           // every file that had a part in it, sorted; also those of values
	Chart     *Chart             // nil unless the target is a chart

	texts []*renderedFile
	run   *chartRun // of a chart
}

// Texts returns what each file of templates of a chart gave, by the name that Helm has for it: chart/templates/file.
func (r *Result) Texts() map[string]string {
	texts := make(map[string]string, len(r.texts))
	for _, f := range r.texts {
		texts[f.source.name] = string(f.text)
	}
	return texts
}

// Codes of problems of rendering. Those of files are in repo.
const (
	CodeFails   finding.Code = "render-fails" // a template, chart or kustomization gives nothing; Values is what it depends on
	CodeNotYAML finding.Code = "not-yaml"     // what a template gives is no manifest
	CodeSchema  finding.Code = "schema"       // a value does not fit the chart's values.schema.json
)

// Resource is one Kubernetes object that remembers where each of its nodes comes from. It is safe for use by several
// goroutines that do not change its nodes.
type Resource struct {
	Node *yaml.Node // a mapping, aliases and merge keys resolved
	File string     // the template or manifest that it is in

	from    places
	unknown map[*yaml.Node]bool // that depend on a variable which the repository does not say
}

// Origin reports where a node of a resource comes from.
type Origin struct {
	// Source is the line of the template, manifest or patch that has the node; for text that include gives, the line that
	// includes it. Column is exact in manifests and the first one of the text in templates.
	Source finding.Position
	// End is just behind the source; of a template line the end of the line.
	EndLine, EndColumn int
	// Literal reports that the source line reads no value, so that its text is what is rendered.
	Literal bool
	// Values are the places in value files that the source line reads, in the order of reading.
	Values []ValueOrigin
	// Alone reports that there is one value, and the node is that value and nothing else.
	Alone bool
	// Passed reports that there is one value, a part of what the source line gives as a whole, and the node, a key or of any kind, is it.
	Passed bool
}

// ValueOrigin is a value that was read, and where it is set.
type ValueOrigin struct {
	Path []string         // without "Values"
	At   finding.Position // of the value; zero when nobody sets it
	Key  finding.Position // of its key
}

// Chart is what is known of a chart beyond its resources.
type Chart struct {
	Name      string
	Values    *yaml.Node // all value files, one over the other, weakest first; nil when there are none. Where a node is: ValueAt
	Reads     []Read     // what the chart's own templates read, in the order of files and lines
	Sets      []ValueFile
	Subcharts []string // keys below which values are those of a subchart, whether it is there or would have to be fetched
	Partial   bool     // a values file or template could not be read or parsed, so Values and Reads lack what it has

	files map[*yaml.Node]string // the file of each node of Values, where there are several
}

// ValueAt reports where a node of Values is written.
func (c *Chart) ValueAt(n *yaml.Node) finding.Position {
	at := finding.Position{File: c.files[n], Line: n.Line, Column: n.Column}
	if c.files == nil && len(c.Sets) > 0 {
		at.File = c.Sets[0].Position.File
	}
	return at
}

// setValues puts the value files one over the other.
func (c *Chart) setValues(files []ValueFile) {
	c.Sets = files
	if len(files) == 0 {
		return
	}
	c.Values = files[0].Node
	if len(files) == 1 {
		return
	}
	c.files = map[*yaml.Node]string{}
	var own func(n *yaml.Node, file string) *yaml.Node
	own = func(n *yaml.Node, file string) *yaml.Node {
		copied := *n
		copied.Content = nil
		for _, child := range n.Content {
			copied.Content = append(copied.Content, own(child, file))
		}
		c.files[&copied] = file
		return &copied
	}
	var over func(lower, upper *yaml.Node)
	over = func(lower, upper *yaml.Node) {
		for i := 0; i+1 < len(upper.Content); i += 2 {
			k, v := upper.Content[i], upper.Content[i+1]
			at := -1
			for j := 0; j+1 < len(lower.Content); j += 2 {
				if lower.Content[j].Value == k.Value {
					at = j
				}
			}
			switch {
			case at < 0:
				lower.Content = append(lower.Content, k, v)
			case lower.Content[at+1].Kind == yaml.MappingNode && v.Kind == yaml.MappingNode:
				over(lower.Content[at+1], v)
			default:
				lower.Content[at], lower.Content[at+1] = k, v
			}
		}
	}
	c.Values = own(resolve(files[0].Node), files[0].Position.File)
	for _, f := range files[1:] {
		upper := own(resolve(f.Node), f.Position.File)
		if c.Values.Kind != yaml.MappingNode || upper.Kind != yaml.MappingNode {
			c.Values = upper
			continue
		}
		over(c.Values, upper)
	}
}

// reads returns the places in the chart's own templates that read values.
func (c *Chart) reads(cr *chartRun) {
	type node struct{ source, offset int32 }
	ran := map[node]bool{}
	for _, p := range cr.engine.pieces {
		if p.ran && p.kind != textPiece {
			ran[node{p.source, p.offset}] = true
		}
	}
	number := map[*source]int32{}
	for i, s := range cr.sources {
		number[s] = int32(i)
	}
	sources := slices.Clone(cr.sources)
	slices.SortFunc(sources, func(a, b *source) int { return strings.Compare(a.file, b.file) })
	for _, s := range sources {
		if s.chart != cr.root {
			continue
		}
		for _, r := range s.facts.reads {
			guarded := r.guarded
			for _, g := range r.under {
				if v, ok := lookupValue(cr.root.scope, g); !guarded && (!ok || isEmpty(v)) {
					guarded = true // what is inside is not run
				}
			}
			skipped := !cr.unrun && !cr.failed[s.file] && !ran[node{number[s], r.node}]
			for _, need := range r.inside {
				v, ok := lookupValue(cr.root.scope, need)
				skipped = skipped || !ok || isEmpty(v)
			}
			c.Reads = append(c.Reads, Read{Path: r.path, At: s.position(r.offset), Guarded: guarded, Dynamic: r.dynamic,
				Skipped: skipped})
		}
	}
}

// isEmpty reports whether if and with treat a value as empty.
func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case float64:
		return v == 0
	case int64:
		return v == 0
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// ValueFile is a file, or the inline values of a deployment, that sets values.
type ValueFile struct {
	Position finding.Position // of a file: its name alone
	Node     *yaml.Node
}

// Read is a place in a template that reads a value.
type Read struct {
	Path    []string // of the value; ends at the first step that is not known from the text
	At      finding.Position
	Guarded bool // by if, with, default, or, and, hasKey, required, range or the like: it may be missing
	Skipped bool // with these values no template gets there
	Dynamic bool // goes on below Path in a way that is not known from the text, or uses the whole (toYaml, range)
}
