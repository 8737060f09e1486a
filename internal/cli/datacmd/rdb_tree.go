package datacmd

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
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

// treeOptions are those of rdb tree.
type treeOptions struct {
	*env.Env
	inspect inspect.Options
	output  string
}

func newTree(e *env.Env) *cobra.Command {
	o := &treeOptions{Env: e}
	c := &cobra.Command{
		Use:   "tree FILE",
		Short: "Print the key prefixes of an RDB file as a tree",
		Long:  rdbTreeHelp,
		Args:  flags.FromUse,
		RunE:  func(c *cobra.Command, args []string) error { return o.run(c.Context(), args[0]) },
	}
	c.Flags().IntVar(&o.inspect.Depth, "depth", 3, "number of levels")
	c.Flags().IntVar(&o.inspect.Top, "top", 10, "number of prefixes per level")
	c.Flags().StringVar(&o.inspect.Separator, "separator", ":", "prefix separator")
	flags.AddOutput(c, &o.output, "text", "json")
	return c
}

func (o *treeOptions) run(ctx context.Context, name string) error {
	if o.inspect.Top < 1 || o.inspect.Top > 1000 {
		return fmt.Errorf("--top %d: must be between 1 and 1000", o.inspect.Top)
	}
	if o.inspect.Depth < 1 || o.inspect.Depth > 10 {
		return fmt.Errorf("--depth %d: must be between 1 and 10", o.inspect.Depth)
	}
	o.inspect.Now = o.Now
	info, err := InspectDump(ctx, o.Env, name, o.inspect)
	if err != nil {
		return err
	}
	if o.output == "json" {
		return o.JSON(info.Tree)
	}
	out := &lines{write: func(p []byte) error { _, err := o.Out.Write(p); return err }}
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
