package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/rdb"
)

const rdbConvertHelp = `Write a dump anew in another version, older or newer, for a server that would refuse it. Values of a type that the version
has not are written in another type: what is a listpack in Redis 7.2 becomes a hash table for 6.2. Streams lose only
bookkeeping (how many items were ever added and read) when they become those of Redis 6.2.

What the version has no way to say (hash fields with an expiry before 7.4, functions before 7.0, streams before 5.0, modules
before 4.0) is told key by key, and then nothing is written and the exit code is 1. With --lossy, the rest is written.

` + dumpFileHelp + ` OUT is written whole or not at all; .gz or .zst at its end packs it, "-" is standard output.

Examples:
  redis-gitops rdb convert dump.rdb old.rdb --to-version 6.2
  redis-gitops rdb convert dump.rdb new.rdb.zst --to-version valkey-9.0 --lossy
  redis-gitops rdb convert - - --to-version 10 <dump.rdb >other.rdb`

func (a *app) rdbConvertCommand() *cobra.Command {
	var to string
	var lossy bool
	c := &cobra.Command{
		Use:   "convert FILE OUT",
		Short: "Write a dump anew in another version",
		Long:  rdbConvertHelp,
		Args:  fromUse,
		RunE: func(c *cobra.Command, args []string) error {
			version, err := parseVersion(to)
			if err != nil {
				return err
			}
			return a.rewrite(c.Context(), args[0], args[1], rdb.CopyOptions{Version: version}, lossy)
		},
	}
	c.Flags().StringVar(&to, "to-version", "", "the server that is to read it, such as 6.2 or valkey-9.0, or an RDB version, such as 9")
	complete(c, "to-version", rdb.Releases())
	c.Flags().BoolVar(&lossy, "lossy", false, "leave out what the version cannot say")
	return c
}

// parseVersion reads an RDB version or a release.
func parseVersion(text string) (int, error) {
	if text == "" {
		return 0, errors.New("which version? Give --to-version, such as 6.2, 7.0 or valkey-9.0")
	}
	if v := rdb.VersionFor(text); v != 0 {
		return v, nil
	}
	v, err := strconv.Atoi(text)
	if err == nil {
		_, err = rdb.NewWriter(io.Discard, v)
	} else {
		err = fmt.Errorf("unknown version %q; a release (%s), or an RDB version such as 9", text, strings.Join(rdb.Releases(), ", "))
	}
	if err != nil {
		return 0, fmt.Errorf("--to-version: %w", err)
	}
	return v, nil
}

// maxRefused bounds how many keys are told.
const maxRefused = 100

// errLossy ends a rewrite whose output would not have all keys.
var errLossy = errors.New("something cannot be expressed")

// rewrite copies a dump. What the version cannot say is told.
func (a *app) rewrite(ctx context.Context, from, to string, opts rdb.CopyOptions, lossy bool) error {
	var refused uint64
	opts.Refused = func(e *rdb.Entry, reason error) error {
		if refused++; refused > maxRefused {
			return nil
		}
		what := fmt.Sprintf("key %q of database %d", e.Key, e.DB)
		switch e.Kind {
		case rdb.FunctionEntry:
			what = "a library of functions"
		case rdb.ModuleAuxEntry:
			what = fmt.Sprintf("data of module %q", e.Module)
		}
		a.errf("%s: %v\n", what, reason)
		return nil
	}
	var stats rdb.CopyStats
	err := a.writeOutput(to, func(w io.Writer) error {
		return a.scanDump(ctx, from, func(s *rdb.Scanner) (err error) {
			stats, err = rdb.Copy(w, s, opts)
			if err == nil && refused > 0 && !lossy && to != "-" {
				err = errLossy
			}
			return err
		})
	})
	if refused > maxRefused {
		a.errf("and %d more\n", refused-maxRefused)
	}
	if err != nil && !errors.Is(err, errLossy) {
		return err
	}
	summary := fmt.Sprintf("RDB version %d, %d of %d keys", stats.Version, stats.Written, stats.Keys)
	for _, part := range []struct {
		n    uint64
		what string
	}{{stats.Reencoded, "in another type"}, {stats.Filtered, "left out by the filter"}, {stats.Expired, "expired"}} {
		if part.n > 0 {
			summary += fmt.Sprintf("; %d %s", part.n, part.what)
		}
	}
	switch {
	case err != nil:
		a.errf("%s %d keys or other parts have no form in RDB version %d; nothing was written. --lossy leaves them out\n",
			a.paint(red, "error:"), refused, stats.Version)
		return errCode(exitFindings)
	case to != "-":
		a.say("%s: %s", to, summary)
	}
	if refused > 0 {
		a.errf("%s %d keys or other parts were left out\n", a.paint(yellow, "warning:"), refused)
		return errCode(exitFindings)
	}
	return nil
}
