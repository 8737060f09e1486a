package policy

import (
	"reflect"
	"slices"
	"strings"
	"sync"
)

// shape is how rules see the values of a struct type: the fields that json tags name, sorted, as encoding/json has them.
type shape struct {
	fields []shapeField
	unique bool // it holds a [Value], so that hardly two are alike
}

type shapeField struct {
	name      string
	index     []int
	omitEmpty bool
}

var (
	shapes    sync.Map // *shape by reflect.Type
	valueType = reflect.TypeFor[Value]()
)

func shapeOf(t reflect.Type) *shape {
	if s, known := shapes.Load(t); known {
		return s.(*shape)
	}
	s := &shape{}
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous || !f.IsExported() {
			continue
		}
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		s.fields = append(s.fields, shapeField{name, f.Index, option == "omitempty"})
		s.unique = s.unique || f.Type == valueType
	}
	slices.SortFunc(s.fields, func(a, b shapeField) int { return strings.Compare(a.name, b.name) })
	shapes.Store(t, s)
	return s
}

// of returns the field of a struct; false if it is left out.
func (f *shapeField) of(v reflect.Value) (reflect.Value, bool) {
	field, err := v.FieldByIndexErr(f.index)
	return field, err == nil && !(f.omitEmpty && field.IsZero()) // an embedded struct that is nil has no fields
}

// unique reports whether hardly two values of a type are alike.
func unique(t reflect.Type) bool {
	if t == valueType {
		return true
	}
	if t.Kind() == reflect.Slice {
		return unique(t.Elem())
	}
	return t.Kind() == reflect.Struct && shapeOf(t).unique
}
