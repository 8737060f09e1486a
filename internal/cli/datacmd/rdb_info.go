package datacmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
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

// infoOptions are those of rdb info.
type infoOptions struct {
	*env.Env
	inspect          inspect.Options
	output, html, at string
}

func newInfo(e *env.Env) *cobra.Command {
	o := &infoOptions{Env: e}
	c := &cobra.Command{
		Use:   "info FILE",
		Short: "Summarize an RDB file: types, sizes, TTLs, largest keys",
		Long:  rdbInfoHelp,
		Args:  flags.FromUse,
		RunE:  func(c *cobra.Command, args []string) error { return o.run(c.Context(), args[0]) },
	}
	f := c.Flags()
	flags.AddOutput(c, &o.output, "text", "json")
	f.StringVar(&o.html, "html", "", "write an HTML report with charts to this file (self-contained, no scripts)")
	f.IntVar(&o.inspect.Top, "top", 20, "number of largest keys and prefixes")
	f.StringVar(&o.inspect.Separator, "separator", ":", "prefix separator")
	f.StringVar(&o.at, "at", "now", "compute TTLs relative to now, dump (its creation), or a time such as 2027-01-31T12:00:00Z")
	return c
}

// moment reads --at.
func moment(at string, today time.Time) (now time.Time, atDump bool, err error) {
	switch at {
	case "now":
		return today, false, nil
	case "dump":
		return today, true, nil
	}
	now, err = time.Parse(time.RFC3339, at)
	if err != nil {
		err = fmt.Errorf("--at: invalid time %q; use now, dump, or a time such as 2027-01-31T12:00:00Z", at)
	}
	return now, false, err
}

func (o *infoOptions) run(ctx context.Context, name string) error {
	if o.inspect.Top < 1 || o.inspect.Top > 1000 {
		return fmt.Errorf("--top %d: must be between 1 and 1000", o.inspect.Top)
	}
	var err error
	if o.inspect.Now, o.inspect.AtDump, err = moment(o.at, o.Now); err != nil {
		return err
	}
	info, err := InspectDump(ctx, o.Env, name, o.inspect)
	if err != nil {
		return err
	}
	shown := filepath.Base(name)
	if name == "-" {
		shown = "standard input"
	}
	if o.html != "" {
		if err := writeOutput(o.Env, o.html, func(w io.Writer) error { return info.WriteHTML(w, shown) }); err != nil {
			return err
		}
	}
	switch {
	case o.output == "json" && o.html == "-":
		return errors.New("--output json and --html - cannot both write to standard output; pass a file to --html")
	case o.output == "json":
		return o.JSON(info)
	case o.html != "":
		if o.html != "-" {
			o.Infof("%s", o.html)
		}
		return nil
	}
	return info.WriteText(o.Out, shown)
}
