package render

import (
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// find follows aliases and merge keys.
func find(n *yaml.Node, path ...string) (key, value *yaml.Node) {
	n = follow(n)
	for _, step := range path {
		key, n = child(n, step)
		if n = follow(n); n == nil {
			return nil, nil
		}
	}
	return key, n
}

// resolve returns a node without aliases and merge keys, the same one where there are none. It passed repo's limits.
func resolve(n *yaml.Node) *yaml.Node {
	if !hasAlias(n) {
		return n
	}
	n = follow(n)
	out := *n
	out.Anchor = ""
	out.Content = nil
	if n.Kind != yaml.MappingNode {
		for _, c := range n.Content {
			out.Content = append(out.Content, resolve(c))
		}
		return &out
	}
	seen := map[string]bool{}
	add := func(k, v *yaml.Node) {
		if !seen[k.Value] {
			seen[k.Value] = true
			out.Content = append(out.Content, resolve(k), resolve(v))
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if !isMerge(n.Content[i]) {
			add(follow(n.Content[i]), n.Content[i+1])
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if !isMerge(n.Content[i]) {
			continue
		}
		merged := []*yaml.Node{n.Content[i+1]}
		if m := follow(n.Content[i+1]); m.Kind == yaml.SequenceNode {
			merged = m.Content
		}
		for _, m := range merged {
			m = resolve(m)
			for k, v := range fields(m) {
				add(k, v)
			}
		}
	}
	return &out
}

func child(n *yaml.Node, step string) (key, value *yaml.Node) {
	switch {
	case n == nil:
	case n.Kind == yaml.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(n.Content) {
			return nil, n.Content[i]
		}
	case n.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if k := follow(n.Content[i]); k.Kind == yaml.ScalarNode && k.Value == step && !isMerge(k) {
				return n.Content[i], n.Content[i+1]
			}
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !isMerge(n.Content[i]) {
				continue
			}
			merged := follow(n.Content[i+1])
			if merged.Kind != yaml.SequenceNode {
				return child(merged, step)
			}
			for _, m := range merged.Content {
				if k, v := child(follow(m), step); v != nil {
					return k, v
				}
			}
		}
	}
	return nil, nil
}

// endOf returns the place just behind a scalar, or behind the line on which another node begins.
func endOf(src []byte, n *yaml.Node) (line, column int) {
	text := lineOf(src, n.Line)
	behind := utf8.RuneCountInString(strings.TrimRight(text, " \t\r")) + 1
	if n.Kind != yaml.ScalarNode || n.Column < 1 || n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return n.Line, max(behind, n.Column)
	}
	rest := text
	for range n.Column - 1 {
		_, size := utf8.DecodeRuneInString(rest)
		rest = rest[size:]
	}
	length := 0
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0 && strings.HasPrefix(rest, `"`):
		for i := 1; i < len(rest); i++ {
			if rest[i] == '\\' {
				i++
			} else if rest[i] == '"' {
				length = i + 1
				break
			}
		}
	case n.Style&yaml.SingleQuotedStyle != 0 && strings.HasPrefix(rest, "'"):
		for i := 1; i < len(rest); i++ {
			if rest[i] != '\'' {
				continue
			}
			if i+1 < len(rest) && rest[i+1] == '\'' {
				i++
				continue
			}
			length = i + 1
			break
		}
	case strings.HasPrefix(rest, n.Value):
		length = len(n.Value)
	}
	if length == 0 || length > len(rest) {
		return n.Line, max(behind, n.Column)
	}
	return n.Line, n.Column + utf8.RuneCountInString(rest[:length])
}

func nodeKind(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.ShortTag() == "!!null":
		return "nothing"
	}
	return fmt.Sprintf("%q", n.Value)
}

// fields goes over the keys and values of a mapping, aliases followed.
func fields(n *yaml.Node) func(yield func(k, v *yaml.Node) bool) {
	return func(yield func(k, v *yaml.Node) bool) {
		if n == nil || n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(follow(n.Content[i]), follow(n.Content[i+1])) {
				return
			}
		}
	}
}

func follow(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isMerge(key *yaml.Node) bool { return key.Kind == yaml.ScalarNode && key.Tag == "!!merge" }

func hasAlias(n *yaml.Node) bool {
	return n.Kind == yaml.AliasNode || n.Anchor != "" || isMerge(n) || slices.ContainsFunc(n.Content, hasAlias)
}

// keyText returns a key as the string that JSON has; false for what cannot be one.
func keyText(n *yaml.Node) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		return "", false
	}
	switch v := scalarValue(n).(type) {
	case uint64:
		return "", false
	case float64:
		switch {
		case math.IsNaN(v):
			return ".nan", true
		case math.IsInf(v, 1):
			return ".inf", true
		case math.IsInf(v, -1):
			return "-.inf", true
		}
		return asText(v)
	default:
		return asText(v)
	}
}

// asText writes a scalar as a string field of Helm's structs takes it.
func asText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case uint64:
		return strconv.FormatUint(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 32), true
	}
	return "", false
}

// lineOf returns a line, counted from 1, without its end.
func lineOf(src []byte, line int) string {
	for n := 1; len(src) > 0; n++ {
		i := slices.Index(src, '\n')
		if n == line {
			if i >= 0 {
				src = src[:i]
			}
			return string(src)
		}
		if i < 0 {
			break
		}
		src = src[i+1:]
	}
	return ""
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// items returns the objects of a List, or the object itself, without aliases.
func items(n *yaml.Node) []*yaml.Node {
	n = resolve(n)
	_, kind := find(n, "kind")
	_, list := find(n, "items")
	if kind == nil || kind.Value != "List" || list == nil || list.Kind != yaml.SequenceNode {
		return []*yaml.Node{n}
	}
	var all []*yaml.Node
	for _, each := range list.Content {
		if each.Kind == yaml.MappingNode {
			all = append(all, items(each)...)
		}
	}
	return all
}

// scalarValue returns nil, a bool, an int64, a uint64, a float64 or a string, by the rules of YAML 1.1 as go.yaml.in/yaml/v2
// has them (resolve.go).
func scalarValue(n *yaml.Node) any {
	tag := ""
	if n.Style&yaml.TaggedStyle != 0 {
		tag = n.ShortTag()
	}
	switch {
	case tag == "!!binary":
		if text, err := base64.StdEncoding.DecodeString(n.Value); err == nil {
			return string(text)
		}
		return n.Value
	case tag == "!!str", tag != "" && !slices.Contains([]string{"!!bool", "!!int", "!!float", "!!null"}, tag),
		tag == "" && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return n.Value
	}
	v := plainValue(n.Value)
	if i, ok := v.(int64); ok && tag == "!!float" {
		return float64(i)
	}
	return v
}

func plainValue(s string) any {
	if s == "" {
		return nil
	}
	switch c := s[0]; {
	case c == '.':
		switch s {
		case ".nan", ".NaN", ".NAN":
			return math.NaN()
		case ".inf", ".Inf", ".INF":
			return math.Inf(1)
		}
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return f
		}
		return s
	case c >= '0' && c <= '9' || c == '+' || c == '-':
		return number(s)
	}
	switch s {
	case "~", "null", "Null", "NULL":
		return nil
	case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		return true
	case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return false
	}
	return s
}

func number(s string) any {
	switch s {
	case "+.inf", "+.Inf", "+.INF":
		return math.Inf(1)
	case "-.inf", "-.Inf", "-.INF":
		return math.Inf(-1)
	}
	plain := strings.ReplaceAll(s, "_", "")
	if i, err := strconv.ParseInt(plain, 0, 64); err == nil {
		return i
	}
	if u, err := strconv.ParseUint(plain, 0, 64); err == nil {
		return u
	}
	if yamlFloat.MatchString(plain) {
		if f, err := strconv.ParseFloat(plain, 64); err == nil {
			return f
		}
	}
	return s
}

var yamlFloat = lazyregexp.New(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
