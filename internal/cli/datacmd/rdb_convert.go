package datacmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
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

// convertOptions are those of rdb convert.
type convertOptions struct {
	*env.Env
	to      string
	lossy   bool
	modules []string
}

func newConvert(e *env.Env) *cobra.Command {
	o := &convertOptions{Env: e}
	c := &cobra.Command{
		Use:   "convert FILE OUT",
		Short: "Convert an RDB file to another version",
		Long:  rdbConvertHelp,
		Args:  flags.FromUse,
		RunE:  func(c *cobra.Command, args []string) error { return o.run(c.Context(), args[0], args[1]) },
	}
	c.Flags().StringVar(&o.to, "to-version", "", "target server version, such as 6.2 or valkey-9.0, or RDB version, such as 9")
	flags.Complete(c, "to-version", rdb.Releases())
	c.Flags().BoolVar(&o.lossy, "lossy", false, "drop hash field expiry and omit keys that the version cannot represent")
	c.Flags().StringSliceVar(&o.modules, "module", nil, "module of the target server, by its name in MODULE LIST; may be repeated")
	return c
}

func (o *convertOptions) run(ctx context.Context, from, to string) error {
	version, err := parseVersion(o.to)
	if err != nil {
		return err
	}
	modules := o.modules
	if rdb.HasVectorSets(o.to) {
		modules = append(modules, "vectorset")
	}
	return rewrite(ctx, o.Env, from, to, rdb.CopyOptions{
		Version: version, DropFieldTTL: o.lossy, Now: o.Now,
		HasModule: func(name string) bool { return plan.HasModule(modules, name) },
	}, o.lossy)
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
