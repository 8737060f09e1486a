package scaffold

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
)

// setOf returns values as --set has them.
func setOf(pairs ...string) map[string]cue.LayerValue {
	set := map[string]cue.LayerValue{}
	for _, pair := range pairs {
		key, value, _ := strings.Cut(pair, "=")
		set[key] = cue.LayerValue{Value: cue.ParseValue(value), At: finding.Position{File: "--set " + key}}
	}
	return set
}

// TestOptionalValues: what is asked for is in values.yaml with its comment, mappings and lists as such, and nothing else; the configuration can
// ask for it too, and an application without a chart has it in its manifest.
func TestOptionalValues(t *testing.T) {
	const configured = "defaults:\n  values:\n    storageClass: fast\n    nodeSelector: {disktype: ssd}\n    tolerations: role=database:NoSchedule\n"
	for _, o := range generatedTypes(t) {
		r := shop(t, "resources: {}\nenv: []\n")
		c := config(t, configured)
		operator, typ := o.Name, o.Type()
		absent := func(line string) bool {
			key, _, _ := strings.Cut(strings.TrimSpace(line), ":")
			key, _, _ = strings.Cut(key, "=")
			return o.Without[key] != ""
		}
		set := slices.DeleteFunc([]string{"zones=true", "priorityClass=database", "podMonitor=true", "nodeSelector=disktype=nvme,spot="}, absent)
		req := ResourceRequest{App: "shop", Type: typ, Operator: operator, Set: setOf(set...)}
		apply(t, r)(PlanResource(t.Context(), r, c, deps, req))
		got := read(t, r, "applications/shop/values.yaml")
		for _, line := range []string{
			"    storageClass: fast # of the volumes\n", "    zones: true # spread the pods across zones\n", "    priorityClass: database\n",
			"    nodeSelector: {disktype: nvme, spot: \"\"}\n", "    tolerations: [{effect: NoSchedule, key: role, operator: Equal, value: database}]\n",
			"    podMonitor: true # for the Prometheus Operator\n",
		} {
			if !strings.Contains(got, line) != absent(line) {
				t.Errorf("%s: %q missing, or unexpected, in\n%s", operator, line, got)
			}
		}
		for _, key := range []string{"seccompProfile", "maxmemoryPercent", "minReplicasToWrite", "podMonitorLabels"} {
			if strings.Contains(got, key) {
				t.Errorf("%s: nobody asked for %s:\n%s", operator, key, got)
			}
		}
		if p, err := PlanResource(t.Context(), r, c, deps, req); err != nil || p.Changed() {
			t.Errorf("%s: a second run: %v\n%s", operator, err, p.Diff())
		}
		if p, err := PlanUpdate(t.Context(), r, c, UpdateRequest{}); err != nil || p.Changed() {
			t.Errorf("%s: an update: %v\n%s", operator, err, p.Diff())
		}
		apply(t, r)(PlanDestroy(t.Context(), r, DestroyRequest{App: "shop", Name: typ}))
		if got := read(t, r, "applications/shop/values.yaml"); got != "resources: {}\nenv: []\n" {
			t.Errorf("%s: after destroy:\n%s", operator, got)
		}

		r = openFiles(t, map[string]string{"applications/web/kustomization.yaml": "resources: []\n"})
		apply(t, r)(PlanResource(t.Context(), r, c, deps, ResourceRequest{App: "web", Type: typ, Operator: operator, Set: setOf(slices.DeleteFunc([]string{"zones=true"}, absent)...)}))
		manifest := read(t, r, "applications/web/"+typ+".yaml")
		for key, line := range map[string]string{
			"storageClass": "storageClassName: \"fast\"\n", "nodeSelector": "disktype: ssd\n", "tolerations": "effect: NoSchedule\n", "zones": "topologyKey: topology.kubernetes.io/zone\n",
		} {
			if !strings.Contains(manifest, line) != absent(key) {
				t.Errorf("%s: %q missing, or unexpected, in\n%s", operator, line, manifest)
			}
		}
		if p, err := PlanUpdate(t.Context(), r, c, UpdateRequest{}); err != nil || p.Changed() {
			t.Errorf("%s: an update without a chart: %v\n%s", operator, err, p.Diff())
		}
	}
}

// TestOptionalValuesOfOwnGenerator: a generator of the repository has the optional values that its head lists, whatever it creates.
func TestOptionalValuesOfOwnGenerator(t *testing.T) {
	const generator = "# Optional values:\n#   storageClass: fast # ours\n#   nodeSelector: {}\n#\n# Example values.yaml:\n# resources:\n#   %{camelName}:\n#     memory: 256Mi\n\nkind: %KIND\n"
	for kind, want := range map[string]string{
		"RedisFailover": "    memory: 256Mi\n    storageClass: slow # ours\n    nodeSelector: {a: b}\n",
		"Postgres":      "    memory: 256Mi\n    nodeSelector: a=b\n    storageClass: slow # ours\n", // text, as for any value of which nothing is known
	} {
		r := openFiles(t, map[string]string{
			"applications/shop/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n", "applications/shop/values.yaml": "resources: {}\n",
			"generators/resources/redis.yaml": strings.ReplaceAll(generator, "%KIND", kind),
		})
		apply(t, r)(PlanResource(t.Context(), r, config(t, ""), deps, ResourceRequest{App: "shop", Set: setOf("storageClass=slow", "nodeSelector=a=b")}))
		got := read(t, r, "applications/shop/values.yaml")
		lines := strings.Split(strings.TrimSuffix(want, "\n"), "\n")
		if slices.ContainsFunc(lines, func(line string) bool { return !strings.Contains(got, line+"\n") }) {
			t.Errorf("%s:\n%s", kind, got)
		}
		_, err := PlanResource(t.Context(), r, config(t, ""), deps, ResourceRequest{App: "shop", Suffix: "b", Set: setOf("zones=true")})
		if err == nil || !strings.Contains(err.Error(), `has no such value; one of "memory", "storageClass", "nodeSelector"`) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// TestUpdateFromFormer: a Redis of the templates before the optional values gets the new lines with its values as they are, merges with
// changes by hand, renders, and can still be destroyed to the byte. A profile says what its generator lacks.
func TestUpdateFromFormer(t *testing.T) {
	for _, operator := range []string{"spotahome", "opstree"} {
		former, err := os.ReadFile("testdata/former/" + operator + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		for _, profile := range []string{"", "cache", "queue", "store"} {
			const values = "image: shop:1\nresources: {}\nenv: []\n"
			r := shop(t, values)
			write(t, r, "generators/resources/redis.yaml", string(former))
			c := config(t, "operator: {name: "+operator+"}\n")
			p := apply(t, r)(PlanResource(t.Context(), r, c, deps, ResourceRequest{App: "shop", Profile: profile}))
			lacks := slices.ContainsFunc(p.Notes, func(n string) bool {
				return strings.Contains(n, "generators/resources/redis.yaml has no value m") && strings.Contains(n, "the profile "+profile+" sets")
			})
			if lacks != (profile != "") {
				t.Errorf("%s %s: notes %q", operator, profile, p.Notes)
			}
			const template = "applications/shop/templates/redis.yaml"
			text := read(t, r, template)
			edited := strings.Replace(text, "cpu: 50m\n", "cpu: 75m # ours\n", 1)
			write(t, r, template, edited)
			before := read(t, r, "applications/shop/values.yaml")
			if err := r.Fs().Remove("generators/resources/redis.yaml"); err != nil { // the built-in one takes its place
				t.Fatal(err)
			}
			p = apply(t, r)(PlanUpdate(t.Context(), r, c, UpdateRequest{}))
			if !p.Changed() || read(t, r, "applications/shop/values.yaml") != before {
				t.Errorf("%s %s: %s", operator, profile, p.Diff())
			}
			got := read(t, r, template)
			if !strings.Contains(got, "cpu: 75m # ours\n") || !strings.Contains(got, "client-output-buffer-limit") || strings.Contains(got, "<<<<") {
				t.Errorf("%s %s:\n%s", operator, profile, got)
			}
			for _, res := range renderAll(t, r, everyTarget(t, r, "shop")) {
				for _, problem := range res.Problems {
					t.Errorf("%s %s: %v", operator, profile, problem)
				}
			}
			write(t, r, template, strings.Replace(got, "cpu: 75m # ours\n", "cpu: 50m\n", 1))
			apply(t, r)(PlanDestroy(t.Context(), r, DestroyRequest{App: "shop", Name: "redis"}))
			if got := read(t, r, "applications/shop/values.yaml"); got != values {
				t.Errorf("%s %s: after destroy:\n%s", operator, profile, got)
			}
		}
	}
}
