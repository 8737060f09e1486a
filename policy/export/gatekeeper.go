package export

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/policy"
)

var gatekeeperFormat = format{
	name: "gatekeeper", title: "Gatekeeper", export: exportGatekeeper,
	usage: "For Gatekeeper 3.11 or newer.\n\n```\nkubectl apply -f templates\nkubectl apply -f constraints\n```\n\n" +
		"Errors are denied, warnings reported to the client, advice only audited (`enforcementAction: dryrun`).\n",
}

var (
	ownRefs      = lazyregexp.New(`\bdata\.` + policy.Package + `\b`)
	settingsRefs = lazyregexp.New(`\bdata\.settings\b`)
	ownPackage   = lazyregexp.New(`(?m)^package ` + policy.Package + `\b`)
)

func underLib(src string) string {
	return settingsRefs.ReplaceAllString(ownRefs.ReplaceAllString(src, "data.lib."+policy.Package), "data.lib."+policy.Package+".settings")
}

// imported reads the settings by an import where "some … in" does: Gatekeeper renames references to libraries, but not those.
func imported(src string) string {
	const settings = "data.lib." + policy.Package + ".settings"
	if !strings.Contains(src, " in "+settings) {
		return src
	}
	head, rest, _ := strings.Cut(strings.ReplaceAll(src, settings, "exported"), "\n")
	return head + "\n\nimport " + settings + " as exported\n" + rest
}

// exportGatekeeper writes templates that stand alone: Gatekeeper lets a template read its own libraries, which have to be in
// packages below lib, and no other data.
func exportGatekeeper(x *exporter) ([]policy.Module, error) {
	settings, err := json.Marshal(x.Settings)
	if err != nil {
		return nil, err
	}
	suppressions, err := x.suppressions()
	if err != nil {
		return nil, err
	}
	var out []policy.Module
	for _, r := range x.rules {
		kind := "RedisGitops"
		for word := range strings.FieldsFuncSeq(r.Name, func(c rune) bool { return c == '/' || c == '-' }) {
			kind += strings.ToUpper(word[:1]) + word[1:]
		}
		libs := []string{"package lib." + policy.Package + "\n\nsettings := " + string(settings) + "\n", ownPackage.ReplaceAllString(suppressions, "package lib."+policy.Package)}
		needed := x.needed(r.File)
		var used []string
		for n := range needed {
			if !slices.Contains(used, n.file) {
				used = append(used, n.file)
			}
		}
		slices.Sort(used)
		for _, file := range used {
			libs = append(libs, imported(ownPackage.ReplaceAllString(underLib(x.only(file, needed)), "package lib."+policy.Package)))
		}
		// Gatekeeper renames references to libraries, but not those in "some … in".
		adapter := fmt.Sprintf("package %s\n\nviolation contains {\"msg\": %s, \"details\": {\"path\": object.get(violation, \"path\", []), \"rule\": %q}} if {\n%s\tfound := %s with input as input.review.object\n\tsome violation in found\n%s%s}\n",
			strings.ToLower(kind), message(r), r.Name, guard(r, "input.review.object.kind"), underLib(r.Reference()), x.strictly(), underLib(unsuppressed(r, "input.review.object")))
		action := map[policy.Level]string{policy.Error: "deny", policy.Warning: "warn", policy.Info: "dryrun"}[x.level(r)]
		kinds := manifestKinds(r)
		if len(r.Kinds) == 0 {
			kinds = []string{"*"}
		}
		match := map[string]any{"kinds": []any{map[string]any{"apiGroups": []string{"*"}, "kinds": kinds}}}
		if len(x.ExcludedNamespaces) > 0 {
			match["excludedNamespaces"] = x.ExcludedNamespaces
		}
		for _, object := range []struct {
			file string
			data map[string]any
		}{
			{"templates", map[string]any{
				"apiVersion": "templates.gatekeeper.sh/v1", "kind": "ConstraintTemplate",
				"metadata": map[string]any{"name": strings.ToLower(kind), "annotations": map[string]any{"description": r.Title}},
				"spec": map[string]any{
					"crd": map[string]any{"spec": map[string]any{"names": map[string]any{"kind": kind}}},
					"targets": []any{map[string]any{
						"target": "admission.k8s.gatekeeper.sh",
						"code": []any{map[string]any{
							"engine": "Rego",
							"source": map[string]any{"version": "v1", "rego": adapter, "libs": libs},
						}},
					}},
				},
			}},
			{"constraints", map[string]any{
				"apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": kind,
				"metadata": map[string]any{"name": dashed(r)},
				"spec": map[string]any{
					"enforcementAction": action,
					"match":             match,
				},
			}},
		} {
			text, err := yaml.Marshal(object.data)
			if err != nil {
				return nil, err
			}
			out = append(out, module(path.Join(object.file, fileOf(r)), string(text)))
		}
	}
	return out, nil
}
