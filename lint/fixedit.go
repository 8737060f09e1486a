package lint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// edit is a change of lines of one source file. Rendered text is never what is changed.
type edit struct {
	file  string
	line  int    // that it changes, or that it adds lines to
	words string // what it does
	id    string // the same for the same change
	do    func(lines []string) ([]string, error)
	part  *place // the value that it changes, where that is one of several in a text; else nil
}

func newEdit(at finding.Position, words string, value any, do func(lines []string) ([]string, error)) *edit {
	text, _ := json.Marshal(value) // of JSON or Rego, which can be written
	return &edit{file: at.File, line: at.Line, words: words, do: do, id: fmt.Sprintf("%s\x00%s\x00%s", at, words, text)}
}

var (
	errMoved  = errors.New("the line differs from what was rendered")
	errInline = errors.New("the line contains more than this value; change it manually")
)

// setAt replaces a scalar on one line. Comment and quoting around it stay.
func setAt(at finding.Position, node *yaml.Node, value any) *edit {
	old, quoting := node.Value, node.Tag != "!!str"
	return newEdit(at, fmt.Sprintf("set %s", scalar(value)), value, func(lines []string) ([]string, error) {
		i := at.Line - 1
		if i >= len(lines) || strings.Contains(old, "\n") {
			return nil, errMoved
		}
		for _, quoted := range []string{old, `"` + old + `"`, `'` + old + `'`} {
			if changed, ok := replaceAt(lines[i], at.Column, quoted, quote(value, quoted, old, quoting)); ok {
				lines[i] = changed
				return lines, nil
			}
		}
		// Behind a key or a dash, or at the column, stands the old value, plain or quoted, and then at most a comment.
		for _, quoted := range []string{old, `"` + old + `"`, `'` + old + `'`} {
			pattern := regexp.MustCompile(`^(\s*(?:- )*(?:[^\s#][^#]*?:\s+|- )?(?:- )?)` + regexp.QuoteMeta(quoted) + `(\s*(?:#.*)?\r?\n?)$`)
			if m := pattern.FindStringSubmatch(lines[i]); m != nil && quoted != "" {
				lines[i] = m[1] + quote(value, quoted, old, quoting) + m[2]
				return lines, nil
			}
		}
		return nil, errMoved
	})
}

// quote writes a value in the quotes that the old one had. A number or boolean gets them where the old one was one in spite of them,
// as parameters of Argo CD are.
func quote(value any, quoted, old string, number bool) string {
	text := scalar(value)
	if _, isText := value.(string); (isText || number || plainKind(old) == plainKind(text) && plainKind(old) != "") && quoted != old && !strings.ContainsAny(text, `'"\`) {
		return quoted[:1] + text + quoted[:1]
	}
	return text
}

// plainKind is "bool" or "number" for what YAML takes a plain scalar for, and else "".
func plainKind(text string) string {
	if text == "true" || text == "false" {
		return "bool"
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return "number"
	}
	return ""
}

// replaceAt replaces a scalar that stands at a column of a line, when that is what stands there.
func replaceAt(line string, column int, old, text string) (string, bool) {
	runes := []rune(line)
	if column < 1 || column > len(runes) || old == "" {
		return "", false
	}
	before, rest := string(runes[:column-1]), string(runes[column-1:])
	after, ok := strings.CutPrefix(rest, old)
	if !ok || after != "" && !strings.ContainsAny(after[:1], " \t,]}\r\n") {
		return "", false
	}
	return before + text + after, true
}

// removeLine takes the line of an entry or item away.
func removeLine(at finding.Position, old string) *edit {
	return newEdit(at, "remove the line", nil, func(lines []string) ([]string, error) {
		i := at.Line - 1
		if i >= len(lines) || strings.Contains(old, "\n") || !strings.Contains(lines[i], old) {
			return nil, errMoved
		}
		text := strings.TrimSpace(lines[i])
		if strings.ContainsAny(strings.Replace(text, old, "", 1), "{[") {
			return nil, errInline
		}
		if strings.HasPrefix(text, "- ") && strings.Contains(text, ": ") && old != strings.Trim(strings.TrimPrefix(text, "- "), `"'`) {
			return nil, errInline // the first entry of a mapping in a list: its dash would go too
		}
		return slices.Delete(lines, i, i+1), nil
	})
}

var itemLine = lazyregexp.New(`^(\s*- )\S`)

// appendItem adds an item behind the last one of a list.
func appendItem(last finding.Position, value any) *edit {
	return newEdit(last, fmt.Sprintf("add %s", scalar(value)), value, func(lines []string) ([]string, error) {
		i := last.Line - 1
		if i >= len(lines) {
			return nil, errMoved
		}
		m := itemLine.FindStringSubmatch(lines[i])
		if m == nil {
			return nil, errInline
		}
		return slices.Insert(complete(lines, i), i+1, m[1]+scalar(value)+ending(lines[i])), nil
	})
}

// insertEntry adds an entry in front of the first one of a mapping, whose key stands at first, and of the comment above it.
func insertEntry(first finding.Position, key string, path []string, value any) *edit {
	return newEdit(first, "add "+strings.Join(path, "."), value, func(lines []string) ([]string, error) {
		i := first.Line - 1
		if i >= len(lines) || len(path) == 0 {
			return nil, errMoved
		}
		m := regexp.MustCompile(`^(\s*(?:- )*)` + `["']?` + regexp.QuoteMeta(key) + `["']?\s*:`).FindStringSubmatch(lines[i])
		if m == nil {
			return insertInline(lines, i, first.Column, key, path, value)
		}
		indent := strings.Repeat(" ", len(m[1]))
		added, err := block(nested(path, value), indent, ending(lines[i]))
		if err != nil {
			return nil, err
		}
		added[0] = m[1] + added[0][len(indent):] // the dash of a list's item moves up to the new first entry
		lines = complete(lines, i)
		if m[1] != indent {
			lines[i] = indent + lines[i][len(m[1]):]
			return slices.Insert(lines, i, added...), nil
		}
		for i > 0 && strings.HasPrefix(lines[i-1], indent+"#") {
			i--
		}
		return slices.Insert(lines, i, added...), nil
	})
}

// insertInline does the same in a mapping that is written as {key: value}.
func insertInline(lines []string, i, column int, key string, path []string, value any) ([]string, error) {
	runes := []rune(lines[i])
	if column < 2 || column > len(runes) {
		return nil, errMoved
	}
	before, rest := string(runes[:column-1]), string(runes[column-1:])
	if !strings.HasPrefix(strings.TrimLeft(rest, `"'`), key) || !strings.HasSuffix(strings.TrimRight(before, " "), "{") || strings.HasSuffix(strings.TrimRight(before, " "), "{{") {
		return nil, errMoved
	}
	text, err := inline(nested(path[1:], value))
	if err != nil {
		return nil, err
	}
	lines[i] = before + path[0] + ": " + text + ", " + rest
	return lines, nil
}

var emptyValue = lazyregexp.New(`^(\s*(?:- )*["']?[^\s"':#]+["']?\s*:)[ \t]*(?:null|Null|NULL|~|\[\s*\]|\{\s*\})?[ \t]*(#[^\r\n]*)?(\r?\n)?$`)

// fill writes a value for a key that has none: null, nothing, [] or {}.
func fill(at finding.Position, key, old string, column int, path []string, value any) *edit {
	return newEdit(at, "add "+strings.Join(append([]string{key}, path...), "."), value, func(lines []string) ([]string, error) {
		i := at.Line - 1
		if i >= len(lines) {
			return nil, errMoved
		}
		data := nested(path, value)
		m := emptyValue.FindStringSubmatch(lines[i])
		if m == nil || !strings.Contains(m[1], key) {
			text, err := inline(data)
			if err != nil {
				return nil, err
			}
			changed, ok := replaceAt(lines[i], column, old, text)
			if !ok {
				return nil, errInline
			}
			lines[i] = changed
			return lines, nil
		}
		comment, end := m[2], ending(lines[i])
		if comment != "" {
			comment = " " + comment
		}
		switch data.(type) {
		case map[string]any, []any:
		default:
			lines[i] = m[1] + " " + scalar(data) + comment + end
			return lines, nil
		}
		dashes := len(m[1]) - len(strings.TrimLeft(m[1], " -"))
		added, err := block(data, strings.Repeat(" ", dashes+2), end)
		if err != nil {
			return nil, err
		}
		lines[i] = m[1] + comment + end
		return slices.Insert(lines, i+1, added...), nil
	})
}

// nested puts a value below keys.
func nested(path []string, value any) any {
	for j := len(path) - 1; j >= 0; j-- {
		if path[j] == "-" {
			value = []any{value}
		} else {
			value = map[string]any{path[j]: value}
		}
	}
	return value
}

// block writes data as the lines of a block.
func block(data any, indent, end string) ([]string, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(data); err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	for i, line := range lines {
		lines[i] = indent + line + end
	}
	return lines, nil
}

// inline writes data in one line, as part of a line that has brackets.
func inline(data any) (string, error) {
	var n yaml.Node
	if err := n.Encode(data); err != nil {
		return "", err
	}
	var flow func(n *yaml.Node)
	flow = func(n *yaml.Node) {
		n.Style |= yaml.FlowStyle
		for _, c := range n.Content {
			flow(c)
		}
	}
	if n.Kind != yaml.ScalarNode {
		flow(&n)
	}
	out, err := yaml.Marshal(&n)
	text := strings.TrimSuffix(string(out), "\n")
	if err != nil || strings.Contains(text, "\n") {
		return "", errInline
	}
	return text, nil
}

// complete returns a last line without an end one.
func complete(lines []string, i int) []string {
	if !strings.HasSuffix(lines[i], "\n") && i > 0 {
		lines[i] += ending(lines[i-1])
	}
	return lines
}

func ending(line string) string {
	if strings.HasSuffix(line, "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// scalar writes a value as YAML on one line.
func scalar(value any) string {
	if s, ok := value.(string); ok && strings.ContainsAny(s, "\r\n") {
		return fmt.Sprintf("%q", s)
	}
	out, err := yaml.Marshal(value)
	if err != nil || bytes.Count(out, []byte("\n")) != 1 {
		return fmt.Sprint(value)
	}
	return strings.TrimSuffix(string(out), "\n")
}
