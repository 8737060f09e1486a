package repo

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
)

// Release is a chart of a registry, or of a repository of charts, that a document installs: its values are in the repository, its templates
// are not.
type Release struct {
	Deployment // with the Path ""

	Chart      string
	Repository string           // its URL, or the name of a source of Flux that is not in the repository
	Version    string           // as it is written; "" if the document does not name it
	At         finding.Position // of what names the chart
	VersionAt  finding.Position // of the version; zero if the document does not name it
}

// Charts returns the releases that a document of Argo CD or Flux installs, without those whose values are partly elsewhere. Those of an
// ApplicationSet whose name depends on more than the files have no ReleaseName.
func (r *Repo) Charts(doc *Document) []Release {
	if !isDeployer(doc) {
		return nil
	}
	app := &App{Kind: Chart, repo: r}
	switch doc.Kind() {
	case "Application":
		return app.argoCharts(doc, doc.Get("metadata"), doc.Get("spec"), params{})
	case "ApplicationSet":
		g := generator{globber: globber{repo: r, left: maxWork}}
		var found []Release
		for _, p := range g.all(doc.Get("spec", "generators")) {
			found = append(found, app.argoCharts(doc, doc.Get("spec", "template", "metadata"), doc.Get("spec", "template", "spec"), p)...)
		}
		return found
	case "HelmRelease":
		return app.fluxCharts(doc)
	}
	return nil
}

func (a *App) argoCharts(doc *Document, metadata, spec *yaml.Node, p params) []Release {
	var found []Release
	for _, source := range sources(spec) {
		named := Lookup(source, "chart")
		name, knownName := p.expand(text(named))
		url, knownURL := p.expand(text(Lookup(source, "repoURL")))
		if name == "" {
			named = Lookup(source, "repoURL")
			name, url = ociChart(url)
		}
		if name == "" || !knownName || !knownURL {
			continue
		}
		revision := Lookup(source, "targetRevision")
		version, _ := p.expand(text(revision))
		c := Release{Chart: name, Repository: url, Version: version, At: doc.At(named)}
		if revision != nil {
			c.VersionAt = doc.At(revision)
		}
		c.Source, c.Kind = doc.At(doc.Node), doc.Kind()
		if name, known := p.expand(text(Lookup(metadata, "name"))); known {
			c.Name = name
		}
		c.setNamespace(a, doc, p, nil, Lookup(spec, "destination", "namespace"))
		c.setHelm(a, doc, Lookup(source, "helm"), sources(spec), p)
		known := c.ValuesErr == nil
		for _, n := range content(Lookup(source, "helm", "valueFiles")) {
			name, filled := p.expand(text(n))
			_, here := a.repo.valueFile("", strings.ReplaceAll(name, "$ARGOCD_APP_NAME", c.Name), sources(spec))
			known = known && filled && here
		}
		if known {
			found = append(found, c)
		}
	}
	return found
}

// ociChart splits the address of a chart in an OCI registry; "" if it is no such address.
func ociChart(url string) (name, repository string) {
	rest, ok := strings.CutPrefix(strings.TrimSuffix(url, "/"), "oci://")
	i := strings.LastIndexByte(rest, '/')
	if !ok || i < 0 {
		return "", url
	}
	return rest[i+1:], rest[:i]
}

// fluxCharts reads spec.chart or spec.chartRef of a HelmRelease (fluxcd.io/flux/components/helm/helmreleases).
func (a *App) fluxCharts(doc *Document) []Release {
	c := Release{Deployment: Deployment{Source: doc.At(doc.Node), Kind: doc.Kind(), Name: doc.Name()}}
	if ref := doc.Get("spec", "chartRef"); ref != nil {
		source := a.repo.fluxSource(doc, ref)
		if source == nil || source.Kind() != "OCIRepository" {
			return nil
		}
		c.Chart, c.Repository = ociChart(text(source.Get("spec", "url")))
		for _, key := range []string{"tag", "semver"} {
			if c.Version == "" {
				c.Version = text(source.Get("spec", "ref", key))
			}
		}
		c.At = doc.At(ref)
	} else {
		chart := doc.Get("spec", "chart", "spec")
		ref := Lookup(chart, "sourceRef")
		if text(Lookup(ref, "kind")) != "HelmRepository" {
			return nil
		}
		c.Chart, c.Version, c.Repository = text(Lookup(chart, "chart")), text(Lookup(chart, "version")), text(Lookup(ref, "name"))
		if source := a.repo.fluxSource(doc, ref); source != nil {
			c.Repository = text(source.Get("spec", "url"))
		}
		c.At = doc.At(Lookup(chart, "chart"))
		if version := Lookup(chart, "version"); version != nil {
			c.VersionAt = doc.At(version)
		}
	}
	if c.Chart == "" {
		return nil
	}
	var found []Release
	for _, d := range a.fluxHelm(doc, c.Deployment, nil) {
		c.Deployment = d
		if !d.hasOpenValues() {
			found = append(found, c)
		}
	}
	return found
}

// hasOpenValues reports whether values come from elsewhere, which may change all that a release is called.
func (d *Deployment) hasOpenValues() bool {
	return d.ValuesErr != nil || slices.ContainsFunc(d.ValuesFrom, func(from ValuesFrom) bool { return from.Unknown != "" && !from.One || from.Err != nil })
}

// ReleaseFiles returns the files with objects of Argo CD or Flux that install a chart which wanted reports, sorted.
func (r *Repo) ReleaseFiles(wanted func(chart, repository string) bool) ([]string, error) {
	deployers, err := r.scanDeployers()
	if err != nil {
		return nil, err
	}
	var files []string
	for _, doc := range deployers.docs {
		if slices.ContainsFunc(r.Charts(doc), func(c Release) bool { return wanted(c.Chart, c.Repository) }) {
			files = append(files, doc.File)
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// fluxHelm completes a deployment by a HelmRelease, once for each way in which Flux fills in its variables. chart is spec.chart.spec of a chart
// in the repository, nil for one that is elsewhere.
func (a *App) fluxHelm(doc *Document, d Deployment, chart *yaml.Node) []Deployment {
	d.setNamespace(a, doc, params{}, doc.Get("spec", "targetNamespace"), doc.Get("metadata", "namespace"))
	if d.ReleaseName = text(doc.Get("spec", "releaseName")); d.ReleaseName == "" {
		d.ReleaseName = d.Name
		if target := text(doc.Get("spec", "targetNamespace")); target != "" {
			d.ReleaseName = target + "-" + d.Name
		}
	}
	d.IgnoreMissingValueFiles = text(Lookup(chart, "ignoreMissingValuesFiles")) == "true"
	d.SkipSchema = text(doc.Get("spec", "install", "disableSchemaValidation")) == "true"
	for _, n := range content(Lookup(chart, "valuesFiles")) {
		d.NoChartValues = true
		if name, ok := repoPath(text(n)); ok {
			d.ValueFiles = append(d.ValueFiles, name)
			d.valueFileAt(name, doc.At(n))
		}
	}
	d.Values = doc.Get("spec", "values")
	for _, n := range content(doc.Get("spec", "valuesFrom")) {
		if from, err := a.repo.valuesFrom(doc, n); err != nil {
			d.ValuesErr = errors.Join(d.ValuesErr, err)
		} else if from != nil {
			d.ValuesFrom = append(d.ValuesFrom, *from)
		}
	}
	found := []Deployment{}
	substitutions, err := a.repo.substitutions(doc)
	d.ValuesErr = errors.Join(d.ValuesErr, err)
	for _, s := range substitutions {
		d.ValuesSubstitute = s
		found = append(found, d)
	}
	return found
}

// fluxSource returns the document of a source of Flux that another one refers to: in its namespace, else the only one of that name. It is
// looked for where what deploys applications is; nil if it is not there.
func (r *Repo) fluxSource(doc *Document, ref *yaml.Node) *Document {
	if r.whole != nil {
		return r.whole.fluxSource(doc, ref)
	}
	if _, err := r.scanDeployers(); err != nil {
		return nil
	}
	namespace := text(Lookup(ref, "namespace"))
	if namespace == "" {
		namespace = text(doc.Get("metadata", "namespace"))
	}
	var named []*Document
	for _, source := range r.fluxSources {
		if source.Kind() == text(Lookup(ref, "kind")) && source.Name() == text(Lookup(ref, "name")) {
			named = append(named, source)
		}
	}
	i := slices.IndexFunc(named, func(d *Document) bool { return text(d.Get("metadata", "namespace")) == namespace })
	switch {
	case i >= 0:
		return named[i]
	case len(named) == 1:
		return named[0]
	}
	return nil
}

func isFluxSource(doc *Document) bool {
	return strings.HasPrefix(doc.APIVersion(), "source.toolkit.fluxcd.io/") && (doc.Kind() == "HelmRepository" || doc.Kind() == "OCIRepository")
}

// NewDocument returns a document that was rendered: its node, with the lines of a text.
func NewDocument(file string, node *yaml.Node, text []byte) *Document {
	return &Document{File: file, Node: node, src: text}
}

// Beside sums up what a release of Flux may depend on beside the files that are read for it, wherever that is: the sources of charts, the
// Kustomizations with variables, and the ConfigMaps with values. It is "" where Flux deploys nothing.
func (r *Repo) Beside() (string, error) {
	deployers, err := r.scanDeployers()
	if err != nil {
		return "", err
	}
	documents := slices.Clone(r.fluxSources)
	flux := len(documents) > 0
	for _, doc := range deployers.docs {
		switch doc.Kind() {
		case "HelmRelease":
			flux = true
		case "Kustomization":
			flux = true
			documents = append(documents, doc)
		}
	}
	if !flux {
		return "", nil
	}
	configMaps, err := r.scanConfigMaps()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, doc := range slices.Concat(documents, configMaps) {
		src, err := yaml.Marshal(doc.Node)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%q %d\n%s", doc.File, len(src), src)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
