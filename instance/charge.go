package instance

import (
	"bytes"
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// A Charge is which operator looks after the resources of a repository whose kind several operators have, each with fields and names
// of its own: RedisFailover.
type Charge struct {
	Operator  string // a folder of cue/operator
	Version   string
	Publisher string   // whose build it is, where the repository shows it
	Known     []string // all operators that may run, Operator first
}

// InCharge reports which operator it is: what the configuration names, else what the repository installs, else the default of the
// configuration.
func InCharge(config *cue.Config, installed []Installation, operators []*cue.Operator) Charge {
	c := Charge{Operator: config.Operator.Name, Version: config.Operator.Version}
	named := config.NamesOperator()
	know := func(name string) {
		if !slices.Contains(c.Known, name) {
			c.Known = append(c.Known, name)
		}
	}
	if named {
		know(c.Operator)
	}
	for _, in := range installed {
		if !owns(operators, in.Operator) {
			continue
		}
		if !named && len(c.Known) == 0 {
			c.Operator, c.Version = in.Operator, defaultVersion(operators, in.Operator)
		}
		if in.Operator == c.Operator && c.Publisher == "" {
			c.Publisher = in.Publisher
			if in.Version != "" && !config.Written("operator", "version") {
				c.Version = in.Version
			}
		}
		know(in.Operator)
	}
	if len(c.Known) == 0 {
		know(c.Operator)
		for _, in := range installed {
			for _, name := range in.Perhaps {
				if owns(operators, name) {
					know(name)
				}
			}
		}
	}
	return c
}

func defaultVersion(operators []*cue.Operator, name string) string {
	for _, o := range operators {
		if o.Name == name {
			return o.Versions[0]
		}
	}
	return ""
}

// owns reports whether an operator has a kind that another one has too.
func owns(operators []*cue.Operator, name string) bool {
	i := slices.IndexFunc(operators, func(o *cue.Operator) bool { return o.Name == name })
	return i >= 0 && slices.ContainsFunc(operators[i].Kinds, func(k cue.Kind) bool {
		return slices.ContainsFunc(operators, func(o *cue.Operator) bool { return o.Name != name && o.Owns(k.APIVersion, k.Kind) })
	})
}

// Title is who publishes the operator, for messages.
func (c Charge) Title() string {
	if c.Publisher != "" {
		return c.Publisher
	}
	return c.Operator
}

// Foreign are the fields of such a resource that none of the operators that may run has, and whose they are.
func (c Charge) Foreign(operators []*cue.Operator) map[string]string {
	foreign := map[string]string{}
	for _, o := range operators {
		if !slices.Contains(c.Known, o.Name) {
			maps.Copy(foreign, o.Recognise().Dialect)
		}
	}
	for _, o := range operators {
		if slices.Contains(c.Known, o.Name) {
			for field := range o.Recognise().Dialect {
				delete(foreign, field)
			}
		}
	}
	return foreign
}

// Has reports whether one of the operators that may run adds a field to those of Spotahome's, or one above it.
func (c Charge) Has(operators []*cue.Operator, field []string) bool {
	for _, o := range operators {
		if !slices.Contains(c.Known, o.Name) {
			continue
		}
		for own := range o.Recognise().Dialect {
			if steps := strings.Split(own, "."); len(field) >= len(steps) && slices.Equal(field[:len(steps)], steps) {
				return true
			}
		}
	}
	return false
}

// NeedsGroup returns the label without which the operator of an installation ignores a resource; nil where it needs none.
func (i Installation) NeedsGroup(operators []*cue.Operator) *cue.Group {
	for _, o := range operators {
		if o.Name != i.Operator {
			continue
		}
		group := o.Recognise().Group
		if group == nil || group.Publisher != i.Publisher || releaseNumber.MatchString(i.Raw) && compareVersions(i.Raw, group.Since) < 0 {
			return nil
		}
		return group
	}
	return nil
}

// Installed returns what installs operators in a repository, whatever its configuration says of them.
func Installed(ctx context.Context, r *repo.Repo) ([]Installation, error) {
	operators, err := cue.Operators()
	if err != nil {
		return nil, err
	}
	documents, err := Sources(ctx, r, nil)
	return Installations(documents, operators), err
}

// platform are names of applications that may be no application but what others need.
var platform = lazyregexp.New(`(?i)redis|valkey|kubedb|operator|platform|infra|system|database`)

// Sources returns the documents of a repository that may install an operator: of its YAML files, and what charts make that look as if
// they did. Of the applications it looks at those alone that are named like a platform, so that a command about one application costs
// the same beside a thousand others. read, which may be nil, gives the documents of a file, as [ReadSource] does.
func Sources(ctx context.Context, r *repo.Repo, read func(file string) []Document) ([]Document, error) {
	files, err := r.FilesOutside(func(dir string) bool { return platform.MatchString(path.Base(dir)) })
	if err != nil {
		return nil, err
	}
	if read == nil {
		read = func(file string) []Document { return ReadSource(r, file) }
	}
	charts := map[string]bool{}
	for _, file := range files {
		if path.Base(file) == "Chart.yaml" {
			charts[path.Dir(file)] = true
		}
	}
	var documents []Document
	templates := map[string][]string{}
	for _, file := range files {
		if strings.HasPrefix(file, ".") {
			continue
		}
		dir := path.Dir(file)
		if chart := chartOfTemplate(file, charts); chart != "" {
			templates[chart] = append(templates[chart], file)
			continue
		}
		if charts[dir] && strings.HasPrefix(path.Base(file), "values") {
			continue
		}
		documents = append(documents, read(file)...)
	}
	for _, chart := range slices.Sorted(maps.Keys(templates)) {
		if mayInstall(r, chart, templates[chart]) {
			documents = append(documents, made(ctx, r, chart)...)
		}
	}
	return documents, nil
}

// chartOfTemplate returns the outermost chart that a file is a template of; "" when it is none.
func chartOfTemplate(file string, charts map[string]bool) string {
	found, below := "", false
	for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
		below = below || path.Base(dir) == "templates" && charts[path.Dir(dir)]
		if charts[dir] {
			found = dir
		}
	}
	if below && found == "" && charts["."] {
		return "."
	}
	if !below {
		return ""
	}
	return found
}

var (
	chartKinds    = [][]byte{[]byte("Application"), []byte("HelmRelease"), []byte("HelmChart")} // in all that matches the next one
	chartKind     = lazyregexp.New(`(?m)^\s*kind:\s*["']?(?:Application|ApplicationSet|HelmRelease|HelmChart)\b`)
	runsPods      = lazyregexp.New(`(?m)^\s*kind:\s*["']?(?:Deployment|StatefulSet)\b`)
	namesOperator = lazyregexp.New(`(?i)redis-?operator|redis-enterprise|kubedb`)
	operatorImage = lazyregexp.New(`(?i)/redis-?operator|redislabs/operator|redis-enterprise-operator|kubedb-provisioner`)
)

// deploysCharts reports whether a text has a resource by which charts are deployed. The words come first: the expression takes longer than
// reading the text.
func deploysCharts(src []byte) bool { return hasChartKind(src) && chartKind.Match(src) }

func hasChartKind(src []byte) bool {
	return slices.ContainsFunc(chartKinds, func(kind []byte) bool { return bytes.Contains(src, kind) })
}

// mayInstall reports whether the text of a chart looks as if it installed an operator. Only then it is rendered.
func mayInstall(r *repo.Repo, chart string, templates []string) bool {
	values, _ := r.ReadFile(path.Join(chart, "values.yaml"))
	for _, file := range templates {
		src, err := r.ReadFile(file)
		if err != nil {
			continue
		}
		if deploysCharts(src) && (namesOperator.Match(src) || namesOperator.Match(values)) ||
			runsPods.Match(src) && (operatorImage.Match(src) || operatorImage.Match(values)) {
			return true
		}
	}
	return false
}

// made returns what a chart makes.
func made(ctx context.Context, r *repo.Repo, chart string) []Document {
	targets, _, err := render.TargetsIn(r, chart)
	if err != nil {
		return nil // whoever renders it for itself says what is wrong
	}
	var documents []Document
	for _, t := range targets {
		result, err := render.Render(ctx, r, t, render.Options{})
		if err != nil {
			continue
		}
		namespace := ""
		if t.Deployment != nil {
			namespace = t.Deployment.Namespace
		}
		if slices.ContainsFunc(result.Problems, func(p *finding.Problem) bool { return p.Code != render.CodeSchema && lost(p) }) {
			documents = append(documents, Document{Broken: true, File: path.Join(chart, "Chart.yaml"), Where: chart})
		}
		for _, resource := range result.Resources {
			var object map[string]any
			if resource.Node == nil || resource.Node.Decode(&object) != nil {
				continue
			}
			d := Document{Object: object, Namespace: namespace, File: resource.File, Where: resource.File}
			if _, name := resource.Find("metadata", "name"); name != nil {
				d.Where = resource.Origin(name).Source.String()
			}
			documents = append(documents, d)
		}
	}
	return documents
}

// ReadSource returns the documents of a YAML file that may install an operator, or that say where one comes from.
func ReadSource(r *repo.Repo, file string) []Document {
	src, err := r.ReadFile(file)
	if err != nil || !mayMatter(src) {
		return nil
	}
	docs, err := repo.ParseDocuments(file, src) // what is wrong with it, whoever reads it for itself reports
	var documents []Document
	if err != nil && (namesOperator.Match(src) || operatorImage.Match(src)) && slices.ContainsFunc(finding.All(err), lost) {
		documents = append(documents, Document{Broken: true, File: file, Where: file})
	}
	for _, d := range docs {
		var object map[string]any
		if d.Node == nil || d.Node.Decode(&object) != nil || object == nil {
			continue
		}
		if base := path.Base(file); object["kind"] == nil && strings.HasPrefix(strings.ToLower(base), "kustomization") {
			object["kind"] = "Kustomization"
		}
		if path.Base(file) == "Chart.yaml" {
			delete(object, "kind")
		}
		documents = append(documents, Document{Object: object, File: file, Index: d.Index, Where: d.At(d.Node).String()})
	}
	return documents
}

// lost reports whether a problem of a file means that documents of it are missing.
func lost(p *finding.Problem) bool { return p.Code != repo.CodeDuplicateKey }

// mayMatter reports whether a text names Redis, or is a source of Flux, which may name nothing but a registry.
func mayMatter(src []byte) bool {
	for _, word := range []string{"redis", "Redis", "kubedb", "valkey", "keydb", "dragonfly", "HelmRepository", "OCIRepository", "GitRepository"} {
		if bytes.Contains(src, []byte(word)) {
			return true
		}
	}
	return false
}
