// Package instance finds the Redis instances of a repository and how each is reached: hosts, ports, the name of the master and the
// Secret with the password. It reads resources as plain data and asks no cluster; what operators call things stands in the
// schemes of cue/operator.
package instance

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/render"
)

// Document is a resource as plain data: maps with string keys, slices, strings, bools, nil and numbers.
type Document struct {
	Object      map[string]any
	Namespace   string // that it goes to when it names none; "" is unknown
	Application string // that it belongs to; "" for none
	Where       string // file:line of what a person edits
	File        string // that it was read from, and its index there; "" where nobody asks
	Index       int
	Broken      bool // it cannot be read or rendered; its text names an operator, and Object is nil

	release *render.Resource // of a Redis that a chart makes which is elsewhere
}

// Options say what is known of the operators beside the documents. The zero value knows nothing.
type Options struct {
	Operator, Version string    // what the configuration says runs in the cluster; "" for nothing
	Found             []Running // what the repository shows; see [Recognise]
	Fallback          string    // the operator of a kind that several own and nothing distinguishes; "" is [cue.DefaultOperator]

	// Others are further documents of the repository, in which the clusters of databases are looked for.
	Others []Document
}

// An Instance is one Redis and how it is reached.
type Instance struct {
	Name        string    `json:"name"`
	Namespace   string    `json:"namespace"` // "" is unknown
	Application string    `json:"application"`
	Operator    string    `json:"operator"` // a folder of cue/operator
	Version     string    `json:"version"`  // of the operator
	APIVersion  string    `json:"apiVersion"`
	Kind        string    `json:"kind"`
	Where       string    `json:"where"`
	Replicas    int       `json:"replicas"` // all copies of the data; 0 is unknown
	Cluster     bool      `json:"cluster,omitempty"`
	TLS         bool      `json:"tls,omitempty"`
	Write       *Endpoint `json:"write,omitempty"` // nil: no Service leads to the master
	Read        *Endpoint `json:"read,omitempty"`
	Sentinel    *Sentinel `json:"sentinel,omitempty"`
	Auth        *Auth     `json:"auth,omitempty"`   // nil: no password
	Services    []Service `json:"services"`         // all that lead to it, sorted by name and port
	Absent      []Service `json:"absent,omitempty"` // that its operator makes in another version or with other fields
	Notes       []string  `json:"notes,omitempty"`
	Perhaps     []string  `json:"-"` // other operators that own the kind, where nothing says which of them it is
	Pods        []Pods    `json:"-"` // which pods it has; more than one where several workloads make up one Redis
	Parts       []Part    `json:"-"` // the same with those of its sentinels; empty where its operator's facts do not say

	Backups []Document `json:"-"` // the CronJobs that have BackupLabel with its name
	Drills  []Document `json:"-"` // those that have DrillLabel

	// Release stands for the release of a chart that is not in the repository; nil for every other Redis, and where a cluster was asked.
	Release *render.Resource `json:"-"`
}

// The labels by which the addon backup marks its CronJobs, with the name of the Redis: the one that backs it up, and the one that restores
// its newest backup into a temporary Redis.
const (
	BackupLabel = "redis-gitops.io/backup"
	DrillLabel  = "redis-gitops.io/restore-drill"
)

// Pods are the labels by which the pods of a Redis are found.
type Pods struct {
	Labels  map[string]string // of each of them; empty: the files do not say
	Master  map[string]string // that only the master has, beside those; empty: no label marks it
	Replica map[string]string
}

// Endpoint is a host and a port.
type Endpoint struct {
	Service string `json:"service"`
	Host    string `json:"host"` // with the namespace where it is known: SERVICE.NAMESPACE.svc
	Port    int    `json:"port"` // 0: the operator chooses it
}

// address gives host:port.
func (e *Endpoint) address() string { return e.Host + ":" + strconv.Itoa(e.Port) }

// Sentinel is how the sentinels of a Redis are reached.
type Sentinel struct {
	Endpoint
	Master string   `json:"master"`         // what they call the master; "" is unknown
	Hosts  []string `json:"hosts"`          // host:port of each, or of the Service before them
	Auth   *Auth    `json:"auth,omitempty"` // of the sentinels themselves
}

// Auth is where the password is.
type Auth struct {
	Secret      string `json:"secret"`
	Key         string `json:"key"`
	UsernameKey string `json:"usernameKey,omitempty"` // of the same Secret; "" without a user name
	Trim        bool   `json:"-"`                     // the operator strips white space around the password
}

// Role is what a Service leads to.
type Role string

// The roles of Services.
const (
	Write     Role = "write"    // the master
	Read      Role = "read"     // the replicas
	All       Role = "all"      // any pod
	Sentinels Role = "sentinel" // the sentinels
	Metrics   Role = "metrics"  // the exporter
)

// Service is one that leads to a Redis.
type Service struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Port      int    `json:"port"`
	Role      Role   `json:"role"`
	By        string `json:"by"` // "operator", or "repository" for one that is written there
}

// Find returns the Redis instances of documents, sorted by application, name and namespace. Documents of one cluster belong in one call.
func Find(documents []Document, operators []*cue.Operator, o Options) []*Instance {
	return newFinder(documents, operators, o).find()
}

// FindAll returns what [Find] and [References] do, and matches each document once.
func FindAll(documents []Document, operators []*cue.Operator, o Options) ([]*Instance, []PodSpec, []Reference) {
	f := newFinder(documents, operators, o)
	pods, references := f.references()
	return f.find(), pods, references
}

func newFinder(documents []Document, operators []*cue.Operator, o Options) *finder {
	return &finder{documents: documents, operators: operators, options: o, services: map[string][]*Document{}, filed: map[string]map[string][]selector{}, headless: map[string]bool{},
		known: map[identity]*Instance{}, matches: map[*Document]*match{}}
}

func (f *finder) find() []*Instance {
	for i := range f.documents {
		d := &f.documents[i]
		if d.kind() == "Service" && d.apiVersion() == "v1" {
			f.services[d.namespace()] = append(f.services[d.namespace()], d)
		}
	}
	for i := range f.documents {
		f.add(&f.documents[i])
	}
	for _, s := range f.sentinels {
		f.attach(s)
	}
	f.backups()
	sortInstances(f.instances)
	return f.instances
}

// backups gives each Redis the CronJobs that bear its name.
func (f *finder) backups() {
	for i := range f.documents {
		d := &f.documents[i]
		if d.kind() != "CronJob" {
			continue
		}
		labels := Texts(at(d.Object, "metadata", "labels"))
		for _, in := range f.instances {
			switch in.Name {
			case labels[BackupLabel]:
				in.Backups = append(in.Backups, *d)
			case labels[DrillLabel]:
				in.Drills = append(in.Drills, *d)
			}
		}
	}
}

func sortInstances(instances []*Instance) {
	slices.SortStableFunc(instances, func(a, b *Instance) int {
		return cmp.Or(cmp.Compare(a.Application, b.Application), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind))
	})
}

type finder struct {
	documents []Document
	operators []*cue.Operator
	options   Options
	services  map[string][]*Document           // by namespace
	filed     map[string]map[string][]selector // the same by a label that they select, once asked for
	headless  map[string]bool                  // by namespace/name
	others    map[string][]*Document           // that schemes read beside a Redis, by kind and name or namespace, once asked for
	instances []*Instance
	known     map[identity]*Instance // of these
	sentinels []*match               // of other resources
	matches   map[*Document]*match   // of the documents that were matched, nil for those that are no Redis
}

// match is a document and the scheme that it fits.
type match struct {
	scope
	operator *cue.Operator
	scheme   cue.Scheme
	perhaps  []string // see [Instance]
}

// rankByFields is the rank of a match whose operator is known from the resource itself.
const rankByFields = 2

func (f *finder) add(d *Document) {
	m := f.match(d)
	if m == nil {
		return
	}
	switch m.scheme.Is {
	case "ignored":
		return
	case "sentinel":
		f.sentinels = append(f.sentinels, m)
		return
	}
	in := f.instance(m)
	if known := f.known[in.identity()]; known != nil {
		known.merge(in)
		return
	}
	f.known[in.identity()] = in
	f.instances = append(f.instances, in)
}

// match finds the operator and scheme of a document; nil when it is no Redis.
func (f *finder) match(d *Document) *match {
	m, known := f.matches[d]
	if !known {
		m = f.matchAnew(d)
		f.matches[d] = m
	}
	return m
}

func (f *finder) matchAnew(d *Document) *match {
	var fits []*match
	for _, o := range f.operators {
		version := f.version(o)
		for _, scheme := range o.SchemesOf(d.kind()) {
			if !slices.Contains(scheme.APIVersions, d.apiVersion()) {
				continue
			}
			s := scope{object: d, version: version, vars: map[string]string{}}
			s.with = f.with(scheme.With, &s)
			if len(scheme.Images) > 0 {
				if s.container = redisContainer(d, scheme.Images); s.container == nil {
					continue
				}
			}
			if s.holds(scheme.If) {
				fits = append(fits, &match{scope: s, operator: o, scheme: scheme})
				break
			}
		}
	}
	if len(fits) == 0 {
		return nil
	}
	best := f.best(fits)
	name := best.scheme.Name
	if name == "" {
		name = "{metadata.name}"
	}
	best.vars["namespace"] = d.namespace()
	if best.vars["name"] = best.expand(name); best.vars["name"] == "" {
		return nil
	}
	port := best.scheme.Port
	if port == "" {
		port = strconv.Itoa(containerPort(best.container))
	}
	best.vars["port"] = best.expand(port)
	return best
}

// best returns the match whose operator is the most likely to run, the first of several, and tells it of the others if that is a guess.
func (f *finder) best(fits []*match) *match {
	if len(fits) == 1 {
		return fits[0]
	}
	best, least := fits[0], f.rank(fits[0])
	for _, m := range fits[1:] {
		if rank := f.rank(m); rank < least {
			best, least = m, rank
		}
	}
	if least > rankByFields {
		for _, m := range fits {
			if m != best && m.operator.Owns(m.object.apiVersion(), m.object.kind()) {
				best.perhaps = append(best.perhaps, m.operator.Name)
			}
		}
	}
	return best
}

// with finds the other resource of a scheme; nil if there is none, or more than one.
func (f *finder) with(w *cue.With, s *scope) map[string]any {
	if w == nil {
		return nil
	}
	if f.others == nil {
		f.others = map[string][]*Document{}
		f.index("", f.documents)
		f.index("elsewhere/", f.options.Others)
	}
	name, namespace := s.expand(w.Name), s.object.namespace()
	keys := []string{"both/" + namespace + "/" + name, "name/" + name}
	if own := s.expand(w.Namespace); own != "" {
		keys = []string{"both/" + own + "/" + name}
	} else if name == "" {
		keys = []string{"namespace/" + namespace}
	}
	for _, from := range []string{"", "elsewhere/"} {
		for _, key := range keys {
			if found := f.others[from+w.Kind+"/"+key]; len(found) > 0 {
				if len(found) > 1 || !slices.Contains(w.APIVersions, found[0].apiVersion()) {
					return nil
				}
				return found[0].Object
			}
		}
	}
	return nil
}

// index files documents for with by kind, name and namespace.
func (f *finder) index(from string, documents []Document) {
	for i := range documents {
		d := &documents[i]
		for _, key := range []string{"name/" + d.name(), "namespace/" + d.namespace(), "both/" + d.namespace() + "/" + d.name()} {
			key = from + d.kind() + "/" + key
			f.others[key] = append(f.others[key], d)
		}
	}
}

// rank describes how likely it is that the operator of a match runs: the configuration knows best, then what the repository
// installs, then the shape of the resource.
func (f *finder) rank(m *match) int {
	switch {
	case m.operator.Name == f.options.Operator:
		return 0
	case slices.ContainsFunc(f.options.Found, func(r Running) bool { return r.Operator == m.operator.Name }):
		return 1
	case slices.ContainsFunc(m.operator.Recognise().Fields, m.condition):
		return rankByFields
	case m.operator.Name == cmp.Or(f.options.Fallback, cue.DefaultOperator()):
		return 3
	case len(m.operator.Kinds) > 0 || len(m.scheme.Images) == 0: // Redis by its labels, before Redis by its image
		return 4
	}
	return 5
}

func (f *finder) version(o *cue.Operator) string {
	if o.Name == f.options.Operator && f.options.Version != "" {
		return f.options.Version
	}
	for _, r := range f.options.Found {
		if r.Operator == o.Name && r.Version != "" {
			return r.Version
		}
	}
	return o.Versions[0]
}

func (f *finder) instance(m *match) *Instance {
	d := m.object
	in := &Instance{
		Name: m.vars["name"], Namespace: d.namespace(), Application: d.Application, Operator: m.operator.Name, Version: m.version,
		APIVersion: d.apiVersion(), Kind: d.kind(), Where: d.Where, Replicas: number(m.expand(m.scheme.Replicas)),
		Cluster: len(m.scheme.Cluster) > 0 && m.holds(m.scheme.Cluster), TLS: len(m.scheme.TLS) > 0 && m.holds(m.scheme.TLS),
		Services: []Service{}, Perhaps: m.perhaps, Release: d.release,
	}
	in.Auth = m.auth(m.scheme.Auth)
	if in.Auth == nil {
		in.Auth = envAuth(d, m.container, m.scheme.AuthEnv)
	}
	in.Write = in.made(m, m.scheme.Write, Write)
	in.Read = in.made(m, m.scheme.Read, Read)
	in.sentinel(m)
	in.others(m)
	in.Parts = m.parts()
	pods := m.pods()
	if len(pods.Labels) > 0 {
		in.Pods = []Pods{pods}
		f.ownServices(m, in, pods)
	}
	for _, n := range m.scheme.Notes {
		if m.holds(n.If) {
			in.Notes = append(in.Notes, m.expand(n.Text))
		}
	}
	in.Absent = slices.DeleteFunc(in.Absent, func(s Service) bool { // an alternative that it makes anyway
		return slices.ContainsFunc(in.Services, func(made Service) bool { return made.Name == s.Name && made.Namespace == s.Namespace })
	})
	in.sortServices()
	return in
}

// others adds the Services beside those of clients.
func (in *Instance) others(m *match) {
	for _, s := range m.scheme.Others {
		if m.holds(s.If) {
			in.serve(m, s, Role(s.Role))
		} else {
			in.lacks(m.service(s, Role(s.Role)))
		}
	}
}

// made takes the first alternative that holds; the others are what the operator does not make.
func (in *Instance) made(m *match, alternatives []cue.Service, role Role) *Endpoint {
	var endpoint *Endpoint
	for _, s := range alternatives {
		switch {
		case m.expand(s.Service) == "":
		case endpoint == nil && m.holds(s.If):
			endpoint = in.serve(m, s, role)
		default:
			in.lacks(m.service(s, role))
		}
	}
	return endpoint
}

// lacks notes a Service that the operator does not make, if its fields give it a name.
func (in *Instance) lacks(s Service) {
	if IsName(s.Name) && !slices.Contains(in.Absent, s) {
		in.Absent = append(in.Absent, s)
	}
}

func (in *Instance) serve(m *match, s cue.Service, role Role) *Endpoint {
	service := m.service(s, role)
	in.Services = append(in.Services, service)
	return &Endpoint{Service: service.Name, Host: host(service.Name, service.Namespace), Port: service.Port}
}

func (m *match) service(s cue.Service, role Role) Service {
	namespace := m.object.namespace()
	if n := m.expand(s.Namespace); n != "" {
		namespace = n
	}
	port := s.Port
	if port == "" {
		port = "{port}"
	}
	return Service{Name: m.expand(s.Service), Namespace: namespace, Port: number(m.expand(port)), Role: role, By: "operator"}
}

func (in *Instance) sentinel(m *match) {
	for _, s := range m.scheme.Sentinel {
		if !m.holds(s.If) {
			continue
		}
		if s.Service == "" { // none, or one that is to be found by its port
			return
		}
		endpoint := in.serve(m, s, Sentinels)
		in.Sentinel = m.newSentinel(s, endpoint)
		return
	}
}

func (m *match) newSentinel(s cue.Service, endpoint *Endpoint) *Sentinel {
	out := &Sentinel{Endpoint: *endpoint, Master: m.expand(s.Master), Hosts: []string{endpoint.address()}, Auth: m.auth(s.Auth)}
	if strings.Contains(s.Master, "{namespace}") && m.object.namespace() == "" {
		out.Master = "" // its name is not known from the files
	}
	if s.Pods == "" {
		return out
	}
	if count := number(m.expand(s.Count)); count > 0 && count <= 99 {
		out.Hosts = nil
		defer delete(m.vars, "i")
		for i := range count {
			m.vars["i"] = strconv.Itoa(i)
			out.Hosts = append(out.Hosts, host(m.expand(s.Pods), m.object.namespace())+":"+strconv.Itoa(endpoint.Port))
		}
	}
	return out
}

// attach returns sentinels that are a resource of their own to the Redis that they watch.
func (f *finder) attach(m *match) {
	watched := m.expand(m.scheme.Watches)
	for _, in := range f.instances {
		if in.Name != watched || in.Namespace != m.object.namespace() || in.Operator != m.operator.Name || in.Sentinel != nil {
			continue
		}
		in.sentinel(m)
		in.others(m)
		in.Parts = append(in.Parts, m.parts()...)
		in.sortServices()
	}
}

// merge takes more pods of the same Redis over.
func (known *Instance) merge(in *Instance) {
	known.Replicas += in.Replicas
	known.Pods = append(known.Pods, in.Pods...)
	if known.Write == nil {
		known.Write = in.Write
	}
	if known.Read == nil {
		known.Read = in.Read
	}
	if known.Sentinel == nil {
		known.Sentinel = in.Sentinel
	}
	if known.Auth == nil {
		known.Auth = in.Auth
	}
	for _, s := range in.Services {
		if !slices.Contains(known.Services, s) {
			known.Services = append(known.Services, s)
		}
	}
	known.sortServices()
}

func (in *Instance) sortServices() {
	slices.SortStableFunc(in.Services, func(a, b Service) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Port, b.Port))
	})
}

func (m *match) auth(alternatives []cue.AuthFrom) *Auth {
	for _, a := range alternatives {
		if !m.holds(a.If) {
			continue
		}
		if secret := m.expand(a.Secret); secret != "" {
			return &Auth{Secret: secret, Key: m.expand(a.Key), UsernameKey: a.UsernameKey, Trim: a.Trim}
		}
	}
	return nil
}

// host returns the name of a Service, with its namespace where that is known.
func host(service, namespace string) string {
	if namespace == "" || service == "" {
		return service
	}
	return service + "." + namespace + ".svc"
}

var name = lazyregexp.New(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)

// IsName reports whether a word can be the name of a resource, and is no address: RFC 1123, without its bound of 253 characters.
func IsName(word string) bool { return name.MatchString(word) }

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 1<<20 {
		return 0
	}
	return n
}

func (d *Document) kind() string       { return text(d.Object["kind"]) }
func (d *Document) apiVersion() string { return text(d.Object["apiVersion"]) }

func (d *Document) name() string { return text(at(d.Object, "metadata", "name")) }

func (d *Document) namespace() string {
	return cmp.Or(text(at(d.Object, "metadata", "namespace")), d.Namespace)
}

func at(data any, path ...string) any { return cue.At(data, path...) }

func text(data any) string { return Text(data) }

// Text returns a scalar as text, "" for anything else.
func Text(data any) string {
	switch data := data.(type) {
	case string:
		return data
	case int, int64, uint64, bool:
		return fmt.Sprint(data)
	case float64:
		return strconv.FormatFloat(data, 'f', -1, 64)
	}
	return ""
}

func list(data any) []any {
	l, _ := data.([]any)
	return l
}

func stringMap(data any) map[string]string { return Texts(data) }

// Texts returns a mapping of scalars, such as labels, as texts; empty for anything else.
func Texts(data any) map[string]string {
	m, _ := data.(map[string]any)
	out := make(map[string]string, len(m))
	for key, value := range m {
		out[key] = Text(value)
	}
	return out
}

// imageName returns the last part of an image without tag and digest: redis of docker.io/library/redis:7.
func imageName(image string) string {
	image, _, _ = strings.Cut(image, "@")
	image = image[strings.LastIndexByte(image, '/')+1:]
	image, _, _ = strings.Cut(image, ":")
	return image
}
