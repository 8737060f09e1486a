package render

import (
	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/diag"
	"github.com/redis-gitops/redis-gitops/repo"
)

// Target is one way to render a folder.
type Target struct {
	Dir        string           // of the chart, the kustomization or the manifests
	Kind       repo.AppKind     //
	Deployment *repo.Deployment // gives the release, namespace and values; nil when nothing deploys it
	ValueFiles []string         // on top of the deployment's, relative to the repository (--values and the configuration)
}

// Result is what a target gives. What is broken is in Problems and the rest is still there.
type Result struct {
	Resources []*Resource // in the order of the output: templates by name, documents as they stand
	Problems  []Problem
	Notices   []*diag.Problem // what was left out on purpose, such as a remote base, once each
	Files     []string        // every file that had a part in it, sorted; also those of values
	Chart     *Chart          // nil unless the target is a chart
}

// Problem is why something could not be rendered, and the rule that stands for that: "val/render-fails" for a template or
// a kustomization, "yaml/invalid" and the like for a file.
type Problem struct {
	Rule string
	*diag.Problem
	Related []diag.Related
}

// Resource is one Kubernetes object that remembers where each of its nodes comes from.
type Resource struct {
	Node *yaml.Node // a mapping, aliases and merge keys resolved
	File string     // the template or manifest that it is in

	origins map[*yaml.Node]Origin
}

// Origin says where a node of a resource comes from.
type Origin struct {
	// Source is the line of the template, manifest or patch that has the node; for text that include gives, the line that
	// includes it. Column is exact in manifests and the first one of the text in templates.
	Source diag.Position
	// End is just behind the source; of a template line the end of the line.
	EndLine, EndColumn int
	// Literal says that the source line reads no value, so that its text is what is rendered.
	Literal bool
	// Values are the places in value files that the source line reads, in the order of reading.
	Values []ValueOrigin
	// Alone says that there is one value, and the node is that value and nothing else.
	Alone bool
}

// ValueOrigin is a value that was read, and where it is set.
type ValueOrigin struct {
	Path []string      // without "Values"
	At   diag.Position // of the value; zero when nobody sets it
	Key  diag.Position // of its key
}

// Chart is what is known of a chart beyond its resources.
type Chart struct {
	Name   string
	Values *yaml.Node // all values files merged as Helm does, each node with ValueAt
	Reads  []Read     // what the chart's own templates read, in the order of files and lines
	Sets   []ValueFile
}

// ValueFile is a file, or the inline values of a deployment, that sets values.
type ValueFile struct {
	Position diag.Position // of a file: its name alone
	Node     *yaml.Node
}

// Read is a place in a template that reads a value.
type Read struct {
	Path    []string // of the value; ends at the first step that is not known from the text
	At      diag.Position
	Guarded bool // by if, with, default, or, and, hasKey, required, range or the like: it may be missing
	Dynamic bool // goes on below Path in a way that is not known from the text, or uses the whole (toYaml, range)
}
