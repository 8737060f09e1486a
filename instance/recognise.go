package instance

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// Running is an operator that a repository installs.
type Running struct {
	Operator  string `json:"operator"`
	Version   string `json:"version"`   // the nearest one that is known, not later; "" when nothing says it
	Raw       string `json:"raw"`       // as it is written: a tag, a ref or the version of a chart
	Namespace string `json:"namespace"` // that it runs in; "" is unknown
	Where     string `json:"where"`
}

// An Installation is one document, or a part of one, that installs an operator.
type Installation struct {
	Running            // its Operator is "" where several operators are published under the same name
	Publisher string   // whose build it is, such as freshworks-oss of the operator freshworks; "" is unknown
	Perhaps   []string // the operators that it can be, where Operator is ""
	Chart     bool     // a Helm chart
	SkipsCRDs bool     // it leaves the CustomResourceDefinitions out
	Document  *Document
	Path      []string // of the version in the document, or of what names the operator
}

// Recognise reports which operators documents install: kustomizations with a remote base, Argo CD and Flux objects with a Helm
// chart or a Git source, dependencies of charts, and workloads with the operator's image. What says the version comes first.
func Recognise(documents []Document, operators []*cue.Operator) []Running {
	return runningOf(Installations(documents, operators))
}

func runningOf(installed []Installation) []Running {
	var found []Running
	for _, i := range installed {
		if i.Operator != "" {
			found = append(found, i.Running)
		}
	}
	return found
}

// Installations is Recognise with all that is known of each, and with what may be one of several operators.
func Installations(documents []Document, operators []*cue.Operator) []Installation {
	r := recogniser{facts: newFacts(operators), sources: map[string]*Document{}}
	for i := range documents {
		d := &documents[i]
		switch d.kind() {
		case "HelmRepository", "OCIRepository", "GitRepository", "HelmChart":
			r.sources[sourceKey(d.kind(), d.namespace(), d.name())] = d
			r.sources[sourceKey(d.kind(), "", d.name())] = d
		}
	}
	var found []Installation
	for i := range documents {
		r.d = &documents[i]
		for _, in := range r.find() {
			in.Document, in.Where = r.d, r.d.Where
			if o := r.facts.named(in.Operator); o != nil && in.Raw != "" && in.Version == "" {
				in.Version = nearestVersion(o.Versions, in.Raw)
			}
			found = append(found, in)
		}
	}
	slices.SortStableFunc(found, func(a, b Installation) int {
		known := func(i Installation) int {
			if i.Version == "" {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(known(a), known(b)), cmp.Compare(a.Where, b.Where))
	})
	return found
}

func sourceKey(kind, namespace, name string) string { return kind + "/" + namespace + "/" + name }

type recogniser struct {
	d       *Document
	facts   facts
	sources map[string]*Document // of Flux, by kind, namespace and name, and without the namespace
}

func (r *recogniser) find() []Installation {
	if r.d.Broken { // it may install any of them
		var all []string
		for _, k := range r.facts {
			all = append(all, k.Name)
		}
		return []Installation{{Perhaps: all, SkipsCRDs: true}}
	}
	switch kind := r.d.kind(); {
	case kind == "Application" || kind == "ApplicationSet":
		return r.argo()
	case kind == "HelmRelease":
		return r.helmRelease()
	case kind == "HelmChart" && strings.HasPrefix(r.d.apiVersion(), "helm.cattle.io/"):
		return r.cattleChart()
	case kind == "Deployment" || kind == "StatefulSet":
		return r.workload()
	case kind == "Kustomization" && strings.Contains(r.d.apiVersion(), "fluxcd"):
		namespace := text(at(r.d.Object, "spec", "targetNamespace"))
		var found []Installation
		if m, ref := r.facts.base(text(at(r.source("spec", "sourceRef"), "spec", "url"))); m.found() {
			found = append(found, m.installs(ref, namespace, "spec", "sourceRef"))
		}
		found = r.images(found, list(at(r.d.Object, "spec", "images")), namespace, "spec", "images")
		return r.patches(found, list(at(r.d.Object, "spec", "patches")), namespace, "spec", "patches")
	case kind == "Kustomization" || kind == "Component" || kind == "" && r.d.Object["resources"] != nil:
		return r.kustomization()
	case kind == "" && r.d.Object["dependencies"] != nil:
		return r.dependencies()
	}
	return nil
}

// source returns the object of Flux that a reference of this document names.
func (r *recogniser) source(path ...string) map[string]any {
	ref := at(r.d.Object, path...)
	kind, name := text(at(ref, "kind")), text(at(ref, "name"))
	namespace := cmp.Or(text(at(ref, "namespace")), r.d.namespace())
	d := r.sources[sourceKey(kind, namespace, name)]
	if d == nil {
		d = r.sources[sourceKey(kind, "", name)] // the namespace may come from elsewhere
	}
	if d == nil {
		return nil
	}
	return d.Object
}

func (r *recogniser) workload() []Installation {
	for i, c := range list(at(r.d.Object, "spec", "template", "spec", "containers")) {
		if m, tag := r.facts.image(text(at(c, "image"))); m.found() {
			return []Installation{m.installs(tag, r.d.namespace(), "spec", "template", "spec", "containers", strconv.Itoa(i), "image")}
		}
	}
	return nil
}

func (r *recogniser) kustomization() []Installation {
	namespace := text(r.d.Object["namespace"])
	var found []Installation
	for _, key := range []string{"resources", "bases", "components"} {
		for i, entry := range list(r.d.Object[key]) {
			if m, ref := r.facts.base(text(entry)); m.found() {
				found = append(found, m.installs(ref, namespace, key, strconv.Itoa(i)))
			}
		}
	}
	for i, c := range list(r.d.Object["helmCharts"]) {
		if m := r.facts.chart(text(at(c, "name")), text(at(c, "repo"))); m.found() {
			running := r.chartVersion(m, text(at(c, "version")), at(c, "valuesInline"), "helmCharts", strconv.Itoa(i), "version")
			running.Namespace = cmp.Or(text(at(c, "namespace")), namespace)
			running.SkipsCRDs = at(c, "includeCRDs") == false
			found = append(found, running)
		}
	}
	found = r.images(found, list(r.d.Object["images"]), namespace, "images")
	for _, key := range []string{"patches", "patchesJson6902"} {
		found = r.patches(found, list(r.d.Object[key]), namespace, key)
	}
	return found
}

// images applies the image overrides of kustomize. The image that is replaced may have any name, such as "controller".
func (r *recogniser) images(found []Installation, overrides []any, namespace string, path ...string) []Installation {
	for _, i := range overrides {
		m, _ := r.facts.image(text(at(i, "name")))
		tag := text(at(i, "newTag"))
		if other, newTag := r.facts.image(text(at(i, "newName"))); other.operator != nil {
			found = overridden(found, other, cmp.Or(tag, newTag), namespace, true, path...)
		} else if m.found() {
			found = overridden(found, m, tag, namespace, false, path...)
		}
	}
	return found
}

// patches looks for images of operators in patches that are written in place. Files of patches are documents of their own.
func (r *recogniser) patches(found []Installation, patches []any, namespace string, path ...string) []Installation {
	var walk func(data any)
	walk = func(data any) {
		switch data := data.(type) {
		case map[string]any:
			image := data["image"]
			if strings.HasSuffix(text(data["path"]), "/image") {
				image = data["value"]
			}
			if m, tag := r.facts.image(text(image)); m.found() {
				found = overridden(found, m, tag, namespace, true, path...)
			}
			for _, key := range slices.Sorted(maps.Keys(data)) {
				walk(data[key])
			}
		case []any:
			for _, v := range data {
				walk(v)
			}
		}
	}
	for _, p := range patches {
		walk(parsed(text(at(p, "patch"))))
	}
	return found
}

// overridden returns what is installed once a kustomization has put another image or tag in: that says more than the base. Where the
// base is not known, the image alone has to name its operator, with a tag or by its new name.
func overridden(found []Installation, m origin, tag, namespace string, named bool, path ...string) []Installation {
	if len(found) == 0 {
		if tag == "" && !named {
			return nil
		}
		return []Installation{m.installs(tag, namespace, path...)}
	}
	for i := range found {
		if found[i].Operator != m.name() {
			path, chart := found[i].Path, found[i].Chart
			found[i] = m.installs("", namespace, path...)
			found[i].Chart = chart
		}
		if tag != "" {
			found[i].Raw, found[i].Version = tag, ""
		}
	}
	return found
}

// dependencies are those of a chart, in Chart.yaml or, of older ones, requirements.yaml.
func (r *recogniser) dependencies() []Installation {
	var found []Installation
	for i, d := range list(r.d.Object["dependencies"]) {
		if m := r.facts.chart(text(at(d, "name")), text(at(d, "repository"))); m.found() && !strings.HasPrefix(text(at(d, "repository")), "file:") {
			found = append(found, r.chartVersion(m, text(at(d, "version")), nil, "dependencies", strconv.Itoa(i), "version"))
		}
	}
	return found
}

func (r *recogniser) argo() []Installation {
	path := []string{"spec"}
	if r.d.kind() == "ApplicationSet" {
		path = []string{"spec", "template", "spec"}
	}
	spec := at(r.d.Object, path...)
	var found []Installation
	take := func(source any, path []string) {
		revision, url := text(at(source, "targetRevision")), text(at(source, "repoURL"))
		name, repository := chartOf(text(at(source, "chart")), url)
		at1 := append(slices.Clone(path), "targetRevision")
		if m := r.facts.chart(name, repository); name != "" && m.found() {
			in := r.chartVersion(m, revision, argoValues(source), at1...)
			in.SkipsCRDs = at(source, "helm", "skipCrds") == true
			found = append(found, in)
		} else if m, ref := r.facts.base(url); name == "" && m.found() {
			found = append(found, m.installs(cmp.Or(revision, ref), "", at1...))
		}
		for _, override := range list(at(source, "kustomize", "images")) { // [OLD=]NEW[:TAG]
			_, image, renamed := strings.Cut(text(override), "=")
			if !renamed {
				image = text(override)
			}
			if m, tag := r.facts.image(image); m.found() {
				found = overridden(found, m, tag, "", renamed, append(slices.Clone(path), "kustomize", "images")...)
			}
		}
	}
	take(at(spec, "source"), append(slices.Clone(path), "source"))
	for i, source := range list(at(spec, "sources")) {
		take(source, append(slices.Clone(path), "sources", strconv.Itoa(i)))
	}
	for i := range found {
		found[i].Namespace = text(at(spec, "destination", "namespace"))
	}
	return found
}

// chartOf splits the address of an OCI chart, such as oci://ghcr.io/owner/charts/name, which has no name beside it.
func chartOf(name, url string) (chart, repository string) {
	if rest, oci := strings.CutPrefix(url, "oci://"); oci && name == "" {
		if i := strings.LastIndexByte(strings.TrimSuffix(rest, "/"), '/'); i > 0 {
			return strings.TrimSuffix(rest, "/")[i+1:], rest[:i]
		}
	}
	return name, url
}

// argoValues returns the values of a source of Argo CD that can name an image.
func argoValues(source any) any {
	values := at(source, "helm", "valuesObject")
	if inline := text(at(source, "helm", "values")); values == nil {
		values = parsed(inline)
	}
	image := map[string]any{}
	for _, p := range list(at(source, "helm", "parameters")) {
		if key, ok := strings.CutPrefix(text(at(p, "name")), "image."); ok {
			image[key] = text(at(p, "value"))
		}
	}
	if len(image) == 0 {
		return values
	}
	written, _ := at(values, "image").(map[string]any)
	merged := maps.Clone(written)
	if merged == nil {
		merged = map[string]any{}
	}
	maps.Copy(merged, image)
	return map[string]any{"image": merged}
}

func parsed(inline string) any {
	var values any
	if inline == "" || len(inline) >= 1<<20 || yaml.Unmarshal([]byte(inline), &values) != nil {
		return nil
	}
	return values
}

func (r *recogniser) helmRelease() []Installation {
	chart := at(r.d.Object, "spec", "chart", "spec")
	source := r.source("spec", "chart", "spec", "sourceRef")
	namespace := cmp.Or(text(at(r.d.Object, "spec", "targetNamespace")), r.d.namespace())
	path := []string{"spec", "chart", "spec", "version"}
	name, url, version := text(at(chart, "chart")), text(at(source, "spec", "url")), text(at(chart, "version"))
	if ref := at(r.d.Object, "spec", "chartRef"); ref != nil {
		source = r.source("spec", "chartRef")
		path = []string{"spec", "chartRef"}
		switch text(at(ref, "kind")) {
		case "OCIRepository":
			name, url = chartOf("", text(at(source, "spec", "url")))
			version = cmp.Or(text(at(source, "spec", "ref", "tag")), text(at(source, "spec", "ref", "semver")))
		case "HelmChart":
			name, version = text(at(source, "spec", "chart")), text(at(source, "spec", "version"))
			of := &recogniser{d: &Document{Object: source, Namespace: r.d.namespace()}, sources: r.sources}
			url = text(at(of.source("spec", "sourceRef"), "spec", "url"))
		}
	}
	var found []Installation
	if m := r.facts.chart(name, url); m.found() {
		found = []Installation{r.chartVersion(m, version, at(r.d.Object, "spec", "values"), path...)}
	} else if m, ref := r.facts.base(url); m.found() { // a chart in a Git repository: charts/redisoperator of the operator's own
		found = []Installation{m.installs(ref, "", path...)}
	}
	for i := range found {
		found[i].Namespace = namespace
		found[i].SkipsCRDs = text(at(r.d.Object, "spec", "install", "crds")) == "Skip"
	}
	return found
}

// cattleChart is a HelmChart of k3s and RKE2.
func (r *recogniser) cattleChart() []Installation {
	spec := at(r.d.Object, "spec")
	name, url := chartOf("", text(at(spec, "chart")))
	if url == "" || name == "" {
		name, url = text(at(spec, "chart")), text(at(spec, "repo"))
	}
	m := r.facts.chart(name, url)
	if !m.found() {
		return nil
	}
	in := r.chartVersion(m, text(at(spec, "version")), parsed(text(at(spec, "valuesContent"))), "spec", "version")
	in.Namespace = text(at(spec, "targetNamespace"))
	return []Installation{in}
}

// chartVersion takes the image from values where they name one, else what the chart's version installs.
func (r *recogniser) chartVersion(m origin, version string, values any, path ...string) Installation {
	repository, tag := text(at(values, "image", "repository")), text(at(values, "image", "tag"))
	if other, _ := r.facts.image(repository); other.operator != nil && other.operator != m.operator {
		m = other
		in := m.installs(tag, "", path...)
		in.Chart = true
		return in
	}
	in := m.installs(cmp.Or(tag, version), "", path...)
	in.Chart = true
	if tag != "" {
		return in
	}
	best := ""
	for first, operator := range m.versions {
		if version != "" && compareVersions(version, first) >= 0 && (best == "" || compareVersions(first, best) > 0) {
			best, in.Version = first, operator
		}
	}
	return in
}

// origin is which operator a chart, an image or an address is of.
type origin struct {
	operator  *cue.Operator // nil: one of perhaps, or none
	publisher string
	perhaps   []string
	versions  map[string]string // of a chart
}

func (m origin) found() bool { return m.operator != nil || len(m.perhaps) > 0 }

func (m origin) name() string {
	if m.operator == nil {
		return ""
	}
	return m.operator.Name
}

func (m origin) installs(raw, namespace string, path ...string) Installation {
	return Installation{Running: Running{Operator: m.name(), Raw: raw, Namespace: namespace}, Publisher: m.publisher, Perhaps: m.perhaps, Path: path}
}

// facts are what cue/operator says of how operators are recognised.
type facts []known

type known struct {
	*cue.Operator
	by         cue.Recognition
	publishers []string        // owners of its repositories, images and charts
	charts     map[string]bool // names of its charts, and of its repositories
}

func newFacts(operators []*cue.Operator) facts {
	var all facts
	for _, o := range operators {
		k := known{Operator: o, by: o.Recognise(), charts: map[string]bool{}}
		publisher := func(name string) {
			if name != "" && !slices.Contains(k.publishers, name) {
				k.publishers = append(k.publishers, name)
			}
		}
		for _, base := range k.by.Bases {
			publisher(ownerOf(base))
		}
		for _, image := range k.by.Images {
			publisher(ownerOf(image))
		}
		for _, c := range k.by.Charts {
			publisher(publisherOf(c))
			k.charts[squashed(c.Name)] = true
		}
		if len(k.by.Bases) > 0 && len(k.by.Charts) == 0 {
			for _, base := range k.by.Bases {
				k.charts[squashed(base[strings.LastIndexByte(base, '/')+1:])] = true
			}
		}
		all = append(all, k)
	}
	return all
}

func (f facts) named(name string) *cue.Operator {
	for _, k := range f {
		if k.Name == name {
			return k.Operator
		}
	}
	return nil
}

var hosted = lazyregexp.New(`^(?:(?:github\.com|ghcr\.io|quay\.io|docker\.io)/([^/]+)/|([^./]+)\.github\.io(?:/|$)|([^./:]+)/[^/]+$)`)

// ownerOf returns who publishes an address: owner of github.com/owner/name, owner.github.io/name, ghcr.io/owner/name, owner/name.
func ownerOf(location string) string {
	m := hosted.FindStringSubmatch(location)
	if m == nil {
		return ""
	}
	return cmp.Or(m[1], m[2], m[3])
}

// publisherOf returns whose build of the operator a chart installs.
func publisherOf(c cue.Chart) string { return cmp.Or(c.Publisher, ownerOf(c.Repository)) }

// squashed makes one of the ways to write a name: redis-operator and redisoperator.
func squashed(name string) string {
	return strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(name))
}

// chart reports of which operator a chart is. A registry that mirrors charts keeps their name and, mostly, that of the publisher.
func (f facts) chart(name, repository string) origin {
	if name == "" {
		return origin{}
	}
	repository = location(repository)
	var perhaps []known
	for _, k := range f {
		for _, c := range k.by.Charts {
			// An OCI chart may be given with its name as part of the repository, and a proxy puts its own host before that.
			if at := "/" + repository; c.Name == name && (strings.HasSuffix(at, "/"+c.Repository) || strings.HasSuffix(at, "/"+c.Repository+"/"+name)) {
				return origin{operator: k.Operator, publisher: publisherOf(c), versions: c.Versions}
			}
		}
		if k.charts[squashed(lastOf(name))] {
			perhaps = append(perhaps, k)
		}
	}
	segments := strings.FieldsFunc(repository, func(r rune) bool { return r == '/' || r == '.' })
	for _, k := range perhaps {
		for _, publisher := range k.publishers {
			if slices.Contains(segments, publisher) {
				return origin{operator: k.Operator, publisher: publisher, versions: versionsOf(k)}
			}
		}
	}
	return oneOf(perhaps)
}

// lastOf gives the name of a chart, of Helm's repository/name.
func lastOf(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

func versionsOf(k known) map[string]string {
	for _, c := range k.by.Charts {
		if len(c.Versions) > 0 {
			return c.Versions
		}
	}
	return nil
}

// oneOf is a name that one operator has, or several.
func oneOf(perhaps []known) origin {
	if len(perhaps) == 1 {
		return origin{operator: perhaps[0].Operator, versions: versionsOf(perhaps[0])}
	}
	var names []string
	for _, k := range perhaps {
		names = append(names, k.Name)
	}
	return origin{perhaps: names}
}

// Image returns the repository and the tag of an image without its digest; the tag is "" where there is none.
func Image(image string) (repository, tag string) {
	repository, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(repository, ':'); i > strings.LastIndexByte(repository, '/') {
		return repository[:i], repository[i+1:]
	}
	return repository, ""
}

// image reports of which operator an image is, and its tag. A mirror puts a path of its own before the name, and may join the name
// with that of the publisher: registry.example.com/mirror/powerhome-redis-operator.
func (f facts) image(image string) (m origin, tag string) {
	name, tag := Image(image)
	if name == "" {
		return origin{}, ""
	}
	name = "/" + strings.ToLower(name)
	joined := strings.NewReplacer("/", "-", "_", "-").Replace(name)
	last := name[strings.LastIndexByte(name, '/')+1:]
	best := 0
	var perhaps []known
	for _, k := range f {
		for _, own := range k.by.Images {
			if host, rest, ok := strings.Cut(own, "/"); ok && strings.ContainsAny(host, ".:") {
				own = rest
			}
			if len(own) > best && strings.HasSuffix(joined, strings.NewReplacer("/", "-", "_", "-").Replace("/"+own)) {
				best = len(own)
				m = origin{operator: k.Operator, publisher: ownerOf(own)}
			}
			if base := lastOf(own); base == last && distinctive.MatchString(base) && !slices.ContainsFunc(perhaps, func(p known) bool { return p.Name == k.Name }) {
				perhaps = append(perhaps, k)
			}
		}
	}
	if m.operator == nil {
		m = oneOf(perhaps)
	}
	if !m.found() {
		return origin{}, ""
	}
	return m, tag
}

// distinctive is a name that says by itself what it is; "operator" does not.
var distinctive = lazyregexp.New(`redis|valkey|kubedb|dragonfly`)

// rawFile is a file of a GitHub repository at a ref.
var rawFile = lazyregexp.New(`^raw\.githubusercontent\.com/([^/]+/[^/]+)/(?:refs/(?:tags|heads)/)?([^/]+)/`)

// base reports whether a remote base or Git URL is of an operator's repository, and its ref. A mirror keeps owner and name.
func (f facts) base(url string) (_ origin, ref string) {
	url, query, _ := strings.Cut(url, "?")
	for part := range strings.SplitSeq(query, "&") {
		for _, key := range []string{"ref=", "version="} {
			if value, found := strings.CutPrefix(part, key); found {
				ref = value
			}
		}
	}
	url = location(url)
	if m := rawFile.FindStringSubmatch(url); m != nil {
		url, ref = "github.com/"+m[1], m[2]
	}
	for _, k := range f {
		for _, b := range k.by.Bases {
			_, name, _ := strings.Cut(b, "/")
			_, rest, found := strings.Cut("/"+url, "/"+name)
			if !found || rest != "" && rest[0] != '/' && rest[0] != '.' {
				continue
			}
			if tag, isRelease := strings.CutPrefix(rest, "/releases/download/"); isRelease {
				ref, _, _ = strings.Cut(tag, "/")
			}
			return origin{operator: k.Operator, publisher: ownerOf(b)}, ref
		}
	}
	m := anyFork.FindStringSubmatch(url)
	if m == nil {
		return origin{}, ""
	}
	var perhaps []string // somebody's copy of one of them
	for _, k := range f {
		if slices.ContainsFunc(k.by.Bases, func(b string) bool { return strings.HasSuffix(b, "/redis-operator") }) {
			perhaps = append(perhaps, k.Name)
		}
	}
	return origin{publisher: m[1], perhaps: perhaps}, ref
}

// anyFork is a repository named as those of the operators are, of an owner that nobody knows.
var anyFork = lazyregexp.New(`^github\.com/([^/]+)/redis-operator(?:$|[/.])`)

// location returns a URL without scheme, user and end: github.com/owner/name, lower case.
func location(url string) string {
	url = strings.ToLower(strings.TrimSpace(url))
	if _, rest, ok := strings.Cut(url, "://"); ok {
		url = rest
		if user, rest, ok := strings.Cut(url, "@"); ok && !strings.Contains(user, "/") {
			url = rest
		}
	} else if user, rest, ok := strings.Cut(url, "@"); ok && !strings.ContainsAny(user, "/:") {
		url = strings.Replace(rest, ":", "/", 1) // git@github.com:owner/name.git
	}
	return strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(url, "git::"), "/"), ".git")
}

// nearestVersion returns the last of the known versions that is not later than one as it is written, such as v1.2.4; the
// first of all when it is older than they are, and "" when it is no number.
func nearestVersion(known []string, written string) string {
	if !releaseNumber.MatchString(written) {
		return ""
	}
	sorted := slices.SortedFunc(slices.Values(known), compareVersions)
	best := sorted[0]
	for _, v := range sorted {
		if compareVersions(v, written) <= 0 {
			best = v
		}
	}
	return best
}

var releaseNumber = lazyregexp.New(`^v?[0-9]+\.[0-9]+`)
