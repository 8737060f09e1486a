package send

import (
	"context"
	"fmt"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

const (
	watchEvery = 200 * time.Millisecond
	// maxLag is how far a replica may lag behind. The server drops one at 64 MB for a minute, or 256 MB at once
	// (client-output-buffer-limit), and then has to send it all of its memory.
	maxLag = 32 << 20
)

// watchReplicas looks at the replicas of the target all the time, on a connection of its own. Where that is not possible the
// import goes on without.
func (s *Sender) watchReplicas(ctx context.Context) {
	defer s.replicas.set(false)
	if s.Server.Cluster {
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
			conn, err = s.Target.Connect(ctx)
		}
		if err == nil {
			var lag int64
			var who string
			if lag, who, err = replicaLag(ctx, conn); err == nil {
				switch {
				case lag > maxLag:
					s.replicas.set(true)
					s.Progress.Waiting(fmt.Sprintf("waiting for replica %s, which is %s behind", who, rdb.FormatBytes(uint64(lag))))
				case lag < maxLag/2:
					s.replicas.set(false)
				}
			}
		}
		if code := redis.Code(err); code == "NOPERM" || server.UnknownCommand(err) {
			return // it will not be answered later either
		}
		if err != nil {
			s.replicas.set(false) // the workers have the same trouble and deal with it
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
