package datacmd

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/rdb"
)

// maxRefused is the maximum number of keys that are reported.
const maxRefused = 100

// errLossy ends a rewrite whose output would not have all keys.
var errLossy = errors.New("some data cannot be represented")

// errUnsearched is a limit of the search for duplicate keys.
var errUnsearched = errors.New("only the first 16 million keys were checked for duplicates")

// rewrite copies a dump and reports what the version cannot represent.
func rewrite(ctx context.Context, e *env.Env, from, to string, opts rdb.CopyOptions, lossy bool) error {
	var refused, unloadable, named uint64
	name := func(format string, args ...any) {
		if named++; named <= maxRefused {
			e.PrintErrf(format+"\n", args...)
		}
	}
	opts.Refused = func(entry *rdb.Entry, reason error) error {
		refused++
		what := fmt.Sprintf("key %q in database %d", entry.Key, entry.DB)
		switch entry.Kind {
		case rdb.FunctionEntry:
			what = "function library"
		case rdb.ModuleAuxEntry:
			what = fmt.Sprintf("data of module %q", entry.Module)
		}
		name("%s: %v", what, reason)
		return nil
	}
	opts.Unloadable = func(_ *rdb.Entry, reason error) error {
		unloadable++
		name("%v", reason)
		return nil
	}
	opts.Lost = func(entry *rdb.Entry, lost rdb.Loss) {
		if lost&rdb.LossFieldExpiry != 0 {
			name("key %q in database %d: written without field expiry", entry.Key, entry.DB)
		}
	}
	var stats rdb.CopyStats
	err := writeOutput(e, to, func(w io.Writer) error {
		return scanDump(ctx, e, from, func(s *rdb.Scanner) (err error) {
			stats, err = rdb.Copy(w, s, opts)
			if err == nil && refused+unloadable > 0 && !lossy && to != "-" {
				err = errLossy
			}
			return err
		})
	})
	if named > maxRefused {
		e.PrintErrf("and %d more\n", named-maxRefused)
	}
	if err != nil && !errors.Is(err, errLossy) {
		return err
	}
	return sayRewritten(e, to, &stats, err == nil)
}

// sayRewritten reports what became of the keys. What was left out makes the exit code 1, also where the rest was written.
func sayRewritten(e *env.Env, to string, stats *rdb.CopyStats, written bool) error {
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
		e.Warnf("%s", errUnsearched)
	}
	if !written && stats.Unloadable > 0 {
		e.PrintErrf("%s a server that loads the dump exits at %s; nothing was written; exclude such keys (rdb filter --exclude), or keep the first of each (rdb convert --lossy)\n",
			e.Paint(ui.Red, "error:"), finding.Count(stats.Unloadable, "key"))
	}
	switch {
	case !written && stats.Refused == 0:
		return exitcode.Code(exitcode.Findings)
	case !written:
		e.PrintErrf("%s %s cannot be represented in RDB version %d; nothing was written; use --lossy to write the rest\n",
			e.Paint(ui.Red, "error:"), finding.Count(stats.Refused, "item"), stats.Version)
		return exitcode.Code(exitcode.Findings)
	case to != "-":
		e.Infof("%s: %s", to, summary)
	}
	for _, l := range rdb.Losses() {
		if n := stats.Lost[l]; n > 0 {
			e.PrintErrf("%s %s written without %s, which RDB version %d does not support\n", e.Paint(ui.Yellow, "warning:"), finding.Count(n, "key", finding.Verb(n, "was", "were")), l, stats.Version)
		}
	}
	if n := stats.Refused + stats.Unloadable; n > 0 {
		e.PrintErrf("%s %s omitted\n", e.Paint(ui.Yellow, "warning:"), finding.Count(n, "item", finding.Verb(n, "was", "were")))
	}
	if stats.Refused > 0 || stats.Unloadable > 0 || stats.Lost[rdb.LossFieldExpiry] > 0 {
		return exitcode.Code(exitcode.Findings)
	}
	return nil
}
