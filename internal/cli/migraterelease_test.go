package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// releases are the shapes of a release of a chart of Bitnami, as files of the repository beside those of the example.
var releases = []struct {
	of, app, name string
	host, set     string // that clients use; the name of the master for sentinels
	secret, key   string
	files         map[string]string
}{
	{
		of: "Application, valuesObject", app: "shop", name: "cache-redis", host: "cache-redis-master.default.svc", secret: "cache-redis", key: "redis-password",
		files: map[string]string{"platform-applications/cache.yaml": `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: cache
  namespace: argocd
  finalizers: [resources-finalizer.argocd.argoproj.io]
spec:
  project: default
  source:
    chart: redis
    repoURL: registry-1.docker.io/bitnamicharts
    targetRevision: 20.6.1
    helm:
      valuesObject:
        auth: { password: hunter2hunter2 } # ours
        commonConfiguration: |-
          appendonly yes
          maxmemory 300mb
          maxmemory-policy allkeys-lru
        master: { resources: { limits: { memory: 512Mi } } }
  destination: { namespace: default, server: https://kubernetes.default.svc }
`},
	},
	{
		of: "HelmRelease of valkey", app: "payments", name: "queue-valkey", host: "queue-valkey-primary", secret: "queue", key: "valkey-password",
		files: map[string]string{
			"platform/queue/kustomization.yaml": "kind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\nresources:\n  - source.yaml\n  - release.yaml # ours\n",
			"platform/queue/source.yaml":        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: { name: bitnami, namespace: default }\nspec: { type: oci, url: \"oci://registry-1.docker.io/bitnamicharts\", interval: 1h }\n",
			"platform/queue/release.yaml": `apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: { name: queue, namespace: default }
spec:
  interval: 1h
  chart: { spec: { chart: valkey, version: 4.0.2, sourceRef: { kind: HelmRepository, name: bitnami } } }
  values:
    auth: { existingSecret: queue }
    architecture: standalone
    primary: { persistence: { size: 2Gi } }
`,
		},
	},
	{
		of: "Application with sentinels, beside another document", app: "shop", name: "sessions", host: "sessions:26379", set: "sessions", secret: "login", key: "password",
		files: map[string]string{"platform-applications/sessions.yaml": `apiVersion: v1
kind: Namespace
metadata: { name: default }
---
# Of the sessions.
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: { name: sessions, namespace: argocd }
spec:
  project: default
  source:
    chart: redis
    repoURL: https://charts.bitnami.com/bitnami
    targetRevision: 18.19.2
    helm:
      values: |
        fullnameOverride: sessions
        auth: { existingSecret: login, existingSecretPasswordKey: password }
        sentinel: { enabled: true, masterSet: sessions }
        replica: { replicaCount: 3, resourcesPreset: small, persistence: { size: 2Gi } }
  destination: { namespace: default, server: https://kubernetes.default.svc }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: other, namespace: default }
`},
	},
	{
		of: "dependency of a chart", app: "payments", name: "payments-cache", host: "payments-cache-master", secret: "payments-cache", key: "redis-password",
		files: map[string]string{
			"applications/payments/Chart.yaml": "apiVersion: v2\nname: payments\ntype: application\nversion: 1.0.0\ndependencies:\n  - name: redis # ours\n    alias: cache\n    version: 19.x\n    repository: oci://registry-1.docker.io/bitnamicharts\n",
		},
	},
	{
		of: "chart of a kustomization", app: "reports", name: "jobs-redis", host: "jobs-redis-master.default.svc.cluster.local", secret: "jobs-redis", key: "redis-password",
		files: map[string]string{
			"platform/jobs/kustomization.yaml": "kind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\nnamespace: default\nresources: []\nhelmCharts:\n  - name: redis\n    repo: https://charts.bitnami.com/bitnami\n    version: 17.3.1\n    releaseName: jobs\n    namespace: default\n    valuesInline: { architecture: standalone, auth: { enabled: true } }\n",
		},
	},
}

// TestMigrateReleases takes releases of Bitnami's charts to all that migrate --list offers: each stage has no finding in strict mode that was
// not there before, git revert gives back the bytes, and nothing prints a password. In short mode the first two have one target.
func TestMigrateReleases(t *testing.T) {
	t.Parallel()
	for i, rel := range releases {
		if testing.Short() && i > 1 {
			break
		}
		m := &pairs{t, t.TempDir()}
		if err := os.CopyFS(m.dir, os.DirFS(filepath.Join("..", "..", "examples", "devops-repo"))); err != nil {
			t.Fatal(err)
		}
		m.forget("  - rule: op/upstream-archived\n    reason: the version is pinned, and the move to a fork is planned\n    until: 2027-12-31\n")
		for name, text := range rel.files {
			m.write(name, text)
		}
		m.client(rel.app, rel.host, rel.set, rel.secret, rel.key)
		if strings.HasPrefix(rel.of, "dependency") {
			m.replace("applications/payments/values.yaml", "resources:\n", "cache: # ours\n  replica: { replicaCount: 1 }\nresources:\n")
		}
		m.git("init", "-q")
		m.run("lint", "--strict", "--create-baseline", "--baseline", filepath.Join(m.dir, ".redis-gitops-baseline.json"))
		m.commit("before")
		type target struct{ Name, Reason, Way string }
		var targets []target
		if err := json.Unmarshal(m.run("migrate", rel.app, rel.name, "--list", "--output", "json"), &targets); err != nil {
			t.Fatal(err)
		}
		targets = slices.DeleteFunc(targets, func(to target) bool { return to.Reason != "" })
		if names := slices.Collect(func(yield func(string) bool) {
			for _, to := range targets {
				yield(to.Name)
			}
		}); !slices.Contains(names, "statefulset") || !slices.Contains(names, "valkey") {
			t.Errorf("%s: to %v", rel.of, targets)
		}
		if testing.Short() {
			targets = targets[len(targets)-2 : len(targets)-1]
		}
		for _, to := range targets {
			t.Logf("%s to %s by %s", rel.of, to.Name, to.Way)
			var more []string
			if to.Name == "opstree" { // its sentinels ask for the Secret, which op/reference-not-found wants to see
				more = []string{"--auth", "external", "--store", "vault"}
			}
			for _, said := range m.play(rel.app, rel.name, to.Name, to.Way, more...) {
				if bytes.Contains(said, []byte("hunter2")) {
					t.Errorf("%s to %s prints the password:\n%s", rel.of, to.Name, said)
				}
			}
		}
	}
}

func (m *pairs) write(name, text string) {
	m.Helper()
	file := filepath.Join(m.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		m.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		m.Fatal(err)
	}
}

func (m *pairs) replace(name, old, text string) {
	m.Helper()
	src, err := os.ReadFile(filepath.Join(m.dir, name))
	if err != nil || !bytes.Contains(src, []byte(old)) {
		m.Fatalf("%s has no %q: %v", name, old, err)
	}
	m.write(name, strings.Replace(string(src), old, text, 1))
}

// client gives an application variables with the address of a release.
func (m *pairs) client(app, host, set, secret, key string) {
	m.Helper()
	url := "redis://:$(CACHE_PASSWORD)@" + host + ":6379/0"
	if set != "" {
		url = "redis-sentinel://:$(CACHE_PASSWORD)@" + host + "/" + set
	}
	env := "- name: CACHE_PASSWORD\n  valueFrom: { secretKeyRef: { name: " + secret + ", key: " + key + " } }\n- { name: CACHE_URL, value: \"" + url + "\" }\n"
	if app != "reports" {
		m.replace("applications/"+app+"/values.yaml", "\nenv:\n", "\nenv:\n"+indented(env, "  "))
		return
	}
	m.replace("applications/reports/kustomization.yaml", "resources:\n", "resources:\n  - client.yaml\n")
	m.write("applications/reports/client.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: client }\nspec:\n  selector: { matchLabels: { app: client } }\n  template:\n    metadata: { labels: { app: client } }\n    spec:\n      containers:\n        - name: client\n          image: registry.example.com/client:1\n          env:\n"+indented(env, "            "))
}

func indented(text, margin string) string {
	return margin + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+margin) + "\n"
}
