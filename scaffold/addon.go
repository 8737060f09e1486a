package scaffold

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/repo"
)

// addonsFolder is the folder of the records of addons.
const addonsFolder = "addons"

// AddonRequest asks for an addon of a Redis.
type AddonRequest struct {
	App       string
	Redis     string // what generate calls it, such as redis-cache, or its name in the cluster
	Kind      string // a directory of cue/addon
	Set       map[string]cue.LayerValue
	Clients   bool // point the clients of the application to the URL of the addon
	Conflicts OnConflict
}

// PlanAddon plans an addon of a Redis of an application, whoever wrote that: a template, and its values in values.yaml. A second run
// changes nothing.
func PlanAddon(ctx context.Context, r *repo.Repo, config *cue.Config, req AddonRequest) (*Plan, error) {
	s, err := newAddon(ctx, r, config, req)
	if err != nil {
		return nil, err
	}
	p := &Plan{Command: s.command(), Generator: s.generator.File, URL: s.plan.URL}
	p.Notes = append(append(p.Notes, s.notes...), s.plan.Notes...)
	rec := s.record(p.Command)
	rec.Folder, rec.Operator = addonsFolder, ""
	if err := s.collisions(p); err != nil {
		return nil, err
	}
	if err := s.planTemplate(p, rec); err != nil {
		return nil, err
	}
	if err := s.planValues(ctx, p, rec); err != nil {
		return nil, err
	}
	if err := s.moveClients(p, rec); err != nil {
		return nil, err
	}
	if err := p.checkEffects(ctx, r, s.app, rec, req.Conflicts); err != nil {
		return nil, err
	}
	if err := p.err(); err != nil {
		return p, err
	}
	if err := planRecord(p, r, rec); err != nil {
		return nil, err
	}
	if p.Changed() {
		p.Next = append([]string{reviewAndCommit}, append(s.nextOfClients(rec), s.plan.Next...)...)
	}
	return p, nil
}

// nextOfClients says how clients get to the URL of the addon, if it has one.
func (s *addon) nextOfClients(rec *record) []string {
	switch {
	case s.plan.URL == "":
		return nil
	case rec.Clients != nil:
		return []string{fmt.Sprintf("after the rollout, check that the clients connect to %q", s.plan.URL)}
	}
	way := "redis-gitops " + s.command() + " --clients"
	return []string{fmt.Sprintf("set REDIS_URL of the clients to %q, or let `%s` do it; SENTINEL_URL works as before", s.plan.URL, way)}
}

// addon is a request for one on its way to a plan: a resource whose template is that of an addon.
type addon struct {
	*resource
	kind     *cue.Addon
	redis    string // of the request
	facts    cue.AddonFacts
	plan     cue.AddonPlan
	instance *instance.Instance
	moves    bool // the clients
}

func newAddon(ctx context.Context, r *repo.Repo, config *cue.Config, req AddonRequest) (*addon, error) {
	var problems finding.Problems
	app, err := r.App(req.App)
	if err != nil {
		problems = append(problems, finding.All(err)...)
	}
	kind, err := cue.AddonNamed(req.Kind)
	if err != nil {
		problems = append(problems, finding.All(err)...)
	}
	if err := repo.CheckName("name of a Redis", req.Redis); err != nil {
		problems = append(problems, finding.All(err)...)
	}
	if len(problems) > 0 {
		return nil, problems.Err()
	}
	s := &addon{kind: kind, redis: req.Redis, moves: req.Clients, resource: &resource{repo: r, config: config, app: app, generator: addonGenerator(kind)}}
	s.req = ResourceRequest{App: req.App, Type: kind.Name, Conflicts: req.Conflicts}
	s.name = req.Redis + "-" + kind.Name
	if s.operator, err = cue.OperatorNamed(cue.DefaultOperator()); err != nil { // that a record need not name
		return nil, err
	}
	if s.chart, err = chartName(app); err != nil {
		return nil, err
	}
	if s.dir, err = manifestDir(r, app); err != nil {
		return nil, err
	}
	if s.namespace, _, err = namespaceOf(app, ""); err != nil {
		return nil, err
	}
	if s.facts, s.instance, err = addonFacts(ctx, r, config, app, kind, req.Redis); err != nil {
		return nil, err
	}
	return s, s.prepare(ctx, req.Set)
}

func addonGenerator(kind *cue.Addon) *Generator { return builtInOf(kind.Name, kind.Template()) }

func (s *addon) command() string {
	return "generate addon " + s.app.Name + " " + s.redis + " " + s.kind.Name
}

// prepare computes values and texts.
func (s *addon) prepare(ctx context.Context, set map[string]cue.LayerValue) error {
	key := camelName(s.name)
	layers := []cue.Layer{{Name: "--set", Values: set}}
	values, err := s.kind.Resolve(resourcesKey+"."+key, s.facts, layers)
	if err != nil {
		return err
	}
	given := map[string]any{}
	for _, v := range values {
		given[v.Key] = v.Value
	}
	if s.plan, err = s.kind.Plan(s.facts, given); err != nil {
		return err
	}
	var problems finding.Problems
	for _, refusal := range s.plan.Refusals {
		problems = append(problems, finding.Errorf(finding.Position{}, "", "Redis %q cannot have the addon %s: %s", s.facts.Name, s.kind.Name, refusal).About(CodeRequest, "kind"))
	}
	for _, wrong := range s.plan.Problems {
		problems = append(problems, finding.Errorf(set[wrong.Key].At, resourcesKey+"."+key+"."+wrong.Key, "%s", wrong.Message))
	}
	if err := problems.Err(); err != nil {
		return err
	}
	s.placeholders = addonPlaceholders(s.resource, s.facts, s.plan)
	if s.text, err = s.generator.Expand(s.placeholders); err != nil {
		return err
	}
	if err := s.chooseKey(ctx); err != nil {
		return err
	}
	if s.example, err = parseExample(s.generator.File, s.text); err != nil {
		return err
	}
	s.values = s.example.values(s.key, key)
	if err := s.fill(values); err != nil {
		return err
	}
	return s.render(ctx)
}

// fill writes the values into the example.
func (s *addon) fill(values []cue.Value) error {
	key := s.placeholders["camelName"]
	s.changed = map[string]string{}
	k := s.example.key(s.key)
	if k == nil {
		return nil
	}
	i := slices.IndexFunc(k.entries, func(e entry) bool { return e.key == key })
	if i < 0 {
		return nil
	}
	_, comments := parseOptional(s.text)
	for _, v := range values {
		text := valueText(v.Value)
		if valueText(s.values[v.Key]) == text {
			continue
		}
		if err := k.entries[i].set(v.Key, text, comments[v.Key]); err != nil {
			return fmt.Errorf("embedded addon %s: %s: %w", s.kind.Name, v.Key, err)
		}
		s.changed[v.Key], s.values[v.Key] = text, v.Value
	}
	return s.acceptSecret(&k.entries[i])
}

// acceptSecret suppresses what lint reports about a Secret that exists outside of the repository, as for the Redis that has it too.
func (s *addon) acceptSecret(target *entry) (err error) {
	s.secret, _ = s.values["auth"].(string)
	if s.secret == "" {
		return nil
	}
	s.req.Auth.Method = Existing
	if s.operator, err = cue.OperatorNamed(s.facts.Operator); err != nil {
		return err
	}
	err = s.suppress(target, nil)
	for i := range s.accepts {
		s.accepts[i].Kind = "StatefulSet"
	}
	return err
}

// addonPlaceholders returns the texts for %{…} in the template of an addon. Its record has them.
func addonPlaceholders(s *resource, facts cue.AddonFacts, plan cue.AddonPlan) Placeholders {
	all := Placeholders{
		"application": s.chart, "name": s.name, "camelName": camelName(s.name), "suffix": "", "namespace": cmp.Or(s.namespace, "default"), "resource": facts.Resource,
	}
	maps.Copy(all, plan.Placeholders)
	return all
}

// renewFacts updates what a record of an addon knows of its Redis. If the Redis is not to be found any more, the record stays as it is.
func renewFacts(ctx context.Context, r *repo.Repo, config *cue.Config, app *repo.App, rec *record) error {
	kind, err := cue.AddonNamed(rec.Type)
	if err != nil {
		return err
	}
	facts, _, err := addonFacts(ctx, r, config, app, kind, rec.Placeholders["resource"])
	if err != nil {
		return ctx.Err()
	}
	values, err := kind.Defaults(facts)
	if err != nil {
		return err
	}
	plan, err := kind.Plan(facts, values)
	if err != nil || len(plan.Refusals) > 0 {
		return err
	}
	all := maps.Clone(rec.Placeholders)
	maps.Copy(all, plan.Placeholders)
	rec.Placeholders = all
	return nil
}

// addonFacts reads what an addon may depend on: the Redis that the name means, what its operator makes, and what else the application has.
func addonFacts(ctx context.Context, r *repo.Repo, config *cue.Config, app *repo.App, kind *cue.Addon, name string) (cue.AddonFacts, *instance.Instance, error) {
	var facts cue.AddonFacts
	all, err := instance.Open(ctx, r, config)
	if err != nil {
		return facts, nil, err
	}
	documents, instances, err := all.Application(ctx, app)
	if err != nil {
		return facts, nil, err
	}
	in, err := redisOf(r, app, name, instances)
	if err != nil {
		return facts, nil, err
	}
	operator, err := cue.OperatorNamed(in.Operator)
	if err != nil {
		return facts, nil, err
	}
	installed, err := instance.Installed(ctx, r)
	if err != nil {
		return facts, nil, err
	}
	chart, err := chartName(app)
	if err != nil {
		return facts, nil, err
	}
	facts = cue.AddonFacts{
		Application: app.Name, Chart: chart, Name: in.Name, Resource: name, Namespace: in.Namespace, Operator: in.Operator,
		Without: operator.WithoutAddon(kind.Name), Managed: len(operator.Kinds) > 0, OperatorNamespace: operatorNamespace(config, installed, in.Operator),
		Replicas: in.Replicas, Cluster: in.Cluster, TLS: in.TLS, Auth: addonSecret(in.Auth), Parts: addonParts(in.Parts),
		Peers:  []cue.AddonPart{}, // CUE knows no list that is null
		Mounts: mountsOf(in, documents), Note: operator.AddonNote(kind.Name),
	}
	facts.Source, _ = in.URL() // an addon that needs it says what is missing
	if in.Write != nil {
		facts.Port = in.Write.Port
	}
	if s := in.Sentinel; s != nil {
		namespace := in.Namespace
		if i := slices.IndexFunc(in.Services, func(of instance.Service) bool { return of.Role == instance.Sentinels && of.Name == s.Service }); i >= 0 {
			namespace = in.Services[i].Namespace
		}
		facts.Sentinel = &cue.AddonSentinel{Master: s.Master, Namespace: namespace, Auth: addonSecret(s.Auth)}
		shared := false
		for _, p := range in.Parts {
			if shared = shared || p.Users != nil; p.Users != nil {
				facts.Peers = append(facts.Peers, cue.AddonPart{Name: p.Name, Labels: p.Users})
			}
		}
		for _, other := range instances {
			if !shared && other != in && other.Namespace == in.Namespace && other.Sentinel != nil && other.Sentinel.Service == s.Service {
				facts.Peers = append(facts.Peers, addonParts(slices.DeleteFunc(slices.Clone(other.Parts), func(p instance.Part) bool { return p.Name == "sentinel" }))...)
			}
		}
	}
	facts.Clients, facts.Others = around(r, app, name+"-"+kind.Name, in, instances, documents)
	return facts, in, nil
}

// redisOf returns the Redis that a name means: what generate calls it, or its name in the cluster.
func redisOf(r *repo.Repo, app *repo.App, name string, instances []*instance.Instance) (*instance.Instance, error) {
	rec, err := readRecord(r, app.Name, name)
	if err != nil {
		return nil, err
	}
	for _, in := range instances {
		if rec != nil && rec.Folder == "resources" && len(rec.Files) > 0 && strings.HasPrefix(in.Where, rec.Files[0].Path+":") {
			return in, nil
		}
	}
	for _, in := range instances {
		if in.Named(name) {
			return in, nil
		}
	}
	return nil, finding.Errorf(finding.Position{File: app.Dir}, "", "%v", instance.Unknown("no Redis", name, instances, "application "+quoted(app.Name))).About(CodeRequest, "name")
}

func addonSecret(a *instance.Auth) cue.AddonSecret {
	if a == nil {
		return cue.AddonSecret{}
	}
	return cue.AddonSecret{Secret: a.Secret, Key: a.Key, UsernameKey: a.UsernameKey}
}

func addonParts(parts []instance.Part) []cue.AddonPart {
	out := []cue.AddonPart{}
	for _, p := range parts {
		out = append(out, cue.AddonPart{
			Name: p.Name, Labels: p.Labels, Port: p.Port, Replicas: p.Replicas, API: p.API, MetricsName: p.MetricsName, MetricsPort: p.MetricsPort,
		})
	}
	return out
}
