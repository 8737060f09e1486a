package cli

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"strconv"

	"github.com/spf13/cobra"

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

func (a *app) rdbKeysCommand() *cobra.Command {
	var choice filterFlags
	var output string
	c := &cobra.Command{
		Use:   "keys FILE",
		Short: "List the keys of an RDB file",
		Long:  rdbKeysHelp,
		Args:  flags.FromUse,
		RunE: func(c *cobra.Command, args []string) error {
			filter, err := choice.filter()
			if err != nil {
				return err
			}
			return a.rdbKeys(c.Context(), args[0], &filter, output)
		},
	}
	choice.choose(c)
	flags.AddOutput(c, &output, "text", "csv", "jsonl")
	return c
}

func (a *app) rdbKeys(ctx context.Context, name string, filter *rdb.Filter, output string) error {
	out := &lines{write: func(p []byte) error { _, err := a.Out.Write(p); return err }}
	table := csv.NewWriter(&out.text)
	if output == "text" {
		table.Comma = '\t'
	}
	if output == "jsonl" {
		out.write = a.JSONText
	} else if err := table.Write(keyColumns); err != nil {
		return err
	}
	err := a.scanDump(ctx, name, func(s *rdb.Scanner) error {
		return inspect.EachKey(s, filter, a.Now, func(k *inspect.KeyRow) error {
			if output == "jsonl" {
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

// oneLine escapes line ends and tabs, so that a key is one line of text and one row of CSV.
func oneLine(key string) string {
	quoted := strconv.Quote(key)
	if quoted = quoted[1 : len(quoted)-1]; bytes.ContainsAny([]byte(key), "\n\r\t") {
		return quoted
	}
	return key
}

const linesBuffer = 32 << 10

// lines gathers whole lines, because what is printed is searched for secrets and escapes, in which it must not be cut.
type lines struct {
	text  bytes.Buffer
	write func([]byte) error
}

// flush writes what has been gathered, if it is at least so many bytes.
func (l *lines) flush(least int) error {
	if l.text.Len() == 0 || l.text.Len() < least {
		return nil
	}
	err := l.write(l.text.Bytes())
	l.text.Reset()
	return err
}

// json adds a value as a line of JSON.
func (l *lines) json(v any) error {
	enc := json.NewEncoder(&l.text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	return l.flush(linesBuffer)
}
