// Package plan has what an import is to do: the dump that it reads, the options, what a server must have for it, and why a dump
// cannot be written as a whole.
package plan

import (
	"cmp"
	"context"
	"io"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/aof"
)

// A Source is a dump that can be read.
type Source struct {
	// Name is what people call it, without secrets.
	Name string
	// Size in bytes; 0 where it is not known.
	Size int64
	// Open gives the bytes of the dump from an offset on. With Once, it is called once, with 0.
	Open func(ctx context.Context, offset int64) (io.ReadCloser, error)
	// Once reports that the dump cannot be read a second time: a live snapshot. There is then no first pass, and nothing that
	// needs one: no estimate of memory, no going on after an interruption, no full verification.
	Once bool
	// Base is the file that the dump is in, where that is not Name.
	Base string
	// Parts are the files of commands that follow the dump, where the source is an append-only file. Commands may also
	// follow the dump in its own stream.
	Parts []aof.Part
	// NoDump reports that there are commands only: Open then gives a dump without keys.
	NoDump bool
	// Packed is the program that unpacks the file: gzip, zstd or "".
	Packed string
	// Notes are for the report, such as files that were not read.
	Notes []string
	// Live is what is known of the servers that the dump comes from as it is read; nil for a dump that lies somewhere.
	Live *Live
}

// Live is what is known of running servers that are a source.
type Live struct {
	// IDs are run and replication IDs of all of them (INFO, run_id, master_replid); none may be the target's.
	IDs []string
	// Clock is how far the clock of the source is ahead of the one here.
	Clock time.Duration
	// FieldTTL reports that there are hashes of which fields expire.
	FieldTTL bool
	// Modules are the names of its modules; those that are built in among them.
	Modules []string
	// FindTypes returns which of some types, by the names of TYPE, its keys have; it may be nil.
	FindTypes func(ctx context.Context, types []string) ([]string, error)
}

// Commands reads what follows the dump that a scanner with [rdb.Options.Rest] has come to the end of. It gives nil where no
// command follows.
func (s *Source) Commands(ctx context.Context, scanner *rdb.Scanner) (*aof.Tail, error) {
	following, err := scanner.Following()
	if err != nil {
		return nil, err
	}
	parts := s.Parts
	if following == rdb.FollowingCommands {
		at := scanner.Offset()
		first := aof.Part{Name: cmp.Or(s.Base, s.Name), Start: at, Open: func(ctx context.Context) (io.ReadCloser, error) { return s.Open(ctx, at) }}
		if s.Once {
			first.Once, first.Open = true, func(context.Context) (io.ReadCloser, error) { return io.NopCloser(scanner.Rest()), nil }
		}
		parts = append([]aof.Part{first}, parts...)
	}
	if len(parts) == 0 {
		return nil, nil
	}
	t, err := aof.Scan(ctx, parts)
	if err != nil || t.Empty() {
		return nil, err
	}
	return t, nil
}
