package follow

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
	"github.com/redis-gitops/redis-gitops/rdb/snapshot"
)

// markKey is the key of the target, in database 0, that has the mark until the cut-over.
const markKey = plan.TemporaryPrefix + "follow"

// A mark is what of the stream the target has. It is stored in the transaction of the writes before it, so that both reach a replica,
// an append-only file and a dump together.
type mark struct {
	snapshot.Position
	db int // that the stream writes to: after PSYNC the source does not select it again
}

func (m *mark) String() string { return fmt.Sprintf("%s %d %d", m.ReplID, m.Offset, m.db) }

// position returns the place in the stream; nil where there is no mark.
func (m *mark) position() *snapshot.Position {
	if m == nil {
		return nil
	}
	return &m.Position
}

func parseMark(text string) (*mark, error) {
	words := strings.Fields(text)
	if len(words) == 3 {
		offset, err := strconv.ParseInt(words[1], 10, 64)
		db, err2 := strconv.Atoi(words[2])
		if err == nil && err2 == nil && offset >= 0 && db >= 0 {
			return &mark{snapshot.Position{ReplID: words[0], Offset: offset}, db}, nil
		}
	}
	return nil, fmt.Errorf("the key %s of the target has an unknown value %.60q", markKey, text)
}

// readMark returns the mark of the target, or nil.
func (f *Follower) readMark(ctx context.Context) (m *mark, err error) {
	err = f.link.On(ctx, "", func(conn *redis.Conn) (bool, error) {
		m, err = getMark(ctx, conn)
		return false, err
	})
	return m, err
}

func getMark(ctx context.Context, conn *redis.Conn) (*mark, error) {
	ctx, cancel := context.WithTimeout(ctx, server.ReplyTimeout)
	defer cancel()
	replies, err := conn.Pipeline(ctx, []string{"SELECT", "0"}, []string{"GET", markKey})
	if err != nil {
		return nil, err
	}
	for _, reply := range replies {
		if refused, ok := reply.(redis.Error); ok {
			return nil, server.Fatal(server.Advise(refused))
		}
	}
	text, ok := replies[1].(string)
	if !ok {
		return nil, nil
	}
	return parseMark(text)
}

// setMark stores where the stream begins, after the import of the snapshot.
func (f *Follower) setMark(ctx context.Context) error {
	return f.link.On(ctx, "", func(conn *redis.Conn) (bool, error) {
		limited, cancel := context.WithTimeout(ctx, server.ReplyTimeout)
		defer cancel()
		replies, err := conn.Pipeline(limited, []string{"SELECT", "0"}, []string{"SET", markKey, f.applier.marked.String()})
		for _, reply := range replies {
			if refused, ok := reply.(redis.Error); ok && err == nil {
				err = server.Fatal(server.Advise(refused))
			}
		}
		return false, err
	})
}

// empty removes what was imported before, all databases and functions: keys that were deleted meanwhile must not stay.
func (f *Follower) empty(ctx context.Context) error {
	f.show(Status{Stage: "emptying the target", Lag: -1})
	f.report.Resumable = false
	return f.link.On(ctx, "", func(conn *redis.Conn) (bool, error) {
		err := f.link.Accepted(ctx, func() error { _, err := conn.Do(ctx, "FLUSHALL"); return err })
		if err != nil {
			return false, server.Advise(err)
		}
		if f.link.Server.Version >= 10 { // functions, since Redis 7.0
			_, err = conn.Do(ctx, "FUNCTION", "FLUSH")
		}
		return false, server.Advise(err)
	})
}
