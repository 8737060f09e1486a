// Package rights knows every command that an import sends, and asks the target before the first write whether it has those that a run
// needs, and whether the user may run them.
package rights

import (
	"github.com/redis-gitops/redis-gitops/rdb/importer/capability"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/importer/survey"
)

// Rights are those that one import needs. Its fields are set once.
type Rights struct {
	*server.Link
	*plan.Plan
	Dump    *survey.Survey
	Ways    *capability.Ways
	Resumed bool // the import goes on from a checkpoint
}
