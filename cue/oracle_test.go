package cue

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"

	"github.com/redis-gitops/redis-gitops/finding"
)

// checkInCUE is what the checks without CUE are held against: it asks CUE about every value. It does not leave that to
// Value.Validate, which hides unknown and missing fields while another value conflicts (cue issue 1319), gives one
// error for each alternative of a disjunction, and has no place for our words.
func checkInCUE(schema cue.Value, data any, path []string, report func(Violation)) {
	if schema.IncompleteKind() == cue.TopKind || data == nil {
		return
	}
	either := cue.StructKind | cue.ListKind
	switch data := data.(type) {
	case map[string]any:
		if schema.IncompleteKind()&either == either {
			return
		}
		if schema.IncompleteKind()&cue.StructKind != 0 {
			checkStruct(withoutDefault(schema), data, path, report)
			return
		}
	case []any:
		if schema.IncompleteKind()&either == either {
			return
		}
		if schema.IncompleteKind()&cue.ListKind != 0 {
			element := element(schema)
			for i, item := range data {
				checkInCUE(element, item, append(path[:len(path):len(path)], strconv.Itoa(i)), report)
			}
			return
		}
	default:
		if schema.Unify(asValue(data)).Validate(cue.Concrete(true)) == nil {
			return
		}
	}
	report(Violation{Violation: finding.Violation{Path: path, Message: complainInCUE(schema, data)}})
}

func checkStruct(schema cue.Value, data map[string]any, path []string, report func(Violation)) {
	known := map[string]cue.Value{}
	fields, err := schema.Fields(cue.Optional(true))
	if err != nil {
		report(Violation{Violation: finding.Violation{Path: path, Message: err.Error()}})
		return
	}
	for fields.Next() {
		name := fields.Selector().Unquoted()
		known[name] = fields.Value()
		if data[name] == nil && fields.Selector().ConstraintType() == cue.RequiredConstraint {
			report(Violation{Violation: finding.Violation{Path: path, Message: fmt.Sprintf("%q is missing; add it", name)}})
		}
	}
	anyKey := schema.LookupPath(cue.MakePath(cue.AnyString))
	open := schema.Allows(cue.AnyString)
	for _, key := range slices.Sorted(maps.Keys(data)) {
		child := append(path[:len(path):len(path)], key)
		field, ok := known[key]
		switch {
		case ok:
			checkInCUE(field, data[key], child, report)
		case anyKey.Exists():
			checkInCUE(anyKey, data[key], child, report)
		case !open:
			report(Violation{Violation: finding.Violation{Path: child, Key: true, Message: unknownName("key", key, slices.Sorted(maps.Keys(known)))}})
		}
	}
}

// complain explains why data does not fit schema: in the words of the field's attribute @problem, else by its type.
func complainInCUE(schema cue.Value, data any) string {
	attribute := schema.Attribute("problem")
	if text, err := attribute.String(0); err == nil {
		return describe(data) + " " + strings.ReplaceAll(text, "{suggest}", suggest(schema, data))
	}
	if allowed := enum(schema); len(allowed) > 0 {
		message := describe(data) + " is not allowed; " + finding.OneOf(allowed)
		if s, ok := data.(string); ok {
			message += finding.DidYouMean(s, allowed)
		}
		return message
	}
	kind := schema.IncompleteKind() &^ cue.BytesKind
	switch data := data.(type) {
	case string:
		switch right := quantity(schema, data); {
		case kind&cue.StringKind == 0:
		case data == "":
			return `"" is empty; set a value, or remove the key`
		case right != "":
			return fmt.Sprintf("invalid quantity %q; use %s", data, right)
		default:
			return fmt.Sprintf("invalid value %q", data)
		}
	case int, int64, uint64, float64, bool:
		if kind == cue.StringKind || kind == cue.StringKind|cue.IntKind {
			return fmt.Sprintf("%v is not a string; put it in quotes", data)
		}
	}
	return describe(data) + " is not " + expected(kindNameOf(kind))
}

func kindNameOf(kind cue.Kind) string {
	names := []struct {
		kind cue.Kind
		name string
	}{
		{cue.StringKind, "a text"},
		{cue.BoolKind, "true or false"},
		{cue.FloatKind, "a number"},
		{cue.IntKind, "a whole number"},
		{cue.ListKind, "a list"},
		{cue.StructKind, "a mapping"},
	}
	var parts []string
	for _, n := range names {
		if kind&n.kind != 0 && (n.kind != cue.IntKind || kind&cue.FloatKind == 0) {
			parts = append(parts, n.name)
		}
	}
	return strings.Join(parts, " or ")
}

// suggest returns the right spelling of a quantity (100MB is 100Mi), else the field's default.
func suggest(schema cue.Value, data any) string {
	if right := quantity(schema, fmt.Sprint(data)); right != "" {
		return right
	}
	value, _ := schema.Default()
	text, _ := value.String()
	return text
}

// quantity returns what a misspelt quantity must mean, when the field takes that, else "".
func quantity(schema cue.Value, text string) string {
	m := misspeltQuantity.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	unit := strings.ToUpper(m[2])
	if unit == "" {
		unit = "M"
	}
	right := m[1] + unit + "i"
	if schema.Unify(asValue(right)).Err() != nil {
		return ""
	}
	return right
}
