package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/rdb/inspect"
)

const rdbInfoHelp = `Summarize an RDB file: version, databases, types and encodings, TTLs, sizes, the
largest keys and prefixes, and an estimate of the memory that a server needs.
Values are never printed.

` + dumpFileHelp + `

Memory use is constant, whatever the size of the file. Counts, bytes and the
largest keys are exact; memory is an estimate, and so are prefixes if a level
has more than 4096 of them; the report includes the error bounds.

Examples:
  redis-gitops rdb info dump.rdb
  redis-gitops rdb info dump.rdb.gz --html report.html
  redis-gitops dump redis://host - | redis-gitops rdb info - --output json`

func (a *app) rdbInfoCommand() *cobra.Command {
	var opts inspect.Options
	var output, html, at string
	c := &cobra.Command{
		Use:   "info FILE",
		Short: "Summarize an RDB file: types, sizes, TTLs, largest keys",
		Long:  rdbInfoHelp,
		Args:  flags.FromUse,
		RunE: func(c *cobra.Command, args []string) error {
			if opts.Top < 1 || opts.Top > 1000 {
				return fmt.Errorf("--top %d: must be between 1 and 1000", opts.Top)
			}
			var err error
			if opts.Now, opts.AtDump, err = a.moment(at); err != nil {
				return err
			}
			return a.rdbInfo(c.Context(), args[0], opts, output, html)
		},
	}
	f := c.Flags()
	flags.AddOutput(c, &output, "text", "json")
	f.StringVar(&html, "html", "", "write an HTML report with charts to this file (self-contained, no scripts)")
	f.IntVar(&opts.Top, "top", 20, "number of largest keys and prefixes")
	f.StringVar(&opts.Separator, "separator", ":", "prefix separator")
	f.StringVar(&at, "at", "now", "compute TTLs relative to now, dump (its creation), or a time such as 2027-01-31T12:00:00Z")
	return c
}

// moment reads --at.
func (a *app) moment(at string) (now time.Time, atDump bool, err error) {
	switch at {
	case "now":
		return a.Now, false, nil
	case "dump":
		return a.Now, true, nil
	}
	now, err = time.Parse(time.RFC3339, at)
	if err != nil {
		err = fmt.Errorf("--at: invalid time %q; use now, dump, or a time such as 2027-01-31T12:00:00Z", at)
	}
	return now, false, err
}

func (a *app) rdbInfo(ctx context.Context, name string, opts inspect.Options, output, html string) error {
	info, err := a.inspectDump(ctx, name, opts)
	if err != nil {
		return err
	}
	shown := filepath.Base(name)
	if name == "-" {
		shown = "standard input"
	}
	if html != "" {
		if err := a.writeOutput(html, func(w io.Writer) error { return info.WriteHTML(w, shown) }); err != nil {
			return err
		}
	}
	switch {
	case output == "json" && html == "-":
		return errors.New("--output json and --html - cannot both write to standard output; pass a file to --html")
	case output == "json":
		return a.JSON(info)
	case html != "":
		if html != "-" {
			a.Infof("%s", html)
		}
		return nil
	}
	return info.WriteText(a.Out, shown)
}

// inspectDump counts what is in a dump.
func (a *app) inspectDump(ctx context.Context, name string, opts inspect.Options) (*inspect.Info, error) {
	src, release, err := a.openSource(name)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := a.dumpAlone(ctx, src); err != nil {
		return nil, err
	}
	body, err := src.Open(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	info, err := inspect.Inspect(untilDone{ctx, body}, opts)
	if err != nil {
		return nil, inFile(name, err)
	}
	info.Compression = src.Packed
	return info, nil
}
