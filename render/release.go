package render

import (
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/repo"
)

// kindRelease is the kind of a resource that stands for a release of a chart which is not in the repository: its apiVersion is the name of the
// chart's values, its metadata have the full name of the release, its namespace, release, chart and version, the kind of what
// installs it, "" for a chart or kustomization, and the labels of that, and its spec is the values.
const kindRelease = "Chart"

// AddReleases adds a resource for each release of a chart that the target installs and the repository does not have: by Argo CD, by Flux, as a
// subchart, or as a chart of a kustomization. values names the values of a chart, which known charts have; "" for other charts, which are
// left out.
func (res *Result) AddReleases(r *repo.Repo, t Target, values func(chart, repository string) string) {
	a := releases{repo: r, result: res, values: values, seen: map[string]bool{}}
	for _, by := range res.Resources {
		switch _, kind := by.Find("kind"); {
		case kind == nil:
		case kind.Value == "Application", kind.Value == "ApplicationSet", kind.Value == "HelmRelease":
			for _, c := range r.Charts(by.document()) {
				if of := values(c.Chart, c.Repository); of != "" {
					a.add(of, c, a.given(c.Deployment), by)
				}
			}
		}
	}
	switch {
	case t.Kind == repo.Chart && res.Chart != nil && !res.Chart.Partial:
		a.subcharts(t)
	case t.Kind == repo.Kustomize:
		a.inflated(t)
	}
	res.Resources = append(res.Resources, a.found...)
}

// Installer returns the resource that installs the release which a resource stands for; nil for any other, and for charts that are subcharts or of
// a kustomization.
func (r *Resource) Installer() *Resource {
	if from, ok := r.from.(*releaseFrom); ok {
		return from.by
	}
	return nil
}

// document returns the resource as a document of what it was rendered to.
func (r *Resource) document() *repo.Document {
	switch from := r.from.(type) {
	case *manifestFile:
		return repo.NewDocument(r.File, r.Node, from.src)
	case *renderedFile:
		return repo.NewDocument(r.File, r.Node, from.text)
	}
	return repo.NewDocument(r.File, r.Node, nil)
}

type releases struct {
	repo   *repo.Repo
	result *Result
	values func(chart, repository string) string
	found  []*Resource
	seen   map[string]bool // by namespace and name
}

// given returns the values of a deployment. What is wrong with them is left to who has the chart.
func (a *releases) given(d repo.Deployment) *Chart {
	l := &loader{repo: a.repo, result: &Result{}}
	cr := &chartRun{root: &chart{}}
	l.given(cr, Target{Deployment: &d})
	c := &Chart{}
	c.setValues(cr.given)
	a.result.Files = append(a.result.Files, l.result.Files...)
	return c
}

// subcharts adds those that Chart.yaml asks for and charts/ does not have.
func (a *releases) subcharts(t Target) {
	root := a.result.run.root
	loaded := map[string]bool{}
	for _, d := range root.deps {
		loaded[d.name] = true
	}
	for _, d := range root.meta.Dependencies {
		_, name := find(d.node, "name")
		if loaded[d.Name] || name == nil {
			continue
		}
		of := a.values(name.Value, d.Repository)
		if of == "" {
			continue
		}
		at := finding.Position{File: path.Join(t.Dir, "Chart.yaml"), Line: name.Line, Column: name.Column}
		c := repo.Release{Chart: d.Name, Version: d.Version, At: at}
		if _, version := find(d.node, "version"); version != nil {
			c.VersionAt = finding.Position{File: at.File, Line: version.Line, Column: version.Column}
		}
		c.ReleaseName = root.name
		if t.Deployment != nil {
			c.Namespace = t.Deployment.Namespace
			if t.Deployment.ReleaseName != "" {
				c.ReleaseName = t.Deployment.ReleaseName
			}
		}
		values := *a.result.Chart
		_, values.Values = find(a.result.Chart.Values, d.Name)
		a.add(of, c, &values, nil)
	}
}

// inflated adds the helmCharts of a kustomization.
func (a *releases) inflated(t Target) {
	for _, file := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
		docs, _ := a.repo.Documents(path.Join(t.Dir, file)) // rendering says what is wrong
		for _, doc := range docs {
			for _, n := range elements(doc.Get("helmCharts")) {
				_, name := find(n, "name")
				of := a.values(textAt(n, "name"), textAt(n, "repo"))
				if of == "" {
					continue
				}
				c := repo.Release{Chart: textAt(n, "name"), Version: textAt(n, "version"), At: doc.At(name)}
				if _, version := find(n, "version"); version != nil {
					c.VersionAt = doc.At(version)
				}
				c.Source = doc.At(doc.Node)
				c.ReleaseName, c.Namespace = textAt(n, "releaseName"), textAt(n, "namespace")
				if c.Namespace == "" {
					c.Namespace = textAt(doc.Node, "namespace")
				}
				if values := textAt(n, "valuesFile"); values != "" {
					c.ValueFiles, c.IgnoreMissingValueFiles = []string{path.Join(t.Dir, values)}, true
				}
				_, c.Values = find(n, "valuesInline")
				a.add(of, c, a.given(c.Deployment), nil)
			}
		}
	}
}

func elements(n *yaml.Node) []*yaml.Node {
	if n = follow(n); n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

var nameOfRelease = lazyregexp.New(`^[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?$`)

// add makes the resource of a release, unless the files do not say what it is called. by is the resource that installs it, nil for none.
func (a *releases) add(of string, c repo.Release, values *Chart, by *Resource) {
	name := fullName(c, values.Values)
	if !nameOfRelease.MatchString(c.ReleaseName) || !nameOfRelease.MatchString(name) || a.seen[c.Namespace+"/"+name] {
		return
	}
	a.seen[c.Namespace+"/"+name] = true
	from := &releaseFrom{by: by, at: c.At, values: values, repo: a.repo, meta: map[*yaml.Node]bool{}}
	spec := values.Values
	if spec = follow(spec); spec == nil || spec.Kind != yaml.MappingNode {
		spec = from.node(yaml.MappingNode, "")
	}
	namespace := c.Namespace
	if own := textAt(spec, "namespaceOverride"); own != "" {
		namespace = own
	}
	installer := ""
	if by != nil {
		installer = textAt(by.Node, "kind")
	}
	metadata := from.mapping("name", name, "release", c.ReleaseName, "chart", c.Chart, "version", c.Version, "installer", installer)
	if _, version := find(metadata, "version"); c.VersionAt.File == c.At.File {
		version.Line, version.Column = c.VersionAt.Line, c.VersionAt.Column
	}
	if namespace != "" {
		metadata.Content = append(metadata.Content, from.node(yaml.ScalarNode, "namespace"), from.node(yaml.ScalarNode, namespace))
	}
	if by != nil {
		if _, labels := by.Find("metadata", "labels"); labels != nil {
			metadata.Content = append(metadata.Content, from.node(yaml.ScalarNode, "labels"), labels)
		}
	}
	root := from.mapping("apiVersion", of, "kind", kindRelease)
	root.Content = append(root.Content, from.node(yaml.ScalarNode, "metadata"), metadata, from.node(yaml.ScalarNode, "spec"), spec)
	a.found = append(a.found, &Resource{Node: root, File: c.At.File, from: from})
}

// fullName is what the helpers of Helm's own new charts call a release (helm create, _helpers.tpl): fullnameOverride, else the name of the
// release, with that of the chart unless it has that in it.
func fullName(c repo.Release, values *yaml.Node) string {
	name := textAt(values, "fullnameOverride")
	if name == "" {
		chart := textAt(values, "nameOverride")
		if chart == "" {
			chart = c.Chart[strings.LastIndexByte(c.Chart, '/')+1:]
		}
		if name = c.ReleaseName; !strings.Contains(name, chart) {
			name += "-" + chart
		}
	}
	return strings.TrimSuffix(name[:min(len(name), 63)], "-")
}

// releaseFrom knows where the values of a release come from. Nothing counts as a literal, since a path of the values is not one of the file.
type releaseFrom struct {
	by     *Resource
	at     finding.Position
	values *Chart
	repo   *repo.Repo
	meta   map[*yaml.Node]bool // what is not of the values
}

func (f *releaseFrom) node(kind yaml.Kind, value string) *yaml.Node {
	n := &yaml.Node{Kind: kind, Value: value, Line: f.at.Line, Column: f.at.Column, Tag: "!!str"}
	if kind == yaml.MappingNode {
		n.Tag = "!!map"
	}
	f.meta[n] = true
	return n
}

func (f *releaseFrom) mapping(pairs ...string) *yaml.Node {
	n := f.node(yaml.MappingNode, "")
	for _, text := range pairs {
		n.Content = append(n.Content, f.node(yaml.ScalarNode, text))
	}
	f.meta[n] = true
	return n
}

func (f *releaseFrom) origin(r *Resource, n *yaml.Node) Origin {
	file := f.at.File
	if at := f.values.ValueAt(n).File; !f.meta[n] && at != "" {
		file = at
	}
	var o Origin
	if f.by != nil && file == f.by.File {
		o = f.by.Origin(n)
	} else {
		o = f.file(file).origin(r, n)
	}
	o.Literal, o.Values, o.Alone, o.Passed = false, nil, false, false
	if o.Source.Line == 0 { // a mapping that is in no file as it is
		return Origin{Source: f.at, EndLine: f.at.Line, EndColumn: f.at.Column}
	}
	return o
}

func (f *releaseFrom) file(name string) *manifestFile {
	src, _ := f.repo.ReadFile(name) // it was read before
	return &manifestFile{file: name, src: src}
}
