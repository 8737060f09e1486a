package cel

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// value is what a term of Rego is in a translation: a constant, something of the object, or a collection of both.
type value struct {
	constant ast.Value // ground
	expr     string    // CEL
	path     []string  // of a field of the object or of an element of a list: the variable and the steps from there
	list     []value   // a list of known length, if shape is "list"
	fields   []field   // an object with known keys, if shape is "object"
	items    []item    // a collection with conditions, if shape is "items"
	shape    string
	schema   any    // what JSON Schema knows about expr; nil is nothing
	kind     string // what CEL knows about expr: "string", "int", "double", "number", "bool", "list", "map"; "" is anything
	hidden   string // set if the translation does not follow it, as the text of a message: what it is
}

type field struct {
	key   ast.Value
	value value
}

// item is an element of a comprehension, which is there if its steps hold.
type item struct {
	steps []step
	key   value // of an object
	value value
	set   bool
}

// step is a condition, or the choice of an element of a list.
type step struct {
	condition      *formula // or nil
	variable, list string
}

func constant(v ast.Value) value { return value{constant: v} }

func hidden(what string) value { return value{hidden: what} }

// closed is the condition that all steps hold, for some elements.
func closed(steps []step) *formula {
	f := yes
	for _, s := range slices.Backward(steps) {
		if s.condition != nil {
			f = and(s.condition, f)
		} else {
			f = exists(s.variable, s.list, f)
		}
	}
	return f
}

func chooses(steps []step) bool {
	return slices.ContainsFunc(steps, func(s step) bool { return s.condition == nil })
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// reserved are words that CEL does not allow as a field after a point, or reads in another way.
var reserved = []string{"in", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while", "true", "false", "null"}

func plain(step string) bool { return identifier.MatchString(step) && !slices.Contains(reserved, step) }

// optional and selected write a step to a field: one that may be missing, and one that is there.
func optional(step string) string {
	switch {
	case strings.HasPrefix(step, "#"):
		return "[?" + step[1:] + "]"
	case plain(step):
		return ".?" + step
	}
	return "[?" + quote(step) + "]"
}

func selected(step string) string {
	switch {
	case strings.HasPrefix(step, "#"):
		return "[" + step[1:] + "]"
	case plain(step):
		return "." + step
	}
	return "[" + quote(step) + "]"
}

func quote(s string) string {
	if strings.Contains(s, `\`) && !strings.ContainsAny(s, "'\n\r") {
		return "r'" + s + "'"
	}
	text := strconv.Quote(s)
	if strings.Contains(s, "'") {
		return text
	}
	return "'" + strings.ReplaceAll(text[1:len(text)-1], `\"`, `"`) + "'"
}

// below returns what is at a step of a value of the object.
func (v value) below(step string) value {
	path := append(slices.Clip(v.path), step)
	return typedBy(value{expr: v.expr + selected(step), path: path}, property(v.schema, step))
}

// known returns a value as a constant if it is one through and through.
func (v value) known() (ast.Value, bool) {
	switch {
	case v.constant != nil:
		return v.constant, true
	case v.shape == "list":
		terms := make([]*ast.Term, len(v.list))
		for i, e := range v.list {
			c, ok := e.known()
			if !ok {
				return nil, false
			}
			terms[i] = ast.NewTerm(c)
		}
		return ast.NewArray(terms...), true
	case v.shape == "object":
		o := ast.NewObject()
		for _, f := range v.fields {
			c, ok := f.value.known()
			if !ok {
				return nil, false
			}
			o.Insert(ast.NewTerm(f.key), ast.NewTerm(c))
		}
		return o, true
	}
	return nil, false
}

// folded is the value as a constant where it is one.
func (v value) folded() value {
	if c, ok := v.known(); ok {
		return constant(c)
	}
	return v
}

// key identifies a value.
func (v value) key() string {
	var b strings.Builder
	switch {
	case v.constant != nil:
		return "c" + v.constant.String()
	case v.hidden != "":
		return "h" + v.hidden
	case v.shape == "":
		return "e" + v.expr
	case v.shape == "list":
		for _, e := range v.list {
			b.WriteString(e.key() + "\x01")
		}
	case v.shape == "object":
		for _, f := range v.fields {
			b.WriteString(f.key.String() + "=" + f.value.key() + "\x01")
		}
	default:
		for _, i := range v.items {
			b.WriteString(closed(i.steps).key() + ":" + i.key.key() + "=" + i.value.key() + "\x01")
		}
	}
	return v.shape + "(" + b.String() + ")"
}

// text writes a value in CEL.
func (v value) text() (string, error) {
	if c, ok := v.known(); ok {
		return literal(c)
	}
	switch {
	case v.hidden != "":
		return "", because("%s", v.hidden)
	case v.shape == "":
		return v.expr, nil
	case v.shape == "list":
		texts := make([]string, len(v.list))
		for i, e := range v.list {
			var err error
			if texts[i], err = e.text(); err != nil {
				return "", err
			}
		}
		return "[" + strings.Join(texts, ", ") + "]", nil
	}
	return "", because("compares a collection")
}

func literal(v ast.Value) (string, error) {
	switch v := v.(type) {
	case ast.Null:
		return "null", nil
	case ast.Boolean:
		return strconv.FormatBool(bool(v)), nil
	case ast.Number:
		return v.String(), nil
	case ast.String:
		return quote(string(v)), nil
	case *ast.Array:
		return literals(v.Len(), v.Foreach)
	case ast.Set:
		return literals(v.Len(), v.Foreach)
	case ast.Object:
		if v.Len() == 0 {
			return "{}", nil
		}
	}
	return "", because("compares an object")
}

// literals writes a list. CEL of Kubernetes wants elements of one type.
func literals(n int, each func(func(*ast.Term))) (string, error) {
	texts := make([]string, 0, n)
	types := map[string]bool{}
	var problem error
	each(func(t *ast.Term) {
		text, err := literal(t.Value)
		if err != nil {
			problem = err
		}
		types[fmt.Sprintf("%T", t.Value)] = true
		texts = append(texts, text)
	})
	if len(types) > 1 {
		for i, t := range texts {
			texts[i] = "dyn(" + t + ")"
		}
	}
	return "[" + strings.Join(texts, ", ") + "]", problem
}

// whole is the number that a value is, if it is a constant one.
func whole(v ast.Value) (int, bool) {
	n, ok := v.(ast.Number)
	if !ok {
		return 0, false
	}
	i, err := json.Number(n).Int64()
	return int(i), err == nil
}
