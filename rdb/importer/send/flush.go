package send

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
)

// Flush empties the databases that keys go to.
func (s *Sender) Flush(ctx context.Context) error {
	if s.Options.Existing != plan.Flush || s.Keeper.Resumed() {
		return nil
	}
	dbs := s.Dump.Databases(s.Link)
	if len(dbs) == 0 {
		return nil
	}
	if s.Options.Confirm == nil {
		return errors.New("--flush was not confirmed")
	}
	if err := s.Options.Confirm(fmt.Sprintf("all keys of database %s of %s will be deleted", strings.Trim(strings.Join(strings.Fields(fmt.Sprint(dbs)), ", "), "[]"), s.Target)); err != nil {
		return err
	}
	nodes, err := s.Nodes(ctx)
	if err != nil {
		return err
	}
	for _, node := range nodes {
		conn, err := s.Connect(ctx, node)
		if err != nil {
			return err
		}
		for _, db := range dbs {
			if !s.Server.Cluster {
				_, err = conn.Do(ctx, "SELECT", strconv.Itoa(db))
			}
			if err == nil {
				s.Sent.Add("FLUSHDB", 1)
				err = s.Accepted(ctx, func() error { _, err := conn.Do(ctx, "FLUSHDB", "ASYNC"); return err })
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
