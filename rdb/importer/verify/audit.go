package verify

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// audit compares what was counted with what the target says, and where they do not agree for sure, looks for every key.
func (v *verifier) audit(ctx context.Context) error {
	r := v.Ledger.Report
	evicted := v.Facts.Since(func(f server.Facts) int64 { return f.Evicted })
	short, reasons := v.countKeys()
	if evicted > 0 {
		reasons = append(reasons, fmt.Sprintf("the target evicted %s (maxmemory-policy)", finding.Count(evicted, "key")))
	}
	if names := v.removals(); len(names) > 0 {
		reasons = append(reasons, "other clients sent "+strings.Join(names, ", "))
	}
	if v.Resumed || v.Restarted || v.Options.Anonymous {
		reasons = append(reasons, "the import was interrupted, or the target was restarted in between")
	}
	if len(reasons) == 0 {
		return nil
	}
	if v.compared && evicted == 0 {
		return nil // every key was looked at a moment ago
	}
	if v.Source.Once {
		switch {
		case short > 0:
			r.Differing += short
			r.Doubt("%s missing in the target: %s; empty the target and import again", importedAre(short), strings.Join(reasons, "; "))
		case evicted > 0:
			r.Doubt("the target evicted %s during the import, and a live source cannot be read again to find out which; raise maxmemory, empty the target and import again", finding.Count(evicted, "key"))
		}
		return nil
	}
	err := v.presence(ctx)
	if redis.Code(err) == "NOPERM" {
		r.Doubt("cannot verify that all keys exist: %s, and looking them up requires EXISTS permission: %v", strings.Join(reasons, "; "), err)
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case v.missing > 0:
		r.Doubt("%s missing in the target: %s; fix the cause, then import again with --skip-existing to write the missing keys", importedAre(v.missing), strings.Join(reasons, "; "))
	case evicted > 0:
		r.Note("the target evicted %s during the import, but all keys of the dump exist", finding.Count(evicted, "key"))
	}
	return nil
}

func importedAre(n uint64) string {
	return finding.Count(n, "imported key", finding.Verb(n, "is", "are"))
}
