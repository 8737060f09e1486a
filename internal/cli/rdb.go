package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/atomicfile"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/internal/inputfile"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/aof"
	"github.com/redis-gitops/redis-gitops/rdb/importer"
	"github.com/redis-gitops/redis-gitops/rdb/source"
)

func (a *app) rdbCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "rdb",
		Short: "Inspect, verify, convert and filter RDB files",
		Args:  flags.Subcommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.rdbInfoCommand(), a.rdbKeysCommand(), a.rdbShowCommand(), a.rdbTreeCommand(), a.rdbDiffCommand(), a.rdbVerifyCommand(), a.rdbConvertCommand(), a.rdbFilterCommand(), a.rdbServeCommand())
	return c
}

const dumpFileHelp = `FILE is an RDB file (dump.rdb), optionally compressed with gzip or zstd; "-" is
standard input.`

// openDump opens a file of a dump, or standard input for "-".
func (a *app) openDump(name string) (io.ReadCloser, error) {
	if name == "-" {
		if a.Terminal {
			return nil, errors.New("standard input is a terminal; pass an RDB file, or pipe one into this command")
		}
		return io.NopCloser(a.In), nil
	}
	f, err := inputfile.OpenStream(name)
	if err != nil {
		return nil, cannotRead(name, err)
	}
	return f, nil
}

// writeOutput writes a file whole or not at all. A name that ends with .gz or .zst compresses it; "-" is standard output.
func (a *app) writeOutput(name string, fill func(io.Writer) error) error {
	if name == "-" {
		if a.Terminal {
			return errors.New("refusing to write a dump to a terminal; pass a file, or pipe it into another program")
		}
		return fill(a.Raw(a.Out))
	}
	return atomicfile.Write(name, func(w io.Writer) error {
		z, err := rdb.Compress(w, rdb.CompressionOf(name))
		if err != nil {
			return err
		}
		if err := fill(z); err != nil {
			z.Close()
			return err
		}
		return z.Close()
	})
}

func cannotRead(name string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("cannot read %s: %w", name, err)
}

// openSource opens a dump or an append-only file: a file, standard input, or a directory with a manifest.
func (a *app) openSource(name string) (s importer.Source, release func(), err error) {
	release = func() {}
	if name != "-" {
		if info, err := os.Stat(name); err == nil && (info.IsDir() || info.Mode().IsRegular()) {
			s, err := fileSource(name, info)
			return s, release, inFile(name, err)
		}
	}
	f, err := a.openDump(name) // standard input, a pipe or a device
	if err != nil {
		return s, release, err
	}
	shown := name
	if name == "-" {
		shown = "standard input"
	}
	s, err = source.Stream(shown, f)
	return s, func() { f.Close() }, err
}

// fileSource opens a regular file or a directory.
func fileSource(name string, info fs.FileInfo) (importer.Source, error) {
	if info.IsDir() {
		return source.Directory(inputfile.Dir{Name: name}, name)
	}
	dir, base := filepath.Split(name)
	beside := inputfile.Dir{Name: filepath.Clean(dir)}
	if strings.HasSuffix(base, aof.ManifestSuffix) {
		return source.Manifest(beside, base, name)
	}
	if err := source.Alone(beside, base); err != nil {
		return importer.Source{}, err
	}
	return source.File(name, info.Size(), func() (io.ReadSeekCloser, error) {
		f, err := inputfile.Open(name)
		if err != nil {
			return nil, cannotRead(name, err)
		}
		return f, nil
	})
}

// scanSource opens a source and gives the scanner of its dump to fn, which is to leave what follows the dump where rest is
// true. Errors of the dump name the file.
func (a *app) scanSource(ctx context.Context, name string, rest bool, fn func(importer.Source, *rdb.Scanner) error) error {
	src, release, err := a.openSource(name)
	if err != nil {
		return err
	}
	defer release()
	body, err := src.Open(ctx, 0)
	if err != nil {
		return err
	}
	defer body.Close()
	return inFile(name, fn(src, rdb.NewScanner(untilDone{ctx, body}, rdb.Options{Rest: rest})))
}

// dumpAlone refuses an append-only file of several files that has commands.
func (a *app) dumpAlone(ctx context.Context, src importer.Source) error {
	if len(src.Parts) == 0 {
		return nil
	}
	t, err := aof.Scan(ctx, src.Parts)
	if err != nil {
		return err
	}
	for _, n := range src.Notes {
		a.Warnf("%s", n)
	}
	if !t.Empty() {
		return fmt.Errorf("%s: %s", src.Name, t.Refusal())
	}
	return nil
}

// scanDump is scanSource for what can use a dump only: it refuses commands that follow the dump.
func (a *app) scanDump(ctx context.Context, name string, fn func(*rdb.Scanner) error) error {
	return a.scanSource(ctx, name, false, func(src importer.Source, s *rdb.Scanner) error {
		if err := a.dumpAlone(ctx, src); err != nil {
			return err
		}
		return fn(s)
	})
}

// untilDone reads until a context ends.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, ui.ErrInterrupted
	}
	return u.r.Read(p)
}

// inFile adds the name of the file to errors of the dump in it.
func inFile(name string, err error) error {
	var wrong *rdb.Error
	switch {
	case errors.Is(err, ui.ErrInterrupted):
		return ui.ErrInterrupted
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
	f.choose(c)
	set := c.Flags()
	set.StringSliceVar(&f.mapDB, "map-db", nil, "move keys from one database to another, such as 0:3; may be repeated")
	set.StringVar(&f.ttl, "ttl", "keep", "expiry of keys: keep, none, or a maximum TTL from now such as 90m or 7d")
}

// choose adds the flags that choose keys, without those that change them.
func (f *filterFlags) choose(c *cobra.Command) {
	set := c.Flags()
	set.StringSliceVar(&f.dbs, "db", nil, "only keys in this database; may be repeated")
	set.StringArrayVar(&f.match, "match", nil, "only keys that match this glob pattern, such as 'user:*'; may be repeated")
	set.StringArrayVar(&f.exclude, "exclude", nil, "exclude keys that match this pattern; may be repeated")
	set.StringSliceVar(&f.types, "type", nil, "only keys of this type: string, list, set, zset, hash, stream, module; or function; may be repeated")
	flags.Complete(c, "type", rdb.FilterTypes())
}

// filter returns what the flags say, all mistakes at once. It has no time yet: [rdb.Filter.Now] drops what has expired.
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
			errs = append(errs, fmt.Errorf("--type: unknown type %q; %s%s", t, finding.OneOf(known), finding.DidYouMean(t, known)))
		}
	}
	if out.TTL, err = rdb.ParseTTL(f.ttl); err != nil {
		errs = append(errs, fmt.Errorf("--ttl: %w", err))
	}
	return out, errors.Join(errs...)
}
