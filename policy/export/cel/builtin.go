package cel

import (
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// builtin returns what a built-in function makes of values. Of constants it is what OPA makes of them.
func (t *evaluator) builtin(name string, args []value) ([]result, error) {
	if out, ok, err := computed(name, args); ok || err != nil {
		return out, err
	}
	if translate := builtinOf(name); translate != nil {
		return translate(t, args)
	}
	if what, ok := unseen[name]; ok { // total, so that it does not matter what they make as long as nothing asks
		return one(hidden(what)), nil
	}
	if name == "walk" {
		return nil, because("goes through all fields")
	}
	return nil, because("calls %s", name)
}

func one(v value) []result { return []result{{nil, v}} }

func conditional(f *formula) []result {
	if f.is(no) {
		return nil
	}
	return []result{{conditions(f), constant(ast.Boolean(true))}}
}

// computed calls OPA's own function on constants.
func computed(name string, args []value) ([]result, bool, error) {
	terms := make([]*ast.Term, len(args))
	for i, a := range args {
		c, ok := a.known()
		if !ok {
			return nil, false, nil
		}
		terms[i] = ast.NewTerm(c)
	}
	function := topdown.GetBuiltin(name)
	if function == nil {
		return nil, false, nil
	}
	var out []result
	err := function(topdown.BuiltinContext{}, terms, func(x *ast.Term) error {
		out = one(constant(x.Value))
		return nil
	})
	if err != nil {
		return nil, true, nil // undefined
	}
	return out, true, nil
}

// unseen make text for messages, or paths, or numbers for them.
var unseen = map[string]string{
	"sprintf": "compares composed text", "concat": "compares composed text", "array.concat": "joins lists", "array.slice": "takes parts of a list",
	"object.union": "joins objects", "object.keys": "lists keys", "sort": "sorts", "ceil": "rounds", "floor": "rounds", "max": "looks for the highest",
	"min": "looks for the lowest", "json.marshal": "compares composed text", "object.filter": "takes parts of an object", "abs": "calculates", "union": "joins sets",
	"or": "joins sets", "and": "joins sets", "trim": "takes text apart", "trim_left": "takes text apart", "trim_right": "takes text apart",
	"trim_prefix": "takes text apart", "trim_suffix": "takes text apart", "substring": "takes text apart", "regex.replace": "replaces text", "regex.split": "splits text",
	"regex.find_n": "takes text apart", "regex.find_all_string_submatch_n": "takes text apart", "mul": "calculates", "div": "calculates",
}

type builtin = func(*evaluator, []value) ([]result, error)

// builtinOf returns the function that has a form in CEL.
func builtinOf(name string) builtin {
	return map[string]builtin{
		"count": count, "object.get": get, "neq": notEqual, "internal.member_2": member, "internal.member_3": member3,
		"lt": ordered("<"), "lte": ordered("<="), "gt": ordered(">"), "gte": ordered(">="),
		"plus": arithmetic("+"), "minus": arithmetic("-"), "mul": arithmetic("*"), "div": arithmetic("/"), "rem": arithmetic("%"),
		"is_string": typed("string"), "is_number": typed("int", "double"), "is_boolean": typed("bool"), "is_array": typed("list"), "is_object": typed("map"), "is_null": isNull,
		"regex.match": matches, "startswith": predicate("startsWith"), "endswith": predicate("endsWith"), "contains": predicate("contains"),
		"lower": textual("lowerAscii", "string"), "upper": textual("upperAscii", "string"), "trim_space": textual("trim", "string"),
		"split": textual("split", "list"), "replace": textual("replace", "string"),
		"array.concat": concatLists, "concat": concatText, "object.keys": keysOf, "object.union": joined, "sprintf": format, "type_name": typeName, "units.parse": parsed, "sort": sorted,
	}[name]
}

func textual(method, kind string) builtin {
	return func(_ *evaluator, args []value) ([]result, error) {
		if args[0].shape != "" {
			return nil, nil
		}
		texts, err := textsOf(args)
		if err != nil {
			return nil, err
		}
		return one(value{expr: texts[0] + "." + method + "(" + strings.Join(texts[1:], ", ") + ")", kind: kind}), nil
	}
}

func textsOf(args []value) ([]string, error) {
	texts := make([]string, len(args))
	for i, a := range args {
		var err error
		if texts[i], err = a.text(); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

func ordered(operator string) builtin {
	return func(t *evaluator, args []value) ([]result, error) {
		if args[0].kind == "position" && args[1].kind == "position" { // the order is that of all elements
			return t.builtin(map[string]string{"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}[operator],
				[]value{constant(ast.Number(args[0].expr)), constant(ast.Number(args[1].expr))})
		}
		if args[0].kind == "size" {
			if f, ok := sized(args[0], operator, args[1]); ok {
				return conditional(f), nil
			}
		}
		texts, err := textsOf(args)
		if err != nil {
			return nil, err
		}
		f := comparison(texts[0], operator, texts[1])
		inverse := map[string]string{"<": ">=", ">=": "<", ">": "<=", "<=": ">"}[operator]
		f.inverse = texts[0] + " " + inverse + " " + texts[1]
		return conditional(f), nil
	}
}

// sized compares the number of elements of a collection with 0 or 1.
func sized(count value, operator string, with value) (*formula, bool) {
	c, _ := with.known()
	n, ok := whole(c)
	if !ok {
		return nil, false
	}
	some, err := counted(value{items: count.items})
	if err != nil {
		return nil, false
	}
	switch {
	case operator == ">" && n == 0, operator == ">=" && n == 1, operator == "!=" && n == 0:
		return some, true
	case operator == "==" && n == 0, operator == "<" && n == 1, operator == "<=" && n == 0:
		return not(some), true
	case operator == ">" && n < 0 || operator == ">=" && n <= 0:
		return yes, true
	}
	return nil, false
}

// arithmetic computes in doubles, as Rego knows one kind of number only, unless both are whole.
func arithmetic(operator string) builtin {
	return func(_ *evaluator, args []value) ([]result, error) {
		texts, err := textsOf(args)
		if err != nil {
			return one(hidden(err.Error())), nil
		}
		whole := operator != "/" && !slices.ContainsFunc(args, func(v value) bool {
			c, known := v.known()
			return v.kind == "double" || v.kind == "number" || known && strings.ContainsAny(c.String(), ".eE")
		})
		kind := "int"
		if !whole {
			kind = "double"
			for i, a := range args {
				if c, ok := a.known(); ok && !strings.ContainsAny(c.String(), ".eE") {
					texts[i] += ".0"
				} else if !ok && a.kind != "double" {
					texts[i] = "double(" + texts[i] + ")"
				}
			}
		}
		return one(value{expr: "(" + texts[0] + " " + operator + " " + texts[1] + ")", kind: kind}), nil
	}
}

// ofType is the condition that a value has a type.
func ofType(v value, kinds ...string) (*formula, error) {
	if v.hidden == "compares composed text" {
		return truth(slices.Contains(kinds, "string")), nil
	}
	if v.hidden != "" {
		return nil, because("%s", v.hidden)
	}
	switch v.shape {
	case "list":
		return truth(slices.Contains(kinds, "list")), nil
	case "object":
		return truth(slices.Contains(kinds, "map")), nil
	case "items":
		return nil, because("asks for the type of a collection")
	}
	if v.kind != "" {
		return truth(slices.Contains(kinds, v.kind) || v.kind == "number" && slices.Contains(kinds, "double")), nil
	}
	var any []*formula
	for _, kind := range kinds {
		any = append(any, comparison("type("+v.expr+")", "==", kind))
	}
	return or(any...), nil
}

func typed(kinds ...string) builtin {
	return func(_ *evaluator, args []value) ([]result, error) {
		f, err := ofType(args[0], kinds...)
		if err != nil {
			return nil, err
		}
		return conditional(f), nil
	}
}

func isNull(_ *evaluator, args []value) ([]result, error) {
	f, err := equal(args[0], constant(ast.Null{}))
	if err != nil {
		return nil, err
	}
	return conditional(f), nil
}

func notEqual(t *evaluator, args []value) ([]result, error) {
	if args[0].kind == "size" {
		if f, ok := sized(args[0], "!=", args[1]); ok {
			return conditional(f), nil
		}
	}
	f, err := equal(args[0], args[1])
	if err != nil {
		return nil, err
	}
	return conditional(not(f)), nil
}

func member(t *evaluator, args []value) ([]result, error) {
	x, of := args[0], args[1]
	if of.kind == "keys" {
		if name, ok := x.constant.(ast.String); ok {
			return conditional(isSet(append(slices.Clip(of.path), string(name)))), nil
		}
	}
	if c, ok := of.known(); ok && x.shape == "" && x.hidden == "" && x.constant == nil {
		if f, ok := listed(x, c); ok {
			return conditional(f), nil
		}
	}
	if of.constant == nil && of.shape == "" && of.hidden == "" && !isMap(of.path) {
		texts, err := textsOf(args)
		if err != nil {
			return nil, err
		}
		return conditional(atom(texts[0] + " in " + texts[1])), nil
	}
	var any []*formula
	err := t.iterate(of, func(_, element value, among []step) error {
		f, err := equal(element, x)
		any = append(any, closed(append(slices.Clip(among), step{condition: f})))
		return err
	})
	if err != nil {
		return nil, err
	}
	return conditional(or(any...)), nil
}

// listed is x in [a, b]. CEL of Kubernetes wants elements of one type, as the field has one.
func listed(x value, c ast.Value) (*formula, bool) {
	kinds := map[string]bool{}
	n := 0
	if eachOf(c, func(_, element ast.Value) error {
		kinds[ast.ValueName(element)] = true
		n++
		return nil
	}) != nil || len(kinds) != 1 || n < 2 || !kinds["string"] && !kinds["number"] || x.kind != "" && x.kind != "string" && kinds["string"] {
		return nil, false
	}
	text, err := literal(c)
	if err != nil {
		return nil, false
	}
	f := atom(x.expr + " in " + text)
	f.inverse = "!(" + f.text + ")"
	return f, true
}

func member3(t *evaluator, args []value) ([]result, error) {
	var any []*formula
	err := t.iterate(args[2], func(key, element value, among []step) error {
		f, err := equal(key, args[0])
		if err != nil {
			return err
		}
		g, err := equal(element, args[1])
		any = append(any, closed(append(slices.Clip(among), step{condition: and(f, g)})))
		return err
	})
	return conditional(or(any...)), err
}

func count(_ *evaluator, args []value) ([]result, error) {
	v := args[0]
	switch {
	case v.hidden != "":
		return one(hidden(v.hidden)), nil
	case v.shape == "list":
		return one(constant(ast.Number(strconv.Itoa(len(v.list))))), nil
	case v.shape == "object":
		return one(constant(ast.Number(strconv.Itoa(len(v.fields))))), nil
	case v.shape == "items":
		return one(value{kind: "size", items: v.items, hidden: "counts"}), nil
	case v.kind != "" && v.kind != "string" && v.kind != "list" && v.kind != "map":
		return nil, nil
	}
	return one(value{expr: "size(" + v.expr + ")", kind: "int"}), nil
}

// get is object.get: the value of a key, or the default.
func get(t *evaluator, args []value) ([]result, error) {
	key, ok := args[1].known()
	if !ok {
		return nil, because("looks up a field by the value of another")
	}
	path := []ast.Value{key}
	if array, ok := key.(*ast.Array); ok {
		path = nil
		array.Foreach(func(x *ast.Term) { path = append(path, x.Value) })
	}
	if v := args[0]; v.shape != "" || v.hidden != "" {
		if v.shape == "" || v.shape == "items" {
			return nil, because("looks up an element of a collection")
		}
	} else if v.constant == nil && v.kind != "" && v.kind != "map" && v.kind != "list" {
		return nil, nil
	}
	found := one(args[0])
	for _, step := range path {
		var deeper []result
		for _, f := range found {
			under, err := t.at(f.value, constant(step))
			if err != nil {
				return nil, err
			}
			for _, u := range under {
				deeper = append(deeper, result{slices.Concat(f.steps, u.steps), u.value})
			}
		}
		found = deeper
	}
	missing := yes
	for i, f := range found {
		there := closed(f.steps)
		missing = and(missing, not(there))
		found[i].steps = conditions(there)
	}
	if missing.is(no) {
		return found, nil
	}
	return append(found, result{conditions(missing), args[2]}), nil
}

func concatLists(_ *evaluator, args []value) ([]result, error) {
	var items []item
	certain := true
	for _, v := range args {
		v = unfolded(v)
		switch v.shape {
		case "list":
			for _, element := range v.list {
				items = append(items, item{value: element})
			}
		case "items":
			certain = false
			items = append(items, v.items...)
		default:
			return one(hidden("joins lists")), nil
		}
	}
	return one(collected(items, "list", certain)), nil
}

// unfolded writes a constant list or object as one of values.
func unfolded(v value) value {
	switch c := v.constant.(type) {
	case *ast.Array:
		v = value{shape: "list"}
		for i := range c.Len() {
			v.list = append(v.list, constant(c.Elem(i).Value))
		}
	case ast.Object:
		v = value{shape: "object"}
		c.Foreach(func(key, element *ast.Term) { v.fields = append(v.fields, field{key.Value, constant(element.Value)}) })
	}
	return v
}

// joined is object.union. What the second has replaces what the first has; objects in both are not looked into.
func joined(_ *evaluator, args []value) ([]result, error) {
	a, b := unfolded(args[0]), unfolded(args[1])
	if a.shape != "object" || b.shape != "object" {
		return one(hidden("joins objects")), nil
	}
	out := value{shape: "object"}
	for _, f := range a.fields {
		if !slices.ContainsFunc(b.fields, func(g field) bool { return g.key.Compare(f.key) == 0 }) {
			out.fields = append(out.fields, f)
		}
	}
	out.fields = append(out.fields, b.fields...)
	return one(out.folded()), nil
}

// format is sprintf. Text of one value alone is that value as text.
func format(_ *evaluator, args []value) ([]result, error) {
	list := unfolded(args[1])
	pattern, _ := args[0].known()
	if list.shape == "list" && len(list.list) == 1 && (pattern.Compare(ast.String("%v")) == 0 || pattern.Compare(ast.String("%d")) == 0) {
		if v := list.list[0]; v.shape == "" && v.hidden == "" {
			if v.kind == "string" {
				return one(v), nil
			}
			return one(value{expr: "string(" + v.expr + ")", kind: "string"}), nil
		}
	}
	return one(hidden("compares composed text")), nil
}

// typeName has six answers.
func typeName(_ *evaluator, args []value) ([]result, error) {
	var out []result
	for _, name := range []struct {
		rego string
		cel  []string
	}{{"string", []string{"string"}}, {"number", []string{"int", "double"}}, {"boolean", []string{"bool"}}, {"array", []string{"list"}}, {"object", []string{"map"}}, {"null", []string{"null_type"}}} {
		f, err := ofType(args[0], name.cel...)
		if err != nil {
			return nil, err
		}
		if !f.is(no) {
			out = append(out, result{conditions(f), constant(ast.String(name.rego))})
		}
	}
	return out, nil
}

// parsed is units.parse, which differs from the quantities of Kubernetes in what no rule lets through.
func parsed(_ *evaluator, args []value) ([]result, error) {
	text, err := args[0].text()
	if err != nil {
		return nil, err
	}
	return []result{{conditions(atom("isQuantity(" + text + ")")), value{expr: "quantity(" + text + ").asApproximateFloat()", kind: "double"}}}, nil
}

func sorted(_ *evaluator, args []value) ([]result, error) {
	if args[0].shape == "items" || args[0].shape == "list" {
		return one(args[0]), nil // only its elements can be asked for, as the position of one is not known
	}
	return one(hidden("sorts")), nil
}

func matches(_ *evaluator, args []value) ([]result, error) {
	if args[1].shape != "" {
		return nil, nil
	}
	texts, err := textsOf(args)
	if err != nil {
		return nil, err
	}
	return conditional(atom(texts[1] + ".matches(" + texts[0] + ")")), nil
}

func predicate(method string) builtin {
	return func(_ *evaluator, args []value) ([]result, error) {
		texts, err := textsOf(args)
		if err != nil {
			return nil, err
		}
		return conditional(atom(texts[0] + "." + method + "(" + texts[1] + ")")), nil
	}
}

// concatText is concat. Of a few parts that may be missing it makes each text that there can be.
func concatText(_ *evaluator, args []value) ([]result, error) {
	delimiter, ok := args[0].known()
	separator, text := delimiter.(ast.String)
	if v := args[1]; !ok || !text || v.shape != "items" || len(v.items) > 4 || slices.ContainsFunc(v.items, func(i item) bool {
		_, known := i.value.constant.(ast.String)
		return !known || chooses(i.steps) || i.set
	}) {
		return one(hidden("compares composed text")), nil
	}
	type world struct {
		condition *formula
		parts     []string
	}
	worlds := []world{{condition: yes}}
	for _, i := range args[1].items {
		var both []world
		for _, w := range worlds {
			there := closed(i.steps)
			both = append(both, world{and(w.condition, not(there)), w.parts},
				world{and(w.condition, there), append(slices.Clip(w.parts), string(i.value.constant.(ast.String)))})
		}
		worlds = both
	}
	var out []result
	for _, w := range worlds {
		if !w.condition.is(no) {
			out = append(out, result{conditions(w.condition), constant(ast.String(strings.Join(w.parts, string(separator))))})
		}
	}
	return out, nil
}

// keysOf is object.keys, of which CEL has no list, but can look for one.
func keysOf(_ *evaluator, args []value) ([]result, error) {
	v := args[0]
	if v.shape != "" || v.hidden != "" || v.kind != "" && v.kind != "map" {
		return one(hidden("lists keys")), nil
	}
	return one(value{expr: v.expr, path: v.path, schema: v.schema, kind: "keys"}), nil
}
