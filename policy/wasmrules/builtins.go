package wasmrules

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strings"
)

// hosted are the functions that rules use and WebAssembly made by OPA does not have, as topdown of OPA has them. The answer is
// nil for undefined.
var hosted = map[string]func(args []any) any{
	"regex.find_n":  findN,
	"regex.replace": replace,
	"regex.split":   split,
	"sprintf":       sprintf,
	"units.parse":   unitsParse,
}

func sprintf(args []any) any {
	format, ok := args[0].(string)
	list, isList := args[1].([]any)
	if !ok || !isList {
		return nil
	}
	values := make([]any, len(list))
	for i, v := range list {
		switch v := v.(type) {
		case string:
			values[i] = v
		case json.Number:
			values[i] = number(v)
		default:
			values[i] = text(v)
		}
	}
	return fmt.Sprintf(format, values...)
}

// number is one as sprintf has it: whole, however long, or a float.
func number(n json.Number) any {
	if i, err := n.Int64(); err == nil {
		return i
	}
	if i, ok := new(big.Int).SetString(n.String(), 10); ok {
		return i
	}
	if f, err := n.Float64(); err == nil {
		return f
	}
	return n.String()
}

// patterns are those of rules, of which there are some tens; there is one thread.
var patterns = map[string]*regexp.Regexp{}

func pattern(v any) *regexp.Regexp {
	s, ok := v.(string)
	if !ok {
		return nil
	}
	re, known := patterns[s]
	if !known {
		re, _ = regexp.Compile(s) // nil then, and the call undefined
		patterns[s] = re
	}
	return re
}

func replace(args []any) any {
	s, ok := args[0].(string)
	with, isText := args[2].(string)
	re := pattern(args[1])
	if !ok || !isText || re == nil {
		return nil
	}
	return re.ReplaceAllString(s, with)
}

func split(args []any) any {
	s, ok := args[1].(string)
	re := pattern(args[0])
	if !ok || re == nil {
		return nil
	}
	out := []any{}
	for _, part := range re.Split(s, -1) {
		out = append(out, part)
	}
	return out
}

func findN(args []any) any {
	s, ok := args[1].(string)
	n, isNumber := args[2].(json.Number)
	re := pattern(args[0])
	if !ok || !isNumber || re == nil {
		return nil
	}
	limit, err := n.Int64()
	if err != nil {
		return nil
	}
	out := []any{}
	for _, found := range re.FindAllString(s, int(limit)) {
		out = append(out, found)
	}
	return out
}

var units = map[string]string{
	"": "1", "m": "0.001", "k": "1e3", "M": "1e6", "G": "1e9", "T": "1e12", "P": "1e15", "E": "1e18",
	"Ki": "1024", "Mi": "1048576", "Gi": "1073741824", "Ti": "1099511627776", "Pi": "1125899906842624", "Ei": "1152921504606846976",
}

// unitsParse reads the quantities that rules give it: digits and one of the units above (lib/quantity.rego).
func unitsParse(args []any) any {
	s, ok := args[0].(string)
	if !ok {
		return nil
	}
	digits := strings.TrimRight(s, "mkKMGTPEi")
	factor, known := new(big.Rat).SetString(units[s[len(digits):]])
	amount, isNumber := new(big.Rat).SetString(digits)
	if !known || !isNumber {
		return nil
	}
	if amount.Mul(amount, factor); amount.IsInt() {
		return json.Number(amount.Num().String())
	}
	return json.Number(amount.FloatString(10))
}
