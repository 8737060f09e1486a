package cue

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"cuelang.org/go/cue"

	"github.com/redis-gitops/redis-gitops/finding"
)

// An Operator is what is known of one Redis operator. It is safe for concurrent use, and what it holds is shared: do not change it.
type Operator struct {
	Name      string   `json:"name"`
	Doc       string   `json:"doc"`
	Kinds     []Kind   `json:"kinds"`
	Types     []string `json:"types"`               // the resource types that Template can give, such as "redis"
	Versions  []string `json:"versions"`            // the versions it knows; the first one is the default
	ValuesKey string   `json:"valuesKey,omitempty"` // the key under resources in values.yaml that distinguishes this operator's values from others, "" for none

	// FormerGroups are API groups that the operator's resources had in earlier versions, and no other operator has.
	FormerGroups []string `json:"formerGroups,omitempty"`

	// Fork names the operator that this one is a fork of, whose facts about pods and references it shares.
	Fork string `json:"fork,omitempty"`

	// Without are the values of a new resource that the operator has nothing for, by their keys, and why or what to do instead.
	Without map[string]string `json:"without,omitempty"`

	// WithoutProfiles are the profiles that a new resource cannot have, and why.
	WithoutProfiles map[string]string `json:"withoutProfiles,omitempty"`

	// Engines are the servers that a new resource can run, such as valkey, with the values that choose each; WithoutEngines those that the
	// operator cannot run, and why.
	Engines        map[string]map[string]string `json:"engines,omitempty"`
	WithoutEngines map[string]string            `json:"withoutEngines,omitempty"`

	typ     string // of the resources that it creates here; "" is redis
	derived *derived
}

// DefaultType is the resource type that each operator with a template has: one Redis with replicas.
const DefaultType = "redis"

// Type returns the resource type whose values, names and profiles the operator has here.
func (o *Operator) Type() string { return cmp.Or(o.typ, DefaultType) }

// Of returns the operator with the values, names and profiles of a resource type; a type that has none of its own has those of redis.
func (o *Operator) Of(typ string) *Operator {
	of, ok := o.derived.Of[typ]
	if !ok {
		return o
	}
	derived := *o.derived
	derived.Values, derived.Of = of.Values, nil
	c := *o
	c.typ, c.derived, c.ValuesKey = typ, &derived, of.ValuesKey
	c.Without, c.WithoutProfiles, c.WithoutEngines, c.Engines = of.Without, of.WithoutProfiles, of.WithoutEngines, of.Engines
	return &c
}

// each returns the operator for each of its resource types with values of their own, redis last.
func (o *Operator) each() []*Operator {
	var out []*Operator
	for _, typ := range slices.Sorted(maps.Keys(o.derived.Of)) {
		out = append(out, o.Of(typ))
	}
	return append(out, o)
}

// dir returns the directory of the operator's template and values.
func (o *Operator) dir() string {
	if o.typ != "" {
		return "operator/" + o.Name + "/" + o.typ
	}
	return "operator/" + o.Name
}

// Kind is a kind of Kubernetes resource.
type Kind struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
}

// Owns reports whether a kind of resource is one of the operator's.
func (o *Operator) Owns(apiVersion, kind string) bool {
	return slices.Contains(o.Kinds, Kind{APIVersion: apiVersion, Kind: kind})
}

// operatorNames returns the names of the embedded operators, sorted. They are shared.
var operatorNames = sync.OnceValue(func() []string {
	folders, err := fs.Glob(files, "operator/*/operator.cue")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for i, f := range folders {
		folders[i] = path.Base(path.Dir(f))
	}
	return folders
})

// GeneratedNames returns the names of the operators that generate can create resources for, the default one first.
func GeneratedNames() []string {
	names := []string{DefaultOperator()}
	for _, name := range operatorNames() {
		if o, err := OperatorNamed(name); err == nil && len(o.Types) > 0 && name != names[0] {
			names = append(names, name)
		}
	}
	return names
}

// Operators returns all embedded operators, sorted by name.
func Operators() ([]*Operator, error) {
	var operators []*Operator
	for _, name := range operatorNames() {
		o, err := OperatorNamed(name)
		if err != nil {
			return nil, err
		}
		operators = append(operators, o)
	}
	return operators, nil
}

// OperatorNamed returns one operator. An unknown name is a [finding.Problem] that lists the known ones.
func OperatorNamed(name string) (*Operator, error) {
	names := operatorNames()
	if !slices.Contains(names, name) {
		return nil, &finding.Problem{Message: fmt.Sprintf("unknown operator %q; %s%s", name, finding.OneOf(names), finding.DidYouMean(name, names))}
	}
	d, err := readDerived("operator/" + name + "/structure.json")
	if err != nil {
		return nil, err
	}
	o := *d.Operator
	o.derived = d
	return &o, nil
}

// compiledSchema are the compiled files of one operator. Whoever holds mu may evaluate it: CUE is not for several goroutines.
type compiledSchema struct {
	mu    sync.Mutex
	value cue.Value
}

// compiledSchemas are kept as long as the program runs, by their directory: to compile one takes milliseconds.
var compiledSchemas sync.Map

// sources returns the CUE files of an operator: its facts and, where generate can create its resources, what all operators ask for, what
// the operator that it is a fork of adds, and what it adds itself.
func (o *Operator) sources() []string {
	names := []string{"operator/" + o.Name + "/operator.cue"}
	if len(o.Types) == 0 {
		return names
	}
	names = append(names, "redis.cue")
	more := []string{"operator/" + o.Fork + "/values.cue", "operator/" + o.Name + "/values.cue"}
	if o.typ != "" {
		more = []string{o.typ + ".cue", o.dir() + "/values.cue"}
	}
	for _, values := range more {
		if _, err := fs.Stat(files, values); err == nil {
			names = append(names, values)
		}
	}
	return names
}

// schema compiles the files of an operator when they are first needed, and gives them to the caller alone until done is called.
func (o *Operator) schema() (value cue.Value, done func()) {
	kept, _ := compiledSchemas.LoadOrStore(o.dir(), &compiledSchema{})
	s := kept.(*compiledSchema)
	s.mu.Lock()
	if !s.value.Exists() {
		var err error
		if s.value, err = compile(o.sources()...); err != nil {
			panic(err) // it is embedded, and TestStructure compiles it
		}
	}
	return s.value, s.mu.Unlock
}

// Template returns the generator template of a resource type in the dialect of Reclaim the Stack, or nil when the
// operator has none.
func (o *Operator) Template(typ string) []byte {
	if !slices.Contains(o.Types, typ) {
		return nil
	}
	if src, err := files.ReadFile(o.Of(typ).dir() + "/resource.yaml"); err == nil {
		return src
	}
	src, err := files.ReadFile("operator/" + o.Fork + "/resource.yaml")
	if err != nil {
		return nil
	}
	for _, d := range o.derived.Template {
		src = bytes.Replace(src, []byte(d.Find), []byte(d.Put), 1)
	}
	return src
}

// A templateDifference is a part of the template of an operator that its fork has another text for. TestTemplateDifferences finds each
// exactly once.
type templateDifference struct {
	Find string `json:"find"`
	Put  string `json:"put"`
}

// Next returns what a user must do for a new Redis beside committing its files, such as a setting of the operator that has to match its
// values. Values that the operator does not know are ignored.
func (o *Operator) Next(values map[string]any) ([]string, error) {
	schema, done := o.schema()
	defer done()
	next := lookup(schema, "#Next")
	if !next.Exists() {
		return nil, nil
	}
	known := map[string]any{}
	for key, value := range values {
		if field(schema, key).Exists() {
			known[key] = value
		}
	}
	var out []string
	if err := lookup(next.Unify(asValue(map[string]any{"values": known})), "out").Decode(&out); err != nil {
		return nil, fmt.Errorf("embedded operator %s: %w", o.Name, err)
	}
	return out, nil
}

// Defaults returns what the operator fills in where a resource is silent, as plain data.
func (o *Operator) Defaults() (map[string]any, error) {
	schema, done := o.schema()
	defer done()
	var defaults map[string]any
	if err := lookup(schema, "operatorDefaults").Decode(&defaults); err != nil {
		return nil, fmt.Errorf("embedded operator %s: %w", o.Name, err)
	}
	return defaults, nil
}

// Request is what the names of a resource follow from.
type Request struct {
	Chart     string // the name of the application's chart
	Suffix    string // "" or "-" and a name
	Namespace string // "" gives hosts without a namespace
	Secret    string // the Secret with the password; "" is no password
	Port      int    // 0 is 6379
	Version   string // of the operator; "" is its first
	Sentinels int    // 0 is 3

	TLS         bool   // clients connect with TLS
	SentinelSet string // the Redis whose sentinels watch this one; "" for sentinels of its own
}

// Names is what a resource and everything around it is called.
type Names struct {
	Resource        string   `json:"resource"`
	MasterService   string   `json:"masterService"`
	SentinelService string   `json:"sentinelService"`
	MasterName      string   `json:"masterName"`   // what the sentinels call the master
	MasterHost      string   `json:"masterHost"`   // the host that takes writes
	SentinelHost    string   `json:"sentinelHost"` // on port 26379
	URL             string   `json:"url"`          // with a password: redis://:$(REDIS_PASSWORD)@…, which Kubernetes expands in env
	SentinelURL     string   `json:"sentinelURL"`
	SecretKey       string   `json:"secretKey"`      // the key of PasswordSecret, "" without one
	SentinelKey     string   `json:"sentinelKey"`    // the key of SentinelSecret that the sentinels ask for; "" if they need no password
	OwnSecret       string   `json:"ownSecret"`      // the Secret that the operator creates without one in the request, "" if it creates none
	PasswordSecret  string   `json:"passwordSecret"` // the Secret with the password, "" for none
	SentinelSecret  string   `json:"sentinelSecret"`
	UsernameKey     string   `json:"usernameKey"` // the key of PasswordSecret with the name of the user, "" without one
	Username        string   `json:"username"`    // the user that a Secret which generate creates has
	PasswordEnv     string   `json:"passwordEnv"` // the environment variable with the password
	Namespaced      bool     `json:"namespaced"`  // the names hold the namespace, so it must be known
	Objects         []Object `json:"objects"`     // what the operator creates
}

// Object is a Kubernetes object in the namespace of the resource.
type Object struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

type nameRequest struct {
	operator string // its directory
	Request
}

// knownNames are answers of Names, since a program asks for the same ones again and again.
var knownNames = struct {
	sync.Mutex
	answers map[nameRequest]Names
}{answers: map[nameRequest]Names{}}

// maxKnownNames bounds the answers that are kept.
const maxKnownNames = 1000

// Names computes the names of a resource. The error is [finding.Problems]: a name that the operator or Kubernetes refuses.
func (o *Operator) Names(r Request) (Names, error) {
	request := nameRequest{o.dir(), r}
	knownNames.Lock()
	names, ok := knownNames.answers[request]
	knownNames.Unlock()
	if !ok {
		var err error
		if names, err = o.computeNames(r); err != nil {
			return names, err
		}
		knownNames.Lock()
		if len(knownNames.answers) >= maxKnownNames {
			clear(knownNames.answers)
		}
		knownNames.answers[request] = names
		knownNames.Unlock()
	}
	names.Objects = slices.Clone(names.Objects)
	return names, nil
}

// Made returns what a version of the operator creates for a Redis of a name without a suffix, as the Objects of [Operator.Names]; "" is its
// first version. It is empty for a version that is not known, and for an operator that generate has no template for.
func (o *Operator) Made(version, name string) []Object {
	if version == "" {
		version = o.Versions[0]
	}
	made := slices.Clone(o.derived.Made.of(version))
	for i := range made {
		made[i].Name = strings.ReplaceAll(made[i].Name, anyName, name)
	}
	return made
}

func (o *Operator) computeNames(r Request) (Names, error) {
	if r.Port == 0 {
		r.Port = 6379
	}
	if r.Sentinels == 0 {
		r.Sentinels = 3
	}
	if r.Version == "" {
		r.Version = o.Versions[0]
	}
	if err := o.checkVersion(r.Version); err != nil {
		return Names{}, finding.Problems{{Message: err.Error()}}
	}
	schema, done := o.schema()
	defer done()
	v := lookup(schema, "#Names").Unify(asValue(map[string]any{
		"chart": r.Chart, "suffix": r.Suffix, "namespace": r.Namespace, "secret": r.Secret, "port": r.Port, "version": r.Version, "sentinels": r.Sentinels,
		"sentinelSet": r.SentinelSet, "tls": r.TLS,
	}))
	var messages []string
	if err := lookup(v, "problems").Decode(&messages); err != nil {
		return Names{}, fmt.Errorf("embedded operator %s: %w", o.Name, err)
	}
	var problems finding.Problems
	for _, m := range messages {
		problems = append(problems, &finding.Problem{Message: m})
	}
	var names Names
	if err := v.Decode(&names); err != nil {
		return Names{}, fmt.Errorf("embedded operator %s: %w", o.Name, err)
	}
	return names, problems.Err()
}

func (o *Operator) checkVersion(version string) error {
	if slices.Contains(o.Versions, version) {
		return nil
	}
	return fmt.Errorf("unknown version %q of operator %q; %s%s", version, o.Name, finding.OneOf(o.Versions), finding.DidYouMean(version, o.Versions))
}
