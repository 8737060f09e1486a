package lint

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/render"
)

// attachedKey is the field of a resource under which its rules see the texts of ConfigMaps and Secrets that it names, by kind, name and
// key: its configuration files (lib/redis.rego).
const attachedKey = "redis-gitops.io/files"

// maxAttached bounds what is added to one resource, in bytes.
const maxAttached = 1 << 20

// attachments are the ConfigMaps and Secrets of a unit that can have configuration files, by name.
type attachments map[string][]*render.Resource

func (u *unit) attachments(resources []*render.Resource) attachments {
	found := attachments{}
	for _, r := range resources {
		if _, kind := r.Find("kind"); kind == nil || filesOf[kind.Value] == "" {
			continue
		}
		if _, name := r.Find("metadata", "name"); name != nil {
			found[name.Value] = append(found[name.Value], r)
		}
	}
	return found
}

// filesOf is the field of a kind that has texts as they are.
var filesOf = map[string]string{"ConfigMap": "data", "Secret": "stringData"}

func (u *unit) namespaceOf(r *render.Resource) string {
	if _, namespace := r.Find("metadata", "namespace"); namespace != nil && namespace.Value != "" {
		return namespace.Value
	}
	return u.namespace()
}

// find returns the one of a kind and name that a resource of a namespace means, nil without one. An unknown namespace is any.
func (u *unit) find(kind, namespace, name string) *render.Resource {
	for _, r := range u.attached[name] {
		_, k := r.Find("kind")
		if other := u.namespaceOf(r); k.Value == kind && (other == namespace || other == "" || namespace == "") {
			return r
		}
	}
	return nil
}

// attach returns a resource with the texts of what it names.
func (u *unit) attach(l *linter, namespace string, plain map[string]any, value policy.Value) (policy.Value, error) {
	files := map[string]any{}
	left := maxAttached
	names := map[string]bool{}
	texts(plain["spec"], names)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		for _, kind := range slices.Sorted(maps.Keys(filesOf)) {
			r := u.find(kind, namespace, name)
			if r == nil {
				continue
			}
			_, node := r.Find(filesOf[kind])
			if node == nil {
				continue
			}
			data, _ := plainData(node).(map[string]any)
			byKey := map[string]any{}
			for _, key := range slices.Sorted(maps.Keys(data)) { // in one order, as what is over the limit is left out
				if text, ok := data[key].(string); ok && len(text) <= left {
					left -= len(text)
					byKey[key] = text
				}
			}
			byName, _ := files[kind].(map[string]any)
			if byName == nil {
				byName = map[string]any{}
				files[kind] = byName
			}
			byName[name] = byKey
		}
	}
	if len(files) == 0 {
		return value, nil
	}
	with := maps.Clone(plain)
	with[attachedKey] = files
	return l.pool.Value(with)
}

// texts collects the short texts of a resource.
func texts(data any, into map[string]bool) {
	switch data := data.(type) {
	case map[string]any:
		for _, v := range data {
			texts(v, into)
		}
	case []any:
		for _, v := range data {
			texts(v, into)
		}
	case string:
		if len(data) <= 253 { // a longer one is not a name
			into[data] = true
		}
	}
}

// inAttached locates a line of an attached text: [attachedKey, kind, name, key, line]. The path is that of the text in its resource.
func (u *unit) inAttached(l *linter, namespace string, path []string) (r *render.Resource, at place, in []string) {
	if len(path) < 4 || path[0] != attachedKey {
		return nil, place{}, nil
	}
	in = []string{filesOf[path[1]], path[3]}
	if r = u.find(path[1], namespace, path[2]); r == nil {
		return nil, place{}, nil
	}
	at = inResource(r, in, false)
	if len(path) > 4 {
		_, text := r.Find(in...)
		if line, err := strconv.Atoi(path[4]); err == nil && text != nil {
			at = l.inText(r, text, line, at)
		}
	}
	return r, at, in
}

// inOwnText locates a line of a text of the resource itself, such as a configuration file: the path of the text, and the line.
func (l *linter) inOwnText(r *render.Resource, path []string) (of *render.Resource, at place, in []string) {
	last := len(path) - 1
	if last < 1 {
		return nil, place{}, nil
	}
	line, err := strconv.Atoi(path[last])
	_, text := r.Find(path[:last]...)
	if err != nil || text == nil || text.Kind != yaml.ScalarNode {
		return nil, place{}, nil
	}
	return r, l.inText(r, text, line, inResource(r, path[:last], false)), path[:last]
}

// inText is the place of a line of a text with several: that of the value that it ends with, or of the line in the file or in the values that
// have the text. What is not found there is at the text.
func (l *linter) inText(r *render.Resource, text *yaml.Node, line int, whole place) place {
	lines := strings.Split(text.Value, "\n")
	if line >= len(lines) {
		return whole
	}
	origin := r.LineOrigin(text, line)
	if origin.Alone && origin.Values[0].At.Line > 0 {
		return atValue(origin, origin.Values[0].At, 1)
	}
	given := positions(whole.related)
	if !origin.Literal {
		for _, v := range origin.Values {
			given = append(given, v.At)
		}
	}
	for _, from := range append(given, whole.Position) {
		if at, found := l.below(from, lines[line], len(lines)); found {
			return at
		}
	}
	if origin.Source.Line > 0 {
		return place{Position: origin.Source, endLine: origin.EndLine, endColumn: origin.EndColumn}
	}
	return whole
}

// below finds a line among the first ones below a position.
func (l *linter) below(from finding.Position, line string, most int) (place, bool) {
	src, err := l.repo.ReadFile(from.File)
	if err != nil || from.Line < 1 {
		return place{}, false
	}
	number := 0
	for text := range strings.Lines(string(src)) {
		if number++; number < from.Line || strings.TrimSpace(text) != strings.TrimSpace(line) {
			continue
		}
		if number > from.Line+most {
			break
		}
		column := utf8.RuneCountInString(text) - utf8.RuneCountInString(strings.TrimLeft(text, " \t")) + 1
		return place{Position: finding.Position{File: from.File, Line: number, Column: column}, endLine: number, endColumn: column + utf8.RuneCountInString(strings.TrimSpace(text))}, true
	}
	return place{}, false
}

func positions(related []finding.Related) []finding.Position {
	var out []finding.Position
	for _, r := range related {
		out = append(out, r.Position)
	}
	return out
}
