package diff

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// index is a side with what belongs together in it.
type index struct {
	*Side
	byKey     map[string][]int
	owners    []*instance.Owner // by resource; nil for none
	redisOf   [][]string        // by resource, the names of the Redis that it is, or belongs to
	known     map[string]bool   // the names of all
	instances map[string]*instance.Instance
	all       []*instance.Instance
	hosts     map[string][]string // the names of Redis by the name of a Service
	secrets   map[string]bool     // with passwords
	gone      map[int]bool        // resources that another change speaks for
	deployers map[string][]int    // resources of Argo CD and Flux, by kind and name
	names     []finding.Resource  // of the resources
}

func newIndex(s *Side, operators []*cue.Operator) *index {
	x := &index{
		Side: s, byKey: map[string][]int{}, redisOf: make([][]string, len(s.Resources)), known: map[string]bool{}, instances: map[string]*instance.Instance{},
		hosts: map[string][]string{}, secrets: map[string]bool{}, gone: map[int]bool{}, deployers: map[string][]int{},
	}
	documents := make([]instance.Document, len(s.Resources))
	for i, r := range s.Resources {
		x.names = append(x.names, finding.Resource{
			APIVersion: instance.Text(r.Object["apiVersion"]), Kind: instance.Text(r.Object["kind"]), Name: instance.Text(value(r.Object, "metadata", "name")),
			Namespace: cmp.Or(instance.Text(value(r.Object, "metadata", "namespace")), r.Namespace),
		})
		documents[i] = instance.Document{Object: r.Object, Namespace: r.Namespace, Application: r.Application, Where: strconv.Itoa(i)}
		x.byKey[x.key(i)] = append(x.byKey[x.key(i)], i)
		if isDeployer(x.kind(i)) {
			key := x.kind(i) + "/" + x.name(i)
			x.deployers[key] = append(x.deployers[key], i)
		}
	}
	x.owners = instance.Owners(documents, operators, s.Options)
	found := instance.Find(documents, operators, s.Options)
	x.all = found
	for i, o := range x.owners {
		if o == nil {
			continue
		}
		name := x.kind(i) + " " + qualified(x.namespace(i), o.Name)
		x.redisOf[i] = []string{name}
		x.known[name] = true
	}
	maps := x.referred(documents, operators)
	for _, in := range found {
		name := in.Kind + " " + qualified(in.Namespace, in.Name)
		x.known[name] = true
		x.instances[name] = in
		x.belongs(name, in, maps)
	}
	for i, r := range s.Resources {
		if x.owners[i] == nil && runsPods(x.kind(i)) {
			x.redisOf[i] = append(x.redisOf[i], x.usedBy(r.Object, x.namespace(i))...)
		}
		if d := r.Deployer; d != nil {
			x.deployed(i, d)
		}
	}
	for i := range x.redisOf {
		slices.Sort(x.redisOf[i])
		x.redisOf[i] = slices.Compact(x.redisOf[i])
	}
	return x
}

func qualified(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "/" + name
}

func (x *index) kind(i int) string { return x.names[i].Kind }

func (x *index) name(i int) string { return x.names[i].Name }

func (x *index) namespace(i int) string { return x.names[i].Namespace }

func (x *index) group(i int) string {
	group, _, versioned := strings.Cut(x.names[i].APIVersion, "/")
	if !versioned {
		return ""
	}
	return group
}

func (x *index) key(i int) string {
	return strings.Join([]string{x.group(i), x.kind(i), x.namespace(i), x.name(i)}, "\x00")
}

// anywhere returns the resources of a kind and name, where the namespace is not known on one of the sides.
func (x *index) anywhere(other *index, i int) []int {
	var found []int
	for j := range x.Resources {
		if x.name(j) == other.name(i) && x.kind(j) == other.kind(i) && x.group(j) == other.group(i) && (x.namespace(j) == "" || other.namespace(i) == "") {
			found = append(found, j)
		}
	}
	if len(found) > 1 {
		return nil
	}
	return found
}

func (x *index) resource(i int) finding.Resource { return x.names[i] }

// referred returns the names of ConfigMaps that resources read, by the resource.
func (x *index) referred(documents []instance.Document, operators []*cue.Operator) map[string][]string {
	out := map[string][]string{}
	_, references := instance.References(documents, operators, x.Options)
	for _, r := range references {
		if r.Kind == "ConfigMap" {
			out[r.Where] = append(out[r.Where], r.Name)
		}
	}
	for i, o := range x.owners {
		if o != nil && runsPods(x.kind(i)) {
			configMaps(x.Resources[i].Object, func(name string) { out[strconv.Itoa(i)] = append(out[strconv.Itoa(i)], name) })
		}
	}
	return out
}

// configMaps visits the names of ConfigMaps in volumes and environments.
func configMaps(data any, visit func(name string)) {
	switch data := data.(type) {
	case []any:
		for _, element := range data {
			configMaps(element, visit)
		}
	case map[string]any:
		for key, below := range data {
			if slices.Contains([]string{"configMap", "configMapRef", "configMapKeyRef"}, key) {
				if name := instance.Text(value(below, "name")); name != "" {
					visit(name)
				}
			}
			configMaps(below, visit)
		}
	}
}

// belongs notes what belongs to a Redis.
func (x *index) belongs(redis string, in *instance.Instance, maps map[string][]string) {
	secrets := map[string]bool{}
	for _, a := range []*instance.Auth{in.Auth, sentinelAuth(in)} {
		if a != nil {
			secrets[a.Secret], x.secrets[a.Secret] = true, true
		}
	}
	for _, s := range in.Services {
		x.hosts[s.Name] = append(x.hosts[s.Name], redis)
	}
	configs := map[string]bool{}
	for _, name := range maps[in.Where] {
		configs[name] = true
	}
	for i, r := range x.Resources {
		if x.namespace(i) != in.Namespace {
			continue
		}
		name := x.name(i)
		mine := false
		switch x.kind(i) {
		case "Service":
			mine = slices.ContainsFunc(in.Services, func(s instance.Service) bool { return s.Name == name && s.By == "repository" })
		case "Secret", "SealedSecret":
			mine = secrets[name]
		case "ExternalSecret":
			mine = secrets[cmp.Or(instance.Text(value(r.Object, "spec", "target", "name")), name)]
		case "ConfigMap":
			mine = configs[name]
		case "NetworkPolicy":
			mine = selects(value(r.Object, "spec", "podSelector"), in.Pods)
		case "PodDisruptionBudget":
			mine = selects(value(r.Object, "spec", "selector"), in.Pods)
		}
		if mine {
			x.redisOf[i] = append(x.redisOf[i], redis)
		}
	}
}

func sentinelAuth(in *instance.Instance) *instance.Auth {
	if in.Sentinel == nil {
		return nil
	}
	return in.Sentinel.Auth
}

// selects reports whether a selector matches pods, as far as their labels are known.
func selects(selector any, pods []instance.Pods) bool {
	if mapping(value(selector, "matchLabels")) == nil && value(selector, "matchExpressions") != nil {
		return false
	}
	return slices.ContainsFunc(pods, func(p instance.Pods) bool {
		for key, want := range instance.Texts(value(selector, "matchLabels")) {
			if p.Labels[key] != want && p.Master[key] != want && p.Replica[key] != want {
				return false
			}
		}
		return true
	})
}

// runsPods reports whether a kind has a template of pods.
func runsPods(kind string) bool {
	return slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "Pod", "Rollout"}, kind)
}

// usedBy returns the Redis that the containers of a workload know by a variable.
func (x *index) usedBy(data any, namespace string) []string {
	var out []string
	switch data := data.(type) {
	case []any:
		for _, element := range data {
			out = append(out, x.usedBy(element, namespace)...)
		}
	case map[string]any:
		for key, below := range data {
			list, _ := below.([]any)
			if key != "env" || list == nil {
				out = append(out, x.usedBy(below, namespace)...)
				continue
			}
			for _, variable := range list {
				out = append(out, x.named(instance.Text(value(variable, "value")), namespace)...)
			}
		}
	}
	return out
}

var (
	hostInText = lazyregexp.New(`[a-z0-9]([-a-z0-9.]*[a-z0-9])?`)
	address    = lazyregexp.New(`://|:[0-9]+|\.svc\b`)
)

// named returns the Redis whose Service an address names.
func (x *index) named(text, namespace string) []string {
	if !address.MatchString(text) || len(x.hosts) == 0 {
		return nil
	}
	var out []string
	for _, host := range hostInText.FindAllString(text, -1) {
		name, rest, _ := strings.Cut(host, ".")
		in, _, _ := strings.Cut(rest, ".")
		for _, redis := range x.hosts[name] {
			of := x.instances[redis]
			if of == nil || in == "" && (of.Namespace == namespace || of.Namespace == "") || in != "" && (of.Namespace == in || of.Namespace == "") {
				out = append(out, redis)
			}
		}
	}
	return out
}

// deployed notes the Redis that an object of Argo CD or Flux deploys, for the changes of that object itself.
func (x *index) deployed(i int, d *Deployer) {
	if x.owners[i] == nil || len(x.redisOf[i]) == 0 {
		return
	}
	key := instance.Text(d.Object["kind"]) + "/" + instance.Text(value(d.Object, "metadata", "name"))
	for _, j := range x.deployers[key] {
		x.redisOf[j] = append(x.redisOf[j], x.redisOf[i]...)
	}
}

// position reads file:line.
func position(where string) finding.Position {
	file, line, found := strings.Cut(where, ":")
	if !found {
		return finding.Position{File: where}
	}
	line, _, _ = strings.Cut(line, ":")
	n, _ := strconv.Atoi(line) // a number, or not known
	return finding.Position{File: file, Line: n}
}
