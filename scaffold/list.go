package scaffold

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
)

// State describes how something generated relates to its generator and its record.
type State string

// The states, worst first. Of several that apply it is the first.
const (
	Missing  State = "missing"  // a file of it is gone
	Clashing State = "conflict" // the generator and the file changed the same lines: generate update refuses it
	Outdated State = "outdated" // generate update would change it
	Edited   State = "edited"   // changed by hand, which generate update keeps
	Current  State = "current"  // as the generator makes it
)

// Entry is something that redis-gitops generated. The names of the fields are those of the JSON.
type Entry struct {
	Application string   `json:"application"`
	Kind        string   `json:"kind"`      // addon, application, deployment or resource
	Name        string   `json:"name"`      // as destroy and generate update take it, without deployment-; of an application its own
	Generator   string   `json:"generator"` // a file of the repository, or a built-in one
	Operator    string   `json:"operator"`  // that a Redis is generated for; "" for everything else
	State       State    `json:"state"`
	Files       []string `json:"files"`      // that generate created, in the repository
	References  []string `json:"references"` // file:line:column of what refers to it, for which destroy would refuse
}

// List returns what is generated in a repository or, with the name of an application, in one of its applications, sorted by
// application: applications, then deployments, then resources. The notes are about what cannot be listed.
//
// The state is that of [PlanUpdate], and the references are those of [PlanDestroy] and [PlanDestroyApplication]. All of them are
// found in one pass over the repository.
func List(ctx context.Context, r *repo.Repo, config *cue.Config, application string) (entries []Entry, notes []string, err error) {
	schema, err := cue.ValuesJSONSchema()
	if err != nil {
		return nil, nil, err
	}
	l := &lister{ctx: ctx, repo: r, config: config, schema: string(schema), documents: map[string][]*repo.Document{}}
	apps, err := l.applications(application)
	if err != nil {
		return nil, nil, err
	}
	for _, app := range apps {
		if err := l.add(app); err != nil {
			if ctx.Err() != nil {
				return nil, nil, err
			}
			l.problems = append(l.problems, finding.All(err)...)
		}
	}
	if err := l.problems.Err(); err != nil {
		return nil, nil, err
	}
	if err := findReferences(r, l.targets...); err != nil {
		return nil, nil, err
	}
	for i := range l.entries {
		l.targets[i].unique()
		for _, ref := range l.targets[i].found {
			l.entries[i].References = append(l.entries[i].References, ref.at.String())
		}
	}
	return l.entries, unrecordedNote(l.unrecorded), nil
}

type lister struct {
	ctx        context.Context
	repo       *repo.Repo
	config     *cue.Config
	schema     string // of values.yaml
	entries    []Entry
	targets    []*target // one for each entry
	problems   finding.Problems
	unrecorded int
	documents  map[string][]*repo.Document // that were read for their list generators
}

// applications returns those to list, with those of which only records are left.
func (l *lister) applications(name string) ([]*repo.App, error) {
	recorded, err := afero.ReadDir(l.repo.Fs(), recordFolder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, finding.Errorf(finding.Position{File: recordFolder}, "", "cannot list it: %v", err)
	}
	isRecorded := func(name string) bool {
		return slices.ContainsFunc(recorded, func(f fs.FileInfo) bool {
			return f.IsDir() && f.Name() == name && repo.CheckName("application name", name) == nil
		})
	}
	if name != "" {
		app, err := l.repo.App(name)
		if err != nil && isRecorded(name) {
			return []*repo.App{{Name: name}}, nil
		}
		return []*repo.App{app}, err
	}
	apps, err := l.repo.Apps()
	if err != nil {
		return nil, err
	}
	for _, f := range recorded {
		if isRecorded(f.Name()) && !slices.ContainsFunc(apps, func(a *repo.App) bool { return a.Name == f.Name() }) {
			apps = append(apps, &repo.App{Name: f.Name()})
		}
	}
	slices.SortStableFunc(apps, func(a, b *repo.App) int { return strings.Compare(a.Name, b.Name) })
	return apps, nil
}

// add adds an application and what is generated in it.
func (l *lister) add(app *repo.App) error {
	all, err := records(l.repo, app.Name)
	if err != nil {
		return err
	}
	if err := l.addApplication(app, len(all) > 0); err != nil {
		return err
	}
	if app.Dir != "" {
		others, err := withoutRecord(l.repo, l.config, app, all)
		if err != nil {
			return err
		}
		l.unrecorded += len(others)
	}
	if len(all) == 0 {
		return nil
	}
	reads := &valueReads{}
	if app.Dir != "" {
		if reads, err = readsOf(l.ctx, l.repo, app); err != nil {
			return err
		}
	}
	slices.SortFunc(all, func(a, b *record) int {
		return cmp.Or(strings.Compare(a.Folder, b.Folder), strings.Compare(a.Name, b.Name))
	})
	for i, rec := range all {
		state, err := l.state(app, rec)
		if err != nil {
			return err
		}
		copies := make([]*record, len(all)) // what one leaves to the others is not so yet
		for i, rec := range all {
			copies[i] = rec.clone()
		}
		d := newDestroyer(l.repo, app, copies, i, reads, true)
		removed, err := d.takeBack()
		if err != nil {
			return err
		}
		e := Entry{
			Application: app.Name, Kind: strings.TrimSuffix(rec.Folder, "s"), Name: strings.TrimPrefix(rec.Name, "deployment-"),
			Generator: rec.Generator, Operator: operatorOf(rec), State: state, Files: []string{}, References: []string{},
		}
		for _, f := range rec.Files {
			e.Files = append(e.Files, f.Path)
		}
		l.entries, l.targets = append(l.entries, e), append(l.targets, d.target(removed))
	}
	return nil
}

// operatorOf returns the operator that a record's resource is for; "" for a deployment, and for what is not a Redis.
func operatorOf(rec *record) string {
	name := rec.operatorName()
	o, err := cue.OperatorNamed(name)
	switch {
	case rec.Folder != "resources":
		return ""
	case err != nil || slices.Contains(o.Types, rec.Type):
		return name
	case len(rec.Files) > 0 && kindsOf(o).MatchString(rec.Files[0].Text):
		return name
	}
	return ""
}

// addApplication adds the application itself if generate made it, which a generated resource does not prove.
func (l *lister) addApplication(app *repo.App, recorded bool) error {
	e := Entry{Application: app.Name, Kind: "application", Name: app.Name, Generator: builtInGenerator + "application", State: Current, Files: []string{}, References: []string{}}
	t := &target{app: app.Name, dir: app.Dir, plan: &Plan{}}
	switch {
	case app.Dir == "":
		e.State = Missing
	default:
		files, made, err := l.madeFiles(app)
		if err != nil {
			return err
		}
		if !made && !recorded {
			return nil
		}
		e.Files = append(e.Files, files...)
		if err := t.listed(app, l.read); err != nil {
			return err
		}
	}
	l.entries, l.targets = append(l.entries, e), append(l.targets, t)
	return nil
}

// madeFiles returns the files of an application that have the names of those that generate writes, and whether the first one, or
// the schema, is what generate writes. Chart.yaml and values.yaml are for people to edit: that does not make them outdated.
func (l *lister) madeFiles(app *repo.App) (files []string, made bool, err error) {
	for i, f := range applicationFiles(app.Name, app.Kind != repo.Chart, l.schema) {
		src, err := readIfThere(l.repo, app.Path(f.name))
		if err != nil {
			return nil, false, err
		}
		if src == nil {
			continue
		}
		files = append(files, app.Path(f.name))
		made = made || i == 0 && string(src) == f.text || f.name == schemaFile && (string(src) == f.text || isValuesSchema(src, l.schema))
	}
	return files, made, nil
}

// read reads the documents of a file once.
func (l *lister) read(file string) ([]*repo.Document, error) {
	if docs, ok := l.documents[file]; ok {
		return docs, nil
	}
	docs, err := l.repo.Documents(file)
	l.documents[file] = docs // nil for one that cannot be read: it deploys nothing
	return docs, err
}

// state compares what a record describes with its files and with what the generator makes today.
func (l *lister) state(app *repo.App, rec *record) (State, error) {
	edited := false
	for _, f := range rec.Files {
		src, err := readIfThere(l.repo, f.Path)
		switch {
		case err != nil:
			return "", err
		case f.Opaque:
		case src == nil:
			return Missing, nil
		default:
			edited = edited || string(src) != f.Text
		}
	}
	if app.Dir == "" {
		return Missing, nil
	}
	p := &Plan{}
	if err := updateOne(l.ctx, p, l.repo, l.config, app, rec.clone(), nil, Refuse); err != nil {
		return "", err
	}
	switch {
	case len(p.Conflicts) > 0:
		return Clashing, nil
	case p.Changed():
		return Outdated, nil
	case edited:
		return Edited, nil
	}
	return Current, nil
}
