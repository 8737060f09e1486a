package follow

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// monitorEvery is how often the source is asked for its offset.
const monitorEvery = 250 * time.Millisecond

// A monitor knows how far the source is.
type monitor struct {
	mu      sync.Mutex
	offset  int64
	at      time.Time // when it was asked for; zero for never
	backlog atomic.Int64
}

// note takes over INFO replication.
func (m *monitor) note(info map[string]string) {
	number := func(name string) int64 { n, _ := strconv.ParseInt(info[name], 10, 64); return n }
	if n := number("repl_backlog_size"); n > 0 {
		m.backlog.Store(n)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.offset, m.at = number("master_repl_offset"), time.Now()
}

// last returns the offset of the source, and when it was asked for.
func (m *monitor) last() (int64, time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.offset, m.at
}

// watch asks the source again and again until its result is called.
func (m *monitor) watch(ctx context.Context, source *redis.Target) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		var conn *redis.Conn
		for ctx.Err() == nil {
			if conn == nil {
				conn, _ = source.Connect(ctx)
			}
			if conn != nil {
				asking, done := context.WithTimeout(ctx, 5*time.Second)
				info, err := conn.Info(asking, "replication")
				done()
				if err != nil {
					conn.Close()
					conn = nil
				} else {
					m.note(info)
				}
			}
			select {
			case <-time.After(monitorEvery):
			case <-ctx.Done():
			}
		}
		if conn != nil {
			conn.Close()
		}
	})
	return func() { cancel(); running.Wait() }
}

// caughtUp reports whether the target has what the source had a moment ago.
func (f *Follower) caughtUp() bool {
	offset, at := f.monitor.last()
	return time.Since(at) < 2*time.Second && f.applied.Load() >= offset
}

// lag returns how many bytes of the stream the target is behind, -1 where the source did not say for a while.
func (f *Follower) lag() int64 {
	offset, at := f.monitor.last()
	if time.Since(at) > 10*time.Second {
		return -1
	}
	return max(offset-f.applied.Load(), 0)
}
