package cue

import (
	"reflect"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/finding"
)

func TestLoadConfigDefaults(t *testing.T) {
	t.Parallel()
	c, err := LoadConfig(ConfigFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Layout: Layout{
			Applications: []string{"applications/*"}, Generators: "generators",
			Platform: []string{"platform"}, PlatformApplications: []string{"platform-applications"},
		},
		Operator: OperatorChoice{Name: "spotahome", Version: "1.2.4"},
		Defaults: Defaults{Values: map[string]LayerValue{}, Profiles: map[string]map[string]LayerValue{}},
		Rules:    map[string]Rule{}, Frozen: []string{}, Ignore: []Ignore{}, Values: [][]string{}, Policies: []string{}, Schemas: []string{},
		FailOn: "error", Scope: ScopeRedis,
	}
	c.doc = nil
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

// The version's default is that of the operator which was chosen.
func TestLoadConfigOperator(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]OperatorChoice{
		"operator: {name: opstree}\n":                       {Name: "opstree", Version: "0.26.0"},
		"operator: {namespace: redis}\n":                    {Name: "spotahome", Version: "1.2.4", Namespace: "redis"},
		"operator: {name: spotahome, version: \"1.3.0\"}\n": {Name: "spotahome", Version: "1.3.0"},
	} {
		if c, err := LoadConfig(ConfigFile, []byte(text)); err != nil || c.Operator != want {
			t.Errorf("%q: got %+v, %v", text, c.Operator, err)
		}
	}
}

func TestLoadConfig(t *testing.T) {
	t.Parallel()
	c, err := LoadConfig(ConfigFile, []byte(`# ours
strict: true
layout:
  applications: [apps/*, more/*]
operator:
  version: "1.3.0"
  namespace: redis-operator
defaults:
  profile: queue
  auth: { method: sealed }
  values:
    memory: 512Mi
    cpu: 0.5
  profiles:
    sessions:
      replicas: 2
      appendonly: yes please
rules:
  auth/missing: { severity: warning, options: { limit: 3 }, paths: ["applications/shop/**"] }
ignore:
  - rule: ha/single-redis
    reason: a test system
    until: 2027-01-31
values:
  - [values-production.yaml]
frozen:
failOn: warning
`))
	if err != nil {
		t.Fatal(err)
	}
	if !c.Strict || c.FailOn != "warning" || c.Operator != (OperatorChoice{"spotahome", "1.3.0", "redis-operator"}) {
		t.Errorf("got %+v", c)
	}
	if want := []string{"apps/*", "more/*"}; !reflect.DeepEqual(c.Layout.Applications, want) || c.Layout.Generators != "generators" {
		t.Errorf("layout %+v", c.Layout)
	}
	want := map[string]LayerValue{
		"memory": {"512Mi", finding.Position{File: ConfigFile, Line: 12, Column: 13}, "defaults.values.memory", false},
		"cpu":    {0.5, finding.Position{File: ConfigFile, Line: 13, Column: 10}, "defaults.values.cpu", false},
	}
	if !reflect.DeepEqual(c.Defaults.Values, want) || c.Defaults.Profile != "queue" || c.Defaults.Auth.Method != "sealed" {
		t.Errorf("defaults %+v", c.Defaults)
	}
	if v := c.Defaults.Profiles["sessions"]["replicas"]; v.Value != int64(2) || v.At.Line != 16 {
		t.Errorf("profile %+v", c.Defaults.Profiles)
	}
	if r := c.Rules["auth/missing"]; r.Severity != "warning" || !reflect.DeepEqual(r.Paths, []string{"applications/shop/**"}) || len(r.Options) != 1 {
		t.Errorf("rule %+v", r)
	}
	if i := c.Ignore; len(i) != 1 || i[0] != (Ignore{Rule: "ha/single-redis", Reason: "a test system", Until: "2027-01-31"}) {
		t.Errorf("ignore %+v", i)
	}
	if at := c.Position("ignore", "0", "reason"); at.Line != 22 || at.Column != 13 {
		t.Errorf("position %v", at)
	}
}

func TestLoadConfigProblems(t *testing.T) {
	t.Parallel()
	known := strings.TrimPrefix(finding.OneOf(operatorNames()), "one of ")
	for _, tt := range []struct{ name, src, want string }{
		{"everything at once", `strct: true
failOn: eror
layout: {applications: [apps, 7], platform: x}
defaults:
  auth: { method: seald, secret: My_Secret }
  values: { memory: [1], nodeSelector: { disktype: ssd } }
ignore:
  - rule: ha/single-redis
    until: tomorrow
  - 7
rules:
  auth/missing: off
strict: "yes"
operator: { name: 7 }
`, `c.yaml:1:1: strct: unknown key "strct"; did you mean "strict"?
c.yaml:2:9: failOn: "eror" is not allowed; one of "error", "warning", "info", "never"; did you mean "error"?
c.yaml:3:31: layout.applications[1]: 7 is not a string; put it in quotes
c.yaml:3:45: layout.platform: "x" is not a list of directories; use for example [platform]
c.yaml:5:19: defaults.auth.method: "seald" is not allowed; one of "existing", "sealed", "external"; did you mean "sealed"?
c.yaml:5:34: defaults.auth.secret: "My_Secret" is not a valid Secret name; use lowercase letters, digits, - and .
c.yaml:8:5: ignore[0]: "reason" is missing; add it
c.yaml:9:12: ignore[0].until: "tomorrow" is not a valid date; use the form 2027-01-31
c.yaml:10:5: ignore[1]: 7 is not a mapping; use keys with values
c.yaml:12:17: rules.auth/missing: "off" is not a rule setting; use for example {severity: warning}
c.yaml:13:9: strict: "yes" is not true or false
c.yaml:14:19: operator.name: 7 is not a string; put it in quotes`},
		{"duplicate key", "strict: true\nstrict: false\n", `c.yaml:2:1: duplicate key "strict", first set in line 1; remove one`},
		{"duplicate and wrong", "strict: true\nfailon: x\nstrict: false\n", "c.yaml:2:1: failon: unknown key \"failon\"; did you mean \"failOn\"?\nc.yaml:3:1: duplicate key \"strict\", first set in line 1; remove one"},
		{"syntax", "strict: true\n  layout: [\n", `c.yaml:2: invalid YAML: mapping values are not allowed in this context`},
		{"tab", "layout:\n\tgenerators: x\n", `c.yaml:2: invalid YAML: found character that cannot start any token`},
		{"two documents", "strict: true\n---\nstrict: false\n", `c.yaml:2:1: only one YAML document is allowed; remove the others and "---"`},
		{"alias", "frozen: &a [x]\npolicies: *a\n", `c.yaml:2:11: policies: aliases such as "*a" are not supported here; write the value instead`},
		{"cycle", "frozen: &a [*a]\n", `c.yaml:1:13: frozen[0]: aliases such as "*a" are not supported here; write the value instead`},
		{"empty items", "frozen: [~]\nignore:\n  -\n", "c.yaml:1:10: frozen[0]: is empty; remove it, or add a value after the dash\nc.yaml:3:4: ignore[0]: is empty; remove it, or add a value after the dash"},
		{"list at the top", "- a\n", `c.yaml:1:1: a list is not a mapping; use keys with values`},
		{"text at the top", "hello\n", `c.yaml:1:1: "hello" is not a mapping; use keys with values`},
		{"key not a text", "1: true\n", `c.yaml:1:1: key 1 is not a string; put it in quotes`},
		{"infinity", "defaults: {values: {cpu: .inf}}\n", `c.yaml:1:26: defaults.values.cpu: invalid number ".inf"; put it in quotes to make it a string`},
		{"tag", "failOn: !secret x\n", `c.yaml:1:9: failOn: tag "!secret" is not supported here; remove it`},
		{"empty text", "layout: {generators: \"\"}\n", `c.yaml:1:22: layout.generators: "" is not a directory; use for example generators`},
		{"operator", "operator: {name: spotahom}\n", `c.yaml:1:18: operator.name: unknown operator "spotahom"; one of ` + known + `; did you mean "spotahome"?`},
		{"operator's version", "operator: {version: \"1.3\"}\n", `c.yaml:1:21: operator.version: unknown version "1.3" of operator "spotahome"; one of "1.2.4", "1.3.0"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := LoadConfig("c.yaml", []byte(tt.src))
			if err == nil || err.Error() != tt.want {
				t.Errorf("got\n%v\nwant\n%s", err, tt.want)
			}
		})
	}
}

func FuzzLoadConfig(f *testing.F) {
	for _, seed := range []string{"", "strict: true\n", "a: &a [*a]\n", "- {x: 1}\n", "defaults: {values: {memory: 1Gi}}\n", "? {a: b}\n: c\n", "\xff", "rules: {a: {severity: off}}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		c, err := LoadConfig("c.yaml", src)
		if (c == nil) == (err == nil) {
			t.Fatalf("config %v and error %v", c, err)
		}
		for _, p := range finding.All(err) {
			if p.File != "c.yaml" || p.Message == "" {
				t.Errorf("problem without a place or words: %v", p)
			}
		}
	})
}

func BenchmarkLoadConfig(b *testing.B) {
	for _, bb := range []struct{ name, src string }{
		{"none", ""},
		{"typical", "strict: true\noperator: {version: \"1.3.0\", namespace: redis-operator}\nlayout: {applications: [apps/*]}\nrules:\n  ha/single-redis: {severity: off}\nignore:\n  - {rule: auth/missing, path: apps/test/**, reason: a test system, until: 2027-01-31}\ndefaults: {profile: queue, values: {memory: 512Mi}}\n"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := LoadConfig(ConfigFile, []byte(bb.src)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
