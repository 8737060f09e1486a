package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/inspect"
)

const rdbTreeHelp = `Print the key prefixes of an RDB file as a tree, largest first, with the number
of keys and the estimated memory of each. Memory use is constant, whatever the
size of the file: with more than 4096 prefixes on a level, each figure includes
its error bound.

` + dumpFileHelp + `

Examples:
  redis-gitops rdb tree dump.rdb
  redis-gitops rdb tree dump.rdb --depth 5 --top 5 --separator /`

func (a *app) rdbTreeCommand() *cobra.Command {
	var opts inspect.Options
	var output string
	c := &cobra.Command{
		Use:   "tree FILE",
		Short: "Print the key prefixes of an RDB file as a tree",
		Long:  rdbTreeHelp,
		Args:  flags.FromUse,
		RunE: func(c *cobra.Command, args []string) error {
			if opts.Top < 1 || opts.Top > 1000 {
				return fmt.Errorf("--top %d: must be between 1 and 1000", opts.Top)
			}
			if opts.Depth < 1 || opts.Depth > 10 {
				return fmt.Errorf("--depth %d: must be between 1 and 10", opts.Depth)
			}
			opts.Now = a.Now
			return a.rdbTree(c.Context(), args[0], opts, output)
		},
	}
	c.Flags().IntVar(&opts.Depth, "depth", 3, "number of levels")
	c.Flags().IntVar(&opts.Top, "top", 10, "number of prefixes per level")
	c.Flags().StringVar(&opts.Separator, "separator", ":", "prefix separator")
	flags.AddOutput(c, &output, "text", "json")
	return c
}

func (a *app) rdbTree(ctx context.Context, name string, opts inspect.Options, output string) error {
	info, err := a.inspectDump(ctx, name, opts)
	if err != nil {
		return err
	}
	if output == "json" {
		return a.JSON(info.Tree)
	}
	out := &lines{write: func(p []byte) error { _, err := a.Out.Write(p); return err }}
	shown := filepath.Base(name)
	if name == "-" {
		shown = "standard input"
	}
	fmt.Fprintf(&out.text, "%s: %s, about %s\n", shown, finding.Count(info.Total.Keys, "key"), rdb.FormatBytes(info.Total.Memory))
	writeNodes(out, info, info.Tree, "")
	return out.flush(0)
}

func writeNodes(out *lines, info *inspect.Info, nodes []inspect.Node, indent string) {
	for _, n := range nodes {
		name := oneLine(n.Prefix.Prefix) + "*"
		if n.Prefix.Prefix == "" {
			name = fmt.Sprintf("(keys without %q)", info.Separator)
		}
		line := fmt.Sprintf("%s%s  %s, %s", indent, name, finding.Count(n.Keys, "key"), rdb.FormatBytes(n.Memory))
		if n.AtMost > 0 {
			line += fmt.Sprintf(" (at most %s too high)", rdb.FormatBytes(n.AtMost))
		}
		out.text.WriteString(strings.TrimRight(line, " ") + "\n")
		writeNodes(out, info, n.Children, indent+"  ")
	}
}
