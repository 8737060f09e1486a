// Package webcmd has the command that serves the page.
package webcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/spf13/afero"
	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/internal/inputfile"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/wasm/host"
	page "github.com/redis-gitops/redis-gitops/wasm/web"
)

const webHelp = `Serve the web UI for this repository on localhost.

The URL contains a random token; anyone who has it can read and write the
repository until the command exits (Ctrl-C). The page writes only what it has
shown and you have confirmed, atomically. If this build does not include the
page, pass it with --page; "make web" builds it in wasm/web/dist.

The last change written can be undone on the page, or with redis-gitops undo.

Examples:
  redis-gitops web
  redis-gitops web --open
  redis-gitops -C ../devops web --port 8080 --page wasm/web/dist`

// maxPage is the size limit of a file of the built page, in bytes.
const maxPage = 64 << 20

// options are those of web.
type options struct {
	*env.Env
	port int
	open bool
	page string
}

// New returns the command.
func New(e *env.Env) *cobra.Command {
	o := &options{Env: e}
	c := &cobra.Command{
		Use:   "web",
		Short: "Serve the web UI for this repository on localhost",
		Long:  webHelp,
		Args:  flags.FromUse,
		RunE:  func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	c.Flags().IntVar(&o.port, "port", 0, "port on 127.0.0.1 (default: a free port)")
	c.Flags().BoolVar(&o.open, "open", false, "open the browser")
	flags.Directory(c.Flags(), &o.page, "page", "directory with the built page (default: included in this build)")
	return c
}

func (o *options) run(ctx context.Context) error {
	if o.port < 0 || o.port > 65535 {
		return fmt.Errorf("--port %d: must be between 1 and 65535", o.port)
	}
	built := page.Page()
	if o.page != "" {
		built = inputfile.Dir{Name: o.page, Limit: maxPage}
	}
	if built == nil {
		return errors.New("this build does not include the page; pass its directory with --page, or build with `make build-web`")
	}
	first, err := o.Open(ctx, false) // a wrong directory is reported now
	if err != nil {
		return err
	}
	root := first.Dir
	if err := first.FS.Close(); err != nil {
		return err
	}
	s, err := host.Listen(host.Options{
		Port: o.port, Page: built, Name: filepath.Base(root),
		Read: func() (afero.Fs, io.Closer, error) {
			fsys, err := o.OpenFS(root)
			return fsys, fsys, err
		},
		Apply: func(command string, changes []repo.Change) error {
			return o.change(ctx, func(r *repo.Repo) error { return r.Apply(command, changes) })
		},
		Undo: func(command string, changes []repo.Change) error {
			return o.change(ctx, func(r *repo.Repo) error { return undo(r, command, changes) })
		},
	})
	if errors.Is(err, fs.ErrNotExist) && o.page != "" {
		return fmt.Errorf("--page: %s does not contain a built page; run `make web`", o.page)
	}
	if err != nil {
		return err
	}
	o.Infof("%s\nPress Ctrl-C to stop.", s.URL)
	if o.open {
		done, err := host.OpenBrowser(s.URL)
		if err != nil {
			o.PrintErrf("%s cannot open the browser: %v\n", o.Paint(ui.Yellow, "note:"), err)
		} else {
			defer done()
		}
	}
	return s.Serve(ctx)
}

// change changes the repository as it is now.
func (o *options) change(ctx context.Context, f func(*repo.Repo) error) error {
	r, err := o.Open(ctx, true)
	if err != nil {
		return err
	}
	defer r.FS.Close()
	return f(r.Repo)
}

// undo takes back what the page wrote, as the command undo does, unless something else was changed since.
func undo(r *repo.Repo, command string, changes []repo.Change) error {
	last, err := r.LastChange()
	switch {
	case err != nil:
		return err
	case last == nil:
		return fmt.Errorf("there is no record of %q; it was undone already, or use git restore", command)
	case !last.Matches(changes):
		return fmt.Errorf("%q is not the last change, which is %q; undo that one first with `redis-gitops undo`, or use git restore", command, last.Command)
	}
	return r.Undo(last)
}
