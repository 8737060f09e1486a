package scaffold

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/repo"
)

// A MigrationTarget is an operator or engine to which a Redis may be migrated.
type MigrationTarget struct {
	Name   string `json:"name"` // for --to
	Way    Way    `json:"way,omitempty"`
	Why    string `json:"why,omitempty"`    // why the data is imported
	Source string `json:"source,omitempty"` // where the operator's source says so
	Reason string `json:"reason,omitempty"` // why not; "" if it is possible

	operator *cue.Operator
	engine   string
}

// MigrationTargets returns what a Redis can be migrated to, and the reason for everything else.
func MigrationTargets(ctx context.Context, r *repo.Repo, config *cue.Config, req MigrateRequest) ([]MigrationTarget, error) {
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
	if m.rec, err = redisNamed(all, app, req.Name); err != nil {
		if ok, err := m.openForeign(ctx, r, config, app, nil); ok || err != nil {
			return m.onlyInPlace(), err
		}
		in, unknown := findRelease(ctx, r, config, req.Name)
		if unknown != nil {
			err = unknown
		}
		if in == nil {
			return nil, err
		}
		if err := m.openRelease(r, config, app, in); err != nil {
			return nil, err
		}
		return m.tried(nil)
	}
	m.resource = resource{repo: r, config: config, app: app, chart: m.rec.chart(), name: m.rec.Name, placeholders: m.rec.Placeholders, redis: true}
	if m.operator, err = cue.OperatorNamed(m.rec.operatorName()); err != nil {
		return nil, err
	}
	values, err := m.valuesOf(m.rec)
	if err != nil {
		return nil, err
	}
	return m.tried(values)
}

// tried returns the targets, after an attempt to carry the values over to each.
func (m *migration) tried(values map[string]any) ([]MigrationTarget, error) {
	targets, err := m.targets()
	if err != nil {
		return nil, err
	}
	for i := range targets {
		t := &targets[i]
		if t.Reason != "" || t.Way == Adopt || t.Way == InPlace {
			continue
		}
		try := *m
		try.target, try.engine = t.operator, t.engine
		if err := try.refuses(values); err != nil {
			t.Reason = finding.All(err)[0].Message
		} else if err := try.carry(values); err != nil {
			t.Reason = err.Error()
		}
		if t.Reason == "" {
			if t.Way, t.Why = try.way, try.reason; t.Why != "" && t.Why == t.operator.Migrates().Imports {
				t.Source = t.operator.Migrates().Source
			}
		}
	}
	return targets, nil
}

// targets returns the operators that generate knows, and the engines that they run.
func (m *migration) targets() ([]MigrationTarget, error) {
	var out []MigrationTarget
	engines := map[string]MigrationTarget{}
	for _, name := range cue.GeneratedNames() {
		o, err := cue.OperatorNamed(name)
		if err != nil {
			return nil, err
		}
		facts := o.Migrates()
		t := MigrationTarget{Name: name, operator: o, Reason: facts.Instead}
		switch {
		case t.Reason != "":
		case slices.Contains(facts.Adopts, m.operator.Name), name == m.operator.Name && m.asked.To == name && len(facts.Adopts) > 0:
			t.Way, t.Why = Adopt, "the operator takes over the resources, pods and volumes as they are"
		case name == m.operator.Name && len(m.takenOver(o)) > 0 && (m.asked.To == name || m.foreignTemplate()):
			t.Way, t.Why = InPlace, whyInPlace
		case name == m.operator.Name:
			t.Reason = "it runs already"
		}
		if t.Reason == "" && t.Way == "" {
			if t.Reason, err = m.joins(o); err != nil {
				return nil, err
			}
		}
		out = append(out, t)
		for engine := range facts.Engines {
			if _, ok := engines[engine]; !ok {
				engines[engine] = MigrationTarget{Name: engine, engine: engine, Reason: fmt.Sprintf("operator %q does not run it with the images that are known", m.operator.Name)}
			}
			if name == m.operator.Name || m.release != nil {
				reason, err := m.joins(o)
				if err != nil {
					return nil, err
				}
				engines[engine] = MigrationTarget{Name: engine, operator: o, engine: engine, Reason: reason}
			}
		}
	}
	for _, engine := range sortedKeys(engines) {
		out = append(out, engines[engine])
	}
	return out, nil
}

// joins explains that the sentinels of a new Redis could take those of the old one for their own: they have the same password, and the same
// name for their master (sentinelProcessHelloMessage in sentinel.c).
func (m *migration) joins(o *cue.Operator) (string, error) {
	was, err := m.was, error(nil)
	if m.release == nil {
		was, err = m.operator.Names(cue.Request{Chart: m.chart, Suffix: m.rec.Placeholders["suffix"], Namespace: m.placeholders["namespace"]})
	}
	if err != nil {
		return "", err
	}
	will, _ := o.Names(cue.Request{Chart: m.chart, Suffix: "-v2", Namespace: m.placeholders["namespace"]}) // of the right length or not
	if was.MasterName != will.MasterName {
		return "", nil
	}
	return fmt.Sprintf("beside the old one, with the same password, its sentinels could merge with the old ones, as both call their master %q; migrate it to another operator", was.MasterName), nil
}

// valuesOf returns the values of a Redis: those of the chart, else what was generated.
func (m *migration) valuesOf(rec *record) (map[string]any, error) {
	g, err := generatorOf(m.repo, rec)
	if err != nil {
		return nil, err
	}
	text, err := g.Expand(rec.Placeholders)
	if err != nil {
		return nil, err
	}
	ex, err := parseExample(g.File, text)
	if err != nil {
		return nil, err
	}
	camel := rec.Placeholders["camelName"]
	values := map[string]any{}
	for k, v := range ex.values(resourcesKey, camel) {
		values[k] = v
	}
	if m.app.Kind != repo.Chart {
		for k, v := range rec.Values {
			var value any
			if yaml.Unmarshal([]byte(v), &value) == nil {
				values[k] = value
			}
		}
		return values, nil
	}
	file := m.app.Path("values.yaml")
	src, err := readIfThere(m.repo, file)
	if err != nil {
		return nil, err
	}
	have, at := lookup(file, src, rec.valuesKey(), camel)
	own, ok := have.(map[string]any)
	if !ok {
		return nil, finding.Errorf(at, rec.valuesKey()+"."+camel, "the values of %s are not there, so they cannot be carried over", rec.Name)
	}
	for k, v := range own {
		values[k] = v
	}
	return values, nil
}

// carry takes the values of the old Redis over that the new one has too, and decides how the data gets there.
func (m *migration) carry(values map[string]any) error {
	if m.release != nil {
		return m.carryRelease()
	}
	example, known, err := m.knownValues()
	if err != nil {
		return err
	}
	facts := m.target.Migrates()
	m.set, m.lost = map[string]cue.LayerValue{}, nil
	for _, key := range sortedKeys(values) {
		reason := m.without(key, known)
		switch _, asked := m.asked.Set[key]; {
		case key == "auth" || asked || facts.Engines[m.engine][key] != "" || values[key] == nil || values[key] == "" && key != "disk":
			continue
		case reason == "" && key == "image" && repositoryOf(values[key]) != repositoryOf(example[key]):
			reason = fmt.Sprintf("it is another kind of image than %v", example[key])
		}
		if reason != "" {
			m.lose(key, reason)
			continue
		}
		m.set[key] = cue.LayerValue{Value: layered(values[key]), At: m.valueAt(key)}
	}
	image := m.overrule(example)
	m.handMade()
	return m.chooseWay(fmt.Sprint(values["image"]), image)
}

// knownValues returns the values of the new Redis with their defaults, and the names of all that it may have.
func (m *migration) knownValues() (example map[string]any, known []string, err error) {
	template := m.target.Template(m.rec.Type)
	if template == nil {
		return nil, nil, finding.Errorf(finding.Position{}, "", "operator %q has no resource of type %q", m.target.Name, m.rec.Type).About(CodeRequest, "to")
	}
	text, err := builtInOf(m.rec.Type, template).Expand(m.rec.Placeholders)
	if err != nil {
		return nil, nil, err
	}
	ex, err := parseExample(m.rec.Type, text)
	if err != nil {
		return nil, nil, err
	}
	example = ex.values(resourcesKey, m.rec.Placeholders["camelName"])
	known, _ = parseOptional(text)
	return example, append(known, sortedKeys(example)...), nil
}

// without explains why a value is not one of the new Redis; "" if it is.
func (m *migration) without(key string, known []string) string {
	drops := m.target.Migrates().Drops[key]
	switch {
	case m.target.Name != m.operator.Name && drops != "":
		return drops
	case m.target.Without[key] != "":
		return m.target.Without[key]
	case !slices.Contains(known, key):
		return fmt.Sprintf("operator %q has no such value", m.target.Name)
	}
	return ""
}

// overrule sets the values of the engine and those that were asked for, and returns the image.
func (m *migration) overrule(example map[string]any) string {
	for key, value := range m.target.Migrates().Engines[m.engine] {
		m.set[key] = cue.LayerValue{Value: value}
	}
	for key, value := range m.asked.Set {
		m.set[key] = value
	}
	if v, ok := m.set["image"]; ok {
		return fmt.Sprint(v.Value)
	}
	return fmt.Sprint(example["image"])
}

// layered is a value as a layer has it.
func layered(v any) any {
	if n, ok := v.(int); ok {
		return int64(n)
	}
	return v
}

// repositoryOf returns an image without tag and digest.
func repositoryOf(image any) string {
	text, _ := image.(string)
	text, _ = instance.Image(text)
	return strings.TrimPrefix(strings.TrimPrefix(text, "docker.io/"), "library/")
}

func (m *migration) valueAt(key string) finding.Position {
	if m.release != nil {
		return m.release.position("spec." + key)
	}
	if m.app.Kind != repo.Chart {
		return finding.Position{File: m.manifest()}
	}
	file := m.app.Path("values.yaml")
	src, err := readIfThere(m.repo, file)
	if err != nil {
		return finding.Position{File: file}
	}
	_, at := lookup(file, src, m.rec.valuesKey(), m.rec.Placeholders["camelName"], key)
	return at
}

func (m *migration) lose(key, reason string) {
	field := key
	if m.app.Kind == repo.Chart {
		field = m.rec.valuesKey() + "." + m.rec.Placeholders["camelName"] + "." + key
	}
	m.lost = append(m.lost, Lost{Where: m.valueAt(key).String(), Field: field, Reason: reason})
}

// maxHandMade bounds the lines that are listed.
const maxHandMade = 20

// handMade lists the lines of the manifest that generate did not write: somebody added them, and no value says what they are for.
func (m *migration) handMade() {
	if len(m.rec.Files) == 0 {
		return
	}
	file := m.rec.Files[0]
	src, err := readIfThere(m.repo, file.Path)
	if err != nil || src == nil || string(src) == file.Text {
		return
	}
	left := map[string]int{}
	for _, line := range strings.Split(file.Text, "\n") {
		left[strings.TrimSpace(line)]++
	}
	first, found := 0, 0
	lines := strings.Split(string(src), "\n")
	for i := 0; i <= len(lines); i++ {
		added := false
		if i < len(lines) {
			line := strings.TrimSpace(lines[i])
			if added = line != "" && left[line] == 0; !added {
				left[line]--
			}
		}
		switch {
		case added && first == 0:
			first = i + 1
		case !added && first > 0:
			if found++; found <= maxHandMade {
				where := finding.Position{File: file.Path, Line: first}.String()
				if last := i; last > first {
					where += fmt.Sprintf(" to %d", last)
				}
				m.lost = append(m.lost, Lost{Where: where, Reason: "it was added by hand; add what it is for to the new manifest"})
			}
			first = 0
		}
	}
}

// chooseWay decides by what is known of the operator and of the dumps of both images.
func (m *migration) chooseWay(old, now string) error {
	images, err := cue.KnownImages()
	if err != nil {
		return err
	}
	from, _ := images.Find(old)
	to, _ := images.Find(now)
	if from.Line != nil && from.Engine == "redis" && !instance.AtLeast(from.Line.Line, "6") {
		return finding.Errorf(finding.Position{File: m.valueAt("image").File}, "image", "runs Redis %s, which has no ACLs to make it refuse writes; upgrade it to 6.2 or later first", from.Line.Line)
	}
	m.way = Import
	facts := m.target.Migrates()
	switch {
	case !facts.Follows:
		m.reason = facts.Imports
	case from.Line == nil || to.Line == nil:
		m.reason = fmt.Sprintf("it is unknown whether %s reads the dumps of %s", now, old)
	default:
		switch to.Line.RDB.Loads(from.Line.RDB) {
		case cue.LoadsFully:
			m.way, m.reason = Replicate, ""
		case cue.LoadsPartly:
			m.way, m.reason = Replicate, ""
			m.lost = append(m.lost, Lost{Where: m.valueAt("image").String(), Field: "image", Reason: fmt.Sprintf("%s does not read types of modules that %s may have stored, and cannot follow it then", now, old)})
		default:
			m.reason = fmt.Sprintf("%s does not read the dumps of %s, which import converts", now, old)
		}
	}
	return nil
}
