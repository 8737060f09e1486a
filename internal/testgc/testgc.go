// Package testgc has a test process collect garbage less often when it is imported: thousands of short runs otherwise spend a third
// to a half of their time on that. A test imports it for its effect.
package testgc

import (
	"os"
	"runtime/debug"
	"strings"
)

// A test binary that runs as the command under test has another name, and collects as the command does.
func init() {
	if strings.HasSuffix(os.Args[0], ".test") {
		debug.SetGCPercent(400)
		debug.SetMemoryLimit(2 << 30)
	}
}
