package cue

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"

	"github.com/redis-gitops/redis-gitops/finding"
)

// ConfigFile is the name of the configuration, at the root of the repository.
const ConfigFile = ".redis-gitops.yaml"

// Config is the configuration of a repository with all defaults filled in. Its fields are documented in config.cue.
type Config struct {
	Strict   bool
	Layout   Layout
	Operator OperatorChoice
	Defaults Defaults
	Rules    map[string]Rule
	Frozen   []string
	Ignore   []Ignore
	Values   [][]string
	Policies []string
	Schemas  []string
	FailOn   string // "error", "warning", "info" or "never"
	Scope    string // ScopeRedis or ScopeAll

	doc *document
}

// The scopes of general rules, as the configuration and lint --scope name them.
const (
	ScopeRedis = "redis" // only where Redis is involved
	ScopeAll   = "all"   // every chart and manifest
)

// Layout reports where a repository keeps its parts.
type Layout struct {
	Applications         []string // globs of folders
	Generators           string   // a folder
	Platform             []string // globs of folders
	PlatformApplications []string // globs of folders
}

// OperatorChoice is the operator that runs in the cluster.
type OperatorChoice struct {
	Name      string // a name that [OperatorNamed] knows
	Version   string // one of that operator's versions
	Namespace string // "" is the one that the repository installs it in
}

// Defaults is what a new resource gets.
type Defaults struct {
	Profile  string // "" is the template's own values
	Auth     AuthDefault
	Engine   string // redis or valkey; "" is the generator's own
	Image    string // "" is the generator's own
	Values   map[string]LayerValue
	Profiles map[string]map[string]LayerValue // on top of the built-in profile of that name, if there is one
}

// AuthDefault is how a new resource gets its password.
type AuthDefault struct {
	Method string // "" for none, "existing", "sealed" or "external"
	Secret string // "" is the name of the resource
	Cert   string // a file, relative to the repository
	Store  string
}

// Rule is what the configuration says about a rule.
type Rule struct {
	Severity string // "error", "warning", "info", "off", or "" for the rule's own
	Options  map[string]any
	Paths    []string // globs of files; none is all
}

// Ignore suppresses findings.
type Ignore struct {
	Rule, Path, Resource string // "" of Path and Resource is all
	Reason               string
	Until                string // the last day, as 2027-01-31; "" is for ever
}

// LayerValue is a value with the place where the user wrote it.
type LayerValue struct {
	Value any // string, int64, float64 or bool, or what one of these stands for: a mapping or list
	At    finding.Position
	Path  string // inside the file, such as defaults.values.memory

	// Optional values have no effect on a generator that does not offer them.
	Optional bool
}

// Position reports where the value at a path of the configuration was written, such as ("ignore", "0", "rule"); a default
// is where its nearest parent is.
func (c *Config) Position(path ...string) finding.Position { return c.doc.at(path) }

// Written reports whether the configuration says something about a path, such as ("operator"), or leaves it to the defaults.
func (c *Config) Written(path ...string) bool {
	if c.doc == nil { // not loaded from a file
		return false
	}
	_, written := c.doc.values[strings.Join(path, "\x00")]
	return written
}

// NamesOperator reports whether the configuration says which operator runs, by its name or by the version of the default one.
func (c *Config) NamesOperator() bool {
	return c.Written("operator", "name") || c.Written("operator", "version")
}

// DefaultOperator gives the operator that the configuration names where it says nothing else.
var DefaultOperator = sync.OnceValue(func() string {
	config, err := LoadConfig(ConfigFile, nil)
	if err != nil {
		panic(err) // what is embedded has been checked
	}
	return config.Operator.Name
})

// LoadConfig checks src, which may be empty, against #Config and fills in the defaults. The error is [finding.Problems]
// with everything that is wrong.
func LoadConfig(file string, src []byte) (*Config, error) {
	doc, problems := parseYAML(file, src)
	if doc == nil {
		return nil, problems
	}
	d, err := readDerived("config.json")
	if err != nil {
		return nil, err
	}
	report := func(v Violation) {
		at := doc.at(v.Path)
		if v.Key {
			at = doc.keyAt(v.Path)
		}
		problems = append(problems, finding.Errorf(at, pathString(v.Path), "%s", v.Message))
	}
	for _, v := range d.Shapes.violations(d.Config, doc.data) {
		report(v)
	}
	if len(problems) > 0 {
		return nil, problems.Err()
	}
	filled := d.Shapes.fill(d.Config, doc.data, nil, report)
	if len(problems) > 0 {
		return nil, problems.Err()
	}
	c := &Config{doc: doc}
	if err := c.decode(filled); err != nil {
		return nil, err
	}
	if err := c.checkOperator(); err != nil {
		return nil, err
	}
	return c, nil
}

// fill returns data with the defaults of a shape where data is silent.
func (s structure) fill(n int, data any, path []string, report func(Violation)) any {
	schema := s[n]
	if data == nil {
		switch {
		case schema.Default != nil:
			return schema.Default
		case schema.Kind == isStruct:
			data = map[string]any{}
		case schema.Kind == isList:
			data = []any{}
		}
	}
	switch data := data.(type) {
	case map[string]any:
		filled := maps.Clone(data)
		for name, field := range schema.Fields {
			filled[name] = s.fill(field, data[name], append(path, name), report)
		}
		for name, value := range data {
			if _, ok := schema.Fields[name]; !ok && schema.Each != nil {
				filled[name] = s.fill(*schema.Each, value, append(path, name), report)
			}
		}
		return filled
	case []any:
		if schema.Each == nil {
			return data
		}
		filled := make([]any, len(data))
		for i, item := range data {
			at := append(path, strconv.Itoa(i))
			if item == nil {
				report(Violation{Violation: finding.Violation{Path: at, Message: "is empty; remove it, or add a value after the dash"}})
				continue
			}
			filled[i] = s.fill(*schema.Each, item, at, report)
		}
		return filled
	}
	return data
}

// decode takes the values over. What is written as it is keeps its numbers and positions, which JSON cannot.
func (c *Config) decode(filled any) error {
	var plain struct {
		Config
		Defaults struct {
			Profile, Engine, Image string
			Auth                   AuthDefault
		}
	}
	src, err := json.Marshal(filled)
	if err == nil {
		err = json.Unmarshal(src, &plain)
	}
	if err != nil {
		return fmt.Errorf("embedded structure config.json: %w", err)
	}
	plain.Config.doc = c.doc
	*c = plain.Config
	for name, rule := range c.Rules {
		if written := child(child(child(c.doc.data, "rules"), name), "options"); written != nil {
			rule.Options = written
			c.Rules[name] = rule
		}
	}
	c.Defaults = Defaults{
		Profile: plain.Defaults.Profile, Auth: plain.Defaults.Auth, Engine: plain.Defaults.Engine, Image: plain.Defaults.Image,
		Values: map[string]LayerValue{}, Profiles: map[string]map[string]LayerValue{},
	}
	defaults := child(c.doc.data, "defaults")
	c.Defaults.Values = c.doc.layer(child(defaults, "values"), "defaults", "values")
	for name, values := range child(defaults, "profiles") {
		c.Defaults.Profiles[name] = c.doc.layer(values.(map[string]any), "defaults", "profiles", name)
	}
	return nil
}

// child returns the mapping under a key, or nothing.
func child(data any, key string) map[string]any {
	m, _ := data.(map[string]any)
	sub, _ := m[key].(map[string]any)
	return sub
}

func (d *document) layer(values map[string]any, path ...string) map[string]LayerValue {
	layer := map[string]LayerValue{}
	for key, value := range values {
		p := append(path[:len(path):len(path)], key)
		layer[key] = LayerValue{Value: value, At: d.at(p), Path: pathString(p)}
	}
	return layer
}

// checkOperator compares the operator's name and version with the embedded operators, which config.cue cannot know.
func (c *Config) checkOperator() error {
	if !c.Written("operator") {
		return nil // the defaults are known to be right
	}
	operator, err := OperatorNamed(c.Operator.Name)
	if err != nil {
		return finding.Problems{finding.Errorf(c.Position("operator", "name"), "operator.name", "%s", err)}
	}
	if child(c.doc.data, "operator")["version"] == nil {
		c.Operator.Version = operator.Versions[0] // the schema's default is one of its default operator
		return nil
	}
	if err := operator.checkVersion(c.Operator.Version); err != nil {
		return finding.Problems{finding.Errorf(c.Position("operator", "version"), "operator.version", "%s", err)}
	}
	return nil
}
