package send

import (
	"context"
	"strconv"
	"strings"
	"sync"

	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

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
