package helmcheck

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// createdChart has the shape of what `helm create` makes: resources, env and image are the container's.
var createdChart = map[string]string{
	"Chart.yaml": "apiVersion: v2\nname: shop\ntype: application\nversion: 0.1.0\nappVersion: \"1.16.0\"\n",
	"values.yaml": `replicaCount: 1

image:
  repository: shop
  tag: "1.0"

serviceAccount:
  create: true

service:
  port: 80

resources: {}
  # limits:
  #   memory: 128Mi

autoscaling:
  enabled: false

nodeSelector: {}
`,
	"templates/_helpers.tpl": `{{- define "shop.fullname" -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- define "shop.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
`,
	"templates/deployment.yaml": `apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "shop.fullname" . }}
  labels:
    {{- include "shop.labels" . | nindent 4 }}
spec:
  {{- if not .Values.autoscaling.enabled }}
  replicas: {{ .Values.replicaCount }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "shop.labels" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "shop.labels" . | nindent 8 }}
    spec:
      containers:
        - name: {{ .Chart.Name }}
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
          {{- with .Values.resources }}
          resources:
            {{- toYaml . | nindent 12 }}
          {{- end }}
      {{- with .Values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
`,
	"templates/service.yaml": `apiVersion: v1
kind: Service
metadata:
  name: {{ include "shop.fullname" . }}
spec:
  ports:
    - port: {{ .Values.service.port }}
      targetPort: http
  selector:
    {{- include "shop.labels" . | nindent 4 }}
`,
}

// TestGenerateIntoCreatedChart: real Helm renders what existed before as before, with the resources of a container set too,
// and the RedisFailover with the values that generate wrote.
func TestGenerateIntoCreatedChart(t *testing.T) {
	tool := buildTool(t)
	for name, resources := range map[string]string{
		"as created":  createdChart["values.yaml"],
		"with limits": strings.Replace(createdChart["values.yaml"], "resources: {}\n  # limits:\n  #   memory: 128Mi\n", "resources:\n  limits:\n    memory: 128Mi\n", 1),
		"no values":   "image: {repository: shop}\nautoscaling: {}\nservice: {port: 80}\n",
	} {
		t.Run(name, func(t *testing.T) {
			repo := t.TempDir()
			run(t, repo, "git", "init", "-q")
			for file, text := range createdChart {
				if file == "values.yaml" {
					text = resources
				}
				path := filepath.Join(repo, "applications", "shop", file)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			before := helmRender(t, load(t, repo), false)
			run(t, repo, tool, "generate", "resource", "shop", "redis", "--set", "memory=64Mi")
			run(t, repo, tool, "generate", "resource", "shop", "redis", "--suffix", "cache", "--profile", "cache")
			run(t, repo, tool, "generate", "resource", "shop", "redis", "--set", "memory=64Mi") // changes nothing
			after := helmRender(t, load(t, repo), false)
			for file, text := range before {
				if after[file] != text {
					t.Errorf("%s was\n%s\nand is\n%s", file, text, after[file])
				}
			}
			redises := redisFailovers(t, after)
			if len(redises) != 2 {
				t.Fatalf("%d RedisFailovers", len(redises))
			}
			for _, r := range redises {
				checkMaxmemory(t, r)
			}
			run(t, repo, tool, "destroy", "resource", "shop", "redis")
			run(t, repo, tool, "destroy", "resource", "shop", "redis-cache")
			if left := readFile(t, filepath.Join(repo, "applications", "shop", "values.yaml")); left != resources {
				t.Errorf("after destroy:\n%s\nwant\n%s", left, resources)
			}
		})
	}
}

// TestGenerateOperators: real Helm renders what generate creates for operators other than the default one, and the API server would accept
// it with the CustomResourceDefinitions of each.
func TestGenerateOperators(t *testing.T) {
	tool := buildTool(t)
	for name, crds := range map[string]map[string]string{
		"spotahome":        {"RedisFailover": "spotahome-1.2.4_redisfailovers.yaml"},
		"freshworks":       {"RedisFailover": "freshworks-oss_redisfailovers.yaml"},
		"kubedb":           {"Redis": "kubedb_redises.yaml", "RedisSentinel": "kubedb_redissentinels.yaml"},
		"kubedb cluster":   {"Redis": "kubedb_redises.yaml"},
		"redis-enterprise": {"RedisEnterpriseDatabase": "redis-enterprise_redb.yaml"},
		"opstree":          {"RedisReplication": "opstree_redisreplications.yaml", "RedisSentinel": "opstree_redissentinels.yaml"},
		"opstree cluster":  {"RedisCluster": "opstree_redisclusters.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			operator, typ, special := strings.Cut(name, " ")
			if !special {
				typ = "redis"
			}
			repo := t.TempDir()
			run(t, repo, "git", "init", "-q")
			run(t, repo, tool, "generate", "application", "shop")
			for _, flags := range []string{
				"--profile store --auth existing:shop-sec --set networkPolicy=redis-operator",
				"--suffix dev --profile cache --size dev",
				"--suffix all --profile queue --set memory=20Gi --set disk=40Gi --set zones=true --set podMonitor=true --set podMonitorLabels=release=prometheus " +
					"--set nodeSelector=disktype=ssd,spot= --set tolerations=role=database:NoSchedule,spot --set priorityClass=database --set storageClass=fast --set seccompProfile=localhost/redis.json",
			} {
				if operator == "kubedb" {
					flags = strings.Replace(flags, "--set zones=true ", "", 1)
				}
				if operator == "redis-enterprise" {
					flags = regexp.MustCompile(`--set (networkPolicy|disk|zones|podMonitor|podMonitorLabels|nodeSelector|tolerations|priorityClass|storageClass|seccompProfile)=\S+`).ReplaceAllString(flags, "")
				}
				if special { // a cluster has no profile for queues
					flags = strings.Replace(flags, "--profile queue", "--profile store", 1)
				}
				run(t, repo, tool, append([]string{"generate", "resource", "shop", typ, "--operator", operator}, strings.Fields(flags)...)...)
			}
			chart := load(t, repo)
			rendered := helmRender(t, chart, true)
			checkValuesSchema(t, chart, typ)
			checkOwnRenderer(t, chart, rendered)
			for kind, file := range crds {
				version := map[string]string{"opstree": "v1beta2", "redis-enterprise": "v1alpha1"}[operator]
				if version == "" {
					version = "v1"
				}
				schema := readCRDVersion(t, shared+"/crds/"+file, version)
				found := ofKinds(t, rendered, kind)
				if len(found) != 3 {
					t.Errorf("%d of %s", len(found), kind)
				}
				for _, r := range found {
					for _, problem := range schema.check(r) {
						t.Errorf("%s %s: %s", kind, r.GetName(), problem)
					}
				}
			}
		})
	}
}
