package repo

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/spf13/afero"
)

// everything makes all documents candidates for every directory, as if there were no index.
func (d *deployers) everything() *deployers {
	all := &deployers{docs: d.docs, flux: map[string][]int{}}
	for i, doc := range d.docs {
		all.unknown = append(all.unknown, i)
		if doc.Kind() == "Kustomization" {
			dir, _ := repoPath(text(doc.Get("spec", "path")))
			all.flux[dir] = append(all.flux[dir], i)
		}
	}
	return all
}

// TestDeployers: what deploys an application is the same by the index and by reading every document, whatever their paths.
func TestDeployers(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	paths := []string{"applications/a", "./applications/a/", "/applications/b", "applications/b/overlays/prod", "applications", ".", "", "applications/c",
		"applications/ab", "../applications/a", "platform", "applications/{{path.basename}}", "applications/c/base"}
	found := 0
	for range 150 {
		fs := afero.NewMemMapFs()
		write := func(name, text string) {
			if err := afero.WriteFile(fs, name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		write("applications/a/Chart.yaml", "apiVersion: v2\nname: a\nversion: 0.1.0\n")
		write("applications/b/kustomization.yaml", "resources: []\n")
		write("applications/b/overlays/prod/kustomization.yaml", "namespace: prod\n")
		write("applications/c/deployment.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: c}\n")
		for i := range 1 + random.IntN(8) {
			at := paths[random.IntN(len(paths))]
			recurse := []string{"", ", directory: {recurse: true}"}[random.IntN(2)]
			write(fmt.Sprintf("platform/%d/%d.yaml", i%3, i), []string{
				fmt.Sprintf("apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: x%d}\nspec: {source: {path: %q%s}, destination: {namespace: n%d}}\n", i, at, recurse, i),
				fmt.Sprintf("apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: x%d}\nspec:\n  generators: [{list: {elements: [{dir: %q}]}}]\n"+
					"  template: {metadata: {name: x}, spec: {source: {path: '{{dir}}'%s}, destination: {namespace: n%d}}}\n", i, at, recurse, i),
				fmt.Sprintf("apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: x%d, namespace: n%d}\n"+
					"spec: {chart: {spec: {chart: %q, sourceRef: {kind: GitRepository, name: r}}}}\n", i, i, at),
				fmt.Sprintf("apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: x%d}\n"+
					"spec: {path: %q, targetNamespace: n%d, postBuild: {substitute: {N: '%d'}}}\n", i, at, i, i),
			}[random.IntN(4)])
		}
		r, err := Open(fs, Options{})
		if err != nil {
			t.Fatal(err)
		}
		apps, err := r.Apps()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range apps {
			byIndex, err := a.Deployments()
			if err != nil {
				t.Fatal(err)
			}
			index := r.deployers
			r.deployers = index.everything()
			want, err := a.Deployments()
			r.deployers = index
			if err != nil {
				t.Fatal(err)
			}
			found += len(want)
			if !reflect.DeepEqual(byIndex, want) {
				t.Fatalf("%s: %d deployments by the index, %d by all documents\n%+v\n%+v", a.Dir, len(byIndex), len(want), byIndex, want)
			}
		}
	}
	if found < 200 {
		t.Errorf("only %d deployments were compared", found)
	}
}
