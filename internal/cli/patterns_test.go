package cli

import (
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// TestPatterns compiles the regular expressions of all packages, which the program does when it first needs one.
func TestPatterns(t *testing.T) {
	t.Parallel()
	if err := lazyregexp.Check(); err != nil {
		t.Error(err)
	}
}
