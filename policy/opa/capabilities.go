package opa

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/redis-gitops/redis-gitops/finding"
)

// refused are the built-in functions that reach the network, the machine, the clock or chance, or that take as long as a
// regular expression or a walk of the network wants. The list of what is allowed is all others of these families, so that a
// new function of a later OPA is refused until somebody looks at it.
var allowedFamilies = []string{
	"array", "base64", "base64url", "bits", "cast", "glob", "hex", "json", "numbers", "object", "regex", "semver", "sets",
	"strings", "units", "urlquery", "yaml",
}

var allowedNames = []string{
	"abs", "all", "and", "any", "array.concat", "assign", "ceil", "concat", "contains", "count", "div", "endswith", "eq", "equal",
	"floor", "format_int", "graph.reachable", "gt", "gte", "indexof", "indexof_n", "internal.member_2", "internal.member_3",
	"internal.print", "internal.template_string", "internal.test_case", "intersection", "is_array", "is_boolean", "is_null",
	"is_number", "is_object", "is_set", "is_string", "lower", "lt", "lte", "max", "min", "minus", "mul", "neq", "or", "plus",
	"print", "product", "rem", "replace", "round", "sort", "split", "sprintf", "startswith", "substring", "sum", "to_number",
	"trim", "trim_left", "trim_prefix", "trim_right", "trim_space", "trim_suffix", "type_name", "union", "upper", "walk",
}

// Capabilities returns what rules may use, ours and everybody's.
func Capabilities() *ast.Capabilities { return capabilities() }

var capabilities = sync.OnceValue(func() *ast.Capabilities {
	all := ast.CapabilitiesForThisVersion()
	c := &ast.Capabilities{FutureKeywords: all.FutureKeywords, Features: all.Features, AllowNet: []string{}}
	for _, b := range all.Builtins {
		family, _, dotted := strings.Cut(b.Name, ".")
		if slices.Contains(allowedNames, b.Name) || dotted && slices.Contains(allowedFamilies, family) {
			c.Builtins = append(c.Builtins, b)
		}
	}
	return c
})

// explain puts an error of OPA into our words.
func explain(file string, err error) finding.Problems {
	var problems finding.Problems
	var many ast.Errors
	var eval *topdown.Error
	switch {
	case errors.As(err, &many):
		for _, e := range many {
			at := finding.Position{File: file}
			if e.Location != nil {
				at = finding.Position{File: e.Location.File, Line: e.Location.Row, Column: e.Location.Col}
			}
			problems = append(problems, finding.Errorf(at, "", "%s", words(e.Message)))
		}
	case errors.As(err, &eval):
		at := finding.Position{File: file}
		if eval.Location != nil {
			at = finding.Position{File: eval.Location.File, Line: eval.Location.Row, Column: eval.Location.Col}
		}
		first, _, _ := strings.Cut(eval.Message, "\n")
		problems = append(problems, finding.Errorf(at, "", "the rule failed: %s; fix or disable it", strings.TrimSuffix(first, ":")))
	default:
		problems = append(problems, finding.Errorf(finding.Position{File: file}, "", "%v", err))
	}
	return problems
}

// words describes what a message of OPA's compiler means here.
func words(message string) string {
	if name, ok := strings.CutPrefix(message, "undefined function "); ok {
		known := slices.ContainsFunc(ast.Builtins, func(b *ast.Builtin) bool { return b.Name == name })
		if known {
			return fmt.Sprintf("%s is not allowed in policies (no access to network, host or clock); use only input and data", name)
		}
		return fmt.Sprintf("function %q does not exist; define it or import its package", name)
	}
	first, _, _ := strings.Cut(message, "\n")
	return "not valid Rego: " + first + "; fix it"
}
