package cli

import (
	"github.com/spf13/cobra"

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

func (a *app) rdbFilterCommand() *cobra.Command {
	var choice filterFlags
	var dropExpired bool
	c := &cobra.Command{
		Use:   "filter FILE OUT",
		Short: "Copy selected keys, or change databases and expiry",
		Long:  rdbFilterHelp,
		Args:  flags.FromUse,
		RunE: func(c *cobra.Command, args []string) error {
			filter, err := choice.filter()
			if err != nil {
				return err
			}
			if dropExpired || filter.TTL.Max > 0 {
				filter.Now = a.Now
			}
			return a.rewrite(c.Context(), args[0], args[1], rdb.CopyOptions{Filter: filter}, false)
		},
	}
	choice.add(c)
	c.Flags().BoolVar(&dropExpired, "drop-expired", false, "omit expired keys (implied by --ttl with a duration)")
	return c
}
