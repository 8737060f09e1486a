package cluster

import (
	"fmt"
	"strconv"
)

// at gives the value at a path of keys of plain data, or nil.
func at(data any, path ...string) any {
	for _, key := range path {
		m, _ := data.(map[string]any)
		data = m[key]
	}
	return data
}

// text gives a scalar as text, "" for anything else.
func text(data any) string {
	switch data := data.(type) {
	case string:
		return data
	case int, int64, bool:
		return fmt.Sprint(data)
	case float64:
		return strconv.FormatFloat(data, 'f', -1, 64)
	}
	return ""
}

func number(data any) int {
	n, _ := strconv.Atoi(text(data))
	return n
}

func stringMap(data any) map[string]string {
	m, _ := data.(map[string]any)
	out := make(map[string]string, len(m))
	for key, value := range m {
		out[key] = text(value)
	}
	return out
}

func nameOf(object map[string]any) string      { return text(at(object, "metadata", "name")) }
func namespaceOf(object map[string]any) string { return text(at(object, "metadata", "namespace")) }
