package datacmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/rdb"
)

const rdbFilterHelp = `Copy selected keys of an RDB file, or change their databases and expiry. A key
must match all kinds of filters that are given, and at least one of each kind.
The version is preserved. If a server would exit when loading a selected key, the
key is listed, nothing is written, and the exit code is 1: duplicate keys and
damaged values. Use --exclude to leave such keys out.

` + dumpFileHelp + ` OUT is written
atomically; the extension .gz or .zst compresses it, "-" is standard output.

Patterns work like in KEYS: * matches any text, ? one byte, [a-z] one of these,
[^a-z] any other, and \ escapes the next character.

Examples:
  redis-gitops rdb filter dump.rdb users.rdb --db 0 --match 'user:*' --exclude '*:session'
  redis-gitops rdb filter dump.rdb staging.rdb.gz --drop-expired --ttl 7d
  redis-gitops rdb filter dump.rdb moved.rdb --map-db 3:0 --db 3`

// filterOptions are those of rdb filter.
type filterOptions struct {
	*env.Env
	filterFlags
	dropExpired bool
}

func newFilter(e *env.Env) *cobra.Command {
	o := &filterOptions{Env: e}
	c := &cobra.Command{
		Use:   "filter FILE OUT",
		Short: "Copy selected keys, or change databases and expiry",
		Long:  rdbFilterHelp,
		Args:  flags.FromUse,
		RunE:  func(c *cobra.Command, args []string) error { return o.run(c.Context(), args[0], args[1]) },
	}
	o.add(c)
	c.Flags().BoolVar(&o.dropExpired, "drop-expired", false, "omit expired keys (implied by --ttl with a duration)")
	return c
}

func (o *filterOptions) run(ctx context.Context, from, to string) error {
	filter, err := o.filter()
	if err != nil {
		return err
	}
	if o.dropExpired || filter.TTL.Max > 0 {
		filter.Now = o.Now
	}
	return rewrite(ctx, o.Env, from, to, rdb.CopyOptions{Filter: filter}, false)
}
