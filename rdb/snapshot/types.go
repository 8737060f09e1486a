package snapshot

import (
	"context"
	"slices"
	"strconv"

	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// Modules returns the names of a server's modules. They are unknown, nil, where it does not tell.
func Modules(ctx context.Context, t *redis.Target) ([]string, error) {
	conn, _, err := connect(ctx, t, Options{FromMaster: true})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	list, err := conn.List(ctx, "MODULE", "LIST")
	if err != nil {
		return nil, onlyLost(err)
	}
	return redis.ModuleNames(list), nil
}

// FindTypes reports which of some types, by the names of TYPE, keys of a server have, or those of all masters of a cluster. It
// walks over all keys (SCAN with TYPE, since Redis 6.0), unless it finds all of the types before. What a server refuses to
// tell is not found.
func FindTypes(ctx context.Context, t *redis.Target, cluster bool, types []string) ([]string, error) {
	if len(types) == 0 {
		return nil, nil
	}
	targets := []*redis.Target{t}
	if cluster {
		all, err := readTopology(ctx, t)
		if err != nil {
			return nil, err
		}
		targets = nil
		for _, n := range all {
			targets = append(targets, t.WithAddr(n.addr).WithDB(0))
		}
	}
	var found []string
	for _, target := range targets {
		more, err := findTypes(ctx, target, types)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

func findTypes(ctx context.Context, t *redis.Target, types []string) (found []string, err error) {
	conn, src, err := connect(ctx, t, Options{FromMaster: true})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	dbs := src.DBs
	if dbs == nil && src.Version == "" {
		dbs = []int{t.DB}
	}
	for _, db := range dbs {
		if _, err := conn.Do(ctx, "SELECT", strconv.Itoa(db)); err != nil && !src.Cluster {
			return found, onlyLost(err)
		}
		for _, name := range types {
			if slices.Contains(found, name) {
				continue
			}
			some, err := hasType(ctx, conn, name)
			if err != nil {
				return nil, err
			}
			if some {
				found = append(found, name)
			}
		}
	}
	return found, nil
}

// hasType reports whether a key of the selected database has a type.
func hasType(ctx context.Context, conn *redis.Conn, name string) (bool, error) {
	for cursor := "0"; ; {
		page, err := conn.List(ctx, "SCAN", cursor, "COUNT", "10000", "TYPE", name)
		if err != nil || len(page) != 2 {
			return false, onlyLost(err)
		}
		if keys, _ := page[1].([]any); len(keys) > 0 {
			return true, nil
		}
		if cursor, _ = page[0].(string); cursor == "0" || cursor == "" {
			return false, nil
		}
	}
}

// onlyLost returns errors of the connection, and none for a reply that refuses.
func onlyLost(err error) error {
	if redis.Code(err) != "" {
		return nil
	}
	return err
}
