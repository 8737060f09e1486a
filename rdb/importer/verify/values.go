package verify

import (
	"context"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/importer/survey"
)

// values compares the values of keys with the dump: all, or a sample, and those that may be another's.
func (v *verifier) values(ctx context.Context) error {
	full := v.Options.Verify == plan.VerifyFull
	if full && v.Source.Once {
		v.report.Note("a live snapshot cannot be read again, so a sample was compared instead of every key")
		full = false
	}
	doubtful := !v.Doubtful.Empty() && !v.Source.Once
	if full || doubtful {
		if !full {
			v.report.Note("the target was replaced by another process with its own data; the values of existing keys were compared with the dump")
		}
		v.compared = full
		return v.each(ctx, func(e *rdb.Entry) error {
			if !full && !v.Doubtful.Has(e.Offset) {
				return v.skip(e)
			}
			if e.Raw == nil || v.plain {
				return v.element(ctx, e)
			}
			l, err := v.lane(ctx, e.Key)
			if err != nil {
				return err
			}
			c := l.keep(*e)
			return v.key(ctx, &c)
		})
	}
	if v.Sampler == nil || v.Options.Verify == plan.VerifyOff {
		return nil
	}
	for _, kept := range v.Sampler.Values() {
		for i := range kept {
			if v.IsGone(kept[i].Expiry) {
				continue
			}
			var err error
			if v.plain {
				err = v.retry(ctx, func() error { return v.element(ctx, &kept[i]) })
			} else {
				err = v.key(ctx, &kept[i])
			}
			if err != nil {
				return err
			}
		}
	}
	if err := v.flush(ctx); err != nil {
		return err
	}
	for _, h := range v.Sampler.Huge() {
		if err := v.retry(ctx, func() error { return v.huge(ctx, h) }); err != nil {
			return err
		}
	}
	return nil
}

// retry does something again while the connection breaks or slots move.
func (v *verifier) retry(ctx context.Context, fn func() error) error {
	began := time.Now()
	for backoff := server.FirstBackoff; ; backoff = min(2*backoff, server.MaxBackoff) {
		err := fn()
		if err == nil || server.IsFinal(err) || time.Since(began) > v.Options.Patience || len(v.report.Differences) > v.Options.MaxFailures {
			return err
		}
		v.close()
		if err := server.Pause(ctx, backoff); err != nil {
			return err
		}
	}
}

// huge reads one large value again and compares it. Of a dump that was read once, only the type is known.
func (v *verifier) huge(ctx context.Context, h survey.HugeKey) error {
	if v.IsGone(h.Key.Expiry) {
		return nil
	}
	if v.Source.Once {
		l, err := v.lane(ctx, h.Key.Key)
		if err != nil {
			return err
		}
		_, err = v.typeOf(ctx, l, &h.Key)
		return err
	}
	body, err := v.Source.Open(ctx, h.At.Offset)
	if err != nil {
		return err
	}
	defer body.Close()
	e, err := rdb.NewScanner(body, rdb.Options{Window: plan.Split, SkipChecksum: true, Start: h.At}).Next()
	if err != nil {
		return err
	}
	e.DB, e.Expiry = h.Key.DB, h.Key.Expiry
	return v.element(ctx, e)
}
