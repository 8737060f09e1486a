package lint_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/lint"
)

const passingChart = `-- applications/shop/Chart.yaml --
apiVersion: v2
name: shop
version: 0.1.0
-- applications/shop/values.yaml --
redis:
  affinity:
    podAntiAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        - topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              app: nothing
  resources:
    limits:
      memory: 100mi
  customConfig:
    - maxmemory-policy nonsense
  storage:
    persistentVolumeClaim:
      metadata: {name: shop}
      spec:
        resources: {requests: {storage: 1Gi}}
-- applications/shop/templates/_helpers.tpl --
{{- define "shop.affinity" }}{{ toYaml .Values.redis.affinity }}{{ end }}
-- applications/shop/templates/redis.yaml --
apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata:
  name: shop
spec:
  redis:
    replicas: 3
    affinity: %s
    resources: {{- toYaml .Values.redis.resources | nindent 6 }}
    storage: {{- toYaml .Values.redis.storage | nindent 6 }}
    customConfig:
      {{- range .Values.redis.customConfig }}
      - {{ . | quote }}
      {{- end }}
`

// TestPassedLocation: a finding about what a template passes on from the values is where it is set there, and one about what is
// missing is at the mapping that lacks it.
func TestPassedLocation(t *testing.T) {
	t.Parallel()
	for _, way := range []string{
		"{{- toYaml .Values.redis.affinity | nindent 6 }}",
		"{{ toJson .Values.redis.affinity }}",
		"{{- include \"shop.affinity\" . | nindent 6 }}",
		"{{- tpl (toYaml .Values.redis.affinity) $ | nindent 6 }}",
		"{{- merge (dict) .Values.redis.affinity | toYaml | nindent 6 }}",
	} {
		r, config := open(t, txtar.Parse([]byte(fmt.Sprintf(passingChart, way))).Files)
		var got []string
		for _, f := range run(t, r, lint.Options{Config: config}).Findings {
			if slices.Contains([]string{"ha/anti-affinity-matches-nothing", "data/pvc-access-mode", "mem/bad-quantity", "config/bad-value"}, f.Rule) {
				got = append(got, fmt.Sprintf("%s:%d %s", strings.TrimPrefix(f.File, "applications/shop/"), f.Line, f.Rule))
			}
		}
		slices.Sort(got)
		want := []string{"values.yaml:11 mem/bad-quantity", "values.yaml:13 config/bad-value", "values.yaml:17 data/pvc-access-mode", "values.yaml:6 ha/anti-affinity-matches-nothing"}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\ngot  %q\nwant %q", way, got, want)
		}
	}
}

// TestWholeResource: a finding about a resource as a whole is at its kind, and at the values of it when a generator wrote the template.
func TestWholeResource(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{"": "templates/redis.yaml:2", "# Example values.yaml:\n#\n# resources:\n#   redis: {}\n": "values.yaml:3"} {
		files := "-- applications/shop/Chart.yaml --\napiVersion: v2\nname: shop\nversion: 0.1.0\n" +
			"-- applications/shop/values.yaml --\nname: shop\nresources:\n  redis:\n    replicas: 3\n" +
			"-- applications/shop/templates/redis.yaml --\n" + header + "apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata:\n  name: {{ .Values.name }}\nspec:\n  redis:\n    replicas: {{ .Values.resources.redis.replicas }}\n"
		r, config := open(t, txtar.Parse([]byte(files)).Files)
		var got []string
		for _, f := range run(t, r, lint.Options{Config: config, Strict: true, Only: []string{"sec/network-policy"}}).Findings {
			got = append(got, fmt.Sprintf("%s:%d", strings.TrimPrefix(f.File, "applications/shop/"), f.Line))
		}
		if !slices.Equal(got, []string{want}) {
			t.Errorf("header %q: got %q, want %s", header, got, want)
		}
	}
}
