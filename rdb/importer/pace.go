package importer

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A pace keeps to a number of bytes a second.
type pace struct {
	rate int64
	next time.Time // when the bytes let through so far will have had their time
}

// wait waits until so many bytes may be sent.
func (p *pace) wait(ctx context.Context, n int) error {
	if p.rate <= 0 {
		return nil
	}
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	delay := p.next.Sub(now)
	p.next = p.next.Add(time.Duration(float64(n) / float64(p.rate) * float64(time.Second)))
	if delay <= 0 {
		return nil
	}
	select {
	case <-time.After(delay):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// replicas holds the import back while a replica of the target lags.
type replicas struct {
	mu   sync.Mutex
	open chan struct{} // nil: go on; else closed when it may go on
}

func (r *replicas) wait(ctx context.Context) error {
	r.mu.Lock()
	open := r.open
	r.mu.Unlock()
	if open == nil {
		return nil
	}
	select {
	case <-open:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *replicas) set(hold bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case hold && r.open == nil:
		r.open = make(chan struct{})
	case !hold && r.open != nil:
		close(r.open)
		r.open = nil
	}
}

const (
	watchEvery = 200 * time.Millisecond
	// maxLag is how far a replica may lag behind. The server drops one at 64 MB for a minute, or 256 MB at once
	// (client-output-buffer-limit), and then has to send it all of its memory.
	maxLag = 32 << 20
)

// watchReplicas looks at the replicas of the target all the time, on a connection of its own. Where that is not possible the
// import goes on without.
func (im *importer) watchReplicas(ctx context.Context) {
	defer im.replicas.set(false)
	if im.Server.Cluster {
		return // each node would need its own; a cluster's replicas are as many as its masters, and share the load
	}
	var conn *redis.Conn
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		var err error
		if conn == nil {
			conn, err = im.Target.Connect(ctx)
		}
		if err == nil {
			var lag int64
			var who string
			if lag, who, err = replicaLag(ctx, conn); err == nil {
				switch {
				case lag > maxLag:
					im.replicas.set(true)
					im.Progress.Waiting(fmt.Sprintf("waiting for replica %s, which is %s behind", who, rdb.FormatBytes(uint64(lag))))
				case lag < maxLag/2:
					im.replicas.set(false)
				}
			}
		}
		if code := redis.Code(err); code == "NOPERM" || server.UnknownCommand(err) {
			return // it will not be answered later either
		}
		if err != nil {
			im.replicas.set(false) // the workers have the same trouble and deal with it
			if conn != nil {
				conn.Close()
				conn = nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// replicaLag returns the lag of the replica that is furthest behind, in bytes. One that is being sent all of the memory lags
// by what was written since.
func replicaLag(ctx context.Context, conn *redis.Conn) (lag int64, who string, err error) {
	ctx, cancel := context.WithTimeout(ctx, server.ReplyTimeout)
	defer cancel()
	info, err := conn.Info(ctx, "replication")
	if err != nil || info["connected_slaves"] == "0" {
		return 0, "", err
	}
	// WAIT has the replicas tell at once how far they are, which they do by themselves only once a second.
	if _, err := conn.Do(ctx, "WAIT", info["connected_slaves"], "100"); err != nil && redis.Code(err) == "" {
		return 0, "", err
	}
	if info, err = conn.Info(ctx, "replication"); err != nil {
		return 0, "", err
	}
	at, _ := strconv.ParseInt(info["master_repl_offset"], 10, 64)
	for name, value := range info {
		if !strings.HasPrefix(name, "slave") || !strings.Contains(value, "offset=") {
			continue
		}
		replica := map[string]string{}
		for field := range strings.SplitSeq(value, ",") {
			k, v, _ := strings.Cut(field, "=")
			replica[k] = v
		}
		offset, err := strconv.ParseInt(replica["offset"], 10, 64)
		if err != nil || replica["state"] != "online" {
			continue // its buffer is unknown; the server limits it
		}
		if at-offset > lag {
			lag, who = at-offset, replica["ip"]+":"+replica["port"]
		}
	}
	return lag, who, nil
}

// flush empties the databases that keys go to.
func (im *importer) flush(ctx context.Context) error {
	if im.Options.Existing != plan.Flush || im.keeper.Resumed() {
		return nil
	}
	dbs := im.survey.Databases(&im.Link)
	if len(dbs) == 0 {
		return nil
	}
	if im.Options.Confirm == nil {
		return errors.New("--flush was not confirmed")
	}
	if err := im.Options.Confirm(fmt.Sprintf("all keys of database %s of %s will be deleted", strings.Trim(strings.Join(strings.Fields(fmt.Sprint(dbs)), ", "), "[]"), im.Target)); err != nil {
		return err
	}
	nodes, err := im.Nodes(ctx)
	if err != nil {
		return err
	}
	for _, node := range nodes {
		conn, err := im.Connect(ctx, node)
		if err != nil {
			return err
		}
		for _, db := range dbs {
			if !im.Server.Cluster {
				_, err = conn.Do(ctx, "SELECT", strconv.Itoa(db))
			}
			if err == nil {
				im.Sent.Add("FLUSHDB", 1)
				_, err = conn.Do(ctx, "FLUSHDB", "ASYNC")
			}
			if err != nil {
				conn.Close()
				return server.Advise(err)
			}
		}
		conn.Close()
	}
	return nil
}
