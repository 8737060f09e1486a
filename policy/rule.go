package policy

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
)

// Level is how grave a rule's findings are, or "off".
type Level = finding.Level

// The levels.
const (
	Off     = finding.LevelOff
	Info    = finding.LevelInfo
	Warning = finding.LevelWarning
	Error   = finding.LevelError
)

// Scopes of rules.
const (
	ScopeResource   = "resource"   // one evaluation a resource, which is input
	ScopeRepository = "repository" // one evaluation a run, on data.repo
	ScopeNative     = "native"     // no Rego but METADATA: package lint finds it by itself
)

// Rule is what the METADATA of a rule says.
type Rule struct {
	finding.RuleInfo
	Scope     string   // ScopeResource or ScopeRepository
	Kinds     []string // of a resource rule: the kinds of resources it looks at; none is all
	Once      string   // "application" or "repository": many findings there are reported as one; "" is each
	General   bool     // checks any chart or manifest; with scope: redis only where Redis is involved
	Compares  bool     // checks a change, so that it needs the state before it; package diff finds it by the facts of cue
	Bad, Good string   // the txtar archives of its testdata
	File      string   // of its Rego
}

// metadata is the YAML of a METADATA block.
type metadata struct {
	Title       string `yaml:"title"`
	Description string `yaml:"description"`
	Custom      struct {
		Severity    Level    `yaml:"severity"`
		Strict      Level    `yaml:"strict"`
		Scope       string   `yaml:"scope"`
		Kinds       []string `yaml:"kinds"`
		Once        string   `yaml:"once"`
		General     bool     `yaml:"general"`
		Compares    bool     `yaml:"compares"`
		Fix         string   `yaml:"fix"`
		Since       string   `yaml:"since"`
		Remediation string   `yaml:"remediation"`
		References  []string `yaml:"references"`
	} `yaml:"custom"`
}

// Reference is the Rego reference of what the rule answers.
func (r *Rule) Reference() string {
	category, name, _ := strings.Cut(r.Name, "/")
	return fmt.Sprintf("data.%s[%q][%q].deny", Package, category, name)
}

// EntryPoint names the set of violations of main.rego that holds those of the rule when it is compiled: one for single resources, and
// one of the repository for each category, because what an evaluation keeps lasts as long as it.
func (r *Rule) EntryPoint() string {
	if r.Scope == ScopeRepository {
		category, _, _ := strings.Cut(r.Name, "/")
		return ScopeRepository + "_" + category
	}
	return ScopeResource
}

// Examples fills in Bad and Good of an embedded rule. It is no method, because programs keep those that nobody calls.
func Examples(r *Rule) {
	if r.User {
		return
	}
	read := func(name string) string {
		src, _ := cases.ReadFile(path.Join(r.Name, "testdata", name)) // a test makes sure that each has both
		return string(src)
	}
	r.Bad, r.Good = read("bad.txtar"), read("good.txtar")
}

// parseRule reads the first METADATA block of a file.
func parseRule(file, src, name string) (*Rule, error) {
	rule := &Rule{RuleInfo: finding.RuleInfo{Name: name}, File: file}
	rule.Category, _, _ = strings.Cut(name, "/")
	block, line := metadataBlock(src)
	if block == "" {
		return nil, finding.Errorf(finding.Position{File: file, Line: 1}, "", "the rule has no METADATA; add \"# METADATA\" followed by \"# title: …\" above the package")
	}
	var m metadata
	if err := yaml.Unmarshal([]byte(block), &m); err != nil {
		return nil, finding.Errorf(finding.Position{File: file, Line: line}, "", "METADATA is not valid YAML: %s; fix it", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	rule.Title, rule.Description = m.Title, strings.TrimSpace(m.Description)
	c := m.Custom
	rule.Severity, rule.Strict, rule.Scope, rule.Kinds, rule.Once = c.Severity, c.Strict, c.Scope, c.Kinds, c.Once
	rule.General, rule.Compares = c.General, c.Compares
	rule.Fix, rule.Since, rule.Remediation, rule.References = c.Fix, c.Since, strings.TrimSpace(c.Remediation), append([]string{}, c.References...)
	if rule.Severity == "" {
		rule.Severity = Error
	}
	if rule.Strict == "" {
		rule.Strict = rule.Severity
	}
	if rule.Scope == "" {
		rule.Scope = ScopeResource
	}
	at := finding.Position{File: file, Line: line}
	var err error
	if rule.Kinds, err = expandKinds(rule.Kinds); err != nil {
		return nil, err
	}
	if err := oneOf(at, "severity", string(rule.Severity), "error", "info", "off", "warning"); err != nil {
		return nil, err
	}
	if err := oneOf(at, "strict", string(rule.Strict), "error", "info", "off", "warning"); err != nil {
		return nil, err
	}
	if err := oneOf(at, "scope", rule.Scope, ScopeNative, ScopeRepository, ScopeResource); err != nil {
		return nil, err
	}
	if err := oneOf(at, "once", rule.Once, "", "application", "repository"); err != nil {
		return nil, err
	}
	if rule.Compares && rule.Scope != ScopeNative {
		return nil, finding.Errorf(at, "custom.compares", "is for rules of the tool itself; remove it")
	}
	return rule, nil
}

func oneOf(at finding.Position, key, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return finding.Errorf(at, "custom."+key, "%q is not allowed; %s%s", value, finding.OneOf(allowed), finding.DidYouMean(value, allowed))
}

// metadataBlock returns the YAML of the first METADATA comment and the line it begins at.
func metadataBlock(src string) (string, int) {
	var block strings.Builder
	start, n := 0, 0
	for line := range strings.Lines(src) {
		n++
		text := strings.TrimRight(line, "\r\n")
		switch {
		case start == 0 && strings.TrimSpace(text) == "# METADATA":
			start = n
		case start > 0 && strings.HasPrefix(text, "#"):
			block.WriteString(strings.TrimPrefix(strings.TrimPrefix(text, "#"), " ") + "\n")
		case start > 0:
			return block.String(), start
		}
	}
	return block.String(), start
}

// Find returns the rule of a name, or a problem that lists near ones.
func Find(rules []*Rule, name string) (*Rule, error) {
	names := make([]string, len(rules))
	for i, r := range rules {
		if r.Name == name {
			return r, nil
		}
		names[i] = r.Name
	}
	hint := finding.DidYouMean(name, names)
	if hint == "" {
		hint = "; list them with `redis-gitops rules`"
	}
	return nil, fmt.Errorf("unknown rule %q%s", name, hint)
}

// Library returns the helpers that rules may import, data.redisgitops.lib.NAME, as Rego by NAME.
func Library() (map[string]string, error) {
	names, err := fs.Glob(files, "lib/*.rego")
	if err != nil {
		return nil, err
	}
	library := map[string]string{}
	for _, file := range names {
		if library[strings.TrimSuffix(path.Base(file), ".rego")], err = Source(file); err != nil {
			return nil, err
		}
	}
	return library, nil
}

// kindsOfRedis are the kinds that a rule about any Redis looks at. It has no initializer for the reason of embedded.
var kindsOfRedis struct {
	once  sync.Once
	kinds []string
	err   error
}

func redisKinds() ([]string, error) {
	k := &kindsOfRedis
	k.once.Do(func() {
		src, err := Source("lib/fields.rego")
		if err != nil {
			k.err = err
			return
		}
		_, fields, _ := strings.Cut(src, "\nkinds := ") // which the tests of package cue write in JSON
		var kinds map[string]json.RawMessage
		k.err = json.Unmarshal([]byte(fields), &kinds)
		k.kinds = slices.Sorted(maps.Keys(kinds))
	})
	return k.kinds, k.err
}

// anyRedis in the kinds of a rule stands for every kind of resource that is a Redis or sentinels.
const anyRedis = "redis"

func expandKinds(kinds []string) ([]string, error) {
	at := slices.Index(kinds, anyRedis)
	if at < 0 {
		return kinds, nil
	}
	all, err := redisKinds()
	if err != nil {
		return nil, err
	}
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(kinds[:at], kinds[at+1:], all)))), nil
}
