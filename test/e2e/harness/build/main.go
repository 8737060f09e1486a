// Command build makes the programs of the suite, so that a cold build shows and does not count as time of the tests.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/redis-gitops/redis-gitops/test/e2e/harness"
)

func main() {
	if _, err := harness.Build(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
}
