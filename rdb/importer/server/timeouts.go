package server

import "time"

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
