package lint

import (
	"strconv"

	"go.yaml.in/yaml/v3"
)

// plainData returns the data of a node with whole numbers as int64, as schemas and rules want it.
func plainData(n *yaml.Node) any {
	switch n.Kind {
	case yaml.AliasNode:
		return plainData(n.Alias)
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		var merged []*yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Tag == "!!merge" {
				merged = append(merged, n.Content[i+1])
				continue
			}
			m[n.Content[i].Value] = plainData(n.Content[i+1])
		}
		for _, from := range merged {
			mergeInto(m, from)
		}
		return m
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, c := range n.Content {
			list[i] = plainData(c)
		}
		return list
	}
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool", "!!int", "!!float":
		var v any
		if err := n.Decode(&v); err != nil {
			return n.Value
		}
		switch v := v.(type) {
		case int:
			return int64(v)
		case uint64:
			return float64(v)
		case float64:
			if v != v || v > 1e308 || v < -1e308 { // .nan and .inf are no JSON
				return n.Value
			}
		}
		return v
	}
	if n.Style == 0 && n.Tag == "!!str" {
		// The API server, kubectl and Helm read YAML 1.1, where these are truth values.
		switch n.Value {
		case "yes", "Yes", "YES", "on", "On", "ON":
			return true
		case "no", "No", "NO", "off", "Off", "OFF":
			return false
		}
	}
	return n.Value
}

func mergeInto(m map[string]any, from *yaml.Node) {
	if from.Kind == yaml.AliasNode {
		from = from.Alias
	}
	if from.Kind == yaml.SequenceNode {
		for _, each := range from.Content {
			mergeInto(m, each)
		}
		return
	}
	data, _ := plainData(from).(map[string]any)
	for k, v := range data {
		if _, own := m[k]; !own {
			m[k] = v
		}
	}
}

// text returns a text in plain data, or "".
func text(data any, path ...string) string {
	for _, step := range path {
		m, _ := data.(map[string]any)
		data = m[step]
	}
	switch data := data.(type) {
	case string:
		return data
	case int64:
		return strconv.FormatInt(data, 10)
	}
	return ""
}

func items(data any, key string) []any {
	m, _ := data.(map[string]any)
	list, _ := m[key].([]any)
	return list
}
