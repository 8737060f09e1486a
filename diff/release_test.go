package diff

import (
	"fmt"
	"maps"
	"strings"
	"testing"
)

// releases is a repository that installs charts of elsewhere in each way.
func releases() map[string]string {
	const finalizer = "metadata: {name: shop, finalizers: [resources-finalizer.argocd.argoproj.io]}\n"
	return map[string]string{
		"argocd/shop.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: Application\n" + finalizer + "spec:\n  destination: {namespace: web}\n  syncPolicy: {automated: {prune: true}}\n  sources:\n" +
			"    - repoURL: registry-1.docker.io/bitnamicharts\n      chart: redis\n      targetRevision: 20.1.0\n      helm:\n        valueFiles: [$values/values/shop.yaml]\n        valuesObject: {auth: {password: hunter22}}\n" +
			"    - {repoURL: https://git.example/devops.git, ref: values}\n",
		"values/shop.yaml": "architecture: standalone\nmaster:\n  persistence: {size: 8Gi}\n",
		"argocd/feed.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: feed}\nspec:\n  destination: {namespace: web}\n  source: {repoURL: oci://ghcr.io/cloudpirates-io/helm-charts/redis, path: ., targetRevision: 0.34.18}\n",
		"flux/cart.yaml": "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: cart, namespace: web}\nspec:\n  chart: {spec: {chart: redis-ha, version: 4.38.0, sourceRef: {kind: HelmRepository, name: dandydeveloper}}}\n" +
			"  valuesFrom: [{kind: ConfigMap, name: cart-values}]\n  values: {persistentVolume: {size: 2Gi}}\n",
		"flux/values.yaml":                     "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cart-values, namespace: web}\ndata:\n  values.yaml: |\n    replicas: 3\n",
		"applications/front/Chart.yaml":        "apiVersion: v2\nname: front\nversion: 1.0.0\ndependencies: [{name: valkey, version: 0.10.0, repository: 'https://valkey.io/valkey-helm/'}]\n",
		"applications/front/values.yaml":       "valkey: {dataStorage: {enabled: true, requestedSize: 2Gi}}\n",
		"applications/mail/kustomization.yaml": "namespace: web\nhelmCharts:\n  - {name: redis, repo: 'https://charts.bitnami.com/bitnami', version: 20.1.0, releaseName: mail, valuesInline: {replica: {replicaCount: 3}}}\n",
	}
}

// TestReleases changes what installs a chart of elsewhere in each way in which its values can change.
func TestReleases(t *testing.T) {
	for _, tt := range []struct{ name, file, edit, want string }{
		{"the version", "argocd/shop.yaml", "targetRevision: 20.1.0 => targetRevision: 18.1.0", "error stuck Chart web/shop-redis version argocd/shop.yaml:10:23"},
		{"a values file beside it", "values/shop.yaml", "size: 8Gi => size: 9Gi", "error rejected Chart web/shop-redis master.persistence.size values/shop.yaml:3:23"},
		{"values inline", "argocd/shop.yaml", "{password: hunter22} => {password: hunter22, enabled: false}", "warning roll Chart web/shop-redis auth.enabled argocd/shop.yaml:13:60"},
		{"a password", "argocd/shop.yaml", "{password: hunter22} => {password: hunter23}", "warning roll Chart web/shop-redis auth.password argocd/shop.yaml:13:41"},
		{"a name", "argocd/shop.yaml", "{auth: => {fullnameOverride: store, auth:", "warning orphan Chart web/shop-redis, Chart web/store name argocd/shop.yaml"},
		{"a namespace", "argocd/shop.yaml", "namespace: web => namespace: store", "warning orphan Chart store/shop-redis, Chart web/shop-redis namespace argocd/shop.yaml"},
		{"an Application that is gone", "argocd/shop.yaml", "", "warning orphan Chart web/shop-redis  argocd/shop.yaml"},
		{"an Application that is gone without a finalizer", "argocd/feed.yaml", "", "warning orphan Chart web/feed-redis  argocd/feed.yaml"},
		{"a release without values that is renamed", "argocd/feed.yaml", "targetRevision: 0.34.18 => targetRevision: 0.34.18, helm: {releaseName: news}", "warning orphan Chart web/feed-redis, Chart web/news-redis name argocd/feed.yaml"},
		{"a HelmRelease", "flux/cart.yaml", "size: 2Gi => size: 3Gi", "error rejected Chart web/cart-redis-ha persistentVolume.size flux/cart.yaml:7:37"},
		{"a ConfigMap with values", "flux/values.yaml", "replicas: 3 => replicas: 1", "warning live Chart web/cart-redis-ha replicas flux/values.yaml"},
		{"a subchart", "applications/front/values.yaml", "requestedSize: 2Gi => requestedSize: 1Gi", "error rejected Chart front-valkey dataStorage.requestedSize applications/front/values.yaml:1:54"},
		{"the version of a subchart", "applications/front/Chart.yaml", "version: 0.10.0 => version: 0.8.0", "error stuck Chart front-valkey version applications/front/Chart.yaml:4:40"},
		{"a chart of a kustomization", "applications/mail/kustomization.yaml", "replicaCount: 3 => replicaCount: 1", "info live Chart web/mail-redis replica.replicaCount applications/mail/kustomization.yaml"},
		{"a comment", "values/shop.yaml", "architecture: standalone => architecture: standalone # one pod", ""},
	} {
		old := releases()
		new := maps.Clone(old)
		if delete(new, tt.file); tt.edit != "" {
			new[tt.file] = edited(t, old[tt.file], tt.edit)
		}
		r, sides := collected(t, old, new)
		if len(sides.Problems) > 0 {
			t.Errorf("%s: %v", tt.name, sides.Problems)
		}
		var lines []string
		for _, c := range r.Changes {
			lines = append(lines, fmt.Sprintf("%s %s %s %s %s", c.Severity, c.Class, c.Redis, c.Path, c.At))
			if strings.Contains(fmt.Sprint(c), "hunter2") {
				t.Errorf("%s: a password is shown: %+v", tt.name, c)
			}
		}
		if got := strings.Join(lines, "\n"); len(lines) > 1 || !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
		for _, text := range r.Texts() {
			if strings.Contains(text.Old+text.New, "hunter2") && strings.HasPrefix(text.Name, "Chart ") {
				t.Errorf("%s: a password is shown in %s:\n%s", tt.name, text.Name, text.New)
			}
		}
	}
}

// TestKeptReleases: what becomes of a release when the object that installs it is gone.
func TestKeptReleases(t *testing.T) {
	for file, want := range map[string]string{
		"argocd/shop.yaml": "the volumes stay without an owner",
		"argocd/feed.yaml": "the Application has no finalizer",
		"flux/cart.yaml":   "the volumes stay without an owner",
	} {
		new := releases()
		delete(new, file)
		r, _ := collected(t, releases(), new)
		if len(r.Changes) != 1 || !strings.Contains(r.Changes[0].Text, want) {
			t.Errorf("%s: %+v, not %q", file, r.Changes, want)
		}
	}
}

func TestSecretKeys(t *testing.T) {
	for name, want := range map[string]bool{
		"password": true, "redisPassword": true, "replicaPassword": true, "aclConfig": true, "usePassword": false, "existingSecretPasswordKey": false, "existingPassword": false, "usePasswordFiles": false, "authKey": false,
	} {
		if secretKey(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}
