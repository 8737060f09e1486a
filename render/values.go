package render

import (
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/repo"
)

// value returns a node as Helm sees it: what YAML 1.1 says of plain scalars, since Helm's parser is of that version, and
// every number a float, since it goes by way of JSON.
func value(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.AliasNode:
		return value(n.Alias)
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, c := range n.Content {
			v, err := value(c)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		if err := fill(m, n); err != nil {
			return nil, err
		}
		return m, nil
	}
	switch v := scalarValue(n).(type) {
	case int64:
		return float64(v), nil
	case uint64:
		return float64(v), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%q cannot be represented in JSON; use another number", n.Value)
		}
		return v, nil
	default:
		return v, nil
	}
}

// fill puts a mapping's values into m, and those that it merges (<<) where it does so: over the keys before and under those
// behind, as Helm's parser has it.
func fill(m map[string]any, n *yaml.Node) error {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if isMerge(n.Content[i]) {
			if err := merge(m, follow(n.Content[i+1])); err != nil {
				return err
			}
			continue
		}
		v, err := value(n.Content[i+1])
		if err != nil {
			return err
		}
		key := follow(n.Content[i])
		name, ok := keyText(key)
		if !ok {
			return fmt.Errorf("%s is not a valid key; use a string, quoted if needed", nodeKind(key))
		}
		m[name] = v
	}
	return nil
}

func merge(m map[string]any, from *yaml.Node) error {
	list := []*yaml.Node{from}
	if from.Kind == yaml.SequenceNode {
		list = slices.Clone(from.Content)
		slices.Reverse(list) // the first wins
	}
	for _, each := range list {
		if each = follow(each); each.Kind != yaml.MappingNode {
			return fmt.Errorf("%q is not a mapping, so it cannot be merged", each.Value)
		}
		if err := fill(m, each); err != nil {
			return err
		}
	}
	return nil
}

// mapping returns the values of a file's documents, later ones over earlier ones.
func mapping(docs []*repo.Document) (map[string]any, error) {
	all := map[string]any{}
	for _, doc := range docs {
		m, err := nodeMapping(doc.At(doc.Node), doc.Node)
		if err != nil {
			return nil, err
		}
		all = overlay(all, m)
	}
	return all, nil
}

func nodeMapping(at finding.Position, n *yaml.Node) (map[string]any, error) {
	v, err := value(n)
	if err != nil {
		return nil, finding.Errorf(at, "", "%s", err)
	}
	m, ok := v.(map[string]any)
	if !ok && v != nil {
		return nil, finding.Errorf(at, "", "values must be a mapping, such as \"replicas: 3\"; found %s", kindOf(v))
	}
	return m, nil
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case map[string]any:
		return "a mapping"
	case []any:
		return "a list"
	case bool:
		return "a boolean"
	case float64, int64:
		return "a number"
	}
	return "a string"
}

// overlay puts b over a, mapping by mapping. It changes neither.
func overlay(a, b map[string]any) map[string]any {
	out := maps.Clone(a)
	if out == nil {
		out = map[string]any{}
	}
	for k, v := range b {
		if upper, ok := v.(map[string]any); ok {
			if lower, ok := out[k].(map[string]any); ok {
				out[k] = overlay(lower, upper)
				continue
			}
		}
		out[k] = v
	}
	return out
}

func deepCopy(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return copyMapping(v)
	case []any:
		list := make([]any, len(v))
		for i, c := range v {
			list[i] = deepCopy(c)
		}
		return list
	}
	return v
}

func copyMapping(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = deepCopy(v)
	}
	return out
}

// coalesce puts a chart's values below those that are given, and then those of its subcharts below their part of them
// (helm.sh/docs/chart_template_guide/subcharts_and_globals). With keepNulls a null stays, which is for the time before
// the values of all charts are known; without it, a null takes away what a chart sets.
func coalesce(c *chart, given map[string]any, keepNulls bool) error {
	for k, own := range copyMapping(c.values) {
		v, ok := given[k]
		if !ok {
			if !keepNulls {
				if own == nil {
					continue
				}
				dropNulls(own)
			}
			given[k] = own
			continue
		}
		if v == nil && !keepNulls {
			delete(given, k)
			continue
		}
		upper, ok1 := v.(map[string]any)
		lower, ok2 := own.(map[string]any)
		if ok1 && ok2 {
			keep := keepNulls || slices.ContainsFunc(c.deps, func(d *chart) bool { return d.name == k })
			if !keep {
				dropNulls(lower)
			}
			under(upper, lower, keep)
		}
	}
	for _, d := range c.deps {
		v, ok := given[d.name]
		if !ok {
			v = map[string]any{}
			given[d.name] = v
		}
		m, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("the values of subchart %q are %s; use a mapping", d.name, kindOf(v))
		}
		globals(m, given)
		if err := coalesce(d, m, keepNulls); err != nil {
			return err
		}
	}
	return nil
}

// under puts lower below upper.
func under(upper, lower map[string]any, keepNulls bool) {
	for k, low := range lower {
		up, ok := upper[k]
		if !ok {
			upper[k] = low
			continue
		}
		if up == nil {
			if !keepNulls && low != nil {
				delete(upper, k)
			}
			continue
		}
		upperMap, ok1 := up.(map[string]any)
		lowerMap, ok2 := low.(map[string]any)
		if ok1 && ok2 {
			under(upperMap, lowerMap, keepNulls)
		}
	}
}

func dropNulls(v any) {
	m, ok := v.(map[string]any)
	if !ok {
		return
	}
	for k, v := range m {
		if v == nil {
			delete(m, k)
		} else {
			dropNulls(v)
		}
	}
}

// globals hands the global values on to a subchart.
func globals(sub, parent map[string]any) {
	own, ok := sub["global"].(map[string]any)
	if _, set := sub["global"]; set && !ok {
		return
	}
	given, ok := parent["global"].(map[string]any)
	if _, set := parent["global"]; set && !ok {
		return
	}
	if own == nil {
		own = map[string]any{}
	}
	for k, v := range given {
		if upper, ok := v.(map[string]any); ok {
			upper = maps.Clone(upper)
			if low, set := own[k]; set {
				lower, ok := low.(map[string]any)
				if !ok {
					continue
				}
				under(upper, lower, true)
			}
			own[k] = upper
		} else if _, isMap := own[k].(map[string]any); !isMap {
			own[k] = v
		}
	}
	sub["global"] = own
}

// table returns the mapping at a path of keys joined by ".".
func table(m map[string]any, path string) (map[string]any, bool) {
	for _, step := range strings.Split(path, ".") {
		next, ok := m[step].(map[string]any)
		if !ok {
			return nil, false
		}
		m = next
	}
	return m, true
}

// lookupValue returns the value at a path of keys and decimal indexes.
func lookupValue(v any, path []string) (any, bool) {
	for _, step := range path {
		switch c := v.(type) {
		case map[string]any:
			next, ok := c[step]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(c) {
				return nil, false
			}
			v = c[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// maxIndex is the largest list index that a parameter may set, as in Helm.
const maxIndex = 65536

// ValuesFile returns the values file that a name means to the chart of a directory: of the chart, or of the repository outside of other
// charts; one that begins with "/" is of the repository. It is "" where there is none.
func ValuesFile(r *repo.Repo, dir, name string) string {
	isFile := func(name string) bool {
		if strings.HasPrefix(name, "../") {
			return false
		}
		info, err := r.Fs().Stat(name)
		return err == nil && info.Mode().IsRegular()
	}
	rest, rooted := strings.CutPrefix(name, "/")
	if file := path.Join(dir, name); !rooted && isFile(file) {
		return file
	}
	file := path.Clean(rest)
	if !isFile(file) {
		return ""
	}
	for around := path.Dir(file); !rooted && around != "."; around = path.Dir(around) {
		if isFile(around+"/Chart.yaml") && !strings.HasPrefix(file, dir+"/") {
			return ""
		}
	}
	return file
}

// setParameter sets a value as helm --set does: the name is keys with "." between them, [0] for a list's element, "\" before
// a special character.
func setParameter(values map[string]any, p repo.Parameter) ([]string, error) {
	path, err := parameterPath(p.Name)
	if err != nil {
		return nil, err
	}
	steps := make([]string, len(path))
	for i, s := range path {
		steps[i] = s.key
	}
	_, err = setAt(values, path, parameterValue(p))
	return steps, err
}

type parameterStep struct {
	key   string
	index int // of a list when isIndex
	list  bool
}

func parameterPath(name string) ([]parameterStep, error) {
	var path []parameterStep
	var key strings.Builder
	ended := false // behind "]", where no key has to follow
	flush := func() error {
		if key.Len() == 0 && !ended {
			return fmt.Errorf("parameter %q has an empty key", name)
		}
		if key.Len() > 0 {
			path = append(path, parameterStep{key: key.String()})
		}
		key.Reset()
		ended = false
		return nil
	}
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '\\' && i+1 < len(name):
			i++
			key.WriteByte(name[i])
		case c == '.':
			if err := flush(); err != nil {
				return nil, err
			}
		case c == '[':
			if err := flush(); err != nil {
				return nil, err
			}
			end := strings.IndexByte(name[i:], ']')
			if end < 0 {
				return nil, fmt.Errorf("parameter %q: missing \"]\"", name)
			}
			n, err := strconv.Atoi(name[i+1 : i+end])
			if err != nil || n < 0 || n > maxIndex {
				return nil, fmt.Errorf("parameter %q: invalid index %q; use 0 to %d", name, name[i+1:i+end], maxIndex)
			}
			path = append(path, parameterStep{strconv.Itoa(n), n, true})
			ended = true
			i += end
		default:
			key.WriteByte(c)
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	return path, nil
}

func setAt(v any, path []parameterStep, set any) (any, error) {
	if len(path) == 0 {
		return set, nil
	}
	step := path[0]
	if step.list {
		list, ok := v.([]any)
		if v != nil && !ok {
			return nil, fmt.Errorf("[%d] is set in %s, which is not a list", step.index, kindOf(v))
		}
		list = slices.Clone(list)
		for len(list) <= step.index {
			list = append(list, nil)
		}
		inner, err := setAt(list[step.index], path[1:], set)
		list[step.index] = inner
		return list, err
	}
	m, ok := v.(map[string]any)
	if v != nil && !ok {
		return nil, fmt.Errorf("%q is set in %s, which is not a mapping", step.key, kindOf(v))
	}
	if m == nil {
		m = map[string]any{}
	}
	inner, err := setAt(m[step.key], path[1:], set)
	if err != nil {
		return nil, err
	}
	m[step.key] = inner
	return m, nil
}

// parameterValue is typed as helm --set does it; {a,b} is a list.
func parameterValue(p repo.Parameter) any {
	typed := func(s string) any {
		s = escaped.ReplaceAllString(s, "$1")
		if p.ForceString {
			return s
		}
		switch {
		case strings.EqualFold(s, "true"):
			return true
		case strings.EqualFold(s, "false"):
			return false
		case strings.EqualFold(s, "null"):
			return nil
		case s == "0":
			return int64(0)
		case s != "" && s[0] != '0':
			if n, err := strconv.ParseInt(s, 10, 64); err == nil {
				return n
			}
		}
		return s
	}
	if inside, ok := strings.CutPrefix(p.Value, "{"); ok && strings.HasSuffix(inside, "}") {
		list := []any{}
		if inside = strings.TrimSuffix(inside, "}"); inside != "" {
			for _, s := range strings.Split(inside, ",") {
				list = append(list, typed(s))
			}
		}
		return list
	}
	return typed(p.Value)
}

var escaped = lazyregexp.New(`(?s)\\(.)`)

// parameterNode returns a parameter's place in the form of values.
func parameterNode(path []string, p repo.Parameter) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: p.Value, Line: p.At.Line, Column: p.At.Column}
	for _, step := range slices.Backward(path) {
		key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: step, Line: p.At.Line, Column: p.At.Column}
		n = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{key, n}, Line: p.At.Line, Column: p.At.Column}
	}
	return n
}
