package scaffold

import (
	"context"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/repo/yamledit"
)

// cloudflaredConfig is where Reclaim the Stack routes host names to applications.
const cloudflaredConfig = "platform/cloudflared/config.yaml"

// DeploymentRequest asks for a deployment of an application.
type DeploymentRequest struct {
	App       string
	Type      string // a generator in generators/deployments: web, sidekiq
	Name      string // "" is the type
	Image     string // "" is <application>:latest
	Hostname  string // with it, a web deployment gets a rule in cloudflared's configuration, where there is one
	Conflicts OnConflict
}

// PlanDeployment plans a deployment from the repository's own generator.
func PlanDeployment(ctx context.Context, r *repo.Repo, req DeploymentRequest) (*Plan, error) {
	app, err := r.App(req.App)
	if err != nil {
		return nil, err
	}
	if app.Kind != repo.Chart {
		return nil, finding.Errorf(finding.Position{File: app.Dir}, "", "is not a chart, which deployment generators require; write the Deployment manually")
	}
	chart, err := chartName(app)
	if err != nil {
		return nil, err
	}
	g, err := generator(r, "deployments", req.Type, func(string) []byte { return nil }, nil)
	if err != nil {
		return nil, err
	}
	name := req.Name
	if name == "" {
		name = req.Type
	}
	if err := repo.CheckName("deployment name", name); err != nil {
		return nil, err
	}
	image := req.Image
	if image == "" {
		image = chart + ":latest"
	}
	values := Placeholders{"application": chart, "name": name, "camelName": camelName(name), "image": image}
	text, err := g.Expand(values)
	if err != nil {
		return nil, err
	}
	ex, err := parseExample(g.File, text)
	if err != nil {
		return nil, err
	}
	p := &Plan{Command: "generate deployment " + app.Name + " " + req.Type, Generator: g.File}
	recordName := "deployment-" + name
	rec := &record{
		Version: 1, Command: p.Command, Application: app.Name, Folder: "deployments", Type: req.Type, Name: recordName,
		Generator: g.File, Placeholders: values,
	}
	if err := sameKeyIn(r, rec); err != nil {
		return nil, err
	}
	if err := p.create(r, rec, app.Path("templates", recordName+".yaml"), text, req.Conflicts, recordName, app.Name); err != nil {
		return nil, err
	}
	edits, err := p.merge(r, app.Path("values.yaml"), ex, req.Conflicts)
	if err != nil {
		return nil, err
	}
	rec.Edits = append(rec.Edits, edits...)
	if err := adoptFound(p, r, rec, app.Path("values.yaml"), ex); err != nil {
		return nil, err
	}
	if err := p.checkEffects(ctx, r, app, rec, req.Conflicts); err != nil {
		return nil, err
	}
	if req.Hostname != "" {
		if err := planIngress(p, r, rec, req.Hostname, "http://"+chart+"-"+name); err != nil {
			return nil, err
		}
	}
	p.noteImage(r, app, req.Image)
	if err := p.err(); err != nil {
		return p, err
	}
	if err := planRecord(p, r, rec); err != nil {
		return nil, err
	}
	if p.Changed() {
		p.Next = []string{reviewAndCommit}
		if req.Image == "" {
			p.Next = append(p.Next, "set image in "+app.Path("values.yaml"))
		}
	}
	return p, nil
}

// noteImage reports that the image that was asked for is not the one that values.yaml has already, for all deployments.
func (p *Plan) noteImage(r *repo.Repo, app *repo.App, asked string) {
	file := app.Path("values.yaml")
	_, src, err := p.current(r, file)
	if err != nil || asked == "" {
		return // the plan for the values has reported it
	}
	if have, at := lookup(file, src, "image"); have != nil && have != any(asked) {
		p.Notes = append(p.Notes, at.String()+": image is kept, so "+asked+" has no effect; change it there for all deployments of the chart")
	}
}

// planIngress puts a host name in front of cloudflared's rules: the last rule is the one for everything else.
func planIngress(p *Plan, r *repo.Repo, rec *record, hostname, service string) error {
	old, src, err := p.current(r, cloudflaredConfig)
	if err != nil {
		return err
	}
	if src == nil {
		return finding.Errorf(finding.Position{}, "", "%s does not exist, so a host name has no effect; remove it", cloudflaredConfig).About(CodeRequest, "hostname")
	}
	rules, at := lookup(cloudflaredConfig, src, "ingress")
	for _, rule := range asList(rules) {
		m, _ := rule.(map[string]any)
		if m["hostname"] != hostname {
			continue
		}
		if m["service"] != service {
			p.conflict(at, "ingress", "hostname "+hostname+" is already routed to another service", "", "", "")
		}
		return nil
	}
	text := "- hostname: " + valueText(hostname) + "\n  service: " + valueText(service) + "\n"
	out, e, err := yamledit.PrependItems(src, []string{"ingress"}, yamledit.Entry(text))
	m := &merger{plan: p, file: cloudflaredConfig, src: src}
	if err != nil {
		return m.problem([]string{"ingress"}, text, err)
	}
	p.write(cloudflaredConfig, old, out)
	m.record([]string{"ingress"}, []string{hostname}, text, e)
	rec.Edits = append(rec.Edits, m.edits...)
	return nil
}

// GeneratorTypes lists what `generate resource` or `generate deployment` can make, by folder (resources or deployments).
func GeneratorTypes(r *repo.Repo, folder string, builtIn []string) ([]string, error) {
	types, err := generatorTypes(r, folder)
	if err != nil {
		return nil, err
	}
	for _, t := range builtIn {
		if !strings.Contains(" "+strings.Join(types, " ")+" ", " "+t+" ") {
			types = append(types, t)
		}
	}
	return types, nil
}
