package wasmrules

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/policy/internal/shape"
)

// value is plain data in JSON.
type value []byte

// of returns a value of this engine in JSON.
func of(v policy.Value) []byte {
	if v == nil {
		return []byte("null")
	}
	return v.(value)
}

// Equal reports whether two values are the same, written the same way.
func (v value) Equal(other policy.Value) bool {
	o, ok := other.(value)
	return ok && bytes.Equal(v, o)
}

func (v value) Plain() (any, error) {
	data, err := decode(v)
	return policy.Numbers(data), err
}

// decode reads JSON, with its numbers as they are written.
func decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var data any
	err := d.Decode(&data)
	return data, err
}

// values share nothing, unlike those of OPA.
type values struct{}

func (values) Value(data any) (policy.Value, error) {
	text, err := plainJSON(nil, data)
	return value(text), err
}

// Share returns the value as it is.
func (values) Share(value policy.Value) policy.Value { return value }

// Plains shares nothing.
func (values) Plains() func(policy.Value) (any, error) { return policy.Value.Plain }

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
	case value:
		return append(b, data...), nil
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
	if shape.IsValue(v.Type()) {
		given, _ := v.Interface().(policy.Value)
		return append(b, of(given)...), nil
	}
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
	b = append(b, '{')
	empty := len(b)
	var err error
	for _, f := range shape.Of(v.Type()).Fields {
		field, there := f.Of(v)
		if !there {
			continue
		}
		if len(b) > empty {
			b = append(b, ',')
		}
		b = append(quote(b, f.Name), ':')
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
