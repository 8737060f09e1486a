package server

import (
	"context"
	"time"
)

const (
	// ReplyTimeout bounds the wait for a reply.
	ReplyTimeout = 30 * time.Second // without any reply while some are due
	// WriteTimeout bounds a write.
	WriteTimeout = 30 * time.Second
	// FirstBackoff is the first pause before something is tried again, which doubles up to MaxBackoff.
	FirstBackoff = 20 * time.Millisecond
	// MaxBackoff is the longest pause.
	MaxBackoff = 2 * time.Second
)

// Pause waits before something is tried again; the error is that ctx is done.
func Pause(ctx context.Context, backoff time.Duration) error {
	select {
	case <-time.After(backoff):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
