package instance

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/cue"
)

// Running is an operator that a repository installs.
type Running struct {
	Operator  string `json:"operator"`
	Version   string `json:"version"`   // the nearest one that is known, not later; "" when nothing says it
	Raw       string `json:"raw"`       // as it is written: a tag, a ref or the version of a chart
	Namespace string `json:"namespace"` // that it runs in; "" is unknown
	Where     string `json:"where"`
}

// Recognise says which operators documents install: kustomizations with a remote base, Argo CD and Flux objects with a Helm
// chart or a Git source, and workloads with the operator's image. What says the version comes first.
func Recognise(documents []Document, operators []*cue.Operator) []Running {
	repositories := map[string]string{}
	for i := range documents {
		d := &documents[i]
		switch d.kind() {
		case "HelmRepository", "OCIRepository", "GitRepository":
			repositories[d.kind()+"/"+d.name()] = text(at(d.Object, "spec", "url"))
		}
	}
	var found []Running
	for i := range documents {
		d := &documents[i]
		for _, o := range operators {
			r := recogniser{d, o, o.Recognise(), repositories}
			if running := r.find(); running != nil {
				running.Operator, running.Where = o.Name, d.Where
				if running.Raw != "" && running.Version == "" {
					running.Version = nearestVersion(o.Versions, running.Raw)
				}
				found = append(found, *running)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Running) int {
		known := func(r Running) int {
			if r.Version == "" {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(known(a), known(b)), cmp.Compare(a.Where, b.Where))
	})
	return found
}

type recogniser struct {
	d            *Document
	o            *cue.Operator
	by           cue.Recognition
	repositories map[string]string // the URLs of Flux sources, by kind and name
}

func (r *recogniser) find() *Running {
	switch kind := r.d.kind(); {
	case kind == "Application" || kind == "ApplicationSet":
		return r.argo()
	case kind == "HelmRelease":
		return r.helmRelease()
	case kind == "Deployment" || kind == "StatefulSet":
		for _, c := range list(at(r.d.Object, "spec", "template", "spec", "containers")) {
			if tag, ok := r.image(text(at(c, "image"))); ok {
				return &Running{Raw: tag, Namespace: r.d.namespace()}
			}
		}
	case kind == "Kustomization" && strings.Contains(r.d.apiVersion(), "fluxcd"):
		source := r.repositories[text(at(r.d.Object, "spec", "sourceRef", "kind"))+"/"+text(at(r.d.Object, "spec", "sourceRef", "name"))]
		if ref, ok := r.base(source); ok {
			return &Running{Raw: ref, Namespace: text(at(r.d.Object, "spec", "targetNamespace"))}
		}
	case kind == "Kustomization" || kind == "" && r.d.Object["resources"] != nil:
		return r.kustomization()
	}
	return nil
}

func (r *recogniser) kustomization() *Running {
	namespace := text(r.d.Object["namespace"])
	var running *Running
	for _, list := range [][]any{list(r.d.Object["resources"]), list(r.d.Object["bases"]), list(r.d.Object["components"])} {
		for _, entry := range list {
			if ref, ok := r.base(text(entry)); ok {
				running = &Running{Raw: ref, Namespace: namespace}
			}
		}
	}
	for _, c := range list(r.d.Object["helmCharts"]) {
		if version, ok := r.chart(text(at(c, "name")), text(at(c, "repo"))); ok {
			running = r.chartVersion(version, text(at(c, "version")), at(c, "valuesInline"))
			running.Namespace = cmp.Or(text(at(c, "namespace")), namespace)
		}
	}
	for _, i := range list(r.d.Object["images"]) {
		if _, ok := r.image(text(at(i, "name"))); !ok {
			continue
		}
		if tag := text(at(i, "newTag")); tag != "" { // says more than the base that it changes
			running = &Running{Raw: tag, Namespace: namespace}
		}
	}
	return running
}

func (r *recogniser) argo() *Running {
	spec := at(r.d.Object, "spec")
	if r.d.kind() == "ApplicationSet" {
		spec = at(spec, "template", "spec")
	}
	namespace := text(at(spec, "destination", "namespace"))
	for _, source := range append(list(at(spec, "sources")), at(spec, "source")) {
		revision := text(at(source, "targetRevision"))
		if version, ok := r.chart(text(at(source, "chart")), text(at(source, "repoURL"))); ok {
			values := at(source, "helm", "valuesObject")
			if inline := text(at(source, "helm", "values")); inline != "" && values == nil && len(inline) < 1<<20 {
				var parsed map[string]any
				if yaml.Unmarshal([]byte(inline), &parsed) == nil {
					values = parsed
				}
			}
			for _, p := range list(at(source, "helm", "parameters")) {
				if text(at(p, "name")) == "image.tag" {
					values = map[string]any{"image": map[string]any{"tag": text(at(p, "value"))}}
				}
			}
			running := r.chartVersion(version, revision, values)
			running.Namespace = namespace
			return running
		}
		if ref, ok := r.base(text(at(source, "repoURL"))); ok && text(at(source, "chart")) == "" {
			return &Running{Raw: cmp.Or(revision, ref), Namespace: namespace}
		}
	}
	return nil
}

func (r *recogniser) helmRelease() *Running {
	chart := at(r.d.Object, "spec", "chart", "spec")
	source := r.repositories[text(at(chart, "sourceRef", "kind"))+"/"+text(at(chart, "sourceRef", "name"))]
	namespace := cmp.Or(text(at(r.d.Object, "spec", "targetNamespace")), r.d.namespace())
	if version, ok := r.chart(text(at(chart, "chart")), source); ok {
		running := r.chartVersion(version, text(at(chart, "version")), at(r.d.Object, "spec", "values"))
		running.Namespace = namespace
		return running
	}
	// A chart in a Git repository: charts/redisoperator of the operator's own.
	if ref, ok := r.base(source); ok {
		return &Running{Raw: ref, Namespace: namespace}
	}
	return nil
}

// chart says whether a chart is this operator's, and which versions of the operator its versions install.
func (r *recogniser) chart(name, repository string) (cue.Chart, bool) {
	repository = location(repository)
	for _, c := range r.by.Charts {
		// An OCI chart may be given with its name as part of the repository.
		if c.Name == name && (repository == c.Repository || repository == c.Repository+"/"+name) {
			return c, true
		}
	}
	return cue.Chart{}, false
}

// chartVersion takes the tag of the image from values, else what the chart's version installs.
func (r *recogniser) chartVersion(c cue.Chart, version string, values any) *Running {
	if tag := text(at(values, "image", "tag")); tag != "" {
		return &Running{Raw: tag}
	}
	running := &Running{Raw: version}
	best := ""
	for first, operator := range c.Versions {
		if version != "" && compareVersions(version, first) >= 0 && (best == "" || compareVersions(first, best) > 0) {
			best, running.Version = first, operator
		}
	}
	return running
}

// image says whether an image is the operator's, and its tag.
func (r *recogniser) image(image string) (tag string, ok bool) {
	name, _, _ := strings.Cut(image, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name, tag = name[:i], name[i+1:]
	}
	return tag, slices.Contains(r.by.Images, strings.TrimPrefix(name, "docker.io/"))
}

// rawFile is a file of a GitHub repository at a ref.
var rawFile = regexp.MustCompile(`^raw\.githubusercontent\.com/([^/]+/[^/]+)/(?:refs/(?:tags|heads)/)?([^/]+)/`)

// base says whether a remote base or Git URL is of the operator's repository, and its ref.
func (r *recogniser) base(url string) (ref string, ok bool) {
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
	for _, b := range r.by.Bases {
		if rest, found := strings.CutPrefix(url, b); found && (rest == "" || rest[0] == '/' || rest[0] == '.') {
			if tag, isRelease := strings.CutPrefix(rest, "/releases/download/"); isRelease {
				ref, _, _ = strings.Cut(tag, "/")
			}
			return ref, true
		}
	}
	return "", false
}

// location gives a URL without scheme, user and end: github.com/owner/name, lower case.
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

// nearestVersion gives the last of the known versions that is not later than one as it is written, such as v1.2.4; the
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

var releaseNumber = regexp.MustCompile(`^v?[0-9]+\.[0-9]+`)
