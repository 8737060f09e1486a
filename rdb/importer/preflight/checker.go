// Package preflight checks a dump and a target before the first write, and reports all that is wrong at once.
package preflight

import (
	"github.com/redis-gitops/redis-gitops/rdb/importer/capability"
	"github.com/redis-gitops/redis-gitops/rdb/importer/checkpoint"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/importer/survey"
)

// A checker checks one import.
type checker struct {
	*server.Link
	*plan.Plan
	dump   *survey.Survey
	head   *survey.Head // of a dump that is read once
	ways   *capability.Ways
	keeper *checkpoint.Keeper
}
