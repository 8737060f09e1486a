// Package model is what rules see of a repository as a whole: data.repo, with the names of its json tags.
//
// The comments of the fields are the descriptions of docs/schema/repository.schema.json, which authors of rules read.
package model

import (
	_ "embed"

	"github.com/redis-gitops/redis-gitops/policy"
)

// Source is the text of this file, for the descriptions of the schema. A program that does not use it leaves it out.
//
//go:embed model.go
var Source string

// Repository is data.repo. A list is empty rather than null, and a resource is named by its index in resources. Where a field is
// unknown, it is "" or 0 unless its description says otherwise.
type Repository struct {
	// Every rendered resource; the index of a resource is its id.
	Resources []Resource `json:"resources"`
	// Every Redis instance of any operator, sorted by resource.
	Redis []Redis `json:"redis"`
	// The pods that the operator of a resource creates, or those of a workload with Redis, sorted by resource.
	Pods []PodSpec `json:"pods"`
	// The fields of the operators' resources that name another object, sorted by resource.
	References []Reference `json:"references"`
	// The directories that are rendered: charts, kustomizations, and applications of plain manifests.
	Applications []Application `json:"applications"`
	// The source documents other than resources.
	Documents []Document `json:"documents"`
	// The templates from which generate creates resources and deployments.
	Generators []Generator `json:"generators"`
	// What installs a Redis operator.
	Operators []Installation `json:"operators"`
	// The chart templates that call a nondeterministic function (randAlphaNum, uuidv4), which rendered resources do not show.
	Templates []Template `json:"templates"`
	// All file names.
	Files []string `json:"files"`
}

// Resource is a rendered resource.
type Resource struct {
	// The index in resources. A violation names a resource by it.
	ID int `json:"id"`
	// The directory that was rendered.
	Unit string `json:"unit"`
	// The deployments of one directory, counted from 0. Resources of one unit in different sets are independent of each other.
	Set string `json:"set"`
	// The name of the application; "" outside of one.
	App string `json:"app"`
	// The template or manifest.
	File       string `json:"file"`
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// The target namespace: the resource's own, or that of the deployment of the application.
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// The resource itself; metadata.namespace is as written in the manifest.
	Object policy.Value `json:"object" schema:"object"`
}

// Redis is a Redis instance. Hosts are Service names without the namespace.
type Redis struct {
	// The id of the resource.
	Resource int    `json:"resource"`
	Operator string `json:"operator"`
	// The version of the operator.
	Version   string `json:"version"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	// The port of the endpoint for writes.
	Port int `json:"port"`
	// The operator's Services that select the master.
	Writes []Host `json:"writes"`
	// The operator's Services that select the replicas.
	Reads []Host `json:"reads"`
	// The operator's Services that select the sentinels.
	Sentinels []Host `json:"sentinels"`
	// The Services that select the master and the replicas: the operator's, and those of the repository with the port 0.
	Any []Host `json:"any"`
	// The name of the master that the sentinels watch.
	MasterName string `json:"masterName"`
	// The Secret with the password; null without one.
	Secret *Secret `json:"secret"`
	// The objects that the operator creates.
	Objects []Object `json:"objects"`
	// The number of Redis pods.
	Replicas int `json:"replicas"`
	// Whether it is a Redis Cluster.
	Cluster bool `json:"cluster"`
}

// Host is a Service and one of its ports.
type Host struct {
	Host string `json:"host"`
	Port int    `json:"port"`
}

// Secret is a key of a Secret.
type Secret struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

// Object is an object that an operator creates.
type Object struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// PodSpec is one kind of pods of a resource. The lists of paths lead into the resource.
type PodSpec struct {
	// The id of the resource.
	Resource int `json:"resource"`
	// The operator; "" for a workload.
	Operator string `json:"operator"`
	// The role of the pods, such as redis, sentinel or leader.
	Part     string            `json:"part"`
	Replicas int               `json:"replicas"`
	Labels   map[string]string `json:"labels"`
	// Whether Redis and its sentinels read the address of a replica from its connection.
	PeerAddress bool `json:"peerAddress"`
	// Whether an update starts a new pod before it stops an old one.
	Surges bool `json:"surges"`
	Port   int  `json:"port"`
	// The paths of single fields, by the name of the field in a pod, such as affinity.
	At map[string][]string `json:"at"`
	// What the operator adds itself.
	Own []Own `json:"own"`
	// The field of a container with its volume mounts.
	MountsKey  string     `json:"mountsKey"`
	Volumes    [][]string `json:"volumes"`
	Mounts     [][]string `json:"mounts"`
	Containers [][]string `json:"containers"`
	Init       [][]string `json:"init"`
	Env        [][]string `json:"env"`
	Images     [][]string `json:"images"`
}

// Own is what the operator adds to a pod itself. A field that does not apply is "" or 0.
type Own struct {
	Volume    string `json:"volume"`
	Mount     string `json:"mount"`
	Container string `json:"container"`
	Init      string `json:"init"`
	Port      int    `json:"port"`
}

// Reference is the name of another object in a field of a resource.
type Reference struct {
	// The id of the resource.
	Resource int `json:"resource"`
	// The path of the name in the resource; indexes of lists are numbers.
	Path []any `json:"path" schema:"string,integer"`
	// The kind of the other object.
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Whether the operator creates the object if it does not exist.
	Created bool `json:"created"`
}

// Application is a rendered directory.
type Application struct {
	Name string `json:"name"`
	Dir  string `json:"dir"`
	Kind string `json:"kind" enum:"chart,kustomize,plain"`
	// The namespace of its deployment.
	Namespace string `json:"namespace"`
	// Whether the repository has a deployment of it.
	Deployed bool `json:"deployed"`
	// Whether the directory is an application of the layout.
	IsApplication bool `json:"application"`
	// The files in its directory templates.
	Templates []string `json:"templates"`
	// The example values in the comments at the top of templates.
	Headers []Header `json:"headers"`
	// The values files of a chart.
	Values       []ValuesFile `json:"values"`
	*ChartFields              // of a chart only
}

// ChartFields are what only charts have.
type ChartFields struct {
	// Only for charts.
	Chart ChartName `json:"chart"`
	Flow
}

// ChartName names a chart.
type ChartName struct {
	// The name in Chart.yaml.
	Name string `json:"name"`
	// Chart.yaml.
	File string `json:"file"`
}

// Header is the example values at the top of a template.
type Header struct {
	File string `json:"file"`
	// The number of the first line.
	Line int `json:"line"`
	// The lines without the comment characters.
	Lines []string `json:"lines"`
}

// ValuesFile is a values file of a chart.
type ValuesFile struct {
	File string `json:"file"`
	// The index of the document in the file.
	Document int          `json:"document"`
	Data     policy.Value `json:"data"`
}

// Flow is how the values and the templates of a chart fit together.
type Flow struct {
	// The first three keys of every path that templates read.
	Read [][]string `json:"read"`
	// The paths that templates read unconditionally and no values file sets.
	Unset []Unset `json:"unset"`
	// The paths that values files set and no template reads.
	Unread [][]string `json:"unread"`

	skipped map[string]bool // paths that no values set and that would be read with other ones
}

// Unset is a path that templates read and no values file sets.
type Unset struct {
	Path []string `json:"path"`
	// Where it is read.
	Reads []Location `json:"reads"`
	// The keys that are set next to it.
	Siblings []string `json:"siblings"`
}

// Location is a line and column of a file, both counted from 1.
type Location struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// Document is a source document other than a resource.
type Document struct {
	File string `json:"file"`
	// The index of the document in the file.
	Document int          `json:"document"`
	Type     string       `json:"type" enum:"chart,values,kustomization"`
	Data     policy.Value `json:"data"`
}

// Generator is a template of new resources or deployments.
type Generator struct {
	File  string `json:"file"`
	Group string `json:"group" enum:"resources,deployments"`
	// What it creates: the name of the file without its extension.
	Type string `json:"type"`
	Flow
	// The example values in the comment at its top.
	Example policy.Value `json:"example"`
}

// Installation installs an operator. It is in a resource, or in a file that is not rendered.
type Installation struct {
	// The operator; "" if it is one of perhaps.
	Operator string `json:"operator"`
	// Whose build it is.
	Owner string `json:"owner"`
	// The operators that it can be.
	Perhaps []string `json:"perhaps"`
	// The kinds of the operator's resources.
	Kinds     []string `json:"kinds"`
	Version   string   `json:"version"`
	Namespace string   `json:"namespace"`
	// Whether it is a Helm chart.
	Chart bool `json:"chart"`
	// Whether it leaves out the CustomResourceDefinitions.
	SkipsCRDs bool `json:"skips_crds"`
	// The path of the version, or of what names the operator.
	Path []string `json:"path"`
	// The label without which the operator ignores a resource; "" if it needs none.
	Group string `json:"group"`
	// The directory of the file; "" for a resource, or if the file cannot be read completely.
	Dir string `json:"dir"`
	// The id of the resource; missing for a file.
	Resource *int `json:"resource,omitempty"`
	// Missing for a resource.
	File string `json:"file,omitempty"`
	// The index of the document in the file; missing for a resource.
	Document *int `json:"document,omitempty"`
}

// Template is a chart template.
type Template struct {
	File string `json:"file"`
	Text string `json:"text"`
}
