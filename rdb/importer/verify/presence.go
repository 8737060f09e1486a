package verify

import (
	"context"
	"fmt"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
)

// presence looks for every key of the dump, and names those that are missing.
func (v *verifier) presence(ctx context.Context) error {
	v.Progress.Stage("looking up every key", v.Dump.Size)
	failed := v.Ledger.FailedAt()
	known := map[string]bool{} // differ already
	for _, d := range v.report.Differences {
		known[fmt.Sprint(d.DB, " ", d.Key)] = true
	}
	v.exists = true
	defer func() { v.exists = false }()
	return v.each(ctx, func(e *rdb.Entry) error {
		if failed[e.Offset] || known[fmt.Sprint(e.DB, " ", string(e.Key))] {
			return nil
		}
		l, err := v.lane(ctx, e.Key)
		if err != nil {
			return err
		}
		c := rdb.Entry{DB: e.DB, Key: e.Key, Type: e.Type, Expiry: e.Expiry, Offset: e.Offset}
		if e.Raw != nil && len(e.Raw) < plan.MaxEmpty { // it may be empty
			c.Raw = e.Raw
		}
		c = l.keep(c)
		return v.key(ctx, &c)
	})
}
