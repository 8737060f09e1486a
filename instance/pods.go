package instance

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/redis-gitops/redis-gitops/cue"
)

// PodSpec is what the operator of a resource makes of it: one kind of pods, with the paths of their fields in the resource.
type PodSpec struct {
	Where       string // of the document
	Operator    string
	Part        string            // redis, sentinel, leader
	Replicas    int               // 0 is unknown
	Labels      map[string]string // of the pods
	PeerAddress bool              // see [cue.PodSpec]
	Surges      bool
	Port        int // 0 is unknown
	At          map[string][]string
	Volumes     [][]string
	Mounts      [][]string
	Containers  [][]string
	Init        [][]string
	Env         [][]string
	Images      [][]string
	MountsKey   string // of a container
	Own         []Own
}

// Own is what the operator itself puts into the pods; a field is "" or 0 where there is none.
type Own struct {
	Volume, Mount, Container, Init string
	Port                           int
}

// Reference is the name of another object in a field of a resource.
type Reference struct {
	Where   string // of the document
	Path    []string
	Kind    string // of the object
	Name    string
	Created bool // the operator creates the object if it does not exist
}

// References returns the pods that operators create for documents, and the names of other objects in their fields, in the order of the
// documents.
func References(documents []Document, operators []*cue.Operator, o Options) ([]PodSpec, []Reference) {
	return newFinder(documents, operators, o).references()
}

func (f *finder) references() ([]PodSpec, []Reference) {
	kinds := map[string]bool{}
	known := func(kind string) bool {
		asked, ok := kinds[kind]
		if !ok {
			asked = slices.ContainsFunc(f.operators, func(o *cue.Operator) bool { return len(o.PodSpecsOf(kind))+len(o.ReferencesOf(kind)) > 0 })
			kinds[kind] = asked
		}
		return asked
	}
	var pods []PodSpec
	var references []Reference
	paths := map[podKey]*podPaths{}
	for i := range f.documents {
		d := &f.documents[i]
		if !known(d.kind()) {
			continue
		}
		m := f.match(d)
		if m == nil {
			if m = f.owner(d); m == nil {
				continue
			}
		}
		pods = append(pods, m.podSpecs(paths)...)
		references = append(references, m.references()...)
	}
	return pods, references
}

// owner finds the operator of a resource that is no Redis.
func (f *finder) owner(d *Document) *match {
	for _, o := range f.operators {
		if o.Owns(d.apiVersion(), d.kind()) {
			vars := map[string]string{"name": d.name(), "namespace": d.namespace()}
			return &match{scope: scope{object: d, version: f.version(o), vars: vars}, operator: o}
		}
	}
	return nil
}

func (m *match) of(apiVersions []string, kind string, conditions []string) bool {
	return kind == m.object.kind() && slices.Contains(apiVersions, m.object.apiVersion()) && m.holds(conditions)
}

// podPaths are the fields of a [PodSpec] that are the same for all resources.
type podPaths struct {
	at                                             map[string][]string
	volumes, mounts, containers, init, env, images [][]string
}

// podKey names one of the pods that an operator creates for resources of a kind.
type podKey struct {
	operator *cue.Operator
	kind     string
	index    int
}

func pathsOf(p cue.PodSpec) *podPaths {
	paths := &podPaths{
		at: map[string][]string{}, volumes: steps(p.Volumes), mounts: steps(p.Mounts), containers: steps(p.Containers),
		init: steps(p.Init), env: steps(p.Env), images: steps(p.Images),
	}
	for field, path := range p.At {
		paths.at[field] = strings.Split(path, ".")
	}
	return paths
}

// podSpecs returns the pods of a resource. known is what pathsOf gave before: of thousands of resources, few kinds differ.
func (m *match) podSpecs(known map[podKey]*podPaths) []PodSpec {
	var out []PodSpec
	port := m.vars["port"]
	defer func() { m.vars["port"] = port }()
	for i, p := range m.operator.PodSpecsOf(m.object.kind()) {
		if !m.of(p.APIVersions, p.Kind, p.If) || slices.ContainsFunc(out, func(o PodSpec) bool { return o.Part == p.Part }) {
			continue
		}
		m.vars["port"] = cmp.Or(m.expand(p.Port), port)
		key := podKey{m.operator, m.object.kind(), i}
		paths := known[key]
		if paths == nil {
			paths = pathsOf(p)
			known[key] = paths
		}
		spec := PodSpec{
			Where: m.object.Where, Operator: m.operator.Name, Part: p.Part, Replicas: number(m.expand(p.Replicas)), Labels: m.podLabels(p),
			PeerAddress: p.PeerAddress, Surges: p.Surges, Port: number(m.expand(p.Port)), At: paths.at,
			Volumes: paths.volumes, Mounts: paths.mounts, Containers: paths.containers, Init: paths.init, Env: paths.env,
			Images: paths.images, MountsKey: cmp.Or(p.MountsKey, "volumeMounts"),
		}
		for _, own := range p.Own {
			if m.holds(own.If) {
				spec.Own = append(spec.Own, Own{m.expand(own.Volume), m.expand(own.Mount), m.expand(own.Container), m.expand(own.Init), number(m.expand(own.Port))})
			}
		}
		out = append(out, spec)
	}
	return out
}

func steps(paths []string) [][]string {
	out := [][]string{}
	for _, p := range paths {
		out = append(out, strings.Split(p, "."))
	}
	return out
}

// podLabels returns the labels of the pods: those that the operator sets, over those that it copies.
func (m *match) podLabels(p cue.PodSpec) map[string]string {
	labels := map[string]string{}
	if p.LabelsFrom != "" {
		var allowed []any
		if p.LabelsAllow != "" {
			allowed = list(at(m.object.Object, strings.Split(p.LabelsAllow, ".")...))
		}
		for key, value := range stringMap(at(m.object.Object, strings.Split(p.LabelsFrom, ".")...)) {
			if len(allowed) == 0 || slices.ContainsFunc(allowed, func(pattern any) bool { return matches(text(pattern), key) }) {
				labels[key] = value
			}
		}
	}
	for key, value := range p.Labels {
		labels[key] = m.expand(value)
	}
	if len(p.Labels) == 0 {
		return stringMap(at(m.object.Object, "spec", "template", "metadata", "labels"))
	}
	return labels
}

// matches as the operator does; a pattern that is not valid matches nothing.
func matches(pattern, key string) bool {
	re, err := regexp.Compile(pattern)
	return err == nil && re.MatchString(key)
}

func (m *match) references() []Reference {
	var out []Reference
	for _, r := range m.operator.ReferencesOf(m.object.kind()) {
		if !m.of(r.APIVersions, r.Kind, r.If) {
			continue
		}
		names(m.object.Object, strings.Split(r.Path, "."), nil, func(path []string, name string) {
			if strings.ContainsFunc(name, unicode.IsSpace) {
				return // text in the place of a name
			}
			out = append(out, Reference{m.object.Where, path, r.To, name, r.Created})
		})
	}
	return out
}

// names visits the texts at a path, of which a * is each element of a list.
func names(data any, rest, path []string, visit func(path []string, name string)) {
	switch {
	case len(rest) == 0:
		if name, ok := data.(string); ok && name != "" {
			visit(slices.Clone(path), name)
		}
	case rest[0] == "*":
		for i, element := range list(data) {
			names(element, rest[1:], append(path, strconv.Itoa(i)), visit)
		}
	default:
		fields, _ := data.(map[string]any)
		names(fields[rest[0]], rest[1:], append(path, rest[0]), visit)
	}
}
