package scaffold

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/repo/yamledit"
)

// SizeRequest asks for a size of a resource: of an application and by its name, such as redis-cache.
type SizeRequest struct {
	App, Name string
	// Size returns the values to set, in order, from those that the resource has; nil for one that is to be generated.
	Size func(operator *cue.Operator, values map[string]any) (set []SizeValue, notes []string, err error)
}

// SizeValue is a value of values.yaml: memory or disk.
type SizeValue struct{ Key, Value string }

// PlanSize changes the size of a generated resource in values.yaml, and nothing else in there. A resource that does not exist is
// generated with it.
func PlanSize(ctx context.Context, r *repo.Repo, config *cue.Config, deps Deps, req SizeRequest) (*Plan, error) {
	app, err := r.App(req.App)
	if err != nil {
		return nil, err
	}
	if err := repo.CheckName("name", req.Name); err != nil {
		return nil, err
	}
	rec, err := readRecord(r, app.Name, req.Name)
	if err != nil {
		return nil, err
	}
	if rec == nil {
		return planSized(ctx, r, config, deps, req)
	}
	if rec.Folder != "resources" || app.Kind != repo.Chart {
		return nil, finding.Errorf(finding.Position{File: recordPath(app.Name, req.Name)}, "", "%q has no values in a values.yaml; set memory and disk in its manifest", req.Name)
	}
	operator, err := generatable(rec.operatorName())
	if err != nil {
		return nil, err
	}
	if err := sizable(operator, rec.Type); err != nil {
		return nil, err
	}
	p := &Plan{Command: "size --for " + app.Name + " " + req.Name}
	m := &merger{plan: p, file: app.Path("values.yaml")}
	old, src, err := p.current(r, m.file)
	if err != nil {
		return nil, err
	}
	m.src = src
	path := []string{rec.valuesKey(), rec.Placeholders["camelName"]}
	found, at := m.lookup(path...)
	values, ok := found.(map[string]any)
	if !ok || values["memory"] == nil {
		return nil, finding.Errorf(at, strings.Join(append(path, "memory"), "."), "not found; the generator of %q has no value for the memory, or another file sets it", req.Name)
	}
	set, notes, err := req.Size(operator, values)
	if err != nil {
		return nil, err
	}
	p.Notes = notes
	for _, s := range set {
		if m.src, err = m.set(m.src, path, s); err != nil {
			return nil, err
		}
		values[s.Key] = s.Value
		rec.resize(m, s)
	}
	for _, v := range operator.CheckValues(values) {
		return nil, finding.Errorf(at, strings.Join(append(path, v.Path...), "."), "%s", v.Message)
	}
	if p.write(m.file, old, m.src); !p.Changed() {
		return p, nil
	}
	file := recordPath(app.Name, req.Name)
	was, err := readIfThere(r, file)
	if err != nil {
		return nil, err
	}
	now, err := rec.marshal()
	if err != nil {
		return nil, err
	}
	p.write(file, was, now)
	return p, nil
}

// sizable refuses a type whose pods do not have the data of the whole dump.
func sizable(operator *cue.Operator, typ string) error {
	if operator.Of(typ) == operator {
		return nil
	}
	return finding.Errorf(finding.Position{}, "", "a %s has its data in several shards, so its memory does not follow from the dump; divide the memory for one Redis by the number of shards, and set it with generate resource --set memory=SIZE", typ)
}

// set writes a value below a path of a text.
func (m *merger) set(src []byte, path []string, s SizeValue) (out []byte, err error) {
	at := append(path[:len(path):len(path)], s.Key)
	switch have, _ := lookup(m.file, src, at...); {
	case have == s.Value:
		return src, nil
	case have == nil:
		out, _, err = yamledit.AddEntry(src, path, yamledit.Entry(s.Key+": "+s.Value+"\n"))
	default:
		out, _, err = yamledit.SetScalar(src, at, s.Value)
	}
	if err != nil {
		return nil, m.problem(path, s.Key+": "+s.Value+"\n", err)
	}
	return out, nil
}

// resize changes a value in what the record says that generate added, so that destroy recognizes it. Where a person has written
// another text, it stays a change of that person.
func (rec *record) resize(m *merger, s SizeValue) {
	key := rec.Placeholders["camelName"]
	if rec.Values == nil {
		rec.Values = map[string]string{}
	}
	rec.Values[s.Key] = s.Value
	for i := range rec.Edits {
		e := &rec.Edits[i]
		if !e.has(m.file, []string{rec.valuesKey()}, key) {
			continue
		}
		if text, err := m.set([]byte(e.Text), []string{key}, s); err == nil {
			e.Text = string(text)
		}
	}
}

// planSized generates a resource with the size.
func planSized(ctx context.Context, r *repo.Repo, config *cue.Config, deps Deps, req SizeRequest) (*Plan, error) {
	operator, err := generatable(config.Operator.Name)
	if err != nil {
		return nil, err
	}
	set, notes, err := req.Size(operator, nil)
	if err != nil {
		return nil, err
	}
	typ, suffix, _ := strings.Cut(req.Name, "-")
	if err := sizable(operator, typ); err != nil {
		return nil, err
	}
	resource := ResourceRequest{App: req.App, Type: typ, Suffix: suffix, Set: map[string]cue.LayerValue{}}
	for _, s := range set {
		resource.Set[s.Key] = cue.LayerValue{Value: s.Value, At: finding.Position{File: fmt.Sprintf("--for %s %s", req.App, req.Name)}}
	}
	p, err := PlanResource(ctx, r, config, deps, resource)
	if p != nil {
		p.Notes = append(notes, p.Notes...)
	}
	return p, err
}
