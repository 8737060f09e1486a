package wasm_test

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain lets garbage grow: many runs over small repositories otherwise spend a third of their time collecting it.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(2 << 30)
	os.Exit(m.Run())
}
