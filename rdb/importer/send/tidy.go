package send

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// tidyTime bounds the removal of temporary keys of an import that has failed.
const tidyTime = 5 * time.Second

// Tidy removes temporary keys that this run, or an interrupted one before, has left. Where it cannot be done, the next run
// does it.
func (s *Sender) Tidy(ctx context.Context, failed bool) error {
	if failed {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), tidyTime)
		defer cancel()
	}
	s.leftovers.mu.Lock()
	names := slices.Collect(maps.Keys(s.leftovers.names))
	s.leftovers.mu.Unlock()
	search := (s.Keeper.Resumed() || s.Restarted) && !failed
	if len(names) == 0 && !search {
		return nil
	}
	nodes, err := s.Nodes(ctx)
	if err != nil {
		return err
	}
	for _, node := range nodes {
		conn, err := s.TryConnect(ctx, node)
		if err != nil {
			return err
		}
		err = s.tidyNode(ctx, conn, names, search)
		conn.Close()
		if err != nil {
			return server.Advise(err)
		}
	}
	return nil
}

func (s *Sender) tidyNode(ctx context.Context, conn *redis.Conn, names []leftover, search bool) error {
	for _, db := range s.Dump.Databases(s.Link) {
		if !s.Server.Cluster {
			if _, err := conn.Do(ctx, "SELECT", strconv.Itoa(db)); err != nil {
				return err
			}
		}
		for _, l := range names {
			if l.db != db {
				continue
			}
			s.Sent.Add("UNLINK", 1)
			if err := s.unlink(ctx, conn, l.name); err != nil && redis.Code(err) != "MOVED" {
				return err
			}
			s.leftovers.remove(l.db, l.name)
		}
		for cursor := "0"; search; {
			list, err := conn.List(ctx, "SCAN", cursor, "MATCH", plan.TemporaryPrefix+s.Keeper.ID()+":*", "COUNT", "2000")
			if err != nil {
				return err
			}
			if len(list) != 2 {
				return errors.New("unexpected reply to SCAN")
			}
			found, _ := list[1].([]any)
			s.Sent.Add("UNLINK", int64(len(found)))
			for _, key := range found {
				if err := s.unlink(ctx, conn, fmt.Sprint(key)); err != nil {
					return err
				}
			}
			if cursor, _ = list[0].(string); cursor == "0" {
				break
			}
		}
	}
	return nil
}

func (s *Sender) unlink(ctx context.Context, conn *redis.Conn, key string) error {
	return s.Accepted(ctx, func() error { _, err := conn.Do(ctx, "UNLINK", key); return err })
}
