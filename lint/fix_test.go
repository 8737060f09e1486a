package lint_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/repo"
)

// redisWith is a RedisFailover that no rule has anything against but what is put into it.
func redisWith(labels, spec, redis string) string {
	return `apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata:
  name: shop
  namespace: shop
` + labels + `spec:
` + spec + `  sentinel:
    image: redis:7.4.11-alpine
    replicas: 3
    resources:
      requests: { cpu: 50m, memory: 64Mi }
      limits: { memory: 64Mi }
  redis:
    image: redis:7.4.11-alpine
    replicas: 3
` + redis + `    exporter:
      enabled: true
      image: quay.io/oliver006/redis_exporter:v1.62.0
    storage:
      keepAfterDeletion: true
      persistentVolumeClaim:
        metadata:
          name: shop
        spec:
          accessModes: [ReadWriteOnce]
          resources:
            requests:
              storage: 1Gi
`
}

const (
	fullMemory = "    terminationGracePeriod: 90\n    customConfig:\n      - maxmemory 192mb\n      - maxmemory-policy noeviction\n    resources:\n      requests: { cpu: 100m, memory: 256Mi }\n      limits: { memory: 256Mi }\n"
	prodLabels = "  labels:\n    app.kubernetes.io/version: \"1\"\n    app.kubernetes.io/instance: prod\n"

	masterService = "apiVersion: v1\nkind: Service\nmetadata: { name: shop-master, namespace: shop }\nspec:\n  selector: { app.kubernetes.io/instance: prod, redisfailovers-role: master }\n  ports: [{ port: 6379 }]\n"

	chartYAML = "apiVersion: v2\nname: shop\nversion: 0.1.0\n"

	switchTemplate = `apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata:
  name: {{ .Chart.Name }}
spec:
  sentinel:
    replicas: {{ .Values.redis.sentinels }}
  redis:
    replicas: 3
    terminationGracePeriod: 90
    storage:
      {{- if .Values.redis.keepAfterDeletion }}
      keepAfterDeletion: true
      {{- end }}
      persistentVolumeClaim:
        metadata: { name: d }
        spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }
`
	webTemplate = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: {{ .Values.redis.sentinels }}
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: "registry.example.com/web:1.0.0" }] }
`
)

type fixCase struct {
	name      string
	files     map[string]string
	suggested bool
	both      bool // with suggestions, too: harm is none
	only      string
	want      map[string][]string // lines that a file has afterwards; with "!" in front: has not
	refused   []string            // parts of the reasons
}

// createdChart is what `helm create` makes, as far as it matters here, with a Redis beside the application.
func createdChart(selector string) map[string]string {
	return map[string]string{
		"applications/shop/Chart.yaml":  chartYAML,
		"applications/shop/values.yaml": "service:\n  port: 80\n  targetPort: 8080\n",
		"applications/shop/templates/service.yaml": "apiVersion: v1\nkind: Service\nmetadata:\n  name: shop\n  namespace: shop\nspec:\n  ports:\n    - port: {{ .Values.service.port }}\n      targetPort: {{ .Values.service.targetPort }}\n" +
			"  selector:\n    app.kubernetes.io/name: shop\n" + selector,
		"applications/shop/templates/deployment.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: shop\n  namespace: shop\nspec:\n  selector:\n    matchLabels: &labels\n      app.kubernetes.io/name: shop\n      app.kubernetes.io/instance: {{ .Release.Name }}\n  template:\n    metadata:\n      labels: *labels\n    spec:\n      containers: [{ name: shop, image: \"registry.example.com/shop:1.0.0\" }]\n",
		"applications/shop/templates/redis.yaml":      redisWith("  labels:\n    app.kubernetes.io/instance: {{ .Release.Name }}\n", "  labelWhitelist: [\"^$\"]\n", fullMemory),
	}
}

var fixCases = []fixCase{
	{
		name:  "labels that a Service selects by stay",
		files: map[string]string{"shop/redis.yaml": redisWith(prodLabels, "", fullMemory), "shop/service.yaml": masterService},
		want:  map[string][]string{"shop/redis.yaml": {`    - ^app\.kubernetes\.io/instance$`, "!    - ^$"}},
	},
	{
		name: "of a whitelist that lets all through too",
		files: map[string]string{
			"shop/redis.yaml": redisWith(prodLabels, "  labelWhitelist: ['.*']\n", fullMemory), "shop/service.yaml": masterService,
		},
		want: map[string][]string{"shop/redis.yaml": {`  labelWhitelist: [^app\.kubernetes\.io/instance$]`}},
	},
	{
		name:  "null is an empty list, and a fix that cannot be made stops no other",
		files: map[string]string{"shop/redis.yaml": redisWith("", "", "    customConfig: null\n    resources: { limits: { memory: 500Mi } }\n")},
		want:  map[string][]string{"shop/redis.yaml": {"    terminationGracePeriod: 90", "    customConfig:", "      - maxmemory 375mb"}},
	},
	{
		name:  "brackets on one line",
		files: map[string]string{"shop/redis.yaml": redisWith("", "", "    customConfig: [] # none\n    terminationGracePeriod: 90\n    resources: { limits: { memory: 500Mi } }\n")},
		want:  map[string][]string{"shop/redis.yaml": {"    customConfig: # none", "      - maxmemory 375mb"}},
	},
	{
		name: "the value behind a switch, and not the template",
		files: map[string]string{
			"applications/shop/Chart.yaml": chartYAML, "applications/shop/templates/redis.yaml": switchTemplate,
			"applications/shop/values.yaml":            "redis:\n  sentinels: 3\n  keepAfterDeletion: false\n",
			"applications/shop/values-production.yaml": "redis:\n  keepAfterDeletion: true\n",
		},
		only: "data/pvc-dies-with-cr",
		want: map[string][]string{
			"applications/shop/values.yaml":          {"  keepAfterDeletion: true"},
			"applications/shop/templates/redis.yaml": {"      keepAfterDeletion: true"}, // once: the last check of every case
		},
	},
	{
		name: "a value that nobody sets yet",
		files: map[string]string{
			"applications/shop/Chart.yaml": chartYAML, "applications/shop/templates/redis.yaml": switchTemplate,
			"applications/shop/values.yaml": "# Redis\nredis:\n  # votes\n  sentinels: 3\n",
		},
		only: "data/pvc-dies-with-cr",
		want: map[string][]string{"applications/shop/values.yaml": {"  keepAfterDeletion: true"}},
	},
	{
		name: "a value that another resource reads too",
		files: map[string]string{
			"applications/shop/Chart.yaml": chartYAML, "applications/shop/templates/redis.yaml": switchTemplate, "applications/shop/templates/web.yaml": webTemplate,
			"applications/shop/values.yaml": "redis:\n  sentinels: 0\n  keepAfterDeletion: true\n",
		},
		both:    true,
		only:    "ha/zero-means-three",
		want:    map[string][]string{"applications/shop/values.yaml": {"  sentinels: 0"}},
		refused: []string{"it would also change spec.replicas of Deployment/web"},
	},
	{
		name: "a value that is right in production",
		files: map[string]string{
			"applications/shop/Chart.yaml": chartYAML,
			"applications/shop/templates/redis.yaml": redisWith("", "", "    terminationGracePeriod: 90\n    customConfig:\n      - maxmemory {{ .Values.maxmemory }}\n"+
				"    resources:\n      requests: { cpu: 100m, memory: {{ .Values.limit }} }\n      limits: { memory: {{ .Values.limit }} }\n"),
			"applications/shop/values.yaml":            "limit: 256Mi\nmaxmemory: 250mb\n",
			"applications/shop/values-production.yaml": "limit: 1Gi\n",
		},
		both:    true,
		only:    "mem/headroom",
		want:    map[string][]string{"applications/shop/values.yaml": {"maxmemory: 250mb"}},
		refused: []string{"with values-production.yaml"},
	},
	{
		name: "an address of sentinels",
		files: map[string]string{
			"shop/redis.yaml":  redisWith("", "", fullMemory),
			"shop/config.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: env, namespace: shop }\ndata:\n  REDIS_ADDRESS: rfs-shop:6379\n  REDIS_URL: redis://rfs-shop:6379\n  OTHER_URL: redis://rfs-shop:26379\n",
		},
		suggested: true,
		want:      map[string][]string{"shop/config.yaml": {"  REDIS_ADDRESS: rfs-shop:6379", "  REDIS_URL: redis://rfs-shop:6379", "  OTHER_URL: redis://rfs-shop:26379"}},
	},
	{
		name:    "hostNetwork with its DNS policy",
		files:   map[string]string{"shop/redis.yaml": redisWith("", "", "    hostNetwork: true\n    dnsPolicy: ClusterFirstWithHostNet\n"+fullMemory)},
		want:    map[string][]string{"shop/redis.yaml": {"    hostNetwork: true"}},
		refused: []string{"dnsPolicy ClusterFirstWithHostNet remains"},
	},
	{
		name:      "hostNetwork when suggestions are asked for",
		files:     map[string]string{"shop/redis.yaml": redisWith("", "", "    hostNetwork: true\n"+fullMemory)},
		suggested: true,
		want:      map[string][]string{"shop/redis.yaml": {"!    hostNetwork: true"}},
	},
	{
		name:      "one answer about memory",
		files:     map[string]string{"shop/redis.yaml": redisWith("", "", "    terminationGracePeriod: 90\n    resources:\n      requests: { cpu: 100m, memory: 100Mi }\n      limits: { memory: 500Mi }\n")},
		suggested: true,
		want:      map[string][]string{"shop/redis.yaml": {"      - maxmemory 100mb"}},
	},
	{
		name:    "which may be less than Redis holds",
		files:   map[string]string{"shop/redis.yaml": redisWith("", "", "    terminationGracePeriod: 90\n    resources:\n      requests: { cpu: 100m, memory: 100Mi }\n      limits: { memory: 500Mi }\n")},
		refused: []string{"Redis may already use more than 100mb"},
	},
	{
		name:  "the joined save stands alone",
		files: map[string]string{"shop/redis.yaml": redisWith("", "", strings.Replace(fullMemory, "      - maxmemory 192mb\n", "      - save 900 1\n      - maxmemory 192mb\n      - save 300 10\n      - save 60 10000\n", 1))},
		want:  map[string][]string{"shop/redis.yaml": {"      - save 900 1 300 10 60 10000", "!      - save 900 1", "!      - save 300 10", "      - maxmemory 192mb"}},
	},
	{
		name:  "the Service of an application made by helm create",
		files: createdChart("    app.kubernetes.io/instance: {{ .Release.Name }}\n"),
		want:  map[string][]string{"applications/shop/values.yaml": {"  targetPort: 8080"}},
	},
	{
		name:      "the same without the instance",
		files:     createdChart(""),
		suggested: true,
		want:      map[string][]string{"applications/shop/values.yaml": {"  targetPort: 8080"}},
	},
	{
		name:    "lines that a template makes of several values",
		files:   map[string]string{"applications/shop/Chart.yaml": chartYAML, "applications/shop/values.yaml": "a: 1\nb: 9\nterm: 5\n", "applications/shop/templates/redis.yaml": redisWith("", "", strings.Replace(fullMemory, "terminationGracePeriod: 90", "terminationGracePeriod: {{ add .Values.a .Values.b }}", 1))},
		refused: []string{"computes this text from values in a way that cannot be"},
	},
	{
		name: "one value for maxmemory and the limit",
		files: map[string]string{
			"applications/shop/Chart.yaml": chartYAML, "applications/shop/values.yaml": "memory: 256\n",
			"applications/shop/templates/redis.yaml": redisWith("", "", strings.NewReplacer("192mb", "{{ .Values.memory }}mb", "256Mi", "{{ .Values.memory }}Mi").Replace(fullMemory)),
		},
		both: true, only: "mem/maxmemory-at-limit",
		want:    map[string][]string{"applications/shop/values.yaml": {"memory: 256"}},
		refused: []string{"it would also change spec.redis.resources"},
	},
	{
		name: "a number stays a number",
		files: map[string]string{
			"applications/shop/Chart.yaml": chartYAML, "applications/shop/values.yaml": "maxmemory: 300\nquoted: \"1\"\n",
			"applications/shop/templates/redis.yaml": redisWith("", "", strings.Replace(fullMemory, "192mb", "{{ .Values.maxmemory }}mb", 1)),
		},
		both: true, only: "mem/maxmemory-at-limit",
		want: map[string][]string{"applications/shop/values.yaml": {"maxmemory: 192"}},
	},
	{
		name: "a directive is no value",
		files: map[string]string{
			"applications/shop/Chart.yaml": chartYAML, "applications/shop/values.yaml": "memory: 150\n",
			"applications/shop/templates/redis.yaml": redisWith("", "", strings.Replace(fullMemory, "192mb", "{{ mul .Values.memory 2 }}mb", 1)),
		},
		both: true, only: "mem/maxmemory-at-limit",
		want:    map[string][]string{"applications/shop/values.yaml": {"memory: 150"}},
		refused: []string{"computes this text from values in a way that cannot be"},
	},
	{
		name: "a line that production has already",
		files: map[string]string{
			"applications/shop/Chart.yaml": chartYAML, "applications/shop/values.yaml": "config: []\n", "applications/shop/values-production.yaml": "config: [maxmemory 100mb]\n",
			"applications/shop/templates/redis.yaml": redisWith("", "", strings.Replace(fullMemory, "      - maxmemory 192mb\n", "      {{- range .Values.config }}\n      - {{ . }}\n      {{- end }}\n", 1)),
		},
		both: true, only: "mem/limit-without-maxmemory",
		want:    map[string][]string{"applications/shop/values.yaml": {"config: []"}, "applications/shop/templates/redis.yaml": {"!      - maxmemory 192mb"}},
		refused: []string{"it would cause config/duplicate"},
	},
	{
		name:    "a selector in a chart that fails",
		files:   map[string]string{"shop/redis.yaml": redisWith(prodLabels, "", fullMemory), "applications/x/Chart.yaml": chartYAML, "applications/x/templates/service.yaml": "{{ fail \"x\" }}\n" + masterService},
		both:    true,
		only:    "op/labels-propagate",
		want:    map[string][]string{"shop/redis.yaml": {"!    - ^$"}},
		refused: []string{"applications/x cannot be rendered, so what selects or names these pods is unknown"},
	},
	{
		name: "a parameter of Argo CD is text",
		files: map[string]string{
			"applications/shop/Chart.yaml": chartYAML, "applications/shop/templates/redis.yaml": switchTemplate, "applications/shop/values.yaml": "redis:\n  sentinels: 3\n",
			"argocd/shop.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: { name: shop, namespace: argocd }\nspec:\n  source:\n    path: applications/shop\n    helm:\n      parameters:\n        - name: redis.keepAfterDeletion\n          value: \"false\"\n  destination: { namespace: shop }\n",
		},
		both: true, only: "data/pvc-dies-with-cr",
		want: map[string][]string{"argocd/shop.yaml": {`          value: "true"`}},
	},
}

// TestFixCases: what --fix makes of repositories in which fixes once did harm, what it leaves alone, and why.
func TestFixCases(t *testing.T) {
	t.Parallel()
	cases := slices.Clone(fixCases)
	for _, c := range fixCases {
		if c.both {
			c.suggested = true
			cases = append(cases, c)
		}
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			archive := &txtar.Archive{}
			for name, text := range c.files {
				archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(text)})
			}
			r, config := open(t, archive.Files)
			opts := lint.Options{Config: config, Suggested: c.suggested, Today: today, Compiled: &compiled}
			if c.only != "" {
				opts.Only = []string{c.only}
			}
			fixed, err := lint.Fix(t.Context(), r, opts)
			if err != nil {
				t.Fatal(err)
			}
			after := with(t, r, fixed.Changes)
			for name, lines := range c.want {
				src, err := after.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				for _, line := range lines {
					text, not := strings.CutPrefix(line, "!")
					if n := strings.Count("\n"+string(src), "\n"+text+"\n"); not && n > 0 || !not && n != 1 {
						t.Errorf("%s has %d of %q:\n%s", name, n, text, src)
					}
				}
			}
			var reasons []string
			for _, r := range fixed.Refused {
				reasons = append(reasons, r.Reason)
				if r.Finding.Fixable() && r.Finding.Suggested == "" {
					t.Errorf("%s was refused and is told as safe", r.Finding.Message)
				}
			}
			for _, want := range c.refused {
				if !strings.Contains(strings.Join(reasons, "\n"), want) {
					t.Errorf("no reason says %q: %q", want, reasons)
				}
			}
			if !c.suggested {
				for _, complaint := range complaints(t, r, after, config, fixed.Done) {
					t.Error(complaint)
				}
			}
		})
	}
}

// TestOldFixes: the checks of the property tests catch what --fix did before it asked for a proof.
func TestOldFixes(t *testing.T) {
	t.Parallel()
	whole := &finding.Finding{Resource: &finding.Resource{Kind: "RedisFailover", Name: "shop"}, Path: []string{"metadata", "labels"}}
	for _, c := range []struct {
		name, file, old, new, complaint string
		files                           map[string]string
		done                            []*finding.Finding
	}{
		{
			"a whitelist that takes the label of a Service", "shop/redis.yaml", "spec:\n  sentinel:", "spec:\n  labelWhitelist: ['^$']\n  sentinel:",
			`Service shop/shop-master selected "RedisFailover/shop/redismaster" and selects ""`,
			map[string]string{"shop/redis.yaml": redisWith(prodLabels, "", fullMemory), "shop/service.yaml": masterService}, []*finding.Finding{whole},
		},
		{
			"the port of the application's Service", "applications/shop/values.yaml", "8080", "redis",
			"Service/shop renders differently at spec.ports", createdChart(""), nil,
		},
		{
			"a key written twice", "applications/shop/templates/redis.yaml", "    storage:\n", "    storage:\n      keepAfterDeletion: true\n",
			"broken by the fix",
			map[string]string{
				"applications/shop/Chart.yaml": chartYAML, "applications/shop/templates/redis.yaml": switchTemplate,
				"applications/shop/values.yaml":            "redis:\n  sentinels: 3\n  keepAfterDeletion: false\n",
				"applications/shop/values-production.yaml": "redis:\n  keepAfterDeletion: true\n",
			},
			[]*finding.Finding{{Resource: whole.Resource, Path: []string{"spec", "redis", "storage"}}},
		},
		{
			"an address of the master that becomes one of sentinels", "shop/config.yaml", "redis://shop-master:6379", "redis-sentinel://rfs-shop:26379/mymaster", "no longer reached",
			map[string]string{
				"shop/redis.yaml": redisWith(prodLabels, "", fullMemory), "shop/service.yaml": masterService,
				"shop/config.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: env, namespace: shop }\ndata: { REDIS_URL: \"redis://shop-master:6379\" }\n",
			},
			[]*finding.Finding{{Resource: &finding.Resource{Kind: "ConfigMap", Name: "env"}, Path: []string{"data", "REDIS_URL"}}},
		},
		{
			"more memory than the request", "shop/redis.yaml", "    terminationGracePeriod: 90\n", "    terminationGracePeriod: 90\n    customConfig: [maxmemory 375mb]\n", "new finding mem/maxmemory-above-request",
			map[string]string{"shop/redis.yaml": redisWith("", "", "    terminationGracePeriod: 90\n    resources:\n      requests: { cpu: 100m, memory: 100Mi }\n      limits: { memory: 500Mi }\n")},
			[]*finding.Finding{{Resource: whole.Resource, Path: []string{"spec", "redis", "resources"}}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			archive := &txtar.Archive{}
			for name, text := range c.files {
				archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(text)})
			}
			r, config := open(t, archive.Files)
			old := c.files[c.file]
			i := strings.LastIndex(old, c.old)
			if i < 0 {
				t.Fatal("the case does not change anything")
			}
			changed := []byte(old[:i] + c.new + old[i+len(c.old):])
			bad := complaints(t, r, with(t, r, []repo.Change{{Path: c.file, New: changed}}), config, c.done)
			if !strings.Contains(strings.Join(bad, "\n"), c.complaint) {
				t.Errorf("no complaint %q: %q", c.complaint, bad)
			}
		})
	}
}
