package datacmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/redis-gitops/redis-gitops/internal/atomicfile"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/internal/inputfile"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/aof"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/inspect"
	"github.com/redis-gitops/redis-gitops/rdb/source"
)

const dumpFileHelp = `FILE is an RDB file (dump.rdb), optionally compressed with gzip or zstd; "-" is
standard input.`

// openDump opens a file of a dump, or standard input for "-".
func openDump(e *env.Env, name string) (io.ReadCloser, error) {
	if name == "-" {
		if e.Terminal {
			return nil, errors.New("standard input is a terminal; pass an RDB file, or pipe one into this command")
		}
		return io.NopCloser(e.In), nil
	}
	f, err := inputfile.OpenStream(name)
	if err != nil {
		return nil, cannotRead(name, err)
	}
	return f, nil
}

// writeOutput writes a file whole or not at all. A name that ends with .gz or .zst compresses it; "-" is standard output.
func writeOutput(e *env.Env, name string, fill func(io.Writer) error) error {
	if name == "-" {
		if e.Terminal {
			return errors.New("refusing to write a dump to a terminal; pass a file, or pipe it into another program")
		}
		return fill(e.Raw(e.Out))
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
func openSource(e *env.Env, name string) (s plan.Source, release func(), err error) {
	release = func() {}
	if name != "-" {
		if info, err := os.Stat(name); err == nil && (info.IsDir() || info.Mode().IsRegular()) {
			s, err := fileSource(name, info)
			return s, release, inFile(name, err)
		}
	}
	f, err := openDump(e, name) // standard input, a pipe or a device
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
func fileSource(name string, info fs.FileInfo) (plan.Source, error) {
	if info.IsDir() {
		return source.Directory(inputfile.Dir{Name: name}, name)
	}
	dir, base := filepath.Split(name)
	beside := inputfile.Dir{Name: filepath.Clean(dir)}
	if strings.HasSuffix(base, aof.ManifestSuffix) {
		return source.Manifest(beside, base, name)
	}
	if err := source.Alone(beside, base); err != nil {
		return plan.Source{}, err
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
func scanSource(ctx context.Context, e *env.Env, name string, rest bool, fn func(plan.Source, *rdb.Scanner) error) error {
	src, release, err := openSource(e, name)
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
func dumpAlone(ctx context.Context, e *env.Env, src plan.Source) error {
	if len(src.Parts) == 0 {
		return nil
	}
	t, err := aof.Scan(ctx, src.Parts)
	if err != nil {
		return err
	}
	for _, n := range src.Notes {
		e.Warnf("%s", n)
	}
	if !t.Empty() {
		return fmt.Errorf("%s: %s", src.Name, t.Refusal())
	}
	return nil
}

// scanDump is scanSource for what can use a dump only: it refuses commands that follow the dump.
func scanDump(ctx context.Context, e *env.Env, name string, fn func(*rdb.Scanner) error) error {
	return scanSource(ctx, e, name, false, func(src plan.Source, s *rdb.Scanner) error {
		if err := dumpAlone(ctx, e, src); err != nil {
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

// InspectDump counts what is in a dump.
func InspectDump(ctx context.Context, e *env.Env, name string, opts inspect.Options) (*inspect.Info, error) {
	src, release, err := openSource(e, name)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := dumpAlone(ctx, e, src); err != nil {
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
