package render

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/repo"
)

// substituteKey is the label or annotation by which a resource is left as it is.
const substituteKey = "kustomize.toolkit.fluxcd.io/substitute"

// substitute fills in the variables of a Flux Kustomization as Flux does: in the YAML of each built resource, so that ${REPLICAS}
// becomes a number. What the repository does not say stays as it is written, and is unknown.
func (r *Resource) substitute(s *repo.Substitution) {
	for _, from := range []string{"labels", "annotations"} {
		if n := repo.Lookup(r.Node, "metadata", from, substituteKey); n != nil && n.Value == "disabled" {
			return
		}
	}
	r.unknown = map[*yaml.Node]bool{}
	seen := map[*yaml.Node]bool{}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if n == nil || seen[n] {
			return
		}
		seen[n] = true
		if n.Kind == yaml.ScalarNode {
			if text, known, changed := filledIn(n.Value, s, 0); changed || !known {
				setScalar(n, text)
				if !known {
					r.unknown[n] = true
				}
			}
			return
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(r.Node)
}

// substituted returns values with the variables of a Flux Kustomization filled in. A value that has one which the repository does not
// say is left out, so that nothing is concluded from it.
func substituted(n *yaml.Node, s *repo.Substitution) *yaml.Node {
	if s == nil {
		return n
	}
	out := *n
	if n.Kind == yaml.ScalarNode {
		text, known, changed := filledIn(n.Value, s, 0)
		if !known {
			return nil
		}
		if changed {
			setScalar(&out, text)
		}
		return &out
	}
	out.Content = nil
	for i := 0; i < len(n.Content); i++ {
		if n.Kind != yaml.MappingNode {
			if item := substituted(n.Content[i], s); item != nil {
				out.Content = append(out.Content, item)
			}
			continue
		}
		if i++; i < len(n.Content) {
			if value := substituted(n.Content[i], s); value != nil {
				out.Content = append(out.Content, n.Content[i-1], value)
			}
		}
	}
	return &out
}

// Unknown reports whether what is at a path, or above it, depends on a variable that the repository does not say.
func (r *Resource) Unknown(path ...string) bool {
	if len(r.unknown) == 0 {
		return false
	}
	for n := len(path); n > 0; n-- {
		key, value := r.Find(path[:n]...)
		if r.unknown[value] || r.unknown[key] {
			return true
		}
		if value != nil && n < len(path) {
			return false
		}
		if value != nil {
			return value.Kind != yaml.ScalarNode && r.unknownBelow(value)
		}
	}
	return false
}

// unknownBelow reports whether a list of texts, such as customConfig, has one that is unknown.
func (r *Resource) unknownBelow(n *yaml.Node) bool {
	if n.Kind != yaml.SequenceNode {
		return false
	}
	for _, c := range n.Content {
		if r.unknown[c] {
			return true
		}
	}
	return false
}

// setScalar writes a text in the place of another one. Where kustomize writes a text without quotes, what takes its place is read
// as YAML: "${N}" can become a number, a mapping or nothing. The node keeps its place in the source.
func setScalar(n *yaml.Node, text string) {
	quoted := n.Tag != "!!str" || strings.ContainsAny(n.Value, "\n#") || strings.Contains(n.Value, ": ") || strings.HasSuffix(n.Value, ":") ||
		!startsPlain(n.Value)
	if quoted {
		n.Value = text
		return
	}
	var doc yaml.Node
	if yaml.Unmarshal([]byte(text), &doc) != nil || len(doc.Content) != 1 {
		if n.Value = text; strings.TrimSpace(text) == "" {
			n.Tag, n.Value = "!!null", ""
		}
		return
	}
	line, column := n.Line, n.Column
	root := doc.Content[0]
	n.Kind, n.Tag, n.Value, n.Content, n.Style = root.Kind, root.Tag, root.Value, root.Content, 0
	var place func(n *yaml.Node)
	place = func(n *yaml.Node) {
		n.Line, n.Column = line, column
		for _, c := range n.Content {
			place(c)
		}
	}
	place(n)
}

// startsPlain reports whether a text may be written without quotes as far as its first character goes.
func startsPlain(text string) bool {
	return text != "" && !strings.ContainsRune("!&*?|>@%`\"'[]{},-: ", rune(text[0]))
}

// maxNested bounds variables in the defaults of variables.
const maxNested = 10

// filledIn replaces ${NAME} and its functions. known is false when one of them stays.
func filledIn(text string, s *repo.Substitution, depth int) (out string, known, changed bool) {
	if !strings.Contains(text, "${") || depth > maxNested {
		return text, !strings.Contains(text, "${"), false
	}
	known = true
	var b strings.Builder
	for i := 0; i < len(text); {
		if strings.HasPrefix(text[i:], "$${") { // escaped: it stays, with one $ less
			b.WriteString("${")
			i, changed = i+3, true
			continue
		}
		if !strings.HasPrefix(text[i:], "${") {
			b.WriteByte(text[i])
			i++
			continue
		}
		end := closing(text, i+2)
		if end < 0 {
			b.WriteString(text[i:])
			return b.String(), false, changed
		}
		if value, ok := fluxValue(text[i+2:end], s, depth); ok {
			b.WriteString(value)
			changed = true
		} else {
			b.WriteString(text[i : end+1])
			known = false
		}
		i = end + 1
	}
	return b.String(), known, changed
}

// closing returns the index of the brace that closes a variable, past those inside; -1 for none.
func closing(text string, from int) int {
	depth := 1
	for i := from; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], "${"):
			depth++
		case text[i] == '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

var variableName = lazyregexp.New(`^(#?)([A-Za-z_][A-Za-z0-9_]*)(.*)$`)

// fluxValue returns the value of what is between the braces (fluxcd/pkg envsubst/parse/parse.go and template.go). In Flux every
// function of defaults, :- := = and the rest, takes the default for a variable that is empty. ok is false for a value that the
// repository does not say, and for a function that only changes texts in a way that is rarely used.
func fluxValue(inner string, s *repo.Substitution, depth int) (value string, ok bool) {
	m := variableName.FindStringSubmatch(inner)
	if m == nil || strings.Contains(m[3], "\n") {
		return "", false
	}
	value, set := s.Vars[m[2]]
	known := set || !s.Open
	rest := m[3]
	switch {
	case m[1] == "#" && rest == "":
		return strconv.Itoa(len(value)), known
	case m[1] == "#":
		return "", false
	case rest == "":
		return value, known
	case strings.HasPrefix(rest, "="), strings.HasPrefix(rest, ":-"), strings.HasPrefix(rest, ":="), strings.HasPrefix(rest, ":?"), strings.HasPrefix(rest, ":+"):
		if value != "" {
			return value, true
		}
		fallback, all, _ := filledIn(strings.TrimPrefix(rest, ":")[1:], s, depth+1)
		return fallback, all
	}
	if !known {
		return "", false
	}
	return changedCase(value, rest)
}

func changedCase(value, function string) (string, bool) {
	first, size := utf8.DecodeRuneInString(value)
	switch {
	case function == ",,":
		return strings.ToLower(value), true
	case function == "^^":
		return strings.ToUpper(value), true
	case function == "," && value != "":
		return string(unicode.ToLower(first)) + value[size:], true
	case function == "^" && value != "":
		return string(unicode.ToUpper(first)) + value[size:], true
	}
	return "", false
}
