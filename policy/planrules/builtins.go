package planrules

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// builtin is a built-in function. It gives nil for undefined, which is what a wrong argument makes it, and keeps no reference to args.
type builtin func(m *machine, args []any) any

// builtinOf returns a function of OPA: ours, which does the same, or OPA's own.
func builtinOf(name string) (builtin, error) {
	if own := builtins[name]; own != nil {
		return own, nil
	}
	if name == groupName {
		return groupBy, nil
	}
	return hosted(name)
}

// builtins are those that rules call often. TestBuiltins compares them with OPA's.
var builtins = map[string]builtin{
	"and": and, "array.concat": arrayConcat, "array.slice": arraySlice, "concat": concat,
	"contains": texts(func(a, b string) any { return strings.Contains(a, b) }), "count": func(_ *machine, args []any) any { return length(args[0]) },
	"endswith": texts(func(a, b string) any { return strings.HasSuffix(a, b) }),
	"equal":    func(_ *machine, args []any) any { return equal(args[0], args[1]) },
	"gt":       func(_ *machine, args []any) any { return compare(args[0], args[1]) > 0 },
	"gte":      func(_ *machine, args []any) any { return compare(args[0], args[1]) >= 0 },
	"lt":       func(_ *machine, args []any) any { return compare(args[0], args[1]) < 0 },
	"lte":      func(_ *machine, args []any) any { return compare(args[0], args[1]) <= 0 },
	"neq":      func(_ *machine, args []any) any { return !equal(args[0], args[1]) },
	"indexof":  texts(indexOf), "internal.member_2": member, "is_array": is(4), "is_null": is(0), "is_number": is(2), "is_object": is(5),
	"is_string": is(3), "lower": oneText(strings.ToLower), "upper": oneText(strings.ToUpper),
	"max": extreme(func(c int) bool { return c >= 0 }), "min": extreme(func(c int) bool { return c <= 0 }),
	"minus": minus, "plus": whenSmall("plus", func(a, b int64) (int64, bool) { return a + b, true }),
	"mul":        whenSmall("mul", func(a, b int64) (int64, bool) { return a * b, true }),
	"rem":        whenSmall("rem", func(a, b int64) (int64, bool) { return a % max(b, 1), b > 0 }),
	"object.get": objectGet, "object.keys": objectKeys, "object.remove": objectRemove, "object.filter": objectFilter, "object.union": objectUnion,
	"object.union_n": objectUnionN,
	"or":             or, "regex.find_n": findN, "regex.find_all_string_submatch_n": findSubmatches, "regex.match": match, "regex.replace": replaceAll,
	"regex.split": splitAt, "replace": replace, "sort": sorted, "split": split, "sprintf": sprintf,
	"startswith": texts(func(a, b string) any { return strings.HasPrefix(a, b) }), "substring": substring, "to_number": toNumber,
	"trim":        texts(func(a, b string) any { return strings.Trim(a, b) }),
	"trim_left":   texts(func(a, b string) any { return strings.TrimLeft(a, b) }),
	"trim_prefix": texts(func(a, b string) any { return strings.TrimPrefix(a, b) }),
	"trim_right":  texts(func(a, b string) any { return strings.TrimRight(a, b) }),
	"trim_suffix": texts(func(a, b string) any { return strings.TrimSuffix(a, b) }),
	"trim_space":  oneText(strings.TrimSpace), "walk": walk, "json.marshal": marshal,
}

// marshal writes JSON. What it has no own form for is left to OPA.
func marshal(m *machine, args []any) any {
	text, ok := appendJSON(m.json[:0], args[0])
	if m.json = text; !ok {
		if m.marshal == nil {
			m.marshal, _ = hosted("json.marshal")
		}
		return m.marshal(m, args)
	}
	return string(text)
}

func appendJSON(to []byte, v any) (out []byte, ok bool) {
	switch v := v.(type) {
	case null:
		return append(to, "null"...), true
	case bool:
		return strconv.AppendBool(to, v), true
	case int64:
		return strconv.AppendInt(to, v, 10), true
	case string:
		return appendQuoted(to, v), true
	case *array:
		to = append(to, '[')
		for i, e := range v.elems {
			if i > 0 {
				to = append(to, ',')
			}
			if to, ok = appendJSON(to, e); !ok {
				return nil, false
			}
		}
		return append(to, ']'), true
	case *object:
		to = append(to, '{')
		for i, p := range v.inOrder() {
			key, text := p.key.(string)
			if !text {
				return nil, false
			}
			if i > 0 {
				to = append(to, ',')
			}
			if to, ok = appendJSON(append(appendQuoted(to, key), ':'), p.value); !ok {
				return nil, false
			}
		}
		return append(to, '}'), true
	}
	return nil, false
}

func appendQuoted(to []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			text, _ := json.Marshal(s) // a text always has a form
			return append(to, text...)
		}
	}
	return append(append(append(to, '"'), s...), '"')
}

func texts(f func(a, b string) any) builtin {
	return func(_ *machine, args []any) any {
		a, isText := args[0].(string)
		b, ok := args[1].(string)
		if !isText || !ok {
			return nil
		}
		return f(a, b)
	}
}

func oneText(f func(string) string) builtin {
	return func(_ *machine, args []any) any {
		if s, ok := args[0].(string); ok {
			return f(s)
		}
		return nil
	}
}

// is makes the test of a type, which is undefined and not false for others.
func is(kind int) builtin {
	return func(_ *machine, args []any) any { return order(args[0]) == kind }
}

// whole returns a number that is one as OPA reads it.
func whole(n number) (int64, bool) {
	i, err := strconv.ParseInt(string(n), 10, 64)
	return i, err == nil
}

// intOf returns an argument of a function that OPA wants as an int: a number without a fraction.
func intOf(v any) (int, bool) {
	n, ok := v.(int64)
	return int(n), ok
}

// whenSmall makes an operation on two numbers: f for those of 32 bits, and else that of OPA, also if f has no answer.
func whenSmall(name string, f func(a, b int64) (int64, bool)) builtin {
	other, _ := hosted(name)
	return func(m *machine, args []any) any {
		a, isInt := args[0].(int64)
		b, ok := args[1].(int64)
		if isInt && ok && a == int64(int32(a)) && b == int64(int32(b)) {
			if c, ok := f(a, b); ok {
				return c
			}
		}
		return other(m, args)
	}
}

var difference = whenSmall("minus", func(a, b int64) (int64, bool) { return a - b, true })

func minus(m *machine, args []any) any {
	a, isSet := args[0].(*set)
	b, ok := args[1].(*set)
	if !isSet || !ok {
		return difference(m, args)
	}
	out := &set{}
	for _, e := range a.inOrder() {
		if !b.has(e) {
			out.elems = append(out.elems, e)
		}
	}
	out.sorted = true
	return out
}

func and(_ *machine, args []any) any {
	a, isSet := args[0].(*set)
	b, ok := args[1].(*set)
	if !isSet || !ok {
		return nil
	}
	out := &set{sorted: true}
	for _, e := range a.inOrder() {
		if b.has(e) {
			out.elems = append(out.elems, e)
		}
	}
	return out
}

func or(_ *machine, args []any) any {
	a, isSet := args[0].(*set)
	b, ok := args[1].(*set)
	if !isSet || !ok {
		return nil
	}
	if len(b.elems) == 0 {
		return a
	}
	if len(a.elems) == 0 {
		return b
	}
	out := &set{elems: slices.Clip(slices.Clone(a.elems)), sorted: a.sorted}
	for _, e := range b.elems {
		out.add(e)
	}
	return out
}

func arrayConcat(_ *machine, args []any) any {
	a, isArray := args[0].(*array)
	b, ok := args[1].(*array)
	if !isArray || !ok {
		return nil
	}
	return &array{slices.Concat(a.elems, b.elems)}
}

func arraySlice(_ *machine, args []any) any {
	a, isArray := args[0].(*array)
	from, isInt := intOf(args[1])
	to, ok := intOf(args[2])
	if !isArray || !isInt || !ok {
		return nil
	}
	to = min(max(to, 0), len(a.elems))
	from = min(max(from, 0), to)
	return &array{a.elems[from:to:to]}
}

// elements returns those of an array or set.
func elements(v any) ([]any, bool) {
	switch v := v.(type) {
	case *array:
		return v.elems, true
	case *set:
		return v.inOrder(), true
	}
	return nil, false
}

func concat(_ *machine, args []any) any {
	between, isText := args[0].(string)
	list, ok := elements(args[1])
	if !isText || !ok {
		return nil
	}
	var b strings.Builder
	for i, e := range list {
		s, ok := e.(string)
		if !ok {
			return nil
		}
		if i > 0 {
			b.WriteString(between)
		}
		b.WriteString(s)
	}
	return b.String()
}

func indexOf(s, part string) any {
	if part == "" {
		return nil
	}
	i := strings.Index(s, part)
	if i <= 0 {
		return int64(i)
	}
	return int64(utf8.RuneCountInString(s[:i]))
}

func member(_ *machine, args []any) any {
	switch in := args[1].(type) {
	case *set:
		return in.has(args[0])
	case *array:
		for _, e := range in.elems {
			if equal(e, args[0]) {
				return true
			}
		}
	case *object:
		for i := range in.pairs {
			if equal(in.pairs[i].value, args[0]) {
				return true
			}
		}
	}
	return false
}

func extreme(better func(c int) bool) builtin {
	return func(_ *machine, args []any) any {
		list, ok := elements(args[0])
		if !ok || len(list) == 0 {
			return nil
		}
		out := list[0]
		for _, e := range list[1:] {
			if better(compare(e, out)) {
				out = e
			}
		}
		return out
	}
}

func objectGet(_ *machine, args []any) any {
	o, ok := args[0].(*object)
	if !ok {
		return nil
	}
	path, ok := args[1].(*array)
	if !ok {
		if v := o.get(args[1]); v != nil {
			return v
		}
		return args[2]
	}
	var v any = o
	for _, key := range path.elems {
		if v = dot(v, key); v == nil {
			return args[2]
		}
	}
	return v
}

func objectKeys(_ *machine, args []any) any {
	o, ok := args[0].(*object)
	if !ok {
		return nil
	}
	out := &set{elems: make([]any, len(o.pairs)), sorted: true}
	for i, p := range o.inOrder() {
		out.elems[i] = p.key
	}
	return out
}

// keysOf gives a test of keys that an array or set holds, or an object has.
func keysOf(v any) func(key any) bool {
	switch v := v.(type) {
	case *array:
		s := &set{}
		for _, e := range v.elems {
			s.add(e)
		}
		return s.has
	case *set:
		return v.has
	case *object:
		return func(key any) bool { return v.index(key) >= 0 }
	}
	return nil
}

func selected(args []any, want bool) any {
	o, ok := args[0].(*object)
	has := keysOf(args[1])
	if !ok || has == nil {
		return nil
	}
	out := &object{sorted: true}
	for _, p := range o.inOrder() {
		if has(p.key) == want {
			out.pairs = append(out.pairs, p)
		}
	}
	return out
}

func objectRemove(_ *machine, args []any) any { return selected(args, false) }

func objectFilter(m *machine, args []any) any {
	return selected(args, true)
}

func objectUnion(_ *machine, args []any) any {
	a, isObject := args[0].(*object)
	b, ok := args[1].(*object)
	if !isObject || !ok {
		return nil
	}
	return union(a, b)
}

// union merges objects; what is in b wins.
func union(a, b *object) *object {
	if len(a.pairs) == 0 {
		return b
	}
	if len(b.pairs) == 0 {
		return a
	}
	out := a.copied()
	merge(out, b)
	return out
}

// objectUnionN merges the objects of an array; what comes later wins.
func objectUnionN(_ *machine, args []any) any {
	list, ok := args[0].(*array)
	if !ok {
		return nil
	}
	out := &object{sorted: true}
	own := map[string]bool{} // keys that are texts, of objects that were made here and nobody else has
	for _, e := range list.elems {
		o, ok := e.(*object)
		if !ok {
			return nil
		}
		for _, p := range o.pairs {
			below, isObject := p.value.(*object)
			known, both := out.get(p.key).(*object)
			name, isText := p.key.(string)
			switch {
			case !isObject || !both:
				out.put(p.key, p.value)
				delete(own, name)
			case isText && own[name]:
				merge(known, below)
			default:
				merged := known.copied()
				merge(merged, below)
				out.put(p.key, merged)
				own[name] = isText
			}
		}
	}
	return out
}

// merge adds what is in b to a, and b wins.
func merge(a, b *object) {
	for _, p := range b.pairs {
		value := p.value
		if below, ok := value.(*object); ok {
			if known, ok := a.get(p.key).(*object); ok {
				value = union(known, below)
			}
		}
		a.put(p.key, value)
	}
}

// pattern returns a compiled pattern; nil if it is none.
func (m *machine) pattern(v any) *pattern {
	s, ok := v.(string)
	if !ok {
		return nil
	}
	re, known := m.plan.patterns.Load(s)
	if !known {
		compiled, err := regexp.Compile(s)
		if err != nil {
			return nil
		}
		re, _ = m.plan.patterns.LoadOrStore(s, &pattern{compiled, foldedWord(s)})
	}
	return re.(*pattern)
}

// pattern is a regular expression. One that is only a word, in upper or lower case, is that word too.
type pattern struct {
	*regexp.Regexp
	word string
}

// foldedWord returns the word that an expression is, if that is all that it is.
func foldedWord(text string) string {
	word, folded := strings.CutPrefix(text, "(?i)")
	if !folded || strings.ContainsFunc(word, func(r rune) bool { return r < 'a' || r > 'z' }) {
		return ""
	}
	return word
}

// in reports whether the word is in a text; not known for one that is not ASCII, of which other letters count too.
func (p *pattern) in(text string) (found, known bool) {
	if p.word == "" {
		return false, false
	}
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false, false
		}
		if text[i]|0x20 == p.word[0] && len(text)-i >= len(p.word) && strings.EqualFold(text[i:i+len(p.word)], p.word) {
			found = true
		}
	}
	return found, true
}

func match(m *machine, args []any) any {
	s, ok := args[1].(string)
	re := m.pattern(args[0])
	if !ok || re == nil {
		return nil
	}
	if found, known := re.in(s); known {
		return found
	}
	return re.MatchString(s)
}

func list(parts []string) *array {
	out := &array{make([]any, len(parts))}
	for i, p := range parts {
		out.elems[i] = p
	}
	return out
}

func findN(m *machine, args []any) any {
	s, isText := args[1].(string)
	n, ok := intOf(args[2])
	re := m.pattern(args[0])
	if !isText || !ok || re == nil {
		return nil
	}
	return list(re.FindAllString(s, n))
}

func findSubmatches(m *machine, args []any) any {
	s, isText := args[1].(string)
	n, ok := intOf(args[2])
	re := m.pattern(args[0])
	if !isText || !ok || re == nil {
		return nil
	}
	out := &array{}
	for _, found := range re.FindAllStringSubmatch(s, n) {
		out.elems = append(out.elems, list(found))
	}
	return out
}

func replaceAll(m *machine, args []any) any {
	s, isText := args[0].(string)
	with, ok := args[2].(string)
	re := m.pattern(args[1])
	if !isText || !ok || re == nil {
		return nil
	}
	return re.ReplaceAllString(s, with)
}

func splitAt(m *machine, args []any) any {
	s, ok := args[1].(string)
	re := m.pattern(args[0])
	if !ok || re == nil {
		return nil
	}
	return list(re.Split(s, -1))
}

func replace(_ *machine, args []any) any {
	s, isText := args[0].(string)
	old, isOld := args[1].(string)
	with, ok := args[2].(string)
	if !isText || !isOld || !ok {
		return nil
	}
	if old == "" { // before each byte and not each rune
		return strings.NewReplacer(old, with).Replace(s)
	}
	return strings.ReplaceAll(s, old, with)
}

func sorted(_ *machine, args []any) any {
	list, ok := elements(args[0])
	if !ok {
		return nil
	}
	return &array{slices.SortedStableFunc(slices.Values(list), compare)}
}

func split(_ *machine, args []any) any {
	s, isText := args[0].(string)
	at, ok := args[1].(string)
	if !isText || !ok {
		return nil
	}
	return list(strings.Split(s, at))
}

func sprintf(_ *machine, args []any) any {
	format, isText := args[0].(string)
	a, ok := args[1].(*array)
	if !isText || !ok {
		return nil
	}
	values := make([]any, len(a.elems))
	for i, e := range a.elems {
		switch e := e.(type) {
		case string, int64:
			values[i] = e
		case number:
			values[i] = printed(string(e))
		default:
			values[i] = toTerm(e).String()
		}
	}
	return fmt.Sprintf(format, values...)
}

// printed is a number as sprintf has it: whole, however long, or a float.
func printed(n string) any {
	if !strings.ContainsAny(n, ".eE") {
		if i, ok := new(big.Int).SetString(n, 10); ok {
			return i
		}
	}
	if f, err := strconv.ParseFloat(n, 64); err == nil {
		return f
	}
	return n
}

func substring(_ *machine, args []any) any {
	s, isText := args[0].(string)
	from, isInt := intOf(args[1])
	size, ok := intOf(args[2])
	if !isText || !isInt || !ok || from < 0 {
		return nil
	}
	runes := []rune(s)
	from = min(from, len(runes))
	if size < 0 || size > len(runes)-from {
		size = len(runes) - from
	}
	return string(runes[from : from+size])
}

var otherToNumber, _ = hosted("to_number")

func toNumber(m *machine, args []any) any {
	if n, ok := args[0].(int64); ok {
		return n
	}
	return otherToNumber(m, args)
}

// walk returns the pairs of a path and its value.
func walk(_ *machine, args []any) any {
	out := &array{}
	var below func(path []any, v any)
	below = func(path []any, v any) {
		path = slices.Clip(path)
		out.elems = append(out.elems, &array{[]any{&array{path}, v}})
		switch v := v.(type) {
		case *array:
			for i, e := range v.elems {
				below(append(path, int64(i)), e)
			}
		case *object:
			for _, p := range v.inOrder() {
				below(append(path, p.key), p.value)
			}
		case *set:
			for _, e := range v.inOrder() {
				below(append(path, e), e)
			}
		}
	}
	below(nil, args[0])
	return out
}
