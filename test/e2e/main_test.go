package e2e

import (
	"context"
	"os"
	"testing"

	"github.com/redis-gitops/redis-gitops/test/e2e/harness"
)

// cluster is the one of all tests. Each test has a namespace of its own in it.
var cluster *harness.Cluster

func TestMain(m *testing.M) {
	os.Exit(harness.Main(harness.Options{}, func(c *harness.Cluster) int {
		cluster = c
		return m.Run()
	}))
}

// bench is a namespace of Kubernetes for one test.
type bench struct {
	*testing.T
	ctx       context.Context
	namespace string
	// kubeconfig of the commands that the test runs.
	kubeconfig string
}
