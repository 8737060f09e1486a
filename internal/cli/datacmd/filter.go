package datacmd

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/rdb"
)

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
