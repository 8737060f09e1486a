//go:build compiled

package engine

import (
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/policy/wasmrules"
)

// TakesModules reports whether the engine takes rules that are not embedded.
const TakesModules = false

// Default returns the engine of the embedded rules in this build.
func Default() policy.Engine { return wasmrules.Engine{} }

// ForModules returns the engine of rules that are not embedded, which takes none here.
func ForModules() policy.Engine { return Default() }
