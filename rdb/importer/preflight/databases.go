package preflight

import (
	"context"
	"fmt"
	"strconv"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// checkDatabases looks whether keys are there already, and whether all databases exist.
func (ch *checker) checkDatabases(ctx context.Context, add func(error)) {
	dbs := ch.dump.Databases(ch.Link)
	if ch.Server.Cluster {
		if len(dbs) > 0 && (len(dbs) > 1 || dbs[0] != 0) {
			add(fmt.Errorf("keys are in databases %v, but a cluster only has database 0; choose one with --db, and use --map-db N:0", dbs))
			return
		}
		ch.checkNodes(ctx, add)
		return
	}
	conn := ch.Control
	for _, db := range dbs {
		if _, err := conn.Do(ctx, "SELECT", strconv.Itoa(db)); err != nil {
			switch {
			case server.UnknownCommand(err):
				add(lacks("SELECT"))
				return
			case redis.Code(err) == "ERR":
				add(fmt.Errorf("the target has no database %d; raise its databases setting, or use --map-db %d:0", db, db))
			default:
				add(server.Advise(err))
			}
			continue
		}
		n, err := conn.Int(ctx, "DBSIZE")
		if server.UnknownCommand(err) {
			add(lacks("DBSIZE"))
			return
		}
		if err != nil {
			add(server.Advise(err))
			continue
		}
		add(ch.occupied(fmt.Sprintf("database %d of the target", db), n))
	}
	if _, err := conn.Do(ctx, "SELECT", strconv.Itoa(ch.Target.DB)); err != nil {
		add(server.Advise(err))
	}
}

// lacks reports that the target does not have a command without which there is no import.
func lacks(name string) error {
	return fmt.Errorf("the target has no %s command (renamed or disabled), which the import requires; enable it", name)
}

func (ch *checker) checkNodes(ctx context.Context, add func(error)) {
	m, err := ch.Slots(ctx)
	if err != nil {
		add(err)
		return
	}
	for _, node := range m.Routes {
		c, err := ch.TryConnect(ctx, node)
		if err != nil {
			add(fmt.Errorf("node of the cluster: %w", server.Advise(err)))
			continue
		}
		n, err := c.Int(ctx, "DBSIZE")
		c.Close()
		if err != nil {
			add(server.Advise(err))
			continue
		}
		add(ch.occupied("node "+node, n))
	}
}

// occupied reports that keys are in the way.
func (ch *checker) occupied(where string, keys int64) error {
	if keys == 0 || ch.Options.Existing != plan.Refuse || ch.keeper.Resumed() || ch.Options.Method == plan.Replication {
		return nil
	}
	err := fmt.Errorf("%s already contains %s; use --replace, --skip-existing or --flush", where, finding.Count(keys, "key"))
	if _, none := ch.keeper.Read(); none == nil {
		err = fmt.Errorf("%w, or --resume to continue an interrupted import", err)
	}
	return err
}
