package yamledit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Rename replaces every scalar that match accepts by text, in all documents of the file. The path of a scalar has the keys from the root
// of its document, and "" for each list; keys of mappings are not asked for. Quotes stay as they are. The edits are in the order of the
// file, with offsets in src; a scalar that an alias elsewhere repeats is refused.
func Rename(src []byte, text string, match func(path []string, value string) bool) ([]byte, []Edit, error) {
	f, documents, err := parseAll(src)
	if err != nil {
		return nil, nil, err
	}
	var found []*yaml.Node
	var walk func(n *yaml.Node, path []string)
	walk = func(n *yaml.Node, path []string) {
		path = path[:len(path):len(path)]
		switch n.Kind {
		case yaml.ScalarNode:
			if n.ShortTag() == "!!str" && match(path, n.Value) {
				found = append(found, n)
			}
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				walk(n.Content[i+1], append(path, n.Content[i].Value))
			}
		case yaml.SequenceNode:
			for _, c := range n.Content {
				walk(c, append(path, ""))
			}
		}
	}
	for _, d := range documents {
		for _, c := range d.Content {
			walk(c, nil)
		}
	}
	out, at := []byte{}, 0
	var edits []Edit
	for _, n := range found {
		start, end, ok := f.scalarSpan(n)
		if !ok || n.Anchor != "" || start < at {
			return nil, nil, fmt.Errorf("line %d: %q %w", n.Line, n.Value, ErrUnproven)
		}
		e := Edit{Offset: start, Removed: string(src[start:end]), Inserted: text}
		if q := src[start]; n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
			e.Inserted = string(q) + text + string(q)
		}
		edits = append(edits, e)
		out, at = append(append(out, src[at:start]...), e.Inserted...), end
	}
	out = append(out, src[at:]...)
	for _, n := range found {
		n.Value = text
	}
	_, after, err := parseAll(out)
	if err != nil || len(after) != len(documents) {
		return nil, nil, ErrUnproven
	}
	for i := range documents {
		if !equal(expand(documents[i]), expand(after[i])) {
			return nil, nil, ErrUnproven
		}
	}
	return out, edits, nil
}

// parseAll returns a file that may have several documents, and these.
func parseAll(src []byte) (*file, []*yaml.Node, error) {
	if strings.Contains(string(src), "\x00") {
		return nil, nil, ErrUnproven
	}
	f := &file{src: src}
	f.split()
	decoder := yaml.NewDecoder(bytes.NewReader(src))
	var documents []*yaml.Node
	for {
		var doc yaml.Node
		switch err := decoder.Decode(&doc); {
		case errors.Is(err, io.EOF):
			return f, documents, nil
		case err != nil:
			return nil, nil, err
		}
		documents = append(documents, &doc)
	}
}
