// Package replicate has the target load a dump by itself: it becomes a replica of this process for a moment, and is made a master again
// whatever happens. That is also how the commands of an append-only file are replayed.
package replicate

import (
	"context"

	"github.com/redis-gitops/redis-gitops/rdb/importer/checkpoint"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/importer/survey"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A Replication makes the target a replica that loads one dump. Its fields are set once.
type Replication struct {
	*server.Link
	*plan.Plan
	Dump   *survey.Survey
	Keeper *checkpoint.Keeper
}

// setting reads one setting; "" where the server does not know it.
func (rep *Replication) setting(ctx context.Context, name string) (string, error) {
	reply, err := rep.Ask(ctx, "CONFIG", "GET", name)
	if err != nil {
		return "", err
	}
	list, _ := reply.([]any)
	if len(list) != 2 {
		return "", nil
	}
	value, _ := list[1].(string)
	return value, nil
}

// askLoading is ask over a connection for which the target need not be a master.
func (rep *Replication) askLoading(ctx context.Context, args ...string) (any, error) {
	if rep.Control == nil {
		conn, err := rep.Target.Connect(ctx)
		if err != nil {
			return nil, err
		}
		rep.Control = conn
	}
	limited, cancel := context.WithTimeout(ctx, server.ReplyTimeout)
	defer cancel()
	reply, err := rep.Control.Do(limited, args...)
	if err != nil && redis.Code(err) == "" {
		rep.Control.Close()
		rep.Control = nil
	}
	return reply, err
}

// replicaOf sends REPLICAOF, or SLAVEOF, as it was called before Redis 5.0.
func (rep *Replication) replicaOf(ctx context.Context, host, port string) error {
	_, err := rep.askLoading(ctx, "REPLICAOF", host, port)
	if server.UnknownCommand(err) || redis.Code(err) == "NOPERM" {
		_, err = rep.askLoading(ctx, "SLAVEOF", host, port)
	}
	return err
}
