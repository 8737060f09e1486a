package scaffold

import (
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/repo"
)

// TestLineOfChart gives the release line that a version of a chart, or all versions of a range, have.
func TestLineOfChart(t *testing.T) {
	operator, err := cue.OperatorNamed("bitnami")
	if err != nil {
		t.Fatal(err)
	}
	lines := operator.MovedOf(cue.KindOfCharts)[0].Lines
	for version, want := range map[string]string{
		"20.6.1": "7.4", "v20.6.1": "7.4", "20.x": "7.4", "20": "7.4", "^20.1.0": "7.4", "~17.14.0": "7.0", "17.15.3": "7.0", "17.15.4": "7.2", "18.19.2": "7.2",
		"17.x": "", "^17.1.0": "", "~17.15.1": "", "17": "", ">=18": "", "*": "", "": "", "24.1.0": "8.2", "12.1.0": "", "13.0.0": "6.2", "2": "",
	} {
		if got := lineOfChart(lines, version); got != want {
			t.Errorf("%q: %q, not %q", version, got, want)
		}
	}
}

// aRelease is a repository with a release, and a client.
func aRelease(t *testing.T, values, client string) *repo.Repo {
	t.Helper()
	return openFiles(t, map[string]string{
		"applications/shop/kustomization.yaml": "namespace: prod\nresources:\n- client.yaml\n",
		"applications/shop/client.yaml":        client,
		"platform-applications/cache.yaml": `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: { name: cache, namespace: argocd }
spec:
  source:
    chart: redis
    repoURL: registry-1.docker.io/bitnamicharts
    targetRevision: 20.6.1
    helm:
      valuesObject:
` + indentedBy(values, "        ") + `
  destination: { namespace: prod, server: https://kubernetes.default.svc }
`,
	})
}

func indentedBy(text, margin string) string {
	return margin + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+margin)
}

// TestReleaseHosts replaces the addresses of a release, and nothing that only looks like one.
func TestReleaseHosts(t *testing.T) {
	const one = "redis://shop-redis-master"
	const three = "shop-redis-sentinel-0.shop-redis-sentinel:26379,shop-redis-sentinel-1.shop-redis-sentinel:26379,shop-redis-sentinel-2.shop-redis-sentinel:26379/shop-redis"
	far := strings.ReplaceAll(three, "sentinel:", "sentinel.prod.svc:")
	for _, c := range []struct{ values, text, near, elsewhere string }{
		{"{}", "redis://cache-redis-master:6379/1", one + ":6379/1", ""},
		{"{}", "cache-redis-master", "shop-redis-master", ""},
		{"{}", "redis://:$(P)@cache-redis-master.prod.svc.cluster.local:6379", "redis://:$(P)@shop-redis-master.prod.svc.cluster.local:6379", "redis://:$(P)@shop-redis-master.prod.svc.cluster.local:6379"},
		{"{}", "redis://cache-redis-master.prod", one + ".prod", one + ".prod"},
		{"{}", "redis://cache-redis-master.other.svc:6379", "", ""},
		{"{}", "my-cache-redis-master cache-redis-master2 cache-redis-master-0 x.cache-redis-master", "", ""},
		{"{}", "cache-redis-master:6379,cache-redis-master:6379", "shop-redis-master:6379,shop-redis-master:6379", ""},
		{"{master: {service: {ports: {redis: 6380}}}}", "redis://cache-redis-master:6380", one + ":6379", ""},
		{"{sentinel: {enabled: true}}", "redis-sentinel://cache-redis:26379/mymaster", "redis-sentinel://" + three, ""},
		{"{sentinel: {enabled: true}}", "redis-sentinel://cache-redis-node-0.cache-redis-headless.prod.svc:26379,cache-redis-node-1.cache-redis-headless.prod.svc:26379/mymaster", "redis-sentinel://" + far, "redis-sentinel://" + far},
		{"{sentinel: {enabled: true}}", "cache-redis:26379", "shop-redis-sentinel:26379", ""},
		{"{sentinel: {enabled: true}}", "cache-redis.prod.svc:26379", "shop-redis-sentinel.prod.svc:26379", "shop-redis-sentinel.prod.svc:26379"},
		{"{sentinel: {enabled: true}}", "cache-redis:6379 cache-redis", "", ""},
		{"{sentinel: {enabled: true, masterSet: x}}", "cache-redis:26379/mymaster", "shop-redis-sentinel:26379/mymaster", ""},
	} {
		r := aRelease(t, c.values, "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: x }\n")
		m, err := newMigration(t.Context(), r, config(t, ""), MigrateRequest{App: "shop", Name: "cache-redis", To: "statefulset", Namespace: "prod"})
		if err != nil {
			t.Fatal(err)
		}
		for file, want := range map[string]string{"applications/shop/client.yaml": c.near, "platform/client.yaml": c.elsewhere} {
			if want == "" {
				want = c.text
			}
			if got := m.instead(file, c.text); got != want {
				t.Errorf("%s of %s: %s\nnot %s", c.text, file, got, want)
			}
		}
	}
}

// TestReleaseCarries: each value of a release becomes a value of the new Redis, or is listed with its line and the reason why not.
func TestReleaseCarries(t *testing.T) {
	r := aRelease(t, `auth: { existingSecret: login, existingSecretPasswordKey: password, acl: { enabled: true, users: [{ username: x }] } }
commonConfiguration: |-
  # ours
  appendonly no
  maxmemory 1gb
  timeout 300
master:
  configuration: maxmemory-policy allkeys-lfu
  resources: { limits: { memory: 1Gi } }
  persistence: { size: 8G, storageClass: fast }
  tolerations: [{ key: a }]
  livenessProbe: { periodSeconds: 9 }
  extraFlags: [--x]
replica: { replicaCount: 1, nodeSelector: { a: b } }
sysctl: { enabled: false }
metrics: { enabled: true, podMonitor: { enabled: true, additionalLabels: { release: p }, interval: 5s } }
`, "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: x }\n")
	m, err := newMigration(t.Context(), r, config(t, ""), MigrateRequest{App: "shop", Name: "cache-redis", To: "statefulset"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for key, v := range m.set {
		got[key] = valueText(v.Value)
	}
	for key, want := range map[string]string{
		"replicas": "2", "memory": "1Gi", "storageClass": "fast", "policy": "allkeys-lfu", "appendonly": "false", "keepAfterDeletion": "true", "image": "redis:7.4.11-alpine",
		"tolerations": "[{key: a}]", "podMonitor": "true", "podMonitorLabels": "{release: p}",
	} {
		if got[key] != want {
			t.Errorf("%s is %q, not %q", key, got[key], want)
		}
		delete(got, key)
	}
	if len(got) > 0 {
		t.Errorf("more values: %v", got)
	}
	var lost []string
	for _, l := range m.lost {
		lost = append(lost, l.String())
	}
	want := []string{
		"cache.yaml:20:32: master.persistence.size is not carried over: it is not a quantity in Mi or Gi",
		"maxmemory is not carried over: it is 100% of the memory",
		"timeout is not carried over: no value of the new Redis sets it",
		"auth.acl is not carried over: users have to be created",
		"master.livenessProbe is not carried over: the new Redis has settings of its own for it",
		"master.extraFlags is not carried over: the new Redis has no such value",
		"replica is not carried over: all pods of the new Redis have the values of the master",
		"metrics is not carried over: the exporter and its monitor",
	}
	for i, text := range want {
		if i >= len(lost) || !strings.Contains(lost[i], text) {
			t.Errorf("not lost: %s", text)
		}
	}
	if len(lost) != len(want) {
		t.Errorf("lost:\n%s", strings.Join(lost, "\n"))
	}
	if kept, gone := m.release.claims(); strings.Join(kept, " ") != "redis-data-cache-redis-master-0 redis-data-cache-redis-replicas-0" || len(gone) > 0 {
		t.Errorf("claims %v, %v", kept, gone)
	}
}

// TestReleaseClaims tells the volumes that stay from those that go with a release.
func TestReleaseClaims(t *testing.T) {
	for values, want := range map[string]string{
		"{}": "redis-data-cache-redis-master-0 redis-data-cache-redis-replicas-0 redis-data-cache-redis-replicas-1 redis-data-cache-redis-replicas-2 |",
		"{sentinel: {enabled: true}, replica: {replicaCount: 2}}":                                                                                             "redis-data-cache-redis-node-0 redis-data-cache-redis-node-1 |",
		"{architecture: standalone, master: {persistence: {existingClaim: mine}}}":                                                                            "mine |",
		"{architecture: standalone, master: {persistence: {enabled: false}}}":                                                                                 " |",
		"{architecture: standalone, master: {kind: Deployment}}":                                                                                              " | redis-data-cache-redis-master",
		"{architecture: standalone, master: {persistentVolumeClaimRetentionPolicy: {enabled: true, whenDeleted: Delete}}}":                                    " | redis-data-cache-redis-master-0",
		"{architecture: standalone, master: {persistentVolumeClaimRetentionPolicy: {enabled: true}}}":                                                         "redis-data-cache-redis-master-0 |",
		"{replica: {replicaCount: 1, persistentVolumeClaimRetentionPolicy: {enabled: true, whenDeleted: Delete}}, master: {persistence: {existingClaim: a}}}": "a | redis-data-cache-redis-replicas-0",
	} {
		r := aRelease(t, values, "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: x }\n")
		m, err := newMigration(t.Context(), r, config(t, ""), MigrateRequest{App: "shop", Name: "cache-redis", To: "statefulset"})
		if err != nil {
			t.Fatal(err)
		}
		kept, gone := m.release.claims()
		if got := strings.TrimSuffix(strings.Join(kept, " ")+" | "+strings.Join(gone, " "), " "); got != want {
			t.Errorf("%s: %q, not %q", values, got, want)
		}
	}
}

// TestReleaseRefused refuses what cannot be made safe, and imports where nothing may connect.
func TestReleaseRefused(t *testing.T) {
	for values, want := range map[string]string{
		"{tls: {enabled: true}}":                            "a migration with TLS is not supported",
		"{master: {count: 2}}":                              "master.count runs several masters",
		"{image: {repository: bitnami/redis, tag: 5.0.14}}": "has no ACLs to make it refuse writes",
		"{networkPolicy: {allowExternal: false}, image: {tag: 7.2.4-debian-12-r1}}": "",
	} {
		r := aRelease(t, values, "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: x }\n")
		m, err := Migrate(t.Context(), r, config(t, ""), MigrateRequest{App: "shop", Name: "cache-redis", To: "statefulset"})
		switch {
		case want == "":
			if err != nil || m.Way != Import || !strings.Contains(m.Reason, "NetworkPolicy") {
				t.Errorf("%s: %+v, %v", values, m, err)
			}
		case err == nil || !strings.Contains(err.Error(), want):
			t.Errorf("%s: %v", values, err)
		}
	}
	r := aRelease(t, "{}", "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: x }\n")
	if _, err := Migrate(t.Context(), r, config(t, ""), MigrateRequest{App: "shop", Name: "cache-redis", To: "statefulset", Auth: Auth{Method: NoAuth}}); err == nil || !strings.Contains(err.Error(), "clients of cache-redis authenticate") {
		t.Errorf("without a password: %v", err)
	}
}

// TestReleaseSecret replaces the Secret and its key where variables of pods name both, in either order.
func TestReleaseSecret(t *testing.T) {
	const client = `apiVersion: apps/v1
kind: Deployment
metadata: { name: client }
spec:
  selector: { matchLabels: { app: client } }
  template:
    metadata: { labels: { app: client } }
    spec:
      containers:
        - name: client
          image: registry.example.com/client:1
          env:
            - { name: A, valueFrom: { secretKeyRef: { name: cache-redis, key: redis-password } } }
            - { name: B, valueFrom: { secretKeyRef: { key: redis-password, name: cache-redis } } }
            - { name: C, valueFrom: { secretKeyRef: { name: other, key: redis-password } } }
            - { name: D, valueFrom: { secretKeyRef: { name: cache-redis, key: other } } }
            - { name: REDIS_SENTINEL_HOST, value: "cache-redis:26379" }
            - { name: REDIS_MASTER_NAME, value: mymaster }
            - { name: MORE, value: mymasters }
`
	r := aRelease(t, "{sentinel: {enabled: true}}", client)
	req := MigrateRequest{App: "shop", Name: "cache-redis", To: "statefulset"}
	migrate(t, r, req, MigrateAdd)
	p := migrate(t, r, req, MigrateClients)
	want := strings.NewReplacer("name: cache-redis, key: redis-password", "name: shop-redis-auth, key: password", "key: redis-password, name: cache-redis", "key: password, name: shop-redis-auth",
		"cache-redis:26379", "shop-redis-sentinel:26379", "value: mymaster }", "value: shop-redis }").Replace(client)
	if got := read(t, r, "applications/shop/client.yaml"); got != want {
		t.Errorf("%s\nnot\n%s", got, want)
	}
	if notes := strings.Join(p.Notes, "\n"); !strings.Contains(notes, "client.yaml:16:61 still names cache-redis, of the release cache-redis") {
		t.Errorf("notes: %s", notes)
	}
	early := req
	early.Stage = MigrateRemove
	p, err := PlanMigrate(t.Context(), r, config(t, ""), Deps{}, early)
	if err == nil || len(p.Conflicts) != 1 {
		t.Errorf("removed while a client has its Secret: %v", err)
	}
	req.Force = true
	migrate(t, r, req, MigrateRemove)
	if _, letters := migrationOf(t, r, req); letters != "ddddd" {
		t.Errorf("at the end: %s", letters)
	}
}

// TestReleaseRemoved removes what installs a release, and refuses what cannot be taken apart.
func TestReleaseRemoved(t *testing.T) {
	const source = "{ chart: redis, repoURL: registry-1.docker.io/bitnamicharts, targetRevision: 20.6.1, helm: { releaseName: cache } }"
	application := func(kind, spec string) string {
		return "apiVersion: argoproj.io/v1alpha1\nkind: " + kind + "\nmetadata: { name: cache, namespace: argocd }\nspec: " + spec + "\n"
	}
	const to = "destination: { namespace: prod }"
	for _, c := range []struct{ of, text, kustomization, err, left string }{
		{of: "an Application in a kustomization", text: application("Application", "{ source: "+source+", "+to+" }"), kustomization: "resources: [cache.yaml, other.yaml]\n", left: "resources: [other.yaml]\n"},
		{of: "with values of another source", text: application("Application", "{ sources: ["+source+", { repoURL: \"https://git.example.com/x.git\", ref: values }], "+to+" }")},
		{of: "another source", text: application("Application", "{ sources: ["+source+", { repoURL: \"https://git.example.com/x.git\", path: more }], "+to+" }"), err: "its Application installs another source too; remove it manually"},
		{of: "another chart", text: application("Application", "{ sources: ["+source+", { chart: nginx, repoURL: registry-1.docker.io/bitnamicharts }], "+to+" }"), err: "its Application installs another chart too"},
		{of: "an ApplicationSet", text: application("ApplicationSet", "{ generators: [{ list: { elements: [{ a: b }] } }], template: { metadata: { name: cache }, spec: { source: "+source+", "+to+" } } }"), err: "it comes from an ApplicationSet"},
	} {
		files := map[string]string{
			"applications/shop/kustomization.yaml": "namespace: prod\nresources:\n- client.yaml\n", "applications/shop/client.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: x }\n",
			"platform-applications/cache.yaml": c.text,
		}
		if c.kustomization != "" {
			files["platform-applications/kustomization.yaml"] = c.kustomization
			files["platform-applications/other.yaml"] = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: y, namespace: prod }\n"
		}
		r := openFiles(t, files)
		req := MigrateRequest{App: "shop", Name: "cache-redis", To: "statefulset", Namespace: "prod"}
		migrate(t, r, req, MigrateAdd)
		migrate(t, r, req, MigrateClients)
		req.Stage = MigrateRemove
		p, err := PlanMigrate(t.Context(), r, config(t, ""), Deps{}, req)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v", c.of, err)
			}
			continue
		}
		apply(t, r)(p, err)
		if src, _ := readIfThere(r, "platform-applications/cache.yaml"); src != nil {
			t.Errorf("%s: still there", c.of)
		}
		if c.left != "" && read(t, r, "platform-applications/kustomization.yaml") != c.left {
			t.Errorf("%s: %s", c.of, read(t, r, "platform-applications/kustomization.yaml"))
		}
	}
}

// TestReleaseOfParent names what templates make of the name of the release, which nothing replaces.
func TestReleaseOfParent(t *testing.T) {
	r := openFiles(t, map[string]string{
		"applications/shop/Chart.yaml":           "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies: [{ name: redis, version: 20.6.1, repository: \"oci://registry-1.docker.io/bitnamicharts\" }]\n",
		"applications/shop/values.yaml":          "env: []\n",
		"applications/shop/templates/web.yaml":   "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: web }\ndata:\n  url: redis://{{ .Release.Name }}-redis-master:6379\n  more: {{ .Release.Name }}-redis-masters\n",
		"platform-applications/application.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: { name: shop, namespace: argocd }\nspec: { source: { path: applications/shop, repoURL: \"https://git.example.com/ops.git\" }, destination: { namespace: prod } }\n",
	})
	req := MigrateRequest{App: "shop", Name: "shop-redis", To: "statefulset"}
	if m, _ := migrationOf(t, r, req); m.To != "redis-v2" {
		t.Errorf("the new one is %s", m.To)
	}
	migrate(t, r, req, MigrateAdd)
	p := migrate(t, r, req, MigrateClients)
	if notes := strings.Join(p.Notes, "\n"); !strings.Contains(notes, "applications/shop/templates/web.yaml:5:16 still names shop-redis-master, of the release shop-redis") || strings.Contains(notes, "web.yaml:6") {
		t.Errorf("notes: %s", notes)
	}
	req.Stage = MigrateRemove
	if p, err := PlanMigrate(t.Context(), r, config(t, ""), Deps{}, req); err == nil || len(p.Conflicts) != 1 {
		t.Errorf("removed while a template has its name: %v", err)
	}
}

// TestCutDocument removes one document of a file, with the line between it and another.
func TestCutDocument(t *testing.T) {
	const a, b, c = "# a\nkind: A\nx: |\n  y\n", "kind: B\nmetadata: {name: b}\n", "# c\nkind: C\n"
	for name, text := range map[string]string{"plain": a + "---\n" + b + "---\n" + c, "begun": "---\n" + a + "---\n" + b + "---\n" + c, "ended": a + "---\r\n" + b + "---\n" + c + "---\n"} {
		docs, err := repo.ParseDocuments("x.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range docs {
			if doc.Node == nil || doc.Kind() == "" {
				continue
			}
			out, ok := cutDocument([]byte(text), doc)
			left, err := repo.ParseDocuments("x.yaml", out)
			var kinds []string
			for _, d := range left {
				kinds = append(kinds, d.Kind())
			}
			want := strings.Replace("A B C", doc.Kind(), "", 1)
			if !ok || err != nil || strings.Join(strings.Fields(strings.Join(kinds, " ")), " ") != strings.Join(strings.Fields(want), " ") {
				t.Errorf("%s without %s: %v %v %q", name, doc.Kind(), ok, err, out)
			}
		}
	}
}
