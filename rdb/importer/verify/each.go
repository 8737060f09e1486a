package verify

import (
	"context"
	"io"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
)

// each calls yield for every key of the dump that must be in the target.
func (v *verifier) each(ctx context.Context, fn func(*rdb.Entry) error) error {
	body, err := v.Source.Open(ctx, 0)
	if err != nil {
		return err
	}
	defer func() { body.Close() }()
	filter := v.Options.Filter
	scanner := rdb.NewScanner(body, rdb.Options{Window: plan.Split, SkipChecksum: true})
	began, attempts := time.Now(), 0
	for {
		at := scanner.Position()
		e, err := scanner.Next()
		if err == io.EOF {
			return v.flush(ctx)
		}
		if err != nil {
			return err
		}
		v.Progress.At(e)
		if e.Kind != rdb.KeyEntry || filter.Apply(e) != rdb.Kept {
			continue
		}
		v.ShiftExpiry(e)
		if v.IsGone(e.Expiry) {
			continue
		}
		large := e.Raw == nil
		err = fn(e)
		if err != nil && large && !server.IsFinal(err) && time.Since(began) < v.Options.Patience && attempts < 10 {
			// The connection broke within a large value: it has to be read again.
			attempts++
			v.close()
			select {
			case <-time.After(server.FirstBackoff << min(attempts, 6)):
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			body.Close()
			if body, err = v.Source.Open(ctx, at.Offset); err != nil {
				return err
			}
			scanner = rdb.NewScanner(body, rdb.Options{Window: plan.Split, SkipChecksum: true, Start: at})
			continue
		}
		if err != nil {
			return err
		}
		began, attempts = time.Now(), 0
	}
}
