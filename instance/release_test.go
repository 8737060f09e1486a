package instance

import (
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/repo"
)

// TestReleases: a chart that the repository only names is a Redis with names and a place, also for who asks for it by its name alone among
// many applications.
func TestReleases(t *testing.T) {
	files := map[string]string{
		"platform-applications/redis.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop}\nspec:\n  destination: {namespace: apps}\n  source:\n" +
			"    repoURL: registry-1.docker.io/bitnamicharts\n    chart: valkey\n    targetRevision: 4.0.2\n    helm: {valuesObject: {architecture: standalone}}\n",
		"applications/front/Chart.yaml":  "apiVersion: v2\nname: front\nversion: 1.0.0\ndependencies: [{name: redis, version: 0.34.18, repository: 'oci://registry-1.docker.io/cloudpirates', alias: cache}]\n",
		"applications/front/values.yaml": "cache: {auth: {enabled: false}}\n",
	}
	for i := range 2 * fewTargets {
		files["applications/a"+string(rune('a'+i%26))+string(rune('a'+i/26))+"/x.yaml"] = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
	}
	for name, want := range map[string]string{
		"shop-valkey":         "bitnami redis://:$(REDIS_PASSWORD)@shop-valkey-primary.apps.svc:6379 at platform-applications/redis.yaml:8:12",
		"shop-valkey-primary": "bitnami redis://:$(REDIS_PASSWORD)@shop-valkey-primary.apps.svc:6379 at platform-applications/redis.yaml:8:12",
		"front-cache":         "cloudpirates redis://front-cache:6379 at applications/front/Chart.yaml:4:23",
	} {
		fs := afero.NewMemMapFs()
		for name, text := range files {
			if err := afero.WriteFile(fs, name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		config, err := cue.LoadConfig(cue.ConfigFile, nil)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := repo.Open(fs, repo.Options{Layout: repo.Layout{Applications: config.Layout.Applications}})
		if err != nil {
			t.Fatal(err)
		}
		r, err := Open(t.Context(), opened, config)
		if err != nil {
			t.Fatal(err)
		}
		found, err := r.Named(t.Context(), name)
		if err != nil || len(found) != 1 {
			t.Errorf("%s: %d instances, %v", name, len(found), err)
			continue
		}
		url, err := found[0].Client("url", ClientOptions{})
		if got := found[0].Operator + " " + strings.TrimSpace(url) + " at " + found[0].Where; err != nil || got != want {
			t.Errorf("%s: %s, not %s; %v", name, got, want, err)
		}
	}
}
