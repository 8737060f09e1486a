package repo

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"go.yaml.in/yaml/v3"
)

// Deployment is one way in which the repository deploys an application.
type Deployment struct {
	Source finding.Position // the Application, ApplicationSet, HelmRelease or Kustomization
	Kind   string           // of that document
	Name   string           // of the Argo CD Application or Flux object; "" when it cannot be known from the files
	Path   string           // the folder that is deployed: the application's own, one below it, or one above

	Namespace   string // of resources that name none; "" when it is not given or cannot be known from the files
	NamespaceAt finding.Position

	// Of Helm only. A later one wins: the chart's values.yaml, value files in order, values, parameters.
	ReleaseName             string
	NoChartValues           bool     // the chart's values.yaml does not count, as with Flux's valuesFiles
	ValueFiles              []string // in the repository; a missing one is listed too
	IgnoreMissingValueFiles bool
	SkipSchema              bool                        // values are not held against the chart's values.schema.json
	ValueFilesAt            map[string]finding.Position // of the entries that name them; without globs
	ValuesFrom              []ValuesFrom                // of Flux, over the values files, the later ones stronger
	ValuesSubstitute        *Substitution               // of the Flux Kustomization that deploys the HelmRelease; nil when nothing is substituted in it
	Values                  *yaml.Node                  // inline values, lines as in Source.File; nil when there are none
	ValuesErr               error                       // why inline values could not be read
	Parameters              []Parameter
	Missing                 finding.Problems // files that the deployment reads and the repository does not have

	Substitute *Substitution // of Flux's Kustomizations only; nil when nothing is substituted
}

// ValuesFrom is an entry of spec.valuesFrom of a HelmRelease: values of a ConfigMap, or one value.
type ValuesFrom struct {
	At        finding.Position // of the entry
	Unknown   string           // what is not in the repository, such as a Secret; "" if the values are known
	One       bool             // it has the value of targetPath alone
	File      string           // of the ConfigMap
	Values    *yaml.Node       // lines as in File; nil for none
	Err       error            // why they could not be read
	Parameter *Parameter       // the value that targetPath sets; then there are no others
}

// Parameter is a value that Argo CD sets as helm --set does.
type Parameter struct {
	Name, Value string
	ForceString bool
	At          finding.Position // of the value
}

// Deployments returns everything that deploys the application, in the order of the files: Argo CD Applications and
// ApplicationSets, Flux HelmReleases and Kustomizations. They are looked for outside the applications and generators. A
// file of these that is broken deploys nothing; [Repo.Documents] says what is wrong with it.
func (a *App) Deployments() ([]Deployment, error) {
	deployers, err := a.repo.scanDeployers()
	if err != nil {
		return nil, err
	}
	var found []Deployment
	for _, doc := range deployers.of(a.Dir) {
		switch doc.Kind() {
		case "Application":
			found = append(found, a.argo(doc, doc.Get("metadata"), doc.Get("spec"), params{})...)
		case "ApplicationSet":
			g := generator{globber: globber{repo: a.repo, only: a, left: maxWork}}
			for _, p := range g.all(doc.Get("spec", "generators")) {
				found = append(found, a.argo(doc, doc.Get("spec", "template", "metadata"), doc.Get("spec", "template", "spec"), p)...)
			}
		case "HelmRelease":
			found = append(found, a.helmRelease(doc)...)
		case "Kustomization":
			more, err := a.fluxKustomization(doc)
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
		}
	}
	return found, nil
}

// DeploymentsOf returns what [App.Deployments] does of a folder, whether the layout calls it an application or not: platform components are
// deployed too. It does not look into a folder that nothing deploys.
func (r *Repo) DeploymentsOf(dir string) ([]Deployment, error) {
	deployers, err := r.scanDeployers()
	if err != nil || len(deployers.of(dir)) == 0 {
		return nil, err
	}
	return r.newApp(path.Base(dir), dir).Deployments()
}

// Namespace returns the namespace that the application's resources go to when they name none, and where that is written:
// that of the deployments, or else of the application's kustomizations, or else the one for which something was generated; ""
// when it cannot be known from the files. When deployments differ it gives the first together with a [finding.Problem] that
// lists all; a caller that is content with the first may ignore that error.
func (a *App) Namespace() (namespace string, at finding.Position, err error) {
	names, at, err := a.namespaces()
	switch {
	case err != nil || len(names) == 0:
		return "", finding.Position{}, err
	case len(names) == 1:
		return names[0], at, nil
	}
	return names[0], at, finding.Errorf(at, "", "application %q is deployed to %d namespaces; choose %s", a.Name, len(names), finding.OneOf(names))
}

// Namespaces returns all namespaces that the application is deployed to, as [App.Namespace] finds them.
func (a *App) Namespaces() ([]string, error) {
	names, _, err := a.namespaces()
	return names, err
}

// namespaces returns them, and where the first one is written.
func (a *App) namespaces() (names []string, at finding.Position, err error) {
	own, ownAt, err := a.repo.kustomizeNamespace(a.Dir)
	if err != nil {
		return nil, at, err
	}
	deployments, err := a.Deployments()
	if err != nil {
		return nil, at, err
	}
	for _, d := range deployments {
		if d.Namespace == "" || slices.Contains(names, d.Namespace) {
			continue
		}
		if len(names) == 0 {
			at = d.NamespaceAt
		}
		names = append(names, d.Namespace)
	}
	switch {
	case len(names) > 0:
		return names, at, nil
	case own != "":
		return []string{own}, ownAt, nil
	case a.Kind == Kustomize && len(deployments) == 0:
		if names, at = a.overlayNamespaces(); len(names) > 0 {
			return names, at, nil
		}
	}
	name, at := a.generatedNamespace()
	if name == "" {
		return nil, at, nil
	}
	return []string{name}, at, nil
}

// overlayNamespaces returns the namespaces that kustomizations below the application's folder set. A broken one sets none.
func (a *App) overlayNamespaces() (names []string, at finding.Position) {
	subs, _ := list(a.repo.fs, a.Dir)
	overlays, _ := list(a.repo.fs, a.Path("overlays"))
	for _, name := range overlays {
		subs = append(subs, path.Join("overlays", name))
	}
	for _, sub := range subs {
		name, where, err := a.repo.kustomizeNamespace(a.Path(sub))
		if err != nil || name == "" || slices.Contains(names, name) {
			continue
		}
		if len(names) == 0 {
			at = where
		}
		names = append(names, name)
	}
	return names, at
}

// generatedFolder has a folder for each application with records of what was generated for it.
const generatedFolder = ".redis-gitops/generated"

// generatedNamespace returns the namespace for which resources of the application were generated; "" when records differ. Whoever
// changes a record reports what is wrong with it.
func (a *App) generatedNamespace() (namespace string, at finding.Position) {
	dir := path.Join(generatedFolder, a.Name)
	names, err := list(a.repo.fs, dir)
	if err != nil {
		return "", at
	}
	for _, name := range names {
		if !isYAML(name) {
			continue
		}
		docs, err := a.repo.Documents(path.Join(dir, name))
		if err != nil || len(docs) == 0 || text(docs[0].Get("folder")) != "resources" {
			continue
		}
		n := docs[0].Get("placeholders", "namespace")
		if text(n) == "" || CheckName("namespace", text(n)) != nil || text(n) == namespace {
			continue
		}
		if namespace != "" {
			return "", finding.Position{}
		}
		namespace, at = text(n), docs[0].At(n)
	}
	return namespace, at
}

// kustomizeNamespace returns the namespace that a folder's kustomization sets, and where; "" when there is none.
func (r *Repo) kustomizeNamespace(dir string) (string, finding.Position, error) {
	file := r.kustomization(dir)
	if file == "" {
		return "", finding.Position{}, nil
	}
	docs, err := r.Documents(file)
	if err != nil || len(docs) == 0 {
		return "", finding.Position{}, err
	}
	n := docs[0].Get("namespace")
	if text(n) == "" {
		return "", finding.Position{}, nil
	}
	return text(n), docs[0].At(n), nil
}

// scanDeployers finds the documents that deploy applications, once.
func (r *Repo) scanDeployers() (*deployers, error) {
	if r.whole != nil {
		return r.whole.scanDeployers()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.deployers != nil {
		return r.deployers, nil
	}
	found, err := r.Outside(func(src []byte) bool {
		return bytes.Contains(src, []byte("argoproj.io")) || bytes.Contains(src, []byte("fluxcd.io"))
	})
	if err != nil {
		return nil, err
	}
	r.fluxSources = nil
	found = slices.DeleteFunc(found, func(doc *Document) bool {
		if isFluxSource(doc) {
			r.fluxSources = append(r.fluxSources, doc)
		}
		return !isDeployer(doc)
	})
	roots := r.roots(found)
	r.deployers = newDeployers(slices.DeleteFunc(found, func(doc *Document) bool { return isDisabled(doc, roots) }))
	return r.deployers, nil
}

// Outside returns the documents of the YAML files outside the applications and generators whose text is wanted. A file that
// cannot be read is left out, and of a broken one what can be read is there: whoever reads it for itself reports the error.
func (r *Repo) Outside(wanted func(src []byte) bool) ([]*Document, error) {
	found := []*Document{}
	count := 0
	skip := func(name string) bool {
		return name == r.layout.Generators || path.Base(name) == "charts" || !isYAML(name) && r.isAppFolder(name)
	}
	err := r.walk(".", skip, func(name string, folder bool) (bool, error) {
		if folder {
			return !r.isAppFolder(name), nil
		}
		if !isYAML(name) {
			return false, nil
		}
		if count++; count > maxFiles {
			return false, finding.Errorf(finding.Position{}, "", "more than %d YAML files outside of applications; set layout.applications to the directories of your applications", maxFiles)
		}
		src, err := r.ReadFile(name)
		if err != nil || !wanted(src) {
			return false, nil
		}
		docs, _ := ParseDocuments(name, src)
		found = append(found, docs...)
		return false, nil
	})
	return found, err
}

// FilesOutside returns the YAML files outside the applications and generators, and those in applications that are wanted, sorted. What
// it costs does not grow with the other applications.
func (r *Repo) FilesOutside(wanted func(dir string) bool) ([]string, error) {
	left := func(name string) bool { return r.isAppFolder(name) && !wanted(name) }
	skip := func(name string) bool {
		return name == r.layout.Generators || path.Base(name) == "charts" && path.Dir(name) != "." || !isYAML(name) && left(name)
	}
	var files []string
	err := r.walk(".", skip, func(name string, folder bool) (bool, error) {
		if folder {
			return !left(name), nil
		}
		if isYAML(name) || path.Base(name) == "Kustomization" {
			files = append(files, name)
		}
		if len(files) > maxFiles {
			return false, finding.Errorf(finding.Position{}, "", "more than %d YAML files outside of applications; set layout.applications to the directories of your applications", maxFiles)
		}
		return false, nil
	})
	slices.Sort(files)
	return files, err
}

func isYAML(name string) bool { return path.Ext(name) == ".yaml" || path.Ext(name) == ".yml" }

func isDeployer(doc *Document) bool {
	group, _, _ := strings.Cut(doc.APIVersion(), "/")
	switch doc.Kind() {
	case "Application", "ApplicationSet":
		return group == "argoproj.io"
	case "HelmRelease":
		return group == "helm.toolkit.fluxcd.io"
	case "Kustomization":
		return group == "kustomize.toolkit.fluxcd.io"
	}
	return false
}

// root is a folder whose manifests an Argo CD Application deploys, which may be other Applications.
type root struct {
	dir    string
	by     *Document  // nil: by the layout
	source *yaml.Node // nil: by the layout
}

func (r *Repo) roots(deployers []*Document) []root {
	var roots []root
	plain := func(dir string) bool {
		return r.kustomization(dir) == "" && !isFile(r.fs, path.Join(dir, "Chart.yaml"))
	}
	for _, dir := range r.layout.PlatformApplications {
		if plain(dir) {
			roots = append(roots, root{dir: dir})
		}
	}
	for _, doc := range deployers {
		if doc.Kind() != "Application" {
			continue
		}
		for _, source := range sources(doc.Get("spec")) {
			dir, ok := repoPath(sourcePath(source))
			if ok && sourcePath(source) != "" && plain(dir) {
				roots = append(roots, root{dir, doc, source})
			}
		}
	}
	return roots
}

// isDisabled reports whether an Argo CD document lies below a folder that is deployed without its subfolders, as
// platform-applications/disabled does, and no other Application reaches it.
func isDisabled(doc *Document, roots []root) bool {
	if !strings.HasPrefix(doc.APIVersion(), "argoproj.io/") {
		return false
	}
	below := false
	dir := path.Dir(doc.File)
	for _, root := range roots {
		switch {
		case root.by == doc:
		case dir == root.dir, inside(dir, root.dir) && recurses(root.source, strings.TrimPrefix(doc.File, root.dir+"/")):
			return false
		case inside(dir, root.dir):
			below = true
		}
	}
	return below
}

// recurses reports whether a source of plain manifests takes a file in one of its subfolders.
func recurses(source *yaml.Node, file string) bool {
	if text(Lookup(source, "directory", "recurse")) != "true" {
		return false
	}
	include, exclude := text(Lookup(source, "directory", "include")), text(Lookup(source, "directory", "exclude"))
	return (include == "" || matchesAny(include, file)) && (exclude == "" || !matchesAny(exclude, file))
}

// matchesAny matches as Argo CD's directory.include and exclude: "*" goes over "/", {a,b} are alternatives.
func matchesAny(glob, file string) bool {
	var b strings.Builder
	for _, c := range glob {
		switch c {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteString(".")
		case '{':
			b.WriteString("(?:")
		case '}':
			b.WriteString(")")
		case ',':
			b.WriteString("|")
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	re, err := regexp.Compile("^(?:" + b.String() + ")$")
	return err == nil && re.MatchString(file)
}

// inside reports whether a folder is below another.
func inside(dir, parent string) bool {
	return parent == "." && dir != "." || strings.HasPrefix(dir, parent+"/")
}

// repoPath makes a path in a manifest, such as ./applications/shop/, one of ours; false when it leaves the repository.
func repoPath(p string) (string, bool) {
	p = path.Clean(strings.TrimLeft(p, "/"))
	return p, p != ".." && !strings.HasPrefix(p, "../")
}

// sources returns the one source or the several of an Argo CD Application.
func sources(spec *yaml.Node) []*yaml.Node {
	var all []*yaml.Node
	if s := Lookup(spec, "source"); s != nil {
		all = append(all, s)
	}
	if list := Lookup(spec, "sources"); list != nil {
		for _, s := range list.Content {
			all = append(all, deref(s))
		}
	}
	return all
}

// sourcePath is the directory of a source of Argo CD; "" for none, and for the root of an artifact in an OCI registry, as that of a chart, which is
// no root of this repository.
func sourcePath(source *yaml.Node) string {
	dir := text(Lookup(source, "path"))
	if strings.HasPrefix(text(Lookup(source, "repoURL")), "oci://") && strings.Trim(dir, "./") == "" {
		return ""
	}
	return dir
}

// deploys reports whether a deployment of a folder deploys the application.
func (a *App) deploys(dir string, recursive bool) bool {
	return dir == a.Dir || inside(dir, a.Dir) || recursive && inside(a.Dir, dir)
}

func (a *App) argo(doc *Document, metadata, spec *yaml.Node, p params) []Deployment {
	var found []Deployment
	for _, source := range sources(spec) {
		dir, known := p.expand(sourcePath(source))
		if !known || dir == "" {
			continue
		}
		dir, _ = repoPath(dir)
		recursive := a.Kind == Plain && text(Lookup(source, "directory", "recurse")) == "true"
		if !a.deploys(dir, recursive) {
			continue
		}
		d := Deployment{Source: doc.At(doc.Node), Kind: doc.Kind(), Path: dir}
		if name, known := p.expand(text(Lookup(metadata, "name"))); known {
			d.Name = name
		}
		d.setNamespace(a, doc, p, Lookup(source, "kustomize", "namespace"), Lookup(spec, "destination", "namespace"))
		if a.Kind == Chart {
			d.setHelm(a, doc, Lookup(source, "helm"), sources(spec), p)
		}
		found = append(found, d)
	}
	return found
}

// setNamespace takes the first that there is: what the deployment passes to kustomize, what the kustomization says, what the
// deployment gives to resources without a namespace. A broken kustomization says nothing.
func (d *Deployment) setNamespace(a *App, doc *Document, p params, override, fallback *yaml.Node) {
	if a.Kind != Chart && text(override) == "" {
		d.Namespace, d.NamespaceAt, _ = a.repo.kustomizeNamespace(d.Path)
		if d.Namespace != "" {
			return
		}
	}
	n := override
	if text(n) == "" {
		n = fallback
	}
	if namespace, known := p.expand(text(n)); known && namespace != "" {
		d.Namespace, d.NamespaceAt = namespace, doc.At(n)
	}
}

func (d *Deployment) setHelm(a *App, doc *Document, helm *yaml.Node, sources []*yaml.Node, p params) {
	d.ReleaseName = d.Name
	if name, known := p.expand(text(Lookup(helm, "releaseName"))); known && name != "" {
		d.ReleaseName = name
	}
	d.IgnoreMissingValueFiles = text(Lookup(helm, "ignoreMissingValueFiles")) == "true"
	d.SkipSchema = text(Lookup(helm, "skipSchemaValidation")) == "true"
	variables := strings.NewReplacer("$ARGOCD_APP_NAME", d.Name, "${ARGOCD_APP_NAME}", d.Name)
	var patterns []string
	for _, n := range content(Lookup(helm, "valueFiles")) {
		name, known := p.expand(text(n))
		if name, ok := a.repo.valueFile(d.Path, variables.Replace(name), sources); known && ok {
			patterns = append(patterns, name)
			d.valueFileAt(name, doc.At(n))
		}
	}
	d.ValueFiles = a.repo.valueFiles(patterns)
	if object := Lookup(helm, "valuesObject"); object != nil {
		d.Values = p.expandNode(object)
	} else if values := Lookup(helm, "values"); text(values) != "" {
		d.Values, d.ValuesErr = inlineValues(doc, values, p)
	}
	for _, n := range content(Lookup(helm, "parameters")) {
		if name := text(Lookup(n, "name")); name != "" {
			at := Lookup(n, "value")
			value, _ := p.expand(text(at))
			if at == nil {
				at = deref(n)
			}
			d.Parameters = append(d.Parameters, Parameter{name, value, text(Lookup(n, "forceString")) == "true", doc.At(at)})
		}
	}
	for _, n := range content(Lookup(helm, "fileParameters")) { // as helm --set-file
		file, known := p.expand(text(Lookup(n, "path")))
		name := text(Lookup(n, "name"))
		path, ok := a.repo.valueFile(d.Path, variables.Replace(file), sources)
		if name == "" || !known || !ok || hasMeta(path) {
			continue
		}
		at := doc.At(Lookup(n, "path"))
		src, err := a.repo.ReadFile(path)
		if err != nil {
			d.Missing = append(d.Missing, finding.Errorf(at, "", "file parameter %q: %s cannot be read; create it or remove the parameter", name, path))
			continue
		}
		d.Parameters = append(d.Parameters, Parameter{name, string(src), true, at})
	}
}

// valueFileAt notes where a values file is named.
func (d *Deployment) valueFileAt(name string, at finding.Position) {
	if d.ValueFilesAt == nil {
		d.ValueFilesAt = map[string]finding.Position{}
	}
	d.ValueFilesAt[name] = at
}

func content(n *yaml.Node) []*yaml.Node {
	if n == nil {
		return nil
	}
	return n.Content
}

// valueFile makes an entry of Argo CD's helm.valueFiles a path, or glob, in the repository: it is relative to the source,
// or from the root with "/", or as $ref/file in the root of another source (argo-cd docs/user-guide/helm.md). A URL, a
// variable of the build, and a $ref that is no file here and so may be another repository's are not known from the files.
func (r *Repo) valueFile(dir, name string, sources []*yaml.Node) (string, bool) {
	if dir == "" && !strings.HasPrefix(name, "$") { // a file of a chart that is not in the repository
		return "", false
	}
	if ref, file, ok := strings.Cut(name, "/"); ok && strings.HasPrefix(ref, "$") {
		file, ok = repoPath(file)
		i := slices.IndexFunc(sources, func(s *yaml.Node) bool { return "$"+text(Lookup(s, "ref")) == ref })
		if !ok || i < 0 {
			return "", false
		}
		here := slices.ContainsFunc(sources, func(s *yaml.Node) bool { // the repository that has the directory, too
			path, _ := repoPath(text(Lookup(s, "path")))
			return path == dir && text(Lookup(s, "repoURL")) != "" && text(Lookup(s, "repoURL")) == text(Lookup(sources[i], "repoURL"))
		})
		return file, here || hasMeta(file) || isFile(r.fs, file)
	}
	if strings.Contains(name, "://") || strings.Contains(name, "$") {
		return "", false
	}
	if !strings.HasPrefix(name, "/") {
		name = path.Join(dir, name)
	}
	return repoPath(name)
}

// valueFiles puts the files that match in the place of each glob. A file that is also named without one, or was
// matched before, is left out there.
func (r *Repo) valueFiles(patterns []string) []string {
	var files []string
	for _, pattern := range patterns {
		if !hasMeta(pattern) {
			files = append(files, pattern)
			continue
		}
		for _, file := range r.glob(pattern) {
			if isFile(r.fs, file) && !slices.Contains(patterns, file) && !slices.Contains(files, file) {
				files = append(files, file)
			}
		}
	}
	return files
}

// inlineValues parses values that are written as a string. In a block (|) everything keeps its place in the file; in
// another style all is where the string begins.
func inlineValues(doc *Document, n *yaml.Node, p params) (*yaml.Node, error) {
	src, known := p.expand(n.Value)
	move := func(line, column *int) { *line, *column = n.Line, n.Column }
	if n.Style&yaml.LiteralStyle != 0 {
		src = strings.Repeat("\n", n.Line) + src // true lines, in messages too
		indent := doc.blockIndent(n)
		move = func(_, column *int) {
			if *column > 0 {
				*column += indent
			}
		}
	}
	docs, err := ParseDocuments(doc.File, []byte(src))
	if err != nil {
		if !known {
			return nil, nil // what takes the placeholder's place may well be right
		}
		problems := finding.All(err)
		for _, problem := range problems {
			move(&problem.Line, &problem.Column)
		}
		return nil, problems.Err()
	}
	if len(docs) == 0 {
		return nil, nil
	}
	visit(docs[0].Node, func(m *yaml.Node) { move(&m.Line, &m.Column) })
	return docs[0].Node, nil
}

// blockIndent returns the spaces that a literal block leaves out of every line.
func (d *Document) blockIndent(n *yaml.Node) int {
	lines := strings.Split(string(d.src), "\n")
	for i, line := range strings.Split(n.Value, "\n") {
		if strings.TrimSpace(line) != "" && n.Line+i < len(lines) {
			return strings.Index(lines[n.Line+i], strings.TrimRight(line, " \r"))
		}
	}
	return 0
}

// visit calls f for a node and each below it, once.
func visit(n *yaml.Node, f func(*yaml.Node)) {
	f(n)
	for _, c := range n.Content {
		visit(c, f)
	}
}

// helmRelease reads Flux's spec.chart.spec: chart and valuesFiles are paths from the root of a GitRepository
// (fluxcd.io/flux/components/helm/helmreleases).
func (a *App) helmRelease(doc *Document) []Deployment {
	chart := doc.Get("spec", "chart", "spec")
	if kind := text(Lookup(chart, "sourceRef", "kind")); kind != "GitRepository" && kind != "Bucket" {
		return nil
	}
	dir, _ := repoPath(text(Lookup(chart, "chart")))
	if dir != a.Dir {
		return nil
	}
	return a.fluxHelm(doc, Deployment{Source: doc.At(doc.Node), Kind: doc.Kind(), Name: doc.Name(), Path: dir}, chart)
}

// valuesFrom reads an entry of spec.valuesFrom; nil for one that is optional and not there (fluxcd/helm-controller
// internal/chartutil/values.go, ChartValuesFromReferences).
func (r *Repo) valuesFrom(doc *Document, n *yaml.Node) (*ValuesFrom, error) {
	kind, name := text(Lookup(n, "kind")), text(Lookup(n, "name"))
	from := &ValuesFrom{At: doc.At(n), Unknown: fmt.Sprintf("%s %q", kind, name), One: text(Lookup(n, "targetPath")) != ""}
	if kind != "ConfigMap" {
		return from, nil
	}
	source, err := r.configMapOf(name, doc)
	if err != nil {
		return nil, err
	}
	if source == nil {
		if text(Lookup(n, "optional")) == "true" {
			return nil, nil
		}
		return from, nil
	}
	key := text(Lookup(n, "valuesKey"))
	if key == "" {
		key = "values.yaml"
	}
	data := source.Get("data", key)
	if data == nil || data.Kind != yaml.ScalarNode {
		from.Unknown = fmt.Sprintf("key %q of ConfigMap %q", key, name)
		return from, nil
	}
	from.Unknown, from.File = "", source.File
	if path := text(Lookup(n, "targetPath")); path != "" {
		from.Parameter = &Parameter{Name: path, Value: strings.TrimSpace(data.Value), At: source.At(data)}
		return from, nil
	}
	from.Values, from.Err = inlineValues(source, data, params{})
	return from, nil
}

// substitutions returns what the Flux Kustomizations that deploy a document substitute in it: those of the nearest directory, or nil
// alone. Each gives a deployment of its own.
func (r *Repo) substitutions(doc *Document) ([]*Substitution, error) {
	deployers, err := r.scanDeployers()
	if err != nil {
		return nil, err
	}
	nearest := -1
	found := []*Substitution{}
	for _, by := range deployers.kustomizations(path.Dir(doc.File)) {
		dir, _ := repoPath(text(by.Get("spec", "path")))
		if len(dir) < nearest {
			continue
		}
		s, err := r.postBuild(by)
		if err != nil {
			return nil, err
		}
		if len(dir) > nearest {
			nearest, found = len(dir), found[:0]
		}
		if !slices.ContainsFunc(found, func(other *Substitution) bool { return other.Key() == s.Key() }) {
			found = append(found, s)
		}
	}
	if len(found) == 0 {
		found = append(found, nil)
	}
	return found, nil
}

// fluxKustomization reads Flux's spec.path. Without a kustomization there, Flux takes all manifests below it
// (fluxcd.io/flux/components/kustomize/kustomizations).
func (a *App) fluxKustomization(doc *Document) ([]Deployment, error) {
	dir, _ := repoPath(text(doc.Get("spec", "path")))
	if a.Kind == Chart || !a.deploys(dir, a.repo.kustomization(dir) == "") {
		return nil, nil
	}
	d := Deployment{Source: doc.At(doc.Node), Kind: doc.Kind(), Name: doc.Name(), Path: dir}
	d.setNamespace(a, doc, params{}, doc.Get("spec", "targetNamespace"), nil)
	var err error
	if d.Substitute, err = a.repo.postBuild(doc); err != nil {
		return nil, err
	}
	return []Deployment{d}, nil
}
