package datacmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/aof"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
)

const rdbVerifyHelp = `Verify an RDB file: its structure from the first to the last byte, its checksum,
and that no key is in it twice, at which a server exits. --values also decodes every value. --deep also checks values like a
server with sanitize-dump-payload yes.

` + dumpFileHelp + `
For an append-only file, all commands are checked too: FILE is a single file, or
a directory with the manifest of a multi-part append-only file (appendonlydir).

Exit codes: 0 the file is valid; 1 it is damaged, truncated, or not an RDB file;
2 unknown, because the file cannot be read, or its version or a type is not
supported.

Examples:
  redis-gitops rdb verify dump.rdb
  redis-gitops -q rdb verify backup.rdb.zst && echo whole`

// verifyOptions are those of rdb verify.
type verifyOptions struct {
	*env.Env
	check valueCheck
}

func newVerify(e *env.Env) *cobra.Command {
	o := &verifyOptions{Env: e}
	c := &cobra.Command{
		Use:   "verify FILE",
		Short: "Verify the structure and checksum of an RDB file",
		Long:  rdbVerifyHelp,
		Args:  flags.FromUse,
		RunE:  func(c *cobra.Command, args []string) error { return o.run(c.Context(), args[0]) },
	}
	c.Flags().BoolVar(&o.check.values, "values", false, "also decode every value")
	c.Flags().BoolVar(&o.check.deep, "deep", false, "also find what a server with sanitize-dump-payload yes rejects: duplicate members and fields, wrong counts and lengths, stream entries pending for no consumer or for several")
	c.MarkFlagsMutuallyExclusive("values", "deep")
	return c
}

// A valueCheck is how far values are checked, and what was found.
type valueCheck struct {
	values, deep bool
	loads        rdb.LoadCheck
	damaged      uint64
	duplicates   uint64
}

// check returns what is wrong with the value of a key.
func (v *valueCheck) check(e *rdb.Entry) error {
	switch {
	case e.Module != "":
		return nil
	case v.deep:
		return rdb.Check(e)
	case v.values:
		return rdb.Decode(e, func(*rdb.Element) error { return nil })
	}
	return nil
}

func (o *verifyOptions) run(ctx context.Context, name string) error {
	check := &o.check
	seen := verified{dbs: map[int]bool{}}
	cut := false
	err := scanSource(ctx, o.Env, name, true, func(src plan.Source, s *rdb.Scanner) error {
		if err := o.keys(src, s, &seen); err != nil {
			return err
		}
		tail, err := src.Commands(ctx, s)
		if err != nil {
			return err
		}
		o.say(name, src, s, &seen)
		if tail == nil {
			if src.NoDump {
				o.Infof("%s: append-only file without commands", name)
			}
			return nil
		}
		if size := rdb.FormatBytes(uint64(tail.Bytes)); src.NoDump {
			o.Infof("%s: %s (%s), no RDB preamble", name, tail.Describe(), size)
		} else {
			o.Infof("%s: followed by %s (%s)", name, tail.Describe(), size)
		}
		if tail.Cut != nil {
			cut = true
			o.PrintErrf("%s %s\n", o.Paint(ui.Red, "error:"), tail.Cut)
		}
		return nil
	})
	if err == nil && (cut || check.damaged > 0 || check.duplicates > 0) {
		return exitcode.Code(exitcode.Findings)
	}
	var wrong *rdb.Error
	var unreadable *fs.PathError // the disk, and not the dump
	var damaged *aof.Error
	isDump := errors.As(err, &wrong) && !errors.Is(err, rdb.ErrUnsupported)
	if (isDump || errors.As(err, &damaged)) && !errors.As(err, &unreadable) {
		return o.Findings(err)
	}
	return err
}

// verified is what was seen of a dump.
type verified struct {
	keys, opaque uint64 // opaque are the values of modules
	dbs          map[int]bool
}

// keys reads a dump to its end. The error is the first damage behind which nothing can be read, or that is not to be counted.
func (o *verifyOptions) keys(src plan.Source, s *rdb.Scanner, seen *verified) error {
	check := &o.check
	for {
		e, err := s.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if e.Kind != rdb.KeyEntry {
			continue
		}
		seen.keys++
		seen.dbs[e.DB] = true
		if err := check.loads.Key(e); err != nil {
			if check.duplicates++; check.duplicates <= maxRefused {
				o.PrintErrf("%s %s: %v\n", o.Paint(ui.Red, "error:"), src.Name, err)
			}
		}
		if !check.values && !check.deep {
			continue
		}
		if e.Module != "" {
			seen.opaque++
		}
		whole := e.Raw != nil // and the next entry can be found, whatever is wrong in it
		err = check.check(e)
		if err != nil && (!whole || !check.deep) {
			return fmt.Errorf("key %q: %w", e.Key, err)
		}
		if err != nil {
			if check.damaged++; check.damaged <= maxRefused {
				o.PrintErrf("%s %s: key %q: %v\n", o.Paint(ui.Red, "error:"), src.Name, e.Key, err)
			}
		}
	}
}

func (o *verifyOptions) say(name string, src plan.Source, s *rdb.Scanner, seen *verified) {
	check := &o.check
	checksum := "no checksum"
	if s.Checked() {
		checksum = "checksum OK"
	}
	if !src.NoDump {
		valid := "valid RDB file"
		if check.duplicates > 0 {
			valid = "RDB file that no server can load"
		}
		o.Infof("%s: %s, version %d (%s), %s in %s, %s", name, valid, s.Version(), rdb.ServerOf(s.Version()), finding.Count(seen.keys, "key"), finding.Count(len(seen.dbs), "database"), checksum)
	}
	if check.duplicates > 0 {
		o.Infof("%s: %s", name, finding.Count(check.duplicates, "duplicate key"))
	}
	if check.damaged > 0 {
		o.Infof("%s: %s", name, finding.Count(check.damaged, "damaged value"))
	}
	if check.loads.Full() {
		o.Warnf("%s", errUnsearched)
	}
	if seen.opaque > 0 {
		o.Infof("%s not decoded", finding.Count(seen.opaque, "module value", finding.Verb(seen.opaque, "was", "were")))
	}
	for _, n := range src.Notes {
		o.Warnf("%s", n)
	}
}
