package scaffold

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/repo/yamledit"
)

// ResourceRequest asks for a resource of an application. The zero value of a field is its default.
type ResourceRequest struct {
	App       string
	Type      string // "" is redis; cluster if the operator has it
	Suffix    string // "" or "cache" or "-cache"
	Operator  string // "" is the configuration's
	Profile   string // "" is the configuration's, and then the generator's own values
	Size      string // "" or the name of a size such as dev
	Engine    string // redis or valkey; "" is the configuration's, and then that of the generator
	Set       map[string]cue.LayerValue
	Auth      Auth
	Namespace string            // "" is where Argo CD or Flux deploys the application
	Env       map[string]string // other names for env entries: REDIS_URL to CACHE_URL
	Conflicts OnConflict
}

// Deps are what a plan needs from outside: randomness and the time.
type Deps struct {
	Random io.Reader
	Now    time.Time
}

// PlanResource plans a resource: its template from the repository's generator or the built-in one, and its values and env
// entries in values.yaml. What stands there already with the same content stays, so that a second run changes nothing.
func PlanResource(ctx context.Context, r *repo.Repo, config *cue.Config, deps Deps, req ResourceRequest) (*Plan, error) {
	s, err := newResource(ctx, r, config, req)
	if err != nil {
		return nil, err
	}
	if err := s.rotating(); err != nil {
		return nil, err
	}
	p := &Plan{Command: s.command(), Generator: s.generator.File}
	if err := s.prepare(ctx, deps); err != nil {
		return nil, err
	}
	p.Notes = append(p.Notes, s.notes...)
	rec := s.record(p.Command)
	if err := s.collisions(p); err != nil {
		return nil, err
	}
	if err := s.planTemplate(p, rec); err != nil {
		return nil, err
	}
	if err := s.planAuth(p, rec, deps); err != nil {
		return nil, err
	}
	if err := s.planValues(ctx, p, rec); err != nil {
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
	return p, s.next(p)
}

// CodeRequest is a problem with a request; Subject is the flag that it is about, without dashes.
const CodeRequest finding.Code = "request"

// resource is a request on its way to a plan.
type resource struct {
	repo   *repo.Repo
	config *cue.Config
	req    ResourceRequest

	app       *repo.App
	chart     string
	operator  *cue.Operator
	generator *Generator
	suffix    string // with its dash
	name      string // type and suffix
	namespace string // "" is unknown, or several
	assumed   bool   // only an earlier run has assumed it
	local     bool   // hosts name no namespace, because each of several deployments has its own
	dir       string // where its manifests go

	placeholders Placeholders
	key          string // of values.yaml: resources, unless the chart reads the whole of that
	notes        []string
	text         string // the expanded generator
	manifest     string // what is written: text, or what it renders to outside of a chart
	example      example
	values       map[string]any    // of resources.<camelName>
	changed      map[string]string // what differs from the generator's example
	accepts      []recordAccepts   // rules that the manifest suppresses
	secret       string            // the Secret with the password, or ""
	authPath     string            // the file of its manifest; "" is the usual one
	names        cue.Names         // of the operator's resource
	kinds        *regexp.Regexp    // matches a resource of the operator
	kind         string            // of the operator's resource that the generator creates, "" if it creates none
	redis        bool              // the generator creates a resource of the operator

	installed         []instance.Installation // operators that the repository installs
	operatorNamespace string                  // "" is unknown

	readFormer func() (*record, error)   // of former
	readAll    func() ([]*record, error) // of all
}

func newResource(ctx context.Context, r *repo.Repo, config *cue.Config, req ResourceRequest) (*resource, error) {
	if req.Type == "" {
		req.Type = cue.DefaultType
	}
	s := &resource{repo: r, config: config, req: req}
	var problems finding.Problems
	var err error
	if s.app, err = r.App(req.App); err != nil {
		problems = append(problems, finding.All(err)...)
	}
	if s.suffix, err = cleanSuffix(req.Suffix); err != nil {
		problems = append(problems, finding.All(err)...)
	}
	name := req.Operator
	if name == "" {
		name = config.Operator.Name
	}
	if s.operator, err = generatable(name); err != nil {
		problems = append(problems, finding.All(err)...)
		return nil, problems.Err()
	}
	var note string
	if s.generator, note, err = resourceGenerator(r, req.Type, s.operator, req.Operator != "" || config.NamesOperator()); err != nil {
		problems = append(problems, finding.All(err)...)
	}
	if len(problems) > 0 {
		return nil, problems.Err()
	}
	if note != "" {
		s.notes = append(s.notes, note)
	}
	s.operator = s.operator.Of(req.Type)
	s.name = req.Type + s.suffix
	s.kinds = kindsOf(s.operator)
	if m := s.kinds.FindStringSubmatch(s.generator.Text); m != nil {
		s.kind, s.redis = m[1], true
	}
	if s.chart, err = chartName(s.app); err != nil {
		return nil, err
	}
	if s.dir, err = manifestDir(r, s.app); err != nil {
		return nil, err
	}
	if err := s.findNamespace(); err != nil {
		return nil, err
	}
	if s.redis {
		if s.installed, err = instance.Installed(ctx, r); err != nil {
			return nil, err
		}
		s.operatorNamespace = operatorNamespace(config, s.installed, s.operator.Name)
	}
	return s, nil
}

// chartName returns the name from which a chart's templates build names; it may differ from the directory's.
func chartName(app *repo.App) (string, error) {
	if app.Kind != repo.Chart {
		return app.Name, nil
	}
	name, err := app.ChartName()
	if err != nil {
		return "", err
	}
	if err := repo.CheckName("chart name", name); err != nil {
		return "", finding.Errorf(finding.Position{File: app.Path("Chart.yaml")}, "name", "%v", err)
	}
	return name, nil
}

// findNamespace settles the namespace that URLs name. With several deployments in different namespaces they name none: a host without one
// resolves in the namespace of the pod.
func (s *resource) findNamespace() error {
	namespace, several, err := namespaceOf(s.app, s.req.Namespace)
	if err != nil {
		return err
	}
	s.namespace = namespace
	if namespace == "default" && s.req.Namespace == "" {
		_, at, _ := s.app.Namespace()
		s.assumed = strings.HasPrefix(at.File, recordFolder+"/")
	}
	switch {
	case several != nil && s.req.Namespace == "":
		s.namespace, s.local = "", true
		s.notes = append(s.notes, several.fault()+"; the URLs contain no namespace, so they resolve in the namespace of each pod")
	case namespace == "":
		s.notes = append(s.notes, "the namespace of "+quoted(s.app.Name)+" is not known from the repository, so the URLs assume \"default\"; set the namespace if it is another one")
	}
	return nil
}

// namespaceOf returns the namespace of an application, the first one and all of them in several if there are more.
func namespaceOf(app *repo.App, asked string) (namespace string, several *severalNamespaces, err error) {
	if asked != "" {
		return asked, nil, repo.CheckName("namespace", asked)
	}
	namespaces, err := app.Namespaces()
	switch {
	case err != nil || len(namespaces) == 0:
		return "", nil, err
	case len(namespaces) > 1:
		several = &severalNamespaces{app.Name, namespaces}
	}
	return namespaces[0], several, nil
}

// severalNamespaces are those of the deployments of an application.
type severalNamespaces struct {
	app        string
	namespaces []string
}

// fault describes them.
func (n *severalNamespaces) fault() string {
	return fmt.Sprintf("application %q is deployed to %d namespaces (%s)", n.app, len(n.namespaces), strings.Join(n.namespaces, ", "))
}

func (s *resource) command() string {
	c := "generate resource " + s.app.Name + " " + s.req.Type
	if s.operator.Name != s.config.Operator.Name {
		c += " --operator " + s.operator.Name
	}
	if s.suffix != "" {
		c += " --suffix " + strings.TrimPrefix(s.suffix, "-")
	}
	return c
}

// prepare computes names, values and texts. All problems come at once.
func (s *resource) prepare(ctx context.Context, deps Deps) error {
	var problems finding.Problems
	collect := func(err error) { problems = append(problems, finding.All(err)...) }

	s.placeholders = Placeholders{
		"application": s.chart, "name": s.name, "camelName": camelName(s.name), "suffix": s.suffix, "namespace": s.namespace,
	}
	if s.namespace == "" && !s.local {
		s.placeholders["namespace"] = "default"
	}
	var err error
	if s.text, err = s.generator.Expand(s.placeholders); err != nil {
		return err
	}
	if err := s.chooseKey(ctx); err != nil {
		return err
	}
	if s.example, err = parseExample(s.generator.File, s.text); err != nil {
		return err
	}
	s.values = s.example.values(s.key, s.placeholders["camelName"])
	if s.secret, err = s.authSecret(deps); err != nil {
		collect(err)
	}
	of := cue.Request{Chart: s.chart, Suffix: s.suffix, Namespace: s.placeholders["namespace"], Secret: s.secret, Version: s.version()}
	var usual cue.Names
	if s.redis {
		usual, err = s.operator.Names(of)
		collect(err)
	}
	collect(s.resolve())
	if s.redis {
		of.Sentinels = count(s.values["sentinels"])
		of.SentinelSet, _ = s.values["sentinelsOf"].(string)
		secret, _ := s.values["tlsSecret"].(string)
		of.TLS = secret != "" || s.values["tls"] == true
		s.names, _ = s.operator.Names(of) // the same problems
		collect(s.checkNames())
	}
	env := s.example.key("env")
	if env == nil {
		env = &exampleKey{} // then every --env is a problem
	}
	env.items, err = rewriteEnv(env.items, envRequest{
		suffix: s.suffix, namespace: s.namespace, local: s.local, names: s.req.Env, secret: s.secret, ownSecret: s.names.OwnSecret,
		secretKey: s.names.SecretKey, passwordName: s.names.PasswordEnv, sentinelKey: s.names.SentinelKey, tls: of.TLS,
		urls: map[string]string{usual.SentinelURL: s.names.SentinelURL, s.exampleURL(of): s.names.SentinelURL},
	})
	collect(err)
	if err := problems.Err(); err != nil {
		return err
	}
	if err := s.throughAddon(env.items); err != nil {
		return err
	}
	return s.render(ctx)
}

// version returns the version of the operator: that of the configuration, unless that is about another one.
func (s *resource) version() string {
	if s.operator.Name != s.config.Operator.Name {
		return ""
	}
	return s.config.Operator.Version
}

// count returns a number of values.yaml; 0 is none.
func count(value any) int {
	switch n := value.(type) {
	case int:
		return n
	case int64:
		return int(n)
	}
	return 0
}

// resolve lays the layers of values over the generator's example and writes the outcome into the example's text.
func (s *resource) resolve() error {
	key := s.placeholders["camelName"]
	prefix := s.key + "." + key
	var target *entry
	var known []string
	if k := s.example.key(s.key); k != nil {
		for i := range k.entries {
			if k.entries[i].key == key {
				target, known = &k.entries[i], k.entries[i].order()
			}
		}
	}
	optional, comments := parseOptional(s.text)
	if target != nil {
		known = append(known, optional...)
	}
	layers, problems := s.layers(known, prefix)
	if len(problems) > 0 {
		return problems.Err()
	}
	var values []cue.Value
	if s.redis && target != nil {
		base, err := s.baseLayer()
		if err != nil {
			return err
		}
		weakest := []cue.Layer{base}
		if s.operatorNamespace != "" && s.operator.Without["networkPolicy"] == "" {
			weakest = []cue.Layer{one("operator.namespace", "networkPolicy", s.operatorNamespace), base}
		}
		if group := s.groupInRepository(); group != "" && slices.Contains(known, "group") {
			weakest = append(weakest, one("the operator's "+s.operator.Recognise().Group.Env, "group", group))
		}
		if values, err = s.operator.Resolve(prefix, append(weakest, layers...), known); err != nil {
			return err
		}
	} else {
		for _, l := range layers {
			for k, v := range l.Values {
				values = append(values, cue.Value{Key: k, Value: v.Value, Layer: l.Name})
			}
		}
	}
	s.changed = map[string]string{}
	for _, v := range values {
		text := valueText(v.Value)
		if !slices.Contains(known, v.Key) || valueText(s.values[v.Key]) == text {
			continue
		}
		if err := target.set(v.Key, text, comments[v.Key]); err != nil {
			return finding.Errorf(finding.Position{File: s.generator.File}, prefix+"."+v.Key, "the example value cannot be replaced: %v; write it on one line", err)
		}
		s.changed[v.Key] = text
		s.values[v.Key] = v.Value
	}
	if !s.redis || target == nil {
		return nil
	}
	return s.suppress(target, values)
}

// render makes the manifest: in a chart the template itself, elsewhere what it renders to.
func (s *resource) render(ctx context.Context) error {
	if s.app.Kind == repo.Chart {
		s.manifest = s.text
		return nil
	}
	text := s.text
	// The header explains a chart's values, which this application does not have.
	if at := exampleStart.FindStringIndex(text); at != nil {
		if end := strings.Index(text[at[0]:], "\n\n"); end >= 0 {
			text = text[at[0]+end+2:]
		}
	}
	out, err := render.Template(ctx, s.generator.File, text, render.Input{
		Chart: s.chart, Namespace: s.namespace,
		Values: map[string]any{s.key: map[string]any{s.placeholders["camelName"]: s.values}},
	})
	if err != nil {
		return err
	}
	s.manifest, err = annotate(strings.TrimLeft(out, "\n"), s.kind, s.accepts)
	return err
}

// templateDir is the folder in which the application keeps its manifests.
func (s *resource) templateDir() string { return s.dir }

func (s *resource) record(command string) *record {
	rec := &record{
		Version: 1, Command: command, Application: s.app.Name, Folder: "resources", Type: s.req.Type, Name: s.name,
		Generator: s.generator.File, Placeholders: s.placeholders, Values: s.changed,
	}
	if s.key != resourcesKey {
		rec.Key = s.key
	}
	if s.operator.Name != cue.DefaultOperator() {
		rec.Operator = s.operator.Name
	}
	if s.app.Kind != repo.Chart {
		rec.Accepts = s.accepts
	}
	return rec
}

// planTemplate writes the manifest, and in a kustomization names it there.
func (s *resource) planTemplate(p *Plan, rec *record) error {
	file := path.Join(s.templateDir(), s.name+".yaml")
	if err := p.create(s.repo, rec, file, s.manifest, s.req.Conflicts, s.name, s.app.Name); err != nil {
		return err
	}
	if s.app.Kind != repo.Kustomize {
		return nil
	}
	return s.planKustomization(p, rec, s.name+".yaml")
}

// planKustomization adds a file to the kustomization's resources.
func (s *resource) planKustomization(p *Plan, rec *record, name string) error {
	file := kustomizationIn(s.repo, s.dir)
	old, src, err := p.current(s.repo, file)
	if err != nil {
		return err
	}
	if list, _ := lookup(file, src, "resources"); containsSame(asList(list), name) {
		return nil
	}
	m := &merger{plan: p, file: file, src: src}
	text := "- " + name + "\n"
	out, e, err := yamledit.AddItems(src, []string{"resources"}, yamledit.Entry(text))
	if err != nil {
		return m.problem([]string{"resources"}, text, err)
	}
	p.write(file, old, out)
	m.record([]string{"resources"}, []string{name}, text, e)
	rec.Edits = append(rec.Edits, m.edits...)
	return nil
}

func asList(v any) []any {
	l, _ := v.([]any)
	return l
}

// create writes a file that must not be there with another content.
func (p *Plan) create(r *repo.Repo, rec *record, file, text string, on OnConflict, name, app string) error {
	old, err := readIfThere(r, file)
	if err != nil {
		return err
	}
	rec.Files = append(rec.Files, recordFile{Path: file, Text: text})
	switch {
	case old == nil || string(old) == text || on == Replace:
		p.write(file, old, []byte(text))
	case on == Keep:
		p.write(file, old, old)
	default:
		fault, way := "already exists and differs from the generator output", "use --suffix to add another, --force to overwrite or --keep to keep it"
		if last, err := readRecord(r, app, name); err == nil && last != nil && last.fileText(file) == string(old) {
			fault, way = "was generated with another generator version or other flags", fmt.Sprintf("use `generate update %s %s` to update it, ", app, name)+strings.TrimPrefix(way, "use ")
		}
		p.conflict(finding.Position{File: file}, "", fault, way, string(old), text)
	}
	return nil
}

func (rec *record) fileText(file string) string {
	for _, f := range rec.Files {
		if f.Path == file {
			return f.Text
		}
	}
	return ""
}

// planValues writes the example into values.yaml; outside of a chart the env entries are for the user to place.
func (s *resource) planValues(ctx context.Context, p *Plan, rec *record) error {
	if s.app.Kind != repo.Chart {
		if env := s.example.key("env"); env != nil && len(env.items) > 0 {
			paste, err := s.pasteOutside(ctx, env.items)
			if err != nil {
				return err
			}
			p.Next = append(p.Next, paste)
		}
		return nil
	}
	ex, err := s.planEnv(ctx, p, rec)
	if err != nil {
		return err
	}
	values := s.app.Path("values.yaml")
	edits, err := p.merge(s.repo, values, ex, s.req.Conflicts)
	if err != nil {
		return err
	}
	rec.Edits = append(edits, rec.Edits...)
	if err := s.planReleases(p, rec, ex); err != nil {
		return err
	}
	return adoptFound(p, s.repo, rec, values, ex)
}

// adoptFound records what stands in the values file already, when the template stood there too and nothing is recorded: k
// made them, or the record was lost.
func adoptFound(p *Plan, r *repo.Repo, rec *record, values string, ex example) error {
	last, err := readRecord(r, rec.Application, rec.Name)
	if err != nil || last != nil {
		return err
	}
	if there, err := readIfThere(r, rec.Files[0].Path); err != nil || there == nil {
		return err
	}
	_, src, err := p.current(r, values)
	if err != nil {
		return err
	}
	found := adopt(values, src, ex, rec.Edits, rec.valuesKey()+"/"+rec.Placeholders["camelName"])
	rec.Edits = append(unrecorded(found, rec.Edits), found...)
	return nil
}

// planRecord writes the record. On a second run the edits are there already and were not made again: those of the first
// run stay in the record.
func planRecord(p *Plan, r *repo.Repo, rec *record) error {
	file := recordPath(rec.Application, rec.Name)
	last, err := readRecord(r, rec.Application, rec.Name)
	if err != nil {
		return err
	}
	if last != nil {
		rec.Edits, rec.Migration = after(last.Edits, rec.Edits), cmp.Or(rec.Migration, last.Migration)
	}
	rec.remember(p, last)
	out, err := rec.marshal()
	if err != nil {
		return err
	}
	old, err := readIfThere(r, file)
	if err != nil {
		return err
	}
	p.write(file, old, out)
	return p.noteIgnored(r)
}

// keptURL takes the URL out of a plan that keeps another one in values.yaml.
func (s *resource) keptURL(p *Plan) error {
	if s.req.Conflicts != Keep || s.app.Kind != repo.Chart || p.URL == "" {
		return nil
	}
	file := s.app.Path("values.yaml")
	_, src, err := p.current(s.repo, file)
	if err != nil || strings.Contains(string(src), p.URL) {
		return err
	}
	env := s.example.key("env")
	if env == nil || !slices.ContainsFunc(env.items, func(e entry) bool { return e.key != "" && strings.Contains(string(src), e.key) }) {
		return nil // the variables are not in this file
	}
	p.Notes = append(p.Notes, file+" keeps another URL than "+p.URL)
	p.URL = ""
	return nil
}

// next describes what to do after the plan.
func (s *resource) next(p *Plan) error {
	if s.redis {
		p.URL = s.names.URL
	}
	if err := s.keptURL(p); err != nil {
		return err
	}
	if !p.Changed() {
		return nil
	}
	if err := s.otherOperator(p); err != nil {
		return err
	}
	if err := s.protection(p); err != nil {
		return err
	}
	next := p.Next
	p.Next = []string{reviewAndCommit}
	if s.secret != "" && s.req.Auth.Method == Existing {
		keys := `the key "password"`
		if s.names.UsernameKey != "" {
			keys = fmt.Sprintf("the keys %q and \"password\"", s.names.UsernameKey)
		}
		p.Next = append(p.Next, fmt.Sprintf("make sure that the Secret %q with %s exists in namespace %q", s.secret, keys, s.placeholders["namespace"]))
	}
	if s.req.Auth.Key != "" {
		p.Next = append(p.Next, fmt.Sprintf("make sure that the secret store %q has the key %q", s.req.Auth.Store, s.req.Auth.Key))
	}
	if s.redis {
		if len(s.installed) == 0 && !s.config.NamesOperator() && len(s.operator.Kinds) > 0 {
			way := "redis-gitops init" // a command to be copied
			if s.operator.Name != cue.DefaultOperator() {
				way += " --operator " + s.operator.Name
			}
			next := "make sure that the cluster runs the operator " + quoted(s.operator.Name) + ": nothing in the repository installs it"
			if s.operator.Status().State != "commercial" {
				next += "; `" + way + "` adds it"
			}
			p.Next = append(p.Next, next)
		}
		more, err := s.operator.Next(s.values)
		if err != nil {
			return err
		}
		p.Next = append(p.Next, more...)
	}
	p.Next = append(p.Next, next...)
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
