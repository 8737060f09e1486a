package lint_test

import (
	"fmt"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/repo"
)

const helmRelease = `apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: shop%[1]d
  namespace: shop%[1]d
spec:
  chart:
    spec:
      chart: redis
      version: 20.1.0
      sourceRef: {kind: HelmRepository, name: charts, namespace: flux-system}
  valuesFrom:
    - {kind: ConfigMap, name: shop%[1]d-values}
`

// TestBeside lints releases of Flux whose chart repository and values are in other directories: a cached run says what another one does
// when these change, and how often a file is opened does not depend on how many releases there are.
func TestBeside(t *testing.T) {
	t.Parallel()
	config, err := cue.LoadConfig(cue.ConfigFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	const releases = 20
	fsys := afero.NewMemMapFs()
	write := func(name, text string, args ...any) {
		if err := afero.WriteFile(fsys, name, fmt.Appendf(nil, text, args...), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	source := func(url string) {
		write("infrastructure/charts.yaml", "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {name: charts, namespace: flux-system}\nspec: {url: %q}\n", url)
	}
	values := func(text string) {
		for i := range releases {
			write(fmt.Sprintf("config/shop%d.yaml", i), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop%d-values, namespace: shop%d}\ndata:\n  values.yaml: |\n    %s\n", i, i, text)
		}
	}
	source("https://charts.example.com")
	values("auth: {enabled: false}")
	for i := range releases {
		write(fmt.Sprintf("apps/shop%d/release.yaml", i), helmRelease, i)
		write(fmt.Sprintf("apps/shop%d/kustomization.yaml", i), "resources: [release.yaml]\n")
	}
	store := memoryStore{}
	seen := map[string]bool{}
	for _, change := range []func(){
		func() {},
		func() { source("https://charts.bitnami.com/bitnami") },
		func() { values("auth: {enabled: true}") },
		func() { source("https://charts.example.com") },
	} {
		change()
		open := func() (*repo.Repo, *opens) {
			counted := &opens{Fs: fsys, of: map[string]int{}}
			r, err := repo.Open(counted, repo.Options{})
			if err != nil {
				t.Fatal(err)
			}
			return r, counted
		}
		r, _ := open()
		opts := lint.Options{Config: config, Strict: true, Today: today}
		want := print(t, r, "json", run(t, r, opts).Findings)
		seen[want] = true
		r, counted := open()
		opts.Keeper = lint.NewKeeper(store, "test")
		if got := print(t, r, "json", run(t, r, opts).Findings); got != want {
			t.Errorf("with what is kept:\n%s\nwithout:\n%s", got, want)
		}
		for name, n := range counted.of {
			if n > releases-5 {
				t.Errorf("%s was opened %d times", name, n)
			}
		}
	}
	if len(seen) != 3 {
		t.Errorf("the changes made %d different reports, want 3: of another chart, without and with a password", len(seen))
	}
}
