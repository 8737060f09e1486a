// Package backup keeps dumps of a Redis in a directory or a bucket: each is read back and compared before it counts as a backup, and old
// ones are removed only after a newer one counts.
package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A Record describes a backup. It is written last: a dump without one is not a backup. The names of the fields are those of the JSON.
type Record struct {
	Version int       `json:"version"` // of this description: 1
	Time    time.Time `json:"time"`    // when the dump began, in UTC
	Source  string    `json:"source"`  // the server, without a password
	File    string    `json:"file"`    // the name of the dump, beside the record
	Size    int64     `json:"size"`    // of that file, in bytes
	SHA256  string    `json:"sha256"`  // of that file, in hexadecimal
	Sealed  bool      `json:"encrypted"`
	Dump    Dump      `json:"dump"`
}

// A Dump is what was found in a dump while it was written.
type Dump struct {
	RDB     int    `json:"rdbVersion"`
	Keys    uint64 `json:"keys"`
	Bytes   int64  `json:"bytes"`   // neither compressed nor encrypted; counted by Write
	Counted bool   `json:"counted"` // false where a newer type kept the keys from being counted
}

const (
	recordVersion = 1
	maxRecord     = 64 << 10 // bytes
	maxBackups    = 100_000
	stamp         = "20060102T150405Z"
	recordSuffix  = ".json"
	dumpSuffix    = ".rdb.zst"
	sealedSuffix  = dumpSuffix + ".age"
)

// errExists is the error of a store for a name that is taken.
var errExists = errors.New("it already exists")

// errNone is the error of [Pick] when no backup is old enough, or none is there at all.
var errNone = errors.New("no backup")

// A Store is a directory or a part of a bucket. Names have no slash.
type Store interface {
	fmt.Stringer
	// Put writes a file whole or not at all. The error is [errExists] when the name is taken.
	Put(ctx context.Context, name string, from io.Reader) error
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	List(ctx context.Context) ([]File, error) // at most maxBackups files of each kind, in any order
	Remove(ctx context.Context, name string) error
}

// A File is one of a store.
type File struct {
	Name string
	Size int64 // in bytes
}

// begun returns when the dump began whose name, or whose record's name, this is.
func begun(name string) (time.Time, bool) {
	base, _, _ := strings.Cut(name, ".")
	t, err := time.Parse(stamp, base)
	return t, err == nil
}

// List returns the backups of a store, the newest first. Notes are about records that cannot be read, and about those whose dump is missing
// or has another size: they do not count as backups.
func List(ctx context.Context, s Store) (records []Record, notes []string, err error) {
	files, err := s.List(ctx)
	if err != nil {
		return nil, nil, err
	}
	return recorded(ctx, s, files)
}

// recorded is [List] of files that were listed.
func recorded(ctx context.Context, s Store, files []File) (records []Record, notes []string, err error) {
	sizes := map[string]int64{}
	for _, f := range files {
		sizes[f.Name] = f.Size
	}
	for _, f := range files {
		began, ok := begun(f.Name)
		if !ok || f.Name != began.Format(stamp)+recordSuffix {
			continue
		}
		r, err := readRecord(ctx, s, f.Name)
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err != nil {
			notes = append(notes, fmt.Sprintf("%s: %v", f.Name, err))
			continue
		}
		switch size, there := sizes[r.File]; {
		case !there:
			notes = append(notes, fmt.Sprintf("%s: %s is missing", f.Name, r.File))
		case size != r.Size:
			notes = append(notes, fmt.Sprintf("%s: %s has %d bytes instead of %d", f.Name, r.File, size, r.Size))
		default:
			records = append(records, r)
		}
	}
	slices.SortFunc(records, func(a, b Record) int { return b.Time.Compare(a.Time) })
	slices.Sort(notes)
	return records, notes, nil
}

func readRecord(ctx context.Context, s Store, name string) (r Record, err error) {
	body, err := s.Open(ctx, name)
	if err != nil {
		return r, err
	}
	src, err := io.ReadAll(io.LimitReader(body, maxRecord+1))
	if err := errors.Join(err, body.Close()); err != nil {
		return r, err
	}
	if len(src) > maxRecord {
		return r, fmt.Errorf("more than %d KiB", maxRecord>>10)
	}
	d := json.NewDecoder(bytes.NewReader(src))
	if err := d.Decode(&r); err != nil {
		return r, errors.New("not a record of a backup")
	}
	began, _ := begun(name)
	switch base := strings.TrimSuffix(name, recordSuffix); {
	case r.Version > recordVersion:
		return r, fmt.Errorf("version %d, which a newer redis-gitops wrote; update redis-gitops", r.Version)
	case r.File != base+dumpSuffix && r.File != base+sealedSuffix, !r.Time.Truncate(time.Second).Equal(began), len(r.SHA256) != 64, r.Size <= 0:
		return r, errors.New("not a record of a backup")
	}
	return r, nil
}

// Pick returns the newest backup that is not younger than a time; zero stands for the newest of all. The error is [errNone] without one.
func Pick(records []Record, at time.Time) (Record, error) {
	for _, r := range records {
		if at.IsZero() || !r.Time.After(at) {
			return r, nil
		}
	}
	if len(records) == 0 {
		return Record{}, errNone
	}
	return Record{}, fmt.Errorf("%w is as old as %s; the oldest is of %s", errNone, at.UTC().Format(time.RFC3339), records[len(records)-1].Time.UTC().Format(time.RFC3339))
}
