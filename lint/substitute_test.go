package lint_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/lint"
)

const substituted = `apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata:
  name: ${APP}-redis
  namespace: shop
spec:
  sentinel:
    image: redis:7.4.11-alpine
    replicas: ${SENTINELS:=3}
    resources: {requests: {cpu: 50m, memory: 64Mi}, limits: {memory: 64Mi}}
  redis:
    image: redis:7.4.11-alpine
    replicas: ${REPLICAS}
    customConfig: [maxmemory 192mb, maxmemory-policy noeviction]
    terminationGracePeriod: 90
    resources: {requests: {cpu: 100m, memory: 256Mi}, limits: {memory: "${MEM:=256Mi}"}}
    exporter: {enabled: true, image: "quay.io/oliver006/redis_exporter:v1.87.0"}
    storage:
      keepAfterDeletion: true
      persistentVolumeClaim:
        metadata: {name: shop}
        spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: "${SIZE:=1Gi}"}}}
`

// Flux fills in variables before it applies: what the repository says counts, at the line where the variable is, and nothing is
// claimed about the rest.
func TestSubstitute(t *testing.T) {
	t.Parallel()
	flux := func(dir, post string) string {
		return "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: shop, namespace: flux-system}\nspec:\n  path: " + dir + "\n  prune: true\n  sourceRef: {kind: GitRepository, name: flux-system}\n" + post
	}
	vars := func(replicas string) string {
		return "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: cluster-vars, namespace: flux-system}\ndata: {APP: shop, REPLICAS: \"" + replicas + "\"}\n"
	}
	inline := func(more string) string { return "  postBuild:\n    substitute: {APP: shop, " + more + "}\n" }
	from := "  postBuild:\n    substituteFrom: [{kind: ConfigMap, name: cluster-vars}]\n"
	secret := "  postBuild:\n    substituteFrom: [{kind: Secret, name: cluster-secrets}]\n"
	plain := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [redis.yaml]\n"
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  []string // line of apps/shop/redis.yaml and rule
	}{
		{"all is said", map[string]string{"clusters/prod/apps.yaml": flux("./apps/shop", inline(`REPLICAS: "3"`))}, nil},
		{"a kustomization", map[string]string{"clusters/prod/apps.yaml": flux("./apps/shop", inline(`REPLICAS: "3"`)), "apps/shop/kustomization.yaml": plain}, nil},
		{"a value that is wrong", map[string]string{"clusters/prod/apps.yaml": flux("./apps/shop", inline(`REPLICAS: "0", MEM: 256MB`))}, []string{"13 ha/zero-means-three", "16 mem/bad-quantity"}},
		{"a default that is wrong", map[string]string{"clusters/prod/apps.yaml": flux("./apps/shop", inline(`REPLICAS: "3"`)), "apps/shop/redis.yaml": strings.Replace(substituted, ":=256Mi", ":-256MB", 1)}, []string{"16 mem/bad-quantity"}},
		{"a default of a default", map[string]string{"clusters/prod/apps.yaml": flux("./apps/shop", inline(`REPLICAS: "3", BIG: 1GB`)), "apps/shop/redis.yaml": strings.Replace(substituted, ":=256Mi", ":=${BIG}", 1)}, []string{"16 mem/bad-quantity"}},
		{"a ConfigMap", map[string]string{"clusters/prod/apps.yaml": flux("./apps/shop", from), "clusters/prod/vars.yaml": vars("3")}, nil},
		{"a value of a ConfigMap that is wrong", map[string]string{"clusters/prod/apps.yaml": flux("./apps/shop", from), "clusters/prod/vars.yaml": vars("0")}, []string{"13 ha/zero-means-three"}},
		{"the nearest ConfigMap", map[string]string{"clusters/prod/apps.yaml": flux("./apps/shop", from), "clusters/prod/vars.yaml": vars("0"), "clusters/test/vars.yaml": vars("3")}, []string{"13 ha/zero-means-three"}},
		{"two ConfigMaps of that name", map[string]string{"clusters/prod/apps.yaml": flux("./apps/shop", from), "clusters/vars/a.yaml": vars("0"), "clusters/vars/b.yaml": vars("1")}, nil},
		{"inline wins", map[string]string{"clusters/prod/apps.yaml": flux("./apps/shop", from+"    substitute: {REPLICAS: \"3\"}\n"), "clusters/prod/vars.yaml": vars("0")}, nil},
		{"a ConfigMap of elsewhere", map[string]string{"clusters/prod/apps.yaml": flux("./apps/shop", from)}, nil},
		{"a Secret", map[string]string{"clusters/prod/apps.yaml": flux("./apps/shop", secret)}, nil},
		{"unknown beside a known mistake", map[string]string{"clusters/prod/apps.yaml": flux("./apps/shop", from), "apps/shop/redis.yaml": strings.Replace(substituted, "terminationGracePeriod: 90", "terminationGracePeriods: 90", 1)}, []string{"15 op/unknown-field"}},
		{"nothing is substituted", map[string]string{"clusters/prod/apps.yaml": flux("./apps/shop", "")}, []string{"13 op/invalid-value", "16 mem/bad-quantity", "22 op/invalid-value", "4 name/invalid", "9 op/invalid-value"}},
		{"another path", map[string]string{"clusters/prod/apps.yaml": flux("./apps/other", inline(`REPLICAS: "3"`)), "clusters/prod/shop.yaml": flux("./apps/shop", ""), "apps/other/cm.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"}, []string{"13 op/invalid-value", "16 mem/bad-quantity", "22 op/invalid-value", "4 name/invalid", "9 op/invalid-value"}},
		{"switched off", map[string]string{"clusters/prod/apps.yaml": flux("./apps/shop", inline(`REPLICAS: "3"`)), "apps/shop/redis.yaml": strings.Replace(substituted, "  namespace: shop\n", "  namespace: shop\n  annotations: {kustomize.toolkit.fluxcd.io/substitute: disabled}\n", 1)}, []string{"10 op/invalid-value", "14 op/invalid-value", "17 mem/bad-quantity", "23 op/invalid-value", "4 name/invalid"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.files["apps/shop/redis.yaml"] == "" {
				tt.files["apps/shop/redis.yaml"] = substituted
			}
			var files []txtar.File
			for name, src := range tt.files {
				files = append(files, txtar.File{Name: name, Data: []byte(src)})
			}
			r, c := open(t, files)
			var got []string
			for _, f := range run(t, r, lint.Options{Config: c}).Findings {
				if f.File == "apps/shop/redis.yaml" && (strings.HasPrefix(f.Rule, "op/") || strings.HasPrefix(f.Rule, "mem/") || strings.HasPrefix(f.Rule, "name/") || f.Rule == "ha/zero-means-three") {
					got = append(got, fmt.Sprintf("%d %s", f.Line, f.Rule))
				}
			}
			slices.Sort(got)
			if strings.Join(got, ", ") != strings.Join(tt.want, ", ") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// The repository in which the fault was found, beside the project.
func TestSubstituteFaults(t *testing.T) {
	t.Parallel()
	r, c := open(t, shared(t, "../../shared/faults/lint/F26b"))
	if found := byRule(run(t, r, lint.Options{Config: c}).Findings, "name/invalid", "op/invalid-value", "mem/bad-quantity"); len(found) > 0 {
		t.Errorf("%q", found)
	}
}
