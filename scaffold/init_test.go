package scaffold

import (
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/repo"
)

func openFiles(t *testing.T, files map[string]string) *repo.Repo {
	t.Helper()
	mem := afero.NewMemMapFs()
	for name, text := range files {
		if err := afero.WriteFile(mem, name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, err := repo.Open(mem, repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const (
	gitHub   = "[core]\n\tbare = false\n[remote \"fork\"]\n\turl = https://example.com/a.git\n[remote \"origin\"]\n\tURL = https://someone:s3cret@github.com/acme/ops.git\n\tfetch = x\n"
	gitLab   = "[remote \"upstream\"]\n\turl = git@gitlab.acme.example:platform/ops.git\n"
	argoApp  = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: api, namespace: gitops}\nspec: {source: {path: services/api}}\n"
	fluxSync = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: flux-system, namespace: flux-system}\nspec:\n  path: ./clusters/prod\n  sourceRef: {kind: GitRepository, name: ops}\n"
	someApp  = "apiVersion: v2\nname: api\nversion: 1.0.0\n"
)

// TestInitAround: init writes what fits the repository that is there.
func TestInitAround(t *testing.T) {
	for name, c := range map[string]struct {
		files    map[string]string
		operator string
		want     []string          // files that are there afterwards
		not      []string          // and that are not
		contain  map[string]string // texts by file
		next     string
	}{
		"new": {
			want: []string{".github/workflows/redis-gitops.yaml", ".gitlab-ci.yml", "argocd-root.yaml", "applications/.gitkeep"},
			next: "set the URL of this repository",
		},
		"GitHub": {
			files: map[string]string{".git/config": gitHub},
			want:  []string{".github/workflows/redis-gitops.yaml", "argocd-root.yaml"},
			not:   []string{".gitlab-ci.yml"},
			contain: map[string]string{
				"argocd-root.yaml": "repoURL: https://github.com/acme/ops.git\n", "platform-applications/redis-operator.yaml": "repoURL: https://github.com/acme/ops.git\n",
				"README.md": "Apply `argocd-root.yaml` once manually.",
			},
		},
		"GitLab": {
			files:   map[string]string{".git/config": gitLab},
			want:    []string{".gitlab-ci.yml"},
			not:     []string{".github/workflows/redis-gitops.yaml"},
			contain: map[string]string{"argocd-root.yaml": "repoURL: git@gitlab.acme.example:platform/ops.git\n"},
		},
		"a host that is unknown, and its CI": {
			files: map[string]string{".git/config": "[remote \"origin\"]\nurl = ssh://git@git.acme.example/ops.git\n", ".gitlab-ci.yml": "a: b\n"},
			not:   []string{".github/workflows/redis-gitops.yaml"},
		},
		"a directory as remote": {
			files: map[string]string{".git/config": "[remote \"origin\"]\nurl = /srv/git/ops.git\n"},
			next:  "set the URL of this repository",
		},
		"a hostile remote": {
			files: map[string]string{".git/config": "[remote \"origin\"]\nurl = https://x.example/a:{{b}}\n"},
			next:  "set the URL of this repository",
		},
		"layout": {
			files:   map[string]string{"apps/api/Chart.yaml": someApp, "apps/web/base/kustomization.yaml": "resources: []\n", "infrastructure/charts/x/Chart.yaml": someApp, "platform/dns/a.yaml": "a: b\n"},
			not:     []string{"applications/.gitkeep"},
			contain: map[string]string{cue.ConfigFile: "\nlayout:\n", "argocd-root.yaml": "          - path: apps/*\n", "README.md": "| `apps/` |"},
			next:    "set the URL of this repository",
		},
		"Argo CD": {
			files:   map[string]string{"argocd/api.yaml": argoApp, "services/api/Chart.yaml": someApp},
			want:    []string{"argocd/redis-operator.yaml"},
			not:     []string{"argocd-root.yaml", "platform-applications/redis-operator.yaml", "applications/.gitkeep"},
			contain: map[string]string{"argocd/redis-operator.yaml": "namespace: gitops\n", cue.ConfigFile: "\n  platformApplications: [argocd]\n"},
			next:    "set the URL of this repository",
		},
		"Flux": {
			files:   map[string]string{"clusters/prod/flux-system/gotk-sync.yaml": fluxSync, "apps/api/kustomization.yaml": "resources: []\n"},
			want:    []string{"clusters/prod/redis-operator.yaml", "platform/redis-operator/kustomization.yaml"},
			not:     []string{"argocd-root.yaml", "platform-applications/redis-operator.yaml", "applications/.gitkeep"},
			contain: map[string]string{"clusters/prod/redis-operator.yaml": "    name: ops\n", "README.md": "deployed by Flux"},
		},
		"Flux with a list": {
			files: map[string]string{"clusters/prod/flux-system/gotk-sync.yaml": fluxSync, "clusters/prod/kustomization.yaml": "resources: [flux-system]\n"},
			next:  "add redis-operator.yaml to the resources of clusters/prod/kustomization.yaml",
		},
		"Flux and a chart": {
			files:    map[string]string{"clusters/prod/flux-system/gotk-sync.yaml": fluxSync},
			operator: "opstree",
			not:      []string{"platform/redis-operator/kustomization.yaml", "platform-applications/redis-operator.yaml"},
			contain:  map[string]string{"clusters/prod/redis-operator.yaml": "      GenerateConfigInInitContainer: true\n"},
		},
		"no operator": {
			operator: "statefulset",
			want:     []string{"argocd-root.yaml", "platform-applications/.gitkeep"},
			not:      []string{"platform/redis-operator/kustomization.yaml", "platform-applications/redis-operator.yaml"},
			contain:  map[string]string{".redis-gitops.yaml": "\n  name: statefulset\n"},
			next:     "set the URL",
		},
		"a commercial operator": {
			operator: "kubedb",
			want:     []string{"argocd-root.yaml", "generators/resources/redis.yaml"},
			not:      []string{"platform/redis-operator/kustomization.yaml", "platform-applications/redis-operator.yaml"},
			next:     `install the operator "kubedb", which requires a license`,
		},
		"Flux and no operator": {
			files:    map[string]string{"clusters/prod/flux-system/gotk-sync.yaml": fluxSync},
			operator: "statefulset",
			not:      []string{"argocd-root.yaml", "platform-applications/.gitkeep", "clusters/prod/redis-operator.yaml", "platform/redis-operator/kustomization.yaml"},
		},
		"Argo CD and no operator": {
			files:    map[string]string{"argocd/shop.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop, namespace: argocd}\n"},
			operator: "statefulset",
			not:      []string{"argocd-root.yaml", "platform-applications/.gitkeep", "argocd/redis-operator.yaml"},
		},
		"Flux without a root": {
			files: map[string]string{"a/source.yaml": "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: a}\n"},
			not:   []string{"argocd-root.yaml"},
			next:  "add a Flux Kustomization for platform/redis-operator",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := openFiles(t, c.files)
			p := apply(t, r)(PlanInit(t.Context(), r, InitRequest{Operator: c.operator}))
			have := contents(t, r)
			for _, f := range c.want {
				if _, ok := have[f]; !ok {
					t.Errorf("no %s", f)
				}
			}
			for _, f := range c.not {
				if _, ok := have[f]; ok && c.files[f] == "" {
					t.Errorf("there is %s:\n%s", f, have[f])
				}
			}
			for f, text := range c.contain {
				if !strings.Contains(have[f], text) {
					t.Errorf("%s has no %q:\n%s", f, text, have[f])
				}
			}
			next := strings.Join(p.Next, "\n")
			if !strings.Contains(next, c.next) || c.next == "" && strings.Contains(next, "URL") {
				t.Errorf("next: %s", next)
			}
			for f, text := range have {
				if strings.Contains(text, "s3cret") && f != ".git/config" {
					t.Errorf("%s has the password", f)
				}
				if was, ok := c.files[f]; ok && was != text {
					t.Errorf("%s is changed", f)
				}
			}
			conf := config(t, have[cue.ConfigFile])
			again, err := repo.Open(r.Fs(), repo.Options{Layout: repo.Layout(conf.Layout)})
			if err != nil {
				t.Fatal(err)
			}
			installed, err := instance.Installed(t.Context(), again)
			if len(c.files) > 0 && name != "Flux without a root" && c.operator != "statefulset" && (err != nil || len(installed) != 1) {
				t.Errorf("installed: %v, %v", installed, err)
			}
			if p, err := PlanInit(t.Context(), again, InitRequest{Operator: c.operator}); err != nil || p.Changed() {
				t.Errorf("a second init: %v\n%s", err, p.Diff())
			}
		})
	}
}

// TestPublicRemote: credentials never get into a file.
func TestPublicRemote(t *testing.T) {
	for remote, want := range map[string]string{
		"https://github.com/a/b.git":                 "https://github.com/a/b.git",
		"https://s3cret@github.com/a/b":              "https://github.com/a/b",
		"https://a:s3cret@github.com:8443/a/b?x=y":   "https://github.com:8443/a/b",
		"https://a:s3@cret@github.com/a/b":           "https://github.com/a/b",
		"https://a:s3/cret@github.com/a/b":           "",
		"ssh://git@git.example:2222/a/b.git":         "ssh://git@git.example:2222/a/b.git",
		"ssh://git:s3cret@git.example/a/b.git":       "",
		"git@git.example:a/b.git":                    "git@git.example:a/b.git",
		"git:s3cret@git.example:a/b.git":             "",
		"/srv/git/a.git":                             "",
		"../a.git":                                   "",
		"C:/git/a":                                   "C:/git/a", // as git reads it: the host C
		"ext::sh -c x":                               "",
		"":                                           "",
		"https://github.com/a/{{b}}":                 "",
		"https://github.com/a/b\nnamespace: default": "",
	} {
		if got := publicRemote(remote); got != want {
			t.Errorf("%q: %q, want %q", remote, got, want)
		}
	}
	for remote, want := range map[string]string{"https://github.com/a": "github.com", "git@gitlab.com:a/b": "gitlab.com", "ssh://git@a.b:2222/c": "a.b", "": ""} {
		if got := hostOf(remote); got != want {
			t.Errorf("%q: host %q, want %q", remote, got, want)
		}
	}
}
