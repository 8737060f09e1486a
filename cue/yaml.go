package cue

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// A document is a YAML file as plain data that remembers where each value and each key stood.
type document struct {
	file   string
	data   any // map[string]any, []any, string, int64, float64, bool or nil
	values map[string]finding.Position
	keys   map[string]finding.Position
}

// at gives the position of the value at a path, or of the nearest parent that has one.
func (d *document) at(path []string) finding.Position { return d.nearest(d.values, path) }

// keyAt gives the position of the key that ends a path.
func (d *document) keyAt(path []string) finding.Position { return d.nearest(d.keys, path) }

func (d *document) nearest(positions map[string]finding.Position, path []string) finding.Position {
	for n := len(path); n >= 0; n-- {
		if at, ok := positions[strings.Join(path[:n], "\x00")]; ok {
			return at
		}
	}
	return finding.Position{File: d.file}
}

// The parser of YAML has no error type with a line.
var yamlErrorLine = lazyregexp.New(`^yaml: (?:line (\d+): )?`)

// parseYAML reads one YAML document. A key whose value is empty is left out, so that a block whose lines are all
// commented out means the defaults. Keys must be texts and occur once, and aliases are refused: they can blow a short
// file up to any size.
func parseYAML(file string, src []byte) (*document, finding.Problems) {
	doc := &document{file: file, values: map[string]finding.Position{}, keys: map[string]finding.Position{}}
	decoder := yaml.NewDecoder(bytes.NewReader(src))
	var root, second yaml.Node
	err := decoder.Decode(&root)
	if err == nil {
		if err = decoder.Decode(&second); err == nil {
			return nil, finding.Problems{finding.Errorf(doc.position(&second), "", "only one YAML document is allowed; remove the others and \"---\"")}
		}
	}
	if !errors.Is(err, io.EOF) {
		line, _ := strconv.Atoi(yamlErrorLine.FindStringSubmatch(err.Error() + "yaml: ")[1])
		message := yamlErrorLine.ReplaceAllString(err.Error(), "")
		return nil, finding.Problems{finding.Errorf(finding.Position{File: file, Line: line}, "", "invalid YAML: %s", message)}
	}
	var problems finding.Problems
	if root.Kind == yaml.DocumentNode {
		doc.data = doc.read(root.Content[0], nil, &problems)
	}
	return doc, problems
}

func (d *document) position(n *yaml.Node) finding.Position {
	return finding.Position{File: d.file, Line: n.Line, Column: n.Column}
}

func (d *document) read(n *yaml.Node, path []string, problems *finding.Problems) any {
	d.values[strings.Join(path, "\x00")] = d.position(n)
	report := func(n *yaml.Node, format string, args ...any) {
		*problems = append(*problems, finding.Errorf(d.position(n), pathString(path), format, args...))
	}
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		seen := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			if key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" {
				report(key, "key %s is not a string; put it in quotes", describeNode(key))
				continue
			}
			if line, ok := seen[key.Value]; ok {
				report(key, "duplicate key %q, first set in line %d; remove one", key.Value, line)
				continue
			}
			seen[key.Value] = key.Line
			child := append(path[:len(path):len(path)], key.Value)
			d.keys[strings.Join(child, "\x00")] = d.position(key)
			if v := d.read(value, child, problems); v != nil {
				m[key.Value] = v
			}
		}
		return m
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			list[i] = d.read(item, append(path[:len(path):len(path)], strconv.Itoa(i)), problems)
		}
		return list
	case yaml.AliasNode:
		report(n, "aliases such as %q are not supported here; write the value instead", "*"+n.Value)
		return nil
	}
	v, err := scalar(n)
	if err != nil {
		report(n, "%s", err)
	}
	return v
}

// scalar returns a scalar's value by YAML 1.2: yes and no are texts. So is a date, as it was written.
func scalar(n *yaml.Node) (any, error) {
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true"), nil
	case "!!int":
		var i int64
		if n.Decode(&i) != nil {
			return nil, fmt.Errorf("number %s is too large", n.Value)
		}
		return i, nil
	case "!!float":
		var f float64
		if n.Decode(&f) != nil || f-f != 0 { // f-f is not 0 for infinities and not-a-number
			return nil, fmt.Errorf("invalid number %q; put it in quotes to make it a string", n.Value)
		}
		return f, nil
	case "!!str", "!!timestamp":
		return n.Value, nil
	}
	return nil, fmt.Errorf("tag %q is not supported here; remove it", n.Tag)
}

func describeNode(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "that is a mapping"
	case yaml.SequenceNode:
		return "that is a list"
	case yaml.AliasNode:
		return "*" + n.Value
	}
	return n.Value
}

// ParseValue reads a value as it would be read in values.yaml: 3 is an int64, 0.5 a float64, true a bool, and all else
// is a string.
func ParseValue(text string) any {
	n := yaml.Node{Kind: yaml.ScalarNode, Value: text}
	if v, err := scalar(&n); err == nil && v != nil {
		return v
	}
	return text
}

// pathString returns a path as people write it: resources.redis.memory, ignore[0].reason.
func pathString(path []string) string {
	var b strings.Builder
	for _, p := range path {
		if _, err := strconv.Atoi(p); err == nil {
			fmt.Fprintf(&b, "[%s]", p)
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(p)
	}
	return b.String()
}
