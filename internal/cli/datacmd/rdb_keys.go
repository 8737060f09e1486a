package datacmd

import (
	"context"
	"encoding/csv"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/inspect"
)

const rdbKeysHelp = `List every key of an RDB file with its type, encoding, size, estimated memory
and TTL, in file order. Memory use is constant, whatever the size of the file.
Values are not printed; see rdb show.

` + dumpFileHelp + `

Keys that are not valid UTF-8 are printed with \x escapes; JSON lines also
contain the exact bytes as keyBase64.

Examples:
  redis-gitops rdb keys dump.rdb --match 'session:*'
  redis-gitops rdb keys dump.rdb --output csv >keys.csv
  redis-gitops rdb keys dump.rdb --output jsonl | jq 'select(.memory > 1000000)'`

// keyColumns are those of CSV, and of text.
var keyColumns = []string{"db", "type", "encoding", "elements", "bytes", "memory", "ttl", "key"}

// keysOptions are those of rdb keys.
type keysOptions struct {
	*env.Env
	filterFlags
	output string
}

func newKeys(e *env.Env) *cobra.Command {
	o := &keysOptions{Env: e}
	c := &cobra.Command{
		Use:   "keys FILE",
		Short: "List the keys of an RDB file",
		Long:  rdbKeysHelp,
		Args:  flags.FromUse,
		RunE:  func(c *cobra.Command, args []string) error { return o.run(c.Context(), args[0]) },
	}
	o.choose(c)
	flags.AddOutput(c, &o.output, "text", "csv", "jsonl")
	return c
}

func (o *keysOptions) run(ctx context.Context, name string) error {
	filter, err := o.filter()
	if err != nil {
		return err
	}
	out := &lines{write: func(p []byte) error { _, err := o.Out.Write(p); return err }}
	table := csv.NewWriter(&out.text)
	if o.output == "text" {
		table.Comma = '\t'
	}
	if o.output == "jsonl" {
		out.write = o.JSONText
	} else if err := table.Write(keyColumns); err != nil {
		return err
	}
	err = scanDump(ctx, o.Env, name, func(s *rdb.Scanner) error {
		return inspect.EachKey(s, &filter, o.Now, func(k *inspect.KeyRow) error {
			if o.output == "jsonl" {
				return out.json(k)
			}
			ttl := ""
			if k.TTL != nil {
				ttl = strconv.FormatInt(*k.TTL, 10)
			}
			number := func(n uint64) string { return strconv.FormatUint(n, 10) }
			row := []string{strconv.Itoa(k.DB), k.Type, k.Encoding, number(k.Elements), number(k.Bytes), number(k.Memory), ttl, oneLine(k.Key.Key)}
			if err := table.Write(row); err != nil {
				return err
			}
			table.Flush()
			return out.flush(linesBuffer)
		})
	})
	table.Flush()
	if e := out.flush(0); err == nil {
		err = e
	}
	return err
}
