package cue

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// someFacts are those of a Redis with everything.
func someFacts() AddonFacts {
	return AddonFacts{
		Application: "shop", Chart: "shop", Name: "shop", Resource: "redis", Namespace: "blue", Operator: "spotahome", Managed: true,
		OperatorNamespace: "redis", Source: "redis+sentinel://rfs-shop.blue.svc:26379/mymaster", Port: 6379, Replicas: 3,
		Sentinel: &AddonSentinel{Master: "mymaster", Namespace: "blue"},
		Parts: []AddonPart{
			{Name: "redis", Labels: map[string]string{"app": "shop"}, Port: 6379, Replicas: 3, MetricsName: "metrics", MetricsPort: 9121},
			{Name: "sentinel", Labels: map[string]string{"app": "shop-s"}, Port: 26379, Replicas: 3, MetricsName: "metrics", MetricsPort: 9355},
		},
		Peers: []AddonPart{}, Clients: []AddonLabels{{Labels: map[string]string{"app": "web"}}},
		Mounts: []string{}, Others: AddonOthers{Policies: []string{}, Monitors: []string{}, Backups: []string{}},
	}
}

// TestAddonFolders: each addon has a sentence for the help, describes every value, and shows each in the header of its template with its
// default, or under the optional values.
func TestAddonFolders(t *testing.T) {
	t.Parallel()
	if len(Addons()) == 0 {
		t.Fatal("no addons")
	}
	for _, a := range Addons() {
		if a.Doc == "" || len(a.Doc) > 62 {
			t.Errorf("%s: the sentence on #Values has %d characters: %q", a.Name, len(a.Doc), a.Doc)
		}
		text := string(a.Template())
		example, optional := map[string]string{}, map[string]bool{}
		for _, m := range regexp.MustCompile(`(?m)^#     ([a-zA-Z]+): (.*?)(?: #.*)?$`).FindAllStringSubmatch(text, -1) {
			example[m[1]] = m[2]
		}
		if _, list, ok := strings.Cut(text, "# Optional values:\n"); ok {
			for _, m := range regexp.MustCompile(`(?m)^#   ([a-zA-Z]+): .* # .+$`).FindAllStringSubmatch(list, -1) {
				optional[m[1]] = true
			}
		}
		values, err := a.Resolve("", someFacts(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range a.Values() {
			switch {
			case v.Doc == "":
				t.Errorf("%s: %s has no comment", a.Name, v.Key)
			case v.Optional != optional[v.Key] || v.Optional == (example[v.Key] != ""):
				t.Errorf("%s: %s is optional: %v; under the optional values: %v; in the example: %q", a.Name, v.Key, v.Optional, optional[v.Key], example[v.Key])
			}
			if i := slices.IndexFunc(values, func(r Value) bool { return r.Key == v.Key }); i >= 0 == v.Optional {
				t.Errorf("%s: %s is resolved: %v", a.Name, v.Key, i >= 0)
			}
		}
		operators, err := Operators()
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range operators { // one key of its values tells which operator they are for
			if o.ValuesKey != "" && slices.ContainsFunc(a.Values(), func(v Value) bool { return v.Key == o.ValuesKey }) {
				t.Errorf("%s: the value %s is one of operator %s", a.Name, o.ValuesKey, o.Name)
			}
		}
		for kind := range o(t, "redis-enterprise").derived.WithoutAddons {
			if _, err := AddonNamed(kind); err != nil {
				t.Error(err)
			}
		}
	}
}

func o(t *testing.T, name string) *Operator {
	t.Helper()
	operator, err := OperatorNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	return operator
}

// TestAddonQuotes: what a resource says cannot end the text of a template that it is put into.
func TestAddonQuotes(t *testing.T) {
	t.Parallel()
	facts := someFacts()
	facts.Parts[0].Labels = map[string]string{"a\"b": "x\"}}\n{{ fail \"now\" }}"}
	for _, a := range Addons() {
		values := map[string]any{}
		resolved, err := a.Resolve("", facts, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range resolved {
			values[v.Key] = v.Value
		}
		plan, err := a.Plan(facts, values)
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range plan.Placeholders {
			if strings.Contains(text, "\"}}") && !strings.Contains(text, `\"}}`) || strings.Contains(text, "\n{{ fail") {
				t.Errorf("%s: %s is %s", a.Name, name, text)
			}
		}
	}
}
