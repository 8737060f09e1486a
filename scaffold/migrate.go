package scaffold

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/repo"
)

// MigrateRequest asks for a stage of moving a Redis to another operator or engine.
type MigrateRequest struct {
	App, Name string // the name is type and suffix: redis-cache; or that of the release of a chart, which App is to take the place of
	To        string // an operator, or an engine that the operator then runs; "" is that of the migration that was begun
	Suffix    string // of the new Redis; "" is that of the old one with a number
	Stage     int    // of PlanMigrate
	Set       map[string]cue.LayerValue
	Namespace string // "" is where Argo CD or Flux deploys the application
	Auth      Auth   // of the new Redis, where the old one is a release; the zero value is the same password
	Force     bool   // remove the old Redis although something still refers to it, or its volumes go with it
}

// Way is how the data gets into the new Redis.
type Way string

// The ways.
const (
	Replicate Way = "replication" // the new one follows the old one until the switch
	Import    Way = "import"      // it is copied while the old one refuses writes
	Adopt     Way = "adoption"    // nothing is copied: another operator takes over the resources as they are
	InPlace   Way = "in place"    // nothing is copied: the template of the tool takes the place of another one, with the same names
)

// ways are those of records.
var ways = []Way{Replicate, Import}

// The stages of a migration. Of an import, the second makes the old Redis refuse writes, and the third copies the data.
const (
	MigrateAdd     = 1 // the new Redis beside the old one
	MigrateFollow  = 2 // the new one follows the old one
	MigrateSwitch  = 3 // the old one refuses writes, then the new one accepts them
	MigrateClients = 4 // use the new one
	MigrateRemove  = 5 // the old one
)

// A Migration moves a Redis to another operator or engine: a new one beside the old one takes over its data, then its clients. No write
// that either of them has acknowledged is lost, because the old one refuses writes before the new one accepts any. See docs/migrating.md.
type Migration struct {
	Stages
	From        string `json:"from"` // the name of the old Redis: redis
	To          string `json:"to"`   // that of the new one: redis-2
	Operator    string `json:"operator"`
	Way         Way    `json:"way"`
	Reason      string `json:"reason,omitempty"` // why the data is imported
	Resource    string `json:"resource"`         // the name of the old custom resource or StatefulSets
	NewResource string `json:"newResource"`
	Lost        []Lost `json:"lost"`
}

// Lost is something of the old Redis that the new one does not have.
type Lost struct {
	Where  string `json:"where"` // file:line:column
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

func (l Lost) String() string {
	text := l.Where
	if l.Field != "" {
		text += ": " + l.Field
	}
	return text + " is not carried over: " + l.Reason
}

// Migrate returns the stages of a migration, and which of them are done.
func Migrate(ctx context.Context, r *repo.Repo, config *cue.Config, req MigrateRequest) (*Migration, error) {
	m, err := newMigration(ctx, r, config, req)
	if err != nil {
		return nil, err
	}
	return m.stages()
}

// PlanMigrate plans a stage that changes files. One that was done changes nothing.
func PlanMigrate(ctx context.Context, r *repo.Repo, config *cue.Config, deps Deps, req MigrateRequest) (*Plan, error) {
	m, err := newMigration(ctx, r, config, req)
	if err != nil {
		return nil, err
	}
	stages, err := m.stages()
	if err != nil {
		return nil, err
	}
	p, stage, err := stages.begin(req.Stage)
	if err != nil || stage == nil {
		return p, err
	}
	m.plan = p
	switch {
	case m.way == Adopt:
		err = m.adopt(ctx)
	case m.way == InPlace:
		err = m.takeOver(ctx, deps)
	case req.Stage == MigrateAdd:
		err = m.add(ctx, deps)
	case req.Stage == MigrateClients:
		err = m.moveClients(ctx, deps)
	case req.Stage == MigrateRemove:
		err = m.remove(ctx)
	}
	if err != nil {
		return nil, err
	}
	if err := p.err(); err != nil {
		return p, err
	}
	p.Next = append([]string{reviewAndCommit}, append(p.Next, stage.Then)...)
	return p, nil
}

// migration is one on its way to a plan. What it shares with a rotation are the old Redis, the files around it and the records.
type migration struct {
	rotation
	asked   MigrateRequest
	target  *cue.Operator
	engine  string  // that is asked for, "" for any
	next    *record // of the new Redis, nil before the first stage
	suffix  string  // of the new Redis, with its dash
	newName string
	set     map[string]cue.LayerValue // its values
	lost    []Lost
	way     Way
	reason  string
	was     cue.Names // of the old Redis
	will    cue.Names // of the new one
	release *release  // that the old one is; nil for one that was generated, and for one that is gone
}

func newMigration(ctx context.Context, r *repo.Repo, config *cue.Config, req MigrateRequest) (*migration, error) {
	if err := repo.CheckName("resource name", req.Name); err != nil {
		return nil, err
	}
	app, err := r.App(req.App)
	if err != nil {
		return nil, err
	}
	all, err := records(r, app.Name)
	if err != nil {
		return nil, err
	}
	m := &migration{asked: req}
	m.records = map[string][]*record{app.Name: all}
	for _, rec := range all {
		if rec.Migration != nil && rec.Migration.From == req.Name {
			m.next, m.way = rec, Way(rec.Migration.Way)
		}
	}
	released := m.next != nil && m.next.Migration.Release
	if !released {
		m.rec, err = redisNamed(all, app, req.Name)
	}
	if m.rec == nil && m.next == nil {
		if ok, err := m.openForeign(ctx, r, config, app, nil); ok || err != nil {
			return m, cmp.Or(err, m.wantsInPlace())
		}
	}
	if m.rec == nil && (m.next == nil || released) {
		in, unknown := findRelease(ctx, r, config, req.Name)
		switch {
		case unknown != nil:
			return nil, unknown
		case in != nil:
			return m, m.ofRelease(r, config, app, in)
		}
	}
	if m.rec == nil && m.next != nil {
		m.resource = resource{repo: r, config: config, app: app, name: req.Name}
		m.newName = m.next.Name
		m.target, err = cue.OperatorNamed(m.next.operatorName())
		return m, err
	}
	if err != nil {
		return nil, err
	}
	rec := m.rec
	m.resource = resource{
		repo: r, config: config, app: app, chart: rec.chart(), suffix: rec.Placeholders["suffix"], name: rec.Name, key: rec.valuesKey(), placeholders: rec.Placeholders,
		redis: true, req: ResourceRequest{App: app.Name, Type: rec.Type, Namespace: req.Namespace},
	}
	if m.operator, err = cue.OperatorNamed(rec.operatorName()); err != nil {
		return nil, err
	}
	if m.dir, err = manifestDir(r, app); err != nil {
		return nil, err
	}
	if err := m.findNamespace(); err != nil {
		return nil, err
	}
	if m.from, err = m.password(); err != nil {
		return nil, err
	}
	if err := cmp.Or(m.keepsPassword(), m.chooseTarget()); err != nil || m.way == Adopt {
		return m, err
	}
	if m.way == InPlace {
		_, err := m.openForeign(ctx, r, config, app, m.rec)
		return m, err
	}
	return m, m.choose()
}

// redisNamed returns the record of a Redis.
func redisNamed(all []*record, app *repo.App, name string) (*record, error) {
	var names []string
	for _, rec := range all {
		if operatorOf(rec) == "" {
			continue
		}
		if rec.Name == name {
			return rec, nil
		}
		names = append(names, rec.Name)
	}
	hint := "it has none"
	if len(names) > 0 {
		hint = finding.OneOf(names)
	}
	return nil, finding.Errorf(finding.Position{}, "", "application %q has no generated Redis %q; %s%s", app.Name, name, hint, finding.DidYouMean(name, names)).
		Flags("; run `redis-gitops generate resource %s %s --keep` to record one that was not generated", app.Name, name).About(CodeRequest, "name")
}

// chooseTarget settles the operator and the engine of the new Redis.
func (m *migration) chooseTarget() error {
	to := m.asked.To
	if m.next != nil {
		begun, err := cue.OperatorNamed(m.next.operatorName())
		if err != nil {
			return err
		}
		if to != "" && to != begun.Name && begun.Migrates().Engines[to] == nil {
			return finding.Errorf(finding.Position{File: recordPath(m.app.Name, m.next.Name)}, "migration", "the migration of %s to operator %q is under way", m.rec.Name, begun.Name).
				Flags("; finish it, or run redis-gitops destroy resource %s %s", m.app.Name, m.next.Name).About(CodeRequest, "to")
		}
		m.target = begun
		return nil
	}
	targets, err := m.targets()
	if err != nil {
		return err
	}
	var names []string
	for _, t := range targets {
		if t.Name == to {
			if m.target, m.engine, m.way = t.operator, t.engine, t.Way; m.way == Adopt || m.way == InPlace {
				return nil
			}
			if t.Reason != "" {
				return finding.Errorf(finding.Position{}, "", "%s cannot be migrated to %s: %s", m.rec.Name, to, t.Reason).About(CodeRequest, "to")
			}
			return nil
		}
		names = append(names, t.Name)
	}
	if to == "" {
		return finding.Errorf(finding.Position{}, "", "an operator or engine is required; %s", finding.OneOf(names)).Flags("; pass it with --to, or see --list").About(CodeRequest, "to")
	}
	return finding.Errorf(finding.Position{}, "", "unknown operator or engine %q; %s%s", to, finding.OneOf(names), finding.DidYouMean(to, names)).About(CodeRequest, "to")
}

// choose settles the names and values of the new Redis, and the way of its data.
func (m *migration) choose() error {
	var err error
	switch {
	case m.next != nil:
		m.suffix, m.newName = m.next.Placeholders["suffix"], m.next.Name
		m.set = map[string]cue.LayerValue{}
	case m.asked.Suffix != "":
		if m.suffix, err = cleanSuffix(m.asked.Suffix); err != nil {
			return err
		}
	case m.release != nil:
		m.suffix = m.freeSuffix()
	default:
		m.suffix = nextSuffix(m.rec.Placeholders["suffix"])
	}
	m.newName = m.rec.Type + m.suffix
	if m.newName == m.rec.Name {
		return finding.Errorf(finding.Position{}, "", "the new Redis would have the name of the old one; choose another suffix").About(CodeRequest, "suffix")
	}
	if m.release != nil {
		return m.chooseFromRelease()
	}
	values, err := m.valuesOf(m.rec)
	if err != nil {
		return err
	}
	if err := m.refuses(values); err != nil {
		return err
	}
	of := cue.Request{Chart: m.chart, Suffix: m.rec.Placeholders["suffix"], Namespace: m.placeholders["namespace"], Secret: m.from, Version: m.version(), Sentinels: count(values["sentinels"])}
	of.SentinelSet, _ = values["sentinelsOf"].(string)
	if m.was, err = m.operator.Names(of); err != nil {
		return err
	}
	if m.next == nil {
		if err := m.carry(values); err != nil {
			return err
		}
	} else if values, err = m.valuesOf(m.next); err != nil {
		return err
	}
	of.SentinelSet = ""
	return m.names(of, values)
}

// names settles those of the new Redis.
func (m *migration) names(of cue.Request, values map[string]any) (err error) {
	of.Suffix, of.Version, of.Sentinels = m.suffix, "", count(values["sentinels"])
	if v, ok := m.set["sentinels"]; ok {
		of.Sentinels = count(v.Value)
	}
	if m.target.Name == m.config.Operator.Name {
		of.Version = m.config.Operator.Version
	}
	m.will, err = m.target.Names(of)
	return err
}

// nextNumber matches a suffix with a number, which begins with a letter.
var nextNumber = lazyregexp.New(`^(-v|-.+-)([1-9][0-9]{0,3})$`)

// nextSuffix returns the suffix of the Redis that takes the place of another one: -v2 and -v3, or -cache-2 and -cache-3.
func nextSuffix(suffix string) string {
	if found := nextNumber.FindStringSubmatch(suffix); found != nil {
		last, _ := strconv.Atoi(found[2]) // at most four digits
		return found[1] + strconv.Itoa(last+1)
	}
	if suffix == "" {
		return "-v2"
	}
	return suffix + "-2"
}

// refuses explains what cannot be made safe.
func (m *migration) refuses(values map[string]any) error {
	if m.release != nil {
		return m.refusesRelease()
	}
	at := finding.Position{File: recordPath(m.app.Name, m.rec.Name)}
	if m.rec.Rotation != nil {
		return finding.Errorf(at, "rotation", "the rotation of the password to the Secret %q is under way", m.rec.Rotation.To).
			Flags("; finish it with redis-gitops rotate %s %s", m.app.Name, m.rec.Name)
	}
	for _, key := range []string{"tlsSecret", "tls"} {
		if v := values[key]; v != nil && v != "" && v != false {
			return finding.Errorf(at, "values."+key, "uses TLS with a certificate for the names of the old Redis; a migration with TLS is not supported")
		}
	}
	for _, other := range m.records[m.app.Name] {
		if set := other.Values["sentinelsOf"]; set != "" && m.next == nil {
			if names, err := m.operator.Names(cue.Request{Chart: m.chart, Suffix: m.rec.Placeholders["suffix"]}); err == nil && names.Resource == set {
				return finding.Errorf(finding.Position{File: recordPath(other.Application, other.Name)}, "values.sentinelsOf", "its sentinels are those of %s; give it sentinels of its own first", m.rec.Name)
			}
		}
	}
	return nil
}

// stages describes the migration, from the files.
func (m *migration) stages() (*Migration, error) {
	switch m.way {
	case Adopt:
		return m.adoption()
	case InPlace:
		return m.inPlace()
	}
	command := "migrate " + m.app.Name + " " + m.name
	run := func(what string) string { return "redis-gitops " + command + " " + what }
	if m.next == nil {
		command += " --to " + m.asked.To
		if m.asked.Suffix != "" {
			command += " --suffix " + m.asked.Suffix
		}
	}
	out := &Migration{From: m.name, To: m.newName, Operator: m.target.Name, Way: m.way, Reason: m.reason, Resource: m.was.Resource, NewResource: m.will.Resource, Lost: m.lost}
	if out.Lost == nil {
		out.Lost = []Lost{}
	}
	var clients []string
	if m.rec != nil {
		var err error
		if clients, err = m.clients(); err != nil {
			return nil, err
		}
	}
	follow := Stage{Title: fmt.Sprintf("make %s follow %s", m.newName, m.name), Live: true, Then: "when " + run("--verify-stage 3") + " has nothing to report, prepare stage 4 in a branch, and then: " + run("--stage 3")}
	change := Stage{Title: fmt.Sprintf("make %s refuse writes, then %s accept them", m.name, m.newName), Live: true, Then: "at once, merge stage 4: clients cannot write until they have restarted"}
	if m.way == Import {
		follow = Stage{Title: fmt.Sprintf("make %s refuse writes", m.name), Live: true, Then: "at once: " + run("--stage 3") + "; clients cannot write until stage 4 is merged and they have restarted"}
		change = Stage{Title: fmt.Sprintf("compare the data of %s with that of %s, which redis-gitops import copies", m.newName, m.name), Live: true, Then: "at once, merge stage 4"}
	}
	out.Stages = newStages(command, []Stage{
		{Title: fmt.Sprintf("add %s for operator %q beside %s", m.newName, m.target.Name, m.name), Then: "when its pods are ready: " + run("--verify-stage 2") + ", then " + run("--stage 2")},
		follow, change,
		{Title: fmt.Sprintf("point the clients of %s to %s", m.name, m.newName), Then: "when all clients have restarted: " + run("--verify-stage 5") + ", then " + run("--stage 5")},
		{Title: fmt.Sprintf("remove %s; its volumes stay", m.name), Then: "the migration is complete"},
	}, func(number int) bool {
		switch number {
		case MigrateAdd:
			return m.next != nil
		case MigrateClients:
			return m.next != nil && len(clients) == 0 && m.rec != nil && m.moved()
		case MigrateRemove:
			return m.next != nil && m.rec == nil
		}
		return false
	})
	if len(clients) > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("clients of %s: %s", m.name, strings.Join(clients, ", ")))
	}
	if m.reason != "" {
		out.Notes = append(out.Notes, "the data is imported while nobody can write: "+m.reason)
	}
	for _, l := range m.lost {
		out.Notes = append(out.Notes, l.String())
	}
	return out, nil
}

// moved reports whether the clients were moved, or there are none to be moved.
func (m *migration) moved() bool { return m.next.Migration.Clients }

// migrating refuses to generate a Redis while another one is being moved to it.
func (s *resource) migrating(last *record) error {
	if last == nil || last.Migration == nil {
		return nil
	}
	from, err := readRecord(s.repo, s.app.Name, last.Migration.From)
	if err != nil || from == nil {
		return err
	}
	return finding.Errorf(finding.Position{File: recordPath(s.app.Name, s.name)}, "migration", "the migration of %s to this Redis is under way", from.Name).
		Flags("; finish it with redis-gitops migrate %s %s", s.app.Name, from.Name)
}

// newResource returns the request for the new Redis, settled as generate does.
func (m *migration) newResource(ctx context.Context, deps Deps) (*resource, error) {
	req := ResourceRequest{App: m.app.Name, Type: m.rec.Type, Suffix: m.suffix, Operator: m.target.Name, Set: m.set, Namespace: m.asked.Namespace, Auth: Auth{Method: NoAuth}}
	switch {
	case m.release != nil:
		req.Auth = m.release.auth
	case m.from != "":
		req.Auth = Auth{Method: Existing, Secret: m.from}
	}
	s, err := newResource(ctx, m.repo, m.config, req)
	if err != nil {
		return nil, err
	}
	return s, s.prepare(ctx, deps)
}

// add writes the new Redis without the variables of its clients.
func (m *migration) add(ctx context.Context, deps Deps) error {
	if err := m.throughAddon(); err != nil {
		return err
	}
	s, err := m.newResource(ctx, deps)
	if err != nil {
		return err
	}
	p := m.plan
	p.Generator = s.generator.File
	p.Notes = append(p.Notes, s.notes...)
	last, err := s.former()
	if err != nil {
		return err
	}
	if last != nil {
		return finding.Errorf(finding.Position{File: recordPath(m.app.Name, s.name)}, "", "already exists; choose another suffix for the new Redis").About(CodeRequest, "suffix")
	}
	rec := s.record(s.command())
	rec.Migration = &recordMigration{From: m.rec.Name, Way: string(m.way), Release: m.release != nil}
	s.example = slices.DeleteFunc(s.example, func(k *exampleKey) bool { return k.list })
	if err := s.collisions(p); err != nil {
		return err
	}
	if err := s.planTemplate(p, rec); err != nil {
		return err
	}
	if m.release != nil {
		if err := s.planAuth(p, rec, deps); err != nil {
			return err
		}
		next, notes := m.release.password(s)
		p.Next, p.Notes = append(p.Next, next...), append(p.Notes, notes...)
	}
	if err := s.planValues(ctx, p, rec); err != nil {
		return err
	}
	if err := p.checkEffects(ctx, m.repo, m.app, rec, Refuse); err != nil || len(p.Conflicts) > 0 {
		return err
	}
	for _, l := range m.lost {
		p.Notes = append(p.Notes, l.String())
	}
	if m.reason != "" {
		p.Notes = append(p.Notes, "the data is imported while nobody can write: "+m.reason)
	}
	if len(m.target.Kinds) > 0 && !slices.ContainsFunc(s.installed, func(in instance.Installation) bool { return in.Operator == m.target.Name }) {
		p.Next = append(p.Next, fmt.Sprintf("make sure that the cluster runs the operator %q: nothing in the repository installs it", m.target.Name))
	}
	more, err := m.target.Next(s.values)
	if err != nil {
		return err
	}
	p.Next = append(p.Next, more...)
	return planRecord(p, m.repo, rec)
}

// remove takes the old Redis away. What clients read of it is the new one's from now on.
func (m *migration) remove(ctx context.Context) error {
	if m.release != nil {
		return m.removeRelease()
	}
	values, err := m.valuesOf(m.rec)
	if err != nil {
		return err
	}
	disk, _ := values["disk"].(string)
	kept := values["keepAfterDeletion"] != false
	if disk != "" && !kept && !m.asked.Force {
		return finding.Errorf(finding.Position{File: recordPath(m.app.Name, m.rec.Name)}, "values.keepAfterDeletion", "the volumes of %s would be removed with it", m.rec.Name).
			Flags("; take a dump first, and use --force to remove them")
	}
	m.handOverVariables()
	all := m.records[m.app.Name]
	reads, err := readsOf(ctx, m.repo, m.app)
	if err != nil {
		return err
	}
	d := newDestroyer(m.repo, m.app, all, slices.Index(all, m.rec), reads, m.asked.Force)
	d.plan, d.handed = m.plan, true
	removed, err := d.takeBack()
	if err != nil || len(m.plan.Conflicts) > 0 {
		return err
	}
	if !m.asked.Force {
		if err := d.references(removed); err != nil {
			return err
		}
	}
	if disk != "" && kept {
		m.plan.Notes = append(m.plan.Notes, fmt.Sprintf("the volumes of %s stay, with the data until the switch: PersistentVolumeClaims %s; delete them when nobody needs that data", m.rec.Name, m.claims(values)))
	}
	return nil
}

// claims names the PersistentVolumeClaims of the old Redis.
func (m *migration) claims(values map[string]any) string {
	pattern := m.operator.Migrates().Claims
	if pattern == "" {
		return "of its pods"
	}
	names := make([]string, max(1, count(values["replicas"])))
	named, _ := values["namedReplicas"].([]any)
	for i := range names {
		replica := strconv.Itoa(i)
		if i < len(named) {
			replica = fmt.Sprint(named[i])
		}
		names[i] = strings.NewReplacer("{name}", m.was.Resource, "{i}", replica).Replace(pattern)
	}
	return strings.Join(names, ", ")
}

// handOverVariables gives the edits of environment variables to the record of the new Redis, which they are about by now.
func (m *migration) handOverVariables() {
	m.rec.Edits = slices.DeleteFunc(slices.Clone(m.rec.Edits), func(e recordEdit) bool {
		if !e.variables() {
			return false
		}
		if !e.Shared {
			m.next.takeOver(e)
		}
		return true
	})
	m.rec.Restore = slices.DeleteFunc(slices.Clone(m.rec.Restore), func(s recordRestore) bool {
		return slices.ContainsFunc(m.next.Edits, func(e recordEdit) bool { return e.File == s.File && e.variables() })
	})
}

// manifest is the file of the old Redis.
func (m *migration) manifest() string {
	if len(m.rec.Files) == 0 {
		return path.Join(m.dir, m.rec.Name+".yaml")
	}
	return m.rec.Files[0].Path
}
