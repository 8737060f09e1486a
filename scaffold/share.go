package scaffold

import (
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// unshared returns the edits without what something else still uses. What another record uses becomes that record's.
func (d *destroyer) unshared(edits []recordEdit) []recordEdit {
	var out []recordEdit
	for _, e := range edits {
		if e.Shared {
			continue
		}
		byUser := map[*record][]string{}
		gone := slices.DeleteFunc(slices.Clone(e.Keys), func(key string) bool {
			for _, other := range d.others {
				if other.uses(e.File, e.Path, key) {
					byUser[other] = append(byUser[other], key)
					return true
				}
			}
			return d.readElsewhere(e, key)
		})
		if len(gone) == len(e.Keys) {
			out = append(out, e)
			continue
		}
		for _, other := range d.others {
			if keys := byUser[other]; len(keys) > 0 {
				d.handed = true
				other.takeOver(e.only(keys, len(keys) == len(e.Keys)))
			}
		}
		if len(gone) > 0 {
			out = append(out, e.only(gone, true))
		}
	}
	return out
}

// readElsewhere reports whether a template reads a value at the top of values.yaml, which then stays. Entries of collections
// have names of their own: a reader of one of those is reported as a reference.
func (d *destroyer) readElsewhere(e recordEdit, key string) bool {
	if len(e.Path) > 0 || d.app.Dir == "" || e.File != d.app.Path("values.yaml") {
		return false
	}
	at := d.values.whole(key)
	if below := d.values.below(key); len(below) > 0 {
		at = &below[0]
	}
	if at == nil {
		return false
	}
	d.plan.Notes = append(d.plan.Notes, e.File+": "+key+" stays, because "+at.At.String()+" reads it")
	return true
}

// handOverSecret keeps the manifest of a Secret that another Redis of the application takes its password from.
func (d *destroyer) handOverSecret(f recordFile) bool {
	secret := d.rec.Values["auth"]
	for _, other := range d.others {
		switch {
		case other.wrote(f.Path):
			return true
		case secret != "" && other.Values["auth"] == secret:
			other.Files = append(other.Files, f)
			d.handed = true
			return true
		}
	}
	return false
}

// uses reports whether what a record made needs an entry or item of a file. A record of an older version knows what it wrote,
// not what it found: there the example in its template says it.
func (rec *record) uses(file string, at []string, key string) bool {
	own := false
	for i := range rec.Edits {
		if rec.Edits[i].has(file, at, key) {
			return true
		}
		own = own || rec.Edits[i].File == file && slices.Equal(rec.Edits[i].Path, at)
	}
	// A kustomization lists the files of a record, also of one that has taken them over.
	if slices.Contains(kustomizationNames, path.Base(file)) && slices.Equal(at, []string{"resources"}) && rec.wrote(path.Join(path.Dir(file), key)) {
		return true
	}
	if len(rec.Files) == 0 || len(at) > 1 {
		return false
	}
	ex, err := parseExample(rec.Generator, rec.Files[0].Text)
	if err != nil {
		return false
	}
	if len(at) == 0 {
		k := ex.key(key)
		return k != nil && k.scalar != ""
	}
	// Where it wrote entries under this key, --env may have given them other names.
	k := ex.key(at[0])
	if k == nil || own || !k.list {
		return false
	}
	items, err := rewriteEnv(k.items, envRequest{suffix: rec.Placeholders["suffix"], namespace: rec.Placeholders["namespace"]})
	return err == nil && slices.ContainsFunc(items, func(e entry) bool { return e.key != "" && e.key == key })
}

// takeOver makes an edit the record's own: it comes first, since it was made before the record's.
func (rec *record) takeOver(e recordEdit) {
	for _, key := range slices.Clone(e.Keys) {
		for i := range rec.Edits {
			own := &rec.Edits[i]
			switch {
			case !own.has(e.File, e.Path, key):
			case own.Shared:
				own.Keys = slices.DeleteFunc(slices.Clone(own.Keys), func(k string) bool { return k == key })
			default: // it has it already
				e.Keys = slices.DeleteFunc(slices.Clone(e.Keys), func(k string) bool { return k == key })
			}
		}
	}
	rec.Edits = slices.DeleteFunc(rec.Edits, func(e recordEdit) bool { return len(e.Keys) == 0 })
	if len(e.Keys) > 0 {
		rec.Edits = append([]recordEdit{e}, rec.Edits...)
	}
}

// only returns the part of an edit that is about some of its keys. container says whether what made room for them comes along.
func (e recordEdit) only(keys []string, container bool) recordEdit {
	if len(keys) == len(e.Keys) {
		return e
	}
	part := e
	part.Keys, part.Text = keys, ""
	pieces := divide(e.Text)
	for _, k := range keys {
		part.Text += pieces[k]
		part.Found = part.Found || pieces[k] == ""
	}
	if part.Found {
		part.Text = e.Text // by its values: byStructure looks up those of the keys
	}
	if !container {
		part.Container, part.Removed, part.Created = "", "", false
	}
	return part
}

// divide takes the text of several entries or items apart, byte for byte; nil when it is not in block style.
func divide(text string) map[string]string {
	var doc yaml.Node
	if yaml.Unmarshal([]byte(text), &doc) != nil || len(doc.Content) == 0 || doc.Content[0].Style&yaml.FlowStyle != 0 {
		return nil
	}
	n, step := doc.Content[0], 1
	switch n.Kind {
	case yaml.MappingNode:
		step = 2
	case yaml.SequenceNode:
	default:
		return nil
	}
	lines := strings.SplitAfter(text, "\n")
	margin := indentOf(firstContent(text))
	start := func(i int) int {
		from := n.Content[i].Line - 1
		for from > 0 && isComment(lines[from-1]) && indentOf(lines[from-1]) == margin {
			from--
		}
		return from
	}
	pieces := map[string]string{}
	for i := 0; i < len(n.Content); i += step {
		from, to := start(i), len(lines)
		if i == 0 {
			from = 0
		}
		if i+step < len(n.Content) {
			to = start(i + step)
		}
		if to <= from {
			return nil // two on one line
		}
		pieces[itemName(n.Content[i])] = strings.Join(lines[from:to], "")
	}
	return pieces
}
