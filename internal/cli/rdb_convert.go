package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer"
)

const rdbConvertHelp = `Convert an RDB file to another version, older or newer, for a server that cannot
load it. Values are re-encoded if the version lacks their encoding: a listpack
of Redis 7.2 becomes a hash table for 6.2, a stream of 7.2 one of 5.0. Details
that the older encoding cannot represent are listed: the active time of
consumers, stream counters, and LRU and LFU before 5.0.

Data that the version cannot represent is listed key by key, nothing is written,
and the exit code is 1: hash fields with an expiry before 7.4, functions before
7.0, streams before 5.0, vector sets anywhere but in Redis 8.0 and later, and
module data, because a server without the module does not start. Use --module
for each module that the server has. --lossy writes the rest: hashes lose the
expiry of their fields, and other keys are omitted. The same applies to keys at
which a server exits when it loads the dump: duplicate keys, of which the first
is kept, and damaged values.

` + dumpFileHelp + ` OUT is written
atomically; the extension .gz or .zst compresses it, "-" is standard output.

Examples:
  redis-gitops rdb convert dump.rdb old.rdb --to-version 6.2
  redis-gitops rdb convert dump.rdb new.rdb.zst --to-version valkey-9.0 --lossy
  redis-gitops rdb convert dump.rdb new.rdb --to-version 8.0 --module ReJSON
  redis-gitops rdb convert - - --to-version 10 <dump.rdb >other.rdb`

func (a *app) rdbConvertCommand() *cobra.Command {
	var to string
	var lossy bool
	var modules []string
	c := &cobra.Command{
		Use:   "convert FILE OUT",
		Short: "Convert an RDB file to another version",
		Long:  rdbConvertHelp,
		Args:  flags.FromUse,
		RunE: func(c *cobra.Command, args []string) error {
			version, err := parseVersion(to)
			if err != nil {
				return err
			}
			opts := rdb.CopyOptions{Version: version, DropFieldTTL: lossy, Now: a.Now}
			if rdb.HasVectorSets(to) {
				modules = append(modules, "vectorset")
			}
			opts.HasModule = func(name string) bool { return importer.HasModule(modules, name) }
			return a.rewrite(c.Context(), args[0], args[1], opts, lossy)
		},
	}
	c.Flags().StringVar(&to, "to-version", "", "target server version, such as 6.2 or valkey-9.0, or RDB version, such as 9")
	flags.Complete(c, "to-version", rdb.Releases())
	c.Flags().BoolVar(&lossy, "lossy", false, "drop hash field expiry and omit keys that the version cannot represent")
	c.Flags().StringSliceVar(&modules, "module", nil, "module of the target server, by its name in MODULE LIST; may be repeated")
	return c
}

// parseVersion reads an RDB version or a release.
func parseVersion(text string) (int, error) {
	if text == "" {
		return 0, errors.New("--to-version is required, such as 6.2, 7.0 or valkey-9.0")
	}
	if v := rdb.VersionFor(text); v != 0 {
		return v, nil
	}
	v, err := strconv.Atoi(text)
	if err == nil {
		_, err = rdb.NewWriter(io.Discard, v)
	} else {
		err = fmt.Errorf("unknown version %q; use a release (%s), or an RDB version such as 9", text, strings.Join(rdb.Releases(), ", "))
	}
	if err != nil {
		return 0, fmt.Errorf("--to-version: %w", err)
	}
	return v, nil
}

// maxRefused is the maximum number of keys that are reported.
const maxRefused = 100

// errLossy ends a rewrite whose output would not have all keys.
var errLossy = errors.New("some data cannot be represented")

// rewrite copies a dump and reports what the version cannot represent.
func (a *app) rewrite(ctx context.Context, from, to string, opts rdb.CopyOptions, lossy bool) error {
	var refused, unloadable, named uint64
	name := func(format string, args ...any) {
		if named++; named <= maxRefused {
			a.PrintErrf(format+"\n", args...)
		}
	}
	opts.Refused = func(e *rdb.Entry, reason error) error {
		refused++
		what := fmt.Sprintf("key %q in database %d", e.Key, e.DB)
		switch e.Kind {
		case rdb.FunctionEntry:
			what = "function library"
		case rdb.ModuleAuxEntry:
			what = fmt.Sprintf("data of module %q", e.Module)
		}
		name("%s: %v", what, reason)
		return nil
	}
	opts.Unloadable = func(_ *rdb.Entry, reason error) error {
		unloadable++
		name("%v", reason)
		return nil
	}
	opts.Lost = func(e *rdb.Entry, lost rdb.Loss) {
		if lost&rdb.LossFieldExpiry != 0 {
			name("key %q in database %d: written without field expiry", e.Key, e.DB)
		}
	}
	var stats rdb.CopyStats
	err := a.writeOutput(to, func(w io.Writer) error {
		return a.scanDump(ctx, from, func(s *rdb.Scanner) (err error) {
			stats, err = rdb.Copy(w, s, opts)
			if err == nil && refused+unloadable > 0 && !lossy && to != "-" {
				err = errLossy
			}
			return err
		})
	})
	if named > maxRefused {
		a.PrintErrf("and %d more\n", named-maxRefused)
	}
	if err != nil && !errors.Is(err, errLossy) {
		return err
	}
	return a.sayRewritten(to, &stats, err == nil)
}

// sayRewritten reports what became of the keys. What was left out makes the exit code 1, also where the rest was written.
func (a *app) sayRewritten(to string, stats *rdb.CopyStats, written bool) error {
	summary := fmt.Sprintf("RDB version %d, %d of %s", stats.Version, stats.Written, finding.Count(stats.Keys, "key"))
	for _, part := range []struct {
		n    uint64
		what string
	}{{stats.Reencoded, "in another type"}, {stats.Filtered, "excluded by filters"}, {stats.Expired, "expired"}} {
		if part.n > 0 {
			summary += fmt.Sprintf("; %d %s", part.n, part.what)
		}
	}
	if stats.Unsearched {
		a.Warnf("%s", errUnsearched)
	}
	if !written && stats.Unloadable > 0 {
		a.PrintErrf("%s a server that loads the dump exits at %s; nothing was written; exclude such keys (rdb filter --exclude), or keep the first of each (rdb convert --lossy)\n",
			a.Paint(ui.Red, "error:"), finding.Count(stats.Unloadable, "key"))
	}
	switch {
	case !written && stats.Refused == 0:
		return exitcode.Code(exitcode.Findings)
	case !written:
		a.PrintErrf("%s %s cannot be represented in RDB version %d; nothing was written; use --lossy to write the rest\n",
			a.Paint(ui.Red, "error:"), finding.Count(stats.Refused, "item"), stats.Version)
		return exitcode.Code(exitcode.Findings)
	case to != "-":
		a.Infof("%s: %s", to, summary)
	}
	for _, l := range rdb.Losses() {
		if n := stats.Lost[l]; n > 0 {
			a.PrintErrf("%s %s written without %s, which RDB version %d does not support\n", a.Paint(ui.Yellow, "warning:"), finding.Count(n, "key", finding.Verb(n, "was", "were")), l, stats.Version)
		}
	}
	if n := stats.Refused + stats.Unloadable; n > 0 {
		a.PrintErrf("%s %s omitted\n", a.Paint(ui.Yellow, "warning:"), finding.Count(n, "item", finding.Verb(n, "was", "were")))
	}
	if stats.Refused > 0 || stats.Unloadable > 0 || stats.Lost[rdb.LossFieldExpiry] > 0 {
		return exitcode.Code(exitcode.Findings)
	}
	return nil
}
