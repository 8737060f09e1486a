package scaffold

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/afero"
	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/repo"
)

// recordFolder holds one record for every generated resource. The records belong into Git: with them, destroy takes away to
// the byte what generate added, and update knows what the template looked like before somebody changed it.
const recordFolder = ".redis-gitops/generated"

// record is what generate did for one resource.
type record struct {
	Version     int    `yaml:"version"`
	Command     string `yaml:"command"`
	Application string `yaml:"application"`
	Folder      string `yaml:"folder"` // resources, deployments or addons
	Type        string `yaml:"type"`
	Operator    string `yaml:"operator,omitempty"` // of a resource; "" is the default one
	Name        string `yaml:"name"`               // type and suffix: redis-cache
	Generator   string `yaml:"generator"`
	Key         string `yaml:"key,omitempty"` // of values.yaml where the values of a resource are not under resources

	Placeholders Placeholders      `yaml:"placeholders"`
	Values       map[string]string `yaml:"values,omitempty"` // what differs from the generator's example, as YAML scalars

	// Rules that the annotations of a manifest suppress, with the reasons. In a chart they are comments in values.yaml.
	Accepts []recordAccepts `yaml:"accepts,omitempty"`

	Files []recordFile `yaml:"files"`
	Edits []recordEdit `yaml:"edits,omitempty"`

	Restore []recordRestore `yaml:"restore,omitempty"`

	Rotation *recordRotation `yaml:"rotation,omitempty"` // of the password, while it is under way

	Migration *recordMigration `yaml:"migration,omitempty"` // that this resource came from

	Clients *recordClients `yaml:"clients,omitempty"` // that an addon moved
}

// recordMigration is the resource whose place this one takes.
type recordMigration struct {
	From    string `yaml:"from"`              // its name: redis-cache
	Way     string `yaml:"way"`               // see [Way]
	Release bool   `yaml:"release,omitempty"` // From is a release of a chart, which nobody generated
	Clients bool   `yaml:"clients,omitempty"` // they were moved
}

// recordRotation is a rotation from one Secret to another.
type recordRotation struct {
	From string `yaml:"from"`
	To   string `yaml:"to"`
}

// recordAccepts is a rule that a manifest suppresses. A key with its name could be taken for that of a secret.
type recordAccepts struct {
	Rule   string `yaml:"rule"`
	Reason string `yaml:"reason"`
	Kind   string `yaml:"kind,omitempty"` // of the resource with the finding, "" for the first one of the operator
}

// recordFile is a file that generate created, as it wrote it.
type recordFile struct {
	Path string `yaml:"path"`
	Text string `yaml:"text"`
	// Secret files (sealed ones too) are left to people: they are recorded by name only.
	Opaque bool `yaml:"opaque,omitempty"`
}

// recordEdit is an edit of a file that was there before.
type recordEdit struct {
	File string   `yaml:"file"`
	Path []string `yaml:"path,flow"`
	Keys []string `yaml:"keys,flow"` // the entries or items that were added
	// The edit replaced Removed by Container+Text, where Container belongs to the collection and Text to the entries. With Replaced, Removed
	// is that entry or item as it was written.
	Removed   string `yaml:"removed"`
	Container string `yaml:"container"`
	Text      string `yaml:"text"`
	Replaced  string `yaml:"replaced,omitempty"` // the entry or item, the only one of Keys, that stood in its place
	Created   bool   `yaml:"created,omitempty"`  // the file was not there before
	Found     bool   `yaml:"found,omitempty"`    // it stood there already: Text says its values, not its bytes
	Shared    bool   `yaml:"shared,omitempty"`   // it stood there already and is used too: another record's, or a person's
	Env       bool   `yaml:"env,omitempty"`      // environment variables that are not under env: the chart reads them elsewhere
}

// chart returns the name that the application's chart had, which is in the names of what it makes.
func (rec *record) chart() string { return cmp.Or(rec.Placeholders["application"], rec.Application) }

// operatorName returns the operator that the resource is for.
func (rec *record) operatorName() string { return cmp.Or(rec.Operator, cue.DefaultOperator()) }

// former returns the record of the resource as it was generated last, nil if it was not. It is read once.
func (s *resource) former() (*record, error) {
	if s.readFormer == nil {
		s.readFormer = sync.OnceValues(func() (*record, error) { return readRecord(s.repo, s.app.Name, s.name) })
	}
	return s.readFormer()
}

// all returns the records of the application. They are read once, and may not be changed.
func (s *resource) all() ([]*record, error) {
	if s.readAll == nil {
		s.readAll = sync.OnceValues(func() ([]*record, error) { return records(s.repo, s.app.Name) })
	}
	return s.readAll()
}

func recordPath(application, name string) string {
	return path.Join(recordFolder, application, name+".yaml")
}

const recordHeader = `# Written by redis-gitops generate. Keep it in Git: destroy and update read it.
`

func (rec *record) marshal() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(recordHeader)
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(rec); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

var ruleName = lazyregexp.New(`^[a-z][a-z0-9-]*/[a-z][a-z0-9-]*$`)

// quotedValue is how the decoder quotes a value of the wrong type.
var quotedValue = lazyregexp.New("`[^`]*`")

// readRecord reads a record; nil when there is none. A record comes from the repository and so is not to be trusted: its
// paths must lie inside the folder of its application.
func readRecord(r *repo.Repo, application, name string) (*record, error) {
	file := recordPath(application, name)
	src, err := readIfThere(r, file)
	if src == nil || err != nil {
		return nil, err
	}
	at := finding.Position{File: file}
	bad := func(what string) error {
		return finding.Errorf(at, "", "%s; restore the file from Git", what).Flags(", or remove it and run generate --keep")
	}
	// Without what it quotes of the file: a record has texts of files with passwords.
	if _, err := repo.ParseDocuments(file, src); err != nil {
		if problems := finding.All(err); len(problems) > 0 {
			at = problems[0].Position
		}
		return nil, bad("not valid YAML")
	}
	d := yaml.NewDecoder(bytes.NewReader(src))
	d.KnownFields(true)
	var rec record
	if err := d.Decode(&rec); err != nil {
		text := quotedValue.ReplaceAllLiteralString(strings.TrimPrefix(err.Error(), "yaml: "), "a value")
		return nil, bad("not a record: " + strings.Join(strings.Fields(text), " "))
	}
	if rec.Version != 1 {
		return nil, bad("written by another version of redis-gitops")
	}
	if rec.Application != application || rec.Name != name {
		return nil, bad("the record belongs to another resource")
	}
	if rec.Key != "" && !slices.Contains(cue.ValuesKeys(), rec.Key) {
		return nil, bad("key " + rec.Key + " is unknown")
	}
	if t := rec.Rotation; t != nil && (repo.CheckName("Secret name", t.From) != nil || repo.CheckName("Secret name", t.To) != nil) {
		return nil, bad("invalid Secret in rotation")
	}
	if m := rec.Migration; m != nil && (repo.CheckName("resource name", m.From) != nil || !slices.Contains(ways, Way(m.Way))) {
		return nil, bad("invalid migration")
	}
	if c := rec.Clients; c != nil && (repo.CheckName("Service name", c.From) != nil || repo.CheckName("Service name", c.To) != nil) {
		return nil, bad("invalid Service in clients")
	}
	for _, a := range rec.Accepts {
		if !ruleName.MatchString(a.Rule) {
			return nil, bad("invalid rule in accepts")
		}
	}
	for _, f := range rec.Files {
		if !inApplication(f.Path, application) {
			return nil, bad("the path " + f.Path + " is outside the application")
		}
	}
	for _, e := range rec.Edits {
		if !inApplication(e.File, application) && e.File != cloudflaredConfig {
			return nil, bad("the path " + e.File + " is outside the application")
		}
	}
	for _, s := range rec.Restore {
		if !inApplication(s.File, application) && s.File != cloudflaredConfig {
			return nil, bad("the path " + s.File + " is outside the application")
		}
	}
	return &rec, nil
}

func inApplication(file, application string) bool {
	return file == path.Clean(file) && !strings.HasPrefix(file, "/") && !strings.HasPrefix(file, ".") &&
		slices.Contains(strings.Split(path.Dir(file), "/"), application)
}

// after returns the edits of a resource whose edits were last and now are now. What was made anew is in now; what a second
// run found in its place is in last only.
func after(last, now []recordEdit) []recordEdit {
	var out []recordEdit
	now = unrecorded(last, now)
	for _, e := range last {
		e.Keys = slices.Clone(e.Keys)
		for i := range now {
			n := &now[i]
			if n.Shared || n.File != e.File || !slices.Equal(n.Path, e.Path) {
				continue
			}
			// What a later run replaced is what the first one wrote.
			if len(n.Keys) == 1 && slices.Contains(e.Keys, n.Keys[0]) {
				n.Replaced, n.Removed = e.Replaced, ""
				if e.Replaced != "" {
					n.Removed = e.Removed
				}
			}
			kept := len(e.Keys)
			e.Keys = slices.DeleteFunc(e.Keys, func(k string) bool { return k != "" && slices.Contains(n.Keys, k) })
			// The new edit stands in the collection for which the old one made room.
			if kept > 0 && len(e.Keys) == 0 && e.Container != "" {
				n.Container, n.Removed = e.Container, e.Removed
			}
			n.Created = n.Created || e.Created
		}
		if len(e.Keys) > 0 {
			out = append(out, e)
		}
	}
	return append(out, now...)
}

// unrecorded leaves out of the shared edits what the record has already: a second run finds what the first one wrote.
func unrecorded(last, now []recordEdit) []recordEdit {
	var out []recordEdit
	for _, n := range now {
		if n.Shared {
			n.Keys = slices.DeleteFunc(slices.Clone(n.Keys), func(k string) bool {
				return slices.ContainsFunc(last, func(e recordEdit) bool { return e.has(n.File, n.Path, k) })
			})
		}
		if len(n.Keys) > 0 {
			out = append(out, n)
		}
	}
	return out
}

// has reports whether an edit is about an entry or item.
func (e *recordEdit) has(file string, path []string, key string) bool {
	return e.File == file && slices.Equal(e.Path, path) && slices.Contains(e.Keys, key)
}

// variables reports whether an edit is about environment variables of containers.
func (e *recordEdit) variables() bool {
	return e.Env || len(e.Path) == 1 && (e.Path[0] == "env" || e.Path[0] == "envFrom")
}

// records returns every record of an application.
func records(r *repo.Repo, application string) ([]*record, error) {
	files, err := afero.ReadDir(r.Fs(), path.Join(recordFolder, application))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, finding.Errorf(finding.Position{File: path.Join(recordFolder, application)}, "", "cannot list it: %v", err)
	}
	var out []*record
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), ".yaml")
		if !ok {
			continue
		}
		rec, err := readRecord(r, application, name)
		if err != nil {
			return nil, err
		}
		if rec != nil {
			out = append(out, rec)
		}
	}
	return out, nil
}

// clone copies a record as far as another one that is destroyed changes it.
func (rec *record) clone() *record {
	out := *rec
	out.Files, out.Edits, out.Restore = slices.Clone(rec.Files), slices.Clone(rec.Edits), slices.Clone(rec.Restore)
	out.Values = maps.Clone(rec.Values)
	return &out
}

// Generated returns the names of what generate made in an application: redis-cache, deployment-web.
func Generated(r *repo.Repo, application string) ([]string, error) {
	if err := repo.CheckName("application name", application); err != nil {
		return nil, err
	}
	all, err := records(r, application)
	names := make([]string, len(all))
	for i, rec := range all {
		names[i] = rec.Name
	}
	slices.Sort(names)
	return names, err
}

// ignoredRecords matches the pattern of .gitignore that hides the records.
var ignoredRecords = lazyregexp.New(`^(!?)/?(?:\.\*|\.redis-gitops(?:/generated)?(?:/\*{1,2})?)/?\s*$`)

// noteIgnored reports that the records would not get into Git, without which destroy and update do not know what was generated.
func (p *Plan) noteIgnored(r *repo.Repo) error {
	src, err := readIfThere(r, ".gitignore")
	if err != nil {
		return err
	}
	line := 0
	for i, text := range strings.Split(string(src), "\n") {
		if m := ignoredRecords.FindStringSubmatch(text); m != nil {
			line = i + 1
			if m[1] == "!" {
				line = 0
			}
		}
	}
	if line > 0 {
		p.Notes = append(p.Notes, finding.Position{File: ".gitignore", Line: line}.String()+": "+recordFolder+" is ignored by Git, so destroy and update will not work in another clone; remove the pattern")
	}
	return nil
}
