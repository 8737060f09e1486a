package cue

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// A Violation is one thing wrong with data.
type Violation struct {
	finding.Violation        // Key: the key that ends Path is no field of the schema; Kubernetes drops such a key without a word
	NoMapping         bool   // something else where a mapping belongs, so that all that belongs below it is lost
	Meant             string // the known key that an unknown one is most likely a slip of; "" when none is near
	Suggestion        string // as in [finding.Problem]
}

// At returns the value at a path of plain data, list indexes as numbers; nil where nothing is.
func At(data any, path ...string) any {
	for _, key := range path {
		switch parent := data.(type) {
		case map[string]any:
			data = parent[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(parent) {
				return nil
			}
			data = parent[i]
		default:
			return nil
		}
	}
	return data
}

// check compares plain data with a shape, field by field, and reports everything at once.
func (s structure) check(shape int, data any, path []string, report func(Violation)) {
	schema := s[shape]
	if schema.Kind == isAny || data == nil {
		return
	}
	switch data := data.(type) {
	case map[string]any:
		if schema.Kind&isStruct != 0 {
			s.checkStruct(schema, data, path, report)
			return
		}
	case []any:
		if schema.Kind&isList != 0 {
			for i, item := range data {
				s.check(*schema.Each, item, append(path, strconv.Itoa(i)), report)
			}
			return
		}
	default:
		if schema.Fits != nil && schema.Fits.fits(data) {
			return
		}
	}
	report(Violation{Violation: finding.Violation{Path: slices.Clone(path), Message: schema.complain(data)}, NoMapping: schema.Kind&^isNull == isStruct, Suggestion: schema.suggestion(data)})
}

func (s structure) checkStruct(schema *shape, data map[string]any, path []string, report func(Violation)) {
	for _, name := range schema.Required {
		if data[name] == nil {
			report(Violation{Violation: finding.Violation{Path: slices.Clone(path), Message: fmt.Sprintf("%q is missing; add it", name)}})
		}
	}
	for key, value := range data {
		child := append(path, key)
		field, ok := schema.Fields[key]
		switch {
		case ok:
			s.check(field, value, child, report)
		case schema.Each != nil:
			s.check(*schema.Each, value, child, report)
		case !schema.Open:
			known := slices.Sorted(maps.Keys(schema.Fields))
			report(Violation{Violation: finding.Violation{Path: slices.Clone(child), Key: true, Message: unknownName("key", key, known)}, Meant: meant(key, known)})
		}
	}
}

// violations returns what is wrong in the order of the paths.
func (s structure) violations(shape int, data any) []Violation {
	var violations []Violation
	s.check(shape, data, make([]string, 0, 16), func(v Violation) { violations = append(violations, v) })
	slices.SortStableFunc(violations, func(a, b Violation) int {
		return slices.Compare(a.Path, b.Path) // those of one path come in the order of Required
	})
	return violations
}

// complain explains why data does not fit: in the words of the field's attribute @problem, else by its type.
func (s *shape) complain(data any) string {
	if s.Problem != "" {
		return describe(data) + " " + strings.ReplaceAll(s.Problem, "{suggest}", s.suggest(data))
	}
	if len(s.Enum) > 0 {
		message := describe(data) + " is not allowed; " + finding.OneOf(s.Enum)
		if text, ok := data.(string); ok {
			message += finding.DidYouMean(text, s.Enum)
		}
		return message
	}
	switch data := data.(type) {
	case string:
		switch right := s.quantity(data); {
		case s.Kind&isString == 0:
		case data == "":
			return `"" is empty; set a value, or remove the key`
		case right != "":
			return fmt.Sprintf("invalid quantity %q; use %s", data, right)
		default:
			return fmt.Sprintf("invalid value %q", data)
		}
	case int, int64, uint64, float64, bool:
		if s.Kind == isString || s.Kind == isString|isInt {
			return fmt.Sprintf("%v is not a string; put it in quotes", data)
		}
		if kindOf(data)&s.Kind != 0 {
			return fmt.Sprintf("%v is out of range%s", data, s.bounds())
		}
	}
	return describe(data) + " is not " + expected(kindName(s.Kind))
}

// expected describes how to write what a message asks for, where that is not plain.
func expected(kind string) string {
	switch kind {
	case "a list":
		return `a list; write each element on its own line, after "- "`
	case "a mapping":
		return "a mapping; use keys with values"
	}
	return kind
}

// bounds returns "; write LOW to HIGH" when the field has both.
func (s *shape) bounds() string {
	var low, high json.Number
	for _, part := range s.Fits.And {
		switch part.Op {
		case ">=":
			low = part.Than
		case "<=":
			high = part.Than
		}
	}
	if low == "" || high == "" {
		return "; fix it"
	}
	return fmt.Sprintf("; use a number from %s to %s", low, high)
}

func unknownName(what, name string, known []string) string {
	message := fmt.Sprintf("unknown %s %q", what, name)
	if near := meant(name, known); near != "" {
		return message + fmt.Sprintf("; did you mean %q?", near)
	}
	if len(known) > 12 { // nobody reads on
		return message + "; remove or rename it"
	}
	if len(known) == 0 {
		return message + "; remove it"
	}
	return message + "; " + finding.OneOf(known)
}

// meant returns the known name that name is most likely a slip or a part of, or "".
func meant(name string, known []string) string {
	if near := finding.Nearest(name, known); near != "" {
		return near
	}
	return longerName(name, known)
}

// longerName returns the one known name that begins or ends with name, as bootstrapNode does with bootstrap.
func longerName(name string, known []string) string {
	found := ""
	lower := strings.ToLower(name)
	for _, k := range known {
		candidate := strings.ToLower(k)
		if len(name) < 4 || !strings.HasPrefix(candidate, lower) && !strings.HasSuffix(candidate, lower) {
			continue
		}
		if found != "" {
			return ""
		}
		found = k
	}
	return found
}

// describe returns a value as a message shows it.
func describe(data any) string {
	switch data := data.(type) {
	case map[string]any:
		return "a mapping"
	case []any:
		return "a list"
	case string:
		return strconv.Quote(data)
	}
	return fmt.Sprint(data)
}

func kindName(kind kinds) string {
	names := []struct {
		kind kinds
		name string
	}{
		{isString, "a text"},
		{isBool, "true or false"},
		{isFloat, "a number"},
		{isInt, "a whole number"},
		{isList, "a list"},
		{isStruct, "a mapping"},
	}
	var parts []string
	for _, n := range names {
		if kind&n.kind != 0 && (n.kind != isInt || kind&isFloat == 0) {
			parts = append(parts, n.name)
		}
	}
	return strings.Join(parts, " or ")
}

var misspeltQuantity = lazyregexp.New(`^\s*([0-9]+(?:\.[0-9]+)?)\s*([mMgGtT]?)[iI]?[bB]?\s*$`)

// suggest returns the right spelling of a quantity (100MB is 100Mi), else the field's default.
func (s *shape) suggest(data any) string {
	if right := s.quantity(fmt.Sprint(data)); right != "" {
		return right
	}
	text, _ := s.Default.(string)
	return text
}

// suggestion returns the value that the words of complain suggest; "" if they suggest none.
func (s *shape) suggestion(data any) string {
	text, ok := data.(string)
	switch {
	case s.Problem != "":
		if strings.Contains(s.Problem, "{suggest}") {
			return s.suggest(data)
		}
		return ""
	case !ok:
		return ""
	case len(s.Enum) > 0:
		return finding.Nearest(text, s.Enum)
	}
	return s.quantity(text)
}

// quantity returns what a misspelt quantity must mean, when the field takes that, else "".
func (s *shape) quantity(text string) string {
	m := misspeltQuantity.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	unit := strings.ToUpper(m[2])
	if unit == "" {
		unit = "M"
	}
	right := m[1] + unit + "i"
	if s.Fits == nil || !s.Fits.fits(right) {
		return ""
	}
	return right
}
