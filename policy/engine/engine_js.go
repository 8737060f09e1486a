//go:build !compiled && js

package engine

import (
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/policy/opa"
)

// TakesModules reports whether the engine takes rules that are not embedded.
const TakesModules = true

// Default returns the engine of the embedded rules in this build: for them the page has a smaller program than one with their plan.
func Default() policy.Engine { return opa.Engine{} }

// ForModules returns the engine of rules that are not embedded.
func ForModules() policy.Engine { return opa.Engine{} }
