package preflight

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
)

// checkLive decides up front what a snapshot that is read once would otherwise show key by key.
func (ch *checker) checkLive(ctx context.Context, add func(error)) {
	live := ch.Source.Live
	if !ch.Source.Once || live == nil {
		return
	}
	if live.FieldTTL && ch.Server.Version < 12 && ch.Options.Wants("hash") {
		add(fmt.Errorf("the source has hashes with field expiry, which %s does not support; import into Redis 7.4 or Valkey 9.0, or exclude hashes with --type", ch.Server.Name))
	}
	if live.FindTypes == nil {
		return
	}
	var types []string
	if ch.Options.Wants("module") {
		types = ch.foreignTypes(ctx)
	}
	if ch.Server.Version < 9 && ch.Options.Wants("stream") {
		types = append(types, "stream")
	}
	found, err := live.FindTypes(ctx, types)
	if err != nil {
		add(fmt.Errorf("the source: %w", err))
	}
	for _, t := range found {
		what, since := fmt.Sprintf("keys of type %q", t), "the target lacks the module; load it there"
		switch t {
		case plan.VectorSet:
			what, since = "vector sets", fmt.Sprintf("%s does not support them; import into Redis 8.0 or later", ch.Server.Name)
		case "stream":
			what, since = "streams", fmt.Sprintf("%s does not support them; import into Redis 5.0 or later", ch.Server.Name)
		}
		add(fmt.Errorf("the source has %s: %s, or exclude them with --type", what, since))
	}
}

// foreignTypes are the types that modules of a live source make and the target lacks.
func (ch *checker) foreignTypes(ctx context.Context) []string {
	lacking := map[string]bool{}
	ch.EveryMaster(ctx, func(error) {}, func(ctx context.Context, _ func(error)) {
		have, _ := ch.ways.ModuleList(ctx)
		for t := range plan.ModuleNames {
			lacking[t] = lacking[t] || plan.ModuleListed(ch.Source.Live.Modules, t) && !plan.ModuleListed(have, t)
		}
	})
	return slices.DeleteFunc(slices.Sorted(maps.Keys(lacking)), func(t string) bool { return !lacking[t] })
}
