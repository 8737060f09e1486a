package lint_test

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/repo"
)

const chartTemplate = `apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata:
  name: {{ .Chart.Name }}
spec:
  labelWhitelist: ["^$"]
  sentinel:
    replicas: {{ .Values.sentinels }}
    image: redis:7.4.11-alpine
  redis:
    image: redis:7.4.11-alpine
    replicas: {{ .Values.replicas }}
    terminationGracePeriod: 10
    storage: {persistentVolumeClaim: {metadata: {name: data}}}
    {{- $maxmemory := .Values.maxmemory }}
    customConfig:
      - maxmemory {{ $maxmemory }}
      - maxmemory-policy noeviction
`

const kustomizeBase = `apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata:
  name: blog
spec:
  labelWhitelist: ["^$"]
  sentinel:
    replicas: 3
    image: redis:7.4.11-alpine
  redis:
    image: redis:7.4.11-alpine
    replicas: 3
    terminationGracePeriod: 90
    storage: {persistentVolumeClaim: {metadata: {name: data}}}
    customConfig:
      - maxmemory 100mb
`

// TestPlanted: a problem of each kind of file is told in the file that the user has to edit.
func TestPlanted(t *testing.T) {
	t.Parallel()
	archive := txtar.Parse([]byte(`
-- applications/shop/Chart.yaml --
apiVersion: v2
name: shop
version: 0.1.0
-- applications/shop/values.yaml --
# The Redis of the shop.
replicas: 3
sentinels: 0
maxmemory: 100Mi
-- applications/shop/templates/redis.yaml --
` + chartTemplate + `-- applications/cart/Chart.yaml --
apiVersion: v2
name: cart
version: 0.1.0
-- applications/cart/values.yaml --
replicas: 3
sentinels: 3
maxmemory: 100mb
-- applications/cart/templates/redis.yaml --
` + chartTemplate + `-- applications/mail/Chart.yaml --
apiVersion: v2
name: mail
version: 0.1.0
-- applications/mail/values.yaml --
replicas: 3
sentinels: 3
maxmemory: 100mb
-- applications/mail/templates/redis.yaml --
` + chartTemplate + `-- applications/blog/base/redis.yaml --
` + kustomizeBase + `-- applications/blog/base/kustomization.yaml --
resources: [redis.yaml]
-- applications/blog/overlays/prod/patch.yaml --
apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata:
  name: blog
spec:
  sentinel:
    replicas: 0
-- applications/blog/overlays/prod/kustomization.yaml --
resources: [../../base]
patches:
  - path: patch.yaml
  - target: {kind: RedisFailover}
    patch: |-
      - op: replace
        path: /spec/redis/customConfig/0
        value: maxmemory 100Mi
-- platform-applications/apps.yaml --
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: cart
  namespace: argocd
spec:
  destination:
    namespace: default
  source:
    path: applications/cart
    helm:
      parameters:
        - name: sentinels
          value: "0"
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: mail
  namespace: argocd
spec:
  destination:
    namespace: default
  source:
    path: applications/mail
    helm:
      valuesObject:
        maxmemory: 100Mi
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: shop
  namespace: argocd
spec:
  destination:
    namespace: default
  source:
    path: applications/shop
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: blog
  namespace: argocd
spec:
  destination:
    namespace: default
  source:
    path: applications/blog/overlays/prod
`))
	r, config := open(t, archive.Files)
	res := run(t, r, lint.Options{Config: config, Only: []string{"ha/zero-means-three", "config/bad-value", "ha/grace-shorter-than-shutdown"}})
	lines := map[string][]string{}
	for _, f := range archive.Files {
		lines[f.Name] = strings.Split(string(f.Data), "\n")
	}
	text := func(p finding.Position) string {
		if all := lines[p.File]; p.Line > 0 && p.Line <= len(all) {
			return strings.TrimSpace(all[p.Line-1])
		}
		return ""
	}
	got := map[string]bool{}
	for _, f := range res.Findings {
		got[fmt.Sprintf("%s %s: %s", f.Rule, f.File, text(f.Position))] = true
		for _, r := range f.Related {
			got[fmt.Sprintf("%s %s: %s", f.Rule, r.File, text(r.Position))] = true
		}
	}
	for _, want := range []string{
		"ha/zero-means-three applications/shop/values.yaml: sentinels: 0",
		"config/bad-value applications/shop/values.yaml: maxmemory: 100Mi",
		"ha/grace-shorter-than-shutdown applications/shop/templates/redis.yaml: terminationGracePeriod: 10",
		"ha/zero-means-three platform-applications/apps.yaml: value: \"0\"",
		"config/bad-value platform-applications/apps.yaml: maxmemory: 100Mi",
		"ha/zero-means-three applications/blog/overlays/prod/patch.yaml: replicas: 0",
		"config/bad-value applications/blog/overlays/prod/kustomization.yaml: value: maxmemory 100Mi",
	} {
		if !got[want] {
			t.Errorf("missing: %s", want)
		}
	}
	for _, f := range res.Findings {
		if strings.HasSuffix(f.File, "base/redis.yaml") || f.File == "applications/cart/values.yaml" || f.File == "applications/mail/values.yaml" {
			t.Errorf("told in a file that is right: %s", print(t, r, "text", []*finding.Finding{f}))
		}
	}
	if t.Failed() {
		t.Log(print(t, r, "text", res.Findings))
	}
}

// denied is a repository in which one file may not be read.
type denied struct {
	afero.Fs
	name string
}

func (d denied) Open(name string) (afero.File, error) {
	if name == d.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return d.Fs.Open(name)
}

// TestUnreadable: a file without permission is a finding and a failure, and the rest is checked all the same.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	files := afero.NewMemMapFs()
	for name, text := range map[string]string{
		"applications/shop/secret.yaml": "kind: ConfigMap\n",
		"applications/shop/redis.yaml":  strings.Replace(kustomizeBase, "terminationGracePeriod: 90", "terminationGracePeriod: 10", 1),
	} {
		if err := afero.WriteFile(files, name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, err := repo.Open(denied{files, "applications/shop/secret.yaml"}, repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	res, err := lint.Run(t.Context(), r, lint.Options{Compiled: &compiled})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, f := range res.Findings {
		found[f.Rule] = f.File
	}
	if found["yaml/unreadable"] != "applications/shop/secret.yaml" || found["ha/grace-shorter-than-shutdown"] != "applications/shop/redis.yaml" {
		t.Errorf("got %v", found)
	}
	if len(res.Failures) != 1 || !strings.Contains(res.Failures.Error(), "permission denied") {
		t.Errorf("failures: %v", res.Failures)
	}
}
