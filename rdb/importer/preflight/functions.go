package preflight

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// checkFunctions looks for libraries that the target cannot take, or cannot take beside its own.
func (ch *checker) checkFunctions(ctx context.Context, add func(error)) {
	if ch.Source.Once && ch.dump.Version < 10 || !ch.Options.Wants(server.FunctionRow) {
		return
	}
	count := len(ch.dump.Libraries)
	if !ch.Source.Once && count == 0 {
		return
	}
	if ch.Server.Version < 10 {
		if count > 0 {
			add(fmt.Errorf("the source has function libraries, which %s does not support; exclude them with --type", ch.Server.Name))
		}
		return
	}
	ch.EveryMaster(ctx, add, ch.checkFunctionsOf)
}

// checkFunctionsOf asks one server.
func (ch *checker) checkFunctionsOf(ctx context.Context, add func(error)) {
	for _, l := range ch.dump.Libraries {
		if l.Engine != "" && !strings.EqualFold(l.Engine, "lua") {
			if err := ch.checkEngine(ctx, l); err != nil {
				add(err)
			}
		}
	}
	count := len(ch.dump.Libraries)
	if ch.Options.Method == plan.Replication || ch.Options.Existing == plan.Skip || ch.keeper.Resumed() || count == 0 {
		return // existing functions are replaced or kept
	}
	list, err := ch.List(ctx, "FUNCTION", "LIST")
	have := server.LibrariesOf(list)
	switch {
	case redis.Code(err) == "NOPERM":
		add(fmt.Errorf("%w: the dump has %s; grant +function, or exclude them with --type", err, finding.Count(count, "function library")))
	case err != nil:
		add(server.Advise(err))
	default:
		for _, e := range server.Conflicts(ch.dump.Libraries, have, ch.Options.Existing == plan.Replace) {
			add(e)
		}
	}
}

// checkEngine reports that the target cannot run a library.
func (ch *checker) checkEngine(ctx context.Context, l server.Library) error {
	reply, err := ch.Ask(ctx, "FUNCTION", "STATS")
	if err != nil && redis.Code(err) == "" {
		return err
	}
	if strings.Contains(strings.ToLower(fmt.Sprint(reply)), strings.ToLower(l.Engine)) {
		return nil
	}
	return fmt.Errorf("the function library %q requires the engine %q, which the target lacks; exclude functions with --type", l.Name, l.Engine)
}
