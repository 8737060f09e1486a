package cue

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
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

	derived *derived
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

// OperatorNames returns the names of the embedded operators, sorted.
func OperatorNames() []string {
	folders, err := fs.Glob(files, "operator/*/operator.cue")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for i, f := range folders {
		folders[i] = path.Base(path.Dir(f))
	}
	return folders
}

// Operators returns all embedded operators, sorted by name.
func Operators() ([]*Operator, error) {
	var operators []*Operator
	for _, name := range OperatorNames() {
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
	names := OperatorNames()
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

// compiledSchema is operator.cue of one operator. Whoever holds mu may evaluate it: CUE is not for several goroutines.
type compiledSchema struct {
	mu    sync.Mutex
	value cue.Value
}

// compiledSchemas are kept as long as the program runs, by the operator's name: to compile one takes milliseconds.
var compiledSchemas sync.Map

// schema compiles operator.cue when it is first needed, and gives it to the caller alone until done is called.
func (o *Operator) schema() (value cue.Value, done func()) {
	kept, _ := compiledSchemas.LoadOrStore(o.Name, &compiledSchema{})
	s := kept.(*compiledSchema)
	s.mu.Lock()
	if !s.value.Exists() {
		var err error
		if s.value, err = compile("operator/" + o.Name + "/operator.cue"); err != nil {
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
	src, err := files.ReadFile("operator/" + o.Name + "/resource.yaml")
	if err != nil {
		return nil
	}
	return src
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
	SecretKey       string   `json:"secretKey"` // the key of Request.Secret, "" without one
	Objects         []Object `json:"objects"`   // what the operator creates
}

// Object is a Kubernetes object in the namespace of the resource.
type Object struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

type nameRequest struct {
	operator string
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
	request := nameRequest{o.Name, r}
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

func (o *Operator) computeNames(r Request) (Names, error) {
	if r.Port == 0 {
		r.Port = 6379
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
		"chart": r.Chart, "suffix": r.Suffix, "namespace": r.Namespace, "secret": r.Secret, "port": r.Port, "version": r.Version,
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
