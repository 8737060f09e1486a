// Command redis-gitops scaffolds and lints Redis in a GitOps repository, connects to it and fills it.
package main

import (
	"os"

	"github.com/redis-gitops/redis-gitops/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
