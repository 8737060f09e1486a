package scaffold

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
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
		known := len(m.edits)
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
		for i := range m.edits[known:] {
			m.edits[known+i].Env = k.env
		}
	}
	p.write(file, old, m.src)
	if i := slices.IndexFunc(m.edits, func(e recordEdit) bool { return !e.Shared }); old == nil && i >= 0 {
		m.edits[i].Created = true
	}
	return m.edits, nil
}

// checkValues refuses a values file that cannot be edited: broken YAML, several documents, no mapping at its root.
func checkValues(file string, src []byte) error {
	docs, err := repo.ParseDocuments(file, src)
	if err != nil {
		return err
	}
	if len(docs) > 1 {
		return finding.Errorf(docs[1].At(docs[1].Node), "", "multiple documents; a values file has only one")
	}
	return nil
}

type merger struct {
	plan  *Plan
	file  string
	src   []byte
	on    OnConflict
	edits []recordEdit

	parsed    []*repo.Document // of what src was when it was last looked up in
	parsedSrc []byte
}

// scalar adds a top-level key such as image: when it is missing. One that is there is the user's.
func (m *merger) scalar(k *exampleKey) error {
	if have, at := m.lookup(k.name); have != nil {
		kind := ""
		switch have.(type) {
		case map[string]any:
			kind = "mapping"
		case []any:
			kind = "list"
		}
		if kind != "" {
			return finding.Errorf(at, k.name, "is a %s, but the generator expects a single value such as `%s`; change the generator to fit the chart", kind, k.scalar)
		}
		m.shared(nil, k.name)
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
	in := k.path()
	for _, want := range k.entries {
		path := append(slices.Clone(in), want.key)
		have, at := m.lookup(path...)
		if have == nil {
			missing.WriteString(want.text)
			keys = append(keys, want.key)
			continue
		}
		var w map[string]any
		if err := yaml.Unmarshal([]byte(want.text), &w); err == nil && same(have, w[want.key]) {
			m.shared(in, want.key)
			continue
		}
		forced, e, err := yamledit.ReplaceEntry(m.src, path, yamledit.Entry(want.text))
		if err != nil {
			return m.problem(path, want.text, err)
		}
		if m.conflict(at, strings.Join(path, "."), forced) {
			m.replaced(in, want.key, e, map[string]any{want.key: have})
		}
	}
	if len(keys) == 0 {
		return nil
	}
	out, e, err := yamledit.AddEntry(m.src, in, yamledit.Entry(missing.String()))
	if err != nil {
		return m.problem(in, missing.String(), err)
	}
	m.src = out
	m.record(in, keys, missing.String(), e)
	return nil
}

// items adds list items. Items have to stand in a certain order: Kubernetes expands $(NAME) in the value of an env entry
// only when NAME stands before it (Kubernetes API reference, EnvVar).
func (m *merger) items(k *exampleKey) error {
	if len(k.items) == 0 {
		return nil
	}
	path := k.path()
	var missing []entry
	for _, want := range k.items {
		var w []any
		if err := yaml.Unmarshal([]byte(want.text), &w); err != nil || len(w) != 1 {
			return finding.Errorf(finding.Position{File: m.file}, k.name, "the example values of the generator have an invalid item")
		}
		list, at := m.list(path)
		if want.key == "" {
			// A list without names, such as envFrom: what the user has there stands, as with k.
			switch {
			case len(list) == 0:
				missing = append(missing, want)
			case containsSame(list, w[0]):
				m.shared(path, "")
			default:
				m.plan.Notes = append(m.plan.Notes, m.file+": "+strings.Join(path, ".")+" already has entries and is not changed; the generator suggests\n"+
					strings.TrimSuffix(want.text, "\n"))
			}
			continue
		}
		i := named(list, want.key)
		if i < 0 {
			missing = append(missing, want)
			continue
		}
		// Of two with one name Kubernetes takes the last: all of them have to say the same.
		differs := slices.IndexFunc(list, func(v any) bool { return keyOf(v) == want.key && !same(v, w[0]) })
		if differs < 0 {
			m.shared(path, want.key)
			continue
		}
		forced, e, err := yamledit.ReplaceItem(m.src, path, i, yamledit.Entry(want.text))
		for err == nil {
			again, _ := lookup(m.file, forced, path...)
			j := lastNamed(asList(again), want.key)
			if j == i {
				break
			}
			forced, _, err = yamledit.RemoveItem(forced, path, j)
		}
		if err != nil {
			return m.problem(path, want.text, err)
		}
		if m.conflict(m.itemAt(at, path, differs), strings.Join(append(slices.Clone(path), want.key), "."), forced) {
			m.replaced(path, want.key, e, list[differs:differs+1])
		}
	}
	if err := m.addItems(k, missing); err != nil || m.on != Replace {
		return err
	}
	return m.order(k)
}

// order moves those of the example's items that stand before what they use to the end of the list.
func (m *merger) order(k *exampleKey) error {
	path := k.path()
	for _, want := range k.items {
		list, _ := m.list(path)
		i := named(list, want.key)
		if i < 0 {
			continue
		}
		late := slices.ContainsFunc(k.items, func(other entry) bool {
			return other.key != "" && named(list, other.key) > i && uses(list[i], other.key)
		})
		if !late {
			continue
		}
		out, _, err := yamledit.RemoveItem(m.src, path, i)
		if err != nil {
			return m.problem(path, want.text, err)
		}
		out, e, err := yamledit.AddItems(out, path, yamledit.Entry(want.text))
		if err != nil {
			return m.problem(path, want.text, err)
		}
		m.src = out
		var was recordEdit
		m.edits = slices.DeleteFunc(m.edits, func(e recordEdit) bool {
			of := slices.Equal(e.Path, path) && slices.Equal(e.Keys, []string{want.key})
			if of {
				was = e
			}
			return of
		})
		m.replaced(path, want.key, e, nil)
		if was.Replaced != "" {
			last := &m.edits[len(m.edits)-1]
			last.Replaced, last.Removed = was.Replaced, was.Removed
		}
	}
	return nil
}

// addItems adds the missing items at the end of the list; one whose name an item uses that is there goes before that item.
func (m *merger) addItems(k *exampleKey, missing []entry) error {
	path := k.path()
	var tail []entry
	// Backwards: what an item uses stands before it in the example, and must in the list.
	for _, want := range slices.Backward(missing) {
		list, _ := m.list(path)
		i := slices.IndexFunc(list, func(v any) bool { return want.key != "" && uses(v, want.key) })
		if i < 0 {
			tail = append([]entry{want}, tail...)
			continue
		}
		out, e, err := yamledit.InsertItems(m.src, path, i, yamledit.Entry(want.text))
		if err != nil {
			return m.problem(path, want.text, err)
		}
		m.src = out
		m.replaced(path, want.key, e, nil)
	}
	if len(tail) == 0 {
		return nil
	}
	var text strings.Builder
	var keys []string
	for _, want := range tail {
		text.WriteString(want.text)
		keys = append(keys, want.key)
	}
	out, e, err := yamledit.AddItems(m.src, path, yamledit.Entry(text.String()))
	if err != nil {
		return m.problem(path, text.String(), err)
	}
	m.src = out
	m.record(path, keys, text.String(), e)
	return nil
}

// uses reports whether an env entry's value refers to another entry.
func uses(item any, name string) bool {
	m, _ := item.(map[string]any)
	value, _ := m["value"].(string)
	return strings.Contains(value, "$("+name+")")
}

// list returns the list at a path and its place.
func (m *merger) list(path []string) ([]any, finding.Position) {
	v, at := m.lookup(path...)
	return asList(v), at
}

// adopt returns edits for what stands in a values file already and belongs to a resource that generate did not make, or whose
// record is lost: the entry of the resource, whatever it says, and env entries that say what the generator does. own is the
// entry, such as resources/redis.
func adopt(file string, src []byte, ex example, have []recordEdit, own string) []recordEdit {
	recorded := func(path []string, key string) bool {
		return slices.ContainsFunc(have, func(e recordEdit) bool { return !e.Shared && e.has(file, path, key) })
	}
	var out []recordEdit
	for _, k := range ex {
		e := recordEdit{File: file, Path: k.path(), Found: true}
		for _, want := range k.entries {
			v, _ := lookup(file, src, append(k.path(), want.key)...)
			if v == nil || recorded(k.path(), want.key) || k.name+"/"+want.key != own {
				continue
			}
			if text, err := yaml.Marshal(map[string]any{want.key: v}); err == nil {
				e.Keys, e.Text = append(e.Keys, want.key), e.Text+string(text)
			}
		}
		list, _ := lookup(file, src, k.path()...)
		for _, want := range k.items {
			var w []any
			i := named(asList(list), want.key)
			if want.key == "" || i < 0 || recorded(k.path(), want.key) || yaml.Unmarshal([]byte(want.text), &w) != nil ||
				!containsSame(w, asList(list)[i]) {
				continue
			}
			e.Keys, e.Text = append(e.Keys, want.key), e.Text+want.text
		}
		if len(e.Keys) > 0 {
			out = append(out, e)
		}
	}
	return out
}

// conflict meets something that stands there with other values; forced is the file with the plan's. It says whether that
// has been taken.
func (m *merger) conflict(at finding.Position, path string, forced []byte) bool {
	switch m.on {
	case Replace:
		m.src = forced
		return true
	case Refuse:
		m.plan.conflict(at, path, "already exists with other values", "use --force to overwrite or --keep to keep it", string(m.src), string(forced))
	}
	return false
}

// shared notes that an entry or item stands there already as the generator wants it: destroying what put it there must not
// take it from this one.
func (m *merger) shared(path []string, key string) {
	m.edits = append(m.edits, recordEdit{File: m.file, Path: path, Keys: []string{key}, Shared: true})
}

// replaced notes an entry or item that was put between others, or in the place of was, which destroy brings back.
func (m *merger) replaced(path []string, key string, e yamledit.Edit, was any) {
	edit := recordEdit{File: m.file, Path: path, Keys: []string{key}, Text: e.Inserted}
	if text, err := yaml.Marshal(was); err == nil && was != nil {
		edit.Replaced, edit.Removed = string(text), e.Removed
	}
	m.edits = append(m.edits, edit)
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
	at := finding.Position{File: m.file}
	var typed *yamledit.TypeError
	if errors.As(err, &typed) {
		at.Line, at.Column = typed.Line, typed.Column
		where := strings.Join(typed.Path, ".")
		if typed.Have == "alias" {
			return finding.Errorf(at, where, "is an alias, so a new entry would also change other values; expand the %s, or add manually:\n%s", typed.Want, pasteable(path, text))
		}
		return finding.Errorf(at, where, "%s; make it a %s", typed.Error(), typed.Want)
	}
	if errors.Is(err, yamledit.ErrUnproven) {
		return finding.Errorf(at, strings.Join(path, "."), "cannot be changed without changing something else, so nothing was changed; add manually:\n%s", pasteable(path, text))
	}
	return finding.Errorf(at, strings.Join(path, "."), "%v", err)
}

func pasteable(path []string, text string) string {
	var b strings.Builder
	margin := ""
	for _, step := range path {
		b.WriteString(margin + step + ":\n")
		margin += "  "
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	return b.String() + margin + strings.Join(lines, "\n"+margin)
}

// lookup returns the value at a path and its place; nil when it is not there.
func (m *merger) lookup(path ...string) (any, finding.Position) {
	return lookupIn(m.documents(), m.file, path...)
}

// documents parses the text again when an edit has changed it.
func (m *merger) documents() []*repo.Document {
	if m.parsedSrc == nil || !bytes.Equal(m.parsedSrc, m.src) {
		m.parsed, m.parsedSrc = parsed(m.file, m.src), m.src
	}
	return m.parsed
}

// parsed returns nothing for a text that is broken.
func parsed(file string, src []byte) []*repo.Document {
	docs, err := repo.ParseDocuments(file, src)
	if err != nil {
		return nil
	}
	return docs
}

func lookup(file string, src []byte, path ...string) (any, finding.Position) {
	return lookupIn(parsed(file, src), file, path...)
}

func lookupIn(docs []*repo.Document, file string, path ...string) (any, finding.Position) {
	if len(docs) == 0 {
		return nil, finding.Position{File: file}
	}
	n := docs[0].Get(path...)
	if n == nil {
		return nil, finding.Position{File: file}
	}
	var v any
	if n.Decode(&v) != nil {
		return nil, docs[0].At(n)
	}
	return v, docs[0].At(n)
}

// itemAt returns the place of a list's item.
func (m *merger) itemAt(list finding.Position, path []string, i int) finding.Position {
	docs := m.documents()
	if len(docs) == 0 {
		return list
	}
	if n := docs[0].Get(path...); n != nil && n.Kind == yaml.SequenceNode && i < len(n.Content) {
		return docs[0].At(n.Content[i])
	}
	return list
}

// named returns the index of the first item with a name, or -1.
func named(list []any, name string) int {
	return slices.IndexFunc(list, func(v any) bool { return keyOf(v) == name })
}

// lastNamed returns the index of the last item with a name, or -1.
func lastNamed(list []any, name string) int {
	for i, v := range slices.Backward(list) {
		if keyOf(v) == name {
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
