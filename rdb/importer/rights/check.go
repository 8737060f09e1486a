package rights

import (
	"context"
	"fmt"
	"slices"

	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// Check asks whether the masters have the commands that a run needs, and the user may run them.
func (ri *Rights) Check(ctx context.Context, add func(error)) {
	if ri.intent().verify {
		ri.EveryMaster(ctx, add, ri.checkDump)
	}
	p := ri.intent()
	var needed []command
	for _, c := range commandTable {
		if c.when != nil && c.when(p) {
			needed = append(needed, c)
		}
	}
	var nodes []string
	var refusals []refusal
	ri.EveryMaster(ctx, add, func(ctx context.Context, add func(error)) {
		refused, err := ri.mayRun(ctx, needed)
		if err != nil {
			add(err)
			return
		}
		nodes = append(nodes, ri.Place.Node)
		for _, r := range refused {
			r.node = ri.Place.Node
			refusals = append(refusals, r)
		}
	})
	refusals, err := ri.reallyNeeded(ctx, refusals)
	if err != nil {
		add(err)
	}
	var found server.NodeProblems
	for _, node := range nodes {
		of := slices.DeleteFunc(slices.Clone(refusals), func(r refusal) bool { return r.node != node })
		for _, err := range ri.explainRefused(of) {
			found.Add(node, err)
		}
	}
	for _, err := range found.Errors(len(nodes)) {
		add(err)
	}
}

// checkDump asks whether one server gives the values that are compared.
func (ri *Rights) checkDump(ctx context.Context, add func(error)) {
	_, err := ri.Ask(ctx, "DUMP", ri.ProbeKey(ri.Dump.LikeKey()))
	switch {
	case redis.Code(err) == "NOPERM":
		add(fmt.Errorf("%w: verification requires DUMP permission; grant it, or use --verify off", err))
	case server.UnknownCommand(err):
		ri.Server.NoDump = true
		ri.Ledger.Note("the target has no DUMP command (renamed or disabled); values were compared element by element, which is slower")
	}
}
