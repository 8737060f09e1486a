package scaffold

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/repo/yamledit"
)

// recordClients are the Services before and after an addon moved the clients of its Redis.
type recordClients struct {
	From string `yaml:"from"`
	To   string `yaml:"to"`
}

// clientMove replaces the Service in the addresses of clients: from and to of its rotation.
type clientMove struct {
	rotation
	address *regexp.Regexp
}

// clients returns the Services that the clients of the addon's Redis are moved between.
func (s *addon) clients() (*recordClients, error) {
	refuse := func(why string, args ...any) error {
		return finding.Errorf(finding.Position{}, "", "the clients of Redis %q cannot be moved: "+why, append([]any{s.facts.Name}, args...)...).About(CodeRequest, "clients")
	}
	if s.plan.URL == "" {
		return nil, refuse("the addon %s has no URL of its own", s.kind.Name)
	}
	_, to, _ := strings.Cut(s.plan.URL, "://")
	to = to[strings.LastIndexByte(to, '@')+1:]
	host, port, _ := strings.Cut(to, ":")
	to, _, _ = strings.Cut(host, ".")
	switch write := s.instance.Write; {
	case write == nil || write.Service == "":
		return nil, refuse("it has no Service of the master; set the URL manually")
	case fmt.Sprint(write.Port) != port:
		return nil, refuse("its Service %s has port %d, not %s; set the URL manually", write.Service, write.Port, port)
	default:
		return &recordClients{From: write.Service, To: to}, nil
	}
}

// newClientMove is of an application and those in its namespace, between two Services on Redis's port.
func newClientMove(p *Plan, r *repo.Repo, app *repo.App, namespace string, records []*record, from, to string) *clientMove {
	m := &clientMove{rotation: rotation{records: map[string][]*record{app.Name: records}, from: from, to: to, plan: p}}
	m.resource = resource{repo: r, app: app}
	within := `(\.[a-z0-9-]+(\.svc(\.[a-z0-9.-]+)?)?)?`
	if namespace != "" {
		within = `(\.` + regexp.QuoteMeta(namespace) + `(\.svc(\.[a-z0-9.-]+)?)?)?`
	}
	m.address = regexp.MustCompile(`^(rediss?://([^@/\s]*@)?)?` + regexp.QuoteMeta(from) + within + `(:6379)?(/\S*)?$`)
	return m
}

// instead returns an address through the other Service; another text is returned as it is.
func (m *clientMove) instead(text string) string {
	if !m.address.MatchString(text) {
		return text
	}
	return replaceName(text, m.from, m.to)
}

// move replaces the addresses in the files that no Redis and no addon wrote, and in the records of what else generate wrote there. It
// returns the files, as they were and as they are.
func (m *clientMove) move() (moved []FileChange, err error) {
	files, err := m.files()
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		if m.ofAddon(file) {
			continue
		}
		old, src, err := m.plan.current(m.repo, file)
		if err != nil {
			return nil, err
		}
		before := src
		for _, value := range m.values(src) {
			out, edits, err := yamledit.Rename(src, m.instead(value), func(_ []string, v string) bool { return v == value })
			if err != nil {
				return nil, finding.Errorf(finding.Position{File: file}, "", "the address of %s cannot be replaced: %v; replace it manually", m.from, err)
			}
			for _, application := range sortedKeys(m.records) {
				for _, rec := range m.records[application] {
					m.keepUp(rec, file, src, out, edits)
				}
			}
			src = out
		}
		if !bytes.Equal(before, src) {
			m.plan.write(file, old, src)
			moved = append(moved, FileChange{Path: file, Old: before, New: src})
		}
	}
	return moved, nil
}

// ofAddon reports whether an addon wrote a file: a proxy or a backup connects to the Redis itself.
func (m *clientMove) ofAddon(file string) bool {
	app := m.repo.AppOf(path.Dir(file))
	return app != nil && slices.ContainsFunc(m.records[app.Name], func(rec *record) bool { return rec.Folder == addonsFolder && rec.wrote(file) })
}

// values returns the addresses in a file. A template that is no YAML before it is rendered has none.
func (m *clientMove) values(src []byte) (found []string) {
	if !bytes.Contains(src, []byte(m.from)) {
		return nil
	}
	_, _, _ = yamledit.Rename(src, "", func(_ []string, value string) bool {
		if m.instead(value) != value && !slices.Contains(found, value) {
			found = append(found, value)
		}
		return false
	})
	return found
}

// keepUp changes what a record says of a file as the file was changed.
func (m *clientMove) keepUp(rec *record, file string, src, out []byte, edits []yamledit.Edit) {
	for i := range rec.Files {
		if f := &rec.Files[i]; f.Path == file && !f.Opaque && f.Text == string(src) {
			f.Text = string(out)
		}
	}
	for i := range rec.Edits {
		e := &rec.Edits[i]
		if e.File != file {
			continue
		}
		text, ok := spliced(e.Text, src, edits)
		if !ok {
			text = replaceName(e.Text, m.from, m.to)
		}
		e.Text = text
	}
}

// writeRecords writes those that changed. What they say of a file before the first run is about the file without the addon, and stays.
func (m *clientMove) writeRecords() error {
	for _, application := range sortedKeys(m.records) {
		for _, rec := range m.records[application] {
			file := recordPath(application, rec.Name)
			old, err := readIfThere(m.repo, file)
			if err != nil {
				return err
			}
			out, err := rec.marshal()
			if err != nil {
				return err
			}
			if !bytes.Equal(old, out) {
				m.plan.write(file, old, out)
			}
		}
	}
	return nil
}

// moveClients points the clients of the Redis to the addon, where that is asked for; a later run keeps what an earlier one did.
func (s *addon) moveClients(p *Plan, rec *record) error {
	last, err := readRecord(s.repo, s.app.Name, s.name)
	if err != nil {
		return err
	}
	if last != nil && last.Clients != nil && !s.moves {
		rec.Clients = last.Clients
	}
	if !s.moves {
		return nil
	}
	if rec.Clients, err = s.clients(); err != nil {
		return err
	}
	all, err := records(s.repo, s.app.Name)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(other *record) bool { return other.Name == s.name })
	m := newClientMove(p, s.repo, s.app, s.facts.Namespace, all, rec.Clients.From, rec.Clients.To)
	moved, err := m.move()
	if err != nil {
		return err
	}
	if len(moved) == 0 && (last == nil || last.Clients == nil) {
		p.Notes = append(p.Notes, fmt.Sprintf("no value of the application is an address of %s; set %s manually where clients use it", rec.Clients.From, s.plan.URL))
	}
	return m.writeRecords()
}

// moveClientsBack points clients that an addon had moved to their Redis again.
func (d *destroyer) moveClientsBack() error {
	c := d.rec.Clients
	if c == nil || d.app.Dir == "" {
		return nil
	}
	namespace := d.rec.Placeholders["namespace"]
	if namespace == "default" { // which may only be assumed
		namespace = ""
	}
	m := newClientMove(d.plan, d.repo, d.app, namespace, d.others, c.To, c.From)
	moved, err := m.move()
	if err != nil {
		return err
	}
	for _, f := range moved {
		for i := range d.rec.Restore {
			if s := &d.rec.Restore[i]; s.File == f.Path {
				if before := s.before(f.Old); before != nil {
					*s = newRestore(f.Path, before, f.New)
				}
			}
		}
	}
	return m.writeRecords()
}

// throughAddon replaces the Service of the Redis in its URLs where an addon moved the clients, so that they are what values.yaml has.
func (s *resource) throughAddon(items []entry) error {
	all, err := s.all()
	if err != nil {
		return err
	}
	for _, rec := range all {
		if rec.Clients == nil || rec.Placeholders["resource"] != s.name {
			continue
		}
		m := newClientMove(nil, s.repo, s.app, s.namespace, nil, rec.Clients.From, rec.Clients.To)
		for i := range items {
			it := newEnvItem(items[i].text)
			value := it.get("value")
			if to := m.instead(value); to != value {
				if err := it.set("value", to); err != nil {
					return err
				}
				items[i].text = it.text()
			}
		}
	}
	return nil
}
