package importer

import (
	"context"
	"slices"

	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// checkTarget asks the target, and each of its masters, what it is, and says whether more can be asked.
func (im *importer) checkTarget(ctx context.Context, conn *redis.Conn, add func(error)) bool {
	first, err := im.Describe(ctx, conn)
	if err != nil {
		add(err)
		return false
	}
	s := &im.Server
	s.Info, s.Cluster = first, first["cluster_enabled"] == "1"
	problem := false
	im.EveryMaster(ctx, func(err error) { problem = true; add(err) }, func(ctx context.Context, add func(error)) {
		info := first
		if s.Cluster {
			if info, err = im.Describe(ctx, im.Control); err != nil {
				add(err)
				return
			}
		}
		dbs, err := im.UsedDatabases(ctx, im.Control, info)
		if err != nil {
			add(err)
			return
		}
		s.DBs = append(s.DBs, dbs...)
		can, err := im.ways.Learn(ctx, info, im.survey.LikeKey())
		if err != nil {
			add(err)
			return
		}
		s.Abilities = s.Abilities.And(can)
	})
	slices.Sort(s.DBs)
	s.DBs = slices.Compact(s.DBs)
	return !problem
}
