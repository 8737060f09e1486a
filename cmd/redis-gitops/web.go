package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/spf13/afero"
	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/wasm/host"
	"github.com/redis-gitops/redis-gitops/wasm/web"
)

const webHelp = `Serve the page that scaffolds, lints and explores, for this repository and on this machine alone.

The address holds a random token; whoever has it can read the repository and write to it until the command ends (Ctrl-C). The page
writes only what it has shown and you have confirmed, whole or not at all. A build without the page takes one with --page:
"make web" puts it into wasm/web/dist.

Examples:
  redis-gitops web
  redis-gitops web --open
  redis-gitops -C ../devops web --port 8080 --page wasm/web/dist`

func (a *app) webCommand() *cobra.Command {
	var port int
	var open bool
	var dir string
	c := &cobra.Command{
		Use:   "web",
		Short: "Serve the page for this repository, on this machine alone",
		Long:  webHelp,
		Args:  fromUse,
		RunE:  func(c *cobra.Command, _ []string) error { return a.web(c.Context(), port, open, dir) },
	}
	c.Flags().IntVar(&port, "port", 0, "the port of 127.0.0.1 (default a free one)")
	c.Flags().BoolVar(&open, "open", false, "show it in the browser")
	c.Flags().StringVar(&dir, "page", "", "a folder with the built page (default the one of this build)")
	return c
}

func (a *app) web(ctx context.Context, port int, open bool, dir string) error {
	if port < 0 || port > 65535 {
		return fmt.Errorf("--port %d is no port; give one of 1 to 65535, or none", port)
	}
	built := web.Page()
	if dir != "" {
		built = regularFS{a.at(dir), maxPage}
	}
	if built == nil {
		return errors.New("this build has no page; give the folder of one with --page, or build with `make build-web`")
	}
	first, err := a.open(false) // a wrong place is told now
	if err != nil {
		return err
	}
	root := first.dir
	if err := first.fs.Close(); err != nil {
		return err
	}
	s, err := host.Listen(host.Options{
		Port: port, Page: built, Name: filepath.Base(root),
		Read: func() (afero.Fs, io.Closer, error) {
			fsys, err := a.openFs(root)
			return fsys, fsys, err
		},
		Apply: func(command string, changes []repo.Change) error {
			o, err := a.open(true)
			if err != nil {
				return err
			}
			defer o.fs.Close()
			return o.Apply(command, changes)
		},
	})
	if errors.Is(err, fs.ErrNotExist) && dir != "" {
		return fmt.Errorf("--page: %s is no built page; `make web` makes one", dir)
	}
	if err != nil {
		return err
	}
	a.say("%s\nCtrl-C ends it.", s.URL)
	if open {
		done, err := host.OpenBrowser(s.URL)
		if err != nil {
			a.errf("%s the browser cannot be opened: %v\n", a.paint(yellow, "note:"), err)
		} else {
			defer done()
		}
	}
	return s.Serve(ctx)
}
