package verify

import (
	"context"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
)

// settleTime bounds how long the import waits for a target that evicts keys to be done with it.
const settleTime = 5 * time.Second

// Settle waits while the target frees memory, which it goes on with after the last command. Each command has it free more.
func Settle(ctx context.Context, l *server.Link) error {
	for began := time.Now(); ; {
		if err := l.SameServer(ctx); err != nil {
			return err
		}
		busy := false
		for _, f := range l.Facts.Now {
			busy = busy || f.Limit > 0 && f.Used > f.Limit && f.Policy != "noeviction"
		}
		if !busy || time.Since(began) > settleTime {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
