package scaffold

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/repo/yamledit"
)

// sentinelURL matches a URL of sentinels: before the hosts, the hosts, and behind them.
var sentinelURL = lazyregexp.New(`(rediss?-sentinel://(?:[^@/\s]*@)?)([^/\s]+)/([A-Za-z0-9._%-]+)`)

// instead returns a text of a file with the addresses of the new Redis in the place of those of the old one.
func (m *migration) instead(file, text string) string {
	if m.release != nil {
		return m.insteadOfRelease(file, text)
	}
	if !strings.Contains(text, m.was.MasterService) && !strings.Contains(text, m.was.SentinelService) {
		return text
	}
	text = sentinelURL.ReplaceAllStringFunc(text, func(url string) string {
		parts := sentinelURL.FindStringSubmatch(url)
		if parts[3] != m.was.MasterName || replaceName(parts[2], m.was.SentinelService, "") == parts[2] && !strings.Contains(parts[2], m.was.SentinelService+"-0.") {
			return url
		}
		hosts, master, _ := strings.Cut(strings.TrimPrefix(m.will.SentinelURL, "redis-sentinel://"), "/")
		if !strings.Contains(parts[2], ".svc") { // resolved in the namespace of the pod
			hosts = strings.ReplaceAll(hosts, "."+m.placeholders["namespace"]+".svc", "")
		}
		return parts[1] + hosts + "/" + master
	})
	return replaceName(text, m.was.MasterService, m.will.MasterService)
}

// replaceName replaces the name of a Service where it is a whole name, the first label of a host.
func replaceName(text, from, to string) string {
	var b strings.Builder
	for at := 0; ; {
		i := strings.Index(text[at:], from)
		if i < 0 {
			return b.String() + text[at:]
		}
		start, end := at+i, at+i+len(from)
		whole := (start == 0 || !nameByte(text[start-1]) && text[start-1] != '.' && text[start-1] != '_') && (end == len(text) || !nameByte(text[end]) && text[end] != '_')
		b.WriteString(text[at:start])
		if whole {
			b.WriteString(to)
		} else {
			b.WriteString(from)
		}
		at = end
	}
}

// clients returns the files that have addresses of the old Redis which can be replaced.
func (m *migration) clients() ([]string, error) {
	return m.filesWith(func(file string, src []byte) (bool, error) { return len(m.renames(file, src)) > 0, nil })
}

// A rename replaces the values of a file that match accepts.
type rename struct {
	text  string
	match func(path []string, value string) bool
}

// renames returns what is to be replaced in a file.
func (m *migration) renames(file string, src []byte) (found []rename) {
	for _, value := range m.addresses(file, src) {
		found = append(found, rename{m.instead(file, value), func(_ []string, v string) bool { return v == value }})
	}
	if m.release != nil {
		found = append(found, m.besideAddresses(file, src)...)
	}
	return found
}

// addresses returns the values of a file that name the old Redis. A template that is no YAML before it is rendered has none.
func (m *migration) addresses(file string, src []byte) (found []string) {
	if !bytes.Contains(src, []byte(m.was.MasterService)) && !bytes.Contains(src, []byte(m.was.SentinelService)) {
		return nil
	}
	_, _, _ = yamledit.Rename(src, "", func(_ []string, value string) bool {
		if m.instead(file, value) != value && !slices.Contains(found, value) {
			found = append(found, value)
		}
		return false
	})
	return found
}

// moveClients replaces the addresses of the old Redis, and names what else may be one.
func (m *migration) moveClients(ctx context.Context, deps Deps) error {
	if err := m.throughAddon(); err != nil {
		return err
	}
	files, err := m.files()
	if err != nil {
		return err
	}
	for _, file := range files {
		old, src, err := m.plan.current(m.repo, file)
		if err != nil {
			return err
		}
		for _, change := range m.renames(file, src) {
			out, edits, err := yamledit.Rename(src, change.text, change.match)
			if err != nil {
				return finding.Errorf(finding.Position{File: file}, "", "the address of %s cannot be replaced: %v; replace it manually", m.rec.Name, err)
			}
			for _, application := range sortedKeys(m.records) {
				for _, rec := range m.records[application] {
					m.keepUp(rec, file, src, out, edits)
				}
			}
			src = out
		}
		m.plan.write(file, old, src)
	}
	m.plan.Files = slices.DeleteFunc(m.plan.Files, func(f FileChange) bool { return f.Action == Unchanged })
	if err := m.sentinelPassword(ctx, deps); err != nil {
		return err
	}
	m.next.Migration.Clients = true
	m.next.Command = m.commandOf(m.next)
	if err := m.writeRecords(); err != nil {
		return err
	}
	if m.release != nil {
		left, err := m.left()
		for _, ref := range left {
			m.plan.Notes = append(m.plan.Notes, fmt.Sprintf("%s still names %s, of the release %s; change it manually if a client uses it", ref.at, ref.to, m.rec.Name))
		}
		if m.was.SentinelService != "" && m.was.SentinelKey == "" && m.will.SentinelKey != "" {
			m.plan.Notes = append(m.plan.Notes, fmt.Sprintf("the new sentinels ask for the password of the Secret %q too, which the old ones did not", m.to))
		}
		return err
	}
	t := &target{app: m.app.Name, chart: m.chart, plan: m.plan}
	d := newDestroyer(m.repo, m.app, []*record{m.rec.clone()}, 0, &valueReads{}, true)
	t.words = d.services()
	if err := findReferences(m.repo, t); err != nil {
		return err
	}
	for _, ref := range t.found {
		own := slices.ContainsFunc(m.records[m.app.Name], func(rec *record) bool { return rec.Folder == "resources" && rec.wrote(ref.at.File) })
		if own || strings.HasPrefix(ref.at.File, recordFolder+"/") {
			continue
		}
		m.plan.Notes = append(m.plan.Notes, fmt.Sprintf("%s still names %s, a Service of %s; change it manually if a client uses it", ref.at, ref.to, m.rec.Name))
	}
	return nil
}

// throughAddon refuses a migration whose clients an addon has: it connects them to the old Redis.
func (m *migration) throughAddon() error {
	for _, rec := range m.records[m.app.Name] {
		if rec.Clients != nil && rec.Placeholders["resource"] == m.rec.Name {
			return finding.Errorf(finding.Position{File: recordPath(m.app.Name, rec.Name)}, "", "the clients of %s connect through its addon %s, which stays with the old Redis", m.rec.Name, rec.Type).
				Flags("; run `redis-gitops destroy addon %s %s` first, and add it to the new Redis after the migration", m.app.Name, rec.Name)
		}
	}
	return nil
}

// keepUp changes what a record says of a file as the file was changed.
func (m *migration) keepUp(rec *record, file string, src, out []byte, edits []yamledit.Edit) {
	for i := range rec.Files {
		f := &rec.Files[i]
		switch {
		case f.Path != file || f.Opaque:
		case f.Text == string(src):
			f.Text = string(out)
		default: // changed by hand since
			f.Text = m.instead(file, f.Text)
		}
	}
	for i := range rec.Edits {
		e := &rec.Edits[i]
		if e.File != file || m.release == nil && m.instead(file, e.Text) == e.Text {
			continue
		}
		if text, ok := spliced(e.Text, src, edits); ok {
			e.Text = text
			continue
		}
		e.Text = m.instead(file, e.Text)
	}
}

// sentinelPassword adds the variable with the password of the sentinels, where those of the new Redis ask for one and the old ones did not.
func (m *migration) sentinelPassword(ctx context.Context, deps Deps) error {
	const variable = "REDIS_SENTINEL_PASSWORD"
	generated := slices.ContainsFunc(m.rec.Edits, func(e recordEdit) bool { return e.variables() && !e.Shared })
	if m.will.SentinelKey == "" || m.was.SentinelKey != "" || m.from == "" || !generated || m.app.Kind != repo.Chart {
		return nil
	}
	s, err := m.variables(ctx, deps, map[string]string{variable: envName(variable, envRequest{suffix: m.rec.Placeholders["suffix"]})})
	if err != nil {
		return err
	}
	env := s.example.key("env")
	if env == nil {
		return nil
	}
	name := envName(variable, envRequest{suffix: m.rec.Placeholders["suffix"]})
	env.items = slices.DeleteFunc(env.items, func(e entry) bool { return e.key != name })
	s.example = example{env}
	ex, err := s.planEnv(ctx, m.plan, m.next)
	if err != nil {
		return err
	}
	edits, err := m.plan.merge(m.repo, m.app.Path("values.yaml"), ex, Keep)
	if err != nil {
		return err
	}
	m.next.Edits = append(m.next.Edits, edits...)
	return nil
}

// variables settles the new Redis again, for its variables with other names.
func (m *migration) variables(ctx context.Context, deps Deps, names map[string]string) (*resource, error) {
	values, err := m.valuesOf(m.next)
	if err != nil {
		return nil, err
	}
	set := map[string]cue.LayerValue{}
	for _, key := range []string{"sentinels", "sentinelsOf"} {
		if v, ok := values[key]; ok {
			set[key] = cue.LayerValue{Value: layered(v)}
		}
	}
	req := ResourceRequest{App: m.app.Name, Type: m.next.Type, Suffix: m.suffix, Operator: m.target.Name, Set: set, Namespace: m.asked.Namespace, Env: names, Auth: Auth{Method: Existing, Secret: m.from}}
	s, err := newResource(ctx, m.repo, m.config, req)
	if err != nil {
		return nil, err
	}
	return s, s.prepare(ctx, deps)
}

// commandOf is how generate would have made the new Redis with the variables of the old one.
func (m *migration) commandOf(rec *record) string {
	command := rec.Command
	if m.release != nil {
		return command
	}
	if strings.Contains(command, " --env ") {
		return command
	}
	ex, err := parseExample(rec.Generator, rec.Files[0].Text)
	if err != nil || ex.key("env") == nil {
		return command
	}
	for _, item := range ex.key("env").items {
		now := envName(item.key, envRequest{suffix: m.suffix})
		if was := envName(item.key, envRequest{suffix: m.rec.Placeholders["suffix"]}); item.key != "" && was != now {
			command += " --env " + item.key + "=" + was
		}
	}
	return command
}
