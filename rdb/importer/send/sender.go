// Package send writes the keys of a dump into the target: in batches over several connections, with many commands under way. Every
// reply is read; a connection that breaks is made anew, and what was not answered is sent again.
package send

import (
	"sync/atomic"

	"github.com/redis-gitops/redis-gitops/rdb/importer/capability"
	"github.com/redis-gitops/redis-gitops/rdb/importer/checkpoint"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/importer/survey"
)

// A Sender writes the keys of one dump. Its fields are set before the first pass.
type Sender struct {
	*server.Link
	*plan.Plan
	Dump    *survey.Survey
	Head    *survey.Head // of a dump that is read once
	Ways    *capability.Ways
	Keeper  *checkpoint.Keeper
	Sampler *survey.Sampler // keeps some of the keys that are sent; may be nil

	names     atomic.Int64 // temporary keys so far
	leftovers leftovers
	twice     plan.Duplicates // of a dump that is read once
	pace      pace
	replicas  replicas
}
