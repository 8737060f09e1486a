package opa

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Cover takes down which lines of the rules are evaluated, for tests. It serves one goroutine at a time. What reads it is left to
// the tests: OPA's package cover brings all of OPA with it.
type Cover struct {
	Tracer  topdown.QueryTracer
	Modules map[string]*ast.Module // as they were compiled, by file; not nil
}
