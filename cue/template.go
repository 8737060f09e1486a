package cue

import (
	"bytes"
	"fmt"
	"strings"

	"cuelang.org/go/cue"
	"go.yaml.in/yaml/v3"
)

const templateHead = `## Options of redis-gitops. All options are listed as comments with their default values.
## To change an option, uncomment it and the lines it is nested in.
`

// ConfigTemplate returns a configuration with every option in a comment, with its explanation and its default.
func ConfigTemplate() ([]byte, error) {
	v, err := compile("config.cue", "layout.cue")
	if err != nil {
		return nil, err
	}
	b := bytes.NewBufferString(templateHead)
	if err := writeOptions(b, lookup(v, "#Config"), 0); err != nil {
		return nil, fmt.Errorf("embedded schema: %w", err)
	}
	return b.Bytes(), nil
}

func writeOptions(b *bytes.Buffer, v cue.Value, depth int) error {
	fields, err := v.Fields()
	if err != nil {
		return err
	}
	indent := strings.Repeat("  ", depth)
	for fields.Next() {
		field := fields.Value()
		if depth == 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(b, "## %s%s\n# %s%s:", indent, doc(field), indent, fields.Selector().Unquoted())
		if nested, err := field.Fields(); err == nil && nested.Next() {
			b.WriteByte('\n')
			if err := writeOptions(b, field, depth+1); err != nil {
				return err
			}
			continue
		}
		value, _ := field.Default()
		var data any
		if err := value.Decode(&data); err != nil {
			return err
		}
		var node yaml.Node
		if err := node.Encode(data); err != nil {
			return err
		}
		node.Style |= yaml.FlowStyle
		text, err := yaml.Marshal(&node)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, " %s", text)
	}
	return nil
}
