package scaffold

import (
	"bytes"
	"errors"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/diag"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/repo/yamledit"
)

// merge writes an example into a values file of the plan, and gives what it added. Keys, entries and items that are there
// with the same values stay as they are; with other values they are conflicts.
func (p *Plan) merge(r *repo.Repo, file string, ex example, on OnConflict) ([]recordEdit, error) {
	old, src, err := p.current(r, file)
	if err != nil {
		return nil, err
	}
	if err := checkValues(file, src); err != nil {
		return nil, err
	}
	m := &merger{plan: p, file: file, src: src, on: on}
	for _, k := range ex {
		switch {
		case k.scalar != "":
			err = m.scalar(k)
		case k.list:
			err = m.items(k)
		default:
			err = m.entries(k)
		}
		if err != nil {
			return nil, err
		}
	}
	p.write(file, old, m.src)
	return m.edits, nil
}

// checkValues refuses a values file that cannot be edited: broken YAML, several documents, no mapping at its root.
func checkValues(file string, src []byte) error {
	docs, err := repo.ParseDocuments(file, src)
	if err != nil {
		return err
	}
	if len(docs) > 1 {
		return diag.Errorf(docs[1].At(docs[1].Node), "", "a second document; a values file holds one mapping")
	}
	return nil
}

type merger struct {
	plan  *Plan
	file  string
	src   []byte
	on    OnConflict
	edits []recordEdit
}

// scalar adds a top-level key such as image: when it is missing. One that is there is the user's.
func (m *merger) scalar(k *exampleKey) error {
	if have, _ := m.lookup(k.name); have != nil {
		return nil
	}
	text := k.scalar + "\n"
	out, e, err := yamledit.PrependEntry(m.src, yamledit.Entry(text))
	if err != nil {
		return m.problem([]string{k.name}, text, err)
	}
	m.src = out
	m.record(nil, []string{k.name}, text, e)
	return nil
}

func (m *merger) entries(k *exampleKey) error {
	var missing strings.Builder
	var keys []string
	for _, want := range k.entries {
		have, at := m.lookup(k.name, want.key)
		if have == nil {
			missing.WriteString(want.text)
			keys = append(keys, want.key)
			continue
		}
		var w map[string]any
		if err := yaml.Unmarshal([]byte(want.text), &w); err == nil && same(have, w[want.key]) {
			continue
		}
		path := []string{k.name, want.key}
		forced, _, err := yamledit.RemoveEntry(m.src, path)
		if err == nil {
			forced, _, err = yamledit.AddEntry(forced, path[:1], yamledit.Entry(want.text))
		}
		if err != nil {
			return m.problem(path, want.text, err)
		}
		m.conflict(at, strings.Join(path, "."), forced)
	}
	if len(keys) == 0 {
		return nil
	}
	out, e, err := yamledit.AddEntry(m.src, []string{k.name}, yamledit.Entry(missing.String()))
	if err != nil {
		return m.problem([]string{k.name}, missing.String(), err)
	}
	m.src = out
	m.record([]string{k.name}, keys, missing.String(), e)
	return nil
}

func (m *merger) items(k *exampleKey) error {
	if len(k.items) == 0 {
		return nil
	}
	have, at := m.lookup(k.name)
	list, _ := have.([]any)
	var missing strings.Builder
	var keys []string
	for _, want := range k.items {
		var w []any
		if err := yaml.Unmarshal([]byte(want.text), &w); err != nil || len(w) != 1 {
			return diag.Errorf(diag.Position{File: m.file}, k.name, "the generator's example holds a broken item")
		}
		if want.key == "" {
			// A list without names, such as envFrom: what the user has there stands, as with k.
			if len(list) == 0 {
				missing.WriteString(want.text)
				keys = append(keys, "")
			} else if !containsSame(list, w[0]) {
				m.plan.Notes = append(m.plan.Notes, m.file+": "+k.name+" has entries already and is left alone; the generator suggests\n"+
					strings.TrimSuffix(want.text, "\n"))
			}
			continue
		}
		i := named(list, want.key)
		if i < 0 {
			missing.WriteString(want.text)
			keys = append(keys, want.key)
			continue
		}
		if same(list[i], w[0]) {
			continue
		}
		forced, _, err := yamledit.RemoveItem(m.src, []string{k.name}, i)
		if err == nil {
			forced, _, err = yamledit.AddItems(forced, []string{k.name}, yamledit.Entry(want.text))
		}
		if err != nil {
			return m.problem([]string{k.name}, want.text, err)
		}
		m.conflict(m.itemAt(at, k.name, i), k.name+"."+want.key, forced)
		have, at = m.lookup(k.name)
		list, _ = have.([]any)
	}
	if len(keys) == 0 {
		return nil
	}
	out, e, err := yamledit.AddItems(m.src, []string{k.name}, yamledit.Entry(missing.String()))
	if err != nil {
		return m.problem([]string{k.name}, missing.String(), err)
	}
	m.src = out
	m.record([]string{k.name}, keys, missing.String(), e)
	return nil
}

// conflict meets something that stands there with other values; forced is the file with the plan's.
func (m *merger) conflict(at diag.Position, path string, forced []byte) {
	switch m.on {
	case Replace:
		m.src = forced
	case Refuse:
		m.plan.conflict(at, path, "is there already with other values; use --force to replace it or --keep to leave it", string(m.src), string(forced))
	}
}

// record notes an edit so that destroy can take it back. Its container part made room for the entries: `resources:` in the
// place of `resources: {}`, say.
func (m *merger) record(path, keys []string, text string, e yamledit.Edit) {
	rec := recordEdit{File: m.file, Path: path, Keys: keys, Removed: e.Removed, Text: e.Inserted}
	lines := strings.SplitAfter(strings.TrimSuffix(e.Inserted, "\n"), "\n")
	if n := len(lines) - strings.Count(text, "\n"); n > 0 {
		container := strings.Join(lines[:n], "")
		// A line end alone, put where the file had none, is part of the entries.
		if e.Removed != "" || strings.TrimSpace(container) != "" {
			rec.Container, rec.Text = container, strings.TrimPrefix(e.Inserted, container)
		}
	}
	m.edits = append(m.edits, rec)
}

// problem explains why an edit was refused, with the block to write by hand.
func (m *merger) problem(path []string, text string, err error) error {
	at := diag.Position{File: m.file}
	var typed *yamledit.TypeError
	if errors.As(err, &typed) {
		at.Line, at.Column = typed.Line, typed.Column
		where := strings.Join(typed.Path, ".")
		if typed.Have == "alias" {
			return diag.Errorf(at, where, "is an alias, so that an entry here would show elsewhere too; write the %s out, or add by hand:\n%s", typed.Want, pasteable(path, text))
		}
		return diag.Errorf(at, where, "%s; make it a %s", typed.Error(), typed.Want)
	}
	if errors.Is(err, yamledit.ErrUnproven) {
		return diag.Errorf(at, strings.Join(path, "."), "cannot be edited without touching something else; nothing was changed; add by hand:\n%s", pasteable(path, text))
	}
	return diag.Errorf(at, strings.Join(path, "."), "%v", err)
}

func pasteable(path []string, text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	return path[0] + ":\n  " + strings.Join(lines, "\n  ")
}

// lookup gives the value at a path and its place; nil when it is not there.
func (m *merger) lookup(path ...string) (any, diag.Position) {
	return lookup(m.file, m.src, path...)
}

func lookup(file string, src []byte, path ...string) (any, diag.Position) {
	docs, err := repo.ParseDocuments(file, src)
	if err != nil || len(docs) == 0 {
		return nil, diag.Position{File: file}
	}
	n := docs[0].Get(path...)
	if n == nil {
		return nil, diag.Position{File: file}
	}
	var v any
	if n.Decode(&v) != nil {
		return nil, docs[0].At(n)
	}
	return v, docs[0].At(n)
}

// itemAt gives the place of a list's item.
func (m *merger) itemAt(list diag.Position, name string, i int) diag.Position {
	docs, err := repo.ParseDocuments(m.file, m.src)
	if err != nil || len(docs) == 0 {
		return list
	}
	if n := docs[0].Get(name); n != nil && n.Kind == yaml.SequenceNode && i < len(n.Content) {
		return docs[0].At(n.Content[i])
	}
	return list
}

// named gives the index of the item with a name, or -1.
func named(list []any, name string) int {
	for i, v := range list {
		if m, ok := v.(map[string]any); ok && m["name"] == name {
			return i
		}
	}
	return -1
}

func containsSame(list []any, v any) bool {
	for _, have := range list {
		if same(have, v) {
			return true
		}
	}
	return false
}

// same compares values as YAML says them.
func same(a, b any) bool {
	if reflect.DeepEqual(a, b) {
		return true
	}
	x, errX := yaml.Marshal(a)
	y, errY := yaml.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
