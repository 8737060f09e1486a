package instance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/repo"
)

// ways are the documents that install a chart; %[1]s is its repository without a scheme, %[2]s its name.
var ways = map[string]string{
	"argo":            `{kind: Application, spec: {source: {chart: %[2]s, repoURL: "https://%[1]s/", targetRevision: 9.9.9}}}`,
	"argo oci":        `{kind: Application, spec: {sources: [{path: x, repoURL: "https://example.com/x.git"}, {chart: %[2]s, repoURL: "%[1]s", targetRevision: 9.9.9}]}}`,
	"argo oci source": `{kind: Application, spec: {source: {path: ., repoURL: "oci://%[1]s/%[2]s", targetRevision: 9.9.9}}}`,
	"application set": `{kind: ApplicationSet, spec: {template: {spec: {source: {chart: %[2]s, repoURL: "%[1]s", targetRevision: 9.9.9}}}}}`,
	"flux": `{kind: HelmRepository, metadata: {name: r, namespace: flux-system}, spec: {url: "https://%[1]s"}}
---
{kind: HelmRelease, metadata: {name: x, namespace: apps}, spec: {chart: {spec: {chart: %[2]s, version: 9.9.9, sourceRef: {kind: HelmRepository, name: r, namespace: flux-system}}}}}`,
	"flux oci repository": `{kind: OCIRepository, metadata: {name: r, namespace: ops}, spec: {url: "oci://%[1]s/%[2]s", ref: {tag: 9.9.9}}}
---
{kind: HelmRelease, metadata: {name: x, namespace: ops}, spec: {chartRef: {kind: OCIRepository, name: r}}}`,
	"flux helm chart": `{kind: HelmRepository, metadata: {name: r, namespace: ops}, spec: {type: oci, url: "oci://%[1]s"}}
---
{kind: HelmChart, apiVersion: source.toolkit.fluxcd.io/v1, metadata: {name: c, namespace: ops}, spec: {chart: %[2]s, version: 9.9.9, sourceRef: {kind: HelmRepository, name: r}}}
---
{kind: HelmRelease, metadata: {name: x, namespace: ops}, spec: {chartRef: {kind: HelmChart, name: c}}}`,
	"k3s":              `{kind: HelmChart, apiVersion: helm.cattle.io/v1, spec: {chart: %[2]s, repo: "https://%[1]s", version: 9.9.9}}`,
	"k3s oci":          `{kind: HelmChart, apiVersion: helm.cattle.io/v1, spec: {chart: "oci://%[1]s/%[2]s", version: 9.9.9}}`,
	"dependency":       `{apiVersion: v2, name: platform, dependencies: [{name: %[2]s, repository: "https://%[1]s", version: 9.9.9, alias: redis}]}`,
	"dependency, oci":  `{apiVersion: v2, name: platform, dependencies: [{name: %[2]s, repository: "oci://%[1]s", version: 9.9.9}]}`,
	"kustomize":        `{kind: Kustomization, helmCharts: [{name: %[2]s, repo: "https://%[1]s", version: 9.9.9}]}`,
	"mirror":           `{kind: Application, spec: {source: {chart: %[2]s, repoURL: "registry.example.com/proxy/%[1]s", targetRevision: 9.9.9}}}`,
	"git user in url":  `{kind: Application, spec: {source: {chart: %[2]s, repoURL: "https://user@%[1]s", targetRevision: 9.9.9}}}`,
	"upper case":       `{kind: Application, spec: {source: {chart: %[2]s, repoURL: "HTTPS://%[1]s", targetRevision: 9.9.9}}}`,
	"application list": "{kind: List, items: []}\n---\n{kind: Application, spec: {source: {chart: %[2]s, repoURL: \"https://%[1]s\", targetRevision: 9.9.9}}}",
}

// Every operator is recognised by every chart, image and repository that cue/operator knows of it, in every form that a
// repository can install it in, and by no other's.
func TestEveryOperatorRecognised(t *testing.T) {
	all := operators(t)
	is := func(what, src, operator string) {
		t.Helper()
		found := Installations(documents(t, "x.yaml", "", []byte(src)), all)
		if len(found) != 1 || found[0].Operator != operator {
			t.Errorf("%s: got %+v, want %s\n%s", what, found, operator, src)
			return
		}
		if at(any(found[0].Document.Object), found[0].Path...) == nil && found[0].Raw != "" && !strings.Contains(what, "helm chart") {
			t.Errorf("%s: there is nothing at %v", what, found[0].Path)
		}
	}
	tried := 0
	for _, o := range all {
		by := o.Recognise()
		for _, c := range by.Charts {
			for way, src := range ways {
				is(o.Name+" by "+way, fmt.Sprintf(src, c.Repository, c.Name), o.Name)
				tried++
			}
		}
		for _, base := range by.Bases {
			for _, form := range []string{"%s/manifests?ref=v1.0.0", "https://%s//manifests/x?ref=v1.0.0", "git::https://%s.git?ref=v1.0.0", "https://git.example.com/mirror/%s.git?ref=1"} {
				is(o.Name+" by base", `{kind: Kustomization, resources: ["`+fmt.Sprintf(form, base)+`"]}`, o.Name)
				tried++
			}
			is(o.Name+" by Git source", `{kind: Application, spec: {source: {path: charts/x, targetRevision: v1, repoURL: "https://`+base+`"}}}`, o.Name)
		}
		for _, image := range by.Images {
			bare := image
			if host, rest, _ := strings.Cut(image, "/"); strings.Contains(host, ".") {
				bare = rest
			}
			for _, form := range []string{image, "docker.io/" + bare, "quay.io/" + bare, "registry.example.com:5000/mirror/" + bare, "registry.example.com/mirror/" + strings.ReplaceAll(bare, "/", "-")} {
				is(o.Name+" by image", `{kind: Deployment, spec: {template: {spec: {containers: [{image: x}, {image: "`+form+`:v1.2.3@sha256:00"}]}}}}`, o.Name)
				tried++
			}
		}
	}
	if tried < 100 {
		t.Errorf("only %d forms", tried)
	}
}

// What several operators are published as is one of them, and nothing more is claimed.
func TestInstallations(t *testing.T) {
	for _, tt := range []struct{ name, src, want string }{
		{"a chart of that name from a mirror", "{kind: Application, spec: {source: {chart: redis-operator, repoURL: registry.example.com/charts, targetRevision: 3.3.4}}}", " [alauda freshworks opstree powerhome saremox spotahome]"},
		{"a release without its source", "{kind: HelmRelease, spec: {chart: {spec: {chart: redis-operator, sourceRef: {kind: HelmRepository, name: r}}}}}", " [alauda freshworks opstree powerhome saremox spotahome]"},
		{"an image of that name from a mirror", "{kind: Deployment, spec: {template: {spec: {containers: [{image: registry.example.com/redis-operator:v4.3.0}]}}}}", " [alauda freshworks opstree powerhome saremox spotahome]"},
		{"somebody's fork", "{kind: Kustomization, resources: ['https://github.com/acme/redis-operator/manifests?ref=v1']}", "acme [alauda freshworks opstree powerhome saremox spotahome]"},
		{"a name that one operator has alone", "{kind: Deployment, spec: {template: {spec: {containers: [{image: registry.example.com/kubedb-provisioner:v1}]}}}}", "kubedb []"},
		{"the fork's image in Spotahome's chart", `{kind: Application, spec: {source: {chart: redis-operator, repoURL: "https://spotahome.github.io/redis-operator", targetRevision: 3.2.9, helm: {valuesObject: {image: {repository: quay.io/powerhome/redis-operator, tag: v4.3.2}}}}}}`, "powerhome powerhome 4.3.2 []"},
		{"the fork's image by parameters", `{kind: Application, spec: {source: {chart: redis-operator, repoURL: "https://spotahome.github.io/redis-operator", targetRevision: 3.2.9, helm: {parameters: [{name: image.repository, value: powerhome/redis-operator}, {name: image.tag, value: v4.3.2}]}}}}`, "powerhome powerhome 4.3.2 []"},
		{"the fork's image in a release", `{kind: HelmRepository, metadata: {name: r}, spec: {url: "https://spotahome.github.io/redis-operator"}}
---
{kind: HelmRelease, spec: {chart: {spec: {chart: redis-operator, sourceRef: {kind: HelmRepository, name: r}}}, values: {image: {repository: ghcr.io/freshworks-oss/redis-operator, tag: v3.3.5}}}}`, "freshworks freshworks-oss 3.3.5 []"},
		{"the fork's image in a kustomization", "{kind: Kustomization, resources: ['github.com/spotahome/redis-operator/manifests?ref=v1.2.4'], images: [{name: quay.io/spotahome/redis-operator, newName: powerhome/redis-operator, newTag: v4.3.2}]}", "powerhome powerhome 4.3.2 []"},
		{"a local chart", "{apiVersion: v2, name: x, dependencies: [{name: redis-operator, repository: 'file://../redis-operator'}]}", ""},
		{"another chart", "{kind: Application, spec: {source: {chart: redis, repoURL: 'https://charts.bitnami.com/bitnami'}}}", ""},
		{"another image", "{kind: Deployment, spec: {template: {spec: {containers: [{image: example/operator:v1}]}}}}", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, in := range Installations(documents(t, "x.yaml", "", []byte(tt.src)), operators(t)) {
				got = append(got, strings.Join(append(strings.Fields(in.Operator+" "+in.Publisher+" "+in.Version), fmt.Sprint(in.Perhaps)), " "))
			}
			want := strings.TrimSpace(tt.want)
			if got := strings.Join(got, "; "); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func repository(t testing.TB, files map[string]string) *repo.Repo {
	t.Helper()
	fs := afero.NewMemMapFs()
	for name, src := range files {
		if err := afero.WriteFile(fs, name, []byte(src), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, err := repo.Open(fs, repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// url and lint read what installs operators wherever it is: in applications, in the dependencies of a chart and in what a chart
// makes.
func TestOpenRecognises(t *testing.T) {
	redis := "apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata: {name: shop, namespace: shop}\nspec: {redis: {replicas: 3}}\n"
	for name, files := range map[string]map[string]string{
		"a registry without a word of Redis": {"a/flux.yaml": "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {name: fw, namespace: ops}\nspec: {url: 'oci://ghcr.io/freshworks-oss/charts'}\n", "a/release.yaml": "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: x, namespace: ops}\nspec: {chart: {spec: {chart: redis-operator, version: 3.3.4, sourceRef: {kind: HelmRepository, name: fw}}}}\n"},
		"an application":                     {"applications/operator/Chart.yaml": "apiVersion: v2\nname: operator\nversion: 1.0.0\ndependencies: [{name: redis-operator, version: 3.3.4, repository: 'oci://ghcr.io/freshworks-oss/charts'}]\n", "applications/operator/values.yaml": "{}\n"},
		"applications that a chart makes":    {"root/Chart.yaml": "apiVersion: v2\nname: root\nversion: 1.0.0\n", "root/values.yaml": "operators: [{chart: redis-operator, repo: ghcr.io/freshworks-oss/charts}]\n", "root/templates/apps.yaml": "{{ range .Values.operators }}\n---\napiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: {{ .chart }}}\nspec: {source: {chart: {{ .chart }}, repoURL: {{ .repo }}, targetRevision: 3.3.4}}\n{{ end }}\n"},
		"a vendored chart":                   {"platform/redis/Chart.yaml": "apiVersion: v2\nname: redis\nversion: 1.0.0\n", "platform/redis/values.yaml": "image: {repository: registry.example.com/freshworks-oss/redis-operator, tag: v3.3.5}\n", "platform/redis/templates/d.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: o}\nspec: {template: {spec: {containers: [{name: o, image: \"{{ .Values.image.repository }}:{{ .Values.image.tag }}\"}]}}}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			files["apps/shop/redis.yaml"] = redis
			config, err := cue.LoadConfig(cue.ConfigFile, nil)
			if err != nil {
				t.Fatal(err)
			}
			r, err := Open(t.Context(), repository(t, files), config)
			if err != nil {
				t.Fatal(err)
			}
			found, err := r.Named(t.Context(), "shop")
			if err != nil {
				t.Fatal(err)
			}
			if len(found) != 1 || found[0].Operator != "freshworks" || found[0].Write == nil || found[0].Write.Service != "rfrm-shop" {
				t.Errorf("got %+v of %+v", found[0], r.Running())
			}
		})
	}
}

// The port of a database follows from its cluster, also where that is in the platform of the repository.
func TestClusterElsewhere(t *testing.T) {
	const database = "apiVersion: app.redislabs.com/v1alpha1\nkind: RedisEnterpriseDatabase\nmetadata: {name: shop, namespace: shop}\nspec: {redisEnterpriseCluster: {name: %s}}\n"
	const cluster = "apiVersion: app.redislabs.com/v1\nkind: RedisEnterpriseCluster\nmetadata: {name: rec, namespace: %s}\nspec: {servicesRiggerSpec: {databaseServicePortPolicy: RedisDefaultPort}}\n"
	for name, tt := range map[string]struct {
		database string
		clusters []string // their namespaces
		port     int
	}{
		"of that name":         {"rec", []string{"redis"}, 6379},
		"of another name":      {"other", []string{"redis"}, 0},
		"two of that name":     {"rec", []string{"redis", "billing"}, 0},
		"one of two beside it": {"rec", []string{"redis", "shop"}, 6379},
		"of its namespace":     {`""`, []string{"shop"}, 6379},
		"of another namespace": {`""`, []string{"redis"}, 0},
		"that is not there":    {"rec", nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"applications/shop/redis.yaml": fmt.Sprintf(database, tt.database)}
			for _, namespace := range tt.clusters {
				files["platform/redis/"+namespace+".yaml"] = fmt.Sprintf(cluster, namespace)
			}
			config, err := cue.LoadConfig(cue.ConfigFile, nil)
			if err != nil {
				t.Fatal(err)
			}
			r, err := Open(t.Context(), repository(t, files), config)
			if err != nil {
				t.Fatal(err)
			}
			found, err := r.Named(t.Context(), "shop")
			if err != nil || len(found) != 1 || found[0].Write == nil {
				t.Fatal(found, err)
			}
			if found[0].Write.Port != tt.port {
				t.Errorf("port %d, want %d", found[0].Write.Port, tt.port)
			}
		})
	}
}

func TestInCharge(t *testing.T) {
	spotahome := Installation{Running: Running{Operator: "spotahome", Version: "1.3.0"}, Publisher: "spotahome"}
	fork := Installation{Running: Running{Operator: "freshworks", Version: "3.3.0", Raw: "v3.3.5"}, Publisher: "freshworks-oss"}
	other := Installation{Running: Running{Operator: "opstree", Version: "0.20.0"}}
	mirror := Installation{Perhaps: []string{"opstree", "powerhome"}}
	for _, tt := range []struct {
		name, config string
		installed    []Installation
		want         string
	}{
		{"nothing", "", nil, "spotahome 1.2.4 spotahome [spotahome]"},
		{"an operator of other kinds", "", []Installation{other}, "spotahome 1.2.4 spotahome [spotahome]"},
		{"a fork", "", []Installation{other, fork}, "freshworks 3.3.0 freshworks-oss [freshworks]"},
		{"both", "", []Installation{spotahome, fork}, "spotahome 1.3.0 spotahome [spotahome freshworks]"},
		{"a mirror", "", []Installation{mirror}, "spotahome 1.2.4 spotahome [spotahome powerhome]"},
		{"a mirror and a fork", "", []Installation{mirror, fork}, "freshworks 3.3.0 freshworks-oss [freshworks]"},
		{"named", "operator: {name: powerhome}", []Installation{fork}, "powerhome 4.3.2 powerhome [powerhome freshworks]"},
		{"a namespace is no name", "operator: {namespace: ops}", []Installation{fork}, "freshworks 3.3.0 freshworks-oss [freshworks]"},
		{"a version is", "operator: {version: 1.2.4}", []Installation{fork}, "spotahome 1.2.4 spotahome [spotahome freshworks]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config, err := cue.LoadConfig(cue.ConfigFile, []byte(tt.config))
			if err != nil {
				t.Fatal(err)
			}
			c := InCharge(config, tt.installed, operators(t))
			if got := fmt.Sprintf("%s %s %s %v", c.Operator, c.Version, c.Title(), c.Known); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	for raw, want := range map[string]bool{"v3.3.5": true, "3.3.3": true, "v3.3.2": false, "main": true, "": true} {
		in := Installation{Running: Running{Operator: "freshworks", Raw: raw}, Publisher: "freshworks-oss"}
		if got := in.NeedsGroup(operators(t)) != nil; got != want {
			t.Errorf("%q needs the label: %v, want %v", raw, got, want)
		}
		in.Publisher = "freshworks"
		if in.NeedsGroup(operators(t)) != nil {
			t.Errorf("the label is freshworks-oss's alone")
		}
	}
}
