package scaffold

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/repo"
)

// charts are ways in which charts use the resources of a container, and keys that are taken otherwise. want is the key for the
// values of a Redis, "" for a refusal.
var charts = map[string]struct {
	values string
	files  map[string]string
	want   string
}{
	"helm create": {"replicaCount: 1\nresources: {}\nservice:\n  port: 80\n", map[string]string{
		"templates/_helpers.tpl":    "{{- define \"shop.name\" -}}{{ .Chart.Name }}{{- end }}\n",
		"templates/deployment.yaml": "kind: Deployment\nname: {{ include \"shop.name\" . }}\nspec:\n  containers:\n    - name: app\n      {{- with .Values.resources }}\n      resources:\n        {{- toYaml . | nindent 8 }}\n      {{- end }}\n",
	}, "databases"},
	"with limits": {"resources:\n  limits:\n    memory: 1Gi\n", map[string]string{
		"templates/deployment.yaml": "kind: Deployment\nresources: {{ toYaml .Values.resources | nindent 2 }}\n",
	}, "databases"},
	"no key":         {"a: 1\n", map[string]string{"templates/d.yaml": "kind: D\nresources: {{ .Values.resources | default dict | toJson }}\n"}, "databases"},
	"index":          {"resources: {}\n", map[string]string{"templates/d.yaml": "kind: D\nresources: {{ toJson (index .Values \"resources\") }}\n"}, "databases"},
	"computed index": {"resources: {}\n", map[string]string{"templates/d.yaml": "kind: D\n{{ $k := printf \"%ss\" \"resource\" }}resources: {{ toJson (index .Values $k) }}\n"}, "databases"},
	"range":          {"resources: {}\n", map[string]string{"templates/d.yaml": "kind: D\n{{ range $k, $v := .Values.resources }}{{ $k }}: 1\n{{ end }}"}, "databases"},
	"rebound":        {"resources: {}\n", map[string]string{"templates/d.yaml": "kind: D\n{{ with .Values }}{{ with $ }}{{ $v := .Values }}r: {{ toJson $v.resources }}{{ end }}{{ end }}\n"}, "databases"},
	"merge":          {"resources: {}\n", map[string]string{"templates/d.yaml": "kind: D\nr: {{ merge (dict) .Values.resources | toJson }}\n"}, "databases"},
	"if":             {"resources: {}\n", map[string]string{"templates/d.yaml": "kind: D\n{{ if .Values.resources }}limited: true{{ end }}\n"}, "databases"},
	"helper": {"resources: {}\n", map[string]string{
		"templates/_helpers.tpl": "{{ define \"r\" }}{{ toJson .resources }}{{ end }}{{ define \"s\" }}{{ toJson $.Values.resources }}{{ end }}",
		"templates/d.yaml":       "kind: D\nr: {{ include \"s\" (dict \"Values\" $.Values) }}\n",
	}, "databases"},
	"off by default": {"resources: {}\non: false\n", map[string]string{"templates/d.yaml": "kind: D\n{{ if .Values.on }}r: {{ toJson .Values.resources }}{{ end }}\n"}, "databases"},
	"tpl": {"resources: {}\nspec: \"{{ toJson .Values.resources }}\"\n", map[string]string{
		"templates/d.yaml": "kind: D\nr: {{ tpl .Values.spec . }}\n"}, "databases"},
	"tpl of a file": {"resources: {}\n", map[string]string{
		"files/d.yaml": "r: {{ toJson .Values.resources }}\n", "templates/d.yaml": "kind: D\n{{ tpl (.Files.Get \"files/d.yaml\") . }}\n"}, "databases"},
	"library": {"resources: {}\n", map[string]string{
		"charts/base/Chart.yaml":       "apiVersion: v2\nname: base\nversion: 1.0.0\ntype: library\n",
		"charts/base/templates/_r.tpl": "{{ define \"base.r\" }}{{ toJson .Values.resources }}{{ end }}",
		"templates/d.yaml":             "kind: D\n{{ if .Values.on }}r: {{ include \"base.r\" . }}{{ end }}\n",
	}, "databases"},
	"subchart's own": {"resources: {}\nother:\n  resources: {}\n", map[string]string{
		"charts/other/Chart.yaml":       "apiVersion: v2\nname: other\nversion: 1.0.0\n",
		"charts/other/templates/d.yaml": "kind: D\nr: {{ toJson .Values.resources }}\n",
	}, "resources"},
	"alias":                {"resources: &r {}\nside: *r\n", map[string]string{"templates/d.yaml": "kind: D\nr: {{ toJson .Values.side }}\n"}, "databases"},
	"databases taken":      {"resources: {}\ndatabases:\n  main: x\n", map[string]string{"templates/d.yaml": "kind: D\nr: {{ toJson .Values.resources }}\nd: {{ .Values.databases.main }}\n"}, "datastores"},
	"a list":               {"resources: []\n", nil, "databases"},
	"single values":        {"resources:\n  limits: 1Gi\n", map[string]string{"templates/d.yaml": "kind: D\nr: {{ .Values.resources.limits }}\n"}, "resources"},
	"checksum of all":      {"a: 1\n", map[string]string{"templates/d.yaml": "kind: D\nchecksum: {{ toJson .Values | sha256sum }}\n"}, ""},
	"reclaim the stack":    {"deployments: {}\nresources: {}\nenvFrom: []\nenv: []\n", nil, "resources"},
	"dependency by name":   {"a: 1\n", map[string]string{"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies:\n  - name: x\n    alias: resources\n    version: 1.0.0\n    repository: https://charts.example.com\n"}, "databases"},
	"missing library":      {"resources: {}\n", map[string]string{"templates/d.yaml": "{{ include \"common.all\" . }}\n"}, "databases"},
	"other fields of that": {"resources: {}\n", map[string]string{"templates/d.yaml": "kind: D\nr: {{ toJson .Values.worker.resources }}\n"}, "resources"},
}

// TestValuesKey: nothing that a chart rendered before renders differently afterwards, and all the rest works with the key.
func TestValuesKey(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(charts)) {
		tt := charts[name]
		t.Run(name, func(t *testing.T) {
			r := shop(t, tt.values)
			for f, text := range tt.files {
				write(t, r, "applications/shop/"+f, text)
			}
			strict := name != "missing library" && name != "other fields of that"
			var before map[string]string
			if strict {
				before = rendered(t, r, "applications/shop")
			}
			req := ResourceRequest{App: "shop", Set: map[string]cue.LayerValue{"memory": {Value: "64Mi"}}}
			p, err := PlanResource(context.Background(), r, config(t, ""), deps, req)
			if tt.want == "" {
				if err == nil || !strings.Contains(err.Error(), "new values would change what the chart renders") || !strings.Contains(err.Error(), "use --force") {
					t.Fatalf("got %v, want a refusal", err)
				}
				req.Conflicts = Replace
				if p, err = PlanResource(context.Background(), r, config(t, ""), deps, req); err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(strings.Join(p.Notes, "\n"), "new values change what the chart renders") {
					t.Errorf("notes: %q", p.Notes)
				}
				return
			}
			apply(t, r)(p, err)
			v, _ := lookup(values, []byte(read(t, r, values)), tt.want, "redis", "memory")
			if v != "64Mi" {
				t.Fatalf("%s.redis.memory is %v in\n%s", tt.want, v, read(t, r, values))
			}
			if moved := strings.Contains(strings.Join(p.Notes, "\n"), "the values are under "+tt.want+".redis, because "); moved != (tt.want != "resources") {
				t.Errorf("notes: %q", p.Notes)
			}
			if strict {
				after := rendered(t, r, "applications/shop")
				for file, text := range before {
					if after[file] != text {
						t.Errorf("%s rendered\n%s\nand now\n%s", file, text, after[file])
					}
				}
				if redis := after["shop/templates/redis.yaml"]; !strings.Contains(redis, "maxmemory 48mb") {
					t.Errorf("the Redis does not read its values:\n%s", redis)
				}
			}
			again, err := PlanResource(context.Background(), r, config(t, ""), deps, req)
			if err != nil || again.Changed() {
				t.Errorf("a second run: %v\n%s", err, again.Diff())
			}
			if p, err := PlanUpdate(context.Background(), r, config(t, ""), UpdateRequest{App: "shop"}); err != nil || p.Changed() {
				t.Errorf("update: %v\n%s", err, p.Diff())
			}
			destroy(t, r, "redis")
			if v := read(t, r, values); v != tt.values {
				t.Errorf("after destroy:\n%q\nwant\n%q", v, tt.values)
			}
		})
	}
}

// TestUpdateOfAnotherKey: what a generator gains comes to where the values are.
func TestUpdateOfAnotherKey(t *testing.T) {
	chart := charts["helm create"]
	r := shop(t, chart.values)
	for f, text := range chart.files {
		write(t, r, "applications/shop/"+f, text)
	}
	write(t, r, "generators/resources/thing.yaml", oldGenerator)
	generate(t, r, ResourceRequest{App: "shop", Type: "thing"})
	grown := strings.Replace(oldGenerator, "size: 1", "size: 2\ndisk: {{ .Values.resources.%{camelName}.disk }}", 1)
	write(t, r, "generators/resources/thing.yaml", strings.Replace(grown, "#     memory: 100Mi\n", "#     memory: 100Mi\n#     disk: 1Gi # new\n", 1))
	apply(t, r)(PlanUpdate(context.Background(), r, config(t, ""), UpdateRequest{}))
	if v, _ := lookup(values, []byte(read(t, r, values)), "databases", "thing", "disk"); v != "1Gi" {
		t.Errorf("got\n%s", read(t, r, values))
	}
	if text := rendered(t, r, "applications/shop")["shop/templates/thing.yaml"]; !strings.Contains(text, "disk: 1Gi") {
		t.Errorf("got\n%s", text)
	}
	destroy(t, r, "thing")
	if v := read(t, r, values); v != chart.values {
		t.Errorf("after destroy:\n%s", v)
	}
}

// TestEffects: env entries go to the containers that read env, and to nothing else.
func TestEffects(t *testing.T) {
	for _, tt := range []struct{ template, want string }{
		{"kind: D\ncontainers:\n  - name: a\n    {{- with .Values.env }}\n    env: {{ toYaml . | nindent 6 }}\n    {{- end }}\n", ""},
		{"kind: D\nenv: {{ toJson .Values.env }}\n", ""},
		{"kind: D\n{{ if .Values.env }}labels: { env: many }{{ end }}\n", "templates/d.yaml: this change would affect what this template renders at labels, because it reads the same values; rename them in the chart, or use --force"},
		{"kind: D\ncount: {{ len (default list .Values.env) }}\n", "at count"},
		{"kind: D\n{{ if .Values.env }}{{ fail \"no env please\" }}{{ end }}\n", "the chart would no longer render: "},
	} {
		r := shop(t, "a: 1\n")
		write(t, r, "applications/shop/templates/d.yaml", tt.template)
		p, err := PlanResource(context.Background(), r, config(t, ""), deps, ResourceRequest{App: "shop"})
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.template, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || len(p.Conflicts) == 0):
			t.Errorf("%s: got %v, want %s", tt.template, err, tt.want)
		}
	}
	// A value of another kind is not overlooked.
	r := newRepository(t, "shop")
	write(t, r, values, "image:\n  repository: shop\n")
	if _, err := PlanDeployment(context.Background(), r, DeploymentRequest{App: "shop", Type: "web"}); err == nil ||
		!strings.Contains(err.Error(), "values.yaml:2:3: image: is a mapping, but the generator expects a single value such as `image: shop:latest`") {
		t.Errorf("got %v", err)
	}
	r = newRepository(t, "shop")
	deployment(t, r, "web", "a-1")
	if _, err := PlanDeployment(context.Background(), r, DeploymentRequest{App: "shop", Type: "web", Name: "a1"}); err == nil ||
		!strings.Contains(err.Error(), `"deployment-a1" and "deployment-a-1" would both use deployments.a1 in values.yaml; choose another name`) {
		t.Errorf("got %v", err)
	}
}

// TestProtection: a Redis is kept apart from others wherever the repository says enough, and otherwise the second one says
// what is missing.
func TestProtection(t *testing.T) {
	policy := func(r *repo.Repo) any {
		v, _ := lookup(values, []byte(read(t, r, values)), "resources", "redis", "networkPolicy")
		return v
	}
	r := newRepository(t, "shop") // init installs the operator in redis-operator
	p := generate(t, r, ResourceRequest{App: "shop"})
	if policy(r) != "redis-operator" || !strings.Contains(strings.Join(p.Notes, "\n"), `the NetworkPolicy allows pods in the same namespace and in the operator namespace "redis-operator"`) {
		t.Errorf("policy %v, notes %q", policy(r), p.Notes)
	}
	r = shop(t, valuesFiles["fresh"])
	apply(t, r)(PlanResource(context.Background(), r, config(t, "operator:\n  namespace: redis-system\n"), deps, ResourceRequest{App: "shop"}))
	if policy(r) != "redis-system" {
		t.Errorf("operator.namespace: policy %v", policy(r))
	}
	for _, off := range []string{"operator:\n  namespace: redis-system\ndefaults:\n  values:\n    networkPolicy: \"\"\n"} {
		r = shop(t, valuesFiles["fresh"])
		apply(t, r)(PlanResource(context.Background(), r, config(t, off), deps, ResourceRequest{App: "shop"}))
		if policy(r) != "" {
			t.Errorf("%s: policy %v", off, policy(r))
		}
	}
	// Nothing reports where the operator is: the first Redis is alone, the second one is not.
	r = shop(t, valuesFiles["fresh"])
	if p := generate(t, r, ResourceRequest{App: "shop", Namespace: "prod"}); len(p.Notes) > 0 {
		t.Errorf("notes: %q", p.Notes)
	}
	p = generate(t, r, ResourceRequest{App: "shop", Suffix: "cache"})
	want := `the Redis "shop-cache" has no password and no NetworkPolicy, so its sentinels can merge with those of another Redis (applications/shop/templates/redis.yaml:55)` +
		` when a pod reuses an IP address, and the data of one is lost; set operator.namespace in .redis-gitops.yaml to the namespace of the Redis operator, or give it a password of its own`
	if len(p.Notes) != 1 || p.Notes[0] != want {
		t.Errorf("notes %q, want %q", p.Notes, want)
	}
	if p := generate(t, r, ResourceRequest{App: "shop", Suffix: "a", Auth: Auth{Method: Existing, Secret: "a"}}); len(p.Notes) > 0 {
		t.Errorf("a password of its own: notes %q", p.Notes)
	}
	if p := generate(t, r, ResourceRequest{App: "shop", Suffix: "b", Auth: Auth{Method: Existing, Secret: "a"}}); len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "has a shared password and no NetworkPolicy") {
		t.Errorf("the same password: notes %q", p.Notes)
	}
}

// TestImage: the image is a value, a default of the configuration, and never a mutable tag.
func TestImage(t *testing.T) {
	for _, tt := range []struct{ config, set, want, err string }{
		{"", "", "redis:7.4.11-alpine", ""},
		{"", "registry.example.com:5000/mirror/redis:7.2.16", "registry.example.com:5000/mirror/redis:7.2.16", ""},
		{"defaults:\n  image: redis:7.2.16-alpine\n", "", "redis:7.2.16-alpine", ""},
		{"defaults:\n  image: redis:7.2.16-alpine\n", "redis:8.2.9", "redis:8.2.9", ""},
		{"", "redis", "", `resources.redis.image: "redis" is not an image with a tag; use for example redis:7.4.11-alpine`},
		{"", "redis:latest", "", `resources.redis.image: "redis:latest" is a mutable image reference; pin a version such as redis:7.4.11-alpine`},
	} {
		r := shop(t, valuesFiles["fresh"])
		req := ResourceRequest{App: "shop"}
		if tt.set != "" {
			req.Set = map[string]cue.LayerValue{"image": {Value: tt.set}}
		}
		p, err := PlanResource(context.Background(), r, config(t, tt.config), deps, req)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: got %v, want %s", tt.set, err, tt.err)
			}
			continue
		}
		apply(t, r)(p, err)
		if text := rendered(t, r, "applications/shop")["shop/templates/redis.yaml"]; strings.Count(text, " image: "+tt.want+"\n") != 2 {
			t.Errorf("%+v: got\n%s", tt, text)
		}
	}
	if _, err := cue.LoadConfig(cue.ConfigFile, []byte("defaults:\n  image: redis\n")); err == nil || !strings.Contains(err.Error(), "is not an image with a tag; use for example redis:7.4.11-alpine") {
		t.Errorf("got %v", err)
	}
}
