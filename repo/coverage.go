package repo

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// Coverage answers which directories of the repository its own Argo CD and Flux objects deploy. What the files do not determine,
// such as a path with a parameter of a cluster generator, counts as deployed.
type Coverage struct {
	repo     *Repo
	dirs     map[string][]*reach // by directory
	patterns []*reach
	charts   []*regexp.Regexp // names of charts that are deployed from a chart repository
	any      bool             // something may deploy any directory
}

// reach is what one source of a deployer deploys.
type reach struct {
	dir     string                 // "" when the files do not determine it
	pattern *regexp.Regexp         // of the directories that it may be then
	takes   func(file string) bool // whether it takes a file of a directory of manifests; nil: all there, none in subdirectories
	source  string                 // the repository that it reads, "" when that is not known
	values  []*regexp.Regexp       // value files, relative to the repository
}

// Coverage reads the deployers among objects: as they are written, and as charts and kustomizations render them.
func (r *Repo) Coverage(objects []*Document) *Coverage {
	c := &Coverage{repo: r, dirs: map[string][]*reach{}}
	objects = slices.DeleteFunc(slices.Clone(objects), func(doc *Document) bool { return !IsDeployer(doc.APIVersion(), doc.Kind()) })
	roots := r.roots(objects)
	var all []*reach
	for _, doc := range objects {
		if isDisabled(doc, roots) && r.plainFile(doc.File) {
			continue
		}
		switch doc.Kind() {
		case "Application":
			all = append(all, c.argo(doc.Get("spec"), params{})...)
		case "ApplicationSet":
			all = append(all, c.applicationSet(doc)...)
		case "HelmRelease":
			all = append(all, c.helmRelease(doc)...)
		case "Kustomization":
			all = append(all, c.fluxKustomization(doc)...)
		case "HelmChart":
			c.chart(doc.Get("spec", "chart"))
		case "OCIRepository":
			c.chart(doc.Get("spec", "url"))
		}
	}
	own := map[string]bool{} // the names and URLs of this repository
	for _, s := range all {
		if s.dir != "" && s.dir != "." && s.source != "" && isFolder(r.fs, s.dir) {
			own[s.source] = true
			own[system(s.source)] = true
		}
	}
	for _, s := range all {
		vague := s.pattern != nil || s.dir == "."
		switch {
		case vague && s.source != "" && own[system(s.source)] && !own[s.source]: // of another repository
		case s.pattern != nil:
			c.patterns = append(c.patterns, s)
		default:
			c.dirs[s.dir] = append(c.dirs[s.dir], s)
		}
	}
	return c
}

// IsDeployer reports whether an object of Argo CD or Flux deploys something, or says from where.
func IsDeployer(apiVersion, kind string) bool {
	group, _, _ := strings.Cut(apiVersion, "/")
	switch group {
	case "argoproj.io":
		return kind == "Application" || kind == "ApplicationSet"
	case "helm.toolkit.fluxcd.io":
		return kind == "HelmRelease"
	case "kustomize.toolkit.fluxcd.io":
		return kind == "Kustomization"
	case "source.toolkit.fluxcd.io":
		return kind == "HelmChart" || kind == "OCIRepository"
	}
	return false
}

// plainFile reports whether a file is in a directory of plain manifests.
func (r *Repo) plainFile(file string) bool {
	for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
		if isFile(r.fs, path.Join(dir, "Chart.yaml")) {
			return false
		}
	}
	return r.kustomization(path.Dir(file)) == ""
}

// Known reports whether something deploys a directory that the repository has. Otherwise its deployers are somewhere else.
func (c *Coverage) Known() bool {
	for dir := range c.dirs {
		if isFolder(c.repo.fs, dir) {
			return true
		}
	}
	return false
}

// Names reports whether something deploys just this directory.
func (c *Coverage) Names(dir string) bool { return len(c.dirs[dir]) > 0 }

// Deploys reports whether one of the files of a directory is deployed, or may be.
func (c *Coverage) Deploys(dir string, files []string) bool {
	if c.any {
		return true
	}
	for d := dir; ; d = path.Dir(d) {
		for _, r := range c.dirs[d] {
			if d == dir && r.takes == nil || r.takes != nil && slices.ContainsFunc(files, r.takes) {
				return true
			}
		}
		for _, r := range c.patterns {
			if r.pattern.MatchString(d) {
				return true
			}
		}
		if d == "." {
			return false
		}
	}
}

// DeploysChart reports whether a chart of a name may be deployed out of a chart repository.
func (c *Coverage) DeploysChart(name string) bool {
	return slices.ContainsFunc(c.charts, func(re *regexp.Regexp) bool { return re.MatchString(name) })
}

// UsesValues reports whether a deployment of the chart in dir uses a value file, or may.
func (c *Coverage) UsesValues(dir, file string) bool {
	if c.any || slices.ContainsFunc(c.patterns, func(r *reach) bool { return r.pattern.MatchString(dir) }) {
		return true
	}
	return slices.ContainsFunc(c.dirs[dir], func(r *reach) bool {
		return slices.ContainsFunc(r.values, func(re *regexp.Regexp) bool { return re.MatchString(file) })
	})
}

// system distinguishes the names of Flux's sources from the URLs of Argo CD.
func system(source string) string {
	before, _, _ := strings.Cut(source, " ")
	return before
}

// hole is a part of a text that something outside of the repository fills in.
var hole = lazyregexp.New(`(?s)\{\{.*?\}\}|\$\{[^}]*\}|\$[A-Za-z_]\w*`)

// wild makes a pattern of a text with holes, and of a glob where it is one.
func wild(text string, glob bool) *regexp.Regexp {
	text = path.Clean(strings.TrimLeft(hole.ReplaceAllString(text, "\x00"), "/"))
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == 0, glob && strings.HasPrefix(text[i:], "**"):
			b.WriteString(".*")
		case glob && c == '*':
			b.WriteString("[^/]*")
		case glob && c == '?':
			b.WriteString("[^/]")
		default:
			b.WriteString(regexp.QuoteMeta(text[i : i+1]))
		}
	}
	re, err := regexp.Compile("(?s)^(?:" + b.String() + ")$")
	if err != nil {
		return regexp.MustCompile("") // of bytes that are not UTF-8
	}
	return re
}

// at returns the reach of a path, which has holes when it is not known.
func at(text string) *reach {
	if hole.MatchString(text) {
		return &reach{pattern: wild(text, false)}
	}
	dir, ok := repoPath(text)
	if !ok {
		return nil
	}
	return &reach{dir: dir}
}

func (c *Coverage) chart(name *yaml.Node) {
	if s := strings.TrimRight(text(name), "/"); s != "" {
		s = s[strings.LastIndex(s, "/")+1:]
		c.charts = append(c.charts, wild(s, false))
	}
}

// argo returns what the sources of an Application deploy.
func (c *Coverage) argo(spec *yaml.Node, p params) []*reach {
	all := sources(spec)
	if dry := Lookup(spec, "sourceHydrator", "drySource"); dry != nil {
		all = append(all, dry)
	}
	var found []*reach
	for _, source := range all {
		if Lookup(source, "chart") != nil {
			chart, _ := p.expand(text(Lookup(source, "chart")))
			c.chart(&yaml.Node{Kind: yaml.ScalarNode, Value: chart})
		}
		name, _ := p.expand(sourcePath(source))
		if name == "" {
			continue
		}
		r := at(name)
		if r == nil {
			continue
		}
		if url, known := p.expand(text(Lookup(source, "repoURL"))); known && !hole.MatchString(url) {
			r.source = "argo " + repositoryURL(url)
		}
		switch {
		case Lookup(source, "plugin") != nil:
			r.takes = func(string) bool { return true }
		case r.pattern != nil:
		case c.repo.kustomization(r.dir) != "":
			r.takes = only(c.repo.kustomization(r.dir))
		case c.repo.isPlain(r.dir):
			r.takes = manifests(r.dir, Lookup(source, "directory"))
		}
		r.values = c.argoValues(source, all, name, p)
		found = append(found, r)
	}
	return found
}

// only takes one file: beside a kustomization others count only where it lists them.
func only(name string) func(file string) bool {
	return func(file string) bool { return file == name }
}

// manifests reports which files Argo CD takes of a directory of manifests.
func manifests(dir string, options *yaml.Node) func(file string) bool {
	recurse := text(Lookup(options, "recurse")) == "true"
	include, exclude := text(Lookup(options, "include")), text(Lookup(options, "exclude"))
	return func(file string) bool {
		if dir != "." {
			file = strings.TrimPrefix(file, dir+"/")
		}
		return (recurse || !strings.Contains(file, "/")) && (include == "" || hole.MatchString(include) || matchesAny(include, file)) &&
			(exclude == "" || hole.MatchString(exclude) || !matchesAny(exclude, file))
	}
}

// isPlain reports whether a directory has neither a chart nor a kustomization.
func (r *Repo) isPlain(dir string) bool {
	return r.kustomization(dir) == "" && !isFile(r.fs, path.Join(dir, "Chart.yaml"))
}

// argoValues returns the value files of a source, relative to the repository.
func (c *Coverage) argoValues(source *yaml.Node, all []*yaml.Node, dir string, p params) []*regexp.Regexp {
	names := []*yaml.Node{}
	names = append(names, content(Lookup(source, "helm", "valueFiles"))...)
	for _, parameter := range content(Lookup(source, "helm", "fileParameters")) {
		names = append(names, Lookup(parameter, "path"))
	}
	var values []*regexp.Regexp
	for _, n := range names {
		name, _ := p.expand(text(n))
		ref, file, cut := strings.Cut(name, "/")
		switch {
		case strings.Contains(name, "://"): // a plugin of Helm that decrypts it, perhaps
			values = append(values, wild("**/"+path.Base(name), true), wild(path.Base(name), true))
		case cut && strings.HasPrefix(ref, "$") && slices.ContainsFunc(all, func(s *yaml.Node) bool { return "$"+text(Lookup(s, "ref")) == ref }):
			values = append(values, wild(file, true))
		case strings.HasPrefix(name, "/"):
			values = append(values, wild(name, true))
		default:
			values = append(values, wild(dir+"/"+name, true))
		}
	}
	return values
}

// repositoryURL makes the ways to write the URL of a repository one.
func repositoryURL(url string) string {
	if _, rest, ok := strings.Cut(url, "://"); ok {
		url = rest
	}
	if _, rest, ok := strings.Cut(url, "@"); ok {
		url = rest
	}
	return strings.TrimSuffix(strings.TrimRight(strings.Replace(strings.ToLower(url), ":", "/", 1), "/"), ".git")
}

// applicationSet returns what the Applications of an ApplicationSet deploy.
func (c *Coverage) applicationSet(doc *Document) []*reach {
	spec := doc.Get("spec", "template", "spec")
	var urls []string
	for _, source := range sources(spec) {
		urls = append(urls, text(Lookup(source, "repoURL")))
	}
	g := generator{globber: globber{repo: c.repo, left: maxWork}, open: true, urls: urls}
	var found []*reach
	for _, n := range content(doc.Get("spec", "generators")) {
		specs := []*yaml.Node{spec}
		for _, kind := range content(deref(n)) { // a generator may change the template
			if own := Lookup(kind, "template", "spec"); own != nil {
				specs = append(specs, own)
			}
		}
		for _, p := range g.generate(deref(n), params{}) {
			for _, spec := range specs {
				found = append(found, c.argo(spec, p)...)
			}
		}
	}
	if g.left <= 0 || strings.Contains(text(doc.Get("spec", "templatePatch")), "path") {
		c.any = true
	}
	return found
}

// helmRelease reads the chart of Flux's HelmRelease, which is a directory of a Git repository or a name.
func (c *Coverage) helmRelease(doc *Document) []*reach {
	if ref := doc.Get("spec", "chartRef", "name"); ref != nil {
		c.chart(ref)
	}
	spec := doc.Get("spec", "chart", "spec")
	chart := text(Lookup(spec, "chart"))
	if chart == "" {
		return nil
	}
	if kind := text(Lookup(spec, "sourceRef", "kind")); kind != "GitRepository" && kind != "Bucket" {
		c.chart(Lookup(spec, "chart"))
		return nil
	}
	r := at(chart)
	if r == nil {
		return nil
	}
	r.source = fluxSource(Lookup(spec, "sourceRef"))
	for _, n := range append(content(Lookup(spec, "valuesFiles")), Lookup(spec, "valuesFile")) {
		if name := text(n); name != "" {
			r.values = append(r.values, wild(name, false), wild(chart+"/"+name, false))
		}
	}
	return []*reach{r}
}

// fluxKustomization reads the path of Flux's Kustomization: all below it, where no kustomization says what.
func (c *Coverage) fluxKustomization(doc *Document) []*reach {
	name := text(doc.Get("spec", "path"))
	if kind := text(doc.Get("spec", "sourceRef", "kind")); kind != "" && kind != "GitRepository" {
		if name = path.Clean("/" + name); name == "/" {
			c.any = true // an artifact can be made of any directory
			return nil
		}
		return []*reach{{pattern: wild("${artifact}"+name, false)}}
	}
	r := at(name)
	if r == nil {
		return nil
	}
	r.source = fluxSource(doc.Get("spec", "sourceRef"))
	if r.pattern == nil {
		r.takes = func(string) bool { return true }
		if file := c.repo.kustomization(r.dir); file != "" {
			r.takes = only(file)
		}
	}
	return []*reach{r}
}

func fluxSource(ref *yaml.Node) string {
	name := text(Lookup(ref, "name"))
	if name == "" || hole.MatchString(name) {
		return ""
	}
	return "flux " + name
}
