package lint_test

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain lets garbage grow: thousands of runs over small repositories otherwise spend a third of their time collecting it.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(2 << 30)
	os.Exit(m.Run())
}
