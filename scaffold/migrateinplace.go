package scaffold

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

const whyInPlace = "the built-in template takes the place of the other one, with the same names and values; no data moves"

// openForeign settles a Redis whose template another generator wrote, such as that of Reclaim the Stack: rec is its record, nil if another
// program ran the generator. It reports false where nothing of that kind has the name.
func (m *migration) openForeign(ctx context.Context, r *repo.Repo, config *cue.Config, app *repo.App, rec *record) (bool, error) {
	name := m.asked.Name
	suffix, ok := strings.CutPrefix(name, cue.DefaultType)
	if app.Kind != repo.Chart || !ok || suffix != "" && !strings.HasPrefix(suffix, "-") {
		return false, nil
	}
	dir, err := manifestDir(r, app)
	if err != nil {
		return false, err
	}
	file := path.Join(dir, name+".yaml")
	if src, err := readIfThere(r, file); err != nil || src == nil {
		return false, err
	}
	operator, err := m.takes(config, rec)
	if err != nil || operator == nil {
		return false, err
	}
	found, err := resourceIn(ctx, r, app, file, operator)
	if err != nil || found == nil {
		return false, err
	}
	chart, err := chartName(app)
	if err != nil {
		return false, err
	}
	m.operator, m.target, m.way = operator, operator, InPlace
	m.placeholders = Placeholders{"application": chart, "suffix": suffix, "name": name, "camelName": camelName(name)}
	in := &instance.Instance{Release: found, Where: file, Operator: operator.Name}
	m.release = &release{Instance: in, reads: in.Reader(), facts: &m.takenOver(operator)[0], paths: map[string]bool{}}
	in.Name = instance.Text(m.release.reads.At("metadata.name"))
	m.resource = resource{repo: r, config: config, app: app, chart: chart, suffix: suffix, name: name, dir: dir, placeholders: m.placeholders, redis: true, operator: operator,
		req: ResourceRequest{App: app.Name, Type: cue.DefaultType, Namespace: m.asked.Namespace}}
	m.suffix, m.newName = suffix, name
	if m.rec = rec; rec == nil {
		m.rec = &record{Version: 1, Application: app.Name, Folder: "resources", Type: cue.DefaultType, Operator: operator.Name, Name: name, Placeholders: m.placeholders}
	}
	return true, m.carryInPlace()
}

// takes returns the operator whose template takes the place of another one, nil if none is known to.
func (m *migration) takes(config *cue.Config, rec *record) (*cue.Operator, error) {
	name := config.Operator.Name
	if rec != nil {
		name = rec.operatorName()
	}
	operator, err := cue.OperatorNamed(name)
	if err != nil || len(m.takenOver(operator)) == 0 {
		return nil, err
	}
	return operator, nil
}

// takenOver returns what an operator's template has too of resources that other templates wrote.
func (m *migration) takenOver(operator *cue.Operator) (facts []cue.Moved) {
	for _, k := range operator.Kinds {
		facts = append(facts, operator.MovedOf(k.Kind)...)
	}
	return facts
}

// resourceIn returns the resource of an operator that a template makes, nil if it makes none, or several.
func resourceIn(ctx context.Context, r *repo.Repo, app *repo.App, file string, operator *cue.Operator) (*render.Resource, error) {
	targets, err := chartTargets(r, app)
	if err != nil {
		return nil, err
	}
	result, err := render.Render(ctx, r, targets[0], render.Options{})
	if err != nil {
		return nil, err
	}
	var found *render.Resource
	for _, res := range result.Resources {
		_, version := res.Find("apiVersion")
		_, kind := res.Find("kind")
		if res.File != file || version == nil || kind == nil || !slices.Contains(operator.Kinds, cue.Kind{APIVersion: version.Value, Kind: kind.Value}) {
			continue
		}
		if found != nil {
			return nil, nil
		}
		found = res
	}
	return found, nil
}

// carryInPlace takes the values over that the resource has.
func (m *migration) carryInPlace() error {
	_, known, err := m.knownValues()
	if err != nil {
		return err
	}
	m.carryFacts(known, nil)
	for key, value := range m.asked.Set {
		m.set[key] = value
	}
	m.release.auth = Auth{Method: NoAuth}
	if secret, _ := m.set["auth"].Value.(string); secret != "" {
		m.release.auth = Auth{Method: Existing, Secret: secret}
	}
	delete(m.set, "auth") // which the flags have
	return nil
}

// foreignTemplate reports whether the template of the record has not all values of that of the tool, so that another generator wrote it.
func (m *migration) foreignTemplate() bool {
	if m.rec == nil || len(m.rec.Files) == 0 || m.app.Kind != repo.Chart || m.rec.Type != cue.DefaultType {
		return false
	}
	text, err := builtInOf(m.rec.Type, m.operator.Template(m.rec.Type)).Expand(m.rec.Placeholders)
	if err != nil {
		return false
	}
	ours, err := parseExample(m.rec.Type, text)
	if err != nil {
		return false
	}
	was, err := parseExample(m.rec.Generator, m.rec.Files[0].Text)
	has := was.values(m.rec.valuesKey(), m.rec.Placeholders["camelName"])
	for key := range ours.values(resourcesKey, m.rec.Placeholders["camelName"]) {
		if _, ok := has[key]; !ok {
			return err == nil
		}
	}
	return false
}

// ownGenerator returns the file of the generator of a repository, what is in it, nil if there is none, and the template of the tool.
func (m *migration) ownGenerator(operator *cue.Operator) (file string, old, ours []byte, err error) {
	file = path.Join(m.repo.Layout().Generators, "resources", cue.DefaultType+".yaml")
	if old, err = readIfThere(m.repo, file); err != nil {
		return file, nil, nil, err
	}
	if ours = operator.Template(cue.DefaultType); old == nil {
		file = builtInGenerator + cue.DefaultType + ".yaml"
	}
	return file, old, ours, nil
}

// wantsInPlace refuses any other target before the template is that of the tool.
func (m *migration) wantsInPlace() error {
	if m.asked.To == m.target.Name {
		return m.keepsPassword()
	}
	return finding.Errorf(finding.Position{File: m.release.Where}, "", "was written by another generator").
		Flags("; run redis-gitops migrate %s %s --to %s --stage 1 first, which keeps its names and values", m.app.Name, m.name, m.target.Name).About(CodeRequest, "to")
}

// keepsPassword refuses to choose a password where the Secret of the old Redis is used.
func (m *migration) keepsPassword() error {
	if m.asked.Auth.Method == Default {
		return nil
	}
	return finding.Errorf(finding.Position{}, "", "the Secret with the password of %s stays", m.asked.Name).Flags("; leave --auth out, and change it with redis-gitops rotate").About(CodeRequest, "auth")
}

// onlyInPlace lists the one target that there is before.
func (m *migration) onlyInPlace() []MigrationTarget {
	var out []MigrationTarget
	for _, name := range cue.GeneratedNames() {
		t := MigrationTarget{Name: name, Reason: "its template was written by another generator; migrate it in place to " + m.target.Name + " first"}
		if name == m.target.Name {
			t = MigrationTarget{Name: name, Way: InPlace, Why: whyInPlace}
		}
		out = append(out, t)
	}
	return out
}

// inPlace is a migration in one stage.
func (m *migration) inPlace() (*Migration, error) {
	out := &Migration{From: m.name, To: m.name, Operator: m.target.Name, Way: InPlace, Lost: append([]Lost{}, m.lost...)}
	out.Stages = newStages("migrate "+m.app.Name+" "+m.name+" --to "+m.target.Name, []Stage{{
		Title: fmt.Sprintf("write %s from the built-in template, with the same names and values", m.name),
		Then:  "the migration is complete when redis-gitops doctor has nothing to report",
	}}, func(int) bool { return len(m.rec.Files) > 0 && !m.foreignTemplate() })
	if out.Stages.Stages[0].State == StageDone {
		return out, nil
	}
	out.Notes = append(out.Notes, m.notes...)
	for _, l := range m.lost {
		out.Notes = append(out.Notes, l.String())
	}
	return out, nil
}

// takeOver writes the template and values in the place of the others, and the generator of the repository that made them. Variables of
// clients stay as they are: the names are the same.
func (m *migration) takeOver(ctx context.Context, deps Deps) error {
	file, old, ours, err := m.ownGenerator(m.target)
	if err != nil {
		return err
	}
	p := m.plan
	p.Running = true
	if old != nil && !bytes.Equal(old, ours) {
		p.write(file, old, ours)
	}
	s, err := newResource(ctx, m.repo, m.config, ResourceRequest{App: m.app.Name, Type: cue.DefaultType, Suffix: m.suffix, Operator: m.target.Name, Set: m.set,
		Namespace: m.asked.Namespace, Auth: m.release.auth, Conflicts: Replace})
	if err != nil {
		return err
	}
	s.generator = &Generator{Type: cue.DefaultType, File: file, Text: string(ours)}
	if err := s.prepare(ctx, deps); err != nil {
		return err
	}
	p.Generator = s.generator.File
	rec := s.record(s.command())
	if err := s.planTemplate(p, rec); err != nil {
		return err
	}
	values := m.app.Path("values.yaml")
	whole := s.example
	s.example = slices.DeleteFunc(slices.Clone(whole), func(k *exampleKey) bool { return k.list })
	edits, err := p.merge(m.repo, values, s.example, Replace)
	if err != nil {
		return err
	}
	for i := range edits { // what stood there was of the same Redis, so destroy does not put it back
		edits[i].Replaced, edits[i].Removed = "", ""
	}
	rec.Edits = append(edits, rec.Edits...)
	if err := adoptFound(p, m.repo, rec, values, whole); err != nil {
		return err
	}
	p.Notes = append(append(p.Notes, s.notes...), m.notes...)
	for _, l := range m.lost {
		p.Notes = append(p.Notes, l.String())
	}
	return planRecord(p, m.repo, rec)
}

// After returns the repository as it will be, without changes of records, which say nothing of what is deployed; nothing is written to it.
func (p *Plan) After(r *repo.Repo) (*repo.Repo, error) {
	files := map[string][]byte{}
	for _, f := range p.Files {
		if f.Action != Remove && !strings.HasPrefix(f.Path, recordFolder+"/") {
			files[f.Path] = f.New
		}
	}
	return withFiles(r, files)
}
