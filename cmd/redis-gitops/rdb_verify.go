package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/rdb"
)

const rdbVerifyHelp = `Check that a dump is whole: its structure, from the first to the last byte, and its checksum. With --values, every value is
taken apart too.

` + dumpFileHelp + `

Exit code: 0 for a whole dump; 1 for one that is damaged, cut, or no dump at all; 2 where that cannot be told, because the
file cannot be read or is of a version or type that is not known.

Examples:
  redis-gitops rdb verify dump.rdb
  redis-gitops -q rdb verify backup.rdb.zst && echo whole`

func (a *app) rdbVerifyCommand() *cobra.Command {
	var values bool
	c := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check structure and checksum of a dump",
		Long:  rdbVerifyHelp,
		Args:  fromUse,
		RunE:  func(c *cobra.Command, args []string) error { return a.rdbVerify(c.Context(), args[0], values) },
	}
	c.Flags().BoolVar(&values, "values", false, "take every value apart too")
	return c
}

func (a *app) rdbVerify(ctx context.Context, name string, values bool) error {
	var keys, opaque uint64
	dbs := map[int]bool{}
	err := a.scanDump(ctx, name, func(s *rdb.Scanner) error {
		for {
			e, err := s.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			if e.Kind != rdb.KeyEntry {
				continue
			}
			keys++
			dbs[e.DB] = true
			if !values {
				continue
			}
			if e.Module != "" {
				opaque++
			} else if err := rdb.Decode(e, func(*rdb.Element) error { return nil }); err != nil {
				return fmt.Errorf("key %q: %w", e.Key, err)
			}
		}
		follows, err := io.Copy(io.Discard, s.Rest())
		if err != nil {
			return fmt.Errorf("after the dump: %w", err)
		}
		checksum := "no checksum"
		if s.Checked() {
			checksum = "checksum right"
		}
		a.say("%s: a whole dump of RDB version %d (%s), %d keys in %d databases, %s", name, s.Version(), rdb.ServerOf(s.Version()), keys, len(dbs), checksum)
		if opaque > 0 {
			a.say("%d values of modules were not taken apart", opaque)
		}
		if follows > 0 {
			a.say("%s follow the dump, such as the commands of an append-only file; they were not checked", rdb.FormatBytes(uint64(follows)))
		}
		return nil
	})
	var wrong *rdb.Error
	var unreadable *fs.PathError // the disk, and not the dump
	if errors.As(err, &wrong) && !errors.Is(err, rdb.ErrUnsupported) && !errors.As(err, &unreadable) {
		fmt.Fprintf(a.err, "%s %v\n", a.paint(red, "error:"), err)
		return errCode(exitFindings)
	}
	return err
}
