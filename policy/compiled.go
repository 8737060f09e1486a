//go:build compiled

package policy

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis-gitops/redis-gitops/finding"
)

// This is the other door to the rules: compiled to WebAssembly by internal/rulec, so that a program for the browser needs no
// OPA. It answers as the first one (policy.go); make test-wasm holds it to all examples of rules, and the test of parity to
// every public repository.

//go:embed compiled
var program embed.FS

// compiledFile reads what internal/rulec has made.
func compiledFile(name string) ([]byte, error) {
	text, err := program.ReadFile("compiled/" + name)
	if err != nil {
		return nil, fmt.Errorf("policy: the rules are not in this program: %w; build it with the overlay of internal/rulec", err)
	}
	return text, nil
}

// TakesModules reports whether [New] takes rules that are not embedded.
const TakesModules = false

// ErrModules reports that this program cannot take rules in Rego.
var ErrModules = errors.New("this build only includes the built-in rules; custom rules require the build with OPA")

// Rules returns the embedded rules, sorted by name. They are shared, and the slice is the caller's.
func Rules() ([]*Rule, error) {
	rules, err := embeddedRules()
	return slices.Clone(rules), err
}

var embeddedRules = sync.OnceValues(func() ([]*Rule, error) {
	text, err := compiledFile("rules.json")
	if err != nil {
		return nil, err
	}
	var rules []*Rule
	err = json.Unmarshal(text, &rules)
	return rules, err
})

// Value is plain data as rules see it. The zero value is none.
type Value struct{ json []byte }

// NewValue makes a value of maps with string keys, slices, strings, numbers, bools, nil, other values, and structs with the names of
// their json tags. It keeps no reference to them.
func NewValue(data any) (Value, error) {
	text, err := plainJSON(nil, data)
	return Value{text}, err
}

// plainJSON appends plain data in JSON. encoding/json takes several times as long for it.
func plainJSON(b []byte, data any) ([]byte, error) {
	var err error
	switch data := data.(type) {
	case map[string]any:
		b = append(b, '{')
		for i, key := range slices.Sorted(maps.Keys(data)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(quote(b, key), ':')
			if b, err = plainJSON(b, data[key]); err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	case []any:
		b = append(b, '[')
		for i, each := range data {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = plainJSON(b, each); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case string:
		return quote(b, data), nil
	case int64:
		return strconv.AppendInt(b, data, 10), nil
	case bool:
		return strconv.AppendBool(b, data), nil
	case nil:
		return append(b, "null"...), nil
	case json.Number, float64:
	default:
		return typedJSON(b, reflect.ValueOf(data))
	}
	text, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	return append(b, text...), nil
}

// typedJSON appends data with Go types.
func typedJSON(b []byte, v reflect.Value) ([]byte, error) {
	var err error
	switch v.Kind() {
	case reflect.String:
		return quote(b, v.String()), nil
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool()), nil
	case reflect.Int, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10), nil
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return append(b, "null"...), nil
		}
		if v.Kind() == reflect.Interface {
			return plainJSON(b, v.Interface())
		}
		return typedJSON(b, v.Elem())
	case reflect.Slice:
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = typedJSON(b, v.Index(i)); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case reflect.Map:
		return mapJSON(b, v)
	case reflect.Struct:
		return structJSON(b, v)
	}
	return nil, fmt.Errorf("policy: %s is not plain data", v.Type())
}

func mapJSON(b []byte, v reflect.Value) ([]byte, error) {
	if v.Type().Key().Kind() != reflect.String {
		return nil, fmt.Errorf("policy: %s is not plain data", v.Type())
	}
	b = append(b, '{')
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
	var err error
	for i, key := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(quote(b, key.String()), ':')
		if b, err = typedJSON(b, v.MapIndex(key)); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func structJSON(b []byte, v reflect.Value) ([]byte, error) {
	if v.Type() == valueType {
		if text := v.Interface().(Value).json; text != nil {
			return append(b, text...), nil
		}
		return append(b, "null"...), nil
	}
	b = append(b, '{')
	empty := len(b)
	var err error
	for _, f := range shapeOf(v.Type()).fields {
		field, there := f.of(v)
		if !there {
			continue
		}
		if len(b) > empty {
			b = append(b, ',')
		}
		b = append(quote(b, f.name), ':')
		if b, err = typedJSON(b, field); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// quote appends a string in JSON.
func quote(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(b, s[from:]...), '"')
}

// With returns an object with one more field.
func (v Value) With(key string, field Value) Value {
	if len(v.json) < 2 || v.json[0] != '{' {
		return v
	}
	b := make([]byte, 0, len(v.json)+len(key)+len(field.json)+4)
	b = append(b, v.json[:len(v.json)-1]...)
	if len(v.json) > 2 {
		b = append(b, ',')
	}
	b = append(quote(b, key), ':')
	return Value{append(append(b, field.json...), '}')}
}

// Equal reports whether two values are the same, written the same way.
func (v Value) Equal(other Value) bool { return bytes.Equal(v.json, other.json) }

// Plain gives the value as plain data again, whole numbers as int64.
func (v Value) Plain() (any, error) { return plain(v.json) }

func plain(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var data any
	err := d.Decode(&data)
	return numbers(data), err
}

// Array makes a value of elements.
func Array(elements []Value) Value {
	size := 2
	for _, e := range elements {
		size += len(e.json) + 1
	}
	b := append(make([]byte, 0, size), '[')
	for i, e := range elements {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, e.json...)
	}
	return Value{append(b, ']')}
}

// Pool is of the program with OPA, where values share what is alike; texts of JSON share nothing.
type Pool struct{}

// Value is [NewValue].
func (*Pool) Value(data any) (Value, error) { return NewValue(data) }

// Cover is of the program with OPA alone.
type Cover struct{}

// Engine evaluates rules. It may be used by several goroutines.
type Engine struct {
	settings   []byte // data, without its end
	resource   bool   // some rule is about single resources
	categories []string
	kinds      map[string]bool // that some resource rule looks at
	allKinds   bool
	options    Options

	mu         sync.Mutex // a machine does one thing at a time
	machine    *machine   // with the settings as its data
	repository *machine   // with those and data.repo; made when it is first needed
}

// New makes the rules ready. There are no modules here.
func New(opts Options) (*Engine, error) {
	if len(opts.Modules) > 0 {
		return nil, ErrModules
	}
	e := &Engine{kinds: map[string]bool{}, options: opts}
	on := map[string]any{}
	for _, r := range opts.Rules {
		on[r.Name] = true
		if r.Scope == ScopeRepository {
			if entry := entrypoint(r); !slices.Contains(e.categories, entry) {
				e.categories = append(e.categories, entry)
			}
			continue
		}
		e.resource = true
		e.allKinds = e.allKinds || len(r.Kinds) == 0
		for _, kind := range r.Kinds {
			e.kinds[kind] = true
		}
	}
	settings, err := json.Marshal(map[string]any{"on": on, "settings": opts.Settings})
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	e.settings = settings[:len(settings)-1]
	if e.machine, err = newMachine(settings); err != nil {
		return nil, err
	}
	return e, nil
}

// With returns an engine of the same rules with other settings.
func (e *Engine) With(settings map[string]any) (*Engine, error) {
	options := e.options
	options.Settings = settings
	return New(options)
}

// Wants reports whether any rule that is on looks at resources of a kind.
func (e *Engine) Wants(kind string) bool { return e.resource && (e.allKinds || e.kinds[kind]) }

// Resource evaluates the rules about single resources on one.
func (e *Engine) Resource(ctx context.Context, resource Value) ([]Violation, error) {
	if !e.resource {
		return nil, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.eval(ctx, e.machine, ScopeResource, resource.json)
}

// Repository evaluates the rules about the whole repository, once, on data.repo.
func (e *Engine) Repository(ctx context.Context, repo Value) ([]Violation, error) {
	if len(e.categories) == 0 {
		return nil, nil
	}
	data := make([]byte, 0, len(e.settings)+len(repo.json)+10)
	data = append(append(append(append(data, e.settings...), `,"repo":`...), repo.json...), '}')
	e.mu.Lock()
	defer e.mu.Unlock()
	var err error
	if e.repository == nil {
		e.repository, err = newMachine(data)
	} else {
		err = e.repository.setData(data)
	}
	if err != nil {
		e.repository = nil
		return nil, err
	}
	var out []Violation
	var problems finding.Problems
	for _, category := range e.categories {
		found, err := e.eval(ctx, e.repository, category, nil)
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		out = append(out, found...)
		problems = append(problems, finding.All(err)...)
	}
	return out, problems.Err()
}

func (e *Engine) eval(ctx context.Context, m *machine, entry string, input []byte) ([]Violation, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	text, err := m.eval(entry, input)
	if err != nil {
		return nil, finding.Errorf(finding.Position{}, "", "the rule failed: %v; fix or disable it", err)
	}
	var results []struct {
		Result [][2]any `json:"result"`
	}
	if bytes.Equal(text, noViolation) {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&results); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	var out []Violation
	for _, r := range results {
		// OPA's set is sorted, that of WebAssembly is not.
		slices.SortFunc(r.Result, func(a, b [2]any) int { return compare(a[:], b[:]) })
		for _, pair := range r.Result {
			rule, _ := pair[0].(string)
			v, err := read(rule, pair[1])
			if err != nil {
				return out, err
			}
			out = append(out, v)
		}
	}
	return out, nil
}

var noViolation = []byte(`[{"result":[]}]`)

// compare orders plain data as OPA does.
func compare(a, b any) int {
	if c := cmp.Compare(order(a), order(b)); c != 0 {
		return c
	}
	switch a := a.(type) {
	case bool:
		return cmp.Compare(order(a), order(b))
	case json.Number:
		x, _ := a.Float64()
		y, _ := b.(json.Number).Float64()
		return cmp.Compare(x, y)
	case string:
		return cmp.Compare(a, b.(string))
	case []any:
		return slices.CompareFunc(a, b.([]any), compare)
	case map[string]any:
		b := b.(map[string]any)
		x, y := slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b))
		for i := range min(len(x), len(y)) {
			if c := cmp.Or(cmp.Compare(x[i], y[i]), compare(a[x[i]], b[y[i]])); c != 0 {
				return c
			}
		}
		return cmp.Compare(len(x), len(y))
	}
	return 0
}

// order is that of types, and of false and true.
func order(v any) int {
	switch v := v.(type) {
	case bool:
		if v {
			return 2
		}
		return 1
	case json.Number:
		return 3
	case string:
		return 4
	case []any:
		return 5
	case map[string]any:
		return 6
	}
	return 0
}

// text prints plain data as OPA does in messages.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return strconv.Quote(v)
	case []any:
		parts := make([]string, len(v))
		for i, each := range v {
			parts[i] = text(each)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		parts := make([]string, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, strconv.Quote(key)+": "+text(v[key]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(v)
}
