package scaffold

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/repo/yamledit"
)

// UpdateRequest asks to bring generated files up to date with their generators.
type UpdateRequest struct {
	App  string // "" is all
	Name string // "" is all of the application
	// Past gives, from Git's history, a file as it was when it was first committed, and another as it was in that commit,
	// nil where it was not there. Nil means that there is no history to ask.
	Past func(ctx context.Context, file, beside string) (first, other []byte, err error)
	// Conflicts says what becomes of lines that the generator and the file both changed. Everything else is merged in any case.
	Conflicts OnConflict
}

// PlanUpdate applies what changed in the generators to the files they made, by a three-way merge: the base is what generate
// wrote and recorded, one side is the file as it is now, the other what the generator gives today. Where both sides changed
// the same lines the file is a conflict and stays as it is, unless the request says which lines count. New values of a generator come into values.yaml; none is changed.
//
// What k or a person made has no record. When its application is named, the base comes from Git's history, and a record is
// written. Without a name beside it, only files that were committed as the generator then gave them count as generated.
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
	found, unrecorded := false, 0
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
			if err := updateOne(ctx, p, r, config, app, rec, nil, req.Conflicts); err != nil {
				return nil, err
			}
		}
		others, err := withoutRecord(r, config, app, all)
		if err != nil {
			return nil, err
		}
		if req.App == "" {
			unrecorded += len(others)
			continue
		}
		for _, rec := range others {
			if req.Name != "" && rec.Name != req.Name {
				continue
			}
			ok, err := updateFromHistory(ctx, p, r, config, app, rec, req)
			if err != nil {
				return nil, err
			}
			found = found || ok
		}
	}
	if req.Name != "" && !found {
		return nil, finding.Errorf(finding.Position{}, "", "application %q has no generated resource %q", req.App, req.Name).Flags("; run generate, with --keep if it already exists").About(CodeRequest, "name")
	}
	p.Notes = append(p.Notes, unrecordedNote(unrecorded)...)
	return p, p.err()
}

func unrecordedNote(files int) []string {
	if files == 0 {
		return nil
	}
	return []string{fmt.Sprintf("files that look generated but have no record: %d; run `redis-gitops generate update APP` to find their origin in Git history", files)}
}

// withoutRecord returns a record, still without texts, for each template of a chart that has the name of a generator's type
// and no record of its own.
func withoutRecord(r *repo.Repo, config *cue.Config, app *repo.App, recorded []*record) ([]*record, error) {
	if app.Kind != repo.Chart {
		return nil, nil
	}
	o, err := cue.OperatorNamed(config.Operator.Name)
	if err != nil {
		return nil, err
	}
	files, err := r.Files(app.Path("templates"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	types := map[string][]string{}
	if types["resources"], err = GeneratorTypes(r, "resources", o.Types); err != nil {
		return nil, err
	}
	if types["deployments"], err = generatorTypes(r, "deployments"); err != nil {
		return nil, err
	}
	namespace, _, err := namespaceOf(app, "")
	if err != nil || namespace == "" {
		namespace = "default"
	}
	chart, err := chartName(app)
	if err != nil {
		chart = app.Name // whoever renders the chart says what is wrong with its name
	}
	var out []*record
	for _, file := range files {
		name, ok := strings.CutSuffix(path.Base(file), ".yaml")
		if !ok || path.Dir(file) != app.Path("templates") || repo.CheckName("name", name) != nil ||
			slices.ContainsFunc(recorded, func(rec *record) bool { return rec.Name == name || rec.wrote(file) }) {
			continue
		}
		rec := &record{Version: 1, Application: app.Name, Name: name, Files: []recordFile{{Path: file}}}
		plain, isDeployment := strings.CutPrefix(name, "deployment-")
		typ := longestType(types["resources"], name)
		switch {
		case isDeployment:
			// k names a deployment's file deployment-NAME.yaml, where NAME is the type unless the user chose another.
			typ = longestType(types["deployments"], plain)
			image, _ := lookup(app.Path("values.yaml"), valuesOf(r, app), "image")
			text, _ := image.(string)
			rec.Folder = "deployments"
			rec.Placeholders = Placeholders{"application": chart, "name": plain, "camelName": camelName(plain), "image": text}
		default:
			rec.Folder = "resources"
			rec.Placeholders = Placeholders{
				"application": chart, "name": name, "camelName": camelName(name), "suffix": strings.TrimPrefix(name, typ), "namespace": namespace,
			}
		}
		if typ == "" {
			continue
		}
		rec.Type = typ
		if !isDeployment && o.Name != cue.DefaultOperator() {
			rec.Operator = o.Name
		}
		rec.Command = "generate " + strings.TrimSuffix(rec.Folder, "s") + " " + app.Name + " " + typ + suffixFlag(rec)
		out = append(out, rec)
	}
	return out, nil
}

// wrote reports whether a record has a file.
func (rec *record) wrote(file string) bool {
	return slices.ContainsFunc(rec.Files, func(f recordFile) bool { return f.Path == file })
}

// valuesOf returns an application's values file, or nothing when it cannot be read: whoever edits it says why.
func valuesOf(r *repo.Repo, app *repo.App) []byte {
	src, err := readIfThere(r, app.Path("values.yaml"))
	if err != nil {
		return nil
	}
	return src
}

// longestType returns the longest type that a name begins with, with or without a suffix behind it.
func longestType(types []string, name string) string {
	longest := ""
	for _, t := range types {
		if (name == t || strings.HasPrefix(name, t+"-")) && len(t) > len(longest) {
			longest = t
		}
	}
	return longest
}

// updateFromHistory updates a file that has no record. Its base is what the generator gave when the file was committed;
// where there was no generator then, the file as it was committed. It says whether the file counts as generated.
func updateFromHistory(ctx context.Context, p *Plan, r *repo.Repo, config *cue.Config, app *repo.App, rec *record, req UpdateRequest) (bool, error) {
	file := &rec.Files[0]
	g, err := generatorOf(r, rec)
	if err != nil {
		return false, err
	}
	rec.Generator = g.File
	unknown := func(why string) error {
		return finding.Errorf(finding.Position{File: file.Path}, "", "was not generated by redis-gitops, and %s, so your changes cannot be distinguished", why).
			Flags("; run `redis-gitops %s --keep` to record it as is", rec.Command)
	}
	if req.Past == nil {
		if req.Name == "" {
			return false, nil
		}
		return false, unknown("there is no Git history")
	}
	beside := g.File
	if g.BuiltIn() {
		beside = ""
	}
	first, then, err := req.Past(ctx, file.Path, beside)
	switch {
	case err != nil && req.Name == "" && errors.Is(err, fs.ErrNotExist):
		return false, nil // not committed yet
	case errors.Is(err, fs.ErrNotExist):
		return false, unknown("it is not in Git history")
	case err != nil:
		return false, finding.Errorf(finding.Position{File: file.Path}, "", "its history cannot be read: %v", err)
	}
	base, certain := string(first), false
	if then != nil {
		old := &Generator{Type: rec.Type, File: g.File, Text: string(then)}
		if text, err := old.Expand(rec.Placeholders); err == nil {
			base, certain = text, text == string(first)
		}
	}
	if !certain && req.Name == "" {
		return false, nil
	}
	file.Text = base
	ex, err := parseExample(g.File, base)
	if err != nil {
		ex = nil // a broken header of long ago names nothing to adopt
	}
	values := app.Path("values.yaml")
	if _, src, err := p.current(r, values); err != nil {
		return false, err
	} else if src != nil {
		rec.Edits = adopt(values, src, ex, nil, rec.valuesKey()+"/"+rec.Placeholders["camelName"])
	}
	origin := "the generator at the time the file was committed"
	if then == nil {
		origin = "the first committed version of the file"
	}
	p.Notes = append(p.Notes, file.Path+" has no record; compared with "+origin)
	return true, updateOne(ctx, p, r, config, app, rec, &base, req.Conflicts)
}

// updateOne updates what one record describes. A base from Git's history means that the record is not written yet.
func updateOne(ctx context.Context, p *Plan, r *repo.Repo, config *cue.Config, app *repo.App, rec *record, fromHistory *string, on OnConflict) error {
	text, ex, err := regenerate(ctx, r, config, app, rec)
	if err != nil {
		return err
	}
	if len(rec.Files) == 0 {
		return nil
	}
	// The first file is the template; the others hold passwords, which nothing may make anew.
	file := &rec.Files[0]
	if text == file.Text && fromHistory == nil && on != Replace {
		return nil
	}
	old, src, err := p.current(r, file.Path)
	if err != nil {
		return err
	}
	if src == nil && on == Replace {
		src = []byte(file.Text) // restored, with what is new
	}
	if src == nil {
		p.Notes = append(p.Notes, file.Path+" was removed and is not restored; `redis-gitops destroy resource "+app.Name+" "+rec.Name+"` removes the rest")
		return nil
	}
	merged, conflicts := merge3(file.Text, string(src), text, on)
	switch {
	case conflicts == 0:
	case on == Refuse:
		marked, _ := merge3(file.Text, string(src), text, Mark)
		p.conflict(finding.Position{File: file.Path}, "", "the generator and the file changed the same lines",
			"use --force for the lines of the generator, --keep for those of the file, or --merge to write both with conflict markers", string(src), marked)
		return nil
	case on == Mark:
		p.Notes = append(p.Notes, fmt.Sprintf("%s: conflicts marked with %s: %d; edit the file before you commit it", file.Path, strings.TrimSpace(markOurs), conflicts))
	}
	p.write(file.Path, old, []byte(merged))
	base, err := parseExample(rec.Generator, file.Text)
	if err != nil {
		base = nil // the old header is broken: then all values of the new one count as new
	}
	file.Text = text
	if app.Kind == repo.Chart {
		for _, values := range rec.valuesFiles(app.Path("values.yaml")) {
			if err := newValues(p, r, values, rec, base, ex); err != nil {
				return err
			}
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

// regenerate returns what the generator makes of a record today.
func regenerate(ctx context.Context, r *repo.Repo, config *cue.Config, app *repo.App, rec *record) (string, example, error) {
	g, err := generatorOf(r, rec)
	if err != nil {
		return "", nil, err
	}
	if rec.Folder == addonsFolder {
		if err := renewFacts(ctx, r, config, app, rec); err != nil {
			return "", nil, err
		}
	}
	text, err := g.Expand(rec.Placeholders)
	if err != nil {
		return "", nil, err
	}
	if rec.Key != "" {
		text = withKey(text, rec.Key, rec.Placeholders["camelName"])
	}
	ex, err := parseExample(g.File, text)
	if err != nil || app.Kind == repo.Chart {
		return text, ex, err
	}
	s := &resource{repo: r, config: config, app: app, chart: app.Name, key: resourcesKey, generator: g, placeholders: rec.Placeholders, text: text, example: ex}
	if namespace := rec.Placeholders["namespace"]; namespace != "default" { // which may only be assumed
		s.namespace = namespace
	}
	s.values = ex.values(resourcesKey, rec.Placeholders["camelName"])
	for k, v := range rec.Values {
		var value any
		if yaml.Unmarshal([]byte(v), &value) == nil {
			s.values[k] = value
		}
	}
	if s.accepts = rec.Accepts; len(s.accepts) > 0 {
		if s.operator, err = cue.OperatorNamed(rec.operatorName()); err != nil {
			return "", nil, err
		}
		if m := kindsOf(s.operator).FindStringSubmatch(text); m != nil {
			s.kind = m[1]
		}
	}
	if err := s.render(ctx); err != nil {
		return "", nil, err
	}
	return s.manifest, ex, nil
}

// generatorOf returns the generator of a record as it is today.
func generatorOf(r *repo.Repo, rec *record) (*Generator, error) {
	switch rec.Folder {
	case "deployments":
		return generator(r, rec.Folder, rec.Type, func(string) []byte { return nil }, nil)
	case addonsFolder:
		kind, err := cue.AddonNamed(rec.Type)
		if err != nil {
			return nil, err
		}
		return addonGenerator(kind), nil
	}
	o, err := cue.OperatorNamed(rec.operatorName())
	if err != nil {
		return nil, err
	}
	g, _, err := resourceGenerator(r, rec.Type, o, strings.HasPrefix(rec.Generator, builtInGenerator))
	return g, err
}

// valuesFiles returns the files with values of the resource, of which values.yaml is always one.
func (rec *record) valuesFiles(own string) []string {
	files := []string{own}
	for _, e := range rec.Edits {
		if slices.Equal(e.Path, []string{rec.valuesKey()}) && slices.Contains(e.Keys, rec.Placeholders["camelName"]) && !slices.Contains(files, e.File) {
			files = append(files, e.File)
		}
	}
	return files
}

// newValues adds the keys that the generator's example has gained since to the entry in values.yaml.
func newValues(p *Plan, r *repo.Repo, file string, rec *record, base, now example) error {
	camel := rec.Placeholders["camelName"]
	key := rec.valuesKey()
	before := base.values(key, camel)
	k := now.key(key)
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
	have, _ := lookup(file, src, key, camel)
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
			path := []string{key, camel}
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
					if !re.Found {
						re.Text = grownText(re.Text, edit, src)
					} else if v, _ := lookup(file, src, path...); v != nil {
						if text, err := yaml.Marshal(map[string]any{camel: v}); err == nil {
							re.Text = string(text)
						}
					}
				}
			}
		}
	}
	p.write(file, old, src)
	return nil
}

// grownText returns the recorded text with what was put behind it.
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
