package scaffold

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/repo/yamledit"
)

// ofClient reports whether a path is where a pod names a Secret: an environment variable, all variables, or a volume.
func ofClient(path []string) bool {
	last := func(i int) string {
		if len(path) < i {
			return ""
		}
		return path[len(path)-i]
	}
	switch last(1) {
	case "name":
		return slices.Contains([]string{"secretKeyRef", "secretRef"}, last(2)) || last(2) == "secret" && last(4) == "sources"
	case "secretName":
		return last(2) == "secret" && last(4) == "volumes"
	}
	return false
}

// ofRedis reports whether a path is that of the Secret in the values of the resource.
func (s *rotation) ofRedis(path []string) bool {
	want := []string{s.key, s.placeholders["camelName"], "auth"}
	return len(path) >= 3 && slices.Equal(path[len(path)-3:], want)
}

// named returns a match of the old Secret at certain paths.
func (s *rotation) named(at func(path []string) bool) func(path []string, value string) bool {
	return func(path []string, value string) bool { return value == s.from && at(path) }
}

// files returns the YAML files that may name the Secret: those of the application and of others in its namespace, without the manifests of
// generated resources.
func (s *rotation) files() ([]string, error) {
	apps, err := s.repo.Apps()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, app := range apps {
		if app.Name != s.app.Name && !s.anywhere {
			ok, _, err := s.beside(app)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
		}
		all, err := s.recordsOf(app.Name)
		if err != nil {
			return nil, err
		}
		files, err := s.repo.Files(app.Dir)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			ext := path.Ext(file)
			generated := slices.ContainsFunc(all, func(rec *record) bool { return rec.Folder == "resources" && rec.wrote(file) })
			if ext != ".yaml" && ext != ".yml" || generated || slices.Contains(out, file) {
				continue
			}
			out = append(out, file)
		}
	}
	return out, nil
}

// beside reports whether another application is deployed to the namespace of the Redis; known is whether that is known.
func (s *rotation) beside(app *repo.App) (beside, known bool, err error) {
	ours, err := s.app.Namespaces()
	if s.req.Namespace != "" {
		ours = []string{s.req.Namespace}
	}
	if err != nil || len(ours) == 0 {
		return false, false, err
	}
	theirs, err := app.Namespaces()
	return slices.ContainsFunc(theirs, func(n string) bool { return slices.Contains(ours, n) }), len(theirs) > 0, err
}

// references returns what names the old Secret after the plan, in applications that may be in its namespace.
func (s *rotation) references() ([]referrer, error) {
	t := &target{app: s.app.Name, words: []string{s.from}, plan: s.plan}
	if err := findReferences(s.repo, t); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(t.found, func(ref referrer) bool {
		app := s.repo.AppOf(path.Dir(ref.at.File))
		if app == nil || app.Name == s.app.Name {
			return false
		}
		beside, known, err := s.beside(app)
		return err == nil && known && !beside
	}), nil
}

// rename replaces the name of the Secret in a file, at certain paths. A template that is no YAML before it is rendered has none.
func (s *rotation) rename(file string, src []byte, at func(path []string) bool) ([]byte, []yamledit.Edit, error) {
	if !bytes.Contains(src, []byte(s.from)) {
		return src, nil, nil
	}
	out, edits, err := yamledit.Rename(src, s.to, s.named(at))
	switch {
	case err == nil:
		return out, edits, nil
	case bytes.Contains(src, []byte("{{")):
		return src, nil, nil
	}
	return nil, nil, finding.Errorf(finding.Position{File: file}, "", "the name of the Secret %q cannot be replaced: %v; replace it manually", s.from, err)
}

// clients returns the files with clients that use the old Secret.
func (s *rotation) clients() ([]string, error) {
	return s.filesWith(func(file string, src []byte) (bool, error) {
		_, edits, err := s.rename(file, src, ofClient)
		return len(edits) > 0, err
	})
}

// filesWith returns the files whose text has something.
func (s *rotation) filesWith(has func(file string, src []byte) (bool, error)) (out []string, err error) {
	files, err := s.files()
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		src, err := readIfThere(s.repo, file)
		if err != nil {
			return nil, err
		}
		found, err := has(file, src)
		if err != nil {
			return nil, err
		}
		if found {
			out = append(out, file)
		}
	}
	return out, nil
}

// move replaces the name of the Secret in all files, and in the records of what generate wrote there.
func (s *rotation) move(at func(path []string) bool) (moved int, err error) {
	files, err := s.files()
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		old, src, err := s.plan.current(s.repo, file)
		if err != nil {
			return 0, err
		}
		out, edits, err := s.rename(file, src, at)
		if err != nil {
			return 0, err
		}
		if len(edits) == 0 {
			continue
		}
		moved += len(edits)
		s.plan.write(file, old, out)
		for _, application := range sortedKeys(s.records) {
			for _, rec := range s.records[application] {
				s.follow(rec, file, src, out, edits, at)
			}
		}
	}
	return moved, nil
}

// follow changes what a record says of a file as the file was changed.
func (s *rotation) follow(rec *record, file string, src, out []byte, edits []yamledit.Edit, at func(path []string) bool) {
	for i := range rec.Files {
		f := &rec.Files[i]
		switch {
		case f.Path != file || f.Opaque:
		case f.Text == string(src):
			f.Text = string(out)
		default: // changed by hand since
			if text, _, err := s.rename(file, []byte(f.Text), at); err == nil {
				f.Text = string(text)
			}
		}
	}
	for i := range rec.Edits {
		e := &rec.Edits[i]
		if e.File != file || !strings.Contains(e.Text, s.from) {
			continue
		}
		if text, ok := spliced(e.Text, src, edits); ok {
			e.Text = text
			continue
		}
		within := func(p []string) bool { return at(slices.Concat(e.Path, p)) }
		if text, _, err := yamledit.Rename([]byte(e.Text), s.to, s.named(within)); err == nil {
			e.Text = string(text)
		}
	}
}

// spliced makes the edits of a file in a part of it, where that is there once.
func spliced(part string, src []byte, edits []yamledit.Edit) (string, bool) {
	from := bytes.Index(src, []byte(part))
	if from < 0 || bytes.LastIndex(src, []byte(part)) != from {
		return "", false
	}
	for _, e := range slices.Backward(edits) {
		if at := e.Offset - from; at >= 0 && at+len(e.Removed) <= len(part) {
			part = part[:at] + e.Inserted + part[at+len(e.Removed):]
		}
	}
	return part, true
}

// moveClients points the clients to the new Secret, and names what else may be one.
func (s *rotation) moveClients() error {
	if _, err := s.move(ofClient); err != nil {
		return err
	}
	found, err := s.references()
	if err != nil {
		return err
	}
	for _, ref := range found {
		own := slices.ContainsFunc(s.records[s.app.Name], func(rec *record) bool { return rec.Folder == "resources" && rec.wrote(ref.at.File) })
		if own || s.isValue(ref.at) {
			continue
		}
		s.plan.Notes = append(s.plan.Notes, fmt.Sprintf("%s still names the Secret %q; change it manually if a client in this namespace uses it", ref.at, s.from))
	}
	return nil
}

// isValue reports whether the value of the resource is at a line.
func (s *rotation) isValue(at finding.Position) bool {
	_, src, err := s.plan.current(s.repo, at.File)
	if err != nil {
		return false
	}
	_, edits, err := s.rename(at.File, src, s.ofRedis)
	return err == nil && slices.ContainsFunc(edits, func(e yamledit.Edit) bool { return 1+bytes.Count(src[:e.Offset], []byte("\n")) == at.Line })
}

// moveRedis points the Redis to the new Secret: in the values of its chart, or in its manifest.
func (s *rotation) moveRedis(ctx context.Context) error {
	if s.app.Kind == repo.Chart {
		moved, err := s.move(s.ofRedis)
		if err == nil && moved == 0 {
			err = finding.Errorf(finding.Position{File: s.app.Path("values.yaml")}, strings.Join([]string{s.key, s.placeholders["camelName"], "auth"}, "."),
				"the value %q was not found; write %q there manually", s.from, s.to)
		}
		if s.rec.Values == nil {
			s.rec.Values = map[string]string{}
		}
		s.rec.Values["auth"] = s.to
		return err
	}
	now, _, err := regenerate(ctx, s.repo, s.config, s.app, s.rec)
	if err != nil {
		return err
	}
	if now != s.rec.Files[0].Text {
		return finding.Errorf(finding.Position{File: s.rec.Files[0].Path}, "", "is behind its generator, whose changes do not belong to a rotation; run redis-gitops generate update %s %s first", s.app.Name, s.name)
	}
	s.rec.Values["auth"] = s.to
	return updateOne(ctx, s.plan, s.repo, s.config, s.app, s.rec, nil, s.req.Conflicts)
}
