package diff

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/instance"
)

// leaf is a field that differs. Its path has elements of lists by their names, and directives of a configuration by their first word.
type leaf struct {
	path     []string
	old, new any
}

// comparison finds the fields that differ between two objects.
type comparison struct {
	directives [][]string // the lists of directives
	leaves     []leaf
}

// live are fields that the API server fills in, and that nobody writes.
var live = [][]string{
	{"status"}, {"metadata", "uid"}, {"metadata", "resourceVersion"}, {"metadata", "generation"}, {"metadata", "creationTimestamp"},
	{"metadata", "managedFields"}, {"metadata", "selfLink"}, {"metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"},
}

func (c *comparison) walk(old, new any, path []string) {
	if slices.ContainsFunc(live, func(p []string) bool { return slices.Equal(p, path) }) {
		return
	}
	oldMap, oldIsMap := old.(map[string]any)
	newMap, newIsMap := new.(map[string]any)
	if (oldIsMap || old == nil) && (newIsMap || new == nil) && len(oldMap)+len(newMap) > 0 {
		c.fields(oldMap, newMap, path)
		return
	}
	oldList, oldIs := old.([]any)
	newList, newIs := new.([]any)
	if (oldIs || old == nil) && (newIs || new == nil) && len(oldList)+len(newList) > 0 {
		if slices.ContainsFunc(c.directives, func(p []string) bool { return slices.Equal(p, path) }) {
			c.fields(directives(oldList), directives(newList), path)
			return
		}
		oldNamed, newNamed := named(oldList), named(newList)
		if oldNamed != nil && newNamed != nil {
			c.fields(oldNamed, newNamed, path)
			return
		}
	}
	if !equal(old, new, slices.Contains(path, "resources")) {
		c.leaves = append(c.leaves, leaf{slices.Clone(path), old, new})
	}
}

func (c *comparison) fields(old, new map[string]any, path []string) {
	keys := slices.Collect(maps.Keys(old))
	for key := range new {
		if _, both := old[key]; !both {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		c.walk(old[key], new[key], append(slices.Clip(path), key))
	}
}

// mapping returns a mapping with fields; nil for anything else.
func mapping(data any) map[string]any {
	m, _ := data.(map[string]any)
	if len(m) == 0 {
		return nil
	}
	return m
}

// named returns the elements of a list by their names; nil if one has none, or two have the same.
func named(list []any) map[string]any {
	out := map[string]any{}
	for _, element := range list {
		m, _ := element.(map[string]any)
		name, _ := m["name"].(string)
		if name == "" || out[name] != nil {
			return nil
		}
		out[name] = element
	}
	return out
}

// directives returns the lines of a configuration by their first words. Those that can be there more than once are one value.
func directives(list []any) map[string]any {
	out := map[string]any{}
	for _, line := range list {
		word, rest, _ := strings.Cut(strings.TrimSpace(instance.Text(line)), " ")
		word, rest = strings.ToLower(word), strings.TrimSpace(rest)
		if before, ok := out[word].(string); ok {
			rest = before + "; " + rest
		}
		out[word] = rest
	}
	delete(out, "")
	return out
}

// equal compares values as Kubernetes does: null is the same as nothing, "1" as 1 where a type is asked for, and 1Gi as 1024Mi in resources.
func equal(old, new any, quantities bool) bool {
	switch a := old.(type) {
	case nil:
		return new == nil
	case map[string]any:
		b, ok := new.(map[string]any)
		if !ok {
			return false
		}
		for key := range a {
			if !equal(a[key], b[key], quantities) {
				return false
			}
		}
		for key := range b {
			if a[key] == nil && b[key] != nil {
				return false
			}
		}
		return true
	case []any:
		b, ok := new.([]any)
		return ok && slices.EqualFunc(a, b, func(x, y any) bool { return equal(x, y, quantities) })
	}
	switch new.(type) {
	case nil, map[string]any, []any:
		return false
	}
	x, y := instance.Text(old), instance.Text(new)
	if x == "" && y == "" {
		return old == new // also times, which are no text
	}
	if x == y {
		return true
	}
	n, ok := amount(x)
	m, both := amount(y)
	return quantities && ok && both && n == m
}

// suffixes are those of quantities of Kubernetes and of sizes of Redis.
var suffixes = map[string]float64{
	"": 1, "m": 1e-3, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50,
	"b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30,
}

// amount reads a number with a suffix. An m is a thousandth, as in Kubernetes.
func amount(text string) (float64, bool) {
	end := strings.LastIndexAny(text, "0123456789.") + 1
	factor, known := suffixes[text[end:]]
	n, err := strconv.ParseFloat(text[:end], 64)
	return n * factor, known && err == nil
}

// at returns the value at a path of names, and the path by which the resource has it.
func at(object any, path []string) (value any, real []string) {
	value = object
	for _, step := range path {
		switch data := value.(type) {
		case map[string]any:
			value = data[step]
			real = append(real, step)
		case []any:
			i := slices.IndexFunc(data, func(element any) bool {
				m, _ := element.(map[string]any)
				return m != nil && m["name"] == step
			})
			if i < 0 {
				value, i = directives(data)[step], slices.IndexFunc(data, func(line any) bool {
					text, _ := line.(string)
					word, _, _ := strings.Cut(strings.TrimSpace(text), " ")
					return strings.EqualFold(word, step)
				})
				if i < 0 {
					return nil, real
				}
			} else {
				value = data[i]
			}
			real = append(real, strconv.Itoa(i))
		default:
			return nil, real
		}
	}
	return value, real
}

// steps takes a path of a fact apart: a key with points is in brackets.
func steps(path string) []string {
	var out []string
	for path != "" {
		if rest, ok := strings.CutPrefix(path, "["); ok {
			key, after, _ := strings.Cut(rest, "]")
			out, path = append(out, key), strings.TrimPrefix(after, ".")
			continue
		}
		end := strings.IndexAny(path, ".[")
		if end < 0 {
			return append(out, path)
		}
		out = append(out, path[:end])
		path = strings.TrimPrefix(path[end:], ".")
	}
	return out
}

// joined is the path as people read it.
func joined(path []string) string {
	var b strings.Builder
	for i, step := range path {
		switch {
		case strings.ContainsAny(step, ".[]"):
			b.WriteString("[" + step + "]")
		case i > 0:
			b.WriteString("." + step)
		default:
			b.WriteString(step)
		}
	}
	return b.String()
}

// maxShown is how much of a value is shown, in characters.
const maxShown = 72

// shown returns a value on one line, shortened.
func shown(value any) string {
	var text string
	switch value := value.(type) {
	case nil:
		return ""
	case map[string]any, []any:
		src, err := json.Marshal(value)
		if err != nil {
			return "…"
		}
		text = string(src)
	default:
		text = instance.Text(value)
		if _, isText := value.(string); text == "" && !isText {
			text = fmt.Sprint(value)
		}
	}
	if line, _, more := strings.Cut(text, "\n"); more {
		text = line + "…"
	}
	if runes := []rune(text); len(runes) > maxShown {
		text = string(runes[:maxShown]) + "…"
	}
	return text
}
