package instance

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestEveryOperator wants of every operator an instance in an example, and that what recognises it does.
func TestEveryOperator(t *testing.T) {
	found := map[string]bool{}
	for _, file := range examples(t) {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			var want struct {
				Instances []Instance `json:"instances"`
			}
			if f.Name != "want.json" {
				continue
			}
			if err := json.Unmarshal(f.Data, &want); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			for _, i := range want.Instances {
				found[i.Operator] = true
			}
		}
	}
	for _, o := range operators(t) {
		if !found[o.Name] {
			t.Errorf("no example has a Redis of %q; add cue/operator/%s/testdata/instances/NAME.txtar with manifests and run UPDATE=1 go test ./instance -run TestFind", o.Name, o.Name)
		}
		by := o.Recognise()
		manifests := map[string]string{}
		for _, image := range by.Images {
			manifests["image "+image] = fmt.Sprintf("kind: Deployment\nspec: {template: {spec: {containers: [{image: '%s:v%s'}]}}}", image, o.Versions[0])
		}
		for _, base := range by.Bases {
			manifests["base "+base] = fmt.Sprintf("kind: Kustomization\nresources: ['%s?ref=v%s']", base, o.Versions[0])
		}
		for _, c := range by.Charts {
			manifests["chart "+c.Name+" of "+c.Repository] = fmt.Sprintf("kind: Application\nspec: {source: {chart: %s, repoURL: 'https://%s', targetRevision: 1.0.0}}", c.Name, c.Repository)
		}
		for what, manifest := range manifests {
			installed := Installations(documents(t, "x.yaml", "", []byte(manifest)), operators(t))
			if len(installed) != 1 || installed[0].Operator != o.Name && !slices.Contains(installed[0].Perhaps, o.Name) {
				t.Errorf("the %s is in recognise of cue/operator/%s/operator.cue, and installs %+v", what, o.Name, installed)
			}
		}
	}
}
