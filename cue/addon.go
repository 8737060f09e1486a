package cue

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"

	"cuelang.org/go/cue"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

//go:embed addon/*.cue addon/*/addon.cue addon/*/template.yaml
var addonFiles embed.FS

// An Addon is what generate adds to a Redis that exists, such as a NetworkPolicy: a directory of addon/, found by iteration. addon.cue
// has its values and what follows from the facts about a Redis, template.yaml the template for a chart.
type Addon struct {
	Name string
	Doc  string // a sentence without a full stop, for help texts

	mu   sync.Mutex // whoever holds it may evaluate the schema: CUE is not for several goroutines
	kept cue.Value
}

// AddonFacts are what an addon may depend on: nothing but what the neutral model has of any Redis.
type AddonFacts struct {
	Application string `json:"application"`
	Chart       string `json:"chart"`
	Name        string `json:"name"`      // of the Redis
	Resource    string `json:"resource"`  // what generate calls it, such as redis-cache
	Namespace   string `json:"namespace"` // "" is unknown
	Operator    string `json:"operator"`
	Without     string `json:"without"` // why the addon does not fit the operator; "" if it may fit
	Managed     bool   `json:"managed"` // an operator runs it, whose pods connect to it

	OperatorNamespace string `json:"operatorNamespace"` // "" is unknown

	Source   string `json:"source"` // its URL for pods of the cluster, through its sentinels if it has any; "" is unknown
	Port     int    `json:"port"`
	Replicas int    `json:"replicas"` // 0 is unknown
	Cluster  bool   `json:"cluster"`
	TLS      bool   `json:"tls"`

	Auth     AddonSecret    `json:"auth"`
	Sentinel *AddonSentinel `json:"sentinel,omitempty"`
	Parts    []AddonPart    `json:"parts"`
	Peers    []AddonPart    `json:"peers"`   // pods of other Redis instances that share its sentinels
	Clients  []AddonLabels  `json:"clients"` // of the workloads of the application that are no Redis
	Others   AddonOthers    `json:"others"`
	Mounts   []string       `json:"mounts"` // of the pods of Redis that the application describes: ConfigMap/NAME and Secret/NAME
	Note     string         `json:"note"`   // what to know of the addon with the operator; "" is nothing
}

// AddonSecret is where a password is; the zero value means that there is none.
type AddonSecret struct {
	Secret      string `json:"secret"`
	Key         string `json:"key"`
	UsernameKey string `json:"usernameKey"` // "" without a user name
}

// AddonSentinel is how the sentinels of a Redis are reached.
type AddonSentinel struct {
	Master    string      `json:"master"`
	Namespace string      `json:"namespace"`
	Auth      AddonSecret `json:"auth"`
}

// AddonLabels select pods.
type AddonLabels struct {
	Labels map[string]string `json:"labels"`
}

// AddonPart is one kind of pods of a Redis.
type AddonPart struct {
	Name     string            `json:"name"`
	Labels   map[string]string `json:"labels"`
	Port     int               `json:"port"`
	Replicas int               `json:"replicas"`
	API      bool              `json:"api"`

	MetricsName string `json:"metricsName"`
	MetricsPort int    `json:"metricsPort"`
}

// AddonOthers are objects of the application, beside those of the addon, that select the pods of the Redis.
type AddonOthers struct {
	Policies []string `json:"policies"`
	Monitors []string `json:"monitors"`
	Backups  []string `json:"backups"` // CronJobs
}

// AddonPlan is what follows from the facts about a Redis and the values of an addon.
type AddonPlan struct {
	Refusals     []string          `json:"refusals"` // why the Redis cannot have it
	Problems     []AddonProblem    `json:"problems"` // of values
	Notes        []string          `json:"notes"`
	Next         []string          `json:"next"`
	URL          string            `json:"url"` // how clients reach what it adds, if they do
	Placeholders map[string]string `json:"placeholders"`
}

// AddonProblem is what is wrong with a value that fits its type.
type AddonProblem struct {
	Key     string `json:"key"`
	Message string `json:"message"`
}

// addonDoc is the comment on the values of an addon, which every start of the program shows and so reads without CUE.
var addonDoc = lazyregexp.New(`(?m)^// (.+)\.\n#Values: `)

var addons = sync.OnceValue(func() []*Addon {
	folders, err := fs.Glob(addonFiles, "addon/*/addon.cue")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	all := make([]*Addon, len(folders))
	for i, f := range folders {
		src, err := addonFiles.ReadFile(f)
		if err != nil {
			panic(err) // it is embedded
		}
		all[i] = &Addon{Name: path.Base(path.Dir(f))}
		if found := addonDoc.FindSubmatch(src); found != nil {
			all[i].Doc = string(found[1])
		}
	}
	return all
})

// schema compiles the files of an addon when they are first needed, and gives them to the caller alone until done is called.
func (a *Addon) schema() (value cue.Value, done func()) {
	a.mu.Lock()
	if !a.kept.Exists() {
		var err error
		if a.kept, err = compileFrom(addonFiles.ReadFile, "addon/addon.cue", "addon/"+a.Name+"/addon.cue"); err != nil {
			panic(err) // it is embedded, and TestAddons compiles it
		}
	}
	return a.kept, a.mu.Unlock
}

// Addons returns all addons, sorted by name.
func Addons() []*Addon { return addons() }

// AddonNamed returns one addon. An unknown name is a [finding.Problem] that lists the known ones.
func AddonNamed(name string) (*Addon, error) {
	var names []string
	for _, a := range Addons() {
		if a.Name == name {
			return a, nil
		}
		names = append(names, a.Name)
	}
	return nil, &finding.Problem{Message: fmt.Sprintf("unknown addon %q; %s%s", name, finding.OneOf(names), finding.DidYouMean(name, names))}
}

// Template returns its template, as that of a resource with placeholders and an example of its values.
func (a *Addon) Template() []byte {
	src, err := addonFiles.ReadFile("addon/" + a.Name + "/template.yaml")
	if err != nil {
		panic(err) // it is embedded, and TestAddons reads it
	}
	return []byte(addonInclude.ReplaceAllStringFunc(string(src), func(line string) string {
		m := addonInclude.FindStringSubmatch(line)
		return included(m[1], m[2], m[3])
	}))
}

// addonInclude is a line that stands for lines of the template of an operator: from the first of a text to the next of another one, which
// is left out, or to the end.
var addonInclude = lazyregexp.New(`(?m)^#include ([a-z-]+) "(.*)" "(.*)"\n`)

func included(operator, from, to string) string {
	o, err := OperatorNamed(operator)
	if err != nil {
		panic(err) // of an embedded file, which TestAddonFolders reads
	}
	_, text, found := strings.Cut("\n"+string(o.Template(o.Types[0])), "\n"+from+"\n")
	ends := to == ""
	if !ends {
		text, _, ends = strings.Cut(text, "\n"+to+"\n")
		text += "\n"
	}
	if !found || !ends {
		panic(fmt.Sprintf("the template of %s has no %q with %q below it", operator, from, to))
	}
	return from + "\n" + text
}

// Outlives reports whether the Redis that the addon was made for may go before it: others use it too.
func (a *Addon) Outlives() bool {
	schema, done := a.schema()
	defer done()
	outlives, err := lookup(schema, "#Addon.outlives").Bool()
	return err == nil && outlives
}

// Values returns the keys of its values in their order, with their comments and defaults.
func (a *Addon) Values() []Value {
	schema, done := a.schema()
	defer done()
	fields, err := lookup(schema, "#Values").Fields(cue.Optional(true))
	if err != nil {
		panic(err) // it is embedded, and TestAddons reads it
	}
	var values []Value
	for fields.Next() {
		key := fields.Selector().Unquoted()
		values = append(values, Value{
			Key: key, Value: plain(fields.Value()), Layer: "default", Doc: doc(fields.Value()), Optional: isOptional(schema, key),
		})
	}
	return values
}

// Defaults returns the values that an addon has unless somebody sets them; some follow from the facts. Optional ones are left out.
func (a *Addon) Defaults(facts AddonFacts) (map[string]any, error) {
	values, err := a.defaults(facts)
	given := map[string]any{}
	for _, v := range values {
		if !v.Optional {
			given[v.Key] = v.Value
		}
	}
	return given, err
}

func (a *Addon) defaults(facts AddonFacts) ([]Value, error) {
	values := a.Values()
	schema, done := a.schema()
	defer done()
	defaults := map[string]any{}
	if err := lookup(lookup(schema, "#Addon").Unify(asValue(map[string]any{"facts": facts})), "defaults").Decode(&defaults); err != nil {
		return nil, fmt.Errorf("embedded addon %s: %w", a.Name, err)
	}
	for i, v := range values {
		if d, ok := defaults[v.Key]; ok {
			values[i].Value, values[i].Layer = d, "the repository"
		}
	}
	return values, nil
}

// Resolve returns the values of an addon, as [Operator.Resolve] does those of a Redis: those of the last layer, else the defaults.
func (a *Addon) Resolve(prefix string, facts AddonFacts, layers []Layer) ([]Value, error) {
	values, err := a.defaults(facts)
	if err != nil {
		return nil, err
	}
	schema, done := a.schema()
	defer done()
	deriver := newDeriver()
	n, err := deriver.derive(lookup(schema, "#Values"))
	if err != nil {
		return nil, fmt.Errorf("embedded addon %s: %w", a.Name, err)
	}
	var names []string
	for _, v := range values {
		names = append(names, v.Key)
	}
	var problems finding.Problems
	report := func(at finding.Position, key, message, suggestion string) {
		problems = append(problems, &finding.Problem{Position: at, Path: strings.TrimPrefix(prefix+"."+key, "."), Message: message, Suggestion: suggestion})
	}
	isSet := map[string]bool{}
	for _, layer := range layers {
		for _, key := range sortedLayer(layer) {
			given := layer.Values[key]
			i := slices.Index(names, key)
			if i < 0 {
				report(given.At, key, unknownName("value", key, names), "")
				continue
			}
			shape := deriver.shapes[n].Fields[key]
			if text, ok := given.Value.(string); ok && deriver.shapes[shape].Kind&isString == 0 {
				given.Value = fromText(deriver.shapes[shape].Kind, text)
			}
			for _, v := range deriver.shapes.violations(shape, given.Value) {
				report(given.At, pathString(append([]string{key}, v.Path...)), v.Message, v.Suggestion)
			}
			isSet[key], values[i].Value, values[i].Layer = true, given.Value, layer.Name
		}
	}
	values = slices.DeleteFunc(values, func(v Value) bool { return v.Optional && !isSet[v.Key] && v.Layer == "default" })
	return values, problems.Err()
}

func sortedLayer(l Layer) []string {
	keys := make([]string, 0, len(l.Values))
	for key := range l.Values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// Plan returns what follows from the facts and the values, which have passed Resolve.
func (a *Addon) Plan(facts AddonFacts, values map[string]any) (plan AddonPlan, err error) {
	schema, done := a.schema()
	defer done()
	whole := lookup(schema, "#Addon").Unify(asValue(map[string]any{"facts": facts, "values": values}))
	into := reflect.ValueOf(&plan).Elem()
	for i := range into.NumField() {
		name := into.Type().Field(i).Tag.Get("json")
		if len(plan.Refusals) > 0 {
			break // the rest may follow from what the Redis lacks
		}
		part := lookup(whole, name)
		if err := part.Decode(into.Field(i).Addr().Interface()); err != nil {
			return plan, fmt.Errorf("embedded addon %s: %s: %w", a.Name, name, err)
		}
	}
	return plan, nil
}
