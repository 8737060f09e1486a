package lintcmd

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/redact"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

const renderHelp = `Print the manifests that Argo CD or Flux would apply: charts like helm template
--include-crds, kustomizations like kustomize build, other manifests as they are,
with the release name, namespace and values of each deployment. Without APP and
PATH, the whole repository; - is the manifests on standard input.

Nothing is fetched and no cluster is asked. Values of Secrets, and other values
that are secret, are masked.

--show-origin adds a comment to each line: the values it shows, or else the line
of the template or manifest.

Exit codes: 0 rendered; 2 something could not be rendered, the rest is printed.

Examples:
  redis-gitops render shop
  redis-gitops render shop --show-origin --only redis
  redis-gitops render applications/shop --values values-production.yaml --set redis.replicas=5
  redis-gitops render -o json | jq '.[].documents[].object.kind'`

// onlyRedis in --only stands for the resources of Redis instances, of whatever kind.
const onlyRedis = "redis"

// renderOptions are those of render.
type renderOptions struct {
	*env.Env
	values, set, only []string
	showOrigin        bool
	output            string
}

func newRender(e *env.Env) *cobra.Command {
	o := &renderOptions{Env: e}
	c := &cobra.Command{
		Use:               "render [APP|PATH…]",
		Short:             "Print the manifests that the repository deploys",
		Long:              renderHelp,
		ValidArgsFunction: e.CompleteArgs(e.AppNames),
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c.Context(), args) },
	}
	p := c.Flags()
	p.StringSliceVar(&o.values, "values", nil, "values files on top of those of the deployment, relative to the chart or to the repository; may be repeated")
	p.StringArrayVar(&o.set, "set", nil, "value on top of all files, as KEY=VALUE; may be repeated")
	p.StringSliceVar(&o.only, "only", nil, "only print resources of this kind, or "+onlyRedis+" for those of Redis instances; may be repeated")
	p.BoolVar(&o.showOrigin, "show-origin", false, "add the file and line behind each field")
	flags.AddOutput(c, &o.output, "yaml", "json")
	return c
}

// renderedTarget is what one deployment applies. The names of the fields are those of the JSON.
type renderedTarget struct {
	Directory  string              `json:"directory"`
	Release    string              `json:"release,omitempty"`
	Namespace  string              `json:"namespace,omitempty"`
	DeployedBy string              `json:"deployedBy,omitempty"` // file:line:column
	Documents  []*renderedDocument `json:"documents"`
}

type renderedDocument struct {
	Source  string            `json:"source"`
	Object  any               `json:"object"`
	Origins map[string]string `json:"origins,omitempty"` // places of each field, by its path

	from *render.Document
}

func (o *renderOptions) run(ctx context.Context, args []string) (err error) {
	parameters, err := o.parameters()
	if err != nil {
		return err
	}
	ctx, end := o.LimitReading(ctx)
	defer end()
	defer func() { err = env.StopCause(ctx, err) }()
	var r *env.Repository
	switch stdin := slices.Contains(args, env.Stdin); {
	case stdin && len(args) > 1:
		err = finding.Errorf(finding.Position{File: env.Stdin}, "", "cannot be combined with other arguments; render them separately")
	case stdin:
		r, err = o.OpenStdin()
		args = nil
	default:
		r, err = o.Open(ctx, false)
	}
	if err != nil {
		return err
	}
	defer r.FS.Close()
	targets, problems, err := o.targets(r, args)
	if err != nil {
		return err
	}
	if err := o.addValues(r.Repo, targets, parameters); err != nil {
		return err
	}
	wanted, err := o.wanted(ctx, r)
	if err != nil {
		return err
	}
	all := []*renderedTarget{}
	for _, t := range targets {
		res, err := render.Render(ctx, r.Repo, t, render.Options{})
		if err != nil {
			return err
		}
		for _, n := range res.Notices {
			o.PrintErrf("%s %v\n", o.Paint(ui.Yellow, "note:"), n)
		}
		problems = append(problems, res.Problems...)
		one, err := o.rendered(&t, res, wanted)
		if err != nil {
			return err
		}
		if len(one.Documents) > 0 || len(o.only) == 0 {
			all = append(all, one)
		}
	}
	if err := o.print(all); err != nil {
		return err
	}
	return finding.Problems(problems).Err()
}

// parameters reads --set.
func (o *renderOptions) parameters() ([]repo.Parameter, error) {
	var found []repo.Parameter
	var problems finding.Problems
	for _, text := range o.set {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			problems = append(problems, finding.Errorf(finding.Position{File: "--set"}, "", "%q is not KEY=VALUE", name))
			continue
		}
		found = append(found, repo.Parameter{Name: name, Value: value, At: finding.Position{File: "--set " + name}})
	}
	return found, problems.Err()
}

// targets returns what the arguments name, or everything, and problems of files that deploy.
func (o *renderOptions) targets(r *env.Repository, args []string) ([]render.Target, []*finding.Problem, error) {
	all, problems, err := render.Targets(r.Repo)
	if err != nil || len(args) == 0 {
		return all, problems, err
	}
	var targets []render.Target
	var wrong finding.Problems
	for _, arg := range args {
		dir, err := o.dir(r, arg)
		if err != nil {
			wrong = append(wrong, finding.All(err)...)
			continue
		}
		before := len(targets)
		for _, t := range all {
			if dir == "." || t.Dir == dir || strings.HasPrefix(t.Dir, dir+"/") || strings.HasPrefix(dir, t.Dir+"/") {
				targets = append(targets, t)
			}
		}
		if len(targets) == before {
			wrong = append(wrong, finding.Errorf(finding.Position{File: arg}, "", "has no chart, kustomization or manifest to render"))
		}
	}
	return targets, problems, wrong.Err()
}

// dir returns the directory, in the repository, of an application or path.
func (o *renderOptions) dir(r *env.Repository, arg string) (string, error) {
	if app, err := r.App(arg); err == nil {
		return app.Dir, nil
	} else if !strings.ContainsAny(arg, `/\.`) {
		return "", err
	}
	full := arg
	if !filepath.IsAbs(full) {
		full = filepath.Join(o.Dir, arg)
	}
	full, err := filepath.Abs(full)
	if err != nil {
		return "", err
	}
	for _, name := range []string{full, filepath.Join(r.Dir, arg)} { // from here, or from the root of the repository
		rel, err := filepath.Rel(r.Dir, name)
		if err != nil || !filepath.IsLocal(rel) {
			continue
		}
		rel = filepath.ToSlash(rel)
		if _, err := r.FS.Stat(rel); err == nil {
			return rel, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", finding.Errorf(finding.Position{File: arg}, "", "cannot be read: %v", err)
		}
	}
	return "", finding.Errorf(finding.Position{File: arg}, "", "is not an application, directory or file in the repository")
}

// addValues adds --values and --set to the charts. A file that no chart has is an error.
func (o *renderOptions) addValues(r *repo.Repo, targets []render.Target, parameters []repo.Parameter) error {
	var problems finding.Problems
	for _, name := range o.values {
		found := false
		for i := range targets {
			if file := render.ValuesFile(r, targets[i].Dir, name); file != "" && targets[i].Kind == repo.Chart {
				targets[i].ValueFiles = append(targets[i].ValueFiles, file)
				found = true
			}
		}
		if !found {
			problems = append(problems, finding.Errorf(finding.Position{File: "--values"}, "", "no chart to render has a file %q, and the repository has none", name))
		}
	}
	for i := range targets {
		targets[i].Parameters = parameters
	}
	return problems.Err()
}

// wanted returns what --only selects.
func (o *renderOptions) wanted(ctx context.Context, r *env.Repository) (func(*render.Resource) bool, error) {
	if len(o.only) == 0 {
		return func(*render.Resource) bool { return true }, nil
	}
	kinds, instances := map[string]bool{}, map[string]bool{}
	for _, kind := range o.only {
		kinds[strings.ToLower(kind)] = true
	}
	if kinds[onlyRedis] {
		r, err := instance.Open(ctx, r.Repo, r.Config)
		if err != nil {
			return nil, err
		}
		found, err := r.All(ctx)
		if err != nil {
			return nil, err
		}
		for _, in := range found {
			instances[in.Kind+"/"+in.Name] = true
		}
	}
	return func(r *render.Resource) bool {
		kind, name := field(r, "kind"), field(r, "metadata", "name")
		return kinds[strings.ToLower(kind)] || instances[kind+"/"+name]
	}, nil
}

func field(r *render.Resource, path ...string) string {
	if _, n := r.Find(path...); n != nil {
		return n.Value
	}
	return ""
}

// rendered returns the documents of a target that have a wanted resource.
func (o *renderOptions) rendered(t *render.Target, res *render.Result, wanted func(*render.Resource) bool) (*renderedTarget, error) {
	out := &renderedTarget{Directory: t.Dir, Documents: []*renderedDocument{}}
	if d := t.Deployment; d != nil {
		out.Namespace, out.DeployedBy = d.Namespace, d.Source.String()
		if t.Kind == repo.Chart {
			out.Release = d.ReleaseName
		}
	}
	for _, d := range res.Documents() {
		if !slices.ContainsFunc(d.Resources, wanted) {
			continue
		}
		object, err := d.Object()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.Source, err)
		}
		one := &renderedDocument{Source: d.Source, Object: object, from: d}
		if o.hideData(object) {
			one.from = nil
		}
		if o.showOrigin && o.output == "json" {
			one.Origins = map[string]string{}
			for _, p := range d.Places() {
				places := make([]string, len(p.At))
				for i, at := range p.At {
					places[i] = at.String()
				}
				one.Origins[strings.Join(p.Path, ".")] = strings.Join(places, ", ")
			}
		}
		out.Documents = append(out.Documents, one)
	}
	return out, nil
}

// maskedData is the mask in the form that the data of a Secret has.
var maskedData = base64.StdEncoding.EncodeToString([]byte(redact.Mask))

// hideData masks the data of a Secret, and remembers it as secret. It reports whether the object has any.
func (o *renderOptions) hideData(object any) bool {
	m, _ := object.(map[string]any)
	if items, ok := m["items"].([]any); ok {
		hidden := false
		for _, item := range items {
			hidden = o.hideData(item) || hidden
		}
		return hidden
	}
	o.Secrets.Add(redact.Data(m)...)
	if m["kind"] != "Secret" {
		return false
	}
	hidden := false
	for key, mask := range map[string]string{"data": maskedData, "stringData": redact.Mask} {
		data, _ := m[key].(map[string]any)
		for name := range maps.Keys(data) {
			data[name], hidden = mask, true
		}
	}
	return hidden
}

func (o *renderOptions) print(all []*renderedTarget) error {
	if o.output == "json" {
		return o.JSON(all)
	}
	for _, t := range all {
		if len(t.Documents) == 0 {
			continue
		}
		if t.Documents[0].Source == env.StdinFile {
			o.Printf("# standard input\n")
		} else {
			o.Printf("# %s\n", t.heading())
		}
		for _, d := range t.Documents {
			text, err := d.yaml(o.showOrigin)
			if err != nil {
				return err
			}
			o.Printf("---\n# Source: %s\n", d.Source)
			if _, err := o.Out.Write([]byte(quoteMasks(o.Secrets.Text(string(text))) + "\n")); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *renderedTarget) heading() string {
	text := t.Directory
	if t.Directory == "." {
		text = "the root of the repository"
	}
	if t.DeployedBy == "" {
		return text + ", which nothing in the repository deploys"
	}
	text += ", deployed by " + t.DeployedBy
	if t.Release != "" && t.Release != path.Base(t.Directory) {
		text += " as release " + t.Release
	}
	if t.Namespace != "" {
		text += " to namespace " + t.Namespace
	}
	return text
}

// yaml returns the document as it is rendered; one whose data is masked is written anew.
func (d *renderedDocument) yaml(origins bool) ([]byte, error) {
	switch {
	case d.from == nil:
		return render.Encode(d.Object)
	case origins:
		return d.from.WithPlaces(), nil
	}
	return d.from.Text, nil
}

// bareMask is a mask in the place of a whole plain scalar, which YAML would take for an alias.
var bareMask = lazyregexp.New(`(?m)((?:^|: |- |[,\[{])[ \t]*)` + regexp.QuoteMeta(redact.Mask) + `([ \t]*(?:[,\]}].*|[ \t]#.*)?$)`)

// quoteMasks makes text with masks YAML again.
func quoteMasks(text string) string {
	for {
		quoted := bareMask.ReplaceAllString(text, `${1}"`+redact.Mask+`"${2}`)
		if quoted == text {
			return text
		}
		text = quoted
	}
}
