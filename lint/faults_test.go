package lint_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/lint"
)

// datedRules follow from the facts about images, so what they find changes with the date of those.
var datedRules = []string{"op/image-end-of-life", "op/image-vulnerable"}

// Each input on which the linter once was wrong gives the rules that are right for it, and no others.
func TestFaultInputs(t *testing.T) {
	t.Parallel()
	const advice = "data/ephemeral mem/no-requests op/exporter-off op/image-default-old"
	want := map[string]string{
		"A1": "", "A2": "", "A3": "", "A5": "", "A6": "", // recognised operators and mirrors
		"AA":    "data/pvc-dies-with-cr ha/anti-affinity-matches-nothing ha/grace-shorter-than-shutdown mem/no-requests op/exporter-off op/image-default-old",
		"AS":    "ha/grace-shorter-than-shutdown layout/not-deployed mem/no-requests op/exporter-off op/image-default-old",
		"B1":    "url/unknown-host",
		"C15":   "sec/pod-security-refuses sec/pod-security-refuses",
		"C18":   "ha/mesh-sidecar",
		"C22":   "auth/secret-in-plain-text kust/generated-name",
		"C3":    "data/ephemeral mem/limit-without-maxmemory mem/no-requests op/exporter-off op/image-default-old op/labels-propagate",
		"C35":   "ha/anti-affinity-needs-zones",
		"C36":   "ha/pdb-blocks-drain ha/single-redis",
		"C37":   "op/volume-mounts op/volume-mounts",
		"C4":    advice + " op/labels-propagate",
		"F26b":  "", // substitutions of Flux
		"G1":    "", // documents split as Helm does
		"I364":  "config/no-variables op/unknown-field",
		"I370b": "config/command-arguments",
		"I370c": "config/command-arguments",
		"I716":  "sec/rename-quotes",
		"K1":    "", // an optional value
		"L2":    "svc/selector-label-removed",
		"L3":    "svc/selector-label-removed",
		"M17":   "url/unknown-host",
		"MASK":  "val/render-fails val/render-fails val/render-fails",
		"Z1":    "auth/secret-path-not-a-name",
		"Z2":    "op/unknown-field",
		"Z4":    "", // what a harmful fix used to leave
		"Z5":    "",
		"t1":    "data/ephemeral ha/pdb-uses-redis-count layout/values-unused mem/no-requests op/exporter-off op/image-default-old",
		"t2":    "",
	}
	const dir = "../../shared/faults/lint"
	inputs, err := os.ReadDir(dir)
	if err != nil {
		t.Skipf("there is no %s beside the project", dir)
	}
	for _, input := range inputs {
		name := input.Name()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			right, known := want[name]
			if !known {
				t.Fatalf("the findings that are right for %s are not in the table", name)
			}
			r, config := open(t, shared(t, filepath.Join(dir, name)))
			var rules, lines []string
			for _, f := range run(t, r, lint.Options{Config: config}).Findings {
				if slices.Contains(datedRules, f.Rule) {
					continue
				}
				rules = append(rules, f.Rule)
				lines = append(lines, fmt.Sprintf("%s: %s [%s]", f.Position, f.Message, f.Rule))
			}
			slices.Sort(rules)
			if got := strings.Join(rules, " "); got != right {
				t.Errorf("got  %s\nwant %s\n%s", got, right, strings.Join(lines, "\n"))
			}
		})
	}
}
