package jsonschema

import (
	"cmp"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/redis-gitops/redis-gitops/finding"
)

// maxSteps bounds the work of one check.
const maxSteps = 500_000

// Check returns what is wrong with a value, in the order of paths, and which demands were not looked at, such as those of a $ref that leads
// outside of the schema. The value is made of map[string]any, []any, string, bool, nil, float64 and int64.
func (s *Schema) Check(value any) (found []finding.Violation, skipped []string) {
	c := &checker{schema: s, left: maxSteps, skipped: slices.Clone(s.skipped)}
	var r verdict
	if s.draft != 0 {
		r = c.check(s.root, s.root, value, nil, 0)
	}
	slices.SortStableFunc(r.wrong, func(a, b finding.Violation) int {
		return cmp.Or(slices.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	r.wrong = slices.CompactFunc(r.wrong, func(a, b finding.Violation) bool { return slices.Equal(a.Path, b.Path) && a.Message == b.Message })
	return r.wrong, c.skipped
}

type checker struct {
	schema  *Schema
	left    int
	skipped []string
}

func (c *checker) skip(format string, args ...any) verdict {
	if what := fmt.Sprintf(format, args...); !slices.Contains(c.skipped, what) {
		c.skipped = append(c.skipped, what)
	}
	return verdict{unknown: true}
}

// verdict is what a schema has against a value. Without wrong and with unknown it may be valid or not.
type verdict struct {
	wrong   []finding.Violation
	unknown bool
	seen    seen
}

// seen are the keys and elements of a value that a schema is about, for unevaluatedProperties and unevaluatedItems.
type seen struct {
	keys     map[string]bool
	elements map[int]bool
	partly   bool // there may be more
}

func (s *seen) key(name string) {
	if s.keys == nil {
		s.keys = map[string]bool{}
	}
	s.keys[name] = true
}

func (s *seen) element(i int) {
	if s.elements == nil {
		s.elements = map[int]bool{}
	}
	s.elements[i] = true
}

func (s *seen) add(other seen) {
	for name := range other.keys {
		s.key(name)
	}
	for i := range other.elements {
		s.element(i)
	}
	s.partly = s.partly || other.partly
}

func (v verdict) valid() bool   { return len(v.wrong) == 0 && !v.unknown }
func (v verdict) invalid() bool { return len(v.wrong) > 0 }

func (v *verdict) and(other verdict) {
	v.wrong = append(v.wrong, other.wrong...)
	v.unknown = v.unknown || other.unknown
	if !other.invalid() {
		v.seen.add(other.seen)
		v.seen.partly = v.seen.partly || other.unknown
	}
}

func (v *verdict) fail(path []string, format string, args ...any) {
	v.wrong = append(v.wrong, finding.Violation{Path: slices.Clone(path), Message: fmt.Sprintf(format, args...)})
}

func below(path []string, step string) []string { return append(slices.Clip(path), step) }

func (c *checker) check(schema, base, value any, path []string, depth int) (r verdict) {
	if c.left--; c.left < 0 || depth > maxDepth {
		return c.skip("the validation takes too long")
	}
	if allowed, ok := schema.(bool); ok {
		if !allowed {
			r.fail(path, "is not allowed; remove it")
		}
		return r
	}
	object, ok := schema.(map[string]any)
	if !ok {
		return verdict{unknown: true}
	}
	if isResource(object) {
		base = schema
	}
	draft := c.schema.draft
	if ref, ok := object["$ref"].(string); ok {
		node, in, found := c.schema.resolve(ref, base)
		if !found {
			r.and(c.skip("$ref %q points outside the schema", ref))
		} else {
			r.and(c.check(node, in, value, path, depth+1))
		}
		if draft < 2019 {
			object = besideRef(object)
		}
	}
	if draft >= 2019 && slices.ContainsFunc(unknownKeywords, func(k string) bool { _, has := object[k]; return has }) {
		r.unknown = true
	}
	in := place{c, base, path, depth + 1}
	in.types(&r, object, value)
	in.combined(&r, object, value)
	switch v := value.(type) {
	case int64:
		in.number(&r, object, float64(v))
	case float64:
		in.number(&r, object, v)
	case string:
		in.text(&r, object, v)
	case []any:
		in.list(&r, object, v)
	case map[string]any:
		in.mapping(&r, object, v)
	}
	if draft >= 2019 {
		in.unevaluated(&r, object, value)
	}
	return r
}

// besideRef returns what counts beside $ref before draft 2019-09: nothing by the standard, and const for Helm (santhosh-tekuri/jsonschema
// v6.0.2 validator.go, validate).
func besideRef(object map[string]any) map[string]any {
	if only, has := object["const"]; has {
		return map[string]any{"const": only}
	}
	return nil
}

// place is a value that is looked at, and where a schema of it is.
type place struct {
	*checker
	base  any
	path  []string
	depth int
}

func (p place) sub(schema, value any, step ...string) verdict {
	r := p.check(schema, p.base, value, append(slices.Clip(p.path), step...), p.depth)
	if len(step) > 0 {
		r.seen = seen{} // of another value
	}
	return r
}

func typeOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	case int64:
		return "integer"
	case float64:
		if v == float64(int64(v)) || rational(v).IsInt() {
			return "integer"
		}
	}
	return "number"
}

// words are types as YAML has them.
var words = map[string]string{
	"array": "a list", "boolean": "a boolean", "integer": "an integer", "null": "null", "number": "a number", "object": "a mapping",
	"string": "a string",
}

func (p place) types(r *verdict, object map[string]any, value any) {
	names, _ := object["type"].([]any)
	if name, ok := object["type"].(string); ok {
		names = []any{name}
	}
	if len(names) > 0 {
		is := typeOf(value)
		var wanted []string
		for _, name := range names {
			name, _ := name.(string)
			if name == is || name == "number" && is == "integer" {
				wanted = nil
				break
			}
			wanted = append(wanted, words[name])
		}
		if len(wanted) > 0 {
			r.wrong = append(r.wrong, finding.Violation{Path: slices.Clone(p.path), Message: fmt.Sprintf("is %s; use %s", words[is], strings.Join(wanted, " or "))})
		}
	}
	if options, ok := object["enum"].([]any); ok && !slices.ContainsFunc(options, func(o any) bool { return equal(o, value) }) {
		r.fail(p.path, "is not one of the allowed values; %s", oneOf(options))
	}
	if only, ok := object["const"]; ok && p.schema.draft >= 6 && !equal(only, value) {
		r.fail(p.path, "is not the allowed value; %s", oneOf([]any{only}))
	}
}

func oneOf(options []any) string {
	var texts []string
	for _, o := range options {
		switch o := o.(type) {
		case string:
			texts = append(texts, strconv.Quote(o))
		case map[string]any, []any:
			texts = append(texts, words[typeOf(o)])
		default:
			texts = append(texts, fmt.Sprint(o))
		}
	}
	if len(texts) == 1 {
		return "use " + texts[0]
	}
	return "use one of " + strings.Join(texts, ", ")
}

func plain(v any) any {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case []any:
		list := make([]any, len(v))
		for i, each := range v {
			list[i] = plain(each)
		}
		return list
	case map[string]any:
		all := make(map[string]any, len(v))
		for k, each := range v {
			all[k] = plain(each)
		}
		return all
	}
	return v
}

func equal(a, b any) bool { return reflect.DeepEqual(plain(a), plain(b)) }

// combined are the keywords that put schemas together.
func (p place) combined(r *verdict, object map[string]any, value any) {
	draft := p.schema.draft
	all, _ := object["allOf"].([]any)
	for _, each := range all {
		r.and(p.sub(each, value))
	}
	if options, ok := object["anyOf"].([]any); ok {
		r.and(p.any(options, value))
	}
	if options, ok := object["oneOf"].([]any); ok {
		r.and(p.one(options, value))
	}
	if not, ok := object["not"]; ok {
		switch v := p.sub(not, value); {
		case v.valid():
			r.fail(p.path, "is excluded by the schema; use another value")
		case !v.invalid():
			r.unknown = true
		}
	}
	if condition, ok := object["if"]; ok && draft >= 7 {
		v := p.sub(condition, value)
		branch := "then"
		if v.invalid() {
			branch = "else"
		}
		if next, has := object[branch]; has && (v.valid() || v.invalid()) {
			r.and(p.sub(next, value))
		}
		if !v.invalid() {
			r.seen.add(v.seen)
			r.seen.partly = r.seen.partly || v.unknown
		}
		r.unknown = r.unknown || v.unknown && !v.invalid()
	}
}

func (p place) any(options []any, value any) verdict {
	var failed []verdict
	var fits verdict
	valid, unknown := false, false
	for _, each := range options {
		v := p.sub(each, value)
		switch {
		case v.valid():
			valid = true
			fits.seen.add(v.seen)
		case v.invalid():
			failed = append(failed, v)
		default:
			unknown = true
		}
		if valid && p.schema.draft < 2019 { // later ones matter for what is unevaluated
			break
		}
	}
	fits.seen.partly = fits.seen.partly || unknown
	switch {
	case valid:
		return fits
	case unknown:
		return verdict{unknown: true}
	}
	return p.closest(failed)
}

func (p place) one(options []any, value any) verdict {
	var failed []verdict
	valid, unknown := 0, 0
	var fits verdict
	for _, each := range options {
		switch v := p.sub(each, value); {
		case v.valid():
			valid++
			fits.seen = v.seen
		case v.invalid():
			failed = append(failed, v)
		default:
			unknown++
		}
	}
	switch {
	case valid > 1:
		var r verdict
		r.fail(p.path, "matches several alternatives, but only one is allowed; remove what belongs to the others")
		return r
	case unknown > 0:
		return verdict{unknown: true}
	case valid == 1:
		return fits
	}
	return p.closest(failed)
}

// closest returns what is wrong by the one alternative that is about such a value at all.
func (p place) closest(failed []verdict) verdict {
	var near []verdict
	for _, v := range failed {
		if !slices.ContainsFunc(v.wrong, func(w finding.Violation) bool { return len(w.Path) == len(p.path) && !w.Missing }) {
			near = append(near, v)
		}
	}
	if len(near) == 1 {
		return verdict{wrong: near[0].wrong}
	}
	if len(failed) == 1 {
		return verdict{wrong: failed[0].wrong}
	}
	var r verdict
	r.fail(p.path, "matches none of the alternatives; use one of them")
	return r
}

func rational(v float64) *big.Rat {
	r, ok := new(big.Rat).SetString(strconv.FormatFloat(v, 'g', -1, 64))
	if !ok {
		return new(big.Rat)
	}
	return r
}

func (p place) number(r *verdict, object map[string]any, v float64) {
	limit := func(key string) (float64, bool) { n, ok := object[key].(float64); return n, ok }
	bound := func(key, exclusive string, beyond func(a, b float64) bool, less, strictly string) {
		n, ok := limit(key)
		strict, _ := object[exclusive].(bool)
		if ok && (beyond(v, n) || strict && v == n) {
			r.fail(p.path, "is %s than %v; use another number", less, n)
		}
		if n, ok := limit(exclusive); ok && (beyond(v, n) || v == n) {
			r.fail(p.path, "is not %s than %v; use another number", strictly, n)
		}
	}
	bound("minimum", "exclusiveMinimum", func(a, b float64) bool { return a < b }, "less", "more")
	bound("maximum", "exclusiveMaximum", func(a, b float64) bool { return a > b }, "more", "less")
	if n, ok := limit("multipleOf"); ok && n > 0 && !new(big.Rat).Quo(rational(v), rational(n)).IsInt() {
		r.fail(p.path, "is not a multiple of %v; use one", n)
	}
}

// size checks the limits of a length.
func (p place) size(r *verdict, object map[string]any, n int, noun, least, most string) {
	if limit, ok := object[least].(float64); ok && float64(n) < limit {
		r.fail(p.path, "has %d %s; use at least %v", n, noun, limit)
	}
	if limit, ok := object[most].(float64); ok && float64(n) > limit {
		r.fail(p.path, "has %d %s; use at most %v", n, noun, limit)
	}
}

func (p place) text(r *verdict, object map[string]any, v string) {
	p.size(r, object, utf8.RuneCountInString(v), "characters", "minLength", "maxLength")
	if pattern, ok := object["pattern"].(string); ok {
		if re := p.schema.patterns[pattern]; re != nil && !re.matches(v) {
			r.fail(p.path, "does not match %q; use a string that does", pattern)
		}
	}
	if name, ok := object["format"].(string); ok && p.schema.draft < 2019 {
		if f, ok := formats[name]; ok {
			valid, known := f.check(v)
			if known && !valid {
				r.fail(p.path, "is not a valid %s; use for example %q", name, f.example)
			}
			r.unknown = r.unknown || !known
		}
	}
}

func (p place) list(r *verdict, object map[string]any, v []any) {
	p.size(r, object, len(v), "elements", "minItems", "maxItems")
	if unique, _ := object["uniqueItems"].(bool); unique && len(v) <= 1000 {
	pairs:
		for i := range v {
			for j := range i {
				if equal(v[i], v[j]) {
					r.fail(below(p.path, strconv.Itoa(i)), "is a duplicate; remove it")
					break pairs
				}
			}
		}
	}
	first, rest := "items", "additionalItems"
	if p.schema.draft >= 2020 {
		first, rest = "prefixItems", "items"
	}
	head, isList := object[first].([]any)
	for i, each := range v {
		step := strconv.Itoa(i)
		_, others := object[rest]
		_, whole := object["items"]
		if i < len(head) || others && isList || p.schema.draft >= 2020 && others || p.schema.draft < 2020 && whole && !isList {
			r.seen.element(i)
		}
		if i < len(head) {
			r.and(p.sub(head[i], each, step))
			continue
		}
		if !isList && p.schema.draft < 2020 {
			if schema, ok := object["items"]; ok {
				r.and(p.sub(schema, each, step))
			}
			continue
		}
		if schema, ok := object[rest]; ok {
			r.and(p.sub(schema, each, step))
		}
	}
	if contains, ok := object["contains"]; ok && p.schema.draft >= 6 {
		p.contains(r, object, contains, v)
	}
}

func (p place) contains(r *verdict, object map[string]any, schema any, v []any) {
	valid, unknown := 0, 0
	for i, each := range v {
		if result := p.sub(schema, each, strconv.Itoa(i)); result.valid() {
			valid++
			if p.schema.draft >= 2020 {
				r.seen.element(i)
			}
		} else if !result.invalid() {
			unknown++
		}
	}
	least, most := 1, len(v)
	if p.schema.draft >= 2019 {
		if n, ok := object["minContains"].(float64); ok {
			least = int(n)
		}
		if n, ok := object["maxContains"].(float64); ok {
			most = int(n)
		}
	}
	switch {
	case valid+unknown < least:
		r.fail(p.path, "lacks an element that the schema requires; add it")
	case valid > most:
		r.fail(p.path, "has more than %d matching elements; remove some", most)
	case unknown > 0:
		r.unknown = true
	}
}

func (p place) mapping(r *verdict, object map[string]any, v map[string]any) {
	p.size(r, object, len(v), "keys", "minProperties", "maxProperties")
	p.requires(r, object["required"], v)
	properties, _ := object["properties"].(map[string]any)
	patterns, _ := object["patternProperties"].(map[string]any)
	others, closed := object["additionalProperties"]
	for _, key := range slices.Sorted(maps.Keys(v)) {
		known := false
		if schema, ok := properties[key]; ok {
			known = true
			r.and(p.sub(schema, v[key], key))
		}
		for _, pattern := range slices.Sorted(maps.Keys(patterns)) {
			if re := p.schema.patterns[pattern]; re != nil && re.matches(key) {
				known = true
				r.and(p.sub(patterns[pattern], v[key], key))
			}
		}
		if known || closed {
			r.seen.key(key)
		}
		if known || !closed {
			continue
		}
		if allowed, ok := others.(bool); ok && !allowed {
			r.wrong = append(r.wrong, finding.Violation{Path: below(slices.Clone(p.path), key), Key: true,
				Message: "is not a key of the schema; remove or rename it" + finding.DidYouMean(key, slices.Collect(maps.Keys(properties)))})
			continue
		}
		r.and(p.sub(others, v[key], key))
	}
	p.dependencies(r, object, v)
	if names, ok := object["propertyNames"]; ok && p.schema.draft >= 6 {
		for _, key := range slices.Sorted(maps.Keys(v)) {
			switch result := p.sub(names, key, key); {
			case result.invalid():
				r.wrong = append(r.wrong, finding.Violation{Path: below(slices.Clone(p.path), key), Key: true, Message: "is not an allowed key name; rename it"})
			case result.unknown:
				r.unknown = true
			}
		}
	}
}

// unevaluated checks the keys and elements that no other part of the schema is about.
func (p place) unevaluated(r *verdict, object map[string]any, value any) {
	names, elements := object["unevaluatedProperties"], object["unevaluatedItems"]
	m, isMapping := value.(map[string]any)
	list, isList := value.([]any)
	if names == nil && elements == nil || names == nil && isMapping || elements == nil && isList || !isMapping && !isList || r.invalid() {
		return // what is wrong already has left some out
	}
	if r.unknown || r.seen.partly {
		r.unknown = true
		return
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if r.seen.keys[key] {
			continue
		}
		if names == false {
			r.wrong = append(r.wrong, finding.Violation{Path: below(slices.Clone(p.path), key), Key: true, Message: "is not a key of the schema; remove or rename it"})
		} else {
			r.and(p.sub(names, m[key], key))
		}
	}
	for i, each := range list {
		if !r.seen.elements[i] {
			r.and(p.sub(elements, each, strconv.Itoa(i)))
		}
	}
	for key := range m {
		r.seen.key(key)
	}
	for i := range list {
		r.seen.element(i)
	}
}

func (p place) requires(r *verdict, list any, v map[string]any) {
	names, _ := list.([]any)
	for _, name := range names {
		if name, ok := name.(string); ok {
			if _, has := v[name]; !has {
				r.wrong = append(r.wrong, finding.Violation{Path: below(slices.Clone(p.path), name), Missing: true, Message: "is missing; add it"})
			}
		}
	}
}

// dependencies are demands of the keys that a mapping has.
func (p place) dependencies(r *verdict, object map[string]any, v map[string]any) {
	for _, keyword := range []string{"dependencies", "dependentRequired", "dependentSchemas"} {
		if keyword != "dependencies" && p.schema.draft < 2019 {
			continue
		}
		all, _ := object[keyword].(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(all)) {
			if _, has := v[key]; !has {
				continue
			}
			if names, ok := all[key].([]any); ok {
				p.requires(r, names, v)
			} else {
				r.and(p.sub(all[key], v))
			}
		}
	}
}
