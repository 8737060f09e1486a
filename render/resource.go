package render

import (
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
	// Incomplete reports that resources, or parts of them, are made by a chart that is left out, as a notice says.
	Incomplete bool

	texts   []*renderedFile
	run     *chartRun     // of a chart
	library func() []Read // of LibraryReads
}

// Codes of problems of rendering. Those of files are in repo.
const (
	CodeFails   finding.Code = "render-fails" // a template, chart or kustomization gives nothing; Values is what it depends on
	CodeNotYAML finding.Code = "not-yaml"     // what a template gives is no manifest
	CodeSchema  finding.Code = "schema"       // a value does not fit the chart's values.schema.json
)

// LeavesOut reports whether a problem means that resources are missing from the result.
func LeavesOut(code finding.Code) bool { return code != repo.CodeDuplicateKey && code != CodeSchema }

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
