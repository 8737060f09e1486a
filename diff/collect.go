package diff

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// Collected is what two sides render where they can differ.
type Collected struct {
	Old, New *Side
	Problems []*finding.Problem // of the new side
	Before   []*finding.Problem // of the old side, without those that the new one has too
	Notices  []*finding.Problem
}

// Collect renders both sides of what changed files have a part in: nothing else is read.
func Collect(ctx context.Context, old, new Source, changed []string, config *cue.Config) (*Collected, error) {
	s, err := touched(old, new, changed)
	if err != nil {
		return nil, err
	}
	out := &Collected{Old: &Side{}, New: &Side{}}
	installed, err := instance.Installed(ctx, new.Repo)
	if err != nil {
		return nil, err
	}
	before := installed
	if slices.ContainsFunc(changed, func(name string) bool { return mayInstall(new.Repo, old.Repo, name) }) {
		if before, err = instance.Installed(ctx, old.Repo); err != nil {
			return nil, err
		}
	}
	parsed := render.Parsed{First: true}
	out.Old.install(config, before)
	out.New.install(config, installed)
	places := slices.SortedFunc(keys(s.found), func(a, b place) int { return cmp.Or(strings.Compare(a.dir, b.dir), int(a.kind)-int(b.kind)) })
	for _, p := range places {
		var targets [2][]render.Target
		for i := range targets {
			if targets[i], err = s.targets(i, p); err != nil {
				return nil, err
			}
		}
		if deployed(targets[0]) != deployed(targets[1]) { // nothing deploys it on one side, so that it is not there
			for i := range targets {
				if !deployed(targets[i]) {
					targets[i] = nil
				}
			}
		}
		if p.kind == repo.Kustomize && s.isBase(p.dir) {
			continue
		}
		var problems [2]finding.Problems
		from := [2]int{len(out.Old.Resources), len(out.New.Resources)}
		for i, side := range []*Side{out.Old, out.New} {
			for _, t := range targets[i] {
				result, err := render.Render(ctx, s.sides[i].Repo, t, render.Options{Parsed: &parsed})
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				if err != nil {
					problems[i] = append(problems[i], finding.All(err)...)
					continue
				}
				result.AddReleases(s.sides[i].Repo, t, cue.ChartValues)
				problems[i] = append(problems[i], result.Problems...)
				if i == 1 {
					out.Notices = append(out.Notices, result.Notices...)
				}
				side.Resources = append(side.Resources, s.resources(i, t, result)...)
			}
		}
		for i, side := range []*Side{out.Old, out.New} {
			for k := from[i]; k < len(side.Resources); k++ {
				side.Resources[k].Unsure = slices.ContainsFunc(problems[1-i], func(p *finding.Problem) bool { return render.LeavesOut(p.Code) })
			}
		}
		out.Problems = append(out.Problems, problems[1]...)
		for _, p := range problems[0] {
			if !slices.ContainsFunc(problems[1], p.Same) {
				p.Message = "before the change: " + p.Message
				out.Before = append(out.Before, p)
			}
		}
	}
	return out, nil
}

// Manifests is the one file of a stream as a side.
func Manifests(ctx context.Context, r *repo.Repo, file string, config *cue.Config) (*Side, error) {
	side := &Side{Partial: true}
	installed, err := instance.Installed(ctx, r)
	if err != nil {
		return nil, err
	}
	side.install(config, installed)
	t := render.Target{Dir: ".", Kind: repo.Plain, Files: []string{file}}
	result, err := render.Render(ctx, r, t, render.Options{})
	if err != nil {
		return nil, err
	}
	result.AddReleases(r, t, cue.ChartValues)
	s := &search{sides: [2]Source{{Repo: r}, {Repo: r}}}
	side.Resources = s.resources(1, t, result)
	return side, result.Problems.Err()
}

// Everything renders a whole repository, to compare it with a stream.
func Everything(ctx context.Context, r *repo.Repo, config *cue.Config) (*Side, []*finding.Problem, error) {
	side := &Side{}
	installed, err := instance.Installed(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	side.install(config, installed)
	targets, problems, err := render.Targets(r)
	if err != nil {
		return nil, nil, err
	}
	s := &search{sides: [2]Source{{Repo: r}, {Repo: r}}}
	var parsed render.Parsed
	for _, t := range targets {
		result, err := render.Render(ctx, r, t, render.Options{Parsed: &parsed})
		if err != nil {
			return nil, nil, err
		}
		result.AddReleases(r, t, cue.ChartValues)
		problems = append(problems, result.Problems...)
		side.Resources = append(side.Resources, s.resources(1, t, result)...)
	}
	return side, problems, nil
}

func (side *Side) install(config *cue.Config, installed []instance.Installation) {
	side.Installed = installed
	side.Options.Fallback = config.Operator.Name
	if config.NamesOperator() {
		side.Options.Operator, side.Options.Version = config.Operator.Name, config.Operator.Version
		return
	}
	side.Options.Found = instance.RunningOf(installed)
}

// operatorNamed is in the names of files that install operators.
var operatorNamed = lazyregexp.New(`(?i)operator|platform|system|infra|cluster`)

// mayInstall reports whether a changed file can be one that installs an operator.
func mayInstall(new, old *repo.Repo, name string) bool {
	return operatorNamed.MatchString(name) || new.AppName(path.Dir(name)) == "" && old.AppName(path.Dir(name)) == ""
}

func deployed(targets []render.Target) bool {
	return slices.ContainsFunc(targets, func(t render.Target) bool { return t.Deployment != nil })
}

// isBase reports whether another kustomization takes in a directory, which is rendered there.
func (s *search) isBase(dir string) bool {
	if slices.ContainsFunc([]int{0, 1}, func(i int) bool {
		targets, err := s.targets(i, place{dir, repo.Kustomize})
		return err == nil && deployed(targets)
	}) {
		return false
	}
	if s.bases == nil {
		s.bases = map[string]bool{}
		for p := range s.found {
			for i, side := range s.sides {
				if file := s.kustomizationIn(i, p.dir); p.kind == repo.Kustomize && file != "" {
					for _, use := range render.Uses(side.Repo, file) {
						s.bases[use] = s.bases[use] || use != p.dir
					}
				}
			}
		}
	}
	return s.bases[dir]
}

// resources are those of a target.
func (s *search) resources(i int, t render.Target, result *render.Result) []Resource {
	r := s.sides[i].Repo
	application, namespace := path.Base(t.Dir), ""
	if d := t.Deployment; d != nil {
		namespace = d.Namespace
		application = cmp.Or(d.Name, application)
	}
	if app := r.AppOf(t.Dir); app != nil {
		application = app.Name
		if namespace == "" {
			namespace, _, _ = app.Namespace() // of several the first
		}
	}
	by := s.deployerOf(i, t.Deployment)
	var out []Resource
	for _, res := range result.Resources {
		var object map[string]any
		if res.Node.Decode(&object) != nil || object == nil {
			continue
		}
		by := by
		if installer := res.Installer(); installer != nil {
			by = s.installerOf(i, installer, object, by)
		}
		out = append(out, Resource{Object: object, Application: application, Namespace: namespace, Deployer: by, At: func(path []string) Span { return span(result.Chart, res, path) }})
	}
	return out
}

// span is where a field of a rendered resource is set: in a values file if the line of the template reads one, else in the template or
// manifest, its value or the key of more than one line.
func span(chart *render.Chart, res *render.Resource, path []string) Span {
	key, value := res.Find(path...)
	if len(path) == 0 {
		if _, name := res.Find("metadata", "name"); name != nil {
			value = name
		}
	} else if value != nil {
		o := res.Origin(value)
		for _, v := range o.Values {
			switch {
			case v.At.File == "", value.Kind != yaml.ScalarNode && !o.Passed: // else a mapping begins with a line that reads a value
			case value.Kind != yaml.ScalarNode && v.Key.File != "":
				return upTo(v.Key, len(v.Path[len(v.Path)-1]), v.Path)
			default:
				return upTo(v.At, valueWidth(chart, v.Path, value), v.Path)
			}
		}
	}
	node := value
	if value == nil || value.Kind != yaml.ScalarNode && key != nil {
		node = key
	}
	if node == nil {
		return Span{}
	}
	o := res.Origin(node)
	return Span{Position: o.Source, EndLine: o.EndLine, EndColumn: o.EndColumn}
}

// upTo is a part of a line, of a number of characters, with the value there.
func upTo(at finding.Position, width int, value []string) Span {
	return Span{at, at.Line, at.Column + max(1, width), value}
}

// valueWidth is how many characters a value of a chart has in its first line; one that is not found is what is rendered of it.
func valueWidth(chart *render.Chart, path []string, rendered *yaml.Node) int {
	node := rendered
	if chart != nil && chart.Values != nil {
		if set := repo.Lookup(chart.Values, path...); set != nil {
			node = set
		}
	}
	if node.Kind != yaml.ScalarNode {
		return 1
	}
	first, _, more := strings.Cut(node.Value, "\n")
	switch width := utf8.RuneCountInString(first); {
	case more:
		return 1 // of a block, which begins on the next line
	case node.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		return width + 2
	default:
		return width
	}
}

// deployerOf reads the object that deploys a target, and whether the new side has none of its name.
func (s *search) deployerOf(i int, d *repo.Deployment) *Deployer {
	if d == nil {
		return nil
	}
	at := d.Source
	docs := s.documents(i, at.File)
	for k := len(docs) - 1; k >= 0; k-- {
		doc := docs[k]
		if doc.Node.Line > at.Line {
			continue
		}
		var object map[string]any
		if doc.Node.Decode(&object) != nil {
			return nil
		}
		by := &Deployer{Object: object, At: finding.Position{File: at.File, Line: doc.Node.Line}}
		if i == 0 {
			by.Gone = !s.has(1, at.File, doc.Kind(), instance.Text(cue.At(object, "metadata", "name")), d)
		}
		return by
	}
	return nil
}

// installerOf reads the object that installs a release, which by deploys, and whether the new side no longer has it, or its ApplicationSet no
// longer makes the release.
func (s *search) installerOf(i int, installer *render.Resource, release map[string]any, by *Deployer) *Deployer {
	var object map[string]any
	if installer.Node.Decode(&object) != nil {
		return by
	}
	d := &Deployer{Object: object, By: by, At: finding.Position{File: installer.File}}
	if _, name := installer.Find("metadata", "name"); name != nil {
		d.At = installer.Origin(name).Source
	}
	if i > 0 {
		return d
	}
	kind, name := instance.Text(object["kind"]), instance.Text(cue.At(object, "metadata", "name"))
	d.Gone = true
	for _, doc := range s.documents(1, installer.File) {
		if doc.Kind() != kind || doc.Name() != name {
			continue
		}
		d.Gone = kind == "ApplicationSet" && !slices.ContainsFunc(s.sides[1].Repo.Charts(doc), func(c repo.Release) bool {
			return c.ReleaseName == instance.Text(cue.At(release, "metadata", "release"))
		})
	}
	return d
}

// has reports whether a side still has a deployer, or its ApplicationSet still makes the Application.
func (s *search) has(i int, file, kind, name string, d *repo.Deployment) bool {
	if s.deploy == nil {
		s.deploy = map[string]bool{}
		for f := range s.deployers {
			s.deploying(i, f)
		}
	}
	if s.files[i][file] && !s.deployers[file] {
		s.deploying(i, file)
	}
	if !s.deploy[kind+"/"+name] {
		return false
	}
	if kind != "ApplicationSet" {
		return true
	}
	deployments, err := s.sides[i].Repo.DeploymentsOf(d.Path)
	return err == nil && slices.ContainsFunc(deployments, func(other repo.Deployment) bool { return other.Name == d.Name })
}

// deploying notes what a file deploys with.
func (s *search) deploying(i int, file string) {
	if !s.files[i][file] {
		return
	}
	for _, doc := range s.documents(i, file) {
		if name := doc.Get("metadata", "name"); name != nil {
			s.deploy[doc.Kind()+"/"+name.Value] = true
		}
	}
}
