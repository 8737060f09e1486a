package preflight

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/capability"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
)

// checkTypes finds the types of the dump that the target cannot have, and tries a value of each on the target.
func (ch *checker) checkTypes(ctx context.Context, add func(error)) {
	for _, t := range slices.Sorted(maps.Keys(ch.dump.Types)) {
		sample, keys := ch.dump.Samples[t], ch.dump.Types[t]
		switch {
		case t == rdb.TypeModule2:
		case ch.Options.Method == plan.Replication:
			add(ch.loadable(ctx, t, sample, keys))
		case rdb.Loadable(t, ch.Server.Version) != nil:
			add(fmt.Errorf("%s of type %s: %w; import into a newer server, or exclude them with --type", finding.Count(keys, "key", finding.Verb(keys, "is", "are")), t, rdb.Loadable(t, ch.Server.Version)))
		case sample != nil: // else all of its values are large
			add(ch.tryType(ctx, sample, keys))
		}
	}
}

// tryType tries a value of a type on the target in the way that it will be written. Whether the target has the plain commands is
// for checkRights.
func (ch *checker) tryType(ctx context.Context, sample *rdb.Entry, keys uint64) error {
	how, err := ch.ways.Of(ctx, sample)
	if err != nil || how == capability.AsIs {
		return err
	}
	if how == capability.Reencoded {
		value, _, err := rdb.Reencode(sample, rdb.ReencodeOptions{Version: ch.Server.Version, Shift: ch.Shift})
		if err != nil || value == nil {
			return nil // the value is damaged; it is reported when it is written
		}
		if refused, err := ch.ways.ProbeMasters(ctx, value); err != nil || !refused || rdb.Check(sample) != nil {
			return err
		}
		return fmt.Errorf("%s rejects %s of type %s, also as %s; exclude them with --type, or use --method commands", ch.Server.Name, finding.Count(keys, "key"), sample.Type, value.Type)
	}
	return rdb.Commands(sample, rdb.CommandOptions{RDBVersion: ch.Server.Version}, func([][]byte) error { return nil })
}

// loadable explains why a target that loads the dump itself would end its process at a type.
func (ch *checker) loadable(ctx context.Context, t rdb.Type, sample *rdb.Entry, keys uint64) error {
	if capability.Knows(ch.Server.Version, t) {
		if !ch.Server.AbsTTL || ch.Server.NoRestore || sample == nil {
			return nil
		}
		refused, err := ch.ways.Probe(ctx, sample)
		if refused && err == nil {
			err = fmt.Errorf("%s rejects key %q as damaged, and a server that loads a damaged dump exits; remove --method replication to import the other keys", ch.Server.Name, sample.Key)
		}
		return err
	}
	return fmt.Errorf("%s does not support the encoding %q of %s, and a server that loads such a dump exits; remove --method replication", ch.Server.Name, t, finding.Count(keys, "key"))
}
