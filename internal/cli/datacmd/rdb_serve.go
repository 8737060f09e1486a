package datacmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/internal/inputfile"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/master"
)

const rdbServeHelp = `Serve an RDB file as a replication master, so that a server loads it twice as
fast as any import.

  1. Start this command where the server can reach it.
  2. On the server: REPLICAOF HOST PORT. This replaces its data, and that of its replicas.
  3. When this command reports that it has loaded the file: REPLICAOF NO ONE.

The whole file is verified first, and the versions that can load it are printed.
A server that cannot load it, because its version is too old or a module is
missing, exits; see rdb convert for older versions. A file with module data or
vector sets is refused unless --module lists the modules of the server. The
commands of an append-only file are replicated after its preamble. A server that
is managed by Sentinel or an operator will soon be reconfigured to follow
another master.

If a password is set (REDIS_SERVE_PASSWORD or --password-file), the server must
use it as masterauth.

FILE is an RDB file or an append-only file, optionally compressed with gzip or
zstd, or a directory with the manifest of a multi-part append-only file
(appendonlydir).

Examples:
  redis-gitops rdb serve dump.rdb
  redis-gitops rdb serve dump.rdb.zst --listen :6380 --password-file secret --once`

// serveOptions are those of rdb serve.
type serveOptions struct {
	*env.Env
	listen, username, passwordFile string
	modules                        []string
	once                           bool
}

func newServe(e *env.Env) *cobra.Command {
	o := &serveOptions{Env: e}
	c := &cobra.Command{
		Use:   "serve FILE",
		Short: "Serve an RDB file as a replication master",
		Long:  rdbServeHelp,
		Args:  flags.FromUse,
		RunE:  func(c *cobra.Command, args []string) error { return o.run(c.Context(), args[0]) },
	}
	set := c.Flags()
	set.StringVar(&o.listen, "listen", "127.0.0.1:6380", "address to listen on; :6380 for all interfaces")
	set.StringVar(&o.username, "username", "", "user name the server must authenticate with (masteruser)")
	flags.File(set, &o.passwordFile, "password-file", "file with the password the server must use (masterauth; default: $REDIS_SERVE_PASSWORD)")
	set.StringSliceVar(&o.modules, "module", nil, "module of the server, by its name in MODULE LIST; may be repeated; module data is refused without it")
	set.BoolVar(&o.once, "once", false, "exit after one server has loaded the dump and disconnected")
	return c
}

func (o *serveOptions) run(ctx context.Context, name string) error {
	if name == "-" {
		return errors.New("each server reads the file from the beginning, so standard input is not supported; pass a file")
	}
	opts, err := o.login()
	if err != nil {
		return err
	}
	if check, err := inputfile.Open(name); err != nil { // it is read again for every server
		return fmt.Errorf("cannot read %w", inputfile.Cause(name, err))
	} else if err := check.Close(); err != nil {
		return err
	}
	l, err := master.Listen(ctx, o.listen) // first, so that a port that is taken is known at once
	if err != nil {
		return err
	}
	defer l.Close()
	dump, what, err := o.dump(ctx, name)
	if err != nil {
		return err
	}
	o.Infof("%s: %s", name, what)
	if !master.Local(l) && opts.Password == "" {
		o.PrintErrf("%s anyone who can connect to %s can read the whole dump; set REDIS_SERVE_PASSWORD or use --password-file\n", o.Paint(ui.Yellow, "warning:"), l.Addr())
	}
	o.Infof("listening on %s; on the server, run REPLICAOF HOST %s", l.Addr(), l.Addr().String()[strings.LastIndexByte(l.Addr().String(), ':')+1:])

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	events := make(chan master.Event, 64)
	opts.Event = func(e master.Event) {
		if e.Kind != master.Sending {
			events <- e
		}
	}
	served := make(chan error, 1)
	go func() {
		served <- master.Serve(ctx, l, dump, opts)
		close(events)
	}()
	o.say(events, stop)
	return <-served
}

// say reports what replicas do until there are no more events, and stops after the first that has loaded the dump with --once.
func (o *serveOptions) say(events <-chan master.Event, stop func()) {
	syncing, loaded := map[string]bool{}, map[string]bool{}
	for e := range events {
		switch e.Kind {
		case master.Syncing:
			syncing[e.Replica] = true
			o.Infof("%s: sending the dump", e.Replica)
		case master.Sent:
			o.Infof("%s: dump sent, server is loading it", e.Replica)
		case master.Loaded:
			loaded[e.Replica] = true
			o.Infof("%s: dump loaded; on the server, run REPLICAOF NO ONE", e.Replica)
		case master.Left:
			switch {
			case loaded[e.Replica]:
				o.Infof("%s: disconnected", e.Replica)
			case syncing[e.Replica]:
				o.PrintErrf("%s %s disconnected before it had loaded the dump%s; check its log: unsupported version, out of memory, or full volume\n",
					o.Paint(ui.Yellow, "warning:"), e.Replica, because(e.Err))
			case e.Err != nil:
				o.Debugf("%s: disconnected%s", e.Replica, because(e.Err))
			}
			if o.once && loaded[e.Replica] {
				stop()
			}
			delete(syncing, e.Replica)
			delete(loaded, e.Replica)
		}
	}
}

// login returns the user and password that replicas need.
func (o *serveOptions) login() (master.Options, error) {
	opts := master.Options{Username: o.username, Password: os.Getenv("REDIS_SERVE_PASSWORD")}
	if o.passwordFile != "" {
		var err error
		if opts.Password, err = inputfile.Password(o.passwordFile); err != nil {
			return opts, fmt.Errorf("--password-file: %w", err)
		}
	}
	o.Secrets.Add(opts.Password)
	if opts.Username != "" && opts.Password == "" {
		return opts, errors.New("--username requires a password; set REDIS_SERVE_PASSWORD or use --password-file")
	}
	return opts, nil
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return " (" + err.Error() + ")"
}

// dump verifies a source and gives it to be read again and again.
func (o *serveOptions) dump(ctx context.Context, name string) (master.Dump, string, error) {
	var dump master.Dump
	var what string
	err := scanSource(ctx, o.Env, name, true, func(src plan.Source, s *rdb.Scanner) error {
		if src.Once {
			return errors.New("each server reads the file from the beginning, so pipes are not supported; pass a file")
		}
		keys := 0
		var needs plan.Needs
		for {
			e, err := s.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			if e.Kind == rdb.KeyEntry {
				keys++
			}
			if err := needs.Add(e); err != nil {
				return err
			}
		}
		if missing := needs.Missing(o.modules); len(missing) > 0 {
			return fmt.Errorf("the dump contains module data (%s), and a server without these modules exits when it loads the dump; check MODULE LIST on the server and pass --module for each, or omit their keys (rdb filter --type)", strings.Join(missing, ", "))
		}
		size := s.Offset()
		dump = master.Dump{Size: size, Open: func(ctx context.Context) (io.ReadCloser, error) { return src.Open(ctx, 0) }}
		what = fmt.Sprintf("%s, %s, RDB version %d, which %s", finding.Count(keys, "key"), rdb.FormatBytes(uint64(size)), s.Version(), needs.Servers(s.Version()))
		tail, err := src.Commands(ctx, s)
		if err != nil {
			return err
		}
		for _, n := range src.Notes {
			o.Warnf("%s", n)
		}
		if tail != nil {
			dump.Commands = tail.WriteTo
			if what += "; followed by " + tail.Describe(); src.NoDump {
				what = tail.Describe()
			}
			if tail.Cut != nil {
				o.Warnf("%s", tail.Cut)
			}
		}
		return nil
	})
	return dump, what, err
}
