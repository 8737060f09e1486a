package cel

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// longest bounds a condition: nobody reads a longer one, and an API server limits what it costs.
const longest = 8000

// messages returns the variables of a rule about violations that only its messages, paths and fixes are made of. What they are does not
// matter, only that they are defined.
func (t *evaluator) messagesOf(r *ast.Rule) map[ast.Var]bool {
	all := map[ast.Var]bool{}
	ast.WalkVars(r, func(v ast.Var) bool {
		all[v] = true
		return false
	})
	used := func(x any, but ast.Var) (changed bool) {
		ast.WalkVars(x, func(v ast.Var) bool {
			if all[v] && v != but {
				delete(all, v)
				changed = true
			}
			return false
		})
		return changed
	}
	if strings.Contains(r.Module.String(), `"strict"`) {
		used(r.Head, "")
	}
	for changed := true; changed; {
		changed = false
		set := map[ast.Var]bool{}
		for _, x := range r.Body {
			output, total, ok := t.defines(x)
			if !ok || set[output] {
				output, total = "", false
			}
			set[output] = true
			if !total || !all[output] {
				changed = used(x, output) || changed
			}
		}
	}
	return all
}

// defines returns the variable that an expression may set, and whether it does so whatever its arguments are.
func (t *evaluator) defines(x *ast.Expr) (output ast.Var, total, ok bool) {
	terms, call := x.Terms.([]*ast.Term)
	if x.Negated || len(x.With) > 0 || !call {
		return "", false, false
	}
	name := terms[0].String()
	if name == "eq" || name == "assign" {
		output, ok = variable(terms[1])
		_, ref := terms[2].Value.(ast.Ref)
		return output, !ref, ok
	}
	arity := 0
	if rules := t.compiler.GetRulesExact(terms[0].Value.(ast.Ref)); len(rules) > 0 {
		arity = len(rules[0].Head.Args)
	} else if b := ast.BuiltinMap[name]; b != nil {
		arity = b.Decl.Arity()
	}
	if len(terms) != arity+2 {
		return "", false, false
	}
	output, ok = variable(terms[len(terms)-1])
	_, known := unseen[name]
	return output, known, ok
}

// unused says whether an expression sets a variable that only messages are made of, and no other one.
func (t *evaluator) unused(x *ast.Expr, e *env) (ast.Var, bool) {
	name, _, ok := t.defines(x)
	if !ok || !t.messages[name] {
		return "", false
	}
	if _, bound := e.get(name); bound {
		return "", false
	}
	single := true
	ast.WalkTerms(x, func(term *ast.Term) bool {
		switch v := term.Value.(type) {
		case ast.Var:
			if _, bound := e.get(v); !bound && v != name && !v.Equal(ast.InputRootDocument.Value) && !v.Equal(ast.DefaultRootDocument.Value) && strings.HasPrefix(string(v), "__local") {
				single = false
			}
		case *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension:
			return true
		}
		return false
	})
	return name, single
}
