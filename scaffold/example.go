package scaffold

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/repo/yamledit"
)

// An example is what a generator's header says should stand in values.yaml: top-level keys in their order.
type example []*exampleKey

// exampleKey is one top-level key. One of the three others is set, or none for an empty collection.
type exampleKey struct {
	name    string
	scalar  string  // the whole line, such as `image: registry/shop:latest`
	entries []entry // of a mapping
	items   []entry // of a list
	list    bool
	below   []string // steps from name to the collection, where it is not at the top
	env     bool     // holds environment variables of containers under a name of the chart's own
}

// path returns where the collection is in a values file.
func (k *exampleKey) path() []string { return append([]string{k.name}, k.below...) }

// entry is a mapping entry or list item as text at the left margin, with the comments that belong to it.
type entry struct {
	key  string // the key, or the item's `name`
	text string
}

var exampleStart = lazyregexp.New(`(?m)^# Example values\.yaml:\r?\n`)

// optionalStart matches the values of a generator that values.yaml only has where somebody asks for them, each with an example.
var optionalStart = lazyregexp.New(`(?m)^# Optional values:\r?\n((?:#   .*\r?\n)+)`)

// parseOptional returns the comments on the optional values of a generator by their keys, and the keys in their order.
func parseOptional(text string) (keys []string, comments map[string]string) {
	comments = map[string]string{}
	found := optionalStart.FindStringSubmatch(text)
	if found == nil {
		return nil, comments
	}
	for line := range strings.Lines(found[1]) {
		line = strings.TrimRight(strings.TrimPrefix(line, "#   "), "\r\n")
		if key, rest, ok := strings.Cut(line, ":"); ok {
			keys = append(keys, key)
			_, comment, _ := strings.Cut(rest, " # ")
			comments[key] = comment
		}
	}
	return keys, comments
}

// parseExample takes the example values out of an expanded generator: the comment lines from the marker to the first blank
// line. Without the marker there is none. Positions of problems are those of the generator's lines.
func parseExample(file, text string) (example, error) {
	at := exampleStart.FindStringIndex(text)
	if at == nil {
		return nil, nil
	}
	firstLine := strings.Count(text[:at[1]], "\n") + 1
	var lines []string
	for _, l := range strings.SplitAfter(text[at[1]:], "\n") {
		l = strings.TrimSuffix(strings.TrimSuffix(l, "\n"), "\r")
		if l == "" {
			break
		}
		lines = append(lines, strings.TrimPrefix(l, "# "))
	}
	var doc yaml.Node
	body := strings.Join(lines, "\n") + "\n"
	if _, err := repo.ParseDocuments(file, []byte(body)); err != nil {
		for _, p := range finding.All(err) {
			p.Line += firstLine - 1
			if p.Column > 0 {
				p.Column += len("# ")
			}
			p.Message = "the example values are " + p.Message
		}
		return nil, err
	}
	if err := yaml.Unmarshal([]byte(body), &doc); err != nil {
		return nil, finding.Errorf(finding.Position{File: file, Line: firstLine}, "",
			"the example values are not valid YAML: %s; fix the comment", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, finding.Errorf(finding.Position{File: file, Line: firstLine}, "", "the example values are not a mapping; use keys such as resources: and env:")
	}
	var ex example
	for i := 0; i < len(root.Content); i += 2 {
		k, v := root.Content[i], root.Content[i+1]
		end := len(lines)
		if i+2 < len(root.Content) {
			end = root.Content[i+2].Line - 1
		}
		key := &exampleKey{name: k.Value, list: v.Kind == yaml.SequenceNode}
		switch {
		case v.Kind == yaml.ScalarNode:
			key.scalar = lines[k.Line-1]
		case v.Style&yaml.FlowStyle != 0 && len(v.Content) > 0:
			return nil, finding.Errorf(finding.Position{File: file, Line: firstLine + v.Line - 1, Column: v.Column + 2}, k.Value,
				"flow style is not supported; write each entry on its own line")
		case v.Kind == yaml.MappingNode:
			key.entries = cut(lines[:end], v, 2)
		case v.Kind == yaml.SequenceNode:
			key.items = cut(lines[:end], v, 1)
		}
		ex = append(ex, key)
	}
	return ex, nil
}

// cut divides the lines of a block collection into its entries. A comment belongs to the entry below it when it stands at
// the entries' depth, and to the one above when it stands deeper.
func cut(lines []string, collection *yaml.Node, step int) []entry {
	if len(collection.Content) == 0 {
		return nil
	}
	margin := collection.Content[0].Column - 1
	if step == 1 {
		margin = collection.Column - 1
	}
	var out []entry
	start := -1
	for i := 0; i < len(collection.Content); i += step {
		from := collection.Content[i].Line - 1
		for from > 0 && isComment(lines[from-1]) && indentOf(lines[from-1]) == margin {
			from--
		}
		if start >= 0 {
			out[len(out)-1].text = dedent(lines[start:from], margin)
		}
		start = from
		out = append(out, entry{key: itemName(collection.Content[i])})
	}
	end := len(lines)
	for end > start && isComment(lines[end-1]) && indentOf(lines[end-1]) < margin {
		end--
	}
	out[len(out)-1].text = dedent(lines[start:end], margin)
	return out
}

// itemName returns the key of an entry, or the `name` of a list item.
func itemName(n *yaml.Node) string {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == "name" {
				return n.Content[i+1].Value
			}
		}
		return ""
	}
	return n.Value
}

func isComment(line string) bool { return strings.HasPrefix(strings.TrimLeft(line, " "), "#") }
func indentOf(line string) int   { return len(line) - len(strings.TrimLeft(line, " ")) }

func dedent(lines []string, margin int) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l[min(margin, indentOf(l)):] + "\n")
	}
	return b.String()
}

// key returns the top-level key of a name, or nil.
func (ex example) key(name string) *exampleKey {
	for _, k := range ex {
		if k.name == name {
			return k
		}
	}
	return nil
}

// values returns what the example says under a top-level mapping's entry: resources.redis, say. Nil when it is not there.
func (ex example) values(name, entryKey string) map[string]any {
	k := ex.key(name)
	if k == nil {
		return nil
	}
	for _, e := range k.entries {
		if e.key != entryKey {
			continue
		}
		var m map[string]map[string]any
		if yaml.Unmarshal([]byte(e.text), &m) == nil {
			return m[entryKey]
		}
	}
	return nil
}

// order returns the keys of an entry in the order in which they stand.
func (e entry) order() []string {
	var keys []string
	for i, n := range e.value().Content {
		if i%2 == 0 {
			keys = append(keys, n.Value)
		}
	}
	return keys
}

// value returns what stands behind the key of an entry; it is empty where that cannot be read.
func (e entry) value() *yaml.Node {
	var doc yaml.Node
	if yaml.Unmarshal([]byte(e.text), &doc) != nil || len(doc.Content) == 0 || len(doc.Content[0].Content) < 2 {
		return &yaml.Node{}
	}
	return doc.Content[0].Content[1]
}

// set writes a value into an entry, in its place when the key is there and at the end, with a comment, when it is not.
func (e *entry) set(key, text, comment string) error {
	path := []string{e.key, key}
	line := key + ": " + text
	out, _, err := yamledit.SetScalar([]byte(e.text), path, text)
	if err != nil {
		out, _, err = yamledit.ReplaceEntry([]byte(e.text), path, yamledit.Entry(line+"\n")) // a mapping or list
	}
	if err != nil {
		if comment != "" {
			line += " # " + comment
		}
		out, _, err = yamledit.AddEntry([]byte(e.text), path[:1], yamledit.Entry(line+"\n"))
	}
	if err != nil {
		return err
	}
	e.text = string(out)
	return nil
}

// valueText writes a value on one line of YAML, quoted where it must be.
func valueText(v any) string {
	var n yaml.Node
	if err := n.Encode(v); err != nil {
		return `""`
	}
	if n.Kind != yaml.ScalarNode {
		n.Style = yaml.FlowStyle
	}
	out, err := yaml.Marshal(&n)
	if err != nil {
		return `""`
	}
	return strings.TrimSuffix(string(out), "\n")
}
