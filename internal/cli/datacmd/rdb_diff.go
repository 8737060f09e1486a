package datacmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/inspect"
)

const rdbDiffHelp = `Compare the keys of two RDB files: which were added, removed or changed, in
type, value or expiry. Values are compared regardless of their encoding, so
files of different versions can be compared. Stream counters and consumer times
are not compared.

FILE and OTHER are RDB files, optionally compressed with gzip or zstd. They are
read several times; memory use is bounded. Exits with 1 if they differ.

Examples:
  redis-gitops rdb diff yesterday.rdb today.rdb
  redis-gitops rdb diff before.rdb after.rdb --ignore-ttl --output jsonl`

// diffOptions are those of rdb diff.
type diffOptions struct {
	*env.Env
	filterFlags
	ignoreTTL bool
	output    string
}

func newDiff(e *env.Env) *cobra.Command {
	o := &diffOptions{Env: e}
	c := &cobra.Command{
		Use:   "diff FILE OTHER",
		Short: "Compare the keys of two RDB files",
		Long:  rdbDiffHelp,
		Args:  flags.FromUse,
		RunE:  func(c *cobra.Command, args []string) error { return o.run(c.Context(), args[0], args[1]) },
	}
	o.choose(c)
	c.Flags().BoolVar(&o.ignoreTTL, "ignore-ttl", false, "ignore expiry times")
	flags.AddOutput(c, &o.output, "text", "jsonl")
	return c
}

func (o *diffOptions) run(ctx context.Context, before, after string) error {
	filter, err := o.filter()
	if err != nil {
		return err
	}
	var sources [2]plan.Source
	for i, name := range []string{before, after} {
		if name == "-" {
			return errors.New("rdb diff reads files several times, so standard input is not supported; pass files")
		}
		src, release, err := openSource(o.Env, name)
		if err != nil {
			return err
		}
		defer release()
		if src.Once {
			return fmt.Errorf("%s: rdb diff reads files several times, so pipes are not supported; pass a file", name)
		}
		if err := dumpAlone(ctx, o.Env, src); err != nil {
			return err
		}
		sources[i] = src
	}
	out := &lines{write: func(p []byte) error { _, err := o.Out.Write(p); return err }}
	if o.output == "jsonl" {
		out.write = o.JSONText
	}
	found, err := inspect.Diff(opener(ctx, before, sources[0]), opener(ctx, after, sources[1]), inspect.DiffOptions{Filter: filter, IgnoreTTL: o.ignoreTTL}, func(c *inspect.Change) error {
		if o.output == "jsonl" {
			return out.json(c)
		}
		sign := map[string]string{"added": "+", "removed": "-", "changed": "~"}[c.Change]
		fmt.Fprintf(&out.text, "%s db %d %s %s", sign, c.DB, c.Type, oneLine(c.Key))
		if len(c.What) > 0 {
			fmt.Fprintf(&out.text, " (%s)", strings.Join(c.What, ", "))
		}
		out.text.WriteByte('\n')
		return out.flush(linesBuffer)
	})
	if e := out.flush(0); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	if o.output == "text" {
		o.Infof("%s and %s: %d added, %d removed, %d changed", finding.Count(found.Old, "key"), finding.Count(found.New, "key"), found.Added, found.Removed, found.Changed)
	}
	if found.Any() {
		return exitcode.Code(exitcode.Findings)
	}
	return nil
}

// opener returns a dump from its beginning, again and again.
func opener(ctx context.Context, name string, src plan.Source) func() (*rdb.Scanner, func() error, error) {
	return func() (*rdb.Scanner, func() error, error) {
		body, err := src.Open(ctx, 0)
		if err != nil {
			return nil, nil, inFile(name, err)
		}
		return rdb.NewScanner(untilDone{ctx, body}, rdb.Options{}), body.Close, nil
	}
}
