// Package shape tells how rules see the values of Go types: the fields that json tags name, sorted, as encoding/json has them.
package shape

import (
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/redis-gitops/redis-gitops/policy"
)

// Shape is how rules see a struct type.
type Shape struct {
	Fields []Field
	unique bool
}

// Field is one that rules see.
type Field struct {
	Name      string
	Key       any // the name as an interface, which needs no memory each time
	index     []int
	omitEmpty bool
}

var (
	shapes    sync.Map // *Shape by reflect.Type
	valueType = reflect.TypeFor[policy.Value]()
)

// IsValue reports whether a type is [policy.Value].
func IsValue(t reflect.Type) bool { return t == valueType }

// Of returns the shape of a struct type.
func Of(t reflect.Type) *Shape {
	if s, known := shapes.Load(t); known {
		return s.(*Shape)
	}
	s := &Shape{}
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous || !f.IsExported() {
			continue
		}
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		s.Fields = append(s.Fields, Field{name, name, f.Index, option == "omitempty"})
		s.unique = s.unique || IsValue(f.Type)
	}
	slices.SortFunc(s.Fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	shapes.Store(t, s)
	return s
}

// Of returns the field of a struct; false if it is left out.
func (f *Field) Of(v reflect.Value) (reflect.Value, bool) {
	field, err := v.FieldByIndexErr(f.index)
	return field, err == nil && !(f.omitEmpty && field.IsZero()) // an embedded struct that is nil has no fields
}

// Unique reports whether hardly two values of a type are alike: those that hold a [policy.Value].
func Unique(t reflect.Type) bool {
	if IsValue(t) {
		return true
	}
	if t.Kind() == reflect.Slice {
		return Unique(t.Elem())
	}
	return t.Kind() == reflect.Struct && Of(t).unique
}
