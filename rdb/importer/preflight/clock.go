package preflight

import (
	"context"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
)

// measureClock asks the target for its time, because the target decides when keys expire. Where it cannot be asked now, the
// preflight explains why.
func (ch *checker) measureClock(ctx context.Context) {
	var differs time.Duration
	conn, err := ch.Target.Connect(ctx)
	if err == nil {
		limited, cancel := context.WithTimeout(ctx, server.ReplyTimeout)
		ahead, took, err := conn.Clock(limited)
		cancel()
		conn.Close()
		if err == nil && ahead.Abs() > plan.ClockTolerance+took {
			differs = ahead
			ch.Ledger.Note("the clock of the target differs from the local clock by %v; it determines when keys expire", ahead.Round(time.Second))
		}
	}
	ch.SetClocks(differs, ch.Ledger.Note)
}
