package replicate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/master"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// loading is what is known of a target that loads the dump.
type loading struct {
	rep          *Replication
	announce     string // the address that the target connects to
	syncs        atomic.Int32
	sent, loaded chan struct{}
	failed       chan error // the target does not get anywhere
	served       chan error // the master has ended
}

// event takes over what the master reports, from the goroutines of its connections.
func (l *loading) event(e master.Event) {
	notify := func(c chan struct{}) {
		select {
		case c <- struct{}{}:
		default:
		}
	}
	switch e.Kind {
	case master.Syncing:
		if l.syncs.Add(1) > maxSyncs {
			select {
			case l.failed <- fmt.Errorf("the target requested the dump %d times but did not load it; see its log", maxSyncs):
			default:
			}
		}
	case master.Sending:
		l.rep.Progress.Bytes.Store(e.Bytes)
	case master.Sent:
		notify(l.sent)
	case master.Loaded:
		notify(l.loaded)
	case master.Left:
		if e.Err != nil {
			l.rep.Progress.Waiting("the target disconnected: " + e.Err.Error())
		}
	}
}

const (
	maxSyncs = 3
	linkPoll = 10 * time.Millisecond
)

// wait returns once the target has loaded the dump and carried out all commands.
func (l *loading) wait(ctx context.Context) error {
	rep := l.rep
	quiet := time.NewTimer(rep.Options.Patience)
	defer quiet.Stop()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	before := int64(-1)
	// The target reports that it has loaded only once a second; when polled, it says so at once.
	ask := time.NewTicker(linkPoll)
	ask.Stop()
	defer ask.Stop()
	answered := time.Now()
	for {
		select {
		case <-l.sent:
			ask.Reset(linkPoll)
			answered = time.Now()
		case <-ask.C:
			up, err := rep.linkUp(ctx)
			switch {
			case up && rep.Dump.Tail == nil:
				return nil
			case err == nil || redis.Code(err) == "LOADING":
				answered = time.Now()
			case ctx.Err() == nil && time.Since(answered) > rep.Options.Patience:
				return fmt.Errorf("the target received the dump but no longer responds: %w", err)
			}
		case <-l.loaded: // and all commands are carried out
			return nil
		case err := <-l.failed:
			return err
		case err := <-l.served:
			l.served <- err
			return errors.Join(errors.New("cannot serve the target"), err)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			// Loading takes as long as it takes; a link that does nothing before does not.
			if now := rep.Progress.Bytes.Load(); now != before || now >= rep.Dump.Size {
				before = now
				quiet.Reset(rep.Options.Patience)
			}
		case <-quiet.C:
			return fmt.Errorf("the target did not connect to %s within %v; check that it can reach this address (--listen, --announce)", l.announce, rep.Options.Patience)
		}
	}
}

// linkUp asks the target whether it has loaded the dump and follows us.
func (rep *Replication) linkUp(ctx context.Context) (bool, error) {
	reply, err := rep.askLoading(ctx, "INFO", "replication")
	text, _ := reply.(string)
	return strings.Contains(text, "master_link_status:up") && !strings.Contains(text, "master_sync_in_progress:1"), err
}

// replicateFromDump makes the target our replica until it has loaded the dump.
func (rep *Replication) replicateFromDump(ctx context.Context, d *debt) error {
	if rep.Control == nil {
		return errors.New("lost the connection to the target; try again")
	}
	listen := rep.Options.Replication.Listen
	if listen == "" {
		listen = net.JoinHostPort(rep.Control.LocalIP().String(), "0")
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("cannot listen for the target: %w", err)
	}
	announce := rep.Options.Replication.Announce
	if announce == "" {
		announce = l.Addr().String()
	}
	host, port, err := net.SplitHostPort(announce)
	if err != nil {
		return errors.Join(fmt.Errorf("invalid address %q; use HOST:PORT", announce), l.Close())
	}

	serving, stop := context.WithCancel(ctx)
	defer stop()
	rep.Progress.Stage("loading", rep.Dump.Size)
	load := &loading{rep: rep, announce: announce, sent: make(chan struct{}, 1), loaded: make(chan struct{}, 1), failed: make(chan error, 1), served: make(chan error, 1)}
	dump := master.Dump{Size: rep.Dump.Size, Open: func(ctx context.Context) (io.ReadCloser, error) { return rep.Source.Open(ctx, 0) }}
	if rep.Dump.Tail != nil {
		dump.Commands = rep.Dump.Tail.WriteTo
	}
	go func() { load.served <- master.Serve(serving, l, dump, master.Options{Event: load.event}) }()
	defer func() { stop(); <-load.served }()

	if err := rep.replicaOf(ctx, host, port); err != nil {
		d.refused = redis.Code(err) != ""
		return fmt.Errorf("REPLICAOF: %w", server.Advise(err))
	}
	return load.wait(ctx)
}
