package scaffold

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/spf13/afero"
	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/repo"
)

// surroundings are what init finds in a repository that exists.
type surroundings struct {
	remote       string              // the URL from which Argo CD can fetch the repository, "" is unknown
	hosts        map[string]bool     // github, gitlab: whose CI it has; both unless one is known
	argo         map[string][]string // namespaces of the Argo CD Applications by directory
	flux         []fluxRoot
	usesFlux     bool
	applications []string // globs of application directories, none in a new repository
	installed    []instance.Installation
	beside       map[string]bool // files of init that belong into a directory that is there
}

// fluxRoot is a directory that Flux deploys as a whole.
type fluxRoot struct {
	dir, namespace, source string
	listed                 bool // a kustomization there lists what is deployed
}

// lookAround reads what decides about the files of init.
func lookAround(ctx context.Context, r *repo.Repo) (*surroundings, error) {
	s := &surroundings{argo: map[string][]string{}, beside: map[string]bool{}, hosts: map[string]bool{"github": true, "gitlab": true}}
	s.remote = remoteURL(r)
	files, err := r.Files(".")
	if err != nil {
		return nil, err
	}
	s.findHost(r)
	docs, err := r.Outside(func(src []byte) bool {
		return strings.Contains(string(src), "argoproj.io") || strings.Contains(string(src), "fluxcd.io")
	})
	if err != nil {
		return nil, err
	}
	for _, doc := range docs {
		s.deployer(r, doc)
	}
	s.findApplications(files)
	s.installed, err = instance.Installed(ctx, r)
	return s, err
}

// deployer notes an object of Argo CD or Flux.
func (s *surroundings) deployer(r *repo.Repo, doc *repo.Document) {
	group, _, _ := strings.Cut(doc.APIVersion(), "/")
	switch {
	case group == "argoproj.io" && (doc.Kind() == "Application" || doc.Kind() == "ApplicationSet"):
		dir := path.Dir(doc.File)
		s.argo[dir] = append(s.argo[dir], doc.Namespace())
	case strings.HasSuffix(group, ".fluxcd.io"):
		s.usesFlux = true
		if doc.Kind() != "Kustomization" || doc.Name() != "flux-system" {
			return
		}
		source, dir := doc.Get("spec", "sourceRef", "name"), doc.Get("spec", "path")
		if source == nil || dir == nil {
			return
		}
		root := fluxRoot{dir: path.Join(".", strings.TrimLeft(dir.Value, "/")), namespace: doc.Namespace(), source: source.Value}
		if root.dir == ".." || strings.HasPrefix(root.dir, "../") || repo.CheckName("namespace", root.namespace) != nil || repo.CheckName("source", root.source) != nil {
			return
		}
		root.listed = kustomizationIn(r, root.dir) != ""
		s.flux = append(s.flux, root)
	}
}

// platformDirs hold what applications need, and no applications.
var platformDirs = []string{"platform", "infrastructure", "infra", "clusters", "components", "overlays", "base", "bases", "flux-system", "generators", "templates", "crds"}

// applicationDirs are the usual names of directories with a directory for each application.
var applicationDirs = []string{"applications", "apps", "services", "workloads", "charts", "helm", "helm-charts"}

// findApplications finds the directories that have a chart or kustomization in each of their own.
func (s *surroundings) findApplications(files []string) {
	for _, f := range files {
		base := path.Base(f)
		if base != "Chart.yaml" && !slices.Contains(kustomizationNames, base) {
			continue
		}
		dir := path.Dir(f)
		if i := strings.Index(dir+"/", "/overlays/"); i > 0 {
			dir = dir[:i]
		}
		dir = strings.TrimSuffix(dir, "/base")
		parent := path.Dir(dir)
		if parent == "." || slices.ContainsFunc(strings.Split(parent, "/"), func(step string) bool { return slices.Contains(platformDirs, step) }) {
			continue
		}
		if !slices.Contains(applicationDirs, path.Base(parent)) || strings.Count(parent, "/") > 2 || slices.Contains(s.applications, parent+"/*") {
			continue
		}
		// charts/ of a chart has its subcharts.
		if path.Base(parent) == "charts" && slices.Contains(files, path.Join(path.Dir(parent), "Chart.yaml")) {
			continue
		}
		s.applications = append(s.applications, parent+"/*")
	}
	slices.Sort(s.applications)
}

// findHost decides whose CI files fit.
func (s *surroundings) findHost(r *repo.Repo) {
	host := strings.ToLower(hostOf(s.remote))
	github, gitlab := strings.Contains(host, "github"), strings.Contains(host, "gitlab")
	if !github && !gitlab {
		github, gitlab = exists(r, ".github/workflows"), exists(r, ".gitlab-ci.yml")
	}
	if github != gitlab {
		s.hosts["github"], s.hosts["gitlab"] = github, gitlab
	}
}

func exists(r *repo.Repo, name string) bool {
	_, err := r.Fs().Stat(name)
	return err == nil
}

var (
	remoteSection = lazyregexp.New(`^\[remote "([^"\\]+)"\]$`)
	remoteKey     = lazyregexp.New(`(?i)^url\s*=\s*"?([^"\s]+)"?$`)
	webRemote     = lazyregexp.New(`^(https?://)(?:[^/@]*@)*([^@?#]+)(?:[?#].*)?$`)
	plainRemote   = lazyregexp.New(`^(?:https?://|git://|ssh://(?:[A-Za-z0-9._-]+@)?)[A-Za-z0-9.-]+(?::[0-9]+)?/[A-Za-z0-9._~%+/-]+$|^(?:[A-Za-z0-9._-]+@)?[A-Za-z0-9.-]+:[A-Za-z0-9._~%+/-]+$`)
)

// maxGitConfig bounds how much of .git/config is read.
const maxGitConfig = 1 << 20

// remoteURL returns the URL of the remote origin, or of the only one, from .git/config, without a user's name and password; "" if there is
// none that others can use.
func remoteURL(r *repo.Repo) string {
	info, err := r.Fs().Stat(".git/config")
	if err != nil || info.IsDir() || info.Size() > maxGitConfig {
		return ""
	}
	src, err := afero.ReadFile(r.Fs(), ".git/config")
	if err != nil {
		return ""
	}
	urls := map[string]string{}
	section := ""
	for _, line := range strings.Split(string(src), "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = ""
			if m := remoteSection.FindStringSubmatch(line); m != nil {
				section = m[1]
			}
		}
		if m := remoteKey.FindStringSubmatch(line); m != nil && section != "" && urls[section] == "" {
			urls[section] = m[1]
		}
	}
	remote, ok := urls["origin"]
	if !ok && len(urls) == 1 {
		remote = urls[sortedKeys(urls)[0]]
	}
	return publicRemote(remote)
}

// publicRemote returns a URL without credentials, "" for what is no URL.
func publicRemote(remote string) string {
	if m := webRemote.FindStringSubmatch(remote); m != nil {
		remote = m[1] + m[2]
	}
	if !plainRemote.MatchString(remote) {
		return ""
	}
	return remote
}

// hostOf returns the host of a remote.
func hostOf(remote string) string {
	if _, rest, ok := strings.Cut(remote, "://"); ok {
		remote = rest
	}
	host, _, _ := strings.Cut(remote, "/")
	host = host[strings.LastIndexByte(host, '@')+1:]
	host, _, _ = strings.Cut(host, ":")
	return host
}

// placeholderURL is that of the repository in the skeleton.
const placeholderURL = "https://git.example.com/your-organisation/devops.git"

// fit changes the files of a new repository so that they suit the one that is there. It returns what is to be done by hand.
func (s *surroundings) fit(p *Plan, files map[string][]byte) (next []string) {
	if !s.hosts["github"] {
		delete(files, ".github/workflows/redis-gitops.yaml")
	}
	if !s.hosts["gitlab"] {
		delete(files, ".gitlab-ci.yml")
	}
	operatorFile := "platform-applications/redis-operator.yaml"
	switch {
	case s.usesFlux && len(s.argo) == 0:
		next = s.fitFlux(p, files)
	case len(s.argo) > 0:
		s.fitArgo(p, files)
	}
	if len(s.installed) > 0 {
		for name := range files {
			if strings.HasPrefix(name, "platform/redis-operator/") || path.Base(name) == path.Base(operatorFile) {
				delete(files, name)
			}
		}
		p.Notes = append(p.Notes, "the operator "+quoted(s.installed[0].Operator)+" is installed already ("+s.installed[0].Where+"), so no other is added")
	}
	if len(s.applications) > 0 {
		s.fitLayout(files)
	}
	if s.remote != "" {
		for name, src := range files {
			files[name] = []byte(strings.ReplaceAll(string(src), placeholderURL, s.remote))
		}
		replaceIn(files, "README.md", "First set the URL of this repository in `argocd-root.yaml` and `platform-applications/*.yaml`, then apply\n`argocd-root.yaml` once manually.", "Apply `argocd-root.yaml` once manually.")
	}
	for _, src := range files {
		if strings.Contains(string(src), placeholderURL) {
			return append(next, "set the URL of this repository in argocd-root.yaml and platform-applications/")
		}
	}
	return next
}

// replaceIn replaces text in one of the files.
func replaceIn(files map[string][]byte, name, old, new string) {
	if src, ok := files[name]; ok {
		files[name] = []byte(strings.Replace(string(src), old, new, 1))
	}
}

// setLayout sets an option of the layout in the configuration.
func setLayout(files map[string][]byte, key, was string, now []string) {
	replaceIn(files, cue.ConfigFile, "\n# layout:\n", "\nlayout:\n")
	replaceIn(files, cue.ConfigFile, "\n#   "+key+": ["+was+"]\n", "\n  "+key+": ["+strings.Join(now, ", ")+"]\n")
}

// fitLayout names the directories of the applications that are there.
func (s *surroundings) fitLayout(files map[string][]byte) {
	if slices.Equal(s.applications, []string{"applications/*"}) {
		return
	}
	delete(files, "applications/.gitkeep")
	setLayout(files, "applications", "applications/*", s.applications)
	replaceIn(files, "argocd-root.yaml", "          - path: applications/*\n", "          - path: "+strings.Join(s.applications, "\n          - path: ")+"\n")
	replaceIn(files, "argocd-root.yaml", "each directory in applications/ as", "each directory in "+strings.Join(s.applications, " and ")+" as")
	replaceIn(files, "README.md", "`applications/`", "`"+strings.TrimSuffix(s.applications[0], "*")+"`")
}

// fitArgo leaves out the root, and puts the Application of the operator beside those that are there.
func (s *surroundings) fitArgo(p *Plan, files map[string][]byte) {
	const own = "platform-applications"
	dir := ""
	for _, d := range sortedKeys(s.argo) {
		if dir == "" || len(s.argo[d]) > len(s.argo[dir]) || d == own {
			dir = d
		}
	}
	if files["argocd-root.yaml"] != nil {
		delete(files, "argocd-root.yaml")
		p.Notes = append(p.Notes, "argocd-root.yaml is skipped: "+dir+" has Argo CD Applications already")
	}
	replaceIn(files, "README.md", "\n\nFirst set the URL of this repository in `argocd-root.yaml` and `platform-applications/*.yaml`, then apply\n`argocd-root.yaml` once manually.", "")
	if namespace := s.argo[dir][0]; namespace != "" && repo.CheckName("namespace", namespace) == nil {
		replaceIn(files, own+"/redis-operator.yaml", "  namespace: argocd\n", "  namespace: "+namespace+"\n")
	}
	if dir == own || dir == "." {
		return
	}
	if files[own+"/redis-operator.yaml"] == nil { // nothing to install
		delete(files, own+"/.gitkeep")
		return
	}
	files[path.Join(dir, "redis-operator.yaml")] = files[own+"/redis-operator.yaml"]
	s.beside[path.Join(dir, "redis-operator.yaml")] = true
	delete(files, own+"/redis-operator.yaml")
	setLayout(files, "platformApplications", own, []string{dir})
	replaceIn(files, "README.md", "`platform-applications/`", "`"+dir+"/`")
}

// fitFlux leaves out what is Argo CD's, and lets Flux deploy the operator.
func (s *surroundings) fitFlux(p *Plan, files map[string][]byte) (next []string) {
	const application = "platform-applications/redis-operator.yaml"
	own := files[application]
	delete(files, application)
	delete(files, "platform-applications/.gitkeep")
	delete(files, "argocd-root.yaml")
	replaceIn(files, "README.md", "deployed by Argo CD", "deployed by Flux")
	replaceIn(files, "README.md", "| `platform-applications/` | the Argo CD Applications of the platform |\n", "")
	replaceIn(files, "README.md", "\n\nFirst set the URL of this repository in `argocd-root.yaml` and `platform-applications/*.yaml`, then apply\n`argocd-root.yaml` once manually.", "")
	p.Notes = append(p.Notes, "the repository uses Flux, so nothing of Argo CD is added")
	if len(s.installed) > 0 || own == nil {
		return nil
	}
	if len(s.flux) == 0 {
		return []string{"add a Flux Kustomization for platform/redis-operator to a cluster"}
	}
	for _, root := range s.flux {
		file := path.Join(root.dir, "redis-operator.yaml")
		text, err := root.operator(own, files["platform/redis-operator/kustomization.yaml"] != nil)
		if err != nil {
			p.Notes = append(p.Notes, err.Error())
			continue
		}
		files[file], s.beside[file] = []byte(text), true
		if root.listed {
			next = append(next, "add redis-operator.yaml to the resources of "+path.Join(root.dir, "kustomization.yaml"))
		}
	}
	return next
}

// operator returns what lets Flux deploy the operator: the kustomization in platform, or the chart that an Argo CD Application names.
func (f fluxRoot) operator(application []byte, kustomization bool) (string, error) {
	if kustomization {
		return fmt.Sprintf(`apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: redis-operator
  namespace: %[1]s
spec:
  interval: 1h
  path: ./platform/redis-operator
  prune: false # pruning the CRD deletes all Redis instances in the cluster
  sourceRef:
    kind: GitRepository
    name: %[2]s
`, f.namespace, f.source), nil
	}
	var doc struct {
		Spec struct {
			Source struct {
				URL     string `yaml:"repoURL"`
				Chart   string `yaml:"chart"`
				Version string `yaml:"targetRevision"`
				Helm    struct {
					Values yaml.Node `yaml:"valuesObject"`
				} `yaml:"helm"`
			} `yaml:"source"`
			Destination struct {
				Namespace string `yaml:"namespace"`
			} `yaml:"destination"`
		} `yaml:"spec"`
	}
	if err := yaml.Unmarshal(application, &doc); err != nil {
		return "", err
	}
	source := doc.Spec.Source
	text := fmt.Sprintf(`apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata:
  name: redis-operator
  namespace: %[1]s
spec:
  interval: 24h
  url: %[2]s
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: redis-operator
  namespace: %[1]s
spec:
  interval: 1h
  releaseName: redis-operator
  targetNamespace: %[5]s
  install:
    createNamespace: true
  chart:
    spec:
      chart: %[3]s
      version: %[4]s
      sourceRef:
        kind: HelmRepository
        name: redis-operator
`, f.namespace, source.URL, source.Chart, source.Version, doc.Spec.Destination.Namespace)
	if source.Helm.Values.Kind == 0 {
		return text, nil
	}
	var b strings.Builder
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(&source.Helm.Values); err != nil {
		return "", err
	}
	return text + "  values:\n    " + strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "\n", "\n    ") + "\n", nil
}
