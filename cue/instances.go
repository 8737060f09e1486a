package cue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"cuelang.org/go/cue"
)

// Recognition describes how a repository shows that it runs an operator.
type Recognition struct {
	Bases  []string `json:"bases,omitempty"`  // remote bases of kustomizations and Git sources: host/owner/name, lower case
	Charts []Chart  `json:"charts,omitempty"` // Helm charts
	Images []string `json:"images,omitempty"` // of the operator itself, without a tag
	// Lease is the name of the Lease that its leader renews in its own namespace; with a * at the end, how that name begins.
	Lease string `json:"lease,omitempty"`
	// Fields are conditions as in [Scheme]; a resource that fulfils one is written for this operator and for no other that
	// owns its kind.
	Fields []string `json:"fields,omitempty"`
	// Dialect are the fields that the operator adds to those of Spotahome's, such as spec.haproxy, and the publisher that has each.
	Dialect map[string]string `json:"dialect,omitempty"`
	// Group is the label without which the operator ignores a resource; nil where it needs none.
	Group *Group `json:"group,omitempty"`
}

// Group is a label that an operator selects its resources by.
type Group struct {
	Label     string `json:"label"`
	Env       string `json:"env"`       // of the operator, that holds the value of the label
	Publisher string `json:"publisher"` // whose builds of the operator need it
	Since     string `json:"since"`     // the first version that needs it
}

// Chart is a Helm chart that installs an operator.
type Chart struct {
	Name       string            `json:"name"`
	Repository string            `json:"repository"`          // without its scheme
	Publisher  string            `json:"publisher,omitempty"` // whose build of the operator it installs; default: the owner of the repository
	Versions   map[string]string `json:"versions,omitempty"`  // of the operator, by the first version of the chart that has it
}

// RedisChart is a Helm chart whose releases are a Redis each. Where the repository does not have it, its values stand for what it makes: as the
// spec of a resource of the kind Chart, whose metadata have the full name of the release, namespace, release, chart and version.
type RedisChart struct {
	Name       string   `json:"name"`
	Publishers []string `json:"publishers"` // a host or a part of the path of its repository
	Values     string   `json:"values"`     // the apiVersion of that resource
}

// KindOfCharts is the kind of the resources that stand for releases of charts.
const KindOfCharts = "Chart"

// ChartValues returns the apiVersion of the values of a chart, by its name and the URL of its repository, of whose publisher a mirror keeps the
// name; "" for a chart that no operator has.
func ChartValues(name, repository string) string {
	words := strings.FieldsFunc(strings.ToLower(repository), func(r rune) bool { return strings.ContainsRune("/:.", r) })
	for _, c := range redisCharts() {
		if c.Name == name && slices.ContainsFunc(c.Publishers, func(p string) bool {
			return slices.ContainsFunc(words, func(word string) bool { return word == p || strings.HasPrefix(word, p+"-") })
		}) {
			return c.Values
		}
	}
	return ""
}

var redisCharts = sync.OnceValue(func() []RedisChart {
	var charts []RedisChart
	operators, err := Operators()
	if err != nil {
		return nil // whoever needs the operators reports it
	}
	for _, o := range operators {
		charts = append(charts, o.derived.Charts...)
	}
	return charts
})

// Charts returns the charts whose releases belong to the operator.
func (o *Operator) Charts() []RedisChart { return o.derived.Charts }

// A Scheme says what a Redis, or a part of one, that the resources of a kind make is called. Texts may hold {name},
// {namespace}, {port}, {image}, {label:KEY} of the pods, and paths with a default, such as {spec.redis.port|6379}.
//
// Conditions are a path, which must be there and neither false nor empty; !PATH; PATH=VALUE; PATH!=VALUE; PATH:map;
// version>=VERSION or version<VERSION of the operator. All of a list must hold. Of alternatives the first one counts.
type Scheme struct {
	APIVersions []string `json:"apiVersions"`
	Kind        string   `json:"kind"`
	If          []string `json:"if,omitempty"`
	Images      []string `json:"images,omitempty"` // one of the containers has an image of that name, without host and tag
	// With is another resource whose fields count too: texts and conditions have them as with.PATH.
	With *With `json:"with,omitempty"`
	// Is is "" for a Redis, "replica" for more pods of the one with the same name, "sentinel" for the sentinels of another
	// resource, and "ignored" for what is no Redis of its own.
	Is       string     `json:"is,omitempty"`
	Name     string     `json:"name,omitempty"` // default {metadata.name}
	Port     string     `json:"port,omitempty"` // default 6379
	Replicas string     `json:"replicas,omitempty"`
	Cluster  []string   `json:"cluster,omitempty"` // conditions: it is a Redis Cluster
	TLS      []string   `json:"tls,omitempty"`     // conditions: clients must use TLS
	Write    []Service  `json:"write,omitempty"`   // alternatives
	Read     []Service  `json:"read,omitempty"`    // alternatives
	Sentinel []Service  `json:"sentinel,omitempty"`
	Others   []Service  `json:"others,omitempty"` // all that hold: Services that are neither
	Auth     []AuthFrom `json:"auth,omitempty"`
	// AuthEnv are variables of a container whose secretKeyRef has the password.
	AuthEnv []string `json:"authEnv,omitempty"`
	Watches string   `json:"watches,omitempty"` // of sentinels: the name of the Redis
	Pods    *Pods    `json:"pods,omitempty"`
	Parts   []Part   `json:"parts,omitempty"`
	Notes   []Note   `json:"notes,omitempty"`
}

// With names another resource: by its name in its namespace, in that of the Redis or in any other one, or the only one in the
// namespace of the Redis if the name is empty.
type With struct {
	APIVersions []string `json:"apiVersions"`
	Kind        string   `json:"kind"`
	Name        string   `json:"name"`
	Namespace   string   `json:"namespace,omitempty"`
}

// Service is one that the operator makes for a Redis.
type Service struct {
	If        []string   `json:"if,omitempty"`
	Service   string     `json:"service"`
	Namespace string     `json:"namespace,omitempty"` // default that of the Redis
	Port      string     `json:"port,omitempty"`      // default that of the Redis
	Role      string     `json:"role,omitempty"`      // of Others: "all", "metrics"
	Master    string     `json:"master,omitempty"`    // of sentinels: the name of the master
	Pods      string     `json:"pods,omitempty"`      // of sentinels: the host of each, with {i}; "" when pods have no stable names
	Count     string     `json:"count,omitempty"`     // of Pods
	Auth      []AuthFrom `json:"auth,omitempty"`      // of the sentinels themselves
}

// AuthFrom is the Secret with the password.
type AuthFrom struct {
	If          []string `json:"if,omitempty"`
	Secret      string   `json:"secret"`
	Key         string   `json:"key"`
	UsernameKey string   `json:"usernameKey,omitempty"` // of the Secret; "" when there is no user name
	Trim        bool     `json:"trim,omitempty"`        // the operator strips white space around the password
}

// Pods are the labels of the pods that the operator makes, by which Services of the repository find them.
type Pods struct {
	Labels  map[string]string `json:"labels,omitempty"` // default: those of the pod template
	Master  map[string]string `json:"master,omitempty"` // that only the master has
	Replica map[string]string `json:"replica,omitempty"`
}

// Note is something that a reader of the names must know.
type Note struct {
	If   []string `json:"if,omitempty"`
	Text string   `json:"text"`
}

// PodSpec reports which pods the operator creates for the resources of a kind, and at which paths of the resource their fields are. Texts
// and conditions are those of a [Scheme]; of the entries of one part the first whose conditions hold counts.
type PodSpec struct {
	APIVersions []string          `json:"apiVersions"`
	Kind        string            `json:"kind"`
	If          []string          `json:"if,omitempty"`
	Part        string            `json:"part"`               // what messages call the pods: redis, sentinel, leader
	Replicas    string            `json:"replicas,omitempty"` // "" is unknown
	Labels      map[string]string `json:"labels,omitempty"`   // of the pods; default: those of the pod template
	// LabelsFrom is the path of labels that the operator copies to the pods, LabelsAllow that of the patterns that limit which.
	LabelsFrom  string `json:"labelsFrom,omitempty"`
	LabelsAllow string `json:"labelsAllow,omitempty"`
	// PeerAddress: Redis and its sentinels take a replica's address from its connection, since nothing sets replica-announce-ip.
	PeerAddress bool `json:"peerAddress,omitempty"`
	// Surges: the pods are of a Deployment without a strategy, which starts a new pod before it stops an old one.
	Surges bool   `json:"surges,omitempty"`
	Port   string `json:"port,omitempty"` // that it listens on
	// At are the paths of fields by the name that they have in a PodSpec or a PodTemplateSpec of Kubernetes: affinity, nodeSelector,
	// topologySpreadConstraints, annotations, serviceAccountName, imagePullSecrets, priorityClassName.
	At map[string]string `json:"at,omitempty"`
	// Volumes, Mounts, Containers and Init are lists of what the resource adds to the pods; Env are lists of variables of the operator's
	// own containers, Images the images of those.
	Volumes    []string `json:"volumes,omitempty"`
	Mounts     []string `json:"mounts,omitempty"`
	Containers []string `json:"containers,omitempty"`
	Init       []string `json:"init,omitempty"`
	Env        []string `json:"env,omitempty"`
	Images     []string `json:"images,omitempty"`
	MountsKey  string   `json:"mountsKey,omitempty"` // of a container in Containers; default volumeMounts
	Own        []Own    `json:"own,omitempty"`
}

// Own is what the operator itself puts into the pods.
type Own struct {
	If        []string `json:"if,omitempty"`
	Volume    string   `json:"volume,omitempty"`
	Mount     string   `json:"mount,omitempty"` // a path in the containers of Redis or the sentinels
	Container string   `json:"container,omitempty"`
	Init      string   `json:"init,omitempty"`
	Port      string   `json:"port,omitempty"` // of Container
}

// Reference is a field that holds the name of another object of the same namespace, or of one without a namespace.
type Reference struct {
	APIVersions []string `json:"apiVersions"`
	Kind        string   `json:"kind"`
	If          []string `json:"if,omitempty"`
	Path        string   `json:"path"`              // a * is each element of a list
	To          string   `json:"to"`                // the kind of the object
	Created     bool     `json:"created,omitempty"` // the operator creates the object if it does not exist
}

// fields are the paths at which the resources of a kind have what every Redis has, for rules that apply to any operator. Paths are
// as in a [Scheme]; a resource has one entry for each part whose conditions hold, and of equal parts the first one.
type fields struct {
	APIVersions []string `json:"apiVersions,omitempty"` // empty for all that the kind has
	Kind        string   `json:"kind"`
	If          []string `json:"if,omitempty"` // without versions and labels
	Part        string   `json:"part"`         // redis, sentinel, leader, follower

	// Containers is the list with the container of Redis: that with an image of one of Images, or of one of Names. The paths of
	// Resources and Image are then those inside the container, and its command and arguments are part of the configuration.
	Containers string   `json:"containers,omitempty"`
	Images     []string `json:"images,omitempty"`
	Names      []string `json:"names,omitempty"`

	Resources []string `json:"resources,omitempty"` // requests and limits; the first that exists counts
	Sidecars  []string `json:"sidecars,omitempty"`  // the requests and limits of further containers
	Defaulted bool     `json:"defaulted,omitempty"` // the operator requests memory where Resources is silent
	Image     string   `json:"image,omitempty"`     // of a chart: the mapping with registry, repository, tag and digest

	// Repository is that of Image where the values of a chart name none, without the registry if that is docker.io.
	Repository string `json:"repository,omitempty"`

	Exporter string `json:"exporter,omitempty"` // true where the exporter runs

	// ExporterImage is the mapping with the image of the exporter, and ExporterRepository what it is where the values of a chart name none.
	ExporterImage      string `json:"exporterImage,omitempty"`
	ExporterRepository string `json:"exporterRepository,omitempty"`

	Replicas string `json:"replicas,omitempty"`
	Default  int    `json:"default,omitempty"` // of Replicas; 0 where the field is required
	Budget   string `json:"budget,omitempty"`  // minAvailable and maxUnavailable of the PodDisruptionBudget, where a chart has one

	Config *configFields `json:"config,omitempty"` // nil where the configuration is not in the resource
	Data   *dataFields   `json:"data,omitempty"`   // nil for parts without data
	Auth   *authFields   `json:"auth,omitempty"`   // nil where a password is not optional
}

// configFields are where directives of Redis are set.
type configFields struct {
	Lists   []string `json:"lists,omitempty"`   // of "directive value"
	Name    string   `json:"name,omitempty"`    // what messages call the place to add a directive
	Percent string   `json:"percent,omitempty"` // maxmemory as a percentage of the memory limit
	Hidden  []string `json:"hidden,omitempty"`  // conditions, each of which means that directives are set elsewhere

	// Texts are mappings with the texts of configuration files by name.
	Texts []string `json:"texts,omitempty"`

	// Maps are fields with the name of a ConfigMap whose Key holds further directives, one a line, which apply last.
	Maps []string `json:"maps,omitempty"`
	Key  string   `json:"key,omitempty"`
}

// dataFields are where the data is stored.
type dataFields struct {
	Kept  []string `json:"kept"`  // conditions, each of which means that the data survives the pod
	Field string   `json:"field"` // to set for a volume
	Lost  string   `json:"lost"`  // where the data is otherwise, as in "data is stored in …"
}

// authFields are where the password is set.
type authFields struct {
	Set   []string `json:"set"`   // conditions, each of which means that there may be a password
	Field string   `json:"field"` // to set
}

// Status is whether an operator is maintained, as seen on a day.
type Status struct {
	State string `json:"state"`           // maintained, archived, commercial, or none for no operator
	Since string `json:"since,omitempty"` // the day on which it was archived
	Seen  string `json:"seen"`            // the month in which this was read
	Note  string `json:"note,omitempty"`  // what a user should know, such as its last release

	Failover string `json:"failover"`          // what promotes a replica
	License  string `json:"license,omitempty"` // of the operator, by its SPDX identifier; "" for no operator and commercial ones
	Lacks    string `json:"lacks,omitempty"`   // what users miss

	Ways []Way `json:"ways,omitempty"` // to move to, the shortest first
}

// Way is a move from one operator to another.
type Way struct {
	To   string `json:"to"`   // the name of an operator
	Work string `json:"work"` // what has to be done
}

// Status returns whether the operator is maintained.
func (o *Operator) Status() Status { return o.derived.Status }

// fieldsByKind returns the fields of all operators by kind as a module of Rego, for rules: paths are lists, conditions objects.
func fieldsByKind() ([]byte, error) {
	kinds := map[string][]string{}
	for _, name := range operatorNames() {
		d, err := deriveOperator(name)
		if err != nil {
			return nil, err
		}
		for _, f := range d.fields {
			src, err := json.Marshal(f)
			if err != nil {
				return nil, err
			}
			var plain map[string]any
			if err := json.Unmarshal(src, &plain); err != nil {
				return nil, err
			}
			delete(plain, "kind")
			if src, err = json.Marshal(structured(plain)); err != nil {
				return nil, err
			}
			kinds[f.Kind] = append(kinds[f.Kind], string(src))
		}
	}
	var lines []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		lines = append(lines, fmt.Sprintf("\t%q: [\n\t\t%s\n\t]", kind, strings.Join(kinds[kind], ",\n\t\t")))
	}
	return []byte(fieldsHead + "{\n" + strings.Join(lines, ",\n") + "\n}\n"), nil
}

const fieldsHead = `# Where each operator's resources have what every Redis has, by kind; lib/redis.rego reads it. The tests of package cue write this
# file from the fields in cue/operator/*/operator.cue. Do not edit it.
package redisgitops.lib.fields

kinds := `

// structured returns fields with each path as a list of steps and each condition as an object.
func structured(fields map[string]any) map[string]any {
	for key, value := range fields {
		switch value := value.(type) {
		case map[string]any:
			fields[key] = structured(value)
		case string:
			if !slices.Contains([]string{"part", "name", "lost", "key", "repository", "exporterRepository"}, key) {
				fields[key] = strings.Split(value, ".")
			}
		case []any:
			for i, text := range value {
				switch key {
				case "if", "kept", "set", "hidden":
					value[i] = structuredCondition(text.(string))
				case "resources", "sidecars", "lists", "maps", "texts":
					value[i] = strings.Split(text.(string), ".")
				}
			}
		}
	}
	return fields
}

func structuredCondition(c string) map[string]any {
	if at, value, ok := strings.Cut(c, "!="); ok {
		return map[string]any{"path": strings.Split(at, "."), "not": value}
	}
	if at, value, ok := strings.Cut(c, "="); ok {
		return map[string]any{"path": strings.Split(at, "."), "is": value}
	}
	if at, ok := strings.CutPrefix(c, "!"); ok {
		return map[string]any{"path": strings.Split(at, "."), "set": false}
	}
	return map[string]any{"path": strings.Split(c, "."), "set": true}
}

// Recognise describes how a repository shows that it runs this operator.
func (o *Operator) Recognise() Recognition { return o.derived.Recognise }

// Schemes gives the schemes of this operator's names; of those that fit a resource the first one counts.
func (o *Operator) Schemes() []Scheme { return o.derived.Instances.all() }

// SchemesOf gives those of Schemes for resources of a kind. They are shared, and nobody may change them.
func (o *Operator) SchemesOf(kind string) []Scheme { return o.derived.Instances.of(kind) }

// Reads reports whether the names of this operator's resources depend on fields of other resources of a kind.
func (o *Operator) Reads(kind string) bool {
	return slices.ContainsFunc(o.derived.Instances, func(of *ofKind[Scheme]) bool { // without a copy: it is asked for each document
		return slices.ContainsFunc(of.get(), func(s Scheme) bool { return s.With != nil && s.With.Kind == kind })
	})
}

// RunsRedis reports whether resources of a kind can be a Redis of some operator, or belong to one: it is a custom resource of an operator,
// or has a scheme.
func RunsRedis(kind string) bool { return redisKinds()[kind] }

var redisKinds = sync.OnceValue(func() map[string]bool {
	kinds := map[string]bool{}
	operators, err := Operators()
	if err != nil {
		return kinds // whoever needs the operators reports it
	}
	for _, o := range operators {
		for _, k := range o.Kinds {
			kinds[k.Kind] = true
		}
		for _, s := range o.derived.Instances {
			kinds[s.Kind] = true
		}
	}
	return kinds
})

// PodSpecs returns the pods that this operator creates; those of a fork are its own and then those of the operator it comes from.
func (o *Operator) PodSpecs() []PodSpec {
	return forked(o, func(d *derived) []PodSpec { return d.PodSpecs.all() })
}

// PodSpecsOf returns those of PodSpecs for resources of a kind.
func (o *Operator) PodSpecsOf(kind string) []PodSpec {
	return forked(o, func(d *derived) []PodSpec { return d.PodSpecs.of(kind) })
}

// References returns the fields of this operator's resources that name other objects, with those of the operator it is a fork of.
func (o *Operator) References() []Reference {
	return forked(o, func(d *derived) []Reference { return d.References.all() })
}

// ReferencesOf returns those of References for resources of a kind.
func (o *Operator) ReferencesOf(kind string) []Reference {
	return forked(o, func(d *derived) []Reference { return d.References.of(kind) })
}

// Traits are how an operator treats its instances, whatever their resources say. The zero value claims nothing, so what is not
// known of an operator is not reported about its instances. The sources are in its operator.cue.
type Traits struct {
	// The operator makes a pod the master when all pods wait for one, when there is only one, or when the sentinels have no quorum;
	// otherwise it waits for the sentinels.
	Appoints bool `json:"appoints,omitempty"`

	// It sets every line of customConfig again in each round, with CONFIG SET and SENTINEL SET.
	Reapplies bool `json:"reapplies,omitempty"`

	// It always holds the Lease by which it is recognized.
	HoldsLease bool `json:"holdsLease,omitempty"`

	// It writes the password into redis.conf without quotes.
	BarePassword bool `json:"barePassword,omitempty"`

	ShutdownWait int      `json:"shutdownWait,omitempty"` // seconds that the preStop hook of a Redis with sentinels waits before it saves
	MaxName      int      `json:"maxName,omitempty"`      // characters of a name; it ignores resources with a longer one. 0 for no limit
	StatefulSet  string   `json:"statefulSet,omitempty"`  // the name of the StatefulSet of the servers, with {name} for that of the resource
	ConfigMaps   []string `json:"configMaps,omitempty"`   // the names of the ConfigMaps it creates, likewise

	Rotates Rotates `json:"rotates,omitzero"`
}

// Rotates is what becomes of a Redis whose resource names another Secret while its servers and sentinels accept both passwords: what
// happens, or what to do in place of that, as a sentence without a full stop.
type Rotates struct {
	Effect  string `json:"effect,omitempty"`
	Instead string `json:"instead,omitempty"`
}

// Traits returns how the operator treats its instances; a fork that states none has those of the operator it comes from.
func (o *Operator) Traits() Traits {
	if from := o.origin(); from != nil && reflect.ValueOf(o.derived.Traits).IsZero() {
		return from.Traits
	}
	return o.derived.Traits
}

func forked[T any](o *Operator, facts func(*derived) []T) []T {
	if from := o.origin(); from != nil {
		return slices.Concat(facts(o.derived), facts(from))
	}
	return facts(o.derived)
}

// origin returns the facts of the operator that this one is a fork of, or nil.
func (o *Operator) origin() *derived {
	if o.Fork == "" {
		return nil
	}
	from, err := readDerived("operator/" + o.Fork + "/structure.json")
	if err != nil {
		return nil // TestOperatorNamed reads it
	}
	return from
}

// deriveInstances takes recognition, schemes, traits and further facts over, and refuses a misspelt field.
func (d *derived) deriveInstances(v cue.Value) error {
	var schemes []Scheme
	var pods []PodSpec
	var references []Reference
	var moves []Moved
	for name, into := range map[string]any{"recognise": &d.Recognise, "charts": &d.Charts, "instances": &schemes, "podSpecs": &pods, "references": &references, "traits": &d.Traits, "migrates": &d.Migrates, "moves": &moves, "fields": &d.fields, "status": &d.Status, "template": &d.Template, "withoutAddons": &d.WithoutAddons, "addonNotes": &d.AddonNotes} {
		part := lookup(v, name)
		if !part.Exists() {
			continue
		}
		src, err := part.MarshalJSON()
		if err != nil {
			return err
		}
		decoder := json.NewDecoder(bytes.NewReader(src))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(into); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	var err error
	if d.Instances, err = kindedBy(schemes, func(s Scheme) string { return s.Kind }); err != nil {
		return err
	}
	if d.Moves, err = kindedBy(moves, func(m Moved) string { return m.Kind }); err != nil {
		return err
	}
	if d.PodSpecs, err = kindedBy(pods, func(p PodSpec) string { return p.Kind }); err != nil {
		return err
	}
	d.References, err = kindedBy(references, func(r Reference) string { return r.Kind })
	return err
}
