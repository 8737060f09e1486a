//go:build !compiled && !js

// Package engine selects the engines that evaluate rules in this build: the plan of the embedded rules and OPA for all others, or with the
// tag compiled the rules compiled to WebAssembly.
package engine

import (
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/policy/opa"
	"github.com/redis-gitops/redis-gitops/policy/planrules"
)

// TakesModules reports whether the engine takes rules that are not embedded.
const TakesModules = true

// Default returns the engine of the embedded rules in this build.
func Default() policy.Engine { return planrules.Engine{} }

// ForModules returns the engine of rules that are not embedded.
func ForModules() policy.Engine { return opa.Engine{} }
