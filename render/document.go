package render

import (
	"bytes"
	"cmp"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/repo"
)

// Document is a document of what a target renders, as helm template --include-crds, kustomize build or the manifest has it.
type Document struct {
	Source    string      // the template, by the name that Helm has for it, or the file in the repository
	Text      []byte      // without a separator; a line end belongs behind it
	Resources []*Resource // the object, or the items of a List

	line int // of the text that node positions refer to, at which Text begins
}

// installOrder is the order in which Helm applies kinds; others follow, by their names (helm v4.3.1, pkg/release/v1/util/kind_sorter.go,
// InstallOrder).
var installOrder = strings.Fields(`PriorityClass Namespace NetworkPolicy ResourceQuota LimitRange PodSecurityPolicy PodDisruptionBudget
	ServiceAccount Secret SecretList ConfigMap StorageClass PersistentVolume PersistentVolumeClaim CustomResourceDefinition ClusterRole
	ClusterRoleList ClusterRoleBinding ClusterRoleBindingList Role RoleList RoleBinding RoleBindingList Service DaemonSet Pod
	ReplicationController ReplicaSet Deployment HorizontalPodAutoscaler StatefulSet Job CronJob IngressClass Ingress APIService
	MutatingWebhookConfiguration ValidatingWebhookConfiguration`)

// hookEvents are the events of helm.sh/hook. What is for another one is not applied (helm v4.3.1,
// pkg/release/v1/util/manifest_sorter.go, events and manifestFile.sort).
var hookEvents = strings.Fields("pre-install post-install pre-delete post-delete pre-upgrade post-upgrade pre-rollback post-rollback test test-success")

// Stages of a chart, in the order of helm template.
const (
	stageCRD = iota // of the crds directory
	stageObject
	stageHook
	stageUnknownHook
)

// topList is the line that makes a document a List.
var topList = lazyregexp.New(`(?m)^kind:[ \t]*["']?List["']?[ \t]*(?:#.*)?$`)

// Documents returns the documents of the result that have resources, in the order of helm template: the custom resource definitions of
// a chart, its objects in the order in which Helm applies their kinds, then its hooks. Those of other targets are in their own order.
func (r *Result) Documents() []*Document {
	var docs []*Document
	texts := map[places][]*Document{}
	for _, res := range r.Resources {
		d := r.documentOf(res, texts)
		if len(d.Resources) == 0 {
			docs = append(docs, d)
		}
		d.Resources = append(d.Resources, res)
	}
	if r.Chart != nil {
		docs = slices.DeleteFunc(docs, func(d *Document) bool { return d.stage() == stageUnknownHook })
		slices.SortStableFunc(docs, func(a, b *Document) int {
			return cmp.Or(cmp.Compare(a.stage(), b.stage()), a.compareKind(b))
		})
	}
	return docs
}

// documentOf returns the document that a resource is in.
func (r *Result) documentOf(res *Resource, texts map[places][]*Document) *Document {
	encoded := func() *Document {
		text, err := res.encode()
		if err != nil {
			text = []byte("# " + strings.ReplaceAll(err.Error(), "\n", " "))
		}
		return &Document{Source: res.File, Text: text}
	}
	if res.unknown != nil {
		return encoded()
	}
	switch from := res.from.(type) {
	case *renderedFile:
		if texts[from] == nil {
			for _, s := range splitManifests(from.text) {
				texts[from] = append(texts[from], &Document{Source: from.source.name, Text: bytes.TrimRight(from.text[s.from:s.to], " \t\r\n"), line: from.lineAt(s.from)})
			}
		}
	case *manifestFile:
		if texts[from] == nil {
			source := from.file
			if r.run != nil {
				source = path.Join(r.run.root.name, strings.TrimPrefix(from.file, r.run.root.dir))
			}
			texts[from] = streamDocuments(source, from.src)
		}
	default:
		return encoded()
	}
	line := res.Node.Line
	list := texts[res.from]
	i, found := slices.BinarySearchFunc(list, line, func(d *Document, line int) int { return cmp.Compare(d.line, line) })
	if !found {
		i-- // the last that begins before
	}
	if i < 0 {
		return encoded()
	}
	return list[i]
}

// streamDocuments takes a YAML stream apart at the lines that begin with "---".
func streamDocuments(source string, src []byte) []*Document {
	docs := []*Document{{Source: source, line: 1}}
	n := 0
	for line := range bytes.Lines(src) {
		n++
		last := docs[len(docs)-1]
		rest, marker := bytes.CutPrefix(line, []byte("---"))
		if !marker || len(bytes.TrimSpace(rest)) > 0 && rest[0] != ' ' && rest[0] != '\t' {
			last.Text = append(last.Text, line...)
			continue
		}
		docs = append(docs, &Document{Source: source, line: n, Text: bytes.TrimLeft(rest, " \t")})
	}
	for _, d := range docs {
		text := bytes.TrimLeft(d.Text, "\r\n")
		d.line += bytes.Count(d.Text[:len(d.Text)-len(text)], []byte("\n"))
		d.Text = bytes.TrimSuffix(text, []byte("\n"))
	}
	return docs
}

// encode writes a resource as kustomize build does.
func (r *Resource) encode() ([]byte, error) {
	v, err := value(r.Node)
	if err != nil {
		return nil, err
	}
	return Encode(v)
}

// Encode writes an object as kustomize build does: keys sorted, without whitespace around it.
func Encode(object any) ([]byte, error) {
	text, err := sigsyaml.Marshal(object)
	return bytes.TrimSpace(text), err
}

// Object returns the document as Kubernetes reads it: an object of its own, of maps, lists, strings, numbers and booleans.
func (d *Document) Object() (any, error) {
	var object any
	err := sigsyaml.Unmarshal(ended(d.Text), &object)
	return object, err
}

// ended returns a text with a line end, without which its last block scalar would be another.
func ended(text []byte) []byte { return append(slices.Clip(text), '\n') }

func (d *Document) stage() int {
	r := d.Resources[0]
	if _, ok := r.from.(*manifestFile); ok {
		return stageCRD
	}
	_, hooks := r.Find("metadata", "annotations", "helm.sh/hook")
	if hooks == nil || topList.Match(d.Text) {
		return stageObject
	}
	for event := range strings.SplitSeq(hooks.Value, ",") {
		if !slices.Contains(hookEvents, strings.ToLower(strings.TrimSpace(event))) {
			return stageUnknownHook
		}
	}
	return stageHook
}

// compareKind compares documents by the order of their kinds, and is 0 for those of a kind.
func (d *Document) compareKind(other *Document) int {
	if d.stage() == stageCRD {
		return 0
	}
	kind, otherKind := d.kind(), other.kind()
	a, b := slices.Index(installOrder, kind), slices.Index(installOrder, otherKind)
	switch {
	case a < 0 && b < 0:
		return strings.Compare(kind, otherKind)
	case a < 0:
		return 1
	case b < 0:
		return -1
	}
	return a - b
}

// kind is that of the document itself.
func (d *Document) kind() string {
	if topList.Match(d.Text) {
		return "List"
	}
	return textAt(d.Resources[0].Node, "kind")
}

// Place is a field of a document without fields of its own, and where it comes from.
type Place struct {
	Resource *Resource
	Path     []string           // in the resource
	Line     int                // in the text of the document, from 1
	At       []finding.Position // the values that it reads, or else the line of the template or manifest

	ends bool // on the line, so that a comment can follow
}

// Places returns the fields of a document in the order of its text.
func (d *Document) Places() []Place {
	docs, _ := repo.ParseLastWins(d.Source, ended(d.Text))
	if len(docs) != 1 {
		return nil
	}
	roots := items(docs[0].Node)
	if len(roots) != len(d.Resources) {
		return nil
	}
	lines := bytes.Split(d.Text, []byte("\n"))
	var found []Place
	for i, r := range d.Resources {
		var walk func(n *yaml.Node, path []string)
		walk = func(n *yaml.Node, path []string) {
			switch {
			case len(n.Content) == 0:
				if _, from := r.Find(path...); from != nil && n.Line >= 1 && n.Line <= len(lines) {
					found = append(found, Place{r, path, n.Line, r.Origin(from).places(), endsOn(lines[n.Line-1], n)})
				}
			case n.Kind == yaml.MappingNode:
				for at := 0; at+1 < len(n.Content); at += 2 {
					walk(n.Content[at+1], append(slices.Clip(path), n.Content[at].Value))
				}
			default:
				for at, c := range n.Content {
					walk(c, append(slices.Clip(path), strconv.Itoa(at)))
				}
			}
		}
		walk(roots[i], nil)
	}
	return found
}

var quotedScalar = lazyregexp.New(`^(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')`)

// endsOn reports whether a node without content ends on its line; a block scalar does where its header does.
func endsOn(line []byte, n *yaml.Node) bool {
	text := []rune(string(line))
	if n.Column < 1 || n.Column > len(text) {
		return false
	}
	rest := string(text[n.Column-1:])
	switch {
	case n.Kind != yaml.ScalarNode || n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return true
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		return quotedScalar.MatchString(rest)
	}
	return strings.HasPrefix(rest, n.Value)
}

// WithPlaces returns the text with a comment on each line that has a field: where it comes from. The comments change no value.
func (d *Document) WithPlaces() []byte {
	at := map[int][]string{}
	open := map[int]bool{}
	for _, p := range d.Places() {
		open[p.Line] = open[p.Line] || !p.ends
		for _, place := range p.At {
			place.Column = 0
			if text := place.String(); !slices.Contains(at[p.Line], text) {
				at[p.Line] = append(at[p.Line], text)
			}
		}
	}
	lines := strings.Split(string(d.Text), "\n")
	for i, line := range lines {
		if places := at[i+1]; len(places) > 0 && !open[i+1] {
			lines[i] = strings.TrimRight(line, " \t\r") + "  # " + strings.Join(places, ", ")
		}
	}
	out := []byte(strings.Join(lines, "\n"))
	if !sameValues(d.Text, out) {
		return d.Text
	}
	return out
}

// sameValues reports whether two texts are the same objects.
func sameValues(a, b []byte) bool {
	var x, y any
	return sigsyaml.Unmarshal(ended(a), &x) == nil && sigsyaml.Unmarshal(ended(b), &y) == nil && reflect.DeepEqual(x, y)
}

// places are the values that are read, or else the source.
func (o Origin) places() []finding.Position {
	var at []finding.Position
	for _, v := range o.Values {
		if v.At.File != "" {
			at = append(at, v.At)
		}
	}
	if len(at) == 0 {
		at = append(at, o.Source)
	}
	return at
}
