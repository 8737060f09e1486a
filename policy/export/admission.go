package export

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/policy/export/cel"
)

// Kind is a kind of custom resource, with its JSON Schema.
type Kind struct {
	APIVersion, Kind string
	Schema           map[string]any
}

// ID is the kind with its version, as "kubedb.com/v1 Redis".
func (k Kind) ID() string { return k.APIVersion + " " + k.Kind }

// Translation is a rule in CEL.
type Translation struct {
	Rule       *policy.Rule
	Conditions []Condition       // under which it is violated; none if no kind can violate it
	Reasons    map[string]string // why it has none, by [Kind.ID]

	about []string // the kinds that it is about, by ID
}

// Condition is the condition in CEL under which resources of some kinds violate a rule.
type Condition struct {
	Kinds []Kind
	CEL   string
}

// Translate returns the rules about single resources in CEL, in the order of the rules.
func Translate(opts Options) ([]Translation, error) {
	x, err := newExporter(opts, vapFormat)
	if err != nil {
		return nil, err
	}
	return x.translations()
}

func (x *exporter) translations() ([]Translation, error) {
	modules := map[string]*ast.Module{}
	for file, m := range x.modules {
		modules[file] = m
	}
	compiler := ast.NewCompiler().WithDefaultRegoVersion(ast.RegoV1)
	if compiler.Compile(modules); compiler.Failed() {
		return nil, compiler.Errors
	}
	settings := x.Settings
	if settings == nil {
		settings = map[string]any{}
	}
	var out []Translation
	for _, r := range x.rules {
		t := Translation{Rule: r, Reasons: map[string]string{}}
		rule := ast.MustParseRef(r.Reference())
		for _, kind := range x.Kinds {
			if !slices.Contains(r.Kinds, kind.Kind) {
				continue
			}
			t.about = append(t.about, kind.ID())
			translated, err := cel.Translate(compiler, rule, cel.Target{APIVersion: kind.APIVersion, Kind: kind.Kind, Schema: kind.Schema}, settings, x.Strict)
			var reason *cel.Reason
			switch {
			case errors.As(err, &reason):
				t.Reasons[kind.ID()] = reason.Error()
			case err != nil:
				return nil, fmt.Errorf("%s: %w", r.Name, err)
			case translated.Condition != "":
				t.add(kind, translated.Condition)
			}
		}
		out = append(out, t)
	}
	return out, nil
}

func (t *Translation) add(kind Kind, condition string) {
	for i, c := range t.Conditions {
		if c.CEL == condition {
			t.Conditions[i].Kinds = append(c.Kinds, kind)
			return
		}
	}
	t.Conditions = append(t.Conditions, Condition{[]Kind{kind}, condition})
}

// Names returns the kinds that have a condition; of one name, with their group.
func (t *Translation) Names() []string {
	var ids []string
	for _, c := range t.Conditions {
		for _, k := range c.Kinds {
			ids = append(ids, k.ID())
		}
	}
	return t.names(ids)
}

func (t *Translation) names(ids []string) []string {
	groups := map[string]map[string]bool{}
	for _, id := range t.about {
		group, kind := groupKind(id)
		if groups[kind] == nil {
			groups[kind] = map[string]bool{}
		}
		groups[kind][group] = true
	}
	var names []string
	for _, id := range ids {
		group, kind := groupKind(id)
		if len(groups[kind]) > 1 {
			kind += " (" + group + ")"
		}
		names = append(names, kind)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func groupKind(id string) (group, kind string) {
	version, kind, _ := strings.Cut(id, " ")
	group, _, _ = strings.Cut(version, "/")
	return group, kind
}

// Reason says why a rule, or a part of it, is not in CEL, or "".
func (t *Translation) Reason() string {
	by := map[string][]string{}
	for id, reason := range t.Reasons {
		by[reason] = append(by[reason], id)
	}
	var parts []string
	for reason, ids := range by {
		if len(t.Conditions) > 0 {
			reason = strings.Join(t.names(ids), ", ") + ": " + reason
		}
		parts = append(parts, reason)
	}
	slices.Sort(parts)
	switch {
	case len(parts) > 0:
		return strings.Join(parts, "; ")
	case len(t.Conditions) > 0:
		return ""
	case len(t.about) == 0:
		return "is not about custom resources of an operator"
	}
	return "finds nothing in custom resources that their schema accepts"
}

// admission is a policy in CEL, in what ValidatingAdmissionPolicies and Kyverno's ValidatingPolicies have in common.
type admission struct {
	rule   *policy.Rule
	name   string
	action string
	spec   map[string]any
}

// validationActions says in a README what becomes of the severities.
const validationActions = "Errors are denied, warnings reported to the client, advice only audited (`validationActions`).\n"

// admissions returns the policies of an export, and notes the rules that have none.
func (x *exporter) admissions() ([]admission, error) {
	translations, err := x.translations()
	if err != nil {
		return nil, err
	}
	var out []admission
	x.rules, x.omitted = nil, map[string]string{}
	for _, t := range translations {
		names, all := x.ignored(t.Rule)
		if len(t.Conditions) == 0 {
			x.omitted[t.Rule.Name] = t.Reason()
			continue
		}
		if all {
			continue
		}
		x.rules = append(x.rules, t.Rule)
		out = append(out, admission{
			rule: t.Rule, name: policy.Package + "-" + dashed(t.Rule),
			action: map[policy.Level]string{policy.Error: "Deny", policy.Warning: "Warn", policy.Info: "Audit"}[x.level(t.Rule)],
			spec:   x.spec(&t, names),
		})
	}
	return out, nil
}

// covers reports whether a pattern of the configuration names a rule or its category.
func covers(pattern string, r *policy.Rule) bool {
	return pattern == r.Name || pattern == r.Category+"/*"
}

// frozen reports whether the configuration keeps a rule from being suppressed.
func (x *exporter) frozen(r *policy.Rule) bool {
	return slices.ContainsFunc(x.Frozen, func(pattern string) bool { return covers(pattern, r) })
}

// ignored returns the resources for which the configuration suppresses a rule, or whether it does so for all.
func (x *exporter) ignored(r *policy.Rule) (names []string, all bool) {
	if x.frozen(r) {
		return nil, false
	}
	for _, i := range x.Ignore {
		if last, err := time.Parse(time.DateOnly, i.Until); !covers(i.Rule, r) || i.Until != "" && (err != nil || time.Now().After(last.AddDate(0, 0, 1))) {
			continue
		}
		if i.Resource == "" {
			return nil, true
		}
		names = append(names, i.Resource)
	}
	return names, false
}

func (x *exporter) spec(t *Translation, ignored []string) map[string]any {
	conditions := []any{map[string]any{"name": "not-being-deleted", "expression": "!has(object.metadata.deletionTimestamp)"}}
	if len(x.ExcludedNamespaces) > 0 {
		quoted := make([]string, len(x.ExcludedNamespaces))
		for i, namespace := range x.ExcludedNamespaces {
			quoted[i] = "'" + namespace + "'"
		}
		conditions = append(conditions, map[string]any{
			"name": "not-in-an-excluded-namespace", "expression": "!(object.metadata.?namespace.orValue('') in [" + strings.Join(quoted, ", ") + "])",
		})
	}
	var validations, rules []any
	var kinds []Kind
	for _, c := range t.Conditions {
		kinds = append(kinds, c.Kinds...)
	}
	frozen := x.frozen(t.Rule)
	for _, c := range t.Conditions {
		expression := "!(" + c.CEL + ")"
		if strings.Contains(c.CEL, "\n") {
			expression = "!(\n  " + strings.ReplaceAll(c.CEL, "\n", "\n  ") + "\n)"
		}
		if len(t.Conditions) > 1 {
			expression = "!(" + ofKinds(c.Kinds) + ") ||\n" + expression
		}
		if !frozen {
			expression = "variables.suppressed ||\n" + expression
		}
		validations = append(validations, map[string]any{"expression": expression, "message": celMessage(t.Rule)})
	}
	for _, k := range kinds {
		group, version, _ := strings.Cut(k.APIVersion, "/")
		rules = append(rules, map[string]any{
			"apiGroups": []string{group}, "apiVersions": []string{version}, "operations": []string{"CREATE", "UPDATE"}, "resources": plurals(k.Kind),
		})
	}
	spec := map[string]any{
		"failurePolicy":    "Ignore", // what cannot be evaluated is none of a rule's findings
		"matchConstraints": map[string]any{"resourceRules": rules},
		"matchConditions":  conditions,
		"validations":      validations,
	}
	if !frozen {
		spec["variables"] = []any{map[string]any{"name": "suppressed", "expression": suppressedInCEL(t.Rule, ignored)}}
	}
	return spec
}

func ofKinds(kinds []Kind) string {
	texts := make([]string, len(kinds))
	for i, k := range kinds {
		texts[i] = fmt.Sprintf("object.kind == '%s' && object.apiVersion == '%s'", k.Kind, k.APIVersion)
	}
	return strings.Join(texts, " || ")
}

// plurals are the names that a definition may give a kind: the API knows resources by these. One that does not exist matches nothing.
func plurals(kind string) []string {
	name := strings.ToLower(kind)
	switch {
	case strings.HasSuffix(name, "s"):
		return []string{name, name + "es"}
	case strings.HasSuffix(name, "y"):
		return []string{strings.TrimSuffix(name, "y") + "ies"}
	}
	return []string{name + "s"}
}

// celMessage is the title of a rule and its remedy, with the rule and its page. It is one line, as the API wants it.
func celMessage(r *policy.Rule) string {
	return fmt.Sprintf("%s. %s [%s] %s", r.Title, strings.Join(strings.Fields(r.Remediation), " "), r.Name, finding.HelpURL("", r.HelpPage()))
}

// suppressedInCEL says whether an annotation suppresses a rule, as suppressedFile does in Rego, but for the last day: CEL has no clock.
func suppressedInCEL(r *policy.Rule, names []string) string {
	category, name, _ := strings.Cut(r.Name, "/")
	var b strings.Builder
	for _, n := range names {
		if kind, name, found := strings.Cut(n, "/"); found {
			fmt.Fprintf(&b, "object.kind == '%s' && object.metadata.?name.orValue('') == '%s' ||\n", kind, name)
		} else {
			fmt.Fprintf(&b, "object.metadata.?name.orValue('') == '%s' ||\n", n)
		}
	}
	fmt.Fprintf(&b, `object.metadata.?annotations.orValue({}).exists(key,
  key in ['ignore.redis-gitops.io/%s.%s', 'ignore.redis-gitops.io/%s.*'] &&
  object.metadata.annotations[key].split(';').exists(part, part.trim() != '' && !part.trim().startsWith('until=')) &&
  object.metadata.annotations[key].split(';').all(part,
    !part.trim().matches(r'^until=\S*$') || part.trim().matches('^until=([0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))?$')))`, category, name, category)
	return b.String()
}

func marshal(object map[string]any) (string, error) {
	text, err := yaml.Marshal(object)
	return string(text), err
}
