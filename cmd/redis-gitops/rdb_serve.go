package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer"
	"github.com/redis-gitops/redis-gitops/rdb/master"
)

const rdbServeHelp = `Play the master of a replication, so that a server loads a dump by itself, twice as fast as any import by commands can be.

  1. Start this command where the server can reach it.
  2. On the server: REPLICAOF HOST PORT. Its own data is replaced by the dump, and so is that of its replicas.
  3. When this command says that it has loaded: REPLICAOF NO ONE.

The whole dump is verified first, and which servers can load it is printed. One that cannot, because its version is older or
it lacks a module, does not skip a key: its process ends. See rdb convert for an older version. A dump with data of modules or
vector sets is refused unless --module names what the server has. The commands of an append-only
file are replicated after its dump, and nothing else. A server that a Sentinel or an operator watches is soon told to follow
another master again.

With a password (in REDIS_SERVE_PASSWORD, or the file of --password-file) the server needs it as masterauth.

FILE is a dump.rdb or an append-only file, also compressed with gzip or zstd, or the directory with the manifest of an
append-only file (appendonlydir).

Examples:
  redis-gitops rdb serve dump.rdb
  redis-gitops rdb serve dump.rdb.zst --listen :6380 --password-file secret --once`

type serveFlags struct {
	listen, username, passwordFile string
	modules                        []string
	once                           bool
}

func (a *app) rdbServeCommand() *cobra.Command {
	var f serveFlags
	c := &cobra.Command{
		Use:   "serve FILE",
		Short: "Play the master of a replication, so that a server loads a dump by itself",
		Long:  rdbServeHelp,
		Args:  fromUse,
		RunE:  func(c *cobra.Command, args []string) error { return a.rdbServe(c.Context(), args[0], &f) },
	}
	flags := c.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:6380", "the address to listen on; :6380 for all of this machine's")
	flags.StringVar(&f.username, "username", "", "the user that the server has to log in as (its masteruser)")
	flags.StringVar(&f.passwordFile, "password-file", "", "the file with the password that the server has to give (default: the variable REDIS_SERVE_PASSWORD)")
	flags.StringSliceVar(&f.modules, "module", nil, "a module that the server has, by the name in MODULE LIST (repeatable); without it, a dump with data of the module is refused")
	flags.BoolVar(&f.once, "once", false, "end when one server has loaded the dump and left")
	return c
}

func (a *app) rdbServe(ctx context.Context, name string, f *serveFlags) error {
	if name == "-" {
		return errors.New("every server reads the dump from its beginning, which standard input cannot do; give a file")
	}
	opts := master.Options{Username: f.username, Password: os.Getenv("REDIS_SERVE_PASSWORD")}
	if f.passwordFile != "" {
		text, err := readRegular(f.passwordFile, maxSecret)
		if err != nil {
			return fmt.Errorf("--password-file: %w", err)
		}
		if opts.Password = strings.TrimRight(string(text), "\r\n"); opts.Password == "" {
			return fmt.Errorf("--password-file: %s is empty", f.passwordFile)
		}
	}
	a.secrets.Add(opts.Password)
	if opts.Username != "" && opts.Password == "" {
		return errors.New("--username needs a password; give one in REDIS_SERVE_PASSWORD or by --password-file")
	}
	if check, err := openRegular(name); err != nil { // it is read again for every server
		return fmt.Errorf("cannot read %w", fileCause(name, err))
	} else if err := check.Close(); err != nil {
		return err
	}
	l, err := master.Listen(ctx, f.listen) // first, so that a port that is taken is known at once
	if err != nil {
		return err
	}
	defer l.Close()
	dump, what, err := a.servedDump(ctx, name, f.modules)
	if err != nil {
		return err
	}
	a.say("%s: %s", name, what)
	if !master.Local(l) && opts.Password == "" {
		a.errf("%s whoever can reach %s gets all of the dump; give a password in REDIS_SERVE_PASSWORD or by --password-file\n", a.paint(yellow, "warning:"), l.Addr())
	}
	a.say("listening on %s; on the server: REPLICAOF HOST %s", l.Addr(), l.Addr().String()[strings.LastIndexByte(l.Addr().String(), ':')+1:])

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
	syncing, loaded := map[string]bool{}, map[string]bool{}
	for e := range events {
		switch e.Kind {
		case master.Syncing:
			syncing[e.Replica] = true
			a.say("%s gets the dump", e.Replica)
		case master.Sent:
			a.say("%s has got all of it and loads it", e.Replica)
		case master.Loaded:
			loaded[e.Replica] = true
			a.say("%s has loaded it; on the server: REPLICAOF NO ONE", e.Replica)
		case master.Left:
			switch {
			case loaded[e.Replica]:
				a.say("%s has left", e.Replica)
			case syncing[e.Replica]:
				a.errf("%s %s has left before it had loaded the dump%s; its log says why: a version that it cannot read, too little memory, a full disk\n",
					a.paint(yellow, "warning:"), e.Replica, because(e.Err))
			case e.Err != nil:
				a.tell("%s has left%s", e.Replica, because(e.Err))
			}
			if f.once && loaded[e.Replica] {
				stop()
			}
			delete(syncing, e.Replica)
			delete(loaded, e.Replica)
		}
	}
	return <-served
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return " (" + err.Error() + ")"
}

// servedDump verifies a source and gives it to be read again and again.
func (a *app) servedDump(ctx context.Context, name string, modules []string) (master.Dump, string, error) {
	var dump master.Dump
	var what string
	err := a.scanSource(ctx, name, true, func(src importer.Source, s *rdb.Scanner) error {
		if src.Once {
			return errors.New("every server reads the dump from its beginning, which a pipe cannot do; pass a file")
		}
		keys := 0
		var needs importer.Needs
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
		if missing := needs.Missing(modules); len(missing) > 0 {
			return fmt.Errorf("the dump has data of modules (%s), and a server without them ends when it loads the dump; check MODULE LIST on the server and pass --module for each that it has, or leave their keys out (rdb filter --type)", strings.Join(missing, ", "))
		}
		size := s.Offset()
		dump = master.Dump{Size: size, Open: func(ctx context.Context) (io.ReadCloser, error) { return src.Open(ctx, 0) }}
		what = fmt.Sprintf("%d keys, %s, RDB version %d, which %s", keys, rdb.FormatBytes(uint64(size)), s.Version(), needs.Servers(s.Version()))
		tail, err := src.Commands(ctx, s)
		if err != nil {
			return err
		}
		for _, n := range src.Notes {
			a.warnf("%s", n)
		}
		if tail != nil {
			dump.Commands = tail.WriteTo
			if what += "; followed by " + tail.Describe(); src.NoDump {
				what = tail.Describe()
			}
			if tail.Cut != nil {
				a.warnf("%s", tail.Cut)
			}
		}
		return nil
	})
	return dump, what, err
}
