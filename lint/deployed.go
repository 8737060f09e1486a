package lint

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/repo"
)

const notDeployed = "layout/not-deployed"

// leaks are rules about what is wrong as soon as it is in Git, deployed or not.
var leaks = []string{"auth/secret-in-plain-text", "auth/password-in-url", "auth/password-in-custom-config"}

// divide separates the units that something deploys from those that nothing does. The first stay in l.live and alone take part in rules
// about the repository; of the others one finding each is reported, and what leaks in Git.
func (l *linter) divide() {
	l.live = l.units
	idle := l.idle()
	if len(idle) == 0 {
		return
	}
	l.notDeployed = idle
	slices.SortStableFunc(l.units, func(a, b *unit) int { return order(idle[a.spot()], idle[b.spot()]) })
	l.live = slices.DeleteFunc(slices.Clone(l.units), func(u *unit) bool { return idle[u.spot()] })
	reported := map[string]bool{}
	for _, u := range l.units[len(l.live):] {
		for _, f := range u.findings {
			if !slices.Contains(leaks, f.Rule) {
				l.moot[f] = true
			}
		}
		if !reported[u.spot()] {
			reported[u.spot()] = true
			l.add(l.fileFinding(notDeployed, finding.Errorf(l.front(u), "", "nothing in this repository deploys the %s, so its resources are not checked; deploy it, delete it, or disable this rule if it is deployed from elsewhere", l.what(u))))
		}
	}
}

func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// what names a unit. Beside a kustomization it is only the files that nothing lists.
func (l *linter) what(u *unit) string {
	switch {
	case u.target.Kind == repo.Chart:
		return fmt.Sprintf("chart %q", u.target.Dir)
	case u.target.Kind == repo.Kustomize:
		return fmt.Sprintf("kustomization %q", u.target.Dir)
	case l.kustomization(u.target.Dir) == "":
		return fmt.Sprintf("directory %q", u.target.Dir)
	case len(u.target.Files) == 1:
		return fmt.Sprintf("file %q, which the kustomization beside it does not list", path.Base(u.target.Files[0]))
	}
	return fmt.Sprintf("file %q and %d more, which the kustomization beside them does not list", path.Base(l.front(u).File), len(u.target.Files)-1)
}

// kustomization returns the kustomization file of a directory, "" for none.
func (l *linter) kustomization(dir string) string {
	for _, name := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
		if file := path.Join(dir, name); l.has(file) {
			return file
		}
	}
	return ""
}

// front returns the file of a unit that stands for it.
func (l *linter) front(u *unit) finding.Position {
	at := finding.Position{File: u.target.Dir + "/Chart.yaml", Line: 1, Column: 1}
	switch u.target.Kind {
	case repo.Plain:
		at.File = u.target.Files[0]
		for _, r := range u.resources { // the first that holds one
			if slices.Contains(u.target.Files, r.file) {
				at.File = r.file
				break
			}
		}
	case repo.Kustomize:
		at.File = l.kustomization(u.target.Dir)
	}
	return at
}

// idle returns the directories of units that nothing deploys. There are none unless the repository has something that deploys a
// part of it, and none that may be deployed in a way that the files do not determine.
func (l *linter) idle() map[string]bool {
	if slices.Contains(l.opts.Disable, notDeployed) || l.config.Rules[notDeployed].Severity == string(policy.Off) {
		return nil
	}
	objects, known := l.deployers()
	if !known || len(objects) == 0 {
		return nil
	}
	l.coverage = l.repo.Coverage(objects)
	if !l.coverage.Known() {
		return nil
	}
	deployed := map[string]bool{}
	for _, u := range l.units {
		t := u.target
		if t.Kind == repo.Chart && t.Deployment != nil || u.deploys() || l.coverage.Deploys(t.Dir, l.unitFiles(u)) ||
			u.chart != nil && l.coverage.DeploysChart(u.chart.name) || u.target.Kind == repo.Chart && u.chart == nil {
			deployed[u.spot()] = true
		}
	}
	l.dependencies(deployed)
	idle := map[string]bool{}
	for _, u := range l.units {
		if !deployed[u.spot()] && len(u.resources) > 0 {
			idle[u.spot()] = true
		}
	}
	if len(idle) > 0 {
		l.scripted(idle)
	}
	return idle
}

// unitFiles returns the files by which a unit is in a directory of manifests that is deployed.
func (l *linter) unitFiles(u *unit) []string {
	if u.target.Kind == repo.Plain {
		return u.target.Files
	}
	return []string{l.front(u).File}
}

// otherDeployers are the kinds of objects by which something else than Argo CD and Flux's own controllers deploys from Git.
var otherDeployers = []string{"App", "Bundle", "GitRepo", "PackageInstall", "RepoSync", "RootSync", "Stack", "Subscription", "Terraform"}

// deployers returns the objects that deploy something. It is false when some of them cannot be known.
func (l *linter) deployers() ([]*repo.Document, bool) {
	var objects []*repo.Document
	seen := map[string]bool{}
	for _, file := range l.files {
		if path.Base(file) == "fleet.yaml" {
			return nil, false
		}
	}
	for _, u := range l.units {
		if u.incomplete && l.mentions(u, "argoproj.io/", "toolkit.fluxcd.io/") {
			return nil, false
		}
		for _, r := range u.resources {
			if slices.Contains(otherDeployers, r.Kind) && strings.Contains(r.APIVersion, "/") {
				return nil, false
			}
			if !repo.IsDeployer(r.APIVersion, r.Kind) {
				continue
			}
			plain, err := r.data.plain()
			if err != nil {
				return nil, false
			}
			node := &yaml.Node{}
			if err := node.Encode(plain); err != nil {
				return nil, false
			}
			text := fmt.Sprint(r.file, plain)
			if !seen[text] {
				seen[text] = true
				objects = append(objects, &repo.Document{File: r.file, Node: node})
			}
		}
	}
	return objects, true
}

// mentions reports whether a file below a unit has one of the texts.
func (l *linter) mentions(u *unit, texts ...string) bool {
	return slices.ContainsFunc(l.filesBelow(u.target.Dir), func(file string) bool {
		src, err := l.repo.ReadFile(file)
		return err == nil && slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(string(src), text) })
	})
}

// deploys reports whether a unit has objects of Argo CD or Flux: somebody applies these by hand, to begin with.
func (u *unit) deploys() bool {
	return slices.ContainsFunc(u.resources, func(r resource) bool {
		return strings.Contains(r.APIVersion, ".fluxcd.io/") || strings.HasPrefix(r.APIVersion, "argoproj.io/") && slices.Contains([]string{"AppProject", "Application", "ApplicationSet"}, r.Kind)
	})
}

// dependencies adds the charts that deployed charts depend on by a path, and those that kustomizations inflate.
func (l *linter) dependencies(deployed map[string]bool) {
	uses := map[string][]string{}
	for _, file := range l.files {
		dir := path.Dir(file)
		switch path.Base(file) {
		case "Chart.yaml", "requirements.yaml":
			for _, d := range l.parsed(file) {
				for _, dependency := range items(d, "dependencies") {
					if from, local := strings.CutPrefix(text(dependency, "repository"), "file://"); local {
						uses[dir] = append(uses[dir], path.Join(dir, from))
					}
				}
			}
		case "kustomization.yaml", "kustomization.yml", "Kustomization":
			for _, d := range l.parsed(file) {
				home := text(d, "helmGlobals", "chartHome")
				if home == "" {
					home = "charts"
				}
				for _, chart := range append(items(d, "helmCharts"), items(d, "helmChartInflationGenerator")...) {
					deployed[path.Join(dir, home, text(chart, "name"))] = true
					deployed[path.Join(dir, text(chart, "chartHome"), text(chart, "chartName"))] = true
				}
			}
		}
	}
	var add func(dir string)
	add = func(dir string) {
		for _, used := range uses[dir] {
			if !deployed[used] {
				deployed[used] = true
				add(used)
			}
		}
	}
	for dir := range uses {
		if deployed[dir] {
			add(dir)
		}
	}
}

// parsed returns the documents of a file as plain data.
func (l *linter) parsed(file string) []any {
	docs, _ := l.repo.Documents(file) // what is wrong with it is reported elsewhere
	var out []any
	for _, d := range docs {
		out = append(out, plainData(d.Node))
	}
	return out
}

var (
	scriptName = lazyregexp.New(`(?i)(^|/)(makefile|gnumakefile|justfile|taskfile\.ya?ml|jenkinsfile|tiltfile|earthfile|dockerfile|skaffold[^/]*\.ya?ml|helmfile[^/]*|devspace\.ya?ml|werf\.ya?ml|\.gitlab-ci\.ya?ml|azure-pipelines[^/]*\.ya?ml|bitbucket-pipelines\.yml|cloudbuild[^/]*\.ya?ml)$` +
		`|(^|/)(\.github/workflows|\.gitlab|\.circleci|\.tekton|\.buildkite|helmfile\.d)/|\.(mk|sh|bash|zsh|fish|ps1|bat|tf|tofu|hcl|py|rb|go|js|ts|groovy|jsonnet|libsonnet|nix|gotmpl)$`)
	applies = lazyregexp.New(`(kubectl|\boc|kapp|kpt|argocd|flux|helm|kustomize|tk|werf|skaffold)\b[^\n]*\b(apply|create|replace|deploy|live|sync|upgrade|install|push|package|artifact)\b` +
		`|helm_release|helmfile|kubernetes_manifest|kubectl_manifest|kustomization_resource|k8s_yaml|chart-releaser|skaffold/v|releases:|new Chart\(|Release\(|ConfigFile\(`)
)

// scripted takes out the directories that a script, a pipeline or a program of the repository may deploy.
func (l *linter) scripted(idle map[string]bool) {
	named := map[string]*regexp.Regexp{}
	for spot := range idle {
		named[spot] = naming(strings.TrimSuffix(spot, looseFiles))
	}
	for _, file := range l.files {
		if len(named) == 0 {
			return
		}
		if !scriptName.MatchString(file) {
			continue
		}
		src, err := l.repo.ReadFile(file)
		if err != nil || !applies.Match(src) {
			continue
		}
		for spot, re := range named {
			if re.Match(src) {
				delete(named, spot)
				delete(idle, spot)
			}
		}
	}
}

// naming returns a pattern of texts that name a directory: whole, from the one around it, or by all that is in one around it.
func naming(dir string) *regexp.Regexp {
	alternatives := []string{regexp.QuoteMeta("/" + path.Base(dir)), `(^|[^\w-])` + regexp.QuoteMeta(dir)}
	for d := path.Dir(dir); d != "."; d = path.Dir(d) {
		alternatives = append(alternatives, `(^|[^\w-])`+regexp.QuoteMeta(d))
	}
	return regexp.MustCompile(`(?m)(` + strings.Join(alternatives, "|") + `)(/?([^\w./-]|$)|/(Chart|values|kustomization)[\w.-]*\.ya?ml)`)
}

// dropMoot takes out what is about units that nothing deploys.
func (l *linter) dropMoot() {
	if len(l.notDeployed) == 0 {
		return
	}
	l.findings = slices.DeleteFunc(l.findings, func(f *finding.Finding) bool {
		if l.moot[f] {
			return true
		}
		return f.Rule != notDeployed && !strings.HasPrefix(f.Rule, "suppression/") && !slices.Contains(leaks, f.Rule) && l.rules.all[f.Rule] != nil && !l.rules.all[f.Rule].User && l.idleFile(f.File)
	})
}

// checkLeaks applies the rules about what is in Git to the units that nothing deploys.
func (l *linter) checkLeaks(ctx context.Context) error {
	if len(l.notDeployed) == 0 || !slices.ContainsFunc(leaks, l.rules.on) {
		return nil
	}
	live, before := l.live, 0
	for _, u := range live {
		before += len(u.resources)
	}
	l.live = l.units[len(live):]
	value, err := l.repository()
	l.live = live
	if err != nil {
		return err
	}
	violations, err := l.evaluator.Repository(ctx, value)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return nil // the same failure has been reported for the rest of the repository
	}
	var found []UserViolation
	for _, v := range violations {
		if !slices.Contains(leaks, v.Rule) {
			continue
		}
		if v.Resource >= 0 {
			v.Resource += before
		}
		v.Related = nil
		found = append(found, UserViolation{-1, v})
	}
	return l.locate(ctx, found)
}

// aboutIdle reports whether a suppression is about files of units that nothing deploys.
func (l *linter) aboutIdle(s *suppression) bool {
	if s.Kind != "config" {
		return l.idleFile(s.File)
	}
	return s.glob != "" && len(l.notDeployed) > 0 && slices.ContainsFunc(l.files, func(f string) bool { return matchGlob(s.glob, f) && l.idleFile(f) })
}
