package scaffold

import (
	"context"
	"slices"
	"strings"

	udiff "github.com/aymanbagabas/go-udiff"
	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/diag"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/repo/yamledit"
)

// UpdateRequest asks to bring generated files up to date with their generators.
type UpdateRequest struct {
	App  string // "" is all
	Name string // "" is all of the application
}

// PlanUpdate applies what changed in the generators to the files they made, by a three-way merge: the base is what generate
// wrote and recorded, one side is the file as it is now, the other what the generator gives today. Where both sides changed
// the same lines the file is a conflict and stays as it is. New values of a generator come into values.yaml; none is changed.
func PlanUpdate(ctx context.Context, r *repo.Repo, config *cue.Config, req UpdateRequest) (*Plan, error) {
	p := &Plan{Command: strings.TrimSpace("generate update " + req.App + " " + req.Name)}
	var apps []*repo.App
	if req.App != "" {
		app, err := r.App(req.App)
		if err != nil {
			return nil, err
		}
		apps = append(apps, app)
	} else {
		var err error
		if apps, err = r.Apps(); err != nil {
			return nil, err
		}
	}
	found := false
	for _, app := range apps {
		all, err := records(r, app.Name)
		if err != nil {
			return nil, err
		}
		for _, rec := range all {
			if req.Name != "" && rec.Name != req.Name {
				continue
			}
			found = true
			if err := updateOne(ctx, p, r, config, app, rec); err != nil {
				return nil, err
			}
		}
	}
	if req.Name != "" && !found {
		return nil, diag.Errorf(diag.Position{}, "", "application %q has no generated resource %q; generate it, with --keep where it is there already", req.App, req.Name)
	}
	return p, p.err()
}

// updateOne updates what one record tells of.
func updateOne(ctx context.Context, p *Plan, r *repo.Repo, config *cue.Config, app *repo.App, rec *record) error {
	text, ex, err := regenerate(ctx, r, config, app, rec)
	if err != nil {
		return err
	}
	if len(rec.Files) == 0 {
		return nil
	}
	// The first file is the template; the others hold passwords, which nothing may make anew.
	file := &rec.Files[0]
	if text == file.Text {
		return nil
	}
	old, src, err := p.current(r, file.Path)
	if err != nil {
		return err
	}
	if src == nil {
		p.Notes = append(p.Notes, file.Path+" was removed and stays so; `redis-gitops destroy resource "+app.Name+" "+rec.Name+"` removes the rest")
		return nil
	}
	merged, ok := merge3(file.Text, string(src), text)
	if !ok {
		p.conflict(diag.Position{File: file.Path}, "",
			"both the generator and the file changed the same lines; change the file so that it fits the generator, then `redis-gitops generate resource "+
				app.Name+" "+rec.Type+suffixFlag(rec)+" --keep` records it", string(src), text)
		return nil
	}
	p.write(file.Path, old, []byte(merged))
	base, err := parseExample(rec.Generator, file.Text)
	if err != nil {
		base = nil // the old header is broken: then all values of the new one count as new
	}
	file.Text = text
	if app.Kind == repo.Chart {
		if err := newValues(p, r, app.Path("values.yaml"), rec, base, ex); err != nil {
			return err
		}
	}
	out, err := rec.marshal()
	if err != nil {
		return err
	}
	before, err := readIfThere(r, recordPath(rec.Application, rec.Name))
	if err != nil {
		return err
	}
	p.write(recordPath(rec.Application, rec.Name), before, out)
	return nil
}

func suffixFlag(rec *record) string {
	if s := strings.TrimPrefix(rec.Placeholders["suffix"], "-"); s != "" {
		return " --suffix " + s
	}
	return ""
}

// regenerate gives what the generator makes of a record today.
func regenerate(ctx context.Context, r *repo.Repo, config *cue.Config, app *repo.App, rec *record) (string, example, error) {
	o, err := cue.OperatorNamed(config.Operator.Name)
	if err != nil {
		return "", nil, err
	}
	builtIn, types := o.Template, o.Types
	if rec.Folder == "deployments" {
		builtIn, types = func(string) []byte { return nil }, nil
	}
	g, err := generator(r, rec.Folder, rec.Type, builtIn, types)
	if err != nil {
		return "", nil, err
	}
	text, err := g.Expand(rec.Placeholders)
	if err != nil {
		return "", nil, err
	}
	ex, err := parseExample(g.File, text)
	if err != nil || app.Kind == repo.Chart {
		return text, ex, err
	}
	s := &resource{repo: r, config: config, app: app, chart: app.Name, generator: g, placeholders: rec.Placeholders, text: text, example: ex}
	s.values = ex.values("resources", rec.Placeholders["camelName"])
	for k, v := range rec.Values {
		var value any
		if yaml.Unmarshal([]byte(v), &value) == nil {
			s.values[k] = value
		}
	}
	if err := s.render(ctx); err != nil {
		return "", nil, err
	}
	return s.manifest, ex, nil
}

// newValues adds the keys that the generator's example has gained since to the entry in values.yaml.
func newValues(p *Plan, r *repo.Repo, file string, rec *record, base, now example) error {
	camel := rec.Placeholders["camelName"]
	before := base.values(rec.Folder, camel)
	k := now.key(rec.Folder)
	if k == nil {
		return nil
	}
	old, src, err := p.current(r, file)
	if err != nil {
		return err
	}
	if err := checkValues(file, src); err != nil {
		return err
	}
	have, _ := lookup(file, src, rec.Folder, camel)
	entryNow, ok := have.(map[string]any)
	if !ok {
		return nil
	}
	for _, e := range k.entries {
		if e.key != camel {
			continue
		}
		for _, part := range e.parts() {
			_, was := before[part.key]
			if _, is := entryNow[part.key]; was || is {
				continue
			}
			path := []string{rec.Folder, camel}
			out, edit, err := yamledit.AddEntry(src, path, yamledit.Entry(part.text))
			m := &merger{plan: p, file: file, src: src}
			if err != nil {
				return m.problem(path, part.text, err)
			}
			src = out
			// The text of the entry has grown: destroy looks for it whole.
			for i := range rec.Edits {
				re := &rec.Edits[i]
				if re.File == file && slices.Equal(re.Path, path[:1]) && slices.Contains(re.Keys, camel) {
					re.Text = grownText(re.Text, edit, src)
				}
			}
		}
	}
	p.write(file, old, src)
	return nil
}

// grownText gives the recorded text with what was put behind it.
func grownText(text string, e yamledit.Edit, after []byte) string {
	whole := text + e.Inserted
	if strings.Contains(string(after), whole) {
		return whole
	}
	return text
}

// parts divides an entry into the entries below it, at the left margin.
func (e entry) parts() []entry {
	var doc yaml.Node
	if yaml.Unmarshal([]byte(e.text), &doc) != nil || len(doc.Content) == 0 || len(doc.Content[0].Content) < 2 {
		return nil
	}
	v := doc.Content[0].Content[1]
	if v.Kind != yaml.MappingNode || v.Style&yaml.FlowStyle != 0 {
		return nil
	}
	return cut(strings.Split(strings.TrimSuffix(e.text, "\n"), "\n"), v, 2)
}

// merge3 merges two texts that come from one base. Not ok means that both changed the same lines.
func merge3(base, ours, theirs string) (string, bool) {
	switch {
	case ours == base, ours == theirs:
		return theirs, true
	case theirs == base:
		return ours, true
	}
	x, y := udiff.Lines(base, ours), udiff.Lines(base, theirs)
	// Two insertions at one place would both be taken, in an order that nobody chose.
	for _, a := range x {
		for _, b := range y {
			if a != b && a.Start <= b.End && b.Start <= a.End {
				return "", false
			}
		}
	}
	edits, ok := udiff.Merge(x, y)
	if !ok {
		return "", false
	}
	out, err := udiff.Apply(base, edits)
	return out, err == nil
}
