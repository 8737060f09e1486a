package main

import (
	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/rdb"
)

const rdbFilterHelp = `Write a dump with a part of the keys of another, or with other databases and expiries. A key must pass all kinds of choice
that are given, and one of each kind. The version stays.

` + dumpFileHelp + ` OUT is written whole or not at all; .gz or .zst at its end packs it, "-" is standard output.

Patterns are those of KEYS: * any text, ? one byte, [a-z] one of them, [^a-z] one other, \ takes the next as it is.

Examples:
  redis-gitops rdb filter dump.rdb users.rdb --db 0 --match 'user:*' --exclude '*:session'
  redis-gitops rdb filter dump.rdb staging.rdb.gz --drop-expired --ttl 7d
  redis-gitops rdb filter dump.rdb moved.rdb --map-db 3:0 --db 3`

func (a *app) rdbFilterCommand() *cobra.Command {
	var flags filterFlags
	var dropExpired bool
	c := &cobra.Command{
		Use:   "filter FILE OUT",
		Short: "Write a part of a dump, or other databases and expiries",
		Long:  rdbFilterHelp,
		Args:  fromUse,
		RunE: func(c *cobra.Command, args []string) error {
			filter, err := flags.filter()
			if err != nil {
				return err
			}
			if dropExpired || filter.TTL.Max > 0 {
				filter.Now = a.machine.Now
			}
			return a.rewrite(c.Context(), args[0], args[1], rdb.CopyOptions{Filter: filter}, false)
		},
	}
	flags.add(c)
	c.Flags().BoolVar(&dropExpired, "drop-expired", false, "leave out keys that have expired by now; --ttl with a time does that too")
	return c
}
