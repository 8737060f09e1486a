// Package server reaches the target of an import and learns what it is: a server, a master that Sentinels know, or the masters of
// a cluster. It connects again after a failure, asks every master where that matters, notices when another process answers, and
// judges error replies.
package server

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A Link leads to the target, whose processes it remembers: a server, a master that Sentinels know, or the masters of a cluster.
type Link struct {
	Target    *redis.Target
	Patience  time.Duration // how long to try to reach a target that does not answer
	Anonymous bool          // it does not say which process it is

	Server  Known       // what is known of the target
	Facts   NodeFacts   // what its nodes have said
	Foreign atomic.Bool // its data may be another's than what was confirmed
	// Restarted reports that another process answers than the one that had confirmed keys, which may have temporary keys that are
	// gone from that one.
	Restarted bool

	Control *redis.Conn // may be nil
	Place   Place       // where control leads

	account.Account
}

// A Place is where the control connection leads: a master of a cluster, and a part in braces of a slot that it has. The zero
// value is the target, or any node of it.
type Place struct{ Node, tag string }

// Connect connects until the target answers and takes writes, for as long as Patience says.
func (l *Link) Connect(ctx context.Context, node string) (*redis.Conn, error) {
	began := time.Now()
	for backoff := FirstBackoff; ; backoff = min(2*backoff, MaxBackoff) {
		conn, err := l.TryConnect(ctx, node)
		if err == nil {
			l.Progress.Waiting("")
			return conn, nil
		}
		var restarted *RestartedError
		var fatal *FatalError
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.As(err, &restarted), errors.As(err, &fatal):
			return nil, err
		case time.Since(began) > l.Patience:
			return nil, Fatal(fmt.Errorf("the target was unreachable for %v: %w", l.Patience, Advise(err)))
		}
		l.Progress.Waiting("waiting for the target: " + err.Error())
		if err := Pause(ctx, backoff); err != nil {
			return nil, err
		}
	}
}

// TryConnect connects once, and makes sure that it is a master, and the server that has confirmed what was written so far.
func (l *Link) TryConnect(ctx context.Context, node string) (*redis.Conn, error) {
	target := l.Target
	if node != "" {
		target = target.WithAddr(node)
	}
	conn, err := target.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.greet(ctx, conn, node); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func (l *Link) greet(ctx context.Context, conn *redis.Conn, node string) error {
	ctx, cancel := context.WithTimeout(ctx, ReplyTimeout)
	defer cancel()
	replies, err := conn.Pipeline(ctx, []string{"PING"}, []string{"INFO", "replication"}, []string{"INFO", "server"})
	if err != nil {
		return err
	}
	for i, reply := range replies {
		refused, ok := reply.(redis.Error)
		denied := refused.Code() == "NOPERM" || UnknownCommand(refused)
		switch {
		case !ok, denied && i == 0, l.Anonymous && i > 0 && (denied || ClassifyReply(refused) == KeyFailed):
		case denied:
			return noInfo(refused)
		default: // such as LOADING
			return refused
		}
	}
	section := func(i int) map[string]string { text, _ := replies[i].(string); return redis.ParseInfo(text) }
	if role := section(1)["role"]; role == "slave" {
		if !l.Target.Follows() && node == "" {
			return Fatal(Advise(redis.Error("READONLY")))
		}
		return redis.Error("READONLY")
	}
	info := section(1)
	info["run_id"] = section(2)["run_id"]
	return l.Server.same(node, identityOf(info))
}

// Accepted does what writes, again while the target lacks the replicas that it requires for writes (min-replicas-to-write), for as
// long as Patience says: they connect within seconds after a start or failover.
func (l *Link) Accepted(ctx context.Context, write func() error) error {
	began := time.Now()
	for backoff := FirstBackoff; ; backoff = min(2*backoff, MaxBackoff) {
		err := write()
		if redis.Code(err) != "NOREPLICAS" || time.Since(began) > l.Patience {
			if backoff > FirstBackoff {
				l.Progress.Waiting("")
			}
			return err
		}
		l.Progress.Waiting("waiting for replicas of the target: " + err.Error())
		if err := Pause(ctx, backoff); err != nil {
			return err
		}
	}
}

// WhyWaiting says for progress why nothing can be written at the moment.
func WhyWaiting(err error) string {
	if redis.Code(err) != "" {
		return "waiting for the target: " + err.Error()
	}
	return "lost the connection: " + err.Error()
}

// On connects to a node and does something there, again where the connection breaks. keep leaves the connection open.
func (l *Link) On(ctx context.Context, node string, do func(*redis.Conn) (keep bool, err error)) error {
	began := time.Now()
	for backoff := FirstBackoff; ; backoff = min(2*backoff, MaxBackoff) {
		conn, err := l.Connect(ctx, node)
		if err != nil {
			return err
		}
		keep, err := do(conn)
		if !keep {
			conn.Close()
		}
		if err == nil || redis.Code(err) != "" || IsFinal(err) || time.Since(began) > l.Patience {
			return err
		}
		if err := Pause(ctx, backoff); err != nil {
			return err
		}
	}
}
