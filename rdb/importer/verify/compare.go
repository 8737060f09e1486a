package verify

import (
	"context"
	"errors"

	"github.com/redis-gitops/redis-gitops/rdb"
)

// Compare compares keys with the target, as next returns them, with their expiry by the target's clock, until it is not ok. What
// differs is in the report.
func (c *Verifier) Compare(ctx context.Context, next func() (keys []rdb.Entry, ok bool, err error)) error {
	v := &verifier{Verifier: c, report: c.Ledger.Report, plain: c.Server.NoDump}
	defer v.close()
	for {
		keys, ok, err := next()
		if err != nil || !ok {
			return errors.Join(err, v.flush(ctx))
		}
		for i := range keys {
			if v.plain {
				err = v.retry(ctx, func() error { return v.element(ctx, &keys[i]) })
			} else {
				err = v.key(ctx, &keys[i])
			}
			if err != nil {
				return err
			}
		}
	}
}
