//go:build !compiled

// Package engine selects the engine that evaluates rules in this build: OPA, or with the tag compiled the rules compiled to
// WebAssembly.
package engine

import (
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/policy/opa"
)

// TakesModules reports whether the engine takes rules that are not embedded.
const TakesModules = true

// Default returns the engine of this build.
func Default() policy.Engine { return opa.Engine{} }
