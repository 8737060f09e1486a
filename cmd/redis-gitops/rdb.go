package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/diag"
	"github.com/redis-gitops/redis-gitops/rdb"
)

func (a *app) rdbCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "rdb",
		Short: "Look into dumps of Redis (dump.rdb), check, convert and filter them",
		Args:  subcommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.rdbInfoCommand(), a.rdbVerifyCommand(), a.rdbConvertCommand(), a.rdbFilterCommand(), a.rdbServeCommand())
	return c
}

const dumpFileHelp = `FILE is a dump.rdb, also one packed by gzip or zstd; "-" is standard input.`

// openDump opens a file of a dump, or standard input for "-".
func (a *app) openDump(name string) (io.ReadCloser, error) {
	if name == "-" {
		if a.terminal {
			return nil, errors.New("standard input is a terminal; give the file of a dump, or pipe one into this command")
		}
		return io.NopCloser(a.in), nil
	}
	f, err := os.Open(name)
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return nil, fmt.Errorf("cannot read %s: %w", name, err)
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return nil, fmt.Errorf("cannot read %s: it is a folder; give the dump.rdb in it", name)
	}
	return f, nil
}

// scanDump opens a dump, unpacks it and gives its scanner to fn. Errors of the dump name the file.
func (a *app) scanDump(ctx context.Context, name string, fn func(*rdb.Scanner) error) error {
	f, err := a.openDump(name)
	if err != nil {
		return err
	}
	defer f.Close()
	unpacked, _, err := rdb.Decompress(untilDone{ctx, f})
	if err != nil {
		return inFile(name, err)
	}
	defer unpacked.Close()
	return inFile(name, fn(rdb.NewScanner(unpacked, rdb.Options{})))
}

// untilDone reads until a context ends.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, errInterrupted
	}
	return u.r.Read(p)
}

// inFile adds the name of the file to errors of the dump in it.
func inFile(name string, err error) error {
	var wrong *rdb.Error
	switch {
	case errors.Is(err, errInterrupted):
		return errInterrupted
	case !errors.As(err, &wrong):
		return err
	}
	if name == "-" {
		name = "standard input"
	}
	return fmt.Errorf("%s: %w", name, err)
}

// filterFlags choose keys of a dump. They are the same for every command that reads one.
type filterFlags struct {
	dbs, mapDB, match, exclude, types []string
	ttl                               string
}

func (f *filterFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringSliceVar(&f.dbs, "db", nil, "only keys of this database; may be repeated")
	flags.StringSliceVar(&f.mapDB, "map-db", nil, "move the keys of a database to another: 0:3; may be repeated")
	flags.StringArrayVar(&f.match, "match", nil, "only keys that match this pattern of KEYS: 'user:*'; may be repeated")
	flags.StringArrayVar(&f.exclude, "exclude", nil, "no keys that match this pattern; may be repeated")
	flags.StringSliceVar(&f.types, "type", nil, "only keys of this type: string, list, set, zset, hash, stream, module; or function; may be repeated")
	complete(c, "type", rdb.FilterTypes())
	flags.StringVar(&f.ttl, "ttl", "keep", "expiry of keys: keep, none, or the longest time that any may live from now: 90m, 7d")
}

// filter gives what the flags say, all mistakes at once. It has no time yet: [rdb.Filter.Now] drops what has expired.
func (f *filterFlags) filter() (rdb.Filter, error) {
	out := rdb.Filter{Match: f.match, Exclude: f.exclude, Types: f.types}
	var errs []error
	for _, text := range f.dbs {
		db, err := rdb.ParseDB(text)
		out.DBs = append(out.DBs, db)
		if err != nil {
			errs = append(errs, fmt.Errorf("--db: %w", err))
		}
	}
	var err error
	if out.MapDB, err = rdb.ParseMapDB(f.mapDB); err != nil {
		errs = append(errs, fmt.Errorf("--map-db: %w", err))
	}
	known := rdb.FilterTypes()
	for _, t := range f.types {
		if !slices.Contains(known, t) {
			errs = append(errs, fmt.Errorf("--type: unknown type %q; %s%s", t, diag.OneOf(known), diag.DidYouMean(t, known)))
		}
	}
	if out.TTL, err = rdb.ParseTTL(f.ttl); err != nil {
		errs = append(errs, fmt.Errorf("--ttl: %w", err))
	}
	return out, errors.Join(errs...)
}
